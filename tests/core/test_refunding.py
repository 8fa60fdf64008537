"""One refund is one digest, in whatever order and form its items come; a quote is held against the amount as a decimal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.ended_rows import Refusal
from airflow_provider_bigcommerce.core.refunding import Asked, equal_to, payments_of, read_row
from airflow_provider_bigcommerce.core.row_values import amount, whole_number

ITEMS = st.dictionaries(st.integers(1, 9), st.integers(1, 5), min_size=1, max_size=4)


def asked(**row: Any) -> Asked:
    found = read_row(0, {"order_id": 5, **row})
    assert isinstance(found, Asked)
    return found


@settings(max_examples=50)
@given(items=ITEMS, cents=st.integers(1, 10**7), data=st.data())
def test_a_refund_is_the_same_in_any_order_and_as_text(items: dict[int, int], cents: int, data: st.DataObject) -> None:
    listed = [{"item_id": line, "quantity": pieces} for line, pieces in items.items()]
    mixed = data.draw(st.permutations(listed))
    money = Decimal(cents) / 100

    first, second = asked(amount=money, items=listed), asked(amount=f"{money:.4f}", items=json.dumps(mixed))

    assert first.digest == second.digest
    held = {"id": 1, "total_amount": float(money), "items": [{"item_type": "PRODUCT", **item} for item in mixed]}
    assert (equal_to(first, [held]), equal_to(first, [held], without=[1])) == ([1], [])
    assert equal_to(asked(amount=money + 1, items=listed), [held]) == []


def _quote(total: Any, *methods: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total_refund_amount": total, "refund_methods": list(methods)}


CARD, CREDIT, HAND = (
    {"provider_id": "stripe", "amount": 12.0, "offline": False},
    {"provider_id": "storecredit", "amount": 12.0, "offline": False},
    {"provider_id": "custom", "amount": 12.0, "offline": True},
)


@pytest.mark.parametrize(("quote", "method", "says"), [
    (_quote(12.01, [CARD]), None, "is not the row's 'amount'"),
    (_quote(None, [CARD]), None, "is not the row's 'amount'"),
    (_quote(12), None, "no way to refund"),
    (_quote(12, [CARD], [CREDIT]), None, "several ways to refund (stripe, storecredit)"),
    (_quote(12, [CREDIT]), "gateway", "no refund by refund_method='gateway' (storecredit)"),
    (_quote(12, [{**CARD, "amount": 11}]), None, "do not come to the row's 'amount'"),
], ids=["another amount", "no amount", "no way", "several ways", "another way", "another sum"])  # fmt: skip
def test_a_quote_that_does_not_fit_is_refused(quote: dict[str, Any], method: str | None, says: str) -> None:
    found = payments_of(quote, Decimal(12), method)

    assert isinstance(found, Refusal)
    assert says in found.text


def test_a_way_of_several_payments_is_taken_whole() -> None:
    both = [{**CARD, "amount": Decimal("7.10")}, {**HAND, "amount": Decimal("4.90")}]

    assert payments_of(_quote(Decimal("12.00"), both), Decimal(12), None) == both
    assert isinstance(payments_of(_quote(12, both), Decimal(12), "offline"), Refusal)


@pytest.mark.parametrize(("value", "number", "money"), [
    ("7", 7, Decimal(7)), (" 007 ", 7, Decimal(7)), ("7.0", 7, Decimal(7)), ("7.50", None, Decimal("7.50")), (7.5, None, Decimal("7.5")),
    (Decimal("1E+2"), 100, Decimal(100)), (True, None, None), ("7,50", None, None), ("١", None, None), ("1e3", None, None),
    (float("nan"), None, None), ([7], None, None), (None, None, None), ("", None, None),
], ids=str)  # fmt: skip
def test_numbers_are_read_as_files_have_them(value: Any, number: int | None, money: Decimal | None) -> None:
    assert (whole_number(value), amount(value)) == (number, money)
