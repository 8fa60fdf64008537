"""Lists that can be sorted by change date and bounded by it, and neither by key nor by cursor.

Read on from the last row's change date. What is edited meanwhile moves to the end, which is still to be read; what comes or goes shifts
nothing, because no page is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from airflow_provider_bigcommerce.core.ends import SecondLook, lacking_error, told_total
from airflow_provider_bigcommerce.core.keys import Key, SeenKeys
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import Step, Walk
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.core.windows import read_moment, written


class ModifiedAfter:
    """One page after the other, each from the second in which the last one ended; rows that come again are known by their key.

    :param request: the list's request, sorted by change date, without paging parameters.
    :param limit: rows a page.
    :param since: parameter for "changed at or after".
    :param date_of: reads a row's change date as the store wrote it; None where it has none.
    :param keys_of: reads the keys of rows.
    :param by_page: the walk by page numbers, for a list with more rows of one second than a page has.
    :param start: ``{"modified": the last row's second}``.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        since: str,
        date_of: Callable[[msgspec.Raw], object],
        keys_of: Callable[[Sequence[msgspec.Raw]], list[Key]],
        by_page: Callable[[], Walk],
        start: Position | None = None,
    ) -> None:
        self._base = request.with_params({"limit": limit})
        self._limit = limit
        self._since = since
        self._date_of = date_of
        self._keys_of = keys_of
        self._by_page = by_page
        self._pages: Walk | None = None
        self._seen = SeenKeys()
        self._again = SecondLook()
        self._before_was_short = False
        self._reached: datetime | None = read_moment((start or {}).get("modified"))
        self._next: Request | None = self._base if self._reached is None else self._from(self._reached)

    @property
    def position(self) -> Position | None:
        """The second of the last row; the other rows of that second come again."""
        if self._reached is None or self._pages is not None:
            return None
        return {"modified": written(self._reached)}

    def next_request(self) -> Request | None:
        """The page after the last answer, once it is known."""
        if self._pages is not None:
            return self._pages.next_request()
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows without those that came before; the last row's change date tells the next page."""
        if self._pages is not None:
            step = self._pages.absorb(request, listing)
            return Step(self._unseen(step.records), step.follow, step.total)
        listing = self._again.better(request, listing)
        rows, total = len(listing.records), told_total(listing)
        dates = [read_moment(self._date_of(record)) for record in listing.records]
        is_told = total == rows < self._limit  # of what is left from this second on
        lacks = total is not None and total > rows == 0
        is_end = is_told or not rows
        if (lacks or (not rows and not self._before_was_short)) and self._again.wants(request, listing):
            return Step((), (request,))
        if lacks:
            raise lacking_error(request, f"answered no rows and says that there are {total}")
        of_all = total if self._reached is None else None  # later answers count what is left
        new = self._unseen(listing.records)
        if not is_end:
            last = dates[-1]
            gets_on = last is not None and (self._reached is None or last > self._reached)
            if not gets_on and not new and rows < self._limit and (total is None or total <= rows):
                is_end = True  # only rows of the last second came again
            elif not gets_on or not _rises(dates):
                self._pages = self._by_page()
            elif last is not None:
                self._reached = last
                self._next = self._from(last)
        self._before_was_short = rows < self._limit
        return Step(new, total=of_all)

    def go_on(self) -> bool:
        """Read on from the second of the last row."""
        if self._pages is not None:
            return self._pages.go_on()
        self._before_was_short = False
        self._next = self._base if self._reached is None else self._from(self._reached)
        return True

    def _from(self, moment: datetime) -> Request:
        return self._base.with_params({self._since: written(moment) or ""})

    def _unseen(self, records: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
        return self._seen.unseen(records, self._keys_of(records))


def _rises(dates: Sequence[datetime | None]) -> bool:
    """Whether rows came in the order of their change dates; a list in another order cannot be gone on with by its last row's."""
    known = [date for date in dates if date is not None]
    return len(known) == len(dates) and all(before <= after for before, after in pairwise(known))
