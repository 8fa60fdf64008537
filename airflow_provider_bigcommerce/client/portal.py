"""Lets sync code use coroutines. Knows nothing of BigCommerce.

``run`` drives one coroutine in this thread, for a task's ``execute``. A ``Portal`` keeps a loop of its own in a background
thread, for sync code that asks for one thing after the other while requests that were sent ahead continue.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

#: Those whose handlers may raise: Airflow's execution_timeout, and being told to end. asyncio itself cares for SIGINT.
_SIGNALS = (signal.SIGALRM, signal.SIGTERM)


def is_loop_running() -> bool:
    """Whether this thread is inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine to its end in this thread.

    When a signal's handler raises (a task's time-out), the coroutine is cancelled and its cleanup runs before the exception continues.

    :raises RuntimeError: a loop is already running in this thread.
    """
    raised: list[BaseException] = []
    try:
        with asyncio.Runner() as runner:
            return runner.run(_until_raised(coroutine, raised))
    finally:
        if raised:
            raise raised[0] from None


async def _until_raised(coroutine: Coroutine[Any, Any, T], raised: list[BaseException]) -> T:
    """Await it; what a signal's handler raises meanwhile is kept, and the coroutine cancelled.

    A handler runs between any two steps of the main thread. Raised out of a callback of the loop, or of aiohttp's parser, its exception
    would be logged or taken for a broken connection, and the task would run on without a time-out.
    """
    if threading.current_thread() is not threading.main_thread():
        return await coroutine
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    cancel = task.cancel if task is not None else loop.stop

    def keeping(handler: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as error:  # noqa: BLE001  # it is raised again when the coroutine has ended
                if not raised:  # a second cancellation would disturb the cleanup
                    loop.call_soon_threadsafe(cancel)
                raised.append(error)

        return handle

    before = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
    try:
        for number, handler in before.items():
            signal.signal(number, keeping(handler))
        return await coroutine
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
