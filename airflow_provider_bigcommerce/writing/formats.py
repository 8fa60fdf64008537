"""What a plan and the outcomes of a write look like in files: rows as JSON lines, a manifest that is their commit.

Plain data: nothing here opens or writes. Amounts stay exact: a decimal is written digit by digit as a JSON number, and a JSON number with
a fraction or an exponent is read as a decimal, never as a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from airflow_provider_bigcommerce.core.writing.outcomes import OutcomeKind

#: The newest layout that this version writes and reads.
FORMAT = 1

#: What is done with a row of a plan.
PlannedOperation = Literal["create", "update", "upsert", "delete"]


class RowFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an attempt's folder.

    :param name: its name in the folder, one part of a path.
    :param rows: rows in it.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    """

    name: str
    rows: int
    bytes: int
    sha256: str


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row that a plan would send.

    :param row: its place in the input, from 0.
    :param key: the values by which it is distinguished from others; empty where it has none (a create without a key).
    :param id: the store's id, None where it has none yet, or where the store finds the row by its key.
    :param operation: what is done with it; ``upsert`` where the store itself decides.
    :param fields: names of the fields that change, dots for nested ones.
    :param old: field -> what the store has now, for ``fields``; None where the store has no such row, or was not asked. A field that the
        store's row lacks is not in it. Where the record is sent whole, for BigCommerce may clear what is left out, it also has every
        other field of the body: each of them would be written over. A row of the store is as it was planned with where all of ``old`` is
        still the same. Of a delete, the fields that can be written.
    :param new: field -> what it will have, for ``fields``; empty for a delete.
    :param body: the row as it is given to ``store.write`` with that operation, ids included.
    :param warnings: what a person should know of it, each on one line.
    """

    row: int
    key: list[Any]
    id: int | str | None
    operation: PlannedOperation
    fields: list[str]
    old: dict[str, Any] | None
    new: dict[str, Any]
    body: dict[str, Any]
    warnings: list[str] = []  # msgspec copies it for each row


class OutcomeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row of the input: as ``core.writing.outcomes.Outcome`` says it.

    :param row: its place in the input, from 0.
    :param key: the values by which it is distinguished from others; empty where it has none.
    :param id: the store's id, None where it is not known.
    :param outcome: what became of it.
    :param status: status of the answer that decided, None where none did.
    :param error: why, on one line; None where all is well. No value of the row is in it.
    :param fields: names of the fields that were to be written, or that are to blame.
    :param attempt: which attempt settled it, from 1.
    """

    row: int
    key: list[Any]
    id: int | str | None
    outcome: OutcomeKind
    status: int | None = None
    error: str | None = None
    fields: list[str] = []  # msgspec copies it for each row
    attempt: int = 1


class PlanManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is; its presence makes the folder's files a plan.

    :param plan_id: unique to the plan: resource, run and attempt, and eight hex digits.
    :param resource: catalog name.
    :param store_hash: the store that it was compared with.
    :param operation: of all rows, as it was asked for.
    :param match_on: fields by which rows were found in the store; empty for their ids or the key that the store knows.
    :param created_at: ISO-8601 in UTC, the worker's clock.
    :param provider_version: version of this package.
    :param rows: rows that would be sent: those of the plan's file.
    :param counts: of the input's rows: ``input``, each operation of the plan's rows, and each outcome that is certain already.
    :param digest: SHA-256 of the plan's file, hex: what a person approves.
    :param files: the plan's file first, then the outcomes that are certain already, where there are any.
    :param guards: the limits that were given, and the numbers that were checked against them.
    :param source: what was read: names of files with their sizes, or the connection's id and the SHA-256 of the query; no secret.
    :param settings: the other arguments that decide what is sent (``nulls``, ``unchanged``, ``on_conflict`` and so on).
    :param undo_of: digest of the plan that this one takes back; empty for none.
    :param warnings: what a person should know of the whole, such as that each row sends a mail; each on one line.
    """

    kind: Literal["plan"] = "plan"
    format: int = FORMAT
    plan_id: str
    resource: str
    store_hash: str
    operation: PlannedOperation
    match_on: list[str]
    created_at: str
    provider_version: str
    rows: int
    counts: dict[str, int]
    digest: str
    files: list[RowFile]
    guards: dict[str, Any] = {}  # msgspec copies it for each manifest
    source: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    undo_of: str = ""
    warnings: list[str] = []


class OutcomeManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of a write.

    :param plan: URI of the plan's manifest that was applied; empty for a write without one.
    :param plan_digest: the plan's digest; empty for a write without one.
    :param resource: catalog name.
    :param store_hash: the store that was written to.
    :param operation: of all rows, as it was asked for.
    :param started_at: ISO-8601 in UTC, the worker's clock.
    :param finished_at: likewise.
    :param provider_version: version of this package.
    :param rows: rows in the outcomes' file.
    :param counts: rows by outcome.
    :param files: the outcomes' file first, then others (rejected rows).
    :param approved_by: who approved it, as Airflow names them; empty for nobody.
    :param undo_of: digest of the plan that this write took back; empty for none.
    :param settings: the other arguments that decided what was sent.
    """

    kind: Literal["outcome"] = "outcome"
    format: int = FORMAT
    plan: str = ""
    plan_digest: str = ""
    resource: str
    store_hash: str
    operation: PlannedOperation
    started_at: str
    finished_at: str
    provider_version: str
    rows: int
    counts: dict[str, int]
    files: list[RowFile]
    approved_by: str = ""
    undo_of: str = ""
    settings: dict[str, Any] = {}  # msgspec copies it for each manifest


#: Each manifest that a write's folder may have.
WriteManifest: TypeAlias = PlanManifest | OutcomeManifest


class Head(msgspec.Struct, frozen=True):
    """What is read of a manifest first: whether the rest can be read at all."""

    kind: str = ""
    format: int = 0


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encoded(value: msgspec.Struct | Mapping[str, Any]) -> bytes:
    """A row or a manifest as JSON on one line, without the line's end.

    :raises TypeError: it holds a value that JSON has not.
    :raises ValueError: it holds a number that JSON has not (``NaN``).
    """
    data: bytes = _ENCODER.encode(value)
    # A decimal that is no number is written as its name, which no reader takes.
    if b"NaN" in data or b"Infinity" in data:
        msgspec.json.decode(data)
    return data


plan_row_decoder = msgspec.json.Decoder(PlanRow, float_hook=Decimal)
outcome_row_decoder = msgspec.json.Decoder(OutcomeRow, float_hook=Decimal)
