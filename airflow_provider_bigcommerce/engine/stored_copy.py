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
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.engine.writing_rows import RowWriter
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, column_name

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
        """Which rows of the store it covers."""

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows."""

    def batches(self, keys: Collection[Key] | None) -> Iterator[CopyBatch]:
        """The rows of these keys, or all."""

    def repair(self, run: str, synced_at: datetime) -> Repair:
        """Begin to write rows again."""


class Columns:
    """The fields of a row that an index is made of.

    :param resource: the catalog's row.
    """

    def __init__(self, resource: Resource) -> None:
        dates = bounding_dates(resource)
        axis = axis_of(resource)
        summary = resource.summary.figures.values() if resource.summary is not None else ()
        self.modified = dates.field if dates is not None else None
        self.when = axis.field if axis is not None else None
        self.groups = resource.count_by
        self.total = resource.total.field if resource.total is not None else None
        self.amounts = tuple(dict.fromkeys([*([self.total] if self.total else []), *(figure.field for figure in summary)]))
        self.parents = {name: column_name(name) for name in resource.parent_columns}

    @property
    def names(self) -> list[str]:
        """All of them, each once."""
        found = [self.modified, self.when, *self.groups, *self.amounts, *self.parents.values(), DELETED_AT]
        return list(dict.fromkeys(name for name in found if name is not None))


#: Why a row of an index is left out of the comparison: marked as deleted, of runs with other filters alone, changed in the store since.
_DELETED, _FOREIGN, _NEWER = 1, 2, 4
#: A row that is compared and not counted: the store's counts are of the span that live runs read, and it lies outside.
_UNCOUNTED = 8
_LEFT_OUT = _DELETED | _FOREIGN | _NEWER


class CopyIndex:
    """Key, dates, groups and amounts of each row of a copy.

    :param columns: what is put.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._slots: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._place = array("q")
        self._as_of = array("q")
        self._modified = array("q")
        self._when = array("q")
        self._amounts = {name: array("q") for name in columns.amounts}
        self._flags = bytearray()
        self._groups = [array("i") for _ in columns.groups]
        self._values: list[dict[object, int]] = [{} for _ in columns.groups]
        self._parents: list[tuple[Any, ...]] = []
        self._known_parents: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def put(self, key: Key, place: int, fields: Mapping[str, Any], *, as_of: int, is_foreign: bool = False) -> None:
        """Take a row; of rows of one key, the first is the one that counts.

        :param place: where it stands, for who asks later which row of a key is the newest.
        :param fields: the values of the index's columns.
        :param as_of: when its run began to read, in seconds since 1970.
        :param is_foreign: whether that run had other filters than the copy is compared with.
        """
        slot = self._slots.get(key)
        if slot is not None:
            if not is_foreign:
                self._flags[slot] &= ~_FOREIGN
            return
        columns = self._columns
        self._slots[key] = len(self._keys)
        self._keys.append(key)
        self._place.append(place)
        self._as_of.append(as_of)
        self._modified.append(seconds(fields.get(columns.modified)) if columns.modified else _NONE)
        self._when.append(seconds(fields.get(columns.when)) if columns.when else _NONE)
        for name, amounts in self._amounts.items():
            amount = units_of(fields.get(name))
            amounts.append(_NONE if amount is None else amount)
        self._flags.append((0 if fields.get(DELETED_AT) is None else _DELETED) | (_FOREIGN if is_foreign else 0))
        for name, codes, values in zip(columns.groups, self._groups, self._values, strict=True):
            codes.append(values.setdefault(fields.get(name), len(values)))
        if columns.parents:
            parent = tuple(fields.get(name) for name in columns.parents.values())
            self._parents.append(self._known_parents.setdefault(parent, parent))

    def __len__(self) -> int:
        return sum(1 for _ in self._matching(None))

    def __contains__(self, key: Key) -> bool:
        slot = self._slots.get(key)
        return slot is not None and not self._flags[slot] & _LEFT_OUT

    def _flag(self, keys: Iterable[Key], flag: int) -> None:
        for key in keys:
            if (slot := self._slots.get(key)) is not None:
                self._flags[slot] |= flag

    def leave_out(self, keys: Iterable[Key]) -> None:
        """Leave these rows out of everything from now on: they have changed since they were copied."""
        self._flag(keys, _NEWER)

    def leave_uncounted(self, keys: Iterable[Key]) -> None:
        """Leave these rows out of counts from now on."""
        self._flag(keys, _UNCOUNTED)

    def count_within(self, bounds: Bounds) -> None:
        """Leave the rows that lie outside of the bounds out of counts: what brought them is no run that the bounds are of."""
        for slot, modified in enumerate(self._modified):
            if modified != _NONE and not bounds.speaks_of(modified):
                self._flags[slot] |= _UNCOUNTED

    def is_newer(self, key: Key, modified: int | None, bounds: Bounds) -> bool:
        """Whether a change at that moment came after the store was read for the copy.

        A row that lies outside of the bounds was brought by a backfill or a repair, and is as of that run.

        :param modified: seconds since 1970.
        """
        if bounds.as_of is None or modified is None:
            return False
        limit = bounds.as_of.timestamp()
        if (slot := self._slots.get(key)) is not None and self._modified[slot] != _NONE and not bounds.speaks_of(self._modified[slot]):
            limit = max(limit, self._as_of[slot])
        return modified >= limit

    def keys(self, group: Group | None = None) -> list[Key]:
        """The keys of a group's rows that are counted, or of all that are compared."""
        return [self._keys[slot] for slot in self._matching(group)]

    def count(self, group: Group) -> int:
        """How many rows a group has."""
        return sum(1 for _ in self._matching(group))

    def _matching(self, group: Group | None) -> Iterator[int]:
        """The slots of a group's rows that are counted, or of all that are compared."""
        without = _LEFT_OUT if group is None else _LEFT_OUT | _UNCOUNTED
        found = (slot for slot, flags in enumerate(self._flags) if not flags & without)
        if group is not None and group.span is not None:
            begin, end = group.span
            low, high = _NONE + 1 if begin is None else begin, 2**63 - 1 if end is None else end
            return (slot for slot in found if low <= self._when[slot] <= high)
        if group is not None and group.value is not None:
            number, value = group.value
            code = self._values[number].get(value, -1)
            return (slot for slot in found if self._groups[number][slot] == code)
        return found

    def values(self) -> list[list[object]]:
        """For each field that rows are counted by, its different values."""
        return [list(values) for values in self._values]

    def span(self, group: Group) -> tuple[int, int] | None:
        """First and last second of the dates by which a group's rows are counted."""
        found = [self._when[slot] for slot in self._matching(group) if self._when[slot] != _NONE]
        return (min(found), max(found)) if found else None

    def amounts(self, name: str, keys: Iterable[Key] | None = None) -> Iterator[int | None]:
        """The amounts that a field of these rows, or of all, holds, in ``core.reconciling.MONEY_UNIT``."""
        amounts = self._amounts[name]
        slots = self._matching(None) if keys is None else (self._slots[key] for key in keys)
        return (None if amounts[slot] == _NONE else amounts[slot] for slot in slots)

    def is_newest(self, key: Key, place: int) -> bool:
        """Whether the row at that place is the one that counts."""
        slot = self._slots.get(key)
        return slot is not None and self._place[slot] == place and not self._flags[slot] & _LEFT_OUT

    def places(self, keys: Iterable[Key]) -> Iterator[int]:
        """Where the rows of these keys stand that count."""
        slots = (self._slots[key] for key in keys if key in self._slots)
        return (self._place[slot] for slot in slots if not self._flags[slot] & _LEFT_OUT)

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
