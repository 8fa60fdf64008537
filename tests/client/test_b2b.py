"""The client on B2B Edition's host: what it sends there, its own quota, its refusals, and lists that are read whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    CredentialsError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    TransportError,
)
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import SilentQuota
from tests.listener import Answer, Listener


def credentials_of(sandbox: Sandbox) -> StoreCredentials:
    return StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url, b2b_url=sandbox.url)


def use(sandbox: Sandbox, work: Callable[[BigCommerceStore], Awaitable[Any]], **settings: Any) -> Any:
    async def main() -> Any:
        credentials = credentials_of(sandbox)
        async with BigCommerceStore(credentials, StoreSettings(**settings)) as store:
            return await work(store)

    return run(main())


def read(sandbox: Sandbox, resource: str, **kwargs: Any) -> list[dict[str, Any]]:
    async def work(store: BigCommerceStore) -> list[dict[str, Any]]:
        return [row async for row in store.rows(resource, **kwargs)]

    found: list[dict[str, Any]] = use(sandbox, work)
    return found


def queries(sandbox: Sandbox, path: str) -> list[str]:
    return [request.query for request in sandbox.store.requests if request.path == path]


@pytest.mark.bigcommerce_sandbox(customers=200, orders=200)
@pytest.mark.parametrize("resource", ["b2b_companies", "b2b_users", "b2b_addresses", "b2b_invoices", "b2b_quotes"])
def test_a_list_is_read_whole_and_each_row_once(bigcommerce_sandbox: Sandbox, resource: str) -> None:
    held = bigcommerce_sandbox.store.rows(resource)
    key = next(name for name in ("companyId", "addressId", "quoteId", "id") if name in held[0])
    key = "id" if resource in ("b2b_users", "b2b_invoices") else key if resource != "b2b_addresses" else "addressId"

    found = read(bigcommerce_sandbox, resource)

    assert sorted(row[key] for row in found) == sorted(row[key] for row in held)
    assert len(held) > 30


@pytest.mark.bigcommerce_sandbox(customers=200, orders=200)
def test_a_page_is_as_long_as_the_first_that_came(bigcommerce_sandbox: Sandbox) -> None:
    """200 were asked for, 100 came: the next page begins at 100."""
    invoices = len(bigcommerce_sandbox.store.rows("b2b_invoices"))
    assert 100 < invoices < 200

    assert len(read(bigcommerce_sandbox, "b2b_invoices")) == invoices
    first, *others = queries(bigcommerce_sandbox, "/api/v3/io/ip/invoices")
    assert "offset=0&limit=200" in first
    assert {query.partition("offset=")[2] for query in others} == {"0&limit=100", "100&limit=100"}


@pytest.mark.bigcommerce_sandbox(orders=30)
def test_orders_of_all_years_come_in_a_stable_order(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    store.clock = lambda: 1_900_000_000.0

    assert sorted(row["bcOrderId"] for row in read(bigcommerce_sandbox, "b2b_orders")) == [row["id"] for row in store.rows("orders")]
    assert "minCreated=1&sortBy=createdAt&orderBy=ASC" in queries(bigcommerce_sandbox, "/api/v3/io/orders")[0]


@pytest.mark.parametrize(("resource", "sent"), [("b2b_companies", (100, 200)), ("b2b_users", (99, 201))])
def test_both_ends_of_a_window_are_in_it_whatever_the_filter_does_with_its_second(
    bigcommerce_sandbox: Sandbox, resource: str, sent: tuple[int, int]
) -> None:
    read(bigcommerce_sandbox, resource, since=datetime.fromtimestamp(100, UTC), until=datetime.fromtimestamp(200, UTC))

    [query, *_] = queries(bigcommerce_sandbox, f"/api/v3/io/{resource.removeprefix('b2b_')}")
    assert query.startswith(f"minModified={sent[0]}&maxModified={sent[1]}&")


def test_quotes_are_asked_for_with_the_day_of_their_creation(bigcommerce_sandbox: Sandbox) -> None:
    quotes = [row["quoteId"] for row in bigcommerce_sandbox.store.rows("b2b_quotes")]

    whole = read(bigcommerce_sandbox, "b2b_quote_details")
    some = read(bigcommerce_sandbox, "b2b_quote_details", parent_ids=quotes[:2])

    assert sorted(row["quote_id"] for row in whole) == quotes
    assert sorted(row["quote_id"] for row in some) == quotes[:2]
    assert "date" not in whole[0]


@pytest.mark.bigcommerce_sandbox(customers=20)
def test_shopping_lists_are_asked_for_buyer_by_buyer_and_come_once(bigcommerce_sandbox: Sandbox) -> None:
    async def ids(store: BigCommerceStore) -> list[int]:
        return [row["id"] async for row in store.rows("b2b_shopping_lists")]

    found = use(bigcommerce_sandbox, ids)
    buyer = bigcommerce_sandbox.store.rows("b2b_users")[2]
    own = read(bigcommerce_sandbox, "b2b_shopping_lists", query={"userId": buyer["id"]})

    assert set(found) == {row["id"] for row in bigcommerce_sandbox.store.rows("b2b_shopping_lists")}
    assert buyer["role"] == 2
    assert {row["userId"] for row in own} == {buyer["id"]}
    assert {row["id"] for row in own} == {row["id"] for row in read(bigcommerce_sandbox, "b2b_shopping_lists", parent_ids=[buyer["id"]])}
    with pytest.raises(InvalidQueryError, match="names a parent"):
        read(bigcommerce_sandbox, "b2b_shopping_lists", query={"userId": 1}, parent_ids=[1])


def test_a_store_without_company_credit_has_no_rows_of_it(bigcommerce_sandbox: Sandbox) -> None:
    bigcommerce_sandbox.store.has_company_credit = False

    assert read(bigcommerce_sandbox, "b2b_company_credit") == []
    assert len(read(bigcommerce_sandbox, "b2b_company_payment_terms")) == len(bigcommerce_sandbox.store.rows("b2b_companies"))


@pytest.mark.bigcommerce_sandbox(b2b=False)
def test_a_store_without_b2b_edition_says_so_in_one_sentence(bigcommerce_sandbox: Sandbox) -> None:
    with pytest.raises(PermissionDeniedError, match="The store has no B2B Edition, or the access token lacks its scope") as caught:
        read(bigcommerce_sandbox, "b2b_companies")

    assert caught.value.scopes == ("B2B Edition",)


def test_one_record_and_the_count(bigcommerce_sandbox: Sandbox) -> None:
    company = bigcommerce_sandbox.store.rows("b2b_companies")[0]

    async def work(store: BigCommerceStore) -> Any:
        return (
            await store.get("b2b_companies", company["companyId"]),
            await store.count("b2b_companies"),
            (await store.request("GET", "/api/v3/io/companies", params={"limit": 1})).json()["code"],
        )

    assert use(bigcommerce_sandbox, work) == (company, len(bigcommerce_sandbox.store.rows("b2b_companies")), 200)
    with pytest.raises(NotFoundError, match="answered 404"):
        use(bigcommerce_sandbox, lambda store: store.get("b2b_companies", 7))


@pytest.mark.bigcommerce_sandbox(quota="1000/30", customers=20)
def test_the_documented_quota_is_kept_without_a_header_that_tells_it_and_beside_the_stores(bigcommerce_sandbox: Sandbox) -> None:
    store, now = bigcommerce_sandbox.store, [0.0]
    store.b2b_quota = SilentQuota(150, 60.0, clock=lambda: now[0])

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def main() -> Any:
        credentials = credentials_of(bigcommerce_sandbox)
        async with BigCommerceStore(credentials, StoreSettings(), clock=lambda: now[0], sleep=sleep) as client:
            for _ in range(400):
                await client.request("GET", "/api/v3/io/payments")
            await client.request("GET", "/v2/time")
            return client.stats

    stats = run(main())

    assert stats.throttled == 0
    assert now[0] >= 120  # 400 requests are three windows
    assert (stats.quota, stats.window_seconds) == (1000, 30.0)  # the store's, which was heard last


def test_a_refusal_says_that_the_window_is_used_up_by_others(bigcommerce_sandbox: Sandbox) -> None:
    store, now = bigcommerce_sandbox.store, [0.0]
    store.b2b_quota = SilentQuota(5, 60.0, clock=lambda: now[0])

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def main() -> int:
        credentials = credentials_of(bigcommerce_sandbox)
        async with BigCommerceStore(credentials, StoreSettings(), clock=lambda: now[0], sleep=sleep) as client:
            for _ in range(12):
                await client.request("GET", "/api/v3/io/payments")
            return client.stats.throttled

    assert 1 <= run(main()) <= 4


def with_listener(answer: Any, work: Callable[[BigCommerceStore], Awaitable[Any]]) -> tuple[Any, Listener]:
    with Listener(answer) as server:

        async def main() -> Any:
            credentials = StoreCredentials("abc123", "tok", base_url="https://api.invalid", b2b_url=server.url)
            async with BigCommerceStore(credentials, StoreSettings(max_attempts=1)) as store:
                return await work(store)

        try:
            return run(main()), server
        except BigCommerceError as error:
            return error, server


LIST = {"code": 200, "data": [], "meta": {"message": "SUCCESS", "pagination": {"totalCount": 0, "limit": 10, "offset": 0}}}


def test_the_stores_hash_goes_with_each_request_and_to_its_host_only() -> None:
    _, server = with_listener(Answer.json(LIST), lambda store: store.request("GET", "/api/v3/io/companies"))

    [request] = server.arrived
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert (headers["x-store-hash"], headers["x-auth-token"], request.path) == ("abc123", "tok", "/api/v3/io/companies")


@pytest.mark.parametrize(
    ("location", "is_followed"),
    [
        ("/api/v3/io/companies/roles", True),
        ("/api/v3/other/companies", False),
        ("/stores/abc123/v3/catalog/products", False),
        ("https://api.bigcommerce.com/stores/abc123/v3/customers", False),
        ("/api/v3/io/../../../stores/abc123/v2/orders", False),
    ],
)
def test_a_redirect_stays_below_the_hosts_root(location: str, is_followed: bool) -> None:
    def answer(request: Any) -> Answer:
        return Answer(302, b"", {"Location": location}) if request.path == "/api/v3/io/companies" else Answer.json(LIST)

    found, server = with_listener(answer, lambda store: store.request("GET", "/api/v3/io/companies"))

    assert isinstance(found, Exception) != is_followed
    assert len(server.arrived) == 1 + is_followed


def test_a_refusal_with_status_200_is_no_empty_list() -> None:
    refused = {"code": 403, "data": [], "meta": {"message": "Forbidden"}}

    async def work(store: BigCommerceStore) -> Any:
        return [row async for row in store.rows("b2b_companies")]

    found, _ = with_listener(Answer.json(refused), work)

    assert isinstance(found, PermissionDeniedError)


def test_a_connection_that_leads_elsewhere_sends_nothing_to_bigcommerce_unasked(bigcommerce_sandbox: Sandbox) -> None:
    async def main() -> Any:
        credentials = StoreCredentials("sandbox1", bigcommerce_sandbox.token, base_url=bigcommerce_sandbox.url)
        async with BigCommerceStore(credentials) as store:
            return await store.request("GET", "/api/v3/io/companies")

    with pytest.raises(CredentialsError, match="extra 'b2b_host' does not say where B2B Edition's API is"):
        run(main())
    assert bigcommerce_sandbox.store.requests == []


def test_a_host_that_does_not_answer_is_a_transport_error() -> None:
    with Listener(Answer.json(LIST)) as server:
        url = server.url

    async def main() -> Any:
        credentials = StoreCredentials("abc123", "tok", b2b_url=url)
        async with BigCommerceStore(credentials, StoreSettings(max_attempts=1)) as store:
            return await store.request("GET", "/api/v3/io/companies")

    with pytest.raises(TransportError):
        run(main())
