"""One listing of a resource's directory, from which everything is told that a run wants to know of it.

Names, sizes and times only: nothing here is opened. A step that has to see what others did meanwhile takes a new look.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime

from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry


class Look:
    """The files below a resource's directory at one moment.

    :param resource: the directory.
    :param entries: its files, at any depth, by name.
    :param now: the destination's own time, or None where it did not tell or was not asked.
    """

    def __init__(self, resource: str, entries: Iterable[Entry], now: datetime | None = None) -> None:
        self.resource = resource
        self.entries = list(entries)
        self.now = now
        self._names = [entry.name for entry in self.entries]

    @classmethod
    def at(cls, destination: Destination, resource: str) -> Look:
        """List the directory.

        :raises DestinationError: it is there and cannot be listed.
        """
        return cls(resource, destination.entries(resource))

    @classmethod
    def into(cls, destination: Destination, resource: str) -> Look:
        """List a directory that will be written to, and find out by a small file whether it can be, and what time it is there.

        :raises DestinationError: it cannot be listed, written or removed from.
        """
        entries, now = destination.probe(f"{resource}/_manifests", listed=resource)
        return cls(resource, entries, now)

    def below(self, folder: str) -> list[Entry]:
        """The files below a folder, at any depth, by name.

        :param folder: such as ``_manifests``, below the resource's directory.
        """
        return self._beginning_with(f"{self.resource}/{folder}/")

    def of_runs(self) -> list[Entry]:
        """The files below the directories of runs, ``run=...``, by name."""
        return self._beginning_with(f"{self.resource}/run=")

    def _beginning_with(self, start: str) -> list[Entry]:
        end = start[:-1] + chr(ord(start[-1]) + 1)
        return self.entries[bisect_left(self._names, start) : bisect_left(self._names, end)]

    def get(self, name: str) -> Entry | None:
        """A file.

        :param name: below ``path``.
        """
        at = bisect_left(self._names, name)
        return self.entries[at] if at < len(self._names) and self._names[at] == name else None
