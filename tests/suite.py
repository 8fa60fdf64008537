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



def marked(marker: str) -> list[str]:
    """The test files in which a marker stands: collecting all others takes longer than running these."""
    files = sorted((PROJECT / "tests").rglob("test_*.py"))
    return [str(file.relative_to(PROJECT)) for file in files if f"mark.{marker}" in file.read_text(encoding="utf-8")]


#: One file after the other on each core, in the order that ``tests/conftest.py`` gives.
PYTEST = ("-m", "pytest", "-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder")

STEPS: dict[str, tuple[str, list[str]]] = {
    "ruff": ("style and common mistakes", ["-m", "ruff", "check", "."]),
    "mypy": ("types, strict", ["-m", "mypy"]),
    "imports": ("who may import whom", ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]),
    "pytest": ("tests and docs", [*PYTEST]),
    "compat": ("the subset for older Airflow lines", [*PYTEST, "-m", "compat", *marked("compat")]),
    "dbt": ("the dbt project, by dbt", ["-m", "pytest", "-m", "dbt", "tests/dbt"]),
    "s3": ("copies on an S3 API", [*PYTEST, "-m", "s3", "tests/s3"]),
}
WHOLE = ("ruff", "mypy", "imports", "pytest")


def main(names: list[str]) -> int:
    """Run the steps of these names, or all; return 0 when each held."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"Unknown step {unknown[0]!r}. Accepted: {', '.join(STEPS)}.", file=sys.stderr)
        return 2
    # Each Airflow that a test starts reads our modules: compiled once, they need not be compiled anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    results: list[tuple[str, bool, float]] = []
    for name in names or WHOLE:
        what, arguments = STEPS[name]
        print(f"\n== {name}: {what}", flush=True)
        started = time.monotonic()
        code = subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=environment, check=False).returncode
        results.append((name, code == 0, time.monotonic() - started))
    print()
    for name, held, seconds in results:
        print(f"{'held  ' if held else 'FAILED'}  {name:<8} {seconds:6.1f} s")
    return 0 if all(held for _, held, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
