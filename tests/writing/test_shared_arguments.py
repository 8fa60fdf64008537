"""Which of the shared arguments each operator that writes takes; the others are refused with a sentence where the DAG is parsed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import AirflowFailException

from airflow_provider_bigcommerce.client.sending import Sender
from airflow_provider_bigcommerce.compat import comes_again
from airflow_provider_bigcommerce.core.messages import Request
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, LongWaitError
from airflow_provider_bigcommerce.operators.apply import BigCommerceApplyOperator
from airflow_provider_bigcommerce.operators.plan import BigCommercePlanOperator
from airflow_provider_bigcommerce.operators.refunds import BigCommerceRefundOperator
from airflow_provider_bigcommerce.operators.shipments import BigCommerceShipmentOperator
from airflow_provider_bigcommerce.operators.stock import BigCommerceStockOperator
from airflow_provider_bigcommerce.operators.undo import BigCommerceUndoOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.object_storage_to_bigcommerce import ObjectStorageToBigCommerceOperator
from airflow_provider_bigcommerce.transfers.sql_to_bigcommerce import SqlToBigCommerceOperator
from airflow_provider_bigcommerce.writing.kept import Kept, KeptByKey
from tests.operators.test_rows_operators import Task, csv, on_hand, order_of, writes

#: Section 2 of the issue, each with a value that could work.
SHARED: Mapping[str, Any] = {
    "resource": "products", "operation": "update", "match_on": ["sku"], "mapping": {"a": "sku"}, "lookup": {"brand_id": "brands.name"},
    "nulls": "skip", "unchanged": "skip", "on_rejected": "stop", "on_conflict": "keep", "max_changes": 9, "max_changed_percent": 50,
    "max_value_change_percent": 30, "verify": "all", "report_path": "/r", "file_format": "csv", "quota_share": 0.5,
    "hand_back_after": timedelta(minutes=5), "bigcommerce_conn_id": "other",
}  # fmt: skip
_PLAN = {"resource": "products", "operation": "update"}
_ALL = {"report_path", "quota_share", "hand_back_after", "bigcommerce_conn_id"}
_HOW = {"resource", "operation", "match_on", "mapping", "lookup", "nulls", "unchanged"} | {name for name in SHARED if "max_" in name}
_SENDING = {"on_rejected", "on_conflict", "verify"}
_ROWS = _ALL | {"mapping", "file_format", "on_rejected", "max_changes"}

#: Operator -> what it needs, and the shared arguments that it takes; all others are refused.
OPERATORS: Mapping[Any, tuple[Mapping[str, Any], set[str]]] = {
    BigCommercePlanOperator: ({**_PLAN, "path": "/x.csv", "report_path": "/r"}, _ALL | _HOW | {"file_format"}),
    BigCommerceApplyOperator: ({"plan": "/r/manifest.json", "approval": "none needed"}, _ALL | _SENDING),
    BigCommerceUndoOperator: ({"outcome": "/r/manifest.json"}, _ALL),
    ObjectStorageToBigCommerceOperator: (
        {**_PLAN, "path": "/x.csv", "report_path": "/r"}, _ALL | _HOW | _SENDING | {"file_format"},
    ),
    SqlToBigCommerceOperator: ({**_PLAN, "conn_id": "c", "sql": "SELECT 1", "report_path": "/r"}, _ALL | _HOW | _SENDING),
    BigCommerceStockOperator: (
        {"path": "/x.csv", "report_path": "/r"}, _ROWS | {"unchanged", "max_changed_percent", "max_value_change_percent"},
    ),
    BigCommerceShipmentOperator: ({"path": "/x.csv", "report_path": "/r"}, _ROWS | {"verify"}),
    BigCommerceRefundOperator: ({"path": "/x.csv", "report_path": "/r"}, _ROWS | {"verify"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_a_shared_argument_is_taken_or_refused_with_a_sentence(operator: Any, name: str) -> None:
    needed, taken = OPERATORS[operator]
    given = {**needed, name: SHARED[name]}
    if name in taken:
        assert getattr(operator(task_id="t", **given), name) == SHARED[name]
        assert name in operator.argument_checks
        return
    with pytest.raises(InvalidQueryError, match=f"has no argument '{name}': .+ Leave it out") as raised:
        operator(task_id="t", **given)
    assert "\n" not in str(raised.value).partition(" [")[0]
    assert name not in inspect.signature(operator.__init__).parameters


def test_nothing_to_change_cannot_be_sent_relatively() -> None:
    with pytest.raises(InvalidQueryError, match="mode='relative'"):
        BigCommerceStockOperator(task_id="t", path="/x.csv", report_path="/r", mode="relative", unchanged="send")


# -- what they do -------------------------------------------------------------------------------------------------------------

small = pytest.mark.bigcommerce_sandbox(products=20, orders=2, customers=12)


def stock(tmp_path: Path, *rows: str, **more: Any) -> BigCommerceStockOperator:
    path = csv(tmp_path / "in.csv", "variant_id,location_id,quantity", *rows)
    return BigCommerceStockOperator(task_id="stock", path=path, report_path=str(tmp_path / "r"), **more)


@small
@pytest.mark.parametrize(("limit", "says"), [
    ({"max_changes": 1}, "2 of 2 rows would be sent, and max_changes=1"),
    ({"max_changed_percent": 99}, "100.0 %"),
    ({"max_value_change_percent": 50}, "'quantity' in 2 rows"),
], ids=lambda each: "" if isinstance(each, str) else "-".join(each))  # fmt: skip
def test_a_guard_of_stock_fails_before_anything_is_sent(connected: Sandbox, tmp_path: Path, limit: dict[str, Any], says: str) -> None:
    connected.store.stock.settle(all_of_it=True)
    with pytest.raises(AirflowFailException, match=says):
        stock(tmp_path, "3,1,90000", "4,1,90000", **limit).execute(Task().context)
    assert writes(connected) == 0


@small
def test_unchanged_stock_is_sent_by_choice(connected: Sandbox, tmp_path: Path) -> None:
    held = on_hand(connected)[0]
    assert stock(tmp_path, f"3,1,{held}").execute({})["counts"] == {"unchanged": 1}
    assert stock(tmp_path, f"3,1,{held}", unchanged="send").execute({})["counts"] == {"updated": 1}
    assert (writes(connected), on_hand(connected)[0]) == (1, held)


@small
def test_a_guard_of_shipments_and_refunds_counts_the_input(connected: Sandbox, tmp_path: Path) -> None:
    (order, line), (other, _) = order_of(connected), order_of(connected)
    parcels = csv(tmp_path / "p.csv", "order_id,tracking_number,shipping_provider", f"{other},1,ups", f"{order},2,ups")
    refunds = csv(tmp_path / "f.csv", "order_id,amount,order_product_id,quantity", f"{order},12.00,{line},1", f"{order},24.00,{line},2")
    common = {"task_id": "a", "report_path": str(tmp_path / "r"), "max_changes": 1}
    before = writes(connected)
    with pytest.raises(AirflowFailException, match="2 of 2 rows would be sent"):
        BigCommerceShipmentOperator(path=parcels, **common).execute(Task().context)
    with pytest.raises(AirflowFailException, match="2 of 2 rows would be sent"):
        BigCommerceRefundOperator(path=refunds, **common).execute(Task().context)
    assert writes(connected) == before


@small
def test_a_shipment_that_the_store_does_not_show_afterwards_is_unknown(connected: Sandbox, tmp_path: Path) -> None:
    (order, _), (other, _) = order_of(connected), order_of(connected)
    parcels = csv(tmp_path / "p.csv", "order_id,tracking_number,shipping_provider", f"{order},1,ups", f"{other},2,ups")
    connected.store.fail_next(1, "answer", match=f"^/v2/orders/{order}/shipments", method="POST", status=201, body=b'{"id": 5}')
    task = Task()

    with pytest.raises(AirflowFailException, match="1 of 2 rows are unknown"):
        BigCommerceShipmentOperator(task_id="a", path=parcels, report_path=str(tmp_path / "r"), verify="all").execute(task.context)
    assert task.pushed["return_value"]["counts"] == {"created": 1, "unknown": 1}


@small
def test_stock_hands_its_slot_back_while_the_store_sends_nothing_and_goes_on_later(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, patience = Sender.send, list[float | None]()

    async def busy(self: Sender, request: Request, *values: Any, **more: Any) -> Any:
        if request.method == "PUT" and not patience:
            patience.append(self._settings.hand_back_after)
            raise LongWaitError("The store has sent nothing.", seconds=60)
        return await send(self, request, *values, **more)

    monkeypatch.setattr(Sender, "send", busy)
    operator = stock(tmp_path, "3,1,41", hand_back_after=timedelta(seconds=300))

    with pytest.raises(BaseException) as raised:  # noqa: PT011  # Airflow's own class differs between its versions
        operator.execute(Task().context)
    assert comes_again(raised.value)
    assert (patience, list((tmp_path / "r").rglob("manifest.json"))) == ([300.0], []), "it is no end of the run"
    assert operator.execute(Task().context)["counts"] == {"updated": 1}


# -- what the rows lie in meanwhile -------------------------------------------------------------------------------------------


def test_values_that_are_kept_come_back_in_order_by_group_and_without_doubles() -> None:
    kept: Kept[str] = Kept()
    for place, (key, sort) in enumerate([("b", 2), ("a", 1), ("b", 1), ("\ud83d", 1), ("\\ud83d", 1), ("ä", 0)]):
        kept.put(place, f"{place}{key}", key=key, sort=sort)

    assert [one[0] for one in kept] == ["5", "1", "2", "3", "4", "0"]
    assert [[one[0] for one in group] for group in kept.groups()] == [["0", "2"], ["1"], ["3"], ["4"], ["5"]]
    assert [one[0] for one in kept.take_doubled()] == ["0", "2"]
    assert (len(kept), 0 in kept, kept.get(2), kept.get(1)) == (4, False, None, "1a")
    assert list(kept.take_doubled()) == []


def test_values_by_key_are_replaced_and_dropped() -> None:
    kept: KeptByKey[int] = KeptByKey()
    kept["x"], kept["y"] = 1, 2
    kept["x"] = 3
    kept.drop("y")
    kept.drop("z")
    assert (kept["x"], kept.get("y")) == (3, None)
    with pytest.raises(KeyError):
        kept["y"]
