"""A shop that answers oddly: an independent reading of BigCommerce's paging rules, the ways in which its lists are walked, and odd answers.

Each odd answer was seen on a real store, or is one step from one that was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_bigcommerce.core.messages import Request, Response

#: More requests than any read of the shop can need: what goes on behind it would never end.
ENDLESS = 400


@dataclass(frozen=True)
class Way:
    """One way in which a list is walked.

    :param resource: what is read.
    :param style: how the store answers it.
    :param key: the field of the rows' key.
    :param ids: the rows, in the store's order.
    :param cap: rows a page, whatever was asked for.
    :param limit: rows a page, as the caller asks for; 0 where callers cannot.
    :param is_child: whether it is the list of one parent of many.
    """

    resource: str
    style: str
    key: str = "id"
    ids: tuple[int, ...] = tuple(range(1, 125))
    cap: int = 50
    is_child: bool = False
    limit: int = 50

    @property
    def query(self) -> dict[str, int]:
        return {"limit": self.limit} if self.limit else {}


SPARSE = tuple(range(3, 3 * 124 + 3, 3))
WAYS: dict[str, Way] = {
    "id ranges, V3": Way("products", "v3"),
    "id ranges with holes, V3": Way("products", "v3", ids=SPARSE),
    "id ranges of short pages, V3": Way("products", "v3", cap=10, ids=tuple(range(1, 63))),
    "id ranges that end with a full page, V3": Way("products", "v3", ids=tuple(range(1, 101))),
    "id ranges of one page, V3": Way("products", "v3", ids=tuple(range(1, 38))),
    "id ranges, V2, counted": Way("orders", "v2"),
    "id ranges with holes, V2, counted": Way("orders", "v2", ids=SPARSE),
    "id ranges of one page, V2, counted": Way("orders", "v2", ids=tuple(range(1, 38))),
    "id ranges, V2": Way("gift_certificates", "v2"),
    "id ranges of one page, V2": Way("gift_certificates", "v2", ids=tuple(range(1, 8))),
    "no rows, counted": Way("orders", "v2", ids=()),
    "no rows, V3": Way("products", "v3", ids=()),
    **{f"id ranges of pages of {cap}, V2": Way("orders", "v2", cap=cap, ids=tuple(range(1, 4 * cap))) for cap in (10, 20, 30, 37)},
    "cursors": Way("customers", "cursor"),
    "cursors that end with a full page": Way("customers", "cursor", ids=tuple(range(1, 101))),
    "cursors without totals": Way("customers", "cursor without totals"),
    "cursors of one page": Way("customers", "cursor", ids=tuple(range(1, 38))),
    "pages, V3": Way("product_variants", "v3"),
    "pages that end with a full one, V3": Way("product_variants", "v3", ids=tuple(range(1, 101))),
    "one page, V3": Way("product_variants", "v3", ids=tuple(range(1, 38))),
    "pages in another order, V3": Way("product_variants", "v3", ids=tuple(range(124, 0, -1))),
    "pages, V2": Way("customer_groups", "v2"),
    "pages in another order, V2": Way("customer_groups", "v2", ids=tuple(range(124, 0, -1))),
    "pages that end with a full one, V2": Way("customer_groups", "v2", ids=tuple(range(1, 101))),
    "one page, V2": Way("customer_groups", "v2", ids=tuple(range(1, 8))),
    **{f"pages of {cap}, V2": Way("customer_groups", "v2", cap=cap, ids=tuple(range(1, 4 * cap))) for cap in (10, 20, 30, 37)},
    "after the last key": Way("channel_listings", "keyset", key="listing_id", is_child=True),
    "by change date": Way("pickup_methods", "dates"),
    "children, V2": Way("order_products", "v2", is_child=True),
    "children of short pages, V2": Way("order_products", "v2", cap=37, ids=tuple(range(1, 101)), is_child=True),
    "children, V3": Way("product_images", "v3", is_child=True),
    "children, cursors": Way("product_metafields_by_product", "cursor", is_child=True),
    "one answer": Way("category_trees", "single", ids=tuple(range(1, 38)), limit=0),
    "one answer that has pages all the same": Way("tax_rates", "v3", ids=tuple(range(1, 621)), cap=250, limit=0),
}


class Shop:
    """Answers as BigCommerce does; the odd answer takes the place of the ``position``-th of a list, and of ``times`` in all."""

    def __init__(self, way: Way, odd: Odd | None = None, position: int = 0, times: float = 0) -> None:
        self.way, self.odd, self.position, self.times = way, odd, position, times
        self.asked = 0
        self.lists = 0
        self.told = 0  # the highest number of rows of the whole list that an answer told
        self.last: list[Response] = []
        self.page = 1  # that the last request asked for

    def answer(self, request: Request) -> Response:
        self.asked += 1
        assert self.asked <= ENDLESS, "the read never ends"
        params = dict(request.params)
        if request.path.endswith("/count"):
            self.told = max(self.told, len(self.way.ids))
            return _json({"count": len(self.way.ids)})
        self.page = int(params.get("page", 1))
        response = _ANSWERS.get((self.way, request.params)) or self._list(params)
        _ANSWERS[self.way, request.params] = response
        self.lists += 1
        is_odd = self.odd is not None and self.position <= self.lists < self.position + self.times
        if is_odd and self.odd is not None:
            response = self.odd(self, response)
        if not {"id:min", "id:max", "date_modified:min"} & params.keys():
            self.told = max(self.told, _told(response) if is_odd else len(self.way.ids) if self.way.style in COUNTED else 0)
        self.last.append(response)
        return response

    def _matching(self, params: dict[str, str]) -> list[int]:
        low = int(params.get("id:min", params.get("min_id", 0)))
        high = int(params.get("id:max", params.get("max_id", 10**9)))
        return [i for i in self.way.ids if low <= i <= high]

    def _list(self, params: dict[str, str]) -> Response:
        way = self.way
        matching = self._matching(params)
        if params.get("sort") == "id" and params.get("direction", "asc") == "asc":
            matching.sort()
        limit = min(int(params.get("limit", 50)), way.cap)
        page = int(params.get("page", 1))
        if way.style == "single":
            return _json({"data": self._rows(matching), "meta": {}})
        if way.style in ("keyset", "cursor", "cursor without totals"):
            after = params.get("after", "0")
            rest = [i for i in matching if i > (int(after) if after.isdecimal() else 0)]
            rows = rest[:limit]
            if way.style == "keyset":
                return _json({"data": self._rows(rows), "meta": {}})
            links = {"next": f"?after={rows[-1]}"} if len(rest) > limit else {}
            cursors = {"count": len(rows), "per_page": limit, "end_cursor": str(rows[-1]) if rows else None, "links": links}
            totals = {} if "without" in way.style else {"pagination": {"total": len(matching)}}
            return _json({"data": self._rows(rows), "meta": {**totals, "cursor_pagination": cursors}})
        if way.style == "dates":
            since = params.get("date_modified:min", "")
            matching = [i for i in matching if _date(i) >= since.replace("+00:00", "Z")]
        rows = matching[(page - 1) * limit : page * limit]
        if way.style == "v2":
            return _json(self._rows(rows)) if rows else Response(204, {}, b"")
        pages = -(-len(matching) // limit)
        about = {"total": len(matching), "count": len(rows), "per_page": limit, "current_page": page, "total_pages": pages}
        return _json({"data": self._rows(rows), "meta": {"pagination": about}})

    def _rows(self, ids: list[int]) -> list[dict[str, Any]]:
        return [{self.way.key: i, "date_modified": _date(i), "name": "\N{SNOWMAN}"} for i in ids]


def _date(i: int) -> str:
    return f"2026-01-{1 + i // 86400:02}T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}Z"


def _json(body: object) -> Response:
    return Response(200, {"content-type": "application/json"}, msgspec.json.encode(body))


#: Styles whose answers tell how many rows there are.
COUNTED = frozenset({"v3", "cursor", "dates"})

#: The shops' own answers: many reads ask for the same.
_ANSWERS: dict[tuple[Way, object], Response] = {}


def _told(response: Response) -> int:
    """The number of rows in an answer's meta, where it can be one."""
    try:
        total = int(msgspec.json.decode(response.body)["meta"]["pagination"]["total"])
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError):
        return 0
    return total


