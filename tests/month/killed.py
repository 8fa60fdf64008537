"""One try of a task in a process that kills itself after its n-th statement: ``python -m tests.month.killed STATEMENTS < a pickled try``.

``{"run_id": ..., "task_id": ..., "arguments": {...}, "state": {...}}``; prints each state that the task writes, a line each, as
Airflow keeps what a task told it before it died.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from typing import Any

from airflow_provider_bigcommerce.targets.sql.direct import DirectDatabase
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_memory import Airflow, StateStore


def main() -> None:
    statements, told = int(sys.argv[1]), os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # log lines go where they disturb no one
    wanted = pickle.load(sys.stdin.buffer)
    airflow = Airflow()
    state = TellingState(wanted["state"])
    state.told = told
    airflow.task_states[wanted["run_id"], wanted["task_id"], -1] = state
    execute = DirectDatabase.execute

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal statements
        result = execute(*arguments, **named)
        statements -= 1
        if statements == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(DirectDatabase, "execute", counted)  # noqa: B010  # mypy has it that methods are not assigned
    operator = BigCommerceToSqlOperator(task_id=wanted["task_id"], **wanted["arguments"])
    operator.execute(airflow.context(wanted["run_id"], wanted["task_id"]))


class TellingState(StateStore):
    """A state whose every content is printed."""

    told: Any = None

    def set(self, key: str, value: Any) -> None:
        super().set(key, value)
        print(json.dumps(self), file=self.told, flush=True)


if __name__ == "__main__":
    main()
