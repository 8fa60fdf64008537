"""Which requests delete the rows that somebody names, and no other row.

Pure. A row is named by what its call needs: an id, or, where it takes more, a mapping of columns and values. Two filters at once mean every
pair of their values to BigCommerce, so pairs go together only where the product of both lists is the pairs that were named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.catalog import Resource, Write
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.planning import column_of, filled, placeholders
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, ValidationError

#: One id, or what names the row: column -> value.
RowKey = int | str | Mapping[str, int | str]

#: Characters that one filter's list may have. Source: writes.md, "a request line under about 7,000 bytes", and there may be two lists.
_LIST_TEXT = 3000


def delete_requests(row: Resource, write: Write, ids: Iterable[RowKey]) -> Iterator[Request]:
    """The requests that delete these rows, each within the call's limits; nothing is made before all ids are checked.

    :param row: the resource.
    :param write: its DELETE.
    :param ids: ids, or mappings with the columns that the call needs; further columns are ignored.
    :raises InvalidQueryError: an id that is none, or that lacks a column.
    """
    columns = _columns(row, write)
    keys = list(dict.fromkeys(_key(row, columns, place, key) for place, key in enumerate(ids)))
    in_path = len(placeholders(write.path))
    by_path: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for key in keys:
        by_path.setdefault(key[:in_path], []).append(key[in_path:])
    paths = {values: filled(write.path, dict(zip(placeholders(write.path), values, strict=True))) for values in by_path}
    return (request for values, rest in by_path.items() for request in _on_path(write, paths[values], [key for key in rest if key]))


def require_all_deleted(request: Request, response: Response) -> None:
    """Refuse an answer that counts rows which were not deleted, whatever its status (200, 202 and 207 do).

    :raises ValidationError: with the numbers.
    :raises msgspec.DecodeError: the body is not JSON, so that nobody knows whether BigCommerce answered.
    """
    found: Any = python_value(response.body) if response.body.strip() else None
    meta = found.get("meta") if isinstance(found, Mapping) else None
    failed, total = (meta.get("failed"), meta.get("total")) if isinstance(meta, Mapping) else (None, None)
    if isinstance(failed, int) and failed > 0:
        of = f" of {total}" if isinstance(total, int) else ""
        raise ValidationError(
            f"{request.method} {request.path} answered {response.status}, and {failed}{of} rows were not deleted. Read the list to see "
            "which.",
            status=response.status,
            method=request.method,
            path=request.path,
        )


def _columns(row: Resource, write: Write) -> list[tuple[str, ...]]:
    """For each value that the call needs, in the path's order and then the filters', the columns that may hold it."""
    own = row.primary_key[-1:]
    columns: list[tuple[str, ...]] = [(column_of(name),) for name in placeholders(write.path)]
    is_named_by_path = write.path.endswith("}")
    if is_named_by_path:
        columns[-1] += own
    filters: list[tuple[str, ...]] = [(name.removesuffix(":in"),) for name in write.required_filters]
    if len(filters) == 1 and not is_named_by_path:
        filters[0] += own
    if write.body == "keys":
        filters.append(own)
    return [tuple(dict.fromkeys(names)) for names in columns + filters]


def _key(row: Resource, columns: Sequence[tuple[str, ...]], place: int, key: Any) -> tuple[str, ...]:
    """The values that name one row, in the order of ``columns``."""
    if not isinstance(key, Mapping):
        if len(columns) != 1:
            wanted = ", ".join(repr(names[-1]) for names in columns)
            raise InvalidQueryError(
                f"delete({row.name!r}): ids[{place}] is one id, and a row is named by {len(columns)} here. "
                f"Accepted: mappings with {wanted}, so that no other row goes."
            )
        return (_value(row, f"ids[{place}]", key),)
    found = []
    for names in columns:
        name = next((name for name in names if key.get(name) is not None), None)
        if name is None:
            raise InvalidQueryError(f"delete({row.name!r}): ids[{place}] has no {names[-1]!r}. Without it, other rows would go too.")
        found.append(_value(row, f"ids[{place}][{name!r}]", key[name]))
    return tuple(found)


def _value(row: Resource, where: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).strip() or "," in str(value):
        raise InvalidQueryError(f"delete({row.name!r}): {where} is no id. Accepted: numbers and texts, one id each.")
    return str(value)


def _on_path(write: Write, path: str, keys: Sequence[tuple[str, ...]]) -> Iterator[Request]:
    """The requests to one path; no keys where the path itself names the row."""
    if not keys:
        yield Request("DELETE", path)
    elif write.body == "keys":
        for chunk in _chunks([key[0] for key in keys], write.rows_at_once):
            body = [int(key) if key.isascii() and key.isdecimal() else key for key in chunk]
            yield Request("DELETE", path, (), msgspec.json.encode(body))
    elif len(write.required_filters) == 1:
        takes_list = write.required_filters[0].endswith(":in")
        for chunk in _chunks([key[0] for key in keys], write.rows_at_once if takes_list else 1):
            yield Request("DELETE", path, ((write.required_filters[0], ",".join(chunk)),))
    else:
        first, second = write.required_filters
        for ones, others in rectangles([(key[0], key[1]) for key in keys], write.rows_at_once):
            yield Request("DELETE", path, ((first, ",".join(ones)), (second, ",".join(others))))


def rectangles(pairs: Sequence[tuple[str, str]], most: int) -> list[tuple[list[str], list[str]]]:
    """Pairs of lists whose products are, together, exactly the pairs given, each once and none of more than ``most`` pairs.

    Of both ways to group (by the first value and by the second), the one of fewer lists.
    """
    by_first = _grouped(pairs, most)
    by_second = _grouped([(second, first) for first, second in pairs], most)
    if len(by_first) <= len(by_second):
        return by_first
    return [(ones, others) for others, ones in by_second]


def _grouped(pairs: Sequence[tuple[str, str]], most: int) -> list[tuple[list[str], list[str]]]:
    """Those first values go together that have the same second values."""
    partners: dict[str, dict[str, None]] = {}
    for first, second in pairs:
        partners.setdefault(first, {})[second] = None
    alike: dict[frozenset[str], list[str]] = {}
    for first, seconds in partners.items():
        alike.setdefault(frozenset(seconds), []).append(first)
    found = []
    for ones in alike.values():
        for others in _chunks([*partners[ones[0]]], most):
            found += [(chunk, others) for chunk in _chunks(ones, max(1, most // len(others)))]
    return found


def _chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    """Lists of at most so many values, none longer than a URL takes."""
    chunk: list[str] = []
    length = 0
    for value in values:
        width = len(value) + 1
        if chunk and (len(chunk) == size or length + width > _LIST_TEXT):
            yield chunk
            chunk, length = [], 0
        chunk.append(value)
        length += width
    yield chunk
