"""The keys of a copy in files, checked against the keys that the store has.

Keeps keys as bits; a row whose newest record has ``_deleted_at`` counts as deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.engine.deletes import Compared
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.rows.row_keys import Key, SeenKeys, key_of
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader, newest_first


class FileKeys:
    """The keys of a copy below a path, and those of the store.

    :param destination: the transfer's.
    :param folder: the resource's directory.
    :param row: the resource.
    :param known: keys that the store is known to have; more are added.
    :param replaced: the manifest that this run replaces: its rows are no longer part of the copy.
    """

    def __init__(self, destination: Destination, folder: str, row: Resource, known: SeenKeys, replaced: Manifest | None) -> None:
        self._destination = destination
        self._folder = folder
        self._key = row.primary_key
        self._known = known
        self._replaced = replaced

    def add(self, keys: Sequence[Key]) -> None:
        """Take keys that the store has."""
        for key in keys:
            self._known.add(key)

    def rows(self) -> Iterator[tuple[Key, bool]]:
        """Key, and whether it is deleted, of each row of the copy."""
        met, reader = SeenKeys(), FileReader(self._destination)
        for run, file in newest_first(committed(self._destination, self._folder)):
            if self._replaced is not None and run.finished_at == self._replaced.finished_at:
                continue
            for *values, deleted_at in reader.values(file, (*self._key, DELETED_AT)):
                key = key_of(values)
                if met.add(key):
                    yield key, deleted_at is not None

    def compare(self) -> Compared:
        """Hold the store's keys against the copy's."""
        live = 0
        gone: list[Key] = []
        back: list[Key] = []
        for key, is_deleted in self.rows():
            is_there = key in self._known or (isinstance(key, str) and key.isdecimal() and int(key) in self._known)  # a text column
            live += not is_deleted
            if is_deleted and is_there:
                back.append(key)
            elif not is_deleted and not is_there:
                gone.append(key)
        return Compared(live, gone, back)

    def among(self, keys: Sequence[Key]) -> Compared:
        """Which of these keys are rows of the copy that are not marked."""
        asked, live = set(map(str, keys)), 0  # a text column holds a number as text
        found: list[Key] = []
        for key, is_deleted in self.rows():
            live += not is_deleted
            if not is_deleted and str(key) in asked:
                found.append(key)
        return Compared(live, found)


def marker(row: Resource, key: Key) -> msgspec.Raw:
    """A record that holds a row's key and nothing else."""
    record: dict[str, Any] = {}
    for path, value in zip(row.primary_key, key if isinstance(key, tuple) else (key,), strict=True):
        inner = record
        *above, last = path.split(".")
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return msgspec.Raw(msgspec.json.encode(record))
