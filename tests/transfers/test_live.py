"""A transfer in a DAG that events start: what it reads for them, that nothing is missed, and what a run by the clock recovers."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bigcommerce.assets import changes_asset
from airflow_provider_bigcommerce.compat import come_again, inlet_state
from airflow_provider_bigcommerce.engine.run import Manner
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.operators.sync import table
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.sql.sql_target import IntoTables
from airflow_provider_bigcommerce.transfers import transfer
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_events import EventLog, Logs
from tests.airflow_memory import START, Airflow
from tests.sql.warehouse import Warehouse, sqlite_warehouse

RESOURCES = ("products", "product_variants", "orders", "order_products", "categories", "brands")
CLOCK = CronTriggerTimetable("0 3 * * *", timezone="UTC")


@dataclass
class Live:
    """One DAG, a table for each resource, and events that the test makes by hand."""

    sandbox: Sandbox
    warehouse: Warehouse
    path: Path
    airflow: Airflow = field(default_factory=Airflow)
    logs: Logs = field(default_factory=Logs)
    seconds: float = START.timestamp()
    slept: list[float] = field(default_factory=list)
    runs: int = 0
    tasks: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        events = [name for name in RESOURCES if name != "brands"]
        for name in events:
            asset = changes_asset("bigcommerce_default", name)
            self.logs[asset.uri] = EventLog(asset)
        with DAG("live", start_date=START, schedule=AssetOrTimeSchedule(timetable=CLOCK, assets=changes(*events)), catchup=False):
            bigcommerce_sync(RESOURCES, to=Tables("warehouse"), live=True, max_deleted_percent=50)
            options = {"resource": "categories", "mode": "incremental", "live": True, "file_format": "jsonl", "path": str(self.path)}
            self.files = BigCommerceToObjectStorageOperator(task_id="files", **options)
            self.dag = self.files.dag
        self.tasks = {task.task_id.partition(".")[2]: task for task in self.dag.tasks}

    def tell(self, resource: str, *ids: Any, deleted: Any = (), **fields: Any) -> None:
        """An event, as the receiver makes it."""
        payload = {"resource": resource, "store_hash": self.sandbox.store_hash, "count": len(ids), "ids": list(ids), "is_whole": True}
        payload |= {"deleted": list(deleted), "via": "webhook", **fields}
        log = self.logs[f"bigcommerce://bigcommerce_default/changes/{resource}"]
        log.tell({"payload": payload}, at=datetime.now(UTC) - timedelta(seconds=90))

    def run(self, resource: str = "products", *, by: str = "asset_triggered", task: Any = None, try_number: int = 1) -> Any:
        """A run of a task; None where it has nothing to do."""
        self.runs += try_number == 1
        self.seconds += 60
        task = task or self.tasks[resource]
        base = self.airflow.context(f"run {self.runs}", task.task_id, try_number=try_number)
        try:
            return task.execute(self.logs.context(base, run_type=by))
        except AirflowSkipException:
            return None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def rows(self, resource: str, columns: str = "id, name") -> dict[Any, Any]:
        return {row[0]: row[1:] for row in self.warehouse.query(f'SELECT {columns} FROM "{resource}" WHERE _deleted_at IS NULL')}

    def asked(self, path: str) -> list[str]:
        return [request.query for request in self.sandbox.store.requests if request.path == path]


@pytest.fixture
def live(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    with sqlite_warehouse(tmp_path / "warehouse.db", connected) as warehouse:
        for name, value in warehouse.environment().items():
            monkeypatch.setenv(name, value)
        live = Live(connected, warehouse, tmp_path / "files")
        connected.store.clock = lambda: live.seconds
        monkeypatch.setattr(transfer, "Manner", functools.partial(Manner, sleep=live.sleep))
        yield live


def some(live: Live, resource: str, count: int) -> list[int]:
    return [row["id"] for row in live.sandbox.store.rows(resource)][:count]


# -- what a run reads


def test_events_of_a_run_are_read_together_by_their_ids_and_the_clock_reads_what_changed(live: Live) -> None:
    store = live.sandbox.store
    live.run(by="scheduled")
    watermark = live.warehouse.query("SELECT max(watermark) FROM _bigcommerce_syncs")
    first, second, gone = some(live, "products", 3)
    store.edit_product(first, name="first")
    store.edit_product(second, name="second")
    store.delete("products", gone)
    for _ in range(3):
        live.tell("products", first)
    live.tell("products", second, gone, deleted=[gone])
    store.requests.clear()

    manifest = live.run()

    assert (manifest["mode"], manifest["rows"], manifest["deleted"]) == ("ids", 2, 1)
    assert len(live.asked("/v3/catalog/products")) == 1
    assert live.rows("products") == {row["id"]: (row["name"],) for row in store.rows("products")}
    assert live.warehouse.query("SELECT max(watermark) FROM _bigcommerce_syncs") == watermark
    assert live.run() is None  # nothing has come since
    store.edit_product(first, name="nobody told")
    assert live.run(by="scheduled")["mode"] == "incremental"
    assert live.rows("products")[first] == ("nobody told",)


@pytest.mark.parametrize("agrees", [True, False], ids=["clocks agree", "clocks differ"])
def test_rows_are_marked_with_the_time_of_their_answer_and_no_request_asks_for_it_unless_it_is_in_doubt(live: Live, agrees: bool) -> None:
    store = live.sandbox.store
    if agrees:
        store.clock = time.time
    [key] = some(live, "products", 1)
    live.tell("products", key)
    store.requests.clear()

    manifest = live.run()

    paths = [request.path for request in store.requests]
    assert paths == (["/v3/catalog/products"] if agrees else ["/v3/catalog/products", "/v2/time", "/v2/time"])
    [(synced_at,)] = live.rows("products", "id, _synced_at").values()
    assert datetime.fromisoformat(synced_at).astimezone(UTC) == datetime.fromisoformat(manifest["read_at"])
    assert agrees or manifest["read_at"].startswith("2026-03-29T")  # the store's day, and not the worker's


def test_a_run_that_events_of_another_resource_started_is_skipped_and_asks_nothing(live: Live) -> None:
    live.tell("products", 1)
    assert live.run("orders") is None
    assert live.run("brands") is None  # no event tells of them
    assert live.sandbox.store.requests == []
    assert "bigcommerce_error" not in live.airflow.xcoms


def test_a_run_that_fails_reads_the_same_events_again_and_those_that_came_meanwhile(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.run(by="scheduled")
    first, second = some(live, "products", 2)
    live.sandbox.store.edit_product(first, name="first")
    live.sandbox.store.edit_product(second, name="second")
    live.tell("products", first)
    log = live.logs["bigcommerce://bigcommerce_default/changes/products"]
    log.state.fails = 1
    with pytest.raises(ConnectionError):  # the rows are committed, and the cursor is not
        live.run()
    live.tell("products", second)

    live.run(try_number=2)

    assert live.rows("products")[first] == ("first",)
    assert live.rows("products")[second] == ("second",)
    assert live.run() is None


def test_a_try_that_has_more_events_does_not_keep_the_window_of_the_one_before(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that events do not name are read by change date; the window of a try that failed ends before what came since."""

    def refuse(*_: Any) -> None:
        raise DestinationError("the database is full")

    store = live.sandbox.store
    live.run(by="scheduled")
    first, second = some(live, "products", 2)
    store.edit_product(first, name="first")
    live.tell("products", is_whole=False)
    with monkeypatch.context() as broken:
        broken.setattr(IntoTables, "commit", refuse)
        with pytest.raises(DestinationError):
            live.run()
    live.seconds += 3600
    store.edit_product(second, name="second")
    live.tell("products", is_whole=False)

    live.run(try_number=2)

    assert (live.rows("products")[first], live.rows("products")[second]) == (("first",), ("second",))


