"""Work ends where its lease is lost, and not where the lease could not be touched once."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_bigcommerce.exceptions import ConcurrentRunError, DestinationError
from airflow_provider_bigcommerce.writing.holding import while_held


class Lease:
    def __init__(self, *errors: Exception | None, is_fresh: bool = True) -> None:
        self.errors, self.is_fresh, self.beats = list(errors), is_fresh, 0

    def beat(self) -> None:
        self.beats += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


async def no_time(_: float) -> None:
    await asyncio.sleep(0)


async def test_the_works_result_comes_back_and_the_lease_is_touched_meanwhile() -> None:
    lease = Lease(DestinationError("the disk is full for a moment"))

    async def work() -> str:
        while lease.beats < 3:
            await asyncio.sleep(0)
        return "done"

    assert await while_held(lease, work(), sleep=no_time) == "done"


@pytest.mark.parametrize(
    ("error", "is_fresh"), [(ConcurrentRunError("taken"), True), (DestinationError("gone"), False)], ids=["taken", "gone"]
)
async def test_work_is_broken_off_where_the_lease_is_lost(error: Exception, is_fresh: bool) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    with pytest.raises(type(error)):
        await while_held(Lease(error, is_fresh=is_fresh), work(), sleep=no_time)
    assert ended == ["cleaned up"]


async def test_an_error_of_the_work_is_the_error() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await while_held(Lease(), work(), sleep=no_time)
