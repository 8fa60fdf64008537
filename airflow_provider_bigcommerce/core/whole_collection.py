"""Decides whether a call would empty or change a whole collection, which the caller must ask for by ``whole_collection=True``.

Which calls do is data: ``catalog/collection_writes.py`` and the catalog's lists. Pure; client, hook and operators share it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.collection_writes import COLLECTION_WRITES, CollectionWrite
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

_CHANGES: Final = frozenset({"DELETE", "PUT", "PATCH", "POST"})
#: Segments of a path; None stands for an id.
Shape = tuple[str | None, ...]


def require_part(
    method: str, path: str, params: Iterable[tuple[str, str]] = (), body: bytes | str | None = None, *, whole_collection: object = False
) -> None:
    """Refuse a call that would empty or change a whole collection, unless the caller says that it is meant.

    :param method: upper-case HTTP method.
    :param path: API path as it is sent.
    :param params: query parameters as they are sent, values as text.
    :param body: the encoded body, or None.
    :param whole_collection: True to let it through; nothing else counts as True.
    :raises InvalidQueryError: it names no row, and ``whole_collection`` is not True.
    """
    if method not in _CHANGES or whole_collection is True:
        return
    known = _call(method, path)
    if known is None or _has_filter(known, params) or (known.ids_in is not None and _has_ids(body, known.ids_in)):
        return
    narrow = "Name one row in the path"
    if known.filters:
        narrow += f", or give one of these a value: {', '.join(known.filters)}"
    elif known.ids_in is not None:
        narrow += ", or give the rows' ids as a list in json=" + ("" if known.ids_in == "list" else f"{{'{known.ids_in}': [...]}}")
    done = "delete all rows of" if method == "DELETE" else "change all of"
    raise InvalidQueryError(
        f"{method} {known.path} names no row: it would {done} the collection. {narrow}. If the whole collection is meant, say "
        "whole_collection=True."
    )


def _call(method: str, path: str) -> CollectionWrite | None:
    """What is known of the call, where it is of a list as a whole."""
    # As BigCommerce reads a path: encoded letters, V2's old endings, and, to be safe, any case.
    segments = unquote(path).lower().removesuffix(".json").removesuffix(".xml").strip("/").split("/")
    for shape, call in _calls()[method]:
        if len(shape) == len(segments) and all(part is None or part == segment for part, segment in zip(shape, segments, strict=True)):
            return call
    return None


@functools.cache
def _calls() -> Mapping[str, list[tuple[Shape, CollectionWrite]]]:
    """The documented calls, and behind them those that no file has: a DELETE or PUT of a list that takes none has lost its id."""
    calls: dict[str, list[tuple[Shape, CollectionWrite]]] = {method: [] for method in _CHANGES}
    for call in COLLECTION_WRITES:
        calls[call.method].append((_shape(call.path), call))
    rows = CATALOG.values()
    batches = {_shape(write.path) for row in rows for write in (row.create, row.update) if write is not None and write.method == "PUT"}
    for row in rows:
        if row.kind == "collection":
            shape = _shape(row.path)
            calls["DELETE"].append((shape, CollectionWrite("DELETE", row.path)))
            calls["PATCH"].append((shape, CollectionWrite("PUT", row.path)))
            if shape not in batches:
                calls["PUT"].append((shape, CollectionWrite("PUT", row.path)))
    return calls


def _shape(path: str) -> Shape:
    return tuple(None if part.startswith("{") else part.lower() for part in path.strip("/").split("/"))


def _has_filter(call: CollectionWrite, params: Iterable[tuple[str, str]]) -> bool:
    return any(name in call.filters and value.strip(" ,") for name, value in params)


def _has_ids(body: bytes | str | None, place: str) -> bool:
    try:
        found: Any = msgspec.json.decode(body or b"null")
    except msgspec.DecodeError:
        return False
    if place != "list":
        found = found.get(place) if isinstance(found, dict) else None
    return isinstance(found, list) and bool(found) and all(str(key).strip() and key is not None for key in found)
