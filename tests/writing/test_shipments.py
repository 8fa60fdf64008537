"""A parcel becomes one shipment and one mail, whatever is cut, refused or killed in between."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.writing.shipments import ShipmentWriting
from tests.sandbox.inside import Inside
from tests.writing.virtual import Killed, Time, told, with_store

pytestmark = pytest.mark.bigcommerce_sandbox(products=5, orders=0, customers=3)

ADDRESS = {"first_name": "Ada", "last_name": "Lovelace", "street_1": "x", "city": "Leeds", "zip": "LS1", "country": "United Kingdom"}


class Shop:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.store, self.time = sandbox, sandbox.store, Time(sandbox)
        self.inside = Inside(sandbox.store)
        self.error: Exception | None = None

    def order(self, *quantities: int) -> int:
        """A new order with a line of each of these pieces."""
        items = [{"name": f"Thing {n}", "quantity": each, "price_ex_tax": 10, "price_inc_tax": 12} for n, each in enumerate(quantities)]
        body = {"customer_id": 11, "billing_address": ADDRESS, "products": items, "status_id": 11}
        order = int(self.inside.post("/v2/orders", body).json["id"])
        for n in range(len(quantities)):
            self.change_line(order, n, sku=f"T-{n}")
        return order

    def lines(self, order: int) -> list[dict[str, Any]]:
        return [dict(line) for line in self.inside.get(f"/v2/orders/{order}/products").json]

    def change_line(self, order: int, number: int, **fields: Any) -> None:
        lines = self.store.nested["order_products"].get(order)
        changed = [{**line, **(fields if n == number else {})} for n, line in enumerate(lines)]
        self.store.nested["order_products"].put((order,), changed)

    def shipments(self, order: int) -> list[tuple[str, list[int]]]:
        rows = self.inside.get(f"/v2/orders/{order}/shipments").json or []
        return [(row["tracking_number"], [item["quantity"] for item in row["items"]]) for row in rows]

    def mails(self) -> Counter[Any]:
        return Counter(mail.order_id for mail in self.store.outbox if mail.what == "shipment created")

    def sent(self) -> int:
        return sum(request.method == "POST" and request.path.endswith("/shipments") for request in self.store.requests)

    def write(self, rows: Sequence[dict[str, Any]], *, kill_at: int = 0, after: bool = True, **more: Any) -> list[Ended]:
        """Send; with ``kill_at``, the worker is killed at that request, after the store has acted or before."""

        async def do(store: Any) -> list[Ended]:
            answered, count = store.answered, 0

            async def killed(*arguments: Any) -> Any:
                nonlocal count
                count += 1
                if count != kill_at:
                    return await answered(*arguments)
                if after:
                    await answered(*arguments)
                raise Killed

            store.answered = killed
            writing = ShipmentWriting(store, sleep=self.time.sleep, **more)
            try:
                return await writing.run(rows)
            finally:
                self.error = writing.error

        return with_store(self.sandbox, self.time, do)


@pytest.fixture
def shop(bigcommerce_sandbox: Sandbox) -> Shop:
    return Shop(bigcommerce_sandbox)


def row(order: int, number: str = "1Z999", **more: Any) -> dict[str, Any]:
    return {"order_id": order, "tracking_number": number, "shipping_provider": "ups", **more}


def test_without_items_all_that_is_left_goes_into_the_parcel_and_a_second_run_finds_it(shop: Shop) -> None:
    order = shop.order(3, 2)

    first = shop.write([row(order)])
    second = shop.write([row(str(order))])  # type: ignore[arg-type]  # a CSV file's ids are texts

    assert (told(first), told(second)) == (["created"], ["unchanged"])
    assert shop.shipments(order) == [("1Z999", [3, 2])]
    assert (shop.mails(), first[0].outcome.id) == ({order: 1}, second[0].outcome.id)


def test_partial_shipments_by_line_sku_and_json_text(shop: Shop) -> None:
    order = shop.order(3, 2)
    first, second = shop.lines(order)
    rows = [
        row(order, "A", items=[{"order_product_id": first["id"], "quantity": 1}]),
        row(order, "B", items='[{"sku": "t-0", "quantity": 1}, {"sku": "T-1"}]'),
        row(order, "C", order_product_id=str(first["id"]), quantity="1"),
    ]

    assert told(shop.write(rows)) == ["created"] * 3
    assert sorted(shop.shipments(order)) == [("A", [1]), ("B", [1, 2]), ("C", [1])]
    assert told(shop.write(rows)) == ["unchanged"] * 3
    assert shop.mails() == {order: 3}
    assert second["quantity"] == 2


def test_rows_of_one_tracking_number_are_one_parcel(shop: Shop) -> None:
    order, other = shop.order(3, 2), shop.order(1)

    ended = shop.write([row(order, sku="T-0", quantity=2), row(other), row(order, sku="T-1", quantity=1)])

    assert told(ended) == ["created"] * 3
    assert (shop.shipments(order), shop.mails()) == ([("1Z999", [2, 1])], {order: 1, other: 1})


def test_the_provider_of_the_task_is_for_rows_that_name_no_way(shop: Shop) -> None:
    first, second = shop.order(1), shop.order(1)
    plain = {"tracking_number": "T"}

    shop.write([{"order_id": first, **plain}, {"order_id": second, **plain, "tracking_carrier": "dhl"}], provider="fedex")

    made = [shop.inside.get(f"/v2/orders/{order}/shipments").json[0] for order in (first, second)]
    assert [(one["shipping_provider"], one["tracking_carrier"]) for one in made] == [("fedex", ""), ("", "dhl")]


def _shipped(shop: Shop) -> dict[str, Any]:
    order = shop.order(1)
    shop.write([row(order, "OTHER")])
    return row(order)


def _half_refunded(shop: Shop) -> dict[str, Any]:
    order = shop.order(3)
    shop.change_line(order, 0, quantity_shipped=1, quantity_refunded=1)
    return row(order)


def _to_two_addresses(shop: Shop) -> dict[str, Any]:
    order = shop.order(1, 1)
    shop.change_line(order, 1, order_address_id=7)
    return row(order)


def _digital(shop: Shop) -> dict[str, Any]:
    order = shop.order(1, 1)
    shop.change_line(order, 1, type="digital")
    return row(order, sku="T-1")


BAD: list[tuple[Any, str]] = [
    (lambda shop: row(70_000), "no such order"),
    (lambda shop: row("x"), "'order_id'"),  # type: ignore[arg-type]  # as a file may have it
    (lambda shop: row(shop.order(1), " "), "no 'tracking_number'"),
    (lambda shop: row(shop.order(1), order_address_id="y"), "'order_address_id' must be"),
    (lambda shop: row(shop.order(1), order_address_id=5), "do not go to the address"),
    (lambda shop: row(shop.order(1), items="x"), "list of objects"),
    (lambda shop: row(shop.order(1), items=[{"quantity": 1}]), "exactly one of"),
    (lambda shop: row(shop.order(1), items=[{"sku": "T-0", "quantity": 0}]), "1 or more"),
    (lambda shop: row(shop.order(1), items=[{"sku": "T-9"}]), "no line of this 'sku'"),
    (lambda shop: row(shop.order(1), items=[{"sku": "T-0"}], sku="T-0"), "both 'items' and 'sku'"),
    (lambda shop: row(shop.order(1), sku="T-0", quantity=2), "more pieces of an item than are left"),
    (lambda shop: row(shop.order(1), tracking_number="x" * 51), "longer than 50"),
    (_shipped, "Nothing of this order is left"),
    (_half_refunded, "some refunded"),
    (_to_two_addresses, "several addresses"),
    (_digital, "digital"),
]


def test_parcels_that_cannot_be_are_rejected_and_mail_nobody(shop: Shop) -> None:
    rows = [make(shop) for make, _ in BAD]
    shop.store.outbox.clear()
    before = shop.sent()

    ended = shop.write(rows)

    assert told(ended) == ["rejected"] * len(rows)
    for one, (_, says) in zip(ended, BAD, strict=True):
        assert says in str(one.outcome.error)
    assert (shop.sent(), shop.store.outbox) == (before, [])


def test_rows_that_contradict_each_other_are_all_rejected(shop: Shop) -> None:
    order, other, third = shop.order(3), shop.order(3), shop.order(3)
    rows = [
        row(order), row(order, sku="T-0", quantity=1),
        row(other, sku="T-0", quantity=1), row(other, sku="t-0", quantity=1),
        row(third, sku="T-0", quantity=1), row(third, product_id=1, quantity=1, shipping_provider="usps"),
    ]  # fmt: skip

    assert told(shop.write(rows)) == ["rejected"] * 6


def test_digital_and_refunded_pieces_are_left_out(shop: Shop) -> None:
    order = shop.order(1, 3)
    shop.change_line(order, 0, type="digital")
    shop.change_line(order, 1, quantity_refunded=1)

    assert told(shop.write([row(order)])) == ["created"]
    assert shop.shipments(order) == [("1Z999", [2])]


AFTER, BEFORE = ("reset_after", "500_after", "truncated_gzip"), ("reset_before", "503", "html", "429")


@pytest.mark.parametrize("fault", [*AFTER, *BEFORE])
def test_one_mail_a_shipment_whatever_becomes_of_the_answer(shop: Shop, fault: Any) -> None:
    order, other = shop.order(3, 2), shop.order(1)
    shop.store.fail_next(1, fault, method="POST")

    ended = shop.write([row(order, sku="T-0", quantity=2), row(other)])

    assert told(ended) == ["created", "created"]
    assert (shop.shipments(order), shop.mails()) == ([("1Z999", [2])], {order: 1, other: 1})


def test_a_store_that_never_answers_leaves_the_row_unknown_after_three_sendings(shop: Shop) -> None:
    order = shop.order(1)
    shop.store.fail_next(9, "500", method="POST")

    ended = shop.write([row(order)])

    assert (told(ended), shop.sent(), shop.mails()) == (["unknown"], 3, {})
    assert "Look before you send it again" in str(ended[0].outcome.error)


@pytest.mark.parametrize("after", [True, False], ids=["after the store acted", "before it was sent"])
def test_a_worker_that_is_killed_leaves_a_shipment_that_the_next_try_finds(shop: Shop, after: bool) -> None:
    order = shop.order(2)
    with contextlib.suppress(Killed):
        shop.write([row(order)], kill_at=1, after=after)

    assert told(shop.write([row(order)])) == ["unchanged" if after else "created"]
    assert shop.mails() == {order: 1}


def test_a_missing_permission_ends_the_run_and_sends_nothing_else(shop: Shop) -> None:
    orders = [shop.order(1) for _ in range(3)]
    shop.store.fail_next(9, "answer", method="POST", status=403, body=b"{}")

    ended = shop.write([row(order) for order in orders])

    assert (told(ended), shop.mails()) == (["not_sent"] * 3, {})
    assert "store_v2_orders" in str(shop.error)


def test_with_stop_a_rejected_row_keeps_those_from_being_sent_that_come_after(shop: Shop) -> None:
    ended = shop.write([{"order_id": 1}, row(shop.order(1))], stops=True)

    assert (told(ended), shop.sent()) == (["rejected", "not_sent"], 0)


@pytest.mark.parametrize("count", [6, pytest.param(1000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(1800)])])
def test_parcels_under_faults_bad_rows_and_kills_are_one_shipment_and_one_mail_each(shop: Shop, count: int) -> None:
    orders = [shop.order(2, 1) for _ in range(count)]
    rows = [row(order, number, sku=sku) for order in orders for number, sku in (("A", "T-0"), ("B", "T-1"))]
    bad = {place for place in range(len(rows)) if place % 50 == 7}
    kinds: list[Any] = ["reset_after", "503", "503_after", "reset_before"]
    for number, place in enumerate(range(1, len(rows), 4 if count < 10 else 20)):
        shop.store.fail_next(1, kinds[number % 4], method="POST", match="/shipments$", skip=place)
    given = [{**each, "sku": "nobody"} if place in bad else each for place, each in enumerate(rows)]
    for share, after in ((0.1, True), (0.3, False), (0.2, True)):
        with contextlib.suppress(Killed):
            shop.write(given, kill_at=int(len(rows) * share), after=after)

    found = told(shop.write(given))
    again = told(shop.write(given))

    assert {place for place, outcome in enumerate(found) if outcome == "rejected"} == bad
    assert {*found} <= {"created", "unchanged", "rejected"}
    assert again.count("unchanged") == len(rows) - len(bad)
    shop.write([rows[place] for place in sorted(bad)])  # repaired, and fed in again
    assert shop.mails() == dict.fromkeys(orders, 2)
    assert all(sorted(number for number, _ in shop.shipments(order)) == ["A", "B"] for order in orders)
