"""A killed receiver loses nothing that it answered: a server of its own for the suite, and the whole API server thirty times."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from airflow_provider_bigcommerce.assets import changes_asset, changes_uri
from airflow_provider_bigcommerce.core.webhooks import SECRET_HEADER, Secrets
from airflow_provider_bigcommerce.sandbox import deliveries
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.airflow_dag import known_to_airflow
from tests.airflow_server import AirflowServer, Processes, free_port, until
from tests.plugins.test_api_server import DAG as LISTENING
from tests.plugins.test_api_server import mount_the_plugin, told

CONN_ID = "bigcommerce_default"
SCOPE = "store/product/updated"
URI = changes_uri(CONN_ID, "products")
REALLY_POST = deliveries.post
#: A burst, and how many of it are on their way at once: more than one batch, so that a kill meets one that is being committed.
BURST, AT_ONCE = 60, 12


class Server(Protocol):
    """What can be killed, and comes back to the same database."""

    @property
    def url(self) -> str: ...

    def kill(self) -> None: ...

    def stored(self) -> set[int]: ...


@dataclass
class Storm:
    """Webhooks that arrive while servers die.

    :param sandbox: who sends.
    :param server: who takes them.
    :param seed: when kills happen.
    :param patch: pytest's ``monkeypatch``.
    :param sent: the ids of its events begin after this.
    """

    sandbox: Sandbox
    server: Server
    seed: int
    patch: pytest.MonkeyPatch
    sent: int = 0
    at_kill: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._before, self._lock, self._left, self._within = self.sent, threading.Lock(), 0, 0.0
        # Two days ago: a delivery may be old, so that hours can pass between two kills, and the domain is not blocked for long.
        self.now = time.time() - 48 * 3600
        store = self.sandbox.store
        store.clock = lambda: self.now
        store.webhooks.parallel = AT_ONCE
        secrets = Secrets(self.sandbox.store_hash, self.sandbox.token, "the-client-secret")
        to = f"{self.server.url}/bigcommerce/webhooks/{CONN_ID}"
        store.add("webhooks", scope=SCOPE, destination=to, is_active=True, headers={SECRET_HEADER: secrets.header})
        self.patch.setattr(deliveries, "post", self._post)

    def _post(self, destination: str, body: bytes, headers: dict[str, str], timeout: float) -> int:
        """The sandbox's own way of sending; one of a burst finds the server dead, which was killed with others on their way."""
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            time.sleep(self._within)  # the kill's place in the window of 100 ms and the commit after it
            self.server.kill()
        return REALLY_POST(destination, body, headers, timeout)

    def blow(self) -> None:
        """A burst into the server, which is killed in it at a moment that the seed says."""
        self.now += 600
        webhooks = self.sandbox.store.webhooks
        done = len(webhooks.attempts)
        for _ in range(BURST):
            self.sent += 1
            webhooks.emit(SCOPE, {"type": "product", "id": self.sent})
        self._left, self._within = self.dice.randrange(2, BURST), self.dice.uniform(0.0, 0.2)
        webhooks.deliver(self.now)
        tried = webhooks.attempts[done:]
        self.at_kill.append(sum(attempt.is_success for attempt in tried))
        self.unanswered.append(len(tried) - self.at_kill[-1])

    def answered(self) -> set[int]:
        """The ids of all deliveries that were answered."""
        numbers = [int(each.webhook_id.removeprefix("msg_")) for each in self.sandbox.store.webhooks.attempts if each.is_success]
        return {self._before + number for number in numbers}

    def deliver_the_rest(self) -> None:
        """The retries of what got no answer."""
        while self.sandbox.store.webhooks.waiting():
            self.now += 3600
            self.sandbox.deliver(self.now)


def listening_to(sandbox: Sandbox) -> dict[str, str]:
    """The environment of an API server that takes the sandbox's webhooks."""
    return {
        f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(sandbox.connection),
        "AIRFLOW__BIGCOMMERCE__WEBHOOK_CONNECTIONS": CONN_ID,
        "AIRFLOW__BIGCOMMERCE__WEBHOOK_SIGNATURE": "required",
    }


