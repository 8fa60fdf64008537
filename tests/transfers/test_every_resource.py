"""Every resource of the catalog, read whole by the operator, against what the sandbox says that it holds."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG, Resource
from airflow_provider_bigcommerce.core.planning import column_of, filled
from airflow_provider_bigcommerce.exceptions import InvalidQueryError
from airflow_provider_bigcommerce.sandbox.all_routes import listed
from airflow_provider_bigcommerce.sandbox.faults import Faults
from airflow_provider_bigcommerce.sandbox.quota import Quota
from airflow_provider_bigcommerce.sandbox.server import Server, ThreadedServer
from airflow_provider_bigcommerce.sandbox.store import Store
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator

TOKEN = "token-of-every-resource"

#: What these cannot be read without.
NEEDED: Mapping[str, Mapping[str, Any]] = {
    "coupon_code_lookup": {"query": {"code": "one of the promotion's"}},
    "payment_methods": {"query": {"order_id": 100}},
    "theme_configurations": {"query": {"channel_id:in": "1"}},
    "widget_regions": {"query": {"template_file": "pages/home"}},
}


#: Lists of which the seeded store has nothing.
EMPTY = ["order_fees", "order_pickups"]


class Shop:
    """A running sandbox, and what it holds by its own word."""

    def __init__(self, url: str, store: Store) -> None:
        self.url, self.store = url, store

    def object(self, path: str, query: Mapping[str, Any]) -> list[Any]:
        """The one object at a path, as a list; nothing where there is none."""
        path += f"?{urllib.parse.urlencode(query)}" if query else ""
        base = self.url if path.startswith("/api/") else f"{self.url}/stores/{self.store.store_hash}"
        headers = {"X-Auth-Token": TOKEN, "X-Store-Hash": self.store.store_hash}
        request = urllib.request.Request(base + path, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                value = json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        value = value["data"] if isinstance(value, dict) and "data" in value else value
        return [value] if value else []

    def read(self, path: str, query: Mapping[str, Any]) -> list[Any]:
        """What the sandbox says that a full read of a path must find."""
        try:
            return listed(self.store, path, {name: str(value) for name, value in query.items()})
        except TypeError:
            return self.object(path, query)
        except LookupError:
            return []  # a parent without such a list

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows, with their parents' keys; lists of lists as one list."""
        row = CATALOG[name]
        query = {**NEEDED.get(name, {}).get("query", {}), **row.whole_params}
        if not row.parent_keys:
            found = self.read(row.path, query)
            return [one for group in found for one in (group if isinstance(group, list) else [group])]
        out = []
        assert row.parent
        asked = set()
        for parent, keys in [(one, keys) for one in self.rows(row.parent) for keys in keys_of(row, one)]:
            if tuple(keys.values()) in asked:
                continue
            asked.add(tuple(keys.values()))
            filters = {name: value for name, value in keys.items() if name not in row.placeholders}
            filters |= {name: time.strftime("%m/%d/%Y", time.gmtime(parent[field])) for name, field in row.parent_dates.items()}
            columns = {column_of(name): keys[name] for name in row.parent_columns}
            found = [{**columns, **one} for one in self.read(filled(row.path, keys), {**query, **filters})]
            out += [one for one in found if not row.single_params or one not in out]  # several buyers may see one list
        return out


