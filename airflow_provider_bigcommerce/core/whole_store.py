"""How a whole store is copied: which resources that can mean, and in which order.

Decides from the catalog's fields alone; what the token may read is for others to ask.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource


def has_all_it_needs(row: Resource) -> bool:
    """Whether a resource can be read whole without anything that only the caller knows: an id, a required filter."""
    if row.kind not in ("collection", "singleton") or row.id_placeholder is not None or row.required_any:
        return False
    if any(name not in row.parent_keys for name in row.required_params):
        return False
    return row.parent is None or has_all_it_needs(CATALOG[row.parent])


def is_second_copy(row: Resource) -> bool:
    """Whether another resource has the same rows: a successor, or one list instead of one list per parent."""
    return row.deprecated or (row.store_wide is not None and has_all_it_needs(CATALOG[row.store_wide]))


def asks_each_parent(row: Resource) -> bool:
    """Whether a read costs a request for each parent (``order_taxes``: one an order)."""
    return bool(row.per_parent) and row.store_wide is None and row.embedded is None


def in_order(rows: Iterable[Resource]) -> list[Resource]:
    """Small reads first, so that a long one keeps nobody waiting for the quota that they share.

    On all nights but the first that is: single records, then lists of which only changes are read (and which are wanted fresh,
    orders say), then whole lists, then lists that cost a request for each parent. Within each, the order that was given.
    """
    return sorted(rows, key=_cost)


def _cost(row: Resource) -> int:
    if row.kind == "singleton" and not row.per_parent:
        return 0
    if asks_each_parent(row):
        return 3
    return 1 if row.modified is not None else 2
