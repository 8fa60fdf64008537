"""`store.write` over a real connection: what is sent how often, how many at once, what ends a run, and what a caller sees of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from aiohttp import web

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    BigCommerceError,
    InvalidQueryError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from tests.client.wire import Wire, json_response, wire

T = TypeVar("T")


async def _no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def use(server: Wire, work: Callable[[BigCommerceStore], Awaitable[T]], **settings: Any) -> T:
    async def main() -> T:
        async with BigCommerceStore(server.credentials, StoreSettings(**settings), sleep=_no_sleep, random=lambda: 0.0) as store:
            return await work(store)

    return run(main())


def write(server: Wire, resource: str, rows: Any, operation: Any, *, settings: dict[str, Any] | None = None, **more: Any) -> list[Outcome]:
    async def work(store: BigCommerceStore) -> list[Outcome]:
        return [outcome async for outcome in store.write(resource, rows, operation=operation, **more)]

    return use(server, work, **(settings or {}))


def write_into(outcomes: list[Outcome], server: Wire, resource: str, rows: Any, operation: Any, **settings: Any) -> None:
    """Likewise, for a write that raises in the end."""

    async def work(store: BigCommerceStore) -> None:
        async for outcome in store.write(resource, rows, operation=operation):
            outcomes.append(outcome)  # noqa: PERF401  # they are there although it raises

    use(server, work, **settings)


def told(outcomes: list[Outcome]) -> dict[int, str]:
    assert len({outcome.row for outcome in outcomes}) == len(outcomes)
    return {outcome.row: outcome.outcome for outcome in outcomes}


def methods(server: Wire) -> list[str]:
    return [f"{request.method} {request.path.partition('/v')[2][1:]}" for request in server.seen]


class Brands:
    """Brands in memory; each request that writes may be lost before, or its answer after it was carried out."""

    def __init__(self, *fates: str) -> None:
        self.names: list[str] = []
        self.fates = list(fates)

    async def __call__(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            wanted = request.query["name"]
            rows = [{"id": number, "name": name} for number, name in enumerate(self.names, 1) if name == wanted]
            return json_response({"data": rows, "meta": {"pagination": {"total": len(rows), "total_pages": 1}}})
        fate = self.fates.pop(0) if self.fates else "through"
        if fate == "cut_before":
            request.transport.abort()  # type: ignore[union-attr]  # the connection is there
        name = (await request.json())["name"]
        if name in self.names:
            return json_response({"title": "name is taken", "errors": {"name": "taken"}}, 409)
        if fate != "cut_before":
            self.names.append(name)
        if fate == "cut_after":
            request.transport.abort()  # type: ignore[union-attr]  # likewise
        if fate == "html":
            return web.Response(text="<html>proxy</html>", content_type="text/html")
        if fate == "503":
            return json_response({"title": "busy"}, 503)
        return json_response({"data": {"id": len(self.names), "name": name}, "meta": {}})


@pytest.mark.parametrize("fate", ["cut_before", "cut_after", "503", "html"])
def test_a_new_row_whose_answer_is_lost_is_looked_up_and_made_once(fate: str) -> None:
    brands = Brands(fate)
    with wire(brands) as server:
        outcomes = write(server, "brands", [{"name": "A"}, {"name": "B"}], "create")

    assert told(outcomes) == {0: "created", 1: "created"}
    assert sorted(brands.names) == ["A", "B"]
    assert sum(method.startswith("POST") for method in methods(server)) == 3 - (fate != "cut_before")


def test_a_missing_scope_ends_the_run_at_the_first_request_and_every_row_is_told() -> None:
    outcomes: list[Outcome] = []
    with wire(lambda request: json_response({"title": "scope"}, 403)) as server:
        rows = ({"id": number, "name": "x"} for number in range(1, 1201))
        with pytest.raises(PermissionDeniedError, match="store_v2_products"):
            write_into(outcomes, server, "products", rows, "update")

    assert len(server.seen) == 1
    assert told(outcomes) == dict.fromkeys(range(1200), "not_sent")


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [(401, {}, AuthenticationError), (429, {"X-Rate-Limit-Time-Reset-Ms": "3600000"}, RateLimitError)],
)
def test_what_no_row_is_to_blame_for_ends_the_run(status: int, headers: dict[str, str], kind: type[BigCommerceError]) -> None:
    outcomes: list[Outcome] = []
    with wire(lambda request: json_response({}, status, headers)) as server, pytest.raises(kind):
        write_into(outcomes, server, "brands", [{"name": f"B{number}"} for number in range(30)], "create", max_wait=5)

    assert set(told(outcomes).values()) == {"not_sent"}
    assert len(outcomes) == 30


def test_a_403_after_good_answers_is_the_rows_own() -> None:
    async def answer(request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        return json_response({"title": "not yours"}, 403) if name == "B" else json_response({"data": {"id": 1, "name": name}})

    with wire(answer) as server:
        outcomes = write(server, "brands", [{"name": name} for name in "ABC"], "create")

    assert told(outcomes) == {0: "created", 1: "rejected", 2: "created"}


def test_a_store_that_answers_500_for_one_row_fails_that_row_alone() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return json_response({"data": [{"id": 2, "name": "old"}], "meta": {}})
        return json_response({}, 500) if request.path.endswith("/2") else json_response({"data": {"id": 1, "name": "new"}})

    with wire(answer) as server:
        outcomes = write(server, "brands", [{"id": number, "name": "new"} for number in (1, 2, 3)], "update", settings={"max_attempts": 3})

    assert told(outcomes) == {0: "updated", 1: "unknown", 2: "updated"}


def test_a_store_that_is_gone_ends_the_run() -> None:
    outcomes: list[Outcome] = []
    with wire(lambda request: json_response({}, 500)) as server, pytest.raises(ServerError):
        write_into(outcomes, server, "brands", [{"name": f"B{number}"} for number in range(40)], "create", max_attempts=2)

    assert set(told(outcomes).values()) == {"unknown", "not_sent"}
    assert len(outcomes) == 40
    assert sum(request.method == "POST" for request in server.seen) <= 5


@pytest.mark.parametrize(("resource", "row", "most"), [
    ("price_list_records", {"price_list_id": 1, "currency": "usd", "price": 1}, 2),
    ("customers", {"first_name": "A"}, 3),
])  # fmt: skip
def test_no_more_requests_are_under_way_than_is_documented(resource: str, row: dict[str, Any], most: int) -> None:
    now, highest = 0, 0
    two = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal now, highest
        now += 1
        highest = max(highest, now)
        body = await request.json()
        if now > 1:
            two.set()
        if len(server.seen) > 1:  # the first goes alone; the others wait here until there are two
            await asyncio.wait_for(two.wait(), 30)
        await asyncio.sleep(0.01)
        now -= 1
        return json_response({"data": {} if resource == "price_list_records" else [{"id": one["id"]} for one in body], "meta": {}})

    count = 3000 if resource == "price_list_records" else 120
    key = (lambda number: {"variant_id": number}) if resource == "price_list_records" else (lambda number: {"id": number})
    with wire(answer) as server:
        outcomes = write(server, resource, ({**row, **key(number)} for number in range(1, count + 1)), "upsert" if most == 2 else "update")

    assert set(told(outcomes).values()) == {"updated"}
    assert 1 < highest <= most


def test_rows_are_taken_as_they_are_needed_and_not_all_at_once() -> None:
    taken = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for number in range(1, 20_001):
            taken += 1
            yield {"id": number, "first_name": "A"}

    async def answer(request: web.Request) -> web.Response:
        return json_response({"data": [{"id": one["id"]} for one in await request.json()]})

    with wire(answer) as server:

        async def work(store: BigCommerceStore) -> int:
            outcomes = store.write("customers", rows(), operation="update")
            await anext(outcomes)
            found = taken
            await outcomes.aclose()
            return found

        first = use(server, work)

    assert first <= 1000
    assert taken <= 1000


def test_a_caller_that_stops_leaves_nothing_under_way() -> None:
    async def answer(request: web.Request) -> web.Response:
        return json_response({"data": [{"id": one["id"]} for one in await request.json()]})

    with wire(answer) as server:

        async def work(store: BigCommerceStore) -> int:
            before = len(asyncio.all_tasks())
            rows = [{"id": number, "first_name": "A"} for number in range(1, 500)]
            async with contextlib.aclosing(store.write("customers", rows, operation="update")) as outcomes:
                await anext(outcomes)
                assert len(asyncio.all_tasks()) > before
            return len(asyncio.all_tasks()) - before

        left = use(server, work)

    assert left == 0


def test_an_input_that_breaks_is_told_after_the_rows_that_were_sent() -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(1, 601):
            yield {"id": number, "first_name": "A"}
        raise ValueError("the file ends in the middle of a row")

    async def answer(request: web.Request) -> web.Response:
        return json_response({"data": [{"id": one["id"]} for one in await request.json()]})

    outcomes: list[Outcome] = []
    with wire(answer) as server, pytest.raises(ValueError, match="ends in the middle"):
        write_into(outcomes, server, "customers", rows(), "update")

    assert sum(outcome.outcome == "updated" for outcome in outcomes) >= 500
    assert set(told(outcomes).values()) <= {"updated", "not_sent"}


def test_a_blocking_write_reads_its_rows_in_the_callers_thread() -> None:
    threads: set[int] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for name in "ABC":
            threads.add(threading.get_ident())
            yield {"name": name}

    with wire(Brands()) as server, BlockingStore(BigCommerceStore(server.credentials)) as store:
        outcomes = list(store.write("brands", rows(), operation="create"))

    assert told(outcomes) == dict.fromkeys(range(3), "created")
    assert threads == {threading.get_ident()}


def test_a_blocking_write_raises_what_ended_it_after_the_outcomes() -> None:
    with wire(lambda request: json_response({}, 403)) as server, BlockingStore(BigCommerceStore(server.credentials)) as store:
        found = store.write("brands", [{"name": "A"}, {"name": "B"}], operation="create")
        outcomes = [next(found), next(found)]
        with pytest.raises(PermissionDeniedError):
            next(found)

    assert told(outcomes) == {0: "not_sent", 1: "not_sent"}


@pytest.mark.parametrize("rows", ["name", b"name", {"name": "A"}, 5, None], ids=["text", "bytes", "mapping", "number", "none"])
def test_what_is_no_list_of_rows_is_refused_before_anything_is_sent(rows: Any) -> None:
    with wire(Brands()) as server, BlockingStore(BigCommerceStore(server.credentials)) as store:
        with pytest.raises(InvalidQueryError, match="rows"):
            list(store.write("brands", rows, operation="create"))

        assert server.seen == []


def test_no_rows_are_no_requests_and_no_error() -> None:
    with wire(Brands()) as server:
        assert write(server, "brands", [], "create") == []

    assert server.seen == []


def test_a_money_amount_is_sent_digit_by_digit_and_the_reason_stands_beside_the_rows() -> None:
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return json_response({"data": {}, "meta": {}} if b"price" in bodies[-1] else {"transaction_id": "t"})

    with wire(answer) as server:
        write(server, "price_list_records", [{"price_list_id": 1, "sku": "A", "currency": "usd", "price": Decimal("12.30")}], "upsert")
        stock = [{"location_id": 1, "sku": "A", "quantity": 5}]
        write(server, "inventory_items", stock, "upsert", beside={"reason": "count"})

    assert b'"price":12.30' in bodies[0]
    assert json.loads(bodies[1]) == {"reason": "count", "items": stock}


# -- one row, whole ---------------------------------------------------------------------------------------------------------


def test_a_merged_update_of_a_singleton_sends_what_is_there_with_the_change_in_it() -> None:
    held = {
        "privacy_settings": {"ask_shopper_for_tracking_consent": True, "policy_url": "https://a.example"},
        "customer_group_settings": {"guest_customer_group_id": 0, "default_customer_group_id": 2},
    }
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        if request.method == "PUT":
            bodies.append(await request.json())
        return json_response({"data": held, "meta": {}})

    with wire(answer) as server:
        change = {"privacy_settings": {"policy_url": "https://b.example"}}
        use(server, lambda store: store.update("customer_settings", row=change, merge=True))

    assert methods(server) == ["GET /customers/settings", "PUT /customers/settings"]
    (body,) = bodies
    assert body["privacy_settings"] == {"ask_shopper_for_tracking_consent": True, "policy_url": "https://b.example"}
    assert body["customer_group_settings"] == held["customer_group_settings"]


def test_a_merged_update_leaves_out_what_cannot_be_written() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.method == "PUT":
            assert await request.json() == {"id": 3, "name": "B", "page_title": "old"}
        return json_response({"data": {"id": 3, "name": "A", "page_title": "old", "date_created": "x"}, "meta": {}})

    with wire(answer) as server:
        assert use(server, lambda store: store.update("brands", 3, {"name": "B"}, merge=True))["id"] == 3


@pytest.mark.parametrize(
    ("args", "says"),
    [(("brands", None, {"name": "A"}), "got no id"), (("brands", 3, None), "got no row"), (("brands", 3, {}), "got no row")],
)
def test_an_update_without_an_id_or_a_row_is_refused(args: tuple[Any, ...], says: str) -> None:
    with wire(Brands()) as server:
        with pytest.raises(InvalidQueryError, match=says):
            use(server, lambda store: store.update(*args))

        assert server.seen == []
