"""Is the fake true? Every answer is held against BigCommerce's OpenAPI files."""

from __future__ import annotations

import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.sandbox.store import Store
from tests.sandbox.published import Published
from tests.sandbox.walk import Walker

_PRODUCTS = "a product with options has no base variant, one without has no option set: the store says null, the file leaves null out"
# Where a file contradicts itself, another file or what stores send, and the sandbox follows the store: path, start of the complaint, why.
CONTRADICTIONS: dict[tuple[str, str], str] = {
    ("/v3/catalog/products", "data.[].base_variant_id: type 'integer', got 'None'"): _PRODUCTS,
    ("/v3/catalog/products", "data.[].option_set_id: type 'integer', got 'None'"): _PRODUCTS,
    ("/v3/catalog/products/{product_id}", "data.base_variant_id: type 'integer', got 'None'"): _PRODUCTS,
    ("/v3/catalog/products/{product_id}", "data.option_set_id: type 'integer', got 'None'"): _PRODUCTS,
    ("/v3/catalog/products/{product_id}/bulk-pricing-rules", "data: type 'object'"): "a list, as its own example and every sibling is",
    (
        "/v3/catalog/categories/{category_id}/products/sort-order",
        "data.[].sort_order: type 'integer', got 'None'",
    ): "its text says it may be null",
    ("/v3/carts/{cart_id}/metafields", "data: type 'object'"): "a list, as in the nine other metafield files",
    (
        "/v3/orders/payment_actions/refunds/{refund_id}",
        "data.items.[].requested_amount: type",
    ): "text here, a number in the list of refunds",
    ("/v2/orders", "[].payment_provider_id: anyOf"): "null where no provider took part",
    ("/v2/orders/{order_id}", "payment_provider_id: anyOf"): "null where no provider took part",
    ("/v2/orders/{order_id}/fees", ": type 'object', got '[]'"): "a list, as `include=fees` has it",
}


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12, recorded_values=False)
def test_every_answer_has_the_shape_bigcommerce_publishes(bigcommerce_sandbox: Sandbox, published: Published) -> None:
    walker, router = Walker(bigcommerce_sandbox), build_router()
    complaints: list[str] = []
    used: set[tuple[str, str]] = set()
    for template in published.paths():
        if template not in router.templates or "get" not in router.templates[template].handlers:
            continue
        paths = walker.fill(template)
        if not paths:
            complaints.append(f"{template}: no row to ask for")
        for path in paths:
            status, payload = walker.get(path)
            if status not in (200, 204):
                complaints.append(f"{path}: HTTP {status} {payload}")
                continue
            for complaint in published.errors(template, "get", status, payload) if payload is not None else []:
                known = [key for key in CONTRADICTIONS if key[0] == template and complaint.startswith(key[1])]
                used.update(known)
                if not known:
                    complaints.append(f"{template}: {complaint}")
    assert not complaints, "\n".join(sorted(set(complaints)))
    assert set(CONTRADICTIONS) - used == set(), "listed, but no answer contradicts its file there any more"


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12, recorded_values=True)
def test_recorded_values_contradict_the_files_only_where_real_stores_do(bigcommerce_sandbox: Sandbox, published: Published) -> None:
    walker, complaints = Walker(bigcommerce_sandbox), set()
    for template in ("/v2/orders", "/v2/orders/{order_id}/shipping_addresses", "/v2/coupons", "/v3/catalog/products",
                     "/v3/catalog/products/{product_id}/options", "/v3/catalog/products/{product_id}/modifiers"):  # fmt: skip
        for path in walker.fill(template):
            status, payload = walker.get(path)
            assert status in (200, 204)
            complaints |= {f"{template}: {each}" for each in published.errors(template, "get", status, payload)} if payload else set()

    known = {f"{path}: {start}" for path, start in CONTRADICTIONS}
    assert {each for each in complaints if not each.startswith(tuple(known))} == {
        "/v2/coupons: [].restricted_to: type 'object', got '[]'",
        "/v2/coupons: [].shipping_methods: type 'array', got 'None'",
        "/v3/catalog/products/{product_id}/options: data.[].config: type 'object', got '[]'",
    }


def test_recorded_values_are_there_and_move_no_date() -> None:
    plain, recorded = (Store(products=30, orders=12, customers=12, recorded_values=each) for each in (False, True))

    kinds = {type(field["value"]) for order in recorded.rows("orders") for field in order["billing_address"]["form_fields"]}
    assert kinds == {str, float, list}
    assert next(row["price"] for row in recorded.rows("products")) == 13.858823529412
    assert [row["restricted_to"] for row in recorded.rows("coupons")].count([]) == 40
    for name in ("products", "orders"):
        assert [row["date_modified"] for row in recorded.rows(name)] == [row["date_modified"] for row in plain.rows(name)]


