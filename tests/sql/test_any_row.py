"""Any JSON object as a row, into any target: each of its values is in its column, in a child table, or in ``_extra``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from airflow.sdk import BaseHook
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies, below
from airflow_provider_bigcommerce.rows.lines import one_line_each
from airflow_provider_bigcommerce.rows.schemas import Schema
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.layout import Layout, layout_of
from airflow_provider_bigcommerce.targets.sql.opening import open_database
from airflow_provider_bigcommerce.targets.sql.storable import holds_odd_number, holds_odd_text, may_be_odd_json, repeated
from airflow_provider_bigcommerce.targets.sql.tables import Tables
from tests.sql.warehouse import CONN_ID, Warehouse

THINGS = Schema(
    "things",
    ("id",),
    {
        "id": "int",
        "name": "text",
        "price": "money",
        "number": "float",
        "at": "time",
        "free": "json",
        "tags": ["text"],
        "box": {"city": "text", "cost": "money_text", "any": "json", "inner": {"flag": "bool", "tags": ["int"]}},
        "lines": [{"id": "int", "name": "text", "cost": "money", "any": "json", "box": {"city": "text"}, "parts": [{"sku": "text"}]}],
    },
)

#: What a database holds: any text, any JSON. SQLite; any through SQLAlchemy; PostgreSQL.
TARGETS = {"sqlite": (True, True), "any": (False, True), "postgres": (False, False)}


def tables_of(target: str, nested: str, records: list[bytes]) -> tuple[Layout, dict[str, list[dict[str, Any]]], Discrepancies]:
    any_text, any_json = TARGETS[target]
    layout, found = layout_of(THINGS, "things", nested, ("id",)), Discrepancies()
    about = {"holds_any_text": any_text, "holds_any_json": any_json}
    reader = BlockReader(layout, found, synced_at=datetime(2026, 1, 1, tzinfo=UTC), store_hash="abc123", **about)
    raws = [msgspec.Raw(line) for line in one_line_each(records).splitlines()]
    return layout, {name: table.to_pylist() for name, table in reader.read(raws).items()}, found


# -- values as they came: numbers by their text, objects as pairs, so that a repeated name shows


class Number(str):
    """A number's own text."""

    __slots__ = ()


def exact(text: str) -> Any:
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=Pairs)


class Pairs(list[tuple[str, Any]]):
    """An object's members in order."""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path, as ``_extra`` names it, and value of everything in an object that is no list or object with something in it."""
    if isinstance(value, Pairs) and (value or not path):
        last = dict(value)
        times: dict[str, int] = {}
        for at, (name, part) in enumerate(value):
            here = below(path, name)
            if any(name == later for later, _ in value[at + 1 :]):
                times[name] = times.get(name, 0) + 1
                yield f"{here}#{times[name]}", part
            else:
                yield from leaves(last[name], here)
    elif isinstance(value, list) and not isinstance(value, Pairs) and value:
        for at, item in enumerate(value):
            yield from leaves(item, f"{path}[{at}]")
    else:
        yield path, value


def as_jsonb(text: str) -> Any:
    """What PostgreSQL's jsonb makes of it: of a name that stands twice, the last."""
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=lambda pairs: Pairs(dict(pairs).items()))


