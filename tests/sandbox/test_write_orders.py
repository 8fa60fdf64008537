"""Writing orders: status and mails, edited lines and sums, shipments in parts, refunds that equal their quote, archiving."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.inside import Inside

ORDERS = "/v2/orders"
ADDRESS = {"first_name": "Ada", "last_name": "Lovelace", "street_1": "x", "city": "Leeds", "zip": "LS1", "country": "United Kingdom"}


@pytest.fixture
def order(inside: Inside) -> dict[str, Any]:
    """An order of three and two pieces, not shipped yet."""
    items = [{"product_id": 101, "quantity": 3}, {"name": "Wrap", "quantity": 2, "price_ex_tax": 10, "price_inc_tax": 12}]
    body = {"customer_id": 11, "billing_address": ADDRESS, "products": items, "status_id": 11}
    made: dict[str, Any] = inside.post(ORDERS, body).json
    return made


def lines(inside: Inside, order: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = inside.get(f"{ORDERS}/{order['id']}/products").json
    return found


def address_of(inside: Inside, order: dict[str, Any]) -> int:
    found: int = inside.get(f"{ORDERS}/{order['id']}/shipping_addresses").json[0]["id"]
    return found


def ship(inside: Inside, order: dict[str, Any], quantities: list[int], **more: Any) -> Any:
    items = [{"order_product_id": line["id"], "quantity": n} for line, n in zip(lines(inside, order), quantities, strict=False) if n]
    body = {"order_address_id": address_of(inside, order), "tracking_number": "T1", "shipping_provider": "ups", "items": items, **more}
    return inside.post(f"{ORDERS}/{order['id']}/shipments", body)


def mails(inside: Inside) -> list[tuple[str, int | None]]:
    return [(mail.what, mail.order_id) for mail in inside.store.outbox]


def shown(inside: Inside, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = inside.get(f"{ORDERS}/{order['id']}").json
    return found


# -- creating, status, fields --------------------------------------------------------------------------------------------------------


def test_an_order_adds_up_and_sends_no_mail(inside: Inside, order: dict[str, Any]) -> None:
    first, second = lines(inside, order)

    assert (second["price_inc_tax"], second["total_tax"], order["items_total"]) == ("12.0000", "4.0000", 5)
    assert Decimal(order["subtotal_ex_tax"]) == Decimal(first["total_ex_tax"]) + 20
    assert mails(inside) == []
    assert inside.post(ORDERS, {"products": [{"product_id": 101, "quantity": 1}]}).status == 400
    assert inside.post(ORDERS, {"billing_address": ADDRESS, "products": [{"product_id": 999, "quantity": 1}]}).status == 400


def test_a_new_status_is_mailed_once_and_ships_nothing(inside: Inside, order: dict[str, Any]) -> None:
    path = f"{ORDERS}/{order['id']}"
    for _ in range(2):
        told = inside.put(path, {"status_id": 2, "staff_notes": "hello"})

    assert (told.json["status"], told.json["staff_notes"]) == ("Shipped", "hello")
    assert mails(inside) == [("status changed", order["id"])]
    assert inside.get(f"{path}/shipments").status == 204
    assert [line["quantity_shipped"] for line in lines(inside, order)] == [0, 0]


@pytest.mark.parametrize(
    "body", [{"id": 7}, {"status_id": 99}, {"status": "Shipped"}, {"date_modified": "x"}, {"staff_notes": {"x": 1}}, []], ids=str
)
def test_what_an_order_does_not_take_is_refused(inside: Inside, order: dict[str, Any], body: Any) -> None:
    told = inside.put(f"{ORDERS}/{order['id']}", body)

    assert (told.status, list(told.json[0])) == (400, ["status", "message"])
    assert shown(inside, order) == order


def test_a_billing_address_is_changed_in_part_and_unknown_fields_are_passed_over(inside: Inside, order: dict[str, Any]) -> None:
    told = inside.put(f"{ORDERS}/{order['id']}", {"billing_address": {"city": "York"}, "external_id": "x", "colour": "red"}).json

    assert (told["billing_address"]["city"], told["billing_address"]["street_1"]) == ("York", "x")
    assert (told["external_id"], "colour" in told) == (None, False)
    moved = inside.put(f"{ORDERS}/{order['id']}/shipping_addresses/{address_of(inside, order)}", {"city": "Bath"}).json
    assert (moved["city"], inside.get(f"{ORDERS}/{order['id']}/shipping_addresses").json[0]["city"]) == ("Bath", "Bath")


def test_edited_lines_are_reckoned_again_and_lose_their_discounts(inside: Inside, order: dict[str, Any]) -> None:
    first, second = lines(inside, order)
    inside.store.edit("orders", order["id"], coupon_discount="5.0000")
    edits = [{"id": first["id"], "quantity": 1}, {"id": second["id"], "quantity": 0}, {"product_id": 102, "quantity": 2}]

    told = inside.put(f"{ORDERS}/{order['id']}", {"products": edits}).json
    after = lines(inside, order)

    assert [(line["product_id"], line["quantity"]) for line in after] == [(101, 1), (102, 2)]
    assert (told["coupon_discount"], told["items_total"]) == ("0.0000", 3)
    assert Decimal(told["subtotal_ex_tax"]) == sum(Decimal(line["total_ex_tax"]) for line in after)
    assert Decimal(told["total_inc_tax"]) == Decimal(told["subtotal_inc_tax"]) + Decimal(told["shipping_cost_inc_tax"])
    assert inside.put(f"{ORDERS}/{order['id']}", {"products": [{"id": first["id"], "price_ex_tax": 3}]}).status == 400
    assert inside.put(f"{ORDERS}/{order['id']}", {"products": [{"id": 1, "quantity": 1}]}).status == 400


def test_fees_are_replaced_as_a_whole(inside: Inside, order: dict[str, Any]) -> None:
    path = f"{ORDERS}/{order['id']}"
    fee = {"type": "custom_fee", "display_name_customer": "Fee", "cost_ex_tax": "2.0000", "cost_inc_tax": "3.0000"}
    before = Decimal(shown(inside, order)["total_inc_tax"])

    told = inside.put(path, {"fees": [fee, fee]}).json
    first = inside.get(f"{path}/fees").json[0]
    inside.put(path, {"fees": [{"id": first["id"], "cost_ex_tax": "1.0000", "cost_inc_tax": "1.0000"}]})

    assert Decimal(told["total_inc_tax"]) == before + 6
    assert [(row["id"], row["cost_inc_tax"]) for row in inside.get(f"{path}/fees").json] == [(first["id"], "1.0000")]


def test_a_delete_archives_and_one_without_a_filter_archives_all(inside: Inside, order: dict[str, Any]) -> None:
    assert inside.delete(f"{ORDERS}/{order['id']}").status == 204
    assert inside.delete(f"{ORDERS}/{order['id']}").status == 404
    assert shown(inside, order)["is_deleted"] is True
    assert (inside.delete(ORDERS).status, inside.get(ORDERS).status) == (204, 204)


# -- shipments -----------------------------------------------------------------------------------------------------------------------


def test_shipments_in_parts_count_what_was_shipped_and_are_mailed_each(inside: Inside, order: dict[str, Any]) -> None:
    first = ship(inside, order, [2, 0])
    between = shown(inside, order)
    second = ship(inside, order, [1, 2], tracking_number="T2")
    after = shown(inside, order)

    assert (first.status, second.status) == (201, 201)
    assert (between["status"], between["items_shipped"], after["status"], after["items_shipped"]) == ("Partially Shipped", 2, "Shipped", 5)
    assert [line["quantity_shipped"] for line in lines(inside, order)] == [3, 2]
    assert [row["tracking_number"] for row in inside.get(f"{ORDERS}/{order['id']}/shipments").json] == ["T1", "T2"]
    assert mails(inside) == [("shipment created", order["id"])] * 2
    assert [mail.about for mail in inside.store.outbox] == [first.json["id"], second.json["id"]]
    assert after["date_shipped"] == "Thu, 28 May 2026 20:26:40 +0000"


def test_a_shipment_sent_twice_is_two_shipments_and_two_mails(inside: Inside, order: dict[str, Any]) -> None:
    for _ in range(2):
        assert ship(inside, order, [1, 0]).status == 201

    assert (len(inside.get(f"{ORDERS}/{order['id']}/shipments").json), len(inside.store.outbox)) == (2, 2)


@pytest.mark.parametrize(("quantities", "more"), [
    ([4, 0], {}),  # more than was ordered
    ([0, 0], {}),
    ([1, 0], {"order_address_id": 7}),
    ([1, 0], {"items": [{"order_product_id": 7, "quantity": 1}]}),
    ([1, 0], {"shipping_provider": "pigeon"}),
    ([1, 0], {"tracking_number": "x" * 51}),
    ([1, 0], {"items": [{"order_product_id": 1, "quantity": 1, "product_id": 101}]}),
], ids=str)  # fmt: skip
def test_a_shipment_that_does_not_fit_is_refused_and_mails_nobody(
    inside: Inside, order: dict[str, Any], quantities: list[int], more: dict[str, Any]
) -> None:
    assert ship(inside, order, quantities, **more).status == 400
    assert (mails(inside), inside.get(f"{ORDERS}/{order['id']}/shipments").status) == ([], 204)


def test_a_removed_shipment_leaves_status_and_mail(inside: Inside, order: dict[str, Any]) -> None:
    made = ship(inside, order, [3, 2]).json
    path = f"{ORDERS}/{order['id']}/shipments"

    changed = inside.put(f"{path}/{made['id']}", {"tracking_number": "T9", "shipping_provider": "fedex"})
    refused = inside.put(f"{path}/{made['id']}", {"items": []})
    gone = inside.delete(f"{path}/{made['id']}")

    assert (changed.json["tracking_number"], changed.json["shipping_provider_display_name"], refused.status) == ("T9", "FedEx", 400)
    assert (gone.status, inside.get(path).status, shown(inside, order)["status"]) == (204, 204, "Shipped")
    assert (shown(inside, order)["items_shipped"], len(mails(inside))) == (0, 1)
    for _ in range(2):
        ship(inside, order, [1, 0])
    assert (inside.delete(path).status, inside.get(path).status) == (204, 204)


# -- refunds -------------------------------------------------------------------------------------------------------------------------


def quoted(inside: Inside, order: dict[str, Any], **body: Any) -> Any:
    return inside.post(f"/v3/orders/{order['id']}/payment_actions/refund_quotes", body)


def refund(inside: Inside, order: dict[str, Any], **body: Any) -> Any:
    return inside.post(f"/v3/orders/{order['id']}/payment_actions/refunds", body)


def test_a_refund_equals_its_quote_or_is_refused(inside: Inside, order: dict[str, Any]) -> None:
    items = [{"item_type": "PRODUCT", "item_id": lines(inside, order)[1]["id"], "quantity": 1, "reason": "broken"}]
    before = shown(inside, order)

    quote = quoted(inside, order, items=items)
    method = quote.data["refund_methods"][0]
    off = refund(inside, order, items=items, payments=[{**method[0], "amount": 11.99}])
    strange = refund(inside, order, items=items, payments=[{**method[0], "provider_id": "nobody"}])
    assert (quote.status, quote.data["total_refund_amount"], quote.data["total_refund_tax_amount"]) == (201, 12.0, 2.0)
    assert ([off.status, strange.status], shown(inside, order), mails(inside)) == ([422, 422], before, [])

    made = refund(inside, order, items=items, payments=method)
    after = shown(inside, order)
    assert (made.status, made.data["total_amount"], made.data["reason"]) == (201, 12.0, "broken")
    assert (after["status"], after["refunded_amount"], mails(inside)) == (
        "Partially Refunded",
        "12.0000",
        [("order refunded", order["id"])],
    )
    assert [line["quantity_refunded"] for line in lines(inside, order)] == [0, 1]
    listed = inside.get("/v3/orders/payment_actions/refunds", order_id__in=order["id"]).data
    assert [row["id"] for row in listed] == [made.data["id"]]


def test_a_refund_sent_twice_pays_twice_until_nothing_is_left(inside: Inside, order: dict[str, Any]) -> None:
    items = [{"item_type": "PRODUCT", "item_id": lines(inside, order)[1]["id"], "quantity": 1}]
    method = quoted(inside, order, items=items).data["refund_methods"][0]

    assert [refund(inside, order, items=items, payments=method).status for _ in range(3)] == [201, 201, 422]
    assert (shown(inside, order)["refunded_amount"], len(mails(inside))) == ("24.0000", 2)


def test_a_refund_of_all_there_is_moves_the_order_to_refunded(inside: Inside, order: dict[str, Any]) -> None:
    whole = float(shown(inside, order)["total_inc_tax"])
    items = [{"item_type": "ORDER", "item_id": order["id"], "amount": whole}]

    assert quoted(inside, order, items=[{**items[0], "amount": whole + 0.01}]).status == 422
    method = quoted(inside, order, items=items).data["refund_methods"][0]
    assert refund(inside, order, items=items, payments=method).status == 201
    assert (shown(inside, order)["status"], shown(inside, order)["payment_status"]) == ("Refunded", "refunded")


@pytest.mark.parametrize("body", [
    {}, {"items": []}, {"items": [{"item_type": "PRODUCT", "item_id": 7, "quantity": 1}]}, {"items": [{"item_type": "TIP", "item_id": 7}]},
    {"items": [{"item_type": "SHIPPING", "item_id": 7}]}, {"items": ["x"]},
], ids=str)  # fmt: skip
def test_a_quote_that_makes_no_sense_is_refused(inside: Inside, order: dict[str, Any], body: dict[str, Any]) -> None:
    assert quoted(inside, order, **body).status == 422


def test_store_credit_is_not_for_guests(inside: Inside) -> None:
    guest = inside.post(ORDERS, {"billing_address": ADDRESS, "products": [{"product_id": 101, "quantity": 1}]}).json
    items = [{"item_type": "PRODUCT", "item_id": lines(inside, guest)[0]["id"], "quantity": 1}]
    methods = quoted(inside, guest, items=items).data["refund_methods"]

    told = refund(inside, guest, items=items, payments=[{"provider_id": "storecredit", "amount": methods[0][0]["amount"]}])

    assert "storecredit" not in [option["provider_id"] for method in methods for option in method]
    assert (told.status, told.json["data"][0]["title"]) == (422, "Unable to provide store credit for a guest customer.")


def test_a_payment_is_captured_or_voided_once(inside: Inside, order: dict[str, Any]) -> None:
    path = f"/v3/orders/{order['id']}/payment_actions"

    assert [inside.post(f"{path}/{what}").status for what in ("capture", "capture", "void")] == [201, 422, 422]


def test_pickups_are_made_changed_and_removed(inside: Inside, order: dict[str, Any]) -> None:
    path = "/v3/orders/pickups"
    item = {"order_product_id": lines(inside, order)[0]["id"], "quantity": 1}
    row = {"order_id": order["id"], "pickup_method_id": 1, "ready_at": "2026-06-01T00:00:00Z", "pickup_items": [item]}

    made = inside.post(path, [row]).data[0]
    changed = inside.put(path, [{"id": made["id"], "pickup_id": made["id"], "collected_at": "2026-06-02T00:00:00Z"}])

    assert inside.post(path, [{**row, "order_id": 9}]).json["errors"] == {"0.order_id": "not found"}
    assert inside.put(path, [{"id": 9, "pickup_id": 9}]).status == 422
    assert (changed.data[0]["collected_at"], [pickup["id"] for pickup in inside.get(path).data if pickup["order_id"] == order["id"]]) == (
        "2026-06-02T00:00:00Z", [made["id"]])  # fmt: skip
    assert inside.delete(path, id__in=made["id"]).status == 204
    assert made["id"] not in [pickup["id"] for pickup in inside.get(path).data]
