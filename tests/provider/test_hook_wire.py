"""Claims about what of a connection goes over the wire, each proved with a socket that listens."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests

from airflow_provider_bigcommerce.core.redaction import spellings
from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    BigCommerceError,
    CredentialsError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectRefusedError,
    ServerError,
    TransportError,
    UnexpectedAnswerError,
    ValidationError,
)
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from tests.listener import Answer, Arrived, Listener

pytestmark = pytest.mark.compat

TOKEN = "tok-5ecret-9f8e7d"
SECRET = "cl1ent/5ecret+=&?#%"
Connect = Callable[..., None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Makes the connection bigcommerce_default, with extras on top of a complete one."""

    def connect(
        host: str, *, conn_type: str = "bigcommerce", login: str | None = None, password: str | None = None, **extra: object
    ) -> None:
        fields = {"store_hash": "abc123", "access_token": TOKEN, "client_id": "the-client-id", "client_secret": SECRET}
        connection = {"conn_type": conn_type, "host": host, "login": login, "password": password, "extra": {**fields, **extra}}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))

    return connect


def test_run_sends_to_the_stores_path_with_filters_as_bigcommerce_reads_them(connect: Connect) -> None:
    with Listener(Answer.json({"data": [{"id": 1}]})) as store:
        connect(store.url)
        response = BigCommerceHook().run("/v3/catalog/products", {"limit": 5, "id:in": [1, 2], "is_visible": True, "skip": None})
    assert isinstance(response, requests.Response)
    assert response.json() == {"data": [{"id": 1}]}
    assert [(request.method, request.path) for request in store.arrived] == [
        ("GET", "/stores/abc123/v3/catalog/products?limit=5&id%3Ain=1%2C2&is_visible=true")
    ]


def test_no_value_of_the_connection_but_the_token_goes_over_the_wire(connect: Connect) -> None:
    with Listener() as store:
        connect(
            store.url,
            login="login-name",
            password="login-password",
            quota_share=0.5,
            max_concurrency=3,
            unknown_extra="unknown-value",
            timeout=20,
            verify=True,
            trust_env=True,
        )
        for method in ("GET", "POST", "PUT", "DELETE"):
            BigCommerceHook(method=method).run("/v3/catalog/products", {"name": "x"})
    assert len(store.arrived) == 4
    for request in store.arrived:
        assert request.headers.pop("x-auth-token") == TOKEN
        whole = json.dumps([request.path, request.headers, request.body.decode()])
        told = (
            "the-client-id",
            "login-name",
            "login-password",
            "unknown",
            "quota_share",
            "max_concurrency",
            *spellings(SECRET),
            *spellings(TOKEN),
        )
        assert [value for value in told if value in whole] == []
        allowed = {"host", "user-agent", "accept", "accept-encoding", "connection", "x-correlation-id", "content-type", "content-length"}
        assert set(request.headers) <= allowed


def test_a_netrc_entry_of_the_host_adds_no_authorization(connect: Connect, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: PTH123  # tmp_path is a plain path here
        file.write("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", netrc)
    with Listener() as store:
        connect(store.url)
        BigCommerceHook().run("/v2/store")
    assert "authorization" not in store.arrived[0].headers


def test_requests_carry_version_json_and_one_correlation_id_per_hook(connect: Connect) -> None:
    with Listener() as store:
        connect(store.url)
        hook = BigCommerceHook()
        hook.run("/v2/store")
        hook.run("/v2/time")
        BigCommerceHook().run("/v2/time")
    first, second, other = (request.headers for request in store.arrived)
    assert first["user-agent"].startswith("airflow-provider-bigcommerce/")
    assert first["accept"] == "application/json"
    assert "gzip" in first["accept-encoding"]
    assert first["x-correlation-id"] == second["x-correlation-id"] != other["x-correlation-id"]


def test_a_body_is_json_and_a_delete_filters_by_its_query(connect: Connect) -> None:
    with Listener() as store:
        connect(store.url)
        BigCommerceHook(method="PUT").run("/v3/catalog/products", [{"id": 1, "name": "x"}])
        BigCommerceHook(method="DELETE").run("/v3/catalog/products", {"id:in": [7, 8]})
    put, delete = store.arrived
    assert put.headers["content-type"] == "application/json"
    assert json.loads(put.body) == [{"id": 1, "name": "x"}]
    assert delete.path == "/stores/abc123/v3/catalog/products?id%3Ain=7%2C8"
    assert delete.body == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_port_is_refused_and_nothing_is_sent_there(connect: Connect, status: int) -> None:
    with Listener() as other, Listener(Answer(status, headers={"Location": f"{other.url}/stores/abc123/v2/store"})) as store:
        connect(store.url)
        with pytest.raises(RedirectRefusedError, match=f"Refused to send to http://127.0.0.1:{other.port}: the access token goes to"):
            BigCommerceHook().run("/v2/store")
        assert other.arrived == []


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:{port}/x",
        "http://localhost:{port}/x",
        "//localhost:{port}/x",
        "http://[",
        "http://127.0.0.1:{port}@localhost:{port}/x",
    ],
)
def test_a_redirect_to_another_scheme_or_host_is_refused(connect: Connect, location: str) -> None:
    port = 0

    def redirect(request: Arrived) -> Answer:
        return Answer(302, headers={"Location": location.format(port=port)}) if request.path.endswith("/store") else Answer()

    with Listener(redirect) as store:
        port = store.port
        connect(store.url)
        with pytest.raises(RedirectRefusedError):
            BigCommerceHook().run("/v2/store")
    assert [request.path for request in store.arrived] == ["/stores/abc123/v2/store"]


