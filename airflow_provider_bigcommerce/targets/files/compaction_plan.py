"""Which runs of a copy in files a compaction reads together, and what their new manifests say.

Decides by manifests alone; opens nothing. What a reader, a proof or the next run concludes from the manifests is the same before and after:

* **The newest runs stay.** A run that began to read less than a day before the newest one, by the store's clock, is left alone: a run that
  is still under way may belong behind it. Where one has been writing for days, so many days more are left alone.
* **The runs that watermarks name stay**, because the next run needs their files of overlaps and digests. They are known by these files.
* **Runs are merged that follow each other**, and the new run has the place of the newest of them, so that it hides nothing newer.
* **A new run stands for runs of one kind and one filter**: how far the copy goes, and which spans were backfilled, is the sum of the old
  ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.bounds import end_of, filters_of, first_since, span_of
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
from airflow_provider_bigcommerce.targets.files.snapshots import SnapshotRun

#: A run that began to read within this time of the newest one may have others next to it that are not committed yet.
UNSETTLED = timedelta(days=1)
#: Bytes of data from which on a run is not read and written again for little: below, everything is merged at each compaction.
LARGE = 128 * 2**20
#: A large run is merged with the ones after it once they hold a fourth of its bytes, so that each byte is written again a few times, not
#: at each compaction.
MOST_TIMES_LARGER = 4

_PREFIX = "compact-"

Mode = Literal["full", "incremental", "backfill"]

#: Query parameters that decide which rows there are, sorted.
Filters = tuple[tuple[str, str], ...]


def is_compaction(run: str) -> bool:
    """Whether a run key is a compaction's: those of tasks have ``--`` in them."""
    return run.startswith(_PREFIX) and "--" not in run


def compaction_key(now: datetime, mark: str) -> str:
    """What the run keys of one compaction begin with.

    :param now: the worker's clock; for people.
    :param mark: random, so that no two are the same.
    """
    return f"{_PREFIX}{now.astimezone(UTC):%Y%m%dT%H%M%S}-{mark}"


@dataclass(frozen=True, slots=True)
class Group:
    """Two or more runs of one kind and one filter, whose place one new run takes.

    :param filters: theirs.
    :param kind: ``live``, ``span``, ``backfill`` or ``other``; see :func:`_kind`.
    :param runs: newest first.
    """

    filters: Filters
    kind: str
    runs: tuple[SnapshotRun, ...]

    @property
    def manifests(self) -> list[Manifest]:
        """Theirs."""
        return [run.manifest for run in self.runs]


@dataclass(frozen=True, slots=True)
class Segment:
    """Runs that follow each other, and that are read together.

    :param runs: all of them, newest first: also those that stay as they are, whose keys are read.
    :param groups: of those that are replaced.
    :param markers: earlier runs of presence markers (see ``targets.files.merging``), which are replaced too.
    """

    runs: tuple[SnapshotRun, ...]
    groups: tuple[Group, ...]
    markers: tuple[SnapshotRun, ...] = ()

    @property
    def replaced(self) -> list[SnapshotRun]:
        """The runs that new ones stand for."""
        return [*(run for group in self.groups for run in group.runs), *self.markers]


def segments(
    runs: Sequence[SnapshotRun], resource: Resource, with_files: Collection[str], under_way: timedelta = timedelta()
) -> list[Segment]:
    """What a compaction has to do; nothing where there would be no fewer runs after it.

    :param runs: the copy, newest first.
    :param with_files: keys of runs that have a file of overlaps or digests.
    :param under_way: for how long the oldest run that is under way has been writing. It began to read less than :data:`UNSETTLED` before
        its first file, and the newest run of the copy not after now: so no clock is checked against another's.
    """
    if not runs:
        return []
    limit = runs[0].manifest.order[0] - UNSETTLED - under_way
    kept = {*with_files, *_named_by_watermarks(runs, resource)}
    found: list[Segment] = []
    for part in _parts(run for run in runs if run.manifest.order[0] <= limit):
        free = [run for run in part if run.run not in kept]
        markers = tuple(run for run in free if is_marker(run))
        groups = [group for group in _groups((run for run in free if not is_marker(run)), resource) if len(group.runs) > 1]
        if groups:
            found.append(Segment(tuple(part), tuple(groups), markers))
    return found


def is_marker(run: SnapshotRun) -> bool:
    """Whether a run holds presence markers: it is a compaction's, and is below all others that began with it."""
    return is_compaction(run.run) and run.manifest.sequence == 0


def doubles(runs: Iterable[SnapshotRun]) -> list[SnapshotRun]:
    """Compactions that stand for a run for which another one, earlier by name, stands too: both committed in the same instant."""
    found: list[SnapshotRun] = []
    taken: set[str] = set()
    for run in sorted((run for run in runs if is_compaction(run.run)), key=lambda run: run.run):
        if taken.isdisjoint(run.manifest.replaces):
            taken.update(run.manifest.replaces)
        else:
            found.append(run)
    return found


def bytes_of(run: SnapshotRun) -> int:
    """Of a run's data files."""
    return sum(file.bytes for file in run.manifest.files)


