"""What a DAG does with asset events: it is scheduled on the changes of a store, and reads events by a cursor, so that none is missed.

An event may only wake a run. Airflow (up to 3.3) gives a run the events that had come when it was queued; what comes meanwhile waits for
the next event. ``inlet_events`` has all of them: :func:`new_events` reads there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_bigcommerce.assets import changes_asset, changes_uri
from airflow_provider_bigcommerce.compat import KeyValueState, inlet_events, inlet_state, is_task, require_event_filters
from airflow_provider_bigcommerce.core.arguments import optional, seconds, text
from airflow_provider_bigcommerce.core.event_cursor import EventCursor, first_moment, merged, moved, read_cursor
from airflow_provider_bigcommerce.core.live import is_told_by_parent, sources_of
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetAny

    from airflow_provider_bigcommerce.core.catalog.names import ResourceName

log = logging.getLogger(__name__)

#: Events that one question to Airflow's API brings; each costs it 3 to 5 ms.
PAGE: Final = 200


class AssetEvent(Protocol):
    """An event, as Airflow gives it to a task."""

    id: int
    timestamp: datetime
    extra: dict[str, Any] | None


def changes(*resources: ResourceName | str, conn_id: str = "bigcommerce_default", poll: float | None = None) -> Asset | AssetAny:
    """The assets whose events report changes in the store, for ``schedule=``: one, or any of several.

    ::

        with DAG("on_products", schedule=changes("products", "orders")): ...

    Webhooks, polls and queues all tell through these assets, ``bigcommerce://<conn_id>/changes/<resource>``. See
    docs/how-to/live-copy.md.

    :param resources: catalog names, such as ``products``. Of lists of which only their parents' events tell, such as ``order_products``,
        the parents' asset is among them.
    :param conn_id: connection id of the store.
    :param poll: seconds between two polls by Airflow's triggerer, for stores whose webhooks do not reach Airflow: one light request a
        resource. It finds what was changed or added, by change date, and no deletes. None for no polls. All DAGs that name one of these
        assets must give the same ``poll``: Airflow takes the trigger of an asset from the DAG that it parsed last.
    :returns: the asset of one resource; of several, ``A | B``.
    :raises InvalidQueryError: nothing reports changes of a resource, or it cannot be polled.
    """
    from airflow.sdk import AssetAny

    text("bigcommerce_default")("conn_id", conn_id)
    poll = optional(seconds(is_open=True))("poll", poll)
    rows = [resource_of(name) for name in resources]
    if not rows:
        raise InvalidQueryError("changes() names no resource. Give at least one: changes('products', 'orders').")
    names = [row.name for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidQueryError(f"changes() has {', '.join(map(repr, twice))} twice. Name each resource once, by one of its names.")
    silent = [row.name for row in rows if not sources_of(row.name)]
    if silent and poll is None:
        raise InvalidQueryError(
            f"BigCommerce has no webhook for {', '.join(map(repr, silent))}, so nothing would report changes. Copy it on a schedule, or "
            "give poll=60.0 where the list has a change date."
        )
    sources = list(dict.fromkeys(source for name in names for source in sources_of(name) or (name,)))
    found = [changes_asset(conn_id, name) if poll is None or is_told_by_parent(name) else _polled(conn_id, name, poll) for name in sources]
    return found[0] if len(found) == 1 else AssetAny(*found)


def _polled(conn_id: str, resource: str, poll: float) -> Asset:
    """The asset with a trigger of its own: one that several assets share cannot keep its cursor."""
    from airflow.sdk import Asset, AssetWatcher

    from airflow_provider_bigcommerce.triggers.changes import BigCommerceChangesTrigger

    uri = changes_uri(conn_id, resource)
    trigger = BigCommerceChangesTrigger(resource, bigcommerce_conn_id=conn_id, poll_interval=poll)
    return Asset(name=uri, uri=uri, watchers=[AssetWatcher(name="bigcommerce_poll", trigger=trigger)])


@contextmanager
def new_events(
    context: Mapping[str, Any], asset: Asset, key: str, *, clock: Callable[[], datetime] | None = None
) -> Iterator[Sequence[AssetEvent]]:
    """The events of an asset that no block with this key has had yet, oldest first; each at least once.

    ::

        ORDERS = Asset("bigcommerce://bigcommerce_default/orders")

        @task(inlets=[ORDERS])
        def report(**context):
            with new_events(context, ORDERS, key="report") as events:
                rows = sum(event.extra["rows"] for event in events)

    How far it came is kept in the asset's state under ``events/<key>``, when the block ends without an exception: a block that fails, or
    whose worker is killed, has the same events again, and two runs at once have them both. Without a usable cursor, the first time for
    example, it begins a day back, or with the event that started the run if that is older. Events that Airflow has deleted
    (``airflow db clean``) are not told.

    :param context: the task's.
    :param asset: an inlet of the task.
    :param key: name of this reader; readers with different keys have all events, each for itself.
    :param clock: the worker's time, for tests.
    :raises InvalidQueryError: the asset is no inlet of the task, there is no task, or Airflow is older than 3.2.
    """
    require_event_filters("new_events")
    text("report")("key", key)
    uri = getattr(asset, "uri", None)
    if not isinstance(uri, str):
        raise InvalidQueryError(f"new_events reads one Asset's events, and asset is {type(asset).__name__}. Give the asset itself.")
    if not is_task(context):
        raise InvalidQueryError("new_events works in a task alone, since Airflow gives events to tasks. Give it the task's context.")
    inlet, state = _inlet(context, asset, uri)
    name, now = f"events/{key}", datetime.now(UTC) if clock is None else clock()
    cursor = _usable(state, name, now)
    begin = first_moment(_started_by(context, asset), now) if cursor is None else cursor.moment
    read = _read(inlet, begin)
    told = set() if cursor is None else set(cursor.seen)
    yield [event for event in read if event.id not in told]
    after = moved({event.id: event.timestamp for event in read}, begin, now)
    kept = _usable(state, name, now)
    if kept is not None and kept != cursor:  # another run ended well meanwhile
        after = merged(after, kept)
    if after != kept:
        state.set(name, {"after": after.after, "seen": list(after.seen)})


def _inlet(context: Mapping[str, Any], asset: Asset, uri: str) -> tuple[Any, KeyValueState]:
    try:
        return inlet_events(context, asset), inlet_state(context, asset)
    except KeyError as error:
        raise InvalidQueryError(
            f"The asset {uri!r} is no inlet of the task, so Airflow does not give it the events. Add it: @task(inlets=[asset])."
        ) from error


def _usable(state: KeyValueState, name: str, now: datetime) -> EventCursor | None:
    """The cursor, or None where there is none that can be used."""
    try:
        return read_cursor(state.get(name), now)
    except InvalidQueryError as error:
        log.warning("The cursor %r in the asset's state is not used: %s The events of the last day are read again.", name, error)
        return None


def _started_by(context: Mapping[str, Any], asset: Asset) -> datetime | None:
    """The oldest of the events that started the run."""
    started = context.get("triggering_asset_events")
    try:
        events = [] if started is None else list(started[asset])
    except KeyError:
        events = []
    return min((event.timestamp for event in events), default=None)


def _read(inlet: Any, begin: datetime) -> list[AssetEvent]:
    """All events from a moment on, oldest first, page by page."""
    found: dict[int, AssetEvent] = {}
    after, limit = begin, PAGE
    while True:
        # A microsecond before: whether the moment itself is within is Airflow's affair.
        page = list(inlet.after((after - timedelta(microseconds=1)).isoformat()).ascending().limit(limit))
        found |= {event.id: event for event in page if event.id not in found}
        if len(page) < limit:
            return sorted(found.values(), key=lambda event: (event.timestamp, event.id))
        last = max(event.timestamp for event in page)
        # A page that is full of events of one instant says nothing of what follows it.
        after, limit = (last, PAGE) if last > after else (after, 2 * limit)
