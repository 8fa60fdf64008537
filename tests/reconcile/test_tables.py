"""A copy in a table held against the sandbox: SQLite, and PostgreSQL and MariaDB where they are.

Every kind of damage is tried on each kind of database. The suite leaves out some pairs of the others, which ``-m exhaustive`` takes.
"""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import CopyMismatchError, InvalidQueryError
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from tests.sql.conftest import FEWER_KINDS, mariadb_server, warehouse  # noqa: F401  # fixtures, asked for by name
from tests.sql.warehouse import CONN_ID, Warehouse

pytestmark = pytest.mark.bigcommerce_sandbox(products=30, orders=40, customers=20)

Row = dict[str, Any]

on_fewer_kinds = pytest.mark.parametrize("warehouse", FEWER_KINDS, indirect=True)
#: Pairs that the suite takes: each resource at least twice, and the one whose key is of several fields nearly everywhere.
PAIRS = {
    ("sqlite", "products"), ("sqlite", "inventory_items"), ("postgres", "brands"), ("postgres", "inventory_items"),
    ("any sqlite", "brands"), ("any mariadb", "products"), ("any mariadb", "inventory_items"),
}  # fmt: skip
MARKS = {"postgres": [pytest.mark.postgres], "any postgres": [pytest.mark.postgres], "any mariadb": [pytest.mark.mariadb]}


def pairs(*resources: str) -> list[Any]:
    """Each kind of database with each resource; those that are not of :data:`PAIRS` are exhaustive."""
    kinds = ("sqlite", "postgres", "any sqlite", "any postgres", "any mariadb")
    return [
        pytest.param(kind, name, marks=[*MARKS.get(kind, []), *([] if (kind, name) in PAIRS else [pytest.mark.exhaustive])])
        for kind in kinds
        for name in resources
    ]


def reconcile(resource: str = "orders", **arguments: Any) -> Row:
    operator = BigCommerceReconcileOperator(
        task_id="prove", resource=resource, **{"conn_id": CONN_ID, "seed": 1, "days": 3, "on_mismatch": "warn", **arguments}
    )
    return operator.execute({})


def found(report: Row) -> tuple[list[Any], list[Any], list[Any]]:
    return [(row["key"], row["fields"]) for row in report["changed"]], report["missing"], report["deleted"]


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_every_kind_of_damage_is_found_by_key_and_column_repaired_and_gone(warehouse: Warehouse, nested: str) -> None:  # noqa: F811
    warehouse.run("orders", "one", mode="incremental", nested=nested)
    first = reconcile()
    assert (first["equal"], first["compared"]) == (True, 40)
    ids = warehouse.column("SELECT id FROM orders ORDER BY id")
    warehouse.do(f"UPDATE orders SET staff_notes = 'x', status_id = 99 WHERE id = {ids[5]}")
    warehouse.do(f"UPDATE orders SET total_inc_tax = total_inc_tax + 1 WHERE id = {ids[7]}")
    warehouse.do(f"DELETE FROM orders WHERE id IN ({ids[9]}, {ids[11]})")
    warehouse.do(f"UPDATE orders SET id = 999999 WHERE id = {ids[13]}")
    expected = [(ids[5], ["status_id", "staff_notes"]), (ids[7], ["total_inc_tax"])]

    report = reconcile()

    assert report["equal"] is False
    assert sorted((key, sorted(names)) for key, names in found(report)[0]) == [(key, sorted(names)) for key, names in expected]
    assert found(report)[1:] == ([ids[9], ids[11], ids[13]], [999999])
    with pytest.raises(CopyMismatchError, match=f"{ids[5]} differs in "):
        reconcile(on_mismatch="fail")

    repaired = reconcile(on_mismatch="repair")

    assert (found(repaired), repaired["repaired"] >= 5) == (([], [], [999999]), True)
    assert found(reconcile()) == ([], [], [999999])
    warehouse.do("DELETE FROM orders WHERE id = 999999")
    assert reconcile()["equal"] is True


