"""The snapshot of a copy in files: one file that says which runs are data, so that nobody reads a year of manifests.

**The manifest stays the commit.** A snapshot is derived from the manifests and adds nothing to them: where the two differ, the manifests
are right, and the next run that looks writes the next snapshot. It keeps each manifest as it is, with the size and time of its file: by
these a listing tells whether the file is still the same, and only those that are not are read.

Snapshots are numbered and never changed; the highest number is the copy. Whoever has committed writes the next number and then **looks
again**: while a manifest is there that the snapshot does not know, another one follows. Of two that commit at once, the one that looks
last sees both manifests, so that no run is lost, whoever put last; also where a store of objects lets one put replace the other's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bigcommerce.core.file_names import require_within
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry, is_temporary
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.tries import runs_with_copies

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: The format that is written; a greater one is of a later version of this package.
VERSION = 1

#: Snapshots that are not the highest are kept so long, for readers that have just looked up which one is.
KEPT = timedelta(days=7)
#: Of those older than an hour, no more than this is kept: without compaction each is as long as the whole history.
KEPT_BYTES = 64 * 2**20
#: So many are removed at once; not one in each run, because each removal is a request.
REMOVED_AT_ONCE = (8, 24)

#: From so many manifests on that must be read, so many are read side by side.
_MANY, _AT_ONCE = 8, 16

#: Rounds after which a commit leaves the snapshot to the next one: others commit all the time, or a listing does not show what is there.
_MOST_ROUNDS = 50


class SnapshotRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose files are data.

    :param run: run key.
    :param manifest: as it is.
    :param bytes: size of the manifest's file.
    :param modified: when that file was written, by the destination's clock, ISO-8601; null where its writer had not looked yet.
    """

    run: str
    manifest: Manifest
    bytes: int = 0
    modified: str | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest that is there and not data any more, since another one replaces it; see :class:`SnapshotRun`."""

    run: str
    bytes: int = 0
    modified: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy is: the runs whose files are data, newest first.

    :param version: of this format.
    :param resource: catalog name.
    :param store_hash: the store it is from.
    :param sequence: the number in its name.
    :param written_at: ISO-8601 in UTC, the worker's clock; for people.
    :param runs: newest first by ``Manifest.order``.
    :param left_out: manifests that are still there and need not be read again.
    """

    version: int = VERSION
    resource: str
    store_hash: str
    sequence: int
    written_at: str
    runs: tuple[SnapshotRun, ...]
    left_out: tuple[LeftOut, ...] = ()


def snapshot_name(resource: str, sequence: int) -> str:
    """A snapshot, below ``path``."""
    return f"{resource}/_snapshots/{sequence:020d}.json"


def stands_for(run: SnapshotRun) -> str:
    """What :attr:`Manifest.replaces` says of a run whose rows another manifest holds: this very commit, and none that follows it."""
    return f"{run.run}@{run.manifest.finished_at}"


def current(path: str | Path | ObjectStoragePath | Destination, resource: str) -> Snapshot | None:
    """The highest snapshot of a copy; one listing and one read. None for a copy that no run of this version has written to.

    A run that was killed in the middle of its commit may be missing; :func:`find_copy` does not miss it.

    :param path: as given to the transfer.
    :param resource: catalog name, or the path that was copied.
    :raises DestinationError: the directory cannot be listed or read, or the snapshot is of a later version or names a file elsewhere.
    """
    destination, folder = Destination.at(path), kept_name(resource)
    look = Look(folder, destination.entries(f"{folder}/_snapshots"))
    return _highest(destination, look)[0]


