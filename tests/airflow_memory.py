"""Airflow's state in memory: what a task finds in its context, and nothing more."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow_provider_bigcommerce.state import STATE_ASSET_NAME

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

    def context(
        self, run_id: str, task_id: str, map_index: int = -1, interval: Interval | None = None, try_number: int = 1
    ) -> dict[str, Any]:
        state = self.task_states.setdefault((run_id, task_id, map_index), StateStore())
        ti = SimpleNamespace(
            dag_id="sync",
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            try_number=try_number,
            id="0",
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
        )
        stores = {"task_state_store": state, "asset_state_store": AssetStates({STATE_ASSET_NAME: self.watermarks})}
        # Airflow has these keys only for a run with an interval.
        bounds = dict(zip(("data_interval_start", "data_interval_end"), interval, strict=True)) if interval else {}
        return {"ti": ti, **stores, **bounds}
