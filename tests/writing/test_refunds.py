"""Money goes back once, and only where the store's quote is the amount that was wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.writing.refunds import RefundWriting
from tests.sandbox.inside import Inside
from tests.writing.virtual import Killed, MemoryNotes, Time, told, with_store

pytestmark = pytest.mark.bigcommerce_sandbox(products=3, orders=0, customers=3)

ADDRESS = {"first_name": "Ada", "last_name": "Lovelace", "street_1": "x", "city": "Leeds", "zip": "LS1", "country": "United Kingdom"}


class Shop:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.store, self.time = sandbox, sandbox.store, Time(sandbox)
        self.inside = Inside(sandbox.store)
        self.notes = MemoryNotes()
        self.error: Exception | None = None

    def order(self, **more: Any) -> tuple[int, int]:
        """A paid order of three pieces at 12.00 each: its id, and its line's."""
        items = [{"name": "Wrap", "quantity": 3, "price_ex_tax": 10, "price_inc_tax": 12}]
        body = {"customer_id": 11, "billing_address": ADDRESS, "products": items, "status_id": 2, **more}
        order = self.inside.post("/v2/orders", body).json["id"]
        return order, self.inside.get(f"/v2/orders/{order}/products").json[0]["id"]

    def refunded(self, order: int) -> str:
        return str(self.inside.get(f"/v2/orders/{order}").json["refunded_amount"])

    def sent(self) -> int:
        return sum(request.method == "POST" and request.path.endswith("/refunds") for request in self.store.requests)

    def write(self, rows: Sequence[dict[str, Any]], method: str | None = "gateway", **more: Any) -> list[Ended]:
        async def do(store: Any) -> list[Ended]:
            writing = RefundWriting(store, self.notes, method=method, sleep=self.time.sleep, **more)
            try:
                return await writing.run(rows)
            finally:
                self.error = writing.error

        return with_store(self.sandbox, self.time, do)


@pytest.fixture
def shop(bigcommerce_sandbox: Sandbox) -> Shop:
    return Shop(bigcommerce_sandbox)


def test_lines_and_amounts_are_refunded_where_the_quote_is_what_was_wanted(shop: Shop) -> None:
    (order, line), (other, _) = shop.order(payment_method="Credit Card"), shop.order(payment_method="Credit Card")
    rows = [
        {"order_id": order, "amount": "12.00", "order_product_id": line, "quantity": "1", "reason": "broken"},
        {"order_id": str(order), "amount": Decimal("24.0"), "items": f'[{{"item_id": {line}, "quantity": 2}}]'},
        {"order_id": other, "amount": 3.5},
    ]

    ended = shop.write(rows)

    assert told(ended) == ["created"] * 3
    assert (shop.refunded(order), shop.refunded(other)) == ("36.0000", "3.5000")
    assert ended[0].told == {"wanted": Decimal("12.00")}
    assert told(shop.write(rows)) == ["unchanged"] * 3  # the task is cleared
    assert shop.sent() == 3


def test_another_run_does_not_repeat_an_equal_refund_unless_it_is_told_to(shop: Shop) -> None:
    order, line = shop.order(payment_method="Credit Card")
    row = {"order_id": order, "amount": 12, "order_product_id": line, "quantity": 1}
    shop.write([row])
    shop.notes = MemoryNotes()

    assert told(shop.write([row])) == ["conflict"]
    assert told(shop.write([row], on_equal="refund")) == ["created"]
    assert shop.refunded(order) == "24.0000"


def test_rows_that_cannot_work_are_rejected_and_cost_nobody_money(shop: Shop) -> None:
    order, line = shop.order(payment_method="Credit Card")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"order_id": "x", "amount": 1}, "'order_id'"),
        ({"order_id": 70_000, "amount": 1}, "no such order"),
        ({"order_id": order, "amount": None}, "'amount' must be"),
        ({"order_id": order, "amount": "-3"}, "'amount' must be"),
        ({"order_id": order, "amount": 11.99, "order_product_id": line, "quantity": 1}, "quote for this refund is not"),
        ({"order_id": order, "amount": 48, "order_product_id": line, "quantity": 4}, "422"),
        ({"order_id": order, "amount": 1_000}, "422"),
        ({"order_id": order, "amount": 12, "order_product_id": line}, "1 or more"),
        ({"order_id": order, "amount": 12, "items": "x"}, "list of objects"),
        ({"order_id": order, "amount": 12, "items": [{"item_id": line, "quantity": 1}], "order_product_id": line}, "both"),
        ({"order_id": order, "amount": 12, "items": [{"item_id": line, "item_type": "TIP"}]}, "must be one of"),
        ({"order_id": order, "amount": 12, "items": [{"item_id": line, "item_type": "shipping"}]}, "above 0"),
        ({"order_id": order, "amount": 24, "items": [{"item_id": line, "quantity": 1}] * 2}, "one item twice"),
        ({"order_id": order, "amount": 2, "refund_method": "bitcoin"}, "no refund by refund_method='bitcoin'"),
        ({"order_id": order, "amount": 5}, "several times"),
        ({"order_id": order, "amount": "5.00"}, "several times"),
    ]

    ended = shop.write([row for row, _ in bad])

    assert told(ended) == ["rejected"] * len(bad)
    for one, (_, says) in zip(ended, bad, strict=True):
        assert says in str(one.outcome.error)
    assert ended[4].told == {"wanted": Decimal("11.99"), "quoted": Decimal("12.0")}
    assert (shop.sent(), shop.refunded(order)) == (0, "0.0000")


