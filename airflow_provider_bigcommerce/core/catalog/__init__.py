"""What BigCommerce has to read and write: one row a resource, each a fact with its source.

Data, not code: the client reads these rows and never asks for a resource's name. A resource that differs has a field
that says how. The fields are in ``resource.py``, the rows in ``rows_*.py``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from airflow_provider_bigcommerce.core.catalog import rows_catalog, rows_customers, rows_orders, rows_store
from airflow_provider_bigcommerce.core.catalog.resource import (
    DateFilter,
    DateFormat,
    Envelope,
    Guarantee,
    Kind,
    Paging,
    Resource,
    Scopes,
    Write,
)
from airflow_provider_bigcommerce.exceptions import UnknownResourceError

__all__ = [
    "ALIASES",
    "CATALOG",
    "DateFilter",
    "DateFormat",
    "Envelope",
    "Guarantee",
    "Kind",
    "Paging",
    "Resource",
    "Scopes",
    "Write",
    "find",
]

#: Other names people know, and the catalog's name for each.
ALIASES: Mapping[str, str] = MappingProxyType({"variants": "product_variants", "line_items": "order_products"})

CATALOG: Mapping[str, Resource] = MappingProxyType(
    {row.name: row for area in (rows_catalog, rows_customers, rows_orders, rows_store) for row in area.ROWS}
)


def find(name: str) -> Resource:
    """The catalog row of that name or alias.

    :raises UnknownResourceError: with the nearest names.
    """
    known = CATALOG.get(ALIASES.get(name, name))
    if known is None:
        raise UnknownResourceError(name, difflib.get_close_matches(name, [*CATALOG, *ALIASES], n=3, cutoff=0.5))
    return known
