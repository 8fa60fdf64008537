"""Names that a manifest, a checkpoint, a state or an XCom holds: one that leads elsewhere is refused, and what it names stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.file_names import is_leaf, is_within
from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError
from airflow_provider_bigcommerce.operators.partition import BigCommercePartitionOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.files.pieces import commit_partitions
from tests.transfers.conftest import Night

#: Names of a file beside the copy, of one in the copy that is another's, and what else is no name of a file of ours.
ELSEWHERE = {
    "the parent's": "orders/../../precious.txt",
    "deeper": "orders/run=x/../../../precious.txt",
    "relative": "../precious.txt",
    "absolute": "/{parent}/precious.txt",
    "double slash": "//{parent}/precious.txt",
    "a URL": "file:///{parent}/precious.txt",
    "another store of objects": "s3://bucket/precious.txt",
    "a chain": "simplecache::file:///{parent}/precious.txt",
    "a backslash": "orders\\..\\..\\precious.txt",
    "dots": "orders/./../../precious.txt",
    "another resource's": "products/run=x/part-00000.jsonl",
    "the resource's own folder": "orders",
    "nothing": "",
    "a line break": "orders/run=x/part\n-00000.jsonl",
    "a zero": "orders/run=x/part\0.jsonl",
}


@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_a_name_that_leads_elsewhere_is_not_within(name: str) -> None:
    assert not is_within(name, "orders")
    assert not is_leaf(name) or name == "orders"


@pytest.mark.parametrize(
    "name", ["orders/run=a--b-1/part-00000.jsonl", "orders/run=x/0003/part-00001-ab12cd34.parquet", "orders/run=x/a..b"]
)
def test_a_name_that_we_write_is_within(name: str) -> None:
    assert is_within(name, "orders")


@pytest.mark.parametrize("method", ["read", "remove", "entries", "write", "create"])
@pytest.mark.parametrize(
    "name", [name for name in ELSEWHERE.values() if not name.startswith(("orders/run=x/part-", "products", "orders")) or ".." in name]
)
def test_a_destination_opens_and_removes_nothing_outside(tmp_path: Path, method: str, name: str) -> None:
    destination, precious = Destination.at(str(tmp_path / "copy")), tmp_path / "precious.txt"
    (tmp_path / "copy" / "orders").mkdir(parents=True)
    precious.write_text("precious")
    calls: dict[str, Callable[[str], Any]] = {
        "read": destination.read,
        "remove": destination.remove,
        "entries": destination.entries,
        "write": lambda name: destination.write(name, b"x"),
        "create": lambda name: destination.create(name).__enter__(),
    }

    with pytest.raises(DestinationError, match=r"^The name .* leads out of "):
        calls[method](name.replace("{parent}", str(tmp_path).strip("/")))
    assert precious.read_text() == "precious"


@dataclass
class Held:
    """A copy with what is edited in it, and a file beside it that must stay."""

    night: Night
    precious: Path

    def name(self, name: str) -> str:
        return name.replace("{parent}", str(self.precious.parent).strip("/"))

    def manifest(self) -> Path:
        [found] = (self.night.path / "orders" / "_manifests").glob("*.json")
        return found

    def edit(self, path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


@pytest.fixture
def held(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    night = Night(bigcommerce_sandbox, tmp_path / "copy")
    bigcommerce_sandbox.store.clock = night.seconds
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    night.run("r1")
    (night.path / "products" / "run=x").mkdir(parents=True)
    (night.path / "products" / "run=x" / "part-00000.jsonl").write_text("{}")
    return Held(night, precious)


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.bigcommerce_sandbox(orders=30)
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_an_edited_manifest_is_refused_by_whoever_reads_it_and_removes_nothing(held: Held, name: str) -> None:
    held.edit(
        held.manifest(), lambda content: content["files"].append({"path": held.name(name), "rows": 1, "bytes": 8, "sha256": "0" * 64})
    )
    before = files_of(held.precious.parent)

    for run in ("r1", "r2"):  # a clear, which would remove what the manifest names, and the next run
        with pytest.raises(DestinationError, match=r"names the file .* which is not below 'orders"):
            held.night.run(run, after=timedelta(hours=1))
    with pytest.raises(DestinationError, match=r"names the file .* which is not below 'orders"):
        committed(str(held.night.path), "orders")
    assert files_of(held.precious.parent) == before


@pytest.mark.bigcommerce_sandbox(orders=30)
def test_a_manifest_that_names_another_runs_files_does_not_have_them_removed(held: Held) -> None:
    held.night.run("r0", after=timedelta(hours=1))
    [other] = (held.night.path / "orders" / "_manifests").glob("*r0*.json")
    [own] = (held.night.path / "orders" / "_manifests").glob("*r1*.json")
    other.write_text(own.read_text())
    before = files_of(held.night.path / "orders")

    with pytest.raises(DestinationError, match="which is not below 'orders/run="):
        held.night.run("r0", after=timedelta(hours=1))
    assert files_of(held.night.path / "orders") == before


@pytest.mark.bigcommerce_sandbox(orders=30)
@pytest.mark.parametrize("field", ["keys", "parts"])
@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_an_edited_checkpoint_is_not_gone_on_with_and_removes_nothing(
    held: Held, name: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = {"max_rows_per_file": 10, "query": {"limit": 10}}
    night = held.night
    night.later(timedelta(hours=1))
    for row in night.sandbox.store.rows("orders"):
        night.sandbox.store.edit("orders", row["id"], staff_notes="edited")
    state = night.airflow.context("r2", "orders")["task_state_store"]
    reached = {"what": "x", "at": "2026-03-29T12:00:00+00:00", "position": {"id": 1}, "parts": [], "found": 10, "keys": None}
    reached[field] = held.name(name) if field == "keys" else [[held.name(name), 1, 8, "0" * 64]]
    state.set("bigcommerce_checkpoint", {"until": "2026-03-29T13:00:00Z", "since": None, "replaces": None, "reached": reached})
    before = files_of(held.precious.parent)

    manifest = night.run("r2", try_number=2, **arguments)

    assert manifest["rows"] == 30
    if (field, name) != ("parts", "orders"):  # a part of that name would be in the run's own folder, and is not there
        assert "which is none of its run's files: it was edited" in caplog.text
    after = files_of(held.precious.parent)
    assert {path: data for path, data in after.items() if path in before and "_overlaps" not in str(path)} == {
        path: data for path, data in before.items() if "_overlaps" not in str(path)
    }


@pytest.mark.bigcommerce_sandbox(orders=30)
@pytest.mark.parametrize("name", [name for name in ELSEWHERE.values() if name not in ("", "orders")])
def test_a_watermark_of_a_run_elsewhere_is_refused(held: Held, name: str) -> None:
    [(key, value)] = held.night.airflow.watermarks.items()
    held.night.airflow.watermarks[key] = {**value, "run": held.name(name)}
    before = files_of(held.precious.parent)

    with pytest.raises(InvalidQueryError, match="which is no run's key: it was edited"):
        held.night.run("r2", after=timedelta(hours=1))
    assert files_of(held.precious.parent) == before


@pytest.mark.bigcommerce_sandbox(orders=30)
@pytest.mark.parametrize("field", ["files", "run", "folder"])
@pytest.mark.parametrize("name", [name for name in ELSEWHERE.values() if name != "orders"])
def test_an_edited_range_commits_and_removes_nothing(held: Held, name: str, field: str) -> None:
    night, name = held.night, held.name(name)
    ranges = BigCommercePartitionOperator(task_id="cut", resource="orders", into=2).execute({})
    returned = [night.run("ranges", mode="full", partition=each, path=str(night.path)) for each in ranges]
    if field == "files":
        returned[0]["files"][0]["path"] = name
    else:
        for each in returned:
            each["piece"][field] = name
    before = files_of(held.precious.parent)

    with pytest.raises(BigCommerceError, match=r"which is not below|no range of a list"):
        commit_partitions(Destination.at(str(night.path)), returned, now=night.moment)
    assert files_of(held.precious.parent) == before
