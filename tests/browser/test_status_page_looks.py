"""How the status page looks in a real browser: on a phone, in light and dark, with names that are none, with many stores.

Without an Airflow: the browser is given the page and what it asks for. That Airflow shows it is in ``test_connection_form.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest

from airflow_provider_bigcommerce import plugins
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY, STATUS_KEY
from airflow_provider_bigcommerce.engine.webhook_health import Problem
from airflow_provider_bigcommerce.metadata_database import StoredEvent, TaskRecord
from airflow_provider_bigcommerce.status import Status, WebhooksStatus, standing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
URL = "http://127.0.0.1:9/bigcommerce-status/"  # where nobody listens: all of it is answered by the test
ODD = "<b>shop</b><img src=x onerror=\"document.title='broken'\">"
#: As Airflow shows it: a frame of its own UI, with what that frame may do.
FRAME = f'<html class="light"><iframe src="{URL}" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"></iframe></html>'


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Any]:
    """A browser page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(locale="en-US", color_scheme="light").new_page()
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def copy_of(conn_id: str, resource: str, **more: Any) -> TaskRecord:
    """A run that ended well, as its task leaves it."""
    value = {"kind": "copy", "conn_id": conn_id, "resource": resource, "destination": f"s3://bucket/{'very-long-' * 9}/{resource}"}
    numbers = {"store_hash": "abc123", "rows": 1_214, "requests": 9, "quota": 450, "quota_left": 402, "watermark": "2026-03-29T11:00:00Z"}
    return TaskRecord(STATUS_KEY, "dag", resource, "run", NOW, {**value, **numbers, **more})


def show(
    page: Any,
    *left: TaskRecord,
    told: Sequence[StoredEvent] = (),
    webhooks: Sequence[WebhooksStatus] = (),
    width: int = 1280,
    url: str = URL,
) -> None:
    """Open the page, which is told of such tasks."""
    text = resources.files(plugins).joinpath("status_page.html").read_text(encoding="utf-8")
    answer = Status(tuple(standing(left, NOW, told)), tuple(webhooks)).as_json()
    page.unroute_all()
    page.route("**/*", lambda route: route.fulfill(status=404))
    page.route("**/ui", lambda route: route.fulfill(body=FRAME, content_type="text/html"))
    page.route(URL, lambda route: route.fulfill(body=text, content_type="text/html"))
    page.route(f"{URL}api/status", lambda route: route.fulfill(json=answer))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(url)


@pytest.mark.parametrize("width", [320, 800, 1280])
def test_it_never_scrolls_sideways_and_shows_names_as_they_are(page: Any, width: int) -> None:
    drift = [["a_name_" * 12, "new_field", "text"]]
    told = {"conn_id": ODD, "resource": "orders", "error": "x" * 300}
    failed = TaskRecord(ERROR_KEY, "dag", "orders", "run", NOW + timedelta(minutes=1), told)
    off = Problem(what="store/order/updated", why="it is deactivated", since="2026-03-29T01:00:00Z")
    hooks = WebhooksStatus(ODD, "abc123", f"https://in.example.com/{'x' * 200}", "2026-03-29T11:00:00Z", 5, (off,))
    told = [StoredEvent(ODD, "orders", NOW, "webhook", 3, 14)]

    show(page, copy_of(ODD, "orders", drift=drift), failed, told=told, webhooks=[hooks], width=width)

    page.get_by_text("webhook, 3 rows, 14 in 24 h").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.get_by_role("heading", name=ODD).is_visible()
    assert page.locator("img").count() == 0
    for text in ("402 of 450", "off since 2026-03-29 01:00: store/order/updated, it is deactivated", "x" * 300, drift[0][0]):
        assert page.get_by_text(text).first.is_visible()
    # On a phone each number stands beside its name, in place of a column's head.
    assert page.locator("thead").is_visible() is (width > 896)


def test_it_follows_airflows_choice_of_light_or_dark(page: Any) -> None:
    show(page, copy_of("shop", "orders"), url="http://127.0.0.1:9/ui")
    frame = page.frame_locator("iframe")
    frame.get_by_text("402 of 450").wait_for()
    found = {}
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.className = theme; }", theme)
        frame.locator(f"html[data-theme={theme}]").wait_for()
        found[theme] = frame.locator("body").evaluate("body => [getComputedStyle(body).backgroundColor, getComputedStyle(body).color]")
    assert found == {"light": ["rgb(255, 255, 255)", "rgb(24, 24, 27)"], "dark": ["rgb(17, 17, 17)", "rgb(228, 228, 231)"]}


def test_many_stores_are_folded_but_those_that_need_a_look(page: Any) -> None:
    left = [copy_of(f"store{store:02}", f"resource_{number}") for store in range(50) for number in range(60)]

    show(page, *left, copy_of("store07", "orders", complete=False))

    page.get_by_text("3,001 copies, 1 to look at").wait_for()
    assert page.locator("details").count() == 50
    assert page.locator("details[open] h2").all_inner_texts() == ["store07"]
