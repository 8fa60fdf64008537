"""Do files hold exactly the records, appear whole or not at all, and read back in other tools?"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError, UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.schemas import arrow_schema, schema
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.part_writer import PartWriter
from airflow_provider_bigcommerce.targets.files.writers import FORMATS, FileFormat, JsonLinesWriter, ParquetWriter, Stamp, load_zstd
from tests.benchmarks.writers import DRIVERS, PAGE, bodies, peak_growth_mb
from tests.files.conftest import encoded

STAMP = Stamp(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "abc123")

Leaves = Callable[[], list[str]]


def decompressed(data: bytes, name: str) -> bytes:
    if name.endswith(".gz"):
        return gzip.decompress(data)
    return bytes(load_zstd().decompress(data)) if name.endswith(".zst") else data


# -- JSON lines


@pytest.mark.parametrize(("suffix", "compression"), [("", None), (".gz", "gzip"), (".zst", "zstd")])
def test_json_lines_keep_records_byte_for_byte(destination: Destination, tmp_path: Path, suffix: str, compression: Any) -> None:
    records = [b'{"id":1,"price":1.10,"big":123456789012345678901234567890}', b'{"b":  2,"a":"\\u00e9"}', '{"x":"é🛒"}'.encode(), b"{}"]
    writer = JsonLinesWriter(destination, "a/x.jsonl" + suffix, compression=compression)
    writer.write(records[:2])
    writer.write([])
    writer.write(msgspec.json.decode(b"[" + b",".join(records[2:]) + b"]", type=list[msgspec.Raw]))
    file = writer.close()

    data = (tmp_path / file.path).read_bytes()
    assert decompressed(data, file.path) == b"\n".join(records) + b"\n"
    assert file == DataFile(path="a/x.jsonl" + suffix, rows=4, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_a_record_with_line_ends_is_written_on_one_line(destination: Destination, tmp_path: Path) -> None:
    writer = JsonLinesWriter(destination, "x.jsonl")
    writer.write([b'{"id":1}', b'{\n  "id": 2,\r\n  "text": "a\\nb  c",\n  "n": 1.10\n}', b'{"id":3}'])
    writer.close()

    assert (tmp_path / "x.jsonl").read_bytes() == b'{"id":1}\n{"id":2,"text":"a\\nb  c","n":1.10}\n{"id":3}\n'


@pytest.mark.parametrize("record", [b'{"id":1,"a":"}"}', b"{}", b"{ }", b'{"a":{}}', b'{\n"id": 1\n}', b' {"id":1} '])
def test_a_stamp_is_added_and_the_record_stays_as_it_came(destination: Destination, tmp_path: Path, record: bytes) -> None:
    writer = JsonLinesWriter(destination, "x.jsonl", stamp=STAMP)
    writer.write([b'{"id":0}', record])
    writer.close()

    lines = (tmp_path / "x.jsonl").read_bytes().splitlines()
    stamped = {"_synced_at": "2026-03-04T05:06:07Z", "_store_hash": "abc123"}
    assert [json.loads(line) for line in lines] == [{"id": 0, **stamped}, {**json.loads(record), **stamped}]


def test_what_is_no_object_cannot_be_stamped_but_can_be_kept(destination: Destination, tmp_path: Path) -> None:
    with pytest.raises(UnexpectedAnswerError, match="not a JSON object"):
        JsonLinesWriter(destination, "x.jsonl", stamp=STAMP).write([b"[1]"])
    writer = JsonLinesWriter(destination, "y.jsonl")
    writer.write([b"[1]", b'"tag"'])
    writer.close()

    assert (tmp_path / "y.jsonl").read_bytes() == b'[1]\n"tag"\n'


def test_broken_utf8_and_deep_nesting_stay_in_json_lines(destination: Destination, tmp_path: Path) -> None:
    records = [b'{"id":1,"name":"\xff\xfe"}', b'{"id":2,"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
    writer = JsonLinesWriter(destination, "x.jsonl")
    writer.write(records)
    writer.close()

    assert (tmp_path / "x.jsonl").read_bytes() == b"\n".join(records) + b"\n"


# -- how files appear


def writer_of(file_format: FileFormat, destination: Destination, name: str = "x") -> JsonLinesWriter | ParquetWriter:
    return ParquetWriter(destination, name, schema("brands")) if file_format == "parquet" else JsonLinesWriter(destination, name)


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_a_file_appears_when_it_is_closed_and_not_before(destination: Destination, leaves: Leaves, file_format: FileFormat) -> None:
    writer = writer_of(file_format, destination, "brands/x")
    writer.write(encoded({"id": 1}))
    assert "brands/x" not in leaves()
    writer.close()

    assert leaves() == ["brands/x"]


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_an_aborted_file_leaves_nothing(destination: Destination, leaves: Leaves, file_format: FileFormat) -> None:
    writer = writer_of(file_format, destination)
    writer.write(encoded({"id": 1}))
    writer.abort()

    assert leaves() == []


class FullDisk(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that takes the first hundred bytes of a file and no more."""

    protocol = "full"

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        class Full(io.BytesIO):
            def write(self, data: Any) -> int:
                if self.tell() + len(data) > 100:
                    raise OSError(28, "No space left on device")
                return super().write(data)

        return Full()


