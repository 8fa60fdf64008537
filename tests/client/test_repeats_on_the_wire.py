"""What a server sees of a write whose answer is lost: one request, or as many as may be, whatever the HTTP library would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from airflow_provider_bigcommerce.exceptions import NotFoundError, ServerError, TransportError, UnclearWriteError, ValidationError
from tests.client.test_client_on_the_wire import OK, answers, use
from tests.client.wire import json_response, wire


def cut(request: web.Request) -> web.Response:
    """The connection goes after the request was read: nobody knows what the store did."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_in_the_body(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b'{"data": ')
    assert request.transport is not None
    request.transport.abort()
    return answer


FAILURES: dict[str, Callable[[web.Request], Any]] = {
    "cut before the answer": cut,
    "cut in the body": cut_in_the_body,
    "502": lambda request: json_response({}, 502),
    "503": lambda request: json_response({}, 503),
}
each_failure = pytest.mark.parametrize("failure", FAILURES)

#: Calls that must not be sent twice, and such that may be.
ONCE: dict[str, tuple[str, str, Any]] = {
    "a create": ("POST", "/v3/catalog/brands", {"name": "x"}),
    "absolute stock": ("PUT", "/v3/inventory/adjustments/absolute", {"items": [{"location_id": 1, "sku": "a", "quantity": 5}]}),
    "relative stock": ("POST", "/v3/inventory/adjustments/relative", {"items": []}),
    "a product with images without ids": ("PUT", "/v3/catalog/products", [{"id": 7, "images": [{"image_url": "x"}]}]),
    "an order's new line": ("PUT", "/v2/orders/7", {"products": [{"product_id": 1, "quantity": 1}]}),
    "an unknown PUT": ("PUT", "/v3/made/up", {}),
    "an unknown DELETE": ("DELETE", "/v3/made/up/7", None),
    "a PATCH": ("PATCH", "/v3/catalog/products/7", {}),
}
AGAIN: dict[str, tuple[str, str, Any]] = {
    "a change by id": ("PUT", "/v3/catalog/brands/7", {"name": "x"}),
    "a product with all ids": ("PUT", "/v3/catalog/products", [{"id": 7, "images": [{"id": 8, "sort_order": 1}]}]),
    "an order's status": ("PUT", "/v2/orders/7", {"status_id": 2}),
    "an address": ("POST", "/v3/customers/addresses", [{"customer_id": 7}]),
    "a refund quote": ("POST", "/v3/orders/7/payment_actions/refund_quotes", {"items": []}),
    "a delete": ("DELETE", "/v3/catalog/products/7", None),
}


@each_failure
@pytest.mark.parametrize("call", ONCE)
def test_what_may_do_it_twice_is_seen_once(call: str, failure: str) -> None:
    method, path, body = ONCE[call]

    async def work(store: Any) -> None:
        await store.request("GET", "/v2/time")  # so that a connection is open, which a library takes for the one that broke
        await store.request(method, path, json=body)

    with wire(answers(lambda request: json_response(OK), FAILURES[failure])) as server:
        with pytest.raises(UnclearWriteError, match="was not sent again") as caught:
            use(server, work, max_attempts=3)
        writes = [request for request in server.seen if request.method == method]

    assert len(writes) == 1
    assert (caught.value.method, caught.value.path) == (method, path)
    assert caught.value.__cause__ is not None


@each_failure
@pytest.mark.parametrize("call", AGAIN)
def test_what_is_the_same_twice_is_sent_again(call: str, failure: str) -> None:
    method, path, body = AGAIN[call]

    with wire(answers(FAILURES[failure], json_response(OK))) as server:
        response = use(server, lambda store: store.request(method, path, json=body))
        assert response.json() == OK
        assert len(server.seen) == 2


def test_a_proxys_page_in_the_place_of_an_answer_leaves_a_create_unclear() -> None:
    def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    with wire(page) as server:
        with pytest.raises(UnclearWriteError, match=r"not JSON.*was not sent again"):
            use(server, lambda store: store.create("products", {"name": "x"}))
        assert len(server.seen) == 1
    with wire(answers(page, web.Response(status=204))) as server:
        use(server, lambda store: store.delete("orders", ids=[7]))
        assert len(server.seen) == 2


