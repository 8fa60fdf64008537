"""What one try of a run reads, on its way into part files: the writer, the checkpoints of its parts, what the last run knew.

Awaits the store and writes files; its manifest says what came, and is committed by the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.clocks import Heard
from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.copying import Copied, columns_of
from airflow_provider_bigcommerce.engine.deletes import Deletions
from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest
from airflow_provider_bigcommerce.engine.spans import Span
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import Key, SeenKeys, key_of
from airflow_provider_bigcommerce.state import Checkpoint, Watermark
from airflow_provider_bigcommerce.targets.files.checkpoints import PartCheckpoints, what_is_read
from airflow_provider_bigcommerce.targets.files.commits import commit, manifest_name, read_manifest, run_folder
from airflow_provider_bigcommerce.targets.files.destination import is_temporary
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader
from airflow_provider_bigcommerce.targets.files.file_run import FileRun
from airflow_provider_bigcommerce.targets.files.known_keys import FileKeys, marker
from airflow_provider_bigcommerce.targets.files.overlap import Overlap, written_by
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.row_hashes import KnownRows, RowHashes, rows_known_to
from airflow_provider_bigcommerce.targets.files.writers import FileFormat, Stamp
from airflow_provider_bigcommerce.targets.files.written import SavedRows

log = logging.getLogger(__name__)

#: JSON bytes after which a new file begins. Of each row group Parquet keeps a kilobyte a column in memory until its file is closed:
#: with 237 columns of products and without this bound, 60 MB before the 500,000th row (measured).
FILE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class FileShape:
    """How rows lie in files.

    :param format: of the files.
    :param stamp: whether JSON lines get what Parquet always has.
    :param max_rows: rows after which a new file begins, or None.
    :param checkpoint_every: time after which a new file begins.
    """

    format: FileFormat
    stamp: bool
    max_rows: int | None
    checkpoint_every: timedelta


class IntoFiles:
    """One try's way into files.

    :param run: the try.
    :param span: the window, and what it follows.
    :param fixed: what the first try of the run fixed.
    :param shape: of the files.
    """

    def __init__(self, run: FileRun, span: Span, fixed: Checkpoint, shape: FileShape) -> None:
        self._run, self._span = run, span
        self._folder = run.selection.folder
        self.discrepancies = Discrepancies()
        self._heard = Heard()
        self._until = (span.window.until or span.watermark) if run.selection.mode == "incremental" else None
        self.parts = self._checkpoints(fixed, shape)
        earlier = self.parts.earlier
        closed = self.parts.files(earlier) if earlier is not None else []
        self.before = self._rows_before(closed, dropped=earlier.dropped if earlier is not None else 0)
        self.writer = self._part_writer(shape, closed)
        if earlier is not None:
            log.info("An earlier try had written %s rows in %d files; this one continues after them.", f"{self.writer.rows:,}", len(closed))

    def _checkpoints(self, fixed: Checkpoint, shape: FileShape) -> PartCheckpoints:
        run = self._run
        compared_with = run.last.run if run.selection.is_compared and run.last is not None else None
        return PartCheckpoints(
            run.checkpoint,
            fixed,
            run.destination,
            self._folder,
            run.key,
            what=what_is_read(run.selection, run.store_hash, shape.format, shape.stamp, compared_with),
            mark=run.begun.this.mark,
            discrepancies=self.discrepancies,
            beside=self._save_written,
            read_at=lambda: written(self._heard.began()) or "",
        )

    def _part_writer(self, shape: FileShape, closed: Sequence[DataFile]) -> PartWriter:
        """Writes behind the parts that earlier tries closed."""
        run = self._run
        return PartWriter(
            run.destination,
            run_folder(self._folder, run.key),
            shape.format,
            columns_of(run.selection.resource),
            stamp=Stamp(run.started_at, run.store_hash) if shape.stamp or shape.format == "parquet" else None,
            first=len(closed),
            mark=run.begun.this.mark,
            rows=sum(file.rows for file in closed),
            max_rows=shape.max_rows,
            max_bytes=None if shape.max_rows is None else FILE_BYTES,
            max_seconds=shape.checkpoint_every.total_seconds(),
            writes_empty=run.selection.mode == "full" or not self._has_parquet(),
            discrepancies=self.discrepancies,
        )

    def _has_parquet(self) -> bool:
        """Whether the copy has a Parquet file already, from which a reader learns the columns."""
        return any(file.path.endswith(".parquet") for run in self._run.begun.found.runs for file in run.manifest.files)

    # -- the rows that are in the copy already

    def _rows_before(self, closed: Sequence[DataFile], *, dropped: int) -> SavedRows | None:
        """What the last run found, and what earlier tries of this one did; None for a read that drops nothing."""
        run, until = self._run, self._until
        if until is None:
            return None
        last, selection = run.last, run.selection
        manifest = self._manifest_of(last.run) if self._span.may_drop and last is not None else None
        read: Callable[..., Any] = rows_known_to if selection.is_compared else written_by
        known = None
        if last is not None and manifest is not None:
            known = read(run.destination, self._folder, last.run, manifest.files, last.watermark)
            if selection.is_compared and (later := self._committed_since(last)) is not None:
                log.warning("The run %s was committed after the one that the watermark is of: every row is written again.", later)
                known = None
            elif selection.is_compared and known is not None:
                known = known.without(self._written_since(manifest))
        own = read(run.destination, self._folder, run.key, closed, written(until)) if closed else None
        if selection.is_compared:
            return RowHashes(known or KnownRows(), own, dropped)
        return Overlap(until - selection.overlap, known or {}, own, dropped)

    def _manifest_of(self, run: str) -> Manifest | None:
        """The manifest of a run, also of one that a compaction has replaced: the rows that it remembers are of this manifest's files."""
        begun, folder = self._run.begun, self._folder
        if (found := begun.found.manifest(run)) is not None:
            return found
        is_there = begun.found.look.get(manifest_name(folder, run)) is not None
        return read_manifest(self._run.destination, folder, run) if is_there else None

    def _committed_since(self, last: Watermark) -> str | None:
        """A run that was committed without its watermark, or behind which the watermark went back: what it wrote is not in ``last``."""
        for entry in self._run.begun.found.look.below("_row_hashes"):
            run = entry.name.rpartition("/")[2].removesuffix(".bin")
            if is_temporary(entry.name) or run in (last.run, self._run.key):
                continue
            other = self._manifest_of(run)
            if other is not None and (other.watermark or "") >= last.watermark and other.query == self._run.selection.query_text:
                return run
        return None

    def _written_since(self, last: Manifest) -> Iterator[Key]:
        """Keys of rows that runs by ids have written since: the copy may hold another row than the last whole read has seen."""
        run, reader = self._run, FileReader(self._run.destination)
        names = run.selection.resource.primary_key
        for each in run.begun.found.runs:
            if each.run == run.key or each.manifest.watermark is not None or each.manifest.order[0] < last.order[0] or not names:
                continue
            for file in each.manifest.files:
                for values in reader.values(file, names):
                    yield key_of(values)

    def _save_written(self, files: Sequence[DataFile]) -> None:
        if self.before is not None and self._until is not None:
            self.before.save(self._run.destination, self._folder, self._run.key, until=self._until, files=files)

    # -- what the engine tells

    def listen(self, heard: Heard) -> None:
        """Parts that are closed on the way tell the retries when the read began."""
        self._heard = heard

    async def have_heard(self, store: BigCommerceStore) -> None:
        """Rows do not say when they were read."""

    async def have_read(self, store: BigCommerceStore) -> str:
        """When the read began by the store's time: the first of the tries that the files are of."""
        earlier = self.parts.earlier
        if earlier is not None and earlier.read_at:
            return earlier.read_at
        return written(await store.began(last=self._run.begun.found.last_read())) or ""

    def keys(self, seen: SeenKeys | None) -> FileKeys:
        """The copy's keys, without those of the run that this one replaces."""
        run = self._run
        return FileKeys(run.destination, self._folder, run.selection.resource, seen or SeenKeys(), run.replaced)

    def mark(self, found: Deletions, copied: Copied) -> None:
        """Write a row with ``_deleted_at`` for each row of the copy that the store no longer has."""
        row, writer = self._run.selection.resource, self.writer
        copied.files += [*writer.write(found.back), *writer.roll()]
        copied.rows = writer.rows
        gone = [*(marker(row, key) for key in found.gone), *found.archived]
        copied.files += writer.write_deleted(gone, datetime.now(UTC))
        copied.deleted = len(gone)

    def commit(self, manifest: Manifest, copied: Copied, last_look: Callable[[], None]) -> Manifest:
        """Write the file for the next run's overlap, which no manifest is without, then the manifest.

        A range of the list is committed with all the others; its manifest is returned as it would be.
        """
        run = self._run
        self._save_written(copied.files)
        manifest = msgspec.structs.replace(
            manifest,
            started_at=self.parts.started_at,
            attempt=run.begun.this.number,
        )
        if run.piece is not None:
            return manifest
        run.refuse_to_mix()
        last_look()
        begun = run.begun
        return commit(
            run.destination,
            self._folder,
            run.key,
            manifest,
            begun.replaced,
            mark=begun.this.mark,
            left=begun.left,
            known=begun.found,
            is_numbered=False,
        )
