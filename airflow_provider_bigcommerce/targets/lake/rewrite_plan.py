"""Which rows of a table's parts a run replaces, marks or drops: read from the keys alone.

Parts whose keys lie outside of the run's are not opened; of the others only the columns that decide are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, SYNCED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import Part
from airflow_provider_bigcommerce.targets.lake.table_schema import ROW_HASH, Layout, key_array


@dataclass(frozen=True, slots=True)
class Coming:
    """What a run brings.

    :param parts: staged, in order.
    :param keys: of their rows, in that order; from ``key_array``.
    :param hashes: likewise their digests; None where rows are not compared.
    :param at: the store's time at which the read began.
    :param gone: keys of rows that the store no longer has.
    :param back: keys of rows that are marked as deleted and that the store has.
    :param removes: whether rows that are gone are dropped, or marked.
    """

    parts: Sequence[Part]
    keys: Any
    hashes: Any | None
    at: datetime
    gone: Any
    back: Any
    removes: bool


@dataclass(slots=True)
class Touched:
    """A part of the table in which something changes.

    :param part: which.
    :param dropped: a mask of the rows that go; None for no row.
    :param marked: of those that get ``_deleted_at``.
    :param unmarked: of those that lose it.
    :param kept: how many rows stay.
    :param taken: positions of the staged rows that replace rows of it.
    """

    part: Part
    dropped: Any | None
    marked: Any | None
    unmarked: Any | None
    kept: int
    taken: Any


@dataclass(slots=True)
class Plan:
    """What a run changes.

    :param touched: the parts in which something changes.
    :param left: a mask of the staged rows that are not written, or None.
    :param new: a mask of the staged rows whose keys the table does not have.
    :param unchanged: staged rows that are in the table as they came.
    :param overtaken: staged rows that a run has read which began later.
    :param deleted: rows that were marked or dropped, as the store no longer has them.
    """

    touched: list[Touched] = field(default_factory=list)
    left: Any = None
    new: Any = None
    unchanged: int = 0
    overtaken: int = 0
    deleted: int = 0


def planned(coming: Coming, parts: Sequence[Part], layout: Layout, reader: PartReader) -> Plan:
    """Hold what a run brings against the table."""
    return _Planning(coming, layout, reader).run(parts)


class _Planning:
    def __init__(self, coming: Coming, layout: Layout, reader: PartReader) -> None:
        import pyarrow.compute

        self._coming, self._layout, self._reader = coming, layout, reader
        self._pa: Any = load_pyarrow()
        self._pc: Any = pyarrow.compute
        self._at = self._pa.scalar(coming.at, self._pa.timestamp("us", "UTC"))
        wanted = [*layout.key_roots, SYNCED_AT, DELETED_AT, *([ROW_HASH] if coming.hashes is not None else [])]
        self._columns = list(dict.fromkeys(wanted))
        # Whole numbers tell without a look into a part whether it can hold a key; a text's order is not the statistics'.
        self._numbers = [keys for keys in (coming.keys, coming.gone, coming.back) if len(keys) and self._pa.types.is_integer(keys.type)]
        self._is_number = len(layout.key) == 1 and self._pa.types.is_integer(coming.keys.type)

    def run(self, parts: Sequence[Part]) -> Plan:
        plan, coming, pc = Plan(), self._coming, self._pc
        met, unchanged, overtaken = list[Any](), list[Any](), list[Any]()
        if len(coming.keys) or len(coming.gone) or len(coming.back):
            for part in parts:
                if not self._may_hold(part):
                    continue
                rows = self._reader.columns(part.name, self._columns)
                found = self._look(part, rows, plan, met, unchanged, overtaken)
                if found is not None:
                    plan.touched.append(found)
        positions = self._pa.array(range(len(coming.keys)), self._pa.int32())
        left = [*unchanged, *overtaken]
        plan.unchanged, plan.overtaken = sum(len(rows) for rows in unchanged), sum(len(rows) for rows in overtaken)
        if left:
            plan.left = pc.is_in(positions, value_set=self._joined(left))
        plan.new = pc.invert(pc.is_in(positions, value_set=self._joined([*met, *left])))
        return plan

    def _joined(self, arrays: Sequence[Any]) -> Any:
        return self._pa.concat_arrays(arrays) if arrays else self._pa.array([], self._pa.int32())

    def _may_hold(self, part: Part) -> bool:
        """Whether a part may hold one of the keys."""
        if not self._is_number or not isinstance(part.lowest, int) or not isinstance(part.highest, int):
            return True
        pc = self._pc
        return any(
            pc.any(pc.and_(pc.greater_equal(keys, part.lowest), pc.less_equal(keys, part.highest))).as_py() for keys in self._numbers
        )

    def _look(self, part: Part, rows: Any, plan: Plan, met: list[Any], unchanged: list[Any], overtaken: list[Any]) -> Touched | None:
        """What changes in a part; None for nothing."""
        coming, pa, pc = self._coming, self._pa, self._pc
        if not rows.num_rows:
            return None
        keys = key_array(rows, self._layout.key)
        deleted = self._column(rows, DELETED_AT, pa.timestamp("us", "UTC"))
        is_live = pc.is_null(deleted)
        newer = pc.fill_null(pc.greater(self._column(rows, SYNCED_AT, pa.timestamp("us", "UTC")), self._at), False)
        at = pc.index_in(keys, value_set=coming.keys) if len(coming.keys) else pa.nulls(len(keys), pa.int32())
        hit = pc.is_valid(at)
        same = None
        if coming.hashes is not None and pc.any(hit).as_py():
            equal = pc.equal(self._column(rows, ROW_HASH, pa.string()), pc.take(coming.hashes, at))
            same = pc.and_(pc.fill_null(equal, False), pc.and_(is_live, pc.invert(newer)))
            unchanged.append(at.filter(pc.and_(hit, same)))
        overtaken.append(at.filter(pc.and_(hit, newer)))
        replaced = pc.and_(hit, pc.invert(newer if same is None else pc.or_(newer, same)))
        taken = at.filter(replaced)
        met.append(taken)
        is_old = pc.and_(pc.invert(newer), pc.invert(replaced))
        marked, unmarked, dropped = None, None, replaced
        if len(coming.gone):
            gone = pc.and_(pc.is_in(keys, value_set=coming.gone), is_old)
            if coming.removes:
                dropped = pc.or_(dropped, gone)
            else:
                marked = gone = pc.and_(gone, is_live)
            plan.deleted += self._count(gone)
        if len(coming.back):
            unmarked = pc.and_(pc.is_in(keys, value_set=coming.back), pc.and_(is_old, pc.invert(is_live)))
        counts = [0 if mask is None else self._count(mask) for mask in (dropped, marked, unmarked)]
        if not any(counts):
            return None
        dropped, marked, unmarked = (mask if count else None for mask, count in zip((dropped, marked, unmarked), counts, strict=True))
        return Touched(part, dropped, marked, unmarked, rows.num_rows - counts[0], taken)

    def _count(self, mask: Any) -> int:
        return int(self._pc.sum(mask).as_py() or 0)

    def _column(self, rows: Any, name: str, kind: Any) -> Any:
        """A column as one array of this type; nulls where the part has none."""
        if rows.schema.get_field_index(name) < 0:
            return self._pa.nulls(rows.num_rows, kind)
        return rows.column(name).combine_chunks().cast(kind)
