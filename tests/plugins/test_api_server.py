"""A real API server: webhooks are made through its address, deliveries become events, a kill loses none that was answered, and a broken
setting leaves it up."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.assets import changes_uri
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_server import AirflowServer, until

DAG = """
from datetime import datetime
from airflow.sdk import DAG
from airflow_provider_bigcommerce.assets import changes_asset

with DAG("listening", schedule=[changes_asset("bigcommerce_default", "products")], start_date=datetime(2026, 1, 1)):
    pass
"""
PLUGIN = "from airflow_provider_bigcommerce.plugins.webhooks_plugin import BigCommercePlugin as BigCommercePlugin\n"
_URI = changes_uri("bigcommerce_default", "products")


def mount_the_plugin(home: Path) -> None:
    """Have an Airflow find the plugin, where the install is editable and older than the entry point."""
    if not entry_points(group="airflow.plugins", name="bigcommerce"):
        (home / "plugins").mkdir(parents=True)
        (home / "plugins" / "mounted.py").write_text(PLUGIN)


def told(server: AirflowServer) -> list[int]:
    """The ids of all events of the asset."""
    found: list[int] = []
    while True:
        page = server.request("GET", f"/api/v2/assets/events?limit=100&offset={len(found)}")["asset_events"]
        found += page
        if len(page) < 100:
            return [key for event in found for key in event["extra"]["payload"]["ids"] if event["uri"] == _URI]  # type: ignore[index]


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
@pytest.mark.bigcommerce_sandbox(client_secret="the-client-secret")
def test_deliveries_reach_an_api_server_and_none_that_it_answered_is_lost(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, dags = tmp_path / "home", tmp_path / "dags"
    dags.mkdir()
    (dags / "listening.py").write_text(DAG)
    mount_the_plugin(home)
    env = {
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(connected.connection),
        "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS": "bigcommerce_default",
        "AIRFLOW__BIGCOMMERCE__WEBHOOK_SIGNATURE": "required",
    }
    store = connected.store
    server = AirflowServer(home, env, dags, component="api-server")
    server.prepare()
    server.airflow("dags", "reserialize")
    with server:
        monkeypatch.setenv("AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL", server.url)
        made = BigCommerceWebhooksOperator(task_id="webhooks", resource="products").execute({})
        assert (made["checks_secret"], len(made["created"])) == (True, 5)
        product_id = store.tables["products"].ids()[0]
        store.edit_product(product_id, name="Renamed")
        assert [attempt.status for attempt in connected.deliver()] == [200]
        assert told(server) == [product_id]

        # A burst, and the server is killed when a part of it was answered.
        store.webhooks.parallel = 20
        store.webhooks.attempts.clear()
        for n in range(1, 601):
            store.webhooks.emit("store/product/updated", {"type": "product", "id": 10_000 + n})
        sending = threading.Thread(target=connected.deliver, daemon=True)
        sending.start()
        until(lambda: len(store.webhooks.attempts) >= 150, "150 answers", 60, every=0.01)
        server.kill()
        sending.join(timeout=120)
        assert not sending.is_alive()
        assert 150 <= sum(attempt.is_success for attempt in store.webhooks.attempts) < 600
    with server:
        stored = set(told(server))
        answered = sum(attempt.is_success for attempt in store.webhooks.attempts)
        assert len(stored - {product_id}) >= answered  # more where a commit ended and its answer did not get out
        now = store.clock()
        while store.webhooks.waiting():  # the retries, and those of a domain that was blocked meanwhile
            now += 3600
            connected.deliver(now)
        assert set(told(server)) == {product_id, *range(10_001, 10_601)}
    server.env["AIRFLOW__BIGCOMMERCE__WEBHOOK_FLUSH_MS"] = "never"
    with server:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{server.url}/bigcommerce/webhooks/bigcommerce_default", data=b"{}"))
        assert refused.value.code in (404, 405)
    log: Any = server.log_file.read_text()
    assert "could not be created" in log
