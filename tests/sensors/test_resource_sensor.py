"""The sensor as a task: poke, reschedule and deferred, each with the same ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, UnknownResourceError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sensors.resource import BigCommerceResourceSensor
from tests.airflow_dag import known_to_airflow


def sensor(**arguments: Any) -> BigCommerceResourceSensor:
    return BigCommerceResourceSensor(**{"task_id": "wait", "resource": "products", "poke_interval": 0.05, "timeout": 30, **arguments})


def narrow(connected: Sandbox) -> None:
    connected.store.add_token(connected.token, ["store_v2_orders_read_only"])


# -- looking ----------------------------------------------------------------------------------------------------------


def test_poke_waits_until_enough_rows_match(connected: Sandbox) -> None:
    timer = threading.Timer(0.3, lambda: [connected.store.add_order(status_id=9, total_inc_tax="150.0000") for _ in range(3)])
    timer.start()
    waiting = sensor(resource="orders", query={"status_id": 9}, conditions={"total_inc_tax": (">=", 100)}, at_least=3)
    assert waiting.execute({}) == {"rows": 3}
    timer.join()


def test_a_condition_may_be_a_function_where_nothing_is_deferred(connected: Sandbox) -> None:
    connected.store.add_product(name="seven", inventory_level=7)

    def has_seven(row: Mapping[str, Any]) -> bool:
        return bool(row["inventory_level"] == 7 and row["name"] == "seven")

    assert sensor(conditions=has_seven).execute({}) == {"rows": 1}


def test_a_function_cannot_be_deferred(connected: Sandbox) -> None:
    with pytest.raises(InvalidQueryError, match="cannot travel to the triggerer"):
        sensor(conditions=lambda row: True, deferrable=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"query": {"naem": "x"}}, "Did you mean 'name'"),
        ({"at_least": 0}, "at_least=0"),
        ({"id": 5, "at_least": 2}, "names one row"),
        ({"resource": "order_products"}, "with the ids filled in"),
        ({"conditions": {"price": (">=", "dear")}}, "no date"),
    ],
)
def test_a_mistake_shows_where_the_dag_is_parsed(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidQueryError, match=says):
        sensor(**arguments)
    with pytest.raises(UnknownResourceError, match="products"):
        sensor(resource="prodcts")


def test_templates_are_checked_when_they_are_rendered(connected: Sandbox) -> None:
    waiting = sensor(resource="{{ r }}", query={"name": "{{ n }}"}, conditions={"price": (">=", "{{ p }}")})
    waiting.resource, waiting.query, waiting.conditions = "products", {"naem": "x"}, {}
    with pytest.raises(AirflowFailException, match="Did you mean 'name'"):
        waiting.execute({})


def test_the_lines_of_one_order_are_a_list_to_look_at(connected: Sandbox) -> None:
    order = connected.store.add_order(lines=3)["id"]
    assert sensor(resource=f"/v2/orders/{order}/products", at_least=3).execute({}) == {"rows": 3}


# -- ends -------------------------------------------------------------------------------------------------------------


def test_a_403_fails_at_once_and_for_good(connected: Sandbox) -> None:
    narrow(connected)
    for deferrable in (False, True):
        with pytest.raises(AirflowFailException, match="store_v2_products_read_only"):
            sensor(deferrable=deferrable).execute({})
    assert len(connected.store.requests) == 2


def test_an_outage_ends_in_an_error_that_airflow_retries(connected: Sandbox) -> None:
    connected.store.fail_next(1000, "answer", status=503, body=b"[]")
    with pytest.raises(BigCommerceError, match="failure 2 in a row"):
        sensor(max_failures=2).execute({})


def test_soft_fail_skips_on_a_time_out_in_every_mode(connected: Sandbox) -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(query={"name": "none"}, timeout=0).execute({})
    with pytest.raises(AirflowSkipException):
        sensor(query={"name": "none"}, timeout=0, soft_fail=True).execute({})
    event = {"status": "timed_out", "message": "late"}
    with pytest.raises(AirflowSensorTimeout, match="late"):
        sensor(deferrable=True).execute_complete({}, event)
    with pytest.raises(AirflowSkipException, match="late"):
        sensor(deferrable=True, soft_fail=True).execute_complete({}, event)


def test_soft_fail_does_not_hide_an_outage_and_never_fail_does(connected: Sandbox) -> None:
    event = {"status": "failed", "message": "down", "is_permanent": False}
    with pytest.raises(BigCommerceError, match="down"):
        sensor(soft_fail=True).execute_complete({}, event)
    with pytest.raises(AirflowSkipException, match="down"):
        sensor(never_fail=True).execute_complete({}, event)


# -- deferring --------------------------------------------------------------------------------------------------------


def test_what_is_there_already_is_found_without_deferring(connected: Sandbox) -> None:
    assert sensor(deferrable=True).execute({}) == {"rows": connected.store.count("products")}


def test_a_deferred_wait_ends_when_the_sensor_would(connected: Sandbox) -> None:
    before = datetime.now(UTC)
    with pytest.raises(TaskDeferred) as deferred:
        sensor(query={"name": "none"}, timeout=600, deferrable=True).execute({})
    _, kwargs = deferred.value.trigger.serialize()
    left = (datetime.fromisoformat(kwargs["end_time"]) - before).total_seconds()
    assert 600 <= left < 660
    assert connected.token not in str(kwargs)


def test_without_a_word_the_installation_decides_about_deferring(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sensor().deferrable is False
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert sensor().deferrable is True
    assert sensor(conditions=lambda row: True).deferrable is False


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("how", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_a_dag_goes_on_when_the_row_has_come(connected: Sandbox, how: dict[str, Any]) -> None:
    from airflow.sdk import DAG

    def create_it_after_the_first_look() -> None:
        while not connected.store.requests:
            time.sleep(0.02)
        connected.store.add_product(name="awaited")

    with DAG(f"waits_{'_'.join(map(str, how))}_{how.get('mode', '')}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        sensor(query={"name": "awaited"}, poke_interval=0.5, **how)
    meanwhile = threading.Thread(target=create_it_after_the_first_look, daemon=True)
    known_to_airflow(dag)
    meanwhile.start()
    run = dag.test()

    assert str(run.state) == "success"
    (instance,) = run.get_task_instances()
    assert instance.xcom_pull(task_ids="wait") == {"rows": 1}
    assert len(connected.store.requests) >= 2


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("how", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_a_wait_whose_time_is_over_fails_or_skips_whoever_waits(connected: Sandbox, how: dict[str, Any], soft_fail: bool) -> None:
    from airflow.sdk import DAG

    name = f"times_out_{how.get('mode', 'deferred')}_{soft_fail}"
    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        sensor(query={"name": "never"}, poke_interval=0.2, timeout=1, soft_fail=soft_fail, **how)
    run = known_to_airflow(dag).test()

    (instance,) = run.get_task_instances()
    assert str(instance.state) == ("skipped" if soft_fail else "failed")
    assert connected.store.requests


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    ("arguments", "arrange"),
    [
        pytest.param({"resource": "orders", "id": 100, "conditions": {"status_id": 11}}, {"status_id": 11}, id="an order reaches a status"),
        pytest.param({"query": {"name": "awaited"}}, {}, id="a product exists"),
        pytest.param({"query": {"upc": "awaited"}, "at_least": 3}, {"upc": "awaited"}, id="at least three rows"),
        pytest.param({"conditions": {"price": (">=", 900), "name": ("in", ["awaited"])}}, {"price": 950}, id="fields meet conditions"),
    ],
)
def test_what_is_waited_for_is_seen_the_same_with_and_without_deferring(
    connected: Sandbox, arguments: dict[str, Any], arrange: dict[str, Any], deferrable: bool
) -> None:
    store = connected.store
    waiting = sensor(deferrable=deferrable, timeout=0, **arguments)
    if "id" in arguments and store.row("orders", 100) is None:
        store.add_order(id=100)
    if "id" in arguments:
        store.set_status(100, 7)
    with pytest.raises(TaskDeferred if deferrable else AirflowSensorTimeout):
        waiting.execute({})

    if "id" in arguments:
        store.set_status(100, arrange["status_id"])
    else:
        for number in range(arguments.get("at_least", 1)):
            store.add_product(name=f"awaited {number}" if arguments.get("at_least") else "awaited", **arrange)

    assert waiting.execute({}) == {"rows": arguments.get("at_least", 1)}
