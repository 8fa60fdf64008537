"""One pass over runs that follow each other: of each key the newest row, into few files.

Rows are copied as they are: a line of JSON byte for byte, a row of Parquet into a file of the same columns. Files of an earlier schema are
not brought into the present one, for their values of a column that came later are in ``_extra``; they get a file of their own. So do other
formats. A row that marks a delete stays, because it hides older rows and tells ``deletes="detect"`` that the row may come back.

**Presence markers.** A proof compares the rows that runs of its filters had, in whatever run the newest row of a key stands. Where runs of
two filters had a key, the newest row goes to its own run, and the newest row of the other filters to a run below all others: there it hides
nothing and says that the key was among them.

Memory holds the keys as bits, a row group of each open file, and one row group that is read.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.row_keys import Key, SeenKeys, key_of
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.files.commits import run_folder
from airflow_provider_bigcommerce.targets.files.compaction_plan import Filters, Segment, filters
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader, column_values, newest_first, record_values
from airflow_provider_bigcommerce.targets.files.writers import JsonLinesWriter, Output

#: Bytes after which a new file begins.
FILE_BYTES = 256 * 2**20
#: Of lines that are compressed, about eight are that many bytes in the file.
_COMPRESSED_TIMES = 8
#: Bytes of Arrow columns that become a row group.
_ROW_GROUP_BYTES = 32 * 2**20
#: A table of a few rows takes a hundred times the memory of its rows, so tables are joined before many have come.
_MOST_TABLES = 64
_BUFFER_BYTES = 2**20


class _Part(Protocol):
    """A file being written."""

    @property
    def is_full(self) -> bool:
        """Whether the next rows go into another one."""

    def write(self, rows: Any) -> None:
        """Append rows: records, or an Arrow table."""

    def close(self) -> DataFile:
        """Finish it."""

    def abort(self) -> None:
        """Give it up."""


class _Lines:
    """A file of JSON lines."""

    def __init__(self, destination: Destination, name: str) -> None:
        kinds: dict[str, Literal["gzip", "zstd"]] = {"gz": "gzip", "zst": "zstd"}
        kind = kinds.get(name.rpartition(".")[2])
        self._most = FILE_BYTES * (_COMPRESSED_TIMES if kind else 1)
        self._writer = JsonLinesWriter(destination, name, compression=kind)
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._most

    def write(self, rows: Sequence[bytes]) -> None:
        self._writer.write(rows)
        self._bytes += sum(map(len, rows))

    def close(self) -> DataFile:
        return self._writer.close()

    def abort(self) -> None:
        self._writer.abort()


class _Columns:
    """A Parquet file of one schema."""

    def __init__(self, destination: Destination, name: str, schema: Any) -> None:
        load_pyarrow()
        import pyarrow.parquet

        self._rows = 0
        self._tables: list[Any] = []
        self._bytes = 0
        self._output = Output(destination, name)
        # Parquet writes each page of each column by itself, a few hundred bytes at a time.
        self._buffer = io.BufferedWriter(self._output.file, _BUFFER_BYTES)
        try:
            self._parquet = pyarrow.parquet.ParquetWriter(self._buffer, schema, compression="zstd")
        except BaseException:
            self._output.abandon()
            raise

    @property
    def is_full(self) -> bool:
        return self._output.file.bytes >= FILE_BYTES

    def write(self, rows: Any) -> None:
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        self._tables.append(rows)
        if self._bytes >= _ROW_GROUP_BYTES:
            self._flush()
        elif len(self._tables) >= _MOST_TABLES:
            self._tables = [self._joined()]

    def _joined(self) -> Any:
        return load_pyarrow().concat_tables(self._tables).combine_chunks()

    def _flush(self) -> None:
        if self._tables:
            table, self._tables, self._bytes = self._joined(), [], 0
            self._parquet.write_table(table)

    def close(self) -> DataFile:
        self._flush()
        self._parquet.close()
        self._buffer.flush()
        return self._output.publish(self._rows)

    def abort(self) -> None:
        # pyarrow closes by writing the footer, which may fail as the file did.
        with contextlib.suppress(DestinationError, OSError, ValueError, load_pyarrow().ArrowException):
            self._parquet.close()
        self._output.abandon()


class Merged:
    """The files of one new run.

    :param run: its run key.
    :param rows: of them, without those that mark deletes.
    :param deleted: those that mark deletes.
    """

    def __init__(self, destination: Destination, folder: str, run: str) -> None:
        self.run = run
        self.files: list[DataFile] = []
        self.rows = 0
        self.deleted = 0
        self._destination = destination
        self._folder = run_folder(folder, run)
        self._open: dict[object, _Part] = {}
        self._begun = 0

    def write_lines(self, rows: Sequence[bytes], ending: str, *, deleted: int) -> None:
        """Append lines.

        :param ending: ``jsonl``, ``jsonl.gz`` or ``jsonl.zst``.
        """
        self._count(len(rows), deleted)
        part = self._open.get(ending)
        if part is None:
            part = self._open[ending] = _Lines(self._destination, self._next(ending))
        self._put(ending, part, rows)

    def write_table(self, rows: Any, *, deleted: int) -> None:
        """Append the rows of an Arrow table."""
        self._count(rows.num_rows, deleted)
        rows = rows.replace_schema_metadata(None)
        schema = rows.schema.serialize().to_pybytes()
        part = self._open.get(schema)
        if part is None:
            part = self._open[schema] = _Columns(self._destination, self._next("parquet"), rows.schema)
        self._put(schema, part, rows)

    def _count(self, rows: int, deleted: int) -> None:
        self.rows += rows - deleted
        self.deleted += deleted

    def _next(self, ending: str) -> str:
        self._begun += 1
        return f"{self._folder}/part-{self._begun - 1:05d}.{ending}"

    def _put(self, form: object, part: _Part, rows: Any) -> None:
        part.write(rows)
        if part.is_full:
            del self._open[form]
            self.files.append(part.close())

    def close(self) -> None:
        """Finish the files."""
        while self._open:
            form = next(iter(self._open))
            self.files.append(self._open[form].close())
            del self._open[form]
        self.files.sort(key=lambda file: file.path)

    def abort(self) -> None:
        """Give up what is not closed, and remove the files that are: no manifest will name them."""
        while self._open:
            _, part = self._open.popitem()
            part.abort()
        for file in self.files:
            self._destination.remove(file.path)
        self._destination.remove_empty(self._folder)


class Merge:
    """Merges the runs of a segment.

    :param destination: the transfer's path.
    :param folder: the resource's directory.
    :param resource: the catalog's row.
    :param segment: the runs.
    :param key: what the new runs' keys begin with.
    """

    def __init__(self, destination: Destination, folder: str, resource: Resource, segment: Segment, key: str) -> None:
        self._reader = FileReader(destination)
        self._resource = resource
        self._segment = segment
        self._destination, self._folder, self._key = destination, folder, key
        #: The new run of each group, in the order of the groups.
        self.groups = [self._new(number) for number in range(len(segment.groups))]
        #: The new run of presence markers of each filter that needs one.
        self.markers: dict[Filters, Merged] = {}
        self._place = {run.run: self.groups[number] for number, group in enumerate(segment.groups) for run in group.runs}
        self._newest = SeenKeys()
        own = {filters(run, resource) for run in segment.runs}
        self._had = {each: SeenKeys() for each in own} if len(own) > 1 else {}

    def _new(self, number: int) -> Merged:
        return Merged(self._destination, self._folder, f"{self._key}.{number}")

    def run(self) -> None:
        """Read all, write all.

        :raises DestinationError: a file is not there or damaged, or one cannot be written.
        """
        runs = {id(run.manifest): run for run in self._segment.runs}
        files = list(newest_first(run.manifest for run in self._segment.runs))
        if not self._resource.primary_key:
            files.reverse()  # all rows stay, in the order in which they came
        try:
            for manifest, file in files:
                run = runs[id(manifest)]
                own = filters(run, self._resource)
                self._file(file, own, self._place.get(run.run), is_marker=run in self._segment.markers)
            for merged in self.all():
                merged.close()
        except BaseException:
            self.abort()
            raise

    def all(self) -> list[Merged]:
        """The new runs, those of presence markers first."""
        return [*self.markers.values(), *self.groups]

    def abort(self) -> None:
        """Leave nothing."""
        for merged in self.all():
            merged.abort()

    def marker(self, own: Filters) -> Merged:
        """The new run of presence markers of some filters."""
        if own not in self.markers:
            self.markers[own] = self._new(len(self.groups) + len(self.markers))
        return self.markers[own]

    def _file(self, file: DataFile, own: Filters, place: Merged | None, *, is_marker: bool) -> None:
        """Take the rows of a file that count.

        :param place: where its run's rows go; None for a run that stays, or one of presence markers.
        """
        names = (*self._resource.primary_key, DELETED_AT)
        if place is None and not is_marker:  # its keys alone: its rows stay where they are
            for *key, _ in self._reader.values(file, names):
                self._takes(key, own)
            return
        for rows, values in self._blocks(file, names):
            taken: dict[bool, list[int]] = {True: [], False: []}
            deleted = {True: 0, False: 0}
            for number, (*key, deleted_at) in enumerate(values):
                if (found := self._takes(key, own)) is not None:
                    is_newest = found and not is_marker
                    taken[is_newest].append(number)
                    deleted[is_newest] += deleted_at is not None
            for is_newest, at in taken.items():
                if at:
                    to = place if is_newest and place is not None else self.marker(own)
                    self._write(to, file, rows, at, deleted[is_newest])

    def _takes(self, values: Sequence[Any], own: Filters) -> bool | None:
        """True for the newest row of its key, False for one that only says that its filters had the key, None for one that is of no use."""
        if all(value is None for value in values):
            return True  # without a key: it is kept as it is
        key: Key = key_of(values)
        is_new_here = self._had[own].add(key) if self._had else False
        if self._newest.add(key):
            return True
        return False if is_new_here else None

    def _blocks(self, file: DataFile, names: Sequence[str]) -> Iterator[tuple[Any, Iterator[tuple[Any, ...]]]]:
        """The rows of a file in blocks, with the values of these fields."""
        if not file.path.endswith(".parquet"):
            for records in self._reader.lines(file):
                yield records, record_values(records, names)
            return
        with self._reader.parquet(file) as parquet:
            for number in range(parquet.num_row_groups):
                table = parquet.read_row_group(number)
                yield table, column_values(table, names)

    def _write(self, to: Merged, file: DataFile, rows: Any, at: Sequence[int], deleted: int) -> None:
        if file.path.endswith(".parquet"):
            to.write_table(rows if len(at) == rows.num_rows else rows.take(load_pyarrow().array(at)), deleted=deleted)
            return
        ending = next(each for each in ("jsonl.gz", "jsonl.zst", "jsonl") if file.path.endswith(f".{each}"))
        to.write_lines([bytes(rows[place]).rstrip(b"\r\n") for place in at], ending, deleted=deleted)
