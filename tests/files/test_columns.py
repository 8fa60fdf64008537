"""Is Parquet exact? Every value stands in its column or, as it came, in ``_extra``; all paths make the same table."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.exceptions import UnexpectedAnswerError
from airflow_provider_bigcommerce.rows.columns import ColumnReader
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, Drift
from airflow_provider_bigcommerce.rows.long_numbers import has_long_run, may_hold_tiny_number
from airflow_provider_bigcommerce.rows.schemas import Schema, Type, arrow_schema, schema
from tests.benchmarks.writers import product
from tests.files.conftest import encoded

#: One column of each kind, and nested ones.
EVERY_KIND = Schema(
    "every_kind",
    ("id",),
    {
        "id": "int",
        "number": "float",
        "flag": "bool",
        "name": "text",
        "either": "scalar",
        "free": "json",
        "price": "money",
        "total": "money_text",
        "exchange": "rate_text",
        "whole": "int_text",
        "weight": "float_text",
        "at": "time",
        "v2_at": "time_rfc",
        "since": "time_unix",
        "sold": "time_unix_text",
        "tags": ["text"],
        "fees": [{"id": "int", "cost": "money_text"}, "link"],
        "box": {"price": "money", "items": [{"id": "int", "cost": "money", "at": "time_rfc", "free": "json", "weight": "float_text"}]},
    },
)

EXTRA_ONLY = {"_extra", "_synced_at", "_store_hash", "_deleted_at"}


def read(described: Schema, *records: Any) -> tuple[list[dict[str, Any]], Discrepancies]:
    """Rows as Python values, and what was found; ``_extra`` decoded, with numbers as text as they came."""
    found = Discrepancies()
    lines = b"\n".join((*encoded(*records), b""))
    table = ColumnReader(described, found).table(lines, len(records))
    table.validate(full=True)
    assert table.schema.equals(arrow_schema(described))
    rows = table.to_pylist()
    for row in rows:
        row["_extra"] = json.loads(row["_extra"], parse_float=str, parse_int=str) if row["_extra"] else {}
    return rows, found


def one(column: str, raw: str, described: Schema = EVERY_KIND) -> tuple[Any, dict[str, Any], dict[str, int]]:
    """A value's column, its row's ``_extra``, and the counts, for a record with this JSON in this column."""
    key = b"" if column == "id" else b'"id":1,'
    [row], found = read(described, b'{%b"%b":%b}' % (key, column.encode(), raw.encode()))
    return row[column], row["_extra"], found.contradictions


NOON = datetime(2024, 5, 14, 12, 0, 0, tzinfo=UTC)

FITS = [
    ("id", "9223372036854775807", 2**63 - 1),
    ("number", "12.75", 12.75),
    ("number", "-1e3", -1000.0),
    ("number", "7", 7.0),
    ("number", "9007199254740992", 2.0**53),
    ("flag", "true", True),
    ("name", '"caf\\u00e9 \\u0000"', "café \x00"),
    ("name", '""', ""),
    ("either", '"x"', "x"),
    ("either", "12.50", "12.50"),
    ("free", '{"a": [1.10, null]}', '{"a": [1.10, null]}'),
    ("free", '"text"', '"text"'),
    ("free", "123456789012345678901234567890", "123456789012345678901234567890"),
    ("price", "12.5", Decimal("12.5")),
    ("price", "0.1", Decimal("0.1")),
    ("price", "19.99", Decimal("19.99")),
    ("price", "1e2", Decimal(100)),
    ("price", "-0.0001", Decimal("-0.0001")),
    ("price", "99999999999.9999", Decimal("99999999999.9999")),
    ("price", "1234567890123456.7891", Decimal("1234567890123456.7891")),
    ("price", "12.50000000000000000000", Decimal("12.5")),
    ("total", '"12.5000"', Decimal("12.5")),
    ("total", "12.5", Decimal("12.5")),
    ("total", '"1234567890123456.7891"', Decimal("1234567890123456.7891")),
    ("exchange", '"1.0000000001"', Decimal("1.0000000001")),
    ("whole", '"123"', 123),
    ("whole", "123", 123),
    ("weight", '"1.1"', 1.1),
    ("weight", "1.1", 1.1),
    ("weight", '"12.3456"', 12.3456),
    ("at", '"2024-05-14T12:00:00Z"', NOON),
    ("at", '"2024-05-14T12:00:00+00:00"', NOON),
    ("at", '"2024-05-14T14:00:00.000+02:00"', NOON),
    ("at", '"2024-05-14 12:00:00"', NOON),
    ("at", '"Tue, 14 May 2024 12:00:00 +0000"', NOON),
    ("at", '"2024-05-14"', datetime(2024, 5, 14, tzinfo=UTC)),
    ("v2_at", '"Tue, 14 May 2024 12:00:00 +0000"', NOON),
    ("v2_at", '"Tue, 14 May 2024 08:00:00 -0400"', NOON),
    ("v2_at", '"2024-05-14T12:00:00+00:00"', NOON),
    ("since", "1715688000", NOON),
    ("sold", '"1715688000"', NOON),
    ("sold", "1715688000", NOON),
    ("sold", '"Tue, 14 May 2024 12:00:00 +0000"', NOON),
    ("tags", '["a",null]', ["a", None]),
    ("fees", '[{"id":1,"cost":"2.50"}]', [{"id": 1, "cost": Decimal("2.5")}]),
    ("fees", '{"url":"https://api.example/fees","resource":"/orders/1/fees"}', None),
]


@pytest.mark.parametrize(("column", "raw", "value"), FITS)
def test_a_documented_value_stands_exactly_in_its_column(column: str, raw: str, value: Any) -> None:
    assert one(column, raw) == (value, {}, {})


CONTRADICTS = [
    ("number", '"12"'),
    ("number", "9007199254740993"),
    ("number", "1e400"),
    ("flag", "1"),
    ("flag", '"true"'),
    ("flag", '""'),  # PHP writes false so
    ("name", "12"),
    ("name", "1" * 5000),  # more digits than Python makes a number of
    ("name", '"\\ud800"'),
    ("price", '"12.50"'),
    ("price", "12345678901234567.5"),
    ("price", "9999999999999999.99995"),  # rounded it would have a digit too many
    ("price", "1e16"),
    ("total", '"-1e400000"'),
    ("total", '"1,234.56789"'),
    ("exchange", '"10000000000.00000000001"'),
    ("price", "1e9999999"),
    ("total", '"12,50"'),
    ("total", "true"),
    ("whole", '"12a"'),
    ("whole", '"99999999999999999999"'),
    ("weight", '"heavy"'),
    ("at", '"0000-00-00"'),
    ("at", '"0000-00-00 00:00:00"'),
    ("at", '"2024-02-30T00:00:00Z"'),
    ("at", '"2016-12-31T23:59:60Z"'),  # a leap second
    ("at", '"2024-05-14T12:00:00.1234567Z"'),
    ("at", "1715688000"),
    ("v2_at", '"Fri, 30 Feb 2024 12:00:00 +0000"'),
    ("v2_at", '"Sat, 31 Dec 2016 23:59:60 +0000"'),
    ("v2_at", '"Tue, 14 Mai 2024 12:00:00 +0000"'),
    ("v2_at", '"soon"'),
    ("since", "0"),
    ("since", '"1715688000"'),
    ("since", "99999999999999"),
    ("sold", '"0"'),
    ("sold", '"soon"'),
    ("tags", '"a"'),
    ("fees", '{"url":"x","other":1}'),
]


@pytest.mark.parametrize(("column", "raw"), CONTRADICTS)
def test_a_value_that_contradicts_its_type_is_null_counted_and_kept(column: str, raw: str) -> None:
    assert one(column, raw) == (None, {column: json.loads(raw, parse_float=str, parse_int=str)}, {column: 1})


ROUNDED = [
    ("price", "13.858823529412", "13.8588"),  # shared/cases/five-decimals.json
    ("price", "12.34567", "12.3457"),
    ("price", "12.34560000000000001", "12.3456"),
    ("price", "0.00005", "0"),  # ties go to the even digit
    ("price", "0.00015", "0.0002"),
    ("price", "0.00025", "0.0002"),
    ("price", "-0.00015", "-0.0002"),
    ("price", "0.000250000000000000000000000001", "0.0003"),
    ("price", "-0.00001", "0"),
    ("price", "-0.0000500000", "0"),
    ("price", "1.5e-7", "0"),
    ("price", "1234567.8e-8", "0.0123"),
    ("price", "1e-300", "0"),
    ("price", "1e-400000", "0"),
    ("price", "9999999999999999.99994", "9999999999999999.9999"),
    ("price", "-1234567890123456.78905", "-1234567890123456.7890"),
    ("price", "0." + "3" * 2000, "0.3333"),
    ("total", '"12.3456789"', "12.3457"),
    ("total", "12.3456789", "12.3457"),
    ("total", '"+.00009"', "0.0001"),
    ("total", '"1.5E-7"', "0"),
    ("total", '"1e-400000"', "0"),
    ("total", "1e-400000", "0"),
    ("exchange", '"1E-300"', "0"),
    ("exchange", '"1.00000000005"', "1"),
    ("exchange", '"1.00000000015"', "1.0000000002"),
    ("exchange", "0.123456789012", "0.1234567890"),
]


@pytest.mark.parametrize(("column", "raw", "value"), ROUNDED)
def test_an_amount_with_too_many_decimals_is_rounded_counted_and_kept_exactly(column: str, raw: str, value: str) -> None:
    [row], found = read(EVERY_KIND, b'{"id":1,"%b":%b}' % (column.encode(), raw.encode()))

    assert row[column] == Decimal(value)
    assert row["_extra"] == {column: json.loads(raw, parse_float=str)}
    assert (found.rounded, found.contradictions, found.drift) == ({column: 1}, {}, [])


@pytest.mark.parametrize("raw", ["-0", "-0.0", "-0.00000000", "0e-30", "0.000000000"])
def test_a_zero_is_exact_however_it_is_written(raw: str) -> None:
    [row], found = read(EVERY_KIND, b'{"id":1,"price":%b}' % raw.encode())

    assert (row["price"], row["_extra"], found.rounded) == (Decimal(0), {}, {})


def test_amounts_deep_inside_are_rounded_and_what_was_counted_outlives_a_killed_try() -> None:
    box = {"price": 0.123456, "items": [{"id": 1, "cost": 1.23456}, {"id": 2, "cost": 1.5}, {"id": 3, "cost": 7.00005}]}
    [row], found = read(EVERY_KIND, {"id": 1, "box": box})

    assert row["box"]["price"] == Decimal("0.1235")
    assert [item["cost"] for item in row["box"]["items"]] == [Decimal("1.2346"), Decimal("1.5"), Decimal(7)]
    assert row["_extra"] == {"box.price": "0.123456", "box.items[0].cost": "1.23456", "box.items[2].cost": "7.00005"}
    assert found.rounded == {"box.price": 1, "box.items[].cost": 2}
    later = Discrepancies()
    later.restore(found.as_rows())
    assert (later.rounded, later.drift) == (found.rounded, [])


@settings(max_examples=200, deadline=None)
@given(st.decimals(-(10**17), 10**17, allow_nan=False, allow_infinity=False))
def test_any_amount_is_at_most_half_a_unit_from_its_column_or_beyond_it(amount: Decimal) -> None:
    [row], found = read(EVERY_KIND, b'{"id":1,"price":%b}' % str(amount).encode())

    if row["price"] is None:
        assert abs(amount) >= Decimal("9999999999999999.99995")
        assert found.contradictions == {"price": 1}
    else:
        exact = row["price"] == amount
        assert abs(row["price"] - amount) <= Decimal("0.00005")
        assert (found.rounded, row["_extra"]) == (({}, {}) if exact else ({"price": 1}, {"price": str(amount).replace("E", "E")}))


#: What each column holds for PHP's "nothing"; a column that is not here holds null.
NOTHING: dict[tuple[str, str], Any] = {
    ("name", '""'): "",
    ("either", '""'): "",
    ("free", '""'): '""',
    ("free", "[]"): "[]",
    ("free", "{}"): "{}",
    ("tags", "[]"): [],
    ("tags", "{}"): [],
    ("fees", "[]"): [],
    ("box", "[]"): {"price": None, "items": None},
    ("box", "{}"): {"price": None, "items": None},
}


@pytest.mark.parametrize("raw", ['""', "[]", "{}"])
@pytest.mark.parametrize("column", [name for name in EVERY_KIND.fields if name != "id"])
def test_a_value_with_nothing_in_it_is_empty_and_no_drift(column: str, raw: str) -> None:
    if (column, raw) == ("flag", '""'):
        return  # false or absent: a contradiction, above
    [row], found = read(EVERY_KIND, b'{"id":1,"%b":%b}' % (column.encode(), raw.encode()))

    assert (row[column], row["_extra"]) == (NOTHING.get((column, raw)), {})
    assert (found.drift, found.contradictions) == ([], {})


def test_the_empty_values_of_the_field_are_empty_and_no_drift() -> None:
    """shared/cases/restricted-to-empty-list.json and what recorded answers have of its kind."""
    [coupon], found = read(schema("coupons"), b'{"id":1,"code":"TEN","restricted_to":[],"shipping_methods":null,"expires":""}')
    assert (coupon["restricted_to"], coupon["shipping_methods"], coupon["expires"]) == ({"countries": None}, None, None)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("product_options", {"id": 1, "config": []}),
        ("products", {"id": 1, "options": [{"id": 2, "config": []}], "modifiers": [{"id": 3, "config": []}], "date_last_imported": ""}),
        ("order_products", {"id": 1, "fulfillment_source": ""}),
        ("order_products", {"id": 1, "fulfillment_source": [], "event_date": ""}),
        ("orders", {"id": 1, "date_shipped": "", "billing_address": []}),
    ]
    for resource, record in cases:
        [row], more = read(schema(resource), record)
        assert (row["_extra"], more.drift) == ({}, []), resource
    assert (coupon["_extra"], found.drift) == ({}, [])


def test_an_empty_key_is_no_key() -> None:
    for raw in (b'""', b"[]", b"{}"):
        with pytest.raises(UnexpectedAnswerError, match="no usable value in its key field 'id'"):
            read(EVERY_KIND, b'{"id":%b}' % raw)


def test_form_field_values_stand_in_their_column_whatever_they_are() -> None:
    """shared/cases/order-address-form-fields.json."""
    fields = b'[{"name":"Delivery","value":"Leave in yard"},{"name":"Amount","value":12.2},{"name":"Sizes","value":["S","M"]}]'
    [order], found = read(schema("orders"), b'{"id":1,"billing_address":{"form_fields":%b}}' % fields)

    assert [field["value"] for field in order["billing_address"]["form_fields"]] == ['"Leave in yard"', "12.2", '["S","M"]']
    assert (order["_extra"], found.drift) == ({}, [])


def test_a_contradiction_deep_inside_is_null_there_and_kept_under_its_path() -> None:
    box = {"price": "3", "items": [{"id": 1, "cost": 1.5}, {"id": "2", "cost": "1.5", "at": "0", "new": {"x": 1}}]}
    [row], found = read(EVERY_KIND, {"id": 1, "box": box})

    second = {"id": None, "cost": None, "at": None, "free": None, "weight": None}
    assert row["box"] == {"price": None, "items": [{**second, "id": 1, "cost": Decimal("1.5")}, second]}
    assert row["_extra"] == {
        "box.price": "3",
        "box.items[1].id": "2",
        "box.items[1].cost": "1.5",
        "box.items[1].at": "0",
        "box.items[1].new": {"x": "1"},
    }
    assert found.contradictions == {"box.price": 1, "box.items[].id": 1, "box.items[].cost": 1, "box.items[].at": 1}
    assert Drift("box.items[].new", "new_field", "object") in found.drift


def test_unknown_fields_go_to_extra_as_they_came_and_are_told_once() -> None:
    rows, found = read(EVERY_KIND, b'{"id":1,"new":1.10,"odd name.[]":{"a":[ ]}}', b'{"id":2,"new":"x"}', b'{"id":3}')

    assert [row["_extra"] for row in rows] == [{"new": "1.10", '["odd name.[]"]': {"a": []}}, {"new": "x"}, {}]
    assert found.drift == [Drift("new", "new_field", "number"), Drift("[...]", "new_field", "object")]
    assert found.contradictions == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("preferred_pronoun", "preferred_pronoun"),
        ("jane.doe@example.com", "[...]"),
        ("jane@x", "[...]"),
        ("+447700900123", "[...]"),
        ("Jane Doe", "[...]"),
        ("k447700900123", "[...]"),
        ("\x1b[31m\n", "[...]"),
        ("x" * 10_000, "[...]"),
        ("李", "[...]"),
    ],
)
def test_drift_tells_a_name_that_has_the_form_of_one_and_nothing_that_may_be_a_customers(name: str, told: str) -> None:
    rows, found = read(EVERY_KIND, {"id": 1, name: 1, "box": {name: 1, "items": [{name: 1}]}})

    assert [drift.path for drift in found.drift] == [told, f"box.{told}".replace(".[", "["), f"box.items[].{told}".replace(".[", "[")]
    assert len(rows[0]["_extra"]) == 3  # the data keep the name


def test_a_manifest_stays_small_however_many_names_come() -> None:
    rows, found = read(EVERY_KIND, *({"id": row, **{f"new_{row}_{n}": n for n in range(100)}} for row in range(50)), {"id": 50, "name": 4})

    assert len(found.drift) <= 203
    assert {drift.path for drift in found.drift} >= {"new_0_0", "[more fields]"}
    assert found.contradictions == {"[more fields]": 1}
    assert len(rows[49]["_extra"]) == 100


def test_drift_tells_types_and_never_values() -> None:
    _, found = read(EVERY_KIND, {"id": 1, "name": 4242, "price": "secret-4242", "new": "secret-4242"})

    assert "4242" not in repr(found.drift)
    assert [(drift.path, drift.kind, drift.seen_type) for drift in found.drift] == [
        ("name", "changed_type", "whole number"),
        ("price", "changed_type", "text"),
        ("new", "new_field", "text"),
    ]


def test_empty_values_keep_the_fast_path() -> None:
    """Every order that is not shipped has them, and every product whose options have no settings."""
    cases: list[tuple[str, dict[str, Any]]] = [
        ("orders", {"id": 1, "date_shipped": "", "date_created": "Tue, 14 May 2024 12:00:00 +0000"}),
        ("products", {"id": 1, "date_last_imported": "", "date_modified": "2024-05-14T12:00:00+00:00"}),
        ("products", {"id": 1, "price": "", "options": [{"id": 2, "config": []}], "custom_url": []}),
        ("coupons", {"id": 1, "restricted_to": [], "expires": "", "amount": ""}),
        ("order_products", {"id": 1, "fulfillment_source": [], "product_options": {}}),
    ]
    for resource, record in cases:
        reader = ColumnReader(schema(resource), found := Discrepancies())
        reader._careful = None  # type: ignore[method-assign,assignment]  # what calls it fails
        table = reader.table(b"\n".join((*encoded(record, {"id": 2}, record), b"")), 3)
        assert (table.column("_extra").null_count, found.drift) == (3, []), resource


def test_what_only_has_another_shape_keeps_a_fast_path() -> None:
    """What recorded answers have: any value in a form field, names that nobody described deep inside, numbers in the place of text."""
    fields = [{"name": "Amount", "value": 12.2}, {"name": "Sizes", "value": ["S"]}, {"name": "Note", "value": "x"}, {"value": None}]
    shipping = {"id": 7, "line_items": [{"id": 1, "new": {"a": 1}}], "__warning__": {"text": "none"}}
    order = {"id": 1, "billing_address": {"form_fields": fields, "street_1": "1"}, "consignments": {"shipping": [shipping], "pickups": []}}
    reader = ColumnReader(schema("orders"), found := Discrepancies())
    reader._careful = None  # type: ignore[method-assign,assignment]  # what calls it fails

    for _ in range(2):  # the second block begins where the first one ended
        table = reader.table(b"\n".join((*encoded(order, {"id": 2}, order), b"")), 3)
        first, second, _ = table.to_pylist()
        assert [field["value"] for field in first["billing_address"]["form_fields"]] == ["12.2", '["S"]', '"x"', None]
        assert json.loads(first["_extra"]) == {
            "consignments.shipping[0].line_items[0].new": {"a": 1},
            "consignments.shipping[0].__warning__": {"text": "none"},
        }
        assert (second["id"], second["_extra"]) == (2, None)
    assert [(drift.path, drift.kind) for drift in found.drift] == [
        ("consignments.shipping[].line_items[].new", "new_field"),
        ("consignments.shipping[].__warning__", "new_field"),
    ]


def test_few_odd_values_among_many_rows_take_few_rows_the_careful_way() -> None:
    dice = random.Random(5)
    records = encoded(*({**product(number, dice), **({"price": 1.23456} if number == 300 else {})} for number in range(1, 501)))
    reader = ColumnReader(schema("products"), found := Discrepancies())
    careful, looked_at = reader._careful, list[int]()

    def counted(records: Sequence[bytes]) -> Any:
        looked_at.append(len(records))
        return careful(records)

    reader._careful = counted  # type: ignore[method-assign]  # counted on the way
    table = reader.table(b"\n".join((*records, b"")), 500)

    assert table.column("id").to_pylist() == list(range(1, 501))
    assert found.rounded == {"price": 1}
    assert sum(looked_at) <= 40


def test_no_records_are_an_empty_table_of_the_schema() -> None:
    assert ColumnReader(EVERY_KIND, Discrepancies()).table(b"", 0).schema.equals(arrow_schema(EVERY_KIND))


def test_of_a_name_that_stands_twice_the_last_counts_and_the_others_are_kept() -> None:
    rows, found = read(EVERY_KIND, b'{"id":1,"name":"a","name":"b","name":"c"}', b'{"id":2,"box":{"price":1,"price":2}}')

    assert [(row["name"], row["_extra"]) for row in rows] == [("c", {"name#1": "a", "name#2": "b"}), (None, {"box.price#1": "1"})]
    assert rows[1]["box"]["price"] == 2
    assert {drift.path: drift.kind for drift in found.drift} == {"name": "repeated_field", "box.price": "repeated_field"}


def test_broken_utf8_is_null_counted_and_kept_reversibly() -> None:
    rows, found = read(EVERY_KIND, b'{"id":1,"name":"caf\xe9","tags":["\xff","ok"],"new\xfe":1}', {"id": 2, "name": "fine"})

    assert (rows[0]["name"], rows[0]["tags"], rows[1]["name"]) == (None, [None, "ok"], "fine")
    assert rows[0]["_extra"]["name"].encode("utf-8", "surrogateescape") == b"caf\xe9"
    assert rows[0]["_extra"]["tags[0]"].encode("utf-8", "surrogateescape") == b"\xff"
    assert found.contradictions == {"name": 1, "tags[]": 1}


def test_nan_and_infinity_are_no_numbers() -> None:
    """No JSON has them, and our client does not let them in; Arrow's reader would take them."""
    for text in (b"NaN", b"Infinity", b"-Infinity"):
        rows, found = read(EVERY_KIND, b'{"id":1,"number":%b}' % text, b'{"id":2,"number":1.5}')
        assert [row["number"] for row in rows] == [None, 1.5]
        assert found.contradictions == {"number": 1}


