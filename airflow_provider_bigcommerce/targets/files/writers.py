"""Write raw records to files: JSON lines as they came, or Parquet with the resource's schema, in parts.

Streams: memory is bounded by a block, whatever the number of rows. A file appears when it is closed; what is abandoned leaves
nothing. It does not know how records were read.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import DestinationError, MissingPackageError, UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.lines import Record, compact, has_lines, one_line_each
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, STORE_HASH, SYNCED_AT, Schema, load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.new_file import NewFile

FileFormat = Literal["parquet", "jsonl", "jsonl.gz", "jsonl.zst"]
#: Of JSON lines, where ``file_format`` does not name it.
Compression = Literal["gzip", "zstd"]
FORMATS: tuple[FileFormat, ...] = ("parquet", "jsonl", "jsonl.gz", "jsonl.zst")

_BRACE = ord("}")
_NOT_BEFORE_COMMA = b"{ \t\r"

#: JSON bytes that become one Arrow table. Twice as many cost 35 MB more and no less CPU (measured on 50,000 products).
BLOCK_BYTES = 4 * 2**20
#: The first block is smaller, and each twice the one before: converting begins with the first page, not with the fifth.
_FIRST_BLOCK_BYTES = BLOCK_BYTES // 8
#: Blocks whose bytes become one row group. Four take 20 MB more, and a tenth longer on 10,000 products at 50 ms (measured): memory is
#: used again later.
_BLOCKS_PER_ROW_GROUP = 2
_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Stamp:
    """What each row is marked with; None for nothing.

    :param synced_at: when the run read it, with a time zone.
    :param store_hash: the store.
    :param deleted_at: when it was noticed that the store no longer has it.
    """

    synced_at: datetime | None = None
    store_hash: str | None = None
    deleted_at: datetime | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Column -> value."""
        all_of_it = {SYNCED_AT: self.synced_at, STORE_HASH: self.store_hash, DELETED_AT: self.deleted_at}
        return {name: value for name, value in all_of_it.items() if value is not None}

    @property
    def json_tail(self) -> bytes:
        """The members that are spliced before a record's closing brace, without a leading comma, with the brace."""
        return msgspec.json.encode(self.columns)[1:]


class Writer(Protocol):
    """One file being written."""

    rows: int

    def write(self, records: Sequence[Record]) -> None:
        """Append records, one JSON object each."""

    def close(self) -> DataFile:
        """Finish the file; it appears under its name."""

    def abort(self) -> None:
        """Give the file up; nothing of it remains."""


class _AbandonedError(Exception):
    """Tells a destination that a file will not be finished."""


class Output:
    """The file under a writer: appears on ``publish``, vanishes on ``abandon``.

    :param destination: where.
    :param name: the file's path below it.
    :raises DestinationError: it cannot be created.
    """

    def __init__(self, destination: Destination, name: str) -> None:
        self.name = name
        self._stack = contextlib.ExitStack()
        self.file: NewFile = self._stack.enter_context(destination.create(name))

    def publish(self, rows: int) -> DataFile:
        """Let it appear."""
        self._stack.close()
        return DataFile(path=self.name, rows=rows, bytes=self.file.bytes, sha256=self.file.sha256)

    def abandon(self) -> None:
        """Let nothing of it remain."""
        error = _AbandonedError()
        self._stack.__exit__(_AbandonedError, error, None)


class JsonLinesWriter:
    """JSON lines: the records as they came, optionally stamped, plain or compressed.

    :param destination: where; see :class:`Destination`.
    :param name: the file's path below it.
    :param compression: None, ``gzip`` or ``zstd``.
    :param stamp: members to add to each record, or None to leave records as they came.
    :raises DestinationError: the file cannot be created.
    :raises MissingPackageError: zstd is asked for and no library for it is installed.
    """

    def __init__(
        self, destination: Destination, name: str, *, compression: Literal["gzip", "zstd"] | None = None, stamp: Stamp | None = None
    ) -> None:
        self.rows = 0
        self._tail = b"," + stamp.json_tail + b"\n" if stamp else None
        self._compressor: Any = None
        if compression == "gzip":
            self._compressor = zlib.compressobj(wbits=31)  # 31: a gzip file, without name and time
        elif compression == "zstd":
            self._compressor = load_zstd().ZstdCompressor()
        self._output = Output(destination, name)

    def write(self, records: Sequence[Record]) -> None:
        """Append records.

        :raises DestinationError: the disk is full, or the destination is gone.
        :raises UnexpectedAnswerError: a stamp is asked for, and a record is no JSON object.
        """
        lines = self._stamped(records, self._tail) if self._tail else one_line_each(records)
        self._put(self._compressor.compress(lines) if self._compressor else lines)
        self.rows += len(records)

    def _stamped(self, records: Sequence[Record], tail: bytes) -> bytes:
        """The lines with ``tail`` instead of each record's closing brace."""
        views = [memoryview(record) for record in records]
        if all(len(view) > 2 and view[-1] == _BRACE and view[-2] not in _NOT_BEFORE_COMMA for view in views):
            lines = tail.join((*(view[:-1] for view in views), b""))
            if has_lines(lines, len(records)):
                return lines
        return b"".join(self._spliced(compact(record).strip(), tail) for record in records)

    @staticmethod
    def _spliced(record: bytes, tail: bytes) -> bytes:
        if record[:1] != b"{" or record[-1:] != b"}":
            raise UnexpectedAnswerError("A record that is not a JSON object cannot be stamped; write it without a stamp.")
        begun = record[:-1].rstrip()
        return begun + (tail[1:] if begun == b"{" else tail)

    def _put(self, data: bytes) -> None:
        if data:
            self._output.file.write(data)

    def close(self) -> DataFile:
        """Finish the file; it appears under its name.

        :raises DestinationError: it cannot be finished.
        """
        if self._compressor:
            self._put(self._compressor.flush())
        return self._output.publish(self.rows)

    def abort(self) -> None:
        """Give the file up; nothing of it remains."""
        self._output.abandon()


