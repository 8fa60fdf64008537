"""Reads what changed in one list since the last look, with one light request where a page holds it.

Decides what is a change and what was found before; it waits for nothing, and of a row it keeps what it is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_bigcommerce.core.clocks import TOLERANCE, Answer, date_of
from airflow_provider_bigcommerce.core.ends import told_total
from airflow_provider_bigcommerce.core.keys import Key, key_of
from airflow_provider_bigcommerce.core.messages import Query, Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import NoListError, read_listing
from airflow_provider_bigcommerce.core.windows import Window, date_filter, read_moment, window_query
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.triggers.looking import LOOK_SETTINGS

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore

#: Re-read before the last poll, for writes that become visible late; what was found is not found again.
OVERLAP = timedelta(seconds=60)

#: A row's key, its date and what was asked for in addition; nothing else of it is kept.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll found.

    :param store_hash: the store.
    :param since: end of the poll before; what changed until then was in it.
    :param until: the store's time when it answered, or when it answered the poll before, if this answer had no rows.
    :param rows: rows that changed meanwhile, each once.
    """

    store_hash: str
    since: datetime
    until: datetime
    rows: Sequence[Row]


class ChangesFeed:
    """Reads what changed in one list.

    :param resource: catalog name, or the path of one list.
    :param query: filters.
    :param fields: of a row, in addition to its key and date.
    :param conn_id: connection id.
    """

    def __init__(self, resource: str, query: Query | None, fields: frozenset[str], conn_id: str) -> None:
        self._resource, self._row = resource, resource_of(resource)
        self._dates = date_filter(self._row)
        self._fields = sorted({*fields, self._dates.field, *(name.partition(".")[0] for name in self._row.primary_key)})
        self._query: dict[str, Any] = dict(query or {})
        if self._row.can_select_fields:
            self._query["include_fields"] = ",".join(self._fields)
        self._conn_id = conn_id
        self._seen: dict[Any, str] = {}
        self._began: datetime | None = None
        self._answered: datetime | None = None  # the store's time at the last answer

    async def next(self, last: Poll | None) -> Poll:
        """What changed since the last poll; nothing, and the store's time, for None.

        :raises BigCommerceError: the store did not answer.
        """
        from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

        async with BigCommerceHook(self._conn_id).astore(**LOOK_SETTINGS) as store:
            if last is None or last.store_hash != store.store_hash:
                # By the list's own Date header: another endpoint may need a scope that the token lacks.
                answer = await store.request("GET", self._row.path, params={**self._query, "limit": 1})
                self._began = self._answered = await _time_of(store, answer)
                self._seen = {}
                return Poll(store.store_hash, self._began, self._began, [])
            since = last.until - OVERLAP
            rows, until = await self._read(store, max(since, self._began or since), last.until)
            before, self._answered = self._answered, until
            if not rows:  # one answer without rows proves nothing: the next poll reads what lies between the last two answers again
                return Poll(store.store_hash, last.until, max(last.until, before or last.until), [])
            fresh = [row for row in rows if self._seen.get(self.key(row)) != row.get(self._dates.field)]
            # A row of the very second of the answer may change again in that second, and is told again then.
            told = [row for row in rows if (date := self._date(row)) is not None and until - OVERLAP <= date < until]
            self._seen = {self.key(row): row[self._dates.field] for row in told}
            return Poll(store.store_hash, last.until, max(until, last.until), fresh)

    async def between(self, since: datetime, until: datetime) -> list[Row]:
        """What changed in a span that no poll of this process covers.

        :raises BigCommerceError: the store did not answer.
        """
        from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

        async with BigCommerceHook(self._conn_id).astore(**LOOK_SETTINGS) as store:
            return await self._all(store, Window(since - OVERLAP, until if self._dates.until else None))

    def key(self, row: Row) -> Key:
        """The row's id, or the values of a key of several fields."""
        return key_of([_at(row, name) for name in self._row.primary_key])

    def _date(self, row: Row) -> datetime | None:
        return read_moment(row.get(self._dates.field))

    async def _read(self, store: BigCommerceStore, since: datetime, last: datetime) -> tuple[list[Row], datetime]:
        """The rows, and the store's time: one request, unless a page does not hold them."""
        params: dict[str, Any] = {**window_query(self._row, Window(since)), **self._query}
        if self._row.page_size:
            params["limit"] = self._row.page_size
        response = await store.request("GET", self._row.path, params=params)
        until = await _time_of(store, response, last)
        try:
            listing = read_listing(
                Request.get(self._row.path, params), response, envelope=self._row.envelope, may_be_204=self._row.empty_is_204
            )
        except NoListError as error:
            raise UnexpectedAnswerError(f"GET {self._row.path} answered no list ({error}).") from None
        except msgspec.DecodeError:
            raise UnexpectedAnswerError(f"GET {self._row.path} answered something that is not JSON.") from None
        records = listing.records
        is_nothing = not records and self._row.api_version == "v2"
        is_told = told_total(listing) == len(records) < self._row.page_size
        if self._row.page_size and not is_nothing and not is_told:
            return await self._all(store, Window(since)), until
        return [self._kept(python_value(record)) for record in records], until

    async def _all(self, store: BigCommerceStore, window: Window) -> list[Row]:
        pages = store.rows(self._resource, query=self._query, since=window.since, until=window.until)
        async with contextlib.aclosing(pages) as rows:
            return [self._kept(row) async for row in rows]

    def _kept(self, row: Row) -> Row:
        return {name: row[name] for name in self._fields if name in row}


async def _time_of(store: BigCommerceStore, response: Response, last: datetime | None = None) -> datetime:
    """The store's own clock, by the list's own answer; by more answers where the worker's clock or the last poll contradict it.

    :raises ClockError: they contradict it still, or there is no time in them.
    """
    answer = Answer(datetime.now(UTC), date_of(response.headers.get("date")))
    if answer.header is not None and answer.header <= answer.at + TOLERANCE:
        return answer.header  # one that is behind has the next poll look at more, and skip nothing
    return await store.now(last=last)


def _at(row: Row, name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
