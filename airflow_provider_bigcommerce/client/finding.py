"""Finds what the store has of rows to be written: sends what ``core/writing/store_rows.py`` hands out. Decides only which is cheaper.

Where rows can be asked for but one by one, and a list has fewer pages than there are rows, it is read whole, once, into a file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_bigcommerce.client.look_up_pages import answers
from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.core.planning import placeholders
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.look_ups import PAGE_SIZE, Question
from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.core.writing.store_rows import Finder, Held, as_written, includes_of, whole_fields, whole_key
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError

if TYPE_CHECKING:
    import sqlite3

#: Requests for look-ups from which on reading the list whole is thought of.
_MANY_REQUESTS = 20
#: Rows of a whole list that are put away at once.
_BLOCK = 1_000


class Finding:
    """Finds rows of one route, part by part.

    :param sender: of an open store.
    :param route: how the rows will go to the store.
    :param count: how many rows a resource has.
    :param rows: all rows of a resource, with the values of ``include``.
    :param at_once: requests at once.
    :param fields: fields that will be compared.
    :param needs_rows: whether the rows are wanted, and not their ids alone.
    """

    def __init__(
        self,
        sender: Sender,
        route: Route,
        *,
        count: Callable[[str], Awaitable[int]],
        rows: Callable[[str, tuple[str, ...]], AsyncGenerator[dict[str, Any], None]],
        at_once: int,
        fields: Iterable[str] = (),
        needs_rows: bool = True,
    ) -> None:
        self._sender = sender
        self._count = count
        self._rows = rows
        self._route = route
        self._fields = tuple(fields)
        self._needs_rows = needs_rows
        self._gate = asyncio.Semaphore(at_once)
        self._whole: sqlite3.Connection | None = None

    async def find(self, items: Sequence[Item]) -> dict[int, Held]:
        """Place -> what the store has, for each item.

        :raises BigCommerceError: the store could not be asked.
        """
        if self._whole is None:
            finder = self._finder(items)
            if not self._can_be_whole or not (finder.has_unasked or (finder.cost > _MANY_REQUESTS and await self._is_whole_cheaper(items))):
                return await self._asked(finder)
            self._whole = await self._read_whole()
        found = self._searched(self._whole, [item for item in items if self._is_in_whole(item)])
        return found | await self._asked(self._finder([item for item in items if item.place not in found]))

    def _finder(self, items: Sequence[Item]) -> Finder:
        return Finder(self._route, items, self._fields, needs_rows=self._needs_rows)

    def _is_in_whole(self, item: Item) -> bool:
        """Whether a row can be found in the list that was read whole."""
        return item.id is not None or whole_key(self._route, item.row)[1] is not None

    async def _asked(self, finder: Finder) -> dict[int, Held]:
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                while (question := finder.next()) is not None:
                    tasks.add(asyncio.ensure_future(self._ask(finder, question)))
                if not tasks:
                    return finder.found
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Let go of what was read whole."""
        if self._whole is not None:
            self._whole.close()
            self._whole = None

    async def _ask(self, finder: Finder, question: Question) -> None:
        async with self._gate:
            try:
                rows = await answers(self._sender, question)
            except PermissionDeniedError:
                if not finder.skip(question):  # another resource's list, which needs a scope of its own
                    raise
                return
        finder.take(question, rows)

    @property
    def _can_be_whole(self) -> bool:
        """Whether the list can be read whole, and its rows found by an id or a key."""
        resource = self._route.resource
        return resource.kind == "collection" and not placeholders(resource.path) and bool(self._route.id_field or whole_fields(self._route))

    async def _is_whole_cheaper(self, items: Sequence[Item]) -> bool:
        """Whether the list has fewer pages than requests are needed for those of these rows that can be found in it."""
        resource = self._route.resource
        requests = self._finder([item for item in items if self._is_in_whole(item)]).cost
        if resource.api_version != "v3" and resource.count_path is None:
            return False  # counting would be reading it
        return await self._count(resource.name) / (resource.page_size or PAGE_SIZE) < requests

    async def _read_whole(self) -> sqlite3.Connection:
        """The list in a file of its own, which goes with the connection; memory holds a few pages."""
        import sqlite3

        includes = includes_of(self._route, self._fields)
        held = sqlite3.connect("")  # SQLite's word for a temporary file
        try:
            held.execute("CREATE TABLE held (id TEXT, key TEXT, row BLOB)")
            block: list[tuple[str | None, str | None, bytes]] = []
            async with contextlib.aclosing(self._rows(self._route.resource.name, includes)) as rows:
                async for row in rows:
                    found, key = whole_key(self._route, row)
                    block.append((found, _joined(key), msgspec.json.encode(row)))
                    if len(block) == _BLOCK:
                        held.executemany("INSERT INTO held VALUES (?, ?, ?)", block)
                        block = []
            held.executemany("INSERT INTO held VALUES (?, ?, ?)", block)
            held.execute("CREATE INDEX by_id ON held (id)")
            held.execute("CREATE INDEX by_key ON held (key)")
        except BaseException:
            held.close()
            raise
        return held

    def _searched(self, whole: sqlite3.Connection, items: Sequence[Item]) -> dict[int, Held]:
        found: dict[int, Held] = {}
        for item in items:
            key = whole_key(self._route, item.row)[1]
            if item.id is not None:
                rows = whole.execute("SELECT row FROM held WHERE id = ?", (str(item.id),)).fetchall()
            else:
                rows = whole.execute("SELECT row FROM held WHERE key = ?", (_joined(key),)).fetchall()
            held: tuple[Mapping[str, Any], ...] = tuple(as_written(self._route, item, msgspec.json.decode(row)) for (row,) in rows)
            own = held[0].get(self._route.id_field) if len(held) == 1 and self._route.id_field else None
            found[item.place] = Held(held, item.id if own is None else own)
        return found


def _joined(key: Sequence[str] | None) -> str | None:
    return None if key is None else "\x1f".join(key)
