"""A store that fails in every way at once, and a name for it that does not always resolve."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.sandbox.faults import Faults
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import is_temporary
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

RESOURCE = "product_variants"

#: Time-outs and stalls cost this long, and the quota's window ends as soon.
TIMEOUT = 1.0
#: More than a test can use up, in windows that end soon, so that a 429 of the dice costs what its ``X-Retry-After`` of a second says.
QUOTA = "1000000/0.2"


@dataclass
class Resolver:
    """``socket.getaddrinfo`` in a network whose name server is away for a second, before each answer that it gives for the store.

    Away for some look-ups at least, so that their number does not hang on the machine's speed. aiohttp keeps an answer for 10 s.
    """

    real: Any
    outage: float = 1.0
    at_least: int = 4
    failures: int = 0
    _failed_in_outage: int = 0
    _is_down_next: bool = True
    _down_until: float = field(default=0.0)

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "localhost":
            return self.real(host, *args, **kwargs)
        now = time.monotonic()
        if self._is_down_next:
            self._is_down_next, self._down_until, self._failed_in_outage = False, now + self.outage, 0
        if now < self._down_until or self._failed_in_outage < self.at_least:
            self.failures += 1
            self._failed_in_outage += 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        self._is_down_next = True
        return self.real("127.0.0.1", *args, **kwargs)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """The operating system's resolver, failing now and then for ``localhost``."""
    found = Resolver(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", found)
    return found


def connect(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], **extra: Any) -> None:
    """Make it Airflow's connection, by a host name that must be resolved."""
    host = connection["host"].replace("127.0.0.1", "localhost")
    found = {**connection, "host": host, "extra": {**connection["extra"], "timeout": TIMEOUT, **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(found))


def copy(resource: str, path: Path, context: Mapping[str, Any] | None = None, **arguments: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Copy a resource by the operator; the manifest and the lines of the files that it names."""
    operator = BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, path=str(path), file_format="jsonl", **arguments)
    manifest = operator.execute(context or {})
    return manifest, [line for file in manifest["files"] for line in (path / file["path"]).read_bytes().splitlines()]


def as_listed(lines: list[bytes]) -> list[dict[str, Any]]:
    """The rows of a copy."""
    return msgspec.json.decode(b"[" + b",".join(lines) + b"]", type=list[dict[str, Any]])


@dataclass(frozen=True)
class Program:
    """A sandbox in a process of its own."""

    connection: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Counters of the store."""
        request = urllib.request.Request(
            f"{self.connection['host']}/sandbox/state", headers={"X-Auth-Token": self.connection["extra"]["access_token"]}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def sandbox_program(*arguments: str) -> Iterator[Program]:
    """Run ``python -m airflow_provider_bigcommerce.sandbox`` for the time of the block."""
    command = [sys.executable, "-m", "airflow_provider_bigcommerce.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            assert process.stdout is not None
            name, _, text = process.stdout.readline().strip().partition("=")
            assert name == "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"
            yield Program(json.loads(text.strip("'")))
        finally:
            process.terminate()


@dataclass
class Place:
    """Where the rows go, and the store they come from."""

    sandbox: Sandbox
    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.db"

    def arguments(self, kind: str) -> dict[str, Any]:
        about = {"resource": RESOURCE, "query": {"limit": 20}}
        return {**about, "path": str(self.folder / "copy")} if kind == "files" else {**about, "conn_id": "warehouse"}

    def answer(self) -> None:
        """Answer every request from now on."""
        self.sandbox.store._faults = Faults()

    def stop_answering(self) -> None:
        """After ten pages."""
        self.answer()
        self.sandbox.store.fail_next(10**6, "timeout_before", skip=10, match="/v3/catalog/variants")

    def is_reading(self) -> bool:
        """Ten pages came, and others are waited for."""
        return self.sandbox.store.faults["timeout_before"] >= 5

    def assert_nothing_false_remains(self, kind: str) -> None:
        if kind == "files":
            assert committed(str(self.folder / "copy"), RESOURCE) == []
            assert [file for file in (self.folder / "copy").rglob("*") if is_temporary(str(file))] == []
            return
        with contextlib.closing(sqlite3.connect(self.database, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # nobody holds a lock
            tables = {str(row[0]) for row in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert RESOURCE not in tables
            assert [row for table in tables for row in other.execute(f'SELECT * FROM "{table}"')] == []


@pytest.fixture
def place(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = Place(bigcommerce_sandbox, tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(found.database)}))
    yield found
    found.answer()
