"""What events name, and how it is read: every resource's way, held against BigCommerce's scopes, and payloads of every kind."""

from __future__ import annotations

import random
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.event_members import EVENT_KEYS
from airflow_provider_bigcommerce.core.id_ways import id_way
from airflow_provider_bigcommerce.core.live import MOST_EACH, PARENT_FILTERS, Reading, Wanted, live_way, readings, sources_of, wanted
from tests.tools.generate_live_page import PAGE, page


def told(resource: str, **payload: Any) -> tuple[str, Any]:
    return resource, {"payload": {"store_hash": "abc", "is_whole": True, **payload}}


# -- the data


def test_the_page_of_live_resources_is_the_one_that_the_catalog_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "stale: run python -m tests.tools.generate_live_page"


@pytest.mark.parametrize("name", CATALOG)
def test_a_resource_is_live_where_it_has_events_and_its_way_is_one_that_its_list_has(name: str) -> None:
    row, rule = CATALOG[name], EVENT_KEYS.get(name)
    way = live_way(row)
    assert (way is not None) == (bool(row.webhook_scopes) and row.id_placeholder is None)
    assert sources_of(name)[:1] == ((name,) if row.webhook_scopes else ())
    if way is None or rule is None:
        return
    if way in ("batches", "parts"):
        assert id_way(row) == "batches"
        assert rule.ids
    elif way == "each":
        assert id_way(row) == "each"
    elif way == "filter":
        assert PARENT_FILTERS[name] in row.parameters
        assert rule.parents
    elif way == "parents":
        assert len(row.placeholders) == 1
        assert rule.parents


def test_children_without_events_of_their_own_rows_are_told_by_their_parents() -> None:
    assert {name: sources_of(name)[1] for name in CATALOG if len(sources_of(name)) > 1} == {
        **dict.fromkeys(("order_products", "order_shipping_addresses", "order_coupons", "order_taxes"), "orders"),
        "customer_stored_instruments": "customers",
    }


# -- what events name


def test_events_are_taken_together_and_each_id_is_read_once() -> None:
    products = CATALOG["products"]
    events = [told("products", ids=[1, 2]), told("products", ids=["2", 3], deleted=[4]), told("products", ids=[1])]
    random.Random(1).shuffle(events)

    [reading] = readings(products, wanted(products, events, "abc"))

    assert (sorted(map(int, reading.ids or ())), reading.deleted) == ([1, 2, 3], (4,))


CASES: dict[str, tuple[str, list[tuple[str, Any]], list[Reading]]] = {
    "nothing": ("products", [], []),
    "another store's": ("products", [("products", {"payload": {"store_hash": "xyz", "ids": [1]}})], []),
    "no payload": ("products", [("products", None), ("products", {}), ("products", {"payload": [1]})], []),
    "ids that are none": ("products", [told("products", ids=[None, True, 1.5, {}, "", [1]], deleted="all")], []),
    "deleted alone": ("products", [told("products", deleted=[7])], [Reading((), "", (7,))]),
    "rows that are not named": ("products", [told("products", ids=[1], is_whole=False)], [Reading(None)]),
    "rows that are not named, and deleted ones": (
        "products", [told("products", is_whole=False, deleted=[7])], [Reading(None), Reading((), "", (7,))],
    ),
    "few orders": ("orders", [told("orders", ids=[1, 2])], [Reading((1, 2))]),
    "many orders": ("orders", [told("orders", ids=[*range(1, 2 + MOST_EACH["orders"])])], [Reading(None)]),
    "children by their own event": ("order_products", [told("order_products", parents=[5], is_whole=False)], [Reading((5,), "parents")]),
    "children by their parents' events": ("order_products", [told("orders", ids=[5, 6])], [Reading((5, 6), "parents")]),
    "parents that are not named": ("order_products", [told("orders", ids=[5], is_whole=False)], [Reading(None)]),
    "variants": ("product_variants", [told("product_variants", ids=[9], parents=[5])], [Reading((5,), "product_id:in")]),
    "variants without their product": ("product_variants", [told("product_variants", ids=[9])], [Reading(None)]),
    "a key of two fields": ("product_channel_assignments", [told("product_channel_assignments", ids=[[5, 1], [6, 1]])], [Reading((5, 6))]),
    "a row of a key of two fields that is gone": (
        "product_channel_assignments", [told("product_channel_assignments", deleted=[[5, 1]])], [Reading((5,))],
    ),
    "stock": ("inventory_items", [told("inventory_items", ids=[[5, 77]])], [Reading((77,))]),
    "no filter by ids": ("product_metafields", [told("product_metafields", ids=[3], parents=[5], deleted=[4])],
                         [Reading(None), Reading((), "", (4,))]),
    "settings": ("settings_catalog", [told("settings_catalog", is_whole=False)], [Reading(None)]),
    "no events": ("brands", [told("brands", ids=[1])], []),
}  # fmt: skip


@pytest.mark.parametrize(("name", "events", "expected"), CASES.values(), ids=CASES)
def test_what_is_read_for_events(name: str, events: list[tuple[str, Any]], expected: list[Reading]) -> None:
    assert readings(CATALOG[name], wanted(CATALOG[name], events, "abc")) == expected


def test_events_that_name_nothing_are_counted() -> None:
    found = wanted(CATALOG["products"], CASES["no payload"][1] + CASES["another store's"][1], "abc")
    assert (found.is_empty, found.of_others) == (True, 4)
    assert readings(CATALOG["products"], Wanted()) == []
