"""Two runs of one task at once, in two processes, into one table: their last steps wait for each other, and the table is the store."""

from __future__ import annotations

import json
import os
from threading import Barrier
from typing import Any

import pytest

from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.quick_processes import quick_processes
from tests.sql import any_hook
from tests.sql.warehouse import CONN_ID, Warehouse


def load(environment: dict[str, str], resource: str, start: Barrier, arguments: dict[str, Any]) -> None:
    """One run, in a process of its own."""
    os.environ.update(environment)
    any_hook.register()
    operator = BigCommerceToSqlOperator(task_id=resource, resource=resource, conn_id=CONN_ID, **arguments)
    start.wait(60)
    operator.execute({})


@pytest.mark.bigcommerce_sandbox(latency_ms=100)
@pytest.mark.parametrize(
    ("resource", "arguments"), [("orders", {"mode": "full", "nested": "tables"}), ("brands", {"mode": "incremental", "deletes": "delete"})]
)
def test_two_runs_at_once_leave_the_store_in_the_table(warehouse: Warehouse, resource: str, arguments: dict[str, Any]) -> None:
    environment = {name: os.environ[name] for name in ("AIRFLOW_CONN_WAREHOUSE", "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT")}
    context = quick_processes()
    start = context.Barrier(2)
    processes = [context.Process(target=load, args=(environment, resource, start, arguments)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0]
    assert warehouse.column(f'SELECT id FROM "{resource}" ORDER BY id') == sorted(
        row["id"] for row in warehouse.sandbox.store.rows(resource)
    )
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [2]
    if resource == "orders" and "nested" in arguments:
        lines = sum(len(warehouse.sandbox.store.rows("order_products", row["id"])) for row in warehouse.sandbox.store.rows("orders"))
        assert warehouse.column("SELECT count(*) FROM orders__line_items") == [lines]
    assert json.loads(environment["AIRFLOW_CONN_WAREHOUSE"]) == warehouse.connection
