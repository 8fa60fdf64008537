"""Tables that a run does not go on with: told before a request is sent, and left as they are."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import PrimitiveType
from deltalake.transaction import create_table_with_add_actions

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.targets.lake.table_schema import layout_of
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.lake.conftest import Lake

HOUR = timedelta(hours=1)


def refused(lake: Lake, words: str, resource: str = "brands", **arguments: Any) -> None:
    lake.sandbox.store.requests.clear()
    with pytest.raises(InvalidQueryError, match=words):
        lake.run(resource, **arguments)
    assert lake.sandbox.store.requests == []


def made(lake: Lake, schema: pa.Schema, description: str | None = None, **configuration: str) -> None:
    (lake.path / "brands").mkdir(parents=True)
    create_table_with_add_actions(
        str(lake.path / "brands"), Schema.from_arrow(schema), [], description=description, configuration=configuration
    )


def test_a_connection_swapped_to_another_store_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.run("brands", "r1", mode="incremental")
    before = lake.rows("brands")
    swapped = json.loads(json.dumps(lake.sandbox.connection).replace(lake.sandbox.store_hash, "other1"))
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(swapped))

    for mode in ("incremental", "full"):
        refused(lake, rf"filled from the store '{lake.sandbox.store_hash}'.*now points to 'other1'", mode=mode)
    assert lake.rows("brands") == before


@pytest.mark.parametrize(
    "description", [None, "our brands", '{"made_by": "somebody"}', "[1]", '{"made_by": "airflow-provider-bigcommerce"}']
)
def test_a_table_that_somebody_else_made_is_refused(lake: Lake, description: str | None) -> None:
    made(lake, layout_of(CATALOG["brands"], "struct").arrow, description)

    refused(lake, "was not made by this provider")
    assert lake.table("brands").version() == 0


def identity(lake: Lake, **other: Any) -> str:
    own = {"made_by": "airflow-provider-bigcommerce", "format": 1, "resource": "brands", "nested": "struct"}
    return json.dumps({**own, "store_hash": lake.sandbox.store_hash, **other})


def test_a_table_in_the_way_of_a_later_version_is_refused(lake: Lake) -> None:
    made(lake, layout_of(CATALOG["brands"], "struct").arrow, identity(lake, format=2))

    refused(lake, "is kept in the way 2 of a later version")


def test_a_table_with_features_that_we_do_not_write_is_refused(lake: Lake) -> None:
    made(lake, layout_of(CATALOG["brands"], "struct").arrow, identity(lake), **{"delta.enableDeletionVectors": "true"})

    refused(lake, "uses features of Delta Lake that this provider does not write")


def test_a_table_of_another_resource_or_way_of_nesting_is_refused(lake: Lake) -> None:
    lake.run("brands")
    refused(lake, "made with nested='struct', and this run has nested='json'", nested="json")
    shutil.copytree(lake.path / "brands", lake.path / "coupons")

    refused(lake, "made with resource='brands', and this run has resource='coupons'", "coupons")


def test_a_column_of_another_type_is_refused(lake: Lake) -> None:
    wanted = layout_of(CATALOG["brands"], "struct").arrow
    at = wanted.get_field_index("name")
    made(lake, wanted.set(at, pa.field("name", pa.int64())), identity(lake))

    refused(lake, "name is long, needed is string.*do not widen")


def test_a_directory_with_a_copy_in_files_is_refused(lake: Lake) -> None:
    BigCommerceToObjectStorageOperator(task_id="files", resource="brands", path=str(lake.path)).execute({})
    before = sorted(lake.path.rglob("*"))

    refused(lake, "holds files that are no table of a lake")
    assert sorted(lake.path.rglob("*")) == before


def test_a_directory_with_parquet_files_of_somebody_else_is_refused(lake: Lake) -> None:
    """Tidying would remove them a week later."""
    (lake.path / "brands").mkdir(parents=True)
    theirs = lake.path / "brands" / "part-00000-0d8c6d5e-aaaa-bbbb-cccc-c000.snappy.parquet"
    theirs.write_bytes(b"theirs")

    refused(lake, "holds files that are no table of a lake")
    assert theirs.exists()


def test_what_killed_first_tries_left_is_no_hindrance(lake: Lake) -> None:
    (lake.path / "brands").mkdir(parents=True)
    (lake.path / "brands" / f"part-{'0' * 32}.parquet").write_bytes(b"left")

    assert lake.run("brands")["rows"] == len(lake.rows("brands")) > 0


def test_a_resource_without_a_key_is_kept_by_full_reads_alone() -> None:
    words = r"'cart_settings' has no key.*mode='incremental' cannot be kept in a table. Use mode='full'"
    with pytest.raises(InvalidQueryError, match=words):
        BigCommerceToLakeOperator(task_id="t", resource="cart_settings", path="/data/shop", mode="incremental")


def test_a_full_read_of_a_resource_without_a_key_replaces_all_rows_in_one_commit(lake: Lake) -> None:
    lake.run("cart_settings")
    lake.run("cart_settings", after=HOUR)

    assert [row["_synced_at"] for row in lake.arrow("cart_settings").to_pylist()] == [lake.moment]
    assert [*map(len, ([a for a in lake.commit(1, "cart_settings") if kind in a] for kind in ("add", "remove")))] == [1, 1]


def test_a_full_read_of_a_resource_without_a_key_that_began_earlier_leaves_the_later_rows(lake: Lake) -> None:
    lake.run("cart_settings", after=HOUR)
    later = lake.moment
    lake.run("cart_settings", after=-HOUR)

    assert [row["_synced_at"] for row in lake.arrow("cart_settings").to_pylist()] == [later]


@pytest.mark.parametrize("arguments", [{"nested": "tables"}, {"keep": 7}, {"path": ""}, {"deletes": "purge"}])
def test_arguments_that_cannot_work_are_refused_where_the_dag_is_parsed(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match=r"Accepted|path=|keep="):
        BigCommerceToLakeOperator(task_id="t", resource="orders", **{"path": "/data/shop", **arguments})


def test_a_column_that_is_new_is_added_before_the_data(lake: Lake) -> None:
    """As of a table that an earlier version of this provider made, whose schema lacked some fields."""
    wanted = layout_of(CATALOG["customers"], "struct").arrow
    lacking = [field for field in wanted if field.name != "notes"]
    (lake.path / "customers").mkdir(parents=True)
    create_table_with_add_actions(
        str(lake.path / "customers"), Schema.from_arrow(pa.schema(lacking)), [], description=identity(lake, resource="customers")
    )

    lake.run("customers", mode="incremental")

    assert {row["notes"] for row in lake.rows("customers").values()} == {row["notes"] for row in lake.sandbox.store.rows("customers")}


def test_a_column_that_somebody_added_is_kept(lake: Lake) -> None:
    lake.run("customers", mode="incremental")
    lake.table("customers").alter.add_columns([Field("segment", PrimitiveType("string"))])
    [changed, *_] = lake.sandbox.store.rows("customers")
    lake.moment += HOUR
    lake.sandbox.store.edit("customers", changed["id"], notes="edited")

    lake.run("customers", mode="incremental")

    assert lake.rows("customers")[changed["id"]]["notes"] == "edited"
    assert {row["segment"] for row in lake.rows("customers").values()} == {None}


def test_a_part_that_is_missing_is_told_and_nothing_is_committed(lake: Lake) -> None:
    lake.run("customers", mode="incremental")
    [part] = lake.parts("customers")
    part.unlink()
    lake.moment += HOUR
    lake.sandbox.store.edit("customers", lake.sandbox.store.rows("customers")[0]["id"], notes="edited")

    with pytest.raises(DestinationError, match=r"names .*part-.*, which is not there"):
        lake.run("customers", mode="incremental")
    assert DeltaTable(str(lake.path / "customers")).version() == 0
    assert lake.files("customers") == []
