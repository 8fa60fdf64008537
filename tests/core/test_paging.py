from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.fan_out import FanOut
from airflow_provider_bigcommerce.core.id_ranges import IdRanges
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.paging import Cursors, KeysetAfter, SinglePage, Step, Walk
from airflow_provider_bigcommerce.core.planning import integer_key, walk_of
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.raw_fields import with_columns
from airflow_provider_bigcommerce.core.reading import CursorLinks, CursorPagination, Listing, Meta, Pagination
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, PaginationLoopError, UnexpectedAnswerError

LIST = Request("GET", "/list")
KEY_OF = integer_key(CATALOG["products"])


def raw(ids: Iterable[int]) -> list[msgspec.Raw]:
    return [msgspec.Raw(b'{"id":%d}' % i) for i in ids]


def ids_of(records: Iterable[msgspec.Raw]) -> list[int]:
    return [msgspec.json.decode(record)["id"] for record in records]


class Shelf:
    """A list of ids that answers as BigCommerce's lists do: an independent reading of its paging rules."""

    def __init__(self, ids: Iterable[int], *, cap: int = 250, has_meta: bool = True) -> None:
        self.ids = sorted(ids)
        self.cap = cap
        self.has_meta = has_meta
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Listing:
        self.asked.append(request)
        params = dict(request.params)
        limit = min(int(params.get("limit", 50)), self.cap)
        low, high = int(params.get("id:min", -(10**18))), int(params.get("id:max", 10**18))
        assert low <= high, "an empty range is not asked for"
        matching = [i for i in self.ids if low <= i <= high]
        if request.path.endswith("/count"):
            return Listing([msgspec.Raw(b'{"count":%d}' % len(matching))], Meta())
        if "after" in params or "cursor" in params:
            after = int(params["after"]) if "after" in params else -(10**18)
            rest = [i for i in matching if i > after]
            cursor = CursorPagination(
                count=len(rest[:limit]),
                per_page=limit,
                end_cursor=str(rest[:limit][-1]) if rest else None,
                links=CursorLinks(next="?x") if len(rest) > limit else None,
            )
            return Listing(raw(rest[:limit]), Meta(cursor_pagination=cursor))
        page = int(params.get("page", 1))
        rows = matching[(page - 1) * limit : page * limit]
        meta = Meta(Pagination(len(matching), len(rows), limit, page, -(-len(matching) // limit))) if self.has_meta else Meta()
        return Listing(raw(rows), meta)


def drive(walk: Walk, shelf: Shelf, *, ahead: int = 4, between: Callable[[], None] = lambda: None) -> list[int]:
    """The ids in the order in which they come; ``between`` changes the shelf before each answer."""
    return [i for step, _ in steps(walk, shelf, ahead, between) for i in ids_of(step.records)]


def steps(walk: Walk, shelf: Shelf, ahead: int, between: Callable[[], None] = lambda: None) -> Iterator[tuple[Step, Position | None]]:
    """Plan ahead, answer in order: each step with the position behind it. Ends with an error if the walk never ends."""
    slots: deque[Request] = deque()
    for _ in range(5000):
        while len(slots) < ahead and (request := walk.next_request()) is not None:
            slots.append(request)
        if not slots:
            return
        request = slots.popleft()
        between()
        step = walk.absorb(request, shelf.answer(request))
        slots.extendleft(reversed(step.follow))
        yield step, walk.position
    raise AssertionError("the walk does not end")


def id_ranges(limit: int = 250, *, has_meta: bool = True) -> IdRanges:
    return IdRanges(LIST, limit, "id:min", "id:max", ids_of, count=None if has_meta else Request("GET", "/list/count"))


def pages(limit: int, start: Position | None = None, *, only_grows: bool = True, request: Request = LIST) -> PageNumbers:
    return PageNumbers(request, limit, ids_of, only_grows=only_grows, start=start)


@settings(deadline=None)
@given(st.sets(st.integers(1, 3000), max_size=400), st.integers(1, 60), st.integers(1, 20), st.booleans())
def test_id_ranges_read_every_row_once_in_order(ids: set[int], limit: int, ahead: int, has_meta: bool) -> None:
    assert drive(id_ranges(limit, has_meta=has_meta), Shelf(ids, has_meta=has_meta), ahead=ahead) == sorted(ids)


@given(st.sets(st.integers(1, 900), max_size=300), st.integers(1, 60), st.booleans(), st.integers(1, 900), st.integers(0, 500))
def test_id_ranges_keep_within_the_callers_bounds(ids: set[int], limit: int, has_meta: bool, low: int, width: int) -> None:
    high = low + width
    request = LIST.with_params({"id:min": low, "id:max": high})
    count = None if has_meta else Request("GET", "/list/count", request.params)
    walk = IdRanges(request, limit, "id:min", "id:max", ids_of, count=count, last=high)

    assert drive(walk, Shelf(ids, has_meta=has_meta)) == sorted(i for i in ids if low <= i <= high)


@settings(deadline=None)
@given(st.data())
def test_id_ranges_read_rows_that_stay_exactly_once_while_others_come_and_go(data: st.DataObject) -> None:
    ids = data.draw(st.sets(st.integers(1, 2000), min_size=1, max_size=300))
    seed, limit = data.draw(st.integers()), data.draw(st.integers(1, 40))
    chance = random.Random(seed)
    shelf = Shelf(ids, has_meta=data.draw(st.booleans()))
    stay = {i for i in ids if chance.random() < 0.6}
    high = max(ids)

    def change() -> None:
        nonlocal high
        leaving = [i for i in shelf.ids if i not in stay]
        if leaving and chance.random() < 0.7:
            shelf.ids.remove(chance.choice(leaving))
        if high < max(ids) + 200 and chance.random() < 0.7:
            high += chance.randint(1, 3)
            shelf.ids.append(high)

    read = drive(id_ranges(limit, has_meta=shelf.has_meta), shelf, between=change)

    assert len(read) == len(set(read))
    assert stay <= set(read)


def test_id_ranges_over_dense_ids_cost_as_many_requests_as_pages() -> None:
    shelf = Shelf(range(1, 10_001))

    drive(id_ranges(), shelf, ahead=20)

    assert len(shelf.asked) == 41  # the last page is full, and meta alone says that nothing is behind it


def test_id_ranges_over_ids_with_random_holes_cost_a_quarter_more_at_most() -> None:
    shelf = Shelf(random.Random(1).sample(range(1, 100_000), 50_000))

    drive(id_ranges(), shelf, ahead=20)

    assert len(shelf.asked) <= 250


def test_id_ranges_over_one_page_cost_one_request() -> None:
    shelf = Shelf(range(1, 200))

    drive(id_ranges(), shelf)

    assert len(shelf.asked) == 1


def test_id_ranges_jump_over_a_wide_hole() -> None:
    shelf = Shelf([*range(1, 1000), *range(10**9, 10**9 + 1000)])

    assert drive(id_ranges(), shelf) == shelf.ids
    assert len(shelf.asked) < 40


def test_id_ranges_stop_when_the_store_ignores_the_range() -> None:
    walk = id_ranges(3)
    shelf = Shelf(range(1, 11))
    shelf.answer = lambda request: Listing(raw([1, 2, 3]), Meta(Pagination(total=10)))  # type: ignore[method-assign]

    with pytest.raises(PaginationLoopError, match="/list"):
        drive(walk, shelf)


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(1, 300), st.booleans())
def test_page_numbers_read_every_row_once(count: int, limit: int, has_meta: bool) -> None:
    ids = list(range(1, count + 1))

    assert drive(pages(limit), Shelf(ids, has_meta=has_meta)) == ids


@pytest.mark.parametrize(("rows", "requests"), [(0, 2), (9, 2), (10, 3), (249, 3), (250, 4)])
def test_the_end_of_a_v2_list_of_one_page_is_looked_up(rows: int, requests: int) -> None:
    shelf = Shelf(range(1, rows + 1), has_meta=False)

    assert drive(pages(250), shelf) == shelf.ids
    assert len(shelf.asked) == requests


@pytest.mark.parametrize(("rows", "requests"), [(0, 2), (9, 1), (249, 1), (250, 2)])
def test_a_v3_list_of_one_short_page_costs_one_request(rows: int, requests: int) -> None:
    shelf = Shelf(range(1, rows + 1))

    assert drive(pages(250), shelf) == shelf.ids
    assert len(shelf.asked) == requests


@pytest.mark.parametrize(
    ("walk", "requests"),
    [(lambda: pages(250), [1, 2, 2, 3, 1]), (lambda: id_ranges(has_meta=False), [None, None])],
    ids=["pages", "id ranges"],
)
def test_a_last_page_of_fifty_after_a_longer_one_is_no_cap(walk: Callable[[], Walk], requests: list[int | None]) -> None:
    shelf = Shelf(range(1, 301), has_meta=False)

    assert drive(walk(), shelf) == shelf.ids
    numbers = [dict(request.params).get("page") for request in shelf.asked if not request.path.endswith("/count")]
    assert [number and int(number) for number in numbers] == requests


def test_a_cap_below_the_limit_does_not_end_a_v2_list() -> None:
    shelf = Shelf(range(1, 121), cap=50, has_meta=False)

    assert drive(pages(250), shelf) == shelf.ids


def test_a_v3_list_that_ignores_the_page_is_an_error_and_no_loop() -> None:
    shelf = Shelf(range(1, 501))
    first = shelf.answer(LIST.with_params({"page": 1, "limit": 250}))
    shelf.answer = lambda request: first  # type: ignore[method-assign]

    with pytest.raises(PaginationLoopError, match="page 1"):
        drive(pages(250), shelf)


def test_a_v2_list_that_ignores_the_page_is_an_error_and_no_loop() -> None:
    shelf = Shelf(range(1, 251), has_meta=False)
    first = shelf.answer(LIST.with_params({"page": 1, "limit": 250}))
    shelf.answer = lambda request: first  # type: ignore[method-assign]

    with pytest.raises(PaginationLoopError):
        drive(pages(250), shelf)


@settings(deadline=None)
@given(st.integers(0, 600), st.integers(1, 300))
def test_cursors_read_every_row_once(count: int, limit: int) -> None:
    ids = list(range(1, count + 1))

    assert drive(Cursors(LIST.with_params({"cursor": 1}), limit, pages, keys_of=ids_of), Shelf(ids)) == ids


def test_a_cursor_that_comes_back_is_an_error_and_no_loop() -> None:
    shelf = Shelf([1])
    same = Listing(raw([1]), Meta(cursor_pagination=CursorPagination(per_page=1, end_cursor="x")))
    shelf.answer = lambda request: same  # type: ignore[method-assign]

    with pytest.raises(PaginationLoopError, match="cursor"):
        drive(Cursors(LIST, 1, pages, keys_of=ids_of), shelf)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 60))
