"""Reads through 5% faults of every kind at once end with exactly the rows; an outage that lasts ends in one clear error."""

from __future__ import annotations

import gc
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.exceptions import (
    BigCommerceError,
    RateLimitError,
    ServerError,
    TransportError,
    UnexpectedAnswerError,
)
from airflow_provider_bigcommerce.sandbox.all_routes import listed
from airflow_provider_bigcommerce.sandbox.faults import KINDS, Faults, Kind
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_memory import Airflow
from tests.faults.conftest import QUOTA, Resolver, as_listed, connect, copy, sandbox_program

PRODUCTS = "/v3/catalog/products"
FIELDS = ["name", "sku"]
AS_ASKED = {"include_fields": "id,name,sku,date_modified"}


def by_id(row: dict[str, Any]) -> int:
    key: int = row["id"]
    return key


def digest(rows: list[dict[str, Any]]) -> str:
    """Of all rows, in the order of their ids and with sorted members."""
    found = hashlib.sha256()
    for row in sorted(rows, key=by_id):
        found.update(msgspec.json.encode(row, order="sorted"))
    return found.hexdigest()


def assert_same(lines: list[bytes], expected: list[dict[str, Any]]) -> None:
    """The same rows, each once, whole."""
    found = as_listed(lines)
    assert sorted(map(by_id, found)) == sorted(map(by_id, expected))
    assert digest(found) == digest(expected)


