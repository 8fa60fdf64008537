"""A bulk change from its input to its undo, with faults, bad rows and kills: planned, applied, repaired, fed in again, taken back."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.apply import Applied
from airflow_provider_bigcommerce.writing.folder import begin_attempt
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows
from tests.conftest import PROJECT
from tests.writing.planned import applying, lines, outcomes, undoing
from tests.writing.test_kills import FEW, KINDS, KilledError, killing, shipments

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

#: Bytes of a row's outcome in a journal, about.
_RECORD = 150

PRICES, PRODUCTS, SHIPMENTS = (
    "PUT /v3/pricelists/{price_list_id}/records",
    "PUT /v3/catalog/products",
    "POST /v2/orders/{order_id}/shipments",
)


def sizes(short: dict[str, Any], whole: dict[str, Any], call: str, rate: float) -> list[Any]:
    """(rows, whether the process is killed): some hundred rows in this process, and the whole, with a SIGKILL of another one."""
    faults, rare = f"{call}={rate}:{KINDS}", f"{call}=0.05:{KINDS}"
    return [
        pytest.param(short.pop("rows"), False, marks=pytest.mark.bigcommerce_sandbox(**short, faults=faults), id="short"),
        pytest.param(
            whole.pop("rows"),
            True,
            id="whole",
            marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200), pytest.mark.bigcommerce_sandbox(**whole, faults=rare)],
        ),
    ]


@dataclass
class Flow:
    """A directory and a store, and what a person does with them."""

    path: Path
    sandbox: Sandbox
    dice: random.Random
    is_killed: bool
    runs: int = 0

    def plan(self, resource: str, rows: Sequence[dict[str, Any]], operation: Any, match_on: str | None = None) -> str:
        """Plan an input's rows; the URI of the plan."""
        self.runs += 1
        source = self.path / f"in-{self.runs}.jsonl"
        source.write_text("\n".join(map(json.dumps, rows)))
        with self.store() as store:
            folder = begin_attempt(self.path / "reports", resource, f"plan-{self.runs}", "plan")
            plan_rows(store, InputFiles(source), PlanSettings(resource=resource, operation=operation, match_on=match_on), folder)
        return folder.uri

    @contextmanager
    def store(self) -> Iterator[BlockingStore]:
        credentials = StoreCredentials(self.sandbox.store_hash, self.sandbox.token, base_url=self.sandbox.url)
        with BlockingStore(BigCommerceStore(credentials, StoreSettings())) as store:
            yield store

    def apply(self, plan: object, *, kills: int = 3, points: int = 8, window: int | None = None, rows: int = 100) -> Applied:
        """Apply a plan that is killed three times on the way; of so many rows, which says how far it comes between two kills."""
        more: dict[str, Any] = {"approval": "none needed", "max_age": None, "is_last_try": False, "settings": FEW, "stale": 0}
        for _ in range(kills):
            if self.is_killed:
                self.kill(plan if isinstance(plan, str) else plan["manifest"], rows)  # type: ignore[index]  # the XCom of an undo
                continue
            try:
                applying(self.sandbox, plan, at=killing(self.dice.randrange(points)), window=window, **more)
            except KilledError:
                continue
        for _ in range(9):
            try:
                return applying(self.sandbox, plan, window=window, **more)
            except BigCommerceError as error:
                last = error
        raise last

    def kill(self, plan: str, rows: int) -> None:
        """Apply in a process of its own, and end that when it has written some more into its journal."""
        wanted = self.journaled() + self.dice.randrange(1_000, 1_000 + rows * _RECORD // 4)
        arguments = [sys.executable, "-m", "tests.writing.killed", self.sandbox.url, self.sandbox.store_hash, self.sandbox.token, plan]
        process = subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and self.journaled() < wanted:
            time.sleep(0.02)
        process.kill()
        process.wait()

    def journaled(self) -> int:
        """Bytes of all journals."""
        return sum(file.stat().st_size for file in (self.path / "reports").glob("*/*/*/journal/*.jsonl"))

    def rejected(self, applied: Applied) -> list[dict[str, Any]]:
        return lines(applied, "rejected.jsonl.gz")


def one_outcome_each(applied: Applied, rows: int) -> Counter[str]:
    found = outcomes(applied)
    assert [row.row for row in found] == list(range(rows)), "every row has exactly one outcome"
    return Counter(row.outcome for row in found)


def add_records(sandbox: Sandbox, price_list: int, keys: Sequence[tuple[str, str]]) -> None:
    """Give variants a record each: what is new in the input is taken back by a DELETE a record, so that is to be its smaller part."""
    table = sandbox.store.tables["price_list_records"]
    model = next(iter(table.rows()))
    variants = {row["sku"]: row for row in sandbox.store.rows("product_variants")}
    there = {(row["sku"], row["currency"]) for row in table.rows() if row["price_list_id"] == price_list}
    for sku, currency in keys:
        if (sku, currency) not in there:
            number, variant = table.next_id(), variants[sku]
            own = {"variant_id": variant["id"], "product_id": variant["product_id"], "sku": sku, "currency": currency}
            table.put(number, {**model, **own, "price_list_id": price_list, "price": 20.5, "calculated_price": 20.5, "_id": number})


@pytest.mark.parametrize(
    ("count", "is_killed"),
    sizes({"rows": 90, "products": 30}, {"rows": 100_000, "products": 25_000}, PRICES, 0.3),
)
def test_price_records(tmp_path: Path, bigcommerce_sandbox: Sandbox, count: int, is_killed: bool) -> None:
    flow = Flow(tmp_path, bigcommerce_sandbox, random.Random(7), is_killed)
    store = bigcommerce_sandbox.store
    price_list = next(iter(store.rows("price_lists")))["id"]
    path = f"/v3/pricelists/{price_list}/records"
    keys = [(row["sku"], currency) for row in store.rows("product_variants") if row["sku"] for currency in ("usd", "gbp", "eur")][:count]
    assert len(keys) == count
    add_records(bigcommerce_sandbox, price_list, keys[count // 10 :])
    rows = [{"price_list_id": price_list, "sku": sku, "currency": currency, "price": 3.25} for sku, currency in keys]
    bad = set(range(5, count, 50))
    before = {(row["sku"], row["currency"]): row for row in bigcommerce_sandbox.listed(path)}

    wrong = [{**row, "sku": f"NO-{place}"} if place in bad else row for place, row in enumerate(rows)]
    applied = flow.apply(flow.plan("price_list_records", wrong, "upsert"), window=30 if not is_killed else None, rows=count)

    told = one_outcome_each(applied, count)
    assert told["rejected"] == len(bad)
    assert told["updated"] + told["created"] == count - len(bad)
    repaired = [{**row, "sku": rows[row["_row"]]["sku"]} for row in flow.rejected(applied)]
    again = flow.apply(flow.plan("price_list_records", repaired, "upsert"), kills=0)
    assert again.is_good
    now = {(row["sku"], row["currency"]): row["price"] for row in bigcommerce_sandbox.listed(path)}
    assert {now[key] for key in keys} == {3.25}

    for each in (again, applied):
        taking_back = undoing(bigcommerce_sandbox, each.uri, run=f"undo-{each.manifest.plan_digest[:8]}")
        undone = flow.apply(taking_back, kills=1, rows=each.manifest.rows)
        assert undone.is_good
    after = {(row["sku"], row["currency"]): row["price"] for row in bigcommerce_sandbox.listed(path)}
    assert after == {key: row["price"] for key, row in before.items()}


@pytest.mark.parametrize(
    ("count", "is_killed"),
    sizes({"rows": 70, "products": 71}, {"rows": 20_000, "products": 20_001}, PRODUCTS, 0.2),
)
def test_products(tmp_path: Path, bigcommerce_sandbox: Sandbox, count: int, is_killed: bool) -> None:
    flow = Flow(tmp_path, bigcommerce_sandbox, random.Random(8), is_killed)
    store = bigcommerce_sandbox.store
    before = {row["id"]: dict(row) for row in store.rows("products")}
    *products, other = before.values()  # that one is not in the input, and keeps its name
    rows = [{"sku": row["sku"], "price": row["price"] + 1, "name": f"{row['name']} (new)"} for row in products]
    bad = set(range(9, count, 50))

    wrong = [{**row, "name": other["name"]} if place in bad else row for place, row in enumerate(rows)]
    applied = flow.apply(flow.plan("products", wrong, "update", "sku"), window=30 if not is_killed else None, rows=count)

    told = one_outcome_each(applied, count)
    assert (told["updated"], told["conflict"] + told["rejected"]) == (count - len(bad), len(bad))
    names = {row["sku"]: row["name"] for row in rows}
    again = flow.apply(
        flow.plan("products", [{**row, "name": names[row["sku"]]} for row in flow.rejected(applied)], "update", "sku"), kills=0
    )
    assert again.is_good
    now = [(row["price"], row["name"]) for row in store.rows("products") if row["id"] != other["id"]]
    assert now == [(row["price"], row["name"]) for row in rows]

    theirs = {products[place]["id"]: 900 + place for place in range(3, count, 40)}
    for key, price in theirs.items():
        store.tables["products"].put(key, {**store.tables["products"].get(key), "price": price})
    for each in (again, applied):
        flow.apply(undoing(bigcommerce_sandbox, each.uri, run=f"undo-{each.manifest.plan_digest[:8]}"), kills=1, rows=each.manifest.rows)
    for row in store.rows("products"):
        if row["id"] in theirs:
            assert row["price"] == theirs[row["id"]], "nobody's later change is overwritten"
        else:
            assert (row["price"], row["name"]) == (before[row["id"]]["price"], before[row["id"]]["name"])


@pytest.mark.parametrize(("count", "is_killed"), sizes({"rows": 60, "orders": 120}, {"rows": 2_000, "orders": 4_000}, SHIPMENTS, 0.15))
def test_shipments(tmp_path: Path, bigcommerce_sandbox: Sandbox, count: int, is_killed: bool) -> None:
    flow = Flow(tmp_path, bigcommerce_sandbox, random.Random(9), is_killed)
    store = bigcommerce_sandbox.store
    rows = [row.body for row in shipments(bigcommerce_sandbox)[:count]]
    assert len(rows) == count
    bad = set(range(7, count, 50))
    lost = [{"order_product_id": 999_999_999, "quantity": 1}]
    wrong = [{**row, "items": lost} if place in bad else row for place, row in enumerate(rows)]

    applied = flow.apply(flow.plan("order_shipments", wrong, "create"), points=40, window=30 if not is_killed else None, rows=count)

    told = one_outcome_each(applied, count)
    assert told["rejected"] <= len(bad), "one may be unknown: its answer was lost"
    assert set(told) <= {"created", "rejected", "unknown"}
    there = {shipment["tracking_number"] for row in rows for shipment in store.nested["order_shipments"].get(row["order_id"])}
    for outcome in outcomes(applied):
        assert outcome.outcome != "created" or rows[outcome.row]["tracking_number"] in there
    left = [{**row, "items": rows[row["_row"]]["items"]} for row in flow.rejected(applied)]
    # What is unknown a person looks up: of those that are not there, nothing was made.
    unclear = [rows[row.row] for row in outcomes(applied) if row.outcome == "unknown"]
    left += [row for row in unclear if row["tracking_number"] not in there]
    assert len(left) < count / 2
    again = flow.apply(flow.plan("order_shipments", left, "create"), kills=0)

    rest = {row.row: row.outcome for row in outcomes(again)}
    for row in rows:
        numbers = Counter(shipment["tracking_number"] for shipment in store.nested["order_shipments"].get(row["order_id"]))
        place = next((at for at, other in enumerate(left) if other["tracking_number"] == row["tracking_number"]), None)
        assert numbers[row["tracking_number"]] == 1 or (place is not None and rest[place] == "unknown")
    mails = Counter(mail.order_id for mail in store.outbox if mail.what == "shipment created")
    assert set(mails.values()) == {1}, "no mail goes twice"
    assert gzip.decompress((Path(applied.uri.removeprefix("file://")).parent / "undo.jsonl.gz").read_bytes()).count(b"stays sent") > 0
