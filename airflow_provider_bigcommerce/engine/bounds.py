"""Which rows of the store a copy covers, by the manifests of its runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.reconciling import Bounds, bounding_dates
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, moment
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow


def runs_compared(runs: Sequence[Manifest], resource: Resource) -> list[Manifest]:
    """The runs of a copy that the store can be asked about in one way: those with the newest one's filters.

    :param runs: committed, newest first.
    """
    filters = filters_of(runs[0], resource)
    return [run for run in runs if filters_of(run, resource) == filters]


def filters_of(run: Manifest, resource: Resource) -> dict[str, str]:
    """The part of its query that decides which rows there are."""
    shape = {"include", "include_fields", "exclude_fields", *resource.include_companions}
    return {name: value for name, value in run.query.items() if name not in shape}


def began(run: Manifest) -> datetime:
    """When a run began to read, and a little before: by the store's clock, or, in a manifest of an earlier version, by the worker's.

    Of a compaction, the first of the reads that it stands for: no row of it is older.
    """
    return datetime.fromisoformat(run.as_of or run.read_at or run.started_at).astimezone(UTC) - DEFAULT_OVERLAP


def bounds_of(runs: Sequence[Manifest], resource: Resource) -> Bounds:
    """What a copy covers, by the manifests of its runs.

    :param runs: from :func:`runs_compared`.
    """
    dates, filters = bounding_dates(resource), filters_of(runs[0], resource)
    if dates is None:
        return Bounds(filters)
    backfilled = tuple(span_of(run) for run in runs if run.mode == "backfill")
    # A backfill, a repair, or a span that was read again: none says how far the copy goes.
    live = [run for run in runs if run.watermark is not None or run.mode == "full"]
    if not live:
        return Bounds(filters, dates, None, min(map(began, runs)), is_whole=False, backfilled=backfilled)
    live = [run for run in live if run.watermark is not None or run.window == ManifestWindow()] or live
    return Bounds(filters, dates, first_since(live), max(map(end_of, live)), backfilled=backfilled)


def is_of_whole_store(runs: Sequence[Manifest], resource: Resource) -> bool:
    """Whether a copy's newest runs alone tell that it goes back to the beginning of the store: what runs before them covered adds nothing.

    :param runs: committed, in any order.
    """
    if not runs:
        return False
    newest_first = sorted(runs, key=lambda run: run.order, reverse=True)
    from_the_beginning = [run for run in runs_compared(newest_first, resource) if run.window.since is None]
    return any(run.watermark is not None or (run.mode == "full" and run.window.until is None) for run in from_the_beginning)


def first_since(runs: Sequence[Manifest]) -> datetime | None:
    """Where the first of the windows of some runs begins; None for the beginning of the store."""
    begins = [moment(run.window.since, "since") for run in runs]
    return None if None in begins else min(begin for begin in begins if begin is not None)


def end_of(run: Manifest) -> datetime:
    """The moment from which on a live run tells nothing."""
    if (watermark := moment(run.watermark, "watermark")) is not None:
        return watermark
    until = moment(run.window.until, "window end")
    return began(run) if until is None else min(began(run), until + timedelta(seconds=1))


def span_of(run: Manifest) -> tuple[float, float]:
    """First and last second of a run's window, infinite where it is open."""
    since, until = moment(run.window.since, "since"), moment(run.window.until, "window end")
    return since.timestamp() if since else -math.inf, until.timestamp() if until else math.inf
