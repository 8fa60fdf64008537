"""Backfills: each run reads its own data interval, by creation date where it can, and leaves the live sync alone."""

from __future__ import annotations

import json
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_memory import Airflow, Interval

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MONDAY = datetime(2027, 3, 1, tzinfo=UTC)  # after every seeded row


def day(number: int) -> Interval:
    return MONDAY + number * DAY, MONDAY + (number + 1) * DAY


@dataclass
class Sync:
    """A live task and a backfill of the same resources into the same place, files or a table."""

    sandbox: Sandbox
    folder: Path
    into: str
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = MONDAY

    def run(self, run_id: str, resource: str = "orders", *, interval: Interval | None = None, **arguments: Any) -> dict[str, Any]:
        arguments = {"task_id": resource, "resource": resource, "mode": "incremental" if interval is None else "backfill", **arguments}
        operator: Any
        if self.into == "files":
            operator = BigCommerceToObjectStorageOperator(path=str(self.folder), file_format="jsonl", **arguments)
        else:
            operator = BigCommerceToSqlOperator(conn_id="warehouse", **arguments)
        result: dict[str, Any] = operator.execute(self.airflow.context(run_id, f"{resource}.{arguments['mode']}", interval=interval))
        return result

    def seconds(self) -> float:
        """The store's clock."""
        return self.moment.timestamp()

    def ids(self, manifest: dict[str, Any], interval: Interval) -> list[int]:
        """The rows that a run brought; of a table, those of its window."""
        if self.into == "files":
            texts = [(self.folder / file["path"]).read_text() for file in manifest["files"]]
            return sorted(json.loads(line)["id"] for text in texts for line in text.splitlines())
        bounds = [f"{moment:%Y-%m-%d %H:%M:%S}.000000Z" for moment in interval]
        return [row[0] for row in self.rows("SELECT id FROM orders WHERE date_created >= ? AND date_created < ? ORDER BY id", *bounds)]

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "warehouse.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def newest(self, key: int, name: str) -> Any:
        """A field of an order in the copy, as docs/how-it-reads.md says to read it."""
        if self.into == "table":
            return self.rows(f"SELECT {name} FROM orders WHERE id = {key}")[0][0]
        import duckdb

        files = str(self.folder / "orders" / "run=*" / "*.jsonl")
        last = "row_number() OVER (PARTITION BY id ORDER BY strptime(date_modified, '%a, %d %b %Y %H:%M:%S +0000') DESC) = 1"
        return duckdb.sql(f"SELECT {name} FROM read_json('{files}') WHERE id = {key} QUALIFY {last}").fetchall()[0][0]

    def watermark(self) -> Any:
        if self.into == "files":
            return json.loads(json.dumps(self.airflow.watermarks))
        return self.rows("SELECT max(watermark) FROM _bigcommerce_syncs")


@pytest.fixture(params=["files", "table"])
def sync(request: pytest.FixtureRequest, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sync:
    """An empty place and a store whose clock stands still unless told."""
    found = Sync(bigcommerce_sandbox, tmp_path, request.param)
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))
    bigcommerce_sandbox.store.clock = found.seconds
    return found


def order_at(sync: Sync, moment: datetime, **fields: Any) -> int:
    sync.moment = moment
    return int(sync.sandbox.store.add_order(lines=1, **fields)["id"])


def test_neighbours_neither_share_the_boundary_second_nor_leave_it_out(sync: Sync) -> None:
    first = [order_at(sync, MONDAY), order_at(sync, MONDAY + DAY - SECOND)]
    second = [order_at(sync, MONDAY + DAY), order_at(sync, MONDAY + DAY), order_at(sync, MONDAY + 2 * DAY - SECOND)]
    order_at(sync, MONDAY + 2 * DAY)

    runs = [sync.run(f"backfill_{number}", interval=day(number)) for number in (0, 1)]

    assert [run["window"] for run in runs] == [
        {"since": "2027-03-01T00:00:00Z", "until": "2027-03-01T23:59:59Z"},
        {"since": "2027-03-02T00:00:00Z", "until": "2027-03-02T23:59:59Z"},
    ]
    assert [run["rows"] for run in runs] == [2, 3]
    assert [sync.ids(run, day(number)) for number, run in enumerate(runs)] == [first, second]


