"""One odd value costs no other row: in every form in which rows are delivered, every row of the page arrives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.client.verbs import Page
from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.connection_walk import ConnectionWalk
from airflow_provider_bigcommerce.core.fields import FieldSelection
from airflow_provider_bigcommerce.core.graphql import read_graphql
from airflow_provider_bigcommerce.core.keys import KeyReader
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.raw_fields import dig, with_columns
from airflow_provider_bigcommerce.core.reading import read_listing, read_record
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import FileReader, record_values
from airflow_provider_bigcommerce.targets.files.writers import JsonLinesWriter, ParquetWriter
from tests.listener import Answer, Arrived, Listener
from tests.odd.values import ODD, PLACES, page
from tests.sql.conftest import KINDS, mariadb_server, warehouse  # noqa: F401  # fixtures, asked for by name
from tests.sql.warehouse import Warehouse

BRANDS = CATALOG["brands"]
LIST = Request("GET", "/v3/catalog/brands")
#: Odd, and still read as they are.
READ = {"NUL, escaped", "a whole number of 30 digits", "a text of a surrogate pair, whole"}
#: Odd, and repaired: what they are read as.
MENDED = {
    "NUL, raw": "a\0b",
    "line ends and an escape, raw": "a\nb\rc\x1b[31m",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
}


def records_of(body: bytes) -> list[msgspec.Raw]:
    return read_listing(LIST, Response(200, {}, body)).records


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def by_rows(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    rows = Page(records).rows()
    json.dumps(rows).encode()  # as XCom writes them
    str(rows).encode()  # as a log does
    return rows


def by_json_lines(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    writer = JsonLinesWriter(Destination.at(str(folder)), "rows.jsonl")
    writer.write(records)
    file = writer.close()
    lines = (folder / "rows.jsonl").read_bytes().splitlines()
    assert len(lines) == len(records)
    reader = FileReader(Destination.at(str(folder)))
    keys = [values[0] for values in reader.values(file, ("id", "name", "custom_url.url"))]
    rows = [odd_bytes.python_value(line) for line in lines]
    assert keys == ids(rows)
    return rows


def by_parquet(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    writer = ParquetWriter(Destination.at(str(folder)), "rows.parquet", columns_of(BRANDS))
    writer.write(records)
    file = writer.close()
    reader = FileReader(Destination.at(str(folder)))
    assert len([*reader.values(file, ("id", "name", "_extra"))]) == len(records)
    return pyarrow.parquet.read_table(folder / "rows.parquet").to_pylist()


def by_keys(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    reader = KeyReader("brands", ("id",), "page_title")
    return [{"id": key} for key, _ in reader.read(records)]


def by_values(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    return [{"id": values[0]} for values in record_values(records, ("id", "name", "meta_keywords", "custom_url.url"))]


def by_selected_fields(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    kept = FieldSelection(without=("page_title", "custom_url.is_customized")).applied(records)
    return Page(list(kept)).rows()


def by_columns(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    return Page(with_columns(records, {"parent_id": 7})).rows()


def by_digging(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    for record in records:
        assert len([*dig(record, ("custom_url",))]) <= 1
    return Page(records).rows()


def by_record(records: list[msgspec.Raw], folder: Path) -> list[dict[str, Any]]:
    return [read_record(LIST, Response(200, {}, b'{"data":%b,"meta":{}}' % bytes(record))) for record in records]


WAYS: list[Callable[[list[msgspec.Raw], Path], list[dict[str, Any]]]] = [
    by_rows, by_json_lines, by_parquet, by_keys, by_values, by_selected_fields, by_columns, by_digging, by_record,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", ODD)
def test_a_row_with_an_odd_value_arrives_and_so_do_its_neighbours(way: Any, place: str, value: str, tmp_path: Path) -> None:
    odd = b'{"id":2,' + PLACES[place].replace(b"%b", ODD[value]) + b"}"
    body = b'\xef\xbb\xbf{"data":[{"id":1,"name":"good"},' + odd + b',{"id":3,"name":"good"}],"meta":{"pagination":{"total":3}}}'
    listing = read_listing(LIST, Response(200, {}, body))

    rows = way(listing.records, tmp_path)

    assert ids(rows) == [1, 2, 3]
    assert listing.meta.pagination is not None
    assert listing.meta.pagination.total == 3
    if "name" in rows[0]:
        assert (rows[0]["name"], rows[2]["name"]) == ("good", "good")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("value", ODD)
def test_an_odd_key_is_kept_or_named(way: Any, value: str, tmp_path: Path) -> None:
    body = b'{"data":[{"id":1,"name":"good"},{"id":%b,"name":"odd"},{"id":3,"name":"good"}]}' % ODD[value]
    records = records_of(body)
    assert len(records) == 3

    told = None
    try:
        rows = way(records, tmp_path)
    except UnexpectedAnswerError as error:
        told = str(error)

    if told is None:
        assert (ids(rows)[0], ids(rows)[2]) == (1, 3)
    else:
        assert "brands" in told
        assert "'id'" in told
        assert "\n" not in told


@pytest.mark.parametrize("value", ODD)
def test_in_python_an_odd_value_is_a_text_that_holds_its_json(value: str) -> None:
    [row] = Page(records_of(b'{"data":[{"id":1,"name":%b}]}' % ODD[value])).rows()

    if value in READ:
        assert row["name"] == json.loads(ODD[value])
    elif value in MENDED:
        assert row["name"] == MENDED[value]
    elif "levels" in value:
        found = row["name"]
        while not isinstance(found, str):
            found = found[0] if isinstance(found, list) else found["a"]
        assert found in ODD[value].decode()
    else:
        assert row["name"] == ODD[value].decode("utf-8", "surrogateescape").replace("\udcff\udcfe", r"\udcff\udcfe").replace(
            "\udce2\udc82", r"\udce2\udc82"
        )


@pytest.mark.parametrize("value", sorted({*ODD} - READ - {*MENDED}))
def test_in_parquet_an_odd_value_is_in_extra(value: str, tmp_path: Path) -> None:
    [row] = by_parquet(records_of(b'{"data":[{"id":1,"name":%b}]}' % ODD[value]), tmp_path)

    assert row["name"] is None
    extra = odd_bytes.python_value(row["_extra"].encode())
    assert [*extra] == ["name"]


def test_json_lines_keep_what_is_json_as_it_came(tmp_path: Path) -> None:
    for value, raw in ODD.items():
        if value not in MENDED:
            by_json_lines(records_of(b'{"data":[{"id":1,"name":%b}]}' % raw), tmp_path)
            assert (tmp_path / "rows.jsonl").read_bytes() == b'{"id":1,"name":%b}\n' % raw


@pytest.mark.parametrize("value", ODD)
def test_a_graphql_answer_with_an_odd_value_is_read(value: str) -> None:
    page = b'{"pageInfo":{"hasNextPage":false,"endCursor":"3"},"nodes":[{"id":1},{"id":2,"name":%b},{"id":3}]}' % ODD[value]
    body = b'{"data":{"store":{"products":%b}}}' % page
    answer = read_graphql(Response(200, {}, body))
    query = "query ($after: String) { store { products(after: $after) { pageInfo { hasNextPage endCursor } nodes { id name } } } }"

    nodes = ConnectionWalk(query).absorb(answer)

    assert ids(Page(nodes).rows()) == [1, 2, 3]
    assert ids(odd_bytes.python_value(answer.data)["store"]["products"]["nodes"]) == [1, 2, 3]


def test_a_graphql_page_without_usable_page_info_is_a_typed_error() -> None:
    body = b'{"data":{"products":{"pageInfo":{"hasNextPage":"jane@example.com"},"nodes":[]}}}'
    walk = ConnectionWalk("query ($after: String) { products(after: $after) { pageInfo { hasNextPage endCursor } nodes { id } } }")

    with pytest.raises(UnexpectedAnswerError, match="pageInfo at 'products' without a usable") as caught:
        walk.absorb(read_graphql(Response(200, {}, body)))

    assert "jane" not in str(caught.value)


# -- what is no JSON stays an error

CUT = b'{"data":[{"id":1,"name":"half \\ud83d"},{"id":2,"name":"good"}],"meta":{"pagination":{"total":2}}}'


@pytest.mark.parametrize("end", range(len(CUT)))
def test_a_cut_page_is_no_page_wherever_it_is_cut(end: int) -> None:
    if end:
        with pytest.raises(msgspec.DecodeError):
            read_listing(LIST, Response(200, {}, CUT[:end]))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_the_standard_library_does_or_refused(raw: bytes) -> None:
    try:
        text = raw.decode()
        json.loads(text, strict=False)
    except (UnicodeDecodeError, ValueError):
        is_json = False
    else:
        is_json = True
    try:
        odd_bytes.readable(raw)
    except msgspec.DecodeError:
        assert not is_json
    else:
        assert is_json or not raw.isascii() or raw.startswith(b"\xef\xbb\xbf")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_the_quick_decoder_reads_is_read_alike(value: Any) -> None:
    raw = json.dumps(value).encode()
    try:
        expected = msgspec.json.decode(raw)
    except odd_bytes.NOT_READ:
        msgspec.json.decode(odd_bytes.readable(raw))
    else:
        assert msgspec.json.decode(odd_bytes.readable(raw)) == expected


def test_ten_times_the_page_takes_no_more_than_twenty_times_as_long() -> None:
    def seconds(rows: int) -> float:
        row = b'{"id":%d,"name":"half \\ud83d","list":[1,2,{"a":"b"}],"deep":' + b"[" * 300 + b"]" * 300 + b"}"
        body = b'{"data":[' + b",".join(row % at for at in range(rows)) + b"]}"
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            records_of(body)
            best = min(best, time.process_time() - started)
        return best

    assert seconds(200) <= 20 * seconds(20)


# -- tables


def places_of(kind: str) -> list[str]:
    """Where odd values stand in this test; what jsonb refuses within JSON columns, and repeated names, are tests/sql/test_any_row.py's."""
    return ["plain", "unknown", "first"] if kind == "postgres" else ["plain", "in a list", "nested", "unknown", "unknown, nested", "first"]


