"""The reference of writes says what the catalog says."""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog.operations import OPERATIONS
from tests.tools.generate_writes_page import PAGE, page


def test_the_page_of_writes_is_the_one_that_the_catalog_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m tests.tools.generate_writes_page"


def test_every_call_has_one_line_of_its_own() -> None:
    lines = page().split("## Deletes that need their keys")[0].splitlines()

    assert all(sum(f"| `{write.name}` |" in line for line in lines) == 1 for write in OPERATIONS.values())
