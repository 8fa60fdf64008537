"""Airflow's asset events in memory: what a task asks ``inlet_events`` for, ordered by timestamp alone, with the state beside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self

from airflow.sdk import Asset

from tests.airflow_memory import AssetStates, StateStore

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """One row of ``asset_event``."""

    id: int
    timestamp: datetime
    extra: dict[str, Any]


@dataclass
class EventLog:
    """All events of one asset, and what tasks keep about them."""

    asset: Asset
    rows: list[Event] = field(default_factory=list)
    state: StateStore = field(default_factory=StateStore)
    now: datetime = NOON
    asked: list[int | None] = field(default_factory=list)
    shuffle: random.Random = field(default_factory=lambda: random.Random(1))
    ids: int = 0

    def tell(self, extra: dict[str, Any] | None = None, *, at: datetime | None = None) -> Event:
        self.ids += 1
        event = Event(self.ids, at or self.now, extra or {})
        self.rows.append(event)
        return event

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def context(self, *, triggered: list[Event] | None = None, run_type: str = "asset_triggered", ti: Any = None) -> dict[str, Any]:
        """What a task with the asset as its inlet finds."""
        log = self

        class Inlets:
            def __getitem__(self, key: Any) -> Any:
                if getattr(key, "uri", None) != log.asset.uri:
                    raise KeyError(key)
                return _Accessor(log)

        return {
            "ti": ti or SimpleNamespace(),
            "dag_run": SimpleNamespace(run_type=run_type),
            "inlet_events": Inlets(),
            "asset_state_store": AssetStates({self.asset.name: self.state}),
            "triggering_asset_events": {self.asset: triggered} if triggered else {},
        }


class _Accessor:
    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._after = ""
        self._limit: int | None = None

    def after(self, after: str) -> Self:
        self._after = after
        return self

    def ascending(self) -> Self:
        return self

    def limit(self, limit: int) -> Self:
        self._limit = limit
        return self

    def __iter__(self) -> Iterator[Event]:
        log = self._log
        log.asked.append(self._limit)
        after = datetime.fromisoformat(self._after)
        found = [event for event in log.rows if event.timestamp >= after]
        log.shuffle.shuffle(found)  # a database orders rows of one timestamp as it likes
        return iter(sorted(found, key=lambda event: event.timestamp)[: self._limit])


class Logs(dict[str, EventLog]):
    """The events of several assets, by URI, and one Airflow that keeps what tasks know of them."""

    def context(self, base: dict[str, Any], *, run_type: str = "asset_triggered") -> dict[str, Any]:
        """A task's context, with all of these assets as its inlets."""
        logs = self

        class Inlets:
            def __getitem__(self, key: Any) -> Any:
                return _Accessor(logs[getattr(key, "uri", "")])

        states = AssetStates({**base["asset_state_store"], **{log.asset.name: log.state for log in self.values()}})
        return {**base, "dag_run": SimpleNamespace(run_type=run_type), "inlet_events": Inlets(), "asset_state_store": states}
