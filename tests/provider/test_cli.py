"""Claims about the console script, run as a person runs it, against the sandbox store and a real Airflow home."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce import __version__, cli

TOKEN = "tok-5ecret-9f8e7d"
SECRET = "cs/+=&?#%:'\" 1a2b"
FILE = f"""\
ACCESS TOKEN: {TOKEN}
CLIENT ID: the-id
CLIENT SECRET: {SECRET}
API PATH: https://api.bigcommerce.com/stores/abc123/v3/
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def credentials_file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.txt"
    path.write_text(FILE)
    return path


@pytest.fixture
def store(bigcommerce_sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sandbox store that the environment names."""
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", bigcommerce_sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", bigcommerce_sandbox.token)
    monkeypatch.setenv("BIGCOMMERCE_API_URL", bigcommerce_sandbox.url)
    monkeypatch.setenv("BIGCOMMERCE_B2B_URL", bigcommerce_sandbox.url)
    return bigcommerce_sandbox


def test_the_version_and_every_commands_help_with_an_example(run: Run) -> None:
    assert run("--version") == (0, f"{__version__}\n", "")
    status, out, _ = run("--help")
    assert status == 0
    commands = (
        "connection", "check", "resources", "schema", "count", "read", "estimate", "dbt", "state", "write", "webhooks", "report", "sandbox",
        "examples",
    )  # fmt: skip
    assert [name for name in commands if name not in out] == []
    ours = ("state list", "state show", "state set", "state clear", "write plan", "write show", "write limits")
    for name in (*(name for name in commands if name not in ("state", "write")), *ours):
        status, out, _ = run(*name.split(), "--help")
        assert (status, f"airflow-bigcommerce {name}" in out) == (0, True), name


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = "import sys; import airflow_provider_bigcommerce.cli; print({'airflow', 'aiohttp', 'pyarrow', 'requests'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


# -- connection -------------------------------------------------------------------------------------------------------


def test_connection_without_an_option_tells_what_it_found_and_no_secret(run: Run, credentials_file: Path) -> None:
    status, out, err = run("connection", str(credentials_file))
    assert status == 0
    assert "Found the store hash abc123 and an access token; a client ID, a client secret. Nothing was stored." in out
    assert "--add" in out
    assert [secret for secret in (TOKEN, SECRET) if secret in out + err] == []


def test_connection_says_what_the_file_lacks(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "token-only.txt"
    path.write_text(f"ACCESS TOKEN: {TOKEN}\nAPI PATH: https://api.bigcommerce.com/stores/abc123/v3/\n")
    assert "no client ID, no client secret" in run("connection", str(path))[1]


@pytest.mark.parametrize("form", ["--json", "--uri"])
def test_connection_prints_a_line_that_a_shell_reads_back_whole(
    run: Run, credentials_file: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook

    status, out, err = run("connection", str(credentials_file), form, "--conn-id", "my_store")
    assert (status, err) == (0, "")
    (assignment,) = shlex.split(out)
    name, _, value = assignment.partition("=")
    monkeypatch.setenv(name, value)
    credentials = BigCommerceHook("my_store").credentials()
    assert (name, credentials.store_hash, credentials.access_token, credentials.client_id, credentials.client_secret) == (
        "AIRFLOW_CONN_MY_STORE",
        "abc123",
        TOKEN,
        "the-id",
        SECRET,
    )


def test_connection_reads_stdin(credentials_file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_bigcommerce.cli", "connection", "-"], input=FILE.encode(), capture_output=True, check=True
    )
    assert b"store hash abc123" in done.stdout


def test_connection_adds_to_airflow_and_leaves_no_secret_behind(
    run: Run, credentials_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path
) -> None:
    from airflow_provider_bigcommerce.compat import stored_connection

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    status, out, err = run("connection", str(credentials_file), "--add", "--conn-id", "added_store")
    assert (status, err) == (0, "")
    assert out.startswith("Added the connection 'added_store' for store abc123.")
    found = stored_connection("added_store")
    assert found is not None
    assert (found.conn_type, found.port, found.extra_dejson["client_secret"]) == ("bigcommerce", 0, SECRET)
    assert list(temporary.iterdir()) == []
    database = b"".join(path.read_bytes() for path in airflow_home.rglob("*.db*"))
    assert b"added_store" in database
    assert [secret for secret in (TOKEN, SECRET) if secret.encode() in database or secret in out] == []
    status, _, err = run("connection", str(credentials_file), "--add", "--conn-id", "added_store")
    assert (status, "'added_store' already; --overwrite replaces it" in err) == (1, True)
    assert run("connection", str(credentials_file), "--add", "--conn-id", "added_store", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "claim"),
    [
        (("connection", "absent.txt"), "absent.txt cannot be read"),
        (("connection", "{file}", "--add", "--json"), "give one of --add, --json and --uri"),
        (("connection", "{file}", "--conn-id", "a b"), "letters, digits"),
        (("resources", "--area", "nowhere"), "Accepted: "),
        (("count", "prodcts"), "Did you mean 'products'"),
        (("count", "orders", "--query", "status_id"), "'status_id' is not name=value"),
        (("count", "orders", "--since", "yesterday"), "is not a date and time"),
        (("read", "orders", "--to", "orders.csv"), "Accepted: .parquet, .jsonl"),
        (("read", "orders", "--to", "{file}"), "--overwrite replaces it"),
        (("nonsense",), "No such command"),
    ],
)
@pytest.mark.usefixtures("store")
def test_wrong_usage_is_status_2_with_what_is_accepted(run: Run, credentials_file: Path, arguments: tuple[str, ...], claim: str) -> None:
    status, out, err = run(*(argument.format(file=credentials_file) for argument in arguments))
    assert (status, claim in " ".join(err.split())) == (2, True), err
    assert out == ""


def test_a_file_that_is_none_of_bigcommerces_is_status_1(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("hello")
    status, _, err = run("connection", str(path))
    assert (status, "no line 'API PATH:" in err) == (1, True), err


def test_a_connection_that_airflow_does_not_have_is_told(run: Run, airflow_home: Path) -> None:
    status, _, err = run("count", "orders", "--conn-id", "absent_store")
    assert (status, "no connection 'absent_store'" in " ".join(err.split())) == (2, True), err


# -- a store ----------------------------------------------------------------------------------------------------------


def test_check_tells_that_everything_can_be_read(run: Run, store: Any) -> None:
    status, out, _ = run("check")
    assert status == 0
    assert "Connected to " in out
    verdicts = {line.split()[0] for line in out.splitlines()[2:] if line and not line.startswith(" ")}
    assert verdicts == {"yes"}


def test_check_tells_exactly_which_resources_half_the_scopes_leave_out_of_reach(
    run: Run, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_bigcommerce.core.catalog import CATALOG

    every = sorted({scope for row in CATALOG.values() for scope in row.read_scopes if scope.endswith("read_only")})
    granted = set(every[::2])
    store.store.add_token("half-the-scopes", granted)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", "half-the-scopes")
    status, out, _ = run("check", "--json")
    assert status == 0
    told = {name: row["readable"] for row in json.loads(out)["scopes"] for name in row["resources"]}
    assert told == {name: not row.read_scopes or not granted.isdisjoint(row.read_scopes) for name, row in CATALOG.items()}


def test_check_of_a_wrong_token_is_status_1_without_the_token(run: Run, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", TOKEN)
    status, out, err = run("check")
    assert (status, "refused the access token" in err, TOKEN in out + err) == (1, True, False)


def test_count_prints_a_number_and_filters(run: Run, store: Any) -> None:
    assert run("count", "products")[:2] == (0, "10\n")
    assert run("count", "/v3/catalog/products", "--query", "id:in=1,2,111")[0] == 0
    assert run("count", "orders", "--since", "2999-01-01")[:2] == (0, "0\n")


def test_read_prints_json_lines_and_nothing_else(run: Run, store: Any) -> None:
    status, out, _ = run("read", "customers")
    assert (status, len([json.loads(line) for line in out.splitlines()])) == (0, 5)


def test_a_warning_does_not_stand_between_the_rows_on_stdout(store: Any) -> None:
    command = [sys.executable, "-m", "airflow_provider_bigcommerce.cli", "read", "categories_legacy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "BigCommerce has deprecated 'categories_legacy'" in done.stderr
    assert [json.loads(line)["id"] > 0 for line in done.stdout.splitlines()].count(False) == 0


@pytest.mark.parametrize("command", ["check --json", "state list --json", "schema brands --json"])
def test_json_is_all_that_stdout_gets_whatever_airflow_logs(
    bigcommerce_sandbox: Any, airflow_home: Path, tmp_path: Path, command: str
) -> None:
    # Warns as soon as Airflow is imported, through the standard library and through structlog, whose loggers choose their stream later.
    (tmp_path / "airflow_local_settings.py").write_text(
        "import logging, structlog\n"
        "logging.getLogger('airflow').warning('from the standard library')\n"
        "structlog.get_logger('airflow').warning('from structlog')\n"
        "print('printed')\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path),
        "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(bigcommerce_sandbox.connection),
    }
    program = [sys.executable, "-m", "airflow_provider_bigcommerce.cli", *command.split()]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)

    assert isinstance(json.loads(done.stdout), dict | list)
    for warning in ("from the standard library", "from structlog", "printed"):
        assert warning in done.stderr


def test_read_writes_each_format_with_all_rows(run: Run, store: Any, tmp_path: Path) -> None:
    import pyarrow.parquet

    for name in ("products.parquet", "products.jsonl", "products.jsonl.gz"):
        status, out, err = run("read", "products", "--to", str(tmp_path / name))
        assert (status, out, f"{name}: 10 rows in" in err) == (0, "", True), err
    table = pyarrow.parquet.read_table(tmp_path / "products.parquet")
    assert table.num_rows == 10
    assert set(table["_store_hash"].to_pylist()) == {store.store_hash}
    assert len((tmp_path / "products.jsonl").read_text().splitlines()) == 10
    assert len(gzip.decompress((tmp_path / "products.jsonl.gz").read_bytes()).splitlines()) == 10


def test_a_read_that_fails_leaves_no_file(run: Run, store: Any, tmp_path: Path) -> None:
    status, _, err = run("read", "/v3/no/such/list", "--to", str(tmp_path / "x.jsonl"))
    assert (status, "404" in err, list(tmp_path.glob("*x.jsonl*"))) == (1, True, []), err


def test_schema_and_resources_ask_no_store(run: Run) -> None:
    columns = {row["name"]: row["type"] for row in json.loads(run("schema", "products", "--json")[1])}
    assert (columns["id"], columns["date_modified"]) == ("int64", "timestamp[us, tz=UTC]")
    assert "date_modified" in run("schema", "orders")[1]
    rows = {row["name"]: row for row in json.loads(run("resources", "--json")[1])}
    assert rows["orders"]["date_filter"] == "min_date_modified"
    assert set(json.loads(run("resources", "--area", "orders", "--json")[1])[0]) == set(rows["orders"])
    assert "/v2/orders" in run("resources", "--area", "orders")[1]


def test_examples_are_written_once_and_never_over_a_persons_own(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "dags"
    status, out, _ = run("examples", str(target))
    assert status == 0
    assert "wrote" in out
    sync = target / "bigcommerce_sync.py"
    sync.write_text("mine")
    assert "left alone" in run("examples", str(target))[1]
    assert sync.read_text() == "mine"


def test_the_sandbox_starts_prints_a_connection_and_ends_on_a_signal(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_bigcommerce.cli", "sandbox", "--products", "3", "--token-file", str(token_file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT='{")
        assert token_file.stat().st_mode & 0o777 == 0o600
        assert token_file.read_text().strip() not in line
    finally:
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        status = process.wait(60)
    assert status == 0, f"ended with {status} after {time.monotonic() - started:.0f} s"
