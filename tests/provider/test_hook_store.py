"""Claims about the store that a hook gives, synchronous and asynchronous, against the sandbox."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import AuthenticationError, BigCommerceError, CredentialsError, TransportError
from airflow_provider_bigcommerce.hooks.bigcommerce import USER_AGENT, BigCommerceHook
from tests.listener import Answer, Listener

pytestmark = pytest.mark.compat

TOKEN = "tok-5ecret-9f8e7d"
SECRET = "cl1ent/5ecret+=&?#%"


@pytest.fixture
def sandbox(bigcommerce_sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sandbox store behind bigcommerce_default."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    return bigcommerce_sandbox


def connect(monkeypatch: pytest.MonkeyPatch, host: str, **extra: object) -> None:
    fields = {"store_hash": "abc123", "access_token": TOKEN, "client_id": "the-client-id", "client_secret": SECRET, **extra}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({"conn_type": "bigcommerce", "host": host, "extra": fields}))


def test_a_task_reads_with_the_synchronous_store(sandbox: Any) -> None:
    with BigCommerceHook().store() as store:
        assert store.store_hash == sandbox.store_hash
        assert store.count("products") == len(list(store.rows("products"))) == 10


async def test_a_coroutine_reads_with_the_asynchronous_store(sandbox: Any) -> None:
    async with BigCommerceHook().astore() as store:
        assert store.store_hash == sandbox.store_hash
        assert await store.count("products") == len([row async for row in store.rows("products")]) == 10


async def test_the_synchronous_store_inside_a_loop_names_the_other_one(sandbox: Any) -> None:
    with pytest.raises(BigCommerceError, match=r"Use: async with hook\.astore\(\) as store"):
        BigCommerceHook().store()


def test_the_sandbox_passes_the_connection_test(sandbox: Any) -> None:
    works, message = BigCommerceHook().test_connection()
    assert works, message
    assert message.startswith("Connected to ")


def test_the_client_sends_no_value_of_the_connection_but_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener(Answer.json({"data": [], "meta": {"pagination": {"total": 0}}})) as listener:
        connect(monkeypatch, listener.url, unknown_extra="unknown-value", quota_share=0.5)
        hook = BigCommerceHook()
        with hook.store() as store:
            store.count("products")
    (request,) = listener.arrived
    assert request.headers.pop("x-auth-token") == TOKEN
    assert (request.headers["user-agent"], request.headers["x-correlation-id"]) == (USER_AGENT, hook.correlation_id)
    assert set(request.headers) <= {"host", "user-agent", "accept", "accept-encoding", "connection", "x-correlation-id"}
    whole = json.dumps([request.path, request.headers])
    assert [value for value in (TOKEN, SECRET, "the-client-id", "unknown") if value in whole] == []


def test_a_netrc_entry_of_the_host_adds_no_authorization(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Listener(Answer.json({"data": []})) as listener:
        connect(monkeypatch, listener.url)
        with BigCommerceHook().store() as store:
            store.request("GET", "/v3/catalog/products")
    assert "authorization" not in listener.arrived[0].headers


@pytest.mark.parametrize("where", ["extra", "environment"])
def test_a_proxy_is_taken_from_the_extra_or_the_environment(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Listener(Answer.json({"data": []})) as proxy:
        monkeypatch.setenv("HTTP_PROXY" if where == "environment" else "UNUSED", proxy.url)
        connect(monkeypatch, "http://store.invalid", allow_http=True, **({"proxies": {"http": proxy.url}} if where == "extra" else {}))
        with BigCommerceHook().store() as store:
            store.request("GET", "/v3/catalog/products")
        assert [request.path for request in proxy.arrived] == ["http://store.invalid/stores/abc123/v3/catalog/products"]
        if where == "environment":
            connect(monkeypatch, "http://store.invalid", allow_http=True, trust_env=False, max_attempts=1)
            with BigCommerceHook().store() as store, pytest.raises(TransportError):
                store.request("GET", "/v3/catalog/products")


async def test_the_asynchronous_store_refuses_what_the_synchronous_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "https://api.example.com", access_token="***")
    with pytest.raises(CredentialsError, match="masked value"):
        async with BigCommerceHook().astore():
            pass


def test_no_secret_is_in_the_hook_its_errors_and_its_logs(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Listener(Answer.json({"status": 401, "title": "Unauthorized"}, 401)) as listener:
        connect(monkeypatch, listener.url)
        hook = BigCommerceHook()
        shown = [repr(hook), repr(vars(hook)), repr(hook.credentials()), repr(hook.store()), repr(hook.get_conn())]
        with pytest.raises(AuthenticationError) as refused:
            hook.run("/v2/store")
        shown += traceback.format_exception(refused.value)
        with hook.store() as store, pytest.raises(AuthenticationError) as refused:
            store.get("store")
        shown += traceback.format_exception(refused.value)
        shown += [repr(vars(hook)), caplog.text]
    assert [secret for secret in (TOKEN, SECRET) if any(secret in text for text in shown)] == []


def test_all_requests_of_a_task_carry_the_task_instances_id(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class TaskInstance:
        id = "0198c0de-0000-7000-8000-000000000001"

    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: {"ti": TaskInstance()})
    assert BigCommerceHook().correlation_id == BigCommerceHook().correlation_id == TaskInstance.id
