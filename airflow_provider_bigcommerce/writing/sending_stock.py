"""Applies a plan whose rows are pieces that come or go: the undo of stock. Sent once a run, whatever happens, and proven by reading back.

The order is that of ``sending_plan.py``, window by window. What is on the disk before a request leaves is not the journal's intent but a
note of ``stock_notes.py``: they say item by item what a run has sent, and what may have been sent is looked at and never sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.holding import while_held
from airflow_provider_bigcommerce.writing.journal import Closed, Intent, Journal, Numbers, Past, Settled, Window, WindowPast, Withdrawn
from airflow_provider_bigcommerce.writing.sending_plan import SendingManner, StoppedByRejectionError
from airflow_provider_bigcommerce.writing.stock import CALLS, ROWS_IN_HAND, StockWriting
from airflow_provider_bigcommerce.writing.stock_notes import StockNotes

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.writing.claims import Lease
    from airflow_provider_bigcommerce.writing.sent_notes import Notes

#: Rows of a window: as many as are sent before the first of them is read back.
STOCK_WINDOW: Final = ROWS_IN_HAND
#: Seconds in which a quantity must show, where the run that is taken back does not say.
CONFIRM_WITHIN: Final = 300.0
_REASON: Final = "undo"


class StockSending:
    """One try of applying such a plan.

    :param notes: what this run has sent.
    :param clock: monotonic seconds.
    :param sleep: waits that many seconds.
    """

    def __init__(
        self, store: BigCommerceStore, manifest: PlanManifest, journal: Journal, past: Past, lease: Lease, manner: SendingManner,
        notes: Notes, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._store, self._manifest, self._journal, self._past, self._lease = store, manifest, journal, past, lease
        self._manner, self._clock, self._sleep = manner, clock, sleep
        self._notes = StockNotes(notes)
        #: Why not all rows were sent; None where all were.
        self.error: Exception | None = None

    async def run(self, rows: Iterable[PlanRow], size: int) -> None:
        """Send what is still to be sent.

        :param rows: the plan's, in order.
        :param size: rows of a window, as the first try had it.
        """
        try:
            await while_held(self._lease, self._windows(rows, size))
        except BigCommerceError as error:
            self.error = error
        with contextlib.suppress(BigCommerceError):
            await self._journal.flush()

    async def _windows(self, rows: Iterable[PlanRow], size: int) -> None:
        left, number = iter(rows), 0
        while (window := list(islice(left, size))) and self.error is None:
            past = self._past.window(number)
            if not past.is_closed:
                await self._window(number, window, past)
            number += 1

    async def _window(self, number: int, rows: Sequence[PlanRow], past: WindowPast) -> None:
        self._journal.note(Window(number))
        open_rows = [row for row in rows if row.row not in past.outcomes]
        maybe = [row.row for row in open_rows if self._notes.sent(_identity(row)) is not None]
        if maybe:  # an earlier try's, for who tells of this run if it ends before it has looked
            self._journal.note(Intent(call=" ".join(CALLS["relative"]), rows=maybe, digest=""))
        settings = self._manifest.settings
        writing = StockWriting(
            self._store, self._notes, mode="relative", reason=_REASON, confirm_within=float(settings.get("confirm_within", CONFIRM_WITHIN)),
            clock=self._clock, sleep=self._sleep, stops=self._manner.on_rejected == "stop",
        )  # fmt: skip
        ended = await writing.run([row.body for row in open_rows])
        self.error = writing.error
        for row, one in zip(open_rows, ended, strict=True):
            self._take(row, one)
        if self.error is None and self._manner.on_rejected == "stop" and ended.has_rejected:
            self.error = StoppedByRejectionError("A row was rejected, and on_rejected='stop'.")
        if self.error is None:
            await self._journal.durable(Closed(number))

    def _take(self, row: PlanRow, ended: Ended) -> None:
        """Note a row's outcome; of a run that was ended, those that are not clear are left to the next try."""
        outcome = ended.outcome
        if ended.told:
            self._journal.note(Numbers(row.row, dict(ended.told)))
        if outcome.outcome == "not_sent":
            self._journal.note(Withdrawn(row.row))
        elif outcome.outcome == "unknown" and self.error is not None:
            self._journal.note(Intent(call=" ".join(CALLS["relative"]), rows=[row.row], digest=""))
        else:
            told = OutcomeRow(
                row=row.row, key=row.key, id=outcome.id if outcome.id is not None else row.id, outcome=outcome.outcome,
                status=outcome.status, error=outcome.error, fields=list(outcome.fields or row.fields), attempt=self._manner.attempt,
            )  # fmt: skip
            self._journal.note(Settled(told))


def _identity(row: PlanRow) -> Any:
    """The item at its location, as it is sent."""
    name = "product_id" if "product_id" in row.body else "variant_id"
    return name, row.body[name], row.body["location_id"]
