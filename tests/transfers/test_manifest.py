"""Manifests: what is committed, what is not, and that a reader never sees half of anything."""

from __future__ import annotations

import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from airflow_provider_bigcommerce.engine.manifest import (
    Check,
    DataFile,
    FieldDrift,
    Manifest,
    ManifestWindow,
    manifest_json_schema,
    run_key,
    task_key,
)
from airflow_provider_bigcommerce.exceptions import DestinationError, MissingPackageError
from airflow_provider_bigcommerce.targets.files.beginning import remove_orphans
from airflow_provider_bigcommerce.targets.files.commits import (
    begin_try,
    commit,
    committed,
    manifest_name,
    read_manifest,
    run_folder,
)
from airflow_provider_bigcommerce.targets.files.destination import Destination, is_temporary
from airflow_provider_bigcommerce.targets.files.new_file import NewFile
from airflow_provider_bigcommerce.targets.files.snapshots import find_copy

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "reference" / "manifest.schema.json"
NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


def a_manifest(files: tuple[DataFile, ...] = (), **changes: Any) -> Manifest:
    plain = Manifest(
        resource="orders",
        store_hash="abc123",
        mode="incremental",
        query={"include": "consignments.line_items"},
        window=ManifestWindow(since="2026-03-28T11:55:00Z", until="2026-03-29T12:00:00Z"),
        watermark="2026-03-29T12:00:00Z",
        files=files,
        rows=sum(file.rows for file in files),
        duplicates_dropped=2,
        drift=(FieldDrift(path="staff_notes", kind="changed_type", seen_type="list", nulls=3),),
        requests=4,
        throttled=0,
        seconds=1.5,
        started_at="2026-03-29T12:00:01.000Z",
        finished_at="2026-03-29T12:00:02.500Z",
        provider_version="0.1.0",
        complete=True,
        checked=(Check(what="rows", expected=(3, 3), found=3, agrees=True),),
    )
    return msgspec.structs.replace(plain, **changes)


def write_part(destination: Destination, name: str, data: bytes = b'{"id":1}\n') -> DataFile:
    with destination.create(name) as new:
        new.write(data)
    return DataFile(path=name, rows=1, bytes=new.bytes, sha256=new.sha256)


def part_name(resource: str, run: str, number: int) -> str:
    return f"{run_folder(resource, run)}/part-{number:05d}.jsonl"


def visible(destination: Destination, resource: str = "orders") -> set[str]:
    """What a reader takes for data: the bytes of each file that a committed manifest names."""
    return {
        (destination.read(file.path) or b"missing").decode() for manifest in committed(destination, resource) for file in manifest.files
    }


def test_a_manifest_has_exactly_the_documented_fields() -> None:
    expected = {
        "resource", "store_hash", "mode", "query", "window", "watermark", "files", "rows", "duplicates_dropped", "deleted", "drift",
        "rounded", "requests", "throttled", "seconds", "started_at", "finished_at", "provider_version", "complete", "checked",
        "read_at", "sequence", "attempt", "replaces", "as_of", "follows", "waited",
    }  # fmt: skip
    file = DataFile(path="orders/run=x/part-00000.jsonl", rows=1, bytes=9, sha256="0" * 64)

    manifest = a_manifest((file,)).as_json()

    assert set(manifest) == expected
    assert set(manifest["files"][0]) == {"path", "rows", "bytes", "sha256"}
    assert set(manifest["window"]) == {"since", "until"}


def test_a_manifest_survives_its_file() -> None:
    manifest = a_manifest((DataFile(path="orders/run=x/part-00000.jsonl", rows=1, bytes=9, sha256="0" * 64),))

    assert Manifest.decode(manifest.encode()) == manifest


def test_a_manifest_from_a_later_version_is_read() -> None:
    manifest = a_manifest()
    later = manifest.as_json() | {"compared_with": "a field of tomorrow"}

    assert Manifest.decode(json.dumps(later).encode()) == manifest


def test_the_published_schema_is_the_one_that_the_code_has() -> None:
    assert json.loads(SCHEMA_FILE.read_text()) == manifest_json_schema(), "write docs/reference/manifest.schema.json again"


def test_a_manifest_passes_its_published_schema() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    manifest = json.loads(a_manifest((DataFile(path="a", rows=1, bytes=1, sha256="0" * 64),)).encode())

    jsonschema.validate(manifest, schema)
    del manifest["window"]
    with pytest.raises(jsonschema.ValidationError, match="window"):
        jsonschema.validate(manifest, schema)


def test_a_run_key_is_the_same_for_all_tries_and_different_for_anything_else() -> None:
    this = ("bigcommerce_sync", "scheduled__2026-03-29T00:00:00+00:00", "orders", -1)
    others = [
        ("bigcommerce_sync2", *this[1:]),
        (this[0], "scheduled__2026-03-30T00:00:00+00:00", *this[2:]),
        (*this[:2], "products", -1),
        (*this[:3], 0),
        (*this[:3], 1),
    ]

    keys = {run_key(*these) for these in (this, *others)}

    assert run_key(*this) == run_key(*this)
    assert run_key(*this) == run_key(*this[:3])
    assert len(keys) == 6


