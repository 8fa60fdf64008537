"""A copy of the sandbox in a DuckDB file: filled by the operator in SQLite, and carried over table by table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from airflow_provider_bigcommerce.dbt.copied_tables import STAGED, described
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.sql.layout import ColumnKind, Table
from airflow_provider_bigcommerce.targets.sql.syncs import SYNCS
from tests.sql.warehouse import Warehouse, sqlite_warehouse

TYPES: Mapping[ColumnKind, str] = {
    "int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "text": "VARCHAR", "money": "DECIMAL(20, 4)", "rate": "DECIMAL(20, 10)",
    "time": "TIMESTAMPTZ", "json": "JSON", "extra": "VARCHAR",
}  # fmt: skip
SCHEMA = "shop"


def carry(warehouse: Warehouse, file: Path) -> None:
    """Every table of the twenty, with its rows, out of SQLite into a DuckDB file."""
    tables = [table for resource in STAGED for table in described(resource).layout.tables]
    with contextlib.closing(duckdb.connect(str(file))) as target:
        target.execute(f"CREATE SCHEMA {SCHEMA}")
        for table in [*tables, SYNCS]:
            _carry_table(warehouse, target, table)


def _carry_table(warehouse: Warehouse, target: Any, table: Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    types = ", ".join(f'"{column.name}" {TYPES[column.kind]}' for column in table.columns)
    rows = warehouse.query(f'SELECT {names} FROM "{table.name}"')
    columns = [[None if row[number] is None else str(row[number]) for row in rows] for number in range(len(table.columns))]
    texts = pa.table([pa.array(values, pa.string()) for values in columns], names=[column.name for column in table.columns])
    target.execute(f'CREATE TABLE {SCHEMA}."{table.name}" ({types})')
    target.register("texts", texts)
    target.execute(f'INSERT INTO {SCHEMA}."{table.name}" SELECT {names} FROM texts')
    target.unregister("texts")


@pytest.fixture
def shop(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A SQLite database with a copy of the twenty resources, connected as ``warehouse``."""
    with sqlite_warehouse(tmp_path / "warehouse.db", bigcommerce_sandbox) as found:
        for variable, value in found.environment().items():
            monkeypatch.setenv(variable, value)
        for resource in STAGED:
            found.run(resource)
        yield found
