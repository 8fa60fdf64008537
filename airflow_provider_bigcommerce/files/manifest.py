"""The manifest of a run: the one file whose presence makes the run's files data.

It is written last and replaced whole. Readers take the files that manifests name and nothing else; this module says how they
are laid out, which manifests are committed, and which files no manifest will ever name.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.files.destination import Destination, Entry

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: A file that no manifest names is left alone this long: its run may still be writing.
ORPHAN_AGE = timedelta(days=1)

_UNSAFE = re.compile(r"[^A-Za-z0-9._]+|\.{2,}")


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One data file.

    :param path: below the transfer's ``path``, so that a copied or mounted directory stays readable:
        ``orders/run=<run key>/part-00000.parquet``.
    :param rows: rows in it.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    """

    path: str
    rows: int
    bytes: int
    sha256: str


class ManifestWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The span of dates that was read, both ends inclusive, ISO-8601 with ``Z``; null is open."""

    since: str | None = None
    until: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the store held against what was read.

    :param what: what was compared.
    :param expected: lowest and highest number of rows the store gave while reading.
    :param found: what was read.
    :param agrees: whether ``found`` lies between them.
    """

    what: str
    expected: tuple[int, int]
    found: int
    agrees: bool


class FieldDrift(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between what the store sent and the resource's schema; kinds of values, never a value.

    :param path: the field, ``variants[].new_name`` for one inside a list.
    :param kind: ``new_field``, ``changed_type`` or ``repeated_field``.
    :param seen_type: what was seen, such as ``text``.
    :param nulls: values that became null for it.
    """

    path: str
    kind: str
    seen_type: str
    nulls: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one run read and wrote.

    :param resource: catalog name.
    :param store_hash: the store it is from.
    :param mode: ``full``, ``incremental`` or ``backfill``.
    :param query: parameters sent beside the window's and the page's, includes among them.
    :param window: the span of change dates; of creation dates in a backfill of a resource that can be read by them.
    :param watermark: where the next incremental run goes on, ISO-8601; null for the other modes.
    :param files: the data files, in reading order.
    :param rows: rows in them, without those that mark deletes.
    :param duplicates_dropped: rows that were read again and not written again: in this run, or by the last one within the overlap.
    :param deleted: rows that the store has no more: in files, the rows beside ``rows`` that mark them; in a table, those marked or deleted.
    :param drift: where the store sent something else than the resource's schema; empty for JSON lines, which keep records as they came.
    :param requests: requests sent to the store.
    :param throttled: of these, answers 429.
    :param seconds: from start to finish.
    :param started_at: ISO-8601 in UTC, the worker's clock.
    :param finished_at: likewise.
    :param provider_version: version of this package.
    :param complete: whether each check agrees.
    :param checked: the numbers that were compared; empty where the store gives none.
    """

    resource: str
    store_hash: str
    mode: Literal["full", "incremental", "backfill"]
    query: Mapping[str, str]
    window: ManifestWindow
    watermark: str | None
    files: tuple[DataFile, ...]
    rows: int
    duplicates_dropped: int
    deleted: int = 0
    drift: tuple[FieldDrift, ...]
    requests: int
    throttled: int
    seconds: float
    started_at: str
    finished_at: str
    provider_version: str
    complete: bool
    checked: tuple[Check, ...]

    def as_json(self) -> dict[str, Any]:
        """The manifest as plain JSON types, as it stands in the file and in XCom."""
        return dict(msgspec.json.decode(msgspec.json.encode(self)))  # lists, where to_builtins leaves tuples

    def encode(self) -> bytes:
        """The manifest's file, indented for people."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read a manifest's file; fields that a later version added are ignored.

        :raises ValueError: it is no manifest, or not a whole one.
        """
        return msgspec.json.decode(data, type=cls)


def manifest_json_schema() -> dict[str, Any]:
    """The JSON schema of a manifest, as in ``docs/reference/manifest.schema.json``."""
    schema = msgspec.json.schema(Manifest)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of one run of BigCommerceToObjectStorageOperator",
        **schema,
    }


def _safe(text: str, length: int) -> str:
    return _UNSAFE.sub("-", text).strip("-.")[:length].strip("-.") or "run"


def _short_hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def task_key(dag_id: str, task_id: str) -> str:
    """The part of a run key that all runs of a task share, file-system safe and unique to it."""
    return f"{_safe(f'{dag_id}.{task_id}', 60)}-{_short_hash(dag_id, task_id)}"


