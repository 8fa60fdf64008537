"""How our tasks and assets look in Airflow's UI: told apart by name, mapped tasks by their connection, assets in one group."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator, task_group

from airflow_provider_bigcommerce.assets import asset_of, create_asset, data_alias
from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
from airflow_provider_bigcommerce.state import state_asset
from airflow_provider_bigcommerce.sync import bigcommerce_sync
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.core.test_arguments import ours

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_no_two_kinds_of_task_have_the_same_name_in_the_graph() -> None:
    kinds = [kind for kind in ours(BaseOperator) if not inspect.isabstract(kind)]
    names = [getattr(kind, "custom_operator_name", kind.__name__) for kind in kinds]  # as Airflow names it

    assert len(kinds) > 8
    assert len(set(names)) == len(names)
    assert {"BigCommerce to files", "BigCommerce to a table", "BigCommerce to a lake table", "BigCommerce proof of a copy"} <= set(names)


def test_all_assets_are_in_one_group() -> None:
    assets: list[Any] = [asset_of("shop", "orders"), create_asset(conn_id="shop", resource="orders"), data_alias(), state_asset()]

    assert {each.group for each in assets} == {"bigcommerce"}


def labels(dag: Any) -> dict[str, str | None]:
    return {task.task_id: task.map_index_template for task in dag.tasks}


def test_mapped_tasks_of_many_stores_are_labelled_by_their_connection() -> None:
    with DAG("many", schedule=None, start_date=START) as dag:

        @task_group
        def store(conn_id: str, path: str) -> None:
            bigcommerce_sync(["orders", "brands"], to=path, bigcommerce_conn_id=conn_id)
            BigCommerceRequestOperator(task_id="ask", path="/v2/time", bigcommerce_conn_id=conn_id)

        store.expand_kwargs([{"conn_id": "a", "path": "/data/a"}, {"conn_id": "b", "path": "/data/b"}])

    connection = "{{ task.bigcommerce_conn_id }}"
    assert labels(dag) == {
        "store.bigcommerce_sync.orders": connection,
        "store.bigcommerce_sync.brands": connection,
        "store.bigcommerce_sync.summary": connection,
        "store.bigcommerce_sync.compact": "{{ task.path }}",
        "store.ask": connection,
    }


@pytest.mark.parametrize("conn_id", ["shop", "{{ params.store }}"])
def test_tasks_that_are_not_mapped_have_no_label(conn_id: str) -> None:
    with DAG("one", schedule=None, start_date=START) as dag:
        bigcommerce_sync(["orders"], to="/data", bigcommerce_conn_id=conn_id)

    assert set(labels(dag).values()) == {None}


def test_a_label_of_the_users_own_stays() -> None:
    with DAG("own", schedule=None, start_date=START) as dag:

        @task_group
        def store(conn_id: str) -> None:
            BigCommerceToObjectStorageOperator(
                task_id="copy", resource="orders", path="/data", bigcommerce_conn_id=conn_id, map_index_template="mine"
            )

        store.expand(conn_id=["a", "b"])

    assert labels(dag) == {"store.copy": "mine"}


def test_an_outlet_that_a_person_names_without_the_group_is_the_same_asset() -> None:
    own = Asset("bigcommerce://bigcommerce_default/orders")

    operator = BigCommerceToObjectStorageOperator(task_id="copy", resource="orders", path="/data", outlets=[own])

    assert operator.outlets == [own]  # two of one name would be two events a run
