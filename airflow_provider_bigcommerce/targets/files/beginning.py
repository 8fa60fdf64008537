"""How a run into files begins: what is there, what is refused, what killed tries left and is repaired or removed.

Uses one listing of the resource's directory. Nothing of a run that is data is read again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.targets.files.commits import manifest_name, run_folder, what_counts
from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry, is_temporary
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.snapshots import Found, find_copy, outlived, settled
from airflow_provider_bigcommerce.targets.files.tries import copies_of_task, is_outlived

#: A file that no manifest names is left alone this long: its run may still be writing.
ORPHAN_AGE = timedelta(days=1)


def begin(destination: Destination, resource: str, task: str, *, store_hash: str | None, but: str | None = None) -> tuple[Found, int]:
    """Look at a copy that a run will add to, refuse what can be refused, and repair what killed tries left.

    :param resource: the resource's directory.
    :param task: from :func:`task_key`.
    :param store_hash: the store; None where any may be mixed.
    :param but: see :func:`remove_orphans`.
    :returns: the copy, and how many files of killed tries were removed.
    :raises InvalidQueryError: it is of another store.
    :raises DestinationError: the destination cannot be read and written.
    """
    look = Look.into(destination, resource)
    found = find_copy(destination, resource, look=look)
    if store_hash is not None:
        refuse_another_store(destination, found, store_hash)
    if put_right(destination, look, task):
        found = find_copy(destination, resource)
    found = settled(destination, resource, found)
    destination.remove_all(outlived(look))
    return found, remove_orphans(destination, found, task, now=look.now, but=but)


def refuse_another_store(destination: Destination, found: Found, store_hash: str) -> None:
    """A copy is made of all manifests of its directory, so one of another store does not belong there.

    :param found: the copy.
    :param store_hash: the store that the connection points to.
    :raises InvalidQueryError: the directory holds another store's.
    """
    other = next((run.manifest.store_hash for run in found.runs if run.manifest.store_hash != store_hash), None)
    if other is not None:
        raise InvalidQueryError(
            f"{destination.full(found.look.resource)} holds a copy of the store {other!r}, and the connection now points to "
            f"{store_hash!r}: continuing would mix two stores in one copy. Give another path for the new store. To start over here, "
            "empty the directory."
        )


def put_right(destination: Destination, look: Look, task: str) -> bool:
    """Put back what counts in all runs of a task: a try that was killed after it had overwritten a later one's manifest cannot.

    :param task: from :func:`task_key`.
    :returns: whether any was put back, so that the look is out of date.
    """
    is_changed = False
    for run, left in copies_of_task(look, task).items():
        stands = look.get(manifest_name(look.resource, run))
        if stands is not None and not _was_put_with(stands, left[0].entry):
            is_changed |= what_counts(destination, look, run)[1]
        for copy in left:
            if is_outlived(copy, look.now):
                destination.remove(copy.entry.name)
    return is_changed


def _was_put_with(stands: Entry, copy: Entry) -> bool:
    """Whether a manifest is as long as a copy and was written right after it: then it is the same, and need not be read."""
    if stands.modified is None or copy.modified is None:
        return False
    return stands.bytes == copy.bytes and stands.modified - copy.modified < timedelta(seconds=10)


def discard_unfinished(destination: Destination, folder: str, look: Look | None = None) -> int:
    """Remove the files that earlier tries had begun in a directory and not closed: no manifest can name one.

    What they closed stays until another try has committed: one that Airflow took for dead may yet do so itself.

    :param folder: below ``path``.
    :param look: a listing of the resource's directory; None to list the folder now.
    :returns: how many were removed.
    """
    entries = destination.entries(folder) if look is None else look.below(folder.removeprefix(f"{look.resource}/"))
    return destination.remove_all(entry.name for entry in entries if is_temporary(entry.name))


def remove_orphans(
    destination: Destination, found: Found, task: str, *, now: datetime | None, age: timedelta = ORPHAN_AGE, but: str | None = None
) -> int:
    """Remove what killed runs of a task left: files no manifest names, none of whose run changed for ``age``, and their checkpoints' keys.

    Nothing is read: the manifests of all runs that are data are known. One that is there and not known may belong to a later version of
    this package, or be replaced by a compaction, whose readers still need the files.

    :param found: the copy; its snapshot names no file that is removed here.
    :param task: from :func:`task_key`; other tasks' files are not touched.
    :param now: the destination's own time, because the worker's may be a day ahead; None, where it does not tell, removes nothing.
    :param but: the run that is under way, whose mapped tasks may have waited long for each other.
    :returns: how many files were removed.
    """
    if now is None:
        return 0
    look, resource = found.look, found.look.resource
    runs: dict[str, list[Entry]] = {}
    start, keys = f"{resource}/run={task}--", f"{resource}/_checkpoints/{task}--"
    old: list[str] = []
    for entry in look.entries:
        if entry.name.startswith(start):
            runs.setdefault(entry.name.split("/")[1].removeprefix("run="), []).append(entry)
        elif entry.name.startswith(keys) and ".keys-" in entry.name and _is_older(entry, now, age):
            old.append(entry.name)
    known = {run.run: run.manifest for run in found.runs}
    empty: list[str] = []
    for run, files in runs.items():
        manifest = known.get(run)
        if run == but or (manifest is None and look.get(manifest_name(resource, run)) is not None):
            continue
        if not all(_is_older(entry, now, age) for entry in files):
            continue
        kept = {file.path for file in manifest.files} if manifest is not None else set()
        old += [entry.name for entry in files if entry.name not in kept]
        if manifest is None:
            empty.append(run_folder(resource, run))
    removed = destination.remove_all(old)
    for folder in empty:
        destination.remove_empty(folder)
    return removed


def _is_older(entry: Entry, now: datetime, age: timedelta) -> bool:
    """A store that does not tell when a file was written gets no file removed."""
    return entry.modified is not None and now.astimezone(UTC) - entry.modified >= age
