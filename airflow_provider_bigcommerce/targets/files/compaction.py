"""Compaction of a copy in files: many small files become few, and what they replace is removed when nobody reads it any more.

The copy is the same before and after, and at each moment between: to readers, to a proof, to ``deletes="detect"`` and to the next run. New
files are a run of their own (``run=compact-...``), whose manifest names the runs that it stands for; the commit of that manifest is the one
step in which they are replaced. What was killed before it is not data; what was killed after it has only left files that are removed later.

``compaction_plan`` decides what is merged, ``merging`` reads and writes, ``retention`` removes.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.core.planning import copied_resource, resource_of
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError, UnknownResourceError
from airflow_provider_bigcommerce.targets.files.commits import commit, manifest_name
from airflow_provider_bigcommerce.targets.files.compaction_plan import (
    Segment,
    Stead,
    bytes_of,
    compaction_key,
    doubles,
    is_compaction,
    segments,
    stead_of,
    stead_of_markers,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.merging import Merge, Merged
from airflow_provider_bigcommerce.targets.files.retention import Removed, newest_compaction, remove_outlived, still_there
from airflow_provider_bigcommerce.targets.files.snapshots import Found, SnapshotRun, find_copy, settled, stands_for
from airflow_provider_bigcommerce.targets.files.under_way import longest_under_way

log = logging.getLogger(__name__)

#: How long what was replaced is kept for who reads it.
KEEP = timedelta(days=7)


class Size(msgspec.Struct, frozen=True):
    """How large a copy is.

    :param runs: that it consists of.
    :param files: their data files.
    :param bytes: of these.
    """

    runs: int = 0
    files: int = 0
    bytes: int = 0


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What a compaction did to the copy of one resource, or would do.

    :param resource: catalog name, or the path that was copied.
    :param before: the copy as it was.
    :param after: as it is now; None where that is not known: nothing was looked at, or it is a dry run.
    :param merged: what was merged; the other runs stayed as they are.
    :param removed: what earlier compactions had replaced, and what was removed now.
    :param seconds: from start to finish.
    :param skipped: why nothing was done; None where something was.
    """

    resource: str
    before: Size
    after: Size | None
    merged: Size
    removed: Size
    seconds: float
    skipped: str | None = None

    def as_json(self) -> dict[str, object]:
        """As it is written to XCom."""
        return dict(msgspec.to_builtins(self))


def copies_below(destination: Destination) -> list[str]:
    """The directories of resources below a transfer's path that have manifests.

    :raises DestinationError: the path cannot be listed.
    """
    return [name for name in _names(destination, destination.root) if _names(destination, destination.full(f"{name}/_manifests"))]


