"""The operator that plans: its arguments, its XCom, its summary."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_bigcommerce.exceptions import BigCommerceError, InvalidQueryError, TooManyChangesError, UnknownResourceError
from airflow_provider_bigcommerce.operators.plan import BigCommercePlanOperator
from airflow_provider_bigcommerce.writing.folder import open_plan
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow
from airflow_provider_bigcommerce.writing.summary import MOST_BYTES, Seen, summary

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def operator(tmp_path: Path, **arguments: Any) -> BigCommercePlanOperator:
    given = {
        "resource": "products", "operation": "update", "match_on": "sku", "path": str(tmp_path / "in.csv"),
        "report_path": str(tmp_path / "reports"), **arguments,
    }  # fmt: skip
    return BigCommercePlanOperator(task_id="plan", **given)


@pytest.mark.bigcommerce_sandbox(products=30)
def test_a_plan_of_a_file_is_told_in_xcom(connected: Sandbox, tmp_path: Path) -> None:
    products = list(connected.store.rows("products"))
    lines = ["sku,price,name", *(f'{row["sku"]},77.125,"A | `b`"' for row in products), "NOBODY,1,x"]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")

    told = operator(tmp_path, show_values=["price"]).execute({})

    assert told["counts"] == {"input": 31, "rejected": 1, "update": 30}
    assert told["rows"] == 30
    with open_plan(told["manifest"]) as plan:
        assert plan.manifest.digest == told["digest"]
        assert [row.id for row in plan.rows()] == [row["id"] for row in products]
    assert json.dumps(told)
    text = told["summary"]
    assert "30 of 31 rows would be sent (1 rejected, 30 update)" in text
    assert f"Plan {told['digest'][:12]}" in text
    assert "→ 77.125 |" in text
    assert "... and 10 more rows." in text
    assert "A | `b`" not in text
    assert "b`" not in text, "a value that nobody named is not shown"
    assert {request.method for request in connected.store.requests} == {"GET"}


@pytest.mark.bigcommerce_sandbox(products=5)
def test_a_plan_of_a_query(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "erp.db")}))
    with sqlite3.connect(tmp_path / "erp.db") as database:
        database.execute("CREATE TABLE prices (article TEXT, price NUMERIC, other TEXT)")
        database.executemany("INSERT INTO prices VALUES (?, ?, 'x')", [(row["sku"], 3.5) for row in connected.store.rows("products")])
    database.close()

    told = operator(
        tmp_path, path=None, conn_id="erp", sql="SELECT article, price, other FROM prices", mapping={"article": "sku", "price": "price"}
    ).execute({})

    assert told["counts"] == {"input": 5, "update": 5}
    with open_plan(told["manifest"]) as plan:
        assert plan.manifest.source.keys() == {"conn_id", "sql_sha256"}


@pytest.mark.bigcommerce_sandbox(products=1)
@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT nothing FROM nowhere", "The query of conn_id='erp' failed: OperationalError"),
        ("SELECT 1 AS sku, 2 AS sku", "two columns of the name 'sku'"),
        ("CREATE TABLE t (a INT)", "it is no query"),
        ("SELECT 'A' AS article, 1 AS price", "mapping names the column 'art', which the input does not have. Did you mean 'article'?"),
    ],
    ids=["refused", "double", "no-query", "no-column"],
)
def test_a_query_that_cannot_be_an_input(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "erp.db")}))
    mapping = {"art": "sku", "price": "price"} if "article" in sql else None
    with pytest.raises((BigCommerceError, AirflowFailException)) as raised:
        operator(tmp_path, path=None, conn_id="erp", sql=sql, mapping=mapping).execute({})
    assert text in str(raised.value)
    assert connected.store.requests == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"operation": "replace"}, "operation='replace' is unknown"),
        ({"match_on": "colour"}, "match_on='colour' finds no rows of 'products'"),
        ({"resource": "store_information"}, "cannot be updated"),
        ({"mapping": {"a": "price", "b": "price"}}, "mapping takes the columns 'a' and 'b' to one field, 'price'"),
        ({"mapping": {"a": "custom_url", "b": "custom_url.url"}}, "to one field, 'custom_url'"),
        ({"lookup": {"brand_id": "brands"}}, "lookup has 'brand_id': 'brands'"),
        ({"lookup": {"brand_id": "brands.colour"}}, "finds no rows of 'brands'"),
        ({"path": None}, "Give path= of files"),
        ({"conn_id": "erp", "sql": "SELECT 1"}, "Give path= of files"),
        ({"path": None, "conn_id": "erp"}, "go together"),
        ({"nulls": "clear"}, "nulls='clear' is unknown"),
        ({"unchanged": True}, "unchanged=True is unknown"),
        ({"max_changes": -1}, "max_changes=-1"),
        ({"max_changed_percent": 101}, "max_changed_percent=101"),
        ({"max_value_change_percent": {"price": "30"}}, "max_value_change_percent is dict"),
        ({"resource": "customers", "operation": "create", "match_on": None, "mapping": {"pw": "authentication.new_password"}}, "is secret"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_arguments_that_cannot_work_show_where_the_dag_is_parsed(tmp_path: Path, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidQueryError) as raised:
        operator(tmp_path, **arguments)
    assert text in str(raised.value)


def test_an_unknown_resource_is_told_with_its_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownResourceError, match="Did you mean"):
        operator(tmp_path, resource="prodcuts")


def test_a_guard_that_is_exceeded_fails_the_task_for_good(tmp_path: Path, connected: Sandbox) -> None:
    sku = connected.store.rows("products")[0]["sku"]
    (tmp_path / "in.csv").write_text(f"sku,price\n{sku},1.5\n")

    with pytest.raises(AirflowFailException, match="max_changes=0") as raised:  # a retry would find the same
        operator(tmp_path, path=str(tmp_path / "in.csv"), max_changes=0).execute({})

    assert isinstance(raised.value.__cause__, TooManyChangesError)


def test_templates_are_checked_when_they_are_known(tmp_path: Path) -> None:
    made = operator(tmp_path, resource="{{ params.resource }}", mapping={"a": "{{ params.field }}"})
    made.resource, made.mapping = "products", {"a": ""}
    with pytest.raises(InvalidQueryError):
        made.execute({})


def test_a_summary_stays_short_and_a_cell_is_a_cell() -> None:
    seen = Seen()
    ugly = "| x `y` **z** [a](b) <b> \n @all"
    for place in range(300):
        seen(
            PlanRow(
                row=place,
                key=[ugly * 9],
                id=place,
                operation="update",
                fields=["price"],
                old={"price": ugly},
                new={"price": "z" * 999},
                body={},
            )
        )
        seen(OutcomeRow(row=1000 + place, key=["k"], id=None, outcome="rejected", error="bad | " * 500))
    manifest = PlanManifest(
        plan_id="p", resource="products", store_hash="abc", operation="update", match_on=["sku"], created_at="2026-01-01T00:00:00Z",
        provider_version="1", rows=300, counts={"input": 600, "rejected": 300, "update": 300}, digest="d" * 64, files=[],
    )  # fmt: skip

    text = summary(manifest, seen, ["price"])

    assert len(text.encode()) <= MOST_BYTES
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert 20 <= len(rows) <= 2 + 20 + 2 + 5
    assert all(line.replace("\\|", "").count("|") in (5, 6) for line in rows), "no value ends a cell"
    assert "`y`" not in text
    assert "<b>" not in text
