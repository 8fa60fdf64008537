from __future__ import annotations

import heapq
import math
import random
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
            "status": "429" if self.used > self.quota else "200",
            "x-rate-limit-requests-quota": str(self.quota),
            "x-rate-limit-requests-left": str(max(0, self.quota - self.used)),
            "x-rate-limit-time-window-ms": str(round(self.window * 1000)),
            "x-rate-limit-time-reset-ms": str(math.ceil((self.opened_at + self.window - now) * 1000)),
        }


def simulate(
    budget: Budget, store: Quota, requests: int, *, concurrency: int, latency: float, others_at: tuple[float, ...] = (), jitter: float = 0.0
) -> float:
    """Send ``requests`` as fast as the budget allows, on a virtual clock; seconds from the first to the last request."""
    (times,) = simulate_many([budget], store, requests, concurrency=concurrency, latency=latency, others_at=others_at, jitter=jitter)
    return times[-1] - times[0]


def simulate_many(
    budgets: list[Budget],
    store: Quota,
    requests: int,
    *,
    concurrency: int,
    latency: float,
    others_at: tuple[float, ...] = (),
    seed: int = 1,
    jitter: float = 0.4,
    begins: tuple[float, ...] = (),
) -> list[list[float]]:
    """Several processes of ours on one store, each with ``requests`` to send; when each sent. A refused request is sent again.

    :param begins: when each process begins; all at about the same time if not given.
    """
    chance = random.Random(seed)
    events: list[tuple[float, int, str, int, Any]] = [(at, -1, "other", -1, None) for at in others_at]
    starts = begins or tuple(chance.random() * latency for _ in budgets)
    events += [(start, -1, "wake", who, None) for who, start in enumerate(starts)]
    heapq.heapify(events)
    sent: list[list[float]] = [[] for _ in budgets]
    to_do = [requests] * len(budgets)
    in_flight = [0] * len(budgets)
    wakes = [-math.inf] * len(budgets)  # when each looks again: one look is enough, however many answers come before
    number = 0

    def way(latency: float) -> float:
        return latency / 2 * (1 - jitter / 2 + jitter * chance.random())

    while events:
        now, _, what, who, payload = heapq.heappop(events)
        if what == "other":
            store.take(now, is_ours=False)
            continue
        if what == "arrive":
            number += 1
            heapq.heappush(events, (now + way(latency), number, "answer", who, (payload, store.take(now))))
            continue
        budget = budgets[who]
        if what == "answer":
            ticket, headers = payload
            is_refused = headers["status"] == "429"
            budget.receive(ticket, headers, now, is_refused=is_refused)
            in_flight[who] -= 1
            to_do[who] += is_refused
        while to_do[who] and in_flight[who] < concurrency:
            delay = budget.delay(now)
            number += 1
            if delay > 0:
                if math.isfinite(delay) and not now < wakes[who] <= now + delay:
                    wakes[who] = now + delay
                    heapq.heappush(events, (now + delay, number, "wake", who, None))
                break
            heapq.heappush(events, (now + way(latency), number, "arrive", who, budget.send(now)))
            sent[who].append(now)
            to_do[who] -= 1
            in_flight[who] += 1
    assert to_do == [0] * len(budgets), "nothing would ever happen again"
    return sent


@pytest.mark.parametrize(("quota", "window"), [(150, 30.0), (20, 3.0), (450, 30.0)])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_one_process_needs_at_most_1_02_of_the_theoretical_minimum_and_meets_no_429(quota: int, window: float, concurrency: int) -> None:
    store = Quota(quota, window)
    requests = quota * 5 + 1  # the last one opens a window of its own, so that no window's own work is measured

    seconds = simulate(Budget(), store, requests, concurrency=concurrency, latency=0.05)

    assert store.throttled == 0
    assert seconds <= 1.02 * (math.ceil(requests / quota) - 1) * window


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(500, 5000), st.integers(1, 20), st.floats(0.001, 0.4), st.integers(1, 300), st.floats(0, 1))
def test_alone_on_a_store_no_request_is_ever_throttled(
    quota: int, window_ms: int, concurrency: int, latency: float, requests: int, jitter: float
) -> None:
    window = window_ms / 1000  # the headers tell whole milliseconds
    store = Quota(quota, window)

    simulate(Budget(), store, requests, concurrency=concurrency, latency=min(latency, window / 20), jitter=jitter)

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


