"""Webhooks as code: the way is tried before anything is made, what is wrong is mended, and others' are left alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airflow.sdk import DAG

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Secrets, verify
from airflow_provider_bigcommerce.engine import subscribing, webhook_health
from airflow_provider_bigcommerce.engine.webhook_health import failed, looked, read_health, webhooks_state_asset
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.get_provider_info import get_provider_info
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

pytestmark = pytest.mark.bigcommerce_sandbox(client_secret="the-client-secret")

LEAVE = DAG.__exit__
REALLY_POST = subscribing.post
TO = "http://127.0.0.1:9/bigcommerce/webhooks/bigcommerce_default"
SECRETS = Secrets("sandbox1", "sandbox-access-token", "the-client-secret")


def receiver(_destination: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Answers as our receiver does."""
    import time

    return 200 if verify(headers.items(), body, SECRETS, time.time(), "required") is None else 401


@pytest.fixture(autouse=True)
def way(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What answers at the public address; a test may put something else there."""
    found: dict[str, Any] = {"answer": receiver, "asked": []}

    def post(destination: str, body: bytes, headers: Mapping[str, str]) -> int:
        found["asked"].append(destination)
        return int(found["answer"](destination, body, headers))

    monkeypatch.setattr(subscribing, "post", post)
    return found


def ensure(**more: Any) -> dict[str, Any]:
    arguments = {"resource": ["products"], "destination": TO, **more}
    return BigCommerceWebhooksOperator(task_id="webhooks", **arguments).execute({})


def ours(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The hooks to our address, by scope."""
    return {row["scope"]: row for row in sandbox.store.rows("webhooks") if row["destination"] == TO}


def test_webhooks_are_made_with_the_header_secret_and_a_second_run_changes_nothing(connected: Sandbox) -> None:
    first = ensure()
    hooks = ours(connected)
    assert sorted(hooks) == sorted(each["scope"] for each in first["created"])
    assert sorted(hooks) == [
        "store/product/created",
        "store/product/deleted",
        "store/product/inventory/order/updated",
        "store/product/inventory/updated",
        "store/product/updated",
    ]
    assert {row["headers"][SECRET_HEADER] for row in hooks.values()} == {SECRETS.header}
    assert first["checks_secret"] is True

    connected.store.requests.clear()
    second = ensure()
    assert (second["created"], second["healed"], len(second["kept"])) == ([], [], 5)
    assert {each.method for each in connected.store.requests} == {"GET"}


def test_what_was_switched_off_changed_or_wiped_is_mended(connected: Sandbox) -> None:
    ensure()
    store, hooks = connected.store, ours(connected)
    off, wiped, moved = (hooks[f"store/product/{what}"]["id"] for what in ("created", "updated", "deleted"))
    store.edit("webhooks", off, is_active=False, headers=None)
    store.edit("webhooks", wiped, headers={})
    store.edit("webhooks", moved, destination="https://elsewhere.example.com/in")

    found = ensure()

    assert {each["id"]: each["why"] for each in found["healed"]} == {
        off: "it was switched off, its header was wiped or is of another token",
        wiped: "its header was wiped or is of another token",
        moved: "its destination was changed",
    }
    assert found["created"] == []
    for row in ours(connected).values():
        assert (row["is_active"], row["headers"]) == (True, {SECRET_HEADER: SECRETS.header})


def test_prune_removes_ours_alone(connected: Sandbox) -> None:
    before = {row["id"] for row in connected.store.rows("webhooks")}
    ensure(resource=["products", "customers"])
    stays = ensure()
    assert {each["scope"].split("/")[1] for each in stays["extra"]} == {"customer"}
    gone = ensure(prune=True)
    assert len(gone["deleted"]) == len(stays["extra"])
    assert {row["id"] for row in connected.store.rows("webhooks")} == before | {row["id"] for row in ours(connected).values()}
    assert not [scope for scope in ours(connected) if "customer" in scope]


def refusing(status: int) -> Callable[..., int]:
    return lambda *_: status


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "webhook_connections"), (302, "login page"), (404, "Nothing is there"), (500, "See the log")]
)
def test_where_our_own_event_is_not_taken_no_webhook_is_made(connected: Sandbox, way: dict[str, Any], status: int, reason: str) -> None:
    way["answer"] = refusing(status)
    with pytest.raises(BigCommerceError, match=f"answered {status} .*{reason}"):
        ensure()
    assert ours(connected) == {}
    assert connected.store.requests == []


