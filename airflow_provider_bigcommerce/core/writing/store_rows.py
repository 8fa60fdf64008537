"""What the store has of rows that are to be written: which requests find it, and which row of the answers is whose.

Pure: the caller sends what :meth:`Finder.next` hands out. Other than in a look-up before sending, the store's own row is wanted, to be
compared with, and not its id alone. So a row that another resource's list has found is asked for once more, by its id.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_bigcommerce.core.catalog import Lookup
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.planning import placeholders
from airflow_provider_bigcommerce.core.writing.comparing import is_same
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.look_ups import Question, by_id, hits, id_in, questions
from airflow_provider_bigcommerce.core.writing.route import Route, column_in, plain
from airflow_provider_bigcommerce.core.writing.row_identity import Folded, fold, is_key_value, value_at

#: What becomes of fields that are left out, where that may be that they are cleared: then the record is sent whole.
CLEARING = frozenset({"replace", "unknown", "upsert_overwrites"})
#: ``locations[location_id].total_inventory_onhand``
_LISTED = re.compile(r"(?P<list>[\w.]+)\[(?P<by>\w+)\]\.(?P<field>[\w.]+)")


@dataclass(frozen=True, slots=True)
class Held:
    """What the store has of one row.

    :param rows: the store's rows with its key: none, one, or more where the key is not unique.
    :param id: the store's id, where it has one row, and rows have ids.
    :param is_asked: whether the store could be asked; where not, nothing is known.
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    id: int | str | None = None
    is_asked: bool = True


