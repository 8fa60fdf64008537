"""What can go wrong on the wire, on purpose: which request is hit, and by what. Drawn from the seed, counted by kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from airflow_provider_bigcommerce.sandbox.dice import Dice

Kind = Literal[
    "429",  # with the rate-limit headers, window used up as far as they tell
    "429_bare",  # platform load: no rate-limit header at all
    "500",
    "502",
    "503",
    "504",
    "timeout_before",  # no answer until the client gives up; the server did nothing
    "timeout_after",  # the same, but the server had done what it was asked
    "reset_before",  # connection reset before the header; the server did nothing
    "reset_after",  # the same, but the server had acted
    "reset_body",  # connection reset in the middle of the body
    "truncated_gzip",  # a gzip stream that ends early, in a complete response
    "html",  # a proxy's page with status 200
    "stall",  # header and half of the body, then silence
    "answer",  # for fail_next only: status, body and headers as given
]
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "answer")


@dataclass
class Planned:
    """A fault a test asked for."""

    kind: Kind
    left: int
    skip: int
    match: re.Pattern[str]
    method: str | None
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Faults:
    """Decides for each request whether it fails, and how.

    :param seed: the store's seed.
    :param rate: probability of a fault for each request, 0 to 1; drawn anew for a repeated request, so that retries can succeed.
    :param kinds: the kinds drawn from.
    """

    def __init__(self, seed: int = 1, rate: float = 0.0, kinds: Sequence[Kind] = KINDS) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"fault rate is a probability from 0 to 1, got {rate}")
        unknown = set(kinds) - set(KINDS)
        if unknown:
            raise ValueError(f"unknown fault kinds {sorted(unknown)}; there are {', '.join(KINDS)}")
        self.rate, self.kinds = rate, tuple(kinds)
        self.counts: Counter[str] = Counter()
        self._dice = Dice(seed, "faults")
        self._drawn = 0
        self._planned: list[Planned] = []

    def plan(self, fault: Planned) -> None:
        """Let coming requests fail."""
        if fault.kind != "answer" and fault.kind not in KINDS:
            raise ValueError(f"unknown fault kind {fault.kind!r}; there are answer, {', '.join(KINDS)}")
        self._planned.append(fault)

    def draw(self, method: str, path: str) -> Planned | None:
        """Decide about one request, and count it."""
        chosen = None
        for planned in self._planned:
            if planned.left > 0 and planned.match.search(path) and planned.method in (None, method):
                if planned.skip > 0:
                    planned.skip -= 1
                    continue
                planned.left -= 1
                chosen = planned
                break
        self._planned = [planned for planned in self._planned if planned.left > 0]
        if chosen is None and self.rate:
            self._drawn += 1
            if self._dice.below(1_000_000, self._drawn) < self.rate * 1_000_000:
                chosen = Planned(self._dice.pick(self.kinds, self._drawn, 1), 0, 0, re.compile(""), None)
        if chosen is not None:
            self.counts[chosen.kind] += 1
        return chosen
