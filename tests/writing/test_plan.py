"""Plans of changes, held against the sandbox: what would be sent, what is certain already, and that nothing is changed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.blocking import BlockingStore
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, NoManifestError, TooManyChangesError
from airflow_provider_bigcommerce.writing.folder import begin_attempt, open_plan
from airflow_provider_bigcommerce.writing.formats import OutcomeRow, PlanManifest, PlanRow, encoded
from airflow_provider_bigcommerce.writing.input_files import InputFiles
from airflow_provider_bigcommerce.writing.plan import PlanSettings, plan_rows

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


@contextmanager
def store_of(sandbox: Sandbox) -> Iterator[BlockingStore]:
    credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
    with BlockingStore(BigCommerceStore(credentials, StoreSettings())) as store:
        yield store


class Result:
    """A plan that was made."""

    def __init__(self, manifest: PlanManifest, rows: list[PlanRow | OutcomeRow], folder: Path) -> None:
        self.manifest = manifest
        self.plan = [row for row in rows if isinstance(row, PlanRow)]
        self.outcomes = [row for row in rows if isinstance(row, OutcomeRow)]
        self.folder = folder


def made(sandbox: Sandbox, tmp_path: Path, rows: list[dict[str, Any]] | Path, resource: str, operation: Any, **more: Any) -> Result:
    """The plan of rows, which are written as JSON lines, or of a file; the store is as it was."""
    if isinstance(rows, Path):
        path = rows
    else:
        path = tmp_path / "in.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seen: list[PlanRow | OutcomeRow] = []
    folder = begin_attempt(tmp_path / "reports", resource, "run-1", "plan")
    with store_of(sandbox) as store:
        settings = PlanSettings(resource=resource, operation=operation, **more)
        manifest = plan_rows(store, InputFiles(path), settings, folder, see=seen.append)
    assert {request.method for request in sandbox.store.requests} <= {"GET"}, "a plan writes nothing"
    with open_plan(folder.uri) as plan:
        assert list(map(encoded, plan.rows())) == [encoded(row) for row in seen if isinstance(row, PlanRow)]
    assert sorted(row.row for row in seen) == list(range(manifest.counts["input"])), "each row has one result"
    return Result(manifest, seen, tmp_path / "reports" / folder.name)


@pytest.mark.bigcommerce_sandbox(products=35)
def test_prices_by_sku_are_held_against_the_store(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    products = list(bigcommerce_sandbox.store.rows("products"))
    rows = [{"sku": row["sku"].lower(), "price": row["price"] + (1 if place % 2 else 0)} for place, row in enumerate(products)]
    rows.append({"sku": "NOBODY", "price": 1})

    found = made(bigcommerce_sandbox, tmp_path, rows, "products", "update", match_on="sku")

    assert found.manifest.counts == {"input": 36, "rejected": 1, "unchanged": 18, "update": 17}
    first = found.plan[0]
    assert (first.row, first.id, first.operation, first.fields) == (1, products[1]["id"], "update", ["price"])
    assert first.old is not None
    assert float(first.old["price"]) == products[1]["price"]
    assert float(first.new["price"]) == products[1]["price"] + 1
    assert first.body == {"id": products[1]["id"], "price": first.new["price"]}
    assert found.outcomes[-1].error == "The store has no such row."
    assert len(bigcommerce_sandbox.store.requests) == 1


@pytest.mark.bigcommerce_sandbox(products=5)
def test_a_decimal_of_the_same_value_is_no_change(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    known = next(iter(bigcommerce_sandbox.store.rows("products")))
    path = tmp_path / "prices.csv"
    path.write_text(f"sku;price;name\n{known['sku']};{known['price']}00;\n", encoding="utf-8-sig")

    found = made(bigcommerce_sandbox, tmp_path, path, "products", "update", match_on="sku")

    assert found.manifest.counts == {"input": 1, "unchanged": 1}
    assert found.plan == []


@pytest.mark.bigcommerce_sandbox(products=3)
def test_an_upsert_changes_some_and_makes_others(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    known = next(iter(bigcommerce_sandbox.store.rows("products")))
    new = {"sku": "NEW-1", "name": "New one", "type": "physical", "weight": 1, "price": 3}
    bad = {"sku": "NEW-2", "name": "No weight", "price": 3}

    found = made(bigcommerce_sandbox, tmp_path, [{"sku": known["sku"], "price": 7.25}, new, bad], "products", "upsert", match_on="sku")

    assert [(row.operation, row.id) for row in found.plan] == [("update", known["id"]), ("create", None)]
    assert found.plan[1].old is None
    assert found.plan[1].body == new
    assert "'weight' is required" in str(found.outcomes[0].error)


@pytest.mark.bigcommerce_sandbox(products=12)
def test_variants_by_sku_are_read_whole_where_that_is_cheaper(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    variants = list(bigcommerce_sandbox.store.rows("product_variants"))
    assert len(variants) > 20
    rows = [{"sku": row["sku"], "price": 4.5} for row in variants]

    found = made(bigcommerce_sandbox, tmp_path, rows, "product_variants", "update", match_on="sku")

    assert [row.id for row in found.plan] == [row["id"] for row in variants if row["price"] != 4.5]
    assert len(bigcommerce_sandbox.store.requests) <= 8


@pytest.mark.bigcommerce_sandbox(products=12)
def test_a_few_variants_are_asked_for_one_by_one(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    variants = list(bigcommerce_sandbox.store.rows("product_variants"))[:3]

    by_sku = made(
        bigcommerce_sandbox, tmp_path, [{"sku": row["sku"], "price": 4.5} for row in variants], "product_variants", "update", match_on="sku"
    )
    by_id = made(bigcommerce_sandbox, tmp_path, [{"id": row["id"], "price": 4.5} for row in variants], "product_variants", "update")

    assert [row.id for row in by_sku.plan] == [row.id for row in by_id.plan] == [row["id"] for row in variants]
    assert [row.body for row in by_id.plan] == [{"id": row["id"], "price": Decimal("4.5")} for row in variants]


@pytest.mark.bigcommerce_sandbox(products=10)
def test_a_price_record_is_sent_whole(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    records = list(bigcommerce_sandbox.store.rows("price_list_records"))[:4]
    rows = [
        {"price_list_id": row["price_list_id"], "variant_id": row["variant_id"], "currency": row["currency"].upper(), "price": 3.25}
        for row in records
    ]
    rows.append({"price_list_id": records[0]["price_list_id"], "variant_id": 999_999, "currency": "usd", "price": 1})

    found = made(bigcommerce_sandbox, tmp_path, rows, "price_list_records", "upsert")

    assert {row.operation for row in found.plan} == {"upsert"}
    assert [row.old is None for row in found.plan] == [False] * 4 + [True]
    assert found.plan[0].fields == ["price"]
    kept = {name for name in ("sale_price", "retail_price", "map_price", "bulk_pricing_tiers") if records[0].get(name) is not None}
    assert "bulk_pricing_tiers" in kept
    assert kept <= found.plan[0].body.keys()
    assert kept <= (found.plan[0].old or {}).keys()


@pytest.mark.bigcommerce_sandbox(customers=6)
def test_customers_by_email_and_a_create_that_is_there(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    customers = list(bigcommerce_sandbox.store.rows("customers"))
    rows = [{"email": customers[0]["email"].upper(), "first_name": "Ann"}, {"email": "nobody@example.com", "first_name": "B"}]

    update = made(bigcommerce_sandbox, tmp_path, rows, "customers", "update", match_on="email")
    there = {"email": customers[1]["email"], "first_name": customers[1]["first_name"], "last_name": customers[1]["last_name"]}
    other = {**there, "email": customers[2]["email"], "first_name": "Somebody"}
    create = made(bigcommerce_sandbox, tmp_path, [there, other], "customers", "create")

    assert [(row.id, row.body) for row in update.plan] == [(customers[0]["id"], {"id": customers[0]["id"], "first_name": "Ann"})]
    assert [row.outcome for row in update.outcomes] == ["rejected"]
    assert [row.outcome for row in create.outcomes] == ["unchanged", "conflict"]


@pytest.mark.bigcommerce_sandbox(products=6)
def test_brands_are_deleted_by_name(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    brand = next(iter(bigcommerce_sandbox.store.rows("brands")))

    found = made(bigcommerce_sandbox, tmp_path, [{"name": brand["name"]}, {"name": "No such"}], "brands", "delete", match_on="name")

    assert [(row.operation, row.id, row.body) for row in found.plan] == [("delete", brand["id"], {"id": brand["id"]})]
    assert (found.plan[0].old or {})["name"] == brand["name"]
    assert [row.outcome for row in found.outcomes] == ["unchanged"]


@pytest.mark.bigcommerce_sandbox(products=4)
def test_a_value_becomes_the_id_of_another_row(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    products = list(bigcommerce_sandbox.store.rows("products"))
    category = next(iter(bigcommerce_sandbox.store.rows("categories")))["category_id"]
    rows = [{"product_id": products[0]["sku"].lower(), "category_id": category}, {"product_id": "NONE", "category_id": category}]
    rows += [{"product_id": products[1]["sku"], "category_id": 77}, {"product_id": products[1]["sku"].lower(), "category_id": 77}]

    found = made(bigcommerce_sandbox, tmp_path, rows, "product_category_assignments", "create", lookup={"product_id": "products.sku"})

    assert all(row.body["product_id"] == products[0]["id"] for row in found.plan)
    told = {row.row: row.error for row in found.outcomes if row.error}
    assert told[1] == "The store has no single row of 'products' with this 'sku', for 'product_id'."
    assert "Other rows of the input have the same" in str(told[2])
    assert "Other rows of the input have the same" in str(told[3])


@pytest.mark.bigcommerce_sandbox(products=10)
@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"max_changes": 9}, "10 of 10 rows would be sent, and max_changes=9"),
        ({"max_changed_percent": 99.5}, "10 of 10 rows (100.0 %) would be sent, and max_changed_percent=99.5"),
        ({"max_value_change_percent": 49}, "'price' in 10 rows (up to 50.0 %)"),
        ({"max_value_change_percent": {"price": 49.9}}, "'price' in 10 rows (up to 50.0 %)"),
    ],
    ids=["changes", "percent", "value", "value-of-a-field"],
)
def test_a_guard_stops_a_plan_and_says_numbers(bigcommerce_sandbox: Sandbox, tmp_path: Path, limits: dict[str, Any], text: str) -> None:
    rows = [{"id": row["id"], "price": row["price"] * 1.5, "brand_id": 7} for row in bigcommerce_sandbox.store.rows("products")]
    with pytest.raises(TooManyChangesError) as raised:
        made(bigcommerce_sandbox, tmp_path, rows, "products", "update", **limits)
    assert text in str(raised.value)
    assert "run=run-1/plan-1/plan.jsonl.gz, which is no plan" in str(raised.value)
    with pytest.raises(NoManifestError), open_plan(str(tmp_path / "reports/products/run=run-1/plan-1")):
        pytest.fail("it was committed")
    loose = {"max_changes": 10, "max_changed_percent": 100, "max_value_change_percent": {"price": 50, "weight": 0}}
    assert made(bigcommerce_sandbox, tmp_path, rows, "products", "update", **loose).manifest.guards["changes"] == 10


@pytest.mark.bigcommerce_sandbox(products=2)
def test_an_empty_input_is_a_plan_of_nothing(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    found = made(bigcommerce_sandbox, tmp_path, [], "products", "update", match_on="sku", max_changed_percent=0)
    assert found.manifest.counts == {"input": 0}
    assert bigcommerce_sandbox.store.requests == []


@pytest.mark.bigcommerce_sandbox(products=2)
def test_rejected_rows_keep_their_own_columns_and_can_be_fed_in_again(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    products = list(bigcommerce_sandbox.store.rows("products"))
    rows = [{"Artikel": products[0]["sku"], "Preis": "x", "egal": 1}, {"Artikel": products[1]["sku"], "Preis": -3, "egal": 2}]
    mapping = {"Artikel": "sku", "Preis": "price"}

    found = made(bigcommerce_sandbox, tmp_path, rows, "products", "update", match_on="sku", mapping=mapping)

    assert found.manifest.counts["rejected"] == 2
    again = list(InputFiles(found.folder / "rejected.jsonl.gz").rows())
    assert [{name: row[name] for name in ("Artikel", "Preis", "egal", "_row", "_outcome")} for row in again] == [
        {**row, "_row": place, "_outcome": "rejected"} for place, row in enumerate(rows)
    ]
    assert "'price' must be a number, and is a text" in again[0]["_error"]
    once_more = made(
        bigcommerce_sandbox, tmp_path, found.folder / "rejected.jsonl.gz", "products", "update", match_on="sku", mapping=mapping
    )
    assert once_more.manifest.counts == found.manifest.counts


@pytest.mark.bigcommerce_sandbox(customers=2)
@pytest.mark.parametrize("mapping", [None, {"mail": "email", "pw": "authentication.new_password"}], ids=["own-names", "mapped"])
def test_a_secret_is_refused_in_a_plan(bigcommerce_sandbox: Sandbox, tmp_path: Path, mapping: Mapping[str, str] | None) -> None:
    own = {"email": "a@example.com", "authentication": {"new_password": "geheim123"}}
    row = {"mail": "a@example.com", "pw": "geheim123"} if mapping else own
    with pytest.raises(InvalidQueryError, match=r"'authentication\.new_password' of 'customers' is secret") as raised:
        made(bigcommerce_sandbox, tmp_path, [row], "customers", "create", mapping=mapping)
    assert "geheim" not in str(raised.value)
    assert not any(b"geheim" in path.read_bytes() for path in (tmp_path / "reports").rglob("*") if path.is_file())


@pytest.mark.bigcommerce_sandbox(products=3)
def test_a_null_is_skipped_or_written_and_a_missing_column_never_clears(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    product = next(iter(bigcommerce_sandbox.store.rows("products")))
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "description", "price"], [product["id"], "", "1.5"]])

    skipped = made(bigcommerce_sandbox, tmp_path, path, "products", "update")
    written = made(bigcommerce_sandbox, tmp_path, path, "products", "update", nulls="write")

    assert skipped.plan[0].body == {"id": product["id"], "price": Decimal("1.5")}
    assert written.plan[0].body == {"id": product["id"], "description": None, "price": Decimal("1.5")}


@pytest.mark.bigcommerce_sandbox(products=6)
def test_stock_is_held_against_what_is_on_hand(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    with store_of(bigcommerce_sandbox) as store:
        items = [item for item in store.rows("inventory_items") if item["locations"]][:3]
    rows = []
    for place, item in enumerate(items):
        at = item["locations"][0]
        named = {"sku": item["identity"]["sku"]} if place else {"variant_id": item["identity"]["variant_id"]}
        rows.append({"location_id": at["location_id"], **named, "quantity": at["total_inventory_onhand"] + (place == 1)})

    found = made(bigcommerce_sandbox, tmp_path, rows, "inventory_items", "upsert")

    assert [row.outcome for row in found.outcomes] == ["unchanged", "unchanged"]
    assert [(row.row, row.operation, row.body) for row in found.plan] == [(1, "upsert", rows[1])]
    assert found.plan[0].old == {"quantity": rows[1]["quantity"] - 1}
    assert found.plan[0].warnings == []


@pytest.mark.bigcommerce_sandbox(customers=4)
def test_attribute_values_are_held_against_what_is_there(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    values = list(bigcommerce_sandbox.store.rows("customer_attribute_values"))[:2]
    rows = [
        {"customer_id": one["customer_id"], "attribute_id": one["attribute_id"], "value": f"{one['attribute_value']}{'!' * place}"}
        for place, one in enumerate(values)
    ]

    found = made(bigcommerce_sandbox, tmp_path, rows, "customer_attribute_values", "upsert")

    assert [row.row for row in found.outcomes] == [0]
    assert [(row.row, row.old, row.body) for row in found.plan] == [(1, {"value": values[1]["attribute_value"]}, rows[1])]


@pytest.mark.bigcommerce_sandbox(products=1)
def test_what_a_call_requires_goes_along_with_a_change(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    coupon = next(iter(bigcommerce_sandbox.store.rows("coupons")))

    found = made(
        bigcommerce_sandbox, tmp_path, [{"code": coupon["code"], "enabled": not coupon["enabled"]}], "coupons", "update", match_on="code"
    )

    assert found.plan[0].fields == ["enabled"]
    assert {"id", "enabled", "applies_to", "amount", "type", "name", "code"} == found.plan[0].body.keys()
    assert found.plan[0].old is not None
    assert found.plan[0].old["applies_to"] == coupon["applies_to"]
    assert "'applies_to'" in found.plan[0].warnings[0]


@pytest.mark.bigcommerce_sandbox(products=3)
def test_new_rows_are_looked_up_by_the_key_that_many_share_a_request_for(bigcommerce_sandbox: Sandbox, tmp_path: Path) -> None:
    brands = list(bigcommerce_sandbox.store.rows("brands"))
    new = [{"name": f"Fresh {number}"} for number in range(30)]
    product = {"type": "physical", "weight": 1, "price": 1}
    goods = [{"sku": f"FRESH-{number}", "name": f"Fresh {number}", **product} for number in range(30)]

    made_brands = made(bigcommerce_sandbox, tmp_path, [*new, {"name": brands[0]["name"]}], "brands", "create")
    sent = len(bigcommerce_sandbox.store.requests)
    made_goods = made(bigcommerce_sandbox, tmp_path, goods, "products", "create")

    assert made_brands.manifest.counts == {"input": 31, "create": 30, "unchanged": 1}
    assert sent <= 4, "the list of brands is read whole"
    assert made_goods.manifest.counts == {"input": 30, "create": 30}
    assert len(bigcommerce_sandbox.store.requests) == sent + 1
    assert not [row for row in [*made_brands.plan, *made_goods.plan] if row.warnings]
