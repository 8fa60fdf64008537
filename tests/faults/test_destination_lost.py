"""The place where rows go fails in the middle of a run: the disk is full, the directory is gone, the right to write is taken away.

All of it is real: a small file system where the tests may mount one, the operating system's limit on a file's size where not, and
the rights of another user where the tests run as root, whom permissions do not bind. The run is a process of its own.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_server import until
from tests.faults.conftest import RESOURCE, Place, connect

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take a right away from another user while a process of his runs")


@contextmanager
def running(kind: str, *arguments: dict[str, Any], **process: Any) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.ended", kind, *map(json.dumps, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **process) as found:
        try:
            yield found
        finally:
            found.kill()


def output(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 1, text
    return text


def assert_told(text: str, *parts: str) -> None:
    """It ends in the one error that names the place and the reason."""
    last = text[text.rindex("DestinationError: ") :]
    assert [part for part in parts if part not in last] == [], last
    assert "nclosed" not in text


def part_files(place: Place) -> list[Path]:
    return list((place.folder / "copy" / RESOURCE).glob("run=*/part-*"))


def in_the_middle(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store answers ten pages and then not for a while; a request is given up after a second, and sent again."""
    connect(monkeypatch, place.sandbox.connection, max_attempts=100)
    place.stop_answering()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here; the limit on a file's size is tested in its stead")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.bigcommerce_sandbox(products=2000)
@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_files_on_a_full_disk(place: Place, small_disk: Path, file_format: str) -> None:
    if file_format == "parquet":
        (small_disk / "other").write_bytes(b"x" * 950_000)
    arguments = {**place.arguments("files"), "path": str(small_disk / "copy"), "file_format": file_format, "query": {"limit": 250}}
    with running("files", arguments) as process:
        text = output(process)

    assert_told(text, f"{small_disk}/copy/{RESOURCE}/run=", "No space left on device", "that there is room")
    assert committed(str(small_disk / "copy"), RESOURCE) == []
    assert [file for file in small_disk.rglob("*") if file.suffix in (".tmp", ".jsonl", ".parquet")] == []


@pytest.mark.bigcommerce_sandbox(products=2000)
def test_a_table_on_a_full_disk(place: Place, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.folder = small_disk
    (small_disk / "other").write_bytes(b"x" * 900_000)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(place.database)}))
    with running("sql", place.arguments("sql")) as process:
        text = output(process)

    assert_told(text, "SQLite refused a statement", "database or disk is full")
    place.assert_nothing_false_remains("sql")


@pytest.mark.bigcommerce_sandbox(products=2000)
def test_a_file_that_may_not_grow(place: Place) -> None:
    limit = 400_000
    arguments = {**place.arguments("files"), "file_format": "jsonl", "query": {"limit": 250}}
    with running("files", arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) as process:
        text = output(process)

    assert_told(text, f"{place.folder}/copy/{RESOURCE}/run=", "File too large")
    assert part_files(place) == []
    place.assert_nothing_false_remains("files")


@pytest.mark.bigcommerce_sandbox(products=300)
def test_a_directory_that_is_removed_in_the_middle(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_middle(place, monkeypatch)
    with running("files", {**place.arguments("files"), "max_rows_per_file": 60}) as process:
        until(lambda: place.is_reading() and len(part_files(place)) >= 2, "the read")
        (place.folder / "copy").rename(place.folder / "elsewhere")
        place.answer()
        text = output(process)

    assert_told(text, f"{place.folder}/copy/{RESOURCE}/")  # a file of rows or of keys, whichever is due first
    place.assert_nothing_false_remains("files")


@pytest.mark.bigcommerce_sandbox(products=300)
def test_a_finished_file_that_is_removed_in_the_middle(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_middle(place, monkeypatch)
    with running("files", {**place.arguments("files"), "max_rows_per_file": 60}) as process:
        until(lambda: place.is_reading() and len(part_files(place)) >= 2, "the read")
        removed = part_files(place)[0]
        removed.unlink()
        place.answer()
        text = output(process)

    assert_told(text, f"{removed} was written by this run and is not there any more", "Nothing was committed")
    place.assert_nothing_false_remains("files")


@pytest.mark.bigcommerce_sandbox(products=300)
def test_a_directory_that_is_no_longer_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_middle(place, monkeypatch)
    with running("files", {**place.arguments("files"), "max_rows_per_file": 60}) as process:
        until(lambda: place.is_reading() and len(part_files(place)) >= 2, "the read")
        (place.folder / "copy").rename(place.folder / "elsewhere")
        (place.folder / "copy").write_text("a file where the directory was")
        place.answer()
        text = output(process)

    assert_told(text, f"{place.folder}/copy/{RESOURCE}/", "Check that the directory or bucket exists")
    assert (place.folder / "copy").read_text() == "a file where the directory was"


@pytest.mark.bigcommerce_sandbox(products=300)
def test_a_database_that_is_removed_in_the_middle(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    in_the_middle(place, monkeypatch)
    with running("sql", place.arguments("sql")) as process:
        until(place.is_reading, "the read")
        place.database.unlink()
        place.answer()
        text = output(process)

    assert_told(text, "SQLite refused a statement")
    assert not place.database.exists()


@needs_root
@pytest.mark.bigcommerce_sandbox(products=300)
@pytest.mark.parametrize("kind", ["files", "sql"])
def test_a_right_that_is_taken_away_in_the_middle(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = pwd.getpwnam("nobody")
    for folder in (place.folder, *place.folder.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)  # pytest's own directories are closed to others
    place.folder = place.folder / "his"
    place.folder.mkdir()
    os.chown(place.folder, nobody.pw_uid, nobody.pw_gid)
    for name, file in (("FIRST", place.folder.parent / "first.db"), ("WAREHOUSE", place.database)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    in_the_middle(place, monkeypatch)
    arguments, first = place.arguments(kind), {"resource": "brands"}
    if kind == "files":
        arguments["max_rows_per_file"] = 60
        lost, words = place.folder / "copy" / RESOURCE, f"{place.folder}/copy/{RESOURCE}/"
        first["path"] = str(place.folder.parent / "first")
    else:
        lost, words = place.folder, "SQLite refused a statement"
        first["conn_id"] = "first"

    with running(kind, arguments, first) as process:
        until(lambda: place.is_reading() and (kind == "sql" or len(part_files(place)) >= 2), "the read")
        for folder in (lost, *lost.rglob("run=*")):
            folder.chmod(0o555)
        place.answer()
        text = output(process)

    assert_told(text, words, *(["Permission denied", "the worker may write"] if kind == "files" else []))
    if kind == "sql":
        place.assert_nothing_false_remains("sql")
    assert committed(str(place.folder / "copy"), RESOURCE) == []  # what he may not remove is there still, and no manifest names it
