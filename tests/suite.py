"""Runs the checks one after another, all of them even when one fails, and ends with a table of what held.

``python -m tests.suite`` runs everything ``make test`` promises; names as arguments run those steps alone.

A few tests that failed are run once more, alone: of twenty thousand that start servers, kill processes and race threads on two busy cores,
one now and then tells of the machine. One that passes alone is no failure, and never goes unseen: the last lines name it as UNSTEADY, and
its traceback stands above. It is to be mended like any other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

#: Each pytest worker migrates an Airflow database of its own, so more than a few only heat the machine.
WORKERS = str(min(os.cpu_count() or 2, 4))

#: More failures than these are no accident.
LOOKED_AT_AGAIN = 5
LAST_FAILED = Path(".pytest_cache", "v", "cache", "lastfailed")


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


def run_step(arguments: list[str], project: Path = PROJECT) -> tuple[bool, list[str]]:
    """Whether a step held, and the tests that failed in it and passed alone."""
    # Each Airflow that a test starts reads our modules: compiled once, they need not be compiled anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def held(*more: str) -> int:
        return subprocess.run([sys.executable, *more], cwd=project, env=environment, check=False).returncode

    if arguments[:2] != ["-m", "pytest"]:
        return held(*arguments) == 0, []
    (project / LAST_FAILED).unlink(missing_ok=True)
    code = held(*arguments)
    failed = failed_tests(project) if code == 1 else []  # 1: tests failed; anything else is no test's failure
    if not 0 < len(failed) <= LOOKED_AT_AGAIN:
        return code == 0, []
    print(f"\n== {len(failed)} failed; once more, alone", flush=True)
    return held(*arguments, "-n", "0", "--last-failed", "--last-failed-no-failures", "none") == 0, failed


def failed_tests(project: Path) -> list[str]:
    """The tests that failed when pytest last ran there."""
    file = project / LAST_FAILED
    return sorted(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []


def main(names: list[str]) -> int:
    """Run the steps of these names, or all; return 0 when each held."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"Unknown step {unknown[0]!r}. Accepted: {', '.join(STEPS)}.", file=sys.stderr)
        return 2
    unsteady: list[str] = []
    results: list[tuple[str, bool, float]] = []
    for name in names or WHOLE:
        what, arguments = STEPS[name]
        print(f"\n== {name}: {what}", flush=True)
        started = time.monotonic()
        held, failed_once = run_step(arguments)
        unsteady += failed_once if held else []
        results.append((name, held, time.monotonic() - started))
    print()
    for name, held, seconds in results:
        print(f"{'held  ' if held else 'FAILED'}  {name:<8} {seconds:6.1f} s")
    for test in unsteady:
        print(f"UNSTEADY {test}: failed beside the others, passed alone. Its traceback stands above; mend it.")
    return 0 if all(held for _, held, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
