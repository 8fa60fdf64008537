"""Refunds: what a row asks for, whether the store's quote is that amount, by which way it is paid, which refund of an order it is. Pure.

Amounts are decimals. A refund has no key and is never sent twice: one whose answer was lost is looked for among the order's refunds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.row_values import amount, is_blank, objects, plain_text, whole_number

#: The kinds of items, which are refunded by pieces, or by an amount. Source: orders.v3.yml, RefundQuote_ItemsRefund.
_BY_PIECES, _BY_AMOUNT = ("PRODUCT", "GIFT_WRAPPING"), ("SHIPPING", "HANDLING", "ORDER", "FEE")
#: The ways that ``refund_method`` names; any other text is the id of a provider.
STORE_CREDIT, OFFLINE, GATEWAY = "store_credit", "offline", "gateway"
_CREDIT_PROVIDER = "storecredit"

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")


@dataclass(frozen=True, slots=True)
class Asked:
    """One refund that the input asks for.

    :param place: the row's place in the input.
    :param wanted: what it must come to, tax included.
    :param items: as they are sent.
    :param reason: of the refund as a whole; None for none.
    :param method: the row's own ``refund_method``; None for the task's.
    """

    place: int
    order: int
    wanted: Decimal
    items: tuple[Mapping[str, Any], ...]
    reason: str | None
    method: str | None

    @property
    def digest(self) -> str:
        """What is refunded, as a few letters: two refunds of one digest are one refund sent twice, or two equal ones."""
        named = sorted([str(item["item_type"]), int(item["item_id"]), str(_measure(item))] for item in self.items)
        return hashlib.sha256(_ENCODER.encode([self.order, str(self.wanted.normalize()), named])).hexdigest()[:16]

    def quote_body(self) -> dict[str, Any]:
        """What is asked for a quote."""
        return {"items": list(self.items)}

    def body(self, payments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What is sent.

        :param payments: one of the quote's methods.
        """
        paid = [{name: each[name] for name in ("provider_id", "amount", "offline") if name in each} for each in payments]
        reason = {} if self.reason is None else {"reason": self.reason}
        return {"items": list(self.items), "payments": paid, **reason}


def read_row(place: int, row: Mapping[str, Any]) -> Asked | Ended:
    """What a row of the input asks for, or why it can ask for nothing.

    Columns: ``order_id``; ``amount``, which the refund must come to, tax included; ``items``, a list of objects with ``item_id``,
    ``quantity`` (or ``amount``, for shipping, handling, fees), perhaps ``item_type`` (a product's line if not given) and ``reason``; or
    ``order_product_id`` and ``quantity`` as columns of the row. Without items it is an amount of the order as a whole. ``reason`` and
    ``refund_method`` if given.
    """
    order = whole_number(row.get("order_id"))
    if order is None or order < 1:
        return Refusal("'order_id' must be the order's id, a whole number.", ("order_id",)).of(place)
    wanted = amount(row.get("amount"))
    if wanted is None or wanted <= 0:
        text = "'amount' must be what the refund comes to, tax included: a number above 0. The store's quote is compared with it."
        return Refusal(text, ("amount",)).of(place, order)
    items = _items(row, order, wanted)
    if isinstance(items, Refusal):
        return items.of(place, order)
    reason = None if is_blank(row.get("reason")) else plain_text(row["reason"])
    method = None if is_blank(row.get("refund_method")) else plain_text(row["refund_method"])
    return Asked(place, order, wanted, items, reason, method)


def _items(row: Mapping[str, Any], order: int, wanted: Decimal) -> tuple[Mapping[str, Any], ...] | Refusal:
    line, listed = row.get("order_product_id"), row.get("items")
    if is_blank(listed) and is_blank(line):
        return ({"item_type": "ORDER", "item_id": order, "amount": wanted},)
    if is_blank(listed):
        item = _item({"item_id": line, "quantity": row.get("quantity")}, "")
        return item if isinstance(item, Refusal) else (item,)
    if not is_blank(line):
        return Refusal("The row has both 'items' and 'order_product_id'. Give one of them.", ("items", "order_product_id"))
    found = objects(listed)
    if not found:
        text = '\'items\' must be a list of objects such as {"item_id": 16, "quantity": 1}; leave it out for an amount of the order.'
        return Refusal(text, ("items",))
    items: list[Mapping[str, Any]] = []
    for place, each in enumerate(found):
        item = _item(each, f"items.{place}.")
        if isinstance(item, Refusal):
            return item
        items.append(item)
    if len({(item["item_type"], item["item_id"]) for item in items}) < len(items):
        return Refusal("'items' has one item twice.", ("items",))
    return tuple(items)


