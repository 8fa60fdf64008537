"""The receiver's answers, in process: what is taken, what is refused, and what is told to whom."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_bigcommerce.core.webhooks import Secrets, probe_event, signed
from airflow_provider_bigcommerce.engine.webhook_settings import ReceiverSettings
from airflow_provider_bigcommerce.exceptions import CredentialsError
from airflow_provider_bigcommerce.plugins.asset_events import Delivery
from airflow_provider_bigcommerce.plugins.receiver import Receiver, create_app

NOW = 1_800_000_000.0
SECRETS = Secrets("abc123", "the-token", "the-client-secret")
PATH = "/webhooks/shop"


async def at_once(_seconds: float) -> None:
    """The moment in which deliveries are gathered."""


@dataclass
class World:
    """What the receiver stands on, in place of Airflow."""

    secrets: Callable[[str], Secrets] = lambda _: SECRETS
    fails: Exception | None = None
    batches: list[list[Delivery]] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    time: float = 0.0

    def load(self, conn_id: str) -> Secrets:
        self.loads.append(conn_id)
        return self.secrets(conn_id)

    def commit(self, batch: list[Delivery]) -> None:
        if self.fails is not None:
            raise self.fails
        self.batches.append(batch)

    @contextmanager
    def client(self, **settings: Any) -> Iterator[TestClient]:
        made = ReceiverSettings(**{"connections": ("shop", "other.shop-1"), "max_body": 65536, **settings})
        receiver = Receiver(made, commit=self.commit, load=self.load, clock=lambda: NOW, monotonic=lambda: self.time, sleep=at_once)
        with TestClient(create_app(made, receiver), raise_server_exceptions=True) as client:
            yield client


def event(scope: str = "store/product/updated", data: Any = None, **more: Any) -> bytes:
    told = {"scope": scope, "data": {"type": "product", "id": 7} if data is None else data, "producer": "stores/abc123", **more}
    return json.dumps(told).encode()


def send(client: TestClient, body: bytes, path: str = PATH, **changed: str | None) -> Any:
    headers = {**signed(body, SECRETS, "msg_1", NOW), **{name.replace("_", "-"): value for name, value in changed.items()}}
    return client.post(path, content=body, headers={name: value for name, value in headers.items() if value is not None})


def test_a_delivery_is_committed_and_then_answered_without_a_body() -> None:
    world = World()
    with world.client() as client:
        answer = send(client, event())
    assert (answer.status_code, answer.content) == (200, b"")
    ((delivery,),) = world.batches
    assert (delivery.conn_id, delivery.store_hash) == ("shop", "abc123")
    assert [(change.resource, change.key) for change in delivery.changes] == [("products", 7)]


def test_each_connection_has_its_own_secrets() -> None:
    world = World(secrets=lambda conn_id: SECRETS if conn_id == "shop" else Secrets("abc123", "another-token"))
    with world.client() as client:
        assert send(client, event(), "/webhooks/other.shop-1").status_code == 401
        assert send(client, event()).status_code == 200


NOT_STORED: dict[str, tuple[bytes, int]] = {
    "an unknown scope": (event("store/heard/of/never"), 200),
    "a wildcard as scope": (event("store/product/*"), 200),
    "our own probe": (probe_event("abc123", NOW), 200),
    "an id that is none": (event(data={"id": "x"}), 200),
    "data that is null": (event().replace(b'{"type": "product", "id": 7}', b"null"), 200),
    "no JSON": (b"\xff{", 200),
    "nothing": (b"", 200),
    "a JSON array": (b"[]", 200),
    "ten thousand levels": (b"[" * 10_000, 200),
    "another store's event": (event(producer="stores/other1"), 200),
    "one byte too many": (event(padding="x" * (65536 - len(event(padding="")) + 1)), 413),
}


@pytest.mark.parametrize("case", sorted(NOT_STORED))
def test_what_names_no_row_is_answered_and_not_stored(case: str) -> None:
    body, status = NOT_STORED[case]
    world = World()
    with world.client() as client:
        assert send(client, body).status_code == status
    assert world.batches == []


def test_a_body_of_exactly_the_most_bytes_is_taken() -> None:
    body = event(padding="x" * (65536 - len(event(padding=""))))
    world = World()
    with world.client() as client:
        assert (len(body), send(client, body).status_code) == (65536, 200)
    assert len(world.batches) == 1


@pytest.mark.parametrize("length", [None, "5", "999999999999999999999999", "-1", "x"])
async def test_an_endless_body_is_read_no_further_than_it_may_be_long_whatever_its_length_says(length: str | None) -> None:
    world, read, sent = World(), [], []
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(b"", SECRETS, "msg_1", NOW).items()]
    if length is not None:
        headers.append((b"content-length", length.encode()))

    async def more() -> dict[str, Any]:
        read.append(1)
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def take(message: dict[str, Any]) -> None:
        sent.append(message)

    settings = ReceiverSettings(("shop",), max_body=2000)
    app = create_app(settings, Receiver(settings, commit=world.commit, load=world.load, clock=lambda: NOW, sleep=at_once))
    scope = {"type": "http", "method": "POST", "path": PATH, "root_path": "", "query_string": b"", "headers": headers}
    await app(scope, more, take)  # type: ignore[arg-type]  # a bare ASGI call

    assert (sent[0]["status"], len(read)) == (413, 3)


async def test_a_sender_that_hangs_up_in_its_body_is_not_stored() -> None:
    world, sent = World(), []
    headers = [(name.lower().encode(), value.encode()) for name, value in signed(b"", SECRETS, "msg_1", NOW).items()]

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def take(message: dict[str, Any]) -> None:
        sent.append(message)

    settings = ReceiverSettings(("shop",))
    app = create_app(settings, Receiver(settings, commit=world.commit, load=world.load, clock=lambda: NOW, sleep=at_once))
    scope = {"type": "http", "method": "POST", "path": PATH, "root_path": "", "query_string": b"", "headers": headers}
    await app(scope, gone, take)  # type: ignore[arg-type]  # a bare ASGI call

    assert (sent[0]["status"], world.batches) == (503, [])


def test_without_the_header_secret_the_body_is_not_read() -> None:
    with World().client(max_body=1024) as client:
        assert client.post(PATH, content=b"x" * 5000).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/webhooks/not_listed", "/webhooks/shop2", "/webhooks/SHOP", "/webhooks/shop%00", "/webhooks/..%2fshop", "/webhooks/..", "/webhooks/"],
)
def test_a_connection_that_is_not_listed_is_as_a_wrong_secret_or_no_path_at_all(path: str) -> None:
    world = World()
    with world.client() as client:
        answer = send(client, event(), path)
    assert answer.status_code in (401, 404)
    assert world.loads == []
    assert world.batches == []


def test_a_listed_and_an_unlisted_connection_refuse_alike() -> None:
    with World().client() as client:
        wrong = send(client, event(), X_Airflow_BigCommerce="wrong")
        unlisted = send(client, event(), "/webhooks/not_listed")
    assert (wrong.status_code, wrong.content, dict(wrong.headers)) == (unlisted.status_code, unlisted.content, dict(unlisted.headers))


@pytest.mark.parametrize("changed", [{"webhook_signature": "v1,AAAA"}, {"webhook_timestamp": "7"}, {"webhook_id": None}], ids=str)
def test_a_wrong_signature_is_refused(changed: dict[str, Any]) -> None:
    world = World()
    with world.client() as client:
        assert send(client, event(), **changed).status_code == 401
    assert world.batches == []


def test_an_unsigned_delivery_is_taken_unless_a_signature_is_required() -> None:
    unsigned: dict[str, Any] = dict.fromkeys(("webhook_id", "webhook_timestamp", "webhook_signature"))
    world = World()
    with world.client() as client:
        assert send(client, event(), **unsigned).status_code == 200
    with world.client(signature="required") as client:
        assert send(client, event(), **unsigned).status_code == 401
        assert send(client, event()).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_405(method: str) -> None:
    with World().client() as client:
        assert client.request(method, PATH).status_code == 405


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/webhooks", "/webhooks/shop/more", "/"])
def test_there_is_nothing_else(path: str) -> None:
    with World().client() as client:
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("error", [RuntimeError("database is locked"), OSError(), ValueError()], ids=repr)
def test_what_could_not_be_committed_is_503_and_the_next_is_tried_anew(error: Exception) -> None:
    world = World(fails=error)
    with world.client() as client:
        assert send(client, event()).status_code == 503
        world.fails = None
        assert send(client, event()).status_code == 200


def test_secrets_are_read_once_a_minute_and_a_failure_once_in_ten_seconds() -> None:
    world = World()
    with world.client() as client:
        for second in (0, 59, 60, 61):
            world.time = second
            assert send(client, event()).status_code == 200
        assert len(world.loads) == 2

        def fail(_conn_id: str) -> Secrets:
            raise CredentialsError("the connection is gone")

        world.secrets = fail
        world.time = 200
        assert [send(client, event()).status_code for _ in range(3)] == [503] * 3
        assert len(world.loads) == 3
        world.secrets = lambda _: SECRETS
        world.time = 210
        assert send(client, event()).status_code == 200


@pytest.mark.parametrize("error", [RuntimeError("vault is sealed"), CredentialsError("no token"), KeyError("x")], ids=repr)
def test_a_secrets_backend_that_fails_is_503_whatever_it_raises(error: Exception) -> None:
    def fail(_conn_id: str) -> Secrets:
        raise error

    with World(secrets=fail).client() as client:
        assert send(client, event()).status_code == 503


def test_a_reason_is_logged_once_a_minute_and_repeats_nothing_that_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "airflow_provider_bigcommerce.plugins")
    world = World()
    with world.client() as client:
        for _ in range(50):
            send(client, event(), X_Airflow_BigCommerce="attack")
        world.time = 61
        send(client, event(), X_Airflow_BigCommerce="attack")
        send(client, event(), "/webhooks/forged%0Aline")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider_bigcommerce.plugins")]
    assert len(lines) == 3
    assert lines[1].endswith("(49 more since the last line)")
    assert not [line for line in lines if "attack" in line or "forged" in line or SECRETS.header in line]
