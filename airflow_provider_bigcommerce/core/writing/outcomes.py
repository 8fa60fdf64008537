"""What became of a row: one outcome for each row of the input, whatever the store answered.

Types only. An outcome carries the row's place and key and the names of its fields, and no other value of the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from airflow_provider_bigcommerce.core.keys import Key

#: ``created``: the store has a new row. ``updated``: the row was written; an upsert that the store itself carries out does not tell which
#: rows are new, and all of its rows are ``updated``. ``unchanged``: the store had it, or had it not, already, and took nothing.
#: ``deleted``: the store no longer has it. ``partial``: its fields were saved, and something that belongs to it (stock, URL, image) was
#: not. ``rejected``: found wrong before it was sent, or refused; the store has not taken it. ``conflict``: another row is in the way, or it
#: is locked (409, 423). ``unknown``: it was sent, the answer is unclear, and the store's rows do not tell either. ``not_sent``: the run
#: ended before its turn.
OutcomeKind = Literal["created", "updated", "unchanged", "deleted", "partial", "rejected", "conflict", "unknown", "not_sent"]

OUTCOME_KINDS: tuple[OutcomeKind, ...] = get_args(OutcomeKind)

#: What needs nobody's attention.
GOOD_OUTCOMES: frozenset[OutcomeKind] = frozenset({"created", "updated", "unchanged", "deleted"})

#: What rejected rows do to a run: it fails when all others are sent; nothing more is sent; it succeeds, and the log tells.
OnRejected = Literal["fail", "stop", "warn"]
ON_REJECTED: tuple[OnRejected, ...] = ("fail", "stop", "warn")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row of the input.

    :param row: the row's place in the input, from 0.
    :param key: the values by which the row was distinguished from others (``match_on``, or its id), None where it has none.
    :param outcome: what became of it.
    :param id: the store's id of the row, None where it is not known.
    :param status: status of the answer that decided, None where none did.
    :param error: why, on one line, None where all is well; no value of the row is in it, nor of the store's.
    :param fields: names of the fields that were to be written; for a ``rejected`` row, of those that are to blame, where that is known.
    """

    row: int
    key: Key | None
    outcome: OutcomeKind
    id: int | str | None = None
    status: int | None = None
    error: str | None = None
    fields: tuple[str, ...] = field(default=())

    @property
    def is_good(self) -> bool:
        """Whether the row needs nobody's attention."""
        return self.outcome in GOOD_OUTCOMES
