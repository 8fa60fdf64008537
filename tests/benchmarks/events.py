"""Events: how long a change takes to its row, what a burst and a day cost in requests, what the receiver takes."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import PROJECT

#: Parts, each in a process of its own with an Airflow home of its own: name -> what is measured in full, and in short.
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "receiver": ({"webhooks": 5_000, "at_once": 50}, {"webhooks": 2_000, "at_once": 50}),
    "live": ({"tries": 20, "burst": 10_000, "seconds": 60.0}, {"tries": 5, "burst": 2_000, "seconds": 20.0}),
    "day": ({"products": 100_000, "changes": 2_000}, {"products": 100_000, "changes": 2_000, "small": 250}),
}


def run(*, quick: bool) -> dict[str, Any]:
    """What each part found: ``receiver``, ``arrival``, ``burst``, ``day``."""
    from tests.benchmarks.measures import revision

    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, Airflow {version('apache-airflow')}"
    found: dict[str, Any] = {"measured": {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": revision(), "machine": machine}}
    for part, (full, short) in PARTS.items():
        print(f" {part}", flush=True)
        measured = _part(part, short if quick else full)
        found |= measured if part == "live" else {part: measured}
    return found


def _part(part: str, settings: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bigcommerce-events-home-") as home:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))},
            "AIRFLOW_HOME": home,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
        file = Path(home) / "found.json"
        command = [sys.executable, "-m", "tests.benchmarks.events", part, json.dumps(settings), file]
        subprocess.run(command, cwd=PROJECT, env=environment, check=True)
        return dict(json.loads(file.read_text()))


def _measure(part: str, settings: dict[str, Any]) -> dict[str, Any]:
    from tests.benchmarks import event_airflow, event_day_read

    measures = {"receiver": event_airflow.receiver, "live": event_airflow.arrivals_and_burst, "day": event_day_read.counted}
    return dict(measures[part](**settings))


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(_measure(sys.argv[1], json.loads(sys.argv[2]))))
