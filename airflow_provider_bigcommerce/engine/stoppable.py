"""Reading from a store inside an operator that can be told to stop: coroutines on the portal, cancelled by ``on_kill``.

Decides nothing about what is read or where it goes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_bigcommerce.client import portal
from airflow_provider_bigcommerce.core.arguments import number
from airflow_provider_bigcommerce.exceptions import BigCommerceError

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

T = TypeVar("T")

#: A share of the store's quota.
QUOTA_SHARE: Final = number(
    0, 1, is_open=True, hint=" 0.25 leaves three quarters to everybody else; leave it out for the connection's own."
)

#: A backfill has time, and the live sync and the merchant's other apps have not. Runs at once stay below it together, as each counts what
#: the others used.
BACKFILL_QUOTA_SHARE = 0.25


class StoppableReading:
    """What a try of a task reads; one coroutine at a time."""

    def __init__(self) -> None:
        self._stop: Callable[[], object] | None = None
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Drop what is under way, from any thread or a signal handler; nothing is read after this."""
        is_first = not self._is_stopped.is_set()
        self._is_stopped.set()
        if self._stop is not None and is_first:  # a second cancellation would disturb the cleanup
            self._stop()

    def run(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine to its end.

        :raises BigCommerceError: it was stopped.
        """

        async def stoppable() -> T:
            task, loop = asyncio.current_task(), asyncio.get_running_loop()
            if task is not None:
                self._stop = partial(loop.call_soon_threadsafe, task.cancel)
            try:
                return await read()
            finally:
                self._stop = None

        try:
            if not self._is_stopped.is_set():
                return portal.run(stoppable())
        except asyncio.CancelledError:
            if not self._is_stopped.is_set():
                raise
        raise _stopped()

    def check(self) -> None:
        """Before something final: fail if the task was told to stop.

        :raises BigCommerceError: it was.
        """
        if self._is_stopped.is_set():
            raise _stopped()

    def store_time(self, hook: BigCommerceHook, last: datetime | None = None) -> datetime:
        """The store's own clock, checked against the worker's: either may be wrong (``core.clocks``).

        :param last: the store's time that the last run used: its watermark.
        :raises ClockError: they contradict each other.
        """

        async def now() -> datetime:
            async with hook.astore() as store:
                return await store.now(last=last)

        return self.run(now)


def store_settings(mode: str, quota_share: float | None, hook: BigCommerceHook) -> dict[str, float]:
    """What a task says about the store in addition to the connection: a backfill takes less of the quota, unless it says how much."""
    if quota_share is None and mode == "backfill":
        quota_share = min(BACKFILL_QUOTA_SHARE, hook.quota_share)
    return {} if quota_share is None else {"quota_share": quota_share}


def _stopped() -> BigCommerceError:
    return BigCommerceError("The task was told to stop. Nothing was committed; a retry reads again.")
