"""A copy in files that can be damaged on purpose, and the task that holds it against its store."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.targets.files.commits import committed
from tests.transfers.conftest import Night, night  # noqa: F401  # night is a fixture, asked for by name

Row = dict[str, Any]
Change = Callable[[list[Row]], list[Row]]


@dataclass
class Archive:
    """A copy of one resource in files, of one format."""

    night: Night
    file_format: str
    runs: int = field(default=0)

    def make(self, resource: str = "orders", **arguments: Any) -> Row:
        """Copy the resource, an hour after the last thing that happened."""
        self.runs += 1
        return self.night.run(
            f"run {self.runs}", resource, after=timedelta(hours=1), **{"file_format": self.file_format, "exclude_fields": None, **arguments}
        )

    def damage(self, change: Change, resource: str = "orders", *, run: str | None = None) -> None:
        """Rewrite the first file of the oldest run, or of the oldest of a mode, behind the manifest's back."""
        runs = [manifest for manifest in committed(str(self.night.path), resource) if run in (None, manifest.mode)]
        rewrite(self.night.path / runs[-1].files[0].path, change)

    def reconcile(self, resource: str = "orders", *, context: Any = None, **arguments: Any) -> Row:
        operator = BigCommerceReconcileOperator(
            task_id="prove", resource=resource, **{"path": str(self.night.path), "seed": 1, "days": 3, "on_mismatch": "warn", **arguments}
        )
        return operator.execute(context or {})


def rewrite(path: Path, change: Change) -> None:
    """Change the rows of a data file, behind its manifest's back."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)
        return
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    text = b"".join(json.dumps(row).encode() + b"\n" for row in change([json.loads(line) for line in lines]))
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


@pytest.fixture
def archive(request: pytest.FixtureRequest, night: Night) -> Archive:  # noqa: F811  # the fixture
    """A copy in Parquet, or in the format that the test says."""
    return Archive(night, getattr(request, "param", "parquet"))


every_format = pytest.mark.parametrize("archive", ["parquet", "jsonl", "jsonl.gz"], indirect=True)

#: JSON Lines that are compressed differ by how they are opened, which a few tests prove; with ``-m exhaustive``, all do.
FORMATS = ["parquet", "jsonl", pytest.param("jsonl.gz", marks=pytest.mark.exhaustive)]
both_formats = pytest.mark.parametrize("archive", FORMATS, indirect=True)
