"""A sync and what reacts to it where they live: a real scheduler that runs the example DAGs as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, until


@pytest.mark.full
@pytest.mark.timeout(600)
def test_new_orders_start_the_dag_that_waits_for_them_and_an_empty_window_does_not(
    bigcommerce_sandbox: Sandbox, project: Path, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("bigcommerce_many_stores.py", "bigcommerce_on_new_orders.py"):
        (dags / name).write_bytes((project / "dags" / name).read_bytes())
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
        "BIGCOMMERCE_STORES_PATH": (tmp_path / "stores").as_uri(),
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
        until(lambda: server.request("GET", "/api/v2/dags")["total_entries"] == 2)
        for dag_id in ("bigcommerce_on_new_orders", "bigcommerce_many_stores"):  # what waits first: a paused DAG misses events
            server.request("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        until(lambda: runs("bigcommerce_many_stores"))  # of its schedule
        until(lambda: told() == [5])
        assert sync() == "success"  # nothing happened
        bigcommerce_sandbox.store.add_order()
        assert sync() == "success"
        until(lambda: len(told()) >= 2)

        assert sorted(told()) == [1, 5]