# Answers that are streams or files, not records; nothing of ours reads them.
NOT_SERVED = {
    "/v3/infrastructure/deployments/{deployment_uuid}/events",
    "/v3/infrastructure/logs/{project_uuid}/tail",
    "/v3/storefront/redirects/imex/export/{uuid}/download",
    "/v3/storefront/redirects/imex/export/{uuid}/events",
    "/v3/storefront/redirects/imex/import/{uuid}/events",
}


def test_every_published_get_is_served(published: Published) -> None:
    served = {template for template, route in build_router().templates.items() if "get" in route.handlers}

    assert set(published.paths()) - served == NOT_SERVED


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_every_list_gives_the_same_rows_in_small_pages_as_in_large_ones(bigcommerce_sandbox: Sandbox, published: Published) -> None:
    walker = Walker(bigcommerce_sandbox)
    walked, long = [], []
    for template in published.paths():
        query = published.query(template)
        if "limit" not in query or template in NOT_SERVED or template.endswith("/count") or template.count("{") > 2:
            continue
        for path in walker.fill(template):
            rows = [row for page in walker.pages(path, query, limit=250) for row in page]
            if not rows:
                continue
            small = list(walker.pages(path, query, limit=max(2, len(rows) // 4)))
            assert [row for page in small for row in page] == rows == bigcommerce_sandbox.listed(*walker.split(path)), path
            walked.append(template)
            if len(rows) > 50:
                long.append(template)

    assert len(set(walked)) > 80
    assert len(set(long)) > 15, "without lists longer than a default page, reading only the first one goes unseen"


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_rows_refer_to_rows_that_exist(bigcommerce_sandbox: Sandbox) -> None:
    store = bigcommerce_sandbox.store
    references = {"product_id": "products", "variant_id": "product_variants", "customer_id": "customers", "order_id": "orders",
                  "price_list_id": "price_lists", "channel_id": "channels", "tax_zone_id": "tax_zones", "theme_uuid": "themes",
                  "country_id": "countries"}  # fmt: skip
    fitting = {"price_list_records", "channel_listings", "wishlists", "shopper_profiles", "price_list_assignments", "tax_rates", "states"}
    fitting |= {"theme_configurations", "product_customs_information", "tax_customers", "orders", "order_products", "product_variants"}
    dangling = [
        (kind, field, row[field])
        for kind in fitting
        for row in store.rows(kind)
        for field, table in references.items()
        if row.get(field) not in (None, 0) and row[field] not in store.tables[table]
    ]
    assert dangling == []


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
@pytest.mark.parametrize(("everywhere", "parent", "child"), [
    ("/v3/catalog/products/metafields", "products", "/v3/catalog/products/{}/metafields"),
    ("/v3/catalog/brands/metafields", "brands", "/v3/catalog/brands/{}/metafields"),
    ("/v3/catalog/categories/metafields", "categories", "/v3/catalog/categories/{}/metafields"),
    ("/v3/customers/metafields", "customers", "/v3/customers/{}/metafields"),
    ("/v3/orders/metafields", "orders", "/v3/orders/{}/metafields"),
    ("/v3/channels/metafields", "channels", "/v3/channels/{}/metafields"),
    ("/v3/carts/metafields", "carts", "/v3/carts/{}/metafields"),
    ("/v3/inventory/locations/metafields", "inventory_locations", "/v3/inventory/locations/{}/metafields"),
])  # fmt: skip
def test_the_store_wide_metafields_are_those_of_all_parents(bigcommerce_sandbox: Sandbox, everywhere: str, parent: str, child: str) -> None:
    walker = Walker(bigcommerce_sandbox)
    _, whole = walker.get(f"{everywhere}?limit=250")
    parts = [
        row for key in bigcommerce_sandbox.store.tables[parent].ids() for row in walker.get(f"{child.format(key)}?limit=250")[1]["data"]
    ]

    assert sorted(row["id"] for row in parts) == sorted(row["id"] for row in whole["data"])
    assert len(parts) > 50


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_stock_of_all_locations_adds_up_to_the_variants(bigcommerce_sandbox: Sandbox) -> None:
    walker = Walker(bigcommerce_sandbox)
    levels = {row["id"]: row["inventory_level"] for row in bigcommerce_sandbox.store.rows("product_variants")}
    _, items = walker.get("/v3/inventory/items?limit=1000")

    assert {
        item["identity"]["variant_id"]: sum(place["available_to_sell"] for place in item["locations"]) for item in items["data"]
    } == levels
