"""The rows of one parent, found by an index where a filter names them: of a hundred thousand price records, batches are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_bigcommerce.sandbox.bookkeeping import Bookkeeping
from airflow_provider_bigcommerce.sandbox.filters import Filter
from airflow_provider_bigcommerce.sandbox.table import Key, Row
from airflow_provider_bigcommerce.sandbox.unique import Read, folded

_READ: dict[str, Read] = {}


@dataclass(frozen=True)
class Children:
    """The rows of a table whose field has the parent's key."""

    store: Bookkeeping
    resource: str
    field: str
    parent: Key

    def near(self, found: Sequence[Filter]) -> list[Row]:
        """All rows that the filters may keep, in order: the filters still have the last word."""
        table = self.store.tables[self.resource]
        named = next((f for f in found if self._is_named(f)), None)
        if named is None or not table.seeded or named.name not in table.make(table.seeded[0]):
            return self.store.children(self.resource, self.field, self.parent)
        index = self.store.unique(self.resource, _READ.setdefault(named.name, folded(named.name)))
        texts = named.text.split(",") if named.operator == "in" else [named.text]
        keys = {key for text in texts for value in _values(text) for key in index.all(index.of({named.name: value}))}
        rows = (table.get(key) for key in sorted(keys) if key not in table.hidden)
        return [row for row in rows if row is not None and row[self.field] == self.parent]

    def _is_named(self, f: Filter) -> bool:
        """Whether a filter names rows by values that an index compares as the filter does."""
        is_key = f.name == "sku" or f.name.endswith("_id")
        return is_key and f.operator in ("is", "in") and f.read is None and all(part.strip() for part in f.text.split(","))


def _values(text: str) -> list[str | float]:
    """What a filter's text can be equal to."""
    is_number = text.strip().lstrip("-").replace(".", "", 1).isdecimal()
    return [text, float(text)] if is_number else [text]
