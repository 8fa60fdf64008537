"""The how-to pages, executed."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT
from tests.sql.warehouse import Warehouse
from tests.transfers.conftest import Night


def blocks(page: str, language: str) -> list[str]:
    text = (PROJECT / "docs" / "how-to" / page).read_text()
    return [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)]


def test_the_duckdb_example_keeps_a_table_equal_to_the_store(night: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = blocks("load-a-warehouse.md", "python")
    example = example.replace("/data/bigcommerce", str(night.path)).replace("/data/warehouse.duckdb", str(tmp_path / "warehouse.duckdb"))
    store = night.sandbox.store

    for number in range(3):
        night.run(f"r{number}", file_format="parquet")
        exec(compile(example, "load-a-warehouse.md", "exec"), {})
        night.later(timedelta(hours=1))
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as database:
            found = database.execute("SELECT id, staff_notes FROM orders ORDER BY id").fetchall()
        assert found == [(row["id"], row["staff_notes"]) for row in store.rows("orders")]
        store.edit("orders", store.rows("orders")[number]["id"], staff_notes=f"edited {number}")
        store.add_order(lines=1)
    exec(compile(example, "load-a-warehouse.md", "exec"), {})

    assert capsys.readouterr().out.splitlines()[-1] == f"({store.count('orders') - 1},)"


def test_the_queries_of_the_database_page_run(warehouse: Warehouse) -> None:
    warehouse.run("orders", mode="incremental", nested="tables")

    for block in blocks("load-into-a-database.md", "sql"):
        for statement in block.split(";"):
            if statement.strip():
                warehouse.do(statement)
    assert warehouse.run("orders", mode="incremental", nested="tables")["window"]["since"] == "2025-12-31T23:55:00Z"


def test_the_dag_of_the_database_page_is_one() -> None:
    [example] = blocks("load-into-a-database.md", "python")
    names: dict[str, object] = {}

    exec(compile(example, "load-into-a-database.md", "exec"), names)

    assert names["BigCommerceToSqlOperator"]
