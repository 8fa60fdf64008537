"""Webhooks on their way: what changes in the store is sent to the hooks that want it, signed, and again where that failed.

Nothing is sent by itself: `deliver` sends what is due at a time that the caller names, so that a test is the clock; a `Courier` does it on
a thread where people use the sandbox. Only loopback addresses are sent to.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import http.client
import ipaddress
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from threading import RLock
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from airflow_provider_bigcommerce.sandbox.channel_events import settings_events
from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Key, Nested, Row, Table
from airflow_provider_bigcommerce.sandbox.webhook_events import covers, events_of

#: Seconds from one try to the next; after the last one the hook is switched off.
RETRIES: tuple[float, ...] = (60, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 50400, 86400)
EXCEPTIONS = "store/hook/deliveryException"
WILL_RETRY, EXHAUSTED, BLOCKED = 90001, 90002, 90003
_WINDOW, _FEWEST, _SHARE, _BLOCK = 120.0, 100, 0.9, 180.0  # a domain's rule: in two minutes, from 100 requests on, 90 %, three minutes
_EXCEPTION_EVERY = 600.0
_IDLE = 90 * 86_400.0


@dataclass(frozen=True)
class Attempt:
    """One try to deliver. `status` is 0 where no answer came, -1 where the domain was blocked and nothing was sent."""

    at: float
    hook_id: Key
    scope: str
    webhook_id: str
    number: int  # 1 for the first
    status: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300


@dataclass(order=True, frozen=True)
class _Waiting:
    at: float
    place: float
    hook_id: Key = field(compare=False)
    scope: str = field(compare=False)
    webhook_id: str = field(compare=False)
    body: bytes = field(compare=False)
    tries: int = field(default=0, compare=False)
    first_at: float = field(default=0.0, compare=False)


@dataclass
class _Domain:
    sent: deque[tuple[float, bool]] = field(default_factory=deque)
    blocked_until: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


class WatchedStore(SeededStore, Protocol):
    """What is asked of a store here."""

    lock: RLock
    clock: Callable[[], float]

    def now(self) -> int:
        """The store's time, in whole epoch seconds."""

    def edit(self, resource: str, row_id: Key, **fields: Any) -> Row:
        """Change fields of a row."""


