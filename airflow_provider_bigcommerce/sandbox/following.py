"""Rows that follow from other rows as long as nobody writes them: an order's shipments and refunds, a product's complex rules."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.catalog_data import CatalogData
from airflow_provider_bigcommerce.sandbox.order_data import SHIPPED, OrderData, cents_of
from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Row


class FollowedStore(SeededStore, Protocol):
    """What is asked of a store here."""

    sales: OrderData
    catalog: CatalogData


def shipping_addresses(store: FollowedStore, order_id: int) -> list[Row]:
    """Give the one address an order goes to."""
    order = store.tables["orders"].get(order_id)
    return [] if order is None else store.sales.shipping_addresses(order)


def shipments(store: FollowedStore, order_id: int) -> list[Row]:
    """Give the one shipment of an order that was shipped."""
    order = store.tables["orders"].get(order_id)
    if order is None or order["status_id"] not in SHIPPED:
        return []
    address = {name: value for name, value in order["billing_address"].items() if name != "form_fields"}
    return [
        {
            "id": order["id"] * 10 + 3,
            "order_id": order["id"],
            "customer_id": order["customer_id"],
            "order_address_id": order["id"] * 10 + 1,
            "date_created": order["date_modified"],
            "tracking_number": f"1Z{order['id']:010d}",
            "merchant_shipping_cost": "0.0000",
            "shipping_method": "Flat rate",
            "shipping_provider": "ups",
            "tracking_carrier": "ups",
            "tracking_link": "",
            "comments": "",
            "billing_address": address,
            "shipping_address": address,
            "shipping_provider_display_name": "UPS",
            "generated_tracking_link": "",
            "items": [
                {"order_product_id": line["id"], "product_id": line["product_id"], "quantity": line["quantity"]}
                for line in store.nested["order_products"].get(order["id"])
            ],
        }
    ]


def refunds(store: FollowedStore, order_id: int) -> list[Row]:
    """Give the refund of an order that was refunded, in whole or in part."""
    order = store.tables["orders"].get(order_id)
    if order is None or order["status_id"] not in (4, 14):
        return []
    line = store.nested["order_products"].get(order["id"])[0]
    amount = cents_of(line["price_inc_tax"]) / 100
    return [
        {
            "id": order["id"] * 10 + 5,
            "order_id": order["id"],
            "user_id": 1,
            "created": dates.iso(dates.parse(order["date_modified"])),
            "reason": "Größe passt nicht",
            "total_amount": amount,
            "total_tax": cents_of(line["price_tax"]) / 100,
            "uses_merchant_override_values": False,
            "items": [
                {"item_type": "PRODUCT", "item_id": line["id"], "reason": "", "quantity": 1, "adjustments": [], "requested_amount": amount}
            ],
            "payments": [
                {
                    "id": order["id"] * 10 + 6,
                    "provider_id": "stripe",
                    "amount": amount,
                    "offline": False,
                    "is_declined": False,
                    "declined_message": "",
                    "transaction_id": str(order["id"] * 10 + 4),
                }
            ],
        }
    ]


def pickups(store: FollowedStore, order_id: int) -> list[Row]:
    """Give the pickup of an order that waits for one."""
    order = store.tables["orders"].get(order_id)
    if order is None or order["status_id"] != 8:
        return []
    at = dates.iso(dates.parse(order["date_modified"]))
    return [
        {
            "id": order["id"],
            "pickup_method_id": 1,
            "order_id": order["id"],
            "ready_at": at,
            "created_at": at,
            "updated_at": at,
            "pickup_items": [
                {"id": line["id"], "order_product_id": line["id"], "quantity": line["quantity"]}
                for line in store.nested["order_products"].get(order["id"])
            ],
        }
    ]


def complex_rules(store: FollowedStore, product_id: int) -> list[Row]:
    """Give the rules of a product whose modifiers are choices."""
    modifiers = [m for m in store.nested["product_modifiers"].get(product_id) if m["option_values"]]
    return [
        {
            "id": product_id * 10 + n,
            "product_id": product_id,
            "sort_order": n,
            "enabled": True,
            "stop": False,
            "purchasing_disabled": False,
            "purchasing_disabled_message": "",
            "purchasing_hidden": False,
            "image_url": "",
            "price_adjuster": {"adjuster": "relative", "adjuster_value": 5},
            "weight_adjuster": {"adjuster": "relative", "adjuster_value": 0},
            "conditions": [
                {
                    "id": product_id * 10 + n,
                    "rule_id": product_id * 10 + n,
                    "modifier_id": m["id"],
                    "modifier_value_id": m["option_values"][0]["id"],
                    "variant_id": store.catalog.variants_of(product_id)[0],
                    "combination_id": 0,
                }
            ],
        }
        for n, m in enumerate(modifiers)
    ]
