"""Lets sync code use coroutines. Knows nothing of BigCommerce.

``run`` drives one coroutine in this thread, for a task's ``execute``. A ``Portal`` keeps a loop of its own in a background
thread, for sync code that asks for one thing after the other while requests that were sent ahead go on.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


def is_loop_running() -> bool:
    """Whether this thread is inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end in this thread.

    When something is raised into the thread (a task's time-out, SIGTERM), all its tasks are cancelled and their cleanup runs
    before the exception goes on; ``asyncio.Runner`` does that.

    :raises RuntimeError: a loop is already running in this thread.
    """
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


class Portal:
    """An event loop in a background thread, as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="bigcommerce-portal", daemon=True)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.call(self._end_tasks())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the portal's loop and wait for its result.

        What is raised into the waiting thread cancels the coroutine, and its cleanup runs first.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                concurrent.futures.wait([self._settled()], timeout=10)
            raise

    def _settled(self) -> concurrent.futures.Future[None]:
        """Done when the loop has gone round, so that a cancelled coroutine had its turn to clean up."""

        async def turn() -> None:
            await asyncio.sleep(0)

        return asyncio.run_coroutine_threadsafe(turn(), self._loop)

    def walk(self, generator: AsyncGenerator[T, None]) -> Iterator[T]:
        """The items of an async generator, one by one; it is closed when the caller stops early."""
        try:
            while True:
                try:
                    item = self.call(_next(generator))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self.call(_close(generator))


async def _next(generator: AsyncGenerator[T, None]) -> T:
    return await generator.__anext__()


async def _close(generator: AsyncGenerator[Any, None]) -> None:
    await generator.aclose()
