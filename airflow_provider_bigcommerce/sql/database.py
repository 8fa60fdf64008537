"""What a database must be able to do for a load, and one connection that does it: the part that all databases share.

A connection is used by one thread at a time, as DB-API drivers want; ``cancel`` alone may come from another. It knows no
resource and decides nothing about what is loaded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.sql.layout import Column, ColumnKind, Table

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook


class Database(ABC):
    """One open connection.

    :param hook: an Airflow hook of that database.
    :param schema: the schema that the caller named, or None for the connection's own.
    :raises InvalidQueryError: there is no such schema.
    """

    #: How the database is called in messages.
    title: str
    #: Column kind -> type of a column that we make.
    types: Mapping[ColumnKind, str]
    #: Column kind -> types, as the database tells them, that a table made by somebody else may have for it.
    accepted: Mapping[ColumnKind, frozenset[str]]
    #: How a parameter stands in a statement.
    parameter: str
    #: Whether text may hold every Unicode character.
    holds_any_text: bool
    #: What stands before a staging table's name.
    temporary: str

    def __init__(self, hook: DbApiHook, schema: str | None) -> None:
        self._connection: Any = hook.get_conn()
        try:
            self._cursor = self._connection.cursor()
            self.prepare()
            self.schema = self.find_schema(schema)
        except BaseException:
            self._connection.close()
            raise

    # -- what differs

    @abstractmethod
    def prepare(self) -> None:
        """Settings of the session, autocommit among them: transactions begin and end where the code says."""

    @abstractmethod
    def find_schema(self, wanted: str | None) -> str:
        """The schema's name, checked to exist."""

    @abstractmethod
    def begin(self, lock: str) -> None:
        """Begin a transaction that no other run with the same lock can be in at the same time."""

    @abstractmethod
    def columns_of(self, table: str) -> dict[str, str]:
        """Column -> type as the database tells it; empty where there is no such table."""

    @abstractmethod
    def unique_keys_of(self, table: str) -> list[frozenset[str]]:
        """The column sets by which rows of a table are unique."""

    @abstractmethod
    def put(self, staging: str, columns: Sequence[str], rows: Any) -> None:
        """Append an Arrow table to a staging table."""

    @abstractmethod
    def refresh_statistics(self, staging: str, key: Sequence[str]) -> None:
        """Tell the planner how large a staging table has become and how its key is spread, where it does not find out by itself."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the statement that runs; called from another thread."""

    # -- what does not

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement.

        :param statement: with ``?`` for each parameter.
        :returns: how many rows it changed, where the driver tells.
        :raises DestinationError: the database refused it; its own message is kept, which holds no parameters of ours but may name a key.
        """
        try:
            if parameters:
                self._cursor.execute(statement.replace("?", self.parameter), tuple(parameters))
            else:
                self._cursor.execute(statement)
        except self.errors as error:
            raise DestinationError(f"{self.title} refused a statement ({first_line(error)}): {statement[:200]}") from error
        return int(self._cursor.rowcount)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        self.execute(statement, parameters)
        return [tuple(row) for row in self._cursor.fetchall()]

    def commit(self) -> None:
        """End the transaction; what it did is durable."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction; nothing of it stays."""
        self.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection; staging tables and an open transaction go with it."""
        self._connection.close()

    @property
    @abstractmethod
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""

    @staticmethod
    def quote(name: str) -> str:
        """An identifier as it stands in a statement."""
        return '"' + name.replace('"', '""') + '"'

    def qualified(self, table: str) -> str:
        """A table of the schema, as it stands in a statement."""
        return f"{self.quote(self.schema)}.{self.quote(table)}"

    def staging(self, name: str) -> str:
        """A staging table, as it stands in a statement."""
        return f"{self.temporary}.{self.quote(name)}"

    def column(self, column: Column) -> str:
        """A column's definition."""
        return f"{self.quote(column.name)} {self.types[column.kind]}"

    def create_statement(self, table: Table) -> str:
        """What makes a table."""
        columns = [self.column(column) + (" NOT NULL" if column.name in table.key else "") for column in table.columns]
        key = ", ".join(map(self.quote, table.key))
        return f"CREATE TABLE {self.qualified(table.name)} (\n  " + ",\n  ".join([*columns, f"PRIMARY KEY ({key})"]) + "\n)"

    def create_staging(self, name: str, table: Table) -> None:
        """Make a table that only this connection sees and that goes with it."""
        columns = ", ".join(map(self.column, table.columns))
        self.execute(f"CREATE TEMPORARY TABLE {self.quote(name)} ({columns})")


def first_line(error: BaseException) -> str:
    """A driver's message up to where it would quote a value."""
    text = str(error).strip().partition("\n")[0].partition(': "')[0]
    return f"{type(error).__name__}: {text}"


def open_database(hook: DbApiHook, schema: str | None) -> Database:
    """Connect by an Airflow hook.

    :param hook: of any SQL connection.
    :param schema: schema of the tables, or None for the connection's own.
    :raises InvalidQueryError: this kind of database is not loaded directly; the message says how it is.
    :raises DestinationError: it cannot be reached.
    """
    from airflow_provider_bigcommerce.sql.postgres import Postgres
    from airflow_provider_bigcommerce.sql.sqlite import Sqlite

    kinds: dict[str, type[Database]] = {"postgres": Postgres, "sqlite": Sqlite}
    found = kinds.get(str(getattr(hook, "conn_type", "")))
    if found is None:
        raise InvalidQueryError(
            f"{type(hook).__name__} is a hook of {getattr(hook, 'conn_type', 'no known kind')!r}, which this operator does not load. "
            f"Accepted: connections of type {', '.join(map(repr, kinds))}. For others write Parquet with "
            "BigCommerceToObjectStorageOperator and load that: docs/how-to/load-a-warehouse.md."
        )
    return found(hook, schema)
