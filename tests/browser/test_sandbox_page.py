"""The sandbox's page for a person, in a real browser: its buttons change the store, and a wrong token changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def said(page: Any, words: str) -> None:
    """Wait until the page says so."""
    page.locator("#said", has_text=words).wait_for()


@pytest.mark.bigcommerce_sandbox(products=3, orders=2, customers=2)
def test_a_person_adds_an_order_edits_and_deletes_a_product(chromium: str, bigcommerce_sandbox: Sandbox) -> None:
    from playwright.sync_api import sync_playwright

    store = bigcommerce_sandbox.store
    first, second = (product["id"] for product in store.rows("products")[:2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{bigcommerce_sandbox.url}/sandbox#wrong")
        page.get_by_role("button", name="Add orders").click()
        said(page, "401")
        assert store.count("orders") == 2

        page.locator("#token").fill(bigcommerce_sandbox.token)
        page.get_by_role("button", name="Add orders").click()
        said(page, '"orders"')
        page.get_by_label("product id", exact=True).fill(str(first))
        page.get_by_label("new name").fill('A "new" name')
        page.get_by_role("button", name="Edit product").click()
        said(page, '"edit_products"')
        page.get_by_label("id of the product to delete").fill(str(second))
        page.get_by_role("button", name="Delete product").click()
        said(page, '"delete"')
        browser.close()

    assert store.count("orders") == 3
    assert {product["id"]: product["name"] for product in store.rows("products")}[first] == 'A "new" name'
    assert second not in {product["id"] for product in store.rows("products")}