@pytest.fixture
def odd_store(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811  # the fixture
    def brands(request: Arrived) -> Answer:
        """A store with one page of brands."""
        path, _, query = request.path.partition("?")
        if not path.endswith("/v3/catalog/brands"):
            return Answer(200, b"{}", {"Content-Type": "application/json"})
        is_behind = any(part.startswith("page=") and part != "page=1" for part in query.split("&"))
        body = b'{"data":[],"meta":{}}' if is_behind else page(places_of(warehouse.kind))[0]
        return Answer(200, body, {"Content-Type": "application/json"})

    with Listener(brands) as listener:
        connection = json.loads(json.dumps(warehouse.sandbox.connection)) | {"host": listener.url}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
        yield warehouse


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_a_table_gets_every_row_of_a_page_with_odd_values(odd_store: Warehouse, nested: str) -> None:
    _, about = page(places_of(odd_store.kind))

    as_text = "CHAR" if odd_store.kind == "mariadb" else "TEXT"  # PostgreSQL's driver decodes JSON, and no number of 5,000 digits

    odd_store.run("brands", nested=nested)

    rows = {row[0]: row[1:] for row in odd_store.query(f"SELECT id, name, CAST(_extra AS {as_text}) FROM brands")}
    assert sorted(rows) == [1, *about, max(about) + 1]
    assert rows[1][0] == rows[max(about) + 1][0] == "good"
    for key, (value, place) in about.items():
        if place == "plain" and value not in READ and value not in MENDED:
            assert rows[key][0] is None
            assert "name" in str(rows[key][1])


def test_the_case_from_the_field(bigcommerce_sandbox: Sandbox) -> None:
    records = records_of(rb'{"data":[{"id":1,"name":"half \ud83d"},{"id":2,"name":"good"}],"meta":{}}')

    assert Page(records).rows() == [{"id": 1, "name": r'"half \ud83d"'}, {"id": 2, "name": "good"}]
