"""What `airflow-bigcommerce estimate` tells of a first copy, held against that copy."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.reading import CursorPagination, Meta, Pagination
from airflow_provider_bigcommerce.engine.estimating import Estimate, Estimator, Quota
from airflow_provider_bigcommerce.engine.paper_list import MOST_ROWS, Facts, requests_of
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

#: One of each way that a list is read: ranges of ids, page numbers, cursors, keys, one answer, within parents, by parent, of many parents
#: at once, below two parents.
COUNTED = (
    "orders", "order_products", "products", "product_images", "customers", "brands", "channel_listings", "product_metafields", "coupons",
    "store_information", "price_list_records", "product_tax_properties", "product_options", "b2b_companies",
)  # fmt: skip
SAMPLED = ("order_coupons", "order_shipping_quotes")


def estimates(names: tuple[str, ...]) -> dict[str, Estimate]:
    async def ask() -> dict[str, Estimate]:
        async with BigCommerceHook().astore(max_concurrency=1) as store:
            estimator = Estimator(store, datetime.now(UTC))
            return {name: await estimator.estimate(name) for name in names}

    return asyncio.run(ask())


def first_copy(sandbox: Sandbox, name: str, path: Path) -> tuple[int, int]:
    """Requests and rows of the task that copies it first."""
    sandbox.store.requests.clear()
    copy = BigCommerceToObjectStorageOperator(task_id=name, resource=name, path=str(path), mode="incremental", file_format="jsonl")
    return copy.execute({})["rows"], len(sandbox.store.requests)


@pytest.mark.usefixtures("connected")
@pytest.mark.bigcommerce_sandbox(products=40, orders=28, customers=24)
def test_it_tells_requests_and_rows_of_a_first_copy_within_a_tenth(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    store = bigcommerce_sandbox.store
    for product in store.rows("products")[10:25]:  # ids with holes
        store.delete("products", product["id"])
    told = estimates((*COUNTED, *SAMPLED))
    asked = len(store.requests)

    real = {name: first_copy(bigcommerce_sandbox, name, tmp_path) for name in (*COUNTED, *SAMPLED)}

    off = {
        name: (told[name], rows, requests)
        for name, (rows, requests) in real.items()
        if abs((told[name].requests or 0) - requests) > max(1, requests / 10)
    }
    assert off == {}
    assert {name: told[name].rows for name in COUNTED} == {name: real[name][0] for name in COUNTED}
    assert {name for name in told if told[name].notes} == set(SAMPLED)
    assert asked < sum(requests for _, requests in real.values())


@pytest.mark.usefixtures("connected")
@pytest.mark.bigcommerce_sandbox(products=5, orders=5, customers=5)
def test_bytes_are_those_of_the_stores_json(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    told = estimates(("products", "customers"))
    for name, each in told.items():
        first_copy(bigcommerce_sandbox, name, tmp_path)
        size = sum(path.stat().st_size for path in (tmp_path / name).rglob("*.jsonl"))
        assert each.bytes is not None
        assert abs(each.bytes - size) < 0.1 * size + 300, (name, each.bytes, size)


async def walked(resource: str, rows: int, meta: Meta, first: int | None = 1, last: int | None = None, page: int | None = None) -> int:
    return await requests_of(CATALOG[resource], {}, Facts(rows, first, last or rows, meta, page), 20)


V3 = Meta(Pagination(total=1, count=1, per_page=1, current_page=1, total_pages=1))
CURSOR = Meta(None, CursorPagination(count=1, per_page=1, end_cursor="x"))


async def test_on_paper_a_list_costs_its_pages_and_what_proves_its_end() -> None:
    assert await walked("products", 10_000, V3) in (40, 41)
    assert await walked("brands", 2_500, V3) == 13  # ten pages; the first and the last prove that it stood still
    assert await walked("customers", 10_000, CURSOR) == 42  # an answer that names no next page is asked twice
    assert await walked("order_statuses", 15, Meta()) <= 3
    assert await walked("products", 0, V3) <= 3


async def test_on_paper_a_page_that_the_store_cuts_costs_more_requests() -> None:
    assert await walked("brands", 1_000, V3, page=50) == 22  # twenty pages, and the end again


async def test_a_list_longer_than_paper_costs_in_proportion() -> None:
    whole = await walked("products", 2 * MOST_ROWS, V3)
    assert abs(whole - 2 * MOST_ROWS / 250) <= 4


async def test_ids_with_holes_cost_as_many_requests_as_ranges_that_hold_a_page() -> None:
    dense, sparse = await walked("products", 10_000, V3), await walked("products", 10_000, V3, last=50_000)
    assert dense < sparse < 1.5 * dense


@pytest.mark.parametrize(
    ("requests", "share", "minutes"), [(150, 1.0, 0.0), (151, 1.0, 0.5), (1_500, 1.0, 4.5), (1_500, 0.5, 9.5), (0, 1.0, 0.0)]
)
def test_minutes_are_the_windows_that_the_requests_need_but_the_last(requests: int, share: float, minutes: float) -> None:
    assert Quota(150, 30.0).minutes(requests, share) == minutes


# -- the command ------------------------------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(connected: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "estimate", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.mark.bigcommerce_sandbox(products=5, orders=5, customers=5, quota="150/30")
def test_the_command_tells_the_quota_and_what_it_cost_itself(run: Run, connected: Sandbox) -> None:
    status, out, _ = run("products", "orders", "products")
    sent = len(connected.store.requests)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["products", "orders"]
    assert "at least 0.0 minutes at the store's quota (150 requests in 30 s)" in out
    assert f"This estimate took {sent} requests." in out

    status, out, _ = run("products", "--json", "--quota-share", "0.5")
    told = json.loads(out)
    assert (status, told["quota"]) == (0, {"requests": 150, "seconds": 30.0, "share": 0.5})
    assert told["requests"] == told["resources"][0]["requests"] == 2


@pytest.mark.bigcommerce_sandbox(products=5, orders=5, customers=5)
def test_what_the_token_may_not_read_is_told_and_the_rest_is_estimated(
    run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.store.add_token("products-only", {"store_v2_products_read_only"})
    extra = {**connected.connection["extra"], "access_token": "products-only"}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connected.connection, "extra": extra}))
    status, out, _ = run("customers", "products", "--json")
    customers, products = json.loads(out)["resources"]
    assert status == 0
    assert (customers["requests"], customers["notes"][0][:10]) == (None, "not known:")
    assert products["requests"] == 2


@pytest.mark.parametrize("name", ["ordrs", "abandoned_carts"])
def test_a_resource_that_no_copy_takes_is_a_wrong_usage(run: Run, name: str) -> None:
    status, out, err = run(name)
    assert (status, out) == (2, "")
    assert name in err
