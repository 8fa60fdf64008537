"""A digest a row: what was there unchanged is known again, and a file that is not certain knows nothing."""

from __future__ import annotations

import random
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.engine.manifest import DataFile
from airflow_provider_bigcommerce.rows.row_keys import Key
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.row_hashes import KnownRows, RowHashes, row_hashes_name, rows_known_to

UNTIL = datetime(2026, 3, 29, 12, tzinfo=UTC)
FILES = [DataFile(path="brands/run=a/part-00000.jsonl", rows=1, bytes=2, sha256="ab")]


def raw(row: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(row))


def saved(tmp_path: Path, rows: dict[Key, Any]) -> Destination:
    destination = Destination.at(tmp_path)
    hashes = RowHashes(KnownRows())
    assert all(hashes.is_new(raw(row), key, None) for key, row in rows.items())
    hashes.save(destination, "brands", "a", until=UNTIL, files=FILES)
    return destination


def known(destination: Destination, **changes: Any) -> KnownRows:
    return rows_known_to(destination, "brands", "a", **{"files": FILES, "until": "2026-03-29T12:00:00Z", **changes})


@pytest.mark.parametrize("keys", [range(1, 3000), [f"sku-{n}" for n in range(500)], [(n, n % 7) for n in range(500)]])
def test_rows_that_come_again_are_left_out_and_changed_and_new_ones_are_not(tmp_path: Path, keys: Any) -> None:
    rows = {key: {"id": key, "n": 1} for key in keys}
    changed, new = random.Random(1).sample(list(keys), 20), [("new", n) for n in range(5)]
    now = rows | {key: {"id": key, "n": 2} for key in changed} | {key: {"n": 1} for key in new}
    hashes = RowHashes(known(saved(tmp_path, rows)))

    written = [key for key, row in now.items() if hashes.is_new(raw(row), key, None)]

    assert set(written) == {*changed, *new}
    assert hashes.dropped == len(rows) - len(changed)


def test_rows_without_a_key_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    destination = Destination.at(tmp_path)
    first = RowHashes(KnownRows())
    assert first.is_new(raw({"a": 1}), None, None)
    first.save(destination, "brands", "a", until=UNTIL, files=FILES)
    second = RowHashes(known(destination))

    assert [second.is_new(raw(row), None, None) for row in ({"a": 1}, {"a": 2})] == [False, True]


def test_a_run_that_goes_on_has_the_rows_of_its_earlier_try_in_its_file(tmp_path: Path) -> None:
    destination = saved(tmp_path, {1: {"n": 1}, 2: {"n": 1}})
    again = RowHashes(KnownRows(), known(destination), dropped=4)
    again.is_new(raw({"n": 1}), 3, None)
    again.save(destination, "brands", "a", until=UNTIL, files=FILES)

    assert (len(known(destination)), again.dropped) == (3, 4)


@pytest.mark.parametrize("changes", [{"files": []}, {"files": None}, {"until": "2026-03-30T12:00:00Z"}])
def test_a_file_that_belongs_to_another_manifest_knows_nothing(
    tmp_path: Path, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert len(known(saved(tmp_path, {1: {}}), **changes)) == 0
    assert "does not belong to its manifest: every row is written again" in caplog.text


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"{" + data, lambda _: b"\xff\xfe", lambda _: b""])
def test_a_damaged_file_knows_nothing(tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture) -> None:
    destination = saved(tmp_path, {1: {}, 2: {}})
    name = row_hashes_name("brands", "a")
    destination.write(name, damage(destination.read(name)))

    assert len(known(destination)) == 0
    assert "every row is written again" in caplog.text


def test_a_lost_file_knows_nothing(tmp_path: Path) -> None:
    assert len(known(Destination.at(tmp_path))) == 0


def test_rows_take_32_bytes_each_on_the_disk_and_less_than_110_in_memory_at_the_most(tmp_path: Path) -> None:
    count = 20_000
    destination = saved(tmp_path, {})
    tracemalloc.start()
    try:
        base = tracemalloc.get_traced_memory()[0]
        hashes = RowHashes(KnownRows())
        for key in range(count):
            hashes.is_new(msgspec.Raw(b"%d" % key), key, None)
        hashes.save(destination, "brands", "a", until=UNTIL, files=FILES)
        found = known(destination)
        peak = tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()

    assert len(found) == count
    assert 0 <= len(destination.read(row_hashes_name("brands", "a")) or b"") - 32 * count < 200
    assert peak < 110 * count + 2**20
