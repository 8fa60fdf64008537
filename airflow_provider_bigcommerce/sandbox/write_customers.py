"""Writes of customers and of what hangs on all of them: addresses, attribute values, form fields. V2's spelling of the same rows too."""

# ruff: noqa: ARG001 (every function that rules name for one purpose has the same signature)
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import dates, fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.refusals import CREATE_CUSTOMERS, INVALID
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import UNPUBLISHED, Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import folded
from airflow_provider_bigcommerce.sandbox.vocabulary import PLACES
from airflow_provider_bigcommerce.sandbox.writes import add_writes, styled, too_many

EMAIL = folded("email")
_PLAIN: Row = {
    "company": "", "phone": "", "notes": "", "tax_exempt_category": "", "customer_group_id": 0, "registration_ip_address": "",
    "attribute_count": 0, "accepts_product_review_abandoned_cart_emails": False, "origin_channel_id": 1, "channel_ids": [1],
}  # fmt: skip
_COUNTRIES = {place[5]: place[4] for place in PLACES}
# what makes two addresses of a customer one; source: customers spec
_SAME = (
    "first_name", "last_name", "company", "phone", "address_type", "address1", "address2", "city", "country_code", "state_or_province",
    "postal_code",
)  # fmt: skip


# -- customers -----------------------------------------------------------------------------------------------------------------------


