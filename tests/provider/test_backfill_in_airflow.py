"""`airflow backfill create` as an operator of Airflow runs it: a scheduler, several runs at once, and a live sync beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_server import AirflowServer, until

LIVE = """
import os
from datetime import datetime, timedelta
from airflow.sdk import DAG
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

with DAG("live", start_date=datetime(2026, 1, 1), schedule=None, default_args={"retries": 4, "retry_delay": timedelta(minutes=5)}):
    BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=os.environ["BIGCOMMERCE_SYNC_PATH"], mode="incremental")
"""
DAYS = 3


def by_window(manifests: list[Manifest]) -> dict[tuple[str | None, str | None], int]:
    return {(manifest.window.since, manifest.window.until): manifest.rows for manifest in manifests}


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.bigcommerce_sandbox(quota="150/5", latency_ms=200)
def test_backfill_runs_read_their_own_days_several_at_once_and_leave_the_live_sync_alone(
    bigcommerce_sandbox: Sandbox, project: Path, tmp_path: Path, airflow_database: dict[str, str]
) -> None:
    store, path, partitions = bigcommerce_sandbox.store, tmp_path / "copy", tmp_path / "partitions"
    start = datetime(2015, 6, 1, tzinfo=UTC)
    for day in range(DAYS):
        for second in (0, 86_399):  # the first of a day, and the last
            store.clock = (start + timedelta(days=day, seconds=second)).timestamp
            store.add_order(lines=1)
            store.add_customer()
    store.clock = lambda: 1_790_000_000.0
    dags = tmp_path / "dags"
    dags.mkdir()
    sources = {name: (project / "dags" / name).read_text() for name in ("bigcommerce_backfill.py", "bigcommerce_daily_partitions.py")}
    for name, source in {**sources, "live.py": LIVE}.items():
        # A busy SQLite ends tasks of an Airflow that is starting; they need not wait for minutes.
        (dags / name).write_text(source.replace("timedelta(minutes=5)", "timedelta(seconds=2)"))
    environment = {
        **airflow_database,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
        "BIGCOMMERCE_SYNC_PATH": str(path),
        "BIGCOMMERCE_PARTITIONS_PATH": str(partitions),
    }
    expected = {}
    for day in range(DAYS):
        begin = start + timedelta(days=day)
        expected[f"{begin:%Y-%m-%dT00:00:00Z}", f"{begin:%Y-%m-%dT23:59:59Z}"] = 2
    between = ("--from-date", "2015-06-01", "--to-date", f"2015-06-{DAYS:02d}", "--max-active-runs", str(DAYS))

    with AirflowServer(tmp_path / "home", env=environment) as server:

        def runs(dag_id: str) -> list[dict[str, Any]]:
            found = server.runs(dag_id)
            assert not [run for run in found if run["state"] == "failed"]
            return [run for run in found if run["run_type"] in ("backfill", "manual")]

        def all_done(dag_id: str, number: int) -> list[dict[str, Any]]:
            found = runs(dag_id)
            return found if len(found) == number and {run["state"] for run in found} == {"success"} else []

        until(lambda: server.knows("bigcommerce_backfill"))
        server.trigger("live")
        until(lambda: all_done("live", 1))
        [live] = committed(str(path), "orders")

        server.airflow("backfill", "create", "--dag-id", "bigcommerce_backfill", *between)
        server.airflow("backfill", "create", "--dag-id", "bigcommerce_daily_partitions", *between)
        found = until(lambda: all_done("bigcommerce_backfill", DAYS))
        until(lambda: all_done("bigcommerce_daily_partitions", DAYS))
        server.trigger("live")
        until(lambda: all_done("live", 2))

    first_end = min(datetime.fromisoformat(run["end_date"]) for run in found)
    assert sum(datetime.fromisoformat(run["start_date"]) < first_end for run in found) > 1, "several at once"
    for resource in ("orders", "customers"):
        backfills = [manifest for manifest in committed(str(path), resource) if manifest.mode == "backfill"]
        assert (by_window(backfills), {manifest.watermark for manifest in backfills}) == (expected, {None})
    assert expected.items() <= by_window(committed(str(partitions), "orders")).items()  # and the scheduled one of yesterday
    following = committed(str(path), "orders")[0]
    assert (live.watermark, following.window.since) == ("2026-09-21T14:13:20Z", "2026-09-21T14:08:20Z")
