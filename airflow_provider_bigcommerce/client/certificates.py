"""What TLS certificates are checked by, read once a process for each file of authorities."""

from __future__ import annotations

import asyncio
import functools
import ssl
from pathlib import Path


async def context_of(file: str) -> ssl.SSLContext:
    """A context that trusts the authorities in this file, as it is now; an exchanged file is read again.

    Reading the usual hundred and fifty takes OpenSSL 3 some 50 ms of CPU (measured), which a task pays for each store object that it
    opens otherwise.

    :param file: path of a PEM file.
    :raises OSError: it cannot be read, or holds no certificate.
    """
    return await asyncio.to_thread(_context, file)


def _context(file: str) -> ssl.SSLContext:
    found = Path(file).stat()
    return _read(file, (found.st_mtime_ns, found.st_size, found.st_ino))


@functools.lru_cache(maxsize=4)
def _read(file: str, version: tuple[int, int, int]) -> ssl.SSLContext:  # noqa: ARG001  # part of the cache's key
    """The context of one state of a file, which ``version`` tells from others."""
    return ssl.create_default_context(cafile=file)
