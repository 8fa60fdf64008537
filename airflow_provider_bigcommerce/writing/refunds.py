"""Sends refunds, each once and one after the other: quote, note, refund, look. ``core/refunding.py`` decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.core.refunding import Asked, declined, equal_to, payments_of, read_row
from airflow_provider_bigcommerce.core.row_values import amount, whole_number
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.steps import Hopeless, Unclear
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError
from airflow_provider_bigcommerce.writing.kept import Endings, Kept, KeptByKey
from airflow_provider_bigcommerce.writing.reading_back import NOT_SHOWN, Chosen

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.writing.guards import Guards
    from airflow_provider_bigcommerce.writing.reading_back import Verify
    from airflow_provider_bigcommerce.writing.sent_notes import Note, Notes

#: What is done where the order has a refund of the same items and amount already, which this run has not made.
OnEqual = Literal["refuse", "refund"]

#: Seconds after which a refund without a clear answer is looked for.
_LOOKS = (5.0, 10.0, 20.0)
_CONFLICTS = frozenset({409, 423})
_UNCLEAR = (
    "The answer did not come, or was unclear, and the order's refunds do not tell whether the money goes back. It is not sent again: look "
    "at the order."
)
_DECLINED = "The refund was made, and a payment of it was declined. Look at the order: the money did not go back."
_EQUAL = (
    "The order has a refund of the same items and amount already. Nothing was refunded. If it is due a second time, give it its own task "
    "with on_equal='refund'."
)
_NOT_SENT = "The run ended before the row's turn; nothing of it was sent."

_JSON = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


@dataclass(slots=True)
class _Noted:
    """What this run's notes say of one refund.

    :param before: ids of the order's refunds before it was sent.
    :param id: the refund's, once it is known.
    """

    before: list[int]
    state: Literal["open", "made"]
    id: int | None = None


@dataclass(slots=True)
class _RefundNotes:
    """The notes of one run of a task that refunds."""

    notes: Notes
    found: KeptByKey[_Noted] = field(default_factory=KeptByKey)

    def __post_init__(self) -> None:
        for note in self.notes.all():
            self._take(note)

    def add(self, what: str, asked: Asked, **more: object) -> None:
        note = {"what": what, "refund": asked.digest, **more}
        self.notes.add(note)
        self._take(note)

    def _take(self, note: Note) -> None:
        try:
            what, refund = note["what"], note["refund"]
            if what == "intend":
                self.found[refund] = _Noted(list(note["before"]), "open")
            elif what == "made":
                self.found[refund] = _Noted(self.found[refund].before, "made", note["id"])
            else:
                self.found.drop(refund)
        except (KeyError, TypeError) as error:
            raise DestinationError(
                "A note of what this run has refunded is of another version, or was edited: what was sent is not known, so nothing was "
                "sent. Look into the store, and start a new run of the DAG for what is missing."
            ) from error


class RefundWriting:
    """One write of refunds.

    :param notes: what this run has sent.
    :param method: ``refund_method`` of rows that have none of their own.
    :param sleep: waits that many seconds.
    :param stops: whether one rejected row keeps all that come after it from being sent.
    :param verify: which refunds are read back after they were made.
    :param guards: limits on what is sent, held before anything is.
    """

    def __init__(
        self,
        store: BigCommerceStore,
        notes: Notes,
        *,
        method: str | None,
        sleep: Callable[[float], Awaitable[None]],
        on_equal: OnEqual = "refuse",
        stops: bool = False,
        verify: Verify = "unclear",
        guards: Guards | None = None,
    ) -> None:
        self._store, self._sleep, self._method = store, sleep, method
        self._notes = _RefundNotes(notes)
        self._on_equal, self._stops = on_equal, stops
        self._verify, self._guards = verify, guards
        self._chosen = Chosen(verify, 0)
        self._ended = Endings()
        #: Why not all rows were sent; None where they were.
        self.error: BigCommerceError | None = None

    async def run(self, rows: Iterable[Mapping[str, Any]]) -> Endings:
        """What became of each row, in the input's order.

        :raises TooManyChangesError: a guard's limit is exceeded; nothing was sent.
        """
        asked: Kept[Asked] = Kept()
        count = 0
        for place, row in enumerate(rows):
            count += 1
            found = read_row(place, row)
            if isinstance(found, Ended):
                self._ended.add(found)
            else:
                asked.put(place, found, key=found.digest)
        for one in asked.take_doubled():
            text = "The input has this refund (order, items, amount) several times. None of them was sent; make one refund of them."
            self._refuse(one, Refusal(text, ("order_id", "items", "amount")))
        if self._guards is not None:
            self._guards.rows, self._guards.changes = count, len(asked)
            self._guards.check()
        self._chosen = Chosen(self._verify, len(asked))
        for one in asked:
            if self.error is not None:
                self._end(one, "not_sent", error=_NOT_SENT)
            elif self._stops and self._ended.has_rejected:
                self._end(one, "not_sent", error="Another row was rejected, and on_rejected='stop' sends nothing more then.")
            else:
                await self._one(one)
        return self._ended

    async def _one(self, asked: Asked) -> None:
        noted = self._notes.found.get(asked.digest)
        try:
            if noted is not None and noted.state == "made":
                self._end(asked, "unchanged", id=noted.id)
            elif noted is not None:
                await self._settle(asked, noted.before)
            else:
                await self._refund(asked)
        except BigCommerceError as error:
            self.error = error
            left = self._notes.found.get(asked.digest)
            if left is None:
                self._end(asked, "not_sent", error=_NOT_SENT)
            elif left.state == "open":
                self._end(asked, "unknown", error=_UNCLEAR)
            else:  # it was made, and could not be read back
                self._end(asked, "created", id=left.id)

    async def _refund(self, asked: Asked) -> None:
        refunds = await self._refunds(asked)
        if refunds is None:
            self._refuse(asked, Refusal("The store has no such order.", ("order_id",)))
            return
        if self._on_equal == "refuse" and equal_to(asked, refunds):
            self._end(asked, "conflict", error=_EQUAL)
            return
        quote = await self._quote(asked)
        if quote is None:
            return
        told = {"wanted": asked.wanted, "quoted": amount(quote.get("total_refund_amount"))}
        payments = payments_of(quote, asked.wanted, asked.method or self._method)
        if isinstance(payments, Refusal):
            self._refuse(asked, payments, told)
            return
        before = [found for refund in refunds if (found := whole_number(refund.get("id"))) is not None]
        self._notes.add("intend", asked, before=before)
        path = f"{self._path(asked)}/refunds"
        result = await self._store.answered("POST", path, asked.body(payments))
        if isinstance(result, Hopeless):
            self._notes.add("refused", asked)
            raise result.error
        if isinstance(result, Unclear):
            await self._settle(asked, before)
            if result.is_end:
                self.error = result.error
        elif result.status < 300:
            await self._made_at_once(asked, _data(result), result.status)
        else:
            self._notes.add("refused", asked)
            self._take_refusal(asked, path, result, told)

    async def _quote(self, asked: Asked) -> Mapping[str, Any] | None:
        """The store's quote; None where the row has its outcome then. A quote changes nothing, so it is asked for again after a failure."""
        path = f"{self._path(asked)}/refund_quotes"
        result = await self._store.answered("POST", path, asked.quote_body())
        if not isinstance(result, Response):
            raise result.error
        if result.status < 300:
            return _data(result)
        self._take_refusal(asked, path, result, {"wanted": asked.wanted})
        return None

    def _take_refusal(self, asked: Asked, path: str, answer: Response, told: Mapping[str, object]) -> None:
        scopes = resource_of("order_refunds_by_order").modify_scopes or resource_of("order_refunds").modify_scopes
        error = error_from(Request("POST", path), answer, scopes=scopes)
        if answer.status == 403:
            raise error
        kind: OutcomeKind = "conflict" if answer.status in _CONFLICTS else "rejected"
        self._end(asked, kind, error=error.args[0], status=answer.status, told=told)

    async def _settle(self, asked: Asked, before: list[int]) -> None:
        """Look for a refund that may have been made: never is it sent a second time."""
        for pause in _LOOKS:
            await self._sleep(pause)
            refunds = await self._refunds(asked) or []
            found = equal_to(asked, refunds, without=before)
            if len(found) == 1:
                made = next(refund for refund in refunds if whole_number(refund.get("id")) == found[0])
                self._made(asked, made)
                return
            if found:
                break  # one of them is somebody else's
        self._end(asked, "unknown", error=_UNCLEAR)

    async def _made_at_once(self, asked: Asked, made: Mapping[str, Any], status: int) -> None:
        """Take a clear answer; read the refund back where that is wanted."""
        own = whole_number(made.get("id"))
        if not self._chosen.next() or own is None:
            self._made(asked, made, status=status)
            return
        self._notes.add("made", asked, id=own)  # whatever the look brings, it is not sent again
        shown = next((refund for refund in await self._refunds(asked) or () if whole_number(refund.get("id")) == own), None)
        if shown is None:
            self._end(asked, "unknown", id=own, error=NOT_SHOWN, status=status)
        else:
            self._made(asked, shown, status=status, is_noted=True)

    def _made(self, asked: Asked, made: Mapping[str, Any], *, status: int | None = None, is_noted: bool = False) -> None:
        own = whole_number(made.get("id"))
        if not is_noted:
            self._notes.add("made", asked, id=own)
        is_declined = declined(made)
        kind: OutcomeKind = "partial" if is_declined else "created"
        self._end(asked, kind, id=own, status=status, error=_DECLINED if is_declined else None)

    async def _refunds(self, asked: Asked) -> list[dict[str, Any]] | None:
        return await self._store.listed(f"{self._path(asked)}/refunds")

    def _path(self, asked: Asked) -> str:
        return f"/v3/orders/{asked.order}/payment_actions"

    def _refuse(self, asked: Asked, refusal: Refusal, told: Mapping[str, object] | None = None) -> None:
        self._ended.add(Ended(refusal.of(asked.place, asked.order).outcome, told or {}))

    def _end(
        self,
        asked: Asked,
        kind: OutcomeKind,
        *,
        id: int | None = None,  # noqa: A002  # BigCommerce's noun
        error: str | None = None,
        status: int | None = None,
        told: Mapping[str, object] | None = None,
    ) -> None:
        outcome = Outcome(asked.place, asked.order, kind, id, status, error, ("amount", "items"))
        self._ended.add(Ended(outcome, told or {"wanted": asked.wanted}))


def _data(answer: Response) -> Mapping[str, Any]:
    """The object of an answer, amounts as decimals; empty where it has none."""
    found = _JSON.decode(answer.body).get("data")
    return found if isinstance(found, Mapping) else {}
