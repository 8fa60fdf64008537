"""`store.write` against the sandbox, the whole way, for the resources that people write most."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bigcommerce.client.portal import run
from airflow_provider_bigcommerce.client.settings import StoreSettings
from airflow_provider_bigcommerce.client.verbs import BigCommerceStore
from airflow_provider_bigcommerce.core.credentials import StoreCredentials
from airflow_provider_bigcommerce.core.writing.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox


def write(sandbox: Sandbox, resource: str, rows: Any, operation: Any, **more: Any) -> list[Outcome]:
    async def main() -> list[Outcome]:
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings()) as store:
            return [outcome async for outcome in store.write(resource, rows, operation=operation, **more)]

    outcomes = run(main())
    assert len({outcome.row for outcome in outcomes}) == len(outcomes)
    return sorted(outcomes, key=lambda outcome: outcome.row)


def read(sandbox: Sandbox, resource: str, **more: Any) -> list[dict[str, Any]]:
    async def main() -> list[dict[str, Any]]:
        credentials = StoreCredentials(sandbox.store_hash, sandbox.token, base_url=sandbox.url)
        async with BigCommerceStore(credentials, StoreSettings()) as store:
            return [row async for row in store.rows(resource, **more)]

    return run(main())


def told(outcomes: list[Outcome]) -> list[str]:
    return [outcome.outcome for outcome in outcomes]


def sent(sandbox: Sandbox, *methods: str) -> int:
    """Requests that wrote since the sandbox began."""
    counts = Counter(request.method for request in sandbox.store.requests)
    return sum(counts[method] for method in methods)


@pytest.mark.bigcommerce_sandbox(products=35)
def test_products_by_sku(bigcommerce_sandbox: Sandbox) -> None:
    products = list(bigcommerce_sandbox.store.rows("products"))
    rows = [{"sku": row["sku"].lower(), "price": 12.5} for row in products] + [{"sku": "NOBODY", "price": 1}]

    outcomes = write(bigcommerce_sandbox, "products", rows, "update", match_on="sku")

    assert told(outcomes) == ["updated"] * 35 + ["rejected"]
    assert [outcome.id for outcome in outcomes[:-1]] == [row["id"] for row in products]
    assert {row["price"] for row in bigcommerce_sandbox.store.rows("products")} == {12.5}
    assert sent(bigcommerce_sandbox, "PUT") == 4


@pytest.mark.bigcommerce_sandbox(products=3)
def test_an_upsert_of_products_changes_some_and_makes_others(bigcommerce_sandbox: Sandbox) -> None:
    known = next(iter(bigcommerce_sandbox.store.rows("products")))
    new = {"sku": "NEW-1", "name": "New one", "type": "physical", "weight": 1, "price": 3}

    outcomes = write(bigcommerce_sandbox, "products", [{"sku": known["sku"], "price": 7.25}, new], "upsert", match_on="sku")

    assert told(outcomes) == ["updated", "created"]
    held = {row["sku"]: row for row in bigcommerce_sandbox.store.rows("products")}
    assert (held[known["sku"]]["price"], held["NEW-1"]["name"]) == (7.25, "New one")
    assert outcomes[1].id == held["NEW-1"]["id"]


@pytest.mark.bigcommerce_sandbox(products=12)
def test_variants_by_id(bigcommerce_sandbox: Sandbox) -> None:
    variants = list(bigcommerce_sandbox.store.rows("product_variants"))

    outcomes = write(bigcommerce_sandbox, "product_variants", [{"id": row["id"], "price": 4.5} for row in variants], "update")

    assert set(told(outcomes)) == {"updated"}
    assert {row["price"] for row in bigcommerce_sandbox.store.rows("product_variants")} == {4.5}


@pytest.mark.bigcommerce_sandbox(products=12)
def test_variants_by_sku(bigcommerce_sandbox: Sandbox) -> None:
    variants = [row for row in bigcommerce_sandbox.store.rows("product_variants") if row["sku"]][:20]

    outcomes = write(
        bigcommerce_sandbox, "product_variants", [{"sku": row["sku"], "price": 4.5} for row in variants], "update", match_on="sku"
    )

    assert set(told(outcomes)) == {"updated"}
    assert [outcome.id for outcome in outcomes] == [row["id"] for row in variants]


@pytest.mark.bigcommerce_sandbox(products=10)
def test_price_records(bigcommerce_sandbox: Sandbox) -> None:
    price_list = next(iter(bigcommerce_sandbox.store.rows("price_lists")))["id"]
    variants = list(bigcommerce_sandbox.store.rows("product_variants"))
    rows = [{"price_list_id": price_list, "variant_id": row["id"], "currency": "usd", "price": 3.25} for row in variants]

    outcomes = write(bigcommerce_sandbox, "price_list_records", rows, "upsert")

    assert set(told(outcomes)) == {"updated"}
    held = {row["variant_id"]: row["price"] for row in read(bigcommerce_sandbox, "price_list_records", parent_ids=[price_list])}
    assert {held[row["id"]] for row in variants} == {3.25}
    assert sent(bigcommerce_sandbox, "PUT") == 1


@pytest.mark.bigcommerce_sandbox(customers=4)
def test_customers_by_email(bigcommerce_sandbox: Sandbox) -> None:
    known = list(bigcommerce_sandbox.store.rows("customers"))
    rows = [
        {"email": known[0]["email"].upper(), "first_name": "Ann"},
        {"email": "new@shop.example", "first_name": "Bo", "last_name": "C"},
        {"email": "no-last-name@shop.example", "first_name": "Di"},
    ]

    outcomes = write(bigcommerce_sandbox, "customers", rows, "upsert", match_on="email")

    assert told(outcomes) == ["updated", "created", "rejected"]
    held = {row["email"]: row for row in bigcommerce_sandbox.store.rows("customers")}
    assert outcomes[1].id == held["new@shop.example"]["id"]
    assert "Ann" in {row["first_name"] for row in held.values()}
    assert len(held) == 5


@pytest.mark.bigcommerce_sandbox(customers=3)
def test_addresses(bigcommerce_sandbox: Sandbox) -> None:
    customers = [row["id"] for row in bigcommerce_sandbox.store.rows("customers")]
    rows = [
        {
            "customer_id": customer, "first_name": "Jo", "last_name": "Li", "address1": f"{customer} Hill St", "city": "Austin",
            "state_or_province": "Texas", "postal_code": "78751", "country_code": "US",
        }
        for customer in customers
    ]  # fmt: skip

    first = write(bigcommerce_sandbox, "customer_addresses", rows, "create")
    second = write(bigcommerce_sandbox, "customer_addresses", rows, "create")

    assert told(first) == ["created"] * 3
    assert told(second) == ["unchanged"] * 3
    assert [outcome.id for outcome in second] == [outcome.id for outcome in first]


@pytest.mark.bigcommerce_sandbox(products=13)
def test_metafields_are_made_changed_and_deleted(bigcommerce_sandbox: Sandbox) -> None:
    products = [row["id"] for row in bigcommerce_sandbox.store.rows("products")]
    rows = [{"resource_id": product, "namespace": "erp", "key": "code", "value": "1", "permission_set": "app_only"} for product in products]

    made = write(bigcommerce_sandbox, "product_metafields", rows, "create")
    changed = write(bigcommerce_sandbox, "product_metafields", [{"id": outcome.id, "value": "2"} for outcome in made], "update")
    again = write(bigcommerce_sandbox, "product_metafields", [rows[0]], "create")
    gone = write(bigcommerce_sandbox, "product_metafields", [{"id": outcome.id} for outcome in made], "delete")

    assert told(made) == ["created"] * 13
    assert told(changed) == ["updated"] * 13
    assert told(again) in (["conflict"], ["rejected"])
    assert told(gone) == ["deleted"] * 13
    assert not [row for row in read(bigcommerce_sandbox, "product_metafields") if row["namespace"] == "erp"]


@pytest.mark.bigcommerce_sandbox(products=6)
def test_assignments_are_added_and_only_the_named_pairs_removed(bigcommerce_sandbox: Sandbox) -> None:
    products = [row["id"] for row in bigcommerce_sandbox.store.rows("products")]
    categories = [row["category_id"] for row in bigcommerce_sandbox.store.rows("categories")][:2]
    pairs = [{"product_id": product, "category_id": category} for product in products for category in categories]

    added = write(bigcommerce_sandbox, "product_category_assignments", pairs, "upsert")
    removed = write(bigcommerce_sandbox, "product_category_assignments", [pairs[0], pairs[3]], "delete")

    assert set(told(added)) == {"updated"}
    assert set(told(removed)) == {"deleted"}
    held = {(row["product_id"], row["category_id"]) for row in read(bigcommerce_sandbox, "product_category_assignments")}
    wanted = {(pair["product_id"], pair["category_id"]) for pair in pairs}
    assert wanted - held == {(pair["product_id"], pair["category_id"]) for pair in (pairs[0], pairs[3])}


def test_redirects(bigcommerce_sandbox: Sandbox) -> None:
    site = next(iter(bigcommerce_sandbox.store.rows("sites")))["id"]
    target = {"type": "url", "url": "https://shop.example/new"}
    rows = [{"from_path": f"/old-{number}", "site_id": site, "to": target} for number in range(12)]

    first = write(bigcommerce_sandbox, "redirects", rows, "upsert")
    second = write(bigcommerce_sandbox, "redirects", rows, "upsert")

    assert set(told(first) + told(second)) == {"updated"}
    assert Counter(row["from_path"] for row in read(bigcommerce_sandbox, "redirects"))["/old-3"] == 1


def test_brands(bigcommerce_sandbox: Sandbox) -> None:
    made = write(bigcommerce_sandbox, "brands", [{"name": f"Maker {number}"} for number in range(3)], "create")
    again = write(bigcommerce_sandbox, "brands", [{"name": "Maker 1", "page_title": "One"}, {"name": "Maker 9"}], "upsert", match_on="name")
    gone = write(bigcommerce_sandbox, "brands", [{"name": "Maker 1"}, {"name": "Maker 5"}], "delete", match_on="name")

    assert told(made) == ["created"] * 3
    assert told(again) == ["updated", "created"]
    assert again[0].id == made[1].id
    assert told(gone) == ["deleted", "unchanged"]


@pytest.mark.bigcommerce_sandbox(orders=4)
def test_orders_status(bigcommerce_sandbox: Sandbox) -> None:
    orders = [row["id"] for row in bigcommerce_sandbox.store.rows("orders")]
    wrong = [{"id": orders[0] + 10_000, "status_id": 2}, {"id": 1, "status": "Shipped"}]
    rows = [{"id": order, "status_id": 2} for order in orders] + wrong

    outcomes = write(bigcommerce_sandbox, "orders", rows, "update")

    assert told(outcomes) == ["updated"] * 4 + ["rejected"] * 2
    assert outcomes[5].fields == ("status",)
    assert {row["status_id"] for row in bigcommerce_sandbox.store.rows("orders")} == {2}


@pytest.mark.bigcommerce_sandbox(products=60)
@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "503"])
def test_no_row_is_lost_or_written_twice_whatever_happens_to_every_third_request(bigcommerce_sandbox: Sandbox, kind: Any) -> None:
    rows = [{"name": f"Maker {number}"} for number in range(12)]
    for skip in (1, 2, 3):
        bigcommerce_sandbox.store.fail_next(1, kind, method="POST", match="brands", skip=3 * skip)

    outcomes = write(bigcommerce_sandbox, "brands", rows, "create")

    names = Counter(row["name"] for row in bigcommerce_sandbox.store.rows("brands"))
    assert told(outcomes) == ["created"] * 12
    assert all(names[row["name"]] == 1 for row in rows)


@pytest.mark.bigcommerce_sandbox(customers=0)
def test_customers_are_made_once_each_though_a_third_of_the_requests_fails_half_of_them_after_the_store_acted(
    bigcommerce_sandbox: Sandbox,
) -> None:
    kinds: Any = ("reset_before", "reset_after", "500_after", "503_after", "500")
    bigcommerce_sandbox.store.planned_faults.endpoint("/v3/customers", 0.35, method="POST", kinds=kinds)
    rows: list[dict[str, Any]] = [
        {"email": f"c{number}@shop.example", "first_name": f"N{number}", "last_name": "L"} for number in range(150)
    ]
    rows[70]["email"] = "no address"

    outcomes = write(bigcommerce_sandbox, "customers", rows, "create")

    assert told(outcomes[:70] + outcomes[71:]) == ["created"] * 149
    assert outcomes[70].outcome == "rejected"
    emails = Counter(row["email"] for row in bigcommerce_sandbox.store.rows("customers"))
    assert sorted(emails.values()) == [1] * 149
    assert sum(bigcommerce_sandbox.store.faults.values()) > 3
    ids = {row["email"]: row["id"] for row in bigcommerce_sandbox.store.rows("customers")}
    assert [outcome.id for outcome in outcomes if outcome.row != 70] == [ids[row["email"]] for row in rows if "@" in row["email"]]
