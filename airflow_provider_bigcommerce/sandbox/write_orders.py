"""Writes of V2 orders: creating, status and fields, edited lines and fees, addresses, archiving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.order_data import LINES_RESERVED, STATUSES
from airflow_provider_bigcommerce.sandbox.order_totals import OVERRIDES, cents, repriced, totals
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

_NAMES: Mapping[int, str] = dict(STATUSES)
_READ_ONLY = ("id", "date_modified", "date_shipped", "status", "currency_id", "currency_code", "is_deleted", "cart_id", "total_tax")
_PASSED_OVER = ("external_id", "tax_provider_id", "default_currency_code", "consignments", "shipping_addresses", "products", "fees")
PATH = "/v2/orders/{order_id}"


def freeze(store: Store, order_id: int) -> None:
    """Keep what follows from an order's status as it is, before a write moves the status: a new status alone ships and refunds nothing."""
    for kind in ("order_shipments", "order_refunds", "order_pickups"):
        nested = store.nested[kind]
        if str(order_id) not in nested.changed:
            nested.put((order_id,), nested.get(order_id))


def move(store: Store, order: Row, status_id: int, **changes: Any) -> Row:
    """Move an order to a status, with other fields; what the store showed of it before stays. Sends no mail."""
    freeze(store, order["id"])
    return store.edit("orders", order["id"], status_id=status_id, status=_NAMES[status_id], **changes)


def _against(body: Any, path: str, method: str) -> Answer | None:
    if not isinstance(body, dict):
        return error("v2", 400, "The request body must be an object.")
    for name in _READ_ONLY:
        if name in body:
            return error("v2", 400, f"The field '{name}' cannot be written to. Please remove it from your request before trying again.")
    found = fields.problems(fields.body_of(method, path), body, version="v2")
    found = {name: reason for name, reason in found.items() if reason != "is required"}
    if "status_id" in body and _number(body["status_id"]) not in _NAMES:
        found["status_id"] = "is invalid"
    for n, item in enumerate(body.get("products") or []):
        if not isinstance(item, dict):
            found[f"products.{n}"] = "must be an object"
        elif ("price_ex_tax" in item) is not ("price_inc_tax" in item):
            found[f"products.{n}"] = "price_ex_tax and price_inc_tax go together"
    return error("v2", 400, "The request has an invalid field.", found) if found else None


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else None


def _post(store: Store, call: Call) -> Answer:
    refused = _against(call.body, "/v2/orders", "POST")
    if refused is not None:
        return refused
    body = dict(call.body)
    missing = {name: "is required" for name in ("products", "billing_address") if not body.get(name)}
    if missing:
        return error("v2", 400, "A required field was not supplied.", missing)
    customer_id = _number(body.get("customer_id", 0)) or 0
    if customer_id and not store.has("customers", customer_id):
        return error("v2", 400, "The request has an invalid field.", {"customer_id": "not found"})
    unknown = [item["product_id"] for item in body["products"] if item.get("product_id") and not store.has("products", item["product_id"])]
    if unknown:
        return error("v2", 400, "The request has an invalid field.", {"product_id": f"{unknown[0]} not found"})
    given = fields.taken(
        fields.body_of("POST", "/v2/orders"), body, (*_PASSED_OVER, *OVERRIDES, "customer_id", "status_id", "billing_address")
    )
    status_id = _number(body.get("status_id", 1)) or 0
    order = store.add_order(customer_id=customer_id, status_id=status_id, line_items=body["products"], **given)
    lines = store.nested["order_products"].get(order["id"])
    priced = [
        repriced(line, line["quantity"], cents(item["price_ex_tax"]), cents(item["price_inc_tax"])) if "price_ex_tax" in item else line
        for line, item in zip(lines, body["products"], strict=True)
    ]
    store.nested["order_products"].put((order["id"],), priced)
    fees = _fees(store, order["id"], body.get("fees") or [])
    changes = totals(order, priced, fees)
    order = store.edit("orders", order["id"], billing_address={**order["billing_address"], **body["billing_address"]}, **changes)
    if isinstance(body.get("shipping_addresses"), list) and body["shipping_addresses"]:
        first = store.nested["order_shipping_addresses"].get(order["id"])[0]
        rows = [{**first, **address, "id": order["id"] * 10 + 1 + n} for n, address in enumerate(body["shipping_addresses"])]
        store.nested["order_shipping_addresses"].put((order["id"],), rows)
        order = store.edit("orders", order["id"], shipping_address_count=len(rows))
    return ok(order, 201)


