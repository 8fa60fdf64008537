"""What hangs on an order besides its lines: coupons, taxes, shipments, messages, transactions, refunds. It all follows from the order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.documented_routes import documented_listing, list_handler
from airflow_provider_bigcommerce.sandbox.order_data import cents_of
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

Part = Callable[[Store, Row], list[Row]]


def _modified(order: Row) -> int:
    return dates.parse(order["date_modified"])


def coupons(_store: Store, order: Row) -> list[Row]:
    """Give the coupon that was used, where the order has a coupon discount."""
    discount = cents_of(order["coupon_discount"])
    if not discount:
        return []
    return [
        {
            "id": order["id"],
            "coupon_id": 1,
            "code": "SAVE1",
            "amount": "5.0000",
            "type": 2,
            "order_id": order["id"],
            "discount": discount / 100,
        }
    ]


def taxes(store: Store, order: Row) -> list[Row]:
    """Give the tax of each line, and of the shipping."""
    rows = [
        _tax(order, n, str(line["id"]), "item", line["total_tax"]) for n, line in enumerate(store.nested["order_products"].get(order["id"]))
    ]
    return [*rows, _tax(order, len(rows), "", "shipping", order["shipping_cost_tax"])]


def _tax(order: Row, n: int, line_id: str, kind: str, amount: str) -> Row:
    return {
        "id": order["id"] * 1000 + n,
        "order_id": order["id"],
        "order_address_id": order["id"] * 10 + 1,
        "tax_rate_id": 1,
        "tax_class_id": 0,
        "name": "Tax",
        "class": "Default Tax Class",
        "rate": "8.0000",
        "priority": 0,
        "priority_amount": amount,
        "line_amount": amount,
        "order_product_id": line_id,
        "line_item_type": kind,
        "sales_tax_id": "",
        "order_pickup_method_id": 0,
    }


def shipments(store: Store, order: Row) -> list[Row]:
    """Give an order's shipments: those that were written, or the one of a seeded order that was shipped."""
    return store.nested["order_shipments"].get(order["id"])


def refunds(store: Store, order: Row) -> list[Row]:
    """Give an order's refunds: those that were written, or that of a seeded order that was refunded."""
    return store.nested["order_refunds"].get(order["id"])


def fees(store: Store, order: Row) -> list[Row]:
    """Give an order's fees; only those that were written."""
    return store.nested["order_fees"].get(order["id"])


def addresses(store: Store, order: Row) -> list[Row]:
    """Give an order's shipping addresses."""
    return store.nested["order_shipping_addresses"].get(order["id"])


def messages(store: Store, order: Row) -> list[Row]:
    """Give the messages about an order: some have none, some two."""
    return [
        {
            "id": order["id"] * 10 + n,
            "order_id": order["id"],
            "staff_id": 0,
            "customer_id": order["customer_id"],
            "type": "message",
            "subject": "Où est mon colis ?",
            "message": "When will it arrive?",
            "status": "unread" if n else "read",
            "is_flagged": bool(n),
            "date_created": order["date_modified"],
            "customer": None,
        }
        for n in range(store.sales.dice.below(3, order["id"], 30))
    ]


def _message(row: Row) -> Row:
    return {**row, "customer": {}}


def transactions(_store: Store, order: Row) -> list[Row]:
    """Give the payment of an order; incomplete ones have none."""
    if order["status_id"] == 0:
        return []
    at = dates.iso(_modified(order))
    return [
        {
            "id": order["id"] * 10 + 4,
            "order_id": str(order["id"]),
            "event": "purchase",
            "method": "credit_card",
            "amount": cents_of(order["total_inc_tax"]) / 100,
            "currency": order["currency_code"],
            "gateway": "stripe",
            "gateway_transaction_id": "ch_1",
            "date_created": at,
            "test": True,
            "status": "ok",
            "fraud_review": False,
            "reference_transaction_id": 0,
            "offline": None,
            "custom": None,
            "payment_method_id": "stripe.card",
            "payment_instrument_token": None,
            "provider_instrument_token": None,
            "provider_customer_id": None,
            "avs_result": {"code": "", "message": "", "street_match": "", "postal_match": ""},
            "cvv_result": {"code": "", "message": ""},
            "credit_card": {
                "card_type": "visa",
                "card_iin": "411111",
                "card_last4": "1111",
                "card_expiry_month": 11,
                "card_expiry_year": 2030,
            },
            "gift_certificate": None,
            "store_credit": None,
            "custom_provider_field_result": None,
        }
    ]


def pickups(store: Store, order: Row) -> list[Row]:
    """Give an order's pickups: those that were written, or that of a seeded order that waits for one."""
    return store.nested["order_pickups"].get(order["id"])


