"""Pages on their way to the writer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from airflow_provider_bigcommerce.engine.copying import _together
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


async def taken(pages: Pages, waiting: int, most: int = 9) -> list[tuple[list[int], list[int]]]:
    """The pages that came together, with what had been asked for while they were worked on.

    :param waiting: pages that may wait.
    """
    found: list[tuple[list[int], list[int]]] = []
    async with contextlib.aclosing(pages()) as source, contextlib.aclosing(_together(source, waiting)) as together:
        async for came in together:
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
        together = _together(pages(), waiting)
        first: object = await anext(together)
        with pytest.raises(UnexpectedAnswerError, match="down"):
            await anext(together)
        return first

    assert asyncio.run(read()) == [0]


@pytest.mark.parametrize("waiting", [1, 8])
def test_who_stops_early_leaves_no_request_behind(waiting: int, recwarn: pytest.WarningsRecorder) -> None:
    pages = Pages()
    assert asyncio.run(taken(pages, waiting, 1)) == [([0], [0, 1] if waiting == 1 else [0, 1, 2])]
    assert pages.is_closed
    assert not list(recwarn)
