"""Chooses the walk for a resource and a query: by id ranges where that is exact, else by cursor, else by page number.

Pure; reads catalog rows and never asks for a resource's name.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource, find
from airflow_provider_bigcommerce.core.catalog.resource import PLACEHOLDER
from airflow_provider_bigcommerce.core.keys import Key, KeyReader
from airflow_provider_bigcommerce.core.messages import Query, QueryValue, Request, query_text
from airflow_provider_bigcommerce.core.modified_after import ModifiedAfter
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.paging import Cursors, IdRanges, KeysetAfter, SinglePage, Walk, fields_of
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnexpectedAnswerError

#: Parameters of paging, which every list may be asked with; a walk sets them itself unless the caller does.
PAGING_PARAMETERS = frozenset({"page", "limit", "before", "after"})

#: A query with one of these walks as the caller says, not by ids.
_ORDERED = frozenset({"sort", "direction", "page", "before", "after"})
#: Parameters that shape rows and do not change which there are, nor their order.
_SHAPE = frozenset({"include", "include_fields", "exclude_fields", "consignment_structure"})


def resource_of(name_or_path: str) -> Resource:
    """The catalog row of a name, an alias, a catalog path, or a path with ids filled in (``/v2/orders/7/products``).

    A path that no row has is read as its version's plain list.

    :raises UnknownResourceError: a name that is not in the catalog.
    :raises InvalidQueryError: a path outside V2 and V3, or with a query string.
    """
    if not name_or_path.startswith("/"):
        return find(name_or_path)
    path = name_or_path.rstrip("/")
    version = path[1:3]
    if version not in ("v2", "v3") or any(mark in path for mark in "?#") or ".." in path:
        raise InvalidQueryError(
            f"{name_or_path!r} is no API path. Accepted: paths below the store such as '/v3/catalog/products', without a query string."
        )
    for row in CATALOG.values():
        if row.path == path:
            return row
    for row in CATALOG.values():
        if row.placeholders and re.fullmatch("[^/]+".join(map(re.escape, PLACEHOLDER.sub("{}", row.path).split("{}"))), path):
            return replace(row, path=path, parent=None, parent_keys={}, embedded=None)
    is_v2 = version == "v2"
    return Resource(
        name=path, area="", path=path, primary_key=(), paging="v2_page" if is_v2 else "v3_page", envelope="bare" if is_v2 else "data"
    )


def placeholders(path: str) -> tuple[str, ...]:
    """Names of a path's placeholders, in order."""
    return tuple(PLACEHOLDER.findall(path))


def check_query(resource: Resource, query: Query) -> None:
    """Refuse a query that the resource does not know, before anything is sent.

    :raises InvalidQueryError: an unknown parameter, with the ones the resource has; or a required one is missing.
    """
    if resource.name.startswith("/"):  # a path that the catalog does not know
        return
    accepted = resource.parameters
    unknown = sorted(query.keys() - accepted - PAGING_PARAMETERS)
    if unknown:
        near = difflib.get_close_matches(unknown[0], accepted, n=3, cutoff=0.6)
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        names = ", ".join(sorted(accepted)) or "none but page and limit"
        raise InvalidQueryError(f"{resource.name!r} has no parameter {', '.join(map(repr, unknown))}.{hint} It has: {names}.")
    missing = [name for name in resource.required_params if name not in query and name not in resource.parent_keys]
    if missing:
        raise InvalidQueryError(f"{resource.name!r} needs the parameter {', '.join(map(repr, missing))} in query={{...}}.")
    if resource.required_any and not query.keys() & set(resource.required_any):
        raise InvalidQueryError(f"{resource.name!r} needs one of {', '.join(map(repr, resource.required_any))} in query={{...}}.")


def column_of(placeholder: str) -> str:
    """The column that carries a parent's key on each row: the placeholder in snake case (``customerId`` -> ``customer_id``)."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", placeholder).replace("-", "_").lower()


def filled(path: str, keys: Mapping[str, int | str]) -> str:
    """The path with its placeholders filled.

    :param keys: placeholder -> value.
    :raises InvalidQueryError: a placeholder without a value, or a value that would change the path.
    """

    def value(match: re.Match[str]) -> str:
        key = keys.get(match[1])
        text = str(key)
        if key is None or not text or re.search(r"[/?#%\s]|^\.+$", text):
            raise InvalidQueryError(f"{path} needs {match[1]}, and {key!r} is no id.")
        return text

    return PLACEHOLDER.sub(value, path)


def full_query(resource: Resource, query: Query | None) -> dict[str, QueryValue]:
    """The caller's query with what its ``include`` needs beside it, such as ``consignment_structure=object``."""
    out = dict(query or {})
    if not out.get("include"):
        out.pop("include", None)
    else:
        for name, value in resource.include_companions.items():
            out.setdefault(name, value)
    return out


