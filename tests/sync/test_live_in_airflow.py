"""A live copy where it lives: a real scheduler, events by the REST API, a table."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, until

#: Seconds within which a run is over on a machine with five times as much to do as it can.
WAIT = 600.0
LIVE = """
from datetime import datetime
from airflow.sdk import DAG
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

# No clock: a run by it would copy what no event tells of, and nobody knows when it would.
with DAG("live", start_date=datetime(2026, 1, 1), schedule=changes("products"), max_active_runs=1):
    bigcommerce_sync(["products"], to=Tables("warehouse"), live=True, max_deleted_percent=100)
"""


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_a_burst_of_changes_is_in_the_table_without_another_event(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "live.py").write_text(LIVE)
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",  # it does not change, and each reading takes the runs' processor
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}),
    }

    with AirflowServer(tmp_path / "home", env=environment) as server:
        until(lambda: server.knows("live"), "the DAG", WAIT)
        # Airflow gives the run that the first one starts some of the events; the table gets them all.
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
        until(lambda: gone in names(), "the first run", WAIT)
        for key in changed:
            store.edit_product(key, name=f"told of {key}")
            tell(ids=[key])
        store.delete("products", gone)
        tell(deleted=[gone])
        until(lambda: names() == {key: f"told of {key}" for key in changed}, "the changes", WAIT)
        assert {run["run_type"] for run in server.runs("live")} == {"asset_triggered"}
