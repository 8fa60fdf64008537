"""What a queue must be able to do. Another queue is another module, and a line in ``by_name.py``.

The order is always the same: receive, store the events, acknowledge. A message that is not acknowledged comes again, so whatever ends a
process loses none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from airflow_provider_bigcommerce.core.queue_messages import Message, Proof
from airflow_provider_bigcommerce.exceptions import MissingPackageError


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
