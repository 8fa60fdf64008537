"""B2B Edition in a sync of all, and the page that tells how to copy it, executed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.operators.sync import BigCommerceReadableResourcesOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from tests.conftest import PROJECT
from tests.sync.test_how_to import dags_of


def names() -> set[str]:
    return {each["resource"] for each in BigCommerceReadableResourcesOperator(task_id="readable").execute({})}


def test_all_has_it_where_the_store_does(connected: Sandbox) -> None:
    assert {"b2b_companies", "b2b_quotes", "b2b_invoices", "b2b_shopping_lists", "orders"} <= names()
    connected.store.has_b2b = False
    assert not {name for name in names() if name.startswith("b2b_")}
    assert "orders" in names()


def test_all_leaves_it_out_where_nobody_answers_there(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {**connected.connection["extra"], "b2b_host": "http://127.0.0.1:9", "max_attempts": 1}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({**connected.connection, "extra": extra}))

    found = names()

    assert not {name for name in found if name.startswith("b2b_")}
    assert "orders" in found


def blocks() -> list[str]:
    text = (PROJECT / "docs" / "how-to" / "copy-b2b.md").read_text()
    return [str(block) for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)]


def test_the_dag_of_the_page_copies_what_it_says(tmp_path: Path) -> None:
    from airflow.sdk import DAG

    code = re.sub(r"^(with DAG\((?:.|\n)*?\)):$", r"\1 as found:", blocks()[0], count=1, flags=re.M)
    made: dict[str, Any] = {}
    exec(compile(code, "copy-b2b.md", "exec"), made)

    assert isinstance(made["found"], DAG)
    copied = {task.task_id.removeprefix("bigcommerce_sync.") for task in made["found"].tasks} - {"summary", "compact"}
    assert copied == {"orders", "b2b_companies", "b2b_users", "b2b_orders", "b2b_quotes", "b2b_invoices"}
    assert dags_of("sync-a-whole-store.md")


@pytest.mark.bigcommerce_sandbox(orders=30, customers=20)
def test_the_duckdb_example_joins_companies_quotes_and_invoices_with_orders(
    connected: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for resource in ("orders", "b2b_companies", "b2b_orders", "b2b_quotes", "b2b_invoices"):
        BigCommerceToObjectStorageOperator(task_id=resource, resource=resource, path=str(tmp_path)).execute({})
    capsys.readouterr()

    made: dict[str, Any] = {}
    example = blocks()[1].replace("/data/bigcommerce", str(tmp_path)).replace("print(answer.fetchall())", "rows = answer.fetchall()")
    exec(compile(example, "copy-b2b.md", "exec"), made)

    store = connected.store
    placed = connected.listed("/api/v3/io/orders", {"minCreated": "1"})
    totals = {row["id"]: float(row["total_inc_tax"]) for row in store.rows("orders")}
    expected = []
    for company in store.rows("b2b_companies"):
        own = [totals[row["bcOrderId"]] for row in placed if row["companyId"] == company["companyId"]]
        quotes = [row for row in store.rows("b2b_quotes") if row["company"] == company["companyName"]]
        invoices = [row for row in store.rows("b2b_invoices") if row["customerId"] == str(company["companyId"])]
        owed = sum(float(row["openBalance"]["value"]) for row in invoices)
        expected.append(
            (company["companyName"], len(own) or None, len(quotes), sum(bool(row["bcOrderId"]) for row in quotes), owed, sum(own))
        )
    found = [
        (name, orders, quotes, ordered, float(owed or 0), float(total or 0)) for name, orders, total, quotes, ordered, owed in made["rows"]
    ]
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    assert [row[4:] for row in found] == [pytest.approx(row[4:]) for row in expected]
    assert sum(owed for *_, owed, _ in found) > 0
