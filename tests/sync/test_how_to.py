"""The DAGs on the how-to pages are DAGs, and mean what the pages say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import PROJECT


def dags_of(page: str) -> list[Any]:
    """Each Python block of a page, executed, as the DAG it makes."""
    from airflow.sdk import DAG

    found = []
    for block in re.findall(r"^```python\n(.*?)^```", (PROJECT / "docs" / "how-to" / page).read_text(), re.M | re.S):
        code = re.sub(r"^(with DAG\((?:.|\n)*?\)):$", r"\1 as found:", block, count=1, flags=re.M)
        names: dict[str, Any] = {}
        exec(compile(code, page, "exec"), names)
        assert isinstance(names["found"], DAG)
        found.append(names["found"])
    return found


PAGES = ("sync-a-whole-store.md", "many-stores.md", "react-to-new-data.md", "compact-a-copy.md", "object-stores.md", "live-copy.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_the_page_is_a_dag(page: str) -> None:
    for dag in dags_of(page):
        dag.validate()
        assert dag.tasks


def test_the_examples_of_a_whole_store_are_what_the_page_says() -> None:
    listed, with_own_arguments, everything = dags_of("sync-a-whole-store.md")

    assert {task.task_id for task in listed.tasks} == {
        f"bigcommerce_sync.{name}" for name in ("orders", "customers", "products", "brands", "summary", "compact")
    }
    orders, variants = (with_own_arguments.get_task(f"bigcommerce_sync.{name}") for name in ("orders", "product_variants"))
    assert (orders.nested, orders.initial_since) == ("tables", "2025-01-01T00:00:00Z")
    assert (variants.nested, variants.initial_since, variants.include) == ("json", None, [])
    assert {task.task_id for task in everything.tasks} == {
        f"bigcommerce_sync.{name}" for name in ("readable", "copy", "summary", "compact")
    }
    assert everything.get_task("bigcommerce_sync.readable").with_each_parent is False
