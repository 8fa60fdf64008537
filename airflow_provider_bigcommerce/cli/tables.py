"""Tables for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout; on a pipe, columns are never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # Text: brackets in types and scopes are no markup
    console.print(table)
