"""Writes of an order's shipments: each tells the shopper by mail, counts what was shipped, and moves the order's status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.write_orders import PATH, freeze, move

_LIST, _ITEM = f"{PATH}/shipments", f"{PATH}/shipments/{{shipment_id}}"
_PROVIDERS = ("", "auspost", "canadapost", "endicia", "usps", "fedex", "royalmail", "ups", "upsready", "shipperhq")
_SHOWN: Mapping[str, str] = {"ups": "UPS", "usps": "USPS", "fedex": "FedEx", "auspost": "Australia Post", "royalmail": "Royal Mail"}
SHIPPED, PARTLY_SHIPPED = 2, 3
_UNSHIPPED = (1, 3, 7, 8, 9, 11)  # statuses that a shipment moves on


def _against(store: Store, order: Row, body: Any, template: str, method: str) -> Answer | None:
    if not isinstance(body, dict):
        return error("v2", 400, "The request body must be an object.")
    found = fields.problems(fields.body_of(method, template), body, version="v2")
    provider = body.get("shipping_provider")
    if isinstance(provider, str) and provider not in _PROVIDERS and not provider.startswith("carrier_"):
        found["shipping_provider"] = "is invalid"
    addresses = {address["id"] for address in store.nested["order_shipping_addresses"].get(order["id"])}
    if "order_address_id" in body and body["order_address_id"] not in addresses:
        found["order_address_id"] = "is not an address of this order"
    return error("v2", 400, "The request has an invalid field.", found) if found else None


def _items_against(lines: Mapping[int, Row], items: list[Any]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    asked: dict[Any, int] = {}
    for n, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("order_product_id"), int) or not isinstance(item.get("quantity"), int):
            found[f"items.{n}"] = "order_product_id and quantity are required"
            continue
        if "product_id" in item:
            found[f"items.{n}.product_id"] = "cannot be written to"
        line = lines.get(item["order_product_id"])
        if line is None:
            found[f"items.{n}.order_product_id"] = "is not a product of this order"
            continue
        asked[line["id"]] = asked.get(line["id"], 0) + item["quantity"]
        if item["quantity"] < 1 or asked[line["id"]] > line["quantity"] - line["quantity_shipped"]:
            found[f"items.{n}.quantity"] = f"must be from 1 to the {line['quantity'] - line['quantity_shipped']} that are not shipped yet"
    return found


def _post(store: Store, call: Call) -> Answer:
    order = store.tables["orders"].get(call.keys["order_id"])
    if order is None:
        return error("v2", 404)
    refused = _against(store, order, call.body, _LIST, "POST")
    if refused is not None:
        return refused
    body = call.body
    missing = {name: "is required" for name in ("order_address_id", "items") if not body.get(name)}
    if missing:
        return error("v2", 400, "A required field was not supplied.", missing)
    freeze(store, order["id"])
    lines = {line["id"]: line for line in store.nested["order_products"].get(order["id"])}
    bad = _items_against(lines, body["items"])
    if bad:
        return error("v2", 400, "The request has an invalid field.", bad)
    address = next(row for row in store.nested["order_shipping_addresses"].get(order["id"]) if row["id"] == body["order_address_id"])
    names = order["billing_address"].keys() - {"form_fields"}
    shipment = {
        "id": store.nested_id("order_shipments", order["id"]),
        "order_id": order["id"],
        "customer_id": order["customer_id"],
        "date_created": dates.rfc2822(store.now()),
        "tracking_number": "", "merchant_shipping_cost": "0.0000", "shipping_method": "", "shipping_provider": "", "tracking_carrier": "",
        "tracking_link": "", "comments": "", "generated_tracking_link": "",
        **fields.taken(fields.body_of("POST", _LIST), body, ("items",)),
        "billing_address": {name: order["billing_address"][name] for name in sorted(names)},
        "shipping_address": {name: address[name] for name in sorted(names) if name in address},
        "items": [
            {**{name: item[name] for name in ("order_product_id", "quantity")}, "product_id": lines[item["order_product_id"]]["product_id"]}
            for item in body["items"]
        ],
    }  # fmt: skip
    shipment = _linked(shipment)
    store.nested["order_shipments"].put((order["id"],), [*store.nested["order_shipments"].get(order["id"]), shipment])
    _count(store, order, shipment["items"], 1)
    store.mail("shipment created", order["customer_id"], order["id"], shipment["id"])
    return ok(shipment, 201)


def _linked(shipment: Row) -> Row:
    """Show the provider's name, and the link that follows from its tracking number."""
    carrier = shipment["shipping_provider"] or shipment["tracking_carrier"]
    number = shipment["tracking_number"]
    link = f"https://track.example.com/{carrier}/{number}" if carrier and number and not shipment["tracking_link"] else ""
    return {**shipment, "shipping_provider_display_name": _SHOWN.get(carrier, carrier), "generated_tracking_link": link}


