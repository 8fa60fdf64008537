"""Waits in the triggerer until rows of a resource match. Sends reads only; its event carries counts and messages, never rows.

All that it needs is in its arguments, the end of the wait as a date among them, so a triggerer that restarts continues with it.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bigcommerce.core.arguments import Checks, filters, integer, mapping, one_id, optional, seconds, text, when
from airflow_provider_bigcommerce.core.conditions import Conditions, check_conditions, meets
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.waiting import Done, Failed, KeepWaiting, Outcome, Poller, TimedOut, is_permanent
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.triggers.looking import LOOK_SETTINGS, Sought, look

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName


class BigCommerceResourceTrigger(BaseTrigger):
    """Fire once, when rows match, when the wait fails or when its time is over.

    The event: ``{"status": "done", "rows": 3}``, ``{"status": "failed", "message": ..., "is_permanent": ...}`` or
    ``{"status": "timed_out", "message": ...}``.

    :param resource: catalog name or path of a list.
    :param id: the one row to look at, or None for the list.
    :param query: filters, as BigCommerce names them.
    :param at_least: rows that must match.
    :param conditions: on the fields of a row: ``{"status_id": 11, "total_inc_tax": (">=", 100)}``.
    :param bigcommerce_conn_id: connection id; the connection itself is read at each look.
    :param poke_interval: seconds between two looks.
    :param end_time: when the wait ends, an aware datetime or ISO-8601 text; None for never.
    :param max_failures: failed looks in a row that end the wait.
    """

    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "id": optional(one_id()),
        "query": optional(filters()),
        "at_least": integer(1),
        "conditions": optional(mapping("{'status_id': 11}")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
        "poke_interval": seconds(),
        "end_time": optional(when()),
        "max_failures": integer(1),
    }

    def __init__(
        self,
        *,
        resource: ResourceName | str,
        id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
        query: Query | None = None,
        at_least: int = 1,
        conditions: Conditions | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        poke_interval: float = 60.0,
        end_time: datetime | str | None = None,
        max_failures: int = 10,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.resource = resource
        self.id = id
        given: dict[str, Any] = {"resource": resource, "id": id, "query": query, "at_least": at_least, "conditions": conditions}
        given |= {"bigcommerce_conn_id": bigcommerce_conn_id, "poke_interval": poke_interval, "end_time": end_time}
        for name, check in self.argument_checks.items():
            check(name, {**given, "max_failures": max_failures}[name])
        self.query = dict(query) if query else None
        self.at_least = at_least
        self.conditions = check_conditions(conditions or {})
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.poke_interval = poke_interval
        self.max_failures = max_failures
        self.end_time = datetime.fromisoformat(end_time) if isinstance(end_time, str) else end_time

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments; plain values, no secret."""
        return (
            "airflow_provider_bigcommerce.triggers.resource.BigCommerceResourceTrigger",
            {
                "resource": self.resource,
                "id": self.id,
                "query": self.query,
                "at_least": self.at_least,
                "conditions": self.conditions,
                "bigcommerce_conn_id": self.bigcommerce_conn_id,
                "poke_interval": self.poke_interval,
                "end_time": self.end_time.isoformat() if self.end_time else None,
                "max_failures": self.max_failures,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the wait ends."""
        async for event in self.watch():
            yield event

    async def watch(
        self, clock: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> AsyncGenerator[TriggerEvent, None]:
        """As :meth:`run`, by that clock.

        :param clock: seconds since 1970, since the end of the wait outlives this process.
        :param sleep: waits that many seconds.
        """
        is_match = functools.partial(meets, conditions=self.conditions) if self.conditions else None
        sought = Sought(self.resource, self.id, self.query, self.at_least, is_match)
        deadline = self.end_time.timestamp() if self.end_time else None
        poller = Poller(self.poke_interval, deadline=deadline, max_failures=self.max_failures)
        while True:
            rows, outcome = await look_once(self.bigcommerce_conn_id, sought, poller, clock)
            if isinstance(outcome, KeepWaiting):
                told = outcome.reason or f"{rows} rows match, {self.at_least} wanted"
                self.log.info("%s; looking again in %.0f s", told, outcome.seconds)
                await sleep(outcome.seconds)
                continue
            yield TriggerEvent(event_of(outcome, rows))  # type: ignore[no-untyped-call]  # Airflow's
            return


async def look_once(conn_id: str, sought: Sought, poller: Poller, clock: Callable[[], float]) -> tuple[int, Outcome]:
    """Look at the store once: how many rows match, and what that means for the wait."""
    try:
        sought.check()
        async with BigCommerceHook(conn_id).astore(**LOOK_SETTINGS) as store:
            rows = await look(store, sought)
    except BigCommerceError as error:
        return 0, poller.on_error(error, now=clock())
    return rows, poller.on_look(is_met=rows >= sought.at_least, now=clock())


def event_of(outcome: Done | Failed | TimedOut, rows: int) -> Mapping[str, Any]:
    """The event's payload: it is stored, shown and logged in clear, so it holds a count and sentences of ours only."""
    match outcome:
        case Done():
            return {"status": "done", "rows": rows}
        case Failed(error, message):
            return {"status": "failed", "message": message, "is_permanent": is_permanent(error)}
        case TimedOut(message):
            return {"status": "timed_out", "message": message}
