"""A PostgreSQL server that the suite starts and stops: a destination of tests, and the metadata database of their Airflows."""

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


@dataclass(frozen=True)
class PostgresServer:
    """A running server, trusting everybody on loopback."""

    host: str
    port: int
    user: str = "postgres"

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(host=self.host, port=self.port, user=self.user, dbname=database, autocommit=True)

    def new_database(self, template: str | None = None) -> str:
        """Make a database, an empty one or a copy of ``template`` that nobody is connected to, and return its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with self.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name


@contextlib.contextmanager
def folder_of_a_server(name: str) -> Iterator[tuple[Path, dict[str, Any], int]]:
    """A directory, arguments of its processes, and a free port. Servers refuse to run as root, so root lends them ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix=f"bigcommerce-{name}-"))
    person: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        person |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        yield folder, person, port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(person: dict[str, Any], program: Path, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, **person)
    assert done.returncode == 0, f"{program}: {done.stderr}"


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """A server of its own, in a directory of its own, gone afterwards."""
    with folder_of_a_server("postgres") as (folder, person, port):
        data, initdb, pg_ctl = str(folder / "data"), programs / "initdb", programs / "pg_ctl"
        encoding = ("--encoding", "UTF8", "--no-locale", "--no-sync")
        run(person, initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust", *encoding)
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\nfsync = off\n")
        run(person, pg_ctl, "--pgdata", data, "--log", str(folder / "log"), "--wait", "start")
        try:
            yield PostgresServer("127.0.0.1", port)
        finally:
            run(person, pg_ctl, "--pgdata", data, "--mode", "immediate", "--wait", "stop")
