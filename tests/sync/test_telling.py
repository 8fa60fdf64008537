"""What a transfer tells Airflow when it ends: asset events, metrics, lineage; as real tasks do it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.assets import DATA_ALIAS
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.telling import copied, table_at
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError
from airflow_provider_bigcommerce.operators.partition import (
    BigCommerceCommitPartitionsOperator,
    BigCommercePartitionOperator,
    commit_partitions,
    partition,
)
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.state import state_asset
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_dag import known_to_airflow
from tests.airflow_memory import Airflow
from tests.sql.conftest import KINDS, night, warehouse  # noqa: F401  # fixtures, asked for by name
from tests.sql.warehouse import Warehouse
from tests.sync.conftest import Recorded, events, returned, states

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = "bigcommerce://bigcommerce_default/orders"


def a_dag(name: str) -> Any:
    from airflow.sdk import DAG

    return DAG(name, start_date=START, schedule=None)


def outlets(operator: Any) -> list[str]:
    return [outlet.name for outlet in operator.outlets]


def test_an_outlet_that_is_known_is_the_asset_and_one_that_is_not_is_the_alias() -> None:
    def operator(**arguments: Any) -> Any:
        return BigCommerceToObjectStorageOperator(**{"task_id": "copy", "resource": "orders", "path": "/x", **arguments})

    assert outlets(operator()) == [ORDERS]
    assert outlets(operator(resource="variants")) == ["bigcommerce://bigcommerce_default/product_variants"]
    assert outlets(operator(emit_empty=False)) == [DATA_ALIAS]
    assert outlets(operator(bigcommerce_conn_id="{{ params.store }}")) == [DATA_ALIAS]
    assert outlets(BigCommerceToSqlOperator(task_id="copy", resource="orders", conn_id="db")) == [ORDERS]


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_a_run_announces_counts_and_window(connected: Sandbox, tmp_path: Path) -> None:
    with a_dag("announces") as dag:
        BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), mode="incremental")
    run = known_to_airflow(dag).test()

    manifest = returned(run, "orders")
    [extra] = events(run)[ORDERS]
    assert extra == {
        "resource": "orders",
        "store_hash": "sandbox1",
        "mode": "incremental",
        "rows": connected.store.count("orders"),
        "window": {"since": None, "until": "2026-09-21T14:13:20Z"},
        "finished_at": manifest["finished_at"],
        "complete": True,
        "run_id": run.run_id,
        "to": f"file://{tmp_path}/orders",
    }


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_a_run_that_brought_nothing_is_silent_if_asked(connected: Sandbox, tmp_path: Path) -> None:
    with a_dag("silent") as dag:
        for name, emit_empty in (("talks", True), ("is_silent", False)):
            BigCommerceToObjectStorageOperator(
                task_id=name,
                resource="orders" if emit_empty else "customers",
                path=str(tmp_path),
                mode="incremental",
                emit_empty=emit_empty,
            )
    known_to_airflow(dag)

    first, second = dag.test(), dag.test()

    assert set(events(first)) == {ORDERS, "bigcommerce://bigcommerce_default/customers"}
    assert {uri: [extra["rows"] for extra in extras] for uri, extras in events(second).items()} == {ORDERS: [0]}


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_mapped_tasks_announce_each_their_own_asset(connected: Sandbox, tmp_path: Path) -> None:
    with a_dag("mapped") as dag:
        BigCommerceToObjectStorageOperator.partial(task_id="copy", path=str(tmp_path), inlets=[state_asset()]).expand(
            resource=["coupons", "channels"]
        )
    run = known_to_airflow(dag).test()

    assert str(run.state) == "success"
    assert {uri: [extra["rows"] for extra in extras] for uri, extras in events(run).items()} == {
        f"bigcommerce://bigcommerce_default/{name}": [connected.store.count(name)] for name in ("coupons", "channels")
    }


@pytest.mark.compat
@pytest.mark.usefixtures("airflow_home")
def test_ranges_of_a_list_are_silent_and_their_commit_announces_all_of_it(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connected.connection))
    with a_dag("ranges_announce") as dag:
        ranges = partition("orders", into=2, bigcommerce_conn_id="shop")
        orders = BigCommerceToObjectStorageOperator.partial(
            task_id="orders", resource="orders", path=str(tmp_path), bigcommerce_conn_id="shop"
        ).expand(partition=ranges)
        commit_partitions(orders.output, path=str(tmp_path))
    run = known_to_airflow(dag).test()

    manifest = returned(run, "commit_partitions")
    assert events(run) == {
        "bigcommerce://shop/orders": [
            {
                **{name: manifest[name] for name in ("resource", "store_hash", "mode", "window", "finished_at", "complete")},
                "rows": connected.store.count("orders"),
                "run_id": run.run_id,
                "to": f"file://{tmp_path}/orders",
            }
        ]
    }


@pytest.mark.usefixtures("airflow_home")
def test_a_commit_of_no_row_is_silent_if_asked(connected: Sandbox, tmp_path: Path) -> None:
    for order in connected.store.rows("orders"):
        connected.store.delete("orders", order["id"])
    with a_dag("empty_ranges") as dag:
        orders = BigCommerceToObjectStorageOperator.partial(task_id="orders", resource="orders", path=str(tmp_path)).expand(
            partition=partition("orders", into=2)
        )
        commit_partitions(orders.output, path=str(tmp_path), emit_empty=False)
    run = known_to_airflow(dag).test()

    assert (str(run.state), returned(run, "commit_partitions")["rows"], events(run)) == ("success", 0, {})


@pytest.mark.usefixtures("airflow_home")
def test_a_run_that_fails_announces_nothing_and_leaves_its_reason(connected: Sandbox, tmp_path: Path) -> None:
    connected.store.fail_next(1, "answer", match="/v3/catalog/brands", status=403, body=b"{}")
    with a_dag("fails") as dag:
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))
    run = known_to_airflow(dag).test()

    assert states(run) == {"brands": "failed"}
    assert events(run) == {}
    left = returned(run, "brands", key="bigcommerce_error")
    assert left["resource"] == "brands"
    assert left["error"].startswith("PermissionDeniedError: GET /v3/catalog/brands answered 403")


@pytest.mark.parametrize("warehouse", KINDS[:2], indirect=True)
def test_both_transfers_count_rows_requests_and_the_lag_of_the_watermark(
    warehouse: Warehouse,  # noqa: F811  # the fixture
    metrics: Recorded,
    tmp_path: Path,
) -> None:
    for operator in (
        warehouse.operator(mode="incremental"),
        BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), mode="incremental"),
    ):
        metrics.seen.clear()
        manifest = operator.execute({})

        assert metrics.value("bigcommerce.rows") == manifest["rows"] == 5
        assert metrics.value("bigcommerce.requests") == manifest["requests"] > 0
        assert metrics.value("bigcommerce.throttled") == 0
        assert metrics.value("bigcommerce.duration") == timedelta(seconds=manifest["seconds"])
        lag = (datetime.now(UTC) - datetime.fromisoformat(manifest["watermark"])).total_seconds()
        assert 0 <= lag - metrics.value("bigcommerce.watermark_lag") < 60
        assert metrics.seen["bigcommerce.rows"][0][1] == {"conn_id": "bigcommerce_default", "resource": "orders"}


def test_a_run_that_fails_counts_what_is_known(connected: Sandbox, metrics: Recorded, tmp_path: Path) -> None:
    connected.store.fail_next(1, "answer", match="/v3/catalog/brands", status=403, body=b"{}")

    with pytest.raises(PermissionDeniedError):
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path)).execute({})

    assert metrics.value("bigcommerce.failures") == 1
    assert metrics.value("bigcommerce.requests") == 1
    assert "bigcommerce.rows" not in metrics.seen


def test_the_quotas_waits_and_refusals_are_metrics(connected: Sandbox, metrics: Recorded, tmp_path: Path) -> None:
    headers = {"X-Rate-Limit-Requests-Quota": "10", "X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "200"}
    headers["X-Rate-Limit-Time-Window-Ms"] = "30000"
    connected.store.fail_next(1, "answer", match="/v3/catalog/brands", status=429, body=b"{}", headers=headers)

    BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path)).execute({})

    assert metrics.value("bigcommerce.throttled") == 1
    assert metrics.value("bigcommerce.waited") >= timedelta(milliseconds=100)


def test_the_last_line_tells_what_came_what_it_cost_and_where_the_next_run_goes_on(connected: Sandbox, tmp_path: Path) -> None:
    headers = {"X-Rate-Limit-Requests-Quota": "10", "X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "1100"}
    headers["X-Rate-Limit-Time-Window-Ms"] = "30000"
    connected.store.fail_next(1, "answer", match="/v2/orders", status=429, body=b"{}", headers=headers)
    operator = BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), mode="incremental")
    manifest = msgspec.convert(operator.execute({}), Manifest)

    line = copied(manifest, "1 file")

    assert re.sub(r"in \d+\.\d s", "in 1.5 s", line) == (
        f"Copied orders: 5 rows into 1 file; {manifest.requests} requests in 1.5 s, 1 of them answered 429, 1 s of it waiting for the "
        "quota or to repeat a request. The next run continues at 2026-09-21T14:13:20Z."
    )
    again = copied(msgspec.structs.replace(manifest, duplicates_dropped=1_200, deleted=3, watermark=None, waited=0.4), "2 files")
    assert "5 rows into 2 files, 1,200 more were read that are there already, 3 are no longer in the store; " in again
    assert again.endswith("answered 429.")


@pytest.mark.parametrize("warehouse", KINDS[:2], indirect=True)
def test_hook_lineage_names_the_resource_and_the_files_or_the_table(
    warehouse: Warehouse,  # noqa: F811  # the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow.providers.common.compat.lineage import hook as lineage
    from airflow.sdk import Asset
    from airflow.sdk.lineage import HookLineageCollector

    collector = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)
    task = Airflow().context("r1", "brands")
    for context in ({}, task):  # in a script, nobody collects
        assert bool(collector.collected_assets.inputs) is False
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path)).execute(context)
    warehouse.operator("brands").execute(task)
    [part] = BigCommercePartitionOperator(task_id="cut", resource="orders", into=1).execute({})
    piece = BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), partition=part).execute({})
    commit = BigCommerceCommitPartitionsOperator(task_id="commit", returned=[piece], path=str(tmp_path))
    commit.execute(task)

    found = collector.collected_assets
    assert {each.asset.uri for each in found.inputs} == {"bigcommerce://bigcommerce_default/brands", ORDERS}
    place = warehouse.connection
    postgres = f"postgres://{place['host']}:{place.get('port')}/{place.get('schema')}/public/brands"
    table = Asset(uri=f"sqlite://{place['host']}/main/brands").uri if warehouse.kind == "sqlite" else postgres
    assert [each.asset.uri for each in found.outputs] == [f"file://{tmp_path}/brands", table, f"file://{tmp_path}/orders"]


@pytest.mark.parametrize("warehouse", KINDS[:2], indirect=True)
def test_openlineage_gets_the_stores_resource_and_the_table(warehouse: Warehouse) -> None:  # noqa: F811  # the fixture
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="pip install apache-airflow-providers-openlineage")
    from airflow.providers.openlineage.extractors.base import DefaultExtractor

    operator = warehouse.operator("brands")
    operator.execute({})
    lineage = DefaultExtractor(operator).extract_on_complete(None)

    assert lineage is not None
    assert [(each.namespace, each.name) for each in lineage.inputs] == [("bigcommerce://sandbox1", "brands")]
    place = warehouse.connection
    expected = (
        ("sqlite", f"{place['host']}.main.brands")
        if warehouse.kind == "sqlite"
        else (f"postgres://{place['host']}:{place['port']}", f"{place['schema']}.public.brands")
    )
    assert [(each.namespace, each.name) for each in lineage.outputs] == [expected]


@pytest.mark.parametrize(
    ("connection", "namespace", "name"),
    [
        ({"conn_type": "mysql", "host": "db", "schema": "shop"}, "mysql://db:3306", "shop.brands"),
        ({"conn_type": "mssql", "host": "db", "port": 1444, "schema": "erp"}, "mssql://db:1444", "erp.shop.brands"),
        ({"conn_type": "snowflake", "host": "account"}, "snowflake://account", "snowflake.shop.brands"),
    ],
)
def test_a_table_of_another_database_is_named_too(connection: dict[str, Any], namespace: str, name: str) -> None:
    from airflow.sdk import Connection

    place = table_at(Connection(conn_id="warehouse", **connection), "shop", "brands")

    assert (place.namespace, place.name, place.uri) == (namespace, name, f"{namespace}/{name.replace('.', '/')}")


def test_openlineage_gets_the_directory_of_files(connected: Sandbox, tmp_path: Path) -> None:
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="pip install apache-airflow-providers-openlineage")
    operator = BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))
    operator.execute({})

    lineage = operator.get_openlineage_facets_on_complete(None)

    assert [(each.namespace, each.name) for each in lineage.outputs] == [("file", f"{tmp_path}/brands")]


def test_openlineage_gets_the_directory_that_a_commit_of_ranges_filled(connected: Sandbox, tmp_path: Path) -> None:
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="pip install apache-airflow-providers-openlineage")
    [part] = BigCommercePartitionOperator(task_id="cut", resource="orders", into=1).execute({})
    piece = BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), partition=part).execute({})
    commit = BigCommerceCommitPartitionsOperator(task_id="commit", returned=[piece], path=str(tmp_path))
    assert commit.get_openlineage_facets_on_complete(None) is None
    commit.execute({})

    lineage = commit.get_openlineage_facets_on_complete(None)

    assert [(each.namespace, each.name) for each in lineage.inputs] == [("bigcommerce://sandbox1", "orders")]
    assert [(each.namespace, each.name) for each in lineage.outputs] == [("file", f"{tmp_path}/orders")]


@pytest.mark.parametrize(
    ("url", "namespace", "name"),
    [
        ("s3://aws_default@shop/copy/orders", "s3://shop", "copy/orders"),
        ("gs://shop/orders", "gs://shop", "orders"),
        ("/data/orders", "file", "/data/orders"),
    ],
)
def test_lineage_leaves_the_connection_out_of_a_bucket(url: str, namespace: str, name: str) -> None:
    from airflow_provider_bigcommerce.engine.telling import files_at

    place = files_at(url)
    assert (place.namespace, place.name) == (namespace, name)
    assert "aws_default" not in place.uri


@pytest.mark.bigcommerce_sandbox(products=300, orders=2_000, customers=100, quota="150/30")
def test_the_log_of_a_normal_task_tells_its_story_in_twenty_lines(
    connected: Sandbox, project: Path, airflow_home: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO", "BIGCOMMERCE_SYNC_PATH": tmp_path.as_uri(), "COLUMNS": "400"}
    command = [sys.executable, "-m", "airflow", "dags", "test", "bigcommerce_sync"]
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:]

    told: dict[str, list[str]] = {}
    task = ""
    for line in done.stdout.splitlines():
        if found := re.search(r"\[DAG TEST\] starting task_id=(\S+)", line):
            task = found[1]
        elif task and "airflow_provider_bigcommerce" in line:
            told.setdefault(task, []).append(line)
    for resource in ("orders", "customers", "products", "product_variants", "categories", "brands"):
        [lines] = [lines for task, lines in told.items() if task.rpartition(".")[2] == resource]
        lines = [line for line in lines if "The worker's clock" not in line]  # the sandbox has a time of its own
        assert f"Copying {resource} of store sandbox1" in lines[0]
        assert any(f"Copied {resource}: {connected.store.count(resource):,} rows" in line for line in lines)
        assert len(lines) <= 20
