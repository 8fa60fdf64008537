"""The mails a store would have sent, so that a test can prove that nobody was told twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["shipment created", "status changed", "order refunded", "customer created"]


@dataclass(frozen=True)
class Mail:
    """One mail that left the store.

    :param what: what it tells.
    :param customer_id: who got it; 0 for a guest.
    :param order_id: the order it is about, or None.
    :param at: when, in epoch seconds of the store's clock.
    :param about: the row that made it leave: a shipment's or a refund's id, a status id.
    """

    what: What
    customer_id: int
    order_id: int | None
    at: int
    about: int | None = None
