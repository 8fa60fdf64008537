"""Which requests delete rows: every row that is named and no other, for every resource that can be deleted from."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource, Write
from airflow_provider_bigcommerce.core.deleting import RowKey, delete_requests, rectangles, require_all_deleted
from airflow_provider_bigcommerce.core.messages import Request, Response
from airflow_provider_bigcommerce.core.whole_collection import require_part
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, ValidationError


def delete_of(name: str) -> tuple[Resource, Write]:
    row = CATALOG[name]
    assert row.delete is not None
    return row, row.delete


def sent(name: str, ids: list[Any]) -> list[tuple[str, dict[str, str], Any]]:
    row, write = delete_of(name)
    return [
        (request.path, dict(request.params), None if request.body is None else msgspec.json.decode(request.body))
        for request in delete_requests(row, write, ids)
    ]


CASES: list[tuple[str, list[RowKey], list[tuple[str, dict[str, str], Any]]]] = [
    ("products", [7, "8", 7], [("/v3/catalog/products", {"id:in": "7,8"}, None)]),
    ("products", [{"id": 7, "name": "passed over", "price": None}], [("/v3/catalog/products", {"id:in": "7"}, None)]),
    ("orders", [7, 8], [("/v2/orders/7", {}, None), ("/v2/orders/8", {}, None)]),
    ("categories", [{"category_id": 7}], [("/v3/catalog/trees/categories", {"category_id:in": "7"}, None)]),
    ("product_metafields", [7, "8"], [("/v3/catalog/products/metafields", {}, [7, 8])]),
    ("product_images", [{"product_id": 5, "id": 7}], [("/v3/catalog/products/5/images/7", {}, None)]),
    ("product_images", [{"product_id": 5, "image_id": 7}], [("/v3/catalog/products/5/images/7", {}, None)]),
    ("order_shipments", [{"order_id": 5, "id": 7}], [("/v2/orders/5/shipments/7", {}, None)]),
    (
        "price_list_records",
        [{"price_list_id": 1, "variant_id": 2, "currency": "usd"}],
        [("/v3/pricelists/1/records/2/usd", {}, None)],
    ),
    (
        "promotion_codes",
        [{"promotion_id": 3, "id": 7}, {"promotion_id": 4, "id": 8}, {"promotion_id": 3, "id": 9}],
        [("/v3/promotions/3/codes", {"id:in": "7,9"}, None), ("/v3/promotions/4/codes", {"id:in": "8"}, None)],
    ),
    (
        "segment_shopper_profiles",
        [{"segment_id": "s", "id": "p"}],
        [("/v3/segments/s/shopper-profiles", {"id:in": "p"}, None)],
    ),
    (
        "email_templates",
        [{"type_id": "invoice_email", "channel_id": 2}],
        [("/v3/marketing/email-templates/invoice_email", {"channel_id": "2"}, None)],
    ),
    (
        "price_list_assignments",
        [3, 4],
        [("/v3/pricelists/assignments", {"id": "3"}, None), ("/v3/pricelists/assignments", {"id": "4"}, None)],
    ),
    (
        "product_category_assignments",
        [{"product_id": 5, "category_id": 7}],
        [("/v3/catalog/products/category-assignments", {"product_id:in": "5", "category_id:in": "7"}, None)],
    ),
    (
        "product_channel_assignments",
        [{"product_id": 5, "channel_id": 1}, {"product_id": 6, "channel_id": 1}],
        [("/v3/catalog/products/channel-assignments", {"product_id:in": "5,6", "channel_id:in": "1"}, None)],
    ),
    ("channel_currency_assignments", [2], [("/v3/channels/2/currency-assignments", {}, None)]),
]


@pytest.mark.parametrize(("name", "ids", "requests"), CASES, ids=[f"{name} {ids}" for name, ids, _ in CASES])
def test_rows_are_deleted_by_what_names_them(name: str, ids: list[RowKey], requests: list[Any]) -> None:
    assert sent(name, ids) == requests


@pytest.mark.parametrize(
    ("name", "ids", "says"),
    [
        ("product_category_assignments", [5], "a row is named by 2 here. Accepted: mappings with 'product_id', 'category_id'"),
        ("product_channel_assignments", [5], "a row is named by 2 here"),
        ("product_category_assignments", [{"product_id": 5}], "ids[0] has no 'category_id'"),
        ("product_category_assignments", [{"product_id": 5, "category_id": None}], "ids[0] has no 'category_id'"),
        ("product_category_assignments", [{"product_id": 5, "category_id": "7,8"}], "ids[0]['category_id'] is no id"),
        ("product_category_assignments", [{"product_id": 5, "category_id": 7}, 6], "ids[1] is one id"),
        ("promotion_codes", [7], "a row is named by 2 here"),
        ("product_images", [7], "a row is named by 2 here"),
        ("products", [{"name": "x"}], "ids[0] has no 'id'"),
        ("products", [True], "ids[0] is no id"),
        ("products", [7.5], "ids[0] is no id"),
        ("products", [" "], "ids[0] is no id"),
        ("orders", ["7/products"], "is no id"),
        ("orders", [".."], "is no id"),
    ],
)
def test_what_does_not_name_a_row_fully_is_refused_before_anything_is_sent(name: str, ids: list[Any], says: str) -> None:
    row, write = delete_of(name)
    with pytest.raises(InvalidQueryError, match=re.escape(says)):
        delete_requests(row, write, ids)


def needed(write: Write) -> list[str]:
    """Columns that name a row of a DELETE, by its path, filters and body."""
    names = [re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower() for name in re.findall(r"\{([^}]+)\}", write.path)]
    return names + [name.removesuffix(":in") for name in write.required_filters] + (["id"] if write.body == "keys" else [])


@pytest.mark.parametrize("name", [row.name for row in CATALOG.values() if row.delete is not None])
def test_no_delete_is_of_more_than_the_rows_that_are_named(name: str) -> None:
    """For every resource: the request has all filters, passes the rule for whole collections, and a column less is refused."""
    row, write = delete_of(name)
    columns = needed(write)
    keys = [{column: f"{column[0]}{number}" for column in columns} for number in range(25)]

    requests = list(delete_requests(row, write, keys))

    rows = 0
    for request in requests:
        assert "{" not in request.path
        require_part(request.method, request.path, request.params, request.body)  # never whole_collection=True
        given = {parameter: value.split(",") for parameter, value in request.params}
        assert {*given} == {*write.required_filters}
        in_body = len(msgspec.json.decode(request.body)) if request.body else 1
        count = in_body
        for values in given.values():
            count *= len(values)
        assert count <= write.rows_at_once
        rows += count
    assert rows == len(keys)
    if row.primary_key and len(columns) > 1:
        for column in columns:
            short = {name: value for name, value in keys[0].items() if name != column}
            with pytest.raises(InvalidQueryError, match="has no"):
                delete_requests(row, write, [short])


PAIRS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("123456")), min_size=1, max_size=36, unique=True)


@settings(max_examples=150, deadline=None)
@given(pairs=PAIRS, most=st.integers(1, 12))
def test_the_product_of_the_filters_is_exactly_the_pairs(pairs: list[tuple[str, str]], most: int) -> None:
    found = rectangles(pairs, most)
    covered = [(first, second) for ones, others in found for first in ones for second in others]

    assert sorted(covered) == sorted(pairs)
    assert all(len(ones) * len(others) <= most for ones, others in found)


def test_pairs_are_grouped_by_the_side_that_takes_fewer_requests() -> None:
    star = [("a", str(number)) for number in range(9)]

    assert rectangles(star, 10) == [(["a"], [str(number) for number in range(9)])]
    assert rectangles([(second, first) for first, second in star], 10) == [([str(number) for number in range(9)], ["a"])]


def test_a_filter_is_no_longer_than_a_url_takes() -> None:
    ids: list[RowKey] = [f"{number:0>200}" for number in range(100)]
    lengths = [len(params["id:in"]) for _, params, _ in sent("products", ids)]

    assert max(lengths) <= 3000
    assert len(lengths) > 5


# -- what the answer says ---------------------------------------------------------------------------------------------

REQUEST = Request("DELETE", "/v3/catalog/trees/categories")


@pytest.mark.parametrize("status", [200, 202, 207])
def test_rows_that_were_not_deleted_are_an_error_whatever_the_status(status: int) -> None:
    body = b'{"meta": {"total": 3, "success": 1, "failed": 2}}'
    with pytest.raises(ValidationError, match=f"answered {status}, and 2 of 3 rows were not deleted"):
        require_all_deleted(REQUEST, Response(status, {}, body))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"data": [7], "meta": {}}', b'{"meta": {"total": 3, "success": 3, "failed": 0}}', b'{"meta": []}'],
)
def test_an_answer_that_counts_none_is_good(body: bytes) -> None:
    require_all_deleted(REQUEST, Response(200, {}, body))


def test_an_answer_that_is_no_json_is_not_taken_for_a_yes() -> None:
    with pytest.raises(msgspec.DecodeError):
        require_all_deleted(REQUEST, Response(200, {}, b"<html>"))
