"""A copy as Arrow batches: the newest row of each key, whatever the files are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import arrow_schema
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.read_copy import read_copy
from tests.transfers.conftest import Night

FORMATS = ["parquet", "jsonl", "jsonl.gz", "jsonl.zst"]

pytestmark = pytest.mark.bigcommerce_sandbox(orders=12)


def rows(night: Night, resource: str = "orders", *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    return [row for batch in read_copy(str(night.path), resource, *args, **kwargs) for row in batch.to_pylist()]


def with_changes(night: Night, **arguments: Any) -> tuple[int, int, int]:
    """A copy of several runs: one row edited, one added, one deleted; their keys."""
    store = night.sandbox.store
    night.run("r1", **arguments)
    edited, deleted = (row["id"] for row in store.rows("orders")[:2])
    night.later(timedelta(hours=1))
    store.edit("orders", edited, staff_notes="edited")
    added = store.add_order(lines=1)["id"]
    store.delete("orders", deleted)
    night.run("r2", after=timedelta(hours=1), deletes="detect", **arguments)
    return edited, added, deleted


@pytest.mark.parametrize("stamp", [False, True])
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_newest_row_of_each_key_comes_once_and_deleted_ones_do_not(night: Night, file_format: str, stamp: bool) -> None:
    edited, added, deleted = with_changes(night, file_format=file_format, stamp=stamp)

    found = {row["id"]: row for row in rows(night)}
    assert len(rows(night)) == len(found)
    assert sorted(found) == [row["id"] for row in night.sandbox.store.rows("orders")]
    assert found[edited]["staff_notes"] == "edited"
    assert added in found
    assert deleted not in found
    everything = {row["id"]: row for row in rows(night, deleted=True)}
    assert everything.keys() == {*found, deleted}
    assert everything[deleted]["_deleted_at"] is not None
    assert (everything[edited]["_store_hash"] is not None) == (stamp or file_format == "parquet")


@pytest.mark.parametrize("file_format", FORMATS)
def test_all_batches_have_the_schema_of_the_resource_and_rows(night: Night, file_format: str) -> None:
    with_changes(night, file_format=file_format)
    night.run("r3", after=timedelta(hours=1), file_format=file_format)  # a run without rows

    batches = list(read_copy(str(night.path), "orders"))
    assert {batch.schema for batch in batches} == {arrow_schema("orders")}
    assert all(batch.num_rows for batch in batches)


def test_a_copy_whose_files_are_of_several_formats_is_one_copy(night: Night) -> None:
    for number, file_format in enumerate(FORMATS):
        night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[number]["id"], staff_notes=file_format)
        night.run(f"r{number}", after=timedelta(hours=1), file_format=file_format)

    assert {row["staff_notes"] for row in rows(night, "orders", ["staff_notes"])} >= set(FORMATS)
    assert len(rows(night)) == 12


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_columns_come_in_the_order_that_was_asked_for(night: Night, file_format: str) -> None:
    with_changes(night, file_format=file_format, stamp=True)

    for batch in read_copy(str(night.path), "orders", ["total_inc_tax", "id", "_synced_at"]):
        assert batch.schema.names == ["total_inc_tax", "id", "_synced_at"]
        assert batch.column("_synced_at").null_count == 0
    assert all(set(row) == {"staff_notes"} for row in rows(night, "orders", ["staff_notes"]))


def test_what_the_transfer_adds_to_json_lines_is_not_told_as_an_unknown_field(night: Night) -> None:
    with_changes(night, file_format="jsonl", stamp=True)

    assert not [row for row in rows(night, deleted=True) if "_synced_at" in (row["_extra"] or "")]


def test_a_resource_without_a_key_has_the_rows_of_the_newest_run_that_wrote_any(night: Night) -> None:
    for run in ("r1", "r2"):
        night.run(run, "customer_settings", after=timedelta(hours=1), mode="full", file_format="parquet")

    assert len(committed(str(night.path), "customer_settings")) == 2
    assert len(rows(night, "customer_settings")) == 1


def test_a_column_that_there_is_not_is_refused_with_those_that_there_are(night: Night) -> None:
    night.run("r1")

    with pytest.raises(InvalidQueryError, match=r"orders has no column 'totl'. Accepted: id, "):
        read_copy(str(night.path), "orders", ["totl"])


def test_a_path_without_a_copy_is_refused_at_once(night: Night) -> None:
    with pytest.raises(InvalidQueryError, match="holds no committed run of 'orders'"):
        read_copy(str(night.path), "orders")


def test_a_column_of_a_type_of_an_earlier_version_is_told_and_can_be_left_out(night: Night) -> None:
    import pyarrow.parquet as pq

    night.run("r1", file_format="parquet")
    [file] = committed(str(night.path), "orders")[0].files
    table = pq.read_table(night.path / file.path)
    at = table.schema.get_field_index("staff_notes")
    pq.write_table(table.set_column(at, "staff_notes", pa.array([["a", "list"]] * len(table))), night.path / file.path)

    with pytest.raises(DestinationError, match=r"has 'staff_notes' as list.*Give columns= without that one"):
        rows(night)
    assert len(rows(night, "orders", ["id"])) == 12
