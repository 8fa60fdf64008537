"""A real Airflow with a live copy, on PostgreSQL and LocalExecutor: how long a change takes, what a burst costs, what the receiver takes.

The store is the sandbox, in the process that measures; Airflow's parts run beside it. Metadata and the copy are two databases of one
PostgreSQL server, which this starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import psutil

from airflow_provider_bigcommerce.core.webhooks import Secrets
from airflow_provider_bigcommerce.sandbox.deliveries import Courier, signature
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.running import TOKEN
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.airflow_server import AirflowServer, until
from tests.postgres import PostgresServer, running_postgres

CONN_ID: Final = "bigcommerce_default"
DAG_ID: Final = "live"
_CLIENT_SECRET: Final = "the-client-secret"
#: Seconds after which what is waited for will not come.
LIMIT: Final = 900.0
#: Between two looks at the table; seconds are exact to this.
EVERY: Final = 0.1
#: The clock's run is once a year: only the first one, when the DAG is unpaused.
_DAG: Final = """
from datetime import datetime
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

schedule = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 3 1 1 *", timezone="UTC"), assets=changes("products"))
with DAG("live", start_date=datetime(2026, 1, 1), schedule=schedule, catchup=False, max_active_runs=1):
    bigcommerce_sync(["products"], to=Tables("warehouse"), live=True)
"""


def load() -> float:
    """Processes that ran or wanted to, as a mean of the last minute."""
    return round(os.getloadavg()[0], 1)


@dataclass
class Live:
    """A store, a table, and an Airflow's settings; started and stopped by whoever measures.

    :param home: of Airflow.
    :param store: of products.
    :param server: PostgreSQL.
    :param metadata: name of Airflow's database.
    :param warehouse: likewise of the copy's.
    :param env: Airflow's settings.
    """

    home: Path
    store: Store
    server: PostgresServer
    metadata: str
    warehouse: str
    env: dict[str, str]

    def airflow(self, component: Any = "standalone") -> AirflowServer:
        """An Airflow in this home; the DAG is known to it."""
        return AirflowServer(self.home, self.env, self.home / "dags", component=component)

    def hooks_to(self, url: str) -> None:
        """Send webhooks of products there, as ``webhooks ensure`` makes them."""
        headers = {"X-Airflow-BigCommerce": Secrets(self.store.store_hash, TOKEN, _CLIENT_SECRET).header}
        for scope in ("store/product/created", "store/product/updated", "store/product/deleted"):
            destination = f"{url}/bigcommerce/webhooks/{CONN_ID}"
            self.store.add("webhooks", scope=scope, destination=destination, headers=headers, is_active=True)

    def unpause(self) -> bool:
        """Let the DAG's runs start, as soon as Airflow knows it; without asking Airflow, whose API server is measured."""
        with self.server.connect(self.metadata) as airflow:
            done = airflow.execute("UPDATE dag SET is_paused = false WHERE dag_id = %s AND NOT is_stale", [DAG_ID])
        return bool(done.rowcount == 1)

    def ended(self) -> int:
        """Runs that ended well; 0 while one is under way. Likewise.

        :raises RuntimeError: one failed.
        """
        with self.server.connect(self.metadata) as airflow:
            states = dict(airflow.execute("SELECT state, count(*) FROM dag_run WHERE dag_id = %s GROUP BY state", [DAG_ID]).fetchall())
        if states.get("failed"):
            raise RuntimeError(f"A run failed; the logs are in {self.home / 'logs'}.")
        return int(states["success"]) if set(states) == {"success"} else 0

    def names(self, pattern: str) -> int:
        """Rows of the copy whose name is like that."""
        with self.server.connect(self.warehouse) as table:
            found = table.execute("SELECT count(*) FROM products WHERE name LIKE %s", [pattern]).fetchone()
        return int(found[0]) if found else 0