def _item(item: Mapping[str, Any], at: str) -> Mapping[str, Any] | Refusal:
    kind = "PRODUCT" if is_blank(item.get("item_type")) else str(item["item_type"]).strip().upper()
    if kind not in (*_BY_PIECES, *_BY_AMOUNT):
        return Refusal(f"'{at}item_type' must be one of {', '.join((*_BY_PIECES, *_BY_AMOUNT))}.", (f"{at}item_type",))
    own = whole_number(item.get("item_id") if not is_blank(item.get("item_id")) else item.get("order_product_id"))
    if own is None:
        return Refusal(f"'{at}item_id' must be the id of the order's line, a whole number.", (f"{at}item_id",))
    found: dict[str, Any] = {"item_type": kind, "item_id": own}
    if kind in _BY_PIECES:
        quantity = whole_number(item.get("quantity"))
        if quantity is None or quantity < 1:
            return Refusal(f"'{at}quantity' must be a whole number of pieces, 1 or more.", (f"{at}quantity",))
        found["quantity"] = quantity
    else:
        money = amount(item.get("amount"))
        if money is None or money <= 0:
            return Refusal(f"'{at}amount' must be a number above 0.", (f"{at}amount",))
        found["amount"] = money
    if not is_blank(item.get("reason")):
        found["reason"] = plain_text(item["reason"])
    return found


def _measure(item: Mapping[str, Any]) -> Decimal:
    """Pieces, or the amount."""
    return (amount(item.get("quantity") if item["item_type"] in _BY_PIECES else item.get("amount")) or Decimal(0)).normalize()


# -- the quote --------------------------------------------------------------------------------------------------------------


def payments_of(quote: Mapping[str, Any], wanted: Decimal, method: str | None) -> list[Mapping[str, Any]] | Refusal:
    """The payments by which a refund is made.

    :param quote: of ``refund_quotes``, with amounts as decimals.
    :param method: ``store_credit``, ``offline``, ``gateway``, or the id of a provider; None where it must not matter.
    """
    quoted = amount(quote.get("total_refund_amount"))
    if quoted != wanted:
        text = "The store's quote for this refund is not the row's 'amount'. Nothing was refunded; compare 'wanted' and 'quoted'."
        return Refusal(text, ("amount",))
    listed = quote.get("refund_methods")
    offered = [list(each) for each in listed if isinstance(each, Sequence) and each] if isinstance(listed, Sequence) else []
    fitting = [each for each in offered if method is None or _is_way(each, method)]
    if not fitting:
        kinds = "no way to refund" if not offered else f"no refund by refund_method={method!r}"
        return Refusal(f"The store offers {kinds}{_offered(offered)}.", ("refund_method",))
    if len(fitting) > 1:
        return Refusal(f"The store offers several ways to refund{_offered(fitting)}. Say which: refund_method.", ("refund_method",))
    if sum(amount(each.get("amount")) or Decimal(0) for each in fitting[0]) != wanted:
        return Refusal("The payments that the store offers do not come to the row's 'amount'. Nothing was refunded.", ("amount",))
    return fitting[0]


def _is_way(payments: Sequence[Mapping[str, Any]], method: str) -> bool:
    if method == STORE_CREDIT:
        return all(each.get("provider_id") == _CREDIT_PROVIDER for each in payments)
    if method == OFFLINE:
        return all(each.get("offline") is True for each in payments)
    if method == GATEWAY:
        return all(each.get("offline") is not True and each.get("provider_id") != _CREDIT_PROVIDER for each in payments)
    return all(each.get("provider_id") == method for each in payments)


def _offered(ways: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """The ids of providers, which are the store's own names of ways to pay."""
    names = ["+".join(str(each.get("provider_id"))[:40] for each in way) for way in ways[:8]]
    return f" ({', '.join(names)})" if names else ""


# -- the order's refunds ----------------------------------------------------------------------------------------------------


def equal_to(asked: Asked, refunds: Iterable[Mapping[str, Any]], *, without: Collection[int] = ()) -> list[int]:
    """Ids of the order's refunds that are of these items and this amount.

    :param refunds: of ``/v3/orders/{order_id}/payment_actions/refunds``, with amounts as decimals.
    :param without: ids of those that were there before.
    """
    wanted = Counter((str(item["item_type"]), int(item["item_id"]), _measure(item)) for item in asked.items)
    found: list[int] = []
    for refund in refunds:
        own = whole_number(refund.get("id"))
        if own is None or own in without or amount(refund.get("total_amount")) != asked.wanted:
            continue
        if Counter(map(_held, refund.get("items") or ())) == wanted:
            found.append(own)
    return found


def _held(item: Mapping[str, Any]) -> tuple[str, int, Decimal]:
    kind = str(item.get("item_type"))
    measure = amount(item.get("quantity") if kind in _BY_PIECES else item.get("requested_amount")) or Decimal(0)
    return kind, whole_number(item.get("item_id")) or 0, measure.normalize()


def declined(refund: Mapping[str, Any]) -> bool:
    """Whether a payment of a refund was declined, as far as the answer tells: money moves later."""
    return any(payment.get("is_declined") is True for payment in refund.get("payments") or () if isinstance(payment, Mapping))
