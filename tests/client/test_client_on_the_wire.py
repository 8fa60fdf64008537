from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from aiohttp import web

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectRefusedError,
    ServerError,
    TransportError,
    UnclearWriteError,
    UnexpectedAnswerError,
    ValidationError,
)
from tests.client.wire import TOKEN, Wire, json_response, listing, wire

T = TypeVar("T")
OK = {"data": {"id": 1}, "meta": {}}


class Clock:
    """Sleeps that pass at once and are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def use(server: Wire, work: Callable[[BigCommerceStore], Awaitable[T]], *, clock: Clock | None = None, **settings: Any) -> T:
    async def main() -> T:
        sleep = (clock or Clock()).sleep
        async with BigCommerceStore(server.credentials, StoreSettings(**settings), sleep=sleep, random=lambda: 0.0) as store:
            return await work(store)

    return run(main())


async def rows(store: BigCommerceStore, resource: str = "products", **kwargs: Any) -> list[dict[str, Any]]:
    return [row async for row in store.rows(resource, **kwargs)]


def answers(*found: Any) -> Callable[[web.Request], Any]:
    """One answer after the other; the last one for ever."""
    waiting = list(found)

    def answer(request: web.Request) -> Any:
        one = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return one(request) if callable(one) else one

    return answer


def test_the_token_and_nothing_else_of_the_connection_goes_over_the_wire() -> None:
    with wire(lambda request: json_response(OK)) as server:
        use(server, lambda store: store.get("products", 1), correlation_id="dag.task.1")

    (request,) = server.seen
    assert request.headers["X-Auth-Token"] == TOKEN
    assert request.headers["X-Correlation-Id"] == "dag.task.1"
    assert request.headers["User-Agent"] == f"airflow-provider-bigcommerce/{__version__}"
    assert "gzip" in request.headers["Accept-Encoding"]
    names = {name.lower() for name in request.headers}
    assert names == {"host", "x-auth-token", "accept", "accept-encoding", "user-agent", "x-correlation-id"}
    assert TOKEN not in str(request.rel_url)


def test_a_redirect_to_another_host_is_refused_and_nothing_is_sent_there() -> None:
    def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": other.url})

    with wire(lambda request: json_response(OK)) as other, wire(away) as server:
        with pytest.raises(RedirectRefusedError, match="API base URL"):
            use(server, lambda store: store.get("store_information"))

        assert other.seen == []


def test_a_redirect_on_the_same_host_is_followed() -> None:
    def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/store"):
            return web.Response(status=301, headers={"Location": "/stores/abc123/v2/elsewhere"})
        return json_response({"name": "A Store"})

    with wire(answer) as server:
        assert use(server, lambda store: store.get("store_information")) == {"name": "A Store"}


def test_one_session_serves_all_pages_of_a_list_in_order() -> None:
    ids = list(range(1, 2001))
    with wire(lambda request: listing(request, ids)) as server:
        found = use(server, rows, max_concurrency=4)
        ports = {request.transport.get_extra_info("peername")[1] for request in server.seen if request.transport}

    assert [row["id"] for row in found] == ids
    assert len(server.seen) == 9  # the last page is full, so the one behind it is asked for
    assert len(ports) <= 4


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_repeated(status: int) -> None:
    clock = Clock()
    with wire(answers(json_response({}, status), json_response({}, status), json_response(OK))) as server:
        assert use(server, lambda store: store.get("products", 1), clock=clock) == {"id": 1}

    assert len(clock.slept) == 2
    assert clock.slept[0] < clock.slept[1]


@pytest.mark.parametrize("status", [501, 505])
def test_501_and_505_are_not_repeated(status: int) -> None:
    with wire(lambda request: json_response({}, status)) as server:
        with pytest.raises(ServerError):
            use(server, lambda store: store.get("products", 1))

        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError), (404, NotFoundError), (422, ValidationError)]
)
def test_a_refusal_is_typed_and_not_repeated(status: int, kind: type[Exception]) -> None:
    with wire(lambda request: json_response({"title": "No"}, status)) as server:
        with pytest.raises(kind, match="GET /v3/catalog/products/1"):
            use(server, lambda store: store.get("products", 1))

        assert len(server.seen) == 1


def test_a_403_names_the_scope_the_catalog_knows() -> None:
    with wire(lambda request: json_response({}, 403)) as server, pytest.raises(PermissionDeniedError, match="store_v2_orders_read_only"):
        use(server, lambda store: rows(store, "orders"))


def test_a_429_waits_the_longer_of_the_two_headers() -> None:
    clock = Clock()
    headers = {
        "X-Rate-Limit-Requests-Quota": "1",
        "X-Rate-Limit-Requests-Left": "0",
        "X-Rate-Limit-Time-Window-Ms": "3000",
        "X-Rate-Limit-Time-Reset-Ms": "300",
        "X-Retry-After": "2",
    }
    with wire(answers(json_response({}, 429, headers), json_response(OK))) as server:
        use(server, lambda store: store.get("products", 1), clock=clock)

    assert 2 <= clock.slept[0] < 2.1


def test_a_429_for_ever_ends_in_its_error() -> None:
    headers = {"X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "30000"}
    with wire(lambda request: json_response({}, 429, headers)) as server, pytest.raises(RateLimitError, match="max_wait=100 s"):
        use(server, lambda store: store.get("products", 1), max_wait=100.0)


def test_limits_of_attempts_are_settable() -> None:
    with wire(lambda request: json_response({}, 502)) as server:
        with pytest.raises(ServerError, match="3 attempts"):
            use(server, lambda store: store.get("products", 1), max_attempts=3)

        assert len(server.seen) == 3


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"data":')
    assert request.transport is not None
    request.transport.abort()
    return response


async def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut_gzip(request: web.Request) -> web.StreamResponse:
    import gzip

    whole = gzip.compress(b'{"data":{"id":1,"name":"' + b"x" * 5000 + b'"}}', mtime=0)
    return web.Response(body=whole[: len(whole) // 2], headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


@pytest.mark.parametrize(
    "fault", [_cut, _reset, _cut_gzip, lambda request: web.Response(text="<html>busy</html>", content_type="text/html")]
)
def test_a_cut_or_foreign_answer_is_repeated(fault: Callable[[web.Request], Any]) -> None:
    with wire(answers(fault, json_response(OK))) as server:
        assert use(server, lambda store: store.get("products", 1)) == {"id": 1}


def test_a_proxys_page_for_ever_is_named() -> None:
    def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    with wire(page) as server, pytest.raises(UnexpectedAnswerError, match=r"not JSON.*text/html"):
        use(server, rows, max_attempts=2)


def test_a_post_is_not_repeated_after_an_unclear_failure() -> None:
    with wire(lambda request: json_response({}, 502)) as server:
        with pytest.raises(UnclearWriteError, match="may have been carried out"):
            use(server, lambda store: store.create("products", {"name": "x"}))

        assert len(server.seen) == 1


def test_a_stalled_answer_is_given_up_after_the_timeout() -> None:
    async def stall(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    with wire(answers(stall, json_response(OK))) as server:
        assert use(server, lambda store: store.get("products", 1), timeout=0.2) == {"id": 1}


def test_a_host_that_does_not_resolve_is_told_apart() -> None:
    with wire(lambda request: json_response(OK)) as server:
        server.url = "http://no-such-host.invalid"
        with pytest.raises(TransportError, match="host name") as found:
            use(server, lambda store: store.get("products", 1), max_attempts=1)

    assert found.value.cause == "dns"


def test_a_refused_connection_is_told_apart() -> None:
    with wire(lambda request: json_response(OK)) as server:
        pass
    with pytest.raises(TransportError) as found:
        use(server, lambda store: store.get("products", 1), max_attempts=1)

    assert found.value.cause == "refused"


@pytest.mark.parametrize("path", ["https://evil.example/v3", "//evil.example/x", "v3/x", "/v3/../x"])
def test_a_path_cannot_leave_the_store(path: str) -> None:
    with wire(lambda request: json_response(OK)) as server:
        with pytest.raises(InvalidQueryError):
            use(server, lambda store: store.request("GET", path))

        assert server.seen == []


def test_an_unknown_parameter_is_refused_before_anything_is_sent() -> None:
    with wire(lambda request: json_response(OK)) as server:
        with pytest.raises(InvalidQueryError, match="date_modified:min"):
            use(server, lambda store: rows(store, query={"min_date_modified": "x"}))

        assert server.seen == []


def test_a_vanished_parent_is_skipped_and_counted() -> None:
    def answer(request: web.Request) -> web.Response:
        return json_response([], 404) if "/orders/2/" in request.path else json_response([{"id": 9, "order_id": 1}])

    async def work(store: BigCommerceStore) -> tuple[int, int]:
        return len(await rows(store, "order_products", parent_ids=[1, 2, 3])), store.stats.vanished_parents

    with wire(answer) as server:
        assert use(server, work) == (2, 1)


def test_a_list_of_ids_too_long_for_one_url_is_cut() -> None:
    ids = list(range(100_000, 103_000))

    def answer(request: web.Request) -> web.Response:
        assert len(str(request.rel_url)) < 8000
        return json_response({"data": [{"id": int(i)} for i in request.query["id:in"].split(",")], "meta": {}})

    with wire(answer) as server:
        found = use(server, lambda store: rows(store, query={"id:in": ids, "page": 1}))

    assert [row["id"] for row in found] == ids


def test_delete_without_ids_is_refused() -> None:
    with wire(lambda request: json_response(OK)) as server:
        with pytest.raises(InvalidQueryError, match="everything"):
            use(server, lambda store: store.delete("customers", ids=[]))

        assert server.seen == []


def test_a_stopped_walk_leaves_no_task_and_no_session_open(caplog: pytest.LogCaptureFixture) -> None:
    async def work(store: BigCommerceStore) -> int:
        async for page in store.pages("products"):
            return page.number
        return 0

    with caplog.at_level(logging.WARNING), wire(lambda request: listing(request, list(range(1, 3000)))) as server:
        assert use(server, work) == 1

    assert [record.getMessage() for record in caplog.records if "nclosed" in record.getMessage() or "never" in record.getMessage()] == []


def test_the_sync_store_gives_the_same_rows() -> None:
    ids = list(range(1, 600))
    with wire(lambda request: listing(request, ids)) as server, BlockingStore(BigCommerceStore(server.credentials)) as store:
        assert [row["id"] for row in store.rows("products")] == ids
        assert store.count("products") == 599
        assert store.stats.requests == 4


def test_the_sync_store_refuses_to_block_a_running_loop() -> None:
    async def inside() -> None:
        with wire(lambda request: json_response(OK)) as server, BlockingStore(BigCommerceStore(server.credentials)):
            pass

    with pytest.raises(RuntimeError, match="astore"):
        run(inside())


def test_a_list_whose_compressed_body_was_lost_is_not_an_empty_list() -> None:
    with wire(answers(_cut_gzip, json_response([{"id": 1}]))) as server:
        assert use(server, lambda store: rows(store, "order_products", parent_ids=[1])) == [{"id": 1, "order_id": 1}]


def test_204_is_an_empty_list() -> None:
    def answer(request: web.Request) -> web.Response:
        return web.json_response({"count": 0}) if request.path.endswith("/count") else web.Response(status=204)

    with wire(answer) as server:
        assert use(server, lambda store: rows(store, "orders")) == []


def test_a_deprecated_resource_works_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work(store: BigCommerceStore) -> int:
        return len(await rows(store, "categories_legacy")) + len(await rows(store, "categories_legacy"))

    with caplog.at_level(logging.WARNING), wire(lambda request: listing(request, [1, 2])) as server:
        assert use(server, work) == 4

    assert [record.getMessage() for record in caplog.records] == [
        "BigCommerce has deprecated 'categories_legacy'; its successor is 'categories'."
    ]


def test_an_hour_of_waiting_for_the_quota_is_told_in_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    quota = {"Requests-Quota": "1", "Requests-Left": "0", "Time-Reset-Ms": "30000", "Time-Window-Ms": "30000"}
    headers = {f"X-Rate-Limit-{name}": value for name, value in quota.items()}

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def main() -> None:
        async with BigCommerceStore(server.credentials, StoreSettings(), clock=lambda: now[0], sleep=sleep) as store:
            while now[0] < 3600:
                await store.get("store_information")

    with wire(lambda request: web.json_response({}, headers=headers)) as server, caplog.at_level(logging.INFO):
        run(main())

    told = [record for record in caplog.records if "quota is used up" in record.getMessage()]
    assert len(server.seen) > 100
    assert 3 <= len(told) <= 16
