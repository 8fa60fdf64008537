"""Proof that a copy equals its store: the operator around ``transfers.reconciliation``.

Decides where the copy lies and what a difference does to the task; what is compared and how is decided elsewhere.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.compat import is_task, record_metrics
from airflow_provider_bigcommerce.core.arguments import (
    LONGEST,
    Checks,
    check_arguments,
    check_rendered,
    integer,
    is_pending,
    names,
    one_id,
    one_of,
    optional,
    text,
)
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import copied_resource, resource_of
from airflow_provider_bigcommerce.core.reconciling import ON_MISMATCH, Report, first_differences
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.proof import Reconciliation
from airflow_provider_bigcommerce.engine.selection import Selection, folder_of, select
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading
from airflow_provider_bigcommerce.engine.telling import STATUS_KEY, files_at, table_at
from airflow_provider_bigcommerce.exceptions import CopyMismatchError, InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_copy import FileCopy
from airflow_provider_bigcommerce.targets.lake.lake_copy import LakeCopy
from airflow_provider_bigcommerce.targets.sql.loading import OneThread
from airflow_provider_bigcommerce.targets.sql.opening import hook_of, open_database
from airflow_provider_bigcommerce.targets.sql.table_copy import TableCopy

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bigcommerce.core.catalog import Resource
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.core.reconciling import Key, OnMismatch
    from airflow_provider_bigcommerce.engine.stored_copy import StoredCopy

    _Copies = Callable[[], StoredCopy]

log = logging.getLogger(__name__)

#: Keys of one kind that the result in XCom holds; the file next to the manifests has all.
_MOST_KEYS = 100


class BigCommerceReconcileOperator(BaseOperator):
    """Compare a copy of a resource, in files, in a table or in a lake, with the store: counts, totals, and a sample of rows field by field.

    ::

        BigCommerceReconcileOperator(task_id="prove_orders", resource="orders", path="/data/bigcommerce", on_mismatch="repair")
        BigCommerceReconcileOperator(task_id="prove_orders", resource="orders", conn_id="warehouse")
        BigCommerceReconcileOperator(task_id="prove_orders", resource="orders", lake="s3://aws_default@bucket/shop")

    Rows that changed in the store since the copy was made are left out, and whatever seems to differ is read once more, so that a store
    which changes meanwhile raises no false alarm. The report has keys and names of fields, never values. See docs/how-to/prove-the-copy.md.

    :param resource: catalog name. (templated)
    :param path: the ``path`` of the task that copies it into files. (templated)
    :param conn_id: or the connection of the database with its table. (templated)
    :param lake: or the ``path`` of the task that keeps its table of a lakehouse. (templated)
    :param table: name of the table; the resource's if not given. (templated)
    :param schema: schema of the table; the connection's own if not given. (templated)
    :param sample: rows that are compared field by field; None for all. It decides most of what this costs in requests.
    :param seed: the same seed draws the same rows of the same copy; the DAG run's id if not given. (templated)
    :param days: so many of the last days are counted one by one. Earlier days are counted together, and in smaller parts where they differ.
    :param on_mismatch: ``fail`` the task, ``warn`` in the log, or ``repair``: read the rows that differ again and write them as a run of
        their own. Rows that the store no longer has are reported, not removed.
    :param fields: as in the task that copies it into files, if that was given them. (templated)
    :param exclude_fields: as in the task that copies it into files, if that was given them. (templated)
    :param ignore_fields: fields that are not compared, because they change without the change date, such as ``total_sold``. (templated)
    :param report_path: directory for the whole report, as ``<report_path>/<resource>/_reports/<run key>.json``. (templated)
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "path": optional(place("/data/bigcommerce")),
        "conn_id": optional(text("warehouse")),
        "lake": optional(place("/data/shop")),
        "table": optional(text("orders")),
        "schema": optional(text("public")),
        "sample": optional(integer(0)),
        "seed": optional(one_id(), may_vanish=True),
        "days": integer(0, LONGEST.days),
        "on_mismatch": one_of(ON_MISMATCH),
        "fields": optional(names("['id', 'email']")),
        "exclude_fields": optional(names("['billing_address.email']")),
        "ignore_fields": names("['total_sold']"),
        "report_path": optional(place("/data/reports")),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    custom_operator_name = "BigCommerce proof of a copy"
    template_fields: Sequence[str] = (
        "resource",
        "path",
        "conn_id",
        "lake",
        "table",
        "schema",
        "seed",
        "fields",
        "exclude_fields",
        "ignore_fields",
        "report_path",
        "bigcommerce_conn_id",
    )
    ui_color = "#e3f5e9"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        path: str | None = None,
        conn_id: str | None = None,
        lake: str | None = None,
        table: str | None = None,
        schema: str | None = None,
        sample: int | None = 200,
        seed: int | str | None = None,
        days: int = 31,
        on_mismatch: OnMismatch = "fail",
        fields: Sequence[str] | None = None,
        exclude_fields: Sequence[str] | None = None,
        ignore_fields: Sequence[str] = (),
        report_path: str | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.resource = resource
        self.path = path
        self.conn_id = conn_id
        self.lake = lake
        self.table = table
        self.schema = schema
        self.sample = sample
        self.seed = seed
        self.days = days
        self.on_mismatch = on_mismatch
        self.fields = fields
        self.exclude_fields = exclude_fields
        self.ignore_fields = ignore_fields
        self.report_path = report_path
        self.bigcommerce_conn_id = bigcommerce_conn_id
        if sum(where is not None for where in (path, conn_id, lake)) != 1:
            raise InvalidQueryError(
                "Say where the copy is: path for files, conn_id for a table, or lake for a lakehouse's; one of them, and not both."
            )
        check_arguments(self, self.argument_checks)
        if not is_pending(resource):
            _comparable(resource)
        self._reading: StoppableReading | None = None
        self._place = ""  # where the copy is, as lineage names it

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Compare, repair if asked to, and return the report.

        :param context: Airflow's; ``{}`` works too.
        :returns: the fields of :class:`~airflow_provider_bigcommerce.core.reconciling.Report`, with no more than 100 keys of a kind.
        :raises CopyMismatchError: copy and store differ, with ``on_mismatch="fail"``, or after a repair that did not help.
        :raises BigCommerceError: see ``airflow_provider_bigcommerce.exceptions``.
        """
        check_rendered(self, self.argument_checks)
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        run = _Run.of(context, self.task_id)
        reading = self._reading = StoppableReading()
        row = _comparable(self.resource)
        with self._opened(row, run) as copies:
            report = self._compared(copies, hook, reading, run).shown()
        self._tell(report)
        record_metrics(
            "bigcommerce.reconcile",
            {"differences": report.differences, "compared": report.compared, "repaired": report.repaired, "requests": report.requests},
            {"resource": report.resource},
        )
        if is_task(context):  # of a proof that fails, too
            told = {"resource": report.resource, "equal": report.equal, "differences": report.differences}
            where = {"kind": "proof", "conn_id": self.bigcommerce_conn_id, "destination": self._place}
            context["ti"].xcom_push(key=STATUS_KEY, value=where | told)
        if self.report_path is not None:
            self._write(report, run)
        self._act(report)
        return _short(report)

    def on_kill(self) -> None:
        """Stop reading; a repair that is not committed leaves nothing."""
        if self._reading is not None:
            self._reading.stop()

    # -- the copy -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self, row: Resource, run: _Run) -> Iterator[_Copies]:
        """The copy, in files opened again each time it is asked for: after a repair there is one run more."""
        if self.path is not None:
            destination = Destination.at(str(self.path))
            self._place = files_at(destination.full(folder_of(row))).uri
            with ExitStack() as opened:
                yield lambda: opened.enter_context(closing(FileCopy(destination, row, folder_of(row), columns_of(row))))
            return
        if self.lake is not None:
            lake = str(self.lake)
            self._place = files_at(Destination.at(lake).full(folder_of(row))).uri
            yield lambda: LakeCopy(lake, row, folder_of(row))
            return
        from airflow.sdk import BaseHook

        connection = BaseHook.get_connection(str(self.conn_id))
        sql_hook = hook_of(connection)
        thread = OneThread()
        try:
            database = thread.run(open_database, sql_hook, self.schema, run.key)
            try:
                self._place = table_at(connection, database.schema, self.table or row.name).uri
                copy = TableCopy(database, thread, row, self.table or row.name, columns_of(row))
                yield lambda: copy
            finally:
                thread.run(database.close)
        finally:
            thread.close()

    def _selection(self, copy: StoredCopy) -> Selection:
        """How rows are read so that they have the copy's shape: its includes and fields, none of its filters."""
        from datetime import timedelta

        query = copy.manifest.query
        fields, excluded = self.fields, self.exclude_fields
        if fields is None and excluded is None:
            fields, excluded = _names(query.get("include_fields")), _names(query.get("exclude_fields"))
        row = resource_of(self.resource)
        return select(
            resource=self.resource,
            mode="full",
            query=None,
            include=_names(query.get("include")) or [],
            since=None,
            until=None,
            initial_since=None,
            overlap=timedelta(0),
            fields=fields,
            exclude_fields=excluded,
            parent_ids=() if row.parent_columns else None,
        )

    # -- comparing ----------------------------------------------------------------------------------------------------

    def _reconciliation(self, copy: StoredCopy, run: _Run) -> Reconciliation:
        return Reconciliation(
            copy,
            self._selection(copy),
            sample=self.sample,
            seed=run.seed if self.seed is None else str(self.seed),
            days=self.days,
            ignored=self.ignore_fields,
            tell=log.info,
        )

    def _compared(self, copies: _Copies, hook: BigCommerceHook, reading: StoppableReading, run: _Run) -> Report:
        copy = copies()
        here = hook.credentials().store_hash
        if copy.manifest.store_hash != here:
            raise InvalidQueryError(
                f"The copy ({copy.title}) is of the store {copy.manifest.store_hash!r}, and the connection points to {here!r}: there is "
                "nothing to compare. Give the connection or the path of the same store."
            )
        reconciliation = self._reconciliation(copy, run)

        async def compare() -> Report:
            async with hook.astore() as store:
                report = await reconciliation.run(store)
                wrong = [_key(row.key) for row in report.changed] + [_key(key) for key in report.missing]
                if self.on_mismatch != "repair" or not wrong:
                    return report
                log.warning("Copy and store differ: %s. Repairing %d rows.", first_differences(report), len(wrong))
                reading.check()
                repaired = await reconciliation.repair(store, wrong, run.key, await store.now())
                after = await self._reconciliation(copies(), run).check(store, [*wrong, *map(_key, report.deleted)])
                left = [row for row in report.changed if _key(row.key) in after.changed]
                missing = [key for key in report.missing if _key(key) in after.missing]
                deleted = [key for key in report.deleted if _key(key) in after.deleted]
                return msgspec.structs.replace(
                    report,
                    equal=not (left or missing or deleted),
                    changed=left,
                    missing=missing,
                    deleted=deleted,
                    repaired=repaired,
                    requests=store.stats.requests,
                )

        return reading.run(compare)

    # -- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, report: Report) -> None:
        """The report as a table a person can read."""
        lines = [f"{'what':<16} {'which':<28} {'store':>14} {'copy':>14}"]
        lines += [f"{c.by:<16} {c.which:<28} {c.store:>14,} {c.copy:>14,}{'' if c.equal else '  differs'}" for c in report.counts]
        lines += [f"{'summary':<16} {t.name:<28} {t.store:>14} {t.copy:>14}{'' if t.equal else '  differs'}" for t in report.summary]
        if report.totals is not None:
            for name in ("lowest", "highest", "sum"):
                stored, copied = getattr(report.totals.store, name), getattr(report.totals.copy, name)
                mark = "" if stored == copied else "  differs"
                lines.append(f"{report.totals.field:<16} {name + ', compared rows':<28} {stored or '-':>14} {copied or '-':>14}{mark}")
        numbers = report.counts_checked + len(report.summary)
        log.info("%d numbers and %s rows were compared:\n%s", numbers, f"{report.compared:,}", "\n".join(lines))
        if report.newer:
            log.info("%s rows changed in the store since the copy was made; they are not compared.", f"{report.newer:,}")
        if report.passed:
            log.info("%s rows seemed to differ and did not at a second look.", f"{report.passed:,}")
        if report.repaired:
            log.info("%s rows were read again and written into the copy.", f"{report.repaired:,}")
        if report.equal:
            log.info("The copy of %s equals the store.", report.resource)

    def _write(self, report: Report, run: _Run) -> None:
        destination = Destination.at(str(self.report_path))
        name = f"{folder_of(resource_of(self.resource))}/_reports/{run.key}.json"
        destination.write(name, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        log.info("The whole report is in %s.", destination.full(name))

    def _act(self, report: Report) -> None:
        if report.equal:
            return
        what = f"The copy of {report.resource!r} and the store {report.store_hash!r} differ: {_sentence(report)}."
        if self.on_mismatch == "fail":
            raise CopyMismatchError(f"{what} on_mismatch='repair' reads rows that differ again. See {page('how-to/prove-the-copy.md')}.")
        if self.on_mismatch == "repair" and (report.changed or report.missing):
            raise CopyMismatchError(f"After the repair it is not equal yet. {what} Copy the resource again, with mode='full'.")
        log.warning("%s", what)


@dataclass(frozen=True, slots=True)
class _Run:
    """What names this run.

    :param key: of a repair and of the report; a new one for each try, since what one try repaired stays when the next repairs more.
    :param seed: of the sample, the same for all tries.
    """

    key: str
    seed: str

    @classmethod
    def of(cls, context: Mapping[str, Any], task_id: str) -> _Run:
        mark = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}"
        if not is_task(context):
            return cls(run_key("no_dag", mark, task_id), mark)
        ti = context["ti"]
        return cls(run_key(ti.dag_id, f"{ti.run_id}.{mark}", ti.task_id, ti.map_index), str(ti.run_id))


def _comparable(resource: str) -> Resource:
    """The catalog row, if its rows can be distinguished.

    :raises InvalidQueryError: they cannot.
    """
    row = copied_resource(resource)
    if not row.primary_key or row.kind == "singleton":
        raise InvalidQueryError(
            f"{row.name!r} has no key by which a row of the copy could be found in the store, so it cannot be reconciled."
        )
    return row


def _names(text: str | None) -> list[str] | None:
    return text.split(",") if text else None


def _key(key: Any) -> Key:
    found: Key = tuple(key) if isinstance(key, list) else key
    return found


def _sentence(report: Report) -> str:
    if report.differences:
        return f"{report.differences:,} rows. {first_differences(report)}"
    parts = [f"{c.store:,} rows in the store and {c.copy:,} in the copy for {c.by} {c.which}" for c in report.counts if not c.equal]
    return "; ".join([*parts, *(f"{t.name} is {t.store} in the store and {t.copy} in the copy" for t in report.summary if not t.equal)])


def _short(report: Report) -> dict[str, Any]:
    """The report for XCom."""
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
    for name in ("changed", "missing", "deleted"):
        content[name] = content[name][:_MOST_KEYS]
    return {**content, "differences": report.differences}
