"""Stock goes to the store once, and what is told of it is what was read back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.writing.stock import StockWriting
from tests.writing.virtual import Killed, MemoryNotes, Time, told, with_store

pytestmark = pytest.mark.bigcommerce_sandbox(products=20, orders=0, customers=0)

ABSOLUTE, RELATIVE = "/v3/inventory/adjustments/absolute", "/v3/inventory/adjustments/relative"
#: Products of the seeded store, by how they keep stock.
VARIANTS = ("SKU-0000103-1", "SKU-0000103-2")


class Shop:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.store, self.time = sandbox, sandbox.store, Time(sandbox)
        self.notes = MemoryNotes()
        self.error: Exception | None = None
        self.store.edit_product(101, inventory_tracking="product")
        self.store.edit_product(102, inventory_tracking="none")

    def write(self, rows: Sequence[dict[str, Any]], mode: Any = "absolute", **more: Any) -> list[Ended]:
        async def do(store: Any) -> list[Ended]:
            writing = StockWriting(
                store, self.notes, mode=mode, reason="count", confirm_within=timedelta(minutes=5).total_seconds(),
                clock=self.time.read, sleep=self.time.sleep, **more,
            )  # fmt: skip
            try:
                return await writing.run(rows)
            finally:
                self.error = writing.error

        return with_store(self.sandbox, self.time, do)

    def on_hand(self, variant: int, location: int = 1) -> int | None:
        self.store.stock.settle(all_of_it=True)
        return self.store.stock.onhand(variant, location)

    def sent(self) -> int:
        return sum(request.path in (ABSOLUTE, RELATIVE) for request in self.store.requests)


@pytest.fixture
def shop(bigcommerce_sandbox: Sandbox) -> Shop:
    return Shop(bigcommerce_sandbox)


def row(quantity: Any, *, location_id: Any = 1, **name: Any) -> dict[str, Any]:
    return {**(name or {"sku": VARIANTS[0]}), "location_id": location_id, "quantity": quantity}


def test_quantities_go_by_sku_variant_and_product_and_are_read_back(shop: Shop) -> None:
    shop.store.stock.delay = 40
    rows = [
        row("500", sku=VARIANTS[0].lower()),
        row(7, variant_id=4),
        row(9, product_id="101"),
        {"sku": VARIANTS[0], "location_code": shop.store.row("inventory_locations", 2)["code"].lower(), "quantity": 3},
    ]

    ended = shop.write(rows)

    assert told(ended) == ["updated"] * 4
    assert [shop.on_hand(3), shop.on_hand(4), shop.on_hand(3, 2)] == [500, 7, 3]
    assert (shop.sent(), ended[0].told["sent"], ended[0].told["seen"]) == (1, 500, 500)
    assert told(shop.write(rows)) == ["updated"] * 4  # the same run again: read, not sent
    assert shop.sent() == 1


def test_another_run_finds_them_unchanged(shop: Shop) -> None:
    shop.write([row(500)])
    shop.notes = MemoryNotes()

    assert told(shop.write([row(500)])) == ["unchanged"]
    assert shop.sent() == 1


BAD: dict[str, list[tuple[dict[str, Any], str]]] = {
    "absolute": [
        ({"location_id": 1, "quantity": 1}, "names no item"),
        ({"sku": "x", "product_id": 1, "location_id": 1, "quantity": 1}, "exactly one of"),
        (row(1, sku="nobody"), "does not exist, or its stock is not tracked"),
        (row(1, variant_id="many"), "whole number"),
        (row("1.5"), "whole number of pieces"),
        (row(True), "whole number of pieces"),
        (row(2**31), "does not save"),
        (row(-1), "mode='relative'"),
        (row(1, location_id=99), "no location of this 'location_id'"),
        ({"sku": VARIANTS[0], "location_code": "nowhere", "quantity": 1}, "no location of this 'location_code'"),
        ({"sku": VARIANTS[0], "quantity": 1}, "names no location"),
        (row(1, product_id=102), "not tracked"),
        (row(1, product_id=103), "Give 'sku' or 'variant_id'"),
    ],
    "relative": [
        (row(-10_000), "safety stock"),
        (row(2**31 - 1, location_id=2), "does not save"),
        (row(1, location_id=4), "never stocked"),
    ],
}


@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_rows_that_cannot_work_are_rejected_before_anything_is_sent(shop: Shop, mode: Any) -> None:
    shop.store.add("inventory_locations", code="NEW", id=4)
    held = shop.on_hand(4) or 0

    ended = shop.write([*(bad for bad, _ in BAD[mode]), row(5, variant_id=4)], mode)

    assert told(ended) == ["rejected"] * len(BAD[mode]) + ["updated"]
    for one, (_, says) in zip(ended, BAD[mode], strict=False):
        assert says in str(one.outcome.error)
    assert (shop.sent(), shop.on_hand(4)) == (1, 5 if mode == "absolute" else held + 5)


def test_two_rows_for_one_item_are_both_rejected_also_by_two_names(shop: Shop) -> None:
    ended = shop.write([row(1), row(2, sku=VARIANTS[0].lower()), row(3, variant_id=4), row(4, sku=VARIANTS[1]), row(5, location_id=2)])

    assert told(ended) == ["rejected"] * 4 + ["updated"]


def test_a_sku_with_a_comma_is_found_and_sent(shop: Shop) -> None:
    shop.store.edit("product_variants", 3, sku="RED, XL")

    assert told(shop.write([row(77, sku="red, xl"), row(5, variant_id=4)])) == ["updated", "updated"]
    assert shop.on_hand(3) == 77


def test_with_stop_one_rejected_row_keeps_all_others_from_being_sent(shop: Shop) -> None:
    ended = shop.write([row(5), row(1, sku="nobody")], stops=True)

    assert (told(ended), shop.sent()) == (["not_sent", "rejected"], 0)


def test_with_stop_a_refusal_of_the_store_ends_the_run_too(shop: Shop) -> None:
    title = "Items with identity: [variant_id 3] not found"
    shop.sandbox.faults.odd("^/v3/inventory/adjustments", answer=lambda exchange: _refusal(title), method="PUT")

    ended = shop.write([row(5), row(5, variant_id=4)], stops=True, rows_at_once=1)

    assert (told(ended), shop.sent()) == (["rejected", "not_sent"], 1)


AFTER, BEFORE = ("reset_after", "503_after"), ("reset_before", "500", "html")


@pytest.mark.parametrize("fault", [*AFTER, *BEFORE])
def test_an_absolute_quantity_without_a_clear_answer_is_settled_by_reading(shop: Shop, fault: str) -> None:
    shop.store.stock.delay = 20
    shop.store.fail_next(1, fault, method="PUT")

    ended = shop.write([row(500), row(7, variant_id=4)])

    assert told(ended) == ["updated", "updated"]
    assert (shop.on_hand(3), shop.sent()) == (500, 1 if fault in AFTER else 2)


@pytest.mark.parametrize(("fault", "outcome"), [*((fault, "updated") for fault in AFTER), *((fault, "unknown") for fault in BEFORE)])
def test_a_relative_quantity_is_never_sent_twice(shop: Shop, fault: str, outcome: str) -> None:
    before = shop.on_hand(3) or 0
    shop.store.fail_next(1, fault, method="POST")

    ended = shop.write([row(5)], "relative")
    again = shop.write([row(5)], "relative")  # the task is cleared

    assert (told(ended), told(again), shop.sent()) == ([outcome], [outcome], 1)
    assert shop.on_hand(3) == before + (5 if outcome == "updated" else 0)
    assert (ended[0].told["old"], ended[0].told["sent"]) == (before, 5)


@pytest.mark.parametrize("fault", ["reset_after", "reset_before"])
def test_pieces_that_leave_may_have_been_sold_so_a_cut_leaves_them_unknown(shop: Shop, fault: str) -> None:
    shop.write([row(50)])
    shop.notes = MemoryNotes()
    shop.store.fail_next(1, fault, method="POST")

    ended = shop.write([row(-5)], "relative")

    assert told(ended) == ["unknown"]
    assert ended[0].told == {"old": 50, "sent": -5, "seen": 45 if fault == "reset_after" else 50, "mode": "relative"}


def test_what_was_sold_after_a_cut_is_not_brought_back(shop: Shop) -> None:
    shop.write([row(10), row(90, variant_id=4)])
    shop.notes = MemoryNotes()
    shop.store.fail_next(1, "reset_after", method="PUT")
    shop.store.stock.delay = 5
    shop.time.at.append((shop.time.now + 4, lambda: shop.store.stock.settle(all_of_it=True)))
    shop.time.at.append((shop.time.now + 4, lambda: shop.store.stock.sell(3, 1, 3)))
    shop.time.at.append((shop.time.now + 4, lambda: shop.store.stock.sell(4, 1, 2)))

    ended = shop.write([row(50), row(20, variant_id=4)])

    assert told(ended) == ["updated", "unknown"]  # 47 lies between 10 and 50; 18 is neither 90 nor 20
    assert (shop.on_hand(3), shop.on_hand(4), shop.sent()) == (47, 18, 2)
    assert ended[1].told == {"old": 90, "sent": 20, "seen": 18, "mode": "absolute"}


def test_what_does_not_show_in_time_is_unknown_with_old_sent_and_seen(shop: Shop) -> None:
    before = shop.on_hand(3)
    shop.store.stock.delay = 3600

    ended = shop.write([row(500)])

    assert told(ended) == ["unknown"]
    assert ended[0].told == {"old": before, "sent": 500, "seen": before, "mode": "absolute"}
    assert shop.sent() == 1


@pytest.mark.parametrize("applies_rest", [False, True], ids=["none is taken", "the rest is taken"])
@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_a_refusal_that_names_an_item_costs_no_other_row_and_doubles_none(shop: Shop, mode: Any, applies_rest: bool) -> None:
    shop.store.stock.applies_rest = applies_rest
    before = shop.on_hand(4) or 0
    title = "[Item with variant_id 3 is tracked by product, please update stock by product id]"
    # Tracking that is changed between the look and the request: the row is fine when it is read.
    ask = shop.store.requests
    refused = shop.store

    def refuse(exchange: Any) -> Any:
        if applies_rest:
            refused.stock.adjust([_adjustment(4, 5, relative=mode == "relative")])
        return _refusal(title)

    shop.sandbox.faults.odd("^/v3/inventory/adjustments", answer=refuse, method="PUT" if mode == "absolute" else "POST")
    ended = shop.write([row(5), row(5, variant_id=4)], mode)

    rest = "unknown" if mode == "relative" and not applies_rest else "updated"
    assert told(ended) == ["rejected", rest]
    assert shop.on_hand(4) == (5 if mode == "absolute" else before + (5 if applies_rest else 0))
    assert len(ask) > 0


def _adjustment(variant: int, quantity: int, *, relative: bool) -> Any:
    from airflow_provider_bigcommerce.sandbox.stock import Adjustment

    return Adjustment(variant, 1, quantity, relative)


def _refusal(title: str) -> Any:
    from airflow_provider_bigcommerce.sandbox.answers import error

    return error("v3", 422, title)


def test_a_refusal_that_names_nobody_is_halved_until_the_bad_row_stands_alone(shop: Shop) -> None:
    # A token that may not read locations cannot tell an unknown one before.
    shop.store.fail_next(1, "answer", match="^/v3/inventory/locations", status=403, body=b"{}")
    ids = [variant["id"] for variant in shop.store.rows("product_variants") if _is_by_variant(shop, variant)][:7]

    ended = shop.write([*(row(33, variant_id=each) for each in ids), row(33, variant_id=ids[0], location_id=99)])

    assert told(ended) == ["updated"] * 7 + ["rejected"]
    assert {shop.on_hand(each) for each in ids} == {33}
    assert shop.sent() == 7


def _is_by_variant(shop: Shop, variant: dict[str, Any]) -> bool:
    product = shop.store.row("products", variant["product_id"])
    return bool(product["inventory_tracking"] == "variant")


@pytest.mark.parametrize("mode", ["absolute", "relative"])
@pytest.mark.parametrize("before", [True, False], ids=["before the note", "after the note"])
@pytest.mark.parametrize("at", [0, 1, 3, 4])
def test_a_worker_may_be_killed_at_any_note_and_nothing_is_sent_twice(shop: Shop, mode: Any, before: bool, at: int) -> None:
    ids = [variant["id"] for variant in shop.store.rows("product_variants") if _is_by_variant(shop, variant)][:4]
    held = {each: shop.on_hand(each) or 0 for each in ids}
    rows = [row(11, variant_id=each) for each in ids]
    shop.notes.kill_at, shop.notes.before = at, before
    with contextlib.suppress(Killed):
        shop.write(rows, mode, rows_at_once=2)
    shop.notes.kill_at = None

    ended = shop.write(rows, mode, rows_at_once=2)

    for each, one in zip(ids, ended, strict=True):
        wanted = 11 if mode == "absolute" else held[each] + 11
        if one.outcome.outcome == "updated":
            assert shop.on_hand(each) == wanted
        else:
            # Killed between the note and the request: nobody can tell, so nothing is sent.
            assert (mode, one.outcome.outcome, shop.on_hand(each)) == ("relative", "unknown", held[each])
    assert shop.sent() <= (2 if mode == "relative" else 3)


def test_a_missing_permission_ends_the_run_and_sends_nothing_else(shop: Shop) -> None:
    shop.store.fail_next(1, "answer", method="PUT", status=403, body=b'{"status":403,"title":"You don\'t have a required scope"}')

    ended = shop.write([row(500), row(7, variant_id=4)], rows_at_once=1)

    assert (told(ended), shop.sent()) == (["not_sent", "not_sent"], 1)
    assert "store_inventory" in str(shop.error)
    assert told(shop.write([row(500), row(7, variant_id=4)])) == ["updated", "updated"]
