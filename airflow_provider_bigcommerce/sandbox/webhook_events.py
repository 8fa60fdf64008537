"""Which events a change of the store makes: scope and `data`, in the shapes of BigCommerce's `webhook-callbacks`.

Pure: a row as it was and as it is, in; events out. What no callback file and no event page tells of makes none: brands, coupons,
promotions, images, reviews, wishlists. What belongs to a channel, and B2B Edition, stand in `channel_events`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from airflow_provider_bigcommerce.sandbox.channel_events import MAKERS, Event, Find
from airflow_provider_bigcommerce.sandbox.table import Key, Row

#: Fields whose change alone is no `updated` event: dates, stock (it has events of its own), images, and what only the sandbox knows.
_SILENT = frozenset(
    ("date_modified", "date_created", "updated_at", "created_at", "inventory_level", "images", "image_url", "videos", "custom_fields",
     "reviews_rating_sum")
)  # fmt: skip
_METAFIELDS = {
    "product_metafields": "product",
    "product_variant_metafields": "product/variant",
    "brand_metafields": "brand",
    "category_metafields": "category",
    "order_metafields": "order",
    "inventory_location_metafields": "inventory/location",
    "channel_metafields": "channel",
    "cart_metafields": "cart",
    "store_metafields": "store",
    "customer_metafields": None,  # these have `store/metafield/*` only
}


def events_of(kind: str, key: Key, old: Row | None, new: Row | None, find: Find = lambda _table, _key: None) -> list[Event]:
    """The events, scope and data, that one change of a row makes.

    :param kind: the table, or the nested kind.
    :param key: the row's key; the parent's for a nested kind.
    :param old: the row before, None where there was none; `{"rows": [...]}` for a nested kind.
    :param new: the row after, None where it is gone.
    :param find: finds a row of another table by its key.
    """
    if kind in _METAFIELDS:
        return list(_metafield(kind, old, new))
    make, of_channel = _TABLES.get(kind), MAKERS.get(kind)
    found = [] if make is None else list(make(key, old, new))
    return found if of_channel is None else [*found, *of_channel(key, old, new, find)]


def _what(old: Row | None, new: Row | None) -> str | None:
    """`created`, `deleted`, `updated`, or None where nothing changed that an event tells of."""
    if old is None:
        return None if new is None else "created"
    if new is None:
        return "deleted"
    return "updated" if _changed(old, new) else None


def _changed(old: Row, new: Row) -> set[str]:
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name) and name not in _SILENT and name[0] != "_"}


def _plain(scope: str, kind: str, *told: str) -> Callable[[Key, Row | None, Row | None], Iterator[Event]]:
    """Events that tell a type and an id, of those things that are told of."""

    def make(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
        what = _what(old, new)
        if what in told:
            yield f"store/{scope}/{what}", {"type": kind, "id": key}

    return make


def _product(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    what = _what(old, new)
    if what is not None:
        yield f"store/product/{what}", {"type": "product", "id": key}
    if old is not None and new is not None and old.get("inventory_level") != new.get("inventory_level"):
        inventory = {"product_id": key, "method": "absolute", "value": new.get("inventory_level") or 0}
        yield "store/product/inventory/updated", {"type": "product", "id": key, "inventory": inventory}


def _variant(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    what, row = _what(old, new), new or old or {}
    sku_id, product_id = row.get("sku_id") or key, row.get("product_id")
    if what is not None:
        yield f"store/sku/{what}", {"type": "sku", "id": sku_id, "sku": {"product_id": product_id, "variant_id": key}}
    if old is not None and new is not None and old.get("inventory_level") != new.get("inventory_level"):
        inventory = {"product_id": product_id, "method": "absolute", "value": new.get("inventory_level") or 0, "variant_id": key}
        yield "store/sku/inventory/updated", {"type": "sku", "id": sku_id, "inventory": inventory}


def _stock(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    before, after = (old or {}).get("places", {}), (new or {}).get("places", {})
    for location in after:
        was, place = before.get(location, {}), after[location]
        data = {"variant_id": key, "product_id": None, "location_id": int(location)}
        if was.get("onhand") != place.get("onhand"):
            yield "store/channel/*/inventory/product/stock_changed", data
        if was and any(was.get(name) != place.get(name) for name in ("safety_stock", "is_in_stock", "warning_level")):
            yield "store/channel/*/inventory/product/settings_changed", data


def _order(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    row = new or old or {}
    channel = f"store/channel/{row.get('channel_id', 1)}/order"
    data: Row = {"type": "order", "id": key}
    told: list[tuple[str, Row]] = []
    if new is None or (new.get("is_deleted") and not (old or {}).get("is_deleted")):
        told.append(("archived", {}))
    elif old is None:
        told.append(("created", {}))
    elif _changed(old, new):
        told.append(("updated", {}))
        if old.get("status_id") != new.get("status_id"):
            status = {"previous_status_id": old.get("status_id"), "new_status_id": new.get("status_id")}
            told.append(("statusUpdated", {"status": status}))
    for what, more in told:
        yield f"store/order/{what}", {**data, **more}
        yield f"{channel}/{what}", {"order_id": key, **more}


def _cart(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    row = new or old or {}
    what = _what(old, new)
    for each in () if what is None else (what,) if what == "updated" else (what, "updated"):
        yield f"store/cart/{each}", {"type": "cart", "id": key}
        yield f"store/channel/{row.get('channel_id', 1)}/cart/{each}", {"cart_id": key}


def _price_list(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    what = _what(old, new)
    if what is not None:
        yield f"store/priceList/{what}", {"price_list_id": key}
    if old is not None and new is not None and old.get("active") != new.get("active"):
        yield f"store/priceList/{'activated' if new.get('active') else 'deactivated'}", {"price_list_id": key}


def _price_record(_key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    what, row = _what(old, new), new or old or {}
    if what is not None:
        data = {"price_list_id": row.get("price_list_id"), "variant_id": row.get("variant_id"), "currency_code": row.get("currency")}
        yield f"store/priceList/records/{what}", [data]


def _price_assignment(_key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    row = new or old or {}
    if _what(old, new) is not None:
        data = {name: row.get(name) for name in ("price_list_id", "channel_id", "customer_group_id")}
        yield f"store/priceList/assignment/{'deleted' if new is None else 'updated'}", data


def _location(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    if (what := _what(old, new)) in ("created", "updated"):
        yield f"store/inventory/location/{what}", {"location_id": key}


def _page(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    if (what := _what(old, new)) in ("created", "updated"):
        yield f"store/channel/{(new or {}).get('channel_id') or 1}/page/{what}", {"page_id": key}


def _redirect(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    if new is not None and _what(old, new) is not None:
        yield "store/redirects/updated", {"id": key, "site_id": new.get("site_id"), "from_path": new.get("from_path"), "to": new.get("to")}


def _metafield(kind: str, old: Row | None, new: Row | None) -> Iterator[Event]:
    what, row = _what(old, new), new or old or {}
    if what is None:
        return
    owner = _METAFIELDS[kind]
    data = {"metafield_id": row.get("id"), "resource_id": str(row.get("resource_id")), "namespace": row.get("namespace")}
    if owner is not None:
        yield f"store/{owner}/metafield/{what}", data
    yield f"store/metafield/{what}", {**data, "resource_type": row.get("resource_type")}


def _rows_apart(old: Row | None, new: Row | None) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows of a nested kind that differ, each as it was and as it is."""
    before = {row["id"]: row for row in (old or {}).get("rows", []) if "id" in row}
    after = {row["id"]: row for row in (new or {}).get("rows", []) if "id" in row}
    for row_id in [*after, *(gone for gone in before if gone not in after)]:
        if before.get(row_id) != after.get(row_id):
            yield before.get(row_id), after.get(row_id)


