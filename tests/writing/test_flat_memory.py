"""Stock lies on the disk while it waits. How much memory a million rows take is the benchmark's affair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.writing import stock
from airflow_provider_bigcommerce.writing.stock import StockWriting
from tests.benchmarks.drivers.virtual_store import VirtualLoop, VirtualStore, stands_in_for_the_network
from tests.writing.virtual import MemoryNotes


class Inputs:
    """Rows that are made when they are read."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.rows + 1):
            yield {"sku": f"S{number}", "location_id": 1, "quantity": 7}


def test_rows_are_looked_at_and_sent_some_at_a_time_whatever_the_inputs_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp, "ClientSession", aiohttp.ClientSession)  # put back when this ends
    monkeypatch.setattr(aiohttp, "TCPConnector", aiohttp.TCPConnector)
    rows, store, loop = 210, VirtualStore(rows=210), VirtualLoop()
    stands_in_for_the_network(store)
    looked, sent = list[int](), list[int]()
    learn, carry_out = stock.learn, StockWriting._carry_out

    async def learning(opened: Any, wanted: Any, locations: Any = None) -> Any:
        looked.append(len(wanted))
        return await learn(opened, wanted, locations)

    async def carrying_out(self: StockWriting, queue: Any) -> None:
        sent.append(len(queue))
        await carry_out(self, queue)

    monkeypatch.setattr(stock, "learn", learning)
    monkeypatch.setattr(StockWriting, "_carry_out", carrying_out)

    async def work() -> list[int]:
        credentials = StoreCredentials("abc123", "no-such-token", base_url="http://127.0.0.1:1")
        async with BigCommerceStore(credentials, StoreSettings(), clock=loop.time, sleep=asyncio.sleep) as opened:
            writing = StockWriting(
                opened, MemoryNotes(), mode="absolute", reason="count", confirm_within=60, clock=loop.time, sleep=asyncio.sleep,
                rows_at_once=25, rows_in_hand=50,
            )  # fmt: skip
            return [one.outcome.row for one in await writing.run(Inputs(rows)) if one.outcome.outcome == "updated"]

    try:
        assert loop.run_until_complete(work()) == list(range(rows))
    finally:
        loop.close()
    assert looked == sent == [50, 50, 50, 50, 10]
    assert store.requests["PUT inventory/adjustments/absolute"] == 9
    assert list(store.stock[1:]) == [7] * rows
