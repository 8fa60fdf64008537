"""The transfer from a BigCommerce resource to files in a directory or an object store.

Decides in which order a run does things, so that a reader sees all of a run or nothing of it, whatever happens in between:
data, then the overlap's rows, then the manifest (the commit), then the watermark, then the checkpoint goes. Rows go from the
store to the files; XCom gets the manifest.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.compat import is_task
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, backfill_filter, moment, require_modified, written
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.files.destination import Destination
from airflow_provider_bigcommerce.files.manifest import (
    Manifest,
    ManifestWindow,
    commit,
    discard_uncommitted,
    first_part,
    read_manifest,
    remove_orphans,
    run_folder,
    run_key,
    task_key,
)
from airflow_provider_bigcommerce.links import BigCommerceControlPanelLink, control_panel_url
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, Watermark, WatermarkState, state_asset, state_key, watermark_of
from airflow_provider_bigcommerce.transfers.plan import (
    MODES,
    Selection,
    Span,
    dated,
    fixed_span,
    interval_of,
    select,
    span_until,
    tell_nothing,
    tell_window,
)
from airflow_provider_bigcommerce.transfers.progress import Progress
from airflow_provider_bigcommerce.transfers.reading import StoppableReading, check_quota_share, store_settings

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client import ParentId, ReadStats
    from airflow_provider_bigcommerce.files.writers import FileFormat
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

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
    selection: Selection
    destination: Destination
    store_hash: str
    started_at: datetime
    replaced: Manifest | None
    state: WatermarkState
    last: Watermark | None
    checkpoint: RunCheckpoint
    progress: Progress


class BigCommerceToObjectStorageOperator(BaseOperator):
    """Copy a BigCommerce resource into Parquet or JSON-lines files, whole or only what changed.

    ::

        BigCommerceToObjectStorageOperator(
            task_id="orders", resource="orders", path="s3://aws_default@my-bucket/bigcommerce", mode="incremental"
        )

    Files are ``<path>/<resource>/run=<run key>/part-00000.parquet``; what is data is what the manifests in
    ``<path>/<resource>/_manifests/`` name. A retry starts its run anew, a cleared task replaces its run's files. To map an
    incremental task, add ``inlets=[state_asset()]`` to ``.partial()`` (from ``airflow_provider_bigcommerce.state``).

    :param resource: catalog name, such as ``orders`` (docs/reference/resources.md), or an API path. (templated)
    :param path: directory: ``/data/bigcommerce``, ``file:///data/bigcommerce``, ``s3://aws_default@bucket/bigcommerce``, ``gs://...``.
        An incremental task needs the same one in each run: leave the date out of it. (templated)
    :param file_format: ``parquet`` or ``jsonl``; ``jsonl.gz`` and ``jsonl.zst`` are ``jsonl`` with that compression.
    :param compression: for ``jsonl``: ``gzip`` or ``zstd``. Parquet is always compressed with zstd.
    :param mode: ``full``: every row; ``incremental``: what changed since the last run's window ended, kept in Airflow's state;
        ``backfill``: what was created in the DAG run's data interval (docs/how-to/backfill.md).
    :param query: filters, as BigCommerce names them: ``{"is_visible": True}``. (templated)
    :param since: only rows changed at or after this moment: ISO-8601 with offset, or a datetime. With ``incremental`` it stands in
        for the watermark of this run; with ``backfill``, both ends for the data interval. (templated)
    :param until: only rows changed at or before this moment. (templated)
    :param initial_since: where the first incremental run begins; the store's beginning if not given. (templated)
    :param include: what rows shall carry (``images``, ``variants`` ...); orders come with their line items unless it says otherwise;
        ``[]`` for nothing. (templated)
    :param fields: top-level fields to keep; keys and the change date are kept always. The other columns are null. (templated)
    :param exclude_fields: fields to leave out, dots for nested ones: ``["billing_address.email"]``. For personal data. (templated)
    :param channel_id: only rows of this channel, where the resource has such a filter. (templated)
    :param parent_ids: for a child resource (``order_transactions``), the parents whose rows are read; all if not given. (templated)
    :param parent_query: for a child resource, filters for the parents: ``{"status_id": 11}``. (templated)
    :param parents_from: for a child resource, the ``path`` of a task that copied the parents; those of its newest run are read:
        after an incremental run, the children of what changed. (templated)
    :param bigcommerce_conn_id: connection id. (templated)
    :param overlap: how far an incremental run goes back behind the watermark, for clocks and late commits.
    :param quota_share: fraction of the store's quota at which this task waits for the next window, above 0 and at most 1: ``0.25``
        leaves three quarters to everybody else. If not given, the connection's; for a backfill at most 0.25.
    :param stamp: whether JSON lines get ``_synced_at`` and ``_store_hash``, which Parquet always has.
    :param max_rows_per_file: rows after which a new file begins, or None for one file.
    """

    template_fields: Sequence[str] = (
        "resource",
        "path",
        "query",
        "since",
        "until",
        "initial_since",
        "include",
        "fields",
        "exclude_fields",
        "channel_id",
        "parent_ids",
        "parent_query",
        "parents_from",
        "bigcommerce_conn_id",
    )
    template_fields_renderers = {"query": "json"}  # noqa: RUF012  # Airflow's own declaration
    operator_extra_links = (BigCommerceControlPanelLink(),)
    ui_color = "#e8edfb"

    def __init__(
        self,
        *,
        resource: str,
        path: str,
        file_format: str = "parquet",
        compression: str | None = None,
        mode: str = "full",
        query: Query | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        initial_since: str | datetime | None = None,
        include: str | Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        exclude_fields: Sequence[str] | None = None,
        channel_id: int | str | None = None,
        parent_ids: Sequence[ParentId] | None = None,
        parent_query: Query | None = None,
        parents_from: str | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        overlap: timedelta = DEFAULT_OVERLAP,
        quota_share: float | None = None,
        stamp: bool = False,
        max_rows_per_file: int | None = 500_000,
        **kwargs: Any,
    ) -> None:
        if mode == "incremental":
            # The state's asset must be an inlet, or Airflow hands out no state.
            given = list(kwargs.get("inlets") or [])
            kwargs["inlets"] = given if state_asset() in given else [*given, state_asset()]
        super().__init__(**kwargs)
        self.resource = resource
        self.path = path
        self.file_format = file_format
        self.compression = compression
        self.mode = mode
        self.query = query
        self.since = since
        self.until = until
        self.initial_since = initial_since
        self.include = include
        self.fields = fields
        self.exclude_fields = exclude_fields
        self.channel_id = channel_id
        self.parent_ids = parent_ids
        self.parent_query = parent_query
        self.parents_from = parents_from
        self.bigcommerce_conn_id = bigcommerce_conn_id
        self.overlap = overlap
        self.quota_share = quota_share
        self.stamp = stamp
        self.max_rows_per_file = max_rows_per_file
        self._format = _format(file_format, compression)
        _validate(resource, mode, max_rows_per_file)
        check_quota_share(quota_share)
        self._reading: StoppableReading | None = None

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, and return the manifest.

        :param context: Airflow's; ``{}`` works too, without watermark and retries.
        :raises BigCommerceError: see ``airflow_provider_bigcommerce.exceptions``.
        """
        from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

        reading = self._reading = StoppableReading()
        selection = select(
            resource=self.resource,
            mode=self.mode,
            query=self.query,
            include=self.include,
            since=self.since,
            until=self.until,
            initial_since=self.initial_since,
            overlap=self.overlap,
            fields=self.fields,
            exclude_fields=self.exclude_fields,
            channel_id=self.channel_id,
            parent_ids=self._parents() if self.parents_from else self.parent_ids,
            parent_query=self.parent_query,
            interval=interval_of(context),
        )
        destination = Destination.at(str(self.path))
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = hook.credentials().store_hash
        if is_task(context):
            link = control_panel_url(store_hash, selection.resource.name, selection.resource.area)
            context["ti"].xcom_push(key=BigCommerceControlPanelLink.key, value=link)
        run = self._begin(context, selection, destination, store_hash)
        fixed = run.checkpoint.read()
        if fixed is not None and run.replaced is not None and run.replaced.finished_at != fixed.replaces:
            self.log.info("An earlier try of this run had committed %s rows; only what follows the commit is left.", run.replaced.rows)
            return self._end(context, run, run.replaced)
        span = fixed_span(selection, fixed, run.replaced, run.last)
        if span is None:
            span = span_until(selection, reading.store_time(hook), run.replaced, run.last)
        if fixed is None:
            window = span.window.as_json()
            replaces = run.replaced.finished_at if run.replaced is not None else None
            run.checkpoint.write(Checkpoint(until=window["until"], since=window["since"], replaces=replaces))
        manifest = self._copy(run, span, hook, reading)
        return self._end(context, run, manifest)

    def _parents(self) -> Sequence[ParentId]:
        """The parents in another task's files."""
        from airflow_provider_bigcommerce.files.parents import parents_in

        row = resource_of(self.resource)
        if row.parent is None or not row.placeholders:
            raise InvalidQueryError(f"parents_from does not apply: {row.name!r} is not read parent by parent.")
        if self.parent_ids is not None:
            raise InvalidQueryError("Give parent_ids or parents_from, not both.")
        return parents_in(Destination.at(str(self.parents_from)), row, resource_of(row.parent))

    def on_kill(self) -> None:
        """Stop reading: requests under way are dropped, the session closes, and the unfinished file goes."""
        if self._reading is not None:
            self._reading.stop()

    # -- before -------------------------------------------------------------------------------------------------------

    def _begin(self, context: Mapping[str, Any], selection: Selection, destination: Destination, store_hash: str) -> _Run:
        """Everything that can refuse before a request is sent, and the tidying."""
        now = datetime.now(UTC)
        folder = selection.folder
        if is_task(context):
            ti = context["ti"]
            key, task = run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index), task_key(ti.dag_id, ti.task_id)
        else:
            task = task_key("no_dag", self.task_id)
            key = run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", self.task_id)
        destination.require_writable(f"{folder}/_manifests")
        watermark_key = state_key(self.bigcommerce_conn_id, selection.resource.name, destination.url, selection.filters)
        state = WatermarkState.of(context, watermark_key) if selection.mode == "incremental" else WatermarkState(None, watermark_key)
        last = state.read(store_hash)
        replaced = read_manifest(destination, folder, key)
        removed = remove_orphans(destination, folder, task, now=now)
        removed += discard_uncommitted(destination, folder, key, replaced)
        if removed:
            self.log.info("Removed %d files that earlier, killed tries of this task had left.", removed)
        if last is not None and last.run != key and read_manifest(destination, folder, last.run) is None:
            self.log.warning(
                "The watermark %s (state key %r) was set by run %s, whose manifest is not at %s. If the files were removed on purpose, "
                "all is well; if the copy was lost, delete that key of the asset's state to read everything again.",
                last.watermark, state.key, last.run, destination.url,
            )  # fmt: skip
        checkpoint = RunCheckpoint.of(context, destination, folder, key)
        return _Run(key, selection, destination, store_hash, now, replaced, state, last, checkpoint, Progress(selection.resource.name))

    # -- reading ------------------------------------------------------------------------------------------------------

    def _copy(self, run: _Run, span: Span, hook: BigCommerceHook, reading: StoppableReading) -> Manifest:
        from airflow_provider_bigcommerce.files.discrepancies import Discrepancies
        from airflow_provider_bigcommerce.files.overlap import Overlap, written_by
        from airflow_provider_bigcommerce.files.writers import PartWriter, Stamp
        from airflow_provider_bigcommerce.transfers.copying import Copied, Copy, checked, columns_of, drift_of

        selection, folder, row = run.selection, run.selection.folder, run.selection.resource
        discrepancies = Discrepancies()
        writer = PartWriter(
            run.destination,
            run_folder(folder, run.key),
            self._format,
            columns_of(row),
            stamp=Stamp(run.started_at, run.store_hash) if self.stamp or self._format == "parquet" else None,
            first=first_part(run.replaced),
            max_rows=self.max_rows_per_file,
            discrepancies=discrepancies,
        )
        overlap: Overlap | None = None
        until = span.window.until
        if selection.mode == "incremental" and until is not None:
            before: Mapping[str, tuple[str, str]] = {}
            if span.may_drop and run.last is not None:
                last_manifest = read_manifest(run.destination, folder, run.last.run)
                before = written_by(run.destination, folder, run.last.run, last_manifest, run.last.watermark)
            overlap = Overlap(until - selection.overlap, before)
        copy = Copy(
            selection,
            span.window,
            writer,
            overlap=overlap,
            progress=run.progress,
            tell=self.log.info,
        )
        window = span.window.as_json()
        self.log.info(
            "Copying %s of store %s%s into %s",
            row.name,
            run.store_hash,
            tell_window(selection, span.window),
            run.destination.full(run_folder(folder, run.key)),
        )

        settings = store_settings(selection.mode, self.quota_share, hook)

        async def read() -> tuple[Copied, ReadStats]:
            async with hook.astore(**settings) as store:
                return await copy.run(store), store.stats

        copied, stats = reading.run(read)
        if selection.mode == "backfill" and not copied.rows:
            tell_nothing(selection, span.window)
        checks = checked(copied, may_shift=row.guarantee == "checked" and row.api_version == "v3")
        if overlap is not None and until is not None:
            overlap.save(run.destination, folder, run.key, until=until, files=tuple(file.sha256 for file in copied.files))
        manifest = Manifest(
            resource=row.name,
            store_hash=run.store_hash,
            mode=selection.mode,
            query=copied.query,
            window=ManifestWindow(since=window["since"], until=window["until"]),
            watermark=written(span.watermark),
            files=tuple(copied.files),
            rows=copied.rows,
            duplicates_dropped=copied.repeated + (overlap.dropped if overlap is not None else 0),
            drift=drift_of(discrepancies),
            requests=stats.requests,
            throttled=stats.throttled,
            seconds=round(run.progress.seconds, 3),
            started_at=run.started_at.isoformat(timespec="milliseconds"),
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            provider_version=__version__,
            complete=all(check.agrees for check in checks),
            checked=checks,
        )
        commit(run.destination, folder, run.key, manifest, run.replaced)
        return manifest

    # -- after --------------------------------------------------------------------------------------------------------

    def _end(self, context: Mapping[str, Any], run: _Run, manifest: Manifest) -> dict[str, Any]:
        """What follows the commit: the watermark, then the tidying."""
        from airflow_provider_bigcommerce.files.overlap import remove_overlap

        folder = run.selection.folder
        until = moment(manifest.watermark, "watermark")
        if until is not None:
            new = watermark_of(until, store_hash=run.store_hash, run=run.key, set_at=datetime.now(UTC), context=context)
            if run.state.advance(new) and run.last is not None and run.last.run != run.key:
                remove_overlap(run.destination, folder, run.last.run)
        run.checkpoint.delete()
        self.log.info(
            "Copied %s: %s rows in %d files, %d written before or twice left out; %d requests, %d of them answered 429, %.1f s%s",
            manifest.resource,
            f"{manifest.rows:,}",
            len(manifest.files),
            manifest.duplicates_dropped,
            manifest.requests,
            manifest.throttled,
            manifest.seconds,
            f"; the next run goes on at {manifest.watermark}" if manifest.watermark else "",
        )
        if manifest.drift:
            fields = ", ".join(f"{drift.path} ({drift.seen_type})" for drift in manifest.drift[:20])
            self.log.info("%d fields did not fit the schema and stand in _extra, see the manifest's drift: %s", len(manifest.drift), fields)
        return manifest.as_json()


