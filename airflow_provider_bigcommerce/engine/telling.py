"""What a task that commits data tells the rest of Airflow: asset events, lineage; of a transfer, metrics and its error to the summary too.

Decides names and when something is said; moves no row and reads only what the transfer learnt. Everything here follows
the commit, so nothing here decides what is data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.assets import asset_of, data_alias, uri_of
from airflow_provider_bigcommerce.compat import hook_lineage, is_task, stats_sink
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.windows import moment
from airflow_provider_bigcommerce.engine.progress import duration
from airflow_provider_bigcommerce.exceptions import BigCommerceError

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAlias, BaseOperator, Connection

    from airflow_provider_bigcommerce.client.settings import ReadStats
    from airflow_provider_bigcommerce.engine.manifest import Manifest

#: Requests a window from which on a quota is none: stores without one tell the highest number that they have.
_UNLIMITED: Final = 2**31 - 1

#: XCom of a task that failed: ``conn_id``, ``resource`` and ``error``, its type and text: neither a secret nor a customer's data.
ERROR_KEY: Final = "bigcommerce_error"


#: XCom of a run that committed, and of a proof: what ``airflow_provider_bigcommerce.status`` shows of it. A key of its own, because XComs
#: are found by their key.
STATUS_KEY: Final = "bigcommerce_status"


#: Fields of a run's drift that the status shows, by name and type; of more, the number.
MOST_DRIFT: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows were written, as lineage names it.

    :param uri: an asset URI without credentials.
    :param namespace: OpenLineage's.
    :param name: OpenLineage's, within the namespace.
    """

    uri: str
    namespace: str
    name: str


def files_at(url: str) -> Place:
    """A directory or a prefix of an object store; a connection id in the URL (``s3://aws_default@bucket``) is left out."""
    parts = urlsplit(url if "://" in url else f"file://{url}")
    bucket = parts.netloc.rpartition("@")[2]
    if not bucket:
        return Place(f"file://{parts.path}", "file", parts.path)
    return Place(f"{parts.scheme}://{bucket}{parts.path}", f"{parts.scheme}://{bucket}", parts.path.strip("/"))


#: As OpenLineage names these databases where a connection names no port.
_PORTS = {"postgres": 5432, "mysql": 3306, "mssql": 1433, "oracle": 1521}


def table_at(connection: Connection, schema: str, table: str) -> Place:
    """A table of the database that a connection points to."""
    kind, host = connection.conn_type or "", connection.host or ""
    if kind == "sqlite":  # its host is a file
        return Place(f"sqlite://{host}/{schema}/{table}", "sqlite", f"{host}.{schema}.{table}")
    port = connection.port or _PORTS.get(kind)
    authority = f"{kind}://{host or 'localhost'}" + (f":{port}" if port else "")
    if kind == "mysql":  # its schemas are its databases
        names: tuple[str, ...] = (schema, table)
    else:
        names = (connection.schema or connection.login or kind, schema, table)  # without a database's name, PostgreSQL takes the user's
    return Place("/".join((authority, *names)), authority, ".".join(names))


@dataclass(slots=True)
class Learnt:
    """What a try has learnt so far; of one that fails, this is all there is to tell.

    :param store_hash: the store.
    :param place: where rows go.
    :param watermark: how far earlier runs came.
    :param stats: the client's counts, which grow while it reads.
    """

    store_hash: str = ""
    place: Place | None = None
    watermark: datetime | None = None
    stats: ReadStats | None = None


def copied(manifest: Manifest, into: str) -> str:
    """A run in one line: what came, what it cost, and where the next run continues.

    :param into: what took the rows, ``2 files``.
    """
    came = [f"{manifest.rows:,} rows into {into}"]
    if manifest.duplicates_dropped:
        came.append(f"{manifest.duplicates_dropped:,} more were read that are there already")
    if manifest.deleted:
        came.append(f"{manifest.deleted:,} are no longer in the store")
    cost = [f"{manifest.requests} requests in {manifest.seconds:.1f} s, {manifest.throttled} of them answered 429"]
    if manifest.waited >= 1:
        cost.append(f"{duration(manifest.waited)} of it waiting for the quota or to repeat a request")
    further = f" The next run continues at {manifest.watermark}." if manifest.watermark else ""
    return f"Copied {manifest.resource}: {', '.join(came)}; {', '.join(cost)}.{further}"


def with_outlet(kwargs: dict[str, Any], own: Asset | AssetAlias) -> dict[str, Any]:
    """A task's arguments with this outlet among those it was given."""
    outlets = kwargs.get("outlets") or []
    given = list(outlets) if isinstance(outlets, (list, tuple)) else [outlets]  # an asset is one, as for Airflow
    return {**kwargs, "outlets": given if _is_among(own, given) else [*given, own]}


