"""The sandbox and the client can disagree: each of these mistakes, put into a catalog row or into the client, makes a check fail.

The checks hold what the client reads against what the sandbox, written from BigCommerce's specs and not from our catalog, says it holds.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.client import walking
from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core import budget, fan_out, id_ranges, paging, policy, reading, windows
from airflow_provider_bigcommerce.core.catalog import CATALOG, DateFilter, Embedded
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.reading import Listing
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.sandbox.all_routes import listed
from airflow_provider_bigcommerce.sandbox.faults import Faults
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer
from airflow_provider_bigcommerce.sandbox.store import Store

TOKEN = "token-of-the-seeded-defects"


class Shop:
    """A running sandbox and what a client finds in it."""

    def __init__(self, url: str, store: Store) -> None:
        self.url, self.store = url, store

    def use(self, work: Callable[[BigCommerceStore], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            credentials = StoreCredentials(self.store.store_hash, TOKEN, base_url=self.url)
            async with BigCommerceStore(credentials, StoreSettings(max_attempts=2, timeout=5.0)) as store:
                return await work(store)

        return run(main())

    def read(self, name: str, **kwargs: Any) -> list[dict[str, Any]]:
        async def work(store: BigCommerceStore) -> list[dict[str, Any]]:
            return [row async for row in store.rows(name, **kwargs)]

        found: list[dict[str, Any]] = self.use(work)
        return found


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    quota, faults = Quota.parse("none"), Faults(1, 0)
    store = Store(seed=1, products=120, orders=60, customers=300, tokens={TOKEN: None}, quota=quota, faults=faults, db=None)
    with ThreadedServer(Server(store)) as server:
        yield Shop(server.url, store)


def same(found: list[dict[str, Any]], held: list[dict[str, Any]]) -> None:
    """Rows are compared as a whole, in any order, each as often as it is there."""
    texts = [sorted(json.dumps(row, sort_keys=True) for row in rows) for rows in (found, held)]
    assert texts[0] == texts[1]


def whole(name: str, path: str, *, limit: int | None = None) -> Callable[[Shop], None]:
    def check(shop: Shop) -> None:
        same(shop.read(name, query={"limit": limit} if limit else None), listed(shop.store, path))

    return check


def window_of(name: str) -> Callable[[Shop], None]:
    def check(shop: Shop) -> None:
        before = shop.store.clock
        moment = datetime(2031, 5, 6, 13, 14, 15, tzinfo=UTC)
        shop.store.clock = moment.timestamp
        try:
            key = next(iter(shop.store.rows(name)))["id"]
            shop.store.edit(name, key)
            shop.store.clock = (moment + timedelta(hours=1)).timestamp
            assert [row["id"] for row in shop.read(name, since=moment, until=moment)] == [key]
        finally:
            shop.store.clock = before

    return check


def line_items(shop: Shop) -> None:
    orders = [order["id"] for order in listed(shop.store, "/v2/orders")]
    held = [line for order in orders for line in listed(shop.store, f"/v2/orders/{order}/products")]
    same(shop.read("order_products"), held)


def line_items_one_by_one(shop: Shop) -> None:
    orders = [order["id"] for order in listed(shop.store, "/v2/orders")]
    held = [line for order in orders for line in listed(shop.store, f"/v2/orders/{order}/products")]
    same(shop.read("order_products", parent_ids=orders, query={"limit": 50}), held)


def customer_by_id(shop: Shop) -> None:
    key = shop.store.rows("customers")[3]["id"]
    assert shop.use(lambda store: store.get("customers", key))["id"] == key


def listings_with_their_channel(shop: Shop) -> None:
    channels = [row["id"] for row in listed(shop.store, "/v3/channels")]
    held = [{**row, "channel_id": channel} for channel in channels for row in listed(shop.store, f"/v3/channels/{channel}/listings")]
    same(shop.read("channel_listings", query={"limit": 7}), held)


def metafields_with_their_product(shop: Shop) -> None:
    products = [row["id"] for row in shop.store.rows("products")]
    path = "/v3/catalog/products/{}/metafields"
    held = [{"product_id": product, **row} for product in products for row in listed(shop.store, path.format(product))]
    same(shop.read("product_metafields_by_product", parent_ids=products), held)


def number_of_orders(shop: Shop) -> None:
    assert shop.use(lambda store: store.count("orders")) == len(listed(shop.store, "/v2/orders"))


def within_the_quota(shop: Shop) -> None:
    async def work(store: BigCommerceStore) -> int:
        async for _ in store.pages("products", query={"limit": 4}):
            pass
        return store.stats.throttled

    before, shop.store.quota = shop.store.quota, Quota.parse("8/0.4")
    try:
        assert shop.use(work) == 0
    finally:
        shop.store.quota = before


def through_a_server_error(shop: Shop) -> None:
    shop.store.fail_next(1, "500", match="/v3/catalog/brands")
    same(shop.read("brands"), listed(shop.store, "/v3/catalog/brands"))


@contextmanager
def changed(name: str, **fields: Any) -> Iterator[None]:
    """A catalog row with other facts; rows are frozen for everybody else."""
    row = CATALOG[name]
    before = {field: getattr(row, field) for field in fields}
    for field, value in fields.items():
        object.__setattr__(row, field, value)
    try:
        yield
    finally:
        for field, value in before.items():
            object.__setattr__(row, field, value)


@contextmanager
def patched(owner: Any, attribute: str, value: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, attribute, value)
        yield


def dates(name: str, since: str) -> DateFilter:
    found = CATALOG[name].modified
    assert found is not None
    return replace(found, since=since)


def a_gap_between_ranges(walk: id_ranges.IdRanges) -> Any:
    request = PLAN_RANGE(walk)
    if walk._next_id is not None and request is not None:
        walk._next_id += 2
    return request


def first_page_of_children(walk: fan_out.FanOut, request: Any, listing: Listing) -> paging.Step:
    return replace(ABSORB_CHILDREN(walk, request, listing), follow=())


def without_the_last_row(request: Any, response: Any, **kwargs: Any) -> Listing:
    listing = READ_LISTING(request, response, **kwargs)
    return Listing(listing.records[:-1], listing.meta)


def the_first_cursor_again(walk: paging.Cursors, request: Any, listing: Listing) -> paging.Step:
    about = listing.meta.cursor_pagination
    if about is not None and listing.records:
        about.end_cursor = FIRST_CURSORS.setdefault(id(walk), about.end_cursor)
    return ABSORB_CURSOR(walk, request, listing)


def seconds_for_milliseconds(headers: Mapping[str, str], name: str) -> float | None:
    number = HEADER_NUMBER(headers, name)
    return number / 1000 if number is not None and name == "x-rate-limit-time-reset-ms" else number


PLAN_RANGE, ABSORB_CHILDREN = id_ranges.IdRanges.next_request, fan_out.FanOut.absorb
ABSORB_CURSOR, READ_LISTING, HEADER_NUMBER = paging.Cursors.absorb, reading.read_listing, reading.header_number
FIRST_CURSORS: dict[int, str | None] = {}

PRODUCTS = whole("products", "/v3/catalog/products", limit=20)
VARIANTS = whole("product_variants", "/v3/catalog/variants", limit=30)
ORDERS = whole("orders", "/v2/orders", limit=10)
CUSTOMERS = whole("customers", "/v3/customers", limit=40)
BRANDS = whole("brands", "/v3/catalog/brands")
CATEGORIES = whole("categories", "/v3/catalog/trees/categories")

#: What is wrong, the check that must notice it, and how it is put in.
DEFECTS: dict[str, tuple[Callable[[Shop], None], Callable[[], Any]]] = {
    "V2's filter on a V3 list": (window_of("products"), lambda: changed("products", modified=dates("products", "min_date_modified"))),
    "V3's filter on a V2 list": (window_of("orders"), lambda: changed("orders", modified=dates("orders", "date_modified:min"))),
    "creation date for change date": (
        window_of("customers"),
        lambda: changed("customers", modified=dates("customers", "date_created:min")),
    ),
    "a bare date in a filter": (window_of("products"), lambda: patched(windows, "in_format", lambda value, wire: f"{value:%Y-%m-%d}")),
    "a list taken for one page": (VARIANTS, lambda: changed("product_variants", paging="single")),
    "a cursor list taken for one page": (CUSTOMERS, lambda: changed("customers", paging="single")),
    "a keyset list read by page": (listings_with_their_channel, lambda: changed("channel_listings", paging="v3_page")),
    "a page larger than allowed": (whole("brands", "/v3/catalog/brands"), lambda: changed("brands", page_size=500)),
    "the wrong direction": (PRODUCTS, lambda: changed("products", sort_by_id={"sort": "id", "direction": "desc"})),
    "bounds exchanged": (ORDERS, lambda: changed("orders", id_min="max_id", id_max="min_id")),
    "a bound the list does not know": (ORDERS, lambda: changed("orders", id_min="id:min", id_max="id:max")),
    "an envelope where there is none": (ORDERS, lambda: changed("orders", envelope="data")),
    "no envelope where there is one": (CATEGORIES, lambda: changed("categories", envelope="bare")),
    "a path with a typing error": (BRANDS, lambda: changed("brands", path="/v3/catalog/brand")),
    "an id filter with a typing error": (customer_by_id, lambda: changed("customers", id_in="ids")),
    "the count of another list": (number_of_orders, lambda: changed("orders", count_path="/v2/customers/count")),
    "embedded lines taken for all": (
        line_items,
        lambda: changed("order_products", embedded=Embedded("consignments.line_items", ("consignments.shipping.line_items",))),
    ),
    "another field for the parent's key": (line_items, lambda: changed("order_products", parent_keys={"order_id": "customer_id"})),
    "a gap between ranges of ids": (PRODUCTS, lambda: patched(id_ranges.IdRanges, "next_request", a_gap_between_ranges)),
    "a swapped cursor": (CUSTOMERS, lambda: patched(paging.Cursors, "absorb", the_first_cursor_again)),
    "children's first page only": (line_items_one_by_one, lambda: patched(fan_out.FanOut, "absorb", first_page_of_children)),
    "the last row of a page dropped": (BRANDS, lambda: patched(walking, "read_listing", without_the_last_row)),
    "no parent's key on the rows": (
        metafields_with_their_product,
        lambda: patched(fan_out, "with_columns", lambda records, columns: records),
    ),
    "seconds for milliseconds": (within_the_quota, lambda: patched(budget, "header_number", seconds_for_milliseconds)),
    "a server error given up at once": (through_a_server_error, lambda: patched(policy, "RETRYABLE_STATUSES", frozenset())),
}


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _ in DEFECTS.values()), ids=lambda check: getattr(check, "__name__", ""))
def test_without_a_defect_the_check_holds(shop: Shop, check: Callable[[Shop], None]) -> None:
    check(shop)


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_makes_its_check_fail(shop: Shop, name: str) -> None:
    check, put_in = DEFECTS[name]

    with put_in(), pytest.raises((AssertionError, BigCommerceError, KeyError, msgspec.DecodeError)):
        check(shop)


def test_there_are_twenty_defects_or_more() -> None:
    assert len(DEFECTS) >= 20