def test_a_failure_leaves_the_events_unread(live: Live) -> None:
    live.run(by="scheduled")
    [key] = some(live, "products", 1)
    live.sandbox.store.edit_product(key, name="told")
    live.tell("products", key)
    task, limit = live.tasks["products"], live.tasks["products"].max_deleted_percent
    task.max_deleted_percent = 0
    live.tell("products", deleted=some(live, "products", 3)[2:])
    with pytest.raises(BigCommerceError):
        live.run()
    task.max_deleted_percent = limit
    assert live.run(try_number=2)["rows"] == 1
    assert live.rows("products")[key] == ("told",)


def test_orders_are_read_one_by_one_while_they_are_few_and_by_their_window_from_then_on(live: Live) -> None:
    store = live.sandbox.store
    live.run("orders", by="scheduled")
    few, many = some(live, "orders", 2), [store.add_order()["id"] for _ in range(7)]
    for key in few:
        store.edit("orders", key, staff_notes="few")
    live.tell("orders", *few)
    store.requests.clear()
    assert live.run("orders")["mode"] == "ids"
    assert {request.path for request in store.requests if request.path.startswith("/v2/orders/")} == {f"/v2/orders/{key}" for key in few}
    for key in many:
        store.edit("orders", key, staff_notes="many")
    gone = some(live, "orders", 3)[2]
    store.delete("orders", gone)
    live.tell("orders", *many, deleted=[gone])

    manifest = live.run("orders")

    assert (manifest["mode"], manifest["deleted"]) == ("incremental", 1)
    assert {live.rows("orders", "id, staff_notes")[key] for key in many} == {("many",)}
    assert gone not in live.rows("orders", "id, staff_notes")


