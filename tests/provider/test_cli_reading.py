"""Claims about `airflow-bigcommerce`: what `read` brings, how tables look, whose words its hints use, a database without tables."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.cli.hints import in_options
from airflow_provider_bigcommerce.cli.output import table_lines

#: The module: its name in the package is the command's.
reading = importlib.import_module("airflow_provider_bigcommerce.cli.read")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, " ".join(told.err.split())

    return run


@pytest.fixture
def store(bigcommerce_sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sandbox store that the environment names."""
    monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", bigcommerce_sandbox.store_hash)
    monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", bigcommerce_sandbox.token)
    monkeypatch.setenv("BIGCOMMERCE_API_URL", bigcommerce_sandbox.url)
    return bigcommerce_sandbox


# -- read -------------------------------------------------------------------------------------------------------------


@pytest.mark.bigcommerce_sandbox(products=30, orders=12)
def test_a_limit_ends_the_read_and_asks_for_no_more(run: Run, store: Any) -> None:
    for resource in ("products", "orders", "order_products"):
        store.store.requests.clear()
        status, out, _ = run("read", resource, "--limit", "3")
        assert (resource, status, len(out.splitlines())) == (resource, 0, 3)
        assert len(store.store.requests) <= 2, resource
    assert run("read", "brands", "--limit", "1000")[0] == 0


def test_fields_are_those_that_were_asked_for_and_what_tells_rows_apart(run: Run, store: Any, tmp_path: Path) -> None:
    _, out, _ = run("read", "products", "--fields", "name, price", "--limit", "2")
    assert [set(json.loads(line)) for line in out.splitlines()] == [{"id", "name", "price", "date_modified"}] * 2
    _, out, _ = run("read", "customers", "--fields", "email")  # this list cannot leave out fields by itself
    assert {frozenset(json.loads(line)) for line in out.splitlines()} == {frozenset({"id", "email", "date_modified"})}
    status, out, err = run("read", "products", "--fields", "nmae")
    assert (status, out, "Did you mean 'name'" in err) == (2, "", True)
    status, _, err = run("read", "products", "--fields", "name", "--query", "include_fields=price")
    assert (status, "--query include_fields and --fields say the same" in err) == (2, True)


def test_no_directory_is_made(run: Run, store: Any, tmp_path: Path) -> None:
    status, _, err = run("read", "brands", "--to", str(tmp_path / "new" / "brands.jsonl"))
    assert (status, "there is no directory" in err, list(tmp_path.iterdir())) == (2, True, [])
    assert run("read", "brands", "--to", str(tmp_path / "brands.jsonl"), "--limit", "2")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["brands.jsonl"]
    assert len((tmp_path / "brands.jsonl").read_text().splitlines()) == 2


# -- progress ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of 80 columns would get on stderr."""
    shown = io.StringIO()
    monkeypatch.setattr("rich.console.Console", partial(Console, file=shown, force_terminal=True, width=80, color_system=None))
    return shown


@pytest.mark.bigcommerce_sandbox(products=30, orders=12)
def test_a_terminal_shows_how_many_rows_have_come_of_how_many(run: Run, store: Any, terminal: io.StringIO, tmp_path: Path) -> None:
    status, out, err = run("read", "products", "--to", str(tmp_path / "products.jsonl"))
    assert (status, out) == (0, "")
    assert "products.jsonl: 30 rows in " in err
    last = terminal.getvalue().rpartition("products")[2]
    assert "30/30" in last  # the last picture of the bar: all rows
    assert terminal.getvalue().endswith("\x1b[2K")  # and the bar is gone when the read has ended


@pytest.mark.bigcommerce_sandbox(products=30, orders=12)
def test_the_bar_ends_at_the_limit_and_stdout_has_rows_alone(run: Run, store: Any, terminal: io.StringIO) -> None:
    status, out, _ = run("read", "products", "--limit", "7")
    assert (status, [json.loads(line)["id"] > 0 for line in out.splitlines()]) == (0, [True] * 7)
    assert "7/7" in terminal.getvalue()


@pytest.mark.bigcommerce_sandbox(products=30, orders=12)
def test_progress_is_told_after_each_page(run: Run, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int | None]] = []

    @contextmanager
    def recorded(name: str) -> Iterator[Callable[[int, int | None], None]]:
        assert name == "products"
        yield lambda rows, total: told.append((rows, total))

    monkeypatch.setattr(reading, "_progress", recorded)
    pages = ("--query", "limit=10", "--query", "sort=id")
    assert run("read", "products", *pages, "--to", str(tmp_path / "a.jsonl"))[0] == 0
    assert told == [(10, 30), (20, 30), (30, 30)]
    told.clear()
    assert run("read", "products", *pages, "--limit", "15")[0] == 0
    assert told == [(10, 15), (15, 15)]


