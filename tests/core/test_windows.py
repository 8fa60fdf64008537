"""Windows of change dates: what a run reads, how it is written for BigCommerce, what is refused."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.windows import (
    DEFAULT_OVERLAP,
    Window,
    backfill_filter,
    full_read_due,
    incremental_window,
    interval_window,
    moment,
    read_moment,
    window_query,
    written,
)
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


def test_v3_dates_are_iso_8601_with_a_time_and_z() -> None:
    query = window_query(CATALOG["products"], Window(NOON - timedelta(days=1), NOON))

    assert query == {"date_modified:min": "2026-03-28T12:00:00Z", "date_modified:max": "2026-03-29T12:00:00Z"}


def test_v2_dates_are_rfc_2822_with_an_offset() -> None:
    query = window_query(CATALOG["orders"], Window(datetime(2017, 4, 20, 11, 32, tzinfo=UTC), NOON))

    assert query == {
        "min_date_modified": "Thu, 20 Apr 2017 11:32:00 +0000",
        "max_date_modified": "Sun, 29 Mar 2026 12:00:00 +0000",
    }


def test_a_date_of_another_zone_is_sent_in_utc() -> None:
    query = window_query(CATALOG["orders"], Window(datetime(2017, 4, 20, 11, 32, tzinfo=timezone(timedelta(hours=-4)))))

    assert query == {"min_date_modified": "Thu, 20 Apr 2017 15:32:00 +0000"}


def test_no_window_sends_no_parameter() -> None:
    assert window_query(CATALOG["brands"], Window()) == {}


def test_bounding_a_list_without_date_filter_names_those_that_have_one() -> None:
    with pytest.raises(InvalidQueryError, match=r"'brands' has no date filter.*Resources with a date filter: .*orders"):
        window_query(CATALOG["brands"], Window(NOON))


def test_an_end_that_the_resource_cannot_filter_is_refused() -> None:
    products = CATALOG["products"]
    assert products.modified is not None
    only_since = Resource(
        name="price_records",
        area="pricing",
        path="/v3/x",
        modified=type(products.modified)(since="date_modified:min", until=None, field="date_modified", format="iso8601"),
    )

    assert window_query(only_since, Window(NOON)) == {"date_modified:min": "2026-03-29T12:00:00Z"}
    with pytest.raises(InvalidQueryError, match="no parameter for until"):
        window_query(only_since, Window(None, NOON))


def test_since_after_until_is_refused_with_both_values() -> None:
    with pytest.raises(InvalidQueryError, match="since=2026-03-29T12:00:01Z is after until=2026-03-29T12:00:00Z"):
        Window(NOON + timedelta(seconds=1), NOON)


def test_a_window_of_one_second_is_a_window() -> None:
    assert Window(NOON, NOON).as_json() == {"since": "2026-03-29T12:00:00Z", "until": "2026-03-29T12:00:00Z"}


def test_the_first_run_begins_at_initial_since() -> None:
    start = NOON - timedelta(days=90)

    assert incremental_window(watermark=None, until=NOON, initial_since=start) == Window(start, NOON)
    assert incremental_window(watermark=None, until=NOON) == Window(None, NOON)


def test_a_later_run_goes_back_by_the_overlap() -> None:
    watermark = NOON - timedelta(hours=24)

    expected = Window(watermark - timedelta(minutes=5), NOON)
    assert incremental_window(watermark=watermark, until=NOON, initial_since=NOON) == expected
    assert timedelta(minutes=5) == DEFAULT_OVERLAP
    assert incremental_window(watermark=watermark, until=NOON, overlap=timedelta(0)) == Window(watermark, NOON)


def test_a_watermark_slightly_ahead_of_the_store_is_covered_by_the_overlap() -> None:
    ahead = NOON + timedelta(minutes=3)

    assert incremental_window(watermark=ahead, until=NOON) == Window(NOON - timedelta(minutes=2), NOON)


def test_a_watermark_in_the_future_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="watermark 2026-03-29T13:00:00Z lies after this window's end 2026-03-29T12:00:00Z"):
        incremental_window(watermark=NOON + timedelta(hours=1), until=NOON)


def test_a_negative_overlap_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="negative"):
        incremental_window(watermark=NOON, until=NOON, overlap=timedelta(minutes=-5))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-29T12:00:00Z", NOON),
        ("2026-03-29 12:00:00+00:00", NOON),  # str() of what {{ data_interval_start }} holds
        ("2026-03-29T14:00:00+02:00", NOON),
        (" 2026-03-29T12:00:00.999999Z ", NOON),  # whole seconds
        (NOON, NOON),
        ("2026-03-29", datetime(2026, 3, 29, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_a_beginning_is_read_to_the_whole_utc_second(value: str | datetime | None, expected: datetime | None) -> None:
    assert moment(value, "since") == expected


def test_the_hour_that_summer_time_repeats_is_told_apart_by_its_offset() -> None:
    first = moment("2026-10-25T02:30:00+02:00", "since")
    second = moment("2026-10-25T02:30:00+01:00", "since")

    assert first is not None
    assert second is not None
    assert second - first == timedelta(hours=1)


def test_a_bare_date_as_an_end_is_refused_with_both_readings() -> None:
    with pytest.raises(InvalidQueryError, match="'2026-03-29T00:00:00Z' or '2026-03-29T23:59:59Z'"):
        moment("2026-03-29", "until")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("yesterday", "not a date and time"),
        ("None", "not a date and time"),
        ("2026-13-01", "not a date"),
        ("2016-12-31T23:59:60Z", "not a date and time"),
        ("2026-03-29T12:00:00", "no offset"),
        (datetime(2026, 3, 29, 12), "no offset"),  # noqa: DTZ001 - the naive datetime is the subject
        (date(2026, 3, 29), "is a date, not text"),
        (1774785600, "is a int, not text"),
    ],
)
def test_what_is_no_moment_is_refused_with_an_example(value: object, reason: str) -> None:
    with pytest.raises(InvalidQueryError, match=reason) as caught:
        moment(value, "since")  # type: ignore[arg-type]  # wrong types are the subject

    assert str(caught.value).startswith("since=")
    assert "2026-01-31T00:00:00Z" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 29 Mar 2026 12:00:00 +0000", NOON),
        ("2026-03-29T12:00:00+00:00", NOON),
        ("2026-03-29T12:00:00Z", NOON),
        ("2026-03-29T12:00:00", NOON),
        ("", None),
        ("0000-00-00", None),
        ("soon", None),
        (None, None),
        (7, None),
    ],
)
def test_a_rows_date_is_read_in_both_formats_or_not_at_all(text: object, expected: datetime | None) -> None:
    assert read_moment(text) == expected


def test_none_is_written_as_none() -> None:
    assert written(None) is None


SECOND = timedelta(seconds=1)


def midnights(zone: str, first: date, days: int) -> list[datetime]:
    """The beginnings of days as a timetable of that zone gives them."""
    return [datetime.combine(first + timedelta(days=n), datetime.min.time(), tzinfo=ZoneInfo(zone)) for n in range(days)]


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("UTC", date(2026, 3, 28), [24, 24, 24]),
        ("Europe/Berlin", date(2026, 3, 28), [24, 23, 24]),  # summer time begins on the 29th
        ("Europe/Berlin", date(2026, 10, 24), [24, 25, 24]),  # and ends on the 25th
        ("America/St_Johns", date(2026, 11, 1), [25, 24, 24]),
        ("Australia/Lord_Howe", date(2026, 4, 4), [24, 24.5, 24]),
        ("UTC", date(2016, 12, 31), [24, 24, 24]),  # its last minute had 61 seconds
    ],
)
def test_the_windows_of_neighbouring_intervals_are_without_gap_and_overlap(zone: str, first: date, hours: list[float]) -> None:
    days = midnights(zone, first, 4)
    windows = [interval_window(start, end) for start, end in itertools.pairwise(days)]

    for window, following in itertools.pairwise(windows):
        assert window.until is not None
        assert window.until + SECOND == following.since
    lengths = [window.until - window.since + SECOND for window in windows if window.until and window.since]
    assert [length / timedelta(hours=1) for length in lengths] == hours


def test_an_interval_of_one_second_is_a_window_of_that_second() -> None:
    assert interval_window(NOON, NOON + SECOND) == Window(NOON, NOON)


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (NOON, None), (None, NOON), (NOON, NOON), (NOON + SECOND, NOON), (NOON, NOON + SECOND / 2)]
)
def test_no_interval_and_an_empty_one_are_refused_with_the_schedule_that_has_one(start: datetime | None, end: datetime | None) -> None:
    with pytest.raises(InvalidQueryError, match=r"has (none|an empty one).*CronDataIntervalTimetable.*or give since and until"):
        interval_window(start, end)


def test_a_backfill_goes_by_creation_date_where_there_is_a_filter_for_it() -> None:
    found = {name: backfill_filter(CATALOG[name]).since for name in ("orders", "customers", "products", "order_refunds")}

    assert found == {
        "orders": "min_date_created",
        "customers": "date_created:min",
        "products": "date_modified:min",
        "order_refunds": "created:min",
    }


def test_an_incremental_window_over_a_leap_second_leaves_no_second_out() -> None:
    before = datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)

    window = incremental_window(watermark=before, until=datetime(2017, 1, 1, 0, 0, 30, tzinfo=UTC), overlap=timedelta(0))

    assert window.since == before


def test_a_row_with_a_leap_seconds_date_has_no_moment_and_so_counts_as_changed() -> None:
    assert read_moment("2016-12-31T23:59:60Z") is None
    assert read_moment("Sat, 31 Dec 2016 23:59:60 +0000") is None


def test_an_incremental_window_over_the_end_of_summer_time_is_the_same_seconds_in_utc() -> None:
    """The hour from 2 to 3 comes twice in Berlin; a watermark is a moment, so nothing is read twice or left out."""
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=0)
    second = datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1)

    window = incremental_window(watermark=first.astimezone(UTC), until=second.astimezone(UTC), overlap=timedelta(0))

    assert window.as_json() == {"since": "2026-10-25T00:30:00Z", "until": "2026-10-25T01:30:00Z"}


WEEK = timedelta(days=7)
NIGHTS = [datetime(2026, 3, 1, 2, tzinfo=UTC) + timedelta(days=day) for day in range(28)]


def full_nights(name: str) -> list[int]:
    """The nights on which a resource is read whole, each read ending well."""
    last: datetime | None = None
    found = []
    for number, night in enumerate(NIGHTS):
        if full_read_due(last, night, WEEK, name):
            found.append(number)
            last = night
    return found


DATED = [row.name for row in CATALOG.values() if row.modified is not None]


@pytest.mark.parametrize("name", DATED)
def test_a_full_read_comes_on_the_first_night_and_then_once_in_each_period(name: str) -> None:
    first, second, third, *others = full_nights(name)

    assert first == 0
    assert 4 <= second <= 7  # not sooner than half a week after the first
    assert 4 <= third - second <= 7
    assert others == [night for night in (third + 7, third + 14, third + 21) if night < len(NIGHTS)]


def test_full_reads_of_different_resources_fall_on_different_nights() -> None:
    # From the third on: soon after the first, when everything was read anyway, the half week counts.
    third_nights = Counter(full_nights(name)[2] % 7 for name in DATED)

    assert max(third_nights.values()) - min(third_nights.values()) <= 1
    assert len(third_nights) == 7


@pytest.mark.parametrize("every", [timedelta(hours=3), timedelta(days=1), WEEK, timedelta(days=30)])
@pytest.mark.parametrize("name", DATED)
def test_whatever_the_moment_of_the_last_full_read_the_next_is_due_between_half_of_the_period_and_the_whole(
    name: str, every: timedelta
) -> None:
    for step in range(240):  # the last read ended anywhere in a period
        last = NOON + every * step / 240
        due = [full_read_due(last, last + every * parts / 16, every, name) for parts in range(33)]

        assert not any(due[:8]), f"read whole again {due.index(True)}/16 of a period after {last}"
        assert all(due[16:])
        assert due == sorted(due)  # what is due stays due
        assert not full_read_due(last, last - every, every, name)  # a store's clock that was set back


def test_a_full_read_that_did_not_end_well_stays_due() -> None:
    due = full_nights("orders")[1]
    missed = NIGHTS[due - 1]

    assert all(full_read_due(NIGHTS[0], night, WEEK, "orders") for night in NIGHTS[due:])
    assert not full_read_due(NIGHTS[0], missed, WEEK, "orders")
