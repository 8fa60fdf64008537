"""A lake's table held against the store: equal where it is, told and repaired where it is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_bigcommerce.exceptions import CopyMismatchError, InvalidQueryError
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from tests.lake.conftest import Lake

HOUR = timedelta(hours=1)


def prove(lake: Lake, resource: str, **arguments: Any) -> dict[str, Any]:
    arguments = {"lake": str(lake.path), "sample": None, "seed": 1, "days": 3, **arguments}
    return BigCommerceReconcileOperator(task_id="prove", resource=resource, **arguments).execute({})


def damage(lake: Lake, resource: str, change: Any) -> None:
    """Change the rows of the table's one part behind the log's back."""
    [part] = lake.parts(resource)
    table = change(pq.ParquetFile(part).read())
    pq.write_table(table, part)


def without_first(table: pa.Table) -> pa.Table:
    return table.slice(1)


def with_other_names(table: pa.Table) -> pa.Table:
    names = ["damaged", *table.column("name").to_pylist()[1:]]
    return table.set_column(table.schema.get_field_index("name"), table.schema.field("name"), pa.array(names))


@pytest.mark.parametrize("nested", ["struct", "json"])
@pytest.mark.parametrize("resource", ["orders", "products", "customers", "brands", "inventory_items"])
def test_a_copy_of_several_runs_equals_its_store(lake: Lake, resource: str, nested: str) -> None:
    for _ in range(3):
        lake.run(resource, mode="incremental", nested=nested, after=HOUR)
        if resource == "orders":
            lake.sandbox.store.add_order()
    if resource == "orders":
        lake.run(resource, mode="incremental", nested=nested, after=HOUR)

    report = prove(lake, resource, on_mismatch="fail")

    assert report["equal"]
    assert report["compared"] == lake.arrow(resource).num_rows > 0


@pytest.mark.parametrize("mode", ["incremental", "full"])
@pytest.mark.parametrize("resource", ["products", "brands"])
@pytest.mark.parametrize("change", [without_first, with_other_names], ids=["a row is missing", "a value differs"])
def test_a_difference_is_told_and_repaired(lake: Lake, resource: str, mode: str, change: Any) -> None:
    lake.run(resource, mode=mode)
    damage(lake, resource, change)
    with pytest.raises(CopyMismatchError):
        prove(lake, resource)

    report = prove(lake, resource, on_mismatch="repair")

    assert (report["equal"], report["repaired"]) == (True, 1)
    assert {key: row["name"] for key, row in lake.rows(resource).items()} == {
        row["id"]: row["name"] for row in lake.sandbox.store.rows(resource)
    }
    assert prove(lake, resource)["equal"]
    assert lake.run(resource, mode="incremental", after=HOUR)["window"]["since"] == (
        "2026-03-29T11:55:00Z" if resource == "products" and mode == "incremental" else None
    )


def test_a_deleted_row_that_was_noticed_is_no_difference(lake: Lake) -> None:
    lake.run("products", mode="incremental", deletes="detect")
    lake.moment += HOUR
    lake.sandbox.store.delete("products", lake.sandbox.store.rows("products")[0]["id"])
    assert not prove(lake, "products", on_mismatch="warn")["equal"]

    lake.run("products", mode="incremental", deletes="detect")

    assert prove(lake, "products")["equal"]


def test_no_table_and_two_places_are_refused(lake: Lake) -> None:
    with pytest.raises(InvalidQueryError, match="holds no table that BigCommerceToLakeOperator has filled with 'orders'"):
        prove(lake, "orders")
    with pytest.raises(InvalidQueryError, match="one of them"):
        prove(lake, "orders", path=str(Path("/data/files")))
