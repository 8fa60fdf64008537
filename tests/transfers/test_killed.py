"""SIGKILL in the middle of a read: nothing that is data remains, and the retry has exactly the rows."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.files.destination import is_temporary
from airflow_provider_bigcommerce.files.manifest import committed
from tests.transfers.conftest import Airflow, Night

RESOURCE = "product_variants"
ARGUMENTS = {"mode": "full", "max_rows_per_file": 250}


def read(sandbox_connection: str, path: Path) -> None:
    """The process that is killed."""
    os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"] = sandbox_connection
    night = Night(None, path, Airflow())  # type: ignore[arg-type]  # the store is the parent's
    night.run("r1", RESOURCE, **ARGUMENTS)


def part_begun(files: list[Path]) -> bool:
    return any(is_temporary(str(file)) for file in files)


def part_complete(files: list[Path]) -> bool:
    return any(file.name == "part-00000.jsonl" for file in files)


@pytest.mark.bigcommerce_sandbox(latency_ms=700)
@pytest.mark.parametrize("moment", [part_begun, part_complete])
def test_a_killed_try_leaves_no_data_and_its_retry_has_exactly_the_rows(night: Night, moment: Callable[[list[Path]], bool]) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=read, args=(os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"], night.path))
    process.start()
    deadline = time.monotonic() + 60
    while not moment(list((night.path / RESOURCE).glob("run=*/*"))):
        assert process.is_alive(), "the read ended before it was killed"
        assert time.monotonic() < deadline, "the read never came so far"
        time.sleep(0.001)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    assert committed(str(night.path), RESOURCE) == []
    manifest = night.run("r1", RESOURCE, **ARGUMENTS)

    assert list(night.copy(RESOURCE)) == [row["id"] for row in night.sandbox.store.rows(RESOURCE)]
    assert night.data_files(RESOURCE) == {file["path"] for file in manifest["files"]}
