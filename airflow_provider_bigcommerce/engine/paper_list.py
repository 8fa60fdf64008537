"""A list on paper: it answers like the store's own list would by what one page told, so that a walk over it counts requests.

Pure, except that it returns control, which lets requests be planned as they are in a real read. It holds no rows: keys are made up, as
dense as those of the store.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.client.settings import ReadStats
from airflow_provider_bigcommerce.client.walking import Walker
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.messages import Query, Request
from airflow_provider_bigcommerce.core.planning import column_of
from airflow_provider_bigcommerce.core.reading import CursorLinks, CursorPagination, Listing, Meta, Pagination
from airflow_provider_bigcommerce.core.windows import written

#: Rows of a list that are walked on paper; what a longer one costs follows from these.
MOST_ROWS = 20_000

_FIRST_DATE = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a list.

    :param rows: how many it has.
    :param first: its first key, where keys are whole numbers that rise; else None.
    :param last: likewise, its last key.
    :param meta: of one answer; which members of it are told.
    :param page: most rows that a page had, where the store gives fewer than it is asked for.
    """

    rows: int
    first: int | None
    last: int | None
    meta: Meta
    page: int | None = None


class PaperList:
    """Answers requests in the place of a sender, and counts them.

    :param row: the resource; without a parent.
    :param facts: of its list.
    """

    def __init__(self, row: Resource, facts: Facts) -> None:
        self.stats = ReadStats()
        self._row, self._facts = row, facts
        self._step = 1.0
        if facts.first is not None and facts.last is not None and facts.rows > 1:
            self._step = max(1.0, (facts.last - facts.first) / (facts.rows - 1))
        parents = {column_of(name) for name in row.parent_keys}
        fields = [name for name in row.primary_key if name not in parents] or ["id"]
        self._fields = [name.split(".") for name in fields]

    async def send(self, request: Request, read: Callable[..., Any], **_: Any) -> Listing:  # noqa: ARG002  # the sender's signature
        """The listing that the store would answer."""
        await asyncio.sleep(0)
        self.stats.requests += 1
        if request.path == self._row.count_path:
            return Listing([msgspec.Raw(msgspec.json.encode({"count": self._facts.rows}))], Meta())
        if request.path != self._row.path:
            return Listing([], Meta())
        return self._listing(dict(request.params))

    def _listing(self, params: dict[str, str]) -> Listing:
        row, facts = self._row, self._facts
        first, last = 0, facts.rows
        if row.id_min and params.get(row.id_min):
            first = max(first, self._place(int(params[row.id_min])))
        if row.id_max and params.get(row.id_max):
            last = min(last, self._place(int(params[row.id_max]) + 1))
        if row.is_by_modified and row.modified and params.get(row.modified.since):
            since = datetime.fromisoformat(params[row.modified.since].replace("Z", "+00:00"))
            first = max(first, math.ceil((since - _FIRST_DATE).total_seconds()))
        if "after" in params:
            first = int(params["after"]) + 1 if row.paging == "v3_cursor" else self._place(int(params["after"]) + 1)
        matching = max(0, last - first)
        limit = min(int(params.get("limit", 0)) or facts.page or matching or 1, facts.page or 2**31)
        page = int(params.get("page", 1))
        begin = first + (int(params["offset"]) if "offset" in params else (page - 1) * limit)
        places = range(min(begin, last), min(begin + limit, last))
        return Listing([self._record(place) for place in places], self._meta(places, matching, limit, page, begin - first))

    def _place(self, key: int) -> int:
        """Which row is the first one with that key or a higher one."""
        return min(self._facts.rows, max(0, math.ceil((key - (self._facts.first or 1)) / self._step)))

    def _record(self, place: int) -> msgspec.Raw:
        key: Any = (self._facts.first or 1) + math.floor(place * self._step)
        if self._facts.first is None:
            key = f"k{place * 7919 % 1_000_003:07d}-{place}"  # in no order
        record: dict[str, Any] = {}
        for *above, name in self._fields:
            inner = record
            for part in above:
                inner = inner.setdefault(part, {})
            inner[name] = key
        if self._row.modified is not None:
            record.setdefault(self._row.modified.field, written(_FIRST_DATE + timedelta(seconds=place)))
        return msgspec.Raw(msgspec.json.encode(record))

    def _meta(self, places: Sequence[int], matching: int, limit: int, page: int, offset: int) -> Meta:
        told, cursors = self._facts.meta.pagination, self._facts.meta.cursor_pagination
        pagination = cursor = None
        if told is not None:
            values = {
                "total": matching,
                "count": len(places),
                "per_page": limit,
                "current_page": page,
                "total_pages": max(1, math.ceil(matching / limit)),
                "offset": offset,
            }
            pagination = Pagination(**{name: value for name, value in values.items() if getattr(told, name) is not None})
        if cursors is not None:
            has_next = bool(places) and places[-1] + 1 < self._facts.rows
            cursor = CursorPagination(
                count=len(places) if cursors.count is not None else None,
                per_page=limit if cursors.per_page is not None else None,
                end_cursor=str(places[-1]) if places else None,
                links=CursorLinks(next="?after" if has_next else None) if cursors.links is not None else None,
            )
        return Meta(pagination, cursor)


async def requests_of(row: Resource, query: Query, facts: Facts, most: int) -> int:
    """Requests of a read of that list, with the walk that a copy takes.

    :param query: of the copy.
    :param most: requests at once.
    :raises BigCommerceError: the facts contradict each other, so that the walk does not believe the answers.
    """
    share = min(1.0, MOST_ROWS / facts.rows) if facts.rows else 1.0
    if share < 1.0:
        last = None if facts.first is None or facts.last is None else facts.first + int((facts.last - facts.first) * share)
        facts = Facts(int(facts.rows * share), facts.first, last, facts.meta, facts.page)
    paper = PaperList(row, facts)
    walker = Walker(cast("Sender", paper), most)
    async for _ in walker.records(row, query, None, {}):
        pass
    return round(paper.stats.requests / share)
