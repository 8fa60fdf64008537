"""How to walk a list: which requests, in which order, and when it has ended.

A walk is asked for requests ahead of the answers (``next_request``) and fed the answers in the order of its requests
(``absorb``); it never sends, waits or decodes rows. Every walk refuses to read the same page or cursor twice. Between two
answers it can be left and gone on with later, by another walk of the same list that starts at its ``position``.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, PaginationLoopError, UnexpectedAnswerError

#: A page of exactly one of these lengths may be a cap that the specs do not name, so it is not taken for the last one.
#: Source: the defaults and maxima found in BigCommerce's specs (facts, section 6).
KNOWN_CAPS = frozenset({50, 100, 200, 250, 500, 1000})


#: A parent's keys as columns of its children's rows.
Columns = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Step:
    """What one answer brought.

    :param records: raw rows, in order.
    :param follow: requests that belong directly after this answer, before any that was planned ahead.
    :param total: rows the store says the whole walk has, where it says so.
    """

    records: Sequence[msgspec.Raw]
    follow: Sequence[Request] = ()
    total: int | None = None


class Walk(Protocol):
    """One way through a list."""

    @property
    def position(self) -> Position | None:
        """After all answers absorbed so far: where another walk of the same list goes on so that no row is missed.

        Rows before it may come again. None where the other walk must begin anew.
        """

    def next_request(self) -> Request | None:
        """The next request that can be sent without waiting for more answers; None where there is none now."""

    def absorb(self, request: Request, listing: Listing) -> Step:
        """Take the answer to ``request``; answers come in the order of the requests."""


def loop_error(request: Request, what: str) -> PaginationLoopError:
    """The error for a list that does not get on.

    :param what: what the store answered for the second time.
    """
    return PaginationLoopError(
        f"{request.method} {request.path} answered {what} twice: the store does not turn the page, and going on would never end. "
        "Remove paging parameters from the query, or report the endpoint."
    )


class _Count(msgspec.Struct):
    count: int


def _count_of(request: Request, listing: Listing) -> int:
    try:
        return msgspec.json.decode(listing.records[0], type=_Count).count
    except (IndexError, msgspec.DecodeError):
        raise UnexpectedAnswerError(f"{request.method} {request.path} answered no 'count'.") from None


@dataclass(slots=True)
class SinglePage:
    """One request, one answer: singletons, lists that take no page, and the one page a caller asks for.

    :param is_whole: whether the answer must hold all that the store counts.
    """

    request: Request
    is_whole: bool = True
    _is_sent: bool = False

    @property
    def position(self) -> None:
        """One answer has no middle."""

    def next_request(self) -> Request | None:
        """The request, once."""
        if self._is_sent:
            return None
        self._is_sent = True
        return self.request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """All rows; there is no more.

        :raises IncompleteReadError: the store counts more rows than it sent.
        """
        rows = len(listing.records)
        counted = listing.meta.pagination.total if listing.meta.pagination else None
        if self.is_whole and counted is not None and counted > rows:
            raise IncompleteReadError(
                f"{request.method} {request.path} answered {rows} of {counted} rows, and it is documented as a list without pages. "
                "Narrow it with query={...}, and report the endpoint."
            )
        return Step(listing.records, total=rows if self.is_whole else counted)


class Cursors:
    """``after`` = the last answer's ``end_cursor``.

    The metafield specs swap the two cursors in their text; ``end_cursor`` leads forward everywhere.
    Source: customers.v3.yml, price_lists.v3.yml; facts, section 6.

    :param by_page: makes the walk by page numbers, from a position or the beginning: where cursors are documented but the answer has none
        (metafields of one parent), the list is read so.
    :param start: ``{"after": the last cursor, "total": rows in all, or None}``, or a position of the walk by page numbers.
    """

    def __init__(self, request: Request, limit: int, by_page: Callable[[Position | None], Walk], start: Position | None = None) -> None:
        self._base = request.with_params({"limit": limit}) if limit else request
        self._cursor: str | None = (start or {}).get("after")
        self._next: Request | None = self._base if self._cursor is None else self._base.with_params({"after": self._cursor})
        self._by_page = by_page
        self._pages = by_page(start) if start and start.keys() & {"page", "back"} else None
        self._seen: set[int] = set()  # hashes: a million rows are 4,000 cursors
        self._total: int | None = (start or {}).get("total")

    @property
    def position(self) -> Position | None:
        """Behind the last row that came with a cursor."""
        if self._pages is not None:
            return self._pages.position
        return None if self._cursor is None else {"after": self._cursor, "total": self._total}

    def next_request(self) -> Request | None:
        """The page after the last answer, once it is known."""
        if self._pages is not None:
            return self._pages.next_request()
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows; the cursor tells the next."""
        if self._pages is not None:
            return self._pages.absorb(request, listing)
        about = listing.meta.cursor_pagination
        if about is None and listing.meta.pagination is not None and self._cursor is None:
            self._pages = self._by_page(None)
            self._pages.next_request()  # the first page, which this is
            return self._pages.absorb(request, listing)
        if listing.meta.pagination and listing.meta.pagination.total is not None:
            self._total = listing.meta.pagination.total
        if listing.records and about and about.end_cursor:
            if not self._says_last(listing):
                cursor = hash(about.end_cursor)
                if cursor in self._seen:
                    raise loop_error(request, "the same cursor")
                self._seen.add(cursor)
                self._next = self._base.with_params({"after": about.end_cursor})
            self._cursor = about.end_cursor
        return Step(listing.records, total=self._total)

    @staticmethod
    def _says_last(listing: Listing) -> bool:
        """Only a page that is short by the store's own measure, with no next link, is the last without asking."""
        about = listing.meta.cursor_pagination
        if about is None or about.per_page is None:
            return False
        has_next = about.links is not None and bool(about.links.next)
        return len(listing.records) < about.per_page and not has_next


