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
from tests.benchmarks.event_day import HOURS, PATTERNS, RESOURCES, VARIANTS, Pending, moments, on_paper, pages, paper_day, requests_of, told


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
            about = {"conn_id": "warehouse", "mode": "incremental"}
            self.tasks = {
                name: BigCommerceToSqlOperator(task_id=name, resource=name, live=True, deletes="detect", **about) for name in RESOURCES
            }
            self.plain = {name: BigCommerceToSqlOperator(task_id=f"{name}_hourly", resource=name, **about) for name in RESOURCES}

    def run(self, resource: str, kind: str = "scheduled", task: BigCommerceToSqlOperator | None = None) -> int:
        """A run of a task, by the clock unless it is said, of the live one unless it is said: its requests."""
        self.runs += 1
        before = len(self.store.requests)
        (task or self.tasks[resource]).execute(self.logs.context(self.airflow.context(f"run {self.runs}", resource), run_type=kind))
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


@dataclass(frozen=True)
class _Clock:
    """Requests of runs by the clock, of a store whose products are so many.

    :param variants: of a run of the variants.
    :param nightly: of a night's run of both, which looks for deleted rows.
    :param hourly: of a day's runs of the products.
    """

    variants: int
    nightly: int
    hourly: int

    def of(self, small: int, products: int) -> _Clock:
        """The same of a larger store: a page more is a request more of each read of a whole list."""
        more = pages(products) - pages(small)
        more_variants = pages(products * VARIANTS) - pages(small * VARIANTS)
        return _Clock(self.variants + more_variants, self.nightly + more + more_variants, self.hourly)


def _by_clock(products: int, changes: int) -> _Clock:
    """Fill both tables, change products every hour of a day, and read them by the clock.

    The same ones every hour: all hours are within one run's overlap here, and would be read again by each.
    """
    with real(products) as copy:
        for name in RESOURCES:
            copy.run(name)
        hourly = 0
        for _ in range(HOURS):
            for number in range(changes // 2 // HOURS):
                copy.change(2 * number)
            hourly += copy.run("products", task=copy.plain["products"])
        variants = copy.run("product_variants", task=copy.plain["product_variants"])
        return _Clock(variants, copy.run("products") + copy.run("product_variants"), hourly)


def _sample(changes: int) -> int:
    """Requests of some changes, by the operator.

    :raises ValueError: on paper they are others.
    """
    with real(200) as copy:
        when = moments("imports", changes)
        by_operator, _ = requests_of(when, copy.change, copy.read, 0.0)
        paper, _ = requests_of(when, copy.change, on_paper, 0.0)
    if by_operator != paper:
        raise ValueError(f"The operator sent {by_operator} requests for {changes} changes, and on paper they are {paper}.")
    return by_operator


def counted(*, products: int, changes: int, small: int = 500) -> dict[str, Any]:
    """A day with that many changes: by the clock every hour, and live with the clock once a night.

    Runs by the clock are counted in two smaller stores with the day's changes, which must differ by the pages of their lists alone: the
    large store's are that many more.

    :raises ValueError: something is not as it was counted on paper.
    """
    less, more = _by_clock(small, changes), _by_clock(2 * small, changes)
    if less.of(small, 2 * small) != more:
        raise ValueError(f"Runs by the clock cost {less} with {small:,} products and {more} with twice as many: not a request a page.")
    clock = more.of(2 * small, products)
    nightly = clock.nightly + pages(changes // 2) - 1  # the day's changes; in the small store it read those since the last hour's run
    sample = 60
    sent = _sample(sample)
    days: dict[str, dict[str, int]] = {}
    for pattern in PATTERNS:
        for settle in (0, 60):
            requests, runs = paper_day(pattern, products=products, changes=changes, settle=settle)
            days[f"{pattern} {settle}"] = {"requests": requests, "runs": runs}
    return {
        "rows": {"products": products, "product_variants": products * VARIANTS}, "changes": changes, "small": 2 * small,
        "hourly": clock.hourly + HOURS * clock.variants, "hourly_products": clock.hourly, "whole": clock.variants, "nightly": nightly,
        "sample": {"changes": sample, "requests": sent}, "days": days,
    }  # fmt: skip