def keys_of(row: Resource, parent: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What fills the path of a child's list; several where the parent's row holds a list of keys."""
    keys: list[dict[str, Any]] = [{}]
    for name, source in row.parent_keys.items():
        first, _, inner = source.partition(".")
        values = [one[inner] for one in parent[first]] if inner else [parent[first]]
        keys = [{**known, name: value} for known in keys for value in values]
    return keys


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    quota, faults = Quota.parse("none"), Faults(1, 0)
    sizes = {"seed": 1, "products": 40, "orders": 12, "customers": 5}
    store = Store(**sizes, tokens={TOKEN: None}, quota=quota, faults=faults, unknown_filters="refuse")  # we send none that is unknown
    with ThreadedServer(Server(store)) as server:
        yield Shop(server.url, store)


@pytest.fixture
def connected(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    extra = {"store_hash": shop.store.store_hash, "access_token": TOKEN, "b2b_host": shop.url}
    monkeypatch.setenv("AIRFLOW_CONN_BIGCOMMERCE_DEFAULT", json.dumps({"conn_type": "bigcommerce", "host": shop.url, "extra": extra}))
    now = time.time()
    monkeypatch.setattr(shop.store, "clock", lambda: now)  # the store's time is a row, too: two reads of it must be equal
    return shop


def copy(path: Path, name: str, file_format: str, **arguments: Any) -> tuple[dict[str, Any], list[Path]]:
    arguments = {**NEEDED.get(name, {}), "include": [], **arguments}
    operator = BigCommerceToObjectStorageOperator(task_id="copy", resource=name, path=str(path), file_format=file_format, **arguments)
    manifest = operator.execute({})
    return manifest, [path / file["path"] for file in manifest["files"]]


def canonical(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


LISTS = sorted(
    name
    for name, row in CATALOG.items()
    if row.kind in ("collection", "singleton") and row.id_placeholder is None and row.parent != "carts"
)


@pytest.mark.parametrize("name", LISTS)
def test_json_lines_hold_exactly_the_rows_of_the_store(connected: Shop, tmp_path: Path, name: str) -> None:
    manifest, files = copy(tmp_path, name, "jsonl")

    found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    assert canonical(found) == canonical(connected.rows(name))
    assert manifest["complete"]


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """One for all resources: each takes as long to begin as a resource to copy."""
    with duckdb.connect() as database:
        yield database


@pytest.mark.parametrize("name", LISTS)
def test_parquet_has_as_many_rows_and_one_schema_on_every_run(
    connected: Shop, tmp_path: Path, name: str, database: duckdb.DuckDBPyConnection
) -> None:
    _, first = copy(tmp_path / "first", name, "parquet")
    _, second = copy(tmp_path / "second", name, "parquet")

    assert [pyarrow.parquet.read_schema(file) for file in first] == [pyarrow.parquet.read_schema(file) for file in second]
    rows = sum(pyarrow.parquet.read_metadata(file).num_rows for file in first)
    assert rows == len(connected.rows(name))
    if first:
        assert database.execute("SELECT count(*) FROM read_parquet(?)", [[str(file) for file in first]]).fetchall() == [(rows,)]


def test_hardly_a_list_of_the_sandbox_is_empty(connected: Shop) -> None:
    empty = [name for name in LISTS if not connected.rows(name)]

    assert empty == EMPTY


@pytest.mark.parametrize("name", ["order_transactions", "product_images", "product_custom_fields"])
def test_children_of_some_parents_are_read_alone(connected: Shop, tmp_path: Path, name: str) -> None:
    key = column_of(CATALOG[name].placeholders[0])
    wanted = connected.rows(name)[0][key]
    parents: dict[str, Any] = {"parent_ids": [wanted]} if key == "order_id" else {"parent_query": {"id:in": [wanted]}}

    _, files = copy(tmp_path, name, "jsonl", **parents)

    found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    assert canonical(found) == canonical([row for row in connected.rows(name) if row[key] == wanted])


@pytest.mark.parametrize("file_format", ["parquet", "jsonl", "jsonl.gz", "jsonl.zst"])
def test_children_of_the_parents_in_a_file_are_read_alone(connected: Shop, tmp_path: Path, file_format: str) -> None:
    orders = [row["id"] for row in connected.rows("orders")]
    copy(tmp_path, "orders", file_format, query={"max_id": orders[2]})

    _, files = copy(tmp_path, "order_taxes", "jsonl", parents_from=str(tmp_path))

    found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    assert {row["order_id"] for row in found} == set(orders[:3])
    assert canonical(found) == canonical([row for row in connected.rows("order_taxes") if row["order_id"] in orders[:3]])


def test_parents_that_were_never_copied_are_missed(connected: Shop, tmp_path: Path) -> None:
    with pytest.raises(InvalidQueryError, match="no committed run of 'orders'"):
        copy(tmp_path, "order_taxes", "jsonl", parents_from=str(tmp_path))


def test_children_of_parents_that_changed_in_a_window_are_read_alone(connected: Shop, tmp_path: Path) -> None:
    store, before = connected.store, connected.store.clock
    moment = datetime(2032, 1, 2, 3, 4, 5, tzinfo=UTC)
    store.clock = moment.timestamp
    try:
        order = store.rows("orders")[1]["id"]
        store.edit("orders", order)
        _, files = copy(tmp_path, "order_taxes", "jsonl", since=moment, until=moment)
    finally:
        store.clock = before

    found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    assert {row["order_id"] for row in found} == {order}


def test_json_lines_are_stamped_when_asked(connected: Shop, tmp_path: Path) -> None:
    _, plain = copy(tmp_path / "plain", "brands", "jsonl")
    _, stamped = copy(tmp_path / "stamped", "brands", "jsonl", stamp=True)

    rows = [[msgspec.json.decode(line) for line in files[0].read_bytes().splitlines()] for files in (plain, stamped)]
    assert [{**row, "_store_hash": connected.store.store_hash} for row in rows[0]] == [
        {name: value for name, value in row.items() if name != "_synced_at"} for row in rows[1]
    ]
    assert all(row["_synced_at"] for row in rows[1])


def test_personal_data_can_be_left_out(connected: Shop, tmp_path: Path) -> None:
    _, files = copy(tmp_path, "customers", "jsonl", exclude_fields=["email", "phone", "notes"])

    text = b"".join(file.read_bytes() for file in files)
    assert b"@example" not in text
    assert b'"email"' not in text


def test_chosen_fields_are_alone_in_the_file_and_the_schema_stays(connected: Shop, tmp_path: Path) -> None:
    _, some = copy(tmp_path / "some", "products", "parquet", fields=["name"])
    _, whole = copy(tmp_path / "whole", "products", "parquet")

    assert pyarrow.parquet.read_schema(some[0]) == pyarrow.parquet.read_schema(whole[0])
    table = pyarrow.parquet.read_table(some[0])
    filled_columns = {name for name in table.column_names if table[name].null_count < table.num_rows}
    assert filled_columns == {"id", "name", "date_modified", "_synced_at", "_store_hash"}


def test_a_channel_narrows_a_list_that_has_such_a_filter(connected: Shop, tmp_path: Path) -> None:
    held = connected.rows("orders")
    channel = held[0]["channel_id"]

    _, files = copy(tmp_path, "orders", "jsonl", channel_id=channel)

    found = [msgspec.json.decode(line)["id"] for file in files for line in file.read_bytes().splitlines()]
    assert found == [row["id"] for row in held if row["channel_id"] == channel]
    assert connected.store.requests[-1].query.count(f"channel_id={channel}") == 1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("brands", {"channel_id": 1}, r"cannot be narrowed to a channel\. Resources that can: .*orders"),
        ("products", {"parent_ids": [1]}, "no parents to choose"),
        ("carts", {}, r"by cartId only\. Give parent_ids"),
        ("products", {"fields": ["prize"]}, "'price'"),
        ("customers", {"exclude_fields": ["id"]}, "cannot be left out"),
        ("order_taxes", {"parents_from": "/nowhere", "parent_ids": [1]}, "not both"),
        ("products", {"parents_from": "/nowhere"}, "not read parent by parent"),
        ("payment_methods", {"query": {}}, "needs one of 'order_id', 'checkout_id'"),
        ("brands", {"query": {"nam": "x"}}, r"Did you mean 'name'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    connected: Shop, tmp_path: Path, name: str, arguments: dict[str, Any], message: str
) -> None:
    before = len(connected.store.requests)

    with pytest.raises(InvalidQueryError, match=message):
        copy(tmp_path, name, "jsonl", **arguments)

    assert len(connected.store.requests) == before


def test_carts_are_read_by_their_ids(connected: Shop, tmp_path: Path) -> None:
    ids = [row["id"] for row in connected.store.rows("carts")][:2]

    _, files = copy(tmp_path, "carts", "jsonl", parent_ids=[*ids, "00000000-0000-0000-0000-000000000000"])

    found = [msgspec.json.decode(line)["id"] for file in files for line in file.read_bytes().splitlines()]
    assert sorted(found) == sorted(ids)


#: What has no list, and is read by ids that the caller knows.
BY_ID = (
    "carts", "cart_metafields_by_cart", "checkouts", "abandoned_carts", "theme_jobs", "theme_custom_templates", "tax_provider_connection",
)  # fmt: skip


def test_every_resource_of_the_catalog_is_read_by_these_tests() -> None:
    assert {*LISTS, *BY_ID, "coupon_code_lookup"} == {*CATALOG}
    assert len(LISTS) + len(BY_ID) + 1 == len(CATALOG) == 217


@pytest.mark.parametrize("name", BY_ID)
def test_what_has_no_list_is_read_by_ids(connected: Shop, tmp_path: Path, name: str) -> None:
    row = CATALOG[name]
    (placeholder,) = row.placeholders
    key = str(connected.store.rows("carts")[1]["id"])

    manifest, files = copy(tmp_path, name, "jsonl", parent_ids=[key])

    found = [msgspec.json.decode(line) for file in files for line in file.read_bytes().splitlines()]
    stored = connected.read(filled(row.path, {placeholder: key}), {})
    assert canonical(found) == canonical(
        [{column_of(placeholder): key, **one} if column_of(placeholder) in found[0] else one for one in stored]
    )
    assert manifest["complete"]
    assert found


def test_a_code_is_looked_up(connected: Shop, tmp_path: Path) -> None:
    code = connected.store.rows("promotion_codes")[3]["code"]

    _, files = copy(tmp_path, "coupon_code_lookup", "jsonl", query={"code": code})

    assert [msgspec.json.decode(line)["code"] for file in files for line in file.read_bytes().splitlines()] == [code]
