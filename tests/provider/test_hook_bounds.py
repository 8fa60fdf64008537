"""``hook.run`` keeps to the same bounds as the client: paths, whole collections, redirects, odd statuses, time, size, loopback."""

from __future__ import annotations

import gzip
import json
import logging
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import (
    AnswerTooLargeError,
    BigCommerceError,
    InvalidQueryError,
    RedirectRefusedError,
    TransportError,
    UnexpectedAnswerError,
)
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.hooks.session import StoreSession
from tests.core.test_paths import REFUSED, SECRET
from tests.core.test_whole_collection import PART, WHOLE
from tests.listener import Answer, Arrived, Listener

pytestmark = pytest.mark.compat

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MiB = 2**20
Connect = Callable[..., None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def connect(host: str, **extra: object) -> None:
        connection = {"conn_type": "bigcommerce", "host": host, "extra": {"store_hash": "abc123", "access_token": "tok-of-bounds", **extra}}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))

    return connect


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path, _ in REFUSED if path != "v3/x"])
def test_run_sends_no_path_that_may_mean_another(connect: Connect, caplog: pytest.LogCaptureFixture, path: Any) -> None:
    caplog.set_level(logging.DEBUG)
    with Listener() as store:
        connect(store.url)
        for method in METHODS:
            with pytest.raises((InvalidQueryError, TypeError) if isinstance(path, int) else InvalidQueryError) as found:
                BigCommerceHook(method=method).run(path, whole_collection=True)
            assert SECRET not in str(found.value)
        assert store.arrived == []
    assert SECRET not in caplog.text


def test_run_takes_a_path_without_its_first_slash_as_every_http_hook_does(connect: Connect) -> None:
    with Listener() as store:
        connect(store.url)
        BigCommerceHook().run("v3/catalog/products")
    assert store.arrived[0].path == "/stores/abc123/v3/catalog/products"


@pytest.mark.parametrize("path", ["/stores/other/v3/x", "/stores/abc123/%2e%2e/other/v3/x", "/", "/stores/abc123/../other/x"])
def test_a_session_of_the_hook_sends_to_no_path_of_another_store(connect: Connect, path: str) -> None:
    with Listener() as store:
        connect(store.url)
        with pytest.raises(InvalidQueryError, match="outside of this store"):
            BigCommerceHook().get_conn().get(store.url + path)
        assert store.arrived == []


# -- whole collections ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/orders/", "/v2/orders/%2e", "/v2/orders//", "/v2/./orders", "/v3/pricelists"])
def test_a_session_of_the_hook_empties_no_collection(connect: Connect, path: str) -> None:
    with Listener() as store:
        connect(store.url)
        with pytest.raises(InvalidQueryError):
            BigCommerceHook().get_conn().delete(f"{store.url}/stores/abc123{path}")
        assert store.arrived == []


@pytest.mark.parametrize(("method", "path", "params", "body"), WHOLE)
def test_run_changes_a_whole_collection_on_the_callers_word_only(
    connect: Connect, method: str, path: str, params: dict[str, str], body: bytes | None
) -> None:
    with Listener(Answer(200)) as store:
        connect(store.url, whole_collection=True)  # a connection cannot say it for all calls
        with pytest.raises(InvalidQueryError, match="whole_collection=True"):
            BigCommerceHook(method=method).run(path, None if body is None else body.decode(), params=params)
        assert store.arrived == []

        if method != "PATCH":  # the listener knows none
            BigCommerceHook(method=method).run(path, None if body is None else body.decode(), params=params, whole_collection=True)
            assert [request.method for request in store.arrived] == [method]


@pytest.mark.parametrize(("method", "path", "params", "body"), [call for call in PART if call[0] == "DELETE"])
def test_run_changes_some_rows_without_it(connect: Connect, method: str, path: str, params: dict[str, str], body: bytes | None) -> None:
    with Listener(Answer(200)) as store:
        connect(store.url)
        BigCommerceHook(method=method).run(path, None if body is None else body.decode(), params=params)
        BigCommerceHook(method=method).run(path, json=json.loads(body)) if body else BigCommerceHook(method=method).run(path, params)
    assert len(store.arrived) == 2


@pytest.mark.parametrize("data", [None, {}, {"id:in": []}, {"id:in": ""}, {"id:in": None}])
def test_a_filter_of_nothing_is_no_filter(connect: Connect, data: dict[str, Any] | None) -> None:
    with Listener(Answer(200)) as store:
        connect(store.url)
        with pytest.raises(InvalidQueryError, match="DELETE /v3/catalog/products names no row"):
            BigCommerceHook(method="DELETE").run("/v3/catalog/products", data)
        assert store.arrived == []


