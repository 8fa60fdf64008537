"""A table of a lakehouse in a directory, and a task that fills it night after night."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.lake.table_schema import conformed
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from tests.airflow_memory import START, Airflow


@dataclass
class Lake:
    """One directory of tables, the task that fills them, the store and its clock."""

    path: Path
    sandbox: Sandbox
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START

    def operator(self, resource: str = "orders", **arguments: Any) -> BigCommerceToLakeOperator:
        return BigCommerceToLakeOperator(task_id=resource, resource=resource, **{"path": str(self.path), **arguments})

    def run(
        self, resource: str = "orders", run_id: str | None = None, *, after: timedelta = timedelta(0), try_number: int = 1, **arguments: Any
    ) -> dict[str, Any]:
        """Run the task in a DAG run of its own, or in the one that is named."""
        self.moment += after
        context = self.airflow.context(run_id, resource, try_number=try_number) if run_id else {}
        return self.operator(resource, **arguments).execute(context)

    def seconds(self) -> float:
        """The store's clock."""
        return self.moment.timestamp()

    # -- what a reader sees; deltalake's to_pyarrow_table may end the interpreter at its exit (1.6.6 with pyarrow 26)

    def table(self, resource: str = "orders") -> DeltaTable:
        return DeltaTable(str(self.path / resource))

    def arrow(self, resource: str = "orders") -> pa.Table:
        """All rows of the table, by the files that the log names."""
        table = self.table(resource)
        schema = pa.schema(table.schema().to_arrow())
        files = [pq.ParquetFile(uri.removeprefix("file://")).read() for uri in table.file_uris()]
        return pa.concat_tables([schema.empty_table(), *(conformed(file, schema) for file in files)])

    def rows(self, resource: str = "orders", key: str = "id") -> dict[Any, dict[str, Any]]:
        """The rows by key, each key once."""
        found = self.arrow(resource).to_pylist()
        by_key = {row[key]: row for row in found}
        assert len(by_key) == len(found), "a key stands twice in the table"
        return by_key

    def parts(self, resource: str = "orders") -> list[Path]:
        """The data files that are data."""
        return sorted(Path(uri.removeprefix("file://")) for uri in self.table(resource).file_uris())

    def files(self, resource: str = "orders") -> list[Path]:
        """Every Parquet file in the directory, data or not."""
        return sorted((self.path / resource).glob("*.parquet"))

    def commit(self, version: int, resource: str = "orders") -> list[dict[str, Any]]:
        """The actions of a commit."""
        log = self.path / resource / "_delta_log" / f"{version:020d}.json"
        return [json.loads(line) for line in log.read_text().splitlines()]

    def transactions(self, version: int, resource: str = "orders") -> Mapping[str, int]:
        """Name and number of what a commit notes."""
        return {action["txn"]["appId"]: action["txn"]["version"] for action in self.commit(version, resource) if "txn" in action}


@pytest.fixture
def lake(bigcommerce_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty directory, and a store whose clock stands still unless told."""
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    lake = Lake(tmp_path / "shop", bigcommerce_sandbox)
    bigcommerce_sandbox.store.clock = lake.seconds
    return lake
