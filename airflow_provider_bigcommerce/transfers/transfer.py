"""The arguments that say which rows of which resource a transfer reads; every transfer has them, named once here.

Stores and validates their shape; nothing is opened or asked before ``execute``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_bigcommerce.compat import is_task
from airflow_provider_bigcommerce.core.arguments import (
    Checks,
    check_arguments,
    filters,
    flag,
    ids,
    included,
    is_pending,
    names,
    number,
    one_id,
    one_of,
    optional,
    span,
    when,
)
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.id_ways import id_way
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import ancestor_of, check_parameters, check_required, copied_resource, resource_of
from airflow_provider_bigcommerce.core.windows import DEFAULT_OVERLAP, backfill_filter, window_between
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.engine.run import CopyRun, Manner
from airflow_provider_bigcommerce.engine.selection import MODES, Selection, dated, interval_of, select
from airflow_provider_bigcommerce.engine.stoppable import QUOTA_SHARE, StoppableReading
from airflow_provider_bigcommerce.engine.target import Run, Target
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.links import BigCommerceControlPanelLink, control_panel_url
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.parents import parents_in
from airflow_provider_bigcommerce.transfers.live_transfer import LiveTransfer

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.core.positions import ParentId
    from airflow_provider_bigcommerce.engine.selection import Mode

#: Stands for the data interval of a run where a DAG is parsed.
_ANY_INTERVAL = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))

#: What becomes of rows that the store no longer has; ``delete`` is for tables alone.
Deletes = Literal["ignore", "detect", "delete"]


def can_tell_deleted(row: Resource) -> bool:
    """Whether the store gives all keys of a resource's rows, so that what is missing among them is deleted."""
    needs_more = any(name not in row.parent_keys for name in row.required_params) or row.required_any or row.id_placeholder is not None
    return bool(row.primary_key) and row.kind == "collection" and not needs_more