@pytest.mark.parametrize("processes", [2, 4, 6])
@pytest.mark.parametrize("latency", [0.02, 0.15])
@pytest.mark.parametrize("seed", range(5))
def test_several_processes_use_the_quota_together_and_meet_hardly_a_429(processes: int, latency: float, seed: int) -> None:
    store = Quota(150, 30.0)

    sent = simulate_many([Budget() for _ in range(processes)], store, 900 // processes, concurrency=20, latency=latency, seed=seed)

    complete = store.by_window[:-2]  # the last windows are not wanted whole
    assert sum(min(used, 150) for used in complete) >= 0.95 * 150 * len(complete)
    assert store.throttled <= 0.01 * sum(store.by_window)
    shares = [len([at for at in times if at < 90]) for times in sent]
    assert min(shares) >= 0.5 * max(shares)


@pytest.mark.parametrize("processes", [2, 4, 8])
@pytest.mark.parametrize("latency", [0.05, 0.3])
@pytest.mark.parametrize("gap", [1.3, 7.0])
def test_processes_that_begin_later_get_their_part_within_a_few_windows(processes: int, latency: float, gap: float) -> None:
    store = Quota(150, 30.0)
    begins = tuple(gap * number for number in range(processes))

    sent = simulate_many([Budget() for _ in begins], store, 1200, concurrency=20, latency=latency, begins=begins)

    complete = store.by_window[:8]
    assert sum(min(used, 150) for used in complete) >= 0.95 * 150 * len(complete)
    assert store.throttled <= 0.01 * sum(store.by_window)
    fifth, eighth = ([sum(number * 30 <= at < (number + 1) * 30 for at in times) for times in sent] for number in (4, 7))
    assert min(fifth) >= max(fifth) / 5
    assert min(eighth) >= max(eighth) / 2


def test_whoever_is_alone_leaves_a_little_for_others_to_be_seen() -> None:
    """Without it, one that uses up each window in its first second never sees the others, who are refused for ever."""
    store = Quota(150, 30.0)

    (times,) = simulate_many([Budget()], store, 451, concurrency=20, latency=0.05)

    second = [at - 30 for at in times if 30 <= at < 60]
    assert len([at for at in second if at < 1.4]) < 150
    assert len(second) == 150


def test_several_processes_leave_their_common_share_to_others() -> None:
    store = Quota(150, 30.0)

    simulate_many([Budget(0.8) for _ in range(3)], store, 200, concurrency=20, latency=0.05)

    assert max(store.by_window) <= 121  # 120, and one that was under way when another learned it


@dataclass
class Plain(Quota):
    """A store that answers without quota headers."""

    def take(self, now: float, *, is_ours: bool = True) -> dict[str, str]:
        super().take(now, is_ours=is_ours)
        return {"status": "200"}


def seconds_for(
    pages: int, store: Quota, latency: float, *, concurrency: int = 20, begins: float = 0.0, others_at: tuple[float, ...] = ()
) -> float:
    """What one process takes for so many requests, on a network that is always as slow."""
    (times,) = simulate_many(
        [Budget()], store, pages, concurrency=concurrency, latency=latency, jitter=0.0, begins=(begins,), others_at=others_at
    )
    assert store.throttled == 0
    return times[-1] - times[0]


@pytest.mark.parametrize("quota", [150, 450, 500_000 // 120, 2**31 - 1])
@pytest.mark.parametrize("latency", [0.02, 0.05, 0.15, 0.5])
def test_a_start_takes_no_longer_than_sixteen_connections_without_a_thought_of_the_quota(quota: int, latency: float) -> None:
    """10,000 products are 40 requests: with slow steps they took twice as long, while 149 of 150 were left."""
    careless = seconds_for(40, Plain(quota, 30.0), latency, concurrency=16)

    assert seconds_for(40, Quota(quota, 30.0), latency) <= careless * 1.001


#: When others sent, before and while a read of 40 requests begins at 10 s, and how much longer it may take than without a quota.
LIGHT_USE = {
    "one request, by our own task's question for the time": ((9.9,), 1.0),
    "one request, long ago": ((1.0,), 1.0),
    "one a second": (tuple(0.97 * number for number in range(60)), 1.0),
    "one every four seconds": (tuple(3.9 * number for number in range(10)), 1.0),
}


@pytest.mark.parametrize("use", LIGHT_USE)
@pytest.mark.parametrize("quota", [150, 450])
def test_others_that_use_little_do_not_slow_a_start(use: str, quota: int) -> None:
    others_at, rounds = LIGHT_USE[use]
    plain = seconds_for(40, Plain(quota, 30.0), 0.05, begins=10.0, others_at=others_at)

    assert seconds_for(40, Quota(quota, 30.0), 0.05, begins=10.0, others_at=others_at) <= plain + (rounds + 1.01) * 0.05


@pytest.mark.parametrize("processes", [2, 3, 8, 20])
@pytest.mark.parametrize("quota", [150, 450])
@pytest.mark.parametrize(("latency", "spread"), [(0.05, 0.0), (0.05, 0.05), (0.05, 0.2), (0.4, 0.0), (0.4, 0.4), (0.05, 2.0)])
def test_processes_that_begin_in_the_same_moment_meet_hardly_a_429(processes: int, quota: int, latency: float, spread: float) -> None:
    """Each has twenty requests to send at once, and knows of the others only by what its own answers tell."""
    chance = random.Random(processes)
    begins = tuple(spread * chance.random() for _ in range(processes))
    store = Quota(quota, 30.0)

    simulate_many([Budget() for _ in begins], store, 40, concurrency=20, latency=latency, begins=begins)

    assert store.throttled <= 0.01 * sum(store.by_window)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.floats(0, 45), min_size=1, max_size=6),
    st.sampled_from([150, 450]),
    st.floats(0.02, 0.5),
    st.floats(0, 1),
    st.lists(st.floats(0, 60), max_size=60),
    st.integers(1, 60),
    st.integers(0, 1000),
)
def test_whoever_begins_whenever_beside_whatever_others_do_meets_few_429(
    begins: list[float], quota: int, latency: float, jitter: float, others_at: list[float], requests: int, seed: int
) -> None:
    """Who comes to a used-up window learns it by a refusal, once a process; an app beside takes what was seen to be free."""
    store = Quota(quota, 30.0)

    simulate_many(
        [Budget() for _ in begins],
        store,
        requests,
        concurrency=20,
        latency=latency,
        begins=tuple(begins),
        others_at=tuple(others_at),
        seed=seed,
        jitter=jitter,
    )

    assert store.throttled <= len(begins) + 0.01 * sum(store.by_window) + 0.1 * len(others_at)


def test_before_the_first_answer_only_one_request_is_under_way() -> None:
    budget = Budget()
    budget.send(0.0)

    assert budget.delay(0.0) == math.inf


def test_a_store_without_quota_headers_holds_nothing_back() -> None:
    budget = Budget()
    budget.receive(budget.send(0.0), {}, 0.1)

    assert [budget.delay(0.1) for _ in range(3) if budget.send(0.1)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("quota", ["0", "-1"])
def test_a_quota_of_nothing_in_an_answer_that_was_served_is_no_quota(quota: str) -> None:
    budget = Budget()
    headers = {"x-rate-limit-requests-quota": quota, "x-rate-limit-requests-left": quota, "x-rate-limit-time-reset-ms": "30000"}
    budget.receive(budget.send(0.0), headers, 0.1)

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


def test_a_refusal_opens_no_window() -> None:
    budget = Budget()
    spent = {"x-rate-limit-requests-quota": "1", "x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": "1000"}
    budget.receive(budget.send(0.0), spent, 0.0)
    budget.receive(budget.send(0.1), {**spent, "x-rate-limit-time-reset-ms": "900"}, 0.1, is_refused=True)
    budget.receive(budget.send(0.2), {**spent, "x-rate-limit-time-reset-ms": "800"}, 0.2, is_refused=True)

    assert budget.delay(0.2) == pytest.approx(0.8)
    assert budget.left == 0


@pytest.mark.parametrize("reset", [30_001, 60_000, 1_760_000_000_000, 10**300])
def test_a_window_ends_no_later_than_one_window_from_now(reset: int) -> None:
    """Some proxies write the moment at which the window ends where its rest belongs."""
    budget = Budget()
    headers = {"requests-quota": "150", "requests-left": "0", "time-window-ms": "30000", "time-reset-ms": str(reset)}
    budget.receive(budget.send(0.0), {f"x-rate-limit-{name}": value for name, value in headers.items()}, 1.0)

    assert 0 < budget.delay(1.0) <= 30
    assert budget.delay(31.0) == 0
