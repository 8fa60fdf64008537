"""What is measured: each measure runs drivers interleaved and gives back plain numbers, for the page to judge."""

from __future__ import annotations

import math
import statistics
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from tests.benchmarks.page_server import UNLIMITED
from tests.benchmarks.processes import PROJECT, Processes, Result

#: Name in the tables -> driver and variant.
CLIENTS: Mapping[str, tuple[str, str]] = {
    "hand-written loop": ("loop", ""),
    "ours, JSON lines": ("ours", "jsonl"),
    "ours, JSON lines, without SHA-256": ("ours", "jsonl-without-digest"),
    "ours, Parquet": ("ours", "parquet"),
    "ours, JSON lines, as a task": ("ours_task", "jsonl"),
    "ours, Parquet, as a task": ("ours_task", "parquet"),
    "requests, 8 threads": ("threads8", ""),
    "BigCommerce's SDK": ("sdk", ""),
    "HttpOperator": ("http_operator", ""),
    "dlt rest_api": ("dlt_rest_api", ""),
}
LOOP = "hand-written loop"
OURS = ("ours, JSON lines", "ours, Parquet")
#: Not a setting that anybody has: it shows how much of a miss is the digest, which a processor with instructions for SHA makes cheap.
UNDIGESTED = "ours, JSON lines, without SHA-256"
TASKS = ("ours, JSON lines, as a task", "ours, Parquet, as a task")
PEERS = ("requests, 8 threads", "BigCommerce's SDK", "HttpOperator", "dlt rest_api")
SOCKETS = "bare sockets"
#: Quotas of BigCommerce's plans, as the page server's headers tell them. Where a measure is not about the quota, its store has the first:
#: 10,000 products are 40 requests, which none of them stops.
QUOTAS: Mapping[str, tuple[int, float]] = {"150/30 s": (150, 30.0), "450/30 s": (450, 30.0), "unlimited": UNLIMITED}
STANDARD = QUOTAS["150/30 s"]
#: Whole task processes: name in the table -> variant of the driver.
WHOLE_TASKS: Mapping[str, str] = {"an empty operator": "empty", "ours, JSON lines": "jsonl", "ours, Parquet": "parquet"}

Measured = dict[str, Any]