def test_nesting_within_reason_is_kept() -> None:
    deep = b"[" * 400 + b"]" * 400
    [row], _ = read(EVERY_KIND, b'{"id":1,"free":%b,"new":%b}' % (deep, deep))

    assert row["free"] == deep.decode()
    assert row["_extra"] == {"new": json.loads(deep)}


@pytest.mark.parametrize("field", ["free", "new", "name"])
def test_endless_nesting_is_kept_as_text_and_no_crash(field: str) -> None:
    deep = "[" * 200_000 + "]" * 200_000

    [before, row, _], _ = read(EVERY_KIND, b'{"id":1}', b'{"id":2,"%b":%b}' % (field.encode(), deep.encode()), b'{"id":3}')

    assert row["_extra"] == {field: deep}
    assert before["_extra"] == {}


@pytest.mark.parametrize("record", [b"{}", b'{"id":null}', b'{"id":"x"}', b'{"id":true}', b'{"id":99999999999999999999}'])
def test_a_record_without_its_key_is_an_error(record: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"record of every_kind has no usable value in its key field 'id'"):
        read(EVERY_KIND, b'{"id":5}', record)


def test_a_key_as_text_whose_value_is_certain_is_converted_counted_and_kept() -> None:
    assert one("id", '"123"', Schema("x", ("id",), {"id": "int"})) == (123, {"id": "123"}, {"id": 1})
    assert one("id", "123", Schema("x", ("id",), {"id": "text"})) == ("123", {"id": "123"}, {"id": 1})


