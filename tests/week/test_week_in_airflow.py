"""The week in a real Airflow: API server, scheduler and tasks are processes that SIGKILL ends, on PostgreSQL.

A week of retries, clocks and outages passes in minutes: pauses between tries are seconds, what ``ensure`` and the clock do every hour is
started when its hour has come, and the outage lasts as long as a restart.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.webhooks import Event, changes_of, parse
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox import deliveries
from airflow_provider_bigcommerce.sandbox.deliveries import Courier
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, Processes, until
from tests.month.comparing import differences, rows_of
from tests.month.living import shown
from tests.month.shop import Shop
from tests.plugins.test_api_server import mount_the_plugin
from tests.sql.warehouse import CONN_ID, sqlite_warehouse

DAGS = """
from datetime import datetime, timedelta
from airflow.sdk import DAG
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

# A task that begins while the API server is away has failed after some seconds.
often = {"retries": 500, "retry_delay": timedelta(seconds=2)}
start = datetime(2026, 1, 1)
with DAG("live", start_date=start, schedule=changes("products", "orders"), max_active_runs=1, default_args=often):
    bigcommerce_sync(["products", "orders"], to=Tables("warehouse"), live=True, max_deleted_percent=50)
with DAG("webhooks", start_date=start, schedule=None, default_args=often):
    BigCommerceWebhooksOperator(task_id="ensure", resource=["products", "orders"])
"""
#: Pauses between tries, in place of a minute to a day. Together they outlast every restart here, so that no webhook is given up.
RETRIES = (1.0, 2.0, 3.0, 5.0, 5.0, *([10.0] * 120))
#: Seconds that a part of Airflow may take on a machine with five times as much to do as it can.
WAIT = 900.0


class Week:
    """The parts, and who took what.

    :param sandbox: the store.
    :param server: its API server; the other parts run beside it.
    """

    def __init__(self, sandbox: Sandbox, server: AirflowServer) -> None:
        self.sandbox, self.ways, self.server = sandbox, sandbox.store.webhooks, server
        self.shop = Shop(sandbox.store, 5)
        self.scheduler: Processes = server.beside("scheduler")
        self.answered: list[bytes] = []
        self.hour = 0

    def post(self, destination: str, body: bytes, headers: Any, timeout: float) -> int:
        """The sandbox's own way of sending, which notes what was taken."""
        status = REALLY_POST(destination, body, headers, timeout)
        if status == 200:
            self.answered.append(body)
        return status

    def hours(self, count: int) -> None:
        """The store lives, and its webhooks arrive."""
        for _ in range(count):
            self.shop.live_an_hour(self.hour)
            self.hour += 1

    def kill_the_api_server(self) -> None:
        """In the middle of what arrives; then it comes back."""
        self.hours(4)
        before = len(self.answered)
        until(lambda: len(self.answered) > before, "an answer", WAIT, every=0.01)
        self.server.kill()
        self.come_back()

    def come_back(self) -> None:
        self.server.start_prepared(WAIT)
        self.server.make_ready_for_tasks()

    def kill_the_scheduler(self) -> None:
        """With the task that it runs."""
        self.hours(2)
        path = "/api/v2/dags/live/dagRuns/~/taskInstances?state=running"
        until(lambda: self.server.request("GET", path)["total_entries"], "a running task", WAIT)
        self.scheduler.kill()
        self.scheduler = self.server.beside("scheduler")

    def outage(self) -> None:
        """Nothing of Airflow can be reached, and an import changes products, which is more than a hundred webhooks."""
        self.server.kill()
        self.scheduler.kill()
        tried = len(self.ways.attempts)
        for n in range(4):
            for row in self.sandbox.store.rows("products"):
                self.sandbox.store.edit_product(row["id"], price=float(n + 1), description=f"imported {n}")
        until(lambda: any(each.status == -1 for each in self.ways.attempts[tried:]), "a blocked domain", WAIT)
        self.come_back()
        self.scheduler = self.server.beside("scheduler")

    def switch_a_webhook_off(self) -> None:
        store = self.sandbox.store
        for row in store.rows("webhooks"):
            if row["scope"] == "store/product/updated":
                store.edit("webhooks", row["id"], is_active=False)
        self.hours(2)
        store.edit_product(store.rows("products")[0]["id"], name="nobody was told")

    def run(self, dag_id: str) -> None:
        """What the clock starts; returns when it has ended well."""
        run_id = self.server.trigger(dag_id)
        state = until(lambda: self._ended(dag_id, run_id), f"the end of {dag_id}", WAIT, every=2)
        assert state == "success", dag_id

    def _ended(self, dag_id: str, run_id: str) -> str:
        states = {run["dag_run_id"]: str(run["state"]) for run in self.server.runs(dag_id)}
        return states[run_id] if states[run_id] in ("success", "failed") else ""

    def is_quiet(self) -> bool:
        """Whether all has arrived and no run is under way."""
        return not self.ways.waiting() and {run["state"] for run in self.server.runs("live")} <= {"success", "failed"}

    def lost(self) -> set[tuple[str, str]]:
        """What was answered and is not there."""
        told: set[tuple[str, str]] = set()
        offset = 0
        while page := self.server.request("GET", f"/api/v2/assets/events?limit=100&offset={offset}")["asset_events"]:
            offset += len(page)
            payloads = [event["extra"]["payload"] for event in page if "/changes/" in event["uri"]]
            told |= {(payload["resource"], repr(key)) for payload in payloads for key in (*payload["ids"], *payload["deleted"])}
        events = [event for body in self.answered if isinstance(event := parse(body, self.sandbox.store_hash), Event)]
        changes = [change for event in events for change in changes_of(event) if change.resource in ("products", "orders")]
        assert changes
        return {(change.resource, repr(change.key)) for change in changes} - told


