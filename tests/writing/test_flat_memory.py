"""Stock lies on the disk while it waits: memory does not grow with the input. A million rows are the benchmark's affair."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from airflow_provider_bigcommerce.client.sending import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.writing.stock import StockWriting
from tests.benchmarks.drivers.virtual_store import VirtualLoop, VirtualStore, stands_in_for_the_network
from tests.writing.virtual import MemoryNotes


class NoNotes(MemoryNotes):
    """Notes that go to the disk elsewhere."""

    def add(self, note: Any) -> None:
        """Keep nothing."""


class Inputs:
    """Rows that are made when they are read."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.rows + 1):
            yield {"sku": f"S{number}", "location_id": 1, "quantity": 7}


def written(rows: int) -> tuple[int, VirtualStore]:
    """Peak of traced bytes, and the store, of so many rows in parts of a hundred."""
    store, loop = VirtualStore(rows=rows), VirtualLoop()
    stands_in_for_the_network(store)

    async def work() -> int:
        credentials = StoreCredentials("abc123", "no-such-token", base_url="http://127.0.0.1:1")
        async with BigCommerceStore(credentials, StoreSettings(), clock=loop.time, sleep=asyncio.sleep) as opened:
            writing = StockWriting(
                opened, NoNotes(), mode="absolute", reason="count", confirm_within=60, clock=loop.time, sleep=asyncio.sleep,
                rows_at_once=50, rows_in_hand=100,
            )  # fmt: skip
            tracemalloc.start()
            try:
                ended = await writing.run(Inputs(rows))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        assert [one.outcome.row for one in ended if one.outcome.outcome == "updated"] == list(range(rows))
        return peak

    try:
        return loop.run_until_complete(work()), store
    finally:
        loop.close()


def test_four_times_the_rows_take_no_more_memory_and_go_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp, "ClientSession", aiohttp.ClientSession)  # put back when this ends
    monkeypatch.setattr(aiohttp, "TCPConnector", aiohttp.TCPConnector)
    written(200)  # what is loaded once

    (few, _), (many, store) = written(300), written(1_200)

    assert many < 1.3 * few
    assert store.requests["PUT inventory/adjustments/absolute"] == 24
    assert list(store.stock[1:]) == [7] * 1_200
