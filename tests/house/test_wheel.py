"""A wheel built from the tree, installed alone in an environment of its own, is a whole provider."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PROJECT


def run(*command: str | Path, home: Path, **variables: str) -> str:
    """Run away from the checkout, so that nothing is found there by chance."""
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "COLUMNS": "200", "PYTHONPATH": "", **variables}
    done = subprocess.run(
        [str(part) for part in command], cwd=home, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, PROJECT, home=directory)
    (built,) = directory.glob("*.whl")
    return built


#: Where Airflow looks for DAGs, with load_examples on: bundle -> files below its path, as JSON. 3.3 asks each provider for a folder.
BUNDLES = """
import json, pathlib
from airflow.dag_processing.bundles.manager import DagBundlesManager
bundles = {bundle.name: str(bundle.path) for bundle in DagBundlesManager().get_all_dag_bundles()}
files = {name: sorted(str(file.relative_to(path)) for file in pathlib.Path(path).rglob("*.py")) for name, path in bundles.items()}
print("BUNDLES", json.dumps(files))
"""


def check_that_a_copied_example_is_the_only_one(python: Path, home: Path) -> None:
    """Each example is in the folder it was copied to and in no other bundle, so that Airflow runs the copy."""
    told = run(python, "-c", BUNDLES, home=home, AIRFLOW__CORE__LOAD_EXAMPLES="True", AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags-copied"))
    bundles = json.loads(told.partition("BUNDLES ")[2])
    assert {"dags-folder", "example_dags", "apache-airflow-providers-standard-example-dags"} <= set(bundles)  # load_examples is on
    examples = {path.name for path in (PROJECT / "dags").glob("*.py")}
    found = sorted((Path(file).name, name) for name, files in bundles.items() for file in files if Path(file).name in examples)
    assert found == sorted((example, "dags-folder") for example in examples)


def check_that_it_is_whole(python: Path, home: Path) -> None:
    listing = run(python, "-m", "airflow", "providers", "list", "--output", "plain", home=home)
    assert [line.split()[0] for line in listing.splitlines() if "bigcommerce" in line] == ["airflow-provider-bigcommerce"]
    hooks = run(python, "-m", "airflow", "providers", "hooks", "--output", "plain", home=home)
    assert "airflow_provider_bigcommerce.hooks.bigcommerce.BigCommerceHook" in hooks.replace("\n", "")

    script = python.parent / "airflow-bigcommerce"
    assert "sandbox" in run(script, "--help", home=home)
    run(script, "examples", home / "dags-copied", home=home)
    assert {path.name for path in (home / "dags-copied").glob("*.py")} == {path.name for path in (PROJECT / "dags").glob("*.py")}
    check_that_a_copied_example_is_the_only_one(python, home)

    where = run(python, "-c", "import airflow_provider_bigcommerce as package; print(package.__file__)", home=home)
    assert Path(where.strip()).is_relative_to(python.parent.parent)


def test_the_wheel_holds_the_package_its_types_and_the_example_dags_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"airflow_provider_bigcommerce/py.typed", "airflow_provider_bigcommerce/examples/bigcommerce_sync.py"} <= set(names)
    assert {name.split("/")[0] for name in names} == {"airflow_provider_bigcommerce", wheel.name.rpartition("-py3")[0] + ".dist-info"}


def test_the_wheel_alone_is_a_whole_provider(wheel, tmp_path):
    """Its dependencies are borrowed from the environment of the tests, which takes seconds; the project itself is not."""
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, home=tmp_path)
    python = environment / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", home=tmp_path).strip())
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--ignore-installed", wheel, home=tmp_path)
    check_that_it_is_whole(python, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_wheel_with_the_dependencies_it_names_is_a_whole_provider(wheel, tmp_path):
    environment = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, home=tmp_path)
    python = environment / "bin" / "python"
    # Not compiled: what is imported is compiled when it is, and that is a small part of it.
    command = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile")
    run(*command, "-c", PROJECT / "constraints.txt", wheel, home=tmp_path)
    check_that_it_is_whole(python, tmp_path)
