"""What a run has sent, noted before and after each request, so that no later try of the run sends it a second time.

::

    <report_path>/<resource>/run=<run key>/sent/000001.json       what is about to be sent
                                                000002.json       what came of it

Each note is a file of its own that is written whole and never changed; a note's number is taken by one process alone on the local disk.
A process that was killed between the two notes leaves the first one: what it names may have been sent, or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from airflow_provider_bigcommerce.exceptions import ConcurrentRunError, DestinationError
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.writing.folder import attempts_folder
from airflow_provider_bigcommerce.writing.formats import encoded

Note = Mapping[str, Any]


class Notes(Protocol):
    """Where notes go, and what is there."""

    def all(self) -> Iterable[Note]:
        """The notes of this run's earlier tries, in order; read to the end before one is added."""

    def add(self, note: Note) -> None:
        """Keep a note; it is durable when this returns."""


class RunNotes:
    """The notes of one run of a task, in files.

    :param destination: the directory of all reports.
    :param resource: catalog name.
    :param run: run key.
    """

    def __init__(self, destination: Destination, resource: str, run: str) -> None:
        self._destination = destination
        self._folder = f"{attempts_folder(resource, run)}/sent"
        self._count = 0

    def all(self) -> Iterator[Note]:
        """The notes that are there, in order, one at a time.

        :raises DestinationError: one is missing or cannot be read: what was sent is not known then, so nothing may be sent.
        """
        names = [entry.name for entry in self._destination.entries(self._folder) if not is_temporary(entry.name)]
        self._count = 0
        for number, name in enumerate(sorted(names), 1):
            data = self._destination.read(name) if name == self._name(number) else None
            try:
                note = msgspec.json.decode(data or b"", type=dict[str, Any])
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise DestinationError(
                    f"{self._destination.url}/{self._name(number)} is missing, or is no note of what was sent: what this run has sent is "
                    "not known, so nothing was sent. Look into the store, and start a new run of the DAG for what is missing."
                ) from error
            self._count = number
            yield note

    def add(self, note: Note) -> None:
        """Keep a note.

        :raises ConcurrentRunError: another process has noted something meanwhile.
        :raises DestinationError: it cannot be written.
        """
        name, data = self._name(self._count + 1), encoded(note)
        if not self._destination.write_new(name, data):
            raise ConcurrentRunError(
                f"Another try of this task has noted {self._destination.url}/{name} meanwhile. This one stops. Let the other end, or clear "
                "the task when it has."
            )
        self._count += 1

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:06}.json"
