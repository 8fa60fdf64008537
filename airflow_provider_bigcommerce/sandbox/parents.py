"""Which table a key in a path names a row of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox.store import Store

# the table behind a key in a path, where a missing row means 404
PARENTS = {
    "channel_id": "channels",
    "channelId": "channels",
    "customerId": "customers",
    "customer_id": "customers",
    "order_id": "orders",
    "product_id": "products",
    "brand_id": "brands",
    "category_id": "categories",
    "location_id": "inventory_locations",
    "site_id": "sites",
    "price_list_id": "price_lists",
    "promotion_id": "promotions",
    "zone_id": "shipping_zones",
    "country_id": "countries",
    "cart_id": "carts",
    "segmentId": "segments",
    "shopperProfileId": "shopper_profiles",
    "variant_id": "product_variants",
}


def parents_exist(store: Store, keys: Mapping[str, Any]) -> bool:
    """Tell whether every row that a path names on its way exists."""
    return all(key in store.tables[PARENTS[name]] for name, key in keys.items() if name in PARENTS)