def _count(store: Store, order: Row, items: list[Row], sign: int) -> None:
    """Count shipped items in lines and order; shipping, not the removal of a shipment, moves the status."""
    quantities = {item["order_product_id"]: item["quantity"] * sign for item in items}
    lines = [
        {**line, "quantity_shipped": max(0, line["quantity_shipped"] + quantities.get(line["id"], 0))}
        for line in store.nested["order_products"].get(order["id"])
    ]
    store.nested["order_products"].put((order["id"],), lines)
    shipped = sum(line["quantity_shipped"] for line in lines)
    if sign < 0 or order["status_id"] not in _UNSHIPPED:
        store.edit("orders", order["id"], items_shipped=shipped)
        return
    whole = all(line["quantity_shipped"] >= line["quantity"] for line in lines)
    when = dates.rfc2822(store.now())
    move(store, order, SHIPPED if whole else PARTLY_SHIPPED, items_shipped=shipped, date_shipped=when)


def _find(store: Store, call: Call) -> tuple[Row, Row] | None:
    order = store.tables["orders"].get(call.keys["order_id"])
    rows = store.nested["order_shipments"].get(order["id"]) if order is not None else []
    shipment = next((row for row in rows if row["id"] == call.last_key), None)
    return None if order is None or shipment is None else (order, shipment)


def _put(store: Store, call: Call) -> Answer:
    found = _find(store, call)
    if found is None:
        return error("v2", 404)
    order, old = found
    if isinstance(call.body, dict):
        for name in ("id", "items"):
            if name in call.body:
                return error("v2", 400, f"The field '{name}' cannot be written to. Please remove it from your request before trying again.")
    refused = _against(store, order, call.body, _ITEM, "PUT")
    if refused is not None:
        return refused
    freeze(store, order["id"])
    new = _linked({**old, **fields.taken(fields.body_of("PUT", _ITEM), call.body)})
    rows = store.nested["order_shipments"].get(order["id"])
    store.nested["order_shipments"].put((order["id"],), [new if row["id"] == old["id"] else row for row in rows])
    store.edit("orders", order["id"])
    return ok(new)


def _delete(store: Store, call: Call) -> Answer:
    found = _find(store, call)
    if found is None:
        return error("v2", 404)
    order, old = found
    freeze(store, order["id"])
    rows = store.nested["order_shipments"].get(order["id"])
    store.nested["order_shipments"].put((order["id"],), [row for row in rows if row["id"] != old["id"]])
    _count(store, order, old["items"], -1)
    return NOTHING


def _delete_all(store: Store, call: Call) -> Answer:
    order = store.tables["orders"].get(call.keys["order_id"])
    if order is None:
        return error("v2", 404)
    freeze(store, order["id"])
    rows = store.nested["order_shipments"].get(order["id"])
    store.nested["order_shipments"].put((order["id"],), [])
    for row in rows:
        _count(store, order, row["items"], -1)
    return NOTHING


def add(router: Router) -> None:
    """Add the routes."""
    router.add(_LIST, post=_post, delete=_delete_all)
    router.add(_ITEM, put=_put, delete=_delete)
