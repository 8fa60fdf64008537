"""Where the month's copy lies: tables of a database, files in a directory, tables of a lake; each as its operator and readers see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from airflow_provider_bigcommerce.operators.compact import BigCommerceCompactOperator
from airflow_provider_bigcommerce.sandbox.running import Sandbox
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from airflow_provider_bigcommerce.transfers.transfer import BigCommerceTransferOperator
from tests.airflow_memory import START, Airflow
from tests.month.comparing import rows_of
from tests.sql.warehouse import CONN_ID, Warehouse

Kind = Literal["tables", "files", "lake"]


def operator_of(kind: Kind, where: str, task_id: str, arguments: Mapping[str, Any]) -> BigCommerceTransferOperator:
    """A task of the sync, in this process or in one that is to die.

    :param where: id of the connection to the database, or the directory.
    """
    if kind == "tables":
        return BigCommerceToSqlOperator(task_id=task_id, conn_id=where, **arguments)
    if kind == "lake":
        return BigCommerceToLakeOperator(task_id=task_id, path=where, nested="json", **arguments)
    # A file is not changed, so what is gone is marked there.
    deletes = {"deletes": "detect"} if "deletes" in arguments else {}
    return BigCommerceToObjectStorageOperator(task_id=task_id, path=where, file_format="jsonl", **{**arguments, **deletes})


@dataclass
class Place:
    """A copy, and the store that it is of, whose clock is the place's.

    :param where: see :func:`operator_of`.
    """

    kind: Kind
    where: str
    sandbox: Sandbox
    moment: datetime = START
    #: Whether rows that are gone stay, with a mark.
    keeps_gone: bool = False
    #: No run has fewer steps than this, so that one that is to die does.
    fewest_steps: int = 18

    def seconds(self) -> float:
        """The store's clock."""
        return self.moment.timestamp()

    def environment(self) -> dict[str, str]:
        """The environment variables that hold the connections."""
        return {"AIRFLOW_CONN_BIGCOMMERCE_DEFAULT": json.dumps(self.sandbox.connection)}

    def of_proof(self) -> dict[str, Any]:
        """The argument of the reconcile operator that says where the copy is."""
        raise NotImplementedError

    def rows(self, resource: str, key: str) -> dict[Any, dict[str, Any]]:
        """A resource's rows by their key."""
        raise NotImplementedError

    def count(self, resource: str) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def watermark(self, resource: str, airflow: Airflow) -> object:
        """How far its live sync has come."""
        raise NotImplementedError

    def compact(self) -> str | None:
        """What is done now and then beside the runs, and what it did; None where nothing is."""
        return None


@dataclass
class InTables(Place):
    """Tables of a database."""

    warehouse: Warehouse = field(kw_only=True)

    @classmethod
    def of(cls, warehouse: Warehouse) -> InTables:
        return cls("tables", CONN_ID, warehouse.sandbox, warehouse=warehouse)

    def environment(self) -> dict[str, str]:
        return self.warehouse.environment()

    def of_proof(self) -> dict[str, Any]:
        return {"conn_id": CONN_ID}

    def rows(self, resource: str, key: str) -> dict[Any, dict[str, Any]]:
        return rows_of(self.warehouse, resource, key)

    def count(self, resource: str) -> int:
        return int(self.warehouse.column(f'SELECT count(*) FROM "{resource}"')[0])

    def watermark(self, resource: str, airflow: Airflow) -> object:  # it is in the database
        return self.warehouse.column(f"SELECT max(watermark) FROM _bigcommerce_syncs WHERE table_name = '{resource}'")


@dataclass
class InFiles(Place):
    """Files in a directory, read as docs/how-it-reads.md says: by the highest snapshot, of each key the newest row."""

    keeps_gone: bool = True

    def of_proof(self) -> dict[str, Any]:
        return {"path": self.where}

    def rows(self, resource: str, key: str) -> dict[Any, dict[str, Any]]:
        found: dict[Any, dict[str, Any]] = {}
        for path in self._files(resource):
            newest: dict[Any, dict[str, Any]] = {}
            for line in path.read_text().splitlines():
                row = json.loads(line)
                newest[row[key]] = {"_extra": None, **row}
            found = {**newest, **found}
        return found

    def _files(self, resource: str) -> Iterator[Path]:
        folder = Path(self.where)
        snapshot = json.loads(max((folder / resource / "_snapshots").glob("*.json")).read_text())
        for run in snapshot["runs"]:
            for file in reversed(run["manifest"]["files"]):
                yield folder / file["path"]

    def count(self, resource: str) -> int:
        keys = {"categories": "category_id"}
        return len(self.rows(resource, keys.get(resource, "id")))

    def watermark(self, resource: str, airflow: Airflow) -> object:
        return {key: value["watermark"] for key, value in airflow.watermarks.items() if f"/{resource}/" in key}

    def compact(self) -> str | None:
        operator = BigCommerceCompactOperator(task_id="compact", path=self.where, keep=timedelta(0))
        done = operator.execute({})["resources"]
        runs, removed = (sum(each[name]["runs"] for each in done) for name in ("merged", "removed"))
        return f"{runs} runs of {len(done)} resources become few, {removed} that were replaced before go"


@dataclass
class InLake(Place):
    """Tables of a lake, whose runs fold small parts, sum up the log and tidy by themselves."""

    fewest_steps: int = 8  # deltalake's own calls are not seen

    def of_proof(self) -> dict[str, Any]:
        return {"lake": self.where}

    def parts(self, resource: str) -> list[Path]:
        """The files that are data."""
        from deltalake import DeltaTable

        return [Path(uri.removeprefix("file://")) for uri in DeltaTable(f"{self.where}/{resource}").file_uris()]

    def rows(self, resource: str, key: str) -> dict[Any, dict[str, Any]]:
        import pyarrow.parquet as pq

        rows = [row for part in self.parts(resource) for row in pq.ParquetFile(part).read().to_pylist()]
        found = {row[key]: {"_extra": None, **row} for row in rows}
        assert len(found) == len(rows), "a key stands twice in the table"
        return found

    def count(self, resource: str) -> int:
        import pyarrow.parquet as pq

        return sum(pq.ParquetFile(part).metadata.num_rows for part in self.parts(resource))

    def watermark(self, resource: str, airflow: Airflow) -> object:  # it is in the log
        from deltalake import DeltaTable

        from airflow_provider_bigcommerce.targets.lake.log_records import Names

        return DeltaTable(f"{self.where}/{resource}").transaction_version(Names.of(resource, {}, "").watermark)


#: Makes the place of a kind.
Make = Callable[[Kind], Place]
