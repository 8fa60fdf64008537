"""How many requests are under way at once, seen from the server; and what the log says when there are fewer."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import Concurrency
from tests.client.test_client_on_the_sandbox import use as use_sandbox
from tests.client.test_client_on_the_wire import OK, rows, use
from tests.client.wire import json_response, listing, wire


class Counting:
    """Answers after a moment, and counts how many requests wait at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        return json_response(OK)


def said(caplog: pytest.LogCaptureFixture, part: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if part in record.getMessage()]


@pytest.mark.bigcommerce_sandbox(products=3000, latency_ms=10)
def test_an_endpoint_that_refuses_above_four_at_once_is_kept_below_with_few_refusals(
    bigcommerce_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    bigcommerce_sandbox.store.concurrency = Concurrency((("GET", r"/v3/catalog/variants", 4),))

    async def work(store: BigCommerceStore) -> tuple[list[int], int, int]:
        ids = [row["id"] async for row in store.rows("product_variants", query={"limit": 10})]
        return ids, store.stats.throttled, store.stats.requests

    with caplog.at_level(logging.WARNING):
        ids, throttled, requests = use_sandbox(bigcommerce_sandbox, work)

    assert ids == [row["id"] for row in bigcommerce_sandbox.store.rows("product_variants")]
    assert requests > 400
    assert 1 <= throttled <= 60  # 20 at once, then 10, 5 and 2; without the rule most requests are refused
    late = list(bigcommerce_sandbox.store.requests)[requests // 2 :]
    assert [entry.status for entry in late if entry.status == 429] == []  # settled
    (line,) = said(caplog, "at once")
    found = re.fullmatch(
        "GET /v3/catalog/variants: it answered 429 with quota left: it takes fewer requests at once. At most ([0-9]+) requests at once go "
        "there from now on, not 20, and slowly more again while its answers are good.",
        line.getMessage(),
    )
    assert found is not None, line.getMessage()
    assert 2 <= int(found[1]) <= 10  # half of those under way when the first refusal came; answers may have come before it


def test_a_documented_cap_is_not_exceeded() -> None:
    counting = Counting()

    async def work(store: BigCommerceStore) -> None:
        await asyncio.gather(*(store.update("customers", number, {"first_name": "A"}) for number in range(20)))

    with wire(counting.answer) as server:
        use(server, work)

    assert counting.most == 3
    assert len(server.seen) == 20


def test_the_ceiling_is_for_all_kinds_of_requests_together_and_is_reached() -> None:
    counting = Counting()

    async def work(store: BigCommerceStore) -> None:
        await asyncio.gather(*(store.request(method, f"/v2/things/{n}") for n in range(10) for method in ("GET", "PUT", "DELETE")))

    with wire(counting.answer) as server:
        use(server, work, max_concurrency=6)

    assert counting.most == 6
    assert len(server.seen) == 30


def test_a_request_that_is_given_up_while_it_waits_gives_its_turn_to_the_next() -> None:
    counting = Counting()

    async def work(store: BigCommerceStore) -> Any:
        first, given_up, last = (asyncio.create_task(store.get("products", number)) for number in (1, 2, 3))
        await asyncio.sleep(0)
        given_up.cancel()
        return await asyncio.gather(first, given_up, last, return_exceptions=True)

    with wire(counting.answer) as server:
        first, given_up, last = use(server, work, max_concurrency=1)

    assert (first, last) == ({"id": 1}, {"id": 1})
    assert isinstance(given_up, asyncio.CancelledError)


def test_a_store_that_fails_gets_fewer_requests_at_once_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    failures = itertools.chain([True] * 30, itertools.repeat(False))

    def answer(request: web.Request) -> web.Response:
        return json_response({}, 503) if next(failures) else listing(request, list(range(1, 2001)))

    async def work(store: BigCommerceStore) -> int:
        return len(await rows(store, "product_variants", query={"limit": 10}))

    with caplog.at_level(logging.WARNING), wire(answer) as server:
        assert use(server, work, max_attempts=40) == 2000

    assert "requests failed. At most 10 requests at once go there from now on, not 20" in said(caplog, "at once")[0].getMessage()


def quota_answers(left: int) -> Callable[[web.Request], web.Response]:
    """A store that grants 150 in 30 s, of which so many are left after the first answer; the next window has enough."""
    lefts = itertools.chain([left], itertools.count(149, -1))

    def answer(request: web.Request) -> web.Response:
        headers = {
            "X-Rate-Limit-Requests-Quota": "150",
            "X-Rate-Limit-Requests-Left": str(next(lefts)),
            "X-Rate-Limit-Time-Window-Ms": "30000",
            "X-Rate-Limit-Time-Reset-Ms": "12300",
        }
        return json_response(OK, headers=headers)

    return answer


class Waiting:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def read_twice(server: Any, **settings: Any) -> None:
    async def main() -> None:
        clock = Waiting()
        async with BigCommerceStore(server.credentials, StoreSettings(**settings), clock=clock, sleep=clock.sleep) as store:
            await store.get("products", 1)
            await asyncio.gather(*(store.get("products", number) for number in range(5)))

    run(main())


def test_when_other_apps_eat_the_quota_one_line_says_who_how_much_how_long_and_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), wire(quota_answers(0)) as server:
        read_twice(server)

    (line,) = said(caplog, "quota")  # one a window, though five requests wait in it
    assert line.levelname == "WARNING"
    assert line.getMessage() == (
        "Our part of the store's quota is used up: it grants 150 requests in 30 s to all apps and tasks together. In this window we sent 1 "
        "and others about 149. Waiting 12 s for the next window. Nothing is broken: this task continues, slower. The others are "
        "tasks or apps with an API account of this store. Run them at another time, or give your own ones a lower quota_share in their "
        "connection."
    )


def test_a_share_of_the_quota_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), wire(quota_answers(75)) as server:
        read_twice(server, quota_share=0.5)

    text = said(caplog, "quota")[0].getMessage()
    assert "to all apps and tasks together; quota_share=0.5 leaves 75 to this task. In this window we sent 1 and others about 74." in text