# -- redirects and odd statuses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["/stores/other/v2/store", "/login", "/stores/abc123/%2e%2e/other/x", "/stores/abc123/v2/../../other"])
def test_a_redirect_to_another_path_of_the_host_is_refused(connect: Connect, location: str) -> None:
    with Listener(Answer(302, headers={"Location": location})) as store:
        connect(store.url)
        with pytest.raises(RedirectRefusedError, match="outside of this store"):
            BigCommerceHook().run("/v2/store")
        with pytest.raises(RedirectRefusedError, match="outside of this store"):
            BigCommerceHook().get_conn().get(f"{store.url}/stores/abc123/v2/store")
    assert {request.path for request in store.arrived} == {"/stores/abc123/v2/store"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_is_not_sent_on(connect: Connect, method: str, status: int) -> None:
    with Listener(Answer(status, headers={"Location": "/stores/abc123/v2/other"})) as store:
        connect(store.url)
        with pytest.raises(RedirectRefusedError, match="a write is not sent on"):
            BigCommerceHook(method=method).run("/v2/store")
    assert len(store.arrived) == 1


def test_a_redirect_is_left_alone_where_told_so(connect: Connect) -> None:
    with Listener(Answer(302, headers={"Location": "/stores/abc123/v2/other"})) as store:
        connect(store.url)
        assert BigCommerceHook().run("/v2/store", extra_options={"allow_redirects": False}).status_code == 302
    assert len(store.arrived) == 1


@pytest.mark.parametrize(("extra", "most"), [({}, 5), ({"max_redirects": 0}, 0), ({"max_redirects": "2"}, 2)])
def test_redirects_end(connect: Connect, extra: dict[str, object], most: int) -> None:
    with Listener(Answer(302, headers={"Location": "/stores/abc123/v2/again"})) as store:
        connect(store.url, **extra)
        with pytest.raises(UnexpectedAnswerError, match=f"redirected more than {most} times"):
            BigCommerceHook().run("/v2/store")
    assert len(store.arrived) == most + 1


def test_what_was_gone_through_stands_in_the_history(connect: Connect) -> None:
    def redirect(request: Arrived) -> Answer:
        there = "/stores/abc123/v2/there"
        return Answer.json({"there": True}) if request.path == there else Answer(302, b"moved", {"Location": there})

    with Listener(redirect) as store:
        connect(store.url)
        response = BigCommerceHook().run("/v2/store")
    assert [(hop.status_code, hop.content) for hop in response.history] == [(302, b"moved")]
    assert response.json() == {"there": True}


# -- a server that sends what it likes, byte for byte -----------------------------------------------------------------


@contextmanager
def raw(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that answers each request with these bytes and closes; its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    time.sleep(pause)
            except OSError:
                return  # the client went away, which is what some tests are about

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"103 Early Hints", b"206 Partial Content"])
def test_a_status_that_answers_nothing_is_an_error(connect: Connect, status: bytes) -> None:
    with raw(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}") as url:
        connect(url)
        with pytest.raises(BigCommerceError, match="GET /v2/store"):
            BigCommerceHook().run("/v2/store")


def test_101_says_what_it_is(connect: Connect) -> None:
    with raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n") as url:
        connect(url)
        with pytest.raises(UnexpectedAnswerError, match="answered with status 101, which says nothing about what was asked for"):
            BigCommerceHook().run("/v2/store")


@pytest.mark.parametrize(
    ("before", "piece"),
    [(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"), (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")],
    ids=["length", "chunked"],
)
def test_a_body_that_comes_a_byte_at_a_time_ends(connect: Connect, before: bytes, piece: bytes) -> None:
    began = time.monotonic()
    with raw(before, *[piece] * 2000, pause=0.02) as url:
        connect(url, total_timeout=0.5, timeout=30)
        with pytest.raises(TransportError, match="no answer in time") as found:
            BigCommerceHook().run("/v2/store")
    assert found.value.cause == "timeout"
    assert time.monotonic() - began < 20


DRIP = 2000


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 2", HEAD, HEAD + b"X-Long: ", b"HTTP/1.1 302 Found\r\nLocation: /stores/abc123/v2/time\r\n"],
    ids=["nothing", "status", "line", "value", "redirect"],
)
@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["whole", "streamed"])
def test_headers_that_come_a_byte_at_a_time_end(connect: Connect, start: bytes, options: dict[str, Any]) -> None:
    began = time.monotonic()
    with raw(start, *[b"x"] * DRIP, pause=0.02) as url:
        connect(url, total_timeout=0.5, timeout=30)
        with pytest.raises(TransportError, match="no answer in time") as found:
            BigCommerceHook().run("/v2/store", extra_options=options)
    assert found.value.cause == "timeout"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("keeps_alive", [True, False], ids=["keep-alive", "plain"])
def test_headers_are_bounded_with_each_adapter_that_airflow_mounts(connect: Connect, keeps_alive: bool) -> None:
    with raw(HEAD + b"X-Long: ", *[b"x"] * DRIP, pause=0.02) as url:
        connect(url, total_timeout=0.5, timeout=30)
        with pytest.raises(TransportError, match="no answer in time"):
            BigCommerceHook(tcp_keep_alive=keeps_alive).run("/v2/store")


