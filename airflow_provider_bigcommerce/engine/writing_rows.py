"""What a read hands its rows to, and what that knows of the rows before: the part of a target that ``engine.copying`` sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.rows.row_keys import Key, SeenKeys
from airflow_provider_bigcommerce.state import Reached


class RowWriter(Protocol):
    """Where rows go: files in parts, or a database's staging tables."""

    @property
    def rows(self) -> int:
        """Taken so far."""

    def prepare(self) -> None:
        """Do what rows need that come later, such as imports; called once, while the first page is on its way."""

    def write(self, records: Sequence[msgspec.Raw]) -> list[DataFile]:
        """Take records, one JSON object each; returns the files that this completed."""

    def close(self) -> list[DataFile]:
        """Finish; returns the last files."""

    def abort(self) -> None:
        """Give up what is not finished; after ``close`` there is nothing."""


class WrittenRows(Protocol):
    """The rows of the last run.

    :param dropped: rows that were left out, because they are in the copy as they are.
    """

    dropped: int

    def is_new(self, record: msgspec.Raw, key: Key | None, modified: str | None) -> bool:
        """Whether a row is to be written.

        :param key: None where the resource has none.
        :param modified: its change date, as the store wrote it.
        """


class Parts(Protocol):
    """The parts of a run that are closed, kept for its retries.

    :param earlier: what earlier tries left and this one continues with; None where the run starts from the beginning.
    """

    earlier: Reached | None

    def begin_anew(self, reason: str) -> None:
        """Forget what earlier tries left, and say why."""

    def files(self, reached: Reached) -> list[DataFile]:
        """The closed parts as a manifest names them."""

    def seen(self, reached: Reached) -> SeenKeys:
        """The keys of rows that may come again."""

    def keep(self, position: Position, files: Sequence[DataFile], seen: SeenKeys, **counters: Any) -> None:
        """Remember that these parts are closed and the walk continues at ``position``."""
