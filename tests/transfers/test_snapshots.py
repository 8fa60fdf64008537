"""The snapshot of a copy: it says what the manifests say, whoever commits beside whom, and a run costs the same after any history."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import msgspec
import pytest

from airflow_provider_bigcommerce.engine.manifest import DataFile, Manifest, run_key, task_key
from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.targets.files.beginning import begin
from airflow_provider_bigcommerce.targets.files.commits import begin_try, commit, committed, manifest_name
from airflow_provider_bigcommerce.targets.files.destination import Destination, Entry
from airflow_provider_bigcommerce.targets.files.look import Look
from airflow_provider_bigcommerce.targets.files.snapshots import (
    KEPT,
    KEPT_BYTES,
    current,
    find_copy,
    outlived,
    put,
    settle,
    snapshot_name,
    stands_for,
)
from tests.transfers.conftest import Night
from tests.transfers.test_manifest import a_manifest, part_name, write_part

START = datetime(2026, 3, 1, tzinfo=UTC)


def a_run(destination: Destination, run: str, hour: int, **changes: Any) -> Manifest:
    """Commit a run with one file, whose read began in that hour."""
    begun = begin_try(destination, "orders", run, number=1)
    file = write_part(destination, part_name("orders", f"{run}", hour), f"{run} {hour}".encode())
    manifest = a_manifest(
        (file,),
        read_at=f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}",
        finished_at=f"{START + timedelta(hours=hour, milliseconds=5):%Y-%m-%dT%H:%M:%S.%f+00:00}",
        attempt=begun.this.number,
        **changes,
    )
    return commit(
        destination, "orders", run, manifest, begun.replaced, mark=begun.this.mark, left=begun.left, known=begun.found, is_numbered=False
    )


def told(destination: Destination) -> list[str]:
    """The runs that the highest snapshot names."""
    snapshot = current(destination, "orders")
    return [run.run for run in snapshot.runs] if snapshot is not None else []


def names(destination: Destination, folder: str) -> list[str]:
    return [entry.name.rpartition("/")[2] for entry in destination.entries(f"orders/{folder}")]


# -- what it says


def test_each_commit_writes_the_next_snapshot_newest_run_first(destination: Destination) -> None:
    assert current(destination, "orders") is None

    for hour, run in enumerate(("a", "b", "c")):
        a_run(destination, run, hour)

    snapshot = current(destination, "orders")
    assert snapshot is not None
    assert (snapshot.sequence, snapshot.resource, snapshot.store_hash) == (3, "orders", "abc123")
    assert told(destination) == ["c", "b", "a"]
    assert [run.manifest for run in snapshot.runs] == committed(destination, "orders")
    assert names(destination, "_snapshots") == [f"{number:020d}.json" for number in (1, 2, 3)]
    assert [manifest.sequence for manifest in committed(destination, "orders")] == [3, 2, 1]


def test_a_run_that_read_earlier_and_commits_later_stands_behind(destination: Destination) -> None:
    a_run(destination, "fast", 5)
    a_run(destination, "slow", 3)

    assert told(destination) == ["fast", "slow"]


def test_a_cleared_run_stands_once_with_its_new_manifest(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "b", 1)

    again = a_run(destination, "a", 2)

    assert told(destination) == ["a", "b"]
    assert find_copy(destination, "orders").manifest("a") == again


def test_a_commit_that_was_killed_before_its_snapshot_is_data_and_the_next_look_of_a_run_tells_it(destination: Destination) -> None:
    a_run(destination, "a", 0)
    killed = a_manifest(read_at="2026-03-02T00:00:00Z", sequence=2)
    destination.write(manifest_name("orders", "killed"), killed.encode())

    assert committed(destination, "orders")[0] == killed
    assert told(destination) == ["a"]

    found, _ = begin(destination, "orders", "any-task", store_hash="abc123")
    assert told(destination) == ["killed", "a"]
    assert found.is_told


def test_a_copy_of_an_earlier_version_goes_by_its_manifests_and_gets_its_first_snapshot_from_the_next_run(destination: Destination) -> None:
    for hour, run in enumerate("abcdefghijkl"):
        destination.write(manifest_name("orders", run), a_manifest(read_at=f"2026-03-01T{hour:02d}:00:00Z").encode())

    assert len(committed(destination, "orders")) == 12
    assert current(destination, "orders") is None

    a_run(destination, "new", 30)
    assert told(destination) == ["new", *reversed("abcdefghijkl")]


@pytest.mark.parametrize("damage", ["half", "empty", "another file"])
def test_a_damaged_snapshot_is_told_of_and_the_manifests_are_right(
    destination: Destination, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    a_run(destination, "a", 0)
    whole = destination.read(snapshot_name("orders", 1)) or b""
    destination.write(snapshot_name("orders", 2), {"half": whole[:-20], "empty": b"", "another file": b"[1]"}[damage])

    assert told(destination) == ["a"]
    assert "00000000000000000002.json is not a whole snapshot" in caplog.text
    a_run(destination, "b", 1)
    assert told(destination) == ["b", "a"]
    assert names(destination, "_snapshots")[-1] == f"{3:020d}.json"


def test_a_snapshot_of_a_later_version_is_refused_with_what_to_do(destination: Destination) -> None:
    a_run(destination, "a", 0)
    destination.write(snapshot_name("orders", 2), b'{"version": 2, "all": "different"}')

    with pytest.raises(DestinationError, match=r"has version 2, and this version of the provider knows up to 1: .*Upgrade"):
        committed(destination, "orders")


def test_a_snapshot_that_names_a_file_elsewhere_is_refused(destination: Destination) -> None:
    a_run(destination, "a", 0)
    text = destination.read(snapshot_name("orders", 1)) or b""
    text = text.replace(b"orders/run=a/part-00000.jsonl", b"orders/../../etc/passwd-000.jsonl")
    destination.write(snapshot_name("orders", 2), text)

    with pytest.raises(DestinationError, match="passwd"):
        committed(destination, "orders")


def test_a_manifest_that_a_person_removed_goes_from_the_next_snapshot(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "b", 1)
    destination.remove(manifest_name("orders", "a"))

    assert len(committed(destination, "orders")) == 1
    settle(destination, "orders")
    assert told(destination) == ["b"]


def test_a_manifest_that_was_edited_in_place_is_read_again(destination: Destination) -> None:
    kept = a_run(destination, "a", 0)
    a_run(destination, "b", 1)
    edited = msgspec.structs.replace(kept, requests=7 if kept.requests != 7 else 8)
    destination.write(manifest_name("orders", "a"), edited.encode())

    assert find_copy(destination, "orders").manifest("a") == edited
    a_run(destination, "c", 2)
    snapshot = current(destination, "orders")
    assert snapshot is not None
    assert snapshot.runs[2].manifest == edited


# -- a manifest that stands for others


def test_runs_that_a_compaction_stands_for_are_left_out_and_not_read_again(destination: Destination) -> None:
    for hour, run in enumerate("abcd"):
        a_run(destination, run, hour)
    before = find_copy(destination, "orders")
    a_run(destination, "compact", 2, replaces=tuple(stands_for(run) for run in before.runs if run.run != "d"))

    assert told(destination) == ["d", "compact"]
    assert len(committed(destination, "orders")) == 2
    a_run(destination, "e", 4)
    with counted(destination) as calls:
        assert [run.run for run in find_copy(destination, "orders").runs] == ["e", "d", "compact"]
    assert not [call for call in calls if "_manifests" in call and not call.startswith("find")]


def test_a_run_that_is_cleared_after_a_compaction_is_data_again(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "compact", 0, replaces=tuple(map(stands_for, find_copy(destination, "orders").runs)))
    assert told(destination) == ["compact"]

    a_run(destination, "a", 3)
    assert told(destination) == ["a", "compact"]


def test_a_run_that_is_cleared_while_a_compaction_reads_it_is_data(destination: Destination) -> None:
    a_run(destination, "a", 0)
    read = tuple(map(stands_for, find_copy(destination, "orders").runs))
    a_run(destination, "a", 3)
    a_run(destination, "compact", 0, replaces=read)

    assert told(destination) == ["a", "compact"]


def test_a_plain_run_key_stands_for_what_was_committed_before(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "compact", 0, replaces=("a",))
    assert told(destination) == ["compact"]

    a_run(destination, "a", 3)
    assert told(destination) == ["a", "compact"]


def test_compactions_of_compactions_hold_without_any_snapshot(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "first", 0, replaces=tuple(map(stands_for, find_copy(destination, "orders").runs)))
    a_run(destination, "b", 1)
    a_run(destination, "second", 1, replaces=tuple(map(stands_for, find_copy(destination, "orders").runs)))
    assert told(destination) == ["second"]

    for entry in destination.entries("orders/_snapshots"):
        destination.remove(entry.name)
    assert [run.run for run in find_copy(destination, "orders").runs] == ["second"]


def test_runs_whose_compaction_is_taken_back_are_data_again(destination: Destination) -> None:
    for hour, run in enumerate("abc"):
        a_run(destination, run, hour)
    a_run(destination, "compact", 1, replaces=tuple(map(stands_for, find_copy(destination, "orders").runs[1:])))
    assert told(destination) == ["c", "compact"]
    destination.remove(manifest_name("orders", "compact"))

    assert [run.run for run in find_copy(destination, "orders").runs] == ["c", "b", "a"]
    settle(destination, "orders")
    assert told(destination) == ["c", "b", "a"]


# -- several at once


@pytest.mark.parametrize("number", range(4))
def test_runs_that_commit_at_once_are_all_in_the_highest_snapshot(destination: Destination, number: int) -> None:
    runs = [f"run{number}-{each}" for each in range(6)]
    files = {run: write_part(destination, part_name("orders", run, 0)) for run in runs}
    ready = threading.Barrier(len(runs))
    errors: list[BaseException] = []

    def commit_one(run: str) -> None:
        try:
            ready.wait(30)
            manifest = a_manifest((files[run],), read_at="2026-03-29T12:00:00Z")
            commit(destination, "orders", run, manifest, None, is_numbered=False)
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=commit_one, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert sorted(told(destination)) == sorted(runs)


def test_a_put_that_replaces_anothers_snapshot_loses_no_run(destination: Destination) -> None:
    """Where a put cannot fail: one looked before another committed, and puts after it."""
    a_run(destination, "a", 0)
    early = find_copy(destination, "orders")
    a_run(destination, "b", 1)

    late = put(destination, early.plus("c", a_manifest(read_at="2026-03-01T02:00:00Z")))
    destination.write(manifest_name("orders", "c"), a_manifest(read_at="2026-03-01T02:00:00Z").encode())
    assert (late is None) == destination.is_local
    assert sorted(run.run for run in find_copy(destination, "orders").runs) == ["a", "b", "c"]
    settle(destination, "orders")
    assert told(destination) == ["c", "b", "a"]


def test_a_number_is_taken_by_one_alone_on_the_disk(tmp_path: Path) -> None:
    destination = Destination.at(str(tmp_path))

    assert destination.write_new("orders/_snapshots/1.json", b"first")
    assert not destination.write_new("orders/_snapshots/1.json", b"second")
    assert destination.read("orders/_snapshots/1.json") == b"first"
    assert names(destination, "_snapshots") == ["1.json"]


def test_a_disk_without_hard_links_gets_its_snapshots_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError("this file system has no hard links")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    destination = Destination.at(str(tmp_path))
    a_run(destination, "a", 0)
    a_run(destination, "b", 1)

    assert told(destination) == ["b", "a"]
    assert len(names(destination, "_snapshots")) == 2


# -- how long they stay


def look_of(ages: list[timedelta], size: int = 1000) -> Look:
    """Snapshots of these ages, the oldest first."""
    entries = [Entry(snapshot_name("orders", number), size, START - age) for number, age in enumerate(ages, 1)]
    return Look("orders", entries, START)


@pytest.mark.parametrize(
    ("ages", "size", "expected"),
    [
        pytest.param([KEPT] * 7 + [timedelta()], 1000, 0, id="a few are left until there are more"),
        pytest.param([KEPT] * 8 + [timedelta()], 1000, 8, id="eight are removed"),
        pytest.param([KEPT] * 60 + [timedelta()], 1000, 24, id="never all of many at once"),
        pytest.param([KEPT] * 9, 1000, 8, id="the highest stays however old it is"),
        pytest.param([timedelta(days=6)] * 60, 1000, 0, id="readers have a week"),
        pytest.param([timedelta(hours=2)] * 20 + [timedelta()], KEPT_BYTES // 4, 17, id="long ones have less"),
        pytest.param([timedelta(minutes=59)] * 20 + [timedelta()], KEPT_BYTES, 0, id="each has an hour"),
    ],
)
def test_which_snapshots_go(ages: list[timedelta], size: int, expected: int) -> None:
    gone = outlived(look_of(ages, size))

    assert gone == [snapshot_name("orders", number) for number in range(1, expected + 1)]


def test_where_the_destination_tells_no_time_all_stay() -> None:
    look = look_of([KEPT] * 60)
    look.now = None

    assert outlived(look) == []


def test_a_run_removes_the_snapshots_that_are_outlived_and_what_killed_commits_had_begun(tmp_path: Path) -> None:
    destination = Destination.at(str(tmp_path))
    for hour in range(12):
        a_run(destination, f"run{hour}", hour)
    begun = tmp_path / "orders" / "_snapshots" / f".{13:020d}.json.0123abcd.tmp"
    begun.write_bytes(b"half")
    long_ago = (datetime.now(UTC) - KEPT - timedelta(hours=1)).timestamp()
    for name in names(destination, "_snapshots"):
        os.utime(tmp_path / "orders" / "_snapshots" / name, (long_ago, long_ago))

    found, _ = begin(destination, "orders", "any-task", store_hash="abc123")

    assert names(destination, "_snapshots") == [f"{12:020d}.json"]
    assert len(found.runs) == 12


def test_files_of_runs_that_a_compaction_stands_for_are_no_orphans(tmp_path: Path) -> None:
    destination = Destination.at(str(tmp_path))
    runs = [run_key("sync", f"r{number}", "orders") for number in range(3)]
    for hour, run in enumerate(runs):
        a_run(destination, run, hour)
    a_run(destination, "compact", 2, replaces=tuple(map(stands_for, find_copy(destination, "orders").runs)))
    write_part(destination, part_name("orders", run_key("sync", "killed", "orders"), 0))
    for entry in destination.entries("orders"):
        os.utime(tmp_path / entry.name, (1, 1))

    _, removed = begin(destination, "orders", task_key("sync", "orders"), store_hash="abc123")

    assert removed == 1
    assert [destination.read(part_name("orders", run, hour)) is not None for hour, run in enumerate(runs)] == [True] * 3
    assert told(destination) == ["compact"]


def test_another_stores_copy_is_refused_by_its_snapshot_without_reading_a_manifest(destination: Destination) -> None:
    a_run(destination, "a", 0)
    a_run(destination, "b", 1)

    with counted(destination) as calls, pytest.raises(InvalidQueryError, match="holds a copy of the store 'abc123'"):
        begin(destination, "orders", "any-task", store_hash="another")
    assert len([call for call in calls if call.startswith("cat_file") and "_manifests" in call]) <= 1  # the newest may not be known yet


# -- quiet runs


@pytest.mark.bigcommerce_sandbox(orders=3)
@pytest.mark.parametrize(("mode", "files"), [("incremental", [1, 0, 0]), ("full", [1, 1, 1])])
def test_a_quiet_run_writes_no_file_into_a_copy_that_has_one(night: Night, mode: str, files: list[int]) -> None:
    made = [night.run(f"r{number}", after=timedelta(hours=1), mode=mode, file_format="parquet") for number in range(3)]

    assert [len(manifest["files"]) for manifest in made] == files
    assert len(committed(str(night.path), "orders")) == 3


@pytest.mark.bigcommerce_sandbox(orders=3)
def test_the_first_run_of_a_copy_without_rows_leaves_the_schema(night: Night) -> None:
    none_has = max(set(range(15)) - {row["status_id"] for row in night.sandbox.store.rows("orders")})
    for number in range(2):
        night.run(f"r{number}", mode="incremental", file_format="parquet", query={"status_id": none_has}, after=timedelta(hours=1))

    assert [[file.rows for file in manifest.files] for manifest in committed(str(night.path), "orders")] == [[], [0]]


# -- what a run costs


@contextmanager
def counted(destination: Destination) -> Iterator[list[str]]:
    """The calls of a file system, in their order, without those that others of them make."""
    calls: list[str] = []
    inner = threading.local()
    with pytest.MonkeyPatch.context() as patch:
        for verb in ("makedirs", "open", "rm_file", "find", "cat_file", "pipe_file", "info", "ls", "exists"):
            plain = getattr(type(destination.fs), verb)

            def call(self: Any, *args: Any, _plain: Any = plain, _verb: str = verb, **kwargs: Any) -> Any:
                if getattr(inner, "depth", 0) == 0:
                    calls.append(f"{_verb} {args[0]}")
                inner.depth = getattr(inner, "depth", 0) + 1
                try:
                    return _plain(self, *args, **kwargs)
                finally:
                    inner.depth -= 1

            patch.setattr(type(destination.fs), verb, call)
        yield calls


def a_history(destination: Destination, runs: int, store_hash: str) -> None:
    """Earlier hourly runs of the same task, each with a file and a manifest, and the snapshot that they left."""
    for number in range(runs):
        run = run_key("sync", f"scheduled-{number:06d}", "orders")
        name, data = f"orders/run={run}/part-00000.jsonl", b'{"id": %d}\n' % (10_000_000 + number)
        destination.fs.pipe_file(destination.full(name), data)
        manifest = a_manifest(
            (DataFile(path=name, rows=1, bytes=len(data), sha256="0" * 64),),
            read_at=f"{START - timedelta(days=500) + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}",
            sequence=number + 1,
            store_hash=store_hash,
        )
        destination.fs.pipe_file(destination.full(manifest_name("orders", run)), manifest.encode())
    settle(destination, "orders")


def one_more_run(night: Night, monkeypatch: pytest.MonkeyPatch, history: int) -> list[str]:
    """The calls of an incremental run that has three changed rows, after that many earlier ones and two of its own."""
    objects, at = fsspec.filesystem("memory"), Destination.at
    objects.store.clear()

    def in_memory(path: Any) -> Destination:
        return Destination(objects, "/bucket/copy", "memory://bucket/copy") if isinstance(path, str) else at(path)

    monkeypatch.setattr(Destination, "at", in_memory)
    night.run("first", after=timedelta(hours=1))
    destination = in_memory("any")
    a_history(destination, history, committed(destination, "orders")[0].store_hash)
    night.run("second", after=timedelta(hours=1))
    for row in night.sandbox.store.rows("orders")[:3]:
        night.sandbox.store.edit("orders", row["id"], staff_notes="edited")
    with counted(destination) as calls:
        assert night.run("third", after=timedelta(hours=1))["rows"] == 3
    return calls


LONG = pytest.param(10_000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(600)])


@pytest.mark.bigcommerce_sandbox(orders=20)
@pytest.mark.parametrize("history", [10, 500, LONG])
def test_a_run_costs_the_same_calls_whatever_the_history(night: Night, monkeypatch: pytest.MonkeyPatch, history: int) -> None:
    calls = one_more_run(night, monkeypatch, history)

    beside = [call for call in calls if "/part-" not in call and "/run=" not in call]
    kinds = Counter(call.split()[0] for call in beside)
    assert len(beside) <= 12, "\n".join(beside)
    assert kinds["find"] == 3, "\n".join(beside)
    assert [call for call in beside if call.startswith("cat_file") and "scheduled" in call] == []


def test_the_fields_of_a_snapshot_are_the_documented_ones(destination: Destination) -> None:
    a_run(destination, "a", 0)
    found = msgspec.json.decode(destination.read(snapshot_name("orders", 1)) or b"")

    assert set(found) == {"version", "resource", "store_hash", "sequence", "written_at", "runs", "left_out"}
    assert set(found["runs"][0]) == {"run", "manifest", "bytes", "modified"}
    assert msgspec.convert(found["runs"][0]["manifest"], Manifest) == committed(destination, "orders")[0]
