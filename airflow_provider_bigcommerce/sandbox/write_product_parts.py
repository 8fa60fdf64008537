"""Writes of what hangs on one product: images, videos, custom fields, bulk pricing, options, modifiers, their values, reviews, rules."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.nested_writes import NestedRules, add_nested
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.write_catalog import complete_image, complete_video


def _review(store: Store, product_id: Any, row: Row) -> Row:
    at = dates.iso(store.now())
    plain = {"text": "", "status": "pending", "rating": 5, "email": "", "name": ""}
    return {"product_id": product_id, **plain, "date_created": at, "date_modified": at, **row}


def _choice(store: Store, product_id: Any, row: Row) -> Row:
    """Fill in an option or a modifier; its values get ids."""
    values = [_value(store, product_id, {"id": store.nested_id("product_options"), **value}) for value in row.get("option_values") or []]
    plain = {"product_id": product_id, "name": f"{row.get('display_name')}-{product_id}", "config": {}, "sort_order": 0}
    return {**plain, **row, "option_values": values}


def _modifier(store: Store, product_id: Any, row: Row) -> Row:
    made = _choice(store, product_id, row)
    return {"required": False, **made, "option_values": [{"option_id": made["id"], **value} for value in made["option_values"]]}


def _value(_store: Store, _product_id: Any, row: Row) -> Row:
    return {"value_data": None, "is_default": False, "sort_order": 0, **row}


def _rule(store: Store, product_id: Any, row: Row) -> Row:
    plain = {
        "sort_order": 0, "enabled": True, "stop": False, "purchasing_disabled": False, "purchasing_disabled_message": "",
        "purchasing_hidden": False, "image_url": "", "price_adjuster": {}, "weight_adjuster": {},
    }  # fmt: skip
    conditions = [
        {"variant_id": None, "combination_id": 0, **condition, "id": row["id"], "rule_id": row["id"]}
        for condition in row.get("conditions") or []
    ]
    return {"product_id": product_id, **plain, **row, "conditions": conditions}


_BASE = "/v3/catalog/products/{product_id}"
_PARTS: tuple[tuple[NestedRules, str, str], ...] = (
    (NestedRules("product_images", required=("image_url",), complete=complete_image), "images", "{image_id}"),
    (NestedRules("product_videos", required=("video_id",), complete=complete_video), "videos", "{id}"),
    (NestedRules("product_custom_fields", unique=("name", "value")), "custom-fields", "{custom_field_id}"),
    (NestedRules("product_bulk_pricing_rules", unique=("quantity_min",)), "bulk-pricing-rules", "{bulk_pricing_rule_id}"),
    (NestedRules("product_reviews", complete=_review), "reviews", "{review_id}"),
    (
        NestedRules("product_options", required=("display_name", "type", "option_values"), unique=("display_name",), complete=_choice),
        "options",
        "{option_id}",
    ),
    (NestedRules("product_modifiers", unique=("display_name",), complete=_modifier), "modifiers", "{modifier_id}"),
    (
        NestedRules("product_options", within="option_values", unique=("label",), complete=_value),
        "options/{option_id}/values",
        "{value_id}",
    ),
    (
        NestedRules("product_modifiers", within="option_values", unique=("label",), complete=_value),
        "modifiers/{modifier_id}/values",
        "{value_id}",
    ),
    (NestedRules("product_complex_rules", required=("conditions",), complete=_rule), "complex-rules", "{complex_rule_id}"),
)


def _image(table: str, field: str, shown: str) -> Any:
    """Make the handler that takes a picture of a brand, category or variant; of an upload, only its coming is noted."""

    def post(store: Store, call: Call) -> Answer:
        row = store.tables[table].get(call.last_key)
        if row is None:
            return error("v3", 404)
        given = call.body.get("image_url") if isinstance(call.body, dict) else None
        if call.body is not None and not isinstance(given, str):
            return error("v3", 422, errors={"image_url": "must be of type string" if given else "is required"})
        url = given or f"https://cdn11.bigcommerce.com/s-sandbox/{table}/{call.last_key}.png"
        store.edit(table, call.last_key, **{field: url})
        return ok({"data": {shown: url}, "meta": {}})

    return post


def _no_image(table: str) -> Any:
    def delete(store: Store, call: Call) -> Answer:
        if call.last_key not in store.tables[table]:
            return error("v3", 404)
        store.edit(table, call.last_key, image_url="")
        return NOTHING

    return delete


def add(router: Router) -> None:
    """Add the routes."""
    for rules, path, item in _PARTS:
        add_nested(router, rules, f"{_BASE}/{path}", f"{_BASE}/{path}/{item}")
    for table, path in (("brands", "brands/{brand_id}"), ("categories", "categories/{category_id}")):
        router.add(f"/v3/catalog/{path}/image", post=_image(table, "image_url", "image_url"), delete=_no_image(table))
    router.add(f"{_BASE}/variants/{{variant_id}}/image", post=_image("product_variants", "image_url", "image_url"))
