"""The week itself: a store lives, its webhooks travel, Airflow's scheduler starts runs, and things break at planned moments.

Nothing waits: the week's clock goes from one thing that happens to the next, and every part of it has that clock.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from airflow_provider_bigcommerce.assets import changes_asset
from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine import subscribing
from airflow_provider_bigcommerce.engine.run import Manner
from airflow_provider_bigcommerce.events import changes, new_events
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sandbox.running import Sandbox
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync
from airflow_provider_bigcommerce.transfers import live_transfer, transfer
from tests.airflow_events import EventLog, Logs
from tests.airflow_memory import START
from tests.month.comparing import differences, rows_of
from tests.month.living import shown
from tests.month.shop import Shop
from tests.sql.warehouse import CONN_ID, Warehouse
from tests.week.server import ApiServer, Kill, connect

STORE = "bigcommerce_default"
#: Of what webhooks tell.
TOLD = ("products", "orders", "customers")
BASE_URL = "http://127.0.0.1:9"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True)
class Plan:
    """What happens when, in hours of the week.

    :param resources: what is copied.
    :param days: how long it is.
    :param bursts: in a day; each is some changes of the store at once.
    :param clock_every: hours between two runs by the clock.
    :param ensure_every: hours between two runs of ``ensure``; on the days on which somebody changes webhooks it is an hour.
    :param api_kills: number of the batch of webhooks -> where the API server is killed in it.
    :param scheduler_kill: the next run by events is killed with its scheduler: its rows are written, its cursor is not.
    :param outage: for an hour nothing of Airflow can be reached, and an import changes products, which is more than a hundred webhooks.
    :param switched_off: somebody switches webhooks off.
    :param wiped: somebody wipes the webhooks' headers.
    """

    resources: tuple[str, ...] = (*TOLD, "order_products")
    days: int = 7
    bursts: int = 6
    clock_every: int = 6
    ensure_every: int = 1
    api_kills: Mapping[int, Kill] = field(default_factory=lambda: {9: "open", 17: "committed", 31: "gathered"})
    scheduler_kill: float = 60.0
    outage: float = 80.0
    switched_off: float = 109.2
    wiped: float = 130.2

    def ensured_again(self, hour: float) -> float:
        """Hours from one run of ``ensure`` to the next."""
        return 1 if any(moment - 1 <= hour <= moment + 3 for moment in (self.switched_off, self.wiped)) else self.ensure_every


@dataclass
class Run:
    """A DAG run, as Airflow's database holds it: what has ended of it, and what is tried again."""

    run_id: str
    kind: str
    waiting: list[str]
    tries: int = 1


