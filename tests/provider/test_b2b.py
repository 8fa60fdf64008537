"""B2B Edition from a connection: single calls by the hook, and what a check tells of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_bigcommerce import access, cli
from airflow_provider_bigcommerce.exceptions import CredentialsError, InvalidQueryError, PermissionDeniedError, RedirectRefusedError
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.listener import Answer, Arrived, Listener

TOKEN = "tok-5ecret-9f8e7d"
Connect = Callable[..., None]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def connect(host: str | None, **extra: object) -> None:
        fields = {"store_hash": "abc123", "access_token": TOKEN, **extra}
        connection = {"conn_type": "bigcommerce", "host": host, "extra": fields}
        monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(connection))

    return connect


def test_a_path_of_b2b_edition_goes_to_its_host_with_the_stores_hash_and_others_do_not(connect: Connect) -> None:
    with Listener(Answer.json({"code": 200, "data": []})) as b2b, Listener(Answer.json({"data": []})) as store:
        connect(store.url, b2b_host=b2b.url)
        hook = BigCommerceHook()
        hook.run("/api/v3/io/companies", {"limit": 5})
        hook.run("v3/catalog/products")
        hook.run("api/v3/io/ip/invoices")

    assert [request.path for request in b2b.arrived] == ["/api/v3/io/companies?limit=5", "/api/v3/io/ip/invoices"]
    assert [request.path for request in store.arrived] == ["/stores/abc123/v3/catalog/products"]
    assert {request.headers.get("x-store-hash") for request in b2b.arrived} == {"abc123"}
    assert {request.headers.get("x-auth-token") for request in (*b2b.arrived, *store.arrived)} == {TOKEN}
    assert store.arrived[0].headers.get("x-store-hash") is None


@pytest.mark.parametrize("location", ["https://api.example.com/api/v3/io/companies", "/stores/abc123/v3/customers", "/api/v3/io/../x"])
def test_a_redirect_out_of_it_is_refused(connect: Connect, location: str) -> None:
    with Listener(lambda _: Answer(302, b"", {"Location": location})) as b2b:
        connect(None, b2b_host=b2b.url)
        with pytest.raises(RedirectRefusedError):
            BigCommerceHook().run("/api/v3/io/companies")

    assert len(b2b.arrived) == 1


def test_a_redirect_below_it_is_followed(connect: Connect) -> None:
    def answer(request: Arrived) -> Answer:
        here = request.path == "/api/v3/io/companies"
        return Answer(302, b"", {"Location": "/api/v3/io/companies/roles"}) if here else Answer.json({"data": []})

    with Listener(answer) as b2b:
        connect(None, b2b_host=b2b.url)
        assert BigCommerceHook().run("/api/v3/io/companies").json() == {"data": []}


def test_its_refusals_are_typed_and_a_lost_id_is_no_whole_collection(connect: Connect) -> None:
    with Listener(Answer.json({"code": 403, "data": {}, "meta": {"message": "Forbidden"}}, 403)) as b2b:
        connect(None, b2b_host=b2b.url)
        with pytest.raises(PermissionDeniedError, match="The store has no B2B Edition, or the access token lacks its scope"):
            BigCommerceHook().run("/api/v3/io/companies")
        with pytest.raises(InvalidQueryError, match="names no row: it would delete all rows"):
            BigCommerceHook(method="DELETE").run("/api/v3/io/companies")

    assert len(b2b.arrived) == 1


def test_where_the_connection_leads_elsewhere_nothing_is_sent_unasked(connect: Connect) -> None:
    with Listener() as store:
        connect(store.url)
        with pytest.raises(CredentialsError, match="extra 'b2b_host' does not say where"):
            BigCommerceHook().run("/api/v3/io/companies")

    assert store.arrived == []


def test_no_test_of_a_connection_sends_to_b2b_edition(connect: Connect) -> None:
    with Listener() as b2b, Listener(Answer.json({"name": "Bikes", "domain": "bikes.example.com"})) as store:
        connect(store.url, b2b_host=b2b.url)
        assert BigCommerceHook().test_connection()[0]

    assert (len(store.arrived), b2b.arrived) == (1, [])


def scope(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "check", "--json"])
    cli.main()
    [found] = [row for row in json.loads(capfd.readouterr().out)["scopes"] if row["scopes"] == ["B2B Edition"]]
    return dict(found)


@pytest.mark.parametrize(
    ("scopes", "has_b2b", "readable"),
    [(None, True, True), (["B2B Edition"], True, True), (["store_v2_orders"], True, False), (None, False, False)],
)
def test_a_check_tells_whether_the_token_reads_it(
    bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], scopes: list[str] | None,
    has_b2b: bool, readable: bool,
) -> None:  # fmt: skip
    bigcommerce_sandbox.store.has_b2b = has_b2b
    bigcommerce_sandbox.store.add_token("another", None if scopes is None else [*scopes, "store_v2_information"])
    extra = {**bigcommerce_sandbox.connection["extra"], "access_token": "another"}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**bigcommerce_sandbox.connection, "extra": extra}))

    found = scope(capfd, monkeypatch)

    assert (found["readable"], found["asked"], len(found["resources"])) == (readable, "/api/v3/io/companies", 26)
    assert ("note" in found) == (not readable)
    if not readable:
        assert found["note"] == "The store has no B2B Edition, or the access token lacks its scope."


@pytest.mark.parametrize("case", ["no b2b_host", "nobody there"])
def test_a_host_that_cannot_be_asked_costs_no_other_line_of_the_check(
    bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    extra = dict(bigcommerce_sandbox.connection["extra"])
    with Listener() as gone:
        extra["b2b_host"] = gone.url
    if case == "no b2b_host":
        del extra["b2b_host"]
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**bigcommerce_sandbox.connection, "extra": extra}))

    with BigCommerceHook().store(max_attempts=1) as store:
        found = {each.scopes: each for each in access.permissions(store)}

    b2b = found.pop(("B2B Edition",))
    assert (b2b.is_given, b2b.is_worth_a_try) == (False if case == "no b2b_host" else None, False)
    assert b2b.note
    assert {each.is_given for each in found.values()} == {True}
