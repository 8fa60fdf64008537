"""Stock is taken back by the difference: sales in between stay, and what cannot be taken back is told before anything is sent."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_bigcommerce import cli
from airflow_provider_bigcommerce.operators.apply import BigCommerceApplyOperator
from airflow_provider_bigcommerce.operators.refunds import BigCommerceRefundOperator
from airflow_provider_bigcommerce.operators.shipments import BigCommerceShipmentOperator
from airflow_provider_bigcommerce.operators.stock import BigCommerceStockOperator
from airflow_provider_bigcommerce.operators.undo import BigCommerceUndoOperator
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.transfers.object_storage_to_bigcommerce import ObjectStorageToBigCommerceOperator
from airflow_provider_bigcommerce.writing.folder import open_outcomes, open_plan
from airflow_provider_bigcommerce.writing.sent_notes import RunNotes
from tests.operators.test_rows_operators import Task, csv, lines, on_hand, order_of, writes
from tests.writing.virtual import Killed

pytestmark = pytest.mark.bigcommerce_sandbox(products=20, orders=2, customers=12)

RELATIVE = "/v3/inventory/adjustments/relative"
_NO_TIME = timedelta(0)


def stock(tmp_path: Path, *rows: str, **more: Any) -> dict[str, Any]:
    """Variant, quantity: at location 1."""
    path = csv(tmp_path / "in.csv", "variant_id,location_id,quantity", *rows)
    return BigCommerceStockOperator(task_id="stock", path=path, report_path=str(tmp_path / "r"), **more).execute({})


def undo(outcome: dict[str, Any]) -> dict[str, Any]:
    return BigCommerceUndoOperator(task_id="undo", outcome=outcome).execute({})


def apply(plan: dict[str, Any], context: Any = None, **more: Any) -> dict[str, Any]:
    return BigCommerceApplyOperator(task_id="back", plan=plan, approval="none needed", **more).execute(context or {})


def plan_change(plan: dict[str, Any]) -> int:
    """By what the only row of a plan changes the pieces."""
    with open_plan(plan["manifest"]) as opened:
        [row] = opened.rows()
    return int(row.body["quantity"])


def adjusted(sandbox: Sandbox) -> int:
    return sum(request.path == RELATIVE for request in sandbox.store.requests)


@pytest.mark.parametrize(("mode", "first"), [("absolute", [410, 0]), ("relative", None)])
def test_stock_is_taken_back_by_the_difference_and_so_is_its_undo(connected: Sandbox, tmp_path: Path, mode: Any, first: Any) -> None:
    before = [count or 0 for count in on_hand(connected)]
    rows = ("3,1,410", "4,1,0") if mode == "absolute" else ("3,1,25", f"4,1,-{before[1] - 12}")
    told = stock(tmp_path, *rows, mode=mode)
    set_to = on_hand(connected)
    assert first is None or set_to == first
    connected.store.stock.sell(3, 1, 4)

    plan = undo(told)
    back = apply(plan)

    assert (plan["rows"], plan["cannot"], back["counts"]) == (2, {}, {"updated": 2})
    assert on_hand(connected) == [before[0] - 4, before[1]]
    assert [{name: row[name] for name in ("old", "sent", "seen", "mode")} for row in lines(back["manifest"], "outcomes.jsonl.gz")] == [
        {"old": was, "sent": now - was, "seen": now, "mode": "relative"}
        for was, now in (((set_to[0] or 0) - 4, before[0] - 4), (set_to[1], before[1]))
    ]
    with open_plan(plan["manifest"]) as opened:
        assert [(row.old, row.new) for row in opened.rows()] == [
            ({"quantity": (set_to[0] or 0) - 4}, {"quantity": before[0] - 4}),
            ({"quantity": set_to[1]}, {"quantity": before[1]}),
        ]
    again = apply(undo(back))  # an undo of an undo
    assert (again["counts"], on_hand(connected)) == ({"updated": 2}, [(set_to[0] or 0) - 4, set_to[1]])


def test_what_would_fall_below_zero_or_is_gone_is_listed_and_the_rest_is_taken_back(connected: Sandbox, tmp_path: Path) -> None:
    store = connected.store
    before, own = on_hand(connected), store.row("product_variants", 3)["product_id"]
    others = [row["id"] for row in store.rows("product_variants") if row["product_id"] != own and _by_variant(connected, row)][:1]
    told = stock(tmp_path, "3,1,900", "4,1,910", *(f"{each},1,920" for each in others))
    store.stock.sell(3, 1, 899)
    store.edit_product(store.row("product_variants", others[0])["product_id"], inventory_tracking="none")

    plan = undo(told)

    assert (plan["rows"], plan["counts"]["cannot"]) == (1, 2)
    [sold, untracked] = lines(plan["manifest"], "cannot.jsonl.gz")
    assert (sold["row"], untracked["row"]) == (0, 2)
    assert "below 0" in sold["cannot"][0]
    assert "not tracked" in untracked["cannot"][0]
    assert "below 0" in plan["summary"]
    assert apply(plan)["counts"] == {"updated": 1}
    assert on_hand(connected) == [1, before[1]]


def _by_variant(sandbox: Sandbox, variant: dict[str, Any]) -> bool:
    return bool(sandbox.store.row("products", variant["product_id"])["inventory_tracking"] == "variant")


def test_pieces_sold_between_plan_and_apply_are_a_rejected_row_and_no_negative_stock(connected: Sandbox, tmp_path: Path) -> None:
    plan = undo(stock(tmp_path, "3,1,900"))
    connected.store.stock.sell(3, 1, 899)

    with pytest.raises(AirflowFailException, match="1 rejected"):
        apply(plan, Task().context)
    assert (on_hand(connected)[0], adjusted(connected)) == (1, 0)


@pytest.mark.parametrize(("fault", "outcome"), [("reset_after", "unknown"), ("reset_before", "unknown")])
def test_an_unclear_answer_is_never_sent_again_not_by_a_cleared_task_either(
    connected: Sandbox, tmp_path: Path, fault: str, outcome: str
) -> None:
    told = stock(tmp_path, "3,1,900", confirm_within=_NO_TIME)
    plan = undo(told)
    connected.store.fail_next(1, fault, method="POST")
    task = Task()

    for _ in range(2):
        with pytest.raises(AirflowFailException, match=f"1 {outcome}"):
            apply(plan, task.context)
    assert adjusted(connected) == 1
    [manifest] = (tmp_path / "r").glob("*/*/apply-1/manifest.json")
    [row] = lines(str(manifest), "outcomes.jsonl.gz")
    assert (row["old"], row["sent"]) == (900, plan_change(plan))
    assert row["seen"] in (900, 900 + row["sent"])


def test_a_worker_that_was_killed_before_its_request_sends_it_no_second_time(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = on_hand(connected)
    plan = undo(stock(tmp_path, "3,1,900", "4,1,900"))
    add = RunNotes.add

    def killed(self: RunNotes, note: Any) -> None:
        add(self, note)
        if note["what"] == "answered":
            raise Killed

    monkeypatch.setattr(RunNotes, "add", killed)
    with pytest.raises(Killed):
        apply(plan, Task().context)
    monkeypatch.setattr(RunNotes, "add", add)

    told = apply(plan, Task(2).context)

    assert (told["counts"], adjusted(connected), on_hand(connected)) == ({"updated": 2}, 1, before)
    with open_outcomes(told["manifest"]) as opened:
        assert [row.outcome for row in opened.rows()] == ["updated", "updated"]


def test_stock_is_taken_back_once_whoever_plans_it_again(connected: Sandbox, tmp_path: Path) -> None:
    before = on_hand(connected)
    told = stock(tmp_path, "3,1,900")
    plans = [undo(told), BigCommerceUndoOperator(task_id="other", outcome=told).execute({})]
    apply(plans[0])

    with pytest.raises(AirflowFailException, match="a difference is taken back once"):
        apply(plans[1])
    with pytest.raises(AirflowFailException, match="mode='relative'"):
        undo(told)
    assert (on_hand(connected), adjusted(connected)) == (before, 1)


def test_rows_that_are_unknown_are_told_and_not_guessed_at(connected: Sandbox, tmp_path: Path) -> None:
    connected.store.stock.delay = 3600
    task = Task()
    path = csv(tmp_path / "in.csv", "variant_id,location_id,quantity", "3,1,77")
    operator = BigCommerceStockOperator(task_id="stock", path=path, report_path=str(tmp_path / "r"), confirm_within=_NO_TIME)
    with pytest.raises(AirflowFailException, match="unknown"):
        operator.execute(task.context)

    plan = undo(task.pushed["return_value"])

    assert (plan["rows"], list(plan["cannot"])) == (0, ["It is not known whether the row was written. Look in the store."])


def test_shipments_are_deleted_and_their_mails_told_refunds_stay_and_are_told(connected: Sandbox, tmp_path: Path) -> None:
    (order, line), (other, _) = order_of(connected), order_of(connected)
    parcels = csv(tmp_path / "p.csv", "order_id,tracking_number,shipping_provider", f"{other},0042,ups")
    shipped = BigCommerceShipmentOperator(task_id="ship", path=parcels, report_path=str(tmp_path / "r")).execute({})
    refunds = csv(tmp_path / "f.csv", "order_id,amount,order_product_id,quantity", f"{order},12.00,{line},1")
    refunded = BigCommerceRefundOperator(
        task_id="refund", path=refunds, report_path=str(tmp_path / "r"), refund_method="store_credit", verify="all"
    ).execute({})

    plan, money = undo(shipped), undo(refunded)

    assert (plan["rows"], list(plan["cannot"])) == (1, ["The mail to the shopper stays sent."])
    assert apply(plan)["counts"] == {"deleted": 1}
    assert not connected.store.nested["order_shipments"].get(other)
    assert (money["rows"], list(money["cannot"])) == (0, ["Money that was moved is not moved back."])


def test_a_plan_of_stock_reads_in_words_what_it_does(connected: Sandbox, tmp_path: Path) -> None:
    plan = undo(stock(tmp_path, "3,1,900"))

    manifest = json.loads(Path(plan["manifest"].removeprefix("file://")).read_text())
    assert (manifest["operation"], manifest["settings"]["mode"]) == ("update", "relative")
    assert "by the difference" in manifest["warnings"][0]
    assert writes(connected) == 1  # the run that is taken back


def test_absolute_stock_that_was_planned_is_taken_back_likewise(connected: Sandbox, tmp_path: Path) -> None:
    before = on_hand(connected)
    rows = [f"{variant},1,{(before[place] or 0) + 9}" for place, variant in enumerate((3, 4))]
    path = csv(tmp_path / "in.csv", "variant_id,location_id,quantity", *rows)
    written = ObjectStorageToBigCommerceOperator(
        task_id="t", resource="inventory_items", operation="upsert", path=path, report_path=str(tmp_path / "r")
    ).execute({})
    connected.store.stock.sell(3, 1, 2)

    plan = undo(written)

    assert (plan["rows"], plan["cannot"]) == (2, {})
    assert apply(plan)["counts"] == {"updated": 2}
    assert on_hand(connected) == [(before[0] or 0) - 2, before[1]]


def test_on_the_command_line_stock_is_taken_back_too(
    connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("STORE_HASH", connected.store_hash), ("ACCESS_TOKEN", connected.token), ("API_URL", connected.url)):
        monkeypatch.setenv(f"BIGCOMMERCE_{name}", value)
    before = on_hand(connected)
    told = stock(tmp_path, "3,1,900")
    connected.store.stock.sell(3, 1, 2)

    def run(*arguments: str) -> str:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["airflow-bigcommerce", "write", *arguments])
        assert cli.main() == 0
        return capfd.readouterr().out

    out = run("undo", told["manifest"].removesuffix("/manifest.json"))
    assert "1 rows can be taken back." in out
    plan = out.split()[-1]
    assert "898" in run("show", plan)
    run("apply", plan, "--yes")
    assert on_hand(connected) == [(before[0] or 0) - 2, before[1]]
