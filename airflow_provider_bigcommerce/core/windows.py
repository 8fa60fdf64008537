"""Which span of change dates a run reads, and how BigCommerce wants that span written.

Decides only: the caller knows the watermark and the store's clock, and sends the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from airflow_provider_bigcommerce.core.catalog import CATALOG, DateFilter, DateFormat, Resource
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: Re-read before the watermark, for clocks that differ and commits that arrive late.
DEFAULT_OVERLAP = timedelta(minutes=5)

#: No change of a store is outside of this; and what a date is next to the first or last year depends on the time zone.
_FIRST, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

_BARE_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}-?W\d{2}(-?\d)?")


@dataclass(frozen=True, slots=True)
class Window:
    """A span of change dates, both ends inclusive, in whole UTC seconds.

    :param since: first second of the span, or None for the beginning of the store.
    :param until: last second of the span, or None for no upper bound.
    :raises InvalidQueryError: ``since`` is after ``until``.
    """

    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise InvalidQueryError(
                f"since={written(self.since)} is after until={written(self.until)}: no row can lie between them. "
                "Give a since at or before until."
            )

    @property
    def is_bounded(self) -> bool:
        """Whether either end is set."""
        return self.since is not None or self.until is not None

    def as_json(self) -> dict[str, str | None]:
        """``{"since": ..., "until": ...}`` as ISO-8601 text with ``Z``, as it is in a manifest."""
        return {"since": written(self.since), "until": written(self.until)}


def written(moment: datetime | None) -> str | None:
    """A moment as ISO-8601 in UTC, whole seconds, ``Z`` at the end; None stays None."""
    return None if moment is None else whole_seconds(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_seconds(moment: datetime) -> datetime:
    """The same moment in UTC without its fraction of a second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def moment(value: str | datetime | None, name: str) -> datetime | None:
    """Read a ``since``, ``until`` or ``initial_since`` argument as a user or a template writes it.

    A day without a time is midnight UTC when it begins a span; as its end it could mean the day's first or last second,
    and is refused.

    :param value: ISO-8601 text with time and offset (``{{ data_interval_start }}`` renders so), an aware datetime, a
        bare date for a beginning, or None or "" for "not given".
    :param name: the argument's name, for messages; one that holds ``until`` is an end.
    :returns: whole UTC seconds, or None.
    :raises InvalidQueryError: not a date, a time without offset, or a bare date as an end.
    """
    if value is None or value == "":
        return None
    accepted = "Accepted: ISO-8601 with time and offset, such as '2026-01-31T00:00:00Z' or '{{ data_interval_end }}'."
    if isinstance(value, str):
        text = value.strip()
        if _BARE_DATE.fullmatch(text):
            day = _bare_date(text, name, value, accepted)
            if "until" in name:
                raise InvalidQueryError(
                    f"{name}={value!r} has no time: it could mean the first or the last second of that day. "
                    f"Write '{day}T00:00:00Z' or '{day}T23:59:59Z'."
                )
            return _within(datetime(day.year, day.month, day.day, tzinfo=UTC), name, value)
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidQueryError(f"{name}={value!r} is not a date and time ({error}). {accepted}") from error
    elif isinstance(value, datetime):
        parsed = value
    else:
        raise InvalidQueryError(f"{name}={repr(value)[:80]} is a {type(value).__name__}, not text or a datetime. {accepted}")
    if parsed.tzinfo is None:
        raise InvalidQueryError(f"{name}={str(value)!r} has no offset, so its second is not known. {accepted}")
    return _within(parsed, name, value)


def _within(parsed: datetime, name: str, value: object) -> datetime:
    try:
        found = whole_seconds(parsed)
    except OverflowError:  # the first or last hours of the calendar, in another time zone
        found = None
    if found is None or not _FIRST <= found < _END:
        raise InvalidQueryError(
            f"{name}={str(value)!r} is a time without any store. Accepted: the years 1970 to 9998; for no bound, leave "
            f"{name} out."
        )
    return found


def window_between(since: str | datetime | None, until: str | datetime | None) -> Window:
    """The window of two arguments, each as :func:`moment` reads it.

    :raises InvalidQueryError: one of them is no moment, or since is after until.
    """
    return Window(moment(since, "since"), moment(until, "until"))


