"""Two runs of one task at once, in two processes: each has its own files, none mixes with the other, and the copy is whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_memory import Airflow
from tests.quick_processes import quick_processes
from tests.transfers.conftest import Night


def read(connection: str, path: Path, run_id: str, resource: str, start: Barrier, arguments: dict[str, Any]) -> None:
    """One run, in a process of its own."""
    os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"] = connection
    night = Night(None, path, Airflow())  # type: ignore[arg-type]  # the store is the parent's
    start.wait(60)
    night.run(run_id, resource, **arguments)


@pytest.mark.bigcommerce_sandbox(latency_ms=200)
@pytest.mark.parametrize(
    ("resource", "arguments"), [("brands", {"mode": "full"}), ("orders", {"mode": "incremental", "deletes": "detect"})]
)
def test_two_runs_at_once_have_files_of_their_own_and_the_copy_is_the_store(night: Night, resource: str, arguments: dict[str, Any]) -> None:
    context = quick_processes()
    start = context.Barrier(2)
    connection = os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"]
    processes = [context.Process(target=read, args=(connection, night.path, run_id, resource, start, arguments)) for run_id in ("r1", "r2")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0]
    manifests = committed(str(night.path), resource)
    named = [{file.path for file in manifest.files} for manifest in manifests]
    assert len(manifests) == 2
    assert named[0].isdisjoint(named[1])
    assert night.data_files(resource) == named[0] | named[1]
    for manifest in manifests:
        assert [hashlib.sha256((night.path / file.path).read_bytes()).hexdigest() for file in manifest.files] == [
            file.sha256 for file in manifest.files
        ]
    assert sorted(night.copy(resource)) == sorted(row["id"] for row in night.sandbox.store.rows(resource))
    assert not any("_deleted_at" in row for row in night.copy(resource).values())
