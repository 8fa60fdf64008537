"""From when to when a run reads: its window, fixed by an earlier attempt or made from the watermark, and the words about it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_bigcommerce.core.windows import Window, full_read_due, incremental_window, moment, written
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.state import Checkpoint, Watermark

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """The window of a run, and what it follows.

    :param window: the span of change dates; without ends for a full read.
    :param watermark: where the next run continues, or None where this one moves no watermark. Where rows are compared, when the list
        was read.
    :param may_drop: whether rows that the last run wrote within the overlap are left out.
    """

    window: Window
    watermark: datetime | None
    may_drop: bool

    def checkpoint(self, replaced: Manifest | None) -> Checkpoint:
        """What the first try fixes for the retries of the run."""
        window = self.window.as_json()
        replaces = replaced.finished_at if replaced is not None else None
        return Checkpoint(until=window["until"] or written(self.watermark), since=window["since"], replaces=replaces)


def fixed_span(selection: Selection, checkpoint: Checkpoint | None, replaced: Manifest | None, watermark: Watermark | None) -> Span | None:
    """The span, where it is known without asking the store for its time: no incremental read, or a retry.

    :param checkpoint: what the first try fixed.
    :param replaced: this run's own manifest, if the task was cleared.
    :param watermark: the state's.
    """
    if selection.mode != "incremental":
        return Span(Window(selection.since, selection.until), None, may_drop=False)
    if checkpoint is None:
        return None
    if selection.is_compared:
        return Span(Window(), moment(checkpoint.until, "window end"), may_drop=replaced is None)
    window = Window(moment(checkpoint.since, "since"), moment(checkpoint.until, "window end"))
    return _span(selection, window, replaced, watermark)


def span_until(selection: Selection, now: datetime, replaced: Manifest | None, watermark: Watermark | None) -> Span:
    """The span of an incremental run's first try.

    :param now: the store's own time.
    :raises InvalidQueryError: the watermark lies in the future.
    """
    last = watermark.moment if watermark is not None else None
    if selection.is_compared:
        incremental_window(watermark=last, until=now, overlap=selection.overlap)  # refuses a watermark in the future
        return Span(Window(), now, may_drop=replaced is None)
    until = now if selection.until is None else min(selection.until, now)
    if replaced is not None and replaced.mode == "incremental" and replaced.query == selection.query_text:
        # A cleared run replaces its files, so it reads again what they held, and continues to the present: rows that left its window
        # since then by a change are met again.
        window = Window(moment(replaced.window.since, "since"), until)
    elif selection.since is not None:
        window = Window(selection.since, until)
    else:
        window = incremental_window(watermark=last, until=until, overlap=selection.overlap, initial_since=selection.initial_since)
        if watermark is not None and _is_full_read_due(selection, watermark, now):
            log.info("Everything is read again, as every %s: a change date does not move for every change.", selection.full_every)
            window = Window(selection.initial_since, until)
    return _span(selection, window, replaced, watermark)


def _is_full_read_due(selection: Selection, watermark: Watermark, now: datetime) -> bool:
    every, last = selection.full_every, moment(watermark.full_at, "full_at")
    return every is not None and full_read_due(last, now, every, selection.resource.name)


def full_at(selection: Selection, manifest: Manifest, last: Watermark | None) -> str:
    """The end of the last window that held everything, this run's among them, as the watermark keeps it."""
    if moment(manifest.window.since, "since") == selection.initial_since:
        return manifest.watermark or ""
    return last.full_at if last is not None else ""


def _span(selection: Selection, window: Window, replaced: Manifest | None, watermark: Watermark | None) -> Span:
    leaves_gap = watermark is not None and window.since is not None and window.since > watermark.moment
    if leaves_gap and watermark is not None:
        log.warning(
            "since=%s lies after the watermark %s: this run does not move the watermark, so that the next one reads what lies between.",
            written(window.since),
            watermark.watermark,
        )
    is_cleared = replaced is not None
    return Span(window, None if leaves_gap else window.until, may_drop=not is_cleared and selection.since is None)


def tell_window(selection: Selection, window: Window) -> str:
    """``, created from ... to ...``: a window in a line of the log, or how many rows are named; empty where all is read."""
    if selection.ids is not None:
        return f", {len(selection.ids):,} by their ids"
    if not window.is_bounded:
        return ""
    what = "created" if selection.is_by_creation else "changed"
    return f", {what} from {written(window.since) or 'the beginning'} to {written(window.until) or 'now'}"


def tell_nothing(selection: Selection, window: Window) -> None:
    """Say that a backfill found no row, which may be one of a time before the store."""
    log.info(
        "Nothing in %s%s: the store was not there yet, or nothing happened. That is a normal run.",
        selection.resource.name,
        tell_window(selection, window),
    )
