"""Taking an applied plan back: old values return, made rows go, nobody's later change is overwritten, and the rest is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.exceptions import OtherStoreError, PlanChangedError
from airflow_provider_bigcommerce.writing.apply import Applied
from airflow_provider_bigcommerce.writing.folder import open_plan
from airflow_provider_bigcommerce.writing.formats import PlanRow
from tests.writing.planned import applying, change, outcomes, planned, undoing

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def applied_undo(sandbox: Sandbox, applied: Applied, *, run: str = "undo") -> tuple[dict[str, Any], Applied]:
    told = undoing(sandbox, applied.uri, run=run)
    return told, applying(sandbox, told, run=f"apply-{run}", approval="none needed")


@pytest.mark.bigcommerce_sandbox(products=15)
def test_changed_fields_get_their_old_values_and_nobodys_later_change_is_overwritten(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    before = {row["id"]: dict(row) for row in store.rows("products")}
    rows = [
        change(place, key, {"price": row["price"], "name": row["name"]}, {"price": 5.5, "name": f"New {key}"})
        for place, (key, row) in enumerate(before.items())
    ]
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "products", rows))
    theirs = {**store.tables["products"].get(rows[3].id), "price": 77}
    store.tables["products"].put(rows[3].id, theirs)

    told, undone = applied_undo(bigcommerce_sandbox, applied)

    assert told["rows"] == 15
    assert undone.manifest.counts == {"conflict": 1, "updated": 14}
    assert undone.manifest.undo_of == applied.manifest.plan_digest
    held = {row["id"]: row for row in store.rows("products")}
    assert held.pop(rows[3].id)["price"] == 77
    assert [(row["price"], row["name"]) for row in held.values()] == [
        (before[key]["price"], before[key]["name"]) for key in held
    ]  # fmt: skip


@pytest.mark.bigcommerce_sandbox(products=4)
def test_an_undo_can_be_undone(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = [change(place, row["id"], {"price": row["price"]}, {"price": 5.5}) for place, row in enumerate(products(bigcommerce_sandbox))]
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "products", rows))

    _, undone = applied_undo(bigcommerce_sandbox, applied)
    _, again = applied_undo(bigcommerce_sandbox, undone, run="redo")

    assert again.manifest.counts == {"updated": 4}
    assert {row["price"] for row in products(bigcommerce_sandbox)} == {5.5}


@pytest.mark.bigcommerce_sandbox(products=3)
def test_made_rows_are_deleted_unless_somebody_has_changed_them(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = [
        PlanRow(
            row=place, key=[f"Maker {place}"], id=None, operation="create", fields=["name"], old=None, new={"name": f"Maker {place}"},
            body={"name": f"Maker {place}"},
        )
        for place in range(3)
    ]  # fmt: skip
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "brands", rows, "create"))
    made = [row.id for row in outcomes(applied)]
    brands = bigcommerce_sandbox.store.tables["brands"]
    brands.put(made[1], {**brands.get(made[1]), "name": "Somebody's"})

    _, undone = applied_undo(bigcommerce_sandbox, applied)

    assert [row.outcome for row in outcomes(undone)] == ["deleted", "conflict", "deleted"]
    assert [key in brands for key in made] == [False, True, False]


@pytest.mark.bigcommerce_sandbox(products=6)
def test_price_records_go_back_to_what_they_were_or_go(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    price_list = next(iter(bigcommerce_sandbox.store.rows("price_lists")))["id"]
    variants = [row for row in bigcommerce_sandbox.store.rows("product_variants") if row["sku"]][:4]
    path = f"/v3/pricelists/{price_list}/records"
    old = {(row["sku"], row["currency"]): row["price"] for row in bigcommerce_sandbox.listed(path)}
    rows: list[PlanRow] = []
    for key in [(row["sku"], currency) for row in variants for currency in ("usd", "gbp")]:
        named = dict(zip(("price_list_id", "sku", "currency"), (price_list, *key), strict=True))
        was = {"price": old[key]} if key in old else None
        row = PlanRow(
            row=len(rows), key=[*named.values()], id=None, operation="upsert", fields=["price"], old=was, new={"price": 3.25},
            body={**named, "price": 3.25},
        )  # fmt: skip
        rows.append(row)
    assert {row.old is None for row in rows} == {True, False}
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "price_list_records", rows, "upsert"))
    assert [row.outcome for row in outcomes(applied)] == ["updated" if row.old else "created" for row in rows]

    told, undone = applied_undo(bigcommerce_sandbox, applied)

    assert (told["rows"], told["cannot"]) == (8, {})
    assert undone.is_good
    now = {(row["sku"], row["currency"]): row["price"] for row in bigcommerce_sandbox.listed(path)}
    assert now == old


@pytest.mark.bigcommerce_sandbox(orders=3)
def test_what_nothing_takes_back_is_told(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    orders = list(bigcommerce_sandbox.store.rows("orders"))[:2]
    rows = [change(place, row["id"], {"status_id": row["status_id"]}, {"status_id": 2}) for place, row in enumerate(orders)]
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "orders", rows))

    told = undoing(bigcommerce_sandbox, applied.uri)

    assert any("mail" in reason.lower() for reason in told["cannot"])
    assert "mail" in told["summary"]
    with open_plan(told["manifest"]) as plan:
        assert [(row.operation, row.new) for row in plan.rows()] == [("update", {"status_id": row["status_id"]}) for row in orders]


@pytest.mark.bigcommerce_sandbox(products=4)
def test_deleted_rows_are_told_and_not_made_again(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = [
        PlanRow(row=place, key=[row["id"]], id=row["id"], operation="delete", fields=[], old={}, new={}, body={"id": row["id"]})
        for place, row in enumerate(products(bigcommerce_sandbox)[:2])
    ]
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "products", rows, "delete"))
    assert applied.manifest.counts == {"deleted": 2}

    told = undoing(bigcommerce_sandbox, applied.uri)

    assert (told["rows"], told["counts"]["cannot"]) == (0, 2)
    assert "cannot be made again" in told["summary"]


@pytest.mark.bigcommerce_sandbox(products=2)
def test_outcomes_of_another_store_or_of_no_plan_are_refused(tmp_path: Path, bigcommerce_sandbox: Sandbox) -> None:
    rows = [change(place, row["id"], {"price": row["price"]}, {"price": 5.5}) for place, row in enumerate(products(bigcommerce_sandbox))]
    applied = applying(bigcommerce_sandbox, planned(tmp_path, bigcommerce_sandbox, "products", rows))

    with pytest.raises(OtherStoreError, match="other1"):
        undoing(bigcommerce_sandbox, applied.uri, store_hash="other1")
    undo_file = Path(applied.uri.removeprefix("file://")).parent / "undo.jsonl.gz"
    undo_file.write_bytes(undo_file.read_bytes()[:-1])
    with pytest.raises(PlanChangedError, match="undo"):
        undoing(bigcommerce_sandbox, applied.uri, run="second")


def products(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.store.rows("products"))