def test_run_ids_that_look_alike_once_made_safe_have_keys_of_their_own() -> None:
    assert run_key("d", "manual__a:b", "t") != run_key("d", "manual__a+b", "t")


def test_a_run_key_is_a_safe_and_readable_file_name() -> None:
    key = run_key("däg/../x", "scheduled__2026-03-29T00:00:00+00:00" + "y" * 300, "group.orders", 3)

    assert re.fullmatch(r"[A-Za-z0-9._-]+", key)
    assert len(key) < 200
    assert "scheduled__2026-03-29T00-00-00-00-00" in key
    assert ".." not in key
    assert not key.startswith((".", "-"))


def test_a_task_does_not_share_its_key_with_one_whose_name_goes_on() -> None:
    longer = run_key("sync", "r", "orders--x")

    assert not longer.startswith(f"{task_key('sync', 'orders')}--")


def test_data_without_a_manifest_is_not_data(destination: Destination) -> None:
    write_part(destination, part_name("orders", "run1", 0))

    assert visible(destination) == set()


def test_committed_manifests_come_newest_first(destination: Destination) -> None:
    for run, finished in (("b", "2026-03-29T10:00:00Z"), ("a", "2026-03-29T12:00:00Z"), ("c", "2026-03-29T11:00:00Z")):
        commit(destination, "orders", run, a_manifest(finished_at=finished), None)

    assert [manifest.finished_at[11:13] for manifest in committed(destination, "orders")] == ["12", "11", "10"]
    assert committed(destination, "products") == []


def test_a_half_written_manifest_is_warned_of_and_not_taken(destination: Destination, caplog: pytest.LogCaptureFixture) -> None:
    commit(destination, "orders", "whole", a_manifest(), None)
    destination.write(manifest_name("orders", "half"), a_manifest().encode()[:200])

    with caplog.at_level(logging.WARNING):
        found = committed(destination, "orders")

    assert found == [a_manifest()]
    assert "_manifests/half.json is not a whole manifest" in caplog.text
    assert read_manifest(destination, "orders", "half") is None


def test_a_file_appears_only_when_its_block_ends_well(destination: Destination) -> None:
    name = part_name("orders", "run1", 0)
    with destination.create(name) as new:
        new.write(b"first ")
        new.write(memoryview(b"second"))
        if destination.is_local:
            assert [is_temporary(entry.name) for entry in destination.entries("orders")] == [True]

    assert destination.read(name) == b"first second"
    assert new.bytes == 12
    assert new.sha256 == "92088ec140fc553e4b1ede202edccb65a807bbf8a38d765a3ad38013c0f13688"
    assert [entry.name for entry in destination.entries("orders")] == [name]
    assert [entry.bytes for entry in destination.entries("orders")] == [12]


def test_a_file_whose_block_raises_leaves_nothing(destination: Destination) -> None:
    class Stop(BaseException):
        """What a time-out or a kill looks like."""

    def write_half() -> None:
        with destination.create(part_name("orders", "run1", 0)) as new:
            new.write(b"half")
            raise Stop

    with pytest.raises(Stop):
        write_half()

    assert destination.entries("orders") == []


