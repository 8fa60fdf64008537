"""The pytest fixture, and the program: how a store is started, found and stopped."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def fetch(url: str, token: str, context: ssl.SSLContext | None = None) -> object:
    request = urllib.request.Request(url, headers={"X-Auth-Token": token})
    with urllib.request.urlopen(request, context=context, timeout=20) as response:
        return json.load(response)


def test_the_fixture_gives_url_connection_and_state(bigcommerce_sandbox: Sandbox) -> None:
    connection = bigcommerce_sandbox.connection

    answer = fetch(
        f"{connection['host']}/stores/{connection['extra']['store_hash']}/v3/catalog/products", connection["extra"]["access_token"]
    )

    assert connection["conn_type"] == "bigcommerce"
    assert connection["host"] == bigcommerce_sandbox.url
    assert [row["id"] for row in answer["data"]] == [row["id"] for row in bigcommerce_sandbox.store.rows("products")]
    assert [entry.path for entry in bigcommerce_sandbox.store.requests] == ["/v3/catalog/products"]


@pytest.mark.bigcommerce_sandbox(products=3, orders=0, customers=0)
def test_the_marker_sets_the_size(bigcommerce_sandbox: Sandbox) -> None:
    assert {name: bigcommerce_sandbox.store.count(name) for name in ("products", "orders", "customers")} == {
        "products": 3,
        "orders": 0,
        "customers": 0,
    }


@pytest.mark.bigcommerce_sandbox(tls=True)
def test_over_tls_the_ca_file_is_what_a_client_must_trust(bigcommerce_sandbox: Sandbox) -> None:
    url = f"{bigcommerce_sandbox.url}/stores/sandbox1/v2/time"

    assert bigcommerce_sandbox.url.startswith("https://")
    assert set(fetch(url, bigcommerce_sandbox.token, ssl.create_default_context(cafile=bigcommerce_sandbox.ca_file))) == {"time"}
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(url, bigcommerce_sandbox.token, ssl.create_default_context())


def test_after_the_test_no_thread_of_the_server_is_left() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name == "bigcommerce-sandbox"] == []


def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start the program, and read its lines up to the ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_bigcommerce.sandbox", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    lines = {}
    assert process.stdout is not None
    for line in process.stdout:
        name, _, value = line.strip().partition("=")
        lines[name] = value.strip("'")
        if name.startswith("AIRFLOW_CONN"):
            break
    return process, lines


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_prints_its_connection_and_ends_cleanly(number: signal.Signals) -> None:
    process, lines = start("--products", "3", "--store-hash", "abc123", "--token", "secret")
    try:
        connection = json.loads(lines["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"])
        answer = fetch(f"{connection['host']}/stores/abc123/v3/catalog/products", "secret")
    finally:
        process.send_signal(number)

    assert connection["extra"] == {"store_hash": "abc123", "access_token": "secret", "b2b_host": connection["host"]}
    assert answer["meta"]["pagination"]["total"] == 3
    assert process.wait(timeout=20) == 0


def test_with_a_token_file_the_ready_line_holds_no_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    process, lines = start("--products", "1", "--token-file", os.fspath(file))
    try:
        token = file.read_text().strip()
        connection = json.loads(lines["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"])
        answer = fetch(f"{connection['host']}/stores/sandbox1/v2/time", token)
    finally:
        process.terminate()
        process.wait(timeout=20)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in str(lines)
    assert str(file) in connection["extra"]["access_token"]
    assert set(answer) == {"time"}


def test_the_program_refuses_two_ways_to_give_a_token(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_bigcommerce.sandbox", "--token", "x", "--token-file", os.fspath(tmp_path / "t")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "--token-file" in done.stderr


def test_other_processes_read_the_log_and_change_the_store(bigcommerce_sandbox: Sandbox) -> None:
    token, base = bigcommerce_sandbox.token, bigcommerce_sandbox.url
    customer = bigcommerce_sandbox.store.rows("customers")[0]["id"]
    product = bigcommerce_sandbox.store.rows("products")[0]["id"]
    fetch(f"{base}/stores/sandbox1/v2/time?x=1", token)
    changes = json.dumps({"orders": 2, "edit_products": [{"id": product, "price": 1.5}], "move_customers": [customer]}).encode()
    request = urllib.request.Request(f"{base}/sandbox/changes", data=changes, headers={"X-Auth-Token": token}, method="POST")
    with urllib.request.urlopen(request, timeout=20) as response:
        done = json.load(response)

    log = fetch(f"{base}/sandbox/requests", token)
    state = fetch(f"{base}/sandbox/state", token)

    assert (done["edit_products"], done["move_customers"], len(done["orders"])) == ([product], [customer], 2)
    assert [(entry["method"], entry["path"], entry["query"], entry["status"]) for entry in log] == [("GET", "/v2/time", "x=1", 200)]
    assert (state["counts"]["orders"], bigcommerce_sandbox.store.row("products", product)["price"]) == (7, 1.5)


def test_the_sandboxs_own_pages_need_a_token(bigcommerce_sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{bigcommerce_sandbox.url}/sandbox/state", "wrong")


def test_the_program_hands_on_what_becomes_of_unknown_filters_and_its_help_explains_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from airflow_provider_bigcommerce.sandbox import program

    given: dict[str, object] = {}

    def store(**arguments: object) -> None:
        given.update(arguments)
        raise ValueError("enough")

    monkeypatch.setattr(program, "Store", store)
    assert program.main(["--unknown-filters", "refuse"]) == 2
    assert given["unknown_filters"] == "refuse"
    with pytest.raises(SystemExit):
        program.main(["--help"])
    assert "/v3/customers/attributes" in capsys.readouterr().out