def test_children_are_read_by_the_events_of_their_parents(live: Live) -> None:
    live.run("order_products", by="scheduled")
    order = live.sandbox.store.add_order(lines=3)["id"]
    live.sandbox.store.requests.clear()
    live.tell("orders", order)

    manifest = live.run("order_products")

    assert (manifest["mode"], manifest["rows"]) == ("ids", 3)
    assert {request.path for request in live.sandbox.store.requests if "/products" in request.path} == {f"/v2/orders/{order}/products"}
    live.tell("order_products", parents=[order], is_whole=False)  # the list's own event: of the parent alone
    assert live.run("order_products")["rows"] == 3


def test_variants_are_read_by_their_products_and_a_deleted_one_is_marked(live: Live) -> None:
    store = live.sandbox.store
    live.run("product_variants", by="scheduled")
    first, second = store.rows("product_variants")[:2]
    store.edit("product_variants", first["id"], sku="changed")
    store.delete("product_variants", second["id"])
    live.tell("product_variants", first["id"], deleted=[second["id"]], parents=[first["product_id"], second["product_id"]])
    store.requests.clear()

    manifest = live.run("product_variants")

    assert (manifest["mode"], manifest["deleted"]) == ("ids", 1)
    assert len(live.asked("/v3/catalog/variants")) == 1
    assert live.rows("product_variants", "id, sku") == {row["id"]: (row["sku"],) for row in store.rows("product_variants")}


@pytest.mark.parametrize("place", ["tables", "files"])
def test_a_row_that_goes_back_to_what_the_clock_saw_is_written_again(live: Live, place: str) -> None:
    """A compared list: its last whole read has seen A, an event brought B, and the store has A again, of which nobody told."""
    store, task = live.sandbox.store, live.files if place == "files" else live.tasks["categories"]
    key = store.rows("categories")[0]["category_id"]
    before = store.rows("categories")[0]["name"]
    live.run(task=task, by="scheduled")
    store.edit("categories", key, name="between")
    live.tell("categories", key)
    assert live.run(task=task)["rows"] == 1
    store.edit("categories", key, name=before)
    live.run(task=task, by="scheduled")

    if place == "tables":
        assert live.rows("categories", "category_id, name")[key] == (before,)
        return
    newest: dict[int, str] = {}
    for manifest in reversed(committed(str(live.path), "categories")):
        for file in manifest.files:
            for line in (live.path / file.path).read_bytes().splitlines():
                row = msgspec.json.decode(line)
                newest[row["category_id"]] = row["name"]
    assert newest[key] == before


