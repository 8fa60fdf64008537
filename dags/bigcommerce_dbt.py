"""Runs a dbt project whenever a sync has copied orders or products: by Cosmos where it is installed, else by `dbt build`.

Write the project first: `airflow-bigcommerce dbt DIR --conn-id warehouse`. Give it a profiles.yml, and set PROJECT to DIR. The sync must
copy into tables of that database: `bigcommerce_sync(..., to=Tables(conn_id="warehouse"))`.
"""

import importlib.util
import os
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

# The directory that `airflow-bigcommerce dbt` wrote, with a profiles.yml of yours in it, where all workers see it.
PROJECT = os.environ.get("BIGCOMMERCE_DBT_PROJECT") or str(Path.home() / "bigcommerce_dbt")

# The program. dbt wants other versions of packages than Airflow, so give it an environment of its own: "/opt/dbt/bin/dbt".
DBT = os.environ.get("BIGCOMMERCE_DBT") or "dbt"

# What the sync announces; | means that either starts this DAG.
ORDERS = Asset("bigcommerce://bigcommerce_default/orders")
PRODUCTS = Asset("bigcommerce://bigcommerce_default/products")

with DAG(
    "bigcommerce_dbt",
    description="Run the dbt project over the copied tables whenever orders or products were copied",
    schedule=(ORDERS | PRODUCTS),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two runs at once would build the same models
    tags=["bigcommerce"],
    doc_md=__doc__,
):
    if importlib.util.find_spec("cosmos") is not None:
        from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig

        DbtTaskGroup(
            group_id="dbt",
            project_config=ProjectConfig(PROJECT),
            profile_config=ProfileConfig(
                profile_name="bigcommerce", target_name="prod", profiles_yml_filepath=Path(PROJECT) / "profiles.yml"
            ),
            execution_config=ExecutionConfig(dbt_executable_path=DBT),
        )
    else:
        BashOperator(
            task_id="dbt_build",
            bash_command='exec "$DBT" build --project-dir "$PROJECT" --profiles-dir "$PROJECT"',
            env={"DBT": DBT, "PROJECT": PROJECT},
            append_env=True,
        )