def test_without_a_terminal_there_is_no_bar_and_on_a_screen_full_of_rows_none_either(
    run: Run, store: Any, terminal: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = io.BytesIO()
    monkeypatch.setattr(reading, "stdout", lambda: SimpleNamespace(isatty=lambda: True, buffer=rows))
    assert run("read", "brands", "--limit", "2")[0] == 0
    assert (len(rows.getvalue().splitlines()), terminal.getvalue()) == (2, "")
    monkeypatch.setattr("rich.console.Console", partial(Console, file=terminal, force_terminal=False, width=80))
    assert run("read", "brands", "--to", str(tmp_path / "brands.jsonl"))[0] == 0
    assert terminal.getvalue().strip() == ""


# -- hints ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "claim"),
    [
        (("read", "payment_methods"), "in --query NAME=VALUE"),
        (("read", "carts"), "Give its path with the id filled in"),
        (("read", "orders", "--query", "status_id="), "--query status_id=... is empty"),
        (
            ("count", "orders", "--since", "2026-02-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z"),
            "--since 2026-02-01T00:00:00Z is after --until",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "_".join(value),
)
def test_hints_speak_of_the_commands_own_options(run: Run, store: Any, arguments: tuple[str, ...], claim: str) -> None:
    status, _, err = run(*arguments)
    assert (status, claim in err) == (2, True), err
    assert "query={" not in err
    assert "parent_ids" not in err


def test_a_message_without_arguments_stays_as_it_is() -> None:
    text = "'ordrs' is no resource. Did you mean 'orders'?"
    assert in_options(text) == text


# -- tables -----------------------------------------------------------------------------------------------------------

ROWS = [
    ("abandoned_cart_channel_settings", "/v3/abandoned-carts/settings/channels/{channel_id}", "read only"),
    ("orders", "/v2/orders", ""),
]


@pytest.mark.parametrize("room", [None, 10, 40, 60, 79, 80, 200])
def test_no_word_of_a_table_is_broken_however_narrow_the_screen(room: int | None) -> None:
    lines = table_lines(("resource", "path", "scope of it"), ROWS, room)
    words = [word for row in ROWS for cell in row for word in cell.split()]
    assert [word for word in words if not any(word in line for line in lines)] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_table_on_a_pipe_has_one_line_a_row_and_no_space_at_its_end(run: Run) -> None:
    _, out, _ = run("resources", "--area", "orders")
    lines = out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert lines[1].split()[:2] == ["orders", "/v2/orders"]
    assert max(map(len, lines)) < 200


def test_cells_of_whole_columns_stand_on_one_line_and_others_are_wrapped_between_words() -> None:
    rows = [("a key of words", "a note that is much longer than there is room for")]
    lines = table_lines(("key", "note"), rows, 40, whole=("key",))
    assert lines[1].startswith("a key of words  a note")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40


def test_wide_characters_take_two_columns() -> None:
    first, second = table_lines(("name", "n"), [("日本", "1"), ("ab", "2")], None)[1:]
    assert (first, second) == ("日本  1", "ab    2")


# -- connection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: You need to initialize the database. Please run `airflow db migrate`.",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: connection",
        'psycopg.errors.UndefinedTable: relation "connection" does not exist',
        "(1146, \"Table 'airflow.connection' doesn't exist\")",
    ],
    ids=["airflow", "sqlite", "postgres", "mysql"],
)
def test_adding_a_connection_to_a_database_without_tables_says_what_to_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    file = tmp_path / "credentials.txt"
    file.write_text("ACCESS TOKEN: tok-5ecret-9f8e7d\nAPI PATH: https://api.bigcommerce.com/stores/abc123/v3/\n")
    answer = SimpleNamespace(returncode=1, stdout="", stderr=f"Traceback ...\n{said}\n")
    monkeypatch.setattr(cli.subprocess, "run", lambda *_, **__: answer)

    status, out, err = run("connection", str(file), "--add")

    assert (status, out) == (1, "")
    assert "has no tables yet" in err
    assert "airflow db migrate" in err
    assert "Traceback" not in err