@pytest.mark.parametrize("record", [b"[1]", b"7", b'"x"', b'{"id":1', b'{"id" 1}', b"null", b"{,}", b'{"id":1}{"id":2}'])
def test_what_is_no_record_is_an_error(record: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError):
        read(EVERY_KIND, record)


def test_a_resource_without_fields_keeps_everything_in_extra() -> None:
    rows, _ = read(schema("/v3/unheard/of", ()), {"a": 1}, {})

    assert [row["_extra"] for row in rows] == [{"a": "1"}, {}]


# -- all paths make the same table


def by_each_path(described: Schema, records: list[bytes]) -> list[pa.Table]:
    """The table by the careful path, and by each faster one that does not refuse."""
    return [table for table, _ in with_finds_by_each_path(described, records)]


def with_finds_by_each_path(described: Schema, records: list[bytes]) -> list[tuple[pa.Table, Discrepancies]]:
    """The same, and what was found on the way."""
    lines, count = b"\n".join((*records, b"")), len(records)
    made = []
    for choose in ("careful", "in shape at every depth", "own fields in shape", "as it is"):
        reader = ColumnReader(described, found := Discrepancies())
        if choose == "careful":
            reader._columns = lambda lines, count, reader=reader: reader._careful(lines.split(b"\n")[:count])  # type: ignore[method-assign,misc]
        reader._starts_trimmed = choose != "as it is"
        reader._starts_deep = choose == "in shape at every depth"
        made.append((reader.table(lines, count), found))
    return made


