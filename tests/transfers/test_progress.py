"""Progress lines: what they say and how often."""

from __future__ import annotations

from itertools import pairwise

import pytest

from airflow_provider_bigcommerce.client.sending import ReadStats
from airflow_provider_bigcommerce.engine.progress import Progress, duration


def test_a_line_tells_rows_of_how_many_pages_rate_quota_and_the_end() -> None:
    now = [0.0]
    progress = Progress("products", clock=lambda: now[0])
    now[0] = 10.0

    line = progress.line(12_500, 100_000, 50, ReadStats(quota=150, quota_left=98))

    assert line == ("products: 12,500 of 100,000 rows (12%), 50 pages, 1,250 rows/s, quota 98 of 150 left, about 1 min 10 s to go")


def test_a_line_leaves_out_what_the_store_does_not_tell() -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    now[0] = 10.0

    assert progress.line(500, None, 2, ReadStats()) == "orders: 500 rows, 2 pages, 50 rows/s"


def test_there_is_one_line_every_ten_seconds_however_many_pages_come() -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    told = []
    for page in range(600):
        now[0] = page / 10
        if progress.line(page * 250, 150_000, page, ReadStats()):
            told.append(now[0])

    assert len(told) == 5
    assert all(later - earlier >= 10 for earlier, later in pairwise(told))


@pytest.mark.parametrize(("minutes", "most"), [(1, 5), (20, 20), (60, 30)])
def test_a_long_read_is_told_in_few_lines_and_never_silent_for_long(minutes: int, most: int) -> None:
    now = [0.0]
    progress = Progress("orders", clock=lambda: now[0])
    told = [0.0]
    for second in range(minutes * 60):
        now[0] = float(second)
        if progress.line(second, None, second, ReadStats()):
            told.append(now[0])

    assert len(told) - 1 <= most
    assert max(later - earlier for earlier, later in pairwise(told)) <= 301


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (7200, "2 h"), (7500, "2 h 5 min")]
)
def test_durations_are_told_in_two_units_at_most(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
