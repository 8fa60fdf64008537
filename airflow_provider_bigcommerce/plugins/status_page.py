"""The page "BigCommerce" in Airflow's UI: where every copy stands, by the same function as ``airflow-bigcommerce status``.

Every component of Airflow reads this module at its start, so it imports nothing of weight. The page itself holds no data: it asks
``api/status``, which Airflow's own session authorizes (reading assets). Nothing is asked of BigCommerce.
"""

from __future__ import annotations

import logging
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)

#: Where the page's app is mounted below the API server's base URL.
URL_PREFIX: Final = "/bigcommerce-status"

#: The page has its own style and script within, and asks its own server alone.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
}


class BigCommerceStatusPlugin(AirflowPlugin):
    """A page below "Browse" in Airflow's navigation; Airflow shows it in a frame of its own UI."""

    name = "bigcommerce_status"
    #: Without a leading slash, Airflow resolves it by its base URL, also below a path.
    external_views = [  # noqa: RUF012  # Airflow's own declaration
        {"name": "BigCommerce", "href": f"{URL_PREFIX[1:]}/", "destination": "nav", "category": "browse", "url_route": "bigcommerce"}
    ]

    def __init__(self) -> None:
        super().__init__()
        self._apps: list[dict[str, Any]] | None = None

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow reads it as the attribute that it declares
        """The page's app; empty where it cannot be made. Made once."""
        if self._apps is None:
            try:
                self._apps = [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "BigCommerce status"}]
            except Exception:  # an exception here ends the API server, whatever it is
                log.exception("The BigCommerce page could not be made; Airflow continues without it.")
                self._apps = []
        return self._apps


def create_app() -> FastAPI:
    """The page, and the data that it asks for."""
    from airflow.api_fastapi.core_api.security import requires_access_asset
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse, JSONResponse
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_bigcommerce import status

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    text = resources.files(__package__ or "").joinpath("status_page.html").read_text(encoding="utf-8")

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(text, headers=_HEADERS)

    @app.get("/api/status", dependencies=[Depends(requires_access_asset(method="GET"))])
    def copies() -> JSONResponse:
        try:
            found = status.status().as_json()
        except SQLAlchemyError as error:
            log.warning("The BigCommerce page could not read Airflow's database (%s).", type(error).__name__)
            return JSONResponse({"detail": "Airflow's database could not be read."}, status_code=503, headers=_HEADERS)
        return JSONResponse(found, headers=_HEADERS)

    return app