def test_all_paths_make_the_same_table_of_clean_products() -> None:
    dice = random.Random(3)
    careful, *faster = by_each_path(schema("products"), encoded(*(product(number, dice) for number in range(1, 60))))

    assert careful.column("_extra").null_count == 59
    assert all(table.equals(careful) for table in faster)


def test_a_few_odd_rows_among_many_change_nothing_for_the_others() -> None:
    dice = random.Random(4)
    odd: dict[int, dict[str, Any]] = {7: {"price": "free"}, 400: {"new": 1, "weight": "3"}, 999: {"date_modified": "0000-00-00"}}
    rows, found = read(schema("products"), *({**product(number, dice), **odd.get(number, {})} for number in range(1, 1001)))

    assert [row["id"] for row in rows] == list(range(1, 1001))
    assert {row["id"]: row["_extra"] for row in rows if row["_extra"]} == {
        7: {"price": "free"},
        400: {"new": "1", "weight": "3"},
        999: {"date_modified": "0000-00-00"},
    }
    assert found.contradictions == {"price": 1, "weight": 1, "date_modified": 1}
    assert rows[7]["price"] is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
MONEY = st.decimals(-(10**9), 10**9, places=4).map(float)
MOMENTS = st.integers(1, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "text": st.text(max_size=5),
    "scalar": st.text(max_size=5),
    "json": JSON,
    "money": MONEY,
    "money_text": MONEY.map(lambda amount: f"{amount:.4f}") | MONEY,
    "rate_text": st.decimals(0, 1000, places=10).map(str),
    "int_text": st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(0, 9),
    "float_text": st.decimals(0, 1000, places=4).map(str) | st.decimals(0, 1000, places=4).map(float),
    "time": MOMENTS.map(datetime.isoformat),
    "time_rfc": MOMENTS.map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S +0000")),
    "time_unix": MOMENTS.map(lambda moment: int(moment.timestamp())),
    "time_unix_text": MOMENTS.map(lambda moment: str(int(moment.timestamp()))),
}


