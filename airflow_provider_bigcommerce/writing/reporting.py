"""What a task that sends rows leaves: its outcomes, the rows to be corrected and used as input again, and the sentence it fails with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.core.keys import Key
from airflow_provider_bigcommerce.core.writing.outcomes import GOOD_OUTCOMES, OnRejected
from airflow_provider_bigcommerce.writing.folder import OUTCOME_ROWS, REJECTED_ROWS, AttemptFolder
from airflow_provider_bigcommerce.writing.formats import OutcomeManifest, OutcomeRow, PlannedOperation
from airflow_provider_bigcommerce.writing.input_columns import plain_value
from airflow_provider_bigcommerce.writing.results import AGAIN, UNDO_ROWS
from airflow_provider_bigcommerce.writing.undoing import UndoRow

#: Rows that take back what was done, as input of the same operator.
BACK_ROWS = "take_back.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Report:
    """What is in the folder.

    :param uri: of the manifest.
    """

    uri: str
    manifest: OutcomeManifest

    def as_xcom(self) -> dict[str, Any]:
        """Names and counts, and no value of a row."""
        return {
            "manifest": self.uri,
            "resource": self.manifest.resource,
            "rows": self.manifest.rows,
            "counts": self.manifest.counts,
            "files": [file.name for file in self.manifest.files],
            "summary": self.summary(),
        }

    def summary(self) -> str:
        """The counts in Markdown."""
        lines = [f"### {self.manifest.resource}", "", "| outcome | rows |", "|---|---:|"]
        lines += [f"| {kind} | {count:,} |" for kind, count in self.manifest.counts.items()] or ["| no rows | 0 |"]
        return "\n".join([*lines, "", f"`{self.uri}`"])

    def failure(self, on_rejected: OnRejected) -> str | None:
        """Why the task fails, on one line; None where it does not."""
        counts = self.manifest.counts
        if unknown := counts.get("unknown"):
            return (
                f"{unknown:,} of {self.manifest.rows:,} rows are unknown: they were sent, and the store does not tell whether they were "
                f"carried out. They are not sent again. Look at them in {self.uri} ({OUTCOME_ROWS}) and in the store."
            )
        bad = {kind: count for kind, count in counts.items() if kind not in GOOD_OUTCOMES}
        if not bad or on_rejected == "warn":
            return None
        said = ", ".join(f"{count:,} {kind}" for kind, count in bad.items())
        return (
            f"{said} of {self.manifest.rows:,} rows; the others are done. Their sentences are in {self.uri}. Repair the rows of "
            f"{REJECTED_ROWS} and give that file as the next input."
        )


def write_report(
    folder: AttemptFolder,
    ended: Iterable[tuple[Ended, Mapping[str, Any]]],
    *,
    resource: str,
    store_hash: str,
    operation: PlannedOperation,
    started_at: datetime,
    settings: Mapping[str, Any],
    undo: Callable[[Ended, OutcomeRow], UndoRow | None],
    can_be_taken_back: bool = False,
) -> Report:
    """Write the files and commit them.

    :param ended: what became of each row, in the input's order, and the input's own row.
    :param undo: how a row is taken back, or why nothing does; None for a row of which the store took nothing.
    :param can_be_taken_back: whether a row that takes one back is an input of the same operator.
    :raises DestinationError: it cannot be written.
    """
    counts: Counter[str] = Counter()
    with ExitStack() as files:
        rejected = files.enter_context(folder.rows(REJECTED_ROWS))
        outcomes = files.enter_context(folder.rows(OUTCOME_ROWS))
        back = files.enter_context(folder.rows(BACK_ROWS)) if can_be_taken_back else None
        undoing = files.enter_context(folder.rows(UNDO_ROWS))
        for one, own in ended:
            outcome = one.outcome
            counts[outcome.outcome] += 1
            row = OutcomeRow(
                row=outcome.row, key=_key(outcome.key), id=outcome.id, outcome=outcome.outcome, status=outcome.status, error=outcome.error,
                fields=list(outcome.fields), attempt=folder.number,
            )  # fmt: skip
            outcomes.write({**msgspec.structs.asdict(row), **one.told})
            if back is not None and one.back is not None:
                back.write(dict(one.back))
            taken = undo(one, row)
            if taken is not None:
                undoing.write(taken)
            if outcome.outcome in AGAIN:
                again = {name: _plain(value) for name, value in own.items()}
                rejected.write({**again, "_row": outcome.row, "_outcome": outcome.outcome, "_error": outcome.error})
    folder.files.sort(key=lambda file: file.name != OUTCOME_ROWS)  # the outcomes first, by the manifest's word
    manifest = OutcomeManifest(
        resource=resource,
        store_hash=store_hash,
        operation=operation,
        started_at=f"{started_at:%Y-%m-%dT%H:%M:%SZ}",
        finished_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        provider_version=__version__,
        rows=outcomes.rows,
        counts=dict(sorted(counts.items())),
        files=folder.files,
        settings=dict(settings),
    )
    return Report(folder.commit(manifest), manifest)


def _key(key: Key | None) -> list[Any]:
    return [] if key is None else list(key) if isinstance(key, tuple) else [key]


def _plain(value: Any) -> Any:
    """A value as JSON has it; null for one that JSON has not, which the row's sentence names."""
    try:
        return plain_value(value)
    except TypeError:
        return None