def test_where_nobody_answers_no_webhook_is_made(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise requests.ConnectionError("refused: secret details")

    monkeypatch.setattr(requests, "post", fail)
    with pytest.raises(BigCommerceError, match=r"cannot be reached from here \(ConnectionError\)") as raised:
        REALLY_POST(TO, b"", {})
    assert "secret details" not in str(raised.value)


def test_an_address_that_takes_a_wrong_secret_too_is_told_of(
    connected: Sandbox, way: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    way["answer"] = refusing(202)
    assert ensure()["checks_secret"] is False


def test_the_exception_hook_goes_to_an_address_of_its_own_that_was_tried_too(connected: Sandbox, way: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="is the destination itself"):
        ensure(exceptions_destination=TO)
    found = ensure(exceptions_destination=f"{TO}_exceptions")
    assert "store/hook/deliveryException" in [each["scope"] for each in found["created"]]
    assert f"{TO}_exceptions" in way["asked"]


def test_ten_of_others_leave_no_room_and_the_rest_is_made(connected: Sandbox) -> None:
    for n in range(10):
        connected.store.add("webhooks", scope="store/product/deleted", destination=f"https://others.example.com/{n}", is_active=True)
    with pytest.raises(BigCommerceError, match=r"store/product/deleted already, as many as BigCommerce allows"):
        ensure()
    assert len(ours(connected)) == 4


def test_a_blocked_domain_is_told(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = [{"destination": "127.0.0.1:9", "time_left": 100, "reasons": []}]
    monkeypatch.setattr(connected.store.webhooks, "blocked_domains", lambda: blocked)
    assert ensure()["blocked_domains"] == [{"destination": "127.0.0.1:9", "time_left": 100}]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing named": ({"resource": None}, "nothing is named"),
    "every cart": ({"resource": None, "scopes": ["store/channel/*"]}, "brings every cart"),
    "no webhooks": ({"resource": ["brands"]}, "kept fresh by scheduled runs"),
    "an empty list": ({"resource": []}, "no scope is named"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_cannot_be_is_refused_where_the_dag_is_parsed(case: str) -> None:
    arguments, reason = BAD[case]
    with pytest.raises(InvalidQueryError, match=reason):
        BigCommerceWebhooksOperator(task_id="webhooks", **{"resource": ["products"], **arguments})


def test_plain_http_to_elsewhere_is_refused_before_anything_is_sent(connected: Sandbox, way: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="takes https at port 443"):
        ensure(destination="http://in.example.com/x")
    task = BigCommerceWebhooksOperator(task_id="webhooks", resource="products", destination="{{ params.to }}")
    task.destination = "http://in.example.com/x"  # as the template renders
    with pytest.raises(InvalidQueryError, match="takes https at port 443"):
        task.execute({})
    assert way["asked"] == []


def test_the_destination_is_made_of_the_setting(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="webhook_base_url is not set"):
        ensure(destination=None)
    monkeypatch.setenv("AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL", "http://127.0.0.1:9/")
    assert ensure(destination=None)["destination"] == TO


# -- what is kept of it --------------------------------------------------------------------------------------------------------------------


class Kept(dict[str, Any]):
    """A state in the place of Airflow's; a value goes through JSON, as there."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


AT = [datetime(2026, 3, 29, hour, tzinfo=UTC) for hour in range(24)]
CONTEXT = {"ti": SimpleNamespace(dag_id="hooks", task_id="webhooks", xcom_push=lambda **_: None)}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What the task keeps, by connection."""
    found = Kept()
    monkeypatch.setattr(webhook_health, "asset_state", lambda _context, _asset: found)
    return found


def run_task(**more: Any) -> None:
    arguments = {"resource": ["products"], "destination": TO, **more}
    BigCommerceWebhooksOperator(task_id="webhooks", **arguments).execute(CONTEXT)


def test_the_task_keeps_how_the_webhooks_are_by_the_requests_that_it_sends_anyway(connected: Sandbox, kept: Kept) -> None:
    ensure()
    connected.store.requests.clear()
    ensure()
    without = len(connected.store.requests)
    connected.store.requests.clear()

    run_task()

    health = read_health(kept["bigcommerce_default"])
    assert health is not None
    assert (health.store_hash, health.destination, health.active, health.off, health.error) == ("sandbox1", TO, 5, (), "")
    assert (health.dag_id, health.task_id) == ("hooks", "webhooks")
    assert health.checked_at
    assert len(connected.store.requests) == without
    assert SECRETS.header not in json.dumps(kept)


def test_what_was_mended_stays_told_until_something_else_is(connected: Sandbox, kept: Kept) -> None:
    run_task()
    hook = ours(connected)["store/product/updated"]
    connected.store.edit("webhooks", hook["id"], is_active=False, updated_at=1_774_000_000)

    run_task()
    run_task()

    health = read_health(kept["bigcommerce_default"])
    assert health is not None
    [mended] = health.mended
    assert (mended.what, mended.why, mended.since) == ("store/product/updated", "it was switched off", "2026-03-20T09:46:40Z")
    assert mended.mended_at
    assert (health.off, health.active) == ((), 5)


def test_what_nobody_asks_for_and_what_is_blocked_is_off(connected: Sandbox, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    run_task(resource=["products", "customers"])
    other = ours(connected)["store/customer/created"]
    connected.store.edit("webhooks", other["id"], is_active=False, _deactivated=True, updated_at=1_774_000_000)
    monkeypatch.setattr(
        connected.store.webhooks, "blocked_domains", lambda: [{"destination": "127.0.0.1:9", "time_left": 9, "reasons": []}]
    )

    run_task()

    health = read_health(kept["bigcommerce_default"])
    assert health is not None
    assert [(each.what, each.why) for each in health.off] == [
        ("store/customer/created", "it is deactivated"),
        ("127.0.0.1:9", "BigCommerce blocks it: too many deliveries failed"),
    ]
    assert health.off[0].since == "2026-03-20T09:46:40Z"


def test_a_run_that_fails_says_why_and_leaves_what_was_known(connected: Sandbox, kept: Kept, way: dict[str, Any]) -> None:
    run_task()
    before = read_health(kept["bigcommerce_default"])
    way["answer"] = refusing(404)
    with pytest.raises(BigCommerceError):
        run_task()
    failing = read_health(kept["bigcommerce_default"])
    assert before is not None
    assert failing is not None
    assert failing.error.startswith("BigCommerceError: The address ")
    assert failing.failing_since
    assert (failing.active, failing.checked_at) == (5, before.checked_at)

    way["answer"] = receiver
    run_task()
    well = read_health(kept["bigcommerce_default"])
    assert well is not None
    assert (well.error, well.failing_since) == ("", "")


FOUND = {
    "store_hash": "abc123",
    "destination": TO,
    "active": 4,
    "off": [{"what": "store/order/updated", "why": "it is inactive"}],
    "healed": [],
}


def test_since_when_it_is_off_is_when_a_run_first_saw_it() -> None:
    first = looked(None, FOUND, AT[1])
    later = looked(looked(first, FOUND, AT[2]), FOUND, AT[3])
    assert (later.checked_at, later.off[0].since) == ("2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z")
    well = looked(later, {**FOUND, "off": []}, AT[4])
    assert looked(well, FOUND, AT[5]).off[0].since == "2026-03-29T05:00:00Z"


def test_since_when_it_fails_is_the_first_of_the_failures() -> None:
    twice = failed(failed(looked(None, FOUND, AT[1]), "one", AT[2]), "two", AT[3])
    assert (twice.error, twice.failing_since) == ("two", "2026-03-29T02:00:00Z")
    assert failed(None, "x" * 5_000, AT[1]).error == "x" * 1_000
    again = failed(looked(twice, FOUND, AT[4]), "three", AT[5])
    assert again.failing_since == "2026-03-29T05:00:00Z"


@pytest.mark.parametrize("since", [True, -1, 0, 2**40, "1774000000", None, 1.5])
def test_a_date_of_bigcommerces_that_is_none_is_not_told(since: object) -> None:
    odd = {**FOUND, "off": [{"what": "a", "why": "b", "since": since}]}
    assert looked(None, odd, AT[1]).off[0].since == "2026-03-29T01:00:00Z"


@pytest.mark.parametrize(
    ("value", "is_read"),
    [
        ({}, True),
        ({"active": 3, "of_a_later_version": 1}, True),
        ({"off": "x"}, False),
        ("text", False),
        ([], False),
        ({"active": "3"}, False),
    ],
    ids=["an older version", "a later version", "edited", "a text", "a list", "a number as text"],
)
def test_a_record_of_another_version_is_read_and_one_that_was_edited_is_none(value: object, *, is_read: bool) -> None:
    assert (read_health(value) is not None) is is_read


def test_a_task_without_the_inlet_says_so_and_does_its_work(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(_context: Any, _asset: Any) -> None:
        raise KeyError("bigcommerce_webhooks_state")

    monkeypatch.setattr(webhook_health, "asset_state", none)
    run_task()
    assert "inlets=[webhooks_state_asset()]" in caplog.text
    assert len(ours(connected)) == 5


def test_the_operator_names_the_asset_as_an_inlet_once() -> None:
    given = [webhooks_state_asset()]
    tasks = [BigCommerceWebhooksOperator(task_id="webhooks", resource="products", **more) for more in ({}, {"inlets": given})]
    assert [[asset.name for asset in task.inlets] for task in tasks] == [["bigcommerce_webhooks_state"]] * 2


# -- the command line ----------------------------------------------------------------------------------------------------------------------


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status and stdout."""

    def run(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "webhooks", *arguments])
        status = cli.main()
        return status, capfd.readouterr().out.strip()

    return run


def test_on_the_command_line_webhooks_are_made_listed_looked_at_and_removed(connected: Sandbox, run: Run) -> None:
    assert run("ensure", "products", "--destination", TO) == (0, f"Webhooks to {TO}: 5 created, 0 healed, 0 deleted, 0 kept, 0 extra.")
    status, listed = run("list", "--destination", TO)
    assert status == 0
    assert len([line for line in listed.splitlines() if TO in line and " active " in line and line.rstrip().endswith("yes")]) == 5
    assert SECRETS.header not in listed
    status, shown = run("health", "--destination", TO, "--json")
    assert (status, json.loads(shown)["problems"]) == (
        1,
        ["Nobody gets a mail when BigCommerce switches a webhook off: PUT /v3/hooks/admin has no address."],
    )
    connected.store.webhooks.emails = ["ops@example.com"]
    assert run("health", "--destination", TO)[0] == 0
    hook_id = ours(connected)["store/product/updated"]["id"]
    connected.store.edit("webhooks", hook_id, is_active=False)
    status, shown = run("health")
    assert status == 1
    assert f"The webhook {hook_id} on store/product/updated is inactive." in shown
    assert run("delete", str(hook_id))[0] == 0
    assert run("delete", "--ours")[0] == 0
    assert ours(connected) == {}
    assert run("delete", str(hook_id))[0] == 2


def test_on_the_command_line_the_way_is_tried(connected: Sandbox, way: dict[str, Any], run: Run) -> None:
    assert run("test", "--destination", TO) == (0, f"{TO} takes deliveries (200), and refuses a wrong secret.")
    way["answer"] = refusing(200)
    assert "but takes a wrong secret too" in run("test", "--destination", TO)[1]
    assert run("delete")[0] == 2
    assert run("test", "--conn-id", "none")[0] == 2


# -- the page and the example --------------------------------------------------------------------------------------------------------------


def dags_of(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    made: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DAG, "__exit__", lambda dag, *_: made.append(dag) or LEAVE(dag, *_))
        exec(compile(code, "page", "exec"), names)
    return {dag.dag_id: dag for dag in made}


def test_the_pages_dags_and_the_example_make_the_webhooks(connected: Sandbox, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL", "http://127.0.0.1:9")
    page = (project / "docs/how-to/receive-webhooks.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```python\n")[1:]]
    blocks.append((project / "dags" / "bigcommerce_webhooks.py").read_text())
    dags = {name: dag for block in blocks for name, dag in dags_of(block).items()}
    assert sorted(dags) == ["bigcommerce_webhooks", "on_changed_products", "webhooks"]
    dags["webhooks"].get_task("ensure").execute({})
    before = len(ours(connected))
    dags["bigcommerce_webhooks"].get_task("webhooks").execute({})
    added = {scope.split("/")[1] for scope in ours(connected)}
    assert added == {"product", "order", "customer"}
    assert len(ours(connected)) > before


def test_the_settings_of_the_page_are_those_that_are_declared(project: Path) -> None:
    page = (project / "docs/how-to/receive-webhooks.md").read_text()
    for name, option in get_provider_info()["config"]["bigcommerce"]["options"].items():
        assert f"| `{name}` | {(option['default'] and '`' + option['default'] + '`') or 'empty'} |" in page
