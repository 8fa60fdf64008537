"""Writes many rows: sends what ``core/writing`` hands out, as many at once as is documented, and gives it the answers. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_bigcommerce.client.look_up_pages import answers, readable
from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.writing.items import Item
from airflow_provider_bigcommerce.core.writing.look_ups import Question
from airflow_provider_bigcommerce.core.writing.machine import WriteMachine
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome
from airflow_provider_bigcommerce.core.writing.route import Route
from airflow_provider_bigcommerce.core.writing.source import Part, RowSource
from airflow_provider_bigcommerce.core.writing.steps import READ_STATUSES, Found, Result, Send, Step, told_by
from airflow_provider_bigcommerce.exceptions import BigCommerceError

#: Rows that are taken from the input at once.
_FEWEST_ROWS = 500
#: Requests that write and are under way before one of them has shown that the token may: a refusal then costs no more than these.
_UNPROVEN = 2


class Writing:
    """One write of many rows, under way. Whoever drives it gives it rows when it :attr:`wants` some, and takes outcomes from :meth:`step`.

    :param sender: what sends, under the store's quota and the call's documented concurrency.
    :param at_once: requests at once, of all kinds together.
    :param beside: fields of the body in addition to the rows.
    :param before_send: awaited before a request that writes is sent, each time that its rows are sent in another request: a journal.
        Where it raises, the request is not sent; a :class:`BigCommerceError` ends the run as one of the store's does.
    """

    def __init__(
        self,
        sender: Sender,
        route: Route,
        *,
        at_once: int,
        beside: Mapping[str, Any] | None = None,
        before_send: Callable[[Send], Awaitable[None]] | None = None,
    ) -> None:
        self._sender = sender
        self.route = route
        writes = [write for write in (route.create, route.update, route.delete) if write is not None]
        fields = {write.name: known for write in writes if (known := fields_of(write)) is not None}
        self.fields = fields
        self._before_send = before_send
        self._machine = WriteMachine(route, fields, beside=beside)
        self._at_once = at_once
        self._most_rows = max(_FEWEST_ROWS, *map(route.rows_at_once, writes))
        self._tasks: dict[asyncio.Task[Result], Step] = {}
        self._has_all = False
        self._input_error: Exception | None = None

    @property
    def wants(self) -> int:
        """Rows that it can take now; 0 while it has enough to do."""
        if self._has_all:
            return 0
        is_busy = self._machine.stopped is None and (self._machine.has_ready or len(self._tasks) >= self._at_once)
        return 0 if is_busy else self._most_rows

    @property
    def is_done(self) -> bool:
        """Whether every row has its outcome, and :meth:`step` has given all of them."""
        return self._has_all and not self._tasks and self._machine.is_idle

    @property
    def error(self) -> Exception | None:
        """Why not all rows were sent: the input's own error, or the store's."""
        return self._input_error or self._machine.stopped

    def put(self, part: Part) -> None:
        """Take rows."""
        self._machine.feed(part.rows, doubled=part.doubled, late=part.late)
        self._has_all = part.is_last

    def enter(self, items: Sequence[Item], *, open: Sequence[Item] = ()) -> None:  # noqa: A002  # as a journal has it
        """Take rows of a plan, instead of :meth:`put`: they go at once, whether or not they fill their requests; may be called again.

        :param open: rows that a process before this one may have sent; they are settled by what the store has.
        """
        self._has_all = True
        self._machine.resume(open)
        self._machine.enter(items)

    def stop(self, error: BigCommerceError) -> None:
        """Send nothing more; what is under way is awaited."""
        self._machine.stop(error)

    def put_error(self, error: Exception) -> None:
        """The input broke: what is under way is awaited, and nothing else is sent."""
        self._input_error, self._has_all = error, True
        self._machine.stop(BigCommerceError("The input broke."))

    async def step(self) -> list[Outcome]:
        """Outcomes, once there are some; none where it wants rows, or is done."""
        while True:
            self._launch()
            found = self._machine.outcomes()
            if found or self.wants or not self._tasks:
                return found
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._machine.take(self._tasks.pop(task), task.result())

    async def aclose(self) -> None:
        """Give up what is under way; its rows get no outcome."""
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _launch(self) -> None:
        while len(self._tasks) < self._at_once:
            step = self._machine.next(is_end=self._has_all, may_send=self._may_send())
            if step is None:
                return
            self._tasks[asyncio.ensure_future(self._result(step))] = step

    def _may_send(self) -> bool:
        """Whether one more request that writes may be under way, so that none waits for its turn which need not be sent any more then."""
        sends = [step for step in self._tasks.values() if isinstance(step, Send)]
        documented = [write.concurrency for write in (self.route.create, self.route.update, self.route.delete) if write is not None]
        most = min((number for number in documented if number is not None), default=self._at_once)
        if not self._machine.is_proven:
            most = min(most, _UNPROVEN) if most < self._at_once else 1
        return len(sends) < most

    async def _result(self, step: Step) -> Result:
        """What came of a request."""
        is_repeatable = isinstance(step, Question) or step.is_repeatable
        try:
            if isinstance(step, Question):
                return Found(await answers(self._sender, step))
            if self._before_send is not None:
                await self._before_send(step)
            return await self._sender.send(step.request, readable, resource=self.route.resource, write=step.write, takes=READ_STATUSES)
        except BigCommerceError as error:
            return told_by(error, is_repeatable=is_repeatable)


async def write_rows(writing: Writing, rows: Iterable[Mapping[str, Any]]) -> AsyncGenerator[Outcome, None]:
    """The outcomes of a write, as they come; see ``BigCommerceStore.write``."""
    source = RowSource(writing.route, rows)
    try:
        while not writing.is_done:
            take(source, writing)
            for outcome in await writing.step():
                yield outcome
    finally:
        await writing.aclose()
    if writing.error is not None:
        raise writing.error


def take(source: RowSource, writing: Writing) -> None:
    """Give a write the rows it wants; read in the caller's thread, for not every input may be read in another."""
    if wanted := writing.wants:
        try:
            writing.put(source.part(wanted))
        except Exception as error:  # noqa: BLE001  # the input's own; it is raised when the rows under way have their outcomes
            writing.put_error(error)