class KeysetAfter:
    """``after`` (or another parameter) = the last row's key, until a page is empty. Source: channels.v3.yml (listings).

    :param start: ``{"after": the last row's key}``.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        parameter: str,
        key_of: Callable[[msgspec.Raw], int | str],
        start: Position | None = None,
    ) -> None:
        self._base = request.with_params({"limit": limit}) if limit else request
        self._limit = limit
        self._parameter = parameter
        self._key_of = key_of
        self._last: int | str | None = (start or {}).get("after")
        self._next: Request | None = self._base if self._last is None else self._base.with_params({parameter: self._last})

    @property
    def position(self) -> Position | None:
        """Behind the last row."""
        return None if self._last is None else {"after": self._last}

    def next_request(self) -> Request | None:
        """The page after the last answer, once it is known."""
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows; the last row's key tells the next."""
        rows = len(listing.records)
        if rows:
            last = self._key_of(listing.records[-1])
            if last == self._last:
                raise loop_error(request, "a page that ends with the same key")
            self._last = last
            if rows >= self._limit or rows in KNOWN_CAPS:
                self._next = self._base.with_params({self._parameter: last})
        return Step(listing.records)


class IdRanges:
    """Reads a list by ranges of its integer key, many at once, each row in exactly one range.

    Page numbers shift when rows come, go or leave a date filter during the read; ranges of ids do not, so every row that exists
    throughout is read exactly once. The width of a range follows the density of the ids met so far, so that dense ids cost the
    same number of requests as pages. A range that holds more than a page is continued from its last id.

    :param request: the list's request, with ascending key order asked for, without paging parameters.
    :param limit: rows a page.
    :param id_min: parameter for "key at or above".
    :param id_max: parameter for "key at or below".
    :param key_of: reads a row's key.
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
        key_of: Callable[[msgspec.Raw], int],
        *,
        count: Request | None = None,
        last: int | None = None,
        start: Position | None = None,
    ) -> None:
        self._base = request.with_params({"limit": limit})
        self._last = math.inf if last is None else last
        self._limit = limit
        self._id_min, self._id_max = id_min, id_max
        self._key_of = key_of
        self._count = count
        self._asked = False
        self._total: int | None = None
        self._place: int | None = start["id"] if start and "id" in start else None  # every id below it has been absorbed
        self._rows_before = int((start or {}).get("rows", 0)) if self._place is not None else 0
        self._rows = self._rows_before  # absorbed, and before the start
        self._expected: list[float] = []  # rows expected of each bounded range under way
        self._next_id: int | None = self._place  # first id that no request covers yet; None before the first answer
        self._first_id = self._place or 0
        self._bounds: dict[Request, range | None] = {}  # request -> ids it covers, None for open-ended
        self._width_under_way = 0  # ids that bounded requests under way cover
        self._is_open = False  # an open-ended request is under way: nothing can be planned behind it
        self._is_beyond = False  # a range came back empty: a hole, or the end; only an open-ended request tells
        self._is_done = False
        self._longest = 0  # a page shorter than another one was not cut

    @property
    def position(self) -> Position | None:
        """The first id of which no answer has told."""
        return None if self._place is None else {"id": self._place, "rows": self._rows}

    def next_request(self) -> Request | None:
        """The next range by the density so far; the last one ends where the list does, so that nothing above it is missed."""
        if self._is_done or self._is_open:
            return None
        if self._next_id is None:
            return self._plan(self._base, None)
        if self._next_id > self._last:
            return None
        if self._count is not None and not self._asked:
            self._asked = True
            return self._count
        if self._total is None:  # nothing tells yet where the list ends: the next page, beside the count
            return self._plan(self._base.with_params({self._id_min: self._next_id}), None)
        remaining = self._total - self._rows - sum(self._expected)
        density = min(1.0, max(self._rows - self._rows_before, 1) / max(1, self._covered()))
        is_end = self._is_beyond or remaining <= self._limit * (1.0 if density == 1.0 else 0.9)
        # Two standard deviations of room where ids have holes, none where they are dense.
        rows = self._limit if density == 1.0 else self._limit - 2 * math.sqrt(self._limit * (1 - density))
        width = max(self._limit, int(rows / density))
        last = self._next_id + width - 1
        if is_end or last >= self._last:
            self._is_beyond = False
            return self._plan(self._base.with_params({self._id_min: self._next_id}), None)
        request = self._base.with_params({self._id_min: self._next_id, self._id_max: last})
        ids = range(self._next_id, last + 1)
        self._next_id = last + 1
        self._expected.append(width * density)
        return self._plan(request, ids)

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A range's rows; continues the range where it holds more than a page."""
        if request is self._count:
            self._total = _count_of(request, listing)
            return Step((), total=self._total)
        covered = self._bounds.pop(request)
        records = listing.records
        rows = len(records)
        is_first = self._next_id is None
        if covered is None:
            self._is_open = False
        else:
            self._width_under_way -= len(covered)
            self._expected.pop(0)
        about = listing.meta.pagination
        in_range = about.total if about else None
        if covered is None and in_range is not None:
            self._total = self._rows + in_range  # the store counts what is left from here on
        self._rows += rows
        self._longest = max(self._longest, rows)
        is_cut = rows >= self._limit or (rows in KNOWN_CAPS and rows == self._longest)
        is_full = in_range > rows if in_range is not None else is_cut
        if rows:
            self._place = self._key_of(records[-1]) + 1
        if not rows or not is_full:
            self._is_done = self._is_done or covered is None
            self._is_beyond = not rows
            if covered is not None:
                self._place = covered.stop
            return Step(records, total=self._total)
        last = self._key_of(records[-1])
        if is_first:
            self._first_id = self._key_of(records[0])
        if self._id_min in dict(request.params) and last < int(dict(request.params)[self._id_min]):
            raise loop_error(request, "rows below the range that was asked for; they came")
        if covered is None:
            self._next_id = last + 1
            return Step(records, total=self._total)
        rest = range(last + 1, covered.stop)
        if not rest:
            return Step(records, total=self._total)
        follow = self._plan(self._base.with_params({self._id_min: rest.start, self._id_max: rest.stop - 1}), rest)
        self._expected.insert(0, 0.0)
        return Step(records, (follow,), total=self._total)

    def _covered(self) -> int:
        """Width of the ids already asked for, less what is under way."""
        return max(1, (self._next_id or 0) - self._first_id - self._width_under_way)

    def _plan(self, request: Request, ids: range | None) -> Request:
        self._bounds[request] = ids
        self._is_open = self._is_open or ids is None
        self._width_under_way += 0 if ids is None else len(ids)
        return request


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
        step = child.walk.absorb(request, listing)
        follow = [*step.follow]
        while (planned := child.walk.next_request()) is not None:
            follow.append(planned)
        self._under_way.update((id(planned), (planned, child)) for planned in follow)
        child.open += len(follow) - 1
        self._done += child.open == 0
        return Step(with_columns(step.records, child.columns), follow)


