"""What tasks, receivers and triggers have left in Airflow's metadata database: XComs by two keys, and events of the assets of changes.

Reads by a fixed number of queries, however many copies there are; decides nothing, and asks no store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from airflow_provider_bigcommerce.engine.telling import ERROR_KEY, STATUS_KEY

#: XComs of recent runs that are read, the newest first, in addition to the last of each task.
MOST_RECENT: Final = 5_000

_SCHEME, _CHANGES = "bigcommerce://", "/changes/"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What a task left.

    :param key: ``bigcommerce_status`` of a run that committed, or of a proof; ``bigcommerce_error`` of one that failed.
    :param at: when, UTC.
    :param value: the XCom.
    """

    key: str
    dag_id: str
    task_id: str
    run_id: str
    at: datetime
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """The last event that told of changes of a resource.

    :param conn_id: connection of the store.
    :param resource: catalog name or path.
    :param at: when Airflow stored it, UTC.
    :param via: who told: ``webhook``, ``poll``, ``queue``; empty where the event does not say.
    :param rows: rows that it named; None where it does not say.
    :param events: events of the resource since the moment that was asked for.
    """

    conn_id: str
    resource: str
    at: datetime
    via: str = ""
    rows: int | None = None
    events: int = 0


def task_records(since: datetime) -> list[TaskRecord]:
    """What tasks left in XCom: of each task the last, and the newest of what is newer than ``since``. Two queries.

    XCom has an index on its keys, so that other tasks' XComs cost nothing, however many there are.

    :raises sqlalchemy.exc.SQLAlchemyError: the metadata database cannot be read.
    """
    from airflow.models.xcom import XComModel as Row
    from airflow.utils.session import create_session
    from sqlalchemy import and_, func, select

    keys = Row.key.in_((STATUS_KEY, ERROR_KEY))
    last = (
        select(Row.dag_id, Row.task_id, Row.map_index, Row.key, func.max(Row.timestamp).label("at"))
        .where(keys)
        .group_by(Row.dag_id, Row.task_id, Row.map_index, Row.key)
        .subquery()
    )
    of_task = and_(Row.dag_id == last.c.dag_id, Row.task_id == last.c.task_id, Row.map_index == last.c.map_index, Row.key == last.c.key)
    is_last = and_(of_task, Row.timestamp == last.c.at)
    columns = (Row.key, Row.dag_id, Row.task_id, Row.run_id, Row.timestamp, Row.value)
    with create_session() as session:
        recent = select(*columns).where(keys, Row.timestamp >= since).order_by(Row.timestamp.desc()).limit(MOST_RECENT)
        rows = [*session.execute(select(*columns).join(last, is_last).where(keys)), *session.execute(recent)]
    found = []
    for key, dag_id, task_id, run_id, at, kept in rows:  # one that both queries have stands for itself twice
        value = _decoded(kept)
        if isinstance(value, Mapping):
            found.append(TaskRecord(key, dag_id, task_id, run_id, _utc(at), value))
    return found


def stored_events(since: datetime) -> list[StoredEvent]:
    """The last event of each asset ``bigcommerce://<connection id>/changes/<resource>``, and how many came since then. One query.

    :raises sqlalchemy.exc.SQLAlchemyError: the metadata database cannot be read.
    """
    from airflow.models.asset import AssetEvent as Row
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import and_, func, select

    of_asset = Row.asset_id == AssetModel.id  # by the index on asset and timestamp, one look for each asset
    latest = select(func.max(Row.timestamp)).where(of_asset).correlate(AssetModel).scalar_subquery()
    count = select(func.count(Row.id)).where(of_asset, Row.timestamp >= since).correlate(AssetModel).scalar_subquery()
    last = (
        select(AssetModel.id, AssetModel.name, latest.label("at"), count.label("events"))
        .where(AssetModel.name.like(f"{_SCHEME}%{_CHANGES}%"))
        .subquery()
    )
    query = select(last.c.name, last.c.events, Row.timestamp, Row.extra).join(
        last, and_(Row.asset_id == last.c.id, Row.timestamp == last.c.at)
    )
    with create_session() as session:
        rows = session.execute(query.order_by(Row.id)).all()
    found: dict[str, StoredEvent] = {}
    for name, events, at, extra in rows:  # of several at one instant, the one that was written last
        conn_id, _, resource = name.removeprefix(_SCHEME).partition(_CHANGES)
        payload = extra.get("payload") if isinstance(extra, Mapping) else None
        told = payload if isinstance(payload, Mapping) else {}
        named, via, rows_named = told.get("resource"), told.get("via"), told.get("count")
        found[name] = StoredEvent(
            conn_id,
            named if isinstance(named, str) and named else resource,  # the URI has a path's name as a directory's
            _utc(at),
            via if isinstance(via, str) else "",
            rows_named if isinstance(rows_named, int) and not isinstance(rows_named, bool) else None,
            events,
        )
    return list(found.values())


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _decoded(kept: Any) -> Any:
    """An XCom's value: JSON, or JSON as text; what a backend of its own keeps elsewhere is none."""
    if not isinstance(kept, str):
        return kept
    try:
        return json.loads(kept)
    except ValueError:
        return None
