"""Answers that are wrong and yet no failure: which request gets them, and what each looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.odd_answers import NAMED, Exchange, page_size
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sandbox.wire import Reply, ask

BRANDS, ORDERS, CUSTOMERS = "/v3/catalog/brands", "/v2/orders", "/v3/customers"
FIVE = {"limit": 5}


def oddly(sandbox: Sandbox, name: str, path: str, query: dict[str, Any]) -> Reply:
    """The second of two answers to the same request."""
    sandbox.store.odd(f"^{path}", nth=2, answer=name)
    ask(sandbox, path, query)
    return ask(sandbox, path, query)


def test_the_nth_matching_request_is_hit_as_often_as_asked_and_no_other(bigcommerce_sandbox: Sandbox) -> None:
    plan = bigcommerce_sandbox.faults.odd(r"^/v2/orders\?.*limit=5", nth=2, times=2, answer="empty")

    seen = [(ask(bigcommerce_sandbox, ORDERS, FIVE).body == b"", ask(bigcommerce_sandbox, ORDERS).body == b"") for _ in range(4)]

    assert seen == [(False, False), (True, False), (True, False), (False, False)]
    assert plan.seen == 4
    assert bigcommerce_sandbox.store.faults == {"odd:empty": 2}
    assert [entry.fault for entry in bigcommerce_sandbox.store.requests if entry.fault] == ["odd:empty"] * 2


def test_a_method_can_be_chosen_and_what_is_never_looked_at_is_never_done(bigcommerce_sandbox: Sandbox) -> None:
    product = bigcommerce_sandbox.store.rows("products")[0]["id"]
    path = f"/v3/catalog/products/{product}"
    bigcommerce_sandbox.store.odd(path, method="PUT", answer="409")

    assert ask(bigcommerce_sandbox, path).status == 200
    assert ask(bigcommerce_sandbox, path, method="PUT", body={"name": "x"}).status == 409
    assert bigcommerce_sandbox.store.row("products", product)["name"] != "x"


def test_a_function_sees_the_request_and_can_ask_the_store(bigcommerce_sandbox: Sandbox) -> None:
    def second_page(exchange: Exchange) -> Answer:
        assert (exchange.method, exchange.path, exchange.version) == ("GET", BRANDS, "v3")
        return exchange.ask({**exchange.query, "page": "2"})

    bigcommerce_sandbox.store.odd(BRANDS, times=None, answer=second_page)

    rows = bigcommerce_sandbox.listed(BRANDS)
    assert ask(bigcommerce_sandbox, BRANDS, {"limit": 2}).data == rows[2:4]


def test_two_plans_change_one_answer_in_turn(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.odd(BRANDS, answer=page_size(2))
    bigcommerce_sandbox.store.odd(BRANDS, answer="total_zero")

    reply = ask(bigcommerce_sandbox, BRANDS, FIVE)
    assert (len(reply.data), reply.pagination["per_page"], reply.pagination["total"]) == (2, 2, 0)


def test_a_name_or_a_number_that_makes_no_sense_is_refused(bigcommerce_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="there are empty, blanks"):
        bigcommerce_sandbox.store.odd("", answer="strange")
    with pytest.raises(ValueError, match="nth=0"):
        bigcommerce_sandbox.store.odd("", nth=0, answer="empty")


@pytest.mark.bigcommerce_sandbox(products=120, orders=20, customers=20)
@pytest.mark.parametrize("path", [BRANDS, ORDERS, CUSTOMERS, "/v2/orders/count"])
@pytest.mark.parametrize("name", NAMED)
def test_each_kind_is_odd_somewhere_and_never_breaks_the_sandbox(bigcommerce_sandbox: Sandbox, name: str, path: str) -> None:
    usual = ask(bigcommerce_sandbox, path, FIVE)
    odd = oddly(bigcommerce_sandbox, name, path, FIVE)

    assert bigcommerce_sandbox.store.faults == {f"odd:{name}": 1}
    assert odd.status == EXPECTED_STATUS.get(name, usual.status)
    if path == BRANDS and name not in ("repeats_page", "ignores_page", "ignores_sort", "reverses_sort", "ignores_filters", "no_end_cursor"):
        assert odd.body != usual.body, "an odd answer that is the usual one"


EXPECTED_STATUS = {
    "no_content": 204, "suspended": 503, **{name: int(name[:3]) for name in NAMED if name[:3].isdigit()}
}  # fmt: skip


@pytest.mark.bigcommerce_sandbox(products=120)
def test_meta_against_the_page_in_hand(bigcommerce_sandbox: Sandbox) -> None:
    def meta(name: str) -> Any:
        return oddly(bigcommerce_sandbox, name, BRANDS, FIVE).json["meta"]

    real = ask(bigcommerce_sandbox, BRANDS, FIVE).pagination
    assert real["total"] > 5
    assert meta("meta_list") == []
    found = meta("total_this_page")["pagination"]
    assert (found["total"], found["total_pages"], found["count"]) == (5, 1, 5)
    assert "next" not in found["links"]
    assert meta("total_pages_one")["pagination"]["total"] == real["total"]
    assert meta("numbers_as_text")["pagination"]["total"] == str(real["total"])
    assert meta("links_list")["pagination"]["links"] == []


@pytest.mark.bigcommerce_sandbox(customers=20)
def test_cursors_that_are_missing_or_never_end(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.odd(CUSTOMERS, answer="no_end_cursor")
    assert set(ask(bigcommerce_sandbox, CUSTOMERS, FIVE).json["meta"]["cursor_pagination"]) == {
        "count", "per_page", "links", "start_cursor"
    }  # fmt: skip

    bigcommerce_sandbox.store.odd(CUSTOMERS, times=None, answer="endless")
    pages, after = [], None
    for _ in range(6):  # five rows of twenty, for ever
        reply = ask(bigcommerce_sandbox, CUSTOMERS, {**FIVE, **({"after": after} if after else {})})
        cursor = reply.json["meta"]["cursor_pagination"]
        assert "next" in cursor["links"]
        assert cursor["end_cursor"] != after
        after = cursor["end_cursor"]
        pages.append(reply.ids())
    assert pages == [pages[0]] * 6


@pytest.mark.bigcommerce_sandbox(orders=20)
def test_another_page_than_was_asked_for(bigcommerce_sandbox: Sandbox) -> None:
    store, ids = bigcommerce_sandbox.store, ask(bigcommerce_sandbox, ORDERS).ids()

    def asked(answer: Any, **query: Any) -> list[Any]:
        store.odd(ORDERS, answer=answer)
        return ask(bigcommerce_sandbox, ORDERS, query).ids()

    assert asked("ignores_page", page=2, limit=5) == ids[:5]
    assert asked("ignores_limit", limit=5) == ids
    assert asked("reverses_sort", sort="id:asc") == sorted(ids, reverse=True)
    assert asked("ignores_filters", min_id=ids[-1]) == ids
    assert asked(page_size(3), page=2, limit=10) == ids[3:6]
    store.odd(ORDERS, nth=2, answer="repeats_page")
    assert ask(bigcommerce_sandbox, ORDERS, {"page": 1, **FIVE}).body == ask(bigcommerce_sandbox, ORDERS, {"page": 2, **FIVE}).body


def test_one_refusal_after_successes(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.odd(ORDERS, nth=3, answer="401")

    assert [ask(bigcommerce_sandbox, ORDERS).status for _ in range(4)] == [200, 200, 401, 200]


def test_another_process_can_ask_for_odd_answers(bigcommerce_sandbox: Sandbox) -> None:
    from urllib.request import Request, urlopen

    body = json.dumps({"odd": [{"path": "^/v2/orders", "nth": 2, "answer": "null"}]}).encode()
    request = Request(f"{bigcommerce_sandbox.url}/sandbox/changes", body, {"X-Auth-Token": bigcommerce_sandbox.token})
    with urlopen(request, timeout=20) as response:
        assert json.load(response) == {"odd": ["null"]}

    assert [ask(bigcommerce_sandbox, ORDERS).body == b"null" for _ in range(3)] == [False, True, False]
