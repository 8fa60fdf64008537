"""The one file that knows Airflow's minor versions: 3.1 to 3.3, with 3.3 as the measure and small fallbacks below it.

Asks for what it needs (a name, a key of the context) instead of comparing version numbers.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

import airflow
import airflow.sdk

from airflow_provider_bigcommerce.exceptions import InvalidQueryError

if TYPE_CHECKING:
    from airflow.sdk import Asset, BaseHook, Connection

#: Airflow's version, for the User-Agent.
AIRFLOW_VERSION: str = airflow.__version__

_DESCRIPTION = "Written by airflow-provider-bigcommerce"


def _is_in_process() -> bool:
    """Whether a task runs in its supervisor's own process, as ``dag.test()``, ``airflow dags test`` and ``airflow tasks test`` run it.

    Up to 3.3.2 that supervisor takes questions by ``send`` alone. What asks it by ``asend`` fails, and Airflow continues as if there were
    nothing stored.
    """
    from airflow.sdk.execution_time import task_runner

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    return supervisor is not None and not hasattr(supervisor, "asend")


async def connection_and_extra(hook: BaseHook, conn_id: str) -> tuple[Connection, dict[str, Any]]:
    """A connection and its decoded extra, without a blocking call on the event loop.

    Before 3.3.2, decoding the extra on a loop calls the supervisor synchronously, which can meet an asynchronous call that is under way;
    a worker thread of asgiref's is where Airflow's synchronous calls are safe in tasks and in triggers.

    :param hook: the hook through which the connection is resolved.
    :param conn_id: the connection's id.
    """
    from asgiref.sync import sync_to_async

    def resolve() -> tuple[Connection, dict[str, Any]]:
        connection = hook.get_connection(conn_id)
        return connection, connection.extra_dejson

    if _is_in_process():
        return await sync_to_async(resolve)()
    try:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
    except ImportError:  # common.compat before 1.23
        return await sync_to_async(resolve)()
    connection = await get_async_connection(conn_id, hook=hook)
    return connection, await get_async_extra_dejson(connection)


def mask_secrets(secrets: Iterable[str]) -> None:
    """Have Airflow replace these values by ``***`` in everything that is logged from now on; not for event loops."""
    from airflow.sdk.log import mask_secret

    for secret in secrets:
        mask_secret(secret)


async def amask_secrets(secrets: Iterable[str]) -> None:
    """As :func:`mask_secrets`, on an event loop."""
    from airflow.sdk import log

    amask_secret = getattr(log, "amask_secret", None)
    if amask_secret is None or _is_in_process():  # before 3.3.2 there is none
        from asgiref.sync import sync_to_async

        await sync_to_async(mask_secrets)(secrets)
        return
    for secret in secrets:
        await amask_secret(secret)


def correlation_id() -> str:
    """An id for all requests of one try of a task: the task instance's UUID, or a new UUID outside of tasks."""
    from airflow.sdk import get_current_context

    try:
        context = cast("Mapping[str, Any]", get_current_context())
    except RuntimeError:  # not in a task: a trigger, the API server, a script
        context = {}
    return str(getattr(context.get("ti"), "id", None) or uuid.uuid4())


class KeyValueState(Protocol):
    """Small JSON values under text keys, kept by Airflow."""

    def get(self, key: str) -> Any:
        """The value, or None."""

    def set(self, key: str, value: Any) -> None:
        """Write or replace the value."""

    def delete(self, key: str) -> None:
        """Remove the value, if there is one."""


