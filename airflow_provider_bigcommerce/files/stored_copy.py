"""What a copy is to somebody who compares it, whether it lies in files or in a table: an index of its rows, and its rows of chosen keys.

The index holds numbers, not rows: a million orders take about 170 MB (measured).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.reconciling import Bounds, Group, Key, axis_of, bounding_dates, units
from airflow_provider_bigcommerce.core.windows import read_moment
from airflow_provider_bigcommerce.files.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.files.schemas import DELETED_AT, column_name
from airflow_provider_bigcommerce.files.writers import RowWriter

#: Stands for "no date" and "no amount" in an array.
_NONE = -(2**63)


class CopyBatch(Protocol):
    """Some rows of a copy."""

    @property
    def keys(self) -> Sequence[Key]:
        """Theirs."""

    def differences(self, records: Mapping[Key, msgspec.Raw]) -> dict[Key, list[str]]:
        """The rows that are not what the store has, with the names of their fields that differ.

        :param records: the store's rows by key; only keys of the batch.
        """


class Repair(ABC):
    """Rows on their way into the copy, in the place of what is there.

    :param writer: takes them.
    """

    def __init__(self, writer: RowWriter) -> None:
        self._writer = writer

    @property
    def rows(self) -> int:
        """Taken so far."""
        return self._writer.rows

    def write(self, records: Sequence[msgspec.Raw]) -> list[DataFile]:
        """Take records, one JSON object each."""
        return self._writer.write(records)

    def close(self) -> list[DataFile]:
        """Finish; returns the last files."""
        return self._writer.close()

    def abort(self) -> None:
        """Give up what is not committed."""
        self._writer.abort()

    @abstractmethod
    def commit(self, manifest: Manifest) -> None:
        """Make what was written part of the copy."""


class StoredCopy(Protocol):
    """A copy of one resource."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    @property
    def manifest(self) -> Manifest:
        """The newest of the runs that made it: its query is the copy's."""

    def bounds(self) -> Bounds:
        """Which rows of the store it speaks of."""

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows."""

    def batches(self, keys: Collection[Key] | None) -> Iterator[CopyBatch]:
        """The rows of these keys, or all."""

    def repair(self, run: str, synced_at: datetime) -> Repair:
        """Begin to write rows anew."""


class Columns:
    """The fields of a row that an index is made of.

    :param resource: the catalog's row.
    """

    def __init__(self, resource: Resource) -> None:
        dates = bounding_dates(resource)
        axis = axis_of(resource)
        self.modified = dates.field if dates is not None else None
        self.when = axis.field if axis is not None else None
        self.groups = resource.count_by
        self.total = resource.total.field if resource.total is not None else None
        self.parents = {name: column_name(name) for name in resource.placeholders}

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        found = [self.modified, self.when, *self.groups, self.total, *self.parents.values(), DELETED_AT]
        return list(dict.fromkeys(name for name in found if name is not None))


class CopyIndex:
    """Key, dates, groups and amount of each row; of rows of one key the one that changed last, and of those the one put last.

    :param columns: what is put.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._slots: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._place = array("q")
        self._modified = array("q")
        self._when = array("q")
        self._total = array("q")
        self._live = bytearray()
        self._groups = [array("i") for _ in columns.groups]
        self._values: list[dict[object, int]] = [{} for _ in columns.groups]
        self._parents: list[tuple[Any, ...]] = []
        self._known_parents: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def put(self, key: Key, place: int, fields: Mapping[str, Any]) -> None:
        """Take a row.

        :param place: where it stands, for who asks later which row of a key is the newest.
        :param fields: the values of the index's columns.
        """
        columns = self._columns
        modified = seconds(fields.get(columns.modified)) if columns.modified else _NONE
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = len(self._keys)
            self._keys.append(key)
            for numbers in (self._place, self._modified, self._when, self._total, *self._groups):
                numbers.append(0)
            self._live.append(1)
            if columns.parents:
                self._parents.append(())
        elif modified < self._modified[slot]:
            return
        self._place[slot] = place
        self._modified[slot] = modified
        self._when[slot] = seconds(fields.get(columns.when)) if columns.when else _NONE
        amount = units_of(fields.get(columns.total)) if columns.total else None
        self._total[slot] = _NONE if amount is None else amount
        self._live[slot] = fields.get(DELETED_AT) is None
        for name, codes, values in zip(columns.groups, self._groups, self._values, strict=True):
            codes[slot] = values.setdefault(fields.get(name), len(values))
        if columns.parents:
            parent = tuple(fields.get(name) for name in columns.parents.values())
            self._parents[slot] = self._known_parents.setdefault(parent, parent)

    def __len__(self) -> int:
        return self._live.count(1)

    def __contains__(self, key: Key) -> bool:
        slot = self._slots.get(key)
        return slot is not None and bool(self._live[slot])

    def hide(self, keys: Iterable[Key]) -> None:
        """Leave these rows out of everything from now on."""
        for key in keys:
            if (slot := self._slots.get(key)) is not None:
                self._live[slot] = 0

    def keep_within(self, bounds: Bounds) -> None:
        """Leave out the rows that the bounds do not speak of."""
        for slot, modified in enumerate(self._modified):
            if modified != _NONE and not bounds.speaks_of(modified):
                self._live[slot] = 0

    def keys(self, group: Group | None = None) -> list[Key]:
        """The keys of a group's rows, or of all."""
        return [self._keys[slot] for slot in self._matching(group)]

    def count(self, group: Group) -> int:
        """How many rows a group has."""
        return sum(1 for _ in self._matching(group))

    def _matching(self, group: Group | None) -> Iterator[int]:
        live = (slot for slot, is_live in enumerate(self._live) if is_live)
        if group is not None and group.span is not None:
            begin, end = group.span
            low, high = _NONE + 1 if begin is None else begin, 2**63 - 1 if end is None else end
            return (slot for slot in live if low <= self._when[slot] <= high)
        if group is not None and group.value is not None:
            number, value = group.value
            code = self._values[number].get(value, -1)
            return (slot for slot in live if self._groups[number][slot] == code)
        return live

    def values(self) -> list[list[object]]:
        """For each field that rows are counted by, its different values."""
        return [list(values) for values in self._values]

    def span(self, group: Group | None = None) -> tuple[int, int] | None:
        """First and last second of the dates by which rows are counted."""
        found = [self._when[slot] for slot in self._matching(group) if self._when[slot] != _NONE]
        return (min(found), max(found)) if found else None

    def amounts(self, keys: Iterable[Key] | None = None) -> Iterator[int | None]:
        """The amounts of these rows, or of all."""
        slots = self._matching(None) if keys is None else (self._slots[key] for key in keys)
        return (None if self._total[slot] == _NONE else self._total[slot] for slot in slots)

    def is_newest(self, key: Key, place: int) -> bool:
        """Whether the row at that place is the one that counts."""
        slot = self._slots.get(key)
        return slot is not None and self._place[slot] == place and bool(self._live[slot])

    def parents_of(self, keys: Iterable[Key]) -> list[dict[str, Any]]:
        """For a child resource, the parents of these rows: placeholder -> value."""
        found = dict.fromkeys(self._parents[self._slots[key]] for key in keys if key in self._slots)
        return [dict(zip(self._columns.parents, parent, strict=True)) for parent in found]

    def with_siblings(self, keys: Iterable[Key]) -> list[Key]:
        """These rows' keys and those of all rows of the same parents."""
        wanted = {self._parents[self._slots[key]] for key in keys if key in self._slots}
        return [self._keys[slot] for slot in self._matching(None) if self._parents[slot] in wanted]


def seconds(value: object) -> int:
    """A date as seconds since 1970, from a datetime or text of either API version; a number that sorts before all where it is none."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = read_moment(value)
    return _NONE if found is None else int(found.timestamp())


def units_of(value: object) -> int | None:
    """An amount that an array can hold; None for anything else."""
    found = units(value)
    return found if found is not None and abs(found) < 2**62 else None
