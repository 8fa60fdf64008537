"""Parquet parts below a table, which nobody sees before the log names them: written from records as they come, or from rows of other parts.

Memory is bounded by a block of records and two row groups.
"""

from __future__ import annotations

import contextlib
import io
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.careful import is_link
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.lines import one_line_each
from airflow_provider_bigcommerce.rows.row_digest import digest
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, STORE_HASH, SYNCED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.writers import Output
from airflow_provider_bigcommerce.targets.lake.table_schema import ROW_HASH, Layout, column_at, key_array

Record = bytes | msgspec.Raw

#: Bytes and rows after which a new part begins. Readers like parts of 64 to 128 MB, and one row that changes costs the rewrite of its
#: part: 10 to 30 us a row of products (measured).
PART_BYTES: Final = 64 * 2**20
PART_ROWS: Final = 160_000
#: What our parts are called; nothing else in a directory is taken for a part that a killed try left.
PART_NAME: Final = re.compile(r"part-[0-9a-f]{32}\.parquet")
#: JSON bytes that become one Arrow table; the first block is smaller, and each twice the one before.
BLOCK_BYTES: Final = 4 * 2**20
_FIRST_BLOCK_BYTES: Final = BLOCK_BYTES // 8
#: JSON bytes that become one row group. With half of them, a part of products takes a tenth more bytes, and more CPU wherever it
#: is read or written again.
_ROW_GROUP_BYTES: Final = 4 * BLOCK_BYTES
_BUFFER_BYTES: Final = 2**20
#: zstd level 1 takes half the time of level 3 for a few percent more bytes; each run may write the rows again.
_LEVEL: Final = 1
#: Bytes of the last part of a load above which its last rows get a part of their own: they are the newest, which change most and stand
#: next to the next new ones, and a part is written again as a whole.
_TAIL_BEHIND_BYTES: Final = 16 * 2**20
#: Characters of the longest text that a part's statistics name.
_LONGEST_STATISTIC: Final = 64


@dataclass(frozen=True, slots=True)
class Part:
    """A data file of a table.

    :param name: below the table's directory.
    :param rows: rows in it; None where whoever wrote it did not say.
    :param bytes: its size.
    :param lowest: of the key's first field; None where it is not known.
    :param highest: likewise.
    :param modified: milliseconds since 1970, for people.
    """

    name: str
    rows: int | None
    bytes: int
    lowest: int | str | None = None
    highest: int | str | None = None
    modified: int = 0


class PartWriter:
    """One part being written.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    :param schema: Arrow schema of the part.
    :param key: the key's fields, for the statistics of the first.
    :param plain: paths in Parquet of the columns that get no dictionary.
    :raises DestinationError: the file cannot be created.
    """

    def __init__(
        self, destination: Destination, folder: str, schema: Any, key: Sequence[str], plain: AbstractSet[str] = frozenset()
    ) -> None:
        import pyarrow.parquet

        self.rows = 0
        self._name = f"part-{uuid.uuid4().hex}.parquet"
        self._key = key[0] if key else None
        self._bounds: list[Any] = []
        self._output = Output(destination, f"{folder}/{self._name}")
        self._output.file.forgo_digest()  # a Delta log has none
        self._buffer = io.BufferedWriter(self._output.file, _BUFFER_BYTES)
        try:
            dictionaries = [path for path in _leaves(schema) if path not in plain] if plain else True
            self._parquet = pyarrow.parquet.ParquetWriter(
                self._buffer, schema, compression="zstd", compression_level=_LEVEL, use_dictionary=dictionaries
            )
        except BaseException:
            self._output.abandon()
            raise

    def is_full(self, most_bytes: int, most_rows: int = PART_ROWS) -> bool:
        """Whether the next rows belong into another part."""
        return self._buffer.tell() >= most_bytes or self.rows >= most_rows

    def write(self, table: Any) -> None:
        """Append rows as one row group."""
        if not table.num_rows:
            return
        if self._key is not None:
            import pyarrow.compute

            found = pyarrow.compute.min_max(column_at(table, self._key)).as_py()
            self._bounds += [value for value in found.values() if value is not None]
        self._parquet.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

    def close(self) -> Part:
        """Finish the part; it lies there under its name, and no reader knows it."""
        try:
            self._parquet.close()
            self._buffer.flush()
        except BaseException:
            self._output.abandon()
            raise
        size = self._output.publish(self.rows).bytes
        lowest, highest = (min(self._bounds), max(self._bounds)) if self._bounds else (None, None)
        if isinstance(lowest, str) and max(len(lowest), len(str(highest))) > _LONGEST_STATISTIC:
            lowest = highest = None
        return Part(self._name, self.rows, size, lowest, highest)

    def abort(self) -> None:
        """Give the part up; nothing of it remains."""
        # pyarrow closes by writing the footer, which may fail as the file did.
        with contextlib.suppress(DestinationError, OSError, ValueError, load_pyarrow().ArrowException):
            self._parquet.close()
        self._output.abandon()


class EncodingThread:
    """Encodes a row group while the next one is read or made; at most one is under way, so that memory holds no more than two."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "bigcommerce-lake")
        self._under_way: Future[None] | None = None

    def encode(self, part: PartWriter, table: Any) -> None:
        """Append rows to a part as one row group.

        :raises DestinationError: the row group before could not be written.
        """
        self.wait()
        self._under_way = self._thread.submit(part.write, table)

    def wait(self) -> None:
        """Wait until nothing is under way.

        :raises DestinationError: the row group could not be written.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def end(self) -> None:
        """Wait for what uses the file, whatever becomes of it; nothing more is encoded."""
        self._thread.shutdown()


