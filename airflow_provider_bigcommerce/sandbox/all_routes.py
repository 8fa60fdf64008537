"""All routes of the sandbox, put together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from airflow_provider_bigcommerce.sandbox import (
    archive_routes,
    b2b_routes,
    documented_routes,
    graphql,
    main_routes,
    order_parts,
    other_routes,
    write_assignments,
    write_catalog,
    write_categories,
    write_customers,
    write_metafields,
    write_orders,
    write_others,
    write_prices,
    write_product_parts,
    write_refunds,
    write_shipments,
    write_special,
    write_stock,
    write_v2_customers,
    write_webhooks,
)
from airflow_provider_bigcommerce.sandbox.b2b_contract import ROOT
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

_WRITES = (
    write_others,  # the rest first: the modules after it say more of what is theirs
    write_catalog,
    write_categories,
    write_product_parts,
    write_assignments,
    write_metafields,
    write_prices,
    write_stock,
    write_customers,
    write_v2_customers,
    write_orders,
    write_shipments,
    write_refunds,
    write_special,
    write_webhooks,
)


@cache
def build_router() -> Router:
    """Make the router, which holds no state of a store."""
    router = Router()
    main_routes.add_catalog(router)
    main_routes.add_customers(router)
    main_routes.add_orders(router)
    main_routes.add_store(router)
    order_parts.add(router)
    other_routes.add(router)
    documented_routes.add_kinds(router)
    documented_routes.add_lookups(router)
    documented_routes.add_singletons(router)
    archive_routes.add(router)
    for writes in _WRITES:
        writes.add(router)
    b2b_routes.add(router)
    router.add("/graphql", post=graphql.answer)
    return router


def listed(store: Store, path: str, query: Mapping[str, str] | None = None) -> list[Row]:
    """Give every row that a list shows, over all its pages, without HTTP, quota or faults: what a full read must find.

    :param path: the list's path with its keys filled in, `/v2/orders/100/taxes`.
    :param query: filters.
    :raises LookupError: there is no such path, or it refuses the query.
    :raises TypeError: it shows one object.
    """
    found = build_router().find(path)
    if found is None:
        raise LookupError(f"the sandbox has no {path}")
    route, keys = found
    if path.startswith(ROOT):
        return b2b_routes.listed(store, route, path, keys, query or {})
    rows: list[Row] = []
    step: dict[str, str] = {}
    page = 1
    while True:
        asked = {"limit": "250", **(query or {}), **step}
        with store.lock:
            store.stock.settle()
            answer = route.handlers["get"](store, Call("GET", path[1:3], path, keys, asked, None))
        if answer.status not in (200, 204):
            raise LookupError(f"{path} answers {answer.status}")
        payload: Any = msgspec.json.decode(answer.body) if answer.body else []
        data = payload.get("data") if isinstance(payload, dict) else payload
        if not isinstance(data, list):
            raise TypeError(f"{path} shows one object, not a list")
        rows += data
        meta = payload.get("meta", {}) if isinstance(payload, dict) else {}
        cursor, pages = meta.get("cursor_pagination", {}), meta.get("pagination", {})
        if "next" in cursor.get("links", {}):
            step = {"after": cursor["end_cursor"]}
        elif data and "listing_id" in data[0]:
            step = {"after": str(data[-1]["listing_id"])}
        elif "next" in pages.get("links", {}) or (isinstance(payload, list) and len(data) == 250):
            page += 1
            step = {"page": str(page)}
        else:
            return rows
