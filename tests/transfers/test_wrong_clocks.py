"""A clock that is wrong once, or always: no change is lost for it, and no older row stands before a newer one."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.engine.manifest import Manifest, ManifestWindow
from airflow_provider_bigcommerce.exceptions import ClockError
from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.file_reader import newest_first
from airflow_provider_bigcommerce.triggers.changes_feed import ChangesFeed
from tests.lake.conftest import Lake
from tests.sql.warehouse import sqlite_warehouse
from tests.transfers.conftest import Night

pytestmark = pytest.mark.bigcommerce_sandbox(orders=12)

Shift = Callable[..., None]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shift]:
    """Let the next answers' ``Date`` headers be ahead by these times, one each."""
    plain, left = dates.http_date, list[timedelta]()
    monkeypatch.setattr(dates, "http_date", lambda at: plain(at + (left.pop(0).total_seconds() if left else 0)))
    yield lambda *times: left.extend(times)
    assert left == []


def present(night: Night) -> Night:
    """The store's clock is right: it says what the worker's does, and stands still there."""
    night.moment = datetime.now(UTC).replace(microsecond=0)
    return night


def the_copy_is_the_store(night: Night, resource: str = "orders", field: str = "staff_notes") -> None:
    found: dict[int, dict[str, Any]] = {}
    for _, file in newest_first(committed(str(night.path), resource)):
        for line in (night.path / file.path).read_bytes().splitlines():
            row = msgspec.json.decode(line)
            found.setdefault(row["id"], row)
    assert {key: row[field] for key, row in found.items()} == {row["id"]: row[field] for row in night.sandbox.store.rows(resource)}


@pytest.mark.parametrize(("resource", "field"), [("orders", "staff_notes"), ("brands", "page_title")])
def test_a_header_that_is_six_hours_ahead_once_moves_no_watermark_past_changes(
    night: Night, shift: Shift, resource: str, field: str
) -> None:
    now = present(night).moment
    night.run("r1", resource)
    shift(6 * HOUR)

    manifest = night.run("r2", resource)

    assert datetime.fromisoformat(manifest["watermark"]) - now < timedelta(minutes=1)
    night.sandbox.store.edit(resource, night.sandbox.store.rows(resource)[0]["id"], **{field: "edited"})
    assert night.run("r3", resource, after=timedelta(seconds=1))["rows"] == 1
    the_copy_is_the_store(night, resource, field)


def test_answers_that_contradict_each_other_and_the_worker_end_the_task_before_it_reads(night: Night, shift: Shift) -> None:
    present(night).later(-DAY)
    shift(HOUR, 3 * HOUR, 5 * HOUR)
    asked = itertools.count()
    night.sandbox.store.clock = lambda: night.seconds() + 3600 * next(asked)  # the times in the bodies differ too

    beginning = r"^Connection 'bigcommerce_default' \(store sandbox1\): The store's time is in doubt"
    said = rf"{beginning}: its answers said .* while the worker's clock said"
    with pytest.raises(ClockError, match=said):
        night.run("r1")
    assert {request.path for request in night.sandbox.store.requests} == {"/v2/time"}
    assert committed(str(night.path), "orders") == []


def test_a_header_that_is_a_day_ahead_once_lets_no_row_of_a_table_stand_before_later_ones(
    bigcommerce_sandbox: Sandbox, shift: Shift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bigcommerce_sandbox.store
    with sqlite_warehouse(tmp_path / "warehouse.db", bigcommerce_sandbox) as warehouse:
        for name, value in warehouse.environment().items():
            monkeypatch.setenv(name, value)
        store.clock = time.time
        shift(DAY)
        warehouse.run("orders", mode="full")
        edited = store.rows("orders")[0]["id"]
        store.edit("orders", edited, staff_notes="edited")

        again = warehouse.run("orders", mode="full")

        assert again["rows"] == store.count("orders")
        assert warehouse.column(f"SELECT staff_notes FROM orders WHERE id = {edited}") == ["edited"]
        [read_at, later] = [json.loads(text)["read_at"] for text in warehouse.column("SELECT manifest FROM _bigcommerce_syncs")]
        assert abs(datetime.fromisoformat(read_at).timestamp() - time.time()) < 60
        assert read_at <= later


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=10), DAY, -DAY])
def test_workers_whose_clocks_differ_do_not_decide_which_row_is_newer(night: Night, ahead: timedelta, mode: str) -> None:
    present(night)
    night.run("r1", mode=mode)
    night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[0]["id"], staff_notes="edited")
    night.run("r2", mode=mode, after=timedelta(seconds=1))
    for file in (night.path / "orders" / "_manifests").glob("*.json"):  # what the first worker, and not the second, would have written
        content = json.loads(file.read_text())
        if "--r1-" in file.name:
            content |= {name: (datetime.fromisoformat(content[name]) + ahead).isoformat() for name in ("started_at", "finished_at")}
        file.write_text(json.dumps(content))

    newest, _ = committed(str(night.path), "orders")

    assert newest.read_at == f"{night.moment:%Y-%m-%dT%H:%M:%SZ}"
    the_copy_is_the_store(night)


