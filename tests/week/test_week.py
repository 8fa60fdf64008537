"""A week passes: whatever was lost, doubled, out of order, killed or out of reach, at its end the tables equal the store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sql.warehouse import sqlite_warehouse
from tests.week.living import TOLD, Plan, Week

#: Fewer of everything; what goes wrong is the same.
SHORT = Plan(TOLD, bursts=1, clock_every=24, ensure_every=12, api_kills={4: "open", 8: "committed", 12: "gathered"}, scheduler_kill=50)


@pytest.mark.bigcommerce_sandbox(products=30, orders=4, customers=10, client_secret="the-client-secret")
@pytest.mark.parametrize(
    ("plan", "seed"),
    [
        pytest.param(SHORT, 1, id="short"),
        *(pytest.param(Plan(), seed, id=f"whole {seed}", marks=[pytest.mark.exhaustive, pytest.mark.timeout(1800)]) for seed in range(3)),
    ],
)
def test_a_week_passes_and_the_tables_equal_the_store(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan, seed: int
) -> None:
    with sqlite_warehouse(tmp_path / "warehouse.db", bigcommerce_sandbox) as warehouse:
        week = Week(bigcommerce_sandbox, warehouse, plan, seed, monkeypatch)

        week.live()

        assert week.lost() == set()
        for resource, differs, report in week.compared():
            assert (resource, [each[:200] for each in differs]) == (resource, [])
            assert (resource, report["equal"], report["compared"] > 0) == (resource, True, True)
    # Everything that should go wrong did.
    ways = week.store.webhooks
    first_tries = Counter(attempt.webhook_id for attempt in ways.attempts if attempt.number == 1)
    assert ways.lost > 0
    assert max(first_tries.values()) > 1, "some came twice"
    assert {attempt.status for attempt in ways.attempts} == {200, 401, 0, -1}, "taken, without our header, unreachable, domain blocked"
    assert week.api.killed == list(plan.api_kills.values())
    assert set(week.healed) == {"it was switched off", "its header was wiped or is of another token"}
    happened = week.happened
    assert (happened["schedulers killed"], happened["imports"]) == (1, 1)
    assert min(happened["asset_triggered rows"], happened["scheduled rows"]) > 10
    assert happened["runs asset_triggered"] > 5
