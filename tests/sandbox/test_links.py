"""Every link that the sandbox hands out leads somewhere: `url` and `resource` of sub-resources, and the pages that `meta` names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_bigcommerce.sandbox.all_routes import build_router
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from tests.sandbox.walk import Walker
from tests.sandbox.wire import ask


def links(node: Any, base: str, path: str) -> Iterator[str]:
    """Links into the store's API within an answer, as paths of the store; `path` is what was asked."""
    if isinstance(node, list):
        for each in node:
            yield from links(each, base, path)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "resource" and "url" in node and isinstance(value, str):
                yield f"/{path[1:3]}{value}"
            elif isinstance(value, str) and value.startswith("?"):
                yield path.partition("?")[0] + value
            elif isinstance(value, str) and value.startswith(base):
                yield value.removeprefix(base)
            else:
                yield from links(value, base, path)


@pytest.mark.bigcommerce_sandbox(products=30, orders=12, customers=12)
def test_every_link_in_every_answer_works(bigcommerce_sandbox: Sandbox) -> None:
    walker, base = Walker(bigcommerce_sandbox), f"{bigcommerce_sandbox.url}/stores/{bigcommerce_sandbox.store_hash}"
    found: dict[str, str] = {}
    for template, route in build_router().templates.items():
        for path in walker.fill(template) if "get" in route.handlers else []:
            mark = "&" if "?" in path else "?"
            for asked in (path, f"{path}{mark}limit=2"):
                _, payload = walker.get(asked)
                found |= dict.fromkeys(links(payload, base, asked), template)
    for include in ("consignments", "consignments.line_items"):
        asked = f"/v2/orders?include={include}"
        found |= dict.fromkeys(links(walker.get(asked)[1], base, asked), asked)

    dead = {link: (template, status) for link, template in found.items() if (status := walker.get(link)[0]) not in (200, 204)}
    assert not dead, dict(list(dead.items())[:60])
    kinds = {link.split("/")[4].partition("?")[0] for link in found if link.startswith("/v2/orders/")}
    assert kinds >= {"products", "shipping_addresses", "coupons", "consignments", "fees"}
    assert sum("page=" in link or "after=" in link for link in found) > 100


def test_links_of_orders_are_spelt_as_recorded_ones_are(bigcommerce_sandbox: Sandbox) -> None:
    order = ask(bigcommerce_sandbox, "/v2/orders/100").json
    address = ask(bigcommerce_sandbox, "/v2/orders/100/shipping_addresses").json[0]

    base = f"{bigcommerce_sandbox.url}/stores/sandbox1/v2"
    assert order["shipping_addresses"] == {
        "url": f"{base}/orders/100/shipping_addresses", "resource": "/orders/100/shipping_addresses"
    }  # fmt: skip
    assert address["shipping_quotes"]["resource"] == f"/orders/100/shipping_addresses/{address['id']}/shipping_quotes"


def test_the_older_spelling_of_the_published_examples_is_answered_too(bigcommerce_sandbox: Sandbox) -> None:
    """The file's text: the link without underscores answers 204 for quotes."""
    address = ask(bigcommerce_sandbox, "/v2/orders/100/shippingaddresses")

    assert address.json == ask(bigcommerce_sandbox, "/v2/orders/100/shipping_addresses").json
    assert ask(bigcommerce_sandbox, f"/v2/orders/100/shippingaddresses/{address.json[0]['id']}/shippingquotes").status == 204
    assert ask(bigcommerce_sandbox, "/v2/orders/99999/shippingaddresses/1/shippingquotes").status == 404
