"""Every morning, prices from a table: what would change is planned, a person approves it, and it is sent and read back.

The table has the columns sku and price; name its connection in BIGCOMMERCE_PRICES_CONN_ID, and the query in BIGCOMMERCE_PRICES_SQL. Whoever
answers sees the first rows with old and new prices under Required Actions in Airflow. Without an answer within four hours, nothing is
sent. If the store has every price already, nobody is asked. What came of each row is in the files of the task apply.

https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/approve-a-change.md
https://github.com/airflow-provider-bigcommerce/airflow-provider-bigcommerce/blob/main/docs/how-to/undo-a-change.md
"""

import inspect
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import dag, task

from airflow_provider_bigcommerce.operators.apply import BigCommerceApplyOperator
from airflow_provider_bigcommerce.operators.plan import BigCommercePlanOperator

# The standard provider of Airflow 3.1 takes the time limit under the other name.
NAME = "response_timeout" if "response_timeout" in inspect.signature(HITLOperator.__init__).parameters else "execution_timeout"
LIMIT: dict[str, Any] = {NAME: timedelta(hours=4)}
PRICES: dict[str, Any] = {
    "resource": "products",
    "operation": "update",
    "match_on": "sku",
    "conn_id": os.environ.get("BIGCOMMERCE_PRICES_CONN_ID", "erp"),
    "sql": os.environ.get("BIGCOMMERCE_PRICES_SQL", "SELECT sku, price FROM prices"),
    "report_path": os.environ.get("BIGCOMMERCE_REPORT_PATH") or str(Path.home() / "bigcommerce-reports"),
}


@dag(
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["bigcommerce"],
    description="Prices from a table into the store, after a person has approved them",
    doc_md=__doc__,
)
def bigcommerce_prices() -> None:
    """Plan, approve, apply, read back."""
    plan = BigCommercePlanOperator(
        task_id="plan",
        **PRICES,
        max_value_change_percent={"price": 30},  # a price that moves further is a mistake: the task fails, and nobody is asked
        show_values=["price"],
    )

    @task.short_circuit
    def is_anything_to_decide(planned: Any) -> bool:
        """Whether any row would be sent or cannot be; otherwise the tasks below are skipped."""
        return bool(planned["counts"].keys() - {"input", "unchanged"})

    approve = ApprovalOperator(
        task_id="approve",
        subject="New prices for the store",
        body="{{ ti.xcom_pull('plan')['summary'] }}",
        defaults="Reject",
        **LIMIT,  # nobody answered until then: rejected
    )
    apply = BigCommerceApplyOperator(task_id="apply", plan=plan.output, approval=approve.output)
    # The same rows planned once more: nothing may be left to change.
    read_back = BigCommercePlanOperator(task_id="read_back", **PRICES, max_changes=0)

    is_anything_to_decide(plan.output) >> approve >> apply >> read_back


bigcommerce_prices()
