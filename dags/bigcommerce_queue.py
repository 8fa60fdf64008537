"""Webhooks from a queue, where BigCommerce cannot reach Airflow: every minute they become events of the assets of changes(...).

A DAG such as bigcommerce_live starts by these events. The first task receives messages and reports them as events; the second removes
them from the queue when Airflow has stored the events, so that none is lost.

For Airflow 3.2 and later; below it this file holds no DAG. It needs a connection "bigcommerce_default" of type BigCommerce, a queue of
Amazon SQS or a subscription of Google Pub/Sub, and Airflow's provider and connection for it.

https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/webhooks-from-a-queue.md
"""

import os
from datetime import UTC, datetime, timedelta

from airflow import sdk

from airflow_provider_bigcommerce.operators.queue import BigCommerceAcknowledgeOperator, BigCommerceQueueOperator

# The URL of an SQS queue, or the name of a Pub/Sub subscription.
QUEUE = os.environ.get("BIGCOMMERCE_QUEUE") or "projects/my-project/subscriptions/bigcommerce"

if hasattr(sdk, "AssetOrTimeSchedule"):  # Airflow 3.2
    with sdk.DAG(
        "bigcommerce_queue",
        schedule="* * * * *",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
        tags=["bigcommerce"],
        description="Webhooks from a queue become asset events, every minute",
        doc_md=__doc__,
    ):
        received = BigCommerceQueueOperator(task_id="receive", message_queue=QUEUE, resource=["products", "orders", "customers"])
        BigCommerceAcknowledgeOperator(task_id="acknowledge", received=received.output)
