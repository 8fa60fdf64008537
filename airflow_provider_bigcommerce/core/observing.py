"""What answers show in addition to their rows: how a list is ordered and paged, which headers came, how fine a header counts.

Pure: it gets answers and gives words of a closed vocabulary, never a value that an answer held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

from airflow_provider_bigcommerce.core.ends import told_total
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.reading import Listing

#: Headers in which a store reports its quota.
RATE_HEADERS: Final = (
    "x-rate-limit-requests-left",
    "x-rate-limit-requests-quota",
    "x-rate-limit-time-reset-ms",
    "x-rate-limit-time-window-ms",
)

Order = Literal["ascending", "descending", "neither"]

#: Fewer keys than these have an order by chance.
_FEWEST_KEYS: Final = 4
#: Different values of a header below which nothing is said of its rounding.
FEWEST_VALUES: Final = 5
#: Steps in milliseconds that a clock is rounded to, the coarsest first.
_STEPS: Final = (1000, 100, 10)


def order_of(keys: Sequence[object]) -> Order | None:
    """How a list is ordered by its whole-number key; None where its rows are too few, or a key is no number."""
    numbers = [key for key in keys if isinstance(key, int) and not isinstance(key, bool)]
    if len(numbers) < len(keys) or len(set(numbers)) < _FEWEST_KEYS:
        return None
    if all(before < after for before, after in pairwise(numbers)):
        return "ascending"
    return "descending" if all(before > after for before, after in pairwise(numbers)) else "neither"


def rounding_of(values: Iterable[int]) -> int | None:
    """The step in milliseconds to which all of these are rounded: 1000, 100, 10 or 1; None where too few differ."""
    different = set(values)
    if len(different) < FEWEST_VALUES:
        return None
    return next((step for step in _STEPS if not any(value % step for value in different)), 1)


def rate_headers(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Those of :data:`RATE_HEADERS` that an answer has."""
    return tuple(name for name in RATE_HEADERS if name in headers)


def reset_of(response: Response) -> int | None:
    """The milliseconds that an answer says are left of the window; None where it does not tell."""
    text = response.headers.get("x-rate-limit-time-reset-ms", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def paging_of(listing: Listing) -> tuple[str, ...]:
    """The parts of ``meta`` about pages: ``pagination``, ``cursor_pagination``, ``offset``."""
    numbers, cursors = listing.meta.pagination, listing.meta.cursor_pagination
    found = [] if numbers is None else ["pagination"] if numbers.offset is None else ["offset"]
    return (*found, *(["cursor_pagination"] if cursors is not None else []))


def default_page(listing: Listing) -> int | None:
    """Rows of a page that nobody asked a length of; None where a list is whole and says that its page has just its rows."""
    came, total, cursors = len(listing.records), told_total(listing), listing.meta.cursor_pagination
    goes_on = cursors is not None and cursors.links is not None and cursors.links.next is not None
    may_be_whole = total == came or (total is None and not goes_on)
    for about in (listing.meta.pagination, listing.meta.cursor_pagination):
        if about is not None and about.per_page is not None:
            return None if about.per_page == came and may_be_whole else about.per_page
    return came if total is not None and total > came else None


def end_cursor(listing: Listing) -> str | None:
    """The cursor behind the last row, where the answer has one."""
    about = listing.meta.cursor_pagination
    return None if about is None else about.end_cursor
