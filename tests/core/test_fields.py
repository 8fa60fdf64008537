from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.fields import select_fields
from airflow_provider_bigcommerce.exceptions import InvalidQueryError

PRODUCTS, ORDERS = CATALOG["products"], CATALOG["orders"]


def kept(record: object, **selection: list[str]) -> object:
    chosen = select_fields(ORDERS, selection.get("fields"), selection.get("exclude_fields"))
    (found,) = chosen.applied([msgspec.Raw(msgspec.json.encode(record))])
    return msgspec.json.decode(found)


def test_fields_keep_keys_and_the_date_of_incremental_reading() -> None:
    order = {"id": 1, "date_modified": "x", "total_inc_tax": "9.00", "staff_notes": "s"}

    assert kept(order, fields=["total_inc_tax"]) == {"id": 1, "date_modified": "x", "total_inc_tax": "9.00"}


def test_the_store_is_asked_to_select_where_it_can() -> None:
    assert select_fields(PRODUCTS, ["name"], None).query == {"include_fields": "date_modified,id,name"}
    assert select_fields(PRODUCTS, None, ["description"]).query == {"exclude_fields": "description"}
    assert select_fields(ORDERS, ["status"], None).query == {}


def test_nested_fields_are_dropped_inside_objects_and_lists() -> None:
    order = {"id": 1, "billing_address": {"email": "e", "city": "c"}, "lines": [{"a": 1, "b": 2}, {"a": 3}], "x": None}

    found = kept(order, exclude_fields=["billing_address.email", "lines.a", "x.y"])

    assert found == {"id": 1, "billing_address": {"city": "c"}, "lines": [{"b": 2}, {}], "x": None}


def test_an_outer_field_takes_its_inner_ones_along() -> None:
    assert kept({"id": 1, "a": {"b": 1}}, exclude_fields=["a.b", "a"]) == {"id": 1}


@pytest.mark.parametrize("name", ["id", "date_modified"])
def test_what_rows_are_told_apart_by_cannot_be_dropped(name: str) -> None:
    with pytest.raises(InvalidQueryError, match=name):
        select_fields(ORDERS, None, [name])


def test_an_unknown_field_comes_with_the_nearest() -> None:
    with pytest.raises(InvalidQueryError, match="'price'"):
        select_fields(PRODUCTS, ["prize"], None, known=["id", "price"])


def test_fields_takes_no_nested_names() -> None:
    with pytest.raises(InvalidQueryError, match="exclude_fields"):
        select_fields(ORDERS, ["billing_address.email"], None)


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.integers(), st.text(), st.none(), st.lists(st.integers()))))
def test_what_is_kept_is_as_it_came(record: dict[str, object]) -> None:
    without = {name: value for name, value in record.items() if name != "gone"}

    assert kept({**record, "gone": 1}, exclude_fields=["gone"]) == without


def test_without_a_selection_records_are_not_touched() -> None:
    records = [msgspec.Raw(b'{"id":1}')]

    assert select_fields(ORDERS, None, None).applied(records) is records
