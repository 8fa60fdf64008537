"""A careful person's own loop: asyncio and aiohttp, 16 connections, pages split by ``msgspec.Raw`` and written as JSON lines.

It knows no quota, no retry and no duplicate, and writes pages in the order in which they arrive.
Variants for orders: ``include`` (line items in the list) and ``children`` (one request an order).
"""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

from tests.benchmarks.drivers.measured import Job, drive

CONNECTIONS = 16


class Pagination(msgspec.Struct):
    total_pages: int


class Meta(msgspec.Struct):
    pagination: Pagination


class Listing(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: Meta


class Key(msgspec.Struct):
    id: int


listing = msgspec.json.Decoder(Listing).decode
rows_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
key_of = msgspec.json.Decoder(Key).decode


async def products(job: Job) -> None:
    async with _session() as session:
        with (job.folder / "products.jsonl").open("wb") as file:

            async def read(page: int) -> Listing:
                body = await _get(session, f"{job.store_url}/v3/catalog/products", {"page": page, "limit": 250})
                found = listing(body)
                file.write(b"\n".join(found.data) + b"\n")
                return found

            first = await read(1)
            pages = iter(range(2, first.meta.pagination.total_pages + 1))

            async def work() -> None:
                for page in pages:
                    await read(page)

            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def orders(job: Job) -> None:
    include = {"include": "consignments.line_items", "consignment_structure": "object"} if job.variant == "include" else {}
    keys: list[int] = []
    async with _session() as session:
        with (job.folder / "orders.jsonl").open("wb") as file:
            page, is_last = 0, False
            while not is_last:
                page += 1
                rows = rows_of(await _get(session, f"{job.store_url}/v2/orders", {"page": page, "limit": 250, **include}) or b"[]")
                file.write(b"\n".join((*rows, b"")))
                keys += [key_of(row).id for row in rows]
                is_last = len(rows) < 250
        if include:
            return
        with (job.folder / "lines.jsonl").open("wb") as file:
            waiting = iter(keys)

            async def work() -> None:
                for key in waiting:
                    lines = rows_of(await _get(session, f"{job.store_url}/v2/orders/{key}/products", {"limit": 250}) or b"[]")
                    file.write(b"\n".join((*lines, b"")))

            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"X-Auth-Token": "token"}, connector=aiohttp.TCPConnector(limit=CONNECTIONS))


async def _get(session: aiohttp.ClientSession, url: str, params: dict[str, int | str]) -> bytes:
    async with session.get(url, params={name: str(value) for name, value in params.items()}) as answer:
        answer.raise_for_status()
        return await answer.read()


if __name__ == "__main__":
    drive(lambda job: asyncio.run(products(job) if job.resource == "products" else orders(job)))
