"""Importing costs nothing: no Airflow for the provider's description, no file or socket for an operator."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_bigcommerce

pytestmark = pytest.mark.compat


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_get_provider_info_imports_neither_airflow_nor_aiohttp():
    loaded = json.loads(
        run_python(
            "import json, sys; from airflow_provider_bigcommerce.get_provider_info import get_provider_info; get_provider_info();"
            "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
        )
    )
    assert set(loaded) & {"airflow", "aiohttp", "msgspec", "pyarrow", "requests", "rich", "typer"} == set()


def test_the_pytest_plugin_imports_nothing_heavy_until_it_is_used():
    loaded = json.loads(
        run_python(
            "import json, sys, pytest; import airflow_provider_bigcommerce.sandbox.pytest_plugin;"
            "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
        )
    )
    assert set(loaded) & {"airflow", "aiohttp", "pyarrow", "requests", "typer"} == set()


#: Airflow itself opens things (its configuration, a program that croniter asks for the word size), so it makes an operator first.
OPENED_BY_OUR_IMPORT = """
import importlib, json, os, sys
import airflow.sdk, airflow.providers.http.hooks.http, aiohttp
airflow.sdk.BaseOperator(task_id="airflows_own")
opened = []
def record(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir", "sqlite3.connect"):
        opened.append(event)
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
        if writes and "__pycache__" not in str(path):
            opened.append(f"{event} {path}")
sys.addaudithook(record)
modules = importlib.import_module("airflow_provider_bigcommerce.transfers.to_object_storage")
operator = modules.BigCommerceToObjectStorageOperator(task_id="t", resource="orders", path="file:///nowhere")
print(json.dumps(opened))
"""


def test_importing_and_constructing_an_operator_opens_nothing():
    assert json.loads(run_python(OPENED_BY_OUR_IMPORT)) == []


PACKAGE = Path(airflow_provider_bigcommerce.__file__).parent


#: A DAG file that watches for changes has tasks of its own, none of which needs the hook; the triggerer imports it once.
LATE = {PACKAGE / "triggers/changes_feed.py"}
ROOMS = ("operators", "transfers", "sensors", "triggers", "hooks")


@pytest.mark.parametrize("path", sorted({path for room in ROOMS for path in PACKAGE.glob(f"{room}/*.py")} - LATE))
def test_a_task_imports_nothing_of_ours_while_it_works(path: Path):
    """Airflow imports the DAG file before a task runs; what is imported in ``execute`` is time that the task's user waits for."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = [
        node.module
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_provider_bigcommerce")
    ]
    assert late == []


def test_a_dag_file_with_each_operator_imports_no_arrow_and_no_database():
    """They are imported when a task needs them: not every task does, and a DAG file is imported every half minute."""
    modules = ["operators.graphql", "operators.partition", "operators.plan", "operators.reconcile", "operators.request", "operators.sync"]
    modules += ["operators.stock", "operators.shipments", "operators.refunds"]
    modules += ["transfers.to_object_storage", "transfers.to_sql", "sensors.resource", "sync"]
    loaded = json.loads(
        run_python(
            "import importlib, json, sys\nimport airflow.sdk\nbefore = set(sys.modules)\n"
            f"for name in {modules}: importlib.import_module(f'airflow_provider_bigcommerce.{{name}}')\n"
            "new = set(sys.modules) - before\n"
            "print(json.dumps(sorted(new | {name.partition('.')[0] for name in new})))"
        )
    )
    assert "airflow_provider_bigcommerce.core.catalog.names" not in loaded  # for editors and type checkers alone
    assert set(loaded) & {"pyarrow", "pandas", "numpy", "psycopg", "psycopg2", "sqlite3", "dlt", "rich", "typer"} == set()
