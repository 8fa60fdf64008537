"""Sends a plan's rows: exactly the planned bodies, window by window, each row compared with the store just before, each request journaled.

Decides what is asked, sent and settled again after a kill; how a request is carried out is the client's affair, and what an answer means
that of ``core/writing``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.client.writing import Writing
from airflow_provider_bigcommerce.core.planning import resource_of
from airflow_provider_bigcommerce.core.repeating import may_repeat
from airflow_provider_bigcommerce.core.writing.comparing import is_same
from airflow_provider_bigcommerce.core.writing.items import Item, request_of
from airflow_provider_bigcommerce.core.writing.outcomes import OnRejected, Outcome, OutcomeKind
from airflow_provider_bigcommerce.core.writing.preparing import prepared
from airflow_provider_bigcommerce.core.writing.route import Route, route_of
from airflow_provider_bigcommerce.core.writing.row_identity import value_at
from airflow_provider_bigcommerce.core.writing.steps import Send
from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.claims import BEAT, Lease
from airflow_provider_bigcommerce.writing.conflicts import OnConflict, judged
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlannedOperation, PlanRow
from airflow_provider_bigcommerce.writing.journal import Closed, Intent, Journal, Past, Settled, Window, WindowPast, Withdrawn
from airflow_provider_bigcommerce.writing.reading_back import Verify
from airflow_provider_bigcommerce.writing.secrets import Secrets, with_secret

log = logging.getLogger(__name__)

#: Rows of a window: enough requests that its end, at which all answers are awaited, costs little.
FEWEST_ROWS = 2_000
_REQUESTS = 10

_BAD: frozenset[OutcomeKind] = frozenset({"rejected", "conflict", "partial"})
_WRITTEN: frozenset[OutcomeKind] = frozenset({"created", "updated"})


class StoppedByRejectionError(BigCommerceError):
    """A row was rejected, and the caller wants nothing more to be sent then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingManner:
    """How a plan's rows are sent.

    :param on_conflict: whether a row is sent whose planned fields have changed since the plan.
    :param on_rejected: whether a rejected row ends the run.
    :param verify: which rows are read back.
    :param attempt: number of the attempt's folder.
    """

    on_conflict: OnConflict = "keep"
    on_rejected: OnRejected = "fail"
    verify: Verify = "unclear"
    attempt: int = 1


def window_size(manifest: PlanManifest) -> int:
    """Rows of a window of this plan."""
    route = route_of(resource_of(manifest.resource), manifest.operation, manifest.match_on or None)
    calls = [write for write in (route.create, route.update, route.delete) if write is not None]
    return max(FEWEST_ROWS, *(_REQUESTS * route.rows_at_once(write) for write in calls))


