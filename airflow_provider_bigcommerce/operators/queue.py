"""Webhooks from a queue, where BigCommerce cannot reach Airflow: one task reports them, and the next acknowledges what is stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bigcommerce.assets import changes_alias
from airflow_provider_bigcommerce.compat import correlation_id, is_task, mask_secrets, require_event_filters, stats_sink
from airflow_provider_bigcommerce.core.arguments import (
    Check,
    Checks,
    check_arguments,
    check_rendered,
    integer,
    is_pending,
    names,
    one_of,
    optional,
    refuse,
    text,
)
from airflow_provider_bigcommerce.core.pages import page
from airflow_provider_bigcommerce.core.queue_messages import PROOFS, Proof, Taken, take
from airflow_provider_bigcommerce.core.webhooks import Secrets
from airflow_provider_bigcommerce.core.your_line import shows_your_line
from airflow_provider_bigcommerce.engine.failing import tells_why_it_fails
from airflow_provider_bigcommerce.engine.mapped import named_by_connection
from airflow_provider_bigcommerce.engine.packages import failing_without_package
from airflow_provider_bigcommerce.engine.receiving import announce, batches, giving_back, resources_told, stored
from airflow_provider_bigcommerce.engine.telling import with_outlet
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, QueueError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.queues.by_name import open_queue, queue_name

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.core.catalog.names import ResourceName

#: Seconds that lie between the end of receiving and the acknowledgement at least: the task's end, and the next one's start.
_BETWEEN = 60

_HOW_TO = "how-to/webhooks-from-a-queue.md"


class BigCommerceQueueOperator(BaseOperator):
    """Receive webhooks from a queue, and report them as the receiver of webhooks does, for DAGs that wait for ``changes(...)``.

    ::

        received = BigCommerceQueueOperator(task_id="receive", message_queue="projects/my-project/subscriptions/bigcommerce")
        BigCommerceAcknowledgeOperator(task_id="acknowledge", received=received.output)

    Each message is told at least once. Airflow stores the events when this task has succeeded, so this task acknowledges nothing:
    :class:`BigCommerceAcknowledgeOperator` after it does, when it has found the events in Airflow. If a process is killed at any moment
    before, the messages come again after ``hold`` seconds, and are told again. Where no such task follows, this one fails.

    A message that is no event of the connection's store, or that proves nothing, is neither told nor acknowledged. The log counts such
    messages by what is wrong, and the queue puts them into its dead-letter queue by its own rule. An empty queue is a success.

    Needs Airflow 3.2, and Airflow's provider of Amazon or Google. See docs/how-to/webhooks-from-a-queue.md.

    XCom has the counts, and the handles for the next task: no secret, and nothing of a message.

    :param message_queue: the URL of an Amazon SQS queue, or the name of a Google Pub/Sub subscription,
        ``projects/<project>/subscriptions/<subscription>``; of one store. (templated)
    :param queue_conn_id: Airflow's connection to AWS or Google Cloud; ``aws_default`` or ``google_cloud_default`` if not given. (templated)
    :param resource: catalog name, or a list of names, of whose changes is told; of all if not given. Messages about others are
        acknowledged. (templated)
    :param proof: ``"required"``: a message must carry our header secret, or a signature that the connection's ``client_secret`` proves.
        ``"if_present"``: it need not, because only BigCommerce can write into the queue. If not given: ``"required"`` for SQS,
        ``"if_present"`` for Pub/Sub. What a message carries must always be right.
    :param max_messages: messages of one run at most.
    :param max_seconds: seconds after which a run receives no further batch.
    :param hold: seconds for which the queue gives a received message to nobody else; a minute longer than ``max_seconds`` at least. Pub/Sub
        allows 600, SQS 43,200.
    :param bigcommerce_conn_id: connection id of the store. (templated)
    """

    argument_checks: ClassVar[Checks] = {
        "message_queue": queue_name(),
        "queue_conn_id": optional(text("aws_default")),
        "resource": optional(names("['products', 'orders']")),
        "proof": optional(one_of(PROOFS)),
        "max_messages": integer(1, 10_000),
        "max_seconds": integer(1, 3_600),
        "hold": integer(_BETWEEN, 43_200),
        "bigcommerce_conn_id": text("bigcommerce_default"),
    }
    custom_operator_name = "BigCommerce queue"
    template_fields: Sequence[str] = ("message_queue", "queue_conn_id", "resource", "bigcommerce_conn_id")
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(
        self,
        *,
        message_queue: str,
        queue_conn_id: str | None = None,
        resource: ResourceName | str | Sequence[ResourceName | str] | None = None,
        proof: Proof | None = None,
        max_messages: int = 1_000,
        max_seconds: int = 30,
        hold: int = 600,
        bigcommerce_conn_id: str = "bigcommerce_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**with_outlet(named_by_connection(kwargs, bigcommerce_conn_id), changes_alias()))
        self.message_queue = message_queue
        self.queue_conn_id = queue_conn_id
        self.resource = resource
        self.proof = proof
        self.max_messages = max_messages
        self.max_seconds = max_seconds
        self.hold = hold
        self.bigcommerce_conn_id = bigcommerce_conn_id
        check_arguments(self, self.argument_checks)
        require_event_filters("BigCommerceQueueOperator")
        if hold < max_seconds + _BETWEEN:
            raise InvalidQueryError(
                f"hold={hold} is too short for max_seconds={max_seconds}: messages would come again before they can be acknowledged. "
                f"Accepted: {max_seconds + _BETWEEN} or more."
            )
        if not is_pending(self.resource):
            resources_told(self.resource)

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Receive, and hand Airflow the events.

        :param context: a task's.
        :returns: ``queue``, ``queue_conn_id``, ``batch``, ``events``, ``messages``, ``left`` and ``unneeded`` (counts by reason and by
            scope), ``handles``.
        :raises MissingPackageError: Airflow's provider of the queue is not installed; the task is not retried.
        :raises InvalidQueryError: no task that acknowledges follows, or the queue cannot hold messages for so long.
        :raises CredentialsError: the store's connection cannot be used.
        """
        check_rendered(self, self.argument_checks)
        if not is_task(context):
            raise InvalidQueryError("BigCommerceQueueOperator works in a task alone, since Airflow stores the events of tasks.")
        self._check_that_one_acknowledges()
        resources = resources_told(self.resource)
        queue = open_queue(self.message_queue, self.queue_conn_id)
        if self.hold > queue.longest_hold:
            raise InvalidQueryError(
                f"hold={self.hold} is longer than {self.message_queue} holds a message. Accepted: {queue.longest_hold} or less."
            )
        credentials = BigCommerceHook(self.bigcommerce_conn_id).credentials()
        secrets = Secrets(credentials.store_hash, credentials.access_token, credentials.client_secret)
        mask_secrets((secrets.header,))
        taken, batch = Taken(), correlation_id()
        with giving_back(queue) as handles:
            for messages in batches(queue, max_messages=self.max_messages, max_seconds=self.max_seconds, hold=self.hold):
                handles.extend(message.handle for message in messages)
                take(taken, messages, secrets, proof=self.proof or queue.proof, resources=resources, now=time.time())
            events = announce(context, taken, self.bigcommerce_conn_id, secrets.store_hash, batch, time.time())
        self._tell(taken, events)
        return {
            "queue": self.message_queue,
            "queue_conn_id": self.queue_conn_id,
            "batch": batch,
            "events": events,
            "messages": taken.count,
            "left": dict(taken.left),
            "unneeded": dict(taken.unneeded),
            "handles": taken.handles,
        }

    def _check_that_one_acknowledges(self) -> None:
        task: Any = self  # has_dag has no types
        following = task.downstream_list if task.has_dag() else ()
        if not any(issubclass(getattr(each, "operator_class", type(each)), BigCommerceAcknowledgeOperator) for each in following):
            raise InvalidQueryError(
                "No BigCommerceAcknowledgeOperator follows, so nothing would be acknowledged and all messages would come again and again. "
                f"Add one: BigCommerceAcknowledgeOperator(task_id='acknowledge', received=...). See {page(_HOW_TO)}"
            )

    def _tell(self, taken: Taken, events: int) -> None:
        self.log.info("Received %d messages, which are %d asset events.", taken.count, events)
        if taken.unneeded:
            self.log.info("Of them nobody needs %d: %s.", taken.unneeded.total(), _counted(taken.unneeded))
        if taken.left:
            self.log.warning(
                "%d messages are left to the queue, which brings them again after %d s, and puts them into its dead-letter queue if it has "
                "one: %s. See %s",
                taken.left.total(), self.hold, _counted(taken.left), page(_HOW_TO),
            )  # fmt: skip
        for outcome, count in (("told", len(taken.handles) - taken.unneeded.total()), ("unneeded", taken.unneeded.total())):
            _count(self.bigcommerce_conn_id, outcome, count)
        _count(self.bigcommerce_conn_id, "left", taken.left.total())


