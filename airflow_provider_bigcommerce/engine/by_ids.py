"""Reads the rows of a list whose ids are known, and tells which of them the store no longer has.

An id that brings no row is asked for once more, some time later: an event can be faster than the list that it is about. The second
answer counts where it proves itself: the row's own path says 404, or the answer has another row that is known to be there, or the id
was asked for alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page
from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.id_ways import MOST_IN_BATCH, batches, id_way, tells_what_is_gone
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.planning import filled, full_query, placeholders
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.exceptions import NotFoundError, UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.row_keys import Key, KeyReader

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Seconds before an id that brought no row is asked for again.
AGAIN_AFTER: Final = 5.0

#: Requests that are begun at the same time; the client keeps to the store's quota by itself.
_BATCHES_AT_ONCE: Final = 8
_ROWS_AT_ONCE: Final = 50

Sleep = Callable[[float], Awaitable[None]]


class NamedRows:
    """The rows of some ids.

    :param sleep: waits that many seconds.
    """

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        #: Ids of rows that the store no longer has, by two answers or by an event; once all is read.
        self.gone: list[Key] = []
        #: Rows that the store only hides from its lists, as they came; once all is read.
        self.archived: list[msgspec.Raw] = []

    async def pages(self, store: BigCommerceStore, selection: Selection) -> AsyncGenerator[Page, None]:
        """The rows, in pages.

        :param selection: its ``ids`` and ``deleted`` say which; its query is a filter of the first answer alone.
        """
        row, by = selection.resource, selection.ids_by
        is_one_row = tells_what_is_gone(row)
        # A row can only be hidden: then it is asked for, and tells so.
        told = list(selection.deleted) if is_one_row and row.archive_field is None else []
        is_one_row = is_one_row and not by
        gone = set(map(str, told))
        asked = [key for key in _once([*(selection.ids or ()), *(() if told else selection.deleted)]) if str(key) not in gone]
        reading = self._reading(store, row, by) if asked else _Nothing(store, row)
        came: dict[str, Key] = {}
        number = 0
        async for records in reading.rows(selection.query, asked):
            came |= reading.keys(records) if is_one_row else {}
            kept = self._live(row, records)
            if kept:
                number += 1
                yield Page(kept, number)
        missing = [key for key in asked if str(key) not in came] if is_one_row else []
        if missing:
            log.info("%s of %s ids brought no row; they are asked for again in %.0f s.", len(missing), len(asked), AGAIN_AFTER)
            await self._sleep(AGAIN_AFTER)
            # Without the filters: a row that they leave out is not gone.
            known = next(iter(came.values()), None)
            async for records in reading.again(selection.shape, missing, known):
                came |= reading.keys(records)
                kept = self._live(row, records)
                if kept and selection.query == selection.shape:
                    number += 1
                    yield Page(kept, number)
        self.gone = [*told, *(key for key in missing if str(key) not in came)]

    @staticmethod
    def _reading(store: BigCommerceStore, row: Resource, by: str) -> _Batches:
        if by == "parents":
            return _Parents(store, row)
        if by:
            return _Batches(store, row, by)
        return _Batches(store, row) if id_way(row) == "batches" else _Each(store, row)

    def _live(self, row: Resource, records: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
        """Those that are not archived; notes the others."""
        if row.archive_field is None:
            return list(records)
        live: list[msgspec.Raw] = []
        for record in records:
            (live if not _is_archived(row, record) else self.archived).append(record)
        return live


def _groups(items: Sequence[T], most: int) -> list[Sequence[T]]:
    return [items[start : start + most] for start in range(0, len(items), most)]


def _once(keys: Iterable[int | str]) -> list[int | str]:
    return list({str(key): key for key in keys}.values())


def _is_archived(row: Resource, record: msgspec.Raw) -> bool:
    return odd_bytes.python_value(record).get(row.archive_field) is True


class _Batches:
    """Rows by a filter that takes ids.

    :param by: the filter; the resource's own, where it is empty.
    """

    def __init__(self, store: BigCommerceStore, row: Resource, by: str = "") -> None:
        self._store, self._row = store, row
        self._name = by or str(row.id_in)
        self._is_one_row = tells_what_is_gone(row) and not by
        self._reader = KeyReader(row.name, row.primary_key)
        self._most = min(MOST_IN_BATCH, row.page_size - 1 if row.page_size else MOST_IN_BATCH)

    def keys(self, records: Sequence[msgspec.Raw]) -> dict[str, Key]:
        """The ids of rows, by their text."""
        return {str(key): key for key in self._reader.keys(records)}

    async def rows(self, query: Query, keys: Sequence[int | str]) -> AsyncGenerator[list[msgspec.Raw], None]:
        """The rows of ids, some batches at once."""
        for group in _groups(list(batches(keys, self._most)), _BATCHES_AT_ONCE):
            for records in await asyncio.gather(*(self._batch(query, batch) for batch in group)):
                yield records

    async def again(self, query: Query, keys: Sequence[int | str], known: Key | None) -> AsyncGenerator[list[msgspec.Raw], None]:
        """The rows of ids that did not come; an answer without ``known``, which is there, is not believed."""
        alone: list[int | str] = [] if isinstance(known, int | str) else list(keys)
        if isinstance(known, int | str):
            for batch in batches(keys, self._most - 1):
                records = await self._batch(query, [*batch, known])
                found = self.keys(records)
                if str(known) not in found:
                    alone += [key for key in batch if str(key) not in found]
                yield [record for record in records if str(self._reader.keys([record])[0]) != str(known)]
        for group in _groups(alone, _ROWS_AT_ONCE):
            for records in await asyncio.gather(*(self._batch(query, [key]) for key in group)):
                yield records

    async def _batch(self, query: Query, batch: Sequence[int | str]) -> list[msgspec.Raw]:
        row, name = self._row, self._name
        found: list[msgspec.Raw] = []
        asked: dict[str, Any] = {**query, name: [str(key) for key in batch]}
        async with contextlib.aclosing(self._store.pages(row.name, query=asked)) as pages:
            async for page in pages:
                found += page.records
        if self._is_one_row and (unasked := self.keys(found).keys() - set(map(str, batch))):
            raise UnexpectedAnswerError(
                f"{row.path} was asked for {len(batch)} ids by {name}, and {len(unasked)} other rows came: the filter did not work. "
                "Nothing was committed; copy the resource on a schedule, and report it."
            )
        return found


class _Each(_Batches):
    """Rows by the path of one row."""

    async def rows(self, query: Query, keys: Sequence[int | str]) -> AsyncGenerator[list[msgspec.Raw], None]:
        """The rows of ids, many requests at once."""
        for group in _groups(keys, _ROWS_AT_ONCE):
            found = await asyncio.gather(*(self._one(query, key) for key in group))
            yield [record for record in found if record is not None]

    async def again(self, query: Query, keys: Sequence[int | str], known: Key | None) -> AsyncGenerator[list[msgspec.Raw], None]:  # noqa: ARG002  # 404 proves itself
        """The rows of ids that did not come."""
        async for records in self.rows(query, keys):
            yield records

    async def _one(self, query: Query, key: int | str) -> msgspec.Raw | None:
        """One row as it came; None where there is none."""
        row = self._row
        path = filled(str(row.item_path), dict.fromkeys(placeholders(str(row.item_path)), key))
        try:
            response = await self._store.request("GET", path, params=full_query(row, query))
        except NotFoundError:
            return None
        if row.envelope == "bare":
            return msgspec.Raw(response.body)
        return msgspec.Raw(dict(odd_bytes.members(response.body))["data"])


class _Parents(_Batches):
    """All rows of some parents. A parent that no longer exists has none."""

    async def rows(self, query: Query, keys: Sequence[int | str]) -> AsyncGenerator[list[msgspec.Raw], None]:
        """The rows of parents, as they come."""
        async with contextlib.aclosing(self._store.pages(self._row.name, query=query, parent_ids=list(keys))) as pages:
            async for page in pages:
                yield list(page.records)


class _Nothing(_Batches):
    """No row: events reported only deleted ones."""

    async def rows(self, query: Query, keys: Sequence[int | str]) -> AsyncGenerator[list[msgspec.Raw], None]:  # noqa: ARG002  # as the others
        """None."""
        if keys:  # never: nothing is asked for
            yield []
