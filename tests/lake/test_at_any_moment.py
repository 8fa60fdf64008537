"""A try that dies, waits or loses an answer at any of its steps, beside its retry or another run: the table is the store, each row once."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import deltalake
import deltalake.transaction
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from tests.lake.conftest import Lake
from tests.transfers import stopped
from tests.transfers.stopped import StoppedTry, counted_steps

pytestmark = pytest.mark.bigcommerce_sandbox(products=12)

HOUR = timedelta(hours=1)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log's own steps too."""
    log = {DeltaTable: ("update_incremental", "create_write_transaction", "vacuum"), LakeTable: ("look", "commit", "_create")}
    monkeypatch.setattr(stopped, "STEPS", {**stopped.STEPS, **log})


def change(lake: Lake) -> None:
    """What happens in the store between two nights."""
    lake.moment += HOUR
    store = lake.sandbox.store
    first, second, *_ = store.rows("products")
    store.edit("products", first["id"], name="edited")
    store.delete("products", second["id"])
    store.add("products", name="new")


def equals_store(lake: Lake) -> bool:
    names = {row["id"]: row["name"] for row in lake.sandbox.store.rows("products")}
    return {key: row["name"] for key, row in lake.rows("products").items() if row["_deleted_at"] is None} == names


ARGUMENTS: dict[str, Any] = {"mode": "incremental", "deletes": "detect", "max_deleted_percent": 50}


@pytest.mark.timeout(900)  # three runs a step, some 25 steps
@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    ("fate", "is_first"),
    [("is killed", True), ("is killed", False), ("waits for its retry", False), ("waits for the next run", False)],
    ids=["is killed, first run", "is killed", "waits for its retry", "waits for the next run"],
)
def test_a_try_that_stops_at_any_step(lake: Lake, fate: str, is_first: bool) -> None:
    top, seen = lake.path, 0
    with counted_steps():
        for number in itertools.count():
            lake.path = top / str(number)
            if not is_first:
                lake.run("products", "r0", **ARGUMENTS)
                change(lake)
            before = lake.rows("products") if not is_first else None
            zombie = StoppedTry(partial(lake.run, "products", f"r{number}", **ARGUMENTS), number, is_killed=fate == "is killed")
            zombie.begin()
            if zombie.manifest is not None or zombie.surprise is not None or zombie.error is not None:
                zombie.finish()
                assert (zombie.surprise, zombie.error) == (None, None)
                break
            if before is not None:
                assert lake.rows("products") == before or equals_store(lake), "a reader sees a part of a run"
            elif DeltaTable.is_deltatable(str(lake.path / "products")):
                assert equals_store(lake), "a reader sees a part of a run"
            other = "next" if fate == "waits for the next run" else f"r{number}"
            retried = lake.run("products", other, try_number=2, **ARGUMENTS)
            zombie.finish()
            assert zombie.surprise is None, zombie.steps[-1]
            assert isinstance(zombie.error, BigCommerceError | None)
            assert retried["watermark"] is not None
            assert equals_store(lake), zombie.steps[number]
            seen += 1
    assert seen > 12, "too few steps were counted"


