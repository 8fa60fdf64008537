"""A walk of one list, checked against what the store says about the whole list: here alone is decided whether enough rows came.

A walk ends by what single answers say, and an answer that lacks rows may say so twice. So the highest number of rows that any answer told
for the whole list is due, whatever later answers tell, and an end with fewer rows is no end yet:

- the store is asked for its number once more: of the whole list, without page, cursor or range, or at the endpoint that counts it;
- if that is no more than what came, rows were deleted meanwhile, and the list is whole;
- if it is more, the walk looks behind its last row again, for rows may have come since, or were not sent;
- if that brings no row, twice, the list is not whole.

This costs one request where the numbers contradict each other, and none elsewhere.
"""

from __future__ import annotations

from airflow_provider_bigcommerce.core.ends import lacking_error, told_total
from airflow_provider_bigcommerce.core.id_ranges import count_of
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import Step, Walk
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import CountDisagreesError

#: Looks behind the last row that brought none, after which a list is not whole. One may miss a row that came and went.
_IN_VAIN = 2


class WholeList:
    """A walk that ends only where the store's number of rows has come.

    :param walk: reads the list; its steps tell numbers of the whole list.
    :param request: of the list, without paging parameters: with one row per page it asks for the number of rows.
    :param count: request whose answer ``{"count": n}`` tells that number, where there is one (V2); an empty list is checked against it too.
    :param count_of_all: the same count without the list's filters, which no page says that counts know; None where it has none.
    :param count_of_none: the same count with filters of that kind that no row passes; a count that knows them has none then.
    :param needs_count: whether the end is checked against the count although rows came: nothing else tells how many there are.
    :param start: position of an earlier walk of this kind: ``{"rows": rows that came, "told": the number that is due}`` and its own.
    """

    def __init__(
        self,
        walk: Walk,
        request: Request,
        *,
        count: Request | None = None,
        count_of_all: Request | None = None,
        count_of_none: Request | None = None,
        needs_count: bool = False,
        start: Position | None = None,
    ) -> None:
        self.walk = walk
        self._path = request.path
        self._question = count or request.with_params({"limit": 1})
        self._needs_count = needs_count
        self._is_count, self._count_of_all, self._count_of_none = count is not None, count_of_all, count_of_none
        self._rows: int | None = (start or {}).get("rows", None if start else 0)  # that came; None where that is not known
        self._due: int | None = (start or {}).get("told")
        self._tells = False  # answers tell numbers of rows, if only of parts of the list
        self._under_way = 0
        self._asking: Request | None = None
        self._has_asked = False
        self._rows_then: int | None = None  # when the walk was last made to go on
        self._in_vain = 0

    @property
    def position(self) -> Position | None:
        """The walk's own, with how many rows came before it and how many are due."""
        inner = self.walk.position
        return inner if inner is None or self._rows is None else {**inner, "rows": self._rows, "told": self._due}

    @property
    def _told(self) -> int | None:
        """The number of rows, unless it may be one of other rows: of a count that does not know the filters."""
        return self._due if self._count_of_all is None else None

    def next_request(self) -> Request | None:
        """The walk's next request; behind its end the question for the number of rows, where fewer came than are due."""
        if self._asking is None:
            planned = self.walk.next_request()
            if planned is None and not self._under_way and self._is_in_doubt():
                planned = self._asking = self._question
        elif not self._under_way:
            planned = self._asking
        else:
            return None
        self._under_way += planned is not None
        return planned

    def absorb(self, request: Request, listing: Listing) -> Step:
        """Rows, and the number that is due.

        :raises IncompleteReadError: fewer rows came than the store says there are.
        :raises CountDisagreesError: so says an endpoint that counts, and nothing else.
        """
        self._under_way -= 1
        if self._asking is not None:
            return self._answered(request, listing)
        step = self.walk.absorb(request, listing)
        self._under_way += len(step.follow)
        self._tells = self._tells or told_total(listing) is not None
        if self._rows is not None:
            self._rows += len(step.records)
        if step.total is not None:
            self._due = max(self._due or 0, step.total)
        return Step(step.records, step.follow, self._told)

    def go_on(self) -> bool:
        """Look behind the last row once more."""
        return self.walk.go_on()

    def _is_in_doubt(self) -> bool:
        """Whether the rows that came are fewer than are due, or nothing told how many are."""
        if self._rows is None:
            return False
        if self._due is None:
            return not self._has_asked and (self._tells or self._needs_count or (self._is_count and not self._rows))
        return self._rows < self._due

    def _answered(self, request: Request, listing: Listing) -> Step:
        """Take the store's number: all has come, the walk continues, or the list is not whole."""
        asked, self._asking, self._has_asked = self._asking, None, True
        if asked is not self._question:
            if count_of(request, listing) != self._due:
                raise self._disagrees()
            if asked is self._count_of_all:
                self._asking = self._count_of_none  # every row passes the filters, or the count does not know them
            if self._asking is None:
                self._due, self._tells = None, False  # it does not, so it tells nothing of this list
            return Step(())
        number = self._number(request, listing)
        self._due = self._due if number is None else number
        if not self._is_in_doubt():
            return Step((), total=self._told)
        self._in_vain = self._in_vain + 1 if self._rows == self._rows_then else 0
        if self._in_vain < _IN_VAIN and self.walk.go_on():
            self._rows_then = self._rows
        elif not self._is_count:
            raise lacking_error(request, f"counts {self._due} rows and gave {self._rows}")
        elif self._count_of_all is None:
            raise self._disagrees()
        else:
            self._asking = self._count_of_all
        return Step((), total=self._told)

    def _number(self, request: Request, listing: Listing) -> int | None:
        """How many rows there are, by the answer to the question; None where that is no word on it.

        An answer without a row says nothing after rows came, and neither does one that counts the rows in hand.
        """
        if self._is_count:
            return count_of(request, listing) or (None if self._rows else 0)
        total, rows = told_total(listing), len(listing.records)
        return None if total is None or (self._rows and (not rows or total == rows < self._rows)) else total

    def _disagrees(self) -> CountDisagreesError:
        return CountDisagreesError(self._path, found=self._rows or 0, counted=self._due or 0)