def _crashing(destination: Destination, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the ``step``-th change of the destination, counted from 0, not happen and end the process there."""
    left = [step]

    class Killed(BaseException):
        """The end of the process."""

    for verb in ("write", "write_new", "remove"):
        real = getattr(destination, verb)

        def change(*args: Any, _real: Any = real) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return _real(*args)

        monkeypatch.setattr(destination, verb, change)


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4])
def test_a_cleared_run_shows_the_old_or_the_new_whole_wherever_it_crashes(
    destination: Destination, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = tuple(write_part(destination, part_name("orders", "run1", i), b"old%d" % i) for i in range(2))
    first = a_manifest(old)
    commit(destination, "orders", "run1", first, None)
    assert visible(destination) == {"old0", "old1"}

    new = tuple(write_part(destination, part_name("orders", "run1", 2 + i), b"new%d" % i) for i in range(2))
    assert visible(destination) == {"old0", "old1"}

    with monkeypatch.context() as patch:
        _crashing(destination, patch, step)
        try:
            commit(destination, "orders", "run1", a_manifest(new), first)
            crashed = False
        except BaseException as error:  # noqa: BLE001 - the made-up end of the process
            assert type(error).__name__ == "Killed"  # noqa: PT017
            crashed = True

    assert crashed == (step < 4)
    assert visible(destination) == ({"old0", "old1"} if step == 0 else {"new0", "new1"})

    begun = begin_try(destination, "orders", "run1", number=1)
    commit(destination, "orders", "run1", a_manifest(new, finished_at="2026-03-29T13:00:00.000Z"), begun.replaced, left=begun.left)
    assert visible(destination) == {"new0", "new1"}
    assert len(destination.entries("orders/run=run1")) == 2


def test_the_first_of_two_tries_to_commit_stays_and_the_files_of_the_other_go(destination: Destination) -> None:
    one, other = (write_part(destination, part_name("orders", "run1", i), b"of try %d" % i) for i in (0, 1))
    first = a_manifest((one,), finished_at="2026-03-29T13:00:00.000+00:00")
    commit(destination, "orders", "run1", first, None)

    assert commit(destination, "orders", "run1", a_manifest((other,), finished_at="2026-03-29T13:00:01.000+00:00"), None) == first
    assert visible(destination) == {"of try 0"}
    assert [entry.name for entry in destination.entries("orders/run=run1")] == [one.path]


def test_a_try_whose_files_are_gone_has_not_committed_first(destination: Destination) -> None:
    one, other = (write_part(destination, part_name("orders", "run1", i), b"of try %d" % i) for i in (0, 1))
    commit(destination, "orders", "run1", a_manifest((one,), finished_at="2026-03-29T13:00:00.000+00:00"), None)
    destination.remove(one.path)

    commit(destination, "orders", "run1", a_manifest((other,), finished_at="2026-03-29T13:00:01.000+00:00"), None)
    assert visible(destination) == {"of try 1"}


def test_what_earlier_tries_left_goes_with_the_commit_and_not_before(destination: Destination) -> None:
    kept, left = (write_part(destination, part_name("orders", "run1", i)) for i in (0, 1))
    other = write_part(destination, part_name("orders", "run2", 0))

    begun = begin_try(destination, "orders", "run1", number=1)
    assert set(begun.left) == {kept.path, left.path}
    commit(destination, "orders", "run1", a_manifest((kept,)), begun.replaced, mark=begun.this.mark, left=begun.left)

    assert [entry.name for entry in destination.entries("orders") if "run=" in entry.name] == [kept.path, other.path]


def test_orphans_older_than_a_day_of_the_same_task_go_and_nothing_else(tmp_path: Path) -> None:
    destination = Destination.at(str(tmp_path))
    mine, other = task_key("sync", "orders"), run_key("sync", "r1", "orders_of_another_task")
    killed, running, done, half = (run_key("sync", run, "orders") for run in ("killed", "running", "done", "half"))
    for run in (killed, running, done, half, other):
        write_part(destination, part_name("orders", run, 0))
    write_part(destination, part_name("orders", done, 1))
    kept = DataFile(path=part_name("orders", done, 0), rows=1, bytes=9, sha256="")
    commit(destination, "orders", done, a_manifest((kept,)), None)
    destination.write(manifest_name("orders", half), b'{"resource": "ord')
    old = (NOW - timedelta(days=1, seconds=1)).timestamp()
    for entry in destination.entries("orders"):
        moment = NOW.timestamp() if f"run={running}/" in entry.name else old
        os.utime(tmp_path / entry.name, (moment, moment))

    removed = remove_orphans(destination, find_copy(destination, "orders"), mine, now=NOW)

    left = {entry.name.split("/")[1] + "/" + entry.name.split("/")[2] for entry in destination.entries("orders") if "run=" in entry.name}
    assert removed == 2
    assert left == {
        f"run={running}/part-00000.jsonl",
        f"run={done}/part-00000.jsonl",
        f"run={half}/part-00000.jsonl",
        f"run={other}/part-00000.jsonl",
    }
    assert not (tmp_path / "orders" / f"run={killed}").exists()


@pytest.mark.parametrize("path", ["copy", "./copy", "file://copy", ""])
def test_a_relative_destination_is_refused(path: str) -> None:
    with pytest.raises(DestinationError, match=r"is not absolute.*file:///data/bigcommerce"):
        Destination.at(path)


def test_a_store_without_its_provider_is_told_with_the_package() -> None:
    with pytest.raises(MissingPackageError, match=r"apache-airflow-providers-amazon and s3fs.*\[s3\]"):
        Destination.at("s3://aws_default@bucket/copy")


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(MissingPackageError) as caught:
        Destination.at("s3://key:sec-ret@bucket/copy")

    assert "sec-ret" not in str(caught.value)


def test_one_directory_has_one_name_however_it_is_written(tmp_path: Path) -> None:
    spellings = [str(tmp_path), f"{tmp_path}/", f"file://{tmp_path}", f"file://{tmp_path}/"]

    assert len({Destination.at(text).url for text in spellings}) == 1


def test_a_destination_below_a_file_cannot_be_written_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    destination = Destination.at(str(tmp_path / "file" / "copy"))

    with pytest.raises(DestinationError, match=r"could not be created.*Check that the directory or bucket exists"):
        destination.require_writable("orders")


def test_a_writable_destination_is_left_as_it_was(destination: Destination) -> None:
    destination.require_writable("orders")

    assert destination.entries("orders") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        new = NewFile(full, "/data/orders")

        with pytest.raises(DestinationError, match="/data/orders could not be written: No space left on device"):
            new.write(b"x")
