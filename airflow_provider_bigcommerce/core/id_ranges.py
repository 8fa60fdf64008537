"""Lists that BigCommerce can bound by their integer key: read in ranges of it, many at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from airflow_provider_bigcommerce.core.ends import KNOWN_CAPS, SMALLEST_PAGE, SecondLook, lacking_error, loop_error, page_size, told_total
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import Step
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import BigCommerceError, IncompleteReadError, UnexpectedAnswerError


class _Count(msgspec.Struct):
    count: int


def count_of(request: Request, listing: Listing) -> int:
    """The number in the answer of an endpoint that counts.

    :raises UnexpectedAnswerError: it holds none.
    """
    try:
        return msgspec.json.decode(listing.records[0], type=_Count).count
    except (IndexError, msgspec.DecodeError):
        raise UnexpectedAnswerError(f"{request.method} {request.path} answered no 'count'.") from None


class IdRanges:
    """Reads a list by ranges of its integer key, many at once, each row in exactly one range.

    Page numbers shift when rows come, go or leave a date filter during the read; ranges of ids do not, so every row that exists
    throughout is read exactly once. The width of a range follows the density of the ids met so far, so that dense ids cost the
    same number of requests as pages. A range that holds more than a page is continued from its last id.

    A range is whole when its answer is short and counts no more rows (V3). Where answers count nothing (V2), the store's count of the whole
    list is reached, or nothing comes behind the last row.

    :param request: the list's request, with ascending key order asked for, without paging parameters.
    :param limit: rows per page.
    :param id_min: parameter for "key at or above".
    :param id_max: parameter for "key at or below".
    :param keys_of: reads rows' keys.
    :param count: request whose answer ``{"count": n}`` tells how many rows there are (V2); None where each answer does (V3).
    :param last: highest key to read, where ``request`` has it as ``id_max``; None where there is none.
    :param start: ``{"id": the first id to read, "rows": rows below it}``; the rows go into the totals, which stay those of the whole list.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        id_min: str,
        id_max: str,
        keys_of: Callable[[Sequence[msgspec.Raw]], Sequence[int]],
        *,
        count: Request | None = None,
        last: int | None = None,
        start: Position | None = None,
    ) -> None:
        self._base = request.with_params({"limit": limit})
        self._last = math.inf if last is None else last
        self._limit = limit
        self._id_min, self._id_max = id_min, id_max
        self._keys_of = keys_of
        self._count = count
        self._asked = False
        self._total: int | None = None  # of the whole list, as the store said first
        self._estimate: int | None = None  # of the whole list, for the width of the ranges
        self._place: int | None = start["id"] if start and "id" in start else None  # every id below it has been absorbed
        self._rows_before = int((start or {}).get("rows", 0)) if self._place is not None else 0
        self._rows = self._rows_before  # absorbed, and before the start
        self._expected: list[float] = []  # rows expected of each bounded range under way
        self._next_id: int | None = self._place  # first id that no request covers yet; None before the first answer
        self._first_id = self._place or 0
        self._bounds: dict[Request, range | None] = {}  # request -> ids it covers, None for open-ended
        self._width_under_way = 0  # ids that bounded requests under way cover
        self._is_open = False  # an open-ended request is under way: nothing can be planned behind it
        self._behind: Request | None = None  # looks behind a last page that is expected to be full, while that is on its way
        self._behind_id: int | None = None  # the first id that it asks for
        self._is_beyond = False  # a range came back empty: a hole, or the end; only an open-ended request tells
        self._is_done = False
        self._was_short = False  # the last open-ended answer was short, and nothing else told that it was the last
        self._page = limit  # rows of a page that was not cut, as far as known
        self._longest = 0
        self._has_meta = False  # answers tell how many rows their range has
        self._again = SecondLook()
        self._goes_on = False

    @property
    def position(self) -> Position | None:
        """The first id of which no answer has told."""
        return None if self._place is None else {"id": self._place, "rows": self._rows}

    def next_request(self) -> Request | None:
        """The next range by the density so far; the last one ends where the list does, so that nothing above it is missed."""
        if self._is_done or self._is_open:
            return self._look_behind()
        if self._next_id is None:
            return self._plan(self._base, None)
        if self._next_id > self._last:
            return None
        if self._goes_on:
            return self._plan(self._base.with_params({self._id_min: self._next_id}), None)
        if self._count is not None and not self._asked and not self._was_short:
            self._asked = True
            return self._count
        if self._estimate is None:  # nothing tells yet where the list ends: the next page, in addition to the count
            return self._plan(self._base.with_params({self._id_min: self._next_id}), None)
        remaining = self._estimate - self._rows - sum(self._expected)
        density = min(1.0, max(self._rows - self._rows_before, 1) / max(1, self._covered()))
        is_end = self._is_beyond or remaining <= self._page * (1.0 if density == 1.0 else 0.9)
        # Two standard deviations of room where ids have holes, none where they are dense.
        rows = self._page if density == 1.0 else self._page - 2 * math.sqrt(self._page * (1 - density))
        width = max(self._page, int(rows / density))
        last = self._next_id + width - 1
        if is_end or last >= self._last:
            self._is_beyond = False
            if self._has_meta and density == 1.0 and remaining == self._page == self._limit and last < self._last:
                self._behind_id = last + 1
            return self._plan(self._base.with_params({self._id_min: self._next_id}), None)
        request = self._base.with_params({self._id_min: self._next_id, self._id_max: last})
        ids = range(self._next_id, last + 1)
        self._next_id = last + 1
        self._expected.append(width * density)
        return self._plan(request, ids)

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A range's rows; continues the range where it holds more than a page.

        :raises PaginationLoopError: rows outside the range came.
        :raises IncompleteReadError: rows that the store counts do not come, or come in no order.
        """
        covered = self._bounds.get(request)
        if request is self._behind and (self._is_done or self._next_id != self._behind_id):
            return self._asked_in_vain(request)
        params = dict(request.params)
        asked = covered or range(int(params.get(self._id_min, 0)), 2**63)
        if request is self._count:
            self._total = self._estimate = count_of(request, listing)
            return Step((), total=self._total)
        listing = self._again.better(request, listing, lambda listing: sum(key in asked for key in self._keys_of(listing.records)))
        in_range = told_total(listing)
        self._has_meta = self._has_meta or in_range is not None
        keys = self._keys_of(listing.records)
        rows = len(keys)
        is_full = rows >= min(self._page, page_size(listing, self._limit)) or (rows in KNOWN_CAPS and rows >= self._longest)
        is_whole, is_odd = self._judge(covered, rows, in_range, is_full=is_full)
        if covered is None and not rows:  # an empty list is looked at twice, and so is an end that comes too early
            is_odd = is_odd or self._next_id is None or (self._total is not None and self._rows < self._total)
            is_odd = is_odd and not self._is_counted_next  # which is another word than the same answer once more
        fault = self._fault(request, keys, goes_on=not is_whole)
        if (is_odd or fault is not None) and self._again.wants(request, listing):
            return Step((), (request,))
        if fault is not None:
            raise fault
        if in_range and not rows:
            raise lacking_error(request, f"answered no rows and says that there are {in_range}")
        del self._bounds[request]
        of_all = in_range if self._next_id is None else None
        if self._next_id is None and rows:
            self._first_id = min(keys)
        self._note(covered, rows, in_range)
        follow: tuple[Request, ...] = ()
        if covered is None:
            self._is_done = is_whole
            self._was_short = not is_full and not is_whole
            if rows:
                self._place = self._next_id = max(keys) + 1
                self._is_done = is_whole or self._next_id > self._last
            if self._behind in (None, request):
                self._behind_id = None
            # What is behind this page may be on its way already.
            self._is_open = self._behind_id is not None and self._next_id == self._behind_id and not self._is_done
        else:
            self._width_under_way -= len(covered)
            self._expected.pop(0)
            rest = range(max(keys) + 1, covered.stop) if rows else range(0)
            self._place = covered.stop if is_whole or not rest else rest.start
            if not is_whole and rest:
                follow = (self._plan(self._base.with_params({self._id_min: rest.start, self._id_max: rest.stop - 1}), rest),)
                self._expected.insert(0, 0.0)
        self._is_beyond = not rows
        return Step(listing.records, follow, total=of_all)

    def _look_behind(self) -> Request | None:
        """Ask what is behind the last page before it has come, where it will be full: then nothing else can tell that it is the last."""
        if self._is_done or self._behind_id is None or self._behind is not None:
            return None
        self._behind = self._plan(self._base.with_params({self._id_min: self._behind_id}), None)
        return self._behind

    def _asked_in_vain(self, request: Request) -> Step:
        """The last page did not end where it was expected to: what was asked for behind it tells nothing."""
        del self._bounds[request]
        self._behind_id = None
        return Step(())

    def go_on(self) -> bool:
        """Read on from the last row, until nothing comes; tells whether anything can be behind it."""
        if self._next_id is not None and self._next_id > self._last:
            return False
        self._is_done = self._was_short = False
        self._goes_on = True
        return True

    @property
    def _is_counted_next(self) -> bool:
        """Whether the list was empty and will be checked against its count, which is asked for where nothing has told a number."""
        return self._count is not None and self._next_id is None and not self._goes_on

    def _judge(self, covered: range | None, rows: int, in_range: int | None, *, is_full: bool) -> tuple[bool, bool]:
        """Whether an answer holds its range to the end, and whether it lacks something that was due."""
        if covered is not None and rows == len(covered):
            return True, False
        if in_range is not None:
            return in_range == rows and not is_full, in_range > rows == 0
        if self._has_meta:  # its number of rows is due
            return not rows, True
        if covered is not None:
            return not is_full, not rows
        is_reached = self._estimate is not None and self._rows + rows >= self._estimate
        is_believed = is_reached or (self._was_short and self._longest < SMALLEST_PAGE)
        return not rows or (is_reached and not is_full), not rows and not is_believed

    def _fault(self, request: Request, keys: Sequence[int], *, goes_on: bool) -> BigCommerceError | None:
        """What is wrong with the rows of an answer: they are outside the range, or the next range cannot be derived from them."""
        params = dict(request.params)
        low, high = params.get(self._id_min), params.get(self._id_max)
        if keys and ((low is not None and min(keys) < int(low)) or (high is not None and max(keys) > int(high))):
            return loop_error(request, "rows outside the range that was asked for; they came")
        if goes_on and any(after <= before for before, after in pairwise(keys)):
            return IncompleteReadError(
                f"{request.method} {request.path} did not answer in the order of {self._id_min.partition(':')[0]!r} that was asked for, so "
                "what comes next cannot be told. Nothing was taken for the end of the list. Let the task try again; report the endpoint "
                "if it stays so."
            )
        return None

    def _note(self, covered: range | None, rows: int, in_range: int | None) -> None:
        """Learn from an answer how many rows there are and how long pages are."""
        if self._next_id is None:
            self._total = in_range
        if covered is None and in_range is not None:
            self._estimate = self._rows + in_range  # the store counts what is left from here on
        if self._was_short and rows:
            self._page = max(min(self._page, self._longest), 1)  # a short page that had more behind it: as long as they get
        self._rows += rows
        self._longest = max(self._longest, rows)

    def _covered(self) -> int:
        """Width of the ids already asked for, less what is under way."""
        return max(1, (self._next_id or 0) - self._first_id - self._width_under_way)

    def _plan(self, request: Request, ids: range | None) -> Request:
        self._bounds[request] = ids
        self._is_open = self._is_open or ids is None
        self._width_under_way += 0 if ids is None else len(ids)
        return request
