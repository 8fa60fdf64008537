"""``bigcommerce_sync`` in real DAG runs: each resource alone, a summary always, many stores side by side."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.compat import RetryDecision
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.whole_store import asks_each_parent, has_all_it_needs, in_order, is_second_copy
from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError
from airflow_provider_bigcommerce.operators.sync import BigCommerceReadableResourcesOperator
from airflow_provider_bigcommerce.retry import BigCommerceRetryPolicy
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import known_to_airflow
from tests.sync.conftest import events, returned, states

NAMES = ["product_variants", "orders", "brands", "customers"]


def a_dag(name: str, **arguments: Any) -> Any:
    from airflow.sdk import DAG

    return DAG(name, start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None, **arguments)


def _copies(task: Any) -> bool:
    return isinstance(task, BigCommerceToObjectStorageOperator)


def refuse(sandbox: Sandbox, path: str) -> None:
    """Let the store refuse a list, once and for good."""
    sandbox.store.fail_next(1, "answer", match=path, status=403, body=b"{}")


# -- what the group is


def test_a_sync_is_a_task_a_resource_and_a_summary() -> None:
    with a_dag("shape") as dag:
        bigcommerce_sync(NAMES, to="/data", retries=2)

    tasks = {task.task_id: task for task in dag.tasks}
    assert set(tasks) == {f"bigcommerce_sync.{name}" for name in (*NAMES, "summary", "compact")}
    summary, compact = tasks.pop("bigcommerce_sync.summary"), tasks.pop("bigcommerce_sync.compact")
    assert summary.upstream_task_ids == compact.upstream_task_ids == set(tasks)
    assert (compact.path, compact.resource, compact.every, compact.trigger_rule) == ("/data", NAMES, timedelta(days=7), "all_done")
    assert (summary.trigger_rule, summary.retries) == ("all_done", 0)
    assert {task.resource: task.mode for task in tasks.values()} == dict.fromkeys(NAMES, "incremental")
    for task in tasks.values():
        assert (task.upstream_task_ids, task.retries, task.max_active_tis_per_dag) == (set(), 2, 1)
        assert task.full_every == timedelta(days=7)
        assert RetryDecision is None or isinstance(task.retry_policy, BigCommerceRetryPolicy)  # None below Airflow 3.3


def test_small_reads_go_first_and_what_costs_a_request_for_each_parent_goes_last() -> None:
    with a_dag("order") as dag:
        bigcommerce_sync(["order_taxes", "brands", "orders", "store_information", "customers"], to="/data")

    weights = {task.task_id.partition(".")[2]: task.priority_weight for task in dag.tasks if _copies(task)}
    assert sorted(weights, key=lambda name: -weights[name]) == ["store_information", "orders", "customers", "brands", "order_taxes"]
    assert {str(task.weight_rule) for task in dag.tasks if _copies(task)} != {"downstream"}


def test_one_resource_can_have_arguments_of_its_own() -> None:
    with a_dag("own") as dag:
        bigcommerce_sync(
            {"orders": {"include": [], "max_rows_per_file": 10}, "brands": {}}, to="/data", initial_since="2026-01-01T00:00:00Z", pool="few"
        )

    orders, brands = dag.get_task("bigcommerce_sync.orders"), dag.get_task("bigcommerce_sync.brands")
    assert (orders.include, orders.max_rows_per_file, orders.initial_since) == ([], 10, "2026-01-01T00:00:00Z")
    assert (brands.include, brands.initial_since) == (None, None)
    assert {orders.pool, brands.pool} == {"few"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resources": "orders", "to": "/data"}, r"resources='orders' is one text\. Give a list, \['orders'\], or 'all'"),
        ({"resources": [], "to": "/data"}, "resources is empty"),
        ({"resources": ["variants", "product_variants"], "to": "/data"}, "has 'product_variants' twice"),
        ({"resources": ["orders"], "to": "warehouse"}, r"to='warehouse' is no directory.*to=Tables\(conn_id='warehouse'\)"),
        ({"resources": ["orders"], "to": "/data", "exclude": ["brands"]}, "exclude goes with resources='all'"),
    ],
)
def test_what_cannot_work_is_said_where_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with a_dag("wrong"), pytest.raises(InvalidQueryError, match=message):
        bigcommerce_sync(**arguments)


def test_all_leaves_out_what_needs_an_id_and_what_is_there_twice() -> None:
    names = [row.name for row in in_order(CATALOG.values()) if has_all_it_needs(row) and not is_second_copy(row)]

    assert not {"carts", "coupon_code_lookup", "payment_methods", "widget_regions", "theme_jobs"} & set(names)
    assert not {"products_v2", "product_variants_by_product", "order_metafields_by_order"} & set(names)
    assert {"orders", "products", "product_variants", "order_metafields", "product_tax_properties", "store_information"} <= set(names)
    assert len(names) > 130
    assert [asks_each_parent(CATALOG[name]) for name in names] == sorted(asks_each_parent(CATALOG[name]) for name in names)


@pytest.mark.bigcommerce_sandbox(products=1, orders=1, customers=1)
def test_all_leaves_the_stores_clock_out_which_would_be_new_in_each_run(connected: Sandbox) -> None:
    wanted = {each["resource"] for each in BigCommerceReadableResourcesOperator(task_id="readable").execute({})}

    assert "store_information" in wanted
    assert "time" not in wanted


@pytest.mark.bigcommerce_sandbox(products=3, orders=2, customers=2)
def test_each_resource_that_all_means_can_be_copied_and_comes_once(connected: Sandbox, tmp_path: Path) -> None:
    since = {"initial_since": "2020-01-01T00:00:00Z"}
    operator = BigCommerceReadableResourcesOperator(task_id="readable", **since)
    asked = operator.execute({})

    failed = {}
    for arguments in asked:
        always: dict[str, Any] = {"mode": "incremental", "full_every": timedelta(days=7)}
        copy = BigCommerceToObjectStorageOperator(task_id="copy", path=str(tmp_path), **always, **arguments)
        try:
            manifest = copy.execute({})
        except BigCommerceError as error:
            failed[arguments["resource"]] = str(error)
        else:
            assert manifest["resource"] == arguments["resource"]

    assert failed == {}
    assert len(asked) > 130
    assert len({arguments["resource"] for arguments in asked}) == len(asked)


# -- what it does


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_a_resource_that_fails_stops_no_other_and_the_summary_says_so(connected: Sandbox, tmp_path: Path) -> None:
    with a_dag("one_fails") as dag:
        bigcommerce_sync(NAMES, to=str(tmp_path))
    known_to_airflow(dag)
    refuse(connected, "/v3/customers")

    run = dag.test()

    assert str(run.state) == "failed"
    assert states(run) == {
        "bigcommerce_sync.customers": "failed",
        **{f"bigcommerce_sync.{name}": "success" for name in NAMES if name != "customers"},
        "bigcommerce_sync.compact": "success",
        "bigcommerce_sync.summary": "failed",
    }
    for name in NAMES:
        expected = [] if name == "customers" else [connected.store.count(name)]
        assert [manifest.rows for manifest in committed(str(tmp_path), name)] == expected
    summary = returned(run, "bigcommerce_sync.summary")
    assert summary["failed"] == ["customers"]
    lines = {line["resource"]: line for line in summary["resources"]}
    assert set(lines) == set(NAMES)
    assert lines["customers"]["error"].startswith("PermissionDeniedError: GET /v3/customers answered 403")
    assert lines["brands"]["rows"] == connected.store.count("brands")
    assert summary["rows"] == sum(connected.store.count(name) for name in NAMES if name != "customers")
    assert summary["requests"] == sum(line["requests"] for line in lines.values() if "requests" in line) > 0


@pytest.mark.usefixtures("airflow_home")
def test_a_sync_into_tables_fills_them_and_the_summary_has_a_table(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "INFO")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))
    with a_dag("to_tables") as dag:
        bigcommerce_sync(["orders", "brands"], to=Tables("warehouse", nested="tables"), emit_empty=False)
    known_to_airflow(dag)

    first, second = dag.test(), dag.test()

    assert [str(run.state) for run in (first, second)] == ["success", "success"]
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as database:
        for name in ("orders", "brands"):
            assert database.execute(f"SELECT count(*) FROM {name}").fetchone() == (connected.store.count(name),)
        assert database.execute("SELECT count(*) FROM orders__line_items").fetchone()[0] > 0
    assert set(events(first)) == {f"bigcommerce://bigcommerce_default/{name}" for name in ("orders", "brands")}
    assert events(second) == {}
    told = returned(second, "bigcommerce_sync.summary")
    assert told["failed"] == []
    assert [(line["resource"], line["rows"]) for line in told["resources"]] == [("orders", 0), ("brands", 0)]


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
@pytest.mark.bigcommerce_sandbox(products=3, orders=2, customers=2)
def test_all_is_what_the_token_can_read_asked_when_the_run_begins(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.store.add_token("a-narrow-token", ["store_v2_marketing_read_only"])
    extra = {**connected.connection["extra"], "access_token": "a-narrow-token"}
    with a_dag("all_of_it") as dag:
        bigcommerce_sync("all", to=str(tmp_path), exclude=["banners"], initial_since="2020-01-01T00:00:00Z")
    assert [request.path for request in connected.store.requests] == []  # nothing is asked at parse
    known_to_airflow(dag)
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connected.connection, "extra": extra}))
    refuse(connected, "/v2/gift_certificates")

    run = dag.test()

    names = [arguments["resource"] for arguments in returned(run, "bigcommerce_sync.readable")]
    assert {"coupons", "gift_certificates", "promotions"} <= set(names)
    assert not {"orders", "products", "customers", "banners"} & set(names)
    failed = names.index("gift_certificates")
    assert states(run) == {
        "bigcommerce_sync.readable": "success",
        **{f"bigcommerce_sync.copy[{n}]": "failed" if n == failed else "success" for n in range(len(names))},
        "bigcommerce_sync.compact": "success",
        "bigcommerce_sync.summary": "failed",
    }
    assert [manifest.rows for manifest in committed(str(tmp_path), "coupons")] == [connected.store.count("coupons")]
    summary = returned(run, "bigcommerce_sync.summary")
    assert [line["resource"] for line in summary["resources"]] == names
    assert summary["failed"] == ["gift_certificates"]
    assert set(events(run)) == {f"bigcommerce://bigcommerce_default/{name}" for name in names if name != "gift_certificates"}


@pytest.mark.usefixtures("airflow_home")
def test_a_token_that_reads_nothing_fails_with_what_to_do(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT",
        json.dumps({**connected.connection, "extra": {**connected.connection["extra"], "access_token": "of-another-store"}}),
    )
    with a_dag("nothing_to_read") as dag:
        bigcommerce_sync("all", to=str(tmp_path))

    run = known_to_airflow(dag).test()

    assert states(run) == {
        "bigcommerce_sync.readable": "failed",
        "bigcommerce_sync.copy": "upstream_failed",
        "bigcommerce_sync.compact": "success",
        "bigcommerce_sync.summary": "failed",
    }
    assert returned(run, "bigcommerce_sync.summary")["failed"] == ["all"]


# -- many stores


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_a_store_that_fails_stops_no_other_store(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import task_group

    wrong = {**connected.connection, "extra": {**connected.connection["extra"], "access_token": "of-another-store"}}
    for conn_id, connection in (("shop_a", connected.connection), ("shop_b", wrong), ("shop_c", connected.connection)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    with a_dag("many_stores") as dag:

        @task_group
        def store(conn_id: str, path: str) -> None:
            bigcommerce_sync(["orders", "brands"], to=path, bigcommerce_conn_id=conn_id)

        store.expand_kwargs([{"conn_id": conn_id, "path": f"{tmp_path}/{conn_id}"} for conn_id in ("shop_a", "shop_b", "shop_c")])
    run = known_to_airflow(dag).test()

    expected = {0: "success", 1: "failed", 2: "success"}
    assert states(run) == {
        **{f"store.bigcommerce_sync.{name}[{n}]": state for n, state in expected.items() for name in ("orders", "brands", "summary")},
        **{f"store.bigcommerce_sync.compact[{n}]": "success" for n in expected},
    }
    for index, conn_id in ((0, "shop_a"), (2, "shop_c")):
        for name in ("orders", "brands"):
            [manifest] = committed(f"{tmp_path}/{conn_id}", name)
            assert manifest.rows == connected.store.count(name)
        summary = returned(run, "store.bigcommerce_sync.summary", index)
        assert (summary["bigcommerce_conn_id"], summary["failed"]) == (conn_id, [])
    summary = returned(run, "store.bigcommerce_sync.summary", 1)
    assert (summary["bigcommerce_conn_id"], summary["failed"]) == ("shop_b", ["orders", "brands"])
    assert all("AuthenticationError" in line["error"] for line in summary["resources"])
    assert set(events(run)) == {f"bigcommerce://{conn_id}/{name}" for conn_id in ("shop_a", "shop_c") for name in ("orders", "brands")}


def test_all_in_a_mapped_group_is_refused_with_the_way_round() -> None:
    from airflow.sdk import task_group

    @task_group
    def store(conn_id: str) -> None:
        bigcommerce_sync("all", to="/data", bigcommerce_conn_id=conn_id)

    with a_dag("all_mapped"), pytest.raises(InvalidQueryError, match="cannot be used in a mapped task group"):
        store.expand(conn_id=["a", "b"])
