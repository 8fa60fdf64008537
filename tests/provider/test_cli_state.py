"""Claims about ``airflow-bigcommerce state``, on watermarks that real tasks left in a real metadata database."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import airflow.sdk
import pytest

from airflow_provider_bigcommerce import cli, compat
from airflow_provider_bigcommerce.compat import StoredState, stored_state
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.state import state_asset, state_key
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_dag import known_to_airflow

pytestmark = [pytest.mark.compat, pytest.mark.usefixtures("airflow_home")]

HAS_ASSET_STATE = hasattr(airflow.sdk, "NEVER_EXPIRE")
#: The store's clock, which a first watermark tells.
NOW = 1_780_000_000.0

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "state", *arguments])
        status = cli.main()
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def stored() -> StoredState:
    return stored_state(state_asset())


@pytest.fixture
def orders(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Runs an incremental task of its own in Airflow; gives its key."""
    from airflow.sdk import DAG

    from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    bigcommerce_sandbox.store.clock = lambda: NOW
    with DAG("cli_state", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BigCommerceToObjectStorageOperator(task_id="orders", resource="orders", path=str(tmp_path), mode="incremental")
    known = known_to_airflow(dag)

    def once() -> str:
        assert str(known.test().state) == "success"
        return state_key("bigcommerce_default", "orders", f"file://{tmp_path}")

    return once


def test_a_watermark_that_a_task_left_is_listed_and_shown(run: Run, orders: Callable[[], str]) -> None:
    key = orders()

    status, out, err = run("list")
    line = next(line for line in out.splitlines() if line.startswith(key))
    assert (status, err) == (0, "")
    assert line.split()[1:6] == ["sandbox1", "2026-05-28T20:26:40Z", "0", "min", "ago"]
    assert "cli_state/orders/" in line
    assert json.loads(run("list", "--json")[1])[key]["store_hash"] == "sandbox1"
    status, out, err = run("show", key)
    assert (status, err) == (0, "")
    assert "2026-05-28T20:26:40Z" in out


def test_a_watermark_that_was_set_back_makes_the_next_run_read_the_span_again(
    run: Run, orders: Callable[[], str], stored: StoredState, tmp_path: Path
) -> None:
    key = orders()
    before = stored.get(key)

    status, out, err = run("set", key, "--watermark", "2026-05-01T00:00:00Z")

    assert (status, err) == (0, "")
    assert f"{key}: 2026-05-28T20:26:40Z -> 2026-05-01T00:00:00Z." in out
    after = stored.get(key)
    assert {**after, "watermark": "", "set_at": ""} == {**before, "watermark": "", "set_at": ""}
    assert after["watermark"] == "2026-05-01T00:00:00Z"
    orders()
    assert committed(str(tmp_path), "orders")[0].window.since == "2026-04-30T23:55:00Z"
    assert stored.get(key)["watermark"] == "2026-05-28T20:26:40Z"


def test_a_cleared_watermark_makes_the_next_run_a_first_run(
    run: Run, orders: Callable[[], str], stored: StoredState, tmp_path: Path
) -> None:
    key = orders()

    status, out, _ = run("clear", key, "--yes")

    assert (status, "is forgotten" in out, stored.get(key)) == (0, True, None)
    assert key not in run("list")[1]
    orders()
    assert committed(str(tmp_path), "orders")[0].window.since is None


def test_clearing_asks_first_and_takes_no_for_an_answer(
    run: Run, orders: Callable[[], str], stored: StoredState, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    key = orders()
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    status, _, err = run("clear", key)

    assert (status, "Forget" in err) == (1, True)
    assert stored.get(key) is not None


def test_a_damaged_value_is_listed_shown_and_mended(run: Run, orders: Callable[[], str], stored: StoredState) -> None:
    key = orders()
    stored.set(key, {"watermark": "a while ago", "store_hash": "sandbox1", "run": "r", "set_at": ""})

    assert "cannot be read" in next(line for line in run("list")[1].splitlines() if line.startswith(key))
    status, out, err = run("show", key)
    assert (status, "a while ago" in out) == (0, True)
    assert "cannot be read as a watermark" in err
    assert run("set", key, "--watermark", "2026-05-01")[0] == 0
    assert stored.get(key)["watermark"] == "2026-05-01T00:00:00Z"
    orders()  # the run that the damage would have stopped


def test_a_value_that_is_no_json_at_all_is_shown_and_mended_by_naming_its_store(
    run: Run, orders: Callable[[], str], stored: StoredState
) -> None:
    key = orders()
    _write_text(key, "{half a")

    status, out, err = run("show", key)
    assert (status, json.loads(out), "cannot be read" in err) == (0, "{half a", True)
    status, _, err = run("set", key, "--watermark", "2026-05-01")
    assert (status, "give --store-hash" in err) == (2, True)
    assert run("set", key, "--watermark", "2026-05-01", "--store-hash", "sandbox1")[0] == 0
    assert stored.get(key)["store_hash"] == "sandbox1"
    orders()


@pytest.mark.parametrize("command", [("show",), ("clear", "--yes"), ("set", "--watermark", "2026-05-01")])
def test_an_unknown_key_is_wrong_usage_and_the_nearest_one_is_named(run: Run, orders: Callable[[], str], command: tuple[str, ...]) -> None:
    key = orders()

    status, _, err = run(command[0], key[:-1], *command[1:])

    assert (status, "no watermark is kept under" in err) == (2, True)
    assert key in "".join(part.strip(" │|") for part in err.splitlines())


@pytest.mark.parametrize(
    ("watermark", "claim"),
    [
        ("yesterday", "is not a date and time"),
        ("2026-05-01T00:00:00", "has no offset"),
        ("2999-01-01", "is in the future"),
        ("", "is empty"),
    ],
)
def test_a_watermark_that_cannot_be_one_is_refused_and_nothing_changes(
    run: Run, orders: Callable[[], str], stored: StoredState, watermark: str, claim: str
) -> None:
    key = orders()
    before = stored.get(key)

    status, _, err = run("set", key, "--watermark", watermark)

    assert (status, claim in err) == (2, True)
    assert stored.get(key) == before


@pytest.mark.skipif(not HAS_ASSET_STATE, reason="asset state came with Airflow 3.3")
def test_airflows_own_rest_api_gives_the_value_and_says_when_a_hand_wrote_it(run: Run, orders: Callable[[], str]) -> None:
    from airflow.api_fastapi.core_api.routes.public.asset_state_store import get_asset_state_store
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from airflow_provider_bigcommerce.state import STATE_ASSET_NAME

    key = orders()
    with create_session() as session:
        asset = session.scalar(select(AssetModel.id).where(AssetModel.name == STATE_ASSET_NAME))
        by_task = get_asset_state_store(asset, key, session).model_dump(mode="json")
    assert by_task["value"]["watermark"] == "2026-05-28T20:26:40Z"
    run("set", key, "--watermark", "2026-05-01")
    with create_session() as session:
        by_hand = get_asset_state_store(asset, key, session).model_dump(mode="json")
    assert by_hand["value"]["watermark"] == "2026-05-01T00:00:00Z"
    assert by_hand["last_updated_by"]["kind"] == "api"


def test_a_database_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    import os
    import subprocess

    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/none.db"}
    command = [sys.executable, "-m", "airflow_provider_bigcommerce.cli", "state", "list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)

    assert (done.returncode, done.stdout) == (1, "")
    assert "Airflow's metadata database could not be used (OperationalError)" in done.stderr


def _write_text(key: str, text: str) -> None:
    """Put text that is no JSON where the watermark is."""
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    with create_session() as session:
        if HAS_ASSET_STATE:
            from airflow.models.asset_state_store import AssetStateStoreModel as Row

            session.execute(update(Row).where(Row.key == key).values(value=text))
        else:
            from airflow.models.variable import Variable

            row = session.scalar(select(Variable).where(Variable.key == f"bigcommerce_sync_state/{key}"))
            row.set_val(text)


def test_below_airflow_3_3_the_same_is_kept_in_variables(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    monkeypatch.setattr(compat, "airflow", SimpleNamespace(sdk=SimpleNamespace()))  # an SDK without what came with 3.3
    stored = stored_state(state_asset())
    stored.set("shop/orders/0123456789ab", {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": ""})

    assert "shop/orders/0123456789ab" in run("list")[1]
    assert run("set", "shop/orders/0123456789ab", "--watermark", "2026-05-01")[0] == 0
    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == "bigcommerce_sync_state/shop/orders/0123456789ab"))
        assert json.loads(row.get_val())["watermark"] == "2026-05-01T00:00:00Z"
    assert run("clear", "shop/orders/0123456789ab", "--yes")[0] == 0
    assert "shop/orders/0123456789ab" not in stored.keys()  # noqa: SIM118  # a store, not a mapping


@pytest.mark.parametrize("is_below", [False, True], ids=["the installed airflow", "below 3.3"])
def test_all_watermarks_are_listed_by_one_query(
    monkeypatch: pytest.MonkeyPatch, run: Run, orders: Callable[[], str], is_below: bool
) -> None:
    from sqlalchemy import Engine, event

    orders()
    if is_below:
        monkeypatch.setattr(compat, "airflow", SimpleNamespace(sdk=SimpleNamespace()))
    stored = stored_state(state_asset())
    keys = [f"shop/{letter}rders/0123456789ab" for letter in "bcdef"]
    for key in keys:
        stored.set(key, {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": ""})
    asked: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        status, out, err = run("list", "--json")
    finally:
        event.remove(Engine, "before_cursor_execute", record)
        for key in keys:
            stored.delete(key)

    assert (status, err) == (0, "")
    assert {key: json.loads(out).get(key, {}).get("watermark") for key in keys} == dict.fromkeys(keys, "2026-05-02T00:00:00Z")
    assert list(json.loads(out)) == sorted(json.loads(out))
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1, asked


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> StoredState:
    """The state as it is kept below Airflow 3.3, where no task need have run before a value can be set."""
    monkeypatch.setattr(compat, "airflow", SimpleNamespace(sdk=SimpleNamespace()))
    return stored_state(state_asset())


def test_a_watermark_names_its_resource_and_destination_and_is_found_by_them(
    run: Run, orders: Callable[[], str], stored: StoredState, tmp_path: Path
) -> None:
    key = orders()
    of = ("--resource", "orders", "--path", str(tmp_path))

    line = next(line for line in run("list")[1].splitlines() if line.startswith(key))
    assert line.split()[6:8] == ["orders", f"file://{tmp_path}"]
    assert list(json.loads(run("list", "--resource", "orders", "--path", f"{tmp_path}/", "--json")[1])) == [key]
    shown = [row.split() for row in run("show", *of)[1].splitlines()[1:4]]
    assert shown == [["key", key], ["resource", "orders"], ["destination", f"file://{tmp_path}"]]
    assert run("set", *of, "--watermark", "2026-05-01")[0] == 0
    assert stored.get(key)["watermark"] == "2026-05-01T00:00:00Z"
    assert run("clear", *of, "--yes")[0] == 0
    assert stored.get(key) is None


def test_no_key_is_broken_on_a_narrow_screen(monkeypatch: pytest.MonkeyPatch, run: Run, variables: StoredState) -> None:
    key = f"a_store_with_a_long_name/{'customer_form_field_values_of_a_path'}/0123456789ab"
    variables.set(
        key, {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": "", "destination": "file:///data"}
    )
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")

    try:
        assert any(line.startswith(key) for line in run("list")[1].splitlines())
    finally:
        variables.delete(key)


def test_a_watermark_of_an_earlier_version_is_found_by_its_path_too(run: Run, variables: StoredState) -> None:
    key = state_key("shop", "orders", "s3://aws_default@bucket/copy")
    variables.set(key, {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": ""})

    try:
        status, out, _ = run("show", "--resource", "orders", "--path", "s3://aws_default@bucket/copy/", "--conn-id", "shop")
        assert (status, key in out, "not told by its run" in out) == (0, True, True)
    finally:
        variables.delete(key)


def test_several_that_fit_are_listed_and_none_is_changed(run: Run, variables: StoredState) -> None:
    value = {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": "", "destination": "file:///both"}
    keys = ["one/pages/0123456789ab", "two/pages/0123456789ab"]
    for key in keys:
        variables.set(key, value)

    try:
        status, _, err = run("clear", "--resource", "pages", "--path", "/both", "--yes")
        told = "".join(part.strip(" │|") for part in err.splitlines())
        assert (status, "2 watermarks fit" in told, all(key in told for key in keys)) == (2, True, True)
        assert run("clear", "--resource", "pages", "--path", "/both", "--conn-id", "one", "--yes")[0] == 0
        assert [variables.get(key) is None for key in keys] == [True, False]
    finally:
        for key in keys:
            variables.delete(key)


@pytest.mark.parametrize(
    ("arguments", "claim"),
    [
        ((), "give a key"),
        (("--path", "/data"), "give a key"),
        (("a/orders/0123456789ab", "--resource", "orders"), "and not both"),
        (("--resource", "orders", "--path", "/nowhere/at/all"), "no watermark fits"),
    ],
    ids=["nothing", "path alone", "both", "none"],
)
def test_what_names_no_watermark_is_wrong_usage(run: Run, arguments: tuple[str, ...], claim: str) -> None:
    status, _, err = run("show", *arguments)

    assert status == 2
    assert claim in " ".join(part.strip(" │|") for part in err.splitlines())


def test_filters_of_a_watermark_are_named(run: Run, variables: StoredState) -> None:
    key = "shop/orders/00000000000f"
    told = {"destination": "file:///data", "filters": '{"status_id": "11"}'}
    variables.set(key, {"watermark": "2026-05-02T00:00:00Z", "store_hash": "abc123", "run": "r", "set_at": "", **told})

    try:
        assert 'file:///data (only {"status_id": "11"})' in run("show", key)[1]
    finally:
        variables.delete(key)
