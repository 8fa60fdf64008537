"""Copy-on-write: parts in which a row changes are written anew, a few row groups at a time, and staged rows go where their keys were.

What it costs are the rows of the parts that it touches, whatever the number of changes. Nothing here is seen before a commit names it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.layout import Layout, conformed
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import PART_BYTES, Part, PartWriter
from airflow_provider_bigcommerce.targets.lake.planning import Coming, Plan, Touched

log = logging.getLogger(__name__)

#: Staged bytes and rows up to which these are put beside the keys that they replace, which takes them all into memory; more of them stay
#: in their own parts.
MERGED_BYTES: Final = 32 * 2**20
MERGED_ROWS: Final = 100_000
#: Bytes up to which the newest part takes rows with new keys.
GROWING_BYTES: Final = 48 * 2**20
#: Parts that are smaller are folded into one when there are more than so many.
SMALL_BYTES: Final = 16 * 2**20
MOST_SMALL: Final = 8


@dataclass(slots=True)
class Unit:
    """Parts that are written anew as one, with the staged rows that go there."""

    sources: list[Touched] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the sources."""
        return sum(source.part.bytes for source in self.sources)


@dataclass(slots=True)
class Rewritten:
    """What a commit is to name.

    :param added: parts that become data.
    :param removed: parts that are data no more.
    :param made: of the added, those that were written for this plan alone, and go if it is not committed.
    """

    added: list[Part] = field(default_factory=list)
    removed: list[Part] = field(default_factory=list)
    made: list[Part] = field(default_factory=list)


