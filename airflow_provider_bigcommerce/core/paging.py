"""How to walk a list: which requests, in which order, and when it has ended.

A walk is asked for requests ahead of the answers (``next_request``) and fed the answers in the order of its requests
(``absorb``); it never sends, waits or decodes rows. Every walk refuses to read the same page or cursor twice. Between two
answers it can be left and gone on with later, by another walk of the same list that starts at its ``position``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from airflow_provider_bigcommerce.core.ends import KNOWN_CAPS, SecondLook, lacking_error, loop_error, page_size, told_total
from airflow_provider_bigcommerce.core.keys import Key, SeenKeys
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import IncompleteReadError


@dataclass(frozen=True, slots=True)
class Step:
    """What one answer brought.

    :param records: raw rows, in order.
    :param follow: requests that belong directly after this answer, before any that was planned ahead.
    :param total: rows that the whole list has, where this answer says so.
    """

    records: Sequence[msgspec.Raw]
    follow: Sequence[Request] = ()
    total: int | None = None


class Walk(Protocol):
    """One way through a list."""

    @property
    def position(self) -> Position | None:
        """After all answers absorbed so far: where another walk of the same list continues so that no row is missed.

        Rows before it may come again. None where the other walk must start from the beginning.
        """

    def next_request(self) -> Request | None:
        """The next request that can be sent without waiting for more answers; None where there is none now."""

    def absorb(self, request: Request, listing: Listing) -> Step:
        """Take the answer to ``request``; answers come in the order of the requests."""

    def go_on(self) -> bool:
        """Plan another look behind the last row, because the store says that there is more; tells whether the read of the list can
        continue.

        Only called when all answers have come and no request is planned.
        """


class SinglePage:
    """One request, one answer: singletons, lists that take no page, and the one page a caller asks for.

    :param is_whole: whether the answer must hold all that the store counts.
    :param asks_again: whether an empty answer is asked for once more: not for a parent's children, where empty lists are usual.
    :param limit: rows that were asked for; 0 where the endpoint takes no limit.
    :param by_page: makes the walk by page numbers, for a list whose endpoint may have pages although none are documented: a page that may
        have been cut is gone on from. None where the list certainly has one page.
    """

    def __init__(
        self,
        request: Request,
        *,
        is_whole: bool = True,
        asks_again: bool = False,
        limit: int = 0,
        by_page: Callable[[], Walk] | None = None,
    ) -> None:
        self._next: Request | None = request.with_params({"limit": limit}) if limit else request
        self._is_whole = is_whole
        self._asks_again = asks_again
        self._limit = limit
        self._by_page = by_page
        self._pages: Walk | None = None
        self._again = SecondLook()

    @property
    def position(self) -> None:
        """One answer has no middle."""

    def next_request(self) -> Request | None:
        """The request, once."""
        if self._pages is not None:
            return self._pages.next_request()
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """All rows; there is no more.

        :raises IncompleteReadError: the store counts more rows than it sent.
        """
        if self._pages is not None:
            return self._pages.absorb(request, listing)
        listing = self._again.better(request, listing)
        rows = len(listing.records)
        about = listing.meta.pagination
        if not self._is_whole:
            return Step(listing.records, total=about.total if about else None)
        if self._by_page is not None and rows and (rows >= (self._limit or rows + 1) or rows in KNOWN_CAPS or _says_more(listing)):
            self._pages = self._by_page()
            self._pages.next_request()  # the first page, which this is
            return self._pages.absorb(request, listing)
        lacks = about is not None and about.total is not None and about.total > rows
        if (lacks or (not rows and self._asks_again)) and self._again.wants(request, listing):
            return Step((), (request,))
        if lacks:
            raise IncompleteReadError(
                f"{request.method} {request.path} answered {rows} of {about.total if about else 0} rows, and it is documented as a list "
                "without pages. Narrow it with query={...}, and report the endpoint."
            )
        return Step(listing.records, total=told_total(listing))

    def go_on(self) -> bool:
        """Nothing is behind the one answer."""
        return self._pages is not None and self._pages.go_on()


def _says_more(listing: Listing) -> bool:
    about = listing.meta.pagination
    return about is not None and (about.total_pages or 1) > 1


class Cursors:
    """``after`` = the last answer's ``end_cursor``.

    The metafield specs swap the two cursors in their text; ``end_cursor`` leads forward everywhere.
    Source: customers.v3.yml, price_lists.v3.yml; facts, section 6.

    :param by_page: makes the walk by page numbers, from a position or the beginning: where cursors are documented but the answer has none
        (metafields of one parent), the list is read so.
    :param start: ``{"after": the last cursor}``, or a position of the walk by page numbers.
    :param keys_of: reads rows' keys: a page without a row that is new is no progress.
    :param asks_again: whether an empty first answer is asked for once more: not for a parent's children, where empty lists are usual.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        by_page: Callable[[Position | None], Walk],
        start: Position | None = None,
        *,
        keys_of: Callable[[Sequence[msgspec.Raw]], Sequence[Key]],
        asks_again: bool = True,
    ) -> None:
        self._asks_again = asks_again
        self._limit = limit
        self._base = request.with_params({"limit": limit}) if limit else request
        self._cursor: str | None = (start or {}).get("after")
        self._next: Request | None = self._base if self._cursor is None else self._base.with_params({"after": self._cursor})
        self._by_page = by_page
        self._pages = by_page(start) if start and start.keys() & {"page", "back"} else None
        self._keys_of = keys_of
        self._seen = SeenKeys()
        self._rows: int | None = 0 if self._cursor is None else None  # since the beginning; None where that is not known
        self._again = SecondLook()
        self._before_was_short = False
        self._went_on = self._is_at_front = False

    @property
    def position(self) -> Position | None:
        """Behind the last row that came with a cursor."""
        if self._pages is not None:
            return self._pages.position
        return None if self._cursor is None else {"after": self._cursor}

    def next_request(self) -> Request | None:
        """The page after the last answer, once it is known."""
        if self._pages is not None:
            return self._pages.next_request()
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows; the cursor tells the next.

        :raises PaginationLoopError: a page has no row that is new.
        :raises IncompleteReadError: rows that the store counts, or says to be on a next page, do not come.
        """
        if self._pages is not None:
            step = self._pages.absorb(request, listing)
            return Step(self._unseen(step.records), step.follow, step.total)
        listing = self._again.better(request, listing, self._new_rows)
        about, rows = listing.meta.cursor_pagination, len(listing.records)
        cursor = about.end_cursor if about else None
        if about is None and listing.meta.pagination is not None and self._cursor is None:
            return self._turn_to_pages(request, listing)
        total = told_total(listing)
        has_next = about is not None and about.links is not None and about.links.next is not None
        says_last = about is not None and about.links is not None and about.links.next is None
        is_short = rows < (page_size(listing, self._limit) or 1)
        found = None if self._rows is None else self._rows + rows
        lacks = total is not None and found is not None and found < total
        keys = self._keys_of(listing.records)
        if rows and all(key in self._seen for key in keys):
            if self._is_at_front:
                return Step((), total=total)
            if self._again.wants(request, listing):
                return Step((), (request,))
            raise loop_error(request, "the same cursor" if cursor == self._cursor else "rows that had come before; they came")
        if rows and cursor is not None:
            is_end = is_short and says_last and not lacks
        elif rows:  # nothing leads on
            is_odd = about is None or not is_short or has_next or lacks
            if is_odd and self._again.wants(request, listing):
                return Step((), (request,))
            if has_next or lacks:
                raise lacking_error(request, f"answered {rows} rows, says that there are more, and names no cursor for them")
            if not is_short:
                return self._begin_by_page()
            is_end = True
        else:
            is_proven = self._before_was_short or (found is not None and total == found and (found > 0 or not self._asks_again))
            if (not is_proven or has_next or lacks) and self._again.wants(request, listing):
                return Step((), (request,))
            if has_next or lacks:
                raise lacking_error(request, "answered no rows where it says that there are more")
            is_end = True
        new = self._seen.unseen(listing.records, keys)
        self._rows = None if self._rows is None else self._rows + len(new)
        self._before_was_short = is_short
        if cursor is not None:
            self._cursor = cursor
            self._next = None if is_end else self._base.with_params({"after": cursor})
        return Step(new, total=total)

    def go_on(self) -> bool:
        """Read on from the last cursor; next time from the beginning, up to rows that are known: a list may grow at its front."""
        if self._pages is not None:
            return self._pages.go_on()
        self._before_was_short = False
        self._next = self._base if self._cursor is None or self._went_on else self._base.with_params({"after": self._cursor})
        self._is_at_front = self._went_on
        self._went_on = not self._went_on
        return True

    def _turn_to_pages(self, request: Request, listing: Listing) -> Step:
        self._pages = self._by_page(None)
        self._pages.next_request()  # the first page, which this is
        step = self._pages.absorb(request, listing)
        return Step(self._unseen(step.records), step.follow, step.total)

    def _begin_by_page(self) -> Step:
        """A full page that names no next one: page numbers tell whether there is one."""
        self._pages = self._by_page(None)
        return Step(())

    def _unseen(self, records: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
        return self._seen.unseen(records, self._keys_of(records))

    def _new_rows(self, listing: Listing) -> int:
        return sum(key not in self._seen for key in self._keys_of(listing.records))


class KeysetAfter:
    """``after`` (or another parameter) = the last row's key, until nothing comes. Source: channels.v3.yml (listings).

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
        self._seen = SeenKeys()
        self._last: int | str | None = (start or {}).get("after")
        self._rows: int | None = 0 if self._last is None else None  # since the beginning; None where that is not known
        self._next: Request | None = self._base if self._last is None else self._base.with_params({parameter: self._last})
        self._again = SecondLook()
        self._before_was_short = False

    @property
    def position(self) -> Position | None:
        """Behind the last row."""
        return None if self._last is None else {"after": self._last}

    def next_request(self) -> Request | None:
        """The page after the last answer, once it is known."""
        request, self._next = self._next, None
        return request

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows; the last row's key tells the next.

        :raises PaginationLoopError: a page has no row that is new.
        """
        listing = self._again.better(request, listing, self._new_rows)
        rows, total = len(listing.records), told_total(listing)
        is_short = rows < self._limit and rows not in KNOWN_CAPS
        if not rows:
            lacks = self._rows is not None and total is not None and total > self._rows  # of the whole list
            if (not self._before_was_short or lacks) and self._again.wants(request, listing):
                return Step((), (request,))
            if lacks:
                raise lacking_error(request, "answered no rows where it says that there are more")
            return Step((), total=total)
        keys = [self._key_of(record) for record in listing.records]
        if all(key in self._seen for key in keys):
            if self._again.wants(request, listing):
                return Step((), (request,))
            raise loop_error(request, "a page that ends with the same key")
        new = self._seen.unseen(listing.records, keys)
        self._rows = None if self._rows is None else self._rows + len(new)
        self._last = self._key_of(new[-1])
        self._before_was_short = is_short
        self._next = self._base.with_params({self._parameter: self._last})
        return Step(new, total=total)

    def go_on(self) -> bool:
        """Read on from the last row."""
        self._before_was_short = False
        self._next = self._base if self._last is None else self._base.with_params({self._parameter: self._last})
        return True

    def _new_rows(self, listing: Listing) -> int:
        return sum(self._key_of(record) not in self._seen for record in listing.records)




