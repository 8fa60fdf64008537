"""The transfer from a BigCommerce resource to files in a directory or an object store: arguments in, a manifest out.

Rows go from the store to the files (``targets.files``); XCom gets the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_bigcommerce.compat import come_again, is_task
from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, flag, integer, mapping, one_of, optional, span
from airflow_provider_bigcommerce.core.partitions import Partition
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.selection import Selection, within
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.engine.target import Run
from airflow_provider_bigcommerce.engine.telling import files_at
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, LongWaitError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.state import state_asset
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_target import FileTarget
from airflow_provider_bigcommerce.targets.files.into_files import FileShape
from airflow_provider_bigcommerce.targets.files.pieces import piece_of
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.targets.files.writers import Compression, FileFormat
    from airflow_provider_bigcommerce.transfers.typed import OperatorArguments

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


class BigCommerceToObjectStorageOperator(BigCommerceTransferOperator):
    """Copy a BigCommerce resource into Parquet or JSON-lines files, whole or only what changed.

    ::

        BigCommerceToObjectStorageOperator(
            task_id="orders", resource="orders", path="s3://aws_default@my-bucket/bigcommerce", mode="incremental"
        )

    Files are ``<path>/<resource>/run=<run key>/part-00000.parquet``; only files that a manifest in ``<path>/<resource>/_manifests/`` names
    are data. The directory of a path that is in no catalog is ``v3_foo_bar-`` and a hash. A retry continues after the last complete file
    of its run; a cleared task replaces its run's files. To map an incremental task, add ``inlets=[state_asset()]`` to ``.partial()``
    (from ``airflow_provider_bigcommerce.state``).

    Which rows: the parameters of :class:`BigCommerceTransferOperator` (``resource``, ``mode``, ``query``, ``since``, ``fields`` ...).

    :param path: directory: ``/data/bigcommerce``, ``file:///data/bigcommerce``, ``s3://aws_default@bucket/bigcommerce``, ``gs://...``.
        An incremental task needs the same one in each run: leave the date out of it. (templated)
    :param file_format: ``parquet`` or ``jsonl``; ``jsonl.gz`` and ``jsonl.zst`` are ``jsonl`` with that compression.
    :param compression: for ``jsonl``: ``gzip`` or ``zstd``. Parquet is always compressed with zstd.
    :param stamp: whether JSON lines get ``_synced_at`` and ``_store_hash``, which Parquet always has.
    :param max_rows_per_file: rows after which a new file begins, or 512 MB of JSON if they come first; None for files that only
        ``checkpoint_every`` ends.
    :param checkpoint_every: time after which a new file begins. A retry continues after the last complete file.
    :param hand_back_after: if the store has sent nothing for this long (its quota is used up, or it is down), the task releases its worker
        slot, comes back when the store may answer, and continues where it was. It uses no retry. None to keep waiting, up to the
        connection's ``max_wait``.
    :param partition: one range of the list, of those that ``partition(...)`` gives: the task then reads that range and commits nothing;
        ``commit_partitions(...)`` does, for all of them (``airflow_provider_bigcommerce.operators.partition``). (templated)
    """

    _own_checks: ClassVar[Checks] = {
        "path": place("/data/bigcommerce"),
        "file_format": one_of([*dict.fromkeys(name for name, _ in _FORMATS)]),
        "compression": optional(one_of(("gzip", "zstd"))),
        "stamp": flag(),
        "max_rows_per_file": optional(integer(1)),
        "checkpoint_every": span(example="timedelta(minutes=5)"),
        "hand_back_after": optional(span(example="timedelta(minutes=5)")),
        "partition": optional(mapping("what partition('orders', into=8) returns for each range")),
    }
    argument_checks: ClassVar[Checks] = {**BigCommerceTransferOperator.argument_checks, **_own_checks}
    custom_operator_name = "BigCommerce to files"
    template_fields: Sequence[str] = (*BigCommerceTransferOperator.template_fields, "path", "partition")
    template_fields_renderers = {**BigCommerceTransferOperator.template_fields_renderers, "partition": "json"}  # noqa: RUF012

    @shows_your_line
    def __init__(
        self,
        *,
        path: str,
        file_format: FileFormat = "parquet",
        compression: Compression | None = None,
        stamp: bool = False,
        max_rows_per_file: int | None = 500_000,
        checkpoint_every: timedelta = timedelta(minutes=5),
        hand_back_after: timedelta | None = None,
        partition: Mapping[str, Any] | None = None,
        **kwargs: Unpack[OperatorArguments],
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
        check_arguments(self, self._own_checks)
        self._format = _format(file_format, compression)
        if partition is not None and self.deletes != "ignore":
            raise InvalidQueryError("deletes does not go with partition: a range of a list does not tell what is gone. Leave deletes out.")
        self._reading: StoppableReading | None = None

    def transfer_selected(self, context: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
        """Copy, commit, and return the manifest; for a range of the list, return it uncommitted."""
        self._reading = StoppableReading()
        partition = None if self.partition is None else Partition.read(self.partition)
        selection = selection if partition is None else within(selection, partition)
        destination = Destination.at(str(self.path))
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = self.learnt.store_hash = hook.credentials().store_hash
        self.learnt.place = files_at(destination.full(selection.folder))
        run = Run.of(context, self.task_id, selection, store_hash, is_mapped=partition is None)
        shape = FileShape(self._format, self.stamp, self.max_rows_per_file, self.checkpoint_every)
        target = FileTarget(destination, run, shape, conn_id=self.bigcommerce_conn_id, partition=partition, learnt=self.learnt)
        patience = self.hand_back_after.total_seconds() if self.hand_back_after is not None and is_task(context) else None
        try:
            manifest = self.copy(run, target, hook, self._reading, patience=patience)
        except LongWaitError as error:
            self.log.info("%s The task releases its worker slot and resumes then.", error)
            raise come_again(datetime.now(UTC) + timedelta(seconds=error.seconds)) from error
        self.tell_copied(manifest, f"{len(manifest.files)} file{'s' if len(manifest.files) != 1 else ''}")
        piece = target.try_.piece
        return manifest.as_json() if piece is None else piece_of(manifest.as_json(), piece)

    def on_kill(self) -> None:
        """Stop reading: requests under way are dropped, the session closes, and the unfinished file goes."""
        if self._reading is not None:
            self._reading.stop()


def _format(file_format: str, compression: str | None) -> FileFormat:
    found = _FORMATS.get((file_format, compression))
    if found is None:
        accepted = ", ".join(repr(option) for name, option in _FORMATS if name == file_format)
        raise InvalidQueryError(f"compression={compression!r} does not go with file_format={file_format!r}. Accepted: {accepted}.")
    return found
