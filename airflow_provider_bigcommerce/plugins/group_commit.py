"""Many deliveries, one commit: each waits until the transaction that holds it is committed.

One event for each delivery would be thousands of rows that no task can start over, and four times the work; an answer before the commit
would lose what was answered where the process is killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Deliveries that may wait at once; more are refused at once, so that a database that hangs does not fill the memory.
MOST_WAITING = 5000


class NotCommittedError(Exception):
    """The batch could not be committed; whoever sent it must send it again."""


class GroupCommit(Generic[T]):
    """Gathers items for a moment, and commits them together.

    :param commit: commits a batch; blocking, called in a thread, never twice at once.
    :param window: seconds in which items are gathered.
    :param sleep: waits on the loop.
    :param run: calls a blocking function in a thread.
    """

    def __init__(
        self,
        commit: Callable[[list[T]], None],
        window: float,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        run: Callable[..., Awaitable[Any]] = run_in_threadpool,
    ) -> None:
        self._commit, self._window, self._sleep, self._run = commit, window, sleep, run
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._count = 0

    async def add(self, item: T) -> None:
        """Have an item committed; returns when it is.

        :raises NotCommittedError: its batch failed, or too many are waiting.
        """
        if self._count >= MOST_WAITING:
            raise NotCommittedError
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._count += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._flush())
        try:
            await future
        finally:
            self._count -= 1

    async def _flush(self) -> None:
        """Commit batch after batch until nothing waits; what comes during a commit is in the next one."""
        batch: list[tuple[T, asyncio.Future[None]]] = []
        try:
            while self._waiting:
                await self._sleep(self._window)
                batch, self._waiting = self._waiting, []
                error: Exception | None = None
                try:
                    await self._run(self._commit, [item for item, _ in batch])
                except Exception as failure:  # whatever a database raises: each sender is told, and sends again
                    log.warning("A batch of %d webhooks could not be committed (%s).", len(batch), type(failure).__name__, exc_info=True)
                    error = NotCommittedError()
                for _, future in batch:
                    if future.done():  # its sender hung up
                        continue
                    if error is None:
                        future.set_result(None)
                    else:
                        future.set_exception(error)
        finally:
            self._task = None
            for _, future in (*batch, *self._waiting):  # the loop is ending: nobody waits for an answer that will not come
                future.cancel()
            self._waiting = []
