"""Our operator, bare: ``execute(context={})`` into a local directory. Variant: the file format, or ``jsonl-without-digest``.

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
from airflow_provider_bigcommerce.targets.files import destination  # noqa: E402  # after the rest
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator  # noqa: E402  # after the rest

state_asset()  # for the first asset Airflow imports its providers' URI handlers, which a task has behind it: its DAG file was parsed


class NoDigest:
    """In the place of a file's SHA-256, to show what that costs on this machine."""

    def update(self, data: bytes | memoryview) -> None:
        """Nothing."""

    def hexdigest(self) -> str:
        """Of nothing."""
        return "0" * 64

    def close(self) -> None:
        """Nothing."""


def copy(job: Job) -> None:
    logging.disable(logging.INFO)
    file_format, _, without_digest = job.variant.partition("-")
    if without_digest:
        destination.Digest = NoDigest  # type: ignore[misc, assignment]  # a measure of this module alone
    BigCommerceToObjectStorageOperator(
        task_id="copy", resource=job.resource, path=str(job.folder), file_format=file_format or "jsonl"
    ).execute({})


if __name__ == "__main__":
    drive(copy)
