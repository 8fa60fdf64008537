"""What a plan says is what the store takes: its bodies, sent as they are, leave nothing to plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.writing.folder import begin_attempt
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows
from tests.writing.test_plan import store_of

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

Rows = list[dict[str, Any]]
Read = Callable[[str], Rows]


def _products(read: Read) -> Rows:
    return [{"sku": row["sku"], "price": 12.34, "name": f"New {row['id']}", "categories": []} for row in read("products")[:3]]


def _new_products(read: Read) -> Rows:
    new = {"name": "Brand new", "sku": "BRAND-NEW", "type": "physical", "weight": 1.5, "price": 2.25}
    return [{"sku": read("products")[0]["sku"], "price": 9.5}, new]


def _variants(read: Read) -> Rows:
    return [{"sku": row["sku"], "price": 4.5, "sale_price": 3.25} for row in read("product_variants")[:3]]


def _records(read: Read) -> Rows:
    at = read("price_lists")[0]["id"]
    return [{"price_list_id": at, "variant_id": row["id"], "currency": "usd", "price": 3.25} for row in read("product_variants")[:3]]


def _customers(read: Read) -> Rows:
    return [{"email": row["email"].upper(), "first_name": "Änne", "company": "O'Neil | Söhne"} for row in read("customers")[:3]]


def _addresses(read: Read) -> Rows:
    return [{"id": row["id"], "city": "Elsewhere"} for row in read("customer_addresses")[:2]]


def _attribute_values(read: Read) -> Rows:
    rows = [row for row in read("customer_attribute_values") if not str(row["attribute_value"]).replace(".", "").isdigit()][:2]
    return [{"customer_id": row["customer_id"], "attribute_id": row["attribute_id"], "value": row["attribute_value"]} for row in rows]


def _brands(read: Read) -> Rows:
    return [{"name": read("brands")[0]["name"], "page_title": "Title"}, {"name": "Nobody's brand"}]


def _assignments(read: Read) -> Rows:
    category = read("categories")[-1]["category_id"]
    return [{"product_id": row["sku"], "category_id": category} for row in read("products")[:2]]


def _redirects(read: Read) -> Rows:
    site = read("sites")[0]["id"]
    to = {"type": "url", "entity_id": 0, "url": "https://example.com/x"}
    return [{"from_path": path, "site_id": site, "to": to} for path in ("/nowhere-yet", "/nor-here")]


def _metafields(read: Read) -> Rows:
    return [{"id": row["id"], "value": "other"} for row in read("product_metafields")[:2]]


def _stock(read: Read) -> Rows:
    tracked = {row["id"] for row in read("products") if row["inventory_tracking"] != "none"}  # of the others, nothing would show
    items = [item for item in read("inventory_items") if item["locations"] and item["identity"]["product_id"] in tracked][:3]
    return [{"location_id": item["locations"][0]["location_id"], "sku": item["identity"]["sku"], "quantity": 17} for item in items]


def _coupons(read: Read) -> Rows:
    return [{"code": row["code"], "enabled": not row["enabled"]} for row in read("coupons")[:2]]


def _orders(read: Read) -> Rows:
    return [{"id": row["id"], "staff_notes": "seen", "customer_message": "thanks"} for row in read("orders")[:2]]


def _gone(read: Read) -> Rows:
    return [{"sku": row["sku"]} for row in read("products")[:2]] + [{"sku": "NOBODY"}]


#: name -> (resource, operation, rows, other arguments of the plan).
CASES: dict[str, tuple[str, Any, Callable[[Read], Rows], dict[str, Any]]] = {
    "products": ("products", "update", _products, {"match_on": "sku"}),
    "new-products": ("products", "upsert", _new_products, {"match_on": "sku"}),
    "variants": ("product_variants", "update", _variants, {"match_on": "sku"}),
    "price-records": ("price_list_records", "upsert", _records, {}),
    "customers": ("customers", "update", _customers, {"match_on": "email"}),
    "addresses": ("customer_addresses", "update", _addresses, {}),
    "attribute-values": ("customer_attribute_values", "upsert", _attribute_values, {"unchanged": "send"}),
    "brands": ("brands", "upsert", _brands, {"match_on": "name"}),
    "assignments": ("product_category_assignments", "upsert", _assignments, {"lookup": {"product_id": "products.sku"}}),
    "redirects": ("redirects", "upsert", _redirects, {}),
    "metafields": ("product_metafields", "update", _metafields, {}),
    "stock": ("inventory_items", "upsert", _stock, {}),
    "coupons": ("coupons", "update", _coupons, {"match_on": "code"}),
    "orders": ("orders", "update", _orders, {}),
    "gone": ("products", "delete", _gone, {"match_on": "sku"}),
}


def _plan(store: BlockingStore, tmp_path: Path, settings: PlanSettings) -> tuple[PlanManifest, list[PlanRow | OutcomeRow]]:
    seen: list[PlanRow | OutcomeRow] = []
    folder = begin_attempt(tmp_path / "reports", settings.resource, "run-1", "plan")
    return plan_rows(store, InputFiles(tmp_path / "in.jsonl"), settings, folder, see=seen.append), seen


@pytest.mark.bigcommerce_sandbox(products=6, customers=6, orders=4, stock_delay=0)
@pytest.mark.parametrize("case", CASES)
def test_the_bodies_of_a_plan_leave_nothing_to_plan(bigcommerce_sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    resource, operation, rows_of, more = CASES[case]
    with store_of(bigcommerce_sandbox) as store:
        rows = rows_of(lambda name: list(store.rows(name)))
        assert rows
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        manifest, planned = _plan(store, tmp_path, PlanSettings(resource=resource, operation=operation, **more))
        assert manifest.rows, planned
        assert not [row for row in planned if isinstance(row, OutcomeRow) and row.outcome != "unchanged"]
        for each in planned:
            if isinstance(each, PlanRow):
                assert [outcome.is_good for outcome in store.write(resource, [each.body], operation=each.operation)] == [True]
        left, again = _plan(store, tmp_path, PlanSettings(resource=resource, operation=operation, **{**more, "unchanged": "skip"}))

    assert left.rows == 0, again
    assert left.counts == {"input": len(rows), "unchanged": len(rows)}
