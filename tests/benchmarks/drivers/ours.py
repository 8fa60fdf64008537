"""Our operator, bare: ``execute(context={})`` into a local directory. Variant: the file format.

What ``execute`` imports is imported beforehand, as the other drivers' libraries are.
"""

from __future__ import annotations

import importlib
import logging

from tests.benchmarks.drivers.measured import Job, drive

_LAZY = (
    "airflow.providers.common.compat.connection",
    "airflow.sdk.definitions.connection",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.observability.stats",
    "airflow_provider_bigcommerce.client.verbs",
    "airflow_provider_bigcommerce.hooks.bigcommerce",
    "airflow_provider_bigcommerce.targets.files.overlap",
    "airflow_provider_bigcommerce.targets.files.row_hashes",
    "airflow_provider_bigcommerce.targets.files.writers",
    "airflow_provider_bigcommerce.engine.copying",
    "asgiref.sync",
    "pyarrow.compute",
    "pyarrow.json",
    "pyarrow.parquet",
)
for _name in _LAZY:
    importlib.import_module(_name)

from airflow_provider_bigcommerce.state import state_asset  # noqa: E402  # after the rest
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator  # noqa: E402  # after the rest

state_asset()  # for the first asset Airflow imports its providers' URI handlers, which a task has behind it: its DAG file was parsed


def copy(job: Job) -> None:
    logging.disable(logging.INFO)
    BigCommerceToObjectStorageOperator(
        task_id="copy", resource=job.resource, path=str(job.folder), file_format=job.variant or "jsonl"
    ).execute({})


if __name__ == "__main__":
    drive(copy)
