"""From a change in the sandbox to events in Airflow's metadata database, in process, and on the Airflow that is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_bigcommerce.assets import changes_asset, changes_uri
from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION, has_event_filters, known_assets, register_asset_events
from airflow_provider_bigcommerce.core.webhooks import Change, Secrets
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings
from airflow_provider_bigcommerce.plugins.asset_events import AssetEvents, Delivery
from airflow_provider_bigcommerce.plugins.receiver import create_app, load_secrets
from airflow_provider_bigcommerce.sandbox import deliveries
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_dag import known_to_airflow

pytestmark = pytest.mark.usefixtures("airflow_home")

#: No other DAG mentions its assets: those of the examples, which other tests make known to the same Airflow, are of another connection.
CONN_ID = "store_of_webhooks"


@pytest.fixture
def listening() -> Iterator[str]:
    """The id of a DAG that waits for changes of products and orders."""
    from airflow.models.dag import DagModel
    from airflow.sdk import DAG
    from airflow.utils.session import create_session

    assets = [changes_asset(CONN_ID, name) for name in ("products", "orders")]
    with DAG("listening", schedule=(assets[0] | assets[1]), start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        pass
    known_to_airflow(dag)
    with create_session() as session:
        session.get(DagModel, "listening").is_paused = False
    yield "listening"
    with create_session() as session:
        session.get(DagModel, "listening").is_paused = True
    _forget()


def _forget() -> None:
    from airflow.models.asset import AssetDagRunQueue, AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(AssetEvent))
        session.execute(delete(AssetDagRunQueue))


def events() -> list[tuple[str, dict[str, Any]]]:
    """Asset and payload of the events that Airflow holds."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetModel.uri, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        query = query.where(AssetModel.uri.startswith(f"bigcommerce://{CONN_ID}/")).order_by(AssetEvent.id)
        return [(uri, extra["payload"]) for uri, extra in session.execute(query).all()]


def queued() -> list[tuple[str, str]]:
    """Assets whose events made Airflow queue a DAG, and that DAG."""
    from airflow.models.asset import AssetDagRunQueue, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetModel.uri, AssetDagRunQueue.target_dag_id).join(AssetModel, AssetModel.id == AssetDagRunQueue.asset_id)
        query = query.where(AssetModel.uri.startswith(f"bigcommerce://{CONN_ID}/"))
        return sorted((uri, dag_id) for uri, dag_id in session.execute(query).all())


@pytest.mark.compat
def test_from_airflow_3_2_on_an_assets_events_can_be_asked_for_since_a_moment() -> None:
    assert has_event_filters() is not AIRFLOW_VERSION.startswith("3.1.")


def test_only_assets_that_a_dag_mentions_are_known(listening: str) -> None:
    uris = [changes_uri(CONN_ID, name) for name in ("products", "customers")]
    assert known_assets(uris) == {uris[0]}


@pytest.mark.compat
def test_an_event_is_written_and_the_dag_that_waits_for_it_is_queued(listening: str) -> None:
    uri = changes_uri(CONN_ID, "products")
    assert register_asset_events([(uri, {"payload": {"ids": [1]}}), ("bigcommerce://nobody/changes/x", {"payload": {}})]) == 1
    assert events() == [(uri, {"ids": [1]})]
    assert queued() == [(uri, listening)]


@pytest.mark.compat
def test_an_event_for_a_paused_dag_is_written_and_queues_nothing(listening: str) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.get(DagModel, listening).is_paused = True
    uri = changes_uri(CONN_ID, "products")
    assert register_asset_events([(uri, {"payload": {"ids": [1]}})]) == 1
    assert (events(), queued()) == ([(uri, {"ids": [1]})], [])  # its next run reads it by its cursor, whatever starts that run


