"""Chooses the walk for a resource and a query: by id ranges where that is exact, else by cursor, else by page number.

Pure; reads catalog rows and never asks for a resource's name.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, cast

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.arguments import filters
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource, Write, find
from airflow_provider_bigcommerce.core.catalog.resource import PLACEHOLDER, Paging
from airflow_provider_bigcommerce.core.ends import PageLengths
from airflow_provider_bigcommerce.core.hosts import B2B, host_of
from airflow_provider_bigcommerce.core.id_ranges import IdRanges
from airflow_provider_bigcommerce.core.keys import Key, KeyReader
from airflow_provider_bigcommerce.core.messages import Query, QueryValue, Request, query_text
from airflow_provider_bigcommerce.core.modified_after import ModifiedAfter
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.paging import Cursors, KeysetAfter, SinglePage, Walk
from airflow_provider_bigcommerce.core.paths import checked, fault_of
from airflow_provider_bigcommerce.core.positions import Position
from airflow_provider_bigcommerce.core.raw_fields import fields_of
from airflow_provider_bigcommerce.core.whole_list import WholeList
from airflow_provider_bigcommerce.core.windows import Window, window_query
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnexpectedAnswerError

#: Parameters of paging; a walk sets them itself unless the caller does.
PAGING_PARAMETERS = frozenset({"page", "limit", "offset", "before", "after"})

#: A filter that no list has, sent by who wants to know what a list does with such a one.
UNKNOWN_ON_PURPOSE = "airflow_provider_bigcommerce_unknown"

#: Rows that a list is asked for whose pages nobody documents.
DEFAULT_LIMIT = 250

FILTERS = filters()

#: A query with one of these walks as the caller says, not by ids.
_ORDERED = frozenset({"sort", "direction", "sortBy", "orderBy", "page", "before", "after"})
#: No row of a store has such a date.
_AFTER_ALL = datetime(2100, 1, 1, tzinfo=UTC)

#: Parameters that shape rows and do not change which there are, nor their order.
_SHAPE = frozenset({"include", "include_fields", "exclude_fields", "consignment_structure"})


def resource_of(name_or_path: str) -> Resource:
    """The catalog row of a name, an alias, a catalog path, or a path with ids filled in (``/v2/orders/7/products``).

    A path that no row has is read as its API's plain list.

    :raises UnknownResourceError: a name that is not in the catalog.
    :raises InvalidQueryError: a path outside V2 and V3, or one that may not be sent (``core/paths.py``).
    """
    if not name_or_path.startswith("/"):
        return find(name_or_path)
    path = checked(name_or_path, placeholders=True)
    for row in CATALOG.values():
        if row.path == path:
            return row
    for row in CATALOG.values():
        if (keys := _keys_in(path, row)) is not None:
            return _below(row, path, keys)
    is_v2 = path.startswith("/v2/")
    paging: Paging = "v2_page" if is_v2 else "offset" if host_of(path) is B2B else "v3_page"
    return Resource(name=path, area="", path=path, primary_key=(), paging=paging, envelope="bare" if is_v2 else "data")


def copied_resource(name_or_path: str) -> Resource:
    """As :func:`resource_of`, for what is kept under the resource's name: a copy, its watermark, its proof.

    :raises InvalidQueryError: a path with ids filled in. It is a part of a resource, and the name would stand for all of it.
    """
    row = resource_of(name_or_path)
    known = CATALOG.get(row.name)
    if known is not None and known.path != row.path:
        keys = _keys_in(row.path, known) or {}
        ids = {name: int(value) if value.isdecimal() else value for name, value in keys.items()}
        parent_ids = [*ids.values()] if len(ids) == 1 else [ids]
        raise InvalidQueryError(
            f"resource={name_or_path!r} is a part of {row.name!r}, and a copy is kept under the name of the whole. "
            f"Give resource={row.name!r}, parent_ids={parent_ids!r}."
        )
    return row


def _keys_in(path: str, row: Resource) -> dict[str, str] | None:
    """Placeholder -> value in a path that is this row's with ids filled in; None where it is another path."""
    if not row.placeholders:
        return None
    pattern = "([^/]+)".join(map(re.escape, PLACEHOLDER.sub("{}", row.path).split("{}")))
    found = re.fullmatch(pattern, path)
    return dict(zip(row.placeholders, found.groups(), strict=True)) if found else None


