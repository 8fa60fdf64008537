"""Writes that no row of rules describes: codes that are generated, members of a segment, items of a wishlist, a channel's site."""

from __future__ import annotations

from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.refusals import BULK_CONFLICT, LONG_TYPE, PROBLEMS, Bad, Refused
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.writes import too_many, visible

# -- promotions ----------------------------------------------------------------------------------------------------------------------


def _delete_promotions(store: Store, call: Call) -> Answer:
    """Delete promotions by id; one that still has codes stays, and is told by its place."""
    ids = [int(part) for part in call.query.get("id:in", "").split(",") if part.strip().isdigit()]
    if not ids:
        told = {"status": 422, "title": "Parameter id:in is required", "type": LONG_TYPE}
        return ok({"errors": [told], "meta": {"total": 0, "success": 0, "failed": 0}}, 422)
    if len(ids) > 50:
        return too_many("v3", 50)
    bad: dict[str, str] = {}
    for place, promotion_id in enumerate(ids):
        if store.children("promotion_codes", "_promotion_id", promotion_id):
            bad[f"{place}.code"] = f"Failed for id={promotion_id}. Error: some relating codes are still present."
        elif not store.delete("promotions", promotion_id):
            bad[f"{place}.id"] = f"Failed for id={promotion_id}. Error: not found."
    if not bad:
        return NOTHING
    told = {"status": 422, "title": "Errors occurred in bulk delete action.", "type": LONG_TYPE, "errors": bad}
    return ok({"errors": [told], "meta": {"total": len(ids), "success": len(ids) - len(bad), "failed": len(bad)}}, 422)


def _generate_codes(store: Store, call: Call) -> Answer:
    """Make codes; each call makes new ones."""
    promotion_id = call.keys["promotion_id"]
    if not store.has("promotions", promotion_id):
        return error("v3", 404)
    size = call.body.get("batch_size") if isinstance(call.body, dict) else None
    if not isinstance(size, int) or not 1 <= size <= 250:
        return PROBLEMS.answer(Refused(call, [Bad(0, {}, {"batch_size": "must be from 1 to 250"})], (), 1))
    made = []
    for _ in range(size):
        number = store.tables["promotion_codes"].next_id()
        code = f"{call.body.get('prefix', '')}{store.catalog.dice.roll(number, 71):012X}{call.body.get('suffix', '')}"[:50]
        plain = {
            "current_uses": 0,
            "max_uses": call.body.get("max_uses", 0),
            "max_uses_per_customer": call.body.get("max_uses_per_customer", 0),
        }
        store.add("promotion_codes", id=number, code=code, _promotion_id=promotion_id, **plain)
        made.append({"code": code})
    uses = {name: call.body.get(name, 1) for name in ("max_uses", "max_uses_per_customer")}
    return ok({"data": {"created": dates.iso(store.now()), "batch_size": size, **uses, "codes": made}, "meta": {}}, 201)


def _delete_code(store: Store, call: Call) -> Answer:
    code = call.query.get("code", "").casefold()
    if not code:
        return error("v3", 422, errors={"code": "is required"})
    for row in list(store.tables["promotion_codes"].rows()):
        if str(row["code"]).casefold() == code:
            store.delete("promotion_codes", row["id"])
    return NOTHING


# -- segments and wishlists ----------------------------------------------------------------------------------------------------------


def _add_members(store: Store, call: Call) -> Answer:
    """Put shopper profiles into a segment, 50 in a call; those that are in it already are a conflict."""
    segment_id = call.keys["segmentId"]
    if not store.has("segments", segment_id):
        return error("v3", 404)
    ids = call.body
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        return error("v3", 422, errors={"": "the body must be a list of shopper profile ids"})
    if len(ids) > 50:
        return too_many("v3", 50)
    inside = {row["customer_id"] for row in store.children("segment_shopper_profiles", "_segment_id", segment_id)}
    bad: list[Bad] = []
    saved: list[Row] = []
    for place, profile_id in enumerate(ids):
        profile = store.tables["shopper_profiles"].get(profile_id)
        if profile is None:
            bad.append(Bad(place, profile_id, {"": "Shopper profile does not exist"}))
        elif profile["customer_id"] in inside:
            bad.append(Bad(place, profile_id, {"": "Shopper profile is in the segment already"}, 409))
        else:
            inside.add(profile["customer_id"])
            saved.append(visible(store.add("segment_shopper_profiles", customer_id=profile["customer_id"], _segment_id=segment_id)))
    if bad:
        return BULK_CONFLICT.answer(Refused(call, bad, saved, len(ids)))
    return ok({"data": saved, "meta": {}}, 201)


