"""What a server, a second process, a clock or an account can do to the receiver; single deliveries are in test_receiver.py."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider_bigcommerce.assets import changes_uri
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Secrets, signed
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings
from airflow_provider_bigcommerce.plugins.asset_events import AssetEvents
from airflow_provider_bigcommerce.plugins.group_commit import GroupCommit
from airflow_provider_bigcommerce.plugins.receiver import Receiver, create_app
from airflow_provider_bigcommerce.plugins.webhooks_plugin import BigCommercePlugin
from airflow_provider_bigcommerce.sandbox import deliveries
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.plugins.test_receiver import NOW, PATH, SECRETS, World, at_once, event, send

Written = list[tuple[str, dict[str, Any]]]


def records(count: int) -> bytes:
    """The event of a batch of price records, which names each of them."""
    rows = [{"type": "price_list", "price_list_id": 1, "variant_id": n + 1, "currency_code": "USD"} for n in range(count)]
    return event("store/priceList/records/updated", rows)


def test_an_event_of_five_thousand_rows_names_them_all_in_events_of_500() -> None:
    written: Written = []
    sink = AssetEvents(find=set, register=lambda events: written.extend(events) or len(events))
    world, body = World(), records(5000)
    with world.client(max_body=2**20) as client:
        assert send(client, body).status_code == 200
    sink.commit(world.batches[0])
    mine = [extra["payload"] for name, extra in written if name == changes_uri("shop", "price_list_records")]
    assert [payload["count"] for payload in mine] == [500] * 10
    assert {key[1] for payload in mine for key in payload["ids"]} == set(range(1, 5001))


def test_a_batch_that_is_larger_than_a_body_may_be_is_refused_with_the_name_of_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with world.client() as client:
        assert send(client, records(1000)).status_code == 413
    assert world.batches == []
    assert "65536 bytes ([bigcommerce] webhook_max_body)" in caplog.text


def test_two_workers_that_know_nothing_of_each_other_tell_of_all_deliveries() -> None:
    written: Written = []
    asked: list[set[str]] = []
    settings = ReceiverSettings(("shop",), flush_seconds=0.0)

    def worker() -> TestClient:
        def find(names: Any) -> set[str]:
            asked.append(set(names))
            return set(names)

        events = AssetEvents(clock=lambda: NOW, monotonic=lambda: 0.0, find=find, register=lambda told: written.extend(told) or len(told))
        receiver = Receiver(settings, commit=events.commit, load=lambda _: SECRETS, clock=lambda: NOW, sleep=at_once)
        return TestClient(create_app(settings, receiver))

    with worker() as first, worker() as second:
        for n in range(1, 21):
            body = event(data={"id": n})
            assert send(first if n % 2 else second, body).status_code == 200
            if n % 5 == 0:  # a repeat reaches the other one
                assert send(second if n % 2 else first, body).status_code == 200
    assert {key for _, extra in written for key in extra["payload"]["ids"]} == set(range(1, 21))
    assert len(asked) == 2, "each looks for itself"


async def test_ten_thousand_in_a_minute_are_a_commit_each_window_and_none_is_refused() -> None:
    batches: list[list[int]] = []

    async def direct(function: Any, *args: Any) -> Any:
        return function(*args)

    async def window(_seconds: float) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    group: GroupCommit[int] = GroupCommit(batches.append, 0.1, sleep=window, run=direct)
    for start in range(0, 10_000, 50):
        await asyncio.gather(*(group.add(n) for n in range(start, start + 50)))
    assert [key for batch in batches for key in batch] == list(range(10_000))
    assert len(batches) <= 200


def test_a_webhook_for_a_resource_that_no_dag_watches_is_taken_and_writes_nothing() -> None:
    written: Written = []
    settings = ReceiverSettings(("shop",))
    events = AssetEvents(find=lambda _: set(), register=lambda told: written.extend(told) or len(told))
    receiver = Receiver(settings, commit=events.commit, load=lambda _: SECRETS, clock=lambda: NOW, sleep=at_once)
    with TestClient(create_app(settings, receiver)) as client:
        assert send(client, event()).status_code == 200
    assert written == []


def test_a_connection_that_is_of_another_store_now_takes_that_ones_webhooks_within_a_minute() -> None:
    world, other = World(), Secrets("other1", "the-other-token", "the-client-secret")
    new = event(producer="stores/other1")
    with world.client() as client:
        assert send(client, event()).status_code == 200
        world.secrets = lambda _: other
        world.time = 61
        assert send(client, event()).status_code == 401
        assert client.post(PATH, content=new, headers=signed(new, other, "msg_1", NOW)).status_code == 200
    assert [batch[0].store_hash for batch in world.batches] == ["abc123", "other1"]


def test_a_hook_of_another_api_account_is_delivered_too_and_refused_and_the_row_is_told_once(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other account's hook is not seen by ``ensure``; it carries a secret of the other token."""
    world = World(secrets=lambda _: Secrets(connected.store_hash, connected.token))
    for token in (connected.token, "the-token-of-another-account"):
        header = {SECRET_HEADER: Secrets(connected.store_hash, token).header}
        to = "http://127.0.0.1:9/webhooks/shop"
        connected.store.add("webhooks", scope="store/product/updated", destination=to, is_active=True, headers=header, _token=token)
    key = connected.store.tables["products"].ids()[0]
    with world.client() as client:

        def post(_destination: str, body: bytes, headers: dict[str, str], _timeout: float) -> int:
            return client.post(PATH, content=body, headers=headers).status_code

        monkeypatch.setattr(deliveries, "post", post)
        connected.store.edit_product(key, name="Renamed")
        assert sorted(attempt.status for attempt in connected.deliver()) == [200, 401]
    assert [[change.key for each in batch for change in each.changes] for batch in world.batches] == [[key]]


def test_below_a_path_the_route_is_below_that_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS", "shop")
    server, inner = FastAPI(), FastAPI()
    for made in BigCommercePlugin().fastapi_apps:
        inner.mount(made["url_prefix"], made["app"])
    server.mount("/af", inner)  # [api] base_url = https://host/af
    with TestClient(server) as client:
        assert client.post("/af/bigcommerce/webhooks/none").status_code == 401
        assert client.post("/bigcommerce/webhooks/none").status_code == 404


@pytest.mark.compat
def test_a_plugin_that_cannot_be_imported_is_an_import_error_of_airflows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow import plugins_manager

    name = BigCommercePlugin.__module__
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        importlib.import_module(name)
    if AIRFLOW_VERSION.startswith("3.1."):
        loaded, errors = [], {}
        monkeypatch.setattr(plugins_manager, "plugins", loaded)
        monkeypatch.setattr(plugins_manager, "import_errors", errors)
        plugins_manager.load_entrypoint_plugins()
    else:
        loaded, errors = plugins_manager._load_entrypoint_plugins()
    assert "bigcommerce" not in {plugin.name for plugin in loaded}
    assert name in errors or not errors  # an editable install that is older than the entry point has none
    json.dumps(errors)
