"""Writing, measured in a process of its own: ``python -m tests.benchmarks.drivers.writes WHAT ROWS FOLDER``; prints JSON.

Seconds are virtual (``virtual_store.py``), CPU seconds are the process's without the store's own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.operators.stock import BigCommerceStockOperator
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.apply import Applied, Applying
from airflow_provider_bigcommerce.writing.folder import begin_attempt
from airflow_provider_bigcommerce.writing.input_columns import Columns
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows
from airflow_provider_bigcommerce.writing.reporting import write_report
from airflow_provider_bigcommerce.writing.sent_notes import RunNotes
from airflow_provider_bigcommerce.writing.spool import Spool
from airflow_provider_bigcommerce.writing.stock import StockWriting
from tests.benchmarks.drivers.measured import status_mb
from tests.benchmarks.drivers.virtual_store import CURRENCIES, VirtualLoop, VirtualStore, stands_in_for_the_network

QUOTA = (450, 30.0)
#: Documented requests at once of the calls.
_AT_ONCE = {"PUT pricelists/records": 2, "PUT inventory/adjustments/absolute": 1}
_CREDENTIALS = StoreCredentials("abc123", "no-such-token", base_url="http://127.0.0.1:1")


class Bench:
    """A store, a loop of virtual time and a folder."""

    def __init__(self, store: VirtualStore, folder: Path) -> None:
        self.store, self.folder, self.loop = store, folder, VirtualLoop()
        stands_in_for_the_network(store)

    def run(self, work: Callable[[BigCommerceStore], Coroutine[Any, Any, Any]]) -> Any:
        """Do something with an open store."""

        async def opened() -> Any:
            async with BigCommerceStore(_CREDENTIALS, StoreSettings(), clock=self.loop.time, sleep=asyncio.sleep) as store:
                return await work(store)

        return self.loop.run_until_complete(opened())

    def plan(self, path: Path, resource: str, operation: Any, match_on: str | None) -> str:
        """A plan of a file; its URI."""
        folder = begin_attempt(self.folder / "reports", resource, "plan", "plan")
        settings = PlanSettings(resource=resource, operation=operation, match_on=match_on)

        store = BigCommerceStore(_CREDENTIALS, StoreSettings(), clock=self.loop.time, sleep=asyncio.sleep)
        self.loop.run_until_complete(store.__aenter__())
        try:
            plan_rows(_Driven(store, self.loop), InputFiles(path), settings, folder)  # type: ignore[arg-type]  # likewise
        finally:
            self.loop.run_until_complete(store.__aexit__(None, None, None))
        return folder.uri

    def apply(self, plan: str) -> Applied:
        """Apply it."""
        applying = Applying(plan=plan, run="apply", store_hash="abc123", approval="none needed", max_age=None)
        return applying.execute(self.run)

    @contextmanager
    def measured(self, found: dict[str, Any], name: str) -> Iterator[None]:
        """Virtual seconds, CPU seconds and requests of a step."""
        cpu, own, now, sent = time.process_time(), self.store.cpu, self.loop.now, sum(self.store.requests.values())
        yield
        found[name] = {
            "seconds": self.store.last_at - now,
            "cpu": time.process_time() - cpu - (self.store.cpu - own),
            "requests": sum(self.store.requests.values()) - sent,
        }


class _Driven:
    """An open store as a plan uses it, on a loop that its caller runs."""

    def __init__(self, store: BigCommerceStore, loop: VirtualLoop) -> None:
        self._store, self._loop, self.store_hash = store, loop, store.store_hash

    def finder(self, route: Any, fields: Iterable[str] = ()) -> Any:
        finding, loop = self._store.finding(route, sorted(fields)), self._loop

        class Driven:
            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                finding.close()

            def find(self, items: Any) -> Any:
                return loop.run_until_complete(finding.find(items))

        return Driven()


def _written(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def products(rows: int, folder: Path) -> dict[str, Any]:
    """Prices of so many products, planned and applied under a quota."""
    bench = Bench(VirtualStore(rows=rows, quota=QUOTA), folder)
    path = _written(folder / "in.jsonl", ({"sku": f"S{number}", "price": 5.5} for number in range(1, rows + 1)))
    found: dict[str, Any] = {}
    with bench.measured(found, "plan"):
        plan = bench.plan(path, "products", "update", "sku")
    with bench.measured(found, "apply"):
        applied = bench.apply(plan)
    assert applied.manifest.counts == {"updated": rows}, applied.manifest.counts
    assert set(bench.store.prices[1:]) == {5.5}
    return found | {"throttled": bench.store.throttled, "seconds": bench.store.last_at, "calls": dict(bench.store.requests)}


def records(rows: int, folder: Path) -> dict[str, Any]:
    """So many price records, planned and applied without a quota that binds."""
    bench = Bench(VirtualStore(rows=rows // len(CURRENCIES), at_once=_AT_ONCE, reading=0.1, writing=3.0), folder)
    keys = ((number, name) for number in range(1, rows // len(CURRENCIES) + 1) for name in CURRENCIES)
    path = _written(folder / "in.jsonl", ({"price_list_id": 1, "sku": f"S{one}", "currency": name, "price": 5.5} for one, name in keys))
    found: dict[str, Any] = {}
    with bench.measured(found, "plan"):
        plan = bench.plan(path, "price_list_records", "upsert", None)
    with bench.measured(found, "apply"):
        applied = bench.apply(plan)
    assert applied.manifest.counts == {"updated": rows}, applied.manifest.counts
    return found | {"throttled": bench.store.throttled, "writing": bench.store.writing, "calls": dict(bench.store.requests)}


def plan(rows: int, folder: Path) -> dict[str, Any]:
    """A plan of so many products alone."""
    bench = Bench(VirtualStore(rows=rows), folder)
    path = _written(folder / "in.jsonl", ({"sku": f"S{number}", "price": 5.5} for number in range(1, rows + 1)))
    found: dict[str, Any] = {}
    before = status_mb("VmHWM")
    with bench.measured(found, "plan"):
        bench.plan(path, "products", "update", "sku")
    return found | {"mb": status_mb("VmHWM"), "growth_mb": status_mb("VmHWM") - before}


def many(rows: int, folder: Path) -> dict[str, Any]:
    """So many price records, planned and applied, for their memory: an update of products would send a hundred times the requests."""
    bench = Bench(VirtualStore(rows=rows // len(CURRENCIES), at_once=_AT_ONCE, reading=0.1, writing=3.0), folder)
    keys = ((number, name) for number in range(1, rows // len(CURRENCIES) + 1) for name in CURRENCIES)
    path = _written(folder / "in.jsonl", ({"price_list_id": 1, "sku": f"S{one}", "currency": name, "price": 5.5} for one, name in keys))
    found: dict[str, Any] = {}
    before = status_mb("VmHWM")
    with bench.measured(found, "plan"):
        plan = bench.plan(path, "price_list_records", "upsert", None)
    found["plan"] |= {"mb": status_mb("VmHWM"), "growth_mb": status_mb("VmHWM") - before}
    with bench.measured(found, "apply"):
        applied = bench.apply(plan)
    assert applied.manifest.counts == {"updated": rows}, applied.manifest.counts
    found["apply"] |= {"mb": status_mb("VmHWM"), "growth_mb": status_mb("VmHWM") - before}
    return found | {"throttled": bench.store.throttled}


def stock(rows: int, folder: Path) -> dict[str, Any]:
    """So many quantities of stock, as the operator sends and reports them."""
    bench = Bench(VirtualStore(rows=rows, at_once=_AT_ONCE), folder)
    path = _written(folder / "in.jsonl", ({"sku": f"S{number}", "location_id": 1, "quantity": 7} for number in range(1, rows + 1)))
    operator = BigCommerceStockOperator(task_id="stock", path=str(path), report_path=str(folder / "reports"))
    destination = Destination.at(str(folder / "reports"))
    found: dict[str, Any] = {}
    before = status_mb("VmHWM")
    with bench.measured(found, "write"), Spool(InputFiles(path).rows) as spool:
        given = Columns(None, "skip", False, {}).rows(_read(spool))
        attempt = begin_attempt(destination, operator.resource, "run", "write")
        notes = RunNotes(destination, operator.resource, "run")

        async def send(store: BigCommerceStore) -> Any:
            writing = StockWriting(
                store, notes, mode="absolute", reason="count", confirm_within=300, clock=bench.loop.time, sleep=asyncio.sleep
            )
            return await writing.run(given)

        ended = bench.run(send)
        report = write_report(
            attempt, zip(ended, (row.own for row in given), strict=True), resource=operator.resource, store_hash="abc123",
            operation="upsert", started_at=_NOW, settings={}, undo=operator.undo, can_be_taken_back=True,
        )  # fmt: skip
    assert report.manifest.counts == {"updated": rows}, report.manifest.counts
    return found | {"mb": status_mb("VmHWM"), "growth_mb": status_mb("VmHWM") - before, "throttled": bench.store.throttled}


def loop(rows: int, folder: Path) -> dict[str, Any]:
    """The loop of the official SDK's shape: each product looked up by its SKU and changed alone, one after the other, 429s waited out."""
    bench = Bench(VirtualStore(rows=rows, quota=QUOTA), folder)

    async def one(method: str, params: list[tuple[str, str]], body: bytes | None) -> Any:
        while True:
            status, headers, data = await bench.store.answer(method, "/stores/abc123/v3/catalog/products", params, body)
            if status != 429:
                return json.loads(data)
            await asyncio.sleep(int(headers["X-Rate-Limit-Time-Reset-Ms"]) / 1000)

    async def work() -> None:
        for number in range(1, rows + 1):
            [product] = (await one("GET", [("sku", f"S{number}")], None))["data"]
            await one("PUT", [], json.dumps([{"id": product["id"], "price": 5.5}]).encode())

    bench.loop.run_until_complete(work())
    assert set(bench.store.prices[1:]) == {5.5}
    return {"seconds": bench.store.last_at, "requests": sum(bench.store.requests.values()), "throttled": bench.store.throttled}


def _read(spool: Spool) -> Spool:
    for _ in spool:
        pass
    return spool


if __name__ == "__main__":
    from datetime import UTC, datetime

    _NOW = datetime.now(UTC)
    steps: dict[str, Callable[[int, Path], dict[str, Any]]] = {
        "products": products, "records": records, "plan": plan, "stock": stock, "many": many, "loop": loop,
    }  # fmt: skip
    print(json.dumps(steps[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))))
