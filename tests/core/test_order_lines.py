"""Orders and their line items, whichever way these came."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.order_lines import by_order, may_lack_lines, order_id, with_lines
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def lines(count: int, *, first: int = 1, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": first + i, "order_id": 100, "quantity": 1, **fields} for i in range(count)]


def consignments(**kinds: Any) -> dict[str, Any]:
    return {"pickups": [], "shipping": [], "downloads": [], "email": {"gift_certificates": []}, **kinds}


LINK = {"url": "https://api.bigcommerce.com/stores/abc123/v2/orders/100/consignments", "resource": "/orders/100/consignments"}


def test_an_order_with_fewer_lines_than_the_limit_is_whole() -> None:
    order = {"id": 100, "consignments": consignments(shipping=[{"id": 7, "line_items": lines(30)}], downloads=[{"line_items": lines(19)}])}

    assert not may_lack_lines(raw(order))


@pytest.mark.parametrize(
    "found",
    [
        consignments(shipping=[{"id": 7, "line_items": lines(30)}], downloads=[{"line_items": lines(20, first=31)}]),
        consignments(shipping=[{"id": 7, "line_items": lines(2)}], __warning__={"message": "cut"}),
        consignments(email={"gift_certificates": [{"line_items": lines(50)}]}),
        LINK | {"shipping": 1},
        [],
        None,
    ],
)
def test_an_order_that_may_have_more_lines_is_looked_up(found: Any) -> None:
    assert may_lack_lines(raw({"id": 100, "consignments": found}))


def test_lines_read_one_by_one_take_the_places_that_the_include_gives_them() -> None:
    order = {"id": 100, "status": "Shipped", "consignments": LINK}
    found = [
        *lines(1, order_address_id=7, order_pickup_method_id=0),
        *lines(1, first=2, order_address_id=8),
        *lines(1, first=3, order_address_id=7),
        *lines(1, first=4, order_address_id=0, order_pickup_method_id=5),
        *lines(1, first=5, order_address_id=0),
    ]

    made = msgspec.json.decode(with_lines(raw(order), [raw(line) for line in found]))

    assert made["status"] == "Shipped"
    assert made["consignments"] == {
        "pickups": [{"id": 5, "line_items": [found[3]]}],
        "shipping": [{"id": 7, "line_items": [found[0], found[2]]}, {"id": 8, "line_items": [found[1]]}],
        "downloads": [{"line_items": [found[4]]}],
        "email": {"gift_certificates": []},
    }
    assert not may_lack_lines(raw(made))


def test_lines_that_were_cut_off_are_added_once_to_the_consignment_of_their_address() -> None:
    all_lines = lines(300, order_address_id=7)
    cut = {"id": 9, "street_1": "kept", "line_items": all_lines[:50], "__warning__": {"message": "cut"}}
    came = consignments(shipping=[cut], __warning__={"message": "cut"})

    made = msgspec.json.decode(with_lines(raw({"id": 100, "consignments": came}), [raw(line) for line in all_lines]))

    assert made["consignments"] == consignments(shipping=[{"id": 9, "street_1": "kept", "line_items": all_lines}])


def test_lines_are_grouped_by_their_order() -> None:
    mine, other = raw({"id": 1, "order_id": 100}), raw({"id": 2, "order_id": 101})

    assert by_order([mine, other]) == {100: [mine], 101: [other]}


def test_a_record_without_its_key_is_an_error_that_shows_no_data() -> None:
    with pytest.raises(UnexpectedAnswerError, match="A record of orders has no usable key 'id'") as caught:
        order_id(raw({"email": "a.customer@example.com"}))
    assert "customer" not in str(caught.value)
    with pytest.raises(UnexpectedAnswerError, match="order_products has no usable key"):
        by_order([raw({"id": 1})])