class VariableState:
    """State in Airflow's Variables, for Airflow below 3.3; one Variable a key.

    :param prefix: what the Variables' names begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def get(self, key: str) -> Any:
        """The value, or None."""
        from airflow.sdk import Variable

        return Variable.get(f"{self._prefix}/{key}", default=None, deserialize_json=True)

    def set(self, key: str, value: Any) -> None:
        """Write or replace the value."""
        from airflow.sdk import Variable

        Variable.set(f"{self._prefix}/{key}", value, description=_DESCRIPTION, serialize_json=True)

    def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        from airflow.sdk import Variable

        Variable.delete(f"{self._prefix}/{key}")


def is_task(context: Mapping[str, Any]) -> bool:
    """Whether a context comes from Airflow: ``execute(context={})`` is called from scripts, notebooks and benchmarks."""
    return context.get("ti") is not None


def try_number(context: Mapping[str, Any]) -> int:
    """Which try of its run a task is, from 1; 1 outside of a task."""
    return int(getattr(context["ti"], "try_number", 1)) if is_task(context) else 1


def is_first_try(context: Mapping[str, Any]) -> bool:
    """Whether no process before this one can have worked on the task instance: its first try, and it never gave its slot back."""
    return is_task(context) and try_number(context) == 1 and context.get("task_reschedule_count") == 0


def is_of_mapped(operator: object) -> bool:
    """Whether an operator that is being made is an element of a mapped one, whose outlets Airflow does not know beforehand."""
    return bool(getattr(operator, "_BaseOperator__from_mapped", False))  # no public name tells


def asset_state(context: Mapping[str, Any], asset: Asset) -> KeyValueState | None:
    """The state that belongs to an asset and outlives every run; a Variable's below Airflow 3.3; None outside a task.

    :param asset: an inlet or outlet of the task.
    """
    if not is_task(context):
        return None
    if not hasattr(airflow.sdk, "NEVER_EXPIRE"):  # came with the state stores, in 3.3
        return VariableState(asset.name)
    return cast("KeyValueState", context["asset_state_store"][asset])


def require_event_filters(what: str) -> None:
    """Refuse an Airflow whose tasks cannot ask for an asset's events since a moment.

    :param what: what needs it, the first word of the sentence.
    :raises InvalidQueryError: it is older than 3.2.
    """
    from airflow.sdk.execution_time import context

    if not hasattr(getattr(context, "InletEventsAccessor", None), "after"):
        raise InvalidQueryError(
            f"{what} needs Airflow 3.2 or later, whose tasks can ask for an asset's events since a moment; this is Airflow "
            f"{AIRFLOW_VERSION}. Upgrade Airflow, or copy on a schedule."
        )


def _of_inlet(found: Any, asset: Asset) -> Any:
    """What a mapping of inlets has for an asset, which may be an inlet itself or by reference.

    :raises KeyError: it is no inlet.
    """
    from airflow.sdk import Asset as AnyAsset

    for named in (asset, AnyAsset.ref(uri=asset.uri), AnyAsset.ref(name=asset.name)):
        try:
            return found[named]
        except KeyError:
            continue
    raise KeyError(asset.uri)


def inlet_events(context: Mapping[str, Any], asset: Asset) -> Any:
    """The events of an inlet, to be narrowed by ``after``, ``ascending`` and ``limit``, Airflow 3.2.

    :raises KeyError: it is no inlet of the task.
    """
    return _of_inlet(context["inlet_events"], asset)


def inlet_state(context: Mapping[str, Any], asset: Asset) -> KeyValueState:
    """The state of an inlet, in a task; Variables below Airflow 3.3.

    :raises KeyError: it is no inlet of the task.
    """
    if not hasattr(airflow.sdk, "NEVER_EXPIRE"):  # came with the state stores, in 3.3
        return VariableState(asset.uri.replace("://", "/"))  # the key is part of a path that Airflow asks itself by
    return cast("KeyValueState", _of_inlet(context["asset_state_store"], asset))


def scheduled_assets(operator: Any) -> dict[str, Any]:
    """The assets that the DAG of an operator is scheduled on, as inlets of it, by URI; none for an operator without a DAG.

    They are the schedule's own objects, or references: another object of the same name, without its trigger, would take the trigger away.
    """
    found: dict[str, Any] = {}
    waiting: list[Any] = [getattr(operator.dag.timetable, "asset_condition", None)] if operator.has_dag() else []
    while waiting:
        each = waiting.pop()
        waiting += getattr(each, "objects", ())
        if isinstance(each, airflow.sdk.Asset):
            found[each.uri] = each
        elif hasattr(each, "uri"):  # of airflow.timetables.assets, which has them serialized
            found[each.uri] = airflow.sdk.Asset.ref(uri=each.uri)
    return found


def nothing_to_do(reason: str) -> Exception:
    """What a task raises that has nothing to do in this run, which shows as skipped."""
    return _skip()(reason)


def is_nothing_to_do(error: BaseException) -> bool:
    """Whether that is what a task raised, which is no failure."""
    return isinstance(error, _skip())


def _skip() -> type[Exception]:
    from airflow.providers.common.compat.sdk import AirflowSkipException

    return cast("type[Exception]", AirflowSkipException)


def is_by_event(context: Mapping[str, Any]) -> bool:
    """Whether a run was started by asset events, and not by a schedule or a person."""
    kind = getattr(context.get("dag_run"), "run_type", None)
    return str(getattr(kind, "value", kind)) == "asset_triggered"


def task_state(context: Mapping[str, Any]) -> KeyValueState | None:
    """The state that belongs to a task instance and outlives its tries; None outside a task and below Airflow 3.3."""
    return cast("KeyValueState | None", context.get("task_state_store")) if is_task(context) else None


def stored_connection(conn_id: str) -> Connection | None:
    """A connection from the environment, a secrets backend or the metadata database, for a program that is no task; None if there is none.

    Outside of tasks, the SDK's own look-up does not ask the database.
    """
    from airflow.models import Connection as StoredConnection
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    try:
        found = StoredConnection.get_connection_from_secrets(conn_id)  # noqa: AIR311  # the SDK's Connection cannot read the database
    except AirflowNotFoundException:
        return None
    return cast("Connection", found)


def come_again(at: datetime) -> Exception:
    """What a task raises to release its worker slot and be started again later, without using up a retry."""
    return _reschedule()(at)


def comes_again(error: BaseException) -> bool:
    """Whether that is what a task raised, which is no failure."""
    return isinstance(error, _reschedule())


def _reschedule() -> type[Exception]:
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before 3.2
        from airflow.exceptions import AirflowRescheduleException
    return cast("type[Exception]", AirflowRescheduleException)


class StoredState(KeyValueState, Protocol):
    """An asset's state as a program sees it that is no task, with access to Airflow's metadata database.

    A value that is no JSON, which a hand or a bug has left there, is given as the text it is.
    """

    def keys(self) -> list[str]:
        """All keys, in alphabetical order."""

    def items(self) -> dict[str, Any]:
        """All keys with their values, in alphabetical order, by one query."""


class _AssetRows:
    """The state of an asset in the metadata database, Airflow 3.3; read and written as Airflow's own REST API does."""

    def __init__(self, asset: Asset) -> None:
        self._asset = asset

    def _asset_ids(self) -> Any:
        """The query of the asset's id."""
        from airflow.models.asset import AssetModel
        from sqlalchemy import select

        return select(AssetModel.id).where(AssetModel.name == self._asset.name, AssetModel.uri == self._asset.uri)

    def _rows(self, *conditions: Any) -> list[tuple[str, str]]:
        from airflow.models.asset_state_store import AssetStateStoreModel as Row
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(Row.key, Row.value).where(Row.asset_id.in_(self._asset_ids()), *conditions).order_by(Row.key)
            return [(str(key), str(value)) for key, value in session.execute(query)]

    def keys(self) -> list[str]:
        return [key for key, _ in self._rows()]

    def items(self) -> dict[str, Any]:
        return {key: _decoded(value) for key, value in self._rows()}

    def get(self, key: str) -> Any:
        from airflow.models.asset_state_store import AssetStateStoreModel as Row

        found = self._rows(Row.key == key)
        return _decoded(found[0][1]) if found else None

    def set(self, key: str, value: Any) -> None:
        self._change(lambda backend, scope, **kind: backend.set_asset_state_store(scope, key, json.dumps(value), **kind))

    def delete(self, key: str) -> None:
        self._change(lambda backend, scope, **_: backend.delete(scope, key))

    def _change(self, change: Callable[..., None]) -> None:
        from airflow._shared.state import AssetScope, AssetStateStoreWriterKind
        from airflow.state.metastore import MetastoreBackend
        from airflow.utils.session import create_session

        with create_session() as session:
            asset_id = session.scalar(self._asset_ids())
        if asset_id is not None:  # without the asset there is no key to change
            change(MetastoreBackend(), AssetScope(asset_id=asset_id), kind=AssetStateStoreWriterKind.API)


