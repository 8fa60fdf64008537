"""What a comparison found, row by row, and the rows that it reads to look once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.reconciling import Key
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.engine.stored_copy import CopyBatch


@dataclass(slots=True)
class Findings:
    """What a look at some rows found; keys, and for rows that differ the names of their fields."""

    changed: dict[Key, list[str]] = field(default_factory=dict)
    missing: set[Key] = field(default_factory=set)
    deleted: set[Key] = field(default_factory=set)
    newer: set[Key] = field(default_factory=set)
    compared: int = 0
    amounts: list[int | None] = field(default_factory=list)
    amounts_of: list[Key] = field(default_factory=list)

    @property
    def keys(self) -> set[Key]:
        """All that differ."""
        return {*self.changed, *self.missing, *self.deleted}


class KeptRows:
    """Takes rows in and keeps them, where others write them."""

    def __init__(self) -> None:
        self.records: list[msgspec.Raw] = []

    @property
    def rows(self) -> int:
        """How many came."""
        return len(self.records)

    def prepare(self) -> None:
        """Nothing to prepare."""

    def write(self, records: Sequence[msgspec.Raw]) -> list[DataFile]:
        """Keep them."""
        self.records += records
        return []

    def close(self) -> list[DataFile]:
        """Nothing was written."""
        return []

    def abort(self) -> None:
        """Nothing to give up."""


class StaysOpen(KeptRows):
    """A writer that several reads write into: it is closed by who made it."""

    def __init__(self, writer: Any) -> None:
        super().__init__()
        self._writer = writer
        self.files: list[DataFile] = []

    @property
    def rows(self) -> int:
        """How many the writer has, those of other reads included."""
        return int(self._writer.rows)

    def write(self, records: Sequence[msgspec.Raw]) -> list[DataFile]:
        """Write them, and keep which files became whole by it."""
        self.files += self._writer.write(records)
        return []


def only(batch: CopyBatch, _: set[Key]) -> list[CopyBatch]:
    """The batch as it is."""
    return [batch]
