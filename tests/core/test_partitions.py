"""Where a list is cut: the ranges are disjoint, cover everything, and are about equal whatever the density."""

from __future__ import annotations

import itertools
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.partitions import Counts, Partition, by_dates, by_ids, cut_by, places, require_cut, without_bounds
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

ORDERS, CUSTOMERS = CATALOG["orders"], CATALOG["customers"]


@given(st.lists(st.integers(1, 10**6), max_size=20), st.integers(0, 2 * 10**6))
def test_every_id_is_in_exactly_one_range(cuts: list[int], key: int) -> None:
    ranges = [part.query for part in by_ids(ORDERS, cuts)]

    assert sum(int(bounds.get("min_id", 0)) <= key <= int(bounds.get("max_id", 10**9)) for bounds in ranges) == 1


def test_the_first_and_the_last_range_are_open() -> None:
    assert [part.query for part in by_ids(ORDERS, [100, 200])] == [
        {"max_id": 99},
        {"min_id": 100, "max_id": 199},
        {"min_id": 200},
    ]
    assert [part.query for part in by_dates(CUSTOMERS, [1_790_000_000])] == [
        {"date_created:max": "2026-09-21T14:13:19Z"},
        {"date_created:min": "2026-09-21T14:13:20Z"},
    ]


def test_a_list_without_cuts_is_one_open_range() -> None:
    assert [(part.number, part.of, part.query) for part in by_ids(ORDERS, [])] == [(0, 1, {})]


def test_ranges_of_one_cut_are_told_from_those_of_another() -> None:
    one, other = by_ids(ORDERS, [10, 20]), by_ids(ORDERS, [10, 21])

    assert len({part.cut for part in one}) == 1
    assert one[0].cut != other[0].cut


def test_a_range_is_read_back_from_json_and_nothing_else_is() -> None:
    part = by_ids(ORDERS, [10])[1]

    assert Partition.read(part.as_json()) == part
    for wrong in ([1], {"min_id": 10}, "orders"):
        with pytest.raises(InvalidQueryError, match="no range of a list"):
            Partition.read(wrong)


def test_places_are_even_and_a_short_list_has_fewer() -> None:
    assert places(1000, 4) == [250, 500, 750]
    assert places(2, 8) == [1]
    assert places(0, 8) == []


@given(st.lists(st.integers(1_300_000_000, 1_790_000_000), min_size=1, max_size=500), st.integers(1, 12))
def test_counting_finds_ranges_with_rows_in_each_and_ends(seconds: list[int], into: int) -> None:
    seconds.sort()
    counts = Counts(1_230_000_000, 1_800_000_000, len(seconds), into)
    asked = 0
    while (second := counts.next()) is not None:
        counts.learn(second, bisect_left(seconds, second))
        asked += 1
        assert asked < 60 * into

    edges = [0, *(bisect_left(seconds, cut) for cut in counts.cuts()), len(seconds)]
    assert all(low < high for low, high in itertools.pairwise(edges))


@pytest.mark.parametrize(
    "seconds",
    [
        [1_300_000_000 + 4000 * i for i in range(100_000)],
        [1_600_000_000 + i for i in range(90_000)] + [1_300_000_000 + 40_000 * i for i in range(10_000)],
        [1_300_000_000 + int(4 * 10**8 * (i / 100_000) ** 0.2) for i in range(100_000)],
    ],
    ids=["even", "nine tenths in a day", "ever more"],
)
def test_uneven_rows_are_cut_into_ranges_equal_within_a_fifth_by_few_counts(seconds: list[int]) -> None:
    seconds = sorted(seconds)
    counts = Counts(1_230_000_000, 1_800_000_000, len(seconds), 8)
    asked = 0
    while (second := counts.next()) is not None:
        counts.learn(second, bisect_left(seconds, second))
        asked += 1

    edges = [0, *(bisect_left(seconds, cut) for cut in counts.cuts()), len(seconds)]
    sizes = [high - low for low, high in itertools.pairwise(edges)]
    assert len(sizes) == 8
    assert max(sizes) <= 1.2 * len(seconds) / 8
    assert asked <= 60


def test_lists_are_cut_by_id_where_they_can_be_else_by_creation_date() -> None:
    assert {name: cut_by(CATALOG[name]) for name in ("orders", "products", "customers", "product_variants", "order_products")} == {
        "orders": "id",
        "products": "id",
        "customers": "created",
        "product_variants": None,
        "order_products": None,
    }


def test_a_list_that_cannot_be_cut_is_refused_with_those_that_can() -> None:
    with pytest.raises(InvalidQueryError, match=r"'product_variants' cannot be cut into ranges.*products.*customers.*orders"):
        require_cut(CATALOG["product_variants"])


def test_a_query_is_told_without_the_bounds_of_ranges() -> None:
    assert without_bounds({"status_id": "11", "min_id": "5", "max_id": "9"}, by_ids(ORDERS, [5, 10])) == {"status_id": "11"}
