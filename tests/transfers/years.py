"""A copy in files that was synced for long, and compacted at its cadence: by runs, or quickly by hand, file by file as they leave it.

By hand means that the files of a run are put there without reading a store; the last period's commits, and all compactions, are the
package's own. ``test_history`` proves that both ways end in the same.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest, ManifestWindow, run_key, task_key
from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.files.beginning import begin
from airflow_provider_bigcommerce.targets.files.commits import begin_try, commit, committed, manifest_name, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.overlap import Overlap, overlap_name
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.snapshots import settle
from airflow_provider_bigcommerce.targets.files.writers import Stamp
from tests.transfers.conftest import Night

#: After which a sync compacts.
PERIOD = timedelta(days=7)
#: How far a run goes back behind the watermark.
OVERLAP = timedelta(minutes=5)
#: Rows that change between two runs.
CHANGED = 3

NAME = "customers"


class Objects(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store of objects: a listing gives what begins with a prefix, at one go. fsspec's own walks folder by folder, each through all."""

    def find(self, path: str, *_: Any, **__: Any) -> dict[str, dict[str, Any]]:
        start = f"{self._strip_protocol(path).rstrip('/')}/"
        found = [(name, file) for name, file in self.store.items() if name.startswith(start)]
        return {name: {"name": name, "size": file.size, "type": "file", "created": file.created} for name, file in found}


def objects() -> MemoryFileSystem:
    """A store of its own."""
    return type("OwnObjects", (Objects,), {"store": {}, "pseudo_dirs": [""], "cachable": False})()