def _addresses(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    for was, row in _rows_apart(old, new):
        if (what := _what(was, row)) is not None:
            data = {"type": "customer", "id": (row or was or {})["id"], "address": {"customer_id": int(key)}}
            yield f"store/customer/address/{what}", data


def _shipments(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    for was, row in _rows_apart(old, new):
        if (what := _what(was, row)) is not None:
            yield f"store/shipment/{what}", {"type": "shipment", "id": (row or was or {})["id"], "orderId": int(key)}


def _refunds(key: Key, old: Row | None, new: Row | None) -> Iterator[Event]:
    for was, row in _rows_apart(old, new):
        if was is None and row is not None:
            yield "store/order/refund/created", {"type": "order", "id": int(key), "refund": {"refund_id": row["id"]}}


_TABLES: Mapping[str, Callable[[Key, Row | None, Row | None], Iterator[Event]]] = {
    "products": _product,
    "product_variants": _variant,
    "stock": _stock,
    "categories": _plain("category", "category", "created", "updated", "deleted"),
    "customers": _plain("customer", "customer", "created", "updated", "deleted"),
    "customer_addresses": _addresses,
    "subscribers": _plain("subscriber", "subscriber", "created", "updated", "deleted"),
    "channels": _plain("channel", "channel", "created", "updated"),
    "orders": _order,
    "order_shipments": _shipments,
    "order_refunds": _refunds,
    "carts": _cart,
    "price_lists": _price_list,
    "price_list_records": _price_record,
    "price_list_assignments": _price_assignment,
    "inventory_locations": _location,
    "pages": _page,
    "redirects": _redirect,
}


def covers(wanted: str, scope: str) -> bool:
    """Whether a hook on a scope gets an event: the same scope, or a `/*` at its end and everything below."""
    return wanted == scope or (wanted.endswith("/*") and scope.startswith(wanted[:-1]))
