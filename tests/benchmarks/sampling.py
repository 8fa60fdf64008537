"""From py-spy's stacks to a few lines a person can read: which part of the work the samples fell into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

#: The part of a stack's work: the first of these that the frame nearest the top matches. Frame texts are ``function (file:line)``.
_PARTS: tuple[tuple[str, str], ...] = (
    ("core/keys.py", "telling repeated rows apart"),
    ("targets/files/overlap.py", "telling repeated rows apart"),
    ("core/paging.py", "planning requests, watching for repeated pages"),
    ("core/planning.py", "planning requests, watching for repeated pages"),
    ("read_json", "JSON to Arrow columns"),
    ("rows/columns.py", "JSON to Arrow columns"),
    ("write_table", "Parquet: encoding and zstd"),
    ("targets/files/destination.py", "SHA-256 and writing to the disk"),
    ("targets/files/writers.py", "joining and checking lines"),
    ("core/reading.py", "splitting pages into rows"),
    ("core/budget.py", "quota and retries"),
    ("core/policy.py", "quota and retries"),
    ("aiohttp", "HTTP (aiohttp, event loop, sockets)"),
    ("asyncio", "HTTP (aiohttp, event loop, sockets)"),
)
#: Only stacks of the copy itself: in the main thread below ``execute``, or in a thread of its pool.
_OF_THE_COPY = ("execute (", "concurrent/futures/thread.py")
#: What waits for work or for sockets is not idle to py-spy.
_IDLE = ("_worker (concurrent/futures/thread.py:", "select (selectors.py:")


def parts(stacks: Iterable[str]) -> dict[str, float]:
    """Share of the samples by part of the work, largest first.

    :param stacks: lines of py-spy's ``raw`` format: frames from the bottom joined by ``;``, a space, a count.
    """
    counted: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if any(mark in stack for mark in _OF_THE_COPY) and not any(mark in frames[-1] for mark in _IDLE):
            counted[_part(frames)] += int(count)
    whole = counted.total() or 1
    return {name: times / whole for name, times in counted.most_common()}


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for mark, name in _PARTS:
            if mark in frame:
                return name
    return "other"
