"""The reference of resources says what the catalog says."""

from __future__ import annotations

from airflow_provider_bigcommerce.core.catalog import CATALOG
from tests.tools.generate_resources_page import AREAS, PAGE, page


def test_the_page_of_resources_is_the_one_that_the_catalog_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m tests.tools.generate_resources_page"


def test_every_area_has_a_heading_and_every_heading_rows() -> None:
    assert set(AREAS) == {row.area for row in CATALOG.values()}


def test_every_resource_has_one_line_of_its_own() -> None:
    lines = page().splitlines()

    assert all(sum(line.startswith(f"| `{name}` |") for line in lines) == 1 for name in CATALOG)
