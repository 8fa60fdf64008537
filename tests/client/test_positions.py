"""A read that stopped goes on from the position of its last page: once for each way in which the client reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore, Page
from airflow_provider_bigcommerce.core.credentials import StoreCredentials

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

IDS = {"order_ids": lambda sandbox: [row["id"] for row in sandbox.store.rows("orders")]}

#: Way of reading -> resource, and arguments that make its pages small.
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "id ranges": ("products", {"query": {"limit": 7}}),
    "id ranges of V2": ("orders", {"query": {"limit": 7}}),
    "cursors": ("customers", {"query": {"limit": 7}}),
    "keyset below parents": ("channel_listings", {"query": {"limit": 7}}),
    "page numbers": ("brands", {"query": {"limit": 4}}),
    "page numbers of V2": ("redirects_v2", {"query": {"limit": 2}}),
    "ids in many requests": ("products", {"query": {"limit": 50, "id:in": [*range(1, 4000)]}}),
    "carried by parents": ("product_images", {"parent_query": {"limit": 7}}),
    "carried by parents, with some asked for": ("order_products", {"parent_query": {"limit": 7}}),
    "by parent": ("order_taxes", {"query": {"limit": 20}, "parent_query": {"limit": 7}}),
    "by chosen parents": ("order_taxes", {"parent_ids": "order_ids"}),
    "one list for the whole store": ("product_variants_by_product", {}),
}


#: What is read until its order or a second pass has shown that it is whole goes back to the beginning of that list.
GO_BACK = {"page numbers of V2", "ids in many requests", "carried by parents, with some asked for", "by parent", "by chosen parents"}


def pages(sandbox: Sandbox, resource: str, arguments: dict[str, Any], start: dict[str, Any] | None = None) -> list[Page]:
    arguments = {name: IDS[value](sandbox) if value in IDS else value for name, value in arguments.items() if isinstance(value, str)} | {
        name: value for name, value in arguments.items() if not isinstance(value, str)
    }

    async def work() -> list[Page]:
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings(max_concurrency=4)) as store:
            return [page async for page in store.pages(resource, start=start, **arguments)]

    return run(work())


def rows(found: list[Page]) -> list[bytes]:
    return [bytes(record) for page in found for record in page.records]


@pytest.mark.bigcommerce_sandbox(products=120, orders=60, customers=60)
@pytest.mark.parametrize("way", WAYS)
def test_a_read_goes_on_behind_any_page(bigcommerce_sandbox: Sandbox, way: str) -> None:
    resource, arguments = WAYS[way]
    whole = pages(bigcommerce_sandbox, resource, arguments)
    everything = rows(whole)
    assert len(whole) > 2, "the pages of this test are to be small"

    for stop in (1, len(whole) // 2, len(whole) - 1, len(whole)):
        position = json.loads(json.dumps(whole[stop - 1].position))
        resumed = pages(bigcommerce_sandbox, resource, arguments, position)
        again, behind = rows(resumed), rows(whole[stop:])
        assert again[len(again) - len(behind) :] == behind, position
        assert {*rows(whole[:stop]), *again} == {*everything}
        assert len(json.dumps(position)) < 300
        totals = {page.total for page in (*whole, *resumed)} - {None}
        assert len(totals) <= 1, "the total stays that of the whole list"
    assert way in GO_BACK or len(again) < len(everything) // 2 + 1, "the last position is behind most of the list"


@pytest.mark.bigcommerce_sandbox(orders=20)
def test_chosen_parents_that_are_others_now_are_all_read(bigcommerce_sandbox: Sandbox) -> None:
    ids = IDS["order_ids"](bigcommerce_sandbox)
    first = pages(bigcommerce_sandbox, "order_taxes", {"parent_ids": ids[:6]})

    resumed = pages(bigcommerce_sandbox, "order_taxes", {"parent_ids": ids[6:]}, dict(first[-1].position or {}))

    assert rows(resumed) == rows(pages(bigcommerce_sandbox, "order_taxes", {"parent_ids": ids[6:]}))


@pytest.mark.bigcommerce_sandbox(orders=5)
def test_a_parent_that_is_named_twice_is_read_twice(bigcommerce_sandbox: Sandbox) -> None:
    first = IDS["order_ids"](bigcommerce_sandbox)[0]

    once, twice = (rows(pages(bigcommerce_sandbox, "order_products", {"parent_ids": [first] * times})) for times in (1, 2))

    assert twice == once * 2
