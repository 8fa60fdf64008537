"""Makes a valid body for each write, from the published body alone: its required fields, with values that fit the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox.store import Store

# fields that stand for rows of the store: field to table
ROWS = {
    "product_id": "products", "variant_id": "product_variants", "customer_id": "customers", "category_id": "categories",
    "brand_id": "brands", "channel_id": "channels", "site_id": "sites", "price_list_id": "price_lists",
    "customer_group_id": "customer_groups", "tax_zone_id": "tax_zones", "order_id": "orders", "location_id": "inventory_locations",
    "tree_id": "category_trees", "attribute_id": "customer_attributes",
    "widget_template_uuid": "widget_templates", "widget_uuid": "widgets", "pickup_method_id": "pickup_methods",
}  # fmt: skip
PLAIN: Mapping[str, Any] = {
    "email": "new.shopper@example.com", "sku": "NEW-1", "currency": "usd", "currency_code": "GBP", "country_code": "US",
    "country_iso2": "US", "rate": "1", "amount": "5", "quantity": 1, "image_url": "https://example.com/a.png", "country": "United States",
    "destination": "https://hooks.example.com/new", "url": "https://shop.example.com", "parent_id": 0, "code": "NEW-1",
    "price": 5, "weight": 1, "scope": "store/order/*", "default_currency": "USD",
}  # fmt: skip


def key_of(store: Store, table: str, place: int = 0) -> Any:
    return list(store.tables[table].ids())[place]


def sample(store: Store, schema: Mapping[str, Any], name: str = "") -> Any:
    """Make a value: of an object, its required fields."""
    kind = schema.get("type")
    if name in ROWS:
        return key_of(store, ROWS[name])
    if schema.get("enum"):
        return schema["enum"][0]
    if name in PLAIN and kind not in ("object", "array"):
        value = PLAIN[name]
        return str(value) if kind == "string" else value
    if kind == "array":
        return [sample(store, schema.get("items", {}))] if schema.get("minItems") else []
    if kind == "object" or "properties" in schema:
        return {field: sample(store, schema["properties"].get(field, {}), field) for field in schema.get("required", ())}
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    return f"New {name}".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 200)]


# what a body needs beside what its schema requires
MORE: Mapping[str, Mapping[str, Any]] = {
    "POST /v3/catalog/products/{product_id}/images": {"image_url": "https://example.com/a.png"},
    "POST /v3/catalog/products/{product_id}/options": {
        "display_name": "Stoff", "type": "dropdown", "option_values": [{"label": "Leinen", "sort_order": 0}],
    },
    "POST /v3/catalog/products/{product_id}/modifiers": {"display_name": "Gravur", "type": "text"},
    "POST /v3/catalog/products/{product_id}/videos": {"video_id": "abc"},
    "POST /v3/catalog/products/{product_id}/complex-rules": {"conditions": [{"modifier_id": 1, "modifier_value_id": 1, "variant_id": 1}]},
    "POST /v3/catalog/products/{product_id}/bulk-pricing-rules": {"quantity_min": 900, "quantity_max": 950},
    "POST /v3/catalog/products/{product_id}/reviews": {"date_reviewed": "2026-01-01T00:00:00Z"},
    "POST /v3/catalog/products/{product_id}/variants": {
        "sku": "NEW-V", "option_values": [{"option_display_name": "Stoff", "label": "Wolle"}],
    },
    "POST /v3/inventory/locations": {"code": "NEW", "label": "Neu"},
    "POST /v3/pricelists/{price_list_id}/records": {"variant_id": 2, "currency": "xyz", "price": 4},
    "POST /v3/pricelists/records": {"price_list_id": 1, "variant_id": 3, "currency": "xyz", "price": 4},
    "PUT /v3/pricelists/{price_list_id}/records": {"variant_id": 2, "currency": "usd", "price": 4},
    "PUT /v3/pricelists/records": {"price_list_id": 1, "variant_id": 2, "currency": "usd", "price": 4},
    "POST /v3/customers/subscribers": {"email": "new.reader@example.com"},
    "POST /v2/customer_groups": {"name": "Neu"},
    "POST /v2/customers": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"},
    "POST /v2/coupons": {"applies_to": {"entity": "categories", "ids": [0]}},
    "POST /v3/shopper-profiles": {"customer_id": 11},
    "POST /v3/channels/{channel_id}/listings": {"variants": [{"product_id": 101, "variant_id": 1, "state": "active"}]},
    "PUT /v3/channels/{channel_id}/listings": {"variants": []},
    "POST /v3/promotions": {
        "rules": [{"action": {"cart_value": {"discount": {"percentage_amount": "10"}}}}], "redemption_type": "AUTOMATIC",
    },
    "POST /v3/content/pages": {"type": "page", "name": "Neu"},
    "PUT /v3/storefront/redirects": {"from_path": "/alt/"},
    "POST /v3/sites": {"url": "https://neu.example.com", "channel_id": 1},
    "POST /v3/sites/{site_id}/routes": {"type": "product", "matching": "*", "route": "/p/{slug}"},
    "POST /v3/pickup/methods": {"location_id": 1, "display_name": "Abholung"},
    "POST /v3/catalog/trees/categories": {"tree_id": 1, "parent_id": 0},
    "PUT /v3/catalog/trees": {"id": 1, "name": "Baum", "channels": [1]},
    "PUT /v3/catalog/variants": {"id": 1, "price": 3},
    "PUT /v3/shipping/products/customs-information": {"country_of_origin": "US"},
    "POST /v3/wishlists": {"name": "Neu"},
    "POST /v2/redirects": {"path": "/neu/"},
    "PUT /v3/catalog/products/category-assignments": {"product_id": 101, "category_id": 22},
    "PUT /v3/catalog/products/channel-assignments": {"product_id": 101, "channel_id": 2},
    "POST /v3/catalog/products/{product_id}/variants/{variant_id}/image": {"image_url": "https://example.com/a.png"},
    "POST /v3/channels/currency-assignments": {"enabled_currencies": ["USD"]},
    "PUT /v3/channels/currency-assignments": {"enabled_currencies": ["USD"]},
    "POST /v3/channels/{channel_id}/currency-assignments": {"enabled_currencies": ["USD"]},
    "PUT /v3/channels/{channel_id}/currency-assignments": {"enabled_currencies": ["USD"]},
    "POST /v3/channels/{channel_id}/site": {"url": "https://neu.example.com"},
    "PUT /v3/channels/{channel_id}/site": {"url": "https://neu.example.com"},
    "PUT /v3/customers/form-field-values": {"customer_id": 11},
    "PUT /v3/inventory/adjustments/absolute": {"items": [{"location_id": 1, "sku": "SKU-0000101", "quantity": 5}]},
    "POST /v3/inventory/adjustments/relative": {"items": [{"location_id": 1, "sku": "SKU-0000101", "quantity": 5}]},
    "PUT /v3/inventory/locations/{location_id}/items": {"settings": [{"identity": {"sku": "SKU-0000101"}, "safety_stock": 2}]},
    "POST /v3/wishlists/{wishlist_id}/items": {"items": [{"product_id": 101}]},
    "PUT /v3/sites/{site_id}/routes": {"type": "product", "matching": "*", "route": "/p/{slug}"},
    "POST /v3/orders/pickups": {"order_id": 100, "pickup_items": [{"order_product_id": 1, "quantity": 1}]},
}  # fmt: skip
