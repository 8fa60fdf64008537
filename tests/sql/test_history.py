"""What tables cost after 10,000 runs: as much as after a week of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.sql.native_databases import DirectDatabase
from tests.sql.test_syncs import HOUR, hourly, put
from tests.sql.warehouse import CONN_ID, Warehouse

pytestmark = pytest.mark.bigcommerce_sandbox(customers=20)

#: Direct, for SQLite runs in this process, so that its CPU and its steps are seen; the others are asked by test_syncs.
DIRECT = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
#: Runs of a week.
WEEK = 7 * 24


def run(warehouse: Warehouse, **arguments: Any) -> int:
    """An hour passes, three customers change, and the task runs."""
    store = warehouse.sandbox.store
    warehouse.moment += HOUR
    ids = sorted(row["id"] for row in store.rows("customers"))
    for number in range(3):
        store.edit("customers", ids[(warehouse.moment.hour * 3 + number) % len(ids)], notes=f"before {warehouse.moment}")
    run_id = f"scheduled-{warehouse.moment:%Y%m%dT%H}"
    return int(warehouse.run("customers", run_id, mode="incremental", **arguments)["rows"])


# -- the shortcut


@pytest.mark.parametrize("warehouse", DIRECT, indirect=True)
def test_rows_that_are_put_there_by_hand_are_those_that_runs_leave(warehouse: Warehouse) -> None:
    for _ in range(6):
        run(warehouse)
    columns = (
        "table_name, run_key, resource, store_hash, filters, nested, mode, window_since, window_until, watermark, filters_hash, sequence, "
        "read_at"
    )
    asked = f"SELECT {columns} FROM _bigcommerce_syncs WHERE window_since IS NOT NULL ORDER BY sequence"
    by_runs = warehouse.query(asked)
    warehouse.do("DELETE FROM _bigcommerce_syncs WHERE window_since IS NOT NULL")
    rows = hourly(5, warehouse.moment + HOUR, table="customers", resource="customers")
    overlap = timedelta(minutes=5)
    for row, told in zip(reversed(rows), by_runs, strict=True):
        row |= {"run": told[1], "sequence": told[11], "since": row["since"] - overlap}
    put(warehouse, *rows)

    assert len(by_runs) == 5
    assert warehouse.query(asked) == by_runs


# -- what it costs


def prove(warehouse: Warehouse) -> bool:
    operator = BigCommerceReconcileOperator(task_id="prove", resource="customers", conn_id=CONN_ID, sample=None)
    return bool(operator.execute({})["equal"])


ACTIONS: dict[str, Callable[[Warehouse], Any]] = {
    "one more run": run,
    "deletes": lambda warehouse: run(warehouse, deletes="detect"),
    "a proof": prove,
    "a reader": lambda warehouse: warehouse.query("SELECT id, notes FROM customers WHERE _deleted_at IS NULL"),
}


@contextmanager
def watched(calls: Counter[str]) -> Iterator[None]:
    """Count statements and, of SQLite, the steps of its machine."""
    execute, connect = DirectDatabase.execute, DirectDatabase._connect

    def step() -> int:
        calls["steps"] += 1
        return 0

    def connected(self: Any, hook: Any) -> Any:
        connection = connect(self, hook)
        if hasattr(connection, "set_progress_handler"):
            connection.set_progress_handler(step, 100)
        return connection

    def executed(self: Any, statement: str, parameters: Any = ()) -> int:
        calls["statements"] += 1
        return execute(self, statement, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectDatabase, "_connect", connected)
        patch.setattr(DirectDatabase, "execute", executed)
        yield


def costs(warehouse: Warehouse, *, times: int = 5) -> dict[str, tuple[Counter[str], float]]:
    """Of each action: statements and steps, and the least CPU seconds."""
    found: dict[str, tuple[Counter[str], float]] = {}
    for title, action in ACTIONS.items():
        calls, seconds = Counter[str](), 1e9
        with watched(calls):
            assert action(warehouse)
        for _ in range(times):
            began = time.process_time()
            assert action(warehouse)
            seconds = min(seconds, time.process_time() - began)
        found[title] = calls, seconds
    return found


@pytest.mark.parametrize("warehouse", DIRECT, indirect=True)
def test_after_10000_runs_all_costs_as_after_a_week(warehouse: Warehouse) -> None:
    run(warehouse)
    put(warehouse, *hourly(WEEK, table="customers", resource="customers"))
    run(warehouse)
    few = costs(warehouse)
    put(warehouse, *hourly(10_000, table="customers", resource="customers")[WEEK:])
    run(warehouse)  # what is older than 400 days goes, once
    many = costs(warehouse)

    [(rows,)] = warehouse.query("SELECT count(*) FROM _bigcommerce_syncs")
    assert rows > 9_500  # those of 400 days
    assert warehouse.airflow.watermarks == {}, "a table's watermark is in its database alone, so that `state list` has none"
    for title in ACTIONS:
        (calls, seconds), (before, short) = many[title], few[title]
        print(title, dict(before), dict(calls), short, seconds)
        for kind in before:
            assert calls[kind] <= 2 * before[kind] + 2, (title, kind, calls, before)
        assert seconds <= 2 * short + 0.002, (title, seconds, short)