def test_a_list_that_documents_cursors_and_sends_none_is_read_by_page(count: int, limit: int) -> None:
    ids = list(range(1, count + 1))

    assert drive(Cursors(LIST, limit, partial(pages, limit), keys_of=ids_of), Shelf(ids)) == ids


def test_a_list_without_pages_that_counts_more_rows_than_it_sent_is_an_error() -> None:
    with pytest.raises(IncompleteReadError, match="1 of 2 rows"):
        drive(SinglePage(LIST.with_params({"limit": 1})), Shelf([1, 2]))


@pytest.mark.parametrize("has_meta", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "order_transactions", "product_bulk_pricing_rules", "tax_rates", "search_filter_contexts", "page_widgets", "webhooks_admin",
        "coupon_code_lookup",
    ],
)  # fmt: skip
def test_a_list_without_documented_pages_that_fills_one_is_read_on(name: str, has_meta: bool) -> None:
    resource = CATALOG[name]
    ids = list(range(1, 621))
    shelf = Shelf(ids, has_meta=has_meta)

    found = drive(walk_of(resource, "/list"), shelf)

    assert found == ids
    assert dict(shelf.asked[0].params)["limit"] == "250"
    assert resource.guarantee == "checked"


def test_the_one_page_a_caller_asks_for_need_not_be_all() -> None:
    assert drive(SinglePage(LIST.with_params({"limit": 1, "page": 2}), is_whole=False), Shelf([1, 2])) == [2]