def test_a_redirect_on_the_same_origin_is_followed_with_the_token(connect: Connect) -> None:
    def redirect(request: Arrived) -> Answer:
        there = "/stores/abc123/v2/there"
        return Answer.json({"there": True}) if request.path == there else Answer(302, headers={"Location": there})

    with Listener(redirect) as store:
        connect(store.url)
        assert BigCommerceHook().run("/v2/store").json() == {"there": True}
    assert [request.headers["x-auth-token"] for request in store.arrived] == [TOKEN, TOKEN]


def test_a_session_of_the_hook_sends_the_token_to_no_other_host(connect: Connect) -> None:
    with Listener() as other, Listener() as store:
        connect(store.url)
        session = BigCommerceHook().get_conn()
        with pytest.raises(RedirectRefusedError):
            session.get(other.url)
        assert other.arrived == []


def test_redirects_without_end_stop(connect: Connect) -> None:
    with Listener(Answer(302, headers={"Location": "/stores/abc123/v2/again"})) as store:
        connect(store.url, max_redirects="3")
        with pytest.raises(UnexpectedAnswerError, match="redirected more than 3 times"):
            BigCommerceHook().run("/v2/store")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ValidationError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (422, ValidationError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_refusal_is_a_typed_error_and_its_body_is_in_no_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, status: int, error: type[BigCommerceError]
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"status": status, "title": "No such thing", "errors": {"name": "too long"}, "customer": "jane@example.com"}
    with Listener(Answer.json(body, status, **{"X-Request-Id": "0f8fad5bd9cb469fa16570867728950e"})) as store:
        connect(store.url)
        with pytest.raises(error, match=f"GET /v3/customers answered {status}.*No such thing") as caught:
            BigCommerceHook().run("/v3/customers", {"email:in": "jane@example.com"})
    everything = caplog.text + str(caught.value) + repr(caught.value)
    assert "jane@example.com" not in everything
    assert [value for value in (*spellings(SECRET), *spellings(TOKEN)) if value in everything] == []
    assert caught.value.__dict__["request_id"] == "0f8fad5bd9cb469fa16570867728950e"


def test_the_answer_is_not_checked_when_told_so(connect: Connect) -> None:
    with Listener(Answer.json({}, 404)) as store:
        connect(store.url)
        assert BigCommerceHook().run("/v2/x", extra_options={"check_response": False}).status_code == 404


def test_a_failure_of_the_network_shows_neither_filters_nor_token(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Listener() as store:
        pass  # the port is closed again
    connect(store.url)
    with pytest.raises(TransportError, match="connection was refused") as caught:
        BigCommerceHook().run("/v3/customers", {"email:in": "jane@example.com"})
    shown = f"{caught.value}{caplog.text}"
    assert quote("jane@example.com") not in shown
    assert TOKEN not in shown
    assert caught.value.__suppress_context__  # the library's exception, which holds the URL, stays out of tracebacks


def test_a_url_in_place_of_a_path_is_refused_before_anything_is_sent(connect: Connect) -> None:
    with Listener() as store:
        connect(store.url)
        with pytest.raises(InvalidQueryError, match="takes a path below the store"):
            BigCommerceHook().run("https://api.bigcommerce.com/stores/abc123/v3/catalog/products")
    assert store.arrived == []


def test_a_proxy_of_the_extra_is_used(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Listener(Answer.json({"via": "proxy"})) as proxy:
        for proxies in ({"http": proxy.url}, json.dumps({"http": proxy.url}), proxy.url):
            connect("http://store.invalid", allow_http="true", proxies=proxies)
            assert BigCommerceHook().run("/v2/store").json() == {"via": "proxy"}
    assert {request.path for request in proxy.arrived} == {"http://store.invalid/stores/abc123/v2/store"}


def test_a_connection_of_another_type_is_refused(connect: Connect) -> None:
    connect("http://127.0.0.1:1", conn_type="http")
    with pytest.raises(CredentialsError, match="'bigcommerce_default' is of type 'http'; BigCommerceHook needs one of type 'bigcommerce'"):
        BigCommerceHook().run("/v2/store")


@pytest.mark.parametrize(
    ("name", "value"), [("timeout", "soon"), ("timeout", 0), ("quota_share", 1.5), ("max_concurrency", 0), ("verify", "")]
)
def test_an_extra_that_cannot_work_names_itself(connect: Connect, name: str, value: object) -> None:
    connect("https://api.example.com", **{name: value})
    if name == "verify":
        assert BigCommerceHook().get_conn().verify is True
        return
    with pytest.raises(CredentialsError, match=f"extra '{name}' is '{value}'; accepted: a number from"):
        BigCommerceHook().store()


@pytest.mark.parametrize(("value", "expected"), [(None, 5), ("", 5), ("3", 3), (0, 0)])
def test_max_redirects_is_a_number_and_none_at_all_is_one(connect: Connect, value: object, expected: int) -> None:
    connect("https://api.example.com", max_redirects=value)
    assert BigCommerceHook().get_conn().max_redirects == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), (True, True), (False, False), ("false", False), ("true", True), ("/etc/ca.pem", "/etc/ca.pem")]
)
def test_verify_is_a_flag_or_the_path_of_a_ca_file(connect: Connect, value: object, expected: object) -> None:
    connect("https://api.example.com", verify=value)
    assert BigCommerceHook().get_conn().verify == expected


def test_the_token_is_masked_in_airflows_logs_once_the_hook_has_read_it(connect: Connect) -> None:
    from airflow.sdk.log import redact

    connect("https://api.example.com", access_token=f" {TOKEN}\n")
    BigCommerceHook().credentials()
    assert redact(f"a line with {TOKEN} and {SECRET}") == "a line with *** and ***"
