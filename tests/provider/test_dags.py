"""The example DAGs, run as a person would run them: real Task SDK, real states, the sandbox as the store."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import airflow.sdk
import duckdb
import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_dag import example_dags

pytestmark = pytest.mark.compat

RESOURCES = ("orders", "customers", "products", "product_variants", "categories", "brands")


@pytest.fixture
def dags(airflow_home: Path, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The example DAGs by id, pointed to the sandbox and to an empty directory."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setenv("BIGCOMMERCE_SYNC_PATH", (tmp_path / "copy").as_uri())
    monkeypatch.setenv("BIGCOMMERCE_STORES_PATH", (tmp_path / "stores").as_uri())
    monkeypatch.setenv("BIGCOMMERCE_STORES", "bigcommerce_default,another_store")
    monkeypatch.setenv("BIGCOMMERCE_STOCK_PATH", str(tmp_path / "stock"))
    return example_dags()


def has_event_filters() -> bool:
    from airflow.sdk.execution_time import context

    return hasattr(getattr(context, "InletEventsAccessor", None), "after")


def test_the_live_dag_starts_by_changes_and_every_night(dags: dict[str, Any]) -> None:
    if not hasattr(airflow.sdk, "AssetOrTimeSchedule"):
        assert "bigcommerce_live" not in dags
        return
    dag = dags["bigcommerce_live"]
    copies = {task.resource: task for task in dag.tasks if hasattr(task, "live")}

    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert copies.keys() == {"products", "product_variants", "orders", "customers"}
    for name, task in copies.items():
        assert (task.live, task.mode, task.deletes) == (True, "incremental", "detect")
        assert f"bigcommerce://bigcommerce_default/changes/{name}" in {inlet.uri for inlet in task.inlets}


def returned(run: Any, task_id: str, map_index: int = -1) -> Any:
    instances = run.get_task_instances()
    (instance,) = [instance for instance in instances if instance.task_id == task_id and instance.map_index == map_index]
    return instance.xcom_pull(task_ids=task_id, map_indexes=map_index)


def test_the_sync_dag_is_a_daily_one_that_does_not_fight_itself(dags: dict[str, Any]) -> None:
    dag = dags["bigcommerce_sync"]

    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert set(dag.task_ids) == {f"store.{name}" for name in (*RESOURCES, "summary", "compact")}
    tasks = [task for task in dag.tasks if task.task_id not in ("store.summary", "store.compact")]
    assert {task.resource: task.mode for task in tasks} == dict.fromkeys(RESOURCES, "incremental")
    for task in tasks:
        assert task.max_active_tis_per_dag == 1
        assert task.emit_empty is False  # or bigcommerce_on_new_orders would start without orders
        assert task.pool == "default_pool"
        assert task.retries >= 3
        assert task.retry_delay >= timedelta(minutes=1)


def test_two_nights_of_the_sync_dag_bring_the_store_and_then_only_what_changed(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path
) -> None:
    path, store = tmp_path / "copy", bigcommerce_sandbox.store
    store.clock = lambda: 1_790_000_000.0
    for task in dags["bigcommerce_sync"].tasks:
        task.retries = 0  # dag.test() would sit out the retry delays
    first = dags["bigcommerce_sync"].test()

    assert str(first.state) == "success"
    for resource in RESOURCES:
        [manifest] = committed(str(path), resource)
        assert manifest.rows == store.count(resource)
        assert returned(first, f"store.{resource}") == manifest.as_json()
        files = [str(path / file.path) for file in manifest.files]
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet({files})").fetchall() == [(store.count(resource),)]

    store.clock = lambda: 1_790_003_600.0
    store.add_order(lines=2)
    store.edit_product(store.rows("products")[0]["id"], name="edited")
    store.move_customer(store.rows("customers")[0]["id"])
    store.requests.clear()
    store.clock = lambda: 1_790_086_400.0
    second = dags["bigcommerce_sync"].test()

    assert str(second.state) == "success"
    for resource in ("orders", "customers", "products"):
        manifest = committed(str(path), resource)[0]
        assert (resource, manifest.rows) == (resource, 1)
        assert manifest.window.since == "2026-09-21T14:08:20Z"
        assert manifest.watermark == "2026-09-22T14:13:20Z"
    # What is behind the last row is looked up: answers of V2 count nothing.
    assert sorted(request.path for request in store.requests if request.path == "/v2/orders") == ["/v2/orders"] * 2

    report = dags["bigcommerce_on_new_orders"]
    if not has_event_filters():  # Airflow 3.1
        assert str(report.test().state) == "failed"
        return
    before = store.count("orders") - 1
    with create_session() as session:  # other tests have told of the same asset in this Airflow
        known = select(AssetModel.id).where(AssetModel.uri == "bigcommerce://bigcommerce_default/orders")
        events = session.scalars(select(AssetEvent.id).where(AssetEvent.asset_id.in_(known)).order_by(AssetEvent.id)).all()
        session.execute(delete(AssetEvent).where(AssetEvent.id.in_(events[:-2])))
    assert returned(report.test(), "report") == before + 1  # both nights
    assert returned(report.test(), "report") == 0


def test_the_dag_of_many_stores_copies_each_and_says_which_one_failed(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {**bigcommerce_sandbox.connection["extra"], "access_token": "of-another-store"}
    monkeypatch.setenv("AIRFLOW_CONN_ANOTHER_STORE", json.dumps({**bigcommerce_sandbox.connection, "extra": extra}))
    for task in dags["bigcommerce_many_stores"].tasks:
        task.retries = 0

    run = dags["bigcommerce_many_stores"].test()

    assert str(run.state) == "failed"
    for resource in ("orders", "customers"):
        [manifest] = committed(str(tmp_path / "stores" / "bigcommerce_default"), resource)
        assert manifest.rows == bigcommerce_sandbox.store.count(resource)
    summaries = [returned(run, "store.bigcommerce_sync.summary", index) for index in (0, 1)]
    assert [summary["bigcommerce_conn_id"] for summary in summaries] == ["bigcommerce_default", "another_store"]
    assert [summary["failed"] for summary in summaries] == [[], ["orders", "customers"]]
    for task_id in ("orders", "customers", "summary"):
        tasks = [each for each in run.get_task_instances() if each.task_id == f"store.bigcommerce_sync.{task_id}"]
        shown = {each.map_index: each.rendered_map_index for each in tasks}
        assert shown == {0: "bigcommerce_default", 1: "another_store"}


def test_the_hook_dag_counts_the_orders_that_wait(dags: dict[str, Any], bigcommerce_sandbox: Sandbox) -> None:
    run = dags["bigcommerce_open_orders"].test()

    expected = dict.fromkeys(("awaiting payment", "awaiting fulfillment", "awaiting shipment", "awaiting pickup"), 0)
    for order in bigcommerce_sandbox.store.rows("orders"):
        names = {7: "awaiting payment", 11: "awaiting fulfillment", 9: "awaiting shipment", 8: "awaiting pickup"}
        if order["status_id"] in names:
            expected[names[order["status_id"]]] += 1
    assert str(run.state) == "success"
    assert returned(run, "count_open_orders") == expected


def test_the_stock_dag_brings_what_was_counted_and_tells_what_was_not_taken(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path
) -> None:
    store = bigcommerce_sandbox.store
    code = store.row("inventory_locations", 1)["code"]
    (tmp_path / "stock" / "in").mkdir(parents=True)
    (tmp_path / "stock" / "in" / "count.csv").write_text(f"sku,location_code,quantity\nSKU-0000103-1,{code},4711\nnobody,{code},1\n")

    run = dags["bigcommerce_stock"].test()

    assert str(run.state) == "success"
    assert store.stock.onhand(3, 1) == 4711
    assert returned(run, "stock")["counts"] == {"rejected": 1, "updated": 1}
    assert returned(run, "tell").startswith("1 rows rejected: file://")


@pytest.mark.bigcommerce_sandbox(orders=40)
def test_the_partitioned_dag_brings_all_orders_in_one_manifest(dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    run = dags["bigcommerce_partitioned_orders"].test()

    assert str(run.state) == "success"
    [manifest] = committed(str(tmp_path / "copy"), "orders")
    assert returned(run, "commit_partitions") == manifest.as_json()
    labels = {instance.rendered_map_index for instance in run.get_task_instances() if instance.task_id == "orders"}
    assert labels == {f"range {number} of 8" for number in range(1, 9)}
    files = [str(tmp_path / "copy" / file.path) for file in manifest.files]
    ids = [order["id"] for order in bigcommerce_sandbox.store.rows("orders")]
    assert duckdb.sql(f"SELECT id FROM read_parquet({files}) ORDER BY id").fetchall() == [(key,) for key in ids]


def test_a_run_of_the_backfill_dag_reads_its_own_day_and_moves_no_watermark(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path
) -> None:
    store, dag = bigcommerce_sandbox.store, dags["bigcommerce_backfill"]
    for task in dag.tasks:
        task.retries = 0
    noon = datetime(2015, 6, 1, 12, tzinfo=UTC)
    for days in (-1, 0, 0, 1):
        store.clock = (noon + timedelta(days=days)).timestamp
        store.add_order(lines=1)
        store.add_customer()

    run = dag.test(logical_date=datetime(2015, 6, 2, tzinfo=UTC))

    assert str(run.state) == "success"
    for resource in ("orders", "customers"):
        [manifest] = committed(str(tmp_path / "copy"), resource)
        assert (manifest.mode, manifest.watermark, manifest.rows) == ("backfill", None, 2)
        assert (manifest.window.since, manifest.window.until) == ("2015-06-01T00:00:00Z", "2015-06-01T23:59:59Z")


def test_the_partition_of_a_day_is_that_day_in_utc(dags: dict[str, Any]) -> None:
    if "bigcommerce_daily_partitions" not in dags:
        assert not hasattr(airflow.sdk, "PartitionedAtRuntime")  # Airflow 3.3 has it, and then the DAG is there
        return
    [task] = dags["bigcommerce_daily_partitions"].tasks
    task.render_template_fields({"partition_date": datetime(2026, 10, 25, tzinfo=UTC), "macros": airflow.sdk.macros})

    assert (task.since, task.until) == ("2026-10-25T00:00:00+00:00", "2026-10-25T23:59:59+00:00")


def priced(dags: dict[str, Any], sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, chosen: str) -> Any:
    """A run of the DAG of prices, in which a person chooses."""
    with sqlite3.connect(tmp_path / "erp.db") as erp:
        erp.execute("CREATE TABLE prices (sku TEXT, price REAL)")
        erp.executemany("INSERT INTO prices VALUES (?, ?)", [(row["sku"], row["price"] + 0.01) for row in sandbox.store.rows("products")])
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "erp.db")}))

    def answered(self: ApprovalOperator, context: Any) -> Any:
        answer = {"chosen_options": [chosen], "params_input": {}, "responded_at": datetime.now(UTC) + timedelta(seconds=2)}
        return self.execute_complete(context, {**answer, "responded_by_user": {"id": "1", "name": "Ann"}})

    monkeypatch.setattr(ApprovalOperator, "execute", answered)  # it would wait for an answer by way of an API server
    for task in dags["bigcommerce_prices"].tasks:
        task.retries = 0
        if hasattr(task, "report_path"):
            task.report_path = str(tmp_path / "reports") if task.task_id != "apply" else None
    return dags["bigcommerce_prices"].test()


def test_prices_that_a_person_approves_are_sent_and_read_back(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {row["sku"]: row["price"] for row in bigcommerce_sandbox.store.rows("products")}

    run = priced(dags, bigcommerce_sandbox, tmp_path, monkeypatch, chosen="Approve")

    assert str(run.state) == "success"
    assert returned(run, "apply")["counts"] == {"updated": len(before)}
    assert returned(run, "apply")["approved_by"] == "Ann"
    assert returned(run, "read_back")["counts"]["unchanged"] == len(before)
    now = {row["sku"]: row["price"] for row in bigcommerce_sandbox.store.rows("products")}
    assert now == {sku: pytest.approx(price + 0.01) for sku, price in before.items()}


def test_prices_that_a_person_rejects_are_not_sent(
    dags: dict[str, Any], bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = priced(dags, bigcommerce_sandbox, tmp_path, monkeypatch, chosen="Reject")

    states = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
    assert states == {
        "plan": "success",
        "is_anything_to_decide": "success",
        "approve": "success",
        "apply": "skipped",
        "read_back": "skipped",
    }
    assert {request.method for request in bigcommerce_sandbox.store.requests} == {"GET"}
