"""Tables filled from the sandbox, in SQLite and PostgreSQL: every row of the store, each field in its column."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_bigcommerce.core.windows import read_moment
from airflow_provider_bigcommerce.engine.manifest import Manifest
from airflow_provider_bigcommerce.hooks.bigcommerce import BigCommerceHook
from airflow_provider_bigcommerce.rows.schemas import schema
from airflow_provider_bigcommerce.targets.sql.layout import kind_of
from airflow_provider_bigcommerce.targets.sql.tables import Tables
from tests.sql.warehouse import Warehouse

SIX = ("products", "product_variants", "brands", "categories", "customers", "orders")


def key_of(resource: str) -> str:
    return "category_id" if resource == "categories" else "id"


def plain(warehouse: Warehouse, kind: str, value: Any) -> Any:
    """A column's value in a form in which the store's and the table's are equal if they mean the same."""
    if value is None:
        return None
    if kind in ("money", "rate"):
        return None if value == "" else Decimal(str(value)).normalize() + 0
    if kind == "time":
        if value == "":
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else read_moment(str(value))
    if kind == "json":
        return warehouse.json(value)
    return bool(value) if kind == "bool" else float(value) if kind == "float" else value


@pytest.mark.parametrize("resource", SIX)
def test_a_full_copy_holds_every_row_of_the_store(warehouse: Warehouse, resource: str) -> None:
    manifest = warehouse.run(resource)

    key = key_of(resource)
    expected = [row[key] for row in warehouse.sandbox.store.rows(resource)]
    assert warehouse.column(f'SELECT {key} FROM "{resource}" ORDER BY {key}') == sorted(expected)
    assert manifest["rows"] == len(expected)


@pytest.mark.bigcommerce_sandbox(recorded_values=False)  # amounts of more decimals than their column are tests/sql/test_any_row.py's
@pytest.mark.parametrize("resource", [name for name in SIX if name != "orders"])
def test_each_field_stands_in_its_column_as_the_store_has_it(warehouse: Warehouse, resource: str) -> None:
    warehouse.run(resource)

    key, kinds = key_of(resource), {name: "json" if not isinstance(k, str) else kind_of(k) for name, k in schema(resource).fields.items()}
    for row in warehouse.sandbox.store.rows(resource):
        names = [name for name in row if name in kinds]
        [found] = warehouse.query(f"SELECT {', '.join(map(quoted, names))} FROM {resource} WHERE {key} = {row[key]}")
        as_stored = {name: plain(warehouse, kinds[name], value) for name, value in zip(names, found, strict=True)}
        assert as_stored == {name: plain(warehouse, kinds[name], row[name]) for name in names}


def quoted(name: str) -> str:
    return f'"{name}"'


def test_orders_come_with_their_line_items(warehouse: Warehouse) -> None:
    order = warehouse.sandbox.store.add_order(lines=4)

    warehouse.run("orders")

    [consignments] = warehouse.column(f"SELECT consignments FROM orders WHERE id = {order['id']}")
    lines = warehouse.json(consignments)["shipping"][0]["line_items"]
    assert [line["id"] for line in lines] == [line["id"] for line in warehouse.sandbox.store.rows("order_products", order["id"])]


def test_nested_tables_hold_the_line_items_of_every_order_and_where_they_stood(warehouse: Warehouse) -> None:
    for lines in (1, 3, 2):
        warehouse.sandbox.store.add_order(lines=lines)

    warehouse.run("orders", nested="tables")

    store = warehouse.sandbox.store
    expected = sorted((order["id"], line["id"]) for order in store.rows("orders") for line in store.rows("order_products", order["id"]))
    assert sorted(warehouse.query('SELECT "_root_id", id FROM orders__line_items')) == expected
    assert warehouse.query(
        "SELECT count(*), count(s.id) FROM orders__line_items l LEFT JOIN orders__shipping s "
        "ON s._root_id = l._root_id AND s._path = l._parent_path AND s.id = l.order_address_id"
    ) == [(len(expected), len(expected))]
    [(path, position)] = warehouse.query(f"SELECT _path, _position FROM orders__line_items WHERE id = {expected[-1][1]}")
    assert path == f"consignments.shipping[0].line_items[{position}]"


