"""``airflow-bigcommerce check`` and the connection test against what a store, or something in its place, can answer: one sentence, soon."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_bigcommerce import access, cli
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.hooks import answers_of_requests
from airflow_provider_bigcommerce.hooks import bigcommerce as hooks
from tests.listener import Answer, Arrived, Listener

TOKEN = "tok-5ecret-9f8e7d"
STORE = {"id": "abc123", "name": "Bikes & Co", "domain": "bikes.example.com", "plan_level": "Pro"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Check]:
    """Runs ``check`` for the store abc123 of a host: exit status, stdout, stderr; no secret may stand in them."""

    def check(host: str, *arguments: str, **extra: object) -> tuple[int, str, str]:
        fields = {"store_hash": "abc123", "access_token": TOKEN, **extra}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({"conn_type": "bigcommerce", "host": host, "extra": fields}))
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "check", *arguments])
        capfd.readouterr()
        status = cli.main()
        told = capfd.readouterr()
        assert TOKEN not in told.out + told.err
        return status, told.out, told.err

    return check


def json_error(status: int, title: str) -> Answer:
    return Answer.json({"status": status, "title": title, "type": "https://developer.bigcommerce.com/api-docs"}, status)


#: What is in the store's place: every request gets this answer. -> what is said.
BROKEN = {
    "no such store, V2's error": (Answer.json([{"status": 404, "message": "Not found"}], 404), "There is no store 'abc123'"),
    "no such store, V3's error": (json_error(404, "Not found"), "There is no store 'abc123'"),
    "no such store, no body": (Answer(404, b""), "There is no store 'abc123'"),
    "a page for everything": (Answer(200, b"<html>Sign in</html>", HTML), "text/html that is not JSON"),
    "a page, called JSON": (Answer(200, b"<html>", {"Content-Type": "application/json"}), "that is not JSON"),
    "a page with 404": (Answer(404, b"<html>nginx</html>", HTML), "404 with text/html"),
    "a page with 403": (Answer(403, b"<html>blocked</html>", HTML), "403 with text/html"),
    "a page with 500": (Answer(500, b"<html>oops</html>", HTML), "500 with text/html"),
    "a page with 502": (Answer(502, b"<html>oops</html>", HTML), "502 with text/html"),
    "a page with 503": (Answer(503, b"<html>Down for maintenance</html>", HTML), "down for maintenance or overloaded (503)"),
    "another service's JSON": (Answer.json({"status": "ok"}), "JSON that does not describe a store"),
    "nothing": (Answer(200, b""), "an empty body that does not describe a store"),
    "204": (Answer(204, b""), "an empty body that does not describe a store"),
    "a page without end": (Answer(200, b"<p>" * 10_000_000, HTML), "text/html that is not JSON"),
    "bytes that do not unpack": (Answer(200, b"no gzip", {"Content-Encoding": "gzip"}), "the connection was cut"),
    "wrong token": (json_error(401, "Unauthorized"), "refused the access token for store 'abc123' (401)"),
    "token of another store": (json_error(401, "not a valid combination for this store"), "it is the token of another store"),
    "suspended": (json_error(503, "The store is suspended"), "is suspended (503)"),
    "its quota is used up": (json_error(429, "Too many requests"), "quota of requests is used up (429)"),
    "a redirect elsewhere": (Answer(302, b"", {"Location": "https://login.example.com/"}), "Refused to send to https://login.example.com"),
    "a redirect in a circle": (Answer(302, b"", {"Location": "/stores/abc123/v2/store"}), "redirected more than 5 times"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_after_a_failed_connection_test_it_ends_with_one_sentence(check: Check, case: str) -> None:
    answer, sentence = BROKEN[case]
    with Listener(answer) as store:
        status, out, err = check(store.url)

    assert (status, out) == (1, "")
    assert [sentence in line for line in err.splitlines() if line.startswith("airflow-bigcommerce: ")] == [True], err
    assert {request.path for request in store.arrived} == {"/stores/abc123/v2/store"}
    assert len(store.arrived) == (6 if "circle" in case else 1)


def test_the_same_as_json(check: Check) -> None:
    with Listener(Answer(404, b"")) as store:
        status, out, err = check(store.url, "--json")

    told = json.loads(out)
    assert (status, told["works"], told["scopes"]) == (1, False, [])
    assert told["message"] in err


def closed_port() -> str:
    with Listener() as store:
        return store.url


@pytest.mark.parametrize(
    ("host", "extra", "sentence"),
    [
        pytest.param(closed_port, {}, "the connection was refused", id="refused"),
        pytest.param(lambda: "https://store.invalid", {}, "the host was not found", id="no such host"),
        pytest.param(
            lambda: "https://api.example.com",
            {"proxies": {"https": "http://user:pr0xypass@127.0.0.1:1"}},
            "the connection was refused through the configured proxy",
            id="proxy refuses",
        ),
        pytest.param(
            lambda: "https://api.example.com", {"proxies": "socks5://127.0.0.1:1"}, "no URL of a proxy", id="proxy that no task can use"
        ),
        pytest.param(
            lambda: "https://api.example.com", {"verify": "/absent/ca.pem"}, "'/absent/ca.pem', and this machine has no such file", id="CA"
        ),
        pytest.param(lambda: "https://api.example.com", {"cert": "/absent/client.pem"}, "this machine has no such file", id="cert"),
    ],
)
def test_where_nobody_answers_it_ends_after_one_attempt(
    check: Check, monkeypatch: pytest.MonkeyPatch, host: Callable[[], str], extra: dict[str, Any], sentence: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    sent: list[str] = []
    monkeypatch.setattr(hooks.StoreSession, "send", counted(hooks.StoreSession.send, sent))

    status, out, err = check(host(), **extra)

    assert (status, out, sentence in err, "pr0xypass" in err) == (1, "", True, False), err
    assert len(sent) <= 1
    assert len(err.splitlines()) == 1, err


def counted(send: Callable[..., Any], sent: list[str]) -> Callable[..., Any]:
    def count(self: Any, request: Any, **kwargs: Any) -> Any:
        sent.append(request.url)
        return send(self, request, **kwargs)

    return count


def test_a_store_that_does_not_answer_in_time_ends_it(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        status, _, err = check(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.3)

    assert (status, "no answer in time" in err) == (1, True), err


@pytest.mark.timeout(60)
def test_a_store_that_sends_without_end_ends_it(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_of_requests, "TEST_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection = server.accept()[0]
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
            try:
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.05)
            except OSError:
                connection.close()

        threading.Thread(target=drip, daemon=True).start()
        status, _, err = check(f"http://127.0.0.1:{server.getsockname()[1]}")

    assert (status, "no answer in time" in err) == (1, True), err


# -- after a good test, and where only the scope of the test is missing ------------------------------------------------


def lists(answer: Callable[[Arrived], Answer], store: Answer | None = None) -> Callable[[Arrived], Answer]:
    """A store that tells its name, and answers everything else so."""

    def reply(request: Arrived) -> Answer:
        return (store or Answer.json(STORE)) if request.path == "/stores/abc123/v2/store" else answer(request)

    return reply


def readable(out: str) -> set[Any]:
    return {row["readable"] for row in json.loads(out)["scopes"] if row["asked"] != "/v2/store" and row["scopes"] != ["B2B Edition"]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer.json({"data": []}), True, id="a list"),
        pytest.param(Answer(204, b""), True, id="V2's empty list"),
        pytest.param(json_error(422, "missing parameter"), True, id="a complaint about parameters"),
        pytest.param(json_error(403, "You don't have a required scope"), False, id="a scope is missing"),
        pytest.param(Answer(200, b"<html>Sign in</html>", HTML), None, id="a page"),
        pytest.param(Answer(404, b""), None, id="404"),
        pytest.param(Answer(404, b"<html>nginx</html>", HTML), None, id="a page with 404"),
        pytest.param(Answer(400, b"<html>Bad request</html>", HTML), None, id="a page with 400"),
        pytest.param(Answer(405, b""), None, id="405"),
        pytest.param(Answer(409, b""), None, id="409"),
        pytest.param(Answer(200, b""), None, id="an empty body"),
    ],
)
def test_a_permission_is_what_the_store_has_shown(check: Check, answer: Answer, expected: bool | None) -> None:
    with Listener(lists(lambda _: answer)) as store:
        status, out, _ = check(store.url, "--json")

    assert readable(out) == {expected}
    assert status == 0  # the store's own scope is given


def test_a_token_that_lacks_only_the_scope_of_the_test_is_still_asked_about_the_others(check: Check) -> None:
    with Listener(lists(lambda _: Answer.json({"data": []}), json_error(403, "You don't have a required scope"))) as store:
        status, out, err = check(store.url, "--json")

    assert status == 0
    assert "the token lacks a scope (403)" in err
    told = {row["asked"]: row["readable"] for row in json.loads(out)["scopes"]}
    assert readable(out) == {True}
    assert told.get("/v2/store", False) is False


def test_a_store_that_is_there_for_the_test_alone_has_no_readable_row(check: Check) -> None:
    """404 for all but the name, and the token lacks that: nothing was shown, so the status is 1."""
    with Listener(lists(lambda _: json_error(404, "Not found"), json_error(403, "You don't have a required scope"))) as store:
        status, out, _ = check(store.url, "--json")

    assert (status, True in readable(out)) == (1, False)


def test_a_store_that_fails_after_the_test_is_not_asked_for_minutes(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "CHECK_SECONDS", 0.0)
    with Listener(lists(lambda _: Answer(500, b"<html>oops</html>", HTML))) as store:
        status, out, _ = check(store.url, "--json")

    assert status == 1
    assert readable(out) == {None}
    assert len(store.arrived) <= 3  # the test, and two attempts of the first question


def test_the_time_for_all_questions_is_bounded() -> None:
    class Asked:
        def __init__(self) -> None:
            self.paths: list[str] = []

        def request(self, method: str, path: str, *, params: Any) -> Any:
            self.paths.append(path)
            return Response(200, {}, b"{}")

    store, seconds = Asked(), iter(range(1000))
    found = list(access.permissions(store, seconds=5, clock=lambda: float(next(seconds))))  # type: ignore[arg-type]  # a second a look

    assert len(store.paths) == 5
    assert sum(each.is_given is True for each in found) == 5
    assert {row.name for each in found for row in each.resources} == set(CATALOG)
