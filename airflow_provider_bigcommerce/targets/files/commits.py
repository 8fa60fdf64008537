"""The manifest of a run: the one file whose presence makes the run's files data.

It is written last and replaced whole. Readers take the files that manifests name and nothing else; this module says how they
are laid out, which manifests are committed, and which files no manifest will ever name. What all manifests say together is in the
snapshot (``targets.files.snapshots``), which each commit brings up to date before it removes anything.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from airflow_provider_bigcommerce.core.file_names import require_within
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.snapshots import Found, decoded_manifest, find_copy, put, settled
from airflow_provider_bigcommerce.targets.files.tries import Try, copies, copy_name

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)


def run_folder(resource: str, run: str) -> str:
    """Where a run's data files are, below ``path``."""
    return f"{resource}/run={run}"


def manifest_name(resource: str, run: str) -> str:
    """A run's manifest, below ``path``."""
    return f"{resource}/_manifests/{run}.json"


def try_mark(*, is_first: bool) -> str:
    """What ends the names of one try's files: nothing for the first try of a run, ``-`` and eight hex digits for every other.

    All tries of a run write into one directory, and one that Airflow took for dead may still write when its retry does. A cleared task
    writes next to the files that it replaces. So no two of them may use a name.
    """
    return "" if is_first else f"-{uuid.uuid4().hex[:8]}"


def read_manifest(destination: Destination, resource: str, run: str) -> Manifest | None:
    """The committed manifest of a run, or None; one that is not whole is none, and is warned of.

    :raises DestinationError: it names a file that is not below the run's directory, or cannot be read.
    """
    return _read(destination, resource, run, manifest_name(resource, run))


def _read(destination: Destination, resource: str, run: str, name: str) -> Manifest | None:
    data = destination.read(name)
    return None if data is None else decoded_manifest(data, destination.full(name), run_folder(resource, run))


def committed(path: str | Path | ObjectStoragePath | Destination, resource: str) -> list[Manifest]:
    """The committed manifests of a resource below a transfer's ``path``, newest first: what its copy consists of.

    Those that a compaction's manifest stands for are left out. One listing and one read, and a read for each manifest that is not in the
    snapshot yet.

    :param path: as given to the transfer.
    :param resource: catalog name, or the path that was copied.
    :raises DestinationError: the directory cannot be listed or read, or a manifest names a file that is not below it.
    """
    return [run.manifest for run in find_copy(Destination.at(path), kept_name(resource)).runs]


def missing_file(destination: Destination, manifest: Manifest, look: Look | None = None) -> DataFile | None:
    """The first file of a manifest that is not there, or not of its size; None where the run is whole.

    :param look: a listing of the resource's directory; None to list the files' folders now.
    """
    if look is not None:
        entries = {file.path: look.get(file.path) for file in manifest.files}
        return next((file for file in manifest.files if (entry := entries[file.path]) is None or entry.bytes != file.bytes), None)
    folders = {file.path.rpartition("/")[0] for file in manifest.files}
    there = {entry.name: entry.bytes for folder in folders for entry in destination.entries(folder)}
    return next((file for file in manifest.files if there.get(file.path) != file.bytes), None)


class Begun(msgspec.Struct, frozen=True):
    """A try of a run, as it begins.

    :param this: its number among the tries, and what ends the names of its files.
    :param replaced: the manifest that it may replace.
    :param left: the files that others left in the run's directory.
    :param found: the copy as it was then.
    """

    this: Try
    replaced: Manifest | None
    left: tuple[str, ...]
    found: Found


def begin_try(
    destination: Destination, resource: str, run: str, *, number: int, is_first: bool = True, found: Found | None = None
) -> Begun:
    """Begin a try of a run; what an earlier one left undone is repaired.

    :param number: Airflow's count of tries.
    :param is_first: whether nothing else shows an earlier try.
    :param found: the copy as it was a moment ago; None to look.
    """
    found = find_copy(destination, resource) if found is None else found
    replaced, is_changed = what_counts(destination, found.look, run)
    found = settled(destination, resource, None if is_changed else found)
    look = found.look
    last = max([*(copy.of.number for copy in copies(look, run)), replaced.attempt if replaced is not None else 0])
    mark = try_mark(is_first=is_first and not last and number == 1)
    left = tuple(entry.name for entry in look.below(f"run={run}") if not is_temporary(entry.name))
    return Begun(Try(max(number, last + 1, 2 if mark else 1), mark), replaced, left, found)


