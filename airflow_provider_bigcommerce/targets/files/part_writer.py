"""The part files of a read: opened, ended by size, and told when they are whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.lines import Record
from airflow_provider_bigcommerce.rows.schemas import Schema, load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.writers import FORMATS, FileFormat, JsonLinesWriter, ParquetWriter, Stamp, Writer, load_zstd


class PartWriter:
    """Writes a run's rows as numbered parts of bounded size and returns each part when it is complete.

    :param destination: where; see :class:`Destination`.
    :param folder: the parts' folder below it, such as ``orders/run=<run key>``.
    :param file_format: one of :data:`FORMATS`.
    :param schema: the resource's columns; JSON lines do not need them.
    :param stamp: see the writers; JSON lines are stamped only where it is given.
    :param first: number of the first part, for a run that continues.
    :param mark: ends the parts' names, so that another try of the run writes no file of the same name; from ``try_mark``.
    :param rows: rows in the parts before that one.
    :param max_rows: rows after which a part is closed, or None.
    :param max_bytes: JSON bytes after which a part is closed, or None.
    :param max_seconds: seconds after which a part is closed, or None.
    :param writes_empty: whether a run without rows leaves an empty Parquet file, which holds the schema.
    :param discrepancies: collects drift and contradictions of all parts.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        destination: Destination,
        folder: str,
        file_format: FileFormat,
        schema: Schema,
        *,
        stamp: Stamp | None = None,
        first: int = 0,
        mark: str = "",
        rows: int = 0,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        writes_empty: bool = True,
        discrepancies: Discrepancies | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if file_format not in FORMATS:
            raise InvalidQueryError(f"file_format={file_format!r} is not known. Accepted: {', '.join(map(repr, FORMATS))}.")
        if file_format == "parquet":
            load_pyarrow()
        elif file_format == "jsonl.zst":
            load_zstd()
        self.discrepancies = discrepancies or Discrepancies()
        self.rows = rows
        self._destination = destination
        self._folder = folder
        self._format = file_format
        self._schema = schema
        self._stamp = stamp
        self._number = first
        self._mark = mark
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._writes_empty = writes_empty and file_format == "parquet"
        self._clock = clock
        self._writer: Writer | None = None
        self._bytes = 0
        self._opened_at = 0.0

    def prepare(self) -> None:
        """Import what makes columns of rows: a tenth of a second, which the first page takes as well to come."""
        if self._format == "parquet":
            import pyarrow.compute
            import pyarrow.json
            import pyarrow.parquet  # noqa: F401  # used when the first part is opened

    def write(self, records: Sequence[Record]) -> list[DataFile]:
        """Append records; a page is never split over parts.

        :returns: the part that this closed, or nothing.
        """
        if not records:
            return []
        if self._writer is None:
            self._writer = self._open()
            self._bytes = 0
            self._opened_at = self._clock()
        self._writer.write(records)
        self.rows += len(records)
        self._bytes += sum(map(len, records))
        full = (
            (self._max_rows is not None and self._writer.rows >= self._max_rows)
            or (self._max_bytes is not None and self._bytes >= self._max_bytes)
            or (self._max_seconds is not None and self._clock() - self._opened_at >= self._max_seconds)
        )
        return self.roll() if full else []

    def roll(self) -> list[DataFile]:
        """Close the part being written; the next record begins a new one.

        :returns: the part, or nothing where none was begun.
        """
        if self._writer is None:
            return []
        part = self._writer.close()
        self._writer = None
        self._number += 1
        return [part]

    def close(self) -> list[DataFile]:
        """Close the last part. A run without rows has none, or one that holds the schema: see ``writes_empty``."""
        if self._writer is None and self.rows == 0 and self._writes_empty:
            self._writer = self._open()
        return self.roll()

    def write_deleted(self, records: Sequence[Record], at: datetime) -> list[DataFile]:
        """Write rows that the store no longer has into a part of their own, marked with ``_deleted_at``.

        :param at: when that was noticed; where rows are stamped, also their ``_synced_at``, so that they are newer than the run's others.
        """
        closed, stamp = self.roll(), self._stamp
        self._stamp = Stamp(at if stamp else None, stamp.store_hash if stamp else None, at)
        try:
            return [*closed, *self.write(records), *self.roll()]
        finally:
            self._stamp = stamp

    def abort(self) -> None:
        """Give up the part being written; closed parts stay."""
        if self._writer is not None:
            self._writer.abort()
            self._writer = None

    def _open(self) -> Writer:
        name = f"{self._folder}/part-{self._number:05d}{self._mark}.{self._format}"
        if self._format == "parquet":
            return ParquetWriter(self._destination, name, self._schema, stamp=self._stamp, discrepancies=self.discrepancies)
        compression: dict[str, Literal["gzip", "zstd"]] = {"jsonl.gz": "gzip", "jsonl.zst": "zstd"}
        return JsonLinesWriter(self._destination, name, compression=compression.get(self._format), stamp=self._stamp)
