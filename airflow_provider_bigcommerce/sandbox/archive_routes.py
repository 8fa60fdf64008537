"""BigCommerce's archived V2 catalog: products, brands, categories, options and what hangs on them, as bare arrays.

No OpenAPI file covers these any more; paths, keys and filters come from the archive as our facts record it, shapes follow V2's manner
(money as text, RFC-2822 dates, links to sub-resources).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, listing
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.listing import Listing
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row, Table

_PAGED = ("page", "limit", "min_id", "max_id")
_CHILDREN = ("brand", "images", "videos", "custom_fields", "discount_rules", "options", "rules", "skus", "reviews")


def _money(value: float | None) -> str:
    return f"{value or 0:.4f}"


def _product(store: Store, row: Row) -> Row:
    plain = (
        "id",
        "name",
        "type",
        "sku",
        "description",
        "search_keywords",
        "availability_description",
        "warranty",
        "sort_order",
        "condition",
        "is_condition_shown",
        "is_visible",
        "is_featured",
        "inventory_level",
        "inventory_warning_level",
        "inventory_tracking",
        "total_sold",
        "view_count",
        "page_title",
        "meta_description",
        "layout_file",
        "upc",
        "brand_id",
        "categories",
        "bin_picking_number",
        "is_free_shipping",
        "order_quantity_minimum",
        "order_quantity_maximum",
        "option_set_id",
        "option_set_display",
    )
    money = (
        "price",
        "cost_price",
        "retail_price",
        "sale_price",
        "calculated_price",
        "weight",
        "width",
        "height",
        "depth",
        "fixed_cost_shipping_price",
    )
    found = {name: row[name] for name in plain}
    found |= {name: _money(row[name]) for name in money}
    for name in ("date_created", "date_modified"):
        found[name] = dates.rfc2822(dates.parse(row[name]))
    found["date_last_imported"] = dates.rfc2822(dates.parse(row["date_last_imported"])) if row["date_last_imported"] else ""
    found["custom_url"] = row["custom_url"]["url"]
    for child in _CHILDREN:
        found[child] = {"url": f"{store.base_url}/v2/products/{row['id']}/{child}", "resource": f"/products/{row['id']}/{child}"}
    return found


def _category(row: Row) -> Row:
    return {
        "id": row["category_id"],
        "parent_id": row["parent_id"],
        "name": row["name"],
        "description": row["description"],
        "sort_order": row["sort_order"],
        "page_title": row["page_title"],
        "meta_keywords": "",
        "meta_description": row["meta_description"],
        "layout_file": row["layout_file"],
        "image_file": "",
        "is_visible": row["is_visible"],
        "search_keywords": row["search_keywords"],
        "url": row["url"]["path"],
        "parent_category_list": [row["category_id"]],
    }


def _brand(row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "page_title": row["page_title"],
        "meta_keywords": "",
        "meta_description": row["meta_description"],
        "image_file": "",
        "search_keywords": row["search_keywords"],
    }


def _skus(store: Store, product_id: int) -> list[Row]:
    return [
        {
            "id": v["sku_id"] or v["id"],
            "product_id": product_id,
            "sku": v["sku"],
            "cost_price": _money(v["cost_price"]),
            "upc": v["upc"],
            "inventory_level": v["inventory_level"],
            "inventory_warning_level": v["inventory_warning_level"],
            "bin_picking_number": "",
            "options": [{"product_option_id": value["option_id"], "option_value_id": value["id"]} for value in v["option_values"]],
        }
        for v in store.variants_of(product_id)
    ]


def _options(store: Store, product_id: int) -> list[Row]:
    return [
        {"id": o["id"], "option_id": o["id"], "display_name": o["display_name"], "sort_order": o["sort_order"], "is_required": True}
        for o in store.nested["product_options"].get(product_id)
    ]


def _option_sets(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    """Give an option set for each of the first products that have options; walking a large store for them would take long."""
    products = list(store.tables["products"].ids()[:1000])
    return [
        {
            "id": product_id * 10,
            "name": f"Set {product_id}",
            "options": {
                "url": f"{store.base_url}/v2/option_sets/{product_id * 10}/options",
                "resource": f"/option_sets/{product_id * 10}/options",
            },
        }
        for product_id in products
        if len(store.catalog.variants_of(product_id)) > 1
    ]


def _set_options(store: Store, keys: Mapping[str, Any]) -> list[Row]:
    set_id = keys["option_set_id"]
    return [
        {
            "id": o["id"],
            "option_id": o["option_id"],
            "option_set_id": set_id,
            "display_name": o["display_name"],
            "sort_order": o["sort_order"],
            "is_required": True,
        }
        for o in _options(store, set_id // 10)
    ]


def _options_all(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "id": option["id"],
            "name": option["name"],
            "display_name": option["display_name"],
            "type": "RT",
            "values": {"url": f"{store.base_url}/v2/options/{option['id']}/values", "resource": f"/options/{option['id']}/values"},
        }
        for found in _option_sets(store, {})
        for option in store.nested["product_options"].get(found["id"] // 10)
    ]


def _option_values(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
    option_id = keys["option_id"]
    product_id = option_id // 10
    option = next((o for o in store.nested["product_options"].get(product_id) if o["id"] == option_id), None) if product_id else None
    if option is None:
        return None
    return [
        {
            "id": v["id"],
            "option_id": option_id,
            "label": v["label"],
            "sort_order": v["sort_order"],
            "value": v["label"],
            "is_default": v["is_default"],
        }
        for v in option["option_values"]
    ]


def _of_product(make: Callable[[Store, int], list[Row]]) -> Callable[[Store, Mapping[str, Any]], list[Row] | None]:
    def rows(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
        return make(store, keys["product_id"]) if keys["product_id"] in store.tables["products"] else None

    return rows


def _nested(kind: str) -> Callable[[Store, int], list[Row]]:
    return lambda store, product_id: store.nested[kind].get(product_id)


def _handler(how: Listing) -> Handler:
    return lambda store, call: listing.answer(store, how, call.keys, call.query, "v2")


def _bare(rows: Callable[[Store, Mapping[str, Any]], Table | list[Row] | None], *filters: str, **changes: Any) -> Handler:
    return _handler(Listing(rows, "v2", enveloped=False, empty_is_204=True, allowed=frozenset((*_PAGED, *filters)), **changes))


def _rules(_store: Store, product_id: int) -> list[Row]:
    return (
        [
            {
                "id": product_id * 10 + 1,
                "product_id": product_id,
                "sort_order": 0,
                "is_enabled": True,
                "is_stop": False,
                "price_adjuster": {"adjuster": "relative", "adjuster_value": "2.0000"},
                "conditions": [],
            }
        ]
        if product_id % 5 == 0
        else []
    )


def add(router: Router) -> None:
    """Add the routes."""
    period = (
        "min_date_created",
        "max_date_created",
        "min_date_modified",
        "max_date_modified",
        "min_date_last_imported",
        "max_date_last_imported",
    )
    router.add(
        "/v2/products",
        get=_bare(lambda store, _keys: store.tables["products"], *period, show=lambda store, row, _query: _product(store, row)),
    )

    def product(store: Store, call: Call) -> Answer:
        row = store.tables["products"].get(call.last_key)
        return error("v2", 404) if row is None else ok(_product(store, row))

    def brand(store: Store, call: Call) -> Answer:
        row = store.tables["products"].get(call.last_key)
        if row is None:
            return error("v2", 404)
        found = store.tables["brands"].get(row["brand_id"])
        return NOTHING if found is None else ok(_brand(found))

    router.add("/v2/products/{product_id}", get=product)
    router.add("/v2/products/{product_id}/brand", get=brand)
    router.add("/v2/products/count", get=lambda store, _call: ok({"count": len(store.tables["products"])}))
    router.add("/v2/brands", get=_bare(lambda store, _keys: [_brand(row) for row in store.tables["brands"].rows()]))
    router.add(
        "/v2/categories",
        get=_bare(lambda store, _keys: [_category(row) for row in store.tables["categories"].rows()], "parent_id", "name", "is_visible"),
    )
    for name, make in (
        ("skus", _skus),
        ("options", _options),
        ("rules", _rules),
        ("images", _nested("product_images")),
        ("videos", _nested("product_videos")),
        ("custom_fields", _nested("product_custom_fields")),
        ("discount_rules", _nested("product_bulk_pricing_rules")),
        ("reviews", _nested("product_reviews")),
    ):
        router.add(f"/v2/products/{{product_id}}/{name}", get=_bare(_of_product(make), "sku", "upc"))
    router.add("/v2/option_sets", get=_bare(_option_sets, "name"))
    router.add("/v2/option_sets/{option_set_id}/options", get=_bare(_set_options))
    router.add("/v2/options", get=_bare(_options_all))
    router.add("/v2/options/{option_id}/values", get=_bare(_option_values))
