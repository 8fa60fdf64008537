"""A lean store for benchmarks: BigCommerce's list shapes, quota and faults, from bytes made beforehand, so that it is never the bottleneck.

It checks no token and keeps no state but counters; whether an answer is right is the sandbox's affair, not this one's.
``python -m tests.benchmarks.page_server`` prints its address and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, fields
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.benchmarks.writers import product

#: Different products; a store of more repeats them under other ids. More than a Parquet row group holds, so that none repeats in one.
DIFFERENT_PRODUCTS = 10_000
#: Blocks of rows kept joined: 10,000 products in pages of 250, and some.
_KEPT_BLOCKS = 64
#: Characters of a description, so that a product has 3.3 KB.
_DESCRIPTION = 1570
_LINES_OF_AN_ORDER = (1, 2, 3, 4)
#: What a store without a limit tells: headers as every other's, and a number that no one reaches.
UNLIMITED = (2**31 - 1, 30.0)
_FAULTS = ("500", "502", "reset", "cut")


@dataclass(slots=True)
class Settings:
    """How the store behaves from now on.

    :param products: how many there are; ids are 1 to this.
    :param orders: likewise.
    :param latency_ms: between a request's arrival and its answer.
    :param quota: requests a window, and the window's seconds, as the answers' headers tell; None for answers without such headers.
    :param fault_rate: share of requests that fail in one of four ways: 500, 502, a connection reset, a body cut in half.
    :param seed: of the faults.
    :param refuses_include: whether orders with ``include`` are answered 400.
    """

    products: int = 10_000
    orders: int = 300
    latency_ms: float = 0.0
    quota: tuple[int, float] | None = None
    fault_rate: float = 0.0
    seed: int = 1
    refuses_include: bool = False


class Store:
    """The rows, the quota's window and the counters."""

    def __init__(self) -> None:
        dice = random.Random(7)
        # A product's bytes behind its id, which stands first.
        rows = [product(number, dice) for number in range(1, DIFFERENT_PRODUCTS + 1)]
        self._tails = [_encoded({**row, "description": f"{str(row['description'])[:_DESCRIPTION]}</p>"}).partition(b",")[2] for row in rows]
        self._blocks: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.apply(Settings())

    def apply(self, settings: Settings) -> None:
        """Take new settings and begin to count anew."""
        self.settings = settings
        self._dice = random.Random(settings.seed)
        self._orders = [_order(number) for number in range(1, settings.orders + 1)]
        self._window_ends = 0.0
        self.requests = self.throttled = self.faults = 0
        self.windows: list[int] = []
        self.first_at = self.last_at = 0.0

    def stats(self) -> dict[str, Any]:
        """What happened since the settings were applied; ``seconds`` from the first to the last request that was not refused."""
        return {
            "requests": self.requests,
            "throttled": self.throttled,
            "faults": self.faults,
            "windows": self.windows,
            "seconds": self.last_at - self.first_at,
        }

    def admit(self) -> tuple[bool, bytes]:
        """Count a request against the quota; whether it is served, and the headers that tell."""
        now = time.monotonic()
        self.requests += 1
        quota = self.settings.quota
        served = True
        headers = b""
        if quota is not None:
            limit, seconds = quota
            if now >= self._window_ends:
                self._window_ends = now + seconds
                self.windows.append(0)
            served = self.windows[-1] < limit
            self.windows[-1] += served
            reset_ms = max(1, math.ceil((self._window_ends - now) * 1000))
            headers = (
                b"X-Rate-Limit-Time-Window-Ms: %d\r\nX-Rate-Limit-Time-Reset-Ms: %d\r\nX-Rate-Limit-Requests-Quota: %d\r\n"
                b"X-Rate-Limit-Requests-Left: %d\r\n" % (int(seconds * 1000), reset_ms, limit, limit - self.windows[-1])
            )
            if not served:
                headers += b"X-Retry-After: %d\r\n" % math.ceil(reset_ms / 1000)
        if served:
            self.first_at = self.first_at or now
            self.last_at = now
        else:
            self.throttled += 1
        return served, headers

    def fault(self) -> str | None:
        """The way in which this request fails, or None."""
        if not self.settings.fault_rate or self._dice.random() >= self.settings.fault_rate:
            return None
        self.faults += 1
        return self._dice.choice(_FAULTS)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, list[bytes]]:
        """Status and body, in pieces."""
        resource = path.split("/stores/", 1)[-1].split("/", 1)[-1]
        if resource == "v3/catalog/products":
            return self._products(query)
        if resource == "v2/products":
            first, last, _ = _span(query, self.settings.products)
            return (200, [b"[", self._rows(first, last), b"]"]) if first <= last else (204, [])
        if resource == "v2/orders/count":
            _, _, found = _span({**query, "limit": "0"}, self.settings.orders)
            return 200, [b'{"count":%d,"statuses":[]}' % found]
        if resource == "v2/orders":
            return self._order_list(query)
        if resource == "v2/time":
            return 200, [b'{"time":%d}' % int(time.time())]
        parts = resource.split("/")
        if parts[:2] == ["v2", "orders"] and parts[3:] == ["products"]:
            _, _, lines = self._orders[int(parts[2]) - 1]
            return (200, [lines]) if query.get("page", "1") == "1" else (204, [])
        return 404, [b'{"status":404,"title":"no such path"}']

    def _products(self, query: dict[str, str]) -> tuple[int, list[bytes]]:
        first, last, found = _span(query, self.settings.products)
        limit, page = int(query.get("limit", 50)), int(query.get("page", 1))
        meta = b'],"meta":{"pagination":{"total":%d,"count":%d,"per_page":%d,"current_page":%d,"total_pages":%d,"links":{}}}}' % (
            found, max(0, last - first + 1), limit, page, math.ceil(found / limit),
        )  # fmt: skip
        return 200, [b'{"data":[', self._rows(first, last) if first <= last else b"", meta]

    def _rows(self, first: int, last: int) -> bytes:
        """Products of these ids, joined by commas."""
        block = self._blocks.get((first, last))
        if block is None:
            tails = self._tails
            block = b",".join([b'{"id":%d,%b' % (key, tails[key % DIFFERENT_PRODUCTS]) for key in range(first, last + 1)])
            self._blocks[first, last] = block
            if len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def _order_list(self, query: dict[str, str]) -> tuple[int, list[bytes]]:
        has_lines = "consignments.line_items" in query.get("include", "")
        if has_lines and self.settings.refuses_include:
            return 400, [b'[{"status":400,"message":"The include parameter is not supported."}]']
        first, last, _ = _span(query, self.settings.orders)
        rows = [with_lines if has_lines else plain for plain, with_lines, _ in self._orders[first - 1 : last]]
        return (200, [b"[", b",".join(rows), b"]"]) if rows else (204, [])


