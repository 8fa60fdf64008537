"""Claims about the Test button: true with the store's name and quota, false with the cause told apart, never with a token."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.core.redaction import spellings
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from tests.listener import Answer, Arrived, Listener, self_signed

pytestmark = pytest.mark.compat

TOKEN = "tok-5ecret-9f8e7d"
SECRET = "cl1ent/5ecret+=&?#%"
TryOut = Callable[..., tuple[bool, str]]
STORE = {"id": "abc123", "name": "Bikes & Co", "domain": "bikes.example.com", "plan_level": "Pro"}
QUOTA = {"X-Rate-Limit-Requests-Quota": "150", "X-Rate-Limit-Requests-Left": "148", "X-Rate-Limit-Time-Window-Ms": "30000"}
UNAUTHORIZED = "Unauthorized - the v3 Auth client ID or token in the request are not a valid combination for this store."


@pytest.fixture
def try_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[TryOut]:
    """Tests a connection as Airflow does, and sees to it that no message holds a secret."""
    told: list[str] = []

    def try_out(host: str, conn_type: str = "bigcommerce", **extra: object) -> tuple[bool, str]:
        fields = {"store_hash": "abc123", "access_token": TOKEN, "client_secret": SECRET, **extra}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({"conn_type": conn_type, "host": host, "extra": fields}))
        result = BigCommerceHook().test_connection()
        told.append(result[1])
        return result

    yield try_out
    assert told
    assert [value for value in (*spellings(TOKEN), *spellings(SECRET)) for message in told if value in message] == []


def test_a_good_connection_tells_name_domain_plan_and_quota(try_out: TryOut) -> None:
    with Listener(Answer.json(STORE, **QUOTA)) as store:
        assert try_out(store.url) == (
            True,
            "Connected to Bikes & Co (bikes.example.com), plan Pro; quota 150 requests / 30 s, 148 left",
        )
    assert [request.path for request in store.arrived] == ["/stores/abc123/v2/store"]


def test_a_store_without_quota_headers_is_good_too(try_out: TryOut) -> None:
    with Listener(Answer.json(STORE)) as store:
        assert try_out(store.url) == (True, "Connected to Bikes & Co (bikes.example.com), plan Pro; quota not told")


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        pytest.param(
            Answer.json([{"status": 404, "message": "Not found"}], 404),
            ["There is no store 'abc123' at", "(404)", "https://store-<hash>.mybigcommerce.com"],
            id="wrong-hash",
        ),
        pytest.param(
            Answer.json({"status": 401, "title": UNAUTHORIZED}, 401),
            ["refused the access token for store 'abc123' (401)", "mistyped", "the token of another store", UNAUTHORIZED],
            id="wrong-token-or-other-store",
        ),
        pytest.param(Answer(401, b"Unauthorized", {"Content-Type": "text/plain"}), ["refused the access token"], id="401-plain-text"),
        pytest.param(
            Answer.json({"status": 403, "title": "You do not have permission"}, 403),
            ["knows the access token", "lacks a scope (403)", "store_v2_information_read_only", "'Information & settings: read-only'"],
            id="missing-scope",
        ),
        pytest.param(Answer.json({"status": 503, "title": "The store is suspended"}, 503), ["suspended (503)"], id="suspended"),
        pytest.param(Answer(503, b"<html>Down", {"Content-Type": "text/html"}), ["down for maintenance", "(503)"], id="down"),
        pytest.param(Answer.json({"status": 429, "title": "Too many requests"}, 429), ["quota of requests is used up (429)"], id="quota"),
        pytest.param(Answer.json({"status": 500, "title": "Oops"}, 500), ["answered 500", "nothing can be said about the token"], id="500"),
        pytest.param(
            Answer(200, b"<html>Please log in</html>", {"Content-Type": "text/html; charset=utf-8"}),
            ["answered 200 with text/html that is not JSON", "the page of a proxy"],
            id="page",
        ),
        pytest.param(Answer(404, b"<html>nginx</html>", {"Content-Type": "text/html"}), ["404 with text/html", "a proxy"], id="page-404"),
        pytest.param(
            Answer(403, b"<html>blocked</html>", {"Content-Type": "text/html"}), ["403 with text/html", "a firewall"], id="page-403"
        ),
        pytest.param(Answer.json({"data": []}), ["JSON that does not describe a store", "API base URL"], id="other-json"),
        pytest.param(Answer.json([]), ["JSON that does not describe a store"], id="empty-list"),
        pytest.param(
            Answer(302, headers={"Location": "https://login.example.com/"}),
            ["Refused to send to https://login.example.com:443"],
            id="redirect",
        ),
    ],
)
def test_each_answer_of_a_store_is_told_apart(try_out: TryOut, answer: Answer, claims: list[str]) -> None:
    with Listener(answer) as store:
        works, message = try_out(store.url)
    assert not works
    assert [claim for claim in claims if claim not in message] == [], message
    assert "please log in" not in message.lower()  # no body is quoted


def test_an_unknown_host_is_told(try_out: TryOut) -> None:
    works, message = try_out("https://store.invalid")
    assert (works, "the host was not found" in message, "store.invalid" in message) == (False, True, True), message


def test_an_untrusted_certificate_is_told_and_a_ca_file_mends_it(try_out: TryOut, tmp_path: Path) -> None:
    with Listener(Answer.json(STORE), tls=self_signed(tmp_path)) as store:
        works, message = try_out(store.url)
        assert (works, "TLS failed: self" in message, '"verify"' in message) == (False, True, True), message
        assert store.arrived == []
        assert try_out(store.url, verify=str(tmp_path / "cert.pem"))[0]
        assert try_out(store.url, verify=False)[0]


def test_https_to_a_plain_http_server_is_told(try_out: TryOut) -> None:
    with Listener(Answer.json(STORE)) as store:
        works, message = try_out(f"https://127.0.0.1:{store.port}")
    assert (works, "TLS failed" in message, "write http:// before the host" in message) == (False, True, True), message


def test_a_store_that_does_not_answer_in_time_is_told(try_out: TryOut) -> None:
    finished = threading.Event()

    def wait(request: Arrived) -> Answer:
        finished.wait(60)
        return Answer.json(STORE)

    with Listener(wait) as store:
        works, message = try_out(store.url, timeout="0.3")
        finished.set()
    assert (works, "no answer in time" in message) == (False, True), message


def test_a_closed_port_is_told(try_out: TryOut) -> None:
    with Listener() as store:
        pass
    works, message = try_out(store.url)
    assert (works, "the connection was refused" in message) == (False, True), message


def test_a_connection_that_is_cut_is_told(try_out: TryOut) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut() -> None:
            for _ in range(2):  # requests tries a reused connection once more at most
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        works, message = try_out(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert (works, "the connection was cut" in message) == (False, True), message


def test_an_unreachable_proxy_is_told_without_its_password(try_out: TryOut, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Listener() as gone:
        pass
    works, message = try_out("https://api.example.com", proxies={"https": f"http://user:pr0xypass@127.0.0.1:{gone.port}"})
    assert (works, "refused through the configured proxy" in message, "pr0xypass" in message) == (False, True, False), message


@pytest.mark.parametrize("proxy", ["socks5://user:pr0xypass@127.0.0.1:1", "http://", "nonsense://127.0.0.1:1"])
def test_a_proxy_of_the_environment_that_cannot_work_is_told_without_its_password(
    try_out: TryOut, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    works, message = try_out("https://api.example.com")
    assert (works, "Nothing could be sent to https://api.example.com" in message, "pr0xypass" in message) == (False, True, False), message


@pytest.mark.parametrize(
    ("extra", "claim"),
    [
        ({"access_token": "***"}, "masked value (***) was sent as the token"),
        ({"access_token": ""}, "access token is empty"),
        ({"store_hash": "shop.example.com"}, "No store hash in 'shop.example.com'"),
        ({"store_hash": None}, "store hash is empty"),
        ({"quota_share": 80}, "extra 'quota_share' is '80'; accepted: a number from 0.001 to 1."),
        ({"quota_shre": 0.8}, "extra 'quota_shre' is none of a BigCommerce connection, so it would do nothing. Did you mean 'quota_share'"),
        ({"max_concurrency": "many"}, "extra 'max_concurrency' is 'many'; accepted: a number from 1 to 1000"),
        ({"trust_env": "perhaps"}, "extra 'trust_env' is 'perhaps'; accepted: true or false."),
        ({"proxies": "socks5://127.0.0.1:1"}, "extra 'proxies' holds a value that is no URL of a proxy"),
        ({"verify": "/absent/ca.pem"}, "extra 'verify' names '/absent/ca.pem', and this machine has no such file"),
    ],
)
def test_a_field_that_cannot_work_is_told_without_asking_the_store(try_out: TryOut, extra: dict[str, object], claim: str) -> None:
    with Listener() as store:
        works, message = try_out(store.url, **extra)
    assert (works, claim in message, store.arrived) == (False, True, []), message


@pytest.mark.parametrize(
    ("extra", "claim"),
    [
        (f'{{"access_token": "{TOKEN}",', "'bigcommerce_default' is not a JSON object with the keys store_hash"),
        ('["abc123"]', "'bigcommerce_default' is not a JSON object with the keys store_hash"),
        ("{ }", "The store hash is empty"),
        ("  ", "The store hash is empty"),
        (None, "The store hash is empty"),
    ],
)
def test_an_extra_that_is_no_json_is_told_and_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, extra: str | None, claim: str
) -> None:
    from airflow.sdk import Connection

    hook = BigCommerceHook()
    broken = Connection(conn_id="bigcommerce_default", conn_type="bigcommerce", extra=extra)
    monkeypatch.setattr(hook, "get_connection", lambda _conn_id: broken)
    works, message = hook.test_connection()
    assert (works, claim in message, TOKEN in message) == (False, True, False), message


def test_a_connection_of_another_type_is_told(try_out: TryOut) -> None:
    works, message = try_out("http://127.0.0.1:1", conn_type="http")
    assert (works, "is of type 'http'" in message) == (False, True), message
