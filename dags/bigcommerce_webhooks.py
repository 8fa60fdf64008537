"""Keeps the store's webhooks as they should be: makes those that are missing, mends those that were switched off, changed or wiped.

Run hourly: BigCommerce switches a webhook off after two days of failed deliveries, and after 90 days without any. Before it makes one, it
sends itself an event through the public address, so that no webhook is made that could not be received.

Copy this file and name the resources that you copy. It needs a receiver:
https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/receive-webhooks.md
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator

with DAG(
    "bigcommerce_webhooks",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["bigcommerce"],
    description="Keeps the store's webhooks as they should be, every hour",
    doc_md=__doc__,
):
    # Their address is [bigcommerce] webhook_base_url, /bigcommerce/webhooks/ and the connection's id.
    BigCommerceWebhooksOperator(
        task_id="webhooks",
        resource=["products", "orders", "customers"],
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
