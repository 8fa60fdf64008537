"""Every call that writes, found by its method and path, and by the resource it changes.

Reads the ``writes_*`` modules, which are data.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from airflow_provider_bigcommerce.core.catalog import (
    writes_carts,
    writes_catalog,
    writes_channels,
    writes_content,
    writes_customers,
    writes_inventory,
    writes_marketing,
    writes_orders,
    writes_products,
    writes_settings,
    writes_store,
    writes_tax,
)
from airflow_provider_bigcommerce.core.catalog.write import Write

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.resource import Resource

#: What a caller does to many rows.
Done = Literal["create", "update", "upsert", "delete", "increment", "replace"]

#: Every call by method and path, as BigCommerce's files have them.
OPERATIONS: Mapping[tuple[str, str], Write] = MappingProxyType(
    {
        (write.method, write.path): write
        for writes in (
            writes_products.WRITES,
            writes_catalog.WRITES,
            writes_inventory.WRITES,
            writes_customers.WRITES,
            writes_orders.WRITES,
            writes_carts.WRITES,
            writes_marketing.WRITES,
            writes_channels.WRITES,
            writes_content.WRITES,
            writes_store.WRITES,
            writes_settings.WRITES,
            writes_tax.WRITES,
        )
        for write in writes
    }
)

#: A path's segments; None stands for an id.
Shape = tuple[str | None, ...]


def operation(method: Literal["POST", "PUT", "DELETE"], path: str) -> Write:
    """The call of that method and path, with its placeholders.

    :raises KeyError: BigCommerce's files have none.
    """
    return OPERATIONS[method, path]


def operation_of(method: str, path: str) -> Write | None:
    """The call that a request is, by its path as it is sent (``/v3/catalog/products/77``), or None where no file has it."""
    segments = segments_of(path)
    return next((write for shape, write in _shapes().get((method.upper(), len(segments)), ()) if fits(shape, segments)), None)


def segments_of(path: str) -> list[str]:
    """A path's segments as BigCommerce reads them: encoded letters, V2's old endings, and, to be safe, any case."""
    return unquote(path).lower().removesuffix(".json").removesuffix(".xml").strip("/").split("/")


def shape_of(path: str) -> Shape:
    """The shape of a path with placeholders."""
    return tuple(None if part.startswith("{") else part.lower() for part in path.strip("/").split("/"))


def fits(shape: Shape, segments: Sequence[str]) -> bool:
    """Whether a path has that shape."""
    return len(shape) == len(segments) and all(part is None or part == segment for part, segment in zip(shape, segments, strict=True))


def operations_of(resource: str) -> tuple[Write, ...]:
    """All calls that change the resource of that catalog name."""
    return tuple(write for write in OPERATIONS.values() if write.resource == resource)


def operation_for(row: Resource, done: Done) -> Write | None:
    """The call by which rows of a resource are changed: the one that takes many, where there is a choice.

    :param done: what is done to the rows.
    :returns: None where BigCommerce has no such call.
    """
    if done == "upsert":
        return next((write for write in (row.update, row.create) if write is not None and write.role == "upsert"), None)
    if done in ("increment", "replace"):
        return next((write for write in operations_of(row.name) if write.role == done), None)
    return {"create": row.create, "update": row.update, "delete": row.delete}[done]


@functools.cache
def _shapes() -> Mapping[tuple[str, int], list[tuple[Shape, Write]]]:
    """By method and number of segments; a name goes before an id (``/products/channel-assignments`` is no product)."""
    shapes: dict[tuple[str, int], list[tuple[Shape, Write]]] = {}
    for write in OPERATIONS.values():
        shape = shape_of(write.path)
        shapes.setdefault((write.method, len(shape)), []).append((shape, write))
    for known in shapes.values():
        known.sort(key=lambda item: [part is None for part in item[0]])
    return shapes
