"""Writes of metafields: one by one under their owner, and many at once, where the good rows are saved beside the bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import Answer, error, ok
from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.kinds import KINDS, RESOURCE_TYPES, Kind
from airflow_provider_bigcommerce.sandbox.refusals import BULK, Bad, Refused
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.rules import Rules
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row
from airflow_provider_bigcommerce.sandbox.unique import folded
from airflow_provider_bigcommerce.sandbox.writes import Writer, add_writes, styled

_WHICH = folded("resource_id", "namespace", "key")


def _rules(kind: Kind) -> Rules:
    owner = kind.name.removesuffix("_metafields")
    owners = kind.parent[0] if kind.parent is not None else None
    plain = {"resource_type": RESOURCE_TYPES.get(owner, owner), "description": "", "owner_client_id": "sandboxclient"}

    def make(store: Store, _call: Call, body: Row) -> Row:
        return store.add(kind.name, **{**plain, **body})

    return Rules(
        kind.name,
        unique={"key": _WHICH if owners else folded("namespace", "key")},
        references={"resource_id": owners} if owners else {},
        ignored=("resource_type", "date_created", "date_modified", "owner_client_id"),
        styles=styled(post=BULK, put=BULK),
        make=make,
        change=lambda store, _call, old, body: store.edit(kind.name, old["id"], **_without(body, "resource_id")),
        counts=True,
    )


def _without(body: Row, name: str) -> Row:
    return {field: value for field, value in body.items() if field != name}


def _bulk(handler: Handler) -> Handler:
    """Show an empty list of errors in an answer without any, as the files have it."""

    def answer(store: Store, call: Call) -> Answer:
        found = handler(store, call)
        if found.status != 200 or found.body is None:
            return found
        return replace(
            found, body=found.body.replace(b',"meta":', b',"errors":[],"meta":', 1) if b'"errors":' not in found.body else found.body
        )

    return answer


def _delete(kind: Kind) -> Handler:
    """Delete the metafields whose ids are in the body. An empty list deletes none."""

    def delete(store: Store, call: Call) -> Answer:
        ids = call.body
        if not isinstance(ids, list):
            return error("v3", 400, "Input is invalid")
        table = store.tables[kind.name]
        bad = [Bad(n, row, {"": "Metafield does not exist"}) for n, row in enumerate(ids) if not isinstance(row, int) or row not in table]
        known = [row for row in ids if isinstance(row, int) and store.delete(kind.name, row)]
        if bad:
            return BULK.answer(Refused(call, bad, known, len(ids)))
        return ok({"data": known, "errors": [], "meta": {"total": len(ids), "success": len(known), "failed": 0}})

    return delete


def _delete_all_of_customers(store: Store, call: Call) -> Answer:
    """Delete what the ids in the body name; without a body, all: the file knows neither filter nor body and says "all"."""
    if call.body is None:
        ids = list(store.tables["customer_metafields"].ids())
        return _delete(_kind("customer_metafields"))(store, replace(call, body=ids))
    return _delete(_kind("customer_metafields"))(store, call)


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


def add(router: Router) -> None:
    """Add the routes of all ten kinds."""
    documented: Mapping[str, Any] = contract()
    for kind in KINDS:
        if not kind.name.endswith("_metafields"):
            continue
        rules = _rules(kind)
        handlers = Writer(rules, kind.path).handlers()
        bulk = {method: _bulk(handler) for method, handler in handlers.items() if method in ("post", "put")}
        router.add(kind.path, **bulk, delete=_delete_all_of_customers if kind.name == "customer_metafields" else _delete(kind))
        one = replace(rules, counts=False, styles={})
        for path, _field in kind.also:
            add_writes(router, replace(one, parent="resource_id"), path)
        lists = [path for path, _ in kind.also] or [kind.path]
        for path in lists:
            item = next((p for p in documented if p.startswith(f"{path}/{{") and p.count("/") == path.count("/") + 1), None)
            if item is not None:
                add_writes(router, one, item)
