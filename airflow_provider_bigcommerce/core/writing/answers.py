"""What an answer says of each row of its request, in all the shapes that BigCommerce has for that.

Rows are found by their id or natural key, or by what was sent, never by their position: the order of ``data`` is documented nowhere.
Pure. Of what the store says, only what may be shown is kept (``core/outside_text.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.reading import error_body, error_texts
from airflow_provider_bigcommerce.core.writing.comparing import has_all, is_same
from airflow_provider_bigcommerce.core.writing.items import Item, RowError
from airflow_provider_bigcommerce.core.writing.route import Route, plain
from airflow_provider_bigcommerce.core.writing.row_identity import fold, is_key_value, value_at

#: Names of a row in a sentence: ``[product_id 113]``, ``[Item with variant_id 106 ...]``, ``[sku: ABC]``.
_IDENTITY = re.compile(r"\b(product_id|variant_id|sku)\b[\s:=]*([^\s,\]]+)")

#: In the place of a field's name, where a message is about the row.
_ROW = "row"
_NOTHING_SAID = RowError("")


@dataclass(slots=True)
class Reading:
    """What an answer says of the rows of its request, by their place in it.

    :param good: place -> the store's row, ``{}`` where the answer has none.
    :param bad: place -> why the row was refused.
    :param partly: place -> what of it was not saved, though its fields were.
    :param left: places of which the answer says nothing.
    :param error: what it says of the whole, for rows that it does not name.
    """

    good: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    bad: dict[int, RowError] = field(default_factory=dict)
    partly: dict[int, RowError] = field(default_factory=dict)
    left: tuple[int, ...] = ()
    error: RowError = _NOTHING_SAID


def read_answer(route: Route, write: Write, items: Sequence[Item], response: Response) -> Reading:
    """Read an answer of any status but 429 and 5xx.

    :param items: the rows of the request, in its order.
    :raises msgspec.DecodeError: an answer of success that is no JSON: whether it was carried out is unclear.
    """
    body = response.json() if response.status < 300 else error_body(response)
    reading = Reading(error=_error(response.status, body))
    places = range(len(items))
    rows = _rows(body, is_v2=write.path.startswith("/v2/"), is_good=response.status < 300)
    for place, row in _matched(route, items, rows).items():
        reading.good[place] = row
    named = _named(route, write, items, body, response.status)
    for place, error in named.items():
        if response.status == 207 and place in reading.good:
            reading.partly[place] = error
        else:
            reading.bad[place] = error
        reading.good.pop(place, None)
    if response.status == 207 and not named and len(items) > 1:
        reading.good.clear()  # one of them was saved in part only, and nothing tells which
    elif response.status < 300:
        _read_success(write, items, response, body, rows, reading)
    elif len(items) == 1:
        reading.good.clear()
        reading.bad.setdefault(0, reading.error)
    _read_count(body, len(items), reading)
    reading.left = tuple(place for place in places if not (place in reading.good or place in reading.bad or place in reading.partly))
    return reading


def _read_success(write: Write, items: Sequence[Item], response: Response, body: Any, rows: Sequence[Any], reading: Reading) -> None:
    """What a 2xx means for rows that it neither lists nor names."""
    if response.status == 207 and len(items) == 1 and not reading.partly:
        reading.partly[0] = reading.bad.pop(0, reading.error)
        reading.good.pop(0, None)
        return
    if response.status == 207 or reading.bad or _failed(body):
        return
    silent = [place for place in range(len(items)) if place not in reading.good and place not in reading.partly]
    lists_rows = bool(rows) or (write.failed_by == "match" and isinstance(body, Mapping) and "data" in body)
    # No row at all, or as many as were sent: all were taken. Fewer: the answer is silent about some.
    if not lists_rows or len(rows) == len(items) or (len(items) == 1 and write.failed_by != "match"):
        reading.good |= dict.fromkeys(silent, _only(rows) if len(items) == 1 else {})


def _read_count(body: Any, count: int, reading: Reading) -> None:
    """Rows that are neither listed nor named are good where the answer counts as many good ones as are left."""
    meta = body.get("meta") if isinstance(body, Mapping) else None
    success = meta.get("success") if isinstance(meta, Mapping) else None
    if reading.bad and isinstance(success, int) and success == count - len(reading.bad):
        told = {*reading.good, *reading.partly, *reading.bad}
        reading.good |= {place: {} for place in range(count) if place not in told}


def _only(rows: Sequence[Any]) -> Mapping[str, Any]:
    return rows[0] if len(rows) == 1 and isinstance(rows[0], Mapping) else {}


def _failed(body: Any) -> bool:
    """Whether the answer counts rows that failed, or lists errors."""
    if not isinstance(body, Mapping):
        return False
    meta = body.get("meta")
    failed = meta.get("failed") if isinstance(meta, Mapping) else None
    return (isinstance(failed, int) and failed > 0) or bool(body.get("errors"))


def _rows(body: Any, *, is_v2: bool, is_good: bool) -> list[Mapping[str, Any]]:
    """The rows that an answer holds."""
    data = body
    if isinstance(body, Mapping) and "field_errors" in body:
        return []  # its data is the row that was refused
    if isinstance(body, Mapping) and "data" in body:
        data = body["data"]
    elif not is_v2 or not is_good:
        return []
    if isinstance(data, Mapping):
        data = [data] if data else []
    return [row for row in data if isinstance(row, Mapping)] if isinstance(data, list) else []


def _error(status: int, body: Any) -> RowError:
    """What the answer says of the whole."""
    title, messages = error_texts(body)
    said = f": {title!r}" if title else ""
    told = "; ".join(f"{name}: {message}" for name, message in list(messages.items())[:5])
    text = outside_text.one_line(f"BigCommerce answered {status}{said}.{f' Fields: {told}.' if told else ''}")
    return RowError(text, tuple(name for name in messages if name != _ROW))


# -- rows that the answer holds -----------------------------------------------------------------------------------------


def _matched(route: Route, items: Sequence[Item], rows: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Place -> the answer's row of that item: by id, by natural key, by all that was sent; each row once."""
    found: dict[int, Mapping[str, Any]] = {}
    left = list(rows)
    for fits in (_by_id(route), _by_key(route), _by_fields):
        for place, item in enumerate(items):
            if place in found or not left:
                continue
            fitting = [row for row in left if fits(item, row)]
            if len(fitting) == 1 or (fitting and fits is _by_fields):
                found[place] = fitting[0]
                left = [row for row in left if row is not fitting[0]]
    return found


