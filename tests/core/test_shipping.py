"""A parcel never holds more than is left, and once it is a shipment it is found again."""

from __future__ import annotations

import random
from typing import Any

from airflow_provider_bigcommerce.core.shipping import Line, Packed, Parcel, Ship, Shipped, decide, is_sent, parcels_of


def order(dice: random.Random) -> list[dict[str, Any]]:
    quantities = [dice.randint(1, 5) for _ in range(dice.randint(1, 4))]
    return [
        {
            "id": 100 + number,
            "quantity": quantity,
            "quantity_shipped": dice.choice([0, 0, dice.randint(0, quantity)]),
            "quantity_refunded": dice.choice([0, 0, 0, 1]),
            "order_address_id": dice.choice([7, 7, 7, 8]),
            "type": dice.choice(["physical", "physical", "physical", "digital"]),
        }
        for number, quantity in enumerate(quantities)
    ]


def parcel_for(dice: random.Random, rows: list[dict[str, Any]]) -> Parcel:
    lines = dice.sample(rows, dice.randint(0, len(rows)))
    items = tuple(Packed("order_product_id", row["id"], dice.choice([None, 1, 2, dice.randint(1, 6)])) for row in lines) or None
    return Parcel((0,), 1, "T", dice.choice([None, None, 7, 8]), items)


def test_a_parcel_holds_what_is_left_and_is_found_again_once_it_was_sent() -> None:
    dice, sent = random.Random(7), 0
    for _ in range(2_000):
        rows = order(dice)
        parcel = parcel_for(dice, rows)
        found = decide(parcel, [Line.of(row) for row in rows], [])
        if not isinstance(found, Ship):
            continue
        sent += 1
        by_id = {row["id"]: row for row in rows}
        for item in found.body["items"]:
            row = by_id[item["order_product_id"]]
            assert 0 < item["quantity"] <= row["quantity"] - row["quantity_shipped"]
            assert (row["type"], row["order_address_id"]) == ("physical", found.body["order_address_id"])
            row["quantity_shipped"] += item["quantity"]
        shipment = {"id": 5, **found.body}
        assert is_sent(found.body, [shipment]) == Shipped(5)
        assert decide(parcel, [Line.of(row) for row in rows], [shipment]) == Shipped(5)
    assert sent > 300


def test_a_shipment_of_the_same_number_with_other_items_is_another_parcel() -> None:
    rows = [{"id": 100, "quantity": 3, "quantity_shipped": 1, "order_address_id": 7, "type": "physical"}]
    parcel = Parcel((0,), 1, "T", None, (Packed("order_product_id", 100, 2),))
    shipment = {"id": 5, "tracking_number": "T", "items": [{"order_product_id": 100, "quantity": 1}]}

    assert isinstance(decide(parcel, [Line.of(row) for row in rows], [shipment]), Ship)
    assert is_sent({"tracking_number": "T", "items": [{"order_product_id": 100, "quantity": 2}]}, [shipment]) is None


def test_rows_are_one_parcel_by_order_number_and_address() -> None:
    def row(place: int, order: int, number: str, address: int | None, sku: str) -> Parcel:
        return Parcel((place,), order, number, address, (Packed("sku", sku, 1),))

    made, refused = parcels_of([row(0, 1, "A", None, "x"), row(1, 1, "A", None, "y"), row(2, 1, "A", 8, "x"), row(3, 2, "A", None, "x")])

    assert ([parcel.places for parcel in made], refused) == ([(0, 1), (2,), (3,)], [])
