"""The transfer from a BigCommerce resource to a table of a lakehouse: arguments in, a manifest out.

Rows go from the store to Parquet parts and a Delta Lake log (``targets.lake``); XCom gets the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, is_pending, one_of, span
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.engine.target import Run
from airflow_provider_bigcommerce.engine.telling import files_at
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.lake_target import LakeTarget, refuse_without_key
from airflow_provider_bigcommerce.targets.lake.storage import load_deltalake, table_storage
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.targets.lake.table_schema import NESTED, layout_of
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.targets.lake.table_schema import Nested
    from airflow_provider_bigcommerce.transfers.typed import OperatorArguments


class BigCommerceToLakeOperator(BigCommerceTransferOperator):
    """Copy a BigCommerce resource into a Delta Lake table, whole or only what changed, by upsert on its key.

    ::

        BigCommerceToLakeOperator(task_id="orders", resource="orders", path="s3://aws_default@bucket/shop", mode="incremental")

    The table is ``<path>/<resource>``: a directory, which needs no catalog. A run's rows, what it deletes, and how far it came become
    visible in one commit; a killed try leaves the table as it was. See docs/how-to/keep-lakehouse-tables.md.

    Which rows: the parameters of :class:`BigCommerceTransferOperator` (``resource``, ``mode``, ``query``, ``since``, ``fields`` ...).

    :param path: directory of the tables: ``/data/shop``, ``s3://aws_default@bucket/shop``, ``gs://...``, ``abfs://...``. (templated)
    :param nested: ``struct``: lists and objects are in columns of lists and structs; ``json``: as text of JSON.
    :param keep: for how long a file stays that is no longer data: for readers in the middle of a query, and for time travel.
    """

    accepted_deletes: Sequence[str] = ("ignore", "detect", "delete")
    _own_checks: ClassVar[Checks] = {"path": place("/data/shop"), "nested": one_of(NESTED), "keep": span(example="timedelta(days=7)")}
    argument_checks: ClassVar[Checks] = {**BigCommerceTransferOperator.argument_checks, **_own_checks, "deletes": one_of(accepted_deletes)}
    custom_operator_name = "BigCommerce to a lake table"
    template_fields: Sequence[str] = (*BigCommerceTransferOperator.template_fields, "path")

    @shows_your_line
    def __init__(
        self,
        *,
        path: str,
        nested: Nested = "struct",
        keep: timedelta = timedelta(days=7),
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.nested = nested
        self.keep = keep
        check_arguments(self, self._own_checks)
        if not is_pending(self.resource):
            row = copied_resource(self.resource)
            refuse_without_key(row.name, self.mode, has_key=bool(row.primary_key))
        self._reading: StoppableReading | None = None

    def transfer_selected(self, context: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
        """Copy, commit, and return the manifest, with ``table`` and its ``version`` instead of files."""
        load_deltalake()
        layout = layout_of(selection.resource, self.nested)
        destination = Destination.at(str(self.path))
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = self.learnt.store_hash = hook.credentials().store_hash
        self.learnt.place = files_at(destination.full(selection.folder))
        self._reading = StoppableReading()
        run = Run.of(context, self.task_id, selection, store_hash)
        storage = partial(table_storage, str(self.path), selection.folder)
        table = LakeTable(destination, selection.folder, layout, store_hash, storage, keep_days=self.keep / timedelta(days=1))
        target = LakeTarget(destination, table, layout, run, deletes=self.deletes)
        manifest = self.copy(run, target, hook, self._reading)
        self.tell_copied(manifest, f"the table {target.title}")
        content = manifest.as_json()
        del content["files"]
        return {**content, "table": target.title, "version": target.version}

    def on_kill(self) -> None:
        """Stop reading; nothing is committed."""
        if self._reading is not None:
            self._reading.stop()
