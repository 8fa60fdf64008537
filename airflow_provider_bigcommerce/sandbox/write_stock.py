"""Writes of stock: adjustments, which show late and cannot be asked for, settings of items at a location, and the locations themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.stock import Adjustment
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import SKU, folded
from airflow_provider_bigcommerce.sandbox.writes import add_writes, too_many

MOST = 2000
_NAMES = ("sku", "variant_id", "product_id")


def _done(store: Store) -> Answer:
    """Answer with the number of a transaction, of which nothing else is ever told."""
    return ok({"transaction_id": store.catalog.dice.uuid(len(store.requests) + store.tables["stock"].version, 95)})


def _identity(row: Row) -> tuple[str, Any] | None:
    """Give the one name of an item; None where it has none, or several."""
    named = [(name, row[name]) for name in _NAMES if row.get(name) is not None]
    return named[0] if len(named) == 1 else None


def _find(store: Store, name: str, value: Any) -> tuple[Row | None, str | None]:
    """Find the variant that an item means, or say what is against it; neither where the product keeps no stock."""
    variants = store.tables["product_variants"]
    if name == "product_id":
        product = store.tables["products"].get(value) if isinstance(value, int) else None
        if product is None:
            return None, f"Items with identity: [product_id {value}] not found"
        if product["inventory_tracking"] == "variant":
            return None, f"[Item with product_id {value} is tracked by variant, please update stock by variant id]"
        variant = next(iter(store.variants_of(product["id"])), None)
    else:
        key = store.unique("product_variants", SKU).find(SKU({"sku": value})) if name == "sku" else value
        variant = variants.get(key) if isinstance(key, int) else None
        if variant is None:
            return None, f"Items with identity: [{name} {value}] not found"
        product = store.tables["products"].get(variant["product_id"]) or {}
        if name == "variant_id" and product.get("inventory_tracking") == "product":
            return None, f"[Item with variant_id {value} is tracked by product, please update stock by product id]"
    return (None if product.get("inventory_tracking") == "none" else variant), None


def _malformed(body: Any, field: str) -> Mapping[str, str]:
    items = body.get(field) if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        return {field: "must be a list of objects"}
    found: dict[str, str] = {}
    for n, item in enumerate(items):
        if not isinstance(item, dict):
            found[f"{field}.{n}"] = "must be an object"
            continue
        for name in ("location_id", "quantity"):
            if not isinstance(item.get(name), int) or isinstance(item.get(name), bool):
                found[f"{field}.{n}.{name}"] = "must be of type integer" if name in item else "is required"
        if _identity(item) is None:
            found[f"{field}.{n}"] = "must have one of sku, variant_id, product_id"
    return found


def _adjust(*, relative: bool) -> Handler:
    def adjust(store: Store, call: Call) -> Answer:
        if isinstance(call.body, dict) and isinstance(call.body.get("items"), list) and len(call.body["items"]) > MOST:
            return too_many("v3", MOST)
        malformed = _malformed(call.body, "items")
        if malformed:
            return error("v3", 422, "Payload contains invalid fields", malformed)
        found: list[Adjustment] = []
        against: list[str] = []
        unstocked: list[str] = []
        for item in call.body["items"]:
            name, value = _identity(item) or ("", None)
            variant, reason = _find(store, name, value)
            if not store.has("inventory_locations", item["location_id"]):
                reason = f"Location with id {item['location_id']} not found"
            if reason is not None:
                against.append(reason)
            elif variant is not None:
                onhand = store.stock.onhand(variant["id"], item["location_id"])
                if relative and onhand is None:
                    unstocked.append(f"{name} {value}")
                    continue
                low = _below_safety(store, variant, item) if relative else None
                if low is not None:
                    against.append(f"[Item with {name} {value} {low}]")
                    continue
                found.append(Adjustment(variant["id"], item["location_id"], item["quantity"], relative))
        if unstocked:
            against.append(f"Items with identity: [{', '.join(unstocked)}] requires absolute adjustment before relative")
        if against:
            if store.stock.applies_rest:
                store.stock.adjust(found)
            return error("v3", 422, " ".join(against))
        store.stock.adjust(found)
        return _done(store)

    return adjust


def _below_safety(store: Store, variant: Row, item: Row) -> str | None:
    place = store.stock.places(variant)[str(item["location_id"])]
    after = place["onhand"] + item["quantity"]
    return "would fall below its safety stock" if item["quantity"] < 0 and after < place["safety_stock"] else None


_SETTINGS: Mapping[str, type] = {"safety_stock": int, "warning_level": int, "is_in_stock": bool, "bin_picking_number": str}


def _put_settings(store: Store, call: Call) -> Answer:
    """Change settings of items at a location; what is left out stays."""
    if not store.has("inventory_locations", call.last_key):
        return error("v3", 404)
    rows = call.body.get("settings") if isinstance(call.body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return error("v3", 422, "Payload contains invalid fields", {"settings": "must be a list of objects"})
    if len(rows) > MOST:
        return too_many("v3", MOST)
    bad: dict[str, str] = {}
    found: list[tuple[Row, Row]] = []
    for n, row in enumerate(rows):
        settings = {name: value for name, value in row.items() if name in _SETTINGS}
        named = _identity(row["identity"]) if isinstance(row.get("identity"), dict) else None
        variant, reason = _find(store, *named) if named else (None, "must have one of sku, variant_id, product_id")
        if reason is not None:
            bad[f"settings.{n}.identity"] = reason
        elif not settings:
            bad[f"settings.{n}.settings"] = "At least one setting must be specified: warning_level, is_in_stock or safety_stock"
        bad |= {f"settings.{n}.{name}": "has a wrong type" for name, value in settings.items() if type(value) is not _SETTINGS[name]}
        if variant is not None:
            found.append((variant, settings))
    if bad:
        return error("v3", 422, "Payload contains invalid fields", bad)
    for variant, settings in found:
        store.stock.set_settings(store.tables["product_variants"].get(variant["id"]) or variant, call.last_key, settings)
    return _done(store)


LOCATIONS = Rules(
    "inventory_locations",
    required=("code", "label"),
    unique={"code": folded("code")},
    conflict=422,
    filters={"location_id:in": "id"},
    ignored=("created_at", "updated_at"),
)


def add(router: Router) -> None:
    """Add the routes."""
    router.add("/v3/inventory/adjustments/absolute", put=_adjust(relative=False))
    router.add("/v3/inventory/adjustments/relative", post=_adjust(relative=True))
    router.add("/v3/inventory/locations/{location_id}/items", put=_put_settings)
    add_writes(router, LOCATIONS, "/v3/inventory/locations")
