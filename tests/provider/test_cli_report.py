"""The command ``airflow-bigcommerce report``: one file, written when all is asked, and what stops it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.cli.report import settings_of
from airflow_provider_bigcommerce.core.report_format import FORMAT_VERSION
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.ways import Ways

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], bigcommerce_sandbox: Sandbox) -> Run:
    """Runs the command with the sandbox in the environment: exit status, stdout, stderr."""
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", bigcommerce_sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", bigcommerce_sandbox.token)
    monkeypatch.setenv("BIGCOMMERCE_API_URL", bigcommerce_sandbox.url)
    monkeypatch.setenv("BIGCOMMERCE_B2B_URL", bigcommerce_sandbox.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "report", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


def test_it_writes_one_file_says_how_far_it_is_and_what_differs(run: Run, bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    bigcommerce_sandbox.store.ways = Ways(rows={"/v3/catalog/brands": lambda row: {**row, "colour": "red"}})
    file = tmp_path / "report.json"

    status, out, err = run("--resources", "brands, transactions", "--output", str(file))

    assert status == 0
    found = json.loads(file.read_text())
    assert (found["format"], found["format_version"], found["is_whole"]) == ("bigcommerce-report", FORMAT_VERSION, False)
    assert [each["name"] for each in found["resources"]] == ["brands", "order_transactions"]
    assert out.startswith(f"{file}: 2 resources in {found['requests']} requests; 2 answered, ")
    assert "  brands: new field colour (text)\n1 differences from" in out
    assert "catalog: 1 of 2 resources, " in err
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    assert {request.method for request in bigcommerce_sandbox.store.requests} == {"GET"}


def test_its_help_has_an_example_and_says_that_it_only_reads(run: Run) -> None:
    status, out, _ = run("--help")

    assert status == 0
    assert "airflow-bigcommerce report --resources orders,customers --output report.json" in out
    assert "It only reads." in out


def test_a_file_that_exists_is_kept_unless_it_may_be_replaced(run: Run, bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("mine")

    status, _, err = run("--resources", "brands", "--output", str(file))
    assert (status, "exists; --overwrite replaces it" in err, file.read_text()) == (2, True, "mine")
    assert bigcommerce_sandbox.store.requests == []

    assert run("--resources", "brands", "--output", str(file), "--overwrite")[0] == 0
    assert json.loads(file.read_text())["requests"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resources", "brnads"], "Did you mean 'brands'"),
        (["--resources", " , "], "give catalog names with commas between"),
        (["--resources", "brands", "--output", "no/such/directory/r.json"], "cannot be written"),
        (["--resources", "brands", "--output", ".", "--overwrite"], "is a directory"),
    ],
)
def test_wrong_usage_sends_nothing(run: Run, bigcommerce_sandbox: Sandbox, arguments: list[str], said: str) -> None:
    status, _, err = run(*arguments)

    assert (status, said in err) == (2, True), err
    assert bigcommerce_sandbox.store.requests == []


def test_a_refused_token_is_status_1_and_leaves_no_file(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", "tok-5ecret-9f8e7d")

    status, out, err = run("--resources", "brands", "--output", str(tmp_path / "report.json"))

    assert (status, "access token" in err, "tok-5ecret" in out + err) == (1, True, False)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("allowed", "used"), [(1.0, 0.5), (0.5, 0.5), (0.2, 0.2)])
def test_it_uses_half_of_the_quota_at_most_and_no_more_than_the_connection_allows(allowed: float, used: float) -> None:
    assert settings_of(allowed)["quota_share"] == used
