"""Two real databases: a SQLite file, and a PostgreSQL server that the suite starts and stops; and a task that fills them."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sql.warehouse import Warehouse, sqlite_warehouse
from tests.transfers.conftest import night  # noqa: F401  # a fixture, asked for by name


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def warehouse(
    request: pytest.FixtureRequest, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty database of each kind, connected as Airflow connection ``warehouse``; a store whose clock stands still unless told."""
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            found = stack.enter_context(sqlite_warehouse(tmp_path / "warehouse.db", bigcommerce_sandbox))
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            name = f"test_{uuid.uuid4().hex[:12]}"
            with server.connect() as admin:
                admin.execute(f"CREATE DATABASE {name}")
            connection = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": name}
            handle = stack.enter_context(contextlib.closing(server.connect(name)))
            found = Warehouse("postgres", connection, handle, bigcommerce_sandbox)
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        bigcommerce_sandbox.store.clock = found.seconds
        yield found
