"""Which calls mean a whole collection: a table of calls. ``test_catalog_writes.py`` holds the data against the facts."""

from __future__ import annotations

import re

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.whole_collection import require_part
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

WHOLE: list[tuple[str, str, dict[str, str], bytes | None]] = [
    ("DELETE", "/v2/orders", {}, None),
    ("DELETE", "/v2/orders", {"limit": "1"}, None),
    ("DELETE", "/v2/orders", {"min_id": "7"}, None),  # no filter of this call: passed over, and all go
    ("DELETE", "/v2/Orders.json", {}, None),
    ("DELETE", "/v2/orders.xml", {}, None),
    ("DELETE", "/v2/order%73", {}, None),
    ("DELETE", "/v2/orders/7/shipments", {}, None),
    ("DELETE", "/v2/customers", {}, None),
    ("DELETE", "/v2/customers/7/addresses", {}, None),
    ("DELETE", "/v2/coupons", {}, None),
    ("DELETE", "/v2/coupons", {"id:in": ""}, None),
    ("DELETE", "/v2/coupons", {"id:in": " , "}, None),
    ("DELETE", "/v2/coupons", {"code": "x"}, None),
    ("DELETE", "/v2/products", {}, None),  # in no file; the list is in the catalog
    ("DELETE", "/v2/products/7/images", {}, None),
    ("DELETE", "/v3/catalog/products", {}, None),
    ("DELETE", "/v3/catalog/products", {"ids": "1"}, None),
    ("DELETE", "/v3/catalog/products", {"id:in": ""}, None),
    ("DELETE", "/v3/catalog/products", {}, b"[1, 2]"),  # it takes no ids in the body
    ("DELETE", "/v3/catalog/trees/categories", {"tree_id:in": "1"}, None),
    ("DELETE", "/v3/storefront/redirects", {"site_id": "1"}, None),
    ("DELETE", "/v3/pricelists/7/records", {}, None),
    ("DELETE", "/v3/catalog/products/category-assignments", {}, None),
    ("DELETE", "/v3/catalog/products/category-assignments", {"product_id:in": "5"}, None),  # takes product 5 out of every category
    ("DELETE", "/v3/catalog/products/category-assignments", {"category_id:in": "7", "product_id:in": " "}, None),
    ("DELETE", "/v3/catalog/products/channel-assignments", {"channel_id:in": "1"}, None),
    ("DELETE", "/v3/customers/subscribers", {}, None),
    ("DELETE", "/v3/customers/metafields", {"id:in": "1"}, None),
    ("DELETE", "/v3/orders/metafields", {}, None),
    ("DELETE", "/v3/orders/metafields", {"id:in": "1"}, None),
    ("DELETE", "/v3/orders/metafields", {}, b"[]"),
    ("DELETE", "/v3/orders/metafields", {}, b"[null]"),
    ("DELETE", "/v3/orders/metafields", {}, b'[""]'),
    ("DELETE", "/v3/orders/metafields", {}, b"not json"),
    ("DELETE", "/v3/checkouts/abc/fees", {}, b'{"ids": []}'),
    ("DELETE", "/v3/promotions/7/codes", {}, None),
    ("PUT", "/v2/orders", {}, b'{"status_id": 5}'),
    ("PUT", "/v3/settings/search/filters", {}, b"[]"),
    ("PATCH", "/v3/catalog/products", {}, b"{}"),
]
PART: list[tuple[str, str, dict[str, str], bytes | None]] = [
    ("DELETE", "/v2/orders/7", {}, None),
    ("DELETE", "/v2/coupons", {"id:in": "7"}, None),
    ("DELETE", "/v3/catalog/products", {"id:in": "7,8"}, None),
    ("DELETE", "/v3/catalog/products", {"sku": "x"}, None),
    ("DELETE", "/v3/pricelists/7/records", {"sku:in": "x"}, None),
    ("DELETE", "/v3/pricelists/7/records/8/usd", {}, None),
    ("DELETE", "/v3/orders/metafields", {}, b"[7]"),
    ("DELETE", "/v3/catalog/products/category-assignments", {"product_id:in": "5", "category_id:in": "7"}, None),
    ("DELETE", "/v3/checkouts/abc/fees", {}, b'{"ids": ["a"]}'),
    ("DELETE", "/v3/channels/1/site", {}, None),
    ("DELETE", "/v3/catalog/brands/7/image", {}, None),
    ("DELETE", "/v3/made/up", {}, None),
    ("GET", "/v2/orders", {}, None),
    ("HEAD", "/v2/orders", {}, None),
    ("POST", "/v2/orders", {}, b"{}"),
    ("PUT", "/v2/orders/7", {}, b"{}"),
    ("PUT", "/v3/catalog/products", {}, b'[{"id": 7}]'),
    ("PUT", "/v3/inventory/adjustments/absolute", {}, b"{}"),
    ("POST", "/graphql", {}, b"{}"),
]


@pytest.mark.parametrize(("method", "path", "params", "body"), WHOLE)
def test_a_call_that_names_no_row_needs_the_word(method: str, path: str, params: dict[str, str], body: bytes | None) -> None:
    with pytest.raises(InvalidQueryError, match=r"names no row.*whole_collection=True"):
        require_part(method, path, params.items(), body)
    require_part(method, path, params.items(), body, whole_collection=True)


@pytest.mark.parametrize(("method", "path", "params", "body"), PART)
def test_a_call_that_names_rows_or_makes_one_does_not(method: str, path: str, params: dict[str, str], body: bytes | None) -> None:
    require_part(method, path, params.items(), body)


@pytest.mark.parametrize("word", ["true", "False", 1, [True], None])
def test_only_true_is_the_word(word: object) -> None:
    with pytest.raises(InvalidQueryError):
        require_part("DELETE", "/v2/orders", whole_collection=word)


def test_the_message_names_the_filters_that_the_call_has() -> None:
    with pytest.raises(InvalidQueryError, match=r"DELETE /v2/coupons names no row.*give one of these a value: id:in\."):
        require_part("DELETE", "/v2/coupons")
    with pytest.raises(InvalidQueryError, match=r"all rows of the collection that product_id:in names\. Give all of these a value"):
        require_part("DELETE", "/v3/catalog/products/category-assignments", {"product_id:in": "5"}.items())
    with pytest.raises(InvalidQueryError, match=r"ids as a list in json="):
        require_part("DELETE", "/v3/orders/metafields")


def test_no_delete_of_the_catalog_is_of_a_whole_list() -> None:
    """What ``delete`` sends: the catalog's own path with one id in place."""
    for row in CATALOG.values():
        if row.delete is None:
            continue
        path = re.sub(r"\{[^}]+\}", "7", row.delete.path)
        params = dict.fromkeys(row.delete.required_filters, "7")
        body = None if params or path.endswith("7") else b"[7]"
        require_part("DELETE", path, params.items(), body)
