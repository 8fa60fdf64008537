"""A last page that will be full: what is behind it is asked for while it is on its way, and counts only where it ended as expected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.id_ranges import IdRanges
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.reading import Listing, Meta, Pagination
from tests.core.test_paging import LIST, Shelf, id_ranges, ids_of

LIMIT = 10


def read(walk: IdRanges, shelf: Shelf, ahead: int, change: Callable[[int], None] = lambda _: None) -> tuple[list[int], int]:
    """The ids that come, and the most open-ended requests that were under way together; each is answered when it is sent."""
    slots: deque[tuple[Request, Listing]] = deque()
    found: list[int] = []
    sent, behind = 0, 0
    while True:
        while len(slots) < ahead and (request := walk.next_request()) is not None:
            sent += 1
            change(sent)
            slots.append((request, shelf.answer(request)))
            is_open = [not any(name == "id:max" for name, _ in one.params) for one, _ in slots]
            behind = max(behind, sum(is_open))
        if not slots:
            return found, behind
        request, answer = slots.popleft()
        step = walk.absorb(request, answer)
        slots.extendleft((follow, shelf.answer(follow)) for follow in reversed(step.follow))
        found += ids_of(step.records)


@pytest.mark.parametrize(("rows", "at_once"), [(50, 2), (49, 1), (51, 1), (10, 1), (20, 2), (30, 2)])
def test_it_is_asked_for_beside_a_last_page_that_will_be_full_and_no_other(rows: int, at_once: int) -> None:
    shelf = Shelf(range(1, rows + 1))

    assert read(id_ranges(LIMIT), shelf, 20) == (shelf.ids, at_once)
    assert len(shelf.asked) == -(-rows // LIMIT) + (rows % LIMIT == 0), "and costs no request more"


@pytest.mark.parametrize("sent", range(1, 8))
@pytest.mark.parametrize("ahead", [1, 2, 3, 20])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ids: ids.append(ids[-1] + 1), id="a row comes"),
        pytest.param(lambda ids: ids.extend(range(ids[-1] + 1, ids[-1] + 26)), id="many rows come"),
        pytest.param(lambda ids: ids.pop(), id="the last row goes"),
        pytest.param(lambda ids: ids.pop(0), id="the first row goes"),
        pytest.param(lambda ids: (ids.pop(), ids.append(ids[-1] + 40)), id="the last row goes and another comes further on"),
    ],
)
def test_rows_that_exist_throughout_come_once_whatever_changes_meanwhile(
    sent: int, ahead: int, change: Callable[[list[int]], None]
) -> None:
    shelf = Shelf(range(1, 51))
    before = {*shelf.ids}

    def changed(number: int) -> None:
        if number == sent:
            change(shelf.ids)

    found, _ = read(id_ranges(LIMIT), shelf, ahead, changed)

    assert len(found) == len({*found})
    assert before & {*shelf.ids} <= {*found}


def odd(kind: str, request: Request, answer: Listing) -> Listing:
    if kind == "no rows":
        return Listing([], answer.meta)
    if kind == "no rows and no number":
        return Listing([], Meta())
    if kind == "half of the rows":
        return Listing(answer.records[: len(answer.records) // 2], answer.meta)
    return Listing(answer.records, Meta(Pagination(total=len(answer.records), total_pages=1)))


@settings(deadline=None)
@given(
    st.integers(1, 6),
    st.sampled_from(["no rows", "no rows and no number", "half of the rows", "no more than this page"]),
    st.integers(1, 7),
    st.sampled_from([1, 2, 3, 20]),
)
def test_an_odd_answer_costs_no_row(pages: int, kind: str, place: int, ahead: int) -> None:
    """One odd answer is asked for again, wherever it comes, what is asked for behind the last page among them."""
    shelf = Shelf(range(1, pages * LIMIT + 1))
    plain, count = shelf.answer, 0

    def answer(request: Request) -> Listing:
        nonlocal count
        count += 1
        found = plain(request)
        return odd(kind, request, found) if count == place else found

    shelf.answer = answer  # type: ignore[method-assign]
    walk = IdRanges(LIST, LIMIT, "id:min", "id:max", ids_of)

    assert read(walk, shelf, ahead)[0] == [*range(1, pages * LIMIT + 1)]
