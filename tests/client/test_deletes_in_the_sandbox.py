"""Deletes against the sandbox: what is named goes, and nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.client.test_client_on_the_sandbox import use


@pytest.mark.bigcommerce_sandbox(products=12)
def test_metafields_are_deleted_in_bulk(bigcommerce_sandbox: Sandbox) -> None:
    product = bigcommerce_sandbox.store.rows("products")[0]["id"]

    async def work(store: BigCommerceStore) -> tuple[list[Any], list[Any]]:
        before = [row["id"] async for row in store.rows("product_metafields")]
        for number in range(12):
            row = {"resource_id": product, "namespace": "n", "key": f"k{number}", "value": "v", "permission_set": "app_only"}
            await store.create("product_metafields", row)
        made = [row["id"] async for row in store.rows("product_metafields") if row["namespace"] == "n"]
        assert len(made) == 12
        await store.delete("product_metafields", ids=made)
        return before, [row["id"] async for row in store.rows("product_metafields")]

    before, after = use(bigcommerce_sandbox, work)

    assert after == before
    deletes = [request for request in bigcommerce_sandbox.store.requests if request.method == "DELETE"]
    assert len(deletes) == 2  # ten, as nothing is published, and two


@pytest.mark.bigcommerce_sandbox(products=12)
def test_a_product_leaves_the_category_that_is_named_and_no_other(bigcommerce_sandbox: Sandbox) -> None:
    async def pairs(store: BigCommerceStore) -> set[tuple[int, int]]:
        return {(row["product_id"], row["category_id"]) async for row in store.rows("product_category_assignments")}

    async def work(store: BigCommerceStore) -> tuple[set[tuple[int, int]], tuple[int, int], set[tuple[int, int]]]:
        products = [row["id"] async for row in store.rows("products")]
        categories = [row["category_id"] async for row in store.rows("categories")]
        for product in products[:2]:
            for category in categories[:2]:
                await store.create("product_category_assignments", {"product_id": product, "category_id": category})
        before = await pairs(store)
        gone = (products[0], categories[0])
        await store.delete("product_category_assignments", ids=[{"product_id": gone[0], "category_id": gone[1]}])
        return before, gone, await pairs(store)

    before, gone, after = use(bigcommerce_sandbox, work)

    assert len(before) >= 4
    assert before - after == {gone}
    assert after < before
