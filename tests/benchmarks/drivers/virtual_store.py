"""A store in this process, for benchmarks of writing: answers come after a latency of virtual time, under a quota, and cost no wire.

Time moves when nothing can go on without it, so that what is measured does not depend on how busy the machine is. The client is ours,
whole, but for the session of aiohttp, whose requests come here. Memory holds a number for each row, whatever is asked for.
"""

from __future__ import annotations

import asyncio
import json
import math
import selectors
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

#: Rows that a page has at most, by what it lists.
_PAGES: Mapping[str, int] = {"products": 250, "records": 1000, "items": 1000}
CURRENCIES = ("usd", "gbp", "eur", "cad")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when nothing else is to do; what goes to a thread is done at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Call it here: a thread's time would be the machine's."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # handed on to whoever awaits
            done.set_exception(error)
        return done


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self._loop.now += timeout
            timeout = 0
        return super().select(timeout)


@dataclass(kw_only=True)
class VirtualStore:
    """Products, price records and stock of so many rows; row ``n`` has the id ``n`` and the SKU ``S<n>``.

    :param rows: how many.
    :param quota: requests in a window, and the window's seconds; None for a store without a limit.
    :param reading: seconds until an answer to a GET; ``writing`` until one to anything else.
    :param at_once: call -> requests of it that may be under way; one more is answered 429.
    """

    rows: int
    quota: tuple[int, float] | None = None
    reading: float = 0.1
    writing: float = 0.25
    at_once: Mapping[str, int] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    cpu: float = 0.0
    first_at: float | None = None
    last_at: float = 0.0

    def __post_init__(self) -> None:
        self.prices = array("d", bytes(8 * (self.rows + 1)))
        self.records = array("d", bytes(8 * (self.rows + 1) * len(CURRENCIES)))
        self.stock = array("l", bytes(8 * (self.rows + 1)))
        self._window_ends, self._sent = 0.0, 0
        self._under_way: Counter[str] = Counter()

    # -- requests

    async def answer(
        self, method: str, path: str, params: Sequence[tuple[str, str]], body: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        loop = asyncio.get_running_loop()
        path = path.partition("/v3/")[2]
        call = f"{method} {'pricelists/records' if path.startswith('pricelists') else path}"
        is_served, headers = self._admit(loop.time())
        self._under_way[call] += 1
        is_crowded = self._under_way[call] > self.at_once.get(call, 10**9)
        try:
            await asyncio.sleep(self.reading if method == "GET" else self.writing)
        finally:
            self._under_way[call] -= 1
        if not is_served or is_crowded:
            self.throttled += 1
            return 429, headers, b'{"status":429,"title":"Too many requests"}'
        self.requests[call] += 1
        self.last_at = loop.time()
        began = time.thread_time()
        try:
            return 200, headers, json.dumps(self._done(method, path, dict(params), body)).encode()
        finally:
            self.cpu += time.thread_time() - began

    def _admit(self, now: float) -> tuple[bool, dict[str, str]]:
        self.first_at = now if self.first_at is None else self.first_at
        if self.quota is None:
            return True, {}
        limit, seconds = self.quota
        if now >= self._window_ends:
            self._window_ends, self._sent = now + seconds, 0
        is_served = self._sent < limit
        self._sent += is_served
        left_ms = max(1, math.ceil((self._window_ends - now) * 1000))
        return is_served, {
            "X-Rate-Limit-Time-Window-Ms": str(int(seconds * 1000)), "X-Rate-Limit-Time-Reset-Ms": str(left_ms),
            "X-Rate-Limit-Requests-Quota": str(limit), "X-Rate-Limit-Requests-Left": str(limit - self._sent),
        }  # fmt: skip

    def _done(self, method: str, path: str, params: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        sent: Any = json.loads(body) if body else None
        if method == "GET":
            return self._listed(path.rpartition("/")[2], params)
        if path == "catalog/products":
            for row in sent:
                self.prices[row["id"]] = row["price"]
            return {"data": [{"id": row["id"]} for row in sent], "meta": {}}
        if path == "inventory/adjustments/absolute":
            for row in sent["items"]:
                self.stock[row["variant_id"]] = row["quantity"]
            return {"transaction_id": "t"}
        if path.startswith("pricelists/"):
            for row in sent:
                self.records[self._record(row["sku"], row["currency"])] = row["price"]
            return {"data": {}, "meta": {}}
        raise AssertionError(f"{method} {path} is not answered here")

    def _record(self, sku: str, currency: str) -> int:
        return int(sku[1:]) * len(CURRENCIES) + CURRENCIES.index(currency.lower())

    def _listed(self, what: str, params: Mapping[str, str]) -> dict[str, Any]:
        if what == "locations":
            return _page([{"id": 1, "code": "MAIN"}], 1, 1)
        ids, is_all = self._asked(params)
        size, page = min(int(params.get("limit", 50)), _PAGES[what]), int(params.get("page", 1))
        make = {"products": self._product, "items": self._item}.get(what)
        if make is not None:
            return _page([make(one) for one in ids[(page - 1) * size : page * size]], len(ids), page, size)
        currencies = tuple(params.get("currency:in", params.get("currency", ",".join(CURRENCIES))).lower().split(","))
        whole = [(one, name) for one in (ids if not is_all else range(1, self.rows + 1)) for name in currencies]
        return _page([self._price(*one) for one in whole[(page - 1) * size : page * size]], len(whole), page, size)

    def _asked(self, params: Mapping[str, str]) -> tuple[Sequence[int], bool]:
        for name, start in (("id:in", 0), ("variant_id:in", 0), ("product_id:in", 0), ("sku:in", 1), ("sku", 1)):
            if name in params:
                return [int(one.strip()[start:]) for one in params[name].split(",")], False
        return range(1, self.rows + 1), True

    def _product(self, one: int) -> dict[str, Any]:
        return {"id": one, "sku": f"S{one}", "price": self.prices[one], "inventory_tracking": "variant", "base_variant_id": None}

    def _item(self, one: int) -> dict[str, Any]:
        place = {"location_id": 1, "total_inventory_onhand": self.stock[one], "settings": {"safety_stock": 0}}
        return {"identity": {"sku": f"S{one}", "variant_id": one, "product_id": one}, "locations": [place]}

    def _price(self, one: int, currency: str) -> dict[str, Any]:
        price = self.records[self._record(f"S{one}", currency)]
        return {"price_list_id": 1, "variant_id": one, "sku": f"S{one}", "currency": currency, "price": price}


def _page(rows: list[dict[str, Any]], total: int, page: int, size: int = 250) -> dict[str, Any]:
    pages = max(1, math.ceil(total / size))
    numbers = {"total": total, "count": len(rows), "per_page": size, "current_page": page, "total_pages": pages}
    return {"data": rows, "meta": {"pagination": numbers}}


class _Answer:
    """What aiohttp's session gives, as far as the client looks at it."""

    def __init__(self, store: VirtualStore, method: str, url: str, params: Sequence[tuple[str, str]], body: bytes | None) -> None:
        self._store, self._method, self.url, self._params, self._sent = store, method, url, params, body

    async def __aenter__(self) -> Self:
        path = urlsplit(str(self.url)).path
        self.status, self.headers, self._body = await self._store.answer(self._method, path, self._params, self._sent)
        self.content_length, self.content = len(self._body), self
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def readany(self) -> bytes:
        body, self._body = self._body, b""
        return body


class _Session:
    def __init__(self, store: VirtualStore) -> None:
        self._store = store

    def request(self, method: str, url: str, *, params: Sequence[tuple[str, str]] = (), data: bytes | None = None, **_: Any) -> _Answer:
        return _Answer(self._store, method, url, params, data)

    async def close(self) -> None:
        pass


def stands_in_for_the_network(store: VirtualStore) -> None:
    """From here on, every session of this process speaks with that store."""
    aiohttp.ClientSession = lambda **_: _Session(store)  # type: ignore[assignment,misc]  # for the process
    aiohttp.TCPConnector = lambda **_: None  # type: ignore[assignment,misc]  # likewise