class _VariableRows:
    """The Variables of :class:`VariableState` in the metadata database, Airflow below 3.3."""

    def __init__(self, prefix: str) -> None:
        from airflow.models.variable import Variable as Row  # the SDK's Variable cannot list, nor read the database outside of tasks

        self._start = f"{prefix}/"
        self._row = Row

    def keys(self) -> list[str]:
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            found = session.scalars(select(self._row.key).where(self._row.key.startswith(self._start, autoescape=True)))
            return sorted(str(key).removeprefix(self._start) for key in found)

    def items(self) -> dict[str, Any]:
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            found = session.scalars(select(self._row).where(self._row.key.startswith(self._start, autoescape=True)))
            kept = {str(row.key).removeprefix(self._start): row.get_val() for row in found}  # type: ignore[no-untyped-call]  # Airflow's
        return {key: _decoded(kept[key] or "") for key in sorted(kept)}

    def get(self, key: str) -> Any:
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            found = session.scalar(select(self._row).where(self._row.key == self._start + key))
            return None if found is None else _decoded(found.get_val() or "")

    def set(self, key: str, value: Any) -> None:
        self._replace(key, json.dumps(value))

    def delete(self, key: str) -> None:
        self._replace(key, None)

    def _replace(self, key: str, text: str | None) -> None:
        # Not by the model's own set(): where the SDK has been a task in this process, that goes to a supervisor.
        from airflow.utils.session import create_session
        from sqlalchemy import delete

        with create_session() as session:
            session.execute(delete(self._row).where(self._row.key == self._start + key))
            if text is not None:
                session.add(self._row(key=self._start + key, val=text, description=_DESCRIPTION))  # type: ignore[no-untyped-call]  # Airflow's


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def stored_state(asset: Asset) -> StoredState:
    """The state of an asset for a program that is no task: the one that tasks see by :func:`asset_state`."""
    return _AssetRows(asset) if hasattr(airflow.sdk, "NEVER_EXPIRE") else _VariableRows(asset.name)


