"""The demo's second act: prices from a table go into the store after a person has approved them, are read back and taken back; then stock.

With ``ONCE=1`` the demo itself answers, over Airflow's REST API as the buttons in its UI do; otherwise it waits for a person.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.markdown import Markdown

from tests.demo.airflow_server import DemoAirflow
from tests.demo.picture import picture_question
from tests.demo.processes import DemoError
from tests.demo.screen import Screen
from tests.demo.shop import Shop

PRICES, STOCK = "bigcommerce_prices", "bigcommerce_stock"

#: Products whose prices change: as many as one can look at.
CHANGED = 8


class Writing:
    """One part of the demo.

    :param airflow: runs the DAGs.
    :param shop: the store.
    :param screen: shows it.
    :param folder: of the table, the warehouse's files, plans and outcomes.
    :param seconds: after which a run that has not ended is given up.
    """

    def __init__(self, airflow: DemoAirflow, shop: Shop, screen: Screen, folder: Path, seconds: float) -> None:
        self.airflow = airflow
        self.shop = shop
        self.screen = screen
        self.folder = folder
        self.seconds = seconds
        self.picture: Path | None = None  # where one of the question goes

    @staticmethod
    def environment(folder: Path) -> dict[str, str]:
        """What the two example DAGs must know."""
        return {
            "AIRFLOW_CONN_ERP": json.dumps({"conn_type": "sqlite", "host": str(folder / "erp.db")}),
            "BIGCOMMERCE_REPORT_PATH": str(folder / "reports"),
            "BIGCOMMERCE_STOCK_PATH": str(folder / "stock"),
        }

    def tell(self, *, once: bool) -> None:
        """Plan, approve, apply, read back, undo; then stock.

        :param once: answer the question here; otherwise a person does.
        """
        self.folder.mkdir()
        before, new = self._fill_table()
        applied = self._change(before, new, once)
        self._undo(before, applied["manifest"])
        self._bring_stock()

    # -- prices -----------------------------------------------------------------------------------------------------------------

    def _fill_table(self) -> tuple[dict[str, float], dict[str, float]]:
        """(the store's prices, those of the table), by SKU."""
        before = {row["sku"]: float(row["price"]) for row in self.shop.rows("/v3/catalog/products", limit=CHANGED, sort="id")}
        new = {sku: round(price * 1.05, 2) for sku, price in before.items()}
        with closing(sqlite3.connect(self.folder / "erp.db")) as erp, erp:
            erp.execute("CREATE TABLE prices (sku TEXT PRIMARY KEY, price REAL)")
            erp.executemany("INSERT INTO prices VALUES (?, ?)", new.items())
        self.screen.say(f"The table prices in {self.folder / 'erp.db'} has new prices of {len(new)} products, five percent higher")
        return before, new

    def _change(self, before: Mapping[str, float], new: Mapping[str, float], once: bool) -> dict[str, Any]:
        """The run that a person approves; what its task apply returned."""
        self.airflow.unpause(PRICES)
        while True:
            self.shop.forget_requests()
            with self.screen.step(f"The DAG {PRICES} compares the table with the store, and plans the change"):
                run = self.airflow.trigger(PRICES)
                self._until(PRICES, run, lambda states, run=run: "approve" in states and self.airflow.waits_for_a_person(PRICES, run))
            question = self.airflow.api("GET", f"dags/{PRICES}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails")
            self.screen.say("The task approve waits for a person, in no worker slot. This is the question:")
            self.screen.console.print(Markdown(question["body"]), width=110)
            writes = self._writes()
            if self.picture:
                picture_question(self.airflow, _page(run), self.picture)
            if self._is_approved(run, once):
                break
            self._until(PRICES, run)
            if self._writes():
                raise DemoError("The plan was rejected, and the store got writes.")
            self.screen.say("You rejected the plan: nothing was sent. Once more, so that you see what Approve does.")
        with self.screen.step("Approved: the plan is sent, then the table is compared with the store once more"):
            states = self._until(PRICES, run)
        self._require(PRICES, run, states)
        applied, read_back = (self.airflow.returned(PRICES, run, task) for task in ("apply", "read_back"))
        now = self._prices(new)
        self.screen.table(
            "Prices in the store",
            ["sku", "before", "in the table", "in the store now"],
            [[sku, f"{before[sku]:.2f}", f"{price:.2f}", f"{now[sku]:.2f}"] for sku, price in new.items()],
        )
        self.screen.check("nothing was written while nobody had answered", not writes, writes)
        told = (applied["counts"], bool(applied["approved_by"]))
        self.screen.check(
            f"each of the {len(new)} rows was updated, and it is told who approved it", told == ({"updated": len(new)}, True), told
        )
        self.screen.check("the store has the prices of the table", now == new, now)
        counts = read_back["counts"]
        self.screen.check("compared again, nothing is left to change", counts == {"input": len(new), "unchanged": len(new)}, counts)
        return dict(applied)

    def _is_approved(self, run: str, once: bool) -> bool:
        """The person's answer, as soon as there is one."""
        details = f"dags/{PRICES}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
        if once:
            self.airflow.api("PATCH", details, {"chosen_options": ["Approve"], "params_input": {}})
            return True
        user, password = self.airflow.username, self.airflow.password
        self.screen.say("[bold]Approve or reject it in your browser; the demo waits for you:[/bold]")
        self.screen.say(f"  {self.airflow.url}{_page(run)}")
        self.screen.say(f"  user [bold]{user}[/bold], password [bold]{password}[/bold]")
        while not (answer := self.airflow.api("GET", details)).get("response_received"):
            self.airflow.programs.check()
            time.sleep(0.5)
        return bool(answer["chosen_options"] == ["Approve"])

    def _undo(self, before: Mapping[str, float], outcome: str) -> None:
        """Take it back on the command line."""
        with self.screen.step("The change is undone: airflow-bigcommerce write undo ..., then write apply ..."):
            planned = self._command("undo", outcome)
            undone = self._command("apply", planned["manifest"], "--yes")
        counts = undone["counts"]
        self.screen.check("every row could be taken back", counts == {"updated": len(before)} and not planned["cannot"], counts)
        now = self._prices(before)
        self.screen.check("the store has its old prices again", now == before, now)

    def _command(self, verb: str, *arguments: str) -> dict[str, Any]:
        """What ``airflow-bigcommerce write`` prints."""
        command = [Path(sys.executable).parent / "airflow-bigcommerce", "write", verb, *arguments, "--json"]
        return dict(json.loads("".join(self.airflow.programs.lines(f"write-{verb}", command, self.airflow.env, self.folder))))

    def _prices(self, skus: Mapping[str, float]) -> dict[str, float]:
        rows = self.shop.rows("/v3/catalog/products", **{"sku:in": ",".join(skus)})
        return {row["sku"]: float(row["price"]) for row in rows}

    def _writes(self) -> list[str]:
        """Requests since the last question that may change something."""
        return [f"{entry['method']} {entry['path']}" for entry in self.shop.access_log() if entry["method"] != "GET"]

    # -- stock ------------------------------------------------------------------------------------------------------------------

    def _bring_stock(self) -> None:
        products = self.shop.rows("/v3/catalog/products", limit=50, sort="id")
        sku = next(row["sku"] for row in products if row["inventory_tracking"] == "product")
        location, there = self._lies(sku)
        counted = there + 17
        folder = self.folder / "stock" / "in"
        folder.mkdir(parents=True)
        with (folder / "count.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("sku", "location_code", "quantity"), (sku, location, counted), ("NOBODY-KNOWS", location, 1)])
        self.screen.say(
            f"The warehouse counted {counted} of {sku} where the store has {there}; one row is of an article that the store lacks"
        )
        self.airflow.unpause(STOCK)
        with self.screen.step(f"The DAG {STOCK}, which runs every hour, brings it"):
            run = self.airflow.trigger(STOCK)
            states = self._until(STOCK, run)
        self._require(STOCK, run, states)
        now = self._lies(sku)[1]
        self.screen.check(f"the store has {counted} of {sku}", now == counted, now)
        told = self.airflow.returned(STOCK, run, "stock")["counts"]
        self.screen.check("the other row is told to be rejected, and stopped nothing", told == {"updated": 1, "rejected": 1}, told)

    def _lies(self, sku: str) -> tuple[str, int]:
        """(the first location, what lies there)."""
        [item] = self.shop.rows("/v3/inventory/items", **{"sku:in": sku})
        location = item["locations"][0]
        return location["location_code"], int(location["total_inventory_onhand"])

    # -- runs -------------------------------------------------------------------------------------------------------------------

    def _until(self, dag_id: str, run: str, arrived: Callable[[dict[str, str]], bool] | None = None) -> dict[str, str]:
        """The states of a run's tasks, as soon as they are as wanted, or the run has ended.

        :raises DemoError: it takes too long, or ended before.
        """
        deadline = time.monotonic() + self.seconds
        while True:
            state = self.airflow.run_state(dag_id, run)
            states = {task["task_id"]: task["state"] or "waiting" for task in self.airflow.task_instances(dag_id, run)}
            has_ended = state in ("success", "failed")
            if arrived(states) if arrived else has_ended:
                return states
            if has_ended or time.monotonic() > deadline:
                raise DemoError(f"The run {run} of {dag_id} is {state}; its tasks: {states}.")
            self.airflow.programs.check()
            time.sleep(0.5)

    def _require(self, dag_id: str, run: str, states: Mapping[str, str]) -> None:
        wrong = [task for task, state in states.items() if state != "success"]
        if wrong:
            log = "\n".join(self.airflow.task_log(dag_id, run, wrong[0])[-15:])
            raise DemoError(f"The tasks {', '.join(wrong)} of the run {run} of {dag_id} did not succeed. The log of the first:\n{log}")


def _page(run: str) -> str:
    """Where Airflow's UI shows the question of a run."""
    return f"/dags/{PRICES}/runs/{run}/tasks/approve/required_actions"
