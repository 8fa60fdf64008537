"""Every week, proof that the files of the DAG bigcommerce_sync equal the store; rows that differ are read again.

A difference is looked at twice, so a store that changes meanwhile raises no alarm. The task's log shows what was compared, its result
is the report.

Read on: [prove the copy](https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/prove-the-copy.md)
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import dag

from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator

# Where bigcommerce_sync writes.
PATH = os.environ.get("BIGCOMMERCE_SYNC_PATH") or str(Path.home() / "bigcommerce")


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["bigcommerce"],
    description="Weekly proof that the copy equals the store",
    doc_md=__doc__,
)
def bigcommerce_prove() -> None:
    """One task for each resource; each costs some tens of requests."""
    for resource in ["orders", "customers", "products"]:
        BigCommerceReconcileOperator(
            task_id=resource,
            resource=resource,
            path=PATH,
            sample=500,  # rows that are compared field by field; None for all
            days=7,  # that are counted one by one; all before them together
            on_mismatch="repair",  # or "fail", to be told
            report_path=PATH,
        )


bigcommerce_prove()
