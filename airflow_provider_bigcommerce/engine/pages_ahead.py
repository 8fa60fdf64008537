"""Pages on their way from the event loop, which reads them, to the one thread that writes them.

Knows neither what a page holds nor where it goes.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

from airflow_provider_bigcommerce.client.verbs import Page

T = TypeVar("T")

#: Pages that wait for the writer's thread at most. Each change of threads costs a wait for the interpreter, some milliseconds while
#: answers are being read, so pages that come in a burst are written in few steps. More make it no faster, and take memory (measured).
WRITTEN_AT_ONCE: Final = 2


async def in_thread(thread: Executor, function: Callable[..., T], *args: Any) -> T:
    """Run a function in that thread; when this is cancelled, wait until the function has ended, because it is using the file."""
    running = asyncio.get_running_loop().run_in_executor(thread, contextvars.copy_context().run, function, *args)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def together(pages: AsyncGenerator[Page, None], most: int) -> AsyncGenerator[list[Page], None]:
    """The pages, read on while those before are being written; each time all that have come meanwhile.

    :param most: pages that wait at most; then the read does, too.
    """
    waiting: list[Page] = []
    changed, taken = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async for page in pages:
            waiting.append(page)
            changed.set()
            while len(waiting) >= most:
                taken.clear()
                await taken.wait()

    reading = asyncio.create_task(read())
    reading.add_done_callback(lambda _: changed.set())
    try:
        while waiting or not reading.done():
            if not waiting:
                changed.clear()
                await changed.wait()
                continue
            came = waiting[:]
            waiting.clear()
            taken.set()
            yield came
        reading.result()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
