"""Which errors Airflow tries again, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import airflow.sdk
import pytest

from airflow_provider_bigcommerce import exceptions
from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    ConflictError,
    CredentialsError,
    DestinationError,
    IncompleteReadError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StoreSuspendedError,
    TransportError,
    UnknownResourceError,
    ValidationError,
)
from airflow_provider_bigcommerce.retry import BigCommerceRetryPolicy

has_policies = pytest.mark.skipif(not hasattr(airflow.sdk, "RetryPolicy"), reason="retry policies came with Airflow 3.3")


def decide(error: BaseException, try_number: int = 1) -> tuple[str, timedelta | None]:
    decision = BigCommerceRetryPolicy().evaluate(error, try_number, 5)
    return decision.action.value, decision.retry_delay


@has_policies
@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("", status=401),
        PermissionDeniedError("", status=403),
        ValidationError("", status=422),
        StoreSuspendedError("", status=503),
        CredentialsError("no token"),
        UnknownResourceError("ordres"),
    ],
)
def test_what_needs_a_person_fails_at_once(error: BaseException) -> None:
    assert decide(error) == ("fail", None)


@has_policies
def test_a_used_up_quota_is_retried_when_the_store_said() -> None:
    assert decide(RateLimitError("", retry_after=42.5, status=429)) == ("retry", timedelta(seconds=42.5))
    assert decide(RateLimitError("", status=429)) == ("retry", timedelta(minutes=1))


@has_policies
@pytest.mark.parametrize(
    ("asked", "minutes"),
    [
        (0.0, 0),
        (600.0, 10),
        (1800.0, 30),
        (1801.0, 30),
        (365 * 86400.0, 30),
        (1e300, 30),
        (float("inf"), 30),
        (float("nan"), 1),
        (-5.0, 1),
        (None, 1),
    ],
)
def test_a_header_cannot_put_a_retry_off_for_long(asked: float | None, minutes: int) -> None:
    assert decide(RateLimitError("", retry_after=asked, status=429)) == ("retry", timedelta(minutes=minutes))


#: What becomes of each kind of error; a new one must be put here.
DECIDED = {
    "fail": (
        "AuthenticationError CopyMismatchError CredentialsError FolderUsedError ForeignManifestError GraphQLError InvalidQueryError "
        "MissingPackageError NoManifestError NotApprovedError NotFoundError OtherStoreError PermissionDeniedError PlanChangedError "
        "PlanError PlanExpiredError PlanUsedError RedirectRefusedError StoreSuspendedError TooManyChangesError TooManyDeletedError "
        "UnclearWriteError UnknownResourceError ValidationError WriteFailedError"
    ),
    "retry": "RateLimitError ServerError TransportError",
    "default": (
        "AnswerTooLargeError ApiError BigCommerceError ClockError ConcurrentRunError ConflictError CountDisagreesError DestinationError "
        "IncompleteReadError LongWaitError PaginationLoopError QueueError ResourceBusyError UnexpectedAnswerError"
    ),
}


@has_policies
@pytest.mark.parametrize("try_number", [-1, 0, 1, 2, 10**6])
def test_each_kind_of_error_is_decided(try_number: int) -> None:
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, exceptions.BigCommerceError)]
    decided: dict[str, list[str]] = {}
    for kind in kinds:
        error = kind.__new__(kind)
        error.__dict__["retry_after"] = None  # of the one kind that has it
        action, delay = decide(error, try_number)
        decided.setdefault(action, []).append(kind.__name__)
        assert (delay is not None) == (action == "retry")
        assert delay is None or timedelta(0) < delay <= timedelta(minutes=30)

    assert {action: " ".join(sorted(names)) for action, names in decided.items()} == DECIDED


@has_policies
@pytest.mark.parametrize("error", [ServerError("", status=503), TransportError("", cause="cut")])
def test_an_outage_is_given_more_and_more_time(error: BaseException) -> None:
    delays = [decide(error, number)[1] for number in (1, 2, 3, 4, 5, 99)]
    assert delays == [timedelta(minutes=minutes) for minutes in (1, 3, 9, 27, 30, 30)]


@has_policies
@pytest.mark.parametrize("error", [ValueError(), ConflictError("", status=409), IncompleteReadError(""), DestinationError("disk full")])
def test_everything_else_is_the_tasks_own_affair(error: BaseException) -> None:
    assert decide(error) == ("default", None)


@pytest.mark.skipif(hasattr(airflow.sdk, "RetryPolicy"), reason="this is about Airflow below 3.3")
@pytest.mark.compat
def test_below_3_3_the_import_works_and_the_constructor_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="retry_exponential_backoff=True"):
        BigCommerceRetryPolicy()


@has_policies
@pytest.mark.usefixtures("airflow_home")
def test_a_task_with_a_bad_token_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, bigcommerce_sandbox: Any) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
    from tests.airflow_dag import known_to_airflow

    connection = dict(bigcommerce_sandbox.connection)
    connection["extra"] = {**connection["extra"], "access_token": "the-token-of-another-store"}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
    with DAG("retry_policy", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceRequestOperator(
            task_id="call", path="/v2/store", retries=3, retry_delay=timedelta(0), retry_policy=BigCommerceRetryPolicy()
        )
    run = known_to_airflow(dag).test()

    assert str(run.state) == "failed"
    assert len(bigcommerce_sandbox.store.requests) == 1


def test_every_error_that_asks_to_act_is_known_as_permanent() -> None:
    from airflow_provider_bigcommerce.core.waiting import is_permanent

    tree = (exceptions.__doc__ or "").split("you can act")[1].split("try again (")[0]
    named = [word for line in tree.splitlines() for word in line.split() if word.endswith("Error")]
    classes = [getattr(exceptions, name) for name in named if name not in ("ApiError", "ConflictError")]
    assert len(classes) > 9
    assert [cls.__name__ for cls in classes if not is_permanent(cls.__new__(cls))] == []
