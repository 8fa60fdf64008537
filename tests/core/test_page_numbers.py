"""Lists with page numbers only: what they cost, and that no row is lost while rows come, go and change places."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.exceptions import IncompleteReadError
from tests.core.test_paging import LIST, Shelf, drive, ids_of, pages, steps


def numbers(shelf: Shelf) -> list[int]:
    return [int(dict(request.params)["page"]) for request in shelf.asked]


def anywhere(limit: int) -> PageNumbers:
    """A walk of a list to which rows may be added anywhere."""
    return pages(limit, only_grows=False)


@pytest.mark.parametrize(("rows", "requests"), [(9, [1]), (10, [1, 2])])
def test_one_page_costs_one_request_and_a_full_one_a_look_behind_it(rows: int, requests: list[int]) -> None:
    shelf = Shelf(range(1, rows + 1))

    drive(pages(10), shelf)

    assert numbers(shelf) == requests


def test_a_list_in_the_order_of_its_ids_costs_two_requests_more_than_pages() -> None:
    shelf = Shelf(range(1, 46))

    assert drive(pages(10), shelf, ahead=20) == shelf.ids
    assert numbers(shelf) == [1, 5, 1, 2, 3, 4, 5]


def test_a_list_without_totals_is_read_to_its_end_and_back() -> None:
    shelf = Shelf(range(1, 36), has_meta=False)

    assert drive(pages(10), shelf) == shelf.ids
    assert numbers(shelf) == [1, 2, 3, 4, 4, 5, 3, 2, 1]  # the short page again, and nothing behind it


@pytest.mark.parametrize("has_meta", [True, False])
def test_a_list_to_which_rows_may_be_added_anywhere_is_read_twice(has_meta: bool) -> None:
    shelf = Shelf(range(1, 36), has_meta=has_meta)

    assert drive(anywhere(10), shelf) == shelf.ids
    assert numbers(shelf) == [1, 2, 3, 4, *([] if has_meta else [4, 5]), 1, 2, 3, 4]


@pytest.mark.parametrize("ids", [[*range(35, 0, -1)], [*range(11, 36), *range(1, 11)]], ids=["newest first", "in two runs"])
def test_a_list_in_another_order_is_read_until_two_passes_agree(ids: list[int]) -> None:
    shelf = Shelf([])
    shelf.ids = ids

    assert drive(pages(10), shelf) == ids
    assert numbers(shelf)[-8:] == [1, 2, 3, 4, 1, 2, 3, 4]


@settings(deadline=None)
@given(st.data())
def test_whatever_comes_at_the_end_and_goes_anywhere_each_row_that_stays_comes_once(data: st.DataObject) -> None:
    shelf = Shelf(range(1, data.draw(st.integers(1, 120))), has_meta=data.draw(st.booleans()))
    stay, change = changes(shelf, data.draw(st.integers()), data.draw(st.floats(0, 1)), at_the_end=True)

    read = drive(pages(data.draw(st.integers(1, 30))), shelf, ahead=data.draw(st.integers(1, 8)), between=change)

    assert not [i for i, times in Counter(read).items() if times > 1]
    assert stay <= set(read)


@settings(deadline=None)
@given(st.data())
def test_whatever_comes_and_goes_anywhere_each_row_that_stays_comes_once_or_the_read_fails(data: st.DataObject) -> None:
    shelf = Shelf(range(1, data.draw(st.integers(1, 120))), has_meta=data.draw(st.booleans()))
    stay, change = changes(shelf, data.draw(st.integers()), data.draw(st.sampled_from([0, 0.02, 0.1, 0.5])), at_the_end=False)

    try:
        read = drive(anywhere(data.draw(st.integers(2, 30))), shelf, ahead=data.draw(st.integers(1, 8)), between=change)
    except IncompleteReadError:
        return

    assert not [i for i, times in Counter(read).items() if times > 1]
    assert stay <= set(read)


@settings(deadline=None)
@given(st.data())
def test_a_read_that_stops_goes_on_without_loss_although_the_list_has_changed(data: st.DataObject) -> None:
    shelf = Shelf(range(1, data.draw(st.integers(2, 80))), has_meta=data.draw(st.booleans()))
    stay, change = changes(shelf, data.draw(st.integers()), data.draw(st.sampled_from([0, 0.1, 1])), at_the_end=True)
    # A list that changes before every page of one row may not get on: that is an error after ten such pages.
    limit, stop, between = data.draw(st.integers(2, 20)), data.draw(st.integers(1, 12)), data.draw(st.integers(0, 40))
    read: list[int] = []
    position = None
    for _, (step, behind) in zip(range(stop), steps(pages(limit), shelf, 3, change), strict=False):
        read += ids_of(step.records)
        position = behind
    for _ in range(between):
        change()

    kept = None if position is None else json.loads(json.dumps(position))
    read += drive(pages(limit, kept), shelf, between=change)

    assert stay <= set(read)


def changes(shelf: Shelf, seed: int, chance: float, *, at_the_end: bool) -> tuple[set[int], Callable[[], None]]:
    """Rows that stay, and what adds and removes others."""
    dice = random.Random(seed)
    stay = {i for i in shelf.ids if dice.random() < 0.6}
    highest = [max(shelf.ids, default=0)]

    def change() -> None:
        if dice.random() >= chance:
            return
        leaving = [i for i in shelf.ids if i not in stay]
        if leaving:
            shelf.ids.remove(dice.choice(leaving))
        if highest[0] < 400 and dice.random() < 0.8:
            highest[0] += 1
            shelf.ids.insert(len(shelf.ids) if at_the_end else dice.randint(0, len(shelf.ids)), highest[0])

    return stay, change


@pytest.mark.parametrize("moment", range(1, 9))
def test_a_row_that_goes_while_another_comes_costs_no_row_although_the_total_stays(moment: int) -> None:
    """In the 30 seconds that a read waits for its quota, say: no total tells of it."""
    shelf = Shelf(range(1, 51))

    def exchange() -> None:
        if len(shelf.asked) == moment:
            shelf.ids.remove(1)
            shelf.ids.append(51)

    found = [*steps(pages(10), shelf, 1, exchange)]

    assert {step.total for step, _ in found} == {50}
    assert {*range(2, 51)} <= {i for step, _ in found for i in ids_of(step.records)}


def test_a_change_in_the_first_pass_is_read_in_the_next_ones() -> None:
    shelf = Shelf(range(1, 50))

    def exchange() -> None:
        if len(shelf.asked) == 2:
            shelf.ids.remove(1)
            shelf.ids.insert(30, 99)

    read = drive(anywhere(10), shelf, ahead=1, between=exchange)

    assert {*read} >= {*range(2, 50), 99}
    assert len(read) == len(set(read))
    assert numbers(shelf) == [1, 2, 3, 4, 5] * 3


def test_a_list_that_changes_in_every_pass_fails_and_says_what_to_do() -> None:
    shelf = Shelf(range(1, 51))

    def exchange() -> None:
        shelf.ids.append(shelf.ids.pop(0))

    with pytest.raises(
        IncompleteReadError, match=r"GET /list gave other rows each time, in 4 passes.*at a time when the store changes less"
    ):
        drive(anywhere(10), shelf, between=exchange)


def test_rows_without_a_key_are_told_apart_by_what_they_hold() -> None:
    from airflow_provider_bigcommerce.core.planning import resource_of, walk_of

    shelf = Shelf(range(1, 24), has_meta=False)

    assert drive(walk_of(resource_of("/v2/unheard/of"), LIST.path, {"limit": 10}), shelf) == shelf.ids