def test_nested_tables_have_a_column_for_each_field_of_an_object(warehouse: Warehouse) -> None:
    warehouse.run("orders", nested="tables")

    expected = sorted((row["id"], row["billing_address"]["city"]) for row in warehouse.sandbox.store.rows("orders"))
    assert sorted(warehouse.query("SELECT id, billing_address__city FROM orders")) == expected


def test_a_replaced_row_leaves_none_of_its_old_child_rows(warehouse: Warehouse) -> None:
    product = warehouse.sandbox.store.add_product(categories=[11, 12, 13])
    other = warehouse.sandbox.store.add_product(categories=[14])
    warehouse.run("products", nested="tables")
    warehouse.sandbox.store.edit("products", product["id"], categories=[12])

    warehouse.run("products", nested="tables")

    found = warehouse.query(
        f"SELECT _root_id, _position, value FROM products__categories WHERE _root_id IN ({product['id']}, {other['id']}) ORDER BY 1"
    )
    assert found == [(product["id"], 0, 12), (other["id"], 0, 14)]


def test_a_second_full_copy_replaces_rows_by_key_adds_new_ones_and_deletes_none(warehouse: Warehouse) -> None:
    store = warehouse.sandbox.store
    changed, gone = (store.add("brands", name=name)["id"] for name in ("old name", "to be deleted"))
    warehouse.run("brands")
    store.edit("brands", changed, name="new name")
    store.delete("brands", gone)
    added = store.add("brands", name="added")["id"]

    manifest = warehouse.run("brands")

    found = dict(warehouse.query(f"SELECT id, name FROM brands WHERE id IN ({changed}, {gone}, {added})"))
    assert found == {changed: "new name", gone: "to be deleted", added: "added"}
    assert manifest["rows"] == store.count("brands")


def test_the_same_run_twice_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.run("orders", "r1", nested="tables", mode="incremental")
    before = warehouse.contents()

    warehouse.run("orders", "r1", nested="tables", mode="incremental")

    after = warehouse.contents()
    for tables in (before, after):
        tables.pop("_bigcommerce_syncs")
    assert before == after
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [1]


def test_what_the_schema_does_not_know_stands_in_extra_and_in_the_manifest(warehouse: Warehouse) -> None:
    order = warehouse.sandbox.store.add_order(brand_new_field={"a": [1]}, items_total="many", date_shipped="0000-00-00")

    manifest = warehouse.run("orders")

    [(extra, items, shipped)] = warehouse.query(f"SELECT _extra, items_total, date_shipped FROM orders WHERE id = {order['id']}")
    assert {"brand_new_field": {"a": [1]}, "items_total": "many", "date_shipped": "0000-00-00"}.items() <= warehouse.json(extra).items()
    assert (items, shipped) == (None, None)
    drift = {(found["path"], found["kind"]) for found in manifest["drift"]}
    assert {("brand_new_field", "new_field"), ("items_total", "changed_type"), ("date_shipped", "changed_type")} <= drift


ODD_TEXTS = [
    "plain",
    "",
    'quotes " and \\',
    "commas, and\nline\r\nends\ttabs",
    "emoji 👍 é 漢",
    "\\N",
    "NULL",
    "%s ? $1",
    "'; DROP TABLE brands; --",
]


def test_odd_texts_arrive_as_they_are(warehouse: Warehouse) -> None:
    ids = [warehouse.sandbox.store.add("brands", name=text, meta_keywords=[text])["id"] for text in ODD_TEXTS]

    warehouse.run("brands")

    found = warehouse.query(f"SELECT name, meta_keywords FROM brands WHERE id IN ({', '.join(map(str, ids))}) ORDER BY id")
    assert [(name, warehouse.json(words)) for name, words in found] == [(text, [text]) for text in ODD_TEXTS]


def test_a_nul_character_breaks_nothing_and_is_not_lost(warehouse: Warehouse) -> None:
    brand = warehouse.sandbox.store.add("brands", name="a\0b", page_title="whole", meta_keywords=["c\0d", "e"])

    manifest = warehouse.run("brands")

    [(name, title, words, extra)] = warehouse.query(f"SELECT name, page_title, meta_keywords, _extra FROM brands WHERE id = {brand['id']}")
    assert title == "whole"
    if warehouse.kind == "sqlite" and not warehouse.is_any:
        assert (name, json.loads(words), extra) == ("a\0b", ["c\0d", "e"], None)
    else:  # neither text nor jsonb of PostgreSQL can hold it, and who knows of others
        assert (name, words) == (None, None)
        assert warehouse.json(extra) == {"name": "a\0b", "meta_keywords": ["c\0d", "e"]}
        assert {found["path"] for found in manifest["drift"]} == {"name", "meta_keywords"}


