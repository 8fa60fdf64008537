"""Answers to POST, PUT and DELETE on tables: they change the store and move date_modified, one row or a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, error, ok
from airflow_provider_bigcommerce.sandbox.routes import Call, Handler
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.table import Row


@dataclass(frozen=True)
class Writing:
    """How rows of one table are written.

    :param resource: the table.
    :param key: the field that names a row, in bodies and filters.
    :param most_create: rows in one POST; 0 means one bare object a call.
    :param most_update: rows in one PUT of the list.
    :param required: fields a new row must have.
    :param create: makes the row; the default takes the body's fields over a made-up row.
    :param delete_filter: the parameter a DELETE of the list needs.
    :param enveloped: whether answers come in `data`.
    :param created_status: HTTP status of a POST.
    """

    resource: str
    key: str = "id"
    most_create: int = 0
    most_update: int = 10
    required: tuple[str, ...] = ()
    create: Callable[[Store, Row], Row] | None = None
    delete_filter: str = "id:in"
    enveloped: bool = True
    created_status: int = 200

    def handlers(self) -> tuple[Mapping[str, Handler], Mapping[str, Handler]]:
        """Give the handlers of the list's path and of one row's path, by lower-case method."""
        return {"post": self.post, "put": self.put_list, "delete": self.delete_list}, {"put": self.put_one, "delete": self.delete_one}

    def _answer(self, payload: Any, status: int = 200) -> Answer:
        return ok({"data": payload, "meta": {}} if self.enveloped else payload, status)

    def _made(self, store: Store, body: Row) -> Row:
        return self.create(store, body) if self.create is not None else store.add(self.resource, **body)

    def post(self, store: Store, call: Call) -> Answer:
        """Create."""
        rows = call.body if isinstance(call.body, list) else [call.body]
        if isinstance(call.body, list) is (self.most_create == 0) or not all(isinstance(row, dict) for row in rows):
            return error(call.version, 422, errors={"": f"the body must be {'a list of objects' if self.most_create else 'an object'}"})
        if self.most_create and len(rows) > self.most_create:
            return error(
                call.version, 413, f"The request payload is too large. The maximum items allowed in the array is {self.most_create}."
            )
        missing = {
            f"{n}.{name}" if self.most_create else name: "is required"
            for n, row in enumerate(rows)
            for name in self.required
            if name not in row
        }
        if missing:
            return error(call.version, 400 if call.version == "v2" else 422, errors=missing)
        made = [self._made(store, row) for row in rows]
        return self._answer(made if self.most_create else made[0], self.created_status)

    def put_list(self, store: Store, call: Call) -> Answer:
        """Update a batch."""
        if not isinstance(call.body, list) or not all(isinstance(row, dict) for row in call.body):
            return error(call.version, 422, errors={"": "the body must be a list of objects"})
        if len(call.body) > self.most_update:
            return error(
                call.version, 413, f"The request payload is too large. The maximum items allowed in the array is {self.most_update}."
            )
        missing = {
            f"{n}.{self.key}": "not found" for n, row in enumerate(call.body) if row.get(self.key) not in store.tables[self.resource]
        }
        if missing:
            return error(call.version, 404 if self.resource == "products" else 422, errors=missing)
        return self._answer([store.edit(self.resource, row[self.key], **row) for row in call.body])

    def put_one(self, store: Store, call: Call) -> Answer:
        """Update one row."""
        row_id = call.last_key
        if row_id not in store.tables[self.resource]:
            return error(call.version, 404)
        if not isinstance(call.body, dict):
            return error(call.version, 400 if call.version == "v2" else 422)
        if "id" in call.body and call.version == "v2":
            return error("v2", 400, "The field 'id' cannot be written to. Please remove it from your request before trying again.")
        body = {name: value for name, value in call.body.items() if name != self.key}
        return self._answer(store.edit(self.resource, row_id, **body))

    def delete_one(self, store: Store, call: Call) -> Answer:
        """Delete one row."""
        return NOTHING if store.delete(self.resource, call.last_key) else error(call.version, 404)

    def delete_list(self, store: Store, call: Call) -> Answer:
        """Delete the rows a filter names; without it nothing happens, as BigCommerce says of customers."""
        for text in call.query.get(self.delete_filter, "").split(","):
            if text.strip():
                store.delete(self.resource, int(text) if text.strip().isdigit() else text.strip())
        return NOTHING
