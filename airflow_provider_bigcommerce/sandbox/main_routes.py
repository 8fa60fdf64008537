"""Routes of the resources most people read: catalog, customers, V2 orders, store information."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, listing
from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.contract import contract, parameters
from airflow_provider_bigcommerce.sandbox.filters import BadParameterError, Reader, parse
from airflow_provider_bigcommerce.sandbox.listing import Include, Listing
from airflow_provider_bigcommerce.sandbox.order_data import STATUSES
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row, Table


def list_handler(how: Listing) -> Handler:
    """Make the handler of GET on a list."""
    return lambda store, call: listing.answer(store, how, call.keys, call.query, call.version)


def table_of(name: str) -> Callable[[Store, Mapping[str, Any]], Table]:
    """Read a table, whatever the path."""
    return lambda store, _keys: store.tables[name]


def one_handler(name: str, how: Listing | None = None, *, enveloped: bool = True) -> Handler:
    """Make the handler of GET on one row of a table; the last key of the path names it."""

    def get(store: Store, call: Call) -> Answer:
        row = store.tables[name].get(call.last_key)
        if row is None:
            return error(call.version, 404)
        if how is not None:
            wanted = call.query.get("include", "").split(",")
            row = listing.shape(store, how, row, call.query, [how.includes[part] for part in wanted if part in how.includes])
        return ok({"data": row, "meta": {}} if enveloped else row)

    return get


def child_rows(parent: str, kind: str) -> Callable[[Store, Mapping[str, Any]], list[Row] | None]:
    """Read rows that hang on a parent named by the first key of the path; None where the parent is not there."""

    def rows(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
        parent_id = next(iter(keys.values()))
        return store.nested[kind].get(parent_id) if parent_id in store.tables[parent] else None

    return rows


def child_of_child(kind: str, field: str) -> Callable[[Store, Mapping[str, Any]], list[Row] | None]:
    """Read the list in a field of a nested row: option values of an option."""

    def rows(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
        product_id, child_id = list(keys.values())[:2]
        return next((row[field] for row in store.nested[kind].get(product_id) if row["id"] == child_id), None)

    return rows


def nested_one(kind: str, parent: str, *, enveloped: bool = True) -> Handler:
    """Make the handler of GET on one nested row: the first key is the parent, the second the row."""

    def get(store: Store, call: Call) -> Answer:
        parent_id, row_id = list(call.keys.values())[:2]
        rows = store.nested[kind].get(parent_id) if parent_id in store.tables[parent] else []
        row = next((row for row in rows if row["id"] == row_id), None)
        if row is None:
            return error(call.version, 404)
        return ok({"data": row, "meta": {}} if enveloped else row)

    return get


# -- catalog -------------------------------------------------------------------------------------------------------------------------

_WITH_OPTIONS = 10  # rows a page where options or modifiers are included; source: catalog spec, `include`


def _nested_include(field: str, kind: str, most_rows: int | None = None) -> Include:
    return Include(field, lambda store, row: store.nested[kind].get(row["id"]), most_rows)


def _primary_image(store: Store, row: Row) -> Row | None:
    return next((image for image in store.nested["product_images"].get(row["id"]) if image["is_thumbnail"]), None)


def _product_images(store: Store, row: Row) -> list[Row]:
    return store.nested["product_images"].get(row["id"])


PRODUCT_INCLUDES: Mapping[str, Include] = {
    "variants": Include("variants", lambda store, row: store.variants_of(row["id"])),
    "options": _nested_include("options", "product_options", _WITH_OPTIONS),
    "modifiers": _nested_include("modifiers", "product_modifiers", _WITH_OPTIONS),
    "images": Include("images", _product_images),
    "primary_image": Include("primary_image", _primary_image),
    "custom_fields": _nested_include("custom_fields", "product_custom_fields"),
    "bulk_pricing_rules": _nested_include("bulk_pricing_rules", "product_bulk_pricing_rules"),
    "videos": _nested_include("videos", "product_videos"),
    "reviews": _nested_include("reviews", "product_reviews"),
    "channels": Include("channels", lambda store, row: store.channels_of(row["id"])),
    "parent_relations": Include("parent_relations", lambda _store, _row: []),
}


def _products() -> Listing:
    return Listing(
        table_of("products"),
        "page",
        allowed=parameters("/v3/catalog/products"),
        includes=PRODUCT_INCLUDES,
        bare_date_gets_time=True,
        store_aliases={"channel_id": lambda store, row: store.channels_of(row["id"])},
        aliases={
            "keyword": lambda row: f"{row['name']} {row['sku']} {row['search_keywords']}",
            "inventory_low": lambda row: row["inventory_level"] <= row["inventory_warning_level"],
            "out_of_stock": lambda row: row["inventory_level"] == 0,
        },
    )


def _variants_of_product(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    product_id = keys["product_id"]
    return store.variants_of(product_id) if product_id in store.tables["products"] else None


def _one_variant(store: Store, call: Call) -> Answer:
    row = store.tables["product_variants"].get(call.keys["variant_id"])
    return error("v3", 404) if row is None or row["product_id"] != call.keys["product_id"] else ok({"data": row, "meta": {}})


def _summary(store: Store, _call: Call) -> Answer:
    """Totals of the catalog; reading all variants of a large store takes a moment, so they are kept until something changes."""
    variants = store.tables["product_variants"]
    remembered = ("summary", "", variants.version)
    found = store.selections.get(remembered)
    if found is None:
        rows = list(variants.rows())
        prices = [row["calculated_price"] for row in rows] or [0]
        found = {
            "inventory_count": sum(row["inventory_level"] or 0 for row in rows),
            "inventory_value": round(sum((row["inventory_level"] or 0) * row["calculated_price"] for row in rows), 2),
            "primary_category_id": store.catalog.categories.first,
            "primary_category_name": store.catalog.category(store.catalog.categories.first)["name"],
            "variant_count": len(rows),
            "highest_variant_price": max(prices),
            "average_variant_price": sum(prices) / len(prices),
            "lowest_variant_price": str(min(prices)),
            "oldest_variant_date": dates.iso(dates.SEED_START),
            "newest_variant_date": dates.iso(dates.SEED_START + dates.SEED_SECONDS - 86_400),
        }
        store.selections[remembered] = found
    return ok({"data": found, "meta": {}})


def add_catalog(router: Router) -> None:
    """Add products, what hangs on them, variants, brands, trees and categories."""
    products = _products()
    router.add("/v3/catalog/products", get=list_handler(products))
    router.add("/v3/catalog/products/{product_id}", get=one_handler("products", products))
    for kind, path in (
        ("product_images", "images"),
        ("product_videos", "videos"),
        ("product_custom_fields", "custom-fields"),
        ("product_bulk_pricing_rules", "bulk-pricing-rules"),
        ("product_options", "options"),
        ("product_modifiers", "modifiers"),
        ("product_reviews", "reviews"),
    ):
        list_path = f"/v3/catalog/products/{{product_id}}/{path}"
        empty = kind in ("product_images", "product_reviews")  # documented so for these two
        how = Listing(child_rows("products", kind), "page", allowed=parameters(list_path), empty_is_204=empty)
        router.add(list_path, get=list_handler(how))
        item_path = next(p for p in contract() if p.startswith(f"{list_path}/{{") and p.count("/") == list_path.count("/") + 1)
        router.add(item_path, get=nested_one(kind, "products"))
    for kind, path in (("product_options", "options/{option_id}/values"), ("product_modifiers", "modifiers/{modifier_id}/values")):
        list_path = f"/v3/catalog/products/{{product_id}}/{path}"
        router.add(list_path, get=list_handler(Listing(child_of_child(kind, "option_values"), "page", allowed=parameters(list_path))))

    router.add(
        "/v3/catalog/variants",
        get=list_handler(Listing(table_of("product_variants"), "page", allowed=parameters("/v3/catalog/variants"))),
    )
    path = "/v3/catalog/products/{product_id}/variants"
    router.add(path, get=list_handler(Listing(_variants_of_product, "page", allowed=parameters(path))))
    router.add(f"{path}/{{variant_id}}", get=_one_variant)

    router.add(
        "/v3/catalog/brands",
        get=list_handler(Listing(table_of("brands"), "page", allowed=parameters("/v3/catalog/brands"))),
    )
    router.add("/v3/catalog/brands/{brand_id}", get=one_handler("brands"))

    router.add(
        "/v3/catalog/trees",
        get=list_handler(
            Listing(table_of("category_trees"), "none", allowed=parameters("/v3/catalog/trees"), aliases={"channel_id": "channels"})
        ),
    )
    path = "/v3/catalog/trees/categories"
    categories = Listing(
        table_of("categories"),
        "page",
        key="category_id",
        allowed=parameters(path),
        always_keeps=("category_id",),
        aliases={"keyword": lambda row: f"{row['name']} {row['search_keywords']}"},
    )
    router.add(path, get=list_handler(categories))
    router.add("/v3/catalog/summary", get=_summary)


# -- customers -----------------------------------------------------------------------------------------------------------------------


CUSTOMER_INCLUDES: Mapping[str, Include] = {
    "addresses": Include("addresses", lambda store, row: store.nested["customer_addresses"].get(row["id"])[:10]),
    "storecredit": Include("store_credit_amounts", lambda store, row: store.buyers.store_credit(row["id"])),
    "attributes": Include("attributes", lambda store, row: store.nested["customer_attribute_values"].get(row["id"])),
    "formfields": Include("form_fields", lambda store, row: store.nested["customer_form_field_values"].get(row["id"])),
    "shopper_profile_id": Include("shopper_profile_id", lambda store, row: store.buyers.dice.uuid(row["id"], 30)),
    "segment_ids": Include("segment_ids", lambda _store, _row: []),
}


def all_children(kind: str) -> Callable[[Store, Mapping[str, Any]], list[Row]]:
    """Read the nested rows of every parent, in the parents' order; kept until parents or rows change."""

    def rows(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
        return store.rows(kind)

    return rows


def add_customers(router: Router) -> None:
    """Add customers and the lists that hang on all of them."""
    customers = Listing(
        table_of("customers"),
        "both",
        allowed=parameters("/v3/customers"),
        includes=CUSTOMER_INCLUDES,
        cursor_beside_page=True,
        newest_first=True,  # recorded answers of real stores come by descending id
        aliases={"name": lambda row: f"{row['first_name']} {row['last_name']}"},
    )
    router.add("/v3/customers", get=list_handler(customers))
    path = "/v3/customers/addresses"
    router.add(
        path,
        get=list_handler(
            Listing(
                all_children("customer_addresses"),
                "page",
                allowed=parameters(path),
                aliases={"name": lambda row: f"{row['first_name']} {row['last_name']}"},
            )
        ),
    )


# -- orders --------------------------------------------------------------------------------------------------------------------------


def _structure_missing(call: Call) -> Answer | None:
    if "consignments" in call.query.get("include", "") and call.query.get("consignment_structure") != "object":
        return error("v2", 400, "The consignment_structure parameter must be 'object' to include consignments.")
    return None


def _consignments(store: Store, row: Row) -> Row:
    return store.sales.consignments(row, None)


def _consignments_with_lines(store: Store, row: Row) -> Row:
    return store.sales.consignments(row, store.nested["order_products"].get(row["id"]))


ORDER_INCLUDES: Mapping[str, Include] = {
    "consignments": Include("consignments", _consignments),
    "consignments.line_items": Include("consignments", _consignments_with_lines),
    "fees": Include("fees", lambda store, row: store.nested["order_fees"].get(row["id"])),
}
_ORDER_ALIASES: Mapping[str, str | Reader] = {
    "total": "total_inc_tax",
    "email": lambda row: row["billing_address"]["email"],
}


def _orders() -> Listing:
    return Listing(
        table_of("orders"),
        "v2",
        enveloped=False,
        empty_is_204=True,
        allowed=parameters("/v2/orders"),
        includes=ORDER_INCLUDES,
        aliases=_ORDER_ALIASES,
    )


def _order_count(store: Store, call: Call) -> Answer:
    how = Listing(table_of("orders"), "none", allowed=parameters("/v2/orders/count"), aliases=_ORDER_ALIASES)
    table = store.tables["orders"]
    try:
        chosen, _ = listing.select(store, how, table, call.query)
    except BadParameterError as bad:
        return error("v2", 400, "The request has an invalid parameter.", {bad.name: bad.reason})
    remembered = ("order statuses", "orders", table.version, tuple(parse(call.query, how.allowed, how.aliases)))
    counts: dict[int, int] | None = store.selections.get(remembered)
    if counts is None:
        counts = {}
        for order_id in chosen:
            row = table.changed.get(order_id)
            status = row["status_id"] if row is not None else store.sales.status_of(order_id)
            counts[status] = counts.get(status, 0) + 1
        store.selections[remembered] = counts
    statuses = [
        {
            "id": status,
            "name": name,
            "system_label": name,
            "custom_label": name,
            "system_description": "",
            "count": counts.get(status, 0),
            "sort_order": n,
        }
        for n, (status, name) in enumerate(STATUSES)
    ]
    return ok({"statuses": statuses, "count": len(chosen)})


def _shipping_addresses(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    order_id = keys["order_id"]
    return store.nested["order_shipping_addresses"].get(order_id) if order_id in store.tables["orders"] else None


def _order_consignments(store: Store, call: Call) -> Answer:
    order = store.tables["orders"].get(call.keys["order_id"])
    if order is None:
        return error("v2", 404)
    lines = store.nested["order_products"].get(order["id"]) if "consignments.line_items" in call.query.get("include", "") else None
    return ok(store.sales.consignments(order, lines))


def add_orders(router: Router) -> None:
    """Add V2 orders with their lines, addresses and consignments."""
    orders = _orders()

    def get_list(store: Store, call: Call) -> Answer:
        return _structure_missing(call) or listing.answer(store, orders, call.keys, call.query, "v2")

    def get_one(store: Store, call: Call) -> Answer:
        return _structure_missing(call) or one_handler("orders", orders, enveloped=False)(store, call)

    router.add("/v2/orders", get=get_list)
    router.add("/v2/orders/count", get=_order_count)
    router.add("/v2/orders/{order_id}", get=get_one)
    router.add("/v2/orders/{order_id}/consignments", get=_order_consignments)
    path = "/v2/orders/{order_id}/products"
    router.add(
        path,
        get=list_handler(
            Listing(child_rows("orders", "order_products"), "v2", enveloped=False, empty_is_204=True, allowed=parameters(path))
        ),
    )
    router.add(f"{path}/{{product_id}}", get=nested_one("order_products", "orders", enveloped=False))
    path = "/v2/orders/{order_id}/shipping_addresses"
    addresses = list_handler(Listing(_shipping_addresses, "v2", enveloped=False, empty_is_204=True, allowed=parameters(path)))
    for spelling in (path, "/v2/orders/{order_id}/shippingaddresses"):  # the latter is in the links of the published examples
        router.add(spelling, get=addresses)


# -- store information ---------------------------------------------------------------------------------------------------------------


def _store(store: Store, _call: Call) -> Answer:
    web = f"https://store-{store.store_hash}.mybigcommerce.com"
    return ok(
        {
            "id": store.store_hash,
            "account_uuid": store.catalog.dice.uuid(1, 90),
            "domain": f"store-{store.store_hash}.mybigcommerce.com",
            "secure_url": web,
            "control_panel_base_url": web,
            "status": "live",
            "name": "Sandbox Café & Home",
            "first_name": "Jane",
            "last_name": "Doe",
            "address": "123 Main Street, Austin",
            "country": "United States",
            "country_code": "US",
            "infrastructure_region": "us-central1",
            "phone": "+1 512 555 0100",
            "admin_email": "janedoe@example.com",
            "order_email": "orders@example.com",
            "favicon_url": "",
            "timezone": {
                "name": "America/Chicago",
                "raw_offset": -21600,
                "dst_offset": -18000,
                "dst_correction": True,
                "date_format": {"display": "M jS Y", "export": "M jS Y", "extended_display": "M jS Y @ g:i A"},
            },
            "language": "en",
            "currency": "USD",
            "currency_symbol": "$",
            "decimal_separator": ".",
            "thousands_separator": ",",
            "decimal_places": 2,
            "currency_symbol_location": "left",
            "weight_units": "Ounces",
            "dimension_units": "Inches",
            "dimension_decimal_places": 2,
            "dimension_decimal_token": ".",
            "dimension_thousands_token": ",",
            "plan_name": "Standard",
            "plan_level": "Standard",
            "plan_is_trial": False,
            "industry": "Home",
            "logo": {"url": ""},
            "is_price_entered_with_tax": False,
            "store_id": 1025646,
            "default_channel_id": 1,
            "default_site_id": 1000,
            "active_comparison_modules": [],
            "features": {
                "stencil_enabled": True,
                "sitewidehttps_enabled": True,
                "facebook_catalog_id": "",
                "checkout_type": "optimized",
                "wishlists_enabled": True,
                "graphql_storefront_api_enabled": True,
                "shopper_consent_tracking_enabled": False,
                "multi_storefront_enabled": True,
                "storefront_limits": {"active": 3, "total_including_inactive": 15},
            },
        }
    )


def add_store(router: Router) -> None:
    """Add the two cheapest answers there are."""
    router.add("/v2/store", get=_store)
    router.add("/v2/time", get=lambda store, _call: ok({"time": store.now()}))
