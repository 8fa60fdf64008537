"""Incremental loads of lists without a change date: read whole, and rows that did not change are not written again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.targets.sql.sql_target import IntoTables, SqlTarget
from tests.sql.warehouse import Warehouse

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_unchanged_rows_are_left_as_they_are(warehouse: Warehouse, nested: str) -> None:
    store = warehouse.sandbox.store
    first = warehouse.run("coupons", mode="incremental", nested=nested)
    [edited, *_] = store.rows("coupons")
    store.edit("coupons", edited["id"], name="edited")
    added = store.add("coupons", name="added")

    second = warehouse.run("coupons", after=HOUR, mode="incremental", nested=nested)
    third = warehouse.run("coupons", after=HOUR, mode="incremental", nested=nested)

    count = store.count("coupons")
    assert [run["rows"] for run in (first, second, third)] == [count - 1, 2, 0]
    assert [run["duplicates_dropped"] for run in (first, second, third)] == [0, count - 2, count]
    latest = "SELECT id FROM coupons WHERE _synced_at = (SELECT max(_synced_at) FROM coupons)"
    assert set(warehouse.column(latest)) == {edited["id"], added["id"]}
    assert dict(warehouse.query("SELECT id, name FROM coupons")) == {row["id"]: row["name"] for row in store.rows("coupons")}


def test_the_manifest_has_an_open_window_and_says_when_the_list_was_read(warehouse: Warehouse) -> None:
    manifest = warehouse.run("brands", after=HOUR, mode="incremental")

    assert (manifest["window"], manifest["watermark"]) == ({"since": None, "until": None}, "2026-03-29T13:00:00Z")


def test_a_full_load_after_an_incremental_one_rewrites_every_row_and_the_next_incremental_none(warehouse: Warehouse) -> None:
    runs = [warehouse.run("brands", after=HOUR, mode=mode)["rows"] for mode in ("incremental", "full", "incremental")]

    count = warehouse.sandbox.store.count("brands")
    assert runs == [count, count, 0]


def test_rows_loaded_before_there_were_hashes_are_written_once_more(warehouse: Warehouse) -> None:
    warehouse.run("brands")
    warehouse.do("ALTER TABLE brands DROP COLUMN _row_hash")

    count = warehouse.sandbox.store.count("brands")
    assert [warehouse.run("brands", after=HOUR, mode="incremental")["rows"] for _ in range(2)] == [count, 0]


def test_rows_that_became_columns_by_other_rules_are_written_once_more(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a price that was null by the old rules would stay so while the store's row does not change."""
    with monkeypatch.context() as before:
        before.setattr("airflow_provider_bigcommerce.rows.row_digest._RULES", b"columns 1")
        warehouse.run("brands", mode="incremental")

    count = warehouse.sandbox.store.count("brands")
    assert [warehouse.run("brands", after=HOUR, mode="incremental")["rows"] for _ in range(2)] == [count, 0]


def test_a_slower_run_moves_nothing_back(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    store = warehouse.sandbox.store
    [brand, *_] = store.rows("brands")
    warehouse.run("brands", mode="incremental")
    slow, begin = warehouse.operator("brands", mode="incremental"), SqlTarget.begin

    def overtaken(*arguments: Any) -> IntoTables:
        monkeypatch.setattr(SqlTarget, "begin", begin)
        warehouse.run("brands", after=HOUR, mode="incremental")
        store.edit("brands", brand["id"], name="as a run that began earlier read it")
        return begin(*arguments)

    monkeypatch.setattr(SqlTarget, "begin", overtaken)  # it began, and another one ends before it reads on

    assert slow.execute({})["rows"] == 0
    assert warehouse.column(f"SELECT name FROM brands WHERE id = {brand['id']}") == [brand["name"]]


def test_a_bound_that_cannot_be_sent_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(InvalidQueryError, match="no filter by change date for 'brands'"):
        warehouse.run("brands", mode="incremental", since="2026-03-01T00:00:00Z")
