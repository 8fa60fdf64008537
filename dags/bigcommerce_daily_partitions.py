"""A BigCommerce store's orders, one partition a day: the run of a night reads the orders that were created the day before.

For Airflow 3.3, whose runs know which partition they are for; below it this file holds no DAG. It needs a connection
"bigcommerce_default" of type BigCommerce. Days of the past, each once, are brought by

    airflow backfill create --dag-id bigcommerce_daily_partitions --from-date 2025-12-01 --to-date 2025-12-31 --max-active-runs 4

A DAG with schedule=PartitionedAssetTimetable(assets=orders_by_day) starts for each day that has come. Orders change after their day:
for a copy that follows the changes, use bigcommerce_sync.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow import sdk

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

PATH = os.environ.get("BIGCOMMERCE_PARTITIONS_PATH") or str(Path.home() / "bigcommerce-partitions")

if hasattr(sdk, "PartitionedAtRuntime"):  # Airflow 3.3
    orders_by_day = sdk.Asset(name="bigcommerce_orders_by_day")

    @sdk.dag(
        # Days of UTC, since BigCommerce's dates are: a day of another zone may have 23 or 25 hours.
        schedule=sdk.CronPartitionTimetable("@daily", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),  # a backfill can go back as far as this
        catchup=False,
        default_args={"retries": 4, "retry_delay": timedelta(minutes=5)},
        tags=["bigcommerce"],
        description="Orders by day of creation, one partition a day",
        doc_md=__doc__,
    )
    def bigcommerce_daily_partitions() -> None:
        """A run has a partition, and no data interval: since and until say what its day is, both inclusive."""
        BigCommerceToObjectStorageOperator(
            task_id="orders",
            resource="orders",
            path=PATH,
            mode="backfill",
            since="{{ partition_date.isoformat() }}",
            until="{{ (partition_date + macros.timedelta(days=1, seconds=-1)).isoformat() }}",
            quota_share=1.0,
            outlets=[orders_by_day],
        )

    bigcommerce_daily_partitions()
