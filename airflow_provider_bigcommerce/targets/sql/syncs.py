"""The table ``_bigcommerce_syncs``: one row a committed run, written in the transaction that wrote the run's rows.

It is the truth about how far a table was filled and from which store; Airflow's state is not asked. A run asks it by indexes alone, so
that a run after years costs what the second one did, and deletes rows that nobody asks for any more.
"""

# ruff: noqa: S608  # statements are put together from quoted identifiers; every value is a parameter

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.windows import moment, written
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.state import Watermark
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import Column, Layout, Table

SYNCS = Table(
    "_bigcommerce_syncs",
    (
        Column("table_name", "text", 63),
        Column("run_key", "text", 255),
        Column("resource", "text", 63),
        Column("store_hash", "text", 63),
        Column("filters", "text", 2000),
        Column("nested", "text", 63),
        Column("mode", "text", 63),
        Column("window_since", "time"),
        Column("window_until", "time"),
        Column("watermark", "time"),
        Column("row_count", "int"),
        Column("finished_at", "time"),
        Column("filters_hash", "text", 32),
        Column("sequence", "int"),
        Column("read_at", "time"),
        Column("manifest", "extra"),
    ),
    ("table_name", "run_key"),
)

#: Columns that tables of earlier versions lack; null in rows that such a version wrote.
_ADDED = frozenset({"filters_hash", "sequence", "read_at"})

#: What a run asks for, each by its end of an index. By the hash and not the text of the filters: a long text fits into no index.
_INDEXES: Mapping[str, Sequence[str]] = {
    "_bigcommerce_syncs_watermark": ("table_name", "filters_hash", "watermark"),
    "_bigcommerce_syncs_full": ("table_name", "filters_hash", "window_since", "watermark"),
    "_bigcommerce_syncs_sequence": ("table_name", "sequence"),
    "_bigcommerce_syncs_read": ("table_name", "read_at"),
    "_bigcommerce_syncs_age": ("table_name", "filters_hash", "read_at"),
    "_bigcommerce_syncs_mode": ("table_name", "filters_hash", "mode", "finished_at"),
}

