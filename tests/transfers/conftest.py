"""A transfer against the sandbox, with Airflow's state in memory: what a task finds in its context, and nothing more."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.files.manifest import committed
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.state import STATE_ASSET_NAME
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

Interval = tuple[datetime, datetime]

START = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


class StateStore(dict[str, Any]):
    """One of Airflow's state stores; ``fails`` makes the next ``set`` of that many raise, as a lost supervisor does."""

    fails = 0

    def set(self, key: str, value: Any) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the supervisor is gone")
        self[key] = json.loads(json.dumps(value))
        assert self[key] == value, "Airflow takes JSON's own types: no tuple, no key that is not text"

    def delete(self, key: str) -> None:
        self.pop(key, None)


class AssetStates(dict[str, StateStore]):
    """``context["asset_state_store"]``: an asset's state by the asset, if it is an inlet."""

    def __getitem__(self, asset: Any) -> StateStore:
        return super().__getitem__(asset.name)


@dataclass
class Airflow:
    """What outlives a task's try: the states, and the XComs that a run pushed."""

    watermarks: StateStore = field(default_factory=StateStore)
    task_states: dict[tuple[str, str, int], StateStore] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)

    def context(self, run_id: str, task_id: str, map_index: int = -1, interval: Interval | None = None) -> dict[str, Any]:
        state = self.task_states.setdefault((run_id, task_id, map_index), StateStore())
        ti = SimpleNamespace(
            dag_id="sync",
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            id="0",
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
        )
        stores = {"task_state_store": state, "asset_state_store": AssetStates({STATE_ASSET_NAME: self.watermarks})}
        # Airflow has these keys only for a run with an interval.
        bounds = dict(zip(("data_interval_start", "data_interval_end"), interval, strict=True)) if interval else {}
        return {"ti": ti, **stores, **bounds}


@dataclass
class Night:
    """One task that runs night after night: the store, its clock, the directory and Airflow's memory."""

    sandbox: Sandbox
    path: Path
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START

    def run(self, run_id: str, resource: str = "orders", *, after: timedelta = timedelta(0), **arguments: Any) -> dict[str, Any]:
        """Run the task in a DAG run, ``after`` later than the last thing that happened."""
        self.later(after)
        arguments = {"mode": "incremental", "file_format": "jsonl", **arguments}
        operator = BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, path=str(self.path), **arguments)
        return operator.execute(self.airflow.context(run_id, resource))

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
