"""A store on the sandbox whose time is the test's own: nothing waits, and each sleep moves the store's clock too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.ended_rows import Ended
from airflow_provider_bigcommerce.exceptions import BigCommerceError, ConcurrentRunError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

T = TypeVar("T")


class Time:
    """Seconds that pass only where somebody sleeps."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.now = 1_780_000_000.0
        sandbox.store.clock = self.read
        self.at: list[tuple[float, Callable[[], object]]] = []

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in [entry for entry in self.at if entry[0] <= self.now]:
            self.at.remove(due)
            due[1]()
        await asyncio.sleep(0)


class Killed(BaseException):
    """The worker is gone."""


class MemoryNotes:
    """Notes of one run, without files; a try can be killed before or after a note is kept."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.kill_at: int | None = None
        self.before = False

    def all(self) -> Sequence[Mapping[str, Any]]:
        return [*self.kept]

    def add(self, note: Mapping[str, Any]) -> None:
        number = len(self.kept)
        if self.kill_at == number and self.before:
            raise Killed
        self.kept.append(dict(note))
        if self.kill_at == number:
            raise Killed


class TakenNotes(MemoryNotes):
    """Another process is at work on the same run."""

    def add(self, note: Mapping[str, Any]) -> None:
        raise ConcurrentRunError("taken")


def with_store(sandbox: Sandbox, time: Time, do: Callable[[BigCommerceStore], Coroutine[Any, Any, T]], **settings: Any) -> T:
    """Do something with the client, whose waits take no time."""

    async def main() -> T:
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings(**settings), clock=time.read, sleep=time.sleep) as store:
            return await do(store)

    return run(main())


def told(ended: Sequence[Ended]) -> list[str]:
    """The outcomes, in the input's order."""
    assert [one.outcome.row for one in ended] == list(range(len(ended)))
    return [one.outcome.outcome for one in ended]


Failure = BigCommerceError
