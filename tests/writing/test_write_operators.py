"""The operators that write: apply, undo, and the transfers that plan and apply in one task."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.compat import comes_again
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, NotApprovedError, TooManyChangesError, WriteFailedError
from airflow_provider_bigcommerce.operators.apply import BigCommerceApplyOperator
from airflow_provider_bigcommerce.operators.plan import BigCommercePlanOperator
from airflow_provider_bigcommerce.operators.undo import BigCommerceUndoOperator
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.transfers.object_storage_to_bigcommerce import ObjectStorageToBigCommerceOperator
from airflow_provider_bigcommerce.transfers.sql_to_bigcommerce import SqlToBigCommerceOperator
from airflow_provider_bigcommerce.writing.claims import Lease

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def approval(chosen: str = "Approve") -> dict[str, Any]:
    """What the ApprovalOperator hands on."""
    at = datetime.now(UTC) + timedelta(seconds=5)
    return {"chosen_options": [chosen], "params_input": {}, "responded_at": at, "responded_by_user": {"id": "1", "name": "Ann"}}


def context(*, run: str = "run-1", number: int = 1, retries: int = 2) -> dict[str, Any]:
    """A task's context, as far as writing goes by it."""
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(
        dag_id="prices", run_id=run, task_id="apply", map_index=-1, try_number=number, max_tries=retries, pushed=pushed,
        xcom_push=lambda key, value: pushed.update({key: value}),
    )  # fmt: skip
    return {"ti": ti}


