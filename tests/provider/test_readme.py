"""The code on the README and on the quickstart page works as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

PROJECT = Path(__file__).resolve().parent.parent.parent


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (PROJECT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_dag_to_copy_is_a_dag() -> None:
    names: dict[str, object] = {}
    code = blocks("README.md")[0].replace("=retries):", "=retries) as dag:", 1)

    exec(compile(code, "README.md", "exec"), names)

    tasks = [task for task in names["dag"].tasks if task.task_id.partition(".")[2] not in ("summary", "compact")]  # type: ignore[attr-defined]
    assert {task.resource: task.mode for task in tasks} == dict.fromkeys(("products", "orders", "brands"), "incremental")
    assert all(isinstance(task, BigCommerceToObjectStorageOperator) for task in tasks)


@pytest.mark.bigcommerce_sandbox(products=20, orders=6)
def test_the_quickstart_reads_and_copies(
    bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    read, copy = blocks("docs/quickstart.md")[:2]

    exec(compile(read, "quickstart.md", "exec"), {})
    exec(compile(copy.replace("file:///tmp/bigcommerce", tmp_path.as_uri()), "quickstart.md", "exec"), {})

    told = capsys.readouterr().out
    assert "6 orders" in told
    assert "6 rows in" in told


@pytest.mark.bigcommerce_sandbox(orders=12)
def test_the_hook_of_the_readme_reads_orders(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    names: dict[str, object] = {}

    exec(compile(blocks("README.md")[1].replace("...", "seen = order['status_id']"), "README.md", "exec"), names)

    assert names.get("seen", 11) == 11
