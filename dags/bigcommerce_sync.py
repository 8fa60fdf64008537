"""Every night, a BigCommerce store's products, variants, brands, categories, customers and orders as Parquet files.

Copy this file, set PATH to where the files shall go, and unpause the DAG. It needs a connection "bigcommerce_default"
of type BigCommerce. What is data is what the manifests under `PATH/<resource>/_manifests` name.

Read on: [how it reads](https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-it-reads.md)
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_bigcommerce.sync import bigcommerce_sync

# A directory that all workers see, or an object store: "s3://aws_default@my-bucket/bigcommerce", "gs://my-bucket/bigcommerce".
# No date in it: each run has a directory of its own below, and incremental runs continue where the last one ended in the same place.
PATH = os.environ.get("BIGCOMMERCE_SYNC_PATH") or str(Path.home() / "bigcommerce")

# The first run copies all of them, later ones what changed. Of orders, customers and products BigCommerce tells what that is; the other
# lists are read whole, and compared with the last run.
RESOURCES = ["orders", "customers", "products", "product_variants", "categories", "brands"]

with DAG(
    "bigcommerce_sync",
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
    },
    tags=["bigcommerce"],
    description="A store's resources as Parquet files, every night",
    doc_md=__doc__,
):
    # One task for each resource, and a summary. For a big store, begin with the last year: initial_since="2025-01-01T00:00:00Z".
    # emit_empty=False: a night that brings no orders does not start the DAGs that wait for orders, as bigcommerce_on_new_orders does.
    bigcommerce_sync(RESOURCES, to=PATH, group_id="store", emit_empty=False)
