"""The table of syncs after years: what a run asks it costs the same, and rows that nobody asks for go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.targets.sql.database import Database
from airflow_provider_bigcommerce.targets.sql.layout import layout_of
from airflow_provider_bigcommerce.targets.sql.loading import OneThread
from airflow_provider_bigcommerce.targets.sql.opening import open_database
from airflow_provider_bigcommerce.targets.sql.syncs import Past, Syncs
from airflow_provider_bigcommerce.targets.sql.table_copy import TableCopy
from tests.airflow_memory import START
from tests.sql.warehouse import CONN_ID, Warehouse

pytestmark = pytest.mark.bigcommerce_sandbox(products=5, orders=5, customers=5)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADDED = ("filters_hash", "sequence", "read_at")


def literal(warehouse: Warehouse, moment: datetime | None) -> str:
    """A moment as the database keeps it."""
    if moment is None:
        return "NULL"
    is_apart = warehouse.kind == "sqlite" and warehouse.is_any
    return f"'{moment:%Y-%m-%d %H:%M:%S}.000000Z'" if is_apart else f"'{moment:%Y-%m-%dT%H:%M:%SZ}'"


def put(warehouse: Warehouse, *rows: dict[str, Any]) -> None:
    """Rows of earlier runs as this version leaves them; their manifests cannot be read, so that whoever reads one fails."""
    hashes = dict(warehouse.query("SELECT filters, filters_hash FROM _bigcommerce_syncs"))
    values = []
    usual = {"filters": "{}", "mode": "incremental", "since": None, "watermark": None, "table": "orders", "resource": "orders"}
    for row in [{**usual, **told} for told in rows]:
        texts = (row["table"], row["run"], row["resource"], warehouse.sandbox.store.store_hash, row["filters"], "json", row["mode"])
        moments = (row["since"], row.get("until"), row["watermark"])
        ends = [literal(warehouse, row[name]) for name in ("finished", "read")]
        known_hash = hashes.get(row["filters"], "another")
        texts_told = ", ".join(f"'{text}'" for text in texts)
        moments_told = ", ".join(literal(warehouse, moment) for moment in moments)
        values.append(f"({texts_told}, {moments_told}, 1, {ends[0]}, '{known_hash}', {row.get('sequence', 0)}, {ends[1]}, '{{}}')")
    names = "table_name, run_key, resource, store_hash, filters, nested, mode, window_since, window_until, watermark, row_count"
    for start in range(0, len(values), 500):
        some = ", ".join(values[start : start + 500])
        warehouse.do(f"INSERT INTO _bigcommerce_syncs ({names}, finished_at, filters_hash, sequence, read_at, manifest) VALUES {some}")


def let_it_count(warehouse: Warehouse) -> None:
    """Through SQLAlchemy, PostgreSQL is asked for a ``max``, for which it needs the statistics that it makes within a minute."""
    if warehouse.kind == "postgres" and warehouse.is_any:
        warehouse.do("ANALYZE _bigcommerce_syncs")


def hourly(count: int, end: datetime = START, **more: Any) -> list[dict[str, Any]]:
    """That many hourly runs up to ``end``; each 168th, of a week, read the whole list."""
    rows = []
    for number in range(1, count + 1):
        at = end - number * HOUR
        since = None if number % 168 == 0 else at - HOUR
        rows.append({"run": f"h{number:06}", "since": since, "until": at, "watermark": at, "finished": at, "read": at, **more})
    return rows


@contextmanager
def opened(warehouse: Warehouse, run: str = "asks") -> Iterator[tuple[Database, Syncs]]:
    hook = BaseHook.get_connection(CONN_ID).get_hook()
    database = open_database(hook, None, run)
    try:
        resource = CATALOG["orders"]
        layout = layout_of(columns_of(resource), "orders", "json", resource.primary_key)
        yield database, Syncs(database, layout, store_hash=warehouse.sandbox.store.store_hash, filters={}, run=run)
    finally:
        database.close()


def visited(warehouse: Warehouse, database: Database, ask: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """How much the database looks at for some questions: steps of SQLite's machine, or rows."""
    if warehouse.kind == "sqlite":
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection: Any = vars(database)["_driver" if warehouse.is_any else "_connection"]
        connection.set_progress_handler(step, 1)
        try:
            ask()
        finally:
            connection.set_progress_handler(None, 0)
        return steps
    if warehouse.kind == "mariadb":

        def read() -> int:
            return sum(int(number) for _, number in database.rows("SHOW SESSION STATUS LIKE 'Handler_read%'"))

        before = read()
        ask()
        return read() - before
    asked: list[tuple[str, Any]] = []
    rows = database.rows

    def recorded(statement: str, parameters: Any = (), *, most: int | None = None) -> list[tuple[Any, ...]]:
        asked.append((statement if most is None else f"{statement} LIMIT {most}", parameters))
        return rows(statement, parameters, most=most)

    with monkeypatch.context() as patched:
        patched.setattr(database, "rows", recorded)
        ask()
    seen = 0
    for statement, parameters in asked:
        if "_bigcommerce_syncs" in statement:
            [(found,)] = rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            plan = json.loads(found) if isinstance(found, str) else found
            seen += _scanned(plan[0]["Plan"])
    return seen


