"""Stock: which item a row means, what may be sent, and what a value that was read back proves. Pure.

Quantities are whole pieces on hand at one location, never what is available to sell. An item goes to the store by the id of its variant,
or of its product where the product keeps the stock; a SKU with a comma, which no filter takes, makes no difference then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.row_values import is_blank, plain_text, whole_number
from airflow_provider_bigcommerce.core.writing.row_identity import fold

#: ``absolute``: the quantity is what lies there. ``relative``: it is what comes or goes.
Mode = Literal["absolute", "relative"]
#: How a row names its item.
ItemName = Literal["sku", "variant_id", "product_id"]
#: An item at a location: ``variant_id`` or ``product_id``, that id, and the location's id.
Identity = tuple[str, int, int]
#: What a value that was read back says: the change shows, the value is the one from before, or it is another.
Sight = Literal["shown", "old", "other"]

#: More than this is answered 200 and not saved. Source: docs/store-operations/catalog/inventory-adjustments.mdx.
MOST_QUANTITY = 2**31 - 1

_NAMES: tuple[ItemName, ...] = ("sku", "variant_id", "product_id")
_UNTRACKED = (
    "The stock of this product is not tracked (inventory_tracking is 'none'), so that no quantity would show. Turn tracking on first."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that says a quantity.

    :param place: its place in the input.
    :param name: how it names the item.
    :param value: the SKU, or the id.
    :param location: the location's id, or its code where it is text.
    :param quantity: pieces; what comes or goes in relative mode.
    """

    place: int
    name: ItemName
    value: int | str
    location: int | str
    quantity: int

    @property
    def key(self) -> tuple[int | str, int | str]:
        """The values by which the row is distinguished from others."""
        return (self.value, self.location)

    @property
    def folded(self) -> tuple[str, str, str]:
        """The same as the store compares it: a SKU without regard to case."""
        return (self.name, fold(self.name, self.value), str(self.location).casefold())


def read_row(place: int, row: Mapping[str, Any], mode: Mode) -> Wanted | Ended:
    """What a row of the input wants, or why it can want nothing.

    Columns: one of ``sku``, ``variant_id`` and ``product_id``; one of ``location_id`` and ``location_code``; ``quantity``. Others are
    ignored.
    """
    given = [name for name in _NAMES if not is_blank(row.get(name))]
    if len(given) != 1:
        what = f"has {' and '.join(map(repr, given))}" if given else "names no item"
        return Refusal(f"The row {what}. Give exactly one of 'sku', 'variant_id' and 'product_id'.", tuple(given or _NAMES)).of(place)
    name = given[0]
    value: int | str | None = plain_text(row[name]) if name == "sku" else whole_number(row[name])
    if value is None:
        return Refusal(f"{name!r} must be a {'text' if name == 'sku' else 'whole number'}.", (name,)).of(place)
    location = _location(row)
    if isinstance(location, Refusal):
        return location.of(place, value)
    quantity = whole_number(row.get("quantity"))
    if quantity is None:
        return Refusal("'quantity' must be a whole number of pieces.", ("quantity",)).of(place, (value, location))
    if abs(quantity) > MOST_QUANTITY:
        text = f"'quantity' is beyond {MOST_QUANTITY:,}, which BigCommerce answers with success and does not save."
        return Refusal(text, ("quantity",)).of(place, (value, location))
    if mode == "absolute" and quantity < 0:
        text = "'quantity' is below 0: in absolute mode it is what lies on hand. Use mode='relative' for what comes and goes."
        return Refusal(text, ("quantity",)).of(place, (value, location))
    return Wanted(place, name, value, location, quantity)


def _location(row: Mapping[str, Any]) -> int | str | Refusal:
    given = [name for name in ("location_id", "location_code") if not is_blank(row.get(name))]
    if len(given) != 1:
        text = "The row names no location, or two. Give 'location_id' or 'location_code'."
        return Refusal(text, ("location_id", "location_code"))
    if given[0] == "location_code":
        return plain_text(row["location_code"]) or Refusal("'location_code' must be a text.", ("location_code",))
    found = whole_number(row["location_id"])
    return Refusal("'location_id' must be a whole number.", ("location_id",)) if found is None else found


