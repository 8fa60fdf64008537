"""Decides whether a call would empty or change a whole collection, which the caller must ask for by ``whole_collection=True``.

Which calls do is data: the catalog's writes and its lists. BigCommerce carries out a DELETE of a list without its filter for some lists,
refuses it for others and does not say what it does for the rest; none of them is sent by chance. Pure; client, hook and operators share it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG, Write
from airflow_provider_bigcommerce.core.catalog.operations import OPERATIONS, Shape, fits, operation_of, segments_of, shape_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

_CHANGES: Final = frozenset({"DELETE", "PUT", "PATCH", "POST"})


def require_part(
    method: str, path: str, params: Iterable[tuple[str, str]] = (), body: bytes | str | None = None, *, whole_collection: object = False
) -> None:
    """Refuse a call that would empty or change a whole collection, unless the caller says that it is meant.

    :param method: upper-case HTTP method.
    :param path: API path as it is sent.
    :param params: query parameters as they are sent, values as text.
    :param body: the encoded body, or None.
    :param whole_collection: True to let it through; nothing else counts as True.
    :raises InvalidQueryError: it names no row, or not all that name it, and ``whole_collection`` is not True.
    """
    if method not in _CHANGES or whole_collection is True:
        return
    known = operation_of(method, path)
    if known is None:
        if (template := _list_without_id(method, path)) is not None:
            raise InvalidQueryError(_refusal(method, template, "Name one row in the path"))
        return
    given = {name for name, value in params if value.strip(" ,")}
    if not means_all(known) or _names_rows(known, given, body):
        return
    half = ""
    if len(known.required_filters) > 1:
        half = ", ".join(name for name in known.required_filters if name in given)
        narrow = f"Give all of these a value: {', '.join(known.required_filters)}"
    elif known.required_filters or known.filters:
        narrow = f"Name one row in the path, or give one of these a value: {', '.join([*known.required_filters, *known.filters])}"
    elif known.body in ("keys", "wrapper"):
        place = f"{{'{known.list_field}': [...]}}" if known.list_field else ""
        narrow = f"Name one row in the path, or give the rows' ids as a list in json={place}"
    else:
        narrow = "Name one row in the path"
    raise InvalidQueryError(_refusal(method, known.path, narrow, half))


def means_all(write: Write) -> bool:
    """Whether the call means a whole collection unless something narrows it."""
    return write.replaces_list or write.empty_filter not in (None, "one_object")


def _refusal(method: str, path: str, narrow: str, half: str = "") -> str:
    """The message.

    :param half: the filters that are given where they are not all that name a row.
    """
    done = "delete all rows of" if method == "DELETE" else "change all of"
    of = f"the collection that {half} names" if half else "the collection"
    return f"{method} {path} names no row: it would {done} {of}. {narrow}. If the whole collection is meant, say whole_collection=True."


def _names_rows(write: Write, given: AbstractSet[str], body: bytes | str | None) -> bool:
    """Whether the call has all filters that it must have, or one that is enough, or keys in its body.

    :param given: parameters with a value.
    """
    if write.required_filters and given >= {*write.required_filters}:
        return True
    if given & {*write.filters}:
        return True
    return write.method == "DELETE" and write.body in ("keys", "wrapper") and _has_keys(body, write.list_field)


def _has_keys(body: bytes | str | None, field: str | None) -> bool:
    try:
        found: Any = msgspec.json.decode(body or b"null")
    except msgspec.DecodeError:
        return False
    if field is not None:
        found = found.get(field) if isinstance(found, dict) else None
    return isinstance(found, list) and bool(found) and all(str(key).strip() and key is not None for key in found)


def _list_without_id(method: str, path: str) -> str | None:
    """The list's path, where a DELETE, PUT or PATCH that no file has is of a whole list: it has lost its id."""
    segments = segments_of(path)
    return next((template for shape, template in _lists()[method] if fits(shape, segments)), None)


@functools.cache
def _lists() -> Mapping[str, list[tuple[Shape, str]]]:
    lists = [(shape_of(row.path), row.path) for row in CATALOG.values() if row.kind == "collection"]
    batches = {shape_of(write.path) for write in OPERATIONS.values() if write.method == "PUT"}
    return {"DELETE": lists, "PATCH": lists, "PUT": [(shape, path) for shape, path in lists if shape not in batches], "POST": []}