def _names(destination: Destination, folder: str) -> list[str]:
    """What is in a folder, without what is hidden; nothing where it is none."""
    try:
        found = destination.fs.ls(folder, detail=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DestinationError(
            f"{destination.url} could not be listed: {error.strerror or type(error).__name__}. Check that the directory or bucket exists "
            "and that the worker may list it."
        ) from error
    names = {str(path).rstrip("/").rpartition("/")[2] for path in found}
    return sorted(name for name in names if not name.startswith("."))


def compacted(
    destination: Destination,
    resources: Sequence[str] | None,
    *,
    keep: timedelta = KEEP,
    every: timedelta | None = None,
    dry_run: bool = False,
    tell: Callable[[str], None] = log.info,
) -> list[Compacted]:
    """Compact copies below a transfer's path, one after the other; one that fails stops no other.

    :param resources: catalog names, or paths that were copied; None for all that are there.
    :returns: what was done to each; the other arguments are :class:`Compaction`'s.
    :raises BigCommerceError: some could not be compacted; the first of their errors where it is the only one.
    """
    names = copies_below(destination) if resources is None else [copied_resource(name).name for name in resources]
    done: list[Compacted] = []
    failed: dict[str, BigCommerceError] = {}
    for name in names:
        try:
            done.append(Compaction(destination, name, keep=keep, tell=tell).run(every=every, dry_run=dry_run))
        except BigCommerceError as error:
            log.error("%s could not be compacted: %s", name, error)  # noqa: TRY400  # the message says it; a traceback would not
            failed[name] = error
    if not failed:
        return done
    first = next(iter(failed.values()))
    if len(names) == 1:
        raise first
    raise DestinationError(
        f"{len(failed)} of {len(names)} copies at {destination.url} could not be compacted and stay as they were: {', '.join(failed)}. The "
        f"first one: {first}"
    ) from first


class Compaction:
    """One compaction of the copy of a resource.

    :param destination: the transfer's path.
    :param resource: catalog name, or the path that was copied.
    :param keep: for how long what is replaced is kept.
    :param tell: takes a line for the log.
    :param clock: the worker's time, UTC; it names the run and decides nothing.
    """

    def __init__(
        self,
        destination: Destination,
        resource: str,
        *,
        keep: timedelta = KEEP,
        tell: Callable[[str], None] = log.info,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._destination = destination
        self._folder = kept_name(resource)
        self._name = resource
        self._keep = keep
        self._tell = tell
        self._clock = clock
        self._began = time.monotonic()

    def run(self, *, every: timedelta | None = None, dry_run: bool = False) -> Compacted:
        """Merge, commit, remove.

        :param every: do nothing while the last compaction is younger; None to look in any case.
        :param dry_run: change nothing, and say what would be done.
        :raises DestinationError: a file of the copy is not there or damaged, or the destination cannot be read and written.
        :raises InvalidQueryError: the directory holds the copies of two stores.
        """
        look = Look.at(self._destination, self._folder)
        if not look.below("_manifests"):
            return self._skipped("no run is committed there")
        if not dry_run:
            look = Look.into(self._destination, self._folder)
        now = self._clock() if dry_run else look.now
        last = newest_compaction(look)
        if every is not None and last is not None and now is not None and now - last < every:
            return self._skipped(f"it was compacted at {last:%Y-%m-%d %H:%M} UTC, and is every {every}")
        found = find_copy(self._destination, self._folder, look=look)
        if not found.runs:
            return self._skipped("no run is committed there")
        try:
            resource = resource_of(found.runs[0].manifest.resource)
        except UnknownResourceError:  # of a GraphQL connection
            return self._skipped("it is not a resource of the catalog, so its key is not known")
        self._refuse_two_stores(found)
        if not dry_run:
            found = self._without_doubles(found, resource)
        before, merged = size_of(found.runs), Size()
        work = segments(found.runs, resource, _with_files(look), longest_under_way(found, now))
        self._warn_of_late(found)
        for segment in work:
            if dry_run or self._replace(segment, resource, found):
                merged = _sum(merged, size_of(segment.replaced))
        removed = remove_outlived(self._destination, look, self._keep, now=now, dry_run=dry_run)
        after = None if dry_run else size_of(find_copy(self._destination, self._folder, known=found).runs) if merged.runs else before
        is_done = merged.runs or removed.files or removed.runs
        result = self._result(before, after, merged, removed, None if is_done else "there is nothing to merge or to remove")
        self._tell_result(result)
        return result

    def _replace(self, segment: Segment, resource: Resource, found: Found) -> bool:
        """Merge the runs of a segment, and commit what stands for them.

        :returns: whether it was committed.
        """
        replaced = size_of(segment.replaced)
        self._tell(
            f"Compacting {resource.name} at {self._destination.full(self._folder)}: {replaced.runs:,} runs, {replaced.files:,} files, "
            f"{_megabytes(replaced.bytes)}"
        )
        started_at = self._clock()
        merge = Merge(self._destination, self._folder, resource, segment, compaction_key(started_at, uuid.uuid4().hex[:8]))
        try:
            merge.run()
        except DestinationError:
            if self._is_changed(segment):  # what was read has been replaced and removed meanwhile
                return False
            raise
        if self._is_changed(segment):
            merge.abort()
            return False
        for merged, stead, runs, sequence in self._commits(merge, segment, resource):
            manifest = self._manifest(merged, stead, runs, sequence, found, started_at)
            commit(self._destination, self._folder, merged.run, manifest, None)
        if not resource.primary_key:
            self._without_doubles(find_copy(self._destination, self._folder), resource)
        return True

    def _without_doubles(self, found: Found, resource: Resource) -> Found:
        """Of two compactions that stand for the same run, leave one: each had looked before the other one committed.

        Rows with a key would be there twice and count once, and the next compaction merges them; rows without one would be two for good.
        Whoever sees both takes the same one away, so that it does not matter who; the runs which only that one replaced are data again.

        :param found: the copy.
        """
        while not resource.primary_key and (doubled := doubles(found.runs)):
            for run in doubled:
                self._tell(f"Another compaction of {self._name} replaces runs that {run.run} replaces too, which is taken back.")
                self._destination.remove(manifest_name(self._folder, run.run))
            found = settled(self._destination, self._folder)
        return found

    def _is_changed(self, segment: Segment) -> bool:
        """Whether another one has replaced a run of the segment, or a run was committed again: the next compaction takes what is left."""
        now = {stands_for(run) for run in find_copy(self._destination, self._folder).runs}
        if all(stands_for(run) in now for run in segment.runs):
            return False
        self._tell(
            f"Another compaction of {self._name}, or a cleared task, has replaced runs that this one had read. What this one wrote is "
            "dropped; the next one continues with what is there then."
        )
        return True

    def _commits(self, merge: Merge, segment: Segment, resource: Resource) -> list[tuple[Merged, Stead, Sequence[SnapshotRun], int]]:
        """What is committed, in that order: each new run, what it says, what it stands for, its sequence.

        Presence markers first: the others take the rows away that they represent. Their sequence puts them below all of the segment, and
        that of the others puts them above all of it; it is not the next one of the copy, which tells what was read last.
        """
        sequence = 1 + max(run.manifest.sequence for run in segment.runs)
        earlier = {run.run: run for run in segment.markers}
        found: list[tuple[Merged, Stead, Sequence[SnapshotRun], int]] = []
        for own, merged in merge.markers.items():
            found.append((merged, stead_of_markers(segment, own, resource), [*earlier.values()], 0))
            earlier = {}
        for merged, group in zip(merge.groups, segment.groups, strict=True):
            found.append((merged, stead_of(group), [*group.runs, *earlier.values()], sequence))
            earlier = {}
        return found

    def _manifest(
        self, merged: Merged, stead: Stead, runs: Sequence[SnapshotRun], sequence: int, found: Found, started_at: datetime
    ) -> Manifest:
        finished_at = self._clock()
        before = [each for run in runs for each in still_there(found.look, run.manifest)]
        return Manifest(
            resource=found.runs[0].manifest.resource,
            store_hash=found.runs[0].manifest.store_hash,
            mode=stead.mode,
            query=stead.query,
            window=stead.window,
            watermark=stead.watermark,
            files=tuple(merged.files),
            rows=merged.rows,
            duplicates_dropped=0,
            deleted=merged.deleted,
            drift=(),
            requests=0,
            throttled=0,
            seconds=round((finished_at - started_at).total_seconds(), 3),
            started_at=started_at.isoformat(timespec="milliseconds"),
            finished_at=finished_at.isoformat(timespec="milliseconds"),
            provider_version=__version__,
            complete=all(run.manifest.complete for run in runs),
            checked=(),
            read_at=stead.read_at,
            sequence=sequence,
            replaces=tuple(dict.fromkeys([*map(stands_for, runs), *before])),
            as_of=stead.as_of,
        )

    def _refuse_two_stores(self, found: Found) -> None:
        stores = sorted({run.manifest.store_hash for run in found.runs})
        if len(stores) > 1:
            raise InvalidQueryError(
                f"{self._destination.full(self._folder)} holds copies of the stores {', '.join(map(repr, stores))}: merging them would mix "
                "their rows. Nothing was changed. Move the manifests of one of them, with their files, to a directory of their own."
            )

    def _warn_of_late(self, found: Found) -> None:
        """Say where a run took so long that runs which began after it had been merged before it was committed."""
        for compaction in found.runs:
            if not is_compaction(compaction.run) or not compaction.manifest.sequence:
                continue
            own = compaction.manifest
            first = datetime.fromisoformat(own.as_of) if own.as_of is not None else own.order[0]
            for run in found.runs:
                late = run.manifest
                if not is_compaction(run.run) and first <= late.order[0] < own.order[0] and late.sequence >= own.sequence:
                    log.warning(
                        "The run %s of %s began at %s and was committed after runs that began up to %s had been compacted. Where both "
                        "hold a row, the compacted one counts, which may be the older. Reconcile the copy with on_mismatch='repair'.",
                        run.run, self._name, late.read_at or late.started_at, own.read_at,
                    )  # fmt: skip

    # -- telling

    def _skipped(self, why: str) -> Compacted:
        self._tell(f"{self._name} at {self._destination.full(self._folder)} is not compacted: {why}.")
        return Compacted(
            resource=self._name, before=Size(), after=None, merged=Size(), removed=Size(), seconds=self._seconds(), skipped=why
        )

    def _result(self, before: Size, after: Size | None, merged: Size, removed: Removed, skipped: str | None) -> Compacted:
        gone = Size(removed.runs, removed.files, removed.bytes)
        return Compacted(
            resource=self._name, before=before, after=after, merged=merged, removed=gone, seconds=self._seconds(), skipped=skipped
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _tell_result(self, result: Compacted) -> None:
        before, after = result.before, result.after
        place = f"{self._name} at {self._destination.full(self._folder)}"
        if after is None:
            self._tell(
                f"{place}: {_told(before)}. {result.merged.runs:,} runs ({result.merged.files:,} files, {_megabytes(result.merged.bytes)}) "
                f"would be merged, and {result.removed.files:,} files ({_megabytes(result.removed.bytes)}) removed."
            )
            return
        self._tell(
            f"{place}: {_told(before)} before, {_told(after)} after; {result.removed.files:,} files of earlier compactions "
            f"({_megabytes(result.removed.bytes)}) were removed. What was replaced now is kept for {self._keep}."
        )


def size_of(runs: Sequence[SnapshotRun]) -> Size:
    """Of the data files of some runs."""
    return Size(len(runs), sum(len(run.manifest.files) for run in runs), sum(map(bytes_of, runs)))


def _sum(one: Size, other: Size) -> Size:
    return Size(one.runs + other.runs, one.files + other.files, one.bytes + other.bytes)


def _with_files(look: Look) -> set[str]:
    """The runs that have a file of overlaps or digests, which belongs to their data files."""
    entries = [*look.below("_overlaps"), *look.below("_row_hashes")]
    return {entry.name.rpartition("/")[2].rpartition(".")[0] for entry in entries if not is_temporary(entry.name)}


def _told(size: Size) -> str:
    return f"{size.runs:,} runs, {size.files:,} files, {_megabytes(size.bytes)}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
