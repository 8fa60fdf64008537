"""What a value that was read back proves of a stock that was sent, if shoppers only buy; which item a refusal names."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.stock_answers import named_in
from airflow_provider_bigcommerce.core.stocking import MOST_QUANTITY, Shelf, Stocked, Target, Wanted, read_row, sight

PIECES = st.integers(0, 60)


@settings(max_examples=150)
@given(old=PIECES, quantity=st.integers(-40, 60), relative=st.booleans(), applied=st.booleans(), sold=st.integers(0, 60))
def test_a_change_that_shows_was_made_whatever_was_sold_meanwhile(
    old: int, quantity: int, relative: bool, applied: bool, sold: int
) -> None:
    mode = "relative" if relative else "absolute"
    new = old + quantity if relative else quantity
    seen = (new if applied else old) - sold

    found = sight(old, quantity, seen, mode, is_clear=False)

    if found == "shown":
        assert applied or (not relative and seen == quantity)  # as it is wanted, whoever brought it there
    if applied and not sold and (not relative or quantity > 0):
        assert found == "shown"
    if found == "old":
        assert seen == old


@settings(max_examples=30)
@given(old=st.none() | PIECES, quantity=PIECES)
def test_what_the_store_took_shows_once_it_is_there(old: int | None, quantity: int) -> None:
    assert sight(old, quantity, quantity, "absolute", is_clear=True) == "shown"
    if old != quantity:
        assert sight(old, quantity, old, "absolute", is_clear=True) == "old"


def test_a_sku_is_found_without_regard_to_case_and_an_id_whatever_its_type() -> None:
    shelf = Shelf([Stocked("Red, XL", 7, 70, {1: (5, 0)}), Stocked("red", 8, 80, {})])

    assert [item.variant_id for item in shelf.find("sku", "RED, xl")] == [7]
    assert [item.variant_id for item in shelf.find("product_id", 80)] == [8]
    assert shelf.find("sku", "8") == []


def test_a_quantity_at_the_limit_is_taken_and_one_beyond_is_not() -> None:
    row = {"sku": "a", "location_id": 1}

    assert isinstance(read_row(0, {**row, "quantity": MOST_QUANTITY}, "absolute"), Wanted)
    assert not isinstance(read_row(0, {**row, "quantity": MOST_QUANTITY + 1}, "absolute"), Wanted)


def test_a_title_names_items_by_their_ids_at_every_location_of_the_request() -> None:
    def target(place: int, name: str, item: int, location: int) -> Target:
        return Target(Wanted(place, "variant_id", item, location, 1), name, item, item, location, 0, 0)  # type: ignore[arg-type]  # one of two names

    targets = [
        target(0, "variant_id", 10, 1),
        target(1, "variant_id", 10, 2),
        target(2, "variant_id", 106, 1),
        target(3, "product_id", 10, 1),
    ]

    assert named_in("Items with identity: [variant_id 10, product_id 5] not found", targets) == {0, 1}
    assert named_in("[Item with variant_id 106 is tracked by product, please update stock by product id]", targets) == {2}
    assert named_in("Location with id 10 not found", targets) == set()
