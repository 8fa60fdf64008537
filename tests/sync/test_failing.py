"""How a task that fails says why: lines of their own with the connection, the store and the reason, before the frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, AirflowTaskTimeout, TaskDeferred

from airflow_provider_bigcommerce.engine import failing
from airflow_provider_bigcommerce.engine.failing import WIDTH, is_failure, told_for, told_of, wrapped
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, MissingPackageError, PermissionDeniedError
from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator
from airflow_provider_bigcommerce.operators.partition import BigCommercePartitionOperator
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
from airflow_provider_bigcommerce.operators.sync import BigCommerceReadableResourcesOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sensors.resource import BigCommerceResourceSensor
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_memory import Airflow


def failed(operator: Any, error: type[BaseException]) -> tuple[str, list[str]]:
    """Run a task that fails: its error's text, and the lines at ERROR."""
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(failing.log, "error", lambda text, *args: lines.append(text % args))
        with pytest.raises(error) as raised:
            operator.execute(Airflow().context("run", operator.task_id))
    return str(raised.value), lines


def refuse(sandbox: Sandbox, path: str, times: int = 1) -> None:
    sandbox.store.fail_next(times, "answer", match=path, status=403, body=b"{}")


# -- what is said


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidQueryError("no"), "InvalidQueryError: no"),
        (KeyError("orders"), "KeyError: orders"),
        (ValueError("the value 'jane@example.com' cannot be read"), "ValueError: The value [...] cannot be read"),
        (OSError(28, "No space left on device"), "OSError: "),
        (RuntimeError(), "RuntimeError"),
        (AirflowFailException("2 of 6 resources did not arrive"), "2 of 6 resources did not arrive"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_told_with_its_message_and_without_a_customers_data(error: Exception, told: str) -> None:
    assert told_of(error).lower().startswith(told.lower())
    assert "jane" not in told_of(error)


def test_a_reason_is_wrapped_between_words() -> None:
    lines = wrapped("word " * 200)

    assert len(lines) > 1
    assert max(map(len, lines)) <= WIDTH == 160
    assert " ".join(lines) == ("word " * 200).strip()
    assert wrapped("") == [""]
    long = "https://example.com/" + "x" * 300
    assert wrapped(f"See {long}.")[-1] == f"{long}."  # an address that is cut leads nowhere


def test_a_store_that_is_not_known_is_left_out() -> None:
    assert told_for("shop", "abc123") == "Connection 'shop' (store abc123): "
    assert told_for("shop", "") == "Connection 'shop': "


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (BigCommerceError("x"), True),
        (KeyError("x"), True),
        (AirflowFailException("x"), True),
        (AirflowTaskTimeout("x"), True),
        (AirflowSkipException("x"), False),
        (TaskDeferred(trigger=None, method_name="go_on"), False),
        (KeyboardInterrupt(), False),
        (SystemExit(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_is_no_failure_is_not_told_as_one(error: BaseException, is_one: bool) -> None:
    assert is_failure(error) is is_one


# -- by each kind of task


@pytest.mark.parametrize(
    "operator",
    [
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path="/nowhere"),
        BigCommerceRequestOperator(task_id="request", path="/v3/catalog/brands"),
        BigCommerceResourceSensor(task_id="sensor", resource="brands", poke_interval=1, timeout=1),
        BigCommercePartitionOperator(task_id="partition", resource="orders", into=2),
        BigCommerceReadableResourcesOperator(task_id="readable"),
        BigCommerceGraphQLOperator(task_id="graphql", query="query { store { id } }"),
    ],
    ids=lambda operator: operator.task_id,
)
def test_each_error_begins_with_the_connection_and_its_store(connected: Sandbox, tmp_path: Path, operator: Any) -> None:
    if operator.task_id == "brands":
        operator.path = str(tmp_path)
    refuse(connected, "/", 500)

    text, lines = failed(operator, Exception)

    assert text.startswith("Connection 'bigcommerce_default' (store sandbox1): ")
    assert text.count("Connection '") == 1
    assert lines[0].startswith("Connection 'bigcommerce_default' (store sandbox1): ")
    assert max(map(len, lines)) <= WIDTH or "http" in max(lines, key=len)
    assert "403" in " ".join(lines) or operator.task_id == "readable"


def test_a_proof_that_finds_a_difference_says_whose(connected: Sandbox, tmp_path: Path) -> None:
    BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path)).execute({})
    connected.store.delete("brands", connected.store.rows("brands")[0]["id"])

    text, lines = failed(BigCommerceReconcileOperator(task_id="prove", resource="brands", path=str(tmp_path)), BigCommerceError)

    assert text.startswith("Connection 'bigcommerce_default' (store sandbox1): The copy of 'brands'")
    assert "https://" in text  # where to read on, for a person who has only the package
    assert " ".join(lines).startswith("Connection 'bigcommerce_default' (store sandbox1): CopyMismatchError: The copy of 'brands'")


