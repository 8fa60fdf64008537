"""``airflow-bigcommerce status``: where copies stand, by what their tasks left in Airflow's database."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce import status as status_module
from airflow_provider_bigcommerce.assets import changes_uri
from airflow_provider_bigcommerce.engine import subscribing
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY, STATUS_KEY
from airflow_provider_bigcommerce.engine.webhook_health import Health, Problem, read_health
from airflow_provider_bigcommerce.metadata_database import StoredEvent, TaskRecord
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.status import CopyStatus, Failure, LastEvent, Proof, SeenField, standing, status
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import known_to_airflow

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
ORDERS = {
    "kind": "copy",
    "conn_id": "shop",
    "resource": "orders",
    "destination": "file:///data/orders",
    "store_hash": "abc123",
    "mode": "incremental",
    "rows": 12,
    "requests": 3,
    "waited": 1.5,
    "watermark": "2026-03-29T11:00:00Z",
    "started_at": "2026-03-29T11:00:01+00:00",
    "finished_at": "2026-03-29T11:00:09+00:00",
    "complete": True,
    "quota": 450,
    "quota_left": 400,
}
PROOF = {"kind": "proof", "conn_id": "shop", "resource": "orders", "destination": "file:///data/orders", "equal": True, "differences": 0}
ERROR = {"conn_id": "shop", "resource": "orders", "error": "ServerError: GET /v2/orders answered 500"}

Run = Callable[..., tuple[int, str, str]]


def left(value: Any, *, hours: float = 1, key: str = STATUS_KEY, task_id: str = "orders", dag_id: str = "sync") -> TaskRecord:
    return TaskRecord(key, dag_id, task_id, "run", NOW - timedelta(hours=hours), value)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "status", *arguments])
        ended = cli.main()
        told = capfd.readouterr()
        return ended, told.out, told.err

    return run


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[TaskRecord]:
    """What tasks have left, in the place of Airflow's database."""
    kept: list[TaskRecord] = []
    monkeypatch.setattr(status_module, "task_records", lambda since: kept)
    monkeypatch.setattr(status_module, "stored_events", lambda since: [])
    monkeypatch.setattr(status_module, "_webhooks", dict)
    return kept


# -- what is made of it


def test_a_copy_is_told_with_its_age_its_quota_and_its_proof() -> None:
    [found] = standing([left(ORDERS), left(PROOF, hours=0.5, task_id="prove")], NOW)

    assert found == CopyStatus(
        conn_id="shop", resource="orders", destination="file:///data/orders", store_hash="abc123",
        last_success="2026-03-29T11:00:09+00:00", mode="incremental", rows=12, requests=3, waited=1.5,
        watermark="2026-03-29T11:00:00Z", lag_seconds=3600.0, quota=450, quota_left=400, complete=True,
        proof=Proof("2026-03-29T11:30:00Z", equal=True, differences=0), failure=None, dag_id="sync", task_id="orders",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("others", "rows", "failing"),
    [
        ([left({**ORDERS, "rows": 7}, hours=2)], 12, False),  # an older run
        ([left({**ORDERS, "rows": 7}, hours=0.1)], 7, False),  # a later run
        ([left(ERROR, hours=0.1, key=ERROR_KEY)], 12, True),
        ([left(ERROR, hours=2, key=ERROR_KEY)], 12, False),  # that failed before
        ([left(ERROR, hours=0.1, key=ERROR_KEY, task_id="another")], 12, False),
        ([left({**ERROR, "resource": "brands"}, hours=2, key=ERROR_KEY), left({**ORDERS, "conn_id": "two"})], 12, False),
    ],
    ids=["an older run", "a later run", "failed since", "failed before", "another task failed", "another resource failed"],
)
def test_the_last_success_stays_and_a_failure_after_it_is_told(others: list[TaskRecord], rows: int, failing: bool) -> None:
    found = next(each for each in standing([*others, left(ORDERS)], NOW) if (each.conn_id, each.resource) == ("shop", "orders"))

    assert (found.rows, found.failure is not None) == (rows, failing)


