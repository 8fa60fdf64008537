"""The demo's proof: an order of the copy is damaged on purpose, and a DAG run must find it, name its field, and repair it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.demo.airflow_server import DemoAirflow
from tests.demo.processes import DemoError
from tests.demo.screen import Screen

DAG = "bigcommerce_prove"

NEWEST = """\
FROM read_parquet('{files}/orders/run=*/part-*.parquet') WHERE id = {key}
QUALIFY row_number() OVER (PARTITION BY id ORDER BY date_modified DESC, _synced_at DESC) = 1"""


class Proof:
    """One part of the demo.

    :param airflow: runs the DAG.
    :param screen: shows it.
    :param files: the copy.
    :param seconds: after which a run that has not ended is given up.
    """

    def __init__(self, airflow: DemoAirflow, screen: Screen, files: Path, seconds: float) -> None:
        self.airflow = airflow
        self.screen = screen
        self.files = files
        self.seconds = seconds

    def tell(self, orders: Sequence[str]) -> None:
        """Damage, prove, check.

        :param orders: data files of the orders that were copied first, below the copy's folder.
        """
        key, before = self._damage(self.files / orders[-1])
        self.screen.say(f"In the copy, order {key} now has the status {_other(before)} instead of {before}; the store knows nothing of it")
        self.airflow.unpause(DAG)
        with self.screen.step(f"The DAG {DAG} holds orders, customers and products against the store"):
            reports = self._run()
        self.screen.table(
            "What it compared",
            ["resource", "rows of the copy", "numbers compared", "rows compared", "differences repaired", "requests"],
            [
                [name, report["rows"], report["counts_checked"], report["compared"], int(report["repaired"] > 0), report["requests"]]
                for name, report in reports.items()
            ],
        )
        log = "\n".join(self.airflow.task_log(DAG, self.run_id, "orders"))
        self.screen.check(f"it found that order {key} differs in status_id", f"{key} differs in status_id" in log, log[-2000:])
        self.screen.check("it found nothing else", all(report["repaired"] == 0 for name, report in reports.items() if name != "orders"))
        [(after,)] = duckdb.execute(f"SELECT status_id {NEWEST.format(files=self.files, key=key)}").fetchall()
        self.screen.check(f"it read the order again: its status is {before}, as in the store", after == before, after)
        equal = [report["equal"] for report in reports.values()]
        self.screen.check("it says that copy and store are equal now", all(equal), equal)

    def _damage(self, file: Path) -> tuple[int, int]:
        """Change the newest order of a file."""
        table = pq.read_table(file)
        rows = table.to_pylist()
        row = max(rows, key=lambda row: row["id"])
        before = int(row["status_id"])
        row["status_id"] = _other(before)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
        return int(row["id"]), before

    def _run(self) -> dict[str, Any]:
        """Run the DAG to its end; what its tasks returned."""
        self.run_id = self.airflow.trigger(DAG)
        deadline = time.monotonic() + self.seconds
        while (state := self.airflow.run_state(DAG, self.run_id)) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise DemoError(f"The run {self.run_id} of {DAG} is still {state} after {self.seconds:.0f} s.")
            time.sleep(0.5)
        tasks = sorted(task["task_id"] for task in self.airflow.task_instances(DAG, self.run_id))
        if state == "failed":
            raise DemoError(
                f"The run {self.run_id} of {DAG} failed:\n" + "\n".join(self.airflow.task_log(DAG, self.run_id, "orders")[-15:])
            )
        return {task: self.airflow.returned(DAG, self.run_id, task) for task in tasks}


def _other(status: int) -> int:
    """Completed, or what is not."""
    return 10 if status != 10 else 11
