"""What became of a row of a task that sends stock, shipments or refunds, with the numbers that tell why. Types only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_bigcommerce.core.keys import Key
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """A row that has its outcome.

    :param outcome: what became of it.
    :param told: what the outcome file has in addition to it, and nowhere else: numbers of stock, amounts.
    :param back: the row that takes it back, as input of the same operator; None where there is none.
    """

    outcome: Outcome
    told: Mapping[str, object] = field(default_factory=dict)
    back: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is not sent.

    :param text: one line; no value of the row is in it.
    :param fields: names of the fields to blame.
    """

    text: str
    fields: tuple[str, ...] = ()

    def of(self, place: int, key: Key | None = None) -> Ended:
        """The rejected row."""
        return Ended(Outcome(place, key, "rejected", error=self.text, fields=self.fields))
