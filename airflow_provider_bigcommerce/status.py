"""Where every copy stands: what the last run of each connection and resource brought, how old it is, what the store has told since, and
whether it was proved; and how the webhooks of each connection are.

One function for the command line and for a page in Airflow's UI. Reads what tasks left in Airflow's metadata database; sends nothing to
BigCommerce, and opens no copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow_provider_bigcommerce.core.live import sources_of
from airflow_provider_bigcommerce.core.windows import read_moment
from airflow_provider_bigcommerce.engine.telling import ERROR_KEY
from airflow_provider_bigcommerce.engine.webhook_health import Health, Problem
from airflow_provider_bigcommerce.engine.webhook_health import kept as _webhooks
from airflow_provider_bigcommerce.metadata_database import StoredEvent, TaskRecord, stored_events, task_records

#: Runs this new are looked at: one task may copy another store in each run, where its connection is a template. Of older ones the last run
#: of each task is enough.
RECENT: Final = timedelta(days=2)
#: Events this new are counted.
DAY: Final = timedelta(days=1)


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
class LastEvent:
    """The last event that told of changes in the store, by a webhook, a poll or a queue.

    :param conn_id: connection of the store.
    :param resource: catalog name or path that it named.
    :param at: when Airflow stored it, ISO-8601.
    :param via: who told, ``webhook``, ``poll`` or ``queue``; empty where the event does not say.
    :param rows: rows that it named; None where it does not say.
    :param events: events of the resource within a day, this one among them; one may stand for many webhooks.
    """

    conn_id: str
    resource: str
    at: str
    via: str
    rows: int | None
    events: int


@dataclass(frozen=True, slots=True)
class SeenField:
    """A field of which the store sent something else than the schema knows.

    :param path: its name, ``variants[].new_name`` for one inside a list.
    :param kind: ``new_field``, ``changed_type`` or ``repeated_field``.
    :param seen_type: type of what came; never a value.
    :param at: when a run saw it last, ISO-8601.
    """

    path: str
    kind: str
    seen_type: str
    at: str


@dataclass(frozen=True, slots=True)
class WebhooksStatus:
    """How the webhooks of a connection were when the task that makes them last looked.

    :param conn_id: the connection.
    :param store_hash: its store.
    :param destination: where they go.
    :param checked_at: when a run last ended well, ISO-8601; None where none has.
    :param active: webhooks of ours that deliver; None where no run has ended well.
    :param off: what is off, why, and since when.
    :param mended: what was off until a run mended it; of the last run that did.
    :param failure: why the last run failed, and since when they fail; None where it ended well.
    :param dag_id: the DAG that looks.
    :param task_id: its task.
    """

    conn_id: str
    store_hash: str = ""
    destination: str = ""
    checked_at: str | None = None
    active: int | None = None
    off: tuple[Problem, ...] = ()
    mended: tuple[Problem, ...] = ()
    failure: Failure | None = None
    dag_id: str = ""
    task_id: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is known to be off."""
        return self.failure is None and not self.off

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        shown = ("what", "why", "since", "mended_at")
        lists = {name: [{part: getattr(each, part) for part in shown} for each in getattr(self, name)] for name in ("off", "mended")}
        return {**asdict(replace(self, off=(), mended=())), **lists}


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
    :param last_event: the last event that told of changes of the resource, or, where that is all that tells, of its parent; or None.
    :param drift: fields of which recent runs saw something else than the schema knows, at most 20 a run.
    :param drift_count: how many the last run that saw any saw; more than are named in ``drift`` where there are many.
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
    last_event: LastEvent | None = None
    drift: tuple[SeenField, ...] = ()
    drift_count: int = 0
    dag_id: str = ""
    task_id: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return {**asdict(self), "drift": [asdict(each) for each in self.drift]}

    def is_late(self, most: timedelta) -> bool:
        """Whether the copy lags more than that; one that never ended well does."""
        if self.last_success is None:
            return True
        return self.lag_seconds is not None and self.lag_seconds > most.total_seconds()


@dataclass(frozen=True, slots=True)
class Status:
    """All that is known.

    :param copies: by connection, resource and destination.
    :param webhooks: by connection; none where no task makes webhooks.
    :param events: the last events of resources of which no copy is known.
    """

    copies: tuple[CopyStatus, ...] = ()
    webhooks: tuple[WebhooksStatus, ...] = ()
    events: tuple[LastEvent, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.copies or self.webhooks or self.events)

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return {
            "copies": [each.as_json() for each in self.copies],
            "webhooks": [each.as_json() for each in self.webhooks],
            "events": [asdict(each) for each in self.events],
        }


def status(*, conn_id: str | None = None, resource: str | None = None, now: datetime | None = None) -> Status:
    """Where every copy stands, and how webhooks are. Four queries of the metadata database, however many copies there are.

    :param conn_id: only this connection.
    :param resource: only copies and events of this resource, by its catalog name or path.
    :param now: the clock; the present if not given.
    :raises sqlalchemy.exc.SQLAlchemyError: the metadata database cannot be read.
    """
    moment = now or datetime.now(UTC)
    told = stored_events(moment - DAY)
    copies = standing(task_records(moment - RECENT), moment, told)
    webhooks = [_of_webhooks(each, health) for each, health in sorted(_webhooks().items())]
    return Status(
        tuple(each for each in copies if conn_id in (None, each.conn_id) and resource in (None, each.resource)),
        tuple(each for each in webhooks if conn_id in (None, each.conn_id)),
        tuple(each for each in _elsewhere(told, copies) if conn_id in (None, each.conn_id) and resource in (None, each.resource)),
    )


