"""V2's older spelling of customers and their addresses: the same rows as V3's, one in a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.other_routes import address_v2, customer_v2
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.write_customers import EMAIL, keep_addresses, make_customer, new_address

_LIST, _ITEM = "/v2/customers", "/v2/customers/{customer_id}"
_ADDRESSES = f"{_ITEM}/addresses"
_ADDRESS = f"{_ADDRESSES}/{{customer_address_id}}"
_READ_ONLY = ("id", "date_created", "date_modified", "addresses", "form_fields", "accepts_marketing", "country_iso2")
_V3_NAMES: Mapping[str, str] = {
    "street_1": "address1",
    "street_2": "address2",
    "state": "state_or_province",
    "zip": "postal_code",
    "country": "country",
}
_MOST_DELETED = 100


def _refused(call: Call, template: str, required: tuple[str, ...]) -> Answer | None:
    if not isinstance(call.body, dict):
        return error("v2", 400, "The request body must be an object.")
    for name in _READ_ONLY:
        if name in call.body:
            return error("v2", 400, f"The field '{name}' cannot be written to. Please remove it from your request before trying again.")
    found = fields.problems(fields.body_of(call.method, template), call.body, required=required, version="v2")
    if not required:
        found = {name: reason for name, reason in found.items() if reason != "is required"}
    return error("v2", 400, "A required field was not supplied or is invalid.", found) if found else None


def _body(call: Call, template: str) -> Row:
    body = fields.taken(fields.body_of(call.method, template), call.body, ("store_credit", "_authentication"), ("email",))
    return {name: value for name, value in body.items() if name not in ("id", *_READ_ONLY)}


def _taken(store: Store, call: Call, own: Any) -> Answer | None:
    other = store.unique("customers", EMAIL).find(EMAIL(call.body))
    if other is None or other == own:
        return None
    return error("v2", 409, "Another customer has this e-mail address.", details={"conflict_reason": "email"})


def _post(store: Store, call: Call) -> Answer:
    refused = _refused(call, _LIST, ("first_name", "last_name", "email")) or _taken(store, call, None)
    if refused is not None:
        return refused
    return ok(customer_v2(store, make_customer(store, call, _body(call, _LIST))))


def _put(store: Store, call: Call) -> Answer:
    if call.last_key not in store.tables["customers"]:
        return error("v2", 404)
    refused = _refused(call, _ITEM, ()) or _taken(store, call, call.last_key)
    if refused is not None:
        return refused
    return ok(customer_v2(store, store.edit("customers", call.last_key, **_body(call, _ITEM))))


def _delete(store: Store, call: Call) -> Answer:
    return NOTHING if store.delete("customers", call.last_key) else error("v2", 404)


def _delete_all(store: Store, _call: Call) -> Answer:
    """Delete the first hundred customers: the call knows no filter."""
    for customer_id in list(store.tables["customers"].ids())[:_MOST_DELETED]:
        store.delete("customers", customer_id)
    return NOTHING


# -- addresses -----------------------------------------------------------------------------------------------------------------------


def _as_v3(body: Row) -> Row:
    return {_V3_NAMES.get(name, name): value for name, value in body.items() if name != "customer_id"}


def _rows(store: Store, call: Call) -> list[Row] | None:
    customer_id = call.keys["customer_id"]
    return list(store.nested["customer_addresses"].get(customer_id)) if customer_id in store.tables["customers"] else None


def _post_address(store: Store, call: Call) -> Answer:
    rows = _rows(store, call)
    if rows is None:
        return error("v2", 404)
    refused = _refused(call, _ADDRESSES, ("first_name", "last_name", "street_1", "city", "zip", "country"))
    if refused is not None:
        return refused
    body = _as_v3(fields.taken(fields.body_of("POST", _ADDRESSES), call.body))
    made = {**new_address(store, call.keys["customer_id"], body), "country": body["country"]}
    keep_addresses(store, call.keys["customer_id"], [*rows, made])
    return ok(address_v2(made))


def _put_address(store: Store, call: Call) -> Answer:
    rows = _rows(store, call)
    old = next((row for row in rows or () if row["id"] == call.last_key), None)
    if rows is None or old is None:
        return error("v2", 404)
    refused = _refused(call, _ADDRESS, ())
    if refused is not None:
        return refused
    new = {**old, **_as_v3(fields.taken(fields.body_of("PUT", _ADDRESS), call.body))}
    keep_addresses(store, call.keys["customer_id"], [new if row is old else row for row in rows])
    return ok(address_v2(new))


def _delete_address(store: Store, call: Call) -> Answer:
    rows = _rows(store, call)
    if rows is None or all(row["id"] != call.last_key for row in rows):
        return error("v2", 404)
    keep_addresses(store, call.keys["customer_id"], [row for row in rows if row["id"] != call.last_key])
    return NOTHING


def _delete_addresses(store: Store, call: Call) -> Answer:
    if _rows(store, call) is None:
        return error("v2", 404)
    keep_addresses(store, call.keys["customer_id"], [])
    return NOTHING


def add(router: Router) -> None:
    """Add the routes."""
    router.add(_LIST, post=_post, delete=_delete_all)
    router.add(_ITEM, put=_put, delete=_delete)
    router.add(_ADDRESSES, post=_post_address, delete=_delete_addresses)
    router.add(_ADDRESS, put=_put_address, delete=_delete_address)
