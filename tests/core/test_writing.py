"""Writing many rows, without a network: whatever is answered and whatever is lost, each row has one outcome, and the store no row twice."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.writing import row_identity
from airflow_provider_bigcommerce.core.writing.answers import read_answer
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.look_ups import MOST_KEYS, PAGE_SIZE, questions
from airflow_provider_bigcommerce.core.writing.machine import WriteMachine
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import route_of
from airflow_provider_bigcommerce.core.writing.steps import Send
from airflow_provider_bigcommerce.core.writing.store_rows import keys_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, PermissionDeniedError
from tests.core.simulated_store import BAD, FATES, Fate, Row, SimulatedStore, run


def row_of(resource: str, number: int, text: str) -> Row:
    """A row that can be created; ``text`` tells it from others by its value, and makes it bad where it says so."""
    return {
        "products": {"sku": f"S{number}", "name": text, "type": "physical", "weight": 1.5, "price": 2.5},
        "customers": {"email": f"c{number}@shop.example", "first_name": text, "last_name": "L"},
        "brands": {"name": f"B{number}", "page_title": text},
        "product_metafields": {"resource_id": number, "namespace": "erp", "key": "k", "value": text, "permission_set": "app_only"},
        "customer_addresses": {
            "customer_id": 1 + number % 2, "address1": f"{number} Road", "first_name": text, "last_name": "L", "city": "Y",
            "state_or_province": "Victoria", "postal_code": "3000", "country_code": "AU",
        },
        "price_list_records": {
            "price_list_id": 1 + number % 2, "sku": text if BAD in text else f"S{number}", "currency": "usd", "price": 3.5,
        },
        "redirects": {"from_path": f"/{number}", "site_id": 1000, "to": {"type": "url", "url": text}},
        "product_category_assignments": {"product_id": number, "category_id": 1 + number % 3},
        "order_shipments": {
            "order_id": 1 + number % 3, "order_address_id": 1, "tracking_number": text,
            "items": [{"order_product_id": number, "quantity": 1}],
        },
        "product_variants": {"product_id": 1, "sku": f"S{number}", "option_values": [{"option_id": 1, "id": number}], "upc": text[:14]},
    }[resource]  # fmt: skip


def told(outcomes: list[Outcome]) -> dict[int, str]:
    """Place -> outcome; an assertion that each place has one."""
    assert max(Counter(outcome.row for outcome in outcomes).values(), default=1) == 1
    return {outcome.row: outcome.outcome for outcome in outcomes}


CREATED = ["products", "customers", "brands", "product_metafields", "customer_addresses"]
UPSERTED = ["price_list_records", "redirects"]


# -- properties -------------------------------------------------------------------------------------------------------------


#: resource, numbers of bad rows, of rows that are there, what happens to each sending, whether refused requests save good rows, rows a
#: request takes, number of rows.
Trial = tuple[str, list[int], list[int], list[Fate], bool, int, int]


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    resource = draw(st.sampled_from([*CREATED, *UPSERTED, "order_shipments"]))
    numbers = list(range(draw(st.integers(1, 26))))
    bad = draw(st.lists(st.sampled_from(numbers), unique=True, max_size=5))
    there = draw(st.lists(st.sampled_from(numbers), unique=True, max_size=4))
    fates: list[Fate] = draw(st.lists(st.sampled_from(["through", *FATES]), max_size=20))
    return resource, bad, there, fates, draw(st.booleans()), draw(st.sampled_from([2, 7, 10**6])), len(numbers)


@settings(max_examples=50, deadline=None)
@given(trial=trials(), seed=st.integers(0, 10**6))
def test_every_row_has_one_outcome_that_is_true_and_no_row_is_there_twice(trial: Trial, seed: int) -> None:
    hold_true(trial, seed)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@settings(max_examples=10_000, deadline=None)
@given(trial=trials(), seed=st.integers(0, 10**6))
def test_every_row_has_one_outcome_in_ten_thousand_trials(trial: Trial, seed: int) -> None:
    hold_true(trial, seed)


def hold_true(trial: Trial, seed: int) -> None:
    resource, bad, there, fates, saves_good, most, count = trial
    random = Random(seed)
    rows = [row_of(resource, number, f"{BAD}{number}" if number in bad else f"new{number}") for number in range(count)]
    word = "new" if resource == "customer_addresses" else "old"  # an address is its own key
    held = [] if resource == "order_shipments" else [{**row_of(resource, number, f"{word}{number}"), "id": number + 1} for number in there]
    store = SimulatedStore(resource, rows=[dict(row) for row in held], saves_good=saves_good, most=most, random=random)
    operation = "upsert" if resource in UPSERTED else "create"

    done = run(store, iter(rows), operation, fates=iter(fates), order=random.randrange, most_rows=random.choice([3, 50]))

    outcomes = told(done.outcomes)
    assert sorted(outcomes) == list(range(count))
    assert done.error is None or len(fates) > 9
    assert len(store.rows) <= len(held) + count
    for place, row in enumerate(rows):
        twins = [one for one in store.rows if all(str(one.get(name)) == str(row.get(name)) for name in _natural_key(resource))]
        assert len(twins) <= 1, (resource, place, outcomes[place])
        ours = [one for one in twins if all(one.get(name) == value for name, value in row.items())]
        if outcomes[place] in ("created", "updated", "unchanged"):
            assert ours, (place, outcomes[place])
        if outcomes[place] in ("rejected", "conflict", "not_sent"):
            assert not ours, (place, outcomes[place])
        if place in bad:
            assert outcomes[place] not in ("created", "updated")
        if outcomes[place] == "unknown":
            assert any(fate != "through" for fate in fates)


def _natural_key(resource: str) -> tuple[str, ...]:
    return {
        "products": ("sku",), "customers": ("email",), "brands": ("name",), "product_metafields": ("resource_id",),
        "customer_addresses": ("customer_id", "address1"), "price_list_records": ("price_list_id", "sku"), "redirects": ("from_path",),
        "order_shipments": ("order_id", "tracking_number"),
    }[resource]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 40), bad=st.sets(st.integers(0, 39), max_size=4), missing=st.sets(st.integers(0, 39), max_size=4),
    fates=st.lists(st.sampled_from(FATES), max_size=12), seed=st.integers(0, 10**6),
    by_sku=st.booleans(),
)  # fmt: skip
def test_updates_of_products_reach_every_good_row_whatever_is_lost(
    count: int, bad: set[int], missing: set[int], fates: list[Fate], seed: int, by_sku: bool
) -> None:
    random = Random(seed)
    held = [{"id": number + 1, "sku": f"s{number}", "name": "old"} for number in range(count) if number not in missing]
    store = SimulatedStore("products", rows=held, random=random)
    key = (lambda number: {"sku": f"S{number}"}) if by_sku else (lambda number: {"id": number + 1})
    rows = [{**key(number), "name": f"{BAD}{number}" if number in bad else f"new{number}"} for number in range(count)]

    done = run(store, rows, "update", match_on="sku" if by_sku else None, fates=iter(fates), order=random.randrange)

    outcomes = told(done.outcomes)
    expected = {number: "rejected" if number in bad | missing else "updated" for number in range(count)}
    unclear = {place for place, outcome in outcomes.items() if outcome == "unknown"}
    assert {place: outcome for place, outcome in outcomes.items() if place not in unclear} == {
        place: outcome for place, outcome in expected.items() if place not in unclear
    }
    assert not unclear or sum(fate != "through" for fate in fates) >= 3  # a safe request is repeated
    names = {row["id"]: row["name"] for row in store.rows}
    assert all(names[place + 1] == f"new{place}" for place, outcome in outcomes.items() if outcome == "updated")


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 12), fates=st.lists(st.sampled_from(FATES), max_size=15))
def test_a_shipment_that_was_cut_is_found_or_unknown_and_never_sent_twice(count: int, fates: list[Fate]) -> None:
    store = SimulatedStore("order_shipments")
    rows = [row_of("order_shipments", number, f"track{number}") for number in range(count)]

    done = run(store, rows, "create", fates=iter(fates))

    tracking = Counter(row["tracking_number"] for row in store.rows)
    assert max(tracking.values(), default=1) == 1
    there = {place for place in range(count) if tracking[f"track{place}"]}
    outcomes = told(done.outcomes)
    assert {place for place, outcome in outcomes.items() if outcome == "created"} <= there
    assert there <= {place for place, outcome in outcomes.items() if outcome in ("created", "unknown")}
    assert set(outcomes.values()) <= {"created", "unknown", "not_sent"}


def test_good_rows_that_a_refused_request_left_in_the_store_are_not_sent_again() -> None:
    store = SimulatedStore("customers", saves_good=True)

    done = run(store, [row_of("customers", number, BAD if number == 2 else f"new{number}") for number in range(6)], "create")

    assert told(done.outcomes) == {**dict.fromkeys(range(6), "unchanged"), 2: "rejected"}
    assert len(store.rows) == 5
    assert done.sends == 2


def test_a_new_row_that_the_store_makes_after_it_was_asked_for_is_created_once() -> None:
    store = SimulatedStore("brands")

    done = run(store, [row_of("brands", 1, "new")], "create", fates=iter(["acts_late"]))

    assert told(done.outcomes) == {0: "created"}
    assert (len(store.rows), done.sends, done.asks) == (1, 2, 2)


# -- what it costs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", range(10))
@pytest.mark.parametrize("resource", ["products", "customers"])
def test_one_bad_row_in_a_batch_that_names_none_costs_twice_the_halvings(resource: str, bad: int) -> None:
    held = [{"id": number + 1, "name": "old", "first_name": "old"} for number in range(10)]
    field = "name" if resource == "products" else "first_name"
    rows = [{"id": number + 1, field: BAD if number == bad else "new"} for number in range(10)]

    done = run(SimulatedStore(resource, rows=held), rows, "update")

    assert done.sends <= 1 + 2 * math.ceil(math.log2(10))
    assert Counter(told(done.outcomes).values()) == {"updated": 9, "rejected": 1}


@pytest.mark.parametrize("bad", range(10))
def test_a_refused_batch_of_new_rows_is_looked_up_before_it_is_split(bad: int) -> None:
    rows = [row_of("customers", number, BAD if number == bad else "new") for number in range(10)]
    store = SimulatedStore("customers")

    done = run(store, rows, "create")

    assert done.sends <= 1 + 2 * math.ceil(math.log2(10))
    assert 1 <= done.asks <= math.ceil(math.log2(10))
    assert Counter(told(done.outcomes).values()) == {"created": 9, "rejected": 1}


@pytest.mark.parametrize(
    ("resource", "operation", "count", "sends"),
    [("price_list_records", "upsert", 1500, 2), ("redirects", "upsert", 100, 10), ("customers", "create", 100, 10),
     ("product_metafields", "create", 95, 10), ("brands", "create", 7, 7), ("products", "create", 5, 5)],
)  # fmt: skip
def test_clean_rows_go_in_requests_as_large_as_is_documented(resource: str, operation: str, count: int, sends: int) -> None:
    store = SimulatedStore(resource)

    done = run(store, [row_of(resource, number, f"new{number}") for number in range(count)], operation, most_rows=5000)

    assert (done.sends, done.asks, len(store.rows)) == (sends, 0, count)


def test_a_413_halves_this_request_and_all_that_follow() -> None:
    store = SimulatedStore("redirects", most=3)

    done = run(store, [row_of("redirects", number, "x") for number in range(100)], "upsert", most_rows=100)

    assert set(told(done.outcomes).values()) == {"updated"}
    assert len(store.rows) == 100
    refused = [size for size in done.sent_rows if size > 3]
    assert sorted(refused, reverse=True) == [10] * 3 + [5] * 6  # those under way when the first refusal came, and their halves


def test_keys_are_looked_up_by_the_hundred() -> None:
    store = SimulatedStore("products", rows=[{"id": number + 1, "sku": f"S{number}", "name": "old"} for number in range(450)])

    done = run(store, [{"sku": f"s{number}", "name": "new"} for number in range(450)], "update", match_on="sku", most_rows=1000)

    assert (done.asks, done.sends) == (3, 45)


# -- which row is meant -----------------------------------------------------------------------------------------------------


def test_an_upsert_looks_up_what_is_there_and_makes_the_rest() -> None:
    store = SimulatedStore("products", rows=[{"id": 7, "sku": "A-1", "name": "old"}])
    rows = [row_of("products", 1, "first") | {"sku": "a-1"}, row_of("products", 2, "second")]

    done = run(store, rows, "upsert", match_on="sku")

    assert told(done.outcomes) == {0: "updated", 1: "created"}
    assert {row["sku"]: row["name"] for row in store.rows} == {"A-1": "first", "S2": "second"}
    assert next(outcome.id for outcome in done.outcomes if outcome.row == 0) == 7


def test_a_key_with_a_comma_is_looked_up_alone() -> None:
    store = SimulatedStore("products", rows=[{"id": 1, "sku": "a,b", "name": "old"}, {"id": 2, "sku": "c", "name": "old"}])

    done = run(store, [{"sku": "a,b", "name": "new"}, {"sku": "c", "name": "new"}], "update", match_on="sku")

    assert told(done.outcomes) == {0: "updated", 1: "updated"}
    assert done.asks == 2


def test_variants_are_found_by_the_stock_list_and_those_without_tracked_stock_one_by_one() -> None:
    held = [{"id": number, "sku": f"V{number}", "tracked": number % 2 == 0} for number in range(1, 7)]
    store = SimulatedStore("product_variants", rows=held)

    done = run(store, [{"sku": f"V{number}", "price": 2} for number in range(1, 8)], "update", match_on="sku")

    assert told(done.outcomes) == {**dict.fromkeys(range(6), "updated"), 6: "rejected"}
    assert done.asks == 1 + 4
    assert all(row["price"] == 2 for row in store.rows)


def test_a_key_that_two_rows_of_the_store_have_is_rejected() -> None:
    store = SimulatedStore("products", rows=[{"id": 1, "upc": "12345678", "sku": "a"}, {"id": 2, "upc": "12345678", "sku": "b"}])

    done = run(store, [{"upc": "12345678", "name": "new"}], "update", match_on="upc")

    assert done.outcomes[0].outcome == "rejected"
    assert "2 rows" in str(done.outcomes[0].error)
    assert done.sends == 0


def test_deletes_name_every_row_and_pairs_share_a_request_only_with_their_own_kind() -> None:
    pairs = [(product, category) for product in range(1, 5) for category in (1, 2)]
    held = [{"id": number, "product_id": product, "category_id": category} for number, (product, category) in enumerate(pairs)]
    store = SimulatedStore("product_category_assignments", rows=held)

    done = run(store, [{"product_id": 1, "category_id": 1}, {"product_id": 2, "category_id": 2}], "delete")

    assert told(done.outcomes) == {0: "deleted", 1: "deleted"}
    assert {(row["product_id"], row["category_id"]) for row in store.rows} == {*pairs} - {(1, 1), (2, 2)}


def test_two_requests_that_add_to_one_product_are_never_under_way_at_once() -> None:
    route = route_of(CATALOG["product_category_assignments"], "upsert")
    machine = WriteMachine(route, {})
    machine.feed([(place, {"product_id": 1 + place // 15, "category_id": place}) for place in range(30)])

    first, none, last = machine.next(is_end=True), machine.next(is_end=True), machine.next(is_end=True)

    assert isinstance(first, Send)
    assert isinstance(last, Send)
    assert none is None  # its rows are of both products
    assert [{item.row["product_id"] for item in step.items} for step in (first, last)] == [{1}, {2}]
    machine.take(first, Response(204, {}, b""))
    assert machine.next(is_end=True) is None
    machine.take(last, Response(204, {}, b""))
    assert isinstance(machine.next(is_end=True), Send)


def test_a_price_record_is_deleted_by_list_variant_and_currency() -> None:
    held = [{"id": number, "price_list_id": 1, "variant_id": number, "sku": f"S{number}", "currency": "usd"} for number in (4, 5)]
    store = SimulatedStore("price_list_records", rows=held)
    seen: list[str] = []
    answer = store.answer
    store.answer = lambda request: (seen.append(request.path), answer(request))[1]  # type: ignore[method-assign,func-returns-value]

    done = run(store, [{"price_list_id": 1, "variant_id": 4, "currency": "usd"}, {"price_list_id": 1, "variant_id": 5}], "delete")

    assert told(done.outcomes)[1] == "rejected"
    assert seen == ["/v3/pricelists/1/records/4/usd"]


def test_a_row_that_is_not_there_any_more_is_unchanged_by_its_delete() -> None:
    store = SimulatedStore("brands", rows=[{"id": 1, "name": "A"}])

    done = run(store, [{"id": 1}, {"id": 2}], "delete")

    assert told(done.outcomes) == {0: "deleted", 1: "unchanged"}


def test_the_echo_of_a_delete_whose_answer_was_lost_is_a_delete() -> None:
    store = SimulatedStore("brands", rows=[{"id": 1, "name": "A"}])

    done = run(store, [{"id": 1}], "delete", fates=iter(["cut_after"]))

    assert told(done.outcomes) == {0: "deleted"}


def test_an_address_that_is_there_already_is_unchanged_and_has_its_id() -> None:
    held = {**row_of("customer_addresses", 2, "Jo"), "id": 44}
    store = SimulatedStore("customer_addresses", rows=[held])

    done = run(store, [row_of("customer_addresses", 2, "Jo"), row_of("customer_addresses", 3, "Jo")], "create")

    assert told(done.outcomes) == {0: "unchanged", 1: "created"}
    assert next(outcome.id for outcome in done.outcomes if outcome.row == 0) == 44


def test_a_new_row_whose_key_is_taken_is_a_conflict() -> None:
    store = SimulatedStore("customers", rows=[{**row_of("customers", 1, "there"), "id": 5}])

    done = run(store, [row_of("customers", number, "new") for number in range(3)], "create")

    assert told(done.outcomes) == {0: "created", 1: "conflict", 2: "created"}


# -- before anything is sent ------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, str, str | None, Row, str, tuple[str, ...]]] = [
    ("unknown field", "update", None, {"id": 1, "nmae": "x"}, "Did you mean 'name'", ("nmae",)),
    ("read-only field", "update", None, {"id": 1, "date_created": "x"}, "read-only", ("date_created",)),
    ("number as text", "update", None, {"id": 1, "price": "12,50"}, "must be a number, and is a text", ("price",)),
    ("text as number", "update", None, {"id": 1, "name": 5}, "must be a text", ("name",)),
    ("too long", "update", None, {"id": 1, "name": "x" * 251}, "longer than 250 characters", ("name",)),
    ("too short", "update", None, {"id": 1, "name": ""}, "shorter than 1 character", ("name",)),
    ("not of the list", "update", None, {"id": 1, "condition": "Old"}, "none of 'New', 'Used', 'Refurbished'", ("condition",)),
    ("below the lowest", "update", None, {"id": 1, "price": -1}, "below 0", ("price",)),
    ("above the highest", "update", None, {"id": 1, "inventory_level": 2**31}, "above 2,147,483,647", ("inventory_level",)),
    ("no finite number", "update", None, {"id": 1, "price": float("nan")}, "no finite number", ("price",)),
    ("a part of a whole number", "update", None, {"id": 1, "inventory_level": 1.5}, "whole number", ("inventory_level",)),
    ("nested", "update", None, {"id": 1, "custom_fields": [{"id": 4, "name": "x" * 251}]}, "longer than", ("custom_fields.0.name",)),
    ("no id", "update", None, {"name": "x"}, "no value in 'id'", ("id",)),
    ("null id", "update", None, {"id": None, "name": "x"}, "no value in 'id'", ("id",)),
    ("null key", "update", "sku", {"sku": None, "name": "x"}, "no value in 'sku'", ("sku",)),
    ("blank key", "upsert", "sku", {"sku": " ", "name": "x"}, "no value in 'sku'", ("sku",)),
    ("a value that JSON does not have", "update", None, {"id": 1, "meta_keywords": [object()]}, "JSON", ()),
    ("a set for a text", "update", None, {"id": 1, "custom_url": {"url": {1}}}, "must be a text", ("custom_url.url",)),
    ("half a character", "update", None, {"id": 1, "name": "\ud800"}, "no Unicode", ()),
    ("nothing to write", "update", None, {"id": 1}, "no field to write", ()),
    ("required", "create", None, {"name": "x", "type": "physical", "price": 1}, "'weight' is required", ("weight",)),
    ("null where required", "create", None, {"name": None, "type": "physical", "price": 1, "weight": 1}, "'name' is required", ("name",)),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "match_on", "row", "says", "fields"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_a_row_that_cannot_be_sent_is_rejected_before_anything_is_sent(
    operation: str, match_on: str | None, row: Row, says: str, fields: tuple[str, ...]
) -> None:
    done = run(SimulatedStore("products"), [row], operation, match_on=match_on)

    (outcome,) = done.outcomes
    assert (outcome.outcome, outcome.fields, done.sends, done.asks) == ("rejected", fields, 0, 0)
    assert says in str(outcome.error)
    assert "\n" not in str(outcome.error)


@pytest.mark.parametrize("row", [None, 5, "text", ["list"], {1: "x"}], ids=["none", "number", "text", "list", "number as name"])
def test_a_row_that_is_no_object_is_rejected(row: Any) -> None:
    done = run(SimulatedStore("products"), [row], "update")

    assert [outcome.outcome for outcome in done.outcomes] == ["rejected"]


@pytest.mark.parametrize("is_iterator", [False, True], ids=["list", "iterator"])
def test_all_rows_of_a_doubled_key_are_rejected_and_case_makes_no_other_sku_or_email(is_iterator: bool) -> None:
    rows = [{"email": email, "first_name": "A", "last_name": "B"} for email in ("Jo@x.example", "an@x.example", "jo@X.example")]

    done = run(SimulatedStore("customers"), iter(rows) if is_iterator else rows, "create")

    assert told(done.outcomes) == {0: "rejected", 1: "created", 2: "rejected"}
    assert all("case" in str(outcome.error) for outcome in done.outcomes if outcome.row != 1)
    assert all("jo@" not in str(outcome.error).lower() for outcome in done.outcomes)


def test_of_an_iterator_a_late_double_is_rejected_and_a_list_has_none_late() -> None:
    rows = [row_of("brands", number % 4, f"new{number}") for number in range(6)]

    late = run(SimulatedStore("brands"), iter(rows), "create", most_rows=4)
    known = run(SimulatedStore("brands"), rows, "create", most_rows=4)

    assert told(late.outcomes) == {**dict.fromkeys(range(4), "created"), 4: "rejected", 5: "rejected"}
    assert told(known.outcomes) == {0: "rejected", 1: "rejected", 2: "created", 3: "created", 4: "rejected", 5: "rejected"}


def test_one_sku_has_a_price_in_each_of_two_lists() -> None:
    rows = [{"price_list_id": number, "sku": "A", "currency": "usd", "price": 1} for number in (1, 2, 2)]

    done = run(SimulatedStore("price_list_records"), rows, "upsert")

    assert told(done.outcomes) == {0: "updated", 1: "rejected", 2: "rejected"}


@pytest.mark.parametrize(
    ("resource", "operation", "match_on", "says"),
    [("products", "replace", None, "Accepted: create, update, upsert, delete"),
     ("products", "update", "colour", "Accepted: 'id'; 'sku'; 'name'"),
     ("catalog_summary", "update", None, "cannot be updated"),
     ("order_statuses", "delete", None, "cannot be deleted"),
     ("customers", "upsert", [], "no field's name")],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_what_is_accepted(resource: str, operation: str, match_on: Any, says: str) -> None:
    with pytest.raises(InvalidQueryError, match=says):
        route_of(CATALOG[resource], operation, match_on)


# -- a run that ends early --------------------------------------------------------------------------------------------------


def test_without_the_scope_nothing_else_is_sent_and_every_row_says_so() -> None:
    store = SimulatedStore("brands")

    done = run(store, [row_of("brands", number, "new") for number in range(200)], "create", no_scope=True)

    assert set(told(done.outcomes).values()) == {"not_sent"}
    assert len(done.outcomes) == 200
    assert isinstance(done.error, PermissionDeniedError)
    assert "store_v2_products" in str(done.error)
    assert done.sends <= 3  # as many as this driver lets go before the first answer


def test_a_store_that_is_down_ends_the_run_and_not_after_every_row() -> None:
    store = SimulatedStore("order_shipments")

    def cuts() -> Iterator[Fate]:
        while True:
            yield "cut_before"

    done = run(store, [row_of("order_shipments", number, "new") for number in range(100)], "create", fates=cuts())

    counts = Counter(told(done.outcomes).values())
    assert counts["unknown"] < 15
    assert counts["unknown"] + counts["not_sent"] == 100
    assert done.error is not None


# -- what is asked -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("currencies", [1, 3, 7, 8, 300])
def test_a_look_up_asks_for_no_more_rows_than_one_page_holds(currencies: int) -> None:
    """Rows of one key stay in one request, which then may have more: 300 currencies of an SKU are two pages, however they are asked for."""
    route = route_of(CATALOG["price_list_records"], "upsert")
    rows = [{"price_list_id": 1, "sku": f"S{number}", "currency": f"c{at}"} for number in range(900) for at in range(currencies)]
    items = [Item(place=place, key=None, action="upsert", row=row, body=row) for place, row in enumerate(rows)]
    asked, left = questions(route, items, keys_of(route, needs_rows=True), "match")
    assert not left
    assert [item.place for question in asked for item in question.items] == [*range(len(items))]
    sizes = [len(question.items) for question in asked]
    assert max(sizes) <= max(PAGE_SIZE, 2 * currencies)
    assert len(asked) <= 2 + len(items) / (min(MOST_KEYS, max(1, PAGE_SIZE // currencies)) * currencies)


# -- what an answer says ----------------------------------------------------------------------------------------------------


def reading(resource: str, operation: str, rows: list[Row], status: int, body: object) -> dict[str, Any]:
    """What the answer says of each place."""
    route = route_of(CATALOG[resource], operation)
    action: Any = {"create": "create" if route.create else "upsert", "upsert": "upsert"}.get(operation, operation)
    items = [Item(place=place, key=None, action=action, row=row, body=row, id=row.get("id")) for place, row in enumerate(rows)]
    response = Response(status, {"content-type": "application/json"}, b"" if body is None else json.dumps(body).encode())
    found = read_answer(route, route.call(action), items, response)
    names = {**dict.fromkeys(found.good, "good"), **dict.fromkeys(found.bad, "bad"), **dict.fromkeys(found.partly, "partly")}
    return {str(place): names.get(place, "left") for place in range(len(rows))}


META = [{"resource_id": number, "namespace": "n", "key": "k", "value": "v"} for number in (1, 2, 3)]
PRICES = [{"price_list_id": 1, "sku": sku, "currency": "usd", "price": 1} for sku in ("A", "B", "C")]
IDS = [{"id": 1}, {"id": 2}, {"id": 3}]
STOCK = [{"location_id": 1, "product_id": number, "quantity": 1} for number in (112, 113, 114)]
PAIRS = [{"product_id": number, "category_id": 9} for number in (21, 22, 23)]
SHAPES: list[tuple[str, str, str, list[Row], int, object, str]] = [
    ("index in the key", "product_metafields", "create", META, 422,
     {"data": [{"id": 8, **META[2]}, {"id": 7, **META[0]}], "errors": [{"errors": {"1": "bad"}}], "meta": {"total": 3, "success": 2}},
     "good bad good"),
    ("index in the key, and no data", "product_metafields", "create", META, 422,
     {"data": [], "errors": [{"errors": {"1": "bad"}}], "meta": {"total": 3, "success": 2, "failed": 1}}, "good bad good"),
    ("index in the key, and the others are not told", "product_metafields", "create", META, 422, {"errors": [{"errors": {"1": "bad"}}]},
     "left bad left"),
    ("index before the field", "channel_listings", "create", IDS, 422, {"errors": {"0.variants.0.variant_id": "bad"}}, "bad left left"),
    ("an index that no row has", "product_metafields", "create", META, 422, {"errors": [{"errors": {"9": "bad"}}]}, "left left left"),
    ("index seen", "categories", "create", [{"name": name} for name in "abc"], 207,
     {"data": [{"name": "a", "category_id": 1}, {"name": "c", "category_id": 3}], "errors": [{"errors": {"1.url": "bad"}}], "meta": {}},
     "good bad good"),
    ("counts of a 207 that names the bad", "categories", "update", [{"category_id": n, "name": "x"} for n in (1, 2, 3)], 207,
     {"errors": {"errors": {"0.url": "bad"}}, "meta": {"total": 3, "success": 2, "failed": 1}}, "bad good good"),
    ("identity", "price_list_records", "upsert", PRICES, 422,
     {"batch_errors": [{"data": {"price_list_id": 1, "sku": "b", "currency": "usd"}, "field_errors": {"price": "bad"}}]}, "left bad left"),
    ("identity, one error object", "price_list_records", "upsert", PRICES, 422,
     {"data": {"sku": "A", "currency": "usd"}, "field_errors": {}}, "bad left left"),
    ("empty data", "price_list_records", "upsert", PRICES, 200, {"data": {}, "meta": {}}, "good good good"),
    ("reference id", "product_category_assignments", "create", PAIRS, 422, {"errors": {"22": "bad"}}, "left bad left"),
    ("a reference that two rows have", "product_category_assignments", "create", [PAIRS[0], {**PAIRS[0], "category_id": 8}], 422,
     {"errors": {"21": "bad"}}, "left left"),
    ("no body", "product_category_assignments", "create", PAIRS, 204, None, "good good good"),
    ("a sentence", "inventory_items", "upsert", STOCK, 422,
     {"title": "Items with identity: [product_id 113] are not tracked", "errors": {}}, "left bad left"),
    ("another sentence", "inventory_items", "upsert", STOCK, 422, {"title": "[Item with product_id 112 is unknown]"}, "bad left left"),
    ("a transaction id", "inventory_items", "upsert", STOCK, 200, {"transaction_id": "abc"}, "good good good"),
    ("no row named", "customers", "update", IDS, 422, {"title": "bad", "errors": {".customer_update": "bad"}}, "left left left"),
    ("batch_errors without a row", "product_variants", "update", IDS, 422,
     {"batch_errors": [{"status": 422, "title": "bad", "errors": {}}]}, "left left left"),
    ("rows in any order", "customers", "update", IDS, 200, {"data": [{"id": 3}, {"id": 1}, {"id": 2}], "meta": {}}, "good good good"),
    ("a row is missing", "customers", "update", IDS, 200, {"data": [{"id": 3}, {"id": 1}], "meta": {}}, "good left good"),
    ("a row that is there already", "customer_addresses", "create", [{"address1": "a"}, {"address1": "b"}], 200,
     {"data": [{"id": 1, "address1": "b"}]}, "left good"),
    ("one row for two of its kind", "customer_addresses", "create", [{"address1": "a"}, {"address1": "a"}], 200,
     {"data": [{"id": 1, "address1": "a"}]}, "good left"),
    ("all are there already", "customer_addresses", "create", [{"address1": "a"}, {"address1": "b"}], 200, {"data": []}, "left left"),
    ("207 of one row", "brands", "update", [{"id": 1}], 207, {"data": {"id": 1}, "errors": {"image_url": "bad"}, "meta": {}}, "partly"),
    ("207 that names none", "products", "update", IDS, 207,
     {"data": [{"id": 1}, {"id": 2}, {"id": 3}], "errors": {"url": "bad"}}, "left left left"),
    ("V2's record", "orders", "update", [{"id": 1, "status_id": 2}], 200, {"id": 1, "status_id": 2}, "good"),
    ("V2's error", "orders", "update", [{"id": 1}], 400, [{"status": 400, "message": "The status is invalid"}], "bad"),
    ("V2's conflict", "orders", "update", [{"id": 1}], 409, [{"status": 409, "message": "bad", "details": {}}], "bad"),
    ("an error that is no JSON", "customers", "update", IDS, 422, "<html>", "left left left"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "operation", "rows", "status", "body", "says"), [pytest.param(*case[1:], id=case[0]) for case in SHAPES]
)
def test_an_answer_is_read_row_by_row(resource: str, operation: str, rows: list[Row], status: int, body: object, says: str) -> None:
    assert " ".join(reading(resource, operation, rows, status, body).values()) == says


def test_an_error_has_no_customers_data_and_one_line() -> None:
    store = SimulatedStore("customers", rows=[{"id": 1, "first_name": "old"}])
    said = {"title": "The email\njane.doe@shop.example is taken by Jane Doe", "errors": {"first_name": "Jane is bad"}}
    store.answer = lambda request: Response(422, {}, json.dumps(said).encode())  # type: ignore[method-assign]

    done = run(store, [{"id": 1, "first_name": "Jane"}], "update")

    (outcome,) = done.outcomes
    assert outcome.outcome == "rejected"
    assert outcome.fields == ("first_name",)
    assert "Jane" not in str(outcome.error)
    assert "jane" not in str(outcome.error)
    assert "\n" not in str(outcome.error)


def test_a_key_is_known_again_however_the_runs_of_digests_were_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_identity, "_BLOCK", 5)
    monkeypatch.setattr(row_identity.SeenKeys, "_MOST_FRESH", 8)
    seen = row_identity.SeenKeys()
    numbers = [(str(number * 7919 % 1_000),) for number in range(1_000)]

    assert all(map(seen.add, numbers))
    assert not any(map(seen.add, numbers))
