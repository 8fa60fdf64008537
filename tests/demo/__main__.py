"""The story of `make demo`, told and checked step by step.

``ONCE=1`` in the environment ends it after the last check, with exit status 0 only if every check held. ``--screenshot FILE`` takes a
picture of the finished DAG for the README, ``--question FILE`` one of the question to a person (both need Chromium and the test extra).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import IO, Any

import duckdb
from cryptography.fernet import Fernet

from airflow_provider_bigcommerce.core.catalog import CATALOG
from tests.demo.airflow_server import DemoAirflow
from tests.demo.live import Live
from tests.demo.live import environment as live_environment
from tests.demo.month import Month
from tests.demo.picture import picture_grid
from tests.demo.processes import DemoError, Programs
from tests.demo.proof import Proof
from tests.demo.screen import Screen, TaskLine
from tests.demo.shop import Shop, date_filter
from tests.demo.writing import Writing
from tests.house.leaks import find_leaks

PROJECT = Path(__file__).resolve().parent.parent.parent
DAG = "bigcommerce_sync"
CONNECTION = "bigcommerce_default"

#: A run takes 15 s on two cores; this is for a slow machine, and ends a demo whose tasks wait for a retry.
RUN_SECONDS = 600.0

#: The lists with a date filter, which the second run must read by their changes alone.
INCREMENTAL = ("products", "customers", "orders")

TOP_PRODUCTS = """\
WITH newest AS (
    FROM read_parquet('{files}/orders/run=*/part-*.parquet')
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY _synced_at DESC) = 1
), lines AS (
    SELECT unnest(flatten([box.line_items FOR box IN consignments.shipping])) AS line FROM newest
)
SELECT line.name AS product, sum(line.quantity) AS sold, sum(line.total_inc_tax) AS revenue
FROM lines GROUP BY ALL ORDER BY revenue DESC LIMIT 5"""


@dataclass(frozen=True)
class Run:
    """A finished DAG run and what its tasks returned: resource -> manifest."""

    run_id: str
    manifests: Mapping[str, Mapping[str, Any]]

    def total(self, field: str) -> int:
        """The sum of a number over all manifests."""
        return sum(int(manifest[field]) for manifest in self.manifests.values())


class Demo:
    """One demo from its folder to its end."""

    def __init__(self, folder: Path, screen: Screen, *, once: bool) -> None:
        self.folder = folder
        self.once = once
        self.files = folder / "files"
        self.screen = screen
        for part in ("airflow", "logs", "files"):
            (folder / part).mkdir(parents=True)
        self.programs = Programs(folder / "logs")
        self.shop = Shop(self.programs, folder)
        ours = {"BIGCOMMERCE_SYNC_PATH": str(self.files), "PYTHONUNBUFFERED": "1"}
        environment = {**ours, **Writing.environment(folder / "writing"), **live_environment(folder, PROJECT / "dags", CONNECTION)}
        self.airflow = DemoAirflow(folder / "airflow", PROJECT / "dags", self.programs, environment)
        self.writing = Writing(self.airflow, self.shop, screen, folder / "writing", RUN_SECONDS)
        self.live = Live(self.airflow, screen, self.shop, folder, CONNECTION)
        self.month = Month(self.programs, screen, folder / "month", self.airflow.env)

    # -- the story --------------------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Everything up to the last check."""
        self.screen.heading("1. A store and an Airflow")
        self._start()
        self.screen.heading("2. The first run reads everything")
        first = self._run()
        self._check_first(first)
        self.screen.heading("3. A question to the files: which products bring the most?")
        self._ask()
        self.screen.heading("4. Life in the store goes on")
        changed = self._change_the_store(first)
        self.screen.heading("5. The second run reads the changes")
        second = self._run()
        self._check_second(second, changed)
        self.screen.heading("6. Proof: a row of the copy is damaged, found and repaired")
        Proof(self.airflow, self.screen, self.files, RUN_SECONDS).tell([file["path"] for file in first.manifests["orders"]["files"]])
        self.screen.heading("7. Live: a price is changed in the store, and seconds later it is in a table")
        self.live.tell()
        self.screen.heading("8. The other way: a person approves new prices, they go into the store and are taken back; then stock")
        self.writing.tell(once=self.once)
        self.screen.heading("9. Five days, hour by hour: outages, killed runs, a backfill, a schema change")
        self.month.tell()
        self.screen.heading("10. The access token and the client secret stayed where they belong")
        self._check_secrets()

    def _start(self) -> None:
        with self.screen.step("A BigCommerce store on localhost"):
            self.shop.start()
        counts = self.shop.counts()
        self.screen.say(
            ", ".join(f"{counts[name]:,} {name.replace('_', ' ')}" for name in ("products", "product_variants", "customers", "orders"))
        )
        for name, (usual, port) in self.airflow.moved_ports.items():
            self.screen.say(f"[yellow]Port {usual} is taken: {name} is on {port}[/yellow]")
        with self.screen.step("Airflow's database"):
            self.airflow.prepare()
            self.live.prepare()
        with self.screen.step(f"Connection {CONNECTION}"):
            self.airflow.import_connection(CONNECTION, self.shop.connection)
        with self.screen.step(f"Airflow at {self.airflow.url} (airflow standalone: SQLite, LocalExecutor)"):
            self.airflow.bring_up(DAG)
        self.airflow.unpause(DAG)

    def _run(self) -> Run:
        self.shop.forget_requests()
        run_id = self.airflow.trigger(DAG)
        deadline = time.monotonic() + RUN_SECONDS
        state = self.screen.watch(lambda: self._look(run_id, deadline))
        if state != "success":
            raise DemoError(self._why_it_failed(run_id))
        manifests = {}
        for task in self._transfers(run_id):
            manifest = self.airflow.returned(DAG, run_id, task["task_id"], task["map_index"])
            manifests[manifest["resource"]] = manifest
        run = Run(run_id, manifests)
        self.screen.table(
            "What it brought",
            ["resource", "mode", "rows", "files", "bytes", "seconds", "requests", "429s", "watermark"],
            [
                [
                    name, manifest["mode"], manifest["rows"], len(manifest["files"]), sum(file["bytes"] for file in manifest["files"]),
                    float(manifest["seconds"]), manifest["requests"], manifest["throttled"], manifest["watermark"],
                ]
                for name, manifest in manifests.items()
            ],
        )  # fmt: skip
        return run

    def _look(self, run_id: str, deadline: float) -> tuple[str, list[TaskLine]]:
        """The run's state, its tasks, and how far each has come as the store's access log tells it."""
        self.programs.check()
        if time.monotonic() > deadline:
            raise DemoError(self._why_it_failed(run_id))
        state = self.airflow.run_state(DAG, run_id)
        log = self.shop.access_log()
        lines = []
        for task in self.airflow.task_instances(DAG, run_id):
            name = task["rendered_map_index"] or task["task_id"].rpartition(".")[2]  # without its group
            resource = CATALOG.get(name)
            pages = [entry for entry in log if resource and entry["path"] == resource.path and entry["status"] == 200]
            lines.append(
                TaskLine(
                    name, task["state"] or "waiting", sum(page["rows"] or 0 for page in pages), len(pages), float(task["duration"] or 0)
                )
            )
        return state, lines

    def _transfers(self, run_id: str) -> list[dict[str, Any]]:
        return [task for task in self.airflow.task_instances(DAG, run_id) if task["operator"] == "BigCommerceToObjectStorageOperator"]

    def _why_it_failed(self, run_id: str) -> str:
        failed = [task for task in self.airflow.task_instances(DAG, run_id) if task["state"] in ("failed", "up_for_retry")]
        text = f"The run {run_id} did not succeed within {RUN_SECONDS:.0f} s; Airflow's own words are in {self.folder / 'logs'}."
        for task in failed[:1]:
            log = self.airflow.task_log(DAG, run_id, task["task_id"], task["map_index"])
            text += f" The end of the log of {task['task_id']}:\n" + "\n".join(log[-15:])
        return text

    # -- checks -----------------------------------------------------------------------------------------------------------------

    def _check_first(self, run: Run) -> None:
        counts = self.shop.counts()
        for name in run.manifests:
            rows = self._rows_in_files(name, run)
            self.screen.check(f"{name}: the files hold the store's {counts[name]:,} rows, each once", rows == (counts[name],) * 2, rows)
        # The store's clock, asked once by each incremental task, is not part of the copy.
        requests = sum(entry["path"] != "/v2/time" for entry in self.shop.access_log())
        told = run.total("requests")
        self.screen.check(f"the manifests tell the {requests} requests that the store counted", told == requests, told)
        self.screen.check("every manifest is complete", all(manifest["complete"] for manifest in run.manifests.values()))

    def _rows_in_files(self, resource: str, run: Run) -> tuple[int, int]:
        """Rows in the run's files of a resource, and different keys among them."""
        files = [str(self.files / file["path"]) for file in run.manifests[resource]["files"]]
        if not files:
            return 0, 0
        (key,) = CATALOG[resource].primary_key
        return duckdb.execute(f"SELECT count(*), count(DISTINCT {key}) FROM read_parquet(?)", [files]).fetchone() or (0, 0)

    def _ids_in_files(self, resource: str, run: Run) -> list[int]:
        files = [str(self.files / file["path"]) for file in run.manifests[resource]["files"]]
        return [row[0] for row in duckdb.execute("SELECT id FROM read_parquet(?) ORDER BY id", [files]).fetchall()] if files else []

    def _ask(self) -> None:
        query = TOP_PRODUCTS.format(files=self.files)
        rows = duckdb.execute(query).fetchall()
        self.screen.table(
            "Top products by revenue",
            ["product", "sold", "revenue"],
            [[name, int(sold), revenue.quantize(Decimal("0.01"))] for name, sold, revenue in rows],
        )
        self.screen.check(
            "the answer has five products, the best first", len(rows) == 5 and rows == sorted(rows, key=lambda row: -row[2]), rows
        )

    def _change_the_store(self, first: Run) -> dict[str, list[int]]:
        product = self._ids_in_files("products", first)[76]
        customer = self._ids_in_files("customers", first)[32]
        edit = {"id": product, "name": "Renamed in the demo", "price": 12.5}
        changed = self.shop.change({"orders": 3, "edit_products": [edit], "move_customers": [customer]})
        ids = {
            "orders": sorted(changed["orders"]),
            "products": sorted(changed["edit_products"]),
            "customers": sorted(changed["move_customers"]),
        }
        self.screen.say(f"new orders: {', '.join(map(str, ids['orders']))}")
        self.screen.say(f"an edited product: {ids['products'][0]}")
        self.screen.say(f"a customer who moved: {ids['customers'][0]}")
        return ids

    def _check_second(self, run: Run, changed: Mapping[str, Sequence[int]]) -> None:
        rows = []
        for name in INCREMENTAL:
            entries, sent = self.shop.rows_sent(CATALOG[name].path)
            bounds = {bound for entry in entries if (bound := date_filter(entry))}
            rows.append([name, len(entries), ", ".join(sorted(bounds)) or "no date filter", sent, len(changed[name])])
        self.screen.table("The store's own access log", ["list", "requests", "changed since", "rows sent", "rows changed"], rows)
        for name, _, _, sent, expected in rows:
            self.screen.check(
                f"{name}: of {self.shop.counts()[str(name)]:,} rows the store sent the {expected} that changed", sent == expected, sent
            )
        for name in INCREMENTAL:
            found = self._ids_in_files(name, run)
            self.screen.check(
                f"{name}: the new file holds {', '.join(map(str, changed[name]))} and nothing else", found == list(changed[name]), found
            )

    def _check_secrets(self) -> None:
        with self.screen.step("Searching logs, XComs, manifests, files and the metadata database, plain, base64 and URL-encoded"):
            leaks = find_leaks([self.folder], self.shop.secrets)
        self.screen.check("neither is found anywhere", not leaks, "\n".join(map(str, leaks)))
        stored = self._stored_connection()
        encrypted = all(secret in stored for secret in self.shop.secrets.values())
        self.screen.check("both are in the connection that Airflow keeps encrypted", encrypted)
        said = [
            process.name() for process in self.programs.alive() if any(s in " ".join(process.cmdline()) for s in self.shop.secrets.values())
        ]
        self.screen.check("neither is in a command line, where other users of the machine would see it", not said, said)
        planted = self.folder / "planted.log"
        planted.write_text(f"token: {self.shop.token}")
        found = find_leaks([self.folder], self.shop.secrets)
        planted.unlink()
        self.screen.check("the same search finds a leak that is planted", [leak.path for leak in found] == [planted], found)

    def _stored_connection(self) -> str:
        """The connection's extra, decrypted with Airflow's own key."""
        key = self.airflow.airflow("config", "get-value", "core", "fernet_key").strip().splitlines()[-1]
        with sqlite3.connect(f"{(self.folder / 'airflow' / 'airflow.db').as_uri()}?mode=ro", uri=True) as database:
            ((extra,),) = database.execute("SELECT extra FROM connection WHERE conn_id = ?", [CONNECTION]).fetchall()
        database.close()
        return Fernet(key.encode()).decrypt(extra.encode()).decode()

    # -- afterwards -------------------------------------------------------------------------------------------------------------

    def say_what_next(self) -> None:
        """Where everything is, and what to try."""
        user, password = self.airflow.username, self.airflow.password
        self.screen.heading("What next")
        self.screen.say(f"Airflow:   {self.airflow.url}   user [bold]{user}[/bold], password [bold]{password}[/bold]")
        self.screen.say(f"DAG:       {self.airflow.url}/dags/{DAG}")
        self.screen.say(f"Files:     {self.files}")
        self.screen.say(f"Tables:    {self.month.database} (SQLite), the five days' copy; {self.live.database}, the live one")
        self.screen.say(f"Store:     {self.shop.url}/stores/{self.shop.store_hash}/v3/catalog/products (the token is in the connection)")
        self.screen.say(f"Plans:     {self.folder / 'writing' / 'reports'}, what was planned, sent and undone, row by row")
        self.screen.say(f"Logs:      {self.folder / 'logs'}")
        self.screen.say("The question above, as SQL for DuckDB:")
        self.screen.console.print(
            "\n".join(f"    {line}" for line in TOP_PRODUCTS.format(files=self.files).splitlines()), markup=False, soft_wrap=True
        )


