"""What the operators have in common that send the rows of files or of a query: input, report, and how a task ends.

Decides what is read and where the report goes; what is sent is the operators' own.
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.compat import is_task, record_metrics, try_number
from airflow_provider_bigcommerce.core.arguments import (
    Checks,
    check_arguments,
    check_rendered,
    integer,
    is_pending,
    mapping,
    one_of,
    optional,
    span,
    text,
)
from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.writing.outcomes import ON_REJECTED, OnRejected
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.stoppable import QUOTA_SHARE, StoppableReading
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, LongWaitError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.writes import failing_for_good
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.claims import Lease
from airflow_provider_bigcommerce.writing.folder import begin_attempt
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlannedOperation, PlanRow
from airflow_provider_bigcommerce.writing.guards import Guards
from airflow_provider_bigcommerce.writing.holding import while_held
from airflow_provider_bigcommerce.writing.input_arguments import input_of, refuse_absent, store_settings
from airflow_provider_bigcommerce.writing.input_columns import OURS, Columns, InputRow, Rows, checked_mapping
from airflow_provider_bigcommerce.writing.input_files import FILE_FORMATS, Kind
from airflow_provider_bigcommerce.writing.reporting import Report, write_report
from airflow_provider_bigcommerce.writing.results import call_of
from airflow_provider_bigcommerce.writing.sent_notes import Notes, RunNotes
from airflow_provider_bigcommerce.writing.spool import Spool
from airflow_provider_bigcommerce.writing.undoing import UndoRow, undo_row

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore


class BigCommerceRowsOperator(BaseOperator):
    """The rows of files or of a query, sent to the store one task at a time; the base of stock, shipments and refunds.

    Each row has one outcome, in ``outcomes.jsonl.gz`` below ``report_path``. Rows of which the store has certainly taken nothing are in
    ``rejected.jsonl.gz``, with the reason: repaired, that file is the next input. XCom has the manifest's URI, counts and a summary in
    Markdown, and no value of a row.

    :param path: files of rows: ``/data/in/stock-*.csv``; Parquet, JSON lines or CSV. (templated)
    :param file_format: ``parquet``, ``jsonl`` or ``csv``, for files whose names do not end so.
    :param conn_id: connection id of the database that ``sql`` is sent to. (templated)
    :param sql: a query, in the place of ``path``; its columns are the rows' columns. (templated)
    :param mapping: column of the input -> column of the operator, where they are named otherwise; other columns are ignored.
        (templated)
    :param report_path: directory or URL of all reports. What a run has sent is noted there, so all tries of a task must see the same
        place. (templated)
    :param on_rejected: ``fail``: send all other rows, then fail; ``stop``: send nothing more once a row is rejected, then fail; ``warn``:
        send all other rows, and succeed. Unknown rows always fail the task.
    :param max_changes: rows (of shipments: parcels) that may be sent; more of them fail the task before anything is sent.
    :param quota_share: fraction of the store's quota that the task may use; the connection's if not given.
    :param hand_back_after: if the store has sent nothing for this long, the task releases its worker slot, resumes when the store
        may answer, and continues; what it has sent is not sent again. None to keep waiting.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    #: Catalog name of what is written, columns that an input must have, whether rows take back what was done.
    resource: ClassVar[str]
    needed: ClassVar[Sequence[str]]
    can_be_taken_back: ClassVar[bool] = False
    #: Arguments of other operators that write, and why this one has them not.
    absent: ClassVar[Mapping[str, str]] = {
        "resource": "it writes one resource alone",
        "operation": "it does one thing alone",
        "match_on": "the columns of a row say by what it is found",
        "lookup": "the columns of a row say by what it is found",
        "nulls": "a null is as if the column were missing, and no field can be cleared",
        "on_conflict": "there is no plan that the store could have moved away from: it is asked just before each row is sent",
    }
    argument_checks: ClassVar[Checks] = {
        "path": optional(place("/data/in/stock-*.csv")),
        "file_format": optional(one_of(FILE_FORMATS)),
        "conn_id": optional(text("warehouse")),
        "sql": optional(text("SELECT sku, location_id, quantity FROM stock")),
        "mapping": optional(mapping("{'item': 'sku'}")),
        "report_path": place("/data/reports"),
        "on_rejected": one_of(ON_REJECTED),
        "max_changes": optional(integer(0)),
        "quota_share": optional(QUOTA_SHARE),
        "hand_back_after": optional(span(example="timedelta(minutes=5)")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    template_fields: Sequence[str] = ("path", "conn_id", "sql", "mapping", "report_path", "bigcommerce_conn_id")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql", "mapping": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        path: str | None = None,
        file_format: Kind | None = None,
        conn_id: str | None = None,
        sql: str | None = None,
        mapping: Mapping[str, str] | None = None,
        report_path: str,
        on_rejected: OnRejected = "fail",
        max_changes: int | None = None,
        quota_share: float | None = None,
        hand_back_after: timedelta | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        refuse_absent(self, self.absent, kwargs)
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.path = path
        self.file_format = file_format
        self.conn_id = conn_id
        self.sql = sql
        self.mapping = mapping
        self.report_path = report_path
        self.on_rejected = on_rejected
        self.max_changes = max_changes
        self.quota_share = quota_share
        self.hand_back_after = hand_back_after
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, {name: self.argument_checks[name] for name in BigCommerceRowsOperator.argument_checks})
        if (path is None) == (sql is None) or (sql is None) != (conn_id is None):
            raise InvalidQueryError(
                "The input is given by path, or by conn_id and sql together. Accepted: path='/data/in/stock-*.csv', or "
                "conn_id='warehouse', sql='SELECT ...'."
            )
        if not is_pending(mapping):
            checked_mapping(mapping)
        self._sending = StoppableReading()

    @failing_without_package()
    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Send the rows, and return counts and the manifest's URI.

        :param context: Airflow's; ``{}`` works too, and is a run of its own each time.
        :raises AirflowFailException: rows are unknown, or were rejected, or no retry cures what ended the run.
        :raises BigCommerceError: the run ended before all rows were sent. A retry continues: it sends nothing twice.
        """
        check_rendered(self, self.argument_checks)
        started_at = datetime.now(UTC)
        with failing_for_good(context, self.log.info):
            report, error = self._sent(context, started_at)
            told = report.as_xcom()
            counts = ", ".join(f"{count:,} {kind}" for kind, count in report.manifest.counts.items()) or "the input has no rows"
            self.log.info("%s: %s. %s", self.resource, counts, report.uri)
            record_metrics("bigcommerce.write", dict(report.manifest.counts), {"resource": self.resource})
            failure = report.failure(self.on_rejected)
            if (error or failure) and is_task(context):
                context["ti"].xcom_push(key="return_value", value=told)  # so that what follows a failure finds the report
            if error is not None:
                raise error
        if failure is not None:
            raise AirflowFailException(failure)
        return told

    def _sent(self, context: Mapping[str, Any], started_at: datetime) -> tuple[Report, BigCommerceError | None]:
        """Send what is to be sent, and leave the report; why not all was sent."""
        source = input_of(self.path, self.conn_id, self.sql, self.file_format)
        with Spool(source.rows) as spool:
            rows = self._rows(spool)
            hook, destination = BigCommerceHook(self.bigcommerce_conn_id), Destination.at(str(self.report_path))
            store_hash = hook.credentials().store_hash
            key = _run_key(context, self.task_id, started_at)
            lease = Lease(destination, store_hash, self.resource, key)
            lease.take()
            try:
                folder = begin_attempt(destination, self.resource, key, "write", number=try_number(context))
                notes = RunNotes(destination, self.resource, key)

                async def send() -> tuple[Iterable[Ended], BigCommerceError | None]:
                    async with hook.astore(**store_settings(self, context)) as store:
                        return await while_held(lease, self.send(store, rows, notes))

                ended, error = self._sending.run(send) if spool.rows else ((), None)
            finally:
                lease.release()
            if isinstance(error, LongWaitError) and is_task(context):
                raise error  # no end: the task comes again, and leaves its report then
            report = write_report(
                folder, ((_faulty(one, row), row.own) for one, row in zip(ended, rows, strict=True)),
                resource=self.resource, store_hash=store_hash, operation=self.operation, started_at=started_at,
                settings={**self.settings(), "source": source.source()}, undo=self.undo, can_be_taken_back=self.can_be_taken_back,
            )  # fmt: skip
        return report, error

    def on_kill(self) -> None:
        """Send nothing more. What was under way is settled by the next try."""
        self._sending.stop()

    @property
    @abstractmethod
    def operation(self) -> PlannedOperation:
        """What is done with all rows, for the manifest."""

    @abstractmethod
    async def send(
        self, store: BigCommerceStore, rows: Iterable[Mapping[str, Any]], notes: Notes
    ) -> tuple[Iterable[Ended], BigCommerceError | None]:
        """What became of each row, in order, and why not all were sent.

        :param rows: can be read more than once.
        """

    def undo(self, ended: Ended, outcome: OutcomeRow) -> UndoRow | None:
        """How a row is taken back, or why nothing does; None for one of which the store took nothing."""
        own = dict(ended.back or {})
        row = PlanRow(row=outcome.row, key=outcome.key, id=outcome.id, operation="create", fields=list(own), old=None, new=own, body=own)
        write = call_of(resource_of(self.resource), row)
        if outcome.outcome == "created" and ended.back is None and "moves_money" not in write.effects:
            return None  # another row's
        return undo_row(resource_of(self.resource), write, row, outcome)

    def guards(self) -> Guards:
        """Limits on what is sent."""
        return Guards(max_changes=self.max_changes, where=None)

    def settings(self) -> dict[str, Any]:
        """The arguments that decide what is sent, for the manifest."""
        mapping = dict(self.mapping) if self.mapping is not None else None
        return {"on_rejected": self.on_rejected, "mapping": mapping, "max_changes": self.max_changes}

    def _rows(self, spool: Spool) -> Rows:
        """The input's rows, which can be read again and again.

        :raises InvalidQueryError: it lacks a column that each row must have.
        :raises DestinationError: it cannot be read.
        """
        columns = Columns(checked_mapping(self.mapping), "skip", False, {})
        names = {name for own in spool for name in own}
        if spool.rows:
            columns.check(names.difference(OURS), self.needed)
        return columns.rows(spool)


def _faulty(ended: Ended, row: InputRow) -> Ended:
    """A row whose value could not be taken says so, and not what was missing then."""
    if row.fault is None or ended.outcome.outcome != "rejected":
        return ended
    return Refusal(row.fault[0], (row.fault[1],)).of(ended.outcome.row, ended.outcome.key)


def _run_key(context: Mapping[str, Any], task_id: str, now: datetime) -> str:
    if not is_task(context):
        return run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", task_id)
    ti = context["ti"]
    return run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
