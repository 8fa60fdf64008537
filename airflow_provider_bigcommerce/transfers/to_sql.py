"""The transfer from a BigCommerce resource to a table of a database: arguments in, a manifest out.

Rows go from the store to the database (``targets.sql``); XCom gets the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, is_pending, one_of, optional, text
from airflow_provider_bigcommerce.core.planning import copied_resource
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.engine.target import Run
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.targets.sql.layout import NESTED, layout_of, refuse_without_key
from airflow_provider_bigcommerce.targets.sql.sql_target import SqlTarget
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.targets.sql.layout import Nested
    from airflow_provider_bigcommerce.transfers.typed import OperatorArguments


class BigCommerceToSqlOperator(BigCommerceTransferOperator):
    """Copy a BigCommerce resource into a table of a database, whole or only what changed, by upsert on its key.

    ::

        BigCommerceToSqlOperator(task_id="orders", resource="orders", conn_id="warehouse", mode="incremental")

    The table is made from the resource's schema. A run's rows, and how far it came (``_bigcommerce_syncs``), become visible in one
    transaction; a killed try leaves the table as it was. See docs/how-to/load-into-a-database.md.

    Which rows: the parameters of :class:`BigCommerceTransferOperator` (``resource``, ``mode``, ``query``, ``since``, ``fields`` ...).

    :param conn_id: id of an SQL connection: SQLite and PostgreSQL by code of their own, every other one whose hook has an SQLAlchemy engine
        through that. (templated)
    :param table: name of the table; the resource's if not given. (templated)
    :param schema: schema of the table; the connection's own if not given. (templated)
    :param nested: ``json``: lists and objects are in JSON columns as they came; ``tables``: objects become columns
        (``billing_address__city``) and lists child tables (``orders__line_items``).
    """

    settles: ClassVar[timedelta] = timedelta(0)
    accepted_deletes: Sequence[str] = ("ignore", "detect", "delete")
    _own_checks: ClassVar[Checks] = {
        "conn_id": text("warehouse"),
        "table": optional(text("orders")),
        "schema": optional(text("public")),
        "nested": one_of(NESTED),
    }
    argument_checks: ClassVar[Checks] = {**BigCommerceTransferOperator.argument_checks, **_own_checks, "deletes": one_of(accepted_deletes)}
    custom_operator_name = "BigCommerce to a table"
    template_fields: Sequence[str] = (*BigCommerceTransferOperator.template_fields, "conn_id", "table", "schema")

    @shows_your_line
    def __init__(
        self,
        *,
        conn_id: str,
        table: str | None = None,
        schema: str | None = None,
        nested: Nested = "json",
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.table = table
        self.schema = schema
        self.nested = nested
        check_arguments(self, self._own_checks)
        if not is_pending(self.resource):
            row = copied_resource(self.resource)
            refuse_without_key(row.name, has_key=bool(row.primary_key))
        self._reading: StoppableReading | None = None
        self._target: SqlTarget | None = None

    def transfer_selected(self, context: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
        """Copy, commit, and return the manifest, with ``table`` instead of files."""
        row = selection.resource
        layout = layout_of(columns_of(row), self.table or selection.folder, self.nested, row.primary_key, is_hashed=row.modified is None)
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = self.learnt.store_hash = hook.credentials().store_hash
        self._reading = StoppableReading()
        run = Run.of(context, self.task_id, selection, store_hash)
        self._target = SqlTarget(self.conn_id, self.schema, layout, run, deletes=self.deletes, learnt=self.learnt)
        manifest = self.copy(run, self._target, hook, self._reading)
        self.tell_copied(manifest, f"the table {self._target.title}")
        content = manifest.as_json()
        del content["files"]
        return {**content, "table": self._target.title}

    def on_kill(self) -> None:
        """Stop reading and whatever the database is doing; nothing is committed."""
        if self._reading is not None:
            self._reading.stop()
        if self._target is not None:
            self._target.cancel()
