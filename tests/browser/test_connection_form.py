"""Claims about what we show in Airflow, seen in a real browser on a real Airflow: the connection form (fields in order, masked ones
masked, secrets kept on edit), and the page of the status.

``BIGCOMMERCE_SCREENSHOT=path.png`` also writes the form's picture there (the one in docs/images).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tests.airflow_server import AirflowServer
from tests.listener import Answer, Listener

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TOKEN = "tok-browser-9f8e7d6c5b"
SECRET = "cs-browser/+=&?#%-1a2b3c"


@pytest.fixture(scope="module")
def airflow(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """An API server; asks for the browser first, so that without one nothing is started."""
    home = tmp_path_factory.mktemp("airflow")
    if "bigcommerce_status" not in entry_points(group="airflow.plugins").names:  # installed before there was the page
        (home / "plugins").mkdir()
        shim = "from airflow_provider_bigcommerce.plugins.status_page import BigCommerceStatusPlugin\n"
        (home / "plugins" / "status.py").write_text(shim)
    with AirflowServer(home, {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}, component="api-server") as server:
        yield server


@pytest.fixture(scope="module")
def page(chromium: str, airflow: AirflowServer) -> Iterator[Any]:
    """A browser page that is logged in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1000, "height": 1500}, device_scale_factor=1.5, locale="en-US").new_page()
        page.set_default_timeout(150_000)  # a busy machine needs a minute for Airflow's first page
        page.goto(f"{airflow.url}/auth/login?next={airflow.url}/connections")
        page.locator("input[name=username]").fill(airflow.username)
        page.locator("input[name=password]").fill(airflow.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Add Connection").first.wait_for()
        yield page
        browser.close()


def stored_extra(airflow: AirflowServer, conn_id: str) -> dict[str, Any]:
    """The extra as a task gets it: what the database holds, decrypted."""
    exported = airflow.home / "exported.json"
    airflow.airflow("connections", "export", str(exported), "--file-format", "json")
    connection = json.loads(exported.read_text())[conn_id]
    exported.unlink()
    extra = connection["extra"]
    return dict(json.loads(extra) if isinstance(extra, str) else extra)


def open_form(page: Any, airflow: AirflowServer) -> Any:
    """The Add Connection dialog with BigCommerce chosen."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("BigCommerce")
    page.get_by_role("option", name="BigCommerce", exact=True).click()
    dialog.get_by_text("API base URL").wait_for(state="visible")
    return dialog


def open_extra_fields(dialog: Any) -> None:
    """Unfold our fields; Airflow shows the standard fields first."""
    dialog.get_by_role("button", name="Extra Fields", exact=True).click()
    dialog.locator("#element_store_hash").wait_for(state="visible")
    dialog.get_by_text("API base URL").wait_for(state="hidden")  # one section folds while the other unfolds


def visible_labels(dialog: Any) -> list[str]:
    """Labels on the form now, in order, as a person reads them."""
    return [" ".join(label.inner_text().split()) for label in dialog.locator("label").all() if label.is_visible()]


def test_a_person_sees_our_fields_in_order_with_the_secret_ones_masked(page: Any, airflow: AirflowServer) -> None:
    dialog = open_form(page, airflow)
    assert visible_labels(dialog) == ["Connection ID *", "Connection Type *", "Description", "API base URL"]
    assert dialog.locator("input[name=host]").get_attribute("placeholder") == "leave empty for https://api.bigcommerce.com"
    open_extra_fields(dialog)
    assert visible_labels(dialog)[2:] == ["Store hash *", "Access token *", "Client ID", "Client secret"]
    kinds = {
        name: dialog.locator(f"#element_{name}").get_attribute("type")
        for name in ("store_hash", "access_token", "client_id", "client_secret")
    }
    assert kinds == {"store_hash": None, "access_token": "password", "client_id": None, "client_secret": "password"}
    assert dialog.get_by_text("Settings > Store-level API accounts").is_visible()
    assert dialog.get_by_text("https://store-abc123.mybigcommerce.com").is_visible()


def test_saving_waits_for_store_hash_and_token_and_keeps_what_was_typed(page: Any, airflow: AirflowServer) -> None:
    dialog = open_form(page, airflow)
    save = dialog.get_by_role("button", name="Save")
    dialog.locator("input[name=connection_id]").fill("bigcommerce_default")
    open_extra_fields(dialog)
    dialog.locator("#element_store_hash").fill("https://api.bigcommerce.com/stores/abc123/v3/")
    assert save.is_disabled()
    dialog.locator("#element_access_token").fill(TOKEN)
    dialog.locator("#element_client_id").fill("the-client-id")
    dialog.locator("#element_client_secret").fill(SECRET)
    if picture := os.environ.get("BIGCOMMERCE_SCREENSHOT"):
        page.evaluate("document.activeElement.blur()")
        page.wait_for_load_state("networkidle")
        dialog.screenshot(path=picture, animations="disabled")
    save.click()
    dialog.wait_for(state="hidden")
    page.get_by_text("bigcommerce_default").first.wait_for()
    assert stored_extra(airflow, "bigcommerce_default") == {
        "store_hash": "https://api.bigcommerce.com/stores/abc123/v3/",
        "access_token": TOKEN,
        "client_id": "the-client-id",
        "client_secret": SECRET,
    }


def test_an_edit_without_retyping_leaves_the_stored_secrets_intact(page: Any, airflow: AirflowServer) -> None:
    extra = {"store_hash": "abc123", "access_token": TOKEN, "client_id": "the-client-id", "client_secret": SECRET}
    body = {"connection_id": "bigcommerce_edited", "conn_type": "bigcommerce", "extra": json.dumps(extra)}
    airflow.request("POST", "/api/v2/connections", body)
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("row").filter(has_text="bigcommerce_edited").get_by_role("button", name="Edit Connection").click()
    dialog = page.get_by_role("dialog")
    open_extra_fields(dialog)
    assert [dialog.locator(f"#element_{name}").input_value() for name in ("access_token", "client_secret")] == ["***", "***"]
    dialog.locator("#element_store_hash").fill("xyz789")
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as saved:
        dialog.get_by_role("button", name="Save").click()
    assert saved.value.status == 200
    assert TOKEN not in (saved.value.request.post_data or "")
    assert stored_extra(airflow, "bigcommerce_edited") == {**extra, "store_hash": "xyz789"}


def test_the_database_holds_the_secrets_encrypted_only(airflow: AirflowServer) -> None:
    body = {
        "connection_id": "bigcommerce_stored",
        "conn_type": "bigcommerce",
        "extra": json.dumps({"access_token": TOKEN, "client_secret": SECRET}),
    }
    airflow.request("POST", "/api/v2/connections", body)
    files: list[Path] = [path for path in airflow.home.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in files)
    assert b"bigcommerce_stored" in held
    assert [secret for secret in (TOKEN, SECRET) if secret.encode() in held] == []


def test_the_test_button_works_with_the_port_zero_that_the_docs_recommend(page: Any, airflow: AirflowServer) -> None:
    with Listener(Answer.json({"id": "abc123", "name": "Bikes & Co", "domain": "bikes.example.com", "plan_level": "Pro"})) as store:
        extra = {"store_hash": "abc123", "access_token": TOKEN}
        body = {"connection_id": "bigcommerce_tested", "conn_type": "bigcommerce", "host": store.url, "extra": json.dumps(extra)}
        airflow.request("POST", "/api/v2/connections", body)
        port = {"connection_id": "bigcommerce_tested", "conn_type": "bigcommerce", "port": 0}
        airflow.request("PATCH", "/api/v2/connections/bigcommerce_tested?update_mask=port", port)
        page.goto(f"{airflow.url}/connections")
        with page.expect_response(lambda answer: answer.url.endswith("/connections/test")) as tested:
            page.get_by_role("row").filter(has_text="bigcommerce_tested").get_by_role("button", name="Test Connection").click()
    assert tested.value.json() == {"status": True, "message": "Connected to Bikes & Co (bikes.example.com), plan Pro; quota not told"}
    assert [request.headers["x-auth-token"] for request in store.arrived] == [TOKEN]


def test_the_status_of_all_copies_is_a_page_of_airflows_ui(page: Any, airflow: AirflowServer) -> None:
    page.goto(f"{airflow.url}/plugin/bigcommerce")
    frame = page.frame_locator("iframe")

    # Read from Airflow's database by the session of the person who is logged in; in this one no task has run.
    frame.get_by_text("Nothing is known of a copy yet").wait_for()
    assert frame.get_by_role("heading", name="BigCommerce").is_visible()
    frame.locator("html[data-theme]").wait_for()  # Airflow's choice of light or dark, which the page follows
