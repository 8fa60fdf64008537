"""What keeps a table small and quick: folding, tidying, checkpoints, and what they must not touch."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake import parts as lake_parts
from airflow_provider_bigcommerce.targets.lake import rewrite
from airflow_provider_bigcommerce.targets.lake import table as lake_table
from airflow_provider_bigcommerce.targets.lake.part_reader import PartReader
from airflow_provider_bigcommerce.targets.lake.table import CHECKPOINT_EVERY
from tests.lake.conftest import Lake

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def edited(lake: Lake, at: int) -> None:
    lake.moment += HOUR
    store = lake.sandbox.store
    store.edit("customers", store.rows("customers")[at]["id"], notes=f"edited at {lake.moment}")


def aged(folder: Path, days: float) -> None:
    """Let all files be older than they are."""
    then = time.time() - days * 86_400
    for file in folder.rglob("*"):
        os.utime(file, (then, then))


def notes(lake: Lake) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Those of the table and those of the store."""
    rows = lake.sandbox.store.rows("customers")
    return {key: row["notes"] for key, row in lake.rows("customers").items()}, {row["id"]: row["notes"] for row in rows}


def test_new_rows_go_into_the_newest_part_while_it_is_small(lake: Lake) -> None:
    lake.run("customers", mode="incremental")
    for _ in range(3):
        lake.moment += HOUR
        lake.sandbox.store.add("customers", email=f"{lake.moment.hour}@example.com")
        lake.run("customers", mode="incremental")

    assert len(lake.parts("customers")) == 1
    assert set(lake.rows("customers")) == {row["id"] for row in lake.sandbox.store.rows("customers")}


def test_small_parts_are_folded_when_there_are_many(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "GROWING_BYTES", 0)  # so that each run adds a part
    counts = []
    for number in range(12):
        lake.moment += HOUR
        lake.sandbox.store.add("customers", email=f"{number}@example.com")
        lake.run("customers", mode="incremental")
        counts.append(len(lake.parts("customers")))

    assert max(counts) == rewrite.MOST_SMALL
    assert counts[rewrite.MOST_SMALL] == 2, "the newest stays apart"
    assert set(lake.rows("customers")) == {row["id"] for row in lake.sandbox.store.rows("customers")}


def test_parts_are_of_bounded_size_and_only_those_that_hold_a_changed_row_are_written_anew(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_parts, "BLOCK_BYTES", 1)
    monkeypatch.setattr(lake_parts, "_FIRST_BLOCK_BYTES", 1)
    monkeypatch.setattr(lake_parts, "_ROW_GROUP_BYTES", 1)
    monkeypatch.setattr(lake_parts.StagingWriter.__init__, "__kwdefaults__", {"part_bytes": 1})
    lake.run("customers", mode="incremental")
    before = set(lake.parts("customers"))
    assert len(before) >= 5
    monkeypatch.setattr(rewrite, "SMALL_BYTES", 0)
    edited(lake, 2)
    opened = Counter[str]()
    plain = PartReader.columns
    monkeypatch.setattr(PartReader, "columns", lambda self, name, columns: opened.update([name]) or plain(self, name, columns))

    lake.run("customers", mode="incremental")

    assert len(before - set(lake.parts("customers"))) == 1
    assert sum(opened.values()) == 1, "parts whose ids lie elsewhere were opened"
    assert notes(lake)[0] == notes(lake)[1]


def test_old_files_go_after_they_were_kept_and_not_before(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    week_ago = time.time() - 8 * 86_400
    with monkeypatch.context() as past:
        past.setattr(lake_table, "time", SimpleNamespace(time=lambda: week_ago))
        lake.run("customers", mode="incremental")
        edited(lake, 0)
        lake.run("customers", mode="incremental")
    superseded = set(lake.files("customers")) - set(lake.parts("customers"))
    assert len(superseded) == 1
    left, new = (lake.path / "customers" / f"part-{digit * 32}.parquet" for digit in "01")
    left.write_bytes(b"of a killed try")
    checkpoint = lake.path / "customers" / "_checkpoints" / "run.json"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"{}")
    aged(lake.path / "customers", 8)
    new.write_bytes(b"of a try that still writes")

    edited(lake, 1)
    lake.run("customers", mode="incremental", keep=timedelta(days=9))
    assert {*superseded, left, new} <= set(lake.files("customers"))
    read_meanwhile = set(lake.parts("customers"))
    lake.moment += DAY
    edited(lake, 2)
    lake.run("customers", mode="incremental")

    assert not {*superseded, left} & set(lake.files("customers"))
    assert checkpoint.exists(), "what a run leaves for its retries below Airflow 3.3"
    assert {*read_meanwhile, new} <= set(lake.files("customers")), "a reader or a try lost its files"
    assert notes(lake)[0] == notes(lake)[1]


