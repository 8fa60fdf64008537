"""Watches a resource for changes, for DAGs that are scheduled on them: one light request a poll, shared by watchers of the same list.

Decides what is a change and what was told before. It never raises and never returns, since Airflow restarts an event trigger that does
either at once and for ever; its events carry ids, a count and a window, never rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_bigcommerce.compat import TriggerState, trigger_state
from airflow_provider_bigcommerce.core.arguments import Checks, filters, mapping, optional, seconds, text
from airflow_provider_bigcommerce.core.conditions import Conditions, check_conditions, meets, top_fields
from airflow_provider_bigcommerce.core.keys import shown_key
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.planning import check_query, resource_of
from airflow_provider_bigcommerce.core.waiting import KeepWaiting, Poller
from airflow_provider_bigcommerce.core.windows import date_filter, moment, written
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.triggers.changes_feed import ChangesFeed, Poll

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Ids in one event. An event is a row in Airflow's database, and a bulk edit can change every product.
MOST_IDS = 500

#: Where nothing was reported, the cursor is stored at most this often: each time is a call to Airflow's API.
CURSOR_EVERY = timedelta(minutes=10)


class Cursor(msgspec.Struct, frozen=True):
    """Up to where a watcher has told, as it is kept."""

    store_hash: str
    until: str

    @property
    def moment(self) -> datetime:
        """``until`` as a datetime."""
        found = moment(self.until, "cursor")
        if found is None:
            raise InvalidQueryError("the cursor is empty.")
        return found


class BigCommerceChangesTrigger(BaseEventTrigger):
    """Fire whenever rows of a resource were changed or added.

    ::

        orders = Asset("changed_orders", watchers=[AssetWatcher(name="poll", trigger=BigCommerceChangesTrigger(resource="orders"))])

        @dag(schedule=[orders])
        def on_orders(): ...

    The event's payload, under ``extra["payload"]`` of the events that ``new_events`` gives (docs/how-to/react-to-new-data.md)::

        {"resource": "orders", "store_hash": "abc123", "since": "2026-03-29T12:00:00Z", "until": "2026-03-29T12:01:00Z",
         "count": 2, "ids": [101, 102], "is_whole": True, "deleted": [], "via": "poll"}

    ``ids`` names at most 500 rows; ``is_whole`` tells whether these are all, and the window how to read the rest. A row is told at
    least once; a deleted row is none. On Airflow 3.3 the end of the last window told is kept in the asset's state, so that a
    restarted triggerer continues from there; below 3.3 it begins at the present, and a daily run should catch what it missed.

    On Airflow 3.3, watchers of the same resource, query, connection and interval, with conditions on the same fields, share one poll.

    :param resource: catalog name of a list with a date filter, such as ``orders``, ``products`` or ``customers``.
    :param query: filters, as BigCommerce names them: ``{"status_id": 11}``.
    :param conditions: on the fields of a row, as in ``BigCommerceResourceSensor``; only rows that meet them are told.
    :param bigcommerce_conn_id: connection id; the connection itself is read at each poll.
    :param poll_interval: seconds between two polls.
    """

    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "query": optional(filters()),
        "conditions": optional(mapping("{'status_id': 11}")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "poll_interval": seconds(is_open=True),
    }

    def __init__(
        self,
        resource: ResourceName | str,
        *,
        query: Query | None = None,
        conditions: Conditions | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        poll_interval: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        given: dict[str, Any] = {"resource": resource, "query": query, "conditions": conditions}
        given |= {"bigcommerce_conn_id": bigcommerce_conn_id, "poll_interval": poll_interval}
        for name, check in self.argument_checks.items():
            check(name, given[name])
        row = resource_of(resource)
        date_filter(row)
        check_query(row, query or {})
        if row.placeholders or row.parent_keys:
            raise InvalidQueryError(f"{resource!r} is a list below each {row.parent}, and there is no one list to watch.")
        self.resource = resource
        self.query = dict(query) if query else None
        self.conditions = check_conditions(conditions or {})
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments; plain values, no secret."""
        return (
            "airflow_provider_bigcommerce.triggers.changes.BigCommerceChangesTrigger",
            {
                "resource": self.resource,
                "query": self.query,
                "conditions": self.conditions,
                "bigcommerce_conn_id": self.bigcommerce_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    # -- as Airflow runs it -----------------------------------------------------------------------------------------------

    def shared_stream_key(self) -> Hashable | None:
        """Watchers that are equal in this share one poll (Airflow 3.3)."""
        query = tuple(sorted((name, str(value)) for name, value in (self.query or {}).items()))
        fields = tuple(sorted(top_fields(self.conditions)))
        return "bigcommerce_changes", self.bigcommerce_conn_id, self.resource, query, fields, self.poll_interval

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Poll, once for all watchers of a key (Airflow 3.3).

        :param kwargs: the arguments of one of them.
        """
        async with contextlib.aclosing(cls(**kwargs).polls()) as polls:
            async for poll in polls:
                yield poll

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """This watcher's events out of the shared polls (Airflow 3.3)."""
        async for event in self.events(shared_stream):
            yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll and tell, for ever, without sharing."""
        async with contextlib.aclosing(self.polls()) as polls:
            async for event in self.events(polls):
                yield event

    # -- what it does -----------------------------------------------------------------------------------------------------

    async def polls(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncGenerator[Poll, None]:
        """Poll after poll; the first one tells the store's time and no rows."""
        feed = self._feed()
        poll: Poll | None = None
        while True:
            poll = await patiently(functools.partial(feed.next, poll), self.poll_interval, sleep)
            yield poll
            await sleep(self.poll_interval)

    async def events(
        self, polls: AsyncIterator[Poll], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> AsyncGenerator[TriggerEvent, None]:
        """The events of polls that may have begun before this watcher, later than it ended last time, or left some out."""
        feed = self._feed()
        kept = told = await patiently(self._read_cursor, self.poll_interval, sleep)
        has_fired = False
        async for poll in polls:
            if told is None or told.store_hash != poll.store_hash:
                if told is not None:
                    log.warning(
                        "%s: the connection %r points to the store %r now, no longer to %r; the watch starts from the present.",
                        self.resource, self.bigcommerce_conn_id, poll.store_hash, told.store_hash,
                    )  # fmt: skip
                kept, told = None, _cursor(poll.store_hash, poll.since)
            # Kept one poll later than it was told: only then is the event surely in Airflow's database.
            if kept is None or has_fired or told.moment - kept.moment >= CURSOR_EVERY:
                kept, has_fired = await self._keep(told) or kept, False
            since, rows = told.moment, poll.rows
            if since < poll.since:
                between = await patiently(functools.partial(feed.between, since, poll.since), self.poll_interval, sleep)
                rows = list({feed.key(row): row for row in [*between, *poll.rows]}.values())
            told = _cursor(poll.store_hash, max(since, poll.until))
            ids = [feed.key(row) for row in rows if meets(row, self.conditions)]
            if ids:
                has_fired = True
                yield TriggerEvent(self._payload(poll, since, ids))  # type: ignore[no-untyped-call]  # Airflow's

    def _feed(self) -> ChangesFeed:
        return ChangesFeed(self.resource, self.query, top_fields(self.conditions), self.bigcommerce_conn_id)

    def _payload(self, poll: Poll, since: datetime, ids: Sequence[Any]) -> dict[str, Any]:
        return {
            "resource": self.resource,
            "store_hash": poll.store_hash,
            "since": written(since),
            "until": written(max(since, poll.until)),
            "count": len(ids),
            "ids": [shown_key(each) for each in ids[:MOST_IDS]],
            "is_whole": len(ids) <= MOST_IDS,
            "deleted": [],
            "via": "poll",
        }

    # -- the cursor -------------------------------------------------------------------------------------------------------

    @property
    def state_key(self) -> str:
        """The cursor's key in the asset's state; watchers of one asset that look for other things have other keys."""
        wanted = json.dumps([self.query, self.conditions], sort_keys=True, default=str)
        return f"changes/{self.bigcommerce_conn_id}/{self.resource}/{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"

    def _state(self) -> TriggerState | None:
        return trigger_state(self)

    async def _read_cursor(self) -> Cursor | None:
        state = self._state()
        if state is None:
            return None
        try:
            value = await state.aget(self.state_key)
            return None if value is None else _checked(msgspec.convert(value, Cursor))
        except (msgspec.ValidationError, InvalidQueryError) as error:
            log.warning("The cursor kept under %r cannot be read (%s); the watch begins at the present.", self.state_key, error)
        except ValueError:  # Airflow's, where one trigger watches several assets: it does not say which state is meant
            log.warning(
                "Several assets have the same BigCommerceChangesTrigger, so its cursor cannot be kept, and a restart begins at the "
                "present. Use one asset for them, or give each trigger another poll_interval."
            )
        return None

    async def _keep(self, cursor: Cursor) -> Cursor | None:
        """Keep the cursor; None where that failed, which only means that a restart tells more again."""
        state = self._state()
        if state is None:
            return cursor
        try:
            await state.aset(self.state_key, msgspec.to_builtins(cursor))
        except Exception as error:  # noqa: BLE001  # an event trigger that raises is restarted at once and for ever
            log.warning("The cursor %r could not be kept (%s).", self.state_key, type(error).__name__)
            return None
        return cursor


async def patiently(action: Callable[[], Awaitable[T]], interval: float, sleep: Callable[[float], Awaitable[None]]) -> T:
    """Do something until it succeeds, with growing pauses."""
    poller = Poller(interval, max_failures=None)
    while True:
        try:
            return await action()
        except Exception as error:  # noqa: BLE001  # an event trigger that raises is restarted at once and for ever
            outcome = poller.on_error(error, now=0.0)
        if isinstance(outcome, KeepWaiting):  # it is: without a deadline and a limit of failures nothing else comes
            log.warning("%s (Trying again in %.0f s.)", outcome.reason, outcome.seconds)
            await sleep(outcome.seconds)


def _cursor(store_hash: str, until: datetime) -> Cursor:
    return Cursor(store_hash, written(until) or "")


def _checked(cursor: Cursor) -> Cursor:
    _ = cursor.moment
    return cursor