REALLY_POST = deliveries.post


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.bigcommerce_sandbox(products=30, orders=4, customers=10, client_secret="the-client-secret")
def test_a_week_passes_in_airflow_and_the_tables_equal_the_store(
    connected: Sandbox, tmp_path: Path, airflow_database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, dags = tmp_path / "home", tmp_path / "dags"
    dags.mkdir()
    (dags / "week.py").write_text(DAGS)
    mount_the_plugin(home)
    monkeypatch.setattr(deliveries, "_BLOCK", 15.0)
    with sqlite_warehouse(tmp_path / "warehouse.db", connected) as warehouse:
        for name, value in warehouse.environment().items():
            monkeypatch.setenv(name, value)
        settings = {
            **airflow_database,
            **warehouse.environment(),
            "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS": "bigcommerce_default",
            "AIRFLOW__BIGCOMMERCE__WEBHOOK_SIGNATURE": "required",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            # A task that died with its scheduler is found after a minute and not after five.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        }
        server = AirflowServer(home, settings, dags, component="api-server")
        server.env["AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL"] = server.url
        with server:
            server.make_ready_for_tasks()
            server.beside("dag-processor")
            week = Week(connected, server)
            monkeypatch.setattr(deliveries, "post", week.post)
            ways = week.ways
            ways.retries, ways.loss, ways.duplication, ways.reordering, ways.parallel = RETRIES, 0.05, 0.05, 0.2, 8
            week.run("webhooks")
            week.run("live")
            with Courier(ways, connected.store.clock):
                week.kill_the_api_server()
                week.kill_the_scheduler()
                week.kill_the_api_server()
                week.outage()
                week.switch_a_webhook_off()
                week.run("webhooks")
                week.kill_the_api_server()
                until(week.is_quiet, "the end of the week", WAIT, every=2)
            week.run("live")  # the clock: what was lost, and what the webhook that was off did not tell
            until(week.is_quiet, "the last run", WAIT, every=2)

            assert week.lost() == set()
            for resource in ("products", "orders"):
                here = {key: row for key, row in rows_of(warehouse, resource, "id").items() if row["_deleted_at"] is None}
                prove = BigCommerceReconcileOperator(task_id="prove", resource=resource, conn_id=CONN_ID, sample=None, on_mismatch="warn")
                report = prove.execute({})
                assert [each[:200] for each in differences(shown(connected, resource), here, "id")] == []
                assert (resource, report["equal"], report["compared"] > 0) == (resource, True, True)
            kinds = Counter((run["run_type"], run["state"]) for run in server.runs("live"))
    tries = Counter(attempt.status for attempt in ways.attempts)
    print(json.dumps({"tries": tries, "lost": ways.lost, "runs": {" ".join(kind): n for kind, n in kinds.items()}}))
    assert ways.lost > 0
    assert {0, -1, 200} <= tries.keys()
    assert {state for _, state in kinds} == {"success"}
    assert kinds["asset_triggered", "success"] > 0
