"""The keys of a copy in files, read from all committed manifests, newest first, and held against the keys that the store has.

Streams the files and keeps keys as bits; a row whose newest record has ``_deleted_at`` counts as deleted.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.paging import fields_of
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.keys import Key, SeenKeys
from airflow_provider_bigcommerce.files.manifest import DataFile, Manifest, committed
from airflow_provider_bigcommerce.files.schemas import DELETED_AT, load_pyarrow
from airflow_provider_bigcommerce.files.writers import load_zstd

_BATCH = 16_384


def values_in(destination: Destination, file: DataFile, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of some fields of each row of a file; None where a row has none.

    :param fields: names, dots for nested ones.
    :raises DestinationError: a manifest names the file, and it is not there or is not what it should be.
    """
    try:
        with destination.fs.open(destination.full(file.path), "rb") as stream:
            if file.path.endswith(".parquet"):
                yield from _in_parquet(stream, fields)
            else:
                yield from _in_lines(_unpacked(stream, file.path), fields)
    except FileNotFoundError:
        raise DestinationError(f"A manifest names {file.path} below {destination.url}, which is not there. Put it back.") from None


def _unpacked(stream: IO[bytes], name: str) -> Any:
    if name.endswith(".gz"):
        return gzip.open(stream)
    return load_zstd().open(stream) if name.endswith(".zst") else stream


def _in_lines(lines: Any, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    names = tuple(dict.fromkeys(name.partition(".")[0] for name in fields))
    for line in lines:
        values = dict(zip(names, fields_of(msgspec.Raw(line), names), strict=True))
        yield tuple(_below(None if (raw := values[top]) is None else msgspec.json.decode(raw), rest) for top, rest in map(_path, fields))


def _in_parquet(stream: IO[bytes], fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    load_pyarrow()
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(stream)
    names = [name for name in dict.fromkeys(name.partition(".")[0] for name in fields) if name in file.schema_arrow.names]
    for batch in file.iter_batches(_BATCH, columns=names):
        columns = {name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        for row in range(batch.num_rows):
            yield tuple(_below(columns[top][row] if top in columns else None, rest) for top, rest in map(_path, fields))


def _path(name: str) -> tuple[str, str]:
    top, _, rest = name.partition(".")
    return top, rest


def _below(value: Any, rest: str) -> Any:
    for name in rest.split(".") if rest else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, slots=True)
class Compared:
    """The store's keys against a copy's.

    :param live: rows of the copy that are not marked as deleted.
    :param gone: of these, the keys that the store has no more.
    :param back: keys that are marked as deleted and that the store has again.
    """

    live: int
    gone: Sequence[Key]
    back: Sequence[Key] = ()


class FileKeys:
    """The keys of a copy below a path, and those of the store.

    :param destination: the transfer's.
    :param folder: the resource's directory.
    :param row: the resource.
    :param known: keys that the store is known to have; more are added.
    :param replaced: the manifest that this run replaces: its rows are no more part of the copy.
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
        met = SeenKeys()
        for manifest in committed(self._destination, self._folder):
            if self._replaced is not None and manifest.finished_at == self._replaced.finished_at:
                continue
            for file in reversed(manifest.files):  # what a run found deleted is in its last file
                for *values, deleted_at in values_in(self._destination, file, (*self._key, DELETED_AT)):
                    key: Key = values[0] if len(values) == 1 else tuple(values)
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