def fewer_than(least: int, counts: Mapping[str, int], kinds: Sequence[str] = KINDS) -> dict[str, int]:
    return {kind: counts.get(kind, 0) for kind in kinds if counts.get(kind, 0) < least}


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_million_rows_through_twenty_of_every_fault(resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox_program("--products", "1000000", "--seed", "2", "--fault-rate", "0.05", "--quota", QUOTA) as program:
        connect(monkeypatch, program.connection, max_concurrency=100)  # 250 seconds of time-outs and stalls, many at a time
        manifest, lines = copy("products", tmp_path, fields=FIELDS, query={"limit": 100})
        counts = program.state()["faults"]

    assert (len(lines), manifest["complete"]) == (1_000_000, True)
    assert_same(lines, listed(Store(seed=2, products=1_000_000, orders=50, customers=50), PRODUCTS, AS_ASKED))
    assert fewer_than(20, counts) == {}
    assert resolver.failures >= 20


@pytest.mark.bigcommerce_sandbox(products=20_000, seed=2, fault_rate=0.05)
def test_products_by_id_ranges_through_every_fault(
    bigcommerce_sandbox: Sandbox, resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigcommerce_sandbox.store.quota = Quota.parse(QUOTA)
    connect(monkeypatch, bigcommerce_sandbox.connection, max_concurrency=100)

    manifest, lines = copy("products", tmp_path, fields=FIELDS, query={"limit": 20})

    assert_same(lines, bigcommerce_sandbox.listed(PRODUCTS, AS_ASKED))
    assert fewer_than(1, bigcommerce_sandbox.store.faults) == {}
    assert resolver.failures >= 1
    assert manifest["complete"]


@pytest.mark.bigcommerce_sandbox(products=6000, seed=2, fault_rate=0.05)
def test_variants_by_page_numbers_through_every_fault(
    bigcommerce_sandbox: Sandbox, resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigcommerce_sandbox.store.quota = Quota.parse(QUOTA)
    connect(monkeypatch, bigcommerce_sandbox.connection, max_concurrency=100)

    manifest, lines = copy("product_variants", tmp_path, query={"limit": 15})

    assert_same(lines, bigcommerce_sandbox.listed("/v3/catalog/variants"))
    assert fewer_than(1, bigcommerce_sandbox.store.faults) == {}
    assert manifest["complete"]


@pytest.mark.bigcommerce_sandbox(orders=1000, seed=2, fault_rate=0.08)
def test_orders_with_their_line_items_through_every_fault(
    bigcommerce_sandbox: Sandbox, resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigcommerce_sandbox.store.quota = Quota.parse(QUOTA)
    connect(monkeypatch, bigcommerce_sandbox.connection, max_concurrency=100)

    _, lines = copy("orders", tmp_path, query={"limit": 2})

    found = {
        order["id"]: sorted(by_id(line) for part in order["consignments"]["shipping"] for line in part["line_items"])
        for order in as_listed(lines)
    }
    orders = [order["id"] for order in bigcommerce_sandbox.listed("/v2/orders")]
    assert found == {order: [line["id"] for line in bigcommerce_sandbox.listed(f"/v2/orders/{order}/products")] for order in orders}
    assert len(lines) == len(orders) == 1000
    assert fewer_than(1, bigcommerce_sandbox.store.faults) == {}


OUTAGES: dict[str, tuple[type[BigCommerceError], str]] = {
    "503": (ServerError, "GET /v3/catalog/variants answered 503"),
    "429_bare": (RateLimitError, "GET /v3/catalog/variants answered 429"),
    "timeout_before": (TransportError, "GET /v3/catalog/variants brought no answer: time-out"),
    "reset_before": (TransportError, "GET /v3/catalog/variants brought no answer: the connection was cut"),
    "html": (UnexpectedAnswerError, "GET /v3/catalog/variants answered something that is not JSON"),
}


@pytest.mark.parametrize("kind", OUTAGES)
@pytest.mark.bigcommerce_sandbox(products=1000)
def test_an_outage_beyond_the_limits_is_one_error_that_says_what_how_long_and_what_to_do(
    bigcommerce_sandbox: Sandbox, kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(monkeypatch, bigcommerce_sandbox.connection, max_attempts=3, timeout=0.3)
    bigcommerce_sandbox.store.fail_next(10**6, kind, skip=20)
    error, what = OUTAGES[kind]

    with caplog.at_level(logging.WARNING), pytest.raises(error, match=re.escape(what)) as raised:
        copy("product_variants", tmp_path, query={"limit": 20})
    gc.collect()

    assert re.search(r"Gave up after 3 attempts and \d+ s of waiting between them \(max_attempts=3, max_wait=900 s", str(raised.value))
    assert str(raised.value).endswith("Let the task try again later: give it retries, and a retry_delay of minutes.")
    assert committed(str(tmp_path), "product_variants") == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith("asyncio")] == []  # no second error, no open session


@pytest.mark.bigcommerce_sandbox(products=1000)
def test_what_came_before_an_outage_is_kept_and_the_retry_reads_the_rest(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, airflow = bigcommerce_sandbox.store, Airflow()
    connect(monkeypatch, bigcommerce_sandbox.connection, max_attempts=3, timeout=0.3, max_concurrency=4)
    store.fail_next(10**6, "timeout_before", skip=60)

    with pytest.raises(TransportError):
        copy("product_variants", tmp_path, airflow.context("r1", "product_variants"), query={"limit": 20})
    store._faults = Faults()  # the outage is over
    store.requests.clear()
    _, lines = copy("product_variants", tmp_path, airflow.context("r1", "product_variants"), query={"limit": 20})

    expected = bigcommerce_sandbox.listed("/v3/catalog/variants")
    assert_same(lines, expected)
    assert len(store.requests) <= len(expected) / 20 - 50


@pytest.mark.bigcommerce_sandbox(products=200)
def test_a_name_that_no_longer_resolves_is_one_error_that_names_it(
    bigcommerce_sandbox: Sandbox, resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, bigcommerce_sandbox.connection, max_attempts=3)
    resolver.outage = 3600.0

    with pytest.raises(TransportError, match=r"the host name could not be resolved \(localhost\).* Gave up after 3 attempts"):
        copy("product_variants", tmp_path)

    assert committed(str(tmp_path), "product_variants") == []
