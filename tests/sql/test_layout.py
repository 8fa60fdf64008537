"""Names and types of tables, for every resource that has a schema."""

from __future__ import annotations

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.targets.sql.layout import LONGEST_NAME, NESTED, layout_of, short

KEYED = sorted(name for name, row in CATALOG.items() if row.primary_key)


@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("resource", KEYED)
def test_every_resource_with_a_key_has_tables_whose_names_are_unique_and_short_enough(resource: str, nested: str) -> None:
    row = CATALOG[resource]
    layout = layout_of(columns_of(row), resource, nested, row.primary_key)

    names = [table.name.lower() for table in layout.tables]
    assert len(set(names)) == len(names)
    for table in layout.tables:
        columns = [column.name for column in table.columns]
        assert len({column.lower() for column in columns}) == len(columns)
        assert set(table.key) <= set(columns)
        assert max(len(name.encode()) for name in (*columns, table.name)) <= LONGEST_NAME
        assert len(columns) < 1600  # PostgreSQL's limit


def test_lists_of_one_name_share_a_table_unless_their_types_contradict_each_other() -> None:
    orders = layout_of(columns_of(CATALOG["orders"]), "orders", "tables", ("id",)).children
    checkouts = layout_of(columns_of(CATALOG["checkouts"]), "checkouts", "tables", ("id",)).children

    assert {orders[f"consignments.{kind}[].line_items"].name for kind in ("pickups", "shipping")} == {"orders__line_items"}
    discounts = [table.name for path, table in checkouts.items() if path.endswith("discounts") and "applied" not in path]
    assert len(set(discounts)) == len(discounts) > 1


def test_a_long_name_is_cut_and_stays_unique() -> None:
    one, other = short("x" * 100 + "a"), short("x" * 100 + "b")

    assert one != other
    assert len(one) <= LONGEST_NAME
