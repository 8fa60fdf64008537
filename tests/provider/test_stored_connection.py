"""What only Airflow's database knows is found by ``dag.test()``, ``airflow dags test`` and ``airflow tasks test`` too.

These run a task in its supervisor's process. That supervisor has no asynchronous questions up to 3.3.2, and Airflow takes their failure
for "isn't defined".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_bigcommerce.compat import amask_secrets, connection_and_extra
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_dag import known_to_airflow

pytestmark = pytest.mark.usefixtures("airflow_home")

STORE, WAREHOUSE = "only_in_the_database", "warehouse_in_the_database"


@pytest.fixture
def stored(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> Iterator[Sandbox]:
    """The sandbox, and a SQLite file, as connections of Airflow's database, and of nothing else."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    given = bigcommerce_sandbox.connection
    with create_session() as session:
        session.add(Connection(STORE, conn_type="bigcommerce", host=given["host"], extra=json.dumps(given["extra"])))
        session.add(Connection(WAREHOUSE, conn_type="sqlite", host=str(tmp_path / "warehouse.db")))
    yield bigcommerce_sandbox
    with create_session() as session:
        for conn_id in (STORE, WAREHOUSE):
            session.query(Connection).filter(Connection.conn_id == conn_id).delete()


def states(run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


@pytest.mark.compat
def test_a_transfer_finds_a_connection_that_only_the_database_has(stored: Sandbox, tmp_path: Path) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    with DAG("files_stored", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator(
            task_id="files", resource="orders", path=str(tmp_path), mode="incremental", file_format="jsonl", bigcommerce_conn_id=STORE
        )

    assert states(known_to_airflow(dag).test()) == {"files": "success"}


def test_every_way_to_a_store_finds_a_connection_that_only_the_database_has(stored: Sandbox, tmp_path: Path) -> None:
    from airflow.sdk import DAG, task

    from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator
    from airflow_provider_bigcommerce.operators.partition import commit_partitions, partition
    from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
    from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
    from airflow_provider_bigcommerce.operators.sync import BigCommerceReadableResourcesOperator
    from airflow_provider_bigcommerce.sensors.resource import BigCommerceResourceSensor
    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    there = {"bigcommerce_conn_id": STORE}
    path = str(tmp_path / "copy")
    with DAG("everything_stored", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        orders = BigCommerceToObjectStorageOperator(
            task_id="files", resource="orders", path=path, mode="incremental", full_every=timedelta(days=7), file_format="jsonl", **there
        )
        orders >> BigCommerceReconcileOperator(task_id="reconcile", resource="orders", path=path, **there)
        BigCommerceToObjectStorageOperator(
            task_id="compared", resource="brands", path=path, mode="incremental", file_format="jsonl", **there
        )
        BigCommerceRequestOperator(task_id="request", path="/v2/store", deferrable=False, **there)
        BigCommerceRequestOperator(task_id="request_deferrable", path="/v2/store", deferrable=True, **there)
        BigCommerceGraphQLOperator(task_id="graphql", query="{ store { id } }", **there)
        BigCommerceResourceSensor(task_id="sensor", resource="orders", deferrable=False, **there)
        BigCommerceResourceSensor(task_id="sensor_deferrable", resource="orders", deferrable=True, **there)
        BigCommerceReadableResourcesOperator(task_id="readable", **there)
        ranges = partition("products", into=2, **there)
        part = BigCommerceToObjectStorageOperator.partial(
            task_id="products", resource="products", path=path, file_format="jsonl", **there
        ).expand(partition=ranges)
        commit_partitions(part.output, path=path)

        @task
        def hook_store() -> int:
            with BigCommerceHook(STORE).store() as store:
                return int(store.count("orders"))

        @task
        def hook_run() -> str:
            return str(BigCommerceHook(STORE).run("/v2/store").json()["name"])

        @task
        def hook_astore() -> int:
            async def count() -> int:
                async with BigCommerceHook(STORE).astore() as store:
                    return await store.count("orders")

            return asyncio.run(count())

        hook_store(), hook_run(), hook_astore()

    run = known_to_airflow(dag).test()

    assert states(run) == dict.fromkeys(states(run), "success")
    assert len(states(run)) == 15


def test_a_table_is_filled_from_a_store_that_only_the_database_knows(stored: Sandbox) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator

    with DAG("tables_stored", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToSqlOperator(
            task_id="tables", resource="orders", conn_id=WAREHOUSE, bigcommerce_conn_id=STORE, mode="incremental", nested="tables"
        )

    assert states(known_to_airflow(dag).test()) == {"tables": "success"}


def test_a_trigger_finds_it_too(stored: Sandbox) -> None:
    from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

    from airflow_provider_bigcommerce.triggers.resource import BigCommerceResourceTrigger

    waiting = BigCommerceResourceTrigger(resource="orders", bigcommerce_conn_id=STORE)
    assert InProcessTestSupervisor.run_trigger_in_process(trigger=waiting, ti=SimpleNamespace(id=uuid4())) is not None


@pytest.mark.parametrize("supervisor", ["send", "asend"])
async def test_the_supervisor_is_asked_in_the_form_that_it_has(supervisor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real supervisor of a worker is still asked asynchronously: a synchronous question could meet an asynchronous one under way."""
    from airflow.sdk.execution_time import comms, task_runner

    asked: list[tuple[str, str]] = []

    def answer(kind: str, message: Any) -> Any:
        asked.append((kind, type(message).__name__))
        if isinstance(message, comms.GetConnection):
            empty = dict.fromkeys(("host", "login", "password", "port"))
            return comms.ConnectionResult(
                conn_id=message.conn_id, conn_type="bigcommerce", schema=None, extra='{"store_hash": "abc123"}', **empty
            )
        return None

    class Supervisor:
        def send(self, message: Any) -> Any:
            return answer("send", message)

    class WithAsynchronous(Supervisor):
        async def asend(self, message: Any) -> Any:
            return answer("asend", message)

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor() if supervisor == "send" else WithAsynchronous(), raising=False)
    found, extra = await connection_and_extra(BigCommerceHook("a_store"), "a_store")
    await amask_secrets(["5ecret-of-the-test"])

    assert (found.conn_type, extra) == ("bigcommerce", {"store_hash": "abc123"})
    assert {kind for kind, _ in asked} == {supervisor}
    assert {"GetConnection", "MaskSecret"} <= {message for _, message in asked}
