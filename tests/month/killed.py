"""One try of a task in a process that kills itself after its n-th step: ``python -m tests.month.killed STEPS < a pickled try``.

``{"run_id": ..., "task_id": ..., "place": (kind, where), "arguments": {...}, "states": {"task": {...}, "asset": {...}}}``; prints each
state that the task writes, its name and all of it, a line each, as Airflow keeps what a task told it before it died. A step is a statement
of the database, or a call of the file system.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from airflow_provider_bigcommerce.targets.sql.native_databases import DirectDatabase
from tests.airflow_memory import Airflow, StateStore
from tests.month.places import operator_of

#: Kind of place -> what is a step there.
STEPS: dict[str, dict[type, tuple[str, ...]]] = {
    "tables": {DirectDatabase: ("execute",)},
    "files": {LocalFileSystem: ("makedirs", "open", "rm_file", "find", "cat_file", "pipe_file"), Path: ("replace", "hardlink_to")},
    "lake": {LocalFileSystem: ("makedirs", "open", "rm_file", "find", "cat_file", "pipe_file"), Path: ("replace",)},
}


def main() -> None:
    """Run the try, and die."""
    steps, told = int(sys.argv[1]), os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # log lines go where they disturb no one
    wanted = pickle.load(sys.stdin.buffer)
    airflow = Airflow()
    states = {name: TellingState(content) for name, content in wanted["states"].items()}
    for name, state in states.items():
        state.name, state.told = name, told
    airflow.task_states[wanted["run_id"], wanted["task_id"], -1], airflow.watermarks = states["task"], states["asset"]
    kind, where = wanted["place"]
    operator = operator_of(kind, where, wanted["task_id"], wanted["arguments"])

    def counted(plain: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            result = plain(*arguments, **named)
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for owner, names in STEPS[kind].items():
        for name in names:
            setattr(owner, name, counted(getattr(owner, name)))
    operator.execute(airflow.context(wanted["run_id"], wanted["task_id"]))


class TellingState(StateStore):
    """A state whose every content is printed."""

    name = ""
    told: Any = None

    def set(self, key: str, value: Any) -> None:
        super().set(key, value)
        print(json.dumps([self.name, self]), file=self.told, flush=True)


if __name__ == "__main__":
    main()
