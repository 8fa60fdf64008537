"""Answers that are no failure by their status and yet wrong: what real stores, proxies and gateways were seen to send in place of a page.

Each kind is a function of an `Exchange`; a test may give one of its own. `Faults.odd` says which requests get it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from airflow_provider_bigcommerce.sandbox.answers import Answer, encode, error

Asker = Callable[[Mapping[str, str]], Answer]
_HTML = b"<!DOCTYPE html>\n<html><head><title>%d</title></head><body><center><h1>%d %s</h1></center><hr>nginx</body></html>\n"


@dataclass(frozen=True)
class Exchange:
    """One request that is answered oddly.

    :param method: HTTP method.
    :param path: path within the store, without the query: `/v3/catalog/products`.
    :param query: its decoded parameters.
    :param number: which of the matching requests it is; the first is 1.
    :param ask: gives the store's own answer to the same request with other parameters.
    :param first: what the first matching request was answered, None for the first itself.
    :param previous: the same for the matching request before this one.
    """

    method: str
    path: str
    query: Mapping[str, str]
    number: int
    ask: Asker
    first: Answer | None = None
    previous: Answer | None = None

    @cached_property
    def answer(self) -> Answer:
        """The store's own answer. Nothing is done in the store by a request whose odd answer never looks here."""
        return self.ask(self.query)

    @property
    def version(self) -> str:
        """`v2` or `v3`."""
        return self.path[1:3]

    @property
    def payload(self) -> Any:
        """The store's own answer, decoded; None where it has no body."""
        return msgspec.json.decode(self.answer.body) if self.answer.body else None


Odd = Callable[[Exchange], Answer]


# -- no list at all ------------------------------------------------------------------------------------------------------------------


def body(text: bytes, status: int = 200, content_type: str = "application/json") -> Odd:
    """Send these bytes."""
    return lambda _: Answer(status, text, content_type=content_type)


def fails(status: int, title: str | None = None) -> Odd:
    """Send an error in the shape of the API version; the store has not acted."""
    return lambda exchange: error(exchange.version, status, title)


def html(status: int, title: str) -> Odd:
    """Send a gateway's page."""
    return body(_HTML % (status, status, title.encode()), status, "text/html")


def _data(change: Callable[[list[Any]], Any]) -> Odd:
    """Change the rows of a list; meta stays as it is."""

    def odd(exchange: Exchange) -> Answer:
        found = exchange.payload
        if isinstance(found, dict) and isinstance(found.get("data"), list):
            found["data"] = change(found["data"])
        elif isinstance(found, list):
            found = change(found)
        return replace(exchange.answer, body=encode(found))

    return odd


# -- meta ----------------------------------------------------------------------------------------------------------------------------


def _meta(change: Callable[[dict[str, Any], int], Any]) -> Odd:
    """Change meta, given meta and how many rows the page has; an answer without meta stays."""

    def odd(exchange: Exchange) -> Answer:
        found = exchange.payload
        if isinstance(found, dict) and isinstance(found.get("meta"), dict):
            found["meta"] = change(found["meta"], len(found["data"]) if isinstance(found.get("data"), list) else 1)
        return replace(exchange.answer, body=encode(found))

    return odd


def _pagination(change: Callable[[dict[str, Any], int], Mapping[str, Any]]) -> Odd:
    """Change members of `meta.pagination`; in the answer of a count, its `count` is the total."""

    def within(meta: dict[str, Any], rows: int) -> Any:
        if "pagination" in meta:
            meta["pagination"] |= change(meta["pagination"], rows)
        return meta

    def odd(exchange: Exchange) -> Answer:
        found = exchange.payload
        if isinstance(found, dict) and "count" in found and "meta" not in found:
            changed = change({"total": found["count"], "links": {}}, 0)
            return replace(exchange.answer, body=encode({**found, "count": changed.get("total", found["count"])}))
        return _meta(within)(exchange)

    return odd


def _without_next(page: Mapping[str, Any]) -> dict[str, Any]:
    return {name: link for name, link in page["links"].items() if name != "next"}


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _each_part(change: Callable[[dict[str, Any]], Any]) -> Odd:
    """Change `pagination` and `cursor_pagination`, each where it is there."""
    return _meta(lambda meta, _: {name: change(part) if isinstance(part, dict) else part for name, part in meta.items()})


def _dropping(*names: str) -> Odd:
    return _each_part(lambda part: {name: value for name, value in part.items() if name not in names})


# -- another page --------------------------------------------------------------------------------------------------------------------


def without(*names: str) -> Odd:
    """Answer as though these parameters had not been sent."""
    return lambda exchange: exchange.ask({name: value for name, value in exchange.query.items() if name not in names})


def page_size(rows: int) -> Odd:
    """Answer with shorter pages than were asked for; page numbers and cursors count in the shorter ones."""
    return lambda exchange: exchange.ask({**exchange.query, "limit": str(min(rows, int(exchange.query.get("limit") or rows)))})


def _no_filter(exchange: Exchange) -> Answer:
    kept = ("page", "limit", "after", "before", "sort", "direction", "include", "include_fields", "exclude_fields")
    return exchange.ask({name: value for name, value in exchange.query.items() if name in kept})


def _reversed_sort(exchange: Exchange) -> Answer:
    turned = "asc" if exchange.query.get("direction", "asc").lower() == "desc" else "desc"
    name, _, direction = exchange.query.get("sort", "").partition(":")
    if direction:
        return exchange.ask({**exchange.query, "sort": f"{name}:{'asc' if direction == 'desc' else 'desc'}"})
    return exchange.ask({**exchange.query, "direction": turned} if name else exchange.query)


