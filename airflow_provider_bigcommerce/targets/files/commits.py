"""The manifest of a run: the one file whose presence makes the run's files data.

It is written last and replaced whole. Readers take the files that manifests name and nothing else; this module says how they
are laid out, which manifests are committed, and which files no manifest will ever name.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bigcommerce.core.file_names import require_within
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry, is_temporary
from airflow_provider_bigcommerce.targets.files.tries import Try, copies, copies_of_task, copy_name, is_outlived

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: A file that no manifest names is left alone this long: its run may still be writing.
ORPHAN_AGE = timedelta(days=1)


def run_folder(resource: str, run: str) -> str:
    """Where a run's data files are, below ``path``."""
    return f"{resource}/run={run}"


def manifest_name(resource: str, run: str) -> str:
    """A run's manifest, below ``path``."""
    return f"{resource}/_manifests/{run}.json"


def try_mark(*, is_first: bool) -> str:
    """What ends the names of one try's files: nothing for the first try of a run, ``-`` and eight hex digits for every other.

    All tries of a run write into one directory, and one that Airflow took for dead may still write when its retry does. A cleared task
    writes beside the files that it replaces. So no two of them may use a name.
    """
    return "" if is_first else f"-{uuid.uuid4().hex[:8]}"


def read_manifest(destination: Destination, resource: str, run: str) -> Manifest | None:
    """The committed manifest of a run, or None; one that is not whole is none, and is warned of.

    :raises DestinationError: it names a file that is not below the run's directory, or cannot be read.
    """
    return _read(destination, resource, run, manifest_name(resource, run))


def _read(destination: Destination, resource: str, run: str, name: str) -> Manifest | None:
    data = destination.read(name)
    found = None if data is None else _decoded(data, destination.full(name), resource)
    if found is not None:
        for file in found.files:  # what a run replaces is removed: another run's files are not its own
            require_within(file.path, run_folder(resource, run), destination.full(name))
    return found


def _decoded(data: bytes, name: str, resource: str) -> Manifest | None:
    try:
        found = Manifest.decode(data)
    except ValueError as error:
        log.warning("%s is not a whole manifest (%s): its run is taken as not committed.", name, error)
        return None
    for file in found.files:
        require_within(file.path, resource, name)
    return found


def committed(path: str | Path | ObjectStoragePath | Destination, resource: str) -> list[Manifest]:
    """All committed manifests of a resource below a transfer's ``path``, newest first.

    :param path: as given to the transfer.
    :param resource: catalog name, or the path that was copied.
    :raises DestinationError: the directory cannot be listed or read, or a manifest names a file that is not below it.
    """
    destination = Destination.at(path)
    found: list[Manifest] = []
    for entry in destination.entries(f"{kept_name(resource)}/_manifests"):
        if not entry.name.endswith(".json"):
            continue
        data = destination.read(entry.name)
        if data is not None and (manifest := _decoded(data, destination.full(entry.name), resource)) is not None:
            found.append(manifest)
    return sorted(found, key=lambda manifest: manifest.order, reverse=True)


def next_sequence(destination: Destination, resource: str) -> int:
    """The place of a run that is committed now among the runs of a copy.

    Greater than that of the manifest that was written last, by the destination's own clock, and than how many there are.
    """
    count, last = _last_committed(destination, resource)
    return 1 + max([count, *(manifest.sequence for manifest in last)])


def last_read(destination: Destination, resource: str) -> datetime:
    """When the run that was committed last began to read, by the store's clock; the beginning of all time where there is none."""
    _, last = _last_committed(destination, resource)
    return max((manifest.order[0] for manifest in last if manifest.read_at), default=datetime.min.replace(tzinfo=UTC))


