"""The benchmarks' own arithmetic, and that a driver's rows are really counted; nothing here depends on being fast."""

from __future__ import annotations

import pytest

from tests.benchmarks.page import Goal, rendered
from tests.benchmarks.processes import Processes
from tests.benchmarks.sampling import parts


def test_a_goal_is_judged_on_the_unrounded_number() -> None:
    assert Goal("time", 1.2, True, 1.2).is_met
    assert not Goal("time", 1.2, True, 1.2004).is_met
    assert Goal("use", 95, False, 95.0, "%").is_met
    assert not Goal("use", 95, False, 94.99, "%").is_met


def test_the_page_says_what_was_missed() -> None:
    found = {"with": {"seconds": 3.0, "lost": 0, "doubled": 0}, "without": {"seconds": 1.0}, "faults": [4]}
    page = rendered({"faults": {"date": "2026-01-01", "commit": "abc", "quick": True, "found": found}})
    assert "## Goals: 0 of 1 met" in page
    assert "stands or falls with: 0 of 1 met" in page
    assert "| 2% faults: time against none | **≤ 1.3 x** | 3 x | **missed** |" in page
    assert "Measured shortly" in page


def test_a_miss_is_explained_by_the_profile() -> None:
    one = {"cpu_seconds": 1.0, "seconds": 2.0, "runs": 5}
    found = {"rows": 100, "hand-written loop": one, "bare sockets": {**one, "seconds": 0.5}}
    found |= {name: {**one, "cpu_seconds": 2.0} for name in ("ours, JSON lines", "ours, Parquet")}
    profile = {"ours, JSON lines": {"HTTP": 0.5, "SHA-256": 0.25, "other": 0.05, "splitting": 0.2}, "ours, Parquet": {}}
    kept = {"date": "2026-01-01", "commit": "abc", "quick": False}
    page = rendered({"cpu": {**kept, "found": found}, "profile": {**kept, "found": profile}})
    of_it = "of it 1.00 x HTTP, 0.50 x SHA-256, 0.40 x splitting"
    assert f"| CPU for 100 products, ours, JSON lines: against the loop | ≤ 1.2 x | 2 x | **missed**: {of_it} |" in page
    assert "| CPU for 100 products, ours, Parquet: against the loop | ≤ 4 x | 2 x | met |" in page


def test_samples_are_told_by_the_part_nearest_the_top_and_imports_are_left_out() -> None:
    stacks = [
        "main;execute (operator.py:1);_write (transfers/copying.py:2);read (airflow_provider_bigcommerce/files/keys.py:3) 3",
        "main;execute (operator.py:1);run (asyncio/runners.py:1);feed (aiohttp/streams.py:2) 1",
        "main;<module> (airflow/__init__.py:1) 50",
        "thread;_worker (concurrent/futures/thread.py:81) 50",
        "main;execute (operator.py:1);_run_once (asyncio/base_events.py:1890);EpollSelector.select (selectors.py:468) 50",
    ]
    assert parts(stacks) == {"telling repeated rows apart": 0.75, "HTTP (aiohttp, event loop, sockets)": 0.25}


@pytest.mark.parametrize("quota", [None, [100, 1.0]])
def test_the_hand_written_loop_brings_every_product_of_the_page_server_once(quota: list[float] | None) -> None:
    with Processes() as processes:
        result = processes.run("loop", products=1_001, quota=quota)
    assert (result.rows, result.lost, result.doubled) == (1_001, 0, 0)
    assert (result.server["requests"], result.server["throttled"]) == (5, 0)
    assert result.server["windows"] == ([5] if quota else [])


def test_the_page_server_refuses_what_is_above_its_quota() -> None:
    with Processes() as processes, pytest.raises(RuntimeError, match="429"):
        processes.run("loop", products=5_000, quota=[10, 30.0])


def test_a_load_is_judged_by_orders_without_line_items_as_json_columns() -> None:
    one = {"rows": 50_000, "rows_a_second": 19_999.0, "seconds": 2.5, "cpu": 2.0, "server": 1.0, "mb": 200.0, "runs": 5}
    found = {"orders without line items": {"ours, nested=json": one, "dlt": {**one, "rows_a_second": 2_000.0}}}
    page = rendered({"sql": {"date": "2026-01-01", "commit": "abc", "quick": False, "found": found}})
    assert "| Orders into PostgreSQL | ≥ 20,000 rows/s | 19,999 rows/s | **missed** |" in page
    assert "### 50,000 orders without line items" in page
    assert "| dlt | 2,000 | 0.10 | 2.00 | 1.00 | 200 |" in page
