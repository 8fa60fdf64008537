"""A file on its way to its name: its bytes written, counted and digested."""

from __future__ import annotations

import contextlib
import io
import os
from typing import IO, Any

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.files.digest import Digest

#: Bytes of a local file after which the system is told to begin writing them to the disk; the wait at the file's end is for the
#: rest only (12 ms less for 33 MB, measured).
_BYTES_BEFORE_DISK = 4 * 2**20


class NewFile(io.RawIOBase):
    """A file being written: counts its bytes and their SHA-256 on the way; it can only grow.

    Made by :meth:`Destination.create`; closing it does not make it appear, leaving the ``with`` block without an error does.
    """

    def __init__(self, stream: IO[bytes], name: str, *, is_local: bool = False) -> None:
        super().__init__()
        self.name = name
        self.bytes = 0
        self._hastens = is_local and hasattr(os, "posix_fadvise")
        self._hastened = 0
        self._digest: Digest | None = Digest()
        self._stream = stream

    def writable(self) -> bool:
        """True: writing is all it can do."""
        return True

    def write(self, data: Any, /) -> int:
        """Append all of ``data`` (any bytes-like object).

        :raises DestinationError: the disk is full, or the destination is gone.
        """
        try:
            view = memoryview(data).cast("B")
            self._stream.write(view)
        except OSError as error:
            raise failed("written", self.name, error) from error
        if self._digest is not None:
            self._digest.update(data if isinstance(data, bytes) else view)
        self.bytes += view.nbytes
        if self._hastens and self.bytes - self._hastened >= _BYTES_BEFORE_DISK:
            self._hasten()
        return view.nbytes

    def _hasten(self) -> None:
        """Let the system begin to write what it still holds in memory: on Linux this advice does so for pages that are dirty."""
        with contextlib.suppress(OSError):
            os.posix_fadvise(self._stream.fileno(), self._hastened, self.bytes - self._hastened, os.POSIX_FADV_DONTNEED)
        self._hastened = self.bytes

    def tell(self) -> int:
        """Bytes written so far."""
        return self.bytes

    def end_digest(self) -> None:
        """End the thread that computes the digest, which can still be asked for."""
        if self._digest is not None:
            self._digest.close()

    def forgo_digest(self) -> None:
        """Compute no digest, said before the first byte: where nobody notes it, it is 3 % of the CPU of a rewrite (measured)."""
        self._digest = None

    @property
    def sha256(self) -> str:
        """Hex digest of all that was written; empty where it was forgone."""
        return "" if self._digest is None else self._digest.hexdigest()


def failed(verb: str, what: str, error: OSError) -> DestinationError:
    """The sentence for what the file system refused.

    :param verb: what could not be done, such as ``written``.
    :param what: to which file or directory.
    """
    reason = error.strerror or str(error) or type(error).__name__
    return DestinationError(
        f"{what} could not be {verb}: {reason}. Check that the directory or bucket exists, that the worker may write, list and remove "
        "there, and that there is room."
    )
