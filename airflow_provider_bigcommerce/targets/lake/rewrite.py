"""Copy-on-write: parts in which a row changes are written again, a few row groups at a time, and staged rows go where their keys were.

What it costs are the rows of the parts that it touches, whatever the number of changes. New rows, which are the likeliest to change, are
kept in small parts: a large part is never written again to take one, one whose last rows change is cut before them, and small parts
become a large one when they are many. So each row is written a bounded number of times on its way into a large part
(docs/how-to/keep-lakehouse-tables.md). Nothing here is seen before a commit names it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, load_pyarrow
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.part_reader import READ_ROWS, PartReader
from airflow_provider_bigcommerce.targets.lake.parts import PART_BYTES, PART_ROWS, EncodingThread, Part, PartWriter
from airflow_provider_bigcommerce.targets.lake.rewrite_plan import Coming, Plan, Touched
from airflow_provider_bigcommerce.targets.lake.table_schema import Layout, conformed

log = logging.getLogger(__name__)

#: Staged bytes and rows up to which these are put next to the keys that they replace, which takes them all into memory; more of them stay
#: in their own parts.
MERGED_BYTES: Final = 32 * 2**20
MERGED_ROWS: Final = 100_000
#: Bytes up to which the newest part takes rows with new keys; a run writes it again, 0.3 s of CPU for 8 MB of products.
GROWING_BYTES: Final = 8 * 2**20
#: Parts that are smaller are folded into one when there are more than so many; a part is cut where this much of it stays as it is. Eight
#: parts that have grown become one of some 64 MB.
SMALL_BYTES: Final = 16 * 2**20
MOST_SMALL: Final = 8
#: Rows to one that is dropped, from which on leaving it out piece by piece takes less CPU than a copy of all columns without it: 3 of 17 us
#: a row of products where one in 1,000 is dropped, nothing where one in 300 is (measured).
FEW_DROPPED: Final = 500


@dataclass(slots=True, eq=False)
class Unit:
    """Parts that are written again as one, with the staged rows that go there.

    :param sources: the parts.
    :param rows: tables and the positions in them of the rows; taken when they are written, a few at a time.
    """

    sources: list[Touched] = field(default_factory=list)
    rows: list[tuple[Any, Any]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the sources."""
        return sum(source.part.bytes for source in self.sources)


