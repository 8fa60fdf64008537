"""Which rows of a copy the store no longer has: the ids of the whole list against the ids of the copy.

Decides what is deleted and whether so much may be; what is done with it is the transfer's affair. The ids are always those of the
whole list, whatever filters the run has, since a row that left a filter is not deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core import odd_bytes
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.planning import column_of, full_query
from airflow_provider_bigcommerce.engine.by_ids import NamedRows
from airflow_provider_bigcommerce.engine.completeness import require_whole
from airflow_provider_bigcommerce.engine.copying import Copied
from airflow_provider_bigcommerce.engine.selection import Selection
from airflow_provider_bigcommerce.exceptions import IncompleteReadError, NotFoundError, TooManyDeletedError
from airflow_provider_bigcommerce.rows.row_keys import Key, KeyReader

log = logging.getLogger(__name__)

#: Rows that are asked for one by one at the same time; the client keeps to the store's quota by itself.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Compared:
    """The store's keys against a copy's.

    :param live: rows of the copy that are not marked as deleted.
    :param gone: of these, the keys that the store no longer has.
    :param back: keys that are marked as deleted and that the store has again.
    """

    live: int
    gone: Sequence[Key]
    back: Sequence[Key] = ()


class CopyKeys(Protocol):
    """The ids of a copy, and those of the store to hold against them."""

    def add(self, keys: Sequence[Key]) -> None:
        """Take keys that the store has."""

    def compare(self) -> Compared:
        """Hold them against the copy; called once, outside the event loop."""

    def among(self, keys: Sequence[Key]) -> Compared:
        """Which of these keys are rows of the copy that are not marked; instead of ``add`` and ``compare``, outside the event loop."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """What a run found out.

    :param gone: keys of rows that are in no list of the store.
    :param archived: rows that the store only hides from its lists, as they are now.
    :param back: rows that are marked as deleted in the copy and that the store has, as they are now.
    """

    gone: Sequence[Key] = ()
    archived: Sequence[msgspec.Raw] = ()
    back: Sequence[msgspec.Raw] = field(default=())


async def find_deleted(
    store: BigCommerceStore,
    selection: Selection,
    copy: CopyKeys,
    *,
    knows_all: bool,
    most_percent: float,
    completed: Callable[[BigCommerceStore, Sequence[msgspec.Raw]], Awaitable[Sequence[msgspec.Raw]]],
) -> Deletions:
    """Find the rows that the store no longer has.

    :param copy: takes the store's ids and compares.
    :param knows_all: whether it has them already, from a read of the whole list.
    :param most_percent: of the copy's rows, how many may be gone.
    :param completed: gives rows what the copy's rows have, such as all line items.
    :raises IncompleteReadError: the list of ids is not whole.
    :raises TooManyDeletedError: more are gone than may be.
    """
    if not knows_all:
        await _read_ids(store, selection.resource, copy)
    compared = await asyncio.to_thread(copy.compare)
    _guard(selection.resource, compared, most_percent)
    gone: Sequence[Key] = compared.gone
    archived: list[msgspec.Raw] = []
    if gone and selection.resource.archive_field is not None:
        log.info(
            "%s %s are in no list; each is asked for by its id: %s requests.", f"{len(gone):,}", selection.resource.name, f"{len(gone):,}"
        )
        gone, archived = await _archived(store, selection, gone)
    back = await _rows_of(store, selection, compared.back)
    return Deletions(gone, await completed(store, archived), await completed(store, back))


async def find_named(
    store: BigCommerceStore,
    selection: Selection,
    copy: CopyKeys,
    named: NamedRows,
    *,
    most_percent: float,
    completed: Callable[[BigCommerceStore, Sequence[msgspec.Raw]], Awaitable[Sequence[msgspec.Raw]]],
) -> Deletions:
    """Of rows that were asked for by their ids, those of the copy that are gone.

    :param named: has read them.
    :param most_percent: of the copy's rows, how many may be gone.
    :param completed: gives rows what the copy's rows have.
    :raises TooManyDeletedError: more are gone than may be.
    """
    row = selection.resource
    reader = KeyReader(row.name, row.primary_key)
    archived = dict(zip(reader.keys(named.archived), named.archived, strict=True))
    asked = [*named.gone, *archived]
    if not asked:
        return Deletions()
    compared = await asyncio.to_thread(copy.among, asked)
    _guard(row, compared, most_percent)
    hidden = [record for key, record in archived.items() if key in set(compared.gone)]
    return Deletions([key for key in compared.gone if key not in archived], await completed(store, hidden))


async def _read_ids(store: BigCommerceStore, row: Resource, copy: CopyKeys) -> None:
    """The ids of the whole list, by the walk that a full read takes, as few fields as the store can be asked for."""
    reader = KeyReader(row.name, row.primary_key)
    query: Query = {}
    if row.can_select_fields and not row.parent_keys:  # a fan-out finds its cheaper ways only without a query
        parents = {column_of(name) for name in row.parent_keys}
        query = {"include_fields": ",".join(sorted({key.partition(".")[0] for key in row.primary_key} - parents))}
    copied = Copied(query={})
    if row.count_path or (row.api_version == "v3" and not row.parent_keys and row.page_size):
        copied.totals.append(count := await store.count(row.name))
        requests = max(1, math.ceil(count / row.page_size)) if row.page_size else 1
        log.info("Looking for deleted %s: the ids of %s rows, about %s requests.", row.name, f"{count:,}", f"{requests:,}")
    else:
        log.info("Looking for deleted %s: the whole list is read for its ids, which takes the requests of a full read.", row.name)
    async with contextlib.aclosing(store.pages(row.name, query=query)) as pages:
        async for page in pages:
            if page.total is not None:
                copied.totals.append(page.total)
            keys = reader.keys(page.records)
            copied.found += len(keys)
            copy.add(keys)
    require_whole(copied)


def _guard(row: Resource, compared: Compared, most_percent: float) -> None:
    gone, live = len(compared.gone), compared.live
    if gone and gone * 100 > most_percent * live:
        raise TooManyDeletedError(
            f"{gone:,} of the {live:,} {row.name} in the copy are no longer in the store: {100 * gone / live:.1f}%, and "
            f"max_deleted_percent is {most_percent:g}. Nothing was committed. If the store really lost them, run once with a higher "
            "max_deleted_percent; otherwise look whether the connection's token and store are the right ones."
        )


async def _archived(store: BigCommerceStore, selection: Selection, gone: Sequence[Key]) -> tuple[list[Key], list[msgspec.Raw]]:
    """Those of the keys that are really gone, and the rows of those that are only archived."""
    row, really = selection.resource, []
    archived: list[msgspec.Raw] = []
    read: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
        msgspec.defstruct("Archive", [("is_archived", bool, False)], rename={"is_archived": row.archive_field or ""})
    )
    for start in range(0, len(gone), _AT_ONCE):
        keys = gone[start : start + _AT_ONCE]
        for key, record in zip(keys, await asyncio.gather(*(_row(store, selection, key) for key in keys)), strict=True):
            if record is None:
                really.append(key)
            elif odd_bytes.decoded(read, record).is_archived:
                archived.append(record)
            else:
                raise IncompleteReadError(
                    f"A row of {row.name} was in no page of the list, and the store gives it by its id: the list was not whole. Nothing "
                    "was committed; let the task try again, at a time when the store changes less."
                )
    return really, archived


async def _row(store: BigCommerceStore, selection: Selection, key: Key) -> msgspec.Raw | None:
    """One row as it came, with what the copy's rows carry; None where there is none."""
    row = selection.resource
    try:
        response = await store.request("GET", f"{row.path}/{key}", params=full_query(row, selection.shape))
    except NotFoundError:
        return None
    if row.envelope == "bare":
        return msgspec.Raw(response.body)
    return msgspec.Raw(dict(odd_bytes.members(response.body))["data"])


async def _rows_of(store: BigCommerceStore, selection: Selection, keys: Sequence[Key]) -> list[msgspec.Raw]:
    """The rows of these keys as they are now."""
    row = selection.resource
    found: list[msgspec.Raw] = []
    if not keys:
        return found
    if row.id_in is not None and row.primary_key == ("id",):
        async with contextlib.aclosing(store.pages(row.name, query={**selection.shape, row.id_in: [str(key) for key in keys]})) as pages:
            async for page in pages:
                found += page.records
    elif row.parent_columns or len(row.primary_key) > 1 or row.paging == "offset":
        log.warning(
            "%s rows of %s are in the store again although the copy has them as deleted; a run with mode='full' writes them again.",
            f"{len(keys):,}",
            row.name,
        )
    else:
        for start in range(0, len(keys), _AT_ONCE):
            rows = await asyncio.gather(*(_row(store, selection, key) for key in keys[start : start + _AT_ONCE]))
            found += [record for record in rows if record is not None]
    return found
