"""One write of many rows: which request is next, and what its answer means for each row, until every row has its outcome.

Pure: the caller sends what :meth:`WriteMachine.next` hands out and gives the answers to :meth:`WriteMachine.take`, in any order. Nothing is
sent here, and no clock is read.

The rules: a row that may have been carried out is sent again only where the call's repeat rule says that this cannot do it twice, and after
the store was asked where it says so. A batch whose answer names no row is halved until the bad row stands alone. A run that cannot go on
(no scope, no store) ends with ``not_sent`` for what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_bigcommerce.core import outside_text
from airflow_provider_bigcommerce.core.catalog import Write
from airflow_provider_bigcommerce.core.catalog.write_fields import WriteField
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.reading import error_from
from airflow_provider_bigcommerce.core.writing.answers import Reading, RowError, read_answer
from airflow_provider_bigcommerce.core.writing.items import Item, fits_line, group_of, path_of, request_of
from airflow_provider_bigcommerce.core.writing.keys import Folded
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.preparing import prepared
from airflow_provider_bigcommerce.core.writing.questions import Purpose, Question, by_id, hits, id_in, questions
from airflow_provider_bigcommerce.core.writing.repeating import is_safe, may_send_again
from airflow_provider_bigcommerce.core.writing.route import Action, Route
from airflow_provider_bigcommerce.core.writing.settling import settled
from airflow_provider_bigcommerce.exceptions import BigCommerceError, PermissionDeniedError

#: Sendings of one row with an unclear end; more would only be more of the same.
_MOST_SENDINGS = 3
#: Unclear answers in a row, without a clear one between them, after which the store is taken to be down.
_MOST_UNCLEAR = 10
#: Rows that wait for others to fill a request with, in all; then the fullest request goes as it is.
_MOST_POOLED = 5_000

_DONE: Mapping[Action, OutcomeKind] = {"create": "created", "update": "updated", "upsert": "updated", "delete": "deleted"}
_CONFLICTS = frozenset({409, 423})


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A request that writes.

    :param items: its rows, in the order of its body.
    :param write: the call.
    :param request: the request.
    :param is_repeatable: whether a second sending after an unclear failure leaves the store as one does, whoever sends it.
    """

    items: tuple[Item, ...]
    write: Write
    request: Request
    is_repeatable: bool


Step = Send | Question


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer that can be read came: the request may have been carried out, or not.

    :param error: what happened.
    """

    error: BigCommerceError


@dataclass(frozen=True, slots=True)
class Hopeless:
    """The request was certainly not carried out, and none that follows will be: no token, no scope, no store.

    :param error: what to tell the caller.
    """

    error: BigCommerceError


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that a question's list has.

    :param rows: as they came.
    """

    rows: Sequence[Mapping[str, Any]]


Result = Response | Unclear | Hopeless | Found


