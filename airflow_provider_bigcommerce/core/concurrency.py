"""Decides how many requests may be under way at once, to the store and to each of its endpoints.

It begins at the most that is allowed, since a healthy store takes that, and learns from answers: failures and answers that are
far too slow make it fewer, good ones make it more again. Pure: the clock is an argument; nothing waits here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

#: What an attempt told of the endpoint: it took the request; it is overloaded or unreachable; it refuses this many at once; nothing.
Sign = Literal["good", "failed", "too_many", "none"]

#: A round with this share of failures is more than bad luck: at 5% faults, one round of 20 in 60 has as many, at 2% one in 1,600.
_FAILED_SHARE = 0.2
_FEWEST_FAILURES = 2
_SHORTEST_ROUND = 4
#: How slow all of a round's answers must be: so many times the fastest ever, and so many seconds more. A busy worker is not that slow.
_SLOW_FACTOR = 3.0
_SLOW_SECONDS = 0.5
#: An answer that took less than this part of what it took before: halving has helped.
_HELPED = 0.75
#: Seconds for which an endpoint's own limit is kept after it showed, and between two steps upwards afterwards.
HELD = 60.0
STEP = 10.0


@dataclass(slots=True)
class Change:
    """Fewer requests at once from now on.

    :param before: how many there were.
    :param now: how many there may be.
    :param why: for the log, in words.
    """

    before: int
    now: int
    why: str


@dataclass(slots=True, eq=False)
class Place:
    """One request that may be under way.

    :param endpoint: whose.
    :param round: the endpoint's round in which it began.
    :param latency: seconds until the answer began, where one came.
    """

    endpoint: Endpoint
    round: int
    latency: float | None = None


class Endpoint:
    """Requests at once to one endpoint.

    A round is as many answers as may be under way at once. It ends with more at once if its answers were good, and at its failure
    with fewer; what was sent before that says nothing of how the endpoint fares since, so that one outage counts once.

    :param most: requests at once that are documented or set.
    """

    def __init__(self, most: int) -> None:
        self.in_flight = 0
        self._most = most
        self._limit = most
        self._cap: int | None = None  # the endpoint's own, which its refusals showed
        self._capped_until = 0.0
        self._round = 0
        self._answers = self._failures = 0
        self._fastest_of_round: float | None = None
        self._floor: float | None = None
        self._slow: float | None = None  # how slow it was when it was halved for that
        self._told_until = -math.inf

    def limit(self, now: float) -> int:
        """Requests that may be under way at once."""
        if self._cap is None:
            return self._limit
        if now >= self._capped_until:
            steps = 1 + int((now - self._capped_until) / STEP)
            self._cap += steps
            self._capped_until += steps * STEP
            if self._cap >= self._most:
                self._cap = None
                return self._limit
        return min(self._limit, self._cap)

    def enter(self) -> Place:
        """Count one request as under way."""
        self.in_flight += 1
        return Place(self, self._round)

    def leave(self, place: Place, sign: Sign, now: float) -> Change | None:
        """Count it as ended, and learn from it."""
        under_way, self.in_flight = self.in_flight, self.in_flight - 1
        if sign == "none" or place.round < self._round:
            return None
        if sign == "too_many":
            return self._halve_for_refusal(under_way, now)
        self._answers += 1
        self._failures += sign == "failed"
        if place.latency is not None and sign == "good":
            fastest = self._fastest_of_round
            self._fastest_of_round = place.latency if fastest is None else min(place.latency, fastest)
        if self._failures >= max(_FEWEST_FAILURES, _FAILED_SHARE * self._limit):
            return self._halve(now, f"{self._failures} of the last {self._answers} requests failed")
        if self._answers >= max(_SHORTEST_ROUND, self._limit):
            return self._end_round(now)
        return None

    def _end_round(self, now: float) -> Change | None:
        """Grow, unless all of the round's answers were far slower than they can be."""
        fastest = self._fastest_of_round
        self._answers = self._failures = 0
        self._fastest_of_round = None
        if fastest is not None:
            floor = self._floor = fastest if self._floor is None else min(self._floor, fastest)
            if fastest > max(_SLOW_FACTOR * floor, floor + _SLOW_SECONDS) and self._limit > 1:
                if self._slow is None or fastest < _HELPED * self._slow:
                    self._slow = fastest
                    return self._halve(now, f"answers take {fastest:.1f} s, and took {floor:.1f} s")
                self._floor = fastest  # fewer at once did not make it faster: it is slow by itself
            self._slow = None
        self._limit = min(self._most, self._limit + max(1, self._limit // 2))
        return None

    def _halve(self, now: float, why: str) -> Change | None:
        before = self.limit(now)
        self._limit = max(1, before // 2)
        self._begin_round()
        return self._told(Change(before, self._limit, why), now)

    def _halve_for_refusal(self, under_way: int, now: float) -> Change | None:
        before = self.limit(now)
        self._cap = max(1, min(under_way, before) // 2)
        self._capped_until = now + HELD
        self._begin_round()
        return self._told(Change(before, self._cap, "it answered 429 with quota left: it takes fewer requests at once"), now)

    def _told(self, change: Change, now: float) -> Change | None:
        """The first change in a while; the steps that follow it closely need no line of their own."""
        if change.now == change.before or now < self._told_until:
            return None
        self._told_until = now + HELD
        return change

    def _begin_round(self) -> None:
        self._round += 1
        self._answers = self._failures = 0
        self._fastest_of_round = None


class Concurrency:
    """Requests at once to one store, and to each of its endpoints.

    :param ceiling: requests at once, of all kinds together.
    """

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._in_flight = 0
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def endpoint(self, method: str, path: str, documented: int | None) -> Endpoint:
        """What is known of an endpoint.

        :param path: with placeholders instead of ids.
        :param documented: requests at once that BigCommerce documents for it, or None.
        """
        key = (method, path)
        if key not in self._endpoints:
            self._endpoints[key] = Endpoint(min(documented or self._ceiling, self._ceiling))
        return self._endpoints[key]

    def has_room(self, endpoint: Endpoint, now: float) -> bool:
        """Whether one more request may be under way. Where it may not, one is that will end."""
        return self._in_flight < self._ceiling and endpoint.in_flight < endpoint.limit(now)

    def enter(self, endpoint: Endpoint) -> Place:
        """Count one request as under way."""
        self._in_flight += 1
        return endpoint.enter()

    def leave(self, place: Place, sign: Sign, now: float) -> Change | None:
        """Count it as ended.

        :returns: what changed, where it is worth a line in the log.
        """
        self._in_flight -= 1
        return place.endpoint.leave(place, sign, now)