@dataclass(slots=True)
class Rewritten:
    """What a commit is to name.

    :param added: parts that become data.
    :param removed: parts that are no longer data.
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
    :param reader: of the parts.
    :param part_bytes: of a part, after which the next begins.
    """

    def __init__(
        self, destination: Destination, folder: str, layout: Layout, schema: Any, reader: PartReader, *, part_bytes: int = PART_BYTES
    ) -> None:
        import pyarrow.compute

        self._destination, self._folder, self._layout, self._schema = destination, folder, layout, schema
        self._part_bytes = part_bytes
        self._reader = reader
        self._pc: Any = pyarrow.compute
        self._done = Rewritten()
        self._at: Any = None
        self._newest_large = ""

    def write(self, coming: Coming, plan: Plan, parts: Sequence[Part]) -> Rewritten:
        """Write the parts that the plan asks for.

        :param parts: of the table.
        :raises DestinationError: a part cannot be read or written.
        """
        done = self._done = Rewritten()
        self._at = coming.at
        self._newest_large = max((part for part in parts if part.bytes >= SMALL_BYTES), key=_age, default=_NO_PART).name
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
        # In one piece: rows are taken from it for each part, and Arrow would put the pieces together each time.
        staged = pa.concat_tables(tables).combine_chunks()
        for touched in units:
            taken = touched.sources[0].taken
            if len(taken):
                touched.rows.append((staged, taken))
        new = self._pc.indices_nonzero(plan.new)
        if not len(new):
            return
        newest = max(parts, key=_age)
        unit = next((unit for unit in units if unit.sources[0].part.name == newest.name), None)
        if unit is not None and newest.bytes >= GROWING_BYTES and self._bytes_behind_cut(unit) >= GROWING_BYTES:
            unit = None
        if unit is None:
            unit = Unit([_whole(newest)] if newest.bytes < GROWING_BYTES else [])
            units.append(unit)
        unit.rows.append((staged, new))

    def _folded(self, units: list[Unit], parts: Sequence[Part]) -> list[Unit]:
        """The units, with small parts folded into one unit where there are many."""
        if not units and not self._done.added:
            return units  # nothing is committed, so nothing is tidied
        # The newest rows stay apart: the next run writes them again.
        begins = any(not unit.sources for unit in units)
        newest = max(parts, key=_age).name if parts and not begins else ""
        touched = {source.part.name for unit in units for source in unit.sources}
        small_units = [unit for unit in units if unit.size < SMALL_BYTES]
        small_parts = [part for part in parts if part.bytes < SMALL_BYTES and part.name not in touched]
        small_added = [part for part in self._done.added if part.bytes < SMALL_BYTES]
        if len(small_units) + len(small_parts) + len(small_added) <= MOST_SMALL:
            return units
        folded = [unit for unit in small_units if unit.sources and unit.sources[0].part.name != newest]
        folded += [Unit([_whole(part)]) for part in small_parts if part.name != newest]
        if len(folded) < 2:
            return units
        log.info("%d small files of the table become one.", len(folded))
        folded.sort(key=lambda unit: _age(unit.sources[0].part))
        one = Unit([source for unit in folded for source in unit.sources], [rows for unit in folded for rows in unit.rows])
        return [*(unit for unit in units if unit not in folded), one]

    # -- writing

    def _write_unit(self, unit: Unit, *, is_staged: bool = False) -> None:
        """Write a unit's rows into parts of bounded size.

        :param is_staged: whether its sources are staged parts, which no commit has named.
        """
        if not is_staged:
            self._done.removed += [source.part for source in unit.sources]
        cut = None if is_staged else self._cut(unit)
        writer: PartWriter | None = None
        encoder = EncodingThread()
        written = 0
        try:
            for table in self._rows(unit, cut):
                encoder.wait()
                # A full part has room for the rows that replace some of its own.
                if writer is not None and (writer.is_full(self._part_bytes * 5 // 4, PART_ROWS * 5 // 4) or written == cut):
                    closing, writer = writer, None
                    self._take(closing)
                if writer is None:
                    plain = self._reader.without_repeats(unit.sources[0].part.name) if unit.sources else frozenset[str]()
                    writer = PartWriter(self._destination, self._folder, self._schema, self._layout.key, plain)
                encoder.encode(writer, table)
                written += table.num_rows
            encoder.wait()
            if writer is not None:
                closing, writer = writer, None
                self._take(closing)
        finally:
            encoder.end()
            if writer is not None:
                writer.abort()

    def _take(self, writer: PartWriter) -> None:
        part = writer.close()
        self._done.made.append(part)
        self._done.added.append(part)

    def _cut(self, unit: Unit) -> int | None:
        """Rows of the newest large part that stand before the first that changes, and get a part of their own; None where they are too few.

        Where the same rows change again, as the newest do, the next run writes the rest of the part alone. Changes elsewhere are as likely
        anywhere, and a cut would only make more parts.
        """
        if len(unit.sources) != 1 or unit.sources[0].part.name != self._newest_large:
            return None
        [source] = unit.sources
        changed = [mask for mask in (source.dropped, source.marked, source.unmarked) if mask is not None]
        if not changed or not source.part.rows:
            return None
        first = min(self._pc.index(mask, True).as_py() for mask in changed)
        return first if first * unit.size >= SMALL_BYTES * source.part.rows and first < source.part.rows else None

    def _bytes_behind_cut(self, unit: Unit) -> int:
        """Bytes of a large part that stand behind its cut, about; all of it where it is not cut."""
        rows, cut = unit.sources[0].part.rows, self._cut(unit)
        return unit.size if cut is None or not rows else unit.size * (rows - cut) // rows

    def _rows(self, unit: Unit, cut: int | None) -> Iterator[Any]:
        """The rows of a unit; a table ends at the cut."""
        start = 0
        for source in unit.sources:
            for table in self._kept(source) if source.kept else ():
                head = 0 if cut is None else cut - start
                start += table.num_rows
                if 0 < head < table.num_rows:
                    yield table.slice(0, head)
                    table = table.slice(head)  # noqa: PLW2901  # the rest of it
                yield table
        for staged, positions in unit.rows:
            for first in range(0, len(positions), READ_ROWS):
                yield staged.take(positions.slice(first, READ_ROWS))

    def _kept(self, source: Touched) -> Iterator[Any]:
        """The rows of a part that stay, with their marks."""
        start = 0
        for batch in self._reader.batches(source.part.name):
            count = batch.num_rows
            table = conformed(batch, self._schema)
            table = self._marked(table, _slice(source.marked, start, count), _slice(source.unmarked, start, count), source)
            dropped = _slice(source.dropped, start, count)
            if dropped is not None:
                table = self._without(table, dropped)
            start += count
            if table.num_rows:
                yield table

    def _without(self, table: Any, dropped: Any) -> Any:
        """The rows that are not dropped; what stands between few of them is not copied."""
        gaps = self._pc.indices_nonzero(dropped)
        if len(gaps) * FEW_DROPPED > table.num_rows:
            return table.filter(self._pc.invert(dropped))
        edges = [-1, *gaps.to_pylist(), table.num_rows]
        return load_pyarrow().concat_tables([table.slice(gap + 1, until - gap - 1) for gap, until in itertools.pairwise(edges)])

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


_NO_PART: Final = Part("", None, 0)


def _slice(mask: Any, start: int, count: int) -> Any:
    return None if mask is None else mask.slice(start, count)


def _whole(part: Part) -> Touched:
    """A part that is written again although nothing in it changes."""
    return Touched(part, None, None, None, 1 if part.rows is None else part.rows, None)


def _age(part: Part) -> tuple[int, int]:
    """What tells the newest part: the highest id, else the time at which it was written."""
    return (part.highest if isinstance(part.highest, int) else -1, part.modified)