def _last_committed(destination: Destination, resource: str) -> tuple[int, list[Manifest]]:
    """How many manifests there are, and those that were written last, by the destination's own clock."""
    there = {entry.name: entry.modified for entry in destination.entries(f"{resource}/_manifests") if entry.name.endswith(".json")}
    latest = max((when for when in there.values() if when is not None), default=None)
    # A destination may tell whole seconds.
    last = [name for name, when in there.items() if when is not None and latest is not None and latest - when < timedelta(seconds=1)]
    found = (_decoded(destination.read(name) or b"", destination.full(name), resource) for name in last)
    return len(there), [manifest for manifest in found if manifest is not None]


def refuse_another_store(destination: Destination, resource: str, store_hash: str) -> None:
    """A copy is made of all manifests of its directory, so one of another store does not belong there.

    :param store_hash: the store that the connection points to.
    :raises InvalidQueryError: the directory holds another store's.
    :raises DestinationError: the directory cannot be listed or read.
    """
    for entry in destination.entries(f"{resource}/_manifests"):
        data = destination.read(entry.name) if entry.name.endswith(".json") else None
        if data is not None and (manifest := _decoded(data, destination.full(entry.name), resource)) is not None:
            if manifest.store_hash != store_hash:
                raise InvalidQueryError(
                    f"{destination.full(resource)} holds a copy of the store {manifest.store_hash!r}, and the connection now points to "
                    f"{store_hash!r}: going on would mix two stores in one copy. Give another path for the new store. To start over here, "
                    "empty the directory."
                )
            return  # the others were held against it when they were written


def missing_file(destination: Destination, manifest: Manifest) -> DataFile | None:
    """The first file of a manifest that is not there, or not of its size; None where the run is whole."""
    folders = {file.path.rpartition("/")[0] for file in manifest.files}
    there = {entry.name: entry.bytes for folder in folders for entry in destination.entries(folder)}
    return next((file for file in manifest.files if there.get(file.path) != file.bytes), None)


class Begun(msgspec.Struct, frozen=True):
    """A try of a run, as it begins.

    :param this: its number among the tries, and what ends the names of its files.
    :param replaced: the manifest that it may replace.
    :param left: the files that others left in the run's directory.
    """

    this: Try
    replaced: Manifest | None
    left: tuple[str, ...]


def begin_try(destination: Destination, resource: str, run: str, *, number: int, is_first: bool = True) -> Begun:
    """Begin a try of a run; what an earlier one left undone is put right.

    :param number: Airflow's count of tries.
    :param is_first: whether nothing else tells of an earlier try.
    """
    replaced = _settle(destination, resource, run)
    last = max([*(copy.of.number for copy in copies(destination, resource, run)), replaced.attempt if replaced is not None else 0])
    mark = try_mark(is_first=is_first and not last and number == 1)
    left = tuple(entry.name for entry in destination.entries(run_folder(resource, run)) if not is_temporary(entry.name))
    return Begun(Try(max(number, last + 1, 2 if mark else 1), mark), replaced, left)


def commit(
    destination: Destination,
    resource: str,
    run: str,
    manifest: Manifest,
    replaced: Manifest | None,
    *,
    mark: str = "",
    left: Iterable[str] = (),
) -> Manifest:
    """Make a run's files data: put the manifest, look again, then remove the files that it replaces.

    A reader sees the old manifest or the new one, never a mixture. Where another try of the run has committed meanwhile, that stays and
    this one's files go; where one that this try follows was about to, this one stays (see ``targets.files.tries``).

    :param replaced: what stood there when this try began.
    :param mark: of this try's files.
    :param left: from :func:`begin_try`.
    :returns: the run's manifest as it stands now.
    :raises DestinationError: a file is not there any more, or the manifest cannot be written; then nothing has changed for readers.
    """
    this, own = Try(manifest.attempt, mark), manifest_name(resource, run)
    if (other := _committed_meanwhile(destination, resource, run, replaced)) is not None:
        return _step_back(destination, resource, run, manifest, other)

    def require_whole() -> None:
        if (missing := missing_file(destination, manifest)) is not None:  # one made anew has not the files that a removed directory had
            raise _gone(destination, missing.path)

    if not this.is_first:
        require_whole()
        destination.write(copy_name(resource, run, this), manifest.encode())
    try:
        destination.write(own, manifest.encode(), require_whole)
    except DestinationError:
        if (other := _committed_meanwhile(destination, resource, run, replaced)) is None:
            raise
        return _step_back(destination, resource, run, manifest, other)
    # Whatever happened since the look above, what counts stands from here on, or is put back by the next try or run that looks.
    stands = _settle(destination, resource, run, otherwise=manifest)
    if stands is None:  # never removed by a try: one that hung before that would remove another's
        raise _gone(destination, own)
    if stands != manifest:
        return _step_back(destination, resource, run, manifest, stands)
    if replaced is None and not left:
        return manifest
    return _remove_replaced(destination, resource, run, manifest, replaced, left)


