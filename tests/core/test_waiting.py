"""When a wait goes on, for how long, and how it ends; on a clock that is a number."""

from __future__ import annotations

import pytest

from airflow_provider_bigcommerce.core.waiting import LONGEST_BACKOFF, Done, Failed, KeepWaiting, Poller, TimedOut, is_permanent
from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    ConflictError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
)

OUTAGE = ServerError("down", status=503)
FORBIDDEN = PermissionDeniedError("no scope", status=403)


def seconds(outcome: object) -> float:
    assert isinstance(outcome, KeepWaiting)
    return outcome.seconds


def test_a_look_that_finds_it_ends_the_wait_even_after_the_deadline():
    assert Poller(5, deadline=10).on_look(is_met=True, now=99) == Done()


def test_a_look_that_does_not_find_it_waits_an_interval():
    assert Poller(5, deadline=100).on_look(is_met=False, now=0) == KeepWaiting(5)


def test_the_last_wait_is_cut_so_that_the_last_look_is_at_the_deadline():
    poller = Poller(60, deadline=100)
    assert poller.on_look(is_met=False, now=90) == KeepWaiting(10)
    assert isinstance(poller.on_look(is_met=False, now=100), TimedOut)


def test_a_wait_without_a_deadline_never_times_out():
    assert Poller(5).on_look(is_met=False, now=1e12) == KeepWaiting(5)


@pytest.mark.parametrize("error", [FORBIDDEN, AuthenticationError("", status=401)])
def test_an_error_that_needs_a_person_ends_the_wait_at_once(error):
    outcome = Poller(5).on_error(error, now=0)
    assert isinstance(outcome, Failed)
    assert outcome.error is error


def test_failures_in_a_row_wait_longer_and_longer_and_then_give_up():
    poller = Poller(5, max_failures=4)
    assert [seconds(poller.on_error(OUTAGE, now=0)) for _ in range(3)] == [5, 10, 20]
    outcome = poller.on_error(OUTAGE, now=0)
    assert isinstance(outcome, Failed)
    assert "failure 4 in a row" in outcome.message


def test_a_good_look_forgets_the_failures_before_it():
    poller = Poller(5, max_failures=2)
    for _ in range(5):
        assert seconds(poller.on_error(OUTAGE, now=0)) == 5
        poller.on_look(is_met=False, now=0)


def test_a_store_that_says_when_to_come_back_is_no_failure():
    poller = Poller(5, max_failures=2)
    error = RateLimitError("quota", retry_after=27.5, status=429)
    assert [seconds(poller.on_error(error, now=0)) for _ in range(20)] == [27.5] * 20


def test_a_short_quota_wait_does_not_shorten_the_interval():
    assert seconds(Poller(60).on_error(RateLimitError("quota", retry_after=2, status=429), now=0)) == 60


def test_a_429_that_names_no_time_counts_as_a_failure():
    assert isinstance(Poller(5, max_failures=1).on_error(RateLimitError("busy", status=429), now=0), Failed)


def test_a_watcher_never_gives_up_and_backs_off_to_ten_minutes():
    poller = Poller(5, max_failures=None)
    waits = [seconds(poller.on_error(FORBIDDEN, now=0)) for _ in range(2000)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == LONGEST_BACKOFF


def test_an_interval_longer_than_the_longest_backoff_stays():
    poller = Poller(3600, max_failures=None)
    assert [seconds(poller.on_error(OUTAGE, now=0)) for _ in range(3)] == [3600] * 3


def test_an_interval_of_zero_still_pauses():
    poller = Poller(0, max_failures=None)
    assert seconds(poller.on_look(is_met=False, now=0)) > 0
    assert seconds(poller.on_error(OUTAGE, now=0)) > 0


def test_a_time_out_tells_why_the_last_look_failed():
    outcome = Poller(5, deadline=1).on_error(TransportError("time-out", cause="timeout"), now=2)
    assert isinstance(outcome, TimedOut)
    assert "time-out" in outcome.message


def test_a_locked_record_is_worth_another_look():
    assert not is_permanent(ConflictError("locked", status=423))


@pytest.mark.parametrize(
    ("asked", "interval", "waits"),
    [(0.0, 5, 5), (42.0, 5, 42), (601.0, 5, 600), (365 * 86400.0, 5, 600), (1e300, 5, 600), (float("nan"), 5, 5), (1e300, 3600, 3600)],
)
def test_a_header_cannot_put_the_next_look_off_for_long(asked: float, interval: float, waits: float) -> None:
    poller = Poller(interval)

    assert seconds(poller.on_error(RateLimitError("", status=429, retry_after=asked), now=0)) == waits
    assert poller.failures == 0
