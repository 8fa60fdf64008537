"""What an input may be: files that are whole are read exactly, and one that is not is an error that names it."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog.write_fields import WriteField
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.writing.input_columns import Columns
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.spool import Spool

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402  # after the check that it is installed


def rows_of(path: Path | str) -> list[dict[str, Any]]:
    return list(InputFiles(path).rows())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sku,price\nA,1.50\n", [{"sku": "A", "price": "1.50"}]),
        ("\ufeffsku;price\r\nA;1,5\r\n", [{"sku": "A", "price": "1,5"}]),
        ("sku\tname\nA\tx;y,z\n", [{"sku": "A", "name": "x;y,z"}]),
        ('sku|name\n"A|B"|"say ""hi"""\n', [{"sku": "A|B", "name": 'say "hi"'}]),
        ('"a;b";"c"\n1;2\n', [{"a;b": "1", "c": "2"}]),
        ('sku,name\n"A","two\nlines"\n\nB,\n', [{"sku": "A", "name": "two\nlines"}, {"sku": "B", "name": None}]),
        ("sku,price\nA,1", [{"sku": "A", "price": "1"}]),
        ("sku\n007\n", [{"sku": "007"}]),
        (" sku , price \n A,1\n", [{"sku": " A", "price": "1"}]),
        ("sku,price\n", []),
        ("sku,,_row\nA,x,1\n", [{"sku": "A", "_row": "1"}]),
    ],
    ids=["comma", "bom-semicolon-crlf", "tab", "bar-quotes", "quoted-header", "lines-in-quotes", "no-end", "zeros", "blanks", "none",
         "no-name"],
)  # fmt: skip
def test_csv_is_read_as_it_is_written(tmp_path: Path, text: str, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "in.csv").write_bytes(text.encode())
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert rows_of(tmp_path / "in.csv") == rows
    assert rows_of(tmp_path / "in.csv.gz") == rows