def record_metrics(prefix: str, values: Mapping[str, float], tags: Mapping[str, str]) -> None:
    """Send numbers to Airflow's metrics, as gauges ``<prefix>.<name>``; without a metrics backend this does nothing."""
    sink = stats_sink()
    for name, value in values.items():
        sink.gauge(f"{prefix}.{name}", value, tags=dict(tags))


def default_deferrable() -> bool:
    """What the installation says for operators that do not say themselves whether they defer."""
    from airflow.providers.common.compat.sdk import conf

    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


class StatsSink(Protocol):
    """Where metrics go."""

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, Any] | None = None) -> None:
        """Add to a counter."""

    def gauge(self, stat: str, value: float, *, tags: dict[str, Any] | None = None) -> None:
        """Set a gauge."""

    def timing(self, stat: str, dt: timedelta, *, tags: dict[str, Any] | None = None) -> None:
        """Record a duration."""


def stats_sink() -> StatsSink:
    """Airflow's metrics: StatsD, Datadog or OpenTelemetry, as the installation says, or nothing."""
    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:  # Airflow 3.1
        from airflow.stats import Stats
    return cast("StatsSink", Stats)


def hook_lineage() -> Any:
    """What collects lineage in this process; it ignores everything unless a plugin (OpenLineage's, say) reads it."""
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    return get_hook_lineage_collector()  # type: ignore[no-untyped-call]  # Airflow's


class TriggerState(Protocol):
    """What an event trigger is given to remember: small JSON values under text keys."""

    async def aget(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""

    async def aset(self, key: str, value: Any) -> None:
        """Write or replace the value."""


def trigger_state(trigger: object) -> TriggerState | None:
    """The state of the asset that an event trigger watches; None below Airflow 3.3, and outside the triggerer."""
    return cast("TriggerState | None", getattr(trigger, "asset_state_store", None))


if TYPE_CHECKING:
    from airflow.sdk import RetryDecision as RetryDecision  # noqa: PLC0414  # exported from here
    from airflow.sdk import RetryPolicy as RetryPolicy  # noqa: PLC0414  # exported from here
else:
    #: Airflow's since 3.3; below, classes without meaning, so that what builds on them can be imported.
    RetryPolicy = getattr(airflow.sdk, "RetryPolicy", object)
    RetryDecision = getattr(airflow.sdk, "RetryDecision", None)


def has_event_filters() -> bool:
    """Whether tasks can ask for an asset's events since a moment, which is what a webhook's event is read by: from Airflow 3.2 on."""
    from airflow.sdk.execution_time import context

    return hasattr(getattr(context, "InletEventsAccessor", None), "after")


def known_assets(names: Iterable[str]) -> set[str]:
    """Which of these names are assets of the metadata database: those that a DAG mentions. For the API server."""
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        mentioned = (AssetModel.name.in_(list(names)), AssetModel.name == AssetModel.uri, AssetModel.active.has())
        return set(session.scalars(select(AssetModel.name).where(*mentioned)))


def register_asset_events(events: list[tuple[str, dict[str, object]]]) -> int:
    """Write events of assets and queue the DAGs that wait for them, in one transaction, as Airflow's REST API does. For the API server.

    :param events: name, which is the URI too, and extra, a JSON object.
    :returns: how many were written; an asset that does not exist is ignored.
    """
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    written = 0
    with create_session(scoped=False) as session:
        names = {name for name, _ in events}
        found = session.scalars(select(AssetModel).where(AssetModel.name.in_(names), AssetModel.name == AssetModel.uri))
        models = {model.name: model for model in found}
        for name, extra in events:
            if name in models:
                # As an event of the REST API, not of a task: where teams are distinguished, only DAGs without a team get it.
                asset_manager.register_asset_change(
                    asset=models[name], extra=extra, session=session, source_is_api=True, api_user_teams=set()
                )
                written += 1
    return written
