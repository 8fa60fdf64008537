"""An input's rows, read once and given as often as they are wanted: the first reading keeps them in a temporary file.

A plan needs its input twice: once for the keys that come more than once, once for the rows. A query that ran twice could answer twice, and
a file could change in between.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

#: A row of the input: column -> value.
Row = dict[str, Any]

#: Bytes in memory before the rows go to the disk.
_IN_MEMORY = 8 << 20
#: Rows that are put away at once.
_BLOCK = 500


class Spool:
    """Rows that can be read again; a context manager that keeps the temporary file.

    :param read: begins the reading of the input.
    """

    def __init__(self, read: Callable[[], Iterable[Row]]) -> None:
        self._read = read
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed by __exit__
        self._is_whole = False
        #: Rows of the input; known when it was read once.
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        return self._again() if self._is_whole else self._first()

    def _first(self) -> Iterator[Row]:
        if self._is_whole:  # the iterator was made before the input was read, and is used after
            yield from self._again()
            return
        self._file.seek(0)
        self._file.truncate()
        count = 0
        block: list[Row] = []
        for row in self._read():
            block.append(row)
            count += 1
            if len(block) == _BLOCK:
                pickle.dump(block, self._file, pickle.HIGHEST_PROTOCOL)
                block = []
            yield row
        pickle.dump(block, self._file, pickle.HIGHEST_PROTOCOL)
        self.rows, self._is_whole = count, True

    def _again(self) -> Iterator[Row]:
        self._file.seek(0)
        left = self.rows
        while left:
            block: list[Row] = pickle.load(self._file)  # noqa: S301  # this object's own temporary file
            left -= len(block)
            yield from block
