"""The input's rows, a part at a time, each with its place, and what is known of keys that come more than once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.core.writing.row_identity import Folded, SeenKeys, doubled_keys
from airflow_provider_bigcommerce.exceptions import InvalidQueryError


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of the input.

    :param rows: (place in the input, row).
    :param doubled: keys that come more than once.
    :param late: places of rows whose key came in an earlier part, which has gone to the store.
    :param is_last: whether the input is at its end.
    """

    rows: list[tuple[int, Any]]
    doubled: frozenset[Folded]
    late: frozenset[int]
    is_last: bool


class RowSource:
    """Hands an input out in parts.

    Rows that can be read twice (a list, an object whose ``iter`` starts from the beginning) are read once for their keys first, so that
    none of the rows of a doubled key is sent. An iterator can be read but once: the rows of a doubled key are rejected where they come in
    one part, and the later ones where they come in two.

    :param rows: the input.
    :raises InvalidQueryError: it is no iterable of rows.
    """

    def __init__(self, route: Route, rows: Iterable[Mapping[str, Any]]) -> None:
        if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
            raise InvalidQueryError(f"rows is a {type(rows).__name__}. Accepted: a list, or an iterator, of rows (mappings).")
        self._route = route
        self._rows = rows
        self._left = iter(rows)
        self._is_once = self._left is rows
        self._doubled: frozenset[Folded] | None = None
        self._seen = SeenKeys()
        self._place = 0

    def part(self, most: int) -> Part:
        """At most so many rows; an error of the input's own goes through."""
        if self._doubled is None and not self._is_once:
            self._doubled = doubled_keys(map(self._key, self._rows))
        rows = list(enumerate(islice(self._left, most), self._place))
        self._place += len(rows)
        is_last = len(rows) < most
        if not self._is_once:
            return Part(rows, self._doubled or frozenset(), frozenset(), is_last)
        keys = [(place, self._key(row)) for place, row in rows]
        doubled = doubled_keys(key for _, key in keys)
        first = {key for _, key in keys if key is not None and self._seen.add(key)}
        late = frozenset(place for place, key in keys if key is not None and key not in first)
        return Part(rows, doubled, late, is_last)

    def _key(self, row: object) -> Folded | None:
        return self._route.key(row)[2] if isinstance(row, Mapping) else None
