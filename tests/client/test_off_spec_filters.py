"""A request that may send what it likes is warned of parameters that no file has, before it is sent; it is sent all the same."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.planning import unknown_filters
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in CATALOG.items()])
def test_what_the_catalog_has_passes_and_anything_else_is_named(row: Resource) -> None:
    assert unknown_filters("GET", row.path, [*row.parameters, "page", "limit", "after", "before"]) is None

    said = unknown_filters("GET", row.path, [*row.parameters, "colour"])
    assert said is not None
    assert said.startswith(f"{row.name!r} has no published parameter 'colour': ")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v3/customers"), ("GET", "/v3/brand/new/list"), ("GET", "/v4/x"), ("GET", "/")])
def test_nothing_is_said_of_what_is_not_known(method: str, path: str) -> None:
    assert unknown_filters(method, path, ["colour"]) is None


def test_a_filled_path_is_known_and_the_nearest_name_is_told() -> None:
    said = unknown_filters("GET", "/v2/orders", ["min_date_modifed"])

    assert said is not None
    assert "Did you mean 'min_date_modified'" in said
    assert unknown_filters("GET", "/v2/orders/7/products", ["colour"]) is not None


def test_a_name_cannot_fill_the_log() -> None:
    said = unknown_filters("GET", "/v2/orders", [f"{'x' * 10_000}\n{n}" for n in range(50)])

    assert said is not None
    assert len(said) < 1000
    assert "\n" not in said


def test_the_client_warns_and_sends(bigcommerce_sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    credentials = StoreCredentials(bigcommerce_sandbox.store_hash, bigcommerce_sandbox.token, base_url=bigcommerce_sandbox.url)
    with caplog.at_level(logging.WARNING), BlockingStore(BigCommerceStore(credentials)) as store:
        store.request("GET", "/v3/customers", params={"email": "someone@example.com"})
        store.request("GET", "/v3/customers", params={"email:in": "someone@example.com"})

    warnings = [record.getMessage() for record in caplog.records if "published parameter" in record.getMessage()]
    assert len(warnings) == 1
    assert "'email'" in warnings[0]
    assert "someone@example.com" not in caplog.text
    assert len(bigcommerce_sandbox.store.requests) == 2


def test_hook_run_warns_and_sends(connected: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        BigCommerceHook().run("/v3/customers", {"email": "someone@example.com"})
        BigCommerceHook().run("/v3/customers", {"email:in": "someone@example.com"})

    [warning] = [record.getMessage() for record in caplog.records if "published parameter" in record.getMessage()]
    assert "'email'" in warning
    assert "someone@example.com" not in caplog.text
    assert len(connected.store.requests) == 2
