"""Lists that have page numbers and nothing else, read so that no row is lost while the store changes.

Rows that come and go shift the pages behind them. A row that shifts to a page that has been read already is lost, and its page's number
of rows, and the list's total, may look as before. So a list of more than one page is read in one of three ways:

- **At once, and held against its end.** A list in the order of ids that the store gives out grows at its end only. Its last page is read
  before all others and after them. If both have the same rows, nothing was added meanwhile; if all totals are the same too, nothing went.
  (A total alone proves nothing: one row may go and another come while the read waits for its quota. Nor is it enough to know the end
  after the first page: that page may have changed before the end was known, so it is read again. That makes two requests more than pages.)
- **Backwards**, one page after the other, when such a list did change, or tells no total: what goes shifts rows to pages with lower
  numbers, which are still to be read, and what comes is behind all that is read. Every row that existed throughout comes, whatever happens.
- **Until two passes agree**, where rows may come anywhere (a filter that an edit makes a row pass, keys of other lists, no order of ids):
  the same keys in the same order, with one total throughout. A row that both passes lost would take a removal before it in each of them;
  the first pass saw what was removed, and the second did not.

One page is one answer, and exact.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from airflow_provider_bigcommerce.core.keys import Key, SeenKeys
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import KNOWN_CAPS, Step, loop_error
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import IncompleteReadError

#: Whole passes over a list before it is given up. Each takes as long as the last, so a list that changed in every one of four changes all
#: the time.
_PASSES = 4


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is remembered of a page.

    :param digest: of its keys, in order.
    :param ends: its first and last key; None where it is empty or its keys are no numbers that rise.
    """

    rows: int
    total: int | None
    digest: str
    ends: tuple[int, int] | None


#: Asks for pages, is sent their answers when all have come, and ends when the list is known to be whole.
_Course = Generator[Iterable[int], list[_Answer], None]


