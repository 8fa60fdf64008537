"""SHA-256 of what a file is given, computed in another thread than the one that writes it.

``hashlib`` lets go of the interpreter while it works, so on a second core the digest costs a copy no time. On a processor without
instructions for SHA it is a third of what a copy in JSON lines costs (``docs/benchmarks.md`` says what the machine's rate is).
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

#: Bytes from which handing over to another thread (some 50 microseconds) costs less than the digest itself.
_WORTH_A_THREAD = 128 * 1024
#: Bytes that may wait for their turn: pages come in bursts, faster than the digest, which catches up while the next ones are on their way.
_MOST_WAITING = 4 * 2**20


class Digest:
    """The SHA-256 of what it is given, in order. What waits for its turn is bounded, so memory stays flat.

    The thread is made with the first large piece, in the process that writes: one that was made before a fork would be gone.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._beside: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[Future[None], int]] = deque()
        self._waiting = 0

    def update(self, data: bytes | memoryview) -> None:
        """Add data; what may be changed by its owner afterwards is copied."""
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        if size < _WORTH_A_THREAD:
            self._settle()
            self._digest.update(data)
            return
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, thread_name_prefix="bigcommerce-digest")
        self._settle(_MOST_WAITING - size)
        piece = data if isinstance(data, bytes) else bytes(data)
        self._pending.append((self._beside.submit(self._digest.update, piece), size))
        self._waiting += size

    def hexdigest(self) -> str:
        """Of all that was given so far."""
        self._settle()
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread; the digest can still be asked for."""
        self._settle()
        if self._beside is not None:
            self._beside.shutdown()
            self._beside = None

    def _settle(self, most: int = 0) -> None:
        """Wait until no more than so many bytes are not in the digest."""
        while self._pending and (self._waiting > most or self._pending[0][0].done()):
            piece, size = self._pending.popleft()
            self._waiting -= size
            piece.result()
