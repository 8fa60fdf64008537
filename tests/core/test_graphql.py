from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.graphql import ConnectionWalk, GraphQLAnswer, find_connection, graphql_request, read_graphql
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.exceptions import GraphQLError, InvalidQueryError, PaginationLoopError, UnexpectedAnswerError

QUERY = "query ($after: String) { store { products(after: $after) { pageInfo { hasNextPage endCursor } edges { node { id } } } } }"


def answer(body: object, **headers: str) -> Response:
    return Response(200, headers, json.dumps(body).encode())


def page(ids: list[int], end: str | None, *, more: bool, shape: str = "edges") -> GraphQLAnswer:
    nodes: Any = [{"node": {"id": i}} for i in ids] if shape == "edges" else [{"id": i} for i in ids]
    body = {"store": {"products": {"pageInfo": {"hasNextPage": more, "endCursor": end}, shape: nodes}}}
    return GraphQLAnswer(msgspec.Raw(json.dumps(body).encode()), None)


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


@pytest.mark.parametrize("shape", ["edges", "nodes"])
def test_a_connection_is_walked_to_its_end(shape: str) -> None:
    walk = ConnectionWalk(QUERY, {"first": 2})
    first, cursor = walk.absorb(page([1, 2], "c2", more=True, shape=shape))
    assert cursor == "c2"
    assert json.loads(walk.request(cursor).body or b"")["variables"] == {"first": 2, "after": "c2"}
    last, cursor = walk.absorb(page([3], "c3", more=False, shape=shape))

    assert [json.loads(bytes(node))["id"] for node in [*first, *last]] == [1, 2, 3]
    assert cursor is None


def test_a_cursor_that_comes_back_is_an_error_and_no_loop() -> None:
    walk = ConnectionWalk(QUERY)
    walk.absorb(page([1], "same", more=True))

    with pytest.raises(PaginationLoopError):
        walk.absorb(page([1], "same", more=True))


def test_a_query_that_cannot_be_paged_is_refused_before_sending() -> None:
    with pytest.raises(InvalidQueryError, match="pageInfo"):
        ConnectionWalk("{ store { products { edges { node { id } } } } }")


def test_several_connections_must_be_told_apart() -> None:
    two = msgspec.Raw(b'{"a":{"pageInfo":{}},"b":{"pageInfo":{}}}')

    with pytest.raises(InvalidQueryError, match="connection="):
        find_connection(two)


def test_a_connection_inside_a_node_is_not_mistaken_for_the_outer_one() -> None:
    nested = msgspec.Raw(b'{"store":{"products":{"pageInfo":{},"edges":[{"node":{"variants":{"pageInfo":{}}}}]}}}')

    assert find_connection(nested) == ("store", "products")


def test_new_cursors_with_the_same_nodes_are_an_error_and_no_loop() -> None:
    walk = ConnectionWalk(QUERY)
    walk.absorb(page([1, 2], "a", more=True))

    with pytest.raises(PaginationLoopError, match="the same nodes twice"):
        walk.absorb(page([1, 2], "b", more=True))


def test_pages_without_nodes_end() -> None:
    walk = ConnectionWalk(QUERY)

    for number in range(10):
        walk.absorb(page([], f"cursor {number}", more=True))

    with pytest.raises(PaginationLoopError, match="pages without nodes"):
        walk.absorb(page([], "one more", more=True))
