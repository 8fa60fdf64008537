"""Keeps the store's quota: may a request be sent now, or in how many seconds?

BigCommerce grants a quota per fixed window, shared by every app on the store; a fresh window opens with the first request after
the last one ended. All knowledge comes from the headers of the answers. Pure: the clock is an argument; nothing is sent or slept.

Source: https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits and ``interfaces.md``, Quota terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_bigcommerce.core.reading import header_number


@dataclass(slots=True)
class Ticket:
    """One request that was let through.

    :param sent_at: clock reading when it was sent.
    :param window: number of the window that was open, as far as we knew.
    """

    sent_at: float
    window: int


class Budget:
    """What is left of the store's quota, as far as the answers tell.

    Until the first answer only one request is let through, for nothing is known. A store that sends no quota headers has no
    quota; then nothing is held back. ``left = quota - sent - others``: what we sent since the window opened is known exactly,
    what others used is the most that any answer showed.

    :param share: fraction of the quota that may be used, 0 < share <= 1; the rest stays for the merchant's other apps.
    """

    def __init__(self, share: float = 1.0) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"quota_share is {share!r}; it must be above 0 and at most 1 (0.8 leaves 20% to other apps).")
        self._share = share
        self._is_probed = False
        self._in_flight = 0
        self._window = 0
        self._ends_at: float | None = None  # None: our next (or first unanswered) request opens the window
        self._sent = 0
        self._others = 0
        #: Requests the store grants a window, or None: unknown yet, or no quota.
        self.quota: int | None = None
        #: Length of the window in seconds, or None.
        self.window_seconds: float | None = None

    @property
    def left(self) -> int | None:
        """Requests that we may still send in this window; None where the store has no quota, or before the first answer."""
        if self.quota is None:
            return None
        kept_for_others = self.quota - math.floor(self.quota * self._share)
        return max(0, self.quota - kept_for_others - self._sent - self._others)

    @property
    def used_by_others(self) -> int:
        """Requests of this window that were not ours, as far as the answers tell."""
        return self._others

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent: 0 for at once, ``inf`` for "when the next answer has come"."""
        self._roll(now)
        if not self._is_probed:
            return math.inf if self._in_flight else 0.0
        if self.quota is None or self.left:
            return 0.0
        if self._ends_at is None:  # all of a window is under way, and no answer has told when it ends
            return math.inf if self._in_flight else 0.0
        return self._ends_at - now

    def send(self, now: float) -> Ticket:
        """Count one request that is sent now."""
        self._roll(now)
        self._in_flight += 1
        self._sent += 1
        return Ticket(now, self._window)

    def receive(self, ticket: Ticket, headers: Mapping[str, str] | None, now: float) -> None:
        """Learn from an answer, or from its absence (``headers`` None: no one knows whether it was counted; it stays counted)."""
        self._in_flight -= 1
        if headers is None:
            return
        self._is_probed = True
        quota = header_number(headers, "x-rate-limit-requests-quota")
        left = header_number(headers, "x-rate-limit-requests-left")
        reset_ms = header_number(headers, "x-rate-limit-time-reset-ms")
        if quota is None or left is None or reset_ms is None:
            return
        self._roll(now)
        reset = reset_ms / 1000
        if ticket.window < self._window and self._ends_at is None and reset <= now - ticket.sent_at:
            # Answered by the window before this one: it takes nothing from ours.
            self._sent = max(self._in_flight, self._sent - 1)
            return
        window_ms = header_number(headers, "x-rate-limit-time-window-ms")
        self.window_seconds = window_ms / 1000 if window_ms else self.window_seconds
        self.quota = int(quota)
        ends_at = now + reset
        if self._ends_at is not None and ends_at > self._ends_at + (self.window_seconds or reset) / 2:
            self._open(sent=self._in_flight + 1)  # the store opened a window that we did not expect yet
        # Every answer overstates the end by its own way back, so the earliest is the closest, and still not too early.
        self._ends_at = ends_at if self._ends_at is None else min(self._ends_at, ends_at)
        self._others = max(self._others, self.quota - int(left) - self._sent)

    def _roll(self, now: float) -> None:
        if self._ends_at is not None and now >= self._ends_at:
            self._open(sent=self._in_flight)

    def _open(self, *, sent: int) -> None:
        self._window += 1
        self._ends_at = None
        self._sent = sent
        self._others = 0
