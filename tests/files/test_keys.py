"""Are keys read right without decoding the rows, and does every repeat go and no other row?"""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.row_keys import Key, KeyReader, SeenKeys
from tests.files.conftest import encoded


def test_a_key_and_a_change_date_are_read() -> None:
    records = encoded({"id": 7, "name": "x", "date_modified": "2025-01-01T00:00:00Z"}, {"name": "y", "id": 8, "date_modified": None})

    assert KeyReader("products", ("id",), "date_modified").read(records) == [(7, "2025-01-01T00:00:00Z"), (8, None)]


def test_a_change_date_in_seconds_is_read_as_text() -> None:
    assert KeyReader("webhooks", ("id",), "updated_at").read(encoded({"id": 1, "updated_at": 1600000000})) == [(1, "1600000000")]


@pytest.mark.parametrize("record", [b'{"id":12,"name":"x"}', b'{ "id" : 12 }', b'{"name":{"id":1},"id":12}', b'{"id":12}'])
def test_the_key_is_found_wherever_it_stands(record: bytes) -> None:
    assert KeyReader("products", ("id",)).read([record]) == [(12, None)]


@pytest.mark.parametrize("text", ['"6f1c"', '"12"', "-5", "123456789012345678901"])
def test_the_key_is_text_or_a_whole_number_as_the_store_wrote_it(text: str) -> None:
    assert KeyReader("scripts", ("uuid",)).read([b'{"uuid":%b,"x":1}' % text.encode()]) == [(json.loads(text), None)]


def test_composite_and_nested_keys_are_tuples() -> None:
    records = encoded({"identity": {"product_id": 1, "variant_id": None, "sku": "x"}, "location_id": 3})
    reader = KeyReader("location_inventory_items", ("location_id", "identity.product_id", "identity.variant_id"))

    assert reader.read(records) == [((3, 1, None), None)]


def test_a_form_fields_value_may_belong_to_a_customer_without_an_address() -> None:
    reader = KeyReader("customer_form_field_values", ("customer_id", "address_id", "name"))

    assert reader.read(encoded({"customer_id": 1, "name": "n"})) == [((1, None, "n"), None)]


def test_raw_records_are_read_like_bytes() -> None:
    raw = msgspec.json.decode(b'[{"id":1},{"x":0,"id":2}]', type=list[msgspec.Raw])

    assert KeyReader("brands", ("id",)).read(raw) == [(1, None), (2, None)]


@pytest.mark.parametrize(
    "record", [b"{}", b'{"id":null}', b'{"id":true}', b'{"id":1.5}', b'{"id":[1]}', b"[]", b"7", b'{"identity":1', b""]
)
def test_a_record_without_its_key_is_an_error_that_names_resource_and_field(record: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"record of brands .* key field 'id'"):
        KeyReader("brands", ("id",)).read([record])


def test_the_error_names_the_missing_one_of_several_fields_and_no_value() -> None:
    with pytest.raises(UnexpectedAnswerError, match="'channel_id'") as caught:
        KeyReader("channel_listings", ("listing_id", "channel_id")).read(encoded({"listing_id": 424242}))

    assert "424242" not in str(caught.value)


@given(st.lists(st.one_of(st.integers(-(2**70), 2**70), st.integers(0, 300), st.text(max_size=3), st.tuples(st.integers(0, 3), st.none()))))
def test_exactly_the_repeats_are_found(keys: list[Key]) -> None:
    seen, plain = SeenKeys(), set()
    for key in keys:
        assert seen.add(key) == ((type(key), key) not in plain)
        plain.add((type(key), key))


def test_ids_too_far_apart_for_bits_are_still_told_apart() -> None:
    seen = SeenKeys()
    keys = [number * 999_983 for number in range(-1_000, 3_000)]

    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
    assert seen.add(1)


def test_a_number_and_the_same_as_text_are_two_keys() -> None:
    seen = SeenKeys()

    assert seen.add(1)
    assert seen.add("1")


def test_repeats_are_dropped_and_the_first_row_of_a_key_stays() -> None:
    """The later version is not lost: its change date lies after the read began, where the next window begins."""
    seen = SeenKeys()
    first = encoded({"id": 1, "v": "old"}, {"id": 2})
    second = encoded({"id": 2}, {"id": 1, "v": "new"}, {"id": 3})

    assert seen.unseen(first, [1, 2]) is first
    assert seen.unseen(second, [2, 1, 3]) == encoded({"id": 3})


#: Keys that lie close together, and keys far apart, at 60 bytes each.
MANY_KEYS = [
    pytest.param(range(1_000_000), 200_000, id="a million in a row"),
    pytest.param(range(0, 400_000_000, 20_011), 1_200_000, id="20,000 apart"),
    pytest.param(range(0, 2_000_000_000, 20_011), 6_000_000, id="100,000 apart", marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize(("keys", "limit"), MANY_KEYS)
def test_many_keys_take_little_memory(keys: range, limit: int) -> None:
    """A hundred thousand keys far apart, which take half a minute to trace, are behind ``exhaustive``."""
    tracemalloc.start()
    try:
        seen = SeenKeys()
        for key in keys:
            seen.add(key)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < limit