def _named_by_watermarks(runs: Iterable[SnapshotRun], resource: Resource) -> set[str]:
    """The runs whose watermark is the highest of their filters: a state in Airflow names one of them."""
    highest: dict[Filters, str] = {}
    named = [(filters(run, resource), run) for run in runs if run.manifest.watermark is not None and not is_compaction(run.run)]
    for own, run in named:
        highest[own] = max(highest.get(own, ""), run.manifest.watermark or "")
    return {run.run for own, run in named if run.manifest.watermark == highest[own]}


def _parts(runs: Iterable[SnapshotRun]) -> list[list[SnapshotRun]]:
    """Runs that follow each other, cut before each that is much larger than those after it.

    Never between two that began in the same second: what would distinguish their new run is the sequence, and its is the greatest.
    """
    parts: list[list[SnapshotRun]] = []
    size = 0
    for run in runs:
        own = bytes_of(run)
        is_apart = own >= LARGE and own > MOST_TIMES_LARGER * size
        if not parts or (is_apart and run.manifest.order[0] < parts[-1][-1].manifest.order[0]):
            parts.append([])
            size = 0
        parts[-1].append(run)
        size += own
    return parts


def filters(run: SnapshotRun, resource: Resource) -> Filters:
    """What decides which rows a run had."""
    return tuple(sorted(filters_of(run.manifest, resource).items()))


def _kind(manifest: Manifest) -> str:
    """What a run says of the copy: how far it goes, that a span was read again, that a span was backfilled, or nothing."""
    if manifest.watermark is not None or (manifest.mode == "full" and manifest.window == ManifestWindow()):
        return "live"
    return {"full": "span", "backfill": "backfill"}.get(manifest.mode, "other")


def _groups(runs: Iterable[SnapshotRun], resource: Resource) -> list[Group]:
    found: dict[tuple[Filters, str], list[SnapshotRun]] = {}
    for run in runs:
        found.setdefault((filters(run, resource), _kind(run.manifest)), []).append(run)
    groups: list[Group] = []
    for (own, kind), members in found.items():
        parts = _without_holes(members) if kind == "backfill" else [members]
        groups += [Group(own, kind, tuple(part)) for part in parts]
    return groups


def _without_holes(runs: Sequence[SnapshotRun]) -> list[list[SnapshotRun]]:
    """Backfills whose spans make up one span without a hole; each part in the order of ``runs``."""
    parts: list[tuple[float, list[SnapshotRun]]] = []
    for run in sorted(runs, key=lambda run: span_of(run.manifest)):
        begin, end = span_of(run.manifest)
        if parts and begin <= parts[-1][0] + 1:
            last, members = parts[-1]
            parts[-1] = (max(last, end), [*members, run])
        else:
            parts.append((end, [run]))
    places = {run.run: place for place, run in enumerate(runs)}
    return [sorted(members, key=lambda run: places[run.run]) for _, members in parts]


# -- what the new manifests say


@dataclass(frozen=True, slots=True)
class Stead:
    """What a run says that stands for others; see :class:`~airflow_provider_bigcommerce.engine.manifest.Manifest`."""

    mode: Mode
    query: dict[str, str]
    window: ManifestWindow
    watermark: str | None
    read_at: str
    as_of: str | None


def stead_of(group: Group) -> Stead:
    """What the run says that takes the place of a group: of bounds, spans and order, neither more nor less than all of them together."""
    manifests = group.manifests
    newest = manifests[0]
    mode: Mode = "incremental"
    window = ManifestWindow()
    watermark: str | None = None
    as_of: str | None = first_read(manifests)
    if group.kind == "live":
        since = written(first_since(manifests))
        window = ManifestWindow(since=since)
        if all(run.watermark is None for run in manifests):
            mode, as_of = "full", None  # how far it goes is when the last of them began
        else:
            watermark = written(max(map(end_of, manifests)))
    elif group.kind == "span":
        until = max(map(end_of, manifests)) - timedelta(seconds=1)
        mode, as_of, window = "full", None, ManifestWindow(since=written(first_since(manifests)), until=written(until))
    elif group.kind == "backfill":
        spans = [span_of(run) for run in manifests]
        begin, end = min(begin for begin, _ in spans), max(end for _, end in spans)
        mode, window = "backfill", ManifestWindow(since=_second(begin), until=_second(end))
    return Stead(mode, dict(newest.query), window, watermark, _read_at(newest), as_of)


def stead_of_markers(segment: Segment, own: Filters, resource: Resource) -> Stead:
    """What a run of presence markers says: nothing of how far the copy goes, and below all others of the segment."""
    alike = [run.manifest for run in segment.runs if filters(run, resource) == own]
    oldest = min(segment.runs, key=lambda run: run.manifest.order).manifest
    return Stead("incremental", dict(alike[0].query), ManifestWindow(), None, _read_at(oldest), first_read(alike))


def first_read(manifests: Sequence[Manifest]) -> str:
    """When the first of the reads of some runs began."""
    return min((run.as_of or _read_at(run) for run in manifests), key=datetime.fromisoformat)


def _read_at(manifest: Manifest) -> str:
    """The worker's clock takes the place of the store's in a manifest of an earlier version."""
    return manifest.read_at or manifest.started_at


def _second(seconds: float) -> str | None:
    return None if math.isinf(seconds) else written(datetime.fromtimestamp(seconds, UTC))
