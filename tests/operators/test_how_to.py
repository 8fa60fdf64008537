"""The how-to pages do what they say: each Python block is run, and each DAG in it too, against the sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_dag import known_to_airflow

PAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "how-to"
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
MINE = (
    "call-any-endpoint.md", "wait-for-something.md", "retries.md", "backfill.md", "notice-deletes.md", "prove-the-copy.md",
    "read-one-resource-with-many-workers.md", "change-many-rows.md", "alerts.md", "personal-data.md", "plan-a-change.md",
)  # fmt: skip
BLOCKS = [
    pytest.param(block, id=f"{page}-{number}") for page in MINE for number, block in enumerate(FENCE.findall((PAGES / page).read_text()))
]


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("block", BLOCKS)
def test_a_snippet_runs_and_its_dag_succeeds(block: str, connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))
    if connected.store.row("orders", 100) is None:
        connected.store.add_order(id=100)
    if "Reconcile" in block or "copies_are_fresh" in block:  # there is a copy to be held against the store
        BigCommerceToObjectStorageOperator(task_id="files", resource="orders", path=f"{tmp_path}/data/bigcommerce").execute({})
        BigCommerceToSqlOperator(task_id="table", resource="orders", conn_id="warehouse", mode="incremental").execute({})
    if "BigCommercePlanOperator" in block:  # there is something to plan
        (tmp_path / "data/in").mkdir(parents=True)
        product = next(iter(connected.store.rows("products")))
        (tmp_path / "data/in/prices-1.csv").write_text(f"Artikel,Preis\n{product['sku']},{product['price'] * 1.1:.2f}\n")
    block = block.replace('"/data/', f'"{tmp_path}/data/')
    (tmp_path / "snippet.py").write_text(block)
    bag = DagBag(str(tmp_path))
    assert bag.import_errors == {}

    exec(compile(block, "snippet", "exec"), {})
    for dag in bag.dags.values():
        when = {"logical_date": dag.end_date} if dag.end_date else {}  # a DAG has no runs after its end
        run = known_to_airflow(dag).test(**when)
        states: dict[str, Any] = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
        assert set(states.values()) == {"success"}, states
    assert bag.dags or "@task" in block
