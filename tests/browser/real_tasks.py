"""Real tasks against the sandbox, for the picture of the status page: ``python -m tests.browser.real_tasks FOLDER`` in an Airflow's home.

Writes ``FOLDER/status.json``, what the page is told of them. ``status_picture.py`` starts it.

Two stores are copied, proved and told of changes; one token may not read price lists, one webhook was switched off and is mended.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_bigcommerce.assets import changes_uri
from airflow_provider_bigcommerce.compat import register_asset_events
from airflow_provider_bigcommerce.core.webhooks import Change, payloads
from airflow_provider_bigcommerce.engine import subscribing
from airflow_provider_bigcommerce.events import changes
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.operators.webhooks import BigCommerceWebhooksOperator
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.running import TOKEN
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.status import status
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_dag import known_to_airflow

RESOURCES = {"shop": ("brands", "customers", "orders", "order_products", "products"), "outlet": ("orders", "products")}
BASE_URL = "https://webhooks.example.com"


def copying(conn_id: str, store: Store, folder: Path) -> Any:
    """The DAG of one store."""
    where: dict[str, Any] = {"path": f"file://{folder}/{conn_id}", "bigcommerce_conn_id": conn_id}
    resources = RESOURCES[conn_id]
    told = [name for name in resources if name not in ("brands", "order_products")]
    with DAG(f"{conn_id}_live", schedule=changes(*told, "carts", conn_id=conn_id), start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        copies = [BigCommerceToObjectStorageOperator(task_id=name, resource=name, mode="incremental", **where) for name in resources]
        copies[-1] >> BigCommerceReconcileOperator(task_id="prove", resource=resources[-1], **where)
        if conn_id == "shop":
            BigCommerceToObjectStorageOperator(task_id="price_lists", resource="price_lists", **where)
            hooks: dict[str, Any] = {"resource": ["orders", "products"], "bigcommerce_conn_id": conn_id}

            @task
            def switch_off() -> None:
                """As a person does it in the control panel."""
                found = next(row for row in store.tables["webhooks"].rows() if row["destination"].startswith(BASE_URL))
                store.edit("webhooks", found["id"], is_active=False, updated_at=store.now() - 3 * 3600)

            made = BigCommerceWebhooksOperator(task_id="make_webhooks", **hooks)
            made >> switch_off() >> BigCommerceWebhooksOperator(task_id="webhooks", **hooks)
    return known_to_airflow(dag)


def main(folder: Path) -> None:
    """Run each DAG once, then tell of changes as the receiver does."""
    subscribing.post = lambda *_: 200  # in the place of the public address
    os.environ["AIRFLOW__BIGCOMMERCE__WEBHOOK_BASE_URL"] = BASE_URL
    with ExitStack() as stack:
        for number, conn_id in enumerate(RESOURCES):
            like: dict[str, Any] = {"products": 140, "orders": 60, "customers": 40, "quota": Quota.parse("450/30")}
            store = Store(seed=number + 1, store_hash=f"{conn_id}01", tokens={TOKEN: None}, **like)
            server = stack.enter_context(ThreadedServer(Server(store)))
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection(server, TOKEN))
            store.fail_next(1, "answer", match="/v3/pricelists", status=403, body=b"{}")
            store.edit("brands", store.tables["brands"].ids()[0], care_label="wash cold")
            copying(conn_id, store, folder).test()
            rows = [Change("orders", key, (), False, None) for key in store.tables["orders"].ids()[:3]]
            rows += [Change("products", store.tables["products"].ids()[0], (), False, None), Change("carts", "a-cart", (), False, None)]
            told = payloads(rows, store.store_hash, datetime.now(UTC).timestamp())
            register_asset_events([(changes_uri(conn_id, resource), {"payload": payload}) for resource, payload in told])
    (folder / "status.json").write_text(json.dumps(status().as_json()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
