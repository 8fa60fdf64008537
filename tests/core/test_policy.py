from __future__ import annotations

import pytest

from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.policy import Deliver, Fail, Fault, FaultKind, Limits, Verdict, Wait, backoff, is_doubtful, judge
from airflow_provider_bigcommerce.exceptions import (
    AnswerTooLargeError,
    AuthenticationError,
    BigCommerceError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectRefusedError,
    ServerError,
    StoreSuspendedError,
    TransportError,
    UnexpectedAnswerError,
    ValidationError,
)

GET = Request("GET", "/v3/catalog/products")
POST = Request("POST", "/v3/catalog/products", body=b"{}")
WINDOW = {"x-rate-limit-time-reset-ms": "2000", "x-rate-limit-requests-left": "0"}


def verdict(
    outcome: Response | Fault, *, request: Request = GET, attempt: int = 1, waited: float = 0.0, limits: Limits | None = None
) -> Verdict:
    return judge(request, outcome, attempt=attempt, waited=waited, limits=limits or Limits(), random=lambda: 0.0)


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def wait(outcome: Response | Fault, **kwargs: object) -> Wait:
    found = verdict(outcome, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Wait), found
    return found


def failure(outcome: Response | Fault, **kwargs: object) -> BigCommerceError:
    found = verdict(outcome, **kwargs)  # type: ignore[arg-type]
    assert isinstance(found, Fail), found
    return found.error


def test_success_is_delivered() -> None:
    assert verdict(answer(204)) == Deliver()


@pytest.mark.parametrize(("reset_ms", "retry_after", "seconds"), [("2000", "1", 2.0), ("500", "3", 3.0), ("2000", None, 2.0)])
def test_on_429_the_longer_of_the_two_headers_counts(reset_ms: str, retry_after: str | None, seconds: float) -> None:
    headers = {"x-rate-limit-time-reset-ms": reset_ms, "x-rate-limit-requests-left": "0"}
    if retry_after:
        headers["x-retry-after"] = retry_after

    found = wait(Response(429, headers, b""))

    assert found.is_quota
    assert seconds <= found.seconds <= seconds + 0.1


def test_quota_waits_are_bounded_by_time_and_not_by_attempts() -> None:
    assert wait(Response(429, WINDOW, b""), attempt=99).is_quota
    error = failure(Response(429, WINDOW, b""), waited=899.0)

    assert isinstance(error, RateLimitError)
    assert error.retry_after == 2.0


def test_a_429_without_headers_backs_off_longer_each_time() -> None:
    waits = [wait(answer(429), attempt=attempt).seconds for attempt in (1, 2, 3)]

    assert waits == sorted(waits)
    assert waits[0] >= 0.5
    assert not wait(answer(429)).is_quota


def test_a_429_with_quota_left_is_a_concurrency_cap_and_not_the_window() -> None:
    found = wait(answer(429, x_rate_limit_requests_left="100", x_rate_limit_time_reset_ms="25000"))

    assert not found.is_quota
    assert found.seconds < 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_are_repeated_until_the_attempts_are_used_up(status: int) -> None:
    assert wait(answer(status)).seconds > 0
    assert isinstance(failure(answer(status), attempt=10), ServerError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValidationError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (413, ValidationError),
        (422, ValidationError),
        (423, ConflictError),
        (501, ServerError),
        (505, ServerError),
    ],
)
def test_these_are_never_repeated(status: int, kind: type[BigCommerceError]) -> None:
    assert isinstance(failure(answer(status)), kind)


def test_a_suspended_store_is_not_waited_for() -> None:
    assert isinstance(failure(answer(503, b'{"status":503,"title":"The store is suspended."}')), StoreSuspendedError)


@pytest.mark.parametrize("outcome", [answer(500), answer(503), Fault("timeout"), Fault("cut"), Fault("not_json")])
def test_a_post_that_may_have_been_carried_out_is_never_repeated(outcome: Response | Fault) -> None:
    assert "may have been carried out" in str(failure(outcome, request=POST))


@pytest.mark.parametrize("outcome", [answer(429), Response(429, WINDOW, b""), Fault("dns"), Fault("refused")])
def test_a_post_that_was_not_carried_out_is_repeated(outcome: Response | Fault) -> None:
    assert wait(outcome, request=POST)


def test_a_post_that_only_reads_is_repeated() -> None:
    assert wait(answer(502), request=Request("POST", "/graphql", is_read=True))


@pytest.mark.parametrize("kind", ["dns", "timeout", "refused", "cut"])
def test_faults_of_the_network_are_repeated_and_then_typed(kind: FaultKind) -> None:
    assert wait(Fault(kind), attempt=2).seconds > 0.1
    error = failure(Fault(kind), attempt=10)

    assert isinstance(error, TransportError)
    assert error.cause == kind


def test_a_connection_that_was_cut_once_is_tried_again_at_once_any_other_fault_after_a_while() -> None:
    assert wait(Fault("cut")).seconds <= 0.02
    assert min(wait(outcome).seconds for outcome in (Fault("dns"), Fault("timeout"), Fault("refused"), answer(502))) >= 0.05


def test_a_certificate_is_not_accepted_by_trying_again() -> None:
    assert isinstance(failure(Fault("tls")), TransportError)


