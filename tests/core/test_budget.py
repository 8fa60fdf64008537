from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.budget import Budget


@dataclass
class Quota:
    """A store's quota as interfaces.md describes it: fixed windows, each opened by the first request after the last one ended."""

    quota: int
    window: float
    opened_at: float = -math.inf
    used: int = 0
    throttled: int = 0
    by_window: list[int] = field(default_factory=list)

    def take(self, now: float, *, is_ours: bool = True) -> dict[str, str]:
        if now >= self.opened_at + self.window:
            self.opened_at, self.used = now, 0
            self.by_window.append(0)
        self.used += 1
        self.by_window[-1] += 1
        if self.used > self.quota and is_ours:
            self.throttled += 1
        return {
            "x-rate-limit-requests-quota": str(self.quota),
            "x-rate-limit-requests-left": str(max(0, self.quota - self.used)),
            "x-rate-limit-time-window-ms": str(int(self.window * 1000)),
            "x-rate-limit-time-reset-ms": str(math.ceil((self.opened_at + self.window - now) * 1000)),
        }


def simulate(budget: Budget, store: Quota, requests: int, *, concurrency: int, latency: float, others_at: tuple[float, ...] = ()) -> float:
    """Send ``requests`` as fast as the budget allows, on a virtual clock; seconds from the first to the last request."""
    now, sent, in_flight = 0.0, 0, 0
    first = last = None
    events: list[tuple[float, int, str, Any]] = [(at, -1, "other", None) for at in others_at]
    heapq.heapify(events)
    number = 0
    while sent < requests or in_flight:
        delay = budget.delay(now)
        if sent < requests and in_flight < concurrency and delay == 0:
            number += 1
            heapq.heappush(events, (now + latency / 2, number, "arrive", budget.send(now)))
            first = now if first is None else first
            last = now
            sent += 1
            in_flight += 1
            continue
        wake = now + delay if sent < requests and in_flight < concurrency and math.isfinite(delay) else math.inf
        if events and events[0][0] <= wake:
            now, key, what, payload = heapq.heappop(events)
            if what == "other":
                store.take(now, is_ours=False)
            elif what == "arrive":
                heapq.heappush(events, (now + latency / 2, key, "answer", (payload, store.take(now))))
            else:
                ticket, headers = payload
                budget.receive(ticket, headers, now)
                in_flight -= 1
        else:
            assert math.isfinite(wake), "nothing would ever happen again"
            now = wake
    assert first is not None
    assert last is not None
    return last - first


@pytest.mark.parametrize(("quota", "window"), [(150, 30.0), (20, 3.0), (450, 30.0)])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_one_process_needs_at_most_1_02_of_the_theoretical_minimum_and_meets_no_429(quota: int, window: float, concurrency: int) -> None:
    store = Quota(quota, window)
    requests = quota * 5 + 1  # the last one opens a window of its own, so that no window's own work is measured

    seconds = simulate(Budget(), store, requests, concurrency=concurrency, latency=0.05)

    assert store.throttled == 0
    assert seconds <= 1.02 * (math.ceil(requests / quota) - 1) * window


@settings(deadline=None)
@given(st.integers(1, 50), st.floats(0.5, 5), st.integers(1, 20), st.floats(0.001, 0.4), st.integers(1, 300))
def test_alone_on_a_store_no_request_is_ever_throttled(quota: int, window: float, concurrency: int, latency: float, requests: int) -> None:
    store = Quota(quota, window)

    simulate(Budget(), store, requests, concurrency=concurrency, latency=min(latency, window / 3))

    assert store.throttled == 0


def test_a_share_leaves_the_rest_to_other_apps() -> None:
    store = Quota(100, 10.0)

    simulate(Budget(0.8), store, 400, concurrency=8, latency=0.02)

    assert max(store.by_window) == 80


def test_what_others_use_is_not_used_twice() -> None:
    store = Quota(50, 5.0)
    others = tuple(0.1 * i for i in range(100))

    simulate(Budget(), store, 300, concurrency=4, latency=0.02, others_at=others)

    # A request of another app can take the last place while ours is on its way; that is all.
    assert store.throttled <= 6


def test_before_the_first_answer_only_one_request_is_under_way() -> None:
    budget = Budget()
    budget.send(0.0)

    assert budget.delay(0.0) == math.inf


def test_a_store_without_quota_headers_holds_nothing_back() -> None:
    budget = Budget()
    budget.receive(budget.send(0.0), {}, 0.1)

    assert [budget.delay(0.1) for _ in range(3) if budget.send(0.1)] == [0.0, 0.0, 0.0]


def test_the_reset_is_milliseconds() -> None:
    budget = Budget()
    headers = {"x-rate-limit-requests-quota": "1", "x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": "2500"}
    budget.receive(budget.send(0.0), headers, 0.0)

    assert budget.delay(0.0) == 2.5


def test_a_lost_answer_stays_counted() -> None:
    budget = Budget()
    headers = {"x-rate-limit-requests-quota": "3", "x-rate-limit-requests-left": "2", "x-rate-limit-time-reset-ms": "1000"}
    budget.receive(budget.send(0.0), headers, 0.0)
    budget.receive(budget.send(0.0), None, 0.1)

    assert budget.left == 1


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="quota_share"):
        Budget(share)
