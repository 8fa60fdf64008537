"""The same changes, read by the operator from the sandbox: what a run by the clock costs, and that the paper's count is the operator's."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any
from unittest import mock

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bigcommerce.assets import changes_asset
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sandbox import catalog_data
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.running import TOKEN
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_events import EventLog, Logs
from tests.airflow_memory import Airflow
from tests.benchmarks.event_day import HOURS, PATTERNS, RESOURCES, VARIANTS, Pending, moments, on_paper, paper_day, requests_of, told


@contextlib.contextmanager
def three_variants_each() -> Iterator[None]:
    """Stores that are made within have three variants a product; the sandbox's own have 1.8."""
    each = (VARIANTS,) * 10
    with mock.patch.object(catalog_data, "VARIANTS", each), mock.patch.object(catalog_data, "_BEFORE", (0, *accumulate(each))):
        yield


@dataclass
class Real:
    """Tasks that keep a copy of a store's products and variants in SQLite, and the events that they read.

    :param store: what is changed and read. Its clock is the machine's: rows are marked with the time of their answers.
    """

    store: Store
    runs: int = 0
    airflow: Airflow = field(default_factory=Airflow)
    logs: Logs = field(default_factory=Logs)

    def __post_init__(self) -> None:
        for name in RESOURCES:
            log = EventLog(changes_asset("bigcommerce_default", name), now=datetime.now(UTC) - timedelta(hours=1))
            self.logs[log.asset.uri] = log
        schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=changes(*RESOURCES))
        with DAG("day", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=schedule, catchup=False):
            self.tasks = {
                name: BigCommerceToSqlOperator(task_id=name, resource=name, conn_id="warehouse", mode="incremental", live=True)
                for name in RESOURCES
            }

    def run(self, resource: str, kind: str = "scheduled") -> int:
        """A run of a task, by the clock unless it is said: its requests."""
        self.runs += 1
        before = len(self.store.requests)
        self.tasks[resource].execute(self.logs.context(self.airflow.context(f"run {self.runs}", resource), run_type=kind))
        return len(self.store.requests) - before

    def read(self, pending: Pending) -> int:
        """A run that events started: the requests of both tasks."""
        for name, payloads in pending.items():
            log = self.logs[f"bigcommerce://bigcommerce_default/changes/{name}"]
            for payload in payloads:
                log.later(0.1)
                log.tell({"payload": {**payload, "store_hash": self.store.store_hash}})
        return sum(self.run(name, "asset_triggered") for name, payloads in pending.items() if payloads)

    def change(self, number: int) -> tuple[str, dict[str, Any]]:
        """Change a row of the store."""
        name = RESOURCES[number % 2]
        keys = self.store.tables[name].ids()
        key = keys[(number * 7919) % (len(keys) // 2)]  # the last product has 600 variants
        if name == "products":
            self.store.edit_product(key, name=f"changed {number}")
            return told(name, key)
        return told(name, key, self.store.edit(name, key, mpn=f"changed {number}")["product_id"])


@contextlib.contextmanager
def real(products: int) -> Iterator[Real]:
    """A store with that many products and three times as many variants."""
    with three_variants_each(), tempfile.TemporaryDirectory(prefix="bigcommerce-day-") as name:
        store = Store(seed=1, products=products, orders=1, customers=1, tokens={TOKEN: None}, quota=Quota.parse("none"))
        with ThreadedServer(Server(store)) as server:
            connections = {
                "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(connection(server, TOKEN)),
                "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(Path(name) / "warehouse.db")}),
            }
            with mock.patch.dict(os.environ, connections):
                yield Real(store)


# -- the measure


def counted(*, products: int, changes: int) -> dict[str, Any]:
    """A day with that many changes: by the clock every hour, and live with the clock once a night.

    A list without a change date is read whole by each run of the clock, so that its runs cost the same: one is counted, behind the run that
    fills the table. The products' 24 runs are counted each.
    """
    with real(products) as copy:
        rows = {name: len(copy.store.tables[name]) for name in RESOURCES}
        for name in RESOURCES:
            print(f"  {rows[name]:,} {name}: {copy.run(name):,} requests for all of them", flush=True)
        whole = copy.run("product_variants")
        hourly = 0
        for hour in range(HOURS):
            for number in range(hour, changes, HOURS):
                copy.change(2 * number)
            hourly += copy.run("products")
        nightly = copy.run("products") + whole
        sample = moments("imports", min(changes, 60))
        by_operator, _ = requests_of(sample, copy.change, copy.read, 0.0)
        paper, _ = requests_of(sample, copy.change, on_paper, 0.0)
    if by_operator != paper:
        raise ValueError(f"The operator sent {by_operator} requests for the sample, and on paper they are {paper}.")
    days = {
        f"{pattern} {settle}": dict(
            zip(("requests", "runs"), paper_day(pattern, products=products, changes=changes, settle=settle), strict=True)
        )
        for pattern in PATTERNS
        for settle in (0, 60)
    }
    return {
        "rows": rows, "changes": changes, "hourly": hourly + HOURS * whole, "hourly_products": hourly, "whole": whole, "nightly": nightly,
        "sample": by_operator, "days": days,
    }  # fmt: skip
