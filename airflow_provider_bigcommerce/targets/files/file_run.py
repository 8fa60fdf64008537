"""One try of a run into files, before its first request and after its commit: what it works on, what it refuses, what it leaves.

Reads and tidies the destination and Airflow's state; sends nothing to BigCommerce.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_bigcommerce.compat import is_task, try_number
from airflow_provider_bigcommerce.core.partitions import Partition
from airflow_provider_bigcommerce.core.windows import moment
from airflow_provider_bigcommerce.engine.manifest import Manifest, run_key, task_key
from airflow_provider_bigcommerce.engine.selection import Selection, full_at
from airflow_provider_bigcommerce.engine.telling import Learnt
from airflow_provider_bigcommerce.exceptions import ConcurrentRunError
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark, WatermarkState, state_key, watermark_of
from airflow_provider_bigcommerce.targets.files.commits import (
    Begun,
    begin_try,
    discard_unfinished,
    missing_file,
    put_right,
    read_manifest,
    refuse_another_store,
    remove_orphans,
    run_folder,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.overlap import overlap_name
from airflow_provider_bigcommerce.targets.files.pieces import Piece, piece_key
from airflow_provider_bigcommerce.targets.files.row_hashes import row_hashes_name

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileRun:
    """What one try of a run works on.

    :param key: run key; of a range of a list, with the range's number.
    :param begun: the try: its number, what ends the names of its files, and what it found of the run.
    :param piece: the range of the list that is read, or None for all of it.
    :param selection: which rows.
    :param destination: the transfer's path.
    :param store_hash: the store.
    :param started_at: the worker's clock.
    :param state: of the watermark.
    :param last: the watermark, before this run.
    :param checkpoint: what the tries of the run leave for each other.
    :param fixed: what an earlier try left there.
    """

    key: str
    begun: Begun
    piece: Piece | None
    selection: Selection
    destination: Destination
    store_hash: str
    started_at: datetime
    state: WatermarkState
    last: Watermark | None
    checkpoint: RunCheckpoint
    fixed: Checkpoint | None

    @property
    def replaced(self) -> Manifest | None:
        """The manifest of the run's key that stood there when the try began."""
        return self.begun.replaced

    def committed_before(self) -> Manifest | None:
        """What an earlier try of this run has committed, if it is whole; nothing is left to be read then."""
        fixed, found = self.fixed, self.replaced
        if fixed is None or self.piece is not None or found is None or found.finished_at == fixed.replaces:
            return None
        return found if missing_file(self.destination, found) is None else None

    def refuse_to_mix(self) -> None:
        """Rows that were compared with one run's go on that run alone: where another one has followed it meanwhile, this one begins anew.

        :raises ConcurrentRunError: one has.
        """
        if self.selection.is_compared:
            now = self.state.read(self.store_hash)
            if (now.run if now is not None else None) not in (self.last.run if self.last is not None else None, self.key):
                raise ConcurrentRunError(
                    f"Another run read {self.selection.resource.name} into {self.destination.url} while this one did, so what this one "
                    "left out as unchanged may have changed. Nothing was committed; a retry compares with that run. Keep runs apart by "
                    "max_active_tis_per_dag=1."
                )


def begin_run(
    context: Mapping[str, Any],
    task_id: str,
    selection: Selection,
    destination: Destination,
    *,
    partition: Partition | None,
    store_hash: str,
    conn_id: str,
    learnt: Learnt,
) -> FileRun:
    """Everything that can refuse before a request is sent, and the tidying.

    :param context: Airflow's; ``{}`` is a run of its own, without retries.
    :param partition: the range of the list that is read, or None for all of it.
    :param learnt: is told the watermark, which a try that is refused here tells too.
    :raises InvalidQueryError: the directory or the watermark is of another store, or the state cannot be read.
    :raises DestinationError: the destination cannot be read and written.
    """
    now, folder = datetime.now(UTC), selection.folder
    if is_task(context):
        ti = context["ti"]
        # The tasks that read one list in ranges are one run.
        map_index = ti.map_index if partition is None else None
        key, task = run_key(ti.dag_id, ti.run_id, ti.task_id, map_index), task_key(ti.dag_id, ti.task_id)
    else:
        task = task_key("no_dag", task_id)
        key = run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", task_id)
    there = destination.require_writable(f"{folder}/_manifests")
    watermark_key = state_key(conn_id, selection.resource.name, destination.url, selection.filters)
    state = WatermarkState.of(context, watermark_key) if selection.mode == "incremental" else WatermarkState(None, watermark_key)
    last = state.read(store_hash)
    learnt.watermark = last.moment if last is not None else None
    refuse_another_store(destination, folder, store_hash)
    put_right(destination, folder, task, now=there)
    removed = remove_orphans(destination, folder, task, now=there, but=key)
    piece = None if partition is None else Piece(partition=partition, run=key, folder=folder, conn_id=conn_id)
    checkpoint = RunCheckpoint.of(context, destination, folder, key if partition is None else piece_key(key, partition))
    fixed = checkpoint.read()
    begun = begin_try(destination, folder, key, number=try_number(context), is_first=fixed is None)
    key = key if partition is None else piece_key(key, partition)
    removed += discard_unfinished(destination, run_folder(folder, key))
    if removed:
        log.info("Removed %d files that earlier, killed tries of this task had left.", removed)
    if last is not None and last.run != key and read_manifest(destination, folder, last.run) is None:
        log.warning(
            "The watermark %s (state key %r) was set by run %s, whose manifest is not at %s. If the files were removed on purpose, "
            "all is well; if the copy was lost, delete that key of the asset's state to read everything again.",
            last.watermark, state.key, last.run, destination.url,
        )  # fmt: skip
    return FileRun(key, begun, piece, selection, destination, store_hash, now, state, last, checkpoint, fixed)


def end_run(context: Mapping[str, Any], run: FileRun, manifest: Manifest) -> None:
    """What follows the commit: the watermark, then the tidying."""
    folder = run.selection.folder
    until = moment(manifest.watermark, "watermark")
    if until is not None:
        new = watermark_of(
            until,
            store_hash=run.store_hash,
            run=run.key,
            set_at=datetime.now(UTC),
            context=context,
            full_at=full_at(run.selection, manifest, run.last),
        )
        if run.state.advance(new) and run.last is not None and run.last.run != run.key:
            name_of = row_hashes_name if run.selection.is_compared else overlap_name
            run.destination.remove(name_of(folder, run.last.run))  # a later run has followed
    run.checkpoint.delete()
