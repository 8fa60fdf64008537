"""Every hour, how many orders wait for somebody to act: the BigCommerce hook used from a plain @task.

Copy this file and replace the last task by whatever tells your team. It needs a connection "bigcommerce_default".
"""

import logging
from datetime import UTC, datetime

from airflow.sdk import dag, task

from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

# BigCommerce's ids of order statuses; a store may rename the statuses, not the ids.
WAITING = {"awaiting payment": 7, "awaiting fulfillment": 11, "awaiting shipment": 9, "awaiting pickup": 8}


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["bigcommerce"],
    description="How many orders wait for somebody to act, every hour",
    doc_md=__doc__,
)
def bigcommerce_open_orders() -> None:
    """Count, then tell."""

    @task(retries=2)
    def count_open_orders() -> dict[str, int]:
        # One session for all requests; the store's quota is respected, faults of a moment are repeated.
        with BigCommerceHook().store() as store:
            return {name: store.count("orders", query={"status_id": status}) for name, status in WAITING.items()}

    @task
    def tell(waiting: dict[str, int]) -> str:
        text = ", ".join(f"{count} {name}" for name, count in waiting.items() if count) or "nothing is waiting"
        logging.getLogger(__name__).info(text)
        return text

    tell(count_open_orders())


bigcommerce_open_orders()
