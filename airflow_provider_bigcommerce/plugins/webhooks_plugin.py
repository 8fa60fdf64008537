"""The Airflow plugin: mounts the receiver of webhooks in the API server, where connections are listed for it.

Read by every component of Airflow at its start, so it imports nothing of weight. Nothing that goes wrong here may reach Airflow: an
exception in ``fastapi_apps`` would end the API server.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_bigcommerce.compat import AIRFLOW_VERSION, has_event_filters

log = logging.getLogger(__name__)

#: Where the receiver is mounted below the API server's base URL; the route within is ``/webhooks/<conn_id>``.
URL_PREFIX = "/bigcommerce"


class BigCommercePlugin(AirflowPlugin):
    """``POST <base_url>/bigcommerce/webhooks/<conn_id>``, where ``[bigcommerce] webhook_connections`` lists connections."""

    name = "bigcommerce"

    def __init__(self) -> None:
        super().__init__()
        self._apps: list[dict[str, Any]] | None = None

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow reads it as the attribute that it declares
        """The receiver's app; empty where no connection is listed, on Airflow below 3.2, and where it cannot be made. Made once."""
        if self._apps is None:
            try:
                self._apps = _apps()
            except Exception:  # an exception here ends the API server, whatever it is
                log.exception("The receiver of BigCommerce's webhooks could not be created. Nothing is received; Airflow runs without it.")
                self._apps = []
        return self._apps


def _apps() -> list[dict[str, Any]]:
    from airflow_provider_bigcommerce.engine.webhook_settings import read_settings

    settings = read_settings()
    if not settings.connections:
        return []
    if not has_event_filters():
        log.warning(
            "[bigcommerce] webhook_connections lists connections, but webhooks need Airflow 3.2 or later, and this is %s: nothing is "
            "received.",
            AIRFLOW_VERSION,
        )
        return []
    from airflow_provider_bigcommerce.plugins.receiver import create_app

    log.info("Webhooks of BigCommerce are received for the connections %s.", ", ".join(settings.connections))
    return [{"app": create_app(settings), "url_prefix": URL_PREFIX, "name": "BigCommerce webhooks"}]
