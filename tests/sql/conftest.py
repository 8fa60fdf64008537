"""Real databases: a SQLite file, PostgreSQL and MariaDB servers that the suite starts and stops; and a task that fills them.

The first two are loaded twice: by their own code, and through SQLAlchemy as any other database is.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.postgres import PostgresServer, folder_of_a_server, run
from tests.sql import any_hook
from tests.sql.warehouse import Warehouse, sqlite_warehouse
from tests.transfers.conftest import night  # noqa: F401  # a fixture, asked for by name


@dataclass(frozen=True)
class MariaDbServer:
    """A running server, trusting everybody on loopback."""

    host: str
    port: int
    user: str = "root"

    def connect(self, database: str | None = None) -> Any:
        import pymysql

        # Statements of the tests quote names as the standard does.
        mode = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')"
        return pymysql.connect(host=self.host, port=self.port, user=self.user, database=database, autocommit=True, init_command=mode)


class MariaDbHandle:
    """A connection with an ``execute``, as the other drivers have; moments are written as the server reads them."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str) -> Any:
        cursor = self._connection.cursor()
        cursor.execute(re.sub(r"'(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z'", r"'\1 \2'", statement))
        return cursor


@contextlib.contextmanager
def running_mariadb(programs: Path) -> Iterator[MariaDbServer]:
    """A server of its own, in a directory of its own, gone afterwards."""
    import pymysql

    with folder_of_a_server("mariadb") as (folder, person, port):
        places = ("--no-defaults", f"--datadir={folder / 'data'}")
        run(person, programs / "mariadb-install-db", *places, "--auth-root-authentication-method=normal", "--skip-test-db")
        # Waits of two seconds, so that a run that waits for another one has to wait more than once.
        settings = ("--innodb-lock-wait-timeout=2", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin")
        where = (f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}")
        with (folder / "log").open("wb") as log:
            daemon = Path(shutil.which("mariadbd") or "/usr/sbin/mariadbd")
            server = subprocess.Popen([daemon, *places, *settings, *where], stdout=log, stderr=log, **person)
        try:
            found, end = MariaDbServer("127.0.0.1", port), time.monotonic() + 60
            while True:
                try:
                    found.connect().close()
                    break
                except pymysql.err.OperationalError:
                    assert server.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < end, (folder / "log").read_text()
                    time.sleep(0.1)
            yield found
        finally:
            server.terminate()
            server.wait(60)


@pytest.fixture(scope="session")
def mariadb_server(mariadb_bin: Path) -> Iterator[MariaDbServer]:
    """A MariaDB server for the whole session."""
    with running_mariadb(mariadb_bin) as server:
        yield server


#: Each kind, and each as a database that SQLAlchemy alone knows; SQLite and MariaDB are the two that differ most.
KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.postgres),
    "any sqlite",
    pytest.param("any postgres", marks=[pytest.mark.postgres, pytest.mark.exhaustive]),
    pytest.param("any mariadb", marks=pytest.mark.mariadb),
]


#: For what is said of SQLAlchemy's databases by MariaDB alone: SQLite through SQLAlchemy is behind ``exhaustive`` there.
FEWER_KINDS = [*KINDS[:2], pytest.param("any sqlite", marks=pytest.mark.exhaustive), *KINDS[3:]]


@pytest.fixture(params=KINDS)
def warehouse(
    request: pytest.FixtureRequest, bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An empty database of each kind, connected as Airflow connection ``warehouse``; a store whose clock stands still unless told."""
    kind = str(request.param).removeprefix("any ")
    is_any = kind != request.param
    name = f"test_{uuid.uuid4().hex[:12]}"
    with contextlib.ExitStack() as stack:
        if kind == "sqlite":
            file = tmp_path / "warehouse.db"
            url = f"sqlite:///{file}?timeout=60"
            found = stack.enter_context(sqlite_warehouse(file, bigcommerce_sandbox))
        elif kind == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            name = server.new_database()
            connection = {"conn_type": "postgres", "host": server.host, "port": server.port, "login": server.user, "schema": name}
            url = f"postgresql+psycopg://{server.user}@{server.host}:{server.port}/{name}"
            handle = stack.enter_context(contextlib.closing(server.connect(name)))
            found = Warehouse(kind, connection, handle, bigcommerce_sandbox)
        else:
            mariadb: MariaDbServer = request.getfixturevalue("mariadb_server")
            with contextlib.closing(mariadb.connect()) as admin:
                admin.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            url = f"mysql+pymysql://{mariadb.user}@{mariadb.host}:{mariadb.port}/{name}"
            handle = MariaDbHandle(stack.enter_context(contextlib.closing(mariadb.connect(name))))
            found = Warehouse(kind, {}, handle, bigcommerce_sandbox)
        if is_any:
            any_hook.register(monkeypatch.setattr)
            found.is_any, found.connection = True, any_hook.connection_to(url)
        for variable, value in found.environment().items():
            monkeypatch.setenv(variable, value)
        bigcommerce_sandbox.store.clock = found.seconds
        yield found
