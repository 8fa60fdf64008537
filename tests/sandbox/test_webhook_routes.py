"""Webhooks through the API: what is refused, whose they are, and what the admin page tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.running import Sandbox
from tests.sandbox.wire import ask

IN = "http://127.0.0.1:9/in"


def create(sandbox: Sandbox, **body: Any) -> tuple[int, Any]:
    return send(sandbox, "POST", "/v3/hooks", body)


def send(sandbox: Sandbox, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    reply = ask(sandbox, path, method=method, body=body, token=token)
    return reply.status, reply.json if reply.body else None


def test_a_hook_is_made_active_with_its_headers_and_shown_to_its_own_account_only(bigcommerce_sandbox: Sandbox) -> None:
    sandbox = bigcommerce_sandbox
    sandbox.store.add_token("another", None)
    status, made = create(sandbox, scope="store/order/*", destination=IN, headers={"X-Mine": "1"})
    assert status == 200
    hook = made["data"]
    assert {name: hook[name] for name in ("scope", "destination", "headers", "is_active", "store_hash")} == {
        "scope": "store/order/*",
        "destination": IN,
        "headers": {"X-Mine": "1"},
        "is_active": True,
        "store_hash": sandbox.store_hash,
    }
    assert isinstance(hook["created_at"], int)
    assert not [name for name in hook if name.startswith("_")]
    path = f"/v3/hooks/{hook['id']}"
    assert send(sandbox, "GET", path)[1]["data"] == hook
    mine, others = (send(sandbox, "GET", "/v3/hooks?scope=store/order/*", token=token)[1]["data"] for token in (None, "another"))
    assert hook["id"] in [each["id"] for each in mine]
    assert hook["id"] not in [each["id"] for each in others]
    assert [send(sandbox, method, path, {"is_active": False}, "another")[0] for method in ("GET", "PUT", "DELETE")] == [404, 404, 404]
    status, gone = send(sandbox, "DELETE", path)
    assert (status, gone["data"]["id"]) == (200, hook["id"])
    assert send(sandbox, "GET", path)[0] == 404


BAD: dict[str, Callable[[Sandbox], tuple[int, Any]]] = {
    "http to elsewhere": lambda s: create(s, scope="store/order/*", destination="http://example.com/in"),
    "no scope": lambda s: create(s, destination=IN),
    "no such scope": lambda s: create(s, scope="order/*", destination=IN),
    "headers that are a list": lambda s: create(s, scope="store/order/*", destination=IN, headers=["X"]),
    "the same twice": lambda s: [create(s, scope="store/order/*", destination=IN) for _ in range(2)][1],
    "an eleventh of a scope": lambda s: [create(s, scope="store/sku/*", destination=f"{IN}/{n}") for n in range(11)][10],
    "a second exception hook": lambda s: [create(s, scope="store/hook/deliveryException", destination=f"{IN}/{n}") for n in range(2)][1],
    "an exception hook where others go": lambda s: [
        create(s, scope=scope, destination=IN) for scope in ("store/sku/*", "store/hook/deliveryException")
    ][1],
    "an empty update": lambda s: send(s, "PUT", "/v3/hooks/1", {}),
    "an update of the history alone": lambda s: send(s, "PUT", "/v3/hooks/1", {"events_history_enabled": True}),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_bigcommerce_refuses_is_refused(bigcommerce_sandbox: Sandbox, case: str) -> None:
    status, answer = BAD[case](bigcommerce_sandbox)
    assert status == 422
    assert answer["errors"]


def test_the_admin_page_tells_states_mails_and_blocked_domains(bigcommerce_sandbox: Sandbox) -> None:
    sandbox = bigcommerce_sandbox
    store = sandbox.store
    _, made = create(sandbox, scope="store/product/*", destination=IN)
    hook_id = made["data"]["id"]
    assert send(sandbox, "PUT", "/v3/hooks/admin", {"emails": ["ops@example.com"]})[0] == 204
    store.webhooks.retries = ()
    store.edit_product(store.tables["products"].ids()[0], name="x")
    sandbox.deliver()  # nobody listens at port 9: the only try fails

    admin = send(sandbox, "GET", "/v3/hooks/admin")[1]["data"]
    assert {each["id"]: each["status"] for each in admin["hooks_list"]}[hook_id] == "deactivated"
    assert admin["emails"] == ["ops@example.com"]
    assert admin["blocked_domains"] == []
    assert [each["is_active"] for each in send(sandbox, "GET", "/v3/hooks/admin?is_active=true")[1]["data"]["hooks_list"]] == [True, True]

    assert send(sandbox, "PUT", f"/v3/hooks/{hook_id}", {"is_active": True})[0] == 200
    admin = send(sandbox, "GET", "/v3/hooks/admin")[1]["data"]
    assert {each["id"]: each["status"] for each in admin["hooks_list"]}[hook_id] == "active"


def test_a_write_through_the_api_makes_events(bigcommerce_sandbox: Sandbox) -> None:
    sandbox = bigcommerce_sandbox
    create(sandbox, scope="store/product/*", destination=IN)
    product_id = sandbox.store.tables["products"].ids()[0]
    assert send(sandbox, "PUT", f"/v3/catalog/products/{product_id}", {"name": "Renamed"})[0] == 200
    assert send(sandbox, "DELETE", f"/v3/catalog/products/{product_id}")[0] == 204

    assert [attempt.scope for attempt in sandbox.deliver()] == ["store/product/updated", "store/product/deleted"]


def test_other_processes_make_events_and_see_what_was_tried(bigcommerce_sandbox: Sandbox) -> None:
    sandbox = bigcommerce_sandbox
    create(sandbox, scope="store/product/*", destination=IN)
    from urllib.request import Request, urlopen

    def own(path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{sandbox.url}/sandbox/{path}", data=data, headers={"X-Auth-Token": sandbox.token})) as answer:
            return json.load(answer)

    assert own("changes", {"events": [["store/product/updated", {"type": "product", "id": 1}]], "webhook_faults": [0, 0, 0]}) == {
        "events": 1
    }
    assert own("state")["webhooks_waiting"] == 1
    sandbox.deliver()
    assert [(each["scope"], each["status"]) for each in own("deliveries")] == [("store/product/updated", 0)]
