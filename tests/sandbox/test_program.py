"""The sandbox's command line: its help explains every option, and its token has the scopes that were asked for."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox import program
from airflow_provider_bigcommerce.sandbox.program import main
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.scopes import SCOPES


def test_the_help_explains_every_option_and_how_to_change_the_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    options = told.partition("options:\n")[2].partition("\n\n")[0]
    blocks = re.split(r"\n(?=  -)", options)
    assert len(blocks) > 20
    assert [block for block in blocks if not re.search(r"(?: {2,}|\n {10,})\S.{5,}", block[3:])] == []
    for words in ("--scopes store_v2_orders_read_only", "/sandbox/changes", '"orders": 2', '"edit_products"'):
        assert words in told


@pytest.mark.parametrize(
    ("text", "scopes"), [("", None), (" store_v2_orders_read_only, store_inventory", ["store_v2_orders_read_only", "store_inventory"])]
)
def test_scopes_are_read_from_the_command_line(monkeypatch: pytest.MonkeyPatch, text: str, scopes: Any) -> None:
    assert program._scopes(text) == scopes


def test_a_scope_that_nothing_needs_is_refused_with_the_nearest_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scopes", "store_v2_order_read_only"]) == 2
    assert "Did you mean store_v2_orders_read_only" in capsys.readouterr().err
    assert {"store_v2_orders", "store_v2_information", "store_inventory_read_only"} <= SCOPES


def test_the_page_needs_no_token_and_has_none(bigcommerce_sandbox: Sandbox) -> None:
    before = len(bigcommerce_sandbox.store.requests)
    with urllib.request.urlopen(f"{bigcommerce_sandbox.url}/sandbox", timeout=20) as answer:
        text = answer.read().decode()
    assert "<h1>Sandbox store</h1>" in text
    assert bigcommerce_sandbox.token not in text
    assert len(bigcommerce_sandbox.store.requests) == before