def _leaves(fields: Iterable[Any], above: str = "") -> Iterator[str]:
    """The paths that columns have in Parquet, those of lists and objects as they are laid out there."""
    types: Any = load_pyarrow().types
    for field in fields:
        path, kind = above + field.name, field.type
        while types.is_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        if types.is_struct(kind):
            yield from _leaves(kind, f"{path}.")
        else:
            yield path


class RecordReader:
    """Makes rows of a table out of raw records.

    :param layout: of the table.
    :param discrepancies: where unknown fields and contradictions are counted.
    :param synced_at: the store's time at which the read began, which each row is marked with.
    :param store_hash: the store.
    :param deleted_at: of ``_deleted_at``; None for rows that the store has.
    """

    def __init__(
        self, layout: Layout, discrepancies: Discrepancies, *, synced_at: datetime, store_hash: str, deleted_at: datetime | None = None
    ) -> None:
        self.layout = layout
        self._reader = ColumnReader(layout.schema, discrepancies)
        self._stamp = {SYNCED_AT: synced_at, STORE_HASH: store_hash, DELETED_AT: deleted_at}

    def table(self, records: Sequence[Record]) -> Any:
        """The rows, in the columns of the layout.

        :raises UnexpectedAnswerError: a record is no JSON object, or lacks its key.
        """
        pa = load_pyarrow()
        found: Any = self._reader.table(one_line_each(records), len(records), self._stamp)
        for name in self.layout.links:
            found = _without_links(found, name)
        if self.layout.is_hashed:
            found = found.append_column(ROW_HASH, pa.array([digest(record).hex() for record in records], pa.string()))
        return found


def _without_links(table: Any, name: str) -> Any:
    """The rows with null where V2 put a link instead of a list that was not included."""
    import pyarrow.compute as compute

    column = table.column(name)
    if not compute.any(compute.starts_with(column, "{")).as_py():
        return table
    values = [None if value is not None and is_link(value.encode()) else value for value in column.to_pylist()]
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), load_pyarrow().array(values, column.type))


class StagingWriter:
    """Takes the records of a run into parts that are the try's own, and keeps their keys.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    :param reader: makes rows of records.
    :param part_bytes: of a part, after which the next begins.
    """

    def __init__(self, destination: Destination, folder: str, reader: RecordReader, *, part_bytes: int = PART_BYTES) -> None:
        self.rows = 0
        self.parts: list[Part] = []
        self.keys: list[Any] = []
        self.hashes: list[Any] = []
        self._destination, self._folder, self._reader, self._part_bytes = destination, folder, reader, part_bytes
        self._schema = reader.layout.arrow
        self._part: PartWriter | None = None
        self._pending: list[Record] = []
        self._pending_bytes = 0
        self._next_block_bytes = _FIRST_BLOCK_BYTES
        self._tables: list[Any] = []
        self._tables_bytes = 0
        self._held: Any = None  # a row group that may turn out to be the last whole one
        self._encoder = EncodingThread()

    def prepare(self) -> None:
        """Nothing: the reader has what it needs."""

    def write(self, records: Sequence[Record]) -> list[DataFile]:
        """Append records, one JSON object each.

        :returns: nothing: parts are told at the end.
        :raises DestinationError: the disk is full, or the destination is gone.
        :raises UnexpectedAnswerError: a record is no JSON object, or lacks its key.
        """
        for record in records:
            self._pending.append(record)
            self._pending_bytes += len(record)
            if self._pending_bytes >= self._next_block_bytes:
                self._convert()
        self.rows += len(records)
        return []

    def _convert(self) -> None:
        if self._pending:
            block, self._pending = self._pending, []
            table = self._reader.table(block)
            layout = self._reader.layout
            if layout.key:
                self.keys.append(key_array(table, layout.key))
            if layout.is_hashed:
                self.hashes.append(table.column(ROW_HASH).combine_chunks())
            self._tables.append(table)
            self._tables_bytes += self._pending_bytes
            self._pending_bytes = 0
            self._next_block_bytes = min(BLOCK_BYTES, 2 * self._next_block_bytes)
        if self._tables_bytes >= _ROW_GROUP_BYTES:
            self._encode()

    def _encode(self) -> None:
        """Encode the row group before the one that is whole now."""
        if self._tables:
            table, self._tables, self._tables_bytes = load_pyarrow().concat_tables(self._tables), [], 0
            held, self._held = self._held, table
            if held is not None:
                self._submit(held, self._part_bytes)

    def _submit(self, table: Any, most_bytes: int) -> None:
        """Encode a row group; into the next part, if this one has so many bytes."""
        self._encoder.wait()
        if self._part is not None and self._part.is_full(most_bytes):
            self._roll()
        if self._part is None:
            self._part = PartWriter(self._destination, self._folder, self._schema, self._reader.layout.key)
        self._encoder.encode(self._part, table)

    def _roll(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            self.parts.append(part.close())

    def close(self) -> list[DataFile]:
        """Finish the last part; a run without rows has none."""
        self._convert()
        tail = [self._held] if self._held is not None else []
        tail += [load_pyarrow().concat_tables(self._tables)] if self._tables else []
        self._held, self._tables, self._tables_bytes = None, [], 0
        for number, table in enumerate(tail):
            self._submit(table, self._part_bytes if number else min(self._part_bytes, _TAIL_BEHIND_BYTES))
        self._encoder.wait()
        self._encoder.end()
        self._roll()
        return []

    def abort(self) -> None:
        """Give up the part being written; after ``close`` there is none."""
        self._encoder.end()
        part, self._part = self._part, None
        if part is not None:
            part.abort()
