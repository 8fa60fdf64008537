"""What a database must be able to do for a load: the questions and changes that the other modules here put together.

A connection is used by one thread at a time, as DB-API drivers want; ``cancel`` alone may come from another. It knows no
resource and decides nothing about what is loaded. Where a parameter is called a statement's part, it is quoted already.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.targets.sql.layout import Column, Table


class Database(ABC):
    """One open connection."""

    #: How the database is called in messages.
    title: str
    #: The schema of the tables, checked to exist.
    schema: str
    #: Whether text may hold every Unicode character.
    holds_any_text: bool
    #: Whether a JSON column holds JSON as it came: every number, and each of two members of one name.
    holds_any_json: bool = True
    #: Whether tables can be made and widened within a transaction, and go with it where it is rolled back.
    ddl_is_transactional: bool

    # -- statements

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement.

        :param statement: with ``?`` for each parameter.
        :returns: how many rows it changed, where the driver tells.
        :raises DestinationError: the database refused it; the error tells kind, table, column and constraint, no value, and has no other
            exception behind it, because a driver's may quote the row.
        """

    @abstractmethod
    def rows(self, statement: str, parameters: Sequence[Any] = (), *, most: int | None = None) -> list[tuple[Any, ...]]:
        """Run a query and return its rows, or the first ``most`` of them."""

    def greatest(self, column: str, source: str, parameters: Sequence[Any], *, fixed: str = "") -> Any:  # noqa: ARG002  # some need it
        """The greatest value of a column, at an index's end; None where there is none.

        :param column: a statement's part, as the others.
        :param source: ``FROM ... WHERE ...``.
        :param fixed: a column that has one value, or null, in all rows of the source, and stands before the other in the index.
        """
        return self.rows(f"SELECT max({column}) {source}", parameters)[0][0]

    @abstractmethod
    def begin(self, lock: str) -> None:
        """Begin a transaction that no other run with the same lock can be in at the same time."""

    @abstractmethod
    def commit(self) -> None:
        """End the transaction; what it did is durable."""

    @abstractmethod
    def cancel(self) -> None:
        """Stop the statement that runs, where the driver can; called from another thread."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; staging tables and an open transaction go with it."""

    # -- parts of statements

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier as written in a statement."""

    @abstractmethod
    def qualified(self, table: str) -> str:
        """A table of the schema, as written in a statement."""

    @abstractmethod
    def staging(self, name: str) -> str:
        """A staging table, as written in a statement."""

    @abstractmethod
    def moment(self, text: str | None) -> Any:
        """An ISO-8601 text as a parameter that is put into a ``time`` column or compared with one."""

    def same(self, columns: Sequence[str], one: str, others: Sequence[str], other: str) -> str:
        """The condition that columns of two tables are equal, pair by pair; the tables are a statement's parts."""
        return " AND ".join(f"{one}.{self.quote(a)} = {other}.{self.quote(b)}" for a, b in zip(columns, others, strict=True))

    @abstractmethod
    def among(self, columns: Sequence[str], table: str, others: Sequence[str], source: str, where: str = "") -> str:
        """The condition that a row of ``table`` has in its columns what some row of ``source`` has in the others.

        :param table: a statement's part, as ``source``.
        :param where: a condition on the rows of ``source``.
        """

    # -- tables

    @abstractmethod
    def columns_of(self, table: str) -> dict[str, str]:
        """Column -> type as the database tells it; empty where there is no such table."""

    @abstractmethod
    def spelling_of(self, table: str) -> str:
        """The name of the table that this name means: another one where the database takes upper and lower case for the same.

        The name itself where there is no such table.
        """

    @abstractmethod
    def unique_keys_of(self, table: str) -> list[frozenset[str]]:
        """The column sets by which rows of a table are unique."""

    @abstractmethod
    def type_of(self, column: Column, table: Table) -> str:
        """The type of a column of a table that we make."""

    @abstractmethod
    def misfits(self, table: Table) -> dict[str, str]:
        """Columns of the table that is there whose types cannot hold ours -> those types, as the database tells them."""

    @abstractmethod
    def create_statement(self, table: Table) -> str:
        """What makes a table."""

    @abstractmethod
    def create_table(self, table: Table) -> None:
        """Make a table that is not there yet."""

    @abstractmethod
    def add_column(self, table: Table, column: Column) -> None:
        """Add a column, null in the rows that are there."""

    @abstractmethod
    def ensure_indexes(self, table: Table, indexes: Mapping[str, Sequence[str]]) -> None:
        """Make the indexes that a table lacks, outside a transaction: an index's name -> its columns.

        They only save time: where the database has none, or the connection may not make them, it is said in the log and that is all.
        """

    # -- staging

    @abstractmethod
    def create_staging(self, name: str, table: Table) -> None:
        """Make a table that is this connection's alone and goes with it.

        :param name: what ``staging``, ``put`` and the others call it.
        :param table: whose columns it has.
        """

    @abstractmethod
    def put(self, staging: str, columns: Sequence[str], rows: Any) -> None:
        """Append an Arrow table to a staging table.

        :raises DestinationError: the database refused the rows.
        """

    @abstractmethod
    def refresh_statistics(self, staging: str, key: Sequence[str], into: str) -> None:
        """Tell the planner how large a staging table has become and how its key is spread, where it does not find out by itself.

        :param into: the table that is merged into, as written in a statement.
        """

    # -- changes and questions

    @abstractmethod
    def upsert(self, table: Table, staging: str) -> None:
        """Add the staged rows to the table, and replace those that it has: columns that are not ours stay as they are."""

    @abstractmethod
    def absent(self, table: Table, source: str, where: str = "") -> list[tuple[Any, ...]]:
        """The keys of rows of a table that no row of ``source`` has.

        :param source: a statement's part.
        :param where: a condition on the rows of the table.
        """

    @abstractmethod
    def page(self, table: Table, columns: Sequence[str], after: Sequence[Any], most: int) -> list[tuple[Any, ...]]:
        """The next rows in the order of the key, key first, then ``columns``.

        :param after: the key that the last page ended with; empty for the first page.
        """

    @abstractmethod
    def differences(self, table: Table, staging: str, columns: Sequence[Column]) -> list[tuple[Any, ...]]:
        """For each staged row that the table has too: its key, then for each of ``columns`` whether the two values differ."""

    @abstractmethod
    def child_differences(
        self, child: Table, staged_child: str, main: Table, staged_main: str, columns: Sequence[Column]
    ) -> list[tuple[Any, ...]]:
        """The keys of staged main rows that the main table has too and whose child rows are not the staged ones."""
