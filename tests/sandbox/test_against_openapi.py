"""Is the fake true? Every answer is held against BigCommerce's OpenAPI files."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
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


@pytest.fixture(scope="session")
def published(openapi_dir: Path) -> Published:
    return Published(openapi_dir)


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
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