# -- bursts


def test_a_burst_into_files_is_taken_together_and_the_slot_is_given_back_until_then(live: Live) -> None:
    live.run(task=live.files, by="scheduled")
    live.tell("categories", live.sandbox.store.rows("categories")[0]["category_id"])
    log = live.logs["bigcommerce://bigcommerce_default/changes/categories"]
    log.tell(log.rows[0].extra, at=datetime.now(UTC))
    old, log.rows[0] = log.rows[0], log.rows[1]  # only the new one
    with pytest.raises(type(come_again(START))) as raised:
        live.run(task=live.files)
    assert raised.value.reschedule_date == log.rows[1].timestamp + timedelta(seconds=60)  # type: ignore[attr-defined]  # Airflow's
    log.rows[0] = old  # the first of the burst is older than settle
    assert live.run(task=live.files)["rows"] == 1


# -- what events may be


ODD: dict[str, Any] = {
    "no payload": {},
    "a payload that is text": {"payload": "x"},
    "another store": {"payload": {"resource": "products", "store_hash": "another", "ids": [1], "is_whole": True}},
    "ids that are none": {"payload": {"ids": [None, True, {"a": 1}, "", 1.5], "deleted": "all", "is_whole": True}},
    "no ids": {"payload": {"is_whole": True}},
}


@pytest.mark.parametrize("extra", ODD.values(), ids=ODD)
def test_an_event_that_names_nothing_is_done_with_and_reads_nothing(live: Live, extra: dict[str, Any]) -> None:
    if isinstance(extra.get("payload"), dict):
        extra = {"payload": {"store_hash": live.sandbox.store_hash, **extra["payload"]}}
    log = live.logs["bigcommerce://bigcommerce_default/changes/products"]
    log.tell(extra, at=datetime.now(UTC) - timedelta(seconds=90))
    assert live.run() is None
    assert live.sandbox.store.requests == []
    assert log.state  # the cursor has moved


def test_an_event_that_does_not_name_its_rows_reads_what_changed(live: Live) -> None:
    live.run(by="scheduled")
    [key] = some(live, "products", 1)
    live.sandbox.store.edit_product(key, name="one of many")
    live.tell("products", is_whole=False)
    assert live.run()["mode"] == "incremental"
    assert live.rows("products")[key] == ("one of many",)


# -- any order, doubling and grouping


def test_whatever_order_doubling_and_grouping_events_have_the_tables_equal_the_store(live: Live) -> None:
    chance = random.Random(7)
    store = live.sandbox.store
    for name in ("products", "orders"):
        live.run(name, by="scheduled")
    pending: list[tuple[str, list[Any], list[Any]]] = []
    for step in range(8):
        for _ in range(chance.randrange(4)):
            resource = chance.choice(("products", "orders"))
            keys = [row["id"] for row in store.rows(resource)]
            key, what = chance.choice(keys), chance.random()
            if what < 0.2:
                key = store.add_product(name=f"new {step}")["id"] if resource == "products" else store.add_order()["id"]
            elif what < 0.35 and len(keys) > 3:
                store.delete(resource, key)
                pending.append((resource, [], [key]))
                continue
            elif resource == "products":
                store.edit_product(key, name=f"name {step}")
            else:
                store.edit("orders", key, staff_notes=f"note {step}")
            pending += [(resource, [key], [])] * chance.choice((1, 1, 2))
        chance.shuffle(pending)
        for _ in range(chance.randrange(len(pending) + 1)):
            resource, ids, deleted = pending.pop()
            live.tell(resource, *ids, deleted=deleted)
        if chance.random() < 0.6:
            live.run(chance.choice(("products", "orders")))
    for resource, ids, deleted in pending:
        live.tell(resource, *ids, deleted=deleted)
    for name in ("products", "orders"):
        live.run(name)

    assert live.rows("products") == {row["id"]: (row["name"],) for row in store.rows("products")}
    assert live.rows("orders", "id, staff_notes") == {row["id"]: (row["staff_notes"],) for row in store.rows("orders")}


