"""The lists of many parents as one walk: each parent's key columns on its rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import Step, Walk
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.raw_fields import Columns, with_columns
from airflow_provider_bigcommerce.core.reading import Listing

#: Requests of one parent's list under way at once.
_CHILD_AT_ONCE = 25


class FanOut:
    """The lists of many parents, each read to its end, in the order of the parents.

    :param walks: the parent's key columns and what makes the walk of its list from a position in it, one pair a parent.
    :param start: ``{"done": lists that need not be read, "within": position in the one behind them}``.
    """

    def __init__(self, walks: Iterable[tuple[Columns, Callable[[Position | None], Walk]]], start: Position | None = None) -> None:
        start = start or {}
        self._done = int(start.get("done", 0))
        self._waiting = itertools.islice(walks, self._done, None)
        self._within: Position | None = start.get("within")
        self._under_way: dict[int, tuple[Request, _Child]] = {}  # by identity: two lists may send equal requests
        self._current: _Child | None = None  # the one that answered last

    @property
    def position(self) -> Position | None:
        """How many lists have come whole, and where the one behind them has got to."""
        child = self._current
        within = child.walk.position if child is not None and child.open else None
        if child is None or within is None:
            return {"done": self._done} if self._done else None
        return {"done": self._done, "within": within}

    def next_request(self) -> Request | None:
        """The first request of the next parent's list."""
        for columns, walk_from in self._waiting:
            walk = walk_from(self._within)
            self._within = None
            request = walk.next_request()
            if request is not None:
                self._under_way[id(request)] = request, _Child(columns, walk)
                return request
        return None

    def absorb(self, request: Request, listing: Listing) -> Step:
        """One parent's rows, with its key columns on each; the rest of that parent's list follows at once."""
        _, child = self._under_way.pop(id(request))
        self._current = child
        if listing.is_gone:
            child.open -= 1
            self._done += child.open == 0
            return Step(())
        step = child.walk.absorb(request, listing)
        follow = [*step.follow]
        child.open -= 1
        # A list's requests stay together, so more follow when none is under way; and never all the pages that a store may claim.
        while not child.open and len(follow) < _CHILD_AT_ONCE and (planned := child.walk.next_request()) is not None:
            follow.append(planned)
        self._under_way.update((id(planned), (planned, child)) for planned in follow)
        child.open += len(follow)
        self._done += child.open == 0
        return Step(with_columns(step.records, child.columns), follow)

    def go_on(self) -> bool:
        """Each list continues by itself."""
        return False


@dataclass(slots=True)
class _Child:
    """One parent's list: its walk, and how many requests are under way."""

    columns: Columns
    walk: Walk
    open: int = 1
