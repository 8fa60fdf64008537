"""Many deliveries, one commit: nobody is answered before its batch is, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from airflow_provider_bigcommerce.plugins import group_commit
from airflow_provider_bigcommerce.plugins.group_commit import GroupCommit, NotCommittedError


class Gate:
    """A wait that the test ends."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.open.wait()


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def direct(function: Any, *args: Any) -> Any:
    return function(*args)


async def test_what_comes_within_the_window_is_one_batch_and_answered_after_the_commit() -> None:
    gate, batches = Gate(), []
    group: GroupCommit[int] = GroupCommit(batches.append, 0.1, sleep=gate, run=direct)
    waiting = [asyncio.ensure_future(group.add(n)) for n in range(5)]
    await settled()
    assert (gate.asked, batches, [each.done() for each in waiting]) == ([0.1], [], [False] * 5)
    gate.open.set()
    await asyncio.gather(*waiting)
    assert batches == [[0, 1, 2, 3, 4]]


async def test_what_comes_during_a_commit_is_in_the_next_batch_and_no_two_commits_run_at_once() -> None:
    gate, batches, running = Gate(), [], 0
    committing, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(function: Any, *args: Any) -> None:
        nonlocal running
        running += 1
        assert running == 1
        committing.set()
        await go_on.wait()
        function(*args)
        running -= 1

    gate.open.set()
    group: GroupCommit[int] = GroupCommit(batches.append, 0.1, sleep=gate, run=slowly)
    first = asyncio.ensure_future(group.add(1))
    await committing.wait()
    rest = [asyncio.ensure_future(group.add(n)) for n in (2, 3)]
    await settled()
    go_on.set()
    await asyncio.gather(first, *rest)
    assert batches == [[1], [2, 3]]


async def test_a_failed_batch_is_told_to_each_of_its_senders_and_not_to_the_next() -> None:
    gate, batches = Gate(), []
    gate.open.set()

    def commit(batch: list[int]) -> None:
        if 1 in batch:
            raise RuntimeError("database is locked")
        batches.append(batch)

    group: GroupCommit[int] = GroupCommit(commit, 0, sleep=gate, run=direct)
    told = await asyncio.gather(group.add(1), group.add(2), return_exceptions=True)
    assert [type(each) for each in told] == [NotCommittedError, NotCommittedError]
    await group.add(3)
    assert batches == [[3]]


async def test_a_sender_that_hung_up_does_not_keep_the_others_from_their_answer() -> None:
    gate, batches = Gate(), []
    group: GroupCommit[int] = GroupCommit(batches.append, 0, sleep=gate, run=direct)
    first, second = asyncio.ensure_future(group.add(1)), asyncio.ensure_future(group.add(2))
    await settled()
    first.cancel()
    gate.open.set()
    await second
    assert batches == [[1, 2]]


async def test_more_than_may_wait_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_WAITING", 2)
    gate, batches = Gate(), []
    group: GroupCommit[int] = GroupCommit(batches.append, 0, sleep=gate, run=direct)
    waiting = [asyncio.ensure_future(group.add(n)) for n in (1, 2)]
    await settled()
    with pytest.raises(NotCommittedError):
        await group.add(3)
    gate.open.set()
    await asyncio.gather(*waiting)
    await group.add(4)
    assert batches == [[1, 2], [4]]


async def test_a_commit_is_called_in_another_thread() -> None:
    threads: list[int] = []
    group: GroupCommit[int] = GroupCommit(lambda _: threads.append(threading.get_ident()), 0)
    await group.add(1)
    assert threads != [threading.get_ident()]


@pytest.mark.parametrize("when", ["while they are gathered", "while they are committed"])
async def test_where_the_loop_ends_nobody_waits_for_an_answer_that_will_not_come(when: str) -> None:
    gate = Gate()

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    group: GroupCommit[int] = GroupCommit(lambda _: None, 0, sleep=gate, run=never)
    waiting = asyncio.ensure_future(group.add(1))
    await settled()
    if when == "while they are committed":
        gate.open.set()
        await settled()
    (task,) = [task for task in asyncio.all_tasks() if "_flush" in repr(task.get_coro())]
    task.cancel()
    await settled()
    assert waiting.cancelled()