def _bare_date(text: str, name: str, value: str, accepted: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidQueryError(f"{name}={value!r} is not a date ({error}). {accepted}") from error


def incremental_window(
    *,
    watermark: datetime | None,
    until: datetime,
    overlap: timedelta = DEFAULT_OVERLAP,
    initial_since: datetime | None = None,
) -> Window:
    """The window of a run that continues from where the last one ended.

    :param watermark: end of the last committed window, or None for the first run.
    :param until: end of this one: the store's own time at the first try, or an earlier end that the user set.
    :param overlap: how far to go back behind the watermark.
    :param initial_since: where the first run begins; None for the beginning of the store.
    :raises InvalidQueryError: a negative overlap, or a watermark that even without the overlap lies after ``until``.
    """
    if overlap < timedelta(0):
        raise InvalidQueryError(f"overlap={overlap} is negative: rows would be skipped. Give zero or more.")
    if watermark is None:
        return Window(initial_since, until)
    since = watermark - overlap
    if since > until:
        raise InvalidQueryError(
            f"The watermark {written(watermark)} lies after this window's end {written(until)}, which is the store's own time or the "
            "until that was given. A clock was wrong when it was set, or until is too early. Set the watermark back "
            "(the state's key is in the log), or give a later until."
        )
    return Window(since, until)


def full_read_due(last: datetime | None, now: datetime, every: timedelta, name: str) -> bool:
    """Whether a periodic full read is due.

    Each list has its own moments, ``every`` apart, so that not all lists of a store are read whole in one night: its place among
    the catalog's lists with a change date spreads them evenly. A moment that passed without a full read that ended well stays due, but
    a list that was read whole less than half of ``every`` ago has time until that half is over: a moment may come a minute after a first
    read.

    :param last: end of the last full read's window, or None where none is known.
    :param now: the store's time.
    :param every: time between two full reads.
    :param name: of the resource.
    """
    if last is None:
        return True
    if now - last < every / 2:
        return False
    period = every.total_seconds()
    names = [row.name for row in CATALOG.values() if row.modified is not None]
    shift = period * names.index(name) / len(names) if name in names else 0.0
    return last.timestamp() < now.timestamp() - (now.timestamp() - shift) % period


def interval_window(start: datetime | None, end: datetime | None) -> Window:
    """The seconds of a DAG run's data interval: its beginning belongs to it, its end to the next one.

    BigCommerce's filters take both ends and whole seconds, so the window ends one second before the interval: neighbours neither share
    a row nor leave one out.

    :param start: the run's ``data_interval_start``.
    :param end: its ``data_interval_end``.
    :raises InvalidQueryError: there is no interval, or an empty one.
    """
    if start is None or end is None or whole_seconds(start) >= whole_seconds(end):
        found = "has none" if start is None or end is None else f"has an empty one ({written(start)} to {written(end)})"
        raise InvalidQueryError(
            f"mode='backfill' reads the run's data interval, and this run {found}. Give the DAG "
            "schedule=CronDataIntervalTimetable('@daily', timezone='UTC') (from airflow.sdk), whose runs have one where those of a plain "
            "cron string have not; or give since and until."
        )
    return Window(whole_seconds(start), whole_seconds(end) - timedelta(seconds=1))


def backfill_filter(resource: Resource) -> DateFilter:
    """The filter that bounds a backfill: by creation date, which never changes, where there is one, else as :func:`date_filter`.

    :raises InvalidQueryError: the resource has none.
    """
    return resource.created or date_filter(resource)


def date_filter(resource: Resource) -> DateFilter:
    """The filter that bounds a list by date: change date where there is one, else creation date.

    :raises InvalidQueryError: the resource has neither.
    """
    found = resource.modified or resource.created
    if found is None:
        raise InvalidQueryError(
            f"{resource.name!r} has no date filter in BigCommerce's API, so since and until cannot bound it. "
            f"Read it with mode='full' and no since or until. Resources with a date filter: {_names()}."
        )
    return found


def _names() -> str:
    rows: Iterable[Resource] = CATALOG.values()
    return ", ".join(row.name for row in rows if row.modified is not None or row.created is not None) or "none"


def in_format(value: datetime, wire: DateFormat) -> str:
    """Write a moment as a filter's value: never a bare date, always with an offset, or as seconds since 1970.

    Source: reference/orders.v2.oas2.yml (V2: RFC-2822), reference/catalog/products_catalog.v3.yml (V3: ISO-8601; to a
    date without a time the products list appends the time of day of the request).
    """
    if wire == "rfc2822":
        return format_datetime(whole_seconds(value))
    if wire == "unix":
        return str(max(0, int(value.timestamp())))
    return written(value) or ""


def window_query(resource: Resource, window: Window, dates: DateFilter | None = None) -> dict[str, str]:
    """The query parameters that bound a list by that window; empty for a window without ends.

    :param dates: which dates; as :func:`date_filter` if not given.
    :raises InvalidQueryError: the resource has no date filter, or none for the end that is set.
    """
    if not window.is_bounded:
        return {}
    found = dates or date_filter(resource)
    query: dict[str, str] = {}
    within = timedelta(seconds=found.is_open)  # a filter that leaves out the given seconds is asked for those in addition to them
    if window.since is not None:
        query[found.since] = in_format(window.since - within, found.format)
    if window.until is not None:
        if found.until is None:
            raise InvalidQueryError(
                f"{resource.name!r} can be bounded by since ({found.since}) but has no parameter for until in BigCommerce's API."
            )
        query[found.until] = in_format(window.until + within, found.format)
    return query


#: Digits of seconds since 1970 from 1973 on; a date without its dashes has eight.
_UNIX = re.compile(r"[0-9]{9,11}")


def read_moment(text: object) -> datetime | None:
    """A row's date as whole UTC seconds, from ISO-8601 (V3), RFC-2822 (V2) or seconds since 1970 (B2B Edition); None for anything else.

    V2 answers are always in UTC; a V3 date without an offset is UTC too.
    Source: reference/orders.v2.oas2.yml.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not text:
        return None
    if _UNIX.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    try:
        parsed = datetime.fromisoformat(text) if text[0].isdigit() else parsedate_to_datetime(text)
    except ValueError:
        return None
    return whole_seconds(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC))