def test_an_empty_list_makes_an_empty_table(warehouse: Warehouse) -> None:
    manifest = warehouse.run("brands", query={"name": "no brand has this name"})

    assert (manifest["rows"], manifest["complete"]) == (0, True)
    assert warehouse.query("SELECT count(*) FROM brands") == [(0,)]


def test_a_nested_key_becomes_columns_of_the_primary_key(warehouse: Warehouse) -> None:
    warehouse.run("inventory_items")

    with BigCommerceHook().store() as store:
        expected = {(row["identity"]["product_id"], row["identity"]["variant_id"]) for row in store.rows("inventory_items")}
    assert set(warehouse.query("SELECT identity__product_id, identity__variant_id FROM inventory_items")) == expected
    assert warehouse.query("SELECT count(*) FROM inventory_items") == [(len(expected),)]


def test_rows_carry_the_store_and_the_stores_time_of_their_run(warehouse: Warehouse) -> None:
    warehouse.run("brands")

    [(store, synced_at)] = set(warehouse.query("SELECT DISTINCT _store_hash, _synced_at FROM brands"))
    assert store == warehouse.sandbox.store_hash
    assert plain(warehouse, "time", synced_at) == warehouse.moment


def test_the_manifest_is_a_file_transfers_without_files_and_stands_in_the_database_too(warehouse: Warehouse) -> None:
    manifest = warehouse.run("products", mode="incremental", run_id="r1")

    [(text, rows, resource)] = warehouse.query("SELECT manifest, row_count, resource FROM _bigcommerce_syncs")
    kept = Manifest.decode(json.dumps(warehouse.json(text)).encode())
    assert manifest.pop("table") == ("products" if warehouse.is_any else f'"{warehouse.schema}"."products"')
    assert {**manifest, "files": []} == kept.as_json()
    assert (rows, resource) == (manifest["rows"], "products")
    assert warehouse.sandbox.token not in json.dumps(manifest)


def test_a_table_and_a_schema_may_be_named(warehouse: Warehouse) -> None:
    name = 'odd name; "quoted"'.replace('"', "'")
    schema_name = "main"
    if warehouse.kind != "sqlite":
        schema_name = f"Lager {uuid.uuid4().hex[:8]}"
        warehouse.do(f'CREATE SCHEMA "{schema_name}"')

    warehouse.run("brands", table=name, schema=schema_name)

    assert warehouse.query(f'SELECT count(*) FROM "{schema_name}"."{name}"') == [(warehouse.sandbox.store.count("brands"),)]
    assert warehouse.query(f'SELECT table_name FROM "{schema_name}"._bigcommerce_syncs') == [(name,)]


@pytest.mark.bigcommerce_sandbox(products=2500)
def test_rows_of_many_blocks_are_all_there_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    staged: list[int] = []
    stage = Tables.stage

    def counted(target: Tables, table: str, rows: Any) -> None:
        staged.append(rows.num_rows)
        stage(target, table, rows)

    monkeypatch.setattr(Tables, "stage", counted)
    manifest = warehouse.run("products")

    assert len(staged) > 1, "one block held all rows: more are needed for this test"
    assert sum(staged) == manifest["rows"]
    assert warehouse.column("SELECT id FROM products ORDER BY id") == sorted(row["id"] for row in warehouse.sandbox.store.rows("products"))


def test_two_runs_that_begin_at_once_on_an_empty_database_both_end_well(warehouse: Warehouse) -> None:
    operators = [warehouse.operator("brands", nested="tables") for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        manifests = list(pool.map(lambda operator: operator.execute({}), operators))

    assert [manifest["rows"] for manifest in manifests] == [warehouse.sandbox.store.count("brands")] * 2
    assert warehouse.column("SELECT id FROM brands ORDER BY id") == sorted(row["id"] for row in warehouse.sandbox.store.rows("brands"))
    assert warehouse.column("SELECT count(*) FROM _bigcommerce_syncs") == [2]
