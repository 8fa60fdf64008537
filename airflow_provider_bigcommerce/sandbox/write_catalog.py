"""Writes of products and their variants."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.catalog_data import CDN
from airflow_provider_bigcommerce.sandbox.refusals import BATCH, FIELDS
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.stock import MOST
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import SKU, folded
from airflow_provider_bigcommerce.sandbox.write_categories import make_brand, url_of
from airflow_provider_bigcommerce.sandbox.writes import add_writes, styled

_NAME = folded("name")


# -- products ------------------------------------------------------------------------------------------------------------------------

# what a product is that was created with its required fields only
_PLAIN: Row = {
    "sku": "", "description": "", "width": 0, "depth": 0, "height": 0, "cost_price": 0, "retail_price": 0, "sale_price": 0, "map_price": 0,
    "categories": [], "brand_id": 0, "inventory_level": 0, "inventory_tracking": "none", "is_free_shipping": False, "is_visible": True,
    "is_featured": False, "warranty": "", "bin_picking_number": "", "mpn": "", "search_keywords": "", "availability": "available",
    "sort_order": 0, "page_title": "", "meta_description": "", "meta_keywords": [], "view_count": 0, "reviews_count": 0,
    "reviews_rating_sum": 0, "date_last_imported": "", "preorder_release_date": None,
}  # fmt: skip
_LISTS: Mapping[str, str] = {
    "images": "product_images",
    "videos": "product_videos",
    "custom_fields": "product_custom_fields",
    "bulk_pricing_rules": "product_bulk_pricing_rules",
}


def complete_image(store: Store, product_id: int, row: Row) -> Row:
    """Fill in an image that was given by its address."""
    name = str(row.pop("image_url", "")).rsplit("/", 1)[-1] or f"{row['id']}.jpg"
    stem = f"{CDN}/products/{product_id}/images/{row['id']}"
    sizes = {f"url_{size}": f"{stem}.{size}.jpg" for size in ("zoom", "standard", "thumbnail", "tiny")}
    plain = {"is_thumbnail": False, "sort_order": 0, "description": "", "image_file": f"{product_id}/{name}"}
    return {"product_id": product_id, **plain, **sizes, "date_modified": dates.iso(store.now()), **row}


def complete_video(_store: Store, product_id: int, row: Row) -> Row:
    """Fill in a video."""
    plain = {"title": "", "description": "", "sort_order": 0, "type": "youtube", "length": "00:10"}
    return {"product_id": product_id, **plain, **row}


def _nested_lists(store: Store, product_id: int, body: Row) -> None:
    """Take the lists of a product's body: a row with an id is changed, one without is added, every time it is sent."""
    for name, kind in _LISTS.items():
        given = body.pop(name, None)
        if not isinstance(given, list):
            continue
        rows = list(store.nested[kind].get(product_id))
        places = {row["id"]: place for place, row in enumerate(rows)}
        for row in given:
            place = places.get(row.get("id"))
            if place is not None:
                rows[place] = {**rows[place], **row}
                continue
            made = {**row, "id": store.nested_id(kind)}
            rows.append(_completed(store, product_id, name, made))
        store.nested[kind].put((product_id,), rows)


def _completed(store: Store, product_id: int, name: str, row: Row) -> Row:
    if name == "images":
        return complete_image(store, product_id, row)
    return complete_video(store, product_id, row) if name == "videos" else row


def _brand(store: Store, body: Row) -> None:
    """Turn `brand_name` into the brand of that name, which is made where there is none."""
    name = body.pop("brand_name", None)
    if name and "brand_id" not in body:
        found = store.unique("brands", _NAME).find((str(name).casefold(),))
        body["brand_id"] = found or make_brand(store, None, {"name": name})["id"]


def _custom_url(store: Store, body: Row, old: Row | None) -> None:
    """Drop an address that another product has: 207 tells so. Without one, a new product gets its own."""
    url = url_of(body)
    if url is None:
        body.pop("custom_url", None)
        return
    other = store.unique("products", url_of).find(url)
    if other is not None and (old is None or other != old["id"]):
        del body["custom_url"]
    else:
        body["custom_url"] = {"is_customized": True, **body["custom_url"]}


