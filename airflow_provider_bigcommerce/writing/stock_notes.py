"""What a run has sent of stock, item by item, as its notes tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from airflow_provider_bigcommerce.core.stocking import Identity, Target
from airflow_provider_bigcommerce.exceptions import DestinationError
from airflow_provider_bigcommerce.writing.kept import KeptByKey
from airflow_provider_bigcommerce.writing.sent_notes import Note, Notes

#: ``open``: it was about to be sent, and nobody knows more. ``answered``: the store took it. ``shown``: it was read back.
State = Literal["open", "answered", "shown"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One item at one location that was sent, or was about to be.

    :param old: pieces before, None where there was no stock.
    :param quantity: what was sent.
    """

    old: int | None
    quantity: int
    state: State


class StockNotes:
    """The notes of one run of a task that writes stock.

    :param notes: where they stand.
    :raises DestinationError: they cannot be read.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._sent: KeptByKey[Sent] = KeptByKey()
        for note in notes.all():
            self._take(note)

    def sent(self, identity: Identity) -> Sent | None:
        """What this run has sent for an item at a location so far; None for nothing, and where the store certainly refused it."""
        return self._sent.get(identity_text(identity))

    def intend(self, targets: Sequence[Target]) -> None:
        """Before a request goes out."""
        self._add("intend", [[*target.identity, target.old, target.wanted.quantity] for target in targets])

    def answered(self, targets: Sequence[Target]) -> None:
        """After the store said that it took them."""
        self._add("answered", [[*target.identity] for target in targets])

    def refused(self, targets: Sequence[Target]) -> None:
        """After it said that it did not, or the request never reached it."""
        if targets:
            self._add("refused", [[*target.identity] for target in targets])

    def shown(self, targets: Sequence[Target]) -> None:
        """After they were read back."""
        self._add("shown", [[*target.identity] for target in targets])

    def _add(self, what: str, rows: list[list[object]]) -> None:
        note = {"what": what, "rows": rows}
        self._notes.add(note)
        self._take(note)

    def _take(self, note: Note) -> None:
        try:
            what, rows = note["what"], note["rows"]
            if what == "intend":
                for name, item, location, old, quantity in rows:
                    self._sent[identity_text((name, item, location))] = Sent(old, quantity, "open")
            elif what == "refused":
                for identity in _identities(rows):
                    self._sent.drop(identity_text(identity))
            elif what in ("answered", "shown"):
                for identity in _identities(rows):
                    self._sent[identity_text(identity)] = replace(self._sent[identity_text(identity)], state=what)
            else:
                raise ValueError(what)
        except (KeyError, TypeError, ValueError) as error:
            raise DestinationError(
                "A note of what this run has sent is of another version, or was edited: what was sent is not known, so nothing was sent. "
                "Look into the store, and start a new run of the DAG for what is missing."
            ) from error


def identity_text(identity: Identity) -> str:
    """An item at a location, as a key."""
    return "/".join(map(str, identity))


def _identities(rows: Iterable[Sequence[object]]) -> list[Identity]:
    return [(name, item, location) for name, item, location in rows]  # type: ignore[misc]  # as they were written; else a ValueError