def _span(query: dict[str, str], rows: int) -> tuple[int, int, int]:
    """First and last id of the page that is asked for, and how many rows the filters leave; ids are dense."""
    low = max(1, int(query.get("id:min") or query.get("min_id") or 1))
    high = min(rows, int(query.get("id:max") or query.get("max_id") or rows))
    limit, page = int(query.get("limit", 50)), int(query.get("page", 1))
    first = low + (page - 1) * limit
    return first, min(high, first + limit - 1), max(0, high - low + 1)


def _encoded(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def _order(number: int) -> tuple[bytes, bytes, bytes]:
    """An order as a list shows it, the same with its line items, and the line items alone."""
    stamp = "Wed, 14 Nov 2025 19:26:23 +0000"
    lines = [_line(number, n) for n in range(_LINES_OF_AN_ORDER[number % len(_LINES_OF_AN_ORDER)])]
    address = {
        "first_name": "Ada", "last_name": f"Buyer {number}", "company": "", "street_1": "1 Main Street", "street_2": "", "city": "Austin",
        "state": "Texas", "zip": "78701", "country": "United States", "country_iso2": "US", "phone": "", "email": f"a{number}@example.com",
    }  # fmt: skip
    links = {name: {"url": f"/v2/orders/{number}/{name}", "resource": f"/orders/{number}/{name}"} for name in ("products", "coupons")}
    taxes = ("subtotal", "shipping_cost", "handling_cost", "wrapping_cost", "total")
    order: dict[str, Any] = {
        "id": number, "customer_id": number % 50, "date_created": stamp, "date_modified": stamp, "date_shipped": "", "status_id": 11,
        "status": "Awaiting Fulfillment", **{f"{name}_{kind}": "12.3400" for name in taxes for kind in ("ex_tax", "inc_tax", "tax")},
        "items_total": len(lines), "items_shipped": 0, "payment_method": "Credit Card", "payment_provider_id": None,
        "payment_status": "authorized", "refunded_amount": "0.0000", "order_is_digital": False, "store_credit_amount": "0.0000",
        "gift_certificate_amount": "0.0000", "ip_address": "198.51.100.7", "geoip_country": "United States", "geoip_country_iso2": "US",
        "currency_id": 1, "currency_code": "USD", "currency_exchange_rate": "1.0000000000", "default_currency_id": 1,
        "default_currency_code": "USD", "staff_notes": "", "customer_message": "", "discount_amount": "0.0000", "coupon_discount": "0.0000",
        "shipping_address_count": 1, "is_deleted": False, "ebay_order_id": "0", "cart_id": f"c-{number}", "is_email_opt_in": False,
        "billing_address": {**address, "form_fields": []}, "credit_card_type": None, "order_source": "www", "channel_id": 1, **links,
        "external_source": None, "tax_provider_id": "BasicTaxProvider", "customer_locale": "en", "external_order_id": "",
    }  # fmt: skip
    shipping = {"id": number * 10, **address, "items_total": len(lines), "items_shipped": 0, "form_fields": [], "line_items": lines}
    consignments = {"pickups": [], "shipping": [shipping], "downloads": [], "email": {"gift_certificates": []}}
    return _encoded(order), _encoded({**order, "consignments": consignments}), _encoded(lines)  # type: ignore[arg-type]


def _line(order: int, n: int) -> dict[str, Any]:
    prices = ("base_price", "price_ex_tax", "price_inc_tax", "price_tax", "base_total", "total_ex_tax", "total_inc_tax", "total_tax")
    return {
        "id": order * 10 + n, "order_id": order, "product_id": order % 97 + 1, "variant_id": order % 97 + 10, "order_pickup_method_id": 0,
        "order_address_id": order * 10, "name": f"Steel Bottle {order}", "sku": f"SKU-{order:07}", "upc": "", "type": "physical",
        **dict.fromkeys(prices, "12.3400"), "weight": "1.2500", "width": "1.0000", "height": "1.0000", "depth": "1.0000", "quantity": 1,
        "is_refunded": False, "quantity_refunded": 0, "refund_amount": "0.0000", "return_id": 0, "wrapping_id": 0, "wrapping_name": None,
        "wrapping_message": "", "quantity_shipped": 0, "event_name": None, "fixed_shipping_cost": "0.0000", "option_set_id": None,
        "parent_order_product_id": None, "is_bundled_product": False, "bin_picking_number": "", "external_id": None, "brand": "",
        "applied_discounts": [], "product_options": [], "configurable_fields": [],
    }  # fmt: skip


class Connection(asyncio.Protocol):
    """One client's connection: a request at a time, as HTTP/1.1 clients do without pipelining."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        if target.startswith(b"/_/"):
            self._control(method, head, rest)
            return
        self._buffer = rest
        store = self._store
        served, headers = store.admit()
        fault = store.fault() if served else None
        delay = store.settings.latency_ms / 1000
        if delay:
            asyncio.get_running_loop().call_later(delay, self._answer, target, served, headers, fault)
        else:
            self._answer(target, served, headers, fault)

    def _control(self, method: bytes, head: bytes, body: bytes) -> None:
        """``POST /_/settings`` with JSON of :class:`Settings`; ``GET /_/stats``."""
        if method == b"POST":
            names = {line.partition(b":")[0].lower(): line.partition(b":")[2] for line in head.split(b"\r\n")[1:]}
            if len(body) < int(names.get(b"content-length", b"0")):
                return
            known = {field.name for field in fields(Settings)}
            self._store.apply(Settings(**{name: value for name, value in json.loads(body or b"{}").items() if name in known}))
        self._buffer = b""
        self._send(200, [json.dumps(self._store.stats()).encode()], b"")

    def _answer(self, target: bytes, served: bool, headers: bytes, fault: str | None) -> None:
        if self._transport.is_closing():
            return
        if not served:
            self._send(429, [b'{"status":429,"title":"Too many requests"}'], headers)
        elif fault == "reset":
            self._transport.abort()
        elif fault in ("500", "502"):
            self._send(int(fault), [b'{"status":%b,"title":"fault"}' % fault.encode()], headers)
        else:
            parts = urlsplit(target.decode("ascii"))
            status, body = self._store.answer(unquote(parts.path), dict(parse_qsl(parts.query)))
            self._send(status, body, headers, is_cut=fault == "cut")

    def _send(self, status: int, body: list[bytes], headers: bytes, *, is_cut: bool = False) -> None:
        length = sum(map(len, body))
        content = b"" if status == 204 else b"Content-Type: application/json\r\nContent-Length: %d\r\n" % length
        head = b"HTTP/1.1 %d %b\r\nDate: %b\r\n%b%b\r\n" % (status, b"-", formatdate(usegmt=True).encode(), content, headers)
        if is_cut:
            self._transport.write(head + b"".join(body)[: length // 2])
            self._transport.close()
        else:
            self._transport.writelines([head, *body])


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    store = Store()
    server = await loop.create_server(lambda: Connection(store), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = loop.run_in_executor(None, sys.stdin.read)
    await ended
    server.close()


def main() -> None:
    """Serve until standard input ends."""
    try:
        import uvloop
    except ImportError:  # it is faster with it, and right without
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())


if __name__ == "__main__":
    main()
