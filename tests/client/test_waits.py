"""Waits as the log tells them: the time that passed while a request waited, however many did so at once."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.core.credentials import StoreCredentials


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def pass_to(self, moment: float) -> None:
        """Let that second come, and those run whom it wakes."""
        self.now = moment
        for until, woken in self.sleepers:
            if until <= moment:
                woken.set()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender(clock: Clock) -> Sender:
    return Sender(StoreCredentials("abc123", "token"), StoreSettings(), clock=lambda: clock.now, sleep=clock.sleep, random=lambda: 0.5)


async def test_requests_that_wait_at_the_same_time_count_once(clock: Clock, sender: Sender) -> None:
    waiting = [asyncio.create_task(sender._wait(seconds)) for seconds in (10, 10, 15)]
    await clock.pass_to(100.0)
    await clock.pass_to(110.0)
    assert sender.stats.waiting_seconds == 0.0  # one of them still waits
    await clock.pass_to(115.0)
    await asyncio.gather(*waiting)

    assert sender.stats.waiting_seconds == 15.0


async def test_waits_one_after_the_other_add_up_without_the_time_between_them(clock: Clock, sender: Sender) -> None:
    for begin in (100.0, 200.0):
        await clock.pass_to(begin)
        waiting = asyncio.create_task(sender._wait(5))
        await clock.pass_to(begin)
        await clock.pass_to(begin + 5)
        await waiting

    assert sender.stats.waiting_seconds == 10.0


async def test_a_wait_that_is_cancelled_ends_its_time(clock: Clock, sender: Sender) -> None:
    waiting = asyncio.create_task(sender._wait(60))
    await clock.pass_to(100.0)
    await clock.pass_to(107.0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await clock.pass_to(150.0)

    assert sender.stats.waiting_seconds == 7.0
