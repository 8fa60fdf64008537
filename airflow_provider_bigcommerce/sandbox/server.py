"""The sandbox as an HTTP server: who may ask, how often, what goes wrong, and how bytes are sent. What is answered stands in the routes.

One event loop, no threads of its own; `ThreadedServer` runs it beside a test.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import struct
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from airflow_provider_bigcommerce.sandbox import admin, b2b_routes, dates, scopes
from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.answers import Answer, error
from airflow_provider_bigcommerce.sandbox.faults import Planned
from airflow_provider_bigcommerce.sandbox.quota import UNCAPPED, Ticket
from airflow_provider_bigcommerce.sandbox.routes import Call, Router
from airflow_provider_bigcommerce.sandbox.store import LoggedRequest, Store
from airflow_provider_bigcommerce.sandbox.unknown_filters import refusal

_PATH = re.compile(r"/stores/([^/]+)(/(v2|v3|graphql)(?:/.*)?)")
_B2B_PATH = re.compile(r"(/api/v3/io/.*)")
_CACHE_BYTES = 96 * 2**20
_HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Checking your browser</h1></body></html>"


class _CutError(Exception):
    """The connection ends here, without an answer."""


class Server:
    """Answers requests for one store.

    :param store: the state.
    :param host: address to listen at.
    :param port: port to listen at; 0 takes a free one.
    :param tls: certificate and key of the server, for https.
    :param ca_file: the certificate a client must trust; only told, not used.
    """

    def __init__(
        self, store: Store, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None, ca_file: Path | None = None
    ) -> None:
        self.store, self.host, self.port, self.ca_file = store, host, port, ca_file
        self._tls = tls
        self._router: Router = build_router()
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._pages: OrderedDict[tuple[Any, ...], Answer] = OrderedDict()
        self._page_bytes = 0
        self._number = 0

    @property
    def url(self) -> str:
        """The API's base: `http://127.0.0.1:PORT`; the store stands at `/stores/{hash}/v3`."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen; afterwards `port` is known."""
        app = web.Application(client_max_size=64 * 2**20)
        admin.add(app, self.store)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=75.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls, backlog=512)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.store.base_url = f"{self.url}/stores/{self.store.store_hash}"

    async def stop(self) -> None:
        """Stop listening, and drop requests that hang."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- one request ------------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        store = self.store
        self._number += 1
        number = self._number
        started = store.clock()
        match = _PATH.fullmatch(request.path)
        is_b2b = _B2B_PATH.fullmatch(request.path) is not None
        path = match[2].rstrip("/") if match else request.path.rstrip("/") if is_b2b else request.path
        version = match[3] if match else "b2b" if is_b2b else "v3"
        quota = store.b2b_quota if is_b2b else store.quota
        status, rows = 0, None
        kind: str | None = None
        ticket: Ticket | None = UNCAPPED
        try:
            body = await request.read()
            refused = self._refuse_early(request, match, version)
            if refused is not None:
                status = refused.status
                return self._response(request, refused, number, quota.headers())
            ticket = store.concurrency.enter(request.method, path)
            if ticket is None or not quota.take():
                status = 429
                return self._response(request, error(version, 429), number, quota.headers(refused=ticket is not None))
            if store.latency_ms:
                await asyncio.sleep(store.latency_ms / 1000)
            fault = store.draw_fault(request.method, request.path_qs.removeprefix(f"/stores/{store.store_hash}"))
            if fault is not None:
                kind = fault.kind
                response = await self._fail(request, fault, path, version, body, number)
                status = response.status
                return response
            answer, kind = store.answer(
                request.method,
                path,
                request.rel_url.raw_query_string,
                lambda query: self._answer(request, path, version, body, query),
            )
            status, rows = answer.status, answer.rows
            return self._response(request, answer, number, quota.headers())
        except (_CutError, ConnectionResetError):  # the latter: the client had hung up before the fault's first byte
            status = 0
            cut = web.Response(status=204)
            cut.force_close()
            return cut
        finally:
            if ticket is not None:
                store.concurrency.leave(ticket)
            store.requests.append(
                LoggedRequest(
                    started,
                    request.method,
                    path,
                    request.rel_url.raw_query_string,
                    status,
                    request.headers.get("X-Correlation-Id", ""),
                    _request_id(number),
                    kind,
                    rows,
                )
            )

    def _refuse_early(self, request: web.Request, match: re.Match[str] | None, version: str) -> Answer | None:
        if version == "b2b":
            return b2b_routes.refusal(self.store, request.headers)
        if match is None or match[1] != self.store.store_hash:
            return error(version, 404)
        token = request.headers.get("X-Auth-Token", "")
        if token not in self.store.tokens:
            if version == "graphql":  # a line of text; source: status-codes.mdx
                return Answer(401, b"GraphQL invalid credentials. Access token is not valid for this store.", content_type="text/plain")
            return error(version, 401)
        return None

    def _answer(self, request: web.Request, path: str, version: str, body: bytes, query: Mapping[str, str]) -> Answer:
        """Answer a request of a known token: route, scope, handler."""
        store = self.store
        token = request.headers.get("X-Auth-Token", "")
        found = self._router.find(path)
        if found is None:
            return error(version, 404)
        route, keys = found
        held = store.tokens[token]
        ways = store.ways
        needed = scopes.needed(route.template, request.method) if ways is None or ways.needs_scope(route.template) else ()
        if needed and held is not None and not held.intersection(needed):
            return error(version, 403)
        handler = route.handlers.get("get" if request.method == "HEAD" else request.method.lower())
        if handler is None:
            return error(version, 405)
        refused = refusal(store.unknown_filters, route.template, query, version) if request.method in ("GET", "HEAD") else None
        if refused is not None:
            return refused
        payload: Any = None
        if body and not request.headers.get("Content-Type", "").startswith("multipart/"):  # of an upload, its coming is all that counts
            try:
                payload = msgspec.json.decode(body)
            except msgspec.DecodeError:
                return error(version, 400, "Input is invalid")
        with store.lock:
            store.settle()
        if ways is not None and request.method == "GET":
            query = ways.asked(route.template, query)
            with store.lock:
                answer = handler(store, Call(request.method, version, path, keys, query, payload, token))
            return ways.shown(route.template, version, query, answer)
        remembered = None
        if request.method == "GET" and route.template in _CACHED:
            remembered = (path, *query.items(), *(table.version for table in store.tables.values()))
            kept = self._pages.get(remembered)
            if kept is not None:
                self._pages.move_to_end(remembered)
                return kept
        with store.lock:
            answer = handler(store, Call(request.method, version, path, keys, query, payload, token))
        if remembered is not None and answer.status == 200 and answer.body is not None and not _depends_on_clock(query):
            self._pages[remembered] = answer
            self._page_bytes += len(answer.body)
            while self._page_bytes > _CACHE_BYTES:
                _, old = self._pages.popitem(last=False)
                self._page_bytes -= len(old.body or b"")
        return answer

    def _response(self, request: web.Request, answer: Answer, number: int, quota: Mapping[str, str]) -> web.Response:
        told = quota if self.store.ways is None else self.store.ways.headers(answer.status, quota)
        headers = {**self._headers(number), **told, **answer.headers}
        body = answer.body
        if body is None:
            return web.Response(status=answer.status, headers=headers)
        headers["Content-Type"] = answer.content_type
        if len(body) > 500 and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = answer.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=answer.status, body=body, headers=headers)

    def _headers(self, number: int) -> dict[str, str]:
        return {"Date": dates.http_date(self.store.clock()), "X-Request-Id": _request_id(number)}

    # -- faults -----------------------------------------------------------------------------------------------------------------

    async def _fail(self, request: web.Request, fault: Planned, path: str, version: str, body: bytes, number: int) -> web.StreamResponse:
        kind, quota = fault.kind, self.store.quota
        if kind == "answer":
            return web.Response(status=fault.status, body=fault.body, headers={**self._headers(number), **quota.headers(), **fault.headers})
        if kind == "429":
            headers = {**quota.headers(refused=True), "X-Rate-Limit-Requests-Left": "0"}
            return self._response(request, error(version, 429), number, headers)
        if kind == "429_bare":
            return self._response(request, error(version, 429), number, {})
        if kind in ("500", "502", "503", "504"):
            return self._response(request, error(version, int(kind)), number, quota.headers())
        if kind == "html":
            return web.Response(body=_HTML, headers={**self._headers(number), "Content-Type": "text/html; charset=UTF-8"})
        if kind == "timeout_before":
            await self._hold(request)
            raise _CutError
        if kind == "reset_before":
            self._reset(request)
            raise _CutError
        answer = self._answer(request, path, version, body, dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)))
        if kind in ("500_after", "502_after", "503_after", "504_after"):
            return self._response(request, error(version, int(kind[:3])), number, quota.headers())
        if kind == "timeout_after":
            await self._hold(request)
            raise _CutError
        if kind == "reset_after":
            self._reset(request)
            raise _CutError
        whole = answer.body or b"{}"
        headers = {**self._headers(number), **quota.headers(), "Content-Type": answer.content_type}
        if kind == "truncated_gzip":
            packed = Answer(200, whole).packed
            return web.Response(
                status=answer.status, body=packed[: max(12, len(packed) // 2)], headers={**headers, "Content-Encoding": "gzip"}
            )
        part = web.StreamResponse(status=200, headers={**headers, "Content-Length": str(len(whole))})
        await part.prepare(request)
        await part.write(whole[: len(whole) // 2])
        if kind == "reset_body":
            self._reset(request)
        else:
            await self._hold(request)
        raise _CutError

    async def _hold(self, request: web.Request) -> None:
        """Wait until the client hangs up, or the server stops."""
        while not self._stopping.is_set() and request.transport is not None and not request.transport.is_closing():
            try:
                await asyncio.wait_for(self._stopping.wait(), 0.05)
            except TimeoutError:
                continue

    @staticmethod
    def _reset(request: web.Request) -> None:
        """End the connection with a TCP reset."""
        transport = request.transport
        if transport is not None:
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()


_CACHED = frozenset(("/v3/catalog/products", "/v3/catalog/variants", "/v2/orders", "/v3/customers"))


def _depends_on_clock(query: Mapping[str, str]) -> bool:
    return any("date" in name and dates.is_bare(value) for name, value in query.items())


def _request_id(number: int) -> str:
    return f"{number:032x}"


class ThreadedServer:
    """A server on a thread and an event loop of its own: for tests, and for callers that are not async.

    :param server: the server; used as a context manager.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bigcommerce-sandbox", daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self.server

    def __exit__(self, kind: type[BaseException] | None, error_: BaseException | None, trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self.server.store.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self.server.start())
        except BaseException as failure:  # noqa: BLE001 (handed to the thread that waits, which raises it)
            self._error = failure
            self._ready.set()
            return
        self._ready.set()
        self._loop.run_forever()


def connection(server: Server, token: str, *, client_id: str | None = None, client_secret: str | None = None) -> dict[str, Any]:
    """Give the Airflow connection of a running server, as `AIRFLOW_CONN_...` JSON holds it."""
    extra = {"store_hash": server.store.store_hash, "access_token": token, "b2b_host": server.url}
    if client_id:
        extra["client_id"] = client_id
    if client_secret:
        extra["client_secret"] = client_secret
    return {"conn_type": "bigcommerce", "host": server.url, "extra": extra}


def connection_json(found: Mapping[str, Any]) -> str:
    """Write a connection on one line."""
    return json.dumps(found, separators=(",", ":"))
