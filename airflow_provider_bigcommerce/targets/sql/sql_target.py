"""A table of a database as a target: rows go into staging tables that are the try's own, then one transaction merges them and writes
the run's row of ``_bigcommerce_syncs``, where the watermark is; the table is made or widened in that transaction, or before it where
that commits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.clocks import Heard
from airflow_provider_bigcommerce.core.windows import written
from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.deletes import Deletions
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.spans import Span
from airflow_provider_bigcommerce.engine.target import Run, Standing, Target
from airflow_provider_bigcommerce.engine.telling import Learnt, table_at
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.row_keys import SeenKeys
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import Layout
from airflow_provider_bigcommerce.targets.sql.loading import OneThread, StagingWriter, TableKeys
from airflow_provider_bigcommerce.targets.sql.opening import hook_of, open_database
from airflow_provider_bigcommerce.targets.sql.syncs import Past, Syncs
from airflow_provider_bigcommerce.targets.sql.tables import Tables

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    """The connection, and what is in it that this run is about; for its thread alone."""

    database: Database
    tables: Tables
    syncs: Syncs

    def begin(self, lock: str) -> Past:
        """Begin the transaction of a run, and see what another run may have done since this one began: with another store, too."""
        self.database.begin(lock)
        past = self.syncs.past()
        if past.is_known and not self.tables.exists():
            self.syncs.forget()
        self.tables.check(is_ours=past.is_known)
        return past


class SqlTarget(Target):
    """A table, by way of an Airflow connection.

    :param conn_id: of the database.
    :param schema: schema of the table; None for the connection's own.
    :param layout: of the table.
    :param run: the try.
    :param deletes: ``ignore``, ``detect`` or ``delete``.
    :param learnt: is told the place.
    """

    def __init__(self, conn_id: str, schema: str | None, layout: Layout, run: Run, *, deletes: str, learnt: Learnt) -> None:
        self._conn_id, self._schema, self._layout, self._run = conn_id, schema, layout, run
        self._deletes, self._learnt = deletes, learnt
        #: Rows whose ids are known are a request or two, often: the answer itself tells the time, and none is sent to ask for it.
        self.needs_time = run.selection.ids is None
        self._thread = OneThread()
        self._database: Database | None = None
        self._place: _Place | None = None

    @property
    def title(self) -> str:
        """The table's name, with its schema."""
        return self._layout.main.name if self._place is None else self._place.tables.name

    def open(self) -> Standing:
        """Connect, and see what earlier runs left.

        :raises InvalidQueryError: the table is not one to continue with.
        """
        self._place = self._thread.run(self._connect)
        past = self._thread.run(self._past, self._place)
        run = self._run
        replaced = past.replaced if past is not None else None
        last = past.watermark if past is not None and run.selection.mode == "incremental" else None
        checkpoint = RunCheckpoint.of(run.context, None, run.selection.folder, run.key, run.selection.named)
        fixed = checkpoint.read()
        is_done = fixed is not None and replaced is not None and replaced.finished_at != fixed.replaces
        return Standing(last, replaced, checkpoint, fixed, replaced if is_done else None)

    def _connect(self) -> _Place:
        from airflow.sdk import BaseHook

        run = self._run
        connection = BaseHook.get_connection(self._conn_id)
        database = open_database(hook_of(connection), self._schema, run.key)
        self._database = database
        self._learnt.place = table_at(connection, database.schema, self._layout.main.name)
        selection = run.selection
        syncs = Syncs(
            database, self._layout, store_hash=run.store_hash, filters=selection.filters, run=run.key, begins=selection.initial_since
        )
        return _Place(database, Tables(database, self._layout), syncs)

    @staticmethod
    def _past(place: _Place) -> Past | None:
        """What earlier runs left, or None where the table is not there; the tables are checked."""
        place.syncs.create()
        past = place.syncs.past()
        exists = place.tables.exists()
        place.tables.check(is_ours=past.is_known)
        if past.is_known and not exists:
            log.warning(
                "The table %s is missing, though earlier runs filled it: it is created and filled from the beginning.", place.tables.name
            )
        return past if exists else None

    def begin(self, span: Span, fixed: Checkpoint, now: datetime | None) -> IntoTables:  # noqa: ARG002  # the protocol's
        """Make the staging tables."""
        if self._place is None or (now is None and self.needs_time):
            raise RuntimeError("The target is not open.")
        self._thread.run(self._place.tables.create_staging)
        return IntoTables(self._run, self._place, self._thread, self._layout, span, now, self._deletes)

    def cancel(self) -> None:
        """Stop whatever the database is doing; nothing is committed."""
        if self._database is not None:
            self._database.cancel()

    def close(self) -> None:
        """Close the connection; staging tables and an open transaction go with it."""
        database, self._database = self._database, None
        try:
            if database is not None:
                self._thread.run(database.close)
        finally:
            self._thread.close()