def _interleaved(runs: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, Measured]:
    """Each run once a round; medians of each number, the worst of what may not happen."""
    found: dict[str, list[Result]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            result = run()
            found[name].append(result)
            print(f"  {number + 1}/{rounds}  {name:32}{result.seconds:8.2f} s {result.cpu_seconds:7.2f} CPU s", flush=True)
    return {name: _median(results) for name, results in found.items()}


def _median(results: list[Result]) -> Measured:
    numbers = (
        "seconds", "cpu_seconds", "start_seconds", "rss_mb", "growth_mb", "execute_seconds", "import_seconds", "imports_beside_seconds",
    )  # fmt: skip
    merged: Measured = {name: statistics.median(getattr(result, name) for result in results) for name in numbers}
    merged |= {name: max(getattr(result, name) for result in results) for name in ("lost", "doubled")}
    merged["throttled"] = max(result.server["throttled"] for result in results)
    merged["rows"] = min(result.rows for result in results)
    merged["runs"] = len(results)
    merged["seconds_of_each"] = [round(result.seconds, 3) for result in results]
    merged["requests"] = statistics.median(result.server["requests"] for result in results)
    return merged


def _runs(processes: Processes, names: tuple[str, ...], **settings: Any) -> dict[str, Callable[[], Result]]:
    def one(driver: str, variant: str) -> Callable[[], Result]:
        return lambda: processes.run(driver, variant=variant, **settings)

    return {name: one(*CLIENTS[name]) for name in names}


def speed(processes: Processes, *, quick: bool) -> Measured:
    """10,000 products at three latencies, 150 requests / 30 s; as a task where there are goals for it; the peers at 50 ms."""
    processes.make_airflow_home()
    rounds = 1 if quick else 5
    found: Measured = {}
    for latency in (0, 50, 150):
        names = (LOOP, *OURS, UNDIGESTED, *(TASKS if latency else ()), *(PEERS if latency == 50 else ()))
        print(f" {latency} ms", flush=True)
        found[str(latency)] = _interleaved(_runs(processes, names, products=10_000, latency_ms=latency, quota=STANDARD), rounds)
    return found


def headers(processes: Processes, *, quick: bool) -> Measured:
    """10,000 products at 50 ms on stores of each quota that does not bind, and on one that sends no quota headers."""
    found: Measured = {}
    for name, limit in {**QUOTAS, "no headers": None}.items():
        print(f" {name}", flush=True)
        runs = _runs(processes, (LOOP, *OURS, UNDIGESTED), products=10_000, latency_ms=50, quota=limit)
        found[name] = _interleaved(runs, 1 if quick else 5)
    return found


def task(processes: Processes, *, quick: bool) -> Measured:
    """A whole task process, from its start to its end: ours with 10,000 products at 50 ms, and an operator that does nothing."""
    processes.make_airflow_home()

    def one(variant: str) -> Callable[[], Result]:
        return lambda: processes.run("whole_task", variant=variant, products=10_000, latency_ms=50, quota=STANDARD)

    names = {name: one(variant) for name, variant in WHOLE_TASKS.items()}
    loop = _runs(processes, (LOOP,), products=10_000, latency_ms=50, quota=STANDARD)
    return _interleaved({**loop, **names}, 1 if quick else 5)


def cpu(processes: Processes, *, quick: bool) -> Measured:
    """CPU seconds for 100,000 products without latency, and how fast the page server is."""
    rows = 20_000 if quick else 100_000
    runs = _runs(processes, (LOOP, *OURS, UNDIGESTED), products=rows, quota=UNLIMITED)
    runs[SOCKETS] = lambda: processes.run("sockets", variant=str(rows), products=rows, quota=UNLIMITED)
    return {"rows": rows, **_interleaved(runs, 1 if quick else 5)}


def memory(processes: Processes, *, quick: bool) -> Measured:
    """Peak memory over the imports, for growing numbers of products."""
    sizes = (10_000, 50_000) if quick else (10_000, 100_000, 1_000_000)
    found: Measured = {}
    for rows in sizes:
        print(f" {rows:,} products", flush=True)
        found[str(rows)] = _interleaved(_runs(processes, OURS, products=rows, quota=UNLIMITED), 1)
    return found


def orders(processes: Processes, *, quick: bool) -> Measured:
    """300 orders with their line items at 50 ms: in the list, and one by one where the store refuses that."""
    rounds = 1 if quick else 5
    found: Measured = {}
    for way in ("include", "children"):
        print(f" {way}", flush=True)
        # One by one they are 304 requests: more than 150, so that a store of 450 is the smallest that does not make anybody wait.
        settings = {"latency_ms": 50, "refuses_include": way == "children", "quota": QUOTAS["450/30 s"]}

        def one(driver: str, variant: str, settings: dict[str, Any] = settings) -> Callable[[], Result]:
            return lambda: processes.run(driver, "orders", variant, **settings)

        found[way] = _interleaved({LOOP: one("loop", way), OURS[0]: one("ours", "jsonl"), OURS[1]: one("ours", "parquet")}, rounds)
    return found


def quota(processes: Processes, *, quick: bool) -> Measured:
    """One process against a quota: five whole windows' worth of pages, short windows and a real one.

    The last page is one row short: a list whose last page is full costs one request more, which would fall into a sixth window.
    """
    plans = [("20/3", 20, 3.0, 1 if quick else 5)] + ([] if quick else [("150/30", 150, 30.0, 1)])
    found: Measured = {}
    for name, limit, seconds, rounds in plans:
        pages = 5 * limit
        floor = (math.ceil(pages / limit) - 1) * seconds
        print(f" {name}, {pages} pages, floor {floor:.0f} s", flush=True)
        results = [
            processes.run("ours", variant="jsonl", products=pages * 250 - 1, latency_ms=30, quota=[limit, seconds]) for _ in range(rounds)
        ]
        spans = [result.server["seconds"] for result in results]
        found[name] = {
            "floor": floor,
            "seconds": statistics.median(spans),
            "ratio": statistics.median(spans) / floor,
            "requests": statistics.median(result.server["requests"] for result in results),
            "throttled": sum(result.server["throttled"] for result in results),
            "lost": max(result.lost for result in results),
            "doubled": max(result.doubled for result in results),
            "runs": rounds,
        }
    return found


def several(processes: Processes, *, quick: bool) -> Measured:
    """Four processes on one quota, each reading the whole list: six windows' worth of pages together."""
    limit, seconds, copies = (60, 6.0, 4) if quick else (150, 30.0, 4)
    pages = 6 * limit // copies
    print(f" {copies} processes, {limit}/{seconds:.0f} s, {pages} pages each", flush=True)
    result = processes.run("ours", variant="jsonl", copies=copies, products=pages * 250, latency_ms=50, quota=[limit, seconds])
    whole = result.server["windows"][:-1]
    return {
        "limit": limit,
        "window": seconds,
        "processes": copies,
        "windows": result.server["windows"],
        "use": sum(whole) / (limit * len(whole)) if whole else 0.0,
        "requests": result.server["requests"],
        "throttled": result.server["throttled"],
        "lost": result.lost,
        "doubled": result.doubled,
    }


def sql(processes: Processes, *, quick: bool) -> Measured:
    """Orders into PostgreSQL, which this starts: our load, ``insert_rows`` and dlt on the same rows."""
    from tests.benchmarks.sql import run

    rows = 5_000 if quick else 50_000
    return run(rows, 1 if quick else 5)


def lake(processes: Processes, *, quick: bool) -> Measured:
    """Upserts into tables of a lake with 1,000,000 and 5,000,000 products, ours and what one would use instead; the log with a history."""
    from tests.benchmarks.lake import run

    return run(quick=quick)


def events(processes: Processes, *, quick: bool) -> Measured:
    """From a change to its row, a burst of 10,000, the requests of a day, what the receiver takes; a whole Airflow, on PostgreSQL."""
    from tests.benchmarks.events import run

    return run(quick=quick)


def writes(processes: Processes, *, quick: bool) -> Measured:
    """Bulk changes: product updates under a quota, price records, a plan's CPU, the memory of stock; one row at a time beside them."""
    from tests.benchmarks.writes import run

    return run(quick=quick)


def faults(processes: Processes, *, quick: bool) -> Measured:
    """50,000 products at 50 ms with 2% of answers failing, against the same without faults."""
    found: dict[str, list[Result]] = {"without": [], "with": []}
    roomy = QUOTAS["450/30 s"]  # 50,000 products are 200 requests
    for seed in range(1, 3 if quick else 6):
        for name, rate in (("without", 0.0), ("with", 0.02)):
            result = processes.run("ours", variant="jsonl", products=50_000, latency_ms=50, fault_rate=rate, seed=seed, quota=roomy)
            found[name].append(result)
            print(f"  seed {seed}  {name:8}{result.seconds:8.2f} s  {result.server['faults']} faults", flush=True)
    return {
        "with": _median(found["with"]),
        "without": _median(found["without"]),
        "faults": [result.server["faults"] for result in found["with"]],
    }


def profile(processes: Processes, *, quick: bool) -> Measured:
    """Where our operator's CPU goes, sampled by py-spy: shares of its busy time."""
    found: Measured = {}
    for name in OURS:
        driver, variant = CLIENTS[name]
        processes.store(products=20_000 if quick else 100_000, quota=UNLIMITED)
        found[name] = processes.sampled(driver, variant)
    return found


MEASURES: Mapping[str, Callable[..., Measured]] = {
    "speed": speed,
    "headers": headers,
    "task": task,
    "cpu": cpu,
    "memory": memory,
    "orders": orders,
    "faults": faults,
    "quota": quota,
    "several": several,
    "sql": sql,
    "lake": lake,
    "events": events,
    "writes": writes,
    "profile": profile,
}


def revision() -> str:
    """The commit that is measured, with a plus where the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"
