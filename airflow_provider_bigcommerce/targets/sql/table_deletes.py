"""Rows of a table that the store no longer has: found by keys, marked or deleted within the caller's transaction.

Keys of the store are in a temporary table, or are those of the staged rows; keys that are gone are in another.
"""
# ruff: noqa: S608  # statements are put together from quoted identifiers; there are no values in them

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_provider_bigcommerce.engine.deletes import Compared
from airflow_provider_bigcommerce.rows.row_keys import Key, key_of
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, SYNCED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import Column, Layout, Table

_STORE, _GONE, _ASKED = "_bigcommerce_store_keys", "_bigcommerce_gone_keys", "_bigcommerce_asked_keys"


class Deletes:
    """What a run finds out and does about deletes, in one database.

    :param database: where the tables are.
    :param layout: of the table.
    :param staged: the staging table of the rows that the run read, as written in a statement.
    """

    def __init__(self, database: Database, layout: Layout, staged: str) -> None:
        self._database = database
        self._layout = layout
        self._staged = staged
        main = layout.main
        kinds = main.kinds
        self._keys = Table(main.name, tuple(Column(name, kinds[name]) for name in main.key), main.key)
        self._table = database.qualified(main.name)
        self._has_store_keys = False

    def create(self) -> None:
        """Make the table of the store's keys."""
        self._database.create_staging(_STORE, self._keys)
        self._has_store_keys = True

    def add(self, keys: Sequence[Key]) -> None:
        """Take keys that the store has."""
        if keys:
            self._database.put(_STORE, self._keys.key, self._arrow(keys))

    def _arrow(self, keys: Sequence[Key], *more: tuple[str, Any]) -> Any:
        pa = load_pyarrow()
        rows = [key if isinstance(key, tuple) else (key,) for key in keys]
        arrays = []
        for column, values in zip(self._keys.columns, zip(*rows, strict=True), strict=True):
            is_text = column.kind == "text"
            # As in the table, where no part of a key is null.
            arrays.append(pa.array([("" if is_text else 0) if v is None else str(v) if is_text else v for v in values]))
        names = [*self._keys.key, *(name for name, _ in more)]
        return pa.Table.from_arrays([*arrays, *(pa.repeat(value, len(rows)) for _, value in more)], names=names)

    def compare(self) -> Compared:
        """The store's keys against the table's, or none where there is no table yet."""
        database = self._database
        columns = database.columns_of(self._layout.main.name)
        if not columns:
            return Compared(0, [])
        alive = f"{database.quote(DELETED_AT)} IS NULL" if DELETED_AT in columns else ""
        source = database.staging(_STORE) if self._has_store_keys else self._staged
        [(live,)] = database.rows(f"SELECT count(*) FROM {self._table} {alive and f'WHERE {alive}'}")
        found = database.absent(self._keys, source, alive)
        return Compared(int(live), [key_of(row) for row in found])

    def among(self, keys: Sequence[Key]) -> Compared:
        """Which of these keys are rows of the table that are not marked."""
        database = self._database
        columns = database.columns_of(self._layout.main.name)
        if not columns:
            return Compared(0, [])
        database.create_staging(_ASKED, self._keys)
        if keys:
            database.put(_ASKED, self._keys.key, self._arrow(keys))
        alive = f"{database.quote(DELETED_AT)} IS NULL" if DELETED_AT in columns else ""
        [(live,)] = database.rows(f"SELECT count(*) FROM {self._table} {alive and f'WHERE {alive}'}")
        asked = database.among(self._keys.key, self._table, self._keys.key, database.staging(_ASKED))
        names = ", ".join(map(database.quote, self._keys.key))
        found = database.rows(f"SELECT {names} FROM {self._table} WHERE {asked}{alive and f' AND {alive}'}")
        return Compared(int(live), [key_of(row) for row in found])

    def stage_gone(self, keys: Sequence[Key], at: datetime) -> None:
        """Note which rows are gone.

        :param at: the moment that they are marked with; rows that were read after it are left.
        """
        moment = Column(DELETED_AT, "time")
        self._database.create_staging(_GONE, Table(_GONE, (*self._keys.columns, moment), self._keys.key))
        if keys:
            at_once = load_pyarrow().scalar(at, load_pyarrow().timestamp("us", "UTC"))
            self._database.put(_GONE, [*self._keys.key, DELETED_AT], self._arrow(keys, (DELETED_AT, at_once)))

    def apply(self, *, removes: bool) -> int:
        """Mark or delete the rows that are gone, and take the mark from those that the store has again.

        :param removes: whether they are deleted, with all their child rows.
        :returns: how many were marked or deleted.
        """
        database, table, key = self._database, self._table, self._keys.key
        gone, deleted_at = database.staging(_GONE), database.quote(DELETED_AT)
        if self._has_store_keys:
            is_there = database.among(key, table, key, database.staging(_STORE))
            database.execute(f"UPDATE {table} SET {deleted_at} = NULL WHERE {deleted_at} IS NOT NULL AND {is_there}")
        at = f"(SELECT max({deleted_at}) FROM {gone})"
        which = f"{database.among(key, table, key, gone)} AND {database.quote(SYNCED_AT)} <= {at}"
        if not removes:
            return database.execute(f"UPDATE {table} SET {deleted_at} = {at} WHERE {deleted_at} IS NULL AND {which}")
        for child in self._layout.tables[1:]:
            name = database.qualified(child.name)
            database.execute(f"DELETE FROM {name} WHERE {database.among(child.root, name, key, table, which)}")
        return database.execute(f"DELETE FROM {table} WHERE {which}")