def test_tidying_is_done_once_a_day(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tidied = []
    plain = DeltaTable.vacuum
    monkeypatch.setattr(DeltaTable, "vacuum", lambda self, *a, **k: tidied.append(lake.moment) or plain(self, *a, **k))
    for _ in range(50):
        lake.run("customers", after=HOUR, mode="incremental")

    assert len(tidied) == 2


def test_a_bucket_without_delete_rights_fails_no_run(lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    lake.run("customers", mode="incremental")
    edited(lake, 0)

    def refuse(self: object, *arguments: object, **more: object) -> None:
        raise PermissionError("delete is not allowed")

    def refuse_too(self: object, *arguments: object, **more: object) -> None:
        raise DeltaError("403")

    lake.moment += 2 * DAY
    monkeypatch.setattr(type(Destination.at(str(lake.path)).fs), "rm_file", refuse)
    monkeypatch.setattr(DeltaTable, "vacuum", refuse_too)

    lake.run("customers", mode="incremental")

    assert notes(lake)[0] == notes(lake)[1]
    assert "could not be tidied: DeltaError" in caplog.text


def test_commits_older_than_the_log_keeps_go_with_a_checkpoint_and_no_other_run_looks_for_them(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bool] = []
    plain = DeltaTable.create_write_transaction

    def commit(self: DeltaTable, *arguments: Any, post_commithook_properties: Any, **more: Any) -> None:
        looked.append(post_commithook_properties.cleanup_expired_logs is not False)
        plain(self, *arguments, post_commithook_properties=post_commithook_properties, **more)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", commit)
    folder = lake.path / "customers" / "_delta_log"

    def commits() -> set[int]:
        return {int(file.stem) for file in folder.glob("*.json")}

    for _ in range(CHECKPOINT_EVERY + 2):
        lake.run("customers", after=HOUR, mode="incremental")
    assert 0 in commits()
    aged(folder, 31)
    for _ in range(CHECKPOINT_EVERY):
        lake.run("customers", after=HOUR, mode="incremental")

    checkpoint = min(int(file.name[:20]) for file in folder.glob("*.checkpoint.parquet"))
    assert min(commits()) >= checkpoint > 0
    assert sum(looked) == 2
    assert lake.rows("customers").keys() == {row["id"] for row in lake.sandbox.store.rows("customers")}


def test_ids_of_old_runs_are_forgotten_and_the_watermark_is_not(lake: Lake) -> None:
    lake.run("customers", "r1", mode="incremental")
    [run_id] = [name for name in lake.transactions(0, "customers") if "/run/" in name]
    watermark = next(name for name in lake.transactions(0, "customers") if len(name.rpartition("/")[2]) == 12)
    log = lake.path / "customers" / "_delta_log" / f"{0:020d}.json"
    month_ago = str(int((time.time() - 31 * 86_400) * 1000))
    [updated] = [str(action["txn"]["lastUpdated"]) for action in lake.commit(0, "customers") if "lastUpdated" in action.get("txn", {})]
    log.write_text(log.read_text().replace(updated, month_ago))

    table = lake.table("customers")

    assert table.transaction_version(run_id) is None
    assert table.transaction_version(watermark) == int(lake.moment.timestamp())


def test_some_hundreds_of_commits_cost_the_next_run_no_more(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def cost() -> tuple[int, float]:
        """File-system calls of ours, and the log's files behind the last checkpoint, of one more run."""
        lake.moment += HOUR
        lake.sandbox.store.edit("customers", lake.sandbox.store.rows("customers")[0]["id"], notes=str(lake.moment))
        calls = Counter[str]()
        fs = type(Destination.at(str(lake.path)).fs)
        with monkeypatch.context() as patch:
            for name in ("open", "info", "find", "cat_file", "pipe_file", "makedirs", "rm_file"):
                patch.setattr(fs, name, counted(calls, name, getattr(fs, name)))
            began = time.process_time()
            lake.run("customers", mode="incremental")
            return sum(calls.values()), time.process_time() - began

    lake.run("customers", mode="incremental")
    few = [cost() for _ in range(5)]
    for _ in range(200):
        lake.run("customers", mode="incremental", after=HOUR)
    many = [cost() for _ in range(5)]

    assert max(calls for calls, _ in many) <= max(calls for calls, _ in few) <= 12
    assert min(seconds for _, seconds in many) <= 2 * max(seconds for _, seconds in few)
    checkpoints = sorted((lake.path / "customers" / "_delta_log").glob("*.checkpoint.parquet"))
    assert int(checkpoints[-1].name[:20]) >= lake.table("customers").version() - 10


def counted(calls: Counter[str], name: str, plain: Any) -> Any:
    def call(self: Any, *arguments: Any, **more: Any) -> Any:
        calls[name] += 1
        return plain(self, *arguments, **more)

    return call


def test_a_large_load_keeps_its_own_parts_without_the_rows_that_a_later_run_has_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "MERGED_ROWS", 0)
    lake.run("customers", mode="incremental", after=HOUR)
    later = lake.sandbox.store.rows("customers")[0]["id"]
    lake.moment += 2 * HOUR
    lake.sandbox.store.edit("customers", later, notes="as the later run read it")
    lake.run("customers", mode="incremental")
    lake.sandbox.store.edit("customers", later, notes="as the earlier run read it")
    lake.sandbox.store.delete("customers", lake.sandbox.store.rows("customers")[1]["id"])
    gone = set(lake.rows("customers")) - {row["id"] for row in lake.sandbox.store.rows("customers")}

    full = lake.run("customers", after=-HOUR)

    rows = lake.rows("customers")
    assert full["rows"] == lake.sandbox.store.count("customers") - 1
    assert rows[later]["notes"] == "as the later run read it"
    assert gone <= set(rows), "a full read deletes nothing by itself"
    assert set(rows) - gone == {row["id"] for row in lake.sandbox.store.rows("customers")}
