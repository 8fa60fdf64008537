"""Runs whenever a sync announces orders: a DAG that is scheduled on the asset of the sync.

A sync announces each run, one without orders too, unless it has emit_empty=False, as bigcommerce_sync.py here has: then this DAG runs
only when orders came.

Copy this file and replace the task by your report, or by dbt: what to read is in the events. It needs a DAG that copies orders, such as
bigcommerce_sync; for another store, name its connection id in place of bigcommerce_default.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, task

# bigcommerce://<connection id>/<resource>. [ORDERS, PRODUCTS] would wait for both, ORDERS | PRODUCTS for either.
ORDERS = Asset("bigcommerce://bigcommerce_default/orders", group="bigcommerce")

with DAG(
    "bigcommerce_on_new_orders",
    schedule=[ORDERS],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["bigcommerce"],
    description="Runs when a sync brought orders",
    doc_md=__doc__,
):

    @task
    def report(triggering_asset_events: Any = None) -> int:
        """Tell what came; several events may have been waiting for this run."""
        rows = 0
        for event in triggering_asset_events[ORDERS]:
            window = event.extra["window"]
            since = window["since"] or "the beginning"
            logging.getLogger(__name__).info("%d orders, changed since %s, in %s", event.extra["rows"], since, event.extra["to"])
            rows += event.extra["rows"]
        return rows

    report()
