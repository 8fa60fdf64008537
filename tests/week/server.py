"""An API server that can be killed: the real receiver in an event loop of its own, before asset events in memory that outlive it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from airflow_provider_bigcommerce.core.webhooks import Event, changes_of, parse
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings
from airflow_provider_bigcommerce.plugins.asset_events import AssetEvents
from airflow_provider_bigcommerce.plugins.receiver import Receiver, create_app
from airflow_provider_bigcommerce.sandbox import deliveries
from tests.airflow_events import Logs

#: Where a kill meets a batch: while it is gathered; when its transaction is open, which is rolled back; when it is committed and nobody
#: is answered yet.
Kill = Literal["gathered", "open", "committed"]
Sent = tuple[str, bytes, Mapping[str, str]]
#: A delivery that is answered together with others has this and less for the moment; no status of the sandbox's is below -1.
_LATER = -1000
#: Turns of the loop in which deliveries that came at once are gathered: a request has fewer.
_TURNS = 60


class KilledError(BaseException):
    """The process is gone: nothing catches it, nothing is tidied up."""


@dataclass
class ApiServer:
    """The API server: what it has in memory goes with a kill, what it committed stays.

    :param conn_id: whose webhooks it takes.
    :param clock: epoch seconds.
    :param logs: Airflow's asset events.
    :param queue: is called where an event makes Airflow queue a run.
    :param kills: number of the batch -> where it is killed.
    :param down_for: seconds until it is up again.
    """

    conn_id: str
    clock: Callable[[], float]
    logs: Logs
    queue: Callable[[], None]
    kills: dict[int, Kill]
    down_for: float = 40.0
    batches: int = 0
    killed: list[Kill] = field(default_factory=list)
    up_at: float = 0.0
    answered: list[bytes] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._noted: list[Sent] | None = None
        self._runner: asyncio.Runner | None = None
        self._start()

    def _start(self) -> None:
        """A new process, which knows nothing."""
        settings = ReceiverSettings((self.conn_id,), signature="required", flush_seconds=0.1)
        commit = AssetEvents(clock=self.clock, monotonic=self.clock, find=self._known, register=self._register).commit
        receiver = Receiver(settings, commit=commit, clock=self.clock, monotonic=self.clock, sleep=self._gather)
        self._app = create_app(settings, receiver)
        self._runner = asyncio.Runner()
        self._runner.get_loop().set_exception_handler(lambda *_: None)  # of the flush that was killed

    def close(self) -> None:
        """The end of the test."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def is_up(self) -> bool:
        """Whether it can be reached."""
        return self.clock() >= self.up_at

    def stay_down(self, seconds: float) -> None:
        """It ends, and is up again so much later."""
        self.close()
        self.up_at = self.clock() + seconds

    # -- the database

    def _known(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if name in self.logs}

    def _register(self, events: list[tuple[str, dict[str, object]]]) -> int:
        kill = self.kills.get(self.batches)
        if kill == "open":
            raise KilledError(kill)
        for name, extra in events:
            self.logs[name].tell(json.loads(json.dumps(extra)), at=datetime.fromtimestamp(self.clock(), UTC))
        self.queue()
        if kill == "committed":
            raise KilledError(kill)
        return len(events)

    async def _gather(self, _seconds: float) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self.batches += 1
        if self.kills.get(self.batches) == "gathered":
            raise KilledError("gathered")

    # -- the wire

    def post(self, destination: str, body: bytes, headers: Mapping[str, str], _timeout: float = 0) -> int:
        """What the sandbox sends by; its status is known later where others are sent with it."""
        if self._noted is None:
            return self.answers([(destination, body, headers)])[0]
        self._noted.append((destination, body, headers))
        return _LATER - len(self._noted)

    def pool(self, _workers: int) -> Pool:
        """In place of the threads that deliver at once: all are on their way, and then all are answered. The same in each run."""
        return Pool(self)

    def answers(self, sent: list[Sent]) -> list[int]:
        """The answers to deliveries that come at once; 0 where there is none."""
        if not self.is_up():
            return [0] * len(sent)
        if self._runner is None:
            self._start()
        assert self._runner is not None
        batch = self.batches
        found = self._runner.run(self._all(sent))
        died = [self.kills[n] for n in range(batch + 1, self.batches + 1) if n in self.kills]
        if died:
            self.killed += died
            self.stay_down(self.down_for)
        for (_, body, _), status in zip(sent, found, strict=True):
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.answered.append(body)
        return found

    async def _all(self, sent: list[Sent]) -> list[int]:
        done = await asyncio.gather(*(self._one(*each) for each in sent), return_exceptions=True)
        statuses = []
        for each in done:
            if isinstance(each, BaseException) and not isinstance(each, asyncio.CancelledError):
                raise each
            statuses.append(0 if isinstance(each, BaseException) else each)
        return statuses

    async def _one(self, destination: str, body: bytes, headers: Mapping[str, str]) -> int:
        got: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                got.append(int(message["status"]))

        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        path = urlsplit(destination).path.removeprefix("/bigcommerce")
        scope = {"type": "http", "method": "POST", "path": path, "root_path": "", "query_string": b"", "headers": raw}
        await self._app(scope, receive, send)  # type: ignore[arg-type]  # a bare ASGI call
        return got[0]

    def told(self) -> set[tuple[str, str]]:
        """Resource and key of what the events name."""
        return {
            (payload["resource"], repr(key))
            for log in self.logs.values()
            for payload in (event.extra["payload"] for event in log.rows)
            for key in (*payload["ids"], *payload["deleted"])
        }

    def promised(self, store_hash: str) -> set[tuple[str, str]]:
        """Resource and key of what was answered, of the resources that a DAG listens to."""
        heard = {name.rpartition("/")[2] for name in self.logs}
        events = [event for body in self.answered if isinstance(event := parse(body, store_hash), Event)]
        changes = [change for event in events for change in changes_of(event)]
        return {(change.resource, repr(change.key)) for change in changes if change.resource in heard and change.key is not None}


class Pool:
    """See ``ApiServer.pool``."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, send: Callable[[Any], int], batch: list[Any]) -> list[int]:
        """The statuses, in the order of the batch."""
        server = self._server
        noted = server._noted = []
        statuses = [send(each) for each in batch]
        server._noted = None
        answers = server.answers(noted) if noted else []
        return [answers[_LATER - status - 1] if status <= _LATER else status for status in statuses]


def connect(patch: Any, server: ApiServer) -> None:
    """Have the sandbox deliver to the server.

    :param patch: pytest's ``monkeypatch``.
    """
    patch.setattr(deliveries, "post", server.post)
    patch.setattr(deliveries, "ThreadPoolExecutor", server.pool)
