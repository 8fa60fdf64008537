"""PostgreSQL: COPY into staging, JSONB, numeric and timestamptz, advisory locks.

Works with psycopg 3 and with psycopg2, whichever the hook's connection is of; it chooses neither.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import load_pyarrow
from airflow_provider_bigcommerce.targets.sql import refusals
from airflow_provider_bigcommerce.targets.sql.layout import ColumnKind, Table
from airflow_provider_bigcommerce.targets.sql.native_databases import DirectDatabase

_COLUMNS = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ? AND c.relname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

#: Unique indexes that ON CONFLICT can use: valid, on plain columns, without a condition, checked at once.
_KEYS = """
SELECT i.indexrelid, a.attname
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) AS k(attnum)
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE n.nspname = ? AND c.relname = ? AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
"""


class Postgres(DirectDatabase):
    """A connection to a PostgreSQL server."""

    title = "PostgreSQL"
    parameter = "%s"
    holds_any_text = False
    holds_any_json = False
    temporary = "pg_temp"
    types: Mapping[ColumnKind, str] = {
        "int": "bigint",
        "float": "double precision",
        "bool": "boolean",
        "text": "text",
        "money": "numeric(20,4)",
        "rate": "numeric(20,10)",
        "time": "timestamp with time zone",
        "json": "jsonb",
        # jsonb refuses \u0000 and broken surrogates, which are among what _extra is there for.
        "extra": "json",
    }
    accepted: Mapping[ColumnKind, frozenset[str]] = {
        "int": frozenset({"bigint", "numeric"}),
        "float": frozenset({"double precision"}),
        "bool": frozenset({"boolean"}),
        "text": frozenset({"text", "character varying"}),
        "money": frozenset({"numeric(20,4)", "numeric"}),
        "rate": frozenset({"numeric(20,10)", "numeric"}),
        "time": frozenset({"timestamp with time zone"}),
        "json": frozenset({"jsonb", "json", "text"}),
        "extra": frozenset({"json", "text"}),
    }

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""
        import importlib

        driver = importlib.import_module(type(self._connection).__module__.partition(".")[0])
        return (driver.Error,)

    @classmethod
    def connect_errors(cls) -> tuple[type[Exception], ...]:
        """Those of the drivers that are loaded: which one the hook uses, it has not told yet."""
        return (OSError, *(sys.modules[name].Error for name in ("psycopg", "psycopg2") if name in sys.modules))

    def prepare(self) -> None:
        """Transactions by hand, UTF-8 on the wire, and the faster compression for large values where the server has it."""
        self._connection.autocommit = True
        self.execute("SET client_encoding TO 'UTF8'")
        # The statements of a load take as long as the load; a role's limit is for people's queries.
        self.execute("SET statement_timeout TO 0")
        if self.rows("SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"):
            self.execute("SET default_toast_compression TO 'lz4'")

    def find_schema(self, wanted: str | None) -> str:
        """The named schema, or the first of the search path.

        :raises InvalidQueryError: it does not exist.
        """
        if wanted is None:
            [(current,)] = self.rows("SELECT pg_catalog.current_schema()")
            if current is None:
                raise InvalidQueryError("The connection's search_path names no schema that exists. Give the schema argument.")
            return str(current)
        if not self.rows("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?", (wanted,)):
            raise InvalidQueryError(f"schema={wanted!r} does not exist in this database. Create it: CREATE SCHEMA {self.quote(wanted)};")
        return wanted

    def begin(self, lock: str) -> None:
        """Begin, and wait for the run that holds the same lock."""
        self.execute("BEGIN")
        self.execute("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(?, 0))", (f"bigcommerce {self.schema}.{lock}",))

    def columns_of(self, table: str) -> dict[str, str]:
        """Column -> type, as ``format_type`` writes it."""
        return {str(name): str(kind) for name, kind in self.rows(_COLUMNS, (self.schema, table))}

    def spelling_of(self, table: str) -> str:
        """The name itself: names are quoted in each statement, so that case counts."""
        return table

    def unique_keys_of(self, table: str) -> list[frozenset[str]]:
        """The column sets of unique indexes that ON CONFLICT can use."""
        keys: dict[int, set[str]] = {}
        for index, column in self.rows(_KEYS, (self.schema, table)):
            keys.setdefault(index, set()).add(str(column))
        return [frozenset(columns) for columns in keys.values()]

    def index_names_of(self, table: str) -> set[str]:
        """The names, those of its keys among them."""
        found = self.rows("SELECT indexname FROM pg_catalog.pg_indexes WHERE schemaname = ? AND tablename = ?", (self.schema, table))
        return {str(name) for (name,) in found}

    def index_statement(self, table: Table, name: str, columns: Sequence[str]) -> str:
        """An index belongs to its table's schema."""
        return f"CREATE INDEX IF NOT EXISTS {self.quote(name)} ON {self.qualified(table.name)} ({self.names(columns)})"

    def put(self, staging: str, columns: Sequence[str], rows: Any) -> None:
        """Append by one COPY, from CSV that Arrow writes: nulls are empty, texts are quoted, also empty ones.

        :raises DestinationError: the server refused the rows.
        """
        load_pyarrow()
        import pyarrow.csv

        buffer = io.BytesIO()
        pyarrow.csv.write_csv(rows, buffer, pyarrow.csv.WriteOptions(include_header=False))
        names = ", ".join(map(self.quote, columns))
        statement = f"COPY {self.staging(staging)} ({names}) FROM STDIN (FORMAT csv)"
        try:
            if hasattr(self._cursor, "copy_expert"):  # psycopg2
                buffer.seek(0)
                self._cursor.copy_expert(statement, buffer)
            else:
                with self._cursor.copy(statement) as copy:
                    copy.write(buffer.getbuffer())
        except self.errors as error:
            why = refusals.told(error)
        else:
            return
        raise DestinationError(f"PostgreSQL refused rows for {staging} ({why}).")

    def refresh_statistics(self, staging: str, key: Sequence[str], into: str) -> None:
        """Temporary tables are never analysed by the server itself; of the other columns it would unpack every sampled value.

        For an empty table there is nothing to plan.
        """
        if self.rows(f"SELECT 1 FROM {into}", most=1):  # noqa: S608  # a quoted identifier
            self.execute(f"ANALYZE {self.staging(staging)} ({', '.join(map(self.quote, key))})")

    def cancel(self) -> None:
        """Ask the server to stop the statement that runs."""
        self._connection.cancel()
