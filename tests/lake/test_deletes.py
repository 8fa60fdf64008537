"""Deletes and compared lists in a lake's table: marked, dropped and left alone in the commit of the run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import TooManyDeletedError
from tests.lake.conftest import Lake

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def many_brands(lake: Lake) -> None:
    """The sandbox has three."""
    for number in range(12):
        lake.sandbox.store.add("brands", name=f"brand {number}")


def delete_some(lake: Lake, resource: str, count: int = 2) -> set[Any]:
    gone = [row["id"] for row in lake.sandbox.store.rows(resource)][3 : 3 + count]
    assert all(lake.sandbox.store.delete(resource, row_id) for row_id in gone)
    return set(gone)


def ids(lake: Lake, resource: str) -> set[Any]:
    return {row["id"] for row in lake.sandbox.store.rows(resource)}


CASES = [("products", "incremental"), ("customers", "incremental"), ("brands", "incremental"), ("brands", "full")]


@pytest.mark.parametrize(("resource", "mode"), CASES)
def test_a_deleted_row_is_marked_once_and_keeps_what_it_held(lake: Lake, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "detect", "max_deleted_percent": 50}
    lake.run(resource, **arguments)
    before = lake.rows(resource)
    gone = delete_some(lake, resource)

    second = lake.run(resource, after=HOUR, **arguments)
    noticed = lake.moment
    third = lake.run(resource, after=HOUR, **arguments)

    assert (second["deleted"], third["deleted"]) == (2, 0)
    marked = {key: row for key, row in lake.rows(resource).items() if row["_deleted_at"] is not None}
    assert marked == {key: {**before[key], "_deleted_at": noticed} for key in gone}
    assert {key for key in lake.rows(resource) if key not in marked} == ids(lake, resource)


@pytest.mark.parametrize(("resource", "mode"), CASES)
def test_a_deleted_row_goes_where_that_is_asked(lake: Lake, resource: str, mode: str) -> None:
    arguments: dict[str, Any] = {"mode": mode, "deletes": "delete", "max_deleted_percent": 50}
    lake.run(resource, **arguments)
    gone = delete_some(lake, resource)

    assert lake.run(resource, after=HOUR, **arguments)["deleted"] == len(gone)
    assert set(lake.rows(resource)) == ids(lake, resource)


@pytest.mark.parametrize("deletes", ["detect", "delete"])
@pytest.mark.parametrize("resource", ["products", "brands"])
def test_a_row_that_comes_back_is_alive_again(lake: Lake, resource: str, deletes: str) -> None:
    store = lake.sandbox.store
    arguments: dict[str, Any] = {"mode": "incremental", "deletes": deletes}
    lake.run(resource, **arguments)
    row = store.rows(resource)[3]
    store.delete(resource, row["id"])
    lake.run(resource, after=HOUR, **arguments)
    store.add(resource, **row)
    if resource == "products":
        store.edit(resource, row["id"], date_modified=row["date_modified"] if deletes == "detect" else lake.moment.isoformat())

    lake.run(resource, after=HOUR, **arguments)

    found = lake.rows(resource)
    assert set(found) == ids(lake, resource)
    assert found[row["id"]]["_deleted_at"] is None


def test_deletes_are_ignored_unless_asked_for_even_by_a_full_read(lake: Lake) -> None:
    lake.run("brands")
    gone = delete_some(lake, "brands")

    full = lake.run("brands", after=HOUR)

    assert full["deleted"] == 0
    assert set(lake.rows("brands")) == ids(lake, "brands") | gone


def test_an_order_that_the_store_only_archived_is_marked_with_what_it_holds_now(lake: Lake) -> None:
    lake.run("orders", mode="incremental", deletes="detect")
    order = lake.sandbox.store.rows("orders")[2]
    lake.sandbox.store.edit("orders", order["id"], is_deleted=True)

    second = lake.run("orders", after=HOUR, mode="incremental", deletes="detect")

    row = lake.rows()[order["id"]]
    assert (second["rows"], second["deleted"]) == (0, 1)
    assert (row["is_deleted"], row["_deleted_at"]) == (True, lake.moment)


def test_too_many_deleted_rows_change_nothing(lake: Lake) -> None:
    lake.run("brands", deletes="detect")
    before, files = lake.rows("brands"), lake.files("brands")
    delete_some(lake, "brands", 8)

    with pytest.raises(TooManyDeletedError):
        lake.run("brands", after=HOUR, deletes="detect")
    assert (lake.rows("brands"), lake.files("brands")) == (before, files)


@pytest.mark.parametrize("nested", ["struct", "json"])
def test_rows_of_a_compared_list_that_did_not_change_are_left_as_they_are(lake: Lake, nested: str) -> None:
    store = lake.sandbox.store
    first = lake.run("coupons", mode="incremental", nested=nested)
    [edited, *_] = store.rows("coupons")
    store.edit("coupons", edited["id"], name="edited")
    added = store.add("coupons", name="added")

    second = lake.run("coupons", after=HOUR, mode="incremental", nested=nested)
    changed_at = lake.moment
    third = lake.run("coupons", after=HOUR, mode="incremental", nested=nested)

    count = store.count("coupons")
    assert [run["rows"] for run in (first, second, third)] == [count - 1, 2, 0]
    assert [run["duplicates_dropped"] for run in (first, second, third)] == [0, count - 2, count]
    rows = lake.rows("coupons")
    assert {key for key, row in rows.items() if row["_synced_at"] == changed_at} == {edited["id"], added["id"]}
    assert {key: row["name"] for key, row in rows.items()} == {row["id"]: row["name"] for row in store.rows("coupons")}
    assert lake.table("coupons").version() == 2
    assert [action for action in lake.commit(2, "coupons") if "add" in action or "remove" in action] == []


def test_a_compared_run_that_began_earlier_than_the_last_one_leaves_its_rows(lake: Lake) -> None:
    brand = lake.sandbox.store.add("brands", name="later")
    lake.run("brands", "late", after=HOUR, mode="incremental")
    lake.sandbox.store.edit("brands", brand["id"], name="earlier")
    lake.sandbox.store.add("brands", name="new")
    before = lake.rows("brands")

    slow = slow_run(lake)

    assert slow["rows"] == 0
    assert lake.rows("brands") == before


def slow_run(lake: Lake) -> dict[str, Any]:
    """A run that began an hour before the last one, and ends after it."""
    context = lake.airflow.context("slow", "brands")
    until = lake.moment - HOUR
    checkpoint = {"until": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "since": None, "replaces": None}
    context["task_state_store"].set("bigcommerce_checkpoint", checkpoint)
    lake.moment -= HOUR
    context = lake.airflow.context("slow", "brands", try_number=2)
    return lake.operator("brands", mode="incremental").execute(context)