def stored(target: str, layout: Layout, tables: dict[str, list[dict[str, Any]]], key: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Path -> value of the columns of a row and of its child rows, those of JSON columns too; and of ``_extra``."""
    found: dict[str, Any] = {}
    for table in layout.tables:
        for row in tables[table.name]:
            if row[table.root[0] if table.root else "id"] != key:
                continue
            for column in table.columns:
                name, value = column.name, row[column.name]
                if value is None or name.startswith("_"):
                    continue
                path = (
                    name.replace("__", ".") if not table.root else row["_path"] + (f".{name.replace('__', '.')}" if name != "value" else "")
                )
                if column.kind == "json":
                    found |= dict(leaves((exact if TARGETS[target][1] else as_jsonb)(value), path))
                else:
                    found[path] = value
    [extra] = [row["_extra"] for row in tables["things"] if row["id"] == key]
    return found, dict(exact(extra)) if extra else {}


def is_there(value: Any, found: Any) -> bool:
    """Whether a column's value is what came."""
    if isinstance(value, Number) and isinstance(found, (Decimal, Number, str)) and not isinstance(found, bool):
        return Decimal(value) == Decimal(found)
    if isinstance(value, Number):
        return math.isclose(float(value), found, rel_tol=1e-15) if isinstance(found, float) else Decimal(value) == found
    if isinstance(found, datetime):
        return bool(value)
    if isinstance(value, str) and isinstance(found, (Decimal, float, int)) and not isinstance(found, bool):  # an amount that came as text
        return math.isclose(float(value), found, rel_tol=1e-15) if isinstance(found, float) else Decimal(value) == found
    return bool(value == found)


def lost(target: str, record: bytes, layout: Layout, tables: dict[str, list[dict[str, Any]]], key: int) -> list[str]:
    """The paths of a record's values that are nowhere."""
    found, extra = stored(target, layout, tables, key)
    missing = []
    for path, value in leaves(exact(record.decode())):
        if value is None or value in ("", [], Pairs()):
            continue  # holds nothing
        if path in found and is_there(value, found[path]):
            continue
        kept = [whole for whole in extra if path == whole or path.startswith((whole + ".", whole + "["))]
        if not any((path == whole and extra[whole] == value) or (path, value) in list(leaves(extra[whole], whole)) for whole in kept):
            missing.append(path)
    return missing


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4) | st.just("a\0b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*(name for name in THINGS.fields if name != "id"), "new", "odd name", "a\0"])
ODD_VALUES = (
    '"half \\ud83d"',
    '"whole \\ud83d\\ude00"',
    '"nul \\u0000"',
    "1e400000",
    "-1.5E-400000",
    "1e16384",
    "1e-16384",
    "9" * 400,
    "9" * 5000,
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":[1e400000]},"a":"\\u0000"}',
    '[{"id":1,"any":{"x":1,"x":2}},{"id":2,"any":1e400000}]',
    '{"any":{"x":1,"x":2},"city":"a","city":"b","inner":{"flag":true,"flag":1}}',
    '[{"id":1,"name":"\\ud800","name":"b","parts":[{"sku":"\\u0000"}]}]',
    '{"a" : 1, "b":"\\u0022:", "b":"\\":"}',
    '{"a\\\\":1,"a\\\\":2}',
    "[]",
    "{}",
    '""',
    "13.858823529412",
    '"0.00005"',
)
ODD = st.sampled_from(ODD_VALUES)


@st.composite
def rows(draw: st.DrawFn) -> bytes:
    """A record with any members: documented, unknown, repeated, odd."""
    members = draw(st.lists(st.tuples(FIELDS, JSON.map(json.dumps) | ODD), max_size=5))
    blank = draw(st.sampled_from(["", " "]))
    return ("{" + ",".join([f'"id":{draw(st.just(1))}', *(f"{json.dumps(name)}:{blank}{value}" for name, value in members)]) + "}").encode()


@pytest.mark.parametrize("nested", ["json", "tables"])
@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=150, deadline=None)
@given(record=rows())
def test_nothing_of_any_record_is_lost_and_nothing_is_left_that_a_database_refuses(target: str, nested: str, record: bytes) -> None:
    layout, tables, _ = tables_of(target, nested, [record])

    assert lost(target, record, layout, tables, 1) == []
    any_text, any_json = TARGETS[target]
    for table in layout.tables:
        for row in tables[table.name]:
            for column in table.columns:
                value = row[column.name]
                if value is None or column.kind not in ("text", "json"):
                    continue
                if not any_text:
                    assert "\0" not in value
                    assert column.kind == "text" or not holds_odd_text(value.encode())
                if not any_json and column.kind == "json":
                    assert not holds_odd_number(value.encode())


REPEATED = {
    "top": ('{"id":1,"free":{"a":1,"a":2}}', {"free.a#1": 1}),
    "thrice": ('{"id":1,"free":{"a":1,"a":"x","a":2}}', {"free.a#1": 1, "free.a#2": "x"}),
    "deep": ('{"id":1,"free":[0,{"b":{"a":[1],"a":2}}]}', {"free[1].b.a#1": [1]}),
    "in a repeated one": ('{"id":1,"free":{"a":{"x":1,"x":2},"a":{"y":1,"y":2}}}', {"free.a#1": {"x": 2}, "free.a.y#1": 1}),
    "with blanks": ('{"id":1,"free": { "a" : 1 , "a" : 2 } }', {"free.a#1": 1}),
    "escaped": ('{"id":1,"free":{"a":1,"\\u0061":2}}', {"free.a#1": 1}),
    "behind a backslash": ('{"id":1,"free":{"a\\\\":1,"a\\\\":2}}', {"free.a\\#1": 1}),
    "beside a quoted colon": ('{"id":1,"free":{"a":1,"a":"\\":","b":"\\u0022:"}}', {"free.a#1": 1}),
    "an object": ('{"id":1,"box":{"city":"a","city":"b"}}', {"box.city#1": "a"}),
    "a list": ('{"id":1,"lines":[{"id":7,"any":{"x":1,"x":2}}]}', {"lines[0].any.x#1": 1}),
}


@pytest.mark.parametrize("nested", ["json", "tables"])
@pytest.mark.parametrize(("record", "kept"), REPEATED.values(), ids=REPEATED)
def test_of_a_name_that_stands_twice_where_jsonb_holds_one_the_others_are_in_extra(record: str, kept: dict[str, Any], nested: str) -> None:
    _, tables, found = tables_of("postgres", nested, [record.encode(), b'{"id":2,"free":{"a":1}}'])

    assert json.loads(tables["things"][0]["_extra"]) == kept
    assert tables["things"][1]["_extra"] is None
    assert {drift.kind for drift in found.drift} == {"repeated_field"}


