"""The tasks that keep a copy equal to the store, run as Airflow would: hourly and daily runs, retries, one run of a task at a time."""

from __future__ import annotations

import itertools
import json
import pickle
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator
from tests.airflow_memory import Airflow, Interval
from tests.month.places import Place, operator_of

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Task:
    """One task of the sync.

    :param every: hours from one run to the next.
    :param arguments: of its operator.
    """

    task_id: str
    every: int
    arguments: dict[str, Any]
    waiting: str | None = None  # a run that has failed and is tried again, before any other begins


@dataclass
class Sync:
    """All tasks, and what Airflow remembers of them."""

    place: Place
    tasks: list[Task]
    airflow: Airflow = field(default_factory=Airflow)
    happened: Counter[str] = field(default_factory=Counter)

    def run_an_hour(self, hour: int, *, kill: tuple[str, int] | None = None, is_last: bool = False) -> None:
        """Start what is due, and try again what failed.

        :param kill: a task whose try is killed, and after how many statements.
        :param is_last: everything is due.
        """
        for task in self.tasks:
            if task.waiting is None and (is_last or hour % task.every == 0):
                task.waiting = f"scheduled_{hour:04d}"
            if task.waiting is not None:
                statements = kill[1] if kill is not None and kill[0] == task.task_id else None
                self._try(task, task.waiting, statements)

    def _try(self, task: Task, run_id: str, statements: int | None) -> None:
        if statements is not None:
            self._try_and_die(task, run_id, min(statements, self.place.fewest_steps))
            return
        try:
            self._operator(task).execute(self.airflow.context(run_id, task.task_id))
        except BigCommerceError as error:
            self.happened["tries failed"] += 1
            self.happened[type(error).__name__] += 1
            return
        task.waiting = None
        self.happened["runs"] += 1

    def _operator(self, task: Task) -> BigCommerceTransferOperator:
        return operator_of(self.place.kind, self.place.where, task.task_id, task.arguments)

    def _try_and_die(self, task: Task, run_id: str, statements: int) -> None:
        states = {"task": self.airflow.context(run_id, task.task_id)["task_state_store"], "asset": self.airflow.watermarks}
        wanted = {
            "run_id": run_id,
            "task_id": task.task_id,
            "states": {name: dict(state) for name, state in states.items()},
            "place": (self.place.kind, self.place.where),
            "arguments": task.arguments,
        }
        died = subprocess.run(
            [sys.executable, "-m", "tests.month.killed", str(statements)],
            input=pickle.dumps(wanted), cwd=PROJECT, capture_output=True, timeout=120,
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL, died.stderr[-2000:].decode()
        for name, content in map(json.loads, died.stdout.splitlines()):
            states[name].clear()
            states[name].update(content)
        self.happened["tries killed"] += 1

    def backfill(self, resource: str, intervals: list[Interval]) -> list[dict[str, Any]]:
        """All runs of a backfill, two at once, into the copy of the live sync."""
        task = Task(f"{resource}_backfill", 0, {"resource": resource, "mode": "backfill"})

        def run(interval: Interval) -> dict[str, Any]:
            context = self.airflow.context(f"backfill_{interval[0]:%Y%m%d}", task.task_id, interval=interval)
            return self._operator(task).execute(context)

        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(run, intervals))


def intervals(*bounds: datetime) -> list[Interval]:
    """Neighbouring intervals between these moments."""
    return list(itertools.pairwise(bounds))
