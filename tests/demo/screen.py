"""What the demo shows: steps with their outcome, a table that lives while a run does, the final tables.

On a terminal the table is redrawn; elsewhere (CI, a pipe) each change of a task is one line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

#: Of what a failed check found.
MOST_VALUES = 10

STATE_STYLE = {"success": "green", "running": "cyan", "failed": "bold red", "up_for_retry": "yellow", "upstream_failed": "red"}


@dataclass(frozen=True)
class TaskLine:
    """How far one task has come."""

    name: str
    state: str
    rows: int
    pages: int
    seconds: float


class Screen:
    """The terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=140)
        self.held: list[tuple[str, bool]] = []

    def heading(self, text: str) -> None:
        """A new part of the story."""
        self.console.print(f"\n[bold]{text}[/bold]")

    def say(self, text: str) -> None:
        """A line of the story."""
        self.console.print(f"  {text}")

    def labelled(self, lines: Sequence[tuple[str, str]]) -> None:
        """Lines of the story behind labels, each folded beside its own."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=2)
        grid.add_column(min_width=19)
        grid.add_column(overflow="fold")
        for label, text in lines:
            grid.add_row("", label, text)
        self.console.print(grid)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Something that takes a while, with its seconds when it is done."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(f"{text} ..."):
                yield
        else:
            yield
        self.console.print(f"  [green]✓[/green] {text} [dim]({time.monotonic() - started:.0f} s)[/dim]")

    def check(self, claim: str, held: bool, found: object = "") -> None:
        """A claim of the demo, whether it held, and what was found where it did not."""
        self.held.append((claim, held))
        if held:
            self.console.print(f"  [green]✓[/green] {escape(claim)}")
        else:
            self.console.print(f"  [bold red]✗ {escape(claim)}[/bold red]: {escape(shortened(found))}")

    def watch(self, look: Callable[[], tuple[str, Sequence[TaskLine]]], *, every: float = 0.7) -> str:
        """Show a run until it has ended.

        :param look: gives the run's state and its tasks.
        :returns: the run's final state.
        """
        if not self.console.is_terminal:
            return self._watch_plainly(look, every)
        with Live(console=self.console, auto_refresh=False, transient=False) as live:
            while True:
                state, tasks = look()
                live.update(_task_table(state, tasks), refresh=True)
                if state in ("success", "failed"):
                    return state
                time.sleep(every)

    def _watch_plainly(self, look: Callable[[], tuple[str, Sequence[TaskLine]]], every: float) -> str:
        before: dict[str, str] = {}
        while True:
            state, tasks = look()
            for task in tasks:
                if before.get(task.name) != task.state and task.state in STATE_STYLE:
                    self.say(f"{task.name}: {task.state}, {task.rows:,} rows, {task.pages:,} pages")
                before[task.name] = task.state
            if state in ("success", "failed"):
                return state
            time.sleep(every)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; numbers stand right."""
        table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
        for number, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[number], int | float | Decimal) or row[number] is None for row in rows)
            table.add_column(column, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self.console.print(table)


def shortened(found: object) -> str:
    """What a failed check found: of many values ten and their number, of a long text its end."""
    if isinstance(found, list | tuple | set | frozenset):
        shown = ", ".join(_ending(str(value), 200) for value in list(found)[:MOST_VALUES])
        return f"{shown}, ... ({len(found):,} in all)" if len(found) > MOST_VALUES else shown or "nothing"
    return _ending(str(found), 2_000)


def _ending(text: str, most: int) -> str:
    return text if len(text) <= most else f"... {text[-most:]}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)


def _task_table(state: str, tasks: Sequence[TaskLine]) -> Table:
    table = Table(title=f"run: {state}", title_justify="left", title_style=STATE_STYLE.get(state, ""), header_style="dim")
    table.add_column("task", min_width=28)
    table.add_column("state", min_width=12)
    for column in ("rows", "pages", "seconds"):
        table.add_column(column, justify="right", min_width=7)
    for task in tasks:
        table.add_row(
            task.name,
            Text(task.state, style=STATE_STYLE.get(task.state, "dim")),
            f"{task.rows:,}" if task.pages else "",
            f"{task.pages:,}" if task.pages else "",
            f"{task.seconds:.0f}" if task.seconds else "",
        )
    return table
