"""Which request may be sent again after which failure: every repeat rule and every failure, for all calls that write."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from airflow_provider_bigcommerce.core.catalog.operations import OPERATIONS, operation, operation_of
from airflow_provider_bigcommerce.core.catalog.write import RepeatKind, Write
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.policy import (
    Deliver,
    Fail,
    Fault,
    FaultKind,
    Limits,
    Verdict,
    Wait,
    after_one_sending,
    is_unclear,
    judge,
)
from airflow_provider_bigcommerce.core.repeating import may_repeat
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    ConflictError,
    NotFoundError,
    ServerError,
    TransportError,
    UnclearWriteError,
    UnexpectedAnswerError,
)

#: Whether a second sending may follow a failure that does not tell if the first was carried out. Source: writes.md, section 9.
MAY_FOLLOW_UNCLEAR: dict[RepeatKind, bool | None] = {
    "safe": True,
    "safe_404": True,
    "read": True,
    "silent_noop": True,
    "depends": None,  # on the ids in the body
    "refused": False,
    "safe_unless_sold": False,
    "duplicates": False,
    "doubles": False,
    "unknown": False,
}


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


#: What can happen to an attempt, and whether it leaves open that the store acted.
FAILURES: dict[str, tuple[Response | Fault, bool]] = {
    "refused connection": (Fault("refused"), False),
    "unknown host": (Fault("dns"), False),
    "no connection in time": (Fault("timeout", "no connection", was_sent=False), False),
    "429 of the quota": (answer(429, x_rate_limit_time_reset_ms="2000", x_rate_limit_requests_left="0"), False),
    "429 of a busy platform": (answer(429), False),
    "429 of the endpoint": (answer(429, x_rate_limit_time_reset_ms="2000", x_rate_limit_requests_left="100"), False),
    "cut before the answer": (Fault("cut", "ServerDisconnectedError"), True),
    "cut in the body": (Fault("cut", "ClientPayloadError"), True),
    "time-out": (Fault("timeout"), True),
    "not JSON": (Fault("not_json"), True),
    "empty": (Fault("empty"), True),
    "408": (answer(408), True),
    "500": (answer(500), True),
    "502": (answer(502), True),
    "503": (answer(503), True),
    "504": (answer(504), True),
    "524": (answer(524), True),
}

each_failure = pytest.mark.parametrize("failure", FAILURES)


def verdict(request: Request, outcome: Response | Fault, write: Write | None, *, attempt: int = 1, was_unclear: bool = False) -> Verdict:
    return judge(request, outcome, attempt=attempt, waited=0.0, limits=Limits(), random=lambda: 0.0, write=write, was_unclear=was_unclear)


def error_of(found: Verdict) -> BigCommerceError:
    assert isinstance(found, Fail), found
    return found.error


def call(write: Write, body: object = None) -> Request:
    return Request(write.method, write.path, body=None if body is None else msgspec.json.encode(body))


WITH_ID, WITHOUT_ID = [{"id": 7, "images": [{"id": 8}]}], [{"id": 7, "images": [{"description": "x"}]}]


def test_every_rule_is_in_the_table() -> None:
    assert {*MAY_FOLLOW_UNCLEAR} == {*get_args(RepeatKind)}
    assert {write.repeat for write in OPERATIONS.values()} == {*MAY_FOLLOW_UNCLEAR}


@each_failure
def test_what_may_be_sent_again_after_a_failure_for_all_calls(failure: str) -> None:
    outcome, may_have_acted = FAILURES[failure]
    assert is_unclear(outcome) is may_have_acted
    for write in OPERATIONS.values():
        for body in (WITH_ID, WITHOUT_ID):
            rule = MAY_FOLLOW_UNCLEAR[write.repeat]
            is_sent_again = not may_have_acted or (body is WITH_ID if rule is None else rule)
            found = verdict(call(write, body), outcome, write)

            assert isinstance(found, Wait) is is_sent_again, (write.name, failure)
            if not is_sent_again:
                assert isinstance(error_of(found), UnclearWriteError)


@each_failure
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_that_nobody_knows_is_sent_again_only_if_the_store_did_not_act(failure: str, method: str) -> None:
    outcome, may_have_acted = FAILURES[failure]
    request = Request(method, "/v3/made/up/7", body=b"{}")

    assert operation_of(method, request.path) is None
    assert isinstance(verdict(request, outcome, None), Fail if may_have_acted else Wait)


@each_failure
@pytest.mark.parametrize(
    "request_",
    [Request("GET", "/v2/time"), Request("HEAD", "/v2/time"), Request("POST", "/graphql", is_read=True)],
    ids=["GET", "HEAD", "query"],
)
def test_a_read_is_sent_again_after_any_failure(failure: str, request_: Request) -> None:
    assert isinstance(verdict(request_, FAILURES[failure][0], None), Wait)


@pytest.mark.parametrize("kind", ["tls", "redirect", "endless", "too_large"])
def test_these_are_not_repeated_for_another_reason(kind: FaultKind) -> None:
    write = operation("PUT", "/v3/catalog/brands/{brand_id}")

    assert not isinstance(error_of(verdict(call(write, {}), Fault(kind), write)), UnclearWriteError)


# -- rows that depend on their ids ------------------------------------------------------------------------------------

PRODUCTS, PRODUCT = operation("PUT", "/v3/catalog/products"), operation("PUT", "/v3/catalog/products/{product_id}")
DEPENDS: list[tuple[Write, object, bool]] = [
    (PRODUCTS, [{"id": 7, "price": 1}], True),
    (PRODUCTS, [{"id": 7}, {"price": 1}], False),
    (PRODUCTS, [{"id": None}], False),
    (PRODUCTS, [{"id": 7, "categories": [1, 2], "custom_url": {"url": "/x"}}], True),
    (PRODUCTS, [{"id": 7, "custom_fields": [{"id": 1, "name": "a"}, {"name": "b"}]}], False),
    (PRODUCTS, [{"id": 7, "custom_url": {"parts": [{"x": 1}]}}], False),
    (PRODUCTS, [], True),
    (PRODUCTS, "text", False),
    (PRODUCTS, None, False),
    (PRODUCT, {"price": 1}, True),  # the path has the row's id
    (PRODUCT, {"images": [{"image_url": "x"}]}, False),
    (operation("PUT", "/v2/orders/{order_id}"), {"status_id": 2}, True),
    (operation("PUT", "/v2/orders/{order_id}"), {"products": [{"id": 3, "quantity": 0}]}, True),
    (operation("PUT", "/v2/orders/{order_id}"), {"products": [{"product_id": 3, "quantity": 1}]}, False),
    (operation("PUT", "/v3/catalog/variants"), [{"id": 1, "price": 2}, {"sku": "a"}], False),
    (operation("PUT", "/v3/catalog/trees"), [{"name": "x", "channels": [1]}], False),
    (operation("PUT", "/v3/sites/{site_id}/routes"), [{"id": 4, "route": "/x"}], True),
]


@pytest.mark.parametrize(("write", "body", "may"), DEPENDS, ids=[f"{write.name} {body}" for write, body, _ in DEPENDS])
def test_a_row_without_its_id_may_be_added_twice(write: Write, body: object, may: bool) -> None:
    assert write.repeat == "depends"
    assert may_repeat(call(write, body), write) is may


@pytest.mark.parametrize("body", [b"not json", b"\xff", b"[" * 5000 + b"]" * 5000])
def test_a_body_that_cannot_be_looked_into_is_not_repeated(body: bytes) -> None:
    assert not may_repeat(Request("PUT", "/v3/catalog/products", body=body), PRODUCTS)


# -- what the first attempt did ---------------------------------------------------------------------------------------


def test_a_404_of_a_second_delete_says_that_the_first_one_did_it() -> None:
    write = operation("DELETE", "/v3/catalog/products/{product_id}")

    assert verdict(call(write), answer(404), write, attempt=2, was_unclear=True) == Deliver()
    assert isinstance(error_of(verdict(call(write), answer(404), write, attempt=2)), NotFoundError)  # the first never reached the store
    put = operation("PUT", "/v3/catalog/brands/{brand_id}")
    assert isinstance(error_of(verdict(call(put, {}), answer(404), put, attempt=2, was_unclear=True)), NotFoundError)


def test_a_refusal_after_an_unclear_attempt_says_that_there_was_one() -> None:
    write = operation("PUT", "/v3/catalog/brands/{brand_id}")
    error = error_of(verdict(call(write, {}), answer(409), write, attempt=2, was_unclear=True))

    assert isinstance(error, ConflictError)
    assert "An earlier attempt of this request brought no clear answer" in str(error)
    assert "An earlier attempt" not in str(error_of(verdict(call(write, {}), answer(409), write)))


# -- the error says how to find out -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says", "lookup"),
    [
        ("POST /v3/catalog/products", "by sku in GET /v3/catalog/products", "sku"),
        ("POST /v3/catalog/brands", "by name in GET /v3/catalog/brands", "name"),
        ("POST /v2/orders/{order_id}/shipments", "by tracking_number + items in GET", "tracking_number"),
        ("POST /v3/orders/{order_id}/payment_actions/refunds", "by order_id in GET /v3/orders/payment_actions/refunds", "order_id"),
        ("PUT /v3/inventory/adjustments/absolute", "read the stock", "identity.sku"),
        ("PUT /v3/catalog/variants", "without its id could be added twice", "sku"),
    ],
)
def test_the_error_says_what_was_sent_and_by_which_key_to_look(name: str, says: str, lookup: str) -> None:
    method, _, path = name.partition(" ")
    write = OPERATIONS[method, path]
    error = error_of(verdict(call(write, [{}]), Fault("cut"), write))

    assert isinstance(error, UnclearWriteError)
    assert (error.method, error.path, error.repeat, error.lookup[0]) == (method, path, write.repeat, lookup)
    assert error.lookup_path == write.lookup[0].path
    assert name in str(error)
    assert "was not sent again" in str(error)
    assert says in str(error)
    assert isinstance(error.__cause__, TransportError)


def test_what_happened_is_the_cause() -> None:
    write = operation("POST", "/v2/orders")
    causes = {"502": ServerError, "time-out": TransportError, "not JSON": UnexpectedAnswerError}

    for failure, kind in causes.items():
        assert isinstance(error_of(verdict(call(write, {}), FAILURES[failure][0], write)).__cause__, kind)


# -- a request that is sent but once, by hook.run ---------------------------------------------------------------------


@pytest.mark.parametrize("cause", ["dns", "tls", "refused", "timeout", "cut"])
def test_of_one_sending_an_open_end_is_told_apart_from_one_that_is_clear(cause: str) -> None:
    error = TransportError("POST /v2/orders: x.", cause=cause, method="POST", path="/v2/orders")
    not_sent = TransportError("POST /v2/orders: x.", cause=cause, was_sent=False)
    assert after_one_sending(Request("POST", "/v2/orders", body=b"{}"), not_sent) is not_sent
    found = after_one_sending(Request("POST", "/v2/orders", body=b"{}"), error)

    assert isinstance(found, UnclearWriteError) is (cause in ("timeout", "cut"))
    assert after_one_sending(Request("GET", "/v2/orders"), error) is error
    assert after_one_sending(Request("DELETE", "/v2/orders/7"), error) is error


@pytest.mark.parametrize(("status", "is_open"), [(400, False), (409, False), (429, False), (501, False), (500, True), (503, True)])
def test_of_one_sending_a_refusal_is_clear(status: int, is_open: bool) -> None:
    error = ServerError("POST /v2/orders answered.", status=status)

    assert isinstance(after_one_sending(Request("POST", "/v2/orders"), error), UnclearWriteError) is is_open
    assert after_one_sending(Request("PUT", "/v3/catalog/brands/7", body=b"{}"), error) is error
