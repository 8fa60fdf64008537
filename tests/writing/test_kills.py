"""A run that is killed again and again: every row has one outcome, nothing is in the store twice, no mail goes twice, and all is undone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.exceptions import BigCommerceError
from airflow_provider_bigcommerce.writing.apply import Applied
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanRow
from tests.writing.planned import applying, change, outcomes, planned

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox

#: Half of them after the store had acted; none that makes a client wait.
KINDS = "reset_before,503,reset_after,503_after"
#: So that a kill meets few requests under way, of which none is told.
FEW = {"max_concurrency": 4}


class KilledError(BaseException):
    """The process ends here: nothing that follows is done."""


def killing(at: int) -> Callable[[str], None]:
    """Ends the run at the nth point where a process may be killed."""
    left = at

    def point(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError

    return point


def applied_with_kills(sandbox: Sandbox, plan: str, kills: list[int], **more: Any) -> Applied:
    """Apply a plan; as many tries as there are kills end at these points, and the ones after them go on."""
    for at in kills:
        with pytest.raises(KilledError):
            applying(sandbox, plan, at=killing(at), is_last_try=False, **more)
    for _ in range(5):
        try:
            return applying(sandbox, plan, is_last_try=False, **more)
        except BigCommerceError as error:  # the faults have ended a try, as they may
            last = error
    raise last


def one_each(rows: list[PlanRow], found: list[OutcomeRow]) -> None:
    assert [row.row for row in found] == sorted(row.row for row in rows), "each row has one outcome"


@pytest.mark.bigcommerce_sandbox(products=120, faults=f"PUT /v3/catalog/products=0.25:{KINDS}")
@pytest.mark.parametrize("seed", [1, 2])
def test_product_updates(tmp_path: Path, bigcommerce_sandbox: Sandbox, seed: int) -> None:
    store = bigcommerce_sandbox.store
    products = list(store.rows("products"))
    rows = [change(place, row["id"], {"price": row["price"]}, {"price": 7.5}) for place, row in enumerate(products)]
    bad = {
        place: change(place, rows[place].id, {"name": products[place]["name"]}, {"name": products[place + 1]["name"]}) for place in (11, 63)
    }
    rows = [bad.get(row.row, row) for row in rows]
    plan = planned(tmp_path, bigcommerce_sandbox, "products", rows)
    dice = random.Random(seed)

    applied = applied_with_kills(bigcommerce_sandbox, plan, [dice.randrange(1, 12) for _ in range(3)], window=50)

    found = outcomes(applied)
    one_each(rows, found)
    assert Counter(row.outcome for row in found) == {"updated": 118, "conflict": 2}
    held = {row["id"]: row["price"] for row in store.rows("products")}
    assert [held[row.id] for row in rows if row.row not in bad] == [7.5] * 118


def shipments(sandbox: Sandbox) -> list[PlanRow]:
    """A shipment of one line for each order that has something left to ship."""
    rows: list[PlanRow] = []
    store = sandbox.store
    for order in store.rows("orders"):
        lines = store.nested["order_products"].get(order["id"])
        addresses = store.nested["order_shipping_addresses"].get(order["id"])
        line = next((line for line in lines if line["quantity"] > line["quantity_shipped"]), None)
        if line is None or not addresses:
            continue
        body = {
            "order_id": order["id"], "order_address_id": addresses[0]["id"], "tracking_number": f"T{order['id']}",
            "items": [{"order_product_id": line["id"], "quantity": 1}],
        }  # fmt: skip
        new = {name: value for name, value in body.items() if name != "order_id"}
        rows.append(PlanRow(row=len(rows), key=[], id=None, operation="create", fields=list(new), old=None, new=new, body=body))
    return rows


@pytest.mark.bigcommerce_sandbox(orders=120, faults=f"POST /v2/orders/{{order_id}}/shipments=0.15:{KINDS}")
@pytest.mark.parametrize("seed", [1, 2])
def test_shipments(tmp_path: Path, bigcommerce_sandbox: Sandbox, seed: int) -> None:
    store = bigcommerce_sandbox.store
    rows = shipments(bigcommerce_sandbox)
    assert len(rows) > 60
    before = {order["id"]: len(store.nested["order_shipments"].get(order["id"])) for order in store.rows("orders")}
    plan = planned(tmp_path, bigcommerce_sandbox, "order_shipments", rows, "create")
    dice = random.Random(seed)

    applied = applied_with_kills(bigcommerce_sandbox, plan, [dice.randrange(1, 60) for _ in range(3)], window=50, settings=FEW)

    found = outcomes(applied)
    one_each(rows, found)
    told = {row.row: row.outcome for row in found}
    assert set(told.values()) <= {"created", "unknown"}
    for row in rows:
        order = row.body["order_id"]
        made = [one for one in store.nested["order_shipments"].get(order) if one["tracking_number"] == f"T{order}"]
        assert len(made) <= 1, "no shipment twice"
        assert made or told[row.row] == "unknown", "what is told as created is there"
        assert len(store.nested["order_shipments"].get(order)) == before[order] + len(made)
    mails = Counter(mail.order_id for mail in store.outbox if mail.what == "shipment created")
    assert set(mails.values()) == {1}, "no mail twice"
    assert sum(kind == "unknown" for kind in told.values()) < len(rows) / 3
