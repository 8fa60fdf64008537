"""The pytest fixture `bigcommerce_sandbox`: a store of its own for each test. Nothing heavy is imported until a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.sandbox.running import TOKEN
from airflow_provider_bigcommerce.sandbox.running import Sandbox as Sandbox  # noqa: PLC0414  # exported from here

if TYPE_CHECKING:
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line(
        "markers",
        "bigcommerce_sandbox(products=10, orders=5, customers=5, seed=1, quota='none', latency_ms=0, fault_rate=0, tls=False, db=None, "
        "client_id=None, client_secret=None, unknown_filters='ignore', recorded_values=True, faults='', stock_delay=0, b2b=True): "
        "what the store of the bigcommerce_sandbox fixture is like",
    )


@pytest.fixture
def bigcommerce_sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """A BigCommerce store on localhost, gone after the test.

    Change it with `@pytest.mark.bigcommerce_sandbox(products=1000, quota="150/30")`. The quota is unlimited unless asked for.
    """
    from airflow_provider_bigcommerce.sandbox.faults import Faults
    from airflow_provider_bigcommerce.sandbox.quota import Quota
    from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
    from airflow_provider_bigcommerce.sandbox.store import Store

    wanted: dict[str, Any] = {
        "products": 10,
        "orders": 5,
        "customers": 5,
        "seed": 1,
        "quota": "none",
        "latency_ms": 0.0,
        "fault_rate": 0.0,
        "tls": False,
        "db": None,
        "client_id": None,
        "client_secret": None,
        "unknown_filters": "ignore",
        "recorded_values": True,
        "faults": "",
        "stock_delay": 0.0,
        "b2b": True,
    }
    marker = request.node.get_closest_marker("bigcommerce_sandbox")
    given = dict(marker.kwargs) if marker is not None else {}
    unknown = sorted(set(given) - set(wanted))
    if unknown:
        raise pytest.UsageError(f"marker bigcommerce_sandbox knows no {', '.join(unknown)}; it knows {', '.join(wanted)}")
    wanted |= given
    faults = Faults(wanted["seed"], wanted["fault_rate"])
    faults.add_endpoints(wanted["faults"])
    store = Store(
        seed=wanted["seed"],
        products=wanted["products"],
        orders=wanted["orders"],
        customers=wanted["customers"],
        tokens={TOKEN: None},
        quota=Quota.parse(wanted["quota"]),
        faults=faults,
        db=wanted["db"],
        unknown_filters=wanted["unknown_filters"],
        recorded_values=wanted["recorded_values"],
        b2b=wanted["b2b"],
    )
    store.latency_ms = wanted["latency_ms"]
    store.stock.delay = wanted["stock_delay"]
    store.webhooks.client_secret = wanted["client_secret"]
    context = ca_file = None
    if wanted["tls"]:
        from airflow_provider_bigcommerce.sandbox import tls

        folder = tmp_path / "bigcommerce-sandbox-tls"
        folder.mkdir()
        certificate = tls.make(folder)
        context, ca_file = certificate.context, certificate.ca_file
    with ThreadedServer(Server(store, tls=context, ca_file=ca_file)) as server:
        found = connection(server, TOKEN, client_id=wanted["client_id"], client_secret=wanted["client_secret"])
        yield Sandbox(server.url, found, store, ca_file)
