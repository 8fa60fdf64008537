"""Write docs/reference/live.md from the catalog's events, so that the page cannot say anything else.

It formats and adds nothing of its own; a test compares the page. Run it as ``python -m tests.tools.generate_live_page``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.catalog.event_members import EVENT_KEYS
from airflow_provider_bigcommerce.core.live import MOST_EACH, PARENT_FILTERS, is_told_by_parent, live_way

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "live.md"

_INTRODUCTION = """\
# Resources and their events

<!-- Written by `python -m tests.tools.generate_live_page` from `core/catalog`; change the catalog, not this page. -->

What a run that events started reads for each resource ([keep a live copy](../how-to/live-copy.md)).

- **Read by**: how the changed rows are read. *as a scheduled run*: an event only says that something changed; the run then reads what a
  scheduled run reads.
- **Deletes**: whether an event names deleted rows. If not, the scheduled runs find them.
- **Polls**: whether `changes(..., poll=60.0)` works too, because the list has a filter by change date.
"""


def _read_by(row: Resource) -> str:
    way = live_way(row)
    if way == "batches":
        return f"`{row.id_in}`, 250 per request"
    if way == "parts":
        return f"`{row.id_in}`: all rows with that part of the key"
    if way == "each":
        return f"one request per row, up to {MOST_EACH[row.name]}; more: as a scheduled run"
    if way == "filter":
        return f"`{PARENT_FILTERS[row.name]}`, 250 {row.name.split('_')[0]}s per request"
    if way == "parents":
        return f"one request for each of the {row.parent}" + (f", by events of `{row.parent}`" if is_told_by_parent(row.name) else "")
    return "as a scheduled run"


def _events(row: Resource) -> str:
    """The scopes, without those that tell the same for one channel."""
    scopes = [scope for scope in row.webhook_scopes if "{channel_id}" not in scope] or list(row.webhook_scopes)
    return ", ".join(f"`{scope}`" for scope in scopes)


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    cells = [list(head), ["---"] * len(list(head)), *map(list, lines)]
    return [f"| {' | '.join(line)} |" for line in cells]


def page() -> str:
    """The page's text."""
    live = [row for row in CATALOG.values() if live_way(row) is not None]
    others = [row for row in CATALOG.values() if live_way(row) is None and not row.is_clock]
    lines = [
        (
            f"`{row.name}`",
            _events(row),
            _read_by(row),
            "yes" if EVENT_KEYS[row.name].gone and len(row.primary_key) == 1 else "",
            "yes" if row.modified is not None and not row.per_parent else "",
        )
        for row in live
    ]
    told = f"BigCommerce reports no changes of these {len(others)} resources, or has no list of them. Only scheduled runs read them."
    parts = [
        _INTRODUCTION,
        *_table(("Resource", "Events", "Read by", "Deletes", "Polls"), lines),
        "",
        "## Read by scheduled runs only",
        "",
        told,
        "",
        ", ".join(f"`{row.name}`" for row in others) + ".",
        "",
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
