"""What tests of a sync ask Airflow afterwards: states, XComs and asset events of a finished run."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@pytest.fixture
def connected(connected: Sandbox) -> Sandbox:
    """The sandbox as ``bigcommerce_default``, its clock standing still."""
    connected.store.clock = lambda: 1_790_000_000.0
    return connected


class Recorded:
    """An Airflow metrics backend that keeps what it gets."""

    def __init__(self) -> None:
        self.seen: dict[str, list[tuple[Any, dict[str, str]]]] = {}

    def _keep(self, stat: str, value: Any, tags: dict[str, str] | None) -> None:
        self.seen.setdefault(stat, []).append((value, tags or {}))

    def incr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        self._keep(stat, count, tags)

    def gauge(self, stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: dict[str, str] | None = None) -> None:
        self._keep(stat, value, tags)

    def timing(self, stat: str, dt: Any, *, tags: dict[str, str] | None = None) -> None:
        self._keep(stat, dt, tags)

    def value(self, stat: str) -> Any:
        [(value, _)] = self.seen[stat]
        return value


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Airflow's metrics of this process."""
    stats = pytest.importorskip("airflow.sdk._shared.observability.metrics.stats")
    recorded = Recorded()
    monkeypatch.setattr(stats, "_factory", None)
    monkeypatch.setattr(stats, "_backend", None)
    stats.initialize(factory=lambda: recorded, export_legacy_names=True)
    return recorded


def states(run: Any) -> dict[str, str]:
    """Task id, with the map index where there is one -> state."""
    return {f"{ti.task_id}{f'[{ti.map_index}]' if ti.map_index >= 0 else ''}": str(ti.state) for ti in run.get_task_instances()}


def returned(run: Any, task_id: str, map_index: int = -1, key: str = "return_value") -> Any:
    """What a task of the run left in XCom."""
    [ti] = [ti for ti in run.get_task_instances() if ti.task_id == task_id and ti.map_index == map_index]
    return ti.xcom_pull(task_ids=task_id, map_indexes=map_index, key=key)


def events(run: Any) -> dict[str, list[dict[str, Any]]]:
    """Asset events that a run's tasks emitted: URI -> extras."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetModel.uri, AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        rows = session.execute(query.where(AssetEvent.source_dag_id == run.dag_id, AssetEvent.source_run_id == run.run_id)).all()
    found: dict[str, list[dict[str, Any]]] = {}
    for uri, extra in rows:
        found.setdefault(uri, []).append(extra)
    return found
