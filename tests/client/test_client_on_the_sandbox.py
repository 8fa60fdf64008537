from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.exceptions import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def use(sandbox: Sandbox, work: Callable[[BigCommerceStore], Awaitable[Any]], **settings: Any) -> Any:
    async def main() -> Any:
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings(**settings)) as store:
            return await work(store)

    return run(main())


def read(sandbox: Sandbox, resource: str, **kwargs: Any) -> list[dict[str, Any]]:
    async def work(store: BigCommerceStore) -> list[dict[str, Any]]:
        return [row async for row in store.rows(resource, **kwargs)]

    return use(sandbox, work)  # type: ignore[no-any-return]


def first_id(sandbox: Sandbox, resource: str) -> int:
    return int(next(iter(sandbox.store.rows(resource)))["id"])


SIX = ["products", "product_variants", "brands", "categories", "customers", "orders"]


@pytest.mark.bigcommerce_sandbox(products=700, orders=600, customers=900)
@pytest.mark.parametrize("resource", SIX)
def test_a_full_read_has_every_row_once(bigcommerce_sandbox: Sandbox, resource: str) -> None:
    key = "category_id" if resource == "categories" else "id"
    held = [row[key] for row in bigcommerce_sandbox.store.rows(resource)]

    found = [row[key] for row in read(bigcommerce_sandbox, resource)]

    assert sorted(found) == sorted(held)
    assert len(held) > 10


@pytest.mark.bigcommerce_sandbox(products=1000)
def test_products_whose_ids_have_holes_cost_hardly_more_than_one_request_a_page(bigcommerce_sandbox: Sandbox) -> None:
    read(bigcommerce_sandbox, "products")

    assert 4 <= len(bigcommerce_sandbox.store.requests) <= 5


@pytest.mark.bigcommerce_sandbox(orders=400)
def test_orders_come_with_their_line_items_in_one_request_a_page(bigcommerce_sandbox: Sandbox) -> None:
    orders = read(bigcommerce_sandbox, "orders", query={"include": "consignments.line_items"})

    lines = {order["id"]: sum(len(shipping["line_items"]) for shipping in order["consignments"]["shipping"]) for order in orders}
    assert len(orders) == 400
    assert max(lines.values()) == 50  # BigCommerce embeds no more in a consignment; the transfer and order_products complete it
    assert len(bigcommerce_sandbox.store.requests) <= 4


@pytest.mark.bigcommerce_sandbox(orders=60)
def test_order_products_are_the_same_out_of_their_orders_and_one_by_one(bigcommerce_sandbox: Sandbox) -> None:
    orders = [order["id"] for order in bigcommerce_sandbox.store.rows("orders")]
    embedded = read(bigcommerce_sandbox, "order_products")
    cost = len(bigcommerce_sandbox.store.requests)
    single = read(bigcommerce_sandbox, "order_products", parent_ids=orders)

    assert sorted(row["id"] for row in embedded) == sorted(row["id"] for row in single)
    assert Counter(row["order_id"] for row in embedded) == Counter(row["order_id"] for row in single)
    assert cost <= 8  # a page of orders, two pages of the one order that has 300 lines, and a look behind the end of each list


@pytest.mark.bigcommerce_sandbox(products=60, orders=60, customers=60)
@pytest.mark.parametrize("resource", ["products", "orders", "customers"])
def test_a_window_holds_what_was_changed_in_it(bigcommerce_sandbox: Sandbox, resource: str) -> None:
    store = bigcommerce_sandbox.store
    now = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
    store.clock = now.timestamp
    changes: dict[str, Callable[[], Any]] = {
        "products": lambda: store.edit_product(first_id(bigcommerce_sandbox, "products"), name="Changed"),
        "orders": store.add_order,
        "customers": lambda: store.move_customer(first_id(bigcommerce_sandbox, "customers")),
    }
    changed = changes[resource]()

    found = read(bigcommerce_sandbox, resource, since=now, until=now)

    assert [row["id"] for row in found] == [changed["id"]]
    assert read(bigcommerce_sandbox, resource, since=now + timedelta(seconds=1)) == []