def _check(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    email = row.get("email")
    found = {} if email is None or "@" in str(email) else {"email": "is no e-mail address"}
    for value in row.get("attributes") or []:
        if isinstance(value, dict) and not store.has("customer_attributes", value.get("attribute_id")):
            found["attributes"] = "the attribute does not exist"
    return found


def make_customer(store: Store, _call: Call, body: Row) -> Row:
    """Add a customer, with what its body holds of addresses, attribute values and form fields."""
    body = dict(body)
    addresses, attributes, form_fields = (body.pop(name, None) or [] for name in ("addresses", "attributes", "form_fields"))
    notify = bool(body.pop("trigger_account_created_notification", False))
    body.pop("store_credit_amounts", None)
    if body.get("channel_ids", ()) is None:  # allowed in all channels; no source tells how that is shown
        del body["channel_ids"]
    body["authentication"] = {"force_password_reset": bool((body.get("authentication") or {}).get("force_password_reset"))}
    customer = store.add_customer(**{**_PLAIN, **body})
    customer_id = customer["id"]
    store.nested["customer_addresses"].put((customer_id,), [new_address(store, customer_id, address) for address in addresses])
    at = dates.iso_z(store.now())
    store.nested["customer_attribute_values"].put(
        (customer_id,), [_value(store, customer_id, value["attribute_id"], value.get("attribute_value", ""), at) for value in attributes]
    )
    store.nested["customer_form_field_values"].put((customer_id,), [{**field, "customer_id": customer_id} for field in form_fields])
    if notify:
        store.mail("customer created", customer_id)
    counts = {"address_count": len(addresses), "attribute_count": len(attributes)}
    return store.edit("customers", customer_id, **counts) if addresses or attributes else customer


def _change(store: Store, call: Call, old: Row, body: Row) -> Row:
    form_fields = body.pop("form_fields", None)
    body.pop("store_credit_amounts", None)
    if body.get("channel_ids", ()) is None:
        body["channel_ids"] = [old["origin_channel_id"]]
    if "authentication" in body:
        given = body["authentication"] or {}
        body["authentication"] = {"force_password_reset": bool(given.get("force_password_reset"))}  # a password is never shown
    if form_fields is not None:
        known = {field["name"]: field for field in store.nested["customer_form_field_values"].get(old["id"])}
        known |= {field["name"]: {**field, "customer_id": old["id"]} for field in form_fields}
        store.nested["customer_form_field_values"].put((old["id"],), list(known.values()))
    return store.edit("customers", old["id"], **body)


CUSTOMERS = Rules(
    "customers",
    most={"POST": 10, "PUT": 10},
    unique={"email": EMAIL},
    ignored=("registration_ip_address", "origin_channel_id", "date_created", "date_modified"),
    references={"customer_group_id": "customer_groups"},
    styles=styled(post=CREATE_CUSTOMERS, put=INVALID),
    empty_delete="nothing",
    check=_check,
    make=make_customer,
    change=_change,
)


# -- rows that hang on a customer, in lists of all customers -------------------------------------------------------------------------


def owner_of(store: Store, kind: str, row_id: Any) -> int | None:
    """Give the customer whose row has an id; None where no customer has it. The id of a seeded row tells it."""
    if not isinstance(row_id, int):
        return None
    nested, customers = store.nested[kind], store.tables["customers"]
    known = store.owners.get((kind, row_id))
    candidates: Iterable[Any] = [known] if known is not None else [row_id // 10, *map(int, nested.changed)]
    return next((key for key in candidates if key in customers and any(row.get("id") == row_id for row in nested.get(key))), None)


def new_address(store: Store, customer_id: int, body: Row) -> Row:
    """Make an address out of what was sent; the country's name follows from its code."""
    plain = {"company": "", "address2": "", "phone": "", "address_type": "residential", "state_or_province": "", "postal_code": ""}
    code = str(body.get("country_code", "US")).upper()
    row = {"id": store.nested_id("customer_addresses", customer_id), "customer_id": customer_id, "form_fields": [], **plain, **body}
    return {**row, "country_code": code, "country": _COUNTRIES.get(code, code)}


def _is_same(row: Row, other: Row) -> bool:
    return all(str(row.get(name) or "").casefold() == str(other.get(name) or "").casefold() for name in _SAME)


def keep_addresses(store: Store, customer_id: int, rows: list[Row]) -> None:
    """Keep a customer's addresses, and count them."""
    store.nested["customer_addresses"].put((customer_id,), rows)
    store.edit("customers", customer_id, address_count=len(rows))


def _rows(call: Call, most: int) -> list[Row] | Answer:
    rows = call.body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return error("v3", 422, errors={"": "the body must be a list of objects"})
    return too_many("v3", most) if len(rows) > most else rows


def _refusal(call: Call, rows: list[Row], more: Callable[[Row], Mapping[str, str]]) -> Answer | None:
    schema = fields.body_of(call.method, call.path)
    bad = {f"{n}.{name}": reason for n, row in enumerate(rows) for name, reason in {**fields.problems(schema, row), **more(row)}.items()}
    return error("v3", 422, errors=bad) if bad else None


def _post_addresses(store: Store, call: Call) -> Answer:
    """Create; an address that a customer has already is left out of the answer."""
    rows = _rows(call, UNPUBLISHED)
    if isinstance(rows, Answer):
        return rows

    def unknown(row: Row) -> Mapping[str, str]:
        return {} if store.has("customers", row.get("customer_id")) else {"customer_id": "not found"}

    refused = _refusal(call, rows, unknown)
    if refused is not None:
        return refused
    made = []
    for row in rows:
        known = store.nested["customer_addresses"].get(row["customer_id"])
        new = new_address(store, row["customer_id"], fields.taken(fields.body_of("POST", call.path), row))
        if not any(_is_same(address, new) for address in known):
            keep_addresses(store, row["customer_id"], [*known, new])
            made.append(new)
    return ok({"data": made, "meta": {}})


def _put_addresses(store: Store, call: Call) -> Answer:
    """Update; a change into another address of the customer, or of an address that is not there, is left out of the answer."""
    rows = _rows(call, UNPUBLISHED)
    if isinstance(rows, Answer):
        return rows
    refused = _refusal(call, rows, lambda _row: {})
    if refused is not None:
        return refused
    changed = []
    for row in rows:
        customer_id = owner_of(store, "customer_addresses", row["id"])
        if customer_id is None:
            continue
        known = store.nested["customer_addresses"].get(customer_id)
        old = next(address for address in known if address["id"] == row["id"])
        new = {**old, **fields.taken(fields.body_of("PUT", call.path), row, ("id",))}
        new["country"] = _COUNTRIES.get(new["country_code"], new["country"])
        if not any(_is_same(address, new) for address in known if address is not old):
            keep_addresses(store, customer_id, [new if address is old else address for address in known])
            changed.append(new)
    return ok({"data": changed, "meta": {}})


def _delete_nested(kind: str, count: str) -> Handler:
    def delete(store: Store, call: Call) -> Answer:
        ids = [int(part) for part in call.query.get("id:in", "").split(",") if part.strip().isdigit()]
        if not ids:
            return error("v3", 422, errors={"id:in": "is required"})
        for row_id in ids:
            customer_id = owner_of(store, kind, row_id)
            if customer_id is not None:
                left = [row for row in store.nested[kind].get(customer_id) if row["id"] != row_id]
                store.nested[kind].put((customer_id,), left)
                store.edit("customers", customer_id, **{count: len(left)})
        return NOTHING

    return delete


# -- attribute values and form fields ------------------------------------------------------------------------------------------------


def _value(store: Store, customer_id: int, attribute_id: Any, value: Any, at: str) -> Row:
    made = {"id": store.nested_id("customer_attribute_values", customer_id), "attribute_id": attribute_id, "attribute_value": str(value)}
    return {**made, "customer_id": customer_id, "date_created": at, "date_modified": at}


def _put_values(store: Store, call: Call) -> Answer:
    """Set attribute values, by customer and attribute, of ten customers at most."""
    rows = _rows(call, UNPUBLISHED)
    if isinstance(rows, Answer):
        return rows
    if len({str(row.get("customer_id")) for row in rows}) > 10:
        return too_many("v3", 10)

    def unknown(row: Row) -> Mapping[str, str]:
        tables = {"customer_id": "customers", "attribute_id": "customer_attributes"}
        return {name: "not found" for name, table in tables.items() if not store.has(table, row.get(name))}

    refused = _refusal(call, rows, unknown)
    if refused is not None:
        return refused
    at = dates.iso_z(store.now())
    nested = store.nested["customer_attribute_values"]
    saved = []
    for row in rows:
        known = nested.get(row["customer_id"])
        old = next((value for value in known if value["attribute_id"] == row["attribute_id"]), None)
        if old is None:
            new = _value(store, row["customer_id"], row["attribute_id"], row["value"], at)
            nested.put((row["customer_id"],), [*known, new])
        else:
            new = {**old, "attribute_value": str(row["value"]), "date_modified": at}
            nested.put((row["customer_id"],), [new if value is old else value for value in known])
        store.edit("customers", row["customer_id"], attribute_count=len(nested.get(row["customer_id"])))
        saved.append(new)
    return ok({"data": saved, "meta": {}})


def _put_form_fields(store: Store, call: Call) -> Answer:
    rows = _rows(call, UNPUBLISHED)
    if isinstance(rows, Answer):
        return rows
    refused = _refusal(call, rows, lambda row: {} if store.has("customers", row.get("customer_id")) else {"customer_id": "not found"})
    if refused is not None:
        return refused
    nested = store.nested["customer_form_field_values"]
    for row in rows:
        kept = [field for field in nested.get(row["customer_id"]) if field["name"] != row["name"]]
        nested.put((row["customer_id"],), [*kept, {"name": row["name"], "value": row["value"], "customer_id": row["customer_id"]}])
    return ok({"data": rows, "meta": {}})


# -- what belongs to customers besides -----------------------------------------------------------------------------------------------

ATTRIBUTES = Rules("customer_attributes", unique={"name": folded("name")}, conflict=422, ignored=("date_created", "date_modified"))
SUBSCRIBERS = Rules(
    "subscribers", required=("email",), unique={"email": EMAIL}, empty_delete="wipes", references={"channel_id": "channels"}
)


def add(router: Router) -> None:
    """Add the routes."""
    add_writes(router, CUSTOMERS, "/v3/customers")
    path = "/v3/customers/addresses"
    router.add(path, post=_post_addresses, put=_put_addresses, delete=_delete_nested("customer_addresses", "address_count"))
    path = "/v3/customers/attribute-values"
    router.add(path, put=_put_values, delete=_delete_nested("customer_attribute_values", "attribute_count"))
    router.add("/v3/customers/form-field-values", put=_put_form_fields)
    add_writes(router, ATTRIBUTES, "/v3/customers/attributes")
    add_writes(router, SUBSCRIBERS, "/v3/customers/subscribers", "/v3/customers/subscribers/{subscriber_id}")
