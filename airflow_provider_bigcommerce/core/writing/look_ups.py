"""How rows are looked up in the store: which requests ask for them, and which row of the answers is which.

Pure. Many keys go into one request where the list takes them; a key with a comma in it is asked for alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote_plus

from airflow_provider_bigcommerce.core.catalog import Lookup
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.planning import column_of, filled, placeholders
from airflow_provider_bigcommerce.core.writing.comparing import is_same
from airflow_provider_bigcommerce.core.writing.items import MOST_LINE, Item
from airflow_provider_bigcommerce.core.writing.route import Route, plain
from airflow_provider_bigcommerce.core.writing.row_identity import fold, is_key_value, value_at
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: Why rows are looked up: to find their ids before they are sent; because an answer was unclear, or silent about them; because a request
#: with new rows in it was refused as a whole, and its rows are to be sent again in smaller ones; because a new row was refused whose first
#: sending had an unclear end.
Purpose = Literal["match", "unclear", "silent", "refused", "late"]

#: Keys that one request asks for at most, which is less than a page of rows.
MOST_KEYS = 200
PAGE_SIZE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A list, or one row, that is asked for.

    :param items: the rows that are looked for in it.
    :param lookup: by which fields.
    :param request: its first page.
    :param purpose: why.
    :param is_one: whether the path is one row's, which may not be there (404).
    :param more: other ways to find those that are not in it.
    """

    items: tuple[Item, ...]
    lookup: Lookup
    request: Request
    purpose: Purpose
    is_one: bool = False
    more: tuple[Lookup, ...] = ()


def questions(route: Route, items: Sequence[Item], lookups: Sequence[Lookup], purpose: Purpose) -> tuple[list[Question], list[Item]]:
    """The requests that find these rows, and the rows that cannot be asked for: no list takes their key.

    Each row is asked for by the first of the lookups that it has the fields for.
    """
    asked: list[Question] = []
    left: list[Item] = []
    groups: dict[tuple[int, str], list[Item]] = {}
    for item in items:
        for number, lookup in enumerate(lookups):
            path = _path(lookup, item)
            if path is not None and _can_ask(lookup, item):
                groups.setdefault((number, path), []).append(item)
                break
        else:
            left.append(item)
    for (number, path), members in groups.items():
        lookup = lookups[number]
        more = tuple(other for other in lookups[number + 1 :] if _finds_more(lookup, other, purpose))
        for chunk in _chunks(lookup, members):
            request = Request("GET", path, _params(route, lookup, chunk))
            asked.append(Question(items=tuple(chunk), lookup=lookup, request=request, purpose=purpose, more=more))
    return asked, left


def by_id(route: Route, items: Sequence[Item], purpose: Purpose) -> tuple[list[Question], list[Item]]:
    """Likewise for rows whose ids are known."""
    resource = route.resource
    field = route.id_field
    if field is None:
        return [], list(items)
    if resource.id_in is not None and not placeholders(resource.path):
        return questions(route, items, (Lookup(resource.path, (field,), filter=resource.id_in, many=True, unique=True),), purpose)
    asked: list[Question] = []
    left: list[Item] = []
    for item in items:
        path = _item_path(route, item)
        if path is None:
            left.append(item)
        else:
            lookup = Lookup(path, (field,), unique=True)
            asked.append(Question(items=(item,), lookup=lookup, request=Request("GET", path), purpose=purpose, is_one=True))
    return asked, left


def _item_path(route: Route, item: Item) -> str | None:
    path = route.resource.item_path
    if path is None or item.id is None:
        return None
    *names, last = placeholders(path) or ("",)
    try:
        return filled(path, {**{name: item.row.get(column_of(name), "") for name in names}, last: item.id})
    except InvalidQueryError:
        return None


def _finds_more(lookup: Lookup, other: Lookup, purpose: Purpose) -> bool:
    """Whether the other way can find what this one did not: by another key, or, of the list of a part of all rows, in the whole list."""
    is_same_key = set(map(plain, lookup.fields)) == set(map(plain, other.fields))
    return not is_same_key or (purpose == "match" and other.path != lookup.path)


