"""One huge list, read by many workers: a task that cuts it into ranges, and one that commits what the ranges brought.

In between, a mapped transfer reads each range. Where to cut is ``core``'s affair, how pieces become one run that of ``files``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.assets import data_alias
from airflow_provider_bigcommerce.compat import is_task, try_number
from airflow_provider_bigcommerce.core.arguments import (
    Check,
    Checks,
    check_arguments,
    check_rendered,
    filters,
    flag,
    integer,
    is_pending,
    optional,
    refuse,
    text,
    when,
)
from airflow_provider_bigcommerce.core.catalog import Resource
from airflow_provider_bigcommerce.core.messages import Query
from airflow_provider_bigcommerce.core.partitions import MOST, Counts, Partition, bounds_of, by_dates, by_ids, places, require_cut
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import check_parameters, copied_resource, full_query
from airflow_provider_bigcommerce.core.windows import window_between, window_query
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.telling import Place, announce, files_at, leave_status, openlineage, trace, with_outlet
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnexpectedAnswerError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.targets.files import pieces as partitions
from airflow_provider_bigcommerce.targets.files.destination import Destination

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_bigcommerce.client.blocking import BlockingStore
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName

#: BigCommerce opened in 2009; no row of a store is older.
_FIRST = int(datetime(2009, 1, 1, tzinfo=UTC).timestamp())


@shows_your_line
def partition(resource: ResourceName | str, into: int, **arguments: Any) -> XComArg:
    """Cut a list into ranges, one for each mapped task of a transfer.

    ::

        ranges = partition("orders", into=8)
        orders = BigCommerceToObjectStorageOperator.partial(task_id="orders", resource="orders", path=PATH).expand(partition=ranges)
        commit_partitions(orders.output, path=PATH)

    :param resource: catalog name.
    :param into: how many ranges.
    :param arguments: further arguments of :class:`BigCommercePartitionOperator` and of every task.
    :returns: what ``.expand(partition=...)`` takes.
    """
    arguments = {"task_id": "partition", **arguments}
    return BigCommercePartitionOperator(resource=resource, into=into, **arguments).output


@shows_your_line
def commit_partitions(returned: Any, *, path: str, **arguments: Any) -> XComArg:
    """Commit what the mapped tasks of a transfer read, all of it or nothing.

    :param returned: the mapped transfer's ``output``.
    :param path: the ``path`` of the transfer.
    :param arguments: further arguments of :class:`BigCommerceCommitPartitionsOperator` and of every task.
    :returns: the manifest.
    """
    arguments = {"task_id": "commit_partitions", **arguments}
    return BigCommerceCommitPartitionsOperator(returned=returned, path=path, **arguments).output


def of_every_range() -> Check:
    """What the mapped tasks returned; each one is checked when they are held together."""

    def read(name: str, value: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            refuse(name, value, "the mapped transfer's output, a list of what each range returned.", is_private=True)
        return value

    return Check(read)


class BigCommercePartitionOperator(BaseOperator):
    """Cut a list into ranges of about equal size; :func:`partition` makes a task of it.

    A list that BigCommerce bounds by id is cut at the ids in the places that make ranges equal, for one request each. Other lists are
    cut by creation date, where rows are counted until the ranges are equal within a tenth. The ranges are disjoint and cover the list;
    rows that are created while it is read are in the last one.

    :param resource: catalog name, such as ``orders``. (templated)
    :param into: how many ranges, 1 to 1000; a list with fewer rows gets fewer.
    :param query: the ``query`` of the transfer, so that ranges are equal for these filters. (templated)
    :param since: the ``since`` of the transfer. (templated)
    :param until: the ``until`` of the transfer. (templated)
    :param bigcommerce_conn_id: connection id. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "resource": text("orders"),
        "into": integer(1, MOST),
        "query": optional(filters()),
        "since": optional(when(), may_vanish=True),
        "until": optional(when(), may_vanish=True),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    custom_operator_name = "BigCommerce: cut into ranges"
    template_fields: Sequence[str] = ("resource", "query", "since", "until", "bigcommerce_conn_id")
    template_fields_renderers = {"query": "json"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        resource: ResourceName | str,
        into: int,
        query: Query | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**named_by_connection(kwargs, bigcommerce_conn_id))
        self.resource = resource
        self.into = into
        self.query = query
        self.since = since
        self.until = until
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        if not is_pending([since, until]):
            window_between(since, until)
        if not is_pending(resource):
            row = copied_resource(resource)
            require_cut(row)
            if query is not None and not is_pending(query):
                check_parameters(row, query)

    @tells_why_it_fails
    def execute(self, context: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG002  # Airflow's signature
        """Ask the store where to cut.

        :returns: the ranges, for ``.expand(partition=...)``.
        :raises InvalidQueryError: the list cannot be cut; the message names those that can.
        """
        check_rendered(self, self.argument_checks)
        row = copied_resource(self.resource)
        by = require_cut(row)
        window = window_between(self.since, self.until)
        # What shapes rows does not decide which there are.
        shape = {"include", "include_fields", "exclude_fields", *row.include_companions}
        query = {name: value for name, value in full_query(row, self.query).items() if name not in shape}
        if taken := sorted(query.keys() & {*bounds_of(row, by)}):
            raise InvalidQueryError(f"query has {', '.join(map(repr, taken))}, which partition sets itself. Leave it out.")
        query = {**window_query(row, window), **query}
        with BigCommerceHook(self.bigcommerce_conn_id).store() as store:
            ranges = _by_ids(store, row, query, self.into) if by == "id" else _by_dates(store, row, query, self.into)
        self.log.info("Cut %s into %d ranges by %s: %s", row.name, len(ranges), by, [part.query for part in ranges])
        return [part.as_json() for part in ranges]


def _by_ids(store: BlockingStore, row: Resource, query: Query, into: int) -> list[Partition]:
    """Ask for the row in each place where a range is to begin: the list comes in the order of its ids."""
    ordered = {**query, **(row.sort_by_id or {}), "limit": 1}
    cuts: list[int] = []
    for number in places(store.count(row.name, query=query), into):
        for page in store.pages(row.name, query={**ordered, "page": number + 1}):
            cuts += [int(found[row.primary_key[0]]) for found in page.rows()]
    return by_ids(row, cuts)


def _by_dates(store: BlockingStore, row: Resource, query: Query, into: int) -> list[Partition]:
    now = int(store.now().timestamp())
    total = _count(store, row, query)
    counts = Counts(_FIRST, now + 1, total, into)
    while (second := counts.next()) is not None:
        # The range that ends where another one would begin at that second.
        before = by_dates(row, [second])[0]
        counts.learn(second, _count(store, row, {**query, **before.query}))
    return by_dates(row, counts.cuts())


def _count(store: BlockingStore, row: Resource, query: Query) -> int:
    """How many rows a V3 list has; never by reading them."""
    answer = store.request("GET", row.path, params={**query, "limit": 1})
    try:
        return int(answer.json()["meta"]["pagination"]["total"])
    except (KeyError, TypeError, ValueError, msgspec.DecodeError):
        raise UnexpectedAnswerError(
            f"GET {row.path} does not tell how many rows there are, so that {row.name!r} cannot be cut into ranges. Read it with one task."
        ) from None


class BigCommerceCommitPartitionsOperator(BaseOperator):
    """Write one manifest for all ranges of a list; :func:`commit_partitions` makes a task of it.

    It runs when every range has been read. Until then, and if one of them fails, readers see what the last manifest names, and nothing
    of this run. It may be repeated. What it returns is the manifest.

    Then it announces the run as a transfer does: an event of the asset ``bigcommerce://<connection id>/<resource>``. The ranges tell which
    one that is, so the event goes through the alias ``bigcommerce_data``.

    :param returned: the mapped transfer's ``output``. (templated)
    :param path: the ``path`` of the transfer. (templated)
    :param emit_empty: whether a run that brought no row announces itself too.
    """

    argument_checks: ClassVar[Checks] = {"returned": of_every_range(), "path": place("/data/bigcommerce"), "emit_empty": flag()}
    custom_operator_name = "BigCommerce: commit ranges"
    template_fields: Sequence[str] = ("returned", "path")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(self, *, returned: Any, path: str, emit_empty: bool = True, **kwargs: Any) -> None:
        super().__init__(**with_outlet(kwargs, data_alias()))
        self.returned = returned
        self.path = path
        self.emit_empty = emit_empty
        check_arguments(self, self.argument_checks)
        self._came: tuple[str, str, Place] | None = None

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Hold the ranges together, commit them, and announce the run.

        :raises IncompleteReadError: a range is missing, or they do not belong together.
        :raises DestinationError: files are not there, or the manifest cannot be written.
        """
        self._came = None
        check_rendered(self, self.argument_checks)
        destination = Destination.at(str(self.path))
        manifest, about = partitions.commit_partitions(destination, self.returned, now=datetime.now(UTC), number=try_number(context))
        self.log.info(
            "Committed %s: %s rows in %d files; %d requests, %d of them answered 429, %.1f s",
            manifest.resource,
            f"{manifest.rows:,}",
            len(manifest.files),
            manifest.requests,
            manifest.throttled,
            manifest.seconds,
        )
        place = files_at(destination.full(about.folder))
        self._came = (manifest.store_hash, manifest.resource, place)
        told = manifest.as_json()
        announce(self, context, told, about.conn_id, place, emit_empty=self.emit_empty)
        leave_status(context, told, about.conn_id, place, None)
        if is_task(context):
            trace(self, about.conn_id, manifest.resource, place)
        return told

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002  # OpenLineage's signature
        """What OpenLineage asks at the end.

        :returns: ``OperatorLineage``: the store's resource in, the files out; None where nothing was committed.
        """
        return openlineage(*self._came) if self._came is not None else None
