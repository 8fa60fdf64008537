"""What BigCommerce has to read and write: one row per resource, each a fact with its source.

Data, not code: the client reads these rows and never asks for a resource's name. A resource that differs has a field
that says how. The fields are in ``resource.py``, the rows in ``rows_*.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from airflow_provider_bigcommerce.core.catalog import (
    rows_b2b,
    rows_carts,
    rows_catalog,
    rows_catalog_v2,
    rows_channels,
    rows_content,
    rows_customers,
    rows_inventory,
    rows_marketing,
    rows_orders,
    rows_settings,
    rows_store,
    rows_tax,
)
from airflow_provider_bigcommerce.core.catalog.resource import (
    DateFilter,
    DateFormat,
    Embedded,
    Envelope,
    Figure,
    Guarantee,
    Kind,
    Paging,
    Resource,
    Scopes,
    SpecException,
    Summary,
    Total,
)
from airflow_provider_bigcommerce.core.catalog.write import Lookup, Write
from airflow_provider_bigcommerce.exceptions import UnknownResourceError

__all__ = [
    "ALIASES",
    "CATALOG",
    "DateFilter",
    "DateFormat",
    "Embedded",
    "Envelope",
    "Figure",
    "Guarantee",
    "Kind",
    "Lookup",
    "Paging",
    "Resource",
    "Scopes",
    "SpecException",
    "Summary",
    "Total",
    "Write",
    "find",
]

#: Other names people know, and the catalog's name for each.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "variants": "product_variants",
        "line_items": "order_products",
        "shipments": "order_shipments",
        "transactions": "order_transactions",
        "refunds": "order_refunds",
        "locations": "inventory_locations",
        "hooks": "webhooks",
        "store": "store_information",
    }
)

#: Every row by name, area by area in the order of the reference.
CATALOG: Mapping[str, Resource] = MappingProxyType(
    {
        row.name: row
        for rows in (
            rows_catalog.ROWS,
            rows_inventory.ROWS,
            rows_customers.ROWS,
            rows_orders.ROWS,
            rows_carts.ROWS,
            rows_marketing.ROWS,
            rows_channels.ROWS,
            rows_content.ROWS,
            rows_store.ROWS,
            rows_settings.ROWS,
            rows_tax.ROWS,
            rows_catalog_v2.ROWS,
            rows_b2b.ROWS,
        )
        for row in rows
    }
)


def find(name: str) -> Resource:
    """The catalog row of that name or alias.

    :raises UnknownResourceError: with the nearest names.
    """
    known = CATALOG.get(ALIASES.get(name, name))
    if known is None:
        import difflib  # a third of this package's import time, for a misspelt name only

        raise UnknownResourceError(name, difflib.get_close_matches(name, [*CATALOG, *ALIASES], n=3, cutoff=0.5))
    return known
