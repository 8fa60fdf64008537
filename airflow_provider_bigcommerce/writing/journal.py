"""The journal of a write: what is about to be sent is on the disk before it is sent, and what became of it afterwards.

::

    apply-1/journal/0001-5f2c9a1e.jsonl              on the local disk: one file for each try, appended to, and fsync'd
    apply-1/journal/0001-5f2c9a1e/00000001.jsonl     in a store of objects, which cannot append: one object for each flush

A record is a line. The rows of a plan go in windows of a fixed size, one after the other. Within a window each request that writes has an
:class:`Intent`, durable before the request leaves; outcomes are written with the next intents, or when the window is closed, whichever
comes first. So a try that was killed leaves one open window at most, and of its rows those are open whose intent has no outcome: as many
requests as were under way, and those whose answers had come since the last flush. They are settled by reading the store; a row without an
intent was certainly not sent.

Requests that are about to leave at the same moment share a flush.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from airflow_provider_bigcommerce.exceptions import DestinationError, PlanChangedError
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, encoded

_FOLDER = "journal"
#: Objects that are read at once.
_TOGETHER = 200


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="try"):
    """A try begins; the first record of its part of the journal.

    :param number: of the try, from 1, in the order in which they began.
    :param at: ISO-8601 in UTC, the worker's clock.
    :param digest: of the plan.
    :param window: rows of a window; the first try decides.
    """

    number: int
    at: str
    digest: str
    window: int


class Window(msgspec.Struct, frozen=True, tag="window"):
    """The records that follow are of this window, from 0."""

    number: int


class Intent(msgspec.Struct, frozen=True, kw_only=True, tag="intent"):
    """A request is about to be sent.

    :param call: the call's name, ``PUT /v3/catalog/products``.
    :param rows: places of its rows in the input.
    :param digest: SHA-256 of its body, hex; of its query for a request without one.
    """

    call: str
    rows: list[int]
    digest: str


class Settled(msgspec.Struct, frozen=True, tag="outcome"):
    """What became of a row; the last one of a row counts."""

    row: OutcomeRow


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """What a row's outcome has in addition, settled or not: pieces of stock. The last one of a row counts."""

    row: int
    told: dict[str, Any]


class Withdrawn(msgspec.Struct, frozen=True, tag="not sent"):
    """The store has certainly not taken the row, although a request was about to be sent: it was refused for all its rows."""

    row: int


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """Every row of the window has its outcome."""

    number: int


Record = Begun | Window | Intent | Settled | Numbers | Withdrawn | Closed
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class WindowPast:
    """What is known of a window from earlier tries.

    :param outcomes: place -> what became of the row.
    :param told: place -> what its outcome has in addition.
    :param sent: places of rows that may have been sent.
    :param is_closed: whether every row has its outcome.
    """

    outcomes: dict[int, OutcomeRow] = field(default_factory=dict)
    told: dict[int, dict[str, Any]] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    is_closed: bool = False


class Past:
    """All that earlier tries have written, one window at a time in memory.

    :param destination: where the attempt's folder is.
    :param folder: its name.
    :raises PlanChangedError: a record that is not the last one of its file cannot be read: what was sent is not known.
    :raises DestinationError: the place cannot be read.
    """

    def __init__(self, destination: Destination, folder: str) -> None:
        self._spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        #: Window -> where its records are in the spool: (first byte, byte after the last), one pair for each try.
        self._parts: dict[int, list[tuple[int, int]]] = {}
        #: The first record of the first try; None where there was none.
        self.first: Begun | None = None
        #: Tries so far.
        self.tries = 0
        current, end = -1, 0
        for name, line in _lines(destination, folder):
            record = _decoded(destination, name, line)
            if isinstance(record, Begun):
                self.first, self.tries, current = self.first or record, self.tries + 1, -1
                continue
            if isinstance(record, Window):
                current = record.number
            start, end = end, end + self._spool.write(line + b"\n")
            parts = self._parts.setdefault(current, [])
            if parts and parts[-1][1] == start:
                parts[-1] = parts[-1][0], end
            else:
                parts.append((start, end))

    def window(self, number: int) -> WindowPast:
        """What is known of one window."""
        past = WindowPast()
        for start, end in self._parts.get(number, ()):
            self._spool.seek(start)
            for line in self._spool.read(end - start).splitlines():
                record = _decoder.decode(line)
                if isinstance(record, Intent):
                    past.sent.update(record.rows)
                elif isinstance(record, Settled):
                    past.outcomes[record.row.row] = record.row
                elif isinstance(record, Numbers):
                    past.told[record.row] = record.told
                elif isinstance(record, Withdrawn):
                    past.sent.discard(record.row)
                elif isinstance(record, Closed):
                    past.is_closed = True
        return past

    def close(self) -> None:
        """Forget it."""
        self._spool.close()


