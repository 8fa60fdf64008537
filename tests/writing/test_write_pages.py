"""The how-to pages of applying and undoing do what they say: their DAGs are read as Airflow reads them, and their tasks run in order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def dag_of(page: str, tmp_path: Path) -> DAG:
    """The DAG of a page's first snippet, with its files in a directory of the test."""
    block = FENCE.findall((PAGES / page).read_text())[0]
    found: list[DAG] = []
    values: dict[str, Any] = {}
    block = re.sub(r"^(\w+\(\))$", r"found.append(\1)", block.replace('"/data/', f'"{tmp_path}/data/'), flags=re.MULTILINE)
    exec(compile(block, page, "exec"), {**values, "found": found})
    (dag,) = found
    return dag


def answer() -> dict[str, Any]:
    at = datetime.now(UTC) + timedelta(seconds=5)
    return {"chosen_options": ["Approve"], "params_input": {}, "responded_at": at, "responded_by_user": {"id": "1", "name": "Ann"}}


@pytest.mark.bigcommerce_sandbox(products=5)
def test_the_pages_change_prices_and_take_them_back(tmp_path: Path, connected: Sandbox) -> None:
    before = {row["sku"]: row["price"] for row in connected.store.rows("products")}
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "in" / "prices.csv").write_text("\n".join(["sku,price", *(f"{sku},8.25" for sku in before)]))

    dag = dag_of("approve-a-change.md", tmp_path)
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "plan": {"approve", "apply"},
        "approve": {"apply"},
        "apply": set(),
    }
    plan: Any = dag.get_task("plan").execute({})
    apply: Any = dag.get_task("apply")
    apply.plan, apply.approval = plan, answer()
    applied = apply.execute({})
    assert applied["counts"] == {"updated": 5}
    assert {row["price"] for row in connected.store.rows("products")} == {8.25}

    dag = dag_of("undo-a-change.md", tmp_path)
    undo: Any = dag.get_task("undo")
    undo.outcome = applied["manifest"]
    apply = dag.get_task("apply")
    apply.plan, apply.approval = undo.execute({}), answer()
    assert apply.execute({})["counts"] == {"updated": 5}
    assert {row["sku"]: row["price"] for row in connected.store.rows("products")} == before


@pytest.mark.parametrize(
    ("counts", "is_asked"),
    [
        ({"input": 0}, False),
        ({"input": 5, "unchanged": 5}, False),
        ({"input": 5, "unchanged": 4, "update": 1}, True),
        ({"input": 5, "unchanged": 4, "rejected": 1}, True),
    ],
    ids=["empty", "equal", "changes", "only a rejected row"],
)
def test_a_person_is_asked_only_if_there_is_something_to_decide(counts: dict[str, int], is_asked: bool) -> None:
    block = FENCE.findall((PAGES / "approve-a-change.md").read_text())[1]
    example = (PAGES.parents[1] / "dags" / "bigcommerce_prices.py").read_text()
    [decides] = [line.strip() for line in block.splitlines() if "return" in line]
    names: dict[str, Any] = {}
    exec(compile(block, "approve-a-change.md", "exec"), names)

    assert names["is_anything_to_decide"].function({"counts": counts}) is is_asked
    assert decides in example
