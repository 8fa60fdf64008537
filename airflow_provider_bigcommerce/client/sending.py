"""One request: sent, repeated and judged by the rules of ``core``, until it is delivered or hopeless.

The one place with a session. Decides nothing itself: ``core`` says whether a request may be sent now, and what an answer means.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from airflow_provider_bigcommerce.client.certificates import context_of
from airflow_provider_bigcommerce.client.once import Once, once_only
from airflow_provider_bigcommerce.client.settings import ReadStats, StoreSettings
from airflow_provider_bigcommerce.core.budget import Budget, Ticket
from airflow_provider_bigcommerce.core.catalog import Resource, Write
from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.clocks import Heard
from airflow_provider_bigcommerce.core.concurrency import Change, Concurrency, Endpoint, Place
from airflow_provider_bigcommerce.core.credentials import StoreCredentials, is_loopback
from airflow_provider_bigcommerce.core.hosts import Host, host_of
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.outside_text import content_type
from airflow_provider_bigcommerce.core.paths import checked
from airflow_provider_bigcommerce.core.policy import (
    Deliver,
    Fail,
    Fault,
    Limits,
    Wait,
    is_doubtful,
    is_unclear,
    judge,
    quota_too_late,
    sign_of,
)
from airflow_provider_bigcommerce.core.reading import NoListError
from airflow_provider_bigcommerce.core.redaction import redacted
from airflow_provider_bigcommerce.core.redirects import Refused, next_url
from airflow_provider_bigcommerce.core.whole_collection import require_part
from airflow_provider_bigcommerce.exceptions import (
    InvalidQueryError,
    LongWaitError,
)

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Bytes of an answer that are taken before it is read on. Pages are read whole, so that stopping every 64 KiB, aiohttp's default,
#: only costs: 10% of the CPU of a read (measured on pages of 0.8 MB).
_READ_BUFFER = 2**20
#: Seconds between two lines that say the same, where a read waits for the quota again and again.
_RARELY = 300.0
#: Seconds after which a task that gave its slot back comes again at the latest, whatever a header says: then it asks again.
_COME_AGAIN = 3600.0
_DIGITS = re.compile(r"/\d+")




@dataclass(frozen=True, slots=True)
class _Line:
    """How one host is reached, and what is left of its quota.

    :param before: what stands before a path in a URL.
    :param root: what all its URLs begin with.
    :param headers: in addition to those of the session.
    """

    host: Host
    before: str
    root: str
    headers: Mapping[str, str]
    proxy: str | None
    budget: Budget


class Sender:
    """One request at a time under all rules together: quota, requests at once, repeats, redirects; a context manager with a session.

    :param credentials: the store and its token.
    :param settings: how to talk to it.
    :param clock: monotonic seconds, for the quota's window.
    :param sleep: waits that many seconds.
    :param random: a number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        credentials: StoreCredentials,
        settings: StoreSettings,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._clock, self._sleep, self._random = clock, sleep, random
        self._lines: dict[str, _Line] = {}
        self._limits = Limits(self._settings.max_attempts, self._settings.max_wait)
        self._answered = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._concurrency = Concurrency(self._settings.max_concurrency)
        self._waiting: deque[tuple[Endpoint, asyncio.Future[Place]]] = deque()
        self._told_until, self._told_quota = 0.0, 0
        self._delivered_at = clock()
        self._sleeping, self._slept_since = 0, 0.0
        #: What the answers said of the store's time.
        self.heard = Heard()
        self._good: set[str] = set()  # endpoints that have answered well
        self.stats = ReadStats()

    async def __aenter__(self) -> Self:
        settings = self._settings
        tls: ssl.SSLContext | bool = bool(settings.verify)
        # Where the connection names no host of B2B Edition, it is BigCommerce's own with BigCommerce's own store, and none with others.
        if isinstance(settings.verify, str) and "https:" in self._credentials.store_url + (self._credentials.b2b_url or ""):
            tls = await context_of(settings.verify)
        headers = {"X-Auth-Token": self._credentials.access_token, "Accept": "application/json", "User-Agent": settings.user_agent}
        if settings.correlation_id:
            headers["X-Correlation-Id"] = settings.correlation_id
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=settings.max_concurrency, ssl=tls),
            timeout=aiohttp.ClientTimeout(
                total=settings.total_timeout, sock_connect=min(settings.timeout, 30.0), sock_read=settings.timeout
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_READ_BUFFER,
            # Not trust_env: it sends the host's entry of ~/.netrc as Authorization. The hook looks up the environment's proxy instead.
            trust_env=False,
            trace_configs=[once_only()],
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def send(
        self,
        request: Request,
        parse: Callable[[Response], T],
        *,
        resource: Resource | None = None,
        write: Write | None = None,
        whole_collection: bool = False,
        takes: Collection[int] = (),
    ) -> T:
        """One request until it is delivered or judged hopeless; ``parse`` belongs to the attempt, because a cut body is a fault.

        :param write: the call that the request is, where the caller knows; else it is looked up by method and path.
        :param takes: statuses of refusals that ``parse`` reads, in the place of an error.
        :raises UnclearWriteError: it may have been carried out, and a second sending could do it twice.
        """
        checked(request.path)
        line = self._line(request.path)
        require_part(request.method, request.path, request.params, request.body, whole_collection=whole_collection)
        write = write or (None if request.changes_nothing else operation_of(request.method, request.path))
        concurrency = write.concurrency if write else (resource.concurrency if resource and request.method == "GET" else None)
        scopes = () if resource is None else resource.modify_scopes if write else resource.read_scopes
        path = write.path if write else resource.path if resource else _DIGITS.sub("/{id}", request.path)
        endpoint = self._concurrency.endpoint(request.method, path, concurrency)
        attempt, waited, may_doubt, was_unclear = 1, 0.0, True, False
        while True:
            place, outcome = await self._enter(endpoint), None
            try:
                outcome = await self._attempt(request, place, waited)
            finally:
                self._leave(place, outcome, request)
            doubted = may_doubt and is_doubtful(request, outcome, has_any=bool(self._good), has_same=path in self._good)
            may_doubt = may_doubt and not doubted
            verdict = judge(
                request,
                outcome,
                attempt=attempt,
                waited=waited,
                limits=self._limits,
                random=self._random,
                scopes=scopes,
                is_doubted=doubted,
                write=write,
                was_unclear=was_unclear,
            )
            if isinstance(verdict, Fail) and isinstance(outcome, Response) and outcome.status in takes:
                self._delivered_at = self._clock()
                return parse(outcome)
            if isinstance(verdict, Deliver) and isinstance(outcome, Response):
                if outcome.status >= 400:  # a 404 that says "deleted": the answer that an earlier attempt lost
                    outcome = Response(204, outcome.headers, b"")
                try:
                    delivered = parse(outcome)
                    self._delivered_at = self._clock()
                    self._good.add(path)
                    return delivered
                except msgspec.DecodeError as error:
                    is_empty = isinstance(error, NoListError)
                    detail = str(error) if is_empty else content_type(outcome.headers.get("content-type"))
                    fault = Fault("empty" if is_empty else "not_json", detail)
                    outcome = fault
                    verdict = judge(request, fault, attempt=attempt, waited=waited, limits=self._limits, random=self._random, write=write)
            if isinstance(verdict, Fail):
                raise redacted(verdict.error, self._credentials.secrets)
            if isinstance(verdict, Deliver):
                raise TypeError("a fault cannot be delivered")
            was_unclear = was_unclear or is_unclear(outcome)
            self._tell(request, line, verdict)
            self._require_patience(verdict.seconds)
            if not verdict.is_quota:
                attempt += 1
                self.stats.retries += 1
            waited += verdict.seconds
            self.stats.waited_seconds += verdict.seconds
            await self._wait(verdict.seconds)

    async def _enter(self, endpoint: Endpoint) -> Place:
        """Wait, in the order of arrival, until one more request to the endpoint may be under way."""
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((endpoint, turn))
        self._let_in()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was let in at the moment in which it was given up
                self._concurrency.leave(turn.result(), "none", self._clock())
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Let those in for whom there is room; the others stay in their order."""
        now, concurrency = self._clock(), self._concurrency
        for entry in [*self._waiting]:
            endpoint, turn = entry
            if turn.done():
                self._waiting.remove(entry)
            elif concurrency.has_room(endpoint, now):
                self._waiting.remove(entry)
                turn.set_result(concurrency.enter(endpoint))

    def _leave(self, place: Place, outcome: Response | Fault | None, request: Request) -> None:
        change = self._concurrency.leave(place, sign_of(outcome), self._clock())
        if change is not None:
            self._tell_change(request, change)
        self._let_in()

    def _line(self, path: str) -> _Line:
        """The way to the host that a path belongs to.

        :raises CredentialsError: the connection does not say where that is.
        """
        host = host_of(path)
        line = self._lines.get(host.name)
        if line is None:
            credentials, settings = self._credentials, self._settings
            before = credentials.before(host)
            # A proxy would take the token off this machine, and has another machine behind the name.
            proxy = settings.b2b_proxy if host.is_optional else settings.proxy
            line = self._lines[host.name] = _Line(
                host=host,
                before=before,
                root=credentials.root(host),
                headers={host.hash_header: credentials.store_hash} if host.hash_header else {},
                proxy=None if is_loopback(urlsplit(before).hostname or "") else proxy,
                budget=Budget(settings.quota_share, quota=host.quota, window_seconds=host.window_seconds),
            )
        return line

    async def _attempt(self, request: Request, place: Place, waited: float) -> Response | Fault:
        """Wait for the quota, send once, follow redirects below the same store only."""
        if self._session is None:
            raise RuntimeError("The store is not open: use 'async with hook.astore() as store' (or 'with hook.store() as store').")
        settings, line = self._settings, self._line(request.path)
        url = line.before + request.path
        params: Sequence[tuple[str, str]] = request.params
        followed = 0
        while True:
            ticket = await self._admit(request, line, waited)
            headers: Mapping[str, str] | None = None
            is_refused = False
            try:
                async with self._session.request(
                    request.method,
                    url,
                    params=params,
                    data=request.body,
                    headers={**line.headers, **({"Content-Type": "application/json"} if request.body is not None else {})},
                    allow_redirects=False,
                    proxy=line.proxy,
                    trace_request_ctx=None if request.changes_nothing else Once(),
                ) as answer:
                    place.latency = self._clock() - ticket.sent_at
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    is_refused = answer.status == 429
                    self.heard.hear(headers.get("date", ""), datetime.now(UTC))
                    body = await _body(answer, settings.max_answer_bytes)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                return _fault(error, settings)
            finally:
                line.budget.receive(ticket, headers, self._clock(), is_refused=is_refused)
                self._learned(line.budget)
            if body is None:
                return Fault("too_large", f"{settings.max_answer_bytes:,} bytes")
            self.stats.bytes += len(body)
            if not body and request.method != "HEAD" and (headers.get("content-encoding") or headers.get("content-length", "0") != "0"):
                return Fault("cut", "a compressed answer without content")  # not an empty list: its body was lost on the way
            response = Response(answer.status, headers, body)
            if response.status == 429:
                self.stats.throttled += 1
            target = next_url(
                request.method, response.status, headers.get("location"), url=str(answer.url), store_url=line.root, followed=followed
            )
            if target is None:
                return response
            if isinstance(target, Refused):
                return Fault("endless" if target.is_endless else "redirect", target.why)
            url, params, followed = target, (), followed + 1

    async def _admit(self, request: Request, line: _Line, waited: float) -> Ticket:
        """Wait until the host's quota lets one request through; no longer than ``max_wait`` for a store that sends nothing meanwhile.

        :param waited: seconds that the request has waited already.
        """
        began = self._clock()
        while (delay := line.budget.delay(self._clock())) > 0:
            self._answered.clear()
            if delay == float("inf"):
                await self._answered.wait()
                continue
            self._require_patience(delay)  # who may come again later need not fail
            idle = self._clock() - max(began, self._delivered_at)
            if waited + idle + delay > self._limits.max_wait:
                raise quota_too_late(request, delay, waited=waited + idle, limits=self._limits)
            self._tell_quota(line, delay)
            started = self._clock()
            await self._wait(delay)
            self.stats.waited_seconds += self._clock() - started
        self.stats.requests += 1
        return line.budget.send(self._clock())

    async def _wait(self, seconds: float) -> None:
        """Sleep; a time in which several requests do so counts once."""
        if not self._sleeping:
            self._slept_since = self._clock()
        self._sleeping += 1
        try:
            await self._sleep(seconds)
        finally:
            self._sleeping -= 1
            if not self._sleeping:
                self.stats.waiting_seconds += self._clock() - self._slept_since

    def _require_patience(self, seconds: float) -> None:
        """Refuse a wait for which the caller does not want to hold its place."""
        idle, patience = self._clock() - self._delivered_at, self._settings.hand_back_after
        if patience is not None and idle + seconds > patience:
            raise LongWaitError(
                f"The store has sent nothing for {idle:.0f} s and will be asked again in {seconds:.0f} s; hand_back_after={patience:g} s "
                "allows no longer wait.",
                seconds=min(seconds, _COME_AGAIN),
            )

    def _learned(self, budget: Budget) -> None:
        self._answered.set()
        self.stats.quota, self.stats.quota_left = budget.quota, budget.left
        self.stats.window_seconds = budget.window_seconds

    def _tell(self, request: Request, line: _Line, verdict: Wait) -> None:
        if verdict.is_quota:
            self._tell_quota(line, verdict.seconds)
        else:
            log.info("%s %s: %s; trying again in %.1f s.", request.method, request.path, verdict.reason, verdict.seconds)

    def _tell_change(self, request: Request, change: Change) -> None:
        log.warning(
            "%s %s: %s. At most %d requests at once go there from now on, not %d, and slowly more again while its answers are good.",
            request.method, request.path, change.why, change.now, change.before,
        )  # fmt: skip

    def _tell_quota(self, line: _Line, seconds: float) -> None:
        """One line a window, not one a waiting request; a warning where it is others that use the quota up.

        A read that continues for many windows says it less and less often.
        """
        now, budget = self._clock(), line.budget
        if now < self._told_until or seconds < 1 or (budget.left and seconds < 5):
            return
        self._told_until = now + max(seconds, min(seconds * 2**self._told_quota, _RARELY))
        self._told_quota = min(self._told_quota + 1, 10)
        quota, share = budget.quota or 0, self._settings.quota_share
        ours, others = budget.used_by_us, budget.used_by_others
        part = f"; quota_share={share:g} leaves {int(quota * share)} to this task" if share < 1 else ""
        advice = ""
        if others > ours:
            advice = (
                " Nothing is broken: this task continues, slower. The others are tasks or apps with an API account of this store. "
                "Run them at another time, or give your own ones a lower quota_share in their connection."
            )
        whose = f"{line.host.title}'s" if line.host.is_optional else "the store's"
        log.log(
            logging.WARNING if advice else logging.INFO,
            "Our part of %s quota is used up: it grants %d requests in %g s to all apps and tasks together%s. In this "
            "window we sent %d and others about %d. Waiting %.0f s for the next window.%s",
            whose, quota, budget.window_seconds or 0, part, ours, others, seconds, advice,
        )  # fmt: skip


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The decompressed body; None where it has more bytes than are taken, of which the rest is not read."""
    if (answer.content_length or 0) > most:
        return None
    parts: list[bytes] = []
    size = 0
    while part := await answer.content.readany():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _fault(error: Exception, settings: StoreSettings) -> Fault:
    """What happened to an attempt, from aiohttp's exception; the detail names no header and no query."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Fault("dns", error.host)
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError, aiohttp.ClientSSLError)):
        reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        return Fault("tls", getattr(reason, "verify_message", "") or type(reason).__name__)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Fault("timeout", "no connection", was_sent=False)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Fault("timeout")
    if isinstance(error, TimeoutError):
        return Fault("timeout", f"no whole answer in total_timeout={settings.total_timeout:g} s")
    if isinstance(error, aiohttp.InvalidURL):
        raise InvalidQueryError("The connection's API base URL or the path does not make a URL.") from None
    if isinstance(error, aiohttp.ClientConnectorError):
        return Fault("refused", error.os_error.strerror or "")
    return Fault("cut", type(error).__name__)