def _path(lookup: Lookup, item: Item) -> str | None:
    """The list's path for this row, None where the row lacks what fills it, or the list could only be read whole."""
    names = placeholders(lookup.path)
    if lookup.filter is None and not names:
        return None
    try:
        return filled(lookup.path, {name: item.row.get(column_of(name), "") for name in names})
    except InvalidQueryError:
        return None


def _value(lookup: Lookup, item: Item) -> Any:
    """The value of the key's first field, which the filter takes; an id that was found goes before the row's own."""
    name = plain(lookup.fields[0])
    found = value_at(item.row, name)
    return item.id if found is None and item.id is not None else found


def _can_ask(lookup: Lookup, item: Item) -> bool:
    if lookup.filter is None:
        return True
    value = _value(lookup, item)
    return is_key_value(value) and not (lookup.many and "," in str(value))


def _chunks(lookup: Lookup, items: Sequence[Item]) -> Iterable[list[Item]]:
    """As many rows as one request asks for: as its line takes, and, where several rows have one key, as fit into one page of the answer."""
    if lookup.filter is None:
        yield list(items)
        return
    chunk: list[Item] = []
    size, values = 0, set[str]()
    rows_of_key = most_of_key = 0
    for item in items:
        value = str(_value(lookup, item))
        more = 0 if value in values else len(quote_plus(f"{value},"))
        if more:
            most_of_key, rows_of_key = max(most_of_key, rows_of_key), 0
        rows_of_key += 1
        is_page_full = more and most_of_key > 1 and len(chunk) + most_of_key > PAGE_SIZE
        is_full = len(values) >= MOST_KEYS or size + more > MOST_LINE - 300 or is_page_full
        if chunk and (not lookup.many or is_full):
            yield chunk
            chunk, size, values = [], 0, set()
            more = len(quote_plus(f"{value},"))
        chunk.append(item)
        values.add(value)
        size += more
    if chunk:
        yield chunk


def _params(route: Route, lookup: Lookup, items: Sequence[Item]) -> tuple[tuple[str, str], ...]:
    params: list[tuple[str, str]] = []
    if lookup.filter is not None:
        values = dict.fromkeys(str(_value(lookup, item)) for item in items)
        params.append((lookup.filter, ",".join(values)))
    if route.resource.page_size or lookup.path != route.resource.path:
        params.append(("limit", str(PAGE_SIZE)))
    return tuple(params)


def hits(question: Question, rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Place of each item in the question -> the store's rows that have its key; V2's filters and ``keyword`` find more than that."""
    fields = question.lookup.fields
    first = fields[0]
    by_first: dict[str, list[Mapping[str, Any]]] = {}
    if question.lookup.filter is not None:
        for row in rows:
            if is_key_value(value := value_at(row, first)):
                by_first.setdefault(fold(first, value), []).append(row)
    found: dict[int, list[Mapping[str, Any]]] = {}
    for place, item in enumerate(question.items):
        if question.is_one:
            found[place] = list(rows)
            continue
        near = rows if question.lookup.filter is None else by_first.get(fold(first, _value(question.lookup, item)), [])
        found[place] = [row for row in near if _has_key(item, row, fields if question.lookup.filter is None else fields[1:])]
    return found


def _has_key(item: Item, row: Mapping[str, Any], fields: Iterable[str]) -> bool:
    """Whether a row of the store has the item's values in these fields; one that the item does not name may be anything."""
    for name in fields:
        ours, theirs = value_at(item.row, plain(name)), value_at(row, name)
        if ours is None:
            continue
        if is_key_value(ours) and is_key_value(theirs):
            if fold(name, ours) != fold(name, theirs):
                return False
        elif not is_same(ours, theirs):
            return False
    return True


def id_in(route: Route, lookup: Lookup, row: Mapping[str, Any]) -> int | str | None:
    """The id of our row in a row of the list that was asked; another resource's list names it as ``identity`` does."""
    if route.id_field is None:
        return None
    found = row.get(route.id_field) if lookup.id_field is None else value_at(row, lookup.id_field)
    return found if is_key_value(found) else None
