"""What a run will do, decided before its first request: which rows, into which files, replacing what.

Reads the destination and Airflow's state through what it is given; sends nothing to BigCommerce.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_bigcommerce.core.arguments import ids as id_list
from airflow_provider_bigcommerce.core.arguments import included, names, optional
from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.fields import FieldSelection, select_fields
from airflow_provider_bigcommerce.core.id_ways import named_rows
from airflow_provider_bigcommerce.core.messages import Query, query_text
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.core.partitions import Partition, bounds_of, require_cut
from airflow_provider_bigcommerce.core.planning import column_of, copied_resource, resource_of
from airflow_provider_bigcommerce.core.windows import (
    Window,
    backfill_filter,
    date_filter,
    interval_window,
    moment,
    window_between,
    window_query,
)
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.rows.schemas import schema

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.positions import ParentId


_FIELDS = optional(names("['id', 'email']"))

Mode = Literal["full", "incremental", "backfill"]
MODES: tuple[Mode, ...] = ("full", "incremental", "backfill")

#: What is in the manifest of a run that reads the rows of some ids; no argument is that.
BY_IDS: Final = "ids"

#: What is read with a resource unless ``include`` says otherwise: rows that would cost a request for each parent.
DEFAULT_INCLUDE: Mapping[str, tuple[str, ...]] = {"orders": ("consignments.line_items",)}


def folder_of(resource: Resource) -> str:
    """A resource's directory below a transfer's ``path``."""
    return kept_name(resource.name)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of which resource, as the operator's arguments say.

    :param resource: the catalog's row.
    :param mode: ``full``, ``incremental``, ``backfill``, or ``ids`` where ids are given.
    :param query: what is sent in addition to window and page, include with its companions among it.
    :param include: of these, what the rows are asked to carry.
    :param since: argument, whole UTC seconds; in a backfill, the beginning of the run's data interval unless it was given.
    :param until: likewise, its last second.
    :param initial_since: where a first incremental run begins.
    :param overlap: how far an incremental run goes back behind the watermark.
    :param full_every: how often an incremental run reads everything anyway; None for never.
    :param fields: which fields of the rows are kept.
    :param parent_ids: for a child resource, the parents whose rows are read; None for all.
    :param parent_query: for a child resource, filters for the parents.
    :param ids: the rows that are read; None for all.
    :param deleted: rows that are gone, as an event has told.
    :param ids_by: what the ids are of: a filter that takes them, or ``parents``; empty for the rows' own.
    :param mark: what tells a run by events from others of the same DAG run, such as a try that had fewer events.
    :param looks_for_deleted: whether a run that notices deletes does so; one that reads by events leaves that to the clock's.
    """

    resource: Resource
    mode: Mode | Literal["ids"]
    query: Query
    include: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    initial_since: datetime | None
    overlap: timedelta
    full_every: timedelta | None = None
    fields: FieldSelection = field(default_factory=FieldSelection)
    parent_ids: tuple[ParentId, ...] | None = None
    parent_query: Query | None = None
    ids: tuple[int | str, ...] | None = None
    deleted: tuple[int | str, ...] = ()
    looks_for_deleted: bool = True
    ids_by: str = ""
    mark: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether an incremental run reads the whole list and compares each row with the last run's, because there is no change date."""
        return self.mode == "incremental" and self.resource.modified is None

    @property
    def shape(self) -> Query:
        """The part of the query that decides what a row carries."""
        names = {"include", "include_fields", "exclude_fields", *self.resource.include_companions}
        return {name: value for name, value in self.query.items() if name in names}

    @property
    def reads_all(self) -> bool:
        """Whether the whole list is read: no filter, no window, no chosen parents."""
        return not self.filters and self.since is None and self.until is None and (self.mode == "full" or self.is_compared)

    @property
    def folder(self) -> str:
        """The resource's directory below ``path``."""
        return folder_of(self.resource)

    @property
    def filters(self) -> dict[str, str]:
        """What decides which rows there are in addition to the window, as it is sent: tasks that differ in it have watermarks of their
        own."""
        found = {name: text for name, text in self.query_text.items() if name not in self.shape}
        found |= {f"{self.resource.parent}.{name}": query_text(value) for name, value in (self.parent_query or {}).items()}
        if self.parent_ids is not None:  # there may be thousands
            found["parent_ids"] = hashlib.sha256(repr(self.parent_ids).encode()).hexdigest()[:12]
        if self.ids is not None:  # which ones is not told, or each run would be a kind of its own
            found[BY_IDS] = "some"
        return found

    @property
    def named(self) -> str | None:
        """What tells a run that reads some ids from one that reads others. None for runs that are identified by their DAG run alone."""
        if self.mark or self.ids is None:
            return self.mark or None
        return hashlib.sha256(repr((sorted(map(str, self.ids)), sorted(map(str, self.deleted)))).encode()).hexdigest()[:12]

    @property
    def dated(self) -> Resource:
        """The resource whose dates bound a window."""
        return dated(self.resource)

    @property
    def is_by_creation(self) -> bool:
        """Whether a window is one of creation dates."""
        return self.dated.modified is None or (self.mode == "backfill" and self.dated.created is not None)

    def reading(self, window: Window) -> dict[str, Any]:
        """The arguments of ``store.pages`` that read this within a window."""
        query, parents, since, until = self.query, self.parent_query, window.since, window.until
        if self.mode == "backfill":
            bounds = window_query(self.dated, window, backfill_filter(self.dated))
            since = until = None
            if self.dated is self.resource:
                query = {**bounds, **query}
            else:
                parents = {**bounds, **(parents or {})}
        elif self.mode == "incremental" and self.until is None and self.resource.guarantee == "checked":
            # A row that is edited while pages are counted off would leave the window, and one behind it would move to a page that was
            # read. What changed since the window's end comes too, and again in the next one.
            until = None
        return {"query": query, "since": since, "until": until, "parent_ids": self.parent_ids, "parent_query": parents}

    @property
    def query_text(self) -> dict[str, str]:
        """The query as it is sent, for the manifest."""
        return {name: query_text(value) for name, value in self.query.items()}


