"""A digest of every row of a list, kept next to the manifests, so that the next run writes only the rows that are new or changed.

For lists without a filter by change date, which are read whole each time. The file is one line of JSON (its owner), then 32 bytes a
row: digest of the key, digest of the row, in the order of the keys. A million rows are 32 MB there and 64 MB in memory.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.rows.row_digest import digest
from airflow_provider_bigcommerce.rows.row_keys import Key
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.written import Owner, owner_of

log = logging.getLogger(__name__)

_DIGEST = 16
_ENTRY = 2 * _DIGEST
#: Entries are looked up within those whose keys begin with the same two bytes: a few of a million.
_PREFIXES = 1 << 16
_ENCODE = msgspec.json.Encoder().encode


def row_hashes_name(folder: str, run: str) -> str:
    """Where a run's file is, below ``path``."""
    return f"{folder}/_row_hashes/{run}.bin"


def name_of(key: Key) -> bytes:
    """The digest of a key."""
    return digest(_ENCODE(key))


class KnownRows:
    """Digests of keys and rows, sorted, as one block of bytes.

    :param entries: 32 bytes a row.
    """

    def __init__(self, entries: bytes = b"") -> None:
        self._entries = entries
        counts = array("I", bytes(4 * (_PREFIXES + 1)))
        for at in range(0, len(entries), _ENTRY):
            counts[(entries[at] << 8 | entries[at + 1]) + 1] += 1
        for prefix in range(_PREFIXES):
            counts[prefix + 1] += counts[prefix]
        self._starts = counts

    def __len__(self) -> int:
        return len(self._entries) // _ENTRY

    def __iter__(self) -> Iterator[bytes]:
        """Each entry, 32 bytes."""
        return (self._entries[at : at + _ENTRY] for at in range(0, len(self._entries), _ENTRY))

    def without(self, keys: Iterable[Key]) -> KnownRows:
        """The same without rows of these keys."""
        gone = {name_of(key) for key in keys}
        return KnownRows(b"".join(entry for entry in self if entry[:_DIGEST] not in gone)) if gone else self

    def row(self, key: bytes) -> bytes | None:
        """The digest of the row with that key's digest, or None."""
        prefix = key[0] << 8 | key[1]
        at, end = self._starts[prefix] * _ENTRY, self._starts[prefix + 1] * _ENTRY
        while (at := self._entries.find(key, at, end)) >= 0:
            if at % _ENTRY == 0:
                return self._entries[at + _DIGEST : at + _ENTRY]
            at += 1
        return None


class RowHashes:
    """The rows that the last run found in the list, and those of this one.

    :param before: the last run's; empty where that is not certain, so that every row is written.
    :param rows: this run's, where an earlier try found them.
    :param dropped: rows that it left out.
    """

    def __init__(self, before: KnownRows, rows: KnownRows | None = None, dropped: int = 0) -> None:
        self.dropped = dropped
        self._before = before
        self._buckets = [bytearray() for _ in range(256)]
        for entry in rows or ():
            self._buckets[entry[0]] += entry

    def is_new(self, record: msgspec.Raw, key: Key | None, modified: str | None) -> bool:  # noqa: ARG002  # there is no change date
        """Whether a row is to be written: it was not in the list, or was another.

        :param key: None where the resource has none: then its rows are distinguished by what they hold.
        """
        row = digest(record)
        name = row if key is None else name_of(key)
        self._buckets[name[0]] += name + row
        if self._before.row(name) == row:
            self.dropped += 1
            return False
        return True

    def _sorted(self) -> Iterator[bytes]:
        """The entries in the order of their keys; one bucket at a time is held twice."""
        for bucket in self._buckets:
            yield b"".join(sorted(bytes(bucket[at : at + _ENTRY]) for at in range(0, len(bucket), _ENTRY)))

    def save(self, destination: Destination, folder: str, run: str, *, until: datetime, files: Sequence[DataFile]) -> None:
        """Write this run's file; before the manifest, so that no manifest is without.

        :param files: the data files of this run.
        """
        with destination.create(row_hashes_name(folder, run)) as new:
            new.write(msgspec.json.encode(owner_of(until, files)) + b"\n")
            for entries in self._sorted():
                new.write(entries)


def rows_known_to(destination: Destination, folder: str, run: str, files: Sequence[DataFile] | None, until: str | None) -> KnownRows:
    """The rows that a run found in the list; none where that is not certain.

    :param files: that run's data files, or None where they are not known.
    :param until: the watermark that it set.
    """
    data = destination.read(row_hashes_name(folder, run))
    reason = "is not there"
    if data is not None:
        head, _, entries = data.partition(b"\n")
        try:
            owner = msgspec.json.decode(head, type=Owner)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = f"cannot be read ({error})"
        else:
            if len(entries) % _ENTRY == 0 and owner.is_of(until, files):
                return KnownRows(entries)
            reason = "does not belong to its manifest"
    log.warning("The file of row hashes of run %s %s: every row is written again.", run, reason)
    return KnownRows()
