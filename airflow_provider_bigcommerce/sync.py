"""``bigcommerce_sync``: a whole store in one line of a DAG.

Puts transfers into a task group and decides their order and modes; each task does its own work. Opens nothing: what must be asked
of the store is asked by a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

from airflow_provider_bigcommerce.assets import data_alias, is_known
from airflow_provider_bigcommerce.compat import RetryDecision
from airflow_provider_bigcommerce.core.arguments import Checks, flag, mapping, names, optional, pending_or, span, text, when
from airflow_provider_bigcommerce.core.live import live_way
from airflow_provider_bigcommerce.core.naming import kept_name
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.core.places import place
from airflow_provider_bigcommerce.core.planning import copied_resource, resource_of
from airflow_provider_bigcommerce.core.whole_store import in_order
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.operators.sync import BigCommerceReadableResourcesOperator, BigCommerceSyncSummaryOperator
from airflow_provider_bigcommerce.retry import BigCommerceRetryPolicy
from airflow_provider_bigcommerce.state import state_asset
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator, can_tell_deleted

if TYPE_CHECKING:
    from airflow.sdk import TaskGroup

    from airflow_provider_bigcommerce.core.catalog.names import ResourceName
    from airflow_provider_bigcommerce.transfers.typed import ResourceArguments, TransferArguments

#: Arguments for the transfers that the task before them gets too.
_OF_ANY_TASK: Final = ("retries", "retry_delay", "retry_policy", "pool", "queue", "executor")


#: Of those arguments that no task has.
ARGUMENT_CHECKS: Final[Checks] = {
    "full_every": optional(span(example="timedelta(days=7)")),
    "compact_every": optional(span(example="timedelta(days=7)")),
    "initial_since": optional(pending_or(when())),
    "with_each_parent": flag(),
    "live": flag(),
    "settle": optional(span(may_be_zero=True, example="timedelta(seconds=60)")),
    "group_id": text("bigcommerce_sync"),
}


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of a database as a sync's destination, one per resource.

    :param conn_id: id of an SQL connection, as ``BigCommerceToSqlOperator`` takes it.
    :param schema: schema of the tables; the connection's own if not given.
    :param nested: ``json`` or ``tables``, as in ``BigCommerceToSqlOperator``.
    """

    conn_id: str
    schema: str | None = None
    nested: Literal["json", "tables"] = "json"


@dataclass(frozen=True, slots=True)
class Lake:
    """Delta Lake tables in a directory as a sync's destination, one per resource.

    :param path: the directory, as in ``BigCommerceToLakeOperator``.
    :param nested: ``struct`` or ``json``, as in ``BigCommerceToLakeOperator``.
    :param keep: for how long a file stays that is no longer data, as in ``BigCommerceToLakeOperator``.
    """

    path: str
    nested: Literal["struct", "json"] = "struct"
    keep: timedelta = timedelta(days=7)


