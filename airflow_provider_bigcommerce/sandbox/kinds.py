"""The store's smaller collections: for each its path, how many rows, what they belong to, and which fields must fit other rows.

Everything else about them (fields, parameters, paging, shapes) comes from the contract.
"""

# ruff: noqa: ARG001, ARG005 (every function that fits a row has the same signature)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.order_data import EUR_RATE, STATUSES
from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.vocabulary import PLACES

Fit = Callable[[SeededStore, Row, int], Row]


@dataclass(frozen=True)
class Kind:
    """One collection.

    :param name: the table's name.
    :param path: path of the list; with a key in it, the list is that parent's rows only.
    :param count: seeded rows.
    :param key: the field that names a row.
    :param uuid: keys are UUIDs, not numbers.
    :param parent: table and field of what a row belongs to; half of the rows belong to the first one, so that some lists are long.
    :param fit: fields that must fit other rows, given the made-up row and its place.
    :param also: further list paths of the same rows, each with the field its key filters by.
    :param item: path of one row, where it is not the list's path and one key.
    :param hidden: fields of the row that are not shown.
    """

    name: str
    path: str
    count: int = 7
    key: str = "id"
    uuid: bool = False
    parent: tuple[str, str] | None = None
    fit: Fit | None = None
    also: tuple[tuple[str, str], ...] = ()
    item: str | None = None
    hidden: tuple[str, ...] = ()


def nth(store: SeededStore, table: str, number: int) -> Any:
    """Give the key of the seeded row at a place of a table, round and round; 0 for an empty table."""
    ids = store.tables[table].seeded
    return ids[number % len(ids)] if len(ids) else 0


def _currency(store: SeededStore, row: Row, n: int) -> Row:
    euro = n == 1
    return {
        "is_default": not euro,
        "currency_code": "EUR" if euro else "USD",
        "currency_exchange_rate": EUR_RATE if euro else "1.0000000000",
        "name": "Euro" if euro else "US Dollar",
        "token": "€" if euro else "$",
        "token_location": "left",
        "decimal_token": ".",
        "thousands_token": ",",
        "decimal_places": 2,
        "enabled": True,
        "is_transactional": True,
        "country_iso2": "DE" if euro else "US",
        "default_for_country_codes": ["DEU" if euro else "USA"],
    }


def _status(store: SeededStore, row: Row, n: int) -> Row:
    name = STATUSES[n % len(STATUSES)][1]
    return {"id": n, "name": name, "system_label": name, "custom_label": name}


def _country(store: SeededStore, row: Row, n: int) -> Row:
    place = PLACES[n % len(PLACES)]
    iso3 = {"US": "USA", "CA": "CAN", "DE": "DEU", "JP": "JPN", "GB": "GBR", "AU": "AUS"}
    return {
        "country": place[4],
        "country_iso2": place[5],
        "country_iso3": iso3[place[5]],
        "states": {"url": f"{store.base_url}/v2/countries/{row['id']}/states", "resource": f"/countries/{row['id']}/states"},
    }


def _state(store: SeededStore, row: Row, n: int) -> Row:
    return {"state": f"{PLACES[row['country_id'] - 1 if row['country_id'] <= len(PLACES) else 0][2]} {n}", "state_abbreviation": f"S{n}"}


def _channel(store: SeededStore, row: Row, n: int) -> Row:
    return {
        "name": ("Storefront", "Büro B2B", "Marketplace")[n % 3],
        "type": ("storefront", "storefront", "marketplace")[n % 3],
        "platform": ("bigcommerce", "custom", "amazon")[n % 3],
        "status": "active",
        "is_enabled": True,
        "is_visible": True,
    }


def _listing(store: SeededStore, row: Row, n: int) -> Row:
    product_id = nth(store, "products", n)
    variants = store.variants_of(product_id)[:2]
    variant = row["variants"][0] if row["variants"] else {}
    return {"product_id": product_id, "variants": [{**variant, "product_id": product_id, "variant_id": v["id"]} for v in variants]}


#: So many that even a small store's price lists hold no variant twice in one currency.
_PRICE_CURRENCIES = (
    "usd", "eur", "gbp", "cad", "aud", "nzd", "chf", "sek", "nok", "dkk", "pln", "czk",
    "huf", "ron", "bgn", "jpy", "sgd", "hkd", "mxn", "brl", "zar", "ils", "aed", "sar",
)  # fmt: skip


def _price_currency(times_round: int) -> str:
    """Another currency each time that the variants are used up: a list has one price of a variant in a currency."""
    if times_round < len(_PRICE_CURRENCIES):
        return _PRICE_CURRENCIES[times_round]
    first, second = divmod(times_round - len(_PRICE_CURRENCIES), 26)
    return f"x{chr(ord('a') + first % 26)}{chr(ord('a') + second)}"  # ISO 4217 leaves codes with X to whoever needs some


