"""A month passes, hour by hour: at its end the copy equals the store, whatever happened in between and wherever the copy is."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.compaction_plan import is_compaction
from airflow_provider_bigcommerce.targets.files.snapshots import find_copy
from airflow_provider_bigcommerce.targets.lake import table as lake_table
from tests.month.comparing import differences, rows_of
from tests.month.living import OUTAGES, TABLES, Month, shown
from tests.month.places import InFiles, InLake, InTables, Place
from tests.month.plan import FIVE_DAYS, MONTH, SIZE, Plan
from tests.sql.warehouse import Warehouse

A_MONTH = [pytest.mark.exhaustive, pytest.mark.timeout(900)]


def live(plan: Plan, place: Place, monkeypatch: pytest.MonkeyPatch) -> Month:
    """Live through it, and hold the copy against the store."""
    month = Month(plan, place)
    for name, value in month.environment().items():
        monkeypatch.setenv(name, value)

    events = [kind for day in month.days() for _, kind, _ in day.events]

    for found in month.compared():
        assert found.marked == found.archived, found.resource
        assert found.differences == []
        assert (found.report["changed"], found.report["missing"], found.report["deleted"]) == ([], [], [])
        assert found.report["compared"] == found.shown
        assert found.is_exact
        assert found.is_confirmed
    assert [events.count(kind) for kind in ("outage", "killed run", "backfill", "schema change")] == [5, 3, 1, 1]
    assert events.count("compaction") == (len(plan.compactions) if place.kind == "files" else 0)
    assert set(place.sandbox.store.faults) == set(OUTAGES), "each outage happened"
    assert month.sync.happened["tries failed"] >= len(plan.outages)
    assert month.sync.happened["tries killed"] == len(plan.kills)
    assert month.shop.happened["orders"] > 90 * plan.days
    assert min(month.shop.happened.values()) > 2
    return month


@pytest.mark.parametrize(
    ("warehouse", "plan"),
    [
        pytest.param("sqlite", FIVE_DAYS, id="five days"),
        pytest.param("postgres", MONTH, id="a month", marks=[pytest.mark.postgres, *A_MONTH]),
    ],
    indirect=["warehouse"],
)
@pytest.mark.bigcommerce_sandbox(**SIZE, quota="none")
def test_a_month_passes_and_the_tables_equal_the_store(plan: Plan, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    live(plan, InTables.of(warehouse), monkeypatch)


#: Minutes each, while the suite has three quarters of an hour: the tables' five days are in it.
LENGTHS = [
    pytest.param(FIVE_DAYS, id="five days", marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)]),
    pytest.param(MONTH, id="a month", marks=[pytest.mark.exhaustive, pytest.mark.timeout(1800)]),
]


@pytest.mark.parametrize("plan", LENGTHS)
@pytest.mark.bigcommerce_sandbox(**SIZE, quota="none")
def test_a_month_passes_with_compactions_in_it_and_the_files_equal_the_store(
    plan: Plan, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(plan, InFiles("files", str(tmp_path), bigcommerce_sandbox), monkeypatch)

    for resource in TABLES:
        copy = find_copy_of(tmp_path, resource)
        assert any(is_compaction(run) for run in copy), f"{resource} was never compacted"
    assert len(committed(str(tmp_path), "orders")) < 24 * plan.days / 2
    kept = {file.path for resource in TABLES for run in committed(str(tmp_path), resource) for file in run.files}
    there = {str(file.relative_to(tmp_path)) for file in tmp_path.glob("*/run=*/*.jsonl")}
    assert kept <= there
    assert len(list((tmp_path / "orders").glob("run=*"))) < 24 * plan.days, "what the first compaction replaced is still there"


def find_copy_of(path: Path, resource: str) -> list[str]:
    """The runs that a copy consists of."""
    from airflow_provider_bigcommerce.targets.files.destination import Destination

    return [run.run for run in find_copy(Destination.at(str(path)), resource).runs]


@pytest.mark.parametrize("plan", LENGTHS)
@pytest.mark.bigcommerce_sandbox(**SIZE, quota="none")
def test_a_month_passes_with_maintenance_in_it_and_the_lake_equals_the_store(
    plan: Plan, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is data no more is old at once, so that each day's tidying has something to remove while the other tasks read and write.
    monkeypatch.setattr(lake_table, "time", SimpleNamespace(time=lambda: time.time() - 8 * 86_400))

    place = InLake("lake", str(tmp_path), bigcommerce_sandbox)
    live(plan, place, monkeypatch)

    log = tmp_path / "orders" / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) > plan.days
    assert len(place.parts("orders")) < 20, "small parts were not folded"


@pytest.mark.parametrize("warehouse", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.bigcommerce_sandbox(products=3, orders=4, customers=3, quota="none")
def test_the_comparison_finds_a_row_that_was_damaged_one_that_is_missing_and_one_too_much(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    for order in store.rows("orders"):
        store.edit("orders", order["id"], staff_notes="fragile", loyalty={"points": 7})
    warehouse.run("orders", "r1")
    assert differences(shown(warehouse.sandbox, "orders"), rows_of(warehouse, "orders", "id"), "id") == []
    one, two, three, four = sorted(order["id"] for order in store.rows("orders"))

    warehouse.do(f"UPDATE orders SET total_inc_tax = total_inc_tax + 0.01 WHERE id = {one}")
    warehouse.do(f"DELETE FROM orders WHERE id = {two}")
    store.delete("orders", three)
    store.edit("orders", four, loyalty={"points": 8}, date_modified="Sun, 01 Mar 2026 00:00:00 +0000")

    found = differences(shown(warehouse.sandbox, "orders"), rows_of(warehouse, "orders", "id"), "id")
    assert [re.match(r"\d+: \w+|.*", line)[0] for line in found] == [  # type: ignore[index]  # .* matches
        f"{one}: total_inc_tax",
        f"{two} is missing",
        f"{three} is too much",
        f"{four}: date_modified",
        f"{four}: loyalty",
    ]