def _below(row: Resource, path: str, keys: Mapping[str, str]) -> Resource:
    """The one list, or record, that a filled path names: all its other paths are filled with the same ids."""
    if left := [value for value in keys.values() if PLACEHOLDER.search(value)]:
        raise InvalidQueryError(f"{path!r} has {', '.join(map(repr, left))} still to be filled in. Give all ids, or none: {row.name!r}.")

    def with_keys(text: str | None) -> str | None:
        return None if text is None else PLACEHOLDER.sub(lambda match: keys.get(match[1], match[0]), text)

    def write(known: Write | None) -> Write | None:
        return None if known is None else replace(known, path=with_keys(known.path) or known.path)

    return replace(
        row,
        path=path,
        item_path=with_keys(row.item_path),
        count_path=with_keys(row.count_path),
        create=write(row.create),
        update=write(row.update),
        delete=write(row.delete),
        parent=None,
        parent_keys={},
        parent_dates={},
        required_params=tuple(sorted({*row.required_params, *row.parent_dates})),
        embedded=None,
        store_wide=None,
        store_wide_keys={},
    )


@lru_cache(maxsize=1024)
def placeholders(path: str) -> tuple[str, ...]:
    """Names of a path's placeholders, in order."""
    return tuple(PLACEHOLDER.findall(path))


def check_query(resource: Resource, query: Query) -> None:
    """Refuse a query that the resource does not know, before anything is sent.

    :raises InvalidQueryError: an unknown parameter, with the ones the resource has; a value that cannot be one; or a required one is
        missing.
    """
    check_parameters(resource, query)
    check_required(resource, query)


def check_required(resource: Resource, query: Query) -> None:
    """Refuse a query that lacks what the resource needs.

    :raises InvalidQueryError: a required parameter is missing.
    """
    if resource.name.startswith("/"):  # a path that the catalog does not know
        return
    missing = [name for name in resource.required_params if name not in query and name not in resource.parent_keys]
    if missing:
        raise InvalidQueryError(f"{resource.name!r} needs the parameter {', '.join(map(repr, missing))} in query={{...}}.")
    if resource.required_any and not query.keys() & set(resource.required_any):
        raise InvalidQueryError(f"{resource.name!r} needs one of {', '.join(map(repr, resource.required_any))} in query={{...}}.")


def unknown_filters(method: str, path: str, names: Iterable[str]) -> str | None:
    """Warn of query parameters that a list of the catalog does not have, for requests that may send what they like.

    :param path: ``/v3/...`` or ``/v2/...`` with its ids filled in.
    :param names: the parameters; what they are set to may be a customer's data.
    :returns: one line for the log, or None where nothing is known against them.
    """
    try:
        row = resource_of(path) if method == "GET" else None
    except InvalidQueryError:  # no path of a list
        return None
    if row is None or row.name.startswith("/"):
        return None
    unknown = sorted(set(names) - row.parameters - PAGING_PARAMETERS - {UNKNOWN_ON_PURPOSE})
    if not unknown:
        return None
    shown = ", ".join(repr(name[:60]) for name in unknown[:5])
    near = difflib.get_close_matches(unknown[0], row.parameters, n=3, cutoff=0.6)
    hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
    return (
        f"{row.name!r} has no published parameter {shown}: BigCommerce may refuse it, or ignore it and send every row.{hint} "
        "The resource's page lists the ones it has."
    )


