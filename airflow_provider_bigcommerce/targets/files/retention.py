"""What compactions have replaced, removed when nobody reads it any more.

A run's manifest goes first, then its files, so that nobody who reads by manifests finds one whose files are gone; what a removal that was
stopped has left is removed by the next one. Ages are told by the destination's own clock. A run that was committed again meanwhile is
another one and stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.targets.files.beginning import ORPHAN_AGE
from airflow_provider_bigcommerce.targets.files.commits import manifest_name, missing_file, read_manifest, run_folder
from airflow_provider_bigcommerce.targets.files.compaction_plan import is_compaction
from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.tries import copies

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Removed:
    """What was removed, or would be.

    :param runs: earlier runs.
    :param files: data files.
    :param bytes: of these.
    """

    runs: int = 0
    files: int = 0
    bytes: int = 0


def newest_compaction(look: Look) -> datetime | None:
    """When a copy was compacted last, by the destination's clock; None where it never was, or the destination does not tell."""
    times = [entry.modified for _, entry in _compactions(look) if entry.modified is not None]
    return max(times, default=None)


def still_there(look: Look, manifest: Manifest) -> list[str]:
    """What an earlier compaction replaced and what has not been removed yet: the one that replaces it says so again."""
    return [each for each in manifest.replaces if look.get(manifest_name(look.resource, _parted(each)[0])) is not None]


def remove_outlived(destination: Destination, look: Look, keep: timedelta, *, now: datetime | None, dry_run: bool = False) -> Removed:
    """Remove what was replaced ``keep`` ago or earlier, and what killed compactions left.

    :param look: the resource's directory.
    :param now: the destination's own time; None, where it does not tell, removes nothing.
    :param dry_run: remove nothing.
    :raises DestinationError: a file cannot be read or removed.
    """
    removed = Removed()
    if now is None:
        return removed
    gone: dict[str, str] = {}
    replaced: set[str] = set()
    for compaction, entry in _compactions(look):
        manifest = read_manifest(destination, look.resource, compaction)
        is_due = entry.modified is not None and now - entry.modified >= keep
        for run, finished_at in map(_parted, manifest.replaces if manifest is not None else ()):
            replaced.add(run)
            if is_due and run not in gone and _remove_run(destination, look, run, finished_at, removed, dry_run=dry_run):
                gone[run] = finished_at
    if gone and not dry_run:
        _put_back(destination, look.resource, gone)
        _remove_copies(destination, look, gone, now - keep)
    _remove_left(destination, look, replaced, now, removed, dry_run=dry_run)
    return removed


def _compactions(look: Look) -> Iterator[tuple[str, Entry]]:
    """Run key and manifest's file of each compaction that is there, the oldest first."""
    found = [(entry.name.rpartition("/")[2].removesuffix(".json"), entry) for entry in look.below("_manifests")]
    there = [(run, entry) for run, entry in found if entry.name.endswith(".json") and is_compaction(run)]
    return iter(sorted(there, key=lambda each: (each[1].modified is not None, each[1].modified, each[0])))


def _parted(replaced: str) -> tuple[str, str]:
    """Run key and ``finished_at`` of an element of ``Manifest.replaces``."""
    run, _, finished_at = replaced.rpartition("@")
    return run, finished_at


def _remove_run(destination: Destination, look: Look, run: str, finished_at: str, removed: Removed, *, dry_run: bool) -> bool:
    """Remove a run that was replaced.

    :returns: whether its manifest was there, and still the one that was replaced.
    """
    name = manifest_name(look.resource, run)
    if look.get(name) is None:
        return False
    manifest = read_manifest(destination, look.resource, run)
    if manifest is None or manifest.finished_at != finished_at:
        return False
    if not dry_run:
        destination.remove(name)
    removed.runs += 1
    for file in manifest.files:
        if look.get(file.path) is not None:
            removed.files += 1
            removed.bytes += file.bytes
            if not dry_run:
                destination.remove(file.path)
    if not dry_run:
        destination.remove_empty(run_folder(look.resource, run))
    return True


def _put_back(destination: Destination, resource: str, gone: dict[str, str]) -> None:
    """Where a run was committed again between the last look at its manifest and its removal, put the new one back.

    A try that is not a run's first leaves a copy of its manifest before the manifest itself.

    :param gone: run key -> ``finished_at`` of what was removed.
    """
    now = Look(resource, destination.entries(f"{resource}/_tries"))
    for run, finished_at in gone.items():
        for copy in copies(now, run):
            data = destination.read(copy.entry.name)
            found = None if data is None else Manifest.decode(data)
            if found is None or found.finished_at == finished_at or missing_file(destination, found) is not None:
                continue
            if destination.read(manifest_name(resource, run)) is None:
                log.warning("The run %s was committed again while its replaced files were removed; its manifest is restored.", run)
                destination.write(manifest_name(resource, run), found.encode())
            break


def _remove_copies(destination: Destination, look: Look, runs: Iterable[str], before: datetime) -> None:
    """Remove what the tries of removed runs left, if it is old too."""
    for run in sorted(runs):
        for copy in copies(look, run):
            if copy.entry.modified is not None and copy.entry.modified <= before:
                destination.remove(copy.entry.name)


def _remove_left(destination: Destination, look: Look, replaced: set[str], now: datetime, removed: Removed, *, dry_run: bool) -> None:
    """Remove the files of killed compactions and of killed removals: of runs without a manifest, none of whose files is of today.

    :param replaced: the runs that compactions stand for.
    """
    runs: dict[str, list[Entry]] = {}
    for entry in look.entries:
        part = entry.name.split("/")[1]
        run = part.removeprefix("run=")
        if part != run and (is_compaction(run) or run in replaced) and look.get(manifest_name(look.resource, run)) is None:
            runs.setdefault(run, []).append(entry)
    for run, entries in runs.items():
        if any(entry.modified is None or now - entry.modified < ORPHAN_AGE for entry in entries):
            continue
        if not dry_run and destination.read(manifest_name(look.resource, run)) is not None:
            continue  # it was committed since the look
        for entry in entries:
            removed.files += 1
            removed.bytes += entry.bytes
            if not dry_run:
                destination.remove(entry.name)
        if not dry_run:
            destination.remove_empty(run_folder(look.resource, run))
