"""The example DAG that runs dbt on the assets: with a program that notes how it was called, and with Cosmos's names where it is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import AssetAny
from airflow.sdk.exceptions import AirflowException

from tests.conftest import PROJECT

FILE = PROJECT / "dags" / "bigcommerce_dbt.py"

#: What of Cosmos 1.15 the DAG uses: these names with these arguments.
COSMOS = """\
from dataclasses import dataclass
from airflow.providers.standard.operators.empty import EmptyOperator

@dataclass
class ProjectConfig:
    dbt_project_path: str

@dataclass
class ProfileConfig:
    profile_name: str
    target_name: str
    profiles_yml_filepath: str

@dataclass
class ExecutionConfig:
    dbt_executable_path: str

def DbtTaskGroup(group_id, *, project_config, profile_config, execution_config):
    told = [project_config.dbt_project_path, str(profile_config.profiles_yml_filepath), execution_config.dbt_executable_path]
    EmptyOperator(task_id=f"{group_id}_of_cosmos", params={"told": told})
"""


def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Any:
    """The DAG, with a dbt of that shell program and a project at ``/tmp/... /my project``."""
    dbt = tmp_path / "dbt"
    dbt.write_text(f"#!/bin/sh\n{program}\n")
    dbt.chmod(0o755)
    monkeypatch.setenv("BIGCOMMERCE_DBT", str(dbt))
    monkeypatch.setenv("BIGCOMMERCE_DBT_PROJECT", str(tmp_path / "my project"))
    names: dict[str, Any] = {}
    exec(compile(FILE.read_text().replace("\n):\n", "\n) as dag:\n"), str(FILE), "exec"), names)
    return names["dag"]


def test_it_waits_for_orders_or_products_and_does_not_run_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dag = example(tmp_path, monkeypatch, "exit 0")
    assets = dag.timetable.asset_condition

    assert isinstance(assets, AssetAny)
    assert {asset.uri for asset in assets.objects} == {f"bigcommerce://bigcommerce_default/{name}" for name in ("orders", "products")}
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_without_cosmos_it_builds_the_project_and_fails_when_dbt_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [build] = example(tmp_path, monkeypatch, f'printf "%s\\n" "$@" > "{tmp_path}/called"').tasks
    build.execute({})

    project = str(tmp_path / "my project")
    assert (tmp_path / "called").read_text().splitlines() == ["build", "--project-dir", project, "--profiles-dir", project]
    [build] = example(tmp_path, monkeypatch, "exit 1").tasks
    with pytest.raises(AirflowException, match="non-zero exit code 1"):
        build.execute({})


def test_with_cosmos_its_task_group_gets_the_project_the_profile_and_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cosmos.py").write_text(COSMOS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "cosmos", raising=False)
    [group] = example(tmp_path, monkeypatch, "exit 0").tasks

    project = str(tmp_path / "my project")
    assert group.task_id == "dbt_of_cosmos"
    assert json.loads(json.dumps(group.params["told"])) == [project, f"{project}/profiles.yml", str(tmp_path / "dbt")]
