"""Lists that take an offset in place of a page number (B2B Edition): the same ways, and a page as long as the first that came."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing, Meta, Pagination
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, InvalidQueryError, PaginationLoopError
from tests.core.test_page_numbers import changes
from tests.core.test_paging import LIST, Shelf, drive, ids_of, raw, steps


class OffsetShelf(Shelf):
    """A list by offset and limit: an independent reading of B2B Edition's rules.

    :param cap: most rows of a page, whatever is asked for.
    :param tells: what of the pages is told: the whole, the total alone, or nothing.
    """

    def __init__(self, ids: Iterable[int], *, cap: int = 250, tells: str = "all") -> None:
        super().__init__(ids, cap=cap)
        self.tells = tells

    def answer(self, request: Request) -> Listing:
        self.asked.append(request)
        params = dict(request.params)
        offset, limit = int(params["offset"]), min(int(params["limit"]), self.cap)
        about = {"all": Pagination(len(self.ids), None, limit, offset=offset), "total": Pagination(len(self.ids)), "nothing": None}
        return Listing(raw(self.ids[offset : offset + limit]), Meta(about[self.tells]))


def offsets(limit: int, start: Position | None = None, *, only_grows: bool = True) -> PageNumbers:
    return PageNumbers(LIST, limit, ids_of, only_grows=only_grows, start=start, is_by_offset=True)


def asked(shelf: Shelf) -> list[tuple[int, int]]:
    return [(int(dict(request.params)["offset"]), int(dict(request.params)["limit"])) for request in shelf.asked]


def test_one_short_page_is_one_request() -> None:
    shelf = OffsetShelf(range(1, 8))

    assert drive(offsets(200), shelf) == shelf.ids
    assert asked(shelf) == [(0, 200)]


def test_a_list_in_the_order_of_its_ids_costs_two_requests_more_than_pages() -> None:
    shelf = OffsetShelf(range(1, 46))

    assert drive(offsets(10), shelf, ahead=20) == shelf.ids
    assert asked(shelf) == [(0, 10), (40, 10), (0, 10), (10, 10), (20, 10), (30, 10), (40, 10)]


@pytest.mark.parametrize("tells", ["all", "total", "nothing"])
@pytest.mark.parametrize("cap", [10, 99, 100, 101, 199])
def test_a_store_that_gives_fewer_rows_than_were_asked_for_is_read_in_steps_of_what_it_gives(cap: int, tells: str) -> None:
    shelf = OffsetShelf(range(1, 451), cap=cap, tells=tells)

    assert drive(offsets(200), shelf) == shelf.ids
    assert {limit for _, limit in asked(shelf)[1:]} == {cap}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_comes_at_the_end_and_goes_anywhere_each_row_that_stays_comes_once(data: st.DataObject) -> None:
    tells = data.draw(st.sampled_from(["all", "total", "nothing"]))
    shelf = OffsetShelf(range(1, data.draw(st.integers(1, 120))), cap=data.draw(st.integers(10, 40)), tells=tells)
    stay, change = changes(shelf, data.draw(st.integers()), data.draw(st.floats(0, 1)), at_the_end=True)

    try:
        read = drive(offsets(data.draw(st.integers(10, 60))), shelf, ahead=data.draw(st.integers(1, 8)), between=change)
    except IncompleteReadError:
        return

    assert not [i for i, times in Counter(read).items() if times > 1]
    assert stay <= set(read)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_read_that_stops_goes_on_in_the_same_steps(data: st.DataObject) -> None:
    shelf = OffsetShelf(range(1, data.draw(st.integers(2, 90))), cap=data.draw(st.integers(10, 30)))
    read: list[int] = []
    position = None
    for _, (step, behind) in zip(range(data.draw(st.integers(1, 12))), steps(offsets(50), shelf, 3), strict=False):
        read += ids_of(step.records)
        position = behind

    kept = None if position is None else json.loads(json.dumps(position))
    read += drive(offsets(50, kept), shelf)

    assert set(read) == set(shelf.ids)


def test_an_answer_that_says_another_offset_is_asked_again_and_refused() -> None:
    class Stuck(OffsetShelf):
        def answer(self, request: Request) -> Listing:
            self.asked.append(request)
            return Listing(raw(self.ids[:10]), Meta(Pagination(len(self.ids), None, 10, offset=0)))

    with pytest.raises(PaginationLoopError, match="offset 0 when asked for page"):
        drive(offsets(10, only_grows=False), Stuck(range(1, 40)))


def test_which_parameters_of_paging_a_list_by_offset_takes() -> None:
    from airflow_provider_bigcommerce.core.planning import check_query

    companies = CATALOG["b2b_companies"]
    check_query(companies, {"offset": 0, "limit": 5})
    for query, message in (({"page": 2}, "has no parameter 'page'"), ({"offset": -1}, "accepted: 0 or more"), ({"limit": 0}, "1 to 200")):
        with pytest.raises(InvalidQueryError, match=message):
            check_query(companies, query)
    with pytest.raises(InvalidQueryError, match="has no parameter 'offset'"):
        check_query(CATALOG["brands"], {"offset": 1})
