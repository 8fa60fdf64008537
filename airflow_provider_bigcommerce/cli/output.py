"""What commands print. Stdout is the result's alone: Airflow logs to stdout, where its lines would stand between rows or within JSON."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stdout
from typing import ParamSpec, TextIO

import typer

Arguments = ParamSpec("Arguments")

#: Characters that a column has at least beside one that is never broken.
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
    """Print a table for people; on a pipe, columns are never cut.

    :param whole: titles of columns that are never broken, because a person copies what they hold: a line may then be wider than the
        screen.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stdout(), width=None if stdout().isatty() else 200)
    table = Table(box=None, pad_edge=False, header_style="bold")
    needed = 0
    for number, title in enumerate(titles):
        longest = max(len(title), *(len(row[number]) for row in rows)) if rows else len(title)
        is_whole = title in whole
        table.add_column(title, overflow="fold", no_wrap=is_whole, min_width=longest if is_whole else None)
        needed += 1 + (longest if is_whole else min(longest, _NARROWEST))
    if whole:
        console.width = max(console.width, needed)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: brackets in types and scopes are no markup
    console.print(table, crop=False)
