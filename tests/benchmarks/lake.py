"""Upserts into a table of a lake, ours beside ``deltalake``'s merge, pyiceberg's upsert and dlt's.

No network to a store: changed rows are in memory, ours as the raw records that a store answers, the others' as an Arrow table of the
same rows. Measured is from there to the commit, each in a process of its own, on a copy of the same table. CPU seconds are of all threads;
memory is the peak over what libraries and changes take.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.drivers.lake import create
from tests.benchmarks.processes import PROJECT, peer_python

#: What the page calls the tools.
TOOLS: Mapping[str, str] = {"ours": "ours", "merge": "deltalake, merge", "iceberg": "pyiceberg, upsert", "dlt": "dlt, delta table"}
_DRIVER = "tests.benchmarks.drivers.lake"
#: Seconds after which a tool is stopped, and told as too slow.
_LIMIT = 600
#: Title of a step -> rows of the table, changed rows, which ones, who takes part, and how often ours and the merge do, in turns; the others
#: once. A tenth of the changes are new rows.
STEPS: Mapping[str, tuple[int, int, str, tuple[str, ...], int]] = {
    "random": (1_000_000, 1_000, "random", tuple(TOOLS), 3),
    "newest": (1_000_000, 1_000, "newest", ("ours", "merge"), 3),
    "many": (5_000_000, 50_000, "random", ("ours", "merge"), 1),
}
#: Commits before the runs whose log is measured.
HISTORY = 1_000


# -- tables


def _parts(folder: Path, first: int, last: int, *, is_last: bool) -> list[Any]:
    """Parts that a process of its own writes."""
    from airflow_provider_bigcommerce.targets.lake.parts import Part

    found = _run([sys.executable, "-m", "tests.benchmarks.lake_rows", str(folder), str(first), str(last), str(int(is_last))], None)
    return [Part(**part) for part in json.loads(found.splitlines()[-1])]


def make_table(folder: Path, rows: int) -> list[Any]:
    """The parts of a table with ids from 1 on, two processes at a time."""
    step = -(-rows // 2)
    spans = [(first, min(first + step, rows + 1)) for first in range(1, rows + 1, step)]
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(_parts, folder, *span, is_last=span[1] > rows) for span in spans]
        return [part for one in found for part in one.result()]


def _copy(source: Path, target: Path, parts: list[Any]) -> None:
    """A table of the same parts, which nobody changes."""
    (target / "products").mkdir(parents=True)
    for part in parts:
        os.link(source / "products" / part.name, target / "products" / part.name)
    create(target, parts)


# -- the measure


def run(*, quick: bool) -> dict[str, Any]:
    """Step -> tool -> what it took, or why it did not; and the log."""
    scale = 50 if quick else 1
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bigcommerce-lake-") as name:
        top = Path(name)
        for step, (rows, changed, which, tools, rounds) in STEPS.items():
            rows, changed = rows // scale, max(changed // scale, 20)  # noqa: PLW2901  # smaller
            base = top / f"base-{rows}"
            if not base.exists():
                base.mkdir()
                began = time.perf_counter()
                (base / "parts.json").write_text(json.dumps([asdict(part) for part in make_table(base, rows)]))
                print(f" {rows:,} products in {time.perf_counter() - began:.0f} s", flush=True)
            measured = _step(top, base, rows, changed, which, tools, 1 if quick else rounds)
            found[step] = {"rows": rows, "changed": changed, "which": which, "tools": measured}
        found["log"] = _log(top, 50 if quick else HISTORY)
    return found


def _step(top: Path, base: Path, rows: int, changed: int, which: str, tools: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """Tool -> what it took; of several runs, the one in the middle by its CPU."""
    import pyarrow.parquet

    from airflow_provider_bigcommerce.targets.lake.parts import Part
    from tests.benchmarks.lake_rows import changed_ids, changes

    parts = [Part(**part) for part in json.loads((base / "parts.json").read_text())]
    ids, rows_file = changed_ids(rows, changed, which), top / f"changes-{which}-{rows}.parquet"
    if len(tools) > 1:
        pyarrow.parquet.write_table(changes(ids), rows_file)
    runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in tools}
    for tool in [*tools, *("ours", "merge") * (rounds - 1)]:
        folder = top / f"{which}_{rows}_{tool}"  # as dlt spells names
        _copy(base, folder, parts)
        (folder / "work.json").write_text(json.dumps({"ids": ids, "changes": str(rows_file)}))
        found = _measured(tool, folder)
        if tool != "iceberg" and "cpu" in found:
            expected = rows + len(ids) - sum(number <= rows for number in ids)
            found |= _written(folder, {part.name for part in parts})
            assert found["rows"] == expected, f"{tool} left {found['rows']:,} rows, not {expected:,}"
        print(f"  {which:8}{rows:10,}  {tool:20}{found}", flush=True)
        runs[tool].append(found)
        shutil.rmtree(folder)
    return {tool: sorted(found, key=lambda one: float(one.get("cpu", 0)))[len(found) // 2] for tool, found in runs.items()}


def _measured(tool: str, folder: Path) -> dict[str, Any]:
    python = str(peer_python()) if tool == "dlt" else sys.executable
    if tool == "iceberg" and importlib.util.find_spec("pyiceberg") is None:
        return {"why": "not installed: pip install -e '.[benchmark]'"}
    try:
        return dict(json.loads(_run([python, "-m", _DRIVER, "measure", tool, str(folder)], _LIMIT).splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return {"why": f"stopped after {_LIMIT} s"}
    except RuntimeError as error:
        if tool == "ours":
            raise
        return {"why": f"failed: {str(error).strip().splitlines()[-1][:160]}"}


def _written(folder: Path, before: set[str]) -> dict[str, int]:
    """How many rows a Delta table has now, how many parts it has that it had not before, and how many MB these take."""
    from deltalake import DeltaTable

    table = DeltaTable(str(folder / "products"))
    names = {uri.rpartition("/")[2] for uri in table.file_uris()}
    written = sum((folder / "products" / name).stat().st_size for name in names - before)
    return {"rows": table.count(), "parts": len(names - before), "of": len(before), "written_mb": round(written / 2**20)}


def _log(top: Path, commits: int) -> dict[str, Any]:
    found: dict[str, Any] = {"commits": commits}
    for name, before in (("none", 0), ("many", commits)):
        folder = top / f"log-{before}"
        folder.mkdir()
        command = [sys.executable, "-m", _DRIVER, "log", str(before), str(folder)]
        found[name] = json.loads(_run(command, None).splitlines()[-1])["cpu"]
        print(f"  log after {before:,} commits: {1000 * found[name]:.1f} ms of CPU a run", flush=True)
    return found


def _run(command: list[str], limit: float | None) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))},
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=limit)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:] or f"ended with {done.returncode}")
    return done.stdout

