"""Pages on their way to the writer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from airflow_provider_bigcommerce.engine.copying import _ahead
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError


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


async def taken(pages: Pages, most: int = 3) -> list[tuple[int, list[int]]]:
    """The pages, each with what had been asked for while it was worked on."""
    found: list[tuple[int, list[int]]] = []
    async with contextlib.aclosing(pages()) as source, contextlib.aclosing(_ahead(source)) as ahead:
        async for page in ahead:
            for _ in range(5):  # writing takes a while
                await asyncio.sleep(0)
            found.append((int(str(page)), list(pages.asked)))
            if len(found) == most:
                break
    return found


def test_the_next_page_is_asked_for_while_one_is_written() -> None:
    assert asyncio.run(taken(Pages())) == [(0, [0, 1]), (1, [0, 1, 2]), (2, [0, 1, 2])]


def test_a_page_that_came_is_written_before_the_next_ones_error_counts() -> None:
    pages = Pages(UnexpectedAnswerError("down"))

    async def read() -> object:
        ahead = _ahead(pages())
        first: object = await anext(ahead)
        with pytest.raises(UnexpectedAnswerError, match="down"):
            await anext(ahead)
        return first

    assert asyncio.run(read()) == 0


def test_who_stops_early_leaves_no_request_behind(recwarn: pytest.WarningsRecorder) -> None:
    pages = Pages()
    assert asyncio.run(taken(pages, 1)) == [(0, [0, 1])]
    assert pages.is_closed
    assert not list(recwarn)
