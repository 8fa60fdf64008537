"""A day of a store on paper: how many requests its changes cost a live copy, and how many a copy by the clock every hour.

Counted, not timed: operators, sandbox and requests are the real ones, in one process without Airflow. When changes happen and runs read
them is a number, so that a day takes a minute. Events that come while a run is under way are read by the next, as with ``max_active_runs=1``.
The store's own clock is not moved: rows are asked for by their ids, and the time of an answer must agree with the worker's.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bigcommerce.assets import changes_asset
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sandbox import catalog_data
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_events import EventLog, Logs
from tests.airflow_memory import Airflow

RESOURCES: Final = ("products", "product_variants")
HOURS: Final = 24
DAY: Final = HOURS * 3600.0
#: Seconds from an event to the moment at which its run reads, and from there to the end of the run.
TO_READ: Final = 1.8
TO_END: Final = 1.0
#: Pattern -> what it is, as the page says it.
PATTERNS: Final[Mapping[str, str]] = {
    "spread": "one by one, at any moment of the day",
    "hours": "one by one, between 8:00 and 18:00",
    "imports": "half of them in two imports of a minute, the others at any moment",
}


@contextlib.contextmanager
def three_variants_each() -> Iterator[None]:
    """Stores that are made within have three variants a product; the sandbox's own have 1.8."""
    before = catalog_data.VARIANTS, catalog_data._BEFORE
    catalog_data.VARIANTS = (3,) * 10
    catalog_data._BEFORE = (0, *accumulate(catalog_data.VARIANTS))
    try:
        yield
    finally:
        catalog_data.VARIANTS, catalog_data._BEFORE = before


def moments(pattern: str, count: int, seed: int = 1) -> list[float]:
    """When changes happen: seconds of the day, in order."""
    dice = random.Random(f"{pattern} {seed}")
    if pattern == "spread":
        found = [dice.uniform(0, DAY) for _ in range(count)]
    elif pattern == "hours":
        found = [dice.uniform(8 * 3600, 18 * 3600) for _ in range(count)]
    else:
        imported = count // 2
        found = [hour * 3600 + 1800 + dice.uniform(0, 60) for number in range(imported) for hour in ((5, 13)[number % 2],)]
        found += [dice.uniform(0, DAY) for _ in range(count - imported)]
    return sorted(found)


@dataclass
class Day:
    """One store, one copy of its products and variants, and the tasks that keep it.

    :param store: what is changed and read.
    :param name: of the day; its runs are no tries of another day's.
    :param settle: for how long a burst is gathered.
    :param midnight: of the events' day; in the past, as events of the future are not believed.
    """

    store: Store
    name: str
    settle: float = 0.0
    midnight: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=2))
    now: float = 0.0
    runs: int = 0
    reads: int = 0
    airflow: Airflow = field(default_factory=Airflow)
    logs: Logs = field(default_factory=Logs)

    def __post_init__(self) -> None:
        for name in RESOURCES:
            log = EventLog(changes_asset("bigcommerce_default", name))
            self.logs[log.asset.uri] = log
        schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=changes(*RESOURCES))
        with DAG("day", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=schedule, catchup=False):
            self.tasks = {
                name: BigCommerceToSqlOperator(task_id=name, resource=name, conn_id="warehouse", mode="incremental", live=True)
                for name in RESOURCES
            }

    # -- runs -------------------------------------------------------------------------------------------------------------------

    def by_clock(self, resource: str) -> int:
        """A scheduled run of a task: its requests."""
        return self._run(resource, "scheduled", [])

    def by_events(self, pending: Mapping[str, Sequence[Any]]) -> int:
        """A run that events started: the requests of both tasks."""
        self.runs += 1
        return sum(self._run(name, "asset_triggered", events) for name, events in pending.items() if events)

    def _run(self, resource: str, kind: str, events: Sequence[Any]) -> int:
        self.reads += 1
        before = len(self.store.requests)
        context = self.logs.context(self.airflow.context(f"{self.name} {self.reads}", resource), run_type=kind)
        context["triggering_asset_events"] = {changes_asset("bigcommerce_default", resource): list(events)}
        with contextlib.suppress(AirflowSkipException):
            self.tasks[resource].execute(context)
        return len(self.store.requests) - before

    # -- the day ----------------------------------------------------------------------------------------------------------------

    def live(self, when: Sequence[float], seed: int = 1) -> int:
        """Let the changes happen and their runs read them: the requests of all runs by events.

        Every second change is one of a product, the others are of a variant; any row may change more than once.
        """
        dice = random.Random(seed)
        keys = {name: self.store.tables[name].ids() for name in RESOURCES}
        pending: dict[str, list[Any]] = {name: [] for name in RESOURCES}
        requests, oldest, free_at = 0, None, 0.0
        for number, moment in enumerate((*when, float("inf"))):
            while oldest is not None and (reads_at := max(oldest + max(TO_READ, self.settle), free_at + TO_READ)) < moment:
                self.now = reads_at
                requests += self.by_events(pending)
                pending, oldest, free_at = {name: [] for name in RESOURCES}, None, reads_at + TO_END
            if moment == float("inf"):
                break
            self.now = moment
            name = RESOURCES[number % 2]
            key = dice.choice(keys[name])
            pending[name].append(self._change(name, key, number))
            oldest = moment if oldest is None else oldest
        return requests

    def _change(self, name: str, key: Any, number: int) -> Any:
        payload: dict[str, Any] = {"resource": name, "store_hash": self.store.store_hash, "is_whole": True, "deleted": [], "via": "webhook"}
        if name == "products":
            self.store.edit_product(key, name=f"changed {number}")
            payload["ids"] = [key]
        else:
            row = self.store.edit(name, key, mpn=f"changed {number}")
            payload |= {"ids": [key], "parents": [row["product_id"]]}
        log = self.logs[f"bigcommerce://bigcommerce_default/changes/{name}"]
        return log.tell({"payload": payload}, at=self.midnight + timedelta(seconds=self.now))
