"""The pages of a list: requests that a walk plans, sent ahead, delivered in order; and the ways to the children of parents.

``core`` says which request comes next and when a list has ended; this module awaits it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any

import msgspec

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.core.catalog import Embedded, Resource
from airflow_provider_bigcommerce.core.ends import PageLengths
from airflow_provider_bigcommerce.core.fan_out import FanOut
from airflow_provider_bigcommerce.core.messages import Query, Request
from airflow_provider_bigcommerce.core.odd_bytes import python_value
from airflow_provider_bigcommerce.core.paging import Walk
from airflow_provider_bigcommerce.core.planning import (
    check_query,
    column_of,
    filled,
    resource_of,
    walk_of,
)
from airflow_provider_bigcommerce.core.positions import ParentId, Passed, Position, below, passed_over
from airflow_provider_bigcommerce.core.raw_fields import Columns, dig, fields_of, with_columns
from airflow_provider_bigcommerce.core.reading import Listing, Meta, read_listing
from airflow_provider_bigcommerce.exceptions import (
    ApiError,
    InvalidQueryError,
    NotFoundError,
    UnexpectedAnswerError,
    ValidationError,
)

log = logging.getLogger(__name__)

#: Rows, how many the whole list has where the store says so, and the position behind them.
Found = tuple[Sequence[msgspec.Raw], int | None, Position | None]

#: Ids of one request go into its URL; proxies and servers refuse URLs much over 8 KB.
_IDS_TEXT = 4000


class Walker:
    """Reads lists by way of a sender.

    :param sender: sends each request.
    :param most: requests at once.
    """

    def __init__(self, sender: Sender, most: int) -> None:
        self._sender = sender
        self._most = most

    async def records(
        self,
        row: Resource,
        query: Query,
        parent_ids: Iterable[ParentId] | None,
        parent_query: Query,
        start: Position | None = None,
    ) -> AsyncGenerator[Found, None]:
        """The rows of a resource, by the cheapest way that BigCommerce offers.

        :param query: filters.
        :param parent_ids: for a child resource, the parents to read; None for all.
        :param parent_query: for a child resource, filters for the parents.
        :param start: where an earlier read of the same list stopped.
        :raises InvalidQueryError: before anything is sent.
        """
        check_query(row, query)
        names_parent = not row.placeholders and bool(query.keys() & {*row.single_params})
        if names_parent or (not row.parent_keys and row.id_placeholder is None):
            if parent_ids is not None or parent_query:
                is_one = f"query of {row.name!r} names a parent" if names_parent else f"{row.name!r} is one list for the whole store"
                raise InvalidQueryError(f"{is_one}; it has no parents to choose. Use query=.")
            walks = [partial(walk_of, row, row.path, part) for part in _parts(query)]
            async for found in self._walk(walks[0](start) if len(walks) == 1 else FanOut((({}, walk) for walk in walks), start), row):
                yield found
        elif parent_ids is not None:
            if parent_query:
                raise InvalidQueryError(
                    f"parent_ids of {row.name!r} go neither with parent_query nor with since or until, which choose its parents: chosen "
                    "parents are read whatever they are. Leave one of them out."
                )
            chosen = [*parent_ids]
            self._sender.stats.parents_total = len(chosen)
            async for found in self._fan_out(row, query, chosen, start):
                if (behind := found[2]) is not None and row.per_parent:
                    self._sender.stats.parents_done = int(behind.get("done", 0))
                yield found
        elif row.store_wide is not None and row.store_wide_keys and not query and not parent_query:
            async for found in self._store_wide(row, resource_of(row.store_wide), start):
                yield found
        elif row.parent is None or row.id_placeholder is not None:
            raise InvalidQueryError(f"{row.name!r} has no list: BigCommerce reads it by {row.id_placeholder} only. Give parent_ids=[...].")
        elif row.embedded is not None and not query:
            async for found in self._embedded(row, row.embedded, resource_of(row.parent), parent_query, start):
                yield found
        else:
            async for found in self._by_parent(row, query, resource_of(row.parent), parent_query, start):
                yield found

    async def _store_wide(self, row: Resource, wide: Resource, start: Position | None) -> AsyncGenerator[Found, None]:
        """The children of all parents out of one list for the whole store, each with its parent's key."""
        sources = tuple(row.store_wide_keys.values())
        names = [column_of(name) for name in row.store_wide_keys]
        async for records, total, position in self.records(wide, {}, None, {}, start):
            found: list[msgspec.Raw] = []
            for record in records:
                keys = [python_value(key) for key in fields_of(record, sources) if key is not None]
                found += with_columns([record], dict(zip(names, keys, strict=True)))
            yield found, total, position

    async def _embedded(
        self, row: Resource, embedded: Embedded, parent: Resource, parent_query: Query, start: Position | None
    ) -> AsyncGenerator[Found, None]:
        """The rows out of their parents' rows; one by one where the store refuses the include.

        Positions are those of :meth:`_by_parent`, which may have to continue from them.
        """
        included = {**parent_query, "include": embedded.include} if embedded.include else parent_query
        sources = tuple(row.parent_keys.values())
        paths = [tuple(name.split(".")) for name in embedded.fields]
        before: Position | None = (start or {}).get("parents")
        has_begun, stats = False, self._sender.stats
        try:
            async for parents, total, behind in self._parents(parent, included, before):
                has_begun = True
                if start is None and total is not None:
                    stats.parents_total = total
                found: list[msgspec.Raw] = []
                cut: list[ParentId] = []
                for record in parents:
                    keys = [python_value(key) for key in fields_of(record, sources) if key is not None]
                    parent_id = dict(zip(row.parent_keys, keys, strict=True))
                    children = [child for path in paths for child in dig(record, path)]
                    carried = fields_of(record, tuple({path[0] for path in paths}))
                    is_ignored = embedded.include is not None and all(field is None for field in carried)  # no field is no empty list
                    if is_ignored or (embedded.limit is not None and not 0 < len(children) < embedded.limit):
                        cut.append(parent_id)  # it may have more than came
                    else:
                        found += with_columns(children, {column_of(name): key for name, key in parent_id.items()})
                if found:
                    yield found, None, below(before if cut else behind)
                async for whole, _, inner in self._fan_out(row, {}, cut):
                    yield whole, None, below(behind if inner and inner["done"] == len(cut) else before)
                before = behind
                stats.parents_done += len(parents)
        except ValidationError as error:
            if has_begun or embedded.include is None:
                raise
            log.warning("%s; reading %s by parent instead.", error, row.name)
            async for one in self._by_parent(row, {}, parent, parent_query, start):
                yield one

    async def _by_parent(
        self, row: Resource, query: Query, parent: Resource, parent_query: Query, start: Position | None
    ) -> AsyncGenerator[Found, None]:
        """The children of every parent that a list of parents has.

        A position is where that list continues, and how many parents from there on have given all their children.
        """
        asked: set[tuple[int | str, ...]] = set()
        before: Position | None = (start or {}).get("parents")
        stats, is_whole = self._sender.stats, start is None
        is_top = not parent.parent_keys  # of children of children, those at the top are counted
        async for parents, all_parents, behind in self._parents(parent, parent_query, before):
            if is_top and is_whole and all_parents is not None:
                stats.parents_total = all_parents
            done = stats.parents_done
            keys = [key for record in parents for key in keys_of_children(row, python_value(record))]
            fresh = {tuple(key.values()): key for key in keys if tuple(key.values()) not in asked}
            if len(row.parent_keys) > 1:  # only a combination of keys can come twice
                asked.update(fresh)
            async for records, total, inner in self._fan_out(row, query, [*fresh.values()], start):
                is_over = behind is not None and inner is not None and inner["done"] == len(fresh)
                if is_top and inner is not None:
                    stats.parents_done = done + int(inner["done"])
                yield records, total, below(behind) if is_over else below(before, inner)
            before, start = behind, None
            if is_top:
                stats.parents_done = done + len(parents)

    def _parents(self, parent: Resource, query: Query, start: Position | None) -> AsyncGenerator[Found, None]:
        """A parent's rows; what narrows them goes up to the resource that has no parent itself."""
        return self.records(parent, {}, None, query, start) if parent.parent_keys else self.records(parent, query, None, {}, start)

    async def _fan_out(
        self, row: Resource, query: Query, parent_ids: Iterable[ParentId], start: Position | None = None
    ) -> AsyncGenerator[Found, None]:
        """The children of these parents.

        A position is how many parents are done, where the next one's list continues, and a checksum of their keys: other parents in their
        place are not skipped.
        """
        names = [*row.per_parent]
        batched = [name for name in row.parent_keys if name not in names]
        if row.parent_dates:
            parent_ids = await self._with_dates(row, parent_ids)
        before, ids, begin = passed_over(parent_ids, start)
        lengths = PageLengths()
        ends = deque[Passed]()  # behind each list under way, in order

        def walks() -> Iterator[tuple[Columns, Callable[[Position | None], Walk]]]:
            passed = before
            for parent in ids:
                keys = dict(parent) if isinstance(parent, Mapping) else {names[-1]: parent}
                asked = {name: value for name, value in keys.items() if name in row.single_params or name in row.parent_dates}
                columns = {column_of(name): value for name, value in keys.items() if name not in asked or name in row.primary_key}
                ends.append(passed := passed.with_parents(parent))
                yield columns, partial(walk_of, row, filled(row.path, keys), {**query, **asked}, lengths=lengths)

        def batches() -> Iterator[tuple[Columns, Callable[[Position | None], Walk]]]:
            passed = before
            keys = [next(iter(parent.values())) if isinstance(parent, Mapping) else parent for parent in ids]
            for chunk in chunks(keys, row.page_size or None) if keys else ():
                ends.append(passed := passed.with_parents(*chunk.split(",")))
                yield {}, partial(walk_of, row, row.path, {**query, batched[0]: chunk})

        walk = FanOut(batches() if batched else walks(), begin)
        over, passed = 0, before
        async for records, total, position in self._walk(walk, row, parent_may_vanish=not batched):
            while position is not None and over < position["done"]:
                over, passed = over + 1, ends.popleft()
            yield records, total, passed.position(ends[0] if ends else passed, None if batched else position)

    async def _with_dates(self, row: Resource, parent_ids: Iterable[ParentId]) -> list[ParentId]:
        """These parents with the dates that their lists want, out of the list of parents; one that is not in it goes without."""
        (name,) = row.per_parent
        wanted = [parent if isinstance(parent, Mapping) else {name: parent} for parent in parent_ids]
        lacking = {str(parent[name]) for parent in wanted if not row.parent_dates.keys() <= parent.keys()}
        known: dict[str, Mapping[str, int | str]] = {}
        if lacking:
            async for parents, _, _ in self.records(resource_of(row.parent or ""), {}, None, {}):
                for record in parents:
                    for keys in keys_of_children(row, python_value(record)):
                        if str(keys[name]) in lacking:
                            known[str(keys[name])] = keys
        return [{**known.get(str(parent[name]), {}), **parent} for parent in wanted]

    async def _walk(self, walk: Walk, row: Resource, *, parent_may_vanish: bool = False) -> AsyncGenerator[Found, None]:
        """Send what the walk plans, as many requests ahead as ``max_concurrency``, deliver in order.

        An answer makes room for the next request at once, however long the page before is being written. When the next page in order is
        late (it is being repeated, say) and half of the others have come, the read continues up to twice as far.
        """
        slots: deque[tuple[Request, asyncio.Task[Listing]]] = deque()
        most = self._most
        answered = asyncio.Event()
        is_over = False

        def fill() -> None:
            under_way = sum(not task.done() for _, task in slots)
            is_late = len(slots) - under_way >= max(1, most // 2) and not slots[0][1].done()
            ahead = min(2 * most if is_late else most, len(slots) + most - under_way)
            while len(slots) < ahead and (planned := walk.next_request()) is not None:
                slots.append(start(planned))

        def ended(_: asyncio.Task[Listing]) -> None:
            answered.set()
            if not is_over:
                fill()

        def start(request: Request) -> tuple[Request, asyncio.Task[Listing]]:
            task = asyncio.create_task(self.read(request, row, parent_may_vanish=parent_may_vanish))
            task.add_done_callback(ended)
            return request, task

        told: int | None = None
        try:
            while True:
                fill()
                if not slots:
                    return
                while not slots[0][1].done():
                    answered.clear()
                    await answered.wait()
                request, task = slots.popleft()
                step = walk.absorb(request, task.result())
                slots.extendleft(start(follow) for follow in reversed(step.follow))
                fill()  # now, and not when the page is taken: what takes it is busy with the page, and the store is not
                if step.records or (step.total is not None and step.total != told):  # a number of rows is told, too, where none came
                    yield step.records, step.total, walk.position
                told = step.total if step.total is not None else told
        finally:
            is_over = True
            for _, task in slots:
                task.cancel()
            await asyncio.gather(*(task for _, task in slots), return_exceptions=True)

    async def read(self, request: Request, row: Resource, *, parent_may_vanish: bool = False) -> Listing:
        """One page of a list.

        :param parent_may_vanish: whether two answers 404 mean a list that has gone with its parent; so does what the catalog knows as an
            answer for a parent that has no such list.
        """
        is_list = row.kind in ("collection", "lookup") and request.path != row.count_path
        read = partial(read_listing, request, envelope=row.envelope, may_be_204=row.empty_is_204, is_list=is_list)
        for is_last in (not parent_may_vanish, True):
            try:
                return await self._sender.send(request, read, resource=row)
            except ApiError as error:
                if row.no_rows_title and row.no_rows_title in (error.title or ""):
                    return Listing([], Meta())
                is_gone = isinstance(error, NotFoundError)
                if not parent_may_vanish or not (is_gone or error.status in row.no_rows_status):
                    raise
                if is_last:  # two answers say so
                    self._sender.stats.vanished_parents += is_gone
        return Listing([], Meta(), is_gone=True)


def keys_of_children(row: Resource, parent: Mapping[str, Any]) -> list[dict[str, int | str]]:
    """Placeholder -> value, from a parent's row; several where it holds a list of keys, and none where that list is empty."""
    try:
        dates = {name: _day(parent[source]) for name, source in row.parent_dates.items()}
        values = [_below(parent, source.split(".")) for source in row.parent_keys.values()]
    except KeyError as error:
        raise UnexpectedAnswerError(f"A row of {row.parent!r} has no {error}, which {row.name!r} needs for its path.") from None
    return [{**dict(zip(row.parent_keys, combination, strict=True)), **dates} for combination in product(*values)]


def _below(value: Any, path: Sequence[str]) -> list[int | str]:
    """The values at a path below an object; lists on the way are walked, and may be null.

    :raises KeyError: an object has no such field.
    """
    if isinstance(value, list):
        return [found for each in value for found in _below(each, path)]
    if not path:
        return [value]
    inner = value[path[0]]
    return [] if inner is None and len(path) > 1 else _below(inner, path[1:])


def _day(seconds: object) -> str:
    """Seconds since 1970 as month/day/year, in UTC.

    :raises KeyError: it is no such number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise KeyError("date in seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC).strftime("%m/%d/%Y")


def _parts(query: Query) -> Iterator[Query]:
    """The query, cut where a list of ids or names is too long for one URL."""
    for name, value in query.items():
        if name.endswith(":in") and isinstance(value, (list, tuple)) and len(",".join(map(str, value))) > _IDS_TEXT:
            for chunk in chunks(value, None):
                yield from _parts({**query, name: chunk})
            return
    yield query


def chunks(ids: Sequence[int | str], size: int | None) -> Iterator[str]:
    """Comma-separated lists of ids, none longer than a URL takes or than ``size`` ids."""
    chunk: list[str] = []
    length = 0
    for key in ids:
        text = str(key)
        if chunk and (length + len(text) + 1 > _IDS_TEXT or len(chunk) == (size or len(ids))):
            yield ",".join(chunk)
            chunk, length = [], 0
        chunk.append(text)
        length += len(text) + 1
    yield ",".join(chunk)
