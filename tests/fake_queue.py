"""A queue in memory that behaves as SQS and Pub/Sub promise: a message that is not acknowledged in time comes again, with a new handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_bigcommerce.core.queue_messages import Message, Pairs, Proof


class UnreachableError(Exception):
    """The queue cannot be reached."""


@dataclass
class Waiting:
    """A message in the queue.

    :param visible_at: seconds of the queue's clock from which on it is given to somebody.
    :param received: how often it was given to somebody.
    """

    body: bytes
    headers: Pairs
    visible_at: float = 0.0
    received: int = 0


@dataclass
class FakeQueue:
    """See the module.

    :param now: seconds of its clock, moved by tests and by waiting.
    :param fails: calls of these names fail, from the number of calls given on.
    :param refuses: acknowledgements that it refuses, by number of the message.
    """

    batch: int = 10
    longest_hold: int = 600
    proof: Proof = "if_present"
    now: float = 0.0
    fails: dict[str, int] = field(default_factory=dict)
    refuses: set[int] = field(default_factory=set)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    sent: int = 0

    def send(self, *bodies: bytes, headers: Pairs = ()) -> None:
        for body in bodies:
            self.sent += 1
            self.waiting[self.sent] = Waiting(body, headers)

    @property
    def visible(self) -> list[int]:
        return [number for number, each in self.waiting.items() if each.visible_at <= self.now]

    def called(self, name: str) -> list[Any]:
        return [about for what, about in self.calls if what == name]

    def receive(self, count: int, *, wait: float, hold: int) -> Sequence[Message]:
        self._call("receive", count)
        found = []
        for number in self.visible[: min(count, self.batch)]:
            each = self.waiting[number]
            each.received += 1
            each.visible_at = self.now + hold
            found.append(Message(f"{number}/{each.received}", each.body, each.headers))
        if not found:
            self.now += wait
        return found

    def acknowledge(self, handles: Sequence[str]) -> int:
        self._call("acknowledge", list(handles))
        refused = 0
        for number, received in self._of(handles):
            if number in self.refuses:
                refused += 1
            elif number in self.waiting and self.waiting[number].received == received:
                del self.waiting[number]
        return refused

    def hold(self, handles: Sequence[str], seconds: int) -> None:
        self._call("hold", (list(handles), seconds))
        for number, received in self._of(handles):
            if number in self.waiting and self.waiting[number].received == received:
                self.waiting[number].visible_at = self.now + seconds

    def failures(self) -> tuple[type[Exception], ...]:
        return (UnreachableError,)

    def _of(self, handles: Sequence[str]) -> list[tuple[int, int]]:
        return [(int(number), int(received)) for number, _, received in (handle.partition("/") for handle in handles)]

    def _call(self, name: str, about: Any) -> None:
        self.calls.append((name, about))
        if len(self.called(name)) >= self.fails.get(name, 10**9):
            raise UnreachableError("the queue cannot be reached")
