"""SQLite: text for times and JSON, its own NUMERIC for money, staging in the temporary database that no other connection sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.sql import refusals
from airflow_provider_bigcommerce.targets.sql.layout import ColumnKind, Table
from airflow_provider_bigcommerce.targets.sql.native_databases import DirectDatabase

#: Milliseconds to wait for another connection's transaction.
_BUSY_MS = 60_000
#: Rows that one INSERT's parameters are made of at a time.
_ROWS = 5_000


class Sqlite(DirectDatabase):
    """A connection to a SQLite file."""

    title = "SQLite"
    parameter = "?"
    holds_any_text = True
    temporary = "temp"
    types: Mapping[ColumnKind, str] = {
        "int": "INTEGER",
        "float": "REAL",
        "bool": "BOOLEAN",
        "text": "TEXT",
        "money": "NUMERIC",
        "rate": "NUMERIC",
        "time": "TEXT",
        "json": "TEXT",
        "extra": "TEXT",
    }
    accepted: Mapping[ColumnKind, frozenset[str]] = {
        "int": frozenset({"INTEGER", "BIGINT", "INT"}),
        "float": frozenset({"REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT"}),
        "bool": frozenset({"BOOLEAN", "INTEGER"}),
        "text": frozenset({"TEXT", "VARCHAR"}),
        "money": frozenset({"NUMERIC", "DECIMAL(20,4)", "NUMERIC(20,4)"}),
        "rate": frozenset({"NUMERIC", "DECIMAL(20,10)", "NUMERIC(20,10)"}),
        "time": frozenset({"TEXT"}),
        "json": frozenset({"TEXT"}),
        "extra": frozenset({"TEXT"}),
    }

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""
        return (sqlite3.Error,)

    @classmethod
    def connect_errors(cls) -> tuple[type[Exception], ...]:
        """The module's own."""
        return (sqlite3.Error, OSError)

    def prepare(self) -> None:
        """Transactions by hand, and patience with other connections."""
        self._connection.isolation_level = None
        self.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")

    def find_schema(self, wanted: str | None) -> str:
        """``main``, or an attached database.

        :raises InvalidQueryError: there is none of that name.
        """
        names = [str(row[1]) for row in self.rows("PRAGMA database_list")]
        if wanted is not None and wanted not in names:
            raise InvalidQueryError(f"schema={wanted!r} is unknown to this SQLite connection. Accepted: {', '.join(map(repr, names))}.")
        return wanted or "main"

    def begin(self, lock: str) -> None:  # noqa: ARG002  # SQLite has one writer at a time, whatever it writes
        """Begin as the only writer."""
        self.execute("BEGIN IMMEDIATE")

    def columns_of(self, table: str) -> dict[str, str]:
        """Column -> declared type, in capitals."""
        found = self.rows(f"PRAGMA {self.quote(self.schema)}.table_info({self.quote(table)})")
        return {str(name): str(kind).upper() for _, name, kind, *_ in found}

    def spelling_of(self, table: str) -> str:
        """SQLite's names are the same in upper and lower case, quoted or not."""
        found = self.rows(f"SELECT name FROM {self.quote(self.schema)}.sqlite_master WHERE name = ? COLLATE NOCASE", (table,))  # noqa: S608  # quoted
        return str(found[0][0]) if found else table

    def unique_keys_of(self, table: str) -> list[frozenset[str]]:
        """The primary key and every unique index without a condition."""
        schema = self.quote(self.schema)
        info = self.rows(f"PRAGMA {schema}.table_info({self.quote(table)})")
        keys = [frozenset(str(row[1]) for row in info if row[5])]
        for _, index, is_unique, _, is_partial in self.rows(f"PRAGMA {schema}.index_list({self.quote(table)})"):
            if is_unique and not is_partial:
                keys.append(frozenset(str(row[2]) for row in self.rows(f"PRAGMA {schema}.index_info({self.quote(index)})")))
        return [key for key in keys if key]

    def index_names_of(self, table: str) -> set[str]:
        """The names, those of its own for keys among them."""
        return {str(row[1]) for row in self.rows(f"PRAGMA {self.quote(self.schema)}.index_list({self.quote(table)})")}

    def index_statement(self, table: Table, name: str, columns: Sequence[str]) -> str:
        """SQLite names the schema before the index and not before the table."""
        return f"CREATE INDEX IF NOT EXISTS {self.qualified(name)} ON {self.quote(table.name)} ({self.names(columns)})"

    def put(self, staging: str, columns: Sequence[str], rows: Any) -> None:
        """Append by one INSERT of many parameters; decimals and times go as text, which SQLite's column types read."""
        pa = load_pyarrow()
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {self.staging(staging)} VALUES ({marks})"  # noqa: S608  # identifiers are quoted, values are parameters
        self.execute("BEGIN")  # of the temporary database alone: the file itself is not locked
        try:
            for start in range(0, rows.num_rows, _ROWS):
                part = rows.slice(start, _ROWS)
                as_text = [pa.types.is_decimal(kind) or pa.types.is_timestamp(kind) for kind in part.schema.types]
                values = [column.cast(pa.string()) if text else column for column, text in zip(part.columns, as_text, strict=True)]
                self._cursor.executemany(statement, zip(*(column.to_pylist() for column in values), strict=True))
        except self.errors as error:
            why = refusals.told(error)
        else:
            self.commit()
            return
        raise DestinationError(f"SQLite refused rows for {staging} ({why}).")

    def refresh_statistics(self, staging: str, key: Sequence[str], into: str) -> None:
        """SQLite plans by its own means."""

    def cancel(self) -> None:
        """Interrupt the statement that runs."""
        self._connection.interrupt()
