"""What cannot work is refused, by name, with what to do; a table that somebody else made is left as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_bigcommerce.exceptions import DestinationError, InvalidQueryError, UnknownResourceError
from airflow_provider_bigcommerce.targets.sql.opening import open_database
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.sql import any_hook
from tests.sql.warehouse import CONN_ID, Warehouse


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nested": "flat"}, r"nested='flat' is unknown. Accepted: 'json', 'tables'"),
        ({"mode": "upsert"}, r"mode='upsert' is unknown"),
    ],
)
def test_an_argument_that_cannot_work_is_refused_where_the_dag_is_parsed(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        BigCommerceToSqlOperator(task_id="t", **{"resource": "orders", "conn_id": CONN_ID, **arguments})


def test_an_unknown_resource_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownResourceError, match="'orders'"):
        BigCommerceToSqlOperator(task_id="t", resource="order", conn_id=CONN_ID)


def refused(warehouse: Warehouse, message: str, resource: str = "brands", **arguments: Any) -> None:
    """The run fails with that message, has changed nothing, and has asked the store for nothing."""
    before = {name: rows for name, rows in warehouse.contents().items() if name != "_bigcommerce_syncs"}
    warehouse.sandbox.store.requests.clear()
    with pytest.raises(InvalidQueryError, match=message):
        warehouse.run(resource, **arguments)
    assert {name: rows for name, rows in warehouse.contents().items() if name != "_bigcommerce_syncs"} == before
    assert warehouse.sandbox.store.requests == []


def test_a_resource_without_a_key_is_refused(warehouse: Warehouse) -> None:
    refused(warehouse, "'catalog_summary' has no key .* BigCommerceToObjectStorageOperator", "catalog_summary")


@pytest.mark.parametrize("table", ['quote"d', "x" * 64])
def test_a_name_that_no_table_can_have_is_refused(warehouse: Warehouse, table: str) -> None:
    refused(warehouse, "cannot be a table's name", table=table)


def test_a_schema_that_does_not_exist_is_refused(warehouse: Warehouse) -> None:
    refused(warehouse, "schema='nowhere'", schema="nowhere")


def test_a_table_without_its_key_is_refused(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE brands (id BIGINT, name TEXT)")
    warehouse.do("INSERT INTO brands VALUES (1, 'mine')")

    refused(warehouse, r'no unique key of exactly \("?id"?\).*its unique keys: none.*ADD PRIMARY KEY \("?id"?\)')


def test_a_table_with_another_key_is_refused(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE brands (id BIGINT, note BIGINT, PRIMARY KEY (id, note))")

    refused(warehouse, "its unique keys: id, note")


def test_a_table_with_other_types_is_refused(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE brands (id VARCHAR(20) PRIMARY KEY, name INTEGER)")

    refused(
        warehouse,
        r"(?i)columns of other types than 'brands' needs: id is (character varying|varchar)\(20\), needed is .*"
        r"name is integer.*, needed is (long)?text",
    )


def test_a_table_that_lacks_columns_and_is_not_ours_is_refused_with_what_would_fit(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE brands (id BIGINT PRIMARY KEY, name TEXT)")
    warehouse.do("INSERT INTO brands VALUES (1, 'mine')")

    refused(warehouse, r'(?s)was not made by this provider and lacks the columns page_title.*CREATE TABLE .*"?brands"? \(')


def test_a_table_made_by_somebody_else_that_fits_is_filled_and_keeps_its_own_columns(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE brands (id BIGINT PRIMARY KEY)")
    with pytest.raises(InvalidQueryError) as told:
        warehouse.run("brands")
    statement = str(told.value).partition("make this one fit:\n")[2]
    warehouse.do("DROP TABLE brands")
    warehouse.do(statement)
    warehouse.do("ALTER TABLE brands ADD COLUMN my_note VARCHAR(20)")
    brand = warehouse.sandbox.store.rows("brands")[0]["id"]
    warehouse.run("brands")
    warehouse.do(f"UPDATE brands SET my_note = 'kept' WHERE id = {brand}")

    warehouse.run("brands")

    assert warehouse.query(f"SELECT my_note FROM brands WHERE id = {brand}") == [("kept",)]


def test_a_table_of_an_older_schema_gets_the_new_columns(warehouse: Warehouse) -> None:
    warehouse.run("brands")
    warehouse.do("ALTER TABLE brands DROP COLUMN page_title")
    brand = warehouse.sandbox.store.add("brands", page_title="new")["id"]

    warehouse.run("brands")

    assert warehouse.query(f"SELECT page_title FROM brands WHERE id = {brand}") == [("new",)]


def test_a_table_of_another_resource_is_refused(warehouse: Warehouse) -> None:
    warehouse.run("brands", table="things")

    refused(warehouse, "holds 'brands', not 'products'", "products", table="things")


def test_a_table_made_with_nested_values_kept_otherwise_is_refused(warehouse: Warehouse) -> None:
    warehouse.run("brands", nested="json")

    refused(warehouse, "made with nested='json', and this run has nested='tables'", nested="tables")


def other_store(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = json.dumps(warehouse.sandbox.connection).replace(warehouse.sandbox.store_hash, "other1")
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", swapped)


def test_another_stores_table_is_refused_in_whatever_case_it_is_named(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    if warehouse.kind != "sqlite":
        pytest.skip("names that differ by case are two tables here")
    warehouse.run("brands")
    other_store(warehouse, monkeypatch)

    for table in ("Brands", "BRANDS"):
        refused(warehouse, "filled from the store", table=table)


def test_a_table_goes_on_where_it_was_in_whatever_case_it_is_named(warehouse: Warehouse) -> None:
    if warehouse.kind != "sqlite":
        pytest.skip("names that differ by case are two tables here")
    warehouse.run("orders", "r1", mode="incremental")
    again = warehouse.run("orders", "r2", mode="incremental", table="Orders")

    assert again["window"]["since"] is not None
    assert warehouse.column("SELECT DISTINCT table_name FROM _bigcommerce_syncs") == ["orders"]


def test_tables_that_differ_by_case_are_two_where_the_database_says_so(warehouse: Warehouse) -> None:
    if warehouse.kind == "sqlite":
        pytest.skip("names that differ by case are one table here")
    warehouse.run("orders", "r1", mode="incremental")
    other = warehouse.run("orders", "r2", mode="incremental", table="Orders")

    assert other["window"]["since"] is None
    assert {"orders", "Orders"} <= warehouse.tables()


def test_two_tables_that_the_table_of_syncs_cannot_tell_apart_are_refused(warehouse: Warehouse) -> None:
    if warehouse.kind != "mariadb":
        pytest.skip("text that differs by case is equal in MariaDB's usual collation only")
    warehouse.run("brands")
    warehouse.do("ALTER TABLE _bigcommerce_syncs MODIFY table_name VARCHAR(63) COLLATE utf8mb4_general_ci NOT NULL")

    refused(warehouse, "compares as equal", table="Brands")


def test_a_foreign_table_of_syncs_is_refused(warehouse: Warehouse) -> None:
    warehouse.do("CREATE TABLE _bigcommerce_syncs (note TEXT)")

    refused(warehouse, "lacks the columns table_name.*not made by this provider")


def test_a_connection_of_no_database_is_refused_with_the_way_by_files() -> None:
    class HttpHook:
        conn_type = "http"

    with pytest.raises(InvalidQueryError, match=r"'http', which is no SQL connection.*load-a-warehouse"):
        open_database(HttpHook(), None, "run")  # type: ignore[arg-type]  # no hook of a database, which is the point


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nosuch://somebody:secret@host/db", "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:nosuch"),
        ("oracle+oracledb://somebody:secret@host/db", "ModuleNotFoundError: No module named 'oracledb'"),
        ("no url, but somebody's secret", "ArgumentError"),
    ],
)
def test_a_database_without_a_dialect_or_driver_is_refused_with_what_to_install_and_without_secrets(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(any_hook.connection_to(url)))

    with pytest.raises(InvalidQueryError) as told:
        open_database(any_hook.AnySqlHook(any_sql_conn_id=CONN_ID), None, "run")

    assert f"AnySqlHook has no SQLAlchemy dialect here, by which connections of type 'any_sql' are loaded ({reason})" in str(told.value)
    assert "Install the package" in str(told.value)
    assert "load-a-warehouse.md" in str(told.value)
    assert "secret" not in str(told.value)


#: Connections to nothing, by their forms; none may tell where it leads, as whom, or with what.
UNREACHABLE = {
    "mysql": any_hook.connection_to("mysql+pymysql://somebody:secret@127.0.0.1:1/hidden"),
    "sqlite": any_hook.connection_to("sqlite:////hidden/folder/secret.db"),
    "SQLite": {"conn_type": "sqlite", "host": "/hidden/folder/secret.db"},
    "PostgreSQL": {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "somebody", "password": "secret", "schema": "hidden"},
}


@pytest.mark.parametrize("title", list(UNREACHABLE))
def test_a_database_that_cannot_be_reached_is_told_by_its_connection(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    any_hook.register(monkeypatch.setattr)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(UNREACHABLE[title]))
    hook = BaseHook.get_connection(CONN_ID).get_hook()  # type: ignore[no-untyped-call]  # Airflow's

    with pytest.raises(
        DestinationError, match=rf"^{title} cannot be reached by the connection '{CONN_ID}' \(\w*Error.*Check the Airflow"
    ) as told:
        open_database(hook, None, "run")

    assert [word for word in ("secret", "somebody", "hidden", "127.0.0.1") if word in str(told.value)] == []
    assert told.value.__context__ is None