def test_a_page_that_is_not_json_is_repeated_and_then_named() -> None:
    assert wait(Fault("not_json", "text/html"))
    error = failure(Fault("not_json", "text/html"), attempt=10)

    assert isinstance(error, UnexpectedAnswerError)
    assert "text/html" in str(error)


def test_a_redirect_that_was_not_followed_is_refused() -> None:
    assert isinstance(failure(answer(302)), RedirectRefusedError)


def test_waiting_is_bounded_by_time() -> None:
    assert "max_wait" in str(failure(answer(502), waited=900.0))


def test_limits_are_settable() -> None:
    assert isinstance(failure(answer(502), attempt=2, limits=Limits(max_attempts=2)), ServerError)


def test_backoff_grows_is_capped_and_jittered() -> None:
    low = [backoff(attempt, lambda: 0.0) for attempt in range(1, 12)]
    high = [backoff(attempt, lambda: 1.0) for attempt in range(1, 12)]

    assert low == sorted(low)
    assert high[-1] == 30.0
    assert all(least < most for least, most in zip(low, high, strict=True))


@pytest.mark.parametrize("status", [100, 101, 102, 103, 199, 206])
def test_a_status_that_answers_nothing_is_an_error(status: int) -> None:
    assert isinstance(failure(answer(status, b'{"data": []}')), UnexpectedAnswerError)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 207, 208])
def test_other_good_statuses_are_delivered(status: int) -> None:
    assert verdict(answer(status)) == Deliver()


YEAR = 365 * 86400.0


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("seconds", [901.0, YEAR, 1e300])
@pytest.mark.parametrize("header", ["retry-after", "x-retry-after", "x-rate-limit-time-reset-ms"])
@pytest.mark.parametrize("left", ["0", "5", None])
def test_no_header_makes_one_wait_longer_than_max_wait(status: int, seconds: float, header: str, left: str | None) -> None:
    headers = {header: repr(seconds * (1000 if header.endswith("ms") else 1))}
    if left is not None:
        headers["x-rate-limit-requests-left"] = left
    waited = 0.0
    for attempt in range(1, 100):
        found = verdict(Response(status, headers, b""), attempt=attempt, waited=waited)
        if isinstance(found, Fail):
            break
        assert isinstance(found, Wait)
        waited += found.seconds
    assert isinstance(found, Fail)
    assert waited <= Limits().max_wait


@pytest.mark.parametrize("text", ["", "nan", "inf", "-5", "soon", "Wed, 21 Oct 2099 07:28:00 GMT", "1e400"])
def test_a_header_that_is_no_time_counts_as_none(text: str) -> None:
    assert wait(Response(429, {"retry-after": text}, b"")).seconds <= 1


DOUBTS = [
    # method, status, any good answer, one of this endpoint, doubted
    ("GET", 401, False, False, False),
    ("GET", 401, True, False, True),
    ("GET", 422, True, False, True),
    ("GET", 403, True, False, False),
    ("GET", 403, True, True, True),
    ("GET", 400, True, True, False),
    ("GET", 404, True, True, False),
    ("GET", 409, True, True, False),
    ("GET", 200, True, True, False),
    ("HEAD", 401, True, True, False),
    ("POST", 401, True, True, False),
    ("PUT", 422, True, True, False),
    ("DELETE", 403, True, True, False),
]


@pytest.mark.parametrize(("method", "status", "has_any", "has_same", "doubted"), DOUBTS)
def test_which_refusals_contradict_earlier_answers(method: str, status: int, has_any: bool, has_same: bool, doubted: bool) -> None:
    request = Request(method, "/v3/catalog/products")

    assert is_doubtful(request, answer(status), has_any=has_any, has_same=has_same) is doubted


def test_a_graphql_query_is_a_read_whose_refusal_is_doubted_and_a_mutation_is_not() -> None:
    query, mutation = (Request("POST", "/graphql", body=b"{}", is_read=is_read) for is_read in (True, False))

    assert is_doubtful(query, answer(401), has_any=True, has_same=True)
    assert not is_doubtful(mutation, answer(401), has_any=True, has_same=True)


def test_a_doubted_refusal_waits_a_little_within_the_limits() -> None:
    found = judge(GET, answer(401), attempt=1, waited=0.0, limits=Limits(), random=lambda: 1.0, is_doubted=True)
    assert isinstance(found, Wait)
    assert 0 < found.seconds <= 1
    for limits in (Limits(max_attempts=1), Limits(max_wait=0)):
        found = judge(GET, answer(401), attempt=1, waited=0.0, limits=limits, random=lambda: 1.0, is_doubted=True)
        assert isinstance(found, Fail)
        assert isinstance(found.error, AuthenticationError)
    assert not is_doubtful(GET, Fault("cut"), has_any=True, has_same=True)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("redirect", "to a path outside of this store"), RedirectRefusedError),
        (Fault("endless", "more than 5 times"), UnexpectedAnswerError),
        (Fault("too_large", "1,048,576 bytes"), AnswerTooLargeError),
    ],
)
def test_what_a_second_sending_would_bring_again_is_not_sent_twice(fault: Fault, kind: type[BigCommerceError]) -> None:
    found = failure(fault)

    assert isinstance(found, kind)
    assert fault.detail in str(found)