def test_an_order_stays_in_the_run_of_the_day_it_was_created_though_it_was_edited_since(sync: Sync) -> None:
    order = order_at(sync, MONDAY)
    sync.moment = MONDAY + 30 * DAY
    sync.sandbox.store.edit("orders", order, staff_notes="edited")

    assert sync.run("backfill", interval=day(0))["rows"] == 1
    assert sync.newest(order, "staff_notes") == "edited"
    queries = [parse_qs(request.query) for request in sync.sandbox.store.requests if request.path == "/v2/orders"]
    assert all({"min_date_created", "max_date_created"} <= query.keys() for query in queries)
    assert not any("date_modified" in name for query in queries for name in query)


@pytest.mark.parametrize(("resource", "date"), [("customers", "date_created"), ("products", "date_modified")])
def test_the_date_is_that_of_creation_where_the_resource_has_such_a_filter(sync: Sync, resource: str, date: str) -> None:
    store = sync.sandbox.store
    sync.moment = MONDAY + timedelta(hours=1)
    store.add_product() if resource == "products" else store.add_customer()

    assert sync.run("backfill", resource, interval=day(0))["rows"] == 1
    [query, *_] = [parse_qs(request.query) for request in store.requests if request.path != "/v2/time"]
    assert {f"{date}:min", f"{date}:max"} <= query.keys()
    assert query[f"{date}:max"] == ["2027-03-01T23:59:59Z"]


def test_children_are_those_of_the_parents_created_in_the_interval(sync: Sync) -> None:
    wanted = order_at(sync, MONDAY)
    order_at(sync, MONDAY + DAY)

    manifest = sync.run("backfill", "order_products", interval=day(0))

    lines = [line["id"] for line in sync.sandbox.store.rows("order_products", wanted)]
    assert manifest["rows"] == len(lines) == 1
    assert [request.path for request in sync.sandbox.store.requests if "products" in request.path] in (
        [],
        [f"/v2/orders/{wanted}/products"],
    )


def test_the_live_watermark_is_not_touched_and_the_live_sync_goes_on_from_it(sync: Sync) -> None:
    sync.run("live_1", initial_since="2027-03-01T00:00:00Z")
    before = sync.watermark()
    order = order_at(sync, MONDAY + timedelta(hours=2))
    sync.moment = MONDAY + 5 * DAY

    runs = [sync.run(f"backfill_{number}", interval=day(number)) for number in range(-2, 4)]

    assert sync.watermark() == before
    assert {(run["mode"], run["watermark"]) for run in runs} == {("backfill", None)}
    following = sync.run("live_2")
    assert following["window"] == {"since": "2027-02-28T23:55:00Z", "until": "2027-03-06T00:00:00Z"}
    assert following["rows"] == 1
    assert sync.newest(order, "id") == order


def test_a_backfill_that_ends_after_a_live_run_does_not_put_its_older_row_in_front(sync: Sync) -> None:
    order = order_at(sync, MONDAY, staff_notes="as the backfill read it")
    store = sync.sandbox.store
    as_the_backfill_read_it = store.row("orders", order)
    assert as_the_backfill_read_it is not None
    sync.moment = MONDAY + 2 * DAY
    store.edit("orders", order, staff_notes="as the live sync read it")
    sync.run("live")

    sync.moment -= timedelta(hours=1)  # the backfill began before, and is slower
    store.tables["orders"].put(order, as_the_backfill_read_it)
    sync.run("backfill", interval=day(0))

    assert sync.newest(order, "staff_notes") == "as the live sync read it"


def test_a_backfill_that_is_run_again_ends_with_the_same_rows(sync: Sync) -> None:
    order = order_at(sync, MONDAY)
    store = sync.sandbox.store
    store.fail_next(1, "answer", match="^/v2/orders", status=404, body=b"[]")
    with pytest.raises(Exception, match="404"):
        sync.run("backfill", interval=day(0))
    sync.moment += DAY

    retry = sync.run("backfill", interval=day(0))
    store.edit("orders", order, staff_notes="edited since")
    cleared = sync.run("backfill", interval=day(0))

    assert [retry["rows"], cleared["rows"]] == [1, 1]
    assert cleared["window"] == retry["window"]
    assert sync.ids(cleared, day(0)) == [order]
    assert sync.newest(order, "staff_notes") == "edited since"


