"""Rows of a table's parts, a bounded number of bytes at a time.

On the local disk a part is opened and read piece by piece. In an object store each piece would be a request, and the columns of a key lie
all over a part: there a part is asked for once and whole, and small ones are kept between the look at their keys and their rewrite.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination

#: Encoded bytes, before compression, and rows that are read at once, and become one row group where they are written again: with fewer rows
#: in each, a file of hundreds of columns costs a tenth more CPU and bytes. A row group that is larger is read alone.
READ_BYTES: Final = 32 * 2**20
READ_ROWS: Final = 16_000
#: Bytes after which Arrow's writer gives a dictionary up; what points into one takes at most 4 bytes a value.
_DICTIONARY_BYTES: Final = 2**20
#: Bytes of parts of an object store that are kept in memory, encoded.
KEPT_BYTES: Final = 32 * 2**20


class PartReader:
    """Reads parts of a table.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    """

    def __init__(self, destination: Destination, folder: str) -> None:
        self._destination, self._folder = destination, folder
        self._kept = OrderedDict[str, bytes]()
        self._without_repeats = dict[str, frozenset[str]]()

    def _whole(self, name: str) -> bytes:
        """The bytes of a part in an object store."""
        data = self._kept.pop(name, None)
        if data is None:
            data = self._destination.whole(f"{self._folder}/{name}")
        self._kept[name] = data
        while self._kept and sum(map(len, self._kept.values())) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return data

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        """A part, opened.

        :raises DestinationError: it is not there, or is no Parquet file.
        """
        arrow = load_pyarrow()
        import pyarrow.parquet

        full = self._destination.full(f"{self._folder}/{name}")
        try:
            source = self._destination.fs.open(full, "rb") if self._destination.is_local else arrow.BufferReader(self._whole(name))
            with source:
                part = pyarrow.parquet.ParquetFile(source, pre_buffer=False)
                if name not in self._without_repeats:  # a part never changes
                    self._without_repeats[name] = _without_repeats(part.metadata)
                yield part
        except FileNotFoundError as error:
            raise DestinationError(
                f"The table's log names {full}, which is not there: somebody removed it, or put the table back to a version whose "
                "files are gone. Restore the file, or give another path and read the resource again."
            ) from error
        except (OSError, arrow.ArrowInvalid) as error:
            raise DestinationError(
                f"{full} could not be read: {type(error).__name__}. The table is damaged, or the storage failed. Let the task try again; "
                "if it fails again, restore the file."
            ) from error

    def columns(self, name: str, columns: Sequence[str]) -> Any:
        """Some columns of all rows of a part, those that it has.

        :returns: an Arrow table.
        """
        with self._open(name) as part:
            there = set(part.schema_arrow.names)
            return part.read(columns=[column for column in columns if column in there], use_threads=False)

    def without_repeats(self, name: str) -> frozenset[str]:
        """The columns of a part whose values hardly repeat, by their paths in Parquet; known once the part was opened."""
        if name not in self._without_repeats:
            with self._open(name):
                pass
        return self._without_repeats[name]

    def batches(self, name: str) -> Iterator[Any]:
        """All rows of a part, a few row groups at a time, in order; Arrow tables."""
        with self._open(name) as part:
            groups: list[int] = []
            size = rows = 0
            for number in range(part.num_row_groups):
                own = part.metadata.row_group(number)
                if groups and (size + own.total_byte_size > READ_BYTES or rows + own.num_rows > READ_ROWS):
                    yield _one_after_the_other(part, groups)
                    groups, size, rows = [], 0, 0
                groups.append(number)
                size += own.total_byte_size
                rows += own.num_rows
            if groups:
                yield _one_after_the_other(part, groups)


def _one_after_the_other(part: Any, groups: Sequence[int]) -> Any:
    """Some row groups as a table. Arrow's threads, one a column, cost a quarter of the CPU of a rewrite and saved no time (measured)."""
    return part.read_row_groups(groups, use_threads=False)


def _without_repeats(metadata: Any) -> frozenset[str]:
    """The columns that a dictionary does not make smaller, by the first row group's.

    A dictionary that takes a third of its column or more, both compressed, saves nothing, nor does one that grew too large and was given
    up, behind which the values stand as they are. Columns with less than a byte a row are not among them, whatever they have.
    """
    found = set[str]()
    if not metadata.num_row_groups:
        return frozenset()
    group = metadata.row_group(0)
    for number in range(group.num_columns):
        column = group.column(number)
        size = column.total_compressed_size
        of_dictionary = column.data_page_offset - column.dictionary_page_offset if column.has_dictionary_page else size
        was_given_up = column.total_uncompressed_size > _DICTIONARY_BYTES + 4 * column.num_values
        if size >= group.num_rows and (was_given_up or 3 * of_dictionary >= size):
            found.add(column.path_in_schema)
    return frozenset(found)
