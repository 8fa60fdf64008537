"""Triggers where they live, a real triggerer: two assets on one list, a DAG that starts on a change, a deferred wait, and a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, until

DAG = """
from datetime import datetime
from airflow.sdk import DAG, Asset, AssetWatcher, dag, task
from airflow_provider_bigcommerce.sensors.resource import BigCommerceResourceSensor
from airflow_provider_bigcommerce.triggers.changes import BigCommerceChangesTrigger

def watched(name, status):
    trigger = BigCommerceChangesTrigger("orders", conditions={"status_id": status}, poll_interval=1)
    return Asset(name, uri=f"x-test://{name}", watchers=[AssetWatcher(name="poll", trigger=trigger)])

for name, status in (("paid", 11), ("shipped", 2)):
    @dag(dag_id=f"on_{name}", start_date=datetime(2026, 1, 1), schedule=[watched(name, status)], is_paused_upon_creation=False)
    def on_change():
        @task
        def tell(): ...
        tell()
    on_change()

with DAG("deferred", start_date=datetime(2026, 1, 1), schedule=None, is_paused_upon_creation=False):
    BigCommerceResourceSensor(task_id="wait", resource="products", query={"name": "awaited"}, poke_interval=1, deferrable=True)
"""


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_change_starts_the_dag_and_a_restart_loses_neither_a_change_nor_a_wait(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    store = bigcommerce_sandbox.store
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "watch.py").write_text(DAG)
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
    }

    def told(server: AirflowServer) -> dict[str, set[int]]:
        events = server.request("GET", "/api/v2/assets/events?limit=100")["asset_events"]
        found: dict[str, set[int]] = {"paid": set(), "shipped": set()}
        for event in events:
            found[event["name"]] |= set(event["extra"]["payload"]["ids"])
        return found

    def waits(server: AirflowServer, run_id: str) -> str:
        return str(server.request("GET", f"/api/v2/dags/deferred/dagRuns/{run_id}/taskInstances/wait")["state"])

    def products() -> int:
        return sum(request.path == "/v3/catalog/products" for request in store.requests)

    def polls() -> int:
        return sum(request.path == "/v2/orders" for request in store.requests)

    home = tmp_path / "home"
    with AirflowServer(home, env=environment) as server:
        until(lambda: polls() >= 2)
        run_id = server.trigger("deferred")
        first = {"paid": store.add_order(status_id=11)["id"], "shipped": store.add_order(status_id=2)["id"]}
        until(lambda: told(server) == {name: {key} for name, key in first.items()})
        until(lambda: server.runs("on_paid"))
        # One first poll for both watchers; the deferred sensor asks for one product too.
        assert sum(request.path == "/v2/orders" and "limit=1&" in f"{request.query}&" for request in store.requests) == 1
        until(lambda: waits(server, run_id) == "deferred")
        before = polls()
        until(lambda: polls() >= before + 2)  # a poll later the cursor is kept
    missed = store.add_order(status_id=11)["id"]
    with AirflowServer(home, env=environment) as server:
        until(lambda: missed in told(server)["paid"])
        assert waits(server, run_id) == "deferred"
        looks = products()
        until(lambda: products() > looks)
        store.add_product(name="awaited")
        until(lambda: waits(server, run_id) == "success")