@pytest.mark.parametrize("mode", ["full", "incremental"])
@pytest.mark.parametrize("ahead", [timedelta(minutes=10), -timedelta(minutes=10), DAY, -DAY])
@pytest.mark.parametrize("target", ["tables", "lake"])
def test_a_worker_with_a_wrong_clock_does_not_keep_the_next_ones_rows_out_of_a_table(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, ahead: timedelta, mode: str
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wrong:
            there = super().now(tz) + ahead
            return cls.combine(there.date(), there.timetz())

    store, now = bigcommerce_sandbox.store, time.time()
    store.clock = lambda: now
    lake = Lake(tmp_path, bigcommerce_sandbox)
    with sqlite_warehouse(tmp_path / "warehouse.db", bigcommerce_sandbox) as warehouse:
        for name, value in warehouse.environment().items():
            monkeypatch.setenv(name, value)
        there = warehouse if target == "tables" else lake
        with monkeypatch.context() as worker:
            for module in ("engine.target", "engine.run", "client.sending", "client.verbs"):
                worker.setattr(f"airflow_provider_bigcommerce.{module}.datetime", Wrong)
            first = there.run("orders", "r1", mode=mode)
        assert abs(datetime.fromisoformat(first["started_at"]).timestamp() - now) > 300  # that worker's clock was looked at
        edited = store.rows("orders")[0]["id"]
        now += 1
        store.edit("orders", edited, staff_notes="edited")

        second = there.run("orders", "r2", mode=mode)

        assert first["watermark"] == (None if mode == "full" else f"{datetime.fromtimestamp(now - 1, UTC):%Y-%m-%dT%H:%M:%SZ}")
        assert second["rows"] >= 1
        if target == "tables":
            assert warehouse.column(f"SELECT staff_notes FROM orders WHERE id = {edited}") == ["edited"]
        else:
            assert lake.rows()[edited]["staff_notes"] == "edited"


def test_runs_of_the_same_second_are_ordered_by_their_commits(night: Night) -> None:
    row = present(night).sandbox.store.rows("orders")[0]["id"]
    for number in range(12):
        night.sandbox.store.edit("orders", row, staff_notes=f"edit {number}")
        night.run(f"r{number}", mode="full")
    night.sandbox.store.edit("orders", row, staff_notes="the last one")
    night.run("r3", mode="full")  # cleared

    assert [manifest.sequence for manifest in committed(str(night.path), "orders")] == [13, *range(12, 4, -1), 3, 2, 1]
    the_copy_is_the_store(night)


def test_manifests_of_earlier_versions_are_ordered_by_when_they_were_started() -> None:
    def a_run(**told: Any) -> Manifest:
        return Manifest(
            resource="orders", store_hash="x", mode="full", query={}, window=ManifestWindow(), watermark=None, files=(), rows=0,
            duplicates_dropped=0, drift=(), requests=0, throttled=0, seconds=0.0, provider_version="0", complete=True, checked=(), **told,
        )  # fmt: skip

    old = [
        a_run(started_at=f"2026-03-29T12:00:0{second}.500+00:00", finished_at=f"2026-03-29T12:01:0{9 - second}.500+00:00")
        for second in (1, 2)
    ]
    new = a_run(
        started_at="2026-03-29T11:00:00.000+00:00", finished_at="2026-03-29T11:00:01.000+00:00", read_at="2026-03-29T12:05:00Z", sequence=3
    )

    assert sorted([new, *old], key=lambda run: run.order) == [*old, new]
    assert Manifest.decode(old[0].encode()) == old[0]


async def test_a_trigger_does_not_skip_what_changes_while_one_header_is_ahead(night: Night, shift: Shift) -> None:
    now = present(night).moment
    feed = ChangesFeed("orders", None, frozenset({"id"}), "bigcommerce_default")
    first = await feed.next(None)
    shift(6 * HOUR)

    second = await feed.next(first)

    assert second.until - now < timedelta(minutes=1)
    night.sandbox.store.edit("orders", night.sandbox.store.rows("orders")[0]["id"], staff_notes="edited")
    night.later(timedelta(seconds=1))
    assert len((await feed.next(second)).rows) == 1


def test_how_old_files_are_is_told_by_the_destinations_clock(tmp_path: Path) -> None:
    there = Destination.at(str(tmp_path)).require_writable("orders")

    assert there is not None
    assert abs(there.timestamp() - (tmp_path / "orders").stat().st_mtime) < 5
