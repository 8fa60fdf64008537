"""What the pages say of differences and new fields is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.ways import Ways
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

DOCS = Path(__file__).parents[2] / "docs"


def test_a_view_gives_a_new_field_a_column_before_a_release_does(connected: Sandbox, tmp_path: Path) -> None:
    path = "/v3/inventory/locations/{location_id}/items"
    connected.store.ways = Ways(rows={path: lambda row: {**row, "qty_on_the_way": row["identity"]["variant_id"] + 1}})
    manifest = BigCommerceToObjectStorageOperator(
        task_id="copy", resource="location_inventory_items", path=str(tmp_path), file_format="parquet"
    ).execute({})
    [view] = re.findall(r"```sql\n(CREATE VIEW stock .*?)```", (DOCS / "how-it-reads.md").read_text(), re.S)

    assert [(each["path"], each["kind"]) for each in manifest["drift"]] == [("qty_on_the_way", "new_field")]
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW location_inventory_items AS FROM '{tmp_path}/location_inventory_items/run=*/*.parquet'")
        database.execute(view)
        rows = database.execute("SELECT identity.variant_id, on_the_way FROM stock").fetchall()
        [(kind,)] = database.execute("SELECT DISTINCT typeof(on_the_way) FROM stock").fetchall()

    assert len(rows) == manifest["rows"] > 0
    assert kind == "BIGINT"
    assert all(on_the_way == variant + 1 for variant, on_the_way in rows)


@pytest.mark.parametrize("page", ["how-to/report-differences.md", "reference/report.md"])
def test_the_pages_name_each_other_and_stand_in_the_index(page: str) -> None:
    assert f"]({page})" in (DOCS / "README.md").read_text()