def _remove_members(store: Store, call: Call) -> Answer:
    segment_id = call.keys["segmentId"]
    if not store.has("segments", segment_id):
        return error("v3", 404)
    ids = {part.strip() for part in call.query.get("id:in", "").split(",") if part.strip()}
    for row in list(store.children("segment_shopper_profiles", "_segment_id", segment_id)):
        if not ids or row["id"] in ids:
            store.delete("segment_shopper_profiles", row["id"])
    return NOTHING


def _add_items(store: Store, call: Call) -> Answer:
    wishlist = store.tables["wishlists"].get(call.keys["wishlist_id"])
    if wishlist is None:
        return error("v3", 404)
    items = call.body.get("items") if isinstance(call.body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and store.has("products", item.get("product_id")) for item in items):
        return error("v3", 422, errors={"items": "must be a list of objects with the product_id of a product"})
    highest = max([wishlist["id"] * 10, *(item["id"] for item in wishlist["items"])])
    made = [{"variant_id": store.variants_of(item["product_id"])[0]["id"], **item, "id": highest + 1 + n} for n, item in enumerate(items)]
    row = store.edit("wishlists", wishlist["id"], items=[*wishlist["items"], *made])
    return ok({"data": visible(row), "meta": {}}, 201)


def _remove_item(store: Store, call: Call) -> Answer:
    wishlist = store.tables["wishlists"].get(call.keys["wishlist_id"])
    if wishlist is None or all(item["id"] != call.last_key for item in wishlist["items"]):
        return error("v3", 404)
    row = store.edit("wishlists", wishlist["id"], items=[item for item in wishlist["items"] if item["id"] != call.last_key])
    return ok({"data": visible(row), "meta": {}})


# -- pickups -------------------------------------------------------------------------------------------------------------------------


def _save_pickups(store: Store, call: Call) -> Answer:
    """Make pickups of orders, or change the time of some; all rows are looked at first."""
    rows = call.body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return error("v3", 422, errors={"": "the body must be a list of objects"})
    if len(rows) > 100:
        return too_many("v3", 100)
    template = "/v3/orders/pickups"
    bad = {
        f"{n}.{name}": why
        for n, row in enumerate(rows)
        for name, why in fields.problems(fields.body_of(call.method, template), row).items()
    }
    if call.method == "POST":
        bad |= {f"{n}.order_id": "not found" for n, row in enumerate(rows) if not store.has("orders", row.get("order_id"))}
        if bad:
            return error("v3", 422, errors=bad)
        return ok({"data": [_new_pickup(store, row) for row in rows], "meta": {}})
    owners = [_order_of(store, row.get("id", row.get("pickup_id"))) for row in rows]
    bad |= {f"{n}.id": "not found" for n, owner in enumerate(owners) if owner is None}
    if bad:
        return error("v3", 422, errors=bad)
    changed = []
    for row, owner in zip(rows, owners, strict=True):
        kept = store.nested["order_pickups"].get(owner)
        new = [
            {**one, **fields.taken(fields.body_of("PUT", template), row, ("id", "pickup_id"))} if one["id"] == row["id"] else one
            for one in kept
        ]
        store.nested["order_pickups"].put((owner,), new)
        store.edit("orders", owner)
        changed += [one for one in new if one["id"] == row["id"]]
    return ok({"data": changed, "meta": {}})


def _new_pickup(store: Store, row: Row) -> Row:
    at = dates.iso(store.now())
    items = [{"id": store.nested_id("order_pickups", row["order_id"]), **item} for item in row["pickup_items"]]
    made = {"id": store.nested_id("order_pickups", row["order_id"]), "created_at": at, "updated_at": at, **row, "pickup_items": items}
    store.nested["order_pickups"].put((row["order_id"],), [*store.nested["order_pickups"].get(row["order_id"]), made])
    store.edit("orders", row["order_id"])
    return made


def _order_of(store: Store, pickup_id: Any) -> Any:
    if not isinstance(pickup_id, int):
        return None
    known = store.owners.get(("order_pickups", pickup_id))
    for order_id in [known] if known is not None else list(store.tables["orders"].ids()):
        if any(row["id"] == pickup_id for row in store.nested["order_pickups"].get(order_id)):
            return order_id
    return None


def _delete_pickups(store: Store, call: Call) -> Answer:
    ids = [int(part) for part in call.query.get("id:in", "").split(",") if part.strip().isdigit()]
    if not ids:
        return error("v3", 422, errors={"id:in": "is required"})
    for pickup_id in ids:
        owner = _order_of(store, pickup_id)
        if owner is not None:
            rows = store.nested["order_pickups"].get(owner)
            store.nested["order_pickups"].put((owner,), [row for row in rows if row["id"] != pickup_id])
            store.edit("orders", owner)
    return NOTHING


# -- channels ------------------------------------------------------------------------------------------------------------------------

_CURRENCIES = "channel_currency_assignments"


