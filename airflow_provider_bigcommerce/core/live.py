"""What a run that was started by events reads: which resource's events refresh which copy, and the cheapest way that brings the rows.

An event says that a row changed, and never what it holds: the row is read as it is now. So neither order nor repeats of events matter,
and those of a run are taken together. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.catalog.event_members import EVENT_KEYS
from airflow_provider_bigcommerce.core.id_ways import tells_what_is_gone

#: ``batches``: by the filter of ids; ``parts``: by a filter that takes one part of the key; ``each``: one request per row; ``parents``: one
#: request per parent; ``filter``: by a filter that takes the parents' ids; ``clock``: as a scheduled run reads it.
LiveWay = Literal["batches", "parts", "each", "parents", "filter", "clock"]

#: Lists that take the ids of parents, and not of rows.
PARENT_FILTERS: Final[Mapping[str, str]] = {"product_variants": "product_id:in"}

#: Rows that are read one by one in a run; more are read as by a scheduled run, where a list by change date holds 250 in a request.
MOST_EACH: Final[Mapping[str, int]] = {"orders": 5, "scripts": 50}

#: Where ``parents`` is one request each, more than these are read as by a scheduled run: at most one per parent of the store.
MOST_PARENTS: Final = 5_000


def live_way(row: Resource) -> LiveWay | None:
    """How a run by events reads a resource; None where BigCommerce reports no change, so that the clock alone keeps it."""
    rule = EVENT_KEYS.get(row.name)
    if rule is None or row.id_placeholder is not None:
        return None
    if row.name in PARENT_FILTERS:
        return "filter"
    if row.name in MOST_EACH:
        return "each"
    if row.id_in is not None and rule.ids and row.kind == "collection":
        if tells_what_is_gone(row):
            return "clock" if row.per_parent else "batches"
        return "parts"
    if len(row.per_parent) == 1 and rule.parents and row.placeholders:
        return "parents"
    return "clock"


def sources_of(resource: str) -> tuple[str, ...]:
    """The resources whose events report a resource's changes: it, and its parent where an event of the parent is all that tells.

    :param resource: catalog name.
    """
    row, rule = CATALOG.get(resource), EVENT_KEYS.get(resource)
    if row is None or rule is None:
        return ()
    is_told_by_parent = not rule.ids and rule.parents == ("id",) and row.parent in EVENT_KEYS
    return (resource, str(row.parent)) if is_told_by_parent else (resource,)


def is_told_by_parent(resource: str) -> bool:
    """Whether the ids in events of a resource's parent name what is to be read."""
    return len(sources_of(resource)) > 1


@dataclass(slots=True)
class Wanted:
    """What the events of a run name, taken together.

    :param ids: rows, or parts of their keys.
    :param deleted: rows that are gone.
    :param parents: parents whose rows are read.
    :param all_changed: whether an event did not tell which row it was: what changed is read as by a scheduled run.
    :param of_others: events of another store, or without a payload that can be read.
    """

    ids: dict[str, int | str] = field(default_factory=dict)
    deleted: dict[str, int | str] = field(default_factory=dict)
    parents: dict[str, int | str] = field(default_factory=dict)
    all_changed: bool = False
    of_others: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        return not (self.ids or self.deleted or self.parents or self.all_changed)


def wanted(row: Resource, told: Iterable[tuple[str, Any]], store_hash: str) -> Wanted:
    """What events name.

    :param told: resource of the asset, and ``extra`` of each event.
    :param store_hash: the store that is read: an event of another one, from before the connection was changed, names nothing here.
    """
    found = Wanted()
    part = _part(row)
    for source, extra in told:
        payload = extra.get("payload") if isinstance(extra, Mapping) else None
        if not isinstance(payload, Mapping) or payload.get("store_hash") != store_hash:
            found.of_others += 1
            continue
        ids, deleted = _keys(payload.get("ids")), _keys(payload.get("deleted"))
        if source != row.name:  # the parent's event
            _note(found.parents, ids)
            found.all_changed |= not _is_whole(payload)
            continue
        parents = _keys(payload.get("parents"))
        _note(found.parents, parents)
        if part is not None:
            _note(found.ids, [key[part] for key in (*ids, *deleted) if isinstance(key, (list, tuple)) and len(key) > part])
        else:
            _note(found.ids, ids)
            _note(found.deleted, deleted)
        found.all_changed |= not _is_whole(payload) and not parents
    return found


def _part(row: Resource) -> int | None:
    """The place in a key of several fields of the one that the filter takes; None for a key of one field."""
    if tells_what_is_gone(row):
        return None
    name = str(row.id_in).partition(":")[0]
    return next((at for at, path in enumerate(row.primary_key) if path.rpartition(".")[2] == name), 0)


def _is_whole(payload: Mapping[str, Any]) -> bool:
    return payload.get("is_whole") is not False


def _keys(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _note(found: dict[str, int | str], keys: Iterable[Any]) -> None:
    """Remember ids, each once; what cannot be one is left out: a person can write events too."""
    for key in keys:
        if isinstance(key, (int, str)) and not isinstance(key, bool) and key != "":
            found.setdefault(str(key), key)


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of a run by events.

    :param ids: of rows, or of parents; None for what changed since the last run, as by a scheduled run.
    :param by: ``id:in`` or another filter; ``parents`` for one request per parent; empty for the resource's own way.
    :param deleted: rows that are gone.
    """

    ids: tuple[int | str, ...] | None
    by: str = ""
    deleted: tuple[int | str, ...] = ()


def readings(row: Resource, found: Wanted) -> list[Reading]:
    """What is read for what the events name, in as few requests as the resource allows; none where they name nothing."""
    way = live_way(row)
    if found.is_empty or way is None:
        return []
    deleted = tuple(found.deleted.values()) if tells_what_is_gone(row) else ()
    ids, parents = tuple(found.ids.values()), tuple(found.parents.values())
    most = MOST_EACH.get(row.name)
    by_clock = found.all_changed or way == "clock" or (most is not None and len(ids) > most) or len(parents) > MOST_PARENTS
    if way in ("parents", "filter") and not parents and ids:
        by_clock = True  # which rows is told, and not where they are
    if by_clock:
        return [Reading(None), *([Reading((), deleted=deleted)] if deleted else [])]
    if way in ("parents", "filter"):
        return [Reading(parents, "parents" if way == "parents" else PARENT_FILTERS[row.name], deleted)]
    return [Reading(ids, "", deleted)]