def dated(row: Resource) -> Resource:
    """The resource whose dates bound a window of these rows: they themselves, or their parents where they know no date."""
    return resource_of(row.parent) if row.parent and not (row.modified or row.created) else row


def interval_of(context: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The data interval of a DAG run; a run that an asset or a person started may have none."""
    return context.get("data_interval_start"), context.get("data_interval_end")


def select(
    *,
    resource: str,
    mode: str,
    query: Query | None,
    include: str | Sequence[str] | None,
    since: str | datetime | None,
    until: str | datetime | None,
    initial_since: str | datetime | None,
    overlap: timedelta,
    full_every: timedelta | None = None,
    fields: Sequence[str] | None = None,
    exclude_fields: Sequence[str] | None = None,
    channel_id: int | str | None = None,
    parent_ids: Sequence[ParentId] | None = None,
    parent_query: Query | None = None,
    interval: tuple[datetime | None, datetime | None] = (None, None),
    ids: Sequence[int | str] | None = None,
    deleted: Sequence[int | str] | None = None,
) -> Selection:
    """Read the operator's arguments, rendered.

    :param interval: of the DAG run, for a backfill.
    :param ids: the rows that are read.
    :param deleted: rows that are gone.
    :raises UnknownResourceError: with the nearest names.
    :raises InvalidQueryError: an argument that cannot work.
    """
    row = copied_resource(resource)
    if mode not in MODES:
        raise InvalidQueryError(f"mode={mode!r} is unknown. Accepted: {', '.join(map(repr, MODES))}.")
    if mode != "incremental" and initial_since:
        raise InvalidQueryError(f"initial_since bounds the first run of mode='incremental'; with mode={mode!r} give since.")
    if mode == "incremental" and row.modified is None and (since or until or initial_since):
        raise InvalidQueryError(
            f"BigCommerce's API has no filter by change date for {row.name!r}: mode='incremental' reads the whole list and keeps what "
            "changed, so since, until and initial_since cannot bound it. Leave them out, or use mode='full'."
        )
    parent_ids = optional(id_list(of_parents=True))("parent_ids", parent_ids)
    has_other_bounds = bool(since or until or initial_since or parent_query) or parent_ids is not None
    named, gone = named_rows(row, mode, ids, deleted, has_other_bounds=has_other_bounds)
    if parent_ids is not None and parent_query:
        raise InvalidQueryError("Give parent_ids or parent_query, not both: chosen parents are not asked whether a filter holds.")
    if parent_ids is not None and (since or until or mode == "backfill") and dated(row) is not row:
        raise InvalidQueryError(
            f"{row.name!r} has no dates of its own, so since, until and mode='backfill' choose its parents. Leave them out, or parent_ids."
        )
    window = window_between(since, until)
    if mode == "backfill":
        window = _backfill_window(window, interval)
    if window.is_bounded:
        date_filter(dated(row))
    if (parent_ids is not None or parent_query) and not row.placeholders and not row.parent_keys:
        raise InvalidQueryError(f"{row.name!r} is one list for the whole store; it has no parents to choose. Use query.")
    if row.id_placeholder is not None and parent_ids is None:
        raise InvalidQueryError(f"{row.name!r} has no list: BigCommerce reads it by {row.id_placeholder} only. Give parent_ids=[...].")
    wanted = _includes(row, include)
    asked: dict[str, Any] = dict(query or {})
    if "include" in asked:
        raise InvalidQueryError("query has 'include'; name what rows should carry in the include argument: include=['images'].")
    bounds = {"incremental": row.modified, "backfill": row.created or row.modified}.get(mode)
    if bounds is not None and (taken := {bounds.since, bounds.until} & asked.keys()):
        raise InvalidQueryError(f"query has {sorted(map(str, taken))}, which mode={mode!r} sets itself. Leave it out.")
    if wanted:
        asked = {**row.include_companions, **asked, "include": ",".join(wanted)}
    if channel_id is not None:
        asked[_channel_filter(row)] = channel_id
    kept = _kept(row, _FIELDS("fields", fields), _FIELDS("exclude_fields", exclude_fields))
    asked.update(kept.query)
    return Selection(
        row,
        BY_IDS if named is not None else mode,
        asked,
        wanted,
        window.since,
        window.until,
        moment(initial_since, "initial_since"),
        overlap,
        full_every,
        kept,
        None if parent_ids is None else tuple(parent_ids),
        parent_query,
        named,
        gone,
    )


def _kept(row: Resource, fields: Sequence[str] | None, exclude_fields: Sequence[str] | None) -> FieldSelection:
    """The fields that are kept; the schema is looked at only where some are named, because a DAG file is parsed often."""
    if fields is None and exclude_fields is None:
        return select_fields(row, None, None)
    known = schema(row.name, row.primary_key).fields
    is_described = len(known) > len(row.primary_key) + len(row.parent_columns)  # not an archived list, of which the keys alone are known
    columns = [column_of(name) for name in row.parent_columns]
    return select_fields(row, fields, exclude_fields, known=known if is_described else (), columns=columns)


def _backfill_window(given: Window, interval: tuple[datetime | None, datetime | None]) -> Window:
    """The span that since and until say, or the data interval's.

    :raises InvalidQueryError: half of a span, or no interval.
    """
    if not given.is_bounded:
        return interval_window(*interval)
    if given.since is None or given.until is None:
        raise InvalidQueryError("mode='backfill' needs both since and until, or neither for the run's data interval.")
    return given


def _channel_filter(row: Resource) -> str:
    """The parameter that narrows a resource to a channel.

    :raises InvalidQueryError: it has none; the message names some that have one.
    """
    if row.channel_filter is None:
        names = ", ".join(other.name for other in CATALOG.values() if other.channel_filter is not None)
        raise InvalidQueryError(f"{row.name!r} cannot be narrowed to a channel. Resources that can: {names}.")
    return row.channel_filter


def _includes(row: Resource, include: str | Sequence[str] | None) -> tuple[str, ...]:
    if include is None:
        return DEFAULT_INCLUDE.get(row.name, ())
    wanted = tuple(included()("include", include))
    unknown = [part for part in wanted if part not in row.includes]
    if unknown and row.area:  # a path outside the catalog takes what the caller says
        accepted = ", ".join(map(repr, row.includes)) or "none: this resource has no include parameter"
        raise InvalidQueryError(f"include={unknown!r} is unknown for {row.name!r}. Accepted: {accepted}.")
    return wanted




def within(selection: Selection, partition: Partition) -> Selection:
    """Of these rows, those in one range of the list.

    :raises InvalidQueryError: it is a range of another list, or something else bounds the list too.
    """
    row, mode = selection.resource, selection.mode
    if partition.resource != row.name:
        raise InvalidQueryError(
            f"partition is a range of {partition.resource!r}, and the task reads {row.name!r}. Give both the same resource."
        )
    if mode != "full":
        raise InvalidQueryError(
            f"mode={mode!r} does not go with partition: a window belongs to one task. Read all in ranges once with mode='full', and what "
            "changes afterwards with one task of mode='incremental', whose initial_since is a moment before that read."
        )
    if taken := sorted({*bounds_of(row, require_cut(row))} & selection.query.keys()):
        raise InvalidQueryError(f"query has {', '.join(map(repr, taken))}, which partition sets itself. Leave it out.")
    return replace(selection, query={**selection.query, **partition.query})


def without_include(selection: Selection) -> Selection:
    """The same rows without what the store refused to include."""
    taken = {"include", *selection.resource.include_companions}
    return replace(selection, query={name: value for name, value in selection.query.items() if name not in taken})
