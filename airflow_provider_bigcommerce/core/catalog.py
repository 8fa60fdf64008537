"""What BigCommerce has to read and write: one row a resource, each a fact with its source.

Data, not code: the client reads these rows and never asks for a resource's name. A resource that differs has a field
that says how.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from airflow_provider_bigcommerce.exceptions import UnknownResourceError

Kind = Literal["collection", "singleton", "by_id", "lookup"]

#: How a list is walked: ``v3_page`` (page and limit, meta.pagination), ``v3_cursor`` (after = meta.cursor_pagination
#: .end_cursor), ``v2_page`` (bare arrays until a short page or 204), ``keyset`` (after = last key), ``single`` (one answer).
Paging = Literal["v3_page", "v3_cursor", "v2_page", "keyset", "single"]

#: ``data``: ``{"data": ..., "meta": ...}``; ``bare``: the list or object itself (V2).
Envelope = Literal["data", "bare"]

#: How dates are written in filters: V3 wants ISO-8601 with a full time, V2 takes RFC-2822.
DateFormat = Literal["iso8601", "rfc2822"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFilter:
    """The pair of parameters that bounds a list by a date.

    :param since: parameter for "at or after", e.g. ``date_modified:min``.
    :param until: parameter for "at or before", or None where only a lower bound exists.
    :param field: the row's field that the filter compares.
    :param format: how the value is written.
    """

    since: str
    until: str | None
    field: str
    format: DateFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One way to change a resource.

    :param method: HTTP method.
    :param path: as in :class:`Resource`, placeholders included.
    :param batch_size: rows a request may carry, 1 where the body is one object, None where a list's limit is unpublished.
    :param required_filters: query parameters without which the call must not be sent (a bulk DELETE that would empty the store).
    :param concurrency: documented requests at once, or None.
    """

    method: Literal["POST", "PUT", "DELETE"]
    path: str
    batch_size: int | None = 1
    required_filters: tuple[str, ...] = ()
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One readable resource of the Management API.

    :param name: the name a user types; plural for collections.
    :param area: heading in the reference (``catalog``, ``orders`` ...).
    :param path: API path, ``/v3/catalog/products`` or ``/v2/orders/{order_id}/products``.
    :param kind: ``collection``, ``singleton``, ``by_id`` (no list exists), ``lookup`` (needs ``required_params``).
    :param parent: catalog name of the resource whose rows fill the path's placeholders, or None.
    :param parent_keys: placeholder -> field of the parent's row; every placeholder is in it. The placeholder, in snake case,
        is also the column that each row gets.
    :param paging: how the list is walked.
    :param page_size: largest ``limit`` (250 where no page says otherwise), 0 where the list takes none.
    :param include_page_size: include value -> the smaller page it forces (``options`` and ``modifiers``: 10).
    :param primary_key: fields that identify a row, dots for nested ones; empty for singletons without one.
    :param modified: filter by change date, the one that incremental reading uses, or None.
    :param created: filter by creation date, or None.
    :param sort_by_id: query that makes the list come in ascending key order, or None where no such sort exists.
    :param sort_by_modified: query that sorts by change date ascending, or None.
    :param id_min: parameter "key at or above" (``id:min``, ``min_id``), or None.
    :param id_max: parameter "key at or below", or None.
    :param id_in: parameter that takes a comma-separated list of keys, or None.
    :param includes: values of ``include=``.
    :param include_companions: query parameters that ``include`` needs beside it.
    :param can_select_fields: whether ``include_fields`` works.
    :param can_exclude_fields: whether ``exclude_fields`` works.
    :param filters: other query parameters that the list accepts.
    :param required_params: parameters without which the store refuses the list.
    :param channel_filter: parameter that narrows to a channel, or None.
    :param count_path: endpoint that counts the rows of the same filters, or None (V3 counts by meta.pagination.total).
    :param read_scopes: OAuth scopes of which one is enough to read.
    :param modify_scopes: OAuth scopes of which one is enough to change.
    :param envelope: shape of the answer.
    :param concurrency: documented GETs at once, or None.
    :param webhook_scopes: events that announce a change.
    :param deprecated: whether BigCommerce has deprecated it.
    :param replaced_by: catalog name of the successor, or None.
    :param spec_file: BigCommerce's OpenAPI file that documents it, or None.
    :param spec_exception: why the row does not follow a published file; one of a closed list, or None.
    :param note: what is odd about it, in our words.
    """

    name: str
    area: str
    path: str
    kind: Kind = "collection"
    parent: str | None = None
    parent_keys: Mapping[str, str] = MappingProxyType({})
    paging: Paging = "v3_page"
    page_size: int = 250
    include_page_size: Mapping[str, int] = MappingProxyType({})
    primary_key: tuple[str, ...] = ("id",)
    modified: DateFilter | None = None
    created: DateFilter | None = None
    sort_by_id: Mapping[str, str] | None = None
    sort_by_modified: Mapping[str, str] | None = None
    id_min: str | None = None
    id_max: str | None = None
    id_in: str | None = None
    includes: tuple[str, ...] = ()
    include_companions: Mapping[str, str] = MappingProxyType({})
    can_select_fields: bool = False
    can_exclude_fields: bool = False
    filters: tuple[str, ...] = ()
    required_params: tuple[str, ...] = ()
    channel_filter: str | None = None
    count_path: str | None = None
    read_scopes: tuple[str, ...] = ()
    modify_scopes: tuple[str, ...] = ()
    envelope: Envelope = "data"
    concurrency: int | None = None
    webhook_scopes: tuple[str, ...] = ()
    create: Write | None = None
    update: Write | None = None
    delete: Write | None = None
    upsert: bool = False
    deprecated: bool = False
    replaced_by: str | None = None
    spec_file: str | None = None
    spec_exception: str | None = None
    note: str = ""

    @property
    def api_version(self) -> Literal["v2", "v3"]:
        """``v2`` or ``v3``, from the path."""
        return "v2" if self.path.startswith("/v2/") else "v3"


#: Other names people know, and the catalog's name for each.
ALIASES: Mapping[str, str] = MappingProxyType({"variants": "product_variants", "line_items": "order_products"})

_ROWS: tuple[Resource, ...] = ()

CATALOG: Mapping[str, Resource] = MappingProxyType({row.name: row for row in _ROWS})


def find(name: str) -> Resource:
    """The catalog row of that name or alias.

    :raises UnknownResourceError: with the nearest names.
    """
    known = CATALOG.get(ALIASES.get(name, name))
    if known is None:
        raise UnknownResourceError(name, difflib.get_close_matches(name, [*CATALOG, *ALIASES], n=3, cutoff=0.5))
    return known
