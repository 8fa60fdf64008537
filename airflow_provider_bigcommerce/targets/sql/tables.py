"""The tables that a run fills: checked against what is there, made or widened where they are ours, and merged into from staging.

Everything that readers can see happens between ``begin`` and ``commit`` of the caller; staging is the connection's own.
"""
# ruff: noqa: S608  # statements are put together from quoted identifiers; there are no values in them

from __future__ import annotations

import logging
from dataclasses import dataclass

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, SYNCED_AT
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import ROW_HASH, Layout, Table
from airflow_provider_bigcommerce.targets.sql.table_deletes import Deletes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did with the staged rows of the main table.

    :param written: added or replaced.
    :param unchanged: left, because they were in the table as they came.
    :param overtaken: left, because a run that began later had read them.
    """

    written: int
    unchanged: int = 0
    overtaken: int = 0


class Tables:
    """The tables of one layout in one database.

    :param database: where they are, or will be.
    :param layout: what they are.
    """

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._staging = {table.name: f"_bigcommerce_staging_{number}" for number, table in enumerate(layout.tables)}
        self.deletes = Deletes(database, layout, database.staging(self._staging[layout.main.name]))

    @property
    def name(self) -> str:
        """The main table, with its schema."""
        return self._database.qualified(self._layout.main.name)

    # -- what is there

    def exists(self) -> bool:
        """Whether the main table is there."""
        return bool(self._database.columns_of(self._layout.main.name))

    def check(self, *, is_ours: bool) -> None:
        """Hold the tables that exist against the layout.

        :param is_ours: whether a run of ours has filled them; only then may they lack columns, which are added.
        :raises InvalidQueryError: a key, a type or a column does not fit.
        """
        for table in self._layout.tables:
            found = self._database.columns_of(table.name)
            if found:
                self._check_types(table)
                self._check_key(table)
                missing = [column.name for column in table.columns if column.name not in found]
                if missing and not is_ours:
                    raise InvalidQueryError(
                        f"The table {self._database.qualified(table.name)} was not made by this provider and lacks the columns "
                        f"{', '.join(missing)}. It is left as it is. Give another table, or make this one fit:\n"
                        f"{self._database.create_statement(table)};"
                    )

    def _check_types(self, table: Table) -> None:
        database, misfits = self._database, self._database.misfits(table)
        wrong = [
            f"{column.name} is {misfits[column.name] or 'untyped'}, needed is {database.type_of(column, table)}"
            for column in table.columns
            if column.name in misfits
        ]
        if wrong:
            raise InvalidQueryError(
                f"The table {self._database.qualified(table.name)} has columns of other types than {self._layout.resource!r} needs: "
                f"{'; '.join(wrong)}. It is left as it is. Give another table, or change these columns."
            )

    def _check_key(self, table: Table) -> None:
        keys = self._database.unique_keys_of(table.name)
        if frozenset(table.key) not in keys:
            columns = ", ".join(map(self._database.quote, table.key))
            has = "; ".join(", ".join(sorted(key)) for key in keys) or "none"
            raise InvalidQueryError(
                f"The table {self._database.qualified(table.name)} has no unique key of exactly ({columns}), by which rows are replaced; "
                f"its unique keys: {has}. Add one (ALTER TABLE ... ADD PRIMARY KEY ({columns})), or give another table."
            )

    def prepare(self) -> None:
        """Make the tables that are missing, and add the columns that a later schema has."""
        database = self._database
        for table in self._layout.tables:
            found = database.columns_of(table.name)
            if not found:
                database.create_table(table)
                continue
            for column in table.columns:
                if column.name not in found:
                    log.info("The table %s gets the column %s, which is new.", database.qualified(table.name), column.name)
                    database.add_column(table, column)

    # -- staging

    def create_staging(self) -> None:
        """Make the staging tables, which are this connection's and go with it."""
        for table in self._layout.tables:
            self._database.create_staging(self._staging[table.name], table)

    def staging(self, table: str) -> str:
        """The staging table of ``table``, as the database's methods call it."""
        return self._staging[table]

    def stage(self, table: str, rows: object) -> None:
        """Append an Arrow table to the staging table of ``table``."""
        columns = next(each.columns for each in self._layout.tables if each.name == table)
        self._database.put(self._staging[table], [column.name for column in columns], rows)

    # -- merging

    def merge(self, *, keeps_unchanged: bool = False) -> Merged:
        """Put the staged rows in: new ones are added, known ones replaced, with all their child rows.

        A row that a later run has read in the meantime stays as that run left it.

        :param keeps_unchanged: whether rows that came as they are in the table are left as they are, by their hashes."""
        database, main = self._database, self._layout.main
        staging, quote = database.staging(self._staging[main.name]), database.quote
        for table in self._layout.tables:
            database.refresh_statistics(self._staging[table.name], table.key, self.name)
        known = f"SELECT 1 FROM {self.name} present WHERE {database.same(main.key, 'present', main.key, staging)}"
        overtaken = database.execute(
            f"DELETE FROM {staging} WHERE EXISTS ({known} AND present.{quote(SYNCED_AT)} > {staging}.{quote(SYNCED_AT)})"
        )
        unchanged = 0
        if keeps_unchanged:
            same_hash = f"present.{quote(ROW_HASH)} = {staging}.{quote(ROW_HASH)}"
            unchanged = database.execute(
                f"DELETE FROM {staging} WHERE EXISTS ({known} AND {same_hash} AND present.{quote(DELETED_AT)} IS NULL)"
            )
        for child in self._layout.tables[1:]:
            self._replace_children(child, staging)
        database.upsert(main, self._staging[main.name])
        [(count,)] = database.rows(f"SELECT count(*) FROM {staging}")
        return Merged(int(count), unchanged, overtaken)

    def discard_staged(self) -> Merged:
        """Leave the tables as they are: a run that began later has read all that this one did."""
        staging = self._database.staging(self._staging[self._layout.main.name])
        [(count,)] = self._database.rows(f"SELECT count(*) FROM {staging}")
        return Merged(0, overtaken=int(count))

    def _replace_children(self, child: Table, staging: str) -> None:
        database = self._database
        table, staged = database.qualified(child.name), database.staging(self._staging[child.name])
        key = self._layout.main.key
        database.execute(
            f"DELETE FROM {table} WHERE EXISTS (SELECT 1 FROM {staging} staged WHERE {database.same(key, 'staged', child.root, table)})"
        )
        names = ", ".join(database.quote(column.name) for column in child.columns)
        database.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {staged} part "
            f"WHERE EXISTS (SELECT 1 FROM {staging} staged WHERE {database.same(key, 'staged', child.root, 'part')})"
        )