@dataclass
class Years:
    """A copy of the customers.

    :param night: the task, its store and its clock.
    :param destination: where the copy is.
    :param step: from one run to the next.
    """

    night: Night
    destination: Destination
    step: timedelta
    file_format: str
    runs: int = 0
    shown: dict[int, dict[str, Any]] = field(default_factory=dict)
    template: Manifest | None = None
    #: What the names of each compaction begin with, in the order in which they ran: those of one second differ by chance.
    compactions: list[str] = field(default_factory=list)

    @property
    def per_period(self) -> int:
        return PERIOD // self.step

    # -- by runs

    def real(self, **arguments: Any) -> dict[str, Any]:
        """A run, after some customers have changed."""
        if self.runs:
            self.pass_time()
        self.runs += 1
        return self.night.run(self.run_id(), NAME, file_format=self.file_format, **arguments)

    def compact(self) -> None:
        """What the sync does at the end of a period; then time passes for the files."""
        BigCommerceCompactOperator(task_id="compact", path=str(self.night.path)).execute({})
        entries = self.destination.entries(NAME)
        found = {mark for entry in entries for mark in re.findall(r"compact-\w+-\w+(?=\.)", entry.name)}
        self.compactions += sorted(found.difference(self.compactions))
        for entry in entries:
            self.age(entry.name)

    def age(self, name: str) -> None:
        """Let a file be a period older."""
        full = self.destination.full(name)
        if self.destination.is_local:
            at = Path(full).stat().st_mtime - PERIOD.total_seconds()
            os.utime(full, (at, at))
        else:
            file = self.destination.fs.store[full]
            file.created -= PERIOD
            file.modified -= PERIOD

    def live(self, periods: int) -> None:
        """Live through some periods, each but the last one with its compaction."""
        for period in range(periods):
            while self.runs < (period + 1) * self.per_period:
                self.real()
            if period < periods - 1:
                self.compact()

    # -- by hand

    def put(self, periods: int) -> None:
        """The same, without asking the store for anything but the first two runs."""
        self.begin()
        for period in range(periods):
            is_last = period == periods - 1
            while self.runs < (period + 1) * self.per_period:
                run, manifest = self._run_by_hand()
                if is_last:
                    self._commit(run, manifest)
                else:
                    manifest = msgspec.structs.replace(manifest, sequence=self.runs)
                    self.destination.fs.pipe_file(self.destination.full(manifest_name(NAME, run)), manifest.encode())
            self._move_watermark(run, manifest)
            if not is_last:
                settle(self.destination, NAME)
                self.compact()
                for entry in self.destination.entries(f"{NAME}/_snapshots")[:-1]:
                    self.destination.remove(entry.name)  # as the runs of the next period do, when they are old

    def begin(self) -> None:
        """Two runs; the second one is what all others look like."""
        self.real()
        self.shown = {row["id"]: row for row in self.night.sandbox.listed(CATALOG[NAME].path)}
        self.real()
        self.template = committed(self.destination, NAME)[0]

    def run_id(self) -> str:
        return f"scheduled-{self.runs:06d}"

    def pass_time(self) -> list[int]:
        """From one run to the next some customers change, in turn; returns their ids."""
        store = self.night.sandbox.store
        self.night.later(self.step / 2)
        ids = sorted(row["id"] for row in store.rows(NAME))
        changed = [ids[(self.runs * CHANGED + number) % len(ids)] for number in range(CHANGED)]
        for key in changed:
            store.edit(NAME, key, notes=f"before run {self.runs}")
        self.night.later(self.step / 2)
        return sorted(changed)

    def _run_by_hand(self) -> tuple[str, Manifest]:
        assert self.template is not None
        before = self.night.moment
        changed = self.pass_time()
        self.runs += 1
        run, now = run_key("sync", self.run_id(), NAME), self.night.moment
        stored = {row["id"]: row for row in self.night.sandbox.store.rows(NAME)}
        rows = [{**self.shown[key], **{name: stored[key][name] for name in ("notes", "date_modified")}} for key in changed]
        stamp = Stamp(now, self.template.store_hash) if self.file_format == "parquet" else None
        kind: Any = self.file_format
        writer = PartWriter(self.destination, run_folder(NAME, run), kind, columns_of(CATALOG[NAME]), stamp=stamp, writes_empty=False)
        files = [*writer.write([msgspec.json.encode(row) for row in rows]), *writer.roll()]
        return run, msgspec.structs.replace(
            self.template,
            window=ManifestWindow(since=text(before - OVERLAP), until=text(now)),
            watermark=text(now),
            follows=text(before),
            files=tuple(files),
            read_at=text(now),
            started_at=now.isoformat(timespec="milliseconds"),
            finished_at=(now + timedelta(milliseconds=1)).isoformat(timespec="milliseconds"),
        )

    def _commit(self, run: str, manifest: Manifest) -> None:
        """As a run does it that has read."""
        found, _ = begin(self.destination, NAME, task_key("sync", NAME), store_hash=manifest.store_hash)
        begun = begin_try(self.destination, NAME, run, number=1, found=found)
        commit(self.destination, NAME, run, manifest, None, known=begun.found, is_numbered=False)

    def _move_watermark(self, run: str, manifest: Manifest) -> None:
        """What the last run leaves in Airflow and beside the manifests."""
        [state] = self.night.airflow.watermarks.values()
        self.destination.remove(overlap_name(NAME, state["run"]))
        Overlap(self.night.moment - OVERLAP, {}).save(self.destination, NAME, run, until=self.night.moment, files=manifest.files)
        state |= {"run": run, "watermark": manifest.watermark, "run_id": self.run_id()}

    # -- what others do with it

    def prove(self) -> dict[str, Any]:
        operator = BigCommerceReconcileOperator(task_id="prove", resource=NAME, path=str(self.night.path), sample=None)
        return operator.execute({})

    def look(self) -> dict[str, Any]:
        """What is there, without what differs from one try to the next: the manifests, and how many files of each kind."""

        def plain(name: str) -> str:
            for number, mark in enumerate(self.compactions):
                name = name.replace(mark, f"compact-{number}")
            return name.partition("@")[0]

        names = [plain(entry.name) for entry in self.destination.entries(NAME)]
        manifests = {plain(manifest.run): manifest.manifest for manifest in settled_runs(self.destination)}
        return {
            "manifests": {run: told(manifest, plain) for run, manifest in manifests.items()},
            "files": sorted(name for name in names if "/_snapshots/" not in name),
            "snapshots": Counter("/_snapshots/" in name for name in names)[True],
        }


def settled_runs(destination: Destination) -> Any:
    snapshot = settle(destination, NAME)
    assert snapshot is not None
    return snapshot.runs


#: What differs from one try to the next.
VOLATILE = ("waited", "files", "requests", "throttled", "seconds", "started_at", "finished_at", "checked")


def told(manifest: Manifest, plain: Any) -> Mapping[str, Any]:
    """What a manifest says that decides anything."""
    content = manifest.as_json()
    for name in VOLATILE:
        del content[name]
    files: list[DataFile] = list(manifest.files)
    replaces = sorted(plain(each) for each in manifest.replaces)
    return {**content, "replaces": replaces, "files": [(plain(file.path), file.rows) for file in files]}


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
