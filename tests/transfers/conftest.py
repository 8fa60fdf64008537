"""A transfer against the sandbox, with Airflow's state in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import msgspec
import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_memory import START, Airflow


@dataclass
class Night:
    """One task that runs night after night: the store, its clock, the directory and Airflow's memory."""

    sandbox: Sandbox
    path: Path
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START

    def run(
        self, run_id: str, resource: str = "orders", *, after: timedelta = timedelta(0), try_number: int = 1, **arguments: Any
    ) -> dict[str, Any]:
        """Run the task in a DAG run, ``after`` later than the last thing that happened."""
        self.later(after)
        arguments = {"mode": "incremental", "file_format": "jsonl", "path": str(self.path), **arguments}
        operator = BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, **arguments)
        return operator.execute(self.airflow.context(run_id, resource, try_number=try_number))

    def later(self, by: timedelta) -> None:
        """Let time pass, for the store."""
        self.moment += by

    def seconds(self) -> float:
        """The store's clock, as its server asks for it."""
        return self.moment.timestamp()

    def copy(self, resource: str = "orders") -> dict[int, dict[str, Any]]:
        """The copy of a resource: the newest row of each key over all committed manifests."""
        newest: dict[int, dict[str, Any]] = {}
        for manifest in reversed(committed(str(self.path), resource)):
            for file in manifest.files:
                for line in (self.path / file.path).read_bytes().splitlines():
                    row = msgspec.json.decode(line)
                    newest[row["id"]] = row
        return newest

    def data_files(self, resource: str = "orders") -> set[str]:
        """Every file that could be taken for data, hidden ones too."""
        return {str(file.relative_to(self.path)) for file in (self.path / resource).glob("run=*/**/*") if file.is_file()}

    def requests(self, path: str) -> list[str]:
        """Queries of the requests to a path since the log was last cleared."""
        return [request.query for request in self.sandbox.store.requests if request.path == path]


@pytest.fixture
def night(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A task, its store whose clock stands still unless told, an empty directory and an empty state."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    night = Night(bigcommerce_sandbox, tmp_path / "copy")
    bigcommerce_sandbox.store.clock = night.seconds
    return night


@pytest.fixture(params=["local", "memory"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    """A place on the disk, and an object store (no rename, no folders)."""
    if request.param == "local":
        yield Destination.at(str(tmp_path / "copy"))
        return
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield Destination(fs, "/bucket/copy", "memory://bucket/copy")
    fs.store.clear()
