"""The transfer from a BigCommerce resource to files in a directory or an object store.

Decides in which order a run does things, so that a reader sees all of a run or nothing of it, whatever happens in between:
data, then the overlap's rows, then the manifest (the commit), then the watermark, then the checkpoint goes. Rows go from the
store to the files; XCom gets the manifest.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.compat import come_again, is_task
from airflow_provider_bigcommerce.core.partitions import Partition
from airflow_provider_bigcommerce.core.windows import moment, written
from airflow_provider_bigcommerce.exceptions import ConcurrentRunError, InvalidQueryError, LongWaitError
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.manifest import (
    DataFile,
    Manifest,
    ManifestWindow,
    commit,
    discard_uncommitted,
    first_part,
    read_manifest,
    refuse_another_store,
    remove_orphans,
    run_folder,
    run_key,
    task_key,
)
from airflow_provider_bigcommerce.files.partitions import Piece, piece_key, piece_of
from airflow_provider_bigcommerce.links import BigCommerceControlPanelLink, control_panel_url
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark, WatermarkState, state_asset, state_key, watermark_of
from airflow_provider_bigcommerce.transfers.plan import Selection, Span, fixed_span, full_at, span_until, tell_nothing, tell_window, within
from airflow_provider_bigcommerce.transfers.progress import Progress
from airflow_provider_bigcommerce.transfers.reading import StoppableReading, store_settings
from airflow_provider_bigcommerce.transfers.selection import BigCommerceTransferOperator
from airflow_provider_bigcommerce.transfers.telling import files_at

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client import BigCommerceStore
    from airflow_provider_bigcommerce.files.writers import FileFormat, PartWriter
    from airflow_provider_bigcommerce.files.written import WrittenRows
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
    from airflow_provider_bigcommerce.transfers.copying import Copied, Copy

#: What ``file_format`` and ``compression`` together name.
_FORMATS: Mapping[tuple[str, str | None], FileFormat] = {
    ("parquet", None): "parquet",
    ("parquet", "zstd"): "parquet",
    ("jsonl", None): "jsonl",
    ("jsonl", "gzip"): "jsonl.gz",
    ("jsonl", "zstd"): "jsonl.zst",
    ("jsonl.gz", None): "jsonl.gz",
    ("jsonl.gz", "gzip"): "jsonl.gz",
    ("jsonl.zst", None): "jsonl.zst",
    ("jsonl.zst", "zstd"): "jsonl.zst",
}


@dataclass(frozen=True, slots=True)
class _Run:
    """What one try of a run works on."""

    key: str
    piece: Piece | None
    selection: Selection
    destination: Destination
    store_hash: str
    started_at: datetime
    replaced: Manifest | None
    state: WatermarkState
    last: Watermark | None
    checkpoint: RunCheckpoint
    fixed: Checkpoint | None
    patience: float | None
    progress: Progress


class BigCommerceToObjectStorageOperator(BigCommerceTransferOperator):
    """Copy a BigCommerce resource into Parquet or JSON-lines files, whole or only what changed.

    ::

        BigCommerceToObjectStorageOperator(
            task_id="orders", resource="orders", path="s3://aws_default@my-bucket/bigcommerce", mode="incremental"
        )

    Files are ``<path>/<resource>/run=<run key>/part-00000.parquet``; what is data is what the manifests in
    ``<path>/<resource>/_manifests/`` name. A retry starts its run anew, a cleared task replaces its run's files. To map an
    incremental task, add ``inlets=[state_asset()]`` to ``.partial()`` (from ``airflow_provider_bigcommerce.state``).

    Which rows: the parameters of :class:`BigCommerceTransferOperator` (``resource``, ``mode``, ``query``, ``since``, ``fields`` ...).

    :param path: directory: ``/data/bigcommerce``, ``file:///data/bigcommerce``, ``s3://aws_default@bucket/bigcommerce``, ``gs://...``.
        An incremental task needs the same one in each run: leave the date out of it. (templated)
    :param file_format: ``parquet`` or ``jsonl``; ``jsonl.gz`` and ``jsonl.zst`` are ``jsonl`` with that compression.
    :param compression: for ``jsonl``: ``gzip`` or ``zstd``. Parquet is always compressed with zstd.
    :param stamp: whether JSON lines get ``_synced_at`` and ``_store_hash``, which Parquet always has.
    :param max_rows_per_file: rows after which a new file begins, or None for files that only ``checkpoint_every`` ends.
    :param checkpoint_every: time after which a new file begins. What a try read before its last complete file is not read again by a retry.
    :param hand_back_after: when nothing came from the store for so long (its quota is used up, or it is down), the task gives its worker
        slot back, comes again when the store may answer, and goes on where it was. Uses up no retry. None to keep waiting, up to the
        connection's ``max_wait``.
    :param partition: one range of the list, of those that ``partition(...)`` gives: the task then reads that range and commits nothing;
        ``commit_partitions(...)`` does, for all of them (``airflow_provider_bigcommerce.operators.partition``). (templated)
    """

    template_fields: Sequence[str] = (*BigCommerceTransferOperator.template_fields, "path", "partition")
    template_fields_renderers = {**BigCommerceTransferOperator.template_fields_renderers, "partition": "json"}  # noqa: RUF012

    def __init__(
        self,
        *,
        path: str,
        file_format: str = "parquet",
        compression: str | None = None,
        stamp: bool = False,
        max_rows_per_file: int | None = 500_000,
        checkpoint_every: timedelta = timedelta(minutes=5),
        hand_back_after: timedelta | None = None,
        partition: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if self.mode == "incremental" and state_asset() not in self.inlets:
            self.inlets = [*self.inlets, state_asset()]  # or Airflow hands out no state
        self.path = path
        self.file_format = file_format
        self.compression = compression
        self.stamp = stamp
        self.max_rows_per_file = max_rows_per_file
        self.checkpoint_every = checkpoint_every
        self.hand_back_after = hand_back_after
        self.partition = partition
        self._format = _format(file_format, compression)
        if partition is not None and self.deletes != "ignore":
            raise InvalidQueryError("deletes does not go with partition: a range of a list does not tell what is gone. Leave deletes out.")
        _validate(max_rows_per_file, checkpoint_every=checkpoint_every, hand_back_after=hand_back_after)
        self._reading: StoppableReading | None = None

    def transfer(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, and return the manifest; for a range of the list, return it uncommitted."""
        from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

        reading = self._reading = StoppableReading()
        partition = None if self.partition is None else Partition.read(self.partition)
        selection = self.selection(context) if partition is None else within(self.selection(context), partition)
        destination = Destination.at(str(self.path))
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = self.learnt.store_hash = hook.credentials().store_hash
        self.learnt.place = files_at(destination.full(selection.folder))
        run = self._begin(context, selection, partition, destination, store_hash)
        fixed = run.fixed
        if fixed is not None and run.piece is None and run.replaced is not None and run.replaced.finished_at != fixed.replaces:
            self.log.info("An earlier try of this run had committed %s rows; only what follows the commit is left.", run.replaced.rows)
            _push_link(context, run)
            return self._end(context, run, run.replaced)
        span = fixed_span(selection, fixed, run.replaced, run.last)
        if span is None:
            span = span_until(selection, reading.store_time(hook), run.replaced, run.last)
        is_new = fixed is None
        if fixed is None:
            fixed = span.checkpoint(run.replaced)

        def note() -> None:
            """What Airflow is told of a run that begins; each word takes it some 10 ms, so the first page is asked for before."""
            if is_new:
                run.checkpoint.write(fixed)
            _push_link(context, run)

        try:
            manifest = self._copy(run, span, fixed, hook, reading, note)
        except LongWaitError as error:
            self.log.info("%s The task gives its slot back and comes again then.", error)
            raise come_again(datetime.now(UTC) + timedelta(seconds=error.seconds)) from error
        return self._end(context, run, manifest)

    def on_kill(self) -> None:
        """Stop reading: requests under way are dropped, the session closes, and the unfinished file goes."""
        if self._reading is not None:
            self._reading.stop()

    # -- before -------------------------------------------------------------------------------------------------------

    def _begin(
        self, context: Mapping[str, Any], selection: Selection, partition: Partition | None, destination: Destination, store_hash: str
    ) -> _Run:
        """Everything that can refuse before a request is sent, and the tidying."""
        now = datetime.now(UTC)
        folder = selection.folder
        if is_task(context):
            ti = context["ti"]
            # The tasks that read one list in ranges are one run.
            map_index = ti.map_index if partition is None else None
            key, task = run_key(ti.dag_id, ti.run_id, ti.task_id, map_index), task_key(ti.dag_id, ti.task_id)
        else:
            task = task_key("no_dag", self.task_id)
            key = run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", self.task_id)
        destination.require_writable(f"{folder}/_manifests")
        watermark_key = state_key(self.bigcommerce_conn_id, selection.resource.name, destination.url, selection.filters)
        state = WatermarkState.of(context, watermark_key) if selection.mode == "incremental" else WatermarkState(None, watermark_key)
        last = state.read(store_hash)
        self.learnt.watermark = last.moment if last is not None else None
        refuse_another_store(destination, folder, store_hash)
        replaced = read_manifest(destination, folder, key)
        removed = remove_orphans(destination, folder, task, now=now, but=key)
        piece = None if partition is None else Piece(partition=partition, run=key, folder=folder, conn_id=self.bigcommerce_conn_id)
        key = key if partition is None else piece_key(key, partition)
        checkpoint = RunCheckpoint.of(context, destination, folder, key)
        fixed = checkpoint.read()
        left = fixed.reached.parts if fixed is not None and fixed.reached is not None else ()
        removed += discard_uncommitted(destination, folder, key, replaced, [part.name for part in left])
        if removed:
            self.log.info("Removed %d files that earlier, killed tries of this task had left.", removed)
        if last is not None and last.run != key and read_manifest(destination, folder, last.run) is None:
            self.log.warning(
                "The watermark %s (state key %r) was set by run %s, whose manifest is not at %s. If the files were removed on purpose, "
                "all is well; if the copy was lost, delete that key of the asset's state to read everything again.",
                last.watermark, state.key, last.run, destination.url,
            )  # fmt: skip
        patience = self.hand_back_after.total_seconds() if self.hand_back_after is not None and is_task(context) else None
        progress = Progress(selection.resource.name)
        return _Run(key, piece, selection, destination, store_hash, now, replaced, state, last, checkpoint, fixed, patience, progress)

    # -- reading ------------------------------------------------------------------------------------------------------

    def _copy(
        self, run: _Run, span: Span, fixed: Checkpoint, hook: BigCommerceHook, reading: StoppableReading, note: Callable[[], None]
    ) -> Manifest:
        from airflow_provider_bigcommerce.files.discrepancies import Discrepancies
        from airflow_provider_bigcommerce.files.writers import PartWriter, Stamp
        from airflow_provider_bigcommerce.transfers.checkpoints import PartCheckpoints, what_is_read
        from airflow_provider_bigcommerce.transfers.copying import Copy, checked, columns_of, drift_of

        selection, folder, row = run.selection, run.selection.folder, run.selection.resource
        discrepancies = Discrepancies()
        compared_with = run.last.run if selection.is_compared and run.last is not None else None
        until = (span.window.until or span.watermark) if selection.mode == "incremental" else None

        def save_written(files: Sequence[DataFile]) -> None:
            if before is not None and until is not None:
                before.save(run.destination, folder, run.key, until=until, files=files)

        parts = PartCheckpoints(
            run.checkpoint,
            fixed,
            run.destination,
            folder,
            run.key,
            what=what_is_read(selection, run.store_hash, self._format, self.stamp, compared_with),
            discrepancies=discrepancies,
            beside=save_written,
        )
        earlier = parts.earlier
        closed = parts.files(earlier) if earlier is not None else []
        writer = PartWriter(
            run.destination,
            run_folder(folder, run.key),
            self._format,
            columns_of(row),
            stamp=Stamp(run.started_at, run.store_hash) if self.stamp or self._format == "parquet" else None,
            first=first_part(run.replaced) + len(closed),
            rows=sum(file.rows for file in closed),
            max_rows=self.max_rows_per_file,
            max_seconds=self.checkpoint_every.total_seconds(),
            discrepancies=discrepancies,
        )
        before: WrittenRows | None = None
        if until is not None:
            before = self._written(run, until, closed, may_drop=span.may_drop, dropped=earlier.dropped if earlier is not None else 0)
        copy = Copy(
            selection,
            span.window,
            writer,
            before=before,
            progress=run.progress,
            tell=self.log.info,
            parts=parts,
            meanwhile=note,
        )
        window = span.window.as_json()
        self.log.info(
            "Copying %s of store %s%s into %s",
            row.name,
            run.store_hash,
            tell_window(selection, span.window),
            run.destination.full(run_folder(folder, run.key)),
        )
        if earlier is not None:
            self.log.info("An earlier try had written %s rows in %d files; this one goes on behind them.", f"{writer.rows:,}", len(closed))

        settings = {**store_settings(selection.mode, self.quota_share, hook), "hand_back_after": run.patience}

        async def read() -> Copied:
            async with hook.astore(**settings) as store:
                self.learnt.stats = store.stats
                copied = await copy.run(store)
                if self.deletes != "ignore":
                    await self._mark_deleted(run, store, copy, writer, copied)
                return copy.sum_up(store)

        copied = reading.run(read)
        if selection.mode == "backfill" and not copied.rows:
            tell_nothing(selection, span.window)
        checks = checked(copied)
        save_written(copied.files)
        manifest = Manifest(
            resource=row.name,
            store_hash=run.store_hash,
            mode=selection.mode,
            query=copied.query,
            window=ManifestWindow(since=window["since"], until=window["until"]),
            watermark=written(span.watermark),
            files=tuple(copied.files),
            rows=copied.rows,
            duplicates_dropped=copied.repeated + (before.dropped if before is not None else 0),
            deleted=copied.deleted,
            drift=drift_of(discrepancies),
            requests=copied.requests,
            throttled=copied.throttled,
            seconds=copied.seconds,
            started_at=parts.started_at,
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provider_version=__version__,
            complete=all(check.agrees for check in checks),
            checked=checks,
        )
        if run.piece is None:
            self._refuse_to_mix(run)
            commit(run.destination, folder, run.key, manifest, run.replaced)
        return manifest

    async def _mark_deleted(self, run: _Run, store: BigCommerceStore, copy: Copy, writer: PartWriter, copied: Copied) -> None:
        """Write a row with ``_deleted_at`` for each row of the copy that the store has no more."""
        from airflow_provider_bigcommerce.files.copy_keys import FileKeys, marker
        from airflow_provider_bigcommerce.files.keys import SeenKeys
        from airflow_provider_bigcommerce.transfers.copying import require_whole
        from airflow_provider_bigcommerce.transfers.deletes import find_deleted

        row, seen = run.selection.resource, copy.seen
        if seen is not None:
            require_whole(copied)  # a list that lacks rows must not delete them
        keys = FileKeys(run.destination, run.selection.folder, row, seen or SeenKeys(), run.replaced)
        found = await find_deleted(
            store, run.selection, keys, knows_all=seen is not None, most_percent=self.max_deleted_percent, completed=copy.completed
        )
        copied.files += [*writer.write(found.back), *writer.roll()]
        copied.rows = writer.rows
        gone = [*(marker(row, key) for key in found.gone), *found.archived]
        copied.files += writer.write_deleted(gone, datetime.now(UTC))
        copied.deleted = len(gone)

    def _written(self, run: _Run, until: datetime, closed: Sequence[DataFile], *, may_drop: bool, dropped: int) -> WrittenRows:
        """What the last run found, and what earlier tries of this one did."""
        from airflow_provider_bigcommerce.files.overlap import Overlap, written_by
        from airflow_provider_bigcommerce.files.row_hashes import KnownRows, RowHashes, rows_known_to

        destination, folder, last = run.destination, run.selection.folder, run.last
        manifest = read_manifest(destination, folder, last.run) if may_drop and last is not None else None
        read: Callable[..., Any] = rows_known_to if run.selection.is_compared else written_by
        known = read(destination, folder, last.run, manifest.files, last.watermark) if last is not None and manifest is not None else None
        own = read(destination, folder, run.key, closed, written(until)) if closed else None
        if run.selection.is_compared:
            return RowHashes(known or KnownRows(), own, dropped)
        return Overlap(until - run.selection.overlap, known or {}, own, dropped)

    def _refuse_to_mix(self, run: _Run) -> None:
        """Rows that were compared with one run's go on that run alone: where another one has followed it meanwhile, this one begins anew.

        :raises ConcurrentRunError: one has.
        """
        if run.selection.is_compared:
            now = run.state.read(run.store_hash)
            if (now.run if now is not None else None) != (run.last.run if run.last is not None else None):
                raise ConcurrentRunError(
                    f"Another run read {run.selection.resource.name} into {run.destination.url} while this one did, so what this one left "
                    "out as unchanged may have changed. Nothing was committed; a retry compares with that run. Keep runs apart by "
                    "max_active_tis_per_dag=1."
                )

    # -- after --------------------------------------------------------------------------------------------------------

    def _end(self, context: Mapping[str, Any], run: _Run, manifest: Manifest) -> dict[str, Any]:
        """What follows the commit: the watermark, then the tidying."""
        from airflow_provider_bigcommerce.files.overlap import overlap_name
        from airflow_provider_bigcommerce.files.row_hashes import row_hashes_name

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
        self.tell_copied(manifest, f"{len(manifest.files)} file{'s' if len(manifest.files) != 1 else ''}")
        return manifest.as_json() if run.piece is None else piece_of(manifest.as_json(), run.piece)


