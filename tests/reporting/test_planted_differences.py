"""Each way in which a store may differ is found by the report of that store, and by nothing else in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.report_format import Report
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.sandbox.ways import Ways
from tests.reporting.conftest import answer, of, shop

TRANSACTIONS = "/v3/orders/{order_id}/transactions"


def nothing(_store: Store) -> None:
    """No more than the ways."""


@dataclass(frozen=True)
class Planted:
    """A difference, and where the report has it.

    :param resources: that are asked for.
    :param find: reads it from the report.
    :param before: what the report says of a store that has it not.
    :param after: what it says of one that has.
    :param ways: how the store differs.
    :param before_ways: how a store is that has it not.
    :param arrange: what else is done to the store; a clock that goes on by itself is both stores'.
    """

    resources: tuple[str, ...]
    find: Callable[[Any], Any]
    before: Any
    after: Any
    ways: dict[str, Any] = field(default_factory=dict)
    before_ways: dict[str, Any] = field(default_factory=dict)
    arrange: Callable[[Store], None] = nothing


def found(question: str, about: str) -> Callable[[Any], Any]:
    return lambda report: answer(report, question, about).found


def agreed(question: str, about: str) -> Callable[[Any], Any]:
    return lambda report: (answer(report, question, about).found, answer(report, question, about).agrees)


def fields(name: str, kind: str) -> Callable[[Any], Any]:
    return lambda report: [tuple(getattr(each, part) for part in each.__struct_fields__) for each in getattr(of(report, name), kind)]


def ticking(store: Store) -> None:
    """A quota whose clock goes on by itself, so that no answer says the same of the time that is left."""
    ticks = count()
    store.quota = Quota(None, 30.0, lambda: next(ticks) * 0.3127)


def default_page_of_transactions(report: Any) -> tuple[int | None, str | None]:
    return of(report, "order_transactions").default_page, answer(report, "undocumented_limit", "order_transactions").found


def refuse_unknown_filters(store: Store) -> None:
    store.unknown_filters = "refuse"


def as_of_january_2024(store: Store) -> None:
    """When none of the orders was a year old."""
    store.clock = lambda: 1_704_200_000.0


def b2b_tells_its_quota(store: Store) -> None:
    store.b2b_quota = Quota(150, 60.0)


HEADERS = "x-rate-limit-requests-left x-rate-limit-requests-quota x-rate-limit-time-reset-ms x-rate-limit-time-window-ms"
CASES: dict[str, Planted] = {
    "another default page": Planted(
        ("brands",), lambda report: of(report, "brands").default_page, 50, 2, {"default_pages": {"/v3/catalog/brands": 2}}
    ),
    "transactions in pages of two": Planted(
        ("order_transactions",),
        default_page_of_transactions,
        (None, "ignores_limit"),
        (2, "takes_limit"),
        {"at_least": {TRANSACTIONS: 3}, "default_pages": {TRANSACTIONS: 2}},
        before_ways={"at_least": {TRANSACTIONS: 3}},
    ),
    "a list without documented pages that takes a limit": Planted(
        ("search_filter_contexts",),
        found("undocumented_limit", "search_filter_contexts"),
        "ignores_limit",
        "takes_limit",
        {"default_pages": {"/v3/settings/search/filters/contexts": 50}},
    ),
    "customers in the other order": Planted(
        ("customers",), found("order", "customers"), "descending", "ascending", {"order": {"/v3/customers": "asc"}}
    ),
    "a list that is not in the order it is documented in": Planted(
        ("coupons",), agreed("order", "coupons"), ("ascending", True), ("descending", False), {"order": {"/v2/coupons": "desc"}}
    ),
    "an unknown filter of V3 is refused": Planted(
        ("brands",), found("unknown_filter", "brands"), "passed_over", "refused_with_422", arrange=refuse_unknown_filters
    ),
    "an unknown filter of V2 is refused": Planted(
        ("orders",), found("unknown_filter", "orders"), "passed_over", "refused_with_400", arrange=refuse_unknown_filters
    ),
    "an unknown filter of B2B Edition is refused": Planted(
        ("b2b_users",),
        found("unknown_filter", "b2b_users"),
        "passed_over",
        "refused_with_422",
        arrange=refuse_unknown_filters,
    ),
    "metafields without a cursor": Planted(
        ("brand_metafields",),
        agreed("cursor", "brand_metafields"),
        ("turns_the_page", True),
        ("page_numbers", False),
        {"page_numbers": ("/metafields",)},
    ),
    "metafields whose cursor does not turn the page": Planted(
        ("brand_metafields",),
        agreed("cursor", "brand_metafields"),
        ("turns_the_page", True),
        ("does_not_turn", False),
        {"deaf_cursors": ("/metafields",)},
    ),
    "orders that do not say whether they are archived": Planted(
        ("orders",),
        agreed("archive_field", "orders"),
        ("in_every_row", True),
        ("in_no_row", False),
        {"rows": {"/v2/orders": lambda row: {name: value for name, value in row.items() if name != "is_deleted"}}},
    ),
    "an empty list of V2 with a body": Planted(
        ("orders",), agreed("empty_list", "orders"), ("status_204", True), ("a_body", False), {"empty_v2": "[]"}
    ),
    "no headers on 204": Planted(
        ("orders",), agreed("rate_headers_on_204", "store"), (HEADERS, True), ("none", False), {"headers_on_204": False}
    ),
    "a rounded reset header": Planted(
        ("orders",), found("reset_rounded_to", "store"), "1_ms", "1000_ms", {"reset_step_ms": 1000}, arrange=ticking
    ),
    "a reset header in tenths": Planted(
        ("orders",), found("reset_rounded_to", "store"), "1_ms", "100_ms", {"reset_step_ms": 100}, arrange=ticking
    ),
    "counts that pass over filters": Planted(
        ("orders",), agreed("count_filter", "orders"), ("takes_filters", True), ("ignores_filters", False), {"counts_all": True}
    ),
    "a window that leaves its second out": Planted(
        ("products",),
        agreed("window_has_its_second", "products"),
        ("yes", True),
        ("no", False),
        {"second_left_out": ("/v3/catalog/products",)},
    ),
    "headers of B2B Edition's quota": Planted(
        ("b2b_channels",), agreed("rate_headers", "b2b"), ("none", True), (HEADERS, False), arrange=b2b_tells_its_quota
    ),
    "B2B Edition's orders of all years": Planted(
        ("b2b_orders",),
        found("left_out_unasked", "b2b_orders"),
        "some_rows",
        "none_here",
        arrange=as_of_january_2024,
    ),
    "items_total that is another number": Planted(
        ("orders",),
        agreed("items_total", "orders"),
        ("sum_of_lines", True),
        ("another_number", False),
        {"rows": {"/v2/orders": lambda row: {**row, "items_total": 9_999}}},
    ),
    "a new field": Planted(
        ("products",),
        fields("products", "new_fields"),
        [],
        [("gift_note", "text")],
        {"rows": {"/v3/catalog/products": lambda row: {**row, "gift_note": "For Ann"}}},
    ),
    "a new field inside": Planted(
        ("products",),
        fields("products", "new_fields"),
        [],
        [("custom_url.slug", "text")],
        {"rows": {"/v3/catalog/products": lambda row: {**row, "custom_url": {**row["custom_url"], "slug": "for-ann"}}}},
    ),
    "a missing field": Planted(
        ("brands",),
        lambda report: "page_title" in of(report, "brands").absent_fields,
        False,
        True,
        {"rows": {"/v3/catalog/brands": lambda row: {name: value for name, value in row.items() if name != "page_title"}}},
    ),
    "a field of another type": Planted(
        ("brands",),
        fields("brands", "changed_fields"),
        [],
        [("name", "whole number", "text")],
        {"rows": {"/v3/catalog/brands": lambda row: {**row, "name": 4711}}},
    ),
}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Store, Callable[..., Report]]]:
    """A store for the cases that change nothing but its ways, and reports of it, each of which is made once."""
    known: dict[tuple[str, ...], Report] = {}
    with shop() as (store, report):

        def once(names: tuple[str, ...]) -> Report:
            if store.ways is not None:
                return report(names)
            known.setdefault(names, known.get(names) or report(names))
            return known[names]

        yield store, once


@pytest.mark.parametrize("name", CASES)
def test_a_planted_difference_is_found(name: str, shared: tuple[Store, Callable[..., Report]]) -> None:
    planted = CASES[name]
    with nullcontext(shared) if planted.arrange is nothing else shop() as (store, report):
        if planted.arrange is ticking:
            ticking(store)
        store.ways = Ways(**planted.before_ways) if planted.before_ways else None
        before = planted.find(report(planted.resources))
        store.ways = Ways(**planted.ways)
        planted.arrange(store)
        after = planted.find(report(planted.resources))

    assert (before, after) == (planted.before, planted.after)
    assert before != after
