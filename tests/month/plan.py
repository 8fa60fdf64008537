"""What happens to the store and to its copy in the month, and in its short form: when, and which tasks keep the copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.month.sync import Task

#: March 2026 in Europe: on the 29th, a day has 23 hours.
BEGINNING: Final = datetime(2026, 3, 1, tzinfo=UTC)
#: The store at the beginning.
SIZE: Final = {"products": 60, "orders": 4, "customers": 30}


@dataclass(frozen=True)
class Plan:
    """What goes wrong and when, in hours since the beginning.

    :param outages: hour -> kind of answer, how many requests it hits, and how many it lets through before.
    :param kills: hour -> the task, and the statement, or the call of the file system, after which its try dies.
    :param backfill: hour of the backfill of the time before.
    :param compactions: hours at which a copy in files is compacted.
    :param new_fields: hour from which orders have fields that no schema knows.
    :param full_every: of the products, whose change date does not move for every change.
    """

    days: int
    outages: dict[int, tuple[str, int, int]]
    kills: dict[int, tuple[str, int]]
    backfill: int
    compactions: tuple[int, ...]
    new_fields: int
    full_every: timedelta

    def tasks(self) -> list[Task]:
        """The tasks that keep the copy."""
        whole: dict[str, Any] = {"mode": "incremental", "deletes": "delete"}
        return [
            Task("orders", 1, {"resource": "orders", "mode": "incremental", "initial_since": BEGINNING.isoformat()}),
            # What is archived is marked once a day, by a task that costs the ids of all orders.
            Task("archived_orders", 24, {"resource": "orders", "mode": "incremental", "deletes": "detect"}),
            Task("customers", 4, {"resource": "customers", **whole}),
            Task("products", 4, {"resource": "products", **whole, "full_every": self.full_every}),
            # One product has 600 of the variants; when it goes, the guard has to be told that this may be.
            Task("product_variants", 24, {"resource": "product_variants", **whole, "max_deleted_percent": 95}),
            Task("categories", 24, {"resource": "categories", **whole}),
        ]


FIVE_DAYS: Final = Plan(
    5,
    outages={10: ("503", 9, 0), 31: ("reset_before", 4, 1), 55: ("html", 3, 0), 80: ("reset_body", 2, 3), 101: ("truncated_gzip", 3, 1)},
    kills={20: ("orders", 5), 48: ("products", 12), 90: ("orders", 18)},
    backfill=40,
    compactions=(62, 98),
    new_fields=60,
    full_every=timedelta(days=2),
)
MONTH: Final = Plan(
    31,
    outages={
        70: ("503", 40, 0),
        200: ("reset_before", 9, 1),
        333: ("html", 6, 0),
        500: ("reset_body", 4, 3),
        660: ("truncated_gzip", 12, 1),
    },
    kills={100: ("orders", 5), 408: ("products", 12), 700: ("orders", 18)},
    backfill=240,
    compactions=(168, 336, 504, 672),
    new_fields=400,
    full_every=timedelta(days=7),
)
