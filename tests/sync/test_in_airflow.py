"""A sync and what reacts to it where they live: a real scheduler that runs the example DAGs as they are, and a live copy."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, until

LIVE = """
from datetime import datetime
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

clock = CronTriggerTimetable("0 3 1 1 *", timezone="UTC")
schedule = AssetOrTimeSchedule(timetable=clock, assets=changes("products"))
with DAG("live", start_date=datetime(2026, 1, 1), schedule=schedule, catchup=False, max_active_runs=1):
    bigcommerce_sync(["products"], to=Tables("warehouse"), live=True, max_deleted_percent=100)
"""


@pytest.mark.full
@pytest.mark.timeout(600)
def test_new_orders_start_the_dag_that_waits_for_them_and_changes_the_live_copy(
    bigcommerce_sandbox: Sandbox, project: Path, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("bigcommerce_many_stores.py", "bigcommerce_on_new_orders.py"):
        (dags / name).write_bytes((project / "dags" / name).read_bytes())
    (dags / "live.py").write_text(LIVE)
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
        "BIGCOMMERCE_STORES_PATH": (tmp_path / "stores").as_uri(),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}),
    }

    with AirflowServer(tmp_path / "home", env=environment) as server:

        def runs(dag_id: str) -> list[dict[str, Any]]:
            return [run for run in server.runs(dag_id) if run["state"] in ("success", "failed")]

        def sync() -> str:
            run_id = server.trigger("bigcommerce_many_stores")
            return str(until(lambda: [run["state"] for run in runs("bigcommerce_many_stores") if run["dag_run_id"] == run_id])[0])

        def told() -> list[int]:
            path = "/api/v2/dags/bigcommerce_on_new_orders/dagRuns/{}/taskInstances/report/xcomEntries/return_value"
            return [int(server.request("GET", path.format(run["dag_run_id"]))["value"]) for run in runs("bigcommerce_on_new_orders")]

        # Only now: the scheduler of `airflow standalone` may run tasks before there is an API server that they could speak to.
        until(lambda: server.request("GET", "/api/v2/dags")["total_entries"] == 3)
        for dag_id in ("bigcommerce_on_new_orders", "bigcommerce_many_stores"):  # what waits first: a paused DAG misses events
            server.request("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        until(lambda: runs("bigcommerce_many_stores"))  # of its schedule
        until(lambda: told() == [5])
        assert sync() == "success"  # nothing happened
        bigcommerce_sandbox.store.add_order()
        assert sync() == "success"
        until(lambda: len(told()) >= 2)

        assert sorted(told()) == [1, 5]

        # A burst of changes: Airflow gives the run that the first one starts some of the events, and the table gets them all.
        store = bigcommerce_sandbox.store
        server.request("PATCH", "/api/v2/dags/live", {"is_paused": False})
        [asset] = server.request("GET", "/api/v2/assets?uri_pattern=changes/products")["assets"]

        def tell(**payload: Any) -> None:
            extra = {"payload": {"store_hash": bigcommerce_sandbox.store_hash, "is_whole": True, **payload}}
            server.request("POST", "/api/v2/assets/events", {"asset_id": asset["id"], "extra": extra})

        def names() -> dict[int, str]:
            with contextlib.closing(sqlite3.connect(tmp_path / "warehouse.db")) as warehouse:
                try:
                    return dict(warehouse.execute("SELECT id, name FROM products WHERE _deleted_at IS NULL").fetchall())
                except sqlite3.OperationalError:  # no table yet, or it is being written
                    return {}

        *changed, gone = [row["id"] for row in store.rows("products")][:6]
        tell(ids=[gone])
        until(lambda: gone in names())
        for key in changed:
            store.edit_product(key, name=f"told of {key}")
            tell(ids=[key])
        store.delete("products", gone)
        tell(deleted=[gone])
        until(lambda: names() == {key: f"told of {key}" for key in changed})
        assert {run["run_type"] for run in server.runs("live")} <= {"asset_triggered", "scheduled"}