def test_cursors_follow_end_cursor() -> None:
    walk = Cursors(LIST, 2, pages, keys_of=ids_of)
    walk.absorb(LIST, Listing(raw([1, 2]), Meta(cursor_pagination=CursorPagination(per_page=2, end_cursor="END"))))

    request = walk.next_request()
    request = walk.next_request() if request is not None and not dict(request.params).get("after") else request

    assert request is not None
    assert dict(request.params)["after"] == "END"


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 100))
def test_keyset_reads_every_row_once(count: int, limit: int) -> None:
    ids = list(range(1, count + 1))

    assert drive(KeysetAfter(LIST.with_params({"cursor": 1}), limit, "after", KEY_OF), Shelf(ids)) == ids


def test_children_longer_than_a_page_come_whole_and_carry_their_parents_key() -> None:
    shelves = {"/orders/1/products": Shelf(range(100, 130), has_meta=False), "/orders/2/products": Shelf([7], has_meta=False)}

    def children_of(order: int) -> Callable[[Position | None], Walk]:
        return lambda start: pages(10, start, request=Request("GET", f"/orders/{order}/products"))

    walk = FanOut(({"order_id": order}, children_of(order)) for order in (1, 2))
    rows: list[dict[str, int]] = []
    slots: deque[Request] = deque()
    while True:
        while len(slots) < 4 and (request := walk.next_request()) is not None:
            slots.append(request)
        if not slots:
            break
        request = slots.popleft()
        step = walk.absorb(request, shelves[request.path].answer(request))
        slots.extendleft(reversed(step.follow))
        rows += [msgspec.json.decode(record) for record in step.records]

    assert rows == [*({"id": i, "order_id": 1} for i in range(100, 130)), {"id": 7, "order_id": 2}]


