"""Every hour, what changed in a BigCommerce store, into Delta Lake tables that DuckDB, Spark and warehouses read.

Copy this file, set PATH to where the tables shall be, and unpause the DAG. It needs a connection "bigcommerce_default" of type
BigCommerce, and pip install 'airflow-provider-bigcommerce[lake]'. One table a resource, no catalog.

Read on: [keep lakehouse tables](https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/keep-lakehouse-tables.md)
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_bigcommerce.sync import Lake, bigcommerce_sync

# A directory that all workers see, or an object store: "s3://aws_default@my-bucket/shop", "gs://my-bucket/shop". The same one in each run.
PATH = os.environ.get("BIGCOMMERCE_LAKE_PATH") or str(Path.home() / "bigcommerce-lake")

RESOURCES = ["orders", "customers", "products", "product_variants", "categories", "brands"]

with DAG(
    "bigcommerce_lakehouse",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a missed hour is no gap: the next run reads everything since the last one that ended well
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True},
    tags=["bigcommerce"],
    description="What changed in a store, every hour, into Delta Lake tables",
    doc_md=__doc__,
):
    # keep: for how long a file stays that a later run replaced, for readers in the middle of a query and for time travel.
    bigcommerce_sync(RESOURCES, to=Lake(PATH, keep=timedelta(days=7)), group_id="store")
