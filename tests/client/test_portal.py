from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.portal import Portal, is_loop_running, run
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


async def numbers(closed: list[str], count: int = 5) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            await asyncio.sleep(0)
            yield number
    finally:
        closed.append("closed")


def test_run_returns_the_result() -> None:
    async def answer() -> int:
        return 7

    assert run(answer()) == 7


class TimeUpError(BaseException):
    """As Airflow's AirflowTaskTimeout is."""


@pytest.fixture
def time_up() -> Iterator[None]:
    """A signal in a moment, whose handler raises."""

    def raise_time_up(number: int, frame: object) -> None:
        raise TimeUpError

    before = signal.signal(signal.SIGALRM, raise_time_up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert signal.getsignal(signal.SIGALRM) is raise_time_up
    signal.signal(signal.SIGALRM, before)


def nothing() -> None:
    """The main thread is in the loop's select when the signal comes."""


def busy_callback() -> None:
    """It is in a callback, whose exceptions the loop logs and forgets."""
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass


def busy_parser() -> None:
    """It is in code that takes every exception for a broken connection, as aiohttp's parser does."""
    with contextlib.suppress(BaseException):
        busy_callback()


@pytest.mark.usefixtures("time_up")
@pytest.mark.parametrize("callback", [nothing, busy_callback, busy_parser])
def test_what_a_signals_handler_raises_runs_the_coroutines_cleanup_and_goes_on(callback: Callable[[], None]) -> None:
    cleaned: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(callback)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append("cleaned")

    with pytest.raises(TimeUpError):
        run(work())

    assert cleaned == ["cleaned"]


def test_a_coroutine_is_run_in_a_thread_where_no_signals_come() -> None:
    async def answer() -> int:
        return 7

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, answer()).result(30) == 7


def test_a_portal_walks_an_async_generator() -> None:
    closed: list[str] = []

    with Portal() as portal:
        assert list(portal.walk(numbers(closed))) == [0, 1, 2, 3, 4]

    assert closed == ["closed"]


def test_a_walk_that_is_left_early_closes_its_generator() -> None:
    closed: list[str] = []

    with Portal() as portal:
        for number in portal.walk(numbers(closed)):
            if number == 1:
                break

    assert closed == ["closed"]


def test_an_error_in_the_coroutine_reaches_the_caller() -> None:
    async def fail() -> None:
        raise LookupError("here")

    with Portal() as portal, pytest.raises(LookupError, match="here"):
        portal.call(fail())


def test_work_goes_on_in_the_background_between_calls() -> None:
    done = threading.Event()

    async def start() -> asyncio.Task[None]:
        async def later() -> None:
            await asyncio.sleep(0)
            done.set()

        return asyncio.create_task(later())

    with Portal() as portal:
        portal.call(start())
        assert done.wait(timeout=30)


def test_leaving_a_portal_ends_its_thread_and_its_tasks() -> None:
    cancelled = threading.Event()

    async def start() -> asyncio.Task[None]:
        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return task

    with Portal() as portal:
        portal.call(start())

    assert cancelled.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "bigcommerce-portal"]


def test_a_running_loop_is_seen() -> None:
    async def inside() -> bool:
        return is_loop_running()

    assert run(inside())
    assert not is_loop_running()


def test_both_stores_have_the_same_verbs_with_the_same_arguments() -> None:
    def verbs(store: type) -> dict[str, list[str]]:
        found = {name: member for name, member in vars(store).items() if not name.startswith("_") and inspect.isfunction(member)}
        return {name: [str(p).split(":")[0] for p in inspect.signature(member).parameters.values()] for name, member in found.items()}

    # What writing back is made of: in a loop its parts, outside of one ``run``, which has them done there, and a finder that waits.
    of_the_loop, outside = {"answered", "finding", "listed", "writing"}, {"finder", "run"}
    awaited, blocking = verbs(BigCommerceStore), verbs(BlockingStore)
    assert awaited.keys() - blocking.keys() == of_the_loop
    assert blocking.keys() - awaited.keys() == outside
    assert blocking["finder"] == awaited["finding"]
    assert all(awaited[name] == blocking[name] for name in awaited.keys() & blocking.keys())
