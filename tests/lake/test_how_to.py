"""The how-to page and the example DAG, executed."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.sdk import DAG

from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.sync import Lake as ToLake
from airflow_provider_bigcommerce.sync import bigcommerce_sync
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from tests.conftest import PROJECT
from tests.lake.conftest import Lake

HOUR = timedelta(hours=1)


def blocks(language: str) -> list[str]:
    text = (PROJECT / "docs" / "how-to" / "keep-lakehouse-tables.md").read_text()
    return [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)]


def test_duckdb_reads_the_table_as_the_page_says(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    store = lake.sandbox.store
    lake.run("orders", mode="incremental", deletes="detect")
    lake.moment += HOUR
    store.add_order()
    store.edit("orders", store.rows("orders")[0]["id"], is_deleted=True)
    lake.run("orders", mode="incremental", deletes="detect")
    capsys.readouterr()

    exec(compile(blocks("python")[1].replace("/data/shop", str(lake.path)), "page", "exec"), {})

    alive = [row for row in store.rows("orders") if not row["is_deleted"]]
    total = sum(round(float(row["total_inc_tax"]) * 10_000) for row in alive)
    printed = capsys.readouterr().out
    assert printed.startswith(f"[({len(alive)}, Decimal('")
    assert round(float(re.findall(r"Decimal\('(.*?)'\)", printed)[0]) * 10_000) == total


def test_every_reader_of_parquet_that_takes_the_logs_files_sees_one_row_a_key(lake: Lake) -> None:
    lake.run("products", mode="incremental")
    lake.moment += HOUR
    lake.sandbox.store.edit("products", lake.sandbox.store.rows("products")[0]["id"], name="edited")
    lake.run("products", mode="incremental")

    with duckdb.connect() as database:
        rows = database.read_parquet([str(part) for part in lake.parts("products")], union_by_name=True)
        found = rows.project("id, name").order("id").fetchall()
    assert found == sorted((row["id"], row["name"]) for row in lake.sandbox.store.rows("products"))


def test_the_copy_as_of_an_earlier_version(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.run("orders", mode="incremental")
    lake.moment += HOUR
    before = lake.rows()
    lake.sandbox.store.add_order()
    lake.run("orders", mode="incremental")
    capsys.readouterr()

    exec(compile(blocks("python")[2].replace("/data/shop", str(lake.path)), "page", "exec"), {})

    printed = capsys.readouterr().out
    assert re.search(r"^1 incremental \{.*\} 1 0$", printed, re.M)
    assert "The table is younger than that" in printed or "0 1 files" in printed
    lake.table().load_as_version(0)
    assert len(lake.rows()) == len(before) + 1


@pytest.mark.parametrize("is_by_date", [False, True], ids=["by version", "by date"])
def test_a_table_that_was_put_back_is_filled_again_from_where_its_rows_end(lake: Lake, is_by_date: bool) -> None:
    """The log's numbers do not go back with the rows; going on from them would leave a gap that nobody is told of."""
    lake.run("orders", mode="incremental")
    before = lake.rows()
    time.sleep(0.02)  # the times in the log are the machine's, in milliseconds: before and after must differ
    first = datetime.now(UTC)
    time.sleep(0.02)
    lake.moment += HOUR
    lake.sandbox.store.add_order()
    lake.run("orders", mode="incremental")
    lake.table().restore(first.isoformat() if is_by_date else 0)
    assert lake.rows() == before

    again = lake.run("orders", mode="incremental", after=HOUR)
    after = lake.run("orders", mode="incremental", after=HOUR)

    assert again["window"]["since"] == "2026-03-29T11:55:00Z"
    assert after["window"]["since"] == "2026-03-29T13:55:00Z"
    assert len(lake.rows()) == lake.sandbox.store.count("orders")


def test_a_table_that_was_put_back_to_a_version_which_is_gone_is_read_from_the_beginning(lake: Lake) -> None:
    for _ in range(12):
        lake.run("orders", mode="incremental", after=HOUR)
    lake.table().restore(3)
    for version in range(10):
        (lake.path / "orders" / "_delta_log" / f"{version:020d}.json").unlink()

    assert lake.run("orders", mode="incremental", after=HOUR)["window"]["since"] is None


def test_the_dag_of_the_page_is_one() -> None:
    names: dict[str, Any] = {}

    exec(compile(blocks("python")[0], "page", "exec"), names)

    assert names["BigCommerceToLakeOperator"] is BigCommerceToLakeOperator


def test_a_whole_store_goes_into_tables_by_the_example_dag(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGCOMMERCE_LAKE_PATH", str(lake.path))
    names: dict[str, Any] = {}
    code = (PROJECT / "dags" / "bigcommerce_lakehouse.py").read_text().replace("\n):\n", "\n) as dag:\n")
    exec(compile(code, "dag", "exec"), names)
    copies = [task for task in names["dag"].tasks if isinstance(task, BigCommerceToLakeOperator)]

    for task in copies:
        task.execute({})

    assert {task.resource for task in copies} == set(names["RESOURCES"])
    for resource in names["RESOURCES"]:
        key = "category_id" if resource == "categories" else "id"
        assert len(lake.rows(resource, key)) == lake.sandbox.store.count("categories" if resource == "categories" else resource)


def test_a_sync_hands_its_arguments_to_each_task() -> None:
    with DAG("shop", schedule=None):
        group = bigcommerce_sync(
            ["orders", "brands"], to=ToLake("s3://aws_default@bucket/shop", nested="json", keep=HOUR), deletes="detect"
        )
    tasks = [task for task in group.iter_tasks() if isinstance(task, BigCommerceToLakeOperator)]

    assert {(task.path, task.nested, task.keep, task.mode, task.deletes) for task in tasks} == {
        ("s3://aws_default@bucket/shop", "json", HOUR, "incremental", "detect")
    }


def test_a_sync_of_a_resource_without_a_key_is_refused_where_the_dag_is_parsed() -> None:
    with DAG("shop", schedule=None), pytest.raises(InvalidQueryError, match="has no key"):
        bigcommerce_sync(["cart_settings"], to=ToLake(str(Path("/data/shop"))))
