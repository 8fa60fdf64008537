"""The store's verbs for sync code, one line each, through a portal. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from airflow_provider_bigcommerce.client.finding import Finding
from airflow_provider_bigcommerce.client.portal import Portal, is_loop_running
from airflow_provider_bigcommerce.client.settings import ReadStats
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page
from airflow_provider_bigcommerce.client.writing import Writing, take
from airflow_provider_bigcommerce.core.deleting import RowKey
from airflow_provider_bigcommerce.core.messages import Query, Response
from airflow_provider_bigcommerce.core.positions import ParentId, Position
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import Operation, Route
from airflow_provider_bigcommerce.core.writing.source import RowSource
from airflow_provider_bigcommerce.core.writing.store_rows import Held


class BlockingStore:
    """A :class:`BigCommerceStore` whose verbs return when they are done; see there for arguments and errors.

    :param store: the async store, not yet open.
    """

    def __init__(self, store: BigCommerceStore) -> None:
        self._store = store
        self._portal = Portal()

    def __enter__(self) -> Self:
        if is_loop_running():
            raise RuntimeError("hook.store() would block the running event loop; use 'async with hook.astore() as store' here.")
        self._portal.__enter__()
        try:
            self._portal.call(self._store.__aenter__())
        except BaseException:
            self._portal.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._portal.call(self._store.__aexit__(kind, error, trace))
        finally:
            self._portal.__exit__(kind, error, trace)

    @property
    def store_hash(self) -> str:
        """The store's hash."""
        return self._store.store_hash

    @property
    def stats(self) -> ReadStats:
        """What the store has done so far."""
        return self._store.stats

    def run(self, use: Callable[[BigCommerceStore], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine with the store that it awaits, to its end."""
        self._portal.call(use(self._store))

    def request(
        self, method: str, path: str, *, params: Query | None = None, json: object = None, whole_collection: bool = False
    ) -> Response:
        """Send any request below the store."""
        return self._portal.call(self._store.request(method, path, params=params, json=json, whole_collection=whole_collection))

    def get(self, resource: str, id: int | str | None = None, *, query: Query | None = None) -> dict[str, Any]:  # noqa: A002  # BigCommerce's noun
        """One record: a singleton, or the row of that id."""
        return self._portal.call(self._store.get(resource, id, query=query))

    def pages(
        self,
        resource: str,
        *,
        query: Query | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        parent_ids: Iterable[ParentId] | None = None,
        parent_query: Query | None = None,
        start: Position | None = None,
    ) -> Iterator[Page]:
        """The pages of a list, in order."""
        return self._portal.walk(
            self._store.pages(
                resource, query=query, since=since, until=until, parent_ids=parent_ids, parent_query=parent_query, start=start
            )
        )

    def rows(
        self,
        resource: str,
        *,
        query: Query | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        parent_ids: Iterable[ParentId] | None = None,
        parent_query: Query | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The rows of a list as dicts, in order."""
        for page in self.pages(resource, query=query, since=since, until=until, parent_ids=parent_ids, parent_query=parent_query):
            yield from page.rows()

    def count(self, resource: str, *, query: Query | None = None, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many rows a list has."""
        return self._portal.call(self._store.count(resource, query=query, since=since, until=until))

    def now(self, *, last: datetime | None = None) -> datetime:
        """The store's own time."""
        return self._portal.call(self._store.now(last=last))

    def began(self, *, last: datetime | None = None) -> datetime:
        """The store's time of this object's first answer."""
        return self._portal.call(self._store.began(last=last))

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run an Admin GraphQL query or mutation."""
        return self._portal.call(self._store.graphql(query, variables))

    def graphql_pages(
        self, query: str, variables: Mapping[str, Any] | None = None, *, cursor_variable: str = "after", connection: str | None = None
    ) -> Iterator[Page]:
        """The nodes of a Relay connection, page by page."""
        return self._portal.walk(self._store.graphql_pages(query, variables, cursor_variable=cursor_variable, connection=connection))

    def create(self, resource: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Create one row."""
        return self._portal.call(self._store.create(resource, row))

    def update(
        self,
        resource: str,
        id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
        row: Mapping[str, Any] | None = None,
        *,
        merge: bool = False,
    ) -> dict[str, Any]:
        """Change one row, or a singleton."""
        return self._portal.call(self._store.update(resource, id, row, merge=merge))

    def write(
        self,
        resource: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        operation: Operation,
        match_on: str | Sequence[str] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> Iterator[Outcome]:
        """Write many rows; one outcome for each. The rows are read in the thread that asks for outcomes."""
        writing = self._store._writing(resource, operation, match_on, beside)
        source = RowSource(writing.route, rows)
        return self._outcomes(writing, source)

    def _outcomes(self, writing: Writing, source: RowSource) -> Iterator[Outcome]:
        try:
            while not writing.is_done:
                take(source, writing)
                yield from self._portal.call(writing.step())
        finally:
            self._portal.call(writing.aclose())
        if writing.error is not None:
            raise writing.error

    def finder(self, route: Route, fields: Iterable[str] = (), *, needs_rows: bool = True) -> BlockingFinder:
        """What finds the store's own rows of those that are to be written, to compare with: for plans."""
        return BlockingFinder(self._portal, self._store.finding(route, fields, needs_rows=needs_rows))

    def delete(self, resource: str, *, ids: Sequence[RowKey]) -> None:
        """Delete (orders: archive) the rows of these ids, or of these mappings where a row is named by more than one value."""
        self._portal.call(self._store.delete(resource, ids=ids))


class BlockingFinder:
    """Finds rows of one route, part by part; a context manager that keeps what it read whole.

    :param portal: the loop of an open store.
    :param finding: what does it there.
    """

    def __init__(self, portal: Portal, finding: Finding) -> None:
        self._portal = portal
        self._finding = finding

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        async def close() -> None:  # in the loop's thread, which opened it
            self._finding.close()

        self._portal.call(close())

    def find(self, items: Sequence[Item]) -> dict[int, Held]:
        """Place -> what the store has, for each item.

        :raises BigCommerceError: the store could not be asked.
        """
        return self._portal.call(self._finding.find(items))