def test_a_resource_that_never_arrived_is_there_too_and_late_by_any_measure() -> None:
    [found] = standing([left(ERROR, key=ERROR_KEY)], NOW)

    assert found.last_success is None
    assert found.failure == Failure("2026-03-29T11:00:00Z", ERROR["error"])
    assert found.is_late(timedelta(days=10_000))


def test_two_places_of_one_resource_are_two_copies() -> None:
    table = {**ORDERS, "destination": "postgres://db:5432/shop/public/orders"}

    found = standing([left(ORDERS), left(table, task_id="into_sql"), left({**PROOF, "equal": False, "differences": 3})], NOW)

    assert [(each.destination, each.proof is not None) for each in found] == [
        ("file:///data/orders", True),
        ("postgres://db:5432/shop/public/orders", False),
    ]


@pytest.mark.parametrize(
    ("changed", "lag"),
    [
        ({"watermark": None}, 3599.0),  # a full read: when it began
        ({"mode": "backfill"}, None),  # follows nothing
        ({"watermark": "2026-03-29T13:00:00Z"}, 0.0),  # a clock before ours
        ({"watermark": "nonsense", "started_at": "2026-03-29T11:00:01+00:00"}, None),
    ],
    ids=["full", "backfill", "the future", "no date"],
)
def test_a_lag_is_one_of_the_copy(changed: dict[str, Any], lag: float | None) -> None:
    [found] = standing([left({**ORDERS, **changed})], NOW)

    assert found.lag_seconds == lag


@pytest.mark.parametrize("value", [{}, {"conn_id": 5, "resource": "orders"}, {"conn_id": "a"}, {"conn_id": "a", "resource": None}])
def test_what_is_none_of_ours_is_passed_by(value: dict[str, Any]) -> None:
    assert standing([left(value)], NOW) == []


def test_values_of_another_kind_are_left_out_and_stop_nothing() -> None:
    odd = {"rows": "many", "requests": None, "waited": "x", "quota": True, "complete": "yes", "finished_at": 7, "mode": None}

    [found] = standing([left({**ORDERS, **odd})], NOW)

    assert (found.rows, found.requests, found.waited, found.quota, found.complete) == (None, None, None, None, None)
    assert found.last_success == "2026-03-29T11:00:00Z"


# -- what the store has told since


def told(resource: str = "orders", *, hours: float = 0.2, conn_id: str = "shop", **more: Any) -> StoredEvent:
    return StoredEvent(conn_id, resource, NOW - timedelta(hours=hours), **{"via": "webhook", "rows": 3, "events": 7, **more})


def test_a_copy_is_told_with_the_last_event_that_named_its_resource() -> None:
    [found] = standing([left(ORDERS)], NOW, [told(), told(conn_id="another"), told("products")])

    assert found.last_event == LastEvent("shop", "orders", "2026-03-29T11:48:00Z", "webhook", 3, 7)


@pytest.mark.parametrize(
    ("hours", "resource"), [((2, 1), "orders"), ((1, 2), "order_products")], ids=["the parent's is the last", "its own is the last"]
)
def test_what_only_its_parents_events_tell_of_has_the_parents_event(hours: tuple[float, float], resource: str) -> None:
    events = [told("order_products", hours=hours[0]), told("orders", hours=hours[1])]

    [found] = standing([left({**ORDERS, "resource": "order_products"})], NOW, events)

    assert found.last_event is not None
    assert found.last_event.resource == resource


