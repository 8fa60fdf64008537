"""Tables filled from the sandbox, in SQLite and PostgreSQL: every row of the store, each field in its column."""

from __future__ import annotations

import pytest

from tests.sql.conftest import Warehouse

SIX = ("products", "product_variants", "brands", "categories", "customers", "orders")


@pytest.mark.parametrize("resource", SIX)
def test_a_full_copy_holds_every_row_of_the_store(warehouse: Warehouse, resource: str) -> None:
    manifest = warehouse.run(resource)

    key = "category_id" if resource == "categories" else "id"
    expected = [row[key] for row in warehouse.sandbox.store.rows(resource)]
    assert warehouse.column(f'SELECT {key} FROM "{resource}" ORDER BY {key}') == sorted(expected)
    assert manifest["rows"] == len(expected)
