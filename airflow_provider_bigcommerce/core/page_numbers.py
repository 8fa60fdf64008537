"""Lists that have page numbers, or offsets, and nothing else, read so that no row is lost while the store changes.

Rows that come and go shift the pages behind them. A row that shifts to a page that has been read already is lost, and its page's number
of rows, and the list's total, may look as before. So a list of more than one page is read in one of three ways:

- **At once, and checked against its end.** A list in the order of ids that the store gives out grows at its end only. Its last page is read
  before all others and after them. If both have the same rows, nothing was added meanwhile; if all totals are the same too, nothing went.
  (A total alone proves nothing: one row may go and another come while the read waits for its quota. Nor is it enough to know the end
  after the first page: that page may have changed before the end was known, so it is read again. That makes two requests more than pages.)
- **Backwards**, one page after the other, when such a list did change, or tells no total: what goes shifts rows to pages with lower
  numbers, which are still to be read, and what comes is behind all that is read. Every row that existed throughout comes, whatever happens.
- **Until two passes agree**, where rows may come anywhere (a filter that an edit makes a row pass, keys of other lists, no order of ids):
  the same keys in the same order, with one total throughout. A row that both passes lost would take a removal before it in each of them;
  the first pass saw what was removed, and the second did not.

One page is one answer, and exact.

Where a list takes an offset, page n begins at (n - 1) times the length of a page, and that is the length of the first one that came: a
store that gives fewer rows than it was asked for would otherwise be asked to ignore the difference.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from airflow_provider_bigcommerce.core.ends import SMALLEST_PAGE, PageLengths, SecondLook, lacking_error, loop_error, page_size, told_total
from airflow_provider_bigcommerce.core.keys import Key, SeenKeys
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.paging import Step
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing, Pagination
from airflow_provider_bigcommerce.exceptions import IncompleteReadError

#: Whole passes over a list before it is given up. Each takes as long as the last, so a list that changed in every one of four changes all
#: the time.
_PASSES = 4
#: Pages in a row without a row that is new, after which a pass does not get on. A few can be: rows that come shift pages behind them.
_WITHOUT_NEW = 10


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is remembered of a page.

    :param digest: of its keys, in order.
    :param ends: its first and last key; None where it is empty or its keys are no numbers that rise.
    :param is_full: whether it may have been cut, by its length.
    """

    rows: int
    total: int | None
    digest: str
    ends: tuple[int, int] | None
    is_full: bool = field(compare=False)


#: Asks for pages, is sent their answers when all have come, and ends when the list is known to be whole.
_Course = Generator[Iterable[int], list[_Answer], None]
_Pass = Generator[Iterable[int], list[_Answer], list[_Answer]]


class _Round:
    """The rows of one pass, to tell a list that gets on from one that does not."""

    def __init__(self) -> None:
        self.seen = SeenKeys()
        self.rows = 0  # different ones
        self._pages: set[int] = set()
        self._without_new = 0

    def has(self, page: int) -> bool:
        """Whether the page has been read in this pass."""
        return page in self._pages

    def take(self, page: int, keys: Sequence[Key]) -> bool:
        """Note a page's keys; tells whether the list still gets on."""
        is_known = page in self._pages
        self._pages.add(page)
        new = len(self.seen.unseen(keys, keys))
        self.rows += new
        if keys and not is_known:
            self._without_new = 0 if new else self._without_new + 1
        return self._without_new < _WITHOUT_NEW


