"""What a copy in files costs after 10,000 runs, with compaction at its cadence: as much as after one period of it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.running import TOKEN, Sandbox
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer, connection
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.read_copy import read_copy
from airflow_provider_bigcommerce.targets.files.snapshots import find_copy, put
from tests.transfers.conftest import Night
from tests.transfers.test_reading_the_files import sql_blocks
from tests.transfers.test_snapshots import counted
from tests.transfers.years import NAME, Years, objects

#: Makes the copy of this name.
Make = Callable[[str], Years]


@pytest.fixture(autouse=True)
def _nobody_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power does not fail here, and a thousand waits for a busy disk are minutes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes copies, each of a store of its own at a place of its own; ``place`` and ``step`` come from the test's parameters."""
    place, step = (request.node.callspec.params[name] for name in ("place", "step"))
    there: dict[str, Destination] = {}
    plain = Destination.at
    monkeypatch.setattr(Destination, "at", lambda path: there.get(str(path)) or plain(path))
    with contextlib.ExitStack() as servers:

        def made(name: str) -> Years:
            store = Store(customers=20, products=1, orders=1, tokens={TOKEN: None}, quota=Quota.parse("none"))
            server = servers.enter_context(ThreadedServer(Server(store)))
            path = tmp_path / name
            night = Night(Sandbox(server.url, connection(server, TOKEN), store, None), path)
            store.clock = night.seconds
            if place == "objects":
                there[str(path)] = Destination(objects(), str(path), f"memory:/{path}")
            return Years(night, Destination.at(str(path)), step, "jsonl" if place == "objects" else "parquet")

        yield made


def connected(years: Years) -> Years:
    """The copy's own store as the connection."""
    os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"] = json.dumps(years.night.sandbox.connection)
    return years


@pytest.fixture(autouse=True)
def _connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """What :func:`connected` sets goes with the test."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", "")


# -- the shortcut


@pytest.mark.parametrize("step", [timedelta(hours=12)], ids=["twice a day"])
@pytest.mark.parametrize("place", ["objects", "disk"])
def test_a_history_that_is_put_there_by_hand_is_the_one_that_runs_leave(place: str, step: timedelta, make: Make) -> None:
    found = []
    for name in ("runs", "hand"):
        years = connected(make(name))
        (years.live if name == "runs" else years.put)(3)
        with counted(years.destination) as calls:
            assert years.real()["rows"] == 3
        rows = sorted((row["id"], row["notes"][:10]) for batch in read_copy(str(years.night.path), NAME) for row in batch.to_pylist())
        found.append((years.look(), rows, Counter(call.split()[0] for call in calls)))

    (by_runs, rows, calls), (by_hand, rows_by_hand, calls_by_hand) = found
    assert by_hand["manifests"] == by_runs["manifests"]
    assert by_hand["files"] == by_runs["files"]
    assert abs(by_hand["snapshots"] - by_runs["snapshots"]) < 8  # so many are left until they are removed together
    assert rows_by_hand == rows
    assert calls_by_hand == calls


# -- what it costs


def read(years: Years) -> object:
    return sum(batch.num_rows for batch in read_copy(str(years.night.path), NAME))


def ask_duckdb(years: Years) -> object:
    """The query of docs/how-it-reads.md."""
    query = sql_blocks(years.night.path)[0].replace("orders", NAME)
    with duckdb.connect() as connection:
        connection.execute(query)
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {NAME}").fetchall()
        return rows


def write_a_snapshot(years: Years) -> object:
    """What a commit does beside its manifest: look, read the highest snapshot, write the next one."""
    return put(years.destination, find_copy(years.destination, NAME))


ACTIONS: dict[str, Callable[[Years], Any]] = {
    "one more run": lambda years: years.real()["rows"],
    "deletes": lambda years: years.real(deletes="detect")["rows"],
    "a proof": lambda years: years.prove()["equal"],
    "read_copy": read,
    "the list of runs": lambda years: bool(committed(years.destination, NAME)),
    "a snapshot": lambda years: bool(write_a_snapshot(years)),
}


def costs(copies: dict[str, Years], action: Callable[[Years], Any], *, times: int = 5) -> tuple[dict[str, list[str]], dict[str, float]]:
    """The calls of the file system and the least CPU seconds of an action on each copy."""
    calls: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    for number in range(times):
        for name, years in copies.items():
            connected(years)
            began = time.process_time()
            if number == 0:
                with counted(years.destination) as calls[name]:
                    result = action(years)
            else:
                result = action(years)
                seconds[name] = min(seconds.get(name, 1e9), time.process_time() - began)
            assert result
    return calls, seconds


EVERY_FOUR_HOURS, HOURLY = timedelta(hours=4), timedelta(hours=1)
FORMS = [
    pytest.param("objects", EVERY_FOUR_HOURS, 3, id="objects, 126 runs"),
    pytest.param("disk", EVERY_FOUR_HOURS, 3, id="disk, 126 runs"),
    pytest.param("objects", HOURLY, 60, id="objects, 10,080 runs", marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)]),
    pytest.param("disk", HOURLY, 60, id="disk, 10,080 runs", marks=[pytest.mark.exhaustive, pytest.mark.timeout(1800)]),
]


@pytest.mark.parametrize(("place", "step", "periods"), FORMS)
def test_after_any_history_all_costs_as_after_one_period(place: str, step: timedelta, periods: int, make: Make) -> None:
    """At its worst moment: right before the next compaction, while what the last one replaced is still there."""
    copies: dict[str, Years] = {}
    for name, count in (("short", 1), ("long", periods)):
        copies[name] = connected(make(name))
        copies[name].put(count)
    assert copies["long"].runs == periods * copies["long"].per_period
    actions = {**ACTIONS, **({"DuckDB": ask_duckdb} if place == "disk" else {})}

    for title, action in actions.items():
        calls, seconds = costs(copies, action)
        told = f"{title}: {({name: len(each) for name, each in calls.items()})} calls, {seconds} s"
        assert len(calls["long"]) <= 2 * len(calls["short"]), told
        assert seconds["long"] <= 2 * seconds["short"], told
        if title == "one more run" and place == "objects":
            beside = [call for call in calls["long"] if "/part-" not in call and "/run=" not in call]
            assert len(beside) <= 12, "\n".join(beside)
    # What `state list` lists: one watermark, however many runs have moved it.
    assert [len(years.night.airflow.watermarks) for years in copies.values()] == [1, 1]
