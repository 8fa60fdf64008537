"""Applies a plan that was approved: the operator around ``writing/apply.py``. Arguments in, a result out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.core.arguments import (
    Checks,
    anything,
    check_arguments,
    check_rendered,
    one_of,
    optional,
    span,
    text,
)
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.writing.outcomes import ON_REJECTED, OnRejected
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.stoppable import QUOTA_SHARE, StoppableReading
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.writes import accounted, drive, failing_for_good, is_last_try, write_run
from airflow_provider_bigcommerce.writing.apply import MAX_AGE, Applied, Applying, plan_uri
from airflow_provider_bigcommerce.writing.conflicts import OnConflict
from airflow_provider_bigcommerce.writing.input_arguments import PLANNED, refuse_absent, store_settings
from airflow_provider_bigcommerce.writing.reading_back import Verify, verify_of
from airflow_provider_bigcommerce.writing.sending_plan import SendingManner


class BigCommerceApplyOperator(BaseOperator):
    """Send a plan's rows to the store, exactly as they were planned, and account for each of them.

    ::

        approve = ApprovalOperator(task_id="approve", subject="Prices", body="{{ ti.xcom_pull('plan')['summary'] }}", defaults="Reject")
        BigCommerceApplyOperator(task_id="apply", plan=plan.output, approval=approve.output)

    Refused before anything is sent: a plan of another store, one whose file was changed, that is older than ``max_age``, that another run
    has used, or that nobody has approved since it was made. A row whose planned fields have changed since is a ``conflict`` and is not
    sent. A retry continues where the last try ended: rows that it may have sent are looked up in the store first. While another task writes
    the same resource of the same store below the same ``report_path``, this one waits, without a worker slot.

    A plan that takes stock back is sent as ``BigCommerceStockOperator`` sends relative rows: noted before, read back until they show, and
    never twice, whatever ``on_conflict`` and ``verify`` say.

    The files are in ``<report_path>/<resource>/run=.../apply-1/``: the outcome of each row, the rows that can be corrected and used as
    input again, and how the rest is taken back (:class:`~airflow_provider_bigcommerce.operators.undo.BigCommerceUndoOperator`).

    XCom has ``manifest`` (the URI), ``digest``, ``rows``, ``counts`` by outcome, ``approved_by``, and ``summary`` in Markdown; where the
    task fails for its rows, the key ``outcome`` has it.

    :param plan: the plan task's result, or the URI of its manifest. (templated)
    :param approval: the approval task's result (``approve.output``). ``"none needed"`` sends what nobody was asked about. (templated)
    :param max_age: of the plan; None for any.
    :param on_conflict: ``keep`` leaves a row alone whose planned fields have changed since the plan; ``overwrite`` sends it.
    :param on_rejected: ``fail``: all rows are sent, then the task fails if one was rejected, a conflict or saved in part; ``stop``: nothing
        more is sent then; ``warn``: it succeeds, and the log tells. Rows that are ``unknown`` or ``not_sent`` always fail the task.
    :param verify: which rows are read back after they were sent: ``unclear`` for those whose answers were, ``all``, or a number of them,
        evenly spread.
    :param report_path: where the files go; where the plan stands if not given. (templated)
    :param quota_share: fraction of the store's quota that may be used; the connection's if not given.
    :param hand_back_after: if the store has sent nothing for this long, the task releases its worker slot, resumes when the store
        may answer, and continues. None to keep waiting.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "plan": anything(),
        "approval": anything(),
        "max_age": optional(span(example="timedelta(hours=24)")),
        "on_conflict": one_of(("keep", "overwrite")),
        "on_rejected": one_of(ON_REJECTED),
        "verify": verify_of(),
        "report_path": optional(place("/data/reports")),
        "quota_share": optional(QUOTA_SHARE),
        "hand_back_after": optional(span(example="timedelta(minutes=5)")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    absent: ClassVar[Mapping[str, str]] = dict.fromkeys(PLANNED, "the plan says it; give it to BigCommercePlanOperator")
    custom_operator_name = "BigCommerce apply a plan"
    template_fields: Sequence[str] = ("plan", "approval", "report_path", "bigcommerce_conn_id")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        plan: Any,
        approval: Any,
        max_age: timedelta | None = MAX_AGE,
        on_conflict: OnConflict = "keep",
        on_rejected: OnRejected = "fail",
        verify: Verify = "unclear",
        report_path: str | None = None,
        quota_share: float | None = None,
        hand_back_after: timedelta | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        refuse_absent(self, self.absent, kwargs)
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.plan = plan
        self.approval = approval
        self.max_age = max_age
        self.on_conflict = on_conflict
        self.on_rejected = on_rejected
        self.verify = verify
        self.report_path = report_path
        self.quota_share = quota_share
        self.hand_back_after = hand_back_after
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        if plan is None or approval is None:
            name = "plan" if plan is None else "approval"
            raise InvalidQueryError(f"{name}=None cannot work. Accepted: plan=plan.output, and approval=approve.output or 'none needed'.")
        self._working: StoppableReading | None = None

    @failing_without_package()
    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the plan, and return what came of it.

        :param context: Airflow's; ``{}`` works too, and continues with the same plan where the last call ended.
        :raises AirflowFailException: the plan was refused, or rows need somebody; its cause says which.
        :raises BigCommerceError: the store or the network ended the run; a retry continues.
        """
        check_rendered(self, self.argument_checks)
        with failing_for_good(context, self.log.info):
            applied = self._apply(context)
            told = accounted(applied, context, on_rejected=self.on_rejected)
        self.log.info("Applied %s rows: %s. %s", f"{applied.manifest.rows:,}", applied.manifest.counts, applied.uri)
        return told

    def _apply(self, context: Mapping[str, Any]) -> Applied:
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        self._working = StoppableReading()
        applying = Applying(
            plan=self.plan,
            run=write_run(context, self.task_id, plan_uri(self.plan)[0]),
            store_hash=hook.credentials().store_hash,
            approval=self.approval,
            max_age=self.max_age,
            report_path=None if self.report_path is None else str(self.report_path),
            manner=SendingManner(on_conflict=self.on_conflict, on_rejected=self.on_rejected, verify=self.verify),
            is_last_try=is_last_try(context),
        )
        return applying.execute(drive(hook, self._working, store_settings(self, context)))

    def on_kill(self) -> None:
        """Send nothing more: requests under way are dropped, and the journal says which they were."""
        if self._working is not None:
            self._working.stop()