def _by_id(route: Route) -> Any:
    def fits(item: Item, row: Mapping[str, Any]) -> bool:
        if route.id_field is None:
            fields = route.resource.primary_key
            return bool(fields) and all(is_key_value(item.row.get(name)) and is_same(item.row[name], row.get(name)) for name in fields)
        return item.id is not None and str(row.get(route.id_field)) == str(item.id)

    return fits


def _by_key(route: Route) -> Any:
    keys = [tuple(map(plain, lookup.fields)) for lookup in route.settles if lookup.unique]
    if route.match_on:
        keys.insert(0, route.match_on)

    def fits(item: Item, row: Mapping[str, Any]) -> bool:
        for fields in keys:
            ours, theirs = [value_at(item.row, name) for name in fields], [value_at(row, name) for name in fields]
            if all(map(is_key_value, [*ours, *theirs])):
                return all(fold(name, one) == fold(name, other) for name, one, other in zip(fields, ours, theirs, strict=True))
        return False

    return fits


def _by_fields(item: Item, row: Mapping[str, Any]) -> bool:
    return bool(item.body) and item.id is None and has_all(item.body, row)


# -- rows that the answer names as bad ----------------------------------------------------------------------------------


def _named(route: Route, write: Write, items: Sequence[Item], body: Any, status: int) -> dict[int, RowError]:
    """Place -> why the row was refused, where the answer names it in the way its call does."""
    how = write.failed_by
    if not isinstance(body, Mapping) or how not in ("index", "index_seen", "id", "identity", "title"):
        return {}
    named: dict[int, RowError] = {}
    if how == "identity":
        batch = body.get("batch_errors")
        failures: Any = batch if isinstance(batch, list) else [body] if isinstance(body.get("data"), Mapping) else []
        for failure in failures:
            if isinstance(failure, Mapping) and isinstance(failure.get("data"), Mapping):
                errors = failure.get("field_errors") or failure.get("errors")
                for place in _of_identity(items, failure["data"]):
                    named[place] = _row_error(status, body, errors)
        return named
    if how == "title":
        text = str(body.get("title") or "")
        for name, value in _IDENTITY.findall(text):
            for place in _of_identity(items, {name: value}):
                named[place] = _row_error(status, body, None)
        return named
    for key, message in _keyed_errors(body):
        head, _, rest = str(key).strip(".").partition(".")
        places = _of_index(head, len(items)) if how != "id" else _of_reference(route, items, head)
        for place in places:
            before = named.get(place)
            error = _row_error(status, body, {rest: message} if rest else message if isinstance(message, Mapping) else {"": message})
            named[place] = error if before is None else RowError(before.text, (*before.fields, *error.fields))
    return named


def _keyed_errors(body: Mapping[str, Any]) -> Iterable[tuple[Any, Any]]:
    """``errors`` as pairs: an object of them, or a list of objects with ``errors`` each."""
    errors = body.get("errors")
    if isinstance(errors, Mapping):
        inner = errors.get("errors")
        yield from (inner if isinstance(inner, Mapping) else errors).items()
    for failure in errors if isinstance(errors, list) else ():
        if isinstance(failure, Mapping) and isinstance(failure.get("errors"), Mapping):
            yield from failure["errors"].items()


def _of_index(head: str, count: int) -> list[int]:
    return [int(head)] if head.isdecimal() and len(head) < 6 and int(head) < count else []


def _of_reference(route: Route, items: Sequence[Item], reference: str) -> list[int]:
    """The row of a reference id; none where several have it, for then it is not told which of them is meant."""
    fields = (route.id_field,) if route.id_field else route.resource.primary_key
    found = [
        place
        for place, item in enumerate(items)
        if reference and (str(item.id) == reference or any(str(item.row.get(name)) == reference for name in fields if name))
    ]
    return found if len(found) == 1 else []


def _of_identity(items: Sequence[Item], identity: Mapping[str, Any]) -> list[int]:
    """The rows that have all of these values, where they have the field at all."""

    def fits(item: Item) -> bool:
        shared = [name for name, value in identity.items() if is_key_value(value) and is_key_value(item.row.get(name))]
        return bool(shared) and all(fold(name, item.row[name]) == fold(name, identity[name]) for name in shared)

    return [place for place, item in enumerate(items) if fits(item)]


def _row_error(status: int, body: Mapping[str, Any], errors: Any) -> RowError:
    """One row's error, of its own messages where it has some."""
    if isinstance(errors, Mapping) and errors:
        return _error(status, {"title": body.get("title"), "errors": {name or _ROW: text for name, text in errors.items()}})
    if isinstance(errors, (str, list)) and errors:
        return _error(status, {"title": body.get("title"), "errors": {_ROW: errors}})
    return _error(status, {"title": body.get("title")})
