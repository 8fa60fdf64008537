"""One write of many rows: which request is next, and what its answer means for each row, until every row has its outcome.

Pure: the caller sends what :meth:`WriteMachine.next` hands out and gives the answers to :meth:`WriteMachine.take`, in any order. Nothing is
sent here, and no clock is read.

The rules: a row that may have been carried out is sent again only where the call's repeat rule says that this cannot do it twice, and after
the store was asked where it says so. A batch whose answer names no row is halved until the bad row stands alone. A run that cannot continue
(no scope, no store) ends with ``not_sent`` for what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.messages import Response
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.core.repeating import may_repeat
from airflow_provider_bigcommerce.core.writing.answers import Reading, read_answer
from airflow_provider_bigcommerce.core.writing.items import Item, RowError, request_of
from airflow_provider_bigcommerce.core.writing.look_ups import Purpose, Question, by_id, hits, id_in, questions
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.pools import Pools
from airflow_provider_bigcommerce.core.writing.preparing import Fields, prepared
from airflow_provider_bigcommerce.core.writing.route import Action, Route
from airflow_provider_bigcommerce.core.writing.row_identity import Folded
from airflow_provider_bigcommerce.core.writing.settling import UNCLEAR, settled
from airflow_provider_bigcommerce.core.writing.steps import Found, Hopeless, Result, Send, Step, Unclear
from airflow_provider_bigcommerce.exceptions import BigCommerceError, PermissionDeniedError

#: Sendings of one row with an unclear end; more would only be more of the same.
_MOST_SENDINGS = 3
#: Unclear answers in a row, without a clear one between them, after which the store is taken to be down.
_MOST_UNCLEAR = 10

_DONE: Mapping[Action, OutcomeKind] = {"create": "created", "update": "updated", "upsert": "updated", "delete": "deleted"}
_CONFLICTS = frozenset({409, 423})


class WriteMachine:
    """One write of many rows.

    :param route: which calls carry it out.
    :param fields: call's name -> the fields its body takes, by :class:`Write` name; a call that is missing takes anything.
    :param beside: fields of the body in addition to the rows (the ``reason`` of a stock adjustment).
    """

    def __init__(self, route: Route, fields: Fields, *, beside: Mapping[str, Any] | None = None) -> None:
        self._route = route
        self._fields = fields
        self._beside = beside
        self._pools = Pools(route)
        self._ready: deque[Step] = deque()
        self._to_ask: list[Item] = []
        self._under_way = 0
        self._asking = 0
        self._held: set[str] = set()  # objects that a request under way adds rows to
        self._good: set[str] = set()  # calls that the store has carried out for us, so that a 403 is a row's
        self._is_proven = False
        self._unclear = 0
        self._outcomes: list[Outcome] = []
        #: Why the run cannot go on, or None.
        self.stopped: BigCommerceError | None = None

    # -- in ---------------------------------------------------------------------------------------------------------------

    def feed(self, rows: Sequence[tuple[int, object]], *, doubled: Collection[Folded] = (), late: Collection[int] = ()) -> None:
        """Take rows in.

        :param rows: (place in the input, row).
        :param doubled: keys that come more than once in the input; all rows of them are rejected.
        :param late: places of rows whose key came earlier, in a part of the input that has gone to the store already.
        """
        for place, row in rows:
            found = prepared(self._route, self._fields, place, row, doubled=doubled, is_late=place in late)
            if isinstance(found, Outcome):
                self._outcomes.append(found)
            elif self.stopped is not None:
                self._not_sent(found)
            elif self._route.lookups and found.id is None:
                self._to_ask.append(found)
            else:
                self._pools.add(found)

    def enter(self, items: Sequence[Item]) -> None:
        """Take in rows of which it is known what is to be done with them, and that they can be sent: those of a plan."""
        if self.stopped is not None:
            self._all_not_sent(items)
            return
        for item in items:
            self._pools.add(item)

    def resume(self, items: Sequence[Item]) -> None:
        """Take in rows likewise that a process before this one may have sent, whose answer nobody has: settled as after an unclear one."""
        settling: list[Item] = []
        for item in items:
            if self._route.call(item.action).repeat == "doubles":
                self._end(item, "unknown", RowError(f"{UNCLEAR} A second sending would change the store twice."))
            elif self.stopped is not None:
                self._end(item, "unknown", RowError(UNCLEAR))
            else:
                settling.append(replace(item, sendings=item.sendings + 1))
        if settling:
            self._ask(settling, "unclear")

    def stop(self, error: BigCommerceError) -> None:
        """End the run: nothing more is sent, and what waits is ``not_sent``. What is under way is still read."""
        self.stopped = self.stopped or error
        waiting = [*self._pools.clear(), *self._to_ask]
        for step in self._ready:
            if isinstance(step, Send) or step.purpose == "match":
                waiting += step.items
            else:
                self._all(step.items, "unknown", RowError("The answer was unclear, and the store could not be asked any more."))
        self._ready.clear()
        self._to_ask.clear()
        self._all_not_sent(waiting)

    @property
    def is_proven(self) -> bool:
        """Whether the store has answered a request of this write with anything but a refusal of the token."""
        return self._is_proven

    # -- out --------------------------------------------------------------------------------------------------------------

    def outcomes(self) -> list[Outcome]:
        """The outcomes since the last call."""
        found, self._outcomes = self._outcomes, []
        return found

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is under way: every row that was fed has its outcome."""
        return not (self._under_way or self._ready or len(self._pools) or self._to_ask)

    @property
    def has_ready(self) -> bool:
        """Whether a request can be handed out without more rows."""
        return bool(self._ready or self._to_ask or self._pools.has_full)

    def next(self, *, is_end: bool, may_send: bool = True) -> Step | None:
        """The next request, or None where more rows, or answers, are needed first.

        :param is_end: whether all rows of the input were fed, so that requests that are not full may go.
        :param may_send: whether one more request that writes may be under way; else only what asks is handed out.
        """
        if self._to_ask:
            items, self._to_ask = self._to_ask, []
            self._ask(items, "match")
        may_go = [place for place, step in enumerate(self._ready) if isinstance(step, Question) or (may_send and not self._is_held(step))]
        if not may_go and may_send and (rows := self._pools.take(may_be_few=is_end and not self._is_asking)) is not None:
            self._ready.append(self._send(*rows))
            may_go = [] if self._is_held(self._ready[-1]) else [len(self._ready) - 1]
        if not may_go:
            return None
        step = self._ready[may_go[0]]
        del self._ready[may_go[0]]
        if isinstance(step, Send):
            self._held |= _added_to(step)
        self._under_way += 1
        self._asking += isinstance(step, Question)
        return step

    def _is_held(self, step: Step) -> bool:
        """Whether a request must wait until another one is answered."""
        return isinstance(step, Send) and not self._held.isdisjoint(_added_to(step))

    @property
    def _is_asking(self) -> bool:
        """Whether answers may bring more rows to the pools."""
        return bool(self._asking or any(isinstance(step, Question) for step in self._ready))

    def _send(self, write: Write, items: Sequence[Item]) -> Send:
        request = request_of(self._route, write, items, beside=self._beside)
        return Send(items=tuple(items), write=write, request=request, is_repeatable=may_repeat(request, write))

    def _resend(self, write: Write, items: Sequence[Item], most: int) -> None:
        """Send rows of a request again, at most so many together."""
        self._ready.extend(self._send(write, items[start : start + most]) for start in range(0, len(items), most))

    def _ask(self, items: Sequence[Item], purpose: Purpose) -> None:
        """Look rows up; those that cannot be are settled without."""
        if purpose == "match":
            asked, left = questions(self._route, items, self._route.lookups, purpose)
            for item in left:
                name = self._route.match_on[0]
                self._end(item, "rejected", RowError(f"The store cannot be asked for this row: no lookup takes its {name!r}.", (name,)))
        else:
            with_id = [item for item in items if item.id is not None]
            asked, left = by_id(self._route, with_id, purpose) if with_id else ([], [])
            lookups = self._route.lookups or self._route.settles
            more, unasked = questions(self._route, [*left, *(item for item in items if item.id is None)], lookups, purpose)
            asked += more
            for item in unasked:
                verdict = settled(self._route, self._route.call(item.action), item, [], purpose, is_asked=False)
                self._end(item, "unknown" if verdict.kind == "again" else verdict.kind, verdict.error)
        self._ready.extend(asked)

    # -- answers ----------------------------------------------------------------------------------------------------------

    def take(self, step: Step, result: Result) -> None:
        """Take the answer of a request that was handed out."""
        self._under_way -= 1
        if isinstance(step, Send):
            self._held -= _added_to(step)
        if isinstance(step, Question):
            self._asking -= 1
            self._take_found(step, result)
        elif isinstance(result, Response):
            self._unclear = 0
            self._take_response(step, result)
        elif isinstance(result, Hopeless):
            self.stop(result.error)
            self._all_not_sent(step.items)
        elif isinstance(result, Unclear):
            self._take_unclear(step, result)
        else:
            raise TypeError("a request that writes finds no rows")

    def _take_unclear(self, step: Send, result: Unclear) -> None:
        self._unclear += 1
        if result.is_end or self._unclear >= _MOST_UNCLEAR:
            self.stop(result.error)
        items = [replace(item, sendings=item.sendings + 1) for item in step.items]
        if self.stopped is not None:
            self._all(items, "unknown", RowError(UNCLEAR))
        elif step.write.repeat == "doubles":
            self._all(items, "unknown", RowError(f"{UNCLEAR} A second sending would change the store twice."))
        else:
            self._ask(items, "unclear")

    def _take_response(self, step: Send, response: Response) -> None:
        write, items, status = step.write, step.items, response.status
        if status == 403 and write.name not in self._good:
            self.stop(error_from(step.request, response, scopes=self._route.resource.modify_scopes))
            self._all_not_sent(items)
            return
        self._is_proven = True
        if status < 300:
            self._good.add(write.name)
        if status == 413 and len(items) > 1:
            half = (len(items) + 1) // 2
            self._pools.shrink(write, half)
            self._go_on(write, items, half)
        elif status == 404 and write.method == "DELETE" and len(items) == 1:
            self._end(items[0], "unchanged", None, status=status)
        elif status == 404 and "{" in write.path and len(items) > 1:  # what the path names is not there
            self._all(items, "rejected", read_answer(self._route, write, items[:1], response).error, status=status)
        else:
            self._take_reading(step, response, read_answer(self._route, write, items, response))

    def _take_reading(self, step: Send, response: Response, reading: Reading) -> None:
        items, status = step.items, response.status
        for place, row in reading.good.items():
            self._end(items[place], _DONE[items[place].action], None, status=status, id=row.get(self._route.id_field or ""))
        for place, error in reading.partly.items():
            self._end(items[place], "partial", error, status=status)
        late: list[Item] = []
        for place, error in reading.bad.items():
            if items[place].action == "create" and items[place].sendings:
                late.append(replace(items[place], refusal=error))  # its first sending may have come through after all
            else:
                self._end(items[place], "conflict" if status in _CONFLICTS else "rejected", error, status=status)
        if late:
            self._ask(late, "late")
        left = [items[place] for place in reading.left]
        if not left:
            return
        most = len(left) if len(left) < len(items) else (len(left) + 1) // 2
        if step.write.repeat == "doubles":
            self._all(left, "unknown", RowError("The answer does not say whether this row was written."), status=status)
        elif status < 300 and (status != 207 or left[0].action == "create" or not step.is_repeatable):
            self._ask(left, "silent")
        elif left[0].action == "create":
            self._ask([replace(item, refusal=reading.error, most=most) for item in left], "refused")
        elif step.is_repeatable or step.write.repeat == "depends":
            self._go_on(step.write, left, most)
        else:
            self._all(left, "unknown", RowError(UNCLEAR), status=status)

    def _go_on(self, write: Write, items: Sequence[Item], most: int) -> None:
        """Send rows of a refused request again, unless the run has ended."""
        if self.stopped is None:
            self._resend(write, items, most)
        else:
            self._all_not_sent(items)

    def _take_found(self, question: Question, result: Result) -> None:
        if not isinstance(result, Found):
            self._take_unasked(question, result)
            return
        found = hits(question, result.rows)
        again: list[Item] = []
        absent: list[Item] = []
        for place, item in enumerate(question.items):
            if not found[place] and question.more:
                again.append(item)
            elif question.purpose == "match":
                self._match(item, question, found[place])
            elif self._settle(item, found[place], question):
                absent.append(item)
        if again:
            self._ask_on(again, question)
        self._go_on_without(absent, question.purpose)

    def _ask_on(self, items: Sequence[Item], question: Question) -> None:
        """Ask another list for what is not in this one."""
        asked, left = questions(self._route, items, question.more, question.purpose)
        self._ready.extend(asked)
        absent: list[Item] = []
        for item in left:
            if question.purpose == "match":
                self._match(item, question, [])
            elif self._settle(item, [], question):
                absent.append(item)
        self._go_on_without(absent, question.purpose)

    def _take_unasked(self, question: Question, result: Result) -> None:
        """The store could not be asked."""
        error = result.error if isinstance(result, (Unclear, Hopeless)) else BigCommerceError("The store could not be asked.")
        if isinstance(error, PermissionDeniedError) and question.more:
            self._ask_on(question.items, question)  # another resource's list, which needs a scope of its own
            return
        self.stop(error)
        if question.purpose == "match":
            self._all_not_sent(question.items)
        else:
            self._all(question.items, "unknown", RowError(UNCLEAR))

    def _match(self, item: Item, question: Question, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row whose key was looked up."""
        name = ", ".join(self._route.match_on)
        if self.stopped is not None:
            self._not_sent(item)
        elif len(rows) > 1:
            text = f"The store has {len(rows)} rows with this {name}: it does not say which is meant."
            self._end(item, "rejected", RowError(text, (name,)))
        elif rows:
            found = id_in(self._route, question.lookup, rows[0])
            action: Action = "update" if item.action == "upsert" else item.action
            self._enter(item, action, found)
        elif item.action == "upsert":
            self._enter(item, "create", None)
        elif item.action == "delete":
            self._end(item, "unchanged", None)
        else:
            self._end(item, "rejected", RowError(f"The store has no row with this {name}.", (name,)))

    def _enter(self, item: Item, action: Action, id: int | str | None) -> None:  # noqa: A002  # BigCommerce's noun
        """A row of which it is known now what is to be done."""
        found = prepared(self._route, self._fields, item.place, item.row, action=action, id=id)
        if isinstance(found, Outcome):
            self._outcomes.append(found)
        else:
            self._pools.add(found)

    def _settle(self, item: Item, rows: Sequence[Mapping[str, Any]], question: Question) -> bool:
        """A row of which an answer was unclear, or said nothing, and for which the store was asked; whether it is to be sent again."""
        verdict = settled(self._route, self._route.call(item.action), item, rows, question.purpose)
        if verdict.kind == "again":
            return True
        self._end(item, verdict.kind, verdict.error, id=id_in(self._route, question.lookup, verdict.row))
        return False

    def _go_on_without(self, absent: Sequence[Item], purpose: Purpose) -> None:
        """New rows that the store certainly does not have: once more."""
        if purpose == "refused":
            if absent:
                self._go_on(self._route.call(absent[0].action), absent, absent[0].most or 1)
            return
        for item in absent:
            if self.stopped is not None or item.sendings >= _MOST_SENDINGS:
                self._end(item, "unknown", RowError(UNCLEAR))
            else:
                self._pools.add(item)

    # -- outcomes ---------------------------------------------------------------------------------------------------------

    def _end(
        self,
        item: Item,
        kind: OutcomeKind,
        error: RowError | None,
        *,
        status: int | None = None,
        id: object = None,  # noqa: A002  # BigCommerce's noun
    ) -> None:
        """The row's outcome; it has no other."""
        found = id if isinstance(id, (int, str)) and not isinstance(id, bool) and id != "" else item.id
        blamed = error.fields if error is not None and error.fields else item.fields if kind != "rejected" else ()
        self._outcomes.append(
            Outcome(item.place, item.key, kind, id=found, status=status, error=None if error is None else error.text, fields=blamed)
        )

    def _all(self, items: Sequence[Item], kind: OutcomeKind, error: RowError, *, status: int | None = None) -> None:
        for item in items:
            self._end(item, kind, error, status=status)

    def _all_not_sent(self, items: Sequence[Item]) -> None:
        for item in items:
            self._not_sent(item)

    def _not_sent(self, item: Item) -> None:
        """A row whose turn did not come; one that was sent before, without a clear end, is ``unknown``."""
        if item.sendings:
            self._end(item, "unknown", RowError(UNCLEAR))
        else:
            self._end(item, "not_sent", RowError("The run ended before the row's turn."))


def _added_to(step: Send) -> set[str]:
    """The objects that an additive request adds rows to: two such at once for one product have lost rows. Source: bigcommerce/docs#813."""
    if step.write.put != "additive" or not step.write.upsert_by:
        return set()
    name = step.write.upsert_by[0][0]
    return {str(item.row.get(name)) for item in step.items}