def _count(conn_id: str, outcome: str, count: int) -> None:
    if count:
        stats_sink().incr("bigcommerce.queue_messages", count, tags={"conn_id": conn_id, "outcome": outcome})


def _counted(counts: Counter[str]) -> str:
    return "; ".join(f"{what} ({count})" for what, count in counts.most_common())


def received_messages() -> Check:
    """What :class:`BigCommerceQueueOperator` has returned; of mapped tasks, what all of them have."""

    def read(name: str, value: Any) -> list[Mapping[str, Any]]:
        found = [value] if isinstance(value, Mapping) else value
        is_list = isinstance(found, Sequence) and not isinstance(found, (str, bytes))
        if not is_list or not all(_is_received(each) for each in found):
            refuse(name, value, "what BigCommerceQueueOperator has returned: received=receive.output.", is_private=True)
        return list(found)

    return Check(read)


def _is_received(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("queue"), str) and isinstance(value.get("handles"), list)


class BigCommerceAcknowledgeOperator(BaseOperator):
    """Remove the messages from their queue that a :class:`BigCommerceQueueOperator` has told of, when Airflow has stored the events.

    It looks for the events in Airflow. If one is not there, it removes nothing and fails: the messages come again and are told again. This
    protects messages also if somebody marks the receiving task as a success by hand. It may be repeated.

    :param received: the receiving task's ``output``; of mapped tasks too. (templated)
    """

    argument_checks: ClassVar[Checks] = {"received": received_messages()}
    custom_operator_name = "BigCommerce: acknowledge"
    template_fields: Sequence[str] = ("received",)
    ui_color = "#e8edfb"

    @shows_your_line
    def __init__(self, *, received: Any, **kwargs: Any) -> None:
        inlets = kwargs.pop("inlets", None) or []
        super().__init__(**kwargs, inlets=[*(inlets if isinstance(inlets, (list, tuple)) else [inlets]), changes_alias()])
        self.received = received
        check_arguments(self, self.argument_checks)
        require_event_filters("BigCommerceAcknowledgeOperator")

    @tells_why_it_fails
    @failing_without_package()
    def execute(self, context: Mapping[str, Any]) -> int:
        """Look for the events, and acknowledge.

        :param context: a task's.
        :returns: how many messages were removed.
        :raises QueueError: an event is not stored, or the queue did not remove a message.
        """
        check_rendered(self, self.argument_checks)
        if not is_task(context):
            raise InvalidQueryError("BigCommerceAcknowledgeOperator works in a task alone, since Airflow gives events to tasks.")
        removed, problems = 0, []
        for each in self.argument_checks["received"]("received", self.received):
            events = int(each.get("events", 0))
            found = stored(context, str(each.get("batch")), events)
            if found < events:
                count = len(each["handles"])
                problems.append(f"Airflow has {found} of the {events} events of {count} messages, so none of these was removed")
                continue
            refused = self._acknowledge(each)
            removed += len(each["handles"]) - refused
            if refused:
                problems.append(f"{each['queue']} did not remove {refused} of {len(each['handles'])} messages")
        self.log.info("Acknowledged %d messages.", removed)
        if problems:
            raise QueueError(f"{'; '.join(problems)}. They come again and are told again, which is harmless.")
        return removed

    def _acknowledge(self, received: Mapping[str, Any]) -> int:
        """How many of a run's messages the queue refused to remove."""
        handles: list[str] = received["handles"]
        return open_queue(received["queue"], received.get("queue_conn_id")).acknowledge(handles) if handles else 0