def _fees(store: Store, order_id: int, given: list[Row]) -> list[Row]:
    """Replace an order's fees: those with an id are changed, those without are new, the others are gone."""
    known = {fee["id"]: fee for fee in store.nested["order_fees"].get(order_id)}
    plain = {
        "type": "custom_fee",
        "name": "",
        "display_name_customer": "",
        "display_name_merchant": "",
        "source": "AA",
        "tax_class_id": None,
    }
    fees = []
    for fee in given:
        old = known.get(fee.get("id"))
        fees.append({**(old or plain), **fee, "id": old["id"] if old else store.nested_id("order_fees", order_id)})
    store.nested["order_fees"].put((order_id,), fees)
    return fees


def _put(store: Store, call: Call) -> Answer:
    order_id = call.keys["order_id"]
    order = store.tables["orders"].get(order_id)
    if order is None:
        return error("v2", 404)
    refused = _against(call.body, PATH, "PUT")
    if refused is not None:
        return refused
    body = call.body
    lines = store.nested["order_products"].get(order_id)
    edited = _edited(store, order_id, lines, body["products"]) if body.get("products") else lines
    if isinstance(edited, Answer):
        return edited
    changes = fields.taken(fields.body_of("PUT", PATH), body, (*_PASSED_OVER, "status_id", "billing_address"))
    status_id = _number(body["status_id"]) if "status_id" in body else order["status_id"]
    if isinstance(body.get("billing_address"), dict):
        changes["billing_address"] = {**order["billing_address"], **body["billing_address"]}
    freeze(store, order_id)
    if "fees" in body:
        _fees(store, order_id, body["fees"])
    if edited is not lines or "fees" in body:
        store.nested["order_products"].put((order_id,), edited)
        cleared = {"coupon_discount": "0.0000", "discount_amount": "0.0000"} if edited is not lines else {}
        changes = {**cleared, **totals({**order, **cleared, **changes}, edited, store.nested["order_fees"].get(order_id)), **changes}
    changed = store.edit("orders", order_id, **changes)
    if status_id is not None and status_id != order["status_id"]:
        changed = move(store, changed, status_id)
        store.mail("status changed", changed["customer_id"], order_id, status_id)
    return ok(changed)


def _edited(store: Store, order_id: int, lines: list[Row], items: list[Row]) -> list[Row] | Answer:
    """Give an order's lines after an edit: an item with an id changes its line or removes it, one without is added."""
    found = list(lines)
    for item in items:
        quantity = _number(item.get("quantity"))
        ex_tax, inc_tax = (cents(item[name]) if name in item else None for name in ("price_ex_tax", "price_inc_tax"))
        if "id" in item:
            place = next((n for n, line in enumerate(found) if line["id"] == item["id"]), None)
            if place is None:
                return error("v2", 400, "The request has an invalid field.", {"products.id": f"{item['id']} not found"})
            if quantity == 0:
                del found[place]
                continue
            kept: Row = {name: item[name] for name in ("name", "sku", "upc") if name in item}
            found[place] = repriced({**found[place], **kept}, quantity or found[place]["quantity"], ex_tax, inc_tax)
            continue
        if item.get("product_id") and not store.has("products", item["product_id"]):
            return error("v2", 400, "The request has an invalid field.", {"products.product_id": f"{item['product_id']} not found"})
        number = max([0, *(line["id"] - order_id * LINES_RESERVED for line in found if line["id"] < 900_000_000)])
        line = store.order_line(order_id, number, item, 11)
        found.append(repriced({**line, "order_id": order_id}, quantity or 1, ex_tax, inc_tax))
    return found


def _put_address(store: Store, call: Call) -> Answer:
    """Change a shipping address; the order's sums stay."""
    order_id = call.keys["order_id"]
    if not store.has("orders", order_id):
        return error("v2", 404)
    rows = store.nested["order_shipping_addresses"].get(order_id)
    old = next((row for row in rows if row["id"] == call.last_key), None)
    if old is None:
        return error("v2", 404)
    if not isinstance(call.body, dict) or "id" in call.body:
        return error("v2", 400, "The field 'id' cannot be written to. Please remove it from your request before trying again.")
    new = {**old, **fields.taken(fields.body_of("PUT", f"{PATH}/shipping_addresses/{{id}}"), call.body)}
    store.nested["order_shipping_addresses"].put((order_id,), [new if row is old else row for row in rows])
    store.edit("orders", order_id)
    return ok(new)


def _archive(store: Store, call: Call) -> Answer:
    return NOTHING if store.delete("orders", call.keys["order_id"]) else error("v2", 404)


def _archive_all(store: Store, call: Call) -> Answer:
    """Archive all orders, or the first `limit` of them: the call knows no filter."""
    limit = call.query.get("limit", "")
    for order_id in list(store.tables["orders"].ids())[: int(limit) if limit.isdigit() else None]:
        store.delete("orders", order_id)
    return NOTHING


def add(router: Router) -> None:
    """Add the routes."""
    router.add("/v2/orders", post=_post, delete=_archive_all)
    router.add(PATH, put=_put, delete=_archive)
    router.add(f"{PATH}/shipping_addresses/{{id}}", put=_put_address)
