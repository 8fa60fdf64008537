"""The transfer from a BigCommerce resource to a table of a database.

Decides in which order a run does things, so that a reader of the table sees all of a run or nothing of it: rows into staging
tables that are the run's own, then one transaction that merges them and writes the run's row of ``_bigcommerce_syncs``, where the
watermark is; the table is made or widened in that transaction, or before it where that commits. Rows go from the store to the
database; XCom gets the manifest.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow_provider_bigcommerce import __version__
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.compat import is_task
from airflow_provider_bigcommerce.core.arguments import Checks, check_arguments, one_of, optional, text
from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.copying import Copied, Copy, checked, columns_of, drift_of, require_whole, settled
from airflow_provider_bigcommerce.engine.deletes import find_deleted
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow, run_key
from airflow_provider_bigcommerce.engine.progress import Progress
from airflow_provider_bigcommerce.engine.selection import Selection, Span, fixed_span, span_until, tell_nothing, tell_window
from airflow_provider_bigcommerce.engine.stoppable import StoppableReading, store_settings
from airflow_provider_bigcommerce.engine.telling import table_at
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.links import BigCommerceControlPanelLink, control_panel_url
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.state import RunCheckpoint
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.database import Database, open_database
from airflow_provider_bigcommerce.targets.sql.layout import NESTED, Layout, layout_of
from airflow_provider_bigcommerce.targets.sql.loading import OneThread, StagingWriter, TableKeys
from airflow_provider_bigcommerce.targets.sql.syncs import Past, Syncs
from airflow_provider_bigcommerce.targets.sql.tables import Merged, Target
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator


@dataclass(frozen=True, slots=True)
class _Run:
    """What one try of a run works on."""

    selection: Selection
    layout: Layout
    store_hash: str
    started_at: datetime
    checkpoint: RunCheckpoint
    progress: Progress
    reading: StoppableReading
    hook: BigCommerceHook
    thread: OneThread


@dataclass(frozen=True, slots=True)
class _Place:
    """The connection, and what is in it that this run is about; for its thread alone."""

    database: Database
    target: Target
    syncs: Syncs


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
    :param nested: ``json``: lists and objects stand in JSON columns as they came; ``tables``: objects become columns
        (``billing_address__city``) and lists child tables (``orders__line_items``).
    """

    accepted_deletes: Sequence[str] = ("ignore", "detect", "delete")
    _own_checks: ClassVar[Checks] = {
        "conn_id": text("warehouse"),
        "table": optional(text("orders")),
        "schema": optional(text("public")),
        "nested": one_of(NESTED),
    }
    argument_checks: ClassVar[Checks] = {**BigCommerceTransferOperator.argument_checks, **_own_checks, "deletes": one_of(accepted_deletes)}
    template_fields: Sequence[str] = (*BigCommerceTransferOperator.template_fields, "conn_id", "table", "schema")

    def __init__(
        self,
        *,
        conn_id: str,
        table: str | None = None,
        schema: str | None = None,
        nested: str = "json",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.table = table
        self.schema = schema
        self.nested = nested
        check_arguments(self, self._own_checks)
        self._reading: StoppableReading | None = None
        self._database: Database | None = None

    def transfer(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Copy, commit, and return the manifest, with ``table`` in place of files."""
        selection = self.selection(context)
        row = selection.resource
        layout = layout_of(columns_of(row), self.table or selection.folder, self.nested, row.primary_key, is_hashed=row.modified is None)
        hook = BigCommerceHook(self.bigcommerce_conn_id)
        store_hash = self.learnt.store_hash = hook.credentials().store_hash
        now = datetime.now(UTC)
        if is_task(context):
            ti = context["ti"]
            key = run_key(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
            link = control_panel_url(store_hash, row.name, row.area)
            ti.xcom_push(key=BigCommerceControlPanelLink.key, value=link)
        else:
            key = run_key("no_dag", f"{now:%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}", self.task_id)
        self._reading = StoppableReading()
        thread = OneThread()
        checkpoint = RunCheckpoint.of(context, None, selection.folder, key)
        run = _Run(selection, layout, store_hash, now, checkpoint, Progress(row.name), self._reading, hook, thread)
        try:
            place = thread.run(self._open, run, key)
            try:
                return self._result(place, self._load(run, place))
            except BaseException as error:
                if not isinstance(error, Exception):  # a task's time-out: the database may be busy with what nobody waits for any more
                    place.database.cancel()
                raise
            finally:
                self._database = None
                thread.run(place.database.close)
        finally:
            thread.close()

    def on_kill(self) -> None:
        """Stop reading and whatever the database is doing; nothing is committed."""
        if self._reading is not None:
            self._reading.stop()
        if self._database is not None:
            self._database.cancel()

    # -- before -------------------------------------------------------------------------------------------------------

    def _open(self, run: _Run, key: str) -> _Place:
        """Connect, and refuse what can be refused before a request is sent."""
        from airflow.sdk import BaseHook

        connection = BaseHook.get_connection(self.conn_id)
        database = open_database(connection.get_hook(), self.schema, key)  # type: ignore[no-untyped-call]  # Airflow's
        self._database = database
        self.learnt.place = table_at(connection, database.schema, run.layout.main.name)
        try:
            selection = run.selection
            syncs = Syncs(
                database, run.layout, store_hash=run.store_hash, filters=selection.filters, run=key, begins=selection.initial_since
            )
            return _Place(database, Target(database, run.layout), syncs)
        except BaseException:
            database.close()
            raise

    def _begin(self, place: _Place) -> Past | None:
        """What earlier runs left, or None where the table is not there; the tables are checked.

        :raises InvalidQueryError: the table is not one to go on with.
        """
        place.syncs.create()
        past = place.syncs.past()
        exists = place.target.exists()
        place.target.check(is_ours=past.is_known)
        if past.is_known and not exists:
            self.log.warning(
                "The table %s is not there, though earlier runs filled it: it is made anew and read from the beginning.", place.target.name
            )
        return past if exists else None

    # -- reading ------------------------------------------------------------------------------------------------------

    def _load(self, run: _Run, place: _Place) -> Manifest:
        past = run.thread.run(self._begin, place)
        replaced = past.replaced if past is not None else None
        last = past.watermark if past is not None and run.selection.mode == "incremental" else None
        self.learnt.watermark = last.moment if last is not None else None
        fixed = run.checkpoint.read()
        if fixed is not None and replaced is not None and replaced.finished_at != fixed.replaces:
            self.log.info("An earlier try of this run had committed %s rows; nothing is left to do.", replaced.rows)
            run.checkpoint.delete()
            return replaced
        now = run.reading.store_time(run.hook, last.moment if last is not None else None)
        span = fixed_span(run.selection, fixed, replaced, last) or span_until(run.selection, now, replaced, last)
        if fixed is None:
            run.checkpoint.write(span.checkpoint(replaced))
        manifest = self._copy(run, place, span, now)
        run.checkpoint.delete()
        return manifest

    def _copy(self, run: _Run, place: _Place, span: Span, synced_at: datetime) -> Manifest:
        selection, row = run.selection, run.selection.resource
        run.thread.run(place.target.create_staging)
        discrepancies = Discrepancies()

        def writer(deleted_at: datetime | None = None) -> StagingWriter:
            reader = BlockReader(
                run.layout,
                discrepancies,
                synced_at=synced_at,
                store_hash=run.store_hash,
                holds_any_text=place.database.holds_any_text,
                holds_any_json=place.database.holds_any_json,
                deleted_at=deleted_at,
            )
            return StagingWriter(place.target, reader, run.thread)

        copy = Copy(
            selection,
            span.window,
            writer(),
            before=None,
            progress=run.progress,
            tell=self.log.info,
        )
        window = span.window.as_json()
        self.log.info(
            "Copying %s of store %s%s into %s",
            row.name,
            run.store_hash,
            tell_window(selection, span.window),
            place.target.name,
        )

        settings = store_settings(selection.mode, self.quota_share, run.hook)

        async def read() -> Copied:
            async with run.hook.astore(**settings) as store:
                self.learnt.stats = store.stats
                copied = await copy.run(store)
                if self.deletes != "ignore":
                    await self._find_deleted(run, place, store, copy, copied, writer(synced_at), synced_at)
                return copy.sum_up(store)

        copied = run.reading.run(read)
        if selection.mode == "backfill" and not copied.rows:
            tell_nothing(selection, span.window)
        checks = checked(copied)
        watermark = settled(span.watermark, checks, accept_incomplete=self.accept_incomplete)

        archived = copied.deleted  # staged with the others

        def manifest(merged: Merged, deleted: int) -> Manifest:
            return Manifest(
                resource=row.name,
                store_hash=run.store_hash,
                mode=selection.mode,
                query=copied.query,
                window=ManifestWindow(since=window["since"], until=window["until"]),
                watermark=written(watermark),
                files=(),
                rows=merged.written - archived,
                duplicates_dropped=copied.repeated + merged.unchanged,
                deleted=deleted,
                drift=drift_of(discrepancies),
                rounded=discrepancies.rounded_values,
                requests=copied.requests,
                throttled=copied.throttled,
                seconds=copied.seconds,
                started_at=run.started_at.isoformat(timespec="milliseconds"),
                finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                provider_version=__version__,
                complete=all(check.agrees for check in checks),
                checked=checks,
                read_at=written(synced_at),
                sequence=place.syncs.next_sequence(),
            )

        def commit() -> Manifest:
            target, syncs = place.target, place.syncs
            past = self._begin_commit(place, run.layout.main.name)
            if place.database.ddl_is_transactional:
                target.prepare()
            else:  # what makes a table would commit: it is made before, and everything looked at again
                place.database.commit()
                target.prepare()
                past = self._begin_commit(place, run.layout.main.name)
            # Rows that a run finds unchanged keep their _synced_at, so that it does not tell which of two runs saw them last.
            is_late = (
                selection.is_compared and past.watermark is not None and past.watermark.moment > (span.watermark or past.watermark.moment)
            )
            merged = target.discard_staged() if is_late else target.merge(keeps_unchanged=selection.is_compared)
            if merged.overtaken:
                self.log.info("%s rows were left as a run that began later has read them.", f"{merged.overtaken:,}")
            deleted = 0
            if self.deletes != "ignore" and not is_late:
                deleted = archived + target.deletes.apply(removes=self.deletes == "delete")
            done = manifest(merged, deleted)
            syncs.write(done)
            run.reading.check()
            place.database.commit()
            return done

        return run.thread.run(commit)

    @staticmethod
    def _begin_commit(place: _Place, lock: str) -> Past:
        """Begin the transaction of a run, and see what another run may have done since this one began: with another store, too."""
        place.database.begin(lock)
        past = place.syncs.past()
        if past.is_known and not place.target.exists():
            place.syncs.forget()
        place.target.check(is_ours=past.is_known)
        return past

    async def _find_deleted(
        self, run: _Run, place: _Place, store: BigCommerceStore, copy: Copy, copied: Copied, writer: StagingWriter, at: datetime
    ) -> None:
        """Stage the keys of rows that the store has no more, and the rows that it only archived."""
        knows_all = copy.seen is not None
        if knows_all:
            require_whole(copied)  # a list that lacks rows must not delete them
        deletes = place.target.deletes
        keys = TableKeys(deletes, run.thread, knows_all=knows_all)
        found = await find_deleted(
            store, run.selection, keys, knows_all=knows_all, most_percent=self.max_deleted_percent, completed=copy.completed
        )
        run.thread.run(deletes.stage_gone, found.gone, at)
        writer.write(found.archived)
        writer.close()
        copied.deleted = len(found.archived)

    # -- after --------------------------------------------------------------------------------------------------------

    def _result(self, place: _Place, manifest: Manifest) -> dict[str, Any]:
        self.tell_copied(manifest, f"the table {place.target.name}")
        content = manifest.as_json()
        del content["files"]
        return {**content, "table": place.target.name}
