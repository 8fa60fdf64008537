"""Finds rows by a field that is unique in the store. Built when it is first asked for, and kept up with the table's changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_bigcommerce.sandbox.table import Key, Row, Table

Read = Callable[[Row], Any]  # the value of a row that no other row may have; None where the row has none


def folded(*fields: str) -> Read:
    """Read fields as BigCommerce compares them: letters of either case are alike, and an empty text is no value."""

    def read(row: Row) -> Any:
        found = tuple(_folded(value) for value in map(row.get, fields))
        return None if found[0] in ("", None) else found

    return read


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold().strip()
    return value if value is None or isinstance(value, int | float) else repr(value)  # a request may hold anything


SKU = folded("sku")


class Unique:
    """Knows which rows have a value.

    :param table: the table.
    :param read: gives a row's value.
    """

    def __init__(self, table: Table, read: Read) -> None:
        self._table, self._read = table, read
        self._keys: dict[Any, list[Key]] = {}
        self._values: dict[Key, Any] = {}
        self._seen: int | None = None

    def find(self, value: Any) -> Key | None:
        """Give the key of the row with a value, or None. Of several rows with one value, the one that got it last."""
        found = self.all(value)
        return found[-1] if found else None

    def all(self, value: Any) -> list[Key]:
        """Give the keys of all rows with a value: more than one where a test arranged it so."""
        self._follow()
        return [] if value is None else self._keys.get(value, [])

    def of(self, row: Row) -> Any:
        """Give a row's value."""
        return self._read(row)

    def _follow(self) -> None:
        changes = self._table.changes
        if self._seen is None:
            for row in self._table.rows():
                self._note(row[self._table.key], row)
        else:
            for key in dict.fromkeys(changes[self._seen :]):
                self._note(key, self._table.get(key))
        self._seen = len(changes)

    def _note(self, key: Key, row: Row | None) -> None:
        value = None if row is None else self._read(row)
        old = self._values.get(key)
        if old == value:
            return
        if old is not None:
            del self._values[key]
            self._keys[old].remove(key)
            if not self._keys[old]:
                del self._keys[old]
        if value is not None:
            self._values[key] = value
            self._keys.setdefault(value, []).append(key)
