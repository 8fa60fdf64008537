"""Routes of everything that `kinds` declares, and of the settings: made from the contract, without a handler for each.

Lists, one row, counts, writes and singletons; a path that other modules serve is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

from airflow_provider_bigcommerce.sandbox import dates, fields, listing
from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.children import Children
from airflow_provider_bigcommerce.sandbox.contract import contract, parameters, schema_of
from airflow_provider_bigcommerce.sandbox.filters import Reader
from airflow_provider_bigcommerce.sandbox.kinds import KINDS, Kind
from airflow_provider_bigcommerce.sandbox.listing import Listing, Paging, Source
from airflow_provider_bigcommerce.sandbox.made_up import MadeUp
from airflow_provider_bigcommerce.sandbox.parents import parents_exist
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import folded
from airflow_provider_bigcommerce.sandbox.writes import visible

_ALIASES: Mapping[str, Mapping[str, str | Reader]] = {
    "/v3/inventory/locations": {"location_id": "id", "location_code": "code", "is_active": "enabled"},
    "/v3/shopper-profiles": {},
    "/v3/tax/zones": {},
    "/v3/promotions/{promotion_id}/codes": {
        "valid_from": lambda row: (row.get("schedule") or {}).get("valid_from"),
        "valid_until": lambda row: (row.get("schedule") or {}).get("valid_until"),
    },
}


def paging_of(path: str) -> Paging:
    """Tell how a documented list is paged, from its parameters and the answer's `meta`."""
    query = parameters(path)
    if path.startswith("/v2/"):
        return "v2"
    if path == "/v3/channels/{channel_id}/listings":
        return "keyset"  # `after` is the last listing_id there
    if "after" in query:
        return "both" if "page" in query else "cursor"
    return "page" if "page" in query or "limit" in query else "none"


def documented_listing(path: str, rows: Callable[[Store, Mapping[str, Any]], Source | None], **changes: Any) -> Listing:
    """Make a listing of a documented path."""
    query = contract()[path]["get"]["query"]
    limit = query.get("limit", {})
    schema, enveloped = schema_of(path)
    if not enveloped and schema.get("type") != "array":
        enveloped = path.startswith("/v3/")  # a few files describe one row where a list in `data` is meant
    v2 = path.startswith("/v2/")
    return Listing(
        **{
            "rows": rows,
            "paging": paging_of(path),
            "default": int(limit.get("default", 50) or 50),
            "maximum": int(limit.get("maximum", 1000 if path.startswith("/v3/inventory/") else 250)),
            "allowed": frozenset(query),
            "enveloped": enveloped,
            "empty_is_204": v2,
            "aliases": _ALIASES.get(path, {}),
            "required": tuple(name for name, parameter in query.items() if parameter.get("required") and path in _REALLY_REQUIRED),
            **changes,
        }
    )


_REALLY_REQUIRED = (
    "/v3/tax/products/properties",
    "/v3/content/regions",
    "/v3/promotions/codes",
    "/v3/marketing/abandoned-cart-emails/settings",
)


def add_kinds(router: Router) -> None:
    """Add the routes of every kind."""
    for kind in KINDS:
        _add_kind(router, kind)
    for path in contract():
        if path.endswith("/count") and path not in router.templates and path.removesuffix("/count") in router.templates:
            router.add(path, get=_count(path.removesuffix("/count")))


def _add_kind(router: Router, kind: Kind) -> None:
    field = kind.parent[1] if kind.parent is not None else None
    documented = contract()
    for path, key_field in ((kind.path, field if "{" in kind.path else None), *kind.also):
        if "get" not in documented.get(path, {}):
            continue
        hides = kind.key.startswith("_") or (field or "").startswith("_")
        how = documented_listing(
            path,
            _rows(kind.name, key_field),
            key=kind.key,
            show=(lambda _store, row, _query: visible(row)) if hides else None,
        )
        router.add(path, get=list_handler(how))
        item = kind.item or next((p for p in documented if p.startswith(path + "/{") and p.count("/") == path.count("/") + 1), None)
        if item is not None and item in documented and item not in router.templates:
            router.add(item, **_one(kind, item))
    if kind.path not in documented or "get" not in documented[kind.path]:
        router.add(kind.item or "", **_one(kind, kind.item or ""))
    if kind.name == "price_list_records":
        add_price_records(router, kind)


def list_handler(how: Listing) -> Handler:
    """Make the handler of GET on a list."""
    return lambda store, call: listing.answer(store, how, call.keys, call.query, call.version)


def _rows(name: str, field: str | None) -> Callable[[Store, Mapping[str, Any]], Source | None]:
    def rows(store: Store, keys: Mapping[str, Any]) -> Source | None:
        table = store.tables[name]
        if field is None:
            return table
        if name != "channel_listings" and not parents_exist(store, keys):  # listings of an unknown channel are an empty list: channels spec
            return None
        wanted = next(reversed(list(keys.values())))
        return Children(store, name, field, wanted)

    return rows


def _one(kind: Kind, item: str) -> Mapping[str, Handler]:
    enveloped = item.startswith("/v3/") and item != "/v3/settings/analytics/{id}"  # the one that is bare there

    def get(store: Store, call: Call) -> Answer:
        row = store.tables[kind.name].get(call.last_key)
        if row is None:
            return error(call.version, 404)
        shown = visible(row)
        return ok({"data": shown, "meta": {}} if enveloped else shown)

    return {"get": get} if "get" in contract()[item] else {}


