from __future__ import annotations

from collections import deque

import pytest

from airflow_provider_bigcommerce.core.concurrency import HELD, STEP, Change, Concurrency, Endpoint, Place, Sign
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.policy import Fault, FaultKind, sign_of


class Endless:
    """An endpoint with as many requests under way as it may have, on a clock of its own: the oldest is answered first."""

    def __init__(self, most: int = 20) -> None:
        self.endpoint = Endpoint(most)
        self.now = 0.0
        self.under_way: deque[Place] = deque()
        self.changes: list[Change] = []
        self.fill()

    def fill(self) -> None:
        while self.endpoint.in_flight < self.endpoint.limit(self.now):
            self.under_way.append(self.endpoint.enter())

    def answer(self, sign: Sign = "good", latency: float = 0.1) -> None:
        place = self.under_way.popleft()
        place.latency = latency
        if change := self.endpoint.leave(place, sign, self.now):
            self.changes.append(change)
        self.fill()

    def answers(self, count: int, sign: Sign = "good", latency: float = 0.1) -> int:
        """That many answers; how many requests may be under way then."""
        for _ in range(count):
            self.answer(sign, latency)
        return self.limit

    @property
    def limit(self) -> int:
        return self.endpoint.limit(self.now)


def test_it_begins_with_as_many_as_are_allowed() -> None:
    assert Endless(20).limit == len(Endless(20).under_way) == 20


def test_a_documented_cap_is_below_the_ceiling_and_never_above() -> None:
    concurrency = Concurrency(20)
    capped, free, above = (concurrency.endpoint("PUT", path, cap) for path, cap in (("/a", 3), ("/b", None), ("/c", 50)))

    assert [endpoint.limit(0.0) for endpoint in (capped, free, above)] == [3, 20, 20]
    assert concurrency.endpoint("PUT", "/a", 3) is capped


def test_endpoints_share_the_stores_ceiling() -> None:
    concurrency = Concurrency(5)
    one, other = concurrency.endpoint("GET", "/one", None), concurrency.endpoint("GET", "/other", 2)
    places = [concurrency.enter(one) for _ in range(4)]

    assert concurrency.has_room(other, 0.0)
    concurrency.enter(other)
    assert not concurrency.has_room(other, 0.0)
    concurrency.leave(places[0], "good", 0.0)
    assert concurrency.has_room(other, 0.0)


def test_an_endpoint_at_its_cap_has_no_room_though_the_store_has() -> None:
    concurrency = Concurrency(5)
    endpoint = concurrency.endpoint("PUT", "/v3/customers", 3)
    for _ in range(3):
        concurrency.enter(endpoint)

    assert not concurrency.has_room(endpoint, 0.0)


def test_an_outage_halves_once_for_all_that_were_under_way() -> None:
    store = Endless(20)

    store.answers(20, "failed")

    assert store.limit == 10


def test_a_lasting_outage_goes_down_to_one_at_once() -> None:
    store = Endless(20)

    assert store.answers(200, "failed") == 1


def test_after_an_outage_the_ceiling_is_reached_again_within_a_few_rounds() -> None:
    store = Endless(20)
    store.answers(200, "failed")

    assert store.answers(80) == 20


@pytest.mark.parametrize("every", [50, 20])
def test_faults_by_chance_change_nothing(every: int) -> None:
    store = Endless(20)

    for number in range(2000):
        store.answer("failed" if number % every == 0 else "good")

    assert (store.limit, store.changes) == (20, [])


def test_a_fifth_of_a_round_that_fails_is_more_than_chance() -> None:
    store = Endless(20)

    for number in range(20):
        store.answer("failed" if number % 5 == 0 else "good")

    assert store.limit == 10
    assert store.changes == [Change(20, 10, "4 of the last 16 requests failed")]


def test_what_only_we_gave_up_says_nothing() -> None:
    store = Endless(20)

    assert store.answers(100, "none") == 20


def test_answers_that_became_far_slower_halve() -> None:
    store = Endless(20)
    store.answers(20, latency=0.2)

    assert store.answers(20, latency=1.0) == 10
    assert store.changes == [Change(20, 10, "answers take 1.0 s, and took 0.2 s")]


