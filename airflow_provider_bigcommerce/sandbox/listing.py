"""Answers to GET on a list: which rows, in what order, which page, with what around them.

Paging follows each endpoint's kind: V3 pages, cursors, both, keyset, V2 bare arrays. It changes nothing.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import gmtime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlencode

from airflow_provider_bigcommerce.sandbox import dates, filters
from airflow_provider_bigcommerce.sandbox.answers import NOTHING, Answer, encode, error
from airflow_provider_bigcommerce.sandbox.children import Children
from airflow_provider_bigcommerce.sandbox.filters import BadParameterError, Filter, Reader
from airflow_provider_bigcommerce.sandbox.table import Row, Table, between
from airflow_provider_bigcommerce.sandbox.unique import folded

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.store import Store

Source: TypeAlias = Table | list[Row] | Children
Paging = Literal["page", "cursor", "both", "keyset", "v2", "none"]
RESERVED = frozenset(
    ("page", "limit", "sort", "direction", "include", "include_fields", "exclude_fields", "after", "before", "consignment_structure")
)


@dataclass(frozen=True)
class Include:
    """A sub-resource a list can embed: the field it comes in, and what makes it.

    `most_rows` is the page size BigCommerce cuts to where this is embedded.
    """

    field: str
    make: Callable[[Store, Row], Any]
    most_rows: int | None = None


@dataclass(frozen=True)
class Listing:
    """How one list is read.

    :param rows: the table, or the rows, for the keys in the path; None where the parent is not there.
    :param key: the field a cursor and a keyset stand on; empty where no field tells rows apart: cursors then stand on places.
    :param aliases: parameters that are not named as the field they look at.
    :param store_aliases: the same for what a row alone does not tell.
    :param modified: the field behind a fast date filter of a table.
    :param bare_date_gets_time: a date without time gets the time of day of the request (catalog spec, products).
    :param show: the last change to a row before it is shown, given the query.
    :param empty_is_204: whether a list without rows is answered without a body.
    :param cursor_beside_page: whether `page=1` brings cursors too, as for customers; elsewhere `page` brings page numbers only.
    :param newest_first: whether the list comes by descending key where no sort is asked for.
    """

    rows: Callable[[Store, Mapping[str, Any]], Source | None]
    paging: Paging
    key: str = "id"
    default: int = 50
    maximum: int = 250
    allowed: frozenset[str] = frozenset()
    aliases: Mapping[str, str | Reader] = field(default_factory=dict)
    store_aliases: Mapping[str, Callable[[Store, Row], Any]] = field(default_factory=dict)
    includes: Mapping[str, Include] = field(default_factory=dict)
    modified: str = "date_modified"
    bare_date_gets_time: bool = False
    show: Callable[[Store, Row, Mapping[str, str]], Row] | None = None
    enveloped: bool = True
    empty_is_204: bool = False
    required: tuple[str, ...] = ()
    always_keeps: tuple[str, ...] = ("id",)
    newest_first: bool = False
    cursor_beside_page: bool = False


def answer(store: Store, listing: Listing, path: Mapping[str, Any], query: Mapping[str, str], version: str) -> Answer:
    """Answer GET on a list.

    :param path: the keys in the path, numbers as int.
    :param query: decoded parameters.
    :param version: `v2` or `v3`, for the shape of errors.
    """
    try:
        return _answer(store, listing, path, query, version)
    except BadParameterError as bad:
        return error(version, 400 if version == "v2" else 422, "The request has an invalid parameter.", {bad.name: bad.reason})


def _answer(store: Store, listing: Listing, path: Mapping[str, Any], query: Mapping[str, str], version: str) -> Answer:
    for name in listing.required:
        if not query.get(name):
            raise BadParameterError(name, "is required")
    source = listing.rows(store, path)
    if source is None:
        return error(version, 404)
    wanted = [name.strip() for name in query.get("include", "").split(",") if name.strip()]
    includes = [listing.includes[name] for name in wanted if name in listing.includes]
    limit = listing.default if not query.get("limit") else filters.whole(query["limit"], "limit")
    if listing.paging != "none" and limit > listing.maximum:
        title = f"The limit is too large. The maximum is {listing.maximum}."
        return error(version, 413, title, details={"max_limit": listing.maximum})
    limit = min([limit, *(include.most_rows for include in includes if include.most_rows)])

    chosen, load = select(store, listing, source, query)
    page = _page(listing, chosen, load, query, limit, source)
    if listing.empty_is_204 and not (chosen if listing.enveloped else page.items):  # V2: beyond the last page too
        return NOTHING
    plain = not (includes or listing.show or query.get("include_fields") or query.get("exclude_fields"))
    if plain and isinstance(source, Table) and source.make_json is not None:
        rows_json = b",".join(encode(source.changed[key]) if key in source.changed else source.make_json(key) for key in page.items)
        return Answer(200, b'{"data":[' + rows_json + b'],"meta":' + encode(page.meta) + b"}", rows=len(page.items))
    rows = [load(item) for item in page.items]
    if not plain:
        rows = [shape(store, listing, row, query, includes) for row in rows]
    if not listing.enveloped:
        return Answer(200, encode(rows), rows=len(rows))
    return Answer(200, b'{"data":' + encode(rows) + b',"meta":' + encode(page.meta) + b"}", rows=len(rows))


def shape(store: Store, listing: Listing, row: Row, query: Mapping[str, str], includes: Sequence[Include]) -> Row:
    """Embed what `include` names, keep the fields that are asked for."""
    row = {**row, **{include.field: include.make(store, row) for include in includes}}
    if listing.show is not None:
        row = listing.show(store, row, query)
    if query.get("include_fields"):
        kept = {*query["include_fields"].split(","), *listing.always_keeps, *(include.field for include in includes)}
        row = {name: value for name, value in row.items() if name in kept}
    elif query.get("exclude_fields"):
        dropped = set(query["exclude_fields"].split(",")) - set(listing.always_keeps)
        row = {name: value for name, value in row.items() if name not in dropped}
    return row


# -- which rows ----------------------------------------------------------------------------------------------------------------------


def select(store: Store, listing: Listing, source: Source, query: Mapping[str, str]) -> tuple[Sequence[Any], Callable[[Any], Row]]:
    """Choose and order rows: keys and a loader for a table, the rows themselves for a list."""
    aliases = {**listing.aliases, **{name: partial(read, store) for name, read in listing.store_aliases.items()}}
    found = filters.parse(query, listing.allowed - RESERVED, aliases)
    if listing.bare_date_gets_time:
        found = [with_time_of_day(store, condition) for condition in found]
    sort, descending = _sort_of(listing, query)
    if isinstance(source, Children):
        source = source.near(found)
    if isinstance(source, list):
        rows = [row for row in source if all(f.keeps(row) for f in found)] if found else [*source]
        if sort is not None:
            rows.sort(key=lambda row: _sortable(row.get(sort)), reverse=descending)
        return rows, lambda row: row

    def load(key: Any) -> Row:
        row: Row = source.get(key) or {}
        return row

    if not found and sort in (None, source.key) and not descending:
        return source.ids(), load
    remembered = (source.name, source.version, tuple(found), sort, descending)
    chosen = store.selections.get(remembered)
    if chosen is None:
        found, named = _named(store, source, found)
        chosen = _choose(listing, source, found, sort, descending, named)
        while len(store.selections) > 8:
            store.selections.pop(next(iter(store.selections)))
        store.selections[remembered] = chosen
    return chosen, load


def with_time_of_day(store: Store, condition: Filter) -> Filter:
    """Append the time of the request to a bare date, as products do."""
    if not (condition.operator in ("min", "max") and "date" in condition.name and dates.is_bare(condition.text)):
        return condition
    t = gmtime(store.clock())
    text = f"{condition.text}T{t[3]:02d}:{t[4]:02d}:{t[5]:02d}+00:00"
    return Filter(condition.parameter, condition.name, condition.operator, text, condition.read)


def _sort_of(listing: Listing, query: Mapping[str, str]) -> tuple[str | None, bool]:
    name, _, direction = query.get("sort", "").partition(":")
    if not name and listing.newest_first:
        return None, True
    return name or None, (direction or query.get("direction", "asc")).lower() == "desc"


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, value)
    text = str(value)
    if len(text) > 18:
        try:
            return (1, dates.parse(text))
        except ValueError:
            return (2, text)
    return (2, text)


#: Fields that name a row, with which whole batches are looked up: found by an index, in stores that are not too large for one.
_NAMES = {("products", "sku"), ("products", "name"), ("product_variants", "sku"), ("customers", "email"), ("brands", "name")}
_INDEXES = {name: folded(name) for _, name in _NAMES}
_MOST_INDEXED = 200_000


def _named(store: Store, table: Table, found: list[Filter]) -> tuple[list[Filter], list[Any] | None]:
    """Take the first condition that names rows out of the filters; gives the keys of these rows, or None without such a condition."""
    for f in found:
        if (table.name, f.name) in _NAMES and f.read is None and f.operator in ("is", "in") and len(table) <= _MOST_INDEXED:
            index = store.unique(table.name, _INDEXES[f.name])
            texts = f.text.split(",") if f.operator == "in" else [f.text]
            keys = {key for text in texts for key in index.all(index.of({f.name: text}))}
            return [other for other in found if other is not f], sorted(keys)
    return found, None


def _choose(
    listing: Listing, table: Table, found: list[Filter], sort: str | None, descending: bool, named: list[Any] | None
) -> Sequence[Any]:
    low = high = since = until = None
    rest, listed = [], named
    for f in found:
        if f.name == table.key and f.read is None and f.operator in ("is", "in", "min", "max", "greater", "less"):
            if f.operator == "in":
                numbers = {_key(table, part, f.parameter) for part in f.text.split(",") if part}
                listed = sorted(numbers if listed is None else numbers.intersection(listed))
                continue
            number = _key(table, f.text, f.parameter)
            if f.operator in ("is", "min", "greater") and isinstance(number, int):
                bound = number + (f.operator == "greater")
                low = bound if low is None else max(low, bound)
            if f.operator in ("is", "max", "less") and isinstance(number, int):
                bound = number - (f.operator == "less")
                high = bound if high is None else min(high, bound)
        elif f.name == listing.modified and table.calendar is not None and f.operator in ("min", "max"):
            at = filters.moment(f.text, f.parameter)
            if f.operator == "min":
                since = at if since is None else max(since, at)
            else:
                until = at if until is None else min(until, at)
        else:
            rest.append(f)

    by_date = sort == listing.modified and table.calendar is not None
    ids: Sequence[Any]
    if by_date or since is not None or until is not None:
        ids = table.by_modification(since, until)
        if low is not None or high is not None or listed is not None:
            wanted = None if listed is None else set(listed)
            ids = [i for i in ids if (low is None or i >= low) and (high is None or i <= high) and (wanted is None or i in wanted)]
        if not by_date:
            ids = sorted(ids)
    elif listed is not None:
        ids = [i for i in listed if i in table and i not in table.hidden and (low is None or i >= low) and (high is None or i <= high)]
    else:
        ids = between(table.ids(), low, high) if low is not None or high is not None else table.ids()
    if rest:
        ids = [i for i in ids if (row := table.get(i)) is not None and all(f.keeps(row) for f in rest)]
    if sort is not None and not by_date and sort != table.key:
        ids = sorted(ids, key=lambda i: (_sortable((table.get(i) or {}).get(sort)), i))
    return ids[::-1] if descending else ids


def _key(table: Table, text: str, parameter: str) -> Any:
    if len(table) and isinstance(table.ids()[0], str):
        return text.strip()
    return filters.whole(text, parameter, lowest=-(2**63))


# -- which page ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Page:
    items: Sequence[Any]
    meta: dict[str, Any]


def _page(
    listing: Listing, chosen: Sequence[Any], load: Callable[[Any], Row], query: Mapping[str, str], limit: int, source: Source
) -> _Page:
    total = len(chosen)
    if listing.paging == "none":
        whole = _pagination(total, total, max(total, 1), 1, query)
        return _Page(chosen, {"pagination": whole | {"links": {"current": "?" + urlencode(query)}}})  # it takes neither page nor limit
    if listing.paging == "keyset":
        after = filters.whole(query["after"], "after", lowest=0) if query.get("after") else None
        start = 0 if after is None else bisect_right(chosen, after, key=lambda item: load(item)[listing.key])  # keyset lists come by key
        items = chosen[start : start + limit]
        pagination = _pagination(total, len(items), limit, 1, {})
        rest = {name: value for name, value in query.items() if name not in ("after", "limit")}
        pagination["links"] = {"current": "?" + urlencode({**rest, **({} if after is None else {"after": after}), "limit": limit})}
        if start + limit < total:
            pagination["links"]["next"] = "?" + urlencode({**rest, "after": load(items[-1])[listing.key], "limit": limit})
        return _Page(items, {"pagination": pagination})
    by_cursor = listing.paging in ("cursor", "both") and bool(query.get("after") or query.get("before"))
    if by_cursor:
        start = _after(listing, chosen, load, query, limit, source)
        items = chosen[start : start + limit]
        return _Page(items, {"cursor_pagination": _cursors(listing, items, load, limit, query, start=start, total=total)})
    page = filters.whole(query["page"], "page") if query.get("page") else 1
    items = chosen[(page - 1) * limit : page * limit]
    meta: dict[str, Any] = {}
    if listing.paging != "cursor":
        meta["pagination"] = _pagination(total, len(items), limit, page, query)
    if listing.paging == "cursor" or (listing.paging == "both" and (page == 1 if listing.cursor_beside_page else not query.get("page"))):
        meta["cursor_pagination"] = _cursors(listing, items, load, limit, query, start=0, total=total)
    return _Page(items, meta)


def _pagination(total: int, count: int, limit: int, page: int, query: Mapping[str, str]) -> dict[str, Any]:
    pages = -(-total // limit)

    def link(number: int) -> str:
        return "?" + urlencode({**query, "page": number, "limit": limit})

    links = {"current": link(page)}
    if page > 1:
        links["previous"] = link(page - 1)
    if page < pages:
        links["next"] = link(page + 1)
    return {"total": total, "count": count, "per_page": limit, "current_page": page, "total_pages": pages, "links": links}


def _cursors(
    listing: Listing, items: Sequence[Any], load: Callable[[Any], Row], limit: int, query: Mapping[str, str], *, start: int, total: int
) -> dict[str, Any]:
    result: dict[str, Any] = {"count": len(items), "per_page": limit, "links": {}}
    if items:
        rest = {name: value for name, value in query.items() if name not in ("after", "before", "page")}
        last = len(items) - 1
        first_cursor, end = (_cursor(listing, load(items[place]), start + place, query) for place in (0, last))
        result |= {"start_cursor": first_cursor, "end_cursor": end}
        result["links"] = {"current": "?" + urlencode({**rest, "limit": limit})}
        if query.get("after"):
            result["links"]["previous"] = "?" + urlencode({**rest, "limit": limit, "before": first_cursor})
        if start + limit < total:
            result["links"]["next"] = "?" + urlencode({**rest, "limit": limit, "after": end})
    return result


def _cursor(listing: Listing, row: Row, place: int, query: Mapping[str, str]) -> str:
    if not listing.key:
        return b64encode(f"place:{place}".encode()).decode()
    text = f"{listing.key}:{row[listing.key]}"
    if _sort_of(listing, query)[0] == listing.modified:
        text += f":at:{dates.parse(row[listing.modified])}"
    return b64encode(text.encode()).decode()


def _after(
    listing: Listing, chosen: Sequence[Any], load: Callable[[Any], Row], query: Mapping[str, str], limit: int, source: Source
) -> int:
    name = "after" if query.get("after") else "before"
    try:
        text = b64decode(query[name].encode(), validate=True).decode()
    except ValueError as bad:
        raise BadParameterError(name, "is not a cursor") from bad
    _, _, rest = text.partition(":")
    key, _, at = rest.partition(":at:")
    sort, descending = _sort_of(listing, query)
    place: int
    if not listing.key and key.isdigit():
        place = int(key) + 1
    elif at and isinstance(source, Table) and not descending:  # the row may have moved since: its old place is what counts
        mark = (int(at), int(key))
        place = bisect_right(chosen, mark, key=lambda i: (dates.parse(load(i)[listing.modified]), i))
    elif sort is None and isinstance(source, Table) and key.lstrip("-").isdigit():
        place = bisect_right(chosen, -int(key), key=lambda i: -i) if descending else bisect_right(chosen, int(key))
    else:
        places = [n for n, item in enumerate(chosen) if str(load(item)[listing.key]) == key]
        if not places:
            raise BadParameterError(name, "is a cursor of another list")
        place = places[0] + 1
    return place if name == "after" else max(0, place - 1 - limit)
