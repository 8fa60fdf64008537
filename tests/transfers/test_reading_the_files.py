"""What docs/how-it-reads.md tells a reader of the files to do, done."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.transfers.conftest import Night

PAGE = Path(__file__).parents[2] / "docs" / "how-it-reads.md"


def sql_blocks(path: Path) -> list[str]:
    """The page's queries of a copy in files."""
    blocks = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [block.replace("/data/bigcommerce", str(path)) for block in blocks if "/data/bigcommerce" in block]


def python_block(path: Path) -> str:
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return str(block.replace("/data/bigcommerce", str(path)))


def test_the_pages_queries_give_the_store_as_it_is(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    parquet: dict[str, Any] = {"file_format": "parquet"}
    night.run("r1", **parquet)
    night.run("b1", "brands", mode="full", **parquet)
    night.later(timedelta(hours=1))
    edited = night.sandbox.store.rows("orders")[0]["id"]
    night.sandbox.store.edit("orders", edited, staff_notes="edited")
    added = night.sandbox.store.add_order(lines=1)["id"]
    night.sandbox.store.delete("brands", night.sandbox.store.rows("brands")[0]["id"])
    night.sandbox.store.delete("orders", night.sandbox.store.rows("orders")[1]["id"])
    night.run("r2", after=timedelta(days=1), **parquet, deletes="detect")
    night.run("r3", after=timedelta(days=1), **parquet)  # nothing changed: a manifest without files
    night.run("b2", "brands", mode="full", **parquet, deletes="detect", max_deleted_percent=50)
    (night.path / "orders" / "run=killed").mkdir()
    (night.path / "orders" / "run=killed" / "part-00000.parquet").write_bytes(b"half a file")

    incremental, full = sql_blocks(night.path)
    duckdb_connection = duckdb.connect()
    duckdb_connection.execute(incremental)
    orders = dict(duckdb_connection.execute("SELECT id, staff_notes FROM orders").fetchall())
    duckdb_connection.execute(full)
    brands = [key for (key,) in duckdb_connection.execute("SELECT id FROM brands ORDER BY id").fetchall()]

    assert sorted(orders) == [row["id"] for row in night.sandbox.store.rows("orders")]
    assert orders[edited] == "edited"
    assert added in orders
    assert brands == [row["id"] for row in night.sandbox.store.rows("brands")]

    capsys.readouterr()
    exec(compile(python_block(night.path), str(PAGE), "exec"), {})
    *batches, last = capsys.readouterr().out.splitlines()
    assert sum(map(int, batches)) == len(orders)
    assert last == "0 2026-03-31T13:00:00Z []"