class WriteMachine:
    """One write of many rows.

    :param route: which calls carry it out.
    :param fields: call's name -> the fields its body takes, by :class:`Write` name; a call that is missing takes anything.
    :param beside: fields of the body beside the rows (the ``reason`` of a stock adjustment).
    """

    def __init__(self, route: Route, fields: Mapping[str, Mapping[str, WriteField]], *, beside: Mapping[str, Any] | None = None) -> None:
        self._route = route
        self._fields = fields
        self._beside = beside
        self._pools: dict[tuple[Any, ...], list[Item]] = {}
        self._pooled = 0
        self._ready: deque[Step] = deque()
        self._to_ask: list[Item] = []
        self._under_way = 0
        self._asking = 0
        self._sizes: dict[str, int] = {}
        self._good: set[str] = set()  # calls that the store has carried out for us, so that a 403 is a row's
        self._unclear = 0
        self._outcomes: list[Outcome] = []
        #: Why the run cannot go on, or None.
        self.stopped: BigCommerceError | None = None

    # -- in ---------------------------------------------------------------------------------------------------------------

    def feed(self, rows: Sequence[tuple[int, Mapping[str, Any]]], *, doubled: Collection[Folded] = (), sent: Collection[int] = ()) -> None:
        """Take rows in.

        :param rows: (place in the input, row).
        :param doubled: keys that come more than once in the input; all rows of them are rejected.
        :param sent: places of rows whose key came earlier, in a part of the input that has gone to the store already.
        """
        for place, row in rows:
            found = prepared(self._route, self._fields, place, row, doubled=doubled, is_late=place in sent)
            if isinstance(found, Outcome):
                self._outcomes.append(found)
            elif self.stopped is not None:
                self._not_sent(found)
            elif self._route.lookups and found.id is None:
                self._to_ask.append(found)
            else:
                self._pool(found)

    def stop(self, error: BigCommerceError) -> None:
        """End the run: nothing more is sent, and what waits is ``not_sent``. What is under way is still read."""
        self.stopped = self.stopped or error
        waiting = [item for pool in self._pools.values() for item in pool]
        waiting += self._to_ask
        for step in self._ready:
            if isinstance(step, Send) or step.purpose == "match":
                waiting += step.items
            else:
                self._all(step.items, "unknown", RowError("The answer was unclear, and the store could not be asked any more."))
        self._pools.clear()
        self._ready.clear()
        self._to_ask.clear()
        self._pooled = 0
        for item in waiting:
            self._not_sent(item)

    # -- out --------------------------------------------------------------------------------------------------------------

    def outcomes(self) -> list[Outcome]:
        """The outcomes since the last call."""
        found, self._outcomes = self._outcomes, []
        return found

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is under way: every row that was fed has its outcome."""
        return not (self._under_way or self._ready or self._pooled or self._to_ask)

    @property
    def has_ready(self) -> bool:
        """Whether a request can be handed out without more rows."""
        return bool(self._ready) or any(len(pool) >= self._size(key[0]) for key, pool in self._pools.items())

    def next(self, *, is_end: bool) -> Step | None:
        """The next request, or None where more rows, or answers, are needed first.

        :param is_end: whether all rows of the input were fed, so that requests that are not full may go.
        """
        if self._to_ask:
            self._ask(self._to_ask, "match")
            self._to_ask = []
        if not self._ready:
            key = next((key for key, pool in self._pools.items() if len(pool) >= self._size(key[0])), None)
            if key is None and self._pools and ((is_end and not self._asking) or self._pooled > _MOST_POOLED):
                key = max(self._pools, key=lambda key: len(self._pools[key]))
            if key is not None:
                self._ready.append(self._from_pool(key))
        if not self._ready:
            return None
        step = self._ready.popleft()
        self._under_way += 1
        if isinstance(step, Question):
            self._asking += 1
        return step

    def _size(self, call: str) -> int:
        return self._sizes[call]

    def _pool(self, item: Item) -> None:
        write = self._route.call(item.action)
        self._sizes.setdefault(write.name, self._route.rows_at_once(write))
        key = (write.name, item.action, path_of(self._route, write, item), group_of(write, item))
        self._pools.setdefault(key, []).append(item)
        self._pooled += 1

    def _from_pool(self, key: tuple[Any, ...]) -> Send:
        name, action, path, _ = key
        write, pool = self._route.call(action), self._pools[key]
        count = fits_line(write, path, pool[: self._sizes[name]])
        items, rest = pool[:count], pool[count:]
        if rest:
            self._pools[key] = rest
        else:
            del self._pools[key]
        self._pooled -= len(items)
        return self._send(write, items)

    def _send(self, write: Write, items: Sequence[Item]) -> Send:
        path = path_of(self._route, write, items[0])
        request = request_of(self._route, write, path, items, beside=self._beside)
        return Send(items=tuple(items), write=write, request=request, is_repeatable=is_safe(write, items))

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
                self._settle(item, [], purpose, is_asked=False)
        self._ready.extend(asked)

    # -- answers ----------------------------------------------------------------------------------------------------------

    def take(self, step: Step, result: Result) -> None:
        """Take the answer of a request that was handed out."""
        self._under_way -= 1
        if isinstance(step, Question):
            self._asking -= 1
            self._take_found(step, result)
        elif isinstance(result, Response):
            self._unclear = 0
            self._take_response(step, result)
        elif isinstance(result, Hopeless):
            self.stop(result.error)
            for item in step.items:
                self._not_sent(item)
        elif isinstance(result, Unclear):
            self._take_unclear(step, result)
        else:
            raise TypeError("a request that writes finds no rows")

    def _take_unclear(self, step: Send, result: Unclear) -> None:
        self._unclear += 1
        if self._unclear >= _MOST_UNCLEAR:
            self.stop(result.error)
        items = [replace(item, sendings=item.sendings + 1) for item in step.items]
        if self.stopped is not None:
            self._all(items, "unknown", RowError(_UNCLEAR))
        else:
            self._ask(items, "unclear")

    def _take_response(self, step: Send, response: Response) -> None:
        write, items, status = step.write, step.items, response.status
        if status == 403 and write.name not in self._good:
            error = error_from(step.request, response, scopes=self._route.resource.modify_scopes)
            self.stop(error if isinstance(error, PermissionDeniedError) else error)
            for item in items:
                self._not_sent(item)
            return
        if status == 413 and len(items) > 1:
            self._sizes[write.name] = min(self._sizes.get(write.name, len(items)), max(1, len(items) // 2))
            self._halve(write, items)
            return
        if status < 300:
            self._good.add(write.name)
        if status == 404 and write.method == "DELETE" and len(items) == 1:
            self._end(items[0], "deleted", None, status=status)
            return
        if status == 404 and "{" in write.path and len(items) > 1:  # the parent that the path names is not there
            error = read_answer(self._route, write, items[:1], response).error
            self._all(items, "rejected", error, status=status)
            return
        reading = read_answer(self._route, write, items, response)
        for place, row in reading.good.items():
            self._end(items[place], _DONE[items[place].action], None, status=status, row=row)
        for place, error in reading.partly.items():
            self._end(items[place], "partial", error, status=status)
        for place, error in reading.bad.items():
            self._end(items[place], "conflict" if status in _CONFLICTS else "rejected", error, status=status)
        if reading.left:
            self._take_left(step, response, reading)

    def _take_left(self, step: Send, response: Response, reading: Reading) -> None:
        """Rows of which the answer says nothing."""
        write, left = step.write, [step.items[place] for place in reading.left]
        is_new = any(item.action == "create" for item in left)
        has_told = len(left) < len(step.items)
        if write.repeat == "doubles" or (self.stopped is not None and not has_told):
            text = "The answer names other rows, and not whether this one was written."
            self._all(left, "unknown", RowError(text), status=response.status)
        elif response.status < 300 and response.status != 207:
            self._ask(left, "silent")
        elif response.status == 207 and (is_new or not is_safe(write, left)):
            self._ask(left, "silent")
        elif is_new:
            self._ask([replace(item, refusal=_refusal(reading, response, has_told)) for item in left], "refused")
        elif has_told:
            self._ready.append(self._send(write, left))
        else:
            self._halve(write, left)

    def _halve(self, write: Write, items: Sequence[Item]) -> None:
        half = (len(items) + 1) // 2
        self._ready.extend(self._send(write, part) for part in (items[:half], items[half:]) if part)

    def _take_found(self, question: Question, result: Result) -> None:
        if not isinstance(result, Found):
            self._take_unasked(question, result)
            return
        found = hits(question, result.rows)
        again: list[Item] = []
        for place, item in enumerate(question.items):
            if not found[place] and question.more:
                again.append(item)
            elif question.purpose == "match":
                self._match(item, question, found[place])
            else:
                self._settle(item, found[place], question.purpose, question=question)
        if again:
            self._ask_on(again, question)

    def _ask_on(self, items: Sequence[Item], question: Question) -> None:
        """Ask another list for what is not in this one."""
        asked, left = questions(self._route, items, question.more, question.purpose)
        self._ready.extend(asked)
        for item in left:
            if question.purpose == "match":
                self._match(item, question, [])
            else:
                self._settle(item, [], question.purpose, question=question)

    def _take_unasked(self, question: Question, result: Result) -> None:
        """The store could not be asked."""
        error = result.error if isinstance(result, (Unclear, Hopeless)) else BigCommerceError("The store could not be asked.")
        if isinstance(error, PermissionDeniedError) and question.more:
            self._ask_on(question.items, question)  # another resource's list, which needs a scope of its own
            return
        self.stop(error)
        if question.purpose == "match":
            for item in question.items:
                self._not_sent(item)
        else:
            self._all(question.items, "unknown", RowError(_UNCLEAR))

    def _match(self, item: Item, question: Question, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row whose key was looked up."""
        name = ", ".join(self._route.match_on)
        if self.stopped is not None:
            self._not_sent(item)
        elif len(rows) > 1:
            self._end(item, "rejected", RowError(f"The store has {len(rows)} rows with this {name}: it does not say which is meant.", (name,)))
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
            self._pool(found)

    def _settle(
        self, item: Item, rows: Sequence[Mapping[str, Any]], purpose: Purpose, *, question: Question | None = None, is_asked: bool = True
    ) -> None:
        """A row of which an answer was unclear, or said nothing, and for which the store was asked."""
        write = self._route.call(item.action)
        verdict = settled(self._route, write, item, rows, purpose, is_asked=is_asked)
        found = id_in(self._route, question.lookup, verdict.row) if question is not None and verdict.row else None
        if verdict.kind != "again":
            self._end(item, verdict.kind, verdict.error, id=found)
        elif self.stopped is not None:
            self._end(item, "unknown" if purpose == "unclear" and not is_asked else "not_sent", self._why_not_sent())
        elif purpose == "refused":
            self._again([item], write)
        elif item.sendings < _MOST_SENDINGS and may_send_again(write, [item]):
            self._pool(item)
        else:
            self._end(item, "unknown", RowError(_UNCLEAR))

    def _again(self, items: Sequence[Item], write: Write) -> None:
        """Rows of a refused request that the store does not have: once more, in smaller requests."""
        raise NotImplementedError

    # -- outcomes ---------------------------------------------------------------------------------------------------------

    def _end(
        self,
        item: Item,
        kind: OutcomeKind,
        error: RowError | None,
        *,
        status: int | None = None,
        row: Mapping[str, Any] | None = None,
        id: int | str | None = None,  # noqa: A002  # BigCommerce's noun
    ) -> None:
        raise NotImplementedError
