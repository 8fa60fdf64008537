"""Pages on their way to the writer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.client.settings import ReadStats
from airflow_provider_bigcommerce.client.verbs import Page
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.windows import Window
from airflow_provider_bigcommerce.engine.copying import Copy, columns_of
from airflow_provider_bigcommerce.engine.pages_ahead import together
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import select
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter


class Pages:
    """Three pages; ``asked`` holds which were asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[int] = []
        self.is_closed = False
        self._error = error

    async def __call__(self) -> AsyncGenerator[Any, None]:
        try:
            for number in range(3):
                self.asked.append(number)
                if self._error is not None and number == 1:
                    raise self._error
                await asyncio.sleep(0)
                yield number
        finally:
            self.is_closed = True


async def taken(pages: Pages, waiting: int, most: int = 9) -> list[tuple[list[int], list[int]]]:
    """The pages that came together, with what had been asked for while they were worked on.

    :param waiting: pages that may wait.
    """
    found: list[tuple[list[int], list[int]]] = []
    async with contextlib.aclosing(pages()) as source, contextlib.aclosing(together(source, waiting)) as written:
        async for came in written:
            for _ in range(20):  # writing takes a while
                await asyncio.sleep(0)
            found.append(([int(str(page)) for page in came], list(pages.asked)))
            if len(found) == most:
                break
    return found


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (1, [([0], [0, 1]), ([1], [0, 1, 2]), ([2], [0, 1, 2])]),
        (2, [([0], [0, 1, 2]), ([1, 2], [0, 1, 2])]),
        (8, [([0], [0, 1, 2]), ([1, 2], [0, 1, 2])]),
    ],
)
def test_pages_are_read_while_others_are_written_and_those_that_came_are_written_together(
    waiting: int, expected: list[tuple[list[int], list[int]]]
) -> None:
    assert asyncio.run(taken(Pages(), waiting)) == expected


@pytest.mark.parametrize("waiting", [1, 8])
def test_a_page_that_came_is_written_before_the_next_ones_error_counts(waiting: int) -> None:
    pages = Pages(UnexpectedAnswerError("down"))

    async def read() -> object:
        ahead = together(pages(), waiting)
        first: object = await anext(ahead)
        with pytest.raises(UnexpectedAnswerError, match="down"):
            await anext(ahead)
        return first

    assert asyncio.run(read()) == [0]


@pytest.mark.parametrize("waiting", [1, 8])
def test_who_stops_early_leaves_no_request_behind(waiting: int, recwarn: pytest.WarningsRecorder) -> None:
    pages = Pages()
    assert asyncio.run(taken(pages, waiting, 1)) == [([0], [0, 1] if waiting == 1 else [0, 1, 2])]
    assert pages.is_closed
    assert not list(recwarn)


# -- what a retry may rely on


class Burst:
    """A store whose pages come faster than they are written: 23 pages of two brands; ``fails_at`` is the page that does not come."""

    stats = ReadStats()

    def __init__(self, fails_at: int | None) -> None:
        self._fails_at = fails_at

    async def pages(self, resource: str, **_: Any) -> AsyncGenerator[Page, None]:
        for number in range(1, 24):
            if number == self._fails_at:
                raise UnexpectedAnswerError("down")
            rows = [msgspec.Raw(b'{"id":%d,"name":"x"}' % row) for row in (2 * number - 1, 2 * number)]
            yield Page(rows, number, None, {"rows": 2 * number})


class Kept:
    """Parts of a first try: what it remembers for a retry, and the rows that the closed files have then."""

    earlier = None

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def keep(self, position: Any, files: list[Any], seen: Any, **_: Any) -> None:
        self.told.append((position["rows"], sum(file.rows for file in files)))

    def begin_anew(self, reason: str) -> None:
        raise AssertionError(reason)


@pytest.mark.parametrize("fails_at", [None, 1, 2, 9, 23])
@pytest.mark.parametrize("rows_in_a_part", [2, 3, 5, 6, 7, 16, 100])
def test_what_is_remembered_for_a_retry_is_behind_the_rows_of_the_closed_files_and_no_others(
    tmp_path: Path, rows_in_a_part: int, fails_at: int | None
) -> None:
    """A part may end with any of the pages that were written together; those behind it are in none yet."""
    row = CATALOG["brands"]
    selection = select(
        resource="brands", mode="full", query=None, include=None, since=None, until=None, initial_since=None, overlap=timedelta(0)
    )
    writer = PartWriter(Destination.at(str(tmp_path)), "brands", "jsonl", columns_of(row), max_rows=rows_in_a_part)
    parts = Kept()
    copy = Copy(selection, Window(), writer, before=None, progress=Progress("brands"), tell=lambda _: None, parts=parts)  # type: ignore[arg-type]  # what is used of them

    with contextlib.nullcontext() if fails_at is None else pytest.raises(UnexpectedAnswerError, match="down"):
        asyncio.run(copy.run(Burst(fails_at)))  # type: ignore[arg-type]  # what is used of a store

    came = 46 if fails_at is None else 2 * (fails_at - 1)
    assert all(position == rows for position, rows in parts.told)
    assert [position for position, _ in parts.told] == sorted(position for position, _ in parts.told)
    if fails_at is not None and came:
        assert parts.told[-1] == (came, came), "what came before the failure is whole"
    written = [msgspec.json.decode(line)["id"] for part in sorted(tmp_path.rglob("*.jsonl")) for line in part.read_bytes().splitlines()]
    assert written == [*range(1, came + 1)]
