"""What no source tells of real stores, or stores may change without a word: a sandbox can be told to do it one way or another.

`Store.ways` is None, and then the store does what the files and recorded answers suggest. A test gives it a `Ways` to see what becomes of
who relies on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from airflow_provider_bigcommerce.sandbox import dates
from airflow_provider_bigcommerce.sandbox.answers import Answer, encode
from airflow_provider_bigcommerce.sandbox.table import Row

_RESET = "X-Rate-Limit-Time-Reset-Ms"


@dataclass
class Ways:
    """Ways of one store; path templates name lists, `/v3/orders/{order_id}/transactions`.

    :param default_pages: rows of a page that no `limit` asked for, by template.
    :param no_limit: templates of lists that pass over `limit`.
    :param at_least: rows that a list without pages has at least, by template: copies of its first one, each with an id of its own.
    :param order: in which order of ids a list comes that no `sort` asked for, by template.
    :param page_numbers: ends of templates of lists that know page numbers and no cursor.
    :param deaf_cursors: ends of templates of lists that show a cursor and do not turn the page by it.
    :param second_left_out: templates of lists whose date filters leave out the second that they are given.
    :param counts_all: whether endpoints that count pass over filters.
    :param rows: what becomes of each row of an answer, by template; a record of V2 or in `data` is one too.
    :param empty_v2: how V2 answers a list without rows.
    :param headers_on_204: whether an answer without a body tells of the quota.
    :param reset_step_ms: milliseconds to which the time that is left of the window is rounded up.
    :param open_clock: whether `/v2/time` needs no scope.
    """

    default_pages: Mapping[str, int] = field(default_factory=dict)
    no_limit: tuple[str, ...] = ()
    at_least: Mapping[str, int] = field(default_factory=dict)
    order: Mapping[str, Literal["asc", "desc"]] = field(default_factory=dict)
    page_numbers: tuple[str, ...] = ()
    deaf_cursors: tuple[str, ...] = ()
    second_left_out: tuple[str, ...] = ()
    counts_all: bool = False
    rows: Mapping[str, Callable[[Row], Row]] = field(default_factory=dict)
    empty_v2: Literal["204", "[]"] = "204"
    headers_on_204: bool = True
    reset_step_ms: int = 1
    open_clock: bool = False

    def needs_scope(self, template: str) -> bool:
        """Tell whether a path needs what the table of scopes says."""
        return not (self.open_clock and template == "/v2/time")

    def asked(self, template: str, query: Mapping[str, str]) -> Mapping[str, str]:
        """Give the query that the store takes this one for."""
        found = dict(query)
        if template.endswith("/count") and self.counts_all:
            return {}
        if template in self.no_limit:
            found.pop("limit", None)
        if template in self.default_pages:
            found.setdefault("limit", str(self.default_pages[template]))
        if template in self.order:
            found.setdefault("sort", f"id:{self.order[template]}")
        if self.page_numbers and template.endswith(self.page_numbers):
            found = {"page": "1", **{name: value for name, value in found.items() if name not in ("after", "before")}}
        if self.deaf_cursors and template.endswith(self.deaf_cursors):
            found = {name: value for name, value in found.items() if name not in ("after", "before")}
        if template in self.second_left_out:
            found = {name: _moved(name, value) for name, value in found.items()}
        return found

    def shown(self, template: str, version: str, query: Mapping[str, str], answer: Answer) -> Answer:
        """Give the answer that the store sends in place of this one.

        :param query: as :meth:`asked` gave it.
        """
        if version == "v2" and answer.status == 204 and self.empty_v2 == "[]":
            return Answer(200, b"[]", rows=0)
        if template in self.at_least and answer.body:
            answer = _filled_up(answer, self.at_least[template])
        if template in self.default_pages and answer.body:
            answer = _cut(answer, int(query["limit"]))
        change = self.rows.get(template)
        if change is None or answer.status != 200 or not answer.body:
            return answer
        payload = msgspec.json.decode(answer.body)
        if isinstance(payload, dict) and "data" in payload:
            return replace(answer, body=encode({**payload, "data": _changed(payload["data"], change)}))
        return replace(answer, body=encode(_changed(payload, change)))

    def headers(self, status: int, quota: Mapping[str, str]) -> Mapping[str, str]:
        """Give what an answer tells of the quota."""
        if status == 204 and not self.headers_on_204:
            return {}
        left = int(quota.get(_RESET, 0))
        return {**quota, _RESET: str(-(-left // self.reset_step_ms) * self.reset_step_ms)} if left else quota


def _filled_up(answer: Answer, least: int) -> Answer:
    payload = msgspec.json.decode(answer.body or b"null")
    rows = payload["data"]
    rows += [{**rows[0], "id": rows[0]["id"] + 1_000_000 + place} for place in range(least - len(rows))]
    return replace(answer, body=encode({"data": rows, "meta": {"pagination": _pages(len(rows), len(rows))}}), rows=len(rows))


def _pages(total: int, limit: int) -> Row:
    return {"total": total, "count": limit, "per_page": limit, "current_page": 1, "total_pages": -(-total // limit), "links": {}}


def _cut(answer: Answer, limit: int) -> Answer:
    """Let a list that knows no pages have them."""
    payload = msgspec.json.decode(answer.body or b"null")
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list) or len(payload["data"]) <= limit:
        return answer
    rows = payload["data"]
    return replace(answer, body=encode({"data": rows[:limit], "meta": {"pagination": _pages(len(rows), limit)}}), rows=limit)


def _changed(payload: Any, change: Callable[[Row], Row]) -> Any:
    return [change(row) for row in payload] if isinstance(payload, list) else change(payload)


def _moved(name: str, value: str) -> str:
    """Move the bound of a date filter by a second, inwards."""
    by = {"date_modified:min": 1, "min_date_modified": 1, "date_modified:max": -1, "max_date_modified": -1}.get(name)
    return value if by is None else dates.iso(dates.parse(value) + by)