def _committed_meanwhile(destination: Destination, resource: str, run: str, replaced: Manifest | None) -> Manifest | None:
    """What another try has committed since this one began, if that is whole."""
    present = read_manifest(destination, resource, run)
    known = replaced.finished_at if replaced is not None else None
    is_new = present is not None and present.finished_at != known and missing_file(destination, present) is None
    return present if is_new else None


def _remove_replaced(
    destination: Destination, resource: str, run: str, manifest: Manifest, replaced: Manifest | None, left: Iterable[str]
) -> Manifest:
    """Remove what the run held before this try: only what no other try can give a manifest to any more.

    On the local disk a manifest on its way is stopped before and after. Elsewhere nothing can be stopped, so a run of several tries keeps
    all their files until they are a day old.
    """
    folder, own = run_folder(resource, run), manifest_name(resource, run)
    kept = {file.path for file in manifest.files}
    old = {*left, *(file.path for file in (replaced.files if replaced is not None else ()))} - kept
    is_alone = replaced is not None and replaced.attempt == 1 and len(copies(destination, resource, run)) <= 1
    if not destination.is_local and not (is_alone or manifest.attempt == 1):
        return manifest
    destination.forestall(own)
    stands = _settle(destination, resource, run, otherwise=manifest)
    if stands != manifest:  # a try that this one follows cannot count more: a later one has committed
        return stands if stands is not None else manifest
    _remove(destination, (require_within(name, folder, own) for name in sorted(old)))
    destination.forestall(own)
    return _settle(destination, resource, run, otherwise=manifest) or manifest


def _gone(destination: Destination, name: str) -> DestinationError:
    return DestinationError(
        f"{destination.full(name)} was written by this run and is not there any more, or is not what it was. Was the "
        "directory removed or unmounted, or is something else writing there? Nothing was committed; let the task try again."
    )


def _step_back(destination: Destination, resource: str, run: str, manifest: Manifest, stands: Manifest) -> Manifest:
    """Leave the run to the try whose manifest stands: what this one alone wrote goes."""
    log.warning("Another try of this run has committed %s rows meanwhile; what this one wrote is dropped.", f"{stands.rows:,}")
    others = [_read(destination, resource, run, copy.entry.name) for copy in copies(destination, resource, run)]
    _drop(destination, manifest, [stands, *(other for other in others if other is not None and other != manifest)])
    return stands


def _settle(destination: Destination, resource: str, run: str, otherwise: Manifest | None = None) -> Manifest | None:
    """The manifest of a run that counts; it is put back where another one stands.

    :param otherwise: what was just put, where no try left a copy that counts more.
    """
    while True:
        stands = read_manifest(destination, resource, run)
        counts = None
        for copy in copies(destination, resource, run):
            found = _read(destination, resource, run, copy.entry.name)
            if found is not None and missing_file(destination, found) is None:
                counts = found
                break
        if counts is None or (stands is not None and (stands == counts or stands.attempt > counts.attempt)):
            return stands
        if stands is None and otherwise is None:
            return None  # a manifest that a person removed stays away, and one that never came was never told
        log.warning(
            "The manifest %s is of an earlier try of its run (%s) than the one that counts (%s), which is put back.",
            manifest_name(resource, run), stands.attempt if stands is not None else "none", counts.attempt,
        )  # fmt: skip
        destination.write(manifest_name(resource, run), counts.encode())


