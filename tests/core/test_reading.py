from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.reading import NoListError, error_from, read_listing, read_record, retry_after
from airflow_provider_bigcommerce.exceptions import ApiError, AuthenticationError, PermissionDeniedError, UnexpectedAnswerError

GET = Request("GET", "/v2/orders")


def answer(body: bytes, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, body)


def error(status: int, body: bytes, **headers: str) -> ApiError:
    return error_from(GET, answer(body, status, **headers))


def test_a_v3_list_is_split_without_decoding_its_rows() -> None:
    listing = read_listing(GET, answer(b'{"data":[{"id":1, "x":[1]},{"id":2}],"meta":{"pagination":{"total":2,"total_pages":1}}}'))

    assert [bytes(record) for record in listing.records] == [b'{"id":1, "x":[1]}', b'{"id":2}']
    assert listing.meta.pagination is not None
    assert listing.meta.pagination.total == 2


def test_a_v2_list_is_a_bare_array() -> None:
    assert [bytes(record) for record in read_listing(GET, answer(b'[{"id":1}]'), envelope="bare").records] == [b'{"id":1}']


V3 = Request.get("/v3/catalog/brands")

#: Answers of success, and what they mean of a V2 list, of a V3 list, and of one that is documented with 204: rows, or None for no list.
ANSWERS: list[tuple[Response, int | None, int | None, int | None]] = [
    (answer(b"", 204), 0, None, 0),
    (answer(b"", 200), None, None, None),
    (answer(b" \n", 200), None, None, None),
    (answer(b"null", 200), None, None, None),
    (answer(b" null ", 200), None, None, None),
    (answer(b"{}", 200), None, None, None),
    (answer(b'{"data":null}', 200), None, None, None),
    (answer(b'{"data":{}}', 200), None, None, None),
    (answer(b'{"data":{"0":{"id":1}}}', 200), None, None, None),
    (answer(b"[]", 200), 0, None, None),
    (answer(b'{"data":[]}', 200), None, 0, 0),
]


@pytest.mark.parametrize(("response", "v2", "v3", "v3_with_204"), ANSWERS, ids=lambda value: getattr(value, "body", value))
def test_only_an_answer_that_says_so_is_an_empty_list(response: Response, v2: int | None, v3: int | None, v3_with_204: int | None) -> None:
    def rows(request: Request, **kwargs: Any) -> int | None:
        try:
            return len(read_listing(request, response, **kwargs).records)
        except (NoListError, UnexpectedAnswerError):
            return None

    assert rows(GET, envelope="bare") == v2
    assert rows(V3) == v3
    assert rows(V3, may_be_204=True) == v3_with_204


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        (b"[]", None),
        (b"{}", None),
        (b"null", None),
        (b'{"pagination":[]}', None),
        (b'{"pagination":{"total":"7"}}', 7),
        (b'{"pagination":{"total":7.0,"links":[]}}', 7),
        (b'{"pagination":{"total":7,"total_pages":"many"}}', 7),
        (b'{"pagination":{"total":-1}}', None),
        (b'{"pagination":{"total":true}}', None),
        (b'{"pagination":{"total":7},"cursor_pagination":7}', 7),
        (b'{"pagination":{"total":1e30}}', None),
    ],
)
def test_each_member_of_meta_is_read_by_itself(meta: bytes, told: int | None) -> None:
    listing = read_listing(GET, answer(b'{"data":[{"id":1}],"meta":' + meta + b"}"))

    assert len(listing.records) == 1
    assert (listing.meta.pagination.total if listing.meta.pagination else None) == told


@pytest.mark.parametrize("links", [b"[]", b"null", b'"?after=x"'])
def test_a_cursor_is_read_although_its_links_are_none(links: bytes) -> None:
    meta = b'{"cursor_pagination":{"per_page":"250","end_cursor":"x","links":' + links + b"}}"
    about = read_listing(V3, answer(b'{"data":[{"id":1}],"meta":' + meta + b"}")).meta.cursor_pagination

    assert about is not None
    assert (about.per_page, about.end_cursor, about.links) == (250, "x", None)


def test_a_singleton_is_a_list_of_one() -> None:
    assert [bytes(r) for r in read_listing(GET, answer(b'{"data":{"a":1},"meta":{}}'), is_list=False).records] == [b'{"a":1}']
    assert [bytes(r) for r in read_listing(GET, answer(b'{"a":1}'), envelope="bare", is_list=False).records] == [b'{"a":1}']


