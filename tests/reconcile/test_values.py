"""Rows with values that do not fit their column as they came are no difference: rounded amounts, PHP's empty values, copies made before."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from tests.reconcile.conftest import Archive, Row, every_format
from tests.sql.conftest import mariadb_server, warehouse  # noqa: F401  # fixtures, asked for by name
from tests.sql.warehouse import CONN_ID, Warehouse

pytestmark = pytest.mark.bigcommerce_sandbox(products=5, orders=5, customers=5, recorded_values=False)

CASES = Path(__file__).parents[3] / "shared" / "cases"
PRICE = 13.858823529412
FIELDS = [{"name": "Delivery", "value": "Leave in yard"}, {"name": "Amount", "value": 12.2}, {"name": "Sizes", "value": ["S", "M"]}]


def in_table(resource: str, **arguments: Any) -> Row:
    return BigCommerceReconcileOperator(
        task_id="prove", resource=resource, **{"conn_id": CONN_ID, "sample": None, "days": 3, "on_mismatch": "warn", **arguments}
    ).execute({})


def found(report: Row) -> list[Any]:
    return [(row["key"], row["fields"]) for row in report["changed"]]


@every_format
def test_a_copy_in_files_with_rounded_amounts_equals_the_store(archive: Archive) -> None:
    product = archive.night.sandbox.store.add_product(price=PRICE, cost_price=-0.00005)

    manifest = archive.make("products")

    assert (manifest["rounded"], manifest["drift"]) == ((3, []) if archive.file_format == "parquet" else (0, []))
    report = archive.reconcile("products", sample=None)
    assert (report["equal"], found(report), report["compared"]) == (True, [], 6)
    archive.damage(
        lambda rows: [{**row, "price": Decimal("13.8589") if archive.file_format == "parquet" else 13.8589} for row in rows], "products"
    )
    assert (product["id"], ["price"]) in found(archive.reconcile("products", sample=None))


def test_a_copy_in_a_table_with_rounded_amounts_equals_the_store(warehouse: Warehouse) -> None:  # noqa: F811
    product = warehouse.sandbox.store.add_product(price=PRICE, cost_price=-0.00005)

    manifest = warehouse.run("products", after=timedelta(minutes=10))  # what changes in the last minutes is not compared

    assert (manifest["rounded"], manifest["drift"]) == (3, [])
    [(price, cost, extra)] = warehouse.query(f"SELECT price, cost_price, _extra FROM products WHERE id = {product['id']}")
    assert (Decimal(str(price)), Decimal(str(cost))) == (Decimal("13.8588"), 0)
    assert warehouse.json(extra) == {"price": PRICE, "calculated_price": PRICE, "cost_price": -0.00005}
    report = in_table("products")
    assert (report["equal"], found(report), report["compared"]) == (True, [], 6)
    warehouse.do(f"UPDATE products SET price = 13.8589 WHERE id = {product['id']}")
    assert found(in_table("products")) == [(product["id"], ["price"])]


@every_format
def test_the_empty_values_of_the_field_are_no_drift_in_files_and_no_difference(archive: Archive) -> None:
    store = archive.night.sandbox.store
    store.add_order(date_shipped="", billing_address={"first_name": "A", "form_fields": FIELDS})
    store.add("coupons", restricted_to=[], shipping_methods=None, expires="")

    for resource in ("orders", "coupons"):
        manifest = archive.make(resource, mode="full")
        assert [drift for drift in manifest["drift"] if drift["kind"] == "changed_type"] == []
        report = archive.reconcile(resource, sample=None)
        assert (report["equal"], found(report)) == (True, [])


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_the_empty_values_of_the_field_are_no_drift_in_a_table_and_no_difference(warehouse: Warehouse, nested: str) -> None:  # noqa: F811
    store = warehouse.sandbox.store
    order = store.add_order(date_shipped="", billing_address={"first_name": "A", "form_fields": FIELDS})["id"]
    coupon = store.add("coupons", restricted_to=[], shipping_methods=None, expires="")["id"]

    for resource in ("orders", "coupons"):
        manifest = warehouse.run(resource, nested=nested)
        assert [drift for drift in manifest["drift"] if drift["kind"] == "changed_type"] == []
        report = in_table(resource)
        assert (report["equal"], found(report)) == (True, [])
    assert warehouse.column(f"SELECT expires FROM coupons WHERE id = {coupon}") == [None]
    if nested == "tables":
        values = warehouse.column(f"SELECT value FROM orders__form_fields WHERE _root_id = {order} ORDER BY _position")
        decoded = [value if warehouse.kind == "postgres" and not warehouse.is_any else json.loads(value) for value in values]
        assert decoded == twice(FIELDS)


def test_a_copy_in_files_that_was_made_before_is_no_difference(archive: Archive) -> None:
    """It has the empty values in ``_extra``, and null where an empty object is now."""
    store = archive.night.sandbox.store
    coupon = store.add("coupons", restricted_to=[], expires="")["id"]
    archive.make("coupons", mode="full")
    before = {"restricted_to": None, "_extra": '{"expires":"","restricted_to":[]}'}
    archive.damage(lambda rows: [{**row, **before} if row["id"] == coupon else row for row in rows], "coupons")

    report = archive.reconcile("coupons", sample=None)

    assert (report["equal"], found(report)) == (True, [])
    for fields in ({"_extra": '{"expires":"","new":1}'}, {"name": "x"}, {"restricted_to": {"countries": "AU"}}):
        damaged = {**before, **fields}
        archive.damage(lambda rows, damaged=damaged: [{**row, **damaged} if row["id"] == coupon else row for row in rows], "coupons")
        [(key, names)] = found(archive.reconcile("coupons", sample=None))
        assert key == coupon
        assert fields.keys() <= set(names)


def test_a_copy_in_a_table_that_was_made_before_is_no_difference(warehouse: Warehouse) -> None:  # noqa: F811
    coupon = warehouse.sandbox.store.add("coupons", restricted_to=[], expires="")["id"]
    warehouse.run("coupons")
    warehouse.do(f"""UPDATE coupons SET _extra = '{json.dumps({"expires": ""})}' WHERE id = {coupon}""")

    report = in_table("coupons")

    assert (report["equal"], found(report)) == (True, [])
    warehouse.do(f"""UPDATE coupons SET _extra = '{json.dumps({"expires": "", "new": 1})}' WHERE id = {coupon}""")
    assert found(in_table("coupons")) == [(coupon, ["_extra"])]


def twice(fields: list[dict[str, Any]]) -> list[Any]:
    """The values as the table has them: of the billing address, and of the shipping address that was made from it."""
    return [value for field in fields for value in (field["value"], field["value"])]


def test_the_cases_from_the_field_are_those_that_are_tested() -> None:
    if not CASES.is_dir():
        pytest.skip("the folder of cases is not here")
    assert json.loads((CASES / "five-decimals.json").read_text())["price"] == PRICE
    assert json.loads((CASES / "order-address-form-fields.json").read_text())["billing_address"]["form_fields"] == FIELDS
    assert json.loads((CASES / "restricted-to-empty-list.json").read_text())["restricted_to"] == []


def test_a_table_that_was_made_before_gets_the_values_of_form_fields(warehouse: Warehouse) -> None:  # noqa: F811
    """Their column was a table of its own, of text; now it is JSON beside the field's name."""
    order = warehouse.sandbox.store.add_order(billing_address={"first_name": "A", "form_fields": FIELDS})["id"]
    warehouse.run("orders", nested="tables")
    warehouse.do("ALTER TABLE orders__form_fields DROP COLUMN value")
    warehouse.do("CREATE TABLE orders__value (_root_id BIGINT, value TEXT)")
    assert found(in_table("orders")) == []  # a column that is not there is not compared

    warehouse.run("orders", nested="tables")

    values = warehouse.column(f"SELECT value FROM orders__form_fields WHERE _root_id = {order} ORDER BY _position")
    decoded = [value if warehouse.kind == "postgres" and not warehouse.is_any else json.loads(value) for value in values]
    assert decoded == twice(FIELDS)
    assert found(in_table("orders")) == []