def values(kind: Type, *, clean: bool) -> st.SearchStrategy[Any]:
    """Values that fit a type, and, unless clean, any others too."""
    if isinstance(kind, dict):
        fitting: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={name: values(part, clean=clean) for name, part in kind.items()}
        )
        if not clean:
            fitting = st.builds(lambda some, more: {**more, **some}, fitting, st.dictionaries(st.text(max_size=3), JSON, max_size=1))
    elif isinstance(kind, list):
        fitting = st.lists(values(kind[0], clean=clean), max_size=3)
    else:
        fitting = FITTING[kind]
    return st.none() | fitting if clean else st.none() | fitting | JSON


def records(*, clean: bool) -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: values(kind, clean=clean) for name, kind in EVERY_KIND.fields.items() if name != "id"}
    some = st.fixed_dictionaries({"id": st.integers(0, 2**40)}, optional=optional)
    return (
        some if clean else st.builds(lambda record, more: {**more, **record}, some, st.dictionaries(st.text(max_size=4), JSON, max_size=2))
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(records(clean=True), min_size=1, max_size=4), st.booleans())
def test_all_paths_make_the_same_table_of_any_clean_records(rows: list[dict[str, Any]], spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    careful, *faster = by_each_path(EVERY_KIND, [json.dumps(row, separators=separators).encode() for row in rows])

    assert careful.column("_extra").null_count == len(rows)
    assert all(table.equals(careful) for table in faster)


def with_nothing(kind: Type) -> st.SearchStrategy[Any]:
    """Values that fit a type, and PHP's empty ones at any depth."""
    nothing = st.sampled_from(["", [], {}])
    if isinstance(kind, dict):
        inner: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={name: with_nothing(part) for name, part in kind.items()})
    elif isinstance(kind, list):
        inner = st.lists(with_nothing(kind[0]), max_size=2)
    else:
        inner = FITTING[kind]
    return inner | nothing


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(0, 9)}, optional={n: with_nothing(k) for n, k in EVERY_KIND.fields.items() if n not in ("id", "flag")}
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_all_paths_make_the_same_table_of_empty_values(rows: list[dict[str, Any]], spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    careful, *faster = by_each_path(EVERY_KIND, [json.dumps(row, separators=separators).encode() for row in rows])

    assert careful.column("_extra").null_count == len(rows)
    assert all(table.equals(careful) for table in faster)


def out_of_shape(kind: Type) -> st.SearchStrategy[Any]:
    """Values that fit a type but for what can be put into shape: any JSON where a column holds that, unknown names, empty values."""
    if isinstance(kind, dict):
        known = st.fixed_dictionaries({}, optional={name: out_of_shape(part) for name, part in kind.items()})
        inner: st.SearchStrategy[Any] = st.builds(
            lambda some, more: {**more, **some}, known, st.dictionaries(st.text(max_size=3), JSON, max_size=1)
        )
        return st.none() | inner | st.sampled_from(["", [], {}])
    if isinstance(kind, list):
        return st.none() | st.lists(out_of_shape(kind[0]), max_size=2) | st.sampled_from(["", {}, {"url": "u", "resource": "r"}])
    return st.none() | FITTING[kind] | (st.integers() | st.floats(-1e9, 1e9) if kind == "scalar" else st.nothing())


def any_of(values: Callable[[Type], st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Records of such values, with names that have no column among them."""
    known = st.fixed_dictionaries({"id": st.integers(0, 9)}, optional={n: values(k) for n, k in EVERY_KIND.fields.items() if n != "id"})
    return st.lists(
        st.builds(lambda row, more: {**more, **row}, known, st.dictionaries(st.text(max_size=3), JSON, max_size=1)), min_size=1, max_size=3
    )


@settings(max_examples=40, deadline=None)
@given(any_of(out_of_shape) | any_of(lambda kind: values(kind, clean=False)), st.booleans())
def test_all_paths_make_the_same_table_of_any_records_and_find_the_same(rows: list[dict[str, Any]], spaced: bool) -> None:
    """Shape or value, known name or not: what stands in a column, in ``_extra`` and in the manifest is the same by each path."""
    separators = (", ", ": ") if spaced else (",", ":")
    (careful, found), *faster = with_finds_by_each_path(EVERY_KIND, [json.dumps(row, separators=separators).encode() for row in rows])

    for table, also_found in faster:
        assert table.equals(careful)
        assert table.column("_extra").to_pylist() == careful.column("_extra").to_pylist()
        assert also_found.as_rows() == found.as_rows()


def found_again(kind: Type, value: Any, column: Any, extra: dict[str, Any], path: str) -> bool:
    """Whether a value stands in its column or in ``_extra``; nested ones part by part."""
    if value in ("", [], {}) and path not in extra:  # nothing to find again; which columns hold what for it has a table above
        return column is None or not column or column == dict.fromkeys(kind) or kind == "json"
    if path in extra and isinstance(column, Decimal):
        exact = Decimal(json.dumps(extra.pop(path)).strip('"'))
        return exact == Decimal(json.dumps(value).strip('"')) and abs(column - exact) <= Decimal("0.00005")
    if path in extra:
        return column is None and json.loads(json.dumps(value)) == extra.pop(path)
    if value is None:
        return column is None
    if isinstance(kind, dict):
        return all(
            found_again(kind[name], part, column[name], extra, f"{path}.{name}") if name in kind else below_extra(extra, path, name) == part
            for name, part in value.items()
        )
    if isinstance(kind, list):
        if isinstance(value, dict):
            return column is None and value.keys() <= {"url", "resource"}
        return len(column) == len(value) and all(
            found_again(kind[0], item, there, extra, f"{path}[{at}]") for at, (item, there) in enumerate(zip(value, column, strict=True))
        )
    return same(kind, value, column)


def below_extra(extra: dict[str, Any], path: str, name: str) -> Any:
    plain = re.fullmatch(r"[^.\[\]\"#\s]+", name)
    return extra.pop(f"{path}.{name}" if plain else f"{path}[{json.dumps(name)}]")


def same(kind: str, value: Any, column: Any) -> bool:
    if kind == "json":
        return bool(json.loads(column) == value)
    if kind == "scalar":
        return str(column) == (value if isinstance(value, str) else json.dumps(value))
    if isinstance(column, datetime):
        if kind.startswith("time_unix"):
            return bool(int(value) == column.timestamp())
        parsed = datetime.fromisoformat(value) if re.match(r"\d{4}", value) else datetime.strptime(value, "%a, %d %b %Y %H:%M:%S %z")
        return bool((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) == column)
    if isinstance(column, Decimal):
        return bool(column == Decimal(value if isinstance(value, str) else json.dumps(value)))
    if kind in ("int", "int_text") and not isinstance(value, bool):  # as it is written: a float's own digits are rounded
        return bool(Decimal(value if isinstance(value, str) else json.dumps(value)) == column)
    if kind.startswith("float"):
        return bool(float(value) == column)
    return bool(value == column) and type(value) is type(column)


@settings(max_examples=400, deadline=None)
@given(st.lists(records(clean=False), min_size=1, max_size=3))
def test_every_value_of_any_record_is_in_its_column_or_in_extra(rows: list[dict[str, Any]]) -> None:
    found = Discrepancies()
    table = ColumnReader(EVERY_KIND, found).table(b"\n".join((*encoded(*rows), b"")), len(rows))
    for record, row in zip(rows, table.to_pylist(), strict=True):
        extra = json.loads(row["_extra"] or "{}")
        for name, value in record.items():
            if name in EVERY_KIND.fields:
                assert found_again(EVERY_KIND.fields[name], value, row[name], extra, name), name
            else:
                plain = re.fullmatch(r"[^.\[\]\"#\s]+", name)
                assert extra.pop(name if plain else f"[{json.dumps(name)}]") == value
        assert extra == {}


@pytest.mark.parametrize("length", [3, 15, 16, 17, 40])
@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("filler", [b"x" * 60, b"1,2,3,4,5,6," * 5, b"1234567x" * 8, b"1," * 3000])
def test_sixteen_digits_in_a_row_are_found_wherever_they_stand_and_fewer_are_not(length: int, before: int, filler: bytes) -> None:
    text = filler + b"x" * before + b"9" * length + b"-" + filler

    assert has_long_run(text) is (length >= 16)
    assert has_long_run(text.replace(b"999", b"9.9")) is (length >= 16)
    assert has_long_run(b"9" * length) is (length >= 16)


@given(st.text(alphabet="05.,x", max_size=80))
def test_the_search_for_long_runs_agrees_with_a_plain_one(text: str) -> None:
    assert has_long_run(text.encode()) is (re.search(r"[0-9.]{16}", text) is not None)


@given(
    before=st.sampled_from(['{"a":', '{"a":  \t', '{"a":[1,', '{"a":-', '{"a":"b-123e-45","b":']),
    mantissa=st.sampled_from(["1", "1.5", "9" * 70, "0." + "0" * 90 + "1"]),
    exponent=st.sampled_from(["e-100", "E-324", "e-4000"]),
)
def test_no_number_that_is_too_small_for_a_double_is_overlooked(before: str, mantissa: str, exponent: str) -> None:
    assert may_hold_tiny_number(f"{before}{mantissa}{exponent}}}".encode())


@pytest.mark.parametrize("text", ["love-123", "3fe-1234", "e-123", "1e-99", "b1e-400", "2200cbe9-358e-426a-a68e-776824995f2a"])
def test_a_text_that_reads_like_an_exponent_does_not_cost_the_quick_way(text: str) -> None:
    assert not may_hold_tiny_number(f'{{"a": "{text}", "b": 1.25}}'.encode())
