"""A day of a store: how many requests its changes cost a live copy, and how many a copy by the clock every hour.

Counted, not timed, without Airflow; when changes happen and runs read them is a number. Events that come while a run is under way are read
by the next, as with ``max_active_runs=1``. A whole day is counted on paper, by the functions that decide what a run reads; for a part of
one, ``event_day_read`` lets the operator read the sandbox, and must come to the same number.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.id_ways import batches
from airflow_provider_bigcommerce.core.live import readings, wanted

RESOURCES: Final = ("products", "product_variants")
VARIANTS: Final = 3  # of each product
PAGE: Final = 250
HOURS: Final = 24
DAY: Final = HOURS * 3600.0
#: Seconds from an event to the moment at which its run reads, and from there to the end of the run: the best that was measured, so that
#: runs gather as few changes as they can.
TO_READ: Final = 1.8
TO_END: Final = 1.0
#: Pattern -> what it is, as the page says it.
PATTERNS: Final[Mapping[str, str]] = {
    "spread": "one by one, at any moment of the day",
    "hours": "one by one, between 8:00 and 18:00",
    "imports": "half of them in two imports of a minute each, the others at any moment",
}

#: What the events of one run name: resource -> payloads.
Pending = Mapping[str, Sequence[dict[str, Any]]]


def moments(pattern: str, count: int) -> list[float]:
    """When changes happen: seconds of the day, in order; the same in each process."""
    dice = random.Random(pattern)
    if pattern == "spread":
        return sorted(dice.uniform(0, DAY) for _ in range(count))
    if pattern == "hours":
        return sorted(dice.uniform(8 * 3600, 18 * 3600) for _ in range(count))
    imports = [(5.5, 13.5)[number % 2] * 3600 + dice.uniform(0, 60) for number in range(count // 2)]
    return sorted([*imports, *(dice.uniform(0, DAY) for _ in range(count - len(imports)))])


def requests_of(
    when: Sequence[float], change: Callable[[int], tuple[str, dict[str, Any]]], read: Callable[[Pending], int], settle: float
) -> tuple[int, int]:
    """Let changes happen, and runs read them.

    :param when: seconds of the changes, in order.
    :param change: makes the change of that number: resource and the payload of its event.
    :param read: a run by events: its requests.
    :param settle: for how long a run gathers the events of a burst.
    :returns: requests and runs.
    """
    pending: dict[str, list[dict[str, Any]]] = {name: [] for name in RESOURCES}
    requests, runs, oldest, free_at = 0, 0, None, 0.0
    for number, moment in enumerate((*when, math.inf)):
        while oldest is not None and (reads_at := max(oldest + max(TO_READ, settle), free_at + TO_READ)) < moment:
            requests, runs = requests + read(pending), runs + 1
            pending, oldest, free_at = {name: [] for name in RESOURCES}, None, reads_at + TO_END
        if number < len(when):
            name, payload = change(number)
            pending[name].append(payload)
            oldest = moment if oldest is None else oldest
    return requests, runs


def told(resource: str, key: int, parent: int | None = None) -> tuple[str, dict[str, Any]]:
    """A change, as the receiver tells of it."""
    payload: dict[str, Any] = {"resource": resource, "store_hash": "abc123", "ids": [key], "deleted": [], "is_whole": True}
    return resource, payload if parent is None else {**payload, "parents": [parent]}


# -- on paper


def pages(rows: int) -> int:
    """Of a list."""
    return math.ceil(rows / PAGE)


def on_paper(pending: Pending) -> int:
    """The requests of a run by events, by what the product decides to read."""
    requests = 0
    for name, payloads in pending.items():
        row = CATALOG[name]
        for reading in readings(row, wanted(row, [(name, {"payload": payload}) for payload in payloads], "abc123")):
            if reading.ids is None:
                raise ValueError(f"A run by events would read {name} as by the clock; it is not counted here.")
            for batch in batches(reading.ids):
                rows = len(batch) * (VARIANTS if reading.by else 1)
                requests += 1 if rows < PAGE else 2 * pages(rows)  # several pages are read until two passes agree
    return requests


def paper_day(pattern: str, *, products: int, changes: int, settle: float) -> tuple[int, int]:
    """Requests and runs of a day's changes: every second one is of a product, the others are of a variant."""
    dice = random.Random(1)

    def change(number: int) -> tuple[str, dict[str, Any]]:
        product = dice.randrange(products)
        return told("products", product) if number % 2 == 0 else told("product_variants", product * VARIANTS, product)

    return requests_of(moments(pattern, changes), change, on_paper, settle)
