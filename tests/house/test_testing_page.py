"""The tests on the page about testing pass, word for word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.conftest import PROJECT

PAGE = PROJECT / "docs" / "how-to" / "test-your-dag.md"


def names_of(number: int) -> dict[str, Any]:
    """What the page's Python block of that number defines."""
    block = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)[number]
    names: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), names)
    return names


@pytest.mark.bigcommerce_sandbox(products=20, orders=5)
@pytest.mark.parametrize("name", ["test_a_new_order_is_in_the_copy", "test_two_failed_requests_change_nothing"])
def test_a_test_of_the_page_passes(name: str, bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names_of(0)[name](bigcommerce_sandbox, monkeypatch, tmp_path)


def test_every_test_of_the_page_is_run_here() -> None:
    assert {name for name in names_of(0) if name.startswith("test_")} == {
        "test_a_new_order_is_in_the_copy",
        "test_two_failed_requests_change_nothing",
    }


def test_the_examples_can_be_imported_as_the_page_tests_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)

    names_of(1)["test_every_dag_can_be_imported"]()
