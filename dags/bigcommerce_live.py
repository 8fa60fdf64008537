"""A BigCommerce store's products, variants, orders and customers in tables, a few seconds behind the store.

A change in the store starts a run, which reads the rows that changed. Every night, a scheduled run reads what changed since the night
before, so it also finds changes for which no event came. It finds rows that were deleted, too.

For Airflow 3.2 and later; below it this file holds no DAG. It needs a connection "bigcommerce_default" of type BigCommerce, an SQL
connection "warehouse", and a source of events: webhooks, or polls, as POLL here says.

https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/live-copy.md
"""

import os
from datetime import UTC, datetime, timedelta

from airflow import sdk

from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.sync import Tables, bigcommerce_sync

# Seconds between two polls, for a store whose webhooks do not reach Airflow; None for webhooks. Variants have no polls.
POLL = float(os.environ.get("BIGCOMMERCE_LIVE_POLL") or 0) or None
RESOURCES = ["products", "orders", "customers"] if POLL else ["products", "product_variants", "orders", "customers"]

if hasattr(sdk, "AssetOrTimeSchedule"):
    with sdk.DAG(
        "bigcommerce_live",
        schedule=sdk.AssetOrTimeSchedule(
            timetable=sdk.CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=changes(*RESOURCES, poll=POLL)
        ),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,  # events that come during a run are read by the next one
        default_args={"retries": 4, "retry_delay": timedelta(seconds=30)},
        tags=["bigcommerce"],
        description="A store's tables, a few seconds behind it",
        doc_md=__doc__,
    ):
        bigcommerce_sync(RESOURCES, to=Tables("warehouse"), group_id="store", live=True)
