"""What can go wrong on the wire, on purpose: which request is hit, and by what. Drawn from the seed, counted by kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

from airflow_provider_bigcommerce.sandbox import odd_answers
from airflow_provider_bigcommerce.sandbox.answers import Answer
from airflow_provider_bigcommerce.sandbox.dice import Dice
from airflow_provider_bigcommerce.sandbox.odd_answers import Asker, Exchange, Odd

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
    "500_after",  # as 500, 502, 503 and 504, but the server had acted; never drawn unless asked for
    "502_after",
    "503_after",
    "504_after",
    "answer",  # for fail_next only: status, body and headers as given
]
ALL_KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "answer")
KINDS: tuple[Kind, ...] = tuple(kind for kind in ALL_KINDS if kind[0] != "5" or "_" not in kind)  # those drawn where no kinds are named
#: What may hit a write, half of it after the server had acted.
WRITE_KINDS: tuple[Kind, ...] = ("reset_before", "timeout_before", "500", "503", "reset_after", "timeout_after", "500_after", "503_after")


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


@dataclass
class EndpointRate:
    """How often one endpoint fails, in place of the general rate; drawn on its own, whatever other endpoints are asked."""

    method: str | None
    match: re.Pattern[str]
    rate: float
    kinds: tuple[Kind, ...]
    dice: Dice
    drawn: int = 0


@dataclass
class PlannedOdd:
    """Odd answers that a test asked for: the nth matching request and those after it, `times` of them."""

    name: str
    make: Odd
    match: re.Pattern[str]
    method: str | None
    nth: int
    times: int | None
    seen: int = 0
    first: Answer | None = None
    previous: Answer | None = None

    def hit(self) -> bool:
        """Count one more matching request, and tell whether its answer is odd."""
        self.seen += 1
        return self.nth <= self.seen and (self.times is None or self.seen < self.nth + self.times)


class Faults:
    """Decides for each request whether it fails, and how.

    :param seed: the store's seed.
    :param rate: probability of a fault for each request, 0 to 1; drawn anew for a repeated request, so that retries can succeed.
    :param kinds: the kinds drawn from.
    """

    def __init__(self, seed: int = 1, rate: float = 0.0, kinds: Sequence[Kind] = KINDS) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"fault rate is a probability from 0 to 1, got {rate}")
        _known(kinds)
        self.rate, self.kinds = rate, tuple(kinds)
        self.counts: Counter[str] = Counter()
        self._dice = Dice(seed, "faults")
        self._drawn = 0
        self._seed = seed
        self._planned: list[Planned] = []
        self._endpoints: list[EndpointRate] = []
        self._odd: list[PlannedOdd] = []

    def plan(self, fault: Planned) -> None:
        """Let coming requests fail."""
        if fault.kind != "answer" and fault.kind not in ALL_KINDS:
            raise ValueError(f"unknown fault kind {fault.kind!r}; there are answer, {', '.join(ALL_KINDS)}")
        self._planned.append(fault)

    def endpoint(self, path: str, rate: float, *, method: str | None = None, kinds: Sequence[Kind] = WRITE_KINDS) -> None:
        """Let requests to one endpoint fail at a rate of its own.

        :param path: path within the store, `/v3/catalog/products`; a key in braces stands for any: `/v2/orders/{order_id}/shipments`.
        :param rate: probability from 0 to 1.
        :param method: only this HTTP method.
        :param kinds: the kinds drawn from.
        :raises ValueError: the rate is no probability, or there is no such kind.
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"fault rate is a probability from 0 to 1, got {rate}")
        _known(kinds)
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/"))
        dice = Dice(self._seed, f"faults {method or '*'} {path}")
        self._endpoints.append(EndpointRate(method, re.compile(pattern), rate, tuple(kinds), dice))

    def add_endpoints(self, text: str) -> None:
        """Read rates of endpoints as the command line has them: `PUT /v3/catalog/products=0.05:reset_after,503_after`.

        :param text: method (or `*`), path, rate, and kinds after a colon; without kinds, those of `WRITE_KINDS`. Several with `;` between.
        :raises ValueError: it is written otherwise.
        """
        for part in filter(None, map(str.strip, text.split(";"))):
            found = re.fullmatch(r"(\*|[A-Z]+) (/[^\s=]*)=([\d.]+)(?::([\w,]+))?", part)
            if found is None:
                raise ValueError(
                    f"a fault of an endpoint is METHOD PATH=RATE[:KIND,KIND], for example PUT /v3/catalog/products=0.05; got {part!r}"
                )
            named = found[4].split(",") if found[4] else WRITE_KINDS
            _known(named)
            kinds = [kind for name in named for kind in ALL_KINDS if kind == name]
            self.endpoint(found[2], float(found[3]), method=None if found[1] == "*" else found[1], kinds=kinds)

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
        own = next((one for one in self._endpoints if one.method in (None, method) and one.match.fullmatch(path.partition("?")[0])), None)
        if chosen is None and own is not None:
            own.drawn += 1
            chosen = _drawn(own.dice, own.drawn, own.rate, own.kinds)
        elif chosen is None and self.rate:
            self._drawn += 1
            chosen = _drawn(self._dice, self._drawn, self.rate, self.kinds)
        if chosen is not None:
            self.counts[chosen.kind] += 1
        return chosen

    def odd(self, path: str, *, answer: str | Odd, nth: int = 1, times: int | None = 1, method: str | None = "GET") -> PlannedOdd:
        """Answer some coming requests oddly; every other request is answered as it should be.

        :param path: regular expression searched in the path within the store and its query: `^/v3/customers`, `/v2/orders.*page=2`.
        :param answer: a name of `odd_answers.NAMED`, or a function of an `odd_answers.Exchange` that gives the answer.
        :param nth: the first matching request that is hit; 1 is the next. Requests that are refused or fail by a fault are not counted.
        :param times: how many matching requests are hit in a row; None for all that come.
        :param method: only this HTTP method; None for all.
        :returns: the plan; its `seen` counts the matching requests. Several plans that hit one request change its answer in turn.
        :raises ValueError: there is no odd answer of that name, or the numbers make no sense.
        """
        if nth < 1 or (times is not None and times < 1):
            raise ValueError(f"nth and times begin at 1, got nth={nth}, times={times}")
        name = answer if isinstance(answer, str) else getattr(answer, "__name__", "odd")
        plan = PlannedOdd(name, odd_answers.kind(answer), re.compile(path), method, nth, times)
        self._odd.append(plan)
        return plan

    def clear_odd(self) -> None:
        """Answer every request as it should be again."""
        self._odd.clear()

    def answer(self, method: str, path: str, query_text: str, ask: Asker) -> tuple[Answer, str | None]:
        """Answer a request, oddly where a plan says so.

        :param path: path within the store.
        :param query_text: its query as it was sent.
        :param ask: gives the store's own answer for these parameters.
        :returns: the answer, and the name of what is odd in it.
        """
        whole = f"{path}?{query_text}" if query_text else path
        plans = [plan for plan in self._odd if plan.method in (None, method) and plan.match.search(whole)]
        due = [plan for plan in plans if plan.hit()]
        for plan in due:
            self.counts[f"odd:{plan.name}"] += 1
            ask = partial(_oddly, plan, method, path, ask)
        sent = ask(odd_answers.decoded(query_text))
        for plan in plans:
            plan.first, plan.previous = plan.first or sent, sent
        return sent, "+".join(f"odd:{plan.name}" for plan in due) or None


def _oddly(plan: PlannedOdd, method: str, path: str, ask: Asker, query: Mapping[str, str]) -> Answer:
    return plan.make(Exchange(method, path, query, plan.seen, ask, plan.first, plan.previous))


def _known(kinds: Sequence[str]) -> None:
    unknown = set(kinds) - set(ALL_KINDS)
    if unknown:
        raise ValueError(f"unknown fault kinds {sorted(unknown)}; there are {', '.join(ALL_KINDS)}")


def _drawn(dice: Dice, number: int, rate: float, kinds: Sequence[Kind]) -> Planned | None:
    if dice.below(1_000_000, number) >= rate * 1_000_000:
        return None
    return Planned(dice.pick(kinds, number, 1), 0, 0, re.compile(""), None)
