"""Copies on an S3 API: the server on loopback, Airflow's own connection to it, and what stands in its bucket."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from deltalake import DeltaTable

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.lake.storage import table_storage
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.airflow_memory import START, Airflow
from tests.conftest import missing_tool
from tests.s3.server import BUCKET, KEY_ID, S3, running_s3

SECRET = "not-a-real-secret"


@dataclass
class Bucket:
    """A bucket, the tasks that copy into it, the store and its clock."""

    s3: S3
    sandbox: Sandbox
    path: str = f"s3://object_store@{BUCKET}/shop"
    airflow: Airflow = field(default_factory=Airflow)
    moment: datetime = START

    def seconds(self) -> float:
        """The store's clock."""
        return self.moment.timestamp()

    def lake(self, run_id: str | None = None, resource: str = "products", *, after: float = 1, **arguments: Any) -> dict[str, Any]:
        """An incremental run into the table, some hours after the last."""
        self.moment += timedelta(hours=after)
        context = self.airflow.context(run_id, resource) if run_id else {}
        return BigCommerceToLakeOperator(
            task_id=resource, resource=resource, path=self.path, **{"mode": "incremental", **arguments}
        ).execute(context)

    def files(self, run_id: str, resource: str = "orders", *, after: float = 1, **arguments: Any) -> dict[str, Any]:
        """An incremental run into files, likewise."""
        self.moment += timedelta(hours=after)
        return BigCommerceToObjectStorageOperator(
            task_id=resource, resource=resource, path=self.path, **{"mode": "incremental", "file_format": "jsonl", **arguments}
        ).execute(self.airflow.context(run_id, resource))

    def table(self, resource: str = "products") -> DeltaTable:
        """The table as a reader opens it."""
        storage = table_storage(self.path, resource)
        return DeltaTable(storage.uri, storage_options=dict(storage.options))

    def rows(self, resource: str = "products") -> dict[Any, dict[str, Any]]:
        """The rows by key, each key once, from the objects that the log names."""
        import io

        import pyarrow.parquet

        prefix = f"s3://{BUCKET}/"
        parts = [self.s3.objects[uri.removeprefix(prefix)].data for uri in self.table(resource).file_uris()]
        found = [row for data in parts for row in pyarrow.parquet.ParquetFile(io.BytesIO(data)).read().to_pylist()]
        by_key = {row["id"]: row for row in found}
        assert len(by_key) == len(found), "a key stands twice in the table"
        return by_key

    def equals_store(self) -> bool:
        """Whether the table's products are the store's."""
        names = {row["id"]: row["name"] for row in self.sandbox.store.rows("products")}
        return {key: row["name"] for key, row in self.rows().items() if row["_deleted_at"] is None} == names

    def change(self, number: int = 0) -> None:
        """What happens in the store between two runs: a row is changed and one is new."""
        store = self.sandbox.store
        store.edit("products", store.rows("products")[0]["id"], name=f"edited {number} at {self.moment}")
        store.add("products", name=f"new {number} at {self.moment}")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[S3]:
    """The S3 API, for all tests."""
    if importlib.util.find_spec("s3fs") is None or importlib.util.find_spec("airflow.providers.amazon") is None:
        how = "make test-object-store makes an environment that has it"
        if "s3" in str(request.config.getoption("-m")):
            missing_tool("Airflow's file system of S3 (apache-airflow-providers-amazon[s3fs])", how)
        pytest.skip(f"Airflow's file system of S3 is missing: {how}")
    with running_s3() as s3:
        yield s3


@pytest.fixture
def bucket(server: S3, bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, the connection ``object_store`` to it, and a store whose clock stands still unless told."""
    import s3fs
    from airflow.sdk.io import store as stores

    connection = {
        "conn_type": "aws",
        "login": KEY_ID,
        "password": SECRET,
        "extra": {"endpoint_url": server.url, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_OBJECT_STORE", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps(bigcommerce_sandbox.connection))
    # What the machine says of AWS is not ours.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Both remember opened stores, and with them what they have listed.
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(stores, "_STORE_CACHE", {})
    server.forget()
    bucket = Bucket(server, bigcommerce_sandbox)
    bigcommerce_sandbox.store.clock = bucket.seconds
    yield bucket
    server.forget()
