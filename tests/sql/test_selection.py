"""A table takes the arguments that say which rows are read as files do: the same ones, by the same rules."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator
from tests.sql.warehouse import CONN_ID, Warehouse


@pytest.mark.parametrize("operator", [BigCommerceToObjectStorageOperator, BigCommerceToSqlOperator])
def test_every_transfer_takes_the_arguments_of_the_selection_and_renders_them(operator: type[BigCommerceTransferOperator]) -> None:
    own = inspect.signature(operator.__init__).parameters.keys()
    shared = inspect.signature(BigCommerceTransferOperator.__init__).parameters.keys()

    assert own & shared == {"self", "kwargs"}
    assert set(BigCommerceTransferOperator.template_fields) <= set(operator.template_fields)


def test_chosen_fields_are_alone_in_the_table_and_its_columns_stay(warehouse: Warehouse) -> None:
    warehouse.run("customers", fields=["company"], exclude_fields=["email"])

    customers = warehouse.sandbox.store.rows("customers")
    rows = warehouse.query("SELECT id, company, email, first_name, _extra FROM customers ORDER BY id")
    assert rows == [(row["id"], row["company"], None, None, None) for row in sorted(customers, key=lambda row: row["id"])]


def test_a_channel_narrows_what_is_loaded(warehouse: Warehouse) -> None:
    with pytest.raises(InvalidQueryError, match="cannot be narrowed to a channel"):
        warehouse.run("brands", channel_id=1)
    warehouse.sandbox.store.requests.clear()
    warehouse.run("orders", channel_id=1)

    assert all("channel_id=1" in request.query for request in warehouse.sandbox.store.requests if request.path == "/v2/orders")


def test_children_of_some_parents_are_loaded_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    store = warehouse.sandbox.store
    [first, second, third, *_] = store.rows("orders")
    warehouse.run("order_products", parent_ids=[first["id"]])
    assert set(warehouse.column("SELECT order_id FROM order_products")) == {first["id"]}

    files = BigCommerceToObjectStorageOperator(
        task_id="orders", resource="orders", path=str(tmp_path / "files"), query={"min_id": second["id"], "max_id": third["id"]}
    )
    files.execute({})
    warehouse.run("order_products", parents_from=str(tmp_path / "files"))
    assert set(warehouse.column("SELECT order_id FROM order_products")) == {first["id"], second["id"], third["id"]}

    with pytest.raises(InvalidQueryError, match="parent_ids or parents_from, not both"):
        warehouse.run("order_products", parents_from=str(tmp_path / "files"), parent_ids=[1])


def test_filters_of_the_parents_narrow_what_is_loaded(warehouse: Warehouse) -> None:
    status = warehouse.sandbox.store.rows("orders")[0]["status_id"]
    warehouse.run("order_products", parent_query={"status_id": status})

    orders = {row["id"] for row in warehouse.sandbox.store.rows("orders") if row["status_id"] == status}
    assert set(warehouse.column("SELECT order_id FROM order_products")) == orders


def test_what_a_template_will_fill_is_not_judged_before() -> None:
    BigCommerceToSqlOperator(task_id="t", resource="{{ params.resource }}", conn_id=CONN_ID, mode="incremental")
