"""The demo's live copy without its Airflow: what it shows and checks, with runs in this process, and that a check can fail."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox import admin
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_events import EventLog, Logs
from tests.airflow_memory import Airflow
from tests.demo.live import DAG, HERE, Live, database, environment
from tests.demo.screen import Screen


class InProcess:
    """The demo's Airflow and shop, as far as the live copy asks them; a change in the store is a run at once."""

    def __init__(self, sandbox: Sandbox, home: Path, kind: str) -> None:
        self.store, self.home, self.kind = sandbox.store, home, kind
        self.url, self.programs, self.memory, self.logs = "http://127.0.0.1:9", SimpleNamespace(check=lambda: None), Airflow(), Logs()
        self.task = runpy.run_path(str(HERE / "dags" / f"{DAG}.py"))["dag"].get_task("store.products")
        for asset in self.task.inlets:
            self.logs[asset.uri] = EventLog(asset, now=datetime.now(UTC) - timedelta(minutes=10))
        self.found: list[dict[str, Any]] = []

    def _run(self, kind: str) -> None:
        run_id = f"run {len(self.found)}"
        self.task.execute(self.logs.context(self.memory.context(run_id, "store.products"), run_type=kind))
        self.found.append({"dag_run_id": run_id, "state": "success", "run_type": kind})

    def unpause(self, dag_id: str) -> None:
        assert dag_id == DAG
        self._run("scheduled")

    def runs(self, _dag_id: str) -> list[dict[str, Any]]:
        return self.found

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        done = admin.change(self.store, changes)
        for log in self.logs.values():
            payload = {"store_hash": self.store.store_hash, "ids": done["edit_products"], "deleted": [], "is_whole": True}
            log.tell({"payload": payload})
        self._run(self.kind)
        return done

    def counts(self) -> dict[str, int]:
        return {name: len(table) for name, table in self.store.tables.items()}

    def forget_requests(self) -> None:
        self.store.requests.clear()

    def access_log(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.store.requests]


@pytest.mark.bigcommerce_sandbox(products=120)
@pytest.mark.parametrize(("kind", "held"), [("asset_triggered", [True, True, True]), ("scheduled", [True, False, False])])
def test_the_live_part_tells_the_seconds_and_its_checks_tell_a_run_by_events_from_one_by_the_clock(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, held: list[bool]
) -> None:
    settings = environment(tmp_path, tmp_path / "dags", "bigcommerce_default")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", settings["AIRFLOW_CONN_WAREHOUSE"])
    bundles = json.loads(settings["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert [(each["name"], each["kwargs"]["path"]) for each in bundles] == [("dags", str(tmp_path / "dags")), ("demo", str(HERE / "dags"))]
    place: Any = InProcess(connected, tmp_path, kind)
    screen = Screen()
    live = Live(place, screen, place, tmp_path, "bigcommerce_default")
    monkeypatch.setattr(live, "_make_webhooks", lambda destination: None)

    live.tell()

    assert [was for _, was in screen.held] == held
    assert "s after the change in the store it is in the table" in " ".join(capsys.readouterr().out.split())
    assert database(tmp_path).exists()