def load_zstd() -> Any:
    """Python 3.14's zstd, or its backport.

    :raises MissingPackageError: neither is there.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError as error:
            raise MissingPackageError(
                "JSON lines with zstd need Python 3.14 or the backport of its library: pip install backports.zstd. "
                "file_format='jsonl.gz' and 'parquet' need neither."
            ) from error
    return zstd


class ParquetWriter:
    """Parquet of the resource's schema, a row group for every few blocks.

    A row group is encoded in a thread of its own while the caller's converts the next blocks; pyarrow lets go of the interpreter
    for both.

    :param destination: where; see :class:`Destination`.
    :param name: the file's path below it.
    :param schema: the resource's columns, its parent's key among them.
    :param stamp: values of ``_synced_at`` and ``_store_hash``; null columns where None.
    :param discrepancies: collects drift and contradictions, over several files if shared.
    :param compression: Parquet's codec.
    :param block_bytes: JSON bytes that are collected before they are converted.
    :raises DestinationError: the file cannot be created.
    :raises MissingPackageError: pyarrow is not installed.
    """

    def __init__(
        self,
        destination: Destination,
        name: str,
        schema: Schema,
        *,
        stamp: Stamp | None = None,
        discrepancies: Discrepancies | None = None,
        compression: str = "zstd",
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        load_pyarrow()
        import pyarrow.parquet

        self.rows = 0
        self.discrepancies = discrepancies or Discrepancies()
        self._reader = ColumnReader(schema, self.discrepancies)
        self._stamp = stamp.columns if stamp else None
        self._block_bytes = block_bytes
        self._next_block_bytes = min(block_bytes, _FIRST_BLOCK_BYTES)
        self._pending: list[Record] = []
        self._pending_bytes = 0
        self._tables: list[Any] = []
        self._tables_bytes = 0
        self._encoder = ThreadPoolExecutor(1, "bigcommerce-parquet")
        self._under_way: Future[None] | None = None
        self._output = Output(destination, name)
        # Parquet writes each page of each column by itself, a few hundred bytes at a time.
        self._buffer = io.BufferedWriter(self._output.file, _BUFFER_BYTES)
        try:
            self._parquet = pyarrow.parquet.ParquetWriter(self._buffer, self._reader.arrow_schema, compression=compression)
        except BaseException:
            self._output.abandon()
            raise

    def write(self, records: Sequence[Record]) -> None:
        """Append records; they are converted when a block is full.

        :raises DestinationError: the disk is full, or the destination is gone.
        :raises UnexpectedAnswerError: a record is no JSON object, or lacks its key.
        """
        for record in records:
            self._pending.append(record)
            self._pending_bytes += len(record)
            if self._pending_bytes >= self._next_block_bytes:
                self._flush()
        self.rows += len(records)

    def _flush(self) -> None:
        if self._pending:
            block, self._pending = self._pending, []
            self._tables.append(self._reader.table(one_line_each(block), len(block), self._stamp))
            self._tables_bytes += self._pending_bytes
            self._pending_bytes = 0
            self._next_block_bytes = min(self._block_bytes, 2 * self._next_block_bytes)
        if self._tables_bytes >= _BLOCKS_PER_ROW_GROUP * self._block_bytes:
            self._write_row_group()

    def _write_row_group(self) -> None:
        """Encode what was converted; at most one row group is under way, so memory holds two."""
        if self._tables:
            table, self._tables, self._tables_bytes = load_pyarrow().concat_tables(self._tables), [], 0
            self._encoded()
            self._under_way = self._encoder.submit(self._parquet.write_table, table)

    def _encoded(self) -> None:
        """Wait for the row group under way.

        :raises DestinationError: it could not be written.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> DataFile:
        """Finish the file; it appears under its name.

        :raises DestinationError: it cannot be finished.
        """
        self._flush()
        self._write_row_group()
        self._encoded()
        self._encoder.shutdown()
        self._parquet.close()
        self._buffer.flush()
        return self._output.publish(self.rows)

    def abort(self) -> None:
        """Give the file up; nothing of it remains."""
        self._encoder.shutdown()  # waits: what is under way uses the file
        # pyarrow closes by writing the footer, which may fail as the file did.
        with contextlib.suppress(DestinationError, OSError, ValueError, load_pyarrow().ArrowException):
            self._parquet.close()
        self._output.abandon()


