"""Writing back: bulk changes planned and applied, against what quota, batch size and round trips allow, and against one row at a time.

Each step is a process of its own, whose store is in it and whose seconds are virtual (``drivers/virtual_store.py``): a busy machine makes
no difference but in CPU seconds, which are the process's without its store's.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from typing import Any

from tests.benchmarks.drivers.writes import QUOTA
from tests.benchmarks.processes import PROJECT

_DRIVER = "tests.benchmarks.drivers.writes"
#: Rows of a request that writes, of a page that is read; documented.
PRODUCTS_AT_ONCE, RECORDS_AT_ONCE, RECORDS_IN_FLIGHT = 10, 1_000, 2
_TIMEOUT = 7_200


def run(*, quick: bool) -> dict[str, Any]:
    """Step -> what it took."""
    scale = 10 if quick else 1
    found: dict[str, Any] = {"quick": quick}
    rows = 25_000 // scale
    found["products"] = {"rows": rows, **_step("products", rows)}
    found["products"]["floor"] = quota_floor(found["products"]["calls"])
    found["loop"] = {"rows": rows, **_step("loop", rows)}
    found["records"] = {"rows": 10_000, **_step("records", 10_000)}
    found["records"]["floor"] = records_floor(10_000, found["records"]["writing"])
    found["plan"] = {"rows": 100_000 // scale, **_step("plan", 100_000 // scale)}
    sizes = (10_000 // scale, 100_000 // scale, 1_000_000 // scale)
    found["many"] = {str(size): {"rows": size, **_step("many", size)} for size in sizes}
    found["stock"] = {str(size): {"rows": size, **_step("stock", size)} for size in sizes[1:]}
    return found


def quota_floor(calls: dict[str, int]) -> float:
    """Seconds that the quota takes for so many requests: the windows before the last one, whole."""
    limit, seconds = QUOTA
    return (math.ceil(sum(calls.values()) / limit) - 1) * seconds


def records_floor(rows: int, writing: float) -> float:
    """Seconds for so many price records in requests as large as documented, as many at once as documented."""
    return math.ceil(math.ceil(rows / RECORDS_AT_ONCE) / RECORDS_IN_FLIGHT) * writing


def _step(name: str, rows: int) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "_AIRFLOW_"))}
    environment["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    with tempfile.TemporaryDirectory(prefix="bigcommerce-writes-") as folder:
        command = [sys.executable, "-m", _DRIVER, name, str(rows), folder]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:] or f"ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name:10}{rows:10,}  {found}", flush=True)
    return found
