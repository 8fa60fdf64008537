"""dbt itself over a copy of the sandbox: every model is built and every test holds. `make test-dbt` makes the environment that has it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.dbt.copied_tables import POINTERS, STAGED
from tests.conftest import PROJECT, missing_tool
from tests.dbt.conftest import SCHEMA, carry
from tests.sql.warehouse import Warehouse

DBT = PROJECT / ".venv-dbt" / "bin" / "dbt"
pytestmark = pytest.mark.dbt


@pytest.fixture(autouse=True)
def has_dbt(request: pytest.FixtureRequest) -> None:
    """It takes half a minute, so it runs where it is asked for."""
    if "dbt" not in str(request.config.getoption("-m")):
        pytest.skip("takes half a minute: make test-dbt runs it")
    if not DBT.exists():
        missing_tool("dbt", "make test-dbt makes an environment that has it")


class Project:
    """The project that the command wrote, its profile for the DuckDB file, and what dbt said last of each node."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder, self.file = folder, file
        output = {"type": "duckdb", "path": str(file), "threads": 1}
        profile = {"shop": {"target": "test", "outputs": {"test": output}}}
        folder.mkdir()
        (folder / "profiles.yml").write_text(json.dumps(profile))  # JSON is YAML

    def dbt(self, *arguments: str) -> dict[str, str]:
        """Run dbt; returns node -> status."""
        places = ("--project-dir", str(self.folder), "--profiles-dir", str(self.folder))
        environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1"}
        done = subprocess.run(
            [str(DBT), "--no-version-check", "--warn-error-options", '{"error": ["Deprecations"]}', *arguments, *places],
            capture_output=True, text=True, env=environment, cwd=self.folder, timeout=120,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        results = json.loads((self.folder / "target" / ("sources.json" if "freshness" in arguments else "run_results.json")).read_text())
        return {result["unique_id"]: result["status"] for result in results["results"]}


@pytest.mark.bigcommerce_sandbox(products=12, orders=8, customers=6)
def test_dbt_builds_every_model_over_a_copy_and_each_test_sees_what_it_is_for(
    shop: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path / "project", tmp_path / "copy.duckdb")
    monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "dbt", str(project.folder), "--conn-id", "warehouse", "--name", "shop"])
    assert cli.main() == 0
    carry(shop, project.file)
    where = ("--vars", json.dumps({"bigcommerce_schema": SCHEMA}))

    built = project.dbt("build", *where)

    models = {name.rpartition("__")[2] for name in built if name.startswith("model.")}
    assert models == set(STAGED)
    assert {status for name, status in built.items() if not name.startswith("test.shop.relationships_")} == {"success", "pass"}
    assert sum("relationships_" in name for name in built) == len(POINTERS)
    assert {name: status for name, status in built.items() if status not in ("success", "pass", "warn")} == {}

    fresh = project.dbt("source", "freshness", *where)
    assert {*fresh.values()} == {"pass"}
    assert {name.rpartition(".")[2] for name in fresh} >= {"orders", "products", "customers", "_bigcommerce_syncs"}

    with contextlib.closing(duckdb.connect(str(project.file))) as database:
        database.execute(f"INSERT INTO {SCHEMA}.brands SELECT * FROM {SCHEMA}.brands LIMIT 1")
        database.execute(f"INSERT INTO {SCHEMA}.price_list_records SELECT * FROM {SCHEMA}.price_list_records LIMIT 1")
        database.execute(f"UPDATE {SCHEMA}.orders SET customer_id = 999999 WHERE id = (SELECT min(id) FROM {SCHEMA}.orders)")
        database.execute(f"UPDATE {SCHEMA}._bigcommerce_syncs SET finished_at = ?", [datetime.now(UTC) - timedelta(days=30)])

    chosen = ("source:bigcommerce.brands", "source:bigcommerce.price_list_records", "stg_bigcommerce__brands", "stg_bigcommerce__orders")
    tested = project.dbt("test", *where, "--select", *chosen)
    wrong = {name.partition("test.shop.")[2].rpartition(".")[0]: status for name, status in tested.items()}
    noticed = {name: status for name, status in wrong.items() if status in ("fail", "warn")}
    failed = {name for name, status in noticed.items() if status == "fail"}
    assert {"source_unique_bigcommerce_brands_id", "unique_stg_bigcommerce__brands_brand_id"} <= failed
    assert [name for name in failed if "bigcommerce_unique" in name] != []
    assert any(name.startswith("relationships_stg_bigcommerce__orders_customer_id") for name, status in noticed.items() if status == "warn")
    late = project.dbt("source", "freshness", *where)
    assert {name.rpartition(".")[2] for name, status in late.items() if status != "pass"} == {"_bigcommerce_syncs"}
