"""The search for secrets finds what is planted, in each form and container, and nothing where nothing is."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.house.leaks import find_leaks

SECRET = "tök/en+with=odd&chars?5%"
SECRETS = {"access token": SECRET}

SPELLINGS = {
    "plain": SECRET.encode(),
    "URL-encoded": quote(SECRET, safe="").encode(),
    "JSON-escaped": json.dumps({"extra": json.dumps({"access_token": SECRET})}).encode(),
    "hexadecimal": SECRET.encode().hex().encode(),
    "base64": base64.b64encode(SECRET.encode()),
}


def write_gzip(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content))


def write_zstd(path: Path, content: bytes) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    with pyarrow.output_stream(path, compression="zstd") as stream:
        stream.write(content)


def write_parquet(path: Path, content: bytes) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"nested": [[{"note": content.decode()}]]}), path, compression="zstd")


def write_sqlite(path: Path, content: bytes) -> None:
    """In the middle of a value much longer than a page."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE xcom (value TEXT)")
        database.execute("INSERT INTO xcom VALUES (?)", ["x" * 50_000 + content.decode() + "y" * 50_000])
    database.close()


def write_compressed_in_sqlite(path: Path, content: bytes) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE serialized_dag (data_compressed BLOB)")
        database.execute("INSERT INTO serialized_dag VALUES (?)", [zlib.compress(b'{"dag": "' + content + b'"}')])
    database.close()


@pytest.mark.parametrize("form", SPELLINGS)
@pytest.mark.parametrize("write", [Path.write_bytes, write_gzip, write_zstd, write_parquet, write_sqlite, write_compressed_in_sqlite])
def test_a_planted_leak_is_found_in_every_form_and_container(tmp_path, form, write):
    write(tmp_path / "planted", b"before " + SPELLINGS[form] + b" after" if form != "JSON-escaped" else SPELLINGS[form])
    assert form in {leak.form for leak in find_leaks([tmp_path], SECRETS)}


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "X-Auth-Token: "])
@pytest.mark.parametrize("after", ["", "z", "zy", "zyx"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_longer_text_is_found_at_every_alignment(tmp_path, before, after, encode):
    (tmp_path / "log").write_bytes(encode((before + SECRET + after).encode()))
    assert [leak.form for leak in find_leaks([tmp_path], SECRETS)] == ["base64"]


def test_a_leak_in_a_file_name_is_found(tmp_path):
    (tmp_path / "run-secrettoken1").write_bytes(b"")
    assert [leak.place for leak in find_leaks([tmp_path], {"token": "secrettoken1"})] == ["file name"]


def test_the_report_names_the_place_and_never_the_secret(tmp_path):
    (tmp_path / "task.log").write_text(f"token={SECRET}")
    (leak,) = find_leaks([tmp_path], SECRETS)
    assert str(leak) == f"access token (plain) in {tmp_path / 'task.log'} (raw bytes)"


def test_nothing_is_found_where_nothing_is(tmp_path):
    (tmp_path / "task.log").write_text("token=*** secret=***")
    write_sqlite(tmp_path / "airflow.db", b"gAAAAABencrypted")
    assert find_leaks([tmp_path], SECRETS) == []


def test_a_search_that_would_prove_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        find_leaks([tmp_path / "gone"], SECRETS)
    with pytest.raises(ValueError, match="proves nothing"):
        find_leaks([tmp_path], {"token": "short"})
