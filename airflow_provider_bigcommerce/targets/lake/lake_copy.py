"""A resource's copy in a table of a lake, to be compared with the store and repaired.

Holds a few thousand rows at a time; an index of keys, dates and amounts is all that grows with the copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.reconciling import Bounds, Key
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, Window
from airflow_provider_bigcommerce.engine.bounds import bounds_of, is_of_whole_store, runs_compared
from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.selection import select
from airflow_provider_bigcommerce.engine.spans import Span
from airflow_provider_bigcommerce.engine.stored_copy import Columns, CopyIndex, Repair, seconds
from airflow_provider_bigcommerce.engine.target import Run
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.schemas import OURS, SYNCED_AT
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.into_lake import IntoLake
from airflow_provider_bigcommerce.targets.lake.log_records import Names
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import RecordReader
from airflow_provider_bigcommerce.targets.lake.storage import table_storage
from airflow_provider_bigcommerce.targets.lake.table import LakeTable, identity_of
from airflow_provider_bigcommerce.targets.lake.table_schema import ROW_HASH, Layout, conformed, key_values, layout_of

#: Rows that are compared at once.
_ROWS = 5_000


class LakeCopy:
    """The copy of a resource in a table.

    :param path: the ``path`` of the operator that fills it.
    :param resource: the catalog's row.
    :param folder: the table's directory below the path.
    :raises InvalidQueryError: no run has filled it, or it is not one to continue with.
    """

    def __init__(self, path: str, resource: Resource, folder: str) -> None:
        storage = partial(table_storage, path, folder)
        identity = identity_of(storage())
        if identity is None:
            raise InvalidQueryError(
                f"{storage().uri} holds no table that BigCommerceToLakeOperator has filled with {resource.name!r}, so there is no copy to "
                "compare. Give the path of a task that fills one, and let this task come after it."
            )
        self._destination, self._folder, self._resource = Destination.at(path), folder, resource
        self._layout = layout_of(resource, str(identity["nested"]))
        self._store_hash = str(identity["store_hash"])
        self._table = LakeTable(self._destination, folder, self._layout, self._store_hash, storage)
        self._stands = self._table.look()
        runs = [] if self._stands is None else self._table.runs(self._stands, partial(is_of_whole_store, resource=resource))
        if not runs:
            raise InvalidQueryError(
                f"The log of {self._table.uri} holds no run any more, because the last one is older than the log keeps it. So it "
                "is unknown which rows the copy covers. Let the task that fills it run once."
            )
        self._runs = sorted(runs, key=lambda run: run.order, reverse=True)
        self._reader = PartReader(self._destination, folder)
        self._columns = Columns(resource)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"the table {self._table.uri}"

    @property
    def manifest(self) -> Manifest:
        """The newest of the runs that filled it."""
        return self._runs[0]

    def bounds(self) -> Bounds:
        """Which rows of the store it covers, by the runs that the log still has.

        Where older ones were cleaned up, the copy is compared from the beginning of the oldest that is left.
        """
        return bounds_of(runs_compared(self._runs, self._resource), self._resource)

    @property
    def _parts(self) -> Sequence[str]:
        return [] if self._stands is None else [part.name for part in self._stands.parts]

    def index(self) -> CopyIndex:
        """Read the keys, dates and amounts of all rows."""
        index, place, roots = CopyIndex(self._columns), 0, self._layout.key_roots
        overlap = int(DEFAULT_OVERLAP.total_seconds())
        for name in self._parts:
            rows = self._reader.columns(name, list(dict.fromkeys([*roots, *self._columns.names, SYNCED_AT])))
            there = [column for column in [*self._columns.names, SYNCED_AT] if column in rows.schema.names]
            for start in range(0, rows.num_rows, _ROWS):
                some = rows.slice(start, _ROWS)
                values = [some.column(column).to_pylist() for column in there]
                for key, *fields in zip(key_values(some, self._layout.key), *values, strict=True):
                    found = dict(zip(there, fields, strict=True))
                    index.put(key, place, found, as_of=seconds(found.get(SYNCED_AT)) - overlap)
                    place += 1
        return index

    # -- rows

    def batches(self, keys: Collection[Key] | None) -> Iterator[LakeBatch]:
        """The rows of these keys, or all."""
        for name in self._parts:
            if keys is not None:
                own = key_values(self._reader.columns(name, self._layout.key_roots), self._layout.key)
                if not any(key in keys for key in own):
                    continue
            for batch in self._reader.batches(name):
                read = key_values(batch, self._layout.key)
                at = [place for place, key in enumerate(read) if keys is None or key in keys]
                for start in range(0, len(at), _ROWS):
                    some = at[start : start + _ROWS]
                    rows = conformed(batch.take(some), self._layout.arrow).to_pylist()
                    yield LakeBatch([read[place] for place in some], rows, self._layout)

    # -- repair

    def repair(self, run: str, synced_at: datetime) -> LakeRepair:
        """Begin to write rows again, as a run of its own."""
        selection = select(
            resource=self._resource.name,
            mode="full",
            query=None,
            include=[],
            since=None,
            until=None,
            initial_since=None,
            overlap=timedelta(0),
            parent_ids=() if self._resource.parent_columns else None,
        )
        as_run = Run(run, run, selection, self._store_hash, datetime.now(UTC), {})
        names = Names.of(self._resource.name, selection.filters, run)
        into = IntoLake(
            as_run,
            self._destination,
            self._table,
            self._layout,
            names,
            self._stands,
            None,
            Span(Window(), None, may_drop=False),
            synced_at,
            "ignore",
        )
        return LakeRepair(into)


@dataclass(frozen=True, slots=True)
class LakeBatch:
    """Some rows of a table.

    :param keys: theirs.
    :param rows: the rows, in the same order.
    :param layout: of the table.
    """

    keys: Sequence[Key]
    rows: Sequence[Mapping[str, Any]]
    layout: Layout

    def differences(self, records: Mapping[Key, msgspec.Raw]) -> dict[Key, list[str]]:
        """The rows that are not what the store has, with the names of their fields that differ."""
        found: dict[Key, list[str]] = {}
        if not records:
            return found
        reader = RecordReader(self.layout, Discrepancies(), synced_at=datetime.now(UTC), store_hash="")
        stored = reader.table(list(records.values())).to_pylist()
        by_key = dict(zip(self.keys, self.rows, strict=True))
        for key, row in zip(records, stored, strict=True):
            copied = by_key[key]
            fields = [name for name in row if name not in OURS and name != ROW_HASH and row[name] != copied[name]]
            if fields:
                found[key] = fields
        return found


class LakeRepair(Repair):
    """Repaired rows on their way into the table.

    :param into: a try's way into it.
    """

    def __init__(self, into: IntoLake) -> None:
        super().__init__(into.writer)
        self._into = into

    def commit(self, manifest: Manifest) -> None:
        """Put the rows in, in one commit."""
        try:
            self._into.commit(manifest, Copied(query=manifest.query), lambda: None)
        finally:
            self._into.discard()
