"""The proving DAG, run as a person would run it, after the one that copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_dag import example_dags
from tests.reconcile.conftest import rewrite

pytestmark = [pytest.mark.compat, pytest.mark.bigcommerce_sandbox(products=20, orders=20, customers=10)]


@pytest.fixture
def prove(airflow_home: Path, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DAG, pointed to the sandbox and to a copy that is there already."""
    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setenv("BIGCOMMERCE_SYNC_PATH", str(tmp_path))
    for resource in ("orders", "customers", "products"):
        BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, path=str(tmp_path), mode="incremental").execute({})
    dag = example_dags()["bigcommerce_prove"]
    for task in dag.tasks:
        task.retries = 0  # dag.test() would sit out the retry delays
    return dag


def test_a_run_finds_a_damaged_row_and_the_next_one_finds_none(prove: Any, tmp_path: Path) -> None:
    (file,) = committed(str(tmp_path), "orders")[0].files
    rewrite(tmp_path / file.path, lambda rows: [{**rows[0], "staff_notes": "damaged"}, *rows[1:]])

    first, second = prove.test(), prove.test()

    assert (str(first.state), str(second.state)) == ("success", "success")
    reports = [sorted(_reports(run).items()) for run in (first, second)]
    assert [(name, report["repaired"] > 0, report["equal"]) for name, report in reports[0]] == [
        ("customers", False, True),
        ("orders", True, True),
        ("products", False, True),
    ]
    assert [(name, report["repaired"]) for name, report in reports[1]] == [("customers", 0), ("orders", 0), ("products", 0)]


def _reports(run: Any) -> dict[str, Any]:
    return {instance.task_id: instance.xcom_pull(task_ids=instance.task_id) for instance in run.get_task_instances()}