# -- what the store has -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stocked:
    """An item as the store's inventory lists it.

    :param places: location's id -> pieces on hand there, and its safety stock; without the locations where it was never stocked.
    """

    sku: str
    variant_id: int
    product_id: int
    places: Mapping[int, tuple[int, int]]


def stocked(row: Mapping[str, Any]) -> Stocked | None:
    """An item of a row of ``/v3/inventory/items``; None where it is none."""
    identity = row.get("identity")
    if not isinstance(identity, Mapping):
        return None
    variant, product = whole_number(identity.get("variant_id")), whole_number(identity.get("product_id"))
    if variant is None or product is None:
        return None
    places: dict[int, tuple[int, int]] = {}
    for place in row.get("locations") or ():
        where, on_hand = whole_number(place.get("location_id")), whole_number(place.get("total_inventory_onhand"))
        settings = place.get("settings")
        safety = whole_number(settings.get("safety_stock")) if isinstance(settings, Mapping) else None
        if where is not None and on_hand is not None:
            places[where] = (on_hand, safety or 0)
    return Stocked(str(identity.get("sku") or ""), variant, product, places)


class Shelf:
    """The items that were read, by each of their names."""

    def __init__(self, items: Iterable[Stocked]) -> None:
        self._found: dict[tuple[str, str], list[Stocked]] = {}
        self.products: set[int] = set()
        for item in {item.variant_id: item for item in items}.values():
            self.products.add(item.product_id)
            for name, value in (("sku", item.sku), ("variant_id", item.variant_id), ("product_id", item.product_id)):
                self._found.setdefault((name, fold(name, value)), []).append(item)

    def find(self, name: ItemName, value: int | str) -> list[Stocked]:
        """The items of that name, by their variant's id."""
        return sorted(self._found.get((name, fold(name, value)), ()), key=lambda item: item.variant_id)


@dataclass(frozen=True, slots=True)
class Tracked:
    """How a product keeps its stock.

    :param level: ``product``, ``variant`` or ``none``: its ``inventory_tracking``.
    :param base_variant: its only variant, where it has one; None where it has several.
    """

    level: str
    base_variant: int | None


@dataclass(frozen=True, slots=True)
class Locations:
    """The store's locations, as far as the token may read them.

    :param ids: all of them; None where they cannot be read.
    :param codes: code without regard to case -> id.
    """

    ids: frozenset[int] | None
    codes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Target:
    """A row whose item was found.

    :param name: how the item goes to the store.
    :param item: that id.
    :param variant: the variant in whose row of the inventory it is read.
    :param location: the location's id.
    :param old: pieces on hand before, None where it was never stocked there.
    :param safety: its safety stock there.
    """

    wanted: Wanted
    name: Literal["variant_id", "product_id"]
    item: int
    variant: int
    location: int
    old: int | None
    safety: int

    @property
    def identity(self) -> Identity:
        """The item at its location."""
        return (self.name, self.item, self.location)

    def new(self, mode: Mode) -> int:
        """Pieces that lie there afterwards."""
        return self.wanted.quantity if mode == "absolute" else (self.old or 0) + self.wanted.quantity

    def back(self, mode: Mode) -> dict[str, int] | None:
        """The row that takes it back in relative mode, so that what was sold since stays sold; None where nothing was changed."""
        change = (self.old or 0) - self.new(mode)
        return {"location_id": self.location, self.name: self.item, "quantity": change} if change else None

    def body(self) -> dict[str, int]:
        """What is sent of it."""
        return {"location_id": self.location, self.name: self.item, "quantity": self.wanted.quantity}