@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_a_full_disk_is_an_error_that_names_the_file(file_format: FileFormat) -> None:
    destination = Destination(FullDisk(), "/bucket", "full://bucket")
    writer = writer_of(file_format, destination, "brands/x")

    def fill() -> None:
        for number in range(5):
            writer.write(encoded(*({"id": at, "name": "n" * 400} for at in range(number * 1000, number * 1000 + 1000))))
        writer.close()

    with pytest.raises(DestinationError, match=r"full://bucket/brands/x could not be written: No space left on device"):
        fill()
    writer.abort()


def test_writing_to_an_object_store_goes_straight_to_the_name() -> None:
    store = MemoryFileSystem()
    destination = Destination(store, "/bucket-of-writers", "memory://bucket-of-writers")
    writer = ParquetWriter(destination, "brands/x.parquet", schema("brands"))
    writer.write(encoded({"id": 1, "name": "n"}))
    file = writer.close()

    assert hashlib.sha256(store.cat("/bucket-of-writers/brands/x.parquet")).hexdigest() == file.sha256


# -- parts


@pytest.mark.parametrize("file_format", FORMATS)
def test_parts_are_closed_at_a_number_of_rows_and_handed_back(destination: Destination, leaves: Leaves, file_format: FileFormat) -> None:
    parts = PartWriter(destination, "brands/run=a", file_format, schema("brands"), max_rows=2, first=3)
    closed = [parts.write(encoded({"id": 1})), parts.write(encoded({"id": 2}, {"id": 3})), parts.write(encoded({"id": 4})), parts.close()]

    names = [f"brands/run=a/part-0000{number}.{file_format}" for number in (3, 4)]
    assert [[(part.path, part.rows) for part in one] for one in closed] == [[], [(names[0], 3)], [], [(names[1], 1)]]
    assert leaves() == names
    assert parts.rows == 4


def test_parts_are_closed_at_a_number_of_bytes(destination: Destination) -> None:
    parts = PartWriter(destination, "brands", "jsonl", schema("brands"), max_bytes=50)

    assert [len(parts.write(encoded({"id": 1, "name": "n" * 20}))) for _ in range(4)] == [0, 1, 0, 1]


def test_a_run_without_rows_has_no_file(destination: Destination, leaves: Leaves) -> None:
    parts = PartWriter(destination, "brands", "jsonl", schema("brands"))

    assert parts.write([]) == []
    assert parts.close() == []
    assert leaves() == []


def test_a_parquet_run_without_rows_has_one_file_that_holds_the_schema(destination: Destination) -> None:
    parts = PartWriter(destination, "brands", "parquet", schema("brands"))

    assert parts.write([]) == []
    assert [part.rows for part in parts.close()] == [0]


def test_aborting_keeps_closed_parts_and_drops_the_open_one(destination: Destination, leaves: Leaves) -> None:
    parts = PartWriter(destination, "brands", "parquet", schema("brands"), max_rows=1)
    parts.write(encoded({"id": 1}))
    parts.write([])
    parts.abort()
    open_part = PartWriter(destination, "brands", "parquet", schema("brands"), first=1)
    open_part.write(encoded({"id": 2}))
    open_part.abort()

    assert leaves() == ["brands/part-00000.parquet"]


def test_an_unknown_format_is_refused_with_the_known_ones(destination: Destination) -> None:
    with pytest.raises(InvalidQueryError, match=r"file_format='csv' is not known. Accepted: 'parquet', 'jsonl', 'jsonl.gz', 'jsonl.zst'"):
        PartWriter(destination, "x", "csv", schema("brands"))  # type: ignore[arg-type]  # that is the point


def test_parts_share_one_account_of_discrepancies(destination: Destination) -> None:
    parts = PartWriter(destination, "brands", "parquet", schema("brands"), max_rows=1)
    for number in (1, 2):
        parts.write(encoded({"id": number, "name": 5, "new": True}))

    assert parts.discrepancies.contradictions == {"name": 2}
    assert [(drift.path, drift.kind, drift.seen_type) for drift in parts.discrepancies.drift] == [
        ("name", "changed_type", "whole number"),
        ("new", "new_field", "true or false"),
    ]