def put_right(destination: Destination, resource: str, task: str, *, now: datetime | None) -> None:
    """Put back what counts in all runs of a task: a try that was killed after it had overwritten a later one's manifest cannot.

    :param task: from :func:`task_key`.
    :param now: the destination's own time, or None where it does not tell.
    """
    found = copies_of_task(destination, resource, task)
    there = {entry.name: entry for entry in destination.entries(f"{resource}/_manifests")} if found else {}
    for run, left in found.items():
        stands = there.get(manifest_name(resource, run))
        if stands is not None and not _was_put_with(stands, left[0].entry):
            _settle(destination, resource, run)
        for copy in left:
            if is_outlived(copy, now):
                destination.remove(copy.entry.name)


def _was_put_with(stands: Entry, copy: Entry) -> bool:
    """Whether a manifest is as long as a copy and was written right after it: then it is the same, and need not be read."""
    if stands.modified is None or copy.modified is None:
        return False
    return stands.bytes == copy.bytes and stands.modified - copy.modified < timedelta(seconds=10)


def _drop(destination: Destination, old: Manifest, kept_by: Iterable[Manifest]) -> None:
    """Remove the files that only the old manifest names."""
    kept = {file.path for manifest in kept_by for file in manifest.files}
    _remove(destination, (file.path for file in old.files if file.path not in kept))


def discard_unfinished(destination: Destination, folder: str) -> int:
    """Remove the files that earlier tries had begun in a directory and not closed: no manifest can name one.

    What they closed stays until another try has committed: one that Airflow took for dead may yet do so itself.

    :param folder: below ``path``.
    :returns: how many were removed.
    """
    return _remove(destination, (entry.name for entry in destination.entries(folder) if is_temporary(entry.name)))


def remove_orphans(
    destination: Destination, resource: str, task: str, *, now: datetime | None, age: timedelta = ORPHAN_AGE, but: str | None = None
) -> int:
    """Remove what killed runs of a task left: files no manifest names, none of whose run changed for ``age``, and their checkpoints' keys.

    :param task: from :func:`task_key`; other tasks' files are not touched.
    :param now: the destination's own time, for the worker's may be a day ahead; None, where it does not tell, removes nothing.
    :param but: the run that is under way, whose mapped tasks may have waited long for each other.
    :returns: how many files were removed.
    """
    if now is None:
        return 0
    runs: dict[str, list[Entry]] = {}
    start, keys = f"{resource}/run={task}--", f"{resource}/_checkpoints/{task}--"
    removed = 0
    for entry in destination.entries(resource):
        if entry.name.startswith(start):
            runs.setdefault(entry.name.split("/")[1].removeprefix("run="), []).append(entry)
        elif entry.name.startswith(keys) and ".keys-" in entry.name and _is_older(entry, now, age):
            removed += _remove(destination, [entry.name])
    for run, files in runs.items():
        if run == but:
            continue
        if not all(_is_older(entry, now, age) for entry in files):
            continue
        manifest = read_manifest(destination, resource, run)
        if manifest is None and destination.read(manifest_name(resource, run)) is not None:
            continue  # a manifest that cannot be read may belong to a later version of this package
        kept = {file.path for file in manifest.files} if manifest is not None else set()
        removed += _remove(destination, (entry.name for entry in files if entry.name not in kept))
        if manifest is None:
            destination.remove_empty(run_folder(resource, run))
    return removed


def _is_older(entry: Entry, now: datetime, age: timedelta) -> bool:
    """A store that does not tell when a file was written gets no file removed."""
    return entry.modified is not None and now.astimezone(UTC) - entry.modified >= age


def _remove(destination: Destination, names: Iterable[str]) -> int:
    count = 0
    for name in names:
        destination.remove(name)
        count += 1
    return count
