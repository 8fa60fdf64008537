"""What an odd or hostile server can do to a request: send it elsewhere, make it wait, or never end. It ends, by a typed error."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.exceptions import (
    AnswerTooLargeError,
    AuthenticationError,
    BigCommerceError,
    InvalidQueryError,
    PermissionDeniedError,
    RateLimitError,
    RedirectRefusedError,
    TransportError,
    UnexpectedAnswerError,
    ValidationError,
)
from tests.client.test_client_on_the_wire import OK, Clock, answers, rows, use
from tests.client.wire import json_response, wire
from tests.core.test_paths import REFUSED, SECRET
from tests.core.test_whole_collection import WHOLE

YEAR = 365 * 86400
MiB = 2**20

# -- paths and whole collections --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path, _ in REFUSED])
def test_no_verb_sends_a_path_that_may_mean_another(path: Any, caplog: pytest.LogCaptureFixture) -> None:
    with wire(lambda request: json_response(OK)) as server:

        async def work(store: BigCommerceStore) -> None:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(InvalidQueryError) as found:
                    await store.request(method, path, whole_collection=True)
                assert SECRET not in str(found.value)
            if isinstance(path, str) and path.startswith("/") and "{" not in path:
                with pytest.raises(InvalidQueryError):
                    await store.get(path)
                with pytest.raises(InvalidQueryError):
                    await rows(store, path)

        use(server, work)

        assert server.seen == []
    assert SECRET not in caplog.text


@pytest.mark.parametrize("key", ["", " ", ".", "..", "%2e", "7/products", "7?x=1"])
def test_get_takes_an_id_and_nothing_that_makes_another_path_of_it(key: str) -> None:
    with wire(lambda request: json_response(OK)) as server:
        for resource in ("orders", "/v2/orders", "/v2/made/up"):
            with pytest.raises(InvalidQueryError, match=r"is no id|cannot work"):
                use(server, lambda store, resource=resource: store.get(resource, key))  # type: ignore[misc]  # mypy cannot infer it

        assert server.seen == []


@pytest.mark.parametrize("method", ["FETCH", "GET\r\nX-Other: 1", "TRACE", ""])
def test_an_unknown_method_is_refused(method: str) -> None:
    with wire(lambda request: json_response(OK)) as server:
        with pytest.raises(InvalidQueryError, match=r"is unknown\. Accepted: GET"):
            use(server, lambda store: store.request(method, "/v2/store"))

        assert server.seen == []


@pytest.mark.parametrize(("method", "path", "params", "body"), [call for call in WHOLE if call[3] != b"not json"])
def test_a_whole_collection_is_changed_on_the_callers_word_only(method: str, path: str, params: dict[str, str], body: bytes | None) -> None:
    value = None if body is None else json.loads(body)
    with wire(lambda request: web.Response(status=204)) as server:
        with pytest.raises(InvalidQueryError, match="whole_collection=True"):
            use(server, lambda store: store.request(method.lower(), path, params=params, json=value))
        assert server.seen == []

        use(server, lambda store: store.request(method, path, params=params, json=value, whole_collection=True))
        assert [request.method for request in server.seen] == [method]


@pytest.mark.parametrize(
    ("resource", "ids"),
    [
        ("products", [""]),
        ("products", [" "]),
        ("products", [None]),
        ("products", ["7,8"]),
        ("products", [7, True]),
        ("products", [7.5]),
        ("orders", [""]),
        ("promotion_codes", [7]),  # its path names the promotion, and no code: all its codes would go
        ("segment_shopper_profiles", ["7"]),
    ],
)
def test_delete_never_means_a_whole_collection(resource: str, ids: list[Any]) -> None:
    with wire(lambda request: web.Response(status=204)) as server:
        with pytest.raises(InvalidQueryError):
            use(server, lambda store: store.delete(resource, ids=ids))

        assert server.seen == []


def test_a_delete_that_takes_its_ids_in_the_body_gets_them_there() -> None:
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append((request.method, request.rel_url.raw_path_qs, await request.json()))
        return web.Response(status=204)

    with wire(answer) as server:
        use(server, lambda store: store.delete("order_metafields", ids=[7, "8"]))

    assert bodies == [("DELETE", "/stores/abc123/v3/orders/metafields", [7, 8])]


def test_an_update_that_would_replace_a_whole_list_is_refused() -> None:
    with wire(lambda request: json_response(OK)) as server:
        with pytest.raises(InvalidQueryError, match="would change all of the collection"):
            use(server, lambda store: store.update("search_filters", "x", {"is_enabled": True}))

        assert server.seen == []


# -- redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location", ["/stores/other/v2/store", "/", "/login", "/stores/abc123/%2e%2e/other/v2/store", "http://localhost:1/", "http://[", ""]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_a_redirect_that_leaves_the_store_is_refused(location: str, method: str) -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": location} if location else {})

    with wire(answer) as server:
        with pytest.raises(RedirectRefusedError, match=f"{method} /v2/store was redirected"):
            use(server, lambda store: store.request(method, "/v2/store"))

        assert [request.path for request in server.seen] == ["/stores/abc123/v2/store"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_not_sent_on_even_below_the_store(method: str) -> None:
    with wire(lambda request: web.Response(status=302, headers={"Location": "/stores/abc123/v2/other"})) as server:
        with pytest.raises(RedirectRefusedError, match="a write is not sent on"):
            use(server, lambda store: store.request(method, "/v2/store"))

        assert len(server.seen) == 1


def test_redirects_end() -> None:
    with wire(lambda request: web.Response(status=302, headers={"Location": "/stores/abc123/v2/again"})) as server:
        with pytest.raises(UnexpectedAnswerError, match="redirected more than 5 times"):
            use(server, lambda store: store.get("store_information"))

        assert len(server.seen) == 6


def test_this_machine_is_not_reached_through_a_proxy() -> None:
    with wire(lambda request: json_response(OK)) as proxy, wire(lambda request: json_response(OK)) as server:
        use(server, lambda store: store.get("products", 1), proxy=proxy.url)

        assert proxy.seen == []
        assert len(server.seen) == 1


# -- statuses that answer nothing -------------------------------------------------------------------------------------


def raw(*pieces: bytes, pause: float = 0.0) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Bytes in place of an answer, then the connection's end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        for piece in pieces:
            if request.transport.is_closing():
                break
            request.transport.write(piece)  # type: ignore[attr-defined]  # the base transport's type has no write
            await asyncio.sleep(pause)
        request.transport.close()
        return web.Response()

    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data":[]}',
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    ],
)
@pytest.mark.parametrize("resource", ["products", "orders", "order_products"])
def test_a_status_that_answers_nothing_is_no_empty_list(head: bytes, resource: str) -> None:
    parents = {"parent_ids": [7]} if resource == "order_products" else {}
    with wire(raw(head)) as server, pytest.raises(BigCommerceError):
        use(server, lambda store: rows(store, resource, **parents), max_attempts=2, timeout=2.0)


# -- time and size ----------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip(where: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """One byte every 20 ms: it never lasts long until the next one, and never ends."""
    before = {"headers": HEAD, "body": HEAD + b"Content-Length: 100000\r\n\r\n", "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n"}[
        where
    ]
    return raw(before, *[b"1\r\n \r\n" if where == "chunks" else b"x"] * 3000, pause=0.02)


@pytest.mark.parametrize("where", ["headers", "body", "chunks"])
def test_a_server_that_sends_a_byte_now_and_then_ends(where: str) -> None:
    began = time.monotonic()
    with wire(drip(where)) as server, pytest.raises(TransportError, match=r"total_timeout=0\.5 s") as found:
        use(server, lambda store: store.get("products", 1), total_timeout=0.5, timeout=30.0, max_attempts=2)

    assert found.value.cause == "timeout"
    assert time.monotonic() - began < 20
    assert len(server.seen) == 2


def deflated(n: int) -> bytes:
    return gzip.compress(b" " * n, mtime=0)


def sends(body: bytes, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(body=body, headers={"Content-Type": "application/json", **headers})


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while request.transport is not None and not request.transport.is_closing():
        await response.write(b" " * 65536)
    return response


@pytest.mark.parametrize(
    "answer",
    [
        sends(b" " * (MiB + 1)),
        sends(deflated(3 * MiB), **{"Content-Encoding": "gzip"}),
        sends(zlib.compress(b" " * 3 * MiB), **{"Content-Encoding": "deflate"}),
        _endless,
        raw(HEAD + b"Content-Length: 999999999999\r\n\r\n[", pause=5),
    ],
    ids=["plain", "gzip", "deflate", "endless", "announced"],
)
def test_an_answer_has_a_most_bytes_and_is_asked_for_once(answer: Callable[[web.Request], Any]) -> None:
    with wire(answer) as server:
        with pytest.raises(AnswerTooLargeError, match=r"GET /v3/catalog/products/1 answered more than 1,048,576 bytes.*max_answer_bytes"):
            use(server, lambda store: store.get("products", 1), max_answer_bytes=MiB)

        assert len(server.seen) == 1


def test_a_bomb_is_not_unpacked_whole() -> None:
    bomb = deflated(96 * MiB)
    with wire(sends(bomb, **{"Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLargeError):
                use(server, lambda store: store.get("products", 1), max_answer_bytes=MiB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak < 64 * MiB


@pytest.mark.parametrize("encoded", [False, True])
def test_an_answer_of_just_the_most_bytes_is_good(encoded: bool) -> None:
    body = json.dumps(OK).encode().ljust(MiB)
    answer = sends(gzip.compress(body, mtime=0), **{"Content-Encoding": "gzip"}) if encoded else sends(body)
    with wire(answer) as server:
        assert use(server, lambda store: store.get("products", 1), max_answer_bytes=MiB) == {"id": 1}


# -- waits that a header asks for -------------------------------------------------------------------------------------


def quota(*, left: str = "0", reset: float = YEAR, window: float = YEAR, **more: str) -> dict[str, str]:
    return {
        "X-Rate-Limit-Requests-Quota": "150",
        "X-Rate-Limit-Requests-Left": left,
        "X-Rate-Limit-Time-Reset-Ms": f"{reset * 1000:.0f}",
        "X-Rate-Limit-Time-Window-Ms": f"{window * 1000:.0f}",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, quota()),
        (429, quota()),
        (429, {"Retry-After": str(YEAR)}),
        (429, {"X-Retry-After": "1e300"}),
        (429, quota(reset=1, X_Retry_After=str(YEAR))),
        (503, {"Retry-After": str(YEAR)}),
        (500, {"Retry-After": str(YEAR)}),
    ],
)
def test_no_header_makes_a_request_wait_longer_than_max_wait(status: int, headers: dict[str, str]) -> None:
    clock = Clock()

    async def work(store: BigCommerceStore) -> None:
        for key in (1, 2, 3):
            await store.get("products", key)

    with wire(lambda request: json_response(OK, status, headers)) as server, pytest.raises(BigCommerceError, match="max_wait=60 s"):
        use(server, work, clock=clock, max_wait=60.0)

    assert sum(clock.slept) <= 60


def test_a_reset_that_is_a_date_counts_as_one_window() -> None:
    """Some proxies write the moment at which the window ends, as milliseconds since 1970."""
    clock = Clock()
    now = [0.0]

    async def sleep(seconds: float) -> None:
        clock.slept.append(seconds)
        now[0] += seconds

    async def main() -> None:
        async with BigCommerceStore(server.credentials, StoreSettings(), clock=lambda: now[0], sleep=sleep) as store:
            for key in (1, 2):
                await store.get("products", key)

    with wire(lambda request: json_response(OK, 200, quota(reset=1.76e9, window=30))) as server:
        run(main())

    assert max(clock.slept) <= 30


def test_a_quota_that_comes_back_too_late_says_when() -> None:
    with wire(lambda request: json_response(OK, 200, quota(reset=300, window=400))) as server:

        async def work(store: BigCommerceStore) -> None:
            await store.get("products", 1)
            await store.get("products", 2)

        with pytest.raises(RateLimitError, match=r"GET /v3/catalog/products/2 was not sent.*free again in 300 s.*max_wait=15 s") as found:
            use(server, work, max_wait=15.0)

    assert found.value.retry_after == pytest.approx(300, abs=2)


# -- a refusal that contradicts good answers --------------------------------------------------------------------------


def refusal_of(method: str, status: int) -> Callable[[web.Request], Any]:
    """Good answers, then the refusal for the second request of the method, once."""
    count = [0]

    def answer(request: web.Request) -> web.Response:
        count[0] += request.method == method
        return json_response({"title": "No"}, status) if count[0] == 2 and request.method == method else json_response(OK)

    return answer


async def twice(store: BigCommerceStore, method: str = "GET", first: str = "/v3/catalog/products/1") -> int:
    await store.request(method, first)
    return (await store.request(method, "/v3/catalog/products/2")).status


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_read_that_is_refused_after_good_answers_is_asked_once_more(status: int) -> None:
    clock = Clock()
    with wire(refusal_of("GET", status)) as server:
        assert use(server, twice, clock=clock) == 200

    assert len(server.seen) == 3
    assert 0 < sum(clock.slept) < 2


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError), (422, ValidationError)])
def test_a_refusal_that_stays_is_believed(status: int, kind: type[BigCommerceError]) -> None:
    with wire(answers(json_response(OK), lambda request: json_response({"title": "No"}, status))) as server:
        with pytest.raises(kind):
            use(server, twice)

        assert len(server.seen) == 3


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_first_refusal_is_believed(status: int) -> None:
    with wire(lambda request: json_response({}, status)) as server:
        with pytest.raises(BigCommerceError):
            use(server, twice)

        assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 413])
def test_other_refusals_are_believed(status: int) -> None:
    with wire(refusal_of("GET", status)) as server:
        with pytest.raises(BigCommerceError):
            use(server, twice)

        assert len(server.seen) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("status", [401, 403, 422])
def test_what_is_no_get_is_never_asked_again(method: str, status: int) -> None:
    with wire(refusal_of(method, status)) as server:
        with pytest.raises(BigCommerceError):
            use(server, lambda store: twice(store, method))

        assert len(server.seen) == 2


def test_a_403_of_another_endpoint_is_a_missing_scope() -> None:
    with wire(refusal_of("GET", 403)) as server:
        with pytest.raises(PermissionDeniedError):
            use(server, lambda store: twice(store, first="/v2/time"))

        assert len(server.seen) == 2
