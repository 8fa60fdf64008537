"""dlt loading orders into PostgreSQL with its defaults but one: nested values stay JSON columns, as in the other drivers.

Runs in an environment of its own: ``python -m tests.benchmarks.drivers.dlt_postgres SEEDS ROWS URL``. Its rows are those of
``tests.benchmarks.sql.pages``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found,unused-ignore]  # lives in an environment of its own
import orjson
from dlt.destinations import postgres  # type: ignore[import-not-found,unused-ignore]

from tests.benchmarks.drivers.measured import status_mb

PAGE = 250


def pages(seeds: list[bytes], count: int) -> Iterator[list[dict[str, Any]]]:
    """The orders, decoded page by page as a person would."""
    rests = [seed[seed.index(b",") :] for seed in seeds]
    for first in range(1, count + 1, PAGE):
        numbers = range(first, min(first + PAGE, count + 1))
        yield orjson.loads(b"[" + b",".join(b'{"id":%d%b' % (number, rests[number % len(rests)]) for number in numbers) + b"]")


def main() -> None:
    seeds, count, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    records = [orjson.dumps(seed) for seed in orjson.loads(seeds.read_bytes())]
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        pipeline = dlt.pipeline("benchmark", pipelines_dir=folder, destination=postgres(url), dataset_name="public")
        orders = dlt.resource(pages(records, count), name="orders", primary_key="id", write_disposition="merge", max_table_nesting=0)
        pipeline.run(orders)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": status_mb("VmHWM")}))


if __name__ == "__main__":
    main()
