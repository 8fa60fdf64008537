"""Keeps the store's quota: may a request be sent now, or in how many seconds?

BigCommerce grants a quota per fixed window, shared by every app on the store; a fresh window opens with the first request after
the last one ended. All knowledge comes from the headers of the answers. Pure: the clock is an argument; nothing is sent or slept.

Source: https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits and ``interfaces.md``, Quota terms.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_bigcommerce.core.reading import header_number

#: The last window's parts count like so many requests of this one.
_WEIGHT = 5
#: One of so many requests is kept back by a process that is alone, for one of so many parts of the window.
_RESERVED = 40
_RESERVED_TIME = 20
#: A start: one of so many of what is left is sent at once after the first answer, and of so many when the answers to those have come.
_FIRST = 16
_THEN = 6
#: Our last requests whose times are kept: more than are under way at once, mostly.
_LATELY = 64
#: Seconds that are distinguished.
_SHORTEST = 0.001


@dataclass(slots=True)
class Ticket:
    """One request that was let through.

    :param sent_at: clock reading when it was sent.
    :param window: number of the window that was open, as far as we knew.
    :param answered: our requests of that window that had been answered, not refused, by then, so that this one came after them.
    """

    sent_at: float
    window: int
    answered: int


class Budget:
    """What is left of the store's quota, as far as the answers tell.

    Until the first answer only one request is let through, because nothing is known. A store that sends no quota headers has no
    quota; then nothing is held back. ``left = quota - sent - others``: what we sent since the window opened is known exactly,
    what others used is the most that any answer showed.

    Others have requests under way that no answer shows yet; were everybody to send all that is left, most of it would be refused.
    So the first requests go out as many at once as cannot use up what is left, even if others began in the same moment: the store
    answers one after the other, so that the first answers show one process none, the next one request, the next two; each takes its
    part of what is left divided by that, and more when the answers to those show nothing new. While others send, half of our part of
    a window is sent at once, and the rest at a pace that ends with the window. Our part is our part of what was used; we aim a
    little lower where it is large and a little higher where it is small, so that all come to have the same. Who is alone keeps a
    few requests back for a moment, or others, who find every window used up, would never be seen. With several of us on one store
    only the headers need be shared.

    :param share: fraction of the quota that may be used, 0 < share <= 1; the rest stays for the merchant's other apps.
    :param quota: requests a window that are documented for a host whose answers may not tell it; None for none. Then our own requests are
        counted, and a refusal says that the window is used up, by whomever. What an answer tells is believed from then on.
    :param window_seconds: length of that window.
    """

    def __init__(self, share: float = 1.0, *, quota: int | None = None, window_seconds: float | None = None) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"quota_share is {share!r}; it must be above 0 and at most 1 (0.8 leaves 20% to other apps).")
        self._share = share
        self._documented = (quota, window_seconds) if quota and window_seconds else None
        self._is_probed = False
        self._in_flight = 0
        self._window = 0
        self._ends_at: float | None = None  # None: our next (or first unanswered) request opens the window
        self._sent = 0
        self._refused = 0
        self._others = 0  # requests that were certainly not ours
        self._others_likely = 0  # those that the last answer reported, as far as they can be distinguished from ours that are on their way
        self._sent_lately: deque[float] = deque(maxlen=_LATELY)
        self._lead = 0  # ours, sent before others were seen to send too
        self._others_before = 0  # of them, those that the first answer reported,
        self._told_at = 0.0  # and when it did
        self._others_at_most = 0  # with those that may have been ours, under way when the last answer was made
        self._last_part = 1.0  # ours of all requests of the last window
        self._opened_at = 0.0
        self._sent_at = -math.inf
        self._answered = 0  # in this window
        self._held_since: float | None = None  # when the reserve was reached
        #: Requests the store grants a window, or None: unknown yet, or no quota.
        self.quota: int | None = None
        #: Length of the window in seconds, or None.
        self.window_seconds: float | None = None

    @property
    def left(self) -> int | None:
        """Requests that we may still send in this window; None where the store has no quota, or before the first answer."""
        if self.quota is None:
            return None
        return max(0, self._allowed - self._sent - max(self._others, self._others_at_most))

    @property
    def used_by_us(self) -> int:
        """Requests of this window that were ours, without those that were refused."""
        return self._sent - self._refused

    @property
    def used_by_others(self) -> int:
        """Requests of this window that were not ours, as far as the answers tell."""
        return self._others

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent: 0 for at once, ``inf`` for "when the next answer has come"."""
        self._roll(now)
        if not self._is_probed:
            return math.inf if self._in_flight else 0.0
        if self.quota is None:
            return 0.0
        wait = self._wait(now)
        if wait < math.inf:
            return wait
        if self._in_flight and (self._window == 0 or self._ends_at is None):
            return math.inf  # the next answer tells more
        return 0.0 if self._ends_at is None else self._ends_at - now

    def _wait(self, now: float) -> float:
        """Seconds until our next request fits into what is left of this window: 0 for now, ``inf`` for not in this window."""
        left = self.left or 0
        if left == 0:
            return math.inf
        if self._window == 0 and self._in_flight >= self._at_first(left):
            return math.inf  # the next answers tell whether others use the store
        if self._part == 1.0:
            # Whoever comes to a store that we use up within a second must find something left, or we would never see each other.
            if left > self._allowed // _RESERVED:
                return 0.0
            if self._held_since is None:
                self._held_since = now
            return max(0.0, self._held_since + (self.window_seconds or 0) / _RESERVED_TIME - now)
        if self._window == 0 and left - self._others_to_come(now) > self._allowed / 2:
            return 0.0  # others use so little that a short read need not keep a pace
        part = max(self._part, 1 / max(1, self._allowed))  # never nothing: one request of a window tells how things are
        known = min(part, self._last_part) if self._window else part  # a window's own first answers overstate our part
        if self._sent < min(known, _towards_equal(known), 0.5) * self._allowed / 2:
            return 0.0
        # Since our last answer, each of the others has probably sent one more.
        ours = (left - (1 / part - 1)) * _towards_equal(part)
        if ours < 1:
            return math.inf
        ends_at = self._opened_at + (self.window_seconds or 0) if self._ends_at is None else self._ends_at
        return max(0.0, self._sent_at + (ends_at - now) / ours - now)

    def _at_first(self, left: int) -> int:
        """Requests that may be under way at once in the first window, in which others may have begun in the same moment as we."""
        before = self._others_before
        first = max(1, (self._allowed - 1 - before) // (_FIRST * (1 + before)))
        if self._answered <= 1 + first // 2:  # one answer alone may have been made before others' requests came
            return first
        newly = max(self._others, self._others_likely) - before
        few = min(2 * self._answered, 4 + self._answered // 4, left // (1 + newly))
        return max(1, few, left // (_THEN * (1 + newly)))

    def _others_to_come(self, now: float) -> float:
        """Requests that others will send until the first window ends, if they continue as they did before we came, or since."""
        if self._ends_at is None or self.window_seconds is None:
            return math.inf
        left = self._ends_at - now
        before = max(0, self._others - 1) / max(self.window_seconds - left, _SHORTEST)  # one request is no habit
        since = (self._others - self._others_before) / max(now - self._told_at, _SHORTEST)
        return max(before, since) * left

    @property
    def _allowed(self) -> int:
        """Requests that we and those like us may use of a window."""
        return math.floor((self.quota or 0) * self._share)

    @property
    def _part(self) -> float:
        """Ours of all requests, from this window's and, as if they were a few of this one's, the last window's."""
        if self._others == 0 and self._last_part == 1.0:
            return 1.0
        weight = _WEIGHT if self._window else 1
        part = (self._sent + weight * self._last_part) / (self._sent + self._others + weight)
        if self._window == 0 and self._lead:  # what we sent before others were seen was a lead, and is no measure of our part
            ours = self._sent - self._lead
            part = min(part, (ours + 1) / (ours + self._others - self._others_before + 1))
        return part

    def send(self, now: float) -> Ticket:
        """Count one request that is sent now."""
        self._roll(now)
        self._in_flight += 1
        self._sent += 1
        self._sent_at = now
        self._sent_lately.append(now)
        return Ticket(now, self._window, self._answered - self._refused)

    def receive(self, ticket: Ticket, headers: Mapping[str, str] | None, now: float, *, is_refused: bool = False) -> None:
        """Learn from an answer, or from its absence (``headers`` None: no one knows whether it was counted; it stays counted).

        :param is_refused: whether the answer was a 429, so that the request is no part of what was used.
        """
        self._in_flight -= 1
        if headers is None:
            return
        self._is_probed = True
        quota = header_number(headers, "x-rate-limit-requests-quota")
        left = header_number(headers, "x-rate-limit-requests-left")
        reset_ms = header_number(headers, "x-rate-limit-time-reset-ms")
        window_ms = header_number(headers, "x-rate-limit-time-window-ms")
        is_told = quota is not None and left is not None and reset_ms is not None
        if is_told:
            self._documented = None
        elif self._documented is not None:
            self._roll(now)
            quota, seconds = self._documented
            ends_at = ticket.sent_at + seconds if self._ends_at is None else self._ends_at
            left, reset_ms, window_ms = 0 if is_refused else quota - self.used_by_us, max(0.0, ends_at - now) * 1000, seconds * 1000
        if quota is None or left is None or reset_ms is None or (quota < 1 and not is_refused):
            return
        self._roll(now)
        # No window ends later than one window from now: a proxy's own idea of "reset" may be a date.
        reset = min(reset_ms, window_ms or reset_ms) / 1000
        used = int(quota) - int(left)
        if ticket.window < self._window and (self._ends_at is not None or reset <= now - ticket.sent_at):
            return  # it may have been answered by the window before this one, of which nothing need be known any more
        self.window_seconds = window_ms / 1000 if window_ms else self.window_seconds
        self.quota = int(quota)
        # An answer may have been long on its way, but it was not made before its request was sent, nor before those that had been
        # answered by then: a window that ends (rounding apart) later, or that has seen fewer requests, is one that we did not expect.
        if self._ends_at is not None and (
            ticket.sent_at + reset > self._ends_at + (self.window_seconds or 0) / 10 or used + is_refused <= ticket.answered
        ):
            self._open(now, sent=self._in_flight + 1)
        # Every answer overstates the end by its own way back, so the earliest is the closest, and still not too early.
        self._ends_at = now + reset if self._ends_at is None else min(self._ends_at, now + reset)
        self._answered += 1
        self._refused += is_refused
        self._others = max(self._others, used - self._sent)
        half_way = (ticket.sent_at + now) / 2
        self._others_likely = used - (self._sent - sum(at > half_way for at in self._sent_lately))
        if self._answered == 1:
            self._others_before, self._told_at = self._others, now
        elif self._window == 0 and self._others > self._others_before and not self._lead:
            self._lead = self._sent
        self._others_at_most = used - (self._sent - self._in_flight)

    def _roll(self, now: float) -> None:
        if self._ends_at is not None and now >= self._ends_at:
            self._open(now, sent=self._in_flight)

    def _open(self, now: float, *, sent: int) -> None:
        without_lead = self._part if self._window == 0 and self._lead else None
        if self._sent - self._refused + self._others > 0:
            self._last_part = (self._sent - self._refused) / (self._sent - self._refused + self._others)
        if without_lead is not None:
            self._last_part = (self._last_part + without_lead) / 2
        self._opened_at = now
        self._window += 1
        self._ends_at = None
        self._sent, self._refused, self._answered = sent, 0, 0
        self._others = self._others_at_most = 0
        self._held_since = None


def _towards_equal(part: float) -> float:
    """The part that we aim at: less where we have most, more where we have little, so that all come to have the same."""
    ours, theirs = math.sqrt(part), math.sqrt(1 - part)
    return ours / (ours + theirs)