def test_an_interval_before_the_store_is_a_run_like_any_other(sync: Sync, caplog: pytest.LogCaptureFixture) -> None:
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)

    with caplog.at_level(logging.INFO):
        manifest = sync.run("backfill", interval=(long_ago, long_ago + DAY))

    assert (manifest["rows"], manifest["complete"]) == (0, True)
    assert "Nothing in orders, created from 1999-01-01T00:00:00Z to 1999-01-01T23:59:59Z: the store was not there" in caplog.text


def test_since_and_until_stand_in_for_the_interval(sync: Sync) -> None:
    order_at(sync, MONDAY)

    manifest = sync.run("backfill", interval=day(5), since="2027-03-01T00:00:00Z", until="2027-03-01T00:00:00Z")

    assert manifest["window"] == {"since": "2027-03-01T00:00:00Z", "until": "2027-03-01T00:00:00Z"}
    assert manifest["rows"] == 1


@pytest.mark.parametrize(
    ("interval", "found"),
    [
        (None, "has none"),
        ((MONDAY, MONDAY), r"has an empty one \(2027-03-01T00:00:00Z to 2027-03-01T00:00:00Z\)"),
    ],
)
def test_a_run_without_an_interval_is_told_which_schedule_has_one(sync: Sync, interval: Interval | None, found: str) -> None:
    with pytest.raises(InvalidQueryError, match=rf"this run {found}.*CronDataIntervalTimetable"):
        sync.run("backfill", interval=interval, mode="backfill")

    assert sync.sandbox.store.requests == []


@pytest.mark.parametrize("half", ["since", "until"])
def test_half_a_span_is_refused(sync: Sync, half: str) -> None:
    with pytest.raises(InvalidQueryError, match="needs both since and until"):
        sync.run("backfill", interval=day(0), **{half: "2027-03-01T00:00:00Z"})


def test_what_the_mode_sets_itself_is_refused_in_the_query(sync: Sync) -> None:
    with pytest.raises(InvalidQueryError, match=r"query has \['min_date_created'\], which mode='backfill' sets itself"):
        sync.run("backfill", interval=day(0), query={"min_date_created": "2027-03-01"})


def test_a_resource_without_dates_is_refused_where_the_dag_is_parsed(sync: Sync) -> None:
    with pytest.raises(InvalidQueryError, match="'brands' has no date filter"):
        sync.run("backfill", "brands", interval=day(0))


def test_a_backfill_takes_a_quarter_of_the_quota_or_less_where_the_connection_says_so(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_bigcommerce.engine.stoppable import store_settings
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

    hook = BigCommerceHook()
    assert store_settings("backfill", None, hook) == {"quota_share": 0.25}
    assert store_settings("backfill", 0.7, hook) == {"quota_share": 0.7}
    assert store_settings("incremental", None, hook) == {}
    frugal = {**sync.sandbox.connection, "extra": {**sync.sandbox.connection["extra"], "quota_share": 0.1}}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(frugal))
    assert store_settings("backfill", None, hook) == {"quota_share": 0.1}


def test_several_at_once_bring_each_row_once_and_stay_below_their_share_together(sync: Sync) -> None:
    expected = {number: [order_at(sync, MONDAY + number * DAY + n * SECOND) for n in range(6)] for number in range(4)}
    sync.moment = MONDAY + 10 * DAY
    used: list[int] = []
    quota = sync.sandbox.store.quota = Quota(24, 1.0)
    take = quota.take

    def counted() -> bool:
        taken = take()
        used.append(quota.used)
        return taken

    quota.take = counted  # type: ignore[method-assign]  # a meter on it

    def backfill(number: int) -> dict[str, Any]:
        return sync.run(f"backfill_{number}", interval=day(number), query={"limit": 1})

    with ThreadPoolExecutor(4) as threads:
        runs = list(threads.map(backfill, range(4)))

    assert {number: sync.ids(run, day(number)) for number, run in enumerate(runs)} == expected
    assert max(used) <= 6 + 4 * 2, "a quarter of the quota, and what each sends before it knows of the others"
