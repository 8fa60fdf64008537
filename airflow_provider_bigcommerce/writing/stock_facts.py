"""What the store has of the items that an input names: where they lie, how their products keep stock, which locations there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from airflow_provider_bigcommerce.core.row_values import whole_number
from airflow_provider_bigcommerce.core.stocking import Locations, Shelf, Stocked, Tracked, Wanted, stocked
from airflow_provider_bigcommerce.core.writing.items import MOST_LINE
from airflow_provider_bigcommerce.core.writing.row_identity import fold
from airflow_provider_bigcommerce.exceptions import PermissionDeniedError

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore

#: Values that one question names at most: a page of the inventory, and of products.
_MOST_ITEMS, _MOST_PRODUCTS = 1000, 250


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read.

    :param products: product's id -> how it keeps its stock.
    """

    shelf: Shelf
    products: Mapping[int, Tracked]
    locations: Locations


async def learn(store: BigCommerceStore, wanted: Sequence[Wanted], locations: Locations | None = None) -> Facts:
    """Read all that is needed to tell the rows' items apart.

    :param locations: where they are known already.
    :raises BigCommerceError: it could not be read.
    """
    skus = _named(wanted, "sku")
    shelf = Shelf(
        [
            *await items(store, "variant_id:in", _named(wanted, "variant_id")),
            *await items(store, "product_id:in", _named(wanted, "product_id")),
            *await items(store, "sku:in", [sku for sku in skus if "," not in sku]),
            *await items(store, "variant_id:in", await _variants(store, [sku for sku in skus if "," in sku])),
        ]
    )
    products: dict[int, Tracked] = {}
    for query in _chunks("id:in", sorted(map(str, shelf.products)), _MOST_PRODUCTS):
        fields = {**query, "include_fields": "inventory_tracking,base_variant_id"}
        for row in await store.listed("/v3/catalog/products", fields) or ():
            products[int(row["id"])] = Tracked(str(row.get("inventory_tracking")), whole_number(row.get("base_variant_id")))
    must_have = any(isinstance(one.location, str) for one in wanted)
    if locations is None or (must_have and locations.ids is None):
        locations = await _locations(store, must_have=must_have)
    return Facts(shelf, products, locations)


async def items(store: BigCommerceStore, name: str, values: Sequence[str]) -> list[Stocked]:
    """Items of the inventory by one of their names; none for no values.

    :param name: the filter, such as ``sku:in``.
    """
    found: list[Stocked] = []
    for query in _chunks(name, values, _MOST_ITEMS):
        rows = await store.listed("/v3/inventory/items", query) or ()
        found += [item for row in rows if (item := stocked(row)) is not None]
    return found


async def _variants(store: BigCommerceStore, skus: Iterable[str]) -> list[str]:
    """The variants of SKUs with a comma, of which no filter takes several."""
    found: list[str] = []
    for sku in skus:
        rows = await store.listed("/v3/catalog/variants", {"sku": sku}) or ()
        found += [str(row["id"]) for row in rows if fold("sku", row.get("sku")) == fold("sku", sku)]
    return found


async def _locations(store: BigCommerceStore, *, must_have: bool) -> Locations:
    """The store's locations. Without the permission to read them, a location's id is taken as it is."""
    try:
        rows = await store.listed("/v3/inventory/locations") or []
    except PermissionDeniedError:
        if must_have:
            raise
        return Locations(None, {})
    codes = {str(row.get("code")).strip().casefold(): int(row["id"]) for row in rows}
    return Locations(frozenset(int(row["id"]) for row in rows), codes)


def _named(wanted: Iterable[Wanted], name: str) -> list[str]:
    return list(dict.fromkeys(str(one.value) for one in wanted if one.name == name))


def _chunks(name: str, values: Sequence[str], most: int) -> Iterator[dict[str, str]]:
    """Queries that ask for all of these values, each within the length of a request's line."""
    chunk: list[str] = []
    size = 0
    for value in values:
        more = len(quote_plus(f"{value},"))
        if chunk and (len(chunk) >= most or size + more > MOST_LINE - 300):
            yield {name: ",".join(chunk)}
            chunk, size = [], 0
        chunk.append(value)
        size += more
    if chunk:
        yield {name: ",".join(chunk)}
