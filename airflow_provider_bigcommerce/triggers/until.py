"""Waits for a moment, and nothing else: for a task that knows when the store will answer it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bigcommerce.core.arguments import Checks, when

#: A clock that is set meanwhile is noticed after so many seconds.
_LONGEST_SLEEP = 60.0


class BigCommerceUntilTrigger(BaseTrigger):
    """Fire at a moment; a triggerer that restarts continues with the same one.

    :param moment: an aware datetime, or ISO-8601 text with offset.
    """

    argument_checks: ClassVar[Checks] = {"moment": when()}

    def __init__(self, moment: datetime | str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.argument_checks["moment"]("moment", moment)
        self.moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the moment."""
        return "airflow_provider_bigcommerce.triggers.until.BigCommerceUntilTrigger", {"moment": self.moment.isoformat()}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        async for event in self.watch():
            yield event

    async def watch(
        self, clock: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> AsyncGenerator[TriggerEvent, None]:
        """As :meth:`run`, by that clock (seconds since 1970)."""
        while (left := self.moment.timestamp() - clock()) > 0:
            await sleep(min(left, _LONGEST_SLEEP))
        yield TriggerEvent({"moment": self.moment.isoformat()})  # type: ignore[no-untyped-call]  # Airflow's