class BigCommerceTransferOperator(LiveTransfer):
    """A transfer of a BigCommerce resource, whole or only what changed; what it is copied into is up to the subclass.

    :param resource: catalog name, such as ``orders`` (docs/reference/resources.md), or the API path of a list that is in no catalog; not
        a catalog's path with ids filled in, for which ``parent_ids`` is. (templated)
    :param mode: ``full``: every row; ``incremental``: what changed since the last run. Where BigCommerce has a filter by change date, only
        that is read; other lists are read whole, and only rows that are new or changed are written. ``backfill``: what was created in
        the DAG run's data interval (docs/how-to/backfill.md).
    :param query: filters, as BigCommerce names them: ``{"is_visible": True}``. (templated)
    :param since: only rows changed at or after this moment: ISO-8601 with offset, or a datetime. With ``incremental`` it
        replaces the watermark in this run; with ``backfill``, ``since`` and ``until`` replace the data interval. (templated)
    :param until: only rows changed at or before this moment. (templated)
    :param initial_since: where the first incremental run begins; the store's beginning if not given. (templated)
    :param include: what each row has in addition (``images``, ``variants`` ...); by default, orders have their line items;
        ``[]`` for nothing. (templated)
    :param fields: top-level fields to keep; keys and the change date are kept always. The other columns are null. (templated)
    :param exclude_fields: fields to leave out, dots for nested ones: ``["billing_address.email"]``. For personal data. (templated)
    :param channel_id: only rows of this channel, where the resource has such a filter. (templated)
    :param parent_ids: for a child resource (``order_transactions``), the parents whose rows are read; all if not given, none for ``[]``. A
        template may render a list: ``[1, 2]``. One that renders nothing is refused. (templated)
    :param parent_query: for a child resource, filters for the parents: ``{"status_id": 11}``. (templated)
    :param parents_from: for a child resource, the ``path`` of a task that copied the parents into files; those of its newest run are
        read: after an incremental run, the children of what changed. (templated)
    :param ids: the rows that are read, by their ids, 250 in a request where the resource has such a filter: ``[101, 102]``. No watermark is
        moved. With ``deletes``, an id that brings no row in two answers, at least 5 seconds apart, is marked as deleted. None for all
        rows, none for ``[]``. (templated)
    :param deleted: ids of rows that are known to be deleted, by an event for example; with ``deletes``, they are marked without being asked
        for. (templated)
    :param deletes: ``detect``: rows of the copy that the store no longer has are marked with ``_deleted_at``; ``delete`` (tables only):
        they are deleted; ``ignore``: they stay. For this, an incremental run by change date reads the ids of the whole list, 250 per
        request.
    :param max_deleted_percent: maximum percentage of the copy's rows; a run that finds more of them gone stops and changes nothing.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    :param overlap: how long before the watermark an incremental run begins, because clocks differ and commits may be late.
    :param full_every: how often an incremental run reads everything again, for changes that move no change date: ``timedelta(days=7)``.
        Each resource has its own day. None for never.
    :param quota_share: fraction of the store's quota at which this task waits for the next window, above 0 and at most 1: ``0.25``
        leaves three quarters to everybody else. If not given, the connection's; for a backfill at most 0.25.
    :param accept_incomplete: whether a run moves the watermark although the store's count of the list says that rows are missing and two
        whole reads with the same rows say that none are (``complete: false`` in the manifest). If not, the next run reads its window again.
    :param emit_empty: whether a run that brought no row has an asset event too, with ``rows`` 0. So it is by default; with False, a DAG
        that is scheduled on the asset runs only when rows came (docs/how-to/react-to-new-data.md).
    :param live: in a DAG that is scheduled on ``changes(...)``: a run that events started reads the rows that they name; other runs read
        what changed, by ``mode="incremental"``, and with it what events have missed (docs/how-to/live-copy.md).
    :param settle: how long a run by events collects the events of a burst, from the first on; it releases its worker slot meanwhile. If not
        given, 60 seconds for files and lake tables, 0 for tables of a database.
    """

    #: What ``deletes`` may be.
    accepted_deletes: Sequence[str] = ("ignore", "detect")
    argument_checks: ClassVar[Checks] = {
        **LiveTransfer.argument_checks,
        "accept_incomplete": flag(),
        "mode": one_of(MODES),
        "query": optional(filters()),
        "since": optional(when(), may_vanish=True),
        "until": optional(when(), may_vanish=True),
        "initial_since": optional(when(), may_vanish=True),
        "include": optional(included(), may_vanish=True),
        "fields": optional(names("['id', 'email']")),
        "exclude_fields": optional(names("['billing_address.email']")),
        "channel_id": optional(one_id()),
        "parent_ids": optional(ids(of_parents=True)),
        "parent_query": optional(filters()),
        "parents_from": optional(place("/data/bigcommerce")),
        "ids": optional(ids()),
        "deleted": optional(ids()),
        "deletes": one_of(accepted_deletes),
        "max_deleted_percent": number(0, 100),
        "overlap": span(may_be_zero=True, example="timedelta(minutes=5)"),
        "full_every": optional(span(example="timedelta(days=7)")),
        "quota_share": optional(QUOTA_SHARE),
    }

    template_fields: Sequence[str] = (
        "resource",
        "query",
        "since",
        "until",
        "initial_since",
        "include",
        "fields",
        "exclude_fields",
        "channel_id",
        "parent_ids",
        "parent_query",
        "parents_from",
        "ids",
        "deleted",
        "bigcommerce_conn_id",
    )
    template_fields_renderers = {"query": "json", "parent_query": "json"}  # noqa: RUF012  # Airflow's own declaration
    operator_extra_links = (BigCommerceControlPanelLink(),)
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        mode: Mode = "full",
        query: Query | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        initial_since: str | datetime | None = None,
        include: str | Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
        exclude_fields: Sequence[str] | None = None,
        channel_id: int | str | None = None,
        parent_ids: Sequence[ParentId] | None = None,
        parent_query: Query | None = None,
        parents_from: str | None = None,
        ids: Sequence[int | str] | None = None,
        deleted: Sequence[int | str] | None = None,
        deletes: Deletes = "ignore",
        max_deleted_percent: float = 20,
        bigcommerce_conn_id: str = "bigcommerce_default",
        overlap: timedelta = DEFAULT_OVERLAP,
        full_every: timedelta | None = None,
        quota_share: float | None = None,
        accept_incomplete: bool = False,
        emit_empty: bool = True,
        live: bool = False,
        settle: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        own = {"resource": resource, "bigcommerce_conn_id": bigcommerce_conn_id, "emit_empty": emit_empty}
        super().__init__(**own, live=live, settle=settle, **kwargs)
        self.mode = mode
        self.query = query
        self.since = since
        self.until = until
        self.initial_since = initial_since
        self.include = include
        self.fields = fields
        self.exclude_fields = exclude_fields
        self.channel_id = channel_id
        self.parent_ids = parent_ids
        self.parent_query = parent_query
        self.parents_from = parents_from
        self.ids = ids
        self.deleted = deleted
        self.deletes = deletes
        self.max_deleted_percent = max_deleted_percent
        self.overlap = overlap
        self.full_every = full_every
        self.quota_share = quota_share
        self.accept_incomplete = accept_incomplete
        check_arguments(self, {name: self.argument_checks[name] for name in BigCommerceTransferOperator.argument_checks})
        self._check_what_is_known()
        if live and mode != "incremental":
            raise InvalidQueryError(
                f"live=True does not go with mode={mode!r}: scheduled runs read what changed. Use mode='incremental'."
            )
        bounds = ("since", "until", "parent_ids", "parent_query", "parents_from", "ids", "deleted")
        self.listen(also_given=[name for name in bounds if getattr(self, name) is not None])

    def selection(self, context: Mapping[str, Any]) -> Selection:
        """What the rendered arguments select.

        :param context: Airflow's, for the data interval of a backfill.
        :raises UnknownResourceError: with the nearest names.
        :raises InvalidQueryError: an argument that cannot work.
        :raises DestinationError: ``parents_from`` cannot be read.
        """
        self._check_deletes(copied_resource(self.resource))
        return select(
            resource=self.resource,
            mode=self.mode,
            query=self.query,
            include=self.include,
            since=self.since,
            until=self.until,
            initial_since=self.initial_since,
            overlap=self.overlap,
            full_every=self.full_every,
            fields=self.fields,
            exclude_fields=self.exclude_fields,
            channel_id=self.channel_id,
            parent_ids=self._parents() if self.parents_from else self.parent_ids,
            parent_query=self.parent_query,
            interval=interval_of(context),
            ids=self.ids,
            deleted=self.deleted,
        )

    def copy(
        self, run: Run, target: Target, hook: BigCommerceHook, reading: StoppableReading, *, patience: float | None = None
    ) -> Manifest:
        """Copy into a target, and return the manifest.

        :param patience: seconds without an answer after which a wait is refused; None to keep waiting.
        """
        manner = Manner(
            quota_share=self.quota_share,
            most_deleted_percent=None if self.deletes == "ignore" else self.max_deleted_percent,
            accept_incomplete=self.accept_incomplete,
            patience=patience,
        )

        def told() -> None:
            if is_task(run.context):
                resource = run.selection.resource
                link = control_panel_url(run.store_hash, resource.name, resource.area)
                run.context["ti"].xcom_push(key=BigCommerceControlPanelLink.key, value=link)

        return CopyRun(run, target, hook, manner, reading=reading, learnt=self.learnt, told=told).execute()

    def _check_deletes(self, row: Resource) -> None:
        """Refuse what cannot work before anything is sent.

        :raises InvalidQueryError: a resource whose rows cannot be told to be gone.
        """
        deletes = self.deletes
        if deletes == "ignore":
            return
        if self.mode == "backfill":
            raise InvalidQueryError(f"deletes={deletes!r} does not go with mode='backfill': the live sync notices deletes. Leave it out.")
        if not can_tell_deleted(row):
            raise InvalidQueryError(
                f"deletes={deletes!r} does not apply to {row.name!r}: BigCommerce gives no list of all its rows with a key, so it cannot "
                "be told which are gone. Leave deletes out."
            )

    def _check_what_is_known(self) -> None:
        """What can be told before templates are rendered, so that it shows where the DAG is parsed."""
        if not is_pending(self.since) and not is_pending(self.until):
            window_between(self.since, self.until)
        if is_pending(self.resource):
            return
        row = copied_resource(self.resource)
        if self.mode == "backfill":
            backfill_filter(dated(row))
        if self.ids is not None:
            id_way(row)
        self._check_deletes(row)
        if self.parents_from is not None:
            self._check_parents_from(row)
        for name, asked, of in (("query", self.query, row), ("parent_query", self.parent_query, ancestor_of(row))):
            if isinstance(asked, Mapping) and of is not None:
                check_parameters(of, {key: value for key, value in asked.items() if not is_pending([key, value])}, name)
        refuse_params(self, row)
        self._check_selection(row)

    def _check_selection(self, row: Resource) -> None:
        """The selection as far as it is known: a template stands for a value that fits, or for none."""

        def known(value: Any, otherwise: Any = None) -> Any:
            return otherwise if is_pending(value) else value

        is_span_known = not is_pending([self.since, self.until])
        chosen = known(self.parent_ids, [])
        select(
            resource=self.resource,
            mode=self.mode,
            query={key: value for key, value in self.query.items() if not is_pending(key)} if isinstance(self.query, Mapping) else None,
            include=known(self.include),
            since=self.since if is_span_known else None,
            until=self.until if is_span_known else None,
            initial_since=known(self.initial_since),
            overlap=self.overlap,
            full_every=self.full_every,
            fields=known(self.fields),
            exclude_fields=known(self.exclude_fields),
            channel_id=known(self.channel_id),
            parent_ids=[] if self.parents_from is not None else chosen,
            parent_query=known(self.parent_query),
            interval=_ANY_INTERVAL,
            ids=known(self.ids),
            deleted=known(self.deleted),
        )
        if self.query is None or isinstance(self.query, Mapping):
            check_required(row, self.query or {})

    def _check_parents_from(self, row: Resource) -> None:
        if row.parent is None or not row.per_parent or any("." in source for source in row.parent_keys.values()):
            raise InvalidQueryError(f"parents_from does not apply: {row.name!r} is not read parent by parent.")
        if self.parent_ids is not None:
            raise InvalidQueryError("Give parent_ids or parents_from, not both.")

    def _parents(self) -> Sequence[ParentId]:
        """The parents in another task's files."""
        row = resource_of(self.resource)
        self._check_parents_from(row)
        return parents_in(Destination.at(str(self.parents_from)), row, resource_of(row.parent or ""))


def refuse_params(operator: BaseOperator, row: Resource) -> None:
    """Refuse BigCommerce's filters in Airflow's ``params``, which filter nothing: every row would be read.

    Params that the DAG has, or that a template of the task uses, are what Airflow means by them.

    :raises InvalidQueryError: filters of this resource among those of the task alone.
    """
    own = {str(name) for name in operator.params} - {str(name) for name in (operator.dag.params if operator.has_dag() else ())}  # type: ignore[no-untyped-call]  # Airflow's
    found = sorted(own & row.parameters)
    if not found or any("params" in str(getattr(operator, name, "")) for name in operator.template_fields):
        return
    raise InvalidQueryError(
        f"params has {', '.join(map(repr, found))}: params are Airflow's own and filter nothing, so every row would be read. BigCommerce's "
        f"filters go into query: query={{{found[0]!r}: ...}}."
    )
