"""Two real databases: a SQLite file, and a PostgreSQL server that the suite starts and stops; and a task that fills them."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.transfers.conftest import START, Airflow, night  # noqa: F401  # night is a fixture, asked for by name

CONN_ID = "warehouse"


@dataclass(frozen=True)
class PostgresServer:
    """A running server, trusting everybody on loopback."""

    host: str
    port: int
    user: str = "postgres"

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(host=self.host, port=self.port, user=self.user, dbname=database, autocommit=True)


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """A server of its own, in a directory of its own, gone afterwards. It refuses to run as root, so root lends it ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix="bigcommerce-postgres-"))
    person: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        person = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, **person,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"

    data = folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        run("initdb", "--pgdata", str(data), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\nfsync = off\n")
        run("pg_ctl", "--pgdata", str(data), "--log", str(folder / "log"), "--wait", "start")
        try:
            yield PostgresServer("127.0.0.1", port)
        finally:
            run("pg_ctl", "--pgdata", str(data), "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(postgres_bin: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session."""
    with running_postgres(postgres_bin) as server:
        yield server


@dataclass
class Warehouse:
    """One empty database, and the task that fills it night after night."""

    kind: str
    connection: dict[str, Any]
    handle: Any
    sandbox: Sandbox
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START

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
        """Every table that another connection sees."""
        if self.kind == "sqlite":
            return set(self.column("SELECT name FROM sqlite_master WHERE type = 'table'"))
        return set(self.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))

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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def warehouse(
    request: pytest.FixtureRequest, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty database of each kind, connected as Airflow connection ``warehouse``; a store whose clock stands still unless told."""
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            file = tmp_path / "warehouse.db"
            connection = {"conn_type": "sqlite", "host": str(file)}
            handle: Any = stack.enter_context(contextlib.closing(sqlite3.connect(file, isolation_level=None)))
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            name = f"test_{uuid.uuid4().hex[:12]}"
            with server.connect() as admin:
                admin.execute(f"CREATE DATABASE {name}")
            connection = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": name}
            handle = stack.enter_context(contextlib.closing(server.connect(name)))
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
        found = Warehouse(str(request.param), connection, handle, bigcommerce_sandbox)
        bigcommerce_sandbox.store.clock = found.seconds
        yield found
