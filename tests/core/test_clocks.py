"""What the store's time is, where its answers, the worker's clock and the last run contradict each other: a table of cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bigcommerce.core.clocks import MOST, Answer, Heard, Settled, date_of, moment_of, settle
from airflow_provider_bigcommerce.core.windows import in_format
from airflow_provider_bigcommerce.exceptions import ClockError

TRUE = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NONE = timedelta(0)


@dataclass
class Case:
    """What the clocks say beside the truth.

    :param worker: how far the worker's clock is ahead.
    :param headers: how far each answer's Date header is; None for an answer without one.
    :param bodies: likewise of the time in the body.
    :param last: the last run's watermark, beside the truth.
    :param asked: answers that it takes.
    :param ahead: how far what is believed is beside the truth; None for an error.
    :param is_warned: whether the log tells of it.
    """

    worker: timedelta = NONE
    headers: tuple[timedelta | None, ...] = (NONE, NONE, NONE)
    bodies: tuple[timedelta | None, ...] = (None, None, None)
    last: timedelta | None = -DAY
    asked: int = 1
    ahead: timedelta | None = NONE
    is_warned: bool = False


CASES = {
    "all agree": Case(),
    "header, body and worker agree": Case(bodies=(NONE,) * 3),
    "half a minute apart is no contradiction": Case(worker=30 * SECOND),
    "the first run": Case(last=None),
    "worker 10 min ahead": Case(worker=10 * MINUTE, asked=2, is_warned=True),
    "worker 10 min behind": Case(worker=-10 * MINUTE, asked=2, is_warned=True),
    "worker a day ahead": Case(worker=DAY, asked=2, is_warned=True),
    "worker a day behind": Case(worker=-DAY, bodies=(NONE,) * 3, asked=2, is_warned=True),
    "header 6 h ahead once": Case(headers=(6 * HOUR, NONE, NONE), asked=2, is_warned=True),
    "header 6 h ahead once, body right": Case(headers=(6 * HOUR, NONE, NONE), bodies=(NONE,) * 3, asked=2, is_warned=True),
    "header a day ahead once, worker 10 min ahead": Case(10 * MINUTE, (DAY, NONE, NONE), asked=3, is_warned=True),
    "header 6 h ahead in the second answer": Case(10 * MINUTE, (NONE, 6 * HOUR, NONE), asked=3, is_warned=True),
    "header always 6 h ahead: the store says so and nobody else speaks": Case(
        headers=(6 * HOUR,) * 3, asked=2, ahead=6 * HOUR, is_warned=True
    ),
    "header always 6 h ahead, body and worker right": Case(headers=(6 * HOUR,) * 3, bodies=(NONE,) * 3, asked=2, is_warned=True),
    "header always 6 h ahead, body right, worker elsewhere": Case(-DAY, (6 * HOUR,) * 3, (NONE,) * 3, asked=MOST, ahead=None),
    "each answer another time": Case(DAY, (HOUR, 2 * HOUR, 3 * HOUR), asked=MOST, ahead=None),
    "two answers, each another time, then the worker's": Case(headers=(6 * HOUR, 7 * HOUR, NONE), asked=MOST, is_warned=True),
    "header before the last watermark once": Case(headers=(-DAY, NONE, NONE), last=-HOUR, asked=2, is_warned=True),
    "worker and header before the last watermark": Case(worker=-DAY, headers=(-DAY,) * 3, last=-HOUR, asked=2, ahead=-DAY),
    "no Date": Case(headers=(None,) * 3, asked=MOST, ahead=None),
    "no Date, a time in the body": Case(headers=(None,) * 3, bodies=(NONE,) * 3),
    "no Date once": Case(headers=(None, NONE, NONE), asked=2),
}


def answered(case: Case) -> tuple[Settled, int]:
    """Ask until it is settled; each answer comes five seconds after the one before."""
    answers: list[Answer] = []
    for number, (header, body) in enumerate(zip(case.headers, case.bodies, strict=True)):
        now = TRUE + number * 5 * SECOND
        told = [None if ahead is None else now + ahead for ahead in (header, body)]
        answers.append(Answer(now + case.worker, *told))
        found = settle(answers, last=None if case.last is None else TRUE + case.last)
        if found is not None:
            return found, len(answers)
    raise AssertionError("still not settled")


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_believed(case: Case) -> None:
    if case.ahead is None:
        with pytest.raises(ClockError, match=r"^The store's time is (in doubt|unknown)"):
            answered(case)
        return

    found, asked = answered(case)

    assert asked == case.asked
    assert abs(found.now - (TRUE + (asked - 1) * 5 * SECOND + case.ahead)) <= SECOND
    assert (found.doubt is not None) == case.is_warned


def test_an_error_names_every_clock() -> None:
    with pytest.raises(ClockError, match=r"said 2026-03-29T13:00:00Z, .* while the worker's clock said 2026-03-30T12:00:00Z, .*"):
        answered(CASES["each answer another time"])


def test_when_a_read_began_is_told_by_the_answers_it_got_anyway() -> None:
    def heard(worker: timedelta, *headers: timedelta) -> datetime | None:
        found = Heard()
        for number, ahead in enumerate(headers):
            now = TRUE + number * MINUTE
            found.hear(in_format(now + ahead, "rfc2822"), now + worker)
        return found.began()

    assert heard(NONE, NONE) == TRUE
    assert heard(10 * MINUTE, NONE, NONE, NONE) == TRUE
    assert heard(NONE, DAY, NONE, NONE) == TRUE  # ahead once
    assert heard(10 * MINUTE, NONE) is None  # one answer, and a worker that contradicts it: ask
    assert heard(10 * MINUTE, DAY, HOUR, NONE) is None
    assert heard(NONE) is None


@pytest.mark.parametrize("header", ["", None, "soon", "Thu, 99 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT", "1"])
def test_a_date_that_cannot_be_read_is_none(header: str | None) -> None:
    assert date_of(header) is None


@pytest.mark.parametrize("seconds", [None, "1774785600", True, 1e300, float("nan"), -(10**20), {}])
def test_a_body_that_tells_no_time(seconds: object) -> None:
    assert moment_of(seconds) is None


def test_dates_are_read_as_bigcommerce_writes_them() -> None:
    assert date_of("Sun, 29 Mar 2026 12:00:00 GMT") == moment_of(1774785600) == TRUE
