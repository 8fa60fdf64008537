"""Rows that wait for others to go with them in one request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.repeating import may_repeat
from airflow_provider_bigcommerce.core.writing.items import Item, fits_line, group_of, request_of
from airflow_provider_bigcommerce.core.writing.route import Action, Route

#: Rows that wait, in all; then the fullest request goes as it is.
_MOST_POOLED = 5_000


@dataclass(frozen=True, slots=True)
class _Pool:
    """What rows of one request have in common.

    :param call: the call's name.
    :param path: with its placeholders filled.
    :param group: values that all rows of a DELETE share.
    :param goes_with_others: whether a request may carry more than one of them.
    """

    call: str
    action: Action
    path: str
    group: tuple[Any, ...]
    goes_with_others: bool


class Pools:
    """The rows that wait, by call and path."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._pools: dict[_Pool, list[Item]] = {}
        self._full: dict[_Pool, None] = {}
        self._sizes: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def has_full(self) -> bool:
        """Whether there are rows enough for a request."""
        return bool(self._full)

    def shrink(self, write: Write, most: int) -> None:
        """A request of the call takes no more rows than that, as the store has shown."""
        self._sizes[write.name] = min(self._sizes.get(write.name, most), most)
        self._full |= {pool: None for pool, items in self._pools.items() if len(items) >= self._size(pool)}

    def add(self, item: Item) -> None:
        """Let a row wait."""
        write = self._route.call(item.action)
        self._sizes.setdefault(write.name, self._route.rows_at_once(write))
        pool = _Pool(write.name, item.action, item.path, group_of(write, item), self._goes_with_others(write, item))
        items = self._pools.setdefault(pool, [])
        items.append(item)
        self._count += 1
        if len(items) >= self._size(pool):
            self._full[pool] = None

    def take(self, *, may_be_few: bool) -> tuple[Write, list[Item]] | None:
        """The rows of the next request: enough for one, or the most there are.

        :param may_be_few: whether a request may go that has room for more.
        """
        pool = next(iter(self._full), None)
        if pool is None and self._pools and (may_be_few or self._count > _MOST_POOLED):
            pool = next(iter(self._pools)) if may_be_few else max(self._pools, key=lambda one: len(self._pools[one]))
        if pool is None:
            return None
        write, waiting = self._route.call(pool.action), self._pools[pool]
        count = fits_line(write, waiting[: self._size(pool)])
        items, rest = waiting[:count], waiting[count:]
        if rest:
            self._pools[pool] = rest
        else:
            del self._pools[pool]
        if len(rest) < self._size(pool):
            self._full.pop(pool, None)
        self._count -= len(items)
        return write, items

    def clear(self) -> list[Item]:
        """All rows that wait; none is left."""
        items = [item for pool in self._pools.values() for item in pool]
        self._pools.clear()
        self._full.clear()
        self._count = 0
        return items

    def _size(self, pool: _Pool) -> int:
        return self._sizes[pool.call] if pool.goes_with_others else 1

    def _goes_with_others(self, write: Write, item: Item) -> bool:
        """A change that could be made twice goes alone: refused together with others, it could not be sent again."""
        return item.action == "create" or write.repeat != "depends" or may_repeat(request_of(self._route, write, [item]), write)
