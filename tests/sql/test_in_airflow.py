"""As a real task: the database's connection comes from Airflow's metadata database, retries and XCom are Airflow's; both drivers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_dag import known_to_airflow
from tests.sql.warehouse import CONN_ID, Warehouse


@pytest.mark.usefixtures("airflow_home")
def test_a_task_fills_a_table_through_a_connection_that_airflow_keeps(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models.connection import Connection
    from airflow.sdk import DAG
    from airflow.utils.session import create_session

    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE")
    name = warehouse.kind + "_any" * warehouse.is_any
    kept = f"kept_{name}"
    with create_session() as session:
        session.add(Connection(conn_id=kept, **warehouse.connection))
    with DAG(f"to_{name}", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None) as dag:
        BigCommerceToSqlOperator(task_id="orders", resource="orders", conn_id="{{ 'kept' }}_" + name, mode="incremental")
    known_to_airflow(dag)

    assert str(dag.test().state) == "success"
    warehouse.moment += timedelta(hours=1)
    added = warehouse.sandbox.store.add_order()["id"]
    run = dag.test()

    assert str(run.state) == "success"
    assert warehouse.column("SELECT id FROM orders ORDER BY id") == [row["id"] for row in warehouse.sandbox.store.rows("orders")]
    assert warehouse.column("SELECT row_count FROM _bigcommerce_syncs ORDER BY window_until") == [
        len(warehouse.column("SELECT id FROM orders")) - 1,
        1,
    ]
    manifest = run.get_task_instance("orders").xcom_pull(task_ids="orders")
    assert (manifest["rows"], manifest["window"]["since"]) == (1, "2026-03-29T11:55:00Z")
    assert added in warehouse.column("SELECT id FROM orders")


@pytest.mark.parametrize("warehouse", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("uses_psycopg3", [True, False], ids=["psycopg 3", "psycopg2"])
def test_both_drivers_of_the_postgres_provider_are_used_as_they_come(
    warehouse: Warehouse, uses_psycopg3: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = pytest.importorskip("airflow.providers.postgres.hooks.postgres")
    monkeypatch.setattr(hooks, "USE_PSYCOPG3", uses_psycopg3)
    operator = warehouse.operator("products", nested="tables", mode="incremental")
    driver = type(hooks.PostgresHook(CONN_ID).get_conn()).__module__.partition(".")[0]

    operator.execute({})
    warehouse.run("products", after=timedelta(hours=1), nested="tables", mode="incremental")

    assert driver == ("psycopg" if uses_psycopg3 else "psycopg2")
    assert warehouse.column("SELECT id FROM products ORDER BY id") == [row["id"] for row in warehouse.sandbox.store.rows("products")]
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [2]
