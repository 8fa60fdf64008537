"""The one place that sends a verb of ours to BigCommerce: session, quota, retries and walks, awaited.

Decides nothing itself: ``core`` says which request comes next, whether it may be sent, and what an answer means.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random as random_module
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.arguments import Checks, ids, integer, number, one_id, optional, seconds
from airflow_provider_bigcommerce.core.budget import Budget, Ticket
from airflow_provider_bigcommerce.core.catalog import Embedded, Resource, Write
from airflow_provider_bigcommerce.core.clocks import Answer, Heard, date_of, moment_of, settle
from airflow_provider_bigcommerce.core.concurrency import Change, Concurrency, Endpoint, Place
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, is_loopback
from airflow_provider_bigcommerce.core.ends import PageLengths, told_total
from airflow_provider_bigcommerce.core.graphql import ConnectionWalk, GraphQLAnswer, graphql_request, read_graphql
from airflow_provider_bigcommerce.core.id_ranges import count_of
from airflow_provider_bigcommerce.core.messages import METHODS, Query, Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.outside_text import content_type
from airflow_provider_bigcommerce.core.paging import Columns, FanOut, Walk, dig, fields_of, with_columns
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
    walk_of,
)
from airflow_provider_bigcommerce.core.policy import Deliver, Fail, Fault, Limits, Wait, is_doubtful, judge, quota_too_late, sign_of
from airflow_provider_bigcommerce.core.positions import ParentId, Passed, Position, below, passed_over
from airflow_provider_bigcommerce.core.reading import Listing, Meta, NoListError, read_listing, read_record
from airflow_provider_bigcommerce.core.redaction import redacted
from airflow_provider_bigcommerce.core.redirects import Refused, next_url
from airflow_provider_bigcommerce.core.whole_collection import require_part
from airflow_provider_bigcommerce.core.windows import whole_seconds, window_between, window_query
from airflow_provider_bigcommerce.exceptions import (
    InvalidQueryError,
    LongWaitError,
    NotFoundError,
    PermissionDeniedError,
    UnexpectedAnswerError,
    ValidationError,
)

T = TypeVar("T")
_IDS = ids()  # by another name, for verbs whose argument is called so
log = logging.getLogger(__name__)

#: Rows, how many the whole list has where the store says so, and the position behind them.
Found = tuple[Sequence[msgspec.Raw], int | None, Position | None]

#: Ids of one request go into its URL; proxies and servers refuse URLs much over 8 KB.
_IDS_TEXT = 4000
#: Bytes of an answer that are taken before it is read on. Pages are read whole, so that stopping every 64 KiB, aiohttp's default,
#: only costs: 10% of the CPU of a read (measured on pages of 0.8 MB).
_READ_BUFFER = 2**20
#: Seconds between two lines that say the same, where a read waits for the quota again and again.
_RARELY = 300.0
#: Seconds after which a task that gave its slot back comes again at the latest, whatever a header says: then it asks anew.
_COME_AGAIN = 3600.0
_DIGITS = re.compile(r"/\d+")


_SETTINGS: Checks = {
    "timeout": seconds(is_open=True),
    "quota_share": number(0, 1, is_open=True),
    "max_concurrency": integer(1),
    "max_attempts": integer(1),
    "max_wait": seconds(),
    "hand_back_after": optional(seconds(is_open=True)),
}


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How a store is talked to; the connection's extras set these.

    :param timeout: seconds without a byte from BigCommerce before an attempt is given up.
    :param total_timeout: seconds that one attempt may take in all, so that a server that sends a byte now and then ends too.
    :param max_answer_bytes: most bytes of one answer, decompressed; more is an error. A page of 250 rows has some hundred KB, and with
        everything included some tens of MB.
    :param verify: whether to check TLS certificates, or the path of a CA file.
    :param proxy: URL of an HTTP proxy, or None; the environment's is the hook's to find. Not used to reach this machine.
    :param quota_share: fraction of the store's quota that may be used; the rest stays for the merchant's other apps.
    :param max_concurrency: requests at once, of all kinds together. There are fewer while an endpoint fails, is far slower than it
        can be, or refuses as many.
    :param max_attempts: attempts of one request after faults and 5xx, the first included.
    :param max_wait: seconds that one request may spend waiting in all, quota waits included.
    :param hand_back_after: seconds without an answer worth having after which a further wait is refused by :class:`LongWaitError`, or None.
    :param correlation_id: value of ``X-Correlation-Id``, the same for all requests of a task; empty for none.
    :param user_agent: value of ``User-Agent``.
    """

    timeout: float = 60.0
    total_timeout: float = 300.0
    max_answer_bytes: int = 256 * 2**20
    verify: bool | str = True
    proxy: str | None = None
    quota_share: float = 1.0
    max_concurrency: int = 20
    max_attempts: int = 10
    max_wait: float = 900.0
    hand_back_after: float | None = None
    correlation_id: str = ""
    user_agent: str = f"airflow-provider-bigcommerce/{__version__}"

    def __post_init__(self) -> None:
        for name, check in _SETTINGS.items():
            check(name, getattr(self, name))


