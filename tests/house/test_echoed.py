"""What a server gives back of a token, and of a customer, reaches no log, exception, XCom or manifest, by whatever way it is sent back."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.operators.graphql import BigCommerceGraphQLOperator
from airflow_provider_bigcommerce.operators.request import BigCommerceRequestOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_memory import Airflow
from tests.house.leaks import find_leaks
from tests.listener import Answer, Arrived, Listener

TOKEN = "k3v0u2mzsolhwqj1p9xwy8tnb4c7d6e"
EMAIL = "jane.doe@example.com"
PHONE = "+44 20 7946 0958"
NAME = "Jane Q. Doeringer"
SECRETS = {"access token": TOKEN, "e-mail": EMAIL, "phone number": PHONE, "name": NAME, "surname": "Doeringer", "mailbox": "jane.doe"}
TEXT = f"The customer {NAME} <{EMAIL}>, {PHONE}, with token {TOKEN} is already in use"


def as_json(value: object, status: int, **headers: str) -> Answer:
    return Answer.json(value, status, **headers)


#: Way back -> the answer that takes it.
ANSWERS: dict[str, Callable[[Arrived], Answer]] = {
    "title": lambda _: as_json({"status": 422, "title": TEXT}, 422),
    "message of a field": lambda _: as_json({"title": "Invalid", "errors": {"email": TEXT}}, 422),
    "name of a field": lambda _: as_json({"title": "Invalid", "errors": dict.fromkeys((EMAIL, NAME, PHONE, TOKEN), "taken")}, 422),
    "batch errors": lambda _: as_json({"batch_errors": [{"errors": {EMAIL: TEXT, TOKEN: TEXT}}]}, 422),
    "V2's message": lambda _: as_json([{"status": 400, "message": TEXT}], 400),
    "a refusal in plain text": lambda _: Answer(401, TEXT.encode(), {"Content-Type": "text/plain"}),
    "a missing scope": lambda _: as_json({"title": TEXT}, 403),
    "an absent row": lambda _: as_json({"title": TEXT}, 404),
    "a suspended store": lambda _: as_json({"title": f"suspended: {TEXT}"}, 503),
    "a server's fault": lambda _: as_json({"title": TEXT}, 501),
    "a request id": lambda _: as_json({"title": "Invalid"}, 422, **{"X-Request-Id": TOKEN, "X-Bc-Request-Id": EMAIL}),
    "a content type": lambda _: Answer(200, b"<html>", {"Content-Type": f"text/{TOKEN}"}),
    "another content type": lambda _: Answer(200, b"<html>", {"Content-Type": EMAIL}),
    "a page": lambda _: Answer(200, f"<html>{TEXT}</html>".encode(), {"Content-Type": "text/html"}),
    "a redirect's path": lambda _: Answer(302, b"", {"Location": f"https://example.org/{TOKEN}/{EMAIL}?q={PHONE}".replace(" ", "")}),
    "a redirect's user": lambda _: Answer(302, b"", {"Location": f"https://{TOKEN}:{TOKEN}@example.org/"}),
    "a redirect's host": lambda _: Answer(302, b"", {"Location": f"https://{TOKEN}.example.org/"}),
    "a GraphQL message": lambda _: as_json({"errors": [{"message": TEXT, "path": ["x", EMAIL], "extensions": {"code": TOKEN}}]}, 200),
    "a GraphQL union": lambda _: as_json({"data": {"m": {"errors": [{"message": TEXT, "__typename": TOKEN}]}}}, 200),
    "what the token was sent as": lambda arrived: as_json({"title": f"Bad header {arrived.headers['x-auth-token']}"}, 400),
}  # fmt: skip


def by_client(_: Path) -> Any:
    async def ask() -> Any:
        async with BigCommerceHook().astore(max_attempts=1, max_wait=1) as store:
            return await store.get("products", 7)

    return asyncio.run(ask())


def by_hook(_: Path) -> Any:
    return BigCommerceHook().run("/v3/catalog/products").status_code


def by_graphql(_: Path) -> Any:
    async def ask() -> Any:
        async with BigCommerceHook().astore(max_attempts=1, max_wait=1) as store:
            return await store.graphql("query { store { id } }")

    return asyncio.run(ask())


def by_graphql_operator(folder: Path) -> Any:
    query = "query ($after: String) { store { products(after: $after) { pageInfo { hasNextPage endCursor } nodes { id } } } }"
    return BigCommerceGraphQLOperator(task_id="nodes", query=query, path=str(folder / "data"), name="nodes").execute({})


def by_request_operator(_: Path) -> Any:
    return BigCommerceRequestOperator(task_id="ask", path="/v3/catalog/products/7").execute({})


def by_transfer(folder: Path) -> Any:
    airflow = Airflow()
    try:
        operator = BigCommerceToObjectStorageOperator(task_id="t", resource="brands", path=str(folder / "data"), file_format="jsonl")
        operator.execute(airflow.context("r", "brands"))
    finally:
        (folder / "xcoms").write_text(repr(vars(airflow)))


def by_connection_test(_: Path) -> Any:
    works, message = BigCommerceHook().test_connection()
    raise BigCommerceError(f"{works} {message}")


WAYS = [by_client, by_hook, by_graphql, by_graphql_operator, by_request_operator, by_transfer, by_connection_test]


#: To these ways, an answer of status 200 is what was asked for, whatever it holds.
FOR_DATA = (by_client, by_request_operator)
CASES = [
    pytest.param(answer, way, id=f"{answer}-{way.__name__}")
    for answer in ANSWERS
    for way in WAYS
    if not (answer.startswith("a GraphQL") and way in FOR_DATA)
]


@pytest.mark.parametrize(("answer", "way"), CASES)
def test_nothing_of_what_a_server_gives_back_is_written(
    answer: str,
    way: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_bigcommerce")
    with Listener(ANSWERS[answer]) as listener:
        extra = {"store_hash": "abc123", "access_token": TOKEN, "max_attempts": 1, "max_wait": 1}
        connection = {"conn_type": "bigcommerce", "host": listener.url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))
        try:
            told = repr(way(tmp_path))
        except (BigCommerceError, ValueError) as error:
            told = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))

    out, err = capfd.readouterr()
    (tmp_path / "told").write_text(told)
    (tmp_path / "log").write_text(out + err + caplog.text)
    assert listener.arrived
    assert told
    assert [str(leak) for leak in find_leaks([tmp_path], SECRETS)] == []
