"""The state: the seed makes it, writes change it and move date_modified, a file keeps it, tests arrange and assert it."""

from __future__ import annotations

import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.wire import ask, walk

PRODUCTS, ORDERS, CUSTOMERS = "/v3/catalog/products", "/v2/orders", "/v3/customers"
NOW = 1_780_000_000


def test_the_same_seed_makes_the_same_store_and_another_makes_another() -> None:
    def rows(seed: int) -> dict[str, object]:
        store = Store(seed=seed, products=20, orders=10, customers=10)
        return {name: store.rows(name) for name in (*store.tables, *store.nested)}

    first, second, other = rows(1), rows(1), rows(2)

    assert first == second
    assert {name for name in first if first[name] == other[name] and name not in ("category_trees", "inventory_locations")} & {
        "products", "product_variants", "customers", "orders", "order_products", "customer_addresses"} == set()  # fmt: skip


def test_a_row_does_not_depend_on_what_was_asked_before() -> None:
    forwards, backwards = (Store(products=30, orders=8, customers=8) for _ in range(2))
    for name in forwards.tables:
        keys = list(forwards.tables[name].ids())

        assert [forwards.row(name, key) for key in keys] == [backwards.row(name, key) for key in reversed(keys)][::-1], name


def test_a_row_of_every_table_can_be_added() -> None:
    store = Store(products=10, orders=5, customers=5)
    for name, table in store.tables.items():
        before = store.count(name)
        added = store.add(name)
        assert (store.row(name, added[table.key]), store.count(name)) == (added, before + 1), name


@pytest.fixture
def store(bigcommerce_sandbox: Sandbox) -> Store:
    bigcommerce_sandbox.store.clock = lambda: float(NOW)
    return bigcommerce_sandbox.store


def test_a_product_is_created_changed_and_deleted(bigcommerce_sandbox: Sandbox, store: Store) -> None:
    made = ask(bigcommerce_sandbox, PRODUCTS, method="POST", body={"name": "Tëa", "type": "physical", "weight": 1, "price": 3.5}).data
    variants = ask(bigcommerce_sandbox, f"{PRODUCTS}/{made['id']}/variants").data
    changed = ask(bigcommerce_sandbox, f"{PRODUCTS}/{made['id']}", method="PUT", body={"price": 4}).data
    since = ask(bigcommerce_sandbox, PRODUCTS, {"date_modified:min": "2026-05-01T00:00:00Z"})
    gone = ask(bigcommerce_sandbox, f"{PRODUCTS}/{made['id']}", method="DELETE")

    assert (made["name"], made["date_created"], made["date_modified"]) == ("Tëa", "2026-05-28T20:26:40+00:00", "2026-05-28T20:26:40+00:00")
    assert [variant["product_id"] for variant in variants] == [made["id"]]
    assert (changed["price"], since.ids(), gone.status) == (4, [made["id"]], 204)
    assert ask(bigcommerce_sandbox, f"{PRODUCTS}/{made['id']}").status == 404
    assert [row for row in walk(bigcommerce_sandbox, "/v3/catalog/variants", limit=250) if row["product_id"] == made["id"]] == []


def test_missing_fields_and_large_batches_are_refused(bigcommerce_sandbox: Sandbox) -> None:
    ids = [row["id"] for row in bigcommerce_sandbox.store.rows("products")]

    def put(rows: list[dict[str, object]]) -> int:
        return ask(bigcommerce_sandbox, PRODUCTS, method="PUT", body=rows).status

    missing = ask(bigcommerce_sandbox, PRODUCTS, method="POST", body={"name": "x"})
    assert (missing.status, set(missing.json["errors"])) == (422, {"type", "weight", "price"})
    assert put([{"id": row_id, "name": f"n{row_id}"} for row_id in ids]) == 200
    assert put([{"id": row_id} for row_id in [*ids, ids[0]]]) == 413
    assert put([{"id": 999_999}]) == 404
    assert ask(bigcommerce_sandbox, CUSTOMERS, method="POST", body=[{}] * 11).status == 413
    assert bigcommerce_sandbox.store.row("products", ids[0])["name"] == f"n{ids[0]}"


def test_customers_are_written_in_batches_and_deleted_only_by_name(bigcommerce_sandbox: Sandbox, store: Store) -> None:
    home = {"first_name": "A", "last_name": "B", "address1": "Dom 1", "city": "Köln", "country_code": "DE"}
    body = [{"email": "a@example.com", "first_name": "A", "last_name": "B", "addresses": [home]}]
    made = ask(bigcommerce_sandbox, CUSTOMERS, method="POST", body=body).data[0]
    shown = ask(bigcommerce_sandbox, CUSTOMERS, {"id:in": made["id"], "include": "addresses"}).data[0]
    before = store.count("customers")
    ask(bigcommerce_sandbox, CUSTOMERS, method="DELETE")
    kept = store.count("customers")
    ask(bigcommerce_sandbox, CUSTOMERS, {"id:in": made["id"]}, method="DELETE")

    assert (shown["address_count"], [address["city"] for address in shown["addresses"]]) == (1, ["Köln"])
    assert (kept, store.count("customers")) == (before, before - 1)


