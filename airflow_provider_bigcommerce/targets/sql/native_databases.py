"""What SQLite and PostgreSQL have in common: the driver's own connection, temporary tables, ON CONFLICT, EXCEPT, row values."""
# ruff: noqa: S608  # statements are put together from quoted identifiers; every value is a parameter

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.core.outside_text import one_line
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.targets.sql import refusals
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import Column, ColumnKind, Table

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

log = logging.getLogger(__name__)


class DirectDatabase(Database):
    """One open connection of a database whose SQL we write ourselves.

    :param hook: an Airflow hook of that database.
    :param schema: the schema that the caller named, or None for the connection's own.
    :raises InvalidQueryError: there is no such schema.
    :raises DestinationError: the database cannot be reached.
    """

    ddl_is_transactional = True
    #: Column kind -> type of a column that we make.
    types: Mapping[ColumnKind, str]
    #: Column kind -> types, as the database tells them, that a table made by somebody else may have for it.
    accepted: Mapping[ColumnKind, frozenset[str]]
    #: How a parameter is written in a statement.
    parameter: str
    #: What stands before a staging table's name.
    temporary: str

    def __init__(self, hook: DbApiHook, schema: str | None) -> None:
        self._connection: Any = self._connect(hook)
        try:
            self._cursor = self._connection.cursor()
            self.prepare()
            self.schema = self.find_schema(schema)
        except BaseException:
            self._connection.close()
            raise

    def _connect(self, hook: DbApiHook) -> Any:
        try:
            return hook.get_conn()
        except self.connect_errors() as error:
            why = refusals.told(error)
        # Here and not above: the driver's exception, which names the host and may quote the login, is then not this one's context.
        raise DestinationError(refusals.unreachable(self.title, hook, why))

    @classmethod
    @abstractmethod
    def connect_errors(cls) -> tuple[type[Exception], ...]:
        """What the driver raises where it cannot connect; asked for after that."""

    @abstractmethod
    def prepare(self) -> None:
        """Settings of the session, autocommit among them: transactions begin and end where the code says."""

    @abstractmethod
    def find_schema(self, wanted: str | None) -> str:
        """The schema's name, checked to exist."""

    @property
    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement, with ``?`` for each parameter."""
        try:
            if parameters:
                self._cursor.execute(statement.replace("?", self.parameter), tuple(parameters))
            else:
                self._cursor.execute(statement)
        except self.errors as error:
            why = refusals.told(error)
        else:
            return int(self._cursor.rowcount)
        # Here and not above: the driver's exception, which may quote the row, is then not this one's context.
        raise DestinationError(f"{self.title} refused a statement ({why}): {one_line(statement, 200)}")

    def rows(self, statement: str, parameters: Sequence[Any] = (), *, most: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        self.execute(statement if most is None else f"{statement} LIMIT {most}", parameters)
        return [tuple(row) for row in self._cursor.fetchall()]

    def greatest(self, column: str, source: str, parameters: Sequence[Any], *, fixed: str = "") -> Any:
        """The first of an order: PostgreSQL reads all rows for a ``max`` where it has no statistics, or where a column is null in all."""
        order = ", ".join(f"{name} DESC" for name in (fixed, column) if name)
        found = self.rows(f"SELECT {column} {source} AND {column} IS NOT NULL ORDER BY {order}", parameters, most=1)
        return found[0][0] if found else None

    def commit(self) -> None:
        """End the transaction."""
        self.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the database takes temporary tables and an open transaction with it."""
        self._connection.close()

    # -- parts of statements

    def quote(self, name: str) -> str:
        """An identifier in quotation marks."""
        return '"' + name.replace('"', '""') + '"'

    def qualified(self, table: str) -> str:
        """A table of the schema."""
        return f"{self.quote(self.schema)}.{self.quote(table)}"

    def staging(self, name: str) -> str:
        """A temporary table."""
        return f"{self.temporary}.{self.quote(name)}"

    def moment(self, text: str | None) -> str | None:
        """The text: both databases read it, and SQLite keeps it."""
        return text

    def among(self, columns: Sequence[str], table: str, others: Sequence[str], source: str, where: str = "") -> str:  # noqa: ARG002
        """Row values, which need no names of the outer table."""
        return f"({self.names(columns)}) IN (SELECT {self.names(others)} FROM {source} {where and f'WHERE {where}'})"

    def names(self, columns: Sequence[str]) -> str:
        """Columns as written in a list."""
        return ", ".join(map(self.quote, columns))

    # -- tables

    def type_of(self, column: Column, table: Table) -> str:  # noqa: ARG002  # a key has no type of its own here
        """The type of the column's kind."""
        return self.types[column.kind]

    def misfits(self, table: Table) -> dict[str, str]:
        """Columns whose type is not among those accepted for their kind."""
        found = self.columns_of(table.name)
        return {name: found[name] for name, kind in table.kinds.items() if name in found and found[name] not in self.accepted[kind]}

    def create_statement(self, table: Table) -> str:
        """What makes a table."""
        columns = [self._column(column) + (" NOT NULL" if column.name in table.key else "") for column in table.columns]
        key = f"PRIMARY KEY ({self.names(table.key)})"
        return f"CREATE TABLE {self.qualified(table.name)} (\n  " + ",\n  ".join([*columns, key]) + "\n)"

    def create_table(self, table: Table) -> None:
        """Make a table, within the caller's transaction."""
        self.execute(self.create_statement(table))

    def add_column(self, table: Table, column: Column) -> None:
        """Add a column, within the caller's transaction."""
        self.execute(f"ALTER TABLE {self.qualified(table.name)} ADD COLUMN {self._column(column)}")

    def ensure_indexes(self, table: Table, indexes: Mapping[str, Sequence[str]]) -> None:
        """Ask first: IF NOT EXISTS alone would lock the table, and fail where it is somebody else's."""
        missing = indexes.keys() - self.index_names_of(table.name)
        for name in sorted(missing):
            try:
                self.execute(self.index_statement(table, name, indexes[name]))
            except DestinationError as error:
                if name not in self.index_names_of(table.name):  # or another run has just made it
                    log.info("The table %s is without the index %s: %s", self.qualified(table.name), name, error)

    @abstractmethod
    def index_names_of(self, table: str) -> set[str]:
        """The names of a table's indexes."""

    @abstractmethod
    def index_statement(self, table: Table, name: str, columns: Sequence[str]) -> str:
        """What makes an index that is not there yet."""

    def _column(self, column: Column) -> str:
        return f"{self.quote(column.name)} {self.types[column.kind]}"

    # -- staging

    def create_staging(self, name: str, table: Table) -> None:
        """Make a temporary table, which only this connection sees."""
        columns = ", ".join(map(self._column, table.columns))
        self.execute(f"CREATE TEMPORARY TABLE {self.quote(name)} ({columns})")

    # -- changes and questions

    def upsert(self, table: Table, staging: str) -> None:
        """INSERT ... ON CONFLICT DO UPDATE."""
        names = self.names([column.name for column in table.columns])
        others = [self.quote(column.name) for column in table.columns if column.name not in table.key]
        changes = ", ".join(f"{name} = excluded.{name}" for name in others)
        # WHERE TRUE: without it SQLite takes ON CONFLICT for the ON of a join.
        self.execute(
            f"INSERT INTO {self.qualified(table.name)} ({names}) SELECT {names} FROM {self.staging(staging)} WHERE TRUE "
            f"ON CONFLICT ({self.names(table.key)}) DO UPDATE SET {changes}"
        )

    def absent(self, table: Table, source: str, where: str = "") -> list[tuple[Any, ...]]:
        """EXCEPT: quick without an index and whatever the planner believes."""
        names = self.names(table.key)
        return self.rows(
            f"SELECT {names} FROM {self.qualified(table.name)} {where and f'WHERE {where}'} EXCEPT SELECT {names} FROM {source}"
        )

    def page(self, table: Table, columns: Sequence[str], after: Sequence[Any], most: int) -> list[tuple[Any, ...]]:
        """The rows behind a row value, which an index finds at once."""
        order = self.names(table.key)
        where = f"WHERE ({order}) > ({', '.join('?' * len(after))})" if after else ""
        names = self.names([*table.key, *columns])
        return self.rows(f"SELECT {names} FROM {self.qualified(table.name)} {where} ORDER BY {order}", after, most=most)

    def differences(self, table: Table, staging: str, columns: Sequence[Column]) -> list[tuple[Any, ...]]:
        """The database itself compares."""
        keys = ", ".join(f"present.{self.quote(name)}" for name in table.key)
        marks = ", ".join(self._differs(column) for column in columns)
        return self.rows(
            f"SELECT {keys}, {marks} FROM {self.qualified(table.name)} present JOIN {self.staging(staging)} staged "
            f"ON {self.same(table.key, 'present', table.key, 'staged')}"
        )

    def _differs(self, column: Column) -> str:
        one, other = self._comparable("present", column), self._comparable("staged", column)
        return f"CASE WHEN {one} <> {other} OR ({one} IS NULL) <> ({other} IS NULL) THEN 1 ELSE 0 END"

    def _comparable(self, table: str, column: Column) -> str:
        """A column's value in a form that has equality: JSON as the database writes it."""
        name = f"{table}.{self.quote(column.name)}"
        return f"CAST(CAST({name} AS {self.types[column.kind]}) AS TEXT)" if column.kind in ("json", "extra") else name

    def child_differences(
        self, child: Table, staged_child: str, main: Table, staged_main: str, columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """Both ways of EXCEPT."""
        staged, table = self.staging(staged_main), self.qualified(main.name)

        def rows(source: str) -> str:
            values = ", ".join(self._comparable("part", column) for column in columns)
            among = f"SELECT 1 FROM {staged} staged WHERE {self.same(main.key, 'staged', child.root, 'part')}"
            # Rows of main rows that the table lacks are not this one's to tell.
            known = f"SELECT 1 FROM {table} present WHERE {self.same(main.key, 'present', child.root, 'part')}"
            return f"SELECT {values} FROM {source} part WHERE EXISTS ({among}) AND EXISTS ({known})"

        stored, copied = rows(self.staging(staged_child)), rows(self.qualified(child.name))
        names = [f"c{number}" for number in range(len(columns))]
        root = ", ".join(names[[column.name for column in columns].index(name)] for name in child.root)
        listed = ", ".join(names)
        # WITH and not parentheses: SQLite has none around the parts of a compound query.
        return self.rows(
            f"WITH stored ({listed}) AS ({stored}), copied ({listed}) AS ({copied}), "
            "more AS (SELECT * FROM stored EXCEPT SELECT * FROM copied), less AS (SELECT * FROM copied EXCEPT SELECT * FROM stored) "
            f"SELECT {root} FROM more UNION SELECT {root} FROM less"
        )
