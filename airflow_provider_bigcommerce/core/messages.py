"""The only shapes that cross the wire boundary: a request to send, an answer that came.

A transport knows these two and nothing else; it must not look at resources, quotas or pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any

from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: Query values as callers write them; lists become comma-separated text, booleans ``true``/``false``.
QueryValue = str | int | float | bool | date | Decimal | list[str] | list[int] | tuple[str | int, ...]
Query = Mapping[str, QueryValue]

#: Methods that a caller may choose.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

#: Methods that change nothing (RFC 9110, 9.2.1). What a second PUT or DELETE does is the catalog's to say: see ``repeating.py``.
READS = frozenset({"GET", "HEAD", "OPTIONS"})


def query_text(value: QueryValue, name: str = "a query parameter") -> str:
    """Write one query value as BigCommerce reads it: ``true``/``false``, comma-separated lists.

    :param name: what it is the value of, for the message.
    :raises InvalidQueryError: what is no value (None, a dict, bytes), or has no order (a set), or is read but once (a generator).
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(query_text(item, name) for item in value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if not _is_plain(value):
        raise InvalidQueryError(
            f"{name} is a {type(value).__name__}, which has no place in a query. Accepted: text, numbers, True and False, dates, and lists "
            "of these."
        )
    return str(value)


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, Decimal)) or (isinstance(value, Real) and math.isfinite(value))


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request below the store's base URL.

    :param method: upper-case HTTP method.
    :param path: API path such as ``/v3/catalog/products``; the store hash is the transport's affair.
    :param params: query parameters in the order they are sent, values as text, not URL-encoded.
    :param body: encoded JSON, or None.
    :param is_read: the caller's word that this POST only reads (a GraphQL query), so that it may be repeated.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    is_read: bool = False

    @classmethod
    def get(cls, path: str, query: Query | None = None) -> Request:
        """A GET with the query written as BigCommerce reads it."""
        return cls("GET", path, tuple((name, query_text(value)) for name, value in (query or {}).items()))

    @property
    def changes_nothing(self) -> bool:
        """Whether it only reads, by its method or by the caller's word."""
        return self.is_read or self.method in READS

    def with_params(self, params: Query) -> Request:
        """A copy in which the named parameters replace those of the same name, or are added at the end."""
        kept = tuple(item for item in self.params if item[0] not in params)
        return replace(self, params=kept + tuple((name, query_text(value)) for name, value in params.items()))


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer: status, headers with lower-case names, the body as bytes (already un-gzipped)."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Decode the body; an empty body (V2's 204) is None. A value that Python cannot hold is a text with its JSON as it came.

        :raises msgspec.DecodeError: the body is not JSON.
        """
        return python_value(self.body) if self.body.strip() else None