# -- Parquet as others read it


def test_parquet_reads_back_in_pyarrow_and_duckdb(destination: Destination, tmp_path: Path) -> None:
    writer = ParquetWriter(destination, "orders.parquet", schema("orders"), stamp=STAMP)
    writer.write(
        encoded(
            {
                "id": 9,
                "date_created": "Wed, 14 Nov 2012 19:26:23 +0000",
                "total_inc_tax": "12.5000",
                "currency_exchange_rate": "1.0000000001",
                "consignments": {"shipping": [{"id": 1, "line_items": [{"id": 5, "quantity": 2, "base_price": "6.2500"}]}]},
                "products": {"url": "https://api.example/v2/orders/9/products", "resource": "/orders/9/products"},
                "fees": {"url": "https://api.example/v2/orders/9/fees", "resource": "/orders/9/fees"},
            }
        )
    )
    writer.close()
    path = tmp_path / "orders.parquet"

    [row] = pq.read_table(path).to_pylist()
    assert pq.read_schema(path).equals(arrow_schema("orders"))
    assert row["date_created"] == datetime(2012, 11, 14, 19, 26, 23, tzinfo=UTC)
    assert (row["total_inc_tax"], row["currency_exchange_rate"]) == (Decimal("12.5"), Decimal("1.0000000001"))
    assert (row["fees"], row["_extra"], row["_store_hash"], row["_synced_at"]) == (None, None, "abc123", STAMP.synced_at)
    with duckdb.connect() as database:
        found = database.execute(
            "select id, total_inc_tax, consignments.shipping[1].line_items[1].base_price, epoch(date_created), typeof(total_inc_tax) "
            "from read_parquet(?)",
            [str(path)],
        )
        assert found.fetchone() == (9, Decimal("12.5000"), Decimal("6.2500"), 1352921183.0, "DECIMAL(20,4)")


def test_row_groups_are_bounded_and_blocks_do_not_show(destination: Destination, tmp_path: Path) -> None:
    writer = ParquetWriter(destination, "x.parquet", schema("brands"), block_bytes=500)
    for first in range(0, 300, 30):
        writer.write(encoded(*({"id": number, "name": "n" * 50} for number in range(first, first + 30))))
    writer.close()

    file = pq.ParquetFile(tmp_path / "x.parquet")
    assert file.metadata.num_row_groups > 5
    assert file.read().column("id").to_pylist() == list(range(300))
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_a_page_of_40_megabytes_is_written_in_blocks(destination: Destination, tmp_path: Path) -> None:
    page = encoded(*({"id": number, "description": f"{number:06}" * 35_000} for number in range(190)))
    assert sum(map(len, page)) > 39_000_000
    writer = ParquetWriter(destination, "x.parquet", schema("products"))
    writer.write(page)
    file = writer.close()

    metadata = pq.ParquetFile(tmp_path / "x.parquet").metadata
    assert (file.rows, metadata.num_rows) == (190, 190)
    assert metadata.num_row_groups > 1


def test_two_runs_over_the_same_records_write_the_same_bytes(destination: Destination) -> None:
    files = []
    for name in ("a", "b"):
        writer = ParquetWriter(destination, name, schema("products"), stamp=STAMP)
        for body in bodies(PAGE):
            writer.write(encoded(*msgspec.json.decode(body)["data"]))
        files.append(writer.close())

    assert files[0].sha256 == files[1].sha256


def test_columns_of_included_records_are_there_and_null_when_not_included(destination: Destination, tmp_path: Path) -> None:
    for name, record in (("a", {"id": 1}), ("b", {"id": 1, "variants": [{"id": 2, "price": 3.5}], "images": []})):
        writer = ParquetWriter(destination, name, schema("products"))
        writer.write(encoded(record))
        writer.close()

    assert pq.read_schema(tmp_path / "a").equals(pq.read_schema(tmp_path / "b"))
    assert pq.read_table(tmp_path / "a").column("variants").null_count == 1
    assert pa.concat_tables([pq.read_table(tmp_path / "a"), pq.read_table(tmp_path / "b")]).num_rows == 2


# -- memory


@pytest.mark.parametrize(("driver", "limit_mb"), [("jsonl, repeats dropped", 40), ("parquet, repeats dropped", 150)])
def test_memory_does_not_grow_with_the_number_of_rows(driver: str, limit_mb: int) -> None:
    """Peak resident memory over the imports, each in a process of its own; the limits are those of the engine as a whole."""
    assert driver in DRIVERS
    small, large = peak_growth_mb(driver, 10_000), peak_growth_mb(driver, 100_000)

    assert large < limit_mb
    assert large - small < 40
