"""The pages on stock, shipments and refunds do what they say: their files are the input of their tasks, on the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

PAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "how-to"
FENCE = re.compile(r"^```(python|csv)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_page(page: str, file: str, tmp_path: Path) -> list[dict[str, Any]]:
    """Run each task of a page in its order, and return what they tell."""
    (tmp_path / "in").mkdir()
    told: list[dict[str, Any]] = []
    for kind, block in FENCE.findall((PAGES / page).read_text()):
        if kind == "csv":
            (tmp_path / "in" / file).write_text(block)
            continue
        names: dict[str, Any] = {}
        named = re.sub(r"^(with DAG\(.*\)):$", r"\1 as page_dag:", block, flags=re.MULTILINE)
        exec(compile(named.replace('"/data/', f'"{tmp_path}/'), page, "exec"), names)
        told += [task.execute({}) for task in names["page_dag"].tasks]
    return told


def test_the_page_on_stock(connected: Sandbox, tmp_path: Path) -> None:
    [told] = run_page("keep-stock-in-step.md", "stock-north.csv", tmp_path)

    assert told["counts"] == {"updated": 3}
    assert [connected.store.stock.onhand(3, 1), connected.store.stock.onhand(4, 1), connected.store.stock.onhand(3, 2)] == [41, 0, 7]


def test_the_page_on_shipments(connected: Sandbox, tmp_path: Path) -> None:
    for order in (118, 119):
        connected.store.add_order(id=order, lines=2, status_id=11)

    [told] = run_page("ship-orders.md", "parcels-north.csv", tmp_path)

    assert told["counts"] == {"created": 3}
    assert [mail.order_id for mail in connected.store.outbox if mail.what == "shipment created"] == [118, 119]


def test_the_page_on_refunds(connected: Sandbox, tmp_path: Path) -> None:
    for order in (118, 119):
        connected.store.add_order(id=order, lines=2, status_id=2, payment_method="Credit Card")
    assert connected.store.nested["order_products"].get(118)[0]["price_inc_tax"] == "72.7900"

    [told] = run_page("refund-orders.md", "returns.csv", tmp_path)

    assert told["counts"] == {"created": 2}
    assert [connected.store.row("orders", order)["refunded_amount"] for order in (118, 119)] == ["72.7900", "5.0000"]
