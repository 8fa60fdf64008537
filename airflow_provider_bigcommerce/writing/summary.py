"""What a person reads of a plan: Markdown for an approval in Airflow's interface, short whatever the plan's size. Pure.

Names, counts and keys; values only of the fields that the DAG's author names, for the text goes into Airflow's database.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bigcommerce.core.outside_text import one_line
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow

MOST_ROWS = 20
#: Bytes of the text; the approval's column ends at 64 KB in MySQL, and people read less.
MOST_BYTES = 16_000
_MOST_CELL = 80
#: What Markdown would take for something else than text.
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~!@:&])")


@dataclass(slots=True)
class Seen:
    """The first rows of a plan and what its fields are, gathered while it is made."""

    rows: list[PlanRow] = field(default_factory=list)
    refused: list[OutcomeRow] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)
    warned: int = 0

    def __call__(self, row: PlanRow | OutcomeRow) -> None:
        """Take a row."""
        if isinstance(row, PlanRow):
            self.fields.update(row.fields)
            self.warned += bool(row.warnings)
            if len(self.rows) < MOST_ROWS:
                self.rows.append(row)
        elif row.outcome in ("rejected", "conflict") and len(self.refused) < MOST_ROWS // 4:
            self.refused.append(row)


def summary(manifest: PlanManifest, seen: Seen, show_values: Sequence[str] = ()) -> str:
    """The plan as Markdown, at most 20 rows and 16 KB.

    :param show_values: fields whose old and new values may be shown.
    """
    head = _head(manifest, seen)
    refused = _refused(seen, manifest)
    lines = _rows(seen, manifest, show_values)
    text = "\n".join([*head, *lines, *refused])
    while len(text.encode()) > MOST_BYTES and len(lines) > 4:
        lines = [*lines[:-2], lines[-1]] if lines[-1].startswith("\n") else lines[:-1]
        text = "\n".join([*head, *lines, *refused])
    return text.encode()[:MOST_BYTES].decode(errors="ignore")


def _head(manifest: PlanManifest, seen: Seen) -> list[str]:
    counts = manifest.counts
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if name != "input")
    if not counts["input"]:
        return [f"**{_cell(manifest.resource)}**: the input has no rows. Nothing would be sent."]
    what = f"**{_cell(manifest.resource)}** of the store {_cell(manifest.store_hash)}"
    head = [
        f"{what}: {manifest.rows:,} of {counts['input']:,} rows would be sent ({told}).",
        "",
        f"Plan {manifest.digest[:12]}, made {manifest.created_at}.",
    ]
    if seen.fields:
        head.append("Fields: " + ", ".join(f"{_cell(name)} ({count:,})" for name, count in seen.fields.most_common(12)) + ".")
    head += [f"**Mind:** {_cell(line, 200)}" for line in manifest.warnings[:5]]
    if seen.warned:
        head.append(f"{seen.warned:,} rows have warnings; `airflow-bigcommerce write show` prints them.")
    return [*head, ""]


def _rows(seen: Seen, manifest: PlanManifest, show_values: Sequence[str]) -> list[str]:
    if not seen.rows:
        return []
    shown = [name for name in dict.fromkeys(show_values) if any(name in row.new for row in seen.rows)]
    titles = ["row", "key", "does", "fields", *(_cell(name) for name in shown)]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for row in seen.rows:
        values = [_change(row, name) for name in shown]
        fields = ", ".join(map(_cell, row.fields[:8])) + (", ..." if len(row.fields) > 8 else "")
        lines.append(_line([str(row.row), key_text(row.key, row.id), row.operation, fields, *values]))
    if manifest.rows > len(seen.rows):
        lines.append(f"\n... and {manifest.rows - len(seen.rows):,} more rows.")
    return lines


def _refused(seen: Seen, manifest: PlanManifest) -> list[str]:
    if not seen.refused:
        return []
    count = manifest.counts.get("rejected", 0) + manifest.counts.get("conflict", 0)
    lines = ["", f"{count:,} rows would not be sent; the first of them:", "", _line(["row", "key", "outcome", "why"]), _line(["---"] * 4)]
    return [*lines, *(_line([str(row.row), key_text(row.key, row.id), row.outcome, _cell(row.error or "", 200)]) for row in seen.refused)]


def key_text(key: Sequence[Any], id: int | str | None) -> str:  # noqa: A002  # BigCommerce's noun
    """A row's key, or its id where it has none, as a cell."""
    return _cell(" / ".join(map(str, key)) or ("" if id is None else f"id {id}"))


def _change(row: PlanRow, name: str) -> str:
    if name not in row.new:
        return ""
    old: Mapping[str, Any] = row.old or {}
    before = _cell(_value(old[name]), 40) if name in old else "-"
    return f"{before} → {_cell(_value(row.new[name]), 40)}"


def _value(value: Any) -> str:
    return "null" if value is None else str(value)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str, most: int = _MOST_CELL) -> str:
    """A text as a cell of a table: on one line, cut, and with no mark that Markdown would take for its own."""
    return _MARKS.sub(r"\\\1", one_line(text, most))
