"""A resource's copy in files, to be compared with the store and repaired.

Holds one block of a file at a time; an index of keys, dates and amounts is all that grows with the copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.raw_fields import fields_of
from airflow_provider_bigcommerce.core.reconciling import Bounds, Key
from airflow_provider_bigcommerce.engine.bounds import began, bounds_of, filters_of, runs_compared
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.engine.stored_copy import Columns, CopyIndex, Repair
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, without_empty
from airflow_provider_bigcommerce.rows.lines import one_line_each
from airflow_provider_bigcommerce.rows.row_keys import key_of
from airflow_provider_bigcommerce.rows.schemas import EXTRA, OURS, SYNCED_AT, Schema
from airflow_provider_bigcommerce.targets.files.commits import commit, committed, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import BLOCK_ROWS, FileReader, column_values, newest_first, record_values
from airflow_provider_bigcommerce.targets.files.kept_files import KeptFiles
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.writers import FileFormat, Stamp

#: A row's place is the number of its file, and below these bits its number there.
_PLACE_BITS = 32


class FileCopy:
    """The copy of a resource below a transfer's ``path``.

    :param destination: that path.
    :param resource: the catalog's row.
    :param folder: the resource's folder below it.
    :param schema: the resource's columns.
    :raises InvalidQueryError: nothing is committed there, or rows cannot be distinguished.
    """

    def __init__(self, destination: Destination, resource: Resource, folder: str, schema: Schema) -> None:
        self._runs = committed(destination, folder)
        if not self._runs:
            raise InvalidQueryError(
                f"path={destination.url!r} holds no committed run of {resource.name!r}, so there is no copy to compare. Give the path of "
                "a task that copies it, and let this task come after it."
            )
        self._destination = destination
        self._kept = KeptFiles(destination)  # an index is read first, rows of chosen keys afterwards
        self._reader = FileReader(destination, self._kept)
        self._resource = resource
        self._folder = folder
        self._schema = schema
        self._compared = runs_compared(self._runs, resource)
        self._columns = Columns(resource)
        self._index = CopyIndex(self._columns)

    def close(self) -> None:
        """Close the files that were kept open."""
        self._kept.close()

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{len(self._runs)} runs below {self._destination.full(self._folder)}"

    @property
    def manifest(self) -> Manifest:
        """The newest of the runs that made it."""
        return self._runs[0]

    def bounds(self) -> Bounds:
        """Which rows of the store it covers."""
        return bounds_of(self._compared, self._resource)

    def _files(self) -> Iterator[tuple[int, Manifest, DataFile]]:
        """The files, each with the place of its first row; how many it has is not taken from the manifest, which may be wrong."""
        for number, (run, file) in enumerate(newest_first(self._runs)):
            yield number << _PLACE_BITS, run, file

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows.

        :raises DestinationError: a file that a manifest names is not there, or cannot be read.
        """
        key, names = self._resource.primary_key, self._columns.names
        filters = filters_of(self.manifest, self._resource)
        for before, run, file in self._files():
            # Without a filter, rows of runs that had one are as good as any.
            is_foreign = bool(filters) and filters_of(run, self._resource) != filters
            as_of = int(began(run).timestamp())
            for place, values in enumerate(self._reader.values(file, (*key, *names)), before):
                fields = dict(zip(names, values[len(key) :], strict=True))
                self._index.put(key_of(values[: len(key)]), place, fields, as_of=as_of, is_foreign=is_foreign)
        return self._index

    # -- rows

    def batches(self, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        """The rows of these keys, or all, in the order of the index; only files that hold such a row are looked into.

        :raises DestinationError: a file cannot be read.
        """
        needed = None if keys is None else {place >> _PLACE_BITS for place in self._index.places(keys)}
        for before, _, file in self._files():
            if needed is not None and before >> _PLACE_BITS not in needed:
                continue
            read = self._parquet_batches if file.path.endswith(".parquet") else self._json_batches
            yield from read(file, before, keys)

    def _wanted(self, key: Key, place: int, keys: Collection[Key] | None) -> bool:
        return (keys is None or key in keys) and self._index.is_newest(key, place)

    def _json_batches(self, file: DataFile, before: int, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        places, names = itertools.count(before), self._resource.primary_key
        for records in self._reader.lines(file):
            found: dict[Key, dict[str, Any]] = {}
            for record, values in zip(records, record_values(records, names), strict=True):
                key = key_of(values)
                if self._wanted(key, next(places), keys):
                    found[key] = python_value(record)
            if found:
                yield FileBatch(list(found), found, _Decoded())

    def _parquet_batches(self, file: DataFile, before: int, keys: Collection[Key] | None) -> Iterator[FileBatch]:
        names = self._resource.primary_key
        with self._reader.parquet(file) as parquet:
            place = before
            for number in range(parquet.num_row_groups):
                read = [key_of(values) for values in column_values(parquet.read_row_group(number, columns=list(names)), names)]
                at = [offset for offset, key in enumerate(read) if self._wanted(key, place + offset, keys)]
                place += len(read)
                if not at:
                    continue
                group = parquet.read_row_group(number)
                for start in range(0, len(at), BLOCK_ROWS):
                    part = at[start : start + BLOCK_ROWS]
                    rows = group.take(part).to_pylist()
                    found = [read[offset] for offset in part]
                    yield FileBatch(found, dict(zip(found, rows, strict=True)), _Typed(self._schema, frozenset(group.column_names)))

    # -- repair

    def repair(self, run: str, synced_at: datetime) -> FileRepair:
        """Begin to write rows again, as a run of its own next to the others."""
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
        records = next(self._reader.lines(file), [])
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
        commit(self._destination, self._folder, self._run, manifest, None, is_numbered=False)


class _Decoded:
    """Store rows as JSON lines hold them: as they came."""

    def rows(self, records: Sequence[msgspec.Raw]) -> list[dict[str, Any]]:
        return [python_value(record) for record in records]

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
        from airflow_provider_bigcommerce.rows.columns import ColumnReader

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
            fields = [name for name in names if stored.get(name) != row.get(name)]
            if EXTRA in fields and isinstance(self.kind, _Typed) and without_empty(row[EXTRA]) == without_empty(stored[EXTRA]):
                # A file of an earlier version, which took an empty value for a contradiction.
                fields = [name for name in fields if name != EXTRA and not _are_empty(stored.get(name), row.get(name))]
            if fields:
                found[key] = fields
        return found


def _are_empty(one: Any, other: Any) -> bool:
    """Whether nothing is in either: null, or an object of nulls; or whether they differ in that alone."""
    if one == other:
        return True
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_empty, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_empty(part, other[name]) for name, part in one.items())
    return all(value is None or (isinstance(value, dict) and not any(map(_has_value, value.values()))) for value in (one, other))


def _has_value(value: Any) -> bool:
    return any(map(_has_value, value.values())) if isinstance(value, dict) else value is not None