#: How long the rows of runs are kept that nothing asks for: a year, and a month to look back at it.
_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs left in the table of syncs.

    :param is_known: whether any run has filled the table.
    :param watermark: how far runs with the same filters have come.
    :param replaced: the manifest of this very run, if it was committed before.
    """

    is_known: bool
    watermark: Watermark | None
    replaced: Manifest | None


class Syncs:
    """The rows of ``_bigcommerce_syncs`` that belong to one table.

    :param database: where it is.
    :param layout: of the table.
    :param store_hash: the store that the connection points to.
    :param filters: the part of the query that decides which rows there are.
    :param run: run key.
    :param begins: where the first run began, and with it each full read; None for the store's beginning.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        *,
        store_hash: str,
        filters: Mapping[str, str],
        run: str,
        begins: datetime | None = None,
    ) -> None:
        self._database = database
        self._layout = layout
        self._store_hash = store_hash
        self._filters = json.dumps(dict(filters), sort_keys=True)
        self._filters_hash = filters_hash(self._filters)
        self._run = run
        self._begins = written(begins)
        self._name = database.qualified(SYNCS.name)

    def create(self) -> None:
        """Make the table of syncs where the schema has none, and give the columns and indexes to one that lacks them.

        :raises InvalidQueryError: a table of that name is not ours.
        :raises DestinationError: the table is of an earlier version, and the connection may not add columns to it.
        """
        database = self._database
        found = database.columns_of(SYNCS.name)
        missing = [column.name for column in SYNCS.columns if column.name not in found]
        if found and not _ADDED.issuperset(missing):
            raise InvalidQueryError(
                f"The table {self._name} lacks the columns {', '.join(missing)}, so it was not made by this provider. "
                "Rename it, or give another schema."
            )
        if missing:
            # A table or column that somebody else makes in between is found within the lock.
            database.begin(SYNCS.name)
            found = database.columns_of(SYNCS.name)
            if not found:
                database.create_table(SYNCS)
            else:
                for column in SYNCS.columns:
                    if column.name not in found:
                        database.add_column(SYNCS, column)
            database.commit()
        database.ensure_indexes(SYNCS, _INDEXES)
        self._complete()

    def _complete(self) -> None:
        """Fill the columns that an earlier version of this package has left empty, whenever it ran."""
        database, table = self._database, self._table
        lacking = f"FROM {self._name} WHERE table_name = ? AND filters_hash IS NULL"
        [(count,)] = database.rows(f"SELECT count(*) {lacking}", (table,))
        if not count:
            return
        database.begin(SYNCS.name)
        # That version counted the rows, so that no sequence of its own is greater than their count and one.
        [(count,)] = database.rows(f"SELECT count(*) FROM {self._name} WHERE table_name = ?", (table,))
        sequence = max(int(count), self._last_sequence(table)) + 1
        for (filters,) in database.rows(f"SELECT DISTINCT filters {lacking}", (table,)):
            database.execute(
                f"UPDATE {self._name} SET filters_hash = ?, {database.quote('sequence')} = ? "
                "WHERE table_name = ? AND filters = ? AND filters_hash IS NULL",
                (filters_hash(str(filters)), sequence, table, filters),
            )
        database.commit()

    @property
    def _table(self) -> str:
        """The table's name as its rows have it; asked each time, since another run may make it meanwhile."""
        return self._database.spelling_of(self._layout.main.name)

    def past(self) -> Past:
        """What earlier runs left.

        :raises InvalidQueryError: the table was filled from another store, with another resource, or with nested values kept otherwise;
            or what is said of it cannot be read.
        """
        table, database = self._table, self._database
        # One row speaks for all: a run that does not agree with those before it is refused, within the lock, before it writes its own.
        [(first,)] = database.rows(f"SELECT min(run_key) FROM {self._name} WHERE table_name = ?", (table,))
        if first is None:
            return Past(is_known=False, watermark=None, replaced=None)
        reserved = database.quote("resource")  # a reserved word of Oracle
        for name, resource, store_hash, nested in database.rows(
            f"SELECT table_name, {reserved}, store_hash, nested FROM {self._name} WHERE table_name = ? AND run_key = ?", (table, first)
        ):
            self._refuse(table, str(name), str(resource), str(store_hash), str(nested))
        last = self._newest(table)
        watermark = None
        if last:
            run, until, finished_at = last
            full = self._newest(table, *self._is_full())
            try:
                watermark = Watermark(
                    store_hash=self._store_hash,
                    watermark=moment_text(until),
                    run=str(run),
                    set_at=moment_text(finished_at),
                    full_at=moment_text(full[1]) if full else "",
                )
            except InvalidQueryError as error:
                remedy = f"Set the watermark of run {run!r} right, or delete the run's row"
                raise self._damaged(f"watermark of {table!r}", error, remedy) from error
        own = database.rows(f"SELECT manifest FROM {self._name} WHERE table_name = ? AND run_key = ?", (table, self._run))
        replaced = None
        if own:
            try:
                replaced = manifest_of(own[0][0])
            except ValueError as error:
                remedy = "Delete the run's row, and its window is read again"
                raise self._damaged(f"manifest of run {self._run!r}", error, remedy) from error
        return Past(is_known=True, watermark=watermark, replaced=replaced)

    def _is_full(self) -> tuple[str, tuple[Any, ...]]:
        """The condition of a window that held everything, and its parameters."""
        return ("window_since IS NULL", ()) if self._begins is None else ("window_since = ?", (self._database.moment(self._begins),))

    def _newest(self, table: str, where: str = "", values: Sequence[Any] = (), *, by: str = "watermark") -> tuple[Any, ...] | None:
        """Of the rows of this run's filters, the one with the greatest ``by``: its run, its watermark, and when it finished.

        :param where: a condition, with its ``values``.
        """
        of_these = f"FROM {self._name} WHERE table_name = ? AND filters_hash = ?{where and f' AND {where}'}"
        parameters = (table, self._filters_hash, *values)
        greatest = self._database.greatest(by, of_these, parameters, fixed="window_since" if where.startswith("window_since") else "")
        if greatest is None:
            return None
        found = self._database.rows(
            f"SELECT run_key, watermark, finished_at {of_these} AND {by} = ? ORDER BY finished_at DESC", (*parameters, greatest), most=1
        )
        return found[0] if found else None

    def _refuse(self, spelling: str, name: str, resource: str, store_hash: str, nested: str) -> None:
        layout, table = self._layout, self._database.qualified(self._layout.main.name)
        if name != spelling:
            raise InvalidQueryError(
                f"The table {table} and the table {self._database.qualified(name)}, which was filled before, have names that this database "
                f"compares as equal, so that {self._name} cannot distinguish them. Give another table."
            )
        if store_hash != self._store_hash:
            raise InvalidQueryError(
                f"The table {table} was filled from the store {store_hash!r}, and the connection now points to {self._store_hash!r}: "
                "continuing would mix two stores in one table. Give another table or schema for the new store. To start over here, drop "
                f"the table and delete its rows from {self._name}."
            )
        if resource != layout.resource:
            raise InvalidQueryError(
                f"The table {table} holds {resource!r}, not {layout.resource!r}. Give another table. To start over here, drop it and "
                f"delete its rows from {self._name}."
            )
        if nested != layout.nested:
            raise InvalidQueryError(
                f"The table {table} was made with nested={nested!r}, and this run has nested={layout.nested!r}. Keep {nested!r}, or give "
                f"another table. To start over here, drop it and delete its rows from {self._name}."
            )

    def _damaged(self, what: str, error: Exception, remedy: str) -> InvalidQueryError:
        return InvalidQueryError(f"The {what} in {self._name} cannot be read: {error}. {remedy}.")

    def forget(self) -> None:
        """Delete what is said of a table that no longer exists."""
        self._database.execute(f"DELETE FROM {self._name} WHERE table_name = ?", (self._table,))

    def next_sequence(self) -> int:
        """The place of a run that is committed now among those that filled the table; within its transaction.

        Greater than that of each row, also of the run's own earlier one; retention leaves the greatest, so that none comes twice.
        """
        return self._last_sequence(self._table) + 1

    def _last_sequence(self, table: str) -> int:
        name = self._database.quote("sequence")
        return int(self._database.greatest(name, f"FROM {self._name} WHERE table_name = ?", (table,)) or 0)

    def write(self, manifest: Manifest) -> None:
        """Put this run's row in, in the place of the one it had, and delete rows of old that nothing asks for."""
        database, table = self._database, self._table
        database.execute(f"DELETE FROM {self._name} WHERE table_name = ? AND run_key = ?", (table, self._run))
        values = (
            table,
            self._run,
            manifest.resource,
            manifest.store_hash,
            self._filters,
            self._layout.nested,
            manifest.mode,
            database.moment(manifest.window.since),
            database.moment(manifest.window.until),
            database.moment(manifest.watermark),
            manifest.rows,
            database.moment(manifest.finished_at),
            self._filters_hash,
            manifest.sequence,
            database.moment(written(manifest.order[0])),
            msgspec.json.encode(manifest).decode(),
        )
        columns = ", ".join(database.quote(column.name) for column in SYNCS.columns)
        database.execute(f"INSERT INTO {self._name} ({columns}) VALUES ({', '.join('?' * len(values))})", values)
        self._tidy(table, manifest.order[0])

    def _tidy(self, table: str, now: datetime) -> None:
        """Delete rows of runs with these filters that are older than :data:`_KEPT` and that neither a run nor a comparison needs.

        :param now: the store's time at which this run began: the worker's clock may be wrong by years.
        """
        database = self._database
        try:
            before = database.moment(written(now - _KEPT))
        except OverflowError:  # the beginning of time
            return
        old = f"FROM {self._name} WHERE table_name = ? AND filters_hash = ? AND"
        # Rows of an earlier version do not tell when they began to read.
        for is_old in ("read_at < ?", "read_at IS NULL AND finished_at < ?"):
            parameters = (table, self._filters_hash, before)
            [(count,)] = database.rows(f"SELECT count(*) {old} {is_old}", parameters)
            if not count:
                continue
            kept = self._needed(table)
            # Backfills tell which spans the copy holds; they do not come with the clock.
            database.execute(
                f"DELETE {old} {is_old} AND {database.quote('mode')} <> 'backfill' AND run_key NOT IN ({', '.join('?' * len(kept))})",
                (*parameters, *kept),
            )

    def _needed(self, table: str) -> list[str]:
        """The runs whose rows tell how far the table was filled, from when on, and when it was last read whole."""
        mode = self._database.quote("mode")
        unbounded = self._newest(table, "window_since IS NULL")
        found = [
            self._newest(table),
            self._newest(table, *self._is_full()),
            unbounded,
            self._newest(table, f"window_since IS NULL AND {mode} = 'full'", by="finished_at"),
            self._newest(table, f"{mode} = 'full'", by="finished_at"),
        ]
        if unbounded is None:
            [(begin,)] = self._database.rows(
                f"SELECT min(window_since) FROM {self._name} WHERE table_name = ? AND filters_hash = ? AND watermark IS NOT NULL",
                (table, self._filters_hash),
            )
            found += [] if begin is None else [self._newest(table, "window_since = ?", (begin,))]
        return sorted({self._run, *(str(row[0]) for row in found if row is not None)})


def filters_hash(filters: str) -> str:
    """By which rows of runs with these filters are found: a long text fits into no index."""
    return hashlib.sha256(filters.encode()).hexdigest()[:32]


def manifest_of(value: object) -> Manifest:
    """The manifest of a row, whether the driver gives JSON decoded or as text.

    :raises ValueError: it is none.
    """
    return Manifest.decode(value.encode() if isinstance(value, str) else msgspec.json.encode(value))


def moment_text(value: object) -> str:
    """A moment of the table as ISO-8601 text, whether the driver gives datetimes or text.

    :raises InvalidQueryError: it is no moment.
    """
    return written(moment(value if isinstance(value, datetime) else str(value), "watermark")) or ""