def check_parameters(resource: Resource, query: Query, argument: str = "query", *, is_one: bool = False) -> None:
    """Refuse parameters and values that BigCommerce would ignore, or read as something else: it would answer with all rows.

    :param argument: what the query is called, for messages.
    :param is_one: whether it goes with one row's path and not with the list.
    :raises InvalidQueryError: an unknown parameter, or a value that cannot be one.
    """
    FILTERS(argument, query)
    for name, value in query.items():
        _check_value(resource, name, value, argument)
    if resource.name.startswith("/"):
        return
    accepted = resource.parameters | ({*resource.item_params} if is_one else _paging_of(resource))
    if unknown := sorted(query.keys() - accepted):
        known = {name.lower(): name for name in accepted}
        near = [known[name] for name in difflib.get_close_matches(unknown[0].lower(), known, n=3, cutoff=0.6)]
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        names = ", ".join(sorted(resource.parameters)) or f"none{' but page and limit' if 'page' in accepted else ''}"
        raise InvalidQueryError(f"{resource.name!r} has no parameter {', '.join(map(repr, unknown))}.{hint} It has: {names}.")
    included = [part.strip() for part in query_text(query.get("include", "")).split(",") if part.strip()]
    if resource.includes and (unknown := [part for part in included if part not in resource.includes]):
        names = ", ".join(map(repr, resource.includes))
        raise InvalidQueryError(f"include={unknown!r} is unknown for {resource.name!r}. Accepted: {names}.")


def _paging_of(resource: Resource) -> frozenset[str]:
    """The parameters of paging that mean something for this list."""
    if resource.kind == "singleton" or resource.paging == "single":
        return frozenset()
    if resource.paging == "offset":
        return frozenset({"offset", "limit"}) - resource.parameters
    cursors = {"v3_cursor": {"before", "after"}, "keyset": {"after"}}.get(resource.paging, set())
    return frozenset({"page", "limit", *cursors}) - resource.parameters


def _check_value(resource: Resource, name: str, value: object, argument: str) -> None:
    """Refuse a value that is none: BigCommerce takes a filter without a value for no filter."""
    about = f"{argument}[{name!r}]"
    if name in ("page", "limit", "offset"):
        text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        most = f" to {resource.page_size}" if name == "limit" and resource.page_size else " or more"
        least = int(name != "offset")
        if not text.isascii() or not text.isdecimal() or int(text[:20]) < least:
            raise InvalidQueryError(f"{name}={value!r:.80} is no number that {resource.name!r} takes; accepted: {least}{most}.")
        return
    query_text(value, about)  # type: ignore[arg-type]  # that it is a value is what it tells
    if value in ("", "None") or (isinstance(value, (list, tuple)) and (not value or "" in value)):
        raise InvalidQueryError(
            f"{about} is empty, and BigCommerce takes a filter without a value for no filter: it would send all rows. Give a value, or "
            "leave the parameter out."
        )


def is_counted(resource: Resource, query: Query) -> bool:
    """Whether the resource's endpoint for counts tells how many rows a query has: most are documented without filters."""
    return resource.count_path is not None and not resource.placeholders and (resource.is_count_filtered or not query.keys() - _SHAPE)


def ancestor_of(resource: Resource) -> Resource | None:
    """The list that ``parent_query`` filters: the parent, or the first one above it that has no parent; None where there is none."""
    above = CATALOG[resource.parent] if resource.parent is not None else None
    return ancestor_of(above) or above if above is not None and above.parent_keys else above


@lru_cache(maxsize=1024)  # of the catalog's paths, asked for with each row
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
        if key is None or re.search(r"[%\s]", text) or fault_of(text):
            raise InvalidQueryError(f"{path} needs {match[1]}, and {key!r} is no id.")
        return text

    return PLACEHOLDER.sub(value, path)


def full_query(resource: Resource, query: Query | None) -> dict[str, QueryValue]:
    """The caller's query with what its ``include`` needs in addition (``consignment_structure=object``), and what a whole list needs."""
    out = dict(query or {})
    if not out.get("include"):
        out.pop("include", None)
    else:
        for name, value in resource.include_companions.items():
            out.setdefault(name, value)
    for name, value in resource.whole_params.items():
        out.setdefault(name, value)
    return out