class Rewriter:
    """Writes what a plan says.

    :param destination: the operator's path.
    :param folder: the table's directory below it.
    :param layout: of the table.
    :param schema: Arrow schema of the table, which may have more columns than the layout.
    :param part_bytes: of a part, after which the next begins.
    """

    def __init__(self, destination: Destination, folder: str, layout: Layout, schema: Any, *, part_bytes: int = PART_BYTES) -> None:
        import pyarrow.compute

        self._destination, self._folder, self._layout, self._schema = destination, folder, layout, schema
        self._part_bytes = part_bytes
        self._reader = PartReader(destination, folder)
        self._pc: Any = pyarrow.compute
        self._done = Rewritten()
        self._at: Any = None

    def write(self, coming: Coming, plan: Plan, parts: Sequence[Part]) -> Rewritten:
        """Write the parts that the plan asks for.

        :param parts: of the table.
        :raises DestinationError: a part cannot be read or written.
        """
        done = self._done = Rewritten()
        self._at = coming.at
        try:
            units = [Unit([touched]) for touched in plan.touched]
            if not parts or sum(part.bytes for part in coming.parts) > MERGED_BYTES or len(coming.keys) > MERGED_ROWS:
                self._register(coming, plan)
            else:
                self._distribute(coming, plan, parts, units)
            for unit in self._folded(units, parts):
                self._write_unit(unit)
        except BaseException:
            self.discard(done)
            raise
        return done

    def discard(self, done: Rewritten) -> None:
        """Remove what was written for a plan that no commit names; what may not be removed is tidied later, or stays unseen."""
        for part in done.made:
            with contextlib.suppress(DestinationError):
                self._destination.remove(f"{self._folder}/{part.name}")

    # -- where staged rows go

    def _register(self, coming: Coming, plan: Plan) -> None:
        """Take the staged parts as they are; those with rows that are left out are written once more without them."""
        start = 0
        for part in coming.parts:
            rows = part.rows or 0
            left = None if plan.left is None else plan.left.slice(start, rows)
            start += rows
            count = 0 if left is None else int(self._pc.sum(left).as_py() or 0)
            if not count:
                self._done.added.append(part)
            elif count < rows:
                self._write_unit(Unit([Touched(part, left, None, None, rows - count, None)]), is_staged=True)

    def _distribute(self, coming: Coming, plan: Plan, parts: Sequence[Part], units: list[Unit]) -> None:
        """Put staged rows into the units of the parts whose rows they replace, and rows with new keys into the newest part's."""
        pa: Any = load_pyarrow()
        if not coming.parts:
            return
        tables = [conformed(table, self._schema) for part in coming.parts for table in self._reader.batches(part.name)]
        staged = pa.concat_tables(tables)
        for touched in units:
            taken = touched.sources[0].taken
            if len(taken):
                touched.rows.append(staged.take(taken))
        new = staged.filter(plan.new)
        if not new.num_rows:
            return
        newest = max(parts, key=_age)
        grows = newest.bytes < GROWING_BYTES
        unit: Unit | None = next((unit for unit in units if grows and unit.sources[0].part.name == newest.name), None)
        if unit is None:
            unit = Unit([_whole(newest)] if grows else [])
            units.append(unit)
        unit.rows.append(new)

    def _folded(self, units: list[Unit], parts: Sequence[Part]) -> list[Unit]:
        """The units, with small parts folded into one unit where there are many."""
        touched = {source.part.name for unit in units for source in unit.sources}
        if not units and not self._done.added:
            return units  # nothing is committed, so nothing is tidied
        small_units = [unit for unit in units if unit.size < SMALL_BYTES]
        small_parts = [part for part in parts if part.bytes < SMALL_BYTES and part.name not in touched]
        small_added = [part for part in self._done.added if part.bytes < SMALL_BYTES]
        if len(small_units) + len(small_parts) + len(small_added) <= MOST_SMALL:
            return units
        log.info("%d small files of the table become one.", len(small_units) + len(small_parts))
        one = Unit()
        for unit in small_units:
            one.sources += unit.sources
            one.rows += unit.rows
        one.sources += [_whole(part) for part in small_parts]
        return [*(unit for unit in units if unit.size >= SMALL_BYTES), one]

    # -- writing

    def _write_unit(self, unit: Unit, *, is_staged: bool = False) -> None:
        """Write a unit's rows into parts of bounded size.

        :param is_staged: whether its sources are staged parts, which no commit has named.
        """
        if not is_staged:
            self._done.removed += [source.part for source in unit.sources]
        writer: PartWriter | None = None
        try:
            for table in self._rows(unit):
                if writer is None:
                    writer = PartWriter(self._destination, self._folder, self._schema, self._layout.key)
                writer.write(table)
                if writer.is_full(self._part_bytes):
                    closing, writer = writer, None
                    self._take(closing)
            if writer is not None:
                closing, writer = writer, None
                self._take(closing)
        finally:
            if writer is not None:
                writer.abort()

    def _take(self, writer: PartWriter) -> None:
        part = writer.close()
        self._done.made.append(part)
        self._done.added.append(part)

    def _rows(self, unit: Unit) -> Iterator[Any]:
        for source in unit.sources:
            if source.kept:
                yield from self._kept(source)
        yield from (rows for rows in unit.rows if rows.num_rows)

    def _kept(self, source: Touched) -> Iterator[Any]:
        """The rows of a part that stay, with their marks."""
        start = 0
        for batch in self._reader.batches(source.part.name):
            count = batch.num_rows
            table = conformed(batch, self._schema)
            table = self._marked(table, _slice(source.marked, start, count), _slice(source.unmarked, start, count), source)
            dropped = _slice(source.dropped, start, count)
            if dropped is not None:
                table = table.filter(self._pc.invert(dropped))
            start += count
            if table.num_rows:
                yield table

    def _marked(self, table: Any, marked: Any, unmarked: Any, source: Touched) -> Any:
        if source.marked is None and source.unmarked is None:
            return table
        pa: Any = load_pyarrow()
        at = table.schema.get_field_index(DELETED_AT)
        kind = table.schema.field(at).type
        column = table.column(at).combine_chunks()
        if marked is not None:
            column = self._pc.if_else(marked, pa.scalar(self._at, kind), column)
        if unmarked is not None:
            column = self._pc.if_else(unmarked, pa.scalar(None, kind), column)
        return table.set_column(at, table.schema.field(at), column)


def _slice(mask: Any, start: int, count: int) -> Any:
    return None if mask is None else mask.slice(start, count)


def _whole(part: Part) -> Touched:
    """A part that is written anew although nothing in it changes."""
    return Touched(part, None, None, None, 1 if part.rows is None else part.rows, None)


def _age(part: Part) -> tuple[int, int]:
    """What tells the newest part: the highest id, else the time at which it was written."""
    return (part.highest if isinstance(part.highest, int) else -1, part.modified)
