"""Rows that are read by their ids, into every place: in batches, without a watermark, and what is gone only when it surely is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from airflow_provider_bigcommerce.core.catalog import CATALOG
from airflow_provider_bigcommerce.core.id_ways import MOST_CHARACTERS, batches, id_way
from airflow_provider_bigcommerce.engine.run import Manner
from airflow_provider_bigcommerce.exceptions import InvalidQueryError, TooManyDeletedError, UnexpectedAnswerError
from airflow_provider_bigcommerce.sandbox.pytest_plugin import Sandbox
from airflow_provider_bigcommerce.targets.files.commits import committed
from airflow_provider_bigcommerce.transfers import transfer
from airflow_provider_bigcommerce.transfers.to_lake import BigCommerceToLakeOperator
from airflow_provider_bigcommerce.transfers.to_object_storage import BigCommerceToObjectStorageOperator
from airflow_provider_bigcommerce.transfers.to_sql import BigCommerceToSqlOperator
from tests.airflow_memory import START, Airflow
from tests.sql.warehouse import sqlite_warehouse


@dataclass
class Copy:
    """One place, and the transfer that fills it."""

    sandbox: Sandbox
    make: Callable[..., Any]
    read: Callable[[str], list[dict[str, Any]]]
    airflow: Airflow = field(default_factory=Airflow)
    seconds: float = START.timestamp()
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    runs: int = 0

    def run(self, resource: str = "products", *, run_id: str | None = None, try_number: int = 1, **arguments: Any) -> dict[str, Any]:
        self.runs += 1
        self.seconds += 60
        arguments = {"deletes": "detect", "max_deleted_percent": 50, **arguments}
        operator = self.make(task_id=resource, resource=resource, **arguments)
        found: dict[str, Any] = operator.execute(self.airflow.context(run_id or f"run {self.runs}", resource, try_number=try_number))
        return found

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()

    def live(self, resource: str = "products", key: str = "id") -> set[Any]:
        return {row[key] for row in self.read(resource) if row.get("_deleted_at") is None}

    def marked(self, resource: str = "products", key: str = "id") -> set[Any]:
        return {row[key] for row in self.read(resource) if row.get("_deleted_at") is not None}

    def names(self, resource: str = "products") -> dict[int, str]:
        return {row["id"]: row["name"] for row in self.read(resource) if row.get("_deleted_at") is None}

    def in_store(self, resource: str = "products") -> set[Any]:
        return {row["id"] for row in self.sandbox.store.rows(resource)}

    def asked(self, path: str) -> list[str]:
        return [request.query for request in self.sandbox.store.requests if request.path == path]


everywhere = pytest.mark.parametrize("copy", ["files", "tables", "lake"], indirect=True)


@pytest.fixture
def copy(request: pytest.FixtureRequest, connected: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """A table, where a test does not name another place."""
    place = getattr(request, "param", "tables")
    path = tmp_path / "copy"
    if place == "files":
        make: Callable[..., Any] = functools.partial(BigCommerceToObjectStorageOperator, path=str(path), file_format="jsonl")
        copy = Copy(connected, make, lambda resource: _in_files(path, resource))
    elif place == "lake":
        copy = Copy(connected, functools.partial(BigCommerceToLakeOperator, path=str(path)), lambda resource: _in_lake(path, resource))
    else:
        warehouse = request.getfixturevalue("_sqlite")
        for name, value in warehouse.environment().items():
            monkeypatch.setenv(name, value)

        def read(resource: str) -> list[dict[str, Any]]:
            cursor = warehouse.handle.execute(f'SELECT * FROM "{resource}"')
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

        copy = Copy(connected, functools.partial(BigCommerceToSqlOperator, conn_id="warehouse"), read)
    connected.store.clock = lambda: copy.seconds
    monkeypatch.setattr(transfer, "Manner", functools.partial(Manner, sleep=copy.sleep))
    return copy


@pytest.fixture
def _sqlite(connected: Sandbox, tmp_path: Path) -> Iterator[Any]:
    with sqlite_warehouse(tmp_path / "warehouse.db", connected) as warehouse:
        yield warehouse


def _in_files(path: Path, resource: str) -> list[dict[str, Any]]:
    newest: dict[Any, dict[str, Any]] = {}
    for manifest in reversed(committed(str(path), resource)):
        for file in manifest.files:
            for line in (path / file.path).read_bytes().splitlines():
                row = msgspec.json.decode(line)
                newest[row["id"]] = row
    return list(newest.values())


def _in_lake(path: Path, resource: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    files = DeltaTable(str(path / resource)).file_uris()
    return [row for uri in files for row in pq.ParquetFile(uri.removeprefix("file://")).read().to_pylist()]


def some(copy: Copy, count: int, resource: str = "products") -> list[int]:
    return [row["id"] for row in copy.sandbox.store.rows(resource)][2 : 2 + count]


# -- reading


@everywhere
def test_the_rows_of_the_ids_are_read_in_one_request_and_no_watermark_moves(copy: Copy) -> None:
    copy.run(mode="incremental")
    before, (first, second) = dict(copy.airflow.watermarks), some(copy, 2)
    copy.sandbox.store.edit_product(first, name="first")
    copy.sandbox.store.edit_product(second, name="second")
    copy.sandbox.store.requests.clear()

    manifest = copy.run(ids=[first])

    assert (manifest["mode"], manifest["rows"], manifest["deleted"], manifest["watermark"]) == ("ids", 1, 0, None)
    assert copy.names()[first] == "first"
    assert copy.names()[second] != "second"
    assert copy.airflow.watermarks == before
    assert len(copy.asked("/v3/catalog/products")) == 1
    assert copy.slept == []
    assert copy.run(mode="incremental")["rows"] >= 1
    assert copy.names()[second] == "second"


@everywhere
def test_an_id_that_is_gone_is_asked_for_again_with_one_that_is_there_and_marked(copy: Copy) -> None:
    copy.run()
    gone, there, other = some(copy, 3)
    copy.sandbox.store.delete("products", gone)
    copy.sandbox.store.requests.clear()

    manifest = copy.run(ids=[gone, there])

    assert (manifest["rows"], manifest["deleted"]) == (1, 1)
    assert copy.slept == [5.0]
    again = copy.asked("/v3/catalog/products")[1]
    assert str(gone) in again
    assert str(there) in again
    assert copy.marked() == {gone}
    assert copy.live() == copy.in_store()
    assert other in copy.live()


def test_a_row_that_the_list_did_not_have_yet_comes_with_the_second_answer(copy: Copy) -> None:
    copy.run()
    late: list[int] = []
    copy.meanwhile = lambda: late.append(copy.sandbox.store.add_product(name="late")["id"]) if not late else None
    coming = max(copy.in_store()) + 1

    manifest = copy.run(ids=[coming])

    assert (late, manifest["rows"], manifest["deleted"]) == ([coming], 1, 0)
    assert copy.live() == copy.in_store()


def test_without_a_row_that_is_there_each_id_is_asked_for_alone(copy: Copy) -> None:
    copy.run()
    gone = some(copy, 3)
    for key in gone:
        copy.sandbox.store.delete("products", key)
    copy.sandbox.store.requests.clear()

    manifest = copy.run(ids=gone)

    assert (manifest["rows"], manifest["deleted"], copy.marked()) == (0, 3, set(gone))
    assert len(copy.asked("/v3/catalog/products")) >= 1 + 3


@everywhere
def test_an_id_that_an_event_told_to_be_deleted_is_marked_without_a_question(copy: Copy) -> None:
    copy.run()
    gone, there = some(copy, 2)
    copy.sandbox.store.delete("products", gone)

    manifest = copy.run(ids=[gone, there], deleted=[gone])

    assert (manifest["rows"], manifest["deleted"], copy.slept) == (1, 1, [])
    assert copy.marked() == {gone}
    assert copy.run(deleted=[str(gone)])["deleted"] == 0  # it is marked already


def test_an_id_that_the_copy_never_had_is_not_marked(copy: Copy) -> None:
    copy.run()
    manifest = copy.run(ids=[999_999], deleted=[888_888])
    assert (manifest["rows"], manifest["deleted"], copy.marked()) == (0, 0, set())


@everywhere
def test_too_many_at_once_change_nothing(copy: Copy) -> None:
    copy.run()
    before = copy.live()
    with pytest.raises(TooManyDeletedError, match="max_deleted_percent is 5"):
        copy.run(deleted=some(copy, 5), max_deleted_percent=5)
    assert (copy.live(), copy.marked()) == (before, set())


def test_without_deletes_what_is_gone_stays(copy: Copy) -> None:
    copy.run()
    [gone] = some(copy, 1)
    copy.sandbox.store.delete("products", gone)
    assert copy.run(ids=[gone], deletes="ignore")["deleted"] == 0
    assert gone in copy.live()


def test_a_row_that_a_filter_leaves_out_is_not_gone(copy: Copy) -> None:
    copy.run()
    [key] = some(copy, 1)
    copy.sandbox.store.edit_product(key, is_visible=False)
    manifest = copy.run(ids=[key], query={"is_visible": True})
    assert (manifest["rows"], manifest["deleted"]) == (0, 0)
    assert key in copy.live()


def test_no_ids_read_nothing(copy: Copy) -> None:
    copy.run()
    copy.sandbox.store.requests.clear()
    manifest = copy.run(ids=[])
    assert (manifest["rows"], manifest["deleted"], copy.asked("/v3/catalog/products")) == (0, 0, [])


@everywhere
def test_a_try_with_other_ids_does_not_take_the_earlier_ones_commit_for_its_own(copy: Copy) -> None:
    copy.run()
    first, second = some(copy, 2)
    copy.sandbox.store.edit_product(first, name="first")
    copy.sandbox.store.edit_product(second, name="second")
    copy.run(ids=[first], run_id="r")
    copy.run(ids=[second], run_id="r", try_number=2)
    assert (copy.names()[first], copy.names()[second]) == ("first", "second")


# -- orders: one request each, and archived ones


@pytest.mark.parametrize("copy", ["files", "tables"], indirect=True)
def test_orders_are_read_one_by_one_with_their_lines_and_an_archived_one_is_marked(copy: Copy) -> None:
    copy.run("orders")
    edited, archived, there = some(copy, 3, "orders")
    store = copy.sandbox.store
    store.edit("orders", edited, staff_notes="called")
    store.delete("orders", archived)
    store.requests.clear()

    manifest = copy.run("orders", ids=[edited, archived], deleted=[there])

    assert (manifest["rows"], manifest["deleted"]) == (2, 1)  # the third is there: what an event says is held against the order
    rows = {row["id"]: row for row in copy.read("orders") if row.get("_deleted_at") is None}
    assert rows[edited]["staff_notes"] == "called"
    assert copy.marked("orders") == {archived}
    assert there in rows


# -- what a store could do


def test_a_filter_that_does_not_work_is_told_from_rows_that_nobody_asked_for(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    copy.run()
    monkeypatch.setattr(
        "airflow_provider_bigcommerce.engine.by_ids._Batches.keys", lambda self, records: dict.fromkeys(["7777777"], 7777777)
    )
    with pytest.raises(UnexpectedAnswerError, match="the filter did not work"):
        copy.run(ids=some(copy, 1))


# -- what is refused, and how lists are cut


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "with a mode": ({"mode": "incremental", "ids": [1]}, "mode='incremental' does not go with ids"),
    "with a window": ({"since": "2026-01-01T00:00:00Z", "ids": [1]}, "ids says which rows are read"),
    "no ids": ({"ids": ["", 1]}, "ids"),
    "a child": ({"resource": "order_products", "ids": [1]}, r"read parent by parent. Give parent_ids"),
    "no way": ({"resource": "product_metafields", "ids": [1]}, "Use mode='incremental'"),
    "no list": ({"resource": "carts", "ids": ["x"]}, "has no list. Give parent_ids"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_told_before_a_request(connected: Sandbox, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        BigCommerceToObjectStorageOperator(task_id="t", path=str(tmp_path), **{"resource": "products", **arguments}).execute({})
    assert connected.store.requests == []


def test_a_batch_is_bounded_by_rows_and_by_the_length_of_the_url() -> None:
    assert [len(part) for part in batches([*range(1, 601)])] == [249, 249, 102]  # a page that is full would be looked behind
    texts = ["0f7c3b1e-0000-4000-8000-000000000000"] * 250
    assert all(sum(len(str(key)) + 3 for key in part) <= MOST_CHARACTERS for part in batches(texts))
    assert sum(len(part) for part in batches(texts)) == 250
    assert list(batches([])) == []


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.webhook_scopes and row.id_in and row.kind == "collection"])
def test_each_list_with_a_filter_by_ids_is_read_in_batches(name: str) -> None:
    assert id_way(CATALOG[name]) == "batches"
