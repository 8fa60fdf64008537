"""The rows of one parent, with indexes for the filters that name rows: of a hundred thousand price records, batches are looked up."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from airflow_provider_bigcommerce.sandbox.filters import Filter
from airflow_provider_bigcommerce.sandbox.table import Row


class Children(list[Row]):
    """A list of rows that nobody changes; an index is made when a filter first asks for it."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        super().__init__(rows)
        self._indexes: dict[str, dict[Any, list[int]]] = {}

    def near(self, found: Sequence[Filter]) -> list[Row]:
        """All rows that the filters may keep, in order: the filters still have the last word."""
        named = next((f for f in found if f.operator in ("is", "in") and f.read is None), None)
        if named is None:
            return list(self)
        index = self._index(named.name)
        texts = named.text.split(",") if named.operator == "in" else [named.text]
        wanted = {key for text in texts for key in _keys(text)} | {_OTHER}
        places = {place for key in wanted for place in index.get(key, ())}
        return [self[place] for place in sorted(places)]

    def _index(self, name: str) -> dict[Any, list[int]]:
        if name not in self._indexes:
            index: dict[Any, list[int]] = {}
            for place, row in enumerate(self):
                index.setdefault(_key(row.get(name)), []).append(place)
            self._indexes[name] = index
        return self._indexes[name]


#: The key of values that only the filter itself can compare: none, lists, dates, truth values.
_OTHER = object()


def _key(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value and len(value) < 19:  # longer ones may be dates
        return value.lower().strip()
    return _OTHER


def _keys(text: str) -> list[Any]:
    """What a filter's text can be equal to."""
    found: list[Any] = [text.strip().lower()]
    with contextlib.suppress(ValueError):
        found.append(float(text))
    return found