def _price_record(store: SeededStore, row: Row, n: int) -> Row:
    variant_id = nth(store, "product_variants", n)
    times_round = n // max(1, len(store.tables["product_variants"].seeded))
    variant = store.tables["product_variants"].get(variant_id) or {"sku": "", "product_id": 0}
    price = 10 + n % 90 + 0.5
    return {
        "variant_id": variant_id,
        "product_id": variant["product_id"],
        "sku": variant["sku"],
        "currency": _price_currency(times_round),
        "price": price,
        "calculated_price": price,
        "sale_price": price - 1,
        "retail_price": price + 1,
        "map_price": price,
        "bulk_pricing_tiers": [{**tier, "quantity_max": 20} for tier in row["bulk_pricing_tiers"]],
    }


def _customs(store: SeededStore, row: Row, n: int) -> Row:
    return {"product_id": nth(store, "products", n)}


def _buyer(store: SeededStore, row: Row, n: int) -> Row:
    return {"customer_id": nth(store, "customers", n)}


def _wishlist(store: SeededStore, row: Row, n: int) -> Row:
    items = [
        {**item, "id": row["id"] * 10 + place, "product_id": nth(store, "products", n + place)} for place, item in enumerate(row["items"])
    ]
    return {"customer_id": nth(store, "customers", n), "items": items}


def _subscriber(store: SeededStore, row: Row, n: int) -> Row:
    return {"email": f"subscriber{row['id']}@example.com", "channel_id": 1, "order_id": nth(store, "orders", n) if n % 3 == 0 else None}


def _group(store: SeededStore, row: Row, n: int) -> Row:
    at = dates.SEED_START + n * 123_457
    return {
        "name": ("Retail", "Großhandel", "VIP")[n % 3],
        "is_default": n == 0,
        "is_group_for_guests": False,
        "discount_rules": [],
        "category_access": {"type": "all"},
        "date_created": dates.iso(at),
        "date_modified": dates.iso(at),
    }


def _coupon(store: SeededStore, row: Row, n: int) -> Row:
    return {
        "code": f"SAVE{row['id']}",
        "name": f"Coupon {row['id']}",
        "amount": "5.0000",
        "min_purchase": "0.0000",
        "num_uses": n % 5,
        "applies_to": {"entity": "categories", "ids": [0]},
    }


def _gift(store: SeededStore, row: Row, n: int) -> Row:
    return {"code": f"GIFT-{row['id']}", "amount": "25.0000", "balance": "25.0000", "currency_code": "USD"}


def _promotion(store: SeededStore, row: Row, n: int) -> Row:
    """A discount on the whole cart; the first three need a coupon."""
    by_coupon = n < 3
    found = {name: row[name] for name in ("id", "start_date", "end_date", "current_uses", "max_uses", "created_from")}
    found |= {
        "redemption_type": "COUPON" if by_coupon else "AUTOMATIC",
        "name": f"Rabatt {row['id']}",
        "display_name": "10% off ✨",
        "channels": [{"id": 1}],
        "customer": {"group_ids": [], "minimum_order_count": 0, "excluded_group_ids": []},
        "status": "ENABLED" if n else "DISABLED",
        "is_featured": n == 1,
        "stop": False,
        "rules": [{"action": {"cart_value": {"discount": {"percentage_amount": "10"}}}, "apply_once": True, "stop": False}],
        "can_be_used_with_other_promotions": True,
        "currency_code": "USD",
        "notifications": [],
    }
    if by_coupon:
        found |= {
            "coupon_overrides_other_promotions": False,
            "coupon_overrides_automatic_when_offering_higher_discounts": False,
            "coupon_type": "BULK",
            "multiple_codes": {"has_multiple_codes": True},
        }
    row.clear()
    return found


def _code(_store: SeededStore, _row: Row, n: int) -> Row:
    """Every third one has a time of its own, of which every other one does not end."""
    until = None if n % 2 else "2026-02-01T00:00:00Z"
    return {"schedule": None if n % 3 else {"valid_from": "2026-01-01T00:00:00Z", "valid_until": until}}


def _location(store: SeededStore, row: Row, n: int) -> Row:
    return {"code": f"LOCATION-{row['id']}", "label": ("Hauptlager", "Store Austin", "倉庫")[n % 3], "enabled": True}


def _webhook(store: SeededStore, row: Row, n: int) -> Row:
    return {
        "scope": ("store/order/*", "store/product/updated", "store/customer/created")[n % 3],
        "store_hash": store.store_hash,
        "destination": f"https://hooks.example.com/{row['id']}",
        "headers": {},
        "is_active": n != 2,
    }


def _theme(store: SeededStore, row: Row, n: int) -> Row:
    return {"is_active": n == 0}


