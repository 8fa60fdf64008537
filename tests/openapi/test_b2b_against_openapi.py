"""Every row of B2B Edition against BigCommerce's OpenAPI files of it: paths, parameters, limits, keys and dates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.hosts import B2B
from airflow_provider_bigcommerce.core.planning import column_of
from tests.openapi import b2b_files

ROWS = [row for row in CATALOG.values() if row.host is B2B]
Operations = dict[str, tuple[str, dict[str, Any]]]
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
#: Parameters that a row leaves out besides those of paging: what goes in another one's place ("userId or customerId, not both").
LEFT_OUT = {"b2b_shopping_lists": {"customerId"}}


@pytest.fixture(scope="module")
def published(openapi_dir: Path) -> Operations:
    return b2b_files.operations(openapi_dir / "b2b")


def query_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}


def fields_of(schema: dict[str, Any]) -> set[str]:
    found = set(schema.get("properties", {}))
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        found |= fields_of(part)
    return found | (fields_of(schema["items"]) if "items" in schema else set())


def data_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What stands in ``data``, of all parts of an answer: a plain envelope and the one with the record."""
    if "data" in schema.get("properties", {}):
        data = schema["properties"]["data"]
        yield data["properties"]["list"] if "list" in data.get("properties", {}) else data
    for part in schema.get("allOf", ()):
        yield from data_of(part)


def record(operation: dict[str, Any]) -> set[str]:
    content = operation["responses"].get("200", operation["responses"].get(200))["content"]
    return {name for data in data_of(next(iter(content.values()))["schema"]) for name in fields_of(data)}


@each_row
def test_the_file_has_the_path_and_the_row_names_every_parameter(published: Operations, row: Resource) -> None:
    file, operation = published[row.path]
    declared = query_of(operation).keys() - {"limit", "offset"}

    assert f"b2b/{file}" == row.spec_file
    assert row.parameters == declared - LEFT_OUT.get(row.name, set())


@each_row
def test_it_pages_by_offset_where_the_file_has_one(published: Operations, row: Resource) -> None:
    declared = query_of(published[row.path][1])

    assert (row.paging == "offset") == ({"offset", "limit"} <= declared.keys())


@each_row
def test_the_page_size_is_the_documented_maximum_or_the_smallest_that_any_list_has(published: Operations, row: Resource) -> None:
    limit = query_of(published[row.path][1]).get("limit", {}).get("schema", {})
    maximum = limit.get("maximum", 200) - bool(limit.get("exclusiveMaximum"))

    assert row.page_size == (maximum if row.paging == "offset" else 0)


@each_row
def test_the_key_and_the_dates_are_fields_of_the_record(published: Operations, row: Resource) -> None:
    fields = record(published[row.path][1])

    assert set(row.primary_key) - {column_of(name) for name in row.parent_columns} <= fields
    for dates in (row.modified, row.created):
        if dates is not None and row.name != "b2b_addresses":  # whose rows show no dates
            assert dates.field in fields


@each_row
def test_one_rows_path_is_there(published: Operations, row: Resource) -> None:
    assert row.item_path is None or row.item_path in published


@each_row
def test_a_filter_leaves_its_second_out_only_where_the_file_says_so(published: Operations, row: Resource) -> None:
    """ "after" and "later than" leave it out; "the earliest that can be returned" does not."""
    declared = query_of(published[row.path][1])
    for dates in (row.modified, row.created):
        if dates is not None:
            assert dates.is_open == ("earliest" not in declared[dates.since]["description"].lower())


@each_row
def test_a_stable_sort_is_one_that_the_file_lists(published: Operations, row: Resource) -> None:
    declared = query_of(published[row.path][1])
    for name, value in row.stable_sort.items():
        assert value in declared[name]["schema"]["enum"]
    if "createdAt" in declared.get("sortBy", {}).get("schema", {}).get("enum", ()):
        assert row.stable_sort


def test_every_list_of_all_rows_is_in_the_catalog_or_left_out_for_a_reason(published: Operations) -> None:
    known = {path for row in ROWS for path in (row.path, row.item_path)}
    left_out = {path for path in published if path not in known}

    assert left_out == {
        "/api/v3/io/addresses/extra-fields", "/api/v3/io/channels/{channel_id}", "/api/v3/io/companies/{companyId}/payments",
        "/api/v3/io/companies/{companyId}/subsidiaries", "/api/v3/io/companies/{companyId}/super-admins", "/api/v3/io/countries",
        "/api/v3/io/ip/config", "/api/v3/io/ip/invoices/extra-fields", "/api/v3/io/ip/invoices/{invoiceId}/download-pdf",
        "/api/v3/io/ip/payments/{paymentId}/operations", "/api/v3/io/ip/receipts/{receiptId}/lines",
        "/api/v3/io/ip/receipts/{receiptId}/lines/{receiptLineId}", "/api/v3/io/orders/extra-fields",
        "/api/v3/io/rfq/custom/shipping-methods", "/api/v3/io/rfq/extra-fields", "/api/v3/io/rfq/{quote_id}/shipping-rates",
        "/api/v3/io/states", "/api/v3/io/super-admins/companies", "/api/v3/io/users/customer/{customerId}",
        "/api/v3/io/users/extra-fields",
    }  # fmt: skip
