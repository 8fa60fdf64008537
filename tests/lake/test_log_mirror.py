"""The log of a table in an object store, as runs read it: through any file system of fsspec, and each file of it once.

No server is started: a memory file system stands for Google's and Azure's, which the mirror knows no more of. ``tests/s3`` has a real one.
"""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import deltalake
import fsspec
import pyarrow as pa
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.targets.lake import table as lake_table
from airflow_provider_bigcommerce.targets.lake.log_mirror import LogMirror
from airflow_provider_bigcommerce.targets.lake.storage import table_storage
from airflow_provider_bigcommerce.targets.lake.table import LakeTable
from airflow_provider_bigcommerce.targets.lake.table_schema import as_identity, layout_of

LAYOUT, STORE = layout_of(CATALOG["brands"], "struct"), "abc123"
#: Checkpoints of the log; deltalake makes none by itself before its hundredth commit.
CHECKPOINT = 3


class Cloud:
    """A table whose log is in an object store, and on the disk as it is written.

    :param path: an empty directory.
    """

    def __init__(self, path: Path) -> None:
        self.fs: Any = fsspec.filesystem("memory")
        self.root = f"/{path.name}/shop"
        self.destination = Destination(self.fs, self.root, "memory:/" + self.root)
        self.local, self.version = path / "brands", -1
        self.asked: list[str] = []

    def commit(self, count: int = 1) -> None:
        """Versions that somebody makes; each names one part."""
        schema = deltalake.Schema.from_arrow(pa.schema([*LAYOUT.arrow]))
        for _ in range(count):
            self.version += 1
            part = deltalake.transaction.AddAction(f"part-{self.version}.parquet", 10, {}, 0, True, '{"numRecords":1}')
            if self.version == 0:
                deltalake.transaction.create_table_with_add_actions(
                    str(self.local), schema, [part], "error", name="brands", description=as_identity(LAYOUT, STORE)
                )
            else:
                deltalake.DeltaTable(str(self.local)).create_write_transaction([part], "append", schema, [])
            if self.version == CHECKPOINT:
                deltalake.DeltaTable(str(self.local)).create_checkpoint()
        for file in (self.local / "_delta_log").iterdir():
            self.fs.pipe_file(f"{self.root}/brands/_delta_log/{file.name}", file.read_bytes())

    def put(self, name: str) -> None:
        """A file among the log's."""
        self.fs.pipe_file(f"{self.root}/brands/_delta_log/{name}", b"no log")

    def asked_since(self) -> list[str]:
        """The names of the files that were asked for since this was last called."""
        found, self.asked = sorted(self.asked), []
        return found


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud(tmp_path)
    plain = type(cloud.fs).cat_file

    def cat_file(self: Any, path: str, *arguments: Any, **more: Any) -> Any:
        cloud.asked.append(path.rpartition("/")[2])
        return plain(self, path, *arguments, **more)

    monkeypatch.setattr(type(cloud.fs), "cat_file", cat_file)
    return cloud


def parts(table: Any) -> list[str]:
    return sorted(pa.table(table.get_add_actions(flatten=True)).column("path").to_pylist())


def test_each_file_of_the_log_is_asked_for_once_from_the_last_checkpoint_on(cloud: Cloud) -> None:
    mirror = LogMirror(cloud.destination, "brands")
    assert mirror.newest() is None
    cloud.commit(CHECKPOINT + 3)

    first = mirror.newest()

    assert (first.version(), parts(first)) == (cloud.version, [f"part-{number}.parquet" for number in range(cloud.version + 1)])
    of_checkpoint = [f"{CHECKPOINT:020d}.checkpoint.parquet", f"{CHECKPOINT:020d}.json"]
    assert cloud.asked_since() == [*of_checkpoint, f"{CHECKPOINT + 1:020d}.json", f"{CHECKPOINT + 2:020d}.json"]
    assert mirror.newest().version() == cloud.version
    assert cloud.asked_since() == []

    cloud.commit(2)

    assert len(parts(mirror.newest())) == cloud.version + 1
    assert cloud.asked_since() == [f"{cloud.version - 1:020d}.json", f"{cloud.version:020d}.json"]


def test_what_others_put_beside_the_log_is_not_asked_for(cloud: Cloud) -> None:
    cloud.commit(2)
    for name in (
        "_last_vacuum_info",
        "_commits/00000000000000000009.json.tmp",
        ".00000000000000000002.json.crc",
        "00000000000000000001.crc",
    ):
        cloud.put(name)

    assert LogMirror(cloud.destination, "brands").newest().version() == 1
    assert cloud.asked_since() == [f"{number:020d}.json" for number in range(2)]


def test_a_checkpoint_that_is_summed_up_is_what_the_next_run_begins_with(cloud: Cloud) -> None:
    cloud.commit(CHECKPOINT + 3)
    mirror = LogMirror(cloud.destination, "brands")
    mirror.newest()

    cloud.commit()
    mirror.sum_up(cloud.version)

    cloud.asked_since()
    shutil.rmtree(cloud.local)
    assert parts(LogMirror(cloud.destination, "brands").newest()) == parts(mirror.newest())
    assert cloud.asked_since() == [f"{cloud.version:020d}.checkpoint.parquet", f"{cloud.version:020d}.json"]
    pointer = json.loads(cloud.fs.cat_file(f"{cloud.root}/brands/_delta_log/_last_checkpoint"))
    assert pointer["version"] == cloud.version


#: Store -> an operator's path, its connection, and the place and the options by which ``deltalake`` commits and tidies.
STORES: dict[str, tuple[str, dict[str, Any], str, dict[str, str]]] = {
    "gcs": (
        "gs://store@bucket/shop",
        {"conn_type": "google_cloud_platform", "extra": {"key_path": "/keys/x.json"}},
        "gs://bucket/shop/brands",
        {"GOOGLE_SERVICE_ACCOUNT": "/keys/x.json"},
    ),
    "azure": (
        "abfs://store@container/shop",
        {"conn_type": "wasb", "login": "account", "password": "hidden"},
        "az://container/shop/brands",
        {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "hidden"},
    ),
}


@pytest.mark.parametrize("store", STORES)
def test_a_run_reads_the_log_by_airflows_file_system_and_writes_it_by_the_connections_options(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    path, connection, uri, options = STORES[store]
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))
    cloud.commit(2)
    opened: list[tuple[str, dict[str, str] | None]] = []

    def in_store(uri: str, storage_options: dict[str, str] | None = None) -> deltalake.DeltaTable:
        """The store's own table: on the disk, where the cloud's log is written."""
        opened.append((uri, storage_options))
        return deltalake.DeltaTable(str(cloud.local))

    members = {name: getattr(deltalake, name) for name in ("exceptions", "CommitProperties", "Schema", "transaction")}
    monkeypatch.setattr(lake_table, "load_deltalake", lambda: SimpleNamespace(**members, DeltaTable=in_store))
    table = LakeTable(cloud.destination, "brands", LAYOUT, STORE, partial(table_storage, path, "brands"))

    stands = table.look()

    assert stands is not None
    assert (stands.version, len(stands.parts), opened) == (1, 2, [])
    assert table.vacuum() == 0
    assert opened == [(uri, options)]
    assert "hidden" not in table.uri
