"""Incremental runs into a lake's table: the watermark is the log's own, moves with the rows, and never back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_bigcommerce.exceptions import ValidationError
from tests.lake.conftest import Lake

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize("nested", ["struct", "json"])
@pytest.mark.parametrize("resource", ["products", "customers", "orders"])
def test_the_second_run_reads_only_what_changed_and_replaces_it(lake: Lake, resource: str, nested: str) -> None:
    store = lake.sandbox.store
    first = lake.run(resource, "r1", mode="incremental", nested=nested)
    lake.moment += HOUR
    [changed, *_] = store.rows(resource)
    field = {"products": "name", "customers": "notes", "orders": "staff_notes"}[resource]
    store.edit(resource, changed["id"], **{field: "edited"})

    second = lake.run(resource, "r2", after=DAY, mode="incremental", nested=nested)

    assert (first["rows"], second["rows"]) == (store.count(resource), 1)
    assert (first["version"], second["version"]) == (0, 1)
    assert second["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-30T13:00:00Z"}
    assert second["watermark"] == "2026-03-30T13:00:00Z"
    assert {key: row[field] for key, row in lake.rows(resource).items()} == {row["id"]: row[field] for row in store.rows(resource)}


def test_the_watermark_goes_on_without_anything_that_airflow_remembers(lake: Lake) -> None:
    lake.run("orders", mode="incremental")

    again = lake.run("orders", after=HOUR, mode="incremental")

    assert again["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-29T13:00:00Z"}


def test_a_quiet_run_commits_its_watermark_and_no_file(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental")
    before = lake.files()

    quiet = lake.run("orders", "r2", after=HOUR, mode="incremental")

    assert quiet["rows"] == 0
    assert [[*action] for action in lake.commit(1)] == [["commitInfo"], ["txn"], ["txn"]]
    assert [*lake.transactions(1).values()] == [int(lake.moment.timestamp()), 1]
    assert lake.files() == before


def test_a_slower_run_moves_neither_the_watermark_nor_a_row_back(lake: Lake) -> None:
    store = lake.sandbox.store
    order = store.add_order(staff_notes="as the later run read it")
    lake.run("orders", "late", after=2 * HOUR, mode="incremental")
    store.edit("orders", order["id"], staff_notes="as a run that began earlier read it")

    slow = lake.run("orders", "slow", after=-HOUR, mode="incremental", since="2026-01-01T00:00:00Z")

    assert (slow["watermark"], slow["rows"]) == ("2026-03-29T13:00:00Z", 0)
    assert lake.rows()[order["id"]]["staff_notes"] == "as the later run read it"
    following = lake.run("orders", "next", after=2 * HOUR, mode="incremental")
    assert following["window"]["since"] == "2026-03-29T13:55:00Z"


def test_different_filters_into_one_table_have_watermarks_of_their_own(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental", query={"status_id": 2})

    assert lake.run("orders", "r2", after=HOUR, mode="incremental", query={"status_id": 10})["window"]["since"] is None
    assert lake.run("orders", "r3", after=HOUR, mode="incremental", query={"status_id": 2})["window"]["since"] == "2026-03-29T11:55:00Z"


def test_a_full_run_moves_no_watermark_and_replaces_every_row(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental")
    full = lake.run("orders", "r2", after=HOUR)

    assert full["rows"] == lake.sandbox.store.count("orders") == len(lake.rows())
    assert {row["_synced_at"] for row in lake.rows().values()} == {lake.moment}
    assert lake.run("orders", "r3", after=HOUR, mode="incremental")["window"]["since"] == "2026-03-29T11:55:00Z"


def test_a_since_behind_the_watermark_leaves_it_where_it_is(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental")
    gap = lake.run("orders", "r2", after=DAY, mode="incremental", since="2026-03-30T00:00:00Z")

    assert gap["watermark"] is None
    assert lake.run("orders", "r3", mode="incremental")["window"]["since"] == "2026-03-29T11:55:00Z"


def test_a_full_read_is_due_after_its_time_and_noted_in_the_log(lake: Lake) -> None:
    lake.run("customers", "r1", mode="incremental", full_every=timedelta(days=7))
    soon = lake.run("customers", "r2", after=HOUR, mode="incremental", full_every=timedelta(days=7))
    due = lake.run("customers", "r3", after=15 * DAY, mode="incremental", full_every=timedelta(days=7))

    assert soon["window"]["since"] is not None
    assert due["window"]["since"] is None
    assert sorted(name.rpartition("/")[2] for name in lake.transactions(2, "customers"))[-1] == "tidied"
    assert any(name.endswith("/full") for name in lake.transactions(2, "customers"))


def test_a_failed_run_leaves_the_table_and_its_retry_keeps_the_windows_end(lake: Lake) -> None:
    store = lake.sandbox.store
    lake.run("orders", "r1", mode="incremental")
    before, files = lake.rows(), lake.files()
    lake.moment += HOUR
    order = store.add_order()
    store.fail_next(1, "answer", match="^/v2/orders", status=422, body=b'[{"status": 422, "message": "no"}]')

    with pytest.raises(ValidationError):
        lake.run("orders", "r2", mode="incremental", include=[])
    assert (lake.rows(), lake.files()) == (before, files)

    retried = lake.run("orders", "r2", after=HOUR, try_number=2, mode="incremental")

    assert retried["window"]["until"] == "2026-03-29T13:00:00Z"
    assert order["id"] in lake.rows()


def test_a_cleared_run_reads_its_window_again_up_to_now(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental")
    lake.moment += HOUR
    lake.sandbox.store.add_order()
    lake.run("orders", "r2", mode="incremental")

    cleared = lake.run("orders", "r2", after=HOUR, mode="incremental")

    assert cleared["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-29T14:00:00Z"}
    assert cleared["rows"] == 1
    assert len(lake.rows()) == lake.sandbox.store.count("orders")


def test_a_retry_of_a_try_that_had_committed_reads_nothing(lake: Lake) -> None:
    manifest = lake.run("orders", "r1", mode="incremental")
    window = manifest["window"]
    checkpoint = {"until": window["until"], "since": window["since"], "replaces": None}
    lake.airflow.context("r1", "orders")["task_state_store"].set("bigcommerce_checkpoint", checkpoint)
    lake.sandbox.store.requests.clear()

    again = lake.run("orders", "r1", after=HOUR, try_number=2, mode="incremental")

    assert again == manifest
    assert lake.sandbox.store.requests == []
    assert lake.table().version() == 0


def test_a_backfill_adds_what_was_created_in_its_interval_and_moves_no_watermark(lake: Lake) -> None:
    lake.run("orders", "r1", mode="incremental", initial_since="2026-03-29T11:00:00Z")
    known = set(lake.rows())
    interval = {"since": "2020-01-01T00:00:00Z", "until": "2026-03-29T11:59:59Z"}

    backfill = lake.run("orders", "b1", mode="backfill", **interval)

    assert backfill["watermark"] is None
    assert len(known) < len(lake.rows()) <= lake.sandbox.store.count("orders")
    assert lake.run("orders", "r2", after=HOUR, mode="incremental")["window"]["since"] == "2026-03-29T11:55:00Z"
