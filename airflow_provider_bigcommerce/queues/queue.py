"""What a queue must be able to do, and which one a name means. Another queue is another module, and a line in :func:`open_queue`.

The order is always the same: receive, store the events, acknowledge. A message that is not acknowledged comes again, so whatever ends a
process loses none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from airflow_provider_bigcommerce.core.arguments import Check, refuse
from airflow_provider_bigcommerce.core.queue_messages import Message, Proof
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, MissingPackageError

_SQS: Final = re.compile(r"https?://[^/\s?#@]+/[^\s?#]+")
_PUBSUB: Final = re.compile(r"projects/([^/\s]+)/subscriptions/([^/\s]+)")

#: What ``message_queue`` may be.
ACCEPTED: Final = (
    "the URL of an Amazon SQS queue, such as 'https://sqs.eu-west-1.amazonaws.com/123456789012/bigcommerce', or the name of a Google "
    "Pub/Sub subscription, such as 'projects/my-project/subscriptions/bigcommerce'."
)


class Queue(Protocol):
    """A queue. Errors of its client are raised as they are.

    :attr batch: messages of one :meth:`receive`, at most.
    :attr longest_hold: seconds for which it can hold a message.
    :attr proof: what a message must carry if nobody says otherwise.
    """

    batch: int
    longest_hold: int
    proof: Proof

    def receive(self, count: int, *, wait: float, hold: int) -> Sequence[Message]:
        """Take messages; none if none comes within ``wait`` seconds.

        :param count: at most so many, and no more than ``batch``.
        :param hold: seconds for which nobody else is given them.
        """

    def acknowledge(self, handles: Sequence[str]) -> int:
        """Have messages removed; how many of them the queue refused to remove. To ask twice does no harm."""

    def hold(self, handles: Sequence[str], seconds: int) -> None:
        """Hold messages from now on for so many seconds; 0 gives them back at once."""

    def failures(self) -> tuple[type[Exception], ...]:
        """What its client raises where the queue refuses or cannot be reached."""


def queue_name() -> Check:
    """An argument that names a queue."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or not (_SQS.fullmatch(value) or _PUBSUB.fullmatch(value)):
            refuse(name, value, ACCEPTED)
        return value

    return Check(read)


def open_queue(name: str, conn_id: str | None) -> Queue:
    """The queue of a name; its client is made when it is first used.

    :param name: as :func:`queue_name` accepts it.
    :param conn_id: Airflow's connection to Amazon or Google; None for the default one of that provider.
    :raises MissingPackageError: Airflow's provider for it is not installed.
    :raises InvalidQueryError: it is no name of a queue.
    """
    if found := _PUBSUB.fullmatch(name):
        from airflow_provider_bigcommerce.queues.pubsub import PubSubQueue

        return PubSubQueue(found[1], found[2], conn_id)
    if _SQS.fullmatch(name):
        from airflow_provider_bigcommerce.queues.sqs import SqsQueue

        return SqsQueue(name, conn_id)
    raise InvalidQueryError(f"message_queue={name!r} is no queue. Accepted: {ACCEPTED}")


@contextmanager
def needing(package: str, what: str) -> Iterator[None]:
    """Around imports of another provider.

    :param package: what to install.
    :param what: what needs it.
    :raises MissingPackageError: something of it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingPackageError(
            f"{what} needs {package}, which is not installed here: pip install {package} where the task runs."
        ) from error


def parts(handles: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The handles, so many at once."""
    for start in range(0, len(handles), size):
        yield handles[start : start + size]