def test_a_batch_that_fails_in_its_middle_writes_nothing(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.assets.manager import asset_manager

    uris = [changes_uri(CONN_ID, name) for name in ("products", "orders")]
    register = asset_manager.register_asset_change

    def second_fails(*, asset: Any, **more: Any) -> Any:
        if asset.name == uris[1]:
            raise OSError("the database is gone")
        return register(asset=asset, **more)

    monkeypatch.setattr(asset_manager, "register_asset_change", second_fails)
    with pytest.raises(OSError, match="is gone"):
        register_asset_events([(uri, {"payload": {}}) for uri in uris])
    assert events() == []
    assert queued() == []


def test_a_batch_is_one_event_a_connection_and_resource_and_none_for_what_nobody_listens_to(listening: str) -> None:
    def told(resource: str, *keys: int, conn_id: str = CONN_ID) -> Delivery:
        return Delivery(conn_id, "abc123", tuple(Change(resource, key, (), False, None) for key in keys))

    batch = [
        told("products", 1, 2),
        told("orders", 100),
        told("products", 2, 3),
        told("customers", 9),
        told("products", 5, conn_id="other"),
    ]
    AssetEvents().commit(batch)
    assert [(uri.rpartition("/")[2], payload["ids"]) for uri, payload in events()] == [("products", [1, 2, 3]), ("orders", [100])]


def test_whether_an_asset_is_there_is_asked_once_in_half_a_minute() -> None:
    asked: list[list[str]] = []
    written: list[Any] = []
    now = [0.0]

    def find(names: Any) -> set[str]:
        asked.append(list(names))
        return set(names) if now[0] > 10 else set()

    sink = AssetEvents(clock=lambda: 1.8e9, monotonic=lambda: now[0], find=find, register=lambda found: written.extend(found) or len(found))
    for moment in (0.0, 30.0, 30.1, 40.0):
        now[0] = moment
        sink.commit([Delivery("shop", "abc123", (Change("products", 1, (), False, None),))])
    assert [len(names) for names in asked] == [1, 1]
    assert [name for name, _ in written] == ["bigcommerce://shop/changes/products"] * 2


@pytest.mark.bigcommerce_sandbox(client_secret="the-client-secret")
def test_a_change_in_the_store_becomes_an_event_of_its_asset(connected: Sandbox, listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connected.connection))
    settings = ReceiverSettings((CONN_ID,), signature="required", flush_seconds=0.0)
    secrets = load_secrets(CONN_ID)
    assert secrets == Secrets("sandbox1", connected.token, "the-client-secret")
    product_id = connected.store.tables["products"].ids()[0]
    order_id = connected.store.tables["orders"].ids()[0]
    with TestClient(create_app(settings)) as client:

        def post(_destination: str, body: bytes, headers: dict[str, str], _timeout: float) -> int:
            return client.post(f"/webhooks/{CONN_ID}", content=body, headers=headers).status_code

        monkeypatch.setattr(deliveries, "post", post)
        mine = {"X-Airflow-BigCommerce": secrets.header}
        for n, (scope, headers) in enumerate((("store/product/*", mine), ("store/order/*", mine), ("store/product/*", {}))):
            destination = f"http://127.0.0.1:9/{n}"
            connected.store.add("webhooks", scope=scope, destination=destination, headers=headers, is_active=True)
        connected.store.edit_product(product_id, name="Renamed")
        connected.store.delete("orders", order_id)
        statuses = [(attempt.scope, attempt.status) for attempt in connected.deliver()]

    assert statuses == [("store/product/updated", 200), ("store/product/updated", 401), ("store/order/archived", 200)]
    (products, product), (orders, order) = events()
    assert (products, orders) == tuple(changes_uri(CONN_ID, name) for name in ("products", "orders"))
    assert (product["ids"], product["deleted"], product["store_hash"], product["via"]) == ([product_id], [], "sandbox1", "webhook")
    assert (order["ids"], order["deleted"]) == ([], [order_id])
    assert json.loads(json.dumps(product)) == product
    assert queued() == sorted([(orders, listening), (products, listening)])
