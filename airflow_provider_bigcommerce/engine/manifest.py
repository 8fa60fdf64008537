"""The manifest of a run: what it read and wrote, as it is in XCom and next to the data; and the key by which a run is known.

Every target commits one. Plain data: nothing here opens or writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

_UNSAFE = re.compile(r"[^A-Za-z0-9._]+|\.{2,}")


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One data file.

    :param path: below the transfer's ``path``, so that a copied or mounted directory stays readable:
        ``orders/run=<run key>/part-00000.parquet``.
    :param rows: rows in it.
    :param bytes: its size.
    :param sha256: hex digest of its bytes.
    """

    path: str
    rows: int
    bytes: int
    sha256: str


class ManifestWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The span of dates that was read, both ends inclusive, ISO-8601 with ``Z``; null is open."""

    since: str | None = None
    until: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A number of the store checked against what was read.

    :param what: what was compared.
    :param expected: the number of rows that was due at the end of the read, and the highest one that the store gave.
    :param found: what was read.
    :param agrees: whether that is as many as were due.
    """

    what: str
    expected: tuple[int, int]
    found: int
    agrees: bool


class FieldDrift(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between what the store sent and the resource's schema; kinds of values, never a value.

    :param path: the field, ``variants[].new_name`` for one inside a list.
    :param kind: ``new_field``, ``changed_type`` or ``repeated_field``.
    :param seen_type: what was seen, such as ``text``.
    :param nulls: values that became null for it.
    """

    path: str
    kind: str
    seen_type: str
    nulls: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one run read and wrote.

    :param resource: catalog name.
    :param store_hash: the store it is from.
    :param mode: ``full``, ``incremental``, ``backfill``, or ``ids`` for a run that read the rows of some ids.
    :param query: parameters sent in addition to the window's and the page's, includes among them.
    :param window: the span of change dates; of creation dates in a backfill of a resource that can be read by them.
    :param watermark: where the next incremental run continues, ISO-8601; null for the other modes.
    :param files: the data files, in reading order.
    :param rows: rows in them, without those that mark deletes.
    :param duplicates_dropped: rows that were read again and not written again: in this run, or by the last one within the overlap.
    :param deleted: rows that the store no longer has: in files, the rows in addition to ``rows`` that mark them; in a table, those marked
        or deleted.
    :param drift: where the store sent something else than the resource's schema; empty for JSON lines, which keep records as they came.
    :param rounded: amounts that stand rounded in their column, because they have more decimals than it; the exact ones are in ``_extra``.
    :param requests: requests sent to the store.
    :param throttled: of these, answers 429.
    :param seconds: from start to finish.
    :param waited: seconds of these in which a request waited for the quota or to be repeated; several that wait at once count once.
    :param started_at: ISO-8601 in UTC, the worker's clock.
    :param finished_at: likewise.
    :param provider_version: version of this package.
    :param complete: whether each check agrees.
    :param checked: the numbers that were compared; empty where the store gives none.
    :param read_at: the store's time at which its read began, ISO-8601 with ``Z``: the run whose read began last has the newest rows. Null
        in a manifest of an earlier version, whose ``started_at`` replaces it.
    :param sequence: greater than those of the runs that were committed there before; decides where ``read_at`` is the same second.
    :param attempt: which try of the run this is from, 1 for the first; of two of one run, the greater one counts.
    :param replaces: in the manifest of a compaction, the runs whose rows its files hold: run keys, each with ``@`` and the ``finished_at``
        of the manifest that was read. Those manifests are not part of the copy any more; one that the run commits later is.
    :param follows: the watermark from which the run continued; null for a first run, one that read everything again, and the other modes.
    :param as_of: of a compaction, the store's time at which the first of the reads that it stands for began; null where ``read_at`` says
        it.
    """

    resource: str
    store_hash: str
    mode: Literal["full", "incremental", "backfill", "ids"]
    query: Mapping[str, str]
    window: ManifestWindow
    watermark: str | None
    files: tuple[DataFile, ...]
    rows: int
    duplicates_dropped: int
    deleted: int = 0
    drift: tuple[FieldDrift, ...]
    rounded: int = 0
    requests: int
    throttled: int
    seconds: float
    started_at: str
    finished_at: str
    provider_version: str
    complete: bool
    checked: tuple[Check, ...]
    read_at: str | None = None
    sequence: int = 0
    attempt: int = 1
    replaces: tuple[str, ...] = ()
    as_of: str | None = None
    waited: float = 0.0
    follows: str | None = None

    @property
    def order(self) -> tuple[datetime, int, str]:
        """What orders the runs of a copy: of two that hold a row, the one with the greater order has the newer one."""
        try:
            began = datetime.fromisoformat(self.read_at or self.started_at).astimezone(UTC)
        except OverflowError as error:
            raise ValueError("it began at the end of all time") from error
        return began, self.sequence, "" if self.read_at else self.finished_at

    def as_json(self) -> dict[str, Any]:
        """The manifest as plain JSON types, as it is in the file and in XCom."""
        return dict(msgspec.json.decode(msgspec.json.encode(self)))  # lists, where to_builtins leaves tuples

    def encode(self) -> bytes:
        """The manifest's file, indented for people."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read a manifest's file; fields that a later version added are ignored.

        :raises ValueError: it is no manifest, or not a whole one.
        """
        found = msgspec.json.decode(data, type=cls)
        _ = found.order
        return found


def manifest_json_schema() -> dict[str, Any]:
    """The JSON schema of a manifest, as in ``docs/reference/manifest.schema.json``."""
    schema = json.loads(json.dumps(msgspec.json.schema(Manifest)))  # lists, where defaults are tuples
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of one run of BigCommerceToObjectStorageOperator",
        **schema,
    }


def _safe(text: str, length: int) -> str:
    return _UNSAFE.sub("-", text).strip("-.")[:length].strip("-.") or "run"


def _short_hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def task_key(dag_id: str, task_id: str) -> str:
    """The part of a run key that all runs of a task share, file-system safe and unique to it."""
    return f"{_safe(f'{dag_id}.{task_id}', 60)}-{_short_hash(dag_id, task_id)}"


def run_key(dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> str:
    """The name of a run's directory and manifest: the same for all tries of a task in a DAG run, and for nothing else.

    Readable first, made unique by short hashes; letters, digits, ``.``, ``_`` and ``-`` only.

    :param map_index: index of a mapped task; None or -1 for a plain one.
    """
    index = -1 if map_index is None else map_index
    mapped = f".{index}" if index >= 0 else ""
    return f"{task_key(dag_id, task_id)}--{_safe(run_id, 60)}{mapped}-{_short_hash(run_id, index)}"
