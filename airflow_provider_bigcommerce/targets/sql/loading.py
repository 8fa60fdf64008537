"""Rows on their way into staging: blocks of records become tables here, while the database takes the block before.

The connection lives in one thread of its own: DB-API drivers want that, and reading continues meanwhile. Memory holds two blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from airflow_provider_bigcommerce.engine.deletes import Compared
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.rows.row_keys import Key
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.table_deletes import Deletes
from airflow_provider_bigcommerce.targets.sql.tables import Tables

T = TypeVar("T")

#: JSON bytes that are read into one block.
BLOCK_BYTES = 4 * 2**20
#: The first block is smaller, and each twice the one before, so that the database has work with the first page.
_FIRST_BLOCK_BYTES = BLOCK_BYTES // 8


class OneThread:
    """A thread that runs what it is given, one thing after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bigcommerce-sql")

    def start(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run it when its turn comes."""
        return self._pool.submit(function, *arguments)

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run it and wait for what it returns."""
        return self._pool.submit(function, *arguments).result()

    def close(self) -> None:
        """Wait for what is under way, and end."""
        self._pool.shutdown(wait=True)


class StagingWriter:
    """Takes the records of a run into the staging tables.

    :param target: whose staging tables.
    :param reader: makes tables of records.
    :param thread: where the connection lives.
    :param block_bytes: JSON bytes of a block.
    """

    def __init__(self, target: Tables, reader: BlockReader, thread: OneThread, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.rows = 0
        self._target = target
        self._reader = reader
        self._thread = thread
        self._block_bytes = block_bytes
        self._next_block_bytes = min(block_bytes, _FIRST_BLOCK_BYTES)
        self._records: list[bytes | msgspec.Raw] = []
        self._bytes = 0
        self._under_way: Future[None] | None = None
        self._is_aborted = threading.Event()

    def prepare(self) -> None:
        """Nothing: the reader has what it needs."""

    def write(self, records: Sequence[bytes | msgspec.Raw]) -> list[DataFile]:
        """Append records, one JSON object each.

        :returns: nothing: there are no files.
        :raises DestinationError: the database refused the rows of this block or the one before.
        :raises UnexpectedAnswerError: a record is no JSON object, or lacks its key.
        """
        for record in records:
            self._records.append(record)
            self._bytes += len(record)
            if self._bytes >= self._next_block_bytes:
                self._flush()
        self.rows += len(records)
        return []

    def _flush(self) -> None:
        if not self._records:
            return
        tables = self._reader.read(self._records)
        self._records, self._bytes = [], 0
        self._next_block_bytes = min(self._block_bytes, 2 * self._next_block_bytes)
        self._wait()
        self._under_way = self._thread.start(self._stage, tables)

    def _stage(self, tables: dict[str, Any]) -> None:
        for name, rows in tables.items():
            if rows.num_rows and not self._is_aborted.is_set():
                self._target.stage(name, rows)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> list[DataFile]:
        """Send the last block and wait until the database has it."""
        self._flush()
        self._wait()
        return []

    def abort(self) -> None:
        """Send nothing more. After ``close`` there is nothing left to give up."""
        self._is_aborted.set()
        self._records = []


class TableKeys:
    """The keys of a table, and those of the store, which go into a staging table of their own or are those of the staged rows.

    :param deletes: of the table.
    :param thread: where the connection lives.
    :param knows_all: whether the staged rows are all that the store has.
    """

    def __init__(self, deletes: Deletes, thread: OneThread, *, knows_all: bool) -> None:
        self._deletes = deletes
        self._thread = thread
        self._under_way: list[Future[None]] = []
        if not knows_all:
            thread.run(deletes.create)

    def add(self, keys: Sequence[Key]) -> None:
        """Take keys that the store has."""
        self._under_way.append(self._thread.start(self._deletes.add, keys))

    def compare(self) -> Compared:
        """Hold them against the table's."""
        for staged in self._under_way:
            staged.result()
        return self._thread.run(self._deletes.compare)

    def among(self, keys: Sequence[Key]) -> Compared:
        """Which of these keys are rows of the table that are not marked."""
        return self._thread.run(self._deletes.among, keys)
