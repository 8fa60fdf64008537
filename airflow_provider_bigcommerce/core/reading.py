"""Turns an answer into what it means: the rows of a list, one record, or a typed error.

Knows BigCommerce's envelopes (V3 ``{"data", "meta"}``, V2 bare arrays, 204 for an empty list) and its error bodies
(V3 problem objects, V2 arrays of messages). Copies nothing of a body into an error but what ``outside_text`` lets through.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core import odd_bytes, outside_text
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StoreSuspendedError,
    UnexpectedAnswerError,
    ValidationError,
)


class Pagination(msgspec.Struct):
    """``meta.pagination`` of a V3 list; every field is treated as optional.

    Source: products_catalog.v3.yml, whose single-page examples leave out most links.
    """

    total: int | None = None
    count: int | None = None
    per_page: int | None = None
    current_page: int | None = None
    total_pages: int | None = None


class CursorLinks(msgspec.Struct):
    """``meta.cursor_pagination.links``."""

    next: str | None = None


class CursorPagination(msgspec.Struct):
    """``meta.cursor_pagination`` of a V3 list. Source: customers.v3.yml, price_lists.v3.yml."""

    count: int | None = None
    per_page: int | None = None
    end_cursor: str | None = None
    links: CursorLinks | None = None


class Meta(msgspec.Struct):
    """The parts of a V3 ``meta`` that paging needs."""

    pagination: Pagination | None = None
    cursor_pagination: CursorPagination | None = None


class _ListEnvelope(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: msgspec.Raw = msgspec.Raw(b"null")


class _RecordEnvelope(msgspec.Struct):
    data: msgspec.Raw
    meta: msgspec.Raw = msgspec.Raw(b"null")


_LIST_ENVELOPE = msgspec.json.Decoder(_ListEnvelope)
_RECORD_ENVELOPE = msgspec.json.Decoder(_RecordEnvelope)
_BARE_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_META = msgspec.json.Decoder(Meta)
#: Bytes of an error's body that are decoded; BigCommerce's own have a few hundred.
_LARGEST_ERROR = 2**20


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list.

    :param records: raw JSON of each row, in the list's order.
    :param meta: paging facts; empty for V2.
    """

    records: list[msgspec.Raw]
    meta: Meta


_NO_META = Meta()


@odd_bytes.tolerant
def read_listing(request: Request, response: Response, *, envelope: str = "data") -> Listing:
    """Read one page of a list, or a singleton as a list of one.

    :param envelope: ``data`` or ``bare``, from the catalog.
    :raises msgspec.DecodeError: the body is not JSON (the caller may repeat the request).
    :raises UnexpectedAnswerError: it is JSON of another shape.
    """
    body = response.body
    if response.status == 204 or not body.strip():
        return Listing([], _NO_META)
    try:
        if envelope == "data":
            page = _LIST_ENVELOPE.decode(body)
            return Listing(page.data, _meta(page.meta))
        return Listing(_flat(_BARE_LIST.decode(body)), _NO_META)
    except msgspec.ValidationError:
        return _read_unusual(request, body, envelope)