def find_target(wanted: Wanted, shelf: Shelf, products: Mapping[int, Tracked], locations: Locations) -> Target | Refusal:
    """The item that a row means, distinguished by how its product keeps the stock."""
    location = locations.codes.get(wanted.location.casefold()) if isinstance(wanted.location, str) else wanted.location
    if location is None or (locations.ids is not None and location not in locations.ids):
        name = "location_code" if isinstance(wanted.location, str) else "location_id"
        return Refusal(f"The store has no location of this {name!r}.", (name,))
    found = shelf.find(wanted.name, wanted.value)
    if not found:
        text = f"The store's inventory has no item of this {wanted.name!r}: it does not exist, or its stock is not tracked."
        return Refusal(text, (wanted.name,))
    if wanted.name != "product_id" and len(found) > 1:
        return Refusal(f"The store's inventory has several items of this {wanted.name!r}. Give 'variant_id'.", (wanted.name,))
    first = found[0]
    product = products.get(first.product_id)
    if product is None:
        return Refusal("The store has no such product any more.", (wanted.name,))
    if product.level == "product":
        return _of_product(wanted, first, product, location)
    if product.level == "variant":
        if len(found) > 1:
            text = "The product keeps its stock by variant, and has several. Give 'sku' or 'variant_id'."
            return Refusal(text, (wanted.name,))
        return _target(wanted, "variant_id", first.variant_id, first, location)
    return Refusal(_UNTRACKED, (wanted.name,))


def _of_product(wanted: Wanted, item: Stocked, product: Tracked, location: int) -> Target | Refusal:
    if wanted.name != "product_id" and product.base_variant is None:
        text = "The product keeps one stock for all of its variants, and this is one of several. Give 'product_id'."
        return Refusal(text, (wanted.name,))
    return _target(wanted, "product_id", item.product_id, item, location)


def _target(wanted: Wanted, name: Literal["variant_id", "product_id"], item: int, held: Stocked, location: int) -> Target:
    old, safety = held.places.get(location, (None, 0))
    return Target(wanted, name, item, held.variant_id, location, old, safety)


def refusal_of(target: Target, mode: Mode) -> Refusal | None:
    """Why the store would refuse, or not save, this change; one refused row can refuse all rows of its request."""
    if mode == "absolute":
        return None
    if target.old is None:
        text = "The item was never stocked at this location, so nothing can come or go there. Send an absolute quantity first."
        return Refusal(text, ("location_id",))
    new = target.new(mode)
    if abs(new) > MOST_QUANTITY:
        text = f"With this 'quantity' the item would have more than {MOST_QUANTITY:,} pieces, which BigCommerce does not save."
        return Refusal(text, ("quantity",))
    if target.wanted.quantity < 0 and new < 0:
        text = "The item would fall below 0 at this location, and so below its safety stock, which BigCommerce refuses."
        return Refusal(text, ("quantity",))
    if target.wanted.quantity < 0 and new < target.safety:
        return Refusal("The item would fall below its safety stock at this location, which BigCommerce refuses.", ("quantity",))
    return None


# -- what was read back -----------------------------------------------------------------------------------------------------


def sight(old: int | None, quantity: int, seen: int | None, mode: Mode, *, is_clear: bool) -> Sight:
    """What the value that the store shows now says of a change that was sent.

    Shoppers only lower a stock. So a value between the old one and the higher new one proves that the change was made and sold from. A
    value that is neither proves nothing: sent again, an absolute quantity would bring back what was sold.

    :param old: pieces before it was sent, None where there was no stock.
    :param quantity: what was sent.
    :param seen: pieces now, None where there is still no stock.
    :param is_clear: whether the store answered that it took it. Else a relative quantity below 0 proves nothing either: as many pieces may
        have been sold.
    """
    before = old or 0
    new = quantity if mode == "absolute" else before + quantity
    if seen is None:
        return "old" if old is None else "other"
    if seen == new and (is_clear or mode == "absolute" or quantity > 0):
        return "shown"
    if new > before and before < seen < new:
        return "shown"
    return "old" if seen == old else "other"
