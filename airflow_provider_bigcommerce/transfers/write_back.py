"""What the transfers into a store have in common: plan and apply in one task, for flows that need no person. Arguments in, a result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, check_rendered, one_of
from airflow_provider_bigcommerce.core.writing.outcomes import ON_REJECTED, OnRejected
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.writes import accounted, drive, failing_for_good, is_last_try, write_run
from airflow_provider_bigcommerce.writing.apply import Applied, Applying
from airflow_provider_bigcommerce.writing.approval import NO_APPROVAL
from airflow_provider_bigcommerce.writing.input_arguments import PLAN_CHECKS, check_settings, settings_of, store_settings
from airflow_provider_bigcommerce.writing.one_task import begun_plan, made_plan
from airflow_provider_bigcommerce.writing.reading_back import verify_of
from airflow_provider_bigcommerce.writing.secrets import secrets_of
from airflow_provider_bigcommerce.writing.sending_plan import SendingManner

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.core.writing.route import Operation
    from airflow_provider_bigcommerce.writing.conflicts import OnConflict
    from airflow_provider_bigcommerce.writing.input_columns import Nulls
    from airflow_provider_bigcommerce.writing.plan import Input, Unchanged
    from airflow_provider_bigcommerce.writing.reading_back import Verify


class ToBigCommerceOperator(BaseOperator):
    """Plan a change of many rows and apply it in one task; where the rows come from is up to the subclass.

    The plan is below ``report_path`` before anything is sent, and a retry continues with it where the last try ended. A task that was
    cleared makes a new plan, which has only what is still to be done; new rows that could be made twice (shipments) are not sent again by
    the same run. Secret fields (passwords) are taken, and written down nowhere.

    :param resource: catalog name. (templated)
    :param operation: ``create``, ``update``, ``upsert`` or ``delete``.
    :param match_on: field, or fields, by which the store's rows are found (``"sku"``). If not given, rows have their ids, or the key by
        which the store itself finds them. (templated)
    :param mapping: column -> field, dots for nested ones: ``{"Artikelnummer": "sku"}``; columns that are not in it are left out. If not
        given, each column goes to the field of its name. (templated)
    :param lookup: field -> resource and field by which its value becomes an id: ``{"product_id": "products.sku"}``. (templated)
    :param nulls: ``skip``: a null (in CSV: nothing) is as if the column were missing; ``write``: it clears the field.
    :param unchanged: ``skip``: rows that the store has already are not sent; ``send``: they are.
    :param on_rejected: ``fail``: all rows are sent, then the task fails if one was rejected, a conflict or saved in part; ``stop``: nothing
        more is sent then; ``warn``: it succeeds, and the log tells. Rows that are ``unknown`` or ``not_sent`` always fail the task.
    :param on_conflict: ``keep`` leaves a row alone whose planned fields have changed since the plan; ``overwrite`` sends it.
    :param max_changes: rows that may be sent; more of them fail the task before anything is sent, like the next two.
    :param max_changed_percent: of the input's rows, the percentage that may be sent.
    :param max_value_change_percent: by how many percent a number may change: one limit for all, or field -> limit: ``{"price": 30}``.
    :param verify: which rows are read back after they were sent: ``unclear`` for those whose answers were, ``all``, or a number of them,
        evenly spread.
    :param report_path: directory or URL of plans and outcomes. (templated)
    :param quota_share: fraction of the store's quota that may be used; the connection's if not given.
    :param hand_back_after: if the store has sent nothing for this long, the task releases its worker slot, resumes when the store
        may answer, and continues. None to keep waiting.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        **PLAN_CHECKS,
        "on_rejected": one_of(ON_REJECTED),
        "on_conflict": one_of(("keep", "overwrite")),
        "verify": verify_of(),
    }
    template_fields: Sequence[str] = ("resource", "match_on", "mapping", "lookup", "report_path", "bigcommerce_conn_id")
    template_fields_renderers = {"mapping": "json", "lookup": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        operation: Operation,
        match_on: str | Sequence[str] | None = None,
        mapping: Mapping[str, str] | None = None,
        lookup: Mapping[str, str] | None = None,
        nulls: Nulls = "skip",
        unchanged: Unchanged = "skip",
        on_rejected: OnRejected = "fail",
        on_conflict: OnConflict = "keep",
        max_changes: int | None = None,
        max_changed_percent: float | None = None,
        max_value_change_percent: float | Mapping[str, float] | None = None,
        verify: Verify = "unclear",
        report_path: str,
        quota_share: float | None = None,
        hand_back_after: timedelta | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.resource = resource
        self.operation = operation
        self.match_on = match_on
        self.mapping = mapping
        self.lookup = lookup
        self.nulls = nulls
        self.unchanged = unchanged
        self.on_rejected = on_rejected
        self.on_conflict = on_conflict
        self.max_changes = max_changes
        self.max_changed_percent = max_changed_percent
        self.max_value_change_percent = max_value_change_percent
        self.verify = verify
        self.report_path = report_path
        self.quota_share = quota_share
        self.hand_back_after = hand_back_after
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, {name: self.argument_checks[name] for name in ToBigCommerceOperator.argument_checks})
        check_settings(self, takes_secrets=True)
        self._working: StoppableReading | None = None

    def source(self) -> Input:
        """Where the rows come from."""
        raise NotImplementedError

    @failing_without_package()
    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Plan, apply, and return what came of it.

        :param context: Airflow's; ``{}`` works too.
        :raises AirflowFailException: arguments that cannot work, a guard's limit, or rows that need somebody; its cause says which.
        :raises BigCommerceError: the store or the network ended the run; a retry continues.
        """
        check_rendered(self, self.argument_checks)
        with failing_for_good(context, self.log.info):
            applied = self._write(context)
            told = accounted(applied, context, on_rejected=self.on_rejected, plan=applied.manifest.plan)
        self.log.info("Wrote %s rows: %s. %s", f"{applied.manifest.rows:,}", applied.manifest.counts, applied.uri)
        return told

    def _write(self, context: Mapping[str, Any]) -> Applied:
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        settings = settings_of(self, takes_secrets=True)
        source = self.source()
        run = write_run(context, self.task_id, f"{self.resource}\n{source.source()}")
        self._working = StoppableReading()
        plan = begun_plan(self.report_path, settings, run)
        if plan is None:
            with hook.store(**store_settings(self, context)) as store:
                plan = made_plan(store, source, settings, self.report_path, run, on_rejected=self.on_rejected)
        applying = Applying(
            plan=plan,
            run=run,
            store_hash=hook.credentials().store_hash,
            approval=NO_APPROVAL,
            max_age=None,
            report_path=str(self.report_path),
            manner=SendingManner(on_conflict=self.on_conflict, on_rejected=self.on_rejected, verify=self.verify),
            is_last_try=is_last_try(context),
            secrets=secrets_of(source, settings),
        )
        return applying.execute(drive(hook, self._working, store_settings(self, context)))

    def on_kill(self) -> None:
        """Send nothing more: requests under way are dropped, and the journal says which they were."""
        if self._working is not None:
            self._working.stop()
