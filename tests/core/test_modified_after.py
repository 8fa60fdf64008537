"""Lists that are walked by change date: what stays comes once, whatever is edited, added or deleted meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.modified_after import ModifiedAfter
from airflow_provider_bigcommerce.core.paging import Walk
from airflow_provider_bigcommerce.core.planning import walk_of
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.reading import Listing, Meta, Pagination
from airflow_provider_bigcommerce.core.whole_list import WholeList

RESOURCE = CATALOG["pickup_methods"]
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: int) -> str:
    return (ORIGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shelf:
    """Rows with ids and the seconds of their changes; answers as the list does."""

    def __init__(self, changed: dict[int, int]) -> None:
        self.changed = dict(changed)
        self.asked = 0

    def answer(self, params: dict[str, str]) -> Listing:
        self.asked += 1
        since = params.get("date_modified:min", "")
        rows = sorted((second, i) for i, second in self.changed.items() if at(second) >= since)
        if "sort" not in params:
            rows = sorted(rows, key=lambda row: row[1])
        limit, page = int(params["limit"]), int(params.get("page", 1))
        part = rows[(page - 1) * limit : page * limit]
        records = [msgspec.Raw(b'{"id":%d,"date_modified":"%s"}' % (i, at(second).encode())) for second, i in part]
        return Listing(records, Meta(Pagination(len(rows), len(part), limit, page, -(-len(rows) // limit))))


def read(walk: Walk, shelf: Shelf, meanwhile: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """The ids of each page; the shelf may change after each answer."""
    waiting = [request] if (request := walk.next_request()) else []
    while waiting:
        request = waiting.pop(0)
        step = walk.absorb(request, shelf.answer({name: str(value) for name, value in request.params}))
        meanwhile()
        yield [msgspec.json.decode(record)["id"] for record in step.records]
        waiting += step.follow
        while (request := walk.next_request()) is not None:
            waiting.append(request)


def walk(limit: int = 3, start: Position | None = None) -> Walk:
    return walk_of(RESOURCE, RESOURCE.path, {"limit": limit}, start)


def walked_by(walk: Walk) -> Walk:
    assert isinstance(walk, WholeList)
    return walk.walk


def test_the_list_is_walked_by_change_date_and_so_exact() -> None:
    assert isinstance(walked_by(walk()), ModifiedAfter)
    assert RESOURCE.guarantee == "exact"
    assert not isinstance(walked_by(walk_of(RESOURCE, RESOURCE.path, {"sort": "id"})), ModifiedAfter)


@given(st.dictionaries(st.integers(1, 200), st.integers(0, 30), max_size=60), st.integers(2, 9))
def test_every_row_comes_once(changed: dict[int, int], limit: int) -> None:
    pages = list(read(walk(limit), Shelf(changed)))

    assert sorted(i for page in pages for i in page) == sorted(changed)


@given(st.data())
def test_rows_that_stay_come_once_while_others_come_go_and_are_edited(data: st.DataObject) -> None:
    changed = data.draw(st.dictionaries(st.integers(1, 60), st.integers(0, 500), min_size=1, max_size=40))
    shelf, now = Shelf(changed), [1000]
    seen_throughout = set(changed)

    def meanwhile() -> None:
        for _ in range(data.draw(st.integers(0, 2)) if now[0] < 1030 else 0):
            now[0] += 1
            what = data.draw(st.sampled_from(["add", "edit", "delete"]))
            if what == "add":
                shelf.changed[10_000 + now[0]] = now[0]
            elif shelf.changed:
                key = data.draw(st.sampled_from(sorted(shelf.changed)))
                if what == "edit":
                    shelf.changed[key] = now[0]
                else:
                    del shelf.changed[key]
                    seen_throughout.discard(key)

    found = [i for page in read(walk(3), shelf, meanwhile) for i in page]

    assert seen_throughout <= set(found)
    assert len(found) == len(set(found))


def test_more_rows_of_one_second_than_a_page_has_are_read_by_page_number() -> None:
    changed = {**dict.fromkeys(range(1, 9), 5), 20: 1, 21: 9}

    found = [i for page in read(walk(3), Shelf(changed)) for i in page]

    assert sorted(found) == sorted(changed)


@pytest.mark.parametrize("after", range(1, 6))
def test_a_walk_goes_on_where_another_one_stopped(after: int) -> None:
    shelf = Shelf({i: i // 2 for i in range(1, 15)})
    first = walk(4)
    pages = read(first, shelf)
    came = {i for _ in range(after) for i in next(pages, [])}

    rest = {i for page in read(walk(4, first.position), shelf) for i in page}

    assert came | rest == set(shelf.changed)