@shows_your_line
def bigcommerce_sync(
    resources: Sequence[ResourceName | str] | Mapping[ResourceName | str, ResourceArguments] | Literal["all"],
    *,
    to: str | Tables | Lake,
    bigcommerce_conn_id: str = "bigcommerce_default",
    full_every: timedelta | None = timedelta(days=7),
    compact_every: timedelta | None = timedelta(days=7),
    initial_since: str | datetime | None = None,
    exclude: Sequence[ResourceName | str] = (),
    with_each_parent: bool = True,
    live: bool = False,
    settle: timedelta | None = None,
    group_id: str = "bigcommerce_sync",
    **arguments: Unpack[TransferArguments],
) -> TaskGroup:
    """Copy what changed in resources of a store, one task per resource; then sum up.

    ::

        with DAG("shop", schedule="@daily", catchup=False, max_active_runs=1, default_args={"retries": 4}):
            bigcommerce_sync(["orders", "customers", "products", "brands"], to="s3://aws_default@my-bucket/bigcommerce")

    There is one task per resource, named after it; if one fails, the others still run. After them, two tasks always run: ``summary`` fails
    if a resource failed, and ``compact`` merges many small files into few large ones from time to time (docs/how-to/compact-a-copy.md);
    tables and lakes have none. Small reads go first. See docs/how-to/sync-a-whole-store.md.

    The first run of each task reads everything. ``airflow-bigcommerce estimate orders customers ...`` tells before what that costs:
    requests, rows, bytes, and minutes at the store's quota (docs/how-to/estimate-the-first-sync.md). With ``initial_since`` it is less.

    :param resources: catalog names or paths; name -> arguments of its transfer alone (``{"orders": {"include": []}}``); or ``all``:
        what the token can read, which a task asks when the run begins.
    :param to: a directory for files, as the ``path`` of ``BigCommerceToObjectStorageOperator``; or :class:`Tables` of a
        database, or :class:`Lake`.
    :param bigcommerce_conn_id: connection id of the store; may be a mapped task group's argument.
    :param full_every: how often a list with a change date is read completely, each list in its own night; None for never.
    :param compact_every: how often copies in files are compacted; until then, the task ``compact`` does nothing. None for never.
    :param initial_since: where the first runs of lists with a change date begin; the store's beginning if not given.
    :param exclude: with ``all``, resources to leave out.
    :param with_each_parent: with ``all``, whether lists that cost one request per parent are read (``order_taxes``: one per order).
    :param live: in a DAG that is scheduled on ``changes(...)`` and a clock: runs that events started read the rows that they name,
        and scheduled runs read what changed. ``deletes`` is then ``detect`` where the resource allows, unless it is given
        (docs/how-to/live-copy.md).
    :param settle: with ``live``, how long the events of a burst are collected; if not given, 60 seconds for files and lakes, 0 for tables.
    :param group_id: id of the task group.
    :param arguments: arguments of every transfer: ``retries``, ``pool``, ``file_format``, ``emit_empty`` ...
    :returns: the group, to stand before and after other tasks.
    :raises InvalidQueryError: arguments that cannot work together; the DAG's import error shows it.
    """
    from airflow.sdk import TaskGroup

    own_arguments = {
        "full_every": full_every,
        "compact_every": compact_every,
        "initial_since": initial_since,
        "with_each_parent": with_each_parent,
        "live": live,
        "settle": settle,
        "group_id": group_id,
    }
    for name, check in ARGUMENT_CHECKS.items():
        check(name, own_arguments[name])
    wanted: Any = _resources(resources)
    left_out: list[str] = names("['orders']")("exclude", exclude)
    _check(wanted, to, bigcommerce_conn_id, left_out)
    if live or settle is not None:
        _check_live(wanted, live=live)
    operator, where = _transfer(to)
    basic = {"bigcommerce_conn_id": bigcommerce_conn_id, "mode": "incremental", "full_every": full_every}
    common: dict[str, Any] = {**basic, **where, **_retry_policy(), **arguments}
    for name, check in operator.argument_checks.items():  # Airflow makes mapped tasks when they run, which is late
        if name in common:
            pending_or(check)(name, common[name])
    summary: dict[str, Any] = {"task_id": "summary", "bigcommerce_conn_id": bigcommerce_conn_id, "trigger_rule": "all_done", "retries": 0}
    of_any_task: dict[str, Any] = {name: common[name] for name in _OF_ANY_TASK if name in common}
    compaction: dict[str, Any] = {"task_id": "compact", "path": common.get("path"), "every": compact_every, "trigger_rule": "all_done"}
    compaction |= of_any_task
    if hasattr(bigcommerce_conn_id, "resolve"):  # a mapped task group's argument
        compaction["map_index_template"] = "{{ task.path }}"
    is_compacted = compact_every is not None and not isinstance(to, (Tables, Lake))
    with TaskGroup(group_id) as group:
        if wanted == "all":
            readable = BigCommerceReadableResourcesOperator(
                task_id="readable",
                bigcommerce_conn_id=bigcommerce_conn_id,
                exclude=[resource_of(name).name for name in left_out],
                with_each_parent=with_each_parent,
                needs_key=isinstance(to, (Tables, Lake)),
                initial_since=initial_since,
                **of_any_task,
            )
            mapped = {"inlets": [state_asset()], "outlets": [data_alias()], "map_index_template": "{{ task.resource }}", **common}
            copies: Any = operator.partial(task_id="copy", **mapped).expand_kwargs(readable.output)
            copies >> BigCommerceSyncSummaryOperator(copies=copies.task_id, readable=readable.task_id, **summary)
            if is_compacted:
                copies >> BigCommerceCompactOperator(**compaction)
            return group
        own = {copied_resource(name): (name, extra) for name, extra in _each(wanted).items()}
        # Runs of one task are kept apart, so that they do not read the same window; in a mapped group that would put stores in a queue.
        alone = {"max_active_tis_per_dag": 1} if is_known(bigcommerce_conn_id) else {}
        tasks: dict[str, Any] = {}
        for number, row in enumerate(in_order(own)):
            name, extra = own[row]
            bounds = {"initial_since": initial_since} if initial_since and row.modified is not None else {}
            weight = {"priority_weight": len(own) - number, "weight_rule": "absolute"}
            events: dict[str, Any] = {"live": True, "settle": settle} if live else {}
            if live and can_tell_deleted(row):
                events["deletes"] = "detect"
            given = {"resource": name, **events, **alone, **weight, **bounds, **common, **extra}
            tasks[row.name] = operator(task_id=kept_name(row.name), **given)
        named = {name: str(task.task_id) for name, task in tasks.items()}
        list(tasks.values()) >> BigCommerceSyncSummaryOperator(copies=named, **summary)
        here = [row.name for row, (_, extra) in own.items() if "path" not in extra]
        if is_compacted and here:
            [tasks[name] for name in here] >> BigCommerceCompactOperator(resource=here, **compaction)
    return group