@pytest.mark.parametrize(("method", "provider"), [
    ("gateway", "stripe"), ("store_credit", "storecredit"), ("offline", "custom"), ("custom", "custom"), (None, None),
])  # fmt: skip
def test_the_way_of_a_refund_is_chosen_by_the_task_and_never_guessed(shop: Shop, method: str | None, provider: str | None) -> None:
    order, _ = shop.order(payment_method="Credit Card")

    [ended] = shop.write([{"order_id": order, "amount": 2}], method)

    if provider is None:
        assert (ended.outcome.outcome, shop.sent()) == ("rejected", 0)
        assert "several ways to refund (stripe, storecredit, custom). Say which" in str(ended.outcome.error)
    else:
        [refund] = shop.store.nested["order_refunds"].get(order)
        assert [payment["provider_id"] for payment in refund["payments"]] == [provider]


AFTER, BEFORE = ("reset_after", "500_after", "503_after"), ("reset_before", "500", "html")


@pytest.mark.parametrize("fault", [*AFTER, *BEFORE])
def test_a_refund_without_a_clear_answer_is_looked_up_and_never_sent_again(shop: Shop, fault: Any) -> None:
    order, line = shop.order(payment_method="Credit Card")
    shop.write([{"order_id": order, "amount": 12, "order_product_id": line, "quantity": 1}])  # an equal one of another run
    shop.notes = MemoryNotes()
    row = {"order_id": order, "amount": 12, "order_product_id": line, "quantity": 1}
    shop.store.fail_next(1, fault, method="POST", match="/refunds$")

    first = shop.write([row], on_equal="refund")
    cleared = shop.write([row], on_equal="refund")

    assert told(first) == (["created"] if fault in AFTER else ["unknown"])
    assert told(cleared) == (["unchanged"] if fault in AFTER else ["unknown"])
    assert (shop.sent(), shop.refunded(order)) == (2, "24.0000" if fault in AFTER else "12.0000")
    assert len([mail for mail in shop.store.outbox if mail.what == "order refunded"]) == (2 if fault in AFTER else 1)


@pytest.mark.parametrize(("at", "before", "outcome"), [
    (0, True, "created"),  # before the note: nothing was sent
    (0, False, "unknown"),  # between note and request: nobody can tell
    (1, True, "created"),  # the money went, and its note was not kept
    (1, False, "unchanged"),
])  # fmt: skip
def test_a_worker_may_be_killed_at_any_note(shop: Shop, at: int, before: bool, outcome: str) -> None:
    order, _ = shop.order(payment_method="Credit Card")
    shop.notes.kill_at, shop.notes.before = at, before
    with contextlib.suppress(Killed):
        shop.write([{"order_id": order, "amount": 5}])
    shop.notes.kill_at = None

    assert told(shop.write([{"order_id": order, "amount": 5}])) == [outcome]
    assert (shop.sent(), shop.refunded(order)) == ((0, "0.0000") if outcome == "unknown" else (1, "5.0000"))


def test_a_429_and_a_failed_quote_are_waited_for(shop: Shop) -> None:
    order, _ = shop.order(payment_method="Credit Card")
    shop.store.fail_next(1, "503", method="POST", match="quotes$")
    shop.store.fail_next(1, "429", method="POST", match="/refunds$")

    assert told(shop.write([{"order_id": order, "amount": 5}])) == ["created"]
    assert shop.refunded(order) == "5.0000"


def test_a_declined_payment_is_told(shop: Shop) -> None:
    order, _ = shop.order(payment_method="Credit Card")
    body = b'{"data": {"id": 7, "payments": [{"is_declined": true, "declined_message": "no"}]}, "meta": {}}'
    shop.store.fail_next(1, "answer", method="POST", match="/refunds$", status=201, body=body)

    [ended] = shop.write([{"order_id": order, "amount": 5}])

    assert (ended.outcome.outcome, ended.outcome.id) == ("partial", 7)
    assert "declined" in str(ended.outcome.error)


def test_a_missing_permission_ends_the_run_and_sends_nothing_else(shop: Shop) -> None:
    orders = [shop.order(payment_method="Credit Card")[0] for _ in range(2)]
    shop.store.fail_next(9, "answer", method="POST", match="/refunds$", status=403, body=b"{}")

    ended = shop.write([{"order_id": order, "amount": 5} for order in orders])

    assert (told(ended), shop.sent()) == (["not_sent", "not_sent"], 1)
    assert "store_v2_transactions" in str(shop.error)
