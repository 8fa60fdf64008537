"""How often a row is written on its way into a large part: a bounded number of times, after any number of runs. Sizes are a 500th."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.rows.schemas import SYNCED_AT
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake import parts as lake_parts
from airflow_provider_bigcommerce.targets.lake import rewrite
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import Part, PartWriter, RecordReader, StagingWriter
from airflow_provider_bigcommerce.targets.lake.rewrite import MOST_SMALL, Rewriter
from airflow_provider_bigcommerce.targets.lake.rewrite_plan import Coming, planned
from airflow_provider_bigcommerce.targets.lake.table_schema import conformed, key_array, layout_of

GROWING, SMALL, PART = 16_000, 32_000, 128_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LAYOUT = layout_of(CATALOG["brands"], "struct")


class Table:
    """A table without a log: parts, and upserts into them."""

    def __init__(self, path: Path) -> None:
        self.destination, self.parts, self.runs = Destination.at(str(path)), list[Part](), 0
        self.names: dict[int, str] = {}
        self.brought = self.written = self.most_written = 0
        self.dice = random.Random(3)

    def upsert(self, ids: list[int]) -> None:
        """A run that brings these rows."""
        self.runs += 1
        at = BEGAN + timedelta(hours=self.runs)
        names = [f"{number} of run {self.runs} {self.dice.randbytes(150).hex()}" for number in ids]
        self.names |= dict(zip(ids, names, strict=True))
        stamps = pa.array([at] * len(ids), pa.timestamp("us", "UTC"))
        rows = conformed(pa.table({"id": pa.array(ids, pa.int64()), "name": names, SYNCED_AT: stamps}), LAYOUT.arrow)
        writer = PartWriter(self.destination, "brands", LAYOUT.arrow, LAYOUT.key)
        writer.write(rows)
        staged = writer.close()
        none = pa.array([], pa.int64())
        coming = Coming([staged], key_array(rows, LAYOUT.key), None, at, none, none, removes=False)
        reader = PartReader(self.destination, "brands")
        plan = planned(coming, self.parts, LAYOUT, reader)
        done = Rewriter(self.destination, "brands", LAYOUT, LAYOUT.arrow, reader, part_bytes=PART).write(coming, plan, self.parts)
        gone = {part.name for part in done.removed}
        self.parts = [*(part for part in self.parts if part.name not in gone), *done.added]
        written = sum(part.bytes for part in done.made)
        self.brought, self.written = self.brought + staged.bytes, self.written + written
        self.most_written = max(self.most_written, written)

    def rows(self) -> Any:
        """All rows."""
        reader = PartReader(self.destination, "brands")
        return pa.concat_tables([table for part in self.parts for table in reader.batches(part.name)])


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # what is on the disk is not the subject, and a wait for it is most of the time
    monkeypatch.setattr(rewrite, "GROWING_BYTES", GROWING)
    monkeypatch.setattr(rewrite, "SMALL_BYTES", SMALL)
    return Table(tmp_path)


def test_new_rows_and_changes_of_the_newest_are_written_a_bounded_number_of_times(table: Table) -> None:
    newest = 0
    for _ in range(70):
        changed = sorted(table.dice.sample(range(max(1, newest - 80), newest + 1), min(newest, 10)))
        table.upsert([*changed, *range(newest + 1, newest + 51)])
        newest += 50

    found = table.rows()
    assert dict(zip(found.column("id").to_pylist(), found.column("name").to_pylist(), strict=True)) == table.names
    assert found.num_rows == newest
    size = sum(part.bytes for part in table.parts)
    small = [part for part in table.parts if part.bytes < SMALL]
    assert len(small) <= MOST_SMALL + 1
    assert len(table.parts) - len(small) <= size / SMALL
    # A run writes one or two of the newest parts anew, which are small, and now and then a fold of all small ones.
    assert table.most_written <= (MOST_SMALL + 1) * SMALL + PART
    assert table.written / table.runs <= 4 * GROWING
    assert size > 4 * PART, "too little came to tell"


def test_a_row_that_changes_at_the_end_of_a_large_part_is_cut_off_once_and_cheap_then(table: Table) -> None:
    table.upsert(list(range(1, 701)))
    [large] = table.parts
    assert large.bytes > 2 * SMALL
    spent = []
    for _ in range(4):
        before = table.written
        table.upsert([690, 701 + table.runs])
        spent.append(table.written - before)

    assert spent[0] > large.bytes / 2
    assert max(spent[1:]) < large.bytes / 5
    assert table.rows().num_rows == 704
    assert pc.count_distinct(table.rows().column("id")).as_py() == 704


def test_changes_all_over_a_table_do_not_cut_its_parts_into_pieces(table: Table) -> None:
    for first in range(0, 2800, 700):
        table.upsert(list(range(first + 1, first + 701)))
    before = len(table.parts)
    for _ in range(10):
        table.upsert([table.dice.randrange(1, 2000)])

    assert len(table.parts) == before
    assert table.rows().num_rows == 2800


def test_the_last_rows_of_a_large_load_get_a_part_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_parts, "_FIRST_BLOCK_BYTES", 1000)
    monkeypatch.setattr(lake_parts, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(lake_parts, "_ROW_GROUP_BYTES", 2000)
    monkeypatch.setattr(lake_parts, "_TAIL_BEHIND_BYTES", 20_000)
    reader = RecordReader(LAYOUT, Discrepancies(), synced_at=BEGAN, store_hash="abc123")
    dice = random.Random(5)
    for count, expected in ((500, 2), (20, 1)):
        writer = StagingWriter(Destination.at(str(tmp_path)), "brands", reader)
        for number in range(1, count + 1):
            writer.write([b'{"id":%d,"name":"%s"}' % (number, dice.randbytes(60).hex().encode())])
        writer.close()

        assert len(writer.parts) == expected
        assert sum(part.rows or 0 for part in writer.parts) == writer.rows == count
        assert pa.concat_arrays(writer.keys).to_pylist() == list(range(1, count + 1))
        if expected == 2:
            assert (writer.parts[1].rows or 0) < count / 10
            assert writer.parts[1].highest == count