def _resources(given: Any) -> list[str] | dict[str, Mapping[str, Any]] | Literal["all"]:
    """``all``, or the resources, which are looked at more than once.

    :raises InvalidQueryError: something else.
    """
    if given == "all":
        return "all"
    if isinstance(given, str):
        raise InvalidQueryError(f"resources={given!r} is one text. Give a list, [{given!r}], or 'all'.")
    found = list(names("['orders', 'customers']")("resources", [*given] if isinstance(given, Mapping) else given))
    if not isinstance(given, Mapping):
        return found
    return {name: mapping("{'include': []}")(f"resources[{name!r}]", given[name]) for name in found}


def _each(resources: Iterable[str] | Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return dict(resources) if isinstance(resources, Mapping) else {name: {} for name in resources}


def _transfer(to: str | Tables | Lake) -> tuple[type[BigCommerceTransferOperator], dict[str, Any]]:
    if isinstance(to, Lake):
        return BigCommerceToLakeOperator, {"path": to.path, "nested": to.nested, "keep": to.keep}
    if isinstance(to, Tables):
        return BigCommerceToSqlOperator, {"conn_id": to.conn_id, "schema": to.schema, "nested": to.nested}
    return BigCommerceToObjectStorageOperator, {"path": to}


def _retry_policy() -> dict[str, Any]:
    return {} if RetryDecision is None else {"retry_policy": BigCommerceRetryPolicy()}


def _check_live(resources: Any, *, live: bool) -> None:
    if not live:
        raise InvalidQueryError("settle goes with live=True: a scheduled run reads what there is. Leave it out.")
    if resources == "all":
        raise InvalidQueryError(
            "live=True does not go with resources='all': which events a task reads must be known when the DAG is parsed. Name the "
            "resources."
        )
    names = [copied_resource(name).name for name in _each(resources)]
    if not any(live_way(resource_of(name)) for name in names):
        raise InvalidQueryError(
            f"live=True has no effect on {', '.join(map(repr, names))}: BigCommerce reports no change of these. Leave it out. "
            f"{page('how-to/live-copy.md')} lists the resources that have events."
        )


def _check(resources: Any, to: Any, conn_id: Any, exclude: Sequence[str]) -> None:
    if is_known(to) and "/" not in to:
        raise InvalidQueryError(
            f"to={to!r} is no directory. Give '/data/bigcommerce' or 's3://aws_default@bucket/bigcommerce'; for the tables of a "
            f"database, to=Tables(conn_id={to!r})."
        )
    directory = to.path if isinstance(to, Lake) else to
    if not isinstance(directory, Tables):
        pending_or(place("/data/bigcommerce"))("to", directory)
    if resources == "all":
        if not isinstance(conn_id, str):
            raise InvalidQueryError(
                "resources='all' cannot be used in a mapped task group: Airflow maps no task within one. Name the resources, or call "
                "bigcommerce_sync once for each store in a loop, with group_id=store and bigcommerce_conn_id=store."
            )
        return
    if exclude:
        raise InvalidQueryError("exclude goes with resources='all'; of a list, leave the names out.")
    found = [copied_resource(name).name for name in _each(resources)]
    if not found:
        raise InvalidQueryError("resources is empty. Name at least one, such as 'orders', or give 'all'.")
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise InvalidQueryError(f"resources has {', '.join(map(repr, twice))} twice. Name each resource once, by one of its names.")
