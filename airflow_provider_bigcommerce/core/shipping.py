"""Shipments: which rows are one parcel, what it may hold, and whether the order has it already. Pure.

A parcel is recognized by its order, its tracking number and its items. BigCommerce would take a second one and mail the shopper again, so a
parcel is compared with the order's shipments before it is sent and before it is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.row_values import is_blank, objects, plain_text, whole_number
from airflow_provider_bigcommerce.core.writing.row_identity import fold

#: How a row names what is in the parcel.
LineName = Literal["order_product_id", "sku", "product_id"]
_LINE_NAMES: tuple[LineName, ...] = ("order_product_id", "sku", "product_id")
#: The ways to give a tracking number its link. Source: orders.v2.oas2.yml:772.
_WAYS: Final = ("shipping_provider", "tracking_carrier", "tracking_link")
#: Fields of a shipment that are sent as they are. Source: orders.v2.oas2.yml:3854.
_SENT_AS_GIVEN: Final = (*_WAYS, "shipping_method", "comments", "merchant_shipping_cost")


@dataclass(frozen=True, slots=True)
class Packed:
    """One item of a parcel, as the input has it.

    :param quantity: pieces; None for all of the line that are not shipped yet.
    """

    name: LineName
    value: int | str
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One shipment that the input asks for.

    :param places: the input's rows that it is made of.
    :param address: the ``order_address_id``, None where the row names none.
    :param items: what is in it; None for all that is not shipped yet.
    :param fields: the shipment's other fields.
    """

    places: tuple[int, ...]
    order: int
    tracking_number: str
    address: int | None
    items: tuple[Packed, ...] | None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str]:
        """The values by which it is distinguished from others."""
        return (self.order, self.tracking_number)


def read_row(place: int, row: Mapping[str, Any], provider: str | None = None) -> Parcel | Ended:
    """A row as a parcel of its own, or why it can be none.

    Columns: ``order_id``, ``tracking_number``; ``order_address_id``, ``shipping_provider``, ``tracking_carrier``, ``tracking_link`` and
    others of a shipment if given; ``items``, a list of objects with one of ``order_product_id``, ``sku`` and ``product_id`` and perhaps
    ``quantity``, or these as columns of the row. Other columns are ignored.

    :param provider: ``shipping_provider`` of rows that say nothing of how they are shipped.
    """
    order = whole_number(row.get("order_id"))
    if order is None or order < 1:
        return Refusal("'order_id' must be the order's id, a whole number.", ("order_id",)).of(place)
    number = plain_text(row.get("tracking_number"))
    if not number:
        text = "The row has no 'tracking_number', by which the shipment is found again. Give it as a text."
        return Refusal(text, ("tracking_number",)).of(place, order)
    key = (order, number)
    address = None if is_blank(row.get("order_address_id")) else whole_number(row["order_address_id"])
    if address is None and not is_blank(row.get("order_address_id")):
        return Refusal("'order_address_id' must be a whole number.", ("order_address_id",)).of(place, key)
    items = _items(row)
    if isinstance(items, Refusal):
        return items.of(place, key)
    fields = {name: row[name] for name in _SENT_AS_GIVEN if not is_blank(row.get(name))}
    if provider is not None and not fields.keys() & set(_WAYS):
        fields["shipping_provider"] = provider
    return Parcel((place,), order, number, address, items, fields)


def _items(row: Mapping[str, Any]) -> tuple[Packed, ...] | Refusal | None:
    flat = [name for name in (*_LINE_NAMES, "quantity") if not is_blank(row.get(name))]
    if is_blank(row.get("items")):
        if not flat:
            return None
        found = _packed(row, "")
        return found if isinstance(found, Refusal) else (found,)
    if flat:
        return Refusal(f"The row has both 'items' and {flat[0]!r}. Give one of them.", ("items", *flat))
    listed = objects(row["items"])
    if not listed:
        text = '\'items\' must be a list of objects such as {"order_product_id": 16, "quantity": 2}; leave it out for all that is left.'
        return Refusal(text, ("items",))
    packed: list[Packed] = []
    for place, item in enumerate(listed):
        found = _packed(item, f"items.{place}.")
        if isinstance(found, Refusal):
            return found
        packed.append(found)
    return tuple(packed)


