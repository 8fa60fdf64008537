"""What a BigCommerce store had before the nightly sync began, a day a run, as far back as you like.

Copy this file, set PATH to where the nightly sync writes and END to where its first run began (its initial_since), unpause the DAG,
and run

    airflow backfill create --dag-id bigcommerce_backfill --from-date 2025-01-01 --to-date 2025-12-31 --max-active-runs 4

Each run reads the orders and customers that were created on its day. It moves no watermark and takes at most a quarter of the store's
quota, so the nightly sync continues at the same time.

Read on: [backfill](https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/backfill.md)
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import dag

try:
    from airflow.sdk import CronDataIntervalTimetable
except ImportError:  # Airflow 3.1
    from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

# Where the nightly sync writes. A copy is the newest row of each key over the runs of both.
PATH = os.environ.get("BIGCOMMERCE_SYNC_PATH") or str(Path.home() / "bigcommerce")
# No scheduled run comes after this day, so that unpausing the DAG starts none by itself.
END = datetime(2026, 1, 1, tzinfo=UTC)


@dag(
    # Not "@daily": a run of a plain cron string has an empty data interval.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2015, 1, 1, tzinfo=UTC),  # a backfill can go back as far as this
    end_date=END,
    catchup=False,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=5)},
    tags=["bigcommerce"],
    description="Past days of orders and customers, one run per day of creation, next to the nightly sync",
    doc_md=__doc__,
)
def bigcommerce_backfill() -> None:
    """One task for each resource that can be read by creation date."""
    for resource in ["orders", "customers"]:
        BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, path=PATH, mode="backfill")


bigcommerce_backfill()
