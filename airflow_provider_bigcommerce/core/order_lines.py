"""Orders and their line items: which orders came with all of them, and where those read one by one are put.

Decides only; the transfer reads. The shape is the one that ``include=consignments.line_items`` with
``consignment_structure=object`` gives, so that a reader of the files need not know which way a line item came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError

#: So many line items may be a cut: BigCommerce embeds at most 50 in an order's consignments and adds a ``__warning__``, which the
#: specs do not say. Source: bigcommerce/docs issue 960.
EMBEDDED_LIMIT = 50

_WARNING = b'"__warning__"'


class _Line(msgspec.Struct):
    quantity: float | None = None


class _Holder(msgspec.Struct):
    line_items: list[_Line] = []


class _Email(msgspec.Struct):
    gift_certificates: list[_Holder] = []


class _Consignments(msgspec.Struct):
    pickups: list[_Holder] = []
    shipping: list[_Holder] = []
    downloads: list[_Holder] = []
    email: _Email | None = None

    def holders(self) -> Iterator[_Holder]:
        yield from self.pickups
        yield from self.shipping
        yield from self.downloads
        if self.email is not None:
            yield from self.email.gift_certificates


class _Order(msgspec.Struct):
    consignments: _Consignments | None = None
    items_total: float | None = None


class _OrderKey(msgspec.Struct):
    id: int


class _LineKey(msgspec.Struct):
    id: int
    order_id: int


_ORDER = msgspec.json.Decoder(_Order)
_ORDER_KEY = msgspec.json.Decoder(_OrderKey)
_LINE_KEY = msgspec.json.Decoder(_LineKey)


def order_id(record: msgspec.Raw) -> int:
    """An order's id.

    :raises UnexpectedAnswerError: it has none.
    """
    try:
        return int(odd_bytes.decoded(_ORDER_KEY, record).id)
    except msgspec.DecodeError as error:
        raise UnexpectedAnswerError(f"A record of orders has no usable key 'id': {error}.") from None


def may_lack_lines(record: msgspec.Raw) -> bool:
    """Whether an order read with its line items may have more than came."""
    if _WARNING in bytes(record):
        return True
    try:
        order = odd_bytes.decoded(_ORDER, record)
    except msgspec.DecodeError:
        return True  # consignments of another shape: a link, or an empty list
    found = order.consignments
    if found is None:
        return True
    lines = sum(len(holder.line_items) for holder in found.holders())
    return lines >= EMBEDDED_LIMIT or (lines == 0 and (order.items_total or 0) > 0)


def count_disagrees(record: msgspec.Raw) -> bool:
    """Whether an order's ``items_total`` is not the sum of its lines' quantities, as we read the spec; no real store has confirmed it."""
    try:
        order = odd_bytes.decoded(_ORDER, record)
    except msgspec.DecodeError:
        return False  # nothing to compare
    if order.items_total is None or order.consignments is None:
        return False
    return order.items_total != sum(line.quantity or 0 for holder in order.consignments.holders() for line in holder.line_items)


def by_order(lines: Iterable[msgspec.Raw]) -> dict[int, list[msgspec.Raw]]:
    """Line items by the order they belong to, in the order they came.

    :raises UnexpectedAnswerError: one without its key.
    """
    grouped: dict[int, list[msgspec.Raw]] = {}
    for line in lines:
        try:
            grouped.setdefault(odd_bytes.decoded(_LINE_KEY, line).order_id, []).append(line)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswerError(f"A record of order_products has no usable key 'id', 'order_id': {error}.") from None
    return grouped


def with_lines(record: msgspec.Raw, lines: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """The order with these line items in its consignments, each once.

    An item goes where its pickup method or its address says: ``pickups``, ``shipping``, else ``downloads``. Consignments that
    came with the order stay as they are, and get what they lack; others are made with ``id`` and ``line_items`` alone.

    :param record: the order as it came.
    :param lines: all its line items, as ``order_products`` has them.
    """
    order: dict[str, Any] = odd_bytes.python_value(record)
    consignments = order.get("consignments")
    if not isinstance(consignments, dict) or "url" in consignments or "resource" in consignments:
        consignments = {"pickups": [], "shipping": [], "downloads": [], "email": {"gift_certificates": []}}
    for holder in (consignments, *_holders(consignments)):
        holder.pop("__warning__", None)
    present = {line.get("id") for holder in _holders(consignments) for line in holder.get("line_items") or []}
    for raw in lines:
        line = odd_bytes.python_value(raw)
        if line["id"] not in present:
            _holder_for(consignments, line).setdefault("line_items", []).append(line)
    order["consignments"] = consignments
    return msgspec.Raw(msgspec.json.encode(order))


def _holders(consignments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    email = consignments.get("email")
    lists = [consignments.get(name) for name in ("pickups", "shipping", "downloads")]
    for found in [*lists, email.get("gift_certificates") if isinstance(email, dict) else None]:
        if isinstance(found, list):
            yield from (holder for holder in found if isinstance(holder, dict))


def _holder_for(consignments: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    for kind, field in (("pickups", "order_pickup_method_id"), ("shipping", "order_address_id")):
        if key := line.get(field):
            return _holder(consignments, kind, field, key)
    return _holder(consignments, "downloads", None, None)


def _holder(consignments: dict[str, Any], kind: str, field: str | None, key: Any) -> dict[str, Any]:
    """The consignment that the key names or that already holds a line of that key; a new one otherwise."""
    holders: list[dict[str, Any]] = consignments.get(kind) or []
    consignments[kind] = holders
    for holder in holders:
        if field is None or holder.get("id") == key or any(line.get(field) == key for line in holder.get("line_items") or []):
            return holder
    made: dict[str, Any] = {"line_items": []} if field is None else {"id": key, "line_items": []}
    holders.append(made)
    return made
