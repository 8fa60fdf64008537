"""A resource's copy in files, read as a stream: what the manifests name, JSON lines or Parquet, the newest row of each key.

Holds one block of a file at a time; an index of keys, dates and amounts is all that grows with the copy.
"""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.paging import fields_of
from airflow_provider_bigcommerce.core.reconciling import Bounds, Key, bounding_dates
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, moment
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.discrepancies import Discrepancies
from airflow_provider_bigcommerce.files.keys import KeyReader
from airflow_provider_bigcommerce.files.manifest import DataFile, Manifest, commit, committed, run_folder
from airflow_provider_bigcommerce.files.schemas import DELETED_AT, EXTRA, STORE_HASH, SYNCED_AT, Schema, load_pyarrow
from airflow_provider_bigcommerce.files.stored_copy import Columns, CopyIndex, Repair
from airflow_provider_bigcommerce.files.writers import FileFormat, PartWriter, Stamp, load_zstd, one_line_each

#: What we add to rows, which no store has.
OURS = frozenset({SYNCED_AT, STORE_HASH, DELETED_AT})

#: Rows that are held at once.
_BLOCK_ROWS = 5_000


def runs_of_copy(runs: Sequence[Manifest], resource: Resource) -> list[Manifest]:
    """The runs whose rows are the copy, newest first: those with the newest one's filters, back to the last that read everything.

    A child resource's runs may each have read the children of some parents, so that all of them count.

    :param runs: committed, newest first.
    """
    shape = {"include", "include_fields", "exclude_fields", *resource.include_companions}

    def filters(run: Manifest) -> dict[str, str]:
        return {name: value for name, value in run.query.items() if name not in shape}

    found: list[Manifest] = []
    for run in runs:
        if filters(run) == filters(runs[0]):
            found.append(run)
            if run.mode == "full" and not resource.placeholders:
                break
    return found


def bounds_of(runs: Sequence[Manifest], resource: Resource) -> Bounds:
    """What a copy speaks of, by the manifests of its runs.

    :param runs: from :func:`runs_of_copy`.
    """
    dates = bounding_dates(resource)
    shape = {"include", "include_fields", "exclude_fields", *resource.include_companions}
    filters = {name: value for name, value in runs[0].query.items() if name not in shape}
    if dates is None:
        return Bounds(filters)
    ends: list[datetime] = []
    begins: list[datetime | None] = []
    for run in runs:
        if run.mode == "backfill" or (run.watermark is None and run.mode == "incremental"):
            continue  # a backfill, a repair, or a span that was read again: none says how far the copy goes
        begins.append(moment(run.window.since, "since"))
        # A full read has no end of its own; its clock is the worker's, which may be a little ahead of the store's.
        started = datetime.fromisoformat(run.started_at).astimezone(UTC) - DEFAULT_OVERLAP
        end = moment(run.watermark or run.window.until, "window end")
        ends.append(started if end is None else end if run.watermark else min(started, end + timedelta(seconds=1)))
    if not ends:  # backfills alone
        started_at = min(datetime.fromisoformat(run.started_at).astimezone(UTC) for run in runs)
        return Bounds(filters, dates, None, started_at - DEFAULT_OVERLAP, is_whole=False)
    since = min((begin for begin in begins if begin is not None), default=None) if None not in begins else None
    return Bounds(filters, dates, since, max(ends))


