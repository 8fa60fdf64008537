"""A report of a real store: ``BIGCOMMERCE_STORE_HASH=... BIGCOMMERCE_ACCESS_TOKEN=... pytest -m live tests/live``. It only reads."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

#: Credentials of the store, and where its report goes.
NEEDED = ("BIGCOMMERCE_STORE_HASH", "BIGCOMMERCE_ACCESS_TOKEN")
FILE = "BIGCOMMERCE_REPORT"
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"


def require_store() -> Path:
    """Skip without a store in the environment; the file that the report goes into."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no store to report on: set {' and '.join(missing)}")
    return Path(os.environ.get(FILE, "bigcommerce-report.json"))


def write_and_check(file: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "report", "--output", str(file), "--overwrite", *more])

    assert cli.main() == 0
    text = file.read_text()
    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_text()))
    assert not [name for name in NEEDED if os.environ[name] in text]
    assert json.loads(text)["resources"]


@pytest.mark.live
@pytest.mark.timeout(3600)
def test_a_report_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    write_and_check(require_store(), monkeypatch)


def test_without_a_store_in_the_environment_it_is_skipped_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NEEDED[0], "abc123")
    monkeypatch.delenv(NEEDED[1], raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"set BIGCOMMERCE_ACCESS_TOKEN$"):
        require_store()


def test_the_same_runs_against_the_sandbox(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = (bigcommerce_sandbox.store_hash, bigcommerce_sandbox.token)
    for name, value in zip((*NEEDED, "BIGCOMMERCE_API_URL", "BIGCOMMERCE_B2B_URL"), (*values, *[bigcommerce_sandbox.url] * 2), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(FILE, str(tmp_path / "mine.json"))

    write_and_check(require_store(), monkeypatch, "--resources", "orders,b2b_companies")

    assert (tmp_path / "mine.json").exists()
    assert {request.method for request in bigcommerce_sandbox.store.requests} == {"GET"}