def _make_product(store: Store, call: Call, body: Row) -> Row:
    variants = body.pop("variants", None) or []
    lists = {name: body.pop(name) for name in _LISTS if name in body}
    _brand(store, body)
    _custom_url(store, body, None)
    level = _level(body)
    product = store.add_product(**{**_PLAIN, **body})
    product_id = product["id"]
    for kind in ("product_reviews", "product_modifiers", *_LISTS.values()):
        store.nested[kind].put((product_id,), [])
    if "custom_url" not in body:
        product = store.edit("products", product_id, custom_url={"url": f"/product-{product_id}/", "is_customized": False})
    product = _priced(store, product)
    _nested_lists(store, product_id, lists)
    base = store.variants_of(product_id)[0]
    store.tables["product_variants"].put(base["id"], {**base, **_PLAIN_VARIANT, "sku": product["sku"], "inventory_level": level})
    store.stock.start(base, level)
    if variants:
        store.delete("product_variants", base["id"])
        for variant in variants:
            add_variant(store, product_id, dict(variant))
        product = store.edit("products", product_id, base_variant_id=None, option_set_id=product_id * 10)
    return product


def _level(body: Row) -> int:
    level = int(body.get("inventory_level") or 0)
    if abs(level) > MOST:
        level = 0
    body["inventory_level"] = level
    return level


def _priced(store: Store, product: Row) -> Row:
    shown = product["sale_price"] or product["price"]
    if product["calculated_price"] == shown:
        return product
    for variant in store.variants_of(product["id"]):
        if variant["price"] is None and variant["calculated_price"] != shown:
            store.tables["product_variants"].put(variant["id"], {**variant, "calculated_price": shown})
    return store.edit("products", product["id"], calculated_price=shown)


def _change_product(store: Store, call: Call, old: Row, body: Row) -> Row:
    product_id = old["id"]
    _brand(store, body)
    _custom_url(store, body, old)
    _nested_lists(store, product_id, body)
    level = body.pop("inventory_level", None)
    product = _priced(store, store.edit("products", product_id, **body))
    base = store.tables["product_variants"].get(product["base_variant_id"]) if product["base_variant_id"] else None
    if base is not None and base["sku"] != product["sku"]:
        base = store.edit("product_variants", base["id"], sku=product["sku"])
    if level is not None and not _unsaved_stock(store, product_id, level):
        if product["inventory_tracking"] == "product" and base is not None:
            store.stock.set_level(base, int(level))
        product = store.edit("products", product_id, inventory_level=int(level))
    return product


def _unsaved_stock(store: Store, product_id: int | None, level: Any) -> bool:
    return level is not None and (abs(float(level)) > MOST or product_id in store.unsaved_stock)


