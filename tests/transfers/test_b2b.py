"""B2B Edition copied night after night: by change date, by comparison, with deletes, held against the store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.operators.reconcile import BigCommerceReconcileOperator
from airflow_provider_bigcommerce.sandbox.ways import Ways
from airflow_provider_bigcommerce.targets.files.read_copy import read_copy
from tests.transfers.conftest import Night

pytestmark = pytest.mark.bigcommerce_sandbox(customers=30, orders=30)


def prove(night: Night, resource: str) -> bool:
    proof = BigCommerceReconcileOperator(task_id="prove", resource=resource, path=str(night.path), sample=None, on_mismatch="warn")
    return bool(proof.execute({})["equal"])


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ("b2b_companies", "companyId"),
        ("b2b_users", "id"),
        ("b2b_addresses", "addressId"),
        ("b2b_quotes", "quoteId"),
        ("b2b_super_admins", "id"),
    ],
)
def test_only_what_changed_is_read_again(night: Night, resource: str, key: str) -> None:
    store = night.sandbox.store
    ids = [row[key] for row in store.rows(resource)]
    first = night.run("r1", resource)
    night.later(timedelta(hours=1))
    store.edit(resource, ids[1])
    night.later(timedelta(hours=1))
    store.requests.clear()
    second = night.run("r2", resource)

    assert (first["rows"], second["rows"]) == (len(ids), 1)
    lists = [request for request in store.requests if request.path.startswith("/api/v3/io/")]
    assert lists
    assert all("minModified=" in request.query for request in lists)
    assert prove(night, resource)


def test_orders_of_b2b_edition_follow_the_stores(night: Night) -> None:
    store = night.sandbox.store
    assert night.run("r1", "b2b_orders")["rows"] == 30
    night.later(timedelta(hours=1))
    made = store.add_order(customer_id=store.rows("customers")[0]["id"])
    store.edit("orders", store.rows("orders")[2]["id"], status_id=10, status="Completed")
    night.later(timedelta(minutes=1))

    assert night.run("r2", "b2b_orders")["rows"] == 2
    rows = [row for batch in read_copy(night.path, "b2b_orders") for row in batch.to_pylist()]
    assert {row["bcOrderId"]: row["companyId"] for row in rows}[made["id"]] == 1001
    assert len(rows) == 31
    assert prove(night, "b2b_orders")


@pytest.mark.parametrize(("resource", "key"), [("b2b_companies", "companyId"), ("b2b_invoices", "id"), ("b2b_shopping_lists", "id")])
def test_what_is_gone_is_marked(night: Night, resource: str, key: str) -> None:
    store = night.sandbox.store
    ids = [row[key] for row in store.rows(resource)]
    night.run("r1", resource, deletes="detect", max_deleted_percent=50)
    store.delete(resource, ids[0])
    result = night.run("r2", resource, deletes="detect", max_deleted_percent=50, after=timedelta(hours=1))

    assert result["deleted"] == 1
    rows = [row for batch in read_copy(night.path, resource) for row in batch.to_pylist()]
    assert sorted(row[key] for row in rows) == ids[1:]
    assert prove(night, resource)


@pytest.mark.parametrize(
    "resource",
    [
        "b2b_quote_details", "b2b_company_credit", "b2b_order_products", "b2b_company_hierarchy", "b2b_super_admin_companies",
        "b2b_shopping_lists", "abandoned_cart_email_settings",
    ],
)  # fmt: skip
def test_children_are_compared_and_proved(night: Night, resource: str) -> None:
    rows = night.run("r1", resource)["rows"]

    assert rows > 0
    assert night.run("r2", resource, after=timedelta(hours=1))["rows"] == 0
    assert CATALOG[resource].kind == "singleton" or prove(night, resource)


def test_seconds_become_times_and_text_that_is_a_companys_id_a_number(night: Night, tmp_path: Path) -> None:
    for resource in ("b2b_companies", "b2b_invoices"):
        night.run("r1", resource, file_format="parquet", mode="full")
    with duckdb.connect() as database:
        types = {
            f"{resource}.{name}": kind
            for resource in ("b2b_companies", "b2b_invoices")
            for name, kind, *_ in database.execute(f"DESCRIBE FROM '{night.path}/{resource}/run=*/*.parquet'").fetchall()
        }
        empty = database.execute(f"SELECT count(*) FROM '{night.path}/b2b_companies/run=*/*.parquet' WHERE updatedAt IS NULL").fetchall()

    assert types["b2b_companies.updatedAt"] == types["b2b_invoices.createdAt"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["b2b_companies.companyId"], types["b2b_invoices.customerId"]) == ("BIGINT", "BIGINT")
    assert empty == [(0,)]


@pytest.mark.parametrize("moves_its_date", [True, False])
def test_a_company_that_comes_some_seconds_after_its_order_is_in_the_next_run(night: Night, moves_its_date: bool) -> None:
    """Whether the order's own date moves with it, no source tells."""
    store = night.sandbox.store
    night.run("r1", "b2b_orders")
    night.later(timedelta(hours=1))
    made = store.add_order(customer_id=store.rows("customers")[0]["id"])["id"]
    store.ways = Ways(rows={CATALOG["b2b_orders"].path: lambda row: {**row, "companyId": None} if row["bcOrderId"] == made else row})
    night.run("r2", "b2b_orders", after=timedelta(seconds=2))
    assert companies(night)[made] is None

    store.ways = None
    night.later(timedelta(seconds=10))
    if moves_its_date:
        store.edit("orders", made)
    night.run("r3", "b2b_orders", after=timedelta(seconds=30))

    assert companies(night)[made] == 1001


def companies(night: Night) -> dict[int, int | None]:
    return {row["bcOrderId"]: row["companyId"] for batch in read_copy(night.path, "b2b_orders") for row in batch.to_pylist()}
