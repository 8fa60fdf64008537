"""What may be shown of a text from outside: plain words and names of fields; no person's data, no control characters, no megabytes."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.credentials import from_connection_fields
from airflow_provider_bigcommerce.core.graphql import read_graphql
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.plain_words import CAPITAL_WORDS, PLAIN_WORDS
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.exceptions import GraphQLError
from airflow_provider_bigcommerce.hooks.tried import tell_test_result

CREDENTIALS = from_connection_fields("", {"store_hash": "abc123", "access_token": "k3v0u2mzsolhwqj1p9xwy8tnb4c7d6e"})

#: Personal data as it stands in messages, and what must not be seen of it.
PERSONAL = {
    "john@x.com": ["john", "x.com"],
    "<jane.doe@example.com>": ["jane", "example.com"],
    "john＠x.com": ["john"],
    "+44 20 7946 0958": ["7946", "0958", "44"],
    "020 7946 0958": ["020", "7946", "0958"],
    "020-794-609": ["794"],
    "(0)20.79.46.09.58": ["79", "46"],
    "tel:447700900123": ["4477"],
    "Jane Doe": ["Jane", "Doe"],
    "Price Will Page": ["Will", "Page"],
    "jane doe": ["jane", "doe"],
    "SMITH": ["SMITH"],
    "O'Neill-Müller": ["Neill", "ller"],
    "李小龙": ["李"],
    '"Will Price"': ["Will", "Price"],
    "'jane'": ["jane"],
    "`Page Price`": ["Page", "Price"],
    "‘Store Page’": ["Store", "Page"],
    "12 Baker Street, 8001 Zürich": ["Baker", "12 ", "8001", "rich"],
    "4111 1111 1111 1111": ["4111", "1111"],
    "k3v0u2mzsolhwqj1p9xwy8tnb4c7d6e": ["k3v0"],
}
SENTENCES = ["The email {} is already in use", "{}", "Customer {} exists.", "customer: {}", "{} is no valid value.", "Invalid value ({})"]

#: What BigCommerce says, and what is shown of it.
SAID = {
    "The field 'status_id' is invalid.": "The field status_id is invalid.",
    "The field 'id' cannot be written to. Please remove it from your request before trying again.": (
        "The field id cannot be written to. Please remove it from your request before trying again."
    ),
    "The filter(s): foo, bar are not valid filter parameter(s).": "The filters: [...] are not valid filter parameters.",
    "The email john@x.com is already in use": "The email [...] is already in use",
    "Limit must be at most 250.": "Limit must be at most 250.",
    "JSON data is missing or invalid": "JSON data is missing or invalid",
    "SERVICE_DEGRADED": "SERVICE_DEGRADED",
    "EntityNotFoundError": "EntityNotFoundError",
    "doesn't exist": "doesn't exist",
    "billing_address.first_name: 'Jane' is wrong": "billing_address.first_name: [...] is wrong",
}


def whole(error: Exception) -> str:
    return f"{error} {error!r} {vars(error)}"


def by_title(text: str) -> str:
    return whole(error_from(Request("GET", "/v3/customers"), answer({"title": text})))


def by_field_message(text: str) -> str:
    return whole(error_from(Request("GET", "/v3/customers"), answer({"title": "Invalid", "errors": {"email": text}})))


def by_field_name(text: str) -> str:
    return whole(error_from(Request("GET", "/v3/customers"), answer({"title": "Invalid", "errors": {text: "taken"}})))


def by_batch_errors(text: str) -> str:
    return whole(error_from(Request("GET", "/v3/customers"), answer({"batch_errors": [{"errors": {text: text}}, text, {"errors": text}]})))


def by_v2_message(text: str) -> str:
    return whole(error_from(Request("GET", "/v2/customers"), answer([{"status": 400, "message": text}])))


def by_plain_body(text: str) -> str:
    return whole(error_from(Request("GET", "/v2/customers"), Response(401, {"content-type": "text/plain"}, text.encode())))


def by_request_id(text: str) -> str:
    return whole(error_from(Request("GET", "/v2/customers"), Response(422, {"x-request-id": text, "x-bc-request-id": text}, b"{}")))


def by_graphql_message(text: str) -> str:
    return graphql({"errors": [{"message": text, "path": ["customer", text], "extensions": {"code": text}}]})


def by_graphql_union(text: str) -> str:
    return graphql({"data": {"update": {"errors": [{"message": text, "__typename": text}]}}})


def by_connection_test(text: str) -> str:
    return tell_test_result(CREDENTIALS, answer({"title": text}, 422))[1]


ROUTES: list[Callable[[str], str]] = [
    by_title, by_field_message, by_field_name, by_batch_errors, by_v2_message, by_plain_body, by_request_id, by_graphql_message,
    by_graphql_union, by_connection_test,
]  # fmt: skip


def answer(body: object, status: int = 422) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def graphql(body: object) -> str:
    with pytest.raises(GraphQLError) as caught:
        read_graphql(answer(body, 200))
    return whole(caught.value)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
@pytest.mark.parametrize("personal", PERSONAL)
def test_personal_data_is_shown_by_no_route(route: Callable[[str], str], personal: str) -> None:
    for sentence in SENTENCES:
        shown = route(sentence.format(personal))
        assert [part for part in PERSONAL[personal] if part in shown] == [], sentence


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
@pytest.mark.parametrize("odd", ["\n", "\r", "\x1b[31m", "\x00", "\x9b", "\u202e", "\u2028", "\u200b", "\ufeff"])
def test_control_and_direction_characters_are_shown_by_no_route(route: Callable[[str], str], odd: str) -> None:
    shown = route(f"in{odd}valid {odd} value")

    assert odd not in shown


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
def test_ten_megabytes_are_cut(route: Callable[[str], str]) -> None:
    assert len(route("invalid " * 1_300_000)) < 6000


def test_many_fields_and_errors_are_cut() -> None:
    found = error_from(Request("GET", "/v3/x"), answer({"errors": {f"field_{n}": "invalid " * 50 for n in range(1000)}}))
    assert len(found.errors) == 50
    assert len(str(found)) < 2000

    assert len(graphql({"errors": [{"message": "invalid " * 50}] * 1000})) < 20_000


@pytest.mark.parametrize(("text", "shown"), SAID.items())
def test_what_bigcommerce_says_stays_readable(text: str, shown: str) -> None:
    assert outside_text.message(text) == shown


@pytest.mark.parametrize("name", ["email", "0.sku", "line_items.12.address1", "customers.0.addresses.1.first_name", "form_fields"])
def test_the_names_of_fields_are_kept(name: str) -> None:
    assert outside_text.field_name(name) == name


@given(st.text(max_size=200))
def test_of_any_text_only_known_words_small_numbers_and_names_are_shown(text: str) -> None:
    for word in outside_text.message(text).replace("[...]", " ").split():
        core = word.strip(".,:;!?")
        parts = [part for part in re.split(r"['\-/.:_]", core) if part]
        assert (
            core in CAPITAL_WORDS
            or all((p.isdigit() and len(p) <= 3) or p.lower() in PLAIN_WORDS or p in "t s re ve" for p in parts)
            or (
                core.isalpha() and core.isascii()  # camelCase of known words
            )
        )


@given(st.text(max_size=700))
def test_any_text_is_on_one_line_of_printable_characters(text: str) -> None:
    shown = outside_text.one_line(text)

    assert len(shown) <= 500
    assert len(shown.splitlines()) <= 1
    shown.encode()  # no half of a surrogate pair


#: Texts that a careless pattern reads again and again.
LONG = {
    "letters": lambda size: "a" * size,
    "letters and at signs": lambda size: "a@" * (size // 2),
    "digits": lambda size: "1 " * (size // 2),
    "quotes": lambda size: "'" * size,
    "words": lambda size: "".join(random.Random(5).choices("ab @.'\"1", k=size)),
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("route", [by_title, by_field_message, by_field_name, by_graphql_message, by_plain_body])
def test_a_text_of_ten_times_the_length_takes_no_more_than_twenty_times_as_long(route: Callable[[str], str], kind: str) -> None:
    def seconds(size: int) -> float:
        text, best = LONG[kind](size), float("inf")
        for _ in range(3):
            started = time.process_time()
            route(text)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(200_000) <= 20 * max(seconds(20_000), 0.001)


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("text/html; charset=utf-8", "text/html"),
        ("Application/JSON", "application/json"),
        (None, "no content type"),
        ("", "no content type"),
        ("jane@example.com", "an unknown content type"),
        ("text/k3v0u2mzsolhwqj1p9xwy8tnb4c7d6e", "an unknown content type"),
        ("\x1b[31m" * 10_000, "an unknown content type"),
    ],
)
def test_a_content_type_is_told_by_name_or_not_at_all(header: str | None, shown: str) -> None:
    assert outside_text.content_type(header) == shown


@pytest.mark.parametrize("value", ["0f8fad5b-d9cb-469f-a165-70867728950e", f"{7:032x}", "0f8fad5bd9cb469f"])
def test_a_request_id_is_kept(value: str) -> None:
    assert outside_text.request_id([None, value]) == value


@pytest.mark.parametrize("value", ["447700900123", "020-7946-0958", "jane", "4111111111111111", "", "a" * 65])
def test_what_is_no_request_id_is_left_out(value: str) -> None:
    assert outside_text.request_id([value]) is None
