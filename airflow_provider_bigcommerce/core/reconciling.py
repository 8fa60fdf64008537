"""Which questions tell whether a copy equals its store, and what the answers mean.

Decides from a resource's catalog row alone: by what its rows can be counted, how rows of chosen keys are read. It counts and reads nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from airflow_provider_bigcommerce.core.catalog import DateFilter, Figure, Resource
from airflow_provider_bigcommerce.core.keys import shown_key
from airflow_provider_bigcommerce.core.messages import Query, QueryValue
from airflow_provider_bigcommerce.core.windows import in_format, written

#: A row's key: the field's value, or a tuple where a key has several fields.
Key = int | str | tuple[int | str | None, ...]

OnMismatch = Literal["fail", "warn", "repair"]
ON_MISMATCH: tuple[OnMismatch, ...] = ("fail", "warn", "repair")

DAY = 86_400
#: Neighbouring keys that are taken into a sample together, where one request reads a range of keys.
_NEIGHBOURS = 25
#: Money is added up in whole numbers of this part of a unit, as the schema's columns have four decimals.
MONEY_UNIT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which rows of the store the copy covers.

    :param filters: the query with which the copy was made.
    :param dates: the filter that bounds it by date, or None where the resource has none.
    :param since: the copy need hold nothing older, or None.
    :param as_of: rows changed at this moment or later are not compared, or None where nothing bounds them.
    :param is_whole: whether the copy holds all rows within these bounds, so that they can be counted; backfills alone do not.
    :param backfilled: spans of creation dates, first and last second, that the copy holds whole in addition to that.
    """

    filters: Mapping[str, str]
    dates: DateFilter | None = None
    since: datetime | None = None
    as_of: datetime | None = None
    is_whole: bool = True
    backfilled: tuple[tuple[float, float], ...] = ()

    def query(self, axis: DateFilter | None = None, begin: int | None = None, end: int | None = None) -> dict[str, str]:
        """The filters of all rows within the bounds; of those alone whose ``axis`` date lies in a span, where one is given.

        :param begin: first second, since 1970.
        :param end: last second.
        """
        limits: dict[DateFilter, list[datetime | None]] = {}
        last = self.as_of - timedelta(seconds=1) if self.as_of is not None else None
        for dates, low, high in ((self.dates, self.since, last), (axis, _at(begin), _at(end))):
            if dates is not None:
                known = limits.setdefault(dates, [None, None])
                known[0] = max((moment for moment in (known[0], low) if moment), default=None)
                known[1] = min((moment for moment in (known[1], high) if moment), default=None)
        query = dict(self.filters)
        for dates, (low, high) in limits.items():
            if low is not None:
                query[dates.since] = in_format(low, dates.format)
            if high is not None and dates.until is not None:
                query[dates.until] = in_format(high, dates.format)
        return query

    def speaks_of(self, modified: int | None) -> bool:
        """Whether a row with that change date (seconds since 1970) lies within them, backfills aside."""
        if modified is None:
            return True
        if self.as_of is not None and modified >= self.as_of.timestamp():
            return False
        return self.since is None or modified >= self.since.timestamp()

    def should_hold(self, modified: int | None, created: int | None) -> bool:
        """Whether the copy lacks a row if it has none with these dates (seconds since 1970)."""
        if self.is_whole and self.speaks_of(modified):
            return True
        return created is not None and any(first <= created <= last for first, last in self.backfilled)


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def axis_of(resource: Resource) -> DateFilter | None:
    """The dates by which rows are counted day by day: of creation, which stay, else of change."""
    return next((dates for dates in (resource.created, resource.modified) if dates is not None and dates.until is not None), None)


