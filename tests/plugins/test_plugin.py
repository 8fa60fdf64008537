"""The plugin: nothing is mounted until connections are listed, and nothing that breaks ends the API server."""

from __future__ import annotations

import logging
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider_bigcommerce.compat import has_event_filters
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings, destination_of, read_settings
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.get_provider_info import get_provider_info
from airflow_provider_bigcommerce.plugins import receiver, webhooks_plugin
from airflow_provider_bigcommerce.plugins.webhooks_plugin import BigCommercePlugin

LISTED = "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS"


def api_server_with(plugin: BigCommercePlugin, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """An app that Airflow itself mounts the plugin in, and whose lifespan it runs, without the rest of the API server."""
    from airflow import plugins_manager
    from airflow.api_fastapi import app as airflow_app

    monkeypatch.setattr(plugins_manager, "get_fastapi_plugins", lambda: ([*plugin.fastapi_apps], []))
    app = FastAPI(lifespan=airflow_app.lifespan)

    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    app.add_api_route("/health", health)
    airflow_app.init_plugins(app)
    return app


@pytest.mark.compat
def test_the_route_is_made_where_this_airflow_can_read_events_and_else_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LISTED, "shop")
    assert [app["url_prefix"] for app in BigCommercePlugin().fastapi_apps] == ["/bigcommerce"] * has_event_filters()


def test_nothing_is_mounted_until_connections_are_listed() -> None:
    assert BigCommercePlugin().fastapi_apps == []


def test_a_listed_connection_has_a_route_in_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LISTED, "shop, other ,")
    plugin = BigCommercePlugin()
    with TestClient(api_server_with(plugin, monkeypatch)) as client:
        assert client.post("/bigcommerce/webhooks/shop").status_code in (401, 503)  # there is no such connection here
        assert client.post("/bigcommerce/webhooks/none").status_code == 401
        assert client.get("/bigcommerce/webhooks/shop").status_code == 405
    first, second = plugin.fastapi_apps[0]["app"], plugin.fastapi_apps[0]["app"]
    assert first is second  # made once: Airflow asks several times


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken on purpose")


@pytest.mark.parametrize("part", ["create_app", "Receiver", "GroupCommit"])
def test_a_receiver_that_cannot_be_made_leaves_the_api_server_up(
    part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LISTED, "shop")
    monkeypatch.setattr(receiver, part, broken)
    with TestClient(api_server_with(BigCommercePlugin(), monkeypatch)) as client:
        assert client.get("/health").status_code == 200
        assert client.post("/bigcommerce/webhooks/shop").status_code == 404
    assert "could not be created" in caplog.text


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("webhook_connections", "a/b", "cannot be part of an address"),
        ("webhook_connections", "shop,..", "cannot be part of an address"),
        ("webhook_signature", "maybe", "accepted are if_present and required"),
        ("webhook_flush_ms", "-1", "whole numbers from 0 to 10000"),
        ("webhook_flush_ms", "0.1", "whole numbers from 0 to 10000"),
        ("webhook_max_body", "10", "whole numbers from 1024"),
        ("webhook_max_body", "9" * 30, "whole numbers from 1024"),
    ],
)
def test_a_setting_that_cannot_be_is_told_and_mounts_nothing(
    option: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LISTED, "shop")
    monkeypatch.setenv(f"AIRFLOW__BIGCOMMERCE__{option.upper()}", value)
    with pytest.raises(InvalidQueryError, match=reason):
        read_settings()
    assert BigCommercePlugin().fastapi_apps == []
    assert reason in caplog.text


def test_a_module_of_ours_that_cannot_be_imported_leaves_the_api_server_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LISTED, "shop")
    monkeypatch.setitem(sys.modules, "airflow_provider_bigcommerce.plugins.receiver", None)
    with TestClient(api_server_with(BigCommercePlugin(), monkeypatch)) as client:
        assert client.get("/health").status_code == 200


def test_on_an_airflow_that_cannot_read_events_nothing_is_mounted_and_it_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LISTED, "shop")
    monkeypatch.setattr(webhooks_plugin, "has_event_filters", lambda: False)
    caplog.set_level(logging.WARNING)
    plugin = BigCommercePlugin()
    assert [plugin.fastapi_apps for _ in range(3)] == [[], [], []]
    assert caplog.text.count("webhooks need Airflow 3.2 or later") == 1


def test_the_settings_have_the_defaults_that_are_declared_for_airflow() -> None:
    options = get_provider_info()["config"]["bigcommerce"]["options"]
    declared = {name: option["default"] for name, option in options.items()}
    assert read_settings(declared.get) == read_settings(lambda _: None) == ReceiverSettings()
    read_at: list[str] = []
    assert read_settings(read_at.append) == ReceiverSettings()
    assert sorted(read_at) == sorted(options)


def test_settings_are_read_from_airflows_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for option, value in (
        ("CONNECTIONS", "shop,shop, two"),
        ("BASE_URL", "https://in.example.com/af/"),
        ("SIGNATURE", "required"),
        ("FLUSH_MS", "250"),
        ("MAX_BODY", "2048"),
    ):
        monkeypatch.setenv(f"AIRFLOW__BIGCOMMERCE__WEBHOOK_{option}", value)
    settings = read_settings()
    assert settings == ReceiverSettings(("shop", "two"), "https://in.example.com/af", "required", 0.25, 2048)
    assert destination_of(settings.base_url, "shop") == "https://in.example.com/af/bigcommerce/webhooks/shop"


def test_the_plugin_is_announced_to_airflow(project: Path) -> None:
    announced = tomllib.loads((project / "pyproject.toml").read_text())["project"]["entry-points"]["airflow.plugins"]
    assert announced["bigcommerce"] == f"{BigCommercePlugin.__module__}:{BigCommercePlugin.__name__}"