@pytest.mark.parametrize(("before", "after"), [(0.002, 0.4), (0.05, 0.5), (1.0, 2.5)])
def test_a_busy_worker_or_a_somewhat_slower_store_changes_nothing(before: float, after: float) -> None:
    store = Endless(20)
    store.answers(20, latency=before)

    assert store.answers(200, latency=after) == 20


def test_one_fast_answer_in_a_round_shows_that_the_store_is_not_overloaded() -> None:
    store = Endless(20)
    store.answers(20, latency=0.2)

    for number in range(200):
        store.answer(latency=0.2 if number % 20 == 7 else 5.0)

    assert store.limit == 20


def test_halving_goes_on_while_it_helps() -> None:
    store = Endless(16)
    store.answers(16, latency=0.1)

    for _ in range(40):  # a store that serves two at a time
        store.answer(latency=store.limit * 0.1)

    assert store.limit <= 8


def test_a_store_that_is_slow_by_itself_gets_the_ceiling_back() -> None:
    store = Endless(20)
    store.answers(20, latency=0.2)

    store.answers(200, latency=3.0)

    assert store.limit == 20
    assert len(store.changes) == 1


def test_refusals_of_one_round_halve_the_endpoint_once() -> None:
    store = Endless(20)

    store.answers(16, "too_many")

    assert store.limit == 10
    assert store.changes == [Change(20, 10, "it answered 429 with quota left: it takes fewer requests at once")]


def test_a_refusal_halves_what_was_under_way_not_what_might_have_been() -> None:
    endpoint = Endpoint(20)
    places = [endpoint.enter() for _ in range(6)]

    endpoint.leave(places[0], "too_many", 0.0)

    assert endpoint.limit(0.0) == 3


def test_an_endpoints_own_cap_is_kept_for_a_minute_and_lifted_step_by_step() -> None:
    store = Endless(20)
    store.answer("too_many")

    assert store.answers(500) == 10
    store.now = HELD - 0.1
    assert store.limit == 10
    store.now = HELD
    assert store.limit == 11
    store.now = HELD + STEP
    assert store.limit == 12
    store.now = HELD + 20 * STEP
    assert store.limit == 20


def test_an_endpoint_that_takes_four_is_found_with_few_refusals_and_kept_below() -> None:
    store = Endless(20)
    refused = 0
    while store.now < 600:
        is_refused = len(store.under_way) > 4
        refused += is_refused
        store.answer("too_many" if is_refused else "good")
        store.now += 0.05

    assert refused <= 40
    assert store.limit <= 5


def test_changes_close_to_each_other_are_told_once_a_minute() -> None:
    store = Endless(20)
    store.answers(100, "failed")
    assert len(store.changes) == 1

    store.now = HELD
    store.answers(100)
    store.answers(20, "failed")

    assert len(store.changes) == 2


OTHER_429 = {"x-rate-limit-requests-left": "77", "x-rate-limit-time-reset-ms": "2000"}
QUOTA_429 = {"x-rate-limit-requests-left": "0", "x-rate-limit-time-reset-ms": "2000"}


@pytest.mark.parametrize(
    ("status", "headers", "sign"),
    [
        (200, {}, "good"),
        (404, {}, "good"),
        (429, OTHER_429, "too_many"),
        (429, QUOTA_429, "none"),
        (429, {}, "failed"),
        (500, {}, "failed"),
        (503, {}, "failed"),
        (501, {}, "good"),
    ],
)
def test_what_an_answer_tells_of_the_endpoint(status: int, headers: dict[str, str], sign: Sign) -> None:
    assert sign_of(Response(status, headers, b"")) == sign


@pytest.mark.parametrize(
    ("kind", "sign"), [("timeout", "failed"), ("cut", "failed"), ("refused", "failed"), ("dns", "none"), ("tls", "none")]
)
def test_what_a_fault_tells_of_the_endpoint(kind: FaultKind, sign: Sign) -> None:
    assert sign_of(Fault(kind)) == sign


def test_a_request_that_was_given_up_tells_nothing() -> None:
    assert sign_of(None) == "none"
