"""One row on its way, and the requests that rows become: bodies, paths, DELETE filters. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import msgspec

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.keys import Key
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.core.planning import column_of, filled, placeholders
from airflow_provider_bigcommerce.core.writing.route import Action, Route, column_in, ending

#: Bytes of a request line that are used at most; servers in between refuse longer ones at 8,192.
MOST_LINE = 7_000
#: Amounts are numbers for BigCommerce; a decimal is written digit by digit, never by way of a float.
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not taken, or not whole.

    :param text: one line that may be shown.
    :param fields: names of the fields to blame, where they are told.
    """

    text: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row on its way.

    :param place: the row's place in the input.
    :param key: its key, for the outcome.
    :param action: what is to be done; ``upsert`` where the store decides, or it is not yet known.
    :param row: the input's row.
    :param body: what the request's body holds of it.
    :param path: the call's path for it, once its id is known; rows of one path can go together.
    :param id: the store's id, once it is known.
    :param sendings: how often it was sent without a clear answer.
    :param refusal: what the store said of the request that it was refused with, where that named no row.
    :param most: rows that may go with it when it is sent again after that.
    """

    place: int
    key: Key | None
    action: Action
    row: Mapping[str, Any]
    body: Mapping[str, Any]
    path: str = ""
    id: int | str | None = None
    sendings: int = 0
    refusal: RowError | None = None
    most: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that are to be written."""
        return tuple(map(str, self.body))


def body_of(route: Route, write: Write, action: Action, row: Mapping[str, Any], *, known: Iterable[str]) -> dict[str, Any]:
    """What is sent of a row: without the columns that fill the path, name the row, or find it and cannot be written.

    :param known: fields that the call takes; empty where nobody says.
    """
    left_out = set(route.path_columns(action))
    if action == "delete":
        return {}
    if action == "update":
        last = ending(write.path)
        left_out |= {name for name in (route.id_field, column_of(last) if last else None) if name}
    takes = set(known)
    # Not what the row is found by, either: the key says which row it is, and is not to be changed.
    left_out |= {name for name in route.match_on if (takes and name not in takes) or (route.lookups and action == "update")}
    return {name: value for name, value in row.items() if name not in left_out}


def path_of(route: Route, write: Write, row: Mapping[str, Any], id: int | str | None) -> str:  # noqa: A002  # BigCommerce's noun
    """The call's path for one row.

    :raises InvalidQueryError: a column that fills the path is missing, or is no id.
    """
    values: list[tuple[str, int | str]] = []
    last = ending(write.path)
    if "{" not in write.path:
        return write.path
    for name in placeholders(write.path):
        column = column_of(name)
        if name == last and id is not None:
            values.append((name, id))
        elif row.get(column) is not None:
            values.append((name, row[column]))
        elif name == last and (field := route.resource.primary_key[-1:]) and row.get(field[0]) is not None:
            values.append((name, row[field[0]]))  # the key of several fields ends with the path: currency and {currency_code}
    return _filled(write.path, tuple(values))


@functools.lru_cache(maxsize=512)
def _filled(path: str, values: tuple[tuple[str, int | str], ...]) -> str:
    """A path with its placeholders filled; thousands of rows share one."""
    return filled(path, dict(values))


def request_of(route: Route, write: Write, items: Sequence[Item], *, beside: Mapping[str, Any] | None = None) -> Request:
    """The request that carries these rows; all of them have one path.

    :param beside: fields of the body in addition to the rows, where it is an object with a list in it.
    """
    path = items[0].path
    if write.method == "DELETE":
        return _delete(write, path, items)
    rows = [_with_id(route, write, item) for item in items]
    body: Any = rows if write.is_batch or write.body == "array" else rows[0]
    if write.list_field is not None:
        body = {**(beside or {}), write.list_field: rows}
    return Request(write.method, path, (), _ENCODER.encode(body))


def _with_id(route: Route, write: Write, item: Item) -> Mapping[str, Any]:
    if item.id is None or item.action == "create" or route.id_field is None or not write.is_batch:
        return item.body
    return {route.id_field: _number(item.id), **item.body}


def is_json(body: Mapping[str, Any]) -> bool:
    """Whether a body can be written as JSON."""
    try:
        _ENCODER.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True


def _number(value: int | str) -> int | str:
    """An id as the body has it; V2 and CSV files write numbers as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 19 and not value.startswith("0") else value


def _delete(write: Write, path: str, items: Sequence[Item]) -> Request:
    if write.body == "keys" or (write.is_batch and not write.required_filters):
        return Request("DELETE", path, (), _ENCODER.encode([_number(item.id) for item in items if item.id is not None]))
    if not write.required_filters:
        return Request("DELETE", path)
    first, *others = write.required_filters
    params = [(first, ",".join(dict.fromkeys(str(_delete_value(first, item, is_first=True)) for item in items)))]
    # The rows of one request share every other filter's value: two lists would delete each of one with each of the other.
    params += [(name, str(_delete_value(name, items[0], is_first=False))) for name in others]
    return Request("DELETE", path, tuple(params))


def _delete_value(name: str, item: Item, *, is_first: bool) -> Any:
    column = column_in(name)
    value = item.row.get(column)
    return item.id if is_first and item.id is not None and column not in item.row else value


def group_of(write: Write, item: Item) -> tuple[Any, ...]:
    """What rows of one DELETE must have in common besides their path: the values of all filters but the one that takes the keys."""
    if write.method != "DELETE":
        return ()
    return tuple(str(item.row.get(column_in(name))) for name in write.required_filters[1:])


def fits_line(write: Write, items: Sequence[Item]) -> int:
    """How many of the rows fit into one request line; a DELETE names them there. At least one."""
    if write.method != "DELETE" or not write.required_filters or write.body == "keys":
        return len(items)
    first = write.required_filters[0]
    size = len(items[0].path) + 200
    for place, item in enumerate(items):
        size += len(quote_plus(f"{_delete_value(first, item, is_first=True)},"))
        if size > MOST_LINE and place:
            return place
    return len(items)
