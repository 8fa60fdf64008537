"""Copies the rows of a list into files: pages in, parts out, duplicates dropped, orders completed.

Awaits the store and hands pages to the writer in a thread, so that requests that were sent ahead continue. Commits nothing: the
caller writes the manifest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.order_lines import by_order, count_disagrees, may_lack_lines, order_id, with_lines
from airflow_provider_bigcommerce.core.planning import ancestor_of, column_of, is_counted
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.windows import Window, window_query
from airflow_provider_bigcommerce.engine.by_ids import NamedRows
from airflow_provider_bigcommerce.engine.manifest import DataFile, FieldDrift
from airflow_provider_bigcommerce.engine.pages_ahead import WRITTEN_AT_ONCE, in_thread, together
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import Selection, without_include
from airflow_provider_bigcommerce.engine.writing_rows import Parts, RowWriter, WrittenRows
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    CountDisagreesError,
    IncompleteReadError,
    NotFoundError,
    PaginationLoopError,
    PermissionDeniedError,
    ValidationError,
)
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import KeyReader, SeenKeys
from airflow_provider_bigcommerce.rows.schemas import Schema, schema
from airflow_provider_bigcommerce.state import Reached

log = logging.getLogger(__name__)

#: Include value -> the child resource that has the same rows, for a store that refuses the include and for parents that came
#: with fewer rows than they have.
_LINES: Mapping[str, str] = {"consignments.line_items": "order_products"}


@dataclass(slots=True)
class Copied:
    """What a copy brought.

    :param files: the parts, complete, not yet committed.
    :param rows: rows in them, without those that mark deletes.
    :param deleted: rows that mark deletes.
    :param found: rows read, without those read twice.
    :param repeated: rows read twice in this run.
    :param query: what was sent in addition to window and page; without the include if the store refused it.
    :param totals: each number of rows that was due: the last one is what the walk of the list concluded from the store's words.
    :param counted: the number of rows by the store's summary, for a full read of all; else None.
    :param orders_in_doubt: orders whose ``items_total`` is not the sum of their lines' quantities; None where lines were not asked for.
    :param requests: requests sent by all tries of the run.
    :param throttled: of these, answers 429.
    :param seconds: likewise.
    :param waited: of these, seconds in which a request waited.
    """

    query: Mapping[str, str]
    files: list[DataFile] = field(default_factory=list)
    rows: int = 0
    deleted: int = 0
    found: int = 0
    repeated: int = 0
    totals: list[int] = field(default_factory=list)
    counted: int | None = None
    orders_in_doubt: int | None = None
    requests: int = 0
    throttled: int = 0
    seconds: float = 0.0
    waited: float = 0.0


class Copy:
    """One copy of a selection.

    :param selection: which rows.
    :param window: their span of dates.
    :param writer: where they go.
    :param before: drops what is in the copy already; None for a full read.
    :param tell: takes a progress line.
    :param parts: closes parts for the retries of the run and remembers them; None where there are no parts or no retries.
    :param meanwhile: what is done while the first page is on its way, before the first row is written.
    :param named: reads the rows, where the selection says which; None where it is a list.
    :param heard: awaited with each page, before its rows are written; None where nobody waits for an answer.
    """

    def __init__(
        self,
        selection: Selection,
        window: Window,
        writer: RowWriter,
        *,
        before: WrittenRows | None,
        progress: Progress,
        tell: Callable[[str], None],
        parts: Parts | None = None,
        meanwhile: Callable[[], None] = lambda: None,
        named: NamedRows | None = None,
        heard: Callable[[BigCommerceStore], Awaitable[None]] | None = None,
    ) -> None:
        self._selection = selection
        self._window = window
        self._writer = writer
        row = selection.resource
        date_field = row.modified.field if before is not None and row.modified is not None else None
        self._keys = KeyReader(row.name, row.primary_key, date_field) if row.primary_key else None
        self._seen = SeenKeys()
        self._before = before
        self._progress = progress
        self._tell = tell
        self._refused = False
        self._copied = Copied(query=selection.query_text)
        self._parts = parts
        self._meanwhile = meanwhile
        self._named = named
        self._heard = heard
        self._earlier = parts.earlier if parts is not None else None
        self._earlier_position = self._earlier.position if self._earlier is not None else None
        self._has_looked_again = False
        self._has_counted_parents = False
        self._position: Position | None = None  # behind the last page that was written whole
        if parts is not None and self._earlier is not None:
            self._go_on(parts, self._earlier)

    @property
    def seen(self) -> SeenKeys | None:
        """The keys of all rows of the list, where this try knows them: a try that continues behind another may not."""
        is_whole = self._keys is not None and (self._earlier is None or self._earlier.keys is not None)
        return self._seen if is_whole and self._selection.reads_all else None

    async def completed(self, store: BigCommerceStore, records: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
        """Rows with what was asked for and without what was not, as they are written."""
        return self._selection.fields.applied(await self._completed(store, records))

    def _go_on(self, parts: Parts, earlier: Reached) -> None:
        """Begin where the earlier tries of the run ended."""
        copied = self._copied
        copied.files = parts.files(earlier)
        copied.found, copied.repeated, copied.orders_in_doubt = earlier.found, earlier.repeated, earlier.orders_in_doubt
        copied.totals = [*reversed(earlier.totals or ())]
        self._seen = parts.seen(earlier)
        if earlier.is_refused:
            self._refused = True
            copied.query = without_include(self._selection).query_text

    async def run(self, store: BigCommerceStore) -> Copied:
        """Read all and write all.

        What is raised on the way leaves no unfinished part.

        :raises IncompleteReadError: the list gave fewer rows than it says it has.
        """
        copied = self._copied
        # One thread, always the same: C's allocator keeps memory for each thread, which took 50 MB more (measured, Parquet).
        thread = ThreadPoolExecutor(1, "bigcommerce-writer")
        begun = asyncio.create_task(in_thread(thread, self._prepare))
        try:
            try:
                await self._read_whole(store, thread, begun)
            except BigCommerceError as error:
                if self._position is not None:  # what came before is whole: a retry continues behind it
                    await in_thread(thread, self._close_part, store)
                elif isinstance(error, (ValidationError, NotFoundError)) and self._parts is not None:
                    # A cursor may have ended since, or the row that it was behind is gone.
                    await in_thread(thread, self._parts.begin_anew, f"the store refused to continue there ({error.status})")
                raise
            await begun  # for a list without rows
            copied.counted = await self._count(store)
            if copied.counted is not None and copied.counted > copied.found and self._may_look_again:
                why = f"The store's summary counts {copied.counted:,} rows, and {copied.found:,} came."
                await self._look_again(store, thread, begun, why)
                copied.counted = await self._count(store)
            copied.files += await in_thread(thread, self._writer.close)
        finally:
            begun.cancel()
            await asyncio.wait([begun])
            thread.shutdown()
            self._writer.abort()
        copied.rows = self._writer.rows
        self.sum_up(store)
        return copied

    def _prepare(self) -> None:
        self._meanwhile()
        self._writer.prepare()

    async def _read_whole(self, store: BigCommerceStore, thread: Executor, begun: Awaitable[None]) -> None:
        """Read the list; once more as a whole where its numbers contradict each other.

        A count that is alone against two passes with the same rows fails nothing: the manifest says that the copy is not complete. What
        was due in the first pass is due in both together: a second one that ends early would otherwise excuse the first.
        """
        try:
            await self._read(store, thread, begun)
        except (IncompleteReadError, PaginationLoopError) as error:
            if not self._may_look_again:
                raise
            rows = self._copied.found
            due = self._copied.totals[-1] if self._copied.totals else 0
            try:
                await self._look_again(store, thread, begun, str(error))
            except CountDisagreesError as again:
                if not isinstance(error, CountDisagreesError) or (again.found, self._copied.found) != (error.found, rows):
                    raise
                self._copied.totals = [again.counted]
            else:
                if self._copied.found < due:
                    raise

    @property
    def _may_look_again(self) -> bool:
        """Whether rows that come twice are known, and the list was not read twice already."""
        return self._keys is not None and not self._has_looked_again

    async def _look_again(self, store: BigCommerceStore, thread: Executor, begun: Awaitable[None], why: str) -> None:
        log.warning("%s The whole list is read once more.", why)
        self._has_looked_again, self._earlier_position = True, None
        self._copied.totals.clear()
        await self._read(store, thread, begun)

    async def _read(self, store: BigCommerceStore, thread: Executor, begun: Awaitable[None]) -> None:
        copied = self._copied
        # Orders whose lines are asked for cost requests of their own, which a retry would repeat for every page that was not written.
        most = 1 if self._child is not None else WRITTEN_AT_ONCE
        async with contextlib.aclosing(self._pages(store)) as pages, contextlib.aclosing(together(pages, most)) as written:
            async for came in written:
                copied.totals += [page.total for page in came if page.total is not None]
                waiting = deque([(await self.completed(store, page.records), page.position) for page in came])
                await begun
                if self._heard is not None:
                    await self._heard(store)
                while waiting:
                    closed = await in_thread(thread, self._write_pages, waiting)
                    copied.files += closed
                    if closed and self._position is not None:
                        await in_thread(thread, self._remember, store)
                total = copied.totals[-1] if copied.totals else None
                if self._progress.is_due:
                    await self._count_parents(store)
                if line := self._progress.line(copied.found, total, came[-1].number, store.stats):
                    self._tell(line)

    async def _count_parents(self, store: BigCommerceStore) -> None:
        """Ask once how many parents there are, where their list does not tell: for the log of a read that takes long, by one request."""
        selection = self._selection
        parent = ancestor_of(selection.resource)
        is_told = store.stats.parents_total is not None or not store.stats.parents_done
        if self._has_counted_parents or is_told or parent is None or selection.parent_ids is not None:
            return
        self._has_counted_parents = True
        if self._earlier_position is not None:  # parents that an earlier try has read are not counted again
            return
        asked = selection.reading(self._window)
        query = {**window_query(parent, Window(asked["since"], asked["until"])), **(asked["parent_query"] or {})}
        if parent.count_path is None or not is_counted(parent, query):  # a count that would have to read the list
            return
        try:
            total = await store.count(parent.name, query=query)
        except BigCommerceError as error:
            log.info("How many %s there are could not be asked (%s).", parent.name, type(error).__name__)
            return
        store.stats.parents_total = total

    def _close_part(self, store: BigCommerceStore) -> None:
        if self._parts is not None:
            self._copied.files += self._writer.close()
            self._remember(store)

    def _remember(self, store: BigCommerceStore) -> None:
        """Tell the retries of the run how far it has come."""
        if self._parts is None or self._position is None:
            return
        copied = self.sum_up(store)
        self._parts.keep(
            self._position,
            copied.files,
            self._seen,
            found=copied.found,
            repeated=copied.repeated,
            dropped=self._before.dropped if self._before is not None else 0,
            totals=(copied.totals[-1], max(copied.totals)) if copied.totals else None,
            orders_in_doubt=copied.orders_in_doubt,
            is_refused=self._refused,
            requests=copied.requests,
            throttled=copied.throttled,
            seconds=copied.seconds,
            waited=copied.waited,
        )

    def sum_up(self, store: BigCommerceStore) -> Copied:
        """The counts of all tries of the run so far."""
        copied, earlier = self._copied, self._earlier
        copied.requests = store.stats.requests + (earlier.requests if earlier is not None else 0)
        copied.throttled = store.stats.throttled + (earlier.throttled if earlier is not None else 0)
        copied.seconds = round(self._progress.seconds + (earlier.seconds if earlier is not None else 0.0), 3)
        copied.waited = round(store.stats.waiting_seconds + (earlier.waited if earlier is not None else 0.0), 3)
        return copied

    def _write_pages(self, waiting: deque[tuple[Sequence[msgspec.Raw], Position | None]]) -> list[DataFile]:
        """Write pages and take them off the list, up to one that ends a part: a retry may continue behind that one."""
        closed: list[DataFile] = []
        while waiting and not closed:
            records, position = waiting.popleft()
            self._position = None
            closed = self._write(records)
            self._position = position
        return closed

    def _write(self, records: Sequence[msgspec.Raw]) -> list[DataFile]:
        kept = records
        if self._keys is not None and self._before is None:
            kept = self._seen.unseen(records, self._keys.keys(records))
            self._copied.repeated += len(records) - len(kept)
            self._copied.found += len(kept)
        elif self._keys is not None and self._before is not None:
            read = self._keys.read(records)
            rows = self._seen.unseen([(record, *about) for record, about in zip(records, read, strict=True)], [key for key, _ in read])
            self._copied.repeated += len(records) - len(rows)
            kept = [row[0] for row in rows if self._before.is_new(*row)]
            self._copied.found += len(rows)
        else:
            self._copied.found += len(records)
            if self._before is not None:
                kept = [record for record in records if self._before.is_new(record, None, None)]
        return self._writer.write(kept)

    async def _pages(self, store: BigCommerceStore) -> AsyncGenerator[Page, None]:
        """The pages; once more without the include if the store refuses it before the first row."""
        selection = self._selection
        came = False
        start: dict[str, Any] = {}
        if self._earlier_position is not None:
            start, came = {"start": self._earlier_position}, True
        asked = without_include(selection) if self._refused else selection
        try:
            async with contextlib.aclosing(self._listed(store, asked, start)) as pages:
                async for page in pages:
                    came = True
                    yield page
            return
        except ValidationError as error:
            if came or not any(part in _LINES for part in selection.include):
                raise
            log.warning(
                "The store refused include=%s (status %d); line items are read one order at a time instead, which costs a request each.",
                ",".join(selection.include),
                error.status,
            )
        self._refused = True
        plain = without_include(selection)
        self._copied.query = plain.query_text
        async with contextlib.aclosing(self._listed(store, plain, start)) as pages:
            async for page in pages:
                yield page

    def _listed(self, store: BigCommerceStore, asked: Selection, start: Mapping[str, Any]) -> AsyncGenerator[Page, None]:
        if self._named is not None:
            return self._named.pages(store, asked)
        return store.pages(asked.resource.name, **asked.reading(self._window), **start)

    @property
    def _child(self) -> str | None:
        """The resource of the line items that were asked for, where they were."""
        return next((_LINES[part] for part in self._selection.include if part in _LINES), None)

    async def _completed(self, store: BigCommerceStore, records: Sequence[msgspec.Raw]) -> Sequence[msgspec.Raw]:
        """The page's rows with all their line items, where these were asked for."""
        child = self._child
        if child is None:
            return records
        if self._copied.orders_in_doubt is None:
            self._copied.orders_in_doubt = 0
        lacking = {order_id(record) for record in records if self._refused or may_lack_lines(record) or count_disagrees(record)}
        if not lacking:
            self._copied.orders_in_doubt += sum(map(count_disagrees, records))
            return records
        lines: list[msgspec.Raw] = []
        async with contextlib.aclosing(store.pages(child, parent_ids=sorted(lacking))) as pages:
            async for page in pages:
                lines += page.records
        found = by_order(lines)
        whole = [with_lines(record, found.get(key, [])) if (key := order_id(record)) in lacking else record for record in records]
        self._copied.orders_in_doubt += sum(map(count_disagrees, whole))
        return whole

    async def _count(self, store: BigCommerceStore) -> int | None:
        """What the store's summary says of a list that was read whole."""
        summary = self._selection.resource.summary
        if summary is None or self._window.is_bounded or self._selection.filters:
            return None
        try:
            return int((await store.get(summary.resource))[summary.count])
        except (PermissionDeniedError, KeyError) as error:
            log.info(
                "%s could not be asked for its %s (%s); the rows are not compared with it.",
                summary.resource, summary.count, type(error).__name__,
            )  # fmt: skip
            return None


def columns_of(row: Resource) -> Schema:
    """The file's columns: the resource's, with its parents' keys in front where the schema lacks them."""
    known = schema(row.name, row.primary_key)
    parent = schema(row.parent).fields if row.parent else {}
    shown = {name: source for name, source in row.parent_keys.items() if name not in row.single_params or name in row.parent_columns}
    keys = {column_of(name): parent.get(source, "scalar") for name, source in shown.items()}
    return known.with_columns({name: kind for name, kind in keys.items() if name not in known.fields})


def drift_of(discrepancies: Discrepancies) -> tuple[FieldDrift, ...]:
    """What did not fit the schema, as it is in the manifest."""
    return tuple(
        FieldDrift(
            path=found.path,
            kind=found.kind,
            seen_type=found.seen_type,
            nulls=discrepancies.contradictions.get(found.path, 0) if found.kind == "changed_type" else 0,
        )
        for found in discrepancies.drift
    )
