"""How a part is written again: which rows, in which order, and with which columns' dictionaries."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.rows.schemas import DELETED_AT, STORE_HASH, SYNCED_AT
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake import part_reader, rewrite
from airflow_provider_bigcommerce.targets.lake import parts as lake_parts
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.parts import Part, PartWriter
from airflow_provider_bigcommerce.targets.lake.rewrite import Rewriter, Rewritten
from airflow_provider_bigcommerce.targets.lake.rewrite_plan import Coming, planned
from airflow_provider_bigcommerce.targets.lake.table_schema import conformed, key_array, layout_of

LAYOUT = layout_of(CATALOG["brands"], "struct")
BEGAN, THEN = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
#: Rows of the part, and of each of its row groups.
ROWS, GROUP = 1_500, 250


def rows_of(ids: list[int], at: datetime) -> pa.Table:
    """Brands whose names do not repeat."""
    names = [f"{number} {random.Random(number).randbytes(20).hex()} at {at:%d}" for number in ids]
    marks = {SYNCED_AT: pa.array([at] * len(ids), pa.timestamp("us", "UTC")), STORE_HASH: ["abc123"] * len(ids)}
    return conformed(pa.table({"id": pa.array(ids, pa.int64()), "name": names, **marks}), LAYOUT.arrow)


def part_of(path: Path, ids: list[int], at: datetime) -> Part:
    """A part of these brands, some row groups long."""
    writer = PartWriter(Destination.at(str(path)), "brands", LAYOUT.arrow, LAYOUT.key)
    for start in range(0, len(ids), GROUP):
        writer.write(rows_of(ids[start : start + GROUP], at))
    return writer.close()


def rewritten(path: Path, part: Part, staged: list[Part], ids: list[int], gone: list[int]) -> Rewritten:
    """What becomes of the part by a run that staged some brands, while others are gone."""
    destination, reader = Destination.at(str(path)), PartReader(Destination.at(str(path)), "brands")
    none = pa.array([], pa.int64())
    keys = key_array(rows_of(ids, THEN), LAYOUT.key) if ids else none
    coming = Coming(staged, keys, None, THEN, pa.array(gone, pa.int64()), none, removes=False)
    plan = planned(coming, [part], LAYOUT, reader)
    return Rewriter(destination, "brands", LAYOUT, LAYOUT.arrow, reader).write(coming, plan, [part])


def upsert(path: Path, part: Part, ids: list[int], gone: list[int]) -> Part:
    """The part that replaces this one after a run that brings some brands, while others are gone."""
    done = rewritten(path, part, [part_of(path, ids, THEN)] if ids else [], ids, gone)
    assert done.removed == [part]
    [added] = done.added
    return added


def read(path: Path, part: Part) -> pa.Table:
    return pq.ParquetFile(path / "brands" / part.name).read()


CHANGES = {
    "the first": [1],
    "the last": [ROWS],
    "some beside each other": [7, 8, 9, 1_200],
    "the ends of a row group": [GROUP, GROUP + 1],
    "a whole row group": list(range(GROUP + 1, 2 * GROUP + 1)),
    "each second": list(range(2, ROWS, 2)),
}


@pytest.mark.parametrize("changed", CHANGES)
@pytest.mark.parametrize("few", [0, rewrite.FEW_DROPPED, ROWS + 1], ids=["piece by piece", "as it is", "by a copy"])
def test_all_other_rows_stay_in_their_order_however_many_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, few: int
) -> None:
    monkeypatch.setattr(rewrite, "FEW_DROPPED", few)
    ids, gone = CHANGES[changed], [13, 14, ROWS - 1]
    part = part_of(tmp_path, list(range(1, ROWS + 1)), BEGAN)

    found = read(tmp_path, upsert(tmp_path, part, ids, gone))

    kept = sorted({*range(1, ROWS + 1)} - {*ids})
    expected = pa.concat_tables([rows_of(kept, BEGAN), rows_of(ids, THEN)])
    assert found.drop_columns([DELETED_AT]).equals(expected.drop_columns([DELETED_AT]))
    marked = found.filter(found.column(DELETED_AT).is_valid()).column("id").to_pylist()
    assert marked == [number for number in gone if number not in ids]


@pytest.mark.parametrize("fails_at", range(ROWS // GROUP + 1))
@pytest.mark.parametrize("where", ["written", "ended"])
def test_a_disk_that_is_full_at_any_row_group_fails_the_rewrite_and_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, where: str
) -> None:
    part = part_of(tmp_path, list(range(1, ROWS + 1)), BEGAN)
    before = read(tmp_path, part)
    monkeypatch.setattr(part_reader, "READ_ROWS", GROUP)
    took: list[int] = []
    write, close = PartWriter.write, PartWriter.close

    def written(self: PartWriter, table: Any) -> None:
        if len(took) == fails_at and where == "written":
            raise DestinationError("No space left on the disk.")
        took.append(table.num_rows)
        write(self, table)

    def ended(self: PartWriter) -> Part:
        if where == "ended" and len(took) > fails_at:
            self.abort()
            raise DestinationError("No space left on the disk.")
        return close(self)

    staged = part_of(tmp_path, [3, ROWS], THEN)
    monkeypatch.setattr(PartWriter, "write", written)
    monkeypatch.setattr(PartWriter, "close", ended)
    with pytest.raises(DestinationError, match="No space left"):
        rewritten(tmp_path, part, [staged], [3, ROWS], [])

    assert {file.name for file in (tmp_path / "brands").iterdir()} == {part.name, staged.name}
    assert read(tmp_path, part).equals(before)


def chunks(path: Path, part: Part) -> dict[str, bool]:
    """Column -> whether its first chunk has a dictionary."""
    group = pq.ParquetFile(path / "brands" / part.name).metadata.row_group(0)
    found = [group.column(number) for number in range(group.num_columns)]
    return {column.path_in_schema: column.has_dictionary_page for column in found}


def test_what_does_not_repeat_gets_no_dictionary_when_it_is_written_again_and_all_else_keeps_its_own(tmp_path: Path) -> None:
    part = part_of(tmp_path, list(range(1, ROWS + 1)), BEGAN)
    before = chunks(tmp_path, part)
    assert before["name"]

    for _ in range(2):  # a part without that dictionary is known by its size
        part = upsert(tmp_path, part, [5], [])

        after = chunks(tmp_path, part)
        plain = {name for name in before if before[name] and not after[name]}
        assert plain == {"id", "name"}
        assert after[STORE_HASH]


@pytest.mark.parametrize("nested", ["struct", "json"])
@pytest.mark.parametrize("resource", ["products", "orders", "price_list_records", "customers"])
def test_paths_of_columns_are_those_that_parquet_gives_them(resource: str, nested: str) -> None:
    schema, file = layout_of(CATALOG[resource], nested).arrow, io.BytesIO()
    pq.write_table(schema.empty_table(), file)
    given: Any = pq.ParquetFile(file).schema

    assert list(lake_parts._leaves(schema)) == [given.column(number).path for number in range(len(given))]


def test_a_part_has_no_digest_since_its_log_names_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_bigcommerce.targets.files.digest.Digest.update", lambda *_: pytest.fail("a digest was computed"))

    part = part_of(tmp_path, [1, 2, 3], BEGAN)

    assert read(tmp_path, part).num_rows == part.rows == 3
