"""Claims about ``airflow-bigcommerce write``: a plan is made, printed for a person, and changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "write", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def store(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", bigcommerce_sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", bigcommerce_sandbox.token)
    monkeypatch.setenv("BIGCOMMERCE_API_URL", bigcommerce_sandbox.url)
    return bigcommerce_sandbox


@pytest.mark.bigcommerce_sandbox(products=4)
def test_a_plan_is_made_and_printed(run: Run, store: Sandbox, tmp_path: Path) -> None:
    products = list(store.store.rows("products"))
    lines = [f"{row['sku']};{row['price']};Name {place}" for place, row in enumerate(products)]
    (tmp_path / "in.csv").write_text("Artikel;Preis;Name\n" + "\n".join(lines) + "\n")
    mapped = ("--map", "Artikel=sku", "--map", "Preis=price", "--map", "Name=name")

    status, out, err = run(
        "plan", "products", str(tmp_path / "in.csv"), "--match-on", "sku", *mapped, "--report-path", str(tmp_path / "r"), "--json"
    )
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert made["counts"] == {"input": 4, "update": 4}
    assert {request.method for request in store.store.requests} == {"GET"}

    status, out, _ = run("show", made["manifest"].removeprefix("file://"), "--limit", "2")
    assert status == 0
    assert f"Plan {made['digest'][:12]} of products" in out
    assert products[0]["name"] in out
    assert "Name 1" in out
    assert "Name 2" not in out
    assert "... and 2 more rows" in out

    status, out, _ = run("show", made["manifest"], "--json", "--limit", "0")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [row["id"] for row in products]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("show", "/nowhere/plan-1"), 1, "is not there"),
        (("limits", "prodcuts"), 2, "Did you mean"),
        (("plan", "products", "/nowhere/in.csv"), 2, "has no file"),
        (("plan", "products", "in.csv", "--map", "sku"), 2, "is not name=value"),
        (("plan", "products", "in.csv", "--operation", "replace"), 2, "operation='replace' is unknown"),
        (("plan", "products", "in.csv", "--nulls", "clear"), 2, "Accepted: skip, write"),
    ],
    ids=["no-plan", "resource", "no-file", "map", "operation", "nulls"],
)
def test_what_cannot_work_is_told_on_stderr(run: Run, arguments: tuple[str, ...], status: int, text: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (status, "")
    assert text in err


def test_limits_tell_what_the_catalog_knows(run: Run) -> None:
    status, out, _ = run("limits", "price_list_records")
    assert status == 0
    assert "PUT /v3/pricelists/{price_list_id}/records" in out
    assert "1000" in out
    calls = {call["verb"]: call for call in json.loads(run("limits", "customers", "--json")[1])}
    assert calls["update"]["at_once"] == 3
    assert calls["create"]["secret"] == ["authentication.new_password"]
    assert "cannot be written" in run("limits", "store_information")[1]


@pytest.mark.bigcommerce_sandbox(products=4)
def test_a_plan_is_applied_and_taken_back(run: Run, store: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {row["sku"]: row["price"] for row in store.store.rows("products")}
    (tmp_path / "in.csv").write_text("\n".join(["sku,price", *(f"{sku},4.25" for sku in before)]))
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("plan", "products", "in.csv", "--match-on", "sku", "--json")
    plan = json.loads(out)["manifest"].removeprefix("file://")
    assert status == 0

    monkeypatch.setattr("typer.confirm", lambda text, **_: pytest.fail("asked") if "4 rows of products" in text else None)
    status, out, err = run("apply", plan, "--yes", "--verify-all")
    assert (status, err) == (0, "")
    assert "updated" in out
    assert {row["price"] for row in store.store.rows("products")} == {4.25}
    outcome = out.split()[-1]

    status, out, _ = run("undo", outcome)
    assert status == 0
    assert "4 rows can be taken back." in out
    status, out, _ = run("apply", out.split()[-1], "--yes", "--json")
    assert (status, json.loads(out)["counts"]) == (0, {"updated": 4})
    assert {row["sku"]: row["price"] for row in store.store.rows("products")} == before


@pytest.mark.bigcommerce_sandbox(products=2)
def test_nothing_is_sent_where_the_person_says_no(run: Run, store: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.csv").write_text("\n".join(["sku,price", *(f"{row['sku']},4.25" for row in store.store.rows("products"))]))
    monkeypatch.chdir(tmp_path)
    _, out, _ = run("plan", "products", "in.csv", "--match-on", "sku", "--json")
    asked: list[str] = []

    def no(text: str, *, abort: bool, **_: object) -> None:
        asked.append(text)
        if abort:
            raise typer.Abort

    monkeypatch.setattr("typer.confirm", no)
    status, _, _ = run("apply", json.loads(out)["manifest"])

    assert status == 1
    assert "Send 2 rows of products" in asked[0]
    assert {request.method for request in store.store.requests} == {"GET"}
