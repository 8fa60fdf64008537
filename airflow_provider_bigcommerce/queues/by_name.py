"""Which queue a name means."""

from __future__ import annotations

import re
from typing import Any, Final

from airflow_provider_bigcommerce.core.arguments import Check, refuse
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.queues.protocol import Queue
from airflow_provider_bigcommerce.queues.pubsub import PubSubQueue
from airflow_provider_bigcommerce.queues.sqs import SqsQueue

_SQS: Final = re.compile(r"https?://[^/\s?#@]+/[^\s?#]+")
_PUBSUB: Final = re.compile(r"projects/([^/\s]+)/subscriptions/([^/\s]+)")

#: What ``message_queue`` may be.
ACCEPTED: Final = (
    "the URL of an Amazon SQS queue, such as 'https://sqs.eu-west-1.amazonaws.com/123456789012/bigcommerce', or the name of a Google "
    "Pub/Sub subscription, such as 'projects/my-project/subscriptions/bigcommerce'."
)


def queue_name() -> Check:
    """An argument that names a queue."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or not (_SQS.fullmatch(value) or _PUBSUB.fullmatch(value)):
            refuse(name, value, ACCEPTED, is_private=isinstance(value, str) and "@" in value)  # an address may hold a password
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
        return PubSubQueue(found[1], found[2], conn_id)
    if _SQS.fullmatch(name):
        return SqsQueue(name, conn_id)
    raise InvalidQueryError(f"message_queue={name!r} is no queue. Accepted: {ACCEPTED}")