def test_columns_are_spliced_without_touching_what_is_there() -> None:
    spliced = with_columns([msgspec.Raw(b"{}"), msgspec.Raw(b'{"order_id": 9, "a":"}"}'), msgspec.Raw(b'{"a": 1 }')], {"order_id": 1})

    assert [msgspec.json.decode(record) for record in spliced] == [{"order_id": 1}, {"order_id": 9, "a": "}"}, {"a": 1, "order_id": 1}]


def test_a_record_without_its_key_is_named() -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"products.*'id'"):
        KEY_OF(msgspec.Raw(b'{"name":"x"}'))


WALKS: dict[str, tuple[Callable[[int, Position | None], Walk], bool]] = {
    "id ranges": (lambda limit, start: IdRanges(LIST, limit, "id:min", "id:max", ids_of, start=start), True),
    "id ranges that are counted": (
        lambda limit, start: IdRanges(LIST, limit, "id:min", "id:max", ids_of, count=Request("GET", "/list/count"), start=start),
        False,
    ),
    "pages with totals": (pages, True),
    "pages without totals": (pages, False),
    "cursors": (lambda limit, start: Cursors(LIST.with_params({"cursor": 1}), limit, pages, start, keys_of=ids_of), True),
    "cursors that are pages": (lambda limit, start: Cursors(LIST, limit, partial(pages, limit), start, keys_of=ids_of), True),
    "keyset": (lambda limit, start: KeysetAfter(LIST.with_params({"cursor": 1}), limit, "after", KEY_OF, start), True),
    "one page": (lambda limit, start: SinglePage(LIST, is_whole=False), True),
    "many lists": (lambda limit, start: FanOut((({}, partial(pages, limit)) for _ in range(3)), start), False),
}


@pytest.mark.parametrize("name", WALKS)
@settings(deadline=None)
@given(data=st.data())
def test_a_walk_that_stops_anywhere_is_gone_on_with_at_its_position_and_misses_no_row(name: str, data: st.DataObject) -> None:
    make, has_meta = WALKS[name]
    shelf = Shelf(data.draw(st.sets(st.integers(1, 400), max_size=60)), has_meta=has_meta)
    limit, ahead = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 6))
    whole = [step for step, _ in steps(make(limit, None), shelf, ahead)]

    for stop, (_, position) in enumerate(steps(make(limit, None), shelf, ahead), start=1):
        kept = None if position is None else json.loads(json.dumps(position))
        resumed = [step for step, _ in steps(make(limit, kept), shelf, ahead)]
        before = [i for step in whole[:stop] for i in ids_of(step.records)]
        after = [i for step in whole[stop:] for i in ids_of(step.records)]
        again = [i for step in resumed for i in ids_of(step.records)]
        assert again[len(again) - len(after) :] == after
        assert {*before, *again} >= {*shelf.ids[:limit]} if name == "one page" else {*before, *again} == {*shelf.ids}


@pytest.mark.parametrize("name", ["id ranges", "id ranges that are counted", "pages with totals", "cursors that are pages"])
def test_the_total_of_a_walk_that_goes_on_is_that_of_the_whole_list(name: str) -> None:
    make, has_meta = WALKS[name]
    shelf = Shelf(range(1, 101), has_meta=has_meta)
    for _, position in [*steps(make(7, None), shelf, 3)][2:]:
        totals = {step.total for step, _ in steps(make(7, position), shelf, 3) if step.total is not None}
        assert totals <= {100}


@pytest.mark.parametrize("name", ["id ranges", "id ranges that are counted", "pages with totals", "cursors", "keyset"])
def test_a_walk_that_goes_on_near_the_end_does_not_read_the_list_again(name: str) -> None:
    make, has_meta = WALKS[name]
    shelf = Shelf(range(1, 101), has_meta=has_meta)
    position = next(at for _, at in [*steps(make(10, None), shelf, 3)][-3:] if at)
    shelf.asked.clear()

    drive(make(10, position), shelf)

    assert len(shelf.asked) <= 5


@pytest.mark.parametrize("name", WALKS)
def test_a_position_that_a_walk_does_not_know_makes_it_begin_anew(name: str) -> None:
    make, has_meta = WALKS[name]
    shelf = Shelf(range(1, 20), has_meta=has_meta)

    assert drive(make(20, {"other": 1}), shelf) == drive(make(20, None), shelf)