def _unsaved(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    """Name the parts of a product that are not saved although the product is: its stock, its address."""
    found = {}
    if _unsaved_stock(store, None if old is None else old["id"], row.get("inventory_level")):
        found["inventory_level"] = "could not be saved"
    url = url_of(row)
    other = store.unique("products", url_of).find(url)
    if other is not None and (old is None or other != old["id"]):
        found["custom_url"] = "is already in use"
    return found


def _sku_of_another(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    variant_id = store.unique("product_variants", SKU).find(SKU(row))
    variant = None if variant_id is None else store.tables["product_variants"].get(variant_id)
    own = None if old is None else old["id"]
    return {"sku": f"{row['sku']!r} is already in use"} if variant is not None and variant["product_id"] != own else {}


PRODUCTS = Rules(
    "products",
    most={"PUT": 10, "DELETE": 250},
    optional=("variants.id", "variants.product_id"),
    unique={"name": _NAME, "sku": SKU},
    conflicts=_sku_of_another,
    references={"categories": "categories", "brand_id": "brands"},
    ignored=("base_variant_id", "calculated_price", "date_created", "date_modified"),
    styles=styled(put=FIELDS, post=FIELDS),
    missing=404,
    make=_make_product,
    change=_change_product,
    split=_unsaved,
)


# -- variants ------------------------------------------------------------------------------------------------------------------------

_PLAIN_VARIANT: Row = {
    "sku_id": None, "price": None, "sale_price": None, "retail_price": None, "map_price": None, "weight": None, "width": None,
    "height": None, "depth": None, "is_free_shipping": False, "fixed_cost_shipping_price": None, "purchasing_disabled": False,
    "cost_price": None, "purchasing_disabled_message": "", "image_url": "", "upc": "", "mpn": "", "gtin": "", "inventory_level": 0,
    "inventory_warning_level": 0, "bin_picking_number": "", "option_values": [],
}  # fmt: skip


def add_variant(store: Store, product_id: int, body: Row) -> Row:
    """Add a variant to a product; option values are given by their ids, or by the names of option and value, which are made then."""
    product = store.tables["products"].get(product_id) or {}
    values = [_option_value(store, product_id, value) for value in body.get("option_values") or []]
    level = _level(body)
    shown = body["price"] if body.get("price") is not None else product.get("calculated_price", 0)
    row = {**_PLAIN_VARIANT, **body, "product_id": product_id, "option_values": values, "calculated_price": shown}
    variant = store.add("product_variants", **row)
    variant = store.edit("product_variants", variant["id"], sku_id=variant["id"] + 5000)
    store.stock.start(variant, level)
    return variant


def _option_value(store: Store, product_id: int, value: Row) -> Row:
    options = store.nested["product_options"].get(product_id)
    name, label = value.get("option_display_name"), value.get("label")
    for one in options:
        if one["id"] != value.get("option_id") and one["display_name"] != name:
            continue
        for known in one["option_values"]:
            if known["id"] == value.get("id") or known["label"] == label:
                shown = {"id": known["id"], "label": known["label"]}
                return {**shown, "option_id": one["id"], "option_display_name": one["display_name"]}
    option: Row | None = next((one for one in options if one["display_name"] == name), None)
    made = {"id": store.nested_id("product_options"), "label": label, "sort_order": 0, "value_data": None, "is_default": False}
    if option is None:
        option = {
            "id": store.nested_id("product_options"),
            "product_id": product_id,
            "name": f"{name}-{product_id}",
            "display_name": name,
            "type": "rectangles",
            "config": {},
            "sort_order": len(options),
            "option_values": [],
        }
        options = [*options, option]
    whole = {**option, "option_values": [*option["option_values"], made]}
    store.nested["product_options"].put((product_id,), [whole if one is option else one for one in options])
    return {"id": made["id"], "label": label, "option_id": option["id"], "option_display_name": option["display_name"]}


def _check_variant(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    product_id = call.keys.get("product_id", row.get("product_id")) if old is None else old["product_id"]
    found: dict[str, str] = {}
    if old is None:
        found = {name: "is required" for name in ("sku", "option_values") if not row.get(name)}
        if not store.has("products", product_id):
            found["product_id"] = "not found" if product_id else "is required"
    elif "product_id" in call.keys and call.keys["product_id"] != old["product_id"]:
        found["id"] = "belongs to another product"
    return found


def _change_variant(store: Store, call: Call, old: Row, body: Row) -> Row:
    if isinstance(call.body, list):
        body.pop("sku", None)  # a SKU changes through the PUT of one variant only
    level = body.pop("inventory_level", None)
    body.pop("product_id", None)
    body.pop("option_values", None)
    product = store.tables["products"].get(old["product_id"]) or {}
    if "price" in body:
        body["calculated_price"] = body["price"] if body["price"] is not None else product.get("calculated_price", old["calculated_price"])
    variant = store.edit("product_variants", old["id"], **body)
    if level is not None and not _unsaved_stock(store, old["product_id"], level):
        store.stock.set_level(variant, int(level))
        store.stock.sum_up(old["product_id"])
    if product:
        fresh = {"sku": variant["sku"]} if product.get("base_variant_id") == old["id"] else {}
        store.edit("products", old["product_id"], **fresh)
    return store.tables["product_variants"].get(old["id"]) or variant


def _make_variant(store: Store, call: Call, body: Row) -> Row:
    product_id = call.keys.get("product_id", body.get("product_id"))
    variant = add_variant(store, int(product_id or 0), body)
    store.edit("products", variant["product_id"], base_variant_id=None)
    return variant


def _sku_of_another_product(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    if isinstance(call.body, list) and old is not None:
        return {}
    other = store.unique("products", SKU).find(SKU(row))
    product_id = call.keys.get("product_id", row.get("product_id")) if old is None else old["product_id"]
    return {"sku": f"{row['sku']!r} is already in use"} if other is not None and other != product_id else {}


def _unsaved_variant(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    product_id = call.keys.get("product_id") if old is None else old["product_id"]
    refused = not isinstance(call.body, list) and _unsaved_stock(store, product_id, row.get("inventory_level"))
    return {"inventory_level": "could not be saved"} if refused else {}


VARIANTS = Rules(
    "product_variants",
    most={"PUT": 50},
    extra=("product_id", "sku", "option_values"),
    creates_without_key=True,
    unique={"sku": SKU},
    conflicts=_sku_of_another_product,
    styles=styled(put=BATCH),
    check=_check_variant,
    make=_make_variant,
    change=_change_variant,
    split=_unsaved_variant,
)


def add(router: Router) -> None:
    """Add the routes."""
    add_writes(router, PRODUCTS, "/v3/catalog/products", "/v3/catalog/products/{product_id}")
    path = "/v3/catalog/products/{product_id}/variants"
    add_writes(router, VARIANTS, "/v3/catalog/variants", path, f"{path}/{{variant_id}}")