@contextmanager
def answers(monkeypatch: pytest.MonkeyPatch, what: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Each commit to the log goes through ``what``, which is given the commit itself."""
    plain_write, plain_create = DeltaTable.create_write_transaction, deltalake.transaction.create_table_with_add_actions
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", lambda *a, **k: what(lambda: plain_write(*a, **k)))
        patch.setattr(deltalake.transaction, "create_table_with_add_actions", lambda *a, **k: what(lambda: plain_create(*a, **k)))
        yield


@pytest.mark.parametrize("error", [CommitFailedError("already exists"), DeltaError("timed out"), OSError("connection lost")], ids=repr)
@pytest.mark.parametrize("is_first", [True, False], ids=["first run", "later run"])
def test_a_commit_whose_answer_was_lost_is_found_and_not_made_twice(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, error: Exception, is_first: bool
) -> None:
    if not is_first:
        lake.run("products", **ARGUMENTS)
        change(lake)
    commits = 0

    def lost(commit: Callable[[], None]) -> None:
        nonlocal commits
        commits += 1
        commit()
        raise error

    with answers(monkeypatch, lost):
        run = lake.run("products", **ARGUMENTS)

    assert commits == 1
    assert run["version"] == lake.table("products").version() == (0 if is_first else 1)
    assert equals_store(lake)


@pytest.mark.parametrize("is_first", [True, False], ids=["first run", "later run"])
def test_a_commit_that_fails_for_good_commits_nothing_and_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch, is_first: bool) -> None:
    if not is_first:
        lake.run("products", **ARGUMENTS)
        change(lake)

    def fails(commit: Callable[[], None]) -> None:
        raise OSError("503 secret-of-somebody")

    with answers(monkeypatch, fails), pytest.raises(DestinationError, match="could not be written: OSError") as raised:
        lake.run("products", **ARGUMENTS)

    assert "secret" not in str(raised.value)
    assert DeltaTable.is_deltatable(str(lake.path / "products")) is not is_first
    lake.run("products", **ARGUMENTS)
    assert equals_store(lake)


def test_a_run_that_meets_another_commit_plans_again_and_does_not_ask_the_store_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.run("products", "r1", **ARGUMENTS)
    change(lake)
    met: list[int] = []

    def after_another(commit: Callable[[], None]) -> None:
        if not met:
            met.append(0)
            lake.run("products", "other", mode="full")
            met.append(len(lake.sandbox.store.requests))
        commit()

    with answers(monkeypatch, after_another):
        run = lake.run("products", "r2", **ARGUMENTS)

    assert len(lake.sandbox.store.requests) == met[1]
    assert run["version"] == 2
    assert equals_store(lake)
    referred = {part.name for part in lake.parts("products")}
    removed = {action["remove"]["path"] for version in (1, 2) for action in lake.commit(version, "products") if "remove" in action}
    assert {file.name for file in lake.files("products")} == referred | removed, "files of the plan that was given up are left"


def test_others_that_commit_all_the_time_end_the_run(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.run("products", "r1", **ARGUMENTS)
    change(lake)
    watched = lake.rows("products")

    def overtaken(commit: Callable[[], None]) -> None:
        table = lake.table("products")
        table.alter.set_table_description(str(table.metadata().description))
        commit()

    with answers(monkeypatch, overtaken), pytest.raises(DestinationError, match="was committed to by others 4 times"):
        lake.run("products", "r2", **ARGUMENTS)
    assert lake.rows("products") == watched


def test_a_task_that_is_told_to_stop_before_the_commit_commits_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.run("products", **ARGUMENTS)
    change(lake)
    before, files = lake.rows("products"), lake.files("products")
    operator = lake.operator("products", **ARGUMENTS)
    plain = LakeTable.look

    def look(self: LakeTable) -> Any:
        if operator._reading is not None and operator._reading is not first:
            operator.on_kill()
        return plain(self)

    first = operator._reading
    looks = itertools.count()
    monkeypatch.setattr(LakeTable, "look", lambda self: look(self) if next(looks) else plain(self))

    with pytest.raises(BigCommerceError, match="told to stop"):
        operator.execute({})
    assert (lake.rows("products"), lake.files("products")) == (before, files)


def load(environment: dict[str, str], resource: str, path: str, start: Barrier, arguments: dict[str, Any]) -> None:
    """One run, in a process of its own."""
    os.environ.update(environment)
    operator = BigCommerceToLakeOperator(task_id=resource, resource=resource, path=path, **arguments)
    start.wait(60)
    operator.execute({})


@pytest.mark.bigcommerce_sandbox(latency_ms=50)
@pytest.mark.parametrize(
    ("resource", "arguments"), [("orders", {"mode": "full"}), ("brands", {"mode": "incremental", "deletes": "delete"})]
)
def test_runs_in_processes_at_once_leave_the_store_in_the_table(lake: Lake, resource: str, arguments: dict[str, Any]) -> None:
    name = "AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [
        context.Process(target=load, args=({name: os.environ[name]}, resource, str(lake.path), start, arguments)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert set(lake.rows(resource)) == {row["id"] for row in lake.sandbox.store.rows(resource)}
    assert json.loads(os.environ[name])["extra"]