class PlanSending:
    """One try of applying a plan.

    :param store: open.
    :param manifest: of the plan.
    :param journal: of this try.
    :param past: of earlier ones.
    :param lease: the right to write this resource.
    :param secrets: fields that are in no file.
    :param at: called at points where a process may be killed, for tests.
    """

    def __init__(
        self, store: BigCommerceStore, manifest: PlanManifest, journal: Journal, past: Past, lease: Lease, manner: SendingManner,
        *, secrets: Secrets | None = None, at: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._store, self._manifest, self._journal, self._past, self._lease = store, manifest, journal, past, lease
        self._manner = manner
        self._secrets = secrets or {}
        self._at = at
        self._resource = resource_of(manifest.resource)
        self._writings: dict[str, Writing] = {}
        self._to_verify: dict[int, OutcomeRow] = {}
        #: Rows by outcome, of this try.
        self.counts: Counter[str] = Counter()
        #: Why not all rows were sent; None where all were.
        self.error: Exception | None = None

    async def run(self, rows: Iterable[PlanRow], size: int) -> None:
        """Send what is still to be sent.

        :param rows: the plan's, in order.
        :param size: rows of a window, as the first try had it.
        """
        left = iter(rows)
        async with self._beating():
            try:
                number = 0
                while (window := list(islice(left, size))) and self.error is None:
                    past = self._past.window(number)
                    if not past.is_closed:
                        await self._window(number, window, past)
                    number += 1
            except BigCommerceError as error:
                self.error = error
            finally:
                for writing in self._writings.values():
                    await writing.aclose()
            with contextlib.suppress(BigCommerceError):
                await self._journal.flush()

    @contextlib.asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        async def beat() -> None:
            while True:
                await asyncio.sleep(BEAT)
                try:
                    await asyncio.to_thread(self._lease.beat)
                except BigCommerceError as error:  # it is asked for again before the next request, and that one is not sent
                    log.warning("%s", error)

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # -- one window -------------------------------------------------------------------------------------------------------

    async def _window(self, number: int, rows: Sequence[PlanRow], past: WindowPast) -> None:
        self._journal.note(Window(number))
        by_place = {row.row: row for row in rows}
        for writing, members in self._by_writing(row for row in rows if row.row not in past.outcomes):
            await self._write(writing, members, past, by_place)
            if self.error is not None:
                return
        await self._journal.durable(Closed(number))
        self._at("closed")

    def _by_writing(self, rows: Iterable[PlanRow]) -> list[tuple[Writing, list[PlanRow]]]:
        """The rows by what sends them: an upsert has rows to make and rows to change, an undo rows to delete."""
        groups: dict[PlannedOperation, list[PlanRow]] = {}
        for row in rows:
            groups.setdefault(row.operation, []).append(row)
        return [(self._writing(operation), members) for operation, members in groups.items()]

    def _writing(self, operation: PlannedOperation) -> Writing:
        found = self._writings.get(operation)
        if found is None:
            beside = self._manifest.settings.get("beside")
            route = route_of(self._resource, operation)  # a planned row has its id, or the key that the store itself knows
            found = self._store.writing(route, beside=beside if isinstance(beside, Mapping) else None, before_send=self._before_send)
            self._writings[operation] = found
        return found

    async def _write(self, writing: Writing, rows: Sequence[PlanRow], past: WindowPast, by_place: Mapping[int, PlanRow]) -> None:
        items: list[Item] = []
        for row in rows:
            whole = with_secret(row, self._secrets.get(row.row))
            if whole is None:
                error = "The input's row is another than the planned one, and it has a secret field, which no file has."
                self._settle(row, Outcome(row.row, None, "rejected", error=error))
                continue
            found = item_of(writing, whole)
            if isinstance(found, Outcome):
                self._settle(row, found)
            else:
                items.append(found)
        fresh, opened = await self._judged(writing, items, past, by_place)
        writing.enter(fresh, open=opened)
        while True:
            for outcome in await writing.step():
                self._take(writing, by_place[outcome.row], outcome)
            self._at("answered")
            if writing.is_done:
                break
        if writing.error is not None:
            self.error = writing.error
        elif self._manner.verify != "unclear":
            await self._verify(writing, items, by_place)

    async def _judged(
        self, writing: Writing, items: Sequence[Item], past: WindowPast, by_place: Mapping[int, PlanRow]
    ) -> tuple[list[Item], list[Item]]:
        """(what is to be sent, what may have been sent and is to be settled by its call's rule); the others have their outcomes."""
        asked = [item for item in items if item.action != "create" or (item.place in past.sent and _is_safe(writing.route, item))]
        held = await self._held(writing, asked, by_place)
        fresh: list[Item] = []
        opened: list[Item] = []
        for item in items:
            row, was_sent = by_place[item.place], item.place in past.sent
            if was_sent and not _is_safe(writing.route, item):
                opened.append(item)
            elif item.place not in held:  # new, or no list shows it
                fresh.append(item)
            else:
                verdict = judged(row, held[item.place], was_sent=was_sent, on_conflict=self._manner.on_conflict)
                if verdict.kind == "send":
                    fresh.append(item)
                else:
                    blamed = verdict.fields or tuple(row.fields)
                    told = Outcome(row.row, item.key, verdict.kind, id=item.id, error=verdict.error, fields=blamed)
                    self._take(writing, row, told)
        return fresh, opened

    async def _held(
        self, writing: Writing, items: Sequence[Item], by_place: Mapping[int, PlanRow]
    ) -> dict[int, tuple[Mapping[str, Any], ...]]:
        """Place -> the store's rows of that item, as they are now; a place is missing where no list tells."""
        if not items:
            return {}
        fields = {name for item in items for name in by_place[item.place].fields}
        finding = self._store.finding(writing.route, sorted(fields))  # a new one: what it has read whole is not to be kept
        try:
            found = await finding.find(items)
        finally:
            finding.close()
        return {place: held.rows for place, held in found.items() if held.is_asked}

    async def _before_send(self, step: Send) -> None:
        """Write down what is about to be sent, and make sure that nobody else writes."""
        self._at("before intent")
        if not self._lease.is_fresh:
            await asyncio.to_thread(self._lease.beat)
        sent = step.request.body if step.request.body is not None else repr(step.request.params).encode()
        places = [item.place for item in step.items]
        await self._journal.durable(Intent(call=step.write.name, rows=places, digest=hashlib.sha256(sent).hexdigest()))
        self._at("before send")

    # -- outcomes ---------------------------------------------------------------------------------------------------------

    def _take(self, writing: Writing, row: PlanRow, outcome: Outcome) -> None:
        """Note a row's outcome; of a run that was ended, those of rows that are not clear are left to the next try."""
        if outcome.outcome == "not_sent":
            self._journal.note(Withdrawn(row.row))
            return
        if writing.error is not None and outcome.outcome == "unknown":
            return
        if outcome.outcome == "updated" and row.old is None and row.operation == "upsert":
            outcome = replace(outcome, outcome="created")  # the store did not say so, but the plan has looked
        self._settle(row, outcome)
        if outcome.outcome in _BAD and self._manner.on_rejected == "stop":
            writing.stop(StoppedByRejectionError("A row was rejected, and on_rejected='stop'."))

    def _settle(self, row: PlanRow, outcome: Outcome) -> None:
        self.counts[outcome.outcome] += 1
        told = OutcomeRow(
            row=row.row, key=row.key, id=outcome.id if outcome.id is not None else row.id, outcome=outcome.outcome, status=outcome.status,
            error=outcome.error, fields=list(outcome.fields or row.fields), attempt=self._manner.attempt,
        )  # fmt: skip
        if told.outcome in _WRITTEN and self._manner.verify != "unclear":
            self._to_verify[row.row] = told
        self._journal.note(Settled(told))

    async def _verify(self, writing: Writing, items: Sequence[Item], by_place: Mapping[int, PlanRow]) -> None:
        """Read back what was written, and report rows that the store does not show as planned."""
        outcomes = dict(self._to_verify)
        self._to_verify.clear()
        every = 1 if self._manner.verify == "all" else max(self._manifest.rows // max(int(self._manner.verify), 1), 1)
        if self._manner.verify == 0:
            return
        chosen = [
            replace(item, id=outcomes[item.place].id if item.id is None else item.id)
            for item in items
            if item.place in outcomes and item.place % every == 0
        ]
        held = await self._held(writing, chosen, by_place)
        for item in chosen:
            row, outcome = by_place[item.place], outcomes[item.place]
            now = held.get(item.place)
            if now is None:
                continue
            wrong = [name for name in row.fields if not any(is_same(row.new.get(name), value_at(each, name)) for each in now)]
            if wrong or not now:
                self.counts[outcome.outcome] -= 1
                error = "The store took the row, and does not show it as planned."
                self._settle(row, Outcome(row.row, item.key, "unknown", id=outcome.id, error=error, fields=tuple(wrong)))


def item_of(writing: Writing, row: PlanRow) -> Item | Outcome:
    """What is sent of a planned row: its body as the plan has it, and nothing else."""
    found = prepared(writing.route, writing.fields, row.row, row.body, id=row.id if row.operation != "create" else None)
    if isinstance(found, Item) and any(name not in row.body or row.body[name] != value for name, value in found.body.items()):
        raise BigCommerceError(f"Row {row.row} would be sent otherwise than it was planned. Nothing of it was sent. Report it.")
    return found


def _is_safe(route: Route, item: Item) -> bool:
    """Whether a second sending of the row leaves the store as one does."""
    write = route.call(item.action)
    return may_repeat(request_of(route, write, [item]), write)
