"""What mypy must take, and what it must refuse: an unused ``type: ignore`` is an error, so each wrong line here is proved to be one.

Checked by ``python -m mypy`` with the package and the example DAGs; nothing runs it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_bigcommerce.sync import Lake, Tables, bigcommerce_sync
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator


def right() -> None:
    """Calls as the pages have them."""
    bigcommerce_sync(["orders", "/v3/catalog/brands"], to="/data", retries=4, retry_delay=timedelta(minutes=2), emit_empty=False)
    bigcommerce_sync({"orders": {"include": [], "path": "/other"}, "brands": {}}, to="/data", file_format="jsonl", compression="zstd")
    bigcommerce_sync("all", to=Tables("warehouse", nested="tables"), exclude=["order_taxes"], deletes="delete")
    bigcommerce_sync(["orders"], to=Lake("/data", keep=timedelta(days=3)), pool="bigcommerce")
    BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path="/data", mode="incremental", file_format="jsonl.zst")


def wrong() -> None:
    """One mistake a line."""
    bigcommerce_sync(["orders"], to="/data", file_format="csv")  # type: ignore[arg-type]
    bigcommerce_sync(["orders"], to="/data", emit_emty=False)  # type: ignore[call-arg]
    bigcommerce_sync(["orders"], to="/data", retries="4")  # type: ignore[arg-type]
    bigcommerce_sync(["orders"], to="/data", deletes="remove")  # type: ignore[arg-type]
    bigcommerce_sync({"orders": {"incude": []}}, to="/data")  # type: ignore[typeddict-unknown-key]
    bigcommerce_sync(["orders"], to=Tables("warehouse", nested="struct"))  # type: ignore[arg-type]
    BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path="/data", mode="delta")  # type: ignore[arg-type]
    BigCommerceToSqlOperator(task_id="orders", resource="orders", conn_id="db", deletes="remove")  # type: ignore[arg-type]
    BigCommerceToLakeOperator(task_id="orders", resource="orders", path="/data", pth="/other")  # type: ignore[call-arg]
    BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path="/data", file_format="csv")  # type: ignore[arg-type]
