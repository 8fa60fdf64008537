"""When a list has ended: an end is believed when two independent things say so.

One thing alone has lied on real stores: a page's length (pages shorter than asked), ``meta`` (totals of the page in hand), an empty
answer (a body that was lost on the way). So each walk collects two of these before it ends:

- the page is short: shorter than asked, and shorter than another page of that list or than any page size that BigCommerce has;
- ``meta`` says that nothing is behind it, and does not contradict the page in hand;
- what comes after it is empty;
- the same request, sent again, has the same answer;
- the store's own count of the list is reached.

Here is what the walks share; the walks themselves are in ``paging``, ``page_numbers`` and ``modified_after``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, PaginationLoopError

#: A page of exactly one of these lengths may be a cap that the specs do not name, so it is not taken for the last one.
#: Source: the defaults and maxima found in BigCommerce's specs (facts, section 6).
KNOWN_CAPS = frozenset({50, 100, 200, 250, 500, 1000})

#: No page size of BigCommerce is smaller (products with their options: 10), so fewer rows were not cut. Source: facts, section 6.
SMALLEST_PAGE = 10


@dataclass(slots=True)
class PageLengths:
    """The longest page of an endpoint so far; the lists of many parents share one."""

    longest: int = 0

    def may_be_cut(self, rows: int, limit: int) -> bool:
        """Whether a page of that length may have left rows out, as far as its length tells.

        :param limit: what was asked for.
        """
        before, self.longest = self.longest, max(self.longest, rows)
        if rows >= limit:
            return True
        return rows >= SMALLEST_PAGE and rows >= before


@dataclass(slots=True)
class SecondLook:
    """Requests that are sent once more because their answer lacked what was due.

    Each answer goes through :meth:`better` first.
    """

    _first: dict[Request, Listing] = field(default_factory=dict)
    _is_second: bool = False

    def better(self, request: Request, listing: Listing, worth: Callable[[Listing], int] = lambda listing: len(listing.records)) -> Listing:
        """The answer that holds more, of the first one, if there was one, and this one; the later of two that hold as much.

        :param worth: tells how much an answer holds.
        """
        first = self._first.pop(request, None)
        self._is_second = first is not None
        return first if first is not None and worth(first) > worth(listing) else listing

    def wants(self, request: Request, listing: Listing) -> bool:
        """Whether to send the request again: not if this was its second answer."""
        if self._is_second:
            return False
        self._first[request] = listing
        return True


def told_total(listing: Listing) -> int | None:
    """How many rows the store says there are; None where it does not say, or where the page in hand has more than that."""
    about = listing.meta.pagination
    if about is None or about.total is None or about.total < len(listing.records):
        return None
    return about.total


def page_size(listing: Listing, limit: int) -> int:
    """Rows of a page that was not cut: what was asked for, or what the store says that it gives, if that is less."""
    for about in (listing.meta.pagination, listing.meta.cursor_pagination):
        if about is not None and about.per_page:
            return min(limit or about.per_page, about.per_page)
    return limit


def loop_error(request: Request, what: str) -> PaginationLoopError:
    """The error for a list that does not get on.

    :param what: what the store answered for the second time.
    """
    return PaginationLoopError(
        f"{request.method} {request.path} answered {what} twice: the store does not turn the page, and the read would never end. "
        "Remove paging parameters from the query. If the endpoint has one page only, ask for that: query={'page': 1}."
    )


def lacking_error(request: Request, what: str) -> IncompleteReadError:
    """The error for an answer that lacks what was due, twice.

    :param what: what it lacks, as a sentence without its subject.
    """
    return IncompleteReadError(
        f"{request.method} {request.path} {what}, also when it was asked again. The list is not whole, and nothing was taken for its end. "
        "Let the task try again; report the endpoint if it stays so."
    )
