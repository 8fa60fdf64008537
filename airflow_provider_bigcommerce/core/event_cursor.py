"""How far a task has read an asset's events: which come next, and what of a cursor that cannot be used.

Airflow orders events by timestamp alone, and a timestamp is set before its transaction ends: an event may appear behind one that was
read before. So a cursor stands a little before the last event, and has the ids of the events behind it. Pure; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: How far the cursor stands before the last event that was read: clocks of API servers differ, and commits take time.
OVERLAP: Final = timedelta(seconds=30)

#: Ids that a cursor keeps. Airflow takes 64 KiB for a value; the longest id has 19 digits, so that these are 52 KB at most. Where more
#: events lie within the overlap, it is shorter.
MOST_SEEN: Final = 2_500

#: A cursor further ahead of the worker's clock than this is not used: it would skip every event until then.
AHEAD: Final = timedelta(minutes=5)

#: Without a cursor that can be used, what is read: the events of this span, and those that started the run.
FIRST_SPAN: Final = timedelta(days=1)


class EventCursor(msgspec.Struct, frozen=True):
    """A cursor as it is kept.

    :param after: ISO-8601 with offset; events before it are read.
    :param seen: ids of events at or after it that are read.
    """

    after: str
    seen: list[int] = []

    @property
    def moment(self) -> datetime:
        """``after`` as a datetime.

        :raises InvalidQueryError: it is none.
        """
        try:
            found = datetime.fromisoformat(self.after)
            return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidQueryError(f"after={self.after[:40]!r} is no moment.") from error


def read_cursor(value: Any, now: datetime) -> EventCursor | None:
    """The cursor that is kept, or None where none is.

    :raises InvalidQueryError: it cannot be used; the message says why.
    """
    if value is None:
        return None
    try:
        cursor = msgspec.convert(value, EventCursor)
    except msgspec.ValidationError as error:
        raise InvalidQueryError(f"it is no cursor ({error}).") from error
    if cursor.moment > now + AHEAD:
        raise InvalidQueryError(f"it is in the future: {cursor.after}.")
    return cursor


def first_moment(started_by: datetime | None, now: datetime) -> datetime:
    """Where a task without a cursor begins.

    :param started_by: the oldest event that started the run, or None.
    """
    begin = now - FIRST_SPAN
    return begin if started_by is None else min(begin, started_by - OVERLAP)


def moved(read: Mapping[int, datetime], begin: datetime, now: datetime) -> EventCursor:
    """The cursor behind events that were read.

    :param read: id -> timestamp of all events from ``begin`` on, those that were told before among them.
    :param begin: where the read began; the cursor never moves back.
    :param now: the worker's clock; an event from the future does not move the cursor there.
    """
    if not read:
        return EventCursor(begin.isoformat())
    after = max(begin, min(max(read.values()), now) - OVERLAP)
    behind = sorted((at, key) for key, at in read.items() if at >= after)
    if len(behind) > MOST_SEEN:
        behind = behind[-MOST_SEEN:]
        after = max(after, behind[0][0])
    return EventCursor(after.isoformat(), [key for _, key in behind])


def merged(own: EventCursor, kept: EventCursor) -> EventCursor:
    """The cursor of two runs that read at the same time: it never moves back, and has what either of them read.

    Whatever lies before one of the two was read by a run that ended well, so the later one holds for both.

    :param kept: what another run has set meanwhile.
    """
    later = max(own, kept, key=lambda cursor: cursor.moment)
    seen = sorted({*own.seen, *kept.seen})[-MOST_SEEN:]
    return EventCursor(later.after, seen)
