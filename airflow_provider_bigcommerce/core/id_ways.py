"""How rows whose ids are known are read in the fewest requests: in batches by a filter, or one by one.

Pure; the catalog says what a list can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from airflow_provider_bigcommerce.core.arguments import ids as id_list
from airflow_provider_bigcommerce.core.arguments import optional
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.planning import placeholders
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

#: ``batches``: by ``Resource.id_in``; ``each``: by the path of one row.
IdWay = Literal["batches", "each"]

#: Ids in one request. BigCommerce publishes no limit of its own for the filter. A page holds 250 rows, and one that is full may have
#: another behind it: that would be asked for, and the first one again. So a batch is one row less, and one request.
MOST_IN_BATCH: Final = 249
#: Characters of the ids in one request's URL, each with its separator of three: proxies refuse from about 8,000 on.
MOST_CHARACTERS: Final = 4_000


def id_way(row: Resource) -> IdWay:
    """How rows of a resource are read by their ids.

    :raises InvalidQueryError: BigCommerce has no way to; the message says what to use instead.
    """
    if row.id_placeholder is not None:
        raise InvalidQueryError(f"ids does not apply to {row.name!r}, which has no list. Give parent_ids=[...]: these are its rows' ids.")
    if row.id_in is not None and row.kind == "collection":
        return "batches"
    if row.per_parent:
        raise InvalidQueryError(f"ids does not apply to {row.name!r}, whose rows are read parent by parent. Give parent_ids=[...].")
    if row.kind == "collection" and len(row.primary_key) == 1 and row.item_path is not None and len(placeholders(row.item_path)) == 1:
        return "each"
    raise InvalidQueryError(
        f"ids does not apply to {row.name!r}: BigCommerce has no filter by its ids and no path of one row. "
        + ("Use mode='incremental', which reads what changed." if row.modified is not None else "Leave ids out to read the whole list.")
    )


def named_rows(
    row: Resource, mode: str, ids: object, deleted: object, *, has_other_bounds: bool
) -> tuple[tuple[int | str, ...] | None, tuple[int | str, ...]]:
    """The arguments ``ids`` and ``deleted`` of a transfer: the rows that are read, None for all, and those that are gone.

    :param has_other_bounds: whether other arguments say which rows are read, too.
    :raises InvalidQueryError: ids that cannot be read, or that do not go with the other arguments.
    """
    named, gone = (optional(id_list())(name, value) for name, value in (("ids", ids), ("deleted", deleted)))
    if named is None and gone is None:
        return None, ()
    if named or not tells_what_is_gone(row):
        id_way(row)
    if mode != "full":
        raise InvalidQueryError(f"mode={mode!r} does not go with ids: rows that are named are read as they are. Leave mode out.")
    if has_other_bounds:
        raise InvalidQueryError("ids says which rows are read. Leave since, until, initial_since, parent_ids and parent_query out.")
    return _numbers(named or ()), _numbers(gone or ())


def _numbers(keys: Iterable[int | str]) -> tuple[int | str, ...]:
    """Ids as columns hold them: a template makes texts of numbers."""
    return tuple(int(key) if isinstance(key, str) and key.strip().isdecimal() and len(key) < 20 else key for key in keys)


def tells_what_is_gone(row: Resource) -> bool:
    """Whether an id names one row, so that an id without a row is a row that is gone."""
    return len(row.primary_key) == 1


def batches(keys: Sequence[int | str], most: int = MOST_IN_BATCH) -> Iterator[list[int | str]]:
    """The ids in as few parts as requests can hold."""
    part: list[int | str] = []
    length = 0
    for key in keys:
        own = len(str(key)) + 3
        if part and (len(part) >= most or length + own > MOST_CHARACTERS):
            yield part
            part, length = [], 0
        part.append(key)
        length += own
    if part:
        yield part