class IntoTables:
    """One try's way into the tables.

    :param run: the try.
    :param place: the connection.
    :param thread: in which it lives.
    :param layout: of the tables.
    :param span: the window, and what it follows.
    :param now: the store's time, which each row is marked with; None where the first answer tells it.
    :param deletes: ``ignore``, ``detect`` or ``delete``.
    """

    def __init__(self, run: Run, place: _Place, thread: OneThread, layout: Layout, span: Span, now: datetime | None, deletes: str) -> None:
        self._run, self._place, self._thread, self._layout = run, place, thread, layout
        self._span, self._now, self._deletes = span, now, deletes
        self.discrepancies = Discrepancies()
        self.before = None
        self.parts = None
        self._reader = self._block_reader()
        self.writer = StagingWriter(place.tables, self._reader, thread)

    def _block_reader(self, deleted_at: datetime | None = None) -> BlockReader:
        database = self._place.database
        return BlockReader(
            self._layout,
            self.discrepancies,
            synced_at=self._now,
            store_hash=self._run.store_hash,
            holds_any_text=database.holds_any_text,
            holds_any_json=database.holds_any_json,
            deleted_at=deleted_at,
        )

    def listen(self, heard: Heard) -> None:
        """The time is known already, or asked for with the first rows."""

    async def have_heard(self, store: BigCommerceStore) -> None:
        """Mark the rows with the store's time of the first answer, where it was not asked for before; asked for now if that is in doubt."""
        if self._now is None:
            self._now = await store.began()
            self._reader.stamp(self._now)

    async def have_read(self, store: BigCommerceStore) -> str:
        """The time that the rows are marked with."""
        await self.have_heard(store)  # of rows that did not come
        return written(self._now) or ""

    def keys(self, seen: SeenKeys | None) -> TableKeys:
        """The table's keys, and the store's: those of the staged rows, or of a table of their own."""
        return TableKeys(self._place.tables.deletes, self._thread, knows_all=seen is not None)

    def mark(self, found: Deletions, copied: Copied) -> None:
        """Stage the keys of rows that the store no longer has, and the rows that it only archived."""
        if self._now is None:
            raise RuntimeError("Nothing was read yet.")
        self._thread.run(self._place.tables.deletes.stage_gone, found.gone, self._now)
        archived = StagingWriter(self._place.tables, self._block_reader(self._now), self._thread)
        archived.write(found.archived)
        archived.close()
        copied.deleted = len(found.archived)

    def commit(self, manifest: Manifest, copied: Copied, last_look: Callable[[], None]) -> Manifest:
        """Merge the staged rows and write the run's row, in one transaction."""
        return self._thread.run(self._commit, manifest, copied, last_look)

    def _commit(self, manifest: Manifest, copied: Copied, last_look: Callable[[], None]) -> Manifest:
        place, lock, is_compared = self._place, self._layout.main.name, self._run.selection.is_compared
        database, tables = place.database, place.tables
        past = place.begin(lock)
        if database.ddl_is_transactional:
            tables.prepare()
        else:  # what makes a table would commit: it is made before, and everything looked at again
            database.commit()
            tables.prepare()
            past = place.begin(lock)
        # Rows that a run finds unchanged keep their _synced_at, so that it does not tell which of two runs saw them last.
        is_late = is_compared and past.watermark is not None and past.watermark.moment > (self._span.watermark or past.watermark.moment)
        merged = tables.discard_staged() if is_late else tables.merge(keeps_unchanged=is_compared)
        if merged.overtaken:
            log.info("%s rows were left as a run that began later has read them.", f"{merged.overtaken:,}")
        archived, deleted = copied.deleted, 0  # archived rows are staged with the others
        if self._deletes != "ignore" and not is_late:
            deleted = archived + tables.deletes.apply(removes=self._deletes == "delete")
        done = msgspec.structs.replace(
            manifest,
            files=(),
            rows=merged.written - archived,
            duplicates_dropped=copied.repeated + merged.unchanged,
            deleted=deleted,
            sequence=place.syncs.next_sequence(),
        )
        place.syncs.write(done)
        last_look()
        database.commit()
        return done
