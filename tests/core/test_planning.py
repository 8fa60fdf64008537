from __future__ import annotations

import ast
import re

import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.id_ranges import IdRanges
from airflow_provider_bigcommerce.core.messages import Request, query_text
from airflow_provider_bigcommerce.core.page_numbers import PageNumbers
from airflow_provider_bigcommerce.core.paging import Cursors, SinglePage, Walk
from airflow_provider_bigcommerce.core.planning import column_of, copied_resource, filled, full_query, placeholders, resource_of, walk_of
from airflow_provider_bigcommerce.core.whole_list import WholeList
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, UnknownResourceError


def first(name: str, query: dict[str, object] | None = None) -> dict[str, str]:
    request = walk_of(CATALOG[name], CATALOG[name].path, query).next_request()  # type: ignore[arg-type]
    assert request is not None
    return dict(request.params)


def inner(resource: Resource, path: str, query: dict[str, object] | None = None) -> Walk:
    walk = walk_of(resource, path, query)  # type: ignore[arg-type]  # callers' own values
    assert isinstance(walk, WholeList)
    return walk.walk


def test_products_and_orders_are_read_by_id_ranges() -> None:
    assert isinstance(inner(CATALOG["products"], "/v3/catalog/products"), IdRanges)
    assert isinstance(inner(CATALOG["orders"], "/v2/orders"), IdRanges)


@pytest.mark.parametrize("bounds", [{"min_id": 7}, {"max_id": "90"}, {"min_id": 7, "max_id": 90}])
def test_a_callers_range_of_ids_is_read_by_id_ranges_within_it(bounds: dict[str, object]) -> None:
    assert isinstance(inner(CATALOG["orders"], "/v2/orders", bounds), IdRanges)
    assert first("orders", bounds).items() >= {name: str(value) for name, value in bounds.items()}.items()


def test_a_bound_that_is_no_id_is_left_to_the_store() -> None:
    assert isinstance(inner(CATALOG["orders"], "/v2/orders", {"min_id": "first"}), PageNumbers)


def test_customers_are_read_by_cursor() -> None:
    assert isinstance(inner(CATALOG["customers"], "/v3/customers"), Cursors)


def test_variants_are_read_by_page_numbers() -> None:
    assert isinstance(inner(CATALOG["product_variants"], "/v3/catalog/variants"), PageNumbers)


def test_a_callers_own_order_is_kept() -> None:
    assert isinstance(inner(CATALOG["products"], "/v3/catalog/products", {"sort": "name"}), PageNumbers)
    assert first("products", {"sort": "name"})["sort"] == "name"


def test_a_callers_own_page_is_read_alone() -> None:
    assert isinstance(walk_of(CATALOG["products"], "/v3/catalog/products", {"page": 3}), SinglePage)


def test_the_largest_page_is_asked_for() -> None:
    assert first("products")["limit"] == "250"


@pytest.mark.parametrize("include", ["options", "variants,modifiers", ["options", "images"]])
def test_options_and_modifiers_make_pages_of_ten(include: object) -> None:
    assert first("products", {"include": include})["limit"] == "10"


def test_a_callers_limit_lowers_the_page_and_never_raises_it() -> None:
    assert first("products", {"limit": 5})["limit"] == "5"
    assert first("products", {"limit": 999})["limit"] == "250"


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="limit"):
        first("products", {"limit": "many"})


def test_an_include_brings_what_it_needs() -> None:
    query = full_query(CATALOG["orders"], {"include": "consignments.line_items"})

    assert query["consignment_structure"] == "object"


def test_a_resource_is_found_by_name_alias_path_and_filled_path() -> None:
    assert resource_of("products") is CATALOG["products"]
    assert resource_of("variants") is CATALOG["product_variants"]
    assert resource_of("/v3/catalog/products") is CATALOG["products"]
    assert resource_of("/v2/orders/7/products").path == "/v2/orders/7/products"
    assert resource_of("/v2/orders/7/products").name == "order_products"
    assert resource_of("/v3/brand/new/list").paging == "v3_page"


CHILDREN = [row for row in CATALOG.values() if row.placeholders]


def filled_path(row: Resource) -> tuple[str, dict[str, int]]:
    keys = {name: number for number, name in enumerate(row.placeholders, 7)}
    return filled(row.path, keys), keys


@pytest.mark.parametrize("row", CHILDREN, ids=lambda row: row.name)
def test_a_filled_path_is_filled_with_the_same_ids_wherever_its_resource_has_a_path(row: Resource) -> None:
    path, keys = filled_path(row)
    found = resource_of(path)

    writes = [write.path for write in (found.create, found.update, found.delete) if write is not None]
    paths = [text for text in (found.path, found.item_path, found.count_path, *writes) if text is not None]
    assert not {name for text in paths for name in placeholders(text)} & keys.keys()
    assert found.store_wide is None


@pytest.mark.parametrize("row", CHILDREN, ids=lambda row: row.name)
def test_a_filled_path_is_refused_where_it_would_be_kept_as_the_whole_and_what_is_said_instead_works(row: Resource) -> None:
    path, _ = filled_path(row)
    with pytest.raises(InvalidQueryError) as told:
        copied_resource(path)

    said = re.search(r"Give resource='(\w+)', parent_ids=\[(.*)\]\.$", str(told.value))
    assert said is not None
    name, parent = said[1], ast.literal_eval(said[2])
    assert copied_resource(name) is row
    assert filled(row.path, parent if isinstance(parent, dict) else {row.placeholders[-1]: parent}) == path


def test_a_path_that_is_filled_in_part_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match=r"'\{option_id\}' still to be filled in"):
        resource_of("/v3/catalog/products/7/options/{option_id}/values")


def test_an_unknown_name_comes_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownResourceError, match="'products'"):
        resource_of("prodcts")


@pytest.mark.parametrize("path", ["/v1/x", "/v3/x?limit=1", "/v3/../v2/x", "/"])
def test_what_is_no_api_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidQueryError, match="API path"):
        resource_of(path)


@pytest.mark.parametrize("key", ["", "a/b", "..", "1?x", None])
def test_an_id_that_would_change_the_path_is_refused(key: object) -> None:
    with pytest.raises(InvalidQueryError, match="order_id"):
        filled("/v2/orders/{order_id}/products", {"order_id": key})  # type: ignore[dict-item]


def test_columns_are_snake_case() -> None:
    assert [column_of(name) for name in ("customerId", "order_id", "cartId", "uuid")] == ["customer_id", "order_id", "cart_id", "uuid"]


@pytest.mark.parametrize(("value", "text"), [(True, "true"), ([1, 2], "1,2"), (("a", "b"), "a,b"), (7, "7"), ("x", "x")])
def test_query_values_are_written_as_bigcommerce_reads_them(value: object, text: str) -> None:
    assert query_text(value) == text  # type: ignore[arg-type]


def test_parameters_replace_those_of_the_same_name() -> None:
    request = Request.get("/x", {"a": 1, "b": 2}).with_params({"a": 3})

    assert request.params == (("b", "2"), ("a", "3"))
