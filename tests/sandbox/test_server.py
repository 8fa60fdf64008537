"""The door: tokens, scopes, errors of both versions, quota, concurrency, headers, and what goes wrong on purpose."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import zlib
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.faults import KINDS, Faults
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import Quota
from tests.sandbox.wire import ask

PRODUCTS, ORDERS, TIME = "/v3/catalog/products", "/v2/orders", "/v2/time"
RATE_HEADERS = ("X-Rate-Limit-Time-Window-Ms", "X-Rate-Limit-Time-Reset-Ms", "X-Rate-Limit-Requests-Quota", "X-Rate-Limit-Requests-Left")


def test_a_wrong_token_is_401_in_the_shape_of_its_version(bigcommerce_sandbox: Sandbox) -> None:
    v3, v2 = ask(bigcommerce_sandbox, PRODUCTS, token="wrong"), ask(bigcommerce_sandbox, ORDERS, token="wrong")

    assert (v3.status, v3.json["status"], set(v3.json)) == (401, 401, {"status", "title", "type", "errors"})
    assert (v2.status, set(v2.json[0])) == (401, {"status", "message"})


def test_another_store_hash_and_an_unknown_path_are_404(bigcommerce_sandbox: Sandbox) -> None:
    assert ask(bigcommerce_sandbox, PRODUCTS, store_hash="nosuchstore").status == 404
    assert ask(bigcommerce_sandbox, "/v3/nothing/here").json["status"] == 404
    assert ask(bigcommerce_sandbox, "/v2/nothing").json[0]["status"] == 404
    assert ask(bigcommerce_sandbox, PRODUCTS, method="PATCH").status == 405


def test_a_token_reaches_only_what_its_scopes_cover(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.add_token("reader", ["store_v2_products_read_only", "store_v2_orders"])

    def status(path: str, method: str = "GET", body: Any = None) -> int:
        return ask(bigcommerce_sandbox, path, token="reader", method=method, body=body).status

    product = bigcommerce_sandbox.store.rows("products")[0]["id"]
    assert status(PRODUCTS) == 200
    assert status(f"{PRODUCTS}/{product}", "PUT", {"name": "x"}) == 403
    assert status(ORDERS) == 200
    assert status("/v3/customers") == 403
    assert (status(TIME), status("/v3/hooks")) == (403, 200)
    assert bigcommerce_sandbox.store.row("products", product)["name"] != "x"


@pytest.mark.bigcommerce_sandbox(quota="3/60")
def test_the_quota_is_one_fixed_window_opened_by_the_first_request_and_shared_by_all_tokens(bigcommerce_sandbox: Sandbox) -> None:
    now = [100.0]
    bigcommerce_sandbox.store.quota.clock = lambda: now[0]
    bigcommerce_sandbox.store.add_token("second")

    first = ask(bigcommerce_sandbox, TIME)
    now[0] += 20.5
    second, third = ask(bigcommerce_sandbox, TIME, token="second"), ask(bigcommerce_sandbox, TIME)
    refused = ask(bigcommerce_sandbox, TIME)
    now[0] += 39.5
    again = ask(bigcommerce_sandbox, TIME)

    assert [[int(reply.headers[name]) for name in RATE_HEADERS] for reply in (first, second, third, refused)] == [
        [60000, 60000, 3, 2], [60000, 39500, 3, 1], [60000, 39500, 3, 0], [60000, 39500, 3, 0]]  # fmt: skip
    assert [reply.status for reply in (first, second, third, refused, again)] == [200, 200, 200, 429, 200]
    assert [reply.headers["X-Retry-After"] for reply in (third, refused)] == [None, "40"]
    assert (again.headers["X-Rate-Limit-Requests-Left"], again.headers["X-Rate-Limit-Time-Reset-Ms"]) == ("2", "60000")


@pytest.mark.parametrize("text", ["", "150", "0/30", "150/0", "many/30", "-1/30"])
def test_a_quota_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="150/30"):
        Quota.parse(text)


@pytest.mark.bigcommerce_sandbox(latency_ms=400)
def test_one_request_too_many_at_a_capped_endpoint_is_429_with_quota_left(bigcommerce_sandbox: Sandbox) -> None:
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(ask(bigcommerce_sandbox, "/v3/catalog/trees/1/categories"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    refused = [reply for reply in replies if reply.status == 429]
    assert sorted(reply.status for reply in replies) == [200, 429, 429]
    assert all(int(reply.headers["X-Rate-Limit-Requests-Left"]) > 0 and reply.headers["X-Retry-After"] is None for reply in refused)
    assert ask(bigcommerce_sandbox, "/v3/catalog/trees/1/categories").status == 200


def test_every_answer_tells_the_stores_time_and_its_own_id(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.clock = lambda: 1_767_225_600.9
    replies = [ask(bigcommerce_sandbox, PRODUCTS), ask(bigcommerce_sandbox, "/v3/nothing"), ask(bigcommerce_sandbox, TIME, token="wrong")]

    assert {reply.headers["Date"] for reply in replies} == {"Thu, 01 Jan 2026 00:00:00 GMT"}
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3
    assert all(reply.headers[name] for reply in replies for name in RATE_HEADERS)


def test_gzip_is_sent_to_who_accepts_it(bigcommerce_sandbox: Sandbox) -> None:
    plain = ask(bigcommerce_sandbox, PRODUCTS)
    packed = ask(bigcommerce_sandbox, PRODUCTS, headers={"Accept-Encoding": "gzip"})

    assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
    assert zlib.decompress(packed.body, 31) == plain.body


def test_the_access_log_tells_what_was_asked(bigcommerce_sandbox: Sandbox) -> None:
    ask(bigcommerce_sandbox, PRODUCTS, {"id:in": "1,2"}, headers={"X-Correlation-Id": "task-7"})

    entry = bigcommerce_sandbox.store.requests[-1]
    assert (entry.method, entry.path, entry.status, entry.correlation_id) == ("GET", PRODUCTS, 200, "task-7")
    assert entry.query.startswith("id:in=")


def outcome(sandbox: Sandbox, timeout: float = 1.0) -> str:
    """What a client sees of one request."""
    try:
        reply = ask(sandbox, PRODUCTS, headers={"Accept-Encoding": "gzip"}, timeout=timeout)
    except TimeoutError:
        return "timeout"
    except ConnectionResetError:
        return "reset"
    except (http.client.IncompleteRead, http.client.RemoteDisconnected):
        return "cut"
    if reply.headers["Content-Encoding"] == "gzip":
        try:
            unpacker = zlib.decompressobj(31)
            unpacker.decompress(reply.body)
        except zlib.error:
            return "bad gzip"
        return str(reply.status) if unpacker.eof else "short gzip"
    if "html" in reply.headers["Content-Type"]:
        return "html"
    return f"{reply.status}{'' if reply.headers['X-Rate-Limit-Requests-Left'] else ' bare'}"


@pytest.mark.parametrize(("kind", "seen"), [
    ("429", "429"), ("429_bare", "429 bare"), ("500", "500"), ("502", "502"), ("503", "503"), ("504", "504"), ("timeout_before", "timeout"),
    ("timeout_after", "timeout"), ("reset_before", "reset"), ("reset_after", "reset"), ("reset_body", "reset"),
    ("truncated_gzip", "short gzip"), ("html", "html"), ("stall", "timeout"),
])  # fmt: skip
def test_a_planned_fault_hits_as_often_as_planned_and_is_counted(bigcommerce_sandbox: Sandbox, kind: Any, seen: str) -> None:
    bigcommerce_sandbox.store.fail_next(1, kind, match="products", skip=1)
    ask(bigcommerce_sandbox, TIME)

    assert [outcome(bigcommerce_sandbox) for _ in range(3)] == ["200", seen, "200"]
    assert bigcommerce_sandbox.store.faults == {kind: 1}


def test_every_kind_of_fault_is_tested_above() -> None:
    tested = next(mark for mark in test_a_planned_fault_hits_as_often_as_planned_and_is_counted.pytestmark if mark.name == "parametrize")

    assert {case[0] for case in tested.args[1]} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "changed"), [("timeout_before", False), ("timeout_after", True), ("reset_before", False), ("reset_after", True)]
)
def test_a_lost_answer_is_lost_before_or_after_the_store_acted(bigcommerce_sandbox: Sandbox, kind: Any, changed: bool) -> None:
    product = bigcommerce_sandbox.store.rows("products")[0]["id"]
    bigcommerce_sandbox.store.fail_next(1, kind, method="PUT")

    with pytest.raises((TimeoutError, ConnectionResetError)):
        ask(bigcommerce_sandbox, f"{PRODUCTS}/{product}", method="PUT", body={"name": "new name"}, timeout=0.5)

    assert (bigcommerce_sandbox.store.row("products", product)["name"] == "new name") == changed


def test_a_planned_answer_is_sent_as_it_is(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.fail_next(1, "answer", status=418, body=b"\xff\xfe", headers={"X-Tea": "yes"})

    reply = ask(bigcommerce_sandbox, PRODUCTS)
    assert (reply.status, reply.body, reply.headers["X-Tea"]) == (418, b"\xff\xfe", "yes")


def test_faults_are_drawn_by_the_seed_and_retries_succeed() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults(seed, 0.3)
        return [fault.kind if (fault := faults.draw("GET", "/x")) else None for _ in range(2000)]

    draws = drawn(7)
    assert draws == drawn(7) != drawn(8)
    assert set(draws) == {None, *KINDS}
    assert 0.25 < sum(kind is not None for kind in draws) / len(draws) < 0.35


def test_an_unknown_fault_or_rate_is_refused(bigcommerce_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="truncated_gzip"):
        bigcommerce_sandbox.store.fail_next(1, "flood")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ValueError, match="0 to 1"):
        Faults(1, 1.5)


def test_stopping_does_not_wait_for_requests_that_hang() -> None:
    from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer
    from airflow_provider_bigcommerce.sandbox.store import Store

    store = Store(products=1, orders=0, customers=0, tokens={"t": None})
    store.fail_next(1, "timeout_before")
    with ThreadedServer(Server(store)) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /stores/sandbox1/v2/time HTTP/1.1\r\nHost: x\r\nX-Auth-Token: t\r\n\r\n")
        while not store.faults:
            time.sleep(0.01)
    assert store.faults == {"timeout_before": 1}


# -- GraphQL -------------------------------------------------------------------------------------------------------------------------

PAGE = """query Page($after: String) { store { products(first: 25, after: $after) {
  edges { node { ...P } } pageInfo { hasNextPage endCursor } } } } fragment P on Product { id entityId name sku }"""


def graphql(sandbox: Sandbox, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Any:
    return ask(sandbox, "/graphql", method="POST", body={"query": query, "variables": variables or {}}, token=token)


@pytest.mark.bigcommerce_sandbox(products=60)
def test_a_relay_connection_is_walked_to_its_end(bigcommerce_sandbox: Sandbox) -> None:
    found, after = [], None
    while True:
        reply = graphql(bigcommerce_sandbox, PAGE, {"after": after})
        page = reply.json["data"]["store"]["products"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert found == [
        {"id": f"bc/store/product/{row['id']}", "entityId": row["id"], "name": row["name"], "sku": row["sku"]}
        for row in bigcommerce_sandbox.store.rows("products")
    ]
    assert int(reply.headers["x-bc-graphql-complexity"]) == 2 + 25 * 9


def test_graphql_errors_come_as_401_text_at_the_top_or_in_a_payload(bigcommerce_sandbox: Sandbox) -> None:
    refused = graphql(bigcommerce_sandbox, PAGE, token="wrong")
    unknown = graphql(bigcommerce_sandbox, "{ store { products { edges { node { colour } } } } }").json
    broken = graphql(bigcommerce_sandbox, "{ store {").json
    nested = "{ store { products(first: 50) { edges { node { variants(first: 250) { edges { node { id } } } } } } } }"
    many = graphql(bigcommerce_sandbox, nested).json
    payload = graphql(
        bigcommerce_sandbox,
        """mutation { translation { updateTranslations(input: {entities: [{resourceId: "bc/store/product/1", fields: []}]}) {
        errors { __typename ... on EntityNotFoundError { id message } } } } }""",
    ).json

    assert (refused.status, refused.headers["Content-Type"]) == (401, "text/plain")
    assert unknown == {"errors": [{"message": 'Cannot query field "colour" on type "Product".'}]}
    assert "Syntax Error" in broken["errors"][0]["message"]
    assert "too complex" in many["errors"][0]["message"]
    assert payload["data"]["translation"]["updateTranslations"]["errors"] == [
        {"__typename": "EntityNotFoundError", "id": "bc/store/product/1", "message": "Entity not found."}
    ]
