"""Cuts a list into ranges of about equal size, each of which a task of its own reads.

A range is a query: bounds of the key where the list has them, else of the creation date. Both never change, so no row moves from
one range to another while they are read. Ranges are disjoint; the first and the last are open, so together they are the whole list,
with rows that are created meanwhile. Decides only: the caller counts rows and sends queries.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG, DateFilter, Resource
from airflow_provider_bigcommerce.core.windows import in_format
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: What a list is cut by: its key, or the date on which rows were created.
By = Literal["id", "created"]

#: More are refused: each is a task, and Airflow's own ``[core] max_map_length`` is 1024.
MOST = 1000

#: A cut by date may lie this part of a range away from its place, which saves counts.
_TOLERANCE = 0.1


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One range of a list, as a mapped task is given it.

    :param resource: catalog name.
    :param number: 0-based place among the ranges.
    :param of: how many there are.
    :param cut: the same for all ranges of one cut, and for no other cut, so that nobody puts ranges of two cuts together.
    :param query: the parameters that bound it; empty where it is all.
    """

    resource: str
    number: int
    of: int
    cut: str
    query: dict[str, int | str]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON types, for XCom."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def read(cls, value: object) -> Partition:
        """Read what a mapped task was given.

        :raises InvalidQueryError: it is no partition.
        """
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise InvalidQueryError(
                f"partition={value!r} is no range of a list ({error}). Give what partition(...) returns: "
                ".expand(partition=partition('orders', into=8))."
            ) from None


def cut_by(resource: Resource) -> By | None:
    """What a list can be cut by, or None.

    By key where the list has bounds of it and comes in its order, so that "the row in this place" can be asked for. By creation date
    where that has both bounds and an answer tells how many rows there are (V3).
    """
    if resource.kind != "collection" or resource.parent_keys or not resource.page_size:
        return None
    is_counted = resource.api_version == "v3" or resource.count_path is not None
    if resource.id_min and resource.id_max and resource.sort_by_id is not None and len(resource.primary_key) == 1 and is_counted:
        return "id"
    has_created = resource.created is not None and resource.created.until is not None
    return "created" if has_created and resource.api_version == "v3" and resource.paging != "offset" else None


def require_cut(resource: Resource) -> By:
    """What a list can be cut by.

    :raises InvalidQueryError: nothing; the message names the lists that can be cut.
    """
    by = cut_by(resource)
    if by is None:
        names = ", ".join(row.name for row in CATALOG.values() if cut_by(row) is not None)
        raise InvalidQueryError(
            f"{resource.name!r} cannot be cut into ranges: BigCommerce bounds it neither by id nor by creation date. "
            f"Read it with one task. Resources that can be cut: {names}."
        )
    return by


def bounds_of(resource: Resource, by: By) -> tuple[str, str]:
    """The names of the lower and the upper bound."""
    if by == "id":
        return str(resource.id_min), str(resource.id_max)
    created = _created(resource)
    return created.since, str(created.until)


def places(total: int, into: int) -> list[int]:
    """The 0-based places in the list at which ranges begin, without the first.

    :param total: rows in the list.
    :param into: how many ranges are wanted; a list with fewer rows gets fewer.
    """
    return sorted({place for number in range(1, into) if 0 < (place := total * number // into) < total})


def by_ids(resource: Resource, cuts: Sequence[int]) -> list[Partition]:
    """The ranges between ids.

    :param cuts: the first id of each range, without the first range, ascending.
    """
    return _ranges(resource, "id", sorted(set(cuts)), lambda cut: cut, lambda cut: cut - 1)


def by_dates(resource: Resource, cuts: Sequence[int]) -> list[Partition]:
    """The ranges between creation dates; dates are whole seconds, as BigCommerce writes them.

    :param cuts: the first second of each range (epoch), without the first range, ascending.
    """
    wire = _created(resource).format

    def text(second: int) -> str:
        return in_format(datetime.fromtimestamp(second, UTC), wire)

    return _ranges(resource, "created", sorted(set(cuts)), text, lambda cut: text(cut - 1))


def _ranges(
    resource: Resource, by: By, cuts: Sequence[int], first: Callable[[int], int | str], last: Callable[[int], int | str]
) -> list[Partition]:
    low, high = bounds_of(resource, by)
    name = hashlib.sha256(json.dumps([resource.name, by, *cuts]).encode()).hexdigest()[:12]
    found: list[Partition] = []
    for number in range(len(cuts) + 1):
        query: dict[str, int | str] = {}
        if number > 0:
            query[low] = first(cuts[number - 1])
        if number < len(cuts):
            query[high] = last(cuts[number])
        found.append(Partition(resource=resource.name, number=number, of=len(cuts) + 1, cut=name, query=query))
    return found


class Counts:
    """Finds the seconds at which ranges of about equal size begin, by counting the rows created before some seconds.

    Looks between two known counts where rows were even, and no further aside than a quarter from either, so that uneven ones are
    found in few steps too.

    :param begin: a second before which no row was created.
    :param end: the present.
    :param total: rows created before ``end``.
    :param into: how many ranges are wanted.
    """

    def __init__(self, begin: int, end: int, total: int, into: int) -> None:
        self._known = {begin: 0, end: total}
        self._places = places(total, into)
        self._tolerance = int(_TOLERANCE * total / into)

    def next(self) -> int | None:
        """The next second before which the rows are to be counted, or None when all is known."""
        for place in self._places:
            low, high = self._around(place)
            if high - low > 1 and not self._is_near(low, place) and not self._is_near(high, place):
                share = (place - self._known[low]) / max(1, self._known[high] - self._known[low])
                return min(max(low + round((high - low) * min(max(share, 0.25), 0.75)), low + 1), high - 1)
        return None

    def learn(self, second: int, count: int) -> None:
        """Take a count."""
        self._known[second] = count

    def cuts(self) -> list[int]:
        """The seconds at which ranges begin; those that would leave a range without rows are left out."""
        found: list[int] = []
        before = 0
        end = max(self._known)
        for place in self._places:
            cut = min(self._around(place), key=lambda second: abs(self._known[second] - place))
            if before < self._known[cut] < self._known[end]:
                found.append(cut)
                before = self._known[cut]
        return found

    def _around(self, place: int) -> tuple[int, int]:
        """The nearest known seconds with at most, and with more than that many rows before them."""
        seconds = sorted(self._known)
        counts = [self._known[second] for second in seconds]
        position = max(1, min(bisect_left(counts, place + 1), len(seconds) - 1))
        return seconds[position - 1], seconds[position]

    def _is_near(self, second: int, place: int) -> bool:
        return abs(self._known[second] - place) <= self._tolerance


def _created(resource: Resource) -> DateFilter:
    if resource.created is None:
        raise InvalidQueryError(f"{resource.name!r} has no filter by creation date.")
    return resource.created


def without_bounds(query: Mapping[str, str], partitions: Sequence[Partition]) -> dict[str, str]:
    """A query as it was before ranges were put into it."""
    bounds = {name for partition in partitions for name in partition.query}
    return {name: value for name, value in query.items() if name not in bounds}