def lost(storm: Storm) -> set[int]:
    """What was answered and is not there."""
    return storm.answered() - storm.server.stored()


# -- the receiver alone

ALONE = """
import sys, uvicorn
from fastapi import FastAPI
from airflow_provider_bigcommerce.plugins.webhooks_plugin import BigCommercePlugin
root = FastAPI()
for made in BigCommercePlugin().fastapi_apps:
    root.mount(made["url_prefix"], made["app"])
uvicorn.run(root, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


@dataclass
class Alone:
    """The receiver in a server of its own, on the Airflow database of this test."""

    env: dict[str, str]
    folder: Path
    port: int = field(default_factory=free_port)
    processes: Processes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def come_up(self) -> None:
        running = self.processes = Processes([sys.executable, "-c", ALONE, str(self.port)], self.env, self.folder, self.folder / "log")
        until(lambda: running.status() is not None or self._answers(), "the receiver", 120, every=0.05)
        assert running.status() is None, (self.folder / "log").read_text()[-2000:]

    def _answers(self) -> bool:
        return REALLY_POST(f"{self.url}/bigcommerce/webhooks/{CONN_ID}", b"", {}, 30) == 401

    def kill(self) -> None:
        assert self.processes is not None
        self.processes.kill()

    def stored(self) -> set[int]:
        from airflow.models.asset import AssetEvent, AssetModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(AssetModel.uri == URI)
            return {key for extra in session.scalars(query) for key in extra["payload"]["ids"]}


@pytest.mark.timeout(1800)
@pytest.mark.bigcommerce_sandbox(client_secret="the-client-secret")
@pytest.mark.parametrize("kills", [1, pytest.param(15, marks=pytest.mark.exhaustive)])
def test_a_receiver_that_is_killed_while_it_commits_has_stored_what_it_answered(
    bigcommerce_sandbox: Sandbox, airflow_home: Path, tmp_path: Path, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import DAG

    with DAG("killed", schedule=[changes_asset(CONN_ID, "products")], start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        pass
    known_to_airflow(dag)
    env = {**os.environ, **listening_to(bigcommerce_sandbox), "AIRFLOW_HOME": str(airflow_home)}
    server = Alone(env, tmp_path)
    storm = Storm(bigcommerce_sandbox, server, kills, monkeypatch, sent=max(server.stored(), default=0))
    for _ in range(kills):
        server.come_up()
        try:
            storm.blow()
        finally:
            server.kill()
        assert lost(storm) == set()
    print(f"{storm.sent} webhooks, {kills} kills; answered before each: {storm.at_kill}, not answered: {storm.unanswered}")
    assert min(storm.unanswered) > 0


# -- the whole API server


@dataclass
class Whole:
    """The API server of an Airflow."""

    server: AirflowServer

    @property
    def url(self) -> str:
        return self.server.url

    def kill(self) -> None:
        self.server.kill()

    def stored(self) -> set[int]:
        return set(told(self.server))


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.bigcommerce_sandbox(client_secret="the-client-secret")
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_api_server_that_is_killed_fifteen_times_has_stored_what_it_answered(
    bigcommerce_sandbox: Sandbox, tmp_path: Path, database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, dags = tmp_path / "home", tmp_path / "dags"
    dags.mkdir()
    (dags / "listening.py").write_text(LISTENING)
    mount_the_plugin(home)
    stored_in = request.getfixturevalue("airflow_database") if database == "postgres" else {}
    server = AirflowServer(home, {**listening_to(bigcommerce_sandbox), **stored_in}, dags, component="api-server")
    server.prepare()
    server.airflow("dags", "reserialize")
    storm = Storm(bigcommerce_sandbox, Whole(server), len(database), monkeypatch)
    with server:
        for _ in range(15):
            storm.blow()
            server.start_prepared()
            assert lost(storm) == set()
        storm.deliver_the_rest()
        assert storm.server.stored() == set(range(1, storm.sent + 1))
    print(f"{database}: {storm.sent} webhooks, 15 kills; answered before each: {storm.at_kill}, not answered: {storm.unanswered}")
    assert min(storm.unanswered) > 0
