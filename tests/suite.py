"""Runs the checks one after another, all of them even when one fails, and ends with a table of what held.

``python -m tests.suite`` runs everything ``make test`` promises; names as arguments run those steps alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

#: Each pytest worker migrates an Airflow database of its own, so more than a few only heat the machine.
WORKERS = str(min(os.cpu_count() or 2, 4))

STEPS: dict[str, tuple[str, list[str]]] = {
    "ruff": ("style and common mistakes", ["-m", "ruff", "check", "."]),
    "mypy": ("types, strict", ["-m", "mypy"]),
    "imports": ("who may import whom", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
    "pytest": ("tests and docs", ["-m", "pytest", "-n", WORKERS, "--dist", "loadfile"]),
    "compat": ("the subset for older Airflow lines", ["-m", "pytest", "-m", "compat"]),
    "dbt": ("the dbt project, by dbt", ["-m", "pytest", "-m", "dbt", "tests/dbt"]),
    "s3": ("copies on an S3 API", ["-m", "pytest", "-m", "s3", "tests/s3"]),
}
WHOLE = ("ruff", "mypy", "imports", "pytest")


def main(names: list[str]) -> int:
    """Run the steps of these names, or all; return 0 when each held."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"Unknown step {unknown[0]!r}. Accepted: {', '.join(STEPS)}.", file=sys.stderr)
        return 2
    results: list[tuple[str, bool, float]] = []
    for name in names or WHOLE:
        what, arguments = STEPS[name]
        print(f"\n== {name}: {what}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, *arguments], cwd=PROJECT, check=False).returncode
        results.append((name, code == 0, time.monotonic() - started))
    print()
    for name, held, seconds in results:
        print(f"{'held  ' if held else 'FAILED'}  {name:<8} {seconds:6.1f} s")
    return 0 if all(held for _, held, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
