"""Values as recorded answers of real stores have them, where they are wider than, or other than, what the files document.

A store has them when it is told to (`recorded_values`): text, numbers and lists in the form fields of an order's addresses,
PHP's `[]` for an empty object, a price with more decimals than money has.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Row

LONG_PRICE = 13.858823529412


def form_fields() -> list[Row]:
    """Give the form fields of an order's address."""
    return [
        {"name": "Delivery", "value": "Leave in yard"},
        {"name": "Amount", "value": 12.2},
        {"name": "Sizes", "value": ["S", "M"]},
        {"name": "Agreed", "value": []},
    ]


def apply(store: SeededStore) -> None:
    """Change seeded rows of a new store; no date of modification moves, and nothing is kept in a database file."""
    products, coupons = store.tables["products"], store.tables["coupons"]
    for product_id in list(products.ids()[:1]):
        products.put(product_id, {**(products.get(product_id) or {}), "price": LONG_PRICE, "calculated_price": LONG_PRICE}, record=False)
    for product_id in list(products.ids()[:20]):
        for kind in ("product_options", "product_modifiers"):
            rows = store.nested[kind].get(product_id)
            store.nested[kind].put((product_id,), [{**row, "config": row["config"] or []} for row in rows], record=False)
    for place, coupon_id in enumerate(list(coupons.ids())):
        if place % 3:
            odd: Row = {"restricted_to": [], "shipping_methods": None, "expires": ""}
            coupons.put(coupon_id, {**(coupons.get(coupon_id) or {}), **odd}, record=False)
