"""Writes of price lists, their records and assignments. A list's records tell what was refused by the record's own identity."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.refusals import COUNTED, IDENTITY, ONE_IDENTITY
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import SKU, folded
from airflow_provider_bigcommerce.sandbox.writes import add_writes, styled, visible

_TABLE = "price_list_records"
RECORD = folded("price_list_id", "variant_id", "currency")
_UNSET: Row = {"sale_price": None, "retail_price": None, "map_price": None, "bulk_pricing_tiers": []}


def _variant(store: Store, row: Row) -> Row | None:
    """Find the variant of a record, by its id or its SKU."""
    variants = store.tables["product_variants"]
    if row.get("variant_id") is not None:
        found = row["variant_id"]
        return variants.get(found) if isinstance(found, int) else None
    key = store.unique("product_variants", SKU).find(SKU(row))
    return None if key is None else variants.get(key)


def _record(store: Store, row: Row) -> Row | None:
    variant = _variant(store, row)
    if variant is None:
        return None
    key = store.unique(_TABLE, RECORD).find(RECORD({**row, "variant_id": variant["id"]}))
    return None if key is None else store.tables[_TABLE].get(key)


def _check(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    found: dict[str, str] = {}
    currency = str(row.get("currency") or "")
    if len(currency) != 3 or not currency.isalpha():
        found["currency"] = "must be a currency code of three letters" if currency else "is required"
    if not store.has("price_lists", row.get("price_list_id")):
        found["price_list_id"] = "not found"
    if row.get("variant_id") is None and not row.get("sku"):
        found["variant_id"] = "is required, or sku"
    elif _variant(store, row) is None:
        found["variant_id" if row.get("variant_id") is not None else "sku"] = "not found"
    return found


def _exists(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    return {"currency": "a record of this variant and currency is there already"} if call.method == "POST" and _record(store, row) else {}


def _save(store: Store, call: Call, body: Row) -> Row:
    """Add a record, or change the one that is there: what is left out stays."""
    variant = _variant(store, body) or {}
    currency = str(body["currency"]).lower()
    old = _record(store, body)
    given = {name: value for name, value in body.items() if name not in ("sku", "variant_id", "currency")}
    product = store.tables["products"].get(variant["product_id"]) or {}
    row = {**(old or {**_UNSET, "price": product.get("price", 0)}), **given}
    row["calculated_price"] = row["sale_price"] if row["sale_price"] else row["price"]
    if old is not None:
        return store.edit(_TABLE, old["_id"], **given, calculated_price=row["calculated_price"])
    key = {"variant_id": variant["id"], "product_id": variant["product_id"], "sku": variant["sku"], "currency": currency}
    now = dates.iso(store.now())
    number = store.tables[_TABLE].next_id()
    made = {"_id": number, **row, **key, "date_created": now, "date_modified": now}
    store.tables[_TABLE].put(number, made)
    return made


RECORDS = Rules(
    _TABLE,
    key="_id",
    parent="price_list_id",
    most={"POST": 100, "PUT": 1000},
    extra=("price_list_id", "variant_id", "sku", "currency"),
    upsert=lambda _row: None,  # `_save` finds the record itself, by variant id or SKU
    styles=styled(post=IDENTITY, put=IDENTITY),
    empty_delete="wipes",
    check=_check,
    conflicts=_exists,
    conflict=422,
    make=_save,
    bare=("POST", "PUT"),
)
OF_SEVERAL_LISTS = replace(RECORDS, parent=None, styles=styled(post=ONE_IDENTITY, put=ONE_IDENTITY))


def _put_record(store: Store, call: Call) -> Answer:
    """Set the record of one variant in one currency."""
    if not isinstance(call.body, dict):
        return error("v3", 422, errors={"": "the body must be an object"})
    names = {"price_list_id": call.keys["price_list_id"], "variant_id": call.keys["variant_id"], "currency": call.keys["currency_code"]}
    if not store.has("price_lists", names["price_list_id"]) or _variant(store, names) is None:
        return error("v3", 404)
    row = {name: value for name, value in call.body.items() if name in ("price", *_UNSET)}
    bad = {name: "must be of type number" for name, value in row.items() if name != "bulk_pricing_tiers" and isinstance(value, str | bool)}
    if bad or (found := _check(store, call, names, None)):
        return error("v3", 422, errors=bad or found)
    return ok({"data": visible(_save(store, call, {**row, **names})), "meta": {}})


def _delete_record(store: Store, call: Call) -> Answer:
    row = _record(store, {**call.keys, "currency": call.keys["currency_code"]})
    return NOTHING if row is not None and store.delete(_TABLE, row["_id"]) else error("v3", 404)


def _drop_list(store: Store, price_list_id: Any) -> bool:
    """Remove a price list with its records and assignments."""
    for row in list(store.children(_TABLE, "price_list_id", price_list_id)):
        store.delete(_TABLE, row["_id"])
    for row in list(store.children("price_list_assignments", "price_list_id", price_list_id)):
        store.delete("price_list_assignments", row["id"])
    return store.delete("price_lists", price_list_id)


LISTS = Rules("price_lists", unique={"name": folded("name")}, empty_delete="wipes", drop=_drop_list)
_WHO = folded("price_list_id", "customer_group_id", "channel_id")
ASSIGNMENTS = Rules(
    "price_list_assignments",
    most={"POST": 25},
    references={"price_list_id": "price_lists", "customer_group_id": "customer_groups", "channel_id": "channels"},
    unique={"price_list_id": _WHO},
    conflict=422,
    styles=styled(post=COUNTED),
    bare=("POST",),
)


def _assign(store: Store, call: Call) -> Answer:
    """Give a price list to a customer group in a channel; there is one price list for each such pair."""
    body = call.body
    price_list_id = call.last_key
    if not store.has("price_lists", price_list_id):
        return error("v3", 404)
    if not isinstance(body, dict) or not {"customer_group_id", "channel_id"} <= body.keys():
        return error("v3", 422, errors={"customer_group_id": "is required", "channel_id": "is required"})
    if not store.has("customer_groups", body["customer_group_id"]) or not store.has("channels", body["channel_id"]):
        return error("v3", 404)
    who = {"customer_group_id": body["customer_group_id"], "channel_id": body["channel_id"]}
    table = store.tables["price_list_assignments"]
    old = next((row for row in table.rows() if all(row[name] == value for name, value in who.items())), None)
    row = (
        store.edit(table.name, old["id"], price_list_id=price_list_id) if old else store.add(table.name, price_list_id=price_list_id, **who)
    )
    return ok({"data": visible(row), "meta": {}})


def add(router: Router) -> None:
    """Add the routes."""
    add_writes(router, LISTS, "/v3/pricelists", "/v3/pricelists/{price_list_id}")
    add_writes(router, RECORDS, "/v3/pricelists/{price_list_id}/records")
    add_writes(router, OF_SEVERAL_LISTS, "/v3/pricelists/records")
    router.add("/v3/pricelists/{price_list_id}/records/{variant_id}/{currency_code}", put=_put_record, delete=_delete_record)
    add_writes(router, ASSIGNMENTS, "/v3/pricelists/assignments")
    router.add("/v3/pricelists/{price_list_id}/assignments", put=_assign)
