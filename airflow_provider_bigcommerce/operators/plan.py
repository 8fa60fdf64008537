"""The plan of a bulk change: the operator around ``writing.plan``. Arguments in, a plan's manifest out; changes nothing in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, check_rendered, is_pending, names
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.writes import failing_for_good
from airflow_provider_bigcommerce.writing.input_arguments import (
    INPUT_CHECKS,
    PLAN_CHECKS,
    SENDING,
    attempt_of,
    check_input,
    check_settings,
    input_of,
    refuse_absent,
    settings_of,
    store_settings,
)
from airflow_provider_bigcommerce.writing.plan import plan_rows
from airflow_provider_bigcommerce.writing.summary import Seen, summary

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.core.writing.route import Operation
    from airflow_provider_bigcommerce.writing.input_columns import Nulls
    from airflow_provider_bigcommerce.writing.input_files import Kind
    from airflow_provider_bigcommerce.writing.plan import Unchanged


class BigCommercePlanOperator(BaseOperator):
    """Plan a change of many rows: compare files or a query with the live store, and write down what would be sent. Changes nothing.

    ::

        BigCommercePlanOperator(
            task_id="plan", resource="products", operation="update", match_on="sku", path="/data/in/prices-*.csv",
            report_path="/data/reports", max_value_change_percent={"price": 30},
        )

    Each row of the input is checked, its key looked up with hundreds of others, and its fields compared with the store's one by one. The
    plan has a row for each that would be sent: key, id, fields, old and new values, and the exact body. A row that the store has already is
    ``unchanged``; one that cannot be sent is ``rejected``, and is in a file that can be corrected and used as input again. See
    docs/how-to/plan-a-change.md.

    XCom has ``manifest`` (the plan's URI), ``digest``, ``rows``, ``counts`` and ``summary``: Markdown for a person, of 20 rows at most.

    :param resource: catalog name. (templated)
    :param operation: ``create``, ``update``, ``upsert`` or ``delete``.
    :param path: files: Parquet, JSON lines or CSV, by a path or a glob. (templated)
    :param file_format: ``parquet``, ``jsonl`` or ``csv``, for files whose names do not end so.
    :param conn_id: or the connection of a database. (templated)
    :param sql: its query, whose columns are the rows' columns. (templated)
    :param match_on: field, or fields, by which the store's rows are found (``"sku"``). If not given, rows have their ids, or the key by
        which the store itself finds them. (templated)
    :param mapping: column -> field, dots for nested ones: ``{"Artikelnummer": "sku"}``; columns that are not in it are left out. If not
        given, each column goes to the field of its name. (templated)
    :param lookup: field -> resource and field by which its value becomes an id: ``{"product_id": "products.sku"}``. (templated)
    :param nulls: ``skip``: a null (in CSV: nothing) is as if the column were missing; ``write``: it clears the field.
    :param unchanged: ``skip``: rows that the store has already are not sent; ``send``: they are.
    :param max_changes: rows that may be sent; more of them fail the task, like the next two, and no plan is made.
    :param max_changed_percent: of the input's rows, the percentage that may be sent.
    :param max_value_change_percent: by how many percent a number may change: one limit for all, or field -> limit: ``{"price": 30}``.
    :param report_path: directory or URL of all plans and outcomes. (templated)
    :param show_values: fields whose values the summary may show; it goes into Airflow's database. (templated)
    :param quota_share: fraction of the store's quota at which this task waits for the next window.
    :param hand_back_after: if the store has sent nothing for this long, the task releases its worker slot, and begins again later.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {**PLAN_CHECKS, **INPUT_CHECKS, "show_values": names("['price']")}
    absent: ClassVar[Mapping[str, str]] = dict.fromkeys(SENDING, "a plan sends nothing; give it to BigCommerceApplyOperator")
    custom_operator_name = "BigCommerce plan"
    template_fields: Sequence[str] = (
        "resource",
        "path",
        "conn_id",
        "sql",
        "match_on",
        "mapping",
        "lookup",
        "report_path",
        "show_values",
        "bigcommerce_conn_id",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql", "mapping": "json", "lookup": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#fdf3d8"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        operation: Operation,
        path: str | None = None,
        conn_id: str | None = None,
        sql: str | None = None,
        file_format: Kind | None = None,
        match_on: str | Sequence[str] | None = None,
        mapping: Mapping[str, str] | None = None,
        lookup: Mapping[str, str] | None = None,
        nulls: Nulls = "skip",
        unchanged: Unchanged = "skip",
        max_changes: int | None = None,
        max_changed_percent: float | None = None,
        max_value_change_percent: float | Mapping[str, float] | None = None,
        report_path: str,
        show_values: Sequence[str] = (),
        quota_share: float | None = None,
        hand_back_after: timedelta | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        refuse_absent(self, self.absent, kwargs)
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.resource = resource
        self.operation = operation
        self.path = path
        self.conn_id = conn_id
        self.sql = sql
        self.file_format = file_format
        self.match_on = match_on
        self.mapping = mapping
        self.lookup = lookup
        self.nulls = nulls
        self.unchanged = unchanged
        self.max_changes = max_changes
        self.max_changed_percent = max_changed_percent
        self.max_value_change_percent = max_value_change_percent
        self.report_path = report_path
        self.show_values = show_values
        self.quota_share = quota_share
        self.hand_back_after = hand_back_after
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        if not any(map(is_pending, (path, conn_id, sql))):
            check_input(path, conn_id, sql)
        check_settings(self)

    @failing_without_package()
    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Make the plan.

        :param context: Airflow's; ``{}`` works too.
        :returns: ``manifest``, ``digest``, ``plan_id``, ``resource``, ``rows``, ``counts`` and ``summary``.
        :raises InvalidQueryError: arguments that cannot work, or a secret field.
        :raises DestinationError: a file of the input is not whole, the query failed, or nothing can be written below ``report_path``.
        :raises AirflowFailException: more would change than may, or columns that cannot work; its cause says which. No plan is made.
        :raises BigCommerceError: the store could not be asked; a retry asks again.
        """
        check_rendered(self, self.argument_checks)
        settings, seen = settings_of(self), Seen()
        resource = settings.route().resource.name
        source = input_of(self.path, self.conn_id, self.sql, self.file_format)
        folder = attempt_of(context, self.task_id, self.report_path, resource, "plan")
        with (
            failing_for_good(context, self.log.info),
            BigCommerceHook(self.bigcommerce_conn_id).store(**store_settings(self, context)) as store,
        ):
            manifest = plan_rows(store, source, settings, folder, see=seen)
        told = ", ".join(f"{count:,} {name}" for name, count in manifest.counts.items())
        self.log.info("Plan %s of %s: %s. %s", manifest.digest[:12], manifest.resource, told, folder.uri)
        return {
            "manifest": folder.uri,
            "digest": manifest.digest,
            "plan_id": manifest.plan_id,
            "resource": manifest.resource,
            "rows": manifest.rows,
            "counts": manifest.counts,
            "summary": summary(manifest, seen, self.show_values),
        }
