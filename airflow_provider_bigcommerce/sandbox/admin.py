"""The sandbox's own surface, outside BigCommerce's API: other processes read the access log here, and change the store.

Loopback only, and only with a token of the store. These requests are neither logged nor counted against the quota.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web

from airflow_provider_bigcommerce.sandbox.page import page
from airflow_provider_bigcommerce.sandbox.store import Store

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add(app: web.Application, store: Store) -> None:
    """Add the routes under /sandbox.

    `GET /sandbox/requests`, `DELETE /sandbox/requests`, `GET /sandbox/outbox`, `GET /sandbox/deliveries`, `GET /sandbox/state`,
    `POST /sandbox/changes`.
    """

    def guarded(handler: Callable[[Any], Any]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            remote = request.remote or ""
            try:
                local = ipaddress.ip_address(remote.split("%")[0]).is_loopback
            except ValueError:
                local = False
            if not local or request.headers.get("X-Auth-Token", "") not in store.tokens:
                return web.Response(status=401, text="The sandbox's own pages need a token of the store, from this machine.")
            body = await request.read()
            try:
                payload = msgspec.json.decode(body) if body else None
                with store.lock:
                    answer = handler(payload)
            except (KeyError, ValueError, TypeError) as bad:
                return web.json_response({"error": str(bad)}, status=422)
            return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

        return handle

    app.router.add_get("/sandbox", page)  # for a person; it asks the routes below
    app.router.add_get("/sandbox/requests", guarded(lambda _: [asdict(entry) for entry in store.requests]))
    app.router.add_delete("/sandbox/requests", guarded(lambda _: _clear(store)))
    app.router.add_get("/sandbox/outbox", guarded(lambda _: [asdict(mail) for mail in store.outbox]))
    app.router.add_get("/sandbox/deliveries", guarded(lambda _: [asdict(attempt) for attempt in store.webhooks.attempts]))
    app.router.add_get("/sandbox/state", guarded(lambda _: state(store)))
    app.router.add_post("/sandbox/changes", guarded(lambda changes: change(store, changes)))


def _clear(store: Store) -> dict[str, int]:
    count = len(store.requests)
    store.requests.clear()
    return {"cleared": count}


def state(store: Store) -> dict[str, Any]:
    """Count rows of every table, and give what a check needs beside: faults, mails, the store's time, its quota."""
    store.stock.settle()
    return {
        "time": store.now(),
        "counts": {name: len(table) for name, table in store.tables.items()},
        "faults": dict(store.faults),
        "requests": len(store.requests),
        "mails": len(store.outbox),
        "stock_waiting": store.stock.waiting(),
        "webhooks_waiting": store.webhooks.waiting(),
        "quota": {"limit": store.quota.limit, "window": store.quota.window},
        "sizes": store.sizes,
    }


def change(store: Store, changes: Any) -> dict[str, Any]:
    """Change the store.

    :param changes: any of `orders` (how many to add), `edit_products` (list of objects with `id`), `move_customers` (list of ids), `add`
        (table to list of objects), `delete` (table to list of ids), `set_status` (list of `[order id, status id]`), `sell` (list of
        `[variant id, location id, quantity]`), `stock_delay` (seconds until an adjustment shows), `faults` (rates of endpoints, as the
        program's `--faults` has them), `latency_ms`, `odd` (list of objects with what `Store.odd` takes: `path`, `answer`, `nth`, `times`,
        `method`), `events` (list of `[scope, data]` that happen, whatever the store holds), `webhook_faults` (shares of webhooks that
        are lost, doubled, reordered).
    :returns: the ids that were added or changed, by kind.
    """
    if not isinstance(changes, dict):
        raise TypeError("the body must be an object")
    known = (
        "orders",
        "edit_products",
        "move_customers",
        "add",
        "delete",
        "set_status",
        "sell",
        "stock_delay",
        "faults",
        "latency_ms",
        "odd",
        "events",
        "webhook_faults",
    )
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f"unknown changes {unknown}; there are {', '.join(known)}")
    done: dict[str, Any] = {}
    if "orders" in changes:
        done["orders"] = [store.add_order(customer_id=0)["id"] for _ in range(int(changes["orders"]))]
    for product in changes.get("edit_products", ()):
        fields = {name: value for name, value in product.items() if name != "id"}
        done.setdefault("edit_products", []).append(store.edit_product(product["id"], **fields)["id"])
    for customer_id in changes.get("move_customers", ()):
        done.setdefault("move_customers", []).append(store.move_customer(customer_id)["id"])
    for resource, rows in changes.get("add", {}).items():
        done.setdefault("add", {})[resource] = [store.add(resource, **row)[store.tables[resource].key] for row in rows]
    for resource, ids in changes.get("delete", {}).items():
        done.setdefault("delete", {})[resource] = [row_id for row_id in ids if store.delete(resource, row_id)]
    for order_id, status_id in changes.get("set_status", ()):
        done.setdefault("set_status", []).append(store.set_status(order_id, status_id)["id"])
    for variant_id, location_id, quantity in changes.get("sell", ()):
        done.setdefault("sell", []).append(store.stock.sell(variant_id, location_id, quantity))
    if "stock_delay" in changes:
        store.stock.delay = float(changes["stock_delay"])
    if "faults" in changes:
        store.planned_faults.add_endpoints(changes["faults"])
    if "latency_ms" in changes:
        store.latency_ms = float(changes["latency_ms"])
    done |= _webhooks(store, changes)
    for plan in changes.get("odd", ()):
        done.setdefault("odd", []).append(store.odd(**plan).name)
    return done


def _webhooks(store: Store, changes: dict[str, Any]) -> dict[str, Any]:
    """What concerns webhooks of the changes."""
    if "webhook_faults" in changes:
        lost, doubled, reordered = (float(share) for share in changes["webhook_faults"])
        store.webhooks.loss, store.webhooks.duplication, store.webhooks.reordering = lost, doubled, reordered
    for scope, data in changes.get("events", ()):
        store.webhooks.emit(str(scope), data)
    return {"events": len(changes["events"])} if changes.get("events") else {}
