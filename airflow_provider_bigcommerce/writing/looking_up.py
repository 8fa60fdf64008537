"""Values of the input become ids of another resource's rows: ``lookup={"product_id": "products.sku"}``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.client.blocking import BlockingFinder, BlockingStore
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.route import Route, route_of
from airflow_provider_bigcommerce.core.writing.row_identity import fold, is_key_value
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.writing.input_columns import InputRow

_TARGET = re.compile(r"(?P<resource>\w+)\.(?P<field>\w+(?:\.\w+)*)")
#: Values whose ids are kept; an input names the same product again and again.
_MOST_KEPT = 50_000


class LookUps:
    """The ids behind values of some fields; a context manager, with what finds them open.

    :param store: an open store.
    :param lookup: field -> ``<resource>.<field>``.
    """

    def __init__(self, store: BlockingStore, lookup: Mapping[str, str]) -> None:
        self._routes = checked_lookup(lookup)
        self._store = store
        self._stack = contextlib.ExitStack()
        self._finders: dict[str, BlockingFinder] = {}
        self._known: dict[str, dict[str, int | str | None]] = {field: {} for field in self._routes}

    def __enter__(self) -> LookUps:
        for field, (route, _) in self._routes.items():
            self._finders[field] = self._stack.enter_context(self._store.finder(route, needs_rows=False))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fold(self, row: InputRow) -> InputRow:
        """The row with its values as the store compares them: two spellings of one SKU are one row of the store."""
        for field, (_, named) in self._routes.items():
            if is_key_value(value := row.get(field)):
                row[field] = fold(named, value)
        return row

    def resolve(self, rows: Sequence[InputRow]) -> None:
        """Put ids in the place of values; a row whose value no row of the store has gets a fault."""
        for field, (route, named) in self._routes.items():
            known = self._known[field]
            if len(known) > _MOST_KEPT:
                known.clear()
            asked = list(dict.fromkeys(fold(named, row[field]) for row in rows if is_key_value(row.get(field))))
            items = [
                Item(place=place, key=None, action="update", row={named: value}, body={})
                for place, value in enumerate(asked)
                if value not in known
            ]
            found = self._finders[field].find(items) if items else {}
            for item in items:
                held = found[item.place]
                known[item.row[named]] = held.id if len(held.rows) == 1 else None
            for row in rows:
                if is_key_value(row.get(field)):
                    key = known[fold(named, row[field])]
                    if key is None:
                        row.fault = (f"The store has no single row of {route.resource.name!r} with this {named!r}, for {field!r}.", field)
                    else:
                        row[field] = key


def checked_lookup(lookup: Mapping[str, Any]) -> dict[str, tuple[Route, str]]:
    """Field -> (how the other resource's rows are asked for, by which of its fields).

    :raises InvalidQueryError: it is not ``<resource>.<field>``, or its rows cannot be found by that field.
    """
    found: dict[str, tuple[Route, str]] = {}
    for field, target in lookup.items():
        match = _TARGET.fullmatch(target) if isinstance(target, str) else None
        if match is None or "." in str(field):
            raise InvalidQueryError(
                f"lookup has {field!r}: {str(target)[:60]!r}, which cannot work. Accepted: {{'product_id': 'products.sku'}}."
            )
        found[field] = (_route(match["resource"], match["field"]), match["field"])
    return found


def _route(resource: str, field: str) -> Route:
    known = resource_of(resource)
    for operation in ("update", "delete"):
        if (known.update if operation == "update" else known.delete) is not None:
            route = route_of(known, operation, field)
            if route.lookups:
                return route
    raise InvalidQueryError(f"lookup cannot find rows of {resource!r} by {field!r}: no list takes it as a filter.")