class PageNumbers:
    """``page`` and ``limit``: V3, where an answer tells how many pages there are, and V2, where none does.

    A row is delivered once, when its key comes for the first time.

    :param request: the list's request without paging parameters.
    :param limit: rows a page.
    :param keys_of: reads rows' keys.
    :param only_grows: whether rows can only be added at the end, if the list is found to be in the order of its keys.
    :param start: ``{"back": page from which it is read backwards}``, or ``{"page": the next one, "pages": in all, "end": digest of the last
        page's keys, "total": rows in all}``. A list that is read until two passes agree has no position.
    :param lengths: the longest page of the endpoint, which the lists of many parents share; None for a list of its own, whose empty first
        answer is asked for once more.
    :param is_by_offset: whether the list takes ``offset`` instead of ``page`` (B2B Edition).

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
        lengths: PageLengths | None = None,
        is_by_offset: bool = False,
    ) -> None:
        self._base = request
        self._is_by_offset = is_by_offset
        self._limit = int((start or {}).get("limit", limit)) if is_by_offset else limit
        self._keys_of = keys_of
        self._in_order = only_grows  # until a page says otherwise
        self._pages: int | None = None  # as the store said last; None where it does not say, or cannot be believed
        self._believes = True  # what meta says; no longer when it contradicted the pages
        self._total: int | None = None
        self._is_child = lengths is not None
        self._lengths = lengths if lengths is not None else PageLengths()
        self._again = SecondLook()
        self._seen = SeenKeys()
        self._round = _Round()
        self._is_first_pass = True  # later ones are checked against it
        self._highest = 0  # the last page that had rows
        self._last: tuple[int, _Answer | None] = (0, None)
        self._place: Position | None = start if start and start.keys() & {"back", "end"} else None
        self._may_be_one_page = self._place is None
        self._keeps_back = False
        self._planned: Iterator[int] = iter(())
        self._next_page: int | None = None
        self._under_way: deque[int] = deque()
        self._answers: list[_Answer] = []
        self._course: _Course | None = self._go_on(self._place) if self._place is not None else self._from_the_beginning()
        self._plan(next(self._course))

    @property
    def position(self) -> Position | None:
        """The page that is next, with what tells whether those before it still count."""
        return {**self._place, "limit": self._limit} if self._place is not None and self._is_by_offset else self._place

    def next_request(self) -> Request | None:
        """The next of the pages that may be read together."""
        page = self._next_page
        if page is None:
            return None
        self._next_page = next(self._planned, None)
        self._under_way.append(page)
        place = {"offset": (page - 1) * self._limit} if self._is_by_offset else {"page": page}
        return self._base.with_params({**place, "limit": self._limit})

    def absorb(self, request: Request, listing: Listing) -> Step:
        """A page's rows, without those that came before; plans the next pages.

        :raises PaginationLoopError: a page has no row that is new.
        :raises IncompleteReadError: the list changes all the time, or does not change and has fewer rows than it says.
        """
        page = self._under_way[0]
        listing = self._again.better(request, listing, lambda found: -1 if self._is_other(page, found) else self._new_rows(found))
        about = listing.meta.pagination if self._believes else None
        rows, total = len(listing.records), told_total(listing) if self._believes else None
        keys = self._keys_of(listing.records)
        is_full = self._lengths.may_be_cut(rows, page_size(listing, self._limit) if self._believes else self._limit)
        answer = _Answer(rows, total, _digest(keys), _ends(keys), is_full)
        is_other = self._is_other(page, listing)
        is_same = about is None and rows > 0 and self._last[0] == page - 1 and answer == self._last[1]
        is_forward = self._is_first_pass and self._last[0] == page - 1
        is_known = rows > 0 and is_forward and not self._round.has(page) and all(key in self._round.seen for key in keys)
        if (is_other or is_same or is_known or self._lacks(page, answer)) and self._again.wants(request, listing):
            return Step((), (request,))
        self._under_way.popleft()
        if is_other and about is not None:
            came = f"offset {about.offset}" if self._is_by_offset else f"page {about.current_page}"
            raise loop_error(request, f"{came} when asked for page {page}, so {came} came")
        if is_same and not self._may_take_no_page(page, rows):
            raise loop_error(request, f"the same rows for page {page - 1} and page {page}, so they came")
        if self._is_due(page, answer):
            raise lacking_error(request, f"answered no rows for page {page} of a list that has {self._total}")
        if not self._round.take(page, keys):
            raise loop_error(request, f"rows that had come before on {_WITHOUT_NEW} pages in a row, so they came")
        step = self._step(page, answer)
        self._learn(page, answer, self._in_pages(about, step))
        if self._may_be_one_page and self._is_last(answer, about):
            self._course = None
            self._hold_against_total(rows, total)
            return Step(listing.records, total=total)
        self._may_be_one_page = False
        self._limit = step
        self._last = page, answer
        self._in_order = self._in_order and (answer.ends is not None or not keys)
        if self._place is not None and "page" in self._place:
            self._place = {**self._place, "page": min(page + 1, self._place["pages"])}
        self._answers.append(answer)
        records = () if self._keeps_back else self._seen.unseen(listing.records, keys)
        if self._next_page is None and not self._under_way:
            self._turn()
        return Step(records, total=total if self._believes else None)

    def go_on(self) -> bool:
        """Read on from the last page that had rows."""
        self._may_be_one_page = False
        self._course = self._behind(max(self._highest, 1))
        self._plan(next(self._course))
        return True

    def _is_other(self, page: int, listing: Listing) -> bool:
        """Whether the store says that it is another page than the one that was asked for."""
        about = listing.meta.pagination if self._believes else None
        if about is not None and self._is_by_offset:
            return about.offset not in (None, (page - 1) * self._limit)
        return about is not None and about.current_page not in (None, page)

    def _step(self, page: int, answer: _Answer) -> int:
        """Rows from the beginning of one page to that of the next."""
        is_first = self._is_by_offset and page == 1 and self._highest == 0
        return answer.rows if is_first and 0 < answer.rows < self._limit else self._limit

    def _in_pages(self, about: Pagination | None, step: int) -> Pagination | None:
        """What the store says of a list by offsets, as pages of that length."""
        if about is None or not self._is_by_offset or about.total is None:
            return about
        return Pagination(total=about.total, per_page=about.per_page, total_pages=-(-about.total // step))

    def _new_rows(self, listing: Listing) -> int:
        return sum(key not in self._round.seen for key in self._keys_of(listing.records))

    def _lacks(self, page: int, answer: _Answer) -> bool:
        """Whether a page has fewer rows than were due."""
        if page == 1 and not answer.rows:
            return not self._is_child or bool(answer.total)
        longest = self._lengths.longest
        if answer.total is not None:
            return answer.rows < min(longest or self._limit, answer.total - (page - 1) * longest)
        if page == 1:
            return False
        if self._is_due(page, answer):
            return True
        number, before = self._last
        return self._is_first_pass and number == page - 1 and before is not None and before.is_full and answer.rows < before.rows

    def _is_due(self, page: int, answer: _Answer) -> bool:
        """Whether an answer without rows and without ``meta`` is one for which the list's total has some."""
        return not answer.rows and answer.total is None and self._total is not None and (page - 1) * self._lengths.longest < self._total

    def _learn(self, page: int, answer: _Answer, about: Pagination | None) -> None:
        """What the store says of the list, as long as its pages do not contradict it."""
        if answer.rows:
            self._highest = max(self._highest, page)
        else:
            self._planned, self._next_page = iter(()), None  # nothing is there, so nothing is behind it, whatever was claimed
        if about is None:
            return
        if answer.total is not None and (answer.rows or self._total is None):  # an answer without rows counts none away
            self._total = answer.total
        pages = about.total_pages
        if answer.rows and pages is not None and pages < page:
            self._disbelieve()
        elif pages is not None and (answer.total is None or (pages - 2) * max(self._lengths.longest, 1) < answer.total):
            self._pages = pages

    def _disbelieve(self) -> None:
        """What meta says cannot be true: the list is read as one that tells nothing."""
        self._believes, self._pages, self._total = False, None, None
        self._planned, self._next_page = iter(()), None

    def _turn(self) -> None:
        """All pages that were asked for have come: ask for the next."""
        while self._next_page is None and self._course is not None:
            answers, self._answers = self._answers, []
            try:
                self._plan(self._course.send(answers))
            except StopIteration:
                self._course = None

    def _plan(self, pages: Iterable[int]) -> None:
        self._planned = iter(pages)
        self._next_page = next(self._planned, None)

    def _is_last(self, answer: _Answer, about: Pagination | None) -> bool:
        """Whether the first page is all."""
        if not answer.rows:
            return self._pages is None or self._pages <= 1
        if answer.rows >= min(self._limit, (about.per_page if about is not None else None) or self._limit):
            return False
        if answer.total is None:
            return self._is_child and self._pages is None and not answer.is_full
        return answer.total == answer.rows and (self._pages is None or self._pages <= 1)

    # -- ways to read more than one page --------------------------------------------------------------------------------------

    def _from_the_beginning(self) -> _Course:
        self._round = _Round()
        found = yield [1]
        if self._in_order and self._pages is not None and self._pages > 1:
            if (yield from self._at_once(1, self._pages)):
                return
            if self._in_order and self._believes:
                yield from self._backwards(max(self._pages, self._highest))
                if self._in_order and self._believes:
                    return
            found = []
        found = yield from self._to_the_end(found)
        if self._in_order:
            self._hold_against_total(self._round.rows, self._total)
            # A short last page came last. Behind a full one there was more to look for, and what was there may have moved to it since.
            rows = sum(answer.rows for answer in found)
            is_full = bool(found) and found[-1].is_full and (len(found) > 1 or rows >= self._limit) and found[-1].total != rows
            yield from self._backwards(len(found) if is_full else len(found) - 1, is_proven=True)
        if not self._in_order:
            yield from self._twice(found)

    def _go_on(self, start: Position) -> _Course:
        if "back" in start:
            yield from self._backwards(start["back"], is_proven=True)
        elif not (yield from self._at_once(start["page"], start["pages"], start)):
            yield from self._backwards(max(self._pages or start["pages"], self._highest))
        if not self._in_order or not self._believes:
            self._place, self._seen = None, SeenKeys()
            yield from self._from_the_beginning()

    def _to_the_end(self, found: list[_Answer]) -> _Pass:
        """The pages behind those that were found, until nothing comes."""
        if not found:
            self._round = _Round()
        while not found or found[-1].rows:
            if self._pages is not None and len(found) < self._pages:
                found += yield range(len(found) + 1, self._pages + 1)
                continue
            is_told = self._pages is not None and found and found[-1].rows < self._limit and self._round.rows == self._total
            if is_told or self._is_unpaged(found):
                break
            found += yield [len(found) + 1]
        while found and (not found[-1].rows or self._is_unpaged(found)):
            found.pop()
        return found

    def _at_once(self, page: int, pages: int, start: Position | None = None) -> Generator[Iterable[int], list[_Answer], bool]:
        """Read from that page to the end; tells whether nothing has changed, since the start if there is one."""
        self._round = _Round()
        self._place, self._keeps_back = None, True  # the last page's rows come in their turn
        (before,) = yield [pages]
        self._keeps_back = False
        is_as_before = start is None or (before.digest, before.total) == (start["end"], start["total"])
        if not before.rows or self._pages != pages or not is_as_before:
            return False
        self._place = {"page": page, "pages": pages, "end": before.digest, "total": before.total}
        answers = [before, *(yield range(page, pages)), *(yield [pages])]
        if not self._believes or before.total is None or before != answers[-1] or not self._is_still(answers):
            return False
        if before.rows >= self._limit:  # meta alone says that nothing is behind it
            (behind,) = yield [pages + 1]
            if behind.rows or behind.total not in (None, before.total):
                return False
        ends = [answer.ends for answer in answers[1:] if answer.ends is not None]
        self._in_order = self._in_order and all(low[1] < high[0] for low, high in pairwise(ends))
        if self._in_order and start is None:
            self._hold_against_total(self._round.rows, before.total)
        return self._in_order

    def _backwards(self, page: int, *, is_proven: bool = False) -> _Course:
        """Read from that page to the first.

        :param is_proven: whether nothing is behind it; otherwise that is looked up first.
        """
        self._round = _Round()
        above: tuple[int, int] | None = None
        if not is_proven:
            (answer,) = yield [page]
            if not answer.rows and page > self._highest + 1:  # a page that was claimed, and is not there
                page = self._highest + 1
                (answer,) = yield [page]
            while answer.rows and answer.is_full:
                page += 1
                (answer,) = yield [page]
            self._round = _Round()
        while page > 0 and self._in_order:
            self._place = {"back": page}
            (answer,) = yield [page]
            if answer.ends is not None and above is not None and answer.ends[0] > above[1]:
                self._in_order = False
            above = answer.ends or above
            page -= 1

    def _behind(self, page: int) -> _Course:
        """Read from that page until one has no rows."""
        self._round = _Round()
        while (yield [page])[0].rows:
            page += 1

    def _twice(self, found: list[_Answer]) -> _Course:
        """Read until two passes have the same rows in the same order.

        :param found: a pass, if there was one.
        """
        self._place = None
        self._is_first_pass = False
        last = found if self._is_still(found) else []
        for _ in range(_PASSES - bool(found)):
            self._round = _Round()
            found = yield range(1, max(len(found), self._pages or 0, 1) + 1)
            if found != last or not self._is_still(found):
                found = yield from self._to_the_end(found)
            if found == last and self._is_still(found):
                self._hold_against_total(self._round.rows, found[0].total if found else None)
                return
            last = found if self._is_still(found) else []
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

    def _may_take_no_page(self, page: int, rows: int) -> bool:
        """Whether an endpoint that answers the second page like the first, also when asked again, takes no page at all."""
        return page == 2 and rows < SMALLEST_PAGE

    def _is_unpaged(self, found: Sequence[_Answer]) -> bool:
        """Whether the second page was the first again: the list is that page."""
        return len(found) == 2 and found[0] == found[1] and found[0].total is None and self._may_take_no_page(2, found[0].rows)

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