def _previous(exchange: Exchange) -> Answer:
    return exchange.previous or exchange.answer


def _endless(exchange: Exchange) -> Answer:
    """The rows of the first page again, with a new cursor and a next link, for ever."""
    answer = exchange.first or exchange.answer
    found = msgspec.json.decode(answer.body) if answer.body else None
    if isinstance(found, dict) and isinstance(found.get("meta"), dict):
        fresh = b64encode(f"endless:{exchange.number}".encode()).decode()
        more = "?" + urlencode({**exchange.query, "after": fresh})
        number = int(exchange.query.get("page") or 1)
        found["meta"] |= {
            name: {**part, "links": {**part["links"], "next": more}}
            | ({"start_cursor": fresh, "end_cursor": fresh} if name == "cursor_pagination" else {})
            | ({"current_page": number, "total_pages": number + 1, "total": part.get("total", 0) + 1} if name == "pagination" else {})
            for name, part in found["meta"].items()
        }
    return replace(answer, body=encode(found))


NAMED: dict[str, Odd] = {
    # no list, though the status says so
    "empty": body(b""),
    "blanks": body(b" \r\n\t "),
    "no_content": lambda _: Answer(204),
    "null": body(b"null"),
    "data_null": body(b'{"data":null,"meta":{}}'),
    "data_missing": body(b'{"meta":{}}'),
    "data_false": body(b'{"data":false,"meta":{}}'),
    "object": body(b"{}"),
    "text": body(b'"OK"'),
    "cut_json": lambda exchange: replace(exchange.answer, body=(exchange.answer.body or b"[")[:-1]),
    "html": body(b"<!DOCTYPE html><html><body>Checking your browser</body></html>", content_type="text/html; charset=UTF-8"),
    # rows that are not all
    "data_empty": _data(lambda _: []),  # meta tells of rows that are not there
    "no_rows": lambda exchange: Answer(200, b"[]" if exchange.version == "v2" else b'{"data":[],"meta":{}}'),
    "data_object": _data(lambda rows: {str(place): row for place, row in enumerate(rows)}),  # what PHP makes of a list with a gap
    "half_page": _data(lambda rows: rows[: len(rows) // 2]),
    "one_short": _data(lambda rows: rows[:-1]),
    "row_twice": _data(lambda rows: rows[:1] + rows),
    "row_null": _data(lambda rows: [*rows[:-1], None]),
    "shuffled": _data(lambda rows: rows[1::2] + rows[::2]),
    # meta against the page in hand
    "meta_list": _meta(lambda *_: []),
    "meta_null": _meta(lambda *_: None),
    "meta_empty": _meta(lambda *_: {}),
    "parts_list": _each_part(lambda _: []),
    "links_list": _each_part(lambda part: {**part, "links": []}),
    "no_links": _dropping("links"),
    "no_end_cursor": _dropping("end_cursor"),
    "no_cursor": _dropping("end_cursor", "start_cursor", "links"),
    "numbers_as_text": _meta(lambda meta, _: _as_text(meta)),
    "total_this_page": _pagination(
        lambda page, rows: {"total": rows, "total_pages": page.get("current_page", 1), "links": _without_next(page)}
    ),
    "total_zero": _pagination(lambda page, _: {"total": 0, "total_pages": 0, "links": _without_next(page)}),
    "total_negative": _pagination(lambda *_: {"total": -1, "total_pages": -1}),
    "total_null": _pagination(lambda *_: {"total": None, "total_pages": None}),
    "total_float": _pagination(lambda page, _: {"total": float(page["total"]) + 0.5}),
    "total_one_more": _pagination(lambda page, _: {"total": page["total"] + 1}),
    "total_one_less": _pagination(lambda page, _: {"total": page["total"] - 1}),
    "total_pages_one": _pagination(lambda page, _: {"total_pages": 1, "links": _without_next(page)}),
    "total_pages_huge": _pagination(lambda *_: {"total": 10**9 * 250, "total_pages": 10**9}),
    # another page than was asked for
    "repeats_page": _previous,
    "endless": _endless,
    "ignores_page": without("page", "after", "before"),
    "ignores_sort": without("sort", "direction"),
    "reverses_sort": _reversed_sort,
    "ignores_limit": without("limit"),
    "ignores_filters": _no_filter,
    # errors
    "401": fails(401),
    "403": fails(403),
    "404": fails(404),
    "409": fails(409),
    "422": fails(422),
    "423": fails(423),
    "500_html": html(500, "Internal Server Error"),
    "502_html": html(502, "Bad Gateway"),
    "503_html": html(503, "Service Temporarily Unavailable"),
    "504_html": html(504, "Gateway Time-out"),
    "suspended": fails(503, "The store is suspended."),
}


def kind(wanted: str | Odd) -> Odd:
    """Give an odd answer by its name, or as it is.

    :raises ValueError: there is none of that name.
    """
    if not isinstance(wanted, str):
        return wanted
    if wanted not in NAMED:
        raise ValueError(f"unknown odd answer {wanted!r}; there are {', '.join(NAMED)}")
    return NAMED[wanted]


def decoded(text: str) -> dict[str, str]:
    """Read a query."""
    return dict(parse_qsl(text, keep_blank_values=True))
