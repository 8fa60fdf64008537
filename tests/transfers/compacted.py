"""Copies in files that are written by hand, and what readers see of them, which no compaction may change."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.keys import SeenKeys
from airflow_provider_bigcommerce.engine.bounds import bounds_of, filters_of, runs_compared
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest, ManifestWindow
from airflow_provider_bigcommerce.targets.files.commits import commit, committed, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_copy import FileCopy
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader, column_values, newest_first, record_values
from airflow_provider_bigcommerce.targets.files.known_keys import FileKeys
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.writers import Stamp

T0 = datetime(2026, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


def at(hours: float) -> str:
    """A moment in the store's time."""
    return (T0 + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Written:
    """A copy whose runs are put there by hand.

    :param destination: where.
    :param resource: catalog name.
    :param file_format: of the files, where a run does not say otherwise.
    """

    destination: Destination
    resource: str = "customers"
    file_format: str = "jsonl"
    runs: int = 0
    store_hash: str = "abc123"
    keys: list[str] = field(default_factory=list)

    @property
    def row(self) -> Resource:
        return CATALOG[self.resource]

    def run(
        self,
        hour: float,
        rows: Iterable[Row] = (),
        *,
        gone: Iterable[int] = (),
        mode: str = "incremental",
        query: Mapping[str, str] | None = None,
        window: tuple[float | None, float | None] | None = None,
        watermark: float | None = -1,
        file_format: str | None = None,
        sequence: int | None = None,
        key: str | None = None,
        files: int = 1,
        is_old: bool = False,
    ) -> Manifest:
        """Commit a run whose read began at that hour of the store's time.

        :param gone: keys of rows that the store has no more.
        :param watermark: hour; None for none, -1 for the run's own.
        :param is_old: whether its manifest is of a version that did not write when it was read.
        """
        self.runs += 1
        key = key or f"sync.{self.resource}-0a1b2c3d--run-{self.runs:04d}"
        self.keys.append(key)
        kind: Any = file_format or self.file_format
        moment = T0 + timedelta(hours=hour)
        stamp = Stamp(moment, self.store_hash)
        writer = PartWriter(self.destination, run_folder(self.resource, key), kind, columns_of(self.row), stamp=stamp, writes_empty=False)
        written: list[DataFile] = []
        lines = [json.dumps(row).encode() for row in rows]
        for number in range(files):
            written += [*writer.write(lines[number::files]), *writer.roll()]
        marked = [json.dumps({"id": each}).encode() for each in gone]
        if marked:
            written += writer.write_deleted(marked, moment)
        since, until = window if window is not None else (None, None)
        told = hour if watermark == -1 else watermark
        manifest = Manifest(
            resource=self.resource,
            store_hash=self.store_hash,
            mode=mode,  # type: ignore[arg-type]  # as the test says
            query=dict(query or {}),
            window=ManifestWindow(since=None if since is None else at(since), until=None if until is None else at(until)),
            watermark=None if told is None or mode != "incremental" else at(told),
            files=tuple(written),
            rows=len(lines),
            duplicates_dropped=0,
            deleted=len(marked),
            drift=(),
            requests=1,
            throttled=0,
            seconds=1.0,
            started_at=moment.isoformat(timespec="milliseconds"),
            finished_at=(moment + timedelta(seconds=1, milliseconds=self.runs)).isoformat(timespec="milliseconds"),
            provider_version="0",
            complete=True,
            checked=(),
            read_at=None if is_old else at(hour),
            sequence=0 if sequence is None else sequence,
        )
        return commit(self.destination, self.resource, key, manifest, None, is_numbered=sequence is not None or is_old)

    def runs_there(self) -> list[Manifest]:
        return committed(self.destination, self.resource)


def rows_of(written: Written) -> dict[Any, Row]:
    """The copy as a reader sees it: of each key the newest row, and all of what it holds."""
    newest: dict[Any, Row] = {}
    reader, names = FileReader(written.destination), written.row.primary_key
    for _, file in newest_first(written.runs_there()):
        for keys, rows in blocks(reader, file, names):
            for values, row in zip(keys, rows, strict=True):
                newest.setdefault(values, row)
    return newest


def all_rows(written: Written) -> list[str]:
    """All rows of all runs, the same one as often as it is there."""
    reader = FileReader(written.destination)
    files = [file for _, file in newest_first(written.runs_there())]
    return sorted(json.dumps(row, default=str) for file in files for _, rows in blocks(reader, file, ()) for row in rows)


def blocks(reader: FileReader, file: DataFile, names: Sequence[str]) -> Iterable[tuple[list[tuple[Any, ...]], list[Row]]]:
    if file.path.endswith(".parquet"):
        with reader.parquet(file) as parquet:
            for batch in parquet.iter_batches():
                yield list(column_values(batch, names)) if names else [()] * batch.num_rows, batch.to_pylist()
        return
    for records in reader.lines(file):
        yield list(record_values(records, names)), [json.loads(bytes(record)) for record in records]


def seen_by_all(written: Written) -> dict[str, Any]:
    """What the readers of this package conclude: the rows, the keys with what is deleted, the index of a proof and its bounds."""
    runs = written.runs_there()
    keys = FileKeys(written.destination, written.resource, written.row, SeenKeys(), None)
    copy = FileCopy(written.destination, written.row, written.resource, columns_of(written.row))
    index = copy.index()
    compared = runs_compared(runs, written.row)
    bounds = bounds_of(compared, written.row)
    return {
        "rows": rows_of(written),
        "keys": sorted(keys.rows(), key=str),
        "compared": sorted(index.keys(), key=str),
        "bounds": (bounds.filters, bounds.dates, bounds.since, bounds.as_of, bounds.is_whole),
        "backfilled": spans(bounds.backfilled),
        "newest": (runs[0].read_at, runs[0].query, [file.sha256 for file in runs[0].files]),
        "filters": {tuple(sorted(filters_of(run, written.row).items())) for run in runs},
        "batches": {key: row for batch in copy.batches(None) for key, row in batch.rows.items()},
    }


def spans(found: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans without those that are parts of others or go on where others end."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(found):
        if joined and begin <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def assert_names_what_is_there(written: Written, where: str = "") -> None:
    """Each file that a manifest names is the one that it names."""
    for run in written.runs_there():
        for file in run.files:
            data = written.destination.read(file.path)
            assert data is not None, (where, file.path)
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256), where
            if not file.path.endswith(".parquet") and not file.path.endswith(".zst"):
                text = gzip.decompress(data) if file.path.endswith(".gz") else data
                assert len(text.splitlines()) == file.rows, where