def test_a_body_is_waited_for_as_long_as_the_session_says_once_the_headers_are_there(connect: Connect) -> None:
    with raw(HEAD + b"Content-Length: 2\r\n\r\n", b"{", b"}", pause=0.6) as url:
        connect(url, total_timeout=0.5, timeout=30)
        response = BigCommerceHook().run("/v2/store", extra_options={"stream": True})
        assert response.content == b"{}"


def test_headers_that_come_through_a_proxy_a_byte_at_a_time_end(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with raw(b"HTTP/1.1 2", *[b"x"] * DRIP, pause=0.02) as proxy:
        connect("https://api.example.invalid", total_timeout=0.5, timeout=30, proxies={"https": proxy})
        with pytest.raises(TransportError, match="no answer in time"):
            BigCommerceHook().run("/v2/store")
    assert time.monotonic() - began < 20


BOMB = gzip.compress(b" " * 32 * MiB, mtime=0)


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"\r\n", *[b" " * MiB] * 64),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"100000\r\n" + b" " * MiB + b"\r\n"] * 64),
    ],
    ids=["endless", "gzip", "chunked"],
)
@pytest.mark.parametrize("status", [b"200", b"302", b"500"])
def test_an_answer_has_a_most_bytes(connect: Connect, pieces: tuple[bytes, ...], status: bytes) -> None:
    with raw(pieces[0].replace(b"200", status), *pieces[1:]) as url:
        connect(url, max_answer_bytes=MiB)
        with pytest.raises(AnswerTooLargeError, match="GET /v2/store answered more than 1,048,576 bytes"):
            BigCommerceHook().run("/v2/store")


def test_an_answer_within_the_bounds_is_whole_compressed_or_not(connect: Connect) -> None:
    body = json.dumps({"data": "x" * 3 * MiB}).encode()
    for encoding, sent in (("gzip", gzip.compress(body)), ("identity", body)):
        with Listener(Answer(200, sent, {"Content-Encoding": encoding})) as store:
            connect(store.url)
            assert BigCommerceHook().run("/v2/store").content == body


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 1000\r\n", b"\x1f\x8b" + b"x" * 998),
        (b"Content-Length: 1000\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n", b"10\r\nx"),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"no number\r\n"),
    ],
)
def test_a_body_that_is_cut_or_damaged_is_told_as_a_cut_connection(connect: Connect, head: bytes, body: bytes) -> None:
    with raw(HEAD + head + b"\r\n" + body) as url:
        connect(url)
        with pytest.raises(TransportError) as found:
            BigCommerceHook().run("/v2/store")
    assert found.value.cause == "cut"


def test_a_streamed_answer_is_the_callers_to_read(connect: Connect) -> None:
    with Listener(Answer(200, b"x" * 3 * MiB)) as store:
        connect(store.url, max_answer_bytes=MiB)
        response = BigCommerceHook().run("/v2/store", extra_options={"stream": True})
        assert sum(map(len, response.iter_content(65536))) == 3 * MiB


# -- this machine is not reached through another ----------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("where", ["environment", "extra"])
def test_loopback_is_never_proxied(connect: Connect, monkeypatch: pytest.MonkeyPatch, host: str, where: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Listener() as proxy, Listener(Answer.json({"data": [], "meta": {}})) as store:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            if where == "environment":
                monkeypatch.setenv(name, proxy.url)
        url = store.url.replace("127.0.0.1", host)
        connect(url, **({"proxies": proxy.url} if where == "extra" else {}))

        BigCommerceHook().run("/v2/store")
        BigCommerceHook().get_conn().get(f"{url}/stores/abc123/v2/store")
        BigCommerceHook().test_connection()
        with BigCommerceHook().store() as client:
            client.request("GET", "/v3/catalog/products")

        assert proxy.arrived == []
        assert len(store.arrived) == 4


def test_a_session_for_another_machine_keeps_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as proxy:
        session = StoreSession("http://store.invalid/stores/abc123")
        session.proxies = {"http": proxy.url}
        session.get("http://store.invalid/stores/abc123/v2/store")
        assert [request.path for request in proxy.arrived] == ["http://store.invalid/stores/abc123/v2/store"]


@pytest.mark.parametrize(
    ("name", "value"), [("total_timeout", 0), ("total_timeout", "soon"), ("max_answer_bytes", 0), ("max_answer_bytes", "1 GB")]
)
def test_a_bound_that_cannot_work_names_itself(connect: Connect, name: str, value: object) -> None:
    connect("https://api.example.com", **{name: value})
    for use in (BigCommerceHook().store, lambda: BigCommerceHook().run("/v2/store")):
        with pytest.raises(BigCommerceError, match=f"extra '{name}' is '{value}'; accepted: a number from"):
            use()
