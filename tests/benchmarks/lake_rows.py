"""Tables of a lake for the benchmark, and what changes in them: products of 237 columns, made by Arrow and not row by row.

Run as a program, it writes a share of a table's parts: ``python -m tests.benchmarks.lake_rows FOLDER FIRST LAST IS_LAST``.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.parts import PART_BYTES, Part, PartWriter, RecordReader
from airflow_provider_bigcommerce.targets.lake.storage import table_storage
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.targets.lake.table_schema import Layout, layout_of
from tests.benchmarks.writers import product

RESOURCE = "products"
STORE = "abc123"
#: When the rows of a table were read, and when those that change it are.
READ_AT, CHANGED_AT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
#: Different products; a table of more repeats them under other ids, names, SKUs and URLs. More than a few row groups hold.
DIFFERENT = 10_000
#: Rows of a row group, as 16 MB of JSON have.
_GROUP = 5_000
#: Share of the changes that are new rows.
_NEW = 0.1
#: Characters of a description, so that a product has 3.3 KB.
_DESCRIPTION = 1570


@cache
def layout() -> Layout:
    """Of the products' table."""
    return layout_of(CATALOG[RESOURCE], "struct")


@cache
def records() -> Sequence[bytes]:
    """Different products as the store answers them, behind their id."""
    dice = random.Random(7)
    rows = ({**row, "description": str(row["description"])[:_DESCRIPTION]} for row in (product(n, dice) for n in range(1, DIFFERENT + 1)))
    return [json.dumps(row, separators=(",", ":")).encode().partition(b",")[2] for row in rows]


def table_of(ids: Any, synced_at: datetime) -> Any:
    """Products of these ids, which only their place among the different ones and their id tell apart.

    :param ids: Arrow array of whole numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = seeds(synced_at).take(pc.subtract(ids, pc.multiply(pc.divide(ids, DIFFERENT), DIFFERENT)))
    texts = ids.cast(pa.string())
    for name in ("name", "sku", "gtin"):
        column = pc.binary_join_element_wise(found.column(name), texts, " ")
        found = found.set_column(found.schema.get_field_index(name), found.schema.field(name), column)
    return found.set_column(found.schema.get_field_index("id"), found.schema.field("id"), ids)


@cache
def seeds(synced_at: datetime) -> Any:
    """The different products as rows of the table."""
    reader = RecordReader(layout(), Discrepancies(), synced_at=synced_at, store_hash=STORE)
    return reader.table([b'{"id":%d,%b' % (number, rest) for number, rest in enumerate(records())])


def write_parts(folder: Path, first: int, last: int, *, is_last: bool) -> list[Part]:
    """Write the parts of the products from ``first`` up to, and without, ``last``, as a first load cuts them.

    :param is_last: whether the load ends with them: its last rows are a part of their own (``targets.lake.parts``).
    """
    import pyarrow as pa

    destination, parts, writer = Destination.at(str(folder)), list[Part](), None
    for start in range(first, last, _GROUP):
        if writer is not None and writer.is_full(PART_BYTES):
            parts.append(writer.close())
            writer = None
        if writer is not None and is_last and start >= last - 2 * _GROUP > start - _GROUP:
            parts.append(writer.close())
            writer = None
        writer = writer or PartWriter(destination, RESOURCE, layout().arrow, layout().key)
        writer.write(table_of(pa.array(range(start, min(start + _GROUP, last)), pa.int64()), READ_AT))
    if writer is not None:
        parts.append(writer.close())
    return parts


def changed_ids(rows: int, count: int, which: str) -> list[int]:
    """The ids of the rows that change in a table of so many, new ones last.

    :param which: ``random`` or ``newest``.
    """
    new = int(count * _NEW)
    known = count - new
    if which == "newest":
        return list(range(rows - known + 1, rows + new + 1))
    return [*sorted(random.Random(11).sample(range(1, rows + 1), known)), *range(rows + 1, rows + new + 1)]


def pages(ids: Sequence[int], size: int = 250) -> Iterator[list[msgspec.Raw]]:
    """The rows that change, as the store answers them."""
    rests = records()
    for start in range(0, len(ids), size):
        yield [msgspec.Raw(b'{"id":%d,%b' % (number, rests[(number + 1) % DIFFERENT])) for number in ids[start : start + size]]


def changes(ids: Sequence[int]) -> Any:
    """The same rows as an Arrow table, for those that take one."""
    import pyarrow as pa

    reader = RecordReader(layout(), Discrepancies(), synced_at=CHANGED_AT, store_hash=STORE)
    return pa.concat_tables([reader.table(page) for page in pages(ids, 2_500)])


def lake_table(folder: Path) -> LakeTable:
    """The products' table below a folder."""
    return LakeTable(Destination.at(str(folder)), RESOURCE, layout(), STORE, partial(table_storage, str(folder), RESOURCE))


if __name__ == "__main__":
    written = write_parts(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), is_last=sys.argv[4] == "1")
    print(json.dumps([asdict(part) for part in written]))
