"""The adapter of Google Pub/Sub, against a hook with the signatures of Airflow's ``PubSubHook``; Google's package is not installed.

Signatures: apache-airflow-providers-google, ``hooks/pubsub.py``: ``pull``, ``acknowledge``, ``subscriber_client``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from airflow_provider_bigcommerce.exceptions import MissingPackageError
from airflow_provider_bigcommerce.queues.by_name import open_queue
from airflow_provider_bigcommerce.queues.pubsub import PubSubQueue

PATH = "projects/my-project/subscriptions/bigcommerce"
NOON = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC)


class GoogleAPICallError(Exception):
    """As ``google.api_core.exceptions`` has it."""


class DeadlineExceeded(GoogleAPICallError):  # noqa: N818  # Google's name
    """As ``google.api_core.exceptions`` has it."""


class PubSubException(Exception):  # noqa: N818  # Airflow's name
    """As the hook's module has it."""


@dataclass
class Hook:
    """Airflow's hook, as far as it is used."""

    gcp_conn_id: str = "google_cloud_default"
    answers: ClassVar[list[Any]] = []
    calls: ClassVar[list[tuple[str, Any]]] = []
    subscriber_client: Any = field(init=False)

    def __post_init__(self) -> None:
        self.subscriber_client = self
        Hook.calls.append(("made", self.gcp_conn_id))

    def pull(
        self,
        subscription: str,
        max_messages: int,
        project_id: str = "",
        return_immediately: bool = False,
        retry: Any = None,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> list[Any]:
        Hook.calls.append(("pull", (project_id, subscription, max_messages, return_immediately, timeout)))
        answer = Hook.answers.pop(0)
        if isinstance(answer, Exception):
            raise PubSubException(f"Error pulling messages from subscription {subscription}", answer)
        return list(answer)

    def acknowledge(
        self,
        subscription: str,
        project_id: str,
        ack_ids: list[str] | None = None,
        messages: list[Any] | None = None,
        retry: Any = None,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        Hook.calls.append(("acknowledge", (project_id, subscription, ack_ids)))

    def modify_ack_deadline(self, request: Mapping[str, Any]) -> None:
        """Of Google's ``SubscriberClient``."""
        Hook.calls.append(("modify", request))


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> type[Hook]:
    for name, members in {
        "google.api_core.exceptions": {"DeadlineExceeded": DeadlineExceeded, "GoogleAPICallError": GoogleAPICallError},
        "airflow.providers.google.cloud.hooks.pubsub": {"PubSubHook": Hook, "PubSubException": PubSubException},
    }.items():
        parts = name.split(".")
        for end in range(2, len(parts)):
            parent = ".".join(parts[:end])
            if parent not in ("airflow.providers",):
                monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Hook, "answers", [])
    monkeypatch.setattr(Hook, "calls", [])
    return Hook


def message(number: int, data: bytes = b"{}", **attributes: str) -> Any:
    return SimpleNamespace(ack_id=f"ack-{number}", message=SimpleNamespace(data=data, attributes=attributes, publish_time=NOON))


def test_a_name_of_a_subscription_opens_it_by_the_connection_that_is_named() -> None:
    assert isinstance(open_queue(PATH, None), PubSubQueue)
    open_queue(PATH, "my_google")
    assert Hook.calls == [("made", "google_cloud_default"), ("made", "my_google")]


def test_messages_are_pulled_and_held() -> None:
    Hook.answers = [[message(1, b'{"a":1}', origin="x"), message(2)]]
    found = open_queue(PATH, None).receive(1_000, wait=5.0, hold=600)
    assert [(each.handle, each.body, each.headers, each.sent_at) for each in found] == [
        ("ack-1", b'{"a":1}', (("origin", "x"),), NOON.timestamp()),
        ("ack-2", b"{}", (), NOON.timestamp()),
    ]
    assert Hook.calls[1:] == [
        ("pull", ("my-project", "bigcommerce", 100, False, 5.0)),
        ("modify", {"subscription": PATH, "ack_ids": ["ack-1", "ack-2"], "ack_deadline_seconds": 600}),
    ]


@pytest.mark.parametrize("answer", [[], DeadlineExceeded("504")], ids=["none", "time is up"])
def test_an_empty_subscription_gives_nothing_and_nothing_is_held(answer: Any) -> None:
    Hook.answers = [answer]
    assert open_queue(PATH, None).receive(3, wait=0.2, hold=600) == []
    assert Hook.calls[1:] == [("pull", ("my-project", "bigcommerce", 3, False, 1.0))]


def test_any_other_refusal_is_an_error() -> None:
    Hook.answers = [GoogleAPICallError("403 denied")]
    queue = open_queue(PATH, None)
    with pytest.raises(queue.failures(), match="Error pulling"):
        queue.receive(3, wait=5.0, hold=600)


def test_handles_are_acknowledged_and_given_back_in_parts_that_fit_into_a_request() -> None:
    handles = [f"ack-{number}" for number in range(1_001)]
    queue = open_queue(PATH, None)
    assert queue.acknowledge(handles) == 0
    assert [(call[0], call[1][:2], len(call[1][2])) for call in Hook.calls[1:]] == [
        ("acknowledge", ("my-project", "bigcommerce"), size) for size in (500, 500, 1)
    ]
    queue.hold(handles[:2], 0)
    assert Hook.calls[-1] == ("modify", {"subscription": PATH, "ack_ids": handles[:2], "ack_deadline_seconds": 0})
    queue.acknowledge([])
    assert len(Hook.calls) == 5


def test_without_googles_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.google.cloud.hooks.pubsub", None)
    with pytest.raises(MissingPackageError, match="pip install apache-airflow-providers-google"):
        open_queue(PATH, None)