def _theme_configuration(store: SeededStore, row: Row, n: int) -> Row:
    return {"site_id": 1000}


def _tax_rate(store: SeededStore, row: Row, n: int) -> Row:
    return {"name": f"Rate {row['id']}", "priority": 1, "enabled": True}


def _site(store: SeededStore, row: Row, n: int) -> Row:
    return {"channel_id": n + 1, "url": f"https://shop{n + 1}.example.com"}


def _cart(store: SeededStore, row: Row, n: int) -> Row:
    return {"customer_id": nth(store, "customers", n), "channel_id": 1, "currency": {"code": "USD"}}


def _refers(resource_type: str) -> Fit:
    def fit(store: SeededStore, row: Row, n: int) -> Row:
        return {
            "resource_type": resource_type,
            "key": f"key-{row['id']}",
            "namespace": ("App Settings", "Größen")[n % 2],
            "value": ('{"a": 1}', "1", "naïve ✓")[n % 3],
            "owner_client_id": "sandboxclient",
        }

    return fit


_METAFIELDS = 130
RESOURCE_TYPES = {"product_variant": "variant", "inventory_location": "location"}


def _metafields(name: str, store_path: str, parent_path: str, parent: str) -> Kind:
    return Kind(
        f"{name}_metafields",
        store_path,
        _METAFIELDS,
        parent=(parent, "resource_id"),
        fit=_refers(RESOURCE_TYPES.get(name, name)),
        also=((parent_path, "resource_id"),),
    )