class PageNumbers:
    """``page`` and ``limit``: V3, where an answer tells how many pages there are, and V2, where only a short page does.

    A row is delivered once, when its key comes for the first time.

    :param request: the list's request without paging parameters.
    :param limit: rows a page.
    :param keys_of: reads rows' keys.
    :param only_grows: whether rows can only be added at the end, if the list is found to be in the order of its keys.
    :param start: ``{"back": page from which it is read backwards}``, or ``{"page": the next one, "pages": in all, "end": digest of the last
        page's keys, "total": rows in all}``. A list that is read until two passes agree has no position.

    Source: products_catalog.v3.yml (``meta.pagination``); V2 lists have no meta and may end with 204.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        keys_of: Callable[[Sequence[msgspec.Raw]], Sequence[Key]],
        *,
        only_grows: bool = False,
        start: Position | None = None,
    ) -> None:
        self._base = request
        self._limit = limit
        self._keys_of = keys_of
        self._in_order = only_grows  # until a page says otherwise
        self._pages: int | None = None  # as the store said last; None where it does not say
        self._total: int | None = None
        self._longest = 0  # a page shorter than another one was not cut
        self._seen = SeenKeys()
        self._last: tuple[int, str] = (0, "")
        self._place: Position | None = start if start and start.keys() & {"back", "end"} else None
        self._may_be_one_page = self._place is None
        self._keeps_back = False
        self._planned: deque[int] = deque()
        self._under_way: deque[int] = deque()
        self._answers: list[_Answer] = []
        self._course: _Course | None = self._go_on(self._place) if self._place is not None else self._from_the_beginning()
        self._plan(next(self._course))

    @property
    def position(self) -> Position | None:
        """The page that is next, with what tells whether those before it still count."""
        return self._place

    def next_request(self) -> Request | None:
        """The next of the pages that may be read together."""
        if not self._planned:
            return None
        page = self._planned.popleft()
        self._under_way.append(page)
        return self._base.with_params({"page": page, "limit": self._limit})

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows, without those that came before; plans the next pages.

        :raises IncompleteReadError: the list changes all the time, or does not change and has fewer rows than it says.
        """
        page = self._under_way.popleft()
        about = listing.meta.pagination
        current = about.current_page if about else None
        if current is not None and current != page:
            raise loop_error(request, f"page {current} when asked for page {page}, so page {current} came")
        if about is not None:
            self._total = about.total if about.total is not None else self._total
            self._pages = about.total_pages if about.total_pages is not None else self._pages
        if self._may_be_one_page and self._is_last(listing):
            self._course = None
            self._hold_against_total(len(listing.records), about.total if about else None)
            return Step(listing.records, total=self._total)
        self._may_be_one_page = False
        keys = self._keys_of(listing.records)
        answer = _Answer(len(keys), about.total if about else None, _digest(keys), _ends(keys))
        if current is None and keys and self._last == (page - 1, answer.digest):
            raise loop_error(request, f"the same rows for page {page - 1} and page {page}, so they came")
        self._last = page, answer.digest
        self._in_order = self._in_order and (answer.ends is not None or not keys)
        if self._place is not None and "page" in self._place:
            self._place = {**self._place, "page": min(page + 1, self._place["pages"])}
        self._answers.append(answer)
        records = () if self._keeps_back else self._seen.unseen(listing.records, keys)
        if not self._planned and not self._under_way:
            self._turn()
        return Step(records, total=self._total)

    def _turn(self) -> None:
        """All pages that were asked for have come: ask for the next."""
        while not self._planned and self._course is not None:
            answers, self._answers = self._answers, []
            try:
                self._plan(self._course.send(answers))
            except StopIteration:
                self._course = None

    def _plan(self, pages: Iterable[int]) -> None:
        self._planned.extend(pages)

    def _is_last(self, listing: Listing) -> bool:
        if self._pages is not None:
            return self._pages <= 1
        return self._is_short(len(listing.records))

    def _is_short(self, rows: int) -> bool:
        self._longest = max(self._longest, rows)
        return rows == 0 or rows < self._longest or (rows < self._limit and rows not in KNOWN_CAPS)

    # -- ways to read more than one page --------------------------------------------------------------------------------------

    def _from_the_beginning(self) -> _Course:
        found = yield [1]
        if self._pages is None:
            while not self._is_short(found[-1].rows):
                found += yield [len(found) + 1]
            if self._in_order:
                yield from self._backwards(len(found) - 1)  # the last page came last
        elif self._in_order:
            if not (yield from self._at_once(1, self._pages)):
                yield from self._backwards(self._pages)
            found = []
        else:
            found += yield range(2, self._pages + 1)
        if not self._in_order:
            yield from self._twice(found)

    def _go_on(self, start: Position) -> _Course:
        if "back" in start:
            yield from self._backwards(start["back"])
        elif not (yield from self._at_once(start["page"], start["pages"], start)):
            yield from self._backwards(self._pages or start["pages"])
        if not self._in_order:
            self._place, self._seen = None, SeenKeys()
            yield from self._from_the_beginning()

    def _at_once(self, page: int, pages: int, start: Position | None = None) -> Generator[Iterable[int], list[_Answer], bool]:
        """Read from that page to the end; tells whether nothing has changed, since the start if there is one."""
        self._place, self._keeps_back = None, True  # the last page's rows come in their turn
        (before,) = yield [pages]
        self._keeps_back = False
        is_as_before = start is None or (before.digest, before.total) == (start["end"], start["total"])
        if self._pages != pages or not is_as_before:
            return False
        self._place = {"page": page, "pages": pages, "end": before.digest, "total": before.total}
        answers = [before, *(yield range(page, pages)), *(yield [pages])]
        if before.total is None or before != answers[-1] or not self._is_still(answers):
            return False
        ends = [answer.ends for answer in answers[1:] if answer.ends is not None]
        self._in_order = self._in_order and all(low[1] < high[0] for low, high in pairwise(ends))
        if self._in_order and start is None:
            self._hold_against_total(sum(answer.rows for answer in answers[1:]), before.total)
        return self._in_order

    def _backwards(self, page: int) -> _Course:
        """Read from that page to the first."""
        above: tuple[int, int] | None = None
        while page > 0 and self._in_order:
            self._place = {"back": page}
            (answer,) = yield [page]
            if answer.ends is not None and above is not None and answer.ends[0] > above[1]:
                self._in_order = False
            above = answer.ends or above
            page -= 1

    def _twice(self, found: list[_Answer]) -> _Course:
        """Read until two passes have the same rows in the same order.

        :param found: a pass, if there was one.
        """
        self._place = None
        pages, last = len(found), found if self._is_still(found) else []
        for _ in range(_PASSES - bool(found)):
            found = yield range(1, max(self._pages or pages, 1) + 1)
            if found == last and self._is_still(found):
                self._hold_against_total(sum(answer.rows for answer in found), found[0].total)
                return
            last = found
        raise IncompleteReadError(
            f"{self._base.method} {self._base.path} gave other rows each time, in {_PASSES} passes: rows come, go or change places all the "
            "time. The list has page numbers only, so rows may have been missed. Nothing was committed; let the task try again, at a time "
            "when the store changes less."
        )

    def _hold_against_total(self, rows: int, total: int | None) -> None:
        if total is not None and rows < total:
            raise IncompleteReadError(
                f"{self._base.method} {self._base.path} says that it has {total} rows, and all its pages have {rows}. Nothing was "
                "committed; let the task try again, and report the endpoint if it stays so."
            )

    @staticmethod
    def _is_still(answers: Sequence[_Answer]) -> bool:
        return len({answer.total for answer in answers}) == 1


def _digest(keys: Sequence[Key]) -> str:
    return hashlib.blake2b(msgspec.json.encode(keys), digest_size=16).hexdigest()


def _ends(keys: Sequence[Key]) -> tuple[int, int] | None:
    numbers = [key for key in keys if isinstance(key, int)]
    if not numbers or len(numbers) < len(keys) or any(low >= high for low, high in pairwise(numbers)):
        return None
    return numbers[0], numbers[-1]
