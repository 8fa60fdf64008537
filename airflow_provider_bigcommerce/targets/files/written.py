"""What a run remembers of the rows it found, for the next run, in a file next to the manifests.

Two ways do it: ``overlap`` for lists with a change date, ``row_hashes`` for lists without. What they share is here: a file belongs to
one run's data files and is of no use with others, so that what is lost or foreign means "write again", never "lose a row".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.engine.writing_rows import WrittenRows
from airflow_provider_bigcommerce.targets.files.destination import Destination


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


class SavedRows(WrittenRows, Protocol):
    """Those that lie in a file next to the manifests."""

    def save(self, destination: Destination, folder: str, run: str, *, until: datetime, files: Sequence[DataFile]) -> None:
        """Write this run's file; before the manifest, so that no manifest is without.

        :param files: the data files that hold the rows.
        """
