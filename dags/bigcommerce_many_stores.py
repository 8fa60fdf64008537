"""Every hour, orders and customers of several BigCommerce stores: one mapped group a store, each failing alone.

Copy this file, list your stores' connection ids in STORES, set PATH, and unpause the DAG. A store more is a line more.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, task_group

from airflow_provider_bigcommerce.sync import bigcommerce_sync

PATH = os.environ.get("BIGCOMMERCE_STORES_PATH") or str(Path.home() / "bigcommerce-stores")

# One connection of type BigCommerce a store.
STORES = os.environ.get("BIGCOMMERCE_STORES", "bigcommerce_default").split(",")

with DAG(
    "bigcommerce_many_stores",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=2), "retry_exponential_backoff": True},
    tags=["bigcommerce"],
    description="Orders and customers of several stores, every hour, each store alone",
    doc_md=__doc__,
):

    @task_group
    def store(conn_id: str, path: str) -> None:
        """One store: its own quota, its own directory, its own summary."""
        # A window in which nothing happened tells nobody, so that what waits for new orders does not run for nothing.
        bigcommerce_sync(["orders", "customers"], to=path, bigcommerce_conn_id=conn_id, emit_empty=False)

    # Two stores in one directory would be mixed in one copy, so each has its own.
    store.expand_kwargs([{"conn_id": conn_id, "path": f"{PATH}/{conn_id}"} for conn_id in STORES])
