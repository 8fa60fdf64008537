from __future__ import annotations

import json

import msgspec
import pytest

from airflow_provider_bigcommerce.core.graphql import find_connection, graphql_request, read_graphql
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.exceptions import GraphQLError, InvalidQueryError, UnexpectedAnswerError


def answer(body: object, **headers: str) -> Response:
    return Response(200, headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("query", "is_read"),
    [
        ("query { store { name } }", True),
        ("{ store { name } }", True),
        ("mutation { x }", False),
        ("# a mutation\nquery { x }", True),
        ('query { x(text: "mutation") }', True),
        ("query A { x }\nmutation B { y }", False),
    ],
)
def test_only_a_query_may_be_repeated(query: str, is_read: bool) -> None:
    assert graphql_request(query, None).changes_nothing is is_read


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(InvalidQueryError):
        graphql_request("  ", None)


def test_the_complexity_is_reported() -> None:
    assert read_graphql(answer({"data": {"a": 1}}, **{"x-bc-graphql-complexity": "35"})).complexity == 35


def test_top_level_errors_are_raised_with_their_codes_and_places() -> None:
    body = {"data": None, "errors": [{"message": "Denied", "path": ["store", "a"], "extensions": {"code": "INSUFFICIENT_ACCESS_SCOPE"}}]}

    with pytest.raises(GraphQLError, match=r"INSUFFICIENT_ACCESS_SCOPE.*Denied \(at store\.a\)") as found:
        read_graphql(answer(body))

    assert found.value.kinds == ("INSUFFICIENT_ACCESS_SCOPE",)


def test_an_error_union_of_a_mutation_is_raised() -> None:
    body = {"data": {"translation": {"update": {"errors": [{"__typename": "ValidationError", "message": "Bad field"}]}}}}

    with pytest.raises(GraphQLError, match=r"ValidationError.*Bad field"):
        read_graphql(answer(body))


def test_an_empty_error_list_is_no_error() -> None:
    assert bytes(read_graphql(answer({"data": {"x": {"errors": []}}})).data) == b'{"x": {"errors": []}}'


@pytest.mark.parametrize("body", [{}, {"data": None}])
def test_neither_data_nor_errors_is_refused(body: object) -> None:
    with pytest.raises(UnexpectedAnswerError):
        read_graphql(answer(body))


def test_several_connections_must_be_told_apart() -> None:
    two = msgspec.Raw(b'{"a":{"pageInfo":{}},"b":{"pageInfo":{}}}')

    with pytest.raises(InvalidQueryError, match="connection="):
        find_connection(two)


def test_a_connection_inside_a_node_is_not_mistaken_for_the_outer_one() -> None:
    nested = msgspec.Raw(b'{"store":{"products":{"pageInfo":{},"edges":[{"node":{"variants":{"pageInfo":{}}}}]}}}')

    assert find_connection(nested) == ("store", "products")
