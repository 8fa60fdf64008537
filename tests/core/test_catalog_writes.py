"""The catalog's calls that write: consistent among themselves, found by their paths, and held against the facts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.catalog.operations import OPERATIONS, Done, operation, operation_for, operation_of, operations_of
from airflow_provider_bigcommerce.core.catalog.write import Write
from airflow_provider_bigcommerce.core.catalog.write_fields import fields_of
from airflow_provider_bigcommerce.core.whole_collection import means_all, require_part
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from tests.tools import generate_write_fields

#: Stricter than the facts, with the reason beside the row.
FEWER_AT_ONCE = {"DELETE /v3/catalog/products/channel-assignments", "DELETE /v3/pricelists"}

#: Documented parameters that do not choose rows.
NOT_ROWS = {
    "page": "a part of the list, whichever",
    "limit": "likewise",
    "delete_children": "a switch",
    "site_id": "alone it deletes all redirects of the site",
    "tree_id:in": "alone it empties the trees",
    "id:not_in": "it names what stays",
}


@pytest.fixture(scope="module")
def facts(openapi_dir: Path) -> dict[tuple[str, str], dict[str, Any]]:
    file = openapi_dir.parent / "facts" / "bigcommerce-writes.json"
    if not file.exists():
        pytest.skip("the facts about writes are not beside the OpenAPI files")
    return {(fact["method"], fact["path"]): fact for fact in json.loads(file.read_text())["operations"]}


# -- among themselves -------------------------------------------------------------------------------------------------


def test_every_call_is_found_by_its_path_as_it_is_sent() -> None:
    for write in OPERATIONS.values():
        assert operation_of(write.method, re.sub(r"\{[^}]+\}", "77", write.path)) is write, write.name


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("PUT", "/v3/catalog/products/77", "/v3/catalog/products/{product_id}"),
        ("put", "/V3/Catalog/Products/77", "/v3/catalog/products/{product_id}"),
        ("DELETE", "/v3/catalog/products/channel-assignments", "/v3/catalog/products/channel-assignments"),
        ("DELETE", "/v3/promotions/codes", "/v3/promotions/codes"),
        ("DELETE", "/v3/promotions/7", "/v3/promotions/{id}"),
        ("PUT", "/v2/orders/7.json", "/v2/orders/{order_id}"),
        ("POST", "/v2/order%73", "/v2/orders"),
        ("PUT", "/v3/inventory/adjustments/absolute", "/v3/inventory/adjustments/absolute"),
        ("POST", "/v3/made/up", None),
        ("PATCH", "/v3/catalog/products/77", None),
        ("GET", "/v3/catalog/products/77", None),
    ],
)
def test_a_raw_path_finds_its_call(method: str, path: str, template: str | None) -> None:
    found = operation_of(method, path)

    assert (found.path if found else None) == template


def test_a_call_that_no_file_has_is_no_call() -> None:
    with pytest.raises(KeyError):
        operation("PUT", "/v3/made/up")


def test_every_call_of_a_resource_is_reachable_from_it() -> None:
    for name, row in CATALOG.items():
        for write in (row.create, row.update, row.delete):
            assert write is None or OPERATIONS[write.method, write.path] is write
            assert write is None or write.resource in CATALOG
        assert all(write.resource == name for write in operations_of(name))


@pytest.mark.parametrize(
    ("name", "done", "call"),
    [
        ("products", "update", "PUT /v3/catalog/products"),
        ("products", "upsert", None),
        ("price_list_records", "create", "POST /v3/pricelists/{price_list_id}/records"),
        ("price_list_records", "upsert", "PUT /v3/pricelists/{price_list_id}/records"),
        ("inventory_items", "upsert", "PUT /v3/inventory/adjustments/absolute"),
        ("inventory_items", "increment", "POST /v3/inventory/adjustments/relative"),
        ("product_category_assignments", "upsert", "PUT /v3/catalog/products/category-assignments"),
        ("wishlists", "create", "POST /v3/wishlists"),
        ("orders", "delete", "DELETE /v2/orders/{order_id}"),
        ("coupons", "delete", "DELETE /v2/coupons/{id}"),
        ("brands", "replace", "POST /v3/catalog/brands/{brand_id}/image"),
    ],
)
def test_a_bulk_change_goes_to_this_call(name: str, done: Done, call: str | None) -> None:
    found = operation_for(CATALOG[name], done)

    assert (found.name if found else None) == call


def test_a_size_that_nobody_publishes_is_ten() -> None:
    assert {write.rows_at_once for write in OPERATIONS.values() if write.batch_size is None} == {10}
    assert operation("PUT", "/v3/catalog/products").rows_at_once == 10
    assert operation("PUT", "/v3/pricelists/{price_list_id}/records").rows_at_once == 1000


# -- against the facts ------------------------------------------------------------------------------------------------


def test_the_catalog_has_all_calls_of_the_facts_and_no_other(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert OPERATIONS.keys() == facts.keys()
    assert len(OPERATIONS) == 401


def as_the_catalog_says_it(fact: dict[str, Any]) -> dict[str, Any]:
    rows, body, partial = fact["rows_per_request"], fact["body"], fact["partial"] or {}
    shape = "keys" if body.get("of") in ("integer", "string") else body["shape"]
    statuses = re.match(r"\d{3}(/\d{3})*", partial.get("answer") or "")
    return {
        "resource": fact["resource"],
        "role": fact["role"],
        "batch_size": rows["max"] if rows["many"] else 1,
        "body": shape,
        "list_field": body.get("list_field"),
        "put": (fact["put"] or {}).get("kind"),
        "repeat": fact["repeat"]["kind"],
        "failed_by": partial.get("rows_by"),
        "failed_status": tuple(map(int, statuses[0].split("/"))) if statuses else (),
        "empty_filter": (fact["empty_filter"] or {}).get("kind"),
        "is_asynchronous": fact["asynchronous"],
        "deprecated": fact["deprecated"],
        "source": f"{fact['spec']['file']}:{fact['spec']['line']}",
    }


def test_every_call_is_as_the_facts_have_it(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    for key, write in OPERATIONS.items():
        wanted = as_the_catalog_says_it(facts[key])
        assert {name: getattr(write, name) for name in wanted} == wanted, write.name
        at_once = facts[key]["concurrency"]["max"]
        assert write.concurrency == (1 if write.name in FEWER_AT_ONCE else at_once), write.name
        keys = [(lookup.path, lookup.filter, lookup.many, lookup.unique) for lookup in write.lookup]
        assert keys == [(key["get"], key["filter"], key["many"], key["unique"]) for key in facts[key]["lookup"]], write.name


def test_filters_are_those_that_are_documented_and_choose_rows(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    for key, write in OPERATIONS.items():
        named = {*write.required_filters, *write.filters}
        documented = {*facts[key]["query"]["all"]}
        if means_all(write) and write.method == "DELETE":
            assert named == documented - NOT_ROWS.keys(), write.name
            assert {*facts[key]["query"]["required"]} <= {*write.required_filters}, write.name
        else:
            assert named <= documented, write.name


def test_an_upsert_by_a_key_has_its_fields_in_the_body(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    for write in OPERATIONS.values():
        assert not write.upsert_by or write.role == "upsert"
        fields = fields_of(write)
        for name in {name.split(".")[0] for group in write.upsert_by for name in group}:
            assert fields is not None
            assert name in fields.fields, (write.name, name)


# -- no DELETE of many without what names its rows --------------------------------------------------------------------


def is_refused(method: str, path: str, params: dict[str, str], body: bytes | None) -> bool:
    try:
        require_part(method, path, params.items(), body)
    except InvalidQueryError:
        return True
    return False


def test_no_delete_of_many_leaves_without_its_keys(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    """All 62: the 54 that take keys are refused without them, the 8 whose path names the one object are not."""
    many = [key for key, fact in facts.items() if fact["role"] == "delete_many"]
    refused, free = set(), set()
    for method, template in many:
        path = re.sub(r"\{[^}]+\}", "7", template)
        for params in ({}, {"limit": "1"}, dict.fromkeys(NOT_ROWS, "1")):
            for body in (None, b"[]", b'{"ids": []}'):
                (refused if is_refused(method, path, params, body) else free).add(template)
        require_part(method, path, whole_collection=True)

    assert len(many) == 62
    assert (len(refused), len(free)) == (54, 8)
    assert free == {path for method, path in many if facts[method, path]["empty_filter"]["kind"] == "one_object"}


def test_each_of_the_keys_that_a_delete_of_many_takes_lets_it_through(facts: dict[tuple[str, str], dict[str, Any]]) -> None:
    for key, write in OPERATIONS.items():
        if facts[key]["role"] != "delete_many" or not means_all(write):
            continue
        path = re.sub(r"\{[^}]+\}", "7", write.path)
        for name in write.filters:
            require_part("DELETE", path, {name: "x"}.items())
        if write.required_filters:
            require_part("DELETE", path, dict.fromkeys(write.required_filters, "x").items())
        for left_out in write.required_filters if len(write.required_filters) > 1 else ():
            given = {name: "x" for name in write.required_filters if name != left_out}
            with pytest.raises(InvalidQueryError, match="Give all of these a value"):
                require_part("DELETE", path, given.items())
        if write.body == "keys":
            require_part("DELETE", path, (), b"[7]")


# -- the fields of bodies ---------------------------------------------------------------------------------------------


def test_the_fields_are_what_the_facts_give(openapi_dir: Path) -> None:
    operations = generate_write_fields.write_facts(openapi_dir)

    assert generate_write_fields.DATA.read_text(encoding="utf-8") == generate_write_fields.generate(operations)


def test_no_sentence_is_in_the_fields() -> None:
    text = generate_write_fields.DATA.read_text(encoding="utf-8")
    longest = max((word for word in re.findall(r'"([^"]*)"', text) if "/" not in word), key=lambda word: word.count(" "))

    assert longest.count(" ") <= 2
    assert len(text) < 200_000


def test_fields_are_had_with_their_limits() -> None:
    products = fields_of(operation("PUT", "/v3/catalog/products"))
    assert products is not None
    assert (products.required, products.fields["name"].max_length, products.fields["type"].enum) == (("id",), 250, ("physical", "digital"))
    assert "calculated_price" in products.read_only
    assert not products.fields["id"].read_only
    assert products.fields["custom_fields"].required == ("name", "value")

    records = fields_of(operation("PUT", "/v3/pricelists/{price_list_id}/records"))
    assert records is not None
    assert (records.required, records.alternatives) == (("currency",), (("variant_id",), ("sku",)))

    stock = fields_of(operation("PUT", "/v3/inventory/adjustments/absolute"))
    assert stock is not None
    assert ("location_id", "quantity", "sku") in stock.alternatives


def test_every_line_of_the_fields_can_be_read() -> None:
    known = [fields_of(write) for write in OPERATIONS.values()]

    assert sum(fields is not None for fields in known) > 250
    assert fields_of(operation("DELETE", "/v3/catalog/products")) is None


def test_a_call_whose_path_is_filled_in_part_has_its_fields() -> None:
    whole = operation("PUT", "/v3/pricelists/{price_list_id}/records")
    part = Write("PUT", "/v3/pricelists/7/records", resource=whole.resource)

    assert fields_of(part) is fields_of(whole)


def test_no_word_of_a_closed_set_is_unused() -> None:
    from airflow_provider_bigcommerce.core.catalog import write as words

    for name, values in {
        "role": words.Role,
        "body": words.BodyShape,
        "put": words.PutKind,
        "repeat": words.RepeatKind,
        "failed_by": words.RowsBy,
        "empty_filter": words.EmptyFilter,
    }.items():
        assert {getattr(write, name) for write in OPERATIONS.values()} - {None} == {*get_args(values)}, name
    assert {effect for write in OPERATIONS.values() for effect in write.effects} == {*get_args(words.SideEffect)}
