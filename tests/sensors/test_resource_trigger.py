"""The trigger by itself, on a clock that its sleeps move, against the sandbox over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.triggers.resource import BigCommerceResourceTrigger

pytestmark = pytest.mark.compat

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


class Time:
    """A clock, and a sleep that moves it; what happens meanwhile is the test's."""

    def __init__(self, meanwhile: Callable[[int], Any] = lambda _: None) -> None:
        self.now = NOON.timestamp()
        self.slept: list[float] = []
        self._meanwhile = meanwhile

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self._meanwhile(len(self.slept))


async def fired(trigger: BigCommerceResourceTrigger, time: Time) -> list[Any]:
    return [event.payload async for event in trigger.watch(time.clock, time.sleep)]


def restarted(trigger: BigCommerceResourceTrigger) -> BigCommerceResourceTrigger:
    """What another triggerer makes of the stored trigger."""
    from airflow.sdk.module_loading import import_string

    try:
        from airflow.sdk.serde import deserialize, serialize
    except ImportError:  # Airflow 3.1
        from airflow.serialization.serde import deserialize, serialize

    path, kwargs = trigger.serialize()
    again = import_string(path)(**deserialize(serialize(kwargs)))
    assert isinstance(again, BigCommerceResourceTrigger)
    return again


async def test_it_fires_when_an_order_reaches_a_status(connected: Sandbox) -> None:
    order = connected.store.add_order(status_id=7)["id"]
    time = Time(lambda looks: connected.store.set_status(order, 11) if looks == 3 else None)
    trigger = BigCommerceResourceTrigger(resource="orders", id=order, conditions={"status_id": 11}, poke_interval=60)

    assert await fired(trigger, time) == [{"status": "done", "rows": 1}]
    assert time.slept == [60, 60, 60]


async def test_a_row_that_does_not_exist_yet_is_waited_for(connected: Sandbox) -> None:
    key = max(row["id"] for row in connected.store.rows("products")) + 1
    time = Time(lambda _: connected.store.add_product(name="new"))
    assert await fired(BigCommerceResourceTrigger(resource="products", id=key), time) == [{"status": "done", "rows": 1}]
    assert len(time.slept) == 1


async def test_a_list_is_counted_with_one_request_a_look(connected: Sandbox) -> None:
    time = Time(lambda _: connected.store.add_product(name="new"))
    trigger = BigCommerceResourceTrigger(resource="products", query={"name": "new"}, at_least=3)
    assert await fired(trigger, time) == [{"status": "done", "rows": 3}]
    assert len([request for request in connected.store.requests if "products" in request.path]) == 5  # a total of 1 is told twice


async def test_the_end_time_ends_the_wait_and_the_last_look_is_made_then(connected: Sandbox) -> None:
    time = Time()
    end = datetime.fromtimestamp(NOON.timestamp() + 150, UTC)
    trigger = BigCommerceResourceTrigger(resource="products", query={"name": "none"}, poke_interval=60, end_time=end)
    [event] = await fired(trigger, time)
    assert event["status"] == "timed_out"
    assert time.slept == [60, 60, 30]


async def test_a_restarted_triggerer_goes_on_with_the_same_end(connected: Sandbox) -> None:
    end = datetime.fromtimestamp(NOON.timestamp() + 150, UTC)
    trigger = restarted(BigCommerceResourceTrigger(resource="products", query={"name": "none"}, poke_interval=60, end_time=end))
    time = Time()
    time.now += 100  # what had passed before the restart
    [event] = await fired(trigger, time)
    assert event["status"] == "timed_out"
    assert sum(time.slept) == 50


async def test_a_403_ends_the_wait_at_once_instead_of_asking_again(connected: Sandbox) -> None:
    connected.store.add_token(connected.token, ["store_v2_orders_read_only"])
    [event] = await fired(BigCommerceResourceTrigger(resource="products", query={"name": "none"}), Time())
    assert (event["status"], event["is_permanent"]) == ("failed", True)
    assert "store_v2_products_read_only" in event["message"]
    assert len(connected.store.requests) == 1


async def test_an_outage_is_waited_out_with_growing_pauses(connected: Sandbox) -> None:
    connected.store.fail_next(6, "answer", status=503, body=b"[]")  # two looks of three attempts each
    time = Time()
    trigger = BigCommerceResourceTrigger(resource="products", poke_interval=30)
    assert await fired(trigger, time) == [{"status": "done", "rows": connected.store.count("products")}]
    assert time.slept == [30, 60]


async def test_an_outage_that_lasts_ends_in_a_failure_that_is_worth_a_retry(connected: Sandbox) -> None:
    connected.store.fail_next(1000, "answer", status=503, body=b"[]")
    [event] = await fired(BigCommerceResourceTrigger(resource="products", max_failures=2), Time())
    assert (event["status"], event["is_permanent"]) == ("failed", False)
    assert "failure 2 in a row" in event["message"]
    assert len(connected.store.requests) == 6


async def test_a_used_up_quota_is_waited_for_as_long_as_the_store_says(connected: Sandbox) -> None:
    headers = {
        "X-Rate-Limit-Time-Window-Ms": "400000",
        "X-Rate-Limit-Time-Reset-Ms": "300000",
        "X-Rate-Limit-Requests-Quota": "150",
        "X-Rate-Limit-Requests-Left": "0",
    }
    connected.store.fail_next(1, "answer", status=429, body=b"{}", headers=headers)
    time = Time()
    trigger = BigCommerceResourceTrigger(resource="products", poke_interval=5, max_failures=1)
    assert await fired(trigger, time) == [{"status": "done", "rows": connected.store.count("products")}]
    assert time.slept == [300]


async def test_a_wrong_argument_fails_without_a_request(connected: Sandbox) -> None:
    [event] = await fired(BigCommerceResourceTrigger(resource="products", query={"naem": "x"}), Time())
    assert (event["status"], event["is_permanent"]) == ("failed", True)
    assert "Did you mean 'name'" in event["message"]
    assert connected.store.requests == []


def test_what_is_stored_names_the_connection_and_holds_no_secret(connected: Sandbox) -> None:
    trigger = BigCommerceResourceTrigger(
        resource="orders",
        query={"status_id": 11},
        conditions={"total_inc_tax": (">=", 100), "date_modified": (">", NOON)},
        end_time=NOON,
    )
    again = restarted(trigger)
    assert again.serialize() == trigger.serialize()
    text = json.dumps(trigger.serialize(), default=str)
    assert '"bigcommerce_conn_id": "bigcommerce_default"' in text
    assert connected.token not in text


async def test_an_event_holds_no_data_of_the_store(connected: Sandbox) -> None:
    connected.store.add_customer(first_name="Rosalind", email="rosalind@example.com")
    [event] = await fired(BigCommerceResourceTrigger(resource="customers", conditions={"first_name": "Rosalind"}), Time())
    assert event == {"status": "done", "rows": 1}
