"""A task's own share of the store's quota, in both transfers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator

Make = Callable[..., Any]


@pytest.fixture(params=["files", "table"])
def task(request: pytest.FixtureRequest, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a task of each transfer that reads the brands."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))
    if request.param == "files":
        return lambda **arguments: BigCommerceToObjectStorageOperator(
            task_id="t", resource="brands", path=str(tmp_path / "copy"), file_format="jsonl", **arguments
        )
    return lambda **arguments: BigCommerceToSqlOperator(task_id="t", resource="brands", conn_id="warehouse", **arguments)


def most_used(sandbox: Sandbox, task: Any) -> int:
    """The most requests of one window that were used when the task's list was read, page by page."""
    used: list[int] = []
    quota = sandbox.store.quota = Quota(20, 1.0)
    take = quota.take

    def counted() -> bool:
        taken = take()
        used.append(quota.used)
        return taken

    quota.take = counted  # type: ignore[method-assign]  # a meter on it
    task.execute({})
    return max(used)


def test_a_task_stops_at_its_own_share_of_a_window(task: Make, bigcommerce_sandbox: Sandbox) -> None:
    for number in range(20):
        bigcommerce_sandbox.store.add("brands", name=f"brand {number}")

    assert most_used(bigcommerce_sandbox, task(query={"limit": 2}, quota_share=0.25)) <= 5


@pytest.mark.parametrize("share", [0, -0.5, 1.01, "half", True, float("nan")])
def test_a_share_that_is_none_is_refused_where_the_dag_is_parsed(task: Make, share: Any) -> None:
    with pytest.raises(InvalidQueryError, match=r"quota_share=.* cannot work\. Accepted: a number above 0 and at most 1"):
        task(quota_share=share)