def _count(path: str) -> Handler:
    def get(store: Store, call: Call) -> Answer:
        kind = next((kind for kind in KINDS if kind.path == path), None)
        if kind is not None and "{" not in path:
            return ok({"count": len(store.tables[kind.name])})
        states = [row for row in store.tables["states"].rows() if row["country_id"] == call.keys.get("country_id")]
        return ok({"count": len(states)})

    return get


_VARIANT = folded("variant_id")


def add_price_records(router: Router, kind: Kind) -> None:
    """Add a price list's records of one variant, and of one variant in one currency."""
    path = "/v3/pricelists/{price_list_id}/records/{variant_id}"

    def rows(store: Store, keys: Mapping[str, Any]) -> list[Row]:
        index = store.unique(kind.name, _VARIANT)
        found = map(store.tables[kind.name].get, sorted(index.all(index.of(dict(keys)))))
        return [row for row in found if row is not None and row["price_list_id"] == keys["price_list_id"]]

    def one(store: Store, call: Call) -> Answer:
        row = next((row for row in rows(store, call.keys) if row["currency"] == str(call.keys["currency_code"]).lower()), None)
        return error("v3", 404) if row is None else ok({"data": visible(row), "meta": {}})

    router.add(path, get=list_handler(documented_listing(path, rows, key="_id", show=lambda _store, row, _query: visible(row))))
    router.add(path + "/{currency_code}", get=one)


def add_lookups(router: Router) -> None:
    """Add the two lists that are found the other way round: a coupon's code over all promotions, the segments of a shopper."""

    def codes(store: Store, _keys: Mapping[str, Any]) -> list[Row]:
        return [visible(row) for row in store.tables["promotion_codes"].rows()]

    router.add("/v3/promotions/codes", get=list_handler(documented_listing("/v3/promotions/codes", codes)))

    def segments(store: Store, keys: Mapping[str, Any]) -> list[Row] | None:
        profile = store.tables["shopper_profiles"].get(keys["shopperProfileId"])
        if profile is None:
            return None
        members = [row for row in store.tables["segment_shopper_profiles"].rows() if row["customer_id"] == profile["customer_id"]]
        inside = {row["_segment_id"] for row in members}
        return [row for row in store.tables["segments"].rows() if row["id"] in inside]

    path = "/v3/shopper-profiles/{shopperProfileId}/segments"
    router.add(path, get=list_handler(documented_listing(path, segments)))


# -- singletons ----------------------------------------------------------------------------------------------------------------------


_FIXED: Mapping[str, Row] = {"/v3/content/page-widgets": {"regions": [{"name": "header_bottom", "children": []}]}}


def add_singletons(router: Router) -> None:
    """Add every documented GET that shows one object and is not served yet: settings, and what hangs once on a parent."""
    for path, operations in contract().items():
        if "get" in operations and path not in router.templates:
            schema, enveloped = schema_of(path)
            if schema.get("type") == "object" or "properties" in schema:
                get, put = _singleton(path, schema, enveloped)
                router.add(path, get=get, **({"put": put} if "put" in operations else {}))


# settings that a PUT replaces as a whole: what it leaves out is empty then
_REPLACED = frozenset(
    f"/v3/settings/{name}"
    for name in (
        "catalog", "inventory/notifications", "logo", "store/profile", "storefront/category", "storefront/product", "storefront/robotstxt",
        "storefront/search", "storefront/security", "storefront/status", "store/units-of-measurement",
    )
)  # fmt: skip


def _empty(value: Any, schema: Mapping[str, Any]) -> Any:
    """Give the empty value of the same type: the first one of those that may be chosen, the lowest number."""
    choices = [choice for choice in schema.get("enum", ()) if choice is not None]
    if choices:
        return choices[0]
    return None if value is None else schema["minimum"] if "minimum" in schema else type(value)()


def _singleton(path: str, schema: Mapping[str, Any], enveloped: bool) -> tuple[Handler, Handler]:
    required = [
        name for name, parameter in contract()[path]["get"]["query"].items() if parameter.get("required") and path in _REALLY_REQUIRED
    ]

    def row(store: Store, call: Call) -> Row | None:
        if path == "/v3/channels/{channel_id}/site":  # the same row as in sites
            return next((site for site in store.rows("sites") if site["channel_id"] == call.keys["channel_id"]), None)
        found = store.singletons.get(call.path)
        if found is None and path in _FIXED:
            found = _FIXED[path]
        if found is None:
            number = crc32(call.path.encode()) % 1000
            value: Row = MadeUp(store.seed, path, call.version).value(schema, number, at=dates.SEED_START + number * 43_777)
            found = {**value, **{name: key for name, key in call.keys.items() if name in value}}
        return found

    def get(store: Store, call: Call) -> Answer:
        missing = {name: "is required" for name in required if not call.query.get(name)}
        if missing:
            return error(call.version, 422, errors=missing)
        found = row(store, call) if parents_exist(store, call.keys) else None
        if found is None:
            return error(call.version, 404)
        return ok({"data": found, "meta": {}} if enveloped else found)

    def put(store: Store, call: Call) -> Answer:
        if not isinstance(call.body, dict):
            return error(call.version, 422)
        found = fields.problems(fields.body_of("PUT", path), call.body, version=call.version)
        found = {name: reason for name, reason in found.items() if reason != "is required"}
        if found:
            return error(call.version, 400 if call.version == "v2" else 422, errors=found)
        old = row(store, call) or {}
        if path in _REPLACED:
            old = {name: _empty(value, schema.get("properties", {}).get(name, {})) for name, value in old.items()}
        changed = {**old, **call.body}
        store.keep_singleton(call.path, changed)
        return ok({"data": changed, "meta": {}} if enveloped else changed)

    return get, put