def bounding_dates(resource: Resource) -> DateFilter | None:
    """The filter that leaves out what changed after the copy was made."""
    return next((dates for dates in (resource.modified, resource.created) if dates is not None and dates.until is not None), None)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are counted together.

    :param by: what makes the group: ``all``, ``day``, ``days``, or a field's name.
    :param label: which of them.
    :param query: how the store is asked for them.
    :param span: first and last second of their date, either None where it is open; None where the group is not of dates.
    :param value: number of the ``count_by`` field and its value; None where the group is not of values.
    """

    by: str
    label: str
    query: Mapping[str, QueryValue]
    span: tuple[int | None, int | None] | None = None
    value: tuple[int, object] | None = None


def whole(bounds: Bounds) -> Group:
    """All rows."""
    return Group("all", "all rows", bounds.query())


def by_value(resource: Resource, bounds: Bounds, values: Sequence[Iterable[object]]) -> list[Group]:
    """A group for each value of each field that rows can be counted by.

    :param values: for each such field, the values that the copy has.
    """
    return [
        Group(name, _text(value), {**bounds.query(), name: _text(value)}, value=(number, value))
        for number, (name, found) in enumerate(zip(resource.count_by, values, strict=True))
        for value in sorted(found, key=str)
        if value is not None and name not in bounds.filters
    ]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def by_day(axis: DateFilter, bounds: Bounds, first: int, last: int, days: int) -> list[Group]:
    """The last days one by one, and what was before them together.

    :param first: second of the oldest row.
    :param last: second up to which the copy goes, or of its newest row.
    :param days: how many days are counted one by one.
    """
    newest = last // DAY
    oldest = max(first // DAY, newest - days + 1)
    groups = [span(axis, bounds, day * DAY, (day + 1) * DAY - 1) for day in range(oldest, newest + 1)] if days else []
    if first < oldest * DAY or not days:
        groups.insert(0, span(axis, bounds, None, oldest * DAY - 1 if days else None))
    groups.append(span(axis, bounds, (newest + 1) * DAY, None))
    return groups


def span(axis: DateFilter, bounds: Bounds, begin: int | None, end: int | None) -> Group:
    """The rows whose date lies in a span."""
    start, stop = (written(_at(begin)) or "")[:10], (written(_at(end)) or "")[:10]
    label = start if start == stop else f"{start or 'the beginning'} to {stop or 'now'}"
    return Group("day" if start == stop else "days", label, bounds.query(axis, begin, end), span=(begin, end))


def halves(axis: DateFilter, bounds: Bounds, begin: int, end: int) -> list[Group]:
    """A span of several days cut in two at a midnight; nothing where it is one day."""
    middle = (begin // DAY + end // DAY + 1) // 2 * DAY
    return [span(axis, bounds, begin, middle - 1), span(axis, bounds, middle, end)] if begin < middle <= end else []


@dataclass(frozen=True, slots=True)
class Ask:
    """One way to read some rows of known keys.

    :param query: filters that narrow the list to them; empty for the whole list.
    :param parents: for a child resource, the parents whose rows are read.
    """

    query: Query = field(default_factory=dict)
    parents: tuple[Mapping[str, int | str], ...] | None = None


def asks(resource: Resource, keys: Iterable[Key]) -> list[Ask]:
    """How rows of these keys are read with the fewest requests; rows between them may come too.

    A list that cannot be narrowed to keys is read whole.
    """
    wanted = sorted(set(keys), key=lambda key: (str(type(key)), key))
    if not wanted:
        return []
    if resource.id_in is not None:
        part = _part(resource, resource.id_in)
        return [Ask({resource.id_in: tuple(dict.fromkeys(_piece(key, part) for key in wanted))})]
    if _has_ranges(resource):
        ranges: list[list[int]] = []
        for key in wanted:
            if isinstance(key, int):
                if ranges and key - ranges[-1][0] < resource.page_size:
                    ranges[-1][1] = key
                else:
                    ranges.append([key, key])
        return [Ask({str(resource.id_min): low, str(resource.id_max): high}) for low, high in ranges]
    return [Ask()]


def _part(resource: Resource, parameter: str) -> int:
    """Which part of the key a parameter takes."""
    name = parameter.partition(":")[0]
    return next((at for at, path in enumerate(resource.primary_key) if path.rpartition(".")[2] == name), 0)


def _piece(key: Key, part: int) -> int | str:
    return str(key[part]) if isinstance(key, tuple) else key


def _has_ranges(resource: Resource) -> bool:
    return resource.id_min is not None and resource.id_max is not None and len(resource.primary_key) == 1


def reads_whole_list(resource: Resource) -> bool:
    """Whether rows of known keys cannot be read without the others."""
    return resource.id_in is None and not _has_ranges(resource) and not resource.parent_columns


def sample_of(resource: Resource, keys: Sequence[Key], size: int | None, seed: int | str) -> list[Key]:
    """Keys drawn at random: runs of neighbours where one request reads a range of keys.

    :param size: how many; None for all.
    :param seed: the same seed draws the same keys of the same copy.
    """
    if size is None or size >= len(keys):
        return list(keys)
    dice = random.Random(str(seed))  # a sample that can be drawn again
    if resource.id_in is not None or not _has_ranges(resource):
        return dice.sample(keys, size)
    ordered = sorted(keys, key=lambda key: (str(type(key)), key))
    blocks = range(-(-len(ordered) // _NEIGHBOURS))
    drawn = dice.sample(blocks, min(len(blocks), -(-size // _NEIGHBOURS)))
    found = [key for block in sorted(drawn) for key in ordered[block * _NEIGHBOURS : (block + 1) * _NEIGHBOURS]]
    return found[:size]


# -- the report -------------------------------------------------------------------------------------------------------


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A number of rows, in the store and in the copy.

    :param by: ``all``, ``day``, ``days`` or a field's name.
    :param which: the day or the value.
    :param store: rows in the store.
    :param copy: rows in the copy.
    :param equal: whether they agree, or differed only as the store changed while it was counted.
    """

    by: str
    which: str
    store: int
    copy: int
    equal: bool


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Lowest, highest and sum of an amount; text, so that nothing is rounded. None without rows."""

    lowest: str | None
    highest: str | None
    sum: str | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts of the rows that were compared, and of all rows of the copy.

    :param field: which amount.
    :param store: of the compared rows in the store.
    :param copy: of the same rows in the copy.
    :param whole_copy: of all rows of the copy.
    """

    field: str
    store: Sums
    copy: Sums
    whole_copy: Sums


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A number that the store tells about all its rows, and what the copy's rows give; text, so that nothing is rounded.

    :param name: the store's name of it.
    :param store: what the store says.
    :param copy: what the copy's rows give.
    :param equal: whether they agree, or every row was compared and is equal.
    """

    name: str
    store: str
    copy: str
    equal: bool


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A row that differs, with the names of its fields that do; values are not told, because they may be a customer's."""

    key: int | str | list[int | str | None]
    fields: list[str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a reconcile found.

    :param resource: catalog name.
    :param store_hash: the store.
    :param copy: what was checked against it.
    :param as_of: what changed in the store from then on was not compared; None where the resource has no dates.
    :param equal: whether copy and store are equal as far as was looked; after a repair, whether they are now.
    :param rows: rows of the copy, without those that are left out.
    :param counts: the numbers that were compared: those that differ, and the one of all rows.
    :param counts_checked: how many numbers were compared.
    :param summary: numbers that the store tells about all its rows; empty where it tells none that the rows give too.
    :param compared: rows compared field by field.
    :param seed: of the sample.
    :param totals: amounts, or None where the resource has none.
    :param changed: rows that differ.
    :param missing: keys that the store has and the copy has not.
    :param deleted: keys that the copy has and the store has not.
    :param newer: rows that changed in the store since the copy was made, which were left out.
    :param passed: differences that were gone at a second look: the store had changed while it was read.
    :param repaired: rows that a repair read again.
    :param requests: requests sent.
    :param seconds: how long it took.
    """

    resource: str
    store_hash: str
    copy: str
    as_of: str | None
    equal: bool
    rows: int
    counts: list[Counted]
    counts_checked: int
    summary: list[Told]
    compared: int
    seed: str
    totals: Totals | None
    changed: list[Changed]
    missing: list[int | str | list[int | str | None]]
    deleted: list[int | str | list[int | str | None]]
    newer: int
    passed: int
    repaired: int
    requests: int
    seconds: float

    @property
    def differences(self) -> int:
        """Rows that differ, are missing or are too many."""
        return len(self.changed) + len(self.missing) + len(self.deleted)

    def shown(self) -> Report:
        """The report as it leaves the task: very long keys are cut."""
        return msgspec.structs.replace(
            self,
            changed=[msgspec.structs.replace(row, key=_cut(row.key)) for row in self.changed],
            missing=list(map(_cut, self.missing)),
            deleted=list(map(_cut, self.deleted)),
        )


def _cut(key: int | str | list[int | str | None]) -> int | str | list[int | str | None]:
    return told(shown_key(tuple(key) if isinstance(key, list) else key))


def told(key: Key) -> int | str | list[int | str | None]:
    """A key as JSON has it."""
    return list(key) if isinstance(key, tuple) else key


def sums(amounts: Iterable[int | None]) -> Sums:
    """Lowest, highest and sum.

    :param amounts: in :data:`MONEY_UNIT`; None is left out.
    """
    lowest = highest = None
    total = count = 0
    for amount in amounts:
        if amount is not None:
            count += 1
            total += amount
            lowest = amount if lowest is None else min(lowest, amount)
            highest = amount if highest is None else max(highest, amount)
    return Sums(lowest=_money(lowest), highest=_money(highest), sum=_money(total if count else None))


def figure_of(figure: Figure, amounts: Iterable[int | None]) -> int | None:
    """What rows give for a figure, in :data:`MONEY_UNIT`; None without rows.

    :param amounts: of the figure's field, in the same unit; None is left out.
    """
    known = [amount for amount in amounts if amount is not None]
    if figure.how == "sum":
        return sum(known)
    if not known:
        return None
    if figure.how == "average":
        return round(sum(known) / len(known))
    return min(known) if figure.how == "lowest" else max(known)


def plain(amount: int | None) -> str:
    """An amount in :data:`MONEY_UNIT` as a number without trailing zeros; ``-`` for none."""
    return "-" if amount is None else f"{amount * MONEY_UNIT:.4f}".rstrip("0").rstrip(".")


def _money(amount: int | None) -> str | None:
    return None if amount is None else f"{amount * MONEY_UNIT:.4f}"


def units(value: object) -> int | None:
    """An amount as a whole number of :data:`MONEY_UNIT`, from a number or text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)) or value == "":
        return None
    try:
        return int((Decimal(str(value)) / MONEY_UNIT).to_integral_value())
    except ArithmeticError:
        return None


def first_differences(report: Report, most: int = 10) -> str:
    """The first differences in words: keys and field names."""
    parts = [f"{_shown(row.key)} differs in {', '.join(row.fields)}" for row in report.changed[:most]]
    for names, what in ((report.missing, "is missing in the copy"), (report.deleted, "is not in the store any more")):
        parts += [f"{_shown(key)} {what}" for key in names[: max(0, most - len(parts))]]
    more = report.differences - len(parts)
    return "; ".join(parts) + (f"; and {more:,} more" if more > 0 else "")


def _shown(key: int | str | list[int | str | None]) -> str:
    cut = _cut(key)
    return ", ".join(map(str, cut)) if isinstance(cut, list) else str(cut)