class FileCopy:
    """The copy of a resource below a transfer's ``path``.

    :param destination: that path.
    :param resource: the catalog's row.
    :param folder: the resource's folder below it.
    :param schema: the resource's columns.
    :raises InvalidQueryError: nothing is committed there, or rows cannot be told apart.
    """

    def __init__(self, destination: Destination, resource: Resource, folder: str, schema: Schema) -> None:
        runs = committed(destination, folder)
        if not runs:
            raise InvalidQueryError(
                f"path={destination.url!r} holds no committed run of {resource.name!r}, so there is no copy to compare. Give the path of "
                "a task that copies it, and let this task come after it."
            )
        self._destination = destination
        self._resource = resource
        self._folder = folder
        self._schema = schema
        self._runs = runs_of_copy(runs, resource)
        self._columns = Columns(resource)
        self._keys = KeyReader(resource.name, resource.primary_key)
        self._index = CopyIndex(self._columns)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{len(self._runs)} runs below {self._destination.full(self._folder)}"

    @property
    def manifest(self) -> Manifest:
        """The newest of the runs that made it."""
        return self._runs[0]

    def bounds(self) -> Bounds:
        """Which rows of the store it speaks of."""
        return bounds_of(self._runs, self._resource)

    def _files(self) -> Iterator[tuple[DataFile, int]]:
        """The data files, oldest first, each with the number of rows before it."""
        rows = 0
        for run in reversed(self._runs):
            for file in run.files:
                yield file, rows
                rows += file.rows

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows.

        :raises DestinationError: a file that a manifest names is not there, or cannot be read.
        """
        for file, before in self._files():
            for place, key, fields in self._indexed(file):
                self._index.put(key, before + place, fields)
        return self._index

    def _indexed(self, file: DataFile) -> Iterator[tuple[int, Key, Mapping[str, Any]]]:
        place = 0
        if file.path.endswith(".parquet"):
            with self._parquet(file) as parquet:
                paths = [tuple(path.split(".")) for path in self._resource.primary_key]
                tops = set(parquet.schema_arrow.names)
                columns = [*(path for path in self._resource.primary_key), *(name for name in self._columns.names if name in tops)]
                for batch in parquet.iter_batches(batch_size=_BLOCK_ROWS, columns=columns):
                    for row in batch.to_pylist():
                        yield place, _key(row, paths), row
                        place += 1
            return
        names = tuple(self._columns.names)
        for records in self._lines(file):
            for record, (key, _) in zip(records, self._keys.read(records), strict=True):
                found = fields_of(record, names)
                values = (None if raw is None else msgspec.json.decode(raw) for raw in found)
                yield place, key, dict(zip(names, values, strict=True))
                place += 1

    # -- rows

    def batches(self, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        """The rows of these keys, or all, in the order of the files.

        :raises DestinationError: a file cannot be read.
        """
        for file, before in self._files():
            yield from (
                self._parquet_batches(file, before, keys) if file.path.endswith(".parquet") else self._json_batches(file, before, keys)
            )

    def _wanted(self, key: Key, place: int, keys: Collection[Key] | None) -> bool:
        return (keys is None or key in keys) and self._index.is_newest(key, place)

    def _json_batches(self, file: DataFile, before: int, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        place = before
        for records in self._lines(file):
            found: dict[Key, dict[str, Any]] = {}
            for record, (key, _) in zip(records, self._keys.read(records), strict=True):
                if self._wanted(key, place, keys):
                    found[key] = msgspec.json.decode(record)
                place += 1
            if found:
                yield FileBatch(list(found), found, _Decoded())

    def _parquet_batches(self, file: DataFile, before: int, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        paths = [tuple(path.split(".")) for path in self._resource.primary_key]
        with self._parquet(file) as parquet:
            place = before
            for number in range(parquet.num_row_groups):
                read = [_key(row, paths) for row in parquet.read_row_group(number, columns=list(self._resource.primary_key)).to_pylist()]
                at = [offset for offset, key in enumerate(read) if self._wanted(key, place + offset, keys)]
                place += len(read)
                if not at:
                    continue
                group = parquet.read_row_group(number)
                for start in range(0, len(at), _BLOCK_ROWS):
                    part = at[start : start + _BLOCK_ROWS]
                    rows = group.take(part).to_pylist()
                    names = [read[offset] for offset in part]
                    yield FileBatch(names, dict(zip(names, rows, strict=True)), _Typed(self._schema, frozenset(group.column_names)))

    # -- bytes

    @contextlib.contextmanager
    def _open(self, file: DataFile) -> Iterator[IO[bytes]]:
        name = self._destination.full(file.path)
        try:
            with self._destination.fs.open(name, "rb") as stream:
                yield stream
        except FileNotFoundError as error:
            raise DestinationError(
                f"The manifest names {name}, which is not there: the copy is damaged. Clear the task whose run it was, or delete that "
                f"run's manifest below {self._folder}/_manifests and reconcile with on_mismatch='repair'."
            ) from error
        except (OSError, EOFError) as error:
            raise DestinationError(
                f"{name} could not be read: {type(error).__name__}. The copy is damaged, or the storage failed."
            ) from error

    @contextlib.contextmanager
    def _parquet(self, file: DataFile) -> Iterator[Any]:
        arrow = load_pyarrow()
        import pyarrow.parquet

        with self._open(file) as stream:
            try:
                opened = pyarrow.parquet.ParquetFile(stream)
            except arrow.ArrowInvalid as error:
                raise DestinationError(f"{self._destination.full(file.path)} is no whole Parquet file: the copy is damaged.") from error
            yield opened

    def _lines(self, file: DataFile) -> Iterator[list[msgspec.Raw]]:
        with self._open(file) as stream:
            lines: Any = stream
            if file.path.endswith(".gz"):
                lines = gzip.GzipFile(fileobj=stream)
            elif file.path.endswith(".zst"):
                lines = load_zstd().ZstdFile(stream)
            block: list[msgspec.Raw] = []
            for line in lines:
                block.append(msgspec.Raw(line))
                if len(block) == _BLOCK_ROWS:
                    yield block
                    block = []
            if block:
                yield block

    # -- repair

    def repair(self, run: str, synced_at: datetime) -> FileRepair:
        """Begin to write rows anew, as a run of its own beside the others."""
        files = [file for run_ in self._runs for file in run_.files]
        newest = files[0].path if files else ".parquet"
        formats: tuple[FileFormat, ...] = ("jsonl.gz", "jsonl.zst", "jsonl", "parquet")
        kind: FileFormat = next((each for each in formats if newest.endswith(f".{each}")), "parquet")
        is_stamped = kind == "parquet" or self._is_stamped(files[0])
        writer = PartWriter(
            self._destination,
            run_folder(self._folder, run),
            kind,
            self._schema,
            stamp=Stamp(synced_at, self.manifest.store_hash) if is_stamped else None,
            max_rows=500_000,
        )
        return FileRepair(self._destination, self._folder, run, writer)

    def _is_stamped(self, file: DataFile) -> bool:
        records = next(self._lines(file), [])
        return bool(records) and fields_of(records[0], (SYNCED_AT,))[0] is not None


class FileRepair(Repair):
    """A run of repaired rows.

    :param destination: the transfer's path.
    :param folder: the resource's folder.
    :param run: its run key.
    :param writer: of its files.
    """

    def __init__(self, destination: Destination, folder: str, run: str, writer: PartWriter) -> None:
        super().__init__(writer)
        self._destination, self._folder, self._run = destination, folder, run

    def commit(self, manifest: Manifest) -> None:
        """Write the manifest."""
        commit(self._destination, self._folder, self._run, manifest, None)


class _Decoded:
    """Store rows as JSON lines hold them: as they came."""

    def rows(self, records: Sequence[msgspec.Raw]) -> list[dict[str, Any]]:
        return [msgspec.json.decode(record) for record in records]

    def is_compared(self, name: str) -> bool:
        return name not in OURS


class _Typed:
    """Store rows as Parquet holds them: through the same reader that wrote the file.

    :param schema: the resource's columns.
    :param present: the file's columns; a file of an earlier schema may lack some, whose values are then in ``_extra``.
    """

    def __init__(self, schema: Schema, present: frozenset[str]) -> None:
        self._schema = schema
        self._present = present
        self._is_whole = present >= schema.fields.keys()

    def rows(self, records: Sequence[msgspec.Raw]) -> list[dict[str, Any]]:
        from airflow_provider_bigcommerce.files.columns import ColumnReader

        table = ColumnReader(self._schema, Discrepancies()).table(one_line_each(records), len(records), None)
        return list(table.to_pylist())

    def is_compared(self, name: str) -> bool:
        return name not in OURS and name in self._present and (self._is_whole or name != EXTRA)


@dataclass(frozen=True, slots=True)
class FileBatch:
    """Some rows of a copy in files.

    :param keys: theirs.
    :param rows: key -> the row.
    :param kind: how the store's rows are brought into the same form.
    """

    keys: Sequence[Key]
    rows: Mapping[Key, Mapping[str, Any]]
    kind: _Decoded | _Typed

    def differences(self, records: Mapping[Key, msgspec.Raw]) -> dict[Key, list[str]]:
        """The rows that are not what the store has, with the names of their fields that differ."""
        found: dict[Key, list[str]] = {}
        if not records:
            return found
        for key, stored in zip(records, self.kind.rows(list(records.values())), strict=True):
            row = self.rows[key]
            names = [name for name in dict.fromkeys([*stored, *row]) if self.kind.is_compared(name)]
            if fields := [name for name in names if stored.get(name) != row.get(name)]:
                found[key] = fields
        return found


def _key(row: Mapping[str, Any], paths: Sequence[tuple[str, ...]]) -> Key:
    values: list[Any] = []
    for path in paths:
        value: Any = row
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        values.append(value)
    return values[0] if len(values) == 1 else tuple(values)
