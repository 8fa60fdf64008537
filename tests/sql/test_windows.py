"""Windows of incremental loads at their edges: one second, no row, a wrong clock, a damaged state, odd dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from tests.sql.warehouse import Warehouse

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NO_OVERLAP = timedelta(0)


def the_table_is_the_store(warehouse: Warehouse) -> None:
    expected = sorted((row["id"], row["staff_notes"]) for row in warehouse.sandbox.store.rows("orders"))
    assert sorted(warehouse.query("SELECT id, staff_notes FROM orders")) == expected


def test_many_rows_of_one_second_on_the_edge_of_a_window_are_all_there(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    warehouse.moment += HOUR
    for number in range(4):
        store.add_order(lines=1, staff_notes=f"before the read {number}")
    warehouse.run("orders", "r1", mode="incremental", overlap=NO_OVERLAP)
    for number in range(3):
        store.add_order(lines=1, staff_notes=f"after the read, in its last second {number}")

    second = warehouse.run("orders", "r2", after=DAY, mode="incremental", overlap=NO_OVERLAP)

    assert second["window"]["since"] == "2026-03-29T13:00:00Z"
    the_table_is_the_store(warehouse)


def test_a_second_edit_within_the_last_second_of_a_window_is_not_lost(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    warehouse.moment += HOUR
    order = store.add_order(lines=1, staff_notes="first")["id"]
    warehouse.run("orders", "r1", mode="incremental", overlap=NO_OVERLAP)
    store.edit("orders", order, staff_notes="second, within the same second")

    warehouse.run("orders", "r2", after=DAY, mode="incremental", overlap=NO_OVERLAP)

    the_table_is_the_store(warehouse)


def test_a_window_without_a_row_moves_the_watermark_and_nothing_else(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    before = warehouse.contents()["orders"]

    empty = warehouse.run("orders", "r2", after=DAY, mode="incremental")

    assert (empty["rows"], empty["watermark"]) == (0, "2026-03-30T12:00:00Z")
    assert warehouse.contents()["orders"] == before
    assert warehouse.run("orders", "r3", after=DAY, mode="incremental")["window"]["since"] == "2026-03-30T11:55:00Z"


def test_a_watermark_in_the_future_is_refused(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", after=DAY, mode="incremental")
    before = warehouse.contents()

    with pytest.raises(InvalidQueryError, match="watermark 2026-03-30T12:00:00Z lies after this window's end 2026-03-29T12:00:00Z"):
        warehouse.run("orders", "r2", after=-DAY, mode="incremental")

    assert warehouse.contents() == before


@pytest.mark.parametrize("warehouse", ["sqlite"], indirect=True)  # PostgreSQL's column takes nothing but a moment
def test_a_damaged_watermark_is_refused_with_what_it_holds(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.do("UPDATE _bigcommerce_syncs SET watermark = 'soon'")
    warehouse.sandbox.store.requests.clear()

    with pytest.raises(InvalidQueryError, match=r"watermark of .*orders.* in .*_bigcommerce_syncs.* cannot be read.*'soon'"):
        warehouse.run("orders", "r2", after=DAY, mode="incremental")

    assert warehouse.sandbox.store.requests == []


def test_a_manifest_of_the_run_that_is_damaged_is_refused_with_where_it_stands(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.do("UPDATE _bigcommerce_syncs SET manifest = '[]'")

    with pytest.raises(InvalidQueryError, match=r"manifest of run .*r1.* in .*_bigcommerce_syncs.* cannot be read"):
        warehouse.run("orders", "r1", after=DAY, mode="incremental")


def test_the_days_on_which_a_clock_is_changed_are_days_like_any_other(warehouse: Warehouse) -> None:
    """The store's clock is read in UTC: the hour that summer time leaves out or repeats is an hour."""
    store = warehouse.sandbox.store
    for change in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 12, 31, 22, tzinfo=UTC)):
        for hour in range(4):
            warehouse.moment = change + hour * HOUR
            store.add_order(lines=1, staff_notes=f"{warehouse.moment}")
            warehouse.run("orders", f"{warehouse.moment}", after=HOUR / 2, mode="incremental", overlap=NO_OVERLAP)

    the_table_is_the_store(warehouse)


def test_a_row_that_carries_a_leap_second_is_kept_with_that_date_as_it_came(warehouse: Warehouse) -> None:
    order = warehouse.sandbox.store.add_order(lines=1, date_shipped="Sat, 31 Dec 2016 23:59:60 +0000")["id"]

    manifest = warehouse.run("orders", "r1", mode="incremental")

    [(shipped, extra)] = warehouse.query(f"SELECT date_shipped, _extra FROM orders WHERE id = {order}")
    assert shipped is None
    assert warehouse.json(extra)["date_shipped"] == "Sat, 31 Dec 2016 23:59:60 +0000"
    assert [drift["path"] for drift in manifest["drift"]] == ["date_shipped"]
    the_table_is_the_store(warehouse)
