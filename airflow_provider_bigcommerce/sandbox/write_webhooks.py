"""Webhooks as the API has them: each API account sees its own only, ten of a scope, one of a scope and destination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_bigcommerce.sandbox import listing
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.deliveries import EXCEPTIONS, is_loopback
from airflow_provider_bigcommerce.sandbox.documented_routes import documented_listing
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.writes import Writer, visible

_LIST, _ONE, _ADMIN = "/v3/hooks", "/v3/hooks/{webhook_id}", "/v3/hooks/admin"
_KNOWN = ("scope", "destination", "is_active", "headers", "events_history_enabled")
_MOST = 10


def add(router: Router) -> None:
    """Add the routes."""
    rules = Rules("webhooks", check=_check, make=_make, change=_change)
    how = documented_listing(_LIST, lambda _store, keys: keys["rows"])
    many, one = Writer(rules, _LIST), Writer(rules, _ONE)

    def put(store: Store, call: Call) -> Answer:
        return error("v3", 404) if _known(store, call) is None else one.put_one(store, call)

    router.add(
        _LIST,
        get=lambda store, call: listing.answer(store, how, {"rows": [visible(row) for row in _own(store, call)]}, call.query, "v3"),
        post=many.post,
    )
    router.add(_ONE, get=_get, put=put, delete=_delete)
    router.add(_ADMIN, get=_admin, put=_emails)


def _own(store: Store, call: Call) -> list[Row]:
    """The hooks of the token's API account; the seeded ones are everybody's."""
    return [row for row in store.tables["webhooks"].rows() if row.get("_token", call.token) == call.token]


def _known(store: Store, call: Call) -> Row | None:
    row = store.tables["webhooks"].get(call.last_key)
    return row if row is not None and row.get("_token", call.token) == call.token else None


def _check(store: Store, call: Call, row: Row, old: Row | None) -> Mapping[str, str]:
    found: dict[str, str] = {}
    if old is not None and not any(name in row for name in _KNOWN[:-1]):
        return {"": "Update webhook request should not be empty"}
    whole = {**(old or {}), **row}
    scope, destination = str(whole.get("scope")), str(whole.get("destination"))
    if not scope.startswith("store/"):
        found["scope"] = "is not a valid scope"
    if not destination.startswith("https://") and not is_loopback(destination):
        found["destination"] = "must be https (on this machine the sandbox delivers to http too)"
    headers = whole.get("headers")
    if headers is not None and (not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values())):
        found["headers"] = "must be an object of texts"
    others = [each for each in _own(store, call) if each["id"] != whole.get("id")]
    same = [each for each in others if each["scope"] == scope]
    if any(each["destination"] == destination for each in same):
        found["destination"] = "a webhook of this scope and destination exists already"
    elif scope == EXCEPTIONS and (same or any(each["destination"] == destination for each in others)):
        found["destination"] = "there is one delivery exception hook, at a destination of its own"
    elif len(same) >= _MOST:
        found["scope"] = f"has {_MOST} webhooks already"
    return found


def _make(store: Store, call: Call, body: Row) -> Row:
    now = store.now()
    plain = {"is_active": True, "headers": None, "client_id": "sandbox-client-id", "store_hash": store.store_hash}
    body = {name: value for name, value in body.items() if name in _KNOWN}
    return store.add("webhooks", **{**plain, **body, "created_at": now, "updated_at": now, "_token": call.token})


def _change(store: Store, _call: Call, old: Row, body: Row) -> Row:
    changed = {name: value for name, value in body.items() if name in _KNOWN}
    if changed.get("is_active"):
        changed["_deactivated"] = False
    return store.edit("webhooks", old["id"], **changed, updated_at=store.now())


def _get(store: Store, call: Call) -> Answer:
    row = _known(store, call)
    return error("v3", 404) if row is None else ok({"data": visible(row), "meta": {}})


def _delete(store: Store, call: Call) -> Answer:
    row = _known(store, call)
    if row is None:
        return error("v3", 404)
    store.delete("webhooks", row["id"])
    return ok({"data": visible(row), "meta": {}})


def _admin(store: Store, call: Call) -> Answer:
    wanted = call.query.get("is_active")
    hooks = [row for row in _own(store, call) if wanted is None or row["is_active"] == (wanted == "true")]
    shown: dict[str, Any] = {
        "emails": store.webhooks.emails,
        "hooks_list": [{**visible(row), "status": _status(row)} for row in hooks],
        "blocked_domains": store.webhooks.blocked_domains(),
    }
    return ok({"data": shown, "meta": {}})


def _status(row: Row) -> str:
    return "active" if row["is_active"] else "deactivated" if row.get("_deactivated") else "inactive"


def _emails(store: Store, call: Call) -> Answer:
    emails = call.body.get("emails") if isinstance(call.body, dict) else None
    if not isinstance(emails, list) or not all(isinstance(each, str) and "@" in each for each in emails):
        return error("v3", 422, errors={"emails": "must be a list of addresses"})
    store.webhooks.emails = list(emails)
    return NOTHING
