"""Incremental copies: each run reads what changed, nothing is lost, whatever ends a try."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.engine.manifest import run_key
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.state import Checkpoint, RunCheckpoint, state_key
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from tests.airflow_memory import START, StateStore
from tests.transfers.conftest import Night

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def the_copy_is_the_store(night: Night, resource: str = "orders") -> None:
    """Row for row; of orders what this task reads without includes."""
    copy, store = night.copy(resource), {row["id"]: row for row in night.sandbox.store.rows(resource)}
    assert sorted(copy) == sorted(store)
    assert {key: row["date_modified"] for key, row in copy.items()} == {key: row["date_modified"] for key, row in store.items()}
    names = ("status", "customer_id", "staff_notes") if resource == "orders" else ("first_name", "notes", "name", "price")
    for name in names:
        assert {key: row.get(name) for key, row in copy.items()} == {key: row.get(name) for key, row in store.items()}


def watermark(night: Night) -> str:
    [value] = night.airflow.watermarks.values()
    return str(value["watermark"])


@pytest.mark.parametrize("resource", ["products", "customers", "orders"])
def test_the_second_run_reads_only_what_changed(night: Night, resource: str) -> None:
    first = night.run("r1", resource)
    night.later(timedelta(hours=1))
    [changed, *_] = night.sandbox.store.rows(resource)
    night.sandbox.store.edit(resource, changed["id"], staff_notes="edited", notes="edited", name="edited")
    night.sandbox.store.requests.clear()

    second = night.run("r2", resource, after=DAY)

    assert first["rows"] == night.sandbox.store.count(resource)
    assert (second["rows"], second["duplicates_dropped"]) == (1, 0)
    assert second["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-30T13:00:00Z"}
    assert second["watermark"] == watermark(night) == "2026-03-30T13:00:00Z"
    path = {"products": "/v3/catalog/products", "customers": "/v3/customers", "orders": "/v2/orders"}[resource]
    # Answers of V2 count nothing, so what is behind the last row is looked up.
    assert len(night.requests(path)) == (2 if resource == "orders" else 1)
    the_copy_is_the_store(night, resource)


def test_the_window_ends_at_the_stores_time_not_the_workers(night: Night) -> None:
    night.moment = datetime(2030, 1, 1, 0, 0, 30, 900_000, tzinfo=UTC)

    assert night.run("r1")["window"] == {"since": None, "until": "2030-01-01T00:00:30Z"}


def test_rows_of_the_overlap_are_read_again_and_not_written_again(night: Night) -> None:
    night.later(timedelta(hours=1))
    near = [night.sandbox.store.add_order(lines=1)["id"] for _ in range(3)]
    night.run("r1", after=SECOND)
    late = night.sandbox.store.add_order(lines=1)["id"]

    second = night.run("r2", after=timedelta(minutes=10))
    third = night.run("r3", after=timedelta(minutes=1))

    assert (second["rows"], second["duplicates_dropped"]) == (1, 3)
    assert (third["rows"], third["duplicates_dropped"]) == (0, 0)
    assert {*near, late} <= set(night.copy())


def test_a_row_stays_dropped_through_runs_that_are_closer_than_the_overlap(night: Night) -> None:
    night.later(timedelta(hours=1))
    night.sandbox.store.add_order(lines=1)

    counts = [(run["rows"], run["duplicates_dropped"]) for run in (night.run(f"r{i}", after=timedelta(minutes=1)) for i in range(5))]

    assert counts == [(6, 0), (0, 1), (0, 1), (0, 1), (0, 1)]


def test_a_second_edit_within_the_same_second_is_kept(night: Night) -> None:
    night.later(timedelta(hours=1))
    order = night.sandbox.store.add_order(lines=1, staff_notes="first")
    night.run("r1")
    night.sandbox.store.edit("orders", order["id"], staff_notes="second, within the same second")

    second = night.run("r2", after=DAY)

    assert (second["rows"], second["duplicates_dropped"]) == (1, 0)
    the_copy_is_the_store(night)


def test_a_row_committed_late_with_an_earlier_date_is_found_by_the_overlap(night: Night) -> None:
    night.run("r1", after=timedelta(hours=1))
    late = night.sandbox.store.add_order(lines=1)
    before_the_watermark = (night.moment - timedelta(minutes=4)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    night.sandbox.store.edit("orders", late["id"], date_modified=before_the_watermark)

    night.run("r2", after=DAY)

    the_copy_is_the_store(night)


def test_many_rows_of_one_second_on_the_edge_of_a_window_are_all_there_once(night: Night) -> None:
    night.later(timedelta(hours=1))
    for _ in range(4):
        night.sandbox.store.add_order(lines=1)
    first = night.run("r1", overlap=timedelta(0))
    for _ in range(3):
        night.sandbox.store.add_order(lines=1)  # after the read, in its last second

    second = night.run("r2", after=DAY, overlap=timedelta(0))

    assert (first["rows"], second["rows"], second["duplicates_dropped"]) == (9, 3, 4)
    the_copy_is_the_store(night)


def test_initial_since_bounds_the_first_run_only(night: Night) -> None:
    night.later(timedelta(hours=1))
    fresh = night.sandbox.store.add_order(lines=1)

    first = night.run("r1", initial_since="2026-03-29T12:30:00Z")
    night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[0]["id"], staff_notes="old, but edited")
    second = night.run("r2", after=DAY, initial_since="2027-01-01T00:00:00Z")

    assert first["window"] == {"since": "2026-03-29T12:30:00Z", "until": "2026-03-29T13:00:00Z"}
    assert [first["rows"], second["rows"]] == [1, 1]
    assert fresh["id"] in night.copy()


def test_a_retry_reads_the_window_of_the_first_try(night: Night) -> None:
    night.sandbox.store.fail_next(1, "answer", match="^/v2/orders", status=404, body=b"[]")
    with pytest.raises(Exception, match="404"):
        night.run("r1")
    night.sandbox.store.add_order(lines=1)

    retry = night.run("r1", after=timedelta(hours=2))
    the_next = night.run("r2", after=SECOND)

    assert retry["window"]["until"] == "2026-03-29T12:00:00Z"
    assert the_next["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-29T14:00:01Z"}
    the_copy_is_the_store(night)


def test_a_try_that_died_between_the_commit_and_the_watermark_is_finished_without_reading_again(night: Night) -> None:
    night.airflow.watermarks.fails = 1
    with pytest.raises(ConnectionError):
        night.run("r1")
    assert len(committed(str(night.path), "orders")) == 1
    night.sandbox.store.requests.clear()

    retry = night.run("r1", after=timedelta(hours=1))

    assert night.requests("/v2/orders") == []
    assert retry == committed(str(night.path), "orders")[0].as_json()
    assert watermark(night) == "2026-03-29T12:00:00Z"
    assert night.run("r2", after=DAY)["rows"] == 0


def test_success_forgets_the_checkpoint_so_that_a_clear_reads_anew(night: Night) -> None:
    night.run("r1")

    assert all(not state for state in night.airflow.task_states.values())


def test_a_cleared_run_replaces_its_files_and_loses_no_row(night: Night) -> None:
    night.run("r1")
    moved = night.sandbox.store.rows("orders")[0]["id"]
    night.later(timedelta(hours=3))
    night.sandbox.store.edit("orders", moved, staff_notes="edited after the first run, so no longer in its window")
    before = night.data_files()

    again = night.run("r1", after=SECOND)

    assert again["window"] == {"since": None, "until": "2026-03-29T15:00:01Z"}
    assert again["rows"] == night.sandbox.store.count("orders")
    assert night.data_files() == {file["path"] for file in again["files"]}
    assert not before & night.data_files()
    assert len(committed(str(night.path), "orders")) == 1
    assert watermark(night) == "2026-03-29T15:00:01Z"
    the_copy_is_the_store(night)


def test_clearing_an_earlier_run_after_later_ones_loses_no_row(night: Night) -> None:
    night.later(timedelta(hours=1))
    night.sandbox.store.add_order(lines=1)
    night.run("r1", after=SECOND)
    night.run("r2", after=timedelta(minutes=1))
    night.sandbox.store.add_order(lines=1)
    night.run("r3", after=timedelta(minutes=1))

    night.run("r1", after=timedelta(minutes=1))
    the_copy_is_the_store(night)
    night.run("r2", after=timedelta(minutes=1))
    night.run("r4", after=timedelta(minutes=1))
    the_copy_is_the_store(night)


def test_clearing_a_run_of_a_row_that_later_runs_dropped_keeps_the_row(night: Night) -> None:
    night.later(timedelta(hours=1))
    order = night.sandbox.store.add_order(lines=1)
    first = night.run("r1")
    second = night.run("r2", after=timedelta(minutes=1))
    assert (second["rows"], second["duplicates_dropped"]) == (0, 1)

    night.run("r1", after=timedelta(minutes=1))

    assert first["rows"] == 6
    assert order["id"] in night.copy()


def test_a_slower_run_does_not_move_the_watermark_back(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.run("r1")
    night.sandbox.store.fail_next(1, "answer", match="^/v2/orders", status=404, body=b"[]")
    with pytest.raises(Exception, match="404"):
        night.run("slow", after=timedelta(hours=1))  # its window's end is fixed now
    night.run("fast", after=timedelta(hours=1))
    assert watermark(night) == "2026-03-29T14:00:00Z"

    with caplog.at_level(logging.INFO):
        slow = night.run("slow", after=timedelta(hours=1))

    assert slow["watermark"] == "2026-03-29T13:00:00Z"
    assert watermark(night) == "2026-03-29T14:00:00Z"
    assert "The watermark stays at 2026-03-29T14:00:00Z" in caplog.text


def test_a_clock_that_jumps_back_moves_no_watermark_and_loses_no_row(night: Night) -> None:
    night.run("r1", after=timedelta(hours=1))
    night.moment = START + timedelta(minutes=58)
    night.sandbox.store.add_order(lines=1)

    night.run("r2")
    assert watermark(night) == "2026-03-29T13:00:00Z"
    night.run("r3", after=DAY)

    the_copy_is_the_store(night)


def test_a_watermark_in_the_future_is_refused(night: Night) -> None:
    night.run("r1", after=DAY)
    night.moment = START

    with pytest.raises(InvalidQueryError, match="watermark 2026-03-30T12:00:00Z lies after this window's end 2026-03-29T12:00:00Z"):
        night.run("r2")


def test_until_in_the_future_ends_the_window_at_the_stores_time(night: Night) -> None:
    assert night.run("r1", until="2026-12-31T00:00:00Z")["watermark"] == "2026-03-29T12:00:00Z"
    assert night.run("r2", until="2026-03-29T18:00:00Z", after=DAY)["watermark"] == "2026-03-29T18:00:00Z"
    assert night.run("r3", after=DAY)["window"]["since"] == "2026-03-29T17:55:00Z"


def test_since_stands_in_for_the_watermark_and_moves_it_only_without_a_gap(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.run("r1")
    earlier = night.run("r2", since="2026-03-01T00:00:00Z", after=DAY)
    assert (earlier["window"]["since"], watermark(night)) == ("2026-03-01T00:00:00Z", "2026-03-30T12:00:00Z")

    later = night.run("r3", since="2026-03-31T00:00:00Z", after=DAY)

    assert (later["watermark"], watermark(night)) == (None, "2026-03-30T12:00:00Z")
    assert "does not move the watermark" in caplog.text


def test_another_store_behind_the_same_connection_is_refused(night: Night) -> None:
    night.run("r1")
    [value] = night.airflow.watermarks.values()
    value["store_hash"] = "other1"
    night.sandbox.store.requests.clear()

    with pytest.raises(InvalidQueryError, match="belongs to the store 'other1', and the connection now points to 'sandbox1'"):
        night.run("r2", after=DAY)

    assert night.sandbox.store.requests == []


@pytest.mark.parametrize("mode", ["incremental", "full", "backfill"])
def test_a_connection_swapped_to_another_store_is_refused_by_what_the_directory_holds(
    night: Night, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    night.run("r1", mode="full")
    before = night.data_files()
    swapped = json.loads(json.dumps(night.sandbox.connection).replace(night.sandbox.store_hash, "other1"))
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(swapped))
    night.sandbox.store.requests.clear()
    bounds = {"since": "2026-03-01", "until": "2026-03-02T00:00:00Z"} if mode == "backfill" else {}

    with pytest.raises(InvalidQueryError, match="orders holds a copy of the store 'sandbox1', and the connection now points to 'other1'"):
        night.run("r2", mode=mode, after=DAY, **bounds)

    assert (night.sandbox.store.requests, night.data_files()) == ([], before)


@pytest.mark.parametrize("damaged", ["text", {"store_hash": "sandbox1"}, {"watermark": "soon"}, [1]])
def test_a_damaged_watermark_is_refused_with_its_key(night: Night, damaged: Any) -> None:
    night.run("r1")
    [key] = night.airflow.watermarks
    if isinstance(damaged, dict) and "watermark" in damaged:
        damaged = {**night.airflow.watermarks[key], **damaged}
    night.airflow.watermarks[key] = damaged

    with pytest.raises(InvalidQueryError, match=f"kept under '{key}' cannot be read.*Set or clear the key"):
        night.run("r2", after=DAY)


def test_a_lost_copy_is_warned_of(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.run("r1")
    for file in (night.path / "orders" / "_manifests").iterdir():
        file.unlink()

    night.run("r2", after=DAY)

    assert "whose manifest is not at" in caplog.text


def test_an_overlap_file_that_does_not_belong_to_the_manifest_drops_nothing(night: Night) -> None:
    night.later(timedelta(hours=1))
    night.sandbox.store.add_order(lines=1)
    night.run("r1", after=SECOND)
    [overlap] = (night.path / "orders" / "_overlaps").iterdir()
    overlap.write_text(overlap.read_text().replace('"files":["', '"files":["0'))

    second = night.run("r2", after=timedelta(minutes=1))

    assert (second["rows"], second["duplicates_dropped"]) == (1, 0)


def test_a_damaged_overlap_file_drops_nothing_and_is_warned_of(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.later(timedelta(hours=1))
    night.sandbox.store.add_order(lines=1)
    night.run("r1", after=SECOND)
    [overlap] = (night.path / "orders" / "_overlaps").iterdir()
    overlap.write_bytes(overlap.read_bytes()[:40])

    assert night.run("r2", after=timedelta(minutes=1))["rows"] == 1
    assert "overlap file" in caplog.text


def test_overlap_files_do_not_pile_up(night: Night) -> None:
    for i in range(4):
        night.run(f"r{i}", after=DAY)

    key = run_key("sync", "r3", "orders")
    assert [file.name for file in (night.path / "orders" / "_overlaps").iterdir()] == [f"{key}.json"]


def test_tasks_with_other_filters_or_directories_have_watermarks_of_their_own(night: Night) -> None:
    night.run("r1")
    night.run("r1", query={"status_id": 10})
    keys = {
        state_key("c", "orders", "file:///a"),
        state_key("c", "orders", "file:///b"),
        state_key("d", "orders", "file:///a"),
        state_key("c", "orders", "file:///a", {"status_id": "10"}),
    }

    assert len(night.airflow.watermarks) == 2
    assert len(keys) == 4
    assert all(len(key.split("/")) == 3 and len(key.split("/")[2]) == 12 for key in keys)


def test_no_state_is_kept_outside_a_task(night: Night) -> None:
    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    task = BigCommerceToObjectStorageOperator(task_id="t", resource="orders", path=str(night.path), mode="incremental", file_format="jsonl")
    first, second = task.execute({}), task.execute({})

    assert first["rows"] == second["rows"] == night.sandbox.store.count("orders")
    assert not (night.path / "orders" / "_checkpoints").exists()
    assert len(committed(str(night.path), "orders")) == 2


def test_below_airflow_3_3_a_checkpoint_is_a_small_file_that_success_removes(tmp_path: Any) -> None:
    destination = Destination.at(str(tmp_path))
    checkpoint = RunCheckpoint(None, destination, "orders", "run1", is_kept=True)
    fixed = Checkpoint(until="2026-03-29T12:00:00Z", since=None, replaces=None)

    assert checkpoint.read() is None
    checkpoint.write(fixed)
    assert (tmp_path / "orders" / "_checkpoints" / "run1.json").exists()
    assert RunCheckpoint(None, destination, "orders", "run1", is_kept=True).read() == fixed
    (tmp_path / "orders" / "_checkpoints" / "run1.json").write_bytes(b"{")
    assert checkpoint.read() is None
    checkpoint.delete()
    assert not (tmp_path / "orders" / "_checkpoints" / "run1.json").exists()


def test_a_window_that_could_not_be_kept_for_the_retries_leaves_no_row(night: Night) -> None:
    night.airflow.context("r1", "orders")["task_state_store"].fails = 1

    with pytest.raises(ConnectionError):
        night.run("r1")

    assert night.data_files() == set()
    assert night.airflow.watermarks == {}


def test_the_window_is_kept_and_the_link_told_before_a_row_is_written(night: Night) -> None:
    written: list[set[str]] = []

    class Watched(StateStore):
        def set(self, key: str, value: Any) -> None:
            written.append(night.data_files())
            super().set(key, value)

    night.airflow.task_states["r1", "orders", -1] = Watched()

    night.run("r1")

    assert written == [set()]
    assert set(night.airflow.xcoms) == {"bigcommerce_control_panel", "bigcommerce_status"}
