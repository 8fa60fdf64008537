"""Work that is done only while a resource of a store is this task's to write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.writing.claims import BEAT

T = TypeVar("T")


class Held(Protocol):
    """What says that the resource is this task's: :class:`~airflow_provider_bigcommerce.writing.claims.Lease`."""

    @property
    def is_fresh(self) -> bool:
        """Whether nobody else can have taken it."""

    def beat(self) -> None:
        """Say that it is still held."""


async def while_held(lease: Held, work: Coroutine[Any, Any, T], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> T:
    """Do the work, and break it off where the lease is lost: what was under way is settled by the next try.

    :param sleep: waits that many seconds.
    :raises ConcurrentRunError: another task has taken the lease.
    :raises DestinationError: the lease could not be touched for so long that another may have taken it.
    """
    working, beating = asyncio.ensure_future(work), asyncio.ensure_future(_beat(lease, sleep))
    try:
        await asyncio.wait((working, beating), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await beating  # raises why it ended
        return await working
    finally:
        for task in (working, beating):
            task.cancel()
        await asyncio.gather(working, beating, return_exceptions=True)


async def _beat(lease: Held, sleep: Callable[[float], Awaitable[None]]) -> None:
    while True:
        await sleep(BEAT)
        try:
            await asyncio.to_thread(lease.beat)
        except DestinationError:
            if not lease.is_fresh:
                raise
