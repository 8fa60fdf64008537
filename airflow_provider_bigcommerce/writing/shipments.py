"""Sends shipments, each once: an order's shipments are looked at before each sending. ``core/shipping.py`` decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_bigcommerce.core.catalog.operations import operation_of
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.core.row_values import whole_number
from airflow_provider_bigcommerce.core.shipping import Line, Parcel, Ship, Shipped, decide, is_sent, parcels_of, read_row
from airflow_provider_bigcommerce.core.writing.checking import faults_of, told
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.steps import Hopeless
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.kept import Endings, Kept
from airflow_provider_bigcommerce.writing.reading_back import NOT_SHOWN, Chosen

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.writing.guards import Guards
    from airflow_provider_bigcommerce.writing.reading_back import Verify

#: Sendings of one parcel, where the earlier ones have left no shipment.
_MOST_SENDINGS = 3
#: Seconds that the store is given to finish what it did not answer, before it is asked; twice as many the next time.
_FIRST_PAUSE = 5.0
#: Orders that are worked on at once.
_AT_ONCE: Final = 8
_TEMPLATE = "/v2/orders/{order_id}/shipments"
_UNCLEAR = "The answer did not come, or was unclear, and the order has no such shipment; it may come still. Look before you send it again."
_NOT_SENT = "The run ended before the row's turn; nothing of it was sent."
_CONFLICTS = frozenset({409, 423})


class ShipmentWriting:
    """One write of shipments.

    :param sleep: waits that many seconds.
    :param provider: ``shipping_provider`` of rows that say nothing of how they are shipped.
    :param stops: whether one rejected row keeps all that were not sent yet from being sent.
    :param verify: which shipments are read back after they were made.
    :param guards: limits on what is sent, held before anything is; a parcel that the order has already counts too.
    """

    def __init__(
        self,
        store: BigCommerceStore,
        *,
        sleep: Callable[[float], Awaitable[None]],
        provider: str | None = None,
        stops: bool = False,
        verify: Verify = "unclear",
        guards: Guards | None = None,
    ) -> None:
        self._store, self._sleep, self._provider, self._stops = store, sleep, provider, stops
        self._verify, self._guards = verify, guards
        self._chosen = Chosen(verify, 0)
        self._ended = Endings()
        write = operation_of("POST", _TEMPLATE)
        self._fields = None if write is None else fields_of(write)
        #: Why not all rows were sent; None where they were.
        self.error: BigCommerceError | None = None

    async def run(self, rows: Iterable[Mapping[str, Any]]) -> Endings:
        """What became of each row, in the input's order.

        :raises TooManyChangesError: a guard's limit is exceeded; nothing was sent.
        """
        read: Kept[Parcel] = Kept()
        count = 0
        for place, row in enumerate(rows):
            count += 1
            found = read_row(place, row, self._provider)
            if isinstance(found, Ended):
                self._ended.add(found)
            else:
                read.put(place, found, key=str(found.order))
        parcels: Kept[Parcel] = Kept()
        for order in read.groups():
            good, refused = parcels_of(order)
            for parcel in good:
                parcels.put(parcel.places[0], parcel, key=str(parcel.order))
            for ended in refused:
                self._ended.add(ended)
        if self._guards is not None:
            self._guards.rows, self._guards.changes = count, len(parcels)
            self._guards.check()
        self._chosen = Chosen(self._verify, len(parcels))
        waiting = parcels.groups()  # each worker takes the next order when it is done with one

        async def work() -> None:
            for order in waiting:
                for parcel in order:
                    await self._one(parcel)

        await _all(work() for _ in range(min(_AT_ONCE, len(parcels))))
        return self._ended

    async def _one(self, parcel: Parcel) -> None:
        if self.error is not None:
            self._end(parcel, "not_sent", error=_NOT_SENT)
        elif self._stops and self._ended.has_rejected:
            self._end(parcel, "not_sent", error="Another row was rejected, and on_rejected='stop' sends nothing more then.")
        else:
            try:
                await self._send(parcel)
            except BigCommerceError as error:  # the order could not be read; nothing of the parcel was sent
                self.error = self.error or error
                self._end(parcel, "not_sent", error=_NOT_SENT)

    async def _send(self, parcel: Parcel) -> None:
        path = f"/v2/orders/{parcel.order}"
        lines = await self._store.listed(f"{path}/products")
        if lines is None:
            self._refuse(parcel, Refusal("The store has no such order.", ("order_id",)))
            return
        shipments = await self._shipments(path)
        what = decide(parcel, [Line.of(line) for line in lines], shipments)
        if isinstance(what, Refusal):
            self._refuse(parcel, what)
        elif isinstance(what, Shipped):
            self._end(parcel, "unchanged", id=what.id)
        elif faults := faults_of(what.body, self._fields, is_v2=True):
            self._refuse(parcel, Refusal(told(faults), tuple(fault.field for fault in faults)))
        else:
            await self._send_body(parcel, path, what)

    async def _send_body(self, parcel: Parcel, path: str, what: Ship) -> None:
        """Send until the store has the shipment, or says why not; never before it was asked whether it has it already."""
        pause = _FIRST_PAUSE
        for _ in range(_MOST_SENDINGS):
            result = await self._store.answered("POST", f"{path}/shipments", what.body)
            if isinstance(result, Response):
                await self._take(parcel, path, result, what.body)
                return
            if isinstance(result, Hopeless):
                self.error = self.error or result.error
                self._end(parcel, "not_sent", error=_NOT_SENT)
                return
            await self._sleep(pause)
            pause *= 2
            try:
                sent = is_sent(what.body, await self._shipments(path))
            except BigCommerceError as error:
                self.error = self.error or error
                self._end(parcel, "unknown", error=_UNCLEAR)
                return
            if sent is not None:
                self._end(parcel, "created", id=sent.id)
                return
            if result.is_end:
                self.error = self.error or result.error
                break
        self._end(parcel, "unknown", error=_UNCLEAR)

    async def _take(self, parcel: Parcel, path: str, answer: Response, body: Mapping[str, Any]) -> None:
        if answer.status < 300:
            made = answer.json()
            own = whole_number(made.get("id")) if isinstance(made, Mapping) else None
            if self._chosen.next():
                try:
                    is_shown = is_sent(body, await self._shipments(path)) is not None
                except BigCommerceError as failure:  # the shipment was made, and the run ends
                    self.error, is_shown = self.error or failure, True
                if not is_shown:
                    self._end(parcel, "unknown", id=own, error=NOT_SHOWN, status=answer.status)
                    return
            self._end(parcel, "created", id=own, status=answer.status)
            return
        scopes = resource_of("order_shipments").modify_scopes
        error = error_from(Request("POST", f"{path}/shipments"), answer, scopes=scopes)
        if answer.status == 403:
            self.error = self.error or error
            self._end(parcel, "not_sent", error=_NOT_SENT)
        else:
            kind: OutcomeKind = "conflict" if answer.status in _CONFLICTS else "rejected"
            self._end(parcel, kind, error=error.args[0], status=answer.status)

    async def _shipments(self, path: str) -> Sequence[Mapping[str, Any]]:
        return await self._store.listed(f"{path}/shipments") or ()

    def _refuse(self, parcel: Parcel, refusal: Refusal) -> None:
        for place in parcel.places:
            self._ended.add(refusal.of(place, parcel.key))

    def _end(
        self,
        parcel: Parcel,
        kind: OutcomeKind,
        *,
        id: int | None = None,  # noqa: A002  # BigCommerce's noun
        error: str | None = None,
        status: int | None = None,
    ) -> None:
        fields = ("tracking_number", *parcel.fields)
        for place in parcel.places:
            back = None
            if kind == "created" and place == parcel.places[0]:  # the other rows are the same shipment
                back = {"order_id": parcel.order, "tracking_number": parcel.tracking_number}
            self._ended.add(Ended(Outcome(place, parcel.key, kind, id, status, error, fields), back=back))


async def _all(workers: Iterable[Awaitable[None]]) -> None:
    """Run all to their end; if one breaks off, so do the others, before its error continues."""
    tasks = [asyncio.ensure_future(worker) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
