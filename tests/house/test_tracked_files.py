"""What may not be in a commit: addresses of package registries, paths of one machine, environments, large files, loose pins."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PINS = [PROJECT / "constraints.txt", *sorted((PROJECT / "tests" / "constraints").glob("*.txt"))]

#: Written so that this file does not match itself.
REGISTRY_HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npm" + "js.org", "files.python" + "hosted"]
MACHINE_PATHS = re.compile(r"(?<![\w./])/(?:work|farm|" + r"root|Users|home/\w+)/\w")


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout: nothing is tracked")
    return [PROJECT / name for name in listing.stdout.split("\0") if name and (PROJECT / name).exists()]


def tracked_texts() -> list[tuple[Path, str]]:
    texts = []
    for path in tracked_files():
        try:
            texts.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def test_no_tracked_file_names_a_package_registry():
    named = [f"{path.relative_to(PROJECT)}: {host}" for path, text in tracked_texts() for host in REGISTRY_HOSTS if host in text]
    assert named == []


def test_no_tracked_file_holds_a_path_of_one_machine():
    held = [f"{path.relative_to(PROJECT)}: {found[0]}" for path, text in tracked_texts() if (found := MACHINE_PATHS.findall(text))]
    assert held == []


def test_no_environment_lock_file_or_large_file_is_tracked():
    names = [str(path.relative_to(PROJECT)) for path in tracked_files()]
    assert [name for name in names if re.search(r"(^|/)(\.venv|__pycache__|uv\.lock|poetry\.lock|package-lock\.json)", name)] == []
    assert [str(path.relative_to(PROJECT)) for path in tracked_files() if path.stat().st_size > 1024 * 1024] == []


def test_the_top_level_holds_what_the_house_says_and_no_more():
    allowed = {
        *("airflow_provider_bigcommerce", "dags", "docs", "tests", ".ci"),
        *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "Makefile", "constraints.txt", ".gitignore"),
    }
    assert {path.relative_to(PROJECT).parts[0] for path in tracked_files()} - allowed == set()


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_pins_are_name_and_version_only(pins):
    lines = [line for line in pins.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9a-z.]*", line)] == []
    assert len({line.partition("==")[0] for line in lines}) == len(lines)


def names_of(requirements: list[str]) -> set[str]:
    return {re.sub(r"[._-]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement)[0]).lower() for requirement in requirements}


def test_every_package_that_pyproject_names_is_pinned():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pinned = {path.name: {line.partition("==")[0] for line in path.read_text().splitlines()} for path in PINS}
    unpinned = ("compat", "s3", "gcs", "azure")  # object stores' packages: neither tests nor demo have them
    main = names_of(project["dependencies"] + [name for extra, names in extras.items() if extra not in unpinned for name in names])
    older = names_of(project["dependencies"] + extras["parquet"] + extras["compat"])
    assert main - pinned["constraints.txt"] == set()
    assert older - pinned["airflow-3.1.txt"] == set()
    assert older - pinned["airflow-3.2.txt"] == set()
