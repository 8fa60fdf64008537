"""``hook.run`` sends once; what it raises says whether somebody may send again, by the same rule as the client's."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import urllib3

from airflow_provider_bigcommerce.exceptions import BigCommerceError, ServerError, TransportError, UnclearWriteError, ValidationError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from tests.listener import Answer, Listener

pytestmark = pytest.mark.compat

TOKEN = "tok-5ecret-9f8e7d"


def connect(monkeypatch: pytest.MonkeyPatch, host: str, **extra: Any) -> None:
    fields = {"store_hash": "abc123", "access_token": TOKEN, **extra}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({"conn_type": "bigcommerce", "host": host, "extra": fields}))


CALLS: list[tuple[str, str, Any, int, type[BigCommerceError]]] = [
    ("POST", "/v2/orders", {}, 502, UnclearWriteError),
    ("POST", "/v3/orders/7/payment_actions/refunds", {"items": []}, 503, UnclearWriteError),
    ("PUT", "/v3/inventory/adjustments/absolute", {"items": []}, 500, UnclearWriteError),
    ("PUT", "/v3/catalog/products", [{"id": 7, "images": [{}]}], 500, UnclearWriteError),
    ("PUT", "/v3/made/up", {}, 500, UnclearWriteError),
    ("PUT", "/v3/catalog/products", [{"id": 7}], 500, ServerError),
    ("PUT", "/v3/catalog/brands/7", {}, 504, ServerError),
    ("DELETE", "/v2/orders/7", None, 502, ServerError),
    ("GET", "/v2/orders", None, 502, ServerError),
    ("POST", "/v2/orders", {}, 422, ValidationError),
    ("POST", "/v2/orders", {}, 501, ServerError),
]


@pytest.mark.parametrize(("method", "path", "data", "status", "kind"), CALLS, ids=[f"{call[0]} {call[1]} {call[3]}" for call in CALLS])
def test_an_answer_that_leaves_it_open_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str, data: Any, status: int, kind: type[BigCommerceError]
) -> None:
    with Listener(Answer.json({"title": TOKEN}, status)) as store:
        connect(monkeypatch, store.url)
        with pytest.raises(BigCommerceError) as caught:
            BigCommerceHook(method=method).run(path, data)

    assert type(caught.value) is kind
    assert len(store.arrived) == 1
    cause = caught.value.__cause__
    assert isinstance(cause, ServerError) is (kind is UnclearWriteError)
    assert TOKEN not in f"{caught.value}{cause}{getattr(cause, 'title', '')}"


@pytest.mark.parametrize(("method", "kind"), [("POST", UnclearWriteError), ("GET", TransportError)])
def test_an_answer_that_does_not_come_leaves_it_open(monkeypatch: pytest.MonkeyPatch, method: str, kind: type[BigCommerceError]) -> None:
    with Listener(lambda arrived: (_ for _ in ()).throw(ConnectionError("gone"))) as store:
        connect(monkeypatch, store.url)
        with pytest.raises(BigCommerceError) as caught:
            BigCommerceHook(method=method).run("/v2/orders", {"email": "jane@example.com"})

    assert type(caught.value) is kind
    assert "jane@example.com" not in f"{caught.value}{caught.value.__cause__}"


def test_a_write_that_never_left_may_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as store:
        pass  # the port is closed again
    connect(monkeypatch, store.url)
    with pytest.raises(TransportError, match="connection was refused"):
        BigCommerceHook(method="POST").run("/v2/orders", {})


@pytest.mark.parametrize(
    ("path", "data", "count"),
    [("/v3/catalog/brands/7", {}, 3), ("/v3/inventory/adjustments/absolute", {"items": []}, 1), ("/v3/made/up", {}, 1)],
)
def test_retries_of_a_callers_adapter_do_not_repeat_what_may_not_be(
    monkeypatch: pytest.MonkeyPatch, path: str, data: Any, count: int
) -> None:
    retries = urllib3.Retry(total=2, backoff_factor=0, status_forcelist=[502], raise_on_status=False, allowed_methods=None)
    adapter = requests.adapters.HTTPAdapter(max_retries=retries)
    with Listener(Answer.json({}, 502)) as store:
        connect(monkeypatch, store.url)
        with pytest.raises(BigCommerceError):
            BigCommerceHook(method="PUT", adapter=adapter).run(path, data)

    assert len(store.arrived) == count
    assert adapter.max_retries is retries
