"""A database and the task that fills it night after night; knows no pytest, so that the demo's month is the tests' own."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.sandbox.running import Sandbox
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_memory import START, Airflow

CONN_ID = "warehouse"


@dataclass
class Warehouse:
    """One empty database, and the task that fills it night after night.

    ``kind`` is what the database is; ``is_any``, whether it is loaded as one that SQLAlchemy alone knows.
    """

    kind: str
    connection: dict[str, Any]
    handle: Any
    sandbox: Sandbox
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START
    is_any: bool = False

    @property
    def schema(self) -> str:
        return "main" if self.kind == "sqlite" else "public"

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.handle.execute(statement).fetchall()]

    def do(self, statement: str) -> None:
        self.handle.execute(statement)

    def column(self, statement: str) -> list[Any]:
        return [row[0] for row in self.query(statement)]

    def json(self, value: Any) -> Any:
        """A JSON column's value, which PostgreSQL's driver has decoded already."""
        return json.loads(value) if isinstance(value, str) else value

    def tables(self) -> set[str]:
        """Every table that another connection sees, but for that of the locks, which hold no data."""
        statements = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
            "postgres": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
            "mariadb": "SHOW TABLES",
        }
        return set(self.column(statements[self.kind])) - {"_bigcommerce_locks"}

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, in an order that does not depend on how they were written."""
        return {table: sorted(self.query(f'SELECT * FROM "{table}"'), key=repr) for table in sorted(self.tables())}

    def operator(self, resource: str = "orders", **arguments: Any) -> BigCommerceToSqlOperator:
        return BigCommerceToSqlOperator(task_id=resource, resource=resource, **{"conn_id": CONN_ID, **arguments})

    def run(
        self, resource: str = "orders", run_id: str | None = None, *, after: timedelta = timedelta(0), **arguments: Any
    ) -> dict[str, Any]:
        """Run the task in a DAG run of its own, or in the one that is named."""
        self.moment += after
        context = self.airflow.context(run_id, resource) if run_id else {}
        return self.operator(resource, **arguments).execute(context)

    def seconds(self) -> float:
        """The store's clock."""
        return self.moment.timestamp()

    def environment(self) -> dict[str, str]:
        """The environment variables that hold both connections."""
        connections = {"AIRFLOW_CONN_WAREHOUSE": self.connection, "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": self.sandbox.connection}
        return {name: json.dumps(connection) for name, connection in connections.items()}


@contextlib.contextmanager
def sqlite_warehouse(file: Path, sandbox: Sandbox) -> Iterator[Warehouse]:
    """A SQLite file as a warehouse."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as handle:
        yield Warehouse("sqlite", {"conn_type": "sqlite", "host": str(file)}, handle, sandbox)
