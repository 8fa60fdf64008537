"""Writing stock: it shows late, nobody can ask for it, and a refusal names items in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.inside import Inside

ABSOLUTE, RELATIVE = "/v3/inventory/adjustments/absolute", "/v3/inventory/adjustments/relative"
SKU, VARIANT, PRODUCT = "SKU-0000103-1", 3, 103  # a product whose variants keep the stock


@pytest.fixture(autouse=True)
def tracked(inside: Inside) -> None:
    inside.store.edit_product(101, inventory_tracking="product")
    inside.store.edit_product(102, inventory_tracking="none")


def place(inside: Inside, sku: str = SKU, location_id: int = 1) -> dict[str, Any]:
    row = inside.get("/v3/inventory/items", sku__in=sku).data[0]
    found: dict[str, Any] = next(one for one in row["locations"] if one["location_id"] == location_id)
    return found


def absolute(inside: Inside, *items: dict[str, Any]) -> Any:
    return inside.put(ABSOLUTE, {"reason": "count", "items": list(items)})


def relative(inside: Inside, *items: dict[str, Any]) -> Any:
    return inside.post(RELATIVE, {"reason": "count", "items": list(items)})


def test_a_quantity_is_on_hand_at_one_location_and_adds_up(inside: Inside) -> None:
    others = sum(place(inside, SKU, n)["total_inventory_onhand"] for n in (2, 3))

    told = absolute(inside, {"location_id": 1, "sku": SKU, "quantity": 500})

    assert (told.status, list(told.json)) == (200, ["transaction_id"])
    assert place(inside)["total_inventory_onhand"] == 500
    assert inside.store.row("product_variants", VARIANT)["inventory_level"] == 500 + others
    whole = sum(variant["inventory_level"] for variant in inside.store.variants_of(PRODUCT))
    assert inside.get(f"/v3/catalog/products/{PRODUCT}").data["inventory_level"] == whole


def test_an_adjustment_shows_when_its_time_has_come(inside: Inside) -> None:
    now = [1_780_000_000.0]
    inside.store.clock = lambda: now[0]
    inside.store.stock.delay = 30
    before = place(inside)["total_inventory_onhand"]

    absolute(inside, {"location_id": 1, "sku": SKU, "quantity": 7})
    relative(inside, {"location_id": 1, "sku": SKU, "quantity": 2})
    seen = []
    for later in (0, 29.9, 30):
        now[0] = 1_780_000_000.0 + later
        seen.append(place(inside)["total_inventory_onhand"])

    assert (seen, inside.store.stock.waiting()) == ([before, before, 9], 0)


def test_a_sale_between_two_sendings_is_overwritten_by_the_second(inside: Inside) -> None:
    absolute(inside, {"location_id": 1, "sku": SKU, "quantity": 10})
    left = inside.store.stock.sell(VARIANT, 1, 3)
    absolute(inside, {"location_id": 1, "sku": SKU, "quantity": 10})

    assert (left, place(inside)["total_inventory_onhand"]) == (7, 10)
    for _ in range(2):
        relative(inside, {"location_id": 1, "variant_id": VARIANT, "quantity": -4})
    assert place(inside)["total_inventory_onhand"] == 2  # sent twice, it counts twice


@pytest.mark.parametrize(("items", "title"), [
    ([{"location_id": 1, "sku": "nobody", "quantity": 1}], "Items with identity: [sku nobody] not found"),
    ([{"location_id": 9, "sku": SKU, "quantity": 1}], "Location with id 9 not found"),
    ([{"location_id": 1, "product_id": PRODUCT, "quantity": 1}],
     "[Item with product_id 103 is tracked by variant, please update stock by variant id]"),
    ([{"location_id": 1, "variant_id": 1, "quantity": 1}],
     "[Item with variant_id 1 is tracked by product, please update stock by product id]"),
    ([{"location_id": 1, "sku": SKU}], "Payload contains invalid fields"),
    ([{"location_id": 1, "sku": SKU, "product_id": 103, "quantity": 1}], "Payload contains invalid fields"),
    ([{"location_id": 1, "sku": SKU, "quantity": "many"}], "Payload contains invalid fields"),
    ([], "Payload contains invalid fields"),
], ids=str)  # fmt: skip
def test_a_refusal_names_items_in_its_title_only(inside: Inside, items: list[Any], title: str) -> None:
    good = {"location_id": 1, "sku": SKU, "quantity": 77}

    told = absolute(inside, *items, *([good] if items else []))

    assert (told.status, told.json["title"]) == (422, title)
    assert place(inside)["total_inventory_onhand"] != 77


def test_a_test_chooses_whether_the_good_items_of_a_refused_adjustment_are_kept(inside: Inside) -> None:
    inside.store.stock.applies_rest = True
    absolute(inside, {"location_id": 1, "sku": "nobody", "quantity": 1}, {"location_id": 1, "sku": SKU, "quantity": 77})

    assert place(inside)["total_inventory_onhand"] == 77


def test_an_item_never_stocked_at_a_location_needs_an_absolute_adjustment_first(inside: Inside) -> None:
    place_id = inside.store.add("inventory_locations", code="NEW")["id"]

    told = relative(
        inside, {"location_id": place_id, "sku": SKU, "quantity": 5}, {"location_id": place_id, "product_id": 101, "quantity": 5}
    )
    assert told.json["title"] == f"Items with identity: [sku {SKU}, product_id 101] requires absolute adjustment before relative"
    absolute(inside, {"location_id": place_id, "sku": SKU, "quantity": 0})
    assert relative(inside, {"location_id": place_id, "sku": SKU, "quantity": 5}).status == 200
    assert inside.store.stock.onhand(VARIANT, place_id) == 5


def test_safety_stock_lowers_what_can_be_sold_and_bars_what_goes_below_it(inside: Inside) -> None:
    absolute(inside, {"location_id": 1, "sku": SKU, "quantity": 10})
    path = "/v3/inventory/locations/1/items"
    assert inside.put(path, {"settings": [{"identity": {"sku": SKU}, "safety_stock": 4, "bin_picking_number": "A1"}]}).status == 200

    found = place(inside)
    assert (found["available_to_sell"], found["total_inventory_onhand"], found["settings"]["bin_picking_number"]) == (6, 10, "A1")
    assert found["settings"]["warning_level"] == 2  # what is left out stays
    below = relative(inside, {"location_id": 1, "sku": SKU, "quantity": -7})
    assert (below.status, "safety stock" in below.json["title"]) == (422, True)
    assert relative(inside, {"location_id": 1, "sku": SKU, "quantity": -6}).status == 200
    bad = inside.put(path, {"settings": [{"identity": {"sku": SKU}}, {"identity": {"sku": "x"}, "safety_stock": 1}]})
    assert list(bad.json["errors"]) == ["settings.0.settings", "settings.1.identity"]


@pytest.mark.parametrize("item", [{"product_id": 102, "quantity": 5}, {"sku": SKU, "quantity": 2**31}], ids=["not tracked", "above int32"])
def test_what_cannot_be_kept_is_answered_200_and_not_kept(inside: Inside, item: dict[str, Any]) -> None:
    before = inside.get("/v3/inventory/items", limit=1000).data

    assert absolute(inside, {"location_id": 1, **item}).status == 200
    assert inside.get("/v3/inventory/items", limit=1000).data == before


def test_two_thousand_items_go_in_one_request(inside: Inside) -> None:
    items = [{"location_id": 1, "sku": SKU, "quantity": n} for n in range(2001)]

    assert (absolute(inside, *items).status, absolute(inside, *items[:2000]).status) == (413, 200)
    assert place(inside)["total_inventory_onhand"] == 1999


def test_a_level_written_through_the_catalog_changes_the_first_location_only(inside: Inside) -> None:
    before = [place(inside, SKU, n)["total_inventory_onhand"] for n in (1, 2, 3)]
    inside.put("/v3/catalog/variants", [{"id": VARIANT, "inventory_level": 1000}])

    after = [place(inside, SKU, n)["total_inventory_onhand"] for n in (1, 2, 3)]
    assert (after[1:], sum(after)) == (before[1:], 1000)


def test_stock_and_mails_survive_a_restart_with_a_file(tmp_path: Path) -> None:
    def opened() -> Store:
        return Store(products=12, orders=5, customers=5, db=tmp_path / "store.db")

    first = Inside(opened())
    first.store.stock.delay = 3600
    absolute(first, {"location_id": 1, "sku": SKU, "quantity": 41})
    for n in range(11):
        first.store.mail("status changed", n)
    first.store.close()

    second = opened()
    try:
        assert second.stock.onhand(VARIANT, 1) == 41
        assert [mail.customer_id for mail in second.outbox] == list(range(11))
    finally:
        second.close()


def test_locations_have_one_code(inside: Inside) -> None:
    path = "/v3/inventory/locations"

    assert inside.post(path, [{"code": "NEW", "label": "Neu"}]).status == 200
    assert inside.post(path, [{"code": "new", "label": "Neu"}]).status == 422
    known = inside.store.rows("inventory_locations")[-1]["id"]
    assert inside.delete(path).status == 422
    assert inside.delete(path, location_id__in=known).status == 200
    assert not inside.store.has("inventory_locations", known)
