"""What a first copy costs, before it begins: requests, rows and bytes of each resource, by a page of each list.

One page of a list tells how many rows it has, how long they are and how dense their ids. The walk that a copy takes is then done on paper
(``paper_list``). Lists with one request for each parent are sampled: the lists of a few parents are read.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

import msgspec

from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.client.walking import chunks, keys_of_children
from airflow_provider_bigcommerce.core.catalog import Embedded, Resource
from airflow_provider_bigcommerce.core.ends import KNOWN_CAPS, told_total
from airflow_provider_bigcommerce.core.id_ranges import count_of
from airflow_provider_bigcommerce.core.messages import Query, Request, query_text
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.order_lines import count_disagrees, may_lack_lines, order_id
from airflow_provider_bigcommerce.core.planning import column_of, integer_keys, is_counted, resource_of, walk_of
from airflow_provider_bigcommerce.core.positions import ParentId
from airflow_provider_bigcommerce.core.raw_fields import dig, fields_of, with_columns
from airflow_provider_bigcommerce.core.reading import Listing, header_number, read_listing
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, Window, window_query
from airflow_provider_bigcommerce.engine.paper_list import Facts, requests_of
from airflow_provider_bigcommerce.engine.selection import Selection, select
from airflow_provider_bigcommerce.exceptions import BigCommerceError, UnexpectedAnswerError

#: Parents whose lists are read as a sample.
SAMPLED_PARENTS = 20
#: Of the parents whose rows do not come with them, those whose lists are read as a sample.
CUT_PARENTS = 5
#: Pages of a list that are read in addition to its first one: from its middle and its end, where rows may be of another kind.
MORE_PAGES = 4
#: Requests by which the end of a list is looked for that tells no number of rows: for a million pages.
_MOST_GUESSES = 40
T = TypeVar("T")
_LINE_ITEMS = "consignments.line_items"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the first copy of a resource costs.

    :param resource: catalog name.
    :param requests: that it sends; None where nothing can be told.
    :param rows: that it brings.
    :param bytes: of JSON that the store sends, before compression.
    :param notes: what is not known, or only sampled.
    """

    resource: str
    requests: int | None
    rows: int | None
    bytes: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests that the store grants in a window of seconds."""

    requests: int
    seconds: float

    def minutes(self, requests: int, share: float) -> float:
        """Minutes that so many requests take at that share of the quota, however fast the store answers."""
        return max(0, math.ceil(requests / max(1, int(self.requests * share))) - 1) * self.seconds / 60


@dataclass(slots=True)
class _Plan:
    """A read, as far as it is known: ``rows`` and ``sample`` of what it brings, None where the number is not known."""

    requests: float
    rows: float | None
    row_bytes: float
    sample: Sequence[msgspec.Raw]
    notes: list[str] = field(default_factory=list)


class Estimator:
    """Estimates for one store; a page of each list is asked for once.

    :param store: with one request at once, so that no page is read ahead.
    :param now: the end of the first window.
    """

    def __init__(self, store: BigCommerceStore, now: datetime) -> None:
        self._store = store
        self._now = now
        self._lists: dict[tuple[str, str], _Plan] = {}
        self.quota: Quota | None = None

    async def estimate(self, resource: str) -> Estimate:
        """The cost of a resource's first copy by ``bigcommerce_sync``.

        :raises InvalidQueryError: a resource that cannot be copied whole.
        """
        selection = _first_copy(resource)
        row = selection.resource
        try:
            plan = await self._plan(row, self._query(selection))
        except BigCommerceError as error:
            return Estimate(row.name, None, None, None, (f"not known: {error}",))
        requests = plan.requests + await self._of_lines(selection, plan) + 1  # and one for the store's time
        requests += row.summary is not None and selection.is_compared
        rows = None if plan.rows is None else round(plan.rows)
        size = None if rows is None else round(rows * plan.row_bytes)
        notes = tuple(dict.fromkeys(plan.notes))
        return Estimate(row.name, round(requests) if rows is not None else None, rows, size, notes)

    def _query(self, selection: Selection) -> Query:
        """What the first run of ``mode="incremental"`` sends in addition to pages."""
        if selection.is_compared:
            return selection.query
        reading = selection.reading(Window(None, self._now))
        return {**window_query(selection.resource, Window(reading["since"], reading["until"])), **reading["query"]}

    async def _of_lines(self, selection: Selection, plan: _Plan) -> float:
        """Requests for orders whose line items do not come with them."""
        if _LINE_ITEMS not in selection.include or not plan.sample or plan.rows is None:
            return 0.0
        lacking = [order_id(record) for record in plan.sample if may_lack_lines(record) or count_disagrees(record)]
        _, requests = await self._cut(resource_of("order_products"), lacking)
        return plan.rows * requests / len(plan.sample)

    async def _cut(self, row: Resource, parents: Sequence[ParentId]) -> tuple[float, float]:
        """Rows and requests of parents that are asked one by one, because their rows do not all come with them; by a few of them."""
        if not parents:
            return 0.0, 0.0
        before, rows = self._store.stats.requests, 0.0
        few = _spread(parents, CUT_PARENTS)
        for parent in few:
            _, _, found = await self._children(row, {}, [parent])
            rows += found
        share = len(parents) / len(few)
        return rows * share, (self._store.stats.requests - before) * share

    async def _plan(self, row: Resource, query: Query) -> _Plan:
        """The read of a resource, by the way that the client takes."""
        if not row.parent_keys:
            return await self._list(row, query)
        if row.store_wide is not None and row.store_wide_keys and not query:
            return await self._plan(resource_of(row.store_wide), {})
        parent = resource_of(row.parent or "")
        if row.embedded is not None and not query:
            included: Query = {"include": row.embedded.include} if row.embedded.include else {}
            return await self._embedded(row, row.embedded, await self._plan(parent, included))
        return await self._by_parent(row, query, await self._plan(parent, {}))

    # -- one list

    async def _list(self, row: Resource, query: Query) -> _Plan:
        known = (row.path, repr(sorted(query.items())))
        if known not in self._lists:
            self._lists[known] = await self._asked(row, query)
        return self._lists[known]

    async def _asked(self, row: Resource, query: Query) -> _Plan:
        first = walk_of(row, row.path, query).next_request()
        if first is None:
            raise UnexpectedAnswerError(f"{row.name!r} has no list.")
        listing, size = await self._page(row, first)
        records, limit = [*listing.records], int(dict(first.params).get("limit", 0))
        if row.kind != "collection":
            return _Plan(1, len(records), size / len(records) if records else 0.0, records)
        total = await self._total(row, query, first, listing, limit)
        if total is not None and len(records) < total:
            size = await self._more_of_it(row, first, total, records, size)
        row_bytes = size / len(records) if records else 0.0
        if total is None:
            note = f"has more than the {len(records):,} rows of a page; how many, BigCommerce does not tell"
            return _Plan(1, None, row_bytes, records, [note])
        rows = len(listing.records)
        page = rows if total > rows and rows < limit else None
        lowest, highest = await self._keys(row, first, listing.records, total)
        requests = await requests_of(row, query, Facts(total, lowest, highest, listing.meta, page), StoreSettings().max_concurrency)
        return _Plan(requests, total, row_bytes, records)

    async def _more_of_it(self, row: Resource, first: Request, total: int, records: list[msgspec.Raw], size: int) -> int:
        """Add pages from all over a list that has page numbers to its first one, and their bytes to its bytes."""
        rows = len(records)
        last = math.ceil(total / rows) if rows and row.paging in ("v2_page", "v3_page") else 1
        for page in _spread(range(2, last + 1), MORE_PAGES):
            found, more = await self._page(row, first.with_params({"page": page}))
            records += found.records
            size += more
        return size

    async def _page(self, row: Resource, request: Request) -> tuple[Listing, int]:
        """A page and its bytes."""
        response = await self._store.request("GET", request.path, params=dict(request.params))
        named = [header_number(response.headers, f"x-rate-limit-{name}") for name in ("requests-quota", "time-window-ms")]
        if named[0] and named[1]:
            self.quota = Quota(int(named[0]), named[1] / 1000)
        is_list = row.kind in ("collection", "lookup") and request.path != row.count_path
        listing = read_listing(request, response, envelope=row.envelope, may_be_204=row.empty_is_204, is_list=is_list)
        return listing, len(response.body)

    async def _total(self, row: Resource, query: Query, first: Request, listing: Listing, limit: int) -> int | None:
        """How many rows the list has; None where nothing tells it."""
        total, rows = told_total(listing), len(listing.records)
        if total is not None and (total > rows or rows < limit or not limit):
            return total
        if row.count_path is not None and is_counted(row, query):
            request = Request.get(row.count_path, {name: value for name, value in query.items() if name != "include"})
            return count_of(request, (await self._page(row, request))[0])
        if not limit or not rows or (rows < limit and rows not in KNOWN_CAPS):
            return rows
        return await self._rows_by_pages(row, first, rows) if row.paging in ("v2_page", "v3_page") else None

    async def _rows_by_pages(self, row: Resource, first: Request, rows: int) -> int | None:
        """Rows of a list that has page numbers and tells no total: its last page, looked for by doubling and halving."""
        full, beyond, guesses = 1, 0, 0
        while not beyond or beyond - full > 1:
            page = full * 2 if not beyond else (full + beyond) // 2
            found = len((await self._page(row, first.with_params({"page": page})))[0].records)
            if 0 < found < rows:
                return (page - 1) * rows + found
            full, beyond = (page, beyond) if found else (full, page)
            guesses += 1
            if guesses == _MOST_GUESSES:
                return None
        return full * rows

    async def _keys(self, row: Resource, first: Request, records: Sequence[msgspec.Raw], total: int) -> tuple[int | None, int | None]:
        """The first and the last key of a list in the order of whole numbers."""
        keys: Sequence[int] = ()
        if len(row.primary_key) == 1 and "." not in row.primary_key[0]:
            with contextlib.suppress(UnexpectedAnswerError):
                keys = integer_keys(row)(records)
        if not keys or any(after <= before for before, after in pairwise(keys)):
            return None, None
        last = keys[-1] if total <= len(keys) else keys[0] + round((keys[-1] - keys[0] + 1) / len(keys) * total) - 1
        backwards = {
            name: "desc" if value == "asc" else value.replace(":asc", ":desc")
            for name, value in (row.sort_by_id or {}).items()
            if value.endswith("asc")
        }
        if total > len(keys) and row.id_min and backwards:
            found = integer_keys(row)((await self._page(row, first.with_params({**backwards, "limit": 1})))[0].records)
            last = max(keys[-1], *found)
        return keys[0], last

    # -- children

    async def _embedded(self, row: Resource, embedded: Embedded, parents: _Plan) -> _Plan:
        """Rows that come within their parents' rows; parents that may have more are asked one by one."""
        paths = [tuple(name.split(".")) for name in embedded.fields]
        rows: list[msgspec.Raw] = []
        cut: list[ParentId] = []
        for record in parents.sample:
            children = [child for path in paths for child in dig(record, path)]
            carried = fields_of(record, tuple({path[0] for path in paths}))
            is_ignored = embedded.include is not None and all(part is None for part in carried)
            keys = keys_of_children(row, python_value(record))[0]
            if is_ignored or (embedded.limit is not None and not 0 < len(children) < embedded.limit):
                cut.append(keys)
            else:
                rows += with_columns(children, {column_of(name): value for name, value in keys.items()})
        of_cut, requests = await self._cut(row, cut)
        each = len(parents.sample) or 1
        found = None if parents.rows is None else parents.rows * (len(rows) + of_cut) / each
        notes = [*parents.notes, *_sampled(row, len(parents.sample), parents.rows)]
        return _Plan(parents.requests + (parents.rows or 0) * requests / each, found, _length(rows), rows, notes)

    async def _by_parent(self, row: Resource, query: Query, parents: _Plan) -> _Plan:
        """One list for each parent: the lists of some are read."""
        keys: list[Mapping[str, int | str]] = [key for record in parents.sample for key in keys_of_children(row, python_value(record))]
        if parents.rows is None or not keys:
            return _Plan(parents.requests, None if parents.rows is None else 0, 0, (), parents.notes)
        lists = parents.rows * len(keys) / len(parents.sample)
        if not row.per_parent:  # the keys of many parents go into one request
            texts = [query_text(next(iter(key.values()))) for key in keys]
            rows, _, brought = await self._children(row, query, texts)
            requests, sampled = float(len(list(chunks(texts, row.page_size or None)))), len(keys)
        else:
            rows, brought, requests, sampled = [], 0.0, 0.0, min(len(keys), SAMPLED_PARENTS)
            for parent in _spread(keys, SAMPLED_PARENTS):
                before = self._store.stats.requests
                found, more, of_all = await self._children(row, query, [parent])
                rows += found
                brought += of_all
                requests += self._store.stats.requests - before + more
        notes = [*parents.notes, *_sampled(row, sampled, lists)]
        share = lists / sampled
        return _Plan(parents.requests + requests * share, brought * share, _length(rows), rows, notes)

    async def _children(self, row: Resource, query: Query, ids: Sequence[ParentId]) -> tuple[list[msgspec.Raw], float, float]:
        """Rows of some parents, how many requests more a whole read would take, and how many rows there are in all."""
        rows: list[msgspec.Raw] = []
        async with contextlib.aclosing(self._store.pages(row.name, query=query, parent_ids=ids)) as pages:
            async for page in pages:
                rows += page.records
                if page.total is not None and page.total > 2 * len(rows) and page.records:
                    return rows, math.ceil((page.total - len(rows)) / len(page.records)), page.total
        return rows, 0.0, len(rows)


def _first_copy(resource: str) -> Selection:
    """What ``bigcommerce_sync`` reads of a resource."""
    return select(
        resource=resource, mode="incremental", query=None, include=None, since=None, until=None, initial_since=None, overlap=DEFAULT_OVERLAP
    )


def _spread(all_: Sequence[T], most: int) -> list[T]:
    """Some of these, from everywhere; neither the first nor the last, which are often unlike the others."""
    if len(all_) <= most:
        return list(all_)
    return [all_[(2 * number + 1) * len(all_) // (2 * most)] for number in range(most)]


def _sampled(row: Resource, sampled: int, lists: float | None) -> list[str]:
    """The note that rows are not counted."""
    if lists is None or sampled >= lists:
        return []
    return [f"rows and bytes by a sample: {sampled} of {round(lists):,} {row.parent}"]


def _length(rows: Sequence[msgspec.Raw]) -> float:
    return sum(len(bytes(row)) + 1 for row in rows) / len(rows) if rows else 0.0