Odd = Callable[[Shop, Response], Response]


def raw(body: bytes, status: int = 200) -> Odd:
    return lambda shop, response: Response(status, {"content-type": "application/json"}, body)


def meta(change: Callable[[dict[str, Any], int], object]) -> Odd:
    """Another ``meta``; V2 has none, and answers as ever."""

    def odd(shop: Shop, response: Response) -> Response:
        body = response.json()
        if not isinstance(body, dict):
            return response
        found = dict(body["meta"])
        changed = change(found, len(body["data"]))
        return _json({**body, "meta": found if changed is None else changed})

    return odd


def pagination(**members: Any) -> Odd:
    """Other members of ``pagination``; a function is given the number of rows in hand."""

    def change(found: dict[str, Any], rows: int) -> None:
        if "pagination" in found:
            values = {name: value(rows) if callable(value) else value for name, value in members.items()}
            found["pagination"] = {**found["pagination"], **values}

    return meta(change)


def cursors(**members: Any) -> Odd:
    def change(found: dict[str, Any], rows: int) -> None:
        if "cursor_pagination" in found:
            found["cursor_pagination"] = {**found["cursor_pagination"], **members}

    return meta(change)


def records(change: Callable[[list[Any]], list[Any]]) -> Odd:
    """Other rows, with the ``meta`` that belongs to all of them."""

    def odd(shop: Shop, response: Response) -> Response:
        body = response.json()
        if isinstance(body, dict):
            return _json({**body, "data": change(body["data"])})
        return _json(change(body or []))

    return odd