def take_folder() -> tuple[Path, IO[str]]:
    """An empty demo-data folder that no other demo uses, and the lock that says so."""
    for number in range(1, 100):
        folder = PROJECT / ("demo-data" if number == 1 else f"demo-data-{number}")
        folder.mkdir(exist_ok=True)
        lock = (folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
        return folder, lock
    raise DemoError("A hundred demos are running")


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End as after Ctrl-C."""
    raise KeyboardInterrupt


def promised_checks() -> set[int]:
    """How many checks the README and the quickstart promise."""
    readme = re.findall(r"checks (\d+) claims", " ".join((PROJECT / "README.md").read_text(encoding="utf-8").split()))
    quickstart = re.findall(r"All (\d+) checks held", (PROJECT / "docs" / "quickstart.md").read_text(encoding="utf-8"))
    return {int(number) for number in (*readme, *quickstart)}


def main() -> int:
    """Tell the story; 0 when every check held."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--screenshot", type=Path, help="write a picture of the finished DAG's grid to this file")
    parser.add_argument("--question", type=Path, help="write a picture of the question that a person is asked to this file")
    options = parser.parse_args()
    once = os.environ.get("ONCE", "") not in ("", "0")
    screen = Screen()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    folder, lock = take_folder()
    demo = Demo(folder, screen, once=once)
    demo.writing.picture = options.question and options.question.absolute()
    began = time.monotonic()
    code = 1
    try:
        demo.tell()
        if options.screenshot:
            picture_grid(demo.airflow, DAG, options.screenshot.absolute())
        failed = [claim for claim, held in screen.held if not held]
        if promised_checks() != {len(screen.held)}:
            failed.append("the README and the quickstart say how many checks there are")
            screen.say(f"There are {len(screen.held)} checks; the pages say {sorted(promised_checks())}.")
        code = 1 if failed else 0
        verdict = (
            f"[bold red]{len(failed)} of {len(screen.held)} checks failed[/bold red]"
            if failed
            else f"[green]All {len(screen.held)} checks held[/green]"
        )
        screen.console.print(f"\n{verdict}, {time.monotonic() - began:.0f} s, {datetime.now().astimezone():%H:%M}.")
        if not once:
            demo.say_what_next()
            screen.say("\n  Everything stays up until Ctrl-C.")
            while True:
                demo.programs.check()
                time.sleep(1)
    except KeyboardInterrupt:
        screen.console.print()
    except DemoError as failure:
        code = 1
        screen.console.print("\n[bold red]The demo cannot go on.[/bold red]")
        screen.console.print(str(failure), markup=False)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        screen.console.print("Stopping the store and Airflow ...")
        demo.programs.stop()
        left = demo.programs.alive()
        if left:
            code = 1
            screen.console.print(f"These processes would not end: {[process.pid for process in left]}")
        lock.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