def test_json_lines_keep_decimals_exact(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('\ufeff{"sku": "A", "price": 0.1, "n": 7}\n\n{"sku": "B", "list": [1.50]}')
    assert rows_of(tmp_path / "in.jsonl") == [{"sku": "A", "price": Decimal("0.1"), "n": 7}, {"sku": "B", "list": [Decimal("1.50")]}]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    rows = [{"sku": "A", "price": Decimal("1.5000"), "at": datetime(2026, 1, 2, tzinfo=UTC), "day": date(2026, 1, 2), "n": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    assert rows_of(tmp_path / "in.parquet") == rows
    assert InputFiles(tmp_path / "in.parquet").columns() == {"sku", "price", "at", "day", "n"}


def test_a_glob_takes_files_in_the_order_of_their_names_and_no_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "b/1.jsonl", "a/9.jsonl", "b/.3.jsonl", "b/_4.jsonl", "b/5.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'{{"n": "{name}"}}\n')
    assert [row["n"] for row in rows_of(tmp_path / "*/*.jsonl")] == ["a/9.jsonl", "b/1.jsonl", "b/2.jsonl"]
    assert [row["n"] for row in rows_of(f"file://{tmp_path}/b/[12].jsonl")] == ["b/1.jsonl", "b/2.jsonl"]
    assert InputFiles(tmp_path / "b/1.jsonl").source() == {
        "path": f"file://{tmp_path}/b", "files": [{"name": "1.jsonl", "bytes": (tmp_path / "b/1.jsonl").stat().st_size}],
    }  # fmt: skip


def _parquet(path: Path) -> bytes:
    pq.write_table(pa.table({"sku": ["A"] * 1000}), path)
    return path.read_bytes()


#: name -> what is in the file, the error, what it says. None of the messages has a value of a row.
BAD: dict[str, tuple[str, Any, type[BigCommerceError], str]] = {
    "json-cut": ("in.jsonl", b'{"sku": "A"}\n{"sku": "geheim', DestinationError, "line 2 is no JSON, and the file ends there: it was cut"),
    "json-in-the-middle": ("in.jsonl", b'{"sku": "geheim"\n{"sku": "B"}\n', DestinationError, "line 1 is no JSON."),
    "json-list": ("in.jsonl", b'[{"sku": "geheim"}]\n', DestinationError, "line 1 is no JSON object"),
    "json-text": ("in.jsonl", b'"geheim"\n', DestinationError, "line 1 is no JSON object"),
    "json-latin": ("in.jsonl", b'{"sku": "geheim\xe9"}\n', DestinationError, "line 1 is no JSON"),
    "gz-cut": ("in.jsonl.gz", gzip.compress(b'{"sku": "geheim"}\n' * 5000)[:-20], DestinationError, "it is not whole (EOFError)"),
    "gz-none": ("in.jsonl.gz", b'{"sku": "geheim"}\n', DestinationError, "it is not whole (BadGzipFile)"),
    "parquet-cut": ("in.parquet", lambda path: _parquet(path)[:-10], DestinationError, "no whole Parquet file"),
    "parquet-empty": ("in.parquet", b"", DestinationError, "no whole Parquet file"),
    "csv-empty": ("in.csv", b"", DestinationError, "it is empty; even a file without rows has its line of column names"),
    "csv-cut": ("in.csv", b"sku,price\nA,1\ngeheim", DestinationError,
                "line 3 has 1 fields, and the first line 2; it may have been cut there"),
    "csv-more": ("in.csv", b"sku,price\nA,1,geheim\n", DestinationError, "line 2 has 3 fields, and the first line 2."),
    "csv-open-quote": ("in.csv", b'sku,price\n"geheim,1\nB,2\n', DestinationError, "is no CSV"),
    "csv-latin": ("in.csv", "sku,name\nA,geheim\xe9\n".encode("latin-1"), DestinationError, "is no UTF-8 text"),
    "csv-double": ("in.csv", b"sku,sku\nA,B\n", DestinationError, "two of its columns are called 'sku'"),
    "ending": ("in.xlsx", b"PK", InvalidQueryError, "whose ending is not known"),
    "packed-parquet": ("in.parquet.gz", b"", InvalidQueryError, "whose ending is not known"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "error", "text"), BAD.values(), ids=BAD)
def test_a_file_that_is_not_whole_is_an_error_that_names_it(
    tmp_path: Path, name: str, content: Any, error: type[BigCommerceError], text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content(path) if callable(content) else content)
    with pytest.raises(error) as raised:
        rows_of(path)
    assert text in str(raised.value)
    assert name in str(raised.value)
    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("path", ["nothing.csv", "*.csv"])
def test_no_file_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidQueryError, match="has no file"):
        InputFiles(tmp_path / path)


def test_csv_and_other_files_do_not_go_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sku\n")
    (tmp_path / "b.jsonl").write_text("")
    with pytest.raises(InvalidQueryError, match="CSV and other files"):
        InputFiles(tmp_path / "*")


FIELDS = {
    "price": WriteField(type="number"), "stock": WriteField(type="integer"), "is_visible": WriteField(type="boolean"),
    "categories": WriteField(type="array"), "name": WriteField(type="string"),
    "custom_url": WriteField(type="object", fields={"url": WriteField(type="string"), "is_customized": WriteField(type="boolean")}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("price", "12.5000", Decimal("12.5000")), ("price", " 7 ", 7), ("price", "1,5", "1,5"), ("price", "NaN", "NaN"),
        ("price", "1_0", "1_0"),
        ("stock", "3", 3), ("stock", "3.0", 3), ("stock", "x", "x"), ("is_visible", "TRUE", True), ("is_visible", "0", False),
        ("is_visible", "yes", "yes"), ("categories", "[1, 2]", [1, 2]), ("categories", "1;2", "1;2"), ("name", "007", "007"),
        ("name", "true", "true"), ("unknown", "1", "1"),
    ],
)  # fmt: skip
def test_a_text_of_csv_means_what_its_field_takes(column: str, text: str, value: Any) -> None:
    found = Columns(None, "skip", True, FIELDS).row({column: text})[column]
    assert found == value
    assert type(found) is type(value)


def test_columns_become_nested_fields_and_ours_are_left_out() -> None:
    columns = Columns({"u": "custom_url.url", "c": "custom_url.is_customized", "n": "name"}, "write", True, FIELDS)
    row = columns.row({"u": "/a", "c": "1", "n": None, "other": "x", "_row": "1", "_outcome": "rejected", "_error": "x"})
    assert row == {"custom_url": {"url": "/a", "is_customized": True}, "name": None}
    assert row.own == {"u": "/a", "c": "1", "n": None, "other": "x"}


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ({"sku": "A", "image": b"\x89PNG"}, "The column 'image' has a value of type bytes, which JSON does not have."),
        ({"custom_url": "/a", "custom_url.url": "/b"}, "The column 'custom_url.url' goes to 'custom_url.url', within a field"),
    ],
    ids=["bytes", "within-a-text"],
)
def test_a_value_that_no_field_can_have_is_a_fault_of_its_row(own: dict[str, Any], text: str) -> None:
    fault = Columns(None, "skip", False, FIELDS).row(own).fault
    assert fault is not None
    assert text in fault[0]


def test_an_input_is_read_once_and_given_again() -> None:
    reads = 0

    def read():
        nonlocal reads
        reads += 1
        yield from ({"n": number, "price": Decimal("0.10"), "at": date(2026, 1, 1)} for number in range(1_203))

    with Spool(read) as spool:
        early = iter(spool)
        first, again = list(spool), list(spool)
        assert list(early) == first == again
        assert [row["n"] for row in first] == list(range(1_203))
        assert (reads, spool.rows) == (1, 1_203)


def test_an_input_that_breaks_is_not_taken_for_whole() -> None:
    def read():
        yield {"n": 1}
        raise DestinationError("cut")

    with Spool(read) as spool:
        for _ in range(2):
            with pytest.raises(DestinationError):
                list(spool)