def test_an_order_is_created_moved_on_and_archived(bigcommerce_sandbox: Sandbox, store: Store) -> None:
    product = store.rows("products")[0]
    body = {"customer_id": 0, "billing_address": {"first_name": "Ada"}, "products": [{"product_id": product["id"], "quantity": 3}]}
    made = ask(bigcommerce_sandbox, ORDERS, method="POST", body=body)
    order_id = made.json["id"]
    lines = ask(bigcommerce_sandbox, f"{ORDERS}/{order_id}/products").json
    moved = ask(bigcommerce_sandbox, f"{ORDERS}/{order_id}", method="PUT", body={"status_id": 2}).json
    archived = ask(bigcommerce_sandbox, f"{ORDERS}/{order_id}", method="DELETE")

    assert (made.status, made.json["status_id"], made.json["items_total"], made.json["billing_address"]["first_name"]) == (201, 1, 3, "Ada")
    assert [(line["product_id"], line["quantity"]) for line in lines] == [(product["id"], 3)]
    assert (moved["status"], parsedate_to_datetime(moved["date_modified"]).timestamp()) == ("Shipped", NOW)
    assert (archived.status, ask(bigcommerce_sandbox, f"{ORDERS}/{order_id}").json["is_deleted"]) == (204, True)
    assert order_id not in ask(bigcommerce_sandbox, ORDERS).ids()
    assert ask(bigcommerce_sandbox, f"{ORDERS}/{order_id}", method="PUT", body={"id": 7}).status == 400


def test_tests_arrange_a_store_by_its_own_verbs(bigcommerce_sandbox: Sandbox, store: Store) -> None:
    product, customer = store.rows("products")[0]["id"], store.rows("customers")[0]
    order = store.add_order(lines=7, customer_id=customer["id"], status_id=11)
    store.edit_product(product, price=9.5)
    moved = store.move_customer(customer["id"], city="Zürich")

    assert len(ask(bigcommerce_sandbox, f"{ORDERS}/{order['id']}/products").json) == 7
    assert ask(bigcommerce_sandbox, ORDERS, {"min_date_modified": "2026-05-01T00:00:00+00:00"}).ids() == [order["id"]]
    assert ask(bigcommerce_sandbox, PRODUCTS, {"date_modified:min": "2026-05-01T00:00:00Z"}).ids() == [product]
    shown = ask(bigcommerce_sandbox, CUSTOMERS, {"date_modified:min": "2026-05-01T00:00:00Z", "include": "addresses"}).data
    assert [(row["id"], row["addresses"][0]["city"]) for row in shown] == [(moved["id"], "Zürich")]
    with pytest.raises(KeyError, match="products"):
        store.rows("colours")
    with pytest.raises(KeyError, match="999999"):
        store.edit_product(999_999, name="x")


def test_settings_are_changed_by_put(bigcommerce_sandbox: Sandbox) -> None:
    path = "/v3/settings/storefront/seo"
    ask(bigcommerce_sandbox, path, method="PUT", body={"page_title": "Ünïcode"})

    assert ask(bigcommerce_sandbox, path).data["page_title"] == "Ünïcode"


def test_changes_survive_a_restart_with_a_file(tmp_path: Path) -> None:
    def opened() -> Store:
        return Store(products=20, orders=5, customers=5, db=tmp_path / "store.db", clock=lambda: float(NOW))

    first = opened()
    product, deleted = first.rows("products")[0]["id"], first.rows("products")[1]["id"]
    first.edit_product(product, name="kept")
    first.delete("products", deleted)
    order = first.add_order(lines=3)
    first.move_customer(first.rows("customers")[0]["id"])
    first.delete("orders", first.rows("orders")[0]["id"])
    first.keep_singleton("/v3/settings/logo", {"type": "text"})
    first.add("coupons", code="NEW")
    expected = {name: first.rows(name) for name in (*first.tables, *first.nested)}
    first.close()

    second = opened()
    try:
        assert {name: second.rows(name) for name in (*second.tables, *second.nested)} == expected
        assert second.row("products", product)["name"] == "kept"
        assert second.row("products", deleted) is None
        assert len(second.rows("order_products", order["id"])) == 3
        assert second.singletons == {"/v3/settings/logo": {"type": "text"}}
        assert second.add_product()["id"] > product
    finally:
        second.close()


def test_a_file_of_another_store_is_refused(tmp_path: Path) -> None:
    Store(products=20, db=tmp_path / "store.db").close()

    with pytest.raises(ValueError, match="products 20, not 21"):
        Store(products=21, db=tmp_path / "store.db")


def test_importing_the_plugin_opens_nothing_heavy() -> None:
    heavy = "{'aiohttp', 'msgspec', 'airflow', 'cryptography'}"
    code = f"import sys, airflow_provider_bigcommerce.sandbox.pytest_plugin; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.bigcommerce_sandbox(products=260, orders=260, customers=3, tls=True)
def test_the_official_sdk_reads_every_product_and_order(bigcommerce_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("bigcommerce.api", reason="pip install bigcommerce")
    monkeypatch.setenv("BC_API_ENDPOINT", bigcommerce_sandbox.url.removeprefix("https://"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bigcommerce_sandbox.ca_file))
    store = bigcommerce_sandbox.store
    client = api.BigcommerceApi(client_id="x", store_hash=store.store_hash, access_token=bigcommerce_sandbox.token)

    products = list(client.Products.iterall())
    orders = list(client.Orders.iterall())

    assert sorted(product.id for product in products) == [row["id"] for row in store.rows("products")]
    assert sorted(order.id for order in orders) == [row["id"] for row in store.rows("orders")]
    assert [line.id for line in orders[0].products()] == [row["id"] for row in store.rows("order_products", orders[0].id)]