def _format(file_format: str, compression: str | None) -> FileFormat:
    found = _FORMATS.get((file_format, compression))
    if found is None:
        if file_format not in {name for name, _ in _FORMATS}:
            raise InvalidQueryError(f"file_format={file_format!r} is unknown. Accepted: 'parquet', 'jsonl', 'jsonl.gz', 'jsonl.zst'.")
        accepted = ", ".join(repr(option) for name, option in _FORMATS if name == file_format)
        raise InvalidQueryError(f"compression={compression!r} does not go with file_format={file_format!r}. Accepted: {accepted}.")
    return found


def _validate(resource: str, mode: str, max_rows_per_file: int | None) -> None:
    """What can be told before templates are rendered, so that it shows where the DAG is parsed."""
    if mode not in MODES:
        raise InvalidQueryError(f"mode={mode!r} is unknown. Accepted: {', '.join(map(repr, MODES))}.")
    if max_rows_per_file is not None and max_rows_per_file < 1:
        raise InvalidQueryError(f"max_rows_per_file={max_rows_per_file} leaves no row for a file. Give 1 or more, or None for one file.")
    if isinstance(resource, str) and "{{" not in resource and "{%" not in resource:
        row = resource_of(resource)
        if mode == "incremental":
            require_modified(row)
        elif mode == "backfill":
            backfill_filter(dated(row))