def _save_currencies(store: Store, rows: Any) -> list[Row] | Answer:
    rows = rows if isinstance(rows, list) else [rows]
    bad: dict[str, str] = {}
    for n, row in enumerate(rows):
        if not isinstance(row, dict):
            return error("v3", 422, errors={"": "the body must hold objects"})
        for name, kind in (("enabled_currencies", list), ("default_currency", str)):
            if not row.get(name) or not isinstance(row[name], kind):
                bad[f"{n}.{name}"] = f"must be of type {kind.__name__}" if row.get(name) else "is required"
        if not store.has("channels", row.get("channel_id")):
            bad[f"{n}.channel_id"] = "not found"
    if bad:
        return error("v3", 422, errors=bad)
    names = ("channel_id", "enabled_currencies", "default_currency")
    saved = []
    for row in rows:
        kept = {name: row[name] for name in names}
        known = store.has(_CURRENCIES, row["channel_id"])
        saved.append(store.edit(_CURRENCIES, row["channel_id"], **kept) if known else store.add(_CURRENCIES, **kept))
    return saved


def _currencies(store: Store, call: Call) -> Answer:
    saved = _save_currencies(store, call.body)
    return saved if isinstance(saved, Answer) else ok({"data": saved, "meta": {}})


def _currencies_of_one(store: Store, call: Call) -> Answer:
    if not isinstance(call.body, dict):
        return error("v3", 422, errors={"": "the body must be an object"})
    saved = _save_currencies(store, {**call.body, "channel_id": call.last_key})
    return saved if isinstance(saved, Answer) else ok({"data": saved[0], "meta": {}})


def _no_currencies(store: Store, call: Call) -> Answer:
    return ok({"data": call.last_key, "meta": {}}) if store.delete(_CURRENCIES, call.last_key) else error("v3", 404)


def _site_of(store: Store, channel_id: Any) -> Row | None:
    return next((site for site in store.tables["sites"].rows() if site["channel_id"] == channel_id), None)


def _save_site(store: Store, call: Call) -> Answer:
    """Make or change the site of a channel: the same row as in the list of sites."""
    if not store.has("channels", call.last_key):
        return error("v3", 404)
    if not isinstance(call.body, dict) or not isinstance(call.body.get("url"), str):
        return error("v3", 422, errors={"url": "is required"})
    old = _site_of(store, call.last_key)
    if old is None and call.method == "PUT":
        return error("v3", 404)
    url = call.body["url"]
    row = store.edit("sites", old["id"], url=url) if old is not None else store.add("sites", channel_id=call.last_key, url=url)
    return ok({"data": visible(row), "meta": {}})


def _drop_site(store: Store, call: Call) -> Answer:
    site = _site_of(store, call.last_key)
    return ok({"data": [], "meta": {}}) if site is not None and store.delete("sites", site["id"]) else error("v3", 404)


def _replace_filters(store: Store, call: Call) -> Answer:
    """Replace all search filters."""
    if not isinstance(call.body, list) or not all(isinstance(row, dict) for row in call.body):
        return error("v3", 422, errors={"": "the body must be a list of objects"})
    schema = fields.body_of("PUT", call.path)
    bad = {f"{n}.{name}": why for n, row in enumerate(call.body) for name, why in fields.problems(schema, row).items()}
    if bad:
        return error("v3", 422, errors=bad)
    table = store.tables["search_filters"]
    known = {row["id"]: row for row in table.rows()}
    for row_id in known:
        store.delete("search_filters", row_id)
    for row in call.body:
        given = row.get("id")
        key = given if isinstance(given, int | str) and given in known else table.next_id()
        table.put(key, {**known.get(key, {}), **row, "id": key})
    return ok({"data": list(call.body), "meta": {}})


def add(router: Router) -> None:
    """Add the routes."""
    router.add("/v3/promotions", delete=_delete_promotions)
    router.add("/v3/promotions/{promotion_id}/codegen", post=_generate_codes)
    router.add("/v3/promotions/codes", delete=_delete_code)
    router.add("/v3/segments/{segmentId}/shopper-profiles", post=_add_members, delete=_remove_members)
    router.add("/v3/wishlists/{wishlist_id}/items", post=_add_items)
    router.add("/v3/wishlists/{wishlist_id}/items/{item_id}", delete=_remove_item)
    router.add("/v3/channels/currency-assignments", post=_currencies, put=_currencies)
    path = "/v3/channels/{channel_id}/currency-assignments"
    router.add(path, post=_currencies_of_one, put=_currencies_of_one, delete=_no_currencies)
    router.add("/v3/channels/{channel_id}/site", post=_save_site, put=_save_site, delete=_drop_site)
    router.add("/v3/orders/pickups", post=_save_pickups, put=_save_pickups, delete=_delete_pickups)
    router.add("/v3/settings/search/filters", put=_replace_filters)
