"""Every resource of the catalog into a lake's table: by one run and by two, it holds what the Parquet copy holds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.rows.schemas import OURS
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from tests.lake.conftest import Lake
from tests.transfers.test_every_resource import LISTS, NEEDED, Shop, connected, copy, shop  # noqa: F401  # fixtures, asked for by name


def canonical(rows: list[dict[str, Any]]) -> Counter[str]:
    kept = [{name: value for name, value in row.items() if name not in OURS and name != "_row_hash"} for row in rows]
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in kept)


@pytest.mark.parametrize("name", LISTS)
def test_a_table_holds_the_rows_of_the_parquet_copy(connected: Shop, tmp_path: Path, name: str) -> None:  # noqa: F811  # the fixture
    _, files = copy(tmp_path / "files", name, "parquet")
    expected = canonical([row for file in files for row in pq.ParquetFile(file).read().to_pylist()])
    arguments = {**NEEDED.get(name, {}), "include": [], "path": str(tmp_path / "shop")}
    found = []
    for mode in ("full", "incremental" if CATALOG[name].primary_key else "full"):
        BigCommerceToLakeOperator(task_id="copy", resource=name, mode=mode, **arguments).execute({})
        found.append(canonical(Lake(tmp_path / "shop", Sandbox).arrow(name).to_pylist()))

    assert found == [expected, expected]
