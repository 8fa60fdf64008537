"""The public cursor over an asset's events: nothing is missed, whatever comes late, twice, at once, or not at all."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import Asset

from airflow_provider_bigcommerce import compat
from airflow_provider_bigcommerce.core.event_cursor import MOST_SEEN, OVERLAP
from airflow_provider_bigcommerce.events import PAGE, new_events
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from tests.airflow_events import NOON, EventLog

ORDERS = Asset(name="bigcommerce://bigcommerce_default/orders", uri="bigcommerce://bigcommerce_default/orders")
KEY = "events/report"


@pytest.fixture
def log() -> EventLog:
    return EventLog(ORDERS)


def told(log: EventLog, key: str = "report", **context: Any) -> list[int]:
    with new_events(log.context(**context), ORDERS, key, clock=lambda: log.now) as events:
        return [event.id for event in events]


def failed(log: EventLog, meanwhile: Callable[[], None] = lambda: None) -> list[int]:
    """The events of a block that ends by an exception."""
    had: list[int] = []
    try:
        with new_events(log.context(), ORDERS, "report", clock=lambda: log.now) as events:
            had += [event.id for event in events]
            meanwhile()
            raise ZeroDivisionError
    except ZeroDivisionError:
        return had


def test_a_block_has_what_came_since_the_one_before_and_each_reader_has_its_own(log: EventLog) -> None:
    log.tell()
    assert told(log) == [1]
    assert told(log) == []
    log.later(1)
    log.tell()
    log.tell()
    assert told(log) == [2, 3]
    assert told(log, "another") == [1, 2, 3]


def test_the_events_that_came_while_the_run_was_queued_are_told_though_airflow_gives_the_run_only_the_first(log: EventLog) -> None:
    first = log.tell()
    for _ in range(19):
        log.later(0.05)
        log.tell()
    assert told(log, triggered=[first]) == [*range(1, 21)]


def test_the_first_block_begins_a_day_back_or_with_the_event_that_started_the_run(log: EventLog) -> None:
    log.tell(at=NOON - timedelta(days=3))
    oldest = log.tell(at=NOON - timedelta(days=2))
    log.tell(at=NOON - timedelta(hours=23))
    assert told(EventLog(ORDERS, rows=log.rows)) == [3]
    assert told(log, triggered=[oldest]) == [2, 3]


def test_an_event_whose_transaction_ended_late_is_told_behind_later_ones(log: EventLog) -> None:
    log.tell()
    assert told(log) == [1]
    log.later(20)
    log.tell(at=log.now - OVERLAP + timedelta(seconds=15))  # its clock is behind, and it was not there before
    log.tell()
    assert told(log) == [2, 3]
    assert told(log) == []


def test_a_block_that_fails_has_the_same_events_again(log: EventLog) -> None:
    log.tell()
    assert failed(log) == [1]
    assert log.state == {}
    assert told(log) == [1]


def test_a_state_that_cannot_be_written_fails_the_task_and_loses_nothing(log: EventLog) -> None:
    log.tell()
    log.state.fails = 1
    with pytest.raises(ConnectionError):
        told(log)
    assert told(log) == [1]


def test_two_runs_at_once_have_the_same_events_and_leave_the_later_cursor(log: EventLog) -> None:
    log.tell()
    assert told(log) == [1]
    log.later(100)
    log.tell()
    with new_events(log.context(), ORDERS, "report", clock=lambda: log.now) as slow:
        log.later(100)
        log.tell()
        assert told(log) == [2, 3]
        assert [event.id for event in slow] == [2]
    assert told(log) == []
    log.later(1)
    log.tell()
    assert told(log) == [4]


def test_a_run_that_fails_beside_one_that_ends_well_loses_nothing(log: EventLog) -> None:
    def meanwhile() -> None:
        log.later(100)
        log.tell()
        assert told(log) == [1, 2]
        log.later(100)
        log.tell()

    log.tell()
    assert failed(log, meanwhile) == [1]
    assert told(log) == [3]


DAMAGED: dict[str, Any] = {
    "text": "yesterday",
    "a list": [1, 2],
    "no moment": {"after": "yesterday", "seen": []},
    "ids that are text": {"after": NOON.isoformat(), "seen": ["1"]},
    "the year 9999": {"after": "9999-12-31T23:59:59+00:00", "seen": []},
    "in the future": {"after": (NOON + timedelta(hours=1)).isoformat(), "seen": []},
    "no moment that Python holds": {"after": "0001-01-01T00:00:00+23:00", "seen": []},
}


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_a_cursor_that_cannot_be_gone_by_is_replaced_and_the_last_day_is_told(log: EventLog, value: Any) -> None:
    log.tell(at=NOON - timedelta(hours=20))
    log.state[KEY] = value
    log.tell()
    assert told(log) == [1, 2]
    assert told(log) == []


def test_a_cursor_without_an_offset_is_in_utc(log: EventLog) -> None:
    log.state[KEY] = {"after": (NOON - timedelta(hours=1)).replace(tzinfo=None).isoformat(), "seen": []}
    log.tell(at=NOON - timedelta(hours=2))
    log.tell()
    assert told(log) == [2]


def test_events_that_airflow_has_deleted_are_not_told_and_stop_nothing(log: EventLog) -> None:
    log.tell()
    assert told(log) == [1]
    log.later(3600)
    log.tell()
    log.rows.clear()  # airflow db clean
    assert told(log) == []
    log.tell()
    assert told(log) == [3]


def test_an_event_from_the_future_does_not_take_the_cursor_there(log: EventLog) -> None:
    log.tell(at=NOON + timedelta(hours=1))
    assert told(log) == [1]
    log.later(60)
    log.tell()
    assert told(log) == [2]
    assert told(log) == []


def test_more_events_of_one_instant_than_a_page_holds_are_all_told(log: EventLog) -> None:
    for _ in range(3 * PAGE):
        log.tell()
    log.later(1)
    log.tell()
    assert told(log) == [*range(1, 3 * PAGE + 2)]
    assert max(limit or 0 for limit in log.asked) == 4 * PAGE
    assert told(log) == []


def test_a_burst_within_the_overlap_keeps_the_cursor_small_and_loses_nothing(log: EventLog) -> None:
    for number in range(2 * MOST_SEEN):
        log.tell(at=NOON + timedelta(milliseconds=5 * number))
    log.later(30)
    assert len(told(log)) == 2 * MOST_SEEN
    assert len(log.state[KEY]["seen"]) == MOST_SEEN
    log.later(1)
    log.tell()
    assert told(log) == [2 * MOST_SEEN + 1]


def test_a_quiet_asset_costs_no_write(log: EventLog) -> None:
    log.tell()
    told(log)
    log.later(3600)
    before = dict(log.state)
    log.state.fails = 1  # a write would raise
    assert told(log) == []
    assert log.state == before


def test_whatever_clocks_and_failures_do_blocks_that_end_well_have_every_event_once() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        log = EventLog(ORDERS, shuffle=chance)
        had: list[int] = []
        for _ in range(60):
            log.later(chance.uniform(0, 12))
            for _ in range(chance.choice((0, 0, 1, 5, 30))):
                log.tell(at=log.now - timedelta(seconds=chance.uniform(0, 14)))
            if chance.random() < 0.3:
                failed(log)
            else:
                had += told(log)
        had += told(log)
        assert sorted(had) == [event.id for event in log.rows], seed


# -- what is refused


def test_an_asset_that_is_no_inlet_is_named_in_one_sentence(log: EventLog) -> None:
    other = Asset(name="x", uri="bigcommerce://bigcommerce_default/products")
    with (
        pytest.raises(InvalidQueryError, match=r"'bigcommerce://bigcommerce_default/products' is no inlet of the task"),
        new_events(log.context(), other, "report"),
    ):
        pytest.fail("the block ran")


REFUSED: dict[str, tuple[Callable[[EventLog], Any], str]] = {
    "no task": (lambda log: new_events({}, ORDERS, "report"), "works in a task alone"),
    "an expression of assets": (lambda log: new_events(log.context(), ORDERS | ORDERS, "report"), "asset is AssetAny"),  # type: ignore[arg-type]
    "no key": (lambda log: new_events(log.context(), ORDERS, ""), "key=''"),
}


@pytest.mark.parametrize(("block", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_told_before_the_block(log: EventLog, block: Callable[[EventLog], Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message), block(log):
        pytest.fail("the block ran")


def test_airflow_3_1_is_told_what_it_lacks(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import context

    monkeypatch.delattr(context.InletEventsAccessor, "after", raising=False)
    monkeypatch.setattr(compat, "AIRFLOW_VERSION", "3.1.8")
    with (
        pytest.raises(InvalidQueryError, match=r"new_events needs Airflow 3\.2 or later.*this is Airflow 3\.1\.8"),
        new_events(log.context(), ORDERS, "report"),
    ):
        pytest.fail("the block ran")
