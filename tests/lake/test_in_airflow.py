"""As a real task: rendered arguments, retries and XCom are Airflow's; the table is filled, and goes on where it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from tests.airflow_dag import known_to_airflow
from tests.lake.conftest import Lake


@pytest.mark.usefixtures("airflow_home")
def test_a_task_fills_a_table_and_goes_on_where_it_was(lake: Lake) -> None:
    from airflow.sdk import DAG

    with DAG("to_lake", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
        path = str(lake.path.parent) + "/{{ 'shop' }}"
        BigCommerceToLakeOperator(task_id="orders", resource="orders", path=path, mode="incremental", deletes="detect")
    known_to_airflow(dag)

    assert str(dag.test().state) == "success"
    lake.moment += timedelta(hours=1)
    added = lake.sandbox.store.add_order()["id"]
    run = dag.test()

    assert str(run.state) == "success"
    assert set(lake.rows()) == {row["id"] for row in lake.sandbox.store.rows("orders")}
    manifest = run.get_task_instance("orders").xcom_pull(task_ids="orders")
    assert (manifest["rows"], manifest["window"]["since"], manifest["version"]) == (1, "2026-03-29T11:55:00Z", 1)
    assert manifest["table"] == f"file://{lake.path}/orders"
    assert added in lake.rows()
