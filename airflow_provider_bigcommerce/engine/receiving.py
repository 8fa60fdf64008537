"""One run of a queue: received, told as asset events, and acknowledged when these events are stored.

Airflow stores a task's events in the transaction that makes the task a success, after its ``execute``. So nothing within ``execute`` can
know that they are stored. Neither can ``on_success_callback``: Airflow 3.2 and 3.3 call it also when the API server has refused the success
(``task_runner.run``). So another task acknowledges, and looks first: each event carries a mark of its batch, and messages are removed only
if Airflow has all events of their batch. Whatever happens before that, the messages come again. To be told twice does no harm, since rows
are read by their ids.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.assets import changes_alias, changes_asset
from airflow_provider_bigcommerce.core.live import sources_of
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.queue_messages import RETENTION, Message, Taken
from airflow_provider_bigcommerce.core.webhooks import payloads
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.queues.protocol import Queue

#: Seconds for which one batch is waited for; when none has come, the queue counts as empty.
WAIT: Final = 5.0
#: Key of an event's extra next to ``payload``: which batch it is of.
MARK: Final = "queue"
#: How many of the newest events are looked through for a batch's marks; each costs Airflow's API some milliseconds.
LOOKS: Final = (200, 1_000)


def batches(
    queue: Queue, *, max_messages: int, max_seconds: float, hold: int, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Sequence[Message]]:
    """Batch after batch, until the queue is empty or a limit is reached.

    :param hold: seconds for which nobody else is given the messages.
    """
    until, came = monotonic() + max_seconds, 0
    while came < max_messages and (left := until - monotonic()) > 0:
        batch = queue.receive(min(queue.batch, max_messages - came), wait=min(WAIT, left), hold=hold)
        if not batch:
            return
        came += len(batch)
        yield batch


@contextlib.contextmanager
def giving_back(queue: Queue) -> Iterator[list[str]]:
    """If the block fails, messages whose handles were put into the list are given back at once, as far as the queue can be reached."""
    handles: list[str] = []
    try:
        yield handles
    except BaseException:
        with contextlib.suppress(*queue.failures()):  # it may be the queue that failed
            queue.hold(handles, 0)
        raise


def resources_told(names: Sequence[str] | None) -> frozenset[str] | None:
    """The resources of whose changes is told where these copies are wanted; None for all.

    :raises UnknownResourceError: no such resource.
    :raises InvalidQueryError: BigCommerce reports no change of a resource.
    """
    if names is None:
        return None
    found: set[str] = set()
    for name in names:
        row = resource_of(name)
        sources = sources_of(row.name)
        if not sources:
            raise InvalidQueryError(
                f"resource has {row.name!r}, of whose changes BigCommerce tells nobody. Leave it out: it is kept fresh by scheduled runs."
            )
        found.update(sources)
    return frozenset(found)


def announce(context: Mapping[str, Any], taken: Taken, conn_id: str, store_hash: str, batch: str, now: float) -> int:
    """Hand Airflow the events of what came, to be stored if the task succeeds.

    :param batch: the mark that each of them carries.
    :returns: how many: one a resource, more where it has over 500 ids.
    """
    accessor, count = context["outlet_events"][changes_alias()], 0
    for resource, payload in payloads(taken.changes, store_hash, now, via="queue", most_age=RETENTION):
        accessor.add(changes_asset(conn_id, resource), extra={"payload": payload, MARK: {"batch": batch, "part": count}})
        count += 1
    return count


def stored(context: Mapping[str, Any], batch: str, count: int) -> int:
    """How many of a batch's events Airflow has, ``count`` at most.

    :param context: of a task with the alias as its inlet.
    """
    if not count:
        return 0
    found: Collection[Any] = ()
    for limit in LOOKS:
        events = list(context["inlet_events"][changes_alias()].ascending(False).limit(limit))
        marks = [event.extra.get(MARK) for event in events if isinstance(event.extra, Mapping)]
        found = {mark.get("part") for mark in marks if isinstance(mark, Mapping) and mark.get("batch") == batch}
        if len(found) >= count or len(events) < limit:
            break
    return min(len(found), count)
