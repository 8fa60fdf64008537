"""Refunds of an order: the quote, which changes nothing, the refund, whose payments must equal it, and capturing or voiding a payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, fields
from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.order_data import cents_of, money
from airflow_provider_bigcommerce.sandbox.order_totals import cents
from airflow_provider_bigcommerce.sandbox.refusals import LONG_TYPE
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.write_orders import move

_PATH = "/v3/orders/{order_id}/payment_actions"
REFUNDED, PARTLY_REFUNDED = 4, 14
_BY_AMOUNT = ("SHIPPING", "HANDLING", "ORDER", "FEE")


@dataclass(frozen=True)
class Quote:
    """What a refund of some items comes to.

    :param amount: in cents, tax included.
    :param tax: the tax in it.
    :param order_level: the part that is of the order as a whole.
    :param quantities: refunded pieces by order product.
    """

    amount: int
    tax: int
    order_level: int
    quantities: dict[int, int]


def _refused(title: str, errors: dict[str, str] | None = None) -> Answer:
    return error("v3", 422, title, errors)


def _reckon(store: Store, order: Row, body: Any) -> Quote | Answer:
    if not isinstance(body, dict):
        return _refused("Order refund request is invalid.", {"": "the body must be an object"})
    items, adjustment = body.get("items"), body.get("tax_adjustment_amount")
    if not items and adjustment is None:
        return _refused("Order refund request is invalid.", {"items": "is required, or tax_adjustment_amount"})
    bad = fields.problems(fields.body_of("POST", f"{_PATH}/refunds"), body)
    if bad or (items is not None and not all(isinstance(item, dict) for item in items)):
        return _refused("Order refund request is invalid.", bad or {"items": "must be a list of objects"})
    lines = {line["id"]: line for line in store.nested["order_products"].get(order["id"])}
    amount = tax = order_level = 0
    quantities: dict[int, int] = {}
    for n, item in enumerate(items or []):
        kind = item.get("item_type")
        if kind == "PRODUCT":
            line = lines.get(item.get("item_id"))
            if line is None:
                return _refused("Order refund request is invalid.", {f"items.{n}.item_id": "is not a product of this order"})
            asked = item.get("quantity", 0)
            quantities[line["id"]] = quantities.get(line["id"], 0) + asked
            left = line["quantity"] - line["quantity_refunded"]
            if asked < 1 or quantities[line["id"]] > left:
                return _refused("Order refund request is invalid.", {f"items.{n}.quantity": f"must be from 1 to {left}"})
            amount += cents_of(line["price_inc_tax"]) * asked + sum(cents(less.get("amount", 0)) for less in item.get("adjustments") or [])
            tax += cents_of(line["price_tax"]) * asked
        elif kind in _BY_AMOUNT and isinstance(item.get("amount"), int | float) and item["amount"] > 0:
            amount += cents(item["amount"])
            order_level += cents(item["amount"]) if kind == "ORDER" else 0
        elif kind not in (*_BY_AMOUNT, "GIFT_WRAPPING"):
            return _refused("Order refund request is invalid.", {f"items.{n}.item_type": "is invalid"})
        else:
            return _refused("Order refund request is invalid.", {f"items.{n}.amount": "must be above 0"})
    if adjustment is not None:
        amount += cents(adjustment)
        tax += cents(adjustment)
    left = cents_of(order["total_inc_tax"]) - cents_of(order["refunded_amount"])
    if amount > left:
        return _refused(f"The refund of {amount / 100:.2f} is above the {left / 100:.2f} that can be refunded.")
    return Quote(amount, tax, order_level, quantities)


def _methods(order: Row, amount: int) -> list[list[Row]]:
    """Give the ways to pay an amount back: as it was paid, to the customer's store credit, or outside the store."""
    offline = order["payment_method"] in ("Cash on Delivery", "Überweisung")
    provider = {"Credit Card": "stripe", "PayPal": "checkout_paypalexpress", "Cash on Delivery": "cod"}.get(
        order["payment_method"], "bankdeposit"
    )
    ways = [(provider, order["payment_method"], offline), ("storecredit", "Store Credit", False), ("custom", "Custom", True)]
    return [
        [
            {
                "provider_id": name,
                "provider_description": text,
                "amount": amount / 100,
                "offline": by_hand,
                "offline_provider": by_hand,
                "offline_reason": "This is an offline payment provider." if by_hand else "",
            }
        ]
        for name, text, by_hand in ways
        if name != "storecredit" or order["customer_id"]
    ]


def _quote(store: Store, call: Call) -> Answer:
    """Reckon a refund; nothing changes."""
    order = store.tables["orders"].get(call.last_key)
    if order is None:
        return error("v3", 404)
    found = _reckon(store, order, call.body)
    if isinstance(found, Answer):
        return found
    data = {
        "order_id": order["id"],
        "total_refund_amount": found.amount / 100,
        "total_refund_tax_amount": found.tax / 100,
        "order_level_refund_amount": found.order_level / 100,
        "rounding": 0,
        "adjustment": 0,
        "tax_inclusive": True,
        "refund_methods": _methods(order, found.amount),
    }
    return ok({"data": data, "meta": {}}, 201)


