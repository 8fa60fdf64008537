"""A resource's copy in a table of ``BigCommerceToSqlOperator``: its index by pages of keys, its rows compared by the database itself.

The store's rows go through the same reader into staging tables, so that two values are equal when the database says so.
"""
# ruff: noqa: S608  # statements are put together from quoted identifiers; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.reconciling import Bounds, Key
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP
from airflow_provider_bigcommerce.engine.bounds import bounds_of
from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
from airflow_provider_bigcommerce.engine.stored_copy import Columns, CopyIndex, Repair, seconds
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, without_empty
from airflow_provider_bigcommerce.rows.row_keys import key_of
from airflow_provider_bigcommerce.rows.schemas import EXTRA, OURS, SYNCED_AT, Schema
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import ROW_HASH, Layout, layout_of, short
from airflow_provider_bigcommerce.targets.sql.loading import OneThread, StagingWriter
from airflow_provider_bigcommerce.targets.sql.syncs import SYNCS, Syncs, filters_hash, manifest_of, moment_text
from airflow_provider_bigcommerce.targets.sql.tables import Tables

#: Rows that are asked for at once.
_PAGE = 20_000


class TableCopy:
    """The copy of a resource in a table.

    Its connection lives in a thread of its own; everything here waits for that thread.

    :param database: an open connection of that thread.
    :param thread: the thread.
    :param resource: the catalog's row.
    :param table: the table's name.
    :param schema: the resource's columns.
    :raises InvalidQueryError: the table was not filled by this provider with that resource.
    """

    def __init__(self, database: Database, thread: OneThread, resource: Resource, table: str, schema: Schema) -> None:
        self._database = database
        self._thread = thread
        self._resource = resource
        self._table = table
        self._runs, self._nested, self._filters = thread.run(self._past)
        is_hashed = ROW_HASH in thread.run(database.columns_of, table)
        self._layout = layout_of(schema, table, self._nested, resource.primary_key, is_hashed=is_hashed)
        self._columns = Columns(resource)
        self._target = Tables(database, self._layout)
        self._has_staging = False

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"the table {self._database.qualified(self._table)}"

    @property
    def manifest(self) -> Manifest:
        """The newest of the runs that filled it."""
        return self._runs[0]

    def bounds(self) -> Bounds:
        """Which rows of the store it covers."""
        return bounds_of(self._runs, self._resource)

    def _past(self) -> tuple[list[Manifest], str, Mapping[str, str]]:
        """The runs that filled the table with the newest one's filters, the newest first, and how they keep nested values.

        Only the newest manifest is read: of the others, what the columns tell is in copies of it.
        """
        database, name = self._database, self._database.qualified(SYNCS.name)
        there = database.columns_of(SYNCS.name)
        table = database.spelling_of(self._table)
        # An earlier version's rows tell by their manifests alone when they began to read.
        is_untold = "read_at IS NULL AND" if "read_at" in there else ""
        whole = f"SELECT manifest, run_key, {database.quote('resource')}, nested, filters FROM {name} WHERE"
        found: list[tuple[Manifest, Any, Any, Any, Any]] = []
        if there:
            rows = database.rows(f"{whole} {is_untold} table_name = ?", (table,))
            if "read_at" in there:
                [(last,)] = database.rows(f"SELECT max(read_at) FROM {name} WHERE table_name = ?", (table,))
                if last is not None:
                    rows += database.rows(f"{whole} table_name = ? AND read_at = ?", (table, last))
            found = [(manifest_of(value), *others) for value, *others in rows]
        if not found or not database.columns_of(self._table):
            raise InvalidQueryError(
                f"The table {database.qualified(self._table)} holds no copy of {self._resource.name!r}: no run of BigCommerceToSqlOperator "
                "has filled it. Name the table that one fills, and let this task come after it."
            )
        newest, newest_run, resource, nested, filters = max(found, key=lambda each: each[0].order)
        if resource != self._resource.name:
            raise InvalidQueryError(
                f"The table {database.qualified(self._table)} holds {resource!r}, not {self._resource.name!r}. Name the other table."
            )
        others = [run for run, key, *_, same in found if same == filters and key != newest_run]
        if "read_at" in there:
            others += self._told(newest, str(newest_run), table, str(filters))
        return [newest, *others], str(nested), json.loads(filters)

    def _told(self, newest: Manifest, newest_run: str, table: str, filters: str) -> list[Manifest]:
        """What the columns say about the other runs with these filters, as copies of the newest manifest.

        Of the runs that moved the watermark, and of the reads of everything, one stands for all: there is one for each hour of a year.
        """
        database = self._database
        of_these = f"FROM {database.qualified(SYNCS.name)} WHERE table_name = ? AND filters_hash = ?"
        own = (table, filters_hash(filters))
        columns = f"{database.quote('mode')}, window_since, window_until, watermark, read_at, run_key"
        # Reads of everything, backfills, repairs; those of an earlier version tell by their manifests when they began to read.
        rows = [row for row in database.rows(f"SELECT {columns} {of_these} AND watermark IS NULL", own) if row[4] is not None]
        whole = [row for row in rows if row[:3] == ("full", None, None)]
        rows = [row for row in rows if row[:3] != ("full", None, None)] + sorted(whole, key=lambda row: row[4])[-1:]
        watermark = database.greatest("watermark", of_these, own)
        if watermark is not None:
            of_these += " AND watermark IS NOT NULL"
            since = f"SELECT window_since {of_these} AND window_since IS"
            begin = database.rows(f"{since} NULL", own, most=1)
            begin = begin or database.rows(f"{since} NOT NULL ORDER BY window_since", own, most=1)
            rows.append(("incremental", begin[0][0], None, watermark, watermark, ""))
        found = []
        for mode, *moments, run in rows:
            if run != newest_run:
                begun, until, reached, read_at = (None if each is None else moment_text(each) for each in moments)
                window = ManifestWindow(since=begun, until=until)
                found.append(msgspec.structs.replace(newest, mode=mode, window=window, watermark=reached, read_at=read_at))
        return found

    # -- the index

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows, page by page in the order of the key."""
        index = CopyIndex(self._columns)
        names = [*self._columns.names, SYNCED_AT]
        there = self._thread.run(self._database.columns_of, self._table)
        columns = {name: short(name) for name in names if short(name) in there}
        place = 0
        for page in self._pages(list(columns.values())):
            for row in page:
                key = row[: len(self._layout.main.key)]
                fields = dict(zip(columns, row[len(key) :], strict=True))
                began = seconds(fields.get(SYNCED_AT)) - int(DEFAULT_OVERLAP.total_seconds())
                index.put(key_of(key), place, fields, as_of=began)
                place += 1
        return index

    def _pages(self, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
        main = self._layout.main
        last: tuple[Any, ...] = ()
        while True:
            page = self._thread.run(self._database.page, main, columns, last, _PAGE)
            yield page
            if len(page) < _PAGE:
                return
            last = page[-1][: len(main.key)]

    # -- rows

    def batches(self, keys: Collection[Key] | None) -> Iterator[TableBatch]:
        """The rows of these keys, or all."""
        if keys is not None:
            if keys:
                yield TableBatch(list(keys), self)
            return
        for page in self._pages(()):
            if page:
                yield TableBatch([key_of(row) for row in page], self)

    def differences(self, records: Mapping[Key, msgspec.Raw]) -> dict[Key, list[str]]:
        """The rows of the table that are not what the store has, with the names of their columns or child tables that differ."""
        return self._thread.run(self._differences, list(records.values())) if records else {}

    def _differences(self, records: Sequence[msgspec.Raw]) -> dict[Key, list[str]]:
        database, target, main = self._database, self._target, self._layout.main
        if not self._has_staging:
            target.create_staging()
            self._has_staging = True
        reader = self._reader(datetime.now().astimezone())
        for name, rows in reader.read(records).items():
            database.execute(f"DELETE FROM {database.staging(target.staging(name))}")
            if rows.num_rows:
                target.stage(name, rows)
        there = database.columns_of(main.name)
        ours = {*OURS, ROW_HASH}
        compared = [column for column in main.columns if column.name in there and column.name not in ours and column.name not in main.key]
        found: dict[Key, list[str]] = {}
        for row in database.differences(main, target.staging(main.name), compared):
            key = key_of(row[: len(main.key)])
            for column, differs in zip(compared, row[len(main.key) :], strict=True):
                if differs:
                    found.setdefault(key, []).append(column.name)
        self._forget_empty(found)
        for child in self._layout.tables[1:]:
            there = database.columns_of(child.name)
            columns = [column for column in child.columns if column.name in there]
            staged = target.staging(child.name), main, target.staging(main.name)
            for row in database.child_differences(child, *staged, columns):
                found.setdefault(key_of(row), []).append(child.name)
        for table in self._layout.tables:
            database.execute(f"DELETE FROM {database.staging(target.staging(table.name))}")
        return found

    def _forget_empty(self, found: dict[Key, list[str]]) -> None:
        """Take back the differences of ``_extra`` that are empty values alone, which earlier versions kept there."""
        if not any(EXTRA in names for names in found.values()):
            return
        database, main = self._database, self._layout.main
        key = ", ".join(f"present.{database.quote(name)}" for name in main.key)
        extra = database.quote(EXTRA)
        rows = database.rows(
            f"SELECT {key}, present.{extra}, staged.{extra} FROM {database.qualified(main.name)} present "
            f"JOIN {database.staging(self._target.staging(main.name))} staged ON {database.same(main.key, 'present', main.key, 'staged')}"
        )
        for row in rows:
            names = found.get(key_of(row[: len(main.key)]), [])
            copy, stored = row[len(main.key) :]
            if EXTRA in names and without_empty(copy) == without_empty(stored):
                names.remove(EXTRA)
        for unequal in [each for each, names in found.items() if not names]:
            del found[unequal]

    def _reader(self, synced_at: datetime) -> BlockReader:
        return BlockReader(
            self._layout,
            Discrepancies(),
            synced_at=synced_at,
            store_hash=self.manifest.store_hash,
            holds_any_text=self._database.holds_any_text,
            holds_any_json=self._database.holds_any_json,
        )

    # -- repair

    def repair(self, run: str, synced_at: datetime) -> TableRepair:
        """Begin to write rows again."""
        if not self._has_staging:
            self._thread.run(self._target.create_staging)
            self._has_staging = True
        syncs = Syncs(self._database, self._layout, store_hash=self.manifest.store_hash, filters=self._filters, run=run)
        self._thread.run(syncs.create)
        return TableRepair(self._database, self._target, syncs, self._layout, self._thread, self._reader(synced_at))


@dataclass(frozen=True, slots=True)
class TableBatch:
    """Some rows of a copy in a table, which compares them itself.

    :param keys: theirs.
    :param copy: the table.
    """

    keys: Sequence[Key]
    copy: TableCopy

    def differences(self, records: Mapping[Key, msgspec.Raw]) -> dict[Key, list[str]]:
        """The rows that are not what the store has, with the names of their columns that differ."""
        return self.copy.differences(records)


class TableRepair(Repair):
    """Repaired rows on their way into the table, in one transaction."""

    def __init__(self, database: Database, target: Tables, syncs: Syncs, layout: Layout, thread: OneThread, reader: BlockReader) -> None:
        super().__init__(StagingWriter(target, reader, thread))
        self._database, self._target, self._syncs, self._layout, self._thread = database, target, syncs, layout, thread

    def commit(self, manifest: Manifest) -> None:
        """Merge, and write the run's row."""

        def change() -> None:
            if not self._database.ddl_is_transactional:
                self._target.prepare()
            self._database.begin(self._layout.main.name)
            if self._database.ddl_is_transactional:
                self._target.prepare()
            self._target.merge()
            self._syncs.write(msgspec.structs.replace(manifest, sequence=self._syncs.next_sequence()))
            self._database.commit()

        self._thread.run(change)