@dataclass(slots=True)
class ReadStats:
    """What a store object has done so far; counts, seconds and bytes.

    :param requests: requests sent, repetitions included.
    :param throttled: answers with status 429.
    :param retries: repetitions after faults and 5xx.
    :param waited_seconds: time spent waiting for the quota or before repetitions, summed over requests.
    :param vanished_parents: parents whose child list answered 404: deleted while reading.
    :param quota: requests the store grants a window, None where unknown or unlimited.
    :param quota_left: what is left of it for us.
    :param graphql_complexity: the highest complexity of a GraphQL query so far (the store refuses more than 10,000), or None.
    """

    requests: int = 0
    throttled: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    bytes: int = 0
    pages: int = 0
    rows: int = 0
    vanished_parents: int = 0
    quota: int | None = None
    quota_left: int | None = None
    graphql_complexity: int | None = None
    window_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list, as they came.

    :param records: raw JSON of each row, in the list's order, with the parent's key columns.
    :param number: 1-based place among the pages of this read.
    :param total: rows the store says the whole list has, where it says so; also where the read began at a position.
    :param position: where a read of the same list goes on behind this page; None where it must begin anew.
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
        self._credentials = credentials
        self._settings = settings or StoreSettings()
        self._clock, self._sleep, self._random = clock, sleep, random
        # A proxy would take the token off this machine, and has another machine behind the name.
        self._proxy = None if is_loopback(urlsplit(credentials.base_url).hostname or "") else self._settings.proxy
        self._limits = Limits(self._settings.max_attempts, self._settings.max_wait)
        self._budget = Budget(self._settings.quota_share)
        self._answered = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._concurrency = Concurrency(self._settings.max_concurrency)
        self._waiting: deque[tuple[Endpoint, asyncio.Future[Place]]] = deque()
        self._told_until, self._told_quota = 0.0, 0
        self._delivered_at = clock()
        #: What the answers said of the store's time.
        self.heard = Heard()
        self._good: set[str] = set()  # endpoints that have answered well
        self._warned: set[str] = set()
        self.stats = ReadStats()

    @property
    def store_hash(self) -> str:
        """The store's hash."""
        return self._credentials.store_hash

    async def __aenter__(self) -> Self:
        settings = self._settings
        tls: ssl.SSLContext | bool = bool(settings.verify)
        if isinstance(settings.verify, str) and self._credentials.store_url.startswith("https:"):
            tls = await asyncio.to_thread(ssl.create_default_context, cafile=settings.verify)
        headers = {"X-Auth-Token": self._credentials.access_token, "Accept": "application/json", "User-Agent": settings.user_agent}
        if settings.correlation_id:
            headers["X-Correlation-Id"] = settings.correlation_id
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=settings.max_concurrency, ssl=tls),
            timeout=aiohttp.ClientTimeout(
                total=settings.total_timeout, sock_connect=min(settings.timeout, 30.0), sock_read=settings.timeout
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER,
            # Not trust_env: it sends the host's entry of ~/.netrc as Authorization. The hook looks up the environment's proxy instead.
            trust_env=False,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    # -- reading ------------------------------------------------------------------------------------------------------------

    async def request(
        self, method: str, path: str, *, params: Query | None = None, json: object = None, whole_collection: bool = False
    ) -> Response:
        """Send any request below the store, with the same quota, retry and error rules as every verb.

        :param path: ``/v3/...`` or ``/v2/...``, without a query.
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
        return await self._send(request, lambda response: response, whole_collection=whole_collection)

    async def get(self, resource: str, id: int | str | None = None, *, query: Query | None = None) -> dict[str, Any]:  # noqa: A002  # BigCommerce's noun
        """One record: a singleton, or the row of that id.

        :param resource: catalog name or path; a path may already end with the id.
        :raises NotFoundError: there is none.
        """
        row = resource_of(resource)
        check_parameters(row, query or {}, is_one=id is not None)
        id = optional(one_id())("id", id)  # noqa: A001  # BigCommerce's noun
        path, params = row.path, full_query(row, query)
        if id is not None and row.id_placeholder:
            path = filled(path, {row.id_placeholder: id})
        elif id is not None and row.item_path is not None and not row.placeholders:
            path = filled(row.item_path, dict.fromkeys(placeholders(row.item_path), id))
        elif id is not None and row.id_in is not None:
            params[row.id_in] = str(id)  # no GET by id exists (V3 customers)
        elif id is not None:
            path = filled(f"{path}/{{id}}", {"id": id})
        if placeholders(path):
            raise InvalidQueryError(f"One row of {row.name!r} is read by its path with all ids filled in: {row.item_path or row.path}.")
        request = Request.get(path, params)
        try:
            return await self._send(request, lambda response: read_record(request, response), resource=row)
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

        :param query: filters; ``include`` brings what it needs beside it.
        :param since: only rows changed at or after this moment (created, where the list knows no change date). For a child resource
            that knows no date, the children of parents changed since then.
        :param until: only rows changed at or before it.
        :param parent_ids: for a child resource, the parents to read; None reads the children of all parents.
        :param parent_query: for a child resource, filters for the parents.
        :param start: the ``position`` of a page of an earlier read with the same arguments; the read goes on behind that page. Some
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
        async for records, total, position in self._records(row, params, parent_ids, parents, start):
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
            return count_of(request, await self._read(request, row))
        if row.api_version == "v3" and row.kind == "collection" and not row.parent_keys and row.page_size:
            for limit in (1, row.page_size):  # a total of the rows in hand is none of the list: once more, with more rows
                listing = await self._read(Request.get(row.path, {**full_query(row, params), "limit": limit}), row)
                total = told_total(listing)
                if total is not None and (total > len(listing.records) or len(listing.records) < limit):
                    return total
        count = 0
        async for records, _, _ in self._records(row, params, None, {}):
            count += len(records)
        return count

    async def now(self, *, last: datetime | None = None) -> datetime:
        """The store's own time, whole seconds, UTC; asked for up to three times where it and the worker's clock contradict each other.

        :param last: the store's time that an earlier run went by, which this one cannot lie before.
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
        cursor: str | None = None
        number = 0
        while number == 0 or cursor is not None:
            nodes, cursor = walk.absorb(await self._graphql(walk.request(cursor)))
            number += 1
            self.stats.pages += 1
            self.stats.rows += len(nodes)
            yield Page(nodes, number)

    async def _graphql(self, request: Request) -> GraphQLAnswer:
        answer = await self._send(request, read_graphql)
        if answer.complexity is not None:
            self.stats.graphql_complexity = max(self.stats.graphql_complexity or 0, answer.complexity)
        return answer

    # -- writing ------------------------------------------------------------------------------------------------------------

    async def create(self, resource: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Create one row; the answer's record, ``{}`` where BigCommerce sends none. Never repeated after an unclear failure."""
        known = resource_of(resource)
        write = _write(known, known.create, "created")
        return await self._write(known, write, write.path, row, key=None)

    async def update(self, resource: str, id: int | str, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002  # BigCommerce's noun
        """Change one row; the answer's record, ``{}`` where BigCommerce sends none."""
        known = resource_of(resource)
        write = _write(known, known.update, "updated")
        return await self._write(known, write, write.path, row, key=id)

    async def delete(self, resource: str, *, ids: Sequence[int | str]) -> None:
        """Delete (orders: archive) the rows of these ids.

        :raises InvalidQueryError: no ids: BigCommerce would take that for "all".
        """
        known = resource_of(resource)
        write = _write(known, known.delete, "deleted")
        if not isinstance(ids, (str, bytes, Mapping)):
            ids = _IDS("ids", ids)
        if not ids or isinstance(ids, (str, bytes, Mapping)):
            raise InvalidQueryError(f"delete({known.name!r}) got no list of ids. Without ids, BigCommerce would delete everything.")
        for place, key in enumerate(ids):
            if isinstance(key, bool) or not isinstance(key, (int, str)) or not str(key).strip() or "," in str(key):
                raise InvalidQueryError(f"delete({known.name!r}): ids[{place}] is no id. Accepted: numbers and texts, one id each.")
        names = placeholders(write.path)
        if names:
            for key in ids:
                path = filled(write.path, {names[-1]: key})
                await self._send(Request("DELETE", path), lambda response: response, resource=known, write=write)
            return
        for chunk in _chunks(ids, write.batch_size):
            if write.required_filters:
                request = Request("DELETE", write.path, ((write.required_filters[0], chunk),))
            else:
                keys = chunk.split(",")
                body = [int(key) if key.isdecimal() else key for key in keys]
                request = Request("DELETE", write.path, (), msgspec.json.encode(body))
            await self._send(request, lambda response: response, resource=known, write=write)

    async def _write(self, known: Resource, write: Write, path: str, row: Mapping[str, Any], *, key: int | str | None) -> dict[str, Any]:
        names = placeholders(path)
        body: dict[str, Any] = dict(row)
        values: dict[str, int | str] = {name: body.pop(column_of(name)) for name in names if column_of(name) in body}
        if key is not None:
            if names:
                values[names[-1]] = key
            else:
                body = {known.primary_key[-1]: key, **body}
        is_batch = write.batch_size != 1
        request = Request(write.method, filled(path, values), (), msgspec.json.encode([body] if is_batch else body))

        def record(response: Response) -> dict[str, Any]:
            return {} if response.status == 204 or not response.body.strip() else read_record(request, response)

        return await self._send(request, record, resource=known, write=write)

    def _warn_of_deprecation(self, row: Resource) -> None:
        if row.deprecated and row.name not in self._warned:
            self._warned.add(row.name)
            successor = f"; its successor is {row.replaced_by!r}" if row.replaced_by else ""
            log.warning("BigCommerce has deprecated %r%s.", row.name, successor)

    # -- walking ------------------------------------------------------------------------------------------------------------

    async def _records(
        self,
        row: Resource,
        query: Query,
        parent_ids: Iterable[ParentId] | None,
        parent_query: Query,
        start: Position | None = None,
    ) -> AsyncGenerator[Found, None]:
        """The rows of a resource, by the cheapest way that BigCommerce offers."""
        check_query(row, query)
        if not row.parent_keys and row.id_placeholder is None:
            if parent_ids is not None or parent_query:
                raise InvalidQueryError(f"{row.name!r} is one list for the whole store; it has no parents to choose. Use query=.")
            walks = [partial(walk_of, row, row.path, part) for part in _parts(query)]
            async for found in self._walk(walks[0](start) if len(walks) == 1 else FanOut((({}, walk) for walk in walks), start), row):
                yield found
        elif parent_ids is not None:
            if parent_query:
                raise InvalidQueryError(
                    f"parent_ids of {row.name!r} go neither with parent_query nor with since or until, which choose its parents: chosen "
                    "parents are read whatever they are. Leave one of them out."
                )
            async for found in self._fan_out(row, query, parent_ids, start):
                yield found
        elif row.store_wide is not None and row.store_wide_keys and not query and not parent_query:
            async for found in self._store_wide(row, resource_of(row.store_wide), start):
                yield found
        elif row.parent is None or row.id_placeholder is not None:
            raise InvalidQueryError(f"{row.name!r} has no list: BigCommerce reads it by {row.id_placeholder} only. Give parent_ids=[...].")
        elif row.embedded is not None and not query:
            async for found in self._embedded(row, row.embedded, resource_of(row.parent), parent_query, start):
                yield found
        else:
            async for found in self._by_parent(row, query, resource_of(row.parent), parent_query, start):
                yield found

    async def _store_wide(self, row: Resource, wide: Resource, start: Position | None) -> AsyncGenerator[Found, None]:
        """The children of all parents out of one list for the whole store, each with its parent's key."""
        sources = tuple(row.store_wide_keys.values())
        names = [column_of(name) for name in row.store_wide_keys]
        async for records, total, position in self._records(wide, {}, None, {}, start):
            found: list[msgspec.Raw] = []
            for record in records:
                keys = [python_value(key) for key in fields_of(record, sources) if key is not None]
                found += with_columns([record], dict(zip(names, keys, strict=True)))
            yield found, total, position

    async def _embedded(
        self, row: Resource, embedded: Embedded, parent: Resource, parent_query: Query, start: Position | None
    ) -> AsyncGenerator[Found, None]:
        """The rows out of their parents' rows; one by one where the store refuses the include.

        Positions are those of :meth:`_by_parent`, which may have to go on from them.
        """
        included = {**parent_query, "include": embedded.include} if embedded.include else parent_query
        sources = tuple(row.parent_keys.values())
        paths = [tuple(name.split(".")) for name in embedded.fields]
        before: Position | None = (start or {}).get("parents")
        has_begun = False
        try:
            async for parents, _, behind in self._parents(parent, included, before):
                has_begun = True
                found: list[msgspec.Raw] = []
                cut: list[ParentId] = []
                for record in parents:
                    keys = [python_value(key) for key in fields_of(record, sources) if key is not None]
                    parent_id = dict(zip(row.parent_keys, keys, strict=True))
                    children = [child for path in paths for child in dig(record, path)]
                    carried = fields_of(record, tuple({path[0] for path in paths}))
                    is_ignored = embedded.include is not None and all(field is None for field in carried)  # no field is no empty list
                    if is_ignored or (embedded.limit is not None and not 0 < len(children) < embedded.limit):
                        cut.append(parent_id)  # it may have more than came
                    else:
                        found += with_columns(children, {column_of(name): key for name, key in parent_id.items()})
                if found:
                    yield found, None, below(before if cut else behind)
                async for whole, _, inner in self._fan_out(row, {}, cut):
                    yield whole, None, below(behind if inner and inner["done"] == len(cut) else before)
                before = behind
        except ValidationError as error:
            if has_begun or embedded.include is None:
                raise
            log.warning("%s; reading %s by parent instead.", error, row.name)
            async for one in self._by_parent(row, {}, parent, parent_query, start):
                yield one

    async def _by_parent(
        self, row: Resource, query: Query, parent: Resource, parent_query: Query, start: Position | None
    ) -> AsyncGenerator[Found, None]:
        """The children of every parent that a list of parents has.

        A position is where that list goes on, and how many parents from there on have given all their children.
        """
        asked: set[tuple[int | str, ...]] = set()
        before: Position | None = (start or {}).get("parents")
        async for parents, _, behind in self._parents(parent, parent_query, before):
            keys = [_keys(row, python_value(record)) for record in parents]
            fresh = {tuple(key.values()): key for key in keys if tuple(key.values()) not in asked}
            if len(row.parent_keys) > 1:  # only a combination of keys can come twice
                asked.update(fresh)
            async for records, total, inner in self._fan_out(row, query, [*fresh.values()], start):
                is_over = behind is not None and inner is not None and inner["done"] == len(fresh)
                yield records, total, below(behind) if is_over else below(before, inner)
            before, start = behind, None

    def _parents(self, parent: Resource, query: Query, start: Position | None) -> AsyncGenerator[Found, None]:
        """A parent's rows; what narrows them goes up to the resource that has no parent itself."""
        return self._records(parent, {}, None, query, start) if parent.parent_keys else self._records(parent, query, None, {}, start)

    async def _fan_out(
        self, row: Resource, query: Query, parent_ids: Iterable[ParentId], start: Position | None = None
    ) -> AsyncGenerator[Found, None]:
        """The children of these parents.

        A position is how many parents are done, where the next one's list goes on, and a checksum of their keys: other parents in their
        place are not passed over.
        """
        names = [*row.placeholders]
        batched = [name for name in row.parent_keys if name not in names]
        before, ids, begin = passed_over(parent_ids, start)
        lengths = PageLengths()
        ends = deque[Passed]()  # behind each list under way, in order

        def walks() -> Iterator[tuple[Columns, Callable[[Position | None], Walk]]]:
            passed = before
            for parent in ids:
                keys = dict(parent) if isinstance(parent, Mapping) else {names[-1]: parent}
                columns = {column_of(name): value for name, value in keys.items()}
                ends.append(passed := passed.with_parents(parent))
                yield columns, partial(walk_of, row, filled(row.path, keys), query, lengths=lengths)

        def batches() -> Iterator[tuple[Columns, Callable[[Position | None], Walk]]]:
            passed = before
            keys = [next(iter(parent.values())) if isinstance(parent, Mapping) else parent for parent in ids]
            for chunk in _chunks(keys, row.page_size or None) if keys else ():
                ends.append(passed := passed.with_parents(*chunk.split(",")))
                yield {}, partial(walk_of, row, row.path, {**query, batched[0]: chunk})

        walk = FanOut(batches() if batched else walks(), begin)
        over, passed = 0, before
        async for records, total, position in self._walk(walk, row, parent_may_vanish=not batched):
            while position is not None and over < position["done"]:
                over, passed = over + 1, ends.popleft()
            yield records, total, passed.position(ends[0] if ends else passed, None if batched else position)

    async def _walk(self, walk: Walk, row: Resource, *, parent_may_vanish: bool = False) -> AsyncGenerator[Found, None]:
        """Send what the walk plans, look ahead a little further than ``max_concurrency``, deliver in order.

        An answer makes room for the next request at once, however long the page before is being written. When the next page in order is
        late (it is being repeated, say) and half of the others have come, the read goes on up to twice as far.
        """
        slots: deque[tuple[Request, asyncio.Task[Listing]]] = deque()
        most = self._settings.max_concurrency
        answered = asyncio.Event()
        is_over = False

        def fill() -> None:
            under_way = sum(not task.done() for _, task in slots)
            is_late = len(slots) - under_way >= max(1, most // 2) and not slots[0][1].done()
            ahead = min(2 * most if is_late else most + most // 4, len(slots) + most - under_way)
            while len(slots) < ahead and (planned := walk.next_request()) is not None:
                slots.append(start(planned))

        def ended(_: asyncio.Task[Listing]) -> None:
            answered.set()
            if not is_over:
                fill()

        def start(request: Request) -> tuple[Request, asyncio.Task[Listing]]:
            task = asyncio.create_task(self._read(request, row, parent_may_vanish=parent_may_vanish))
            task.add_done_callback(ended)
            return request, task

        told: int | None = None
        try:
            while True:
                fill()
                if not slots:
                    return
                while not slots[0][1].done():
                    answered.clear()
                    await answered.wait()
                request, task = slots.popleft()
                step = walk.absorb(request, task.result())
                slots.extendleft(start(follow) for follow in reversed(step.follow))
                if step.records or (step.total is not None and step.total != told):  # a number of rows is told, too, where none came
                    yield step.records, step.total, walk.position
                told = step.total if step.total is not None else told
        finally:
            is_over = True
            for _, task in slots:
                task.cancel()
            await asyncio.gather(*(task for _, task in slots), return_exceptions=True)

    async def _read(self, request: Request, row: Resource, *, parent_may_vanish: bool = False) -> Listing:
        is_list = row.kind in ("collection", "lookup") and request.path != row.count_path
        read = partial(read_listing, request, envelope=row.envelope, may_be_204=row.empty_is_204, is_list=is_list)
        for is_last in (not parent_may_vanish, True):
            try:
                return await self._send(request, read, resource=row)
            except NotFoundError:
                if not parent_may_vanish:
                    raise
                if is_last:  # two answers say so
                    break
        self.stats.vanished_parents += 1
        return Listing([], Meta(), is_gone=True)

    # -- sending ------------------------------------------------------------------------------------------------------------

    async def _send(
        self,
        request: Request,
        parse: Callable[[Response], T],
        *,
        resource: Resource | None = None,
        write: Write | None = None,
        whole_collection: bool = False,
    ) -> T:
        """One request until it is delivered or judged hopeless; ``parse`` belongs to the attempt, for a cut body is a fault."""
        checked(request.path)
        require_part(request.method, request.path, request.params, request.body, whole_collection=whole_collection)
        concurrency = write.concurrency if write else (resource.concurrency if resource and request.method == "GET" else None)
        scopes = () if resource is None else resource.modify_scopes if write else resource.read_scopes
        path = write.path if write else resource.path if resource else _DIGITS.sub("/{id}", request.path)
        endpoint = self._concurrency.endpoint(request.method, path, concurrency)
        attempt, waited, may_doubt = 1, 0.0, True
        while True:
            place, outcome = await self._enter(endpoint), None
            try:
                outcome = await self._attempt(request, place, waited)
            finally:
                self._leave(place, outcome, request)
            doubted = may_doubt and is_doubtful(request, outcome, has_any=bool(self._good), has_same=path in self._good)
            may_doubt = may_doubt and not doubted
            verdict = judge(
                request,
                outcome,
                attempt=attempt,
                waited=waited,
                limits=self._limits,
                random=self._random,
                scopes=scopes,
                is_doubted=doubted,
            )
            if isinstance(verdict, Deliver) and isinstance(outcome, Response):
                try:
                    delivered = parse(outcome)
                    self._delivered_at = self._clock()
                    self._good.add(path)
                    return delivered
                except msgspec.DecodeError as error:
                    is_empty = isinstance(error, NoListError)
                    detail = str(error) if is_empty else content_type(outcome.headers.get("content-type"))
                    fault = Fault("empty" if is_empty else "not_json", detail)
                    verdict = judge(request, fault, attempt=attempt, waited=waited, limits=self._limits, random=self._random)
            if isinstance(verdict, Fail):
                raise redacted(verdict.error, self._credentials.secrets)
            if isinstance(verdict, Deliver):
                raise TypeError("a fault cannot be delivered")
            self._tell(request, verdict)
            self._require_patience(verdict.seconds)
            if not verdict.is_quota:
                attempt += 1
                self.stats.retries += 1
            waited += verdict.seconds
            self.stats.waited_seconds += verdict.seconds
            await self._sleep(verdict.seconds)

    async def _enter(self, endpoint: Endpoint) -> Place:
        """Wait, in the order of arrival, until one more request to the endpoint may be under way."""
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((endpoint, turn))
        self._let_in()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in at the moment in which it was given up
                self._concurrency.leave(turn.result(), "none", self._clock())
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Let those in for whom there is room; the others stay in their order."""
        now, concurrency = self._clock(), self._concurrency
        for entry in [*self._waiting]:
            endpoint, turn = entry
            if turn.done():
                self._waiting.remove(entry)
            elif concurrency.has_room(endpoint, now):
                self._waiting.remove(entry)
                turn.set_result(concurrency.enter(endpoint))

    def _leave(self, place: Place, outcome: Response | Fault | None, request: Request) -> None:
        change = self._concurrency.leave(place, sign_of(outcome), self._clock())
        if change is not None:
            self._tell_change(request, change)
        self._let_in()

    async def _attempt(self, request: Request, place: Place, waited: float) -> Response | Fault:
        """Wait for the quota, send once, follow redirects below the same store only."""
        if self._session is None:
            raise RuntimeError("The store is not open: use 'async with hook.astore() as store' (or 'with hook.store() as store').")
        settings, store_url = self._settings, self._credentials.store_url
        url = store_url + request.path
        params: Sequence[tuple[str, str]] = request.params
        followed = 0
        while True:
            ticket = await self._admit(request, waited)
            headers: Mapping[str, str] | None = None
            is_refused = False
            try:
                async with self._session.request(
                    request.method,
                    url,
                    params=params,
                    data=request.body,
                    headers={"Content-Type": "application/json"} if request.body is not None else None,
                    allow_redirects=False,
                    proxy=self._proxy,
                ) as answer:
                    place.latency = self._clock() - ticket.sent_at
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    is_refused = answer.status == 429
                    self.heard.hear(headers.get("date", ""), datetime.now(UTC))
                    body = await _body(answer, settings.max_answer_bytes)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                return _fault(error, settings)
            finally:
                self._budget.receive(ticket, headers, self._clock(), is_refused=is_refused)
                self._learned()
            if body is None:
                return Fault("too_large", f"{settings.max_answer_bytes:,} bytes")
            self.stats.bytes += len(body)
            if not body and request.method != "HEAD" and (headers.get("content-encoding") or headers.get("content-length", "0") != "0"):
                return Fault("cut", "a compressed answer without content")  # not an empty list: its body was lost on the way
            response = Response(answer.status, headers, body)
            if response.status == 429:
                self.stats.throttled += 1
            target = next_url(
                request.method, response.status, headers.get("location"), url=str(answer.url), store_url=store_url, followed=followed
            )
            if target is None:
                return response
            if isinstance(target, Refused):
                return Fault("endless" if target.is_endless else "redirect", target.why)
            url, params, followed = target, (), followed + 1

    async def _admit(self, request: Request, waited: float) -> Ticket:
        """Wait until the store's quota lets one request through; no longer than ``max_wait`` for a store that sends nothing meanwhile.

        :param waited: seconds that the request has waited already.
        """
        began = self._clock()
        while (delay := self._budget.delay(self._clock())) > 0:
            self._answered.clear()
            if delay == float("inf"):
                await self._answered.wait()
                continue
            self._require_patience(delay)  # who may come again later need not fail
            idle = self._clock() - max(began, self._delivered_at)
            if waited + idle + delay > self._limits.max_wait:
                raise quota_too_late(request, delay, waited=waited + idle, limits=self._limits)
            self._tell_quota(delay)
            started = self._clock()
            await self._sleep(delay)
            self.stats.waited_seconds += self._clock() - started
        self.stats.requests += 1
        return self._budget.send(self._clock())

    def _require_patience(self, seconds: float) -> None:
        """Refuse a wait for which the caller does not want to hold its place."""
        idle, patience = self._clock() - self._delivered_at, self._settings.hand_back_after
        if patience is not None and idle + seconds > patience:
            raise LongWaitError(
                f"The store has sent nothing for {idle:.0f} s and is to be asked again in {seconds:.0f} s; hand_back_after={patience:g} s "
                "allows no longer wait.",
                seconds=min(seconds, _COME_AGAIN),
            )

    def _learned(self) -> None:
        self._answered.set()
        self.stats.quota, self.stats.quota_left = self._budget.quota, self._budget.left
        self.stats.window_seconds = self._budget.window_seconds

    def _tell(self, request: Request, verdict: Wait) -> None:
        if verdict.is_quota:
            self._tell_quota(verdict.seconds)
        else:
            log.info("%s %s: %s; trying again in %.1f s.", request.method, request.path, verdict.reason, verdict.seconds)

    def _tell_change(self, request: Request, change: Change) -> None:
        log.warning(
            "%s %s: %s. At most %d requests at once go there from now on, not %d, and slowly more again while its answers are good.",
            request.method, request.path, change.why, change.now, change.before,
        )  # fmt: skip

    def _tell_quota(self, seconds: float) -> None:
        """One line a window, not one a waiting request; a warning where it is others that use the quota up.

        A read that goes on for many windows says it ever more rarely.
        """
        now, budget = self._clock(), self._budget
        if now < self._told_until or seconds < 1 or (budget.left and seconds < 5):
            return
        self._told_until = now + max(seconds, min(seconds * 2**self._told_quota, _RARELY))
        self._told_quota = min(self._told_quota + 1, 10)
        quota, share = budget.quota or 0, self._settings.quota_share
        ours, others = budget.used_by_us, budget.used_by_others
        part = f"; quota_share={share:g} leaves {int(quota * share)} to this task" if share < 1 else ""
        advice = ""
        if others > ours:
            advice = (
                " Nothing is broken: this task goes on by itself, slower. The others are tasks or apps with an API account of this store. "
                "Let them run at another time, or give those that are yours a lower quota_share in their connection."
            )
        log.log(
            logging.WARNING if advice else logging.INFO,
            "Our part of the store's quota is used up: it grants %d requests in %g s to all apps and tasks together%s. In this "
            "window we sent %d and others about %d. Waiting %.0f s for the next window.%s",
            quota, budget.window_seconds or 0, part, ours, others, seconds, advice,
        )  # fmt: skip


def _keys(row: Resource, parent: Mapping[str, Any]) -> dict[str, int | str]:
    """Placeholder -> value, from a parent's row."""
    try:
        return {name: parent[source] for name, source in row.parent_keys.items()}
    except KeyError as error:
        raise UnexpectedAnswerError(f"A row of {row.parent!r} has no {error}, which {row.name!r} needs for its path.") from None


def _write(known: Resource, write: Write | None, done: str) -> Write:
    if write is None:
        raise InvalidQueryError(f"{known.name!r} cannot be {done} through BigCommerce's API.")
    return write


def _parts(query: Query) -> Iterator[Query]:
    """The query, cut where a list of ids or names is too long for one URL."""
    for name, value in query.items():
        if name.endswith(":in") and isinstance(value, (list, tuple)) and len(",".join(map(str, value))) > _IDS_TEXT:
            for chunk in _chunks(value, None):
                yield from _parts({**query, name: chunk})
            return
    yield query


def _chunks(ids: Sequence[int | str], size: int | None) -> Iterator[str]:
    """Comma-separated lists of ids, none longer than a URL takes or than ``size`` ids."""
    chunk: list[str] = []
    length = 0
    for key in ids:
        text = str(key)
        if chunk and (length + len(text) + 1 > _IDS_TEXT or len(chunk) == (size or len(ids))):
            yield ",".join(chunk)
            chunk, length = [], 0
        chunk.append(text)
        length += len(text) + 1
    yield ",".join(chunk)


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The decompressed body; None where it has more bytes than are taken, of which the rest is not read."""
    if (answer.content_length or 0) > most:
        return None
    parts: list[bytes] = []
    size = 0
    while part := await answer.content.readany():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _fault(error: Exception, settings: StoreSettings) -> Fault:
    """What happened to an attempt, from aiohttp's exception; the detail names no header and no query."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Fault("dns", error.host)
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError, aiohttp.ClientSSLError)):
        reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        return Fault("tls", getattr(reason, "verify_message", "") or type(reason).__name__)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Fault("timeout")
    if isinstance(error, TimeoutError):
        return Fault("timeout", f"no whole answer in total_timeout={settings.total_timeout:g} s")
    if isinstance(error, aiohttp.InvalidURL):
        raise InvalidQueryError("The connection's API base URL or the path does not make a URL.") from None
    if isinstance(error, aiohttp.ClientConnectorError):
        return Fault("refused", error.os_error.strerror or "")
    return Fault("cut", type(error).__name__)