@pytest.mark.parametrize("number", ["1e400000", "-1e400000", "1E131072", "1e-16384", "0.1e-16383", "9" * 131_073, "0." + "1" * 16_384])
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"a":[1,{{"b":{}}}]}}'])
def test_a_number_beyond_jsonb_goes_to_extra_as_it_came(number: str, around: str) -> None:
    value = around.format(number)
    _, tables, found = tables_of("postgres", "json", [f'{{"id":1,"name":"n","free":{value}}}'.encode()])

    [row] = tables["things"]
    assert (row["name"], row["free"], row["_extra"]) == ("n", None, f'{{"free":{value}}}')
    assert [(drift.path, drift.kind) for drift in found.drift] == [("free", "changed_type")]
    assert tables_of("any", "json", [f'{{"id":1,"free":{value}}}'.encode()])[1]["things"][0]["free"] == value


@pytest.mark.parametrize("value", ["1e131071", "1e-16383", '"1e400000"', '{"a":"9e99999999"}', '"e00000"', "[1,2.5]", "9" * 131_072])
def test_what_jsonb_holds_stays_in_its_column(value: str) -> None:
    _, tables, found = tables_of("postgres", "json", [f'{{"id":1,"free":{value}}}'.encode()])

    assert (tables["things"][0]["free"], tables["things"][0]["_extra"], found.drift) == (value, None, [])


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.just("1") | st.just('"\\":"') | st.just('"x :"'),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda parts: "[" + ",".join(parts) + "]")
            | st.lists(st.tuples(st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a\\\\"', '"\\u003a"']), inner), max_size=4).map(
                lambda members: "{" + ",".join(f"{n}:{v}" for n, v in members) + "}"
            )
        ),
    )
)
def test_the_quick_look_for_repeated_names_misses_none(text: str) -> None:
    if list(repeated(text.encode(), "x")):
        assert may_be_odd_json(text.encode())


def test_a_block_that_is_read_twice_is_counted_once() -> None:
    """A top-level name that stands twice makes the quick way give up after it has read the columns."""
    _, tables, found = tables_of("sqlite", "json", [b'{"id":1,"free":1,"price":1.23456,"number":"x","free":2}'])

    assert tables["things"][0]["free"] == "2"
    assert (found.rounded, found.contradictions) == ({"price": 1}, {"number": 1})


def load(warehouse: Warehouse, nested: str, records: list[bytes]) -> tuple[Layout, dict[str, list[dict[str, Any]]]]:
    """Put records into the database as the operator does, and read the tables back, JSON columns as text."""
    hook = BaseHook.get_connection(CONN_ID).get_hook()  # type: ignore[no-untyped-call]  # Airflow's
    database = open_database(hook, None, "run")
    layout = layout_of(THINGS, "things", nested, ("id",))
    try:
        target = Tables(database, layout)
        about = {"holds_any_text": database.holds_any_text, "holds_any_json": database.holds_any_json}
        reader = BlockReader(layout, Discrepancies(), synced_at=datetime(2026, 1, 1, tzinfo=UTC), store_hash="abc123", **about)
        target.create_staging()
        for name, table in reader.read([msgspec.Raw(record) for record in records]).items():
            if table.num_rows:
                target.stage(name, table)
        if not database.ddl_is_transactional:
            target.prepare()
        database.begin("things")
        if database.ddl_is_transactional:
            target.prepare()
        target.merge()
        database.commit()
    finally:
        database.close()
    found = {}
    for table in layout.tables:
        is_cast = warehouse.kind == "postgres"
        names = [
            f'CAST("{column.name}" AS text)' if is_cast and column.kind in ("json", "extra") else f'"{column.name}"'
            for column in table.columns
        ]
        rows = warehouse.query(f'SELECT {", ".join(names)} FROM "{table.name}"')
        found[table.name] = [dict(zip([column.name for column in table.columns], row, strict=True)) for row in rows]
    return layout, found


@pytest.mark.parametrize("nested", ["json", "tables"])
def test_every_odd_value_in_every_column_arrives_in_every_database(warehouse: Warehouse, nested: str) -> None:
    names = [name for name in THINGS.fields if name != "id"] + ["new"]
    values = [
        *ODD_VALUES,
        "true",
        "-0.0",
        "5e-324",
        '"\\ud83d\\ude00 \\"q\\" \\n"',
        '[{"id":1,"cost":0.00015}]',
        '{"city":"x","cost":"1.5"}',
    ]
    records = [
        b'{"id":%d,%b:%b}' % (number, json.dumps(name).encode(), value.encode())
        for number, (name, value) in enumerate(((name, value) for name in names for value in values), 1)
    ]

    layout, tables = load(warehouse, nested, records)

    target = "postgres" if warehouse.kind == "postgres" and not warehouse.is_any else "any" if warehouse.is_any else "sqlite"
    assert len(tables["things"]) == len(records)
    assert [(record, gone) for number, record in enumerate(records, 1) if (gone := lost(target, record, layout, tables, number))] == []