def _refund(store: Store, call: Call) -> Answer:
    order = store.tables["orders"].get(call.last_key)
    if order is None:
        return error("v3", 404)
    found = _reckon(store, order, call.body)
    if isinstance(found, Answer):
        return found
    body = call.body
    override = body.get("merchant_calculated_override")
    amount = cents(override["total_amount"]) if override else found.amount
    tax = cents(override["total_tax"]) if override else found.tax
    payments = body.get("payments") or []
    if body.get("items") and not payments:
        return _refused("Order refund request is invalid.", {"payments": "is required"})
    if any(payment.get("provider_id") == "storecredit" for payment in payments) and not order["customer_id"]:
        told = {"status": 422, "title": "Unable to provide store credit for a guest customer.", "type": LONG_TYPE}
        return ok({"data": [told]}, 422)
    offered = {option["provider_id"] for method in _methods(order, amount) for option in method}
    strange = [payment.get("provider_id") for payment in payments if payment.get("provider_id") not in offered]
    if strange:
        return _refused("Order refund request is invalid.", {"payments": f"{strange[0]} is not a refund method of this order"})
    paid = sum(cents(payment.get("amount", 0)) for payment in payments)
    if payments and paid != amount:
        reason = f"The payments of {paid / 100:.2f} do not equal the refund of {amount / 100:.2f}; ask for a refund quote first."
        return _refused(reason, {"payments": "must equal the quote"})
    return ok({"data": _save(store, order, found, amount, tax, body), "meta": {}}, 201)


def _save(store: Store, order: Row, quote: Quote, amount: int, tax: int, body: Row) -> Row:
    order_id = order["id"]
    refund_id = store.nested_id("order_refunds", order_id)
    refund = {
        "id": refund_id,
        "order_id": order_id,
        "user_id": 1,
        "created": dates.iso(store.now()),
        "reason": str(body.get("reason") or next((item["reason"] for item in body.get("items") or [] if item.get("reason")), "")),
        "total_amount": amount / 100,
        "total_tax": tax / 100,
        "uses_merchant_override_values": "merchant_calculated_override" in body,
        "items": [
            {
                "item_type": item["item_type"],
                "item_id": item["item_id"],
                "reason": item.get("reason", ""),
                "quantity": item.get("quantity", 1),
                "adjustments": item.get("adjustments", []),
                "requested_amount": item["amount"] if item["item_type"] in _BY_AMOUNT else 0,
            }
            for item in body.get("items") or []
        ],
        "payments": [
            {
                "id": refund_id * 2 + n,
                "provider_id": payment["provider_id"],
                "amount": cents(payment["amount"]) / 100,
                "offline": bool(payment.get("offline")),
                "is_declined": False,
                "declined_message": "",
                "transaction_id": str(order_id * 10 + 4),
            }
            for n, payment in enumerate(body.get("payments") or [])
        ],
    }
    refunded = cents_of(order["refunded_amount"]) + amount
    whole = refunded >= cents_of(order["total_inc_tax"])
    status = {"payment_status": "refunded" if whole else "partially refunded", "refunded_amount": money(refunded)}
    move(store, order, REFUNDED if whole else PARTLY_REFUNDED, **status)
    store.nested["order_refunds"].put((order_id,), [*store.nested["order_refunds"].get(order_id), refund])
    lines = [_line(line, quote.quantities.get(line["id"], 0)) for line in store.nested["order_products"].get(order_id)]
    store.nested["order_products"].put((order_id,), lines)
    store.mail("order refunded", order["customer_id"], order_id, refund_id)
    return refund


def _line(line: Row, quantity: int) -> Row:
    if not quantity:
        return line
    refunded = line["quantity_refunded"] + quantity
    amount = cents_of(line["price_ex_tax"]) * refunded
    return {**line, "quantity_refunded": refunded, "is_refunded": refunded >= line["quantity"], "refund_amount": money(amount)}


def _payment(status: str) -> Handler:
    """Capture or void the payment of an order; an order whose payment is not only authorized is refused."""

    def post(store: Store, call: Call) -> Answer:
        order = store.tables["orders"].get(call.last_key)
        if order is None:
            return error("v3", 404)
        if order["payment_status"] != "authorized":
            return _refused(f"The payment is {order['payment_status']}, not authorized.")
        store.edit("orders", order["id"], payment_status=status)
        return ok({}, 201)

    return post


def add(router: Router) -> None:
    """Add the routes."""
    router.add(f"{_PATH}/refund_quotes", post=_quote)
    router.add(f"{_PATH}/refunds", post=_refund)
    router.add(f"{_PATH}/capture", post=_payment("captured"))
    router.add(f"{_PATH}/void", post=_payment("void"))
