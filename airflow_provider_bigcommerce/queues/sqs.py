"""Amazon SQS, by Airflow's ``SqsHook``.

Sources: SQS API reference, ReceiveMessage, DeleteMessageBatch, ChangeMessageVisibilityBatch (ten messages a request; a message is
invisible for 0 to 43,200 seconds; long polling up to 20 seconds).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.core.queue_messages import Message, Proof
from airflow_provider_bigcommerce.queues.protocol import needing, parts

_PACKAGE: Final = "apache-airflow-providers-amazon"
_REGION: Final = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")
#: Seconds of one long poll; a short one asks some of SQS's servers, and finds a queue empty that is not.
_LONGEST_POLL: Final = 20


class SqsQueue:
    """A queue of Amazon SQS. Whoever may call its public address can write into it, so a message must prove where it is from.

    :param url: the queue's URL; its region is taken from there, where it tells.
    :param conn_id: Airflow's connection to AWS; None for ``aws_default``.
    :raises MissingPackageError: Airflow's provider of Amazon is not installed.
    """

    batch = 10
    longest_hold = 43_200
    proof: Proof = "required"

    def __init__(self, url: str, conn_id: str | None = None) -> None:
        with needing(_PACKAGE, f"The queue {url}"):
            from airflow.providers.amazon.aws.hooks.sqs import SqsHook

        self._url = url
        region = _REGION.match(url)
        self._hook = SqsHook(aws_conn_id=conn_id or "aws_default", region_name=region and (region[1] or region[2]))

    @property
    def _client(self) -> Any:
        return self._hook.get_conn()

    def receive(self, count: int, *, wait: float, hold: int) -> Sequence[Message]:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.receive`."""
        found = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, self.batch),
            VisibilityTimeout=hold,
            WaitTimeSeconds=max(1, min(int(wait), _LONGEST_POLL)),
            MessageAttributeNames=["All"],
            AttributeNames=["SentTimestamp"],
        )
        return [_message(each) for each in found.get("Messages", ())]

    def acknowledge(self, handles: Sequence[str]) -> int:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.acknowledge`."""
        refused = 0
        for part in parts(handles, self.batch):
            entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(part)]
            refused += len(self._client.delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", ()))
        return refused

    def hold(self, handles: Sequence[str], seconds: int) -> None:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.hold`."""
        for part in parts(handles, self.batch):
            entries = [{"Id": str(at), "ReceiptHandle": handle, "VisibilityTimeout": seconds} for at, handle in enumerate(part)]
            self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def failures(self) -> tuple[type[Exception], ...]:
        """As :meth:`~airflow_provider_bigcommerce.queues.protocol.Queue.failures`."""
        from botocore.exceptions import BotoCoreError, ClientError

        return BotoCoreError, ClientError


def _message(found: Mapping[str, Any]) -> Message:
    attributes = found.get("MessageAttributes", {}).items()
    sent = found.get("Attributes", {}).get("SentTimestamp")  # milliseconds
    return Message(
        found["ReceiptHandle"],
        found.get("Body", "").encode("utf-8", "surrogatepass"),
        tuple((name, each["StringValue"]) for name, each in attributes if "StringValue" in each),
        int(sent) / 1000 if sent else None,
    )
