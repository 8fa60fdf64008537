"""Runs a task in a child process that kills itself after its n-th statement: ``python -m tests.sql.killed RESOURCE CONN_ID NESTED``.

Reads n from each line of its input; answers ``killed``, or ``ended`` where the run had fewer statements than that.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from airflow_provider_bigcommerce.targets.sql.any_database import AnyDatabase
from airflow_provider_bigcommerce.targets.sql.native_databases import DirectDatabase
from airflow_provider_bigcommerce.targets.sql.postgres import Postgres
from airflow_provider_bigcommerce.targets.sql.sqlite import Sqlite
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests import warm  # noqa: F401 - before the fork, so that a child is quick
from tests.sql import any_hook
from tests.transfers.conftest import Airflow


def run_and_die(number: int, resource: str, conn_id: str, nested: str) -> None:
    count = 0

    def then_die(method: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            result = method(*arguments, **named)
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted

    steps = [
        (DirectDatabase, "execute"),
        (Postgres, "put"),
        (Sqlite, "put"),
        *((AnyDatabase, name) for name in ("_run", "begin", "commit", "put")),
    ]
    for kind, name in steps:
        setattr(kind, name, then_die(getattr(kind, name)))
    # Always the same run: a try, and its retries.
    context = Airflow().context("run", "t")
    BigCommerceToSqlOperator(task_id="t", resource=resource, conn_id=conn_id, nested=nested, retries=0).execute(context)


def main() -> None:
    resource, conn_id, nested = sys.argv[1:]
    any_hook.register()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)  # log lines go where they disturb no one
            status = 1
            try:
                run_and_die(int(line), resource, conn_id, nested)
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if was_killed else "ended" if status == 0 else f"failed {status}", flush=True)


if __name__ == "__main__":
    main()
