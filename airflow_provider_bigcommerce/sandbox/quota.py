"""The store's request quota: a fresh fixed window, opened by the first request, shared by all tokens; and per-endpoint concurrency caps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable


class Quota:
    """Counts requests against a window.

    :param limit: requests a window, or None for no limit.
    :param window: seconds.
    :param clock: a monotonic clock in seconds.
    """

    def __init__(self, limit: int | None = 150, window: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.window, self.clock = limit, window, clock
        self.used = 0
        self._opened: float | None = None

    @classmethod
    def parse(cls, text: str) -> Quota:
        """Read `150/30` (requests / seconds) or `none`.

        :raises ValueError: it is neither.
        """
        if text == "none":
            return cls(None)
        limit, _, window = text.partition("/")
        try:
            quota = cls(int(limit), float(window))
        except ValueError:
            quota = cls(0, 0)
        if not quota.limit or quota.limit < 1 or quota.window <= 0:
            raise ValueError(f"quota is REQUESTS/SECONDS, for example 150/30, or none; got {text!r}")
        return quota

    def _roll(self) -> None:
        if self._opened is not None and self.clock() - self._opened >= self.window:
            self._opened, self.used = None, 0

    def take(self) -> bool:
        """Take one request from the window, opening it where none is open; False where none is left."""
        self._roll()
        if self.limit is not None and self.used >= self.limit:
            return False
        if self._opened is None:
            self._opened = self.clock()
        self.used += 1
        return True

    def exhaust(self) -> None:
        """Use up the window, as other apps of the store would."""
        self._roll()
        if self._opened is None:
            self._opened = self.clock()
        self.used = self.limit or 0

    def headers(self, *, refused: bool = False) -> dict[str, str]:
        """Give the four rate-limit headers, and X-Retry-After (whole seconds) where the request was refused."""
        self._roll()
        window_ms = int(self.window * 1000)
        left_ms = window_ms if self._opened is None else max(1, window_ms - int((self.clock() - self._opened) * 1000))
        limit = 2**31 - 1 if self.limit is None else self.limit
        headers = {
            "X-Rate-Limit-Time-Window-Ms": str(window_ms),
            "X-Rate-Limit-Time-Reset-Ms": str(left_ms),
            "X-Rate-Limit-Requests-Quota": str(limit),
            "X-Rate-Limit-Requests-Left": str(max(0, limit - self.used)),
        }
        if refused:
            headers["X-Retry-After"] = str(-(-left_ms // 1000))
        return headers


# Requests that may run at once; one more is answered 429 with quota left. Source: the text of BigCommerce's specs. A group named `each`
# is counted apart for each value: refunds of one order, not of all.
_CAPS: tuple[tuple[str, str, int], ...] = (
    ("GET|PUT|DELETE", r"/v3/catalog/categories(/\d+)?", 40),
    ("GET", r"/v3/catalog/trees/\d+/categories", 1),
    (".*", r"/v3/promotions(/\d+|/codes)?", 40),
    ("GET", r"/v3/promotions/\d+/codes", 10),
    ("POST|DELETE", r"/v3/promotions/\d+/codes(/\d+)?", 40),
    (".*", r"/v3/promotions/\d+/codegen", 10),
    (".*", r"/v2/customer_groups", 40),
    ("PUT", r"/v3/customers", 3),
    ("POST", r"/v3/customers/addresses", 10),
    ("PUT", r"/v3/customers/addresses", 3),
    ("POST|PUT", r"/v3/customers/attributes", 3),
    ("PUT", r"/v3/customers/attribute-values", 3),
    ("PUT", r"/v3/customers/form-field-values", 10),
    (".*", r"/v3/inventory/locations", 50),
    ("POST|PUT", r"/v3/segments", 10),
    ("POST", r"/v3/segments/[^/]+/shopper-profiles", 10),
    ("GET|POST", r"/v3/pricelists/\d+/records", 10),
    ("PUT", r"/v3/pricelists/\d+/records", 2),
    ("POST", r"/v3/pricelists/records", 10),
    ("PUT", r"/v3/pricelists/records", 1),
    ("GET", r"/v3/pricelists/\d+/records/\d+", 40),
    ("GET", r"/v3/pricelists/\d+/records/\d+/\w+", 50),
    ("PUT", r"/v3/pricelists/\d+/records/\d+/\w+", 40),
    ("DELETE", r"/v3/pricelists/\d+/records/\d+/\w+", 25),
    ("PUT", r"/v3/pricelists/\d+/assignments", 25),
    ("DELETE", r"/v3/pricelists/\d+", 1),
    ("POST", r"/v3/orders/(?P<each>\d+)/payment_actions/refund(s|_quotes)", 1),
)

Ticket = tuple[int, str]
UNCAPPED: Ticket = (-1, "")


class SilentQuota(Quota):
    """A quota of which no answer tells: BigCommerce documents no headers for B2B Edition's."""

    def headers(self, *, refused: bool = False) -> dict[str, str]:  # noqa: ARG002  # the base class's signature
        """Give no headers."""
        return {}


class Concurrency:
    """Counts requests in flight for each capped endpoint."""

    def __init__(self, caps: tuple[tuple[str, str, int], ...] = _CAPS) -> None:
        self._caps = [(re.compile(methods), re.compile(path), most) for methods, path, most in caps]
        self._running: dict[Ticket, int] = {}

    def enter(self, method: str, path: str) -> Ticket | None:
        """Note a request; gives a ticket to hand back to `leave`, or None where the endpoint has its fill."""
        for number, (methods, pattern, most) in enumerate(self._caps):
            found = pattern.fullmatch(path) if methods.fullmatch(method) else None
            if found is not None:
                ticket = (number, found.groupdict().get("each") or "")
                if self._running.get(ticket, 0) >= most:
                    return None
                self._running[ticket] = self._running.get(ticket, 0) + 1
                return ticket
        return UNCAPPED

    def leave(self, ticket: Ticket) -> None:
        """Note that a request ended."""
        if ticket != UNCAPPED:
            self._running[ticket] -= 1
            if not self._running[ticket]:
                del self._running[ticket]
