"""Records on their way into tables: JSON columns are cut out as they came, by the fast way wherever that gives the same as the slow one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.engine.copying import columns_of
from airflow_provider_bigcommerce.rows.discrepancies import Discrepancies
from airflow_provider_bigcommerce.targets.sql.block_reader import BlockReader
from airflow_provider_bigcommerce.targets.sql.layout import layout_of

LINK = b'{"url":"https://store.example/v2/orders/1/products","resource":"/orders/1/products"}'
ADDRESS = b'{"city":"Berlin","zip":"10115"}'


def reader() -> BlockReader:
    layout = layout_of(columns_of(CATALOG["orders"]), "orders", "json", ("id",))
    return BlockReader(layout, Discrepancies(), synced_at=datetime(2026, 1, 1, tzinfo=UTC), store_hash="abc123", holds_any_text=False)


def row_of(record: bytes) -> dict[str, Any]:
    (row,) = reader().read([msgspec.Raw(record)])["orders"].to_pylist()
    return {name: value for name, value in row.items() if value is not None and not name.startswith(("_synced", "_store"))}


@pytest.mark.parametrize(
    "record",
    [
        b'{"id":1,"products":%b,"status_id":11,"billing_address":%b}' % (LINK, ADDRESS),
        b'{"id":1,"billing_address":%b,"status_id":11,"products":%b}' % (ADDRESS, LINK),
        b'{"products":%b,"id":1,"status_id":11,"billing_address":%b}' % (LINK, ADDRESS),
        b'{"id": 1, "products": %b, "status_id": 11, "billing_address": %b}' % (LINK, ADDRESS),
        b'{"id":1,"status_id":11,"p\\u0072oducts":%b,"billing_address":%b}' % (LINK, ADDRESS),
        b'{"id":1,"products":%b,"coupons":null,"status_id":11,"billing_address":%b}' % (LINK, ADDRESS),
    ],
    ids=["last", "order", "first", "spaces", "escaped", "null"],
)
def test_json_columns_hold_what_came_however_the_record_is_written(record: bytes) -> None:
    row = row_of(record)

    assert (row["id"], row["status_id"], row.get("_extra")) == (1, 11, None)
    assert (json.loads(row["products"]), json.loads(row["billing_address"])) == (json.loads(LINK), json.loads(ADDRESS))


def test_the_same_text_within_another_value_is_not_taken_for_the_column() -> None:
    within = b'{"x":1,"products":%b}' % LINK
    record = b'{"id":1,"products":%b,"status_id":11,"new_field":%b}' % (LINK, within)

    row = row_of(record)

    assert json.loads(row["products"]) == json.loads(LINK)
    assert json.loads(row["_extra"]) == {"new_field": json.loads(within)}


def test_the_same_text_within_another_json_column_stays_there() -> None:
    address = b'{"city":"Berlin","products":%b}' % LINK
    row = row_of(b'{"id":1,"products":%b,"billing_address":%b}' % (LINK, address))

    assert (json.loads(row["products"]), json.loads(row["billing_address"])) == (json.loads(LINK), json.loads(address))


def test_of_a_name_that_stands_twice_the_last_counts_and_the_first_is_kept() -> None:
    row = row_of(b'{"id":1,"products":%b,"status_id":11,"products":[]}' % LINK)

    assert row["products"] == "[]"
    assert json.loads(row["_extra"]) == {"products#1": json.loads(LINK)}


def test_a_block_comes_whole_when_some_of_its_records_are_written_otherwise() -> None:
    records = [b'{"id":%d,"status_id":11,"products":%b}' % (key, LINK) for key in range(1, 9)]
    records[3] = records[3].replace(b":11", b": 11")

    rows = reader().read(records)["orders"].to_pylist()

    assert [(row["id"], row["status_id"], json.loads(row["products"])["resource"]) for row in rows] == [
        (key, 11, "/orders/1/products") for key in range(1, 9)
    ]