def commit(
    destination: Destination,
    resource: str,
    run: str,
    manifest: Manifest,
    replaced: Manifest | None,
    *,
    mark: str = "",
    left: Iterable[str] = (),
    known: Found | None = None,
    is_numbered: bool = True,
) -> Manifest:
    """Make a run's files data: put the manifest and the snapshot that names it, look again, then remove the files that it replaces.

    A reader sees the old manifest or the new one, never a mixture. Where another try of the run has committed meanwhile, that stays and
    this one's files go; where one that this try follows was about to, this one stays (see ``targets.files.tries``). Nothing is removed
    before the snapshot says what counts.

    :param replaced: what was there when this try began.
    :param mark: of this try's files.
    :param left: from :func:`begin_try`.
    :param known: the copy as it was when the run began, so that what is the same need not be read again.
    :param is_numbered: whether the manifest has its ``sequence``; else it gets it here.
    :returns: the run's manifest as it stands now.
    :raises DestinationError: a file is not there any more, or the manifest cannot be written; then nothing has changed for readers.
    """
    own = manifest_name(resource, run)
    found = find_copy(destination, resource, known=known)
    if not is_numbered:
        manifest = msgspec.structs.replace(manifest, sequence=found.next_sequence())
    this = Try(manifest.attempt, mark)
    if (other := _committed_meanwhile(destination, found.look, run, replaced)) is not None:
        return _step_back(destination, resource, run, manifest, other)

    def require_whole() -> None:
        # A new one does not have the files that a removed directory had. On the local disk this is asked in the moment before the rename.
        if (missing := missing_file(destination, manifest, None if destination.is_local else found.look)) is not None:
            raise _gone(destination, missing.path)

    if not this.is_first:
        require_whole()
        destination.write(copy_name(resource, run, this), manifest.encode())
    try:
        destination.write(own, manifest.encode(), require_whole)
    except DestinationError:
        if (other := _committed_meanwhile(destination, Look.at(destination, resource), run, replaced)) is None:
            raise
        return _step_back(destination, resource, run, manifest, other)
    written = put(destination, found.plus(run, manifest))
    # Whatever happened since the look above, what counts stands from here on, or is put back by the next try or run that looks.
    stands, found = _settle(destination, find_copy(destination, resource, known=found, written=written), run, otherwise=manifest)
    if stands is None:  # never removed by a try: one that hung before that would remove another's
        raise _gone(destination, own)
    if stands != manifest:
        return _step_back(destination, resource, run, manifest, stands)
    if replaced is None and not left:
        return manifest
    return _remove_replaced(destination, found, run, manifest, replaced, left)


def _committed_meanwhile(destination: Destination, look: Look, run: str, replaced: Manifest | None) -> Manifest | None:
    """What another try has committed since this one began, if that is whole."""
    if look.get(manifest_name(look.resource, run)) is None:
        return None
    present = read_manifest(destination, look.resource, run)
    known = replaced.finished_at if replaced is not None else None
    is_new = present is not None and present.finished_at != known and missing_file(destination, present) is None
    return present if is_new else None


def _remove_replaced(
    destination: Destination, found: Found, run: str, manifest: Manifest, replaced: Manifest | None, left: Iterable[str]
) -> Manifest:
    """Remove what the run held before this try: only what no other try can give a manifest to any more.

    On the local disk a manifest on its way is stopped before and after. Elsewhere nothing can be stopped, so a run of several tries keeps
    all their files until they are a day old.
    """
    resource = found.look.resource
    folder, own = run_folder(resource, run), manifest_name(resource, run)
    kept = {file.path for file in manifest.files}
    old = {*left, *(file.path for file in (replaced.files if replaced is not None else ()))} - kept
    is_alone = replaced is not None and replaced.attempt == 1 and len(copies(found.look, run)) <= 1
    if not destination.is_local and not (is_alone or manifest.attempt == 1):
        return manifest
    destination.forestall(own)
    stands, found = _settle(destination, find_copy(destination, resource, known=found), run, otherwise=manifest)
    if stands != manifest:  # a try that this one follows cannot count more: a later one has committed
        return stands if stands is not None else manifest
    destination.remove_all(require_within(name, folder, own) for name in sorted(old))
    destination.forestall(own)
    return _settle(destination, find_copy(destination, resource, known=found), run, otherwise=manifest)[0] or manifest


def _gone(destination: Destination, name: str) -> DestinationError:
    return DestinationError(
        f"{destination.full(name)} was written by this run and is not there any more, or is not what it was. Was the "
        "directory removed or unmounted, or is something else writing there? Nothing was committed; let the task try again."
    )


def _step_back(destination: Destination, resource: str, run: str, manifest: Manifest, stands: Manifest) -> Manifest:
    """Leave the run to the try whose manifest stands: what this one alone wrote goes."""
    log.warning("Another try of this run has committed %s rows meanwhile; what this one wrote is dropped.", f"{stands.rows:,}")
    others = [_read(destination, resource, run, copy.entry.name) for copy in copies(Look.at(destination, resource), run)]
    _drop(destination, manifest, [stands, *(other for other in others if other is not None and other != manifest)])
    return stands


def _settle(destination: Destination, found: Found, run: str, otherwise: Manifest) -> tuple[Manifest | None, Found]:
    """The manifest of a run that counts, put back where another one stands; then the snapshot that says so.

    :param otherwise: what was just put, where no try left a copy that counts more.
    """
    resource = found.look.resource
    while True:
        stands, is_changed = what_counts(destination, found.look, run, otherwise)
        if not is_changed:
            return stands, settled(destination, resource, found)
        found = find_copy(destination, resource, known=found)


def what_counts(destination: Destination, look: Look, run: str, otherwise: Manifest | None = None) -> tuple[Manifest | None, bool]:
    """The manifest of a run that counts, and whether it was put back now, so that the look is out of date."""
    resource = look.resource
    stands = read_manifest(destination, resource, run) if otherwise is not None or look.get(manifest_name(resource, run)) else None
    counts = None
    for copy in copies(look, run):
        found = _read(destination, resource, run, copy.entry.name)
        if found is not None and missing_file(destination, found) is None:
            counts = found
            break
    if counts is None or (stands is not None and (stands == counts or stands.attempt > counts.attempt)):
        return stands, False
    if stands is None and otherwise is None:
        return None, False  # a manifest that a person removed stays away, and one that never came was never told
    log.warning(
        "The manifest %s is of an earlier try of its run (%s) than the one that counts (%s), which is put back.",
        manifest_name(resource, run), stands.attempt if stands is not None else "none", counts.attempt,
    )  # fmt: skip
    destination.write(manifest_name(resource, run), counts.encode())
    return counts, True


def _drop(destination: Destination, old: Manifest, kept_by: Iterable[Manifest]) -> None:
    """Remove the files that only the old manifest names."""
    kept = {file.path for manifest in kept_by for file in manifest.files}
    destination.remove_all(file.path for file in old.files if file.path not in kept)