@pytest.mark.bigcommerce_sandbox(products=30, orders=10, customers=20)
def test_counts_agree_with_the_rows(bigcommerce_sandbox: Sandbox) -> None:
    async def work(store: BigCommerceStore) -> list[int]:
        return [await store.count(resource) for resource in SIX]

    assert use(bigcommerce_sandbox, work) == [len(list(bigcommerce_sandbox.store.rows(resource))) for resource in SIX]


@pytest.mark.bigcommerce_sandbox
def test_the_stores_time_is_the_stores(bigcommerce_sandbox: Sandbox) -> None:
    moment = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    bigcommerce_sandbox.store.clock = moment.timestamp

    assert use(bigcommerce_sandbox, lambda store: store.now()) == moment


@pytest.mark.bigcommerce_sandbox(products=5, customers=5, orders=5)
def test_one_row_is_had_by_its_id(bigcommerce_sandbox: Sandbox) -> None:
    async def work(store: BigCommerceStore) -> list[Any]:
        return [(await store.get(resource, key))["id"] for resource, key in wanted.items()]

    wanted = {resource: first_id(bigcommerce_sandbox, resource) for resource in ("products", "customers", "orders")}
    assert use(bigcommerce_sandbox, work) == list(wanted.values())


@pytest.mark.bigcommerce_sandbox(products=5, customers=5, orders=5)
@pytest.mark.parametrize("resource", ["products", "customers", "orders"])
def test_an_id_that_is_none_is_not_found(bigcommerce_sandbox: Sandbox, resource: str) -> None:
    with pytest.raises(NotFoundError):
        use(bigcommerce_sandbox, lambda store: store.get(resource, 999_999))


@pytest.mark.bigcommerce_sandbox(products=5, customers=5, orders=5)
def test_rows_are_created_updated_and_deleted(bigcommerce_sandbox: Sandbox) -> None:
    async def work(store: BigCommerceStore) -> tuple[str, str, int]:
        made = await store.create("brands", {"name": "Made by a test"})
        renamed = await store.update("brands", made["id"], {"name": "Renamed"})
        updated = await store.update("customers", customers[2], {"first_name": "Zoë"})
        await store.delete("customers", ids=customers[:2])
        return renamed["name"], updated["first_name"], await store.count("customers")

    customers = [row["id"] for row in bigcommerce_sandbox.store.rows("customers")]
    assert use(bigcommerce_sandbox, work) == ("Renamed", "Zoë", 3)


@pytest.mark.bigcommerce_sandbox(products=2000, quota="30/3")
def test_a_read_over_several_windows_of_the_quota_is_whole(bigcommerce_sandbox: Sandbox) -> None:
    async def work(store: BigCommerceStore) -> tuple[int, int, float]:
        count = len([row async for row in store.rows("products", query={"limit": 50})])
        return count, store.stats.throttled, store.stats.waited_seconds

    count, throttled, waited = use(bigcommerce_sandbox, work)

    assert (count, waited > 0) == (2000, True)
    assert throttled <= 1  # none on a machine that is not busy; tests/core/test_budget.py shows it on a clock of its own


@pytest.mark.bigcommerce_sandbox(products=1500, fault_rate=0.05)
def test_a_read_through_faults_has_every_row_once(bigcommerce_sandbox: Sandbox) -> None:
    async def work(store: BigCommerceStore) -> tuple[list[int], int]:
        return [row["id"] async for row in store.rows("products", query={"limit": 10})], store.stats.retries

    ids, retries = use(bigcommerce_sandbox, work, timeout=1.0)

    assert ids == [row["id"] for row in bigcommerce_sandbox.store.rows("products")]
    assert retries > 0
