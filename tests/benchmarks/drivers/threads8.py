"""requests with eight threads: what a tutorial shows. Pages are decoded and written as JSON lines by the main thread."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.benchmarks.drivers.measured import Job, drive

_own = threading.local()


def products(job: Job) -> None:
    def read(page: int) -> dict[str, Any]:
        if not hasattr(_own, "session"):
            _own.session = requests.Session()
            _own.session.headers["X-Auth-Token"] = "token"
        answer = _own.session.get(f"{job.store_url}/v3/catalog/products", params={"limit": 250, "page": page}, timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    with (job.folder / "products.jsonl").open("w", encoding="utf-8") as file, ThreadPoolExecutor(8) as pool:

        def write(page: dict[str, Any]) -> None:
            file.writelines(json.dumps(row) + "\n" for row in page["data"])

        first = read(1)
        write(first)
        for page in pool.map(read, range(2, first["meta"]["pagination"]["total_pages"] + 1)):
            write(page)


if __name__ == "__main__":
    drive(products)
