"""The verbs that people call on a store; each says what is sent, and the rooms next to it send and walk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random as random_module
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec

from airflow_provider_bigcommerce.client import direct
from airflow_provider_bigcommerce.client.finding import Finding
from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.walking import Walker
from airflow_provider_bigcommerce.client.writing import Writing, write_rows
from airflow_provider_bigcommerce.core.arguments import ids, one_id, optional
from airflow_provider_bigcommerce.core.catalog import Resource, Write
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.clocks import Answer, date_of, moment_of, settle
from airflow_provider_bigcommerce.core.connection_walk import ConnectionWalk
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.deleting import RowKey, delete_requests, require_all_deleted
from airflow_provider_bigcommerce.core.ends import told_total
from airflow_provider_bigcommerce.core.graphql import GraphQLAnswer, graphql_request, read_graphql
from airflow_provider_bigcommerce.core.id_ranges import count_of
from airflow_provider_bigcommerce.core.messages import METHODS, Query, Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.paths import checked
from airflow_provider_bigcommerce.core.planning import (
    ancestor_of,
    check_parameters,
    check_query,
    column_of,
    filled,
    full_query,
    is_counted,
    placeholders,
    resource_of,
    unknown_filters,
)
from airflow_provider_bigcommerce.core.positions import ParentId, Position
from airflow_provider_bigcommerce.core.reading import error_from, read_record
from airflow_provider_bigcommerce.core.windows import whole_seconds, window_between, window_query
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import Operation, Route, route_of
from airflow_provider_bigcommerce.core.writing.steps import Hopeless, Send, Unclear
from airflow_provider_bigcommerce.core.writing.whole_records import merged
from airflow_provider_bigcommerce.exceptions import (
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    UnexpectedAnswerError,
)

_IDS = ids(of_rows=True)  # by another name, for verbs whose argument is called so
#: Amounts are numbers for BigCommerce.
_BODIES = msgspec.json.Encoder(decimal_format="number")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, as they came.

    :param records: raw JSON of each row, in the list's order, with the parent's key columns.
    :param number: 1-based place among the pages of this read.
    :param total: rows the store says the whole list has, where it says so; also where the read began at a position.
    :param position: where a read of the same list continues behind this page; None where it must start from the beginning.
    """

    records: Sequence[msgspec.Raw] = field(repr=False)
    number: int = 1
    total: int | None = None
    position: Position | None = field(default=None, repr=False)

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dicts; a value that Python cannot hold (half a surrogate pair, 1e400) is a text with its JSON as it came."""
        return [python_value(record) for record in self.records]


class BigCommerceStore:
    """One store, async; a context manager that keeps a session.

    A resource is named by its catalog name (``products``) or a path (``/v3/catalog/products``).

    :param credentials: the store and its token.
    :param settings: how to talk to it.
    :param clock: monotonic seconds, for the quota's window.
    :param sleep: waits that many seconds.
    :param random: a number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        credentials: StoreCredentials,
        settings: StoreSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        settings = settings or StoreSettings()
        self._sender = Sender(credentials, settings, clock=clock, sleep=sleep, random=random)
        self._walker = Walker(self._sender, settings.max_concurrency)
        self._at_once = settings.max_concurrency
        self._warned: set[str] = set()
        self.store_hash = credentials.store_hash
        #: What was done so far.
        self.stats = self._sender.stats
        #: What the answers said of the store's time.
        self.heard = self._sender.heard

    async def __aenter__(self) -> Self:
        await self._sender.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._sender.__aexit__(kind, error, trace)

    # -- reading ------------------------------------------------------------------------------------------------------------

    async def request(
        self, method: str, path: str, *, params: Query | None = None, json: object = None, whole_collection: bool = False
    ) -> Response:
        """Send any request below the store, with the same quota, retry and error rules as every verb.

        :param path: ``/v3/...`` or ``/v2/...``, without a query; one that begins with ``/api/v3/io/`` goes to B2B Edition's host.
        :param json: what to send as the JSON body; None sends none.
        :param whole_collection: True lets a DELETE or PUT through that empties or changes a whole collection (``DELETE /v2/orders``).
        :raises InvalidQueryError: before anything is sent: the path has an empty or dotted segment or a query, or the call means a whole
            collection and ``whole_collection`` is not True.
        :raises ApiError: BigCommerce refused; :class:`TransportError`: no answer.
        """
        if method.upper() not in METHODS:
            raise InvalidQueryError(f"method={method[:20]!r} is unknown. Accepted: {', '.join(METHODS)}.")
        body = None if json is None else msgspec.json.encode(json)
        request = Request(method.upper(), checked(path), Request.get(path, params).params, body)
        if params and (warning := unknown_filters(request.method, path, params)):
            log.warning("%s", warning)
        return await self._sender.send(request, lambda response: response, whole_collection=whole_collection)

    async def get(self, resource: str, id: int | str | None = None, *, query: Query | None = None) -> dict[str, Any]:  # noqa: A002  # BigCommerce's noun
        """One record: a singleton, or the row of that id.

        :param resource: catalog name or path; a path may already end with the id.
        :raises NotFoundError: there is none.
        """
        row = resource_of(resource)
        check_parameters(row, query or {}, is_one=id is not None)
        id = optional(one_id())("id", id)  # noqa: A001  # BigCommerce's noun
        path, params = row.path, full_query(row, query)
        if id is not None:
            params = {name: value for name, value in params.items() if name in (query or {}) or name not in row.whole_params}
        if id is not None and row.id_placeholder:
            path = filled(path, {row.id_placeholder: id})
        elif id is not None and row.item_path is not None and not row.placeholders:
            path = filled(row.item_path, dict.fromkeys(placeholders(row.item_path), id))
        elif id is not None and row.id_in is not None:
            params[row.id_in] = str(id)  # no GET by id exists (V3 customers)
        elif id is not None and row.single_params:
            params[row.single_params[-1]] = str(id)
        elif id is not None:
            path = filled(f"{path}/{{id}}", {"id": id})
        if placeholders(path):
            raise InvalidQueryError(f"One row of {row.name!r} is read by its path with all ids filled in: {row.item_path or row.path}.")
        request = Request.get(path, params)
        try:
            return await self._sender.send(request, lambda response: read_record(request, response), resource=row)
        except UnexpectedAnswerError as error:
            if row.id_in in params and "0 records" in str(error):
                raise NotFoundError(f"{row.name} has no row with id {id!r}.", status=404, method="GET", path=path) from None
            raise

    async def pages(
        self,
        resource: str,
        *,
        query: Query | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        parent_ids: Iterable[ParentId] | None = None,
        parent_query: Query | None = None,
        start: Position | None = None,
    ) -> AsyncGenerator[Page, None]:
        """The pages of a list, in order, read ahead within the quota and ``max_concurrency``.

        :param query: filters; ``include`` brings what it needs in addition.
        :param since: only rows changed at or after this moment (created, where the list knows no change date). For a child resource
            that knows no date, the children of parents changed since then.
        :param until: only rows changed at or before it.
        :param parent_ids: for a child resource, the parents to read; None reads the children of all parents.
        :param parent_query: for a child resource, filters for the parents.
        :param start: the ``position`` of a page of an earlier read with the same arguments; the read continues behind that page. Some
            rows before it may come again, none behind it is missed.
        :raises InvalidQueryError: before anything is sent.
        """
        row, window = resource_of(resource), window_between(since, until)
        parent_ids = optional(ids(of_parents=True))("parent_ids", parent_ids)
        if parent_query:
            check_parameters(ancestor_of(row) or row, parent_query, "parent_query")
        self._warn_of_deprecation(row)
        parents = dict(parent_query or {})
        params = dict(query or {})
        if window.is_bounded and not (row.modified or row.created) and row.parent:
            parents = {**window_query(resource_of(row.parent), window), **parents}
        else:
            params = {**window_query(row, window), **params}
        number = 0
        async for records, total, position in self._walker.records(row, params, parent_ids, parents, start):
            number += 1
            self.stats.pages += 1
            self.stats.rows += len(records)
            yield Page(records, number, total, position)

    async def rows(
        self,
        resource: str,
        *,
        query: Query | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        parent_ids: Iterable[ParentId] | None = None,
        parent_query: Query | None = None,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The rows of a list as dicts, in order; arguments as in :meth:`pages`."""
        pages = self.pages(resource, query=query, since=since, until=until, parent_ids=parent_ids, parent_query=parent_query)
        try:
            async for page in pages:
                for row in page.rows():
                    yield row
        finally:
            await pages.aclose()

    async def count(
        self, resource: str, *, query: Query | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> int:
        """How many rows a list has: by its count endpoint or ``meta.pagination.total`` where there is one, else by reading it."""
        row = resource_of(resource)
        params = {**window_query(row, window_between(since, until)), **(query or {})}
        check_query(row, params)
        if row.count_path is not None and is_counted(row, params):
            request = Request.get(row.count_path, params)
            return count_of(request, await self._walker.read(request, row))
        if row.api_version == "v3" and row.kind == "collection" and not row.parent_keys and row.page_size:
            for limit in (1, row.page_size):  # a total of the rows in hand is none of the list: once more, with more rows
                listing = await self._walker.read(Request.get(row.path, {**full_query(row, params), "limit": limit}), row)
                total = told_total(listing)
                if total is not None and (total > len(listing.records) or len(listing.records) < limit):
                    return total
        count = 0
        async for records, _, _ in self._walker.records(row, params, None, {}):
            count += len(records)
        return count

    async def now(self, *, last: datetime | None = None) -> datetime:
        """The store's own time, whole seconds, UTC; asked for up to three times where it and the worker's clock contradict each other.

        :param last: the store's time that an earlier run used, which this one cannot lie before.
        :raises ClockError: the answers contradict each other, or none tells the time.
        """
        answers: list[Answer] = []
        while True:
            answers.append(await self._time())
            settled = settle(answers, last=last)
            if settled is not None:
                if settled.doubt is not None:
                    log.warning("%s", settled.doubt)
                return settled.now

    async def began(self, *, last: datetime | None = None) -> datetime:
        """The store's time of this object's first answer; whole seconds, UTC.

        :param last: the store's time at which the last run began to read.
        :raises ClockError: it is in doubt, and so is what the store says now.
        """
        found = self.heard.began(last)
        if found is not None:
            return found
        first = self.heard.first
        now = await self.now()
        return now if first is None else whole_seconds(now - (datetime.now(UTC) - first[0]))

    async def _time(self) -> Answer:
        """One answer of ``/v2/time``; a refusal carries a date as well."""
        body: object = None
        with contextlib.suppress(PermissionDeniedError):
            response = await self.request("GET", "/v2/time")
            with contextlib.suppress(msgspec.DecodeError):
                body = response.json()
        at, header = self.heard.latest or (datetime.now(UTC), "")
        return Answer(at, date_of(header), moment_of(body.get("time")) if isinstance(body, Mapping) else None)

    async def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run an Admin GraphQL query or mutation; the answer's ``data``.

        :raises GraphQLError: errors in the answer, top-level or in a mutation's payload; a query may have failed in part only.
        :raises AuthenticationError: 401, which GraphQL also answers to an expired or foreign token.
        """
        data: dict[str, Any] = python_value((await self._graphql(graphql_request(query, variables))).data)
        return data

    async def graphql_pages(
        self, query: str, variables: Mapping[str, Any] | None = None, *, cursor_variable: str = "after", connection: str | None = None
    ) -> AsyncGenerator[Page, None]:
        """The nodes of a Relay connection, page by page.

        :param query: with ``pageInfo { hasNextPage endCursor }`` and a variable for the cursor.
        :param cursor_variable: name of that variable, without ``$``.
        :param connection: dotted path of the connection in the answer, where there is more than one.
        """
        walk = ConnectionWalk(query, variables, cursor_variable=cursor_variable, connection=connection)
        number = 0
        while not walk.is_done:
            nodes = walk.absorb(await self._graphql(walk.request()))
            if nodes:
                number += 1
                self.stats.pages += 1
                self.stats.rows += len(nodes)
                yield Page(nodes, number)

    async def _graphql(self, request: Request) -> GraphQLAnswer:
        answer = await self._sender.send(request, read_graphql)
        if answer.complexity is not None:
            self.stats.graphql_complexity = max(self.stats.graphql_complexity or 0, answer.complexity)
        return answer

    # -- writing ------------------------------------------------------------------------------------------------------------

    async def create(self, resource: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Create one row; the answer's record, ``{}`` where BigCommerce sends none.

        :raises UnclearWriteError: it may have been created, and a second sending could create it twice.
        """
        known = resource_of(resource)
        write = _write(known, known.create, "created")
        return await self._write(known, write, write.path, row, key=None)

    async def update(
        self,
        resource: str,
        id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
        row: Mapping[str, Any] | None = None,
        *,
        merge: bool = False,
    ) -> dict[str, Any]:
        """Change one row, or a singleton; the answer's record, ``{}`` where BigCommerce sends none.

        :param id: the row's id; None for a singleton, or the id of what it belongs to (a channel's settings).
        :param row: the fields to change.
        :param merge: whether to read the record first and send it whole, with the change in it: objects are merged field by field, lists
            replaced. Many settings lose what a PUT leaves out, or BigCommerce does not say. What somebody changes between the two requests
            is overwritten.
        :raises InvalidQueryError: no id for a resource of many rows, or no row.
        :raises UnclearWriteError: it may have been changed, and a second sending could add nested rows twice, or overwrite sales.
        """
        known = resource_of(resource)
        write = _write(known, known.update, "updated")
        if row is None or not isinstance(row, Mapping) or not row:
            raise InvalidQueryError(f"update({known.name!r}) got no row. Accepted: row={{field: value, ...}}.")
        if id is None and known.kind != "singleton":
            raise InvalidQueryError(
                f"update({known.name!r}) got no id, and the resource has many rows. Accepted: update({known.name!r}, id, row)."
            )
        if merge:
            names = placeholders(known.path)
            columns = {column_of(name): row[column_of(name)] for name in names if column_of(name) in row}
            if known.kind == "singleton" and names:  # one for each channel, say
                values: dict[str, int | str] = {name: columns[column_of(name)] for name in names if column_of(name) in columns}
                held = await self.get(filled(known.path, values if id is None else {**values, names[-1]: id}))
            else:
                held = await self.get(resource, id)
            row = {**merged(held, row, fields_of(write)), **columns}
        return await self._write(known, write, write.path, row, key=id)

    async def write(
        self,
        resource: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        operation: Operation,
        match_on: str | Sequence[str] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[Outcome, None]:
        """Write many rows; one outcome for each, as it is known, not in the input's order (``Outcome.row`` is the place in it).

        Rows are checked against the published fields first, then sent in requests as large, and as many at once, as is documented. A
        refused request is taken apart until the bad row stands alone. A row whose answer was unclear is sent again only where that cannot
        do it twice; else it is looked up, and is ``unknown`` where the store's rows do not tell. Memory does not grow with the input. An
        upsert that BigCommerce carries out itself does not tell new rows from others: its outcome is ``updated``.

        :param rows: the rows. A list, or what can be iterated again, is read once for doubled keys before anything is sent; an iterator
            is read once, and doubled keys are found within some thousand rows, and later rows of an earlier key.
        :param operation: ``create``, ``update``, ``upsert`` or ``delete``.
        :param match_on: field, or fields, by which the store's rows are found (``"sku"``); None takes the rows' ids, or the key by which
            the store itself finds them.
        :param beside: fields of the body in addition to the rows, such as the ``reason`` of a stock adjustment.
        :raises InvalidQueryError: before anything is sent: no such call, or no way to find rows by ``match_on``.
        :raises PermissionDeniedError: the token lacks the scope; like every error that ends the run, it is raised after the outcomes of
            all rows, those of the rest being ``not_sent``. A caller that stops early gives up what is under way.
        """
        outcomes = write_rows(self._writing(resource, operation, match_on, beside), rows)
        try:
            async for outcome in outcomes:
                yield outcome
        finally:
            await outcomes.aclose()

    def _writing(
        self, resource: str, operation: Operation, match_on: str | Sequence[str] | None, beside: Mapping[str, Any] | None
    ) -> Writing:
        """A write that its caller drives: :meth:`write`, and :class:`BlockingStore`, which reads the input in its own thread."""
        known = resource_of(resource)
        self._warn_of_deprecation(known)
        return self.writing(route_of(known, operation, match_on), beside=beside)

    def writing(
        self, route: Route, *, beside: Mapping[str, Any] | None = None, before_send: Callable[[Send], Awaitable[None]] | None = None
    ) -> Writing:
        """A write whose rows, calls and answers its caller goes through one by one: what applies a plan; see :class:`Writing`."""
        return Writing(self._sender, route, at_once=self._at_once, beside=beside, before_send=before_send)

    def finding(self, route: Route, fields: Iterable[str] = (), *, needs_rows: bool = True) -> Finding:
        """What finds the store's own rows of those that are to be written, to compare with: for plans.

        :param route: how the rows will go to the store.
        :param fields: fields that will be compared.
        :param needs_rows: whether the rows are wanted, and not their ids alone.
        """
        self._warn_of_deprecation(route.resource)

        def rows(resource: str, includes: tuple[str, ...]) -> AsyncGenerator[dict[str, Any], None]:
            return self.rows(resource, query={"include": ",".join(includes)} if includes else None)

        return Finding(self._sender, route, count=self.count, rows=rows, at_once=self._at_once, fields=fields, needs_rows=needs_rows)

    async def delete(self, resource: str, *, ids: Sequence[RowKey]) -> None:
        """Delete (orders: archive) the rows of these ids, in as many requests as their number takes; one that fails ends it.

        :param ids: ids, or, where a row is named by more than one value, mappings: ``{"product_id": 5, "category_id": 7}``.
        :raises InvalidQueryError: no ids: BigCommerce would take that for "all"; or an id that does not name a row fully.
        :raises ValidationError: the store refused, or says that some rows were not deleted.
        """
        known = resource_of(resource)
        write = _write(known, known.delete, "deleted")
        if not isinstance(ids, (str, bytes, Mapping)):
            ids = _IDS("ids", ids)
        if not ids or isinstance(ids, (str, bytes, Mapping)):
            raise InvalidQueryError(f"delete({known.name!r}) got no list of ids. Without ids, BigCommerce would delete everything.")
        for request in delete_requests(known, write, ids):
            await self._sender.send(request, partial(require_all_deleted, request), resource=known, write=write)

    async def listed(self, path: str, query: Query | None = None) -> list[dict[str, Any]] | None:
        """All rows that a short list has now; None where there is no such list (404). Long lists are read by :meth:`rows`.

        :param path: the list's path, ids filled in.
        :param query: filters.
        """
        return await direct.listed(self._sender, checked(path), query or {})

    async def answered(self, method: str, path: str, body: object) -> Response | Unclear | Hopeless:
        """What came of one write: an answer, a refusal included; no clear answer; or certainly nothing. It is repeated by its repeat rule.

        :param body: what is sent as JSON; a decimal is written digit by digit.
        """
        return await direct.answered(self._sender, Request(method, checked(path), (), _BODIES.encode(body)))

    async def _write(self, known: Resource, write: Write, path: str, row: Mapping[str, Any], *, key: int | str | None) -> dict[str, Any]:
        names = placeholders(path)
        body: dict[str, Any] = dict(row)
        values: dict[str, int | str] = {name: body.pop(column_of(name)) for name in names if column_of(name) in body}
        if key is not None:
            if names:
                values[names[-1]] = key
            else:
                body = {known.primary_key[-1]: key, **body}
        content: Any = [body] if write.is_batch else body
        if write.list_field is not None:
            content = {write.list_field: content}
        request = Request(write.method, filled(path, values), (), msgspec.json.encode(content))

        def record(response: Response) -> dict[str, Any]:
            if response.status == 204 or not response.body.strip():
                return {}
            if response.status == 207:
                log.warning("%s The row was saved, but a part of it was not.", error_from(request, response))
            return read_record(request, response, may_be_left_out=write.failed_by == "match")

        return await self._sender.send(request, record, resource=known, write=write)

    def _warn_of_deprecation(self, row: Resource) -> None:
        if row.deprecated and row.name not in self._warned:
            self._warned.add(row.name)
            successor = f"; its successor is {row.replaced_by!r}" if row.replaced_by else ""
            log.warning("BigCommerce has deprecated %r%s.", row.name, successor)


def _write(known: Resource, write: Write | None, done: str) -> Write:
    if write is None:
        raise InvalidQueryError(f"{known.name!r} cannot be {done} through BigCommerce's API.")
    return write
