"""A directory as a target: what a try finds there and refuses before its first request, and what it leaves after its commit.

Reads and tidies the destination and Airflow's state; sends nothing to BigCommerce.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from airflow_provider_bigcommerce.compat import try_number
from airflow_provider_bigcommerce.core.partitions import Partition
from airflow_provider_bigcommerce.core.windows import moment
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.spans import Span, full_at
from airflow_provider_bigcommerce.engine.target import Run, Standing, Target
from airflow_provider_bigcommerce.engine.telling import Learnt
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, WatermarkState, state_key, watermark_of
from airflow_provider_bigcommerce.targets.files.beginning import begin, discard_unfinished
from airflow_provider_bigcommerce.targets.files.commits import begin_try, manifest_name, run_folder
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_run import FileRun
from airflow_provider_bigcommerce.targets.files.into_files import FileShape, IntoFiles
from airflow_provider_bigcommerce.targets.files.overlap import overlap_name
from airflow_provider_bigcommerce.targets.files.pieces import Piece, piece_key
from airflow_provider_bigcommerce.targets.files.row_hashes import row_hashes_name

log = logging.getLogger(__name__)


class FileTarget(Target):
    """A directory, in which a run's files are data once its manifest names them.

    :param destination: the transfer's path.
    :param run: the try.
    :param shape: how rows lie in the files.
    :param conn_id: connection id of the store, a part of the watermark's key.
    :param partition: the range of the list that is read and not committed, or None for all of it.
    :param learnt: is told the watermark, which a try that is refused here tells too.
    """

    def __init__(
        self, destination: Destination, run: Run, shape: FileShape, *, conn_id: str, partition: Partition | None, learnt: Learnt
    ) -> None:
        self._destination = destination
        self._run = run
        self._shape = shape
        self._conn_id = conn_id
        self._partition = partition
        self._learnt = learnt
        self._try: FileRun | None = None

    @property
    def try_(self) -> FileRun:
        """What the try works on; once the target is open."""
        if self._try is None:
            raise RuntimeError("The target is not open.")
        return self._try

    @property
    def title(self) -> str:
        """The run's directory."""
        return self._destination.full(run_folder(self._run.selection.folder, self.try_.key))

    def open(self) -> Standing:
        """Everything that can refuse before a request is sent, and the tidying.

        :raises InvalidQueryError: the directory or the watermark is of another store, or the state cannot be read.
        :raises DestinationError: the destination cannot be read and written.
        """
        run, destination, partition = self._run, self._destination, self._partition
        selection, folder, context = run.selection, run.selection.folder, run.context
        watermark_key = state_key(self._conn_id, selection.resource.name, destination.url, selection.filters)
        state = WatermarkState.of(context, watermark_key) if selection.mode == "incremental" else WatermarkState(None, watermark_key)
        last = state.read(run.store_hash)
        self._learnt.watermark = last.moment if last is not None else None
        found, removed = begin(destination, folder, run.task, store_hash=run.store_hash, but=run.key)
        piece = None if partition is None else Piece(partition=partition, run=run.key, folder=folder, conn_id=self._conn_id)
        key = run.key if partition is None else piece_key(run.key, partition)
        checkpoint = RunCheckpoint.of(context, destination, folder, key, selection.named)
        fixed = checkpoint.read()
        begun = begin_try(destination, folder, run.key, number=try_number(context), is_first=fixed is None, found=found)
        removed += discard_unfinished(destination, run_folder(folder, key), begun.found.look)
        if removed:
            log.info("Removed %d files that earlier, killed tries of this task had left.", removed)
        if last is not None and last.run != key and found.look.get(manifest_name(folder, last.run)) is None:
            log.warning(
                "The watermark %s (state key %r) was set by run %s, whose manifest is not at %s. If the files were removed on purpose, "
                "all is well; if the copy was lost, delete that key of the asset's state to read everything again.",
                last.watermark, state.key, last.run, destination.url,
            )  # fmt: skip
        self._try = FileRun(key, begun, piece, selection, destination, run.store_hash, run.started_at, state, last, checkpoint, fixed)
        return Standing(last, begun.replaced, checkpoint, fixed, self._try.committed_before())

    def begin(self, span: Span, fixed: Checkpoint, now: datetime | None) -> IntoFiles:  # noqa: ARG002  # the protocol's
        """Begin part files, behind those that earlier tries closed."""
        return IntoFiles(self.try_, span, fixed, self._shape)

    def end(self, manifest: Manifest) -> None:
        """Move the watermark, then tidy."""
        run, folder = self.try_, self._run.selection.folder
        until = moment(manifest.watermark, "watermark")
        if until is None:
            return
        new = watermark_of(
            until,
            store_hash=run.store_hash,
            run=run.key,
            set_at=datetime.now(UTC),
            context=self._run.context,
            full_at=full_at(run.selection, manifest, run.last),
            of=(run.selection.resource.name, run.destination.url, run.selection.filters),
        )
        if run.state.advance(new) and run.last is not None and run.last.run != run.key:
            name_of = row_hashes_name if run.selection.is_compared else overlap_name
            run.destination.remove(name_of(folder, run.last.run))  # a later run has followed