@dataclass(frozen=True, slots=True)
class Found:
    """What a copy is, by its manifests.

    :param look: the listing that tells it.
    :param snapshot: the highest that could be read, or None.
    :param entry: its file, or None where the listing does not show it.
    :param runs: whose files are data, newest first.
    :param left_out: see :class:`Snapshot`.
    """

    look: Look
    snapshot: Snapshot | None
    entry: Entry | None
    runs: tuple[SnapshotRun, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def is_told(self) -> bool:
        """Whether the snapshot says the same as the manifests."""
        if self.snapshot is None:
            return not self.runs
        return [(run.run, run.manifest) for run in self.snapshot.runs] == [(run.run, run.manifest) for run in self.runs]

    def manifest(self, run: str) -> Manifest | None:
        """The manifest of a run whose files are data."""
        return next((each.manifest for each in self.runs if each.run == run), None)

    def next_sequence(self) -> int:
        """The place of a run that is committed now: greater than those of all others, and than how many there are."""
        return 1 + max([len(self.runs), *(run.manifest.sequence for run in self.runs)])

    def last_read(self) -> datetime:
        """When the run that was committed last began to read, by the store's clock; the beginning of all time where none says."""
        last = max((run.manifest.sequence for run in self.runs), default=0)
        read = (run.manifest.order[0] for run in self.runs if run.manifest.sequence == last and run.manifest.read_at)
        return max(read, default=datetime.min.replace(tzinfo=UTC))

    def plus(self, run: str, manifest: Manifest) -> Found:
        """The same with a run's new manifest, whose file has not been looked at yet."""
        new = SnapshotRun(run=run, manifest=manifest, bytes=len(manifest.encode()))
        runs, left_out = _without_replaced([new, *(each for each in self.runs if each.run != run)], self.left_out)
        return Found(self.look, self.snapshot, self.entry, runs, left_out)


def find_copy(
    destination: Destination,
    resource: str,
    *,
    look: Look | None = None,
    known: Found | None = None,
    written: Snapshot | None = None,
) -> Found:
    """What a copy is now. Reads the highest snapshot, and of the manifests those that it does not know.

    :param resource: the resource's directory.
    :param look: a listing; None to take one.
    :param known: what was found before, so that a snapshot that is still the highest is not read again.
    :param written: the snapshot that the caller has just written: not read again.
    :raises DestinationError: something cannot be listed or read, or names a file that is not below the directory.
    """
    look = Look.at(destination, resource) if look is None else look
    snapshot, entry = _highest(destination, look, known, written)
    runs = {run.run: run for run in snapshot.runs} if snapshot is not None else {}
    left_out = {each.run: each for each in snapshot.left_out} if snapshot is not None and _is_all_there(snapshot, look) else {}
    is_same = _Sameness(entry, runs_with_copies(look))
    found: list[SnapshotRun] = []
    out: list[LeftOut] = []
    unknown: list[Entry] = []
    for file in look.below("_manifests"):
        run = _run_of(file)
        if not file.name.endswith(".json"):
            continue
        when = _when(file)
        if (same := runs.get(run)) is not None and is_same(same, file):
            found.append(msgspec.structs.replace(same, modified=when) if same.modified is None else same)
        elif (old := left_out.get(run)) is not None and is_same(old, file):
            out.append(msgspec.structs.replace(old, modified=when))
        else:
            unknown.append(file)
    for file, manifest in zip(unknown, _read(destination, resource, unknown), strict=True):
        if manifest is not None:
            found.append(SnapshotRun(run=_run_of(file), manifest=manifest, bytes=file.bytes, modified=_when(file)))
    return Found(look, snapshot, entry, *_without_replaced(found, out))


def _is_all_there(snapshot: Snapshot, look: Look) -> bool:
    """Whether each manifest that stands for others is still there: else those are data again, and are read again."""
    standing = (run.run for run in snapshot.runs if run.manifest.replaces)
    return all(look.get(f"{look.resource}/_manifests/{run}.json") is not None for run in standing)


def settle(destination: Destination, resource: str) -> Snapshot | None:
    """Bring the snapshot up to what the manifests say, and return it; see :func:`settled`."""
    return settled(destination, resource).snapshot


def settled(destination: Destination, resource: str, found: Found | None = None, written: Snapshot | None = None) -> Found:
    """Bring the snapshot up to what the manifests say; changes nothing where it says the same.

    :param resource: the resource's directory.
    :param found: what was found just now; None to look.
    :param written: a snapshot that was written before that look.
    :returns: what the copy is. Its snapshot is None where nothing was ever committed.
    :raises DestinationError: see :func:`find_copy`, or the snapshot cannot be written.
    """
    found = find_copy(destination, resource, written=written) if found is None else found
    for _ in range(_MOST_ROUNDS):
        if found.is_told:
            return found
        written = put(destination, found)
        found = find_copy(destination, resource, known=found, written=written)
    log.warning("%s changes all the time: its snapshot is left to the next run that commits there.", destination.full(resource))
    return found


def put(destination: Destination, found: Found) -> Snapshot | None:
    """Write what was found as the next snapshot.

    :returns: it; None where another one has taken the number meanwhile.
    :raises DestinationError: it cannot be written.
    """
    about = found.runs[0].manifest if found.runs else found.snapshot
    if about is None:
        raise ValueError("There is no run to tell of.")
    highest = max((_number(entry) for entry in _snapshots(found.look)), default=0)
    snapshot = Snapshot(
        resource=about.resource,
        store_hash=about.store_hash,
        sequence=1 + max(highest, found.snapshot.sequence if found.snapshot is not None else 0),
        written_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        runs=found.runs,
        left_out=found.left_out,
    )
    name = snapshot_name(found.look.resource, snapshot.sequence)
    return snapshot if destination.write_new(name, msgspec.json.encode(snapshot)) else None


def outlived(look: Look) -> list[str]:
    """The snapshots that may be removed now, oldest first: at most a few, and none before some have gathered.

    In addition, what commits that were killed had begun to write there.
    """
    old: list[str] = []
    begun = [entry.name for entry in look.below("_snapshots") if is_temporary(entry.name) and _age(look, entry) >= timedelta(days=1)]
    kept = 0
    fewest, most = REMOVED_AT_ONCE
    for place, entry in enumerate(_snapshots(look)):
        kept += entry.bytes
        age = _age(look, entry)
        if place > 0 and (age >= KEPT or (kept > KEPT_BYTES and age >= timedelta(hours=1))):
            old.append(entry.name)
    return [*begun, *(old[::-1][:most] if len(old) >= fewest else [])]


def _age(look: Look, entry: Entry) -> timedelta:
    """By the destination's own clock; none where it does not tell."""
    return look.now - entry.modified if look.now is not None and entry.modified is not None else timedelta()


# -- what is read


def _snapshots(look: Look) -> list[Entry]:
    """Highest first."""
    found = [entry for entry in look.below("_snapshots") if not is_temporary(entry.name) and _number(entry)]
    return sorted(found, key=_number, reverse=True)


def _number(entry: Entry) -> int:
    """The number in a snapshot's name; 0 for another file."""
    stem, _, end = entry.name.rpartition("/")[2].partition(".")
    return int(stem) if end == "json" and len(stem) == 20 and stem.isascii() and stem.isdecimal() else 0


def _highest(
    destination: Destination, look: Look, known: Found | None = None, written: Snapshot | None = None
) -> tuple[Snapshot | None, Entry | None]:
    there = _snapshots(look)
    if written is not None and (not there or _number(there[0]) <= written.sequence):
        return written, None  # also where the listing does not show it yet
    for entry in there:
        if known is not None and known.entry == entry and entry.modified is not None:
            return known.snapshot, entry
        data = destination.read(entry.name)
        if data is not None and (found := _decoded(data, destination.full(entry.name), look.resource)) is not None:
            return found, entry
    return None, None


def _decoded(data: bytes, name: str, resource: str) -> Snapshot | None:
    """:raises DestinationError: it is of a later version, or names a file that is not below the resource's directory."""
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise DestinationError(
                f"{name} has version {version}, and this version of the provider knows up to {VERSION}: a later one writes there. Upgrade "
                "airflow-provider-bigcommerce on this worker to the version of the others."
            )
        found = msgspec.json.decode(data, type=Snapshot)
        for manifest in (run.manifest for run in found.runs):
            _ = manifest.order
    except ValueError as error:
        log.warning("%s is not a whole snapshot (%s): the one before it and the manifests tell what the copy is.", name, error)
        return None
    for manifest in (run.manifest for run in found.runs):
        for file in manifest.files:
            require_within(file.path, resource, name)
    return found


class _Version(msgspec.Struct):
    version: int


def decoded_manifest(data: bytes, name: str, folder: str) -> Manifest | None:
    """A manifest's file; one that is not whole is None, and is warned of.

    :param name: for the warning.
    :param folder: the run's: what a run replaces is removed, and another run's files are not its own.
    :raises DestinationError: it names a file that is not below that folder.
    """
    try:
        found = Manifest.decode(data)
    except ValueError as error:
        log.warning("%s is not a whole manifest (%s): its run is taken as not committed.", name, error)
        return None
    for file in found.files:
        require_within(file.path, folder, name)
    return found


def _run_of(file: Entry) -> str:
    return file.name.rpartition("/")[2].removesuffix(".json")


def _read(destination: Destination, resource: str, files: Sequence[Entry]) -> list[Manifest | None]:
    """The manifests in these files; None for one that is not whole, or gone meanwhile."""
    names = [file.name for file in files]
    if destination.is_local or len(names) < _MANY:
        read = list(map(destination.read, names))
    else:  # a copy of an earlier version: it has no snapshot, and each read is a request
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            read = list(threads.map(destination.read, names))
    return [
        None if data is None else decoded_manifest(data, destination.full(file.name), f"{resource}/run={_run_of(file)}")
        for file, data in zip(files, read, strict=True)
    ]


def _when(file: Entry) -> str | None:
    return file.modified.isoformat() if file.modified is not None else None


@dataclass(frozen=True, slots=True)
class _Sameness:
    """Whether a manifest's file is still the one that a snapshot knows.

    One whose time the snapshot does not know was repaired before it. Then only another try can have replaced it: it did so later, and
    had left a copy in ``_tries``.

    :param snapshot: the snapshot's file; None where it was written just now.
    :param retried: runs with copies.
    """

    snapshot: Entry | None
    retried: frozenset[str]

    def __call__(self, known: SnapshotRun | LeftOut, file: Entry) -> bool:
        if known.bytes != file.bytes:
            return False
        if known.modified is not None:
            return known.modified == _when(file)
        later = self.snapshot is not None and _is_later(file, self.snapshot)
        return known.run not in self.retried and not later


def _is_later(one: Entry, other: Entry) -> bool:
    return one.modified is not None and other.modified is not None and one.modified > other.modified


def _without_replaced(found: Sequence[SnapshotRun], out: Iterable[LeftOut]) -> tuple[tuple[SnapshotRun, ...], tuple[LeftOut, ...]]:
    """The runs newest first, and what is left out next to ``out``: those that another run's manifest stands for."""
    exact = {each for run in found for each in run.manifest.replaces}
    before: dict[str, int] = {}
    for run in found:
        for key in run.manifest.replaces:
            before[key] = max(before.get(key, 0), run.manifest.sequence)

    def is_replaced(run: SnapshotRun) -> bool:
        return stands_for(run) in exact or run.manifest.sequence < before.get(run.run, 0)

    runs = sorted((run for run in found if not is_replaced(run)), key=lambda run: run.manifest.order, reverse=True)
    new = (LeftOut(run=run.run, bytes=run.bytes, modified=run.modified) for run in found if is_replaced(run))
    return tuple(runs), (*out, *new)