def prices(path: Path, rows: Mapping[str, object]) -> str:
    """A CSV file of SKUs and prices."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Artikel", "Preis", "note"])
        writer.writerows((sku, price, "as it came") for sku, price in rows.items())
    return str(path)


def planning(tmp_path: Path, source: str, **more: Any) -> Any:
    return {
        "task_id": "prices", "resource": "products", "operation": "update", "match_on": "sku", "path": source,
        "mapping": {"Artikel": "sku", "Preis": "price"}, "report_path": str(tmp_path / "reports"), **more,
    }  # fmt: skip


def lines(uri: str, name: str) -> list[dict[str, Any]]:
    path = Path(uri.removeprefix("file://")).parent / name
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.mark.bigcommerce_sandbox(products=6)
def test_a_plan_is_approved_applied_and_taken_back(tmp_path: Path, connected: Sandbox) -> None:
    before = {row["sku"]: row["price"] for row in connected.store.rows("products")}
    source = prices(tmp_path / "in.csv", dict.fromkeys(before, 9.75))
    plan = BigCommercePlanOperator(**planning(tmp_path, source)).execute({})

    applied = BigCommerceApplyOperator(task_id="apply", plan=plan, approval=approval(), verify="all").execute({})

    assert applied["counts"] == {"updated": 6}
    assert applied["approved_by"] == "Ann"
    assert {row["price"] for row in connected.store.rows("products")} == {9.75}

    undo = BigCommerceUndoOperator(task_id="undo", outcome=applied).execute({})
    BigCommerceApplyOperator(task_id="take_back", plan=undo, approval="none needed").execute({})

    assert {row["sku"]: row["price"] for row in connected.store.rows("products")} == before


@pytest.mark.bigcommerce_sandbox(products=3)
def test_a_rejected_plan_fails_without_a_retry_and_sends_nothing(tmp_path: Path, connected: Sandbox) -> None:
    source = prices(tmp_path / "in.csv", {row["sku"]: 9.75 for row in connected.store.rows("products")})
    plan = BigCommercePlanOperator(**planning(tmp_path, source)).execute({})
    sent = len(connected.store.requests)

    with pytest.raises(AirflowFailException, match="Reject") as raised:
        BigCommerceApplyOperator(task_id="apply", plan=plan, approval=approval("Reject")).execute(context())

    assert isinstance(raised.value.__cause__, NotApprovedError)
    assert len(connected.store.requests) == sent


@pytest.mark.bigcommerce_sandbox(products=2)
def test_a_task_waits_without_a_slot_while_another_one_writes(tmp_path: Path, connected: Sandbox) -> None:
    source = prices(tmp_path / "in.csv", {row["sku"]: 9.75 for row in connected.store.rows("products")})
    plan = BigCommercePlanOperator(**planning(tmp_path, source)).execute({})
    other = Lease(Destination.at(tmp_path / "reports"), connected.store_hash, "products", "other")
    other.take()
    apply = BigCommerceApplyOperator(task_id="apply", plan=plan, approval=approval())

    with pytest.raises(BaseException) as raised:  # noqa: PT011  # Airflow's own class differs between its versions
        apply.execute(context())
    assert comes_again(raised.value)
    other.release()

    assert apply.execute(context())["counts"] == {"updated": 2}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"plan": None, "approval": "none needed"}, "plan=None"),
        ({"plan": "/data/plan", "approval": None}, "approval=None"),
        ({"plan": "/data/plan", "approval": "none needed", "on_rejected": "ignore"}, "on_rejected"),
        ({"plan": "/data/plan", "approval": "none needed", "verify": -1}, "verify"),
        ({"plan": "/data/plan", "approval": "none needed", "max_age": 24}, "max_age"),
    ],
    ids=["no plan", "no approval", "on_rejected", "verify", "max_age"],
)
def test_arguments_that_cannot_work_show_where_the_dag_is_parsed(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidQueryError, match=text):
        BigCommerceApplyOperator(task_id="apply", **arguments)


@pytest.mark.bigcommerce_sandbox(products=5)
def test_files_are_written_in_one_task_and_rejected_rows_are_mended_and_fed_in_again(tmp_path: Path, connected: Sandbox) -> None:
    products = list(connected.store.rows("products"))
    wanted: dict[str, object] = {row["sku"]: 4.5 for row in products}
    wanted[products[1]["sku"]] = "cheap"
    task = ObjectStorageToBigCommerceOperator(**planning(tmp_path, prices(tmp_path / "in.csv", wanted)))
    first = context()

    with pytest.raises(AirflowFailException, match="1 rejected") as raised:
        task.execute(first)
    assert isinstance(raised.value.__cause__, WriteFailedError)
    told = first["ti"].pushed["outcome"]
    assert told["counts"] == {"rejected": 1, "updated": 4}

    (rejected,) = lines(told["manifest"], "rejected.jsonl.gz")
    assert (rejected["Artikel"], rejected["Preis"], rejected["note"], rejected["_row"]) == (products[1]["sku"], "cheap", "as it came", 1)
    again = tmp_path / "again.jsonl"
    again.write_text(json.dumps({**rejected, "Preis": 4.5}))
    mended = ObjectStorageToBigCommerceOperator(**planning(tmp_path, str(again))).execute(context(run="run-2"))

    assert mended["counts"] == {"updated": 1}
    assert {row["price"] for row in connected.store.rows("products")} == {4.5}


@pytest.mark.bigcommerce_sandbox(products=4)
def test_a_query_is_written_and_a_cleared_task_sends_only_what_is_still_to_be_done(
    tmp_path: Path, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "erp.db"
    with sqlite3.connect(database) as erp:
        erp.execute("CREATE TABLE prices (sku TEXT, price REAL)")
        erp.executemany("INSERT INTO prices VALUES (?, ?)", [(row["sku"], 3.5) for row in connected.store.rows("products")])
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    values = planning(tmp_path, "", conn_id="erp", sql="SELECT sku, price FROM prices", mapping=None)
    values.pop("path")
    task = SqlToBigCommerceOperator(**values)

    first = task.execute(context())
    with sqlite3.connect(database) as erp:
        erp.execute("UPDATE prices SET price = 3.75 WHERE rowid = 1")
    second = task.execute(context(number=2))

    assert (first["counts"], second["counts"]) == ({"updated": 4}, {"unchanged": 3, "updated": 1})
    assert first["manifest"] != second["manifest"], "no attempt's folder is replaced"


@pytest.mark.bigcommerce_sandbox(products=4)
def test_a_guard_fails_the_task_before_anything_is_sent(tmp_path: Path, connected: Sandbox) -> None:
    source = prices(tmp_path / "in.csv", {row["sku"]: row["price"] * 2 + 1 for row in connected.store.rows("products")})

    with pytest.raises(AirflowFailException) as raised:
        ObjectStorageToBigCommerceOperator(**planning(tmp_path, source, max_value_change_percent={"price": 30})).execute(context())

    assert isinstance(raised.value.__cause__, TooManyChangesError)
    assert {request.method for request in connected.store.requests} == {"GET"}


@pytest.mark.bigcommerce_sandbox(customers=3)
def test_a_password_is_sent_and_written_nowhere(
    tmp_path: Path, connected: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "customers.jsonl"
    secret = "Zx9-wxyz-not-anywhere"
    customers = list(connected.store.rows("customers"))
    rows = [{"email": row["email"], "authentication": {"new_password": secret}} for row in customers[:2]]
    rows.append({"email": "", "authentication": {"new_password": secret}})
    source.write_text("\n".join(map(json.dumps, rows)))
    bodies: list[bytes | None] = []
    send = Sender.send

    async def listening(self: Sender, request: Request, *values: Any, **more: Any) -> Any:
        bodies.append(request.body)
        return await send(self, request, *values, **more)

    monkeypatch.setattr(Sender, "send", listening)
    reports = tmp_path / "reports"
    task = ObjectStorageToBigCommerceOperator(
        task_id="passwords", resource="customers", operation="update", match_on="email", path=str(source), report_path=str(reports)
    )
    first = context()
    with pytest.raises(AirflowFailException, match="1 rejected"):
        task.execute(first)

    assert first["ti"].pushed["outcome"]["counts"] == {"rejected": 1, "updated": 2}
    written = [path.read_bytes() for path in reports.rglob("*") if path.is_file()]
    texts = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in written]
    assert len(texts) > 5
    assert not [text for text in texts if secret.encode() in text]
    assert secret not in caplog.text
    assert secret.encode() not in pickle.dumps(first["ti"].pushed)
    assert secret.encode() in b"".join(body or b"" for body in bodies)


@pytest.mark.bigcommerce_sandbox(orders=6)
def test_shipments_are_not_sent_again_by_the_same_run(tmp_path: Path, connected: Sandbox) -> None:
    store = connected.store
    rows = []
    for order in store.rows("orders"):
        line = next(line for line in store.nested["order_products"].get(order["id"]))
        if line["quantity"] <= line["quantity_shipped"]:
            continue
        address = store.nested["order_shipping_addresses"].get(order["id"])[0]["id"]
        items = [{"order_product_id": line["id"], "quantity": 1}]
        rows.append({"order_id": order["id"], "order_address_id": address, "tracking_number": f"T{order['id']}", "items": items})
    source = tmp_path / "shipments.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    task = ObjectStorageToBigCommerceOperator(
        task_id="ship", resource="order_shipments", operation="create", path=str(source), report_path=str(tmp_path / "reports")
    )

    first = task.execute(context())
    again = task.execute(context(number=2))

    assert first["counts"] == {"created": len(rows)}
    assert again["manifest"] == first["manifest"]
    assert len([mail for mail in store.outbox if mail.what == "shipment created"]) == len(rows)
