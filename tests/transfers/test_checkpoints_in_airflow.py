"""Checkpoints in Airflow's own task state: a retry goes on, and a task that waits too long gives its slot back without using up a retry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import known_to_airflow

pytestmark = pytest.mark.usefixtures("airflow_home")


def run_of(name: str, path: Path, **arguments: Any) -> Any:
    """A run of a DAG with one transfer."""
    from airflow.sdk import DAG

    with DAG(name, start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
        BigCommerceToObjectStorageOperator(
            task_id="products", resource="products", path=str(path), file_format="jsonl", query={"limit": 5}, **arguments
        )
    return known_to_airflow(dag).test()


def states_left(dag_id: str) -> int:
    """What is left of the states of a DAG's tasks."""
    from airflow.models.task_state_store import TaskStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        kept = select(func.count()).select_from(TaskStateStoreModel).where(TaskStateStoreModel.dag_id == dag_id)
        return int(session.scalar(kept) or 0)


@pytest.mark.bigcommerce_sandbox(products=60)
def test_a_retry_of_a_real_task_goes_on_behind_what_was_read(connected: Sandbox, tmp_path: Path) -> None:
    connected.store.fail_next(1, "answer", match="^/v3/catalog/products", skip=4, status=409, body=b"[]")

    run = run_of("goes_on", tmp_path, retries=1, retry_delay=timedelta(seconds=0))

    assert str(run.state) == "success"
    [manifest] = committed(str(tmp_path), "products")
    assert manifest.rows == 60
    assert len(manifest.files) == 2
    assert run.get_task_instance("products").try_number == 2
    assert states_left("goes_on") == 0


@pytest.mark.bigcommerce_sandbox(products=60, quota="8/8")
def test_a_real_task_that_waits_too_long_comes_again_without_using_up_a_retry(connected: Sandbox, tmp_path: Path) -> None:
    run = run_of("comes_again", tmp_path, hand_back_after=timedelta(milliseconds=200))

    assert str(run.state) == "success"
    [manifest] = committed(str(tmp_path), "products")
    assert (manifest.rows, manifest.throttled) == (60, 0)
    assert len(manifest.files) >= 2  # it was started more than once
    assert run.get_task_instance("products").try_number == 1
    assert states_left("comes_again") == 0
