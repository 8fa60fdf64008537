"""The page of Airflow's UI: no data without a login, the same as on the command line with one, and no way to end the API server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from airflow_provider_bigcommerce import plugins
from airflow_provider_bigcommerce import status as status_module
from airflow_provider_bigcommerce.engine.telling import STATUS_KEY
from airflow_provider_bigcommerce.metadata_database import TaskRecord
from airflow_provider_bigcommerce.plugins import status_page
from airflow_provider_bigcommerce.plugins.status_page import URL_PREFIX, BigCommerceStatusPlugin, create_app
from airflow_provider_bigcommerce.status import status

pytestmark = pytest.mark.usefixtures("airflow_home")

COPY: dict[str, Any] = {"kind": "copy", "conn_id": "shop", "resource": "orders", "destination": "file:///x", "rows": 12}
COPY["watermark"] = "2026-01-01T00:00:00Z"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[TaskRecord]:
    """What tasks have left, in the place of Airflow's database."""
    found = [TaskRecord(STATUS_KEY, "dag", "orders", "run", datetime(2026, 1, 1, tzinfo=UTC), COPY)]
    monkeypatch.setattr(status_module, "task_records", lambda since: found)
    monkeypatch.setattr(status_module, "stored_events", lambda since: [])
    monkeypatch.setattr(status_module, "_webhooks", dict)
    return found


def opened(app: FastAPI, *, may_read: bool) -> TestClient:
    """The app, asked by somebody who may read assets or may not; who that is, is Airflow's affair."""
    [route] = [route for route in app.routes if getattr(route, "path", "") == "/api/status"]
    dependencies: Any = route
    [needed] = dependencies.dependencies

    def decides() -> None:
        if not may_read:
            raise HTTPException(403, "Forbidden")

    app.dependency_overrides[needed.dependency] = decides
    return TestClient(app)


@pytest.fixture
def client(kept: list[TaskRecord]) -> Iterator[TestClient]:
    with opened(create_app(), may_read=True) as client:
        yield client


def test_the_page_holds_no_data_and_asks_for_them_beside_itself(client: TestClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert "shop" not in answer.text
    assert re.findall(r'fetch\("([^"]*)"\)', answer.text) == ["api/status"]  # relative: below a path prefix, too


def test_the_data_are_what_the_command_line_shows(client: TestClient) -> None:
    told = client.get("/api/status").json()

    expected = status().as_json()
    for each in (*told["copies"], *expected["copies"]):
        each["lag_seconds"] = None  # the clock goes on
    assert told == expected
    assert told["copies"][0]["rows"] == 12


def test_who_may_not_read_assets_gets_nothing(kept: list[TaskRecord]) -> None:
    with opened(create_app(), may_read=False) as client:
        answer = client.get("/api/status")

    assert (answer.status_code, "shop" in answer.text) == (403, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    assert client.request(method, "/api/status").status_code == 405
    assert client.request(method, "/").status_code == 405


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/api"])
def test_there_is_no_other_page(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_database_that_cannot_be_read_is_an_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(since: datetime) -> list[TaskRecord]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(status_module, "task_records", breaks)

    answer = client.get("/api/status")

    assert answer.status_code == 503
    assert "SELECT" not in answer.text


def test_a_page_that_cannot_be_made_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> FastAPI:
        raise RuntimeError("no such template")

    monkeypatch.setattr(status_page, "create_app", breaks)
    plugin = BigCommerceStatusPlugin()

    assert plugin.fastapi_apps == []
    assert plugin.fastapi_apps is plugin.fastapi_apps  # made once


def test_the_plugin_shows_the_page_where_its_app_is() -> None:
    [view] = BigCommerceStatusPlugin.external_views
    [app] = BigCommerceStatusPlugin().fastapi_apps

    assert app["url_prefix"] == URL_PREFIX
    assert view["href"] == f"{URL_PREFIX.removeprefix('/')}/"  # with a leading slash it would not be found below a path
    assert view["destination"] == "nav"


def test_the_page_writes_what_it_is_told_as_text() -> None:
    text = resources.files(plugins).joinpath("status_page.html").read_text(encoding="utf-8")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert "prefers-color-scheme: dark" in text
    assert "max-width" in text  # a phone's screen
    assert not re.search(r"https?://", text)  # nothing is loaded from elsewhere