def _scanned(plan: dict[str, Any]) -> int:
    parts = plan.get("Plans", [])
    own = 0 if parts else (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own) + sum(map(_scanned, parts))


def test_what_a_run_asks_costs_no_more_after_years_than_after_a_month(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.run("orders", "first", mode="incremental")
    told: list[Past] = []
    costs = []
    for history in (hourly(700), hourly(12_000)[700:]):
        put(warehouse, *history)
        let_it_count(warehouse)
        with opened(warehouse) as (database, syncs):

            def ask(syncs: Syncs = syncs) -> None:
                told.append(syncs.past())
                syncs.next_sequence()

            costs.append(visited(warehouse, database, ask, monkeypatch))

    assert told[0] == told[1]
    assert told[0].watermark is not None
    assert (told[0].watermark.watermark, told[0].watermark.run) == (
        "2026-03-29T12:00:00Z",
        warehouse.column("SELECT run_key FROM _bigcommerce_syncs WHERE run_key LIKE '%first%'")[0],
    )
    assert told[0].watermark.full_at == "2026-03-29T12:00:00Z"
    assert costs[1] <= 1.2 * costs[0] + 5, costs


def test_a_table_that_was_read_whole_once_costs_no_more_either(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.run("orders", "first", mode="incremental")
    after = [{**row, "since": row["watermark"] - HOUR} for row in hourly(6_000, START + 6_100 * HOUR)]
    put(warehouse, *after)
    let_it_count(warehouse)

    with opened(warehouse) as (database, syncs):
        past: list[Past] = []
        cost = visited(warehouse, database, lambda: past.append(syncs.past()), monkeypatch)

    assert past[0].watermark is not None
    assert (past[0].watermark.run, past[0].watermark.full_at) == ("h000001", "2026-03-29T12:00:00Z")
    assert cost <= (2_000 if warehouse.kind == "sqlite" else 200)  # MariaDB tells the tables that it lists as rows, too


def runs(warehouse: Warehouse) -> set[str]:
    found = warehouse.column("SELECT run_key FROM _bigcommerce_syncs")
    return {run if len(run) < 30 else run.partition("--")[2].partition("-")[0] for run in found}


def old(days: int, **more: Any) -> dict[str, Any]:
    """A run that many days before the month of the tests."""
    at = START - days * DAY
    return {"finished": at, "read": at, **more}


def test_rows_of_runs_that_nothing_needs_go_after_400_days(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    put(
        warehouse,
        old(399, run="young", since=START - 400 * DAY, watermark=START - 399 * DAY),
        old(401, run="old", since=START - 402 * DAY, watermark=START - 401 * DAY),
        old(402, run="repair", mode="incremental"),
        old(800, run="earliest", since=START - 900 * DAY, watermark=START - 800 * DAY),
        old(700, run="backfill", mode="backfill", since=START - 900 * DAY, until=START - 800 * DAY),
        old(650, run="full-before", mode="full"),
        old(600, run="full", mode="full"),
        old(600, run="others", filters='{"status_id": "2"}', watermark=START - 600 * DAY),
        old(600, run="elsewhere", table="other", watermark=START - 600 * DAY),
    )

    warehouse.run("orders", "second", mode="incremental", after=HOUR)

    assert runs(warehouse) == {"first", "second", "young", "backfill", "full", "others", "elsewhere"}


def test_the_run_stays_that_tells_from_when_on_the_table_was_filled(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental", initial_since="2026-01-01T00:00:00Z")
    put(
        warehouse,
        old(800, run="earliest", since=START - 900 * DAY, watermark=START - 800 * DAY),
        old(700, run="old", since=START - 800 * DAY, watermark=START - 700 * DAY),
    )

    warehouse.run("orders", "second", mode="incremental", initial_since="2026-01-01T00:00:00Z", after=HOUR)

    assert runs(warehouse) == {"first", "second", "earliest"}


def test_the_last_row_with_a_watermark_stays_however_old_it_is(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    warehouse.run("orders", "whole", mode="full", after=500 * DAY)

    assert runs(warehouse) == {"first", "whole"}
    assert warehouse.run("orders", "next", mode="incremental", after=HOUR)["window"]["since"] == "2026-03-29T11:55:00Z"
    warehouse.run("orders", "after", mode="incremental", after=500 * DAY)
    assert runs(warehouse) == {"first", "whole", "after"}  # first: the last that held everything


def test_the_clock_of_a_worker_deletes_nothing(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    put(warehouse, {**old(10, run="recent", since=START - 11 * DAY, watermark=START - 10 * DAY), "finished": START - 9000 * DAY})

    warehouse.run("orders", "second", mode="incremental", after=HOUR)

    assert "recent" in runs(warehouse)


def test_sequences_grow_though_rows_go_and_runs_are_made_again(warehouse: Warehouse) -> None:
    sequences = [
        warehouse.run("orders", run, mode="incremental", after=after)["sequence"]
        for run, after in (("a", HOUR), ("b", HOUR), ("b", HOUR), ("c", 450 * DAY), ("d", HOUR), ("c", HOUR), ("e", 450 * DAY))
    ]

    assert sequences == [1, 2, 3, 4, 5, 6, 7]


def forget_columns(warehouse: Warehouse) -> None:
    """Make the table what an earlier version made."""
    indexes = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE '_bigcommerce_syncs_%'",
        "postgres": "SELECT indexname FROM pg_indexes WHERE indexname LIKE '_bigcommerce_syncs_%' AND indexname NOT LIKE '%pkey'",
        "mariadb": "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = database() "
        "AND table_name = '_bigcommerce_syncs' AND index_name <> 'PRIMARY'",
    }
    for name in warehouse.column(indexes[warehouse.kind]):
        warehouse.do(f'DROP INDEX "{name}"' + (" ON _bigcommerce_syncs" if warehouse.kind == "mariadb" else ""))
    for column in ADDED:
        warehouse.do(f'ALTER TABLE _bigcommerce_syncs DROP COLUMN "{column}"')


def test_a_table_of_an_earlier_version_gets_what_it_lacks_and_goes_on(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    warehouse.run("orders", "second", mode="incremental", after=HOUR)
    forget_columns(warehouse)

    third = warehouse.run("orders", "third", mode="incremental", after=HOUR)

    assert third["window"]["since"] == "2026-03-29T12:55:00Z"
    assert third["sequence"] > 2
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs WHERE filters_hash IS NULL") == [0]
    with opened(warehouse) as (_, syncs):
        past = syncs.past()
    assert past.watermark is not None
    assert past.watermark.full_at == "2026-03-29T12:00:00Z"


def test_rows_that_an_earlier_version_writes_meanwhile_count_as_well(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    second = warehouse.run("orders", "second", mode="incremental", after=HOUR)
    warehouse.do("UPDATE _bigcommerce_syncs SET filters_hash = NULL, sequence = NULL, read_at = NULL WHERE run_key LIKE '%second%'")

    third = warehouse.run("orders", "third", mode="incremental", after=HOUR)

    assert third["window"]["since"] == "2026-03-29T12:55:00Z"
    assert third["sequence"] > second["sequence"]


def test_rows_of_an_earlier_version_go_after_400_days_too(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    warehouse.run("orders", "second", mode="incremental", after=HOUR)
    warehouse.run("orders", "third", mode="incremental", after=HOUR)
    forget_columns(warehouse)
    finished = literal(warehouse, START - 600 * DAY)
    warehouse.do(f"UPDATE _bigcommerce_syncs SET finished_at = {finished} WHERE run_key LIKE '%second%'")

    warehouse.run("orders", "fourth", mode="incremental", after=HOUR)

    assert runs(warehouse) == {"first", "third", "fourth"}


def copy_of(database: Database, thread: OneThread) -> TableCopy:
    return TableCopy(database, thread, CATALOG["orders"], "orders", columns_of(CATALOG["orders"]))


def bounds_in(warehouse: Warehouse) -> Any:
    """What a comparison takes the table's copy for."""
    thread = OneThread()
    hook = BaseHook.get_connection(CONN_ID).get_hook()
    database = thread.run(open_database, hook, None, "proof")
    try:
        return copy_of(database, thread).bounds()
    finally:
        thread.run(database.close)
        thread.close()


def test_a_comparison_reads_one_manifest_and_takes_the_copy_for_the_same(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental", initial_since="2026-01-01T00:00:00Z")
    warehouse.run("orders", "filled", mode="backfill", since="2025-01-01T00:00:00Z", until="2025-06-01T00:00:00Z", after=HOUR)
    warehouse.run("orders", "second", mode="incremental", after=HOUR)
    by_columns = bounds_in(warehouse)
    warehouse.do("UPDATE _bigcommerce_syncs SET read_at = NULL")

    assert bounds_in(warehouse) == by_columns  # by their manifests, as those of an earlier version
    forget_columns(warehouse)
    assert bounds_in(warehouse) == by_columns
    assert (str(by_columns.since), str(by_columns.as_of)) == ("2026-01-01 00:00:00+00:00", "2026-03-29 14:00:00+00:00")


def test_a_comparison_does_not_read_the_manifests_of_years(warehouse: Warehouse) -> None:
    warehouse.run("orders", "first", mode="incremental")
    put(warehouse, *hourly(50))  # whose manifests cannot be read

    assert str(bounds_in(warehouse).as_of) == "2026-03-29 12:00:00+00:00"
