"""What is told of fields: names and kinds of values, and no name that might be data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_bigcommerce.rows.field_names import MOST_NEW, MOST_NEW_OF_A_ROW, FieldNames
from airflow_provider_bigcommerce.rows.schemas import Schema

SCHEMA = Schema(
    "things",
    ("id",),
    {"id": "int", "name": "text", "at": "time", "box": {"size": "int"}, "parts": [{"code": "text", "sub": {"n": "int"}}, "link"]},
)


def names_of(*rows: Any, may_lack: tuple[str, ...] = ()) -> FieldNames:
    names = FieldNames(SCHEMA, may_lack)
    for row in rows:
        names.look(json.dumps(row).encode())
    return names


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"gift_note": "x"}, "gift_note"),
        ({"box": {"giftNote": 1}}, "box.giftNote"),
        ({"parts": [{"code": "a"}, {"sub": {"new": None}}]}, "parts[].sub.new"),
        ({"ann@example.com": 1}, "[...]"),
        ({"Ann Smith": 1}, "[...]"),
        ({"Ann": 1}, "[...]"),
        ({"SKU-4711": 1}, "[...]"),
        ({"order_100245": 1}, "[...]"),
        ({"127.0.0.1": 1}, "[...]"),
        ({"x" * 41: 1}, "[...]"),
        ({"box": {"zürich": 1}}, "box.[...]"),
    ],
)  # fmt: skip
def test_a_new_field_is_told_and_a_name_that_may_be_data_is_not(row: dict[str, Any], path: str) -> None:
    assert [field.path for field in names_of(row).new()] == [path]


@pytest.mark.parametrize(("below", "most"), [("", MOST_NEW_OF_A_ROW), ("box", MOST_NEW)])
def test_an_object_that_is_keyed_by_data_is_not_told(below: str, most: int) -> None:
    for count, is_told in ((most, True), (most + 1, False)):
        many = {f"name{chr(97 + n // 26)}{chr(97 + n % 26)}": "x" for n in range(count)}
        found = [field.path for field in names_of({below: many} if below else many).new()]
        assert (len(found) == count) is is_told
        assert is_told or found == [f"{below}.[...]".lstrip(".")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"name": 5}, ("name", "whole number", "text")),
        ({"id": "a"}, ("id", "text", "int")),
        ({"at": "soon"}, ("at", "text", "time")),
        ({"box": [1]}, ("box", "list", "object")),
        ({"parts": {"a": 1}}, ("parts", "object", "list")),
        ({"parts": [{"sub": {"n": "x"}}]}, ("parts[].sub.n", "text", "int")),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_its_kind(row: dict[str, Any], told: tuple[str, str, str]) -> None:
    assert [(each.path, each.seen_type, each.documented) for each in names_of(row).changed()] == [told]


@pytest.mark.parametrize("row", [{"at": ""}, {"box": []}, {"parts": {"url": "x", "resource": "y"}}, {"parts": ""}, {"name": None}])
def test_an_empty_value_and_a_link_are_no_difference(row: dict[str, Any]) -> None:
    assert (names_of(row).changed(), names_of(row).new()) == ((), ())


def test_what_no_row_had_is_absent_and_what_one_had_is_not() -> None:
    names = names_of({"id": 1, "name": None}, {"id": 2, "box": {}, "parts": [{"code": "a"}, {}]})

    assert names.absent() == ("at", "box.size", "parts[].sub")
    assert names_of(may_lack=()).absent() == ()
    assert "at" not in names_of({"id": 1}, may_lack=("at",)).absent()
