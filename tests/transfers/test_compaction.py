"""Compaction of a copy in files: what readers see stays the same, whatever happens meanwhile, and old files go when nobody reads them."""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import fsspec  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.cli import main
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.compaction import Compacted, Compaction, compacted, copies_below
from airflow_provider_bigcommerce.targets.files.compaction_plan import is_compaction
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.merging import Merge
from airflow_provider_bigcommerce.targets.files.snapshots import find_copy
from tests.transfers.compacted import T0, Row, Written, all_rows, assert_names_what_is_there, rows_of, seen_by_all
from tests.transfers.conftest import Night
from tests.transfers.stopped import StoppedTry, counted_steps
from tests.transfers.test_reading_the_files import sql_blocks

NOTHING = "there is nothing to merge or to remove"
FORMATS = ["parquet", "jsonl", "jsonl.gz", "jsonl.zst"]


@pytest.fixture(autouse=True)
def _nobody_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power does not fail here, and a thousand waits for a busy disk are minutes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(params=["disk", "objects"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    """A directory, and a store of objects."""
    if request.param == "disk":
        yield Destination.at(str(tmp_path))
        return
    objects = fsspec.filesystem("memory")
    objects.store.clear()
    yield Destination(objects, "/copy", "memory://copy")
    objects.store.clear()


@pytest.fixture
def disk(tmp_path: Path) -> Destination:
    return Destination.at(str(tmp_path))


def customer(key: int, notes: str = "", **others: Any) -> Row:
    return {"id": key, "email": f"{key}@example.com", "notes": notes, "date_modified": "2025-12-31T00:00:00Z", **others}


def hourly(written: Written, runs: int = 60, *, of: int = 12) -> None:
    """A first read of all, then runs of an hour each that bring two rows and now and then mark one."""
    written.run(0, [customer(key, "first") for key in range(1, of + 1)], files=2)
    for hour in range(1, runs):
        gone = [hour % of + 1] if hour % 7 == 0 else []
        written.run(hour, [customer(key, f"hour {hour}") for key in {hour % of + 1, 2 * hour % of + 1} - {*gone}], gone=gone)


def compact(written: Written, **arguments: Any) -> Compacted:
    return Compaction(written.destination, written.resource, **{name: arguments.pop(name) for name in [*arguments] if name == "keep"}).run(
        **arguments
    )


def old(destination: Destination, name: str, days: float) -> None:
    """Let a file have been written that long ago."""
    if destination.is_local:
        path = Path(destination.full(name))
        at = path.stat().st_mtime - days * 86_400
        os.utime(path, (at, at))
    else:
        file = destination.fs.store[destination.full(name)]
        file.created -= timedelta(days=days)
        file.modified -= timedelta(days=days)


def names(destination: Destination, folder: str) -> list[str]:
    return [entry.name for entry in destination.entries(folder)]


# -- the same copy in fewer files


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_copy_is_the_same_in_fewer_files(destination: Destination, file_format: str) -> None:
    written = Written(destination, file_format=file_format)
    hourly(written)
    before = seen_by_all(written)

    result = compact(written)

    assert seen_by_all(written) == before
    assert_names_what_is_there(written)
    assert (result.before.runs, result.before.files) == (60, 61 + 8)
    assert result.after is not None
    assert result.after.runs == 24 + 1  # the newest day, and all that is older
    assert result.merged.runs == 60 - 24
    [new] = [run for run in find_copy(destination, "customers").runs if is_compaction(run.run)]
    assert [file.path for file in new.manifest.files] == [f"customers/run={new.run}/part-00000.{file_format}"]
    assert len(new.manifest.replaces) == 36
    assert compact(written).skipped == NOTHING
    assert seen_by_all(written) == before


def test_each_row_is_copied_byte_for_byte(disk: Destination) -> None:
    written = Written(disk)
    odd = '{"id":7,  "n":1.10,"n":2,"big":1e400,"t":"\\ud800 \\u00e9"}'
    key = "sync.customers-0a1b2c3d--run-odd"
    written.run(0, [customer(1)], key=key)
    file = committed(disk, "customers")[0].files[0]
    Path(disk.full(file.path)).write_bytes(odd.encode() + b"\n")
    written.run(1, [customer(2)])
    written.run(48, [customer(3)])

    compact(written)

    [new] = [run.manifest for run in find_copy(disk, "customers").runs if is_compaction(run.run)]
    lines = (disk.read(new.files[0].path) or b"").splitlines()
    assert odd.encode() in lines
    assert new.rows == 2


def test_files_of_several_formats_and_schemas_stay_what_they_are(disk: Destination) -> None:
    import pyarrow.parquet as pq

    written = Written(disk, file_format="parquet")
    written.run(0, [customer(1, "of an earlier schema"), customer(2, "gone soon")])
    path = Path(disk.full(committed(disk, "customers")[0].files[0].path))
    pq.write_table(pq.read_table(path).drop_columns(["notes", "phone"]), path)
    written.run(1, [customer(2, "newer"), customer(3)])
    written.run(2, [customer(4)], file_format="jsonl.gz")
    written.run(3, [customer(5)], file_format="parquet")
    written.run(48, [customer(6)])
    before = seen_by_all(written)

    compact(written)

    assert seen_by_all(written) == before
    [new] = [run.manifest for run in find_copy(disk, "customers").runs if is_compaction(run.run)]
    assert sorted(file.rows for file in new.files) == [1, 1, 3]
    assert sorted(file.path.partition("/part-")[2][6:] for file in new.files) == ["jsonl.gz", "parquet", "parquet"]
    assert "notes" not in rows_of(written)[(1,)]


def test_rows_without_a_key_all_stay_in_their_order(disk: Destination) -> None:
    written = Written(disk, "order_settings")
    for hour in (0, 1, 2, 3, 48):
        written.run(hour, [{"name": f"shop {hour}"}, {"name": "the same"}], mode="full")
    before = all_rows(written)

    compact(written)

    assert all_rows(written) == before
    [new] = [run.manifest for run in find_copy(disk, "order_settings").runs if is_compaction(run.run)]
    lines = (disk.read(new.files[0].path) or b"").splitlines()
    assert [json.loads(line)["name"] for line in lines] == [name for hour in range(4) for name in (f"shop {hour}", "the same")]


def test_a_large_copy_is_cut_into_several_files(disk: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_bigcommerce.targets.files.merging.FILE_BYTES", 4_000)
    written = Written(disk, file_format="jsonl")
    hourly(written, of=100)
    before = seen_by_all(written)

    compact(written)

    assert seen_by_all(written) == before
    assert_names_what_is_there(written)
    [new] = [run.manifest for run in find_copy(disk, "customers").runs if is_compaction(run.run)]
    assert len(new.files) == 3
    assert max(file.bytes for file in new.files) < 10_000  # and a block of lines


def test_a_large_run_is_not_written_again_for_a_few_rows(disk: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_bigcommerce.targets.files.compaction_plan.LARGE", 5_000)
    written = Written(disk)
    written.run(0, [customer(key, "x" * 100) for key in range(100)])
    for hour in range(1, 8):
        written.run(hour, [customer(hour, f"hour {hour}")], gone=[50 + hour])
    written.run(72, [customer(1)])
    before = seen_by_all(written)

    result = compact(written)

    assert seen_by_all(written) == before
    assert (result.merged.runs, result.after and result.after.runs) == (7, 3)
    for hour in range(73, 80):
        written.run(hour, [customer(key, f"later {hour} {'x' * 100}") for key in range(60)])
    written.run(130, [customer(2)])
    before = seen_by_all(written)

    result = compact(written)  # what is newer has more bytes than a fourth of it

    assert seen_by_all(written) == before
    assert result.after is not None
    assert result.after.runs == 2


# -- what the next run and a proof need


def test_the_run_that_a_watermark_names_stays_and_hides_and_is_hidden_as_before(destination: Destination) -> None:
    written = Written(destination)
    for hour in range(6):
        written.run(hour, [customer(key, f"hour {hour}") for key in range(hour, hour + 4)], query={"name": "a"} if hour == 2 else {})
    destination.write(f"customers/_overlaps/{written.keys[3]}.json", b"{}")
    written.run(48, [customer(1)])
    before = seen_by_all(written)

    compact(written)

    assert seen_by_all(written) == before
    there = {run.run for run in find_copy(destination, "customers").runs}
    assert {written.keys[2], written.keys[3], written.keys[6]} < there  # the newest watermark of its filters; with a file; the newest
    assert {written.keys[number] for number in (0, 1, 4, 5)}.isdisjoint(there)


def test_runs_of_other_filters_are_not_mixed_and_a_proof_compares_the_same_rows(destination: Destination) -> None:
    written = Written(destination)
    for hour in range(12):
        named = {"name": "a"} if hour % 2 else {}
        written.run(hour, [customer(key, f"hour {hour}") for key in range(hour, hour + 6)], query=named)
    written.run(48, [customer(1)], query={"name": "a"})
    written.run(49, [customer(2)], query={"name": "a"})
    before = seen_by_all(written)
    assert len(before["compared"]) < len(before["rows"])

    for _ in range(2):
        compact(written)
        assert seen_by_all(written) == before
    assert (
        len([run for run in find_copy(destination, "customers").runs if is_compaction(run.run)]) == 4
    )  # of each filter: rows, and markers

    for hour in range(100, 106):
        written.run(hour, [customer(hour % 5, f"hour {hour}")], query={"name": "a"} if hour % 2 else {})
    written.run(200, [customer(2)], query={"name": "a"})
    before = seen_by_all(written)
    compact(written)
    assert seen_by_all(written) == before
    assert len([run for run in find_copy(destination, "customers").runs if is_compaction(run.run)]) == 4


def test_backfills_become_one_where_their_spans_have_no_hole(disk: Destination) -> None:
    written = Written(disk)
    for day in (0, 1, 2, 5, 6):
        span = (24 * day, 24 * day + 24 - 1 / 3600)
        written.run(200 + day, [customer(day)], mode="backfill", window=span)
    written.run(240, [customer(7)], watermark=None)
    written.run(241, [customer(8)], watermark=None)
    written.run(300, [customer(9)], mode="backfill", window=(0, 1))
    before = seen_by_all(written)
    assert before["bounds"][-1] is False

    compact(written)

    assert seen_by_all(written) == before
    new = [run.manifest for run in find_copy(disk, "customers").runs if is_compaction(run.run)]
    assert sorted((run.mode, run.rows) for run in new) == [("backfill", 2), ("backfill", 3), ("incremental", 2)]


@pytest.mark.parametrize("is_old", [False, True])
def test_full_reads_say_as_before_how_far_the_copy_goes(disk: Destination, is_old: bool) -> None:
    written = Written(disk)
    for hour in range(5):
        written.run(hour, [customer(key, f"hour {hour}") for key in range(10 - hour)], mode="full", is_old=is_old)
    written.run(4.5, [customer(3)], mode="full", window=(2, 3), is_old=is_old)
    written.run(48, [customer(1)], mode="backfill", window=(0, 1), is_old=is_old)
    before = seen_by_all(written)

    compact(written)

    after = seen_by_all(written)
    assert after == before
    [new] = [run.manifest for run in find_copy(disk, "customers").runs if is_compaction(run.run)]
    assert (new.mode, new.watermark) == ("full", None)


def test_a_cleared_task_whose_run_was_compacted_counts_again(disk: Destination) -> None:
    written = Written(disk)
    hourly(written)
    compact(written)
    written.run(100, [customer(5, "after the clear")], key=written.keys[3])
    written.run(200, [customer(1)])
    before = seen_by_all(written)
    assert before["rows"][(5,)]["notes"] == "after the clear"

    compact(written)
    assert seen_by_all(written) == before
    for entry in disk.entries("customers"):
        old(disk, entry.name, 10)
    compact(written)

    assert seen_by_all(written) == before


# -- keep, and what is left


def test_what_was_replaced_is_there_for_keep_and_goes_then(destination: Destination) -> None:
    written = Written(destination)
    hourly(written)
    replaced = set(names(destination, "customers/_manifests"))
    files = {file.path for run in written.runs_there() for file in run.files}
    compact(written)
    before = seen_by_all(written)
    for entry in destination.entries("customers"):
        old(destination, entry.name, 6.9)

    assert compact(written).removed.files == 0
    assert files <= {entry.name for entry in destination.entries("customers")}
    for entry in destination.entries("customers"):
        old(destination, entry.name, 0.2)
    result = compact(written)

    assert result.removed.runs == 36
    assert seen_by_all(written) == before
    assert_names_what_is_there(written)
    there = {entry.name for entry in destination.entries("customers")}
    assert there & files == {file.path for run in written.runs_there() for file in run.files} - {
        file.path for run in find_copy(destination, "customers").runs if is_compaction(run.run) for file in run.manifest.files
    }
    assert len(replaced & there) == 24
    if destination.is_local:
        assert len(list(Path(destination.full("customers")).glob("run=*"))) == 25


def test_compactions_of_compactions_leave_nothing_behind_and_bring_nothing_back(destination: Destination) -> None:
    written = Written(destination)
    hour = 0
    for week in range(5):
        for _ in range(6):
            hour += 28
            written.run(hour, [customer(key, f"week {week} {hour}") for key in range(week, week + 4)], gone=[20 + week])
        before = seen_by_all(written)
        compact(written)
        assert seen_by_all(written) == before
        for entry in destination.entries("customers"):
            old(destination, entry.name, 7)

    assert compact(written).skipped is None
    assert seen_by_all(written) == before
    data = [name for name in names(destination, "customers") if "/run=" in name]
    assert sorted(data) == sorted(file.path for run in written.runs_there() for file in run.files)
    assert len(names(destination, "customers/_manifests")) == len(written.runs_there())


def test_nothing_is_removed_where_the_destination_tells_no_time(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(destination)
    hourly(written)
    compact(written)
    monkeypatch.setattr("airflow_provider_bigcommerce.targets.files.destination._when", lambda info: None)

    assert compact(written, keep=timedelta(0)).removed.runs == 0


def test_what_a_killed_compaction_left_goes_a_day_later_and_no_foreign_file_does(destination: Destination) -> None:
    written = Written(destination)
    hourly(written)
    left = "customers/run=compact-20260101T000000-0123abcd.0/part-00000.jsonl"
    foreign = [
        f"customers/{name}" for name in ("run=compact-a--b/part-00000.jsonl", "notes.txt", "_manifests/notes.txt", "run=x/part.jsonl")
    ]
    for name in [left, *foreign]:
        destination.write(name, b"{}\n")
    before = rows_of(written)

    compact(written)
    assert left in names(destination, "customers")
    for name in [left, *foreign]:
        old(destination, name, 1.1)
    compact(written)

    there = names(destination, "customers")
    assert left not in there
    assert set(foreign) <= set(there)
    assert rows_of(written) == before


def test_another_resource_is_not_touched(destination: Destination) -> None:
    customers, orders = Written(destination), Written(destination, "orders")
    for written in (customers, orders):
        for hour in (0, 1, 2, 48):
            written.run(hour, [customer(hour)])
    before = {entry.name: (entry.bytes, entry.modified) for entry in destination.entries("orders")}

    compact(customers)

    assert {entry.name: (entry.bytes, entry.modified) for entry in destination.entries("orders")} == before
    assert copies_below(destination) == ["customers", "orders"]
    assert [each.resource for each in compacted(destination, None)] == ["customers", "orders"]
    assert {entry.name: (entry.bytes, entry.modified) for entry in destination.entries("orders")} != before


@pytest.mark.parametrize(
    ("hours", "why"),
    [((), "no run is committed there"), ((0,), NOTHING), ((0, 1, 2, 3), NOTHING)],
    ids=["no run", "one run", "a day"],
)
def test_nothing_to_do_is_said_and_changes_nothing(destination: Destination, hours: tuple[int, ...], why: str) -> None:
    written = Written(destination)
    for hour in hours:
        written.run(hour, [customer(hour)])
    before = {entry.name: entry.modified for entry in destination.entries("customers")}

    assert compact(written).skipped == why
    assert {entry.name: entry.modified for entry in destination.entries("customers")} == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(destination: Destination) -> None:
    written = Written(destination)
    hourly(written)
    before = {entry.name: (entry.bytes, entry.modified) for entry in destination.entries("customers")}
    said: list[str] = []

    result = Compaction(destination, "customers", tell=said.append).run(dry_run=True)

    assert {entry.name: (entry.bytes, entry.modified) for entry in destination.entries("customers")} == before
    assert (result.merged.runs, result.after) == (36, None)
    assert result.merged == compact(written).merged
    assert said[-1].startswith(f"customers at {destination.full('customers')}: 60 runs, 69 files")
    assert "36 runs" in said[-1]


def test_a_compaction_that_is_younger_than_every_is_the_last_for_now(destination: Destination) -> None:
    written = Written(destination)
    hourly(written)
    assert compact(written, every=timedelta(days=7)).skipped is None
    hourly(written, 100)
    assert (compact(written, every=timedelta(days=7)).skipped or "").endswith("and is every 7 days, 0:00:00")
    [new] = [name for name in names(destination, "customers/_manifests") if "compact-" in name]
    old(destination, new, 7)

    assert compact(written, every=timedelta(days=7)).merged.runs > 50


def test_copies_of_two_stores_are_not_mixed(disk: Destination) -> None:
    written = Written(disk)
    for hour in (0, 1, 2):
        written.run(hour, [customer(hour)])
    written.store_hash = "def456"
    written.run(48, [customer(9)])

    with pytest.raises(InvalidQueryError, match="copies of the stores 'abc123', 'def456': merging them would mix"):
        compact(written)


def test_a_file_that_is_gone_is_an_error_and_the_others_are_compacted(disk: Destination) -> None:
    customers, orders = Written(disk), Written(disk, "orders")
    for written in (customers, orders):
        for hour in (0, 1, 2, 48):
            written.run(hour, [customer(hour)])
    Path(disk.full(committed(disk, "customers")[-1].files[0].path)).unlink()
    before = names(disk, "customers")

    with pytest.raises(DestinationError, match=r"1 of 2 copies at .* could not be compacted and stay as they were: customers"):
        compacted(disk, None)

    assert names(disk, "customers") == before
    assert len(orders.runs_there()) == 2


# -- any history


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Runs of a small copy: full, incremental, backfilled, with filters, deletes, clears, of any order and format."""
    runs = []
    for number in range(draw(st.integers(2, 14))):
        keys = draw(st.lists(st.integers(1, 6), max_size=4, unique=True))
        gone = draw(st.lists(st.sampled_from([key for key in range(1, 7) if key not in keys]), max_size=2, unique=True))
        mode = draw(st.sampled_from(["incremental", "incremental", "incremental", "full", "backfill"]))
        begin = draw(st.integers(0, 6))
        runs.append(
            {
                "hour": draw(st.integers(0, 60)),
                "rows": [customer(key, f"run {number}") for key in keys],
                "gone": gone,
                "mode": mode,
                "query": draw(st.sampled_from([{}, {}, {"name": "a"}, {"name": "b", "include": "x"}])),
                "window": draw(st.sampled_from([(begin, begin + 1), (begin, begin + 1), (None, begin), (None, None)])),
                "watermark": draw(st.sampled_from([-1, -1, None])),
                "file_format": draw(st.sampled_from(["jsonl", "jsonl", "parquet", "jsonl.gz"])),
                "is_old": draw(st.integers(0, 9)) == 0,
                "files": draw(st.integers(1, 2)),
                "is_compacted": draw(st.integers(0, 3)) == 0,
                "has_file": draw(st.integers(0, 5)) == 0,
                "clears": draw(st.integers(0, 9)) == 0,
            }
        )
    return runs


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(history=histories(), days=st.lists(st.sampled_from([0.0, 3.0, 8.0]), min_size=14, max_size=14))
def test_any_history_is_the_same_copy_after_compactions_anywhere_in_it(history: list[dict[str, Any]], days: list[float]) -> None:
    """Two copies of one history, the one compacted now and then: at its end, and after each compaction, readers see the same."""
    objects = fsspec.filesystem("memory")
    objects.store.clear()
    plain, often = (Written(Destination(objects, f"/{name}", f"memory://{name}")) for name in ("plain", "often"))
    for number, run in enumerate(history):
        is_compacted, has_file, clears = (run.pop(name) for name in ("is_compacted", "has_file", "clears"))
        # A run is committed within a day of its read, as the plan expects.
        hour = run.pop("hour") * 0.3 + number * 12
        key = plain.keys[0] if clears and number else None
        for written in (plain, often):
            written.run(hour, key=key, **run)
            if has_file:
                written.destination.write(f"customers/_overlaps/{written.keys[-1]}.json", b"{}")
        if clears and number:
            continue
        if is_compacted or number == len(history) - 1:
            compact(often, keep=timedelta(days=7))
            assert_same(seen_by_all(often), seen_by_all(plain))
            for entry in often.destination.entries("customers"):
                old(often.destination, entry.name, days[number])
    compact(often)
    assert_same(seen_by_all(often), seen_by_all(plain))
    assert_names_what_is_there(often)


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert found[name] == value, name


# -- stopped at any step, and others beside it


#: Where it stops, and how many of all steps each run of the tests takes, which a seed draws; on a disk each entry that is looked at is one.
STOPS = [
    pytest.param("objects", 1 / 4, id="objects, some"),
    pytest.param("disk", 1 / 50, id="disk, some"),
    pytest.param("objects", 1.0, id="objects, all", marks=pytest.mark.exhaustive),
    pytest.param("disk", 1.0, id="disk, all", marks=pytest.mark.exhaustive),
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("place", "share"), STOPS)
@pytest.mark.parametrize("fate", ["goes on", "is killed"])
def test_a_compaction_that_stops_at_any_step_harms_nothing(tmp_path: Path, fate: str, place: str, share: float) -> None:
    """It stops before one of its calls of the file system; a run is committed and another compaction runs; then it goes on, or does not."""
    objects, dice = fsspec.filesystem("memory"), random.Random(f"{fate} {place}")
    objects.store.clear()
    with counted_steps():
        for number in itertools.count():
            if dice.random() > share:
                continue
            path = f"{tmp_path}/{number}"
            destination = Destination(objects, path, f"memory:/{path}") if place == "objects" else Destination.at(path)
            if stopped_at(Written(destination), number, is_killed=fate == "is killed"):
                break
    assert number > 40


def stopped_at(written: Written, step: int, *, is_killed: bool) -> bool:
    """One compaction that stops at that step; whether it had fewer steps."""
    destination = written.destination
    for hour in (0, 1, 2, 30):  # a compaction before, whose replaced files are old
        written.run(hour, [customer(key, f"hour {hour}") for key in (hour, hour + 1, 50)], gone=[40] if hour == 2 else [])
    compact(written)
    for entry in destination.entries("customers"):
        old(destination, entry.name, 8)
    for hour in (31, 32, 90):
        written.run(hour, [customer(key, f"hour {hour}") for key in (hour, 50, 2)], query={"name": "a"} if hour == 32 else {})
    before = seen_by_all(written)

    stopped = StoppedTry(lambda: {"result": compact(written)}, step, is_killed=is_killed)
    stopped.begin()
    is_past, at = len(stopped.steps) <= step, f"step {step}: {(stopped.steps or ['none'])[-1]}"
    assert_same(seen_by_all(written), before)
    assert_names_what_is_there(written, at)
    if step % 2:
        compact(written)
        assert_same(seen_by_all(written), before)
    written.run(91, [customer(50, "beside it"), customer(7)], gone=[1])
    before = seen_by_all(written)
    stopped.finish()

    assert stopped.surprise is None, (at, stopped.surprise)
    assert stopped.error is None, (at, stopped.error)
    assert_same(seen_by_all(written), before)
    assert_names_what_is_there(written, at)
    for _ in range(2):
        for entry in destination.entries("customers"):
            old(destination, entry.name, 8)
        compact(written)
        assert_same(seen_by_all(written), before)
    data = sorted(entry.name for entry in destination.entries("customers") if "/run=" in entry.name)
    assert data == sorted(file.path for run in written.runs_there() for file in run.files), at
    return is_past


def test_two_compactions_and_runs_at_once_lose_nothing(destination: Destination) -> None:
    written = Written(destination)
    hourly(written)
    expected = {**notes(written), 3: "beside", 77: "of a new one"}
    with ThreadPoolExecutor(3) as pool:
        both = [pool.submit(compact, written) for _ in range(2)]
        run = pool.submit(written.run, 100, [customer(3, "beside"), customer(77, "of a new one")])
        results = [each.result(120) for each in both]
        run.result(120)

    assert notes(written) == expected
    assert any(result.merged.runs for result in results)
    assert_names_what_is_there(written)
    written.run(200, [customer(1, "at the end")])
    compact(written)
    assert notes(written) == {**expected, 1: "at the end"}


def notes(written: Written) -> dict[int, str | None]:
    """Key -> notes, None for a row that is marked as deleted."""
    return {key: row.get("notes") for (key,), row in rows_of(written).items()}


def test_a_run_that_is_committed_anew_while_it_is_compacted_counts(disk: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(disk)
    hourly(written)
    merge = Merge.run

    def cleared_meanwhile(self: Merge) -> None:
        merge(self)
        written.run(100, [customer(5, "after the clear")], key=written.keys[3])

    monkeypatch.setattr(Merge, "run", cleared_meanwhile)
    result = compact(written)

    assert result.merged.runs == 0
    assert rows_of(written)[(5,)]["notes"] == "after the clear"
    assert not [name for name in names(disk, "customers") if "compact-" in name]


@pytest.mark.parametrize("fate", ["goes on", "is killed"])
def test_two_compactions_that_commit_in_the_same_instant_leave_each_row_without_a_key_once(fate: str) -> None:
    """The one stops at any step, also between its last look and its manifest; the other one runs, as it is or after one run more."""
    objects, both = fsspec.filesystem("memory"), 0
    objects.store.clear()
    with counted_steps():
        for number in itertools.count():
            written = Written(Destination(objects, f"/{number}", f"memory://{number}"), "order_settings")
            for hour in (0, 1, 2, 48):
                written.run(hour, [{"name": f"shop {hour}"}, {"name": "the same"}], mode="full")
            stopped = StoppedTry(lambda written=written: {"result": compact(written)}, number, is_killed=fate == "is killed")  # type: ignore[misc]
            stopped.begin()
            if number % 2:
                written.run(96, [{"name": "shop 96"}], mode="full")  # so that the other one stands for more runs
            written.run(97, [{"name": "shop 97"}], mode="full")
            compact(written)
            stopped.finish()
            assert (stopped.surprise, stopped.error) == (None, None), number

            commits = [name for name in names(written.destination, "order_settings/_manifests") if "compact-" in name]
            if fate == "is killed":
                both += len(commits) > 1
                compact(written)
            shops = [48, *([96] if number % 2 else []), 97]
            expected = [*(f"shop {hour}" for hour in (0, 1, 2, *shops)), *["the same"] * 4]
            assert sorted(json.loads(row)["name"] for row in all_rows(written)) == sorted(expected), (number, stopped.steps[-1:])
            if len(stopped.steps) <= number:
                break
    assert number > 20
    assert both or fate == "goes on", "no two of them ever stood at once"


def now_hours() -> float:
    """The destination's time as an hour of the runs'."""
    return (datetime.now(UTC) - T0) / timedelta(hours=1)


def begun(destination: Destination, run: str, *, hours_ago: tuple[float, ...]) -> None:
    """Files of a run that is under way, and was for so long."""
    for number, hours in enumerate(hours_ago):
        name = f"customers/run={run}/part-{number:05d}-0a1b2c3d.jsonl"
        destination.write(name, b"{}\n")
        old(destination, name, hours / 24)


@pytest.mark.parametrize("is_cleared", [False, True], ids=["a run", "a cleared run"])
def test_a_run_that_reads_for_days_comes_in_at_its_place(destination: Destination, is_cleared: bool) -> None:
    """It began three days ago; compactions beside it leave alone what began after it, so that its rows hide what is older than they."""
    start = now_hours() - 80
    plain, beside = Written(Destination(fsspec.filesystem("memory"), "/plain", "memory://plain"), store_hash="abc123"), Written(destination)
    fsspec.filesystem("memory").store.clear()
    key = "sync.customers-0a1b2c3d--run-slow"

    def run(hour: float, rows: list[Row], **arguments: Any) -> None:
        for written in (plain, beside):
            written.run(start + hour, rows, **arguments)

    if is_cleared:
        run(-40, [customer(8, "before the clear")], key=key)
        for entry in destination.entries("customers"):
            old(destination, entry.name, 5)
    for hour in range(-30, 6):
        run(hour, [customer(key, f"hour {hour}") for key in (hour % 5, 7)])
    began = 5.5  # and closed its first file half a day later
    begun(destination, key, hours_ago=(80 - began - 12, 40, 1))
    for hour in range(6, 80):
        run(hour, [customer(hour % 3, f"hour {hour}")])
        if hour in (40, 60, 79):
            compact(beside)
    run(began, [customer(key, "of the slow one") for key in (1, 3, 4, 7, 8)], key=key)
    run(90, [customer(50)])
    expected = rows_of(plain)
    assert {row["notes"] for row in expected.values()} >= {"of the slow one", "hour 78"}

    assert len(find_copy(destination, "customers").runs) < 113 - 10, "nothing was compacted"
    assert rows_of(beside) == expected
    compact(beside)
    assert rows_of(beside) == expected


def test_a_run_under_way_holds_compactions_back_for_as_long_as_it_writes_and_a_dead_one_does_not(destination: Destination) -> None:
    written = Written(destination)
    hourly(written, 100)
    begun(destination, "sync.customers-0a1b2c3d--run-slow", hours_ago=(29.5, 2))
    begun(destination, "sync.customers-0a1b2c3d--run-dead", hours_ago=(90, 25))
    begun(destination, "compact-20260101T000000-0123abcd.0", hours_ago=(95, 1))

    assert compact(written).merged.runs == 100 - 24 - 30
    for entry in destination.entries("customers/run=sync.customers-0a1b2c3d--run-slow"):
        old(destination, entry.name, 1)
    assert compact(written).merged.runs == 30 + 1
    for entry in [*destination.entries(f"customers/run={written.keys[50]}"), *destination.entries("customers/_manifests")]:
        old(destination, entry.name, 5)
    begun(destination, written.keys[50], hours_ago=(9.5, 1))  # it was compacted and is cleared
    for hour in range(100, 150):
        written.run(hour, [customer(1, f"hour {hour}")])
    assert compact(written).merged.runs == 150 - 24 - 10 - 76 + 1


def test_a_run_that_took_longer_than_a_day_is_told_of(disk: Destination, caplog: pytest.LogCaptureFixture) -> None:
    written = Written(disk)
    for hour in (0, 1, 2, 3, 48):
        written.run(hour, [customer(1, f"hour {hour}")])
    compact(written)
    compact(written)
    assert not caplog.records
    written.run(1.5, [customer(1, "late")])

    compact(written)

    [record] = caplog.records
    assert "began at 2026-01-01T01:30:00Z and was committed after runs that began up to 2026-01-01T03:00:00Z" in record.getMessage()


# -- read by others, run by others


@pytest.mark.bigcommerce_sandbox(orders=12)
def test_duckdb_reads_the_same_before_and_after(night: Night) -> None:
    parquet: dict[str, Any] = {"file_format": "parquet"}
    night.run("r0", **parquet)
    for day in range(1, 7):
        night.later(timedelta(days=1))
        night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[day]["id"], staff_notes=f"day {day}")
        night.sandbox.store.delete("orders", night.sandbox.store.rows("orders")[-1]["id"])
        night.run(f"r{day}", **parquet, deletes="detect", max_deleted_percent=100)
    [view, _] = sql_blocks(night.path)
    before = asked(view)

    result = BigCommerceCompactOperator(task_id="compact", path=str(night.path), resource="orders").execute({})

    assert result["resources"][0]["merged"]["runs"] > 3
    assert asked(view) == before
    assert [key for key, _ in before] == [row["id"] for row in night.sandbox.store.rows("orders")]


def asked(view: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.execute(view)
    # DuckDB makes a column of the directory's name, run=<run key>.
    return connection.execute("SELECT id, to_json(row)::VARCHAR FROM (SELECT * EXCLUDE (run) FROM orders) AS row ORDER BY id").fetchall()


@pytest.mark.bigcommerce_sandbox(orders=12, customers=12)
@pytest.mark.parametrize(("resource", "file_format"), [("orders", "jsonl"), ("brands", "jsonl.gz"), ("customers", "parquet")])
def test_runs_deletes_and_proofs_go_on_as_if_nothing_had_happened(night: Night, resource: str, file_format: str) -> None:
    """By date and compared; a row is deleted before a compaction and comes back after it."""
    store = night.sandbox.store
    arguments: dict[str, Any] = {"file_format": file_format, "deletes": "detect", "max_deleted_percent": 100}
    field = {"orders": "staff_notes", "brands": "page_title", "customers": "notes"}[resource]

    def prove() -> dict[str, Any]:
        return BigCommerceReconcileOperator(task_id="prove", resource=resource, path=str(night.path), sample=None).execute({})

    night.run("r0", resource, **arguments)
    for day in range(1, 10):
        night.later(timedelta(days=1))
        rows = store.rows(resource)
        store.edit(resource, rows[day % (len(rows) - 1)]["id"], **{field: f"day {day}"})
        if day == 3:
            store.delete(resource, rows[-1]["id"])
        manifest = night.run(f"r{day}", resource, **arguments)
        assert manifest["deleted"] == (day == 3)
        assert manifest["rows"] == 1, day
        if day in (4, 6, 8):
            night.later(timedelta(hours=1))
            [done] = compacted(Destination.at(str(night.path)), None)
            assert done.merged.runs > 1
            assert night.run(f"quiet {day}", resource, **arguments)["rows"] == 0  # what the last run knew is still known
            assert prove()["equal"] is True


def test_the_command_line_compacts(destination: Destination, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(destination)
    hourly(written)
    monkeypatch.setattr(Destination, "at", lambda path: destination)
    before = rows_of(written)

    assert run_cli(monkeypatch, "compact", "/copy", "--dry-run", "--json") == 0
    [told] = json.loads(capfd.readouterr().out)
    assert (told["merged"]["runs"], told["after"]) == (36, None)
    assert run_cli(monkeypatch, "compact", "/copy", "customers", "--keep-days", "0") == 0
    assert "60 runs, 69 files" in capfd.readouterr().err
    assert run_cli(monkeypatch, "compact", "/copy", "--keep-days", "0") == 0
    assert "36 files" not in capfd.readouterr().out
    assert rows_of(written) == before
    assert run_cli(monkeypatch, "compact", "/copy", "costumers") == 2
    assert "costumers" in capfd.readouterr().err


def run_cli(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", *arguments])
    return main()


def test_the_operator_takes_what_it_can_use_and_refuses_the_rest() -> None:
    operator = BigCommerceCompactOperator(task_id="compact", path="/data", resource="orders")
    assert (operator.resource, operator.keep) == (["orders"], timedelta(days=7))
    with pytest.raises(BigCommerceError, match="costumers"):
        BigCommerceCompactOperator(task_id="compact", path="/data", resource="costumers")
    with pytest.raises(InvalidQueryError, match="keep=7"):
        BigCommerceCompactOperator(task_id="compact", path="/data", keep=7)  # type: ignore[arg-type]  # what a user may give
