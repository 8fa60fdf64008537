"""Once, all orders of a big store, read by several workers: ranges of ids, a mapped task for each, one manifest for all.

Copy this file, set PATH to where the files shall go, and trigger the DAG. It needs a connection "bigcommerce_default".
Readers see nothing of a run until its last task has written the manifest.

Read on: [read one resource with many workers](https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/read-one-resource-with-many-workers.md)
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import dag

from airflow_provider_bigcommerce.operators.partition import commit_partitions, partition
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

# A directory that all workers see, or an object store: "s3://aws_default@my-bucket/bigcommerce", "gs://my-bucket/bigcommerce".
PATH = os.environ.get("BIGCOMMERCE_SYNC_PATH") or str(Path.home() / "bigcommerce")


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=2)},
    tags=["bigcommerce"],
    description="All orders of a big store once, read by several workers",
    doc_md=__doc__,
)
def bigcommerce_partitioned_orders() -> None:
    """Cut, read at four places at once, commit."""
    ranges = partition("orders", into=8)
    orders = BigCommerceToObjectStorageOperator.partial(
        task_id="orders",
        resource="orders",
        path=PATH,
        max_active_tis_per_dag=4,  # the workers share the store's quota: more of them help only where it has none
        map_index_template="range {{ task.partition['number'] + 1 }} of {{ task.partition['of'] }}",
    ).expand(partition=ranges)
    commit_partitions(orders.output, path=PATH)


bigcommerce_partitioned_orders()
