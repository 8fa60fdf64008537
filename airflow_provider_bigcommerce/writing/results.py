"""What an attempt leaves: one outcome for each row, the rows to be corrected and used as input again, and how the rest is taken back.

Made of the plan and the journal, one window at a time in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource, Write
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.outcomes import GOOD_OUTCOMES, OutcomeKind
from airflow_provider_bigcommerce.core.writing.route import route_of
from airflow_provider_bigcommerce.core.writing.settling import UNCLEAR
from airflow_provider_bigcommerce.writing.folder import OUTCOME_ROWS, REJECTED_ROWS, AttemptFolder
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.journal import Past
from airflow_provider_bigcommerce.writing.undoing import RELATIVE, STOCK, UndoRow, undo_of_stock, undo_row

_NOTHING: Mapping[str, Any] = {}

UNDO_ROWS = "undo.jsonl.gz"

#: Of these rows the store has certainly taken nothing, so that they can be input again.
AGAIN: frozenset[OutcomeKind] = frozenset({"rejected", "conflict", "not_sent"})


@dataclass(frozen=True, slots=True)
class Told:
    """What was written.

    :param counts: rows by outcome.
    :param undoable: rows that an undo takes back.
    :param rows: rows in all.
    """

    counts: dict[str, int]
    undoable: int
    rows: int


def write_results(
    folder: AttemptFolder,
    manifest: PlanManifest,
    rows: Iterable[PlanRow],
    certain: Iterable[OutcomeRow],
    refused: Iterable[Mapping[str, Any]],
    own: Iterator[Mapping[str, Any]] | None,
    past: Past,
    size: int,
) -> Told:
    """Write the three files.

    :param rows: the plan's.
    :param certain: outcomes that were certain when the plan was made.
    :param refused: the rows that were rejected then, as its file has them.
    :param own: the input's own columns of the plan's rows, in the same order; None where the plan has no input.
    :param size: rows of a window.
    """
    resource = resource_of(manifest.resource)
    counts: Counter[str] = Counter()
    undoable = 0
    with ExitStack() as files:
        undo = files.enter_context(folder.rows(UNDO_ROWS))
        rejected = files.enter_context(folder.rows(REJECTED_ROWS))
        outcomes = files.enter_context(folder.rows(OUTCOME_ROWS))
        for outcome in certain:
            outcomes.write(outcome)
            counts[outcome.outcome] += 1
        for again in refused:
            rejected.write(dict(again))
        for row, outcome, numbers in _outcomes(rows, past, size, folder.number):
            came = next(own, None) if own is not None else None
            outcomes.write({**msgspec.structs.asdict(outcome), **numbers} if numbers else outcome)
            counts[outcome.outcome] += 1
            if outcome.outcome in AGAIN:
                values = as_input(row, manifest) if came is None or came.get("_row") != row.row else came
                rejected.write({**values, "_row": row.row, "_outcome": outcome.outcome, "_error": outcome.error})
            found = _undo(resource, row, outcome, is_relative=is_relative_stock(manifest))
            if found is not None:
                undo.write(found)
                undoable += found.undo is not None
        total = outcomes.rows
    # The outcomes first, by the manifest's word.
    folder.files.sort(key=lambda file: file.name != OUTCOME_ROWS)
    return Told(dict(sorted(counts.items())), undoable, total)


def _undo(resource: Resource, row: PlanRow, outcome: OutcomeRow, *, is_relative: bool) -> UndoRow | None:
    before = (row.old or {}).get("quantity")
    if resource.name != STOCK or not (is_relative or isinstance(before, int)):
        return undo_row(resource, call_of(resource, row), row, outcome)
    change = -row.body["quantity"] if is_relative else before - row.body["quantity"]
    back = {**row.body, "quantity": change} if change else None
    return undo_of_stock(row.row, row.key, outcome.id, outcome.outcome, back)


def is_relative_stock(manifest: PlanManifest) -> bool:
    """Whether a plan's rows are pieces that come or go: the undo of stock."""
    return manifest.resource == STOCK and manifest.settings.get("mode") == RELATIVE


def call_of(resource: Resource, row: PlanRow) -> Write:
    """The call that a row is sent with."""
    route = route_of(resource, row.operation)
    return route.call("upsert" if row.operation == "create" and route.create is None else row.operation)


def _outcomes(rows: Iterable[PlanRow], past: Past, size: int, attempt: int) -> Iterable[tuple[PlanRow, OutcomeRow, Mapping[str, Any]]]:
    left, number = iter(rows), 0
    while window := list(islice(left, size)):
        known = past.window(number)
        for row in window:
            found = known.outcomes.get(row.row)
            if found is None:
                was_sent = row.row in known.sent
                found = OutcomeRow(
                    row=row.row, key=row.key, id=row.id, outcome="unknown" if was_sent else "not_sent", fields=row.fields, attempt=attempt,
                    error=UNCLEAR if was_sent else "The run ended before the row's turn.",
                )  # fmt: skip
            yield row, found, known.told.get(row.row, _NOTHING)
        number += 1


def as_input(row: PlanRow, manifest: PlanManifest) -> dict[str, Any]:
    """A row as an input could have it, where the plan was made of none: that of an undo."""
    values = dict(row.body)
    for name, value in zip(manifest.match_on, row.key, strict=False):
        if "." not in name:
            values.setdefault(name, value)
    return values


def summary(title: str, told: Told, *, uri: str) -> str:
    """What became of the rows, in Markdown: counts, and no value."""
    lines = [f"### {title}", "", "| outcome | rows |", "|---|---:|"]
    lines += [f"| {kind} | {count:,} |" for kind, count in told.counts.items()] or ["| no rows | 0 |"]
    bad = sum(count for kind, count in told.counts.items() if kind not in GOOD_OUTCOMES)
    lines += ["", f"{told.undoable:,} rows can be taken back. {f'{bad:,} rows need somebody.' if bad else ''}".rstrip(), "", f"`{uri}`"]
    return "\n".join(lines)
