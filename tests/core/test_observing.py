"""What is told of answers beside their rows: order, pages, headers; and nothing where they do not tell."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.observing import (
    RATE_HEADERS,
    default_page,
    end_cursor,
    order_of,
    paging_of,
    rate_headers,
    reset_of,
    rounding_of,
)
from airflow_provider_bigcommerce.core.reading import Listing, read_meta


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ([1, 2, 5, 9], "ascending"),
        ([9, 5, 2, 1], "descending"),
        ([1, 5, 2, 9], "neither"),
        ([1, 2, 2, 3, 9], "neither"),
        ([1, 2, 3], None),
        ([1, 1, 1, 1], None),
        ([], None),
        (["a", "b", "c", "d"], None),
        ([1, 2, 3, None], None),
        ([True, False, True, False], None),
    ],
)
def test_the_order_of_a_list(keys: list[object], order: str | None) -> None:
    assert order_of(keys) == order


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([29_871, 29_640, 29_102, 28_333, 27_001], 1),
        ([29_870, 29_640, 29_100, 28_330, 27_000], 10),
        ([29_800, 29_600, 29_100, 28_300, 27_000], 100),
        ([30_000, 29_000, 28_000, 27_000, 26_000], 1000),
        ([30_000, 29_000, 28_000, 27_000, 25_999], 1),
        ([30_000] * 50, None),
        ([30_000, 29_000, 28_000, 27_000], None),
        ([], None),
    ],
)
def test_the_step_of_a_header(values: list[int], step: int | None) -> None:
    assert rounding_of(values) == step


@pytest.mark.parametrize(
    ("text", "value"), [("120", 120), ("0", 0), ("", None), ("-1", None), ("1.5", None), ("²", None), ("1" * 30, None)]
)
def test_the_time_that_is_left_is_a_whole_number_or_nothing(text: str, value: int | None) -> None:
    assert reset_of(Response(200, {"x-rate-limit-time-reset-ms": text} if text else {}, b"")) == value


def test_the_headers_of_the_quota_are_named() -> None:
    assert rate_headers({"date": "x", RATE_HEADERS[1]: "150"}) == (RATE_HEADERS[1],)
    assert rate_headers({}) == ()


def listing(rows: int, meta: dict[str, Any]) -> Listing:
    return Listing([msgspec.Raw(b'{"id":1}')] * rows, read_meta(msgspec.Raw(msgspec.json.encode(meta))))


@pytest.mark.parametrize(
    ("rows", "meta", "page", "parts", "cursor"),
    [
        (3, {"pagination": {"total": 3, "per_page": 50}}, 50, ("pagination",), None),
        (50, {"pagination": {"total": 51, "per_page": 50}}, 50, ("pagination",), None),
        (3, {"pagination": {"total": 3, "per_page": 3}}, None, ("pagination",), None),
        (10, {"pagination": {"totalCount": 30, "limit": 10, "offset": 0}}, 10, ("offset",), None),
        (50, {"cursor_pagination": {"per_page": 50, "end_cursor": "abc"}}, None, ("cursor_pagination",), "abc"),
        (50, {"cursor_pagination": {"per_page": 50, "end_cursor": "abc", "links": {"next": "?"}}}, 50, ("cursor_pagination",), "abc"),
        (5, {"cursor_pagination": {"per_page": 50, "end_cursor": "abc"}}, 50, ("cursor_pagination",), "abc"),
        (2, {"pagination": {"total": 2, "per_page": 9}, "cursor_pagination": {}}, 9, ("pagination", "cursor_pagination"), None),
        (10, {"pagination": {"total": 30}}, 10, ("pagination",), None),
        (10, {}, None, (), None),
        (10, {"pagination": []}, None, (), None),
    ],
)
def test_the_pages_of_a_list(rows: int, meta: dict[str, Any], page: int | None, parts: tuple[str, ...], cursor: str | None) -> None:
    found = listing(rows, meta)

    assert (default_page(found), paging_of(found), end_cursor(found)) == (page, parts, cursor)
