"""A loopback HTTP server that answers what a test says, byte for byte where it must: for what no store would send on purpose."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from airflow_provider_bigcommerce.core.credentials import StoreCredentials

TOKEN = "token-of-the-wire-tests"


@dataclass
class Wire:
    """A running server; ``answer`` is called for each request and may be replaced at any time."""

    answer: Callable[[web.Request], Any]
    url: str = ""
    seen: list[web.BaseRequest] = field(default_factory=list)

    @property
    def credentials(self) -> StoreCredentials:
        return StoreCredentials("abc123", TOKEN, base_url=self.url)


@contextmanager
def wire(answer: Callable[[web.Request], Any]) -> Iterator[Wire]:
    """Serve on a free port of 127.0.0.1 in a thread; ``answer`` returns a response, or a coroutine of one."""
    loop = asyncio.new_event_loop()
    server = Wire(answer)

    async def handle(request: web.Request) -> web.StreamResponse:
        server.seen.append(request)
        found = server.answer(request)
        response: web.StreamResponse = await found if asyncio.iscoroutine(found) else found
        return response

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        return runner

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json", headers=headers)


def listing(request: web.Request, ids: list[int], *, extra: dict[str, Any] | None = None) -> web.Response:
    """A V3 page of products with these ids."""
    limit, page = int(request.query.get("limit", 50)), int(request.query.get("page", 1))
    low, high = int(request.query.get("id:min", 0)), int(request.query.get("id:max", 10**9))
    found = [i for i in ids if low <= i <= high]
    rows = found[(page - 1) * limit : page * limit]
    pagination = {"total": len(found), "count": len(rows), "per_page": limit, "current_page": page, "total_pages": -(-len(found) // limit)}
    return json_response({"data": [{"id": i, **(extra or {})} for i in rows], "meta": {"pagination": pagination}})
