"""Takes the picture of the status page: ``python -m tests.browser.status_picture FILE``.

Real tasks copy two sandbox stores in an Airflow home of their own; the page is given what its function tells of them, in a real browser.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from airflow_provider_bigcommerce import plugins

URL = "http://127.0.0.1:9/bigcommerce-status/"  # where nobody listens: all of it is answered here


def take(picture: Path, answer: object) -> None:
    """Open the page with that answer, and write its picture."""
    from playwright.sync_api import sync_playwright

    text = resources.files(plugins).joinpath("status_page.html").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1200, "height": 600}, device_scale_factor=1.25, locale="en-US").new_page()
        page.set_default_timeout(120_000)
        page.route("**/*", lambda route: route.fulfill(body=text, content_type="text/html"))
        page.route(f"{URL}api/status", lambda route: route.fulfill(json=answer))
        page.goto(URL)
        page.get_by_text("Read from Airflow's database").wait_for()
        page.screenshot(path=picture, full_page=True, animations="disabled")
        browser.close()


def main(picture: Path) -> None:
    """Run the tasks, then take the picture."""
    with tempfile.TemporaryDirectory(prefix="shops-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))}
        env |= {"AIRFLOW_HOME": f"{folder}/airflow", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        for module in (["airflow", "db", "migrate"], ["tests.browser.real_tasks", folder]):
            subprocess.run([sys.executable, "-m", *module], env=env, check=True, stdout=subprocess.DEVNULL)
        take(picture, json.loads(Path(folder, "status.json").read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