def run_key(dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> str:
    """The name of a run's directory and manifest: the same for all tries of a task in a DAG run, and for nothing else.

    Readable first, made unique by short hashes; letters, digits, ``.``, ``_`` and ``-`` only.

    :param map_index: index of a mapped task; None or -1 for a plain one.
    """
    index = -1 if map_index is None else map_index
    mapped = f".{index}" if index >= 0 else ""
    return f"{task_key(dag_id, task_id)}--{_safe(run_id, 60)}{mapped}-{_short_hash(run_id, index)}"


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
    """The committed manifest of a run, or None; one that is not whole is none, and is warned of."""
    data = destination.read(manifest_name(resource, run))
    return None if data is None else _decoded(data, manifest_name(resource, run))


def _decoded(data: bytes, name: str) -> Manifest | None:
    try:
        return Manifest.decode(data)
    except ValueError as error:
        log.warning("%s is not a whole manifest (%s): its run is taken as not committed.", name, error)
        return None


def committed(path: str | Path | ObjectStoragePath | Destination, resource: str) -> list[Manifest]:
    """All committed manifests of a resource below a transfer's ``path``, newest first.

    :param path: as given to the transfer.
    :param resource: catalog name, or the path that was copied.
    :raises DestinationError: the directory cannot be listed or read.
    """
    destination = Destination.at(path)
    found: list[Manifest] = []
    for entry in destination.entries(f"{kept_name(resource)}/_manifests"):
        if not entry.name.endswith(".json"):
            continue
        data = destination.read(entry.name)
        if data is not None and (manifest := _decoded(data, entry.name)) is not None:
            found.append(manifest)
    return sorted(found, key=lambda manifest: manifest.finished_at, reverse=True)


def refuse_another_store(destination: Destination, resource: str, store_hash: str) -> None:
    """A copy is made of all manifests of its directory, so one of another store does not belong there.

    :param store_hash: the store that the connection points to.
    :raises InvalidQueryError: the directory holds another store's.
    :raises DestinationError: the directory cannot be listed or read.
    """
    for entry in destination.entries(f"{resource}/_manifests"):
        data = destination.read(entry.name) if entry.name.endswith(".json") else None
        if data is not None and (manifest := _decoded(data, entry.name)) is not None:
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


def commit(destination: Destination, resource: str, run: str, manifest: Manifest, replaced: Manifest | None) -> Manifest:
    """Make a run's files data: write the manifest whole, then drop the files that only the replaced one named.

    A reader sees the old manifest or the new one. One that read the old one just before may miss a file afterwards, and then
    reads the manifests again; it never sees a mixture.

    Where another try of the run has committed in between, that stays, and this one's files go: both read the same window.

    :param replaced: what stood there when this try began.
    :returns: the run's manifest as it stands now.
    :raises DestinationError: a file is not there any more, or the manifest cannot be written; then nothing has changed for readers.
    """
    present = read_manifest(destination, resource, run)
    known = replaced.finished_at if replaced is not None else None
    if present is not None and present.finished_at != known and missing_file(destination, present) is None:
        log.warning("Another try of this run has committed %s rows meanwhile; what this one wrote is dropped.", f"{present.rows:,}")
        _drop(destination, manifest, present)
        return present
    if (missing := missing_file(destination, manifest)) is not None:  # one made anew has not the files that a removed directory had
        raise DestinationError(
            f"{destination.full(missing.path)} was written by this run and is not there any more, or is not what it was. Was the "
            "directory removed or unmounted, or is something else writing there? Nothing was committed; let the task try again."
        )
    destination.write(manifest_name(resource, run), manifest.encode())
    if replaced is not None:
        _drop(destination, replaced, manifest)
    return manifest


def _drop(destination: Destination, old: Manifest, new: Manifest) -> None:
    """Remove the files that only the old manifest names."""
    kept = {file.path for file in new.files}
    _remove(destination, (file.path for file in old.files if file.path not in kept))


def discard_uncommitted(destination: Destination, resource: str, run: str, manifest: Manifest | None, parts: Iterable[str] = ()) -> int:
    """Remove the files of a run that its manifest does not name: what an earlier try of this run left.

    :param parts: names of files that the run goes on with, although no manifest names them yet.
    :returns: how many were removed.
    """
    folder = run_folder(resource, run)
    kept = {f"{folder}/{part}" for part in parts}
    if manifest is not None:
        kept.update(file.path for file in manifest.files)
    return _remove(destination, (entry.name for entry in destination.entries(folder) if entry.name not in kept))


def remove_orphans(
    destination: Destination, resource: str, task: str, *, now: datetime, age: timedelta = ORPHAN_AGE, but: str | None = None
) -> int:
    """Remove what killed runs of a task left: files no manifest names, none of whose run changed for ``age``, and their checkpoints' keys.

    :param task: from :func:`task_key`; other tasks' files are not touched.
    :param but: the run that is under way, whose mapped tasks may have waited long for each other.
    :param now: UTC.
    :returns: how many files were removed.
    """
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
