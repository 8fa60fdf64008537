"""Runs that are under way in a copy in files, as far as its listing shows them: they have written files, and no manifest names these yet.

A run closes a file at least every few minutes (``checkpoint_every``), so that one that reads for days is seen from early on.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_bigcommerce.targets.files.beginning import ORPHAN_AGE
from airflow_provider_bigcommerce.targets.files.commits import manifest_name
from airflow_provider_bigcommerce.targets.files.compaction_plan import is_compaction
from airflow_provider_bigcommerce.targets.files.destination import Entry
from airflow_provider_bigcommerce.targets.files.snapshots import Found


def longest_under_way(found: Found, now: datetime | None) -> timedelta:
    """For how long the run that has been writing for longest has done so; nothing where none is under way.

    What was left for :data:`ORPHAN_AGE` is of a run that ended without a commit: no retry continues with it.

    :param found: the copy, by one listing.
    :param now: the destination's own time; where it does not tell, no run is known to be under way.
    """
    if now is None:
        return timedelta()
    begun: dict[str, list[datetime]] = {}
    named = {run.run: {file.path for file in run.manifest.files} for run in found.runs}
    for entry in found.look.of_runs():
        run = entry.name.split("/")[1].removeprefix("run=")
        if entry.modified is not None and not is_compaction(run) and not _is_committed(found, named, run, entry):
            begun.setdefault(run, []).append(entry.modified)
    return max((now - min(times) for times in begun.values() if now - max(times) < ORPHAN_AGE), default=timedelta())


def _is_committed(found: Found, named: dict[str, set[str]], run: str, entry: Entry) -> bool:
    """Whether a manifest names a file. Of a run that a compaction stands for, it names all that are not younger than itself."""
    if run in named:
        return entry.name in named[run]
    manifest = found.look.get(manifest_name(found.look.resource, run))
    return manifest is not None and (manifest.modified is None or entry.modified is None or entry.modified <= manifest.modified)
