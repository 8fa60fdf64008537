"""The demo's live copy: a price is changed in the store, its webhook reaches Airflow, and the run that it starts brings the row."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.demo.airflow_server import DemoAirflow
from tests.demo.processes import DemoError
from tests.demo.screen import Screen
from tests.demo.shop import Shop

HERE = Path(__file__).resolve().parent
DAG = "bigcommerce_live_products"
PRODUCTS = "/v3/catalog/products"

#: A change takes 3 s on two cores; this is for a slow machine.
ARRIVAL_SECONDS = 60.0
#: Likewise, of the run that fills the table: 5 s.
FILL_SECONDS = 300.0
#: Between two looks at the table. The seconds that are told are exact to this.
EVERY = 0.05


def environment(folder: Path, dags: Path, conn_id: str) -> dict[str, str]:
    """What the demo's Airflow must know: its DAGs and ours, where the table is, and whose webhooks it receives.

    :param folder: of the table's database.
    :param dags: the folder of the other DAGs.
    :param conn_id: connection id of the store.
    """
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    folders = {"dags": dags, "demo": HERE / "dags"}
    bundles = [{"name": name, "classpath": local, "kwargs": {"path": str(path)}} for name, path in folders.items()]
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",  # or no event starts a run; the policy takes the other DAGs' schedules
        "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS": conn_id,
        "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(database(folder))}),
    }


def database(folder: Path) -> Path:
    """The SQLite database of the live copy."""
    return folder / "live.db"


class Live:
    """One part of the demo.

    :param airflow: runs the DAG and receives webhooks.
    :param screen: shows it.
    :param shop: whose products they are.
    :param folder: of the table's database.
    :param conn_id: connection id of the store.
    """

    def __init__(self, airflow: DemoAirflow, screen: Screen, shop: Shop, folder: Path, conn_id: str) -> None:
        self.airflow = airflow
        self.screen = screen
        self.shop = shop
        self.database = database(folder)
        self.conn_id = conn_id

    def prepare(self) -> None:
        """Give Airflow its policy, before it starts."""
        config = self.airflow.home / "config"
        config.mkdir(exist_ok=True)
        shutil.copy(HERE / "config" / "airflow_local_settings.py", config)

    def tell(self) -> None:
        """Fill the table, make the webhooks, change a price, wait for it."""
        destination = f"{self.airflow.url}/bigcommerce/webhooks/{self.conn_id}"
        with self.screen.step(f"Webhooks of the store to {destination} (airflow-bigcommerce webhooks ensure products)"):
            self._make_webhooks(destination)
        with self.screen.step(f"The DAG {DAG} copies the products into {self.database}, by the clock"):
            self.airflow.unpause(DAG)
            self._wait(lambda: len(self._runs("success")) == 1, FILL_SECONDS, f"The first run of {DAG} did not end well")
        before = self.prices()
        key = sorted(before)[100]
        price = round(before[key] + 7.01, 2)

        self.shop.forget_requests()
        began = time.monotonic()
        self.shop.change({"edit_products": [{"id": key, "price": price}]})
        arrived = self._wait(lambda: self.prices(key) == {key: price}, ARRIVAL_SECONDS, f"The new price of product {key} did not arrive")
        seconds = arrived - began
        self.screen.say(
            f"Product {key} costs {price:,.2f} instead of {before[key]:,.2f}: "
            f"[bold]{seconds:.1f} s after the change in the store it is in the table[/bold]"
        )
        self._check(key, price, before)

    def _check(self, key: int, price: float, before: Mapping[int, float]) -> None:
        self._wait(lambda: len(self._runs("success")) == 2, ARRIVAL_SECONDS, f"The second run of {DAG} did not end well")
        after = self.prices()
        self.screen.check(
            f"the table has the store's {len(before):,} products, and this price alone is another",
            len(before) == self.shop.counts()["products"] and after == {**before, key: price},
            sorted(set(after.items()) ^ set(before.items())) or f"{len(before)} products",
        )
        kinds = sorted(run["run_type"] for run in self._runs("success"))
        self.screen.check("the webhook started the run that brought it", kinds == ["asset_triggered", "scheduled"], kinds)
        asked = [f"{entry['path']}?{entry['query']}" for entry in self.shop.access_log() if entry["path"] == PRODUCTS]
        of_it = len(asked) == 1 and f"id%3Ain={key}&" in f"{asked[0]}&".replace("id:in", "id%3Ain")
        self.screen.check(f"one request was sent for it, which asked for product {key} alone", of_it, asked)

    def _make_webhooks(self, destination: str) -> None:
        command = ["-m", "airflow_provider_bigcommerce.cli", "webhooks", "ensure", "products", "--destination", destination]
        done = subprocess.run(
            [sys.executable, *command, "--conn-id", self.conn_id],
            env=self.airflow.env, cwd=self.airflow.home, capture_output=True, text=True, timeout=FILL_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise DemoError(f"The webhooks could not be made:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def prices(self, *keys: int) -> dict[int, float]:
        """Price of each product in the table, or of these."""
        query = "SELECT id, price FROM products WHERE _deleted_at IS NULL"
        if keys:
            query += f" AND id IN ({', '.join(map(str, keys))})"
        with contextlib.closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=30)) as table:
            return {key: float(price) for key, price in table.execute(query)}

    def _runs(self, state: str) -> list[dict[str, Any]]:
        found = self.airflow.runs(DAG)
        if failed := [run["dag_run_id"] for run in found if run["state"] == "failed"]:
            raise DemoError(f"The run {failed[0]} of {DAG} failed; its log is in {self.airflow.home / 'logs'}.")
        return [run for run in found if run["state"] == state]

    def _wait(self, held: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait until it holds, and tell when that was.

        :raises DemoError: it did not come to hold within that time.
        """
        deadline = time.monotonic() + seconds
        while not held():
            self.airflow.programs.check()
            if time.monotonic() > deadline:
                raise DemoError(f"{what} within {seconds:.0f} s; Airflow's own words are in {self.airflow.home.parent / 'logs'}.")
            time.sleep(EVERY)
        return time.monotonic()
