"""Every hour, the stock that the warehouse counted goes into the store, from CSV files, one a location or one for all.

Copy this file, set PATH, and let the warehouse write files with the columns sku, location_code and quantity into PATH/in, each under its
name only when it is whole. Files that are replaced each hour need nothing more: what the store has already is not sent.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bigcommerce.operators.stock import BigCommerceStockOperator

PATH = os.environ.get("BIGCOMMERCE_STOCK_PATH") or str(Path.home() / "bigcommerce-stock")

with DAG(
    "bigcommerce_stock",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two runs at once would send old counts after new ones
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["bigcommerce"],
    description="Stock from the warehouse's files into the store, every hour",
    doc_md=__doc__,
):
    # Columns of other names: mapping={"item_no": "sku", "warehouse": "location_code", "on_hand": "quantity"}.
    stock = BigCommerceStockOperator(
        task_id="stock",
        path=f"{PATH}/in/*.csv",
        report_path=f"{PATH}/reports",
        reason="hourly count",
        on_rejected="warn",  # an article that the store does not have stops no other one; it is told below
    )

    @task
    def tell(report: Any) -> str:
        """Where the rows are that were not taken, with the reason for each."""
        rejected = report["counts"].get("rejected", 0)
        return f"{rejected} rows rejected: {report['manifest']}" if rejected else "all rows are in the store"

    tell(stock.output)