def test_a_write_that_gives_up_says_what_it_would_without_a_rule() -> None:
    with wire(lambda request: json_response({}, 502)) as server:
        with pytest.raises(ServerError, match="2 attempts"):
            use(server, lambda store: store.update("brands", 7, {"name": "x"}), max_attempts=2)
        assert len(server.seen) == 2


def test_a_connection_that_is_refused_is_tried_again_for_any_write() -> None:
    with wire(lambda request: json_response(OK)) as server:
        pass
    with pytest.raises(TransportError, match="2 attempts") as caught:  # nobody listens there any more
        use(server, lambda store: store.create("orders", {}), max_attempts=2)
    assert caught.value.cause == "refused"


# -- deletes ----------------------------------------------------------------------------------------------------------


@each_failure
def test_a_404_after_a_lost_answer_means_deleted(failure: str) -> None:
    with wire(answers(FAILURES[failure], json_response({"status": 404, "title": "Not found"}, 404))) as server:
        assert use(server, lambda store: store.delete("orders", ids=[7])) is None
        assert {request.method for request in server.seen} == {"DELETE"}


def test_a_404_at_first_is_an_error() -> None:
    with wire(lambda request: json_response({}, 404)) as server, pytest.raises(NotFoundError):
        use(server, lambda store: store.delete("orders", ids=[7]))


def test_a_raw_delete_whose_row_is_gone_answers_as_the_lost_answer_did() -> None:
    with wire(answers(cut, json_response({}, 404))) as server:
        response = use(server, lambda store: store.request("DELETE", "/v3/catalog/products/7"))

    assert (response.status, response.body) == (204, b"")


def test_assignments_are_removed_by_pairs_and_no_other_pair_goes() -> None:
    pairs = [(5, 7), (6, 7), (6, 8), (9, 1)]
    with wire(lambda request: web.Response(status=204)) as server:
        ids = [{"product_id": product, "category_id": category} for product, category in pairs]
        use(server, lambda store: store.delete("product_category_assignments", ids=ids))
        removed = [
            (int(product), int(category))
            for request in server.seen
            if isinstance(request, web.Request)
            for product in request.query["product_id:in"].split(",")
            for category in request.query["category_id:in"].split(",")
        ]

    assert sorted(removed) == pairs


def test_rows_that_an_answer_says_are_still_there_are_an_error() -> None:
    body = {"meta": {"total": 2, "success": 1, "failed": 1}}
    with wire(lambda request: json_response(body, 202)) as server, pytest.raises(ValidationError, match="1 of 2 rows were not deleted"):
        use(server, lambda store: store.delete("categories", ids=[7, 8]))


def test_a_batch_of_unpublished_size_is_ten() -> None:
    with wire(lambda request: web.Response(status=204)) as server:
        use(server, lambda store: store.delete("product_metafields", ids=range(1, 26)))

        assert len(server.seen) == 3


# -- one row ----------------------------------------------------------------------------------------------------------


def test_an_address_that_is_there_already_is_no_error() -> None:
    with wire(lambda request: json_response({"data": [], "meta": {}})) as server:
        assert use(server, lambda store: store.create("customer_addresses", {"customer_id": 7})) == {}


def test_a_row_in_a_wrapper_is_sent_in_it() -> None:
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return json_response({"transaction_id": "x"})

    with wire(answer) as server:
        use(server, lambda store: store.update("inventory_items", 7, {"location_id": 1, "quantity": 5, "product_id": 7}))

    assert [*bodies[0]] == ["items"]


def test_a_part_that_was_not_saved_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    body = {"data": {"id": 7}, "errors": {"inventory_level": "is wrong"}, "meta": {}}
    with wire(lambda request: json_response(body, 207)) as server:
        assert use(server, lambda store: store.create("products", {"name": "x"})) == {"id": 7}

    assert "The row was saved, but a part of it was not." in caplog.text
    assert "inventory_level" in caplog.text
