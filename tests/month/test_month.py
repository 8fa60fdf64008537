"""A month passes, hour by hour: at its end the copy equals the store, whatever happened in between."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from tests.month.comparing import differences, rows_of
from tests.month.shop import Shop
from tests.month.sync import Sync, Task, intervals
from tests.sql.conftest import CONN_ID, Warehouse

HOUR = timedelta(hours=1)
#: March 2026 in Europe: on the 29th, a day has 23 hours.
BEGINNING = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = ("orders", "customers", "products", "product_variants", "categories")


@dataclass(frozen=True)
class Plan:
    """What goes wrong and when, in hours since the beginning.

    :param outages: hour -> kind of answer, how many requests it hits, and how many it lets through before.
    :param kills: hour -> the task, and the statement after which its try dies.
    :param backfill: hour of the backfill of the time before.
    :param new_fields: hour from which orders have fields that no schema knows.
    :param full_every: of the products, whose change date does not move for every change.
    """

    days: int
    outages: dict[int, tuple[str, int, int]]
    kills: dict[int, tuple[str, int]]
    backfill: int
    new_fields: int
    full_every: timedelta


FIVE_DAYS = Plan(
    5,
    outages={10: ("503", 9, 0), 31: ("reset_before", 4, 1), 55: ("html", 3, 0), 80: ("reset_body", 2, 3), 101: ("truncated_gzip", 3, 1)},
    kills={20: ("orders", 5), 48: ("products", 12), 90: ("orders", 18)},
    backfill=40,
    new_fields=60,
    full_every=timedelta(days=2),
)
MONTH = Plan(
    31,
    outages={
        70: ("503", 40, 0),
        200: ("reset_before", 9, 1),
        333: ("html", 6, 0),
        500: ("reset_body", 4, 3),
        660: ("truncated_gzip", 12, 1),
    },
    kills={100: ("orders", 5), 408: ("products", 12), 700: ("orders", 18)},
    backfill=240,
    new_fields=400,
    full_every=timedelta(days=7),
)


def tasks(full_every: timedelta) -> list[Task]:
    whole = {"mode": "incremental", "deletes": "delete"}
    return [
        Task("orders", 1, {"resource": "orders", "mode": "incremental", "initial_since": BEGINNING.isoformat()}),
        # What is archived is marked once a day, by a task that costs the ids of all orders.
        Task("archived_orders", 24, {"resource": "orders", "mode": "incremental", "deletes": "detect"}),
        Task("customers", 4, {"resource": "customers", **whole}),
        Task("products", 4, {"resource": "products", **whole, "full_every": full_every}),
        # One product has 600 of the variants; when it goes, the guard has to be told that this may be.
        Task("product_variants", 24, {"resource": "product_variants", **whole, "max_deleted_percent": 95}),
        Task("categories", 24, {"resource": "categories", **whole}),
    ]


def live_through(plan: Plan, warehouse: Warehouse) -> tuple[Shop, Sync]:
    """The whole time; at the end everything is synced once more."""
    store = warehouse.sandbox.store
    shop, sync = Shop(store, seed=5), Sync(CONN_ID, tasks(plan.full_every))
    for hour in range(plan.days * 24):
        warehouse.moment = BEGINNING + hour * HOUR
        if hour in plan.outages:
            kind, number, skipped = plan.outages[hour]
            store.fail_next(number, kind, skip=skipped)  # type: ignore[arg-type]  # one of the kinds
        shop.has_new_fields = hour >= plan.new_fields
        shop.live_an_hour(hour)
        warehouse.moment += HOUR / 2
        sync.run_an_hour(hour, kill=plan.kills.get(hour))
        if hour == plan.backfill:
            before = warehouse.column("SELECT max(watermark) FROM _bigcommerce_syncs WHERE table_name = 'orders'")
            half_years = [datetime(year, month, 1, tzinfo=UTC) for year in (2024, 2025) for month in (1, 7)]
            sync.backfill("orders", intervals(datetime(2023, 7, 1, tzinfo=UTC), *half_years, BEGINNING))
            assert warehouse.column("SELECT max(watermark) FROM _bigcommerce_syncs WHERE table_name = 'orders'") == before
    warehouse.moment += HOUR
    sync.run_an_hour(plan.days * 24, is_last=True)
    assert [task.task_id for task in sync.tasks if task.waiting] == []
    return shop, sync


def shown(warehouse: Warehouse, resource: str) -> list[dict[str, object]]:
    """What the store's API shows of a resource at the end."""
    include = {"include": "consignments.line_items", "consignment_structure": "object"} if resource == "orders" else {}
    return warehouse.sandbox.listed(CATALOG[resource].path, include)


def is_before_the_live_sync(row: dict[str, object]) -> bool:
    """Whether the backfill alone brought an order; the reconcile speaks of what the live sync covers."""
    return "status_id" in row and parsedate_to_datetime(str(row["date_modified"])) < BEGINNING


@pytest.mark.parametrize(
    ("warehouse", "plan"),
    [
        pytest.param("sqlite", FIVE_DAYS, id="five days"),
        pytest.param("postgres", MONTH, id="a month", marks=[pytest.mark.postgres, pytest.mark.full, pytest.mark.timeout(900)]),
    ],
    indirect=["warehouse"],
)
@pytest.mark.bigcommerce_sandbox(products=60, orders=4, customers=30, quota="none")
def test_a_month_passes_and_the_copy_equals_the_store(plan: Plan, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = warehouse.sandbox.connection
    # What the client would sit out with repeats is left to the tasks' retries, an hour later.
    extra = {**connection["extra"], "max_attempts": 1}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connection, "extra": extra}))

    shop, sync = live_through(plan, warehouse)

    for resource in TABLES:
        [key] = CATALOG[resource].primary_key
        rows = rows_of(warehouse, resource, key)
        marked = {name for name, row in rows.items() if row.get("_deleted_at") is not None}
        assert marked == (shop.gone["orders"] & rows.keys() if resource == "orders" else set())
        assert differences(shown(warehouse, resource), {name: row for name, row in rows.items() if name not in marked}, key) == []
        prove = BigCommerceReconcileOperator(task_id="prove", resource=resource, conn_id=CONN_ID, sample=None, on_mismatch="warn")
        report = prove.execute(sync.airflow.context("proof", f"prove_{resource}"))
        assert (report["changed"], report["missing"], report["deleted"]) == ([], [], [])
        assert report["compared"] == sum(not is_before_the_live_sync(row) for row in shown(warehouse, resource))
    store = warehouse.sandbox.store
    assert {kind for kind, _, _ in plan.outages.values()} == set(store.faults), "each outage happened"
    assert sync.happened["tries failed"] >= len(plan.outages) == 5
    assert sync.happened["tries killed"] == len(plan.kills) == 3
    assert shop.happened["orders"] > 90 * plan.days
    assert min(shop.happened.values()) > 2


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
