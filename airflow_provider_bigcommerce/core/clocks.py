"""What the store's time is, by what its answers say and the worker's clock: believed, asked for once more, or an error.

Decides only: who awaits the answers is told whether another one is needed. One clock alone is never believed: a header that is hours
ahead once would move a watermark past changes that nobody has read, and rows past every later run. Answers are compared by how far each is
from the worker's clock at the moment it came, so that the time between them does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from airflow_provider_bigcommerce.core.windows import whole_seconds, written
from airflow_provider_bigcommerce.exceptions import ClockError

#: Clocks that differ by less do not contradict each other; the overlap of two windows is wider.
TOLERANCE = timedelta(minutes=1)
#: Two answers that are as far from the worker's clock as each other, but for this, agree: whole seconds, and an answer's way.
AGREE = timedelta(seconds=10)
#: Answers after which a contradiction is an error.
MOST = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What one answer of the store said of the time.

    :param at: the worker's clock when it came.
    :param header: its ``Date`` header, or None where it has none that can be read.
    :param body: the time in its body, where it is one of ``/v2/time``.
    """

    at: datetime
    header: datetime | None
    body: datetime | None = None

    @property
    def told(self) -> list[datetime]:
        """What it says, the header first."""
        return [moment for moment in (self.header, self.body) if moment is not None]


@dataclass(frozen=True, slots=True)
class Settled:
    """The store's time as it is believed.

    :param now: when the last answer came, whole UTC seconds.
    :param ahead: how far the store is ahead of the worker's clock; negative where it is behind.
    :param doubt: what contradicts it, as a sentence for the log, or None.
    """

    now: datetime
    ahead: timedelta
    doubt: str | None = None

    def when(self, at: datetime) -> datetime:
        """The store's time when the worker's clock said ``at``, whole UTC seconds."""
        return whole_seconds(at + self.ahead)


def date_of(header: str | None) -> datetime | None:
    """A ``Date`` header as whole UTC seconds; None where there is none that can be read."""
    try:
        found = parsedate_to_datetime(header or "")
        return whole_seconds(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def moment_of(seconds: object) -> datetime | None:
    """Seconds since 1970, as the body of ``/v2/time`` has them; None for anything else."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return whole_seconds(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def settle(answers: Sequence[Answer], *, last: datetime | None = None) -> Settled | None:
    """What the answers so far come to.

    One answer is enough where all that it says agrees with the worker's clock and does not lie before ``last``. After that the most
    voices count: each header, each body, and the worker's clock once, where it agrees with one of them.

    :param answers: in the order in which they came, one at least.
    :param last: the store's time that an earlier run used: its watermark.
    :returns: the store's time, or None where it must be asked once more.
    :raises ClockError: :data:`MOST` answers contradict each other, or none tells the time.
    """
    told = [(moment - answer.at, answer) for answer in answers for moment in answer.told]
    if len(answers) == 1:
        is_sound = told and all(abs(ahead) <= TOLERANCE for ahead, _ in told) and (last is None or answers[0].told[0] >= last - TOLERANCE)
        return _settled(told[0][0], answers, told) if is_sound else None
    groups: list[list[tuple[timedelta, Answer]]] = []
    for voice in told:
        group = next((group for group in groups if abs(group[0][0] - voice[0]) <= AGREE), None)
        if group is None:
            groups.append([voice])
        else:
            group.append(voice)
    weights = [len(group) + (abs(group[0][0]) <= TOLERANCE) for group in groups]
    best = max(weights, default=0)
    if best >= 2 and weights.count(best) == 1:
        return _settled(groups[weights.index(best)][-1][0], answers, told)
    if len(answers) < MOST:
        return None
    if not told:
        raise ClockError(
            f"The store's time is unknown: {len(answers)} answers of GET /v2/time have no Date header that can be read, and no time in "
            "their body. Something between Airflow and BigCommerce answers in its place, or takes headers out; look there."
        )
    raise ClockError(
        f"The store's time is in doubt: its answers said {', '.join(_shown(moment) for answer in answers for moment in answer.told)} while "
        f"the worker's clock said {', '.join(_shown(answer.at) for answer in answers)}. Nothing was read, because a wrong time would lose "
        "changes. Let the task try again; if it stays so, look at the worker's clock and at proxies between Airflow and BigCommerce."
    )


def _settled(ahead: timedelta, answers: Sequence[Answer], told: Sequence[tuple[timedelta, Answer]]) -> Settled:
    last = answers[-1]
    settled = Settled(whole_seconds(last.at + ahead), ahead)
    dissent = next((answer.at + other for other, answer in told if abs(other - ahead) > max(AGREE, TOLERANCE)), None)
    if dissent is not None:
        doubt = f"An answer of the store said that it was {_shown(dissent)}, and others contradict it: {_shown(settled.now)} is used."
    elif abs(ahead) > TOLERANCE:
        doubt = (
            f"The worker's clock ({_shown(last.at)}) and the store's ({_shown(settled.now)}) differ by {abs(ahead).total_seconds():,.0f} s "
            f"by {len(answers)} answers. The store's is used; correct the worker's clock."
        )
    else:
        return settled
    return Settled(settled.now, settled.ahead, doubt)


def _shown(moment: datetime) -> str:
    return written(moment) or ""


@dataclass(slots=True)
class Heard:
    """The first and the last time that the answers of a session told: when a read began, by the store's clock.

    :param first: worker's clock and ``Date`` header of the first answer.
    :param latest: likewise of the last.
    """

    first: tuple[datetime, str] | None = None
    latest: tuple[datetime, str] | None = None

    def hear(self, header: str, at: datetime) -> None:
        """Take an answer's ``Date`` header; it is read when somebody asks, because there are many."""
        self.latest = (at, header)
        if self.first is None:
            self.first = self.latest

    def answers(self) -> list[Answer]:
        """The first, and the last where it is another one."""
        both = [pair for pair in (self.first, self.latest if self.latest is not self.first else None) if pair is not None]
        return [Answer(at, date_of(header)) for at, header in both]

    def began(self, last: datetime | None = None) -> datetime | None:
        """The store's time of the first answer; None where that is in doubt or there was none, and must be asked for.

        :param last: the store's time at which the last run began to read. A time that is not before it and not ahead of the worker's clock
            puts no run in a wrong place, so nobody is asked for another.
        """
        answers = self.answers()
        if answers and answers[0].header is not None and last is not None and last <= answers[0].header <= answers[0].at + TOLERANCE:
            return answers[0].header
        found = (settle(answers[:1]) or (settle(answers) if len(answers) > 1 else None)) if answers else None
        return found.when(answers[0].at) if found is not None else None
