"""The demo's runs hold at any moment: first run, change, second run and proof, with the store's clock at each boundary it can cross."""

from __future__ import annotations

import bisect
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.windows import full_read_due
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import example_dags
from tests.airflow_memory import Airflow
from tests.demo.screen import Screen

INCREMENTAL = ("products", "customers", "orders")


def moment_of_full_read(name: str, every: timedelta) -> datetime:
    """A moment at which a list falls due for its full read, whenever it was read whole before, within a second."""
    for days in (0, 3):
        last = datetime(2027, 5, 3 + days, tzinfo=UTC)
        seconds = range(int(every.total_seconds()) + 1)
        first = bisect.bisect_left(
            seconds, True, key=lambda second, last=last: full_read_due(last, last + timedelta(seconds=second), every, name)
        )
        if first > every.total_seconds() / 2:
            return last + timedelta(seconds=first)
    raise AssertionError(f"{name} falls due half of {every} after each read")


BOUNDARIES = {
    **{f"full read of {name}": moment_of_full_read(name, timedelta(days=7)) for name in INCREMENTAL},
    "midnight": datetime(2027, 5, 12, tzinfo=UTC),
    "a month's end, a Monday": datetime(2027, 2, 1, tzinfo=UTC),
    "29 February": datetime(2028, 2, 29, tzinfo=UTC),
    "a year's end": datetime(2027, 1, 1, tzinfo=UTC),
    "summer time begins in Europe": datetime(2027, 3, 28, 1, tzinfo=UTC),
    "summer time ends in the US": datetime(2027, 11, 7, 6, tzinfo=UTC),
}


class Clock:
    """The store's clock, which goes on by a little each time somebody looks at it, so that time passes within a run too."""

    def __init__(self, at: datetime) -> None:
        self.seconds = at.timestamp()

    def __call__(self) -> float:
        self.seconds += 0.5
        return self.seconds


@pytest.fixture(scope="module")
def arguments() -> dict[str, Any]:
    """What the DAGs that the demo runs give to their transfers and proofs."""
    dags = example_dags()
    sync = {task.resource: task for task in dags["bigcommerce_sync"].tasks if task.task_id not in ("store.summary", "store.compact")}
    prove = {task.resource: task for task in dags["bigcommerce_prove"].tasks}
    assert {sync[name].full_every for name in INCREMENTAL} == {timedelta(days=7)}
    return {
        "sync": {"mode": sync["orders"].mode, "full_every": sync["orders"].full_every},
        "prove": {name: getattr(prove["orders"], name) for name in ("sample", "days", "on_mismatch")},
    }


# How long before the boundary the story begins, which takes about a minute: it lies in the first run, in the second, in the proof.
@pytest.mark.parametrize("before", [pytest.param(at, marks=() if at in (12, 36) else pytest.mark.exhaustive) for at in range(0, 60, 6)])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.bigcommerce_sandbox(products=8, orders=8, customers=8)
def test_the_second_run_reads_the_changes_and_the_proof_finds_nothing(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], boundary: str, before: int
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    store, airflow, path = bigcommerce_sandbox.store, Airflow(), str(tmp_path)
    began = BOUNDARIES[boundary] - timedelta(seconds=before)
    store.clock = Clock(began)

    def run(run_id: str) -> dict[str, dict[str, Any]]:
        given = {"path": path, "file_format": "jsonl", **arguments["sync"]}
        operators = [BigCommerceToObjectStorageOperator(task_id=name, resource=name, **given) for name in INCREMENTAL]
        return {task.resource: task.execute(airflow.context(run_id, task.task_id)) for task in operators}

    first = run("first")
    changed = {
        "products": store.edit_product(store.rows("products")[3]["id"], name="Renamed in the demo")["id"],
        "customers": store.move_customer(store.rows("customers")[2]["id"])["id"],
        "orders": store.add_order(lines=2)["id"],
    }
    second = run("second")

    def ids(manifest: dict[str, Any]) -> list[int]:
        lines = [line for file in manifest["files"] for line in (tmp_path / file["path"]).read_bytes().splitlines()]
        return [json.loads(line)["id"] for line in lines]

    assert {name: manifest["rows"] for name, manifest in first.items()} == {"products": 8, "customers": 8, "orders": 8}
    assert {name: ids(manifest) for name, manifest in second.items()} == {name: [key] for name, key in changed.items()}
    reports = [
        BigCommerceReconcileOperator(task_id=name, resource=name, path=path, **arguments["prove"]).execute({}) for name in INCREMENTAL
    ]
    assert [(report["equal"], report["repaired"]) for report in reports] == [(True, 0)] * 3
    assert store.clock() > BOUNDARIES[boundary].timestamp()  # it was crossed


def test_a_failed_check_shows_ten_of_what_it_found_and_how_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()

    screen.check("the new file holds 77 and nothing else", False, list(range(1, 5501)))
    screen.check("the same of a row each", False, [{"id": number, "text": "x" * 500} for number in range(5500)])
    screen.check("the end of a log is shown", False, "a line of a log\n" * 3000)
    told = " ".join(capsys.readouterr().out.split())

    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ... (5,500 in all)" in told
    assert "11" not in told.partition("in all")[0]
    assert "(5,500 in all)" in told.partition("a row each")[2]
    assert len(told) < 8_000
    assert [held for _, held in screen.held] == [False, False, False]