KINDS: tuple[Kind, ...] = (
    # V2
    Kind("order_statuses", "/v2/order_statuses", len(STATUSES), fit=_status),
    Kind("currencies", "/v2/currencies", 2, fit=_currency),
    Kind("countries", "/v2/countries", len(PLACES), fit=_country),
    Kind(
        "states",
        "/v2/countries/states",
        120,
        parent=("countries", "country_id"),
        fit=_state,
        also=(("/v2/countries/{country_id}/states", "country_id"),),
    ),
    Kind("customer_groups", "/v2/customer_groups", 3, fit=_group),
    Kind("coupons", "/v2/coupons", 60, fit=_coupon),
    Kind("gift_certificates", "/v2/gift_certificates", 7, fit=_gift),
    Kind("banners", "/v2/banners", 4),
    Kind("blog_posts", "/v2/blog/posts", 6),
    Kind("pages_v2", "/v2/pages", 5),
    Kind("redirects_v2", "/v2/redirects", 8),
    Kind("shipping_zones", "/v2/shipping/zones", 3),
    Kind("shipping_methods", "/v2/shipping/zones/{zone_id}/methods", 8, parent=("shipping_zones", "_zone_id")),
    Kind("tax_classes", "/v2/tax_classes", 4),
    Kind("payment_methods_v2", "/v2/payments/methods", 3, key="code"),
    # channels and sites
    Kind("channels", "/v3/channels", 3, fit=_channel),
    Kind(
        "channel_currency_assignments",
        "/v3/channels/currency-assignments",
        3,
        key="channel_id",
        item="/v3/channels/{channel_id}/currency-assignments",
        fit=lambda _store, _row, _n: {"enabled_currencies": ["USD", "EUR"], "default_currency": "USD"},
    ),
    Kind(
        "channel_listings",
        "/v3/channels/{channel_id}/listings",
        120,
        key="listing_id",
        parent=("channels", "channel_id"),
        fit=_listing,
    ),
    Kind("sites", "/v3/sites", 3, fit=_site),
    Kind("site_routes", "/v3/sites/{site_id}/routes", 12, parent=("sites", "_site_id")),
    Kind("site_certificates", "/v3/sites/certificates", 2, key="common_name"),
    # price lists
    Kind("price_lists", "/v3/pricelists", 4),
    Kind(
        "price_list_records",
        "/v3/pricelists/{price_list_id}/records",
        240,
        key="_id",
        parent=("price_lists", "price_list_id"),
        fit=_price_record,
    ),
    Kind(
        "price_list_assignments",
        "/v3/pricelists/assignments",
        5,
        fit=lambda store, row, n: {
            "price_list_id": nth(store, "price_lists", n),
            "customer_group_id": nth(store, "customer_groups", n),
            "channel_id": 1,
        },
    ),
    # inventory
    Kind("inventory_locations", "/v3/inventory/locations", 3, fit=_location, item="-"),
    # customers
    Kind("customer_attributes", "/v3/customers/attributes", 3),
    Kind("subscribers", "/v3/customers/subscribers", 70, fit=_subscriber),
    Kind("segments", "/v3/segments", 3, uuid=True),
    Kind("shopper_profiles", "/v3/shopper-profiles", 60, uuid=True, fit=_buyer),
    Kind(
        "segment_shopper_profiles",
        "/v3/segments/{segmentId}/shopper-profiles",
        8,
        uuid=True,
        parent=("segments", "_segment_id"),
        fit=_buyer,
    ),
    Kind("wishlists", "/v3/wishlists", 60, fit=_wishlist),
    # marketing
    Kind("promotions", "/v3/promotions", 6, fit=_promotion),
    Kind("promotion_codes", "/v3/promotions/{promotion_id}/codes", 130, parent=("promotions", "_promotion_id"), fit=_code),
    Kind("abandoned_cart_emails", "/v3/marketing/abandoned-cart-emails", 3),
    Kind("email_templates", "/v3/marketing/email-templates", 4, key="type_id"),
    # content
    Kind("pages", "/v3/content/pages", 5),
    Kind("scripts", "/v3/content/scripts", 3, key="uuid", uuid=True),
    Kind("widget_templates", "/v3/content/widget-templates", 4, key="uuid", uuid=True, fit=lambda _store, _row, _n: {"schema": []}),
    Kind(
        "widgets",
        "/v3/content/widgets",
        4,
        key="uuid",
        uuid=True,
        fit=lambda store, row, n: {"widget_template": store.tables["widget_templates"].get(nth(store, "widget_templates", n))},
    ),
    Kind("widget_placements", "/v3/content/placements", 4, key="uuid", uuid=True),
    Kind("widget_regions", "/v3/content/regions", 3, key="name"),
    Kind("redirects", "/v3/storefront/redirects", 60),
    Kind("redirect_jobs", "/v3/storefront/redirects/imex/jobs", 12, uuid=True),
    Kind("custom_template_associations", "/v3/storefront/custom-template-associations", 5),
    Kind("themes", "/v3/themes", 2, key="uuid", uuid=True, fit=_theme),
    Kind(
        "theme_configurations",
        "/v3/themes/{uuid}/configurations",
        6,
        key="uuid",
        uuid=True,
        parent=("themes", "theme_uuid"),
        fit=_theme_configuration,
    ),
    # tax, shipping, payments, settings
    Kind("tax_zones", "/v3/tax/zones", 3),
    Kind("tax_rates", "/v3/tax/rates", 6, parent=("tax_zones", "tax_zone_id"), fit=_tax_rate),
    Kind("tax_properties", "/v3/tax/properties", 3),
    Kind("product_tax_properties", "/v3/tax/products/properties", 5, key="product_id", fit=_customs),
    Kind("tax_customers", "/v3/tax/customers", 5, key="customer_id", fit=_buyer),
    Kind("product_customs_information", "/v3/shipping/products/customs-information", 6, key="product_id", fit=_customs),
    Kind("payment_methods", "/v3/payments/methods", 3, key="id"),
    Kind("pickup_methods", "/v3/pickup/methods", 3),
    Kind("web_analytics_providers", "/v3/settings/analytics", 3),
    Kind("search_filters", "/v3/settings/search/filters", 4),
    Kind("search_filters_available", "/v3/settings/search/filters/available", 4),
    Kind("search_filter_contexts", "/v3/settings/search/filters/contexts", 2, key="_id"),
    Kind("system_logs", "/v3/store/systemlogs", 70),
    Kind("webhooks", "/v3/hooks", 3, fit=_webhook),
    Kind("infrastructure_projects", "/v3/infrastructure/projects", 60, key="uuid", uuid=True),
    # by id only
    Kind("carts", "/v3/carts", 4, uuid=True, fit=_cart, item="/v3/carts/{cartId}"),
    # metafields of ten kinds
    _metafields("product", "/v3/catalog/products/metafields", "/v3/catalog/products/{product_id}/metafields", "products"),
    _metafields(
        "product_variant",
        "/v3/catalog/variants/metafields",
        "/v3/catalog/products/{product_id}/variants/{variant_id}/metafields",
        "product_variants",
    ),
    _metafields("brand", "/v3/catalog/brands/metafields", "/v3/catalog/brands/{brand_id}/metafields", "brands"),
    _metafields("category", "/v3/catalog/categories/metafields", "/v3/catalog/categories/{category_id}/metafields", "categories"),
    _metafields("customer", "/v3/customers/metafields", "/v3/customers/{customerId}/metafields", "customers"),
    _metafields("order", "/v3/orders/metafields", "/v3/orders/{order_id}/metafields", "orders"),
    _metafields(
        "inventory_location",
        "/v3/inventory/locations/metafields",
        "/v3/inventory/locations/{location_id}/metafields",
        "inventory_locations",
    ),
    _metafields("channel", "/v3/channels/metafields", "/v3/channels/{channel_id}/metafields", "channels"),
    _metafields("cart", "/v3/carts/metafields", "/v3/carts/{cart_id}/metafields", "carts"),
    Kind("store_metafields", "/v3/store/metafields", _METAFIELDS, fit=_refers("store")),
)
