"""Incremental loads: the watermark is the database's own, moves with the rows, and never back."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError, ValidationError
from tests.sql.warehouse import Warehouse

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def windows(warehouse: Warehouse) -> list[tuple[str | None, str | None]]:
    found = [warehouse.json(text)["window"] for text in warehouse.column("SELECT manifest FROM _bigcommerce_syncs ORDER BY window_until")]
    return [(window["since"], window["until"]) for window in found]


@pytest.mark.parametrize("resource", ["products", "customers", "orders"])
def test_the_second_run_reads_only_what_changed_and_replaces_it(warehouse: Warehouse, resource: str) -> None:
    store = warehouse.sandbox.store
    first = warehouse.run(resource, "r1", mode="incremental")
    warehouse.moment += HOUR
    [changed, *_] = store.rows(resource)
    field = {"products": "name", "customers": "notes", "orders": "staff_notes"}[resource]
    store.edit(resource, changed["id"], **{field: "edited"})

    second = warehouse.run(resource, "r2", after=DAY, mode="incremental")

    assert (first["rows"], second["rows"]) == (store.count(resource), 1)
    assert second["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-30T13:00:00Z"}
    assert second["watermark"] == "2026-03-30T13:00:00Z"
    expected = sorted((row["id"], row[field]) for row in store.rows(resource))
    assert sorted(warehouse.query(f'SELECT id, {field} FROM "{resource}"')) == expected


def test_the_watermark_goes_on_without_anything_that_airflow_remembers(warehouse: Warehouse) -> None:
    warehouse.run("orders", mode="incremental")
    warehouse.run("orders", after=HOUR, mode="incremental")

    assert windows(warehouse) == [(None, "2026-03-29T12:00:00Z"), ("2026-03-29T11:55:00Z", "2026-03-29T13:00:00Z")]


def test_a_watermark_that_a_person_sets_back_is_followed(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.do("UPDATE _bigcommerce_syncs SET watermark = '2026-01-01T00:00:00Z'")

    assert warehouse.run("orders", "r2", mode="incremental")["window"]["since"] == "2025-12-31T23:55:00Z"


def test_a_slower_run_moves_neither_the_watermark_nor_a_row_back(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    order = store.add_order(staff_notes="as the later run read it")
    warehouse.run("orders", "late", after=2 * HOUR, mode="incremental")
    store.edit("orders", order["id"], staff_notes="as a run that began earlier read it")

    slow = warehouse.run("orders", "slow", after=-HOUR, mode="incremental", since="2026-01-01T00:00:00Z")
    following = warehouse.run("orders", "next", after=2 * HOUR, mode="incremental")

    assert slow["watermark"] == "2026-03-29T13:00:00Z"
    assert slow["rows"] == 0
    assert following["window"]["since"] == "2026-03-29T13:55:00Z"


def test_a_slower_run_leaves_rows_of_a_later_one(warehouse: Warehouse) -> None:
    brand = warehouse.sandbox.store.add("brands", name="later")
    warehouse.run("brands", after=HOUR, nested="tables")
    warehouse.sandbox.store.edit("brands", brand["id"], name="earlier", meta_keywords=["earlier"])

    slow = warehouse.run("brands", after=-HOUR, nested="tables")

    assert slow["rows"] == 0
    assert warehouse.column(f"SELECT name FROM brands WHERE id = {brand['id']}") == ["later"]
    assert warehouse.column(f"SELECT count(*) FROM brands__meta_keywords WHERE _root_id = {brand['id']} AND value = 'earlier'") == [0]


def test_different_filters_into_one_table_have_watermarks_of_their_own(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental", query={"status_id": 2})

    assert warehouse.run("orders", "r2", after=HOUR, mode="incremental", query={"status_id": 10})["window"]["since"] is None
    assert (
        warehouse.run("orders", "r3", after=HOUR, mode="incremental", query={"status_id": 2})["window"]["since"] == "2026-03-29T11:55:00Z"
    )


def test_a_full_run_moves_no_watermark(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.run("orders", "r2", after=HOUR)

    assert warehouse.run("orders", "r3", after=HOUR, mode="incremental")["window"]["since"] == "2026-03-29T11:55:00Z"


def test_initial_since_bounds_the_first_run_only(warehouse: Warehouse) -> None:
    first = warehouse.run("orders", "r1", mode="incremental", initial_since="2026-03-29T11:00:00Z")
    second = warehouse.run("orders", "r2", after=DAY, mode="incremental", initial_since="2027-01-01T00:00:00Z")

    assert [first["window"]["since"], second["window"]["since"]] == ["2026-03-29T11:00:00Z", "2026-03-29T11:55:00Z"]


def test_a_since_behind_the_watermark_leaves_it_where_it_is(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    gap = warehouse.run("orders", "r2", after=DAY, mode="incremental", since="2026-03-30T00:00:00Z")

    assert gap["watermark"] is None
    assert warehouse.run("orders", "r3", mode="incremental")["window"]["since"] == "2026-03-29T11:55:00Z"


def test_a_failed_run_leaves_the_table_and_the_watermark_and_its_retry_keeps_the_windows_end(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    warehouse.run("orders", "r1", mode="incremental")
    before = warehouse.contents()
    warehouse.moment += HOUR
    order = store.add_order()
    store.fail_next(1, "answer", match="^/v2/orders", status=422, body=b'[{"status": 422, "message": "no"}]')

    with pytest.raises(ValidationError):
        warehouse.run("orders", "r2", mode="incremental", include=[])
    assert warehouse.contents() == before

    retried = warehouse.run("orders", "r2", after=HOUR, mode="incremental")

    assert retried["window"]["until"] == "2026-03-29T13:00:00Z"
    assert order["id"] in warehouse.column("SELECT id FROM orders")


def test_a_retry_of_a_try_that_had_committed_reads_nothing(warehouse: Warehouse) -> None:
    manifest = warehouse.run("orders", "r1", mode="incremental")
    context = warehouse.airflow.context("r1", "orders")
    window = manifest["window"]
    context["task_state_store"].set("bigcommerce_checkpoint", {"until": window["until"], "since": window["since"], "replaces": None})
    warehouse.sandbox.store.requests.clear()

    again = warehouse.run("orders", "r1", after=HOUR, mode="incremental")

    assert again == manifest
    assert warehouse.sandbox.store.requests == []


def test_a_cleared_run_reads_its_window_again_up_to_now(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.run("orders", "r2", after=HOUR, mode="incremental")

    cleared = warehouse.run("orders", "r2", after=HOUR, mode="incremental")

    assert cleared["window"] == {"since": "2026-03-29T11:55:00Z", "until": "2026-03-29T14:00:00Z"}
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [2]


def test_a_table_that_was_dropped_is_read_from_the_beginning(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    warehouse.do("DROP TABLE orders")

    again = warehouse.run("orders", "r2", after=HOUR, mode="incremental")

    assert again["window"]["since"] is None
    assert again["rows"] == warehouse.sandbox.store.count("orders")
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [1]


def test_a_connection_swapped_to_another_store_is_refused(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.run("orders", "r1", mode="incremental")
    before = warehouse.contents()
    swapped = json.loads(json.dumps(warehouse.sandbox.connection).replace(warehouse.sandbox.store_hash, "other1"))
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(swapped))

    for mode in ("incremental", "full"):
        with pytest.raises(InvalidQueryError, match=rf"filled from the store '{warehouse.sandbox.store_hash}'.*now points to 'other1'"):
            warehouse.run("orders", mode=mode)
    assert warehouse.contents() == before


def test_a_task_that_is_stopped_while_it_reads_commits_nothing(warehouse: Warehouse) -> None:
    operator = warehouse.operator("brands")

    def stop() -> float:
        operator.on_kill()  # the store asks for the time while it answers
        return warehouse.seconds()

    warehouse.sandbox.store.clock = stop

    with pytest.raises(BigCommerceError, match="told to stop"):
        operator.execute({})
    assert "brands" not in warehouse.tables()


@pytest.mark.parametrize("warehouse", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_task_that_is_stopped_while_the_database_works_commits_nothing(warehouse: Warehouse) -> None:
    warehouse.run("brands")
    before = warehouse.contents()
    operator, errors = warehouse.operator("brands"), []

    def execute() -> None:
        try:
            operator.execute({})
        except DestinationError as error:
            errors.append(str(error))

    warehouse.do("BEGIN")
    warehouse.do("LOCK TABLE brands IN ACCESS EXCLUSIVE MODE")
    running = threading.Thread(target=execute)
    running.start()
    while not warehouse.column("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'brands'::regclass")[0]:
        assert running.is_alive()
        time.sleep(0.02)
    operator.on_kill()
    running.join()
    warehouse.do("COMMIT")

    assert len(errors) == 1
    assert "canceling statement" in errors[0]
    assert warehouse.contents() == before