def _flat(records: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """A list of lists is one list. Source: store_content.v2.yml (blog tags)."""
    if not records or bytes(memoryview(records[0])[:1]) != b"[":
        return records
    return [record for group in records for record in _BARE_LIST.decode(group)]


def _read_unusual(request: Request, body: bytes, envelope: str) -> Listing:
    """A singleton, null data, or something nobody documented."""
    msgspec.json.decode(body)  # a cut body can look like another shape; it is no JSON first of all
    raw, meta = msgspec.Raw(body), _NO_META
    if envelope == "data":
        try:
            record = _RECORD_ENVELOPE.decode(body)
        except msgspec.ValidationError as error:
            raise UnexpectedAnswerError(
                f"{request.method} {request.path} answered JSON without 'data': {error}. Expected {{'data': ..., 'meta': ...}}."
            ) from None
        raw, meta = record.data, _meta(record.meta)
    kind = bytes(raw).lstrip()[:1]
    if kind == b"{":
        return Listing([raw], meta)
    if kind == b"n":
        return Listing([], meta)
    if kind == b"[":
        return Listing(_BARE_LIST.decode(raw), meta)
    raise UnexpectedAnswerError(f"{request.method} {request.path} answered JSON that is neither a list nor an object.")


def _meta(raw: msgspec.Raw) -> Meta:
    try:
        return _META.decode(raw)
    except msgspec.ValidationError:  # an empty PHP array, or links nobody documented: paging then goes by page length
        return _NO_META


def read_record(request: Request, response: Response) -> dict[str, Any]:
    """Read one record as a dict, out of its envelope where it has one.

    :raises msgspec.DecodeError: the body is not JSON.
    :raises UnexpectedAnswerError: there is not exactly one record.
    """
    value = response.json()
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        found = f"{len(value)} records" if isinstance(value, list) else "no record"
        raise UnexpectedAnswerError(f"{request.method} {request.path} answered {found}; expected one.")
    return value


def header_number(headers: Mapping[str, str], name: str) -> float | None:
    """A non-negative number from a header, or None where it is absent or no number."""
    text = headers.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the store asks to wait, the longer of its two headers, or None where it names none.

    Source: api-rate-limits: ``X-Rate-Limit-Time-Reset-Ms`` is milliseconds left, ``X-Retry-After`` is seconds.
    """
    reset_ms = header_number(headers, "x-rate-limit-time-reset-ms")
    seconds = [value for value in (header_number(headers, "x-retry-after"), header_number(headers, "retry-after")) if value is not None]
    if reset_ms is not None:
        seconds.append(reset_ms / 1000)
    return max(seconds, default=None)


def _texts(body: Any) -> tuple[str | None, dict[str, str]]:
    """Title and field messages out of the shapes that BigCommerce uses for errors, as they may be shown."""
    if isinstance(body, list) and body:  # V2: [{"status", "message"}]
        return _texts(body[0])
    if not isinstance(body, dict):
        return None, {}
    nested = body.get("error")
    title = body.get("title") or body.get("message") or (nested if isinstance(nested, str) else None)
    if not title and isinstance(nested, dict):
        title = nested.get("code") or nested.get("message")
    errors = body.get("errors")
    if not title and isinstance(errors, list) and errors:  # batch answers
        return _texts(errors[0])
    found: dict[str, Any] = dict(errors) if isinstance(errors, dict) else {}
    batch = body.get("batch_errors")
    for index, failure in enumerate(batch if isinstance(batch, list) else ()):
        named = (failure.get("errors") or failure.get("field_errors")) if isinstance(failure, dict) else None
        if isinstance(named, dict):
            found.update({f"{index}.{name}": text for name, text in named.items()})
    return (outside_text.message(title) if title else None), outside_text.field_messages(found)


def _error_body(response: Response) -> Any:
    """The body of an error, or None where it is not one of BigCommerce's: a page, cut, or with odd bytes."""
    if len(response.body) > _LARGEST_ERROR:
        return None
    try:
        return response.json()
    except msgspec.DecodeError:
        return _plain_text(response)


def _plain_text(response: Response) -> Any:
    """A short plain-text body, as some 401 answers and GraphQL's have, as a title; not a page."""
    text = response.body[: 2 * outside_text.MOST_TEXT].decode("utf-8", "replace").strip()
    is_plain = response.headers.get("content-type", "text/plain").startswith(("text/plain", "application/json"))
    return {"title": text} if text and is_plain and "<" not in text else None


def error_from(request: Request, response: Response, *, scopes: Sequence[str] = ()) -> ApiError:
    """The typed error for an answer of status 400 or more, with as much of BigCommerce's title and field errors as may be shown.

    What that is, ``core/outside_text.py`` decides: the title and the messages are of plain words, names and values are left out.

    :param scopes: OAuth scopes that would allow the request, for the 403.
    """
    title, fields = _texts(_error_body(response))
    status, headers = response.status, response.headers
    request_id = outside_text.request_id(headers.get(name) for name in ("x-request-id", "x-bc-request-id"))
    said = f" BigCommerce says: {title!r}." if title else ""
    if fields:
        told = "; ".join(f"{name}: {message}" for name, message in list(fields.items())[:10])
        said += f" Fields: {outside_text.one_line(told)}."
    where = f"{request.method} {request.path} answered {status}."
    tail = f" Request id {request_id}." if request_id else ""
    make = functools.partial(
        _ERRORS.get(status, ServerError if status >= 500 else ValidationError),
        status=status,
        title=title,
        errors=fields,
        method=request.method,
        path=request.path,
        request_id=request_id,
    )
    if status == 401:
        advice = " The access token is wrong, was deleted, or belongs to another store: compare store hash and token of the connection."
        return make(where + said + advice + tail)
    if status == 403:
        named = f" It needs one of the scopes: {', '.join(scopes)}." if scopes else ""
        advice = " The access token lacks a scope for this." + named + " A token's scopes cannot be changed: create a new API account."
        return PermissionDeniedError(where + said + advice + tail, scopes=scopes, **make.keywords)
    if status == 429:
        return RateLimitError(where + said + tail, retry_after=retry_after(headers), **make.keywords)
    if status == 503 and is_suspended(title):
        return StoreSuspendedError(where + said + " The store is suspended; waiting does not help." + tail, **make.keywords)
    return make(where + said + tail)


_ERRORS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    423: ConflictError,
}


def is_suspended(title: str | None) -> bool:
    """Whether a 503's text says that the store is suspended rather than busy. Source: field.md 4 (KZ)."""
    return bool(title) and "suspended" in str(title).lower()