@dataclass(slots=True)
class _Child:
    """One parent's list: its walk, and how many requests are under way."""

    columns: Columns
    walk: Walk
    open: int = 1


@functools.lru_cache(maxsize=64)
def _reader(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """Decodes the named fields of a record to raw JSON and skips all others; fields are ``f0``, ``f1`` ... in the names' order."""
    fields = [(f"f{i}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for i in range(len(names))]
    rename = {f"f{i}": name for i, name in enumerate(names)}
    return msgspec.json.Decoder(msgspec.defstruct("Fields", fields, rename=rename))


def fields_of(record: msgspec.Raw, names: tuple[str, ...]) -> list[msgspec.Raw | None]:
    """The raw JSON of some of a record's fields; None for one it does not have."""
    found = odd_bytes.decoded(_reader(names), record)
    values = [getattr(found, f"f{i}") for i in range(len(names))]
    return [None if value is msgspec.UNSET else value for value in values]


def with_columns(records: Sequence[msgspec.Raw], columns: Columns) -> Sequence[msgspec.Raw]:
    """The records with the columns added at their end, where they do not have them; bytes are spliced, rows are not decoded."""
    if not columns:
        return records
    names = tuple(columns)
    encoded = [msgspec.json.encode(name) + b":" + msgspec.json.encode(value) for name, value in columns.items()]
    out: list[msgspec.Raw] = []
    for record in records:
        missing = [text for text, present in zip(encoded, fields_of(record, names), strict=True) if present is None]
        inner = bytes(record).rstrip()[:-1].rstrip() if missing else b""
        out.append(msgspec.Raw(inner + (b"" if inner == b"{" else b",") + b",".join(missing) + b"}") if missing else record)
    return out


def dig(record: msgspec.Raw, path: tuple[str, ...]) -> Iterator[msgspec.Raw]:
    """The objects at a path below a record; lists on the way are walked, what is absent or null is nothing.

    :param path: field names, such as ``("consignments", "shipping", "line_items")``.
    """
    kind = bytes(memoryview(record)[:1])
    if kind == b"[":
        for item in odd_bytes.decoded(_ITEMS, record):
            yield from dig(item, path)
    elif kind == b"{" and not path:
        yield record
    elif kind == b"{":
        (below,) = fields_of(record, path[:1])
        if below is not None:
            yield from dig(below, path[1:])


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
