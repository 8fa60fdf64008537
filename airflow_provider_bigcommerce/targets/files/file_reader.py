"""A resource's copy in files, as a stream: which rows are the copy, and what they hold.

The copy is the newest row of each key over all committed manifests. A run that began later has read later, so runs are walked from the
last that began, by the store's clock, to the first, the files of each from its last, and the first row of a key is the one that counts.
The workers' clocks decide nothing here, because they differ; nor do change dates: a damaged one would let its row win over every later one.
"""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import IO, Any

import msgspec

from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.raw_fields import fields_of
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.kept_files import KeptFiles
from airflow_provider_bigcommerce.targets.files.writers import load_zstd

#: Rows that are held at once.
BLOCK_ROWS = 5_000


def newest_first(runs: Iterable[Manifest]) -> Iterator[tuple[Manifest, DataFile]]:
    """The files of a copy with their runs, in the order in which the first row of a key is the newest.

    :param runs: committed, in any order.
    """
    for run in sorted(runs, key=lambda run: run.order, reverse=True):
        for file in reversed(run.files):  # what a run found deleted is in its last file
            yield run, file


class FileReader:
    """Reads data files that manifests name, JSON lines or Parquet, a block at a time.

    :param destination: the transfer's path.
    :param kept: keeps files that are read more than once; None where each is read once.
    """

    def __init__(self, destination: Destination, kept: KeptFiles | None = None) -> None:
        self._destination = destination
        self._kept = kept

    def values(self, file: DataFile, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """The values of some fields of each row of a file, in its order; None where a row has none.

        :param fields: names, dots for nested ones.
        :raises DestinationError: the file is not there, or is not what it should be.
        """
        if file.path.endswith(".parquet"):
            with self.parquet(file) as parquet:
                there = set(parquet.schema_arrow.names)
                columns = [name for name in dict.fromkeys(fields) if name.partition(".")[0] in there]
                for batch in parquet.iter_batches(BLOCK_ROWS, columns=columns):
                    yield from column_values(batch, fields)
            return
        for records in self.lines(file):
            yield from record_values(records, fields)

    @contextlib.contextmanager
    def parquet(self, file: DataFile) -> Iterator[Any]:
        """A Parquet file, opened.

        :raises DestinationError: it is not there, or is none.
        """
        arrow = load_pyarrow()
        import pyarrow.parquet

        with self._open(file) as stream:
            try:
                opened = pyarrow.parquet.ParquetFile(stream)
            except arrow.ArrowInvalid as error:
                raise DestinationError(f"{self._destination.full(file.path)} is no whole Parquet file: the copy is damaged.") from error
            yield opened

    def lines(self, file: DataFile) -> Iterator[list[msgspec.Raw]]:
        """The records of a file of JSON lines, in blocks.

        :raises DestinationError: it is not there, or cannot be read.
        """
        with self._open(file) as stream:
            lines: Any = stream
            if file.path.endswith(".gz"):
                lines = gzip.GzipFile(fileobj=stream)
            elif file.path.endswith(".zst"):
                lines = load_zstd().ZstdFile(stream)
            block: list[msgspec.Raw] = []
            for line in lines:
                block.append(msgspec.Raw(line))
                if len(block) == BLOCK_ROWS:
                    yield block
                    block = []
            if block:
                yield block

    @contextlib.contextmanager
    def _open(self, file: DataFile) -> Iterator[IO[bytes]]:
        name = self._destination.full(file.path)
        try:
            with self._destination.fs.open(name, "rb") if self._kept is None else self._kept.open(file.path) as stream:
                yield stream
        except FileNotFoundError as error:
            raise DestinationError(
                f"The manifest names {name}, which is not there: the copy is damaged. Put it back or clear the task whose run it was; or "
                "delete that run's manifest in _manifests, and reconcile with on_mismatch='repair'."
            ) from error
        except (OSError, EOFError) as error:
            raise DestinationError(
                f"{name} could not be read: {type(error).__name__}. The copy is damaged, or the storage failed."
            ) from error


def record_values(records: Iterable[msgspec.Raw], fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of some fields of each record; None where it has none.

    :param fields: names, dots for nested ones.
    """
    tops = tuple(dict.fromkeys(name.partition(".")[0] for name in fields))
    places = [(tops.index(top), below) for top, *below in (name.split(".") for name in fields)]
    for record in records:
        found = [None if raw is None else python_value(raw) for raw in fields_of(record, tops)]
        yield tuple(_below(found[place], below) for place, below in places)


def column_values(rows: Any, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of some fields of each row of an Arrow table or batch; None where there is no such column.

    :param fields: names, dots for nested ones.
    """
    return zip(*(_column(rows, name) for name in fields), strict=True)


def _column(rows: Any, name: str) -> Iterable[Any]:
    arrow = load_pyarrow()
    import pyarrow.compute

    top, *below = name.split(".")
    if top not in rows.schema.names:
        return repeat(None, rows.num_rows)
    column = rows.column(top)
    for inner in below:
        if not arrow.types.is_struct(column.type) or column.type.get_field_index(inner) < 0:
            return repeat(None, rows.num_rows)
        column = pyarrow.compute.struct_field(column, inner)
    if column.null_count == rows.num_rows:  # as _deleted_at nearly always is
        return repeat(None, rows.num_rows)
    values: list[Any] = column.to_pylist()
    return values


def _below(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