def _packed(item: Mapping[str, Any], at: str) -> Packed | Refusal:
    given = [name for name in _LINE_NAMES if not is_blank(item.get(name))]
    if len(given) != 1:
        text = "An item is named by exactly one of 'order_product_id', 'sku' and 'product_id'."
        return Refusal(text, tuple(f"{at}{name}" for name in given or _LINE_NAMES))
    name = given[0]
    value: int | str | None = plain_text(item[name]) if name == "sku" else whole_number(item[name])
    if value is None:
        return Refusal(f"'{at}{name}' must be a {'text' if name == 'sku' else 'whole number'}.", (f"{at}{name}",))
    quantity = None if is_blank(item.get("quantity")) else whole_number(item["quantity"])
    if (quantity is None and not is_blank(item.get("quantity"))) or (quantity is not None and quantity < 1):
        return Refusal(f"'{at}quantity' must be a whole number of pieces, 1 or more.", (f"{at}quantity",))
    return Packed(name, value, quantity)


def parcels_of(rows: Iterable[Parcel]) -> tuple[list[Parcel], list[Ended]]:
    """The parcels that the rows make together, and the rows that contradict each other.

    Rows of one order with one tracking number and one address are one parcel, each with an item of its own.
    """
    groups: dict[tuple[int, str, int | None], list[Parcel]] = {}
    for row in rows:
        groups.setdefault((row.order, fold("", row.tracking_number), row.address), []).append(row)
    parcels: list[Parcel] = []
    refused: list[Ended] = []
    for members in groups.values():
        refusal = _contradiction(members)
        if refusal is not None:
            refused += [refusal.of(member.places[0], member.key) for member in members]
            continue
        first = members[0]
        items = None if first.items is None else tuple(item for member in members for item in member.items or ())
        places = tuple(member.places[0] for member in members)
        parcels.append(Parcel(places, first.order, first.tracking_number, first.address, items, first.fields))
    return parcels, refused


def _contradiction(members: Sequence[Parcel]) -> Refusal | None:
    if len(members) > 1 and any(member.items is None for member in members):
        text = "Several rows are one parcel (order, tracking number, address), and one of them names no item. None of them was sent."
        return Refusal(text, ("order_id", "tracking_number"))
    if any(member.fields != members[0].fields for member in members):
        return Refusal("Rows of one parcel differ in how it is shipped. None of them was sent.", tuple(members[0].fields))
    named = [(item.name, fold(item.name, item.value)) for member in members for item in member.items or ()]
    if len(set(named)) < len(named):
        return Refusal("The parcel has one item twice. None of its rows was sent.", ("items",))
    return None


# -- what the order has -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order.

    :param unshipped: pieces that no shipment has.
    :param left: pieces of these that are to be shipped still; None where that cannot be told, because some were shipped and some refunded.
    """

    id: int
    address: int
    sku: str
    product_id: int | None
    is_shippable: bool
    unshipped: int
    left: int | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Line:
        """A row of ``/v2/orders/{order_id}/products``."""
        quantity, shipped, refunded = (whole_number(row.get(name)) or 0 for name in ("quantity", "quantity_shipped", "quantity_refunded"))
        unshipped = max(0, quantity - shipped)
        left: int | None = unshipped
        if refunded and unshipped:
            left = None if shipped else max(0, quantity - refunded)
        address = whole_number(row.get("order_address_id")) or 0
        is_shippable = row.get("type") != "digital" and address > 0 and not whole_number(row.get("order_pickup_method_id"))
        sku = str(row.get("sku") or "")
        return cls(int(row["id"]), address, sku, whole_number(row.get("product_id")), is_shippable, unshipped, left)


@dataclass(frozen=True, slots=True)
class Ship:
    """A shipment to be sent.

    :param body: of ``POST /v2/orders/{order_id}/shipments``.
    """

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shipped:
    """The order has the shipment.

    :param id: the shipment's.
    """

    id: int | None


def decide(parcel: Parcel, lines: Sequence[Line], shipments: Sequence[Mapping[str, Any]]) -> Ship | Shipped | Refusal:
    """What is to be done for a parcel.

    :param lines: the order's lines, as they are now.
    :param shipments: its shipments, as they are now.
    """
    packed = _resolved(parcel, lines)
    if isinstance(packed, Refusal):
        return packed
    there = [shipment for shipment in shipments if _is_of(parcel, shipment)]
    for shipment in there:
        if packed is None or _holds(shipment, packed):
            return Shipped(whole_number(shipment.get("id")))
    address = _address(parcel, lines, packed)
    if isinstance(address, Refusal):
        return address
    items = _contents(lines, packed, address)
    if isinstance(items, Refusal):
        return items
    body = {"order_address_id": address, "tracking_number": parcel.tracking_number, **parcel.fields, "items": items}
    return Ship(body)


def is_sent(body: Mapping[str, Any], shipments: Iterable[Mapping[str, Any]]) -> Shipped | None:
    """Whether a shipment that was sent without a clear answer is among those of its order."""
    packed = {item["order_product_id"]: item["quantity"] for item in body["items"]}
    for shipment in shipments:
        if _same_number(shipment, body["tracking_number"]) and _holds(shipment, packed):
            return Shipped(whole_number(shipment.get("id")))
    return None


def _is_of(parcel: Parcel, shipment: Mapping[str, Any]) -> bool:
    if not _same_number(shipment, parcel.tracking_number):
        return False
    return parcel.address is None or whole_number(shipment.get("order_address_id")) in (None, parcel.address)


def _same_number(shipment: Mapping[str, Any], number: str) -> bool:
    return str(shipment.get("tracking_number") or "").strip() == number


def _holds(shipment: Mapping[str, Any], packed: Mapping[int, int | None]) -> bool:
    """Whether a shipment has these items and no others; an item without a quantity may have any."""
    held: dict[int, int] = {}
    for item in shipment.get("items") or ():
        line, quantity = whole_number(item.get("order_product_id")), whole_number(item.get("quantity"))
        if line is not None:
            held[line] = held.get(line, 0) + (quantity or 0)
    return held.keys() == packed.keys() and all(quantity in (None, held[line]) for line, quantity in packed.items())


def _resolved(parcel: Parcel, lines: Sequence[Line]) -> dict[int, int | None] | Refusal | None:
    """Line's id -> pieces of a parcel that names its items."""
    if parcel.items is None:
        return None
    found: dict[int, int | None] = {}
    for item in parcel.items:
        fitting = [line for line in lines if _fits(item, line)]
        if len(fitting) != 1:
            what = "several lines" if fitting else "no line"
            return Refusal(f"The order has {what} of this {item.name!r}. Give 'order_product_id'.", (item.name,))
        line = fitting[0]
        if not line.is_shippable:
            return Refusal("An item of the parcel is not shipped: it is digital, or picked up.", (item.name,))
        if line.id in found:
            return Refusal("The parcel has one item twice. None of its rows was sent.", ("items",))
        found[line.id] = item.quantity
    return found


