"""Absence must be proven: whatever one answer lacks, a read brings all rows or fails; it never ends early, and never goes on for ever.

A table of ways in which a list is walked, of odd answers (``odd_shop``), of the place of the odd answer in the read, and of how often it
comes: once, twice (then the second look has it, too), or for ever.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import replace
from functools import partial

import msgspec
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.ends import PageLengths
from airflow_provider_bigcommerce.core.fan_out import FanOut
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.paging import Walk
from airflow_provider_bigcommerce.core.planning import filled, walk_of
from airflow_provider_bigcommerce.core.reading import Listing, read_listing
from airflow_provider_bigcommerce.core.whole_list import WholeList
from airflow_provider_bigcommerce.exceptions import BigCommerceError, UnexpectedAnswerError
from tests.core.odd_shop import EMPTY, NO_LIST, ODD, OWN, SHORTER, WAYS, Shop, Way

FOR_EVER = float("inf")
#: Requests under way at once, and tries of one that is answered with no list.
AHEAD, TRIES = 3, 3


def walk_for(way: Way) -> Walk:
    row = CATALOG[way.resource]
    if not way.is_child:
        return walk_of(row, row.path, way.query)
    path = filled(row.path, dict.fromkeys(row.placeholders, 1))
    return FanOut([({}, partial(walk_of, row, path, way.query, lengths=PageLengths()))])


def answered(row: Resource, request: Request, shop: Shop) -> Listing:
    """What the sender makes of an answer: one that is no list is asked for again."""
    for _ in range(TRIES):
        try:
            is_list = request.path != row.count_path
            return read_listing(request, shop.answer(request), envelope=row.envelope, may_be_204=row.empty_is_204, is_list=is_list)
        except msgspec.DecodeError as found:
            error = found
    raise UnexpectedAnswerError(f"no list: {error}")


def read(shop: Shop, walk: Walk | None = None) -> tuple[list[int], int | None]:
    """The keys that come, and the number of rows that the walk told last."""
    way, row = shop.way, CATALOG[shop.way.resource]
    walk = walk or walk_for(way)
    keys: list[int] = []
    told: int | None = None
    slots: deque[Request] = deque()
    while True:
        while len(slots) < AHEAD and (request := walk.next_request()) is not None:
            slots.append(request)
        if not slots:
            return keys, told
        request = slots.popleft()
        step = walk.absorb(request, answered(row, request, shop))
        slots.extendleft(reversed(step.follow))
        keys += [msgspec.json.decode(record)[way.key] for record in step.records]
        told = step.total if step.total is not None else told


def outcome(way: Way, odd: str, position: int, times: float) -> str:
    """``whole``, ``failed``, ``cannot be told``, or what is wrong."""
    shop = Shop(way, ODD[odd], position, times)
    try:
        keys, told = read(shop)
    except BigCommerceError as error:
        return "failed" if "\n" not in str(error) else "an error of several lines"
    doubled = [key for key, count in Counter(keys).items() if count > 1]
    missing = {*way.ids} - {*keys}
    if missing and not doubled and not can_be_told(shop, odd, len(keys)):
        return "cannot be told"
    is_told = told is None or told <= len(keys) or bool(way.is_child)
    if missing or doubled or not is_told:
        return f"{len(missing)} rows missing, {len(doubled)} doubled, told {told}"
    return "whole"


def can_be_told(shop: Shop, odd: str, came: int) -> bool:
    """Whether anything that the shop said, at any time, tells that rows are missing.

    Not so where nothing ever counted more than what came, and the list is short or empty: whenever that is asked again; where it has one
    answer, or fewer rows than any page; and at the first answer of one parent's list, which is believed when it is empty.
    """
    way = shop.way
    if shop.told > came or odd not in SHORTER | OWN:
        return True
    if odd in EMPTY and shop.position == 1 and way.is_child and way.style != "keyset":
        return False
    is_a_list = odd in OWN and way.style != "v2" and shop.position == 1
    return shop.times == 1 and way.style != "single" and len(way.ids) > 10 and not is_a_list


def odd_answers_of(way: Way, *, is_whole: bool) -> list[str]:
    """Those that are another answer in this way; of those that are no list, one stands for all."""
    shop = Shop(way)
    read(shop)
    plain = shop.last[0]
    return [
        name
        for name, odd in ODD.items()
        if (name not in NO_LIST or is_whole or name == "an empty body")
        and (name.endswith("page") or "cursor" in name or odd(Shop(way), plain).body != plain.body)
    ]


def places(way: Way, *, is_whole: bool) -> list[tuple[int, float]]:
    """Position of the odd answer, and how often it comes."""
    shop = Shop(way)
    read(shop)
    if is_whole:
        return [(position, times) for position in range(1, shop.lists + 1) for times in (1, 2, FOR_EVER)]
    return [(2, 1), (2, 2), (shop.lists, FOR_EVER)]


def table_of(way: str, *, is_whole: bool) -> list[tuple[str, int, float]]:
    """Odd answers, each at each of its places."""
    return [(odd, *place) for odd in odd_answers_of(WAYS[way], is_whole=is_whole) for place in places(WAYS[way], is_whole=is_whole)]


SOME = [name for name in WAYS if "pages of 20" not in name and "pages of 30" not in name]


@pytest.mark.parametrize(
    ("way", "is_whole"),
    [*((way, False) for way in WAYS), *(pytest.param(way, True, marks=pytest.mark.exhaustive) for way in WAYS)],
)
def test_all_rows_or_an_error_whatever_an_answer_lacks(way: str, is_whole: bool) -> None:
    """The suite takes three places of most odd answers, and of all other pairs a tenth that a seed draws; ``-m exhaustive`` takes all."""
    table = table_of(way, is_whole=is_whole)
    if not is_whole:
        others = [case for case in table_of(way, is_whole=True) if case not in table]
        table = [*(table if way in SOME else []), *random.Random(way).sample(others, len(others) // 10)]
    wrong = [(*case, found) for case in table if (found := outcome(WAYS[way], *case)) not in ("whole", "failed", "cannot be told")]

    assert not wrong


@pytest.mark.parametrize("way", WAYS)
def test_a_list_whose_answers_agree_costs_no_request_more(way: str) -> None:
    walk = walk_for(WAYS[way])
    plain = walk.walk if isinstance(walk, WholeList) and WAYS[way].ids else None  # an empty list's count takes the place of a second look
    shop, alone = Shop(WAYS[way]), Shop(WAYS[way])
    read(shop)
    read(alone, plain)

    # Nothing but its count tells how many rows a V2 list by page has.
    counts = int(isinstance(plain, PageNumbers) and CATALOG[WAYS[way].resource].count_path is not None)
    assert shop.asked == alone.asked + counts
    assert shop.asked == 2 or WAYS[way].ids


#: Rows that had come before, in place of others.
AGAIN = ("the page before", "the first page", "new cursors, the first page")


@pytest.mark.parametrize("way", WAYS)
def test_one_odd_answer_need_not_fail_a_read(way: str) -> None:
    """What is lost on the way once is asked for again: the read brings all rows."""
    nothing = "null" if WAYS[way].style == "v2" else "null for data"
    for odd in ("an empty body", "blanks", nothing, "half of the body", "meta is a list", *AGAIN):
        assert outcome(WAYS[way], odd, 2, 1) == "whole", odd


#: Answers that say of themselves that there are no rows.
NOTHING = ("no rows of this page", "no rows, total 0 and nothing else", "no rows, meta {}")


@pytest.mark.parametrize("odd", NOTHING)
@pytest.mark.parametrize(
    ("way", "position"),
    [("id ranges, V3", 3), ("id ranges that end with a full page, V3", 2), ("cursors", 2), ("cursors", 3), ("by change date", 2)],
)
def test_an_end_that_came_twice_is_gone_on_from_where_the_store_counts_more(way: str, position: int, odd: str) -> None:
    """The answer and its second look alike; the question for the whole list's number tells of the rows that are left."""
    assert outcome(WAYS[way], odd, position, 2) == "whole"


