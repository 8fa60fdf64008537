"""Watermarks in Airflow's own stores, as real tasks read and write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.state import STATE_ASSET_NAME, state_asset, state_key
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_dag import known_to_airflow

pytestmark = pytest.mark.usefixtures("airflow_home")


def watermarks() -> dict[str, Any]:
    """What Airflow keeps for the asset, read as its REST API does."""
    from airflow.models.asset import AssetModel
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetStateStoreModel.key, AssetStateStoreModel.value).join(
            AssetModel, AssetModel.id == AssetStateStoreModel.asset_id
        )
        return {key: json.loads(value) for key, value in session.execute(query.where(AssetModel.name == STATE_ASSET_NAME)).all()}


@pytest.fixture
def connected(connected: Sandbox) -> Sandbox:
    """The sandbox as ``bigcommerce_default``, its clock standing still."""
    connected.store.clock = lambda: 1_790_000_000.0
    return connected


def run_twice(dag: Any, sandbox: Sandbox) -> None:
    assert str(dag.test().state) == "success"
    sandbox.store.clock = lambda: 1_790_086_400.0
    assert str(dag.test().state) == "success"


def test_a_watermark_is_in_the_assets_state_under_its_key(connected: Sandbox, tmp_path: Path) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    with DAG("state_of_one", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), mode="incremental")
    run_twice(known_to_airflow(dag), connected)

    value = watermarks()[state_key("bigcommerce_default", "orders", f"file://{tmp_path}")]
    assert (value["store_hash"], value["watermark"]) == ("sandbox1", "2026-09-22T14:13:20Z")
    assert (value["dag_id"], value["task_id"]) == ("state_of_one", "orders")
    assert len(json.dumps(value)) < 1000
    newest, oldest = committed(str(tmp_path), "orders")
    assert oldest.window.since is None
    assert (newest.window.since, newest.rows) == ("2026-09-21T14:08:20Z", 0)


def test_a_mapped_task_without_the_assets_inlet_is_told_what_to_add(connected: Sandbox, tmp_path: Path, capsys: Any) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    with DAG("mapped_without", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator.partial(task_id="copy", path=str(tmp_path), mode="incremental").expand(resource=["orders"])
    run = known_to_airflow(dag).test()

    assert str(run.state) == "failed"
    assert "add to .partial(): inlets=[state_asset()]" in capsys.readouterr().out


def test_mapped_tasks_have_a_watermark_each(connected: Sandbox, tmp_path: Path) -> None:
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    with DAG("state_of_mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator.partial(task_id="copy", path=str(tmp_path), mode="incremental", inlets=[state_asset()]).expand(
            resource=["orders", "customers"]
        )
    run_twice(known_to_airflow(dag), connected)

    for resource in ("orders", "customers"):
        assert state_key("bigcommerce_default", resource, f"file://{tmp_path}") in watermarks()
        assert [manifest.rows for manifest in committed(str(tmp_path), resource)] == [0, connected.store.count(resource)]


def test_the_button_to_the_control_panel_is_announced_and_filled(connected: Sandbox, tmp_path: Path) -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    with DAG("link", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator(task_id="brands", resource="brands", path=str(tmp_path))
    run = known_to_airflow(dag).test()

    (instance,) = run.get_task_instances()
    address = instance.xcom_pull(task_ids="brands", key="bigcommerce_control_panel")
    assert address == "https://store-sandbox1.mybigcommerce.com/manage/products/brands"
    assert "airflow_provider_bigcommerce.links.BigCommerceControlPanelLink" in ProvidersManager().extra_links_class_names
