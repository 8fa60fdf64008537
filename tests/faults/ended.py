"""A task process as far as signals go: the operator in the main thread, and SIGTERM answered by ``on_kill``, as Airflow's runner does."""

from __future__ import annotations

import json
import signal
import sys

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator


def main() -> None:
    kind, arguments = sys.argv[1], json.loads(sys.argv[2])
    operator = {"files": BigCommerceToObjectStorageOperator, "sql": BigCommerceToSqlOperator}[kind](task_id="variants", **arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: operator.on_kill())
    operator.execute({})


if __name__ == "__main__":
    main()
