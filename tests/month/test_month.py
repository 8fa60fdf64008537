"""A month passes, hour by hour: at its end the copy equals the store, whatever happened in between."""

from __future__ import annotations

import re

import pytest

from tests.month.comparing import differences, rows_of
from tests.month.living import OUTAGES, Month, shown
from tests.month.plan import FIVE_DAYS, MONTH, SIZE, Plan
from tests.sql.warehouse import Warehouse


@pytest.mark.parametrize(
    ("warehouse", "plan"),
    [
        pytest.param("sqlite", FIVE_DAYS, id="five days"),
        pytest.param("postgres", MONTH, id="a month", marks=[pytest.mark.postgres, pytest.mark.full, pytest.mark.timeout(900)]),
    ],
    indirect=["warehouse"],
)
@pytest.mark.bigcommerce_sandbox(**SIZE, quota="none")
def test_a_month_passes_and_the_copy_equals_the_store(plan: Plan, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    month = Month(plan, warehouse)
    for name, value in month.environment().items():
        monkeypatch.setenv(name, value)

    events = [kind for day in month.days() for _, kind, _ in day.events]

    for found in month.compared():
        assert found.marked == found.archived
        assert found.differences == []
        assert (found.report["changed"], found.report["missing"], found.report["deleted"]) == ([], [], [])
        assert found.report["compared"] == found.shown
        assert found.is_exact
        assert found.is_confirmed
    assert [events.count(kind) for kind in ("outage", "killed run", "backfill", "schema change")] == [5, 3, 1, 1]
    assert set(warehouse.sandbox.store.faults) == set(OUTAGES), "each outage happened"
    assert month.sync.happened["tries failed"] >= len(plan.outages)
    assert month.sync.happened["tries killed"] == len(plan.kills)
    assert month.shop.happened["orders"] > 90 * plan.days
    assert min(month.shop.happened.values()) > 2


@pytest.mark.parametrize("warehouse", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.bigcommerce_sandbox(products=3, orders=4, customers=3, quota="none")
def test_the_comparison_finds_a_row_that_was_damaged_one_that_is_missing_and_one_too_much(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    for order in store.rows("orders"):
        store.edit("orders", order["id"], staff_notes="fragile", loyalty={"points": 7})
    warehouse.run("orders", "r1")
    assert differences(shown(warehouse, "orders"), rows_of(warehouse, "orders", "id"), "id") == []
    one, two, three, four = sorted(order["id"] for order in store.rows("orders"))

    warehouse.do(f"UPDATE orders SET total_inc_tax = total_inc_tax + 0.01 WHERE id = {one}")
    warehouse.do(f"DELETE FROM orders WHERE id = {two}")
    store.delete("orders", three)
    store.edit("orders", four, loyalty={"points": 8}, date_modified="Sun, 01 Mar 2026 00:00:00 +0000")

    found = differences(shown(warehouse, "orders"), rows_of(warehouse, "orders", "id"), "id")
    assert [re.match(r"\d+: \w+|.*", line)[0] for line in found] == [  # type: ignore[index]  # .* matches
        f"{one}: total_inc_tax",
        f"{two} is missing",
        f"{three} is too much",
        f"{four}: date_modified",
        f"{four}: loyalty",
    ]