class Deliveries:
    """What waits, what was tried, and how the way is disturbed. Of one store.

    :param store: whose changes they are.

    `client_secret` signs; without one nothing is signed. `retries` are the pauses between tries. `loss`, `duplication` and `reordering` are
    shares of deliveries that are dropped without a trace, sent twice, or sent after later ones; seeded. `signs_retries_anew` tells whether
    a retry's `webhook-timestamp` is its own; no source tells what BigCommerce does. `timeout` is how long an answer is waited for;
    `parallel` how many are sent at once.
    """

    def __init__(self, store: WatchedStore) -> None:
        self._store = store
        self.client_secret: str | None = None
        self.retries: tuple[float, ...] = RETRIES
        self.loss = self.duplication = self.reordering = 0.0
        self.signs_retries_anew = True
        self.timeout = 15.0
        self.parallel = 1
        self.emails: list[str] = []
        self.mails: list[str] = []
        self.attempts: list[Attempt] = []
        self.lost = 0
        self.woken = threading.Event()
        self._dice = Random(store.seed)
        self._waiting: list[_Waiting] = []
        self._number = 0
        self._domains: dict[str, _Domain] = {}
        self._told_at: dict[str, float] = {}
        self._active_at: dict[Key, float] = {}
        self._is_watching = False

    # -- what happens -----------------------------------------------------------------------------------------------------------

    def watch_hooks(self) -> None:
        """Look at changes of hooks; other tables are looked at from the first hook on that can be delivered to."""
        self._store.tables["webhooks"].watch = self._hook_changed

    def _hook_changed(self, _kind: str, key: Key, _old: Row | None, new: Row | None) -> None:
        if new is None:
            return
        self._active_at[key] = self._store.clock()
        if not self._is_watching and new.get("is_active") and is_loopback(str(new.get("destination", ""))):
            self._is_watching = True
            self.watch_tables()

    def watch_tables(self) -> None:
        """Look at changes of all tables that there are now, where somebody can be told of them."""
        if self._is_watching:
            tables: list[Table | Nested] = [*self._store.tables.values(), *self._store.nested.values()]
            for table in tables:
                if table.name != "webhooks":
                    table.watch = self.changed

    def changed(self, kind: str, key: Key, old: Row | None, new: Row | None) -> None:
        """Tell of a change of a row; the tables do."""
        for scope, data in events_of(kind, key, old, new, self._find):
            if kind == "stock":
                variant = self._store.tables["product_variants"].get(data["variant_id"]) or {}
                data["product_id"] = variant.get("product_id")
            self.emit(scope, data)

    def settings_changed(self, path: str) -> None:
        """Tell of a PUT of settings; the store does."""
        if self._is_watching:
            for scope, data in settings_events(path):
                self.emit(scope, data)

    def _find(self, table: str, key: Any) -> Row | None:
        return self._store.tables[table].get(key)

    def emit(self, scope: str, data: Any) -> None:
        """Let an event happen, whatever the store holds: every active hook that wants it gets it."""
        with self._store.lock:
            now = self._store.clock()
            body = self.body(scope, data)
            for hook in list(self._store.tables["webhooks"].rows()):
                if hook.get("is_active") and covers(hook["scope"], scope) and is_loopback(hook["destination"]):
                    if self.loss and self._dice.random() < self.loss:
                        self.lost += 1
                        continue
                    self._put(hook["id"], scope, body, now)
                    if self.duplication and self._dice.random() < self.duplication:
                        self._put(hook["id"], scope, body, now, webhook_id=self._last_id())
        self.woken.set()

    def body(self, scope: str, data: Any) -> bytes:
        """The bytes of an event, as BigCommerce makes them: its hash is over what it tells."""
        payload = {
            "scope": scope,
            "store_id": "1025646",
            "data": data,
            "created_at": self._store.now(),
            "producer": f"stores/{self._store.store_hash}",
        }
        digest = hashlib.sha1(msgspec.json.encode(payload), usedforsecurity=False).hexdigest()
        return msgspec.json.encode({**payload, "hash": digest})

    def _last_id(self) -> str:
        return f"msg_{self._number:012d}"

    def _put(self, hook_id: Key, scope: str, body: bytes, at: float, *, webhook_id: str | None = None) -> None:
        if webhook_id is None:
            self._number += 1
            webhook_id = self._last_id()
        place = float(self._number)
        if self.reordering and self._dice.random() < self.reordering:
            place += self._dice.uniform(1, 20)  # behind up to twenty that came later
        heapq.heappush(self._waiting, _Waiting(at, place, hook_id, scope, webhook_id, body, 0, at))

    # -- sending ----------------------------------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When the next try is due, in seconds of the store's clock; None where nothing waits."""
        with self._store.lock:
            return self._waiting[0].at if self._waiting else None

    def waiting(self) -> int:
        """How many deliveries wait for a try."""
        return len(self._waiting)

    def deliver(self, now: float | None = None) -> list[Attempt]:
        """Send what is due, retries too; the store's lock is not held while a receiver answers.

        :param now: up to when, in seconds of the store's clock; None for its present.
        :returns: the tries, in the order in which they were due.
        """
        now = self._store.clock() if now is None else now
        done: list[Attempt] = []
        while True:
            with self._store.lock:
                self._forget_idle(now)
                batch: list[tuple[_Waiting, Row]] = []
                while self._waiting and self._waiting[0].at <= now and len(batch) < self.parallel:
                    one = heapq.heappop(self._waiting)
                    hook = self._store.tables["webhooks"].get(one.hook_id)
                    if hook is not None and hook.get("is_active"):
                        batch.append((one, hook))
            if not batch:
                return done
            if len(batch) == 1:
                statuses = [self._send(*batch[0])]
            else:
                with ThreadPoolExecutor(self.parallel) as pool:
                    statuses = list(pool.map(lambda each: self._send(*each), batch))
            with self._store.lock:
                for (one, hook), status in zip(batch, statuses, strict=True):
                    done.append(self._settle(one, hook, status))

    def _send(self, one: _Waiting, hook: Row) -> int:
        domain = self._domains.get(_domain(hook["destination"]))
        if domain is not None and domain.blocked_until > one.at:
            return -1
        signed_at = one.at if self.signs_retries_anew else one.first_at
        headers = {"Content-Type": "application/json", "User-Agent": "bigcommerce-sandbox", **(hook.get("headers") or {})}
        if self.client_secret is not None:
            headers |= signature(self.client_secret, one.webhook_id, int(signed_at), one.body)
        return post(hook["destination"], one.body, headers, self.timeout)

    def _settle(self, one: _Waiting, hook: Row, status: int) -> Attempt:
        """Note what became of a try, and decide what is next."""
        attempt = Attempt(one.at, one.hook_id, one.scope, one.webhook_id, one.tries + 1, status)
        self.attempts.append(attempt)
        newly_blocked = status != -1 and self._count(hook["destination"], attempt)
        if attempt.is_success:
            self._active_at[one.hook_id] = one.at
        elif one.tries >= len(self.retries):
            self._switch_off(hook)
            self._tell(hook, EXHAUSTED, one.at)
        else:
            again = one.at + self.retries[one.tries]
            heapq.heappush(self._waiting, replace(one, at=again, tries=one.tries + 1))
            if status != -1:
                self._tell(hook, WILL_RETRY, one.at)
        if newly_blocked:
            self._tell(hook, BLOCKED, one.at)
        return attempt

    def _count(self, destination: str, attempt: Attempt) -> bool:
        """Count a request for its domain's rule; tells whether that blocked the domain."""
        domain = self._domains.setdefault(_domain(destination), _Domain())
        domain.sent.append((attempt.at, attempt.is_success))
        while domain.sent and domain.sent[0][0] <= attempt.at - _WINDOW:
            domain.sent.popleft()
        if not attempt.is_success:
            domain.reasons["no answer" if attempt.status == 0 else f"status {attempt.status}"] += 1
        good = sum(is_good for _, is_good in domain.sent)
        if len(domain.sent) >= _FEWEST and good < _SHARE * len(domain.sent):
            domain.blocked_until = attempt.at + _BLOCK
            domain.sent.clear()
            return True
        return False

    def _switch_off(self, hook: Row) -> None:
        self._store.edit("webhooks", hook["id"], is_active=False, _deactivated=True)
        self._waiting = [one for one in self._waiting if one.hook_id != hook["id"]]
        heapq.heapify(self._waiting)
        self.mails += [f"{address}: webhook {hook['id']} was deactivated" for address in self.emails]

    def _forget_idle(self, now: float) -> None:
        for hook_id, at in list(self._active_at.items()):
            hook = self._store.tables["webhooks"].get(hook_id)
            if hook is None:
                del self._active_at[hook_id]
            elif hook.get("is_active") and now - at > _IDLE:
                self._switch_off(hook)

    def _tell(self, about: Row, code: int, at: float) -> None:
        """Tell the exception hook, which itself is told of nothing."""
        if about["scope"] == EXCEPTIONS:
            return
        if code == WILL_RETRY:
            last = self._told_at.get(about["destination"])
            if last is not None and at - last < _EXCEPTION_EVERY:
                return
            self._told_at[about["destination"]] = at
        data = {"type": "webhook", "id": about["id"], "destination": about["destination"], "error_code": code}
        for hook in list(self._store.tables["webhooks"].rows()):
            if hook["scope"] == EXCEPTIONS and hook.get("is_active") and is_loopback(hook["destination"]):
                self._put(hook["id"], EXCEPTIONS, self.body(EXCEPTIONS, data), at)

    def blocked_domains(self) -> list[Row]:
        """The domains that are blocked now, as `/v3/hooks/admin` shows them."""
        now = self._store.clock()
        return [
            {
                "destination": name,
                "time_left": int(domain.blocked_until - now),
                "reasons": [
                    {"failure_description": why, "count": count, "timestamp": int(domain.blocked_until - _BLOCK)}
                    for why, count in sorted(domain.reasons.items())
                ],
            }
            for name, domain in sorted(self._domains.items())
            if domain.blocked_until > now
        ]


