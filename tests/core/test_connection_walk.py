"""Relay connections, page by page: every node or an error, whatever the store says of their end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.connection_walk import ConnectionWalk
from airflow_provider_bigcommerce.core.graphql import GraphQLAnswer
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, PaginationLoopError, UnexpectedAnswerError

QUERY = "query ($after: String) { store { products(after: $after) { pageInfo { hasNextPage endCursor } edges { node { id } } } } }"
MOST_REQUESTS = 100


def graphql(connection: object) -> GraphQLAnswer:
    return GraphQLAnswer(msgspec.Raw(json.dumps({"store": {"products": connection}}).encode()), None)


def page(ids: list[int], end: str | None, *, more: bool, shape: str = "edges") -> GraphQLAnswer:
    nodes: Any = [{"node": {"id": i}} for i in ids] if shape == "edges" else [{"id": i} for i in ids]
    return graphql({"pageInfo": {"hasNextPage": more, "endCursor": end}, shape: nodes})


def after(walk: ConnectionWalk) -> Any:
    return json.loads(walk.request().body or b"")["variables"]["after"]


def ids_of(nodes: list[msgspec.Raw]) -> list[int]:
    return [json.loads(bytes(node))["id"] for node in nodes]


class Store:
    """A connection of some products, ten a page; one answer, or all from one on, can be odd.

    :param odd: makes an odd answer of a right one: the page's ids, its end cursor, whether there are more.
    """

    def __init__(self, products: int, odd: Callable[[list[int], str | None, bool], GraphQLAnswer], at: int, times: int) -> None:
        self.products, self.odd, self.at, self.times = products, odd, at, times
        self.asked = 0

    def answer(self, cursor: str | None) -> GraphQLAnswer:
        begin = int(cursor or 0)
        ids = list(range(begin + 1, min(begin + 10, self.products) + 1))
        end, more = (str(ids[-1]) if ids else cursor), begin + 10 < self.products
        self.asked += 1
        is_odd = self.at <= self.asked < self.at + self.times
        return self.odd(ids, end, more) if is_odd else page(ids, end, more=more)


def walked(store: Store) -> list[int]:
    walk, found = ConnectionWalk(QUERY), []
    while not walk.is_done:
        found += ids_of(walk.absorb(store.answer(after(walk))))
        assert store.asked < MOST_REQUESTS, "it would never end"
    return found


def shuffled(ids: list[int], end: str | None, more: bool) -> GraphQLAnswer:
    shuffled.calls = getattr(shuffled, "calls", 0) + 1  # type: ignore[attr-defined]  # a new cursor each time
    return page([2, 1, *range(3, 11)], f"{1000 + shuffled.calls}", more=True)  # type: ignore[attr-defined]  # as above


ODD: dict[str, Callable[[list[int], str | None, bool], GraphQLAnswer]] = {
    "the page is called the last": lambda ids, end, more: page(ids, end, more=False),
    "half of the page, called the last": lambda ids, end, more: page(ids[:5], str(ids[4]) if len(ids) > 4 else end, more=False),
    "no nodes, called the last": lambda ids, end, more: page([], end, more=False),
    "no nodes and no cursor, called the last": lambda ids, end, more: page([], None, more=False),
    "no nodes, with more behind": lambda ids, end, more: page([], end, more=True),
    "an empty pageInfo": lambda ids, end, more: graphql({"pageInfo": {}, "edges": [{"node": {"id": i}} for i in ids]}),
    "a null pageInfo": lambda ids, end, more: graphql({"pageInfo": None, "edges": []}),
    "no edges": lambda ids, end, more: graphql({"pageInfo": {"hasNextPage": more, "endCursor": end}}),
    "null edges": lambda ids, end, more: graphql({"pageInfo": {"hasNextPage": False, "endCursor": end}, "edges": None}),
    "null nodes": lambda ids, end, more: graphql(
        {"pageInfo": {"hasNextPage": more, "endCursor": end}, "edges": [{"node": None} for _ in ids]}
    ),
    "no connection": lambda ids, end, more: graphql(None),
    "the first page again": lambda ids, end, more: page(list(range(1, 11)), "10", more=True),
    "the first page, shuffled": shuffled,
    "the cursor that was asked for": lambda ids, end, more: page(ids, str(ids[0] - 1) if ids else None, more=True),
}


CASES = [
    (odd, products, times)
    for odd in ODD
    for products in (0, 5, 10, 45, 60)
    for times in (1, 2, MOST_REQUESTS)
    # A store that once hands out another place, and goes on from there as if nothing was, cannot be told.
    if "the first page" not in odd or (products >= 10 and times == MOST_REQUESTS)
]


@pytest.mark.parametrize(("odd", "products", "times"), CASES)
def test_every_node_or_an_error_and_an_end(odd: str, products: int, times: int) -> None:
    positions = range(1, products // 10 + 3)
    for at in positions:
        store = Store(products, ODD[odd], at, times)
        try:
            found = walked(store)
        except (PaginationLoopError, UnexpectedAnswerError, InvalidQueryError):
            continue
        if found != list(range(1, products + 1)):
            # Told twice, a second time after it was doubted, or for ever: nothing else of a connection tells how many nodes it has.
            assert "called the last" in odd or odd == "no nodes, with more behind", (odd, at, found)
            assert times > 1 or odd == "half of the page, called the last", (odd, at, found)
            assert len(found) == len(set(found)), (odd, at, found)


@pytest.mark.parametrize(("products", "requests"), [(0, 2), (5, 2), (10, 2), (45, 5), (60, 7)])
def test_an_end_costs_one_more_request_where_no_shorter_page_shows_it(products: int, requests: int) -> None:
    store = Store(products, page, 0, 0)  # type: ignore[arg-type]  # never odd

    assert walked(store) == list(range(1, products + 1))
    assert store.asked == requests


@pytest.mark.parametrize("shape", ["edges", "nodes"])
def test_a_connection_is_walked_to_its_end(shape: str) -> None:
    walk = ConnectionWalk(QUERY, {"first": 2})
    first = walk.absorb(page([1, 2], "c2", more=True, shape=shape))
    assert json.loads(walk.request().body or b"")["variables"] == {"first": 2, "after": "c2"}
    last = walk.absorb(page([3], "c3", more=False, shape=shape))

    assert ids_of([*first, *last]) == [1, 2, 3]
    assert walk.is_done


def test_a_last_page_without_a_cursor_is_believed_when_it_comes_twice() -> None:
    walk = ConnectionWalk(QUERY)
    assert ids_of(walk.absorb(page([1, 2], None, more=False))) == [1, 2]
    assert not walk.is_done
    assert walk.absorb(page([1, 2], None, more=False)) == []
    assert walk.is_done


@pytest.mark.parametrize(
    "second",
    [page([1], None, more=False), page([1, 2], "2", more=True), page([], None, more=False)],
    ids=["fewer nodes", "more behind it", "no nodes"],
)
def test_two_different_last_pages_are_an_error(second: GraphQLAnswer) -> None:
    walk = ConnectionWalk(QUERY)
    walk.absorb(page([1, 2], None, more=False))

    with pytest.raises(UnexpectedAnswerError, match=r"two different pages for one cursor at 'store\.products'"):
        walk.absorb(second)


def test_a_cursor_that_comes_back_is_an_error_and_no_loop() -> None:
    walk = ConnectionWalk(QUERY)
    walk.absorb(page([1], "same", more=True))

    with pytest.raises(PaginationLoopError, match="the same cursor twice"):
        walk.absorb(page([1], "same", more=True))


@pytest.mark.parametrize("second", [[1, 2], [2, 1]])
def test_new_cursors_with_the_same_nodes_are_an_error_and_no_loop(second: list[int]) -> None:
    walk = ConnectionWalk(QUERY)
    walk.absorb(page([1, 2], "a", more=True))

    with pytest.raises(PaginationLoopError, match="the same nodes twice"):
        walk.absorb(page(second, "b", more=True))


def test_pages_without_nodes_end() -> None:
    walk = ConnectionWalk(QUERY)

    for number in range(10):
        for _ in range(2):  # each is asked for twice before it is believed
            walk.absorb(page([], f"cursor {number}", more=True))

    walk.absorb(page([], "one more", more=True))
    with pytest.raises(PaginationLoopError, match="pages without nodes"):
        walk.absorb(page([], "one more", more=True))


@pytest.mark.parametrize(
    "query",
    [
        "{ store { products { edges { node { id } } } } }",
        "query ($after: String) { store { products(after: $after) { pageInfo { endCursor } edges { node { id } } } } }",
        "query ($after: String) { store { products(after: $after) { pageInfo { hasNextPage } edges { node { id } } } } }",
        QUERY.replace("$after", "$cursor"),
    ],
)
def test_a_query_that_cannot_be_paged_is_refused_before_sending(query: str) -> None:
    with pytest.raises(InvalidQueryError, match="pageInfo"):
        ConnectionWalk(query)
