"""The table ``_bigcommerce_syncs``: one row a committed run, written in the transaction that wrote the run's rows.

It is the truth about how far a table was filled and from which store; Airflow's state is not asked.
"""

# ruff: noqa: S608  # statements are put together from quoted identifiers; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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
        Column("manifest", "extra"),
    ),
    ("table_name", "run_key"),
)


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
    """The rows of ``_bigcommerce_syncs`` that speak of one table.

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
        self._run = run
        self._begins = written(begins)
        self._name = database.qualified(SYNCS.name)

    def create(self) -> None:
        """Make the table of syncs where the schema has none.

        :raises InvalidQueryError: a table of that name is not ours.
        """
        database = self._database
        found = database.columns_of(SYNCS.name)
        if not found:
            # A table that somebody else makes in between is found within the lock.
            database.begin(SYNCS.name)
            if not database.columns_of(SYNCS.name):
                database.create_table(SYNCS)
            database.commit()
        elif missing := [column.name for column in SYNCS.columns if column.name not in found]:
            raise InvalidQueryError(
                f"The table {self._name} lacks the columns {', '.join(missing)}, so it was not made by this provider. "
                "Rename it, or give another schema."
            )

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
        reserved = database.quote("resource")  # a reserved word of Oracle
        others = database.rows(
            f"SELECT DISTINCT table_name, {reserved}, store_hash, nested FROM {self._name} WHERE table_name = ?", (table,)
        )
        for name, resource, store_hash, nested in others:
            self._refuse(str(name), str(resource), str(store_hash), str(nested))
        last = database.rows(
            f"SELECT watermark, run_key, finished_at FROM {self._name} "
            "WHERE table_name = ? AND filters = ? AND watermark IS NOT NULL ORDER BY watermark DESC, finished_at DESC",
            (table, self._filters),
            most=1,
        )
        watermark = None
        if last:
            until, run, finished_at = last[0]
            try:
                watermark = Watermark(
                    store_hash=self._store_hash,
                    watermark=self._text(until),
                    run=str(run),
                    set_at=self._text(finished_at),
                    full_at=self._last_full_read(),
                )
            except InvalidQueryError as error:
                remedy = f"Set the watermark of run {run!r} right, or delete the run's row"
                raise self._damaged(f"watermark of {table!r}", error, remedy) from error
        own = database.rows(f"SELECT manifest FROM {self._name} WHERE table_name = ? AND run_key = ?", (table, self._run))
        replaced = None
        if own:
            value = own[0][0]
            try:
                replaced = Manifest.decode(value.encode() if isinstance(value, str) else msgspec.json.encode(value))
            except ValueError as error:
                remedy = "Delete the run's row, and its window is read again"
                raise self._damaged(f"manifest of run {self._run!r}", error, remedy) from error
        return Past(bool(others), watermark, replaced)

    def _last_full_read(self) -> str:
        """The end of the last window that held everything, or nothing."""
        begins, values = (
            ("window_since IS NULL", ()) if self._begins is None else ("window_since = ?", (self._database.moment(self._begins),))
        )
        found = self._database.rows(
            f"SELECT max(watermark) FROM {self._name} WHERE table_name = ? AND filters = ? AND {begins}",
            (self._table, self._filters, *values),
        )
        return self._text(found[0][0]) if found[0][0] is not None else ""

    def _refuse(self, name: str, resource: str, store_hash: str, nested: str) -> None:
        layout, table = self._layout, self._database.qualified(self._layout.main.name)
        if name != self._table:
            raise InvalidQueryError(
                f"The table {table} and the table {self._database.qualified(name)}, which was filled before, have names that this database "
                f"takes for the same where it compares text, so that {self._name} cannot tell them apart. Give another table."
            )
        if store_hash != self._store_hash:
            raise InvalidQueryError(
                f"The table {table} was filled from the store {store_hash!r}, and the connection now points to {self._store_hash!r}: "
                "going on would mix two stores in one table. Give another table or schema for the new store. To start over here, drop "
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

    def _text(self, value: object) -> str:
        """A moment of the table as ISO-8601 text, whether the driver gives datetimes or text."""
        found = moment(value if isinstance(value, datetime) else str(value), "watermark")
        return written(found) or ""

    def forget(self) -> None:
        """Delete what is said of a table that no longer exists."""
        self._database.execute(f"DELETE FROM {self._name} WHERE table_name = ?", (self._table,))

    def next_sequence(self) -> int:
        """The place of a run that is committed now among those that filled the table; within its transaction."""
        [(count,)] = self._database.rows(f"SELECT count(*) FROM {self._name} WHERE table_name = ?", (self._layout.main.name,))
        return int(count) + 1

    def write(self, manifest: Manifest) -> None:
        """Put this run's row in, in the place of the one it had."""
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
            msgspec.json.encode(manifest).decode(),
        )
        columns = ", ".join(database.quote(column.name) for column in SYNCS.columns)
        database.execute(f"INSERT INTO {self._name} ({columns}) VALUES ({', '.join('?' * len(values))})", values)