def test_what_no_event_told_is_recovered_by_the_clock(live: Live) -> None:
    store = live.sandbox.store
    live.run(by="scheduled")
    first, gone = some(live, "products", 2)
    live.seconds += 3600
    store.edit_product(first, name="lost")
    store.delete("products", gone)
    live.run(by="scheduled")
    assert live.rows("products") == {row["id"]: (row["name"],) for row in store.rows("products")}


# -- what is refused where the DAG is parsed


def sync_in(schedule: Any, resources: Any = ("products",), **arguments: Any) -> None:
    with DAG("refused", start_date=START, schedule=schedule):
        bigcommerce_sync(resources, to=Tables("warehouse"), **{"live": True, **arguments})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no event starts the DAG": ({"schedule": "@daily"}, "live=True needs a DAG that changes of the store start"),
    "another store's": ({"schedule": changes("products", conn_id="other")}, "live=True needs a DAG that changes of the store start"),
    "a whole store": ({"resources": "all"}, "does not go with resources='all'"),
    "nothing tells": ({"resources": ["brands"]}, "has no effect on 'brands'"),
    "rows that are chosen": ({"since": "2026-01-01T00:00:00Z"}, "does not go with since"),
    "another mode": ({"mode": "full"}, "does not go with mode='full'"),
    "a pause without live": ({"live": False, "settle": timedelta(1)}, "settle goes with live=True"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_live_is_told_where_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        sync_in(**{"schedule": changes("products"), **arguments})


def test_airflow_3_1_is_told_where_the_dag_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import context

    monkeypatch.delattr(context.InletEventsAccessor, "after", raising=False)
    with pytest.raises(InvalidQueryError, match=r"live=True needs Airflow 3\.2 or later"):
        sync_in(changes("products"))


def test_the_inlets_are_the_schedules_own_assets_so_that_their_triggers_stay() -> None:
    with DAG("polled", start_date=START, schedule=changes("products", "orders", poll=60.0)) as dag:
        bigcommerce_sync(["products", "order_products"], to=Tables("warehouse"), live=True)
    inlets = {task.task_id: [each for each in task.inlets if "changes" in each.uri] for task in dag.tasks}
    [products] = inlets["bigcommerce_sync.products"]
    [orders] = inlets["bigcommerce_sync.order_products"]
    assert products.watchers
    assert orders.watchers
    assert orders.uri.endswith("/changes/orders")


def test_tables_take_events_at_once_and_files_after_a_minute() -> None:
    assert BigCommerceToSqlOperator.settles == timedelta(0)
    assert BigCommerceToObjectStorageOperator.settles == timedelta(seconds=60)


def test_a_schedule_of_airflows_own_timetables_has_its_assets_by_reference_and_the_task_finds_them() -> None:
    from airflow.timetables.assets import AssetOrTimeSchedule as Serialized
    from airflow.timetables.trigger import CronTriggerTimetable as SerializedClock

    asset = changes_asset("bigcommerce_default", "products")
    schedule: Any = Serialized(timetable=SerializedClock("0 3 * * *", timezone="UTC"), assets=changes("products"))  # type: ignore[arg-type]  # as people give it
    with DAG("serialized", start_date=START, schedule=schedule) as dag:
        bigcommerce_sync(["products"], to=Tables("warehouse"), live=True)
    [inlet] = [each for each in dag.get_task("bigcommerce_sync.products").inlets if "changes" in each.uri]

    assert inlet == Asset.ref(uri=asset.uri)
    log = EventLog(asset)
    context = {**log.context(), "asset_state_store": {inlet: log.state}}
    assert inlet_state(context, asset) is log.state


def test_the_summary_says_what_a_run_by_events_read() -> None:
    window = {"since": None, "until": None}
    line = {"resource": "products", "state": "success", "mode": "ids", "rows": 2, "requests": 2, "throttled": 0, "seconds": 0.1}
    assert table([{**line, "window": window, "complete": True}])[1].endswith("the rows that events named")
