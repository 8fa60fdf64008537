"""Answers to POST, PUT and DELETE on rows that hang on one parent: a product's images, options, custom fields, reviews."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.sandbox import fields
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.contract import contract
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler, Router
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row

Complete = Callable[[Store, Any, Row], Row]


def _as_it_is(_store: Store, _parent: Any, row: Row) -> Row:
    return row


@dataclass(frozen=True)
class NestedRules:
    """How nested rows of one kind are written.

    :param kind: the nested kind, `product_images`.
    :param parent: the table of the parent, named by the first key of the path.
    :param within: the list of a nested row that these rows stand in, where they hang on one (`option_values` of an option).
    :param required: fields a new row must have beside those its schema requires.
    :param unique: fields whose values no two rows of a parent share, together.
    :param complete: the fields of a new row that were not given, given the parent's key and the row.
    :param touches: whether the parent's date_modified moves.
    :param changed: what follows from a change, given the parent's key.
    """

    kind: str
    parent: str = "products"
    within: str | None = None
    required: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    complete: Complete = _as_it_is
    touches: bool = True
    changed: Callable[[Store, Any], None] | None = None


def add_nested(router: Router, rules: NestedRules, list_path: str, item_path: str) -> None:
    """Add every documented write of a list of nested rows, and of one of them."""
    writer = NestedWriter(rules, list_path, item_path)
    documented = contract()
    handlers: Mapping[str, Handler] = {"post": writer.post, "delete": writer.delete_all}
    router.add(list_path, **{method: handler for method, handler in handlers.items() if method in documented[list_path]})
    handlers = {"put": writer.put, "delete": writer.delete}
    router.add(item_path, **{method: handler for method, handler in handlers.items() if method in documented[item_path]})


class NestedWriter:
    """Writes nested rows of one kind.

    :param rules: how.
    :param list_path: path of the list.
    :param item_path: path of one row.
    """

    def __init__(self, rules: NestedRules, list_path: str, item_path: str) -> None:
        self.rules, self.list_path, self.item_path = rules, list_path, item_path

    def rows_of(self, store: Store, call: Call) -> list[Row] | None:
        """Give the rows of the parent in the path; None where it is not there."""
        keys = list(call.keys.values())
        if keys[0] not in store.tables[self.rules.parent]:
            return None
        rows = store.nested[self.rules.kind].get(keys[0])
        if self.rules.within is None:
            return list(rows)
        outer = next((row for row in rows if row["id"] == keys[1]), None)
        return None if outer is None else list(outer[self.rules.within])

    def keep(self, store: Store, call: Call, rows: list[Row]) -> None:
        """Keep the rows of the parent in the path."""
        keys = list(call.keys.values())
        if self.rules.within is not None:
            outer = store.nested[self.rules.kind].get(keys[0])
            rows = [{**row, self.rules.within: rows} if row["id"] == keys[1] else row for row in outer]
        store.nested[self.rules.kind].put((keys[0],), rows)
        if self.rules.touches:
            store.edit(self.rules.parent, keys[0])
        if self.rules.changed is not None:
            self.rules.changed(store, keys[0])

    def post(self, store: Store, call: Call) -> Answer:
        """Create."""
        rows = self.rows_of(store, call)
        if rows is None:
            return error(call.version, 404)
        refused = self._refusal(call, "POST", self.list_path, rows, None)
        if refused is not None:
            return refused
        body = fields.taken(fields.body_of("POST", self.list_path), call.body, ("id",))
        made = self.rules.complete(store, next(iter(call.keys.values())), {"id": store.nested_id(self.rules.kind), **body})
        self.keep(store, call, [*rows, made])
        return self._answer(call, made, contract()[self.list_path]["post"]["status"])

    def put(self, store: Store, call: Call) -> Answer:
        """Update the row of the path."""
        rows = self.rows_of(store, call)
        old = next((row for row in rows or () if row["id"] == call.last_key), None)
        if rows is None or old is None:
            return error(call.version, 404)
        refused = self._refusal(call, "PUT", self.item_path, rows, old)
        if refused is not None:
            return refused
        new = {**old, **fields.taken(fields.body_of("PUT", self.item_path), call.body, ("id",))}
        self.keep(store, call, [new if row is old else row for row in rows])
        return self._answer(call, new, contract()[self.item_path]["put"]["status"])

    def _refusal(self, call: Call, method: str, path: str, rows: list[Row], old: Row | None) -> Answer | None:
        refused = 400 if call.version == "v2" else 422
        if not isinstance(call.body, dict):
            return error(call.version, refused, errors={"": "the body must be an object"})
        required = self.rules.required if old is None else ()
        found = fields.problems(fields.body_of(method, path), call.body, required=required, version=call.version)
        if old is not None:
            found = {name: reason for name, reason in found.items() if reason != "is required" or name in call.body}
        if found:
            return error(call.version, refused, errors=found)
        whole = {**(old or {}), **call.body}
        if self.rules.unique and any(row is not old and self._same(row, whole) for row in rows):
            return error(call.version, 409, errors={self.rules.unique[0]: "is already in use"})
        return None

    def _same(self, row: Row, other: Row) -> bool:
        return all(str(row.get(name)).casefold() == str(other.get(name)).casefold() for name in self.rules.unique)

    @staticmethod
    def _answer(call: Call, row: Row, status: int) -> Answer:
        return ok(row if call.version == "v2" else {"data": row, "meta": {}}, status)

    def delete(self, store: Store, call: Call) -> Answer:
        """Delete the row of the path."""
        rows = self.rows_of(store, call)
        if rows is None or all(row["id"] != call.last_key for row in rows):
            return error(call.version, 404)
        self.keep(store, call, [row for row in rows if row["id"] != call.last_key])
        return NOTHING

    def delete_all(self, store: Store, call: Call) -> Answer:
        """Delete all rows of the parent."""
        if self.rows_of(store, call) is None:
            return error(call.version, 404)
        self.keep(store, call, [])
        return NOTHING
