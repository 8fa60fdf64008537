"""SIGKILL at exact moments of a read: nothing that is data remains, and the retry has exactly the rows and goes on where it can.

The same in a real Airflow, at many more moments: test_killed_in_airflow.py.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.airflow_memory import Airflow, StateStore
from tests.cutting_proxy import CuttingProxy, Line
from tests.quick_processes import quick_processes
from tests.transfers.conftest import Night
from tests.transfers.killing import BOUND, PAGE, PART, arm, through

ARGUMENTS: dict[str, dict[str, Any]] = {
    "orders": {"mode": "incremental", "max_rows_per_file": PART, "query": {"limit": PAGE}},
    "product_variants": {"mode": "full", "max_rows_per_file": PART, "query": {"limit": PAGE}},
}


class KeptState(StateStore):
    """A state that outlives its process, as Airflow's does."""

    def __init__(self, file: Path) -> None:
        super().__init__(json.loads(file.read_text()) if file.exists() else {})
        self.file = file

    def set(self, key: str, value: Any) -> None:
        super().set(key, value)
        self._keep()

    def delete(self, key: str) -> None:
        super().delete(key)
        self._keep()

    def _keep(self) -> None:
        self.file.write_text(json.dumps(self))


class TaskState(KeptState):
    """A class of its own, so that a moment can be one of its calls."""


class Watermarks(KeptState):
    """Likewise."""


def kept(folder: Path, resource: str) -> Airflow:
    airflow = Airflow(watermarks=Watermarks(folder / "watermarks.json"))
    airflow.task_states["r1", resource, -1] = TaskState(folder / "task.json")
    return airflow


def read(connection: str, path: Path, resource: str, moment: str | None) -> None:
    """The process that is killed."""
    os.environ["AIRFLOW_CONN_BIGCOMMERCE_DEFAULT"] = connection
    if moment is not None:
        arm(moment, task_store=TaskState, asset_store=Watermarks)
    night = Night(None, path, kept(path.parent, resource))  # type: ignore[arg-type]  # the store is the parent's
    night.run("r1", resource, **ARGUMENTS[resource])


def killed(connection: dict[str, Any], path: Path, resource: str, moment: str | None = None, line: Line | None = None) -> None:
    """Read in a process of its own, which ends by SIGKILL at the moment, or at the line's byte."""
    process = quick_processes().Process(target=read, args=(json.dumps(connection), path, resource, moment))
    process.start()
    if line is not None:
        line.act = process.kill
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.bigcommerce_sandbox(orders=400, products=200, latency_ms=10)
@pytest.mark.parametrize(
    ("resource", "moment", "is_committed"),
    [
        ("orders", "before rename of part-00005", False),
        ("orders", "before rename of _manifests/sync", False),
        ("orders", "after rename of _manifests/sync", True),
        ("orders", "after set of asset state 1", True),
        ("product_variants", "after rename of part-00004", False),
    ],
)
def test_a_killed_try_leaves_no_data_and_its_retry_has_exactly_the_rows(
    night: Night, resource: str, moment: str, is_committed: bool
) -> None:
    killed(through(night.sandbox.connection), night.path, resource, moment)

    assert len(committed(str(night.path), resource)) == is_committed
    retried(night, resource, is_committed=is_committed)


@pytest.mark.bigcommerce_sandbox(orders=400, latency_ms=10)
@pytest.mark.parametrize("byte", [1, 300_000])
def test_a_try_that_is_killed_at_a_byte_of_the_read_is_retried_to_exactly_the_rows(night: Night, byte: int) -> None:
    with CuttingProxy(int(night.sandbox.url.rpartition(":")[2])) as proxy:
        line = proxy.listen(Line(at=byte))
        killed(through(night.sandbox.connection, line.port), night.path, "orders", line=line)

    assert committed(str(night.path), "orders") == []
    retried(night, "orders", is_committed=False)


def retried(night: Night, resource: str, *, is_committed: bool) -> None:
    store = night.sandbox.store
    path = {"orders": "/v2/orders", "product_variants": "/v3/catalog/variants"}[resource]
    night.airflow = kept(night.path.parent, resource)
    first = sum(request.rows or 0 for request in store.requests if request.path == path)
    store.requests.clear()
    manifest = night.run("r1", resource, **ARGUMENTS[resource])
    second = sum(request.rows or 0 for request in store.requests if request.path == path)

    assert sorted(night.copy(resource)) == [row["id"] for row in store.rows(resource)]
    assert manifest["rows"] == store.count(resource)
    assert night.data_files(resource) == {file["path"] for file in manifest["files"]}
    if is_committed:
        assert second == 0
    assert first + second - manifest["rows"] <= BOUND
