"""What commands print. Stdout is the result's alone: Airflow logs to stdout, where its lines would stand between rows or within JSON."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stdout
from typing import ParamSpec, TextIO

import typer

Arguments = ParamSpec("Arguments")

#: Characters that a column has at least next to one that is never broken.
_NARROWEST = 12


def only_results(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """A command during which everything goes to stderr but what the functions of this module print."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with redirect_stdout(sys.stderr):
            command(*args, **kwargs)

    return run


def stdout() -> TextIO:
    """The process's stdout, whatever ``sys.stdout`` is now."""
    return sys.__stdout__ or sys.stdout  # None where the process was started without one


def say(text: object) -> None:
    """Print a line of the result."""
    typer.echo(text, file=stdout())


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, whole: Collection[str] = ()) -> None:
    """Print a table for people. No word is ever broken, because a person copies names; on a pipe, no cell is broken at all.

    :param whole: titles of columns whose cells stand on one line however narrow the screen is.
    """
    is_screen = stdout().isatty()
    room = shutil.get_terminal_size().columns if is_screen else None
    lines = table_lines(titles, rows, room, whole=whole)
    head = typer.style(lines[0], bold=True) if is_screen and "NO_COLOR" not in os.environ else lines[0]
    say("\n".join([head, *lines[1:]]))


def table_lines(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]], room: int | None, *, whole: Collection[str] = ()) -> list[str]:
    """The lines of a table: columns next to each other, two spaces between, none at the end of a line.

    :param room: characters of a line; None for no limit. A line is longer where its words are.
    :param whole: titles of columns whose cells are never broken.
    """
    cells = [tuple(" ".join(cell.split()) for cell in row) for row in (titles, *rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    least = [
        width if title in whole else min(width, max(_width(word) for cell in column for word in (cell.split() or [""])))
        for title, width, column in zip(titles, widths, zip(*cells, strict=True), strict=True)
    ]
    excess = 0 if room is None else sum(widths) + 2 * (len(widths) - 1) - room
    while excess > 0 and (loose := [number for number in range(len(widths)) if widths[number] > least[number]]):
        widest = max(loose, key=lambda number: widths[number])
        cut = min(excess, max(1, (widths[widest] - least[widest]) // 2))
        widths[widest] -= cut
        excess -= cut
    lines: list[str] = []
    for row in cells:
        broken = [_broken(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in itertools.zip_longest(*broken, fillvalue=""):
            padded = [part + " " * (width - _width(part)) for part, width in zip(parts, widths, strict=True)]
            lines += ["  ".join(padded).rstrip()]
    return lines


def _broken(cell: str, width: int) -> list[str]:
    """The cell's words on lines of that width."""
    lines = [""]
    for word in cell.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width(text: str) -> int:
    """Columns that a text takes on a screen: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