def test_events_of_what_is_not_copied_are_told_by_themselves(tasks: list[TaskRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    tasks.append(left({**ORDERS, "resource": "order_products"}))
    monkeypatch.setattr(status_module, "stored_events", lambda since: [told("orders"), told("carts"), told("v3/foo", conn_id="two")])

    found = status(now=NOW)

    assert [(each.conn_id, each.resource) for each in found.events] == [("shop", "carts"), ("two", "v3/foo")]
    assert status(conn_id="two", now=NOW).events == found.events[1:]
    assert status(resource="carts", now=NOW).events == found.events[:1]


# -- drift

NEW, TYPE = ["new_name", "new_field", "text"], ["price", "changed_type", "object"]


@pytest.mark.parametrize(
    ("runs", "paths"),
    [
        ([{}], []),  # of a version that told none
        ([{"drift": [NEW], "drift_count": 1}, {}], ["new_name"]),  # an incremental run without rows has seen nothing
        ([{"drift": [NEW]}, {"drift": [TYPE]}], ["new_name", "price"]),
        ([{"drift": [NEW]}, {"mode": "full"}], []),  # every row was seen, and the schema knows them
        ([{"drift": [NEW]}, {"mode": "full", "drift": [TYPE]}], ["price"]),
        ([{"drift": "new_name"}, {"drift": [["a", 1, "b"], ["a"], "abc", None]}], []),  # edited
    ],
    ids=["an older version", "nothing came since", "two runs", "a full run without", "a full run with", "edited"],
)
def test_fields_that_the_schema_does_not_know_are_those_of_the_last_runs(runs: list[dict[str, Any]], paths: list[str]) -> None:
    [found] = standing([left({**ORDERS, **run}, hours=9 - number) for number, run in enumerate(runs)], NOW)

    assert [field.path for field in found.drift] == paths


def test_a_field_is_told_by_name_kind_and_type_and_when_it_was_seen_last() -> None:
    [found] = standing([left({**ORDERS, "drift": [NEW], "drift_count": 31}, hours=hours) for hours in (2, 1)], NOW)

    assert found.drift == (SeenField("new_name", "new_field", "text", "2026-03-29T11:00:00Z"),)
    assert found.drift_count == 31


# -- webhooks


def test_webhooks_are_told_by_connection_and_what_cannot_be_read_is_told_too(
    run: Run, tasks: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    off = Problem(what="store/order/updated", why="it is inactive", since="2026-03-29T01:00:00Z")
    mended = Problem(what="store/product/created", why="it was switched off", mended_at="2026-03-29T02:00:00Z")
    well = Health(store_hash="abc123", destination="https://in.example.com/x", checked_at="2026-03-29T11:00:00Z", active=5)
    records = {
        "well": well,
        "off": msgspec.structs.replace(well, off=(off,), mended=(mended,)),
        "failing": msgspec.structs.replace(well, error="ServerError: 500", failing_since="2026-03-29T09:00:00Z"),
        "never": Health(error="no way", failing_since="2026-03-29T09:00:00Z"),
        "edited": None,
        "an older version": read_health({}),
    }
    monkeypatch.setattr(status_module, "_webhooks", lambda: records)

    found = {each.conn_id: each for each in status(now=NOW).webhooks}

    assert {name: each.is_well for name, each in found.items()} == {
        "an older version": True, "edited": False, "failing": False, "never": False, "off": False, "well": True,
    }  # fmt: skip
    assert (found["never"].checked_at, found["never"].active) == (None, None)
    shown = json.loads(run("--json")[1])["webhooks"]
    assert shown[4]["off"] == [{"what": "store/order/updated", "why": "it is inactive", "since": "2026-03-29T01:00:00Z", "mended_at": ""}]
    table = run()[1]
    assert (
        "OFF since 2026-03-29T01:00:00Z: store/order/updated, it is inactive; mended 2026-03-29T02:00:00Z: store/product/created" in table
    )
    assert "FAILING since 2026-03-29T09:00:00Z: ServerError: 500" in table
    assert "cannot be read" in table
    assert [each["conn_id"] for each in json.loads(run("--conn-id", "off", "--json")[1])["webhooks"]] == ["off"]


# -- on the command line


def test_the_table_has_the_event_and_the_drift_and_nothing_that_commands_a_terminal(
    run: Run, tasks: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [[f"field_{number}", "new_field", "text"] for number in range(5)]
    tasks.append(left({**ORDERS, "conn_id": "sh\x1b[31mop<b>", "drift": names, "drift_count": 9}))
    events = [told(conn_id="sh\x1b[31mop<b>", rows=1), told("carts", conn_id="a\x07", rows=None, via="")]
    monkeypatch.setattr(status_module, "stored_events", lambda since: events)

    ended, out, _ = run()

    assert ended == 0
    assert "2026-03-29T11:48:00Z by webhook, 1 row; 7 in a day" in out
    assert "field_0 (text), field_1 (text), field_2 (text), 6 more" in out
    assert "Events of resources without a copy" in out
    assert not {"\x1b", "\x07"} & set(out)


def test_the_table_and_the_json_say_the_same(run: Run, tasks: list[TaskRecord]) -> None:
    tasks += [left(ORDERS), left(PROOF), left(ERROR, hours=0.1, key=ERROR_KEY)]

    ended, out, err = run()
    assert (ended, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith("shop"))
    for part in ("orders", "2026-03-29T11:00:09+00:00", "12", "400 of 450", "equal 2026-03-29T11:00:00Z", "file:///data/orders"):
        assert part in row
    [told] = json.loads(run("--json")[1])["copies"]
    assert (told["rows"], told["quota_left"], told["proof"]["equal"]) == (12, 400, True)
    assert told["failure"]["error"] == ERROR["error"]


@pytest.mark.parametrize(
    ("kept", "max_lag", "ended"),
    [
        ([ORDERS], "100000d", 0),
        ([ORDERS], "1h", 1),
        ([{**ORDERS, "mode": "backfill"}], "1h", 0),
        ([], "1h", 1),
    ],
    ids=["in time", "late", "a backfill", "nothing known"],
)
def test_a_lag_above_the_most_is_an_exit_status(run: Run, tasks: list[TaskRecord], kept: Sequence[Any], max_lag: str, ended: int) -> None:
    tasks += [left(value) for value in kept]

    status_, out, err = run("--max-lag", max_lag, "--json")

    assert status_ == ended
    assert len(json.loads(out)["copies"]) == len(kept)
    assert bool(err) == bool(ended)
    if ended and kept:
        assert "later than 1h: shop/orders (" in err


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "1w", "1h2m"])
def test_a_span_that_is_none_is_wrong_usage(run: Run, tasks: list[TaskRecord], text: str) -> None:
    assert run("--max-lag", text)[0] == 2


def test_one_connection_and_one_resource_can_be_asked_for(run: Run, tasks: list[TaskRecord]) -> None:
    tasks += [left(ORDERS), left({**ORDERS, "conn_id": "two"}), left({**ORDERS, "resource": "product_variants"})]

    assert [each["conn_id"] for each in json.loads(run("--conn-id", "two", "--json")[1])["copies"]] == ["two"]
    assert [each["resource"] for each in json.loads(run("--resource", "variants", "--json")[1])["copies"]] == ["product_variants"]
    assert run("--resource", "varants")[0] == 2
    assert "No copy is known" in run("--conn-id", "three")[1]


# -- of real tasks


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_real_tasks_leave_what_the_status_tells(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import DAG

    monkeypatch.setenv("AIRFLOW_CONN_OF_STATUS", json.dumps(bigcommerce_sandbox.connection))
    bigcommerce_sandbox.store.fail_next(1, "answer", match="/v3/pricelists", status=403, body=b"{}")
    monkeypatch.setattr(subscribing, "post", lambda *_: 200)
    bigcommerce_sandbox.store.edit("brands", bigcommerce_sandbox.store.tables["brands"].ids()[0], new_name="a value")
    where = {"path": str(tmp_path), "bigcommerce_conn_id": "of_status"}
    hooks = {"destination": "http://127.0.0.1:9/in", "bigcommerce_conn_id": "of_status"}
    with DAG("status", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        brands = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", mode="incremental", **where)
        brands >> BigCommerceReconcileOperator(task_id="prove", resource="brands", **where)
        BigCommerceToObjectStorageOperator(task_id="lists", resource="price_lists", **where)
        BigCommerceWebhooksOperator(task_id="hooks", resource=["products"], **hooks)
    known_to_airflow(dag).test()

    found = {each.resource: each for each in status(conn_id="of_status").copies}

    assert set(found) == {"brands", "price_lists"}
    copied = found["brands"]
    assert (copied.rows, copied.destination, copied.store_hash) == (
        bigcommerce_sandbox.store.count("brands"),
        f"file://{tmp_path}/brands",
        "sandbox1",
    )
    assert (copied.dag_id, copied.task_id, copied.failure) == ("status", "brands", None)
    assert copied.proof is not None
    assert copied.proof.equal
    assert [(field.path, field.kind, field.seen_type) for field in copied.drift] == [("new_name", "new_field", "text")]
    assert copied.last_event is None  # nothing tells of brands
    [webhooks] = status(conn_id="of_status").webhooks
    assert (webhooks.active, webhooks.is_well, webhooks.dag_id, webhooks.task_id) == (5, True, "status", "hooks")
    failed = found["price_lists"]
    assert failed.last_success is None
    assert failed.failure is not None
    assert failed.failure.error.startswith("PermissionDeniedError: ")


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """The queries that are sent to the metadata database."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


@contextlib.contextmanager
def without_foreign_keys() -> Iterator[Any]:
    """A connection of Airflow's own pool to its SQLite: beside it, one that this process opens by itself may find a log that is gone."""
    from airflow.utils.session import create_session

    with create_session() as session, session.get_bind().connect() as database:
        database.exec_driver_sql("PRAGMA foreign_keys = OFF")
        yield database
        database.commit()
        database.exec_driver_sql("PRAGMA foreign_keys = ON")


@pytest.mark.compat
def test_fifty_stores_of_sixty_resources_cost_as_many_queries_as_one(airflow_home: Path, queries: list[str]) -> None:
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    status()
    before = len(queries)
    names = [(f"store{store}", f"resource_{number}") for store in range(50) for number in range(60)]
    at = datetime(2026, 3, 29, 11, tzinfo=UTC)
    with create_session() as session:
        assets = [AssetModel(name=changes_uri(*name), uri=changes_uri(*name)) for name in names]
        session.add_all(assets)
        session.flush()
        asset_ids = [asset.id for asset in assets]
        payload = {"payload": {"resource": names[0][1], "count": 2, "via": "webhook"}}
        for asset_id, extra in ((asset_ids[0], payload), (asset_ids[1], {"edited": "by hand"}), (asset_ids[2], {"payload": [1]})):
            for minutes in (5, 0, 5):
                session.add(AssetEvent(asset_id=asset_id, extra=extra, timestamp=at + timedelta(minutes=minutes)))
    # As tasks leave them, but for the tasks.
    columns = "dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp"
    rows = [
        (
            1,
            f"many_{number}",
            -1,
            STATUS_KEY,
            "many",
            "run",
            json.dumps({**ORDERS, "conn_id": conn_id, "resource": resource}),
            f"{at:%F %T}.0",
        )
        for number, (conn_id, resource) in enumerate(names)
    ]
    with without_foreign_keys() as database:
        database.exec_driver_sql(f"INSERT INTO xcom ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    queries.clear()
    try:
        found = status(now=NOW)
    finally:
        with without_foreign_keys() as database:
            database.exec_driver_sql("DELETE FROM xcom WHERE dag_id = 'many'")
            for table, column in (("asset_event", "asset_id"), ("asset", "id")):
                database.exec_driver_sql(f"DELETE FROM {table} WHERE {column} = ?", [(asset_id,) for asset_id in asset_ids])

    assert (len(queries), before) == (4, 4)
    copies = {(each.conn_id, each.resource): each for each in found.copies}
    assert copies.keys() >= set(names)
    assert copies[names[0]].last_event == LastEvent(*names[0], "2026-03-29T11:05:00Z", "webhook", 2, 3)
    assert copies[names[1]].last_event == LastEvent(*names[1], "2026-03-29T11:05:00Z", "", None, 3)
    assert copies[names[2]].last_event == LastEvent(*names[2], "2026-03-29T11:05:00Z", "", None, 3)
    assert copies[names[3]].last_event is None
