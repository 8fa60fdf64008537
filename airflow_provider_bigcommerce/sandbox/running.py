"""A running store as tests hold it: where it listens, how to connect, and its state. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_bigcommerce.sandbox.deliveries import Attempt
    from airflow_provider_bigcommerce.sandbox.faults import Faults
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

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose: `sandbox.faults.odd("^/v3/customers", nth=2, answer="empty")`."""
        return self.store.planned_faults

    def deliver(self, now: float | None = None) -> list[Attempt]:
        """Send the webhooks that are due, retries too; nothing is sent by itself here.

        :param now: up to when, in seconds of the store's clock; None for its present.
        """
        return self.store.webhooks.deliver(now)

    def listed(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Every row that a list of the store shows, over all its pages: what a full read must find.

        :param path: the list's path with its keys filled in, `/v2/orders/100/taxes`.
        :param query: filters.
        """
        from airflow_provider_bigcommerce.sandbox.all_routes import listed

        return listed(self.store, path, query)
