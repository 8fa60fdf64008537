"""Which calls mean a whole collection: a table of calls, and the data held against the facts about BigCommerce's writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.collection_writes import COLLECTION_WRITES
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
    with pytest.raises(InvalidQueryError, match=r"ids as a list in json="):
        require_part("DELETE", "/v3/orders/metafields")


def test_no_delete_of_the_catalog_is_of_a_whole_list() -> None:
    """What ``delete`` sends: the catalog's own path with one id in place."""
    for row in CATALOG.values():
        if row.delete is None:
            continue
        path = re.sub(r"\{[^}]+\}", "7", row.delete.path)
        params = dict.fromkeys(row.delete.required_filters[:1], "7")
        body = None if params or path.endswith("7") else b"[7]"
        require_part("DELETE", path, params.items(), body)


# -- the data against the facts ---------------------------------------------------------------------------------------

#: Documented parameters that do not choose rows.
NOT_ROWS = {
    "page": "a part of the list, whichever",
    "limit": "likewise",
    "delete_children": "a switch",
    "site_id": "alone it deletes all redirects of the site",
    "tree_id:in": "alone it empties the trees",
    "id:not_in": "it names what stays",
}


def shape(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


@pytest.fixture
def operations(openapi_dir: Path) -> list[dict[str, Any]]:
    facts = openapi_dir.parent / "facts" / "bigcommerce-writes.json"
    if not facts.exists():
        pytest.skip("the facts about writes are not beside the OpenAPI files")
    found: list[dict[str, Any]] = json.loads(facts.read_text())["operations"]
    return found


def test_every_delete_of_a_list_is_in_the_table_with_its_filters(operations: list[dict[str, Any]]) -> None:
    kinds = {"wipes", "refused", "nothing", "must_have", "required_param", "unknown", "ids_in_body"}
    documented = {
        shape(operation["path"]): operation
        for operation in operations
        if operation["method"] == "DELETE" and (operation["empty_filter"] or {}).get("kind") in kinds
    }
    table = {shape(call.path): call for call in COLLECTION_WRITES if call.method == "DELETE"}

    assert len(documented) > 50
    assert table.keys() == documented.keys()
    for path, call in table.items():
        operation = documented[path]
        assert {*call.filters} == {*operation["query"]["all"]} - NOT_ROWS.keys(), path
        body = operation["body"]
        in_body = operation["empty_filter"]["kind"] == "ids_in_body"
        assert call.ids_in == ({"array": "list"}.get(body["shape"], body.get("list_field")) if in_body else None), path
        assert re.fullmatch(r"[\w./-]+\.ya?ml:\d+", call.source), path


def test_every_documented_call_of_one_object_or_of_rows_in_its_body_is_free(operations: list[dict[str, Any]]) -> None:
    table = {(call.method, shape(call.path)) for call in COLLECTION_WRITES}
    free = 0
    for operation in operations:
        method, path = operation["method"], operation["path"]
        if (method, shape(path)) not in table:
            free += 1
            require_part(method, re.sub(r"\{[^}]+\}", "7", path))
    assert free > 300


def test_a_put_that_replaces_a_whole_list_is_in_the_table(operations: list[dict[str, Any]]) -> None:
    changing = [operation for operation in operations if operation["method"] in ("PUT", "POST") and operation["body"]["shape"] == "array"]
    replacing = {operation["path"] for operation in changing if (operation["put"] or {}).get("kind") == "replace"}
    assert replacing == {call.path for call in COLLECTION_WRITES if call.method != "DELETE"}
