"""What lies at which location: on hand, safety stock, settings. Adjustments come into force late, as BigCommerce's do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_bigcommerce.sandbox.seeding import SeededStore
from airflow_provider_bigcommerce.sandbox.table import Key, Row, Table

MOST = 2**31 - 1  # more than this is answered 200 and not kept
SEEDED_PLACES = 3  # locations at which a seeded variant was stocked


class StockedStore(SeededStore, Protocol):
    """What is asked of a store here."""

    clock: Callable[[], float]

    def edit(self, resource: str, row_id: Key, **fields: Any) -> Row:
        """Change fields of a row."""


@dataclass(frozen=True)
class Adjustment:
    """A new quantity, or a change of it."""

    variant_id: int
    location_id: int
    quantity: int
    relative: bool


class Stock:
    """The stock of one store.

    :param store: whose variants and locations they are.

    `delay` is how many seconds of the store's clock an adjustment takes to show. `applies_rest` tells whether the good items of a refused
    adjustment are kept; no source tells what BigCommerce does.
    """

    def __init__(self, store: StockedStore) -> None:
        self._store = store
        self._table = Table("stock", [], lambda row_id: {"id": row_id, "places": {}}, on_change=store.keep)
        store.add_table(self._table)
        self.delay = 0.0
        self.applies_rest = False
        self._waiting: list[tuple[float, list[Adjustment]]] = []

    # -- reading ----------------------------------------------------------------------------------------------------------------

    def places(self, variant: Row) -> dict[str, Row]:
        """Give what lies where of a variant, by the location's id as text; only locations where it was ever stocked."""
        kept = self._table.get(variant["id"])
        if kept is not None:
            return dict(kept["places"])
        total = variant["inventory_level"] or 0
        found = {}
        for place, location_id in enumerate(list(self._store.tables["inventory_locations"].ids())[:SEEDED_PLACES]):
            share = total - total // 3 * 2 if place == 0 else total // 3  # the locations add up to the variant's level
            found[str(location_id)] = _place(share)
        return found

    def onhand(self, variant_id: int, location_id: int) -> int | None:
        """Tell how many are on hand; None where the variant was never stocked there."""
        variant = self._store.tables["product_variants"].get(variant_id)
        place = None if variant is None else self.places(variant).get(str(location_id))
        return None if place is None else place["onhand"]

    # -- changing ---------------------------------------------------------------------------------------------------------------

    def adjust(self, adjustments: list[Adjustment]) -> None:
        """Take adjustments; they show when `delay` has passed."""
        if self.delay <= 0 and not self._waiting:
            self._apply(adjustments)
        else:
            self._waiting.append((self._store.clock() + self.delay, adjustments))

    def settle(self, *, all_of_it: bool = False) -> None:
        """Bring into force what is due, in the order it came."""
        while self._waiting and (all_of_it or self._waiting[0][0] <= self._store.clock()):
            self._apply(self._waiting.pop(0)[1])

    def waiting(self) -> int:
        """Tell how many adjustments do not show yet."""
        return sum(len(adjustments) for _, adjustments in self._waiting)

    def sell(self, variant_id: int, location_id: int, quantity: int) -> int:
        """Let somebody buy: the stock goes down at once. Gives what is on hand then."""
        self._apply([Adjustment(variant_id, location_id, -quantity, relative=True)])
        return self.onhand(variant_id, location_id) or 0

    def start(self, variant: Row, level: int) -> None:
        """Stock a new variant at the first location only."""
        first = next(iter(self._store.tables["inventory_locations"].ids()), None)
        self._table.put(variant["id"], {"id": variant["id"], "places": {} if first is None else {str(first): _place(level)}})

    def set_level(self, variant: Row, level: int) -> None:
        """Let a level written through the catalog be the variant's: the first location takes the difference."""
        places = self.places(variant)
        first = str(next(iter(self._store.tables["inventory_locations"].ids()), 0))
        others = sum(place["onhand"] for name, place in places.items() if name != first)
        places[first] = {**places.get(first, _place(0)), "onhand": max(0, level - others)}
        self._put(variant, places)

    def set_settings(self, variant: Row, location_id: int, settings: Row) -> None:
        """Change settings of a variant at a location; what is left out stays."""
        places = self.places(variant)
        places[str(location_id)] = {**places.get(str(location_id), _place(0)), **settings}
        self._put(variant, places)

    def _apply(self, adjustments: list[Adjustment]) -> None:
        variants = self._store.tables["product_variants"]
        touched: set[int] = set()
        for one in adjustments:
            variant = variants.get(one.variant_id)
            if variant is None or abs(one.quantity) > MOST:
                continue
            places = self.places(variant)
            place = places.get(str(one.location_id), _place(0))
            onhand = place["onhand"] + one.quantity if one.relative else one.quantity
            if abs(onhand) > MOST:
                continue
            places[str(one.location_id)] = {**place, "onhand": onhand}
            self._put(variant, places)
            touched.add(variant["product_id"])
        for product_id in touched:
            self.sum_up(product_id)

    def _put(self, variant: Row, places: dict[str, Row]) -> None:
        if self._table.watch is not None and self._table.get(variant["id"]) is None:  # what was seeded, so that the change can be told of
            self._table.put(variant["id"], {"id": variant["id"], "places": self.places(variant)}, record=False)
        self._table.put(variant["id"], {"id": variant["id"], "places": places})
        level = sum(place["onhand"] for place in places.values())
        if level != variant["inventory_level"]:
            self._store.tables["product_variants"].put(variant["id"], {**variant, "inventory_level": level})

    def sum_up(self, product_id: int) -> None:
        """Let a product's level follow from its variants', where it is tracked."""
        product = self._store.tables["products"].get(product_id)
        if product is not None and product["inventory_tracking"] != "none":
            level = sum(variant["inventory_level"] or 0 for variant in self._store.variants_of(product_id))
            if level != product["inventory_level"]:
                self._store.edit("products", product_id, inventory_level=level)


def shown_stock(places: dict[str, Row], location_id: int) -> Row:
    """Show what lies of a variant at one location, as the inventory endpoints do.

    :param places: what lies where of the variant, from `Stock.places`.
    """
    place = places.get(str(location_id)) or _place(0)
    available = place["onhand"] - place["safety_stock"]
    in_stock = place["is_in_stock"]
    return {
        "available_to_sell": available,
        "total_inventory_onhand": place["onhand"],
        "settings": {
            "safety_stock": place["safety_stock"],
            "is_in_stock": available > 0 if in_stock is None else in_stock,
            "warning_level": place["warning_level"],
            "bin_picking_number": place["bin_picking_number"],
        },
    }


def _place(onhand: int) -> Row:
    return {"onhand": onhand, "safety_stock": 0, "warning_level": 2, "is_in_stock": None, "bin_picking_number": ""}
