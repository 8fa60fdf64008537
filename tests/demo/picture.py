"""Pictures of the demo's Airflow for the documentation, taken in Chromium as a person sees it (needs the test extra)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.demo.airflow_server import DemoAirflow


@contextmanager
def opened(airflow: DemoAirflow, path: str, *, height: int = 760) -> Iterator[Any]:
    """A page of Airflow's UI, below its address, by the admin's session."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": height}, locale="en-US")
        page.set_default_timeout(60_000)
        page.goto(f"{airflow.url}/auth/login?next={airflow.url}{path}")
        page.fill("input[name=username]", airflow.username)
        page.fill("input[name=password]", airflow.password)
        page.click("button[type=submit]")
        yield page
        browser.close()


def picture_grid(airflow: DemoAirflow, dag_id: str, file: Path) -> None:
    """The finished runs of a DAG."""
    with opened(airflow, f"/dags/{dag_id}") as page:
        page.get_by_role("button", name="Expand all task groups").click()
        page.get_by_text("product_variants", exact=True).wait_for()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(2000)  # the chart grows, and tells nobody when it has
        page.screenshot(path=file)


def picture_question(airflow: DemoAirflow, path: str, file: Path) -> None:
    """A question that waits for its answer."""
    with opened(airflow, path, height=900) as page:
        page.get_by_role("button", name="Approve").wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=file, animations="disabled")