def test_a_damaged_child_row_is_found_and_repaired(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.run("orders", "one", mode="incremental", nested="tables")
    (root,) = warehouse.column("SELECT min(_root_id) FROM orders__line_items")
    warehouse.do(f"UPDATE orders__line_items SET quantity = quantity + 7 WHERE _root_id = {root}")

    assert found(reconcile())[0] == [(root, ["orders__line_items"])]
    assert reconcile(on_mismatch="repair")["equal"] is True
    assert reconcile()["equal"] is True


@on_fewer_kinds
def test_a_repair_leaves_the_watermark_and_the_next_run_as_they_were(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.run("orders", "one", mode="incremental")
    before = warehouse.query("SELECT max(watermark) FROM _bigcommerce_syncs")
    warehouse.do("DELETE FROM orders WHERE id = (SELECT max(id) FROM orders)")

    assert reconcile(on_mismatch="repair")["equal"] is True
    assert warehouse.query("SELECT max(watermark) FROM _bigcommerce_syncs") == before
    assert warehouse.run("orders", "two", mode="incremental", after=timedelta(hours=1))["rows"] == 0


@on_fewer_kinds
def test_what_changed_in_the_store_since_is_no_mismatch(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.run("orders", "one", mode="incremental")
    warehouse.moment += timedelta(minutes=20)
    (newest,) = warehouse.column("SELECT max(id) FROM orders")
    warehouse.sandbox.store.edit("orders", newest, staff_notes="later")
    warehouse.sandbox.store.add_order(customer_id=0)

    report = reconcile(on_mismatch="fail")

    assert (report["equal"], report["newer"]) == (True, 2)


@pytest.mark.parametrize(("warehouse", "resource"), pairs("products", "brands", "inventory_items"), indirect=["warehouse"])
def test_other_resources_are_proved_and_repaired_too(warehouse: Warehouse, resource: str) -> None:  # noqa: F811
    warehouse.run(resource, "one", mode="full")
    first = reconcile(resource, sample=None)
    assert (first["equal"], first["compared"] > 0, first["compared"]) == (True, True, first["rows"])
    column = {"inventory_items": "identity__sku"}.get(resource, "name")
    warehouse.do(f"UPDATE \"{resource}\" SET {column} = 'damaged'")

    report = reconcile(resource, sample=None)

    assert {name for row in report["changed"] for name in row["fields"]} == {column}
    assert report["differences"] == report["rows"]
    assert "damaged" not in json.dumps(report)
    assert reconcile(resource, sample=None, on_mismatch="repair")["equal"] is True
    assert reconcile(resource, sample=None)["equal"] is True


@on_fewer_kinds
def test_a_table_that_no_run_has_filled_is_told(warehouse: Warehouse) -> None:  # noqa: F811
    with pytest.raises(InvalidQueryError, match="holds no copy of 'orders': no run of BigCommerceToSqlOperator has filled it"):
        reconcile()
    warehouse.run("brands", "one", table="things")
    with pytest.raises(InvalidQueryError, match="holds 'brands', not 'orders'"):
        reconcile(table="things")


@on_fewer_kinds
@pytest.mark.parametrize("resource", ["orders", "products"])
def test_rows_that_are_marked_as_deleted_are_in_no_count_and_no_sample(warehouse: Warehouse, resource: str) -> None:  # noqa: F811
    store = warehouse.sandbox.store
    warehouse.run(resource, "one", mode="incremental")
    gone = [row["id"] for row in store.rows(resource)][3:6]
    for key in gone:
        store.delete(resource, key)
    assert found(reconcile(resource, sample=None)) == ([], [], gone)
    assert warehouse.run(resource, "two", mode="incremental", after=timedelta(hours=1), deletes="detect")["deleted"] == 3

    report = reconcile(resource, sample=None, days=31)

    assert (report["equal"], found(report), report["rows"]) == (True, ([], [], []), report["compared"])


@on_fewer_kinds
def test_a_marked_row_that_the_store_has_again_is_missing_and_a_repair_brings_it_back(warehouse: Warehouse) -> None:  # noqa: F811
    store = warehouse.sandbox.store
    warehouse.run("orders", "one", mode="incremental")
    order = store.rows("orders")[3]
    store.delete("orders", order["id"])
    warehouse.run("orders", "two", mode="incremental", after=timedelta(hours=1), deletes="detect")
    store.edit("orders", order["id"], is_deleted=False, date_modified=order["date_modified"])

    assert found(reconcile()) == ([], [order["id"]], [])
    assert reconcile(on_mismatch="repair")["equal"] is True
    assert reconcile(sample=None)["equal"] is True


@on_fewer_kinds
def test_a_damaged_row_with_a_later_change_date_is_repaired(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.run("orders", "one", mode="incremental")
    (key,) = warehouse.column("SELECT max(id) FROM orders")
    later = "2027-01-01 00:00:00" if warehouse.kind == "mariadb" else "2027-01-01 00:00:00+00:00"
    warehouse.do(f"UPDATE orders SET date_modified = '{later}', staff_notes = 'x' WHERE id = {key}")

    (row,) = reconcile(sample=None)["changed"]
    assert (row["key"], sorted(row["fields"])) == (key, ["date_modified", "staff_notes"])
    assert reconcile(sample=0, on_mismatch="repair")["equal"] is True
    report = reconcile(sample=None)
    assert (report["equal"], report["newer"], report["compared"]) == (True, 0, 40)


@on_fewer_kinds
def test_rows_that_only_a_backfill_brought_are_compared_too_and_are_not_newer(warehouse: Warehouse) -> None:  # noqa: F811
    store = warehouse.sandbox.store
    orders = sorted(store.rows("orders"), key=lambda row: parsedate_to_datetime(row["date_created"]))
    for order in orders:
        store.edit("orders", order["id"], date_modified=order["date_created"])
    border = parsedate_to_datetime(orders[20]["date_created"])
    warehouse.run("orders", "one", mode="incremental", initial_since=border)
    warehouse.run("orders", "two", mode="backfill", since=border - timedelta(days=2000), until=border - timedelta(seconds=1))

    report = reconcile(sample=None)
    assert (report["equal"], report["newer"], report["rows"], report["compared"]) == (True, 0, 40, 40)

    old = orders[4]["id"]
    warehouse.do(f"UPDATE orders SET staff_notes = 'x' WHERE id = {old}")
    assert found(reconcile(sample=None)) == ([(old, ["staff_notes"])], [], [])
    assert reconcile(sample=None, on_mismatch="repair")["equal"] is True


@on_fewer_kinds
def test_variants_in_a_table_are_held_against_the_stores_summary(warehouse: Warehouse) -> None:  # noqa: F811
    warehouse.run("product_variants", "one", mode="full")

    summary = reconcile("product_variants")["summary"]
    assert {line["name"] for line in summary} == {
        "variant_count",
        "inventory_count",
        "lowest_variant_price",
        "highest_variant_price",
        "average_variant_price",
    }
    assert all(line["store"] == line["copy"] for line in summary)

    warehouse.do("UPDATE product_variants SET inventory_level = 9999 WHERE id = (SELECT max(id) FROM product_variants)")
    ((_, fields),), missing, deleted = found(reconcile("product_variants", sample=0))
    assert (fields, missing, deleted) == (["inventory_level"], [], [])