def empty(shop: Shop, response: Response) -> Response:
    """An empty list that contradicts nothing but what came before it."""
    return _json({"data": [], "meta": {"pagination": {"total": 0, "count": 0, "per_page": 250, "current_page": 1, "total_pages": 0}}})


def no_rows(shop: Shop, response: Response) -> Response:
    return Response(204, {}, b"") if shop.way.style == "v2" else empty(shop, response)


def no_rows_here(shop: Shop, response: Response) -> Response:
    """An empty list, and meta of the very page that was asked for."""
    about = {"total": 0, "count": 0, "per_page": 250, "current_page": shop.page, "total_pages": 0}
    return Response(204, {}, b"") if shop.way.style == "v2" else _json({"data": [], "meta": {"pagination": about}})


def bare(meta: dict[str, Any]) -> Odd:
    """An empty list with that meta."""
    return lambda shop, response: _json([] if shop.way.style == "v2" else {"data": [], "meta": meta})


def half(shop: Shop, response: Response) -> Response:
    """Half of the rows, and a meta of a list that has no others."""
    body = response.json() if response.body else []
    if not isinstance(body, dict):
        return _json(body[: len(body) // 2])
    rows = body["data"][: len(body["data"]) // 2]
    return _json({"data": rows, "meta": {"pagination": {"total": len(rows), "total_pages": 1}}})


def before(shop: Shop, response: Response) -> Response:
    return shop.last[-1] if shop.last else response


def first(shop: Shop, response: Response) -> Response:
    return shop.last[0] if shop.last else response


def new_cursor(shop: Shop, response: Response) -> Response:
    body = first(shop, response).json()
    if isinstance(body, dict) and "cursor_pagination" in body["meta"]:
        body["meta"]["cursor_pagination"]["end_cursor"] = f"c{shop.asked}"
    return _json(body)


ODD: dict[str, Odd] = {
    "an empty body": raw(b""),
    "blanks": raw(b" \n "),
    "204": raw(b"", 204),
    "null": raw(b"null"),
    "null for data": raw(b'{"data":null}'),
    "an object for data": raw(b'{"data":{},"meta":{}}'),
    "no data": raw(b'{"meta":{}}'),
    "an empty object": raw(b"{}"),
    "half of the body": lambda shop, response: Response(200, {}, response.body[: len(response.body) // 2]),
    "a page of a proxy": lambda shop, response: Response(200, {"content-type": "text/html"}, b"<html>busy</html>"),
    "no rows": no_rows,
    "no rows of this page": no_rows_here,
    "no rows, total 0 and nothing else": bare({"pagination": {"total": 0}}),
    "no rows, meta {}": bare({}),
    "half of the rows, and a meta of them": half,
    "half of the rows, and the meta of all": records(lambda rows: rows[: len(rows) // 2]),
    "rows shuffled": records(lambda rows: rows[1::2] + rows[::2]),
    "no rows, and the meta of all": records(lambda rows: []),
    "ten rows, and the meta of all": records(lambda rows: rows[:10]),
    "the last row missing": records(lambda rows: rows[:-1]),
    "rows backwards": records(lambda rows: rows[::-1]),
    "the page before": before,
    "the first page": first,
    "new cursors, the first page": new_cursor,
    "meta is a list": meta(lambda found, rows: []),
    "meta is null": meta(lambda found, rows: 0),
    "no meta": meta(lambda found, rows: found.clear()),
    "total is this page": pagination(total=lambda rows: rows, total_pages=1),
    "no total": pagination(total=None, total_pages=None),
    "total 0": pagination(total=0),
    "total below 0": pagination(total=-1),
    "total is text": pagination(total=lambda rows: "many"),
    "numbers as text": pagination(total=str, total_pages="1"),
    "one page": pagination(total_pages=1),
    "a billion pages": pagination(total_pages=10**9),
    "a billion pages, and rows for them": pagination(total_pages=10**9, total=250 * 10**9),
    "another page": pagination(current_page=7),
    "no cursor": cursors(end_cursor=None),
    "no cursor, no link": cursors(end_cursor=None, links={}),
    "links is a list": cursors(links=[]),
    "no next link": cursors(links={}),
    "cursor of the first page": cursors(end_cursor="50"),
    "pages of a thousand": cursors(per_page=1000),
}

#: Answers that are shorter lists, or empty ones, and say nothing that is wrong by itself.
EMPTY = frozenset(
    {"204", "no rows", "no rows of this page", "no rows, total 0 and nothing else", "no rows, meta {}", "no rows, and the meta of all"}
)
SHORTER = EMPTY | {"ten rows, and the meta of all", "the last row missing", "half of the rows, and the meta of all"}
#: Likewise, and at the first place it is a whole list of its own.
OWN = frozenset({"half of the rows, and a meta of them"})
#: Answers that are no list: they reach no walk, whatever it is, but are asked for again.
NO_LIST = frozenset(
    {"an empty body", "blanks", "null", "null for data", "an object for data", "no data", "an empty object"}
    | {"half of the body", "a page of a proxy"}
)