class Finder:
    """Finds the store's rows of some items.

    :param route: how the items go to the store.
    :param items: with their ids, where the input has them.
    :param fields: fields that will be compared; those that the list shows only when it is told to are asked for by ``include``.
    :param needs_rows: whether the rows are wanted, and not their ids alone, which another resource's list may tell.
    """

    def __init__(self, route: Route, items: Sequence[Item], fields: Iterable[str] = (), *, needs_rows: bool = True) -> None:
        self._route = route
        self._needs_rows = needs_rows
        self._includes = includes_of(route, fields)
        self._ready: deque[Question] = deque()
        self._has_unasked = False
        #: Place -> what the store has; of each item, once nothing is left to ask.
        self.found: dict[int, Held] = {}
        self._ask_by_id([item for item in items if item.id is not None])
        self._ask_by_key([item for item in items if item.id is None])

    @property
    def has_unasked(self) -> bool:
        """Whether there are rows of a known id or key that no request brings: only the whole list has them."""
        return self._has_unasked

    @property
    def cost(self) -> int:
        """Requests that are needed, as far as it is known: for what is not handed out yet, and for the rows that it leads to."""
        is_single = self._needs_rows and self._route.resource.id_in is None
        return sum(len(question.items) if question.lookup.id_field and is_single else 1 for question in self._ready)

    def next(self) -> Question | None:
        """The next request; None where answers must come first, or all is found."""
        return self._ready.popleft() if self._ready else None

    def take(self, question: Question, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the rows of a request that was handed out."""
        route, found = self._route, hits(question, rows)
        again: list[Item] = []
        elsewhere: list[Item] = []
        for place, item in enumerate(question.items):
            near = found[place]
            if not near and self._more(question):
                again.append(item)
            elif len(near) != 1 or question.lookup.id_field is None or not self._needs_rows:
                key = id_in(route, question.lookup, near[0]) if len(near) == 1 else None
                self.found[item.place] = Held(tuple(as_written(route, item, row) for row in near), item.id if key is None else key)
            else:
                elsewhere.append(replace(item, id=id_in(route, question.lookup, near[0])))
        self._ask_on(again, question)
        self._ask_by_id([item for item in elsewhere if item.id is not None])
        self.found |= {item.place: Held() for item in elsewhere if item.id is None}

    def skip(self, question: Question) -> bool:
        """A list that the token may not read: ask another one; whether there is one."""
        more = self._more(question)
        if more:
            self._ask_on(question.items, question)
        return bool(more)

    def _more(self, question: Question) -> tuple[Lookup, ...]:
        """Other lists that may have a row; not by another key, one row per request: a product whose name is taken shows when it is sent."""
        same = set(map(plain, question.lookup.fields))
        return tuple(other for other in question.more if other.many or set(map(plain, other.fields)) == same)

    def _ask_on(self, items: Sequence[Item], question: Question) -> None:
        asked, left = questions(self._route, items, self._more(question), "match")
        self._put(asked)
        self.found |= {item.place: Held() for item in left}

    def _ask_by_id(self, items: Sequence[Item]) -> None:
        if not items:
            return
        asked, left = by_id(self._route, items, "match")
        field = self._route.id_field
        if left and field is not None and "id" in self._route.resource.filters and not placeholders(self._route.resource.path):
            more, left = questions(self._route, left, (Lookup(self._route.resource.path, (field,), filter="id", unique=True),), "match")
            asked += more
        self._put(asked)
        # Not by a key that the row lacks: its id would be asked for in the place of that.
        self._ask_by_key([item for item in left if self._has_key(item)])
        unasked = [item for item in left if not self._has_key(item)]
        self._has_unasked |= bool(unasked)
        self.found |= {item.place: Held(id=item.id, is_asked=False) for item in unasked}

    def _has_key(self, item: Item) -> bool:
        keys = keys_of(self._route, needs_rows=self._needs_rows)
        return any(is_key_value(value_at(item.row, plain(lookup.fields[0]))) for lookup in keys)

    def _ask_by_key(self, items: Sequence[Item]) -> None:
        if not items:
            return
        asked, left = questions(self._route, items, keys_of(self._route, needs_rows=self._needs_rows), "match")
        self._put(asked)
        self._has_unasked |= any(whole_key(self._route, item.row)[1] is not None for item in left)
        self.found |= {item.place: Held(is_asked=False) for item in left}

    def _put(self, asked: Iterable[Question]) -> None:
        for question in asked:
            if self._includes and not question.lookup.id_field and (question.is_one or question.request.path == self._route.resource.path):
                question = replace(question, request=question.request.with_params({"include": ",".join(self._includes)}))  # noqa: PLW2901
            self._ready.append(question)


def keys_of(route: Route, *, needs_rows: bool = True) -> tuple[Lookup, ...]:
    """The ways to find a row without its id: by what the caller matches on, else by the keys that no other row can have."""
    if route.lookups:
        # Where another resource's list tells ids alone, and rows can be asked for by id but one by one, their key does that as well.
        is_detour = needs_rows and route.resource.id_in is None
        return tuple(sorted(route.lookups, key=lambda lookup: (is_detour and lookup.id_field is not None, not lookup.many)))
    write = route.create or route.update or route.delete
    known = [lookup for lookup in write.lookup if lookup.filter or placeholders(lookup.path)] if write is not None else []
    if route.match_on:
        return tuple(lookup for lookup in known if set(map(plain, lookup.fields)) == set(route.match_on))
    return (*(lookup for lookup in known if lookup.unique), *_by_filter(route))


def _by_filter(route: Route) -> tuple[Lookup, ...]:
    """How rows without an id of their own are asked for by the part of their key that the list takes many of: stock by its variant."""
    resource = route.resource
    if resource.id_in is None or route.id_field is not None:
        return ()
    first = [name for name in resource.primary_key if plain(name) == column_in(resource.id_in)]
    fields = (*first, *(name for name in resource.primary_key if name not in first))
    return (Lookup(resource.path, fields, filter=resource.id_in, many=True, unique=True),) if first else ()


def as_written(route: Route, item: Item, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of the store with its values under the names of the body too, where the call writes them under others."""
    write = route.update or route.create
    if write is None or not write.held_as:
        return row
    found = dict(row)
    for name, place in write.held_as:
        listed = _LISTED.fullmatch(place)
        if listed is None:
            found[name] = value_at(row, place)
            continue
        elements = value_at(row, listed["list"])
        for element in elements if isinstance(elements, list) else ():
            if isinstance(element, Mapping) and is_same(item.row.get(listed["by"]), element.get(listed["by"])):
                found[name] = value_at(element, listed["field"])
    return found


def includes_of(route: Route, fields: Iterable[str]) -> tuple[str, ...]:
    """The values of ``include`` that bring these fields: ``form_fields`` comes by ``formfields``.

    Where a record is sent whole, all that can be written is wanted.
    """
    write = route.update
    known = fields_of(write) if write is not None and write.put in CLEARING else None
    names = {name.partition(".")[0].replace("_", "") for name in (*fields, *(known.fields if known is not None else ()))}
    return tuple(name for name in route.resource.includes if name.replace("_", "") in names)


def whole_fields(route: Route) -> tuple[str, ...]:
    """The fields by which a row is found in a list that is read whole, where its id is not known; empty for none."""
    write = route.update or route.create
    if route.match_on or (write is not None and write.upsert_by):
        return route.match_on or (write.upsert_by[0] if write is not None else ())
    return next((tuple(map(plain, lookup.fields)) for lookup in keys_of(route) if lookup.id_field is None), ())


def whole_key(route: Route, row: Mapping[str, Any]) -> tuple[str | None, Folded | None]:
    """(id, key) of a row of the store, or of the input, for a list that is read whole and then searched."""
    found = row.get(route.id_field) if route.id_field is not None else None
    fields = whole_fields(route)
    values = [value_at(row, name) for name in fields]
    key = tuple(map(fold, fields, values)) if values and all(map(is_key_value, values)) else None
    return (str(found) if is_key_value(found) else None), key