def standing(left: Iterable[TaskRecord], now: datetime, told: Iterable[StoredEvent] = ()) -> list[CopyStatus]:
    """Where every copy stands, of what tasks left; a value that is none of ours is passed by.

    :param told: the last events of resources.
    """
    drifts: dict[tuple[str, str, str], _Drift] = {}
    events = {(each.conn_id, each.resource): each for each in told}
    copies: dict[tuple[str, str, str], TaskRecord] = {}
    proofs: dict[tuple[str, str, str], TaskRecord] = {}
    failures: dict[tuple[str, str], TaskRecord] = {}
    for each in sorted(left, key=lambda each: each.at):  # a later one takes the place of an earlier one
        conn_id, resource = each.value.get("conn_id"), each.value.get("resource")
        if not isinstance(conn_id, str) or not isinstance(resource, str):
            continue
        if each.key == ERROR_KEY:
            failures[conn_id, resource] = each
            continue
        key = (conn_id, resource, str(each.value.get("destination") or ""))
        if each.value.get("kind") == "proof":
            proofs[key] = each
        else:
            copies[key] = each
            drifts.setdefault(key, _Drift()).note(each)
    never = failures.keys() - {(conn_id, resource) for conn_id, resource, _ in copies}
    found = [_of(key, copy, proofs, failures, now) for key, copy in copies.items()]
    found += [
        CopyStatus(*key, "", failure=_failure(failures[key]), dag_id=failures[key].dag_id, task_id=failures[key].task_id) for key in never
    ]
    told_of = [
        replace(each, last_event=_last(each, events), drift=drift.fields(), drift_count=drift.count)
        for each in found
        for drift in (drifts.get((each.conn_id, each.resource, each.destination), _Drift()),)
    ]
    return sorted(told_of, key=lambda each: (each.conn_id, each.resource, each.destination))


class _Drift:
    """What the runs of a copy saw in addition to the schema, in the order of the runs."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], SeenField] = {}
        self.count = 0

    def note(self, run: TaskRecord) -> None:
        rows = run.value.get("drift")
        if run.value.get("mode") == "full":  # it has seen every row
            self._seen, self.count = {}, 0
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, list) and len(row) == 3 and all(isinstance(part, str) for part in row):
                path, kind, seen_type = row
                self._seen[path, kind] = SeenField(path, kind, seen_type, _written(run.at))
        if rows:
            self.count = max(_whole(run.value, "drift_count") or 0, len(self._seen))

    def fields(self) -> tuple[SeenField, ...]:
        return tuple(self._seen[key] for key in sorted(self._seen))


def _last(copy: CopyStatus, events: Mapping[tuple[str, str], StoredEvent]) -> LastEvent | None:
    """The last event of what tells of a copy's resource."""
    sources = sources_of(copy.resource) or (copy.resource,)
    found = [events[copy.conn_id, name] for name in sources if (copy.conn_id, name) in events]
    return _event(max(found, key=lambda each: each.at)) if found else None


def _elsewhere(told: Iterable[StoredEvent], copies: Iterable[CopyStatus]) -> list[LastEvent]:
    """The events of resources that no copy shows."""
    shown = {(each.conn_id, name) for each in copies for name in sources_of(each.resource) or (each.resource,)}
    return [
        _event(each) for each in sorted(told, key=lambda each: (each.conn_id, each.resource)) if (each.conn_id, each.resource) not in shown
    ]


def _event(told: StoredEvent) -> LastEvent:
    return LastEvent(told.conn_id, told.resource, _written(told.at), told.via, told.rows, told.events)


def _of_webhooks(conn_id: str, health: Health | None) -> WebhooksStatus:
    if health is None:
        return WebhooksStatus(
            conn_id, failure=Failure("", "what was kept of them cannot be read; the next run of the task that makes them mends it")
        )
    return WebhooksStatus(
        conn_id,
        health.store_hash,
        health.destination,
        health.checked_at or None,
        health.active if health.checked_at else None,
        health.off,
        health.mended,
        Failure(health.failing_since, health.error) if health.error else None,
        health.dag_id,
        health.task_id,
    )


def _of(
    key: tuple[str, str, str],
    copy: TaskRecord,
    proofs: Mapping[tuple[str, str, str], TaskRecord],
    failures: Mapping[tuple[str, str], TaskRecord],
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


def _proof(left: TaskRecord) -> Proof:
    return Proof(_written(left.at), bool(left.value.get("equal")), _whole(left.value, "differences") or 0)


def _failure(left: TaskRecord) -> Failure:
    return Failure(_written(left.at), _text(left.value, "error") or "no reason is known")


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) and found else None


def _whole(value: Mapping[str, Any], name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
