"""Rows of one kind: made on demand from the seed, with an overlay of what was changed, added and deleted since.

A table of a million rows costs nothing until a row is asked for. It knows no HTTP and no BigCommerce rule.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

Row = dict[str, Any]
Key = int | str
#: Told (name, key, row before, row after) of a change.
Watch = Callable[[str, Key, "Row | None", "Row | None"], None]


class SeededIds(Sequence[int]):
    """Ids first, first+1, ... with every eleventh left out, as a store that has lived has gaps.

    :param first: the lowest id.
    :param count: how many ids.
    :param gaps: whether ids are left out.
    """

    def __init__(self, first: int, count: int, *, gaps: bool = True) -> None:
        self.first, self.size, self._every = first, count, 10 if gaps else max(count, 1)

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self.first + i + i // self._every for i in range(*index.indices(self.size))]
        if index < 0:
            index += self.size
        if not 0 <= index < self.size:
            raise IndexError(index)
        return self.first + index + index // self._every

    def position(self, row_id: Key) -> int | None:
        """Tell where an id stands, or None where it was never seeded."""
        if not isinstance(row_id, int) or row_id < self.first:
            return None
        offset = row_id - self.first
        position = offset - offset // (self._every + 1)
        return position if position < self.size and offset % (self._every + 1) != self._every else None


class Calendar:
    """When seeded rows were last modified: spread over a span, not in id order, and some at the same second.

    Rank order is a permutation of positions, computed both ways, so that a filter by date needs no scan.

    :param start: first second (epoch).
    :param seconds: length of the span.
    :param count: number of rows.
    """

    TOGETHER = 3  # rows that share one second: ties are where incremental reads lose rows

    def __init__(self, start: int, seconds: int, count: int) -> None:
        self.start, self.count = start, count
        self.step = _odd_step(max(1, seconds // max(1, count // self.TOGETHER + 1)))
        multiplier = 0x5DEECE66D % max(count, 1) or 1
        while count > 1 and _gcd(multiplier, count) != 1:
            multiplier += 1
        self._multiplier = multiplier
        self._inverse = pow(multiplier, -1, count) if count > 1 else 0

    def at(self, position: int) -> int:
        """Tell the second at which the row at this position was modified."""
        rank = position * self._multiplier % self.count
        return self.start + rank // self.TOGETHER * self.step

    def position(self, rank: int) -> int:
        """Tell which row is the rank-th in order of modification."""
        return rank * self._inverse % self.count

    def ranks(self, since: int | None, until: int | None) -> range:
        """Tell which ranks were modified in since <= t <= until."""
        low = 0 if since is None else max(0, -(-(since - self.start) // self.step) * self.TOGETHER)
        high = self.count if until is None else (0 if until < self.start else ((until - self.start) // self.step + 1) * self.TOGETHER)
        return range(min(low, self.count), max(min(low, self.count), min(high, self.count)))


def _odd_step(step: int) -> int:
    """Shorten a step so that it is no part and no multiple of a day: rows are then modified at any time of day, however few they are."""
    if step > 2 * _DAY:
        return (step // _DAY - 1) * _DAY + 37_867  # 10:31:07 later in the day each time
    return step - 1 if step > 1 and (_DAY % step == 0 or step % _DAY == 0) else step


_DAY = 86_400


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


class Table:
    """One kind of row.

    :param name: the table's name, `products`.
    :param ids: seeded ids in ascending order.
    :param make: makes the seeded row of an id.
    :param key: the field that holds the id.
    :param calendar: when the seeded rows were modified, where the kind has such a field.
    :param modified: reads the second of modification from a row, where the kind has one.
    :param hides: tells whether a changed row is left out of lists although it can be had by its key (archived orders).
    :param on_change: told (key, row or None) after each change, to keep it.
    """

    def __init__(
        self,
        name: str,
        ids: Sequence[Any],
        make: Callable[[Any], Row],
        *,
        key: str = "id",
        calendar: Calendar | None = None,
        modified: Callable[[Row], int] | None = None,
        hides: Callable[[Row], bool] | None = None,
        on_change: Callable[[str, Key, Row | None], None] | None = None,
    ) -> None:
        self.watch: Watch | None = None  # told of each change, with the row before it
        self.make_json: Callable[[Any], bytes] | None = None  # makes a seeded row as JSON, where that is quicker than by `make`
        self.name, self.key, self.calendar, self.modified = name, key, calendar, modified
        self._seeded, self.make, self._hides, self._on_change = ids, make, hides, on_change
        self.changed: dict[Key, Row] = {}
        self.deleted: set[Key] = set()
        self.hidden: set[Key] = set()
        self.added: dict[Key, None] = {}  # keys of living rows that were not seeded, in the order in which they came
        self.version = 0
        self.changes: list[Key] = []  # keys in the order they were changed: what an index still has to look at
        self._ids: Sequence[Any] = ids if isinstance(ids, SeededIds) else sorted(ids, key=_rank)
        self._stale: set[Key] = set()  # keys that were changed since
        self._known: set[Key] | None = None
        self._highest: int | None = None

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, row_id: Key) -> bool:
        return row_id not in self.deleted and (row_id in self.changed or self._is_seeded(row_id))

    def _is_seeded(self, row_id: Key) -> bool:
        if isinstance(self._seeded, SeededIds):
            return self._seeded.position(row_id) is not None
        if self._known is None:
            self._known = set(self._seeded)
        return row_id in self._known

    def ids(self) -> Sequence[Any]:
        """List the keys of the living rows, ascending."""
        stale, self._stale = self._stale, set()
        if len(stale) > _MANY:
            living = (key for key in stale if self._is_listed(key))
            self._ids = sorted([*(key for key in self._ids if key not in stale), *living], key=_rank)
        else:
            for key in stale:
                self._relist(key)
        return self._ids

    def _is_listed(self, row_id: Key) -> bool:
        return row_id in self and row_id not in self.hidden

    def get(self, row_id: Key) -> Row | None:
        """Give one row, or None; the caller must not change it."""
        if row_id in self.deleted:
            return None
        row = self.changed.get(row_id)
        if row is not None:
            return row
        return self.make(row_id) if self._is_seeded(row_id) else None

    def rows(self) -> Iterator[Row]:
        """Walk the living rows by key."""
        for row_id in list(self.ids()) if self.changed else self.ids():
            row = self.get(row_id)
            if row is not None:
                yield row

    def put(self, row_id: Key, row: Row, *, record: bool = True) -> None:
        """Add or replace one row."""
        old = self.get(row_id) if record and self.watch is not None else None
        self.deleted.discard(row_id)
        if row_id not in self.changed and not self._is_seeded(row_id):
            self.added[row_id] = None
        self.changed[row_id] = row
        if self._hides is not None and self._hides(row) != (row_id in self.hidden):
            self.hidden ^= {row_id}
        self._stale.add(row_id)
        self.changes.append(row_id)
        self.version += 1
        if isinstance(row_id, int) and self._highest is not None:
            self._highest = max(self._highest, row_id)
        if record and self._on_change is not None:
            self._on_change(self.name, row_id, row)
        if record and self.watch is not None:
            self.watch(self.name, row_id, old, row)

    def remove(self, row_id: Key, *, record: bool = True) -> bool:
        """Delete one row; tells whether it was there."""
        found = row_id in self
        old = self.get(row_id) if record and self.watch is not None else None
        self.changed.pop(row_id, None)
        self.added.pop(row_id, None)
        self.hidden.discard(row_id)
        self.deleted.add(row_id)
        self._stale.add(row_id)
        self.changes.append(row_id)
        self.version += 1
        if record and self._on_change is not None:
            self._on_change(self.name, row_id, None)
        if record and found and self.watch is not None:
            self.watch(self.name, row_id, old, None)
        return found

    def _relist(self, row_id: Key) -> None:
        """Put a key into the list of the living, or take it out; whoever has the list keeps it as it was."""
        ids = self._ids
        at = bisect_left(ids, _rank(row_id), key=_rank)
        was = at < len(ids) and ids[at] == row_id
        if was == self._is_listed(row_id):
            return
        self._ids = [*ids[:at], *([] if was else [row_id]), *ids[at + was :]]

    @property
    def seeded(self) -> Sequence[Any]:
        """The keys of the seeded rows, whatever became of them: what other seeded rows refer to, so that no write changes those."""
        return self._seeded

    @property
    def has_text_keys(self) -> bool:
        """Tell whether rows are named by text, as UUIDs are."""
        return len(self._seeded) > 0 and isinstance(self._seeded[0], str)

    def next_id(self) -> int:
        """Give an id that no row has or had."""
        if self._highest is None:
            seeded = self._seeded[-1] if len(self._seeded) else 0
            used = [len(self.changed) if isinstance(i, str) else i for i in (*self.changed, *self.deleted)]
            self._highest = max([seeded if isinstance(seeded, int) else 0, *used])
        self._highest += 1
        return self._highest

    def by_modification(self, since: int | None = None, until: int | None = None) -> list[Any]:
        """List keys of rows modified in since <= t <= until (epoch seconds), oldest change first, ties by key."""
        if self.calendar is None or self.modified is None or not isinstance(self._seeded, SeededIds):
            raise LookupError(f"rows of {self.name} carry no date of modification")
        calendar, seeded = self.calendar, self._seeded
        touched = self.changed.keys() | self.deleted
        pairs: list[tuple[int, Any]] = []
        for rank in calendar.ranks(since, until) if seeded.size else ():
            row_id = seeded[calendar.position(rank)]
            if row_id not in touched:
                pairs.append((calendar.start + rank // calendar.TOGETHER * calendar.step, row_id))
        for changed_id, row in self.changed.items():
            if changed_id in self.hidden:
                continue
            at = self.modified(row)
            if (since is None or at >= since) and (until is None or at <= until):
                pairs.append((at, changed_id))
        pairs.sort()
        return [row_id for _, row_id in pairs]


#: More changes than this are cheaper sorted in at once than one by one, each of which copies the list.
_MANY = 50


def _rank(key: Key) -> tuple[bool, Key]:
    return isinstance(key, str), key


def between(ids: Sequence[Any], low: int | None, high: int | None) -> Sequence[Any]:
    """Cut ascending ids to low <= id <= high."""
    start = 0 if low is None else bisect_left(ids, low)
    stop = len(ids) if high is None else bisect_left(ids, high + 1)
    return ids[start:stop]


class Nested:
    """Rows that hang on one parent each (an order's line items), made on demand, replaced as a whole when changed.

    :param name: the kind, `order_products`.
    :param make: makes the seeded rows of one parent, given the parent's keys from the path.
    """

    def __init__(
        self, name: str, make: Callable[..., list[Row]], *, on_change: Callable[[str, Key, Row | None], None] | None = None
    ) -> None:
        self.name, self.make, self._on_change = name, make, on_change
        self.watch: Watch | None = None
        self.changed: dict[str, list[Row]] = {}

    def get(self, *parents: Any) -> list[Row]:
        """List the rows of one parent; the caller must not change them."""
        rows = self.changed.get("/".join(map(str, parents)))
        return self.make(*parents) if rows is None else rows

    def put(self, parents: tuple[Any, ...], rows: list[Row], *, record: bool = True) -> None:
        """Replace the rows of one parent."""
        key = "/".join(map(str, parents))
        old = self.get(*parents) if record and self.watch is not None else None
        self.changed[key] = rows
        if record and self._on_change is not None:
            self._on_change(self.name, key, {"rows": rows})
        if record and self.watch is not None:
            self.watch(self.name, key, {"rows": old}, {"rows": rows})
