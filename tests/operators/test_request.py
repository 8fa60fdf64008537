"""Any call through the operator: the client's rules, the deferred wait, and what comes back."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnclearWriteError,
    UnexpectedAnswerError,
    ValidationError,
)
from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.triggers.until import BigCommerceUntilTrigger
from tests.airflow_dag import known_to_airflow

SPENT = {
    "X-Rate-Limit-Time-Window-Ms": "400000",
    "X-Rate-Limit-Time-Reset-Ms": "300000",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Requests-Left": "0",
}


def call(path: str = "/v3/catalog/products", **arguments: Any) -> BigCommerceRequestOperator:
    return BigCommerceRequestOperator(task_id="call", path=path, **arguments)


def spend_quota(connected: Sandbox, n: int = 1) -> None:
    connected.store.fail_next(n, "answer", status=429, body=b"{}", headers=SPENT)


# -- what comes back --------------------------------------------------------------------------------------------------


def test_a_get_returns_the_decoded_json(connected: Sandbox) -> None:
    keys = [row["id"] for row in connected.store.rows("products")][:2]
    answer = call(query={"limit": 2, "id:in": keys}).execute({})
    assert [row["id"] for row in answer["data"]] == keys
    assert answer["meta"]["pagination"]["per_page"] == 2


def test_an_empty_answer_is_none(connected: Sandbox) -> None:
    key = connected.store.add_product(name="short-lived")["id"]
    assert call(f"/v3/catalog/products/{key}", method="DELETE").execute({}) is None
    assert connected.store.row("products", key) is None


def test_a_filter_makes_the_result(connected: Sandbox) -> None:
    assert call(response_filter=lambda answer: answer.json()["meta"]["pagination"]["total"]).execute({}) == connected.store.count(
        "products"
    )


def test_a_check_that_says_no_fails_the_task(connected: Sandbox) -> None:
    with pytest.raises(BigCommerceError, match=r"GET /v3/catalog/products answered 200, and response_check did not accept it"):
        call(response_check=lambda answer: not answer.json()["data"]).execute({})
    assert call(response_check=lambda answer: answer.status == 200).execute({})["data"]


def test_an_answer_that_is_no_json_says_how_to_take_it(connected: Sandbox) -> None:
    connected.store.fail_next(2, "answer", status=200, body=b"plain", headers={"Content-Type": "text/plain"})
    with pytest.raises(UnexpectedAnswerError, match=r"not JSON \(text/plain\).*response_filter="):
        call().execute({})
    assert call(response_filter=lambda answer: answer.body.decode()).execute({}) == "plain"


def test_a_post_creates_and_a_put_changes(connected: Sandbox) -> None:
    body = {"name": "Made here", "type": "physical", "price": 5, "weight": 1}
    key = call(method="POST", json=body, response_filter=lambda answer: answer.json()["data"]["id"]).execute({})
    call(f"/v3/catalog/products/{key}", method="put", json={"price": 6}).execute({})
    assert connected.store.row("products", key)["price"] == 6  # type: ignore[index]  # a missing row fails here too


# -- the client's rules -----------------------------------------------------------------------------------------------


def test_errors_are_typed(connected: Sandbox) -> None:
    with pytest.raises(NotFoundError):
        call("/v3/catalog/products/999999").execute({})
    with pytest.raises(ValidationError):
        call(method="POST", json={"name": ""}).execute({})
    connected.store.add_token(connected.token, ["store_v2_orders_read_only"])
    with pytest.raises(PermissionDeniedError):
        call(deferrable=True).execute({})


def test_a_read_is_repeated_and_a_write_with_an_unclear_end_is_not(connected: Sandbox) -> None:
    connected.store.fail_next(1, "answer", status=502, body=b"")
    assert call().execute({})["data"]
    connected.store.fail_next(1, "answer", status=502, body=b"", method="POST")
    with pytest.raises(AirflowFailException, match="was not sent again") as caught:  # without the retries that are left
        call(method="POST", json={"name": "x"}).execute({})
    assert isinstance(caught.value.__cause__, UnclearWriteError)
    assert [request.method for request in connected.store.requests].count("POST") == 1


def test_max_wait_bounds_the_wait_in_the_worker(connected: Sandbox) -> None:
    spend_quota(connected)
    with pytest.raises(RateLimitError, match="max_wait=10 s"):
        call(max_wait=10).execute({})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_cannot_be_deferred(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidQueryError, match="a write must not be sent twice"):
        call(method=method, deferrable=True)
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert call(method=method).deferrable is False
    assert call().deferrable is True


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="Accepted: GET, HEAD"):
        call(method="FETCH")


# -- what must not be meant -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/orders/", "/v2/orders/.", "/v2/orders/%2e", "/v2/orders//", "/v2/orders?limit=1"])
def test_a_path_whose_id_rendered_empty_is_refused_for_every_method(connected: Sandbox, method: str, path: str) -> None:
    with pytest.raises(InvalidQueryError, match="Accepted: paths below the store"):
        call(path, method=method, whole_collection=True).execute({})
    assert connected.store.requests == []


def test_a_template_that_renders_empty_deletes_nothing(connected: Sandbox) -> None:
    """As in shared/cases/delete-with-empty-id.json."""
    from jinja2 import Environment

    operator = call("/v2/orders/{{ which or '' }}", method="DELETE")
    operator.render_template_fields({"which": None}, Environment(autoescape=False))
    before = connected.store.count("orders")
    with pytest.raises(
        InvalidQueryError, match=r"'/v2/orders/\.\.\.' is no API path: it has an empty segment: an id that rendered empty\?"
    ):
        operator.execute({})
    assert connected.store.count("orders") == before
    assert connected.store.requests == []


@pytest.mark.parametrize(
    ("method", "path", "query", "json"), [("DELETE", "/v2/orders", None, None), ("PUT", "/v2/orders", None, {"status_id": 5})]
)
def test_a_whole_collection_is_changed_on_the_word_only(
    connected: Sandbox, method: str, path: str, query: dict[str, Any] | None, json: Any
) -> None:
    with pytest.raises(InvalidQueryError, match=f"{method} {path} names no row.*whole_collection=True"):
        call(path, method=method, query=query, json=json).execute({})
    assert connected.store.requests == []


def test_with_the_word_the_request_is_sent(connected: Sandbox) -> None:
    connected.store.fail_next(1, "answer", status=204, body=b"", method="DELETE")
    assert call("/v2/orders", method="DELETE", whole_collection=True).execute({}) is None
    assert [request.method for request in connected.store.requests] == ["DELETE"]


def test_a_year_that_a_header_asks_for_is_waited_for_in_steps(connected: Sandbox) -> None:
    headers = {**SPENT, "X-Rate-Limit-Time-Reset-Ms": "31536000000", "X-Rate-Limit-Time-Window-Ms": "31536000000"}
    connected.store.fail_next(1, "answer", status=429, body=b"{}", headers=headers)
    before = time.time()
    assert moment_of(deferred(call(deferrable=True, max_wait=7 * 86400.0))) - before < 700


# -- deferring --------------------------------------------------------------------------------------------------------


def deferred(operator: BigCommerceRequestOperator, **kwargs: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as found:
        operator.execute_complete({}, {}, **kwargs) if kwargs else operator.execute({})
    return found.value


def moment_of(task: TaskDeferred) -> float:
    return datetime.fromisoformat(task.trigger.serialize()[1]["moment"]).timestamp()


def test_a_used_up_quota_is_waited_for_without_a_worker_until_the_store_says(connected: Sandbox) -> None:
    spend_quota(connected)
    before = time.time()
    task = deferred(call(deferrable=True))
    assert 300 <= moment_of(task) - before < 330
    assert (task.method_name, task.kwargs["failures"]) == ("execute_complete", 0)
    assert connected.token not in repr((task.trigger.serialize(), task.kwargs))
    assert call(deferrable=True).execute_complete({}, {}, **task.kwargs)["data"]


def test_outages_are_waited_out_longer_and_longer(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {**connected.connection, "extra": {**connected.connection["extra"], "max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
    connected.store.fail_next(2, "answer", status=503, body=b"[]")
    before = time.time()
    first = deferred(call(deferrable=True))
    second = deferred(call(deferrable=True), **first.kwargs)
    assert 30 <= moment_of(first) - before < 60 <= moment_of(second) - before < 90
    assert second.kwargs["deadline"] == first.kwargs["deadline"]


def test_a_wait_past_the_limit_fails_with_the_stores_own_error(connected: Sandbox) -> None:
    spend_quota(connected)
    with pytest.raises(RateLimitError):
        call(deferrable=True).execute_complete({}, {}, deadline=time.time() - 1, failures=0)


async def test_the_time_trigger_fires_at_its_moment_whatever_the_clock_does() -> None:
    now, slept = 1000.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds + (500 if len(slept) == 2 else 0)  # the machine's clock was set

    trigger = BigCommerceUntilTrigger(datetime.fromtimestamp(1700, UTC))
    path, kwargs = trigger.serialize()
    assert path.endswith("triggers.until.BigCommerceUntilTrigger")
    events = [event async for event in BigCommerceUntilTrigger(**kwargs).watch(lambda: now, sleep)]
    assert [event.payload for event in events] == [kwargs]
    assert slept == [60, 60, 60, 20]


@pytest.mark.usefixtures("airflow_home")
def test_a_dag_defers_and_comes_back_with_the_answer(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import DAG

    monkeypatch.setattr("airflow_provider_bigcommerce.operators.request._WORKER_WAIT", 0.5)
    headers = {**SPENT, "X-Rate-Limit-Time-Reset-Ms": "1000"}
    connected.store.fail_next(1, "answer", status=429, body=b"{}", headers=headers)
    with DAG("request_deferred", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceRequestOperator(
            task_id="call",
            path="/v3/catalog/{{ params.what }}",
            query={"limit": "{{ 1 + 1 }}"},
            params={"what": "products"},
            response_filter=lambda answer: len(answer.json()["data"]),
            deferrable=True,
        )
    run = known_to_airflow(dag).test()

    assert str(run.state) == "success"
    (instance,) = run.get_task_instances()
    assert instance.xcom_pull(task_ids="call") == 2