def _lines(destination: Destination, folder: str) -> Iterator[tuple[str, bytes]]:
    """(file, record) of all tries, in order; of a file on the disk one at a time, of hundreds of small objects those of some together.

    The last line on a disk may be torn, because the machine may have stopped while it was written: then nothing was sent for it.
    """
    names = [entry.name for entry in destination.entries(f"{folder}/{_FOLDER}") if entry.name.endswith(".jsonl")]
    if destination.is_local:
        for name in names:
            for line in _lines_on_disk(destination, name):
                yield name, line
        return
    for start in range(0, len(names), _TOGETHER):
        paths = {destination.fs._strip_protocol(destination.full(name)): name for name in names[start : start + _TOGETHER]}
        try:
            found: dict[str, bytes] = destination.fs.cat(list(paths))  # by fsspec's own spelling of them
        except OSError as error:
            raise _unreadable(destination, names[start], error) from error
        for path, name in paths.items():
            *lines, rest = found[path].split(b"\n")
            if rest:
                raise _damaged(destination, name)  # an object is there whole, or not at all
            for line in lines:
                yield name, line


def _lines_on_disk(destination: Destination, name: str) -> Iterator[bytes]:
    try:
        with Path(destination.full(name)).open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except OSError as error:
        raise _unreadable(destination, name, error) from error


def _unreadable(destination: Destination, name: str, error: OSError) -> DestinationError:
    return DestinationError(f"{destination.url}/{name} could not be read: {error.strerror or type(error).__name__}.")


def _decoded(destination: Destination, name: str, line: bytes) -> Record:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(destination, name) from error


def _damaged(destination: Destination, name: str) -> PlanChangedError:
    return PlanChangedError(
        f"{destination.url}/{name} is damaged: a record of the journal cannot be read, so it is not known what was sent. Nothing more was "
        "sent. Look in the store, and make a new plan: it has only what is still to be done."
    )


class Journal:
    """The part of the journal that this try writes; used on one event loop.

    :param destination: where the attempt's folder is.
    :param folder: its name.
    :param begun: the try.
    """

    def __init__(self, destination: Destination, folder: str, begun: Begun) -> None:
        self._destination = destination
        self._name = f"{folder}/{_FOLDER}/{begun.number:04}-{uuid.uuid4().hex[:8]}"
        self._stream: int | None = None
        self._flushes = 0
        self._pending: list[bytes] = [encoded(begun)]
        self._waiting: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None

    def note(self, record: Record) -> None:
        """Write a record with the next flush."""
        self._pending.append(encoded(record))

    async def durable(self, record: Record) -> None:
        """Write a record, and wait until it is where no crash takes it from.

        :raises DestinationError: it cannot be written: what it is about must not be done.
        """
        self.note(record)
        await self.flush()

    async def flush(self) -> None:
        """Wait until all that was noted so far is durable."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await waiting

    async def _flush(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            lines, self._pending = self._pending, []
            try:
                if lines:
                    await asyncio.to_thread(self._write, b"\n".join(lines) + b"\n")
            except DestinationError as error:
                self._pending[:0] = lines  # what follows makes no sense without; an intent too many is looked up, and no more
                for each in waiting:
                    if not each.done():
                        each.set_exception(error)
                continue
            for each in waiting:
                if not each.done():  # whoever waited may have been cancelled
                    each.set_result(None)

    def _write(self, data: bytes) -> None:
        self._flushes += 1
        if not self._destination.is_local:
            self._destination.write(f"{self._name}/{self._flushes:08}.jsonl", data)
            return
        path = Path(self._destination.full(f"{self._name}.jsonl"))
        try:
            if self._stream is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
                _sync_folder(path.parent)
            view = memoryview(data)
            while view:
                view = view[os.write(self._stream, view) :]
            os.fsync(self._stream)
        except OSError as error:
            raise DestinationError(
                f"{path} could not be written: {error.strerror or type(error).__name__}. Nothing is sent without its record there. "
                "Free space, or repair the directory, and let the task try again: it continues where it was."
            ) from error

    async def aclose(self) -> None:
        """End; what was noted and not flushed is dropped, as if the process had been killed."""
        if self._flusher is not None:
            await asyncio.gather(self._flusher, return_exceptions=True)
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None


def _sync_folder(folder: Path) -> None:
    """Put the file's name on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
