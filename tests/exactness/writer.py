"""Somebody who changes a store while it is read: inserts, deletes and edits at a steady rate, from a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.store import Store

#: Writes a second, as the claim has it.
RATE = 100


class Writer:
    """Writes the n-th change n hundredths of a second after it began, late ones at once, until it is left.

    :param store: the sandbox's state.
    :param resource: its table.
    :param add: adds one row.
    :param seed: of the dice that choose what happens.
    """

    def __init__(self, store: Store, resource: str, add: Callable[[Store], Any], *, seed: int = 1) -> None:
        self._store, self._resource, self._add = store, resource, add
        self._key = store.tables[resource].key
        self._dice = random.Random(seed)
        before = list(store.tables[resource].ids())
        self._leaving = before[::3]
        self._dice.shuffle(self._leaving)
        leaving = {*self._leaving}
        #: Keys of the rows that exist all the time; some of them are edited.
        self.stay = [row_id for row_id in before if row_id not in leaving]
        self.writes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()

    def _write(self) -> None:
        began = time.monotonic()
        while not self._is_over.wait(max(0.0, began + self.writes / RATE - time.monotonic())):
            self.once()

    def once(self) -> None:
        """One change."""
        what = self._dice.choice(("insert", "delete", "edit"))
        if what == "insert":
            self._add(self._store)
        elif what == "delete" and self._leaving:
            self._store.delete(self._resource, self._leaving.pop())
        else:
            self._store.edit(self._resource, self._dice.choice(self.stay), name=f"changed {self.writes}")
        self.writes += 1

    def exchange(self) -> None:
        """The first row goes, another comes: their number stays."""
        self._store.delete(self._resource, self._store.tables[self._resource].ids()[0])
        self._add(self._store)