def walk_of(resource: Resource, path: str, query: Query | None = None, start: Position | None = None) -> Walk:
    """How to walk that list.

    :param path: the resource's path with its placeholders filled.
    :param query: filters as the caller wrote them; ``limit`` lowers the page size, ``page`` asks for that page alone.
    :param start: the position of an earlier walk of the same list with the same query; its walk goes on there.
    """
    params = full_query(resource, query)
    limit = _limit(resource, params)
    params.pop("limit", None)
    request = Request.get(path, params)
    if resource.kind != "collection" or resource.paging == "single" or limit == 0:
        return SinglePage(request)
    if "page" in params:
        return SinglePage(request.with_params({"limit": limit}), is_whole=False)
    if (keys := _key_range(resource, params)) is not None:
        count = Request.get(resource.count_path, {k: v for k, v in params.items() if k not in _SHAPE}) if resource.count_path else None
        id_min, id_max, order = keys
        last = int(query_text(params[id_max])) if id_max in params else None
        key_of = integer_key(resource)
        return IdRanges(request.with_params(dict(order)), limit, id_min, id_max, key_of, count=count, last=last, start=start)

    def by_page(start: Position | None) -> Walk:
        only_grows = resource.primary_key == ("id",) and not params.keys() - _SHAPE
        return PageNumbers(request, limit, keys_of(resource), only_grows=only_grows, start=start)

    if resource.is_by_modified and resource.modified is not None and resource.sort_by_modified is not None and not _ORDERED & params.keys():
        field = (resource.modified.field,)

        def date_of(record: msgspec.Raw) -> object:
            (value,) = fields_of(record, field)
            return None if value is None else odd_bytes.python_value(value)

        by_date = request.with_params(dict(resource.sort_by_modified))
        return ModifiedAfter(by_date, limit, resource.modified.since, date_of, keys_of(resource), lambda: by_page(None), start)
    if resource.paging == "v3_cursor":
        return Cursors(request, limit, by_page, start)
    if resource.paging == "keyset":
        return KeysetAfter(request, limit, "after", integer_key(resource), start)
    return by_page(start)


def _limit(resource: Resource, params: Mapping[str, QueryValue]) -> int:
    limits = [resource.page_size]
    if asked := params.get("limit"):
        try:
            limits.append(int(query_text(asked)))
        except ValueError:
            raise InvalidQueryError(f"limit={asked!r} is no number; accepted: 1 to {resource.page_size}.") from None
    included = query_text(params.get("include", "")).split(",")
    limits += [size for name, size in resource.include_page_size.items() if name in included]
    return max(min(limits), 0)


def _key_range(resource: Resource, params: Mapping[str, QueryValue]) -> tuple[str, str, Mapping[str, str]] | None:
    """Lower bound, upper bound and key order, where the list can be walked by ranges of its key and the query leaves that free."""
    if not (resource.id_min and resource.id_max) or resource.sort_by_id is None or len(resource.primary_key) != 1:
        return None
    taken = {resource.id_in, "id", "id:greater", "id:less", *_ORDERED}
    bounds = [query_text(params[name]) for name in (resource.id_min, resource.id_max) if name in params]
    if taken & params.keys() or not all(bound.isdecimal() for bound in bounds):
        return None
    return resource.id_min, resource.id_max, resource.sort_by_id


def keys_of(resource: Resource) -> Callable[[Sequence[msgspec.Raw]], list[Key]]:
    """A reader of the keys that tell the rows of one list apart: without its parents' keys, which are the same for all.

    Rows without a key are told apart by their JSON.
    """
    columns = {column_of(name) for name in resource.parent_keys}
    names = tuple(name for name in resource.primary_key if name not in columns)
    reader = KeyReader(resource.name, names) if names else None

    def read(records: Sequence[msgspec.Raw]) -> list[Key]:
        if reader is not None:
            with contextlib.suppress(UnexpectedAnswerError):
                return [key for key, _ in reader.read(records)]
        return [hashlib.blake2b(record, digest_size=16).hexdigest() for record in records]

    return read


def integer_key(resource: Resource) -> Callable[[msgspec.Raw], int]:
    """A reader of the integer that a row's last key field holds, which decodes nothing else of the row.

    :raises UnexpectedAnswerError: (by the reader) a row without it.
    """
    name = resource.primary_key[-1] if resource.primary_key else "id"
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(msgspec.defstruct("Key", [("key", int)], rename={"key": name}))

    def key_of(record: msgspec.Raw) -> int:
        try:
            return int(odd_bytes.decoded(decoder, record).key)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswerError(f"A record of {resource.name} has no usable key {name!r}: {error}.") from None

    return key_of
