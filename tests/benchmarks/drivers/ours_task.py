"""Our operator as a real task, with checkpoints in Airflow's state: the DAG run is made by ``dag.test()``, the operator is timed.

Prints the operator's own seconds; what Airflow takes around it is the same for every operator.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.benchmarks.drivers import ours  # noqa: F401  # imports what execute() imports
from tests.benchmarks.drivers.dag_run import run_once
from tests.benchmarks.drivers.measured import Job, drive

_taken: list[tuple[float, float]] = []


class Timed(BigCommerceToObjectStorageOperator):
    def execute(self, context: Any) -> dict[str, Any]:
        cpu, started = time.process_time(), time.perf_counter()
        manifest = super().execute(context)
        _taken.append((time.perf_counter() - started, time.process_time() - cpu))
        return manifest


def run(job: Job) -> None:
    with DAG("benchmark", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        Timed(task_id="copy", resource=job.resource, path=str(job.folder), file_format=job.variant or "jsonl")
    run_once(dag)
    print(json.dumps({"operator_seconds": _taken[0][0], "operator_cpu_seconds": _taken[0][1]}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, ".")
    drive(run)