class Courier:
    """Delivers on a thread of its own, by the store's clock; used as a context manager.

    :param deliveries: what it carries.
    """

    def __init__(self, deliveries: Deliveries, clock: Callable[[], float]) -> None:
        self._deliveries, self._clock = deliveries, clock
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="bigcommerce-sandbox-courier", daemon=True)

    def __enter__(self) -> Courier:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        self._deliveries.woken.set()
        self._thread.join(timeout=self._deliveries.timeout + 5)

    def _run(self) -> None:
        while not self._is_ending:
            self._deliveries.woken.clear()
            self._deliveries.deliver()
            due = self._deliveries.next_at()
            self._deliveries.woken.wait(None if due is None else max(0.0, due - self._clock()))


def signature(secret: str, webhook_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; the key is the client secret's own bytes."""
    text = f"{webhook_id}.{at}.".encode() + body
    digest = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return {"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{digest}"}


def post(destination: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    """Send to a loopback address; the answer's status, 0 where none came."""
    url = urlsplit(destination)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout)
    try:
        connection.request("POST", (url.path or "/") + (f"?{url.query}" if url.query else ""), body, dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError):  # the last: a header that cannot be sent
        return 0
    finally:
        connection.close()


def is_loopback(destination: str) -> bool:
    """Whether a destination is plain http on this machine, the only ones that the sandbox sends to."""
    try:
        url = urlsplit(destination)
        host = url.hostname or ""
        return url.scheme == "http" and url.port != 0 and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _domain(destination: str) -> str:
    return urlsplit(destination).netloc


def scopes_of(attempts: Sequence[Attempt]) -> list[str]:
    """The scopes that were taken, in order: what a test asks for most."""
    return [attempt.scope for attempt in attempts if attempt.is_success]
