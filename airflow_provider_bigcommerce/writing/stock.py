"""Sends quantities of stock, one call at a time, and proves each by reading it back. ``core/stocking.py`` decides.

The order of things: items, products and locations are read; rows that cannot work are rejected; a request's rows are noted, then sent, then
what came of it is noted; what was sent is read back until it shows or the time is over. Rows are looked at and sent some thousands at a
time, and lie on the disk between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_bigcommerce.core.ended_rows import Ended, Refusal
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.reading import error_body, error_from
from airflow_provider_bigcommerce.core.stock_answers import named_in
from airflow_provider_bigcommerce.core.stocking import Mode, Target, Wanted, find_target, read_row, refusal_of, sight
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.steps import Hopeless, Unclear
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.formats import PlanRow
from airflow_provider_bigcommerce.writing.kept import Endings, Kept
from airflow_provider_bigcommerce.writing.stock_facts import Facts, items, learn
from airflow_provider_bigcommerce.writing.stock_notes import Sent, StockNotes, identity_text

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
    from airflow_provider_bigcommerce.writing.guards import Guards
    from airflow_provider_bigcommerce.writing.sent_notes import Notes

#: Rows of one request. Source: inventory.v3.yml:46.
ROWS_AT_ONCE: Final = 2000
#: Rows in memory: ten requests, which are sent before the first of them is read back.
ROWS_IN_HAND: Final = 20_000
#: Sendings of one absolute quantity, where the earlier ones have left the old value.
_MOST_SENDINGS = 3
#: Seconds between two looks: the first, and the longest.
_FIRST_LOOK, _LONGEST_LOOK = 1.0, 30.0
#: The call of each mode.
CALLS: Mapping[Mode, tuple[str, str]] = {
    "absolute": ("PUT", "/v3/inventory/adjustments/absolute"),
    "relative": ("POST", "/v3/inventory/adjustments/relative"),
}
_NOT_SENT = "The run ended before the row's turn; nothing of it was sent."
_UNPROVEN = "BigCommerce took the quantity, and it did not show within the time that was given."
_UNCLEAR = "The answer did not come, or was unclear, and what the store shows does not tell whether the quantity was set."
_ANOTHER = (
    "This run has sent another quantity for this item at this location already. A relative quantity is sent once a run: start a new run "
    "for what is to be added."
)


@dataclass(slots=True)
class _Way:
    """A row on its way.

    :param sendings: how often it was sent in this run.
    :param is_clear: whether the store has said that it took it.
    :param seen: pieces when it was looked at last.
    """

    target: Target
    sendings: int = 0
    is_clear: bool = False
    seen: int | None = None


class StockWriting:
    """One write of stock.

    :param mode: what the quantities are.
    :param reason: goes with each adjustment, for the store's own records.
    :param confirm_within: seconds after the last answer in which a quantity must show.
    :param notes: what this run has sent.
    :param clock: monotonic seconds.
    :param sleep: waits that many seconds.
    :param stops: whether one rejected row keeps all others from being sent.
    :param sends_unchanged: whether an item is sent whose quantity lies there already.
    :param guards: limits on what is sent, held before anything is.
    """

    def __init__(
        self,
        store: BigCommerceStore,
        notes: Notes | StockNotes,
        *,
        mode: Mode,
        reason: str,
        confirm_within: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        stops: bool = False,
        sends_unchanged: bool = False,
        guards: Guards | None = None,
        rows_at_once: int = ROWS_AT_ONCE,
        rows_in_hand: int = ROWS_IN_HAND,
    ) -> None:
        self._store, self._mode, self._reason = store, mode, reason
        self._confirm_within, self._clock, self._sleep = confirm_within, clock, sleep
        self._stops, self._sends_unchanged, self._guards = stops, sends_unchanged, guards
        self._most, self._in_hand = rows_at_once, rows_in_hand
        self._notes = notes if isinstance(notes, StockNotes) else StockNotes(notes)
        self._ended = Endings()
        #: Why not all rows were sent, or could be looked at; None where they were.
        self.error: BigCommerceError | None = None

    async def run(self, rows: Iterable[Mapping[str, Any]]) -> Endings:
        """What became of each row, in the input's order.

        :raises TooManyChangesError: a guard's limit is exceeded; nothing was sent.
        :raises BigCommerceError: the store could not be asked for what it has; nothing was sent.
        """
        targets = await self._found(self._read(rows))
        queue: Kept[_Way] = Kept()
        for target in targets:
            way = self._begun(target)
            if way is not None:
                queue.put(target.wanted.place, way, sort=target.location)
        if self._guards is not None:
            self._guards.check()
        is_stopped = self._stops and self._ended.has_rejected
        for part in queue.parts(self._in_hand):
            if is_stopped:
                self._end_stopped([way for way in part if not way.sendings])
            await self._carry_out([way for way in part if way.sendings] if is_stopped else part)
        return self._ended

    # -- before anything is sent ----------------------------------------------------------------------------------------

    def _read(self, rows: Iterable[Mapping[str, Any]]) -> Kept[Wanted]:
        wanted: Kept[Wanted] = Kept()
        for place, row in enumerate(rows):
            if self._guards is not None:
                self._guards.rows += 1
            found = read_row(place, row, self._mode)
            if isinstance(found, Ended):
                self._ended.add(found)
            else:
                wanted.put(place, found, key="\x1f".join(found.folded))
        for one in wanted.take_doubled():
            self._reject_double(one)
        return wanted

    def _reject_double(self, wanted: Wanted) -> None:
        text = "The input has several rows for this item at this location. None of them was sent."
        self._ended.add(Refusal(text, (wanted.name,)).of(wanted.place, wanted.key))

    async def _found(self, wanted: Kept[Wanted]) -> Kept[Target]:
        """The items that the rows mean, without those that several rows mean by different names."""
        targets: Kept[Target] = Kept()
        facts: Facts | None = None
        for part in wanted.parts(self._in_hand):
            facts = await learn(self._store, part, facts.locations if facts is not None else None)
            for one in part:
                found = find_target(one, facts.shelf, facts.products, facts.locations)
                if isinstance(found, Refusal):
                    self._ended.add(found.of(one.place, one.key))
                else:
                    targets.put(one.place, found, key=identity_text(found.identity))
        for target in targets.take_doubled():
            self._reject_double(target.wanted)
        return targets

    def _begun(self, target: Target) -> _Way | None:
        """The row's way, which an earlier try of this run may have begun; None where it has its outcome already."""
        sent = self._notes.sent(target.identity)
        if sent is not None and (self._mode == "relative" or sent.quantity == target.wanted.quantity):
            return self._resumed(target, sent)
        refusal = refusal_of(target, self._mode)
        way = _Way(target, seen=target.old)
        if refusal is not None:
            self._ended.add(refusal.of(target.wanted.place, target.wanted.key))
        elif target.old is not None and target.new(self._mode) == target.old and not self._sends_unchanged:
            self._end(way, "unchanged", None)
        else:
            if self._guards is not None:
                self._guards.take(_change(target, self._mode))
            return way
        return None

    def _resumed(self, target: Target, sent: Sent) -> _Way | None:
        """The way of a row that an earlier try has sent: never sent again in relative mode."""
        way = _Way(_before(target, sent.old), sendings=1, is_clear=sent.state != "open", seen=target.old)
        if sent.quantity != target.wanted.quantity:
            self._ended.add(Refusal(_ANOTHER, ("quantity",)).of(target.wanted.place, target.wanted.key))
        elif sent.state == "shown":
            self._end(way, "updated", None)
        else:
            return way
        return None

    # -- sending --------------------------------------------------------------------------------------------------------

    async def _carry_out(self, queue: Sequence[_Way]) -> None:
        """Send, look, and send again what may be sent again, until every row has its outcome."""
        waiting = [way for way in queue if way.sendings]
        fresh = sorted((way for way in queue if not way.sendings), key=lambda way: (way.target.location, way.target.wanted.place))
        while waiting or fresh:
            waiting += await self._send_all(fresh)
            left = await self._confirm(waiting)
            fresh = [way for way in left if self._may_send_again(way)]
            waiting = []
            again = set(map(id, fresh))
            for way in left:
                if id(way) not in again:
                    self._end(way, "unknown", _UNPROVEN if way.is_clear else _UNCLEAR)

    def _may_send_again(self, way: _Way) -> bool:
        """Whether the value from before still lies there, so that a second sending brings back nothing that was sold."""
        if self._mode == "relative" or way.is_clear or self.error is not None or way.sendings >= _MOST_SENDINGS:
            return False
        return way.seen == way.target.old

    async def _send_all(self, ways: Sequence[_Way]) -> list[_Way]:
        """Send in requests as large as may be; the rows that wait for a proof."""
        waiting: list[_Way] = []
        parts = [list(ways[start : start + self._most]) for start in range(0, len(ways), self._most)]
        while parts:
            part = parts.pop(0)
            if self.error is not None:
                for way in part:
                    self._end_unsent(way)
                continue
            if self._stops and self._ended.has_rejected:
                self._end_stopped(part)
                continue
            sent, again = await self._send(part)
            waiting += sent
            parts = again + parts
        return waiting

    async def _send(self, part: list[_Way]) -> tuple[list[_Way], list[list[_Way]]]:
        """Send one request: the rows that wait for a proof, and requests to be sent next."""
        method, path = CALLS[self._mode]
        targets = [way.target for way in part]
        self._notes.intend(targets)
        body = {"reason": self._reason, "items": [target.body() for target in targets]}
        result = await self._store.answered(method, path, body)
        if isinstance(result, Hopeless):
            self.error = result.error
            self._notes.refused(targets)
            for way in part:
                self._end_unsent(way)
            return [], []
        for way in part:
            way.sendings += 1
        if isinstance(result, Unclear):
            await self._after_no_answer(part, result)
            return part, []
        if result.status < 300:
            self._notes.answered(targets)
            for way in part:
                way.is_clear = True
            return part, []
        return await self._after_refusal(part, result)

    async def _after_no_answer(self, part: Sequence[_Way], result: Unclear) -> None:
        """Continue only where the store can be asked: if it is down, what would be sent next would end in the dark too."""
        if result.is_end:
            self.error = result.error
            return
        try:
            await items(self._store, "variant_id:in", [str(part[0].target.variant)])
        except BigCommerceError as error:
            self.error = error

    async def _after_refusal(self, part: list[_Way], answer: Response) -> tuple[list[_Way], list[list[_Way]]]:
        """What follows from a refusal: it may name items in its title, and does not say whether the others were taken."""
        method, path = CALLS[self._mode]
        error = error_from(Request(method, path), answer, scopes=resource_of("inventory_items").modify_scopes)
        if answer.status in (403, 404, 405):
            self.error = error
            self._notes.refused([way.target for way in part])
            for way in part:
                way.sendings -= 1
                self._end_unsent(way)
            return [], []
        if answer.status == 413 and len(part) > 1:
            self._notes.refused([way.target for way in part])
            for way in part:
                way.sendings -= 1
            return [], _halves(part)
        places = {0} if len(part) == 1 else named_in(str((error_body(answer) or {}).get("title") or ""), [way.target for way in part])
        named = [way for place, way in enumerate(part) if place in places]
        rest = [way for place, way in enumerate(part) if place not in places]
        self._notes.refused([way.target for way in named])
        for way in named:
            self._end(way, "rejected", error.args[0], status=answer.status)
        if not rest:
            return [], []
        if self._mode == "relative":
            return rest, []  # it may have been taken, and is not sent a second time
        try:
            left = await self._look(rest)
        except BigCommerceError as failure:
            self.error = failure
            return rest, []
        old = [way for way in left if way.seen == way.target.old]
        for way in old:
            way.sendings -= 1  # a refusal is no sending with an unclear end
        others = [way for way in left if way.seen != way.target.old]
        return others, ([old] if named else _halves(old)) if old else []

    # -- proving --------------------------------------------------------------------------------------------------------

    async def _confirm(self, ways: Sequence[_Way]) -> list[_Way]:
        """Look until every quantity shows, or the time is over; the rows that do not show."""
        until, pause, left = self._clock() + self._confirm_within, _FIRST_LOOK, list(ways)
        while left:
            try:
                left = await self._look(left)
            except BigCommerceError as error:
                self.error = self.error or error
                return left
            rest = until - self._clock()
            if not left or rest <= 0:
                return left
            await self._sleep(min(pause, rest))
            pause = min(pause * 2, _LONGEST_LOOK)
        return left

    async def _look(self, ways: Sequence[_Way]) -> list[_Way]:
        """Look once; the rows that do not show. Those that do have their outcome then."""
        asked = sorted({str(way.target.variant) for way in ways})
        held = {item.variant_id: item for item in await items(self._store, "variant_id:in", asked)}
        left: list[_Way] = []
        shown: list[_Way] = []
        for way in ways:
            item = held.get(way.target.variant)
            place = None if item is None else item.places.get(way.target.location)
            way.seen = None if place is None else place[0]
            what = sight(way.target.old, way.target.wanted.quantity, way.seen, self._mode, is_clear=way.is_clear)
            (shown if what == "shown" else left).append(way)
        if shown:
            self._notes.shown([way.target for way in shown])
        for way in shown:
            self._end(way, "updated", None)
        return left

    # -- outcomes -------------------------------------------------------------------------------------------------------

    def _end_stopped(self, ways: Sequence[_Way]) -> None:
        for way in ways:
            kind: OutcomeKind = "unknown" if way.sendings else "not_sent"
            self._end(way, kind, "Another row was rejected, and on_rejected='stop' sends nothing more then.")

    def _end_unsent(self, way: _Way) -> None:
        if way.sendings:
            self._end(way, "unknown", _UNCLEAR)
        else:
            self._end(way, "not_sent", _NOT_SENT)

    def _end(self, way: _Way, kind: OutcomeKind, error: str | None, *, status: int | None = None) -> None:
        wanted = way.target.wanted
        outcome = Outcome(wanted.place, wanted.key, kind, way.target.variant, status, error, ("quantity",))
        told = {"old": way.target.old, "sent": wanted.quantity if way.sendings else None, "seen": way.seen, "mode": self._mode}
        self._ended.add(Ended(outcome, told, way.target.back(self._mode) if kind == "updated" else None))


def _before(target: Target, old: int | None) -> Target:
    """The row as it was before an earlier try sent it."""
    return Target(target.wanted, target.name, target.item, target.variant, target.location, old, target.safety)


def _change(target: Target, mode: Mode) -> PlanRow:
    """What would be sent, as a guard counts it."""
    old = None if target.old is None else {"quantity": target.old}
    return PlanRow(
        row=target.wanted.place, key=[], id=target.variant, operation="update", fields=["quantity"], old=old,
        new={"quantity": target.new(mode)}, body={},
    )  # fmt: skip


def _halves(part: list[_Way]) -> list[list[_Way]]:
    half = (len(part) + 1) // 2
    return [piece for piece in (part[:half], part[half:]) if piece]