def _is_among(own: Asset | AssetAlias, others: Iterable[Any]) -> bool:
    """Whether it is there by its name, as Airflow tells assets apart: a person may have made it without our group."""
    return any(isinstance(each, type(own)) and each.name == own.name for each in others)


def announce(
    operator: BaseOperator, context: Mapping[str, Any], manifest: Mapping[str, Any], conn_id: str, place: Place | None, *, emit_empty: bool
) -> None:
    """The asset event of a run's data; consumers find counts and window in its ``extra``, never a row. Outside a task there is none.

    :param operator: whose outlets say whether the event is the asset's own or goes through the alias.
    :param conn_id: connection id of the store.
    :param place: where the rows are.
    :param emit_empty: whether a run that brought no row has one too.
    """
    if not is_task(context) or "outlet_events" not in context:
        return
    asset = asset_of(conn_id, manifest["resource"])
    extra = {name: manifest[name] for name in ("resource", "store_hash", "mode", "rows", "window", "finished_at", "complete")}
    extra["run_id"] = context["ti"].run_id
    extra["to"] = place.uri if place is not None else None
    if _is_among(asset, operator.outlets):
        context["outlet_events"][asset].extra = extra
    elif manifest["rows"] or emit_empty:
        context["outlet_events"][data_alias()].add(asset, extra=extra)
    else:
        operator.log.info("Nothing came, so there is no event of the asset %s (emit_empty=False).", asset.uri)


def leave_status(
    context: Mapping[str, Any], manifest: Mapping[str, Any], conn_id: str, place: Place | None, stats: ReadStats | None
) -> None:
    """Leave what the status shows of a run that committed; outside of a task there is nothing to leave.

    :param stats: the client's counts, for the quota.
    """
    if not is_task(context):
        return
    names = ("resource", "store_hash", "mode", "rows", "requests", "watermark", "started_at", "finished_at", "complete")
    quota = {"quota": stats.quota, "quota_left": stats.quota_left} if stats is not None and (stats.quota or 0) < _UNLIMITED else {}
    told = {name: manifest[name] for name in names} | {"waited": manifest.get("waited"), **quota}
    drift = [[each["path"], each["kind"], each["seen_type"]] for each in manifest.get("drift") or ()]
    if drift:  # all of it is in the manifest
        told |= {"drift": drift[:MOST_DRIFT], "drift_count": len(drift)}
    where = {"kind": "copy", "conn_id": conn_id, "destination": place.uri if place is not None else ""}
    context["ti"].xcom_push(key=STATUS_KEY, value=where | told)


def trace(operator: BaseOperator, conn_id: str, resource: str, place: Place | None) -> None:
    """Hook lineage, for whatever collects it; nothing happens where nothing does."""
    collector = hook_lineage()
    collector.add_input_asset(context=operator, uri=uri_of(conn_id, resource))
    if place is not None:
        collector.add_output_asset(context=operator, uri=place.uri)


def openlineage(store_hash: str, resource: str, place: Place | None) -> Any:
    """``OperatorLineage`` of what is known: the store's resource in, files or table out."""
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    inputs = [Dataset(namespace=f"bigcommerce://{store_hash}", name=resource)] if store_hash else []
    outputs = [Dataset(namespace=place.namespace, name=place.name)] if place is not None else []
    return OperatorLineage(inputs=inputs, outputs=outputs)


def name_of(resource: str) -> str:
    """The catalog's name, or, of what is in no catalog, what was asked for."""
    try:
        return resource_of(resource).name
    except BigCommerceError:
        return resource


def measure(tags: dict[str, str], learnt: Learnt, manifest: Mapping[str, Any] | None) -> None:
    """Metrics through Airflow's own sink (docs/how-to/monitor.md lists them).

    :param tags: ``conn_id`` and ``resource``.
    :param manifest: None for a try that failed.
    """
    sink = stats_sink()
    if manifest is not None:
        sink.incr("bigcommerce.rows", manifest["rows"], tags=tags)
        sink.timing("bigcommerce.duration", timedelta(seconds=manifest["seconds"]), tags=tags)
    else:
        sink.incr("bigcommerce.failures", tags=tags)
    if learnt.stats is not None:
        sink.incr("bigcommerce.requests", learnt.stats.requests, tags=tags)
        sink.incr("bigcommerce.throttled", learnt.stats.throttled, tags=tags)
        sink.incr("bigcommerce.retries", learnt.stats.retries, tags=tags)
        sink.timing("bigcommerce.waited", timedelta(seconds=learnt.stats.waited_seconds), tags=tags)
    reached = moment(manifest["watermark"], "watermark") if manifest is not None else None
    reached = reached or learnt.watermark
    if reached is not None:
        sink.gauge("bigcommerce.watermark_lag", max(0.0, (datetime.now(UTC) - reached).total_seconds()), tags=tags)