@contextlib.contextmanager
def live(products: int) -> Iterator[Live]:
    """A store with that many products, and a place for its copy."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not programs:
        raise RuntimeError("PostgreSQL is needed: apt-get install postgresql (Debian), dnf install postgresql-server.")
    store = Store(seed=1, products=products, orders=1, customers=1, tokens={TOKEN: None}, quota=Quota.parse("150/30"))
    store.webhooks.client_secret, store.webhooks.parallel = _CLIENT_SECRET, 64
    with tempfile.TemporaryDirectory(prefix="bigcommerce-events-") as name, running_postgres(programs[0]) as server:
        home = Path(name)
        (home / "dags").mkdir()
        (home / "dags" / "live.py").write_text(_DAG)
        metadata, warehouse = server.new_database(), server.new_database()
        place = f"{server.user}@{server.host}:{server.port}"
        copy = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": warehouse}
        with ThreadedServer(Server(store)) as sandbox:
            env = {
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{place}/{metadata}",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{place}/{metadata}",
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS": CONN_ID,
                "AIRFLOW__BIGCOMMERCE__WEBHOOK_SIGNATURE": "required",
                "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(connection(sandbox, TOKEN, client_secret=_CLIENT_SECRET)),
                "AIRFLOW_CONN_WAREHOUSE": json.dumps(copy),
            }
            yield Live(home, store, server, metadata, warehouse, env)


# -- from a change to its row, and a burst


def arrivals_and_burst(*, tries: int, burst: int, seconds: float) -> dict[str, Any]:
    """Single changes, one after the other; then many in a minute. One Airflow.

    :param tries: how many single changes.
    :param burst: how many products change at once.
    :param seconds: within which they change.
    """
    with live(burst) as place, place.airflow().start(600) as airflow, Courier(place.store.webhooks, place.store.clock):
        place.hooks_to(airflow.url)
        until(place.unpause, "the DAG", LIMIT)
        until(lambda: place.ended() == 1, "the run that fills the table", LIMIT)
        found = {"arrival": _arrivals(place, tries)}
        print(json.dumps(found), flush=True)
        return {**found, "burst": _burst(place, burst, seconds)}


def _arrivals(place: Live, tries: int) -> dict[str, Any]:
    before, found = load(), []
    ids = place.store.tables["products"].ids()
    for number in range(tries + 1):
        began = time.monotonic()
        place.store.edit_product(ids[number], name=f"arrival {number}")
        _until(lambda number=number: place.names(f"arrival {number}") == 1, "the row of a change")
        found.append(time.monotonic() - began)
        print(f"  change {number}: {found[-1]:.2f} s", flush=True)
        until(place.ended, "the end of its run", LIMIT, every=1)
    first, *others = found  # the first one starts a worker
    return {
        "tries": tries,
        "first": first,
        "median": statistics.median(others),
        "p95": statistics.quantiles(others, n=20, method="inclusive")[-1],
        "best": min(others),
        "worst": max(others),
        "load": [before, load()],
    }


def _until(held: Callable[[], bool], what: str) -> None:
    until(held, what, LIMIT, every=EVERY)


def _burst(place: Live, count: int, seconds: float) -> dict[str, Any]:
    store, before, runs = place.store, load(), place.ended()
    ids = store.tables["products"].ids()[:count]
    time.sleep(30)  # requests before are out of the quota's window
    store.requests.clear()
    store.webhooks.attempts.clear()
    began = time.monotonic()
    for number, key in enumerate(ids):
        if (wait := began + number * seconds / count - time.monotonic()) > 0:
            time.sleep(wait)
        with store.lock:
            store.edit_product(key, name=f"burst {number}")
    last_change = time.monotonic()
    until(lambda: place.names("burst %") == count, "the rows of the burst", LIMIT, every=0.2)
    applied = time.monotonic()
    until(place.ended, "the end of the runs", LIMIT, every=1)
    asked: Counter[str] = Counter()
    for entry in store.requests:
        if ids_in := re.search(r"(?:^|&)id:in=([^&]*)", unquote(entry.query)):
            asked.update(ids_in[1].split(","))
    attempts = store.webhooks.attempts
    return {
        "changes": count,
        "changed_in": last_change - began,
        "webhooks": len(attempts),
        "refused": sum(not attempt.is_success for attempt in attempts),
        "requests": len(store.requests),
        "throttled": sum(entry.status == 429 for entry in store.requests),
        "runs": place.ended() - runs,
        "read_once": sum(asked[str(key)] == 1 for key in ids),
        "read_more": sum(asked[str(key)] > 1 for key in ids),
        "applied_after": applied - last_change,
        "load": [before, load()],
    }


# -- the receiver


def receiver(*, webhooks: int, at_once: int) -> dict[str, Any]:
    """What an API server with one worker takes of webhooks that are sent as fast as it answers, and what they cost it.

    :param webhooks: how many.
    :param at_once: connections; each webhook has one of its own.
    """
    with live(100) as place:
        server = place.airflow("api-server")
        server.prepare()
        server.airflow("dags", "reserialize")
        with server.start(600):
            before = load()
            asyncio.run(_send(place, server, 300, at_once, CONN_ID))  # imports, connections, prepared statements
            found = {name: _one(place, server, webhooks, at_once, conn_id) for name, conn_id in (("taken", CONN_ID), ("refused", "nobody"))}
            return {**found, "at_once": at_once, "load": [before, load()]}


def _one(place: Live, server: AirflowServer, count: int, at_once: int, conn_id: str) -> dict[str, Any]:
    cpu, began = cpu_seconds(server.pid), time.monotonic()
    statuses, seconds = asyncio.run(_send(place, server, count, at_once, conn_id))
    took = time.monotonic() - began
    return {
        "webhooks": count,
        "statuses": {str(status): number for status, number in sorted(Counter(statuses).items())},
        "a_second": count / took,
        "cpu_ms": 1000 * (cpu_seconds(server.pid) - cpu) / count,
        "median_ms": 1000 * statistics.median(seconds),
        "p99_ms": 1000 * statistics.quantiles(seconds, n=100, method="inclusive")[-1],
    }


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used of CPU."""
    parent = psutil.Process(pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


async def _send(place: Live, server: AirflowServer, count: int, at_once: int, conn_id: str) -> tuple[list[int], list[float]]:
    """Signed webhooks of products, so many at once: statuses and seconds."""
    import aiohttp

    header = {"X-Airflow-BigCommerce": Secrets(place.store.store_hash, TOKEN, _CLIENT_SECRET).header, "Content-Type": "application/json"}
    todo, statuses, seconds = iter(range(count)), [], []
    url = f"{server.url}/bigcommerce/webhooks/{conn_id}"

    async def one_after_the_other(session: aiohttp.ClientSession) -> None:
        for number in todo:
            body = place.store.webhooks.body("store/product/updated", {"type": "product", "id": 1_000 + number})
            signed = signature(_CLIENT_SECRET, f"msg_{number}", int(time.time()), body)
            began = time.monotonic()
            async with session.post(url, data=body, headers={**header, **signed}) as answer:
                await answer.read()
            seconds.append(time.monotonic() - began)
            statuses.append(answer.status)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
        await asyncio.gather(*(one_after_the_other(session) for _ in range(at_once)))
    return statuses, seconds