def test_a_connection_that_cannot_be_read_is_told_without_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", json.dumps({"conn_type": "bigcommerce", "extra": {"store_hash": "abc123"}}))
    operator = BigCommerceToObjectStorageOperator(task_id="t", resource="brands", path=str(tmp_path), bigcommerce_conn_id="broken")

    text, lines = failed(operator, BigCommerceError)

    assert "'broken'" in text
    assert "(store" not in text
    assert lines


def test_a_task_without_a_store_tells_its_reason_alone(tmp_path: Path) -> None:
    operator = BigCommerceCompactOperator(task_id="compact", path="{{ params.path }}", resource="brands")
    operator.path = "data"  # as a template may render

    text, lines = failed(operator, InvalidQueryError)

    assert " ".join(lines).endswith(text)
    assert "Connection" not in lines[0]


def test_outside_of_a_task_nothing_is_said_and_the_error_is_as_it_was(connected: Sandbox, tmp_path: Path) -> None:
    refuse(connected, "/v3/catalog/brands")

    with pytest.raises(PermissionDeniedError, match=r"^GET /v3/catalog/brands answered 403"):
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path)).execute({})


def test_the_kind_of_the_error_stays_what_retry_policies_go_by(connected: Sandbox, tmp_path: Path) -> None:
    refuse(connected, "/v3/catalog/brands")
    operator = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))

    with pytest.raises(PermissionDeniedError) as raised:
        operator.execute(Airflow().context("run", "brands"))

    assert raised.value.scopes
    assert raised.value.status == 403


def test_an_error_of_a_library_keeps_its_message(monkeypatch: pytest.MonkeyPatch, connected: Sandbox, tmp_path: Path) -> None:
    operator = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))

    def breaks(context: Any) -> None:
        raise KeyError("orders")

    monkeypatch.setattr(operator, "transfer", breaks)
    text, lines = failed(operator, KeyError)

    assert text == "'orders'"
    assert lines == ["Connection 'bigcommerce_default' (store sandbox1): KeyError: orders"]


def test_a_missing_package_names_the_connection(monkeypatch: pytest.MonkeyPatch, connected: Sandbox, tmp_path: Path) -> None:
    operator = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))

    def lacks(context: Any) -> None:
        raise MissingPackageError("It needs pyarrow.")

    monkeypatch.setattr(operator, "transfer", lacks)

    text, _ = failed(operator, MissingPackageError)

    assert text == "Connection 'bigcommerce_default' (store sandbox1): It needs pyarrow."


def test_the_reason_in_xcom_names_connection_and_resource(connected: Sandbox, tmp_path: Path) -> None:
    refuse(connected, "/v3/catalog/brands")
    airflow = Airflow()

    operator = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))

    with pytest.raises(PermissionDeniedError):
        operator.execute(airflow.context("run", "brands"))

    left = airflow.xcoms["bigcommerce_error"]
    assert (left["conn_id"], left["resource"]) == ("bigcommerce_default", "brands")
    assert left["error"].startswith("PermissionDeniedError: GET /v3/catalog/brands answered 403")
