"""A whole task process, from the first import on: the DAG file is imported, then its only task runs, by ``dag.test()``.

Nothing is imported beforehand, so that what a task must import is paid for here, as it is in a worker. Variant: the file format of our
operator, or ``empty`` for an operator that does nothing. Prints what ``execute`` took of it, and how much of that were imports: those that
the read waits for, and those that the writer's thread does while the first page is on its way.
"""

from __future__ import annotations

import builtins
import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.drivers.measured import Job, drive


class Imports:
    """Seconds of CPU that import statements take while it is entered: in the threads that read, and in the one that writes."""

    def __init__(self) -> None:
        self.seconds = self.beside = 0.0
        self._is_within = threading.local()
        self._lock = threading.Lock()

    def __enter__(self) -> Imports:
        self._import = builtins.__import__
        builtins.__import__ = self._timed
        return self

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import

    def _timed(self, *args: Any, **kwargs: Any) -> Any:
        if getattr(self._is_within, "value", False):
            return self._import(*args, **kwargs)
        self._is_within.value, started = True, time.thread_time()
        try:
            return self._import(*args, **kwargs)
        finally:
            self._is_within.value = False
            taken = time.thread_time() - started
            with self._lock:
                if threading.current_thread().name.startswith("bigcommerce-writer"):
                    self.beside += taken
                else:
                    self.seconds += taken


def run(job: Job) -> None:
    from airflow.sdk import DAG

    if job.variant == "empty":
        from airflow.sdk import BaseOperator as Operator

        arguments: dict[str, Any] = {}
    else:
        from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator as Operator

        arguments = {"resource": job.resource, "path": str(job.folder), "file_format": job.variant}

    class Timed(Operator):  # type: ignore[misc, valid-type]  # one of two classes
        def execute(self, context: Any) -> Any:
            imports, cpu, started = Imports(), time.process_time(), time.perf_counter()
            with imports:
                done = None if job.variant == "empty" else super().execute(context)
            taken = {"execute_seconds": time.perf_counter() - started, "execute_cpu_seconds": time.process_time() - cpu}
            print(json.dumps({**taken, "import_seconds": imports.seconds, "imports_beside_seconds": imports.beside}), flush=True)
            return done

    from tests.benchmarks.drivers.dag_run import run_once

    with DAG("benchmark", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        Timed(task_id="copy", **arguments)
    run_once(dag)


if __name__ == "__main__":
    sys.path.insert(0, ".")
    drive(run)
