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
from airflow_provider_bigcommerce.core.hosts import host_of
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
    """``meta.pagination`` of a V3 list; a member that is missing, or is not what it should be, is None.

    B2B Edition's ``totalCount``, ``limit`` and ``offset`` are ``total``, ``per_page`` and ``offset`` here.

    Source: products_catalog.v3.yml, whose single-page examples leave out most links.
    """

    total: int | None = None
    count: int | None = None
    per_page: int | None = None
    current_page: int | None = None
    total_pages: int | None = None
    offset: int | None = None


class CursorLinks(msgspec.Struct):
    """``meta.cursor_pagination.links``, where it is an object; a list (PHP's empty object) tells nothing of a next page."""

    next: str | None = None


class CursorPagination(msgspec.Struct):
    """``meta.cursor_pagination`` of a V3 list, members as in :class:`Pagination`. Source: customers.v3.yml, price_lists.v3.yml."""

    count: int | None = None
    per_page: int | None = None
    end_cursor: str | None = None
    links: CursorLinks | None = None


class Meta(msgspec.Struct):
    """The parts of a V3 ``meta`` that paging needs."""

    pagination: Pagination | None = None
    cursor_pagination: CursorPagination | None = None


class NoListError(msgspec.ValidationError):
    """An answer of success that holds no list: an empty body, or null. Sent again like a body that is no JSON."""


#: B2B Edition repeats the status in the body.
_NO_CODE = msgspec.Raw(b"null")


