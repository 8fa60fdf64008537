"""Plans how an applied plan is taken back: the operator around ``writing/undo.py``. Changes nothing in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.core.arguments import Checks, anything, check_arguments, check_rendered, optional, span, text
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.stoppable import QUOTA_SHARE, StoppableReading
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.writes import drive, failing_for_good, write_run
from airflow_provider_bigcommerce.writing.apply import plan_uri
from airflow_provider_bigcommerce.writing.input_arguments import PLANNED, SENDING, refuse_absent, store_settings
from airflow_provider_bigcommerce.writing.undo import Undoing


class BigCommerceUndoOperator(BaseOperator):
    """Make the plan that undoes an applied plan: the old values of what was changed, and the end of what was made.

    ::

        undo = BigCommerceUndoOperator(task_id="undo", outcome="{{ params.outcome }}")
        BigCommerceApplyOperator(task_id="take_back", plan=undo.output, approval=approve.output)

    Nothing is sent: the plan is applied by ``BigCommerceApplyOperator``, and a row that somebody has changed since is a conflict there.
    Stock is taken back by the difference, so that what was sold since stays sold; it has no conflicts.
    What cannot be undone is listed, by reason in ``summary`` and by row in ``cannot.jsonl.gz`` next to the plan: deleted rows, mails,
    refunds, archived orders, codes. An undo can be undone.

    XCom has ``manifest`` (the URI of the plan), ``digest``, ``rows``, ``counts``, ``cannot`` by reason, and ``summary`` in Markdown.

    :param outcome: the result of the task that wrote (apply, stock, shipments), or the URI of its manifest. (templated)
    :param report_path: where the plan goes; where the outcomes stand if not given. (templated)
    :param quota_share: fraction of the store's quota that may be used; the connection's if not given.
    :param hand_back_after: if the store has sent nothing for this long, the task releases its worker slot, and starts again later.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "outcome": anything(),
        "report_path": optional(place("/data/reports")),
        "quota_share": optional(QUOTA_SHARE),
        "hand_back_after": optional(span(example="timedelta(minutes=5)")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    absent: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(PLANNED, "the outcomes say what is taken back"),
        **dict.fromkeys(SENDING, "this plans and sends nothing; give it to BigCommerceApplyOperator"),
    }
    custom_operator_name = "BigCommerce plan an undo"
    template_fields: Sequence[str] = ("outcome", "report_path", "bigcommerce_conn_id")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        outcome: Any,
        report_path: str | None = None,
        quota_share: float | None = None,
        hand_back_after: timedelta | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        refuse_absent(self, self.absent, kwargs)
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.outcome = outcome
        self.report_path = report_path
        self.quota_share = quota_share
        self.hand_back_after = hand_back_after
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        if outcome is None:
            raise InvalidQueryError("outcome=None cannot work. Accepted: apply.output, or the URI of the manifest of an applied plan.")
        self._working: StoppableReading | None = None

    @failing_without_package()
    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Make the plan.

        :param context: Airflow's; ``{}`` works too.
        :raises AirflowFailException: there is no such outcome, or it is another store's; its cause says which.
        :raises BigCommerceError: the place or the store could not be read.
        """
        check_rendered(self, self.argument_checks)
        with failing_for_good(context, self.log.info):
            uri = plan_uri(self.outcome, name="outcome")[0]
            hook = BigCommerceHook(self.bigcommerce_conn_id)
            self._working = StoppableReading()
            undoing = Undoing(
                outcome=uri,
                run=write_run(context, self.task_id, uri),
                store_hash=hook.credentials().store_hash,
                report_path=None if self.report_path is None else str(self.report_path),
            )
            told = undoing.execute(drive(hook, self._working, store_settings(self, context)))
        self.log.info("Planned to take %s rows back. %s", f"{told['rows']:,}", told["manifest"])
        return told

    def on_kill(self) -> None:
        """Stop asking the store; nothing was changed."""
        if self._working is not None:
            self._working.stop()
