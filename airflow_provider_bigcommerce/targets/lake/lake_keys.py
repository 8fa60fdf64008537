"""The keys of a table in a lake, checked against those of the store: which rows are gone, and which are back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_bigcommerce.engine.deletes import Compared
from airflow_provider_bigcommerce.rows.row_keys import Key
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import Part
from airflow_provider_bigcommerce.targets.lake.table_schema import Layout, key_array, key_values, keys_as_array


class LakeKeys:
    """The keys of a table, and those of the store.

    :param parts: of the table.
    :param reader: of them.
    :param layout: of the table.
    :param staged: keys of the staged rows, where these are all that the store has; None where keys are still to come.
    """

    def __init__(self, parts: Sequence[Part], reader: PartReader, layout: Layout, staged: list[Any] | None) -> None:
        self._parts, self._reader, self._layout = parts, reader, layout
        self._store: list[Any] = staged if staged is not None else []
        self.back: Any = keys_as_array([], layout)

    def add(self, keys: Sequence[Key]) -> None:
        """Take keys that the store has."""
        if keys:
            self._store.append(keys_as_array(keys, self._layout))

    def compare(self) -> Compared:
        """Hold them against the table's; notes which rows are marked as deleted that the store has."""
        import pyarrow.compute as compute

        pa: Any = load_pyarrow()
        layout, live, gone, back = self._layout, 0, list[Key](), [self.back]
        store = pa.concat_arrays(self._store) if self._store else keys_as_array([], layout)
        for part in self._parts:
            rows = self._reader.columns(part.name, [*layout.key_roots, DELETED_AT])
            keys = key_array(rows, layout.key)
            there = compute.is_in(keys, value_set=store)
            deleted = rows.column(DELETED_AT).combine_chunks() if DELETED_AT in rows.schema.names else pa.nulls(len(keys))
            is_live = compute.is_null(deleted)
            live += compute.sum(is_live).as_py() or 0
            gone += key_values(rows.filter(compute.and_(is_live, compute.invert(there))), layout.key)
            back.append(keys.filter(compute.and_(compute.invert(is_live), there)))
        self.back = pa.concat_arrays(back)
        return Compared(live, gone)

    def among(self, keys: Sequence[Key]) -> Compared:
        """Which of these keys are rows of the table that are not marked."""
        import pyarrow.compute as compute

        layout, live, found = self._layout, 0, list[Key]()
        asked = keys_as_array(keys, layout)
        for part in self._parts:
            rows = self._reader.columns(part.name, [*layout.key_roots, DELETED_AT])
            if DELETED_AT in rows.schema.names:
                rows = rows.filter(compute.is_null(rows.column(DELETED_AT)))
            live += rows.num_rows
            found += key_values(rows.filter(compute.is_in(key_array(rows, layout.key), value_set=asked)), layout.key)
        return Compared(live, found)
