"""Every night, a BigCommerce store's products, variants, brands, categories, customers and orders as Parquet files.

Copy this file, set PATH to where the files shall go, and unpause the DAG. It needs a connection "bigcommerce_default"
of type BigCommerce. What is data is what the manifests under PATH/<resource>/_manifests name: docs/how-it-reads.md.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import dag

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

# A directory that all workers see, or an object store: "s3://aws_default@my-bucket/bigcommerce", "gs://my-bucket/bigcommerce".
# No date in it: each run has a directory of its own below, and incremental runs go on where the last one ended in the same place.
PATH = os.environ.get("BIGCOMMERCE_SYNC_PATH") or str(Path.home() / "bigcommerce")

# BigCommerce can tell which of these changed since a moment; the first run reads all of them, later ones only the changes.
INCREMENTAL = ["orders", "customers", "products"]
# These lists have no date filter and are read in full.
FULL = ["product_variants", "categories", "brands"]


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a missed night is no gap: the next run reads everything since the last one that ended well
    max_active_runs=1,
    default_args={
        # The client already waits for the store's quota and repeats what failed for a moment; these are for longer outages.
        "retries": 4,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,  # 2, 4, 8, 16 minutes
        "max_retry_delay": timedelta(minutes=30),
        "max_active_tis_per_dag": 1,  # a task never runs twice at once, so it does not fight itself over the quota
    },
    tags=["bigcommerce"],
    doc_md=__doc__,
)
def bigcommerce_sync():
    """One task for each resource; they share the store's quota."""
    for resource in [*INCREMENTAL, *FULL]:
        BigCommerceToObjectStorageOperator(
            task_id=resource,
            resource=resource,
            path=PATH,
            mode="incremental" if resource in INCREMENTAL else "full",
            # For a big store, begin with the last year: initial_since="2025-01-01T00:00:00Z" (incremental ones only).
        )


bigcommerce_sync()