def _push_link(context: Mapping[str, Any], run: _Run) -> None:
    if is_task(context):
        resource = run.selection.resource
        link = control_panel_url(run.store_hash, resource.name, resource.area)
        context["ti"].xcom_push(key=BigCommerceControlPanelLink.key, value=link)


def _format(file_format: str, compression: str | None) -> FileFormat:
    found = _FORMATS.get((file_format, compression))
    if found is None:
        if file_format not in {name for name, _ in _FORMATS}:
            raise InvalidQueryError(f"file_format={file_format!r} is unknown. Accepted: 'parquet', 'jsonl', 'jsonl.gz', 'jsonl.zst'.")
        accepted = ", ".join(repr(option) for name, option in _FORMATS if name == file_format)
        raise InvalidQueryError(f"compression={compression!r} does not go with file_format={file_format!r}. Accepted: {accepted}.")
    return found


def _validate(max_rows_per_file: int | None, **times: timedelta | None) -> None:
    """What can be told before templates are rendered, so that it shows where the DAG is parsed."""
    if max_rows_per_file is not None and max_rows_per_file < 1:
        raise InvalidQueryError(f"max_rows_per_file={max_rows_per_file} leaves no row for a file. Give 1 or more, or None for one file.")
    for name, time in times.items():
        if time is not None and time <= timedelta(0):
            raise InvalidQueryError(f"{name}={time} is no time to wait for. Give more than zero, such as timedelta(minutes=5).")