def test_a_list_of_lists_is_one_list() -> None:
    assert [bytes(r) for r in read_listing(GET, answer(b'[[{"a":1},{"a":2}],[{"a":3}]]'), envelope="bare").records] == [
        b'{"a":1}',
        b'{"a":2}',
        b'{"a":3}',
    ]


def test_a_singleton_may_be_null() -> None:
    assert read_listing(V3, answer(b'{"data":null,"meta":{}}'), is_list=False).records == []


@pytest.mark.parametrize("body", [b'{"rows":[]}', b'"text"', b"7", b'{"data":7}'])
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError, match="/v2/orders"):
        read_listing(GET, answer(body))


@pytest.mark.parametrize("body", [b"<html>", b'{"data":[{"id":1},{"i', b'[{"id":1}'])
def test_what_is_not_json_may_be_repeated(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_listing(GET, answer(body))


def test_a_record_comes_out_of_its_envelope() -> None:
    assert read_record(GET, answer(b'{"data":{"id":1},"meta":{}}')) == {"id": 1}
    assert read_record(GET, answer(b'{"id":1}')) == {"id": 1}
    assert read_record(GET, answer(b'{"data":[{"id":1}]}')) == {"id": 1}
    with pytest.raises(UnexpectedAnswerError, match="2 records"):
        read_record(GET, answer(b'{"data":[{"id":1},{"id":2}]}'))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-rate-limit-time-reset-ms": "1500"}, 1.5),
        ({"x-retry-after": "15"}, 15.0),
        ({"x-rate-limit-time-reset-ms": "1500", "x-retry-after": "1"}, 1.5),
        ({"x-retry-after": "soon"}, None),
        ({"x-retry-after": "-3"}, None),
        ({"x-retry-after": "inf"}, None),
    ],
)
def test_the_reset_is_milliseconds_and_retry_after_is_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "title", "fields"),
    [
        (b'{"status":422,"title":"Invalid","errors":{"name":"required"}}', "Invalid", {"name": "required"}),
        (b'[{"status":400,"message":"The field id cannot be written to."}]', "The field id cannot be written to.", {}),
        (b'{"batch_errors":[{"status":422,"title":"x","errors":{"sku":"taken"}}]}', None, {"0.sku": "taken"}),
        (b'{"batch_errors":[{"data":{},"field_errors":{"price":"bad"}}]}', None, {"0.price": "bad"}),
        (b'{"error":{"code":"SERVICE_DEGRADED","message":"m"}}', "SERVICE_DEGRADED", {}),
        (b'{"code":401,"message":"Unauthorized"}', "Unauthorized", {}),
        (b'{"data":[],"errors":[{"status":409,"title":"Not added.","errors":{"0":"duplicate"}}]}', "Not added.", {"0": "duplicate"}),
        (b"<html>busy</html>", None, {}),
        (b"", None, {}),
        (b'"plain text"', None, {}),
    ],
)  # fmt: skip
def test_title_and_field_errors_are_read_from_every_documented_shape(body: bytes, title: str | None, fields: dict[str, str]) -> None:
    found = error(422, body)

    assert (found.title, found.errors) == (title, fields)


def test_an_error_names_status_path_and_request_id_and_keeps_the_body_out() -> None:
    found = error(404, b'{"title":"Not found","secret_field":"x"}', **{"x-request-id": "0f8fad5b-d9cb-469f-a165-70867728950e"})

    assert "GET /v2/orders answered 404" in str(found)
    assert "0f8fad5b-d9cb-469f-a165-70867728950e" in str(found)
    assert "secret_field" not in str(found)


def test_a_customers_address_in_bigcommerces_message_stays_out() -> None:
    found = error(422, b'{"title":"Email jane.doe@example.com is taken","errors":{"phone":"+44 20 7946 0958 is no number"}}')

    assert "jane" not in str(found)
    assert "7946" not in str(found)


def test_a_403_names_the_scopes() -> None:
    found = error_from(GET, answer(b"{}", 403), scopes=["store_v2_orders_read_only", "store_v2_orders"])

    assert isinstance(found, PermissionDeniedError)
    assert found.scopes == ("store_v2_orders_read_only", "store_v2_orders")
    assert "store_v2_orders_read_only" in str(found)


def test_a_401_says_what_to_compare() -> None:
    found = error(401, b'{"title":"Unauthorized"}')

    assert isinstance(found, AuthenticationError)
    assert "store hash and token" in str(found)


@given(st.binary(max_size=200), st.integers(400, 599))
def test_any_error_body_makes_a_typed_error(body: bytes, status: int) -> None:
    assert error(status, body).status == status
