"""Data files that are read more than once, and opened once: on an object store, each opening is a request and the wait for it.

Small files, which most runs leave, are kept as they are; of large ones some stay open. Both are bounded, so that what a copy of many
files takes does not grow with it: a file beyond the bounds is opened whenever it is read.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import IO

from airflow_provider_bigcommerce.targets.files.destination import Destination

#: Bytes of a file that is kept in memory, and of all that are.
_SMALL, _MEMORY = 256 * 1024, 64 * 1024 * 1024
#: Files that stay open; those of object stores hold some megabytes that were read ahead.
_OPEN = 16


class KeptFiles:
    """Opens files, and keeps what it has opened until it is closed. One thread reads at a time.

    :param destination: the transfer's path.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._small: dict[str, bytes] = {}
        self._memory = 0
        self._opened: dict[str, IO[bytes]] = {}
        self._in_use: set[str] = set()

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """A file from its beginning.

        :param path: below the transfer's path.
        :raises OSError: it is not there, or cannot be read.
        """
        if (data := self._small.get(path)) is not None:
            yield io.BytesIO(data)
            return
        if path in self._opened and path not in self._in_use:
            with self._lent(path) as stream:
                yield stream
            return
        stream = self._destination.fs.open(self._destination.full(path), "rb")
        try:
            data = stream.read(_SMALL + 1)
            if len(data) <= _SMALL and self._memory + len(data) <= _MEMORY:
                self._small[path] = data
                self._memory += len(data)
                yield io.BytesIO(data)
            elif path not in self._opened and len(self._opened) < _OPEN:
                self._opened[path] = stream
                with self._lent(path):
                    yield stream
            else:
                stream.seek(0)
                yield stream
        finally:
            if self._opened.get(path) is not stream:
                stream.close()

    @contextlib.contextmanager
    def _lent(self, path: str) -> Iterator[IO[bytes]]:
        self._in_use.add(path)
        try:
            self._opened[path].seek(0)
            yield self._opened[path]
        finally:
            self._in_use.discard(path)

    def close(self) -> None:
        """Close what is open, and forget what is kept."""
        for stream in self._opened.values():
            stream.close()
        self._opened.clear()
        self._small.clear()
        self._memory = 0