def _fits(item: Packed, line: Line) -> bool:
    if item.name == "order_product_id":
        return line.id == item.value
    if item.name == "product_id":
        return line.product_id == item.value
    return fold("sku", line.sku) == fold("sku", item.value)


def _address(parcel: Parcel, lines: Sequence[Line], packed: Mapping[int, int | None] | None) -> int | Refusal:
    """The one address that the parcel can go to."""
    if packed is None:
        meant = [line for line in lines if line.is_shippable and line.left != 0]
    else:
        meant = [line for line in lines if line.id in packed]
    addresses = {line.address for line in meant}
    if parcel.address is not None:
        is_other = parcel.address not in {line.address for line in lines} if packed is None else addresses != {parcel.address}
        if is_other:
            return Refusal("The parcel's items do not go to the address of 'order_address_id'.", ("order_address_id",))
        return parcel.address
    if not addresses:
        text = "Nothing of this order is left to be shipped, and it has no shipment of this tracking number."
        return Refusal(text, ("order_id", "tracking_number"))
    if len(addresses) > 1:
        text = "The order goes to several addresses. Give 'order_address_id', and a row for each parcel."
        return Refusal(text, ("order_address_id",))
    return addresses.pop()


def _contents(lines: Sequence[Line], packed: Mapping[int, int | None] | None, address: int) -> list[dict[str, int]] | Refusal:
    items: list[dict[str, int]] = []
    for line in lines:
        if packed is None:
            if not line.is_shippable or line.address != address or line.left == 0:
                continue
        elif line.id not in packed:
            continue
        wanted = None if packed is None else packed[line.id]
        most = line.unshipped if line.left is None else line.left
        if line.left is None and wanted is None:
            text = "Some pieces of a line were shipped and some refunded, so how many are left is not told. Give 'items' with quantities."
            return Refusal(text, ("items",))
        if most == 0:
            return Refusal("All pieces of an item are shipped, under another tracking number or in other parts.", ("items",))
        if wanted is not None and wanted > most:
            return Refusal("The parcel has more pieces of an item than are left to be shipped.", ("quantity",))
        items.append({"order_product_id": line.id, "quantity": most if wanted is None else wanted})
    if items:
        return items
    text = "Nothing is left to be shipped to this address, and the order has no shipment of this tracking number."
    return Refusal(text, ("order_address_id",))
