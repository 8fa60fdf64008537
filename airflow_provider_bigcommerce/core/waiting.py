"""Decides how a wait continues after each look: keep waiting and for how long, done, failed or timed out.

Sensor and trigger share it, so that the two cannot drift. Pure: the clock is an argument; nothing is asked, slept or sent here.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_bigcommerce.exceptions import (
    AuthenticationError,
    BigCommerceError,
    CopyMismatchError,
    CredentialsError,
    DestinationError,
    GraphQLError,
    InvalidQueryError,
    NotFoundError,
    PermissionDeniedError,
    PlanError,
    RateLimitError,
    RedirectRefusedError,
    StoreSuspendedError,
    TooManyChangesError,
    TooManyDeletedError,
    UnclearWriteError,
    UnknownResourceError,
    ValidationError,
    WriteFailedError,
)

#: The branch "you can act" of the error tree, but for ``ConflictError``: a lock goes away by itself.
_PERMANENT = (
    CredentialsError,
    UnknownResourceError,
    WriteFailedError,
    InvalidQueryError,
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    ValidationError,
    GraphQLError,
    StoreSuspendedError,
    UnclearWriteError,
    RedirectRefusedError,
    DestinationError,
    TooManyDeletedError,
    CopyMismatchError,
    TooManyChangesError,
    PlanError,
    WriteFailedError,
)

#: Seconds that a wait after failures does not exceed, unless the interval itself is longer.
LONGEST_BACKOFF = 600.0

#: Seconds that a look is apart from the next at least, so that no arguments make a loop without a pause.
_SHORTEST = 0.01


def is_permanent(error: BaseException) -> bool:
    """Whether an error stays until a person acts, so that asking again is only a cost."""
    return isinstance(error, _PERMANENT)


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Look again.

    :param seconds: after so long.
    :param reason: why a look failed, for the log; empty where it did not.
    """

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What was waited for is there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Waiting on is pointless.

    :param error: of the last look.
    :param message: the sentence for the reader.
    """

    error: BaseException
    message: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The time is over.

    :param message: the sentence for the reader.
    """

    message: str


Outcome = KeepWaiting | Done | Failed | TimedOut


class Poller:
    """One wait, look by look.

    :param interval: seconds between two looks.
    :param deadline: reading of the clock at which the wait ends, or None for never. The last look is made then.
    :param max_failures: failed looks in a row that end the wait; a permanent error ends it at once. None never gives up.
    :param failures: how many there were already, in another process.
    """

    def __init__(self, interval: float, *, deadline: float | None = None, max_failures: int | None = 10, failures: int = 0) -> None:
        self._interval = max(interval, _SHORTEST)
        self._deadline = deadline
        self._max_failures = max_failures
        #: Failed looks in a row so far.
        self.failures = failures

    def on_look(self, *, is_met: bool, now: float) -> Outcome:
        """The store answered.

        :param is_met: whether what is waited for is there.
        :param now: the clock.
        """
        self.failures = 0
        return Done() if is_met else self._wait(self._interval, now)

    def on_error(self, error: BaseException, *, now: float) -> Outcome:
        """The look failed.

        A store that says when to come back is not broken: that wait counts as no failure, however often it is asked for.

        :param error: what was raised.
        :param now: the clock.
        """
        text = str(error) if isinstance(error, BigCommerceError) else f"{type(error).__name__}."  # other texts may quote a row
        asked = error.retry_after if isinstance(error, RateLimitError) else None
        longest = max(LONGEST_BACKOFF, self._interval)
        if asked is not None:  # a header may say anything: no quota of BigCommerce's lasts as long as the longest wait
            return self._wait(min(longest, max(self._interval, asked)), now, text)
        self.failures += 1
        if self._max_failures is not None:
            if is_permanent(error):
                return Failed(error, text)
            if self.failures >= self._max_failures:
                return Failed(error, f"{text} That was failure {self.failures} in a row (max_failures={self._max_failures}).")
        return self._wait(min(longest, self._interval * 2.0 ** min(self.failures - 1, 30)), now, text)

    def _wait(self, seconds: float, now: float, reason: str = "") -> KeepWaiting | TimedOut:
        if self._deadline is None:
            return KeepWaiting(seconds, reason)
        if now >= self._deadline:
            last = f" The last look failed: {reason}" if reason else ""
            return TimedOut(f"What was waited for did not come in time.{last}")
        return KeepWaiting(min(seconds, self._deadline - now), reason)