@pytest.mark.parametrize("odd", NOTHING)
@pytest.mark.parametrize("way", [name for name, way in WAYS.items() if way.style in ("v3", "cursor", "dates") and len(way.ids) >= 100])
def test_a_store_that_has_told_of_more_rows_and_then_has_none_fails_the_read(way: str, odd: str) -> None:
    assert outcome(WAYS[way], odd, 2, FOR_EVER) == "failed"


def test_orders_that_do_not_come_are_counted() -> None:
    assert outcome(WAYS["id ranges, V2, counted"], "204", 1, 2) == "whole"
    assert outcome(WAYS["id ranges, V2, counted"], "204", 1, FOR_EVER) == "failed"


@pytest.mark.parametrize("way", ["id ranges, V3", "cursors", "pages, V3", "by change date", "id ranges, V2, counted"])
def test_rows_that_are_deleted_meanwhile_cost_one_request_and_no_error(way: str) -> None:
    gone = WAYS[way].ids[-1]
    shop = Shop(WAYS[way])

    class Shrinking(Shop):
        def answer(self, request: Request) -> Response:
            found = super().answer(request)
            if self.asked == 2:
                self.way = replace(self.way, ids=tuple(i for i in self.way.ids if i != gone))
            return found

    keys, told = read(shrinking := Shrinking(WAYS[way]))
    read(shop)

    assert {*WAYS[way].ids} - {*keys} <= {gone}
    assert told is None or told <= len(keys)
    assert shrinking.asked <= 2 * shop.asked
