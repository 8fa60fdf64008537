"""The pytest fixture `bigcommerce_sandbox`: a store of its own for each test. Nothing heavy is imported until a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bigcommerce.sandbox.store import Store

TOKEN = "sandbox-access-token"


@dataclass(frozen=True)
class Sandbox:
    """A running store.

    :param url: base URL, `http://127.0.0.1:PORT`; the API is at `{url}/stores/{store_hash}/v3`.
    :param connection: the Airflow connection as `AIRFLOW_CONN_...` JSON holds it: conn_type, host, extra.
    :param store: its state, to arrange and assert.
    :param ca_file: what a client must trust, where the test asked for TLS.
    """

    url: str
    connection: dict[str, Any]
    store: Store
    ca_file: Path | None

    @property
    def token(self) -> str:
        """An access token with all scopes."""
        return TOKEN

    @property
    def store_hash(self) -> str:
        """The store's hash."""
        return self.store.store_hash

    def listed(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Every row that a list of the store shows, over all its pages: what a full read must find.

        :param path: the list's path with its keys filled in, `/v2/orders/100/taxes`.
        :param query: filters.
        """
        from airflow_provider_bigcommerce.sandbox.all_routes import listed

        return listed(self.store, path, query)


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line(
        "markers",
        "bigcommerce_sandbox(products=10, orders=5, customers=5, seed=1, quota='none', latency_ms=0, fault_rate=0, tls=False, db=None, "
        "client_id=None, client_secret=None): what the store of the bigcommerce_sandbox fixture is like",
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
    }
    marker = request.node.get_closest_marker("bigcommerce_sandbox")
    given = dict(marker.kwargs) if marker is not None else {}
    unknown = sorted(set(given) - set(wanted))
    if unknown:
        raise pytest.UsageError(f"marker bigcommerce_sandbox knows no {', '.join(unknown)}; it knows {', '.join(wanted)}")
    wanted |= given
    store = Store(
        seed=wanted["seed"],
        products=wanted["products"],
        orders=wanted["orders"],
        customers=wanted["customers"],
        tokens={TOKEN: None},
        quota=Quota.parse(wanted["quota"]),
        faults=Faults(wanted["seed"], wanted["fault_rate"]),
        db=wanted["db"],
    )
    store.latency_ms = wanted["latency_ms"]
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
