"""What a table's log says, and what a commit adds to it: plain data, and the names of the numbers that stay in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.targets.lake.parts import Part


class OvertakenError(Exception):
    """The commit was not made, as far as is known: look again at what is there.

    :param is_certain: whether it is known that the files that it would have named are not part of the table.
    """

    def __init__(self, cause: Exception, *, is_certain: bool) -> None:
        super().__init__(type(cause).__name__)
        self.cause, self.is_certain = cause, is_certain


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a resource's transactions.

    :param watermark: how far runs with these filters have come, seconds since 1970.
    :param full: where the last of them that read everything ended, likewise.
    :param run: of the run: the version that its commit made.
    :param tidied: when old files were last removed, likewise seconds.
    :param commit: the version that the last commit of any run made.
    """

    watermark: str
    full: str
    run: str
    tidied: str
    commit: str

    @classmethod
    def of(cls, resource: str, filters: Mapping[str, str], run: str) -> Names:
        """The names of a run.

        :param filters: the part of the query that decides which rows there are.
        :param run: run key.
        """
        start = f"bigcommerce/{resource}"
        watermark = f"{start}/{_hash(json.dumps(dict(filters), sort_keys=True), 12)}"
        return cls(watermark, f"{watermark}/full", f"{start}/run/{_hash(run, 16)}", f"{start}/tidied", f"{start}/commit")


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The table as it was when it was looked at.

    :param table: ``deltalake``'s; it moves on when the table is looked at again, the rest does not.
    :param version: of it.
    :param parts: its data files.
    :param schema: Arrow schema of its columns.
    """

    table: Any
    version: int
    parts: Sequence[Part]
    schema: Any

    def transaction(self, name: str) -> int | None:
        """The number of a transaction, or None where there is none."""
        found: int | None = self.table.transaction_version(name)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit makes of the table.

    :param added: parts that become data.
    :param removed: parts that are no longer data.
    :param numbers: transaction -> number, which stay.
    :param versions: transactions whose number is the version that the commit makes, and that stay.
    :param run: likewise the run's, which is forgotten when it is old; None where the commit changes no row.
    :param manifest: what people find in the commit.
    :param schema: Arrow schema of the added parts.
    """

    added: Sequence[Part]
    removed: Sequence[Part]
    numbers: Mapping[str, int]
    versions: Sequence[str]
    run: str | None
    manifest: Manifest
    schema: Any
