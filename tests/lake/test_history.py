"""What a table of a lake costs after 10,000 commits: as much as after a week of them, and a run no more than after none."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake.log_records import Names
from airflow_provider_bigcommerce.targets.lake.table import CHECKPOINT_EVERY, LOG_DAYS
from tests.lake.conftest import Lake

pytestmark = pytest.mark.bigcommerce_sandbox(customers=20)

HOUR = timedelta(hours=1)
NAME = "customers"
#: Commits of hourly runs that stay in the log, and those whose files that are data no more stay.
IN_LOG, KEPT = LOG_DAYS * 24, 7 * 24
#: The hour of the runs that tidy: of the second run, for the first one has nothing to tidy.
TIDIED_AT = 13


def run(lake: Lake, **arguments: Any) -> int:
    """An hour passes, three customers change, and the task runs."""
    store = lake.sandbox.store
    lake.moment += HOUR
    ids = sorted(row["id"] for row in store.rows(NAME))
    for number in range(3):
        store.edit(NAME, ids[(lake.moment.hour * 3 + number) % len(ids)], notes=f"before {lake.moment}")
    return int(lake.run(NAME, f"scheduled-{lake.moment:%Y%m%dT%H}", mode="incremental", **arguments)["rows"])


def put(lake: Lake, count: int) -> None:
    """The commits of that many more hourly runs, the last of them a moment ago, as runs leave them; the last commit is their model.

    Each of them replaces the one part by another one of the same rows. What is older than it is kept is not there.
    """
    log, table = lake.path / NAME / "_delta_log", lake.table(NAME)
    first = table.version()
    model = lake.commit(first, NAME)
    [part] = lake.parts(NAME)
    now = datetime.now(UTC)
    before = part.name
    for number in range(1, count + 1):
        version, left = first + number, count - number
        lake.moment += HOUR
        name = f"part-{uuid.uuid4().hex}.parquet"
        if left <= KEPT:
            (part.parent / name).hardlink_to(part)
        is_summed_up = left < IN_LOG and (version + 1) % CHECKPOINT_EVERY == 0
        actions = commit_like(model, version, lake.moment, now - left * HOUR, added=name, removed=before)
        file = log / f"{version:020d}.json"
        file.write_text("\n".join(json.dumps(action) for action in actions))
        at = (now - left * HOUR).timestamp()
        os.utime(file, (at, at))
        before = name
        if is_summed_up or (left > 0 and left % IN_LOG == 0):
            lake.table(NAME).create_checkpoint()
            for checkpoint in log.glob(f"{version:020d}.checkpoint*.parquet"):
                os.utime(checkpoint, (at, at))
        if left > 0 and left % IN_LOG == 0:  # what is behind this checkpoint is older than the log
            for old in log.glob("0*"):
                if int(old.name[:20]) < version:
                    old.unlink()


def commit_like(
    model: list[dict[str, Any]], version: int, moment: datetime, at: datetime, *, added: str, removed: str
) -> list[dict[str, Any]]:
    """A commit of another run: what it says of itself, its parts and its numbers are its own.

    :param moment: the store's time.
    :param at: the worker's.
    """
    names = Names.of(NAME, {}, f"run {version}")
    milliseconds = int(at.timestamp() * 1000)
    found: list[dict[str, Any]] = []
    for action in json.loads(json.dumps(model)):
        [(kind, content)] = action.items()
        if kind == "txn":
            if "/run/" in content["appId"]:
                content |= {"appId": names.run, "version": version, "lastUpdated": milliseconds}
            elif content["appId"] == names.watermark:
                content["version"] = int(moment.timestamp())
            elif content["appId"] == names.commit:
                content["version"] = version
            elif content["appId"] == names.tidied:
                continue
        elif kind == "add":
            content |= {"path": added, "modificationTime": milliseconds}
        elif kind == "remove":
            content |= {"path": removed, "deletionTimestamp": milliseconds}
        elif kind == "commitInfo":
            told = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
            window = {"since": f"{moment - HOUR - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}", "until": told}
            content["timestamp"] = milliseconds
            content["bigcommerce"] |= {"window": window, "watermark": told, "read_at": told, "sequence": version}
        found.append(action)
    if moment.hour == TIDIED_AT:
        found.append({"txn": {"appId": names.tidied, "version": int(moment.timestamp())}})
    return found


# -- the shortcut


def look(lake: Lake) -> dict[str, Any]:
    """What is there, without what differs from one run to the next."""
    table, log = lake.table(NAME), lake.path / NAME / "_delta_log"
    kinds = Counter(action for version in range(2, table.version() + 1) for each in lake.commit(version, NAME) for action in each)
    names = Names.of(NAME, {}, "")
    manifests = [action["commitInfo"]["bigcommerce"] for version in range(table.version() + 1) for action in lake.commit(version, NAME)[:1]]
    told = ("resource", "mode", "query", "window", "watermark", "rows", "deleted", "read_at", "sequence", "complete")
    return {
        "version": table.version(),
        "log": sorted(file.name for file in log.iterdir()),
        "kinds": kinds,
        "numbers": [table.transaction_version(name) for name in (names.watermark, names.full, names.commit)],
        "runs": len({name for version in range(table.version() + 1) for name in lake.transactions(version, NAME) if "/run/" in name}),
        "parts": [(action["num_records"], action["min.id"], action["max.id"]) for action in added(lake)],
        "files": len(lake.files(NAME)),
        "manifests": [{name: manifest[name] for name in told} for manifest in manifests],
    }


def added(lake: Lake) -> list[dict[str, Any]]:
    import pyarrow as pa

    return list(pa.table(lake.table(NAME).get_add_actions(flatten=True)).to_pylist())


def test_commits_that_are_put_there_by_hand_are_those_that_runs_leave(lake: Lake, tmp_path: Path) -> None:
    for _ in range(3):
        run(lake)
    by_hand = Lake(tmp_path / "by_hand", lake.sandbox, moment=lake.moment)
    shutil.copytree(lake.path, by_hand.path)
    for _ in range(24):
        run(lake)
    put(by_hand, 24)

    assert look(by_hand) == look(lake)
    for each in (by_hand, lake):
        each.sandbox.store.clock = each.seconds
    lake.moment += HOUR
    by_hand.moment += HOUR
    assert [each.run(NAME, "one more", mode="incremental")["window"] for each in (by_hand, lake)] == [
        {"since": f"{lake.moment - HOUR - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}", "until": f"{lake.moment:%Y-%m-%dT%H:%M:%SZ}"}
    ] * 2


# -- what it costs


def prove(lake: Lake) -> bool:
    operator = BigCommerceReconcileOperator(task_id="prove", resource=NAME, lake=str(lake.path), sample=None)
    return bool(operator.execute({})["equal"])


def ask_duckdb(lake: Lake) -> int:
    """As docs/how-to/keep-lakehouse-tables.md says."""
    with duckdb.connect() as database:
        return len(database.read_parquet([str(part) for part in lake.parts(NAME)], union_by_name=True).project("id, notes").fetchall())


ACTIONS: dict[str, Callable[[Lake], Any]] = {
    "one more run": run,
    "deletes": lambda lake: run(lake, deletes="detect"),
    "a proof": prove,
    "a reader": ask_duckdb,
}


def costs(lake: Lake, monkeypatch: pytest.MonkeyPatch, *, times: int = 5) -> dict[str, tuple[int, float]]:
    """Of each action: calls of the file system that are ours, and the least CPU seconds."""
    fs = type(Destination.at(str(lake.path)).fs)
    found: dict[str, tuple[int, float]] = {}
    for title, action in ACTIONS.items():
        calls, seconds = Counter[str](), 1e9
        for number in range(times):
            with monkeypatch.context() as patch:
                for name in ("open", "info", "find", "cat_file", "pipe_file", "makedirs", "rm_file") if number == 0 else ():
                    patch.setattr(fs, name, counted(calls, name, getattr(fs, name)))
                began = time.process_time()
                assert action(lake)
                seconds = min(seconds, time.process_time() - began)
        found[title] = calls.total(), seconds
    return found


def counted(calls: Counter[str], name: str, plain: Any) -> Any:
    def call(self: Any, *arguments: Any, **more: Any) -> Any:
        calls[name] += 1
        return plain(self, *arguments, **more)

    return call


#: Commits at which costs are taken.
FORMS = [
    pytest.param((0, KEPT, 1_000), id="1,000 commits"),
    pytest.param((0, KEPT, 1_000, 10_000), id="10,000 commits", marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)]),
]


@pytest.mark.parametrize("histories", FORMS)
def test_after_any_commits_all_costs_as_after_a_week_and_a_run_no_more_than_after_none(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, histories: tuple[int, ...]
) -> None:
    """A proof reads what the log says of its runs, so that it costs as after 30 days, which the log is long."""
    for _ in range(2):
        run(lake)
    found: dict[int, dict[str, tuple[int, float]]] = {}
    for history in histories:
        put(lake, history - lake.table(NAME).version())
        found[history] = costs(lake, monkeypatch)

    last = histories[-1]
    assert last <= lake.table(NAME).version() <= last + 100
    assert len(list((lake.path / NAME / "_delta_log").glob("*.json"))) < IN_LOG + 100
    compared = [("one more run", last, KEPT), ("deletes", last, KEPT), ("a reader", last, KEPT), ("a proof", last, 1_000)]
    for title, history, than in [("one more run", 1_000, 0), *compared]:
        (calls, seconds), (few, short) = found[history][title], found[than][title]
        assert calls <= 2 * few, (title, history, calls, few)
        assert seconds <= 2 * short, (title, history, seconds, short)


def test_a_proof_reads_the_log_back_to_the_last_read_of_all_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a DAG with ``full_every`` of a week has it: what ran before says nothing more of which rows the copy covers."""
    for _ in range(2):
        run(lake)
    put(lake, 350)
    store = lake.sandbox.store
    lake.moment += HOUR
    store.edit(NAME, min(row["id"] for row in store.rows(NAME)), notes="before all were read")
    assert lake.run(NAME, "weekly", mode="full")["window"]["since"] is None
    run(lake)
    put(lake, 100)

    asked: list[int | None] = []
    history = DeltaTable.history

    def counted_history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
        asked.append(limit)
        return history(table, limit)

    monkeypatch.setattr(DeltaTable, "history", counted_history)
    assert prove(lake)
    assert asked == [200]

    put(lake, 150)  # the last read of all is further back now
    asked.clear()
    assert prove(lake)
    assert asked == [200, 400]
