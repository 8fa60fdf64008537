"""What a run remembers of the rows it found, for the next run, in a file beside the manifests.

Two ways do it: ``overlap`` for lists with a change date, ``row_hashes`` for lists without. What they share is here: a file belongs to
one run's data files and is of no use with others, so that what is lost or foreign means "write again", never "lose a row".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.keys import Key
from airflow_provider_bigcommerce.files.manifest import DataFile

#: The rules by which a row's bytes become columns. Where they change, every row counts as changed once, and is written by the new ones:
#: 2 rounds amounts and takes empty values for what they are.
_RULES = b"columns 2"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The run that a file belongs to.

    :param until: the watermark that it set.
    :param files: SHA-256 of each of its data files.
    """

    until: str
    files: tuple[str, ...]

    def is_of(self, until: str | None, files: Sequence[DataFile] | None) -> bool:
        """Whether a run with that watermark and these data files is the owner."""
        return files is not None and self.until == until and self.files == tuple(file.sha256 for file in files)


def owner_of(until: datetime, files: Sequence[DataFile]) -> Owner:
    """The owner as a run knows it before its manifest is written."""
    return Owner(until=written(until) or "", files=tuple(file.sha256 for file in files))


class WrittenRows(Protocol):
    """The rows of the last run, and those of this one for the next.

    :param dropped: rows that were left out, for they stand in the copy as they are.
    """

    dropped: int

    def is_new(self, record: msgspec.Raw, key: Key | None, modified: str | None) -> bool:
        """Whether a row is to be written.

        :param key: None where the resource has none.
        :param modified: its change date, as the store wrote it.
        """

    def save(self, destination: Destination, folder: str, run: str, *, until: datetime, files: Sequence[DataFile]) -> None:
        """Write this run's file; before the manifest, so that no manifest is without.

        :param files: the data files that hold the rows.
        """


def digest(data: bytes | msgspec.Raw, size: int = 16) -> bytes:
    """A digest of a row or a key, by which different ones are not taken for one in practice; another one by other rules of columns."""
    return hashlib.blake2b(data, digest_size=size, person=_RULES).digest()