def walk_of(
    resource: Resource, path: str, query: Query | None = None, start: Position | None = None, *, lengths: PageLengths | None = None
) -> Walk:
    """How to walk that list.

    :param path: the resource's path with its placeholders filled.
    :param query: filters as the caller wrote them; ``limit`` lowers the page size, ``page`` (or ``offset``) asks for that page alone.
    :param start: the position of an earlier walk of the same list with the same query; its walk continues there.
    :param lengths: for the list of one parent of many: what the lists of the others have shown of the length of pages.
    """
    params = full_query(resource, query)
    limit = _limit(resource, params)
    params.pop("limit", None)
    request = Request.get(path, params)

    def by_page(start: Position | None) -> Walk:
        only_grows = (resource.primary_key == ("id",) or is_by_offset) and not params.keys() - _SHAPE - resource.whole_params.keys()
        sort = {} if _ORDERED & params.keys() else resource.stable_sort
        return PageNumbers(
            request.with_params(dict(sort)),
            limit or DEFAULT_LIMIT,
            keys_of(resource),
            only_grows=only_grows,
            start=start,
            lengths=lengths,
            is_by_offset=is_by_offset,
        )

    is_by_offset = resource.paging == "offset"

    whole = partial(WholeList, request=request, start=start)
    if ("offset" if is_by_offset else "page") in params:
        return SinglePage(request, is_whole=False, limit=limit)
    if resource.kind != "collection" or resource.paging == "single" or limit == 0:
        if resource.may_have_pages:
            return whole(SinglePage(request, asks_again=lengths is None, limit=DEFAULT_LIMIT, by_page=lambda: by_page(None)))
        return SinglePage(request, asks_again=lengths is None and resource.kind == "collection")
    if (keys := _key_range(resource, params)) is not None:
        filters = {k: v for k, v in params.items() if k not in _SHAPE}
        count = Request.get(resource.count_path, filters) if resource.count_path else None
        id_min, id_max, order = keys
        last = int(query_text(params[id_max])) if id_max in params else None
        by_id = request.with_params(dict(order))
        ranges = IdRanges(by_id, limit, id_min, id_max, integer_keys(resource), count=count, last=last, start=start)
        if resource.count_path is None or not filters:
            return whole(ranges, count=count)
        windows = [
            window_query(resource, Window(_AFTER_ALL, _AFTER_ALL if dates.until else None), dates)
            for dates in (resource.modified, resource.created)
            if dates is not None
        ]
        of_none = next((Request.get(resource.count_path, query) for query in windows if filters.keys() <= query.keys()), None)
        return whole(ranges, count=count, count_of_all=Request.get(resource.count_path), count_of_none=of_none)
    if resource.is_by_modified and resource.modified is not None and resource.sort_by_modified is not None and not _ORDERED & params.keys():
        field = (resource.modified.field,)

        def date_of(record: msgspec.Raw) -> object:
            (value,) = fields_of(record, field)
            return None if value is None else odd_bytes.python_value(value)

        by_date = request.with_params(dict(resource.sort_by_modified))
        return whole(ModifiedAfter(by_date, limit, resource.modified.since, date_of, keys_of(resource), lambda: by_page(None), start))
    if resource.paging == "v3_cursor":
        return whole(Cursors(request, limit, by_page, start, keys_of=keys_of(resource), asks_again=lengths is None))
    if resource.paging == "keyset":
        return whole(KeysetAfter(request, limit, "after", integer_key(resource), start))
    counted = Request.get(resource.count_path) if resource.count_path and is_counted(resource, params) else None
    return whole(by_page(start), count=counted, needs_count=counted is not None)


def _limit(resource: Resource, params: Mapping[str, QueryValue]) -> int:
    limits = [resource.page_size]
    if "limit" in params:
        _check_value(resource, "limit", params["limit"], "query")
        limits.append(int(query_text(params["limit"])))
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

    Rows without a key are distinguished by their JSON.
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


def integer_keys(resource: Resource) -> Callable[[Sequence[msgspec.Raw]], list[int]]:
    """A reader of the integer keys of rows.

    :raises UnexpectedAnswerError: (by the reader) a row without it.
    """
    reader = KeyReader(resource.name, resource.primary_key)
    slow = integer_key(resource)

    def read(records: Sequence[msgspec.Raw]) -> list[int]:
        keys = reader.keys(records)
        if all(type(key) is int for key in keys):
            return cast("list[int]", keys)
        return [slow(record) for record in records]

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
