"""Google Pub/Sub, by Airflow's ``PubSubHook``.

Sources: the hook's ``pull`` and ``acknowledge``, and ``SubscriberClient.modify_ack_deadline``, which it has no method for; Pub/Sub's
quotas (a deadline of 0 to 600 seconds, 1,000 messages a pull, 512 KB a request).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.core.queue_messages import Message, Proof
from airflow_provider_bigcommerce.queues.protocol import needing, parts

_PACKAGE: Final = "apache-airflow-providers-google"
#: Handles of one request: each has some 200 bytes.
_HANDLES: Final = 500


class PubSubQueue:
    """A subscription of Google Pub/Sub. BigCommerce publishes by its own account, and nobody else may, so its messages need no proof.

    :param project: the subscription's project.
    :param subscription: its name there.
    :param conn_id: Airflow's connection to Google Cloud; None for ``google_cloud_default``.
    :raises MissingPackageError: Airflow's provider of Google is not installed.
    """

    batch = 100
    longest_hold = 600
    proof: Proof = "if_present"

    def __init__(self, project: str, subscription: str, conn_id: str | None = None) -> None:
        with needing(_PACKAGE, f"The subscription {subscription!r}"):
            from airflow.providers.google.cloud.hooks.pubsub import PubSubHook

        self._project, self._subscription = project, subscription
        self._hook: Any = PubSubHook(gcp_conn_id=conn_id or "google_cloud_default")

    def receive(self, count: int, *, wait: float, hold: int) -> Sequence[Message]:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.receive`."""
        from airflow.providers.google.cloud.hooks.pubsub import PubSubException
        from google.api_core.exceptions import DeadlineExceeded

        try:
            found = self._hook.pull(
                subscription=self._subscription,
                max_messages=min(count, self.batch),
                project_id=self._project,
                return_immediately=False,
                timeout=max(1.0, wait),
            )
        except PubSubException as error:
            if not any(isinstance(each, DeadlineExceeded) for each in (*error.args, error.__cause__, error.__context__)):
                raise
            return []  # nothing came in that time
        messages = [_message(each) for each in found]
        self.hold([each.handle for each in messages], hold)  # the subscription's own deadline may be ten seconds
        return messages

    def acknowledge(self, handles: Sequence[str]) -> int:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.acknowledge`; Pub/Sub does not say which it did not remove."""
        for part in parts(handles, _HANDLES):
            self._hook.acknowledge(subscription=self._subscription, project_id=self._project, ack_ids=list(part))
        return 0

    def hold(self, handles: Sequence[str], seconds: int) -> None:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.hold`."""
        path = f"projects/{self._project}/subscriptions/{self._subscription}"
        for part in parts(handles, _HANDLES):
            self._hook.subscriber_client.modify_ack_deadline(
                request={"subscription": path, "ack_ids": list(part), "ack_deadline_seconds": seconds}
            )

    def failures(self) -> tuple[type[Exception], ...]:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.failures`."""
        from airflow.providers.google.cloud.hooks.pubsub import PubSubException
        from google.api_core.exceptions import GoogleAPICallError

        return PubSubException, GoogleAPICallError


def _message(found: Any) -> Message:
    message = found.message
    published = message.publish_time
    return Message(
        found.ack_id,
        bytes(message.data),
        tuple((str(name), str(value)) for name, value in message.attributes.items()),
        published.timestamp() if published else None,
    )