def no_quote(store: Store, call: Call) -> Answer:
    """Answer the older spelling of a shipping quote's path, which has none (orders.v2.oas2.yml: "This URL will return a 204")."""
    found = quote(store, call)
    return NOTHING if found.status == 200 else found


def quote(store: Store, call: Call) -> Answer:
    """Answer with the shipping quote of an address or consignment."""
    order = store.tables["orders"].get(call.keys["order_id"])
    if order is None or call.last_key not in (order["id"] * 10 + 1,):
        return error("v2", 404)
    return ok(
        {
            "id": str(order["id"]),
            "uuid": store.sales.dice.uuid(order["id"], 40),
            "timestamp": order["date_created"],
            "shipping_provider_id": "bcstatic",
            "shipping_provider_quote": [],
            "provider_code": "shipping_flatrate",
            "carrier_code": "",
            "rate_code": "",
            "rate_id": "",
            "method_id": 1,
        }
    )


def _of_order(part: Part) -> Callable[[Store, Mapping[str, Any]], list[Row] | None]:
    def rows(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
        order = store.tables["orders"].get(next(iter(keys.values())))
        return None if order is None else part(store, order)

    return rows


def of_all_orders(store: Store, part: Part, statuses: tuple[int, ...] | None = None) -> list[Row]:
    """Walk all orders; kept until an order changes."""
    remembered = ("part of orders", part.__name__, store.tables["orders"].version)
    found: list[Row] | None = store.selections.get(remembered)
    if found is None:
        table = store.tables["orders"]
        found = []
        for order_id in table.ids():
            changed = table.changed.get(order_id)
            written = any(str(order_id) in store.nested[kind].changed for kind in ("order_refunds", "order_pickups"))
            if written or statuses is None or (changed["status_id"] if changed else store.sales.status_of(order_id)) in statuses:
                found += part(store, table.get(order_id) or {})
        store.selections[remembered] = found
    return found


def _one(part: Part) -> Handler:
    def get(store: Store, call: Call) -> Answer:
        order = store.tables["orders"].get(call.keys["order_id"])
        row = next((row for row in part(store, order) if row["id"] == call.last_key), None) if order else None
        return error(call.version, 404) if row is None else ok(row)

    return get


def _fees(store: Store, call: Call) -> Answer:
    order = store.tables["orders"].get(call.last_key)
    return error("v2", 404) if order is None else ok(fees(store, order))


def add(router: Router) -> None:
    """Add the routes."""
    for name, part in (("coupons", coupons), ("taxes", taxes), ("shipments", shipments), ("messages", messages)):
        path = f"/v2/orders/{{order_id}}/{name}"
        show = (lambda _store, row, _query: _message(row)) if part is messages else None
        router.add(path, get=list_handler(documented_listing(path, _of_order(part), show=show)))
    router.add(
        "/v2/orders/{order_id}/shipments/count", get=lambda store, call: ok({"count": len(_of_order(shipments)(store, call.keys) or ())})
    )
    router.add("/v2/orders/{order_id}/shipments/{shipment_id}", get=_one(shipments))
    router.add("/v2/orders/{order_id}/shipping_addresses/{id}", get=_one(addresses))
    router.add("/v2/orders/{order_id}/fees", get=_fees)
    router.add("/v2/orders/{order_id}/shipping_addresses/{shipping_address_id}/shipping_quotes", get=quote)
    router.add("/v2/orders/{order_id}/consignments/shipping/{shipping_consignment_id}/shipping_quotes", get=quote)
    router.add("/v2/orders/{order_id}/shippingaddresses/{shipping_address_id}/shippingquotes", get=no_quote)
    path = "/v3/orders/{order_id}/transactions"
    router.add(path, get=list_handler(documented_listing(path, _of_order(transactions), empty_is_204=True)))
    path = "/v3/orders/{order_id}/payment_actions/refunds"
    router.add(path, get=list_handler(documented_listing(path, _of_order(refunds))))
    path = "/v3/orders/payment_actions/refunds"
    router.add(
        path, get=list_handler(documented_listing(path, lambda store, _keys: of_all_orders(store, refunds, (4, 14)), modified="created"))
    )

    def refund(store: Store, call: Call) -> Answer:
        row = next((row for row in of_all_orders(store, refunds, (4, 14)) if row["id"] == call.last_key), None)
        return error("v3", 404) if row is None else ok({"data": row, "meta": {}})

    router.add("/v3/orders/payment_actions/refunds/{refund_id}", get=refund)
    path = "/v3/orders/pickups"
    router.add(
        path,
        get=list_handler(documented_listing(path, lambda store, _keys: of_all_orders(store, pickups, (8,)), aliases={"pickup_id": "id"})),
    )