class _ListEnvelope(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: msgspec.Raw = msgspec.Raw(b"null")
    code: msgspec.Raw = _NO_CODE


class _RecordEnvelope(msgspec.Struct):
    data: msgspec.Raw
    meta: msgspec.Raw = msgspec.Raw(b"null")
    code: msgspec.Raw = _NO_CODE


class _InnerList(msgspec.Struct, rename={"records": "list"}):
    records: list[msgspec.Raw]
    pagination: msgspec.Raw = msgspec.Raw(b"null")


class _InnerListEnvelope(msgspec.Struct):
    data: _InnerList
    code: msgspec.Raw = _NO_CODE


_LIST_ENVELOPE = msgspec.json.Decoder(_ListEnvelope)
_INNER_LIST_ENVELOPE = msgspec.json.Decoder(_InnerListEnvelope)
_RECORD_ENVELOPE = msgspec.json.Decoder(_RecordEnvelope)
_BARE_LIST = msgspec.json.Decoder(list[msgspec.Raw])
#: No list has more rows or pages than this; a larger number is none that can be true.
_MOST_ROWS = 2**48
#: Bytes of an error's body that are decoded; BigCommerce's own have a few hundred.
_LARGEST_ERROR = 2**20


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list.

    :param records: raw JSON of each row, in the list's order.
    :param meta: paging facts; empty for V2.
    :param is_gone: the list is not there any more: its parent was deleted.
    """

    records: list[msgspec.Raw]
    meta: Meta
    is_gone: bool = False


_NO_META = Meta()


@odd_bytes.tolerant
def read_listing(
    request: Request, response: Response, *, envelope: str = "data", may_be_204: bool = False, is_list: bool = True
) -> Listing:
    """Read one page of a list, or a singleton as a list of one.

    :param envelope: ``data``, ``bare`` or ``data_list``, from the catalog.
    :param may_be_204: whether 204 means that there are no rows; in V2 it always does.
    :param is_list: whether rows are due. A singleton may be null, and a list may not be an object.
    :raises msgspec.DecodeError: the body is not JSON, or (:class:`NoListError`) empty or null (the caller may repeat the request).
    :raises UnexpectedAnswerError: it is JSON of another shape.
    """
    body = response.body
    if response.status == 204 and (may_be_204 or request.path.startswith("/v2/")):
        return Listing([], _NO_META)
    if not body or body.isspace():
        raise NoListError(f"status {response.status} without a body")
    try:
        if envelope == "data":
            page = _LIST_ENVELOPE.decode(body)
            _require_good(request, response, page.code)
            listing = Listing(page.data, read_meta(page.meta))
        elif envelope == "data_list":
            inner = _INNER_LIST_ENVELOPE.decode(body)
            _require_good(request, response, inner.code)
            listing = Listing(inner.data.records, read_meta(msgspec.Raw(b'{"pagination":' + bytes(inner.data.pagination) + b"}")))
        else:
            listing = Listing(_flat(_BARE_LIST.decode(body)), _NO_META)
    except msgspec.ValidationError:
        listing = _read_unusual(request, response, envelope, is_list=is_list)
    return _whole(listing)


def _whole(listing: Listing) -> Listing:
    """The page, unless it says of itself that it holds more rows than came.

    ``count`` is believed only where it must be the number of rows in hand: some endpoints count all rows there.
    """
    for about in (listing.meta.pagination, listing.meta.cursor_pagination):
        count, per_page = (about.count, about.per_page) if about is not None else (None, None)
        total = listing.meta.pagination.total if listing.meta.pagination else None
        if count is not None and per_page is not None and len(listing.records) < count <= per_page and count != total:
            raise NoListError(f"a page that says it has {count} rows, with {len(listing.records)} of them")
    return listing


def _flat(records: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """A list of lists is one list. Source: store_content.v2.yml (blog tags)."""
    if not records or bytes(memoryview(records[0])[:1]) != b"[":
        return records
    return [record for group in records for record in _BARE_LIST.decode(group)]


def _require_good(request: Request, response: Response, code: msgspec.Raw) -> None:
    """Refuse an answer whose body says that it is an error, whatever its status says: an empty list would be taken for "all gone".

    :raises ApiError: it does.
    """
    if code is _NO_CODE:
        return
    status = _number(msgspec.json.decode(code))
    if status is not None and 400 <= status < 600:
        raise error_from(request, Response(status, response.headers, response.body))


def _read_unusual(request: Request, response: Response, envelope: str, *, is_list: bool) -> Listing:
    """A singleton, null data, or something nobody documented."""
    body = response.body
    msgspec.json.decode(body)  # a cut body can look like another shape; it is no JSON first of all
    raw, meta = msgspec.Raw(body.strip()), _NO_META
    if bytes(raw) == b"null" or (is_list and not msgspec.json.decode(raw)):
        raise NoListError("null, or an empty object, for a body")
    if envelope != "bare":
        try:
            record = _RECORD_ENVELOPE.decode(body)
        except msgspec.ValidationError as error:
            raise UnexpectedAnswerError(
                f"{request.method} {request.path} answered JSON without 'data': {error}. Expected {{'data': ..., 'meta': ...}}."
            ) from None
        _require_good(request, response, record.code)
        raw, meta = record.data, read_meta(record.meta)
    kind = bytes(memoryview(raw)[:1])
    if is_list and (kind == b"n" or (kind == b"{" and not msgspec.json.decode(raw))):
        raise NoListError("null, or an empty object, where a list is due")
    if kind == b"{" and not is_list:
        return Listing([raw], meta)
    if kind == b"n":
        return Listing([], meta)
    if kind == b"[":
        return Listing(_BARE_LIST.decode(raw), meta)
    due = "no list" if is_list else "neither a list nor an object"
    raise UnexpectedAnswerError(f"{request.method} {request.path} answered JSON that is {due}.")


def read_meta(raw: msgspec.Raw) -> Meta:
    """``meta`` member by member: what one member holds costs the others nothing.

    Real stores have sent ``[]`` for an object, numbers as text, and links that nobody documented.
    """
    found = msgspec.json.decode(raw)
    if not isinstance(found, dict):
        return _NO_META
    pages, cursors = found.get("pagination"), found.get("cursor_pagination")
    pagination = cursor_pagination = None
    if not isinstance(pages, dict) and "totalCount" in found:  # B2B Edition's orders tell it in meta itself
        pages = found
    if isinstance(pages, dict) and "totalCount" in pages:
        total, limit, offset = (_number(pages.get(name)) for name in ("totalCount", "limit", "offset"))
        pagination = Pagination(total=total, per_page=limit, offset=offset)
    elif isinstance(pages, dict):
        pagination = Pagination(**{name: _number(pages.get(name)) for name in Pagination.__struct_fields__})
    if isinstance(cursors, dict):
        links = cursors.get("links")
        cursor_pagination = CursorPagination(
            count=_number(cursors.get("count")),
            per_page=_number(cursors.get("per_page")),
            end_cursor=_cursor(cursors.get("end_cursor")),
            links=CursorLinks(_cursor(links.get("next"))) if isinstance(links, dict) else None,
        )
    return Meta(pagination, cursor_pagination)


def _number(value: object) -> int | None:
    """A number of rows or pages, which may have been written as text."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST_ROWS else None


def _cursor(value: object) -> str | None:
    """A cursor or a link, which may have been written as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value else None


def read_record(request: Request, response: Response, *, may_be_left_out: bool = False) -> dict[str, Any]:
    """Read one record as a dict, out of its envelope where it has one.

    :param may_be_left_out: whether an empty list is an answer too, as for an address that is there already; it gives ``{}``.
    :raises msgspec.DecodeError: the body is not JSON.
    :raises UnexpectedAnswerError: there is not exactly one record.
    """
    value = response.json()
    if isinstance(value, dict) and "data" in value:
        value = value["data"]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if may_be_left_out and value == []:
        return {}
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


def error_texts(body: Any) -> tuple[str | None, dict[str, str]]:
    """Title and field messages out of the shapes that BigCommerce uses for errors, as they may be shown."""
    if isinstance(body, list) and body:  # V2: [{"status", "message"}]
        return error_texts(body[0])
    if not isinstance(body, dict):
        return None, {}
    nested = body.get("error")
    about = body.get("meta")
    told = about.get("message") if isinstance(about, dict) else None  # B2B Edition
    title = body.get("title") or body.get("message") or (nested if isinstance(nested, str) else None) or told
    if not title and isinstance(nested, dict):
        title = nested.get("code") or nested.get("message")
    errors = body.get("errors")
    if not title and isinstance(errors, list) and errors:  # batch answers
        return error_texts(errors[0])
    found: dict[str, Any] = dict(errors) if isinstance(errors, dict) else {}
    batch = body.get("batch_errors")
    for index, failure in enumerate(batch if isinstance(batch, list) else ()):
        named = (failure.get("errors") or failure.get("field_errors")) if isinstance(failure, dict) else None
        if isinstance(named, dict):
            found.update({f"{index}.{name}": text for name, text in named.items()})
    return (outside_text.message(title) if title else None), outside_text.field_messages(found)


def error_body(response: Response) -> Any:
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
    title, fields = error_texts(error_body(response))
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
    host = host_of(request.path)
    if host.is_optional and status in (401, 403):
        advice = f" The store has no {host.title}, or the access token lacks its scope ({', '.join(scopes) or host.title})."
        return PermissionDeniedError(where + said + advice + tail, scopes=scopes, **make.keywords)
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
