"""What events cost in requests, counted: by the operator on a small store, and on paper as the benchmark counts a day."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks import event_day, events_page
from tests.benchmarks.event_day import moments, on_paper, paper_day, requests_of, told
from tests.benchmarks.event_day_read import real
from tests.benchmarks.page import rendered, with_events


def test_a_burst_is_read_by_one_request_for_249_rows_and_the_paper_counts_as_the_operator() -> None:
    with real(260) as copy:
        when = [0.0, *(1.0 for _ in range(260)), 600.0]  # two runs: the first has all but the last change
        changed: list[tuple[str, dict[str, Any]]] = []

        def change(number: int) -> tuple[str, dict[str, Any]]:
            key = copy.store.tables["products"].ids()[number % 259]
            copy.store.edit_product(key, name=f"burst {number}")
            changed.append(told("products", key))
            return changed[-1]

        copy.store.requests.clear()
        assert requests_of(when, change, copy.read, 0.0) == (3, 2)
        again = iter(changed)
        assert requests_of(when, lambda _: next(again), on_paper, 0.0) == (3, 2)
        asked = [request.query.partition("&")[0].removeprefix("id:in=").split(",") for request in copy.store.requests]
        assert [len(ids) for ids in asked] == [249, 10, 1]
        first = [key for ids in asked[:2] for key in ids]
        assert len(first) == len(set(first))  # each product once, though two of them changed twice


def test_ten_thousand_changes_in_a_minute_are_forty_requests_and_one_more_for_each_run_at_most() -> None:
    when = [number * 60 / 10_000 for number in range(10_000)]
    requests, runs = requests_of(when, lambda number: told("products", number), on_paper, 0.0)
    assert requests <= 10_000 / 250 + runs
    assert requests <= 50


@pytest.mark.parametrize("pattern", list(event_day.PATTERNS))
def test_a_day_has_its_changes_in_order_and_costs_a_request_each_at_most(pattern: str) -> None:
    when = moments(pattern, 2_000)
    assert (when == sorted(when), len(when), when[0] >= 0, when[-1] < event_day.DAY) == (True, 2_000, True, True)
    at_once, runs = paper_day(pattern, products=100_000, changes=2_000, settle=0)
    gathered, fewer_runs = paper_day(pattern, products=100_000, changes=2_000, settle=60)
    assert gathered < at_once <= 2_000
    assert fewer_runs < runs <= 2_000


def test_the_page_tells_what_events_cost_how_busy_the_machine_was_and_why_a_goal_is_missed() -> None:
    arrival = {"tries": 20, "first": 4.0, "median": 2.9, "p95": 6.1, "best": 2.0, "worst": 7.0, "load": [21.5, 19.0]}
    burst = {"changes": 10_000, "changed_in": 60.2, "webhooks": 10_000, "refused": 0, "requests": 45, "throttled": 0, "runs": 12}
    burst |= {"read_once": 9_999, "read_more": 1, "applied_after": 7.0, "load": [1.0, 2.0]}
    one = {"webhooks": 5_000, "statuses": {"200": 5_000}, "a_second": 101.0, "cpu_ms": 2.6, "median_ms": 200.0, "p99_ms": 900.0}
    receiver = {"taken": one, "refused": {**one, "cpu_ms": 1.2, "statuses": {"401": 5_000}}, "at_once": 50, "load": [1.0, 2.0]}
    days = {f"{pattern} {settle}": {"requests": 1_700 - settle, "runs": 1_000} for pattern in event_day.PATTERNS for settle in (0, 60)}
    day = {"rows": {"products": 100, "product_variants": 300}, "changes": 2_000, "hourly": 28_900, "hourly_products": 50, "whole": 1_202}
    day |= {"nightly": 1_204, "days": days, "small": 1_000, "sample": {"changes": 60, "requests": 59}}
    measured = {"date": "2026-01-01", "commit": "abc", "machine": "2 cores"}
    found = {"measured": measured, "arrival": arrival, "burst": burst, "receiver": receiver, "day": day}
    page = rendered({"events": {"date": "2026-01-01", "commit": "abc", "quick": False, "found": found}})
    busy = "the machine's load was 21.5 before and 19 after, by other work"
    assert f"| Events, a change until its row is in the table: 95% | ≤ 6 s | 6.1 s | **missed**: {busy} |" in page
    assert "| Events, 10,000 changed products in 60 s: of them not read exactly once | ≤ 0 | 1  | **missed** |" in page
    assert "| Events, CPU of the API server for a webhook | ≤ 2.5 ms | 2.6 ms | **missed**: 1.20 ms of it" in page
    assert "| 10,000 | 0 | 12 | 45 | 0 | 9,999 | 1 | 7.0 | 1, 2 |" in page
    assert "one by one, at any moment of the day | 60 s | 1,000 | 1,640 | 2,844 | 9.8 % |" in page
    assert "5.9 % for the changes, 4.2 % for the night's run" in page
    assert "**Not measured:** how long a change takes to its row; what the receiver takes." in with_events(
        page, {"day": day, "burst": burst}
    )
    assert "Not measured:" not in page
    assert "## Goals: 0 of 0 met" in page  # of the other measures; the section has its own
    assert (
        with_events(page.replace("| 10,000 | 0 | 12 |", "| 10,000 | 0 | 13 |") + "\n## Lake\n\nA line.\n", found)
        == page + "\n## Lake\n\nA line.\n"
    )
    assert with_events("# Benchmarks\n", found).startswith("# Benchmarks\n\n## Events\n\nA whole Airflow")
    assert sum(one[2] for one in events_page.judged({"burst": burst})) == 4