class Week:
    """A store, an Airflow and a table for each resource.

    :param sandbox: the store, with a client secret.
    :param warehouse: the tables.
    :param plan: what happens when.
    :param seed: of everything that is drawn.
    :param patch: pytest's ``monkeypatch``.
    """

    def __init__(self, sandbox: Sandbox, warehouse: Warehouse, plan: Plan, seed: int, patch: Any) -> None:
        self.sandbox, self.store, self.warehouse, self.plan = sandbox, sandbox.store, warehouse, plan
        self.seconds = self.begin = START.timestamp()
        self.dice = Random(seed)
        self.shop = Shop(self.store, seed)
        self.logs = Logs({(asset := changes_asset(STORE, name)).uri: EventLog(asset) for name in TOLD})
        self.api = ApiServer(STORE, self.time, self.logs, self._queue, dict(plan.api_kills))
        self.happened: Counter[str] = Counter()
        self.healed: list[str] = []
        self.is_queued = False
        self.runs: list[Run] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._scheduler_up_at = 0.0
        self._kills_next_run = False
        self._clock_at = self.begin
        self._run_numbers = itertools.count()
        self._wire(patch)
        with DAG("live", start_date=START, schedule=self._schedule(), catchup=False):
            group = bigcommerce_sync(plan.resources, to=Tables(CONN_ID), live=True, max_deleted_percent=50)
        self.tasks: dict[str, Any] = {name: group.children[f"{group.group_id}.{name}"] for name in plan.resources}
        self.ensure = BigCommerceWebhooksOperator(task_id="ensure", resource=list(TOLD))

    def _schedule(self) -> AssetOrTimeSchedule:
        return AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=changes(*TOLD))

    def _wire(self, patch: Any) -> None:
        """Give every part the week's clock, and the sandbox and ``ensure`` a way to the API server."""
        self.store.clock = self.time
        ways = self.store.webhooks
        ways.loss, ways.duplication, ways.reordering, ways.parallel = 0.05, 0.05, 0.2, 8
        connect(patch, self.api)
        patch.setattr(subscribing, "post", self._probe)
        patch.setattr(subscribing, "probe", functools.partial(subscribing.probe, clock=self.time))
        patch.setattr(live_transfer, "new_events", functools.partial(new_events, clock=self.now))
        patch.setattr(transfer, "Manner", functools.partial(Manner, sleep=self._wait))
        environment = {**self.warehouse.environment(), "AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL": BASE_URL}
        for name, value in environment.items():
            patch.setenv(name, value)

    def time(self) -> float:
        """The week's clock, in epoch seconds."""
        return self.seconds

    def now(self) -> datetime:
        """The same."""
        return datetime.fromtimestamp(self.seconds, UTC)

    # -- what happens when

    def live(self) -> None:
        """Live through the week, until no webhook is on its way and the clock has started a last run."""
        plan, end = self.plan, self.begin + self.plan.days * DAY
        self._at(self.begin, self._ensure)
        for day in range(plan.days):
            for _ in range(plan.bursts):
                self._at(self.begin + day * DAY + self.dice.uniform(HOUR, DAY), self._burst)
        self._at(self.begin + plan.scheduler_kill * HOUR, self._plan_scheduler_kill)
        self._at(self.begin + plan.outage * HOUR, self._outage)
        self._at(self.begin + plan.outage * HOUR + 10 * MINUTE, self._import)
        self._at(self.begin + plan.switched_off * HOUR, self._switch_off)
        self._at(self.begin + plan.switched_off * HOUR + 5 * MINUTE, self._burst)
        self._at(self.begin + plan.wiped * HOUR, self._wipe)
        self._at(self.begin + plan.wiped * HOUR + 5 * MINUTE, self._burst)
        self._at(self.begin + MINUTE, self._tick)
        self._live_until(end)
        while self.store.webhooks.waiting():
            self._live_until(self.seconds + HOUR)
        self._clock_at = self.seconds
        self._live_until(self.seconds + HOUR)
        assert self.runs == []
        self.api.close()

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (seconds, next(self._numbers), action))

    def _live_until(self, end: float) -> None:
        while True:
            webhook = self.store.webhooks.next_at()
            action = self._agenda[0][0] if self._agenda else None
            due = min((each for each in (webhook, action) if each is not None), default=end)
            if due >= end:
                self.seconds = max(self.seconds, end)
                return
            self.seconds = max(self.seconds, due)
            if due == webhook:
                self.store.webhooks.deliver(self.seconds)
            else:
                heapq.heappop(self._agenda)[2]()

    # -- the store

    def _burst(self) -> None:
        self.shop.live_an_hour(self.dice.randrange(36))
        self.happened["bursts"] += 1

    def _import(self) -> None:
        """An import changes products, which are hundreds of events within two minutes."""
        for row in self.store.rows("products"):
            for n in range(4):
                self.store.edit_product(row["id"], price=float(n + 1), description=f"imported {self.seconds:.0f}")
        self.happened["imports"] += 1

    def _switch_off(self) -> None:
        for row in self.store.rows("webhooks"):
            if row["scope"] in ("store/product/updated", "store/order/created"):
                self.store.edit("webhooks", row["id"], is_active=False)

    def _wipe(self) -> None:
        for row in self.store.rows("webhooks"):
            if row["scope"] in ("store/product/updated", "store/order/updated"):
                self.store.edit("webhooks", row["id"], headers={})

    # -- Airflow

    def _probe(self, destination: str, body: bytes, headers: Any) -> int:
        if not self.api.is_up():
            raise BigCommerceError(f"The address {destination} cannot be reached.")
        return self.api.post(destination, body, headers)

    def _ensure(self) -> None:
        """The hourly task."""
        hour = (self.seconds - self.begin) / HOUR
        self._at(self.seconds + self.plan.ensured_again(hour) * HOUR, self._ensure)
        if self.seconds < self._scheduler_up_at:
            return
        try:
            self.healed += [each["why"] for each in self.ensure.execute({})["healed"]]
            self.happened["ensured"] += 1
        except BigCommerceError:
            self.happened["not ensured"] += 1

    def _queue(self) -> None:
        self.is_queued = True

    def _tick(self) -> None:
        """The scheduler's loop, as often as something can have come: one run at a time, as ``max_active_runs=1`` makes it."""
        self._at(self.seconds + (MINUTE if self.runs or self.is_queued else 5 * MINUTE), self._tick)
        if self.seconds < self._scheduler_up_at:
            return
        if not self.runs:
            if self.seconds >= self._clock_at:
                self._clock_at += self.plan.clock_every * HOUR
                self.runs.append(Run(f"run_{next(self._run_numbers)}", "scheduled", list(self.plan.resources)))
            elif self.is_queued:
                self.is_queued = False  # what comes from now on makes another run
                self.runs.append(Run(f"run_{next(self._run_numbers)}", "asset_triggered", list(self.plan.resources)))
        if self.runs and self._try(self.runs[0]):
            self.runs.clear()

    def _try(self, run: Run) -> bool:
        """Execute the tasks that have not ended; webhooks arrive between them. Tells whether the run has ended."""
        for name in list(run.waiting):
            task = self.tasks[name]
            base = self.warehouse.airflow.context(run.run_id, task.task_id, try_number=run.tries)
            kept = self.logs[changes_asset(STORE, "orders").uri].state
            # The worker dies with its scheduler, when the rows are committed and the cursor is not.
            kept.fails = int(self._kills_next_run and run.kind == "asset_triggered" and name == "orders")
            try:
                manifest = task.execute(self.logs.context(base, run_type=run.kind))
                self.happened[f"{run.kind} rows"] += manifest["rows"]
            except AirflowSkipException:
                self.happened["skipped"] += 1
            except ConnectionError:
                assert self._kills_next_run
                self._kills_next_run = False
                self._scheduler_up_at = self.seconds + 10 * MINUTE
                run.tries += 1
                self.happened["schedulers killed"] += 1
                return False
            kept.fails = 0
            run.waiting.remove(name)
            self.seconds += 1.0
            self.store.webhooks.deliver(self.seconds)
        self.happened[f"runs {run.kind}"] += 1
        return True

    async def _wait(self, seconds: float) -> None:
        self.seconds += seconds

    def _plan_scheduler_kill(self) -> None:
        self._kills_next_run = True

    def _outage(self) -> None:
        self.api.stay_down(HOUR)
        self._scheduler_up_at = self.seconds + HOUR

    # -- what came of it

    def lost(self) -> set[tuple[str, str]]:
        """What the API server answered and Airflow does not have."""
        return self.api.promised(self.sandbox.store_hash) - self.api.told()

    def compared(self) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
        """Each table against the store: its name, where it differs by the test's own eyes, and what the reconcile operator says."""
        for resource in self.plan.resources:
            [key] = CATALOG[resource].primary_key
            rows = rows_of(self.warehouse, resource, key)
            here = {name: row for name, row in rows.items() if row.get("_deleted_at") is None}
            operator = BigCommerceReconcileOperator(task_id="prove", resource=resource, conn_id=CONN_ID, sample=None, on_mismatch="warn")
            yield resource, differences(self._shown(resource), here, key), operator.execute({})

    def _shown(self, resource: str) -> list[dict[str, Any]]:
        if resource != "order_products":
            return shown(self.sandbox, resource)
        return [row for order in shown(self.sandbox, "orders") for row in self.sandbox.listed(f"/v2/orders/{order['id']}/products")]
