"""Asks a store's routes in the same process: no socket, no quota, no faults. For what an answer says, not for how it travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.routes import Call
from airflow_provider_bigcommerce.sandbox.store import Store


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    json: Any
    template: str

    @property
    def data(self) -> Any:
        return self.json["data"]


class Inside:
    """One store, asked from within."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def ask(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Told:
        found = build_router().find(path)
        assert found is not None, f"no route for {path}"
        route, keys = found
        with self.store.lock:
            self.store.settle()
            text = {name: str(value) for name, value in (query or {}).items()}
            sent = msgspec.json.decode(msgspec.json.encode(body)) if body is not None else None
            answer = route.handlers[method.lower()](self.store, Call(method, path[1:3], path, keys, text, sent))
        return Told(answer.status, msgspec.json.decode(answer.body) if answer.body else None, route.template)

    def get(self, path: str, **query: Any) -> Told:
        return self.ask("GET", path, query={name.replace("__", ":"): value for name, value in query.items()})

    def post(self, path: str, body: Any = None) -> Told:
        return self.ask("POST", path, body)

    def put(self, path: str, body: Any = None) -> Told:
        return self.ask("PUT", path, body)

    def delete(self, path: str, body: Any = None, **query: Any) -> Told:
        return self.ask("DELETE", path, body, {name.replace("__", ":"): value for name, value in query.items()})
