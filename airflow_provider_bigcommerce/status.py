"""Where every copy stands: what the last run of each connection and resource brought, how old it is, and whether it was proved.

One function for the command line and for a page in Airflow's UI. Reads what tasks left in Airflow's metadata database (XComs by two
keys); sends nothing to BigCommerce, and opens no copy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow_provider_bigcommerce.core.windows import read_moment
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY, STATUS_KEY

#: Runs this new are all looked at: one task may copy another store in each run, where its connection is a template. Of older ones the
#: last run of each task is enough.
RECENT: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Left:
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
class Proof:
    """What a comparison with the store found.

    :param at: when, ISO-8601.
    :param equal: whether the copy was the store, after repairs.
    :param differences: rows that differ.
    """

    at: str
    equal: bool
    differences: int


@dataclass(frozen=True, slots=True)
class Failure:
    """The last try that failed, where none has ended well since.

    :param at: when, ISO-8601.
    :param error: its type and reason.
    """

    at: str
    error: str


@dataclass(frozen=True, slots=True)
class CopyStatus:
    """One resource of one store in one place.

    :param conn_id: connection of the store.
    :param resource: catalog name or path.
    :param destination: where the rows are, without credentials; empty where no run has ended well.
    :param store_hash: the store.
    :param last_success: when the last run that ended well committed, ISO-8601; None where none has.
    :param mode: of that run.
    :param rows: that it brought.
    :param requests: that it sent.
    :param waited: seconds in which its requests waited for the quota.
    :param watermark: how far the copy has come, ISO-8601: what the store changed before is there. Of a run without one, when it began.
    :param lag_seconds: since then; None where no run has ended well, and for a backfill, which follows nothing.
    :param quota: requests a window that the store granted, None where unknown or unlimited.
    :param quota_left: of these, after the run.
    :param complete: whether the numbers of that run agreed.
    :param proof: the last one, or None.
    :param failure: or None.
    :param dag_id: the DAG that copies.
    :param task_id: its task.
    """

    conn_id: str
    resource: str
    destination: str
    store_hash: str = ""
    last_success: str | None = None
    mode: str = ""
    rows: int | None = None
    requests: int | None = None
    waited: float | None = None
    watermark: str | None = None
    lag_seconds: float | None = None
    quota: int | None = None
    quota_left: int | None = None
    complete: bool | None = None
    proof: Proof | None = None
    failure: Failure | None = None
    dag_id: str = ""
    task_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return asdict(self)

    def is_late(self, most: timedelta) -> bool:
        """Whether the copy lags more than that; one that never ended well does."""
        if self.last_success is None:
            return True
        return self.lag_seconds is not None and self.lag_seconds > most.total_seconds()


def status(*, conn_id: str | None = None, resource: str | None = None, now: datetime | None = None) -> list[CopyStatus]:
    """Where every copy stands, by connection, resource and destination.

    :param conn_id: only this connection.
    :param resource: only this resource, by its catalog name or path.
    :param now: the clock; the present if not given.
    :raises sqlalchemy.exc.SQLAlchemyError: the metadata database cannot be read.
    """
    moment = now or datetime.now(UTC)
    found = standing(_left(moment - RECENT), moment)
    return [each for each in found if conn_id in (None, each.conn_id) and resource in (None, each.resource)]


def standing(left: Iterable[Left], now: datetime) -> list[CopyStatus]:
    """The same, of what tasks left; a value that is none of ours is passed by."""
    copies: dict[tuple[str, str, str], Left] = {}
    proofs: dict[tuple[str, str, str], Left] = {}
    failures: dict[tuple[str, str], Left] = {}
    for each in sorted(left, key=lambda each: each.at):  # a later one takes the place of an earlier one
        conn_id, resource = each.value.get("conn_id"), each.value.get("resource")
        if not isinstance(conn_id, str) or not isinstance(resource, str):
            continue
        if each.key == ERROR_KEY:
            failures[conn_id, resource] = each
            continue
        places = proofs if each.value.get("kind") == "proof" else copies
        places[conn_id, resource, str(each.value.get("destination") or "")] = each
    never = failures.keys() - {(conn_id, resource) for conn_id, resource, _ in copies}
    found = [_of(key, copy, proofs, failures, now) for key, copy in copies.items()]
    found += [
        CopyStatus(*key, "", failure=_failure(failures[key]), dag_id=failures[key].dag_id, task_id=failures[key].task_id) for key in never
    ]
    return sorted(found, key=lambda each: (each.conn_id, each.resource, each.destination))


def _of(
    key: tuple[str, str, str],
    copy: Left,
    proofs: Mapping[tuple[str, str, str], Left],
    failures: Mapping[tuple[str, str], Left],
    now: datetime,
) -> CopyStatus:
    value = copy.value
    proof, failure = proofs.get(key), failures.get(key[:2])
    # A failure of another task that copies the same resource elsewhere says nothing of this copy.
    is_failing = failure is not None and failure.at > copy.at and (failure.dag_id, failure.task_id) == (copy.dag_id, copy.task_id)
    reached = _text(value, "watermark") or _text(value, "started_at")
    moment = read_moment(reached) if reached else None
    follows = moment is not None and value.get("mode") != "backfill"
    return CopyStatus(
        *key,
        store_hash=_text(value, "store_hash") or "",
        last_success=_text(value, "finished_at") or _written(copy.at),
        mode=_text(value, "mode") or "",
        rows=_whole(value, "rows"),
        requests=_whole(value, "requests"),
        waited=float(value["waited"]) if isinstance(value.get("waited"), (int, float)) else None,
        watermark=reached,
        lag_seconds=max(0.0, (now - moment).total_seconds()) if follows and moment is not None else None,
        quota=_whole(value, "quota"),
        quota_left=_whole(value, "quota_left"),
        complete=value["complete"] if isinstance(value.get("complete"), bool) else None,
        proof=_proof(proof) if proof is not None else None,
        failure=_failure(failure) if failure is not None and is_failing else None,
        dag_id=copy.dag_id,
        task_id=copy.task_id,
    )


def _proof(left: Left) -> Proof:
    return Proof(_written(left.at), bool(left.value.get("equal")), _whole(left.value, "differences") or 0)


def _failure(left: Left) -> Failure:
    return Failure(_written(left.at), _text(left.value, "error") or "no reason is known")


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) and found else None


def _whole(value: Mapping[str, Any], name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _left(since: datetime) -> list[Left]:
    """What tasks left in XCom: all of what is newer than that, and of each task the last.

    XCom has an index on its keys, so that other tasks' XComs cost nothing, however many there are.
    """
    from airflow.models.xcom import XComModel as Row
    from airflow.utils.session import create_session
    from sqlalchemy import and_, func, or_, select

    keys = (STATUS_KEY, ERROR_KEY)
    last = (
        select(Row.dag_id, Row.task_id, Row.map_index, Row.key, func.max(Row.timestamp).label("at"))
        .where(Row.key.in_(keys))
        .group_by(Row.dag_id, Row.task_id, Row.map_index, Row.key)
        .subquery()
    )
    is_last = and_(Row.dag_id == last.c.dag_id, Row.task_id == last.c.task_id, Row.map_index == last.c.map_index, Row.key == last.c.key)
    columns = (Row.key, Row.dag_id, Row.task_id, Row.run_id, Row.timestamp, Row.value)
    query = select(*columns).join(last, is_last).where(Row.key.in_(keys), or_(Row.timestamp == last.c.at, Row.timestamp >= since))
    with create_session() as session:
        rows = session.execute(query).all()
    found = []
    for key, dag_id, task_id, run_id, at, kept in rows:
        value = _decoded(kept)
        if isinstance(value, Mapping):
            found.append(Left(key, dag_id, task_id, run_id, at if at.tzinfo else at.replace(tzinfo=UTC), value))
    return found


def _decoded(kept: Any) -> Any:
    """An XCom's value: JSON, or JSON as text; what a backend of its own keeps elsewhere is none."""
    if not isinstance(kept, str):
        return kept
    try:
        return json.loads(kept)
    except ValueError:
        return None
