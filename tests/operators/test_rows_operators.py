"""Stock, shipments and refunds as tasks: files or a query in, outcomes out; what Airflow repeats is not sent twice."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import AirflowFailException

from airflow_provider_bigcommerce.exceptions import BigCommerceError, DestinationError, InvalidQueryError, ResourceBusyError
from airflow_provider_bigcommerce.operators.refunds import BigCommerceRefundOperator
from airflow_provider_bigcommerce.operators.shipments import BigCommerceShipmentOperator
from airflow_provider_bigcommerce.operators.stock import BigCommerceStockOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.destination import Destination
from airflow_provider_bigcommerce.writing.claims import Lease
from airflow_provider_bigcommerce.writing.folder import open_outcomes
from tests.sandbox.inside import Inside

SKUS = ("SKU-0000103-1", "SKU-0000103-2")
ADDRESS = {"first_name": "Ada", "last_name": "Lovelace", "street_1": "x", "city": "Leeds", "zip": "LS1", "country": "United Kingdom"}


class Task:
    """A task instance, as far as an operator looks at it."""

    def __init__(self, try_number: int = 1) -> None:
        self.dag_id, self.run_id, self.task_id, self.map_index, self.try_number = "dag", "run", "task", -1, try_number
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    @property
    def context(self) -> Mapping[str, Any]:
        return {"ti": self}


def lines(uri: str, name: str) -> list[dict[str, Any]]:
    file = Path(uri.removeprefix("file://")).parent / name
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def csv(path: Path, *rows: str) -> str:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return str(path)


def writes(sandbox: Sandbox) -> int:
    return sum(request.method != "GET" for request in sandbox.store.requests)


def on_hand(sandbox: Sandbox) -> list[int | None]:
    return [sandbox.store.stock.onhand(variant, 1) for variant in (3, 4)]


def order_of(sandbox: Sandbox) -> tuple[int, int]:
    inside = Inside(sandbox.store)
    items = [{"name": "Wrap", "quantity": 3, "price_ex_tax": 10, "price_inc_tax": 12}]
    body = {"customer_id": 11, "billing_address": ADDRESS, "products": items, "status_id": 11, "payment_method": "Credit Card"}
    order = inside.post("/v2/orders", body).json["id"]
    return order, inside.get(f"/v2/orders/{order}/products").json[0]["id"]


def test_stock_of_csv_files_with_other_names_goes_into_the_store(connected: Sandbox, tmp_path: Path) -> None:
    csv(tmp_path / "a.csv", "item;place;pieces;note", f"{SKUS[0]};1;41;x", "nobody;1;3;y")
    csv(tmp_path / "b.csv", "item;place;pieces;note", f'{SKUS[1]};1;"42";z')
    operator = BigCommerceStockOperator(
        task_id="stock", path=f"{tmp_path}/*.csv", mapping={"item": "sku", "place": "location_id", "pieces": "quantity"},
        report_path=str(tmp_path / "reports"), on_rejected="warn",
    )  # fmt: skip

    told = operator.execute({})

    assert (told["rows"], told["counts"], on_hand(connected)) == (3, {"rejected": 1, "updated": 2}, [41, 42])
    with open_outcomes(told["manifest"]) as outcomes:
        assert [row.outcome for row in outcomes.rows()] == ["updated", "rejected", "updated"]
        assert (outcomes.manifest.operation, outcomes.manifest.settings["mode"]) == ("upsert", "absolute")
    [rejected] = lines(told["manifest"], "rejected.jsonl.gz")
    assert {name: rejected[name] for name in ("item", "note", "_row", "_outcome")} == {
        "item": "nobody", "note": "y", "_row": 1, "_outcome": "rejected",
    }  # fmt: skip
    assert lines(told["manifest"], "outcomes.jsonl.gz")[0]["seen"] == 41
    assert "nobody" not in json.dumps(told)


def test_a_file_of_rejected_rows_that_was_repaired_is_the_next_input(connected: Sandbox, tmp_path: Path) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,41", f"{SKUS[1]},1,4x")
    first = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"), on_rejected="warn").execute({})
    rows = [{**row, "quantity": "4"} for row in lines(first["manifest"], "rejected.jsonl.gz")]
    repaired = tmp_path / "repaired.jsonl"
    repaired.write_text("\n".join(map(json.dumps, rows)))

    second = BigCommerceStockOperator(task_id="a", path=str(repaired), report_path=str(tmp_path / "r")).execute({})

    assert (second["counts"], on_hand(connected)) == ({"updated": 1}, [41, 4])


def test_a_query_is_an_input_too_and_an_empty_one_is_no_error(connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "warehouse.db") as database:
        database.execute("CREATE TABLE stock (sku TEXT, location_id INTEGER, quantity INTEGER)")
        database.execute("INSERT INTO stock VALUES (?, 1, 1717)", [SKUS[0]])
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}))

    def run(where: str) -> dict[str, Any]:
        sql = f"SELECT sku, location_id, quantity FROM stock WHERE {where}"
        return BigCommerceStockOperator(task_id="a", conn_id="warehouse", sql=sql, report_path=str(tmp_path / "r")).execute({})

    assert (run("1")["counts"], run("0")["counts"]) == ({"updated": 1}, {})
    assert on_hand(connected)[0] == 1717


@pytest.mark.parametrize("on_rejected", ["fail", "stop"])
def test_rejected_rows_fail_the_task_without_a_retry_and_leave_a_report(connected: Sandbox, tmp_path: Path, on_rejected: Any) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,41", "nobody,1,4")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"), on_rejected=on_rejected)
    task = Task()

    with pytest.raises(AirflowFailException, match=r"(1 not_sent, )?1 rejected of 2 rows"):
        operator.execute(task.context)

    assert task.pushed["return_value"]["counts"]["rejected"] == 1
    assert (on_hand(connected)[0] == 41) == (on_rejected == "fail")


def test_an_unknown_row_fails_the_task_also_where_rejected_ones_do_not(connected: Sandbox, tmp_path: Path) -> None:
    connected.store.stock.delay = 3600
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,41")
    operator = BigCommerceStockOperator(
        task_id="a", path=path, report_path=str(tmp_path / "r"), on_rejected="warn", confirm_within=timedelta(0)
    )

    with pytest.raises(AirflowFailException, match="1 of 1 rows are unknown"):
        operator.execute(Task().context)


def test_a_cleared_task_sends_a_relative_quantity_no_second_time_and_keeps_both_reports(connected: Sandbox, tmp_path: Path) -> None:
    before = on_hand(connected)[0] or 0
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,5")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"), mode="relative")

    told = [operator.execute(Task(number).context) for number in (1, 1, 2)]

    assert (on_hand(connected)[0], writes(connected)) == (before + 5, 1)
    assert [each["counts"] for each in told] == [{"updated": 1}] * 3
    assert len({each["manifest"] for each in told}) == 3

    csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,7")
    with pytest.raises(AirflowFailException, match="1 rejected"):
        operator.execute(Task(3).context)
    assert on_hand(connected)[0] == before + 5


def test_a_run_that_ended_early_is_finished_by_its_retry(connected: Sandbox, tmp_path: Path) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,41")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"))
    connected.store.fail_next(1, "answer", method="PUT", status=403, body=b"{}")
    task = Task()

    with pytest.raises(AirflowFailException, match="store_inventory"):
        operator.execute(task.context)

    assert task.pushed["return_value"]["counts"] == {"not_sent": 1}
    assert operator.execute(Task(2).context)["counts"] == {"updated": 1}


def test_notes_that_are_broken_stop_the_run_before_anything_is_sent(connected: Sandbox, tmp_path: Path) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,5")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"), mode="relative")
    operator.execute(Task().context)
    [first, *_] = sorted((tmp_path / "r").rglob("sent/000001.json"))
    first.unlink()

    with pytest.raises(DestinationError, match="what this run has sent is not known"):
        operator.execute(Task(2).context)
    assert writes(connected) == 1


@pytest.mark.parametrize(("rows", "says"), [
    (("sku,location_id", "a,1"), "no column for 'quantity'"),
    (("sku,location_id,quantity", "a,1,2,3"), "line 2"),
], ids=["a column is missing", "a line is not whole"])  # fmt: skip
def test_an_input_that_cannot_be_read_sends_nothing(connected: Sandbox, tmp_path: Path, rows: tuple[str, ...], says: str) -> None:
    operator = BigCommerceStockOperator(task_id="a", path=csv(tmp_path / "in.csv", *rows), report_path=str(tmp_path / "r"))

    with pytest.raises((BigCommerceError, AirflowFailException), match=says):
        operator.execute({})
    assert connected.store.requests == []


@pytest.mark.parametrize("arguments", [
    {"path": "/x.csv", "conn_id": "w", "sql": "SELECT 1"}, {}, {"sql": "SELECT 1"}, {"path": "/x.csv", "mode": "half"},
    {"path": "/x.csv", "confirm_within": 300}, {"path": "/x.csv", "on_rejected": "skip"},
    {"path": "/x.csv", "mapping": {"a": "sku", "b": "sku"}},
], ids=lambda each: " ".join(each) or "none")  # fmt: skip
def test_arguments_that_cannot_work_show_where_the_dag_is_parsed(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError):
        BigCommerceStockOperator(task_id="a", report_path="/r", **arguments)


def test_what_a_run_set_is_taken_back_by_its_own_file_and_what_was_sold_stays_sold(connected: Sandbox, tmp_path: Path) -> None:
    before = on_hand(connected)
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,410", f"{SKUS[1]},1,420", "nobody,1,3")
    common = {"task_id": "a", "report_path": str(tmp_path / "r")}
    told = BigCommerceStockOperator(path=path, on_rejected="warn", **common).execute({})
    connected.store.stock.sell(3, 1, 4)

    back = str(Path(told["manifest"].removeprefix("file://")).parent / "take_back.jsonl.gz")
    assert BigCommerceStockOperator(path=back, mode="relative", **common).execute({})["counts"] == {"updated": 2}
    assert on_hand(connected) == [(before[0] or 0) - 4, before[1]]


def test_parcels_of_a_csv_file_become_shipments_once(connected: Sandbox, tmp_path: Path) -> None:
    (order, _), (other, line) = order_of(connected), order_of(connected)
    path = csv(
        tmp_path / "in.csv", "order_id,tracking_number,shipping_provider,order_product_id,quantity",
        f"{order},0042,ups,,", f"{other},0043,,{line},2",
    )  # fmt: skip
    operator = BigCommerceShipmentOperator(task_id="a", path=path, report_path=str(tmp_path / "r"))

    told = [operator.execute(Task(number).context)["counts"] for number in (1, 2)]

    assert told == [{"created": 2}, {"unchanged": 2}]
    shipments = [Inside(connected.store).get(f"/v2/orders/{each}/shipments").json for each in (order, other)]
    assert [(one["tracking_number"], one["items"][0]["quantity"]) for [one] in shipments] == [("0042", 3), ("0043", 2)]
    assert [mail.order_id for mail in connected.store.outbox if mail.what == "shipment created"] == [order, other]


def test_refunds_of_a_csv_file_are_made_once(connected: Sandbox, tmp_path: Path) -> None:
    order, line = order_of(connected)
    path = csv(tmp_path / "in.csv", "order_id,amount,order_product_id,quantity", f"{order},12.00,{line},1")
    operator = BigCommerceRefundOperator(task_id="a", path=path, report_path=str(tmp_path / "r"), refund_method="store_credit")

    told = [operator.execute(Task(number).context)["counts"] for number in (1, 2)]

    assert told == [{"created": 1}, {"unchanged": 1}]
    assert Inside(connected.store).get(f"/v2/orders/{order}").json["refunded_amount"] == "12.0000"


def test_a_second_task_that_writes_stock_waits_for_the_first(connected: Sandbox, tmp_path: Path) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,5")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"))
    other = Lease(Destination.at(str(tmp_path / "r")), connected.store_hash, "inventory_items", "another-run")
    other.take()

    with pytest.raises(ResourceBusyError):
        operator.execute({})
    assert connected.store.requests == []
    other.release()
    assert operator.execute({})["counts"] == {"updated": 1}


def test_a_task_that_is_told_to_stop_sends_nothing(connected: Sandbox, tmp_path: Path) -> None:
    path = csv(tmp_path / "in.csv", "sku,location_id,quantity", f"{SKUS[0]},1,5")
    operator = BigCommerceStockOperator(task_id="a", path=path, report_path=str(tmp_path / "r"))
    operator.on_kill()

    with pytest.raises(BigCommerceError, match="told to stop"):
        operator.execute({})
    assert writes(connected) == 0
