"""Runs whenever a sync announces orders: a DAG that is scheduled on the asset of the sync.

A sync announces each run, one without orders too, unless it has emit_empty=False, as bigcommerce_sync.py here has: then this DAG runs
only when orders came.

Copy this file and replace the task by your report, or by dbt: what to read is in the events. It needs a DAG that copies orders, such as
bigcommerce_sync; for another store, name its connection id instead of bigcommerce_default. It needs Airflow 3.2: below it, the task fails
and says so.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_bigcommerce.events import new_events

# bigcommerce://<connection id>/<resource>. [ORDERS, PRODUCTS] would wait for both, ORDERS | PRODUCTS for either.
ORDERS = Asset("bigcommerce://bigcommerce_default/orders", group="bigcommerce")

with DAG(
    "bigcommerce_on_new_orders",
    schedule=[ORDERS],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two runs at once would report the same events
    tags=["bigcommerce"],
    description="Runs when a sync brought orders",
    doc_md=__doc__,
):

    @task(inlets=[ORDERS])
    def report(**context: Any) -> int:
        """Tell what came since the last report.

        An event only starts the run. Airflow gives a run the events that had come when it was queued, and several copies may have ended
        since: new_events has all of them, and has them again if this block fails.
        """
        rows = 0
        with new_events(context, ORDERS, key="report") as events:
            for event in events:
                extra = event.extra or {}
                window = extra["window"]
                since = window["since"] or "the beginning"
                logging.getLogger(__name__).info("%d orders, changed since %s, in %s", extra["rows"], since, extra["to"])
                rows += extra["rows"]
        return rows

    report()
