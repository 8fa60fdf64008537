"""The Makefile on machines less tidy than a developer's: no venv module, no Python, a person's own Airflow in the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what make reads, in a folder with a space in its name, and a PATH with nothing but a shell's tools."""
    folder = tmp_path / "my shop"
    tools = folder / "bin"
    tools.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, folder)
    for tool in ("sh", "touch", "rm", "env"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    return folder


def run_make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(MAKE), *arguments], cwd=checkout, env={"PATH": str(checkout / "bin"), **environment},
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip


def put_python(checkout: Path, name: str, refuse: str) -> None:
    """A Python that fails whatever mentions that word."""
    program = checkout / "bin" / name
    program.write_text(f'#!/bin/sh\ncase "$*" in *{refuse}*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)


def test_without_a_target_it_helps():
    done = subprocess.run([str(MAKE)], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "make demo" in done.stdout


def test_where_the_venv_module_is_missing_it_names_the_package_to_install(checkout):
    put_python(checkout, "python3.12", refuse="ensurepip")
    done = run_make(checkout, ".venv/.made")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.returncode != 0
    assert f"apt-get install {version}-venv" in done.stderr


def test_without_a_python_it_says_which_ones_would_do(checkout):
    put_python(checkout, "python3.12", refuse="version_info")  # a shim that leads nowhere
    done = run_make(checkout, ".venv/.made")
    assert done.returncode != 0
    assert "No Python 3.11, 3.12, 3.13 or 3.14 found" in done.stderr


def test_an_environment_is_made_once_even_in_a_folder_with_a_space_and_anew_when_its_python_is_gone(checkout):
    put_python(checkout, "python3.12", refuse="nothing-at-all")
    first, second = run_make(checkout, ".venv/.made"), run_make(checkout, ".venv/.made")
    (checkout / ".venv" / "bin" / "python").unlink()
    put_python(checkout, "../.venv/bin/python", refuse="")
    third = run_make(checkout, ".venv/.made")
    assert [done.returncode for done in (first, second, third)] == [0, 0, 0], first.stderr + second.stderr + third.stderr
    assert ["Making .venv" in done.stdout for done in (first, second, third)] == [True, False, True]


def test_a_persons_own_airflow_does_not_reach_ours(checkout):
    (checkout / "show.mk").write_text("include Makefile\nshow:\n\t@env\n")
    theirs = {"AIRFLOW_HOME": "/elsewhere", "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor", "PYTHONPATH": "/elsewhere", "PIP_USER": "1"}
    shown = run_make(checkout, "-f", "show.mk", "show", KEPT="yes", **theirs).stdout
    names = {line.partition("=")[0] for line in shown.splitlines()}
    assert names & set(theirs) == set()
    assert "KEPT" in names
    assert os.environ.get("AIRFLOW_HOME") not in shown
