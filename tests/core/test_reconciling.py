"""What is asked to tell whether a copy equals its store."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.reconciling import (
    DAY,
    Bounds,
    Changed,
    Report,
    asks,
    axis_of,
    by_day,
    by_value,
    first_differences,
    halves,
    sample_of,
    sums,
    units,
)
from airflow_provider_bigcommerce.rows.schemas import schema

ORDERS, PRODUCTS = CATALOG["orders"], CATALOG["products"]
AS_OF = datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_rows_of_known_keys_are_asked_for_by_a_list_of_keys_a_range_or_the_whole_list() -> None:
    assert [ask.query for ask in asks(PRODUCTS, [3, 1, 2])] == [{"id:in": (1, 2, 3)}]
    assert [ask.query for ask in asks(ORDERS, [900, 100, 130])] == [{"min_id": 100, "max_id": 130}, {"min_id": 900, "max_id": 900}]
    assert [ask.query for ask in asks(CATALOG["customer_groups"], [1, 2])] == [{}]
    assert [ask.query for ask in asks(CATALOG["inventory_items"], [(1, 7), (1, 8), (2, 7)])] == [{"variant_id:in": ("7", "8")}]
    assert asks(ORDERS, []) == []


def test_a_range_is_no_wider_than_a_page() -> None:
    ranges = [(ask.query["min_id"], ask.query["max_id"]) for ask in asks(ORDERS, range(1, 1001))]

    assert ranges == [(1, 250), (251, 500), (501, 750), (751, 1000)]


def test_a_sample_is_as_large_as_asked_for_the_same_for_a_seed_and_of_neighbours_where_a_range_reads_them() -> None:
    keys = list(range(10_000))
    drawn = sample_of(ORDERS, keys, 200, "a")

    assert (len(drawn), len(set(drawn)), drawn) == (200, 200, sample_of(ORDERS, keys, 200, "a"))
    assert drawn != sample_of(ORDERS, keys, 200, "b")
    assert len(asks(ORDERS, drawn)) <= 8
    assert len(asks(PRODUCTS, sample_of(PRODUCTS, keys, 200, "a"))) == 1
    assert sample_of(ORDERS, keys, None, "a") == keys
    assert sample_of(ORDERS, keys, 0, "a") == []


def test_days_are_counted_one_by_one_and_nothing_is_left_out() -> None:
    axis = axis_of(ORDERS)
    assert axis is not None
    first, last = int(AS_OF.timestamp()) - 400 * DAY, int(AS_OF.timestamp())
    groups = by_day(axis, Bounds({}, ORDERS.modified, None, AS_OF), first, last, 3)

    assert [group.label for group in groups] == [
        "the beginning to 2026-03-26",
        "2026-03-27",
        "2026-03-28",
        "2026-03-29",
        "2026-03-30 to now",
    ]
    spans = [group.span for group in groups]
    assert all(a and b and a[1] is not None and b[0] == a[1] + 1 for a, b in itertools.pairwise(spans))
    assert groups[1].query == {
        "max_date_modified": "Sun, 29 Mar 2026 11:59:59 +0000",
        "min_date_created": "Fri, 27 Mar 2026 00:00:00 +0000",
        "max_date_created": "Fri, 27 Mar 2026 23:59:59 +0000",
    }


def test_days_of_change_dates_end_where_the_copy_does() -> None:
    axis = axis_of(PRODUCTS)
    assert axis == PRODUCTS.modified
    assert axis is not None
    last = int(AS_OF.timestamp()) - 1
    today = by_day(axis, Bounds({"is_visible": "true"}, PRODUCTS.modified, None, AS_OF), last, last, 1)[0]

    assert today.query == {
        "is_visible": "true",
        "date_modified:min": "2026-03-29T00:00:00Z",
        "date_modified:max": "2026-03-29T11:59:59Z",
    }


def test_a_span_of_several_days_is_halved_at_a_midnight_and_a_day_is_not() -> None:
    axis = axis_of(ORDERS)
    assert axis is not None
    start = 20_000 * DAY

    assert [group.span for group in halves(axis, Bounds({}), start + 5, start + 4 * DAY - 1)] == [
        (start + 5, start + 2 * DAY - 1),
        (start + 2 * DAY, start + 4 * DAY - 1),
    ]
    assert [group.span for group in halves(axis, Bounds({}), start, start + 2 * DAY - 1)] == [
        (start, start + DAY - 1),
        (start + DAY, start + 2 * DAY - 1),
    ]
    assert halves(axis, Bounds({}), start, start + DAY - 1) == []


def test_a_value_that_the_copy_is_filtered_by_is_not_counted_again() -> None:
    assert [group.query["status_id"] for group in by_value(ORDERS, Bounds({}), [[11, 2, None]])] == ["11", "2"]
    assert by_value(ORDERS, Bounds({"status_id": "11"}), [[11]]) == []


def test_only_rows_within_the_bounds_are_spoken_of() -> None:
    second = int(AS_OF.timestamp())
    bounds = Bounds({}, ORDERS.modified, datetime(2026, 3, 1, tzinfo=UTC), AS_OF)

    assert (bounds.speaks_of(second - 1), bounds.speaks_of(second), bounds.speaks_of(0), bounds.speaks_of(None)) == (
        True,
        False,
        False,
        True,
    )


def test_amounts_are_added_up_exactly() -> None:
    found = sums([units("0.1"), units(0.2), None, units("3")])

    assert (found.lowest, found.highest, found.sum) == ("0.1000", "3.0000", "3.3000")
    assert (sums([]).sum, units("dear"), units(True), units("")) == (None, None, None, None)


def test_the_first_differences_are_told_and_the_others_counted() -> None:
    report = Report(
        resource="orders", store_hash="s", copy="c", as_of=None, equal=False, rows=0, counts=[], counts_checked=0, compared=0, seed="",
        totals=None, changed=[Changed(key=1, fields=["a", "b"])], missing=[2, [3, 4]], deleted=[5], newer=0, passed=0, repaired=0,
        requests=0, seconds=0, summary=[],
    )  # fmt: skip

    assert first_differences(report) == (
        "1 differs in a, b; 2 is missing in the copy; 3, 4 is missing in the copy; 5 is not in the store any more"
    )
    assert first_differences(report, 2) == "1 differs in a, b; 2 is missing in the copy; and 2 more"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (7, 7),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 480 + "... (501 characters)"),
        ("é" * 12_000, "é" * 477 + "... (12,000 characters)"),
        ([1, None, "y" * 600], [1, None, "y" * 480 + "... (600 characters)"]),
    ],
    ids=["number", "as long as may be", "longer", "much longer", "of several fields"],
)
def test_a_very_long_key_is_cut_where_it_is_shown_and_its_length_told(key: Any, shown: Any) -> None:
    report = Report(
        resource="orders", store_hash="s", copy="c", as_of=None, equal=False, rows=0, counts=[], counts_checked=0, compared=0, seed="",
        totals=None, changed=[Changed(key=key, fields=["a"])], missing=[key], deleted=[key, 1], newer=0, passed=0, repaired=0,
        requests=0, seconds=0, summary=[],
    )  # fmt: skip

    told = report.shown()

    assert (told.changed, told.missing, told.deleted) == ([Changed(key=shown, fields=["a"])], [shown], [shown, 1])
    assert first_differences(report) == first_differences(told)
    assert len(first_differences(report)) < 3 * 700
    assert report.missing == [key]  # a repair goes by the whole keys


@pytest.mark.parametrize("row", [row for row in CATALOG.values() if row.count_by or row.total], ids=lambda row: row.name)
def test_what_a_list_is_counted_and_added_up_by_is_a_field_of_its_rows_and_a_filter_of_its_own(row: Resource) -> None:
    fields = schema(row.name, row.primary_key).fields

    assert set(row.count_by) <= {*row.filters} & {*fields}
    if row.total is not None:
        assert row.total.field in fields
        assert {name for name in (row.total.at_least, row.total.at_most) if name} <= {*row.filters}
